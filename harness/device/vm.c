/* vm:NAME: a virtual machine of vm_start.c, behind a TCP port of the loopback: a connection brings
 * a command and its input, and takes its output. */
#include "harness/device/vm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/device/process_int.h"
#include "harness/device/remote_int.h"

static int connect_to(int port, int timeout_ms)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct timeval patience = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* Of connect(), too. */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static int send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -errno;
        if (sent > 0) {
            data += sent;
            bytes -= (size_t)sent;
        }
    }
    return 0;
}

/* The whole file, from where it stands. */
static int send_file(int fd, int file)
{
    char block[16384];
    ssize_t got;
    int rc = 0;
    while (rc == 0 && (got = read(file, block, sizeof block)) != 0)
        rc = got < 0 ? -errno : send_all(fd, block, (size_t)got);
    return rc;
}

static int vm_shell(struct hrn_device *d, const char *command, int in, int errors,
                    struct hrn_process *out)
{
    const char *name = d->remote->address;
    struct hrn_vm vm;
    (void)errors;
    if (hrn_vm_find(name, &vm) < 0 || !vm.runs)
        return hrn_device_fail(d, -ENOTCONN, "%s does not run; start it: quern vm start %s%s%s",
                               d->info.key, vm.cpu[0] ? vm.cpu : name,
                               vm.cpu[0] && strcmp(vm.cpu, name) ? " --name=" : "",
                               vm.cpu[0] && strcmp(vm.cpu, name) ? name : "");
    int fd = connect_to(vm.port, d->patience.call_ms);
    int rc = fd < 0 ? fd : send_all(fd, command, strlen(command));
    if (rc == 0)
        rc = send_all(fd, "\n", 1);
    if (rc == 0 && in >= 0)
        rc = send_file(fd, in);
    out->pid = 0;
    out->stdout_fd = fd;
    out->stdin_fd = in < 0 && rc == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (in >= 0 && rc == 0)
        shutdown(fd, SHUT_WR);
    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        return hrn_device_fail(d, rc == -EAGAIN ? -ETIMEDOUT : -ENOTCONN,
                               "%s does not take a connection: %s; look at it: quern vm status",
                               d->info.key, strerror(-rc));
    }
    return 0;
}

static const struct hrn_remote_kind kind = {
    .remedy = "'quern vm status' tells of it, 'quern vm start' starts it",
    .shell = vm_shell,
};

struct hrn_device *hrn_vm_device(const char *name)
{
    return hrn_remote_new("vm", name, &kind);
}

int hrn_vm_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    struct hrn_device *d = hrn_vm_device(argument);
    *out = NULL;
    if (!d) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    int rc = hrn_remote_probe(d, "/tmp/quern");
    if (rc < 0) {
        snprintf(err, err_bytes, "%s", d->error);
        hrn_device_close(d);
        return rc;
    }
    d->info.evidence = HRN_EMULATED;
    *out = d;
    return 0;
}

struct listing {
    void (*found)(const char *key, const char *note, void *user);
    void *user;
};

static int list_one(const struct hrn_vm *vm, void *user)
{
    const struct listing *l = user;
    char key[80], note[160];
    snprintf(key, sizeof key, "vm:%s", vm->name);
    snprintf(note, sizeof note, "emulated; %s, %d CPU%s%s", vm->cpu, vm->cpus,
             vm->cpus > 1 ? "s" : "", vm->counts ? ", counts instructions exactly" : "");
    if (vm->runs)
        l->found(key, note, l->user);
    return 0;
}

void hrn_vm_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    struct listing listing = { found, user };
    hrn_vm_each(list_one, &listing);
}
