/* Probes of the programs and files that a job needs, or does more with. */
#include "harness/cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/build/build.h"
#include "harness/cli/capture.h"
#include "harness/cli/cli_int.h"
#include "harness/model/mca.h"
#include "quant/model/graph.h"

enum { TIMEOUT_MS = 5000 };

static const char *host_arch(void)
{
    static struct utsname name;
    return uname(&name) == 0 ? name.machine : "unknown";
}

/* The runner is a static program; a compiler may come without the library for that. */
static int has_static_libc(const char *cc)
{
    char path[512];
    const char *const argv[] = { cc, "-print-file-name=libc.a", NULL };
    return cli_capture_line(argv, TIMEOUT_MS, path, sizeof(path)) == 0 && strchr(path, '/');
}

static void toolchain(const char *arch, enum doctor_status without, const char *consequence,
                      const char *packages, struct doctor_finding *out)
{
    struct hrn_toolchain found;
    if (hrn_toolchain_find(arch, NULL, &found, out->fact, sizeof(out->fact)) == 0) {
        DOCTOR_SAY(out->fact, "%s: %s", found.cc, found.version);
        if (has_static_libc(found.cc))
            return;
        DOCTOR_SAY(out->fact, "%s has no static C library (libc.a)", found.cc);
    }
    out->status = without;
    DOCTOR_SAY(out->consequence, "%s", consequence);
    DOCTOR_SAY(out->remedy, "sudo apt-get install %s", packages);
}

void doctor_compiler(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    toolchain(host_arch(), DOCTOR_MISSING, "variants cannot be built for this machine",
              "gcc libc6-dev", out);
}

void doctor_cross(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    if (strcmp(host_arch(), "aarch64") == 0)
        DOCTOR_SAY(out->fact, "none needed: this machine is AArch64 itself");
    else
        toolchain("aarch64", DOCTOR_WARN, "no AArch64 variants can be built",
                  "gcc-aarch64-linux-gnu "
                  "libc6-dev-arm64-cross",
                  out);
}

void doctor_sources(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    char path[4200];
    snprintf(path, sizeof(path), "%s/kernels/kernel.h", cli_source_root());
    DOCTOR_SAY(out->fact, "%s", cli_source_root());
    if (access(path, R_OK) == 0)
        return;
    out->status = DOCTOR_MISSING;
    DOCTOR_SAY(out->fact, "there is no kernels/ in %s", cli_source_root());
    DOCTOR_SAY(out->consequence, "variants cannot be built");
    DOCTOR_SAY(out->remedy, "export QUERN_SOURCE_ROOT=<the folder that holds kernels/>");
}

/* The nearest folder of `path` that is there; cuts `path`. */
static void existing_folder(char *path)
{
    while (access(path, F_OK) != 0) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) {
            path[0] = slash ? '/' : '.';
            path[1] = '\0';
            return;
        }
        *slash = '\0';
    }
}

void doctor_cache(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    enum { ENOUGH_MB = 300 };
    char path[4096];
    struct statvfs fs;
    snprintf(path, sizeof(path), "%s", cli_cache_dir());
    existing_folder(path);
    unsigned long long free_mb =
        statvfs(path, &fs) == 0 ? (unsigned long long)fs.f_bavail * fs.f_frsize >> 20 : 0;
    DOCTOR_SAY(out->fact, "%s, %llu MB free", cli_cache_dir(), free_mb);
    DOCTOR_SAY(out->remedy, "export QUERN_CACHE=<a folder with room>");
    if (access(path, W_OK | X_OK) != 0) {
        out->status = DOCTOR_MISSING;
        DOCTOR_SAY(out->fact, "%s cannot be written", path);
        DOCTOR_SAY(out->consequence, "built variants cannot be kept");
    } else if (free_mb < ENOUGH_MB) {
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->consequence, "a large sweep may fill the disk");
    } else {
        out->remedy[0] = '\0';
    }
}

/* The models that qemu lists: every word but the heading, on one line. */
static void qemu_models(const char *program, char *out, size_t bytes)
{
    char text[4096];
    size_t length = 0;
    const char *const argv[] = { program, "-cpu", "help", NULL };
    out[0] = '\0';
    if (cli_capture(argv, TIMEOUT_MS, text, sizeof(text)) < 0) /* it exits with 1 after its list */
        return;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] != ' ' || length >= bytes)
            continue;
        line += strspn(line, " ");
        length += (size_t)snprintf(out + length, bytes - length, "%s%.*s", length ? ", " : "",
                                   (int)strcspn(line, " "), line);
    }
}

void doctor_qemu(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    static const char *const programs[] = { "qemu-aarch64", "qemu-aarch64-static" };
    for (size_t i = 0; i < 2; i++) {
        char version[160], models[220];
        const char *const argv[] = { programs[i], "--version", NULL };
        if (cli_capture_line(argv, TIMEOUT_MS, version, sizeof(version)) != 0)
            continue;
        qemu_models(programs[i], models, sizeof(models));
        DOCTOR_SAY(out->fact, "%s; models: %s", version, models);
        return;
    }
    out->status = strcmp(host_arch(), "aarch64") == 0 ? DOCTOR_OK : DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "no qemu-aarch64");
    DOCTOR_SAY(out->consequence, "AArch64 variants cannot be proved without a device");
    DOCTOR_SAY(out->remedy, "sudo apt-get install qemu-user");
}

/* What the states of `adb devices` ask for; "device" is the good one. */
static const struct adb_state {
    const char *state, *consequence, *remedy;
} adb_states[] = {
    { "unauthorized", "the phone has not accepted this computer",
      "unlock the phone, accept its question, then run: adb devices" },
    { "offline", "the phone does not answer", "adb reconnect" },
    { "no", "this user may not open the USB device",
      "sudo apt-get install android-sdk-platform-tools-common; then plug the cable in again" },
};

/* Lines "SERIAL STATE": appends them to the fact, counts the usable ones. */
static int adb_phones(char *text, struct doctor_finding *out)
{
    int usable = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *state = strpbrk(line, "\t ");
        if (line[0] == '*' || strncmp(line, "List of", 7) == 0 || !state)
            continue;
        *state++ = '\0';
        state += strspn(state, "\t ");
        size_t at = strlen(out->fact), length = strcspn(state, " \t");
        snprintf(out->fact + at, sizeof(out->fact) - at, "; %s (%.*s)", line, (int)length, state);
        usable += length == 6 && strncmp(state, "device", 6) == 0;
        for (size_t i = 0; i < sizeof(adb_states) / sizeof(adb_states[0]); i++)
            if (strlen(adb_states[i].state) == length &&
                strncmp(state, adb_states[i].state, length) == 0) {
                out->status = DOCTOR_WARN;
                DOCTOR_SAY(out->consequence, "%s", adb_states[i].consequence);
                DOCTOR_SAY(out->remedy, "%s", adb_states[i].remedy);
            }
    }
    return usable;
}

void doctor_adb(struct doctor *doctor, struct doctor_finding *out)
{
    char text[4096], path[1024];
    const char *const argv[] = { "adb", "devices", NULL };
    if (cli_program_find("adb", path, sizeof(path))) {
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->fact, "no adb");
        DOCTOR_SAY(out->consequence, "phones cannot be reached");
        DOCTOR_SAY(out->remedy, "sudo apt-get install adb");
        return;
    }
    DOCTOR_SAY(out->fact, "%s", path);
    if (!doctor->use_adb) {
        DOCTOR_SAY(out->fact, "%s, not asked (--no-adb)", path);
        return;
    }
    int code = cli_capture(argv, TIMEOUT_MS, text, sizeof(text));
    if (code != 0) {
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->consequence, "'adb devices' %s",
                   code == -ETIMEDOUT ? "did not answer in 5 s" : "failed");
        DOCTOR_SAY(out->remedy, "adb kill-server");
    } else if (!adb_phones(text, out) && out->status == DOCTOR_OK) {
        out->status = DOCTOR_WARN;
        DOCTOR_SAY(out->fact, "%s; no phone is attached", path);
        DOCTOR_SAY(out->remedy, "turn on USB debugging on the phone and plug it in");
    }
}

void doctor_gnuplot(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    const char *const argv[] = { "gnuplot", "--version", NULL };
    if (cli_capture_line(argv, TIMEOUT_MS, out->fact, sizeof(out->fact)) == 0)
        return;
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "no gnuplot");
    DOCTOR_SAY(out->consequence, "reports have no plots");
    DOCTOR_SAY(out->remedy, "sudo apt-get install gnuplot-nox");
}

void doctor_mca(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    const char *program;
    char why[300];
    if (hrn_mca_find(&program, why, sizeof(why)) == 0) {
        DOCTOR_SAY(out->fact, "%s", program);
        return;
    }
    char *remedy = strchr(why, ';'); /* "what is missing; apt-get install ..." */
    out->status = DOCTOR_WARN;
    if (remedy)
        *remedy = '\0';
    DOCTOR_SAY(out->fact, "%s", why);
    DOCTOR_SAY(out->consequence, "no predictions for out-of-order cores (quern predict)");
    DOCTOR_SAY(out->remedy, "sudo%s", remedy ? remedy + 1 : " apt-get install llvm-19");
}

void doctor_dataset(struct doctor *doctor, struct doctor_finding *out)
{
    (void)doctor;
    struct qnt_dataset *set = NULL;
    struct qnt_error error;
    if (qnt_dataset_open("fashion-mnist:test", NULL, &set, &error) == 0) {
        DOCTOR_SAY(out->fact, "Fashion-MNIST, %zu test images", qnt_dataset_count(set));
        qnt_dataset_close(set);
        return;
    }
    out->status = DOCTOR_WARN;
    DOCTOR_SAY(out->fact, "%s", error.text);
    DOCTOR_SAY(out->consequence, "the built-in network cannot be calibrated or evaluated");
    DOCTOR_SAY(out->remedy, "sudo apt-get install dataset-fashion-mnist");
}
