/* Dense and grouped layers: weights packed into panels when the execution is opened, tiles of the
 * output computed straight from the image by a table of pointers, one for each tap and pixel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "quant/model/float_int.h"

/* Panels that are walked together: they stay in the second level of the cache. */
enum { BLOCK_BYTES = 256 << 10, ALIGN = 64 };

/* ---- Which inner loop */

#if defined(__x86_64__)
static int has_avx512(void)
{
    return krn_cpu_isas() >> KRN_ISA_AVX512VNNI & 1;
}

static int has_avx2(void)
{
    return krn_cpu_isas() >> KRN_ISA_AVX2 & 1 && __builtin_cpu_supports("fma");
}
#endif

static int has_anything(void)
{
    return 1;
}

static const struct {
    int (*is_there)(void);
    struct qnt_tile_kernel kernel;
} kernels[] = {
#if defined(__x86_64__)
    { has_avx512, { 12, 32, qnt_tile_avx512, qnt_tile_avx512_row } },
    { has_avx2, { 6, 16, qnt_tile_avx2, qnt_tile_avx2_row } },
#endif
    { has_anything, { 6, 8, qnt_tile_portable, qnt_tile_portable_row } },
};

const struct qnt_tile_kernel *qnt_tile_choose(void)
{
    size_t i = 0;

    while (!kernels[i].is_there())
        i++;
    return &kernels[i].kernel;
}

/* ---- Sizes */

static size_t group_oc(const struct qnt_node *node)
{
    return (size_t)(node->problem.oc / node->problem.groups);
}

static size_t group_depth(const struct qnt_node *node) /* of one tap */
{
    return (size_t)(node->problem.ic / node->problem.groups);
}

static size_t taps_of(const struct qnt_node *node)
{
    return (size_t)node->problem.kh * (size_t)node->problem.kw;
}

static size_t panels_of_group(const struct qnt_float *exec, const struct qnt_node *node)
{
    const size_t nr = (size_t)exec->kernel->nr;

    return (group_oc(node) + nr - 1) / nr;
}

static size_t panel_floats(const struct qnt_float *exec, const struct qnt_node *node)
{
    return (1 + taps_of(node) * group_depth(node)) * (size_t)exec->kernel->nr;
}

size_t qnt_dense_pointers(const struct qnt_float *exec, const struct qnt_node *node)
{
    return taps_of(node) * (size_t)exec->kernel->mr;
}

/* ---- Packing */

/* `oc` channels of a group from `first` on, which counts all groups. */
static void pack_panel(const struct qnt_node *node, size_t first, size_t oc, size_t nr, float *out)
{
    const size_t depth = taps_of(node) * group_depth(node);

    for (size_t n = 0; n < nr; n++)
        out[n] = n < oc && node->bias ? node->bias[first + n] : 0;
    out += nr;
    for (size_t k = 0; k < depth; k++, out += nr)
        for (size_t n = 0; n < nr; n++)
            out[n] = n < oc ? node->weight[(first + n) * depth + k] : 0;
}

float *qnt_dense_pack(const struct qnt_float *exec, const struct qnt_node *node)
{
    const size_t groups = (size_t)node->problem.groups, panels = panels_of_group(exec, node);
    const size_t oc = group_oc(node), nr = (size_t)exec->kernel->nr;
    size_t bytes;
    float *packed = NULL, *at;

    if (!__builtin_mul_overflow(groups * panels, panel_floats(exec, node) * sizeof(float), &bytes))
        packed = aligned_alloc(ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN);
    at = packed;
    for (size_t g = 0; packed && g < groups; g++)
        for (size_t p = 0; p < panels; p++, at += panel_floats(exec, node)) {
            size_t left = oc - p * nr;
            pack_panel(node, g * oc + p * nr, left < nr ? left : nr, nr, at);
        }
    return packed;
}

/* ---- Running */

struct part { /* of a layer: pixels of the output by channels of one group */
    const struct qnt_float *exec;
    const struct qnt_node *node;
    const float *in; /* the first channel of the group */
    const float *panels;
    float *out; /* likewise */
    size_t mr;  /* of the tiles: the kernel's, or 1 */
};

/* Where the taps of output pixel `pixel` begin, to rows[tap][m]; zeros outside the image. */
static void point_row(const struct part *part, int32_t pixel, size_t m)
{
    const struct krn_problem *p = &part->node->problem;
    const float **row = part->exec->rows + m;
    const int64_t top = (int64_t)(pixel / p->ow) * p->sh - p->ph;
    const int64_t left = (int64_t)(pixel % p->ow) * p->sw - p->pw;

    const int64_t ic = p->ic, step = (int64_t)p->dw * ic;

    for (int32_t ky = 0; ky < p->kh; ky++) {
        const int64_t y = top + (int64_t)ky * p->dh;
        int64_t x = left, at = (y * p->iw + left) * ic;
        for (int32_t kx = 0; kx < p->kw; kx++, row += part->mr, x += p->dw, at += step) {
            int inside = y >= 0 && y < p->ih && x >= 0 && x < p->iw;
            *row = inside ? part->in + at : part->exec->zeros;
        }
    }
}

/* Tiles of `rows` pixels, at most mr, by `panels` panels from the one numbered `first` on. */
static void run_tiles(const struct part *part, int32_t pixel, size_t rows, size_t first,
                      size_t panels)
{
    const struct qnt_tile_kernel *kernel = part->exec->kernel;
    const size_t nr = (size_t)kernel->nr, oc = (size_t)part->node->problem.oc;
    float spill[QNT_TILE_MR_MAX * QNT_TILE_NR_MAX];
    struct qnt_tile tile = { .rows = part->exec->rows,
                             .taps = taps_of(part->node),
                             .depth = group_depth(part->node),
                             .lo = part->node->lo,
                             .hi = part->node->hi };

    for (size_t m = 0; m < part->mr; m++)
        point_row(part, pixel + (int32_t)(m < rows ? m : rows - 1), m);
    for (size_t p = first; p < first + panels; p++) {
        const size_t left = group_oc(part->node) - p * nr, columns = left < nr ? left : nr;
        const int whole = rows == part->mr && columns == nr;
        float *out = part->out + (size_t)pixel * oc + p * nr;
        tile.panel = part->panels + p * panel_floats(part->exec, part->node);
        tile.out = whole ? out : spill;
        tile.out_stride_bytes = (whole ? oc : nr) * sizeof(float);
        (part->mr == 1 ? kernel->run_row : kernel->run)(&tile);
        for (size_t m = 0; m < rows && !whole; m++)
            memcpy(out + m * oc, spill + m * nr, columns * sizeof(float));
    }
}

static void run_part(const struct part *part)
{
    const int32_t pixels = part->node->h * part->node->w, mr = (int32_t)part->mr;
    const size_t panels = panels_of_group(part->exec, part->node);
    size_t block = BLOCK_BYTES / (panel_floats(part->exec, part->node) * sizeof(float));

    block = block ? block : 1;
    for (size_t first = 0; first < panels; first += block) {
        size_t count = panels - first < block ? panels - first : block;
        for (int32_t pixel = 0; pixel < pixels; pixel += mr)
            run_tiles(part, pixel, (size_t)(pixels - pixel < mr ? pixels - pixel : mr), first,
                      count);
    }
}

void qnt_dense_run(const struct qnt_float *exec, int32_t index, const float *in, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index];
    const size_t panels = panels_of_group(exec, node);

    for (int32_t g = 0; g < node->problem.groups; g++) {
        const struct part part = {
            .exec = exec,
            .node = node,
            .in = in + (size_t)g * group_depth(node),
            .panels = exec->packed[index] + (size_t)g * panels * panel_floats(exec, node),
            .out = out + (size_t)g * group_oc(node),
            .mr = node->h * node->w == 1 ? 1 : (size_t)exec->kernel->mr,
        };
        run_part(&part);
    }
}
