/* Asks an emulated CPU what it is: the smallest program there can be, put together here, so that no
 * cross compiler is needed to open a device. It prints three words of 64 bits. */
#include "harness/device/device_int.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOAD_ADDRESS 0x400000
#define TIMEOUT_MS 10000

extern char **environ;

struct program {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    uint32_t code[25];
};

static const struct program program = {
    .header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                             EV_CURRENT },
                .e_type = ET_EXEC,
                .e_machine = EM_AARCH64,
                .e_version = EV_CURRENT,
                .e_entry = LOAD_ADDRESS + offsetof(struct program, code),
                .e_phoff = offsetof(struct program, segment),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = 1 },
    .segment = { .p_type = PT_LOAD,
                 .p_flags = PF_R | PF_X,
                 .p_vaddr = LOAD_ADDRESS,
                 .p_paddr = LOAD_ADDRESS,
                 .p_filesz = sizeof(struct program),
                 .p_memsz = sizeof(struct program),
                 .p_align = 0x10000 },
    .code = {
        0xf94003e0, /*    ldr  x0, [sp]                argc */
        0x910043e1, /*    add  x1, sp, #16 */
        0x8b000c21, /*    add  x1, x1, x0, lsl #3      the environment */
        0xf8408422, /* 1: ldr  x2, [x1], #8 */
        0xb5ffffe2, /*    cbnz x2, 1b                  behind it, the auxiliary vector */
        0xd2800003, /*    mov  x3, #0 */
        0xd2800004, /*    mov  x4, #0 */
        0xa8c11422, /* 2: ldp  x2, x5, [x1], #16 */
        0xb40000c2, /*    cbz  x2, 3f */
        0xf100405f, /*    cmp  x2, #16                 AT_HWCAP */
        0x9a8300a3, /*    csel x3, x5, x3, eq */
        0xf100685f, /*    cmp  x2, #26                 AT_HWCAP2 */
        0x9a8400a4, /*    csel x4, x5, x4, eq */
        0x17fffffa, /*    b    2b */
        0xd5380006, /* 3: mrs  x6, midr_el1 */
        0xa9be13e3, /*    stp  x3, x4, [sp, #-32]! */
        0xf9000be6, /*    str  x6, [sp, #16] */
        0xd2800020, /*    mov  x0, #1                  standard output */
        0x910003e1, /*    mov  x1, sp */
        0xd2800302, /*    mov  x2, #24 */
        0xd2800808, /*    mov  x8, #64                 write */
        0xd4000001, /*    svc  #0 */
        0xd2800000, /*    mov  x0, #0 */
        0xd2800ba8, /*    mov  x8, #93                 exit */
        0xd4000001, /*    svc  #0 */
    },
};

/* The program as a file that can be executed. 0 or -errno. */
static int write_program(char *path)
{
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int good =
        write(fd, &program, sizeof program) == (ssize_t)sizeof program && fchmod(fd, 0700) == 0;
    int error = good ? 0 : -EIO;
    close(fd);
    return error;
}

/* Both outputs into pipes; -ENOENT where the emulator is not installed. */
static int spawn(const char *const argv[], int out, int errors, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    int error = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* All that comes, up to `bytes`, until the end or the time-out. Returns how much. */
static size_t drain(int fd, void *to, size_t bytes)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    size_t have = 0;
    ssize_t got;
    while (have < bytes && poll(&wait, 1, TIMEOUT_MS) > 0 &&
           (got = read(fd, (char *)to + have, bytes - have)) > 0)
        have += (size_t)got;
    return have;
}

static void close_pipe(int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

/* Runs argv; 0 with its three words, or -EINVAL with what it complained of. */
static int run(const char *const argv[], uint64_t words[3], char *complaint, size_t bytes)
{
    int out[2] = { -1, -1 }, errors[2] = { -1, -1 }, status = 0;
    pid_t pid = 0;
    complaint[0] = '\0';
    int error = pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC) ? -errno : 0;
    if (error == 0)
        error = spawn(argv, out[1], errors[1], &pid);
    if (error == 0) {
        close(out[1]);
        close(errors[1]);
        out[1] = errors[1] = -1;
        size_t got = drain(out[0], words, 3 * sizeof *words);
        size_t said = got == 3 * sizeof *words ? 0 : drain(errors[0], complaint, bytes - 1);
        complaint[said] = '\0';
        complaint[strcspn(complaint, "\n")] = '\0';
        kill(pid, SIGKILL); /* has ended, unless it hangs */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        error = got == 3 * sizeof *words ? 0 : -EINVAL;
    }
    close_pipe(out);
    close_pipe(errors);
    return error;
}

int hrn_qemu_probe(const char *emulator, const char *cpu, struct hrn_qemu_cpu *out, char *complaint,
                   size_t complaint_bytes)
{
    char path[] = "/tmp/quern-probe-XXXXXX";
    const char *const argv[] = { emulator, "-cpu", cpu, path, NULL };
    uint64_t words[3] = { 0 };
    int error = write_program(path);
    if (error < 0)
        snprintf(complaint, complaint_bytes, "cannot write %s: %s", path, strerror(-error));
    else
        error = run(argv, words, complaint, complaint_bytes);
    unlink(path);
    *out = (struct hrn_qemu_cpu) { words[0], words[1], (uint32_t)words[2] };
    return error;
}
