/* Every operator of an int8 network that is no convolution, against its definition computed in
 * double on the real values of its input bytes: moves must give exactly the bytes that they move,
 * what rounds must be within half a step (and what its fixed-point factor may be off), and the
 * result must not depend on the number of threads. */
#include "quant/pipeline/pipeline_int.h"
#include "tests/t_graph.h"

#define LAYERS_MAX 16

/* The operator under test: nodes 1 and 2 are its inputs, node 3 or later is it. */
struct subject {
    const struct qnt_node *op, *in[2];
    struct bytes {
        int8_t *data;
        size_t count;
        double scale, zero;
    } layer[LAYERS_MAX];
    int in_layer[2], op_layer;
};

/* Input k at a place. */
static double value(const struct subject *s, int k, int y, int x, int c)
{
    const struct qnt_node *n = s->in[k];
    const struct bytes *b = &s->layer[s->in_layer[k]];
    return (b->data[(y * n->w + x) * n->c + c] - b->zero) * b->scale;
}

static double want_add(const struct subject *s, int y, int x, int c)
{
    return value(s, 0, y, x, c) + value(s, 1, y, x, c);
}

static double want_mul(const struct subject *s, int y, int x, int c)
{
    const int one = s->in[1]->h == 1 && s->in[1]->w == 1; /* factors per channel */
    return value(s, 0, y, x, c) * value(s, 1, one ? 0 : y, one ? 0 : x, c);
}

static double want_clip(const struct subject *s, int y, int x, int c)
{
    return value(s, 0, y, x, c);
}

static double want_concat(const struct subject *s, int y, int x, int c)
{
    const int first = s->in[0]->c;
    return c < first ? value(s, 0, y, x, c) : value(s, 1, y, x, c - first);
}

static double plain_function(const struct subject *s, int y, int x, int c)
{
    const double v = value(s, 0, y, x, c), a = (double)s->op->alpha, b = (double)s->op->beta;
    const double hard = fmin(1, fmax(0, a * v + b)), soft = log(1 + exp(v));

    switch (s->op->function) {
    case QNT_FN_LEAKY:
        return v < 0 ? a * v : v;
    case QNT_FN_SIGMOID:
        return 1 / (1 + exp(-v));
    case QNT_FN_HARDSIGMOID:
        return hard;
    case QNT_FN_HARDSWISH:
        return v * hard;
    case QNT_FN_SWISH:
        return v / (1 + exp(-v));
    case QNT_FN_TANH:
        return tanh(v);
    case QNT_FN_ELU:
        return v < 0 ? a * (exp(v) - 1) : v;
    case QNT_FN_SOFTPLUS:
        return soft;
    case QNT_FN_MISH:
        return v * tanh(soft);
    case QNT_FN_LINE:
        return v;
    default:
        return NAN;
    }
}

static double want_function(const struct subject *s, int y, int x, int c)
{
    return (double)s->op->gain * plain_function(s, y, x, c) + (double)s->op->shift;
}

static double want_slice(const struct subject *s, int y, int x, int c)
{
    const struct qnt_place *p = &s->op->place;
    return value(s, 0, p->begin[0] + y * p->step[0], p->begin[1] + x * p->step[1],
                 p->begin[2] + c * p->step[2]);
}

static double want_pad(const struct subject *s, int y, int x, int c)
{
    const struct qnt_node *in = s->in[0];
    const int at[3] = { y - s->op->place.begin[0], x - s->op->place.begin[1],
                        c - s->op->place.begin[2] };
    if (at[0] < 0 || at[1] < 0 || at[2] < 0 || at[0] >= in->h || at[1] >= in->w || at[2] >= in->c)
        return (double)s->op->fill;
    return value(s, 0, at[0], at[1], at[2]);
}

static double want_permute(const struct subject *s, int y, int x, int c)
{
    const int out[3] = { y, x, c };
    int in[3] = { 0, 0, 0 };

    for (int k = 0; k < 3; k++)
        in[s->op->place.begin[k]] = out[k];
    return value(s, 0, in[0], in[1], in[2]);
}

static double want_upsample(const struct subject *s, int y, int x, int c)
{
    return value(s, 0, y * s->in[0]->h / s->op->h, x * s->in[0]->w / s->op->w, c);
}

static double want_shuffle(const struct subject *s, int y, int x, int c)
{
    const int groups = s->op->place.begin[2], part = s->op->c / groups;
    return value(s, 0, y, x, c % groups * part + c / groups);
}

/* Each pixel counts by how near it is; what lies outside is at the edge. */
static double want_resize(const struct subject *s, int y, int x, int c)
{
    const struct qnt_node *in = s->in[0];
    const double fy =
        fmin(in->h - 1, fmax(0, y * s->op->sampling.step[0] + s->op->sampling.offset[0]));
    const double fx =
        fmin(in->w - 1, fmax(0, x * s->op->sampling.step[1] + s->op->sampling.offset[1]));
    double sum = 0;

    if (s->op->sampling.nearest)
        return value(s, 0, (int)(fy + 1e-9), (int)(fx + 1e-9), c);
    for (int iy = 0; iy < in->h; iy++)
        for (int ix = 0; ix < in->w; ix++)
            sum += fmax(0, 1 - fabs(fy - iy)) * fmax(0, 1 - fabs(fx - ix)) * value(s, 0, iy, ix, c);
    return sum;
}

static double want_lrn(const struct subject *s, int y, int x, int c)
{
    const struct qnt_lrn *l = &s->op->lrn;
    double sum = 0;

    for (int k = 0; k < s->op->c; k++)
        if (abs(k - c) <= l->size / 2)
            sum += pow(value(s, 0, y, x, k), 2);
    return value(s, 0, y, x, c) /
           pow((double)l->bias + (double)l->alpha / l->size * sum, l->quarters / 4.0);
}

static double want_blocks(const struct subject *s, int y, int x, int c)
{
    const int sh = s->op->h / s->in[0]->h, sw = s->op->w / s->in[0]->w;
    return value(s, 0, y / sh, x / sw, (y % sh * sw + x % sw) * s->op->c + c);
}

static double want_reshape(const struct subject *s, int y, int x, int c)
{
    const struct qnt_node *in = s->in[0];
    const int at = (c * s->op->h + y) * s->op->w + x; /* in the order c, h, w */
    return value(s, 0, at / in->w % in->h, at % in->w, at / in->w / in->h);
}

static double want_pool(const struct subject *s, int y, int x, int c)
{
    const struct qnt_node *in = s->in[0];
    const int global = s->op->op == QNT_OP_GLOBAL_AVGPOOL;
    const struct qnt_window all = { .kh = in->h, .kw = in->w, .sh = 1, .sw = 1 };
    const struct qnt_window *w = global ? &all : &s->op->window;
    double sum = 0, most = -INFINITY, elements = 0;

    for (int iy = y * w->sh - w->ph; iy < y * w->sh - w->ph + w->kh; iy++)
        for (int ix = x * w->sw - w->pw; ix < x * w->sw - w->pw + w->kw; ix++)
            if (iy >= 0 && ix >= 0 && iy < in->h && ix < in->w) {
                sum += value(s, 0, iy, ix, c);
                most = fmax(most, value(s, 0, iy, ix, c));
                elements++;
            }
    return s->op->op == QNT_OP_MAXPOOL ? most : sum / (w->whole ? w->kh * w->kw : elements);
}

/* ---- Making the operator: sets what is special about node n */

static void make_channels(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    (void)g, (void)r;
    n->c = g->graph.nodes[n->inputs[0]].c + g->graph.nodes[n->inputs[1]].c;
}

static void make_function(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    (void)g;
    n->function = (enum qnt_function)t_between(r, 0, QNT_FN_COUNT - 1);
    n->alpha = (float)(0.1 + 0.3 * fabs(t_real(r)));
    n->beta = (float)(0.5 * t_real(r));
    n->gain = t_between(r, 0, 1) ? 1 : (float)(1.5 * t_real(r));
    n->shift = t_between(r, 0, 1) ? 0 : (float)t_real(r);
}

static void make_clip(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    (void)g;
    n->lo = (float)(-0.5 * fabs(t_real(r)));
    n->hi = (float)(0.5 + fabs(t_real(r)));
}

static void make_slice(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    int32_t *const size[3] = { &n->h, &n->w, &n->c };

    (void)g;
    for (int k = 0; k < 3; k++) {
        n->place.begin[k] = t_between(r, 0, *size[k] - 1);
        n->place.step[k] = t_between(r, 1, 3);
        *size[k] = t_between(r, 1, (*size[k] - 1 - n->place.begin[k]) / n->place.step[k] + 1);
    }
}

static void make_pad(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    int32_t *const size[3] = { &n->h, &n->w, &n->c };

    (void)g;
    for (int k = 0; k < 3; k++) {
        n->place.begin[k] = t_between(r, 0, 2);
        *size[k] += n->place.begin[k] + t_between(r, 0, 2);
    }
}

static void make_permute(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    const int *order = orders[t_between(r, 0, 5)];
    const int32_t size[3] = { n->h, n->w, n->c };

    (void)g;
    for (int k = 0; k < 3; k++)
        n->place.begin[k] = order[k];
    n->h = size[order[0]];
    n->w = size[order[1]];
    n->c = size[order[2]];
}

static void make_upsample(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    (void)g;
    n->h *= t_between(r, 1, 3);
    n->w *= t_between(r, 1, 3);
}

static void make_shuffle(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    (void)g;
    do
        n->place.begin[2] = t_between(r, 1, n->c);
    while (n->c % n->place.begin[2]);
}

static void make_resize(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    int32_t *const size[2] = { &n->h, &n->w };
    const int grid = t_between(r, 0, 2);

    (void)g;
    n->sampling.nearest = t_between(r, 0, 3) == 0;
    for (int k = 0; k < 2; k++) {
        const int in = *size[k], out = *size[k] = t_between(r, 1, 2 * in + 1);
        n->sampling.step[k] = grid == 1 ? (in - 1.0) / (out > 1 ? out - 1 : 1) : (double)in / out;
        n->sampling.offset[k] = grid == 0 ? 0.5 * n->sampling.step[k] - 0.5 : 0;
    }
}

static void make_lrn(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    (void)g;
    n->lrn = (struct qnt_lrn) { .size = 2 * t_between(r, 0, 8) + 1,
                                .quarters = t_between(r, 2, 4),
                                .alpha = (float)(4 * fabs(t_real(r))),
                                .bias = (float)(0.5 + fabs(t_real(r))) };
}

static void make_blocks(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    int sh, sw;

    (void)g;
    do {
        sh = t_between(r, 1, 3);
        sw = t_between(r, 1, 3);
    } while (n->c % (sh * sw));
    n->h *= sh;
    n->w *= sw;
    n->c /= sh * sw;
}

static void make_reshape(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    const int32_t h = n->h;

    (void)g, (void)r;
    n->h = n->w;
    n->w = n->c;
    n->c = h;
}

static void make_pool(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    const int kh = t_between(r, 1, n->h), kw = t_between(r, 1, n->w);

    (void)g;
    n->window = (struct qnt_window) { .kh = kh,
                                      .kw = kw,
                                      .sh = t_between(r, 1, 3),
                                      .sw = t_between(r, 1, 3),
                                      .ph = t_between(r, 0, kh - 1),
                                      .pw = t_between(r, 0, kw - 1),
                                      .whole = n->op == QNT_OP_AVGPOOL && t_between(r, 0, 1) };
    n->h = (n->h + 2 * n->window.ph - kh) / n->window.sh + 1;
    n->w = (n->w + 2 * n->window.pw - kw) / n->window.sw + 1;
}

static void make_global(struct t_graph *g, struct qnt_node *n, uint64_t *r)
{
    (void)g, (void)r;
    n->h = n->w = 1;
}

static const struct {
    enum qnt_op op;
    int inputs;   /* 3: two, of which the second is one pixel */
    double limit; /* how many steps it may be off; 0: none */
    void (*make)(struct t_graph *g, struct qnt_node *n, uint64_t *r);
    double (*want)(const struct subject *s, int y, int x, int c);
} cases[] = {
    { QNT_OP_ADD, 2, 0.51, NULL, want_add },
    { QNT_OP_MUL, 2, 0.51, NULL, want_mul },
    { QNT_OP_MUL, 3, 0.51, NULL, want_mul },
    { QNT_OP_CLIP, 1, 1.001, make_clip, want_clip }, /* a bound is rounded, too */
    { QNT_OP_CONCAT, 2, 0.51, make_channels, want_concat },
    /* a table holds what is rounded from a float scale */
    { QNT_OP_FUNCTION, 1, 0.51, make_function, want_function },
    { QNT_OP_SLICE, 1, 0, make_slice, want_slice },
    { QNT_OP_PAD, 1, 0, make_pad, want_pad },
    { QNT_OP_PERMUTE, 1, 0, make_permute, want_permute },
    { QNT_OP_UPSAMPLE, 1, 0, make_upsample, want_upsample },
    { QNT_OP_SHUFFLE, 1, 0, make_shuffle, want_shuffle },
    { QNT_OP_RESHAPE, 1, 0, make_reshape, want_reshape },
    { QNT_OP_MAXPOOL, 1, 0, make_pool, want_pool },
    { QNT_OP_AVGPOOL, 1, 0.51, make_pool, want_pool },
    { QNT_OP_GLOBAL_AVGPOOL, 1, 0.51, make_global, want_pool },
    { QNT_OP_RESIZE, 1, 0.565, make_resize, want_resize }, /* shares of 1/4096 on two axes */
    { QNT_OP_LRN, 1, 0.501, make_lrn, want_lrn },
    { QNT_OP_DEPTH_TO_SPACE, 1, 0, make_blocks, want_blocks },
};

/* Two inputs of different ranges, each with a zero point or without, both read by more than the
 * operator, so that they keep scales of their own; the operator; a classifier, unless the operator
 * is to give the scores itself. */
static int make_graph(struct t_graph *g, size_t which, uint64_t seed, int is_last)
{
    uint64_t r = seed;
    const enum qnt_op op = cases[which].op;

    t_graph_open(g, seed, t_between(&r, 1, 7), t_between(&r, 1, 7), t_between(&r, 1, 70));
    const int a = t_clamp(g, t_node(g, QNT_OP_CLIP, 0), t_between(&r, 0, 1) ? 0 : -1.5, 2);
    int b = t_clamp(g, t_node(g, QNT_OP_CLIP, 0), t_between(&r, 0, 1) ? 0 : -0.4, 0.6);
    if (cases[which].inputs == 3)
        b = t_global(g, b);
    const int at = t_node(g, op, a);
    struct qnt_node *n = &g->graph.nodes[at];
    if (cases[which].inputs > 1)
        n->inputs[n->input_count++] = b;
    if (cases[which].make)
        cases[which].make(g, n, &r);
    if (is_last)
        return at;
    const int joined =
        t_join(g, QNT_OP_CONCAT, t_linear(g, t_flatten(g, a), 2), t_linear(g, t_flatten(g, b), 2));
    t_join(g, QNT_OP_CONCAT, t_linear(g, t_flatten(g, at), 2), joined);
    return at;
}

static void watch(size_t layer, int8_t *tensor, size_t count, float scale, int32_t zero, void *user)
{
    struct subject *s = user;
    struct bytes *b = &s->layer[layer];

    free(b->data);
    *b = (struct bytes) { t_alloc(count, 1), count, (double)scale, zero };
    memcpy(b->data, tensor, count);
}

/* The largest distance of the operator's bytes from what they should be, in steps. */
static double worst_distance(const struct subject *s, size_t which)
{
    const struct bytes *out = &s->layer[s->op_layer];
    const double least = out->zero == 0 ? -127 : -128;
    double worst = 0;
    size_t at = 0;

    for (int y = 0; y < s->op->h; y++)
        for (int x = 0; x < s->op->w; x++)
            for (int c = 0; c < s->op->c; c++) {
                double want = cases[which].want(s, y, x, c);
                want = fmin((double)s->op->hi, fmax((double)s->op->lo, want));
                want = fmin(127, fmax(least, want / out->scale + out->zero));
                worst = fmax(worst, fabs(out->data[at++] - want));
            }
    return worst;
}

static void run(const struct t_graph *g, const struct qnt_network *network, int at,
                struct subject *s, int threads, float *scores)
{
    struct qnt_error error;
    struct qnt_exec *exec;
    struct qnt_exec_layer l;
    float image[7 * 7 * 70];

    if (!T_CHECK(qnt_exec_open(network, NULL, NULL, &exec, &error) == 0))
        exit(1);
    T_CHECK(qnt_exec_threads(exec, threads, &error) == 0);
    s->op = &g->graph.nodes[at];
    for (size_t i = 0; qnt_exec_layer(exec, i, &l) == 0; i++) {
        const int node = qnt_graph_find(&g->graph, l.name);
        for (int k = 0; k < s->op->input_count; k++)
            if (node == s->op->inputs[k]) {
                s->in_layer[k] = (int)i;
                s->in[k] = &g->graph.nodes[node];
            }
        if (node == at)
            s->op_layer = (int)i;
    }
    qnt_exec_watch(exec, watch, s);
    t_image(g, 77, image);
    qnt_exec_run(exec, image, scores);
    qnt_exec_close(exec);
}

static void check(size_t which, uint64_t seed)
{
    struct subject one = { 0 }, many = { 0 };
    struct t_graph g;
    float scores[6];
    const int at = make_graph(&g, which, seed, 0);
    struct qnt_network *network = t_network(&g);

    if (!network)
        exit(1);
    run(&g, network, at, &one, 1, scores);
    run(&g, network, at, &many, 3, scores);
    const struct bytes *a = &one.layer[one.op_layer], *b = &many.layer[many.op_layer];
    T_CHECK(a->count == b->count && memcmp(a->data, b->data, a->count) == 0);
    const double worst = worst_distance(&one, which);
    const double limit = cases[which].limit + 1e-6;
    if (!T_CHECK(worst <= limit))
        printf("  %s %d, seed %llu: %g steps off\n", qnt_op_names[one.op->op], one.op->function,
               (unsigned long long)seed, worst);
    for (int i = 0; i < LAYERS_MAX; i++) {
        free(one.layer[i].data);
        free(many.layer[i].data);
    }
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
}

/* The operator as the last one: scores that are not rounded to bytes, but by a resize. */
static void check_scores(size_t which, uint64_t seed)
{
    struct subject s = { 0 };
    struct t_graph g;
    const int at = make_graph(&g, which, seed, 1);
    struct qnt_network *network = t_network(&g);
    float *scores = t_alloc(t_elements(&g.graph.nodes[at]), sizeof(float)), *score = scores;
    double worst = 0, range = 0;

    if (!network)
        exit(1);
    run(&g, network, at, &s, 2, scores);
    for (int y = 0; y < s.op->h; y++)
        for (int x = 0; x < s.op->w; x++)
            for (int c = 0; c < s.op->c; c++) {
                double want = cases[which].want(&s, y, x, c);
                want = fmin((double)s.op->hi, fmax((double)s.op->lo, want));
                worst = fmax(worst, fabs((double)*score++ - want));
                range = fmax(range, fabs(want));
            }
    const double step = s.op->op == QNT_OP_RESIZE ? s.layer[s.in_layer[0]].scale : 0;
    if (!T_CHECK(worst <= 1e-5 * range + step * cases[which].limit))
        printf("  %s %d, seed %llu: scores %g off, of %g\n", qnt_op_names[s.op->op], s.op->function,
               (unsigned long long)seed, worst, range);
    for (int i = 0; i < LAYERS_MAX; i++)
        free(s.layer[i].data);
    free(scores);
    qnt_network_free(network);
    qnt_graph_free(&g.graph);
}

/* ---- Sums of bytes, to the bit, by each way that this CPU has */

static struct qnt_sum random_sum(uint64_t *r)
{
    struct qnt_sum k = { .shift = t_between(r, 1, QNT_SHIFT_MAX), .zero = t_between(r, -128, 127) };
    const int32_t most = 1 << t_between(r, 0, 21); /* QNT_FACTOR_MAX */

    k.factor_a = t_between(r, 0, 3) ? t_between(r, 0, most) : most;
    k.factor_b = t_between(r, 0, 3) ? t_between(r, 0, most) : most;
    k.start = (1 << (k.shift - 1)) - t_between(r, -128, 127) * k.factor_a -
              t_between(r, -128, 127) * k.factor_b;
    k.lo = t_between(r, -128, 127);
    k.hi = t_between(r, k.lo, 127);
    return k;
}

static void check_sum(const struct qnt_sum_way *way, uint64_t seed)
{
    enum { MOST = 300 };
    int8_t a[MOST], b[MOST], out[MOST + 1];
    uint64_t r = seed;
    const struct qnt_sum k = random_sum(&r);
    const size_t count = (size_t)t_between(&r, 0, MOST);
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        a[i] = (int8_t)t_between(&r, -128, 127);
        b[i] = (int8_t)(t_between(&r, 0, 7) ? t_between(&r, -128, 127) : -128);
    }
    memset(out, 0x55, sizeof(out));
    const size_t done = way->run(&k, a, b, count, out);
    for (size_t i = 0; i < done; i++) {
        int64_t y = (int64_t)a[i] * k.factor_a + (int64_t)b[i] * k.factor_b + k.start;
        y = (y >> k.shift) + k.zero;
        wrong += out[i] != (y < k.lo ? k.lo : y > k.hi ? k.hi : y);
    }
    T_CHECK(done <= count && out[done] == 0x55); /* nothing beyond */
    if (!T_CHECK(wrong == 0))
        printf("  %s, seed %llu: %d wrong\n", way->name, (unsigned long long)seed, wrong);
}

static void check_sums(void)
{
    for (size_t i = 0; i < qnt_sum_way_count; i++)
        for (uint64_t n = 0; n < 2000 && qnt_sum_ways[i].is_there(); n++)
            check_sum(&qnt_sum_ways[i], t_seed * 10000 + n);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    check_sums();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint64_t k = 0; k < 25; k++)
            check(i, t_seed * 1000 + i * 100 + k);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint64_t k = 0; k < 5; k++)
            check_scores(i, t_seed * 1000 + i * 100 + 50 + k);
    return t_end();
}
