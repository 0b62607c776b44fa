/* What devices say of themselves: phones, servers, virtual machines, and text that is no answer.
 * And the checksum that files travel with. */
#include <errno.h>

#include "harness/device/md5_int.h"
#include "harness/device/remote_int.h"
#include "kernels/cpu.h"
#include "tests/t.h"

#define A55(n)                                                                                     \
    "processor\t: " n "\nBogoMIPS\t: 49.15\n"                                                      \
    "Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm asimddp\n"         \
    "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x2\nCPU part\t: 0xd05\n"        \
    "CPU revision\t: 0\n\n"
#define X1(n)                                                                                      \
    "processor\t: " n "\nFeatures\t: fp asimd asimddp i8mm\nCPU implementer\t: 0x41\n"             \
    "CPU variant\t: 0x1\nCPU part\t: 0xd44\nCPU revision\t: 0\n\n"

static const char phone[] =
    "arch aarch64\r\nkernel 5.10.107-android13\r\nmodel Pixel 6\r\nsoc \r\nplatform gs101\r\n"
    "os Android 14\r\nemulator \r\nallowed Cpus_allowed_list:\t0-7\r\n"
    "cpu 0 - 1803000 160\r\ncpu 1 - 1803000 160\r\ncpu 4 - 2253000 498\r\n"
    "cpu 6 0x00000000411fd440 2802000 1024\r\ncpu 7 0x00000000411fd440 2802000 1024\r\n"
    "cpuinfo\r\n" A55("0") A55("1") A55("4") X1("6") X1("7") "Hardware\t: Oriole\n\nend\r\n";

static void test_phone(void)
{
    struct hrn_device_info info = { 0 };
    char cpus[32];
    T_CHECK(hrn_probe_read(phone, &info) == 0);
    T_CHECK_STR(info.arch, "aarch64");
    T_CHECK_STR(info.model, "Pixel 6");
    T_CHECK_STR(info.soc, "gs101");
    T_CHECK_STR(info.os, "Android 14");
    T_CHECK_STR(info.kernel, "5.10.107-android13");
    /* The strongest core, and of it the last; code for what all cores can do. */
    T_CHECK_STR(info.cpu, "Cortex-X1");
    T_CHECK_STR(info.midr, "0x411fd440");
    T_CHECK(info.cpu_index == 7 && info.evidence == HRN_MEASURED);
    T_CHECK(info.isas == (1u << KRN_ISA_C | 1u << KRN_ISA_NEON | 1u << KRN_ISA_DOTPROD));
    /* Two kinds by MIDR, three by frequency. */
    if (T_CHECK(info.core_count == 3)) {
        T_CHECK_STR(info.cores[0].name, "Cortex-A55");
        T_CHECK(info.cores[0].midr == 0x412fd050 && info.cores[0].count == 2);
        hrn_core_cpus(&info.cores[0], cpus, sizeof cpus);
        T_CHECK_STR(cpus, "0-1");
        hrn_core_cpus(&info.cores[1], cpus, sizeof cpus);
        T_CHECK_STR(cpus, "4");
        T_CHECK(info.cores[2].max_khz == 2802000 && info.cores[2].capacity == 1024);
    }
    T_CHECK(hrn_core_of_cpu(&info, 4) == 1 && hrn_core_of_cpu(&info, 5) == -1);
    T_CHECK(hrn_core_of_cpu(&info, -1) == -1 && hrn_core_of_cpu(&info, 100000) == -1);
}

/* Which evidence, and which core. */
static void test_others(void)
{
    static const struct {
        const char *text, *cpu, *midr;
        enum hrn_evidence evidence;
        int cpu_index;
    } rows[] = {
        { "arch x86_64\ncpu 0 - - -\ncpu 1 - - -\nallowed Cpus_allowed_list: 0\ncpuinfo\n"
          "processor : 0\ncpu family : 25\nmodel : 1\nmodel name : AMD EPYC\nstepping : 1\n"
          "flags : sse avx2 fma\n\nprocessor : 1\nflags : sse avx2\nend\n",
          "AMD EPYC", "25-1-1", HRN_MEASURED, 0 },
        { "arch aarch64\nboard linux,dummy-virt\ncpuinfo\n" A55("0") "end\n", "Cortex-A55",
          "0x412fd050", HRN_EMULATED, 0 },
        { "arch aarch64\nemulator 1\ncpuinfo\n" A55("0") "end\n", "Cortex-A55", "0x412fd050",
          HRN_EMULATED, 0 },
        { "arch aarch64\ncpuinfo\nprocessor : 0\nmodel name : AMD EPYC\nflags : avx2\nend\n",
          "AMD EPYC", "", HRN_EMULATED, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hrn_device_info info = { 0 };
        T_CHECK(hrn_probe_read(rows[i].text, &info) == 0);
        T_CHECK_STR(info.cpu, rows[i].cpu);
        T_CHECK_STR(info.midr, rows[i].midr);
        T_CHECK(info.evidence == rows[i].evidence && info.cpu_index == rows[i].cpu_index);
        T_CHECK(!(info.isas & 1u << KRN_ISA_AVX2) == !!strcmp(info.arch, "x86_64"));
    }
}

static void test_no_answers(void)
{
    static const char *const texts[] = {
        "",
        "end\n",
        "cpuinfo\nend\n",
        "sh: uname: not found\n",
        "arch aarch64\ncpuinfo\nprocessor : 0\n", /* cut off */
        "arch aarch64\nend\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hrn_device_info info = { 0 };
        T_CHECK(hrn_probe_read(texts[i], &info) == -EPROTO);
    }
}

/* The phone's text with bytes changed, cut and repeated: whatever comes of it is in bounds. */
static void test_damage(void)
{
    enum { ROUNDS = 2000 };
    uint64_t state = t_seed;
    char text[2 * sizeof phone];
    for (int i = 0; i < ROUNDS; i++) {
        struct hrn_device_info info = { 0 };
        size_t length = sizeof phone - 1;
        memcpy(text, phone, sizeof phone);
        for (int n = t_between(&state, 1, 8); n > 0; n--)
            text[t_between(&state, 0, (int)length - 1)] =
                "0123456789abcdefx:-, \n\r\x80\xff"[t_between(&state, 0, 24)];
        if (t_between(&state, 0, 3) == 0)
            text[t_between(&state, 0, (int)length)] = '\0';
        int rc = hrn_probe_read(text, &info);
        T_CHECK(rc == 0 || rc == -EPROTO);
        T_CHECK(info.core_count <= HRN_CORE_KINDS_MAX);
        T_CHECK(memchr(info.model, '\0', sizeof info.model) != NULL);
        for (size_t c = 0; c < info.core_count; c++) {
            char cpus[16];
            hrn_core_cpus(&info.cores[c], cpus, sizeof cpus);
        }
    }
}

/* RFC 1321, A.5; and every way to cut a text in two. */
static void test_md5(void)
{
    static const struct {
        const char *text, *digest;
    } rows[] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "a", "0cc175b9c0f1b6a831c399e269772661" },
        { "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
          "d174ab98d277d9f5a5611c2c9f419d9f" },
        { "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
          "0",
          "57edf4a22be3c955ac49da2e2107b67a" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
            struct hrn_md5 md5;
            char digest[HRN_MD5_TEXT];
            hrn_md5_begin(&md5);
            hrn_md5_add(&md5, rows[i].text, cut);
            hrn_md5_add(&md5, rows[i].text + cut, strlen(rows[i].text) - cut);
            hrn_md5_end(&md5, digest);
            T_CHECK_STR(digest, rows[i].digest);
        }
}

static void test_quotes(void)
{
    char out[32];
    T_CHECK(hrn_shell_quote("a b'c$d", out, sizeof out) == 0);
    T_CHECK_STR(out, "'a b'\\''c$d'");
    T_CHECK(hrn_shell_quote("", out, sizeof out) == 0);
    T_CHECK_STR(out, "''");
    T_CHECK(hrn_shell_quote("a text that is too long for it, by far", out, sizeof out) ==
            -ENAMETOOLONG);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_phone();
    test_others();
    test_no_answers();
    test_damage();
    test_md5();
    test_quotes();
    return t_end();
}
