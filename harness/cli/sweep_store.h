/* The database's end of `quern sweep`: a run begun or resumed, and the sink that stores what the
 * sweep learns. Every proof and sample is committed as it comes, so a kill loses the one in flight.
 */
#ifndef QUERN_HARNESS_SWEEP_STORE_H
#define QUERN_HARNESS_SWEEP_STORE_H

#include "harness/build/symbols.h"
#include "harness/sweep/sweep.h"
#include "perfdb/perfdb.h"

struct known;

struct sweep_store { /* zero-initialise */
    struct pdb *db;
    const char *path;
    int64_t run_id;
    const struct hrn_plan *plan;
    int64_t **ids;       /* [layer][variant]: measurement, 0 = not yet asked */
    struct known *known; /* of a resumed run */
    size_t known_count;
    struct hrn_symbols symbols; /* of the program that was built */
    const char *gathering;      /* the problem whose rows are being read */
    double voltages_uv;         /* sum over the samples on the battery */
    size_t voltage_count;
    void (*progress)(size_t done, size_t total, const char *note);
};

/* What a new run is; `w` as in struct pdb_run. All return exit codes, the failure already
 * explained. */
int sweep_store_open(struct sweep_store *store, const char *path, const struct hrn_plan *plan);
int sweep_store_begin(struct sweep_store *store, const struct pdb_run *run);
/* `which` is a run number, which must be of this device, or "last": the newest of this device. */
int sweep_store_resume(struct sweep_store *store, const char *which, const char *device_key);
/* 1 if the resumed run has something of the layer. */
int sweep_store_has_layer(const struct sweep_store *store, size_t layer);
/* `rc` is what hrn_sweep_run() returned, `why` its sentence. `resumes`: whether the command goes on
 * where it was stopped; predictions begin again. */
int sweep_store_end(struct sweep_store *store, int rc, const char *why, const char *command,
                    int resumes);
void sweep_store_close(struct sweep_store *store);

/* A hrn_is_quarantined: whether `quern probe` found that the event lies on this core. */
int sweep_store_quarantined(const char *event, char *why, size_t why_bytes, void *user);

/* The sink that stores into `store`. */
struct hrn_sweep_sink sweep_store_sink(struct sweep_store *store);

#endif
