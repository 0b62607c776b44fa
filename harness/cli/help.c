/* Help and manual pages, from the same table that the options are parsed with. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/cli/cli_int.h"

static const struct exit_status {
    int code;
    const char *meaning;
} exit_statuses[] = {
    { CLI_OK, "Done." },
    { CLI_FAILED, "Failed; the message says what, and what to do next." },
    { CLI_USAGE, "Usage: an unknown verb, option or name, or a malformed value." },
    { CLI_DEVICE, "The device is missing or does not permit what is needed." },
    { CLI_INTERRUPTED, "Interrupted. What was measured until then is kept." },
};
enum { EXIT_STATUSES = sizeof(exit_statuses) / sizeof(exit_statuses[0]) };

int cli_width(FILE *out)
{
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < 40 ? 40 : size.ws_col > 100 ? 100 : size.ws_col;
}

void cli_heading(FILE *out, const char *text)
{
    fprintf(out, cli_colour(out) ? "\033[1m%s\033[0m\n" : "%s\n", text);
}

/* One paragraph [text, end), from column `column` on. */
static void wrap_paragraph(FILE *out, int indent, int column, const char *text, const char *end)
{
    int width = cli_width(out), begun = 0;
    while (text < end) {
        int length = (int)strcspn(text, " \n");
        if (text + length > end)
            length = (int)(end - text);
        if (begun && column + 1 + length > width) {
            fputc('\n', out);
            begun = column = 0;
        }
        if (!begun)
            column +=
                fprintf(out, "%*s%.*s", column < indent ? indent - column : 0, "", length, text);
        else
            column += fprintf(out, " %.*s", length, text);
        begun = 1;
        text += length;
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

void cli_wrap_from(FILE *out, int indent, int column, const char *text)
{
    while (*text) {
        const char *gap = strstr(text, "\n\n");
        wrap_paragraph(out, indent, column, text, gap ? gap : text + strlen(text));
        if (!gap)
            return;
        text = gap + 2;
        column = 0;
        fputc('\n', out);
    }
}

void cli_wrap(FILE *out, int indent, const char *text)
{
    cli_wrap_from(out, indent, 0, text);
}

/* Each line of `text` as it is, `indent` deep. */
static void verbatim(FILE *out, int indent, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        fprintf(out, "%*s%.*s\n", length ? indent : 0, "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void option_text(const struct cli_option *option, FILE *out)
{
    enum { HELP_COLUMN = 30 };
    int column = fprintf(out, "    ");
    column += option->letter ? fprintf(out, "-%c, ", option->letter) : fprintf(out, "    ");
    column += fprintf(out, "--%s", option->name);
    if (option->argument)
        column += fprintf(out, "=%s", option->argument);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    cli_wrap_from(out, HELP_COLUMN, column, option->help);
}

static const struct cli_option help_option = { .letter = 'h',
                                               .name = "help",
                                               .help = "Prints this text." };

/* The summary of the verb, from the table of verbs. */
static const char *summary_of(const char *name)
{
    for (size_t i = 0; i < cli_verb_count; i++)
        if (strcmp(cli_verbs[i].name, name) == 0)
            return cli_verbs[i].summary;
    return "";
}

void cli_help_text(const struct cli_command *command, FILE *out)
{
    cli_heading(out, "NAME");
    fprintf(out, "    quern %s - %s\n\n", command->name, summary_of(command->name));
    cli_heading(out, "SYNOPSIS");
    verbatim(out, 4, command->synopsis);
    fputc('\n', out);
    cli_heading(out, "DESCRIPTION");
    cli_wrap(out, 4, command->description);
    fputc('\n', out);
    cli_heading(out, "OPTIONS");
    for (size_t i = 0; i < command->option_count; i++)
        option_text(&command->options[i], out);
    option_text(&help_option, out);
    if (command->examples) {
        fputc('\n', out);
        cli_heading(out, "EXAMPLES");
        verbatim(out, 4, command->examples);
    }
    fputc('\n', out);
    cli_heading(out, "EXIT STATUS");
    for (size_t i = 0; i < EXIT_STATUSES; i++)
        fprintf(out, "    %3d  %s\n", exit_statuses[i].code, exit_statuses[i].meaning);
}

/* Text of a manual page: control characters of roff are made plain, paragraphs parted. */
static void roff(FILE *out, const char *text)
{
    int line_begins = 1;
    for (; *text; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            fputs("\n.PP\n", out);
            text++;
            line_begins = 1;
            continue;
        }
        if (line_begins && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        line_begins = *text == '\n';
    }
    if (!line_begins)
        fputc('\n', out);
}

static void option_man(const struct cli_option *option, FILE *out)
{
    fputs(".TP\n", out);
    if (option->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", out);
    for (const char *c = option->name; *c; c++)
        fprintf(out, *c == '-' ? "\\-" : "%c", *c);
    if (option->argument)
        fprintf(out, "\\fR=\\fI%s", option->argument);
    fputs("\\fR\n", out);
    roff(out, option->help);
}

void cli_help_man(const struct cli_command *command, FILE *out)
{
    fprintf(out, ".TH QUERN\\-%s 1 \"\" \"quern %s\" \"Quern\"\n", command->name, QUERN_VERSION);
    fprintf(out, ".SH NAME\nquern\\-%s \\- %s\n", command->name, summary_of(command->name));
    fputs(".SH SYNOPSIS\n.nf\n", out);
    roff(out, command->synopsis);
    fputs(".fi\n.SH DESCRIPTION\n", out);
    roff(out, command->description);
    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < command->option_count; i++)
        option_man(&command->options[i], out);
    option_man(&help_option, out);
    if (command->examples) {
        fputs(".SH EXAMPLES\n.nf\n", out);
        roff(out, command->examples);
        fputs(".fi\n", out);
    }
    fputs(".SH \"EXIT STATUS\"\n", out);
    for (size_t i = 0; i < EXIT_STATUSES; i++)
        fprintf(out, ".TP\n%d\n%s\n", exit_statuses[i].code, exit_statuses[i].meaning);
}

void cli_help_overview(FILE *out)
{
    cli_heading(out, "NAME");
    fputs("    quern - a workbench for int8 convolution kernels\n\n", out);
    cli_heading(out, "SYNOPSIS");
    fputs("    quern VERB [OPTION]... [OPERAND]...\n    quern help VERB\n\n", out);
    cli_heading(out, "DESCRIPTION");
    cli_wrap(
        out, 4,
        "Quern generates variants of int8 convolution micro-kernels as assembly, proves each one "
        "bit-exact against a C reference, sweeps them on a device, keeps every sample in a "
        "database, names the winners with their statistics, and exports them. A quantiser "
        "with KL calibration makes int8 networks that run on the winners.");
    fputc('\n', out);
    cli_heading(out, "VERBS");
    for (size_t i = 0; i < cli_verb_count; i++)
        fprintf(out, "    %-12s%s\n", cli_verbs[i].name, cli_verbs[i].summary);
    fputc('\n', out);
    cli_heading(out, "ENVIRONMENT");
    fputs("    QUERN_DB           the database, when --db is not given (quern-out/quern.db)\n"
          "    QUERN_CACHE        built kernels (~/.cache/quern)\n"
          "    QUERN_SOURCE_ROOT  the sources that kernels are built with\n"
          "    NO_COLOR           no colour on a terminal\n",
          out);
}
