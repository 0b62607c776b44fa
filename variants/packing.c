/* The name of a packing: what two variants must have in common to run on one copy of a layer's
 * weights. Only what is not as usual is written, so most are short: n16k4. */
#include "variants/packing.h"

#include <stdio.h>

#include "kernels/packing.h"

static const char *const forms[KRN_PACKING_FORM_COUNT] = {
    [KRN_PACKING_PANELS] = "",      [KRN_PACKING_WINOGRAD] = "wino_", [KRN_PACKING_TAPS] = "dw_",
    [KRN_PACKING_COLUMNS] = "dwc_", [KRN_PACKING_QUADS] = "dwq_",     [KRN_PACKING_LINES] = "dwl_",
};

/* In the order of the enumeration: the letter of a field, and the value that is not written. */
static const struct {
    char letter;
    int32_t usual;
} fields[KRN_PACKING_FIELD_COUNT] = {
    [KRN_PACKING_NR] = { 'n', 0 },       [KRN_PACKING_KR] = { 'k', 0 },
    [KRN_PACKING_BYTES] = { 'w', 1 },    [KRN_PACKING_A_BIAS] = { 'a', 0 },
    [KRN_PACKING_HEAD] = { 'e', 0 },     [KRN_PACKING_QUICK] = { 'q', 0 },
    [KRN_PACKING_SPLIT] = { 't', 0 },    [KRN_PACKING_SUMS] = { 's', 0 },
    [KRN_PACKING_DIAGONAL] = { 'd', 0 }, [KRN_PACKING_PLACES] = { 'p', 0 },
    [KRN_PACKING_FILTER] = { 'f', 0 },   [KRN_PACKING_ROWS] = { 'y', 0 },
    [KRN_PACKING_DEPTH] = { 'g', 0 },
};

static void write_name(const struct krn_packing *packing, char *out)
{
    int length = snprintf(out, VAR_PACKING_MAX, "%s", forms[packing->of[KRN_PACKING_FORM]]);
    for (int f = 0; f < KRN_PACKING_FIELD_COUNT; f++)
        if (fields[f].letter && packing->of[f] != fields[f].usual)
            length += snprintf(out + length, VAR_PACKING_MAX - (size_t)length, "%c%d",
                               fields[f].letter, packing->of[f]);
}

int var_packing_name(const struct var_variant *v, const struct krn_problem *problem, char *out,
                     size_t *bytes)
{
    static const struct krn_quant any = { 0, 0, -128, 127 };
    struct krn_kernel kernel;
    struct krn_conv conv;
    var_kernel_describe(v, &kernel, NULL);
    int rc = krn_conv_plan(&conv, problem, &any, &kernel, var_driver(v), NULL, 0);
    out[0] = '\0';
    *bytes = 0;
    if (rc != 0)
        return rc;
    struct krn_packing packing = krn_packing_of(&conv);
    write_name(&packing, out);
    *bytes = conv.packed_bytes;
    return 0;
}
