/* Threads that work on one layer at a time: a few that wait for the next piece of work, spinning
 * for a moment first, since layers follow each other within microseconds.
 *
 *     qnt_team_open() -> qnt_team_run() ... -> qnt_team_close()
 * The caller is worker 0. With one worker there are no threads at all. */
#ifndef QUERN_QUANT_TEAM_H
#define QUERN_QUANT_TEAM_H

#include <stdint.h>

#define QNT_TEAM_MAX 64

struct qnt_team;
/* 1 <= workers <= QNT_TEAM_MAX. 0, -ENOMEM, or -EAGAIN where the system gives no more threads. */
int qnt_team_open(int workers, struct qnt_team **out);
void qnt_team_close(struct qnt_team *team); /* accepts NULL */
int qnt_team_size(const struct qnt_team *team);

/* Calls work(worker, user) once on every worker, 0 <= worker < size, and returns when all have
 * returned; what they wrote is then visible. One run at a time. */
typedef void qnt_team_work(int worker, void *user);
void qnt_team_run(struct qnt_team *team, qnt_team_work *work, void *user);

/* Calls part(worker, begin, end, user) so often that [0, units) is done once. Each worker begins
 * with a part of its own, the same for the same units, so that what it wrote of one layer is in its
 * cache when it reads it for the next; then it helps with what is left of the others'. */
typedef void qnt_team_part(int worker, int64_t begin, int64_t end, void *user);
void qnt_team_share(struct qnt_team *team, int64_t units, qnt_team_part *part, void *user);

#endif
