#include "harness/cli/run_device.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"
#include "harness/cli/model.h"
#include "harness/device/device.h"
#include "quant/pipeline/infer.h"

enum { LAYERS_MAX = 4096, FAREWELL_MS = 5000 };

/* What the device said of a layer. */
struct layer_line {
    double time_ns;
    char kernel[VAR_NAME_MAX];
};

struct job {
    const struct run_device_options *o;
    const struct run_entry *entry;
    const struct qnt_dataset *set;
    struct hrn_device *device;
    const struct hrn_device_info *info;
    struct cli_winners winners;
    char folder[64], file[3][96]; /* here: network, images, kernels */
    char program[4096];
    float *image, *scores; /* of one image, computed here */
    size_t count, classes, seen, equal;
    long first_different; /* image, -1 = none */
    int ended;
    struct layer_line *layers;
    char *text; /* output that is no whole line yet */
    size_t text_bytes;
};

static int out_of_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

/* ---- Kernels */

/* The winner of a sweep on such a CPU, else the default of the strongest level that has one. */
static int choose(const struct job *job, const struct qnt_task *task, struct var_variant *v)
{
    const struct cli_winner *w = cli_winners_of(&job->winners, &task->problem, task->epilogue);
    if (w && w->found) {
        *v = w->variant;
        return 1;
    }
    for (int isa = KRN_ISA_COUNT - 1; isa >= 0; isa--)
        if (job->info->isas >> isa & 1 &&
            var_default_on(hrn_device_core(job->info), (enum krn_isa)isa, &task->problem,
                           task->epilogue, v) == 0)
            return 1;
    return 0;
}

static int put_choice(FILE *list, const struct krn_problem *problem, const struct var_variant *v)
{
    char text[KRN_PROBLEM_STR_MAX], name[VAR_NAME_MAX];
    struct krn_driver driver = var_driver(v);
    krn_problem_format(problem, 0, text);
    var_kernel_name_format(v, name);
    return fprintf(list, "%s %s %d %d\n", text, name, driver.loop_order, driver.mc_tiles) < 0;
}

/* Writes the list of kernels, and builds them into the program. */
static int build(struct job *job)
{
    const struct hrn_build_paths paths = { cli_source_root(), cli_cache_dir() };
    const struct qnt_network *network = job->entry->network;
    size_t tasks = qnt_network_tasks(network, NULL, 0), count = 0;
    struct qnt_task *task = calloc(tasks + 1, sizeof *task);
    struct var_variant *variants = calloc(tasks + 1, sizeof *variants);
    struct hrn_toolchain toolchain;
    char err[600] = "out of memory";
    FILE *list = fopen(job->file[2], "w");
    int failed = !task || !variants || !list;
    if (!failed)
        qnt_network_tasks(network, task, tasks);
    for (size_t i = 0; !failed && i < tasks; i++)
        if (choose(job, &task[i], &variants[count]))
            failed = put_choice(list, &task[i].problem, &variants[count++]);
    failed |= list && fclose(list) != 0;
    if (!failed)
        failed = hrn_toolchain_find(job->info->arch, NULL, &toolchain, err, sizeof err) ||
                 hrn_build(&toolchain, &paths, HRN_BUILD_INFER, variants, count, NULL, NULL,
                           job->program, sizeof job->program, err, sizeof err);
    free(task);
    free(variants);
    return failed ? cli_fail(CLI_DEVICE, "%s", err) : CLI_OK;
}

/* ---- Files */

static int make_folder(struct job *job)
{
    static const char *const names[] = { "network.qrn", "images.f32", "kernels.txt" };
    const char *base = getenv("TMPDIR");
    snprintf(job->folder, sizeof job->folder, "%.40s/quern-run-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(job->folder))
        return cli_fail(CLI_FAILED, "%s: %s", job->folder, strerror(errno));
    for (size_t i = 0; i < 3; i++)
        snprintf(job->file[i], sizeof job->file[i], "%s/%s", job->folder, names[i]);
    return CLI_OK;
}

static int write_images(struct job *job)
{
    const struct qnt_input input = qnt_network_input(job->entry->network);
    const size_t elements = (size_t)input.h * (size_t)input.w * (size_t)input.c;
    struct qnt_error error = { "" };
    int result = 0;
    FILE *out = fopen(job->file[1], "w");
    job->classes = qnt_network_classes(job->entry->network);
    job->image = malloc(elements * sizeof *job->image);
    job->scores = malloc(job->classes * sizeof *job->scores);
    if (!out || !job->image || !job->scores)
        result = qnt_error_set(&error, -ENOMEM, "%s cannot be written", job->file[1]);
    for (size_t i = 0; result == 0 && i < job->count; i++) {
        result = qnt_dataset_image(job->set, i, job->image, &error);
        if (result == 0 && fwrite(job->image, sizeof *job->image, elements, out) != elements)
            result = qnt_error_set(&error, -EIO, "%s: %s", job->file[1], strerror(errno));
    }
    if (out && fclose(out) != 0 && result == 0)
        result = qnt_error_set(&error, -EIO, "%s: %s", job->file[1], strerror(errno));
    if (result == 0)
        result = qnt_network_save(job->entry->network, job->file[0], &error);
    return result ? cli_quant_fail(result, &error) : CLI_OK;
}

/* ---- What comes back */

/* Holds the scores of one image against those of this machine. */
static void take_scores(struct job *job, const char *text)
{
    struct qnt_error error;
    char *at;
    size_t index = strtoul(text, &at, 10);
    int equal = index == job->seen && index < job->count &&
                qnt_dataset_image(job->set, index, job->image, &error) == 0;
    if (equal)
        qnt_exec_run(job->entry->exec, job->image, job->scores);
    for (size_t i = 0; equal && i < job->classes; i++) {
        uint32_t want, got = (uint32_t)strtoul(at, &at, 16);
        memcpy(&want, &job->scores[i], sizeof want);
        equal = want == got;
    }
    equal = equal && *at == '\0';
    if (!equal && job->first_different < 0)
        job->first_different = (long)index;
    job->equal += (size_t)equal;
    job->seen++;
}

static void take_line(struct job *job, char *line)
{
    size_t index;
    double time_ns;
    char kernel[VAR_NAME_MAX];
    if (!qnt_infer_check(line))
        return;
    if (strncmp(line, "score ", 6) == 0)
        take_scores(job, line + 6);
    else if (sscanf(line, "layer %zu %lf %95s", &index, &time_ns, kernel) == 3 &&
             index < LAYERS_MAX) {
        job->layers[index].time_ns = time_ns;
        snprintf(job->layers[index].kernel, sizeof job->layers[index].kernel, "%s", kernel);
    } else if (strncmp(line, "end ", 4) == 0) {
        job->ended = 1;
    }
}

/* Takes the whole lines out of what has been read. */
static void take_lines(struct job *job, struct hrn_process *process)
{
    char *begin = job->text, *newline;
    while ((newline = memchr(begin, '\n', job->text_bytes - (size_t)(begin - job->text)))) {
        *newline = '\0';
        if (!hrn_process_mark(process, begin))
            take_line(job, begin);
        begin = newline + 1;
    }
    job->text_bytes -= (size_t)(begin - job->text);
    memmove(job->text, begin, job->text_bytes);
}

/* Reads until the program ends. After a silence the device is asked whether it is still there. */
static int receive(struct job *job, struct hrn_process *process)
{
    const int silence_ms = hrn_device_patience(job->device)->silence_ms;
    const size_t room = job->classes * 9 + 4096, capacity = 2 * room + 65536;
    struct cli_progress progress;
    if (!(job->text = malloc(capacity)))
        return out_of_memory();
    cli_progress_begin(&progress, job->info->key);
    for (;;) {
        struct pollfd ready = { .fd = process->stdout_fd, .events = POLLIN };
        int got = poll(&ready, 1, silence_ms);
        if (cli_stop)
            return CLI_INTERRUPTED;
        if (got == 0 && hrn_device_check(job->device) == 0)
            continue; /* a slow device, an emulator */
        if (job->text_bytes + room > capacity)
            job->text_bytes = 0; /* no line of ours is so long */
        ssize_t bytes = got > 0 ? read(process->stdout_fd, job->text + job->text_bytes, room) : 0;
        if (bytes <= 0)
            break;
        job->text_bytes += (size_t)bytes;
        take_lines(job, process);
        cli_progress_step(&progress, job->seen, job->count, "images");
    }
    cli_progress_end(&progress);
    return CLI_OK;
}

static int start(struct job *job)
{
    char on_device[4][512], threads[16];
    const char *const here[] = { job->program, job->file[0], job->file[1], job->file[2] };
    const char *const argv[] = { on_device[0], on_device[1], on_device[2],
                                 on_device[3], threads,      NULL };
    struct hrn_process process;
    int status = 0;
    snprintf(threads, sizeof threads, "%d", job->o->threads);
    for (size_t i = 1; i < 4; i++)
        chmod(here[i], 0700); /* what is pushed is a program, for all that devices know */
    for (size_t i = 0; i < 4; i++)
        if (hrn_device_push(job->device, here[i], on_device[i], sizeof on_device[i]) < 0)
            return cli_fail(CLI_DEVICE, "%s", hrn_device_error(job->device));
    if (hrn_device_start(job->device, argv, &process) < 0)
        return cli_fail(CLI_DEVICE, "%s", hrn_device_error(job->device));
    int code = receive(job, &process);
    int lost = hrn_device_finish(job->device, &process, FAREWELL_MS, &status) < 0;
    if (code == CLI_OK && !job->ended)
        code = cli_fail(CLI_DEVICE, "%s: quern-infer ended after %zu of %zu images%s%s",
                        job->info->key, job->seen, job->count, lost ? ": " : "",
                        lost ? hrn_device_error(job->device) : "");
    return code;
}

/* ---- What is said of it */

static void print_layers(const struct job *job, FILE *out)
{
    static const char *const headings[] = { "layer", "operator", "output", "us", "kernel" };
    struct cli_table *t = cli_table_new(headings, 5);
    int timed = job->info->evidence == HRN_MEASURED;
    struct qnt_exec_layer l;
    for (size_t i = 1; qnt_exec_layer(job->entry->exec, i, &l) == 0; i++) {
        char time[32] = "";
        if (timed)
            snprintf(time, sizeof time, "%.2f", job->layers[i].time_ns / 1e3);
        cli_table_cell(t, "%s", l.name);
        cli_table_cell(t, "%s", l.title);
        cli_table_cell(t, "%dx%dx%d", l.h, l.w, l.c);
        cli_table_cell(t, "%s", time);
        cli_table_cell(t, "%s",
                       job->layers[i].kernel[0] == '-' ? "(plain C)" : job->layers[i].kernel);
    }
    cli_table_print(t, out);
}

static double total_ms(const struct job *job)
{
    double total = 0;
    for (size_t i = 0; i < LAYERS_MAX; i++)
        total += job->layers[i].time_ns / 1e6;
    return total;
}

static void print_text(const struct job *job, FILE *out)
{
    fprintf(out,
            "%s (%s), %d thread%s: %zu images; scores identical to this machine's on %zu of %zu\n",
            job->info->key, job->info->cpu, job->o->threads, job->o->threads == 1 ? "" : "s",
            job->seen, job->equal, job->count);
    if (job->info->evidence == HRN_MEASURED)
        fprintf(out, "%.3f ms per image\n\n", total_ms(job));
    else
        fprintf(out, "EMULATED: proves the scores, knows no time\n\n");
    print_layers(job, out);
}

static void print_json(const struct job *job, FILE *out)
{
    int timed = job->info->evidence == HRN_MEASURED;
    struct qnt_exec_layer l;
    fputs("{\n  \"device\": ", out);
    cli_json_string(out, job->info->key);
    fputs(", \"cpu\": ", out);
    cli_json_string(out, job->info->cpu);
    fprintf(out, ", \"evidence\": \"%s\", \"threads\": %d, \"images\": %zu, \"identical\": %zu",
            hrn_evidence_names[job->info->evidence], job->o->threads, job->seen, job->equal);
    if (timed)
        fprintf(out, ", \"ms\": %.6g", total_ms(job));
    fputs(",\n  \"layers\": [", out);
    for (size_t i = 1; qnt_exec_layer(job->entry->exec, i, &l) == 0; i++) {
        fputs(i > 1 ? ",\n    {\"name\": " : "\n    {\"name\": ", out);
        cli_json_string(out, l.name);
        fputs(", \"kernel\": ", out);
        cli_json_string(out, job->layers[i].kernel);
        if (timed)
            fprintf(out, ", \"time_ns\": %.6g", job->layers[i].time_ns);
        fputc('}', out);
    }
    fputs("\n  ]\n}\n", out);
}

static int judge(const struct job *job)
{
    if (job->equal == job->count)
        return CLI_OK;
    return cli_fail(
        CLI_FAILED,
        "%s: %zu of %zu images have other scores than on this machine, image %ld first; "
        "'quern sweep -d %s' proves each kernel",
        job->info->key, job->count - job->equal, job->count, job->first_different, job->info->key);
}

static void clear(struct job *job)
{
    for (size_t i = 0; i < 3; i++)
        if (job->file[i][0])
            unlink(job->file[i]);
    if (job->folder[0])
        rmdir(job->folder);
    hrn_device_close(job->device);
    cli_winners_close(&job->winners);
    free(job->image);
    free(job->scores);
    free(job->layers);
    free(job->text);
}

static int find_winners(struct job *job, const struct cli_target *target)
{
    const struct run_device_options *o = job->o;
    char err[600] = "";
    int rc = 0;
    if (o->kernels)
        rc = cli_winners_of_export(o->kernels, target, &job->winners, err, sizeof err);
    else if (o->db)
        rc = cli_winners_find(o->db, o->run, target, &job->winners, err, sizeof err);
    return rc ? cli_fail(CLI_FAILED, "%s", err) : CLI_OK;
}

int run_on_device(const struct run_device_options *o, const struct run_entry *entry,
                  const struct qnt_dataset *set, size_t count, FILE *out)
{
    struct job job = { .o = o, .entry = entry, .set = set, .count = count, .first_different = -1 };
    char err[600] = "";
    job.layers = calloc(LAYERS_MAX, sizeof *job.layers);
    int code = job.layers ? CLI_OK : out_of_memory();
    if (code == CLI_OK && hrn_device_open(o->device, &job.device, err, sizeof err) < 0)
        code = cli_fail(CLI_DEVICE, "%s", err);
    if (code == CLI_OK) {
        job.info = hrn_device_info(job.device);
        const struct cli_target target = { job.info->arch, job.info->isas };
        code = find_winners(&job, &target);
    }
    if (code == CLI_OK)
        code = make_folder(&job);
    if (code == CLI_OK)
        code = build(&job);
    if (code == CLI_OK)
        code = write_images(&job);
    if (code == CLI_OK)
        code = start(&job);
    if (code == CLI_OK) {
        (o->json ? print_json : print_text)(&job, out);
        code = judge(&job);
    }
    clear(&job);
    return code;
}
