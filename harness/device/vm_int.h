/* The way to a virtual machine by adb: adbd in it, and the adb server of this machine. */
#ifndef QUERN_HARNESS_VM_INT_H
#define QUERN_HARNESS_VM_INT_H

#include <stddef.h>

#define HRN_ADBD_PORT 5555 /* in the machine */

/* Starts adbd in a machine that runs, and has the adb server connect to it. 0, or -EIO with
 * the sentence. */
int hrn_vm_start_adb(const char *name, int port, char *err, size_t err_bytes);
/* The adb server forgets it. */
void hrn_vm_stop_adb(int port);

#endif
