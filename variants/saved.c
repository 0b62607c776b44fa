/* How many registers of the caller's a micro-kernel saves: read off the text that the emitters
 * write, since nothing else knows what register allocation came to. */
#include "variants/variant_int.h"

#include <errno.h>
#include <string.h>

/* How a save begins, per emitter, and what the line holds besides. */
static const struct {
    const char *begin, *holds;
} saves[] = {
    { "    push ", "" },   /* x86-64 */
    { "    str ", "[sp" }, /* AArch64 */
    { "    stp ", "[sp" },
};

static int is_save(const char *line, size_t length, int *registers)
{
    for (size_t i = 0; i < sizeof saves / sizeof *saves; i++) {
        size_t n = strlen(saves[i].begin);
        if (length < n || strncmp(line, saves[i].begin, n))
            continue;
        const char *found = strstr(line, saves[i].holds);
        *registers = saves[i].begin[6] == 'p' ? 2 : 1;
        return found && (size_t)(found - line) < length;
    }
    return 0;
}

int var_text_saves(const char *text)
{
    int count = 0;
    for (const char *line = text; line && *line;) {
        size_t length = strcspn(line, "\n");
        int registers;
        if (is_save(line, length, &registers))
            count += registers;
        line += length + (line[length] == '\n');
    }
    return count;
}

int var_saved_registers(const struct var_variant *v, int *count)
{
    struct var_text text = { 0 };
    int rc = var_language(v->isa) == VAR_LANGUAGE_ASM ? var_generate(v, &text, NULL, 0) : -ENOTSUP;
    *count = rc ? 0 : var_text_saves(text.data);
    var_text_clear(&text);
    return rc;
}
