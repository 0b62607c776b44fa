/* Nodes of an ONNX file as text, parted by semicolons: "OP inputs > outputs", then attributes
 * "name=1", "name=1.5", "name=[1,2]", "name='text'"; "CONST name=..." is an initializer of whole
 * numbers, or of real ones (with a point), a list or one. */
#ifndef QUERN_TESTS_T_ONNX_LINES_H
#define QUERN_TESTS_T_ONNX_LINES_H

#include "tests/t_onnx.h"

static inline void t_line_attribute(struct t_bytes *node, char *name, const char *value)
{
    int64_t ints[16];
    size_t count = 0;
    char *end;

    if (*value == '[') {
        for (value++; *value && *value != ']'; value = *end == ',' ? end + 1 : end)
            ints[count++] = strtoll(value, &end, 10);
        t_attr_ints(node, name, ints, count);
    } else if (*value == '\'') {
        char text[64] = "";
        snprintf(text, sizeof(text), "%.*s", (int)strcspn(value + 1, "'"), value + 1);
        t_attr_text(node, name, text);
    } else if (strpbrk(value, ".e")) {
        t_attr_float(node, name, strtof(value, NULL));
    } else {
        t_attr_int(node, name, strtoll(value, NULL, 10));
    }
}

static inline void t_line_constant(struct t_model *m, const char *name, const char *value)
{
    int64_t ints[16];
    float reals[16];
    size_t count = 0;
    const int is_list = *value == '[', is_real = strchr(value, '.') != NULL;
    char *end = NULL;

    for (value += is_list; *value && *value != ']'; value = *end == ',' ? end + 1 : end) {
        reals[count] = strtof(value, &end);
        ints[count++] = strtoll(value, NULL, 10);
    }
    struct t_bytes t = t_tensor(name, is_real ? T_FLOAT : T_INT64, (int64_t[]) { (int64_t)count },
                                is_list ? 1 : 0);
    t_put_bytes(&t, 9, is_real ? (void *)reals : (void *)ints, count * (is_real ? 4 : 8));
    t_put_part(&m->graph, 5, &t);
}

static inline void t_line(struct t_model *m, const char *line)
{
    char text[300], op[32], inputs[100] = "", output[40] = "";
    struct t_bytes node;
    int began = 0;

    snprintf(text, sizeof(text), "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *equal = strchr(word, '=');
        if (equal)
            *equal = 0;
        if (!began++) {
            snprintf(op, sizeof(op), "%s", word);
        } else if (equal && strcmp(op, "CONST") == 0) {
            t_line_constant(m, word, equal + 1);
        } else if (equal) {
            t_line_attribute(&node, word, equal + 1);
        } else if (strcmp(word, ">") == 0) {
            snprintf(output, sizeof(output), "%s", strtok(NULL, " "));
            node = t_node(op, inputs, output);
        } else if (*output) {
            t_put_text(&node, 2, word); /* another output */
        } else {
            const size_t used = strlen(inputs);
            snprintf(inputs + used, sizeof(inputs) - used, "%s%s", used ? " " : "", word);
        }
    }
    if (*output)
        t_model_node(m, &node);
}

static inline void t_lines(struct t_model *m, const char *lines)
{
    char line[300];

    while (*lines) {
        const size_t length = strcspn(lines, ";");
        snprintf(line, sizeof(line), "%.*s", (int)length, lines);
        t_line(m, line);
        lines += length + (lines[length] == ';');
        lines += strspn(lines, " ");
    }
}

#endif
