/* The .param file, line by line. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/ncnn_int.h"

enum { MAGIC = 7767517, LAYERS_MAX = 1 << 14, WORDS_MAX = 4 + 2 * NCNN_ENDS_MAX + NCNN_PARAMS_MAX };

/* Cuts the next line that is not blank into words, in place, behind those that are there already;
 * *count of them. 0 at the end, else 1; too many words are -E2BIG. */
static int next_line(char **at, char **words, size_t *count)
{
    static const char blanks[] = " \t\r";

    *count = 0;
    while (**at && *count == 0) {
        char *end = strchr(*at, '\n'), *text = *at, *rest = NULL;
        *at = end ? end + 1 : *at + strlen(*at);
        if (end)
            *end = 0;
        for (char *w = strtok_r(text, blanks, &rest); w; w = strtok_r(NULL, blanks, &rest)) {
            if (*count == WORDS_MAX)
                return -E2BIG;
            words[(*count)++] = w;
        }
    }
    return *count > 0;
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
    size_t count;

    if (next_line(at, n->words, &count) != 1 || count != 1 ||
        count_of(n->words[0], LONG_MAX) != MAGIC)
        return ncnn_fail(n, -EINVAL,
                         "does not begin with the number %d: it is no .param file of"
                         " ncnn, or of an old version",
                         MAGIC);
    if (next_line(at, n->words, &count) != 1 || count != 2 ||
        (*layers = count_of(n->words[0], LAYERS_MAX)) < 1 || count_of(n->words[1], LONG_MAX) < 0)
        return ncnn_fail(n, -EINVAL,
                         "the second line does not say how many layers there are"
                         " (1 to %d)",
                         LAYERS_MAX);
    return 0;
}

/* The lines of all layers, cut into words. As to ncnn, what stands behind so many layers as the
 * head says is nothing. */
static int cut_lines(struct ncnn *n, char *at)
{
    const size_t room = strlen(at) / 2 + 2; /* a word takes two characters at least */
    long layers = 0;
    size_t used = 0, count;

    n->words = calloc(room, sizeof(*n->words));
    int rc = n->words ? read_header(n, &at, &layers) : ncnn_fail(n, -ENOMEM, "not enough memory");
    if (rc)
        return rc;
    n->layers = calloc((size_t)layers, sizeof(*n->layers));
    if (!n->layers)
        return ncnn_fail(n, -ENOMEM, "not enough memory");
    for (long i = 0; i < layers; i++) {
        const int more = next_line(&at, n->words + used, &count);
        if (more == 0)
            return ncnn_fail(n, -EINVAL, "ends after %ld of its %ld layers", i, layers);
        if (more < 0)
            return ncnn_fail(n, more, "line of layer %ld: more than %d words", i, WORDS_MAX);
        n->layers[i] = (struct ncnn_layer) { .first = used, .count = count };
        used += count;
        n->layer_count++;
    }
    return 0;
}

int ncnn_take_layer(struct ncnn *n, int32_t i)
{
    const struct ncnn_layer *layer = &n->layers[i];
    char **words = n->words + layer->first;
    const long inputs = layer->count >= 4 ? count_of(words[2], NCNN_ENDS_MAX) : -1;
    const long outputs = inputs >= 0 ? count_of(words[3], NCNN_ENDS_MAX) : -1;

    n->name = NULL;
    if (layer->count < 2)
        return ncnn_fail(n, -EINVAL, "'%.60s' is no line of a layer", words[0]);
    n->type = words[0];
    n->name = words[1];
    if (outputs < 0 || layer->count < 4 + (size_t)inputs + (size_t)outputs)
        return ncnn_fail(n, -EINVAL, "its line is cut short, or has more than %d inputs or outputs",
                         NCNN_ENDS_MAX);
    if (strlen(n->name) > 255)
        return ncnn_fail(n, -EINVAL, "a name of %zu characters", strlen(n->name));
    n->input_count = (size_t)inputs;
    n->output_count = (size_t)outputs;
    words += 4;
    for (size_t k = 0; k < n->input_count; k++)
        n->inputs[k] = *words++;
    for (size_t k = 0; k < n->output_count; k++)
        n->outputs[k] = *words++;
    n->op = ncnn_op_find(n->type);
    return 0;
}

/* Who makes and who reads each blob. */
static int index_blobs(struct ncnn *n)
{
    int rc = 0;

    n->capacity = 16; /* at most half full: each blob has a word of its own */
    for (int32_t i = 0; i < n->layer_count; i++)
        while (n->capacity < 2 * (n->layers[i].first + n->layers[i].count + 1))
            n->capacity *= 2;
    n->blobs = calloc(n->capacity, sizeof(*n->blobs));
    if (!n->blobs)
        return ncnn_fail(n, -ENOMEM, "not enough memory");
    for (int32_t i = 0; rc == 0 && i < n->layer_count; i++) {
        rc = ncnn_take_layer(n, i);
        for (size_t k = 0; rc == 0 && k < n->input_count; k++) {
            struct ncnn_blob *blob = ncnn_slot(n, n->inputs[k]);
            if (!blob->name)
                return ncnn_fail(n, -EINVAL, "reads blob '%.80s', which no layer before it makes",
                                 n->inputs[k]);
            blob->readers++;
        }
        for (size_t k = 0; rc == 0 && k < n->output_count; k++) {
            struct ncnn_blob *blob = ncnn_slot(n, n->outputs[k]);
            if (blob->name)
                return ncnn_fail(n, -EINVAL, "makes blob '%.80s' a second time", n->outputs[k]);
            *blob = (struct ncnn_blob) { .name = n->outputs[k], .layer = i, .node = -1 };
        }
    }
    return rc;
}

static int read_params(struct ncnn *n, int32_t i)
{
    const struct ncnn_layer *layer = &n->layers[i];
    int rc = 0;

    n->param_count = n->value_count = 0;
    for (size_t k = 4 + n->input_count + n->output_count; rc == 0 && k < layer->count; k++)
        rc = ncnn_parse_param(n, n->words[layer->first + k]);
    return rc ? rc : ncnn_check_params(n);
}

static int check_ends(const struct ncnn *n)
{
    if (n->input_count < n->op->inputs_min || n->input_count > n->op->inputs_max)
        return ncnn_fail(n, -ENOTSUP, "has %zu inputs; %zu to %zu are supported", n->input_count,
                         n->op->inputs_min, n->op->inputs_max);
    if (n->output_count < 1 || n->output_count > n->op->outputs_max)
        return ncnn_fail(n, -ENOTSUP, "has %zu outputs; 1 to %zu are supported", n->output_count,
                         n->op->outputs_max);
    for (size_t i = 0; i < n->input_count; i++)
        if (ncnn_input(n, i)->memory && n->op->import != ncnn_import_binary)
            return ncnn_fail(n, -ENOTSUP, "reads the constant '%.80s', which only a BinaryOp may",
                             n->inputs[i]);
    return 0;
}

static int import_layer(struct ncnn *n, int32_t i)
{
    if (!n->op || !n->op->import)
        return ncnn_fail(n, -ENOTSUP, "the operator is not supported");
    int rc = read_params(n, i);
    if (rc == 0)
        rc = check_ends(n);
    if (rc == 0 && n->op->import != ncnn_import_memory &&
        (n->graph->count == 0) != (n->op->inputs_max == 0))
        rc = ncnn_fail(n, -ENOTSUP,
                       n->graph->count ? "is a second input; one is supported"
                                       : "comes before the input");
    return rc ? rc : n->op->import(n);
}

/* Reads over the weights of a layer that is not needed. */
static int skip_layer(struct ncnn *n, int32_t i)
{
    if (!n->op)
        return ncnn_fail(n, -ENOTSUP,
                         "the operator is not supported: how many weights to read over is not"
                         " known");
    if (!n->op->skip)
        return 0;
    int rc = read_params(n, i);
    return rc ? rc : n->op->skip(n);
}

static int read_layers(struct ncnn *n)
{
    int32_t last = -1;
    int rc = 0;

    for (int32_t i = 0; i < n->layer_count; i++)
        last = n->layers[i].needed ? i : last;
    for (int32_t i = 0; rc == 0 && i < n->layer_count; i++) {
        rc = ncnn_take_layer(n, i);
        if (rc == 0 && i > last && !n->op)
            break; /* with weights, perhaps, that nobody needs */
        if (rc == 0)
            rc = n->layers[i].needed ? import_layer(n, i) : skip_layer(n, i);
        if (rc == -ENOTSUP)
            ncnn_hint_cut(n, i);
        if (rc == 0 && i + 1 == n->layer_count && n->at != n->bin.bytes) {
            n->name = NULL;
            rc = ncnn_fail(n, -EINVAL,
                           "its layers take %zu of the %zu bytes of the .bin file: it is of"
                           " another model",
                           n->at, n->bin.bytes);
        }
    }
    n->name = NULL;
    return rc;
}

int ncnn_read_text(struct ncnn *n, char *text)
{
    int rc = cut_lines(n, text);

    if (rc == 0)
        rc = index_blobs(n);
    n->name = NULL;
    if (rc == 0)
        rc = ncnn_mark_needed(n);
    if (rc == 0)
        rc = read_layers(n);
    return rc ? rc : ncnn_find_output(n);
}
