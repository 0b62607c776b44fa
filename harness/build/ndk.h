/* Android's NDK as a compiler: found, not needed. A runner linked against Debian's C library runs
 * on a phone, too, since it is static; the NDK is for those who must ship what they measured. */
#ifndef QUERN_HARNESS_NDK_H
#define QUERN_HARNESS_NDK_H

#include <stddef.h>

/* The clang of an NDK for an architecture ("aarch64", "x86_64"), of the oldest Android that it
 * offers, so that the program runs on all later ones. -ENOENT with the remedy in err. */
int hrn_ndk_compiler(const char *ndk, const char *arch, char *out, size_t out_bytes, char *err,
                     size_t err_bytes);

#endif
