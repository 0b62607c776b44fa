/* Runs a program, never through a shell, and keeps what it says. */
#ifndef QUERN_HARNESS_CLI_CAPTURE_H
#define QUERN_HARNESS_CLI_CAPTURE_H

#include <stddef.h>

/* Runs argv[0] from $PATH with no input, both outputs into `out` (cut to out_bytes,
 * NUL-terminated), at most timeout_ms; then it is killed. The exit status, 128 + signal, or -ENOENT
 * (no such program), -ETIMEDOUT, -errno. */
int cli_capture(const char *const argv[], int timeout_ms, char *out, size_t out_bytes);
/* The same, keeping only the first line, without its newline. */
int cli_capture_line(const char *const argv[], int timeout_ms, char *out, size_t out_bytes);

/* Where `name` is in $PATH: 0 and its path, or -ENOENT. */
int cli_program_find(const char *name, char *path, size_t path_bytes);

/* The first line of a small text file such as those in /sys; -errno and "" if it cannot be read. */
int cli_file_line(const char *path, char *out, size_t out_bytes);
/* Its number; -EINVAL if that is not what it holds. */
int cli_file_integer(const char *path, long long *out);

#endif
