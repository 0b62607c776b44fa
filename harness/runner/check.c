/* The checked call: one variant against the reference, in a child of its own. */
#include "harness/runner/runner_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum buffer {
    BUFFER_IN,
    BUFFER_OUT,
    BUFFER_PACKED,
    BUFFER_WORKSPACE,
    BUFFER_SCRATCH,
    BUFFER_COUNT
};

struct check {
    const struct hrn_job_variant *variant;
    struct krn_kernel kernel; /* the variant's, with the checked call in between */
    struct hrn_guarded buffer[BUFFER_COUNT];
    struct hrn_proof *proof;
    const struct hrn_case *now; /* what is being computed; for the words of a failure */
    enum hrn_side side;
    /* Packing costs more than the run: a case is packed against one guard and copied for the other,
     * in turns. */
    void *packed_copy;
    size_t copy_bytes;
    int is_packed, turn;
};

/* Appends " [problem, side]" to the reason, so that a proof tells how to repeat it. */
static void add_place(struct check *c)
{
    char problem[KRN_PROBLEM_STR_MAX];
    size_t length = strlen(c->proof->detail);
    krn_problem_format(&c->now->problem, 0, problem);
    snprintf(c->proof->detail + length, sizeof c->proof->detail - length, " [%s, %s guard]",
             problem, hrn_side_names[c->side]);
}

static int wrong(struct check *c)
{
    c->proof->outcome = HRN_WRONG;
    add_place(c);
    return -1;
}

/* Buffers for this plan, all filled with what no answer looks like. 0 or -errno. */
static int place(struct check *c, const struct krn_conv *conv)
{
    const struct hrn_case *now = c->now;
    size_t out_bytes = krn_problem_output_count(&now->problem);
    const struct {
        size_t bytes, align;
    } rows[BUFFER_COUNT] = {
        [BUFFER_IN] = { krn_problem_input_count(&now->problem), 1 },
        [BUFFER_OUT] = { out_bytes, 1 },
        [BUFFER_PACKED] = { conv->packed_bytes, 64 },
        [BUFFER_WORKSPACE] = { conv->workspace_bytes, 64 },
        [BUFFER_SCRATCH] = { conv->scratch_bytes, 64 },
    };
    for (int i = 0; i < BUFFER_COUNT; i++) {
        int error = hrn_guard_place(&c->buffer[i], rows[i].bytes, rows[i].align, c->side);
        if (error < 0)
            return error;
        if (i != BUFFER_IN && i != BUFFER_OUT)
            memset(c->buffer[i].at, 0xa5, rows[i].bytes);
    }
    memcpy(c->buffer[BUFFER_IN].at, now->in, rows[BUFFER_IN].bytes);
    for (size_t i = 0; i < out_bytes; i++)
        c->buffer[BUFFER_OUT].at[i] = (uint8_t)~now->expected[i];
    return 0;
}

static void pack(struct check *c, const struct krn_conv *conv, void *packed)
{
    if (c->is_packed) {
        memcpy(packed, c->packed_copy, conv->packed_bytes);
        return;
    }
    krn_conv_pack(conv, c->now->weights, c->now->bias, c->now->scale, packed);
    if (c->copy_bytes < conv->packed_bytes) {
        void *grown = realloc(c->packed_copy, conv->packed_bytes);
        if (!grown)
            return; /* packed again, then */
        c->packed_copy = grown;
        c->copy_bytes = conv->packed_bytes;
    }
    memcpy(c->packed_copy, packed, conv->packed_bytes);
    c->is_packed = 1;
}

/* Against the lower guard the units are computed one by one from the last: no unit may lean on
 * another, and a stray byte is not repaired by the unit that comes after. */
static void compute(struct check *c, const struct krn_conv *conv)
{
    const int8_t *in = (const int8_t *)c->buffer[BUFFER_IN].at;
    int8_t *out = (int8_t *)c->buffer[BUFFER_OUT].at;
    void *packed = c->buffer[BUFFER_PACKED].at, *workspace = c->buffer[BUFFER_WORKSPACE].at;
    void *scratch = c->buffer[BUFFER_SCRATCH].at;
    pack(c, conv, packed);
    krn_conv_setup(conv, in, workspace);
    if (c->side == HRN_SIDE_UPPER) {
        krn_conv_run(conv, packed, in, out, workspace, scratch, 0, conv->tiles);
        return;
    }
    for (int64_t tile = conv->tiles; tile-- > 0;)
        krn_conv_run(conv, packed, in, out, workspace, scratch, tile, tile + 1);
}

static int compare(struct check *c)
{
    const struct hrn_case *now = c->now;
    const struct krn_problem *p = &now->problem;
    const int8_t *out = (const int8_t *)c->buffer[BUFFER_OUT].at;
    size_t count = krn_problem_output_count(p), at = 0, differ = 0;
    if (memcmp(out, now->expected, count) == 0)
        return 0;
    for (size_t i = count; i-- > 0;)
        if (out[i] != now->expected[i]) {
            at = i;
            differ++;
        }
    size_t channel = at % (size_t)p->oc, pixel = at / (size_t)p->oc;
    snprintf(
        c->proof->detail, sizeof c->proof->detail,
        "%zu of %zu outputs differ, first at image %zu row %zu column %zu channel %zu: %d for %d%s",
        differ, count, pixel / (size_t)(p->oh * p->ow), pixel / (size_t)p->ow % (size_t)p->oh,
        pixel % (size_t)p->ow, channel, out[at], now->expected[at],
        out[at] == (int8_t)~now->expected[at] ? " (never written?)" : "");
    return wrong(c);
}

static int inspect(struct check *c)
{
    const char *violation = hrn_abi_violation();
    char *detail = c->proof->detail;
    if (violation) {
        snprintf(detail, sizeof c->proof->detail, "calling convention: %s", violation);
        return wrong(c);
    }
    for (int i = 0; i < BUFFER_COUNT; i++) {
        ptrdiff_t at = hrn_guard_damage(&c->buffer[i]);
        if (at == 0)
            continue;
        snprintf(detail, sizeof c->proof->detail, "wrote byte %td of the %s buffer, which has %zu",
                 at, c->buffer[i].name, c->buffer[i].bytes);
        return wrong(c);
    }
    if (memcmp(c->buffer[BUFFER_IN].at, c->now->in, c->buffer[BUFFER_IN].bytes) != 0) {
        snprintf(detail, sizeof c->proof->detail, "wrote into its input");
        return wrong(c);
    }
    return compare(c);
}

/* 1 = passed, 0 = the driver does not take this problem (reason in detail), negative = failed. */
static int run_case(struct check *c, const struct hrn_case *now)
{
    struct krn_conv conv;
    c->now = now;
    if (krn_conv_plan(&conv, &now->problem, &now->quant, &c->kernel, c->variant->driver,
                      c->proof->detail, sizeof c->proof->detail) < 0)
        return 0;
    c->is_packed = 0;
    c->turn ^= 1;
    for (int i = 0; i < HRN_SIDE_COUNT; i++) {
        c->side = (enum hrn_side)((i + !c->turn) % HRN_SIDE_COUNT);
        int error = place(c, &conv);
        if (error < 0) {
            c->proof->outcome = HRN_REFUSED;
            snprintf(c->proof->detail, sizeof c->proof->detail, "no memory for the buffers: %s",
                     strerror(-error));
            return -1;
        }
        compute(c, &conv);
        if (inspect(c) < 0)
            return -1;
        c->proof->checks++;
    }
    return 1;
}

static void check_all(struct check *c, const struct hrn_case *main_case,
                      const struct hrn_case_list *tails)
{
    struct krn_conv conv;
    if (krn_conv_plan(&conv, &main_case->problem, &main_case->quant, &c->kernel, c->variant->driver,
                      c->proof->detail, sizeof c->proof->detail) < 0) {
        c->proof->outcome = HRN_REFUSED;
        return;
    }
    for (size_t i = 0; tails && i < tails->count; i++)
        if (run_case(c, &tails->item[i]) < 0)
            return;
    if (run_case(c, main_case) < 0)
        return;
    c->proof->detail[0] = '\0'; /* a tail that the driver does not take is no news */
    c->proof->outcome = HRN_OK;
}

static struct check current; /* static: outlives a broken stack */

static void describe(void)
{
    add_place(&current);
}

void hrn_check(const struct hrn_job_variant *variant, const struct hrn_case *main_case,
               const struct hrn_case_list *tails, int message_fd, struct hrn_proof *proof)
{
    static const char *const names[BUFFER_COUNT] = { "input", "output", "packed", "workspace",
                                                     "scratch" };
    current = (struct check) { .variant = variant, .kernel = *variant->kernel, .proof = proof };
    current.now = main_case;
    current.kernel.fn = hrn_abi_wrap(variant->kernel->fn);
    for (int i = 0; i < BUFFER_COUNT; i++)
        current.buffer[i].name = names[i];
    hrn_guard_watch(current.buffer, BUFFER_COUNT, proof, describe, message_fd);
    check_all(&current, main_case, tails);
}
