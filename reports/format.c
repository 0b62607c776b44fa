/* Numbers, dates and text as every report writes them. */
#include "reports/report_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *rpt_number(double value, int digits, char *out)
{
    if (!isfinite(value) || fabs(value) >= 1e15) {
        snprintf(out, RPT_NUMBER_MAX, "-");
        return out;
    }
    int magnitude = value == 0 ? 0 : (int)floor(log10(fabs(value)));
    int decimals = digits - 1 - magnitude;
    if (decimals < 0)
        decimals = 0;
    if (decimals > 9)
        decimals = 9;
    snprintf(out, RPT_NUMBER_MAX, "%.*f", decimals, value);
    return out;
}

const char *rpt_count(long long value, char *out)
{
    char plain[RPT_NUMBER_MAX];
    int length = snprintf(plain, sizeof plain, "%lld", value);
    char *end = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && plain[i - 1] != '-' && (length - i) % 3 == 0)
            *end++ = ',';
        *end++ = plain[i];
    }
    *end = '\0';
    return out;
}

const char *rpt_date(long long unix_s, char *out)
{
    time_t t = (time_t)unix_s;
    struct tm utc;
    if (unix_s == 0 || !gmtime_r(&t, &utc) ||
        strftime(out, RPT_NUMBER_MAX, "%Y-%m-%d %H:%M UTC", &utc) == 0)
        snprintf(out, RPT_NUMBER_MAX, "unknown");
    return out;
}

/* By the numbers that Linux gives them on every architecture of the project, whatever the host is.
 */
static const char *const signal_names[] = {
    [1] = "SIGHUP",   [2] = "SIGINT",   [3] = "SIGQUIT",  [4] = "SIGILL",   [5] = "SIGTRAP",
    [6] = "SIGABRT",  [7] = "SIGBUS",   [8] = "SIGFPE",   [9] = "SIGKILL",  [11] = "SIGSEGV",
    [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM", [24] = "SIGXCPU", [31] = "SIGSYS",
};

const char *rpt_signal(int signal, char *out)
{
    const int known = (int)(sizeof signal_names / sizeof *signal_names);
    if (signal == 0)
        snprintf(out, RPT_NUMBER_MAX, "%s", "");
    else if (signal > 0 && signal < known && signal_names[signal])
        snprintf(out, RPT_NUMBER_MAX, "%s", signal_names[signal]);
    else
        snprintf(out, RPT_NUMBER_MAX, "signal %d", signal);
    return out;
}

/* Bytes of the well-formed UTF-8 sequence at `s`, 0 if there is none (RFC 3629, table 3-7 of
 * Unicode). */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char lead_low, lead_high, second_low, second_high, length;
    } forms[] = {
        { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
        { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    if (s[0] < 0x80)
        return 1;
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        if (s[0] < forms[f].lead_low || s[0] > forms[f].lead_high)
            continue;
        if (s[1] < forms[f].second_low || s[1] > forms[f].second_high)
            return 0;
        for (size_t i = 2; i < forms[f].length; i++)
            if (s[i] < 0x80 || s[i] > 0xbf)
                return 0;
        return forms[f].length;
    }
    return 0;
}

/* U+0000..1F, U+7F and U+80..9F, which a terminal may obey. */
static int is_control(const unsigned char *s)
{
    return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

char *rpt_clean(const char *text)
{
    const unsigned char *in = (const unsigned char *)(text ? text : "");
    char *copy = malloc(strlen((const char *)in) + 1), *out = copy;
    if (!copy)
        return NULL;
    while (*in) {
        size_t length = utf8_length(in);
        if (length == 0 || is_control(in)) {
            *out++ = *in < 0x20 ? ' ' : '?';
            in += length ? length : 1;
        } else {
            memcpy(out, in, length);
            out += length;
            in += length;
        }
    }
    *out = '\0';
    return copy;
}

void rpt_escape(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

int rpt_stream_end(FILE *out)
{
    errno = 0;
    int lost = fflush(out) != 0;
    int code = errno;
    if (lost || ferror(out))
        return code ? -code : -EIO;
    return 0;
}
