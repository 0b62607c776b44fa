#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/device/device_int.h"
#include "variants/cores.h"

/* MIDR: implementer in bits 31..24, part in bits 15..4. From Arm's technical reference manuals and
 * the kernel's asm/cputype.h. */
static const struct {
    uint8_t implementer;
    uint16_t part;
    const char *name;
} cores[] = {
    { 0x41, 0xd03, "Cortex-A53" },    { 0x41, 0xd04, "Cortex-A35" },
    { 0x41, 0xd05, "Cortex-A55" },    { 0x41, 0xd07, "Cortex-A57" },
    { 0x41, 0xd08, "Cortex-A72" },    { 0x41, 0xd09, "Cortex-A73" },
    { 0x41, 0xd0a, "Cortex-A75" },    { 0x41, 0xd0b, "Cortex-A76" },
    { 0x41, 0xd0c, "Neoverse-N1" },   { 0x41, 0xd0d, "Cortex-A77" },
    { 0x41, 0xd40, "Neoverse-V1" },   { 0x41, 0xd41, "Cortex-A78" },
    { 0x41, 0xd44, "Cortex-X1" },     { 0x41, 0xd46, "Cortex-A510" },
    { 0x41, 0xd47, "Cortex-A710" },   { 0x41, 0xd48, "Cortex-X2" },
    { 0x41, 0xd49, "Neoverse-N2" },   { 0x41, 0xd4d, "Cortex-A715" },
    { 0x41, 0xd4e, "Cortex-X3" },     { 0x41, 0xd4f, "Neoverse-V2" },
    { 0x41, 0xd80, "Cortex-A520" },   { 0x41, 0xd81, "Cortex-A720" },
    { 0x41, 0xd82, "Cortex-X4" },     { 0x46, 0x001, "A64FX" },
    { 0x51, 0x800, "Kryo 2xx Gold" }, { 0x51, 0x801, "Kryo 2xx Silver" },
    { 0x51, 0x802, "Kryo 3xx Gold" }, { 0x51, 0x803, "Kryo 3xx Silver" },
    { 0x51, 0x804, "Kryo 4xx Gold" }, { 0x51, 0x805, "Kryo 4xx Silver" },
};

const char *hrn_core_name(uint32_t midr)
{
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
        if (cores[i].implementer == midr >> 24 && cores[i].part == (midr >> 4 & 0xfff))
            return cores[i].name;
    return "";
}

const struct var_core *hrn_device_core(const struct hrn_device_info *info)
{
    const char *colon = strchr(info->key, ':');
    char name[40];
    if (info->evidence == HRN_PREDICTED)
        return colon ? var_core_find(colon + 1, NULL) : NULL;
    snprintf(name, sizeof name, "%s", hrn_core_name((uint32_t)strtoul(info->midr, NULL, 16)));
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return var_core_find(name, NULL);
}

static int has_cpu(const struct hrn_core_kind *core, int cpu)
{
    return cpu >= 0 && cpu < HRN_CPUS_MAX && (core->cpus[cpu / 64] >> cpu % 64 & 1);
}

int hrn_core_of_cpu(const struct hrn_device_info *info, int cpu)
{
    for (size_t i = 0; i < info->core_count; i++)
        if (has_cpu(&info->cores[i], cpu))
            return (int)i;
    return -1;
}

void hrn_core_cpus(const struct hrn_core_kind *core, char *out, size_t out_bytes)
{
    out[0] = '\0';
    for (int first = 0; first < HRN_CPUS_MAX; first++) {
        int last = first;
        if (!has_cpu(core, first))
            continue;
        while (has_cpu(core, last + 1))
            last++;
        size_t used = strlen(out);
        snprintf(out + used, out_bytes - used, last > first ? "%s%d-%d" : "%s%d", used ? "," : "",
                 first, last);
        first = last;
    }
}
