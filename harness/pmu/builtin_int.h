/* The text tables as the build embeds them. */
#ifndef QUERN_HARNESS_PMU_BUILTIN_INT_H
#define QUERN_HARNESS_PMU_BUILTIN_INT_H

extern const char hrn_text_arm[], hrn_text_known[], hrn_text_linux[];

/* tables/groups/: name and text of each, and NULL at the end. */
extern const char *const hrn_group_texts[];

#endif
