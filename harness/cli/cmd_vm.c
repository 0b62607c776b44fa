/* quern vm: virtual ARM machines, started and stopped. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/device/vm.h"

struct arguments {
    const char *name;
    long long cpus;
    int free, json, adb;
};

static int start(const struct arguments *a, const char *cpu)
{
    char maker[4200], adbd_maker[4200], err[600] = "";
    struct hrn_vm vm;
    snprintf(maker, sizeof maker, "%s/scripts/make_vm", cli_source_root());
    snprintf(adbd_maker, sizeof adbd_maker, "%s/scripts/make_adbd", cli_source_root());
    const struct hrn_vm_options options = { .name = a->name ? a->name : cpu,
                                            .cpu = cpu,
                                            .cpus = (int)a->cpus,
                                            .counts = !a->free && a->cpus == 1,
                                            .maker = maker,
                                            .adbd_maker = a->adb ? adbd_maker : NULL };
    if (a->cpus < 1 || a->cpus > 8)
        return cli_fail(CLI_USAGE, "--cpus goes from 1 to 8");
    int rc = hrn_vm_start(&options, err, sizeof err);
    if (rc < 0)
        return cli_fail(rc == -EINVAL ? CLI_USAGE : CLI_DEVICE, "%s", err);
    if (a->adb && hrn_vm_find(options.name, &vm) == 0)
        printf("vm:%s runs; look at it: quern doctor -d adb:127.0.0.1:%d\n", options.name,
               vm.adb_port);
    else
        printf("vm:%s runs; look at it: quern doctor -d vm:%s\n", options.name, options.name);
    return CLI_OK;
}

static int stop(const struct arguments *a, const char *name)
{
    char err[300];
    (void)a;
    return hrn_vm_stop(name, err, sizeof err) < 0 ? cli_fail(CLI_FAILED, "%s", err) : CLI_OK;
}

/* ---- what there is */

struct listing {
    int json;
    struct cli_table *table; /* made with the first row */
    size_t count;
};

static struct cli_table *new_table(void)
{
    static const char *const headings[] = { "device", "cpu", "cpus", "counts",
                                            "state",  "pid", "port", "adb" };
    return cli_table_new(headings, sizeof headings / sizeof *headings);
}

static int show(const struct hrn_vm *vm, void *user)
{
    struct listing *l = user;
    const char *state = vm->runs ? "runs" : "was killed";
    if (!l->json) {
        l->table = l->table ? l->table : new_table();
        cli_table_cell(l->table, "vm:%s", vm->name);
        cli_table_cell(l->table, "%s", vm->cpu);
        cli_table_cell(l->table, "%d", vm->cpus);
        cli_table_cell(l->table, "%s", vm->counts ? "exact" : "no");
        cli_table_cell(l->table, "%s", state);
        cli_table_cell(l->table, "%d", (int)vm->pid);
        cli_table_cell(l->table, "%d", vm->port);
        if (vm->adb_port)
            cli_table_cell(l->table, "127.0.0.1:%d", vm->adb_port);
        else
            cli_table_cell(l->table, "%s", "");
    } else {
        printf("%s\n    {\"key\": \"vm:%s\", \"cpu\": \"%s\", \"cpus\": %d, \"counts\": %s, "
               "\"runs\": %s, \"pid\": %d, \"port\": %d, \"adb_port\": %d}",
               l->count ? "," : "", vm->name, vm->cpu, vm->cpus, vm->counts ? "true" : "false",
               vm->runs ? "true" : "false", (int)vm->pid, vm->port, vm->adb_port);
    }
    l->count++;
    return 0;
}

static int list(const struct arguments *a, const char *name)
{
    struct listing l = { .json = a->json };
    struct hrn_vm vm;
    if (name && hrn_vm_find(name, &vm) < 0)
        return cli_fail(CLI_FAILED, "there is no machine '%s'; start it: quern vm start %s", name,
                        name);
    if (a->json)
        fputs("{\n  \"machines\": [", stdout);
    if (name)
        show(&vm, &l);
    else
        hrn_vm_each(show, &l);
    if (a->json)
        fputs("\n  ]\n}\n", stdout);
    else if (l.table)
        cli_table_print(l.table, stdout);
    else
        puts("no virtual machine; start one: quern vm start cortex-a76");
    return name && !vm.runs ? CLI_FAILED : CLI_OK;
}

/* ---- the verb */

static const struct action {
    const char *name;
    int (*run)(const struct arguments *a, const char *operand);
    int operands; /* 1 = one; 0 = none; -1 = either */
} actions[] = {
    { "start", start, 1 },
    { "stop", stop, 1 },
    { "list", list, 0 },
    { "status", list, -1 },
};

static int dispatch(const struct arguments *a, const struct cli_list *operands)
{
    const char *verb = operands->count ? operands->items[0] : "list";
    size_t given = operands->count ? operands->count - 1 : 0;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const struct action *action = &actions[i];
        if (strcmp(action->name, verb) != 0)
            continue;
        if (given > 1 || (action->operands >= 0 && (int)given != action->operands))
            return cli_fail(CLI_USAGE, "'%s' takes %s; see quern help vm", verb,
                            action->operands == 1 ? "the name of one machine" : "no name");
        return action->run(a, given ? operands->items[1] : NULL);
    }
    return cli_fail(CLI_USAGE, "'%s' is none of: start, stop, list, status", verb);
}

int cmd_vm(int argc, char **argv)
{
    struct arguments a = { .cpus = 1 };
    const struct cli_option options[] = {
        { 0, "name", CLI_STRING, "NAME",
          "What 'start' calls the machine: its key is vm:NAME. Default: the CPU.", &a.name },
        { 0, "cpus", CLI_INT, "N",
          "CPUs of the machine; with more than one, counts are not exact. "
          "Default: 1.",
          &a.cpus },
        { 0, "free", CLI_FLAG, NULL,
          "The clock of the machine runs free: quicker, and nothing but cycles counts.", &a.free },
        { 0, "adb", CLI_FLAG, NULL,
          "The machine is reached by adb, too: the first time, Android's adbd is built out of "
          "Debian's source package (76 MB). One that was killed keeps its port.",
          &a.adb },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON.", &a.json },
    };
    const struct cli_command command = {
        .name = "vm",
        .synopsis = "quern vm start CPU [--name=NAME] [--cpus=N] [--free] [--adb]\n"
                    "quern vm stop NAME\n"
                    "quern vm list | status [NAME] [--json]",
        .description =
            "Virtual ARM machines: QEMU, Debian's arm64 kernel with its perf_event, and an "
            "emulated "
            "PMU, so that everything but time can be tried without a device. The first start "
            "downloads Debian's packages (22 MB) into the cache; later ones take seconds.\n\n"
            "A machine runs until it is stopped. What it counts is emulated: instructions are "
            "exact, cycles equal them, and no cache or branch event counts anything.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern vm start cortex-a76\nquern doctor -d vm:cortex-a76\n"
                    "quern sweep -d vm:cortex-a76 --problem ic16ih14oc32kh3ph1\n"
                    "quern vm stop cortex-a76",
    };
    struct cli_list operands = { 0 };
    int code = cli_parse(&command, argc, argv, &operands);
    if (code)
        return code - 1;
    code = dispatch(&a, &operands);
    cli_list_clear(&operands);
    return code;
}
