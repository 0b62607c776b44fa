/* Probes of times and counters on a device that is far away: asked through its shell, in one line
 * each, since it has no program of ours yet. */
#include "harness/cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES = 2000 };

/* 0 and what it said; else *out says that the device gave no answer. */
static int ask(struct doctor *doctor, const char *command, char *answer, struct doctor_finding *out)
{
    int exit_code = 0;
    if (hrn_device_shell(doctor->handle, command, answer, ANSWER_BYTES, &exit_code) == 0)
        return 0;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "%s gives no answer: %s", doctor->device_key,
               hrn_device_error(doctor->handle));
    return -EIO;
}

int doctor_is_remote(struct doctor *doctor)
{
    char answer[ANSWER_BYTES];
    int exit_code;
    if (doctor->remoteness == 0 && doctor->handle)
        doctor->remoteness =
            hrn_device_shell(doctor->handle, "true", answer, sizeof answer, &exit_code) == -ENOTSUP
                ? -1
                : 1;
    return doctor->remoteness > 0;
}

/* The word behind `key` at the beginning of a line; "" if there is none. */
static void word_of(const char *answer, const char *key, char *out, size_t bytes)
{
    size_t length = strlen(key);
    out[0] = '\0';
    for (const char *line = answer; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ' ') {
            snprintf(out, bytes, "%.*s", (int)strcspn(line + length + 1, "\r\n"),
                     line + length + 1);
            return;
        }
    }
}

/* ---- the PMU: one per kind of core */

void doctor_remote_pmu(struct doctor *doctor, struct doctor_finding *out)
{
    char answer[ANSWER_BYTES], list[300] = "", *rest = NULL;
    if (ask(doctor,
            "for d in /sys/bus/event_source/devices/*; do if [ -r $d/cpus ]; then "
            "echo ${d##*/} $(cat $d/cpus); fi; done",
            answer, out))
        return;
    for (char *line = strtok_r(answer, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        char name[80], cpus[80];
        size_t used = strlen(list);
        if (sscanf(line, "%79s %79s", name, cpus) == 2)
            snprintf(list + used, sizeof list - used, "%s%s of CPU %s", used ? ", " : "", name,
                     cpus);
    }
    if (list[0]) {
        DOCTOR_SAY(out->fact, "%s; 'quern probe -d %s' tries the events", list, doctor->device_key);
        doctor->has_counters = 1;
        return;
    }
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "the kernel of %s shows no PMU of a core", doctor->device_key);
    DOCTOR_SAY(out->consequence,
               "timing only, unless 'quern probe -d %s' finds that CPU_CYCLES "
               "counts all the same",
               doctor->device_key);
}

void doctor_remote_user_read(struct doctor *doctor, struct doctor_finding *out)
{
    char answer[ANSWER_BYTES], access[32];
    const int is_arm = strcmp(doctor->device->arch, "x86_64") != 0;
    if (ask(doctor,
            is_arm ? "echo access $(cat /proc/sys/kernel/perf_user_access 2>/dev/null)"
                   : "echo access $(cat /sys/bus/event_source/devices/cpu/rdpmc 2>/dev/null)",
            answer, out))
        return;
    word_of(answer, "access", access, sizeof access);
    doctor_judge_user_read(doctor, is_arm, access[0] ? strtol(access, NULL, 10) : -1, out);
}

/* ---- permission */

void doctor_judge_permission(const char *device_key, const struct doctor_permission *p,
                             struct doctor_finding *out)
{
    int allowed = p->uid == 0 || p->paranoid <= 1;
    const char *serial = strncmp(device_key, "adb:", 4) == 0 ? device_key + 4 : NULL;
    DOCTOR_SAY(out->fact, "level %d%s%s", p->paranoid, p->uid == 0 ? ", and this is root" : "",
               p->harden == 1 ? ", security.perf_harden is 1" : "");
    if (allowed)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->consequence, p->paranoid == 2
                                     ? "only events of its own user code: enough here, "
                                       "but some kernels refuse those, too"
                                     : "no counters for this user");
    if (serial && p->harden != 0)
        DOCTOR_SAY(out->remedy, "adb -s %.*s shell setprop security.perf_harden 0",
                   (int)strcspn(serial, "/"), serial);
    else if (serial)
        DOCTOR_SAY(out->remedy,
                   "adb -s %.*s root, then: adb shell 'echo -1 > "
                   "/proc/sys/kernel/perf_event_paranoid'",
                   (int)strcspn(serial, "/"), serial);
    else
        DOCTOR_SAY(out->remedy, "there: sudo sysctl kernel.perf_event_paranoid=1");
}

void doctor_remote_paranoid(struct doctor *doctor, struct doctor_finding *out)
{
    char answer[ANSWER_BYTES], paranoid[32], uid[32], harden[32];
    if (ask(doctor,
            "echo paranoid $(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null); "
            "echo uid $(id -u); echo harden $(getprop security.perf_harden 2>/dev/null)",
            answer, out))
        return;
    word_of(answer, "paranoid", paranoid, sizeof paranoid);
    word_of(answer, "uid", uid, sizeof uid);
    word_of(answer, "harden", harden, sizeof harden);
    if (!paranoid[0]) {
        DOCTOR_SAY(out->fact, "the kernel of %s does not show its level", doctor->device_key);
        return;
    }
    const struct doctor_permission p = { (int)strtol(paranoid, NULL, 10),
                                         uid[0] ? (int)strtol(uid, NULL, 10) : -1,
                                         harden[0] ? (int)strtol(harden, NULL, 10) : -1 };
    doctor_judge_permission(doctor->device_key, &p, out);
}

/* ---- frequency */

void doctor_remote_governor(struct doctor *doctor, struct doctor_finding *out)
{
    char answer[ANSWER_BYTES], command[300], governor[40], now[24], most[24];
    int cpu = doctor->device->cpu_index > 0 ? doctor->device->cpu_index : 0;
    snprintf(command, sizeof command,
             "cd /sys/devices/system/cpu/cpu%d/cpufreq && echo governor $(cat scaling_governor); "
             "echo now $(cat scaling_cur_freq); echo most $(cat cpuinfo_max_freq)",
             cpu);
    if (ask(doctor, command, answer, out))
        return;
    word_of(answer, "governor", governor, sizeof governor);
    word_of(answer, "now", now, sizeof now);
    word_of(answer, "most", most, sizeof most);
    if (!governor[0]) {
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->fact, "the kernel of %s does not show the frequency of CPU %d",
                   doctor->device_key, cpu);
        DOCTOR_SAY(out->consequence,
                   "a change of the clock shows as noise; compare only within a run");
        return;
    }
    DOCTOR_SAY(out->fact, "CPU %d: governor %s, %s of %s kHz", cpu, governor, now, most);
    if (strcmp(governor, "performance") == 0)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->consequence, "the clock follows the load and the temperature: rank by cycles, "
                                 "and let the canary void what was throttled");
    DOCTOR_SAY(out->remedy,
               "as root there: echo performance > "
               "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor",
               cpu);
}

void doctor_remote_nothing(struct doctor *doctor, struct doctor_finding *out)
{
    DOCTOR_SAY(out->fact, "not asked of %s", doctor->device_key);
}
