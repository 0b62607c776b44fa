/* The journal of a runner: every record, on the device, before it is sent, so that what was
 * measured outlives the cable. Compiled into both ends: the runner writes, the host reads what it
 * pulled.
 *
 * A record is "J " + its length in 8 hexadecimal digits + " " + its line (line_int.h), which
 * carries a CRC-32 and ends with a newline. A file that was cut off, or damaged anywhere, gives
 * back every record that is whole, in order, and nothing else. */
#ifndef QUERN_HARNESS_JOURNAL_H
#define QUERN_HARNESS_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

struct hrn_fields;

/* Opens for appending; a torn end of an earlier writer stays torn. A file descriptor or -errno. */
int hrn_journal_open(const char *path);
/* Appends one line, which ends with its newline. 0 or -errno (-ENOSPC: the disk is full). */
int hrn_journal_append(int fd, const char *line, size_t bytes);

/* What a journal held. */
struct hrn_journal_state {
    size_t records;
    size_t damaged;      /* places where bytes had to be passed over */
    int64_t whole_bytes; /* up to the end of the last whole record */
};
/* Calls `record` for each whole record, until it returns non-zero, which is returned. 0 or -errno.
 */
typedef int hrn_journal_record(const struct hrn_fields *record, void *user);
int hrn_journal_read(const char *path, hrn_journal_record *record, void *user,
                     struct hrn_journal_state *out);

#endif
