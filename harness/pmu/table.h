/* The events that there are, per core: text tables (harness/pmu/tables/) read once.
 *
 *     hrn_event_table_open() -> hrn_event_core() -> hrn_event_resolve()... -> close
 * On the host's side: the device is sent numbers. */
#ifndef QUERN_HARNESS_PMU_TABLE_H
#define QUERN_HARNESS_PMU_TABLE_H

#include "harness/pmu/event.h"

struct hrn_event_table;

/* The built-in tables. 0, or -errno with the sentence in err; *out is NULL then. */
int hrn_event_table_open(struct hrn_event_table **out, char *err, size_t err_bytes);
/* One table from text of the caller's: for tests, and for tables of the user's. */
int hrn_event_table_parse(const char *text, struct hrn_event_table **out, char *err,
                          size_t err_bytes);
void hrn_event_table_close(struct hrn_event_table *table); /* accepts NULL */

#define HRN_CORE_UNKNOWN (-1)
/* The core with this identity, as struct hrn_device_info has it: `midr` on aarch64
 * ("0x414fd0b1"), the architecture elsewhere. HRN_CORE_UNKNOWN if no table has it: it knows the
 * events that every PMUv3 numbers alike, and raw numbers. */
int hrn_event_core(const struct hrn_event_table *table, const char *arch, const char *midr);
/* "a55"; "unknown core" */
const char *hrn_event_core_name(const struct hrn_event_table *table, int core);

/* An event of the core by name, by another tool's name, or by number: r1b, 0x1b, sw:2, hw:0.
 * 0; -ENOENT the core has no such event (err says which name comes near, or which cores have it);
 * -EINVAL no number. */
int hrn_event_resolve(const struct hrn_event_table *table, int core, const char *text,
                      struct hrn_event *out, char *err, size_t err_bytes);

/* What one unit of a work (runner/works.h) must count of an event. NULL: nothing is known of it. */
struct hrn_known_answer {
    char event[48], work[16];
    double low, high;
};
const struct hrn_known_answer *hrn_event_known(const struct hrn_event_table *table,
                                               const char *event);

/* Calls back with each event of the core, by number; until non-zero, which is returned. */
int hrn_event_each(const struct hrn_event_table *table, int core,
                   int (*each)(const struct hrn_event *event, void *user), void *user);

#endif
