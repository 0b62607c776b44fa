/* What the files of harness/cli share among themselves. */
#ifndef QUERN_HARNESS_CLI_INT_H
#define QUERN_HARNESS_CLI_INT_H

#include "harness/cli/cli.h"

/* The verb that runs, for messages; "" before there is one. */
extern const char *cli_verb_name;

/* 0; -EINVAL not a number as a whole; -ERANGE. Decimal or 0x hexadecimal; no blanks, no infinity.
 */
int cli_integer(const char *text, long long *out);
int cli_real(const char *text, double *out);

/* verbs.c: NULL if there is none of that name; explains that there is none, returns CLI_USAGE. */
const struct cli_verb *cli_verb_find(const char *name);
int cli_verb_unknown(const char *name);

/* help.c: one command as text for `out` (wrapped to its width) and as roff for man(1). */
void cli_help_text(const struct cli_command *command, FILE *out);
void cli_help_man(const struct cli_command *command, FILE *out);
void cli_help_overview(FILE *out);
/* Prints `text` wrapped to the width of `out`, every line `indent` deep; paragraphs part at \n\n.
 */
void cli_wrap(FILE *out, int indent, const char *text);
/* The same where the first line already has `column` columns. */
void cli_wrap_from(FILE *out, int indent, int column, const char *text);
int cli_width(FILE *out); /* columns of the terminal, 80 where there is none */
void cli_heading(FILE *out, const char *text);

/* suggest.c: edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`. */
size_t cli_distance(const char *a, const char *b);
/* The name closest to `word`, or NULL if none is close enough to be meant. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);

/* json.c: `text` as a JSON string, with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void cli_json_string(FILE *out, const char *text);
/* A member that is not the first one, on stdout: a comma, the name and a finite number; JSON has no
 * others, and then there is no member. */
void cli_json_member(const char *name, double value);

#endif
