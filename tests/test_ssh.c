/* ssh:HOST against a real sshd on the loopback, with keys and configurations of its own.
 *
 *     test_ssh SOURCE_ROOT CACHE */
#include "tests/t_remote.h"

#define SSHD "/usr/sbin/sshd"

static char folder[200], key[64];
static pid_t sshd;
static int port;

static void in_folder(char *out, size_t bytes, const char *name)
{
    snprintf(out, bytes, "%s/%s", folder, name);
}

static void start_sshd(void)
{
    char config[300], log[300];
    in_folder(config, sizeof config, "sshd_config");
    in_folder(log, sizeof log, "sshd.log");
    const char *const argv[] = { SSHD, "-D", "-e", "-f", config, NULL };
    sshd = t_start(log, argv);
    T_CHECK(t_await_port(port));
}

/* The listener and, in its group, nobody else: connections live on in processes of their own. */
static void stop_sshd(void)
{
    t_stop(sshd);
    sshd = 0;
}

/* Every connection of ours, as a network that drops does it. */
static void cut_connections(void)
{
    char said[300], pattern[64];
    snprintf(pattern, sizeof pattern, "%d", (int)sshd);
    T_RUN(NULL, said, "pkill", "-KILL", "-P", pattern);
}

static void cut_and_stop(void)
{
    cut_connections();
    stop_sshd();
}

static void make_key(const char *name)
{
    char path[300], said[1000];
    in_folder(path, sizeof path, name);
    if (T_RUN(NULL, said, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path) != 0)
        t_skip(said);
}

/* A server and a client that share nothing with those of this machine; `ssh` in our $PATH is the
 * real one with our configuration. */
static void configure(void)
{
    char text[2000], path[300], search[5000], user[64], said[100];
    make_key("host");
    make_key("user");
    T_RUN(NULL, user, "id", "-un");
    user[strcspn(user, "\n")] = '\0';
    snprintf(text, sizeof text,
             "Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\n"
             "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
             "KbdInteractiveAuthentication no\nPermitRootLogin yes\nPrintMotd no\n"
             "SetEnv TMPDIR=%s\n",
             port, folder, folder, folder);
    in_folder(path, sizeof path, "sshd_config");
    t_write_file(path, text);
    snprintf(text, sizeof text,
             "Host quern-test\n HostName 127.0.0.1\n Port %d\n User %s\n IdentityFile %s/user\n"
             " IdentitiesOnly yes\n UserKnownHostsFile %s/known\n StrictHostKeyChecking no\n"
             "Host *\n UserKnownHostsFile %s/known\n StrictHostKeyChecking no\n"
             " IdentityFile %s/none\n IdentitiesOnly yes\n",
             port, user, folder, folder, folder, folder);
    in_folder(path, sizeof path, "config");
    t_write_file(path, text);
    in_folder(path, sizeof path, "bin");
    T_RUN(NULL, said, "mkdir", path);
    in_folder(path, sizeof path, "bin/ssh");
    snprintf(text, sizeof text, "#!/bin/sh\nexec /usr/bin/ssh -F %s/config \"$@\"\n", folder);
    t_write_file(path, text);
    chmod(path, 0755);
    snprintf(search, sizeof search, "%s/bin:%.4000s", folder, getenv("PATH"));
    setenv("PATH", search, 1);
    mkdir("/run/sshd", 0755); /* what sshd wants, where the system has not started one */
}

static void check_info(const struct hrn_device *d)
{
    const struct hrn_device_info *far = hrn_device_info(d), *near;
    struct hrn_device *local;
    char err[300];
    T_CHECK(hrn_device_open("local", &local, err, sizeof err) == 0);
    near = hrn_device_info(local);
    T_CHECK_STR(far->key, key);
    T_CHECK_STR(far->arch, near->arch);
    T_CHECK_STR(far->cpu, near->cpu);
    T_CHECK_STR(far->midr, near->midr);
    T_CHECK_STR(far->kernel, near->kernel);
    T_CHECK_STR(far->os, near->os);
    T_CHECK(far->isas == near->isas && far->cpu_index == near->cpu_index);
    T_CHECK(far->evidence == HRN_MEASURED && far->core_count == 1 && far->cores[0].count >= 1);
    hrn_device_close(local);
}

/* Nobody is asked for a password, and what is wrong is said. */
static void refuses(void)
{
    static const struct {
        const char *host, *says;
    } rows[] = {
        { "ssh:-oProxyCommand=true", "does not begin" },
        { "ssh:nobody@127.0.0.1:1", "refused" },
        { "ssh:quern-test/cpu99", "no such CPU" },
    };
    struct hrn_device *d;
    char err[600];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        T_CHECK(hrn_device_open(rows[i].host, &d, err, sizeof err) < 0 && d == NULL);
        if (!T_CHECK(strstr(err, rows[i].says) != NULL))
            printf("  %s\n", err);
    }
    char denied[64];
    snprintf(denied, sizeof denied, "ssh:127.0.0.1:%d", port); /* offers a key that is none */
    T_CHECK(hrn_device_open(denied, &d, err, sizeof err) < 0);
    if (!T_CHECK(strstr(err, "denied") != NULL))
        printf("  %s\n", err);
}

static struct hrn_device *open_device(void)
{
    struct hrn_device *d;
    char err[600];
    if (!T_CHECK(hrn_device_open(key, &d, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        exit(t_end());
    }
    return d;
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 3)
        t_skip("usage: test_ssh SOURCE_ROOT CACHE");
    if (access(SSHD, X_OK) != 0 || !t_has_program("ssh") || !t_has_program("pkill"))
        t_skip("needs openssh-server, openssh-client and procps");
    t_folder(folder, sizeof folder);
    port = t_free_port();
    configure();
    start_sshd();
    snprintf(key, sizeof key, "ssh:quern-test");
    struct hrn_device *d = open_device();
    check_info(d);
    refuses();
    t_remote_commands(d);
    t_remote_files(d, folder, 5000000);
    if (t_remote_build(hrn_device_info(d)->arch, argv[1], argv[2]) == 0) {
        t_remote_session(d, NULL, NULL);
        t_remote_session(d, cut_connections, NULL);
        t_remote_session(d, cut_and_stop, start_sshd);
    }
    hrn_device_close(d);
    stop_sshd();
    t_remove(folder);
    return t_end();
}
