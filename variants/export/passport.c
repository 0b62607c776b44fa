/* passport.json: why each choice was made, for programs; and README.md, for people. */
#include "variants/export/export_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "variants/packing.h"

static void write_string(struct var_text *t, const char *s)
{
    var_text_printf(t, "\"");
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;
        if (ch == '"' || ch == '\\')
            var_text_printf(t, "\\%c", ch);
        else if (ch < ' ' || ch == 0x7f)
            var_text_printf(t, "\\u%04x", ch);
        else
            var_text_printf(t, "%c", ch);
    }
    var_text_printf(t, "\"");
}

/* ,"key": value; nothing where it is unknown. `first` leaves the comma out. */
static void write_pair(struct var_text *t, const char *indent, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    var_text_printf(t, ",\n%s\"%s\": ", indent, key);
    write_string(t, value);
}

static void write_number(struct var_text *t, const char *indent, const char *key, double value)
{
    if (value != 0)
        var_text_printf(t, ",\n%s\"%s\": %.9g", indent, key, value);
}

static void write_counters(struct var_text *t, const struct var_export_evidence *ev)
{
    if (ev->counter_count == 0)
        return;
    var_text_printf(t, ",\n        \"counters_per_call\": {");
    for (size_t i = 0; i < ev->counter_count; i++) {
        var_text_printf(t, "%s\n          ", i ? "," : "");
        write_string(t, ev->counters[i].event);
        var_text_printf(t, ": %.9g", ev->counters[i].per_call);
    }
    var_text_printf(t, "\n        }");
}

/* JSON has no NAN: what a few pairs cannot tell is null. */
static void write_real(struct var_text *t, double value)
{
    if (isfinite(value))
        var_text_printf(t, "%.6g", value);
    else
        var_text_printf(t, "null");
}

static void write_comparisons(struct var_text *t, const struct var_export_evidence *ev)
{
    if (ev->comparison_count == 0)
        return;
    var_text_printf(t, ",\n        \"compared\": [");
    for (size_t i = 0; i < ev->comparison_count; i++) {
        const struct var_export_comparison *c = &ev->comparisons[i];
        var_text_printf(t, "%s\n          { \"with\": ", i ? "," : "");
        write_string(t, c->role);
        write_pair(t, "            ", "variant", c->against);
        write_pair(t, "            ", "verdict", c->verdict);
        var_text_printf(t, ",\n            \"time_ratio\": ");
        write_real(t, c->ratio);
        var_text_printf(t, ", \"interval_95\": [");
        write_real(t, c->low);
        var_text_printf(t, ", ");
        write_real(t, c->high);
        var_text_printf(t, "], \"pairs\": %zu }", c->pairs);
    }
    var_text_printf(t, "\n        ]");
}

static double gmacs(const struct var_export_choice *choice)
{
    double time_ns = choice->evidence.median_ns;
    return time_ns > 0 ? (double)krn_problem_macs(&choice->problem) / time_ns : 0;
}

static void write_evidence(struct var_text *t, const struct var_export_choice *choice)
{
    const struct var_export_evidence *ev = &choice->evidence;
    const char *indent = "        ";
    var_text_printf(t, ",\n      \"evidence\": {\n        \"kind\": ");
    write_string(t, ev->kind ? ev->kind : "unknown");
    write_pair(t, indent, "device", ev->device);
    write_pair(t, indent, "arch", ev->arch);
    write_pair(t, indent, "cpu", ev->cpu);
    write_pair(t, indent, "midr", ev->midr);
    write_pair(t, indent, "os_kernel", ev->kernel);
    write_pair(t, indent, "os", ev->os);
    write_pair(t, indent, "compiler", ev->compiler);
    write_pair(t, indent, "compiler_flags", ev->compiler_flags);
    write_pair(t, indent, "tool_version", ev->tool_version);
    write_pair(t, indent, "command", ev->command);
    if (ev->run_id)
        var_text_printf(t, ",\n%s\"run\": %lld,\n%s\"seed\": %llu", indent, (long long)ev->run_id,
                        indent, (unsigned long long)ev->seed);
    write_number(t, indent, "rounds", ev->rounds);
    write_number(t, indent, "samples", (double)ev->samples);
    write_number(t, indent, "median_ns", ev->median_ns);
    write_number(t, indent, "min_ns", ev->min_ns);
    write_number(t, indent, "mad_ns", ev->mad_ns);
    write_number(t, indent, "gmacs_per_s", gmacs(choice));
    write_number(t, indent, "tied", (double)ev->tied);
    write_number(t, indent, "peak_share", ev->peak_share);
    write_comparisons(t, ev);
    write_counters(t, ev);
    var_text_printf(t, "\n      }");
}

static int write_choice(struct var_text *t, const struct exp_plan *plan, size_t i)
{
    static const struct krn_quant any = { 0, 0, -128, 127 };
    const struct var_export_choice *choice = &plan->input->choices[i];
    const struct exp_kernel *kernel = &plan->kernels[plan->of_choice[i]];
    char text[KRN_PROBLEM_STR_MAX], name[VAR_NAME_MAX], packing[VAR_PACKING_MAX];
    struct krn_conv conv;
    uint64_t hash;
    size_t bytes;
    int rc = var_source_hash(&kernel->variant, &hash);
    if (rc == 0)
        rc = krn_conv_plan(&conv, &choice->problem, &any, &kernel->row,
                           var_driver(&choice->variant), NULL, 0);
    if (rc != 0)
        return rc;
    var_export_layer(choice, text);
    var_name_format(&choice->variant, name);
    var_text_printf(t, "%s\n    {\n      \"problem\": \"%s\"", i ? "," : "", text);
    write_pair(t, "      ", "title", choice->problem.name);
    write_pair(t, "      ", "variant", name);
    write_pair(t, "      ", "kernel", kernel->name);
    write_pair(t, "      ", "isa", krn_isas[kernel->variant.isa].name);
    write_pair(t, "      ", "family", krn_family_names[kernel->variant.family]);
    write_pair(t, "      ", "algorithm", krn_algorithm_names[conv.algorithm]);
    write_pair(t, "      ", "core", choice->core.name);
    if (choice->core.midr)
        var_text_printf(t, ",\n      \"core_midr\": \"0x%08x\"", (unsigned)choice->core.midr);
    if (var_packing_name(&choice->variant, &choice->problem, packing, &bytes) == 0)
        var_text_printf(t, ",\n      \"packing\": \"%s\",\n      \"packed_bytes\": %zu", packing,
                        bytes);
    var_text_printf(t, ",\n      \"source_fnv1a\": \"%016llx\"", (unsigned long long)hash);
    write_evidence(t, choice);
    var_text_printf(t, "\n    }");
    return 0;
}

int exp_write_passport(const struct exp_plan *plan, struct var_export *e, char *err,
                       size_t err_bytes)
{
    struct var_text *t = exp_add(e, "passport.json");
    int rc = 0;
    if (!t)
        return -ENOMEM;
    var_text_printf(t, "{\n%s\n  \"version\": 1,\n  \"license\": \"%s\"", EXP_MARK, EXP_SPDX);
    write_pair(t, "  ", "tool_version", plan->input->tool_version);
    var_text_printf(t, ",\n%s", EXP_SELECTION);
    write_string(t, plan->input->selection ? plan->input->selection : "");
    var_text_printf(t, ",\n  \"choices\": [");
    for (size_t i = 0; i < plan->input->count && rc == 0; i++)
        rc = write_choice(t, plan, i);
    var_text_printf(t, "\n  ],\n  \"portable_kernels\": [");
    const char *comma = "";
    for (size_t i = 0; i < plan->count; i++)
        if (plan->kernels[i].portable) {
            var_text_printf(t, "%s\n    \"%s\"", comma, plan->kernels[i].name);
            comma = ",";
        }
    var_text_printf(t, "\n  ]\n}\n");
    if (rc != 0)
        snprintf(err, err_bytes, "passport.json: %s", strerror(-rc));
    return rc;
}
