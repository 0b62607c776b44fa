/* Machines: their folders, their image, QEMU. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/device/process_int.h"
#include "harness/device/remote_int.h"
#include "harness/device/vm.h"
#include "harness/device/vm_int.h"

#define QEMU "qemu-system-aarch64"
#define IMAGE "image"
#define START_MS 30000
#define BOOT_MS 180000 /* a busy machine; 4 s on an idle one */
#define MAKE_MS 1200000
#define STOP_MS 10000

static const char *folder = ".";

void hrn_vm_use_folder(const char *path)
{
    folder = path;
}

/* Names are folders: letters, digits, and what stands in a CPU's properties. */
static int is_name(const char *name)
{
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-_=,.");
    return name[0] && name[0] != '.' && name[0] != '-' && name[good] == '\0' && good < 48 &&
           strcmp(name, IMAGE) != 0;
}

static void path_of(const char *name, const char *file, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "%.3900s/%s%s%s", folder, name, *file ? "/" : "", file);
}

/* ---- what there is */

/* QEMU, and of this machine, not whoever got its number later. */
static int is_running(pid_t pid, const char *name)
{
    char path[64], text[4096], pidfile[4096];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    path_of(name, "pid", pidfile, sizeof pidfile);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    size_t got = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    for (size_t i = 0; i < got; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    text[got] = '\0';
    return strstr(text, QEMU) && strstr(text, pidfile);
}

static int read_pid(const char *name)
{
    char path[4096];
    int pid = 0;
    path_of(name, "pid", path, sizeof path);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file)
        fclose(file);
    return pid;
}

int hrn_vm_find(const char *name, struct hrn_vm *out)
{
    char path[4096];
    *out = (struct hrn_vm) { 0 };
    if (!is_name(name))
        return -ENOENT;
    path_of(name, "machine", path, sizeof path);
    FILE *file = fopen(path, "re");
    if (!file)
        return -ENOENT;
    int fields = fscanf(file, "%63s %d %d %d %d", out->cpu, &out->cpus, &out->counts, &out->port,
                        &out->adb_port);
    fclose(file);
    if (fields < 4) /* the fifth came later */
        return -ENOENT;
    snprintf(out->name, sizeof out->name, "%s", name);
    out->pid = read_pid(name);
    out->runs = is_running(out->pid, name);
    return 0;
}

int hrn_vm_each(int (*act)(const struct hrn_vm *vm, void *user), void *user)
{
    struct dirent **entries;
    struct hrn_vm vm;
    int count = scandir(folder, &entries, NULL, alphasort), rc = 0;
    for (int i = 0; i < count; i++) {
        if (rc == 0 && hrn_vm_find(entries[i]->d_name, &vm) == 0)
            rc = act(&vm, user);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return rc;
}

/* ---- image */

/* A file of the image, which its script makes last. */
static int make_part(const char *file, const char *maker, const char *needs, char *err,
                     size_t err_bytes)
{
    char path[4096], made[4096];
    int status = 0;
    pid_t pid;
    path_of(IMAGE, "", path, sizeof path);
    path_of(IMAGE, file, made, sizeof made);
    if (access(made, R_OK) == 0)
        return 0;
    const char *const argv[] = { maker, path, NULL };
    int rc = hrn_spawn(argv, -1, STDERR_FILENO, -1, &pid);
    if (rc == 0)
        hrn_reap(pid, MAKE_MS, &status);
    if (rc == 0 && status == 0 && access(made, R_OK) == 0)
        return 0;
    snprintf(err, err_bytes,
             "the image of the virtual machine (%s) was not made%s%s; it needs Debian's packages: "
             "apt-get update, and for the script apt-get install %s",
             file, rc ? ": " : "", rc ? strerror(-rc) : "", needs);
    return -ENOENT;
}

static int make_image(const struct hrn_vm_options *o, char *err, size_t err_bytes)
{
    int rc = make_part("initrd", o->maker, "cpio", err, err_bytes);
    if (rc == 0 && o->adbd_maker)
        rc = make_part("initrd-adb", o->adbd_maker, "cpio adb clang g++-aarch64-linux-gnu", err,
                       err_bytes);
    return rc;
}

/* ---- start */

/* A port of the loopback that nobody uses at this moment; 0 = none. */
static int free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        port = ntohs(address.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

static int write_machine(const struct hrn_vm_options *o, int port, int adb_port)
{
    char path[4096];
    path_of(o->name, "machine", path, sizeof path);
    FILE *file = fopen(path, "we");
    if (!file)
        return -errno;
    fprintf(file, "%s %d %d %d %d\n", o->cpu, o->cpus, o->counts, port, adb_port);
    return fclose(file) ? -errno : 0;
}

static int run_qemu(const struct hrn_vm_options *o, int port, int adb_port, char *said,
                    size_t said_bytes)
{
    char kernel[4096], initrd[4096], pid[4096], console[4200], cpu[100], cpus[16], net[200];
    const char *const argv[] = {
        QEMU,
        "-M",
        "virt",
        "-cpu",
        cpu,
        "-smp",
        cpus,
        "-m",
        "512",
        "-display",
        "none",
        "-nodefaults",
        "-monitor",
        "none",
        "-no-reboot",
        "-daemonize",
        "-pidfile",
        pid,
        "-serial",
        console,
        "-kernel",
        kernel,
        "-initrd",
        initrd,
        "-append",
        "console=ttyAMA0 quiet panic=-1",
        "-netdev",
        net,
        "-device",
        "virtio-net-device,netdev=n0",
        o->counts ? "-icount" : NULL,
        "shift=0,sleep=off",
        NULL,
    };
    path_of(IMAGE, "kernel", kernel, sizeof kernel);
    path_of(IMAGE, adb_port ? "initrd-adb" : "initrd", initrd, sizeof initrd);
    path_of(o->name, "pid", pid, sizeof pid);
    snprintf(console, sizeof console, "file:%.3900s/%s/console.log", folder, o->name);
    /* The slow pointer authentication of "max" makes a boot five times as long. */
    snprintf(cpu, sizeof cpu, "%s%s", o->cpu, strncmp(o->cpu, "max", 3) ? "" : ",pauth-impdef=on");
    snprintf(cpus, sizeof cpus, "%d", o->cpus);
    int n = snprintf(net, sizeof net,
                     "user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:%d-10.0.2.15:7777", port);
    if (adb_port)
        snprintf(net + n, sizeof net - (size_t)n, ",hostfwd=tcp:127.0.0.1:%d-10.0.2.15:%d",
                 adb_port, HRN_ADBD_PORT);
    return hrn_collect(argv, START_MS, said, said_bytes);
}

/* Until it answers, or its process is gone. */
static int await_boot(const char *name, char *err, size_t err_bytes)
{
    int64_t until = hrn_clock_ms() + BOOT_MS;
    struct hrn_device *d = hrn_vm_device(name);
    struct hrn_vm vm;
    int rc;
    if (!d)
        return -ENOMEM;
    d->patience.call_ms = 2000;
    while ((rc = hrn_device_check(d)) < 0) {
        if (hrn_vm_find(name, &vm) < 0 || !vm.runs || hrn_clock_ms() > until) {
            snprintf(err, err_bytes, "the machine %s %s; see %.300s/%s/console.log", name,
                     vm.runs ? "did not boot in time" : "ended while it booted", folder, name);
            rc = vm.runs ? -ETIMEDOUT : -EIO;
            break;
        }
        poll(NULL, 0, 100);
    }
    hrn_device_close(d);
    return rc;
}

static void remove_machine(const char *name)
{
    static const char *const files[] = { "machine", "pid", "console.log", "" };
    char path[4096];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        path_of(name, files[i], path, sizeof path);
        (void)remove(path);
    }
}

static int make_folder(const char *name, char *err, size_t err_bytes)
{
    char path[4096];
    path_of(name, "", path, sizeof path);
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    int rc = -errno;
    snprintf(err, err_bytes, "cannot make the folder %.300s: %s", path, strerror(-rc));
    return rc;
}

static int boot(const struct hrn_vm_options *o, int adb_port, char *err, size_t err_bytes)
{
    char said[1000];
    int port = free_port();
    int rc = write_machine(o, port, adb_port);
    if (rc == 0)
        rc = run_qemu(o, port, adb_port, said, sizeof said);
    if (rc == -ENOENT) {
        snprintf(err, err_bytes,
                 "there is no " QEMU "; on Debian: apt-get install qemu-system-arm");
    } else if (rc != 0) {
        said[strcspn(said, "\n")] = '\0';
        snprintf(err, err_bytes,
                 QEMU " does not start %s: %.300s; '" QEMU " -M virt -cpu help' lists its CPUs",
                 o->cpu, rc < 0 ? strerror(-rc) : said);
        rc = -EINVAL;
    } else {
        rc = await_boot(o->name, err, err_bytes);
        if (rc == 0 && adb_port)
            rc = hrn_vm_start_adb(o->name, adb_port, err, err_bytes);
    }
    if (rc < 0 && rc != -ETIMEDOUT && rc != -EIO)
        remove_machine(o->name);
    return rc;
}

int hrn_vm_start(const struct hrn_vm_options *o, char *err, size_t err_bytes)
{
    struct hrn_vm vm;
    if (!is_name(o->name) || !is_name(o->cpu)) {
        snprintf(err, err_bytes, "'%.50s' cannot be the name of a machine or of its CPU",
                 is_name(o->cpu) ? o->name : o->cpu);
        return -EINVAL;
    }
    if (hrn_vm_find(o->name, &vm) == 0 && vm.runs) {
        snprintf(err, err_bytes, "vm:%s runs already (%s); stop it: quern vm stop %s", o->name,
                 vm.cpu, o->name);
        return -EALREADY;
    }
    int adb_port = o->adbd_maker ? vm.adb_port : 0;
    if (o->adbd_maker && !adb_port)
        adb_port = free_port();
    remove_machine(o->name);
    int rc = make_image(o, err, err_bytes);
    if (rc == 0)
        rc = make_folder(o->name, err, err_bytes);
    return rc == 0 ? boot(o, adb_port, err, err_bytes) : rc;
}

int hrn_vm_stop(const char *name, char *err, size_t err_bytes)
{
    struct hrn_vm vm;
    if (hrn_vm_find(name, &vm) < 0) {
        snprintf(err, err_bytes, "there is no machine '%.60s'; 'quern vm list' has their names",
                 name);
        return -ENOENT;
    }
    for (int waited = 0; vm.runs && is_running(vm.pid, name); waited += 50) {
        if (waited % STOP_MS == 0)
            kill(vm.pid, waited ? SIGKILL : SIGTERM);
        poll(NULL, 0, 50);
    }
    if (vm.adb_port)
        hrn_vm_stop_adb(vm.adb_port);
    remove_machine(name);
    return 0;
}
