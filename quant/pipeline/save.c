#include "quant/pipeline/save.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int qnt_save_open(struct qnt_save *s, const char *path)
{
    struct stat st;

    *s = (struct qnt_save){ .path = path };
    int in_place = lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
    if (!in_place && asprintf(&s->beside, "%s.%ld.tmp", path, (long)getpid()) < 0) {
        s->beside = NULL;
        return -ENOMEM;
    }
    s->file = fopen(in_place ? path : s->beside, "we");
    return s->file ? 0 : -errno;
}

int qnt_save_close(struct qnt_save *s, int result)
{
    int opened = s->file != NULL;

    if (opened && ferror(s->file) && result == 0)
        result = -EIO;
    if (opened && fflush(s->file) != 0 && (result == 0 || result == -EIO))
        result = -errno;
    if (opened && fclose(s->file) != 0 && result == 0)
        result = -errno;
    if (opened && s->beside && result == 0 && rename(s->beside, s->path) != 0)
        result = -errno;
    if (opened && s->beside && result != 0)
        unlink(s->beside);
    free(s->beside);
    *s = (struct qnt_save){ 0 };
    return result;
}
