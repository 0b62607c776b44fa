#include "harness/build/symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((off_t)1 << 30)

static int read_file(const char *path, struct hrn_symbols *out)
{
    struct stat info;
    FILE *in = fopen(path, "re");
    int rc = in && !fstat(fileno(in), &info) ? 0 : -errno;
    if (!rc && (info.st_size < (off_t)sizeof(Elf64_Ehdr) || info.st_size > FILE_MAX))
        rc = -ENOEXEC;
    if (!rc && !(out->file = malloc((size_t)info.st_size)))
        rc = -ENOMEM;
    if (!rc) {
        out->bytes = (size_t)info.st_size;
        rc = fread(out->file, 1, out->bytes, in) == out->bytes ? 0 : -EIO;
    }
    if (in)
        fclose(in);
    return rc;
}

/* [offset, offset + bytes) of the file, aligned to 8; NULL where it is not all there. */
static const void *part(const struct hrn_symbols *s, uint64_t offset, uint64_t bytes)
{
    if (offset % 8 || offset > s->bytes || bytes > s->bytes - offset)
        return NULL;
    return s->file + offset;
}

/* The section header of the symbol table, or NULL. *sections is the table of all. */
static const Elf64_Shdr *find_table(const struct hrn_symbols *s, const Elf64_Shdr **sections,
                                    size_t *count)
{
    const Elf64_Ehdr *head = part(s, 0, sizeof *head);
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_shentsize != sizeof(Elf64_Shdr))
        return NULL;
    *count = head->e_shnum;
    *sections = part(s, head->e_shoff, *count * sizeof **sections);
    for (size_t i = 0; *sections && i < *count; i++)
        if ((*sections)[i].sh_type == SHT_SYMTAB)
            return &(*sections)[i];
    return NULL;
}

static const char *name_of(const struct hrn_symbols *s, const Elf64_Sym *symbol)
{
    return symbol->st_name < s->names_bytes ? s->names + symbol->st_name : "";
}

/* qsort() hands no context on: names are put before the pointers are sorted. */
struct named {
    const char *name;
    const Elf64_Sym *symbol;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int take_functions(struct hrn_symbols *s, const Elf64_Sym *symbols, size_t count)
{
    struct named *list = malloc((count + 1) * sizeof *list);
    s->symbol = malloc((count + 1) * sizeof *s->symbol);
    if (!list || !s->symbol) {
        free(list);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC && symbols[i].st_size)
            list[s->count++] = (struct named) { name_of(s, &symbols[i]), &symbols[i] };
    qsort(list, s->count, sizeof *list, by_name);
    for (size_t i = 0; i < s->count; i++)
        s->symbol[i] = list[i].symbol;
    free(list);
    return 0;
}

static int parse(struct hrn_symbols *s)
{
    const Elf64_Shdr *sections;
    size_t count;
    const Elf64_Shdr *table = find_table(s, &sections, &count);
    if (!table || table->sh_link >= count)
        return -ENOEXEC;
    const Elf64_Shdr *names = &sections[table->sh_link];
    const Elf64_Sym *symbols = part(s, table->sh_offset, table->sh_size);
    if (!symbols || names->sh_offset > s->bytes || names->sh_size > s->bytes - names->sh_offset)
        return -ENOEXEC;
    s->names = s->file + names->sh_offset;
    s->names_bytes = names->sh_size;
    if (!s->names_bytes || s->names[s->names_bytes - 1]) /* the last name must end */
        return -ENOEXEC;
    return take_functions(s, symbols, table->sh_size / sizeof *symbols);
}

int hrn_symbols_read(const char *path, struct hrn_symbols *out)
{
    memset(out, 0, sizeof *out);
    int rc = read_file(path, out);
    if (!rc)
        rc = parse(out);
    if (rc)
        hrn_symbols_clear(out);
    return rc;
}

void hrn_symbols_clear(struct hrn_symbols *s)
{
    free(s->file);
    free(s->symbol);
    memset(s, 0, sizeof *s);
}

int64_t hrn_symbols_size(const struct hrn_symbols *s, const char *name)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const Elf64_Sym *symbol = s->symbol[middle];
        int order = strcmp(name_of(s, symbol), name);
        if (order == 0)
            return symbol->st_size <= INT64_MAX ? (int64_t)symbol->st_size : 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}
