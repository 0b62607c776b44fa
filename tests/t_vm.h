/* Virtual machines of the tests, started as a user starts them: tests of that are called with
 * QUERN SOURCE_ROOT CACHE. */
#ifndef QUERN_TESTS_T_VM_H
#define QUERN_TESTS_T_VM_H

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "harness/device/vm.h"
#include "tests/t.h"
#include "tests/t_run.h"

static const char *quern;

/* t_begin(), and what the program and its machines need. Skips where a machine cannot be. */
static inline void t_vm_begin(int argc, char **argv)
{
    static char vm_folder[4096];
    t_begin(argc, argv);
    if (argc < 4)
        t_skip("called without QUERN SOURCE_ROOT CACHE");
    if (!t_has_program("qemu-system-aarch64") || !t_has_program("cpio"))
        t_skip("needs qemu-system-arm and cpio");
    quern = argv[1];
    setenv("QUERN_SOURCE_ROOT", argv[2], 1);
    setenv("QUERN_CACHE", argv[3], 0); /* the image is worth sharing among builds */
    snprintf(vm_folder, sizeof vm_folder, "%s/vm", getenv("QUERN_CACHE"));
    hrn_vm_use_folder(vm_folder);
}

/* The exit code; `option` may be NULL. */
static inline int t_vm_start(const char *name, const char *cpu, const char *option, char *said,
                             size_t bytes)
{
    char named[80];
    snprintf(named, sizeof named, "--name=%s", name);
    const char *const argv[] = { quern, "vm", "start", cpu, named, option, NULL };
    return t_run(NULL, said, bytes, argv);
}

/* 0 if it does not run. */
static inline pid_t t_vm_pid(const char *name)
{
    struct hrn_vm found;
    return hrn_vm_find(name, &found) == 0 && found.runs ? found.pid : 0;
}

static inline void t_vm_signal(const char *name, int number)
{
    pid_t pid = t_vm_pid(name);
    T_CHECK(pid > 0 && kill(pid, number) == 0);
}

static inline void t_vm_kill(const char *name)
{
    t_vm_signal(name, SIGKILL);
    while (t_vm_pid(name)) /* is reaped by whoever adopted it */
        poll(NULL, 0, 10);
}

#endif
