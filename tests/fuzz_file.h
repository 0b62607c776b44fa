/* The input of a target as a file, for what reads files: memory behind a path. */
#ifndef QUERN_TESTS_FUZZ_FILE_H
#define QUERN_TESTS_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fills `path` (32 bytes) with the name of a file of these bytes; its descriptor, to be closed. */
static inline int fuzz_file(const uint8_t *data, size_t size, char *path)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
