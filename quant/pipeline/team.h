/* Threads that work on one layer at a time: a few that wait for the next piece of work, spinning
 * for a moment first, since layers follow each other within microseconds.
 *
 *     qnt_team_open() -> qnt_team_run() ... -> qnt_team_close()
 * The caller is worker 0. With one worker there are no threads at all. */
#ifndef QUERN_QUANT_TEAM_H
#define QUERN_QUANT_TEAM_H

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

#endif
