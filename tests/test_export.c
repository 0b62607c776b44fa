/* The exported folder: whole, the same for the same input, built by every build system there is,
 * and its self-test passes, on this CPU and on an emulated one; and fails where something was
 * tampered with.
 *
 *     test_export SOURCE_ROOT */
#include "variants/export/export.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/t.h"
#include "tests/t_run.h"

static const char *source_root;
static char base[256]; /* the folder of this test */
static char output[65536];

static const char *const problems[] = {
    "ic64ih56oc64oh56kh3ph1n\"3x3 | a\"", /* a bar would end the cell of a Markdown table */
    "ic64ih56oc256oh56kh1n\"1x1\"",
    "g64ic64ih28oc64oh14kh3sh2ph1n\"dw\"",
    "ic3ih64oc24oh32kh3sh2ph1n\"stem\"",
    "g16ic16ih28oc16oh28kh3ph1n\"bands of rows\"", /* whose kernels want more rows than others */
};
enum { PROBLEM_COUNT = sizeof problems / sizeof problems[0], CHOICE_MAX = 96 };

static const struct var_export_counter counters[] = { { "cycles", 123456.5 }, { "l1d_refill", 7 } };

static const struct var_export_comparison comparisons[] = {
    { "default", "avx2_igemm", "faster", 0.5, 0.49, 0.51, 10 },
    { "portable", "c_igemm", "undecided", 0.1, (double)NAN, 0.11, 2 },
};

/* The plain choice of every ISA level that has one, for every problem, and in another epilogue. */
static size_t make_choices(struct var_export_choice *out)
{
    size_t count = 0;
    for (int i = 0; i < PROBLEM_COUNT; i++)
        for (int k = 0; k < 2 * KRN_ISA_COUNT; k++) {
            int isa = KRN_ISA_COUNT - 1 - k / 2;
            int e = k % 2 ? 1 + (i + isa) % (KRN_EPILOGUE_COUNT - 1) : KRN_EPILOGUE_FLOAT;
            struct var_export_choice *c = &out[count];
            char err[300] = "";
            memset(c, 0, sizeof *c);
            if (!T_CHECK(krn_problem_parse(problems[i], &c->problem, err, sizeof err) == 0))
                printf("  %s\n", err);
            if (var_default_of((enum krn_isa)isa, &c->problem, (enum krn_epilogue)e, &c->variant) !=
                0)
                continue;
            c->evidence = (struct var_export_evidence) {
                .kind = "measured",
                .device = "local",
                .cpu = "A \"quoted\" CPU",
                .compiler = "cc 1.0",
                .command = "quern sweep",
                .run_id = 3,
                .rounds = 10,
                .samples = 10,
                .median_ns = 1000.5 + i,
                .comparisons = comparisons,
                .comparison_count = 2,
                .counters = counters,
                .counter_count = 2,
            };
            count++;
        }
    return count;
}

static struct var_export make_export(void)
{
    static struct var_export_choice choices[CHOICE_MAX];
    struct var_export_input input = { source_root, "0", "--run=3 --isa=all", choices, 0 };
    struct var_export e;
    char err[400] = "";
    input.count = make_choices(choices);
    T_CHECK(input.count >= PROBLEM_COUNT);
    if (!T_CHECK(var_export_make(&input, &e, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        exit(1);
    }
    return e;
}

static const char *folder(const char *name)
{
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

static void count_difference(const char *path, const char *how, void *user)
{
    printf("  %s %s\n", path, how);
    ++*(int *)user;
}

static int differences(const struct var_export *e, const char *path)
{
    char err[400] = "";
    int seen = 0, rc = var_export_compare(e, path, count_difference, &seen, err, sizeof err);
    T_CHECK(rc < 0 || rc == seen);
    return rc;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!T_CHECK(f != NULL))
        return;
    fputs(text, f);
    fclose(f);
}

static int exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void test_contents(const struct var_export *e)
{
    static const char *const wanted[] = {
        "LICENSE",        "README.md",      "passport.json",
        "CMakeLists.txt", "meson.build",    "Android.mk",
        "Makefile",       "selftest.c",     "include/quern_kernels.h",
        "src/dispatch.c", "kernels/conv.h", "kernels/reference.c"
    };
    for (size_t w = 0; w < sizeof wanted / sizeof wanted[0]; w++) {
        int found = 0;
        for (size_t i = 0; i < e->count; i++)
            found |= strcmp(e->files[i].path, wanted[w]) == 0;
        if (!T_CHECK(found))
            printf("  %s\n", wanted[w]);
    }
    for (size_t i = 0; i < e->count; i++) {
        const struct var_export_file *f = &e->files[i];
        T_CHECK(f->text.length > 0 && f->text.data[f->text.length - 1] == '\n');
        if (strcmp(f->path, "LICENSE") != 0 &&
            !T_CHECK(strstr(f->text.data, "SPDX-License-Identifier: BSD-2-Clause")))
            printf("  %s\n", f->path);
        T_CHECK(i == 0 || strcmp(e->files[i - 1].path, f->path) < 0);
        if (!T_CHECK(!strstr(f->text.data, source_root))) /* a path of this machine */
            printf("  %s names %s\n", f->path, source_root);
    }
}

/* The same bytes from the same input; written, compared, replaced. */
static void test_folder(const struct var_export *e)
{
    struct var_export again = make_export();
    char err[400] = "";
    T_CHECK(again.count == e->count);
    for (size_t i = 0; i < e->count; i++)
        T_CHECK_STR(again.files[i].text.data, e->files[i].text.data);
    var_export_clear(&again);

    T_CHECK(differences(e, folder("x")) == -ENOENT);
    T_CHECK(var_export_write(e, folder("x"), 0, err, sizeof err) == 0);
    T_CHECK(differences(e, folder("x")) == 0);
    char selection[100] = "";
    T_CHECK(var_export_selection(folder("x"), selection, sizeof selection, err, sizeof err) == 0);
    T_CHECK_STR(selection, "--run=3 --isa=all");
    T_CHECK(var_export_selection(base, selection, sizeof selection, err, sizeof err) == -ENOENT);
    write_text(folder("x/stray.txt"), "x\n");
    write_text(folder("x/src/dispatch.c"), "x\n");
    T_CHECK(unlink(folder("x/README.md")) == 0);
    T_CHECK(differences(e, folder("x")) == 3);
    T_CHECK(var_export_write(e, folder("x///"), 0, err, sizeof err) == 0);
    T_CHECK(differences(e, folder("x")) == 0 && !exists(folder("x.old-export")));
}

/* What may not be overwritten is not, and nothing is left lying about. */
static void test_refusals(const struct var_export *e)
{
    char err[400] = "";
    mkdir(folder("mine"), 0777);
    T_CHECK(var_export_write(e, folder("mine"), 0, err, sizeof err) == 0); /* empty */
    mkdir(folder("other"), 0777);
    write_text(folder("other/precious.txt"), "precious\n");
    T_CHECK(var_export_write(e, folder("other"), 0, err, sizeof err) == -EEXIST);
    T_CHECK(strstr(err, "not an export") && exists(folder("other/precious.txt")));
    T_CHECK(var_export_write(e, folder("other"), 1, err, sizeof err) == 0);
    T_CHECK(exists(folder("other.before-export/precious.txt")) &&
            differences(e, folder("other")) == 0);
    t_remove(folder("other"));
    write_text(folder("other"), "a file\n");
    T_CHECK(var_export_write(e, folder("other"), 0, err, sizeof err) == -EEXIST);
    T_CHECK(var_export_write(e, folder("other"), 1, err, sizeof err) == -EEXIST);
    T_CHECK(strstr(err, "move it away") && differences(e, folder("other")) == -ENOENT);

    T_CHECK(var_export_write(e, "", 0, err, sizeof err) == -ENOENT);
    T_CHECK(var_export_write(e, folder("no/such/parent"), 0, err, sizeof err) == -ENOENT);
    mkdir(folder("locked"), 0555);
    /* root may write anywhere but into a file system that takes no folders */
    const char *locked = geteuid() == 0 ? "/proc/self/export" : folder("locked/export");
    T_CHECK(var_export_write(e, locked, 0, err, sizeof err) < 0);
    T_CHECK(strstr(err, "export") && !exists(locked));
    printf("read-only folder: %s\n", err);
    T_RUN(base, output, "ls", "-A");
    if (!T_CHECK(!strstr(output, ".tmp-")))
        printf("  left behind: %s\n", output);
}

/* A write that fails half way, as on a full disk: the earlier export stays as it is. */
static void test_full_disk(const struct var_export *e)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = { 3000, 3000 }; /* bytes of a file */
        char err[400] = "";
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        int rc = var_export_write(e, folder("x"), 0, err, sizeof err);
        _exit(rc == -EFBIG && strstr(err, "cannot write") ? 0 : 1);
    }
    T_CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    T_CHECK(differences(e, folder("x")) == 0);
    T_RUN(base, output, "ls", "-A");
    T_CHECK(!strstr(output, ".tmp-"));
}

static void test_bad_input(void)
{
    struct var_export_choice choices[CHOICE_MAX];
    struct var_export_input input = { source_root, "0", "--run=3 --isa=all", choices, 0 };
    struct var_export e;
    char err[400] = "";
    T_CHECK(var_export_make(&input, &e, err, sizeof err) == -EINVAL && strstr(err, "nothing"));
    input.count = make_choices(choices);
    input.source_root = base;
    T_CHECK(var_export_make(&input, &e, err, sizeof err) == -ENOENT && strstr(err, base));
    input.source_root = source_root;
    struct var_variant dw;
    struct krn_problem p;
    krn_problem_parse("g64ic64ih28oc64kh3ph1", &p, err, sizeof err);
    T_CHECK(var_default(KRN_ISA_C, &p, &dw) == 0);
    choices[0].variant = dw; /* a depthwise kernel for a dense problem */
    T_CHECK(var_export_make(&input, &e, err, sizeof err) == -EINVAL && strstr(err, "ic64ih56oc64"));
    choices[0].variant.knob[VAR_KNOB_MR] = 999;
    T_CHECK(var_export_make(&input, &e, err, sizeof err) == -EINVAL);
}

static void expect_pass(const char *how, int rc)
{
    const char *last = strstr(output, "selftest: ");
    if (T_CHECK(rc == 0 && strstr(output, "selftest: passed")))
        printf("%s: %.*s\n", how, (int)strcspn(last, "\n"), last);
    else
        printf("  %s: exit %d\n%s\n", how, rc, output);
    fflush(stdout);
}

/* The one-line command of README.md. */
static void test_plain_cc(const struct var_export *e)
{
    int has_asm = 0;
    for (size_t i = 0; i < e->count; i++)
        has_asm |= strstr(e->files[i].path, ".S") != NULL;
    const char *line = has_asm
                           ? "cc -std=c11 -O2 -I. -Iinclude selftest.c src/*.c src/*.S kernels/*.c "
                             "-o selftest && ./selftest"
                           : "cc -std=c11 -O2 -I. -Iinclude selftest.c src/*.c kernels/*.c "
                             "-o selftest && ./selftest";
    int rc = T_RUN(folder("x"), output, "sh", "-c", line);
    T_CHECK(!strstr(output, "warning:"));
    expect_pass("plain cc", rc);
}

/* Changes the last digit of the first hash. */
static void tamper(const char *path)
{
    static char text[1 << 20];
    FILE *f = fopen(path, "r");
    if (!T_CHECK(f != NULL))
        return;
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    char *hash = strstr(text, "0x");
    if (T_CHECK(hash != NULL)) {
        hash[17] = hash[17] == '0' ? '1' : '0';
        write_text(path, text);
    }
}

static void test_make_and_tampering(void)
{
    if (!t_has_program("make")) {
        printf("make: not installed, skipped\n");
        return;
    }
    int rc = T_RUN(folder("x"), output, "make", "-s", "-j2",
                   "CFLAGS=-O2 -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes", "check");
    T_CHECK(!strstr(output, "warning:"));
    expect_pass("make", rc);
    tamper(folder("x/selftest_vectors.h"));
    rc = T_RUN(folder("x"), output, "make", "-s", "check");
    if (!T_CHECK(rc != 0 && strstr(output, "FAILED: vector 0 (") && strstr(output, "damaged") &&
                 strstr(output, "selftest: FAILED")))
        printf("  exit %d\n%s\n", rc, output);
}

static void test_cmake(void)
{
    if (!t_has_program("cmake")) {
        printf("cmake: not installed, skipped\n");
        return;
    }
    int rc = T_RUN(base, output, "cmake", "-S", "x", "-B", "cmake", "-DCMAKE_BUILD_TYPE=Release");
    if (rc == 0)
        rc = T_RUN(base, output, "cmake", "--build", "cmake", "-j2");
    if (!T_CHECK(rc == 0 && !strstr(output, "warning:")))
        printf("%s\n", output);
    expect_pass("cmake", T_RUN(base, output, "cmake/selftest"));
}

static void test_meson(void)
{
    if (!t_has_program("meson") || !t_has_program("ninja")) {
        printf("meson: not installed, skipped\n");
        return;
    }
    int rc = T_RUN(base, output, "meson", "setup", "meson", "x");
    if (rc == 0)
        rc = T_RUN(base, output, "ninja", "-C", "meson", "-j2");
    if (!T_CHECK(rc == 0 && !strstr(output, "warning:")))
        printf("%s\n", output);
    expect_pass("meson", T_RUN(base, output, "meson/selftest"));
}

/* The same folder on the other architecture. */
static void test_cross(const struct var_export *e)
{
    char err[400];
    if (!t_has_program("aarch64-linux-gnu-gcc") || !t_has_program("qemu-aarch64") ||
        !t_has_program("make")) {
        printf("aarch64: no cross compiler or no qemu-aarch64, skipped\n");
        return;
    }
    T_CHECK(var_export_write(e, folder("a64"), 0, err, sizeof err) == 0);
    int rc = T_RUN(folder("a64"), output, "make", "-s", "-j2", "CC=aarch64-linux-gnu-gcc",
                   "AR=aarch64-linux-gnu-ar", "CFLAGS=-O1 -static", "selftest");
    if (!T_CHECK(rc == 0 && !strstr(output, "warning:")))
        printf("%s\n", output);
    expect_pass("qemu max",
                T_RUN(folder("a64"), output, "qemu-aarch64", "-cpu", "max", "./selftest"));
    expect_pass("qemu cortex-a53",
                T_RUN(folder("a64"), output, "qemu-aarch64", "-cpu", "cortex-a53", "./selftest"));
    if (!t_has_program("clang")) {
        printf("clang: not installed, skipped\n");
        return;
    }
    T_RUN(folder("a64"), output, "make", "-s", "clean");
    rc = T_RUN(folder("a64"), output, "make", "-s", "-j2", "CC=clang --target=aarch64-linux-gnu",
               "AR=aarch64-linux-gnu-ar", "CFLAGS=-O1 -static",
               "ASFLAGS=-march=armv8.2-a+dotprod+i8mm", "selftest");
    if (!T_CHECK(rc == 0 && !strstr(output, "warning:")))
        printf("%s\n", output);
    expect_pass("clang, qemu max",
                T_RUN(folder("a64"), output, "qemu-aarch64", "-cpu", "max", "./selftest"));
}

/* passport.json is JSON, to a program that knows. */
static void test_passport(void)
{
    if (!t_has_program("python3")) {
        printf("python3: not installed, passport.json not parsed\n");
        return;
    }
    static const char script[] =
        "import json; p = json.load(open('x/passport.json')); e = p['choices'][0]['evidence']; "
        "assert p['selection'] == '--run=3 --isa=all' and e['cpu'] == 'A \"quoted\" CPU'; "
        "assert e['compared'][1]['interval_95'] == [None, 0.11] and p['portable_kernels']; "
        "assert e['counters_per_call']['cycles'] == 123456.5; print(len(p['choices']), 'choices')";
    int rc = T_RUN(base, output, "python3", "-c", script);
    if (!T_CHECK(rc == 0))
        printf("%s\n", output);
}

/* A user's program, against the library that meson built; in C++ too, where the header says so. */
static void test_user(void)
{
    static const char program[] =
        "#include <stdio.h>\n"
        "#include \"quern_kernels.h\"\n"
        "static int match(const char *text)\n{\n"
        "    struct krn_problem p;\n    char err[200];\n"
        "    if (krn_problem_parse(text, &p, err, sizeof err) != 0)\n        return -1;\n"
        "    struct quern_choice c = quern_conv_select(&p);\n"
        "    return c.kernel && c.kernel->fn && c.variant ? (int)c.match : -1;\n}\n"
        "int main(void)\n{\n"
        "    printf(\"%d\", match(\"ic64ih56oc64kh3ph1\"));\n"
        "    printf(\"%d\", match(\"mb4ic64ih56oc64kh3ph1\"));\n"
        "    printf(\"%d\", match(\"ic64ih57oc64kh3ph1\"));\n"
        "    printf(\"%d\", match(\"g96ic96ih9oc96kh5ph2\"));\n"
        "    krn_cpu_mask_set(0);\n"
        "    printf(\"%d\", match(\"ic64ih56oc64kh3ph1\"));\n"
        "    printf(\"%d\", match(\"g3ic3ih9oc3kh5ph2\"));\n"
        "    return 0;\n}\n";
    static const char *const compilers[][2] = { { "cc", "user.c" }, { "c++", "user.cpp" } };
    for (int i = 0; i < 2; i++) {
        const char *source = compilers[i][1];
        char path[400];
        snprintf(path, sizeof path, "%s/%s", base, source);
        write_text(path, program);
        if (!t_has_program(compilers[i][0]) || !exists(folder("meson/libquern_kernels.a"))) {
            printf("%s: not installed, or no library built, skipped\n", compilers[i][0]);
            continue;
        }
        int rc = T_RUN(base, output, compilers[i][0], "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                       "-Ix", "-Ix/include", source, "meson/libquern_kernels.a", "-o", "user");
        if (!T_CHECK(rc == 0))
            printf("%s\n", output);
        rc = T_RUN(base, output, "./user");
        T_CHECK(rc == 0);
        T_CHECK_STR(output, "001122"); /* enum quern_match */
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2)
        t_skip("needs the source root as its argument");
    source_root = argv[1];
    if (!t_has_program("cc"))
        t_skip("no cc");
    t_folder(base, sizeof base);
    struct var_export e = make_export();
    char err[400];
    test_contents(&e);
    test_folder(&e);
    test_refusals(&e);
    test_full_disk(&e);
    test_bad_input();
    test_passport();
    test_make_and_tampering();
    T_CHECK(var_export_write(&e, folder("x"), 0, err, sizeof err) == 0);
    test_plain_cc(&e);
    test_cmake();
    test_meson();
    test_user();
    test_cross(&e);
    var_export_clear(&e);
    t_remove(base);
    return t_end();
}
