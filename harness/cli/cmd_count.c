/* quern count: what variants execute, in emulation. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/look.h"
#include "harness/cli/opinions.h"
#include "harness/cli/ranking.h"
#include "harness/sweep/count.h"

struct work {
    const char *device_key, *cc;
    struct cli_look look;
    long long top, timeout_s;
    int json, quiet;
    struct hrn_device *device;
    struct hrn_toolchain toolchain;
    struct hrn_counted **counted;
    struct cli_opinions opinions;
    char err[600];
};

static struct cli_progress progress;

static void show_progress(size_t done, size_t total, const char *note)
{
    cli_progress_step(&progress, done, total, note);
}

/* ---- results, the least first */

static int by_insn(const void *user, size_t layer, size_t a, size_t b)
{
    const struct work *w = user;
    const struct hrn_counted *x = &w->counted[layer][a], *y = &w->counted[layer][b];
    int64_t p = x->whole[HRN_COUNT_INSN], q = y->whole[HRN_COUNT_INSN];
    if (x->outcome != y->outcome)
        return x->outcome > y->outcome ? 1 : -1;
    return p == q ? 0 : p > q ? 1 : -1;
}

static int is_winner(const void *user, size_t layer, size_t variant)
{
    const struct work *w = user;
    return cli_opinions_has_winner(&w->opinions, layer, variant);
}

static const enum hrn_count columns[] = { HRN_COUNT_LOAD,   HRN_COUNT_STORE,  HRN_COUNT_PREFETCH,
                                          HRN_COUNT_BRANCH, HRN_COUNT_VECTOR, HRN_COUNT_MULTIPLY,
                                          HRN_COUNT_MAC };
enum { COLUMNS = sizeof columns / sizeof *columns };

static void print_row(const void *user, size_t layer, size_t variant, struct cli_table *table)
{
    const struct work *w = user;
    const struct hrn_counted *c = &w->counted[layer][variant];
    double macs = (double)krn_problem_macs(&w->look.plan.layers[layer].layer->problem);
    if (c->outcome != HRN_OK) {
        cli_table_cell(table, "%s", hrn_outcome_names[c->outcome]);
        for (int i = 0; i <= COLUMNS; i++)
            cli_table_cell(table, "-");
    } else {
        cli_table_cell(table, "%.4f", (double)c->whole[HRN_COUNT_INSN] / macs);
        cli_table_cell(table, "%.4f", (double)c->kernel[HRN_COUNT_INSN] / macs);
        for (int i = 0; i < COLUMNS; i++)
            cli_table_cell(table, "%.4f", (double)c->whole[columns[i]] / macs);
    }
    cli_opinions_row(&w->opinions, layer, variant, table);
}

static void print_means(const struct work *w)
{
    static const char *const kinds[] = { "other than depthwise", "depthwise" };
    for (int depthwise = 0; depthwise < 2; depthwise++) {
        size_t layers;
        double mean = hrn_count_geomean(&w->look.plan, w->counted, NULL, depthwise, &layers);
        if (layers)
            printf("Geometric mean of the least of each layer%s, %zu %s: %.4f instructions per "
                   "MAC\n",
                   w->opinions.count ? ", whatever the models say" : "", layers, kinds[depthwise],
                   mean);
    }
}

static void print_counts_json(const void *user, size_t layer, size_t variant)
{
    const struct work *w = user;
    const struct hrn_counted *c = &w->counted[layer][variant];
    printf(", \"outcome\": \"%s\"", hrn_outcome_names[c->outcome]);
    if (c->outcome != HRN_OK)
        return;
    for (int i = 0; i < HRN_COUNT_COUNT; i++)
        printf(", \"%s\": %" PRId64 ", \"%s\": %" PRId64, hrn_count_names[i], c->whole[i],
               hrn_count_kernel_names[i], c->kernel[i]);
    cli_opinions_members(&w->opinions, layer, variant);
}

static void print_layer_json(const void *user, size_t layer)
{
    const struct work *w = user;
    cli_opinions_layer_members(&w->opinions, layer);
}

static struct cli_ranking ranking_of(const struct work *w)
{
    return (struct cli_ranking) { .plan = &w->look.plan,
                                  .top = w->top,
                                  .user = w,
                                  .compare = by_insn,
                                  .is_wanted = is_winner,
                                  .row = print_row,
                                  .members = print_counts_json,
                                  .layer_members = print_layer_json };
}

static void print_text(const struct work *w)
{
    const struct cli_ranking ranking = ranking_of(w);
    const char *headings[4 + COLUMNS + CLI_OPINIONS_MAX] = { "layer", "variant", "insn/MAC",
                                                             "kernel" };
    size_t n = 4;
    for (int i = 0; i < COLUMNS; i++)
        headings[n++] = hrn_count_names[columns[i]];
    for (size_t i = 0; i < w->opinions.count; i++)
        headings[n++] = w->opinions.of[i].name;
    struct cli_table *table = cli_table_new(headings, n);
    printf("EMULATED COUNTS on %s: executed instructions per multiply-accumulate of the layer; no "
           "time, and not proved here\n",
           hrn_device_info(w->device)->key);
    cli_ranking_rows(&ranking, table);
    cli_table_print(table, stdout);
    print_means(w);
    cli_opinions_print(&w->opinions);
}

static void print_json(const struct work *w)
{
    static const char *const keys[] = { "geomean_insn_per_mac", "geomean_insn_per_mac_depthwise" };
    const struct cli_ranking ranking = ranking_of(w);
    printf("{\n  \"device\": \"%s\",\n  \"evidence\": \"emulated\",\n",
           hrn_device_info(w->device)->key);
    for (int depthwise = 0; depthwise < 2; depthwise++) {
        size_t layers;
        double mean = hrn_count_geomean(&w->look.plan, w->counted, NULL, depthwise, &layers);
        if (layers)
            printf("  \"%s\": %.6f,\n", keys[depthwise], mean);
    }
    cli_opinions_json_means(&w->opinions);
    cli_ranking_json(&ranking);
    fputs("\n}\n", stdout);
}

/* ---- */

static int count(struct work *w)
{
    const struct hrn_build_paths paths = { .source_root = cli_source_root(),
                                           .cache_dir = cli_cache_dir() };
    const struct hrn_count_options options = { .toolchain = &w->toolchain,
                                               .paths = &paths,
                                               .device = w->device,
                                               .timeout_ms = (int)w->timeout_s * 1000,
                                               .stop = &cli_stop,
                                               .progress = w->quiet ? NULL : show_progress };
    cli_catch_interrupt();
    if (!w->quiet)
        cli_progress_begin(&progress, "count");
    int rc = hrn_count_plan(&w->look.plan, &options, &w->counted, w->err, sizeof w->err);
    if (!w->quiet)
        cli_progress_end(&progress);
    if (rc == -EINTR)
        return CLI_INTERRUPTED;
    if (rc)
        return cli_fail(rc == -EPIPE || rc == -ENOTSUP ? CLI_DEVICE : CLI_FAILED, "%s", w->err);
    if (!w->quiet)
        cli_progress_begin(&progress, "predict");
    rc = cli_opinions_gather(&w->opinions, &w->look.plan, w->counted,
                             w->quiet ? NULL : show_progress);
    if (!w->quiet)
        cli_progress_end(&progress);
    if (rc)
        return rc;
    (w->json ? print_json : print_text)(w);
    return CLI_OK;
}

static int run(struct work *w)
{
    const struct hrn_device_info *info;
    if (w->timeout_s < 1 || w->timeout_s > 86400 || w->top < 0)
        return cli_fail(CLI_USAGE, "--timeout goes from 1 to 86400 seconds, --top from 0");
    if (cli_opinions_check(&w->opinions))
        return CLI_USAGE;
    if (hrn_device_open(w->device_key, &w->device, w->err, sizeof w->err))
        return cli_fail(CLI_DEVICE, "%s", w->err);
    info = hrn_device_info(w->device);
    if (hrn_toolchain_find(info->arch, w->cc, &w->toolchain, w->err, sizeof w->err))
        return cli_fail(CLI_DEVICE, "%s", w->err);
    int rc = cli_look_plan(&w->look, info->key, info->isas, hrn_device_core(info));
    return rc ? rc : count(w);
}

static void clear(struct work *w)
{
    cli_opinions_clear(&w->opinions);
    hrn_counted_free(w->counted, w->look.plan.count);
    cli_look_clear(&w->look);
    hrn_device_close(w->device);
}

int cmd_count(int argc, char **argv)
{
    static struct work w = { .device_key = "qemu:cortex-a76", .top = 1, .timeout_s = 60 };
    const struct cli_option options[] = {
        { 'd', "device", CLI_STRING, "KEY",
          "An emulated device that counts: qemu:CPU. Default: qemu:cortex-a76.", &w.device_key },
        CLI_LOOK_OPTIONS(w.look),
        { 't', "top", CLI_INT, "N",
          "Shows the N variants of a layer that execute the least; 0 = all. Default: 1.", &w.top },
        { 0, "model", CLI_LIST, "CORE[,CORE]",
          "Cores whose static models warn of counts that mislead; none: no model. Default: one "
          "that issues in order and one that does not, both typical of the highest level.",
          &w.opinions.named },
        { 0, "timeout", CLI_INT, "SECONDS", "Limit of one variant. Default: 60.", &w.timeout_s },
        { 0, "cc", CLI_STRING, "PROGRAM", "Compiler for the device. Default: the cross compiler.",
          &w.cc },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON: the counts themselves.", &w.json },
        { 'q', "quiet", CLI_FLAG, NULL, "No progress.", &w.quiet },
    };
    const struct cli_command command = {
        .name = "count",
        .synopsis = "quern count (--problem=P | --batch=FILE | --network=NAME)... [OPTION]... "
                    "[VARIANT]...",
        .description =
            "Counts what one convolution executes, exactly and repeatably: all instructions of the "
            "driver and the micro-kernel, packing of A and requantisation included, packing of "
            "weights and set-up not. Per MAC of the layer, taps in the padding counted.\n\n"
            "Columns: all instructions, those of the micro-kernel alone, then by kind; multiply "
            "are vector multiplications of integers, mac the products that they make (more than 1 "
            "per MAC where a tile is not full), vector all other vector instructions.\n\n"
            "Counts are no times: latency, issue and caches are not in them. So models of cores "
            "warn: what executes least wins on a core only if it is predicted no more than 3 % "
            "slower there than the fastest that was counted; if not, a warning says so, and the "
            "winner is the least of those that are. The winners are always shown, with a star.\n\n"
            "Nothing is proved or stored here; 'quern sweep -d qemu:CPU' does both.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern count -p ic64ih56oc64kh1 -t 5\n"
                    "quern count -p ic64ih56oc64kh1 dotprod_gemm_m8n8k4u2a0b0l128s0v1i1\n"
                    "quern count -d qemu:max,sve=off --isa i8mm --batch shapes.txt",
    };
    int code = cli_parse(&command, argc, argv, &w.look.names);
    if (code)
        return code - 1;
    code = run(&w);
    clear(&w);
    return code;
}
