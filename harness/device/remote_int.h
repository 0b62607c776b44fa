/* Devices that are reached through a shell of theirs: ssh, adb, vm. A kind says how the shell is
 * started; all else is here. Nothing is believed that does not stand between two marks with a
 * number used once: clients answer "fine" when a device dies. */
#ifndef QUERN_HARNESS_REMOTE_INT_H
#define QUERN_HARNESS_REMOTE_INT_H

#include "harness/device/device_int.h"

struct hrn_remote_kind {
    /* What to do when it is gone: the end of a sentence. */
    const char *remedy;
    /* Starts the shell of the device on `command`, which is one line. `in`: a file as its input, or
     * -1 = a pipe to out->stdin_fd. `errors`: where the client program complains, -1 = the caller's
     * standard error. 0 or a negative errno with the device's sentence. */
    int (*shell)(struct hrn_device *d, const char *command, int in, int errors,
                 struct hrn_process *out);
    /* Copies a file, to the device or from it; NULL = through the shell. 0, or a negative errno
     * with the device's sentence. */
    int (*copy)(struct hrn_device *d, int to_device, const char *from, const char *to,
                int timeout_ms);
    void (*reconnect)(struct hrn_device *d); /* one try; NULL = the client does that itself */
    void (*close)(struct hrn_device *d);     /* may be NULL */
};

struct hrn_remote {
    const struct hrn_remote_kind *kind;
    char address[128], port[8];
    char folder[160]; /* on the device, ours */
    char control[80]; /* of the kind: where its connection is kept */
    char tag[20];     /* in the environment of what is started, to find it again */
    int is_old;       /* of the kind: a terminal in between, and no exit codes */
};

/* What the device answered between the marks. */
struct hrn_answer {
    char *text; /* owned; any bytes, and a NUL behind; "\r\n" of an old device's terminal is "\n" */
    size_t length;
    int exit_code;
    char complaint[200]; /* of the client program, its last line */
};
void hrn_answer_clear(struct hrn_answer *answer);

/* Runs a one-line command. `in`: a file as its input, -1 = none. 0; -ENOTCONN (the answer has no
 * end: the device is gone); -ETIMEDOUT; each with the device's sentence. */
int hrn_remote_run(struct hrn_device *d, const char *command, int in, int timeout_ms,
                   struct hrn_answer *out);

/* A device of this family; NULL without memory. `folder` may use the device's environment. */
struct hrn_device *hrn_remote_new(const char *kind_name, const char *argument,
                                  const struct hrn_remote_kind *kind);
/* Asks it what it is; makes its folder (an expression of its shell). Fills d->info. */
int hrn_remote_probe(struct hrn_device *d, const char *folder);

/* remote_copy.c */
int hrn_remote_push(struct hrn_device *d, const char *host_path, char *device_path, size_t bytes);
int hrn_remote_pull(struct hrn_device *d, const char *device_path, const char *host_path);

/* probe.c: the command that describes a device, one line, and the reading of what it prints. The
 * text comes from outside. 0; -EPROTO (it is no such text). */
extern const char hrn_probe_command[];
int hrn_probe_read(const char *text, struct hrn_device_info *info);

/* `text` in single quotes for a shell. -ENAMETOOLONG. */
int hrn_shell_quote(const char *text, char *out, size_t out_bytes);

#endif
