/* Depthwise: one call per output row, or per few of them. Pointers of a call run column by column,
 * so that neighbouring pixels, whose windows overlap, share them. */
#include "kernels/conv_int.h"

static int64_t rows_of(const struct krn_conv *conv)
{
    return conv->kernel->family == KRN_FAMILY_DWC ? conv->kernel->rows : 1;
}

/* Pointers of one column: the filter's taps, and those of the rows below. */
static int64_t column_of(const struct krn_conv *conv)
{
    return conv->problem.kh + (rows_of(conv) - 1) * conv->problem.sh;
}

/* Pointers from one output pixel to the next. */
static int64_t step_of(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    /* with gaps between the taps, or a stride beyond the filter, nothing is shared */
    int shares = p->dw == 1 && p->sw < p->kw;
    return (shares ? p->sw : p->kw) * column_of(conv);
}

int64_t krn_depthwise_pointers(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    return (p->ow - 1) * step_of(conv) + p->kw * column_of(conv);
}

/* Calls for one image. */
static int64_t image_calls(const struct krn_conv *conv)
{
    return (conv->problem.oh + rows_of(conv) - 1) / rows_of(conv);
}

int64_t krn_depthwise_calls(const struct krn_conv *conv)
{
    return conv->problem.n * image_calls(conv);
}

int64_t krn_depthwise_weights(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    int64_t kr = conv->kernel->kr;
    if (conv->kernel->family == KRN_FAMILY_DWC && kr == 4)
        return p->kw * krn_round_up(column_of(conv), kr) * rows_of(conv);
    return krn_round_up((int64_t)p->kh * p->kw, kr);
}

static void setup_column(const struct krn_conv *conv, const int8_t *image, const int8_t *padding,
                         int64_t y, int64_t x, const int8_t **table)
{
    const struct krn_problem *p = &conv->problem;
    for (int64_t i = 0; i < column_of(conv); i++, y += p->dh) {
        int outside = y < 0 || y >= p->ih || x < 0 || x >= p->iw;
        table[i] = outside ? padding : image + (y * p->iw + x) * p->ic;
    }
}

void krn_depthwise_setup(const struct krn_conv *conv, const int8_t *in, void *workspace)
{
    const struct krn_problem *p = &conv->problem;
    const int8_t **table = (const int8_t **)((char *)workspace + krn_padding_bytes(p));
    int64_t step = step_of(conv), column = column_of(conv), calls = image_calls(conv);
    krn_padding_fill(conv, workspace);
    for (int64_t call = 0; call < conv->row_tiles; call++, table += krn_depthwise_pointers(conv)) {
        const int8_t *image = in + call / calls * p->ih * p->iw * p->ic;
        int64_t y = call % calls * rows_of(conv) * p->sh - p->ph;
        for (int64_t ox = 0; ox < p->ow; ox++)
            for (int64_t kx = 0; kx < p->kw; kx++)
                setup_column(conv, image, workspace, y, ox * p->sw - p->pw + kx * p->dw,
                             table + ox * step + kx * column);
    }
}

void krn_depthwise_run(const struct krn_job *job)
{
    const struct krn_conv *conv = job->conv;
    const struct krn_problem *p = &conv->problem;
    const int8_t *const *table = (const int8_t *const *)(job->workspace + krn_padding_bytes(p));
    int64_t pointers = krn_depthwise_pointers(conv), out_row = (int64_t)p->ow * p->oc;
    int64_t calls = image_calls(conv), rows = rows_of(conv);
    struct krn_dw_args args = {
        .a_step = step_of(conv),
        .w = job->packed,
        .c_stride = p->oc,
        .channels = p->oc,
        .width = p->ow,
        .taps = conv->taps,
        .out = krn_out_of(&conv->quant),
    };
    for (int64_t call = job->begin; call < job->end; call++) {
        int64_t y = call % calls * rows;
        args.a = table + call * pointers;
        args.c = job->out + (call / calls * p->oh + y) * out_row;
        /* the row below the last one is computed too, and forgotten */
        args.c_row = y + rows <= p->oh ? out_row : (intptr_t)job->scratch - (intptr_t)args.c;
        conv->kernel->fn(&args);
    }
}
