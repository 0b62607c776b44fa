/* The timed half of a job, in a child of its own: rounds of visits, one sample per visit.
 *
 *     warm up the core, if it was idle
 *     for each round: for each live variant, in the round's shuffled order:
 *         first visit: pack, call once, calibrate the calls of a batch, warm up
 *         later visits: warm the caches with a part of a batch, whose time is dropped
 *         one batch, timed, and a look at the canary; again (a few times) while it is void
 *         now and then the canary is a record, too */
#include "harness/runner/runner_int.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness/sweep/stats.h"

#define ATTEMPTS 4        /* at a sample that is not void */
#define STOLEN_SHARE 100  /* void if more than 1/100 of the batch ran elsewhere */
#define PAUSE_NS 20000000 /* before another attempt while the machine is slow */
#define CANARY_VISITS 20  /* visits between two records of the canary */
#define FREQ_SHARE 50     /* void if the frequency moved by more than 1/50 */
#define CALLS_MAX ((int64_t)1 << 30)
#define RESIDENT_BYTES_MIN ((size_t)64 << 20)
#define RESIDENT_BYTES_MAX ((size_t)1 << 30)

/* What is kept of a variant between its visits. */
struct subject {
    const struct hrn_job_variant *variant;
    struct krn_conv conv;
    void *packed, *workspace; /* NULL: packed anew at each visit, into the shared buffers */
    int64_t calls;            /* of one batch; 0 = not visited yet */
};

struct bench {
    const struct hrn_block *block;
    struct hrn_case data;
    struct subject *subject;
    int8_t *in, *out;
    void *scratch, *packed, *workspace; /* shared by all / by those that are not resident */
    size_t resident_left;
    struct hrn_env env;
    struct hrn_counts counts;
    int64_t clock_ns;     /* cost of reading the clock twice */
    double empty_call_ns; /* cost of an empty call in the loop */
    struct hrn_canary canary;
    double drift; /* the canary at the last sample */
    int visits;   /* since the canary's last record */
    int pinned, message_fd;
};

/* Fresh pages, `offset` bytes into the first: buffers that all begin on a page fight for the same
 * cache sets. Never freed; the process ends with its block. */
static void *take(size_t bytes, size_t offset)
{
    uint8_t *map;
    if (bytes > SIZE_MAX / 2)
        return NULL;
    map = mmap(NULL, bytes + offset, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return map == MAP_FAILED ? NULL : map + offset;
}

enum {
    OFFSET_PACKED = 1088,
    OFFSET_OUT = 2112,
    OFFSET_WORKSPACE = 3136,
    OFFSET_SCRATCH = 576,
    OFFSET_ADD = 1600
};

static void nothing(const struct krn_conv *conv, const void *packed, const int8_t *in, int8_t *out,
                    const void *workspace, void *scratch, int64_t begin, int64_t end)
{
    (void)conv, (void)packed, (void)in, (void)out, (void)workspace, (void)scratch, (void)begin;
    (void)end;
}

static void (*volatile call)(const struct krn_conv *, const void *, const int8_t *, int8_t *,
                             const void *, void *, int64_t, int64_t);

/* Wall time of `calls` convolutions (or of nothing at all). */
static int64_t batch(const struct bench *b, const struct subject *s, int64_t calls)
{
    const void *packed = s->packed ? s->packed : b->packed;
    const void *workspace = s->workspace ? s->workspace : b->workspace;
    int64_t begin = hrn_now_ns();
    for (int64_t i = 0; i < calls; i++)
        call(&s->conv, packed, b->in, b->out, workspace, b->scratch, 0, s->conv.tiles);
    return hrn_now_ns() - begin;
}

/* The least of several: the clock alone, then the clock and many empty calls. */
static void measure_overhead(struct bench *b)
{
    enum { TRIES = 9, CALLS = 2000 };
    struct subject none = { .variant = NULL };
    int64_t clock_ns = INT64_MAX, calls_ns = INT64_MAX;
    call = nothing;
    for (int i = 0; i < TRIES; i++) {
        int64_t a = batch(b, &none, 0), c = batch(b, &none, CALLS);
        clock_ns = a < clock_ns ? a : clock_ns;
        calls_ns = c < calls_ns ? c : calls_ns;
    }
    call = krn_conv_run;
    b->clock_ns = clock_ns;
    b->empty_call_ns = calls_ns > clock_ns ? (double)(calls_ns - clock_ns) / CALLS : 0;
}

/* What an empty batch, and an empty call, counts under each pass: the least of several. */
static void measure_counting(struct bench *b)
{
    enum { TRIES = 5, CALLS = 1000 };
    struct subject none = { .variant = NULL };
    struct hrn_reading r;
    call = nothing;
    for (size_t pass = 0; pass < b->counts.count; pass++) {
        struct hrn_group *g = hrn_counts_pass(&b->counts, (int)pass);
        int64_t least[2][HRN_PASS_EVENTS];
        int counted[2] = { 0, 0 };
        memset(least, 0x7f, sizeof least);
        for (int i = 0; g && i < 2 * TRIES; i++) {
            hrn_group_start(g);
            batch(b, &none, i % 2 ? CALLS : 0);
            hrn_group_stop(g, &r);
            counted[i % 2] |= r.state == HRN_COUNTED;
            for (size_t e = 0; e < g->count && r.state == HRN_COUNTED; e++)
                least[i % 2][e] = r.value[e] < least[i % 2][e] ? r.value[e] : least[i % 2][e];
        }
        for (size_t e = 0; g && e < g->count && counted[0] && counted[1]; e++) {
            g->fixed[e] = least[0][e];
            g->per_call[e] = (double)(least[1][e] - least[0][e]) / CALLS;
        }
    }
    call = krn_conv_run;
}

/* ---- Setting up */

/* Plans every variant and sizes the shared buffers. -ENOMEM. */
static int set_up(struct bench *b)
{
    const struct hrn_job *job = b->block->job;
    size_t scratch = 1, packed = 1, workspace = 1, element = 1;
    size_t outputs = krn_problem_output_count(&job->problem);
    int adds = 0;
    char reason[HRN_DETAIL_MAX];
    for (size_t i = 0; i < job->count; i++) {
        struct subject *s = &b->subject[i];
        s->variant = &job->variants[i];
        if (s->variant->dead ||
            krn_conv_plan(&s->conv, &job->problem, &b->data.quant, s->variant->kernel,
                          s->variant->driver, reason, sizeof reason) < 0)
            continue;
        scratch = s->conv.scratch_bytes > scratch ? s->conv.scratch_bytes : scratch;
        packed = s->conv.packed_bytes > packed ? s->conv.packed_bytes : packed;
        workspace = s->conv.workspace_bytes > workspace ? s->conv.workspace_bytes : workspace;
        element = (size_t)krn_output_bytes(s->conv.kernel) > element ? 4 : element;
        adds |= s->conv.kernel->epilogue == KRN_EPILOGUE_ADD;
    }
    b->in = take(krn_problem_input_count(&job->problem), 0);
    b->out = take(outputs * element, OFFSET_OUT);
    const struct krn_add add = { adds ? take(outputs, OFFSET_ADD) : b->in, 0, 0.5f };
    b->scratch = take(scratch, OFFSET_SCRATCH);
    b->packed = take(packed, OFFSET_PACKED);
    b->workspace = take(workspace, OFFSET_WORKSPACE);
    if (!b->in || !b->out || !add.tensor || !b->scratch || !b->packed || !b->workspace)
        return -ENOMEM;
    for (size_t i = 0; i < job->count; i++)
        b->subject[i].conv.add = add;
    memcpy(b->in, b->data.in, krn_problem_input_count(&job->problem));
    return 0;
}

/* How many bytes of packed weights may stay between visits: a quarter of what is free now. */
static size_t resident_bytes(void)
{
    size_t quarter = (size_t)sysconf(_SC_AVPHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / 4;
    if (quarter < RESIDENT_BYTES_MIN)
        return RESIDENT_BYTES_MIN;
    return quarter < RESIDENT_BYTES_MAX ? quarter : RESIDENT_BYTES_MAX;
}

/* Packs at the first visit, and at every visit of a variant that got no memory of its own. */
static void prepare(struct bench *b, struct subject *s)
{
    size_t need = s->conv.packed_bytes + s->conv.workspace_bytes;
    if (s->calls != 0 && s->packed)
        return;
    if (s->calls == 0 && need <= b->resident_left) {
        s->packed = take(s->conv.packed_bytes + 1, OFFSET_PACKED);
        s->workspace = s->packed ? take(s->conv.workspace_bytes + 1, OFFSET_WORKSPACE) : NULL;
        if (!s->workspace)
            s->packed = NULL;
        b->resident_left -= s->packed ? need : 0;
    }
    krn_conv_pack(&s->conv, b->data.weights, b->data.bias, b->data.scale,
                  s->packed ? s->packed : b->packed);
    krn_conv_setup(&s->conv, b->in, s->workspace ? s->workspace : b->workspace);
}

/* Finds how many calls last min_sample_ns, and goes on until warmup_ns have passed. The first call
 * is the one that finds everything cold: it counts only where it is long enough already. */
static void calibrate(struct bench *b, struct subject *s)
{
    const struct hrn_job *job = b->block->job;
    int64_t calls = 1, time = batch(b, s, 1), spent = time;
    while ((time < job->min_sample_ns && calls < CALLS_MAX) || spent < job->warmup_ns) {
        if (time < job->min_sample_ns) {
            double grow = 1.1 * (double)job->min_sample_ns / (double)(time > 100 ? time : 100);
            int64_t more = (int64_t)((double)calls * (grow > 100 ? 100 : grow)) + 1;
            calls = more < CALLS_MAX ? more : CALLS_MAX;
        }
        time = batch(b, s, calls);
        spent += time;
    }
    s->calls = calls;
}

/* ---- One sample */

struct state {
    int cpu;
    int64_t cpu_time_ns;
    int32_t freq_khz;
    long switches;
};

static struct state look(const struct bench *b)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct state) { .cpu = sched_getcpu(),
                            .freq_khz = hrn_env_freq_khz(&b->env),
                            .switches = usage.ru_nivcsw + usage.ru_nvcsw,
                            .cpu_time_ns = hrn_cpu_time_ns() };
}

__attribute__((format(printf, 2, 3))) static void make_void(struct hrn_sample *s,
                                                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    s->outcome = HRN_VOID;
    vsnprintf(s->detail, sizeof s->detail, format, arguments);
    va_end(arguments);
}

/* A context switch alone is recorded, not condemned: what matters is time that went elsewhere. */
static void judge(const struct bench *b, struct hrn_sample *s, const struct state *before,
                  const struct state *after, int64_t wall_ns)
{
    int64_t stolen = wall_ns - (after->cpu_time_ns - before->cpu_time_ns);
    int32_t moved = after->freq_khz - before->freq_khz;
    if (s->time_ns <= 0)
        make_void(s, "the batch took no longer than the empty calls (%lld ns)",
                  (long long)s->overhead_ns);
    else if (before->cpu != after->cpu)
        make_void(s, "migrated from CPU %d to CPU %d", before->cpu, after->cpu);
    else if (stolen > wall_ns / STOLEN_SHARE)
        make_void(s, "preempted for %lld of %lld us", (long long)stolen / 1000,
                  (long long)wall_ns / 1000);
    else if (before->freq_khz > 0 && abs(moved) > before->freq_khz / FREQ_SHARE)
        make_void(s, "frequency went from %d to %d kHz", before->freq_khz, after->freq_khz);
    else if (b->drift > HRN_CANARY_VOID)
        make_void(s, "drift: the canary took %.2f of its best time", b->drift);
    else if (b->drift > HRN_CANARY_MARK)
        snprintf(s->detail, sizeof s->detail, "canary %.3f", b->drift);
    s->migrations = b->pinned ? before->cpu != after->cpu : -1;
    s->context_switches = (int32_t)(after->switches - before->switches);
}

/* A time without its counters is still a time; one with a group that shared its counters is not. */
static void judge_counters(const struct bench *b, struct hrn_message *m)
{
    const char *fault = m->pass < 0 ? NULL : hrn_reading_fault(m->reading.state);
    if (m->pass < 0 && b->counts.count && m->of.sample.outcome == HRN_OK)
        snprintf(m->of.sample.detail, sizeof m->of.sample.detail, "no counters: %.180s",
                 b->counts.why_not[m->of.sample.round % (int)b->counts.count]);
    if (fault && m->of.sample.outcome == HRN_OK)
        make_void(&m->of.sample, "%s", fault);
    if (fault)
        m->pass = -1;
}

static void sample(struct bench *b, const struct subject *subject, struct hrn_message *m)
{
    struct hrn_sample *s = &m->of.sample;
    m->pass = b->counts.count ? s->round % (int)b->counts.count : -1;
    struct hrn_group *group = hrn_counts_pass(&b->counts, m->pass);
    struct state before = look(b);
    if (group)
        hrn_group_start(group);
    int64_t wall_ns = batch(b, subject, subject->calls);
    if (group)
        hrn_group_stop(group, &m->reading);
    else
        m->pass = -1;
    struct state after = look(b);
    s->outcome = HRN_OK;
    s->detail[0] = '\0';
    s->calls = subject->calls;
    s->overhead_ns = b->clock_ns + (int64_t)(b->empty_call_ns * (double)subject->calls);
    s->time_ns = wall_ns - s->overhead_ns;
    s->freq_khz = after.freq_khz;
    s->temp_mc = hrn_env_temp_mc(&b->env);
    s->current_ua = hrn_env_current_ua(&b->env);
    s->voltage_uv = hrn_env_voltage_uv(&b->env);
    if (b->block->job->untimed) {
        s->time_ns = s->overhead_ns = 0;
    } else {
        b->drift = hrn_canary_look(&b->canary);
        judge(b, s, &before, &after, wall_ns);
    }
    judge_counters(b, m);
    if (m->pass >= 0)
        hrn_group_net(group, s->calls, &m->reading);
}

/* The machine is slow: let it cool, or the neighbour go. */
static void pause_a_little(void)
{
    const struct timespec pause = { 0, PAUSE_NS };
    nanosleep(&pause, NULL);
}

static void record_canary(struct bench *b, int round, int place, int64_t warmup_ns)
{
    if (b->block->job->untimed)
        return;
    struct hrn_message m = { .kind = HRN_MESSAGE_CANARY };
    hrn_canary_look(&b->canary);
    m.of.sample = (struct hrn_sample) { .round = round,
                                        .position = place,
                                        .calls = 1,
                                        .time_ns = b->canary.last_ns,
                                        .freq_khz = hrn_env_freq_khz(&b->env),
                                        .temp_mc = hrn_env_temp_mc(&b->env),
                                        .migrations = -1,
                                        .context_switches = -1,
                                        .warmup_ns = warmup_ns };
    hrn_message_send(b->message_fd, &m);
    b->visits = 0;
}

/* Until the governor has seen that there is work. How long that took. */
static int64_t warm_core(struct bench *b)
{
    int64_t begin = hrn_now_ns(), until = begin + b->block->job->process_warmup_ns;
    while (hrn_now_ns() < until)
        hrn_canary_look(&b->canary);
    return hrn_now_ns() - begin;
}

/* ---- Rounds */

static void visit(struct bench *b, size_t position, int round, int place)
{
    struct subject *s = &b->subject[position];
    struct hrn_message m = { .kind = HRN_MESSAGE_BEGIN, .variant = position };
    hrn_message_send(b->message_fd, &m);
    prepare(b, s);
    int64_t begin = hrn_now_ns();
    if (s->calls == 0 && b->block->job->untimed)
        s->calls = 1;
    else if (s->calls == 0)
        calibrate(b, s);
    else /* not timed: what the last variant left in the caches goes */
        batch(b, s, s->calls / 4 + 1);
    m.kind = HRN_MESSAGE_SAMPLE;
    m.of.sample = (struct hrn_sample) { .round = round,
                                        .position = place,
                                        .warmup_ns = hrn_now_ns() - begin };
    for (int attempt = 1; !m.last; attempt++) {
        sample(b, s, &m);
        m.last = m.of.sample.outcome == HRN_OK || attempt == ATTEMPTS || *b->block->stop;
        hrn_message_send(b->message_fd, &m);
        m.of.sample.warmup_ns = 0;
        if (!m.last && b->drift > HRN_CANARY_VOID)
            pause_a_little();
    }
    if (m.of.sample.outcome == HRN_VOID && b->drift > HRN_CANARY_VOID)
        hrn_canary_accept(&b->canary); /* it stays slow: that is its speed now */
    if (++b->visits == CANARY_VISITS)
        record_canary(b, round, place, 0);
}

struct place {
    uint64_t key;
    size_t position;
};

static int by_key(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* The order hangs on seed, round and the host's index alone: it is the same whoever else is still
 * alive, and after a restart. */
static size_t shuffle(const struct hrn_job *job, int round, struct place *order)
{
    size_t count = 0;
    for (size_t i = 0; i < job->count; i++) {
        const struct hrn_job_variant *v = &job->variants[i];
        uint64_t state = job->seed + (uint64_t)round;
        state = hrn_random(&state) + v->index;
        if (!v->dead)
            order[count++] = (struct place) { hrn_random(&state), i };
    }
    qsort(order, count, sizeof *order, by_key);
    return count;
}

static void run_rounds(struct bench *b, struct place *order)
{
    const struct hrn_job *job = b->block->job;
    for (int round = job->first_round; round < job->first_round + job->rounds; round++) {
        size_t count = shuffle(job, round, order);
        for (size_t i = 0; i < count && !*b->block->stop; i++)
            if (job->variants[order[i].position].from_round <= round)
                visit(b, order[i].position, round, (int)i);
    }
}

/* One CPU for itself where that is allowed; ordinary priority elsewhere. */
static void claim_cpu(struct bench *b)
{
    cpu_set_t set;
    hrn_env_pin(b->block->cpu);
    b->pinned = sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
    setpriority(PRIO_PROCESS, 0, -20);
}

void hrn_measure(struct hrn_block *block, int message_fd)
{
    const struct hrn_job *job = block->job;
    struct bench b = { .block = block, .message_fd = message_fd };
    struct place *order = calloc(job->count + 1, sizeof *order);
    b.subject = calloc(job->count + 1, sizeof *b.subject);
    b.resident_left = resident_bytes();
    claim_cpu(&b);
    hrn_env_open(&b.env, "", block->cpu);
    if (order && b.subject && hrn_case_make_inputs(&job->problem, job->seed, &b.data) == 0 &&
        set_up(&b) == 0) {
        measure_overhead(&b);
        hrn_canary_open(&b.canary);
        record_canary(&b, job->first_round, 0, warm_core(&b));
        hrn_counts_open(&b.counts, job, block->cpu);
        measure_counting(&b);
        run_rounds(&b, order);
        _exit(0);
    }
    _exit(ENOMEM);
}
