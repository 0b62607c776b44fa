/* The emulator of AVX-512 and AVX-VNNI, instruction by instruction: against AVX2 on the real CPU
 * where it has the same instruction, else against plain C. On a CPU that has AVX-512 nothing is
 * emulated and the same snippets check the expectations. */
#include "harness/runner/trap_x86.h"

#include "tests/t.h"

#if defined(__x86_64__)

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/cpu.h"

struct snippet_args {
    _Alignas(64) uint8_t a[64];
    uint8_t b[64], old[64], out[64];
    uint64_t mask, general;
};
typedef void snippet_fn(struct snippet_args *);
typedef void snippet_at_fn(struct snippet_args *, void *at);

enum { KEPT = 1, ROUNDS = 12 };

static struct snippet_args args;
static uint64_t state;

static uint64_t next_random(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fill_bytes(uint8_t *v, int extreme)
{
    static const uint8_t extremes[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe };
    for (int i = 0; i < 64; i++)
        v[i] = extreme ? extremes[next_random() % 6] : (uint8_t)next_random();
}

/* Numbers, no NaN; halves and what does not fit 32 bits among them. */
static void fill_floats(uint8_t *v)
{
    static const float scales[] = { 0.5f, 1.0f, 1e-3f, 1e5f, 3e9f, 0.0f, 1e30f, 1e-40f };
    for (int i = 0; i < 16; i++) {
        float f = (float)(int16_t)next_random() * scales[next_random() % 8];
        memcpy(v + 4 * i, &f, 4);
    }
}

static void fill_args(int round, int floats)
{
    uint8_t *const vectors[] = { args.a, args.b, args.old };
    for (int i = 0; i < 3; i++) {
        if (floats)
            fill_floats(vectors[i]);
        else
            fill_bytes(vectors[i], round & 1);
    }
    memset(args.out, 0xee, sizeof args.out);
    args.mask = next_random();
    args.general = next_random();
}

static void check_bytes(const uint8_t *want, const char *name, const char *form)
{
    if (!T_CHECK(memcmp(args.out, want, 64) == 0)) {
        int at = 0;
        while (args.out[at] == want[at])
            at++;
        printf("  %s, %s: byte %d is 0x%02x, not 0x%02x\n", name, form, at, args.out[at], want[at]);
    }
}

/* ---- what AVX2 has not, in C; on args, 64 bytes to args.out */

static uint64_t get(const uint8_t *v, int bytes, int i)
{
    uint64_t x = 0;
    memcpy(&x, v + i * bytes, (size_t)bytes);
    return x;
}

static void set(int bytes, int i, uint64_t x)
{
    memcpy(args.out + i * bytes, &x, (size_t)bytes);
}

static int64_t saturate(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static void dot_bytes(int saturating)
{
    for (int i = 0; i < 16; i++) {
        int64_t sum = (int32_t)get(args.old, 4, i);
        for (int j = 4 * i; j < 4 * i + 4; j++)
            sum += args.a[j] * (int8_t)args.b[j];
        set(4, i, (uint64_t)(saturating ? saturate(sum, INT32_MIN, INT32_MAX) : sum));
    }
}

static void dot_words(int saturating)
{
    for (int i = 0; i < 16; i++) {
        int64_t sum = (int32_t)get(args.old, 4, i);
        for (int j = 2 * i; j < 2 * i + 2; j++)
            sum += (int64_t)(int16_t)get(args.a, 2, j) * (int16_t)get(args.b, 2, j);
        set(4, i, (uint64_t)(saturating ? saturate(sum, INT32_MIN, INT32_MAX) : sum));
    }
}

static void full_vpdpbusd(struct snippet_args *unused)
{
    (void)unused;
    dot_bytes(0);
}

static void full_vpdpbusds(struct snippet_args *unused)
{
    (void)unused;
    dot_bytes(1);
}

static void full_vpdpwssd(struct snippet_args *unused)
{
    (void)unused;
    dot_words(0);
}

static void full_vpdpwssds(struct snippet_args *unused)
{
    (void)unused;
    dot_words(1);
}

static void permute(int bytes)
{
    for (int i = 0; i < 64 / bytes; i++)
        set(bytes, i, get(args.b, bytes, (int)(get(args.a, bytes, i) % (unsigned)(64 / bytes))));
}

static void permute_two(int bytes, const uint8_t *index, const uint8_t *first)
{
    const int count = 64 / bytes;
    for (int i = 0; i < count; i++) {
        const int at = (int)(get(index, bytes, i) % (unsigned)(2 * count));
        set(bytes, i, at < count ? get(first, bytes, at) : get(args.b, bytes, at - count));
    }
}

static void full_vpermb(struct snippet_args *unused)
{
    (void)unused;
    permute(1);
}

static void full_vpermw(struct snippet_args *unused)
{
    (void)unused;
    permute(2);
}

static void full_vpermd(struct snippet_args *unused)
{
    (void)unused;
    permute(4);
}

static void full_vpermq(struct snippet_args *unused)
{
    (void)unused;
    permute(8);
}

static void full_vpermt2d(struct snippet_args *io)
{
    permute_two(4, io->a, io->old);
}

static void full_vpermt2w(struct snippet_args *io)
{
    permute_two(2, io->a, io->old);
}

static void full_vpermi2d(struct snippet_args *io)
{
    permute_two(4, io->old, io->a);
}

static void full_vpermi2b(struct snippet_args *io)
{
    permute_two(1, io->old, io->a);
}

static void full_vpternlogd(struct snippet_args *io)
{
    for (int i = 0; i < 512; i++) {
        const int byte = i / 8, bit = i % 8;
        const int index = (io->old[byte] >> bit & 1) << 2 | (io->a[byte] >> bit & 1) << 1 |
                          (io->b[byte] >> bit & 1);
        if (bit == 0)
            io->out[byte] = 0;
        io->out[byte] |= (uint8_t)((0x53 >> index & 1) << bit);
    }
}

static void full_vpternlogq(struct snippet_args *io)
{
    full_vpternlogd(io);
}

static void align(int bytes)
{
    const int count = 64 / bytes, shift = 0x53 % count;
    for (int i = 0; i < count; i++)
        set(bytes, i,
            i + shift < count ? get(args.b, bytes, i + shift)
                              : get(args.a, bytes, i + shift - count));
}

static void full_valignd(struct snippet_args *unused)
{
    (void)unused;
    align(4);
}

static void full_valignq(struct snippet_args *unused)
{
    (void)unused;
    align(8);
}

static void full_vshufi32x4(struct snippet_args *io) /* 0x53: lanes 3, 0 of a; 1, 1 of b */
{
    memcpy(io->out, io->a + 48, 16);
    memcpy(io->out + 16, io->a, 16);
    memcpy(io->out + 32, io->b + 16, 16);
    memcpy(io->out + 48, io->b + 16, 16);
}

static void full_vshufi64x2(struct snippet_args *io)
{
    full_vshufi32x4(io);
}

#include "tests/trap_tables.inc"

snippet_fn compare_b, compare_w, compare_d, compare_ub, compare_uw, compare_ud, test_b, test_d;
snippet_fn unknown, misaligned, rounding, rip_relative;
snippet_fn vex_vpdpbusd, vex_vpdpbusds, vex_vpdpwssd, vex_vpdpwssds;
snippet_at_fn masked_read, masked_write, broadcast_read;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- checks */

static void merge(const uint8_t *full, int element, int zeroing, uint8_t *want)
{
    const size_t step = (size_t)element;
    memcpy(want, args.old, 64);
    for (int i = 0; i < 64 / element; i++) {
        if (args.mask >> i & 1)
            memcpy(want + i * element, full + i * element, step);
        else if (zeroing)
            memset(want + i * element, 0, step);
    }
}

static void run_form(snippet_fn *fn, const uint8_t *full, int bytes, const char *name,
                     const char *form)
{
    uint8_t want[64] = { 0 };
    if (!fn)
        return;
    memcpy(want, full, (size_t)bytes);
    fn(&args);
    check_bytes(want, name, form);
}

static void check_broadcast(const struct forms *f)
{
    uint8_t full[64], b[64];
    if (!f->broadcast)
        return;
    memcpy(b, args.b, 64);
    for (int i = f->broadcast; i < 64; i++)
        args.b[i] = args.b[i - f->broadcast];
    f->full(&args);
    memcpy(full, args.out, 64);
    memcpy(args.b + f->broadcast, b + f->broadcast,
           (size_t)(64 - f->broadcast)); /* only the first is read */
    run_form(f->bcast, full, 64, f->name, "{1toN}");
    memcpy(args.b, b, 64);
}

static void check_forms(const struct forms *f)
{
    const int is_float = f->name[1] != 'p';
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t full[64], want[64];
        fill_args(round, is_float);
        f->full(&args);
        memcpy(full, args.out, 64);
        run_form(f->whole, full, 64, f->name, "zmm");
        run_form(f->half, full, 32, f->name, "ymm");
        run_form(f->quarter, full, 16, f->name, "xmm");
        run_form(f->memory, full, 64, f->name, "memory");
        merge(full, f->element, 0, want);
        run_form(f->mask, want, 64, f->name, "{k}");
        merge(full, f->element, 1, want);
        run_form(f->zero, want, 64, f->name, "memory {k}{z}");
        check_broadcast(f);
    }
}

static uint64_t narrowed(const struct narrow *n, int i)
{
    const uint64_t x = get(args.b, n->source, i);
    const int64_t s = (int64_t)(x << (64 - 8 * n->source)) >> (64 - 8 * n->source);
    const int64_t hi = (INT64_C(1) << (8 * n->element - 1)) - 1;
    if (n->name[5] == 's')
        return (uint64_t)saturate(s, -hi - 1, hi);
    if (n->name[5] == 'u')
        return (uint64_t)saturate((int64_t)x, 0, 2 * hi + 1);
    return x;
}

static void check_narrow(const struct narrow *n)
{
    const int count = 64 / n->source;
    const size_t step = (size_t)n->element, bytes = (size_t)(count * n->element);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t full[64] = { 0 }, merged[64] = { 0 }, zeroed[64] = { 0 }, kept[64], kept_masked[64];
        fill_args(round, 0);
        memset(kept, 0xee, 64);
        memset(kept_masked, 0xee, 64);
        for (int i = 0; i < count; i++) {
            const uint64_t x = narrowed(n, i);
            const int chosen = args.mask >> i & 1;
            memcpy(full + i * n->element, &x, step);
            memcpy(merged + i * n->element,
                   chosen ? (const uint8_t *)&x : args.old + i * n->element, step);
            if (chosen) {
                memcpy(zeroed + i * n->element, &x, step);
                memcpy(kept_masked + i * n->element, &x, step);
            }
        }
        memcpy(kept, full, bytes);
        run_form(n->whole, full, 64, n->name, "register");
        run_form(n->mask, merged, 64, n->name, "{k}");
        run_form(n->zero, zeroed, 64, n->name, "{k}{z}");
        memset(args.out, 0xee, 64);
        run_form(n->memory, kept, 64, n->name, "memory");
        memset(args.out, 0xee, 64);
        run_form(n->memory_mask, kept_masked, 64, n->name, "memory {k}");
    }
}

static void check_place(const struct place *p)
{
    for (int round = 0; round < 3; round++) {
        uint8_t want[64];
        fill_args(round, 0);
        memset(want, p->rest == KEPT ? 0xee : 0, sizeof want);
        for (int i = 0; i < p->repeat; i++)
            memcpy(want + i * p->count, (const uint8_t *)&args + p->offset, (size_t)p->count);
        run_form(p->fn, want, 64, p->name, "");
    }
}

static void check_insertion(const struct insertion *n)
{
    uint8_t want[64];
    fill_args(0, 0);
    memcpy(want, args.a, 64);
    memcpy(want + n->offset, args.b, (size_t)n->count);
    run_form(n->fn, want, 64, n->name, "");
}

static void check_mask_result(snippet_fn *fn, uint64_t want, const char *name)
{
    fn(&args);
    if (!T_CHECK(get(args.out, 8, 0) == want))
        printf("  %s: 0x%llx, not 0x%llx\n", name, (unsigned long long)get(args.out, 8, 0),
               (unsigned long long)want);
}

static void check_comparisons(void)
{
    fill_args(1, 0);
    uint64_t lt_b = 0, le_w = 0, gt_d = 0, ge_ub = 0, ne_uw = 0, lt_ud = 0, and_b = 0, and_d = 0;
    memcpy(args.b + 8, args.a + 8, 8); /* some equal */
    for (int i = 0; i < 64; i++) {
        lt_b |= (uint64_t)((int8_t)args.a[i] < (int8_t)args.b[i]) << i;
        ge_ub |= (uint64_t)(args.a[i] >= args.b[i]) << i;
        and_b |= (uint64_t)((args.a[i] & args.b[i]) != 0) << i;
    }
    for (int i = 0; i < 32; i++) {
        le_w |= (uint64_t)((int16_t)get(args.a, 2, i) <= (int16_t)get(args.b, 2, i)) << i;
        ne_uw |= (uint64_t)(get(args.a, 2, i) != get(args.b, 2, i)) << i;
    }
    for (int i = 0; i < 16; i++) {
        gt_d |= (uint64_t)((int32_t)get(args.a, 4, i) > (int32_t)get(args.b, 4, i)) << i;
        lt_ud |= (uint64_t)(get(args.a, 4, i) < get(args.b, 4, 0)) << i;
        and_d |= (uint64_t)((get(args.a, 4, i) & get(args.b, 4, i)) != 0 && i < 8) << i;
    }
    check_mask_result(compare_b, lt_b, "vpcmpb");
    check_mask_result(compare_w, le_w, "vpcmpw");
    check_mask_result(compare_d, gt_d & args.mask, "vpcmpd");
    check_mask_result(compare_ub, ge_ub, "vpcmpub");
    check_mask_result(compare_uw, ne_uw, "vpcmpuw");
    check_mask_result(compare_ud, lt_ud, "vpcmpud");
    check_mask_result(test_b, and_b, "vptestmb");
    check_mask_result(test_d, and_d, "vptestmd");
}

static void check_specials(void)
{
    uint8_t want[64];
    fill_args(0, 1);
    for (const struct forms *f = all_forms; f < all_forms + COUNT(all_forms); f++)
        if (strcmp(f->name, "vcvtps2dq") == 0)
            f->full(&args);
    memcpy(want, args.out, 64);
    run_form(rounding, want, 64, "vcvtps2dq", "{rn-sae}");
    for (int i = 0; i < 64; i++)
        want[i] = i % 4 == 0 ? 2 : 0;
    run_form(rip_relative, want, 64, "vpternlogd", "relative to rip");
}

/* Elements that the mask leaves out may lie beyond the end of memory. */
static void check_page_end(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t want[64];
    if (!T_CHECK(at != MAP_FAILED) || !T_CHECK(mprotect(at + page, page, PROT_NONE) == 0))
        return;
    for (size_t n = 0; n <= 8; n++) {
        fill_args(0, 0);
        args.mask = (UINT64_C(1) << n) - 1;
        memset(want, 0, sizeof want);
        memcpy(at + page - n, args.b, n);
        memcpy(want, args.b, n);
        masked_read(&args, at + page - n);
        check_bytes(want, "vmovdqu8", "up to the end of a page");
        memset(at + page - 16, 0x11, 16);
        masked_write(&args, at + page - n);
        T_CHECK(memcmp(at + page - n, args.b, n) == 0 && at[page - n - 1] == 0x11);
    }
    fill_args(0, 0);
    memcpy(at + page - 4, args.b, 4);
    for (int i = 0; i < 64; i++)
        args.b[i] = args.old[i] = args.b[i % 4];
    full_vpdpbusd(&args);
    memcpy(want, args.out, sizeof want);
    broadcast_read(&args, at + page - 4);
    check_bytes(want, "vpdpbusd", "{1to16} at the end of a page");
    munmap(at, 2 * page);
}

static void check_vex_vnni(void)
{
    static const struct {
        const char *name;
        snippet_fn *fn, *full;
    } rows[] = {
        { "vpdpbusd", vex_vpdpbusd, full_vpdpbusd },
        { "vpdpbusds", vex_vpdpbusds, full_vpdpbusds },
        { "vpdpwssd", vex_vpdpwssd, full_vpdpwssd },
        { "vpdpwssds", vex_vpdpwssds, full_vpdpwssds },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int round = 0; round < ROUNDS; round++) {
            uint8_t want[64];
            fill_args(round, 0);
            rows[i].full(&args);
            memcpy(want, args.out, 64);
            run_form(rows[i].fn, want, 64, rows[i].name, "VEX");
        }
}

/* What it does not know stays an illegal instruction, and kills. */
static void check_refused(snippet_fn *fn)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        fn(&args);
        _exit(0);
    }
    T_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
}

static void check_avx512(void)
{
    for (size_t i = 0; i < COUNT(all_forms); i++)
        check_forms(&all_forms[i]);
    for (size_t i = 0; i < COUNT(narrows); i++)
        check_narrow(&narrows[i]);
    for (size_t i = 0; i < COUNT(places); i++)
        check_place(&places[i]);
    for (size_t i = 0; i < COUNT(insertions); i++)
        check_insertion(&insertions[i]);
    check_comparisons();
    check_specials();
    check_page_end();
}

int main(int argc, char **argv)
{
    static const uint32_t wanted = 1u << KRN_ISA_AVX512VNNI | 1u << KRN_ISA_AVXVNNI;
    static char handler_stack[1 << 17]; /* one snippet points rsp elsewhere */
    const stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof handler_stack };
    t_begin(argc, argv);
    T_CHECK(sigaltstack(&stack, NULL) == 0);
    state = t_seed;
    const uint32_t missing = wanted & ~krn_cpu_isas();
    if (missing && hrn_trap_install(missing) != 0) {
        printf("skipped: this CPU has no AVX2, or only a part of AVX-512\n");
        return 77;
    }
    check_avx512();
    check_vex_vnni();
    if (missing & 1u << KRN_ISA_AVX512VNNI) {
        check_refused(unknown);
        check_refused(misaligned);
    }
    printf("%llu instructions in software\n", (unsigned long long)hrn_trap_count());
    T_CHECK((hrn_trap_count() > 0) == (missing != 0));
    return t_end();
}

#else

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    T_CHECK(hrn_trap_install(~0u) != 0);
    printf("skipped: not an x86-64\n");
    return t_end() ? 1 : 77;
}

#endif
