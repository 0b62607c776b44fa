/* The command line: options, numbers, suggestions, tables, JSON strings, and the program itself.
 * Argument: the program `quern`. */
#include "tests/t.h"

#include <errno.h>
#include <json-c/json.h>

#include "harness/cli/capture.h"
#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"
#include "variants/variant.h"

static const char *program;
enum { TIMEOUT_MS = 120000 }; /* a walk of the space takes seconds, with sanitizers more */

/* ---- Options */

struct parsed {
    int flag, quick, code;
    const char *text;
    long long number;
    double real;
    struct cli_list list, operands;
};

/* Parses up to 14 words, as a verb with one option of each kind would. */
static struct parsed parse(const char *words)
{
    static char line[256];
    struct parsed p = { .text = "none", .number = -1, .real = -1 };
    char verb[] = "verb", *argv[16] = { verb }, *rest = NULL;
    int argc = 1;
    const struct cli_option options[] = {
        { 'f', "flag", CLI_FLAG, NULL, "A flag.", &p.flag },
        { 'q', "quick", CLI_FLAG, NULL, "Another.", &p.quick },
        { 't', "text", CLI_STRING, "TEXT", "A text.", &p.text },
        { 'n', "number", CLI_INT, "N", "A number.", &p.number },
        { 'r', "real", CLI_DOUBLE, "X", "A real number.", &p.real },
        { 'l', "list", CLI_LIST, "ITEM", "A list.", &p.list },
    };
    const struct cli_command command = { "verb", "quern verb", "Tests.", options, 6, NULL };
    snprintf(line, sizeof(line), "%s", words);
    for (char *w = strtok_r(line, " ", &rest); w && argc < 15; w = strtok_r(NULL, " ", &rest))
        argv[argc++] = w;
    p.code = cli_parse(&command, argc, argv, &p.operands);
    return p;
}

static void clear(struct parsed *p)
{
    cli_list_clear(&p->list);
    cli_list_clear(&p->operands);
}

static void test_options(void)
{
    struct parsed p = parse("--flag --text=a=b -n -7 one --real 2.5e-1 -l x -- --list");
    T_CHECK(p.code == 0 && p.flag == 1 && p.quick == 0 && p.number == -7 && p.real == 0.25);
    T_CHECK_STR(p.text, "a=b");
    T_CHECK(p.list.count == 1 && strcmp(p.list.items[0], "x") == 0);
    if (T_CHECK(p.operands.count == 2)) {
        T_CHECK_STR(p.operands.items[0], "one");
        T_CHECK_STR(p.operands.items[1], "--list");
    }
    clear(&p);
    p = parse("-fqtword --list=a --list b -lc -");
    T_CHECK(p.code == 0 && p.flag && p.quick && p.list.count == 3 && p.operands.count == 1);
    T_CHECK_STR(p.text, "word");
    clear(&p);
    p = parse("--text=");
    T_CHECK(p.code == 0);
    T_CHECK_STR(p.text, "");
    clear(&p);
}

static void test_refusals(void)
{
    static const char *const wrong[] = {
        "--unknown",
        "--fla",
        "-x",
        "--flag=1",
        "-fx",
        "--number",
        "--number=",
        "-n 7x",
        "--number=1.5",
        "--number=0x",
        "-n 9999999999999999999",
        "--real=nan",
        "--real=inf",
        "--real=1e999",
        "--real=2,5",
        "one -l a --number=--1",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct parsed p = parse(wrong[i]);
        if (!T_CHECK(p.code == CLI_USAGE + 1))
            printf("  accepted: %s\n", wrong[i]);
        T_CHECK(p.list.count == 0 && p.operands.count == 0);
    }
}

static void test_numbers(void)
{
    long long n = 0;
    double x = 0;
    T_CHECK(cli_integer("0x1F", &n) == 0 && n == 31);
    T_CHECK(cli_integer("010", &n) == 0 && n == 10);
    T_CHECK(cli_integer("-9223372036854775808", &n) == 0 && n == INT64_MIN);
    T_CHECK(cli_integer("9223372036854775808", &n) == -ERANGE);
    T_CHECK(cli_integer(" 1", &n) == -EINVAL && cli_integer("+-1", &n) == -EINVAL);
    T_CHECK(cli_integer("", &n) == -EINVAL && cli_integer("-", &n) == -EINVAL);
    T_CHECK(cli_real("-.5", &x) == 0 && x == -0.5);
    T_CHECK(cli_real("", &x) == -EINVAL && cli_real(" 1", &x) == -EINVAL);
}

static void test_suggestions(void)
{
    static const char *const names[] = { "sweep", "show", "report" };
    T_CHECK(cli_distance("kitten", "sitting") == 3);
    T_CHECK(cli_distance("sewep", "sweep") == 1 && cli_distance("", "abc") == 3);
    T_CHECK_STR(cli_nearest("swep", names, 3), "sweep");
    T_CHECK_STR(cli_nearest("reprot", names, 3), "report");
    T_CHECK(cli_nearest("zzzzzz", names, 3) == NULL);
}

/* ---- What is printed */

/* The text that `print` writes; borrowed until the next call. */
static const char *printed(void (*print)(FILE *out, const void *data), const void *data)
{
    static char text[4096];
    FILE *out = tmpfile();
    text[0] = '\0';
    if (!T_CHECK(out != NULL))
        return text;
    print(out, data);
    rewind(out);
    text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
    fclose(out);
    return text;
}

static void print_json_string(FILE *out, const void *data)
{
    cli_json_string(out, data);
}

static void test_json_strings(void)
{
    T_CHECK_STR(printed(print_json_string, "a\"b\\\n\x01"), "\"a\\\"b\\\\\\u000a\\u0001\"");
    T_CHECK_STR(printed(print_json_string, "\xc3\xa9\xe2\x82\xac"), "\"\xc3\xa9\xe2\x82\xac\"");
    T_CHECK_STR(printed(print_json_string, "a\xff\xc3"), "\"a\\ufffd\\ufffd\"");
    T_CHECK_STR(printed(print_json_string, "\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
}

static void print_table(FILE *out, const void *data)
{
    static const char *const headings[] = { "name", "ns" };
    struct cli_table *t = cli_table_new(headings, 2);
    (void)data;
    for (int i = 0; i < 3; i++) {
        cli_table_cell(t, "%s", i ? "longer name" : "\xc3\xa9\033[1mx\033[0m");
        cli_table_cell(t, "%d", i * 500);
    }
    cli_table_print(t, out);
}

static void print_wrapped(FILE *out, const void *data)
{
    cli_wrap(out, 4, data);
}

static void test_tables(void)
{
    T_CHECK_STR(printed(print_table, NULL), "name           ns\n"
                                            "\xc3\xa9\033[1mx\033[0m              0\n"
                                            "longer name   500\n"
                                            "longer name  1000\n");
    const char *wrapped = printed(print_wrapped, "one two\n\nthree three three three three three "
                                                 "three three three three three three three four");
    T_CHECK_STR(wrapped, "    one two\n\n    three three three three three three three three three "
                         "three three three\n    three four\n");
}

/* ---- Other programs */

static void test_capture(void)
{
    char out[16];
    const char *const hello[] = { "sh", "-c", "echo hello; echo error >&2; exit 3", NULL };
    const char *const killed[] = { "sh", "-c", "kill -9 $$", NULL };
    const char *const slow[] = { "sleep", "20", NULL };
    const char *const missing[] = { "no-such-program-anywhere", NULL };
    /* A server that stays behind and holds the pipe must not hold up its caller. */
    const char *const server[] = { "sh", "-c", "sleep 5 & echo up", NULL };
    const char *const large[] = { "sh", "-c", "printf 0123456789abcdefghij", NULL };
    T_CHECK(cli_capture(hello, 5000, out, sizeof(out)) == 3);
    T_CHECK_STR(out, "hello\nerror\n");
    T_CHECK(cli_capture_line(hello, 5000, out, sizeof(out)) == 3);
    T_CHECK_STR(out, "hello");
    T_CHECK(cli_capture(killed, 5000, out, sizeof(out)) == 128 + 9);
    T_CHECK(cli_capture(slow, 100, out, sizeof(out)) == -ETIMEDOUT);
    T_CHECK(cli_capture(missing, 100, out, sizeof(out)) == -ENOENT);
    T_CHECK(cli_capture(server, 3000, out, sizeof(out)) == 0);
    T_CHECK_STR(out, "up\n");
    T_CHECK(cli_capture(large, 5000, out, sizeof(out)) == 0);
    T_CHECK_STR(out, "0123456789abcde");
}

/* ---- The program */

/* Runs quern with up to 6 words; its exit status, or < 0. Both outputs go to `out`. */
static int quern(char *out, size_t bytes, const char *a, const char *b, const char *c,
                 const char *d)
{
    const char *const argv[] = { program, a, b, c, d, NULL };
    return cli_capture(argv, TIMEOUT_MS, out, bytes);
}

static void test_exits(void)
{
    static char out[1 << 16];
    static const struct {
        const char *words[4];
        int code;
        const char *says;
    } rows[] = {
        { { NULL }, 2, "SYNOPSIS" },
        { { "--help" }, 0, "VERBS" },
        { { "--version" }, 0, "quern " QUERN_VERSION },
        { { "hlep" }, 2, "did you mean 'help'" },
        { { "help", "lits" }, 2, "did you mean 'list'" },
        { { "list", "--isa=dotprd" }, 2, "did you mean 'dotprod'" },
        { { "list", "--famly=dw" }, 2, "did you mean '--family'" },
        { { "list", "--filter=(" }, 2, "regular expression" },
        { { "list", "--isa=c", "--filter=nothing like this" }, 1, "no variant" },
        { { "list", "--problem=ic0" }, 2, "quern list" },
        { { "list", "operand" }, 2, "unexpected operand" },
        { { "show" }, 2, "which variant" },
        { { "show", "c_gemm_m4n8k1u1a0b0l8s7" }, 2, "c_gemm_m4n8k1u1a0b0l8s0" },
        { { "show", "a", "b" }, 2, "one variant" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const *w = rows[i].words;
        int code = quern(out, sizeof(out), w[0], w[1], w[2], w[3]);
        if (!T_CHECK(code == rows[i].code && strstr(out, rows[i].says)))
            printf("  quern %s %s: exit %d, said:\n%s\n", w[0] ? w[0] : "", w[1] ? w[1] : "", code,
                   out);
    }
}

static void test_help_of_every_verb(void)
{
    static char out[1 << 16], man[1 << 16];
    static const char *const parts[] = { "NAME\n", "SYNOPSIS\n", "DESCRIPTION\n", "OPTIONS\n",
                                         "EXIT STATUS\n" };
    for (size_t i = 0; i < cli_verb_count; i++) {
        const char *name = cli_verbs[i].name;
        char synopsis[64];
        T_CHECK(quern(out, sizeof(out), name, "--help", NULL, NULL) == 0);
        for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
            if (!T_CHECK(strstr(out, parts[k]) != NULL))
                printf("  %s --help has no %s", name, parts[k]);
        snprintf(synopsis, sizeof(synopsis), "SYNOPSIS\n    quern %s", name);
        if (!T_CHECK(strstr(out, synopsis) != NULL))
            printf("  the synopsis of %s does not begin with 'quern %s'\n", name, name);
        size_t longest = 0;
        for (const char *line = out; *line;
             line += strcspn(line, "\n") + (strchr(line, '\n') != NULL))
            longest = strcspn(line, "\n") > longest ? strcspn(line, "\n") : longest;
        if (!T_CHECK(longest <= 100))
            printf("  %s --help has a line of %zu columns\n", name, longest);
        T_CHECK(quern(man, sizeof(man), "help", "--man", name, NULL) == 0);
        T_CHECK(strncmp(man, ".TH QUERN", 9) == 0);
    }
}

static char *capture_all(const char *a, const char *b, const char *c, const char *d)
{
    enum { BYTES = 16 << 20 };
    char *out = malloc(BYTES);
    if (out && !T_CHECK(quern(out, BYTES, a, b, c, d) == 0))
        printf("%.2000s\n", out);
    return out;
}

static long field(const struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, name, &value) ? (long)json_object_get_int64(value)
                                                           : -1;
}

/* Two runs give the same bytes, the JSON is JSON, and its names are names. */
static void test_list(void)
{
    char *first = capture_all("list", "--json", "--isa=c", NULL);
    char *second = capture_all("list", "--json", "--isa=c", NULL);
    T_CHECK(first && second && strcmp(first, second) == 0);
    struct json_object *root = first ? json_tokener_parse(first) : NULL, *variants = NULL;
    if (T_CHECK(root && json_object_object_get_ex(root, "variants", &variants))) {
        size_t count = json_object_array_length(variants);
        T_CHECK(count > 0 && field(root, "variants_total") == (long)count);
        for (size_t i = 0; i < count; i++) {
            struct json_object *name = NULL;
            struct var_variant v;
            json_object_object_get_ex(json_object_array_get_idx(variants, i), "name", &name);
            T_CHECK(name && var_name_parse(json_object_get_string(name), &v, NULL, 0) == 0);
        }
    }
    json_object_put(root);
    free(first);
    free(second);
}

static void test_show(void)
{
    static const char *const name = "c_gemm_m4n8k1u1a0b0l8s0";
    char *text = capture_all("show", name, NULL, NULL);
    char *json = capture_all("show", "--json", name, NULL);
    struct json_object *root = json ? json_tokener_parse(json) : NULL, *member = NULL;
    if (T_CHECK(root && json_object_object_get_ex(root, "text", &member)))
        T_CHECK(text && strcmp(json_object_get_string(member), text) == 0);
    T_CHECK(text && strstr(text, name));
    json_object_put(root);
    free(text);
    free(json);
}

/* ---- The doctor */

/* The status of the finding `id` in the JSON of a doctor; "" if there is none. Checks all findings
 * on the way: what is not ok says why it matters or what to do. */
static const char *status_of(struct json_object *root, const char *id)
{
    struct json_object *findings = NULL, *value = NULL;
    const char *found = "";
    if (!T_CHECK(root && json_object_object_get_ex(root, "findings", &findings)))
        return found;
    for (size_t i = 0; i < json_object_array_length(findings); i++) {
        static const char *const members[] = { "id", "status", "fact", "consequence", "remedy" };
        struct json_object *finding = json_object_array_get_idx(findings, i);
        const char *texts[5];
        for (size_t m = 0; m < 5; m++)
            texts[m] = T_CHECK(json_object_object_get_ex(finding, members[m], &value))
                           ? json_object_get_string(value)
                           : "";
        if (!T_CHECK(texts[2][0] && (strcmp(texts[1], "ok") == 0 || texts[3][0] || texts[4][0])))
            printf("  finding %s: '%s'\n", texts[0], texts[2]);
        if (strcmp(texts[0], id) == 0)
            found = texts[1];
    }
    return found;
}

/* On this machine, and where no program can be found. */
static void test_doctor(void)
{
    static char out[1 << 16];
    const char *const bare[] = { "env", "PATH=/nowhere", program, "doctor", "--json", NULL };
    static const char *const gone[] = { "compiler", "qemu", "adb", "gnuplot" };
    int code = quern(out, sizeof(out), "doctor", "--json", "--no-adb", NULL);
    struct json_object *root = json_tokener_parse(out);
    T_CHECK(code == (strcmp(status_of(root, "compiler"), "ok") == 0 ? CLI_OK : CLI_DEVICE));
    T_CHECK_STR(status_of(root, "device"), "ok");
    json_object_put(root);
    T_CHECK(cli_capture(bare, TIMEOUT_MS, out, sizeof(out)) == CLI_DEVICE);
    root = json_tokener_parse(out);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        T_CHECK(strcmp(status_of(root, gone[i]), "ok") != 0);
    json_object_put(root);
    T_CHECK(quern(out, sizeof(out), "doctor", "--no-adb", "--device=nothing", NULL) == CLI_DEVICE);
    T_CHECK(strstr(out, "nothing cannot be opened") != NULL);
}

static void test_devices(void)
{
    char *text = capture_all("devices", "--no-adb", "--json", NULL);
    struct json_object *root = text ? json_tokener_parse(text) : NULL, *devices = NULL, *key = NULL;
    if (T_CHECK(root && json_object_object_get_ex(root, "devices", &devices) &&
                json_object_array_length(devices) > 0)) {
        json_object_object_get_ex(json_object_array_get_idx(devices, 0), "key", &key);
        T_CHECK_STR(key ? json_object_get_string(key) : "", "local");
    }
    json_object_put(root);
    free(text);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    if (argc < 2) {
        printf("usage: %s PROGRAM\n", argv[0]);
        return 2;
    }
    program = argv[1];
    test_options();
    test_refusals();
    test_numbers();
    test_suggestions();
    test_json_strings();
    test_tables();
    test_capture();
    test_exits();
    test_help_of_every_verb();
    test_list();
    test_show();
    test_doctor();
    test_devices();
    return t_end();
}
