/* Problem strings: what is accepted, what it becomes, what is refused and in which words; the
 * canonical string of random problems reads back; mutated strings never do worse than an error. */
#include "kernels/layer.h"

#include <errno.h>

#include "tests/t.h"

static void test_canonical(void)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        { "ic64ih56oc64oh56kh3ph1n\"res2a\"", "ic64ih56oc64oh56kh3ph1n\"res2a\"" },
        { "56:56:64:64", "ic64ih56oc64oh56kh3ph1" },
        { "56:28:3:64", "ic3ih56iw28oc64oh56ow28kh3ph1" },
        { "mb1g1ic64ih56iw56oc64oh56ow56kh1kw1sh1sw1ph0pw0dh0dw0", "ic64ih56oc64oh56kh1" },
        { "g32ic32ih112oc32kh3ph1", "g32ic32ih112oc32oh112kh3ph1" },
        { "ic3ih224oc64kh7sh2ph3", "ic3ih224oc64oh112kh7sh2ph3" },
        { "ic3iw224oc64kw7sw2pw3", "ic3ih224oc64oh112kh7sh2ph3" },
        { "kh3_ph1_oc4_ih9_ic4", "ic4ih9oc4oh9kh3ph1" },
        { "mb4ic8ih10iw20oc8kh3ph1", "mb4ic8ih10iw20oc8oh10ow20kh3ph1" },
        { "ic8ih10oc8kh1kw3", "ic8ih10oc8oh10ow8kh1kw3" },
        { "ic8ih10oc8kh1kw3pw1ph0", "ic8ih10oc8oh10ow10kh1kw3ph0pw1" },
        { "ic8ih10oc8kh3sh1sw2ph1", "ic8ih10oc8oh10ow5kh3sh1sw2ph1" },
        { "ic8ih10oc8kh3dh1ph2", "ic8ih10oc8oh10kh3ph2dh1" },
        { "ic8ih10oc8kh3dh0dw1ph1pw2", "ic8ih10oc8oh10ow10kh3ph1pw2dh0dw1" },
        { "ic512ih13oc1000kh1ph1", "ic512ih13oc1000oh15kh1ph1" }, /* padding beyond the filter */
        { "ic8ih10oc8kh3sh2ph0oh5", "ic8ih10oc8oh5kh3sh2" }, /* one row of padding at the end */
        { "ic8ih10oc8kh3sh2ph0ow5", "ic8ih10oc8oh5kh3sh2" }, /* square: a width stands for both */
        { "ic8ih10oc8kh3sh2ph0oh4ow5", "ic8ih10oc8oh4ow5kh3sh2" },
        { "ic8ih10oc8kh1n\"\"", "ic8ih10oc8oh10kh1" },
        { "ic8ih10oc8kh1n\"a b/c_1\"", "ic8ih10oc8oh10kh1n\"a b/c_1\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct krn_problem p;
        char err[300] = "", text[KRN_PROBLEM_STR_MAX];
        if (!T_CHECK(krn_problem_parse(rows[i].text, &p, err, sizeof err) == 0)) {
            printf("  %s\n", err);
            continue;
        }
        krn_problem_format(&p, 1, text);
        T_CHECK_STR(text, rows[i].canonical);
    }
}

/* Layers: the epilogue stands behind the keys and before the title; a problem has none. */
static void test_layers(void)
{
    static const struct {
        const char *text, *canonical; /* NULL: refused */
        enum krn_epilogue epilogue;
    } rows[] = {
        { "ic8ih10oc8kh1", "ic8ih10oc8oh10kh1", KRN_EPILOGUE_FLOAT },
        { "ic8ih10oc8kh1+float", "ic8ih10oc8oh10kh1", KRN_EPILOGUE_FLOAT },
        { "ic8ih10oc8kh1+add", "ic8ih10oc8oh10kh1+add", KRN_EPILOGUE_ADD },
        { "ic8_ih10_oc8_kh1_+sumsn\"a+b\"", "ic8ih10oc8oh10kh1+sumsn\"a+b\"", KRN_EPILOGUE_SUMS },
        { "12:12:8:8+fixed", "ic8ih12oc8oh12kh3ph1+fixed", KRN_EPILOGUE_FIXED },
        { "12:12:8:8+addn\"x\"", "ic8ih12oc8oh12kh3ph1+addn\"x\"", KRN_EPILOGUE_ADD },
        { .text = "ic8ih10oc8kh1+" },
        { .text = "ic8ih10oc8kh1+ad" },
        { .text = "ic8ih10oc8kh1+adds" },
        { .text = "ic8ih10oc8kh1+add+add" },
        { .text = "ic8ih10oc8+addkh1" },
        { .text = "ic8ih10oc8kh1n\"x\"+add" },
        { .text = "12:12:8:8+addkh1" },
        { .text = "12:12:8+add" },
        { .text = "+add" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct krn_problem p;
        enum krn_epilogue epilogue;
        char err[300] = "", text[KRN_PROBLEM_STR_MAX];
        int rc = krn_layer_parse(rows[i].text, &p, &epilogue, err, sizeof err);
        if (!T_CHECK((rc == 0) == (rows[i].canonical != NULL) && (rc == 0) == !err[0]))
            printf("  %s: %s\n", rows[i].text, err);
        if (rc != 0 || !rows[i].canonical)
            continue;
        T_CHECK(epilogue == rows[i].epilogue);
        krn_layer_format(&p, epilogue, 1, text);
        T_CHECK_STR(text, rows[i].canonical);
        rc = krn_problem_parse(rows[i].text, &p, err, sizeof err);
        T_CHECK((rc == 0) == !strchr(rows[i].text, '+'));
    }
}

static void test_fields(void)
{
    struct krn_problem p;
    char err[300], text[KRN_PROBLEM_STR_MAX];
    T_CHECK(krn_problem_parse("mb2g2ic6ih7iw8oc4kh3kw2sh2sw1ph1pw0dh1dw2n\"x\"", &p, err,
                              sizeof err) == 0);
    T_CHECK(p.n == 2 && p.groups == 2 && p.ic == 6 && p.ih == 7 && p.iw == 8 && p.oc == 4);
    T_CHECK(p.kh == 3 && p.kw == 2 && p.sh == 2 && p.sw == 1 && p.ph == 1 && p.pw == 0);
    T_CHECK(p.dh == 2 && p.dw == 3 && p.oh == 3 && p.ow == 5);
    T_CHECK_STR(p.name, "x");
    T_CHECK(krn_problem_input_count(&p) == 2 * 7 * 8 * 6);
    T_CHECK(krn_problem_output_count(&p) == 2 * 3 * 5 * 4);
    T_CHECK(krn_problem_weight_count(&p) == 4 * 3 * 2 * 3);
    T_CHECK(krn_problem_macs(&p) == 2 * 3 * 5 * 4 * 3 * 2 * 3);
    T_CHECK(!krn_problem_is_depthwise(&p) && !krn_problem_is_pointwise(&p));
    krn_problem_format(&p, 0, text);
    T_CHECK_STR(text, "mb2g2ic6ih7iw8oc4oh3ow5kh3kw2sh2sw1ph1pw0dh1dw2");
    T_CHECK(krn_problem_parse("ic6ih7oc4kh1", &p, err, sizeof err) == 0);
    T_CHECK(krn_problem_is_pointwise(&p));
    T_CHECK(krn_problem_parse("ic6ih7oc4kh1sh2", &p, err, sizeof err) == 0);
    T_CHECK(!krn_problem_is_pointwise(&p) && p.oh == 4);
    T_CHECK(krn_problem_parse("g6ic6ih7oc6kh1", &p, err, sizeof err) == 0);
    T_CHECK(!krn_problem_is_pointwise(&p) && krn_problem_is_depthwise(&p));
}

/* Each is refused with a sentence that contains `words`. */
static void test_rejects(void)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        { "", "empty" },
        { "hello", "at character 1: unknown key" },
        { "ic64ih56oc64kd3", "at character 13: unknown key" },
        { "ic64 ih56oc64kh3", "at character 5: unknown key" },
        { " ic64ih56oc64kh3", "at character 1" },
        { "ic64ih56oc64kh3\n", "at character 16" },
        { "ic64ih56oc64kh", "at character 15: a number" },
        { "ic-4ih56oc64kh3", "at character 3: a number" },
        { "ic+4ih56oc64kh3", "at character 3: a number" },
        { "ic4ih56oc64kh3ic4", "at character 15: this key stands here for the second time" },
        { "ic0ih56oc64kh3", "at character 1: must be at least 1" },
        { "ic4ih56oc64kh3sh0", "at character 15: must be at least 1" },
        { "ic4294967297ih56oc64kh3", "at character 3: the number is larger" },
        { "ic99999999999999999999999ih56oc64kh3", "at character 3: the number is larger" },
        { "ic4ih9oc4kh1dh2147483647", "at character 13: the number is larger" },
        { "ih56oc64kh3", "ic is missing" },
        { "ic64ih56kh3", "oc is missing" },
        { "ic64oc64kh3", "ih is missing" },
        { "ic64ih56oc64", "kh is missing" },
        { "ic4ih9oc4kh1n\"abc", "at character 15: the title has no closing quote" },
        { "ic4ih9oc4kh1n\"abc\"x", "at character 19: nothing may follow" },
        { "ic4ih9oc4kh1n\"a\\b\"", "no backslash" },
        { "ic4ih9oc4kh1n\"a\tb\"", "no control characters" },
        { "ic4ih9oc4kh1n\"0123456789012345678901234567890123456789012345678901234567890123\"",
          "longer than 63" },
        { "ic4ih9oc4kh1_", "at character 13" },
        { "ic4__ih9oc4kh1", "at character 5" },
        { "g3ic4ih9oc6kh1", "multiples of g3" },
        { "g2ic4ih9oc5kh1", "multiples of g2" },
        { "ic4ih56oc4oh6kh3ph1", "oh6 does not follow" },
        { "ic4ih56oc4oh58kh3ph1", "55 (no padding at the end) to 57" },
        { "ic4ih2oc4kh5", "oh0: must be at least 1" },
        { "ic46341ih46341oc1kh1", "input tensor has more than" },
        { "ic1ih1000oc4000kh1", "output tensor has more than" },
        { "ic46341ih1oc46341kh1", "weight tensor has more than" },
        { "mb2147483647ic2147483647ih2147483647oc2147483647kh1", "tensor has more than" },
        { "ic4ih9oc4kh2147483647ph1073741823", "tensor has more than" },
        { "56:56:64", "at character 9: a colon" },
        { "56:56:64:64:1", "at character 12: nothing may follow" },
        { "56:56::64", "at character 7: a number" },
        { "0:56:3:64", "at character 1: must be at least 1" },
        { "56x56x64x64", "at character 3: a colon" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct krn_problem p;
        char err[300] = "";
        int rc = krn_problem_parse(rows[i].text, &p, err, sizeof err);
        if (!T_CHECK(rc == -EINVAL && strstr(err, rows[i].words)))
            printf("  \"%s\" gives %d, \"%s\"\n", rows[i].text, rc, err);
    }
}

/* Accepted text must reach a fixed point: canonical string -> problem -> the same string. */
static void check_round_trip(const struct krn_problem *p)
{
    char first[KRN_PROBLEM_STR_MAX], second[KRN_PROBLEM_STR_MAX], err[300] = "";
    struct krn_problem back;
    krn_problem_format(p, 1, first);
    if (!T_CHECK(krn_problem_parse(first, &back, err, sizeof err) == 0)) {
        printf("  %s\n", err);
        return;
    }
    krn_problem_format(&back, 1, second);
    T_CHECK_STR(second, first);
    if (!T_CHECK(memcmp(p, &back, sizeof back) == 0))
        printf("  %s\n", first);
}

static void test_random_round_trips(uint64_t *rng)
{
    int good = 0;
    for (int i = 0; i < 20000; i++) {
        struct krn_problem p;
        char err[300];
        memset(&p, 0, sizeof p); /* compared as bytes */
        int square = t_between(rng, 0, 1);
        p.n = t_between(rng, 1, 2), p.groups = t_between(rng, 1, 2);
        p.ic = p.groups * t_between(rng, 1, 5), p.oc = p.groups * t_between(rng, 1, 5);
        p.ih = t_between(rng, 1, 12), p.iw = square ? p.ih : t_between(rng, 1, 12);
        p.oh = t_between(rng, 1, 12), p.ow = t_between(rng, 0, 1) ? p.oh : t_between(rng, 1, 12);
        p.kh = t_between(rng, 1, 4), p.kw = square ? p.kh : t_between(rng, 1, 4);
        p.sh = t_between(rng, 1, 3), p.sw = square ? p.sh : t_between(rng, 1, 3);
        p.ph = t_between(rng, 0, 2), p.pw = square ? p.ph : t_between(rng, 0, 2);
        p.dh = t_between(rng, 1, 3), p.dw = square ? p.dh : t_between(rng, 1, 3);
        if (krn_problem_check(&p, err, sizeof err) != 0)
            continue;
        check_round_trip(&p);
        good++;
    }
    T_CHECK(good > 1000);
}

/* Fields of a file need not have come from a string. */
static void test_extreme_fields(void)
{
    struct krn_problem p;
    char err[300];
    T_CHECK(krn_problem_parse("ic4ih8oc4kh3ph1", &p, err, sizeof err) == 0);
    p.dh = INT32_MIN;
    T_CHECK(krn_problem_check(&p, err, sizeof err) == -EINVAL);
    T_CHECK_STR(err, "dh-2147483649: must be at least 0");
}

/* Cuts, doubles and replaces characters; whatever comes out is refused or has a fixed point. The
 * error buffer may be of any length. */
static void test_mutations(uint64_t *rng)
{
    static const char *const seeds[] = {
        "mb2g2ic6ih7iw8oc4oh3ow5kh3kw2sh2sw1ph1pw0dh1dw2n\"title\"",
        "g32ic32ih112oc32oh112kh3ph1n\"mb_32x112_dw3_s1\"",
        "56:56:64:64",
    };
    static const char alphabet[] = "0123456789mbgicohwkspdn\":_- \t\x80\xff";
    int accepted = 0;
    for (int i = 0; i < 60000; i++) {
        char text[128], err[64];
        snprintf(text, sizeof text, "%s", seeds[t_random(rng) % 3]);
        for (int edits = t_between(rng, 1, 4); edits > 0; edits--) {
            size_t length = strlen(text), at = t_random(rng) % (length + 1);
            char ch = alphabet[t_random(rng) % (sizeof alphabet - 1)];
            if (t_random(rng) % 3 == 0 && at < length)
                memmove(text + at, text + at + 1, length - at);
            else if (t_random(rng) % 2 == 0 && length + 2 < sizeof text)
                memmove(text + at + 1, text + at, length + 1 - at), text[at] = ch;
            else if (at < length)
                text[at] = ch;
        }
        size_t err_bytes = t_random(rng) % sizeof err;
        memset(err, 'x', sizeof err);
        struct krn_problem p;
        int rc = krn_problem_parse(text, &p, err, err_bytes);
        T_CHECK(rc == 0 || rc == -EINVAL);
        T_CHECK(rc == 0 || err_bytes == 0 || memchr(err, '\0', err_bytes));
        T_CHECK(err[err_bytes] == 'x');
        if (rc == 0) {
            check_round_trip(&p);
            accepted++;
        }
    }
    printf("%d mutated strings were problems still\n", accepted);
}

static void test_shape_file(const char *path)
{
    char line[400];
    int count = 0, depthwise = 0;
    FILE *f = fopen(path, "r");
    if (!T_CHECK(f != NULL))
        return;
    while (fgets(line, sizeof line, f)) {
        struct krn_problem p;
        char err[300] = "";
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (!T_CHECK(krn_problem_parse(line, &p, err, sizeof err) == 0))
            printf("  %s\n", err);
        T_CHECK(p.name[0] != '\0' && krn_problem_macs(&p) > 500000);
        check_round_trip(&p);
        depthwise += krn_problem_is_depthwise(&p);
        count++;
    }
    fclose(f);
    T_CHECK(count == 26 && depthwise == 6);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    uint64_t rng = t_seed;
    test_canonical();
    test_layers();
    test_fields();
    test_rejects();
    test_extreme_fields();
    test_random_round_trips(&rng);
    test_mutations(&rng);
    if (argc > 1 && argv[1][0] != '-')
        test_shape_file(argv[1]);
    return t_end();
}
