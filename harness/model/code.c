#include "harness/model/code_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_BIT(n) ((uint64_t)1 << (32 + (n)))

/* ---- text to lines: labels and instructions, nothing else */

struct label {
    const char *name;
    size_t at; /* number of the instruction behind it */
};
struct parser {
    struct hrn_code *code;
    struct label *labels;
    size_t label_count;
    char *err;
    size_t err_bytes;
};

static void blank(char *from, const char *to)
{
    for (; from < to; from++)
        if (*from != '\n')
            *from = ' ';
}

static void blank_comments(char *text)
{
    for (char *at; (at = strstr(text, "/*"));) {
        char *end = strstr(at + 2, "*/");
        blank(at, end ? end + 2 : at + strlen(at));
        text = at;
    }
}

static char *trim(char *line)
{
    char *slashes = strstr(line, "//");
    if (slashes)
        *slashes = '\0';
    while (isspace((unsigned char)*line))
        line++;
    for (char *end = line + strlen(line); end > line && isspace((unsigned char)end[-1]);)
        *--end = '\0';
    return line;
}

/* ---- operands */

/* "x3", "w3", "sp", "xzr", "wzr": the number, or -1. */
static int scalar_register(const char *text)
{
    char *end;
    if (!strcmp(text, "sp") || !strcmp(text, "wsp"))
        return HRN_REG_SP;
    if (!strcmp(text, "xzr") || !strcmp(text, "wzr"))
        return HRN_REG_ZERO;
    if ((*text != 'x' && *text != 'w') || !isdigit((unsigned char)text[1]))
        return -1;
    long n = strtol(text + 1, &end, 10);
    return *end == '\0' && n <= 30 ? (int)n : -1;
}

/* ".4s" and the like after a register. */
static void read_arrangement(const char *text, struct hrn_operand *o)
{
    char element = 0;
    if (sscanf(text, ".%d%c", &o->lanes, &element) != 2) {
        o->lanes = 0;
        sscanf(text, ".%c", &element);
    }
    o->bits = element == 'b' ? 8 : element == 'h' ? 16 : element == 's' ? 32 : 64;
}

/* "v3.4s", "q3", "v2.4b[1]". 0 if it is none. */
static int read_vector(const char *text, struct hrn_operand *o)
{
    char *end;
    if (!strchr("vqdshb", *text) || !isdigit((unsigned char)text[1]))
        return 0;
    long n = strtol(text + 1, &end, 10);
    if (n > 31 || (*end != '\0' && *end != '.' && *end != '['))
        return 0;
    o->type = HRN_OPERAND_VECTOR;
    o->view = *text;
    o->vector |= 1u << n;
    o->has_lane = strchr(end, '[') != NULL;
    if (*end == '.')
        read_arrangement(end, o);
    return 1;
}

/* "{v0.16b, v1.16b}", "{v0.16b-v3.16b}", "{v0.s}[1]". */
static int read_list(char *text, struct hrn_operand *o)
{
    char *close = strchr(text, '}'), *rest = NULL;
    if (!close)
        return 0;
    *close = '\0';
    uint32_t all = 0;
    int range = strchr(text, '-') != NULL;
    for (char *item = strtok_r(text + 1, " ,-", &rest); item; item = strtok_r(NULL, " ,-", &rest)) {
        uint32_t before = all;
        o->vector = 0;
        if (!read_vector(item, o))
            return 0;
        all |= o->vector;
        for (uint32_t bit = before; range && bit && bit < o->vector; bit <<= 1)
            all |= bit;
    }
    o->vector = all;
    o->has_lane = close[1] == '[';
    return all != 0;
}

static int read_number(const char *text, int64_t *out)
{
    char *end;
    text += *text == '#';
    if (!isdigit((unsigned char)*text) && *text != '-')
        return 0;
    *out = strtoll(text, &end, 0);
    return end != text && *end == '\0';
}

/* "[x1]", "[x1, #16]", "[x1, #16]!", "[x1, x2]", "[x1, x2, lsl #3]". */
static int read_address(char *text, struct hrn_operand *o)
{
    char *close = strchr(text, ']'), *rest = NULL;
    if (!close)
        return 0;
    o->type = HRN_OPERAND_ADDRESS;
    o->back = close[1] == '!' ? HRN_BACK_PRE : HRN_BACK_NONE;
    *close = '\0';
    char *base = strtok_r(text + 1, ", ", &rest), *offset = strtok_r(NULL, ", ", &rest);
    o->reg = base ? scalar_register(base) : -1;
    o->index = -1;
    if (offset && !read_number(offset, &o->number))
        o->index = scalar_register(offset);
    return o->reg >= 0 && (!offset || o->index >= 0 || *offset == '#');
}

static int read_shift(const char *text, struct hrn_operand *o)
{
    static const char *const words[] = { "lsl", "lsr", "asr", "sxtw", "uxtw", "msl" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (strncmp(text, words[i], length) || (text[length] != ' ' && text[length] != '\0'))
            continue;
        o->type = HRN_OPERAND_SHIFT;
        o->name = words[i];
        return text[length] == '\0' || read_number(text + length + 1, &o->number);
    }
    return 0;
}

static int read_operand(char *text, struct hrn_operand *o)
{
    *o = (struct hrn_operand) { .reg = -1, .index = -1 };
    if (*text == '[')
        return read_address(text, o);
    if (*text == '{') {
        o->type = HRN_OPERAND_VECTOR;
        return read_list(text, o);
    }
    if (read_vector(text, o) || read_shift(text, o))
        return 1;
    if ((o->reg = scalar_register(text)) >= 0) {
        o->is_32 = *text == 'w';
        o->type = HRN_OPERAND_SCALAR;
        return 1;
    }
    o->type = read_number(text, &o->number) ? HRN_OPERAND_NUMBER : HRN_OPERAND_NAME;
    o->name = text;
    return 1;
}

/* Commas outside brackets part operands. `text` is cut up. */
static int read_operands(char *text, struct hrn_op *op)
{
    while (*text) {
        int depth = 0;
        char *end = text;
        for (; *end && (*end != ',' || depth); end++)
            depth += (*end == '[' || *end == '{') - (*end == ']' || *end == '}');
        char *next = *end ? end + 1 : end;
        *end = '\0';
        if (op->operands == HRN_OPERANDS_MAX ||
            !read_operand(trim(text), &op->operand[op->operands++]))
            return 0;
        text = next;
    }
    return 1;
}

/* ---- what an instruction reads and writes */

static uint64_t registers_of(const struct hrn_operand *o)
{
    uint64_t set = (uint64_t)o->vector << 32;
    if ((o->type == HRN_OPERAND_SCALAR || o->type == HRN_OPERAND_ADDRESS) && o->reg >= 0 &&
        o->reg != HRN_REG_ZERO)
        set |= (uint64_t)1 << o->reg;
    if (o->type == HRN_OPERAND_ADDRESS && o->index >= 0 && o->index != HRN_REG_ZERO)
        set |= (uint64_t)1 << o->index;
    return set;
}

/* A number or a register behind an address is added to it afterwards. */
static void find_write_back(struct hrn_op *op)
{
    for (int i = 0; i < op->operands; i++) {
        struct hrn_operand *o = &op->operand[i];
        if (o->type != HRN_OPERAND_ADDRESS)
            continue;
        if (i + 1 < op->operands)
            o->back = HRN_BACK_POST;
        if (o->back != HRN_BACK_NONE)
            op->writes_back = (uint64_t)1 << o->reg;
    }
}

static void find_registers(struct hrn_op *op)
{
    enum hrn_form form = op->row->form;
    int before_address = form == HRN_FORM_LOAD;
    for (int i = 0; i < op->operands; i++) {
        const struct hrn_operand *o = &op->operand[i];
        uint64_t set = registers_of(o);
        int is_dest = before_address ? o->type != HRN_OPERAND_ADDRESS : i == 0;
        if (o->type == HRN_OPERAND_ADDRESS)
            before_address = 0;
        if (!is_dest || form == HRN_FORM_READ || form == HRN_FORM_STORE ||
            form == HRN_FORM_PREFETCH || form == HRN_FORM_BRANCH)
            op->reads |= set;
        else
            op->writes |= set;
        if (is_dest && (form == HRN_FORM_UPDATE || o->has_lane))
            op->reads |= set;
    }
    find_write_back(op);
    op->writes |= op->writes_back;
    op->writes_flags = (op->row->flags & HRN_SETS_FLAGS) != 0;
    op->reads_flags = (op->row->flags & HRN_USES_FLAGS) != 0;
}

static enum var_timing timing_of_load(const struct hrn_op *op)
{
    const struct hrn_operand *first = &op->operand[0];
    int count = __builtin_popcount(first->vector);
    int is_pair = op->operands > 1 && op->operand[1].type != HRN_OPERAND_ADDRESS;
    if (first->type == HRN_OPERAND_SCALAR)
        return is_pair ? VAR_T_LOAD_PAIR : VAR_T_LOAD;
    int whole = first->view == 'q' || (first->view == 'v' && first->bits * first->lanes == 128);
    if (first->has_lane || strchr(op->row->name, '\0')[-1] == 'r')
        whole = first->view == 'q';
    if (count > 2)
        return whole ? VAR_T_LOAD_MANY : VAR_T_LOAD_PAIR_VECTOR;
    if (is_pair || (count == 2 && !first->has_lane))
        return whole ? VAR_T_LOAD_PAIR_VECTOR : VAR_T_LOAD_PAIR_HALF;
    return whole ? VAR_T_LOAD_VECTOR : VAR_T_LOAD_HALF;
}

static enum var_timing timing_of_vector(const struct hrn_op *op)
{
    const struct hrn_operand *dest = &op->operand[0];
    int from_scalar = op->operands > 1 && op->operand[1].type == HRN_OPERAND_SCALAR;
    if (from_scalar && (dest->has_lane || dest->view != 'v'))
        return VAR_T_INSERT;
    return dest->view == 'v' && dest->bits * dest->lanes == 64 ? VAR_T_VECTOR_HALF : VAR_T_VECTOR;
}

static enum var_timing timing_of(const struct hrn_op *op)
{
    switch (op->row->form) {
    case HRN_FORM_LOAD:
        return timing_of_load(op);
    case HRN_FORM_STORE:
        return VAR_T_STORE;
    case HRN_FORM_PREFETCH:
        return VAR_T_PREFETCH;
    case HRN_FORM_BRANCH:
        return VAR_T_BRANCH;
    default:
        break;
    }
    for (int i = 0; i < op->operands; i++)
        if (op->operand[i].type == HRN_OPERAND_VECTOR)
            return i == 0 ? timing_of_vector(op) : VAR_T_VECTOR; /* umov, fmov to a scalar */
    return VAR_T_ALU;
}

static uint32_t macs_of(const struct hrn_op *op)
{
    const struct hrn_operand *dest = &op->operand[0];
    if (op->operands == 0 || dest->type != HRN_OPERAND_VECTOR)
        return 0;
    switch (op->row->products) {
    case HRN_DOT:
        return 4 * (uint32_t)dest->lanes;
    case HRN_MATRIX:
        return 32;
    case HRN_LANES:
        return (uint32_t)dest->lanes;
    case HRN_NO_MAC:
        break;
    }
    return 0;
}

/* ---- all of it */

static int refuse(struct parser *p, const char *line)
{
    snprintf(p->err, p->err_bytes, "the model does not know the instruction '%s'", line);
    return -ENOTSUP;
}

static int is_inert(const struct hrn_op *op)
{
    const uint64_t general = (UINT64_C(1) << 32) - 1;
    int is_vector = op->operands && op->operand[0].type == HRN_OPERAND_VECTOR;
    return is_vector && !(op->writes & general) && !op->writes_flags;
}

static int add_op(struct parser *p, char *line, char *scratch)
{
    struct hrn_code *code = p->code;
    struct hrn_op *op = &code->ops[code->count];
    *op = (struct hrn_op) { .text = line, .target = -1 };
    memcpy(scratch, line, strlen(line) + 1);
    char *operands = scratch + strcspn(scratch, " \t");
    if (*operands)
        *operands++ = '\0';
    op->row = hrn_mnemonic_find(scratch);
    if (!op->row || !read_operands(operands, op))
        return refuse(p, line);
    find_registers(op);
    op->timing = timing_of(op);
    op->macs = macs_of(op);
    op->mac_kind =
        op->operands && op->operand[0].type == HRN_OPERAND_VECTOR ? op->row->mac_kind : 0;
    op->is_inert = is_inert(op);
    code->count++;
    return 0;
}

static int add_line(struct parser *p, char *line, char *scratch)
{
    size_t length = strlen(line);
    if (length && line[length - 1] == ':') {
        line[length - 1] = '\0';
        p->labels[p->label_count++] = (struct label) { line, p->code->count };
        return 0;
    }
    if (*line == '.' || *line == '\0' || *line == '#')
        return 0;
    return add_op(p, line, scratch);
}

/* The label is the last operand of every jump. */
static int resolve(struct parser *p)
{
    for (size_t i = 0; i < p->code->count; i++) {
        struct hrn_op *op = &p->code->ops[i];
        if (op->row->form != HRN_FORM_BRANCH || op->operands == 0)
            continue;
        const char *name = op->operand[op->operands - 1].name;
        for (size_t l = 0; name && l < p->label_count; l++)
            if (!strcmp(p->labels[l].name, name))
                op->target = (int)p->labels[l].at;
        if (op->target < 0)
            return refuse(p, op->text);
    }
    return 0;
}

static int is_end(const struct hrn_code *code)
{
    return code->count && code->ops[code->count - 1].row->action == HRN_DO_RETURN;
}

/* Operands keep pointers into their own copy, so every instruction has one: `scratch` is as long as
 * the text, and each line takes its own length of it. */
static int parse_lines(struct parser *p, char *scratch)
{
    char *rest = NULL;
    int rc = 0;
    for (char *line = strtok_r(p->code->text, "\n", &rest); line && !rc && !is_end(p->code);
         line = strtok_r(NULL, "\n", &rest)) {
        line = trim(line);
        size_t length = strlen(line);
        rc = add_line(p, line, scratch);
        scratch += length + 1;
    }
    return rc ? rc : resolve(p);
}

int hrn_code_parse(const char *text, struct hrn_code *out, char *err, size_t err_bytes)
{
    struct parser p = { .code = out, .err = err, .err_bytes = err_bytes };
    size_t length = strlen(text), lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    *out = (struct hrn_code) { .text = calloc(2, length + lines + 1),
                               .ops = calloc(lines, sizeof *out->ops) };
    p.labels = calloc(lines, sizeof *p.labels);
    int rc = out->text && out->ops && p.labels ? 0 : -ENOMEM;
    snprintf(err, err_bytes, "out of memory");
    if (!rc) {
        memcpy(out->text, text, length + 1);
        blank_comments(out->text);
        rc = parse_lines(&p, out->text + length + 1);
    }
    free(p.labels);
    if (rc)
        hrn_code_clear(out);
    return rc;
}

void hrn_code_clear(struct hrn_code *code)
{
    free(code->text);
    free(code->ops);
    *code = (struct hrn_code) { 0 };
}
