#include "harness/model/driver.h"

/* Instructions of each unit of work, fitted to 149 counts of 13 layers with dotprod and i8mm, and
 * 560 with v8.0 (qemu-user 7.2, gcc 12 -O2): within 15 % where only calls count, a factor of two or
 * so elsewhere. */
enum {
    CALL = 160,       /* of a micro-kernel, its loops around it included */
    DIRECT_CALL = 90, /* on the input itself */
    RING_CALL = 212,  /* on copied rows */
    RING_ROW = 220,   /* a row that is wanted: found in the ring, or copied */
    TAIL_PIXEL = 20,  /* output that goes through scratch, because a panel is not full */
    GATHER_PIXEL = 31,
    GATHER_TAP = 8, /* of a pixel */
    WIDEN_TAP = 48  /* of a pixel that is packed as words */
};
#define WIDEN_BYTE 0.7
#define WIDEN_GATHERED_BYTE 2.4
#define RING_BYTE 0.12
/* Of A, packed or gathered: rows of whole vectors, and of others. */
static double gather_byte(int64_t kr, int64_t depth)
{
    return depth % 16 ? (kr == 8 ? 1.6 : 2.9) : kr == 8 ? 0.5 : 1.0;
}

/* Winograd: eight channels of a tile, in and out, by the size of its transforms. */
static const struct {
    int filter;
    double in, out;
} transforms[] = { { 2, 243, 522 }, { 4, 1081, 1259 } };

/* One tap of a pixel. Runs that are no whole groups of words are gathered before they are widened.
 */
static double gather_tap(const struct krn_conv *conv, double taps)
{
    const int64_t depth = conv->problem.ic / conv->problem.groups;
    if (conv->kernel->packs_a != KRN_FEED_WORDS)
        return GATHER_TAP + (double)depth * gather_byte(conv->kernel->kr, depth);
    if (taps > 1 && depth % KRN_FEED_WORDS_GROUP)
        return GATHER_TAP + (double)depth * WIDEN_GATHERED_BYTE;
    return WIDEN_TAP + (double)depth * WIDEN_BYTE;
}

static double gathering(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    const double pixels = (double)conv->row_tiles * conv->kernel->mr * p->groups;
    const double taps = (double)p->kh * p->kw;
    return pixels * (GATHER_PIXEL + taps * gather_tap(conv, taps));
}

static double transforming(const struct krn_conv *conv)
{
    const struct krn_problem *p = &conv->problem;
    const double tiles = (double)conv->row_tiles * conv->kernel->mr;
    for (size_t i = 0; i < sizeof transforms / sizeof *transforms; i++)
        if (transforms[i].filter == conv->kernel->filter)
            return tiles * (transforms[i].in * p->ic + transforms[i].out * p->oc) / 8;
    return 0;
}

static double running(const struct krn_conv *conv, double calls)
{
    const struct krn_problem *p = &conv->problem;
    /* With panels outside, each of them has the rows copied again. */
    const double passes = conv->driver.loop_order ? 1 : (double)conv->panels;
    const double tail = p->oc / p->groups % conv->kernel->nr ? (double)p->n * p->oh * p->ow : 0;
    if (!conv->kernel->copies)
        return calls * DIRECT_CALL + tail * TAIL_PIXEL;
    return calls * RING_CALL + tail * TAIL_PIXEL +
           passes * p->n *
               ((double)p->oh * p->kh * RING_ROW +
                (double)p->ih * p->iw * p->ic * conv->kernel->w_bytes * RING_BYTE);
}

double hrn_driver_insns(const struct krn_conv *conv, double calls)
{
    switch (conv->algorithm) {
    case KRN_ALG_DIRECT:
        return running(conv, calls);
    case KRN_ALG_IM2COL:
    case KRN_ALG_PACKED:
        return calls * CALL + gathering(conv);
    case KRN_ALG_WINOGRAD:
        return calls * CALL + transforming(conv);
    default:
        return calls * CALL;
    }
}
