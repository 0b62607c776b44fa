/* From a file of gnuplot's to a part of a page. The input is gnuplot's own, so this reads the few
 * forms that gnuplot writes and refuses what else could do something (scripts, event handlers). */
#include "reports/plot_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SVG_MAX (8 << 20) /* bytes; a plot has some ten thousand */

const struct rpt_ink_info rpt_inks[RPT_INK_COUNT] = {
    [RPT_INK] = { 0x1b2430, "--ink" },
    [RPT_INK_MUTED] = { 0x5c6875, "--muted" },
    [RPT_INK_GRID] = { 0xdfe4ea, "--grid" },
    [RPT_INK_PLAIN] = { 0x8a94a0, "--plain" },
    [RPT_INK_1] = { 0x2563eb, "--series-1" },
    [RPT_INK_2] = { 0xc2620a, "--series-2" },
    [RPT_INK_3] = { 0x0b857a, "--series-3" },
    [RPT_INK_4] = { 0xb0297e, "--series-4" },
    [RPT_INK_ON_LOW] = { 0x1b2431, "--on-low" },
    [RPT_INK_ON_HIGH] = { 0xfffffe, "--on-high" },
    [RPT_INK_HEAT + 0] = { 0xedf3fc, "--heat-0" },
    [RPT_INK_HEAT + 1] = { 0xd6e4f9, "--heat-1" },
    [RPT_INK_HEAT + 2] = { 0xb7d0f4, "--heat-2" },
    [RPT_INK_HEAT + 3] = { 0x93b8ee, "--heat-3" },
    [RPT_INK_HEAT + 4] = { 0x5f92e2, "--heat-4" },
    [RPT_INK_HEAT + 5] = { 0x3a72d0, "--heat-5" },
    [RPT_INK_HEAT + 6] = { 0x2354ad, "--heat-6" },
    [RPT_INK_HEAT + 7] = { 0x163a80, "--heat-7" },
};

/* ISAs of one architecture never share an ink; those of two never meet in a run. */
enum rpt_ink rpt_isa_ink(const char *isa)
{
    static const enum rpt_ink inks[KRN_ISA_COUNT] = {
        [KRN_ISA_C] = RPT_INK_PLAIN,      [KRN_ISA_NEON] = RPT_INK_2, [KRN_ISA_DOTPROD] = RPT_INK_3,
        [KRN_ISA_I8MM] = RPT_INK_1,       [KRN_ISA_AVX2] = RPT_INK_2, [KRN_ISA_AVXVNNI] = RPT_INK_3,
        [KRN_ISA_AVX512VNNI] = RPT_INK_1,
    };
    int known = krn_isa_find(isa);
    return known < 0 ? RPT_INK_4 : inks[known];
}

/* ---- reading */

static int read_all(const char *path, char **out)
{
    FILE *in = fopen(path, "r");
    *out = NULL;
    if (!in)
        return -errno;
    char *text = malloc(SVG_MAX);
    size_t length = text ? fread(text, 1, SVG_MAX - 1, in) : 0;
    int result = !text ? -ENOMEM : ferror(in) ? -EIO : 0;
    fclose(in);
    if (result != 0) {
        free(text);
        return result;
    }
    text[length] = '\0';
    char *fitted = realloc(text, length + 1);
    *out = fitted ? fitted : text;
    return 0;
}

static int is_safe(const char *svg)
{
    static const char *const forbidden[] = { "<script",  "javascript:", "<foreignObject", " onload",
                                             " onclick", " onmouse",    "http-equiv" };
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (strcasestr(svg, forbidden[i]))
            return 0;
    return strstr(svg, "</svg>") != NULL;
}

/* ---- rewriting: each rule sees the input at a place, and either writes something and says how
 * much of the input it stands for, or says 0. */

struct rewriter {
    FILE *out;
    const char *prefix;
    const char *all; /* the whole input */
};

static size_t starts(const char *text, const char *with)
{
    size_t length = strlen(with);
    return strncmp(text, with, length) == 0 ? length : 0;
}

/* Skips `open` ... `close`, both included; 0 if it is not there. */
static size_t span(const char *text, const char *open, const char *close)
{
    if (!starts(text, open))
        return 0;
    const char *end = strstr(text, close);
    return end ? (size_t)(end - text) + strlen(close) : 0;
}

static size_t drop_title(struct rewriter *w, const char *at)
{
    (void)w;
    size_t title = span(at, "<title>", "</title>");
    return title ? title : span(at, "<desc>", "</desc>");
}

/* Effects that Quern's plots do not use. */
static size_t drop_filter(struct rewriter *w, const char *at)
{
    (void)w;
    return span(at, "<filter", "</filter>");
}

/* <g ...>, nothing, </g>: gnuplot writes many. */
static size_t drop_empty_group(struct rewriter *w, const char *at)
{
    (void)w;
    if (!starts(at, "<g "))
        return 0;
    const char *end = strchr(at, '>');
    if (!end)
        return 0;
    end++;
    end += strspn(end, " \t\r\n");
    size_t close = starts(end, "</g>");
    return close ? (size_t)(end - at) + close : 0;
}

/* A point symbol that nothing refers to. */
static size_t drop_unused_symbol(struct rewriter *w, const char *at)
{
    char name[24], use[40];
    const char *end = *at == '<' ? strchr(at, '>') : NULL;
    const char *id = end && end[-1] == '/' ? memmem(at, (size_t)(end - at), "id='gp", 6) : NULL;
    if (!id)
        return 0;
    size_t length = strcspn(id + 4, "'");
    if (length >= sizeof name)
        return 0;
    memcpy(name, id + 4, length);
    name[length] = '\0';
    snprintf(use, sizeof use, "href='#%s'", name);
    return strstr(w->all, use) ? 0 : (size_t)(end - at) + 1;
}

/* id='x', href='#x', url(#x) */
static size_t rename_id(struct rewriter *w, const char *at)
{
    static const char *const forms[] = { " id='", " id=\"", "href='#", "href=\"#", "url(#" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t length = starts(at, forms[i]);
        if (length) {
            fprintf(w->out, "%s%s-", forms[i], w->prefix);
            return length;
        }
    }
    return 0;
}

static size_t rename_colour(struct rewriter *w, const char *at)
{
    unsigned r, g, b;
    int length = 0;
    if (starts(at, "\"black\"")) {
        fputs("\"var(--ink)\"", w->out);
        return strlen("\"black\"");
    }
    if (sscanf(at, "rgb( %u , %u , %u )%n", &r, &g, &b, &length) != 3 || length == 0)
        return 0;
    for (int i = 0; i < RPT_INK_COUNT; i++)
        if (rpt_inks[i].rgb == (r << 16 | g << 8 | b)) {
            fprintf(w->out, "var(%s)", rpt_inks[i].property);
            return (size_t)length;
        }
    return 0;
}

/* Spaces at the begin of a line, and empty lines. */
static size_t squeeze(struct rewriter *w, const char *at)
{
    if (*at != '\n')
        return 0;
    fputc('\n', w->out);
    return strspn(at, " \t\r\n");
}

static size_t (*const rules[])(struct rewriter *, const char *) = {
    drop_title, drop_filter,   drop_empty_group, drop_unused_symbol,
    rename_id,  rename_colour, squeeze,
};

static void rewrite(struct rewriter *w, const char *at)
{
    while (*at) {
        size_t used = 0;
        for (size_t i = 0; i < sizeof rules / sizeof *rules && used == 0; i++)
            used = rules[i](w, at);
        if (used == 0)
            fputc(*at++, w->out);
        at += used;
    }
}

int rpt_svg_read(const char *path, const char *prefix, const char *label, char **out)
{
    char *svg = NULL;
    size_t length = 0;
    *out = NULL;
    int result = read_all(path, &svg);
    if (result != 0)
        return result;
    const char *body = is_safe(svg) ? strstr(svg, "<svg") : NULL;
    if (!body) {
        free(svg);
        return -EILSEQ;
    }
    struct rewriter w = { open_memstream(out, &length), prefix, svg };
    if (!w.out) {
        free(svg);
        return -ENOMEM;
    }
    fputs("<svg role=\"img\" aria-label=\"", w.out);
    rpt_escape(w.out, label);
    fputs("\"", w.out);
    rewrite(&w, body + strlen("<svg"));
    free(svg);
    return fclose(w.out) == 0 ? 0 : -ENOMEM;
}
