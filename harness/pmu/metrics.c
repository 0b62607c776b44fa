#include "harness/pmu/metrics.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/pmu/builtin_int.h"
#include "harness/pmu/formula.h"

#define TEXT_BYTES_MAX (64 << 10)

/* ---- Parsing */

enum section { SECTION_NONE, SECTION_EVENTS, SECTION_METRICS, SECTION_COUNT };

struct parser {
    struct hrn_metric_group *group;
    enum section section;
    const char *why;
};

static char *trim(char *text)
{
    size_t length;
    while (isspace((unsigned char)*text))
        text++;
    for (length = strlen(text); length && isspace((unsigned char)text[length - 1]);)
        text[--length] = '\0';
    return text;
}

/* A formula must be one, whatever its names are worth. */
static int any_value(const char *name, double *value, void *user)
{
    (void)name, (void)user;
    *value = 1;
    return 0;
}

static int take_event(struct parser *p, char *line)
{
    struct hrn_metric_group *g = p->group;
    p->why = "one event per line, of at most 47 characters; at most 24 of them";
    if (g->event_count == HRN_GROUP_EVENTS_MAX || strpbrk(line, " \t=") ||
        strlen(line) >= sizeof g->event[0])
        return -EINVAL;
    snprintf(g->event[g->event_count++], sizeof g->event[0], "%.47s", line);
    return 0;
}

static int take_metric(struct parser *p, char *line)
{
    struct hrn_metric_group *g = p->group;
    char *equals = strchr(line, '='), err[200];
    double value;
    p->why = "NAME = FORMULA; at most 24 of them";
    if (!equals || g->metric_count == HRN_GROUP_METRICS_MAX)
        return -EINVAL;
    *equals = '\0';
    struct hrn_metric *m = &g->metric[g->metric_count];
    const char *name = trim(line), *formula = trim(equals + 1);
    if (!*name || strlen(name) >= sizeof m->name || strlen(formula) >= sizeof m->formula)
        return -EINVAL;
    p->why = "the formula is none: numbers, names, + - * / and parentheses make one";
    if (hrn_formula_evaluate(formula, any_value, NULL, &value, err, sizeof err) < 0)
        return -EINVAL;
    snprintf(m->name, sizeof m->name, "%.63s", name);
    snprintf(m->formula, sizeof m->formula, "%.199s", formula);
    g->metric_count++;
    return 0;
}

/* 1 if the line is a heading; LONG ends the parsing. */
static int take_heading(struct parser *p, char *line)
{
    if (strncmp(line, "SHORT", 5) == 0 && (line[5] == ' ' || !line[5])) {
        snprintf(p->group->summary, sizeof p->group->summary, "%.127s", trim(line + 5));
        return 1;
    }
    if (strcmp(line, "EVENTSET") == 0)
        p->section = SECTION_EVENTS;
    else if (strcmp(line, "METRICS") == 0)
        p->section = SECTION_METRICS;
    else
        return 0;
    return 1;
}

static int take_line(struct parser *p, char *text)
{
    char *line = trim(text);
    if (!*line || *line == '#' || take_heading(p, line))
        return 0;
    if (p->section == SECTION_EVENTS)
        return take_event(p, line);
    if (p->section == SECTION_METRICS)
        return take_metric(p, line);
    p->why = "a file begins with SHORT, EVENTSET or METRICS";
    return -EINVAL;
}

static int is_long(const char *line, size_t length)
{
    while (length && isspace((unsigned char)line[length - 1]))
        length--;
    return length == 4 && memcmp(line, "LONG", 4) == 0;
}

static int parse(struct parser *p, const char *text, int *number)
{
    char line[400];
    for (*number = 1; *text; ++*number) {
        size_t length = strcspn(text, "\n");
        const char *after = text + length + (text[length] == '\n');
        if (is_long(text, length)) {
            p->group->text = strdup(after);
            return p->group->text ? 0 : -ENOMEM;
        }
        p->why = "the line is too long";
        if (length >= sizeof line)
            return -EINVAL;
        memcpy(line, text, length);
        line[length] = '\0';
        int error = take_line(p, line);
        if (error < 0)
            return error;
        text = after;
    }
    p->group->text = strdup("");
    return p->group->text ? 0 : -ENOMEM;
}

int hrn_metric_group_parse(const char *name, const char *text, struct hrn_metric_group *out,
                           char *err, size_t err_bytes)
{
    struct parser p = { .group = out };
    int line = 0;
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "%.31s", name);
    int error = parse(&p, text, &line);
    if (error == 0 && out->event_count == 0) {
        error = -EINVAL;
        p.why = "it has no EVENTSET";
    }
    if (error < 0) {
        snprintf(err, err_bytes, "metric group %s, line %d: %s", name, line,
                 error == -ENOMEM ? "out of memory" : p.why);
        hrn_metric_group_clear(out);
    }
    return error;
}

void hrn_metric_group_clear(struct hrn_metric_group *group)
{
    free(group->text);
    memset(group, 0, sizeof *group);
}

/* ---- Finding */

const char *hrn_metric_group_name(size_t i)
{
    size_t count = 0;
    while (hrn_group_texts[2 * count])
        count++;
    return i < count ? hrn_group_texts[2 * i] : NULL;
}

static int read_file(const char *path, struct hrn_metric_group *out, char *err, size_t err_bytes)
{
    const char *slash = strrchr(path, '/');
    char name[32], *text = calloc(1, TEXT_BYTES_MAX + 1);
    FILE *file = fopen(path, "re");
    int error = !file ? -errno : !text ? -ENOMEM : 0;
    snprintf(name, sizeof name, "%.31s", slash ? slash + 1 : path);
    name[strcspn(name, ".")] = '\0';
    if (error == 0 && fread(text, 1, TEXT_BYTES_MAX, file) == TEXT_BYTES_MAX)
        error = -EFBIG;
    if (error == 0 && ferror(file))
        error = -EIO;
    if (file)
        fclose(file);
    if (error < 0)
        snprintf(err, err_bytes, "metric group %s: %s", path, strerror(-error));
    else
        error = hrn_metric_group_parse(name, text, out, err, err_bytes);
    free(text);
    return error;
}

static int explain_names(const char *name, char *err, size_t err_bytes)
{
    snprintf(err, err_bytes, "no metric group is called '%s'; there are:", name);
    for (const char *const *group = hrn_group_texts; *group; group += 2) {
        size_t used = strlen(err);
        snprintf(err + used, err_bytes - used, " %s", *group);
    }
    size_t used = strlen(err);
    snprintf(err + used, err_bytes - used, "; a file's name ends in .txt");
    return -ENOENT;
}

int hrn_metric_group_find(const char *name, struct hrn_metric_group *out, char *err,
                          size_t err_bytes)
{
    size_t length = strlen(name);
    memset(out, 0, sizeof *out);
    if (strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".txt") == 0))
        return read_file(name, out, err, err_bytes);
    for (const char *const *group = hrn_group_texts; *group; group += 2)
        if (strcmp(*group, name) == 0)
            return hrn_metric_group_parse(name, group[1], out, err, err_bytes);
    return explain_names(name, err, err_bytes);
}

/* ---- Evaluating */

static int value_of(const char *name, double *value, void *user)
{
    const struct hrn_metric_values *with = user;
    const struct {
        const char *name;
        double value;
    } constants[] = {
        { "MACS", with->macs },
        { "TIME", with->seconds },
        { "PEAK", with->peak },
        { "SLOTS", with->slots },
    };
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (strcmp(constants[i].name, name) == 0) {
            *value = constants[i].value;
            return *value > 0 ? 0 : -ENOENT;
        }
    for (size_t i = 0; i < with->count; i++)
        if (strcmp(with->names[i], name) == 0) {
            *value = with->values[i];
            return 0;
        }
    return -ENOENT;
}

int hrn_metric_evaluate(const struct hrn_metric *metric, const struct hrn_metric_values *with,
                        double *out)
{
    char err[200];
    struct hrn_metric_values copy = *with;
    int error = hrn_formula_evaluate(metric->formula, value_of, &copy, out, err, sizeof err);
    if (error == 0 && !isfinite(*out))
        error = -ENOENT;
    return error;
}

struct question {
    int (*is_counted)(const char *event, void *user);
    void *user;
};

static int ask(const char *name, double *value, void *user)
{
    static const char *const constants[] = { "MACS", "TIME", "PEAK", "SLOTS" };
    const struct question *q = user;
    *value = 1;
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (strcmp(constants[i], name) == 0)
            return 0;
    return q->is_counted(name, q->user) ? 0 : -ENOENT;
}

int hrn_metric_is_computable(const struct hrn_metric *metric,
                             int (*is_counted)(const char *event, void *user), void *user)
{
    struct question q = { is_counted, user };
    double value;
    char err[200];
    return hrn_formula_evaluate(metric->formula, ask, &q, &value, err, sizeof err) == 0;
}
