/* `quern run` on devices: the scores of the built-in network are the same to the bit, on every ISA
 * and for any number of threads.
 *
 *     test_cmd_run QUERN CACHE MODEL */
#include "tests/t_quern.h"

/* A level of each architecture's own, and the plainest CPU. */
static void test_emulated(void)
{
    static const struct {
        const char *device, *kernel;
    } devices[] = {
        { "--device=qemu:cortex-a53", "neon_" },
        { "--device=qemu:cortex-a76", "dotprod_" },
        { "--device=qemu:max,sve=off", "i8mm_" },
    };
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        int code = QUERN("run", devices[i].device, "--methods=auto", "--count=3", "--threads=2",
                         "--builtin");
        if (code == 3) {
            printf("left out: %s", output);
            continue;
        }
        EXPECT(code, 0, "identical to this machine's on 3 of 3");
        T_CHECK(strstr(output, devices[i].kernel) && strstr(output, "EMULATED"));
        T_CHECK(!strstr(output, "ms per image"));
    }
}

static void test_local(void)
{
    EXPECT(QUERN("run", "--device=local", "--methods=max,auto", "--count=5", "--builtin"), 0,
           "identical to this machine's on 5 of 5");
    T_CHECK(strstr(output, "ms per image") != NULL);
    EXPECT(QUERN("run", "--device=local", "--methods=auto", "--count=2", "--json"), 0,
           "\"identical\": 2");
    T_CHECK(strstr(output, "\"evidence\": \"measured\"") && strstr(output, "\"time_ns\""));
}

/* Kernels from a folder of `quern export`. */
static void test_export(const char *model)
{
    char option[600];
    snprintf(option, sizeof option, "--model=%s", model);
    EXPECT(QUERN("sweep", option, "--isa=c", "--max-variants=1", "--screen-rounds=3", "--rounds=0",
                 "--screen-ms=0.01", "--warmup-ms=0", "--no-tails", "--quiet", "--db=w.db"),
           0, "timed, 0 failed");
    EXPECT(QUERN("export", "--db=w.db", "kernels"), 0, "");
    EXPECT(QUERN("run", "--kernels=kernels", "--methods=auto", "--count=2"), 0, "of the export");
    EXPECT(QUERN("run", "--kernels=kernels", "--methods=auto", "--count=2", "--device=local"), 0,
           "on 2 of 2");
    T_CHECK(strstr(output, "c_igemm_") != NULL);
    EXPECT(QUERN("run", "--kernels=.", "--methods=auto", "--count=2"), 1, "no folder of");
}

static void test_mistakes(void)
{
    EXPECT(QUERN("run", "--device=toaster", "--methods=auto", "--count=2"), 3, "toaster");
    EXPECT(QUERN("run", "--device=qemu:toaster", "--methods=auto", "--count=2"), 3, "toaster");
    EXPECT(QUERN("run", "--threads=0"), 2, "--threads");
    EXPECT(QUERN("run", "--device=local", "--methods=auto", "--count=99999"), 2, "99999");
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 4)
        t_skip("needs the program `quern`, a cache folder and the model as arguments");
    quern = realpath(argv[1], NULL); /* it is run from another folder */
    if (!T_CHECK(quern != NULL))
        return t_end();
    setenv("QUERN_CACHE", argv[2], 1);
    t_folder(base, sizeof base);
    if (QUERN("run", "--methods=auto", "--count=1", "--builtin") != 0)
        t_skip(output); /* without the images there is nothing to run */
    test_local();
    test_emulated();
    test_export(argv[3]);
    test_mistakes();
    t_remove(base);
    free(quern);
    return t_end();
}
