/* What the doctor makes of the levels of perf_event_paranoid, and the exact remedy per device. */
#include "harness/cli/doctor.h"
#include "tests/t.h"

static void permissions(void)
{
    static const struct {
        const char *key;
        struct doctor_permission p;
        enum doctor_status status;
        const char *remedy; /* a part of it; NULL = none is needed */
    } rows[] = {
        { "adb:R5CT/cpu4",
          { 3, 2000, 1 },
          DOCTOR_WARN,
          "adb -s R5CT shell setprop security.perf_harden 0" },
        { "adb:R5CT",
          { 3, 2000, -1 },
          DOCTOR_WARN,
          "adb -s R5CT shell setprop security.perf_harden 0" },
        { "adb:R5CT",
          { 3, 2000, 0 },
          DOCTOR_WARN,
          "echo -1 > /proc/sys/kernel/perf_event_paranoid" },
        { "adb:R5CT", { 2, 2000, 0 }, DOCTOR_WARN, "adb -s R5CT root" },
        { "adb:R5CT", { 1, 2000, 0 }, DOCTOR_OK, NULL },
        { "adb:R5CT", { 0, 2000, 0 }, DOCTOR_OK, NULL },
        { "adb:R5CT", { -1, 2000, 0 }, DOCTOR_OK, NULL },
        { "adb:R5CT", { 3, 0, 1 }, DOCTOR_OK, NULL }, /* root */
        { "ssh:board", { 3, 1000, -1 }, DOCTOR_WARN, "sysctl kernel.perf_event_paranoid=1" },
        { "ssh:board", { 1, 1000, -1 }, DOCTOR_OK, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct doctor_finding f = { 0 };
        char level[16];
        doctor_judge_permission(rows[i].key, &rows[i].p, &f);
        snprintf(level, sizeof level, "level %d", rows[i].p.paranoid);
        T_CHECK(f.status == rows[i].status && strstr(f.fact, level) != NULL);
        T_CHECK((f.consequence[0] != '\0') == (rows[i].status != DOCTOR_OK));
        if (!T_CHECK(rows[i].remedy ? strstr(f.remedy, rows[i].remedy) != NULL : !f.remedy[0]))
            printf("  %s at %d: %s\n", rows[i].key, rows[i].p.paranoid, f.remedy);
    }
}

static void user_reads(void)
{
    static const struct {
        const char *key;
        int has_counters, is_arm;
        long access;
        const char *fact, *remedy; /* parts of them; NULL = none is needed */
    } rows[] = {
        { "adb:R5CT/cpu4", 1, 1, 1, "without a system call", NULL },
        { "adb:R5CT/cpu4", 1, 1, 0, "perf_user_access is 0", "adb -s R5CT root" },
        { "adb:R5CT", 1, 1, -1, "no kernel.perf_user_access", NULL },
        { "ssh:board", 1, 1, 0, "by system calls", "there: sudo sysctl kernel.perf_user_access=1" },
        { "local", 1, 0, 0, "rdpmc of the PMU is 0", "cpu/rdpmc" },
        { "local", 1, 0, 2, "without a system call", NULL },
        { "local", 0, 1, 0, "no counters", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct doctor doctor = { .device_key = rows[i].key,
                                       .has_counters = rows[i].has_counters };
        struct doctor_finding f = { 0 };
        doctor_judge_user_read(&doctor, rows[i].is_arm, rows[i].access, &f);
        T_CHECK(f.status == DOCTOR_OK); /* either way counts are exact */
        if (!T_CHECK(strstr(f.fact, rows[i].fact) != NULL))
            printf("  row %zu: %s\n", i, f.fact);
        if (!T_CHECK(rows[i].remedy ? strstr(f.remedy, rows[i].remedy) != NULL : !f.remedy[0]))
            printf("  row %zu: %s\n", i, f.remedy);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    permissions();
    user_reads();
    return t_end();
}
