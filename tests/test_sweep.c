/* Layer lists and sweep plans: what is visited, in which order, and what a bad list says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sweep/sweep.h"
#include "tests/t.h"

static const char *source_root;

/* MACs of the convolutions, as the papers' reference implementations count them. */
static const struct {
    const char *name;
    int convolutions, adds;
    int64_t macs;
} networks[] = {
    { "resnet50", 53, 16, 4087136256 },
    { "mobilenet_v1", 27, 0, 567716352 },
    { "mobilenet_v2", 52, 10, 299494272 },
    { "squeezenet_1.1", 26, 0, 349151936 },
};

static void test_networks(void)
{
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct hrn_layers layers = { 0 };
        char err[300];
        int convolutions = 0, adds = 0;
        int64_t macs = 0;
        T_CHECK(!hrn_layers_add_network(&layers, source_root, networks[i].name, err, sizeof err));
        for (size_t j = 0; j < layers.count; j++) {
            T_CHECK(!j == !layers.items[j].place);
            convolutions += layers.items[j].times;
            adds += layers.items[j].epilogue == KRN_EPILOGUE_ADD ? layers.items[j].times : 0;
            macs += layers.items[j].times * krn_problem_macs(&layers.items[j].problem);
        }
        T_CHECK(convolutions == networks[i].convolutions);
        T_CHECK(adds == networks[i].adds);
        T_CHECK(macs == networks[i].macs);
        hrn_layers_clear(&layers);
    }
}

static void test_unknown_network(void)
{
    struct hrn_layers layers = { 0 };
    char err[300] = "";
    T_CHECK(hrn_layers_add_network(&layers, source_root, "resnet51", err, sizeof err) == -ENOENT);
    T_CHECK(strstr(err, "resnet51") && strstr(err, "resnet50") && strstr(err, "squeezenet_1.1"));
    T_CHECK(hrn_layers_add_network(&layers, source_root, "../../meson", err, sizeof err) ==
            -ENOENT);
    hrn_layers_clear(&layers);
}

static void test_repeats(void)
{
    struct hrn_layers layers = { 0 };
    char err[300];
    T_CHECK(!hrn_layers_add_text(&layers, "ic64ih56oc64kh3ph1n\"a\"", "net", err, sizeof err));
    T_CHECK(!hrn_layers_add_text(&layers, "ic64ih56oc64kh1", "net", err, sizeof err));
    T_CHECK(!hrn_layers_add_text(&layers, "56:56:64:64", "net", err, sizeof err));
    T_CHECK(!hrn_layers_add_text(&layers, "ic64ih56oc64kh1", "other", err, sizeof err));
    T_CHECK(layers.count == 3);
    T_CHECK(layers.items[0].times == 2 && !strcmp(layers.items[0].problem.name, "a"));
    T_CHECK(layers.items[1].times == 1 && layers.items[1].place == 1);
    T_CHECK(layers.items[2].place == 0);
    hrn_layers_clear(&layers);
}

static int add_file(const char *text, struct hrn_layers *layers, char *err, size_t err_bytes)
{
    char path[] = "/tmp/quern-layers-XXXXXX";
    int fd = mkstemp(path);
    T_CHECK(fd >= 0);
    T_CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    int rc = hrn_layers_add_file(layers, path, "", err, err_bytes);
    unlink(path);
    return rc;
}

static void test_files(void)
{
    struct hrn_layers layers = { 0 };
    char err[300] = "";
    T_CHECK(
        !add_file("# two\n\n  ic8ih9oc8kh3ph1  # same\nic8ih9oc8kh1\n", &layers, err, sizeof err));
    T_CHECK(layers.count == 2);
    T_CHECK(add_file("ic8ih9oc8kh1\nic8ih9oc8kx1\n", &layers, err, sizeof err) == -EINVAL);
    T_CHECK(strstr(err, "line 2"));
    T_CHECK(add_file("# nothing\n", &layers, err, sizeof err) == -EINVAL);
    T_CHECK(hrn_layers_add_file(&layers, "/nowhere/x", "", err, sizeof err) == -ENOENT);
    T_CHECK(strstr(err, "/nowhere/x"));
    hrn_layers_clear(&layers);
}

static int only_unrolled(const struct var_variant *v, void *user)
{
    (void)user;
    return v->knob[VAR_KNOB_UNROLL] == 2;
}

static void test_plan(void)
{
    struct hrn_layers layers = { 0 };
    struct hrn_plan all, thinned, again, filtered;
    struct var_variant strongest;
    char err[300];
    const uint32_t isas = 1u << KRN_ISA_C | 1u << KRN_ISA_DOTPROD;
    T_CHECK(!hrn_layers_add_text(&layers, "ic64ih14oc64kh3ph1", "", err, sizeof err));
    T_CHECK(!hrn_plan_make(&layers, isas, NULL, NULL, 0, 1, &all, err, sizeof err));
    T_CHECK(!hrn_plan_make(&layers, isas, NULL, NULL, 20, 7, &thinned, err, sizeof err));
    T_CHECK(!hrn_plan_make(&layers, isas, NULL, NULL, 20, 7, &again, err, sizeof err));
    T_CHECK(!hrn_plan_make(&layers, isas, only_unrolled, NULL, 0, 1, &filtered, err, sizeof err));
    T_CHECK(all.variants > 40 && thinned.variants == 20);
    int has_default = !var_default(KRN_ISA_DOTPROD, &layers.items[0].problem, &strongest);
    T_CHECK(all.layers[0].variants[0].isa == (has_default ? KRN_ISA_DOTPROD : KRN_ISA_C));
    for (size_t i = 0; i < 20; i++)
        T_CHECK(!memcmp(&thinned.layers[0].variants[i], &again.layers[0].variants[i],
                        sizeof(struct var_variant)));
    T_CHECK(!memcmp(&filtered.layers[0].variants[0], &all.layers[0].variants[0],
                    sizeof(struct var_variant)));
    T_CHECK(filtered.variants > 1 && filtered.variants < all.variants);
    hrn_plan_clear(&all);
    hrn_plan_clear(&thinned);
    hrn_plan_clear(&again);
    hrn_plan_clear(&filtered);
    hrn_layers_clear(&layers);
}

/* A layer has variants of its epilogue alone, the defaults included; one that does not say gets
 * that of the list. */
static void test_epilogues(void)
{
    static const enum krn_epilogue epilogues[] = { KRN_EPILOGUE_FIXED, KRN_EPILOGUE_ADD,
                                                   KRN_EPILOGUE_SUMS };
    struct hrn_layers layers = { .epilogue = KRN_EPILOGUE_FIXED };
    struct hrn_plan plan;
    char err[300];
    T_CHECK(!hrn_layers_add_text(&layers, "ic16ih8oc16kh3ph1", "", err, sizeof err));
    T_CHECK(!hrn_layers_add_text(&layers, "ic16ih8oc16kh3ph1+add", "", err, sizeof err));
    T_CHECK(!hrn_layers_add_text(&layers, "ic16ih8oc16kh3ph1+sums", "", err, sizeof err));
    T_CHECK(!hrn_layers_add_text(&layers, "ic16ih8oc16kh3ph1+fixed", "", err, sizeof err));
    T_CHECK(layers.count == 3 && layers.items[0].times == 2);
    T_CHECK_STR(layers.items[0].key, "ic16ih8oc16oh8kh3ph1+fixed");
    T_CHECK(!hrn_plan_make(&layers, 1u << KRN_ISA_C | 1u << KRN_ISA_DOTPROD, NULL, NULL, 0, 1,
                           &plan, err, sizeof err));
    for (size_t i = 0; i < plan.count; i++) {
        T_CHECK(plan.layers[i].defaults == 2 && plan.layers[i].count > 2);
        for (size_t k = 0; k < plan.layers[i].count; k++)
            T_CHECK(plan.layers[i].variants[k].knob[VAR_KNOB_EPILOGUE] == (int)epilogues[i]);
    }
    hrn_plan_clear(&plan);
    hrn_layers_clear(&layers);
}

static size_t times_in(const struct hrn_plan *plan, const char *key, const struct var_variant *v)
{
    size_t times = 0;
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < plan->layers[i].count && !strcmp(plan->layers[i].layer->key, key);
             j++)
            times += !memcmp(&plan->layers[i].variants[j], v, sizeof *v);
    return times;
}

/* Parts together are the whole; what is no default is in one of them. */
static void check_shards(const char *const *problems, size_t problem_count, size_t parts)
{
    struct hrn_layers layers = { 0 };
    struct hrn_plan whole, *part = calloc(parts, sizeof *part);
    char err[300];
    size_t others = 0;
    for (size_t i = 0; i < problem_count; i++)
        T_CHECK(!hrn_layers_add_text(&layers, problems[i], "", err, sizeof err));
    T_CHECK(!hrn_plan_make(&layers, 1u << KRN_ISA_C, NULL, NULL, 0, 1, &whole, err, sizeof err));
    for (size_t p = 0; p < parts; p++) {
        T_CHECK(
            !hrn_plan_make(&layers, 1u << KRN_ISA_C, NULL, NULL, 0, 1, &part[p], err, sizeof err));
        hrn_plan_shard(&part[p], p, parts);
        size_t sum = 0;
        for (size_t i = 0; i < part[p].count; i++)
            sum += part[p].layers[i].count;
        T_CHECK(sum == part[p].variants && sum > 0);
    }
    for (size_t i = 0; i < whole.count; i++)
        for (size_t j = 0; j < whole.layers[i].count; j++) {
            size_t times = 0;
            for (size_t p = 0; p < parts; p++)
                times +=
                    times_in(&part[p], whole.layers[i].layer->key, &whole.layers[i].variants[j]);
            int is_default = j < whole.layers[i].defaults;
            T_CHECK(times == (is_default && problem_count < parts ? parts : 1));
            others += !is_default;
        }
    T_CHECK(others > 10);
    hrn_plan_clear(&whole);
    for (size_t p = 0; p < parts; p++)
        hrn_plan_clear(&part[p]);
    free(part);
    hrn_layers_clear(&layers);
}

static void test_shards(void)
{
    static const char *const problems[] = { "ic8ih9oc8kh1", "ic8ih9oc16kh3ph1", "ic16ih7oc16kh1" };
    check_shards(problems, 3, 1);
    check_shards(problems, 3, 2);
    check_shards(problems, 3, 3);
    check_shards(problems, 1, 4);
    check_shards(problems, 2, 7);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    source_root = argc > 1 ? argv[1] : ".";
    test_networks();
    test_unknown_network();
    test_repeats();
    test_files();
    test_plan();
    test_epilogues();
    test_shards();
    return t_end();
}
