/* Files to and from a device behind a shell. A file is named by its content, so that what is there
 * already is not sent again; what was sent is believed when the device's own checksum says so. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/device/md5_int.h"
#include "harness/device/remote_int.h"

#define SLOWEST_BYTES_PER_MS 100 /* a bad cable; more time is given for more bytes */
#define KEPT_DAYS 3              /* on the device, of files that were pushed */

struct checksum {
    char md5[HRN_MD5_TEXT];
    int64_t bytes;
};

static int checksum_of(const char *path, struct checksum *out)
{
    struct hrn_md5 md5;
    uint8_t block[65536];
    size_t got;
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    hrn_md5_begin(&md5);
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        hrn_md5_add(&md5, block, got);
    int rc = ferror(file) ? -EIO : 0;
    fclose(file);
    out->bytes = (int64_t)md5.bytes;
    hrn_md5_end(&md5, out->md5);
    return rc;
}

static int is_checksum(const char *text, const struct checksum *want)
{
    return text && strncmp(text, want->md5, HRN_MD5_TEXT - 1) == 0;
}

/* ---- to the device */

static int time_for(const struct hrn_device *d, int64_t bytes)
{
    int64_t ms = d->patience.call_ms + bytes / SLOWEST_BYTES_PER_MS;
    return ms < 3600000 ? (int)ms : 3600000;
}

/* 1 if the device has this very file; 0; or a negative errno. The device may have been started
 * again, so the folder is seen to as well. */
static int is_there(struct hrn_device *d, const char *path, const struct checksum *want)
{
    char command[900];
    struct hrn_answer answer;
    snprintf(command, sizeof command, "mkdir -p %s && [ -x %s ] && md5sum < %s",
             d->remote->folder, path, path);
    int rc = hrn_remote_run(d, command, -1, time_for(d, want->bytes), &answer);
    if (rc == 0)
        rc = answer.exit_code == 0 && is_checksum(answer.text, want);
    hrn_answer_clear(&answer);
    return rc;
}

static int send_through_shell(struct hrn_device *d, const char *host_path, const char *path,
                              int timeout_ms)
{
    char command[900];
    struct hrn_answer answer;
    int fd = open(host_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hrn_device_fail(d, -errno, "%s: cannot read %.200s: %s", d->info.key, host_path,
                               strerror(errno));
    snprintf(command, sizeof command, "cat > %s", path);
    int rc = hrn_remote_run(d, command, fd, timeout_ms, &answer);
    if (rc == 0 && answer.exit_code != 0)
        rc = hrn_device_fail(d, -EIO, "%s: cannot write %.150s: %.150s", d->info.key, path,
                             answer.complaint);
    close(fd);
    hrn_answer_clear(&answer);
    return rc;
}

/* The part that arrives under a name of its own; and the room there, for the message. */
static int send_whole(struct hrn_device *d, const char *host_path, const char *path,
                      const struct checksum *want)
{
    const struct hrn_remote_kind *kind = d->remote->kind;
    char part[400], command[1400];
    struct hrn_answer answer;
    snprintf(part, sizeof part, "%s.%s", path, d->remote->tag);
    int timeout_ms = time_for(d, want->bytes);
    int rc = kind->copy ? kind->copy(d, 1, host_path, part, timeout_ms)
                        : send_through_shell(d, host_path, part, timeout_ms);
    if (rc < 0)
        return rc;
    snprintf(command, sizeof command,
             "md5sum < %s && chmod 755 %s && mv -f %s %s; df -k %s | tail -n 1", part, part, part,
             path, d->remote->folder);
    rc = hrn_remote_run(d, command, -1, timeout_ms, &answer);
    if (rc == 0 && !is_checksum(answer.text, want)) {
        char *room = strrchr(answer.text, '\n');
        rc = hrn_device_fail(d, -EIO, "%s: %.100s arrived damaged%s%.150s; its folder is on: %.60s",
                             d->info.key, host_path, *answer.complaint ? ": " : "",
                             answer.complaint, room ? room + 1 : answer.text);
    }
    hrn_answer_clear(&answer);
    return rc;
}

/* What is left of a push that failed, and what was pushed long ago, only takes room. */
static void clean(struct hrn_device *d)
{
    char command[900];
    struct hrn_answer answer;
    const char *folder = d->remote->folder;
    snprintf(command, sizeof command,
             "rm -f %s/quern-*.%s; find %s -name 'quern-*' -mtime +%d -exec rm -f {} +", folder,
             d->remote->tag, folder, KEPT_DAYS);
    hrn_remote_run(d, command, -1, d->patience.call_ms, &answer);
    hrn_answer_clear(&answer);
}

int hrn_remote_push(struct hrn_device *d, const char *host_path, char *device_path, size_t bytes)
{
    struct checksum want;
    int rc = checksum_of(host_path, &want);
    if (rc < 0)
        return hrn_device_fail(d, rc, "%s: cannot read %.200s: %s", d->info.key, host_path,
                               strerror(-rc));
    int length = snprintf(device_path, bytes, "%s/quern-%s", d->remote->folder, want.md5);
    if ((size_t)length >= bytes)
        return hrn_device_fail(d, -ENAMETOOLONG, "%s: the path is too long", d->info.key);
    rc = is_there(d, device_path, &want);
    if (rc != 0) {
        d->traffic.known += rc > 0;
        return rc > 0 ? 0 : rc;
    }
    d->traffic.pushes++;
    d->traffic.bytes += want.bytes;
    rc = send_whole(d, host_path, device_path, &want);
    if (rc != -ENOTCONN && rc != -ETIMEDOUT) {
        char kept[sizeof d->error];
        memcpy(kept, d->error, sizeof kept);
        clean(d);
        memcpy(d->error, kept, sizeof kept);
    }
    return rc;
}

/* ---- from the device */

static int receive_through_shell(struct hrn_device *d, const char *device_path,
                                 const char *host_path, int timeout_ms)
{
    char quoted[600], command[700];
    struct hrn_answer answer;
    int rc = hrn_shell_quote(device_path, quoted, sizeof quoted);
    if (rc < 0)
        return rc;
    snprintf(command, sizeof command, "cat < %s", quoted);
    rc = hrn_remote_run(d, command, -1, timeout_ms, &answer);
    FILE *file = rc == 0 ? fopen(host_path, "we") : NULL;
    if (rc == 0 && !file)
        rc = -errno;
    if (file && fwrite(answer.text, 1, answer.length, file) != answer.length)
        rc = -EIO;
    if (file && fclose(file))
        rc = -errno;
    hrn_answer_clear(&answer);
    return rc;
}

/* What the device says that the file is. */
static int their_checksum(struct hrn_device *d, const char *device_path, struct checksum *out)
{
    char quoted[600], command[1400];
    struct hrn_answer answer;
    long long bytes = 0;
    int rc = hrn_shell_quote(device_path, quoted, sizeof quoted);
    if (rc < 0)
        return hrn_device_fail(d, rc, "%s: the path %.100s is too long", d->info.key, device_path);
    snprintf(command, sizeof command, "wc -c < %s && md5sum < %s", quoted, quoted);
    rc = hrn_remote_run(d, command, -1, d->patience.call_ms, &answer);
    if (rc == 0 &&
        (answer.exit_code != 0 || sscanf(answer.text, "%lld %32[0-9a-f]", &bytes, out->md5) != 2))
        rc = hrn_device_fail(d, -ENOENT, "%s: cannot read %.150s there: %.150s", d->info.key,
                             device_path, answer.complaint);
    out->bytes = bytes;
    hrn_answer_clear(&answer);
    return rc;
}

int hrn_remote_pull(struct hrn_device *d, const char *device_path, const char *host_path)
{
    const struct hrn_remote_kind *kind = d->remote->kind;
    struct checksum want = { 0 }, got = { 0 };
    char part[4200];
    int rc = their_checksum(d, device_path, &want);
    if (rc < 0)
        return rc;
    snprintf(part, sizeof part, "%s.%s", host_path, d->remote->tag);
    int timeout_ms = time_for(d, want.bytes);
    d->error[0] = '\0';
    rc = kind->copy ? kind->copy(d, 0, device_path, part, timeout_ms)
                    : receive_through_shell(d, device_path, part, timeout_ms);
    if (rc == 0)
        rc = checksum_of(part, &got);
    if (rc == 0 && !is_checksum(want.md5, &got))
        rc = hrn_device_fail(d, -EIO, "%s: %.200s arrived damaged", d->info.key, device_path);
    if (rc == 0 && rename(part, host_path))
        rc = -errno;
    if (rc < 0) {
        unlink(part);
        if (!d->error[0])
            hrn_device_fail(d, rc, "%s: cannot write %.200s: %s", d->info.key, host_path,
                            strerror(-rc));
    }
    return rc;
}
