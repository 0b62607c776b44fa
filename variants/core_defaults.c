/* Plain choices core by core, where a loop that is woven for the core is well ahead of the one for
 * everybody: predicted by Quern's model of the core (docs/generator.md). First fitting row wins. */
#include "variants/variant_int.h"

const struct var_core_default var_core_defaults[] = {
    { .weave = 0 },
};
const size_t var_core_default_count = sizeof(var_core_defaults) / sizeof(var_core_defaults[0]);
