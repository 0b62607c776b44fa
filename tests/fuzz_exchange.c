/* libFuzzer: any bytes as a database in text; the first one chooses the format. */
#include "perfdb/exchange.h"
#include "tests/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pdb_import_options options = { "ic8ih8oc8kh1", NULL };
    struct pdb *db = NULL;
    if (size < 2)
        return 0;
    FILE *in = fmemopen((void *)(uintptr_t)(data + 1), size - 1, "r");
    char path[] = "/dev/shm/quern-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (in && fd >= 0 && pdb_open(path, PDB_WRITE, &db) == 0)
        pdb_formats[data[0] % pdb_format_count].read(db, in, &options);
    pdb_close(db);
    if (in)
        fclose(in);
    close(fd);
    unlink(path);
    return 0;
}
