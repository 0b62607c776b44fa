#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/infer.h"

static uint32_t checksum(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a, 32 bits: isthe.com/chongo/tech/comp/fnv */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

int qnt_infer_put(FILE *out, const char *text)
{
    return fprintf(out, "%s *%08x\n", text, checksum(text)) < 0 ? -EIO : 0;
}

int qnt_infer_check(char *line)
{
    char *star = strrchr(line, '*'), *end;
    if (!star || star == line || star[-1] != ' ')
        return 0;
    unsigned long want = strtoul(star + 1, &end, 16);
    if (end != star + 9 || end[strspn(end, "\r\n")])
        return 0;
    star[-1] = '\0';
    return checksum(line) == want;
}
