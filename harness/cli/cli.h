/* The program `quern`: a table of verbs. Each cmd_VERB.c parses, calls and prints, and computes
 * nothing. */
#ifndef QUERN_HARNESS_CLI_H
#define QUERN_HARNESS_CLI_H

#include <signal.h>
#include <stdio.h>

/* Exit codes. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_DEVICE = 3, CLI_INTERRUPTED = 130 };

struct cli_verb {
    const char *name, *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the verb; returns an exit code */
};
extern const struct cli_verb cli_verbs[];
extern const size_t cli_verb_count;

int cmd_help(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_devices(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_count(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_vm(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_pair(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_db(int argc, char **argv);
int cmd_accuracy(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_graph(int argc, char **argv);
int cmd_kl(int argc, char **argv);
int cmd_quantize(int argc, char **argv);
int cmd_run(int argc, char **argv);

/* ---- Options: one table per verb is its grammar, its help and its documentation. */
enum cli_kind { CLI_FLAG, CLI_STRING, CLI_INT, CLI_DOUBLE, CLI_LIST /* may be repeated */ };
struct cli_option {
    char letter;      /* 0 = long form only */
    const char *name; /* "device" for --device */
    enum cli_kind kind;
    const char *argument; /* "KEY"; NULL for a flag */
    const char *help;     /* one or more sentences; wrapped when printed */
    void *value;          /* int*, const char **, long long *, double *, struct cli_list * */
};
struct cli_list {
    const char **items; /* owned array, borrowed strings */
    size_t count;
};
struct cli_command {
    const char *name, *synopsis, *description; /* paragraphs, separated by \n\n */
    const struct cli_option *options;
    size_t option_count;
    const char *examples; /* lines, printed as they are; may be NULL */
};
/* Parses; leaves the operands in *operands, which the caller clears; NULL = the verb takes
 * none. 0 = go on; otherwise the exit code to return plus 1 (help was printed: CLI_OK + 1; usage
 * error, already explained: CLI_USAGE + 1), and nothing is left to clear. Lists of options are the
 * caller's to clear, too. */
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_list *operands);
/* The same for a verb of at most one operand, which is a `what` ("model"); NULL = none given. A
 * second one is a usage error, explained. Nothing is left to clear but lists of options. */
int cli_parse_one(const struct cli_command *command, int argc, char **argv, const char *what,
                  const char **operand);
int cli_list_add(struct cli_list *list, const char *item); /* 0 or -ENOMEM */
void cli_list_clear(struct cli_list *list);

/* Prints "quern VERB: sentence" on stderr. Returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The command as it can be typed again: words that a shell would change stand in quotes. The
 * caller's to free; NULL without memory. */
char *cli_command_line(int argc, char **argv);

/* Non-zero after the first Ctrl-C; the second one ends the program. */
extern volatile sig_atomic_t cli_stop;
void cli_catch_interrupt(void);

/* ---- Progress on stderr: one line with an estimate, redrawn on a terminal, a line now and then
 * elsewhere. */
struct cli_progress {
    const char *label;
    double begin_s, last_s, first_s; /* first_s: of the first step, with first_done */
    size_t first_done;
    size_t row, rows; /* of several processes on one terminal; 0 rows: this one is alone */
};
void cli_progress_begin(struct cli_progress *p, const char *label);
void cli_progress_step(struct cli_progress *p, size_t done, size_t total, const char *note);
void cli_progress_end(struct cli_progress *p);
/* Several processes, a row each: the parent makes room for `rows` before they start, and each of
 * them calls the second behind cli_progress_begin(). Nothing where there is no terminal. */
void cli_progress_reserve(size_t rows);
void cli_progress_share(struct cli_progress *p, size_t row, size_t rows);

int cli_colour(FILE *out); /* 1 if `out` is a terminal and NO_COLOR is unset */

/* Where things are: environment first (read only here), then the build's defaults. Borrowed for
 * ever.
 *   source root  $QUERN_SOURCE_ROOT: kernels/ and harness/runner/, to build variants with
 *   cache        $QUERN_CACHE, $XDG_CACHE_HOME/quern, ~/.cache/quern
 *   database     $QUERN_DB, quern-out/quern.db */
const char *cli_source_root(void);
/* The compiler for a device whose system is `os`: `typed`, else that of $ANDROID_NDK_HOME for an
 * Android, else NULL = the toolchain's choice. 0, or an exit code, explained. */
int cli_compiler(const char *typed, const char *os, const char *arch, const char **out);
const char *cli_cache_dir(void);
const char *cli_vm_dir(void); /* virtual machines: vm/ in the cache */
const char *cli_default_db(void);

/* ---- Tables on stdout: columns sized to fit, numbers to the right. */
struct cli_table;
struct cli_table *cli_table_new(const char *const *headings, size_t columns);
void cli_table_cell(struct cli_table *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cli_table_print(struct cli_table *t, FILE *out); /* and frees */

#endif
