/* quern devices: the kinds of devices, and what can be opened now. */
#include "harness/cli/cli.h"

#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/device/device.h"

/* Rows of all kinds, as they are found. */
struct listing {
    struct cli_table *table; /* NULL: JSON */
    int no_adb;
    const char *kind;
    size_t count;
};

static void found(const char *key, const char *note, void *user)
{
    struct listing *l = user;
    if (l->table) {
        cli_table_cell(l->table, "%s", key);
        cli_table_cell(l->table, "%s", note);
    } else {
        printf("%s\n    {\"key\": ", l->count ? "," : "");
        cli_json_string(stdout, key);
        printf(", \"kind\": \"%s\", \"note\": ", l->kind);
        cli_json_string(stdout, note);
        fputc('}', stdout);
    }
    l->count++;
}

static void list_devices(struct listing *l)
{
    for (size_t i = 0; i < hrn_device_kind_count; i++) {
        l->kind = hrn_device_kinds[i].name;
        if (!l->no_adb || strcmp(l->kind, "adb") != 0)
            hrn_device_kinds[i].list(found, l);
    }
}

static void print_kinds(void)
{
    static const char *const headings[] = { "kind", "what it is" };
    struct cli_table *table = cli_table_new(headings, 2);
    for (size_t i = 0; i < hrn_device_kind_count; i++) {
        const struct hrn_device_kind *kind = &hrn_device_kinds[i];
        cli_table_cell(table, "%s%s%s", kind->name, kind->argument[0] ? ":" : "", kind->argument);
        cli_table_cell(table, "%s", kind->meaning);
    }
    cli_table_print(table, stdout);
}

static void print_text(int no_adb)
{
    static const char *const headings[] = { "device", "note" };
    struct listing l = { .table = cli_table_new(headings, 2), .no_adb = no_adb };
    print_kinds();
    putchar('\n');
    list_devices(&l);
    cli_table_print(l.table, stdout);
}

static void print_json(int no_adb)
{
    struct listing l = { .no_adb = no_adb };
    fputs("{\n  \"kinds\": [", stdout);
    for (size_t i = 0; i < hrn_device_kind_count; i++) {
        printf("%s\n    {\"kind\": \"%s\", \"argument\": \"%s\", \"meaning\": ", i ? "," : "",
               hrn_device_kinds[i].name, hrn_device_kinds[i].argument);
        cli_json_string(stdout, hrn_device_kinds[i].meaning);
        fputc('}', stdout);
    }
    fputs("\n  ],\n  \"devices\": [", stdout);
    list_devices(&l);
    fputs("\n  ]\n}\n", stdout);
}

int cmd_devices(int argc, char **argv)
{
    int json = 0, no_adb = 0;
    const struct cli_option options[] = {
        { 0, "no-adb", CLI_FLAG, NULL, "Does not ask adb, which would start its server.", &no_adb },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON.", &json },
    };
    const struct cli_command command = {
        .name = "devices",
        .synopsis = "quern devices [--no-adb] [--json]",
        .description =
            "Lists the kinds of devices that variants can run on, and the keys that can be "
            "opened now. A key is what -d takes in the other verbs. A phone whose cores differ has "
            "a "
            "key per kind of core; its own key means the strongest. A phone that cannot be used is "
            "listed with the reason and the remedy.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern devices\nquern doctor -d qemu:cortex-a76",
    };
    int code = cli_parse(&command, argc, argv, NULL);
    if (code)
        return code - 1;
    (json ? print_json : print_text)(no_adb);
    return CLI_OK;
}
