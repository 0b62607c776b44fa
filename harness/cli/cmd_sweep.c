#include "harness/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/counters.h"
#include "harness/cli/each_device.h"
#include "harness/cli/filtered.h"
#include "harness/cli/layers.h"
#include "harness/cli/patience.h"
#include "harness/cli/search.h"
#include "harness/cli/select.h"
#include "harness/cli/sweep_store.h"
#include "harness/cli/transfer.h"
#include "harness/sweep/predict.h"
#include "reports/report.h"

/* What was typed, with the defaults. */
struct arguments {
    const char *device, *filter, *db, *cc, *resume, *shard, *prune_model;
    struct cli_list devices, isas;
    struct cli_layers named;
    struct cli_counters counters;
    struct cli_search search;
    long long max_variants, timeout_s, wait_s, seed, cpu;
    double screen_ms, sample_ms, warmup_ms;
    int no_filters, share, no_tails, no_transfer, dry_run, json, quiet;
};

/* What the verb works with. */
struct work {
    struct arguments a;
    struct hrn_layers layers;
    struct hrn_plan plan;
    struct hrn_device *device;
    const struct var_core *model; /* of a model: device */
    struct hrn_toolchain toolchain;
    struct sweep_store store;
    struct cli_select select;
    struct hrn_search_options search;
    struct hrn_spent spent; /* of a sweep that was timed */
    int selecting;
    const char *command;
    struct hrn_share *share; /* with other devices; NULL = alone */
    size_t owner;            /* there */
    char err[600];
};

/* One command line is parsed per process: the option table points into this. */
static struct arguments typed = {
    .device = "local",
    .search = CLI_SEARCH_DEFAULTS,
    .timeout_s = 20,
    .wait_s = CLI_WAIT_S,
    .seed = 1,
    .cpu = -1,
    .screen_ms = 1,
    .sample_ms = 2,
    .warmup_ms = 1,
};

/* The sweep's one progress line; the sink has no place for it. */
static struct cli_progress progress;

static const char description[] =
    "Generates the variants of the chosen ISA levels for each layer, proves every one bit-exact "
    "against the C reference (on the layer and on the small problems around its tails), times "
    "those that are right in interleaved rounds, and stores every proof and sample in the "
    "database. A search strategy says which are worth timing, and how often; the best are timed "
    "again in fresh processes. The baseline runs twice in every round, as if it were two "
    "variants: how far it is from itself is the noise band below which nobody is called "
    "faster.\n\n"
    "Each variant runs in a child process: one that crashes, hangs or computes a wrong byte is a "
    "row "
    "in the database, not the end of the sweep. On an emulated device variants are proved and "
    "never "
    "timed; the executed instructions of what is right are counted. On a model (model:CORE) "
    "cycles are predicted, and nothing else.\n\n"
    "Ctrl-C finishes the sample at hand, commits, and prints the command that goes on from there.";

static const char examples[] =
    "  quern sweep --problem ic64ih56oc64kh3ph1\n"
    "  quern sweep --network resnet50 --isa avx2,c --max-variants 60\n"
    "  quern sweep -d adb:SERIAL -g work,stall --problem ic64ih56oc64kh3ph1\n"
    "  quern sweep -d adb:ONE -d adb:TWO --share --network resnet50\n"
    "  quern sweep --problem 56:56:64:64 --strategy surrogate --max-evals 60\n"
    "  quern sweep --device qemu:cortex-a76 --isa neon,dotprod --problem 56:56:64:64\n"
    "  quern sweep --device model:cortex-a55 --problem 56:56:64:64\n"
    "  quern sweep --model quant/model/fashion.onnx\n";

static const struct cli_option option_table[] = {
    { 'd', "device", CLI_LIST, "KEY",
      "Device to sweep on; see 'quern devices'. Default: local. May be repeated: the devices work "
      "at the same time, each in a run of its own.",
      &typed.devices },
    { 0, "share", CLI_FLAG, NULL,
      "Several devices of one kind share the layers: each is measured by whichever is free.",
      &typed.share },
    { 0, "isa", CLI_LIST, "LEVEL[,LEVEL]",
      "ISA levels to generate for. Default: all that the device has.", &typed.isas },
    CLI_LAYER_OPTIONS(typed.named),
    { 'f', "filter", CLI_STRING, "REGEX",
      "Only variants whose name matches this extended regular expression; the default of each "
      "level always stays.",
      &typed.filter },
    CLI_NO_FILTERS(typed.no_filters),
    { 0, "max-variants", CLI_INT, "N",
      "At most N variants per layer, a seeded choice of the space. Default: all.",
      &typed.max_variants },
    CLI_SEARCH_OPTIONS(typed.search),
    { 0, "screen-ms", CLI_DOUBLE, "MS",
      "Shortest sample of a screening round, in milliseconds. Default: 1.", &typed.screen_ms },
    { 0, "sample-ms", CLI_DOUBLE, "MS",
      "Shortest sample of a final round, in milliseconds. Default: 2.", &typed.sample_ms },
    { 0, "warmup-ms", CLI_DOUBLE, "MS",
      "Warm-up of each variant, in milliseconds; a core that was idle gets 100 "
      "besides, unless this is 0. Default: 1.",
      &typed.warmup_ms },
    { 0, "timeout", CLI_INT, "SECONDS", "Limit of one proof or one sample. Default: 20.",
      &typed.timeout_s },
    { 0, "wait", CLI_INT, "SECONDS",
      "How long a device that is gone is waited for before the sweep ends; then --resume goes on. "
      "Default: 300.",
      &typed.wait_s },
    { 0, "no-tails", CLI_FLAG, NULL,
      "Prove on the layer alone, without the small problems around its tails.", &typed.no_tails },
    { 's', "seed", CLI_INT, "N", "Seed of data, order and choice. Default: 1.", &typed.seed },
    { 'C', "cpu", CLI_INT, "N",
      "CPU of the device to pin to; of several kinds of core it chooses the target KEY/cpuN. "
      "Default: the device's choice.",
      &typed.cpu },
    CLI_COUNTER_OPTIONS(typed.counters),
    { 0, "cc", CLI_STRING, "PROGRAM",
      "Compiler for the device. Default: cc, or the cross compiler.", &typed.cc },
    { 0, "db", CLI_STRING, "FILE", "Database. Default: $QUERN_DB or quern-out/quern.db.",
      &typed.db },
    { 0, "resume", CLI_STRING, "RUN",
      "Go on with this run, a number or 'last', with the same layers and options: what it has "
      "is not measured again.",
      &typed.resume },
    { 0, "shard", CLI_STRING, "I/N",
      "Only part I of N (from 1): whole layers, dealt in turn; with fewer layers than parts, the "
      "defaults of each layer and its other variants, dealt in turn. The parts of a sweep, run "
      "anywhere, come together with 'quern db merge'.",
      &typed.shard },
    { 0, "prune-model", CLI_STRING, "CORE[,N]",
      "Predicts every variant on this core (see 'quern predict'), for the strategies that ask, and "
      "with N drops all but the N best of a layer before anything is built.",
      &typed.prune_model },
    { 0, "no-transfer", CLI_FLAG, NULL,
      "Do not begin with what was fastest on similar layers and cores, as earlier runs in the "
      "database have it. (It matters to the strategies that begin somewhere, and where a limit "
      "leaves variants out.)",
      &typed.no_transfer },
    { 0, "dry-run", CLI_FLAG, NULL, "Print how many variants each layer would get, and stop.",
      &typed.dry_run },
    { 0, "json", CLI_FLAG, NULL, "Print the result as JSON, in the shape of Google Benchmark.",
      &typed.json },
    { 'q', "quiet", CLI_FLAG, NULL, "No progress.", &typed.quiet },
};

static int parse(struct work *w, int argc, char **argv)
{
    const struct cli_command command = {
        .name = "sweep",
        .synopsis = "quern sweep (--problem=P | --batch=FILE | --network=NAME | --model=FILE)... "
                    "[OPTION]...",
        .description = description,
        .options = option_table,
        .option_count = sizeof option_table / sizeof *option_table,
        .examples = examples,
    };
    struct cli_list operands = { 0 };
    int rc = cli_parse(&command, argc, argv, &operands);
    if (!rc && operands.count)
        rc = 1 + cli_fail(CLI_USAGE,
                          "'%s' is not an option; layers are named by --problem, --batch, "
                          "--network or --model",
                          operands.items[0]);
    free(operands.items);
    w->a = typed;
    if (w->a.devices.count == 1)
        w->a.device = w->a.devices.items[0];
    if (!w->a.db)
        w->a.db = cli_default_db();
    return rc;
}

static int check_numbers(const struct arguments *a)
{
    if (a->max_variants < 0)
        return cli_fail(CLI_USAGE, "--max-variants is not negative");
    if (a->timeout_s < 1 || a->timeout_s > 86400)
        return cli_fail(CLI_USAGE, "--timeout goes from 1 to 86400 seconds");
    if (!(a->screen_ms > 0) || !(a->sample_ms > 0) || !(a->warmup_ms >= 0) ||
        fmax(fmax(a->screen_ms, a->sample_ms), a->warmup_ms) > 60000)
        return cli_fail(CLI_USAGE, "durations are between 0 and 60000 milliseconds");
    if (a->wait_s < 0)
        return cli_fail(CLI_USAGE, "--wait is a number of seconds, from 0 on");
    if (a->cpu < -1 || a->cpu > 1023)
        return cli_fail(CLI_USAGE, "--cpu goes from 0 to 1023");
    return CLI_OK;
}

/* Nothing is compiled; what stands for the compiler is the model. */
static int open_model(struct work *w, const struct hrn_device_info *info)
{
    if (w->a.resume)
        return cli_fail(CLI_USAGE, "a prediction takes seconds: leave --resume out");
    w->model = var_core_find(strchr(info->key, ':') + 1, NULL);
    w->select.isas &= info->isas; /* C has no model */
    if (!w->select.isas)
        return cli_fail(CLI_USAGE, "%s has none of these ISA levels", info->key);
    snprintf(w->toolchain.version, sizeof w->toolchain.version, "none: %s", info->os);
    return CLI_OK;
}

static int open_device(struct work *w)
{
    const struct hrn_device_info *info;
    if (hrn_device_open_cpu(w->a.device, (int)w->a.cpu, &w->device, w->err, sizeof w->err))
        return cli_fail(CLI_DEVICE, "%s", w->err);
    cli_device_patience(w->device, w->a.wait_s);
    info = hrn_device_info(w->device);
    if (!w->select.isas)
        w->select.isas = info->isas | 1u << KRN_ISA_C;
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        if (w->select.isas >> isa & 1 && strcmp(krn_isas[isa].arch, "any") &&
            strcmp(krn_isas[isa].arch, info->arch))
            return cli_fail(CLI_USAGE,
                            "%s is %s and cannot run %s code (%s); choose another --isa or "
                            "--device",
                            info->key, info->arch, krn_isas[isa].name, krn_isas[isa].arch);
    if (info->evidence == HRN_PREDICTED)
        return open_model(w, info);
    int failed = cli_compiler(w->a.cc, info->os, info->arch, &w->a.cc);
    if (failed)
        return failed;
    if (hrn_toolchain_find(info->arch, w->a.cc, &w->toolchain, w->err, sizeof w->err))
        return cli_fail(CLI_DEVICE, "%s", w->err);
    return CLI_OK;
}

static int check_counters(struct work *w)
{
    const struct hrn_device_info *info = hrn_device_info(w->device);
    return cli_counters_check(&w->a.counters, info->arch, info->midr);
}

static int open_select(struct work *w)
{
    const struct cli_list all = { 0 };
    int rc = cli_select_open(&w->select, &w->a.isas, 0, &all, w->a.filter);
    w->selecting = !rc;
    return rc;
}

static int is_wanted(const struct var_variant *v, void *user)
{
    const struct work *w = user;
    return cli_select_takes(&w->select, v);
}

static int shard(struct work *w)
{
    size_t index, count;
    char end;
    if (!w->a.shard)
        return CLI_OK;
    if (sscanf(w->a.shard, "%4zu/%4zu%c", &index, &count, &end) != 2 || index < 1 || index > count)
        return cli_fail(CLI_USAGE, "--shard: '%s' is not of the form I/N with 1 <= I <= N <= 9999",
                        w->a.shard);
    hrn_plan_shard(&w->plan, index - 1, count);
    return CLI_OK;
}

static int cut_by_model(struct work *w)
{
    struct hrn_predict_options with = { .stop = &cli_stop };
    const char *comma = w->a.prune_model ? strchr(w->a.prune_model, ',') : NULL;
    char name[64], end;
    size_t keep = 0;
    if (!w->a.prune_model)
        return CLI_OK;
    snprintf(name, sizeof name, "%.*s",
             comma ? (int)(comma - w->a.prune_model) : (int)strlen(w->a.prune_model),
             w->a.prune_model);
    with.core = var_core_find(strncmp(name, "model:", 6) ? name : name + 6, NULL);
    if (!with.core)
        return cli_fail(CLI_USAGE,
                        "--prune-model: there is no model of '%s'; 'quern devices' "
                        "lists them",
                        name);
    if (comma && (sscanf(comma, ",%7zu%c", &keep, &end) != 1 || keep == 0))
        return cli_fail(CLI_USAGE, "--prune-model: '%s' is not of the form CORE[,N]",
                        w->a.prune_model);
    int rc = hrn_plan_predict(&w->plan, &with, w->err, sizeof w->err);
    if (rc)
        return cli_fail(rc == -ENOENT ? CLI_DEVICE : CLI_FAILED, "%s", w->err);
    if (comma)
        hrn_plan_keep(&w->plan, keep);
    return CLI_OK;
}

static int make_plan(struct work *w)
{
    w->layers.core = hrn_device_core(hrn_device_info(w->device));
    w->layers.unfiltered = w->a.no_filters;
    if (hrn_plan_make(&w->layers, w->select.isas, is_wanted, w, (size_t)w->a.max_variants,
                      (uint64_t)w->a.seed, &w->plan, w->err, sizeof w->err))
        return cli_fail(CLI_FAILED, "%s", w->err);
    if (w->search.strategy->needs_model && !w->a.prune_model)
        return cli_fail(CLI_USAGE,
                        "--strategy %s needs the word of a static model: add --prune-model CORE",
                        w->search.strategy->name);
    int rc = cut_by_model(w);
    return rc ? rc : shard(w);
}

static int print_plan(const struct work *w)
{
    static const char *const headings[] = { "network", "layer", "problem", "times", "variants" };
    struct cli_table *table = cli_table_new(headings, 5);
    for (size_t i = 0; i < w->plan.count; i++) {
        const struct hrn_layer *layer = w->plan.layers[i].layer;
        cli_table_cell(table, "%s", layer->network);
        cli_table_cell(table, "%s", layer->problem.name);
        cli_table_cell(table, "%s", layer->key);
        cli_table_cell(table, "%d", layer->times);
        cli_table_cell(table, "%zu", w->plan.layers[i].count);
    }
    cli_table_print(table, stdout);
    printf("%zu layers, %zu measurements\n", w->plan.count, w->plan.variants);
    cli_filtered_say("sweep", w->plan.removed);
    return CLI_OK;
}

/* ---- running */

static void show_progress(size_t done, size_t total, const char *note)
{
    cli_progress_step(&progress, done, total, note);
}

static int begin(struct work *w, const char *command)
{
    const struct hrn_device_info *d = hrn_device_info(w->device);
    const struct pdb_run run = {
        .device_key = d->key,
        .arch = d->arch,
        .cpu = d->cpu,
        .midr = d->midr,
        .kernel = d->kernel,
        .os = d->os,
        .cpu_index = w->a.cpu >= 0 ? (int32_t)w->a.cpu : d->cpu_index,
        .evidence = d->evidence,
        .compiler = w->toolchain.version,
        .compiler_flags = w->toolchain.flags,
        .tool_version = QUERN_VERSION,
        .command = command,
        .seed = (uint64_t)w->a.seed,
        .min_sample_ns = (int64_t)(w->a.sample_ms * 1e6),
        .rounds = (int32_t)(w->a.search.screen_rounds + w->a.search.rounds),
    };
    return w->a.resume ? sweep_store_resume(&w->store, w->a.resume, d->key)
                       : sweep_store_begin(&w->store, &run);
}

static int next_layer(size_t *layer, void *user)
{
    struct work *w = user;
    return hrn_share_next(w->share, w->owner, w->plan.count, layer, &cli_stop);
}

/* To the others that share the plan: with devices of one kind only, and what was begun before stays
 * with whom it was. */
static int join(struct work *w)
{
    const struct hrn_device_info *d = hrn_device_info(w->device);
    char kind[400];
    if (!w->share)
        return CLI_OK;
    if (w->model)
        return cli_fail(CLI_USAGE, "a model shares no layers: it predicts all in seconds");
    if (w->plan.count > HRN_SHARE_LAYERS)
        return cli_fail(CLI_USAGE, "--share takes at most %d layers", HRN_SHARE_LAYERS);
    snprintf(kind, sizeof kind, "%s|%s|%s|%s|%s|%d", d->arch, d->cpu, d->midr, d->model, d->soc,
             (int)d->evidence);
    if (hrn_share_join(w->share, w->owner, kind) < 0)
        return cli_fail(CLI_USAGE,
                        "%s (%s) is not of the same kind as the device before it, so they cannot "
                        "share layers; leave --share out",
                        d->key, d->cpu);
    for (size_t i = 0; w->a.resume && i < w->plan.count; i++)
        if (sweep_store_has_layer(&w->store, i))
            hrn_share_claim(w->share, w->owner, i);
    return hrn_share_ready(w->share, w->owner, &cli_stop) < 0 ? CLI_INTERRUPTED : CLI_OK;
}

static int run_device(struct work *w)
{
    const struct hrn_build_paths paths = { .source_root = cli_source_root(),
                                           .cache_dir = cli_cache_dir() };
    struct hrn_counter_request counters = cli_counters_request(&w->a.counters);
    const struct hrn_sweep_options options = {
        .toolchain = &w->toolchain,
        .paths = &paths,
        .device = w->device,
        .cpu = (int)w->a.cpu,
        .seed = (uint64_t)w->a.seed,
        .search = w->search,
        .screen_sample_ns = (int64_t)(w->a.screen_ms * 1e6),
        .final_sample_ns = (int64_t)(w->a.sample_ms * 1e6),
        .warmup_ns = (int64_t)(w->a.warmup_ms * 1e6),
        .timeout_ms = (int)w->a.timeout_s * 1000,
        .tails = !w->a.no_tails,
        .counters = &counters,
        .stop = &cli_stop,
        .next_layer = w->share ? next_layer : NULL,
        .next_user = w,
        .spent = &w->spent,
    };
    struct hrn_sweep_sink sink = sweep_store_sink(&w->store);
    counters.is_quarantined = sweep_store_quarantined;
    counters.user = &w->store;
    return hrn_sweep_run(&w->plan, &options, &sink, w->err, sizeof w->err);
}

static int run_model(struct work *w)
{
    struct hrn_sweep_sink sink = sweep_store_sink(&w->store);
    return hrn_sweep_predict(&w->plan, w->model, &cli_stop, &sink, w->err, sizeof w->err);
}

static int run_sweep(struct work *w)
{
    cli_catch_interrupt();
    w->store.progress = w->a.quiet ? NULL : show_progress;
    if (!w->a.quiet)
        cli_progress_begin(&progress, w->a.devices.count > 1 ? w->a.device : "sweep");
    if (w->a.devices.count > 1)
        cli_progress_share(&progress, w->owner, w->a.devices.count);
    int rc = (w->model ? run_model : run_device)(w);
    if (!w->a.quiet)
        cli_progress_end(&progress);
    return rc;
}

static void print_spent(const struct hrn_spent *spent)
{
    char text[240];
    hrn_spent_format(spent, text, sizeof text);
    printf("\n%s.\n", text);
}

static int print_result(struct work *w)
{
    struct rpt_run run;
    struct rpt_error error;
    if (rpt_run_load(w->store.db, w->store.run_id, &run, &error))
        return cli_fail(CLI_FAILED, "%s", error.text);
    int rc = w->a.json ? rpt_json(&run, stdout) : rpt_text(&run, cli_colour(stdout), stdout);
    rpt_run_clear(&run);
    if (!rc && !w->a.json && w->spent.sample_s > 0)
        print_spent(&w->spent);
    if (!rc && !w->a.json)
        printf("\nrun %" PRId64 " in %s\n", w->store.run_id, w->a.db);
    return rc ? cli_fail(CLI_FAILED, "cannot write the result: %s", strerror(-rc)) : CLI_OK;
}

/* Winners of similar layers of earlier runs go first. */
static int transfer(struct work *w)
{
    const struct hrn_device_info *d = hrn_device_info(w->device);
    const struct hrn_search_options *s = &w->search;
    int has_limit = s->max_evals || s->time_limit_s > 0 || s->device_limit_s > 0;
    if (w->a.no_transfer || w->model || s->strategy->all_finalists ||
        !(s->strategy->has_starts || has_limit))
        return CLI_OK;
    struct cli_transfer t;
    size_t marked, all = 0;
    int rc = cli_transfer_open(w->store.db, d->arch, d->midr, w->store.run_id, 0, &t);
    for (size_t i = 0; i < w->plan.count && !rc; i++) {
        struct hrn_plan_layer *layer = &w->plan.layers[i];
        layer->prior = calloc(layer->count + 1, sizeof *layer->prior);
        rc = layer->prior ? cli_transfer_mark(&t, &layer->layer->problem, layer->variants,
                                              layer->count, layer->prior, &marked)
                          : -ENOMEM;
        all += rc ? 0 : marked;
    }
    if (!rc && all && !w->a.quiet)
        fprintf(stderr,
                "sweep: begins with %zu winners of similar layers (--no-transfer: without)\n", all);
    cli_transfer_close(&t);
    return rc ? cli_fail(CLI_FAILED, "%s",
                         rc == -ENOMEM ? "out of memory" : pdb_errmsg(w->store.db))
              : CLI_OK;
}

static int sweep(struct work *w, const char *command)
{
    int rc = sweep_store_open(&w->store, w->a.db, &w->plan);
    if (!rc)
        rc = begin(w, command);
    if (!rc)
        rc = transfer(w);
    if (!rc)
        rc = join(w);
    if (!rc)
        rc = sweep_store_end(&w->store, run_sweep(w), w->err, command, !w->model);
    return rc ? rc : print_result(w);
}

static void clear(struct work *w)
{
    if (w->selecting)
        cli_select_clear(&w->select);
    sweep_store_close(&w->store);
    hrn_device_close(w->device);
    hrn_plan_clear(&w->plan);
    hrn_layers_clear(&w->layers);
    free(w->a.isas.items);
    free(w->a.devices.items);
    cli_layers_clear(&w->a.named);
    cli_counters_clear(&w->a.counters);
}

static int work(struct work *w, const char *command)
{
    int rc = check_numbers(&w->a);
    if (!rc)
        rc = cli_search_read(&w->a.search, &w->search);
    if (!rc)
        rc = open_select(w);
    if (!rc)
        rc = cli_layers_gather(&w->a.named, &w->layers);
    if (!rc)
        rc = open_device(w);
    if (!rc)
        rc = check_counters(w);
    if (!rc)
        rc = make_plan(w);
    if (!rc)
        rc = w->a.dry_run ? print_plan(w) : sweep(w, command);
    return rc;
}

/* In a process of its own. */
static int sweep_one(const char *key, size_t owner, void *user)
{
    struct work *w = user;
    w->a.device = key;
    w->owner = owner;
    int rc = work(w, w->command);
    clear(w);
    return rc;
}

static int sweep_many(struct work *w)
{
    const struct cli_list *keys = &w->a.devices;
    if (w->a.resume && strcmp(w->a.resume, "last"))
        return cli_fail(CLI_USAGE, "with several devices --resume takes 'last': the last of each");
    w->share = w->a.share ? hrn_share_new(keys->count) : NULL;
    if (w->a.share && !w->share)
        return cli_fail(CLI_USAGE, "--share takes 2 to %d devices", HRN_SHARE_OWNERS);
    if (!w->a.quiet)
        cli_progress_reserve(keys->count);
    int rc = cli_each_device(keys, w->share, w->a.json, sweep_one, w);
    hrn_share_free(w->share);
    return rc;
}

int cmd_sweep(int argc, char **argv)
{
    struct work w = { 0 };
    char *command = cli_command_line(argc, argv);
    int rc = command ? parse(&w, argc, argv) - 1 : cli_fail(CLI_FAILED, "out of memory");
    w.command = command;
    if (rc < 0 && w.a.devices.count < 2 && w.a.share)
        rc = cli_fail(CLI_USAGE, "--share is for several devices: repeat --device");
    if (rc < 0)
        rc = w.a.devices.count > 1 ? sweep_many(&w) : work(&w, command);
    clear(&w);
    free(command);
    return rc;
}
