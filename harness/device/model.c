/* model:CORE: a static prediction of what code takes on a core. Runs nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/device/device_int.h"
#include "variants/cores.h"

static int refuse(struct hrn_device *d)
{
    return hrn_device_fail(d, -ENOTSUP, "%s is a model and runs no programs", d->info.key);
}

static int push(struct hrn_device *d, const char *host_path, char *device_path, size_t bytes)
{
    (void)host_path, (void)device_path, (void)bytes;
    return refuse(d);
}

static int pull(struct hrn_device *d, const char *device_path, const char *host_path)
{
    (void)device_path, (void)host_path;
    return refuse(d);
}

static int start(struct hrn_device *d, const char *const argv[], struct hrn_process *out)
{
    (void)argv, (void)out;
    return refuse(d);
}

static int finish(struct hrn_device *d, struct hrn_process *process, int timeout_ms, int *status)
{
    (void)process, (void)timeout_ms, (void)status;
    return refuse(d);
}

static int shell(struct hrn_device *d, const char *command, char *out, size_t out_bytes,
                 int *exit_code)
{
    (void)command, (void)out, (void)out_bytes, (void)exit_code;
    return refuse(d);
}

static int fine(struct hrn_device *d)
{
    (void)d;
    return 0;
}

static void nothing(struct hrn_device *d)
{
    (void)d;
}

static const struct hrn_device_calls calls = { .push = push,
                                               .pull = pull,
                                               .start = start,
                                               .finish = finish,
                                               .check = fine,
                                               .await = fine,
                                               .shell = shell,
                                               .close = nothing };

int hrn_model_open(const char *argument, struct hrn_device **out, char *err, size_t err_bytes)
{
    const struct var_core_alias *alias;
    const struct var_core *core = var_core_find(argument, &alias);
    *out = NULL;
    if (!core) {
        snprintf(err, err_bytes,
                 "model:%s: there is no model of that core; 'quern devices' lists those that there "
                 "are",
                 argument);
        return -EINVAL;
    }
    struct hrn_device *device = hrn_device_new("model", argument);
    if (!device) {
        snprintf(err, err_bytes, "out of memory");
        return -ENOMEM;
    }
    struct hrn_device_info *info = &device->info;
    device->calls = &calls;
    snprintf(info->arch, sizeof info->arch, "aarch64");
    snprintf(info->cpu, sizeof info->cpu, "%s (predicted)", core->name);
    snprintf(info->os, sizeof info->os, "%s",
             core->llvm_cpu ? "llvm-mca" : "Quern's model of in-order cores");
    info->isas = alias && alias->isas ? alias->isas : core->isas;
    info->cpu_index = -1;
    info->evidence = HRN_PREDICTED;
    *out = device;
    return 0;
}

void hrn_model_list(void (*found)(const char *key, const char *note, void *user), void *user)
{
    char key[64], note[128];
    for (size_t i = 0; i < var_core_count; i++) {
        snprintf(key, sizeof key, "model:%s", var_cores[i].name);
        snprintf(note, sizeof note, "predicted; %s",
                 var_cores[i].llvm_cpu ? "llvm-mca" : "Quern's model of in-order cores");
        found(key, note, user);
    }
    for (size_t i = 0; i < var_core_alias_count; i++) {
        snprintf(key, sizeof key, "model:%s", var_core_aliases[i].name);
        snprintf(note, sizeof note, "predicted; as %s: %s", var_core_aliases[i].core,
                 var_core_aliases[i].why);
        found(key, note, user);
    }
}
