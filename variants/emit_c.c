/* Portable C: the micro-kernels that run anywhere. Constant bounds, so a compiler can unroll and
 * vectorise; no intrinsics, no library calls.
 *
 * Rounding half to even without a library: adding and subtracting 1.5 * 2^23 rounds any float below
 * 2^22 in the default rounding mode; the clamp has brought it below 256 by then. */
#include "variants/variant_int.h"

#include <stdio.h>

/* Integers alone: kernels/reference.h has the arithmetic. */
static void emit_fixed(struct var_text *t, const char *indent, const char *acc)
{
    var_text_printf(t, "%sint64_t y = (int64_t)(int32_t)%s * multiplier[j];\n", indent, acc);
    var_text_printf(t, "%sy = (y + (1 << 30)) >> 31;\n", indent);
    var_text_printf(t, "%sy = (y + ((int64_t)1 << shift[j] >> 1)) >> shift[j];\n", indent);
    var_text_printf(t, "%sy += p->out.zp;\n", indent);
    var_text_printf(t, "%sy = y > p->out.lo ? y : p->out.lo;\n", indent);
    var_text_printf(t, "%sc[j] = (int8_t)(y < p->out.hi ? y : p->out.hi);\n", indent);
}

/* The three roundings of the sum are those of separate statements: no -ffp-contract=fast. */
static void emit_add(struct var_text *t, const char *indent, const char *acc)
{
    var_text_printf(t, "%sfloat product = (float)(int32_t)%s * scale[j];\n", indent, acc);
    var_text_printf(t, "%sfloat other = (float)(add[j] - p->add_zp) * p->add_factor;\n", indent);
    var_text_printf(t, "%sfloat y = product + other;\n", indent);
    var_text_printf(t, "%sy = y > p->out.lo_f ? y : p->out.lo_f;\n", indent);
    var_text_printf(t, "%sy = y < p->out.hi_f ? y : p->out.hi_f;\n", indent);
    var_text_printf(t, "%sy = y + 12582912.0f - 12582912.0f;\n", indent);
    var_text_printf(t, "%sc[j] = (int8_t)((int32_t)y + p->out.zp);\n", indent);
}

static void emit_epilogue(struct var_text *t, const char *indent, const char *acc,
                          const char *scale, const char *store)
{
    var_text_printf(t, "%sfloat y = (float)(int32_t)%s * %s;\n", indent, acc, scale);
    var_text_printf(t, "%sy = y > p->out.lo_f ? y : p->out.lo_f;\n", indent);
    var_text_printf(t, "%sy = y < p->out.hi_f ? y : p->out.hi_f;\n", indent);
    var_text_printf(t, "%sy = y + 12582912.0f - 12582912.0f; /* half to even; no -ffast-math */\n",
                    indent);
    var_text_printf(t, "%s%s = (int8_t)((int32_t)y + p->out.zp);\n", indent, store);
}

/* One group of KR depth elements of `a + k` into all accumulators. */
static void emit_group(struct var_text *t, const struct var_variant *v, int step)
{
    int mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR], kr = v->knob[VAR_KNOB_KR];
    var_text_printf(t, "            for (int j = 0; j < %d; j++) {\n", nr);
    for (int q = 0; q < kr; q++)
        var_text_printf(t, "                const int32_t w%d = w[%d + j * %d];\n", q,
                        step * nr * kr + q, kr);
    for (int i = 0; i < mr; i++)
        for (int q = 0; q < kr; q++)
            var_text_printf(t, "                acc[%d][j] += (uint32_t)(a%d[k + %d] * w%d);\n", i,
                            i, step * kr + q, q);
    var_text_printf(t, "            }\n");
}

/* The rest of the depth, fewer than KR elements: the panel is padded, the rows are not. */
static void emit_tail(struct var_text *t, const struct var_variant *v)
{
    int mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR], kr = v->knob[VAR_KNOB_KR];
    var_text_printf(t, "        if (k < depth) { /* depth tail */\n");
    var_text_printf(t, "            for (int q = 0; k + q < depth; q++)\n");
    var_text_printf(t, "                for (int j = 0; j < %d; j++) {\n", nr);
    for (int i = 0; i < mr; i++)
        var_text_printf(
            t, "                    acc[%d][j] += (uint32_t)(a%d[k + q] * w[j * %d + q]);\n", i, i,
            kr);
    var_text_printf(t, "                }\n            w += %d;\n        }\n", nr * kr);
}

static void emit_rows(struct var_text *t, const struct var_variant *v)
{
    int mr = v->knob[VAR_KNOB_MR];
    if (v->family == KRN_FAMILY_IGEMM) {
        for (int i = 0; i < mr; i++)
            var_text_printf(t, "        const int8_t *a%d = table[tap * %d + %d] + p->a_stride;\n",
                            i, mr, i);
        return;
    }
    var_text_printf(t, "        const int8_t *a0 = p->a;\n");
    for (int i = 1; i < mr; i++)
        var_text_printf(t, "        const int8_t *a%d = p->m > %d ? a%d + p->a_stride : a%d;\n", i,
                        i, i - 1, i - 1);
}

/* What lies in the panel or record before the weights. */
static void emit_head(struct var_text *t, const struct var_variant *v, const char *indent)
{
    int nr = v->knob[VAR_KNOB_NR];
    switch (v->knob[VAR_KNOB_EPILOGUE]) {
    case KRN_EPILOGUE_FIXED:
        var_text_printf(t, "%sconst int32_t *multiplier = bias + %d, *shift = bias + %d;\n", indent,
                        nr, 2 * nr);
        var_text_printf(t, "%sconst int8_t *w = (const int8_t *)(bias + %d);\n", indent, 3 * nr);
        break;
    case KRN_EPILOGUE_SUMS:
        var_text_printf(t, "%sconst int8_t *w = (const int8_t *)(bias + %d);\n", indent, nr);
        break;
    default:
        var_text_printf(t, "%sconst float *scale = (const float *)(bias + %d);\n", indent, nr);
        var_text_printf(t, "%sconst int8_t *w = (const int8_t *)(scale + %d);\n", indent, nr);
        break;
    }
}

/* acc[i][j] to c[j]. */
static void emit_column_end(struct var_text *t, const struct var_variant *v, const char *indent)
{
    static const char acc[] = "acc[i][j]";
    switch (v->knob[VAR_KNOB_EPILOGUE]) {
    case KRN_EPILOGUE_FIXED:
        emit_fixed(t, indent, acc);
        break;
    case KRN_EPILOGUE_SUMS:
        var_text_printf(t, "%sc[j] = (int32_t)%s;\n", indent, acc);
        break;
    case KRN_EPILOGUE_ADD:
        emit_add(t, indent, acc);
        break;
    default:
        emit_epilogue(t, indent, acc, "scale[j]", "c[j]");
        break;
    }
}

/* Row i of the accumulators to row i of C. */
static void emit_row_end(struct var_text *t, const struct var_variant *v)
{
    int epilogue = v->knob[VAR_KNOB_EPILOGUE];
    if (epilogue == KRN_EPILOGUE_SUMS)
        var_text_printf(t, "        int32_t *c = (int32_t *)(void *)(p->c + i * p->c_stride);\n");
    else
        var_text_printf(t, "        int8_t *c = p->c + i * p->c_stride;\n");
    if (epilogue == KRN_EPILOGUE_ADD)
        var_text_printf(t, "        const int8_t *add = p->add + i * p->add_stride;\n");
    var_text_printf(t, "        for (int j = 0; j < %d; j++) {\n", v->knob[VAR_KNOB_NR]);
    emit_column_end(t, v, "            ");
    var_text_printf(t, "        }\n");
}

static void emit_gemm(struct var_text *t, const struct var_variant *v)
{
    int mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR], kr = v->knob[VAR_KNOB_KR];
    int unroll = v->knob[VAR_KNOB_UNROLL], indirect = v->family == KRN_FAMILY_IGEMM;

    var_text_printf(t, "    const struct krn_gemm_args *p = args;\n");
    var_text_printf(t, "    const int32_t *bias = p->w;\n");
    emit_head(t, v, "    ");
    var_text_printf(t, "    const int64_t depth = p->k;\n");
    if (indirect)
        var_text_printf(t, "    const int8_t *const *table = p->a;\n");
    var_text_printf(t, "    uint32_t acc[%d][%d]; /* unsigned: wraps */\n\n", mr, nr);
    var_text_printf(t, "    for (int i = 0; i < %d; i++)\n        for (int j = 0; j < %d; j++)\n",
                    mr, nr);
    var_text_printf(t, "            acc[i][j] = (uint32_t)bias[j];\n");
    if (indirect)
        var_text_printf(t, "    for (int64_t tap = 0; tap < p->taps; tap++) {\n");
    else
        var_text_printf(t, "    {\n");
    emit_rows(t, v);
    var_text_printf(t, "        int64_t k = 0;\n");
    if (unroll > 1) {
        var_text_printf(t, "        for (; k + %d <= depth; k += %d) {\n", kr * unroll,
                        kr * unroll);
        for (int step = 0; step < unroll; step++)
            emit_group(t, v, step);
        var_text_printf(t, "            w += %d;\n        }\n", nr * kr * unroll);
    }
    var_text_printf(t, "        for (; k + %d <= depth; k += %d) {\n", kr, kr);
    emit_group(t, v, 0);
    var_text_printf(t, "            w += %d;\n        }\n", nr * kr);
    if (kr > 1)
        emit_tail(t, v);
    var_text_printf(t, "    }\n");
    var_text_printf(t, "    for (int i = 0; i < %d && i < p->m; i++) { /* requantise */\n", mr);
    emit_row_end(t, v);
    var_text_printf(t, "    }\n");
}

/* One tap of `pixels` neighbouring outputs. */
static void emit_dw_tap(struct var_text *t, const struct var_variant *v, int step)
{
    int mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR];
    var_text_printf(t, "                for (int j = 0; j < %d; j++) {\n", nr);
    var_text_printf(t, "                    const int32_t w%d = w[(tap + %d) * %d + j];\n", step,
                    step, nr);
    for (int i = 0; i < mr; i++)
        var_text_printf(
            t, "                    acc[%d][j] += (uint32_t)(a%d[tap + %d][first + j] * w%d);\n", i,
            i, step, step);
    var_text_printf(t, "                }\n");
}

static void emit_dw_pixels(struct var_text *t, const struct var_variant *v)
{
    int mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR], unroll = v->knob[VAR_KNOB_UNROLL];
    int epilogue = v->knob[VAR_KNOB_EPILOGUE];
    var_text_printf(t, "        for (int64_t x = 0; x < p->width; x += %d) {\n", mr);
    var_text_printf(t, "            uint32_t acc[%d][%d]; /* unsigned: wraps */\n", mr, nr);
    var_text_printf(t, "            const int8_t *const *a0 = p->a + x * p->a_step;\n");
    for (int i = 1; i < mr; i++)
        var_text_printf(
            t,
            "            const int8_t *const *a%d = x + %d < p->width ? a%d + p->a_step : a%d;\n",
            i, i, i - 1, i - 1);
    var_text_printf(t, "            for (int i = 0; i < %d; i++)\n", mr);
    var_text_printf(t, "                for (int j = 0; j < %d; j++)\n", nr);
    var_text_printf(t, "                    acc[i][j] = (uint32_t)bias[j];\n");
    var_text_printf(t, "            int64_t tap = 0;\n");
    if (unroll > 1) {
        var_text_printf(t, "            for (; tap + %d <= p->taps; tap += %d) {\n", unroll,
                        unroll);
        for (int step = 0; step < unroll; step++)
            emit_dw_tap(t, v, step);
        var_text_printf(t, "            }\n");
    }
    var_text_printf(t, "            for (; tap < p->taps; tap++) {\n");
    emit_dw_tap(t, v, 0);
    var_text_printf(t, "            }\n");
    var_text_printf(
        t, "            for (int i = 0; i < %d && x + i < p->width; i++) { /* requantise */\n", mr);
    if (epilogue == KRN_EPILOGUE_SUMS)
        var_text_printf(
            t, "                int32_t *c = (int32_t *)(void *)(p->c + (x + i) * p->c_stride) + "
               "first;\n");
    else
        var_text_printf(t, "                int8_t *c = p->c + (x + i) * p->c_stride + first;\n");
    if (epilogue == KRN_EPILOGUE_ADD)
        var_text_printf(
            t, "                const int8_t *add = p->add + (x + i) * p->add_stride + first;\n");
    var_text_printf(t, "                for (int j = 0; j < %d; j++) {\n", nr);
    emit_column_end(t, v, "                    ");
    var_text_printf(t, "                }\n            }\n        }\n");
}

static void emit_dw(struct var_text *t, const struct var_variant *v)
{
    int nr = v->knob[VAR_KNOB_NR];
    var_text_printf(t, "    const struct krn_dw_args *p = args;\n");
    var_text_printf(t, "    const char *record = p->w;\n");
    var_text_printf(t, "    const int64_t record_bytes = (%d + %d * p->taps + 63) / 64 * 64;\n\n",
                    4 * nr * var_head_words(v), nr);
    var_text_printf(t, "    for (int64_t begin = 0; begin < p->channels; begin += %d) {\n", nr);
    var_text_printf(
        t, "        const int64_t last = p->channels - %d; /* blocks overlap at the end */\n", nr);
    var_text_printf(t, "        const int64_t first = begin < last ? begin : last;\n");
    var_text_printf(t, "        const int32_t *bias = (const int32_t *)(const void *)record;\n");
    emit_head(t, v, "        ");
    emit_dw_pixels(t, v);
    var_text_printf(t, "        record += record_bytes;\n    }\n");
}

/* Eight of depth at a time: groups of KR, interleaved by column. */
static void emit_wino(struct var_text *t, const struct var_variant *v)
{
    int mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR];
    var_text_printf(t, "    const struct krn_wino_args *p = args;\n");
    var_text_printf(t, "    const int16_t *a = p->a, *w = p->w;\n");
    var_text_printf(t, "    int32_t *c = p->c;\n\n");
    var_text_printf(t, "    for (int64_t e = 0; e < p->elements; e++) {\n");
    var_text_printf(t, "        uint32_t acc[%d][%d] = { { 0 } }; /* unsigned: wraps */\n", mr, nr);
    var_text_printf(t, "        for (int64_t k = 0; k < p->k; k += 8, a += %d)\n", 8 * mr);
    var_text_printf(t, "            for (int q = 0; q < 8; q++, w += %d)\n", nr);
    var_text_printf(t, "                for (int i = 0; i < %d; i++)\n", mr);
    var_text_printf(t, "                    for (int j = 0; j < %d; j++)\n", nr);
    var_text_printf(t, "                        acc[i][j] += (uint32_t)(a[8 * i + q] * w[j]);\n");
    var_text_printf(t, "        for (int i = 0; i < %d; i++)\n", mr);
    var_text_printf(t, "            for (int j = 0; j < %d; j++)\n", nr);
    var_text_printf(t, "                *c++ = (int32_t)acc[i][j];\n    }\n");
}

int var_emit_c(const struct var_variant *v, struct var_text *out, char *err, size_t err_bytes)
{
    static void (*const families[KRN_FAMILY_COUNT])(struct var_text *,
                                                    const struct var_variant *) = {
        [KRN_FAMILY_GEMM] = emit_gemm,
        [KRN_FAMILY_IGEMM] = emit_gemm,
        [KRN_FAMILY_DW] = emit_dw,
        [KRN_FAMILY_WINO] = emit_wino,
    };
    char name[VAR_NAME_MAX];
    (void)err; /* no registers to run out of */
    (void)err_bytes;
    if (!out)
        return 0;
    var_kernel_name_format(v, name);
    var_text_banner(out, "/* ", v, " */");
    var_text_printf(out, "#include \"kernels/kernel.h\"\n\nkrn_fn %s;\n\n", name);
    var_text_printf(out, "void %s(const void *args)\n{\n", name);
    families[v->family](out, v);
    var_text_printf(out, "}\n\n");
    return 0;
}
