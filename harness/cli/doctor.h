/* What `quern doctor` looks at: one function per probe, one row per probe in cmd_doctor.c. */
#ifndef QUERN_HARNESS_CLI_DOCTOR_H
#define QUERN_HARNESS_CLI_DOCTOR_H

#include <stdint.h>

#include "harness/device/device.h"

enum doctor_status { DOCTOR_OK, DOCTOR_WARN, DOCTOR_MISSING };

struct doctor_finding {
    enum doctor_status status;
    char fact[400];        /* what is so */
    char consequence[300]; /* what that means for a measurement; may be empty */
    char remedy[300]; /* the command that changes it; empty where nothing can or need be done */
};

struct doctor {
    const struct hrn_device_info *device; /* NULL if it could not be opened */
    const char *device_key, *device_error;
    int use_adb;
    int has_counters;          /* set by the PMU probe */
    struct hrn_device *handle; /* NULL as `device` */
    int remoteness; /* 1: it has a shell of its own; -1: it is this machine; 0: unasked */
};
/* Whether the device is another machine, whose own state counts. */
int doctor_is_remote(struct doctor *doctor);

/* Fills *out, which is zeroed and DOCTOR_OK. */
typedef void doctor_probe(struct doctor *doctor, struct doctor_finding *out);

/* Writes a sentence into a field of a finding. */
#define DOCTOR_SAY(field, ...) doctor_text(field, sizeof(field), __VA_ARGS__)
void doctor_text(char *field, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* doctor_machine.c */
doctor_probe doctor_device, doctor_isas, doctor_kernel, doctor_caches, doctor_virtual, doctor_load,
    doctor_smt;
/* doctor_counters.c */
doctor_probe doctor_pmu, doctor_user_read, doctor_paranoid, doctor_governor, doctor_turbo,
    doctor_clock;
/* doctor_remote.c: the same, of a device that is far away */
doctor_probe doctor_remote_pmu, doctor_remote_user_read, doctor_remote_paranoid,
    doctor_remote_governor, doctor_remote_nothing;
struct doctor_permission {
    int paranoid, uid; /* kernel.perf_event_paranoid; of the shell, -1 unknown */
    int harden;        /* Android's security.perf_harden, -1 = there is none */
};
void doctor_judge_permission(const char *device_key, const struct doctor_permission *permission,
                             struct doctor_finding *out);
/* Whether counters are read without a system call; `access` is the switch of it, -1 = there is none
 * (arm64: kernel.perf_user_access; else the PMU's rdpmc). */
void doctor_judge_user_read(const struct doctor *doctor, int is_arm, long access,
                            struct doctor_finding *out);
/* doctor_tools.c */
doctor_probe doctor_compiler, doctor_cross, doctor_sources, doctor_cache, doctor_qemu, doctor_adb,
    doctor_gnuplot, doctor_mca, doctor_dataset;

#endif
