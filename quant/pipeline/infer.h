/* What the program quern-infer on a device and the host that starts it agree on: its arguments, and
 * the lines that it prints. Compiled into both.
 *
 *     quern-infer NETWORK IMAGES KERNELS THREADS
 *   NETWORK  a file of qnt_network_save()
 *   IMAGES   float [count][h][w][c] as qnt_exec_run() takes them, little-endian
 *   KERNELS  lines "PROBLEM KERNEL ORDER MC_TILES": the kernel of each problem, one for each of its
 *            epilogues; what is not there, or does not fit, is run by the reference
 * It prints a line per image, "score INDEX
 * WORD...", the bits of each score in hexadecimal, then "layer INDEX NS KERNEL" for each layer,
 * then "end COUNT". Every line ends with " *" and the FNV-1a of what stands before it: a shell's
 * greeting or a damaged line checks as neither. */
#ifndef QUERN_QUANT_INFER_H
#define QUERN_QUANT_INFER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kernels/kernel.h"

/* Prints `text` with its checksum and a newline. 0 or -EIO. */
int qnt_infer_put(FILE *out, const char *text);
/* Cuts the checksum off a line. 1 if it checks, else 0. */
int qnt_infer_check(char *line);

/* The kernels that are linked into quern-infer; the build makes them. */
extern const struct krn_kernel quern_kernels[];
extern const size_t quern_kernels_count;

#endif
