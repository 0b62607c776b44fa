/* ssh:HOST: a machine behind OpenSSH's client. One connection carries all calls (ControlMaster);
 * nothing is ever asked of a person. Keys and options are those of the user's ssh_config. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/device/process_int.h"
#include "harness/device/remote_int.h"

#define FOLDER "${TMPDIR:-/tmp}/quern-$(id -u)"
#define MASTER_MS 5000
#define OPTIONS_MAX 40

/* The client's arguments up to the host. Returns how many. */
static size_t options(const struct hrn_device *d, char (*text)[160], const char **argv)
{
    static const char *const fixed[] = {
        "ssh", "-T",
        "-o",  "BatchMode=yes",
        "-o",  "ConnectTimeout=10",
        "-o",  "ServerAliveInterval=5",
        "-o",  "ServerAliveCountMax=3",
        "-o",  "ControlMaster=auto",
        "-o",  "ControlPersist=60",
        "-o",  "ForwardX11=no",
        "-o",  "ForwardAgent=no",
        "-o",  "ClearAllForwardings=yes",
        "-o",  "LogLevel=ERROR",
    };
    size_t n = 0;
    for (; n < sizeof fixed / sizeof *fixed; n++)
        argv[n] = fixed[n];
    snprintf(*text, sizeof *text, "ControlPath=%s/%%C", d->remote->control);
    argv[n++] = "-o";
    argv[n++] = *text;
    if (d->remote->port[0]) {
        argv[n++] = "-p";
        argv[n++] = d->remote->port;
    }
    return n;
}

static int ssh_shell(struct hrn_device *d, const char *command, int in, int errors,
                     struct hrn_process *out)
{
    const char *argv[OPTIONS_MAX];
    char path[160], quoted[8192], whole[8300];
    size_t n = options(d, &path, argv);
    if (hrn_shell_quote(command, quoted, sizeof quoted) < 0)
        return hrn_device_fail(d, -E2BIG, "%s: a command is too long", d->info.key);
    snprintf(whole, sizeof whole, "exec sh -c %s", quoted); /* whatever the login shell is */
    argv[n++] = "--";
    argv[n++] = d->remote->address;
    argv[n++] = whole;
    argv[n] = NULL;
    int rc = hrn_spawn_piped(argv, in, errors, out);
    if (rc == -ENOENT)
        return hrn_device_fail(d, rc, "%s: there is no ssh; apt-get install openssh-client",
                               d->info.key);
    return rc == 0 ? 0
                   : hrn_device_fail(d, rc, "%s: cannot start ssh: %s", d->info.key, strerror(-rc));
}

static void end_master(const struct hrn_device *d)
{
    const char *argv[OPTIONS_MAX];
    char path[160], said[200];
    size_t n = options(d, &path, argv);
    const char *const end[] = { "-O", "exit", "--", d->remote->address, NULL };
    memcpy(argv + n, end, sizeof end);
    hrn_collect(argv, MASTER_MS, said, sizeof said);
}

/* A connection that died may leave a master that does not know it yet. */
static void ssh_reconnect(struct hrn_device *d)
{
    end_master(d);
}

static void ssh_close(struct hrn_device *d)
{
    end_master(d);
    rmdir(d->remote->control);
}

static const struct hrn_remote_kind kind = {
    .remedy = "check that 'ssh HOST true' works without a password",
    .shell = ssh_shell,
    .reconnect = ssh_reconnect,
    .close = ssh_close,
};

/* "host:2222" -> host and port. An address of IPv6 has more colons, and stays whole. */
static void split_port(struct hrn_remote *r)
{
    char *colon = strchr(r->address, ':');
    if (!colon || strchr(colon + 1, ':') || !colon[1] || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return;
    snprintf(r->port, sizeof r->port, "%.5s", colon + 1);
    *colon = '\0';
}

int hrn_ssh_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    struct hrn_device *d = hrn_remote_new("ssh", argument, &kind);
    *out = NULL;
    if (!d) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    split_port(d->remote);
    snprintf(d->remote->control, sizeof d->remote->control, "/tmp/quern-ssh-XXXXXX");
    int rc = argument[0] == '-' ? -EINVAL : 0;
    if (rc < 0)
        hrn_device_fail(d, rc, "ssh:%s: a host does not begin with '-'", argument);
    else if (!mkdtemp(d->remote->control))
        rc = hrn_device_fail(d, -errno, "ssh:%s: cannot make a folder in /tmp: %s", argument,
                             strerror(errno));
    if (rc == 0)
        rc = hrn_remote_probe(d, FOLDER);
    if (rc < 0) {
        snprintf(err, err_bytes, "%s", d->error);
        hrn_device_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

/* Which hosts there are is not ours to guess. */
void hrn_ssh_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    (void)found, (void)user;
}
