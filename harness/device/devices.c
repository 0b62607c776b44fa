/* The table of kinds, and the calls that are the same for every kind so far: processes of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/device/device_int.h"

extern char **environ;

const struct hrn_device_kind hrn_device_kinds[] = {
    { "local", "", "this machine", hrn_local_list, hrn_local_open },
    { "qemu", "CPU", "an AArch64 CPU in QEMU's user-mode emulation: correctness, never a time",
      hrn_qemu_list, hrn_qemu_open },
    { "trap", "LEVEL", "this machine, an x86 ISA level that it lacks in software: never a time",
      hrn_trap_list, hrn_trap_open },
};
const size_t hrn_device_kind_count = sizeof hrn_device_kinds / sizeof *hrn_device_kinds;

static void list_kinds(char *err, size_t err_bytes)
{
    for (size_t i = 0; i < hrn_device_kind_count; i++) {
        size_t used = strlen(err);
        snprintf(err + used, err_bytes - used, "%s%s%s%s", i ? ", " : " ", hrn_device_kinds[i].name,
                 *hrn_device_kinds[i].argument ? ":" : "", hrn_device_kinds[i].argument);
    }
}

int hrn_device_open(const char *key, struct hrn_device **out, char *err, size_t err_bytes)
{
    size_t length = strcspn(key, ":");
    const char *argument = key[length] ? key + length + 1 : "";
    *out = NULL;
    for (size_t i = 0; i < hrn_device_kind_count; i++) {
        const struct hrn_device_kind *kind = &hrn_device_kinds[i];
        if (strlen(kind->name) != length || strncmp(kind->name, key, length))
            continue;
        if (!*kind->argument != !*argument) {
            snprintf(err, err_bytes, "device '%s': the form is %s%s%s", key, kind->name,
                     *kind->argument ? ":" : "", kind->argument);
            return -EINVAL;
        }
        return kind->open(argument, out, err, err_bytes);
    }
    snprintf(err, err_bytes, "no device kind is called '%.*s'; there are:", (int)length, key);
    list_kinds(err, err_bytes);
    return -ENODEV;
}

struct hrn_device *hrn_device_new(const char *kind, const char *argument)
{
    struct hrn_device *device = calloc(1, sizeof *device);
    if (device)
        snprintf(device->info.key, sizeof device->info.key, "%s%s%s", kind, *argument ? ":" : "",
                 argument);
    return device;
}

void hrn_device_close(struct hrn_device *device)
{
    free(device);
}

const struct hrn_device_info *hrn_device_info(const struct hrn_device *device)
{
    return &device->info;
}

const char *hrn_device_error(const struct hrn_device *device)
{
    return device->error;
}

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

int hrn_device_push(struct hrn_device *device, const char *host_path, char *device_path,
                    size_t device_path_bytes)
{
    char real[PATH_MAX];
    if (!realpath(host_path, real) || access(real, X_OK)) {
        int rc = -errno;
        snprintf(device->error, sizeof device->error, "%s: cannot use %s: %s", device->info.key,
                 host_path, strerror(-rc));
        return rc;
    }
    if ((size_t)snprintf(device_path, device_path_bytes, "%s", real) >= device_path_bytes) {
        snprintf(device->error, sizeof device->error, "%s: the path %s is too long",
                 device->info.key, real);
        return -ENAMETOOLONG;
    }
    return 0;
}

/* prefix + argv + options, borrowed strings. */
static const char **full_arguments(const struct hrn_device *device, const char *const argv[])
{
    size_t count = 0, n = 0;
    while (argv[count])
        count++;
    const char **full =
        calloc(device->prefix_count + count + device->option_count + 1, sizeof *full);
    for (size_t i = 0; full && i < device->prefix_count; i++)
        full[n++] = device->prefix[i];
    for (size_t i = 0; full && i < count; i++)
        full[n++] = argv[i];
    for (size_t i = 0; full && i < device->option_count; i++)
        full[n++] = device->option[i];
    return full;
}

/* The runner is in a process group of its own: a Ctrl-C on the terminal is the host's to handle. */
static int spawn(const char *const argv[], int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

int hrn_device_start(struct hrn_device *device, const char *const argv[], struct hrn_process *out)
{
    int to[2] = { -1, -1 }, from[2] = { -1, -1 };
    const char **full = full_arguments(device, argv);
    int rc = full ? 0 : -ENOMEM;
    if (!rc && (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)))
        rc = -errno;
    if (!rc)
        rc = spawn(full, to[0], from[1], &out->pid);
    if (to[0] >= 0)
        close(to[0]);
    if (from[1] >= 0)
        close(from[1]);
    out->stdin_fd = to[1];
    out->stdout_fd = from[0];
    if (rc) {
        snprintf(device->error, sizeof device->error, "%s: cannot start %s: %s", device->info.key,
                 full ? full[0] : argv[0], strerror(-rc));
        if (to[1] >= 0)
            close(to[1]);
        if (from[0] >= 0)
            close(from[0]);
    }
    free(full);
    return rc;
}

int hrn_device_finish(struct hrn_device *device, struct hrn_process *process, int timeout_ms,
                      int *status)
{
    (void)device;
    close(process->stdin_fd);
    for (int waited = 0; waitpid(process->pid, status, WNOHANG) == 0; waited += 10) {
        if (waited >= timeout_ms) {
            kill(-process->pid, SIGKILL);
            waitpid(process->pid, status, 0);
            break;
        }
        poll(NULL, 0, 10);
    }
    close(process->stdout_fd);
    return 0;
}
