/* ISA levels: the table is complete, names are found, the mask hides; where the system lists the
 * CPU's features as text, the probe agrees with it. */
#include "kernels/cpu.h"

#include "tests/t.h"

static void test_table(void)
{
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        T_CHECK(krn_isas[isa].name && krn_isas[isa].arch && krn_isas[isa].meaning);
        T_CHECK(krn_isa_find(krn_isas[isa].name) == isa);
    }
    T_CHECK(krn_isa_find("") == -1 && krn_isa_find("avx") == -1 && krn_isa_find("DOTPROD") == -1);
}

static void test_mask(void)
{
    uint32_t all = krn_cpu_isas();
    T_CHECK(all & 1u << KRN_ISA_C);
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++) {
        krn_cpu_mask_set(~(1u << isa));
        T_CHECK(krn_cpu_isas() == (all & ~(1u << isa)));
    }
    krn_cpu_mask_set(0);
    T_CHECK(krn_cpu_isas() == 0);
    krn_cpu_mask_set(~0u);
    T_CHECK(krn_cpu_isas() == all);
}

/* The flags line of /proc/cpuinfo, which the kernel writes from its own probe. */
static void test_against_cpuinfo(void)
{
    static const struct {
        enum krn_isa isa;
        const char *words[4]; /* all of them; with spaces on both sides */
    } rows[] = {
        { KRN_ISA_NEON, { " asimd " } },
        { KRN_ISA_DOTPROD, { " asimddp " } },
        { KRN_ISA_I8MM, { " i8mm " } },
        { KRN_ISA_AVX2, { " avx2 " } },
        { KRN_ISA_AVXVNNI, { " avx_vnni " } },
        { KRN_ISA_AVX512VNNI, { " avx512f ", " avx512bw ", " avx512vl ", " avx512_vnni " } },
    };
#if defined(__aarch64__)
    const char *label = "Features"; /* an emulator may show the host's "flags" */
#else
    const char *label = "flags";
#endif
    char line[8192], flags[8192] = "";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, label, strlen(label)) == 0) {
            line[strcspn(line, "\n")] = ' ';
            memcpy(flags, line, sizeof flags);
        }
    if (f)
        fclose(f);
    if (flags[0] == '\0') {
        printf("no %s in /proc/cpuinfo: nothing to compare with\n", label);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int has = 1;
        for (int w = 0; w < 4 && rows[i].words[w]; w++)
            has &= strstr(flags, rows[i].words[w]) != NULL;
        int probed = krn_cpu_isas() >> rows[i].isa & 1;
        if (!T_CHECK(probed == has))
            printf("  %s: probe %d, /proc/cpuinfo %d\n", krn_isas[rows[i].isa].name, probed, has);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_table();
    test_mask();
    test_against_cpuinfo();
    return t_end();
}
