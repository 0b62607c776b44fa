/* The build: caches by content, finds the variant that the compiler does not take, and says what is
 * wrong when it cannot build at all. The compilers are real; one that dislikes a certain kernel is
 * a script around the real one. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "kernels/problem.h"
#include "tests/t.h"

static char folder[] = "/tmp/quern-test-build-XXXXXX";
static const char *source_root;

static const char *in_folder(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* The first `count` variants of portable C, and two that differ in a driver knob only. */
static size_t some_variants(struct var_variant *out, size_t count)
{
    struct var_space space;
    size_t n = 0;
    var_space_init(&space, 1u << KRN_ISA_C, NULL);
    while (n < count && var_space_next(&space, &out[n]))
        n++;
    return n;
}

struct refusals {
    int count;
    char name[16][VAR_NAME_MAX];
    char why[200];
};

static void on_refused(const struct var_variant *v, const char *why, void *user)
{
    struct refusals *r = user;
    if (r->count < 16)
        var_name_format(v, r->name[r->count]);
    snprintf(r->why, sizeof r->why, "%s", why);
    r->count++;
}

static int build(const struct hrn_toolchain *toolchain, const char *cache, enum hrn_build_kind kind,
                 const struct var_variant *v, size_t count, struct refusals *refusals, char *path,
                 char *err)
{
    const struct hrn_build_paths paths = { .source_root = source_root, .cache_dir = cache };
    memset(refusals, 0, sizeof *refusals);
    return hrn_build(toolchain, &paths, kind, v, count, on_refused, refusals, path, 512, err, 512);
}

/* Files of the cache, and the newest change of any. */
static int census(const char *cache, struct timespec *newest)
{
    DIR *dir = opendir(cache);
    struct dirent *entry;
    int count = 0;
    memset(newest, 0, sizeof *newest);
    while (dir && (entry = readdir(dir))) {
        struct stat st;
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0) < 0)
            continue;
        count++;
        T_CHECK(strstr(entry->d_name, ".tmp") == NULL && strstr(entry->d_name, ".err") == NULL);
        if (st.st_mtim.tv_sec > newest->tv_sec ||
            (st.st_mtim.tv_sec == newest->tv_sec && st.st_mtim.tv_nsec > newest->tv_nsec))
            *newest = st.st_mtim;
    }
    if (dir)
        closedir(dir);
    return count;
}

static void builds_once(const struct hrn_toolchain *toolchain)
{
    struct var_variant v[24];
    struct refusals refusals;
    struct timespec before, after;
    char first[512], second[512], err[512] = "";
    size_t count = some_variants(v, 24);
    const char *cache = in_folder("cache/deep/er");
    T_CHECK(count == 24);
    if (!T_CHECK(build(toolchain, cache, HRN_BUILD_RUNNER, v, count, &refusals, first, err) == 0))
        printf("  %s\n", err);
    T_CHECK(refusals.count == 0);
    T_CHECK(access(first, X_OK) == 0);
    int files = census(cache, &before);
    T_CHECK(build(toolchain, cache, HRN_BUILD_RUNNER, v, count, &refusals, second, err) == 0);
    T_CHECK_STR(second, first);
    T_CHECK(census(cache, &after) == files);
    T_CHECK(before.tv_sec == after.tv_sec && before.tv_nsec == after.tv_nsec);
}

/* The kernels of a shared object are there, by name, and run. */
static void loads(const struct hrn_toolchain *toolchain)
{
    struct var_variant v[6];
    struct refusals refusals;
    const struct krn_kernel *kernels;
    char path[512], err[512] = "", name[VAR_NAME_MAX];
    size_t count = some_variants(v, 6), loaded;
    T_CHECK(build(toolchain, in_folder("cache"), HRN_BUILD_SHARED, v, count, &refusals, path,
                  err) == 0);
    if (!T_CHECK(hrn_build_load(path, &kernels, &loaded, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        int found = 0;
        var_kernel_name_format(&v[i], name);
        for (size_t k = 0; k < loaded; k++)
            found += strcmp(kernels[k].name, name) == 0 && kernels[k].fn;
        T_CHECK(found == 1);
    }
    T_CHECK(hrn_build_load(in_folder("nothing.so"), &kernels, &loaded, err, sizeof err) ==
            -ENOEXEC);
    T_CHECK(strstr(err, "nothing.so") != NULL);
}

/* A compiler that takes everything but sources that hold `poison`. */
static void write_compiler(const char *path, const char *poison, const char *cc)
{
    FILE *file = fopen(path, "w");
    fprintf(file,
            "#!/bin/sh\nfor a; do case $a in *.c|*.S)\n"
            "if grep -q 'void %s(' \"$a\" && ! grep -q 'Registry of' \"$a\"; then\n"
            "echo \"$a:7: error: I do not like this kernel\" >&2; exit 1; fi;; esac; done\n"
            "exec %s \"$@\"\n",
            poison, cc);
    fclose(file);
    chmod(path, 0755);
}

/* One bad kernel out of many: it is named, with every variant that uses it, and the others are
 * built. */
static void bisects(const struct hrn_toolchain *toolchain)
{
    struct hrn_toolchain picky = *toolchain;
    struct var_variant v[25];
    struct refusals refusals;
    const struct krn_kernel *kernels;
    char path[512], err[512] = "", bad[VAR_NAME_MAX];
    size_t count = some_variants(v, 24), loaded = 0, distinct;
    var_kernel_name_format(&v[13], bad);
    v[count] = v[13]; /* the same micro-kernel, driven otherwise */
    v[count].knob[VAR_KNOB_ORDER] = !v[13].knob[VAR_KNOB_ORDER];
    count++;
    snprintf(picky.cc, sizeof picky.cc, "%s", in_folder("picky-cc"));
    write_compiler(picky.cc, bad, toolchain->cc);
    if (!T_CHECK(build(&picky, in_folder("cache"), HRN_BUILD_SHARED, v, count, &refusals, path,
                       err) == 0))
        printf("  %s\n", err);
    T_CHECK(refusals.count >= 2);
    for (int i = 0; i < refusals.count && i < 16; i++)
        T_CHECK(strncmp(refusals.name[i], bad, strlen(bad)) == 0);
    T_CHECK(strstr(refusals.why, "I do not like this kernel") != NULL);
    T_CHECK(hrn_build_load(path, &kernels, &loaded, err, sizeof err) == 0);
    for (size_t k = 0; k < loaded; k++)
        T_CHECK(strcmp(kernels[k].name, bad) != 0);
    distinct = loaded;
    T_CHECK(build(toolchain, in_folder("cache"), HRN_BUILD_SHARED, v, count, &refusals, path,
                  err) == 0);
    T_CHECK(hrn_build_load(path, &kernels, &loaded, err, sizeof err) == 0);
    T_CHECK(loaded == distinct + 1);
}

/* Nothing can be built: the first words of the reason, and no refusals, since no variant is to
 * blame. */
static void explains(const struct hrn_toolchain *toolchain)
{
    struct hrn_toolchain broken = *toolchain, none;
    struct var_variant v[12];
    struct refusals refusals;
    char path[512], err[512] = "";
    size_t count = some_variants(v, 12);
    FILE *file = fopen(in_folder("killed-cc"), "w");
    fprintf(file, "#!/bin/sh\nkill -9 $$\n");
    fclose(file);
    chmod(in_folder("killed-cc"), 0755);

    snprintf(broken.cc, sizeof broken.cc, "%s", in_folder("no-such-cc"));
    T_CHECK(build(&broken, in_folder("c1"), HRN_BUILD_SHARED, v, count, &refusals, path, err) ==
            -EINVAL);
    T_CHECK(refusals.count == 0 && strstr(err, "no-such-cc") != NULL);

    snprintf(broken.cc, sizeof broken.cc, "%s", in_folder("killed-cc"));
    T_CHECK(build(&broken, in_folder("c1"), HRN_BUILD_SHARED, v, count, &refusals, path, err) ==
            -EINVAL);
    T_CHECK(refusals.count == 0 && strstr(err, "did not finish") != NULL);

    broken = *toolchain;
    snprintf(broken.flags, sizeof broken.flags, "%s", "--no-such-option");
    T_CHECK(build(&broken, in_folder("c1"), HRN_BUILD_RUNNER, v, count, &refusals, path, err) ==
            -EINVAL);
    T_CHECK(refusals.count == 0 && strstr(err, "no-such-option") != NULL);

    T_CHECK(build(toolchain, "/proc/quern", HRN_BUILD_SHARED, v, count, &refusals, path, err) < 0);
    T_CHECK(strstr(err, "/proc/quern") != NULL && strstr(err, "QUERN_CACHE") != NULL);

    T_CHECK(hrn_toolchain_find("aarch64", "no-such-cc", &none, err, sizeof err) == -ENOENT);
    T_CHECK(strstr(err, "no-such-cc") != NULL);
    T_CHECK(hrn_toolchain_find("vax", NULL, &none, err, sizeof err) == -ENOENT);
    T_CHECK(strstr(err, "vax") != NULL);
}

/* A cache that may only be read serves what it holds. (root may write everywhere: then there is
 * nothing to see.) */
static void reads_only(const struct hrn_toolchain *toolchain)
{
    struct var_variant v[4];
    struct refusals refusals;
    char path[512], err[512] = "";
    const char *cache = in_folder("readonly");
    size_t count = some_variants(v, 4);
    T_CHECK(build(toolchain, cache, HRN_BUILD_SHARED, v, 2, &refusals, path, err) == 0);
    chmod(cache, 0555);
    T_CHECK(build(toolchain, cache, HRN_BUILD_SHARED, v, 2, &refusals, path, err) == 0);
    if (access(cache, W_OK) < 0) {
        T_CHECK(build(toolchain, cache, HRN_BUILD_SHARED, v, count, &refusals, path, err) ==
                -EACCES);
        T_CHECK(strstr(err, cache) != NULL && refusals.count == 0);
    }
    chmod(cache, 0755);
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char inner[1024];
    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_tree(inner);
        else
            unlink(inner);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

int main(int argc, char **argv)
{
    struct hrn_toolchain toolchain;
    char err[512];
    t_begin(argc, argv);
    source_root = argc > 1 ? argv[1] : ".";
#if defined(__aarch64__)
    const char *arch = "aarch64";
#else
    const char *arch = "x86_64";
#endif
    if (hrn_toolchain_find(arch, NULL, &toolchain, err, sizeof err) < 0)
        t_skip(err);
    if (!mkdtemp(folder))
        t_skip("no temporary folder can be made in /tmp");
    builds_once(&toolchain);
    loads(&toolchain);
    bisects(&toolchain);
    explains(&toolchain);
    reads_only(&toolchain);
    remove_tree(folder);
    return t_end();
}
