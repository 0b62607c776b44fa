/* From variants to a program: generates, assembles and links in parallel, and keeps every result in
 * a cache keyed by content, so nothing is built twice.
 *
 * Calls the compiler as a child process, never through a shell. */
#ifndef QUERN_HARNESS_BUILD_H
#define QUERN_HARNESS_BUILD_H

#include <stddef.h>

#include "variants/variant.h"

/* A compiler for one architecture. Filled by hrn_toolchain_find(). */
struct hrn_toolchain {
    char arch[16]; /* "x86_64", "aarch64" */
    char cc[256];  /* program: "cc", "aarch64-linux-gnu-gcc"; $QUERN_CC_<ARCH> is the caller's to
                      pass on */
    char version[128]; /* first line of cc --version */
    char flags[256];   /* what C sources are compiled with */
};

/* Finds the compiler for `arch`: `override` if not NULL, the host's cc if it is the host's
 * architecture, else the cross compiler. -ENOENT and the remedy in err. */
int hrn_toolchain_find(const char *arch, const char *override_cc, struct hrn_toolchain *out,
                       char *err, size_t err_bytes);

/* Where sources and results are. Both paths are the caller's, borrowed during the call. */
struct hrn_build_paths {
    const char *source_root; /* holds kernels/, harness/ and quant/ */
    const char *cache_dir;   /* made if missing */
};

enum hrn_build_kind {
    HRN_BUILD_RUNNER, /* a static program: the runner with these variants in it */
    HRN_BUILD_INFER,  /* a static program: quern-infer, which runs int8 networks on them */
    HRN_BUILD_SHARED, /* a shared object that defines quern_kernels[] and quern_kernels_count */
    HRN_BUILD_KIND_COUNT
};

/* Builds `count` variants (duplicates of one micro-kernel are built once). `out_path` gets the
 * result. refused  called for each variant that the assembler or the compiler does not take; the
 * others are built 0; -EINVAL (a compiler failed as a whole: its first lines are in err); -errno.
 */
typedef void hrn_build_refused(const struct var_variant *v, const char *why, void *user);
int hrn_build(const struct hrn_toolchain *toolchain, const struct hrn_build_paths *paths,
              enum hrn_build_kind kind, const struct var_variant *variants, size_t count,
              hrn_build_refused *refused, void *user, char *out_path, size_t out_path_bytes,
              char *err, size_t err_bytes);

/* Loads a HRN_BUILD_SHARED result of the host's architecture: the kernels stay valid until the
 * process ends. -ENOEXEC and the reason in err. */
int hrn_build_load(const char *path, const struct krn_kernel **kernels, size_t *count, char *err,
                   size_t err_bytes);

#endif
