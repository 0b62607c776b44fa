/* Virtual ARM machines: QEMU's system emulation with Debian's kernel, its perf_event and an
 * emulated PMUv3. They run on their own until they are stopped; vm:NAME reaches one that runs. What
 * they count is emulated; with `counts` an instruction is a tick, and instruction counts are exact.
 */
#ifndef QUERN_HARNESS_VM_H
#define QUERN_HARNESS_VM_H

#include <stddef.h>
#include <sys/types.h>

/* Where machines and their image are, below the build cache; for the whole process, before the
 * first call here and the first device vm:NAME. Borrowed. */
void hrn_vm_use_folder(const char *folder);

struct hrn_vm_options {
    const char *name;  /* of the machine: vm:NAME */
    const char *cpu;   /* as QEMU calls it: "cortex-a76", "max" */
    int cpus;          /* >= 1; only one counts exactly */
    int counts;        /* -icount: slower */
    const char *maker; /* scripts/make_vm: makes the image, where there is none yet */
    /* scripts/make_adbd: builds what adb talks to, where that was not done yet; the machine is then
     * adb:127.0.0.1:PORT, too. NULL = no adb. */
    const char *adbd_maker;
};
/* Starts one and waits until it answers. One that was killed gets its adb_port again. 0; -EALREADY
 * (it runs); -ENOENT (a program or a package is missing); -ETIMEDOUT; err has the sentence. */
int hrn_vm_start(const struct hrn_vm_options *options, char *err, size_t err_bytes);
/* 0; -ENOENT (none of that name). */
int hrn_vm_stop(const char *name, char *err, size_t err_bytes);

struct hrn_vm {
    char name[64], cpu[64];
    int counts, cpus, port; /* of the loopback */
    int adb_port;           /* the same, of adbd; 0 = it has none */
    pid_t pid;
    int runs; /* 0: it was killed, and its files are left */
};
/* Calls back for each machine, by name, until one returns non-zero, which it returns. */
int hrn_vm_each(int (*act)(const struct hrn_vm *vm, void *user), void *user);
/* 0 or -ENOENT. */
int hrn_vm_find(const char *name, struct hrn_vm *out);

#endif
