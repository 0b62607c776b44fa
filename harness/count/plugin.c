/* The TCG plugin: counts executed AArch64 instructions by class, per symbol, and answers the runner
 * in the same process (count.h). Loaded by qemu-aarch64 -plugin; device/qemu.c sees to it.
 *
 * Counting costs little: at translation the instructions of a block are summed per symbol, and at
 * execution each sum is added once. User-mode blocks are left in their middle by faults only, and
 * what faults is never counted. */
#include "harness/count/count.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/count/plugin_api.h"

#define BUCKETS 1024
#define RET 0xd65f03c0u
#define EXPORT __attribute__((visibility("default")))

struct symbol {
    char *name;
    uint64_t count[HRN_COUNT_COUNT];
    struct symbol *next;
};
static struct symbol *buckets[BUCKETS];

static struct symbol *symbol_of(const char *name)
{
    unsigned hash = 5381;
    name = name ? name : "";
    for (const char *c = name; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    struct symbol **bucket = &buckets[hash % BUCKETS], *s = *bucket;
    while (s && strcmp(s->name, name))
        s = s->next;
    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (!s || !(s->name = strdup(name)))
        abort(); /* QEMU does the same */
    s->next = *bucket;
    return *bucket = s;
}

/* ---- at the marks */

static void begin(unsigned vcpu, void *user)
{
    (void)vcpu, (void)user;
    for (int i = 0; i < BUCKETS; i++)
        for (struct symbol *s = buckets[i]; s; s = s->next)
            memset(s->count, 0, sizeof s->count);
}

/* The compiler may split a function: parts are called NAME.cold and the like. */
static int is_of_kernel(const char *symbol, const char *kernel)
{
    size_t length = strlen(kernel);
    return length && strncmp(symbol, kernel, length) == 0 &&
           (symbol[length] == '\0' || symbol[length] == '.');
}

static void end(unsigned vcpu, void *user)
{
    struct hrn_count_reply reply = { .whole = { 0 } };
    char kernel[HRN_COUNT_NAME_MAX];
    ssize_t got = recv(HRN_COUNT_FD, kernel, sizeof kernel - 1, MSG_DONTWAIT);
    (void)vcpu, (void)user;
    if (got < 0)
        return; /* nobody has asked */
    kernel[got] = '\0';
    for (int i = 0; i < BUCKETS; i++)
        for (struct symbol *s = buckets[i]; s; s = s->next)
            for (int c = 0; c < HRN_COUNT_COUNT; c++) {
                reply.whole[c] += s->count[c];
                reply.kernel[c] += is_of_kernel(s->name, kernel) ? s->count[c] : 0;
            }
    (void)!send(HRN_COUNT_FD, &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static const struct {
    const char *symbol;
    qemu_plugin_vcpu_udata_cb_t *act;
} marks[] = { { HRN_COUNT_BEGIN, begin }, { HRN_COUNT_END, end } };

/* ---- at translation */

/* Instructions of one symbol in a row. */
struct group {
    struct qemu_plugin_insn *first;
    struct symbol *symbol;
    uint64_t count[HRN_COUNT_COUNT];
};

static void flush(const struct group *g)
{
    for (int c = 0; g->first && c < HRN_COUNT_COUNT; c++)
        if (g->count[c])
            qemu_plugin_register_vcpu_insn_exec_inline(g->first, QEMU_PLUGIN_INLINE_ADD_U64,
                                                       &g->symbol->count[c], g->count[c]);
}

static void add(struct group *g, uint32_t word)
{
    struct hrn_count_class class = hrn_a64_class(word);
    g->count[HRN_COUNT_INSN]++;
    if (class.class != HRN_COUNT_INSN)
        g->count[class.class]++;
    g->count[HRN_COUNT_MAC] += class.macs;
}

/* A mark acts where its function returns, so that nothing of it but that is counted. */
static void mark(struct qemu_plugin_insn *insn, const struct symbol *symbol, uint32_t word)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (word == RET && strcmp(symbol->name, marks[i].symbol) == 0)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, marks[i].act, QEMU_PLUGIN_CB_NO_REGS,
                                                   NULL);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    struct group group = { .first = NULL };
    size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct symbol *symbol = symbol_of(qemu_plugin_insn_symbol(insn));
        uint32_t word = 0;
        if (qemu_plugin_insn_size(insn) == sizeof word)
            memcpy(&word, qemu_plugin_insn_data(insn), sizeof word);
        if (symbol != group.symbol) {
            flush(&group);
            group = (struct group) { .first = insn, .symbol = symbol };
        }
        add(&group, word);
        mark(insn, symbol, word);
    }
    flush(&group);
}

EXPORT int qemu_plugin_version = 1;

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc,
                               char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
