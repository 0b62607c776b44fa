#include "harness/model/mca.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/build/spawn.h"
#include "harness/model/code_int.h"

extern char **environ;

#define VERSION_LEAST 19

/* Newest first; the plain name may be any version. */
static const char *const programs[] = { "llvm-mca-21", "llvm-mca-20", "llvm-mca-19", "llvm-mca" };

static int version_of(const char *program)
{
    const char *const argv[] = { program, "--version", NULL };
    char line[128], *word;
    int version = 0;
    if (hrn_first_line(argv, line, sizeof line))
        return 0;
    word = strstr(line, "version ");
    return word && sscanf(word, "version %d", &version) == 1 ? version : 0;
}

int hrn_mca_find(const char **program, char *err, size_t err_bytes)
{
    int found = 0;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        int version = version_of(programs[i]);
        *program = programs[i];
        if (version >= VERSION_LEAST)
            return 0;
        found = version > found ? version : found;
    }
    *program = NULL;
    if (found)
        snprintf(err, err_bytes,
                 "llvm-mca is version %d, whose core models are too old; apt-get install llvm-%d",
                 found, VERSION_LEAST);
    else
        snprintf(err, err_bytes, "llvm-mca is not installed; apt-get install llvm-%d",
                 VERSION_LEAST);
    return -ENOENT;
}

/* ---- text */

/* "ldr q0, [x1], #16" without its write-back: what stands up to ']'. */
static void print_without_back(FILE *out, const char *text)
{
    const char *end = strchr(text, ']');
    fprintf(out, "%.*s\n", end ? (int)(end - text) + 1 : (int)strlen(text), text);
}

static int is_rewritten(const struct hrn_mca *mca, const struct hrn_op *op)
{
    return mca->core->rewrites_post_index && op->writes_back && op->row->form == HRN_FORM_LOAD &&
           op->operand[0].type == HRN_OPERAND_VECTOR;
}

/* A load at the address and, once for each address register of the stretch, an addition: what a
 * core does, for it has an adder for write-backs beside the load. */
int hrn_mca_add(struct hrn_mca *mca, const struct hrn_code *code, const struct hrn_trace *trace,
                size_t begin, size_t end)
{
    uint64_t advanced = 0;
    if (!mca->input && !(mca->input = tmpfile()))
        return -errno;
    fprintf(mca->input, "# LLVM-MCA-BEGIN r%zu\n", mca->count++);
    for (size_t i = begin; i < end; i++) {
        const struct hrn_op *op = &code->ops[trace->step[i]];
        if (op->row->action == HRN_DO_RETURN)
            continue; /* it would only warn */
        if (is_rewritten(mca, op)) {
            print_without_back(mca->input, op->text);
            advanced |= op->writes_back;
        } else {
            fprintf(mca->input, "%s\n", op->text);
        }
    }
    for (; advanced; advanced &= advanced - 1)
        fprintf(mca->input, "add x%d, x%d, #64\n", __builtin_ctzll(advanced),
                __builtin_ctzll(advanced));
    fputs("# LLVM-MCA-END\n", mca->input);
    return ferror(mca->input) ? -EIO : 0;
}

/* ---- running it */

struct process {
    pid_t pid;
    FILE *output, *errors;
};

static int start(struct hrn_mca *mca, struct process *p)
{
    char cpu[64], iterations[32];
    snprintf(cpu, sizeof cpu, "-mcpu=%s", mca->core->llvm_cpu);
    snprintf(iterations, sizeof iterations, "-iterations=%d", mca->repeats);
    const char *const argv[] = { mca->program,
                                 "-mtriple=aarch64",
                                 cpu,
                                 "-mattr=+dotprod,+i8mm",
                                 iterations,
                                 "-instruction-info=0",
                                 "-resource-pressure=0",
                                 "-",
                                 NULL };
    posix_spawn_file_actions_t actions;
    p->output = tmpfile();
    p->errors = tmpfile();
    if (!p->output || !p->errors || fflush(mca->input) || fseek(mca->input, 0, SEEK_SET))
        return -EIO;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(mca->input), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(p->output), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(p->errors), STDERR_FILENO);
    int rc = posix_spawnp(&p->pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* Regions come in order; each has one such line. */
static size_t read_cycles(struct hrn_mca *mca, FILE *output)
{
    char line[256];
    size_t n = 0;
    double cycles;
    rewind(output);
    while (fgets(line, sizeof line, output))
        if (sscanf(line, "Total Cycles: %lf", &cycles) == 1 && n < mca->count)
            mca->cycles[n++] = cycles;
    return n;
}

static int finish(struct hrn_mca *mca, struct process *p, char *err, size_t err_bytes)
{
    char line[256] = "it gave no figures";
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    mca->cycles = calloc(mca->count + 1, sizeof *mca->cycles);
    if (!mca->cycles)
        return -ENOMEM;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && read_cycles(mca, p->output) == mca->count)
        return 0;
    rewind(p->errors);
    if (fgets(line, sizeof line, p->errors))
        line[strcspn(line, "\n")] = '\0';
    snprintf(err, err_bytes, "%s failed: %s", mca->program, line);
    return -EINVAL;
}

int hrn_mca_run(struct hrn_mca *list, size_t lists, char *err, size_t err_bytes)
{
    struct process *p = calloc(lists + 1, sizeof *p);
    int rc = p ? 0 : -ENOMEM;
    snprintf(err, err_bytes, "out of memory, or of disk for temporary files");
    for (size_t i = 0; !rc && i < lists; i++)
        if (list[i].count)
            rc = start(&list[i], &p[i]);
    for (size_t i = 0; p && i < lists; i++) {
        int one = p[i].pid ? finish(&list[i], &p[i], err, err_bytes) : 0;
        rc = rc ? rc : one;
        if (p[i].output)
            fclose(p[i].output);
        if (p[i].errors)
            fclose(p[i].errors);
    }
    free(p);
    return rc;
}

void hrn_mca_clear(struct hrn_mca *mca)
{
    if (mca->input)
        fclose(mca->input);
    free(mca->cycles);
    mca->input = NULL;
    mca->cycles = NULL;
    mca->count = 0;
}
