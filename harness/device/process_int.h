/* Processes of the host that stand for a device: an emulator, `adb`, `ssh`. Argument vectors, never
 * a shell of the host. */
#ifndef QUERN_HARNESS_PROCESS_INT_H
#define QUERN_HARNESS_PROCESS_INT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/device/device.h"

int64_t hrn_clock_ms(void); /* monotonic */

/* Starts argv[0] from $PATH in a process group of its own: a Ctrl-C on the terminal is the host's
 * to handle. -1 = /dev/null for `in`, the caller's own for `out` and `errors`. 0 or -errno. */
int hrn_spawn(const char *const argv[], int in, int out, int errors, pid_t *pid);

/* The same with pipes: out->stdin_fd (not made if `in` >= 0: that is its input) and out->stdout_fd.
 */
int hrn_spawn_piped(const char *const argv[], int in, int errors, struct hrn_process *out);

/* Waits for its end at most timeout_ms, then kills its process group. */
void hrn_reap(pid_t pid, int timeout_ms, int *status);

/* Runs a host program without input; both outputs together into `out`, cut to fit, NUL-terminated.
 * The exit status, 128 + signal, or -ENOENT, -ETIMEDOUT (it was killed), -errno. */
int hrn_collect(const char *const argv[], int timeout_ms, char *out, size_t out_bytes);

/* A file without a name, for a program's complaints; -errno. */
int hrn_complaint_open(void);
/* Its last line that is not empty, without its newline; closes fd (-1: ""). */
void hrn_complaint_take(int fd, char *out, size_t out_bytes);

#endif
