#include "harness/cli/cli.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/cli_int.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int cli_colour(FILE *out)
{
    const char *none = getenv("NO_COLOR");
    return isatty(fileno(out)) && !(none && *none);
}

/* "1:02:03" or "2:03"; `out` holds 16 bytes. */
static void clock_text(double seconds, char *out)
{
    unsigned s = seconds < 0 ? 0 : seconds > 3.5e6 ? 3500000 : (unsigned)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, 16, "%u:%02u:%02u", s / 3600 % 1000, s / 60 % 60, s % 60);
    else
        snprintf(out, 16, "%u:%02u", s / 60, s % 60);
}

void cli_progress_begin(struct cli_progress *p, const char *label)
{
    *p = (struct cli_progress) { .label = label, .begin_s = now_s() };
}

void cli_progress_step(struct cli_progress *p, size_t done, size_t total, const char *note)
{
    int terminal = isatty(STDERR_FILENO);
    double now = now_s(), pause_s = terminal ? 0.1 : 10;
    int due = p->last_s > 0 ? now - p->last_s >= pause_s : terminal || now - p->begin_s >= pause_s;
    if (!due && !(terminal && done == total))
        return;
    char left[16] = "?";
    if (done > 0 && total >= done)
        clock_text((now - p->begin_s) / (double)done * (double)(total - done), left);
    char line[256];
    int length = snprintf(line, sizeof(line), "%s: %zu of %zu (%.0f %%), %s left%s%s", p->label,
                          done, total, total ? 100.0 * (double)done / (double)total : 0.0, left,
                          note && *note ? ", " : "", note ? note : "");
    if (terminal) /* one line, cut to the width, so that the next one covers it */
        fprintf(stderr, "\r%.*s\033[K", cli_width(stderr) - 1, line);
    else if (length > 0)
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    p->last_s = now;
}

void cli_progress_end(struct cli_progress *p)
{
    if (p->last_s > 0 && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    char took[16];
    clock_text(now_s() - p->begin_s, took);
    if (p->last_s > 0)
        fprintf(stderr, "%s: done in %s\n", p->label, took);
}
