/* What a device says of itself: a command for its shell, and a pure reading of the answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/device/remote_int.h"
#include "kernels/cpu.h"

/* One line, for any shell that knows POSIX: "key value" lines, a line per CPU, and /proc/cpuinfo.
 */
const char hrn_probe_command[] =
    "g() { v=-; [ -r $1 ] && read -r v < $1; }; "
    "echo arch $(uname -m); echo kernel $(uname -r); "
    "if command -v getprop > /dev/null; then "
    "echo model $(getprop ro.product.model); echo soc $(getprop ro.soc.model); "
    "echo platform $(getprop ro.board.platform); echo os Android $(getprop "
    "ro.build.version.release); "
    "echo emulator $(getprop ro.kernel.qemu)$(getprop ro.boot.qemu); "
    "else [ -r /etc/os-release ] && . /etc/os-release && echo os $PRETTY_NAME; fi; "
    "[ -r /sys/firmware/devicetree/base/compatible ] && "
    "echo board $(tr '\\000' ' ' < /sys/firmware/devicetree/base/compatible); "
    "echo allowed $(grep Cpus_allowed_list /proc/self/status); "
    "for c in /sys/devices/system/cpu/cpu[0-9]*; do g $c/regs/identification/midr_el1; m=$v; "
    "g $c/cpufreq/cpuinfo_max_freq; f=$v; g $c/cpu_capacity; echo cpu ${c##*/cpu} $m $f $v; done; "
    "echo cpuinfo; cat /proc/cpuinfo; echo; echo end";

/* What the text says, on the way to info. */
struct reading {
    struct hrn_device_info *info;
    char platform[64], family[16], model[16], stepping[16];
    int allowed[HRN_CPUS_MAX], has_allowed;
    struct {
        int known;
        uint32_t midr;
        int32_t max_khz, capacity;
    } cpu[HRN_CPUS_MAX];
    int processor; /* of /proc/cpuinfo, the one at hand; -1 = none */
    uint32_t part_midr;
    int has_arm_line, has_x86_line, is_emulated;
};

static void copy_text(char *out, size_t out_bytes, const char *text)
{
    size_t n = 0;
    for (; *text && n + 1 < out_bytes; text++)
        if ((unsigned char)*text >= ' ' && *text != 127)
            out[n++] = *text;
    out[n] = '\0';
}

/* ---- "key value" */

static void on_arch(struct reading *r, const char *value)
{
    copy_text(r->info->arch, sizeof r->info->arch, value);
}
static void on_kernel(struct reading *r, const char *value)
{
    copy_text(r->info->kernel, sizeof r->info->kernel, value);
}
static void on_model(struct reading *r, const char *value)
{
    copy_text(r->info->model, sizeof r->info->model, value);
}
static void on_soc(struct reading *r, const char *value)
{
    copy_text(r->info->soc, sizeof r->info->soc, value);
}
static void on_platform(struct reading *r, const char *value)
{
    copy_text(r->platform, sizeof r->platform, value);
}
static void on_os(struct reading *r, const char *value)
{
    copy_text(r->info->os, sizeof r->info->os, value);
}
static void on_emulator(struct reading *r, const char *value)
{
    r->is_emulated |= strchr(value, '1') != NULL;
}
/* QEMU's own board: with or without hardware below it, which cannot be told from here. */
static void on_board(struct reading *r, const char *value)
{
    r->is_emulated |= strstr(value, "linux,dummy-virt") != NULL;
}

/* "Cpus_allowed_list: 0-3,6" */
static void on_allowed(struct reading *r, const char *value)
{
    const char *at = strpbrk(value, "0123456789");
    while (at && *at) {
        char *end;
        long first = strtol(at, &end, 10), last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        for (long cpu = first; cpu >= 0 && cpu <= last && cpu < HRN_CPUS_MAX; cpu++)
            r->allowed[cpu] = r->has_allowed = 1;
        at = *end == ',' ? end + 1 : NULL;
    }
}

/* "3 0x00000000410fd034 1800000 446"; '-' is what the kernel does not show. */
static void on_cpu(struct reading *r, const char *value)
{
    char midr[32], khz[32], capacity[32];
    int cpu;
    if (sscanf(value, "%d %31s %31s %31s", &cpu, midr, khz, capacity) != 4 || cpu < 0 ||
        cpu >= HRN_CPUS_MAX)
        return;
    r->cpu[cpu].known = 1;
    r->cpu[cpu].midr = (uint32_t)strtoull(midr, NULL, 16);
    r->cpu[cpu].max_khz = (int32_t)strtol(khz, NULL, 10);
    r->cpu[cpu].capacity = (int32_t)strtol(capacity, NULL, 10);
}

/* ---- /proc/cpuinfo */

/* Words of the line "Features" (AArch64) or "flags" (x86), and the level that needs all of them. */
static const struct feature {
    enum krn_isa isa;
    const char *words[5];
} features[] = {
    { KRN_ISA_NEON, { "asimd" } },
    { KRN_ISA_DOTPROD, { "asimddp" } },
    { KRN_ISA_I8MM, { "i8mm" } },
    { KRN_ISA_AVX2, { "avx2" } },
    { KRN_ISA_AVXVNNI, { "avx2", "avx_vnni" } },
    { KRN_ISA_AVX512VNNI, { "avx2", "avx512f", "avx512bw", "avx512vl", "avx512_vnni" } },
};

static int has_word(const char *line, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = line; (at = strstr(at, word)); at += length)
        if ((at == line || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return 1;
    return 0;
}

/* What every CPU has counts: a core without the level must not be handed its code. */
static void add_isas(struct reading *r, const char *words, int *seen)
{
    uint32_t isas = 1u << KRN_ISA_C;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        int all = 1;
        for (size_t w = 0; w < 5 && features[i].words[w]; w++)
            all &= has_word(words, features[i].words[w]);
        isas |= (uint32_t)all << features[i].isa;
    }
    r->info->isas = *seen ? r->info->isas & isas : isas;
    *seen = 1;
}

static void on_processor(struct reading *r, const char *value)
{
    long cpu = strtol(value, NULL, 10);
    r->processor = cpu >= 0 && cpu < HRN_CPUS_MAX ? (int)cpu : -1;
    r->part_midr = 0xf0000; /* architecture: see the ID registers */
    if (r->processor >= 0)
        r->cpu[r->processor].known = 1;
}
static void part_of_midr(struct reading *r, const char *value, int shift, uint32_t mask)
{
    r->part_midr |= ((uint32_t)strtoul(value, NULL, 0) & mask) << shift;
}
static void on_implementer(struct reading *r, const char *value)
{
    part_of_midr(r, value, 24, 0xff);
}
static void on_variant(struct reading *r, const char *value)
{
    part_of_midr(r, value, 20, 0xf);
}
static void on_part(struct reading *r, const char *value)
{
    part_of_midr(r, value, 4, 0xfff);
}
/* The last of the block. */
static void on_revision(struct reading *r, const char *value)
{
    part_of_midr(r, value, 0, 0xf);
    if (r->processor >= 0 && !r->cpu[r->processor].midr)
        r->cpu[r->processor].midr = r->part_midr;
}
static void on_features(struct reading *r, const char *value)
{
    add_isas(r, value, &r->has_arm_line);
}
static void on_flags(struct reading *r, const char *value)
{
    add_isas(r, value, &r->has_x86_line);
}
static void on_model_name(struct reading *r, const char *value)
{
    copy_text(r->info->cpu, sizeof r->info->cpu, value);
}
static void on_family(struct reading *r, const char *value)
{
    copy_text(r->family, sizeof r->family, value);
}
static void on_x86_model(struct reading *r, const char *value)
{
    copy_text(r->model, sizeof r->model, value);
}
static void on_stepping(struct reading *r, const char *value)
{
    copy_text(r->stepping, sizeof r->stepping, value);
}

/* ---- lines */

struct row {
    const char *key;
    void (*take)(struct reading *r, const char *value);
};
static const struct row rows[] = {
    { "arch", on_arch },         { "kernel", on_kernel }, { "model", on_model },
    { "soc", on_soc },           { "os", on_os },         { "platform", on_platform },
    { "emulator", on_emulator }, { "board", on_board },   { "allowed", on_allowed },
    { "cpu", on_cpu },
};
static const struct row cpuinfo_rows[] = {
    { "processor", on_processor },   { "CPU implementer", on_implementer },
    { "CPU variant", on_variant },   { "CPU part", on_part },
    { "CPU revision", on_revision }, { "Features", on_features },
    { "flags", on_flags },           { "model name", on_model_name },
    { "cpu family", on_family },     { "model", on_x86_model },
    { "stepping", on_stepping },
};

static void take(struct reading *r, const struct row *table, size_t count, const char *key,
                 const char *value)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].key, key) == 0)
            table[i].take(r, value);
}

/* Cuts "key value" or "key\t: value" in two. */
static void take_line(struct reading *r, char *line, int in_cpuinfo)
{
    char *cut = in_cpuinfo ? strchr(line, ':') : strchr(line, ' '), *end;
    if (!cut)
        return;
    char *value = cut + 1 + strspn(cut + 1, " \t");
    for (end = cut; end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
        ;
    *end = '\0';
    if (in_cpuinfo)
        take(r, cpuinfo_rows, sizeof cpuinfo_rows / sizeof *cpuinfo_rows, line, value);
    else
        take(r, rows, sizeof rows / sizeof *rows, line, value);
}

/* ---- from CPUs to kinds of core */

static void add_cpu(struct hrn_device_info *info, const struct reading *r, int cpu)
{
    size_t kind = 0;
    for (; kind < info->core_count; kind++)
        if (info->cores[kind].midr == r->cpu[cpu].midr &&
            info->cores[kind].max_khz == r->cpu[cpu].max_khz)
            break;
    if (kind == HRN_CORE_KINDS_MAX)
        return;
    struct hrn_core_kind *core = &info->cores[kind];
    if (kind == info->core_count) {
        info->core_count++;
        *core = (struct hrn_core_kind) { .midr = r->cpu[cpu].midr,
                                         .max_khz = r->cpu[cpu].max_khz,
                                         .capacity = r->cpu[cpu].capacity };
        copy_text(core->name, sizeof core->name, hrn_core_name(core->midr));
    }
    core->count++;
    core->cpus[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

/* By capacity, then by frequency; kinds that the kernel does not compare stay as they come: phones
 * count from the small cores up. */
static int by_strength(const void *a, const void *b)
{
    const struct hrn_core_kind *x = a, *y = b;
    if (x->capacity != y->capacity)
        return (x->capacity > y->capacity) - (x->capacity < y->capacity);
    if (x->max_khz != y->max_khz)
        return (x->max_khz > y->max_khz) - (x->max_khz < y->max_khz);
    for (int word = 0; word < HRN_CPUS_MAX / 64; word++)
        if (x->cpus[word] != y->cpus[word])
            return (x->cpus[word] & -x->cpus[word]) > (y->cpus[word] & -y->cpus[word]) ? 1 : -1;
    return 0;
}

/* The last CPU that may be used of the strongest kind: interrupts and daemons prefer the first. */
static void choose_core(struct hrn_device_info *info, const struct reading *r)
{
    info->cpu_index = -1;
    for (size_t kind = info->core_count; kind-- && info->cpu_index < 0;)
        for (int cpu = HRN_CPUS_MAX - 1; cpu >= 0 && info->cpu_index < 0; cpu--)
            if (info->cores[kind].cpus[cpu / 64] >> cpu % 64 & 1 &&
                (!r->has_allowed || r->allowed[cpu])) {
                info->cpu_index = cpu;
                if (info->cores[kind].midr) {
                    snprintf(info->midr, sizeof info->midr, "0x%08x", info->cores[kind].midr);
                    snprintf(info->cpu, sizeof info->cpu, "%s", info->cores[kind].name);
                }
            }
}

static void conclude(struct reading *r)
{
    struct hrn_device_info *info = r->info;
    int is_arm = strcmp(info->arch, "aarch64") == 0;
    for (int cpu = 0; cpu < HRN_CPUS_MAX; cpu++)
        if (r->cpu[cpu].known)
            add_cpu(info, r, cpu);
    qsort(info->cores, info->core_count, sizeof *info->cores, by_strength);
    choose_core(info, r);
    if (!is_arm)
        hrn_x86_identity(info, r->family, r->model, r->stepping);
    if (!info->soc[0])
        copy_text(info->soc, sizeof info->soc, r->platform);
    /* An AArch64 system on the /proc/cpuinfo of an x86 machine is QEMU's user mode. */
    info->evidence = r->is_emulated || (is_arm && r->has_x86_line) ? HRN_EMULATED : HRN_MEASURED;
    info->isas |= 1u << KRN_ISA_C;
    if (is_arm)
        info->isas |= 1u << KRN_ISA_NEON; /* part of every AArch64 application profile */
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        if (strcmp(krn_isas[isa].arch, "any") && strcmp(krn_isas[isa].arch, info->arch))
            info->isas &= ~(1u << isa);
}

int hrn_probe_read(const char *text, struct hrn_device_info *info)
{
    struct reading *r = calloc(1, sizeof *r);
    char *copy = strdup(text), *rest = NULL;
    int in_cpuinfo = 0, ended = 0;
    if (!r || !copy) {
        free(r);
        free(copy);
        return -ENOMEM;
    }
    r->info = info;
    r->processor = -1;
    info->core_count = 0;
    for (char *line = strtok_r(copy, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        ended |= in_cpuinfo && strcmp(line, "end") == 0;
        if (strcmp(line, "cpuinfo") == 0)
            in_cpuinfo = 1;
        else if (!ended)
            take_line(r, line, in_cpuinfo);
    }
    if (ended)
        conclude(r);
    free(r);
    free(copy);
    return ended && info->arch[0] ? 0 : -EPROTO;
}

int hrn_remote_probe(struct hrn_device *d, const char *folder)
{
    char command[400];
    struct hrn_answer answer;
    snprintf(command, sizeof command, "d=%s; mkdir -p $d && cd $d && pwd", folder);
    int rc = hrn_remote_run(d, command, -1, d->patience.call_ms, &answer);
    if (rc == 0 &&
        (answer.exit_code != 0 || answer.text[0] != '/' ||
         strpbrk(answer.text, " '\"$`\\;&|<>*?") || answer.length >= sizeof d->remote->folder))
        rc = hrn_device_fail(d, -EACCES, "%s: cannot make the folder %s there: %.200s", d->info.key,
                             folder, *answer.complaint ? answer.complaint : answer.text);
    if (rc == 0)
        snprintf(d->remote->folder, sizeof d->remote->folder, "%.*s",
                 (int)strcspn(answer.text, "\r\n"), answer.text);
    hrn_answer_clear(&answer);
    if (rc < 0)
        return rc;
    rc = hrn_remote_run(d, hrn_probe_command, -1, d->patience.call_ms, &answer);
    if (rc == 0 && hrn_probe_read(answer.text, &d->info) < 0)
        rc = hrn_device_fail(d, -EPROTO, "%s: it does not say what it is: %.200s", d->info.key,
                             *answer.complaint ? answer.complaint : answer.text);
    hrn_answer_clear(&answer);
    return rc;
}
