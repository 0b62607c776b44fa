#include "quant/pipeline/team.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Looks at a counter before a worker goes to sleep: some ten microseconds. */
enum { SPINS = 4000 };

struct member {
    struct qnt_team *team;
    pthread_t thread;
    int index;
};

struct qnt_team {
    int size;
    qnt_team_work *work;
    void *user;
    atomic_uint begun;  /* pieces of work so far; workers wait for it to change */
    atomic_int working; /* workers that have not ended this piece */
    atomic_int closing;
    pthread_mutex_t mutex;
    pthread_cond_t begin, end;
    struct member members[QNT_TEAM_MAX];
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Waits until begun differs from `seen`; the new value. */
static unsigned await_begin(struct qnt_team *team, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        unsigned now = atomic_load_explicit(&team->begun, memory_order_acquire);
        if (now != seen)
            return now;
        relax();
    }
    pthread_mutex_lock(&team->mutex);
    while (atomic_load(&team->begun) == seen)
        pthread_cond_wait(&team->begin, &team->mutex);
    pthread_mutex_unlock(&team->mutex);
    return atomic_load(&team->begun);
}

static void await_end(struct qnt_team *team)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&team->working, memory_order_acquire) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&team->mutex);
    while (atomic_load(&team->working) != 0)
        pthread_cond_wait(&team->end, &team->mutex);
    pthread_mutex_unlock(&team->mutex);
}

static void *member_main(void *user)
{
    struct member *m = user;
    struct qnt_team *team = m->team;
    unsigned seen = 0;
    for (;;) {
        seen = await_begin(team, seen);
        if (atomic_load(&team->closing))
            return NULL;
        team->work(m->index, team->user);
        if (atomic_fetch_sub_explicit(&team->working, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&team->mutex);
            pthread_cond_signal(&team->end);
            pthread_mutex_unlock(&team->mutex);
        }
    }
}

static void begin(struct qnt_team *team)
{
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add_explicit(&team->begun, 1, memory_order_release);
    pthread_cond_broadcast(&team->begin);
    pthread_mutex_unlock(&team->mutex);
}

void qnt_team_run(struct qnt_team *team, qnt_team_work *work, void *user)
{
    if (team->size > 1) {
        team->work = work;
        team->user = user;
        atomic_store(&team->working, team->size - 1);
        begin(team);
    }
    work(0, user);
    if (team->size > 1)
        await_end(team);
}

/* A piece is this share of what is left of a worker's part: large ones, then smaller ones, so that
 * none waits long for the last, and one that begins late leaves a little more to the others. */
enum { PIECES = 4 };

struct share {
    qnt_team_part *part;
    void *user;
    int64_t units;
    int workers;
    atomic_llong next[QNT_TEAM_MAX]; /* what is taken of each worker's part, in units from 0 */
};

static int64_t begin_of(const struct share *s, int worker)
{
    return s->units * worker / s->workers;
}

/* 1 and a piece of a part of `size` units, while there is one. */
static int take_piece(atomic_llong *next, int64_t size, int64_t *at, int64_t *end)
{
    long long from = atomic_load(next);
    do {
        if (from >= size)
            return 0;
        *at = from;
        *end = from + (size - from + PIECES - 1) / PIECES;
    } while (!atomic_compare_exchange_weak(next, &from, *end));
    return 1;
}

static void take(int worker, void *user)
{
    struct share *s = user;
    for (int i = 0; i < s->workers; i++) {
        int of = (worker + i) % s->workers;
        int64_t first = begin_of(s, of), size = begin_of(s, of + 1) - first, at, end;
        while (take_piece(&s->next[of], size, &at, &end))
            s->part(worker, first + at, first + end, s->user);
    }
}

void qnt_team_share(struct qnt_team *team, int64_t units, qnt_team_part *part, void *user)
{
    struct share s = { .part = part, .user = user, .units = units, .workers = team->size };
    qnt_team_run(team, take, &s);
}

int qnt_team_size(const struct qnt_team *team)
{
    return team->size;
}

int qnt_team_open(int workers, struct qnt_team **out)
{
    struct qnt_team *team = *out = calloc(1, sizeof *team);
    if (!team)
        return -ENOMEM;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->begin, NULL);
    pthread_cond_init(&team->end, NULL);
    for (team->size = 1; team->size < workers; team->size++) {
        struct member *m = &team->members[team->size];
        *m = (struct member) { .team = team, .index = team->size };
        if (pthread_create(&m->thread, NULL, member_main, m) != 0) {
            qnt_team_close(team);
            *out = NULL;
            return -EAGAIN;
        }
    }
    return 0;
}

void qnt_team_close(struct qnt_team *team)
{
    if (!team)
        return;
    atomic_store(&team->closing, 1);
    begin(team);
    for (int i = 1; i < team->size; i++)
        pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->end);
    pthread_cond_destroy(&team->begin);
    pthread_mutex_destroy(&team->mutex);
    free(team);
}
