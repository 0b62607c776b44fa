/* The program: finds the verb and runs it. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/device/vm.h"

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        cli_help_overview(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_help_overview(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("quern %s\n", QUERN_VERSION);
        return CLI_OK;
    }
    const struct cli_verb *verb = cli_verb_find(argv[1]);
    return verb ? verb->run(argc - 1, argv + 1) : cli_verb_unknown(argv[1]);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a device that goes away is an error of write(), not the end */
    hrn_vm_use_folder(cli_vm_dir());
    int code = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno != EPIPE)
            cli_fail(CLI_FAILED, "cannot write to standard output: %s", strerror(errno));
        return code ? code : CLI_FAILED;
    }
    return code;
}
