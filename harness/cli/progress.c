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

/* What is left at the pace since the first step: what went before that (a build) says nothing. */
static void estimate(const struct cli_progress *p, double now, size_t done, size_t total, char *out)
{
    enum { SURE = 50 }; /* of the total, one part: before it the pace is not known */
    size_t steps = done - p->first_done;
    snprintf(out, 16, "?");
    if (done <= total && steps > 0 && steps >= total / SURE)
        clock_text((now - p->first_s) / (double)steps * (double)(total - done), out);
}

void cli_progress_reserve(size_t rows)
{
    while (isatty(STDERR_FILENO) && rows-- > 0)
        fputc('\n', stderr);
    fflush(stderr);
}

void cli_progress_share(struct cli_progress *p, size_t row, size_t rows)
{
    p->row = row;
    p->rows = isatty(STDERR_FILENO) ? rows : 0;
}

/* One line, cut to the width, so that the next one covers it. The cursor of shared rows stands
 * below them; each is written at once, so that no other process comes between. */
static void put_row(const struct cli_progress *p, const char *line)
{
    int width = cli_width(stderr) - 1;
    char text[400];
    if (p->rows)
        snprintf(text, sizeof text, "\0337\033[%zuA\r%.*s\033[K\0338", p->rows - p->row, width,
                 line);
    else
        snprintf(text, sizeof text, "\r%.*s\033[K", width, line);
    fputs(text, stderr);
}

void cli_progress_step(struct cli_progress *p, size_t done, size_t total, const char *note)
{
    int terminal = isatty(STDERR_FILENO);
    double now = now_s(), pause_s = terminal ? 0.1 : 10;
    if (p->first_s == 0) {
        p->first_s = now;
        p->first_done = done;
    }
    int due = p->last_s > 0 ? now - p->last_s >= pause_s : terminal || now - p->begin_s >= pause_s;
    if (!due && !(terminal && done == total))
        return;
    char left[16], line[256];
    estimate(p, now, done, total, left);
    snprintf(line, sizeof(line), "%s: %zu of %zu (%.0f %%), %s left%s%s", p->label, done, total,
             total ? 100.0 * (double)done / (double)total : 0.0, left, note && *note ? ", " : "",
             note ? note : "");
    if (terminal)
        put_row(p, line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    p->last_s = now;
}

void cli_progress_end(struct cli_progress *p)
{
    char took[16], line[200];
    if (p->last_s == 0)
        return;
    clock_text(now_s() - p->begin_s, took);
    snprintf(line, sizeof line, "%s: done in %s", p->label, took);
    if (p->rows || isatty(STDERR_FILENO))
        put_row(p, line);
    if (!p->rows)
        fprintf(stderr, "%s\n", isatty(STDERR_FILENO) ? "" : line);
}
