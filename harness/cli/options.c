#include "harness/cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"

/* Where a parse stands. */
struct scan {
    const struct cli_command *command;
    int argc, next;
    char **argv;
};

static int usage(const struct scan *s, const char *what, const char *word, const char *near)
{
    cli_fail(CLI_USAGE, "%s '%s'%s%s%s; 'quern help %s' lists what there is", what, word,
             near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", s->command->name);
    return CLI_USAGE + 1;
}

int cli_list_add(struct cli_list *list, const char *item)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (!items)
        return -ENOMEM;
    items[list->count++] = item;
    list->items = items;
    return 0;
}

void cli_list_clear(struct cli_list *list)
{
    free(list->items);
    *list = (struct cli_list) { 0 };
}

int cli_integer(const char *text, long long *out)
{
    int hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digit = text + (text[0] == '-' && !hex);
    char *end;
    if (*digit < '0' || *digit > '9')
        return -EINVAL;
    errno = 0;
    long long value = strtoll(text, &end, hex ? 16 : 10);
    if (errno == ERANGE)
        return -ERANGE;
    if (*end || (hex && end == text + 2))
        return -EINVAL;
    *out = value;
    return 0;
}

int cli_real(const char *text, double *out)
{
    char *end;
    if (!strchr("+-.0123456789", text[0]) || !text[0])
        return -EINVAL;
    double value = strtod(text, &end);
    if (*end)
        return -EINVAL;
    if (!isfinite(value))
        return -ERANGE;
    *out = value;
    return 0;
}

/* Stores the argument of `option`; 0 or the sentence of what is wrong with it. */
static const char *store(const struct cli_option *option, const char *argument)
{
    int status = 0;
    switch (option->kind) {
    case CLI_FLAG:
        *(int *)option->value = 1;
        break;
    case CLI_STRING:
        *(const char **)option->value = argument;
        break;
    case CLI_LIST:
        status = cli_list_add(option->value, argument);
        break;
    case CLI_INT:
        status = cli_integer(argument, option->value);
        break;
    case CLI_DOUBLE:
        status = cli_real(argument, option->value);
        break;
    }
    if (status == -ERANGE)
        return "is out of range";
    if (status == -ENOMEM)
        return "does not fit in memory";
    return status == 0               ? NULL
           : option->kind == CLI_INT ? "is not a whole number"
                                     : "is not a number";
}

static const struct cli_option *find(const struct cli_command *command, const char *name,
                                     size_t length, char letter)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *o = &command->options[i];
        if (letter ? o->letter == letter : strncmp(o->name, name, length) == 0 && !o->name[length])
            return o;
    }
    return NULL;
}

static const char *nearest_option(const struct cli_command *command, const char *name)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < command->option_count && count < 63; i++)
        names[count++] = command->options[i].name;
    names[count++] = "help";
    return cli_nearest(name, names, count);
}

/* Takes the argument of an option: `attached` (may be NULL) or the next word. */
static int take(struct scan *s, const struct cli_option *option, const char *attached)
{
    const char *argument = attached;
    if (option->kind == CLI_FLAG) {
        if (attached) {
            cli_fail(CLI_USAGE, "--%s takes no argument, but has '%s'", option->name, attached);
            return CLI_USAGE + 1;
        }
    } else if (!attached) {
        if (s->next == s->argc) {
            cli_fail(CLI_USAGE, "--%s needs its argument %s", option->name, option->argument);
            return CLI_USAGE + 1;
        }
        argument = s->argv[s->next++];
    }
    const char *wrong = store(option, argument);
    if (!wrong)
        return 0;
    cli_fail(CLI_USAGE, "--%s: '%s' %s", option->name, argument, wrong);
    return CLI_USAGE + 1;
}

static int take_long(struct scan *s, const char *name)
{
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    if (strcmp(name, "help") == 0 || strcmp(name, "help=man") == 0) {
        (equals ? cli_help_man : cli_help_text)(s->command, stdout);
        return CLI_OK + 1;
    }
    const struct cli_option *option = find(s->command, name, length, 0);
    if (option)
        return take(s, option, equals ? equals + 1 : NULL);
    char word[64], near[72];
    snprintf(word, sizeof(word), "%.*s", (int)length, name);
    const char *found = nearest_option(s->command, word);
    snprintf(near, sizeof(near), "--%s", found ? found : "");
    return usage(s, "unknown option", name - 2, found ? near : NULL);
}

/* A word of letters: flags may share it, an option with an argument ends it. */
static int take_letters(struct scan *s, const char *letters)
{
    for (const char *c = letters; *c; c++) {
        const struct cli_option *option = find(s->command, NULL, 0, *c);
        if (!option && *c == 'h') {
            cli_help_text(s->command, stdout);
            return CLI_OK + 1;
        }
        if (!option) {
            char word[3] = { '-', *c, 0 };
            return usage(s, "unknown option", word, NULL);
        }
        int attached = option->kind != CLI_FLAG && c[1];
        int code = take(s, option, attached ? c + 1 : NULL);
        if (code || option->kind != CLI_FLAG)
            return code;
    }
    return 0;
}

static int take_operand(struct scan *s, const char *word, struct cli_list *operands)
{
    if (!operands)
        return usage(s, "unexpected operand", word, NULL);
    if (cli_list_add(operands, word)) {
        cli_fail(CLI_FAILED, "out of memory");
        return CLI_FAILED + 1;
    }
    return 0;
}

static void clear_lists(const struct cli_command *command, struct cli_list *operands)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (command->options[i].kind == CLI_LIST)
            cli_list_clear(command->options[i].value);
    if (operands)
        cli_list_clear(operands);
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_list *operands)
{
    struct scan s = { .command = command, .argc = argc, .next = 1, .argv = argv };
    int code = 0, only_operands = 0;
    if (operands)
        *operands = (struct cli_list) { 0 };
    cli_verb_name = command->name;
    while (!code && s.next < argc) {
        const char *word = argv[s.next++];
        if (only_operands || word[0] != '-' || !word[1])
            code = take_operand(&s, word, operands);
        else if (strcmp(word, "--") == 0)
            only_operands = 1;
        else if (word[1] == '-')
            code = take_long(&s, word + 2);
        else
            code = take_letters(&s, word + 1);
    }
    if (code)
        clear_lists(command, operands);
    return code;
}

int cli_parse_one(const struct cli_command *command, int argc, char **argv, const char *what,
                  const char **operand)
{
    struct cli_list operands;
    int code = cli_parse(command, argc, argv, &operands);
    *operand = NULL;
    if (code)
        return code;
    if (operands.count)
        *operand = operands.items[0];
    if (operands.count > 1) {
        cli_fail(CLI_USAGE, "one %s at a time, not '%s' too", what, operands.items[1]);
        clear_lists(command, NULL);
        code = CLI_USAGE + 1;
    }
    cli_list_clear(&operands);
    return code;
}
