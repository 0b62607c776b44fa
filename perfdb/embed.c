/* Build-time tool: text files as C strings.
 *     embed IN NAME OUT             const char NAME[]
 *     embed --files NAME OUT IN...  const char *const NAME[]: "stem of IN", "text of IN", ..., 0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_char(int c, FILE *out)
{
    if (c == '\n') {
        fputs("\\n\"\n    \"", out);
    } else if (c == '"' || c == '\\') {
        fprintf(out, "\\%c", c);
    } else if (c < 0x20 || c > 0x7e || c == '?') { /* '?': no trigraphs */
        fprintf(out, "\\%03o", (unsigned)c);
    } else {
        fputc(c, out);
    }
}

/* The file as a string literal. 0, or -1 with the reason printed. */
static int put_file(const char *path, FILE *out)
{
    FILE *in = fopen(path, "r");
    if (!in) {
        perror(path);
        return -1;
    }
    fputs("\n    \"", out);
    for (int c = fgetc(in); c != EOF; c = fgetc(in))
        put_char(c, out);
    fputc('"', out);
    int failed = ferror(in);
    fclose(in);
    return failed ? -1 : 0;
}

static int put_one(const char *path, const char *name, FILE *out)
{
    fprintf(out, "extern const char %s[];\nconst char %s[] =", name, name);
    int result = put_file(path, out);
    fputs(";\n", out);
    return result;
}

static int put_many(char **paths, const char *name, FILE *out)
{
    int result = 0;
    fprintf(out, "extern const char *const %s[];\nconst char *const %s[] = {", name, name);
    for (; *paths && result == 0; paths++) {
        const char *slash = strrchr(*paths, '/'), *stem = slash ? slash + 1 : *paths;
        fprintf(out, "\n    \"%.*s\",", (int)strcspn(stem, "."), stem);
        result = put_file(*paths, out);
        fputc(',', out);
    }
    fputs("\n    0\n};\n", out);
    return result;
}

int main(int argc, char **argv)
{
    int many = argc > 4 && strcmp(argv[1], "--files") == 0;
    if (argc != 4 && !many) {
        fprintf(stderr, "usage: embed IN NAME OUT\n       embed --files NAME OUT IN...\n");
        return EXIT_FAILURE;
    }
    FILE *out = fopen(argv[3], "w");
    if (!out) {
        perror(argv[3]);
        return EXIT_FAILURE;
    }
    fputs("/* Made by embed from text files; do not edit. */\n", out);
    int result = many ? put_many(argv + 4, argv[2], out) : put_one(argv[1], argv[2], out);
    int failed = ferror(out);
    return fclose(out) != 0 || failed || result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
