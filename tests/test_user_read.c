/* Counters read without a system call: the page of an event, torn and whole, and groups that read
 * this way, or say why they do not. The registers and the pages are the test's own. */
#include <linux/perf_event.h>

#include "harness/sweep/stats.h"
#include "tests/t_perf.h"

/* ---- One page */

struct registers {
    struct perf_event_mmap_page *page;
    uint64_t value[8];
    int torn;        /* so many readings yet find the page changed */
    uint64_t random; /* of what it changes to */
    int reads;
};

/* What the kernel does when it takes the event from one counter to another: what was counted so far
 * goes into the offset, and the sum of both stays what it was. */
static void move(struct registers *r)
{
    uint32_t next = 1 + (uint32_t)(hrn_random(&r->random) % 8);
    int64_t sum = r->page->offset + (int64_t)r->value[r->page->index - 1];
    r->page->lock++;
    r->page->index = next;
    r->value[next - 1] = hrn_random(&r->random) >> 40;
    r->page->offset = sum - (int64_t)r->value[next - 1];
    r->page->lock++;
}

static uint64_t read_one(uint32_t index, void *user)
{
    struct registers *r = user;
    uint64_t value = T_CHECK(index < 8) ? r->value[index] : 0;
    r->reads++;
    if (r->torn > 0) {
        r->torn--;
        move(r);
        value ^= 0x5555; /* whoever had the counter next */
    }
    return value;
}

static void pages(void)
{
    static const struct {
        uint32_t lock, index;
        int may, width;
        int64_t offset;
        uint64_t bits;
        int result;
        int64_t value;
    } rows[] = {
        { 2, 1, 1, 64, 100, 23, 1, 123 },
        { 2, 1, 1, 48, -40, 41, 1, 1 },
        { 2, 3, 1, 32, 0x80000000, 0x80000005, 1, 5 }, /* the register goes on from 2^31 */
        { 2, 3, 1, 32, (int64_t)1 << 33, 0xffffffff, 1, ((int64_t)1 << 33) - 1 },
        { 2, 0, 1, 64, 77, 0, 0, 77 },  /* not on the PMU now */
        { 2, 1, 0, 64, 77, 23, 0, 77 }, /* not allowed */
        { 3, 1, 1, 64, 77, 23, 0, 0 },  /* being written all the time */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct perf_event_mmap_page page = { .lock = rows[i].lock,
                                             .index = rows[i].index,
                                             .offset = rows[i].offset,
                                             .pmc_width = (uint16_t)rows[i].width };
        struct registers r = { .page = &page };
        int64_t value = 0;
        page.cap_user_rdpmc = (unsigned)rows[i].may & 1;
        if (rows[i].index)
            r.value[rows[i].index - 1] = rows[i].bits;
        T_CHECK(hrn_user_read(&page, read_one, &r, &value) == rows[i].result);
        if (!T_CHECK(value == rows[i].value))
            printf("  row %zu: %lld\n", i, (long long)value);
        T_CHECK(rows[i].may && rows[i].index ? r.reads > 0 : r.reads == 0);
    }
}

/* However often it is torn, what comes out is the sum; each torn reading is one reading more. */
static void torn(void)
{
    enum { SUM = 123456789 };
    struct perf_event_mmap_page page = { .index = 1, .pmc_width = 64 };
    struct registers r = { .page = &page, .random = t_seed };
    page.cap_user_rdpmc = 1;
    page.offset = SUM;
    for (int i = 0; i < 1000; i++) {
        int64_t value = 0;
        int times = i % 20;
        r.torn = times;
        r.reads = 0;
        T_CHECK(hrn_user_read(&page, read_one, &r, &value) == times + 1);
        T_CHECK(value == SUM && r.reads == times + 1);
    }
}

/* ---- Groups */

enum { EVENTS = 3 };
static struct perf_event_mmap_page group_page[EVENTS];
static uint64_t group_register[EVENTS];
static int mapped, unmapped;
static uint64_t drift; /* that a register makes at each reading */

static const struct perf_event_mmap_page *map(const struct hrn_perf *perf, int fd)
{
    (void)perf;
    if (!T_CHECK(fd >= 0 && fd < EVENTS))
        return NULL;
    mapped++;
    return &group_page[fd];
}

static const struct perf_event_mmap_page *map_nothing(const struct hrn_perf *perf, int fd)
{
    (void)perf, (void)fd;
    return NULL;
}

static void unmap(const struct hrn_perf *perf, const struct perf_event_mmap_page *page)
{
    (void)perf, (void)page;
    unmapped++;
}

static int tear; /* so many readings yet find the page changed, and count SPENT for each counter */

enum { SPENT = 7 };

static uint64_t read_group(uint32_t index, void *user)
{
    (void)user;
    if (tear > 0) {
        tear--;
        group_page[index].lock += 2;
        for (int i = 0; i < EVENTS; i++)
            group_register[i] += SPENT;
    }
    return group_register[index] += drift;
}

static void fill_pages(int may)
{
    for (uint32_t i = 0; i < EVENTS; i++) {
        group_page[i] = (struct perf_event_mmap_page) { .index = i + 1, .pmc_width = 64 };
        group_page[i].cap_user_rdpmc = (unsigned)may & 1;
    }
}

static int open_group(struct t_perf *fake, struct hrn_perf *perf, struct hrn_group *group)
{
    static const struct hrn_pass pass = { .event = { { "CPU_CYCLES", HRN_EVENT_PMU, 0x11 },
                                                     { "INST_RETIRED", HRN_EVENT_PMU, 0x08 },
                                                     { "L1D_CACHE", HRN_EVENT_PMU, 0x04 } },
                                          .count = EVENTS };
    char err[200];
    *fake = (struct t_perf) { .counters = 6, .type = 9, .cpu = -1, .work = 3 };
    *perf = t_perf_calls(fake);
    perf->map = map;
    perf->unmap = unmap;
    perf->read_register = read_group;
    mapped = unmapped = 0;
    return hrn_group_open(perf, &pass, 9, 0, group, err, sizeof err);
}

/* Counts are the registers' and not read()'s, which has the system calls in it, too. */
static void counting(void)
{
    struct t_perf fake;
    struct hrn_perf perf;
    struct hrn_group group;
    struct hrn_reading r;
    fill_pages(1);
    T_CHECK(open_group(&fake, &perf, &group) == 0 && group.is_user_read && mapped == EVENTS);
    hrn_group_start(&group);
    for (uint64_t i = 0; i < EVENTS; i++)
        group_register[i] += 10 + i;
    hrn_group_stop(&group, &r);
    T_CHECK(r.state == HRN_COUNTED && r.enabled_ns == r.running_ns && r.enabled_ns > 0);
    T_CHECK(r.value[0] == 10 && r.value[1] == 11 && r.value[2] == 12);
    hrn_group_start(&group);
    group_page[1].index = 0; /* lost its counter at the end */
    hrn_group_stop(&group, &r);
    T_CHECK(r.state == HRN_LOST);
    hrn_group_start(&group); /* or at the beginning */
    group_page[1].index = 2;
    hrn_group_stop(&group, &r);
    T_CHECK(r.state == HRN_LOST);
    fake.mux_at = fake.readings + 1;
    hrn_group_start(&group);
    hrn_group_stop(&group, &r);
    T_CHECK(r.state == HRN_MULTIPLEXED);
    hrn_group_close(&group);
    T_CHECK(unmapped == EVENTS && fake.opened == fake.closed);
}

/* A page that the kernel writes while it is read. At the start it is read again, until in peace; at
 * the end that has spoilt the counts, which says so; while the group is opened it decides nothing.
 */
static void torn_groups(void)
{
    static const struct {
        int at_start, at_end;
        enum hrn_reading_state state;
    } rows[] = {
        { 0, 0, HRN_COUNTED }, { 1, 0, HRN_COUNTED }, { 50, 0, HRN_COUNTED },   { 0, 1, HRN_TORN },
        { 3, 2, HRN_TORN },    { 0, 0, HRN_COUNTED }, { 1 << 20, 0, HRN_LOST },
    };
    struct t_perf fake;
    struct hrn_perf perf;
    struct hrn_group group;
    struct hrn_reading r;
    fill_pages(1);
    tear = 5;
    T_CHECK(open_group(&fake, &perf, &group) == 0 && group.is_user_read && tear == 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tear = rows[i].at_start;
        hrn_group_start(&group);
        tear = rows[i].at_end;
        for (uint64_t e = 0; e < EVENTS; e++)
            group_register[e] += 10 + e;
        hrn_group_stop(&group, &r);
        T_CHECK(r.state == rows[i].state);
        for (int e = 0; e < EVENTS && r.state == HRN_COUNTED; e++)
            T_CHECK(r.value[e] == 10 + e);
    }
    tear = 0;
    hrn_group_close(&group);
}

static void falls_back(void)
{
    static const struct {
        int may, maps, index;
        uint64_t drift;
        const char *says;
    } rows[] = {
        { 0, 1, 1, 0, "does not allow" },
        { 1, 0, 1, 0, "does not allow" },
        { 1, 1, 0, 0, "does not agree" },
        { 1, 1, 1, 5000, "does not agree" }, /* more than read() has */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct t_perf fake;
        struct hrn_perf perf;
        struct hrn_group group;
        struct hrn_reading r;
        fill_pages(rows[i].may);
        drift = rows[i].drift;
        if (rows[i].index == 0)
            group_page[2].index = 0;
        if (!T_CHECK(open_group(&fake, &perf, &group) == 0))
            continue;
        if (!rows[i].maps) {
            hrn_group_close(&group);
            perf.map = map_nothing;
            const struct hrn_pass pass = { .event = { { "CPU_CYCLES", HRN_EVENT_PMU, 0x11 } },
                                           .count = 1 };
            char err[200];
            T_CHECK(hrn_group_open(&perf, &pass, 9, 0, &group, err, sizeof err) == 0);
        }
        T_CHECK(!group.is_user_read && mapped == unmapped);
        if (!T_CHECK(strstr(group.why_not, rows[i].says) != NULL))
            printf("  row %zu: %s\n", i, group.why_not);
        hrn_group_start(&group);
        hrn_group_stop(&group, &r);
        T_CHECK(r.state == HRN_COUNTED && r.value[0] == 300); /* as read() has it */
        hrn_group_close(&group);
        drift = 0;
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    pages();
    torn();
    counting();
    torn_groups();
    falls_back();
    return t_end();
}
