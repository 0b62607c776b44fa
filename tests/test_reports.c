/* Reports of runs whose truth is known: the right winner, every layer, nothing that is no number,
 * no time of an emulated run, pages and files that are well formed whatever a device wrote.
 *     test_reports SHAPES [--keep FOLDER]      leaves database and reports in FOLDER, to be looked
 * at */
#include "reports/report.h"

#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <json-c/json.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/reports_fixture.h"
#include "tests/t.h"

static char folder[256];

static const char *in_folder(const char *name)
{
    static char path[8][512];
    static unsigned turn;
    char *out = path[turn++ % 8];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static char *read_file(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = NULL;
    size_t length = 0;
    if (!in)
        return NULL;
    FILE *out = open_memstream(&text, &length);
    for (int c = fgetc(in); c != EOF; c = fgetc(in))
        fputc(c, out);
    fclose(in);
    fclose(out);
    return text;
}

/* What a renderer wrote; owned by the caller. */
enum format { TEXT, COLOURED, JSON, CSV, MARKDOWN, FORMAT_COUNT };
static char *render(const struct rpt_run *run, enum format format)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    int result = format == JSON       ? rpt_json(run, out)
                 : format == CSV      ? rpt_csv(run, out)
                 : format == MARKDOWN ? rpt_markdown(run, out)
                                      : rpt_text(run, format == COLOURED, out);
    T_CHECK(result == 0);
    fclose(out);
    return text;
}

static char *render_page(const struct rpt_run *run, const char *name)
{
    struct rpt_error error;
    char plots[520];
    snprintf(plots, sizeof plots, "%s-plots", in_folder(name));
    if (!T_CHECK(rpt_html(run, in_folder(name), plots, &error) == 0))
        printf("  %s\n", error.text);
    char *page = read_file(in_folder(name));
    return T_CHECK(page != NULL) ? page : calloc(1, 1);
}

static int load(const char *db_name, long long id, struct pdb **db, struct rpt_run *run)
{
    struct rpt_error error;
    if (!T_CHECK(pdb_open(in_folder(db_name), PDB_READ, db) == 0))
        return 0;
    int ok = T_CHECK(rpt_run_load(*db, id, run, &error) == 0);
    if (!ok)
        printf("  %s\n", error.text);
    return ok;
}

/* ---- what must not be in a report */

/* `word` as a word of its own, in any case. */
static int has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strcasestr(text, word); at; at = strcasestr(at + 1, word))
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[length]))
            return 1;
    return 0;
}

static void check_numbers(const char *text)
{
    T_CHECK(!has_word(text, "nan") && !has_word(text, "inf") && !has_word(text, "infinity"));
    T_CHECK(!has_word(text, "-nan") && !strstr(text, "1e+"));
}

static void check_no_time(const char *text)
{
    static const char *const words[] = { "us",        "ms",     "ns",        "µs",
                                         "median",    "GMAC/s", "real_time", "faster",
                                         "speed-ups", "winner", "peak" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!T_CHECK(!has_word(text, words[i])))
            printf("  the word is \"%s\"\n", words[i]);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

/* ---- formats */

/* Fields of the CSV record at *at, which moves behind it. */
static size_t csv_fields(const char **at)
{
    size_t fields = 1;
    int quoted = 0;
    for (; **at; ++*at) {
        if (**at == '"')
            quoted = !quoted;
        else if (!quoted && **at == ',')
            fields++;
        else if (!quoted && **at == '\n')
            break;
    }
    *at += **at == '\n';
    return fields;
}

static void check_csv(const char *csv, size_t records)
{
    const char *at = csv;
    size_t fields = csv_fields(&at), lines = 0, ragged = 0;
    for (; *at; lines++)
        ragged += csv_fields(&at) != fields;
    T_CHECK(fields > 30 && ragged == 0);
    T_CHECK(lines == records);
}

static void check_markdown(const char *markdown)
{
    size_t columns = 0, ragged = 0;
    for (const char *line = markdown; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        size_t bars = 0;
        for (const char *c = line; *c && *c != '\n'; c++)
            bars += *c == '|' && (c == line || c[-1] != '\\');
        ragged += columns && bars && bars != columns; /* a table ends with a line without bars */
        columns = bars;
    }
    T_CHECK(ragged == 0);
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(o, key, &value);
    return value;
}

static void check_json(const char *text, const struct rpt_run *run, size_t candidates)
{
    struct json_object *root = json_tokener_parse(text);
    if (!T_CHECK(root != NULL))
        return;
    struct json_object *list = member(root, "benchmarks");
    T_CHECK_STR(json_object_get_string(member(member(root, "context"), "cpu")), run->cpu);
    size_t bad = 0;
    if (!T_CHECK(json_object_array_length(list) == candidates))
        printf("  %zu, not %zu\n", json_object_array_length(list), candidates);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *b = json_object_array_get_idx(list, i);
        int ok = strcmp(json_object_get_string(member(b, "outcome")), "ok") == 0;
        int timed = member(b, "real_time") != NULL;
        bad += !member(b, "name") || !member(b, "problem");
        bad += ok == json_object_get_boolean(member(b, "error_occurred"));
        bad += timed && (!ok || !(json_object_get_double(member(b, "real_time")) > 0));
        bad += ok && !timed && run->evidence == HRN_MEASURED;
    }
    T_CHECK(bad == 0);
    json_object_put(root);
}

/* ---- the page: a checker of tags that knows what HTML lets stand alone */

static int is_void_tag(const char *name)
{
    static const char *const names[] = { "meta", "br", "hr", "img", "link", "input", "!doctype" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return 1;
    return 0;
}

/* The end of the tag at `at`, past quoted attributes; NULL if it has none. */
static const char *tag_end(const char *at)
{
    char quote = 0;
    for (; *at; at++) {
        if (quote)
            quote = *at == quote ? 0 : quote;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '>')
            return at;
        else if (*at == '<' && at[1] == '<')
            return NULL;
    }
    return NULL;
}

static void check_balance(const char *page)
{
    char stack[64][24];
    size_t depth = 0, bad = 0;
    for (const char *at = strchr(page, '<'); at && !bad; at = strchr(at, '<')) {
        char name[24] = "";
        const char *end = tag_end(at + 1);
        int closes = at[1] == '/';
        sscanf(at + 1 + closes, "%23[!A-Za-z0-9]", name);
        if (!end || !name[0]) {
            bad++;
        } else if (closes) {
            bad += depth == 0 || strcmp(stack[--depth], name) != 0;
        } else if (end[-1] != '/' && !is_void_tag(name)) {
            bad += depth == 64;
            if (!bad)
                memcpy(stack[depth++], name, sizeof name);
        }
        if (bad)
            printf("  unbalanced at: %.80s\n", at);
        at = end ? end : at + 1;
        if (!closes && strcmp(name, "style") == 0)
            at = strstr(at, "</style>");
    }
    T_CHECK(bad == 0 && depth == 0);
}

static void check_ids(const char *page)
{
    size_t doubled = 0, dangling = 0;
    char id[96], quoted[112];
    for (const char *at = strstr(page, " id="); at; at = strstr(at + 1, " id=")) {
        if (sscanf(at + 5, "%95[^\"']", id) != 1)
            continue;
        snprintf(quoted, sizeof quoted, " id=%c%s%c", at[4], id, at[4]);
        doubled += count_of(page, quoted) != 1;
    }
    for (const char *at = strstr(page, "href="); at; at = strstr(at + 1, "href=")) {
        if (at[6] != '#' || sscanf(at + 7, "%95[^\"']", id) != 1) {
            dangling++;
            continue;
        }
        snprintf(quoted, sizeof quoted, " id=%c%s%c", at[5], id, at[5]);
        dangling += !strstr(page, quoted);
    }
    T_CHECK(doubled == 0);
    T_CHECK(dangling == 0);
}

/* Well formed, and nothing from elsewhere. */
static void check_page(const char *page)
{
    static const char *const forbidden[] = { "<script", "<link", "<img",  "<iframe",       " src=",
                                             "@import", "url(h", "<?xml", "<!DOCTYPE svg", "\x1b" };
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        T_CHECK(!strstr(page, forbidden[i]));
    check_balance(page);
    check_ids(page);
    check_numbers(strstr(page, "</style>") ? strstr(page, "</style>") : page);
}

/* ---- the tests */

static size_t candidates_of(const struct rpt_run *run)
{
    size_t count = 0;
    for (size_t l = 0; l < run->layer_count; l++)
        count += run->layers[l].count;
    return count;
}

static double truth_of(const struct fix_layer *layer, const char *variant)
{
    char name[VAR_NAME_MAX];
    for (size_t i = 0; i < layer->count; i++) {
        var_name_format(&layer->variant[i], name);
        if (strcmp(name, variant) == 0)
            return layer->truth_ns[i];
    }
    return NAN;
}

static void check_layer(const struct rpt_layer *layer, const struct fix_layer *truth)
{
    double best = INFINITY;
    size_t disorder = 0;
    for (size_t i = 0; i < truth->count; i++)
        best = fmin(best, truth->truth_ns[i]);
    T_CHECK_STR(layer->problem, truth->text);
    T_CHECK(layer->count == truth->count && layer->tied >= 1 && layer->tied <= layer->timed);
    T_CHECK(truth_of(truth, layer->candidates[0].variant) <= 1.02 * best);
    T_CHECK(fabs(layer->candidates[0].rank.summary.median / best - 1) < 0.04);
    T_CHECK(layer->candidates[0].peak_share > 0 && layer->candidates[0].peak_share < 1.05);
    for (size_t i = 0; i < layer->count; i++)
        disorder += (layer->candidates[i].outcome == HRN_OK) != (i < layer->timed);
    T_CHECK(disorder == 0);
    T_CHECK(layer->against[RPT_PORTABLE].index >= 0 && layer->against[RPT_PORTABLE].of.ratio < 1);
}

static void test_measured(const char *shapes)
{
    struct fixture fixture;
    struct pdb *db = NULL;
    struct rpt_run run, again;
    struct rpt_error error;
    fix_write(in_folder("measured.db"), shapes, FIX_LAYERS_MAX, HRN_MEASURED, &fixture);
    if (!load("measured.db", 0, &db, &run))
        return;
    T_CHECK(run.layer_count == fixture.layer_count && run.layer_count == 26);
    for (size_t l = 0; l < run.layer_count; l++)
        check_layer(&run.layers[l], &fixture.layers[l]);

    T_CHECK(rpt_run_load(db, run.id, &again, &error) == 0);
    for (int f = 0; f < FORMAT_COUNT; f++) {
        char *text = render(&run, (enum format)f), *same = render(&again, (enum format)f);
        T_CHECK(strcmp(text, same) == 0); /* the same samples, the same words */
        check_numbers(text);
        for (size_t l = 0; l < run.layer_count; l++)
            T_CHECK(strstr(text, run.layers[l].problem) &&
                    strstr(text, run.layers[l].candidates[0].variant));
        T_CHECK(!strchr(text, '\x1b') == (f != COLOURED));
        T_CHECK(strstr(text, "crashed") && strstr(text, "SIGSEGV") && strstr(text, "timeout"));
        if (f == CSV)
            check_csv(text, candidates_of(&run));
        if (f == MARKDOWN)
            check_markdown(text);
        if (f == JSON)
            check_json(text, &run, candidates_of(&run));
        free(text);
        free(same);
    }
    char *page = render_page(&run, "measured.html");
    check_page(page);
    for (size_t l = 0; l < run.layer_count; l++)
        T_CHECK(strstr(page, run.layers[l].problem) &&
                strstr(page, run.layers[l].candidates[0].variant));
    T_CHECK(strstr(page, "measured on silicon") && strstr(page, run.command));
    T_CHECK(count_of(page, "<tr><td class=\"name\"><code>") == fixture.failures);
    if (strstr(page, "Plots are missing"))
        printf("  no plots: is gnuplot installed?\n");
    else
        T_CHECK(count_of(page, "<figure>") > 3 * run.layer_count);
    free(page);
    rpt_run_clear(&again);
    rpt_run_clear(&run);
    pdb_close(db);
    fix_clear(&fixture);
}

static void test_emulated(const char *shapes)
{
    struct fixture fixture;
    struct pdb *db = NULL;
    struct rpt_run run;
    char counts[64];
    fix_write(in_folder("emulated.db"), shapes, 3, HRN_EMULATED, &fixture);
    if (!load("emulated.db", 0, &db, &run))
        return;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        char *text = render(&run, (enum format)f);
        T_CHECK(strcasestr(text, "emulated") != NULL);
        if (f == CSV) /* its header has the columns, its lines must not */
            check_no_time(strchr(text, '\n'));
        else
            check_no_time(text);
        if (f == JSON)
            check_json(text, &run, candidates_of(&run));
        free(text);
    }
    char *page = render_page(&run, "emulated.html");
    check_page(page);
    check_no_time(strstr(page, "</style>"));
    T_CHECK(strstr(page, "No time is shown") != NULL);
    snprintf(counts, sizeof counts, ">%zu<", candidates_of(&run) - fixture.failures);
    T_CHECK(strstr(page, counts) != NULL);
    free(page);
    rpt_run_clear(&run);
    pdb_close(db);
    fix_clear(&fixture);
}

/* A run of which every string tries something. */
static void test_hostile(void)
{
    static const char evil[] =
        "<script>alert(\"1\")</script> & 'q' | `r` \x1b[31m\xff\xc3( {} \\ \n#%";
    struct pdb *db = NULL;
    struct rpt_run run;
    int64_t run_id = 0, id = 0;
    const struct pdb_run row = { .device_key = evil,
                                 .arch = evil,
                                 .cpu = evil,
                                 .midr = evil,
                                 .kernel = evil,
                                 .os = evil,
                                 .compiler = evil,
                                 .compiler_flags = evil,
                                 .tool_version = evil,
                                 .command = evil,
                                 .rounds = 3 };
    struct hrn_proof crashed = { .outcome = HRN_CRASHED, .signal = 64 };
    struct hrn_proof proved = { .outcome = HRN_OK };
    snprintf(crashed.detail, sizeof crashed.detail, "%s", evil);
    T_CHECK(pdb_open(in_folder("hostile.db"), PDB_WRITE, &db) == 0);
    T_CHECK(pdb_run_begin(db, &row, &run_id) == 0);
    T_CHECK(pdb_run_problem(db, run_id, evil, evil, evil, 0, 1, 1000) == 0);
    for (int i = 0; i < 12; i++) {
        char name[200];
        snprintf(name, sizeof name, "%s_m%dn%da%d", evil, 1 + i % 3, 1 + i / 3, i * 64);
        const char *const knobs[] = { var_knobs[VAR_KNOB_MR].name, var_knobs[VAR_KNOB_NR].name };
        const int values[] = { 1 + i % 3, 1 + i / 3 };
        const struct pdb_variant variant = { name,  name,   evil, evil, evil, 1,
                                             knobs, values, 2,    0,    0,    0 };
        T_CHECK(pdb_measurement(db, run_id, evil, &variant, &id) == 0);
        T_CHECK(pdb_proof(db, id, i == 11 ? &crashed : &proved) == 0);
        for (int r = 0; r < 3; r++) {
            struct hrn_sample s = { .round = r, .calls = 1, .time_ns = 1000 + 10 * i + r };
            T_CHECK(i == 11 || pdb_sample(db, id, &s, NULL, 0) == 0);
        }
    }
    T_CHECK(pdb_commit(db) == 0);
    pdb_close(db);
    if (!load("hostile.db", 0, &db, &run))
        return;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        char *text = render(&run, (enum format)f);
        T_CHECK(f == COLOURED || !strchr(text, '\x1b'));
        if (f == CSV)
            check_csv(text, 12);
        if (f == MARKDOWN)
            check_markdown(text);
        if (f == JSON)
            check_json(text, &run, 12);
        free(text);
    }
    char *page = render_page(&run, "hostile.html");
    check_page(page);
    T_CHECK(strstr(page, "&lt;script&gt;") && strstr(page, "signal 64"));
    free(page);
    rpt_run_clear(&run);
    pdb_close(db);
}

/* A run with a layer and nothing measured yet, and files that hold no run. */
static void test_empty(void)
{
    struct pdb *db = NULL;
    struct rpt_run run;
    struct rpt_error error;
    int64_t run_id = 0;
    const struct pdb_run row = { .device_key = "local", .cpu = "core", .command = "quern sweep" };
    T_CHECK(pdb_open(in_folder("empty.db"), PDB_WRITE, &db) == 0);
    T_CHECK(rpt_run_load(db, 0, &run, &error) == -ENOENT && strstr(error.text, "no run"));
    T_CHECK(pdb_run_begin(db, &row, &run_id) == 0);
    T_CHECK(rpt_run_load(db, run_id + 7, &run, &error) == -ENOENT && strstr(error.text, "--list"));
    T_CHECK(run.layers == NULL && run.layer_count == 0);
    T_CHECK(pdb_run_problem(db, run_id, "ic8ih8oc8oh8kh1ph0", "lonely", "", 0, 1, 4096) == 0);
    T_CHECK(pdb_commit(db) == 0);
    T_CHECK(rpt_run_load(db, run_id, &run, &error) == 0);
    for (int f = 0; f < FORMAT_COUNT; f++) {
        char *text = render(&run, (enum format)f);
        check_numbers(text);
        T_CHECK(f == CSV || f == JSON || strstr(text, "lonely"));
        free(text);
    }
    char *page = render_page(&run, "empty.html");
    check_page(page);
    T_CHECK(strstr(page, "no variant has a time") && strstr(page, "not ended"));
    free(page);
    rpt_run_clear(&run);
    pdb_close(db);
}

static void test_unwritable(void)
{
    struct pdb *db = NULL;
    struct rpt_run run;
    struct rpt_error error;
    FILE *full = fopen("/dev/full", "w");
    if (!load("measured.db", 0, &db, &run))
        return;
    if (T_CHECK(full != NULL)) {
        T_CHECK(rpt_csv(&run, full) == -ENOSPC);
        fclose(full);
    }
    T_CHECK(rpt_html(&run, in_folder("no/such/page.html"), in_folder("no/such/plots"), &error) < 0);
    T_CHECK(strstr(error.text, "no/such") != NULL);
    T_CHECK(rpt_html(&run, in_folder("measured.db/page.html"), in_folder("other-plots"), &error) <
            0);
    T_CHECK(strstr(error.text, "page.html") != NULL);
    rpt_run_clear(&run);
    pdb_close(db);
}

static void write_program(const char *name, const char *text)
{
    FILE *out = fopen(in_folder(name), "w");
    if (!T_CHECK(out != NULL))
        return;
    fputs(text, out);
    fclose(out);
    T_CHECK(chmod(in_folder(name), 0755) == 0);
}

/* Without gnuplot, and with one that fails: the page is whole but for the plots, and says so. */
static void test_no_gnuplot(const char *path, const char *reason)
{
    struct pdb *db = NULL;
    struct rpt_run run;
    char *before = strdup(getenv("PATH") ? getenv("PATH") : "");
    if (!before || !load("measured.db", 0, &db, &run))
        return;
    setenv("PATH", path, 1);
    char *page = render_page(&run, "plain.html");
    setenv("PATH", before, 1);
    check_page(page);
    T_CHECK(strstr(page, "Plots are missing") && strstr(page, reason));
    T_CHECK(count_of(page, "<figure>") == 0);
    for (size_t l = 0; l < run.layer_count; l++)
        T_CHECK(strstr(page, run.layers[l].problem) &&
                strstr(page, run.layers[l].candidates[0].variant));
    T_CHECK(access(in_folder("plain.html-plots/layer01-spread.gp"), R_OK) == 0);
    T_CHECK(access(in_folder("plain.html-plots/layer01-spread.dat"), R_OK) == 0);
    free(page);
    free(before);
    rpt_run_clear(&run);
    pdb_close(db);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    const char *shapes = argc > 1 ? argv[1] : "tests/shapes/peers.txt", *base = getenv("TMPDIR");
    int keep = 0;
    t_begin(argc, argv);
    snprintf(folder, sizeof folder, "%s/test_reports.XXXXXX", base ? base : "/tmp");
    for (int i = 2; i + 1 < argc; i++)
        if (strcmp(argv[i], "--keep") == 0) {
            snprintf(folder, sizeof folder, "%s", argv[i + 1]);
            keep = mkdir(folder, 0777) == 0;
        }
    if (!keep && !mkdtemp(folder)) {
        printf("cannot make %s: it must not exist yet\n", folder);
        return 1;
    }
    test_measured(shapes);
    test_emulated(shapes);
    test_hostile();
    test_empty();
    test_unwritable();
    test_no_gnuplot("/nonexistent", "gnuplot-nox");
    write_program("gnuplot", "#!/bin/sh\necho something is wrong >&2\nexit 3\n");
    test_no_gnuplot(folder, "gnuplot failed with 3: something is wrong");
    if (!keep)
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return t_end();
}
