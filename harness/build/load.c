#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include "harness/build/build.h"

int hrn_build_load(const char *path, const struct krn_kernel **kernels, size_t *count, char *err,
                   size_t err_bytes)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    *kernels = library ? dlsym(library, "quern_kernels") : NULL;
    const size_t *size = library ? dlsym(library, "quern_kernels_count") : NULL;
    *count = size ? *size : 0;
    if (*kernels && size)
        return 0;
    snprintf(err, err_bytes, "cannot load %s: %s", path, dlerror());
    if (library)
        dlclose(library);
    return -ENOEXEC;
}
