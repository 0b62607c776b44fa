/* Proves the package on this machine: every micro-kernel that the CPU can run, on every vector that
 * it takes, in both loop orders; and what the dispatch table chooses, also with ISA levels hidden.
 * Exit status 0: all answers are those of the reference. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "quern_kernels.h"
#include "selftest_data.h"
#include "selftest_vectors.h"
#include "src/dispatch.h"

enum { MARGIN = 64 }; /* bytes on both sides of the output that must stay as they are */

static int failures, convolutions;

static void fail(size_t index, const char *who, const char *what)
{
    failures++;
    printf("FAILED: vector %d (%s): %s: %s\n", (int)index, vectors[index].problem, who, what);
}

/* `want`: the hash of the answer. */
static void compare(size_t index, const char *who, const int8_t *room, size_t count, uint64_t want)
{
    char text[100];
    uint64_t hash = vector_hash(room + MARGIN, count);
    convolutions++;
    if (hash != want) {
        snprintf(text, sizeof text, "the answer has hash %016" PRIx64 ", expected %016" PRIx64,
                 hash, want);
        fail(index, who, text);
    }
    for (size_t i = 0; i < MARGIN; i++)
        if (room[i] != 0x55 || room[MARGIN + count + i] != 0x55) {
            fail(index, who, "wrote beside its output");
            return;
        }
}

static int8_t *open_room(size_t count)
{
    int8_t *room = malloc(count + 2 * MARGIN);
    if (!room) {
        fprintf(stderr, "selftest: out of memory\n");
        exit(1);
    }
    memset(room, 0x55, count + 2 * MARGIN);
    return room;
}

static void *align(void *p)
{
    return (char *)p + (-(uintptr_t)p & 63);
}

/* The kernel itself through the driver. Returns 0 if it does not take the problem. */
static int run_kernel(size_t index, const struct vector_data *v, const struct krn_kernel *kernel,
                      struct krn_driver driver, uint64_t want)
{
    struct krn_conv conv;
    if (krn_conv_plan(&conv, &v->problem, &v->quant, kernel, driver, NULL, 0) != 0)
        return 0;
    size_t bytes = v->out_count * (size_t)krn_output_bytes(kernel);
    int8_t *room = open_room(bytes);
    conv.add = vector_add(v);
    void *packed = malloc(conv.packed_bytes + 63), *work = malloc(conv.workspace_bytes + 63);
    void *scratch = malloc(conv.scratch_bytes + 63);
    if (packed && work && scratch) {
        krn_conv_pack(&conv, v->weights, v->bias, v->scale, align(packed));
        krn_conv_setup(&conv, v->in, align(work));
        krn_conv_run(&conv, align(packed), v->in, room + MARGIN, align(work), align(scratch), 0,
                     conv.tiles);
        compare(index, kernel->name, room, bytes, want);
    } else {
        fail(index, kernel->name, "out of memory");
    }
    free(packed);
    free(work);
    free(scratch);
    free(room);
    return 1;
}

/* The short way. A package has the float form, and others as far as some layer wanted them. */
static void run_dispatch(size_t index, const struct vector_data *v, enum krn_epilogue epilogue,
                         uint64_t want)
{
    const struct krn_add add = vector_add(v);
    char err[200] = "";
    struct quern_conv *conv;
    int rc = quern_conv_create_epilogue(&v->problem, epilogue, &v->quant, v->weights, v->bias,
                                        v->scale, &conv, err, sizeof err);
    if (rc == -ENOENT && epilogue != KRN_EPILOGUE_FLOAT)
        return;
    if (rc != 0) {
        fail(index, "dispatch", err);
        return;
    }
    size_t bytes = v->out_count * (size_t)krn_output_bytes(quern_conv_choice(conv).kernel);
    for (size_t core = 0; core <= quern_core_count; core++) { /* the last time: as the core says */
        int8_t *room = open_room(bytes);
        struct quern_choice choice =
            core < quern_core_count ? quern_conv_choice_core(conv, core) : quern_conv_choice(conv);
        if (core < quern_core_count)
            quern_conv_run_core(conv, core, v->in, epilogue == KRN_EPILOGUE_ADD ? &add : NULL,
                                room + MARGIN);
        else if (epilogue == KRN_EPILOGUE_ADD)
            quern_conv_run_add(conv, v->in, &add, room + MARGIN);
        else
            quern_conv_run(conv, v->in, room + MARGIN);
        compare(index, choice.variant, room, bytes, want);
        free(room);
    }
    quern_conv_destroy(conv);
}

static void run_vector(size_t index, int *taken)
{
    static const struct krn_driver drivers[] = { { 0, 0 }, { 1, 2 } };
    struct krn_problem problem;
    struct vector_data v;
    char err[200] = "";
    if (krn_problem_parse(vectors[index].problem, &problem, err, sizeof err) != 0 ||
        vector_make(&problem, vectors[index].seed, &v) != 0) {
        fail(index, "problem", err[0] ? err : "out of memory");
        return;
    }
    uint64_t want[KRN_EPILOGUE_COUNT];
    for (int e = 0; e < KRN_EPILOGUE_COUNT; e++) {
        size_t bytes = vector_reference(&v, (enum krn_epilogue)e);
        want[e] = vector_hash(v.out, bytes);
    }
    if (want[KRN_EPILOGUE_FLOAT] != vectors[index].hash)
        fail(index, "reference",
             "differs from selftest_vectors.h: either that file is damaged or this build is wrong");
    uint32_t isas = krn_cpu_isas();
    for (size_t k = 0; k < quern_table_count; k++)
        for (size_t d = 0; d < 2 && quern_table[k].fn && isas & 1u << quern_table[k].isa; d++)
            taken[k] +=
                run_kernel(index, &v, &quern_table[k], drivers[d], want[quern_table[k].epilogue]);
    for (int isa = KRN_ISA_COUNT; isa > 0;
         isa--) { /* hide the strongest levels, one after the other */
        krn_cpu_mask_set((1u << isa) - 1);
        for (int e = 0; e < KRN_EPILOGUE_COUNT && (isa == KRN_ISA_COUNT || isas & 1u << isa); e++)
            run_dispatch(index, &v, (enum krn_epilogue)e, want[e]);
    }
    krn_cpu_mask_set(~0u);
    vector_clear(&v);
}

static int runs_here(const struct krn_kernel *kernel)
{
    return kernel->fn && (krn_cpu_isas() & 1u << kernel->isa);
}

/* Whether the dispatch may treat two rows as one problem: equal but for the number of images. */
static int is_same(const struct quern_row *a, const struct quern_row *b)
{
    struct krn_problem p = a->problem;
    p.n = b->problem.n;
    return memcmp(&p, &b->problem, sizeof p) == 0;
}

static int is_for(const struct quern_row *row, size_t core)
{
    return row->core < 0 || (size_t)row->core == core;
}

/* The first row of a problem that runs here must be what the problem gets, by epilogue. */
static void check_rows(void)
{
    for (size_t i = 0; i < quern_row_count; i++) {
        enum krn_epilogue epilogue = (enum krn_epilogue)quern_table[quern_rows[i].kernel].epilogue;
        struct quern_choice choice = quern_conv_select_epilogue(&quern_rows[i].problem, epilogue);
        size_t first = 0;
        while (first < quern_row_count &&
               (!is_same(&quern_rows[first], &quern_rows[i]) ||
                !is_for(&quern_rows[first], quern_core_here()) ||
                quern_table[quern_rows[first].kernel].epilogue != epilogue ||
                !runs_here(&quern_table[quern_rows[first].kernel])))
            first++;
        if (first < quern_row_count && (choice.match != QUERN_MATCH_EXACT ||
                                        strcmp(choice.variant, quern_rows[first].variant) != 0)) {
            failures++;
            printf("FAILED: dispatch gives %s instead of %s\n", choice.variant,
                   quern_rows[first].variant);
        }
    }
}

int main(void)
{
    int *taken = calloc(quern_table_count, sizeof *taken), idle = 0;
    if (!taken)
        return 1;
    for (size_t i = 0; i < vector_count; i++)
        run_vector(i, taken);
    check_rows();
    for (size_t k = 0; k < quern_table_count; k++) {
        const struct krn_kernel *kernel = &quern_table[k];
        idle += !runs_here(kernel);
        printf("%-14s %s\n", runs_here(kernel) ? "ran" : "not this CPU", kernel->name);
        if (runs_here(kernel) && taken[k] == 0) {
            failures++;
            printf("FAILED: no vector reached %s\n", kernel->name);
        }
    }
    printf("selftest: %s: %d of %d kernels ran, %d convolutions, %d failures\n",
           failures ? "FAILED" : "passed", (int)quern_table_count - idle, (int)quern_table_count,
           convolutions, failures);
    free(taken);
    return failures != 0;
}
