/* Every micro-kernel against plain loops, on this machine and, through the cross compiler and
 * qemu-user, on AArch64: see ukernels/check.h for what is checked. The check first proves itself on
 * kernels broken on purpose. By default a seeded sample of the space and all plain choices; --all
 * proves every variant, --isa NAME only one level, --match REGEX only kernels of such names,
 * --slice I/N only each N-th kernel from I on, 0 <= I < N. With --known FILE kernels whose source
 * is word for word one that the file has a line for are left out, and those proved are added to it:
 * after a change of the generator only what it changed is proved again. */
#include "tests/t.h"
#include "tests/t_run.h"
#include "variants/variant_int.h"

#include <regex.h>

struct machine {
    const char *arch;
    enum krn_isa isa;
    size_t sample;       /* kernels of each family, without --all */
    const char *cpu;     /* of the emulator */
    const char *without; /* a CPU that has not the level, or NULL */
};
static const struct machine machines[] = {
    { "any", KRN_ISA_C, 12, "cortex-a53", NULL },
    { "aarch64", KRN_ISA_NEON, 30, "cortex-a53", NULL },
    { "aarch64", KRN_ISA_DOTPROD, 30, "cortex-a76", "cortex-a53" },
    { "aarch64", KRN_ISA_I8MM, 30, "max,sve=off", "cortex-a76" },
    { "x86_64", KRN_ISA_AVX2, 40, NULL, NULL },
    { "x86_64", KRN_ISA_AVXVNNI, 10, NULL, NULL },
    { "x86_64", KRN_ISA_AVX512VNNI, 14, NULL, NULL },
};

#if defined(__aarch64__)
static const char host[] = "aarch64";
#else
static const char host[] = "x86_64";
#endif

static const char *root;
static char folder[200], output[8192];
static int all;
static regex_t match;
static size_t slice, slices = 1;
static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

/* ---- The kernels of one program */

struct list {
    struct var_variant *v;
    size_t count, capacity;
};

static void list_add(struct list *list, const struct var_variant *v)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 256;
        list->v = realloc(list->v, list->capacity * sizeof(*v));
        if (!list->v)
            abort();
    }
    list->v[list->count++] = *v;
}

/* Leaves a random choice of what was added from `begin` on. */
static void keep_sample(struct list *list, size_t begin, size_t sample)
{
    size_t found = list->count - begin;
    for (size_t i = 0; i < sample && i < found && !all; i++) {
        size_t k = i + random_next() % (found - i);
        struct var_variant swap = list->v[begin + i];
        list->v[begin + i] = list->v[begin + k];
        list->v[begin + k] = swap;
    }
    if (!all && found > sample)
        list->count = begin + sample;
}

/* All kernels of a level, or a sample of each family, and another of its loops for in-order cores,
 * which are few; driver knobs make no other kernel. */
static void list_space(struct list *list, enum krn_isa isa, size_t sample)
{
    struct list found[KRN_FAMILY_PEAK][2] = { { { 0 } } };
    struct var_space space;
    struct var_variant v;
    var_space_init(&space, 1u << isa, NULL);
    while (var_space_next(&space, &v))
        if (v.knob[VAR_KNOB_ORDER] == 0 &&
            v.knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_FLOAT) /* others: test_epilogue */
            list_add(&found[v.family][var_is_woven(&v)], &v);
    for (int pick = 0; pick < 2 * KRN_FAMILY_PEAK; pick++) {
        struct list *from = &found[pick / 2][pick % 2];
        size_t begin = list->count;
        for (size_t i = 0; i < from->count; i++)
            list_add(list, &from->v[i]);
        keep_sample(list, begin, pick % 2 ? sample / 4 : sample);
        free(from->v);
    }
}

static int listed(const struct list *list, const struct var_variant *v)
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(&list->v[i], v, sizeof(*v)) == 0)
            return 1;
    return 0;
}

static void list_defaults(struct list *list, enum krn_isa isa)
{
    for (size_t i = 0; i < var_default_count; i++) {
        struct var_variant v;
        T_CHECK(var_default_variant(&var_defaults[i], KRN_EPILOGUE_FLOAT, &v) == 0);
        v.knob[VAR_KNOB_ORDER] = 0; /* driver knobs make no other kernel */
        if (v.isa == isa && !listed(list, &v))
            list_add(list, &v);
    }
}

/* What --match and --slice leave of it. */
static void keep_wanted(struct list *list)
{
    size_t count = 0, matching = 0;
    for (size_t i = 0; i < list->count; i++) {
        char name[VAR_NAME_MAX];
        var_kernel_name_format(&list->v[i], name);
        if (regexec(&match, name, 0, NULL, 0) == 0 && matching++ % slices == slice)
            list->v[count++] = list->v[i];
    }
    list->count = count;
}

/* ---- Kernels proved earlier, by their sources */

static const char *known_file;
static uint64_t *known;
static size_t known_count;

static uint64_t source_hash(const struct var_variant *v)
{
    uint64_t hash = 0;
    T_CHECK(var_source_hash(v, &hash) == 0);
    return hash;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Reads the file; none yet is an empty one. */
static void read_known(void)
{
    FILE *f = fopen(known_file, "r");
    uint64_t hash;
    for (; f && fscanf(f, "%" SCNx64, &hash) == 1; known_count++) {
        if ((known_count & (known_count - 1)) == 0)
            known = realloc(known, 2 * (known_count + 1) * sizeof(*known));
        if (!known)
            abort();
        known[known_count] = hash;
    }
    if (f)
        fclose(f);
    if (known)
        qsort(known, known_count, sizeof(*known), compare_hashes);
}

static void leave_out_known(struct list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        uint64_t hash = known ? source_hash(&list->v[i]) : 0;
        if (!known || !bsearch(&hash, known, known_count, sizeof(*known), compare_hashes))
            list->v[count++] = list->v[i];
    }
    list->count = count;
}

static void add_known(const struct list *list)
{
    FILE *f = fopen(known_file, "a");
    for (size_t i = 0; f && i < list->count; i++)
        fprintf(f, "%016" PRIx64 "\n", source_hash(&list->v[i]));
    T_CHECK(f && fclose(f) == 0);
}

/* ---- Sources, compiler, run */

static void write_source(const char *name, const struct var_text *text)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f || text->failed || fwrite(text->data, 1, text->length, f) != text->length || fclose(f)) {
        perror(path);
        exit(1);
    }
}

/* Writes kernels.S, kernels.c and registry.c; `text` gets the assembly on the way. */
static void write_sources(const struct list *list, void (*edit)(struct var_text *text))
{
    struct var_text text[2] = { { 0 } }, registry = { 0 };
    char err[300];
    var_text_printf(&text[VAR_LANGUAGE_C], "#include \"kernels/kernel.h\"\n");
    for (size_t i = 0; i < list->count; i++)
        T_CHECK(var_generate(&list->v[i], &text[var_language(list->v[i].isa)], err, sizeof(err)) ==
                0);
    if (edit)
        edit(&text[VAR_LANGUAGE_ASM]);
    var_text_printf(&text[VAR_LANGUAGE_ASM], ".section .note.GNU-stack, \"\", %%progbits\n");
    T_CHECK(var_generate_registry(list->v, list->count, "check_kernels", &registry) == 0);
    write_source("kernels.S", &text[VAR_LANGUAGE_ASM]);
    write_source("kernels.c", &text[VAR_LANGUAGE_C]);
    write_source("registry.c", &registry);
    for (int i = 0; i < 2; i++)
        var_text_clear(&text[i]);
    var_text_clear(&registry);
}

static const char *kernels_file = "kernels.S";

/* Compiles the sources and the check with `cc`; 1 if it worked. */
static int compile(const char *cc)
{
    static const char *const of_root[] = {
        "tests/ukernels/check.c",       "tests/ukernels/call.c",      "tests/ukernels/gemm.c",
        "tests/ukernels/dw.c",          "tests/ukernels/direct.c",    "tests/ukernels/dwrows.c",
        "tests/ukernels/wino.c",        "harness/runner/trap_exec.c", "harness/runner/trap_ops.c",
        "harness/runner/trap_decode.c", "harness/runner/trap_x86.c",  "kernels/cpu.c",
    };
    const char *const of_folder[] = { kernels_file, "kernels.c", "registry.c" };
    enum { ROOT = sizeof(of_root) / sizeof(of_root[0]), ALL = ROOT + 3 };
    char path[ALL][300], include[300], program[300];
    const char *argv[10 + ALL] = { cc,      "-O1", "-static", "-w", "-D_GNU_SOURCE",
                                   include, "-o",  program };
    int count = 8;
    snprintf(include, sizeof(include), "-I%s", root);
    snprintf(program, sizeof(program), "%s/check", folder);
    for (int i = 0; i < ALL; i++) {
        const char *from = i < ROOT ? root : folder;
        const char *file = i < ROOT ? of_root[i] : of_folder[i - ROOT];
        snprintf(path[i], sizeof(path[i]), "%s/%s", from, file);
        argv[count++] = path[i];
    }
    argv[count] = "-lm";
    int status = t_run(NULL, output, sizeof(output), argv);
    if (!T_CHECK(status == 0))
        printf("%.2000s\n", output);
    return status == 0;
}

/* Runs the program on the CPU model; returns its exit status, the words are in `output`. */
static int run(int native, const char *cpu)
{
    char program[300], seed[32];
    snprintf(program, sizeof(program), "%s/check", folder);
    snprintf(seed, sizeof(seed), "%" PRIu64, t_seed);
    if (native)
        return T_RUN(NULL, output, program, seed);
    return T_RUN(NULL, output, "qemu-aarch64", "-cpu", cpu, program, seed);
}

static const char *compiler(int native)
{
    return native ? "cc" : "aarch64-linux-gnu-gcc";
}

/* ---- Kernels broken on purpose: the check must notice each */

static const struct {
    const char *arch, *what, *find, *put; /* `put` stands before the first `find` */
} breaks[] = {
    { "x86_64", "a clobbered register", "    vzeroupper\n", "    mov r12, 7\n" },
    { "x86_64", "a skipped tail", "    bt rsi, 1\n", "    and rsi, -2\n" },
    { "x86_64", "a read beyond a row", "    vzeroupper\n",
      "    mov rax, [rdi]\n    add rax, [rdi + 48]\n    mov al, [rax]\n" },
    { "x86_64", "a write before C", "    vzeroupper\n",
      "    mov rax, [rdi + 24]\n    mov byte ptr [rax - 1], 0\n" },
    { "x86_64", "an illegal instruction", "    vzeroupper\n", "    ud2\n" },
    { "aarch64", "a clobbered register", "    ret\n", "    mov x21, #7\n" },
    { "aarch64", "a clobbered vector", "    ret\n", "    movi v9.16b, #7\n" },
    { "aarch64", "a read beyond a row", "    ret\n",
      "    ldr x9, [x0]\n    ldr x10, [x0, #48]\n    ldrb w9, [x9, x10]\n" },
    { "aarch64", "a write behind C", "    ret\n",
      "    ldr x9, [x0, #24]\n    strb wzr, [x9, #16]\n" },
};
static size_t break_index;

static void break_text(struct var_text *text)
{
    struct var_text broken = { 0 };
    char *at = text->data ? strstr(text->data, breaks[break_index].find) : NULL;
    if (!T_CHECK(at != NULL))
        return;
    var_text_printf(&broken, "%.*s%s%s", (int)(at - text->data), text->data,
                    breaks[break_index].put, at);
    var_text_clear(text);
    *text = broken;
}

static void check_breaks(const char *arch, int native)
{
    const char *name = strcmp(arch, "x86_64") == 0 ? "avx2_gemm_m4n16k2u1a0b0l128s0"
                                                   : "dotprod_gemm_m4n16k4u1a0b0l128s0";
    struct list list = { 0 };
    struct var_variant v;
    char err[300];
    if (!T_CHECK(var_name_parse(name, &v, err, sizeof(err)) == 0))
        return;
    if (native && !(krn_cpu_isas() & 1u << v.isa))
        return;
    list_add(&list, &v);
    for (break_index = 0; break_index < sizeof(breaks) / sizeof(breaks[0]); break_index++) {
        if (strcmp(breaks[break_index].arch, arch))
            continue;
        write_sources(&list, break_text);
        if (compile(compiler(native)) && !T_CHECK(run(native, "max,sve=off") != 0))
            printf("not noticed: %s\n", breaks[break_index].what);
    }
    free(list.v);
}

/* ---- Levels */

static void check_level(const struct machine *m, int native)
{
    struct list list = { 0 };
    int proved = -1, without = -1;
    list_space(&list, m->isa, m->sample);
    list_defaults(&list, m->isa);
    keep_wanted(&list);
    leave_out_known(&list);
    write_sources(&list, NULL);
    if (compile(compiler(native))) {
        int status = run(native, m->cpu);
        const char *last = output + strlen(output);
        while (last > output && (last[-1] != '\n' || last[0] == '\0' || last[0] == '\n'))
            last--;
        const char *where = krn_cpu_isas() & 1u << m->isa ? "native" : "software";
        printf("%-10s %-11s %s", krn_isas[m->isa].name, native ? where : m->cpu,
               status ? output : last);
        T_CHECK(status == 0);
        T_CHECK(sscanf(last, "%d proved, %d without", &proved, &without) == 2);
        T_CHECK(proved == (int)list.count && without == 0);
        if (known_file && status == 0 && proved == (int)list.count)
            add_known(&list);
        if (!native && m->without) {
            T_CHECK(run(native, m->without) == 0);
            T_CHECK(strncmp(output, "0 proved", 8) == 0);
        }
    }
    fflush(stdout);
    free(list.v);
}

/* ---- The emulator of AVX-512, on a CPU that has it: kernels whose EVEX instructions begin with a
 * byte that the CPU refuses, so that every one of them is emulated. */

enum { EVEX = 0x62, REFUSED = 0x06 };

/* Assembles kernels.S and replaces the byte wherever objdump sees an EVEX instruction; how many. */
static long replace_evex(void)
{
    static char text[8 << 20];
    char path[300];
    unsigned long begin = 0, at;
    long count = 0;
    snprintf(path, sizeof(path), "%s/kernels.o", folder);
    T_CHECK(T_RUN(folder, output, "cc", "-c", "kernels.S") == 0);
    T_CHECK(T_RUN(folder, text, "objdump", "-h", "-j", ".text", "kernels.o") == 0);
    const char *row = strstr(text, " .text ");
    if (!row || sscanf(row, " .text %*x %*x %*x %lx", &begin) != 1)
        return 0;
    T_CHECK(T_RUN(folder, text, "objdump", "-d", "-w", "-j", ".text", "kernels.o") == 0);
    FILE *f = fopen(path, "r+");
    for (char *line = strtok(text, "\n"); f && line; line = strtok(NULL, "\n"))
        if (sscanf(line, " %lx:", &at) == 1 && strstr(line, ":\t62 ")) {
            T_CHECK(fseek(f, (long)(begin + at), SEEK_SET) == 0 && fgetc(f) == EVEX);
            T_CHECK(fseek(f, (long)(begin + at), SEEK_SET) == 0 && fputc(REFUSED, f) == REFUSED);
            count++;
        }
    T_CHECK(f && fclose(f) == 0);
    return count;
}

/* Plain choices of all families, which have every instruction that their emitters know. */
static void check_emulated(void)
{
    struct list list = { 0 };
    char program[300], seed[32], byte[32];
    int proved = -1;
    if (!(krn_cpu_isas() & 1u << KRN_ISA_AVX512VNNI) || !t_has_program("objdump"))
        return;
    list_defaults(&list, KRN_ISA_AVX512VNNI);
    write_sources(&list, NULL);
    kernels_file = "kernels.o";
    if (T_CHECK(replace_evex() > 1000) && compile("cc")) {
        snprintf(program, sizeof(program), "%s/check", folder);
        snprintf(seed, sizeof(seed), "%" PRIu64, t_seed);
        snprintf(byte, sizeof(byte), "%d", REFUSED);
        int status = T_RUN(NULL, output, program, seed, byte);
        printf("%-10s %-11s %s", "avx512vnni", "replaced", output);
        T_CHECK(status == 0 && sscanf(output, "%d proved", &proved) == 1);
        T_CHECK(proved == (int)list.count);
    }
    kernels_file = "kernels.S";
    free(list.v);
}

/* On this machine; the check itself stands in for AVX-VNNI and AVX-512. */
static int can_run(enum krn_isa isa)
{
    uint32_t isas = krn_cpu_isas();
    if (isas & 1u << KRN_ISA_AVX2)
        isas |= 1u << KRN_ISA_AVXVNNI | 1u << KRN_ISA_AVX512VNNI;
    return (isas & 1u << isa) != 0;
}

int main(int argc, char **argv)
{
    int only = -1, levels = 0;
    int cross = t_has_program("aarch64-linux-gnu-gcc") && t_has_program("qemu-aarch64");
    const char *names = ".";
    t_begin(argc, argv);
    for (int i = 1; i < argc; i++) {
        all |= strcmp(argv[i], "--all") == 0;
        if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc)
            only = krn_isa_find(argv[i + 1]);
        if (strcmp(argv[i], "--match") == 0 && i + 1 < argc)
            names = argv[i + 1];
        if (strcmp(argv[i], "--slice") == 0 && i + 1 < argc)
            sscanf(argv[i + 1], "%zu/%zu", &slice, &slices);
        if (strcmp(argv[i], "--known") == 0 && i + 1 < argc)
            known_file = argv[i + 1];
    }
    if (argc < 2 || slice >= slices || regcomp(&match, names, REG_EXTENDED | REG_NOSUB)) {
        printf("usage: %s SOURCE_ROOT [--all] [--isa NAME] [--match REGEX] [--slice I/N] "
               "[--known FILE] [--seed N]\n",
               argv[0]);
        return 2;
    }
    root = argv[1];
    if (known_file)
        read_known();
    random_state = t_seed;
    if (!t_has_program("cc")) {
        printf("skipped: no C compiler named cc\n");
        return 77;
    }
    t_folder(folder, sizeof(folder));
    if (only < 0) {
        check_breaks(host, 1);
        if (cross && strcmp(host, "aarch64"))
            check_breaks("aarch64", 0);
    }
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        const struct machine *m = &machines[i];
        int native = can_run(m->isa);
        int emulated = cross && m->cpu && strcmp(host, "aarch64");
        if (only >= 0 && only != (int)m->isa)
            continue;
        if (native)
            check_level(m, 1);
        if (emulated)
            check_level(m, 0);
        if (!native && !emulated)
            printf("%-10s skipped: neither this CPU nor an emulator at hand has it\n",
                   krn_isas[m->isa].name);
        levels += native || emulated;
    }
    if (only < 0 || only == KRN_ISA_AVX512VNNI)
        check_emulated();
    t_remove(folder);
    free(known);
    regfree(&match);
    if (levels == 0) {
        printf("skipped: no level can run here\n");
        return 77;
    }
    return t_end();
}
