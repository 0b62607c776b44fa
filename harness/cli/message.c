/* What the program says and hears while a verb runs. */
#include "harness/cli/cli.h"

#include <stdarg.h>
#include <string.h>

#include "harness/cli/cli_int.h"

const char *cli_verb_name = "";
volatile sig_atomic_t cli_stop;

int cli_fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout); /* so that the message stands after what was printed before */
    fprintf(stderr, "quern%s%s: ", *cli_verb_name ? " " : "", cli_verb_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return code;
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    cli_stop = 1;
}

void cli_catch_interrupt(void)
{
    /* One shot: the second signal finds the default action and ends the program. */
    struct sigaction action = { .sa_handler = on_interrupt,
                                .sa_flags = SA_RESTART | (int)SA_RESETHAND };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

char *cli_command_line(int argc, char **argv)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    fputs("quern", out);
    for (int i = 0; i < argc; i++) {
        int plain = argv[i][0] && !strpbrk(argv[i], " \t\n\"'\\$`*?[]{}()<>|&;#~!^");
        fputs(plain ? " " : " '", out);
        for (const char *c = argv[i]; *c; c++)
            fputs(*c == '\'' ? "'\\''" : (char[]) { *c, '\0' }, out);
        fputs(plain ? "" : "'", out);
    }
    return fclose(out) ? NULL : text;
}
