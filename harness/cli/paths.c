#include "harness/cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/build/ndk.h"

enum { PATH_BYTES = 4096 };

/* A variable that is set and not empty, else NULL. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int cli_compiler(const char *typed, const char *os, const char *arch, const char **out)
{
    static char path[256]; /* as long as struct hrn_toolchain has room for */
    const char *ndk = variable("ANDROID_NDK_HOME");
    char err[600];
    *out = typed;
    if (typed || !ndk || strncmp(os, "Android", 7) != 0)
        return CLI_OK;
    if (hrn_ndk_compiler(ndk, arch, path, sizeof(path), err, sizeof(err)))
        return cli_fail(CLI_DEVICE, "%s", err);
    *out = path;
    return CLI_OK;
}

const char *cli_source_root(void)
{
    static char file[PATH_BYTES];
    const char *given = variable("QUERN_SOURCE_ROOT");
    if (given)
        return given;
    /* The tree that it was built from, if that is still there, else the installed copy. */
    snprintf(file, sizeof(file), "%s/kernels/kernel.h", QUERN_DEFAULT_SOURCE_ROOT);
    return access(file, R_OK) == 0 ? QUERN_DEFAULT_SOURCE_ROOT : QUERN_DATA_DIR;
}

const char *cli_cache_dir(void)
{
    static char path[PATH_BYTES];
    const char *given = variable("QUERN_CACHE"), *xdg = variable("XDG_CACHE_HOME");
    const char *home = variable("HOME");
    if (given)
        return given;
    if (xdg)
        snprintf(path, sizeof(path), "%s/quern", xdg);
    else
        snprintf(path, sizeof(path), "%s/.cache/quern", home ? home : ".");
    return path;
}

const char *cli_vm_dir(void)
{
    static char path[PATH_BYTES + 8];
    snprintf(path, sizeof(path), "%s/vm", cli_cache_dir());
    return path;
}

const char *cli_default_db(void)
{
    const char *given = variable("QUERN_DB");
    return given ? given : "quern-out/quern.db";
}
