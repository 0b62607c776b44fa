#include "harness/pmu/table.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/pmu/builtin_int.h"
#include "harness/pmu/pfm_int.h"

#define CORES_MAX 63
#define ALL_CORES (((uint64_t)1 << CORES_MAX) - 1)
#define ANY_CORE ((uint64_t)1 << 63) /* known or not */
#define LIKES_MAX 32
#define ALIASES_MAX 128
#define KNOWN_MAX 128

struct row {
    struct hrn_event event;
    uint64_t cores; /* bit per core */
};

struct hrn_event_table {
    struct {
        char name[16], identity[16];
    } core[CORES_MAX];
    int core_count;
    struct {
        char identity[16];
        int core;
    } like[LIKES_MAX];
    int like_count;
    struct {
        char alias[48], name[48];
    } alias[ALIASES_MAX];
    size_t alias_count;
    struct hrn_known_answer known[KNOWN_MAX];
    size_t known_count;
    struct row *row;
    size_t row_count;
};

/* ---- Numbers */

/* "0x1b", "r1b", "sw:2"; decimal only with a source, since a name may be digits to nobody. */
static int read_code(const char *text, enum hrn_event_source *source, uint64_t *config)
{
    char *end = NULL;
    *source = HRN_EVENT_PMU;
    for (int i = 0; i < HRN_EVENT_SOURCE_COUNT; i++) {
        size_t length = strlen(hrn_event_source_names[i]);
        if (strncmp(text, hrn_event_source_names[i], length) == 0 && text[length] == ':') {
            *source = (enum hrn_event_source)i;
            *config =
                isdigit((unsigned char)text[length + 1]) ? strtoull(text + length + 1, &end, 0) : 0;
            return end && *end == '\0' ? 0 : -EINVAL;
        }
    }
    if (text[0] == 'r' && isxdigit((unsigned char)text[1]))
        *config = strtoull(text + 1, &end, 16);
    else if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
             isxdigit((unsigned char)text[2]))
        *config = strtoull(text + 2, &end, 16);
    return end && *end == '\0' ? 0 : -EINVAL;
}

/* ---- Reading the text */

struct reader {
    struct hrn_event_table *table;
    const char *why;
};

static int find_core(const struct hrn_event_table *t, const char *name)
{
    for (int i = 0; i < t->core_count; i++)
        if (strcmp(t->core[i].name, name) == 0)
            return i;
    return -1;
}

/* Copies a word; -1 if it does not fit. */
static int copy(char *to, size_t bytes, const char *word)
{
    return word && (size_t)snprintf(to, bytes, "%s", word) < bytes ? 0 : -1;
}

static int take_core(struct reader *r, char **rest)
{
    struct hrn_event_table *t = r->table;
    r->why = "core NAME IDENTITY";
    if (t->core_count == CORES_MAX ||
        copy(t->core[t->core_count].name, sizeof t->core[0].name, strtok_r(NULL, " ", rest)) ||
        copy(t->core[t->core_count].identity, sizeof t->core[0].identity,
             strtok_r(NULL, " ", rest)))
        return -EINVAL;
    t->core_count++;
    return 0;
}

static int take_like(struct reader *r, char **rest)
{
    struct hrn_event_table *t = r->table;
    r->why = "like IDENTITY CORE";
    if (t->like_count == LIKES_MAX || copy(t->like[t->like_count].identity,
                                           sizeof t->like[0].identity, strtok_r(NULL, " ", rest)))
        return -EINVAL;
    const char *core = strtok_r(NULL, " ", rest);
    t->like[t->like_count].core = core ? find_core(t, core) : -1;
    return t->like[t->like_count++].core < 0 ? -EINVAL : 0;
}

static int take_alias(struct reader *r, char **rest)
{
    struct hrn_event_table *t = r->table;
    r->why = "alias NAME NAME";
    if (t->alias_count == ALIASES_MAX ||
        copy(t->alias[t->alias_count].alias, sizeof t->alias[0].alias, strtok_r(NULL, " ", rest)) ||
        copy(t->alias[t->alias_count].name, sizeof t->alias[0].name, strtok_r(NULL, " ", rest)))
        return -EINVAL;
    t->alias_count++;
    return 0;
}

static int take_known(struct reader *r, char **rest)
{
    struct hrn_event_table *t = r->table;
    struct hrn_known_answer *k = &t->known[t->known_count];
    const char *low, *high;
    char *end = NULL;
    r->why = "known EVENT WORK LOW HIGH";
    if (t->known_count == KNOWN_MAX ||
        copy(k->event, sizeof k->event, strtok_r(NULL, " ", rest)) ||
        copy(k->work, sizeof k->work, strtok_r(NULL, " ", rest)))
        return -EINVAL;
    low = strtok_r(NULL, " ", rest);
    high = strtok_r(NULL, " ", rest);
    k->low = low ? strtod(low, &end) : 0;
    if (!low || *end || !high)
        return -EINVAL;
    k->high = strtod(high, &end);
    t->known_count++;
    return *end || !(k->low > 0) || !(k->low <= k->high) ? -EINVAL : 0;
}

/* "*" all so far, "any" all and the unknown ones, "a55" one, "!a53" not that one. */
static int read_cores(const struct hrn_event_table *t, char **rest, uint64_t *cores)
{
    *cores = 0;
    for (const char *word; (word = strtok_r(NULL, " ", rest));) {
        int core = find_core(t, word + (*word == '!'));
        if (strcmp(word, "*") == 0)
            *cores = ALL_CORES >> (CORES_MAX - t->core_count);
        else if (strcmp(word, "any") == 0)
            *cores = ANY_CORE | ALL_CORES;
        else if (core < 0)
            return -EINVAL;
        else if (*word == '!')
            *cores &= ~((uint64_t)1 << core);
        else
            *cores |= (uint64_t)1 << core;
    }
    return *cores ? 0 : -EINVAL;
}

static int take_event(struct reader *r, char **rest)
{
    struct hrn_event_table *t = r->table;
    struct row row = { 0 };
    const char *code = strtok_r(NULL, " ", rest);
    r->why = "event CODE NAME CORES";
    if (!code || read_code(code, &row.event.source, &row.event.config) < 0 ||
        copy(row.event.name, sizeof row.event.name, strtok_r(NULL, " ", rest)) ||
        read_cores(t, rest, &row.cores) < 0)
        return -EINVAL;
    if ((t->row_count & (t->row_count - 1)) == 0) {
        size_t capacity = t->row_count ? 2 * t->row_count : 1;
        struct row *grown = realloc(t->row, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        t->row = grown;
    }
    t->row[t->row_count++] = row;
    return 0;
}

static int take_line(struct reader *r, char *line)
{
    static const struct {
        const char *word;
        int (*take)(struct reader *r, char **rest);
    } words[] = {
        { "core", take_core },
        { "like", take_like },
        { "alias", take_alias },
        { "event", take_event }, { "known", take_known },
    };
    char *rest = NULL, *word;
    line[strcspn(line, "#\r")] = '\0';
    word = strtok_r(line, " ", &rest);
    if (!word)
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].take(r, &rest);
    r->why = "core, like, event, alias or known";
    return -EINVAL;
}

static int read_text(struct hrn_event_table *table, const char *text, char *err, size_t err_bytes)
{
    struct reader r = { .table = table };
    char line[512];
    for (int number = 1; *text; number++) {
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(length < sizeof line ? length : sizeof line),
                 text);
        int error = length < sizeof line ? take_line(&r, line) : -EINVAL;
        if (error < 0) {
            snprintf(err, err_bytes, "line %d of the table of events: %s", number,
                     error == -ENOMEM ? "out of memory"
                     : r.why          ? r.why
                                      : "too long");
            return error;
        }
        text += length + (text[length] == '\n');
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct hrn_event *x = &((const struct row *)a)->event,
                           *y = &((const struct row *)b)->event;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->config != y->config)
        return x->config < y->config ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int open_texts(const char *const *texts, size_t count, struct hrn_event_table **out,
                      char *err, size_t err_bytes)
{
    struct hrn_event_table *table = calloc(1, sizeof *table);
    int error = table ? 0 : -ENOMEM;
    snprintf(err, err_bytes, "out of memory");
    for (size_t i = 0; i < count && error == 0; i++)
        error = read_text(table, texts[i], err, err_bytes);
    if (error < 0) {
        hrn_event_table_close(table);
        table = NULL;
    } else if (table->row_count) {
        qsort(table->row, table->row_count, sizeof *table->row, by_number);
    }
    *out = table;
    return error;
}

int hrn_event_table_open(struct hrn_event_table **out, char *err, size_t err_bytes)
{
    const char *const texts[] = { hrn_text_arm, hrn_text_linux, hrn_text_known };
    return open_texts(texts, sizeof texts / sizeof *texts, out, err, err_bytes);
}

int hrn_event_table_parse(const char *text, struct hrn_event_table **out, char *err,
                          size_t err_bytes)
{
    return open_texts(&text, 1, out, err, err_bytes);
}

void hrn_event_table_close(struct hrn_event_table *table)
{
    if (table)
        free(table->row);
    free(table);
}

/* ---- Cores */

int hrn_event_core(const struct hrn_event_table *t, const char *arch, const char *midr)
{
    char identity[16];
    unsigned long value = strtoul(midr, NULL, 16);
    /* MIDR_EL1: implementer in bits 31..24, part in bits 15..4 */
    snprintf(identity, sizeof identity, "0x%02lx%03lx", value >> 24 & 0xff, value >> 4 & 0xfff);
    if (strcmp(arch, "x86_64") == 0)
        return find_core(t, "x86");
    if (strcmp(arch, "aarch64") != 0)
        return HRN_CORE_UNKNOWN;
    for (int i = 0; i < t->core_count; i++)
        if (strcmp(t->core[i].identity, identity) == 0)
            return i;
    for (int i = 0; i < t->like_count; i++)
        if (strcmp(t->like[i].identity, identity) == 0)
            return t->like[i].core;
    return HRN_CORE_UNKNOWN;
}

const char *hrn_event_core_name(const struct hrn_event_table *table, int core)
{
    return core < 0 ? "unknown core" : table->core[core].name;
}

/* PMUv3 gives these numbers one meaning on every core (Arm ARM, D13, common events). */
static int is_common(const struct hrn_event *e)
{
    return e->source == HRN_EVENT_PMU &&
           (e->config < 0x40 || (e->config >= 0x4000 && e->config < 0x4040));
}

static int has(const struct row *row, int core)
{
    if (core < 0)
        return (row->cores & ANY_CORE) != 0 || is_common(&row->event);
    return (row->cores >> core & 1) != 0;
}

/* ---- Events */

static const struct row *find_row(const struct hrn_event_table *t, int core, const char *name)
{
    for (size_t i = 0; i < t->row_count; i++)
        if (strcasecmp(t->row[i].event.name, name) == 0 && has(&t->row[i], core))
            return &t->row[i];
    return NULL;
}

static const struct row *find_alias(const struct hrn_event_table *t, int core, const char *name)
{
    for (size_t i = 0; i < t->alias_count; i++) {
        const struct row *row = NULL;
        if (strcasecmp(t->alias[i].alias, name) == 0)
            row = find_row(t, core, t->alias[i].name);
        if (row)
            return row;
    }
    return NULL;
}

/* What stands at a number, so that r11 is shown as CPU_CYCLES. */
static void name_number(const struct hrn_event_table *t, int core, const char *text,
                        struct hrn_event *out)
{
    snprintf(out->name, sizeof out->name, "%.40s", text);
    for (size_t i = 0; i < t->row_count; i++)
        if (t->row[i].event.source == out->source && t->row[i].event.config == out->config &&
            has(&t->row[i], core)) {
            *out = t->row[i].event;
            return;
        }
}

static int explain_missing(const struct hrn_event_table *t, int core, const char *text, char *err,
                           size_t err_bytes)
{
    size_t used;
    uint64_t cores = 0;
    for (size_t i = 0; i < t->row_count; i++)
        if (strcasecmp(t->row[i].event.name, text) == 0)
            cores |= t->row[i].cores;
    if (!cores) {
        snprintf(err, err_bytes,
                 "no event is called '%s'; 'quern probe --list' names those of this core, and "
                 "r1b or 0x1b takes a number",
                 text);
        return -ENOENT;
    }
    snprintf(err, err_bytes, "%s has no %s; those have it:", hrn_event_core_name(t, core), text);
    for (int i = 0; i < t->core_count; i++)
        if (cores >> i & 1 && (used = strlen(err)) < err_bytes)
            snprintf(err + used, err_bytes - used, " %s", t->core[i].name);
    return -ENOENT;
}

int hrn_event_resolve(const struct hrn_event_table *t, int core, const char *text,
                      struct hrn_event *out, char *err, size_t err_bytes)
{
    memset(out, 0, sizeof *out);
    const struct row *row = find_row(t, core, text);
    if (!row)
        row = find_alias(t, core, text);
    if (row) {
        *out = row->event;
        return 0;
    }
    if (read_code(text, &out->source, &out->config) == 0) {
        name_number(t, core, text, out);
        return 0;
    }
    if (core >= 0 && strcmp(t->core[core].name, "x86") == 0 && hrn_pfm_resolve(text, out) == 0)
        return 0;
    return explain_missing(t, core, text, err, err_bytes);
}

const struct hrn_known_answer *hrn_event_known(const struct hrn_event_table *t, const char *event)
{
    for (size_t i = 0; i < t->known_count; i++)
        if (strcmp(t->known[i].event, event) == 0)
            return &t->known[i];
    return NULL;
}

int hrn_event_each(const struct hrn_event_table *t, int core,
                   int (*each)(const struct hrn_event *event, void *user), void *user)
{
    int result = 0;
    for (size_t i = 0; i < t->row_count && !result; i++)
        if (has(&t->row[i], core))
            result = each(&t->row[i].event, user);
    return result;
}
