/* Moves of elements of one and of four bytes, of all shapes around the blocks in which they turn,
 * against the places that the definition gives, with nothing written beyond. */
#include <stdlib.h>

#include "quant/model/moves.h"
#include "tests/t.h"

enum { SIZE_MAX_EACH = 40, ELEMENTS = SIZE_MAX_EACH * SIZE_MAX_EACH * SIZE_MAX_EACH, GUARD = 64 };

static uint8_t in[4 * ELEMENTS], out[4 * ELEMENTS + GUARD];

static size_t count_of(const struct qnt_shape *s)
{
    return (size_t)s->h * (size_t)s->w * (size_t)s->c;
}

/* The element of the input that element h, w, c of the output is. */
static size_t source(const struct qnt_move *m, int32_t h, int32_t w, int32_t c)
{
    const struct qnt_shape *i = &m->in, *o = &m->out;
    int32_t at[3] = { 0, 0, 0 };

    if (m->op == QNT_OP_PERMUTE) {
        at[m->place.begin[0]] = h;
        at[m->place.begin[1]] = w;
        at[m->place.begin[2]] = c;
    } else { /* number in the order c, h, w */
        const int32_t number = (c * o->h + h) * o->w + w;
        at[0] = number / i->w % i->h;
        at[1] = number % i->w;
        at[2] = number / i->w / i->h;
    }
    return ((size_t)at[0] * (size_t)i->w + (size_t)at[1]) * (size_t)i->c + (size_t)at[2];
}

static void check(const struct qnt_move *m, size_t bytes)
{
    const size_t count = count_of(&m->out);
    int wrong = 0;
    size_t at = 0;

    memset(out, 0xa5, count * bytes + GUARD);
    if (!T_CHECK(qnt_move_fits(m)))
        return;
    qnt_move(m, bytes, in, out);
    for (int32_t h = 0; h < m->out.h; h++)
        for (int32_t w = 0; w < m->out.w; w++)
            for (int32_t c = 0; c < m->out.c; c++, at++)
                wrong |= memcmp(out + at * bytes, in + source(m, h, w, c) * bytes, bytes) != 0;
    for (size_t i = 0; i < GUARD; i++)
        wrong |= out[count * bytes + i] != 0xa5;
    if (!T_CHECK(!wrong))
        printf("  op %d, %zu bytes: %d %d %d to %d %d %d\n", (int)m->op, bytes, m->in.h, m->in.w,
               m->in.c, m->out.h, m->out.w, m->out.c);
}

static int32_t divisor(uint64_t *rng, int32_t of)
{
    int32_t d;

    do
        d = t_between(rng, 1, of);
    while (of % d);
    return d;
}

static void check_random(uint64_t *rng)
{
    static const int32_t orders[6][3] = { { 0, 1, 2 }, { 1, 0, 2 }, { 2, 1, 0 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 0, 2, 1 } };
    struct qnt_move m = { .in = { t_between(rng, 1, SIZE_MAX_EACH), t_between(rng, 1, 20),
                                  t_between(rng, 1, SIZE_MAX_EACH) } };
    const int32_t sizes[3] = { m.in.h, m.in.w, m.in.c }, all = m.in.h * m.in.w * m.in.c;

    m.op = QNT_OP_PERMUTE;
    for (int i = 0; i < 6; i++) {
        memcpy(m.place.begin, orders[i], sizeof(orders[i]));
        m.out =
            (struct qnt_shape) { sizes[orders[i][0]], sizes[orders[i][1]], sizes[orders[i][2]] };
        check(&m, 1);
        check(&m, 4);
    }
    m.op = QNT_OP_RESHAPE;
    for (int i = 0; i < 4; i++) {
        const int32_t c = i == 0 ? all : i == 1 ? m.in.c : divisor(rng, all);
        const int32_t w = divisor(rng, all / c);
        m.out = (struct qnt_shape) { all / c / w, w, c };
        check(&m, 1);
        check(&m, 4);
        const struct qnt_shape turned = m.in; /* and back */
        m.in = m.out;
        m.out = turned;
        check(&m, 1);
        m.in = turned;
    }
}

int main(int argc, char **argv)
{
    uint64_t rng;

    t_begin(argc, argv);
    rng = t_seed;
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)t_random(&rng);
    for (int i = 0; i < 60; i++)
        check_random(&rng);
    return t_end();
}
