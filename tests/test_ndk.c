/* The NDK: which compiler is taken from a tree of its shape, and a runner built with it. The tree
 * is made here, and its clang is Debian's cross compiler under that name.
 *
 *     test_ndk SOURCE_ROOT */
#include <errno.h>
#include <sys/stat.h>

#include "harness/build/build.h"
#include "harness/build/ndk.h"
#include "tests/t.h"
#include "tests/t_tree.h"

#define BIN "/toolchains/llvm/prebuilt/linux-x86_64/bin/"

static char ndk[300];

static void add_compiler(const char *name)
{
    char path[400];
    snprintf(path, sizeof path, BIN "%s", name);
    t_tree_file(ndk, path, "#!/bin/sh\nexec aarch64-linux-gnu-gcc \"$@\"");
    snprintf(path, sizeof path, "%s" BIN "%s", ndk, name);
    chmod(path, 0755);
}

static void choosing(void)
{
    static const char *const names[] = {
        "aarch64-linux-android33-clang",
        "aarch64-linux-android24-clang",
        "aarch64-linux-android24-clang++",
        "aarch64-linux-android9-clang",
        "armv7a-linux-androideabi21-clang",
        "x86_64-linux-android21-clang",
        "clang",
    };
    char out[256], err[500] = "", want[500];
    T_CHECK(hrn_ndk_compiler(ndk, "aarch64", out, sizeof out, err, sizeof err) == -ENOENT);
    T_CHECK(strstr(err, "ANDROID_NDK_HOME") != NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        add_compiler(names[i]);
    T_CHECK(hrn_ndk_compiler(ndk, "aarch64", out, sizeof out, err, sizeof err) == 0);
    snprintf(want, sizeof want, "%s" BIN "aarch64-linux-android24-clang", ndk);
    T_CHECK_STR(out, want);
    T_CHECK(hrn_ndk_compiler(ndk, "x86_64", out, sizeof out, err, sizeof err) == 0);
    T_CHECK(hrn_ndk_compiler(ndk, "riscv64", out, sizeof out, err, sizeof err) == -ENOENT);
    T_CHECK(hrn_ndk_compiler("/nowhere/at/all", "aarch64", out, sizeof out, err, sizeof err) ==
            -ENOENT);
}

/* A runner for a phone: static, for AArch64, and it greets where it can be run. */
static void building(const char *source_root)
{
    char cache[400], cc[256], path[512], err[600] = "", output[2000];
    const struct hrn_build_paths paths = { .source_root = source_root, .cache_dir = cache };
    struct hrn_toolchain toolchain;
    struct var_variant v;
    struct krn_problem problem;
    snprintf(cache, sizeof cache, "%s/cache", ndk);
    krn_problem_parse("ic8ih9oc8kh3ph1", &problem, err, sizeof err);
    T_CHECK(var_default(KRN_ISA_NEON, &problem, &v) == 0);
    T_CHECK(hrn_ndk_compiler(ndk, "aarch64", cc, sizeof cc, err, sizeof err) == 0);
    if (!T_CHECK(hrn_toolchain_find("aarch64", cc, &toolchain, err, sizeof err) == 0) ||
        !T_CHECK(hrn_build(&toolchain, &paths, HRN_BUILD_RUNNER, &v, 1, NULL, NULL, path,
                           sizeof path, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    if (!t_has_program("qemu-aarch64"))
        return;
    T_CHECK(T_RUN(NULL, output, "sh", "-c", "qemu-aarch64 \"$0\" < /dev/null", path) == 0);
    T_CHECK(strncmp(output, "hello protocol=", 15) == 0);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    t_folder(ndk, sizeof ndk);
    choosing();
    if (t_has_program("aarch64-linux-gnu-gcc"))
        building(argv[1]);
    else
        printf("no cross compiler: nothing was built\n");
    t_remove(ndk);
    return t_end();
}
