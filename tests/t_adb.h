/* Phones for tests: the stand-in tests/adbd.py, behind the real adb client with a server of its
 * own, so that no phone and no server of this machine is touched. */
#ifndef QUERN_TESTS_T_ADB_H
#define QUERN_TESTS_T_ADB_H

#include "tests/t_remote.h"

struct t_phone {
    char root[300], log[320], serial[32], key[40];
    int port;
    pid_t pid;
    const char *adbd;       /* tests/adbd.py */
    const char *option[16]; /* of the stand-in; ends with NULL */
};

/* A server of our own, which t_adb_end() ends. */
static inline void t_adb_begin(const char *folder)
{
    char port[16], said[600];
    snprintf(port, sizeof port, "%d", t_free_port());
    setenv("ANDROID_ADB_SERVER_PORT", port, 1);
    setenv("ADB_LOCAL_TRANSPORT_MAX_PORT", "5554", 1); /* looks for no emulators */
    setenv("HOME", folder, 1);                         /* keys */
    if (T_RUN(NULL, said, "adb", "start-server") != 0)
        t_skip(said);
}

static inline void t_adb_end(void)
{
    char said[300];
    T_RUN(NULL, said, "adb", "kill-server");
}

static inline void t_phone_start(struct t_phone *p)
{
    char port[16], out[400];
    const char *argv[32] = {
        "python3", p->adbd, "--root", p->root, "--port", port, "--log", p->log
    };
    size_t n = 8;
    for (size_t i = 0; p->option[i]; i++)
        argv[n++] = p->option[i];
    snprintf(port, sizeof port, "%d", p->port);
    snprintf(out, sizeof out, "%s.out", p->root);
    p->pid = t_start(out, argv);
    T_CHECK(t_await_port(p->port));
}

/* What the device's shell finds first: bin/NAME is a script. */
static inline void t_phone_program(const struct t_phone *p, const char *name, const char *script)
{
    char path[400], text[2000];
    snprintf(path, sizeof path, "%s/bin/%s", p->root, name);
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    t_write_file(path, text);
    chmod(path, 0755);
}

/* A phone of this machine's own architecture. */
static inline void t_phone_new(struct t_phone *p, const char *adbd, const char *folder,
                               const char *name)
{
    char bin[400], said[200];
    p->adbd = adbd;
    p->port = t_free_port();
    snprintf(p->root, sizeof p->root, "%s/%s", folder, name);
    snprintf(p->log, sizeof p->log, "%s.log", p->root);
    snprintf(p->serial, sizeof p->serial, "127.0.0.1:%d", p->port);
    snprintf(p->key, sizeof p->key, "adb:%s", p->serial);
    snprintf(bin, sizeof bin, "%s/bin", p->root);
    T_RUN(NULL, said, "mkdir", "-p", bin);
    t_phone_program(p, "getprop",
                    "case $1 in\nro.product.model) echo Stand In 3;;\nro.soc.model) echo SM8000;;\n"
                    "ro.build.version.release) echo 14;;\nesac");
    t_phone_start(p);
}

static inline void t_phone_end(struct t_phone *p)
{
    char said[300];
    t_stop(p->pid);
    p->pid = 0;
    T_RUN(NULL, said, "adb", "disconnect", p->serial);
}

/* Lines of the stand-in's log that begin with `word`, and the bytes that they tell of. */
static inline int t_phone_log(const struct t_phone *p, const char *word, int64_t *bytes)
{
    char line[8192];
    FILE *log = fopen(p->log, "r");
    int count = 0;
    *bytes = 0;
    while (log && fgets(line, sizeof line, log))
        if (strncmp(line, word, strlen(word)) == 0) {
            count++;
            *bytes += strtoll(line + strlen(word), NULL, 10);
        }
    if (log)
        fclose(log);
    return count;
}

#endif
