/* The lines that host and runner exchange, both ways, and the reading of them. Compiled into both.
 *
 *     WORD key=value key=value ... *1f2e3d4c\n
 * Bytes of a value outside '!'..'~', and '%', travel as %XX. The number after '*' is the CRC-32 of
 * all that stands before " *". A line that does not check is -EBADMSG: stray output of a device's
 * shell, or a damaged record; both ends notice it. */
#ifndef QUERN_HARNESS_LINE_INT_H
#define QUERN_HARNESS_LINE_INT_H

#include <stddef.h>
#include <stdint.h>

#define HRN_LINE_MAX 2048 /* bytes of the longest line, with its newline */
#define HRN_FIELDS_MAX 32

#define HRN_PROTOCOL 2 /* `hello` carries it; the two ends must agree */

/* A line under construction. What does not fit is left out whole, never cut in two. */
struct hrn_line {
    char text[HRN_LINE_MAX];
    size_t length;
};
void hrn_line_begin(struct hrn_line *line, const char *word);
void hrn_line_add(struct hrn_line *line, const char *key, const char *value);
void hrn_line_add_int(struct hrn_line *line, const char *key, int64_t value);
void hrn_line_add_hex(struct hrn_line *line, const char *key, uint64_t value);
void hrn_line_end(struct hrn_line *line); /* checksum and newline */

/* A line taken apart. Strings point into the text that was parsed. */
struct hrn_fields {
    const char *word;
    size_t count;
    struct {
        const char *key, *value;
    } field[HRN_FIELDS_MAX];
};
/* Takes `text` (no newline) apart in place. 0 or -EBADMSG. */
int hrn_line_parse(char *text, struct hrn_fields *out);
const char *hrn_field(const struct hrn_fields *f, const char *key); /* "" where missing */
int64_t hrn_field_int(const struct hrn_fields *f, const char *key, int64_t missing);
uint64_t hrn_field_hex(const struct hrn_fields *f, const char *key);

/* Whole lines from a file descriptor. Zero-initialise, set fd; borrows fd. */
struct hrn_reader {
    int fd;
    size_t begin, end; /* unread bytes of data */
    int skipping;      /* within an overlong line, which is dropped up to its newline */
    char data[2 * HRN_LINE_MAX];
};
/* 1 and *line (NUL-terminated, valid until the next call); 0 after timeout_ms (-1 = never) or a
 * signal; -EPIPE at the end of the input; -errno. */
int hrn_reader_next(struct hrn_reader *reader, int timeout_ms, char **line);

/* Writes all of it. 0 or -errno. */
int hrn_write_all(int fd, const char *data, size_t bytes);

int64_t hrn_now_ms(void); /* monotonic */

#endif
