/* The journal: written by the real writer, then damaged at every byte and cut at every length.
 * Whatever happens to it, what comes back is whole records, in order, and nothing else.
 *
 *     test_journal BROKEN_RUNNER */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/runner/journal.h"
#include "harness/runner/line_int.h"
#include "tests/t.h"
#include "tests/t_run.h"

enum { RECORDS = 12, BYTES_MAX = 8192 };

static char folder[300], path[400];
static char whole[BYTES_MAX];
static size_t bytes, ends[RECORDS + 1]; /* where each record ends */

/* Record i: some that are short, some with escapes, a long one. */
static void make_line(int i, struct hrn_line *line)
{
    char text[HRN_LINE_MAX];
    hrn_line_begin(line, i % 3 ? "sample" : "proof");
    hrn_line_add_int(line, "i", i);
    memset(text, 'a' + i, sizeof text);
    text[i == 7 ? 600 : 3 * i] = '\0';
    hrn_line_add(line, "detail", i == 4 ? "J 00000010 not a head\n%" : text);
    hrn_line_end(line);
}

static void write_journal(void)
{
    struct hrn_line line;
    struct stat st;
    int fd = hrn_journal_open(path);
    T_CHECK(fd >= 0);
    for (int i = 0; i < RECORDS; i++) {
        make_line(i, &line);
        T_CHECK(hrn_journal_append(fd, line.text, line.length) == 0);
        fstat(fd, &st);
        ends[i + 1] = (size_t)st.st_size;
    }
    bytes = ends[RECORDS];
    T_CHECK(bytes < BYTES_MAX && pread(fd, whole, bytes, 0) == (ssize_t)bytes);
    close(fd);
}

static void put(const char *data, size_t count)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    T_CHECK(fd >= 0 && write(fd, data, count) == (ssize_t)count);
    close(fd);
}

/* What came back: records by number, in order. */
static int seen[RECORDS], order_kept, last;

static int take(const struct hrn_fields *fields, void *user)
{
    struct hrn_line line;
    int i = (int)hrn_field_int(fields, "i", -1);
    (void)user;
    if (!T_CHECK(i >= 0 && i < RECORDS))
        return 0;
    make_line(i, &line);
    char *detail = strstr(line.text, "detail=");
    T_CHECK(i == 4 || strncmp(detail + 7, hrn_field(fields, "detail"),
                              strlen(hrn_field(fields, "detail"))) == 0);
    seen[i]++;
    order_kept &= i > last;
    last = i;
    return 0;
}

static struct hrn_journal_state read_back(void)
{
    struct hrn_journal_state state;
    memset(seen, 0, sizeof seen);
    order_kept = 1;
    last = -1;
    T_CHECK(hrn_journal_read(path, take, NULL, &state) == 0);
    T_CHECK(order_kept);
    return state;
}

/* Record i lies in [ends[i], ends[i + 1]). */
static void cut_everywhere(void)
{
    for (size_t length = 0; length <= bytes; length++) {
        size_t complete = 0;
        put(whole, length);
        struct hrn_journal_state state = read_back();
        while (complete < RECORDS && ends[complete + 1] <= length)
            complete++;
        T_CHECK(state.records == complete && state.whole_bytes == (int64_t)ends[complete]);
        T_CHECK((state.damaged != 0) == (length != ends[complete]));
    }
}

static void damage_everywhere(void)
{
    static const unsigned char flips[] = { 0x01, 0x80, 0xff };
    for (size_t at = 0; at < bytes; at++) {
        char damaged[BYTES_MAX];
        memcpy(damaged, whole, bytes);
        damaged[at] = (char)(damaged[at] ^ flips[at % sizeof flips]);
        put(damaged, bytes);
        struct hrn_journal_state state = read_back();
        for (int i = 0; i < RECORDS; i++)
            T_CHECK(seen[i] == !(ends[i] <= at && at < ends[i + 1]));
        T_CHECK(state.damaged == 1 && state.records == RECORDS - 1);
    }
}

/* A writer that died in the middle of a record, and another that goes on in the same file. */
static void goes_on(void)
{
    struct hrn_line line;
    for (size_t torn = ends[2] + 1; torn < ends[3]; torn++) {
        put(whole, torn);
        int fd = hrn_journal_open(path);
        make_line(5, &line);
        T_CHECK(hrn_journal_append(fd, line.text, line.length) == 0);
        close(fd);
        struct hrn_journal_state state = read_back();
        T_CHECK(state.records == 3 && seen[0] && seen[1] && seen[5] && state.damaged == 1);
    }
}

static void garbage(void)
{
    uint64_t random = t_seed;
    for (int i = 0; i < 300; i++) {
        char noise[600];
        for (size_t n = 0; n < sizeof noise; n++)
            noise[n] = "J 0*\n\xff"
                       "f1"[t_random(&random) % 8];
        put(noise, sizeof noise);
        T_CHECK(read_back().records == 0);
    }
    struct hrn_journal_state state;
    T_CHECK(hrn_journal_read("/nowhere/at/all", take, NULL, &state) == -ENOENT);
    T_CHECK(hrn_journal_open("/nowhere/at/all") == -ENOENT);
}

/* ---- The runner: what it has sent is in its journal, whenever it dies. */

static size_t journal_records;

static int count_record(const struct hrn_fields *fields, void *user)
{
    (void)fields, (void)user;
    journal_records++;
    return 0;
}

/* Starts it, asks for `info` so many times, takes so many answers, then kills or lets it quit. */
static void run_runner(const char *runner, int asked, int taken, int quit)
{
    int to[2], from[2], got = 0;
    struct hrn_line line;
    struct hrn_reader reader = { 0 };
    struct hrn_journal_state state;
    struct stat st;
    char *text;
    unlink(path);
    T_CHECK(pipe(to) == 0 && pipe(from) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        for (int i = 0; i < 2; i++) {
            close(to[i]);
            close(from[i]);
        }
        execl(runner, runner, "--journal", path, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    for (int i = 1; i <= asked; i++) {
        hrn_line_begin(&line, "info");
        hrn_line_add_int(&line, "job", i);
        hrn_line_end(&line);
        T_CHECK(hrn_write_all(to[1], line.text, line.length) == 0);
    }
    reader.fd = from[0];
    while (got < taken && hrn_reader_next(&reader, 10000, &text) == 1)
        got++;
    T_CHECK(got == taken);
    if (quit) {
        hrn_line_begin(&line, "quit");
        hrn_line_end(&line);
        hrn_write_all(to[1], line.text, line.length);
        while (hrn_reader_next(&reader, 10000, &text) == 1)
            ;
    } else {
        kill(pid, SIGKILL);
    }
    waitpid(pid, NULL, 0);
    close(to[1]);
    close(from[0]);
    if (quit) {
        T_CHECK(stat(path, &st) < 0 && errno == ENOENT); /* the host has it all */
        return;
    }
    journal_records = 0;
    T_CHECK(hrn_journal_read(path, count_record, NULL, &state) == 0);
    T_CHECK(journal_records >= (size_t)taken && state.damaged <= 1);
}

/* A terminal whose other end is gone is the end of a connection, as a pipe without a reader is, and
 * no failure of a job that would stand in its journal. */
static void terminal_hangs_up(void)
{
    struct hrn_reader reader = { 0 };
    char *text;
    int device = posix_openpt(O_RDWR | O_NOCTTY);
    if (!T_CHECK(device >= 0 && grantpt(device) == 0 && unlockpt(device) == 0))
        return;
    reader.fd = open(ptsname(device), O_RDWR | O_NOCTTY);
    T_CHECK(reader.fd >= 0);
    close(device);
    T_CHECK(hrn_write_all(reader.fd, "word\n", 5) == -EPIPE);
    T_CHECK(hrn_reader_next(&reader, 10000, &text) == -EPIPE);
    close(reader.fd);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    terminal_hangs_up();
    t_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/journal", folder);
    write_journal();
    T_CHECK(read_back().records == RECORDS);
    cut_everywhere();
    damage_everywhere();
    goes_on();
    garbage();
    for (int taken = 1; taken < 20; taken += 3)
        run_runner(argv[1], 12, taken, 0);
    run_runner(argv[1], 3, 7, 1); /* hello, and two records for each */
    t_remove(folder);
    return t_end();
}
