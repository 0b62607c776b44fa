#include "harness/cli/run.h"

#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"

static double percent(size_t part, const struct qnt_accuracy *a)
{
    return a->images ? 100.0 * (double)part / (double)a->images : 0;
}

static void cell_if(struct cli_table *t, int shown, int decimals, double value)
{
    char text[40] = "";

    if (shown)
        snprintf(text, sizeof(text), "%.*f", decimals, value);
    cli_table_cell(t, "%s", text);
}

/* How often the right class was first, or among the first five; dashes where none is known. */
static void cell_tops(const struct run_result *r, struct cli_table *t, const struct qnt_accuracy *a,
                      size_t top1, size_t top5)
{
    if (!r->has_classes) {
        cli_table_cell(t, "-");
        cli_table_cell(t, "-");
        return;
    }
    cli_table_cell(t, "%.2f", percent(top1, a));
    cli_table_cell(t, "%.2f", percent(top5, a));
}

static void json_tops(const struct run_result *r, FILE *out, const struct qnt_accuracy *a,
                      size_t top1, size_t top5)
{
    if (r->has_classes)
        fprintf(out, ", \"top1\": %.6g, \"top5\": %.6g", percent(top1, a), percent(top5, a));
    else
        fprintf(out, ", \"top1\": null, \"top5\": null");
}

static void json_time(const struct run_result *r, FILE *out, const char *name, double value)
{
    if (r->has_times)
        fprintf(out, ", \"%s\": %.6g", name, value);
    else
        fprintf(out, ", \"%s\": null", name);
}

static void print_accuracy(const struct run_result *r, FILE *out)
{
    static const char *const headings[] = { "",        "top-1 %", "top-5 %",      "agree %",
                                            "SQNR dB", "cosine",  "ms per image", "" };
    const struct qnt_accuracy *first = &r->entries[0].accuracy;
    struct cli_table *t = cli_table_new(headings, 8);

    if (r->has_float) {
        cli_table_cell(t, "fp32");
        cell_tops(r, t, first, first->float_top1, first->float_top5);
        for (int i = 0; i < 3; i++)
            cli_table_cell(t, "%s", "");
        cell_if(t, r->has_times, 3, first->float_ms);
        cli_table_cell(t, "%s", "");
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct qnt_accuracy *a = &r->entries[i].accuracy;
        cli_table_cell(t, "int8 %s", r->entries[i].label);
        cell_tops(r, t, a, a->int8_top1, a->int8_top5);
        cell_if(t, r->has_float, 2, percent(a->agree, a));
        cell_if(t, r->has_float, 2, a->sqnr_db);
        cell_if(t, r->has_float, 5, a->cosine);
        cell_if(t, r->has_times, 3, a->int8_ms);
        cli_table_cell(t, "%s", r->entries[i].warnings ? "see the warnings" : "");
    }
    cli_table_print(t, out);
}

/* Where the kernel of a layer comes from. */
static const char *reason_of(const struct run_result *r, const struct qnt_exec_layer *l)
{
    if (!l->problem)
        return "";
    if (*l->note)
        return l->note;
    if (!l->conv)
        return "gives the scores: sums of 32 bits, not rounded to bytes";
    return cli_winners_reason(r->winners, l->problem, l->epilogue);
}

static const char *kernel_of(const struct qnt_exec_layer *l)
{
    return l->conv ? l->conv->kernel->name : "(plain C)";
}

/* Of one image, all layers, as they were timed. */
static double total_ns(const struct run_result *r)
{
    struct qnt_exec_layer l;
    double total = 0;

    for (size_t i = 0; qnt_exec_layer(r->entries[0].exec, i, &l) == 0; i++)
        total += l.time_ns;
    return total;
}

/* Columns of a layer's counters; dashes where nothing was counted. */
static void print_counts(const struct run_result *r, size_t index, const struct qnt_exec_layer *l,
                         struct cli_table *t)
{
    struct cli_layer_counts c;

    if (cli_layer_counts(r->counters, index, &c) != 0) {
        for (int i = 0; i < 4; i++)
            cli_table_cell(t, "%s", "-");
        return;
    }
    const double cycles = c.value[CLI_LAYER_CYCLES];
    cli_table_cell(t, "%.0f", cycles);
    cli_table_cell(t, "%.2f", cycles > 0 ? c.value[CLI_LAYER_INSTRUCTIONS] / cycles : 0);
    if (l->problem && cycles > 0)
        cli_table_cell(t, "%.1f", (double)krn_problem_macs(l->problem) / cycles);
    else
        cli_table_cell(t, "%s", "");
    cli_table_cell(t, "%.1f", c.value[CLI_LAYER_MISSES]);
}

static void print_layers(const struct run_result *r, FILE *out)
{
    static const char *const headings[] = { "layer",  "operator",   "output",    "us",
                                            "%",      "kernel",     "algorithm", "why",
                                            "cycles", "insn/cycle", "MAC/cycle", "misses" };
    struct cli_table *t = cli_table_new(headings, r->counters ? 12 : 8);
    const double total = total_ns(r);
    struct qnt_exec_layer l;

    for (size_t i = 1; qnt_exec_layer(r->entries[0].exec, i, &l) == 0; i++) {
        cli_table_cell(t, "%s", l.name);
        cli_table_cell(t, "%s", l.title);
        cli_table_cell(t, "%dx%dx%d", l.h, l.w, l.c);
        cell_if(t, r->has_times, 2, l.time_ns / 1e3);
        cell_if(t, r->has_times, 1, total > 0 ? 100 * l.time_ns / total : 0);
        cli_table_cell(t, "%s", kernel_of(&l));
        cli_table_cell(t, "%s", l.conv ? krn_algorithm_names[l.conv->algorithm] : "");
        cli_table_cell(t, "%s", reason_of(r, &l));
        if (r->counters)
            print_counts(r, i, &l, t);
    }
    cli_table_print(t, out);
    if (r->counters && r->counters->why[0])
        fprintf(out, "\nno counters: %s\n", r->counters->why);
}

void run_print_text(const struct run_result *r, FILE *out)
{
    const struct run_entry *e = &r->entries[0];
    const struct qnt_exec_memory m = qnt_exec_memory(e->exec);

    print_accuracy(r, out);
    fprintf(out, "\n%zu images, int8 on %d thread%s\n", e->accuracy.images, r->threads,
            r->threads == 1 ? "" : "s");
    if (!r->has_times)
        fprintf(out, "EMULATED: this machine proves the scores, and knows no time\n");
    fprintf(out,
            "int8 bytes: network %zu, activations %zu, packed weights %zu, pointer tables %zu, "
            "scratch %zu\n",
            qnt_network_bytes(e->network), m.arena, m.packed, m.tables, m.scratch);
    if (r->has_float)
        fprintf(out, "fp32 bytes: weights %zu, activations %zu\n", r->float_bytes[0],
                r->float_bytes[1]);
    fputc('\n', out);
    print_layers(r, out);
}

static void print_json_rows(const struct run_result *r, FILE *out)
{
    const struct qnt_accuracy *first = &r->entries[0].accuracy;

    if (r->has_float) {
        fprintf(out, "\n    {\"name\": \"fp32\"");
        json_tops(r, out, first, first->float_top1, first->float_top5);
        json_time(r, out, "ms", first->float_ms);
        fputs("},", out);
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct qnt_accuracy *a = &r->entries[i].accuracy;
        fprintf(out, "%s\n    {\"name\": ", i ? "," : "");
        cli_json_string(out, r->entries[i].label);
        json_tops(r, out, a, a->int8_top1, a->int8_top5);
        json_time(r, out, "ms", a->int8_ms);
        fprintf(out, ", \"unsound_thresholds\": %zu", r->entries[i].warnings);
        if (r->has_float)
            fprintf(out, ", \"agree\": %.6g, \"sqnr_db\": %.6g, \"cosine\": %.8g",
                    percent(a->agree, a), a->sqnr_db, a->cosine);
        fputc('}', out);
    }
}

static void print_json_counts(const struct run_result *r, size_t index, FILE *out)
{
    struct cli_layer_counts c;

    if (!r->counters)
        return;
    if (cli_layer_counts(r->counters, index, &c) != 0)
        fputs(", \"cycles\": null, \"instructions\": null, \"cache_misses\": null", out);
    else
        fprintf(out, ", \"cycles\": %.6g, \"instructions\": %.6g, \"cache_misses\": %.6g",
                c.value[CLI_LAYER_CYCLES], c.value[CLI_LAYER_INSTRUCTIONS],
                c.value[CLI_LAYER_MISSES]);
}

static void print_json_layer(const struct run_result *r, size_t index,
                             const struct qnt_exec_layer *l, FILE *out)
{
    char problem[KRN_PROBLEM_STR_MAX] = "";

    if (l->problem)
        krn_problem_format(l->problem, 0, problem);
    fputs("\n    {\"name\": ", out);
    cli_json_string(out, l->name);
    fprintf(out, ", \"operator\": \"%s\", \"problem\": \"%s\", \"kernel\": ", l->title, problem);
    cli_json_string(out, kernel_of(l));
    json_time(r, out, "time_ns", l->time_ns);
    print_json_counts(r, index, out);
    fputs(", \"why\": ", out);
    cli_json_string(out, reason_of(r, l));
    fputc('}', out);
}

void run_print_json(const struct run_result *r, FILE *out)
{
    const struct run_entry *e = &r->entries[0];
    const struct qnt_exec_memory m = qnt_exec_memory(e->exec);
    struct qnt_exec_layer l;

    fprintf(out,
            "{\n  \"images\": %zu,\n  \"threads\": %d,\n  \"network_bytes\": %zu,\n"
            "  \"activation_bytes\": %zu,\n  \"packed_bytes\": %zu,\n  \"table_bytes\": %zu,\n"
            "  \"scratch_bytes\": %zu,\n  \"run\": %lld,\n  \"accuracy\": [",
            e->accuracy.images, r->threads, qnt_network_bytes(e->network), m.arena, m.packed,
            m.tables, m.scratch, r->winners->run);
    print_json_rows(r, out);
    fputs("\n  ],\n  \"layers\": [", out);
    for (size_t i = 1; qnt_exec_layer(e->exec, i, &l) == 0; i++) {
        fputs(i > 1 ? "," : "", out);
        print_json_layer(r, i, &l, out);
    }
    fputs("\n  ]\n}\n", out);
}
