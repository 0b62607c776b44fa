#include "harness/runner/runner_int.h"

#include <sched.h>
#include <time.h>

#include "harness/runner/trap_x86.h"

void hrn_env_pin(int cpu)
{
    static cpu_set_t all; /* what the process was given; the children inherit the copy */
    static int known;
    if (!known)
        known = sched_getaffinity(0, sizeof all, &all) == 0;
    if (cpu < 0 && known)
        sched_setaffinity(0, sizeof all, &all);
    if (cpu >= 0 && cpu < CPU_SETSIZE) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one); /* measure.c looks whether it held */
    }
}

uint32_t hrn_env_isas(void)
{
    static uint32_t isas; /* asked once: in a virtual machine each CPUID takes 20 us and more */
    static int known;
    if (!known)
        isas = krn_cpu_isas();
    known = 1;
    return isas | hrn_trap_isas();
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t hrn_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC_RAW);
}

int64_t hrn_cpu_time_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}
