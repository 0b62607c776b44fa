/* Build-time tool: embed IN NAME OUT writes the text file IN as the C string NAME into OUT. */
#include <stdio.h>
#include <stdlib.h>

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

int main(int argc, char **argv)
{
    FILE *in = NULL, *out = NULL;
    int status = EXIT_FAILURE;
    if (argc != 4) {
        fprintf(stderr, "usage: embed IN NAME OUT\n");
        goto fail;
    }
    in = fopen(argv[1], "r");
    out = fopen(argv[3], "w");
    if (!in || !out) {
        perror(in ? argv[3] : argv[1]);
        goto fail;
    }
    fprintf(out,
            "/* Made by embed from a text file; do not edit. */\n"
            "extern const char %s[];\nconst char %s[] =\n    \"",
            argv[2], argv[2]);
    for (int c = fgetc(in); c != EOF; c = fgetc(in))
        put_char(c, out);
    fprintf(out, "\";\n");
    status = ferror(in) || ferror(out) ? EXIT_FAILURE : EXIT_SUCCESS;
fail:
    if (in)
        fclose(in);
    if (out && fclose(out) != 0)
        status = EXIT_FAILURE;
    return status;
}
