/* Devices whose programs are processes of this machine: local, qemu, trap. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/device/device_int.h"
#include "harness/device/process_int.h"

void hrn_device_host_info(struct hrn_device_info *info)
{
    struct utsname name;
    char line[128] = "";
    FILE *file = fopen("/etc/os-release", "re");
    if (!uname(&name))
        snprintf(info->kernel, sizeof info->kernel, "%s", name.release);
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "PRETTY_NAME=\"%63[^\"]", info->os) == 1)
            break;
    if (file)
        fclose(file);
}

/* Where it lies is where it runs. */
static int push(struct hrn_device *d, const char *host_path, char *device_path, size_t bytes)
{
    char real[PATH_MAX];
    if (!realpath(host_path, real) || access(real, X_OK)) {
        int rc = -errno;
        return hrn_device_fail(d, rc, "%s: cannot use %s: %s", d->info.key, host_path,
                               strerror(-rc));
    }
    if ((size_t)snprintf(device_path, bytes, "%s", real) >= bytes)
        return hrn_device_fail(d, -ENAMETOOLONG, "%s: the path %.200s is too long", d->info.key,
                               real);
    return 0;
}

static int copy(FILE *from, FILE *to)
{
    char block[65536];
    size_t got;
    while ((got = fread(block, 1, sizeof block, from)) > 0)
        if (fwrite(block, 1, got, to) != got)
            return -EIO;
    return ferror(from) ? -EIO : 0;
}

static int pull(struct hrn_device *d, const char *device_path, const char *host_path)
{
    FILE *from = fopen(device_path, "re"), *to = from ? fopen(host_path, "we") : NULL;
    int rc = to ? copy(from, to) : -errno;
    if (from)
        fclose(from);
    if (to && fclose(to) && rc == 0)
        rc = -errno;
    if (rc < 0 && to)
        unlink(host_path);
    return rc == 0 ? 0
                   : hrn_device_fail(d, rc, "%s: cannot copy %.150s to %.150s: %s", d->info.key,
                                     device_path, host_path, strerror(-rc));
}

/* prefix + argv + options, borrowed strings. */
static const char **full_arguments(const struct hrn_device *d, const char *const argv[])
{
    size_t count = 0, n = 0;
    while (argv[count])
        count++;
    const char **full = calloc(d->prefix_count + count + d->option_count + 1, sizeof *full);
    for (size_t i = 0; full && i < d->prefix_count; i++)
        full[n++] = d->prefix[i];
    for (size_t i = 0; full && i < count; i++)
        full[n++] = argv[i];
    for (size_t i = 0; full && i < d->option_count; i++)
        full[n++] = d->option[i];
    return full;
}

static int start(struct hrn_device *d, const char *const argv[], struct hrn_process *out)
{
    const char **full = full_arguments(d, argv);
    int rc = full ? hrn_spawn_piped(full, -1, -1, out) : -ENOMEM;
    if (rc < 0)
        hrn_device_fail(d, rc, "%s: cannot start %s: %s", d->info.key, full ? full[0] : argv[0],
                        strerror(-rc));
    free(full);
    return rc;
}

static int finish(struct hrn_device *d, struct hrn_process *process, int timeout_ms, int *status)
{
    (void)d;
    close(process->stdin_fd);
    hrn_reap(process->pid, timeout_ms, status);
    close(process->stdout_fd);
    return 0;
}

/* This machine is always there. */
static int present(struct hrn_device *d)
{
    (void)d;
    return 0;
}

static int no_shell(struct hrn_device *d, const char *command, char *out, size_t out_bytes,
                    int *exit_code)
{
    (void)command, (void)out, (void)out_bytes, (void)exit_code;
    return hrn_device_fail(d, -ENOTSUP, "%s is this machine, and needs no shell", d->info.key);
}

static void nothing(struct hrn_device *d)
{
    (void)d;
}

const struct hrn_device_calls hrn_host_calls = {
    .push = push,
    .pull = pull,
    .start = start,
    .finish = finish,
    .check = present,
    .await = present,
    .shell = no_shell,
    .close = nothing,
};
