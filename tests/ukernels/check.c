/* Proves every kernel of the linked registry that this CPU can run; see check.h. The last line says
 * how many were proved, and how many the CPU has not the level for. */
#include "tests/ukernels/check.h"

#include "harness/runner/trap_x86.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const struct krn_kernel check_kernels[];
extern const size_t check_kernels_count;

int cases_run;
char current_case[160];
static uint64_t random_state;
static int failures;
static const char *current_kernel = "";

/* splitmix64 */
uint64_t random_next(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int random_below(int n)
{
    return (int)(random_next() % (uint64_t)n);
}

int8_t random_activation(int extreme)
{
    static const int8_t edge[] = { -128, -128, -128, 127, -127, 0, -1, 1 };
    return extreme ? edge[random_below(8)] : (int8_t)(random_below(256) - 128);
}

int8_t random_weight(int extreme)
{
    static const int8_t edge[] = { -127, -127, 127, 127, 127, 0, -1, 1 };
    return extreme ? edge[random_below(8)] : (int8_t)(random_below(255) - 127);
}

int32_t random_bias(int extreme)
{
    static const int32_t edge[] = { INT32_MAX, INT32_MIN, INT32_MAX - 70000, INT32_MIN + 70000 };
    return extreme ? edge[random_below(4)] : random_below(200001) - 100000;
}

float random_scale(void)
{
    static const float scales[] = { 1e-8f, 2e-5f, 4e-4f, 1.5e-3f, 0.25f, 0.5f, 1.0f };
    return scales[random_below(7)];
}

struct krn_out random_out(void)
{
    struct krn_out out = { .zp = random_below(256) - 128, .lo = -128, .hi = 127 };
    if (random_below(2)) {
        out.lo = random_below(128) - 128;
        out.hi = random_below(128);
    }
    out.lo_f = (float)(out.lo - out.zp);
    out.hi_f = (float)(out.hi - out.zp);
    out.span = out.hi - out.zp;
    return out;
}

void rectify(struct krn_out *out)
{
    out->lo = out->zp;
    if (out->hi < out->lo)
        out->hi = out->lo + random_below(128 - out->lo);
    out->lo_f = 0;
    out->hi_f = (float)(out->hi - out->zp);
    out->span = out->hi - out->zp;
}

void make_full(struct krn_out *out)
{
    *out = (struct krn_out) { .zp = 2 * (random_below(128) - 64), .lo = -128, .hi = 127 };
    out->lo_f = (float)(out->lo - out->zp);
    out->hi_f = (float)(out->hi - out->zp);
    out->span = out->hi - out->zp;
}

/* Extreme: as near to the ends of the range as 25 products allow. */
int32_t random_quick_bias(int extreme)
{
    int32_t edge = (1 << 23) - 1 - 25 * 127 * 128;
    return extreme ? (random_below(2) ? edge : -edge) : random_below(200001) - 100000;
}

int8_t expected_byte(int32_t acc, float scale, const struct krn_out *out)
{
    double y = nearbyint((double)((float)acc * scale)) + out->zp;
    return (int8_t)(y < out->lo ? out->lo : y > out->hi ? out->hi : y);
}

struct arena arena_open(int slots, unsigned char fill)
{
    /* slot: one page of memory, one that nobody may touch; a guard in front of the first */
    size_t bytes = (size_t)(2 * slots + 1) * ARENA_PAGE;
    unsigned char *map = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || sysconf(_SC_PAGESIZE) != ARENA_PAGE) {
        printf("no memory, or no pages of %d bytes\n", ARENA_PAGE);
        exit(77);
    }
    for (int i = 0; i < slots; i++) {
        unsigned char *page = map + (size_t)(2 * i + 1) * ARENA_PAGE;
        if (mprotect(page, ARENA_PAGE, PROT_READ | PROT_WRITE)) {
            perror("mprotect");
            exit(1);
        }
        memset(page, fill, ARENA_PAGE);
    }
    return (struct arena) { map, slots };
}

/* What is longer than a page gets a run of pages of its own, between guards as well. */
static unsigned char *long_row(int64_t bytes, int at_end)
{
    enum { RUN = 64 * ARENA_PAGE };
    static unsigned char *map[4];
    static int next;
    unsigned char **run = &map[next++ % 4]; /* no case needs more of them at once */
    if (!*run) {
        *run = mmap(NULL, RUN + 2 * ARENA_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (*run == MAP_FAILED || mprotect(*run + ARENA_PAGE, RUN, PROT_READ | PROT_WRITE)) {
            perror("mmap");
            exit(1);
        }
    }
    if (bytes > RUN)
        abort();
    return *run + ARENA_PAGE + (at_end ? RUN - bytes : 0);
}

unsigned char *arena_row(const struct arena *a, int slot, int64_t bytes, int at_end)
{
    if (slot >= a->slots)
        abort();
    if (bytes > ARENA_PAGE)
        return long_row(bytes, at_end);
    unsigned char *page = a->map + (size_t)(2 * slot + 1) * ARENA_PAGE;
    return page + (at_end ? ARENA_PAGE - bytes : 0);
}

void failed(const struct krn_kernel *kernel, const char *format, ...)
{
    va_list args;
    if (failures++ >= 20)
        return;
    printf("%s, %s: ", kernel->name, current_case);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
}

static void crashed(int number, siginfo_t *info, void *context)
{
    char line[400];
    (void)context;
    int length = snprintf(line, sizeof(line), "%s, %s: signal %d at %p\n", current_kernel,
                          current_case, number, info->si_addr);
    if (write(1, line, (size_t)length) != length)
        _exit(3);
    _exit(1);
}

static void check_peak(const struct krn_kernel *kernel)
{
    struct krn_peak_args args = { .iterations = 3 };
    snprintf(current_case, sizeof(current_case), "peak");
    const char *changed = abi_call(kernel->fn, &args);
    if (changed)
        failed(kernel, "%s not preserved", changed);
    cases_run++;
}

/* What can run here: on this CPU, or in software where it lacks AVX-512 or AVX-VNNI. With `byte`,
 * AVX-512 is emulated on any CPU, see hrn_trap_replace(). */
static uint32_t runnable(int byte)
{
    const uint32_t trapped = 1u << KRN_ISA_AVX512VNNI | 1u << KRN_ISA_AVXVNNI;
    uint32_t isas = krn_cpu_isas();
    if (byte) {
        hrn_trap_replace((uint8_t)byte);
        isas &= ~(1u << KRN_ISA_AVX512VNNI);
    }
    uint32_t missing = trapped & ~isas;
    if (missing && hrn_trap_install(missing) == 0)
        isas |= missing;
    return isas;
}

int main(int argc, char **argv)
{
    static void (*const checks[KRN_FAMILY_COUNT])(const struct krn_kernel *) = {
        [KRN_FAMILY_GEMM] = check_gemm,     [KRN_FAMILY_IGEMM] = check_gemm,
        [KRN_FAMILY_DW] = check_dw,         [KRN_FAMILY_DWC] = check_dw,
        [KRN_FAMILY_WINO] = check_wino,     [KRN_FAMILY_DIRECT] = check_direct,
        [KRN_FAMILY_DWROWS] = check_dwrows, [KRN_FAMILY_PEAK] = check_peak,
    };
    struct sigaction action = { .sa_sigaction = crashed, .sa_flags = SA_SIGINFO };
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
    int proved = 0, without = 0;
    for (int i = 0; i < 4; i++)
        sigaction(signals[i], &action, NULL);
    uint32_t isas = runnable(argc > 2 ? (int)strtol(argv[2], NULL, 0) : 0);
    random_state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    for (size_t i = 0; i < check_kernels_count; i++) {
        const struct krn_kernel *kernel = &check_kernels[i];
        if (!(isas & 1u << kernel->isa)) {
            without++;
            continue;
        }
        current_kernel = kernel->name;
        checks[kernel->family](kernel);
        proved++;
    }
    printf("%d proved, %d without the level, %d cases, %d failures\n", proved, without, cases_run,
           failures);
    return failures != 0;
}
