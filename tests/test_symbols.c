/* What code costs: sizes of functions from a program's symbol table, whatever the file holds; and
 * how many registers a micro-kernel saves. */
#include "harness/build/symbols.h"

#include <errno.h>
#include <unistd.h>

#include "tests/t.h"
#include "variants/variant.h"

/* This very program has them. */
static void test_self(const char *self)
{
    struct hrn_symbols symbols;
    T_CHECK(hrn_symbols_read(self, &symbols) == 0);
    T_CHECK(hrn_symbols_size(&symbols, "main") > 0);
    T_CHECK(hrn_symbols_size(&symbols, "hrn_symbols_read") > 0);
    T_CHECK(hrn_symbols_size(&symbols, "no_such_function") == 0);
    T_CHECK(hrn_symbols_size(&symbols, "") == 0);
    hrn_symbols_clear(&symbols);
    T_CHECK(hrn_symbols_read("/no/such/file", &symbols) == -ENOENT && symbols.count == 0);
    T_CHECK(hrn_symbols_read("/dev/null", &symbols) == -ENOEXEC);
}

/* Cut off and damaged at places from the seed: refused or read, never a fault. */
static void test_damage(const char *self)
{
    char path[] = "/tmp/quern-symbols-XXXXXX", *data = NULL;
    size_t bytes = 0, capacity = 4 << 20, refused = 0;
    uint64_t state = t_seed * 0x9e3779b97f4a7c15u;
    FILE *in = fopen(self, "r");
    int fd = mkstemp(path);
    if (in && fd >= 0 && (data = malloc(capacity)))
        bytes = fread(data, 1, capacity, in);
    T_CHECK(bytes > 1000);
    for (int i = 0; bytes > 1000 && i < 300; i++) {
        struct hrn_symbols symbols;
        state = state * 0x5851f42d4c957f2du + 1;
        size_t at = (size_t)(state >> 20) % bytes, length = i % 2 ? at : bytes;
        /* the header and the table of sections are where it hurts */
        size_t hurt = i % 3 == 0 ? at % 64 : i % 3 == 1 ? bytes - 1 - at % 2500 : at;
        char kept = data[hurt];
        data[hurt] = (char)(state >> 40);
        T_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, length, 0) == (ssize_t)length);
        if (hrn_symbols_read(path, &symbols) == 0)
            hrn_symbols_size(&symbols, "main");
        else
            refused++;
        hrn_symbols_clear(&symbols);
        data[hurt] = kept;
    }
    T_CHECK(refused > 100);
    if (in)
        fclose(in);
    free(data);
    close(fd);
    unlink(path);
}

static void test_saved(void)
{
    static const struct {
        const char *name;
        int rc, least, most;
    } rows[] = {
        { "c_igemm_m4n16k1u2a0b0l8s0", -ENOTSUP, 0, 0 },
        { "dotprod_igemm_m6n16k4u1a0b0l128s0", 0, 8, 18 }, /* 24 accumulators: v8-v15, too */
        { "dotprod_igemm_m2n4k4u1a0b0l128s0", 0, 0, 4 },
        { "avx2_igemm_m4n16k4u2a0b0l32s0", 0, 0, 6 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct var_variant v;
        char why[200];
        int count = -1;
        if (!T_CHECK(var_name_parse(rows[i].name, &v, why, sizeof why) == 0))
            continue;
        T_CHECK(var_saved_registers(&v, &count) == rows[i].rc);
        if (!T_CHECK(count >= rows[i].least && count <= rows[i].most))
            printf("  %s: %d\n", rows[i].name, count);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_self(argv[0]);
    test_damage(argv[0]);
    test_saved();
    return t_end();
}
