/* Liveness is a data-flow analysis over the blocks between labels and branches; within a block,
 * ranges are followed from its end to its beginning. The whole space is asked for in seconds, so
 * sets of half positions are kept from the first to the last word that has one in it: most virtual
 * registers live for a few instructions. */
#include "variants/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = IR_WORD };

struct rows {
    uint64_t *bit;
    int words; /* of one row */
};

/* Instructions of which only the last may jump, and only the first be jumped to. */
struct block {
    int begin, end; /* instructions; `end` is behind the last one */
};

/* Half positions that a virtual register occupies in a row, both ends included. */
struct range {
    int vreg, from, to;
};

struct work {
    struct ir *ir;
    struct block *block;
    int block_count;
    struct rows reads;  /* [block][virtual register]: read in it before it is written */
    struct rows writes; /* [block][virtual register]: written in it before it is read */
    struct rows live;   /* [block][virtual register]: live before it */
    struct range *range;
    int range_count, range_capacity;
    int *open;     /* [virtual register]: where the range that is being followed ends */
    int *label_at; /* [label]: the block that it begins, or -1 */
};

static int rows_open(struct rows *rows, int count, int bits)
{
    rows->words = (bits + WORD - 1) / WORD;
    rows->bit = calloc((size_t)count * (size_t)rows->words + 1, sizeof(*rows->bit));
    return rows->bit ? 0 : -ENOMEM;
}

static uint64_t *row_of(const struct rows *rows, int index)
{
    return rows->bit + (size_t)index * (size_t)rows->words;
}

static void set(uint64_t *row, int bit)
{
    row[bit / WORD] |= (uint64_t)1 << bit % WORD;
}

static void clear(uint64_t *row, int bit)
{
    row[bit / WORD] &= ~((uint64_t)1 << bit % WORD);
}

static int has(const uint64_t *row, int bit)
{
    return (int)(row[bit / WORD] >> bit % WORD & 1);
}

static int is_register(char role)
{
    return role != 'i' && role != 'l';
}

static int is_read(char role)
{
    return role == 'r' || role == '+';
}

static const struct ir_op *op_of(const struct work *w, int insn)
{
    return &w->ir->target->ops[w->ir->insn[insn].op];
}

static void find_blocks(struct work *w)
{
    const struct ir *ir = w->ir;
    for (int i = 0; i < ir->label_count; i++)
        w->label_at[i] = -1;
    for (int i = 0, begins = 1; i < ir->insn_count; i++) {
        int is_label = ir->insn[i].op == IR_LABEL;
        if (begins || is_label)
            w->block[w->block_count++].begin = i;
        if (is_label)
            w->label_at[ir->insn[i].arg[0]] = w->block_count - 1;
        w->block[w->block_count - 1].end = i + 1;
        begins = op_of(w, i)->class == IR_BRANCH;
    }
}

static void find_uses(const struct work *w, int block)
{
    uint64_t *reads = row_of(&w->reads, block), *writes = row_of(&w->writes, block);
    for (int i = w->block[block].end - 1; i >= w->block[block].begin; i--) {
        const char *roles = op_of(w, i)->roles;
        const int *arg = w->ir->insn[i].arg;
        for (int k = 0; roles[k]; k++)
            if (is_register(roles[k]) && !is_read(roles[k])) {
                clear(reads, arg[k]);
                set(writes, arg[k]);
            }
        for (int k = 0; roles[k]; k++)
            if (is_register(roles[k]) && is_read(roles[k])) {
                set(reads, arg[k]);
                clear(writes, arg[k]);
            }
    }
}

/* Live behind a block: before the next one, and before the target of its branch. */
static void live_behind(const struct work *w, int block, uint64_t *out)
{
    int last = w->block[block].end - 1;
    const struct ir_insn *insn = &w->ir->insn[last];
    const char *roles = op_of(w, last)->roles;
    memset(out, 0, (size_t)w->live.words * sizeof(*out));
    if (insn->op != IR_JUMP && block + 1 < w->block_count)
        memcpy(out, row_of(&w->live, block + 1), (size_t)w->live.words * sizeof(*out));
    if (op_of(w, last)->class != IR_BRANCH)
        return;
    for (int k = 0; roles[k]; k++) {
        int at = roles[k] == 'l' ? w->label_at[insn->arg[k]] : -1;
        for (int word = 0; at >= 0 && word < w->live.words; word++)
            out[word] |= row_of(&w->live, at)[word];
    }
}

/* One pass from the last block to the first; 1 if anything changed. */
static int flow(const struct work *w, uint64_t *row)
{
    uint64_t changed = 0;
    for (int b = w->block_count - 1; b >= 0; b--) {
        const uint64_t *reads = row_of(&w->reads, b), *writes = row_of(&w->writes, b);
        uint64_t *live = row_of(&w->live, b);
        live_behind(w, b, row);
        for (int word = 0; word < w->live.words; word++) {
            uint64_t before = reads[word] | (row[word] & ~writes[word]);
            changed |= before ^ live[word];
            live[word] = before;
        }
    }
    return changed != 0;
}

/* 0 if there is no memory. */
static int add_range(struct work *w, int vreg, int from, int to)
{
    struct ir_vreg *v = &w->ir->vreg[vreg];
    if (w->range_count == w->range_capacity) {
        int wanted = w->range_capacity ? 2 * w->range_capacity : 1024;
        struct range *larger = realloc(w->range, (size_t)wanted * sizeof(*larger));
        if (!larger)
            return 0;
        w->range = larger;
        w->range_capacity = wanted;
    }
    w->range[w->range_count++] = (struct range) { vreg, from, to };
    v->begin = v->begin < 0 || from < v->begin ? from : v->begin;
    v->end = to > v->end ? to : v->end;
    return 1;
}

/* What an instruction writes ends what is followed backwards, and what it reads begins it. */
static int step_back(struct work *w, int i, uint64_t *live)
{
    const char *roles = op_of(w, i)->roles;
    const int *arg = w->ir->insn[i].arg;
    int added = 1;
    for (int k = 0; roles[k]; k++) {
        if (!is_register(roles[k]) || is_read(roles[k]))
            continue;
        int to = has(live, arg[k]) ? w->open[arg[k]] : 2 * i + 1;
        added &= add_range(w, arg[k], 2 * i + (roles[k] != 'W'), to);
        clear(live, arg[k]);
    }
    for (int k = 0; roles[k]; k++) {
        if (!is_register(roles[k]) || !is_read(roles[k]))
            continue;
        int to = 2 * i + (roles[k] == '+');
        if (!has(live, arg[k]) || to > w->open[arg[k]])
            w->open[arg[k]] = to;
        set(live, arg[k]);
    }
    return added;
}

/* Ranges of a block, from its end to its beginning. */
static int follow(struct work *w, int block, uint64_t *live)
{
    int begin = w->block[block].begin, end = w->block[block].end, added = 1;
    live_behind(w, block, live);
    for (int word = 0; word < w->live.words; word++)
        for (uint64_t bits = live[word]; bits; bits &= bits - 1)
            w->open[word * WORD + __builtin_ctzll(bits)] = 2 * end - 1;
    for (int i = end - 1; i >= begin; i--)
        added &= step_back(w, i, live);
    for (int word = 0; word < w->live.words; word++)
        for (uint64_t bits = live[word]; bits; bits &= bits - 1) {
            int vreg = word * WORD + __builtin_ctzll(bits);
            added &= add_range(w, vreg, 2 * begin, w->open[vreg]);
        }
    return added;
}

static void fill(const struct ir_ranges *out, const struct range *r)
{
    uint64_t *bit = out->bit;
    ptrdiff_t row = out->row[r->vreg], first = row + r->from / WORD, last = row + r->to / WORD;
    uint64_t from = ~(uint64_t)0 << r->from % WORD, to = ~(uint64_t)0 >> (WORD - 1 - r->to % WORD);
    if (first == last) {
        bit[first] |= from & to;
        return;
    }
    bit[first] |= from;
    for (ptrdiff_t word = first + 1; word < last; word++)
        bit[word] = ~(uint64_t)0;
    bit[last] |= to;
}

static int fill_rows(const struct work *w, struct ir_ranges *out)
{
    ptrdiff_t words = 0;
    out->row = malloc(((size_t)w->ir->vreg_count + 1) * sizeof(*out->row));
    for (int i = 0; i < w->ir->vreg_count && out->row; i++) {
        struct ir_vreg *v = &w->ir->vreg[i];
        if (v->fixed >= 0)
            v->begin = 0;
        out->row[i] = words - (v->end < 0 ? 0 : v->begin / WORD);
        words += v->end < 0 ? 0 : v->end / WORD - v->begin / WORD + 1;
    }
    out->bit = calloc((size_t)words + 1, sizeof(*out->bit));
    for (int i = 0; i < w->range_count && out->row && out->bit; i++)
        fill(out, &w->range[i]);
    return out->row && out->bit ? 0 : -ENOMEM;
}

static int find_ranges(struct work *w, struct ir_ranges *out)
{
    struct ir *ir = w->ir;
    uint64_t *row = calloc((size_t)w->live.words + 1, sizeof(*row));
    int added = row != NULL;
    for (int i = 0; i < ir->vreg_count; i++)
        ir->vreg[i].begin = ir->vreg[i].end = -1;
    for (int b = 0; b < w->block_count; b++)
        find_uses(w, b);
    while (added && flow(w, row))
        ;
    for (int b = 0; b < w->block_count && added; b++)
        added = follow(w, b, row);
    free(row);
    return added ? fill_rows(w, out) : -ENOMEM;
}

static int work_open(struct work *w)
{
    const struct ir *ir = w->ir;
    size_t vregs = (size_t)ir->vreg_count + 1;
    w->label_at = malloc(((size_t)ir->label_count + 1) * sizeof(*w->label_at));
    w->block = malloc(((size_t)ir->insn_count + 1) * sizeof(*w->block));
    w->open = malloc(vregs * sizeof(*w->open));
    if (!w->label_at || !w->block || !w->open)
        return -ENOMEM;
    find_blocks(w);
    if (rows_open(&w->reads, w->block_count, ir->vreg_count) ||
        rows_open(&w->writes, w->block_count, ir->vreg_count))
        return -ENOMEM;
    return rows_open(&w->live, w->block_count, ir->vreg_count);
}

static void work_close(struct work *w)
{
    free(w->block);
    free(w->reads.bit);
    free(w->writes.bit);
    free(w->live.bit);
    free(w->range);
    free(w->open);
    free(w->label_at);
}

int ir_ranges_find(struct ir *ir, struct ir_ranges *out)
{
    struct work w = { .ir = ir };
    *out = (struct ir_ranges) { .bit = NULL };
    int rc = work_open(&w);
    if (!rc)
        rc = find_ranges(&w, out);
    work_close(&w);
    if (rc)
        ir_ranges_clear(out);
    return rc;
}

void ir_ranges_clear(struct ir_ranges *ranges)
{
    free(ranges->bit);
    free(ranges->row);
    *ranges = (struct ir_ranges) { .bit = NULL };
}
