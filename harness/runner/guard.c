#include "harness/runner/runner_int.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define GUARD_BYTES ((size_t)256 << 10) /* a stride that is wrong still lands in it */
#define WATCHED_BYTES ((size_t)4096)    /* of canary, checked on each side of the buffer */
#define CANARY 0xc5

const char *const hrn_side_names[HRN_SIDE_COUNT] = {
    [HRN_SIDE_UPPER] = "upper",
    [HRN_SIDE_LOWER] = "lower",
};

static int reserve(struct hrn_guarded *g, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t data = (bytes + page) / page * page;
    if (data <= g->data_bytes)
        return 0;
    if (g->map)
        munmap(g->map, g->map_bytes);
    g->data_bytes = 0;
    g->at = NULL;
    g->map_bytes = data + 2 * GUARD_BYTES;
    g->map = mmap(NULL, g->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->map == MAP_FAILED) {
        g->map = NULL;
        return -errno;
    }
    if (mprotect(g->map + GUARD_BYTES, data, PROT_READ | PROT_WRITE) < 0)
        return -errno;
    g->data_bytes = data;
    return 0;
}

/* The canary on either side: [low, at) and [at + bytes, high). */
static void watched(const struct hrn_guarded *g, uint8_t **low, uint8_t **high)
{
    uint8_t *begin = g->map + GUARD_BYTES, *end = begin + g->data_bytes;
    *low = (size_t)(g->at - begin) > WATCHED_BYTES ? g->at - WATCHED_BYTES : begin;
    *high =
        (size_t)(end - g->at) - g->bytes > WATCHED_BYTES ? g->at + g->bytes + WATCHED_BYTES : end;
}

int hrn_guard_place(struct hrn_guarded *g, size_t bytes, size_t align, enum hrn_side side)
{
    uint8_t *low, *high;
    int error = reserve(g, bytes);
    if (error < 0)
        return error;
    size_t offset = side == HRN_SIDE_LOWER ? 0 : (g->data_bytes - bytes) / align * align;
    uint8_t *at = g->map + GUARD_BYTES + offset;
    if (at == g->at && bytes == g->bytes)
        return 0; /* the canary is there, and was found whole: damage ends the process */
    g->at = at;
    g->bytes = bytes;
    watched(g, &low, &high);
    memset(low, CANARY, (size_t)(g->at - low));
    memset(g->at + bytes, CANARY, (size_t)(high - g->at) - bytes);
    return 0;
}

/* Equal to itself one byte on, and the first byte is right: all are. */
static int is_canary(const uint8_t *at, size_t bytes)
{
    return bytes == 0 || (*at == CANARY && memcmp(at, at + 1, bytes - 1) == 0);
}

ptrdiff_t hrn_guard_damage(const struct hrn_guarded *g)
{
    uint8_t *low, *high;
    watched(g, &low, &high);
    if (is_canary(low, (size_t)(g->at - low)) &&
        is_canary(g->at + g->bytes, (size_t)(high - g->at) - g->bytes))
        return 0;
    for (const uint8_t *p = g->at + g->bytes; p < high; p++)
        if (*p != CANARY)
            return p - g->at;
    for (const uint8_t *p = g->at - 1; p >= low; p--)
        if (*p != CANARY)
            return p - g->at;
    return 0;
}

/* For the handler, which gets no argument. */
static struct {
    const struct hrn_guarded *all;
    size_t count;
    struct hrn_proof *proof;
    void (*describe)(void);
    int message_fd;
} watch;

static const char *access_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return context->uc_mcontext.gregs[REG_ERR] & 2 ? "wrote" : "read";
#else
    (void)context;
    return "touched";
#endif
}

static int within(const struct hrn_guarded *g, const uint8_t *fault)
{
    return g->map && fault >= g->map && fault < g->map + g->map_bytes;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const uint8_t *fault = info->si_addr;
    struct hrn_message message = { .kind = HRN_MESSAGE_PROOF };
    for (size_t i = 0; i < watch.count; i++) {
        const struct hrn_guarded *g = &watch.all[i];
        if (!within(g, fault))
            continue;
        const char *how = access_of(context);
        watch.proof->outcome = HRN_WRONG;
        watch.proof->signal = number;
        if (fault < g->at)
            snprintf(watch.proof->detail, sizeof watch.proof->detail,
                     "%s %td bytes before the start of the %s buffer", how, g->at - fault, g->name);
        else
            snprintf(watch.proof->detail, sizeof watch.proof->detail,
                     "%s byte %td of the %s buffer, which has %zu", how, fault - g->at, g->name,
                     g->bytes);
        watch.describe();
        message.of.proof = *watch.proof;
        hrn_message_send(watch.message_fd, &message);
        _exit(0);
    }
    signal(number, SIG_DFL); /* returns to the fault, which now ends the process by its signal */
}

void hrn_guard_watch(const struct hrn_guarded *all, size_t count, struct hrn_proof *proof,
                     void (*describe)(void), int message_fd)
{
    static uint8_t stack[64 << 10]; /* the kernel's own may be what is broken */
    stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    watch.all = all;
    watch.count = count;
    watch.describe = describe;
    watch.proof = proof;
    watch.message_fd = message_fd;
    sigaltstack(&alternative, NULL);
    action.sa_sigaction = on_fault;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}
