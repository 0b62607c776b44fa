#include "harness/model/stretches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/build/spawn.h"
#include "harness/model/inorder.h"
#include "harness/model/mca.h"

/* Lists of llvm-mca, by what they repeat. A long stretch settles within fewer repeats, a loop is
 * asked about most exactly. (Reading text is what llvm-mca takes its time for; repeats cost
 * little.)
 */
enum { LIST_LONG, LIST_SHORT, LIST_LOOP, LISTS };
static const int repeats_of[LISTS] = { [LIST_LONG] = 4, [LIST_SHORT] = 12, [LIST_LOOP] = 96 };
#define SHORT_STEPS 600

struct stretch {
    uint32_t *step; /* owned; NULL once its kernel is done */
    size_t count;
    double cycles;
    int kind;           /* of list */
    size_t list, index; /* llvm-mca's */
};

struct hrn_stretches {
    const struct var_core *core;
    const struct hrn_code *code;
    struct hrn_mca *lists; /* [lanes][LISTS]; NULL: in order */
    size_t lanes, lane;
    struct stretch *stretch;
    size_t count, capacity;
    size_t first; /* of the kernel at hand */
};

int hrn_stretches_open(const struct var_core *core, struct hrn_stretches **out, char *err,
                       size_t err_bytes)
{
    const char *program = NULL;
    *out = NULL;
    int rc = core->llvm_cpu ? hrn_mca_find(&program, err, err_bytes) : 0;
    if (rc)
        return rc;
    struct hrn_stretches *s = calloc(1, sizeof *s);
    if (s) {
        *s = (struct hrn_stretches) { .core = core, .lanes = (size_t)hrn_cpu_count() };
        s->lists = program ? calloc(s->lanes * LISTS, sizeof *s->lists) : NULL;
    }
    if (!s || (program && !s->lists)) {
        free(s);
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; s->lists && i < s->lanes * LISTS; i++)
        s->lists[i] =
            (struct hrn_mca) { .program = program, .core = core, .repeats = repeats_of[i % LISTS] };
    *out = s;
    return 0;
}

static void drop_steps(struct hrn_stretches *s)
{
    for (; s->first < s->count; s->first++) {
        free(s->stretch[s->first].step);
        s->stretch[s->first].step = NULL;
    }
}

void hrn_stretches_forget(struct hrn_stretches *s)
{
    drop_steps(s);
    for (size_t i = 0; s->lists && i < s->lanes * LISTS; i++)
        hrn_mca_clear(&s->lists[i]);
    s->count = s->first = 0;
    s->code = NULL;
}

void hrn_stretches_close(struct hrn_stretches *s)
{
    if (!s)
        return;
    hrn_stretches_forget(s);
    free(s->lists);
    free(s->stretch);
    free(s);
}

void hrn_stretches_begin(struct hrn_stretches *s, const struct hrn_code *code)
{
    drop_steps(s);
    s->code = code;
    s->lane = (s->lane + 1) % s->lanes;
}

size_t hrn_stretches_count(const struct hrn_stretches *s)
{
    return s->count;
}

/* Its number, or the count where there is none that repeats as often. */
static size_t find(const struct hrn_stretches *s, const struct stretch *wanted)
{
    size_t i = s->first;
    while (i < s->count &&
           (s->stretch[i].kind < wanted->kind || s->stretch[i].count != wanted->count ||
            memcmp(s->stretch[i].step, wanted->step, wanted->count * sizeof *wanted->step) != 0))
        i++;
    return i;
}

static int make_room(struct hrn_stretches *s)
{
    if (s->count < s->capacity)
        return 0;
    size_t wider = s->capacity ? 2 * s->capacity : 256;
    struct stretch *grown = realloc(s->stretch, wider * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    s->stretch = grown;
    s->capacity = wider;
    return 0;
}

/* Simulates it, or hands it to llvm-mca. */
static int ask(struct hrn_stretches *s, struct stretch *new)
{
    const struct hrn_trace trace = { new->step, new->count };
    if (!s->lists) {
        new->cycles =
            hrn_inorder_cycles(s->code, &trace, 0, new->count, s->core, repeats_of[new->kind]);
        return 0;
    }
    new->list = s->lane *LISTS + (size_t) new->kind;
    new->index = s->lists[new->list].count;
    return hrn_mca_add(&s->lists[new->list], s->code, &trace, 0, new->count);
}

int hrn_stretches_add(struct hrn_stretches *s, uint32_t *step, size_t count, int is_loop,
                      size_t *number)
{
    struct stretch new = { .step = step, .count = count };
    new.kind = is_loop ? LIST_LOOP : count > SHORT_STEPS ? LIST_LONG : LIST_SHORT;
    *number = find(s, &new);
    if (*number < s->count)
        return 0;
    new.step = malloc(count * sizeof *step);
    if (!new.step || make_room(s)) {
        free(new.step);
        return -ENOMEM;
    }
    memcpy(new.step, step, count * sizeof *step);
    int rc = ask(s, &new);
    s->stretch[s->count++] = new;
    return rc;
}

int hrn_stretches_run(struct hrn_stretches *s, char *err, size_t err_bytes)
{
    if (!s->lists || s->count == 0)
        return 0;
    int rc = hrn_mca_run(s->lists, s->lanes * LISTS, err, err_bytes);
    for (size_t i = 0; !rc && i < s->count; i++) {
        const struct hrn_mca *list = &s->lists[s->stretch[i].list];
        s->stretch[i].cycles = list->cycles[s->stretch[i].index] / list->repeats;
    }
    return rc;
}

double hrn_stretches_cycles(const struct hrn_stretches *s, size_t number)
{
    return s->stretch[number].cycles;
}
