/* The state of the machine beside a sample: frequency, temperature, current from the battery. On
 * the device's side; `root` stands before every path ("" on a device, a recorded tree in a test).
 */
#ifndef QUERN_HARNESS_PMU_ENV_H
#define QUERN_HARNESS_PMU_ENV_H

#include <stdint.h>

struct hrn_env {
    int freq_fd, temp_fd;                  /* -1 = unknown */
    int current_fd, voltage_fd, status_fd; /* of the battery; -1 = there is none */
};
void hrn_env_open(struct hrn_env *env, const char *root, int cpu);
void hrn_env_close(struct hrn_env *env);
int32_t hrn_env_freq_khz(const struct hrn_env *env); /* 0 unknown */
int32_t hrn_env_temp_mc(const struct hrn_env *env);  /* INT32_MIN unknown */
/* Drawn from the battery, in microampere; 0 unknown: no battery, or a cable that charges it. Phones
 * refresh it every few milliseconds to half a minute: means over long runs say something, one
 * sample does not. */
int32_t hrn_env_current_ua(const struct hrn_env *env);
/* Of that battery, in microvolt, under the same conditions; 0 unknown. */
int32_t hrn_env_voltage_uv(const struct hrn_env *env);

#endif
