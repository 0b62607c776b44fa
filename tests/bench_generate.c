/* How fast the space becomes machine code: every micro-kernel of an ISA level (or the first N) is
 * generated, then generated, assembled and linked into a runner, with a cache that is empty.
 *
 *     bench_generate SOURCE_ROOT [N [LEVEL...]]     default: 10000, and the levels of the host's
 *                                                   architecture and of AArch64 that have assembly
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/build/spawn.h"
#include "tests/t_clock.h"

/* Processor time of this process and of the compilers that it has waited for. */
static double used_s(void)
{
    double sum = 0;
    const int who[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
    for (size_t i = 0; i < 2; i++) {
        struct rusage u;
        getrusage(who[i], &u);
        sum += (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
               1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return sum;
}

/* Distinct micro-kernels: the space has them in rows of the driver's choices. */
static size_t gather(enum krn_isa isa, size_t limit, struct var_variant *out)
{
    char name[VAR_NAME_MAX], last[VAR_NAME_MAX] = "";
    struct var_space space;
    struct var_variant v;
    size_t count = 0;
    var_space_init(&space, 1u << isa, NULL);
    while (count < limit && var_space_next(&space, &v)) {
        var_kernel_name_format(&v, name);
        if (strcmp(name, last))
            out[count++] = v;
        memcpy(last, name, sizeof last);
    }
    return count;
}

static size_t generate(const struct var_variant *v, size_t count)
{
    struct var_text text = { 0 };
    size_t bytes = 0;
    char err[200];
    for (size_t i = 0; i < count; i++) {
        text.length = 0;
        if (var_generate(&v[i], &text, err, sizeof err) == 0)
            bytes += text.length;
    }
    var_text_clear(&text);
    return bytes;
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char file[512];
        snprintf(file, sizeof file, "%s/%.255s", path, e->d_name);
        unlink(file);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int build(const char *root, const struct hrn_toolchain *toolchain,
                 const struct var_variant *v, size_t count)
{
    char cache[] = "/tmp/quern-bench-XXXXXX", path[512], err[600];
    if (!mkdtemp(cache))
        return 1;
    const struct hrn_build_paths paths = { .source_root = root, .cache_dir = cache };
    int rc = hrn_build(toolchain, &paths, HRN_BUILD_RUNNER, v, count, NULL, NULL, path, sizeof path,
                       err, sizeof err);
    if (rc)
        fprintf(stderr, "%s\n", err);
    remove_folder(cache);
    return rc != 0;
}

static int measure(const char *root, enum krn_isa isa, size_t limit)
{
    struct var_variant *v = malloc(limit * sizeof *v);
    struct hrn_toolchain toolchain;
    char err[300];
    if (!v || hrn_toolchain_find(krn_isas[isa].arch, NULL, &toolchain, err, sizeof err)) {
        printf("%-11s %s\n", krn_isas[isa].name, v ? err : "out of memory");
        free(v);
        return 0;
    }
    size_t count = gather(isa, limit, v);
    double begin = t_now_s(), used = used_s();
    size_t bytes = generate(v, count);
    double generated = t_now_s();
    int rc = build(root, &toolchain, v, count);
    double built = t_now_s();
    printf("%-11s %6zu micro-kernels  text %6.1f MB in %5.2f s  all built in %6.2f s "
           "(%.2f s of processor time, %d CPUs)\n",
           krn_isas[isa].name, count, (double)bytes * 1e-6, generated - begin, built - generated,
           used_s() - used, hrn_cpu_count());
    fflush(stdout);
    free(v);
    return rc;
}

int main(int argc, char **argv)
{
    size_t limit = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    int rc = 0;
    if (argc < 2 || limit == 0) {
        fprintf(stderr, "usage: bench_generate SOURCE_ROOT [N [LEVEL...]]\n");
        return 2;
    }
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        int wanted = argc <= 3 && var_language((enum krn_isa)isa) == VAR_LANGUAGE_ASM;
        for (int i = 3; i < argc; i++)
            wanted |= !strcmp(argv[i], krn_isas[isa].name);
        if (wanted)
            rc |= measure(argv[1], (enum krn_isa)isa, limit);
    }
    return rc;
}
