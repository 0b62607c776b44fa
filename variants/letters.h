/* Knobs by their letters, as in names of variants: M(8) is KNOB(MR, 8). For tables, which define
 * KNOB as what a row holds of a knob. */
#ifndef QUERN_VARIANTS_LETTERS_H
#define QUERN_VARIANTS_LETTERS_H

/* clang-format off */
#define M(...) KNOB(MR, __VA_ARGS__)
#define N(...) KNOB(NR, __VA_ARGS__)
#define K(...) KNOB(KR, __VA_ARGS__)
#define U(...) KNOB(UNROLL, __VA_ARGS__)
#define A(...) KNOB(PREFETCH_A, __VA_ARGS__)
#define B(...) KNOB(PREFETCH_B, __VA_ARGS__)
#define L(...) KNOB(LOAD, __VA_ARGS__)
#define S(...) KNOB(SCHEDULE, __VA_ARGS__)
#define F(...) KNOB(FILTER, __VA_ARGS__)
#define X(...) KNOB(STRIDE, __VA_ARGS__)
#define Y(...) KNOB(ROWS, __VA_ARGS__)
#define C(...) KNOB(COPY, __VA_ARGS__)
#define O(...) KNOB(ORDER, __VA_ARGS__)
#define E(...) KNOB(EPILOGUE, __VA_ARGS__)
#define T(...) KNOB(FEED, __VA_ARGS__)
#define V(...) KNOB(FORM, __VA_ARGS__)
#define I(...) KNOB(ADDRESS, __VA_ARGS__)
#define H(...) KNOB(HOLD, __VA_ARGS__)
#define G(...) KNOB(FLIGHT, __VA_ARGS__)
#define P(...) KNOB(PIPELINE, __VA_ARGS__)
#define W(...) KNOB(WIDEN, __VA_ARGS__)
#define D(...) KNOB(DIAGONAL, __VA_ARGS__)
#define R(...) KNOB(LATE, __VA_ARGS__)
#define Q(...) KNOB(DRAIN, __VA_ARGS__)
/* clang-format on */

#endif
