#include "harness/sweep/forest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/stats.h"

#define LEAF_ROWS 2 /* a node of so few rows is not split */

struct hrn_forest_node {
    int feature; /* -1: a leaf */
    double threshold, value;
    size_t left, right;
};

struct fit {
    const double *x, *y;
    size_t features;
    uint64_t random;
    struct hrn_forest *forest;
    size_t capacity;
    size_t *row; /* permuted so that every node has a range of it */
};

static double at(const struct fit *f, size_t i, size_t feature)
{
    return f->x[f->row[i] * f->features + feature];
}

static double uniform(struct fit *f)
{
    return (double)(hrn_random(&f->random) >> 11) / 9007199254740992.0;
}

/* Sum of squares about the mean of the rows [begin, end) on one side of the threshold. */
static double squares(const struct fit *f, size_t begin, size_t end, size_t feature,
                      double threshold, int right)
{
    double sum = 0, sum_of_squares = 0;
    size_t n = 0;
    for (size_t i = begin; i < end; i++) {
        if ((at(f, i, feature) > threshold) != right)
            continue;
        double y = f->y[f->row[i]];
        sum += y;
        sum_of_squares += y * y;
        n++;
    }
    return n ? sum_of_squares - sum * sum / (double)n : 0;
}

/* One random threshold per feature that still varies; the one that leaves the least variance.
 * -1: nothing varies. */
static int choose_split(struct fit *f, size_t begin, size_t end, double *threshold)
{
    int best = -1;
    double least = INFINITY;
    for (size_t k = 0; k < f->features; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = begin; i < end; i++) {
            low = fmin(low, at(f, i, k));
            high = fmax(high, at(f, i, k));
        }
        if (!(high > low))
            continue;
        double t = low + uniform(f) * (high - low) * 0.999999;
        double left = squares(f, begin, end, k, t, 0) + squares(f, begin, end, k, t, 1);
        if (left < least) {
            least = left;
            best = (int)k;
            *threshold = t;
        }
    }
    return best;
}

static size_t partition(struct fit *f, size_t begin, size_t end, size_t feature, double threshold)
{
    size_t middle = begin;
    for (size_t i = begin; i < end; i++)
        if (at(f, i, feature) <= threshold) {
            size_t t = f->row[i];
            f->row[i] = f->row[middle];
            f->row[middle++] = t;
        }
    return middle;
}

static long new_node(struct fit *f)
{
    struct hrn_forest *forest = f->forest;
    if (forest->count == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 256;
        struct hrn_forest_node *grown = realloc(forest->node, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        forest->node = grown;
        f->capacity = capacity;
    }
    forest->node[forest->count] = (struct hrn_forest_node) { .feature = -1 };
    return (long)forest->count++;
}

/* The tree over rows [begin, end): its node, or -ENOMEM. Splits halve nothing for sure, but each
 * takes at least one row away, so the depth is bounded by the rows. */
static long grow(struct fit *f, size_t begin, size_t end)
{
    double threshold = 0, sum = 0;
    long node = new_node(f);
    if (node < 0)
        return node;
    for (size_t i = begin; i < end; i++)
        sum += f->y[f->row[i]];
    f->forest->node[node].value = sum / (double)(end - begin);
    int feature = end - begin > LEAF_ROWS ? choose_split(f, begin, end, &threshold) : -1;
    if (feature < 0)
        return node;
    size_t middle = partition(f, begin, end, (size_t)feature, threshold);
    long left = grow(f, begin, middle), right = left < 0 ? left : grow(f, middle, end);
    if (right < 0)
        return right;
    struct hrn_forest_node *n = &f->forest->node[node]; /* it may have moved */
    n->feature = feature;
    n->threshold = threshold;
    n->left = (size_t)left;
    n->right = (size_t)right;
    return node;
}

int hrn_forest_fit(struct hrn_forest *forest, const double *x, const double *y, size_t rows,
                   size_t features, uint64_t seed)
{
    struct fit f = { .x = x, .y = y, .features = features, .random = seed, .forest = forest };
    hrn_forest_clear(forest);
    forest->features = features;
    f.row = malloc((rows + 1) * sizeof *f.row);
    long root = f.row ? 0 : -ENOMEM;
    for (size_t t = 0; t < HRN_FOREST_TREES && root >= 0; t++) {
        for (size_t i = 0; i < rows; i++)
            f.row[i] = i;
        root = grow(&f, 0, rows);
        forest->root[t] = (size_t)root;
    }
    free(f.row);
    if (root < 0)
        hrn_forest_clear(forest);
    return root < 0 ? (int)root : 0;
}

void hrn_forest_predict(const struct hrn_forest *forest, const double *x, double *mean,
                        double *deviation)
{
    double sum = 0, squares_sum = 0;
    for (size_t t = 0; t < HRN_FOREST_TREES; t++) {
        const struct hrn_forest_node *n = &forest->node[forest->root[t]];
        while (n->feature >= 0)
            n = &forest->node[x[n->feature] <= n->threshold ? n->left : n->right];
        sum += n->value;
        squares_sum += n->value * n->value;
    }
    *mean = sum / HRN_FOREST_TREES;
    *deviation = sqrt(fmax(0, squares_sum / HRN_FOREST_TREES - *mean * *mean));
}

void hrn_forest_clear(struct hrn_forest *forest)
{
    free(forest->node);
    memset(forest, 0, sizeof *forest);
}
