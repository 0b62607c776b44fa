/* The functions of a built program and their sizes, from its symbol table (ELF, 64 bit, little
 * endian: every target of this project). */
#ifndef QUERN_HARNESS_SYMBOLS_H
#define QUERN_HARNESS_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct hrn_symbols { /* zero-initialise */
    char *file;      /* owned, the whole of it: names stand in there */
    size_t bytes;
    const void **symbol; /* owned: functions, sorted by name */
    size_t count;
    const char *names; /* within `file` */
    size_t names_bytes;
};

/* 0; -ENOEXEC: no such program, or without symbols; -errno. Any bytes are safe to read. */
int hrn_symbols_read(const char *path, struct hrn_symbols *out);
void hrn_symbols_clear(struct hrn_symbols *symbols);
/* Bytes of the code of a function; 0 = unknown. */
int64_t hrn_symbols_size(const struct hrn_symbols *symbols, const char *name);

#endif
