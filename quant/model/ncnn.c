/* The two files of an ncnn model: text that names layers and blobs, and the weights in the order of
 * the layers. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/hash.h"
#include "quant/model/ncnn_int.h"

enum { MAGIC = 7767517, LAYERS_MAX = 1 << 14, WORDS_MAX = 4 + 2 * NCNN_ENDS_MAX + NCNN_PARAMS_MAX };

int ncnn_fail(const struct ncnn *n, int code, const char *format, ...)
{
    char sentence[300];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (!n->name)
        return qnt_error_set(n->error, code, "%s: %s", n->path, sentence);
    return qnt_error_set(n->error, code, "%s: layer '%.80s' (%.40s): %s", n->path, n->name, n->type,
                         sentence);
}

/* ---- Blobs by name: linear probing */

static struct ncnn_blob *slot_of(const struct ncnn *n, const char *name)
{
    uint64_t hash = krn_fnv1a(KRN_FNV1A_BEGIN, name, strlen(name));
    size_t i = (size_t)(hash ^ hash >> 32) & (n->capacity - 1);
    while (n->blobs[i].name && strcmp(n->blobs[i].name, name) != 0)
        i = (i + 1) & (n->capacity - 1);
    return &n->blobs[i];
}

const struct ncnn_blob *ncnn_input(const struct ncnn *n, size_t i)
{
    return slot_of(n, n->inputs[i]);
}

const struct qnt_node *ncnn_node_of(const struct ncnn *n, const struct ncnn_blob *blob)
{
    return &n->graph->nodes[blob->node];
}

struct qnt_node ncnn_node_on(const struct ncnn *n, enum qnt_op op)
{
    const struct ncnn_blob *x = ncnn_input(n, 0);
    const struct qnt_node *in = ncnn_node_of(n, x);
    struct qnt_node node = qnt_node_blank(op);

    node.inputs[0] = x->node;
    node.input_count = 1;
    node.h = in->h;
    node.w = in->w;
    node.c = in->c;
    return node;
}

int ncnn_define(struct ncnn *n, size_t i, int32_t node, int dims)
{
    struct ncnn_blob *slot = slot_of(n, n->outputs[i]);

    if (slot->name)
        return ncnn_fail(n, -EEXIST, "makes blob '%.80s' a second time", n->outputs[i]);
    *slot = (struct ncnn_blob) { .name = n->outputs[i], .node = node, .dims = dims };
    return 0;
}

void ncnn_hold(struct ncnn *n, const struct ncnn_memory *memory)
{
    slot_of(n, n->outputs[0])->memory = memory;
}

int ncnn_emit_as(struct ncnn *n, struct qnt_node *node, int dims, const char *name, int i,
                 int32_t *index)
{
    const int64_t h = node->h, w = node->w, c = node->c;
    int rc = 0;

    if (h < 1 || w < 1 || c < 1 || h > QNT_ELEMENTS_MAX / w || h * w > QNT_ELEMENTS_MAX / c)
        rc = ncnn_fail(n, -EINVAL, "an output of [%d][%d][%d] (h, w, c) is out of range", node->h,
                       node->w, node->c);
    else if (qnt_graph_find(n->graph, name) >= 0)
        rc = ncnn_fail(n, -EEXIST, "there is another layer of its name");
    if (rc == 0 && i >= 0) {
        node->tensor = strdup(n->outputs[i]);
        rc = node->tensor ? ncnn_define(n, (size_t)i, n->graph->count, dims)
                          : ncnn_fail(n, -ENOMEM, "not enough memory");
    }
    if (rc == 0) {
        int32_t at = qnt_graph_add(n->graph, node, name);
        if (index)
            *index = at;
        rc = at >= 0 ? 0 : ncnn_fail(n, -ENOMEM, "not enough memory");
    }
    qnt_node_clear(node); /* already empty where the graph has taken it */
    return rc;
}

int ncnn_emit(struct ncnn *n, struct qnt_node *node, int dims)
{
    return ncnn_emit_as(n, node, dims, n->name, 0, NULL);
}

int ncnn_exchange(struct ncnn *n, int axis, int32_t *node)
{
    const struct qnt_node *in = &n->graph->nodes[*node];
    struct qnt_node turned = qnt_node_blank(QNT_OP_PERMUTE);
    const int32_t sizes[3] = { in->h, in->w, in->c };
    char name[300];

    if (axis == 2)
        return 0;
    turned.inputs[0] = *node;
    turned.input_count = 1;
    for (int k = 0; k < 3; k++)
        turned.place.begin[k] = k == axis ? 2 : k == 2 ? axis : k;
    turned.h = sizes[turned.place.begin[0]];
    turned.w = sizes[turned.place.begin[1]];
    turned.c = sizes[turned.place.begin[2]];
    snprintf(name, sizeof(name), "%.240s.turned%d", n->name, n->graph->count);
    return ncnn_emit_as(n, &turned, 3, name, -1, node);
}

int ncnn_flat_input(struct ncnn *n, int32_t *node)
{
    struct qnt_node flat = ncnn_node_on(n, QNT_OP_RESHAPE);
    char name[300];

    *node = flat.inputs[0];
    if (flat.h == 1 && flat.w == 1)
        return 0;
    flat.c = (int32_t)qnt_node_elements(&flat); /* at most QNT_ELEMENTS_MAX */
    flat.h = flat.w = 1;
    snprintf(name, sizeof(name), "%.250s.flat", n->name);
    return ncnn_emit_as(n, &flat, 1, name, -1, node);
}

/* ---- Lines */

struct line {
    char *words[WORDS_MAX];
    size_t count;
};

/* Cuts the next line that is not blank into words, in place. 0 at the end, else 1; too many words
 * are -E2BIG. */
static int next_line(char **at, struct line *line)
{
    static const char blanks[] = " \t\r";

    line->count = 0;
    while (**at && line->count == 0) {
        char *end = strchr(*at, '\n'), *text = *at, *rest = NULL;
        *at = end ? end + 1 : *at + strlen(*at);
        if (end)
            *end = 0;
        for (char *w = strtok_r(text, blanks, &rest); w; w = strtok_r(NULL, blanks, &rest)) {
            if (line->count == WORDS_MAX)
                return -E2BIG;
            line->words[line->count++] = w;
        }
    }
    return line->count > 0;
}

/* A whole number in [0, limit]; -1 otherwise. */
static long count_of(const char *word, long limit)
{
    char *end;
    long value = strtol(word, &end, 10);
    return *end == 0 && end != word && value >= 0 && value <= limit ? value : -1;
}

static int read_header(struct ncnn *n, char **at, long *layers)
{
    struct line line;

    if (next_line(at, &line) != 1 || line.count != 1 || count_of(line.words[0], LONG_MAX) != MAGIC)
        return ncnn_fail(n, -EINVAL,
                         "does not begin with the number %d: it is no .param file of"
                         " ncnn, or of an old version",
                         MAGIC);
    if (next_line(at, &line) != 1 || line.count != 2 ||
        (*layers = count_of(line.words[0], LAYERS_MAX)) < 1 ||
        count_of(line.words[1], LONG_MAX) < 0)
        return ncnn_fail(n, -EINVAL,
                         "the second line does not say how many layers there are"
                         " (1 to %d)",
                         LAYERS_MAX);
    return 0;
}

static int split_line(struct ncnn *n, const struct line *line)
{
    long inputs = line->count >= 4 ? count_of(line->words[2], NCNN_ENDS_MAX) : -1;
    long outputs = inputs >= 0 ? count_of(line->words[3], NCNN_ENDS_MAX) : -1;
    size_t first = 4;

    if (line->count < 2)
        return ncnn_fail(n, -EINVAL, "'%.60s' is no line of a layer", line->words[0]);
    n->type = line->words[0];
    n->name = line->words[1];
    if (outputs < 0 || line->count < 4 + (size_t)inputs + (size_t)outputs)
        return ncnn_fail(n, -EINVAL, "its line is cut short, or has more than %d inputs or outputs",
                         NCNN_ENDS_MAX);
    if (strlen(n->name) > 255)
        return ncnn_fail(n, -EINVAL, "a name of %zu characters", strlen(n->name));
    n->input_count = (size_t)inputs;
    n->output_count = (size_t)outputs;
    for (size_t i = 0; i < n->input_count; i++)
        n->inputs[i] = line->words[first++];
    for (size_t i = 0; i < n->output_count; i++)
        n->outputs[i] = line->words[first++];
    n->param_count = n->value_count = 0;
    n->op = ncnn_op_find(n->type);
    if (!n->op)
        return ncnn_fail(n, -ENOTSUP, "the operator is not supported");
    int rc = 0;
    while (rc == 0 && first < line->count)
        rc = ncnn_parse_param(n, line->words[first++]);
    return rc ? rc : ncnn_check_params(n);
}

static int check_ends(struct ncnn *n)
{
    if (n->input_count < n->op->inputs_min || n->input_count > n->op->inputs_max)
        return ncnn_fail(n, -ENOTSUP, "has %zu inputs; %zu to %zu are supported", n->input_count,
                         n->op->inputs_min, n->op->inputs_max);
    if (n->output_count < 1 || n->output_count > n->op->outputs_max)
        return ncnn_fail(n, -ENOTSUP, "has %zu outputs; 1 to %zu are supported", n->output_count,
                         n->op->outputs_max);
    for (size_t i = 0; i < n->input_count; i++) {
        struct ncnn_blob *blob = slot_of(n, n->inputs[i]);
        if (!blob->name)
            return ncnn_fail(n, -EINVAL, "reads blob '%.80s', which no layer before it makes",
                             n->inputs[i]);
        if (blob->memory && n->op->import != ncnn_import_binary)
            return ncnn_fail(n, -ENOTSUP, "reads the constant '%.80s', which only a BinaryOp may",
                             n->inputs[i]);
        blob->readers++;
    }
    return 0;
}

static int read_layers(struct ncnn *n, char *at, long layers)
{
    struct line line;
    int more;

    for (long i = 0; i < layers; i++) {
        n->name = NULL;
        more = next_line(&at, &line);
        if (more == 0)
            return ncnn_fail(n, -EINVAL, "ends after %ld of its %ld layers", i, layers);
        if (more < 0)
            return ncnn_fail(n, more, "line of layer %ld: more than %d words", i, WORDS_MAX);
        int rc = split_line(n, &line);
        if (rc == 0)
            rc = check_ends(n);
        if (rc == 0 && n->op->import != ncnn_import_memory &&
            (n->graph->count == 0) != (n->op->inputs_max == 0))
            rc = ncnn_fail(n, -ENOTSUP,
                           n->graph->count ? "is a second input; one is supported"
                                           : "comes before the input");
        if (rc == 0)
            rc = n->op->import(n);
        if (rc)
            return rc;
    }
    n->name = NULL;
    if (next_line(&at, &line) != 0)
        return ncnn_fail(n, -EINVAL, "has more lines than its %ld layers", layers);
    return 0;
}

/* The blobs that nobody reads, each once, in the order in which they are made. */
static int find_unread(struct ncnn *n, int32_t nodes[QNT_INPUTS_MAX])
{
    int count = 0;

    for (size_t i = 0; i < n->capacity; i++) {
        const struct ncnn_blob *b = &n->blobs[i];
        int at = 0;
        if (!b->name || b->readers || b->memory)
            continue;
        while (at < count && nodes[at] < b->node)
            at++;
        if (at < count && nodes[at] == b->node)
            continue;
        if (count == QNT_INPUTS_MAX)
            return ncnn_fail(n, -ENOTSUP,
                             "leaves more than %d blobs that nobody reads: name the one that is"
                             " the output (--output-blob)",
                             QNT_INPUTS_MAX);
        memmove(nodes + at + 1, nodes + at, (size_t)(count - at) * sizeof(*nodes));
        nodes[at] = b->node;
        count++;
    }
    return count ? count : ncnn_fail(n, -EINVAL, "has no output");
}

/* Several results: all of them, each as a vector before its softmax, one behind the other. */
static int join_outputs(struct ncnn *n, const int32_t *nodes, int count)
{
    struct qnt_node joined = qnt_node_blank(QNT_OP_CONCAT);
    int64_t total = 0;
    char name[64];
    int rc = 0;

    joined.h = joined.w = 1;
    for (int i = 0; rc == 0 && i < count; i++) {
        const struct qnt_node *from = &n->graph->nodes[nodes[i]];
        const int32_t at = from->op == QNT_OP_SOFTMAX ? from->inputs[0] : nodes[i];
        struct qnt_node flat = qnt_node_blank(QNT_OP_RESHAPE);
        joined.inputs[i] = flat.inputs[0] = at;
        flat.input_count = flat.h = flat.w = 1;
        flat.c = (int32_t)qnt_node_elements(from);
        total += flat.c;
        snprintf(name, sizeof(name), "output.flat%d", i);
        if (from->h != 1 || from->w != 1)
            rc = ncnn_emit_as(n, &flat, 1, name, -1, &joined.inputs[i]);
    }
    if (rc == 0 && total > QNT_ELEMENTS_MAX)
        rc = ncnn_fail(n, -EINVAL, "its results have too many elements");
    joined.c = (int32_t)total;
    joined.input_count = count;
    return rc ? rc : ncnn_emit_as(n, &joined, 1, "output.joined", -1, &n->graph->output);
}

static int find_output(struct ncnn *n)
{
    int32_t nodes[QNT_INPUTS_MAX];
    int count = 1;

    if (n->how->output) {
        const struct ncnn_blob *found = slot_of(n, n->how->output);
        if (!found->name || found->memory)
            return ncnn_fail(n, -EINVAL, "no layer computes the blob '%.80s'", n->how->output);
        nodes[0] = found->node;
    } else {
        count = find_unread(n, nodes);
        if (count < 0)
            return count;
    }
    n->name = "output";
    n->type = "joined";
    if (count > 1)
        return join_outputs(n, nodes, count);
    n->graph->output = nodes[0];
    return 0;
}

static int read_text(struct ncnn *n, char *text)
{
    long layers = 0;
    int rc = read_header(n, &text, &layers);

    if (rc)
        return rc;
    n->capacity = 16;
    while (n->capacity < (strlen(text) / 2 < (size_t)layers * NCNN_ENDS_MAX
                              ? strlen(text) + 16
                              : 2 * (size_t)layers * NCNN_ENDS_MAX))
        n->capacity *= 2; /* at most half full: a name takes two characters at least */
    n->blobs = calloc(n->capacity, sizeof(*n->blobs));
    if (!n->blobs)
        return ncnn_fail(n, -ENOMEM, "not enough memory");
    rc = read_layers(n, text, layers);
    if (rc == 0 && n->at != n->bin.bytes)
        rc = ncnn_fail(n, -EINVAL,
                       "its layers take %zu of the %zu bytes of the .bin file: it is of"
                       " another model",
                       n->at, n->bin.bytes);
    return rc ? rc : find_output(n);
}

int qnt_ncnn_read(struct qnt_bytes param, struct qnt_bytes bin, const char *path,
                  const struct qnt_load *how, struct qnt_graph *out, struct qnt_error *error)
{
    static const struct qnt_load as_it_says;
    struct ncnn n = { .path = path, .how = how, .graph = out, .error = error, .bin = bin };
    char *text = malloc(param.bytes + 1);
    int rc = -ENOMEM;

    *out = (struct qnt_graph) { .pixels = qnt_pixels_plain(), .name = strdup(path) };
    n.how = how ? how : &as_it_says;
    if (!text || !out->name) {
        ncnn_fail(&n, rc, "not enough memory");
        goto fail;
    }
    memcpy(text, param.data, param.bytes);
    text[param.bytes] = 0;
    rc = strlen(text) == param.bytes ? read_text(&n, text)
                                     : ncnn_fail(&n, -EINVAL, "has a NUL in it: it is no text");
fail:
    while (n.memories) {
        struct ncnn_memory *next = n.memories->next;
        free(n.memories->values);
        free(n.memories);
        n.memories = next;
    }
    free(n.blobs);
    free(text);
    if (rc)
        qnt_graph_free(out);
    return rc;
}

int qnt_ncnn_load(const char *path, const struct qnt_load *how, struct qnt_graph *out,
                  struct qnt_error *error)
{
    const size_t stem = strlen(path) > 6 ? strlen(path) - 6 : 0; /* without ".param" */
    struct qnt_bytes param = { 0 }, bin = { 0 };
    uint8_t *text = NULL, *weights = NULL;
    char *beside = malloc(strlen(path) + 5);
    int rc = -ENOMEM;

    *out = (struct qnt_graph) { .pixels = qnt_pixels_plain() };
    if (!beside) {
        qnt_error_set(error, rc, "%s: not enough memory", path);
        goto fail;
    }
    memcpy(beside, path, stem);
    memcpy(beside + stem, ".bin", 5);
    rc = qnt_read_file(path, &text, &param.bytes, error);
    if (rc == 0)
        rc = qnt_read_file(beside, &weights, &bin.bytes, error);
    if (rc)
        goto fail;
    param.data = text;
    bin.data = weights;
    rc = qnt_ncnn_read(param, bin, path, how, out, error);
fail:
    free(text);
    free(weights);
    free(beside);
    return rc;
}
