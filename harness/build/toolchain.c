#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness/build/build.h"
#include "harness/build/spawn.h"

#define FLAGS "-std=gnu11 -O2 -ffp-contract=off -fPIC -D_GNU_SOURCE"
#define FLAGS_AARCH64 FLAGS " -ffixed-x18" /* the platform register: phones reserve it */

/* Where the host is another architecture. */
static const struct {
    const char *arch, *cc, *package;
} cross_compilers[] = {
    { "aarch64", "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross" },
    { "x86_64", "x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev-amd64-cross" },
};

static const char *choose(const char *arch, const char *override_cc, const char **package)
{
    struct utsname host;
    *package = "gcc libc6-dev";
    if (override_cc)
        return override_cc;
    if (!uname(&host) && !strcmp(host.machine, arch))
        return "cc";
    for (size_t i = 0; i < sizeof cross_compilers / sizeof *cross_compilers; i++)
        if (!strcmp(cross_compilers[i].arch, arch)) {
            *package = cross_compilers[i].package;
            return cross_compilers[i].cc;
        }
    return NULL;
}

int hrn_toolchain_find(const char *arch, const char *override_cc, struct hrn_toolchain *out,
                       char *err, size_t err_bytes)
{
    const char *package, *cc = choose(arch, override_cc, &package);
    if (!cc) {
        snprintf(err, err_bytes, "no compiler for %s is known; name one with --cc", arch);
        return -ENOENT;
    }
    const char *const argv[] = { cc, "--version", NULL };
    *out = (struct hrn_toolchain) { 0 };
    snprintf(out->flags, sizeof out->flags, "%s", strcmp(arch, "aarch64") ? FLAGS : FLAGS_AARCH64);
    snprintf(out->arch, sizeof out->arch, "%s", arch);
    snprintf(out->cc, sizeof out->cc, "%s", cc);
    if (hrn_first_line(argv, out->version, sizeof out->version)) {
        snprintf(err, err_bytes,
                 "the compiler %s for %s does not run; install it (apt-get install "
                 "%s) or name another with --cc",
                 cc, arch, package);
        return -ENOENT;
    }
    return 0;
}
