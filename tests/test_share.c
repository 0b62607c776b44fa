/* Who measures which layer, where several devices share a plan: every layer once, what was begun
 * goes on where it was, and what an owner leaves is taken over. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/sweep/share.h"
#include "tests/t.h"

enum { OWNERS = 3, LAYERS = 60, CLAIMS = 5 };

/* What the owners did, seen by all of them. */
struct log {
    int done[LAYERS][OWNERS];
};

static void own(struct hrn_share *share, struct log *log, size_t owner, int fails_after)
{
    size_t layer;
    int rc, count = 0;
    T_CHECK(hrn_share_join(share, owner, "phone") == 0);
    for (size_t i = 0; i < CLAIMS; i++)
        hrn_share_claim(share, owner, 10 * owner + i);
    T_CHECK(hrn_share_ready(share, owner, NULL) == 0);
    while ((rc = hrn_share_next(share, owner, LAYERS, &layer, NULL)) == 0) {
        if (count++ == fails_after) /* with one in hand */
            _exit(1);
        log->done[layer][owner]++;
    }
    T_CHECK(rc == -ENOENT);
    _exit(t_failures != 0);
}

static void share_all(int fails_after)
{
    struct hrn_share *share = hrn_share_new(OWNERS);
    struct log *log =
        mmap(NULL, sizeof *log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[OWNERS];
    for (size_t owner = 0; owner < OWNERS; owner++) {
        fflush(NULL);
        pids[owner] = fork();
        if (pids[owner] == 0)
            own(share, log, owner, owner == 0 ? fails_after : -1);
    }
    for (int left = OWNERS; left > 0; left--) {
        int status;
        pid_t ended = wait(&status);
        for (size_t owner = 0; owner < OWNERS; owner++)
            if (pids[owner] == ended) {
                T_CHECK(WIFEXITED(status));
                T_CHECK((WEXITSTATUS(status) != 0) == (owner == 0 && fails_after >= 0));
                hrn_share_leave(share, owner);
            }
    }
    for (int layer = 0; layer < LAYERS; layer++)
        T_CHECK(log->done[layer][0] + log->done[layer][1] + log->done[layer][2] == 1);
    if (fails_after < 0)
        for (size_t owner = 0; owner < OWNERS; owner++)
            T_CHECK(log->done[10 * owner][owner] == 1);
    munmap(log, sizeof *log);
    hrn_share_free(share);
}

static void test_limits(void)
{
    static volatile sig_atomic_t stop = 1;
    size_t layer;
    T_CHECK(hrn_share_new(0) == NULL && hrn_share_new(HRN_SHARE_OWNERS + 1) == NULL);
    struct hrn_share *share = hrn_share_new(2);
    T_CHECK(hrn_share_join(share, 0, "one kind") == 0);
    T_CHECK(hrn_share_join(share, 1, "another") == -EXDEV);
    T_CHECK(hrn_share_ready(share, 0, &stop) == -EINTR); /* the other is not ready */
    hrn_share_leave(share, 1);
    T_CHECK(hrn_share_ready(share, 0, NULL) == 0);
    hrn_share_claim(share, 1, 0);
    T_CHECK(hrn_share_next(share, 0, 1, &layer, &stop) == -EINTR); /* the other has it */
    T_CHECK(hrn_share_next(share, 0, HRN_SHARE_LAYERS + 1, &layer, NULL) == -E2BIG);
    hrn_share_leave(share, 1);
    T_CHECK(hrn_share_next(share, 0, 1, &layer, NULL) == 0 && layer == 0);
    T_CHECK(hrn_share_next(share, 0, 1, &layer, NULL) == -ENOENT);
    hrn_share_free(share);
    hrn_share_free(NULL);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_limits();
    share_all(-1);
    share_all(0);
    share_all(3);
    return t_end();
}
