#include "harness/runner/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness/runner/line_int.h"

#define HEAD_BYTES 11 /* "J 0000008c " */
#define JOURNAL_BYTES_MAX ((int64_t)1 << 30)

int hrn_journal_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

/* One call, so that a record is written as a whole wherever the kernel can do that. */
int hrn_journal_append(int fd, const char *line, size_t bytes)
{
    char record[HEAD_BYTES + HRN_LINE_MAX];
    if (bytes > HRN_LINE_MAX)
        return -EMSGSIZE;
    snprintf(record, sizeof record, "J %08x ", (unsigned)bytes);
    memcpy(record + HEAD_BYTES, line, bytes);
    return hrn_write_all(fd, record, HEAD_BYTES + bytes);
}

/* Bytes of the line that begins behind this head, or 0 if it is no head. */
static size_t line_bytes(const char *at, size_t left)
{
    size_t bytes = 0;
    if (left < HEAD_BYTES || at[0] != 'J' || at[1] != ' ' || at[HEAD_BYTES - 1] != ' ')
        return 0;
    for (int i = 2; i < HEAD_BYTES - 1; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, at[i]);
        if (!digit || !*digit)
            return 0;
        bytes = bytes << 4 | (size_t)(digit - digits);
    }
    return bytes > 0 && bytes <= HRN_LINE_MAX && bytes <= left - HEAD_BYTES ? bytes : 0;
}

/* 1 and *fields (which point into `line`) if a whole record begins at `at`. */
static int take(const char *at, size_t left, char *line, struct hrn_fields *fields, size_t *taken)
{
    size_t bytes = line_bytes(at, left);
    if (bytes == 0 || at[HEAD_BYTES + bytes - 1] != '\n')
        return 0;
    memcpy(line, at + HEAD_BYTES, bytes - 1);
    line[bytes - 1] = '\0';
    if (strlen(line) != bytes - 1 || hrn_line_parse(line, fields) < 0)
        return 0;
    *taken = HEAD_BYTES + bytes;
    return 1;
}

static int walk(const char *data, size_t bytes, hrn_journal_record *record, void *user,
                struct hrn_journal_state *out)
{
    char line[HRN_LINE_MAX + 1];
    struct hrn_fields fields;
    size_t at = 0, taken;
    int lost = 0, result = 0;
    while (at < bytes && result == 0) {
        if (!take(data + at, bytes - at, line, &fields, &taken)) {
            out->damaged += !lost;
            lost = 1;
            at++;
            continue;
        }
        lost = 0;
        at += taken;
        out->records++;
        out->whole_bytes = (int64_t)at;
        result = record(&fields, user);
    }
    return result;
}

int hrn_journal_read(const char *path, hrn_journal_record *record, void *user,
                     struct hrn_journal_state *out)
{
    struct stat st;
    *out = (struct hrn_journal_state) { 0 };
    FILE *file = fopen(path, "re");
    if (!file || fstat(fileno(file), &st) < 0 || st.st_size > JOURNAL_BYTES_MAX) {
        int error = !file || errno ? -errno : -EFBIG;
        if (file)
            fclose(file);
        return error ? error : -EFBIG;
    }
    char *data = malloc((size_t)st.st_size + 1);
    size_t got = data ? fread(data, 1, (size_t)st.st_size, file) : 0;
    int error = !data ? -ENOMEM : ferror(file) ? -EIO : 0;
    fclose(file);
    if (error == 0)
        error = walk(data, got, record, user, out);
    free(data);
    return error;
}
