/* A phone with two kinds of core, of which AArch64 programs really run, under QEMU: each kind is a
 * target of its own, and proofs go through a phone that dies.
 *
 *     test_phone SOURCE_ROOT CACHE ADBD BOX */
#include "kernels/cpu.h"
#include "tests/t_adb.h"

enum { LITTLE = 4, CPUS = 6 };

static char folder[200], fake[300];
static struct t_phone phone;

/* Four Cortex-A55 and two Cortex-A76. */
static void make_fake(void)
{
    char path[500], text[8000] = "", said[300];
    snprintf(fake, sizeof fake, "%s/fake", folder);
    for (int cpu = 0; cpu < CPUS; cpu++) {
        int big = cpu >= LITTLE;
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n,
                 "processor\t: %d\nFeatures\t: fp asimd atomics asimddp\nCPU implementer\t: 0x41\n"
                 "CPU architecture: 8\nCPU variant\t: %s\nCPU part\t: %s\nCPU revision\t: %d\n\n",
                 cpu, big ? "0x4" : "0x2", big ? "0xd0b" : "0xd05", big);
        snprintf(path, sizeof path, "%s/cpu/cpu%d/cpufreq", fake, cpu);
        T_RUN(NULL, said, "mkdir", "-p", path);
        snprintf(path, sizeof path, "%s/cpu/cpu%d/cpufreq/cpuinfo_max_freq", fake, cpu);
        t_write_file(path, big ? "2210000\n" : "1800000\n");
        snprintf(path, sizeof path, "%s/cpu/cpu%d/cpu_capacity", fake, cpu);
        t_write_file(path, big ? "1024\n" : "400\n");
    }
    snprintf(path, sizeof path, "%s/cpuinfo", fake);
    t_write_file(path, text);
}

static void make_phone(const char *adbd, const char *box)
{
    const char *const options[] = { "--run", box, "cortex-a76", fake };
    memcpy(phone.option, options, sizeof options);
    t_phone_new(&phone, adbd, folder, "phone");
    t_phone_program(&phone, "getprop",
                    "case $1 in\nro.product.model) echo Twice Two;;\nro.boot.qemu) echo 1;;\n"
                    "ro.build.version.release) echo 12;;\nesac");
    t_phone_program(&phone, "uname",
                    "case $1 in\n-m) echo aarch64;;\n*) exec /bin/uname \"$@\";;\nesac");
    t_phone_program(&phone, "grep",
                    "case $1 in\nCpus_allowed_list) echo Cpus_allowed_list: 0-5;;\n"
                    "*) exec /bin/grep \"$@\";;\nesac");
}

static struct hrn_device *open_key(const char *key)
{
    struct hrn_device *d;
    char err[600];
    if (hrn_device_open(key, &d, err, sizeof err) == 0)
        return d;
    printf("  %s\n", err);
    return NULL;
}

/* --cpu chooses the kind of core, too. */
static void pinned(void)
{
    static const struct {
        const char *suffix;
        int cpu;
        const char *key, *core; /* NULL: refused */
    } rows[] = {
        { "", -1, "", "Cortex-A76" },
        { "", 0, "/cpu0", "Cortex-A55" },
        { "", 4, "/cpu4", "Cortex-A76" },
        { "/cpu4", 4, "/cpu4", "Cortex-A76" },
        { "/cpu4", -1, "/cpu4", "Cortex-A76" },
        { "/cpu4", 0, NULL, NULL },
        { "", 6, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[60], want[60], err[600];
        struct hrn_device *d;
        snprintf(key, sizeof key, "%s%s", phone.key, rows[i].suffix);
        int rc = hrn_device_open_cpu(key, rows[i].cpu, &d, err, sizeof err);
        if (!T_CHECK((rc == 0) == (rows[i].key != NULL)) || rc != 0) {
            T_CHECK(rc == 0 || (d == NULL && err[0] != '\0'));
            continue;
        }
        snprintf(want, sizeof want, "%s%s", phone.key, rows[i].key);
        T_CHECK_STR(hrn_device_info(d)->key, want);
        T_CHECK_STR(hrn_device_info(d)->cpu, rows[i].core);
        hrn_device_close(d);
    }
}

static void targets(void)
{
    static const struct {
        const char *suffix, *cpu, *midr;
        int index;
    } rows[] = {
        { "", "Cortex-A76", "0x414fd0b1", 5 },
        { "/cpu4", "Cortex-A76", "0x414fd0b1", 4 },
        { "/cpu0", "Cortex-A55", "0x412fd050", 0 },
        { "/cpu3", "Cortex-A55", "0x412fd050", 3 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[60];
        snprintf(key, sizeof key, "%s%s", phone.key, rows[i].suffix);
        struct hrn_device *d = open_key(key);
        if (!T_CHECK(d != NULL))
            continue;
        const struct hrn_device_info *info = hrn_device_info(d);
        T_CHECK_STR(info->key, key);
        T_CHECK_STR(info->cpu, rows[i].cpu);
        T_CHECK_STR(info->midr, rows[i].midr);
        T_CHECK(info->cpu_index == rows[i].index && info->core_count == 2);
        T_CHECK(info->evidence == HRN_EMULATED && info->isas & 1u << KRN_ISA_DOTPROD);
        hrn_device_close(d);
    }
    char none[60];
    snprintf(none, sizeof none, "%s/cpu6", phone.key);
    T_CHECK(open_key(none) == NULL);
    pinned();
}

/* What `quern devices` prints. */
static void take_key(const char *key, const char *note, void *user)
{
    char *text = user;
    size_t n = strlen(text);
    snprintf(text + n, 2000 - n, "%s=%s\n", key, note);
}

static void lists(void)
{
    char text[2000] = "";
    for (size_t i = 0; i < hrn_device_kind_count; i++)
        if (strcmp(hrn_device_kinds[i].name, "adb") == 0)
            hrn_device_kinds[i].list(take_key, text);
    int whole = strstr(text, "=Twice Two, Android 12 (emulated)") != NULL &&
                strstr(text, "/cpu3=4 x Cortex-A55, CPU 0-3, up to 1.80 GHz") != NULL &&
                strstr(text, "/cpu5=2 x Cortex-A76, CPU 4-5, up to 2.21 GHz") != NULL;
    if (!T_CHECK(whole))
        printf("%s", text);
}

static void kill_phone(void)
{
    t_stop(phone.pid);
}

static void restart_phone(void)
{
    t_phone_start(&phone);
}

int main(int argc, char **argv)
{
    char said[1000];
    t_begin(argc, argv);
    if (argc < 5)
        t_skip("usage: test_phone SOURCE_ROOT CACHE ADBD BOX");
    if (!t_has_program("adb") || !t_has_program("python3") || !t_has_program("qemu-aarch64"))
        t_skip("needs adb, python3 and qemu-user");
    t_folder(folder, sizeof folder);
    make_fake();
    if (T_RUN(NULL, said, argv[4], "cortex-a76", fake, "true") != 0)
        t_skip(said);
    t_adb_begin(folder);
    make_phone(argv[3], argv[4]);
    targets();
    lists();
    struct hrn_device *d = open_key(phone.key);
    if (T_CHECK(d != NULL) && t_remote_build("aarch64", argv[1], argv[2]) == 0) {
        t_remote_session(d, NULL, NULL);
        t_remote_session(d, kill_phone, restart_phone);
    }
    hrn_device_close(d);
    t_phone_end(&phone);
    t_adb_end();
    t_remove(folder);
    return t_end();
}
