/* The checked call: one variant after the other against the reference, in a child. */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/stats.h"
#include "kernels/packing.h"
#include "kernels/reference.h"

enum buffer {
    BUFFER_IN,
    BUFFER_OUT,
    BUFFER_PACKED,
    BUFFER_WORKSPACE,
    BUFFER_SCRATCH,
    BUFFER_ADD, /* the second tensor, where the epilogue has one */
    BUFFER_COUNT
};

/* Packing costs more than the run: what a case was packed to stays for the other guard and for the
 * next variant of this process, where that packs it alike. */
struct packing {
    struct krn_packing of;
    void *bytes; /* as many as plans of this packing have */
    size_t capacity;
    int is_made;
};

struct check {
    const struct hrn_job_variant *variant;
    struct krn_kernel kernel; /* the variant's, with the checked call in between */
    struct hrn_guarded buffer[BUFFER_COUNT];
    struct hrn_proof *proof;
    const struct hrn_case *now; /* what is being computed; for the words of a failure */
    const int8_t *expected;     /* its answer: the case's, or of another epilogue in `answer` */
    void *answer;
    struct krn_add add; /* tensor is the generator's copy; the kernel reads another */
    enum hrn_side side;
    struct packing *packing, *packings; /* of this case; of all, the main case first, or NULL */
    int turn;
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

static size_t output_bytes(const struct check *c)
{
    return krn_problem_output_count(&c->now->problem) * (size_t)krn_output_bytes(&c->kernel);
}

/* A second tensor: bytes of every value, a factor that makes ties of the rounding, or one that does
 * not. 0 or -ENOMEM. */
static int make_add(struct check *c)
{
    size_t count = krn_problem_output_count(&c->now->problem);
    int8_t *tensor = realloc((void *)(uintptr_t)c->add.tensor, count);
    uint64_t state = count;
    if (!tensor)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        tensor[i] = (int8_t)hrn_random(&state);
    c->add = (struct krn_add) { tensor, c->now->quant.zp_in, c->turn ? 0.5f : 0.3712f };
    return 0;
}

/* The case has the answer of the epilogue that nearly all kernels have. 0 or -ENOMEM. */
static int make_answer(struct check *c)
{
    const struct hrn_case *now = c->now;
    enum krn_epilogue epilogue = (enum krn_epilogue)c->kernel.epilogue;
    c->expected = now->expected;
    if (epilogue == KRN_EPILOGUE_FLOAT)
        return 0;
    if (epilogue == KRN_EPILOGUE_ADD && make_add(c) < 0)
        return -ENOMEM;
    void *answer = realloc(c->answer, output_bytes(c));
    if (!answer)
        return -ENOMEM;
    krn_reference_epilogue(&now->problem, &now->quant, epilogue, now->in, now->weights, now->bias,
                           now->scale, &c->add, answer);
    c->answer = answer;
    c->expected = answer;
    return 0;
}

/* Every byte differs from the answer; eight at a time. */
static void invert(uint8_t *out, const int8_t *answer, size_t bytes)
{
    uint64_t word;
    for (; bytes >= sizeof word; bytes -= sizeof word, out += sizeof word, answer += sizeof word) {
        memcpy(&word, answer, sizeof word);
        word = ~word;
        memcpy(out, &word, sizeof word);
    }
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)~answer[i];
}

/* Buffers for this plan, all filled with what no answer looks like. 0 or -errno. */
static int place(struct check *c, const struct krn_conv *conv)
{
    const struct hrn_case *now = c->now;
    size_t out_bytes = output_bytes(c);
    int adds = c->kernel.epilogue == KRN_EPILOGUE_ADD;
    const struct {
        size_t bytes, align;
    } rows[BUFFER_COUNT] = {
        [BUFFER_IN] = { krn_problem_input_count(&now->problem), 1 },
        [BUFFER_OUT] = { out_bytes, (size_t)krn_output_bytes(&c->kernel) },
        [BUFFER_PACKED] = { conv->packed_bytes, 64 },
        [BUFFER_WORKSPACE] = { conv->workspace_bytes, 64 },
        [BUFFER_SCRATCH] = { conv->scratch_bytes, 64 },
        [BUFFER_ADD] = { adds ? out_bytes : 0, 1 },
    };
    for (int i = 0; i < BUFFER_COUNT; i++) {
        int error = hrn_guard_place(&c->buffer[i], rows[i].bytes, rows[i].align, c->side);
        if (error < 0)
            return error;
        if (i == BUFFER_WORKSPACE || i == BUFFER_SCRATCH) /* all of the others is written below */
            memset(c->buffer[i].at, 0xa5, rows[i].bytes);
    }
    memcpy(c->buffer[BUFFER_IN].at, now->in, rows[BUFFER_IN].bytes);
    invert(c->buffer[BUFFER_OUT].at, c->expected, out_bytes);
    if (adds)
        memcpy(c->buffer[BUFFER_ADD].at, c->add.tensor, out_bytes);
    return 0;
}

/* The case is the same. */
static int packs_alike(const struct packing *p, const struct krn_conv *conv)
{
    const struct krn_packing of = krn_packing_of(conv);
    return p->is_made && krn_packing_is_same(&p->of, &of);
}

static void keep(struct packing *p, const struct krn_conv *conv, const void *packed)
{
    p->is_made = 0;
    if (p->capacity < conv->packed_bytes) {
        void *grown = realloc(p->bytes, conv->packed_bytes);
        if (!grown)
            return; /* packed again, then */
        p->bytes = grown;
        p->capacity = conv->packed_bytes;
    }
    memcpy(p->bytes, packed, conv->packed_bytes);
    p->of = krn_packing_of(conv);
    p->is_made = 1;
}

static void pack(struct check *c, const struct krn_conv *conv, void *packed)
{
    if (c->packing && packs_alike(c->packing, conv)) {
        memcpy(packed, c->packing->bytes, conv->packed_bytes);
        return;
    }
    krn_conv_pack(conv, c->now->weights, c->now->bias, c->now->scale, packed);
    if (c->packing)
        keep(c->packing, conv, packed);
}

/* Against the lower guard the units are computed one by one from the last: no unit may lean on
 * another, and a stray byte is not repaired by the unit that comes after. */
static void compute(struct check *c, struct krn_conv *conv)
{
    const int8_t *in = (const int8_t *)c->buffer[BUFFER_IN].at;
    int8_t *out = (int8_t *)c->buffer[BUFFER_OUT].at;
    void *packed = c->buffer[BUFFER_PACKED].at, *workspace = c->buffer[BUFFER_WORKSPACE].at;
    void *scratch = c->buffer[BUFFER_SCRATCH].at;
    conv->add = c->add;
    conv->add.tensor = (const int8_t *)c->buffer[BUFFER_ADD].at;
    pack(c, conv, packed);
    krn_conv_setup(conv, in, workspace);
    if (c->side == HRN_SIDE_UPPER) {
        krn_conv_run(conv, packed, in, out, workspace, scratch, 0, conv->tiles);
        return;
    }
    for (int64_t tile = conv->tiles; tile-- > 0;)
        krn_conv_run(conv, packed, in, out, workspace, scratch, tile, tile + 1);
}

static int32_t element(const int8_t *tensor, size_t at, size_t size)
{
    int32_t sum;
    if (size == 1)
        return tensor[at];
    memcpy(&sum, tensor + at * size, sizeof sum);
    return sum;
}

static int compare(struct check *c)
{
    const struct krn_problem *p = &c->now->problem;
    const int8_t *out = (const int8_t *)c->buffer[BUFFER_OUT].at;
    size_t count = krn_problem_output_count(p), size = output_bytes(c) / count, at = 0, differ = 0;
    int is_untouched = 1;
    if (memcmp(out, c->expected, count * size) == 0)
        return 0;
    for (size_t i = count; i-- > 0;)
        if (memcmp(out + i * size, c->expected + i * size, size) != 0) {
            at = i;
            differ++;
        }
    for (size_t i = at * size; i < (at + 1) * size; i++)
        is_untouched &= out[i] == (int8_t)~c->expected[i];
    size_t channel = at % (size_t)p->oc, pixel = at / (size_t)p->oc;
    snprintf(
        c->proof->detail, sizeof c->proof->detail,
        "%zu of %zu outputs differ, first at image %zu row %zu column %zu channel %zu: %d for %d%s",
        differ, count, pixel / (size_t)(p->oh * p->ow), pixel / (size_t)p->ow % (size_t)p->oh,
        pixel % (size_t)p->ow, channel, element(out, at, size), element(c->expected, at, size),
        is_untouched ? " (never written?)" : "");
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

/* 1 = passed, 0 = the driver does not take this problem (reason in detail), negative = failed.
 * `number` is the case's own in this process. */
static int run_case(struct check *c, const struct hrn_case *now, size_t number)
{
    struct krn_conv conv;
    c->now = now;
    c->packing = c->packings ? &c->packings[number] : NULL;
    if (krn_conv_plan(&conv, &now->problem, &now->quant, &c->kernel, c->variant->driver,
                      c->proof->detail, sizeof c->proof->detail) < 0)
        return 0;
    c->turn ^= 1;
    if (make_answer(c) < 0) {
        c->proof->outcome = HRN_REFUSED;
        snprintf(c->proof->detail, sizeof c->proof->detail, "no memory for the answer");
        return -1;
    }
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
        if (run_case(c, &tails->item[i], i + 1) < 0)
            return;
    if (run_case(c, main_case, 0) < 0)
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
    static const char *const names[BUFFER_COUNT] = { "input",     "output",  "packed",
                                                     "workspace", "scratch", "second input" };
    if (!current.packings)
        current.packings = calloc(1 + (tails ? tails->count : 0), sizeof *current.packings);
    current.variant = variant;
    current.kernel = *variant->kernel;
    current.proof = proof;
    current.now = main_case;
    current.turn = 0;
    current.kernel.fn = hrn_abi_wrap(variant->kernel->fn);
    for (int i = 0; i < BUFFER_COUNT; i++)
        current.buffer[i].name = names[i];
    hrn_guard_watch(current.buffer, BUFFER_COUNT, proof, describe, message_fd);
    check_all(&current, main_case, tails);
}
