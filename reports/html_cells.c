#include "reports/html_int.h"

#include <math.h>

void rpt_html_text(FILE *out, const char *text)
{
    rpt_escape(out, text);
}

void rpt_html_element(FILE *out, const char *tag, const char *class_name, const char *text)
{
    fprintf(out, "<%s", tag);
    if (class_name)
        fprintf(out, " class=\"%s\"", class_name);
    fputc('>', out);
    rpt_escape(out, text);
    fprintf(out, "</%s>", tag);
}

void rpt_html_number_cell(FILE *out, double value, int digits)
{
    char number[RPT_NUMBER_MAX];
    fprintf(out, "<td class=\"num\">%s</td>",
            value > 0 ? rpt_number(value, digits, number) : "&ndash;");
}

void rpt_html_share_cell(FILE *out, double share)
{
    if (!(share > 0) || !isfinite(share)) {
        fputs("<td class=\"num\">&ndash;</td>", out);
        return;
    }
    fprintf(out,
            "<td class=\"num\"><span class=\"share\"><i><b "
            "style=\"width:%.1f%%\"></b></i><span>%.0f %%</span>"
            "</span></td>",
            fmin(100, 100 * share), 100 * share);
}

void rpt_html_speedup_cell(FILE *out, struct rpt_speedup s, enum hrn_verdict verdict)
{
    static const char *const classes[HRN_VERDICT_COUNT] = {
        [HRN_FASTER] = "good",
        [HRN_SLOWER] = "bad",
        [HRN_TIE] = "muted",
        [HRN_UNDECIDED] = "muted",
    };
    char factor[RPT_NUMBER_MAX], low[RPT_NUMBER_MAX], high[RPT_NUMBER_MAX];
    if (!(s.factor > 0)) {
        fputs("<td class=\"num\">&ndash;</td>", out);
        return;
    }
    fprintf(out, "<td class=\"num\"><span class=\"%s\">%s&times;</span>", classes[verdict],
            rpt_number(s.factor, 3, factor));
    if (s.low > 0 && s.high > 0)
        fprintf(out, "<span class=\"range sub\">%s&ndash;%s</span>", rpt_number(s.low, 3, low),
                rpt_number(s.high, 3, high));
    fputs("</td>", out);
}

const char *rpt_time_words(double time_ns, char *out_text)
{
    static const struct {
        double from_ns;
        const char *unit;
    } units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "µs" }, { 1, "ns" } };
    char number[RPT_NUMBER_MAX];
    size_t u = 0;
    while (u + 1 < sizeof units / sizeof *units && time_ns < units[u].from_ns)
        u++;
    rpt_number(time_ns / units[u].from_ns, 4, number);
    snprintf(out_text, RPT_NUMBER_MAX, "%.20s %s", number, units[u].unit);
    return out_text;
}
