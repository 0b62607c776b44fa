#include "harness/build/ndk.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OLDEST_LEVEL 21 /* the first with 64-bit programs */

/* The level of "aarch64-linux-android24-clang", or 0 if it is no such name. */
static int level_of(const char *name, const char *arch)
{
    char prefix[64], *end;
    size_t length = (size_t)snprintf(prefix, sizeof prefix, "%.20s-linux-android", arch);
    if (strncmp(name, prefix, length) != 0)
        return 0;
    long level = strtol(name + length, &end, 10);
    return strcmp(end, "-clang") == 0 && level >= OLDEST_LEVEL && level < 1000 ? (int)level : 0;
}

/* The oldest level in a folder, 0 = none. */
static int oldest_in(const char *folder, const char *arch)
{
    struct dirent *entry;
    int oldest = 0;
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        int level = level_of(entry->d_name, arch);
        if (level && (!oldest || level < oldest))
            oldest = level;
    }
    if (dir)
        closedir(dir);
    return oldest;
}

/* There is one folder per host: linux-x86_64. */
int hrn_ndk_compiler(const char *ndk, const char *arch, char *out, size_t out_bytes, char *err,
                     size_t err_bytes)
{
    char hosts[PATH_MAX], bin[PATH_MAX];
    struct dirent *entry;
    int level = 0;
    snprintf(hosts, sizeof hosts, "%.3000s/toolchains/llvm/prebuilt", ndk);
    DIR *dir = opendir(hosts);
    while (dir && !level && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(bin, sizeof bin, "%.3500s/%.255s/bin", hosts, entry->d_name);
        level = oldest_in(bin, arch);
    }
    if (dir)
        closedir(dir);
    size_t length =
        !level ? 0
               : (size_t)snprintf(out, out_bytes, "%s/%s-linux-android%d-clang", bin, arch, level);
    if (length > 0 && length < out_bytes && access(out, X_OK) == 0)
        return 0;
    snprintf(err, err_bytes,
             "%s has no %s-linux-androidN-clang below toolchains/llvm/prebuilt; let "
             "ANDROID_NDK_HOME name an NDK of release 19 or later, or unset it to build with "
             "Debian's cross compiler",
             ndk, arch);
    return -ENOENT;
}
