#include "harness/runner/line_int.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRAILER_BYTES 11 /* " *" + 8 digits + newline */

/* CRC-32 of IEEE 802.3, reflected, by nibbles: 16 entries instead of 256. */
static uint32_t crc32_of(const char *data, size_t bytes)
{
    static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= (uint8_t)data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static int append(struct hrn_line *line, const char *bytes, size_t count)
{
    if (line->length + count + TRAILER_BYTES > sizeof line->text)
        return -ENOSPC;
    memcpy(line->text + line->length, bytes, count);
    line->length += count;
    return 0;
}

void hrn_line_begin(struct hrn_line *line, const char *word)
{
    line->length = 0;
    append(line, word, strlen(word));
}

static int append_escaped(struct hrn_line *line, const char *value)
{
    for (; *value; value++) {
        char escaped[4] = { *value };
        size_t count = 1;
        if (*value < '!' || *value > '~' || *value == '%') {
            snprintf(escaped, sizeof escaped, "%%%02X", (unsigned)(uint8_t)*value);
            count = 3;
        }
        if (append(line, escaped, count) < 0)
            return -ENOSPC;
    }
    return 0;
}

void hrn_line_add(struct hrn_line *line, const char *key, const char *value)
{
    size_t before = line->length;
    if (append(line, " ", 1) < 0 || append(line, key, strlen(key)) < 0 ||
        append(line, "=", 1) < 0 || append_escaped(line, value) < 0)
        line->length = before;
}

void hrn_line_add_int(struct hrn_line *line, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    hrn_line_add(line, key, text);
}

void hrn_line_add_hex(struct hrn_line *line, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIx64, value);
    hrn_line_add(line, key, text);
}

void hrn_line_end(struct hrn_line *line)
{
    char trailer[TRAILER_BYTES + 1];
    snprintf(trailer, sizeof trailer, " *%08" PRIx32 "\n", crc32_of(line->text, line->length));
    memcpy(line->text + line->length, trailer, TRAILER_BYTES);
    line->length += TRAILER_BYTES;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int unescape(char *value)
{
    char *to = value;
    for (const char *from = value; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high | low) == 0)
            return -EBADMSG;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return 0;
}

/* Cuts the checksum off; 0 if it was right. */
static int check(char *text)
{
    size_t length = strlen(text);
    const size_t tail = TRAILER_BYTES - 1;
    char *end;
    if (length < tail || memcmp(text + length - tail, " *", 2) != 0)
        return -EBADMSG;
    unsigned long want = strtoul(text + length - 8, &end, 16);
    if (*end != '\0' || crc32_of(text, length - tail) != want)
        return -EBADMSG;
    text[length - tail] = '\0';
    return 0;
}

int hrn_line_parse(char *text, struct hrn_fields *out)
{
    char *rest = NULL;
    memset(out, 0, sizeof *out);
    if (check(text) < 0)
        return -EBADMSG;
    out->word = strtok_r(text, " ", &rest);
    if (!out->word)
        return -EBADMSG;
    for (char *item; (item = strtok_r(NULL, " ", &rest));) {
        char *equals = strchr(item, '=');
        if (!equals || out->count == HRN_FIELDS_MAX || unescape(equals + 1) < 0)
            return -EBADMSG;
        *equals = '\0';
        out->field[out->count].key = item;
        out->field[out->count++].value = equals + 1;
    }
    return 0;
}

const char *hrn_field(const struct hrn_fields *f, const char *key)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->field[i].key, key) == 0)
            return f->field[i].value;
    return "";
}

int64_t hrn_field_int(const struct hrn_fields *f, const char *key, int64_t missing)
{
    const char *value = hrn_field(f, key);
    return *value ? strtoll(value, NULL, 10) : missing;
}

uint64_t hrn_field_hex(const struct hrn_fields *f, const char *key)
{
    return strtoull(hrn_field(f, key), NULL, 16);
}

/* The next whole line in the buffer, or NULL. */
static char *take_line(struct hrn_reader *r)
{
    while (r->begin < r->end) {
        char *start = r->data + r->begin;
        char *newline = memchr(start, '\n', r->end - r->begin);
        if (!newline)
            return NULL;
        *newline = '\0';
        r->begin = (size_t)(newline + 1 - r->data);
        if (!r->skipping)
            return start;
        r->skipping = 0;
    }
    return NULL;
}

/* Makes room behind the unread bytes. A line that fills the whole buffer is nobody's: drop it. */
static void compact(struct hrn_reader *r)
{
    memmove(r->data, r->data + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->begin = 0;
    if (r->end == sizeof r->data) {
        r->end = 0;
        r->skipping = 1;
    }
}

/* Errors that say that nobody is at the other end any more: a socket whose other end was killed, a
 * terminal that was hung up. Of a file the latter is a bad disk. */
static int is_hung_up(int fd, int error)
{
    struct stat about;
    return error == ECONNRESET ||
           (error == EIO && fstat(fd, &about) == 0 && !S_ISREG(about.st_mode));
}

int hrn_reader_next(struct hrn_reader *r, int timeout_ms, char **line)
{
    int64_t until = hrn_now_ms() + timeout_ms;
    for (;;) {
        struct pollfd wait = { .fd = r->fd, .events = POLLIN };
        int64_t left = until - hrn_now_ms();
        ssize_t got;
        *line = take_line(r);
        if (*line)
            return 1;
        int ready = poll(&wait, 1, timeout_ms < 0 ? -1 : left > 0 ? (int)left : 0);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            return 0;
        if (ready < 0)
            return -errno;
        compact(r);
        do
            got = read(r->fd, r->data + r->end, sizeof r->data - r->end);
        while (got < 0 && errno == EINTR);
        int error = got < 0 ? errno : 0;
        if (got == 0 || is_hung_up(r->fd, error))
            return -EPIPE;
        if (error)
            return -error;
        r->end += (size_t)got;
    }
}

int hrn_write_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = write(fd, data, bytes);
        if (sent < 0 && errno == EINTR)
            continue;
        int error = sent < 0 ? errno : 0;
        if (error)
            return is_hung_up(fd, error) ? -EPIPE : -error;
        data += sent;
        bytes -= (size_t)sent;
    }
    return 0;
}

int64_t hrn_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
