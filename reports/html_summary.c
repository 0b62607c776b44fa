/* Top of the page: what this is, the figures that matter, what they rest on. Bottom: how to read
 * them. */
#include "reports/html_int.h"

#include <string.h>

/* ---- figures */

static void put_tile(FILE *out, const char *label, const char *value, const char *unit,
                     const char *more)
{
    fputs("<div class=\"tile\">", out);
    rpt_html_element(out, "div", "label", label);
    fputs("<div class=\"value\">", out);
    rpt_html_text(out, value);
    if (unit[0]) {
        fputs(" <small>", out);
        rpt_html_text(out, unit);
        fputs("</small>", out);
    }
    fputs("</div>", out);
    rpt_html_element(out, "div", "more", more);
    fputs("</div>\n", out);
}

static void put_geomean_tile(const struct rpt_page *page, enum rpt_baseline b)
{
    const struct rpt_digest *d = page->digest;
    char value[RPT_NUMBER_MAX + 4], number[RPT_NUMBER_MAX], least[RPT_NUMBER_MAX], label[64],
        more[RPT_PROOF_WORDS_MAX + 160], words[RPT_PROOF_WORDS_MAX];
    if (!d->geomean_layers[b])
        return;
    snprintf(value, sizeof value, "%s×", rpt_number(d->geomean[b], 3, number));
    snprintf(label, sizeof label, "against %s", rpt_baseline_titles[b]);
    snprintf(more, sizeof more, "geometric mean; %s; least %s× on %.60s",
             rpt_verdict_words(d, b, words),
             rpt_number(rpt_speedup(d->least[b], b).factor, 3, least), rpt_layer_name(d->least[b]));
    put_tile(page->out, label, value, "", more);
}

static void put_network_tile(const struct rpt_page *page)
{
    const struct rpt_network_digest *n = page->digest->networks;
    char words[RPT_NUMBER_MAX], other[RPT_NUMBER_MAX], more[200];
    if (page->digest->network_count != 1 || n->timed == 0)
        return;
    int used = snprintf(more, sizeof more, "sum of %zu of %zu layers", n->timed, n->layers);
    if (n->compared[RPT_DEFAULT] == n->timed)
        snprintf(more + used, sizeof more - (size_t)used, "; with the default %s",
                 rpt_time_words(n->baseline_ns[RPT_DEFAULT], other));
    rpt_time_words(n->winners_ns, words);
    char *unit = strchr(words, ' ');
    *unit = '\0';
    put_tile(page->out, n->network, words, unit + 1, more);
}

static void put_peak_tile(const struct rpt_page *page)
{
    const struct rpt_digest *d = page->digest;
    char value[RPT_NUMBER_MAX], more[200];
    if (!d->worst_peak)
        return;
    snprintf(value, sizeof value, "%.0f %%", 100 * d->peak_share);
    snprintf(more, sizeof more, "of the measured peak, weighted by time; farthest: %.60s, %.0f %%",
             rpt_layer_name(d->worst_peak), 100 * d->worst_peak->candidates[0].peak_share);
    put_tile(page->out, "winners reach", value, "", more);
}

static void put_proof_tile(const struct rpt_page *page)
{
    const struct rpt_digest *d = page->digest;
    char value[RPT_NUMBER_MAX], all[RPT_NUMBER_MAX], more[160];
    if (page->run->evidence == HRN_PREDICTED) {
        snprintf(more, sizeof more, "%zu of them without a prediction", d->fates[RPT_FAILED]);
        put_tile(page->out, "variants on layers", rpt_count((long long)d->candidates, value), "",
                 more);
        return;
    }
    int used = snprintf(more, sizeof more, "of %s variants on layers; %zu failed",
                        rpt_count((long long)d->candidates, all), d->fates[RPT_FAILED]);
    if (d->fates[RPT_VOID])
        used += snprintf(more + used, sizeof more - (size_t)used,
                         "; %zu proved, but without a time", d->fates[RPT_VOID]);
    if (d->fates[RPT_UNREACHED])
        snprintf(more + used, sizeof more - (size_t)used, "; %zu not reached",
                 d->fates[RPT_UNREACHED]);
    put_tile(page->out, "proved bit-exact", rpt_count((long long)d->proved, value), "", more);
}

static void put_tiles(const struct rpt_page *page)
{
    char value[RPT_NUMBER_MAX];
    fputs("<div class=\"tiles\">\n", page->out);
    put_proof_tile(page);
    if (rpt_run_timed(page->run)) {
        char more[80];
        snprintf(more, sizeof more, "%zu of them have a winner", page->digest->timed_layers);
        put_tile(page->out, "layers", rpt_count((long long)page->run->layer_count, value), "",
                 more);
        put_geomean_tile(page, RPT_DEFAULT);
        put_geomean_tile(page, RPT_PORTABLE);
        put_peak_tile(page);
        put_network_tile(page);
    } else {
        put_tile(page->out, "layers", rpt_count((long long)page->run->layer_count, value), "",
                 page->run->evidence == HRN_EMULATED ? "emulated: no times"
                                                     : "predicted: no times");
    }
    fputs("</div>\n", page->out);
}

/* ---- facts */

static void put_fact(FILE *out, const char *term, const char *text)
{
    if (!text[0])
        return;
    rpt_html_element(out, "dt", NULL, term);
    rpt_html_element(out, "dd", NULL, text);
    fputc('\n', out);
}

static const char *join(const char *a, const char *b, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%s%s%s", a, a[0] && b[0] ? ", " : "", b);
    return out;
}

static void put_isas(const struct rpt_page *page)
{
    FILE *out = page->out;
    char peak[RPT_NUMBER_MAX];
    fputs("<dt>ISA levels</dt><dd>", out);
    for (size_t i = 0; i < page->digest->isa_count; i++) {
        const struct rpt_isa_digest *isa = &page->digest->isas[i];
        fprintf(out, "%s<span class=\"legend\" style=\"background:var(%s)\"></span>",
                i ? " &nbsp; " : "", rpt_inks[rpt_isa_ink(isa->isa)].property);
        rpt_html_text(out, isa->isa);
        if (rpt_run_timed(page->run) && isa->peak_gmacs > 0)
            fprintf(out, " <span class=\"muted\">peak %s GMAC/s</span>",
                    rpt_number(isa->peak_gmacs, 3, peak));
    }
    fputs("</dd>\n", out);
}

static void say_energy(const char *sentence, int is_known, void *user)
{
    FILE *out = user;
    rpt_html_element(out, "div", is_known ? NULL : "muted", sentence);
}

static void put_energy(const struct rpt_page *page)
{
    fputs("<dt>Energy</dt><dd>", page->out);
    rpt_energy(page->run, say_energy, page->out);
    fputs("</dd>\n", page->out);
}

static void put_facts(const struct rpt_page *page)
{
    static const char *const evidence[HRN_EVIDENCE_COUNT] = {
        [HRN_MEASURED] = "measured on silicon",
        [HRN_EMULATED] = "emulated: proves correctness, counts, knows no time",
        [HRN_PREDICTED] = "predicted by a static model, not measured",
    };
    const struct rpt_run *run = page->run;
    char text[1024], count[RPT_NUMBER_MAX];
    fputs("<h2 id=\"measured\">What was measured</h2>\n<div class=\"card\"><dl class=\"facts\">\n",
          page->out);
    put_fact(page->out, "Device", join(run->device_key, run->arch, text, sizeof text));
    put_fact(page->out, "CPU", join(run->cpu, run->midr, text, sizeof text));
    put_isas(page);
    put_fact(page->out, "System", join(run->os, run->kernel, text, sizeof text));
    snprintf(text, sizeof text, "%s %s", run->compiler, run->compiler_flags);
    put_fact(page->out, "Compiler", text);
    put_fact(page->out, "Evidence", evidence[run->evidence]);
    if (rpt_run_timed(run)) {
        snprintf(
            text, sizeof text,
            "%s of at least %.3g ms each, in up to %d interleaved rounds; %zu of them void and "
            "left out",
            rpt_count(run->samples, count), (double)run->min_sample_ns / 1e6, run->rounds,
            page->digest->void_samples);
        put_fact(page->out, "Samples", text);
        put_energy(page);
    }
    if (run->filtered[0])
        put_fact(page->out, "Points that filters removed", run->filtered);
    snprintf(text, sizeof text, "%llu", run->seed);
    put_fact(page->out, "Seed", text);
    snprintf(text, sizeof text, "%s", run->tool_version);
    put_fact(page->out, "Quern", text);
    fputs("</dl><h3>The command, to repeat it</h3>", page->out);
    rpt_html_element(page->out, "pre", NULL, run->command);
    fputs("</div>\n", page->out);
}

/* ---- head */

static void put_badges(const struct rpt_page *page)
{
    static const char *const classes[HRN_EVIDENCE_COUNT] = {
        [HRN_MEASURED] = "badge good",
        [HRN_EMULATED] = "badge warn",
        [HRN_PREDICTED] = "badge warn",
    };
    const struct rpt_run *run = page->run;
    rpt_html_element(page->out, "span", classes[run->evidence], hrn_evidence_names[run->evidence]);
    if (strcmp(run->outcome, "complete") != 0)
        rpt_html_element(page->out, "span", "badge warn",
                         run->outcome[0] ? run->outcome : "not ended");
}

static void put_navigation(const struct rpt_page *page)
{
    FILE *out = page->out;
    fputs("<nav><a href=\"#measured\">What was measured</a>", out);
    if (rpt_run_timed(page->run))
        fputs("<a href=\"#winners\">Winners</a><a href=\"#tiles\">Tiles</a><a "
              "href=\"#layers\">Layers</a>",
              out);
    else if (page->run->counted)
        fputs("<a href=\"#figures\">Figures</a>", out);
    if (page->run->pair)
        fputs("<a href=\"#pair\">One packing</a>", out);
    if (page->run->evidence != HRN_PREDICTED)
        fputs("<a href=\"#outcomes\">Proofs</a>", out);
    if (page->digest->fates[RPT_FAILED])
        fputs("<a href=\"#failures\">Failures</a>", out);
    fputs("<a href=\"#notes\">How to read this</a></nav>", out);
}

static void put_title(const struct rpt_page *page)
{
    const struct rpt_digest *d = page->digest;
    for (size_t i = 0; i < d->network_count; i++) {
        fputs(i ? ", " : "", page->out);
        rpt_html_text(page->out, d->networks[i].network);
    }
    if (d->network_count == 0)
        fprintf(page->out, "%zu layer%s", page->run->layer_count,
                page->run->layer_count == 1 ? "" : "s");
    fputs(" on ", page->out);
    rpt_html_text(page->out, page->run->cpu[0] ? page->run->cpu : page->run->device_key);
}

void rpt_page_summary(const struct rpt_page *page)
{
    FILE *out = page->out;
    char date[RPT_NUMBER_MAX];
    fputs("<header class=\"top\"><div>\n<h1>", out);
    put_title(page);
    put_badges(page);
    fprintf(out, "</h1>\n<div class=\"muted\">Quern report of run %lld, %s</div>\n", page->run->id,
            rpt_date(page->run->begin_unix_s, date));
    put_navigation(page);
    fputs("</div></header>\n<main>\n", out);
    if (page->run->evidence == HRN_EMULATED)
        fputs("<div class=\"banner\"><p><b>Emulated.</b> An emulator ran these variants: it proves "
              "that they compute"
              " the right bits, and says nothing about speed. No time is shown anywhere on this "
              "page.</p></div>\n",
              out);
    if (page->run->evidence == HRN_PREDICTED)
        fputs("<div class=\"banner\"><p><b>Predicted.</b> Every figure on this page comes from a "
              "static model of the core: nothing was run, measured or proved.</p></div>\n",
              out);
    if (rpt_peaks_doubtful(page->digest))
        fprintf(
            out,
            "<div class=\"banner\"><p><b>The peak is doubtful.</b> A variant reached %.0f %% of "
            "it, so it was measured too low: was there another load on the machine? Believe no "
            "share of the peak on this page, and measure again on an idle "
            "machine.</p></div>\n",
            100 * page->digest->highest_share);
    if (page->digest->candidates == 0)
        fputs("<div class=\"banner\"><p><b>Nothing was tried in this run.</b> <code>quern report "
              "--list</code> shows the others.</p></div>\n",
              out);
    put_tiles(page);
    put_facts(page);
}

/* ---- how to read it */

static void put_note(FILE *out, const char *term, const char *text)
{
    rpt_html_element(out, "dt", NULL, term);
    rpt_html_element(out, "dd", NULL, text);
    fputc('\n', out);
}

static void put_time_notes(FILE *out)
{
    put_note(
        out, "Median",
        "Of the samples of a variant, one or more in each round; each sample is a batch of calls,"
        " with the cost of an empty call subtracted. Outliers are kept.");
    put_note(out, "GMAC/s",
             "Multiply-accumulates of the layer (taps in the padding counted) divided by the median"
             " time. One multiply-accumulate is two operations.");
    put_note(
        out, "% of peak",
        "Against the rate that the multiply-accumulate instruction of the variant's ISA reached"
        " in registers, measured in the same run on the same core.");
    put_note(
        out, "Speed-up",
        "Time of the baseline / time of the winner: the median over rounds of the ratio within a"
        " round, with the 95 % bootstrap interval. The winner is picked by the same samples, which "
        "flatters"
        " a narrow win a little.");
    put_note(out, "The default",
             "The variant that a user without a sweep gets on the strongest ISA of this run.");
    put_note(
        out, "Tied",
        "Variants whose interval against the fastest one does not exclude the noise band of the "
        "layer (the baseline against itself, at least 1 %): "
        "equal, or"
        " not told apart yet. The winner is the one with the least code, then the "
        "fewest saved registers, the least workspace, the first name, among those that none "
        "of them beats: the same "
        "samples always"
        " give the same winner.");
    put_note(out, "Sum of a network",
             "Medians of the layers, each as often as the network has it, each measured"
             " alone and repeatedly, so with warm caches. A whole network also pays for what lies "
             "between.");
}

void rpt_page_notes(const struct rpt_page *page)
{
    FILE *out = page->out;
    fputs("<h2 id=\"notes\">How to read this</h2>\n<div class=\"card\"><dl class=\"facts\">\n",
          out);
    if (rpt_run_timed(page->run))
        put_time_notes(out);
    put_note(out, "Proved",
             "Every byte of the output equal to the C reference, on the layer itself and on tails,"
             " with guard pages around all buffers. A variant that fails this is never timed.");
    fputs("</dl></div>\n", out);
    if (!rpt_run_timed(page->run))
        return;
    fputs("<p class=\"note\">The plots can be drawn again from <code>", out);
    rpt_html_text(out, page->plots_dir);
    fputs("</code>: each has its data in a .dat file and its script in a .gp file.</p>\n", out);
}
