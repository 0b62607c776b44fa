#include "harness/cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* A variable that is set and not empty, else NULL. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
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
