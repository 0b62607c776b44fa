/* adb:SERIAL with the real adb client, against phones that are killed, hang, are full, slow or old.
 *
 *     test_adb SOURCE_ROOT CACHE ADBD */
#include "tests/t_adb.h"

static char folder[200];
static struct t_phone phone; /* the one in hand, for the callbacks */

static struct hrn_device *open_phone(void)
{
    struct hrn_device *d;
    char err[600];
    if (T_CHECK(hrn_device_open(phone.key, &d, err, sizeof err) == 0))
        return d;
    printf("  %s\n", err);
    exit(t_end());
}

static void check_info(const struct hrn_device *d)
{
    const struct hrn_device_info *info = hrn_device_info(d), *near;
    struct hrn_device *local;
    char err[300];
    T_CHECK(hrn_device_open("local", &local, err, sizeof err) == 0);
    near = hrn_device_info(local);
    T_CHECK_STR(info->key, phone.key);
    T_CHECK_STR(info->model, "Stand In 3");
    T_CHECK_STR(info->soc, "SM8000");
    T_CHECK_STR(info->os, "Android 14");
    T_CHECK_STR(info->arch, near->arch);
    T_CHECK(info->isas == near->isas && info->evidence == HRN_MEASURED);
    hrn_device_close(local);
}

static void kill_phone(void)
{
    t_stop(phone.pid);
}

static void freeze_phone(void)
{
    kill(phone.pid, SIGSTOP);
}

static void thaw_phone(void)
{
    kill(phone.pid, SIGCONT);
}

static void restart_phone(void)
{
    t_phone_start(&phone);
}

/* How soon a phone is missed is a matter of patience; tests have little. */
static void be_impatient(struct hrn_device *d)
{
    struct hrn_patience patience = *hrn_device_patience(d);
    patience.silence_ms = 300;
    patience.call_ms = 1500;
    hrn_device_set_patience(d, &patience);
}

static void plain(void)
{
    int64_t bytes;
    memset(&phone.option, 0, sizeof phone.option);
    struct hrn_device *d = open_phone();
    check_info(d);
    t_remote_commands(d);
    t_remote_files(d, folder, 5000000);
    int before = t_phone_log(&phone, "push ", &bytes);
    t_remote_session(d, NULL, NULL);
    T_CHECK(t_phone_log(&phone, "push ", &bytes) == before + 1); /* not one per variant */
    t_remote_session(d, kill_phone, restart_phone);
    be_impatient(d);
    t_remote_session(d, freeze_phone, thaw_phone);
    T_CHECK(t_phone_log(&phone, "push ", &bytes) == before + 1);
    hrn_device_close(d);
}

/* A phone that does not come back is given up, with what to do; what was proved is kept. */
static void given_up(void)
{
    struct hrn_device *d = open_phone();
    struct hrn_patience patience = *hrn_device_patience(d);
    const struct hrn_prove_options options = { .timeout_ms = 60000 };
    struct hrn_session *session;
    char err[600] = "";
    patience.await_ms = 1000;
    hrn_device_set_patience(d, &patience);
    t_remote.break_at = t_remote.events = 0;
    memset(t_remote.proofs, 0, sizeof t_remote.proofs);
    T_CHECK(hrn_session_open(d, t_remote.runner, -1, &session, err, sizeof err) == 0);
    kill_phone();
    T_CHECK(hrn_session_prove(session, &t_remote.problem, t_remote.pointers, t_remote.count,
                              &options, t_remote_proof, NULL) == -ENOTCONN);
    T_CHECK(strstr(hrn_session_error(session), "did not come back within 1 s") != NULL);
    T_CHECK(t_remote.events == 0);
    hrn_session_close(session);
    hrn_device_close(d);
    restart_phone();
}

/* "-" ends the options. */
static void again_with(const char *const *options)
{
    kill_phone();
    memset(&phone.option, 0, sizeof phone.option);
    for (size_t i = 0; options[i]; i++)
        phone.option[i] = options[i];
    restart_phone();
}

static void full(void)
{
    char path[300], there[300];
    again_with((const char *const[]) { "--quota", "100000", NULL });
    struct hrn_device *d = open_phone();
    snprintf(path, sizeof path, "%s/large", folder);
    t_noise_file(path, 300000);
    T_CHECK(hrn_device_push(d, path, there, sizeof there) == -EIO);
    if (!T_CHECK(strstr(hrn_device_error(d), "No space left on device") != NULL))
        printf("  %s\n", hrn_device_error(d));
    t_noise_file(path, 50000);
    T_CHECK(hrn_device_push(d, path, there, sizeof there) == 0);
    hrn_device_close(d);
}

static void slow(void)
{
    again_with((const char *const[]) { "--delay", "5", NULL });
    struct hrn_device *d = open_phone();
    t_remote_files(d, folder, 100000);
    t_remote_session(d, NULL, NULL);
    hrn_device_close(d);
}

/* A terminal in between, newlines turned, input echoed, no exit codes. */
static void old(void)
{
    again_with((const char *const[]) { "--old", NULL });
    struct hrn_device *d = open_phone();
    check_info(d);
    t_remote_commands(d);
    t_remote_files(d, folder, 200000);
    t_remote_session(d, NULL, NULL);
    t_remote_session(d, kill_phone, restart_phone);
    hrn_device_close(d);
}

static void refuses(void)
{
    static const struct {
        const char *key, *says;
    } rows[] = {
        { "adb:no-such-phone", "'adb devices' lists" },
        { "adb:127.0.0.1:1", "'adb devices' lists" },
        { "adb:-s", "no serial" },
    };
    char err[600];
    struct hrn_device *d;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        T_CHECK(hrn_device_open(rows[i].key, &d, err, sizeof err) < 0 && d == NULL);
        if (!T_CHECK(strstr(err, rows[i].says) != NULL))
            printf("  %s\n", err);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 4)
        t_skip("usage: test_adb SOURCE_ROOT CACHE ADBD");
    if (!t_has_program("adb") || !t_has_program("python3"))
        t_skip("needs adb and python3");
    t_folder(folder, sizeof folder);
    t_adb_begin(folder);
    t_phone_new(&phone, argv[3], folder, "phone");
    struct hrn_device *d = open_phone();
    if (t_remote_build(hrn_device_info(d)->arch, argv[1], argv[2]) == 0) {
        hrn_device_close(d);
        plain();
        given_up();
        full();
        slow();
        old();
        refuses();
    }
    t_phone_end(&phone);
    t_adb_end();
    t_remove(folder);
    return t_end();
}
