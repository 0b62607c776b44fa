/* The knobs, and what they say of themselves. domains.c has their values. */
#include "variants/variant_int.h"

const struct var_knob_info var_knobs[VAR_KNOB_COUNT] = {
    [VAR_KNOB_MR] = { 'm', "MR", "rows", "rows of the tile; DW: output pixels of a step", 0, 0, 0 },
    [VAR_KNOB_NR] = { 'n', "NR", "channels", "columns of the tile; DW: channels of a block", 0, 0,
                      0 },
    [VAR_KNOB_KR] = { 'k', "KR", "elements",
                      "depth elements that one lane sums per MAC group; DW: taps", 0, 0, 0 },
    [VAR_KNOB_UNROLL] = { 'u', "unroll", "bodies", "loop bodies per iteration", 0, 0, 0 },
    [VAR_KNOB_PREFETCH_A] = { 'a', "prefetch A", "bytes",
                              "prefetch distance along each row of A, 0 = none", 0, 0, 0 },
    [VAR_KNOB_PREFETCH_B] = { 'b', "prefetch B", "bytes",
                              "prefetch distance along the weight panel, 0 = none", 0, 0, 0 },
    [VAR_KNOB_LOAD] = { 'l', "load", "bits", "load width of A; AVX-512: width of every vector", 0,
                        0, 0 },
    [VAR_KNOB_SCHEDULE] = { 's', "schedule", "",
                            "where loads sit: 0 = ahead of the MACs, 1 = spread between them; "
                            "AArch64 GEMM, DIRECT: 2, 3, 4 = woven in order for A55, A53, A510; "
                            "DWC: 1, 2 "
                            "= "
                            "scheduled in order, from few or many candidates",
                            0, 0, 0 },
    [VAR_KNOB_FILTER] = { 'f', "filter", "", "DWC: filter size; WINO: size of an output tile", 0, 0,
                          0 },
    [VAR_KNOB_STRIDE] = { 'x', "stride", "pixels", "stride, both ways", 0, 0, 0 },
    [VAR_KNOB_ROWS] = { 'y', "rows", "rows", "output rows that share their input", 0, 0, 0 },
    [VAR_KNOB_COPY] = { 'c', "copy", "",
                        "DIRECT: 0 = A is the input, 1 = rows copied, padded, made ready", 0, 0,
                        0 },
    [VAR_KNOB_ORDER] = { 'o', "order", "", "driver: 0 = panels outside, 1 = rows outside", 1, 0,
                         0 },
    [VAR_KNOB_EPILOGUE] = { 'e', "epilogue", "",
                            "what becomes of a sum: 0 = a byte by a float, 1 = a byte by integers "
                            "alone, 2 = s32 as it is, 3 = a byte after adding a second tensor",
                            0, 0, 1 },
    [VAR_KNOB_FEED] = { 't', "feed of A", "",
                        "0 = A as it lies, 1 = packed ahead by the driver: [depth][MR][KR]; v8.0: "
                        "widened to words, [depth][MR][8]",
                        0, 0, 1 },
    [VAR_KNOB_FORM] = { 'v', "form of loads", "",
                        "what is contiguous: 0 = one by one, 1 = in pairs, 2 = in fours, 3 = in "
                        "halves, one of them through a general register",
                        0, 0, 1 },
    [VAR_KNOB_ADDRESS] = { 'i', "addressing", "",
                           "rows of A: 0 = each advances, 1 = all share an offset; 2 = every load "
                           "advances its pointer",
                           0, 0, 1 },
    [VAR_KNOB_HOLD] = { 'h', "held operand", "",
                        "stays in registers for a body: 0 = rows of A, 1 = columns of B", 0, 0, 1 },
    [VAR_KNOB_FLIGHT] = { 'g', "products", "registers",
                          "products in flight before they are accumulated", 0, 1, 1 },
    [VAR_KNOB_PIPELINE] = { 'p', "pipelining", "iterations",
                            "how far ahead of its MACs an iteration's loads begin", 0, 0, 1 },
    [VAR_KNOB_WIDEN] = { 'w', "widening", "",
                         "v8.0 by lane, weights: 0 = bytes, widened in the loop, 1 = words, "
                         "widened at packing",
                         0, 0, 1 },
    [VAR_KNOB_DIAGONAL] = { 'd', "diagonal", "channels",
                            "DIRECT, many small groups: channels of a block that its own columns "
                            "alone read; 0 = all columns read all",
                            0, 0, 1 },
    [VAR_KNOB_LATE] = { 'r', "late rounding", "steps",
                        "DIRECT: sums become bytes 0 = where their step ends, 1 = between the MACs "
                        "of the next one",
                        0, 0, 1 },
    [VAR_KNOB_DRAIN] = { 'q', "drain", "",
                         "epilogue: 0 = one output after the other, 1 = several at a time, for "
                         "cores that issue in order",
                         0, 0, 1 },
};
