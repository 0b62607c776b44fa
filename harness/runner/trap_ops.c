/* The instructions: what each computes, and the table of their encodings. */
#if defined(__x86_64__)

#include "harness/runner/trap_int.h"

#include <immintrin.h>
#include <string.h>

/* ---- one element; 8 and 16-bit results are cut to size by the caller */

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static float as_float(uint64_t bits)
{
    uint32_t narrow = (uint32_t)bits;
    float f;
    memcpy(&f, &narrow, sizeof f);
    return f;
}

static uint64_t as_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* x * y + z, rounded once; by the CPU, so that no libm is needed. */
__attribute__((target("fma"))) static uint64_t fma_bits(uint64_t x, uint64_t y, uint64_t z)
{
    const __m128 sum =
        _mm_fmadd_ss(_mm_set_ss(as_float(x)), _mm_set_ss(as_float(y)), _mm_set_ss(as_float(z)));
    return as_bits(_mm_cvtss_f32(sum));
}

/* A row of this list is a trap_lane_fn. */
#define LANE(name, expression)                                                                     \
    static uint64_t name(uint64_t a, uint64_t b, uint64_t old)                                     \
    {                                                                                              \
        (void)a, (void)b, (void)old;                                                               \
        return (uint64_t)(expression);                                                             \
    }

LANE(lane_copy, b)
LANE(lane_and, (a & b))
LANE(lane_andn, (~a & b))
LANE(lane_or, a | b)
LANE(lane_xor, a ^ b)
LANE(lane_add, a + b)
LANE(lane_sub, a - b)
LANE(lane_mul, (a * b))
LANE(lane_mulhw, ((int16_t)a * (int16_t)b) >> 16)
LANE(lane_mulhuw, ((uint32_t)a * (uint32_t)b) >> 16)
LANE(lane_mulhrsw, ((int16_t)a * (int16_t)b + 0x4000) >> 15)
LANE(lane_muldq, ((int64_t)(int32_t)a * (int32_t)b))
LANE(lane_muludq, (a & 0xffffffff) * (b & 0xffffffff))
LANE(lane_addsb, clamp((int8_t)a + (int8_t)b, INT8_MIN, INT8_MAX))
LANE(lane_addsw, clamp((int16_t)a + (int16_t)b, INT16_MIN, INT16_MAX))
LANE(lane_subsb, clamp((int8_t)a - (int8_t)b, INT8_MIN, INT8_MAX))
LANE(lane_subsw, clamp((int16_t)a - (int16_t)b, INT16_MIN, INT16_MAX))
LANE(lane_maxsb, (int8_t)a > (int8_t)b ? a : b)
LANE(lane_maxsw, (int16_t)a > (int16_t)b ? a : b)
LANE(lane_maxsd, (int32_t)a > (int32_t)b ? a : b)
LANE(lane_maxu, a > b ? a : b)
LANE(lane_minsb, (int8_t)a < (int8_t)b ? a : b)
LANE(lane_minsw, (int16_t)a < (int16_t)b ? a : b)
LANE(lane_minsd, (int32_t)a < (int32_t)b ? a : b)
LANE(lane_minu, a < b ? a : b)
LANE(lane_absb, (int8_t)b < 0 ? -b : b)
LANE(lane_absw, (int16_t)b < 0 ? -b : b)
LANE(lane_absd, (int32_t)b < 0 ? -b : b)
LANE(lane_sllvd, b > 31 ? 0 : a << b)
LANE(lane_srlvd, b > 31 ? 0 : a >> b)
LANE(lane_sravd, (int32_t)a >> (b > 31 ? 31 : b))
LANE(lane_addps, as_bits(as_float(a) + as_float(b)))
LANE(lane_subps, as_bits(as_float(a) - as_float(b)))
LANE(lane_mulps, as_bits(as_float(a) * as_float(b)))
LANE(lane_divps, as_bits(as_float(a) / as_float(b)))
LANE(lane_maxps, as_float(a) > as_float(b) ? a : b) /* NaN or two zeros: b */
LANE(lane_minps, as_float(a) < as_float(b) ? a : b)
LANE(lane_fma132, fma_bits(old, b, a))
LANE(lane_fma213, fma_bits(a, old, b))
LANE(lane_fma231, fma_bits(a, b, old))
LANE(lane_dq2ps, as_bits((float)(int32_t)b))

LANE(lane_ps2dq, (uint32_t)_mm_cvtss_si32(_mm_set_ss(as_float(b))))
LANE(lane_tps2dq, (uint32_t)_mm_cvttss_si32(_mm_set_ss(as_float(b))))

static int32_t s8_at(uint64_t v, unsigned i)
{
    return (int8_t)(v >> 8 * i);
}

static int32_t u8_at(uint64_t v, unsigned i)
{
    return (uint8_t)(v >> 8 * i);
}

static int64_t s16_at(uint64_t v, unsigned i)
{
    return (int16_t)(v >> 16 * i);
}

/* u8 x s8, four products; their sum fits 32 bits, the total may not. */
static int64_t dot4(uint64_t a, uint64_t b)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < 4; i++)
        sum += u8_at(a, i) * s8_at(b, i);
    return sum;
}

static int64_t dot2(uint64_t a, uint64_t b)
{
    return s16_at(a, 0) * s16_at(b, 0) + s16_at(a, 1) * s16_at(b, 1);
}

LANE(lane_dpbusd, old + (uint64_t)dot4(a, b))
LANE(lane_dpbusds, clamp((int32_t)old + dot4(a, b), INT32_MIN, INT32_MAX))
LANE(lane_dpwssd, old + (uint64_t)dot2(a, b))
LANE(lane_dpwssds, clamp((int32_t)old + dot2(a, b), INT32_MIN, INT32_MAX))
LANE(lane_maddwd, dot2(a, b))
LANE(lane_maddubsw,
     clamp(u8_at(a, 0) * s8_at(b, 0) + u8_at(a, 1) * s8_at(b, 1), INT16_MIN, INT16_MAX))

/* ---- whole vectors */

static unsigned element_of(const struct trap_insn *insn)
{
    return insn->row->element;
}

/* Repeats the operand in memory, or as many low bytes of the register. */
static void splat(const struct trap_insn *insn, const union trap_vector *a,
                  const union trap_vector *b, union trap_vector *out)
{
    const unsigned step = (unsigned)insn->row->memory;
    (void)a;
    for (unsigned i = 0; i < insn->length; i += step)
        memcpy(&out->u8[i], b, step);
}

/* Low bytes alone: vmovd, vmovss. */
static void low_part(const struct trap_insn *insn, const union trap_vector *a,
                     const union trap_vector *b, union trap_vector *out)
{
    (void)a;
    memset(out, 0, sizeof *out);
    memcpy(out, b, (size_t)insn->row->memory);
}

/* Interleaves halves of each 128-bit lane; `from` is 0 or 8. */
static void unpack(const struct trap_insn *insn, const union trap_vector *a,
                   const union trap_vector *b, union trap_vector *out, unsigned from)
{
    const unsigned step = element_of(insn);
    for (unsigned lane = 0; lane < insn->length; lane += 16)
        for (unsigned i = 0; i < 8; i += step) {
            memcpy(&out->u8[lane + 2 * i], &a->u8[lane + from + i], step);
            memcpy(&out->u8[lane + 2 * i + step], &b->u8[lane + from + i], step);
        }
}

static void unpack_low(const struct trap_insn *insn, const union trap_vector *a,
                       const union trap_vector *b, union trap_vector *out)
{
    unpack(insn, a, b, out, 0);
}

static void unpack_high(const struct trap_insn *insn, const union trap_vector *a,
                        const union trap_vector *b, union trap_vector *out)
{
    unpack(insn, a, b, out, 8);
}

/* Element i of a vector, sign-extended. */
static int64_t signed_at(const union trap_vector *v, unsigned bytes, unsigned i)
{
    uint64_t bits = 0;
    memcpy(&bits, &v->u8[i * bytes], bytes);
    return (int64_t)(bits << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

static uint64_t unsigned_at(const union trap_vector *v, unsigned bytes, unsigned i)
{
    uint64_t bits = 0;
    memcpy(&bits, &v->u8[i * bytes], bytes);
    return bits;
}

static void put(union trap_vector *v, unsigned bytes, unsigned i, uint64_t value)
{
    memcpy(&v->u8[i * bytes], &value, bytes);
}

/* In each 128-bit lane the elements of a, then those of b, saturated to half their size. */
static void pack(const struct trap_insn *insn, const union trap_vector *a,
                 const union trap_vector *b, union trap_vector *out, int64_t lo, int64_t hi)
{
    const unsigned narrow = element_of(insn), wide = 2 * narrow, per_lane = 16 / wide;
    for (unsigned lane = 0; lane < insn->length / 16; lane++)
        for (unsigned i = 0; i < per_lane; i++) {
            const unsigned from = lane * per_lane + i, to = 2 * lane * per_lane + i;
            put(out, narrow, to, (uint64_t)clamp(signed_at(a, wide, from), lo, hi));
            put(out, narrow, to + per_lane, (uint64_t)clamp(signed_at(b, wide, from), lo, hi));
        }
}

static void pack_signed(const struct trap_insn *insn, const union trap_vector *a,
                        const union trap_vector *b, union trap_vector *out)
{
    const int64_t hi = element_of(insn) == 1 ? INT8_MAX : INT16_MAX;
    pack(insn, a, b, out, -hi - 1, hi);
}

static void pack_unsigned(const struct trap_insn *insn, const union trap_vector *a,
                          const union trap_vector *b, union trap_vector *out)
{
    pack(insn, a, b, out, 0, element_of(insn) == 1 ? UINT8_MAX : UINT16_MAX);
}

/* vpmovsx, vpmovzx: the source's element follows from the sizes. */
static void widen_signed(const struct trap_insn *insn, const union trap_vector *a,
                         const union trap_vector *b, union trap_vector *out)
{
    const unsigned wide = element_of(insn), narrow = wide >> -insn->row->memory;
    (void)a;
    for (unsigned i = 0; i < insn->length / wide; i++)
        put(out, wide, i, (uint64_t)signed_at(b, narrow, i));
}

static void widen_unsigned(const struct trap_insn *insn, const union trap_vector *a,
                           const union trap_vector *b, union trap_vector *out)
{
    const unsigned wide = element_of(insn), narrow = wide >> -insn->row->memory;
    (void)a;
    for (unsigned i = 0; i < insn->length / wide; i++)
        put(out, wide, i, unsigned_at(b, narrow, i));
}

/* vpmov down: the element is the destination's. */
static void narrow_cut(const struct trap_insn *insn, const union trap_vector *a,
                       const union trap_vector *b, union trap_vector *out)
{
    const unsigned narrow = element_of(insn), wide = narrow << -insn->row->memory;
    (void)a;
    for (unsigned i = 0; i < insn->length / wide; i++)
        put(out, narrow, i, unsigned_at(b, wide, i));
}

static void narrow_signed(const struct trap_insn *insn, const union trap_vector *a,
                          const union trap_vector *b, union trap_vector *out)
{
    const unsigned narrow = element_of(insn), wide = narrow << -insn->row->memory;
    const int64_t hi = (INT64_C(1) << (8 * narrow - 1)) - 1;
    (void)a;
    for (unsigned i = 0; i < insn->length / wide; i++)
        put(out, narrow, i, (uint64_t)clamp(signed_at(b, wide, i), -hi - 1, hi));
}

static void narrow_unsigned(const struct trap_insn *insn, const union trap_vector *a,
                            const union trap_vector *b, union trap_vector *out)
{
    const unsigned narrow = element_of(insn), wide = narrow << -insn->row->memory;
    const uint64_t hi = (UINT64_C(1) << 8 * narrow) - 1;
    (void)a;
    for (unsigned i = 0; i < insn->length / wide; i++) {
        const uint64_t v = unsigned_at(b, wide, i);
        put(out, narrow, i, v > hi ? hi : v);
    }
}

static void shuffle_bytes(const struct trap_insn *insn, const union trap_vector *a,
                          const union trap_vector *b, union trap_vector *out)
{
    for (unsigned i = 0; i < insn->length; i++)
        out->u8[i] = b->u8[i] & 0x80 ? 0 : a->u8[(i & ~15u) + (b->u8[i] & 15)];
}

/* vpshufd: within each lane, by immediate. */
static void shuffle_dwords(const struct trap_insn *insn, const union trap_vector *a,
                           const union trap_vector *b, union trap_vector *out)
{
    (void)a;
    for (unsigned i = 0; i < insn->length / 4; i++)
        out->u32[i] = b->u32[(i & ~3u) + (insn->immediate >> 2 * (i & 3) & 3)];
}

/* vpermq: within each 256 bits, by immediate. */
static void permute_qwords(const struct trap_insn *insn, const union trap_vector *a,
                           const union trap_vector *b, union trap_vector *out)
{
    (void)a;
    for (unsigned i = 0; i < insn->length / 8; i++)
        out->u64[i] = b->u64[(i & ~3u) + (insn->immediate >> 2 * (i & 3) & 3)];
}

/* vpermd and its like: indices in a, across the whole vector. */
static void permute(const struct trap_insn *insn, const union trap_vector *a,
                    const union trap_vector *b, union trap_vector *out)
{
    const unsigned step = element_of(insn), count = insn->length / step;
    for (unsigned i = 0; i < count; i++)
        put(out, step, i, unsigned_at(b, step, (unsigned)unsigned_at(a, step, i) & (count - 1)));
}

/* From two tables; with vpermt2 the index is a and the first table the destination, with vpermi2
 * the other way round. */
static void permute_two(const struct trap_insn *insn, const union trap_vector *index,
                        const union trap_vector *first, const union trap_vector *second,
                        union trap_vector *out)
{
    const unsigned step = element_of(insn), count = insn->length / step;
    for (unsigned i = 0; i < count; i++) {
        const unsigned at = (unsigned)unsigned_at(index, step, i) & (2 * count - 1);
        put(out, step, i, unsigned_at(at < count ? first : second, step, at & (count - 1)));
    }
}

static void permute_t2(const struct trap_insn *insn, const union trap_vector *a,
                       const union trap_vector *b, union trap_vector *out)
{
    const union trap_vector first = *out;
    permute_two(insn, a, &first, b, out);
}

static void permute_i2(const struct trap_insn *insn, const union trap_vector *a,
                       const union trap_vector *b, union trap_vector *out)
{
    const union trap_vector index = *out;
    permute_two(insn, &index, a, b, out);
}

/* vshufi32x4: low half of the lanes from a, high half from b. */
static void shuffle_lanes(const struct trap_insn *insn, const union trap_vector *a,
                          const union trap_vector *b, union trap_vector *out)
{
    const unsigned lanes = insn->length / 16, bits = lanes == 4 ? 2 : 1;
    const union trap_vector x = *a, y = *b;
    for (unsigned i = 0; i < lanes; i++) {
        const unsigned from = insn->immediate >> bits * i & (lanes - 1);
        memcpy(&out->u8[16 * i], &(i < lanes / 2 ? &x : &y)->u8[16 * from], 16);
    }
}

static void align(const struct trap_insn *insn, const union trap_vector *a,
                  const union trap_vector *b, union trap_vector *out)
{
    const unsigned step = element_of(insn), count = insn->length / step;
    const unsigned shift = insn->immediate & (count - 1);
    for (unsigned i = 0; i < count; i++)
        put(out, step, i,
            i + shift < count ? unsigned_at(b, step, i + shift)
                              : unsigned_at(a, step, i + shift - count));
}

/* vpalignr: per lane, bytes. */
static void align_bytes(const struct trap_insn *insn, const union trap_vector *a,
                        const union trap_vector *b, union trap_vector *out)
{
    for (unsigned i = 0; i < insn->length; i++) {
        const unsigned lane = i & ~15u, at = (i & 15) + insn->immediate;
        out->u8[i] = at < 16 ? b->u8[lane + at] : at < 32 ? a->u8[lane + at - 16] : 0;
    }
}

static unsigned part_offset(const struct trap_insn *insn)
{
    const unsigned part = (unsigned)insn->row->memory;
    return (insn->immediate & (insn->length / part - 1)) * part;
}

static void extract(const struct trap_insn *insn, const union trap_vector *a,
                    const union trap_vector *b, union trap_vector *out)
{
    (void)a;
    memcpy(out, &b->u8[part_offset(insn)], (size_t)insn->row->memory);
}

static void insert(const struct trap_insn *insn, const union trap_vector *a,
                   const union trap_vector *b, union trap_vector *out)
{
    const union trap_vector part = *b;
    memcpy(out, a, insn->length);
    memcpy(&out->u8[part_offset(insn)], &part, (size_t)insn->row->memory);
}

/* Bit of the immediate named by one bit each of destination, a and b. */
static void ternary_logic(const struct trap_insn *insn, const union trap_vector *a,
                          const union trap_vector *b, union trap_vector *out)
{
    for (unsigned i = 0; i < insn->length / 8; i++) {
        uint64_t result = 0;
        for (unsigned row = 0; row < 8; row++)
            if (insn->immediate >> row & 1)
                result |= (row & 4 ? out->u64[i] : ~out->u64[i]) &
                          (row & 2 ? a->u64[i] : ~a->u64[i]) & (row & 1 ? b->u64[i] : ~b->u64[i]);
        out->u64[i] = result;
    }
}

/* Shifts by immediate; the row's extension says which (modrm.reg): 2 logical right, 4 arithmetic
 * right, 6 left. */
static void shift(const struct trap_insn *insn, const union trap_vector *a,
                  const union trap_vector *b, union trap_vector *out)
{
    const unsigned step = element_of(insn), bits = 8 * step, by = insn->immediate;
    const int is_arithmetic = insn->row->extension == 4, is_left = insn->row->extension == 6;
    (void)a;
    for (unsigned i = 0; i < insn->length / step; i++) {
        const uint64_t v = unsigned_at(b, step, i);
        uint64_t result = by >= bits ? 0 : is_left ? v << by : v >> by;
        if (is_arithmetic)
            result = (uint64_t)(signed_at(b, step, i) >> (by >= bits ? bits - 1 : by));
        put(out, step, i, result);
    }
}

static int holds(int64_t x, int64_t y, unsigned predicate)
{
    const int results[8] = { x == y, x<y, x <= y, 0, x != y, x >= y, x> y, 1 };
    return results[predicate];
}

static void compare_signed(const struct trap_insn *insn, const union trap_vector *a,
                           const union trap_vector *b, union trap_vector *out)
{
    const unsigned step = element_of(insn);
    uint64_t bits = 0;
    for (unsigned i = 0; i < insn->length / step; i++)
        bits |= (uint64_t)holds(signed_at(a, step, i), signed_at(b, step, i), insn->immediate & 7)
                << i;
    out->u64[0] = bits;
}

/* Elements are narrower than 64 bits. */
static void compare_unsigned(const struct trap_insn *insn, const union trap_vector *a,
                             const union trap_vector *b, union trap_vector *out)
{
    const unsigned step = element_of(insn);
    uint64_t bits = 0;
    for (unsigned i = 0; i < insn->length / step; i++)
        bits |= (uint64_t)holds((int64_t)unsigned_at(a, step, i), (int64_t)unsigned_at(b, step, i),
                                insn->immediate & 7)
                << i;
    out->u64[0] = bits;
}

static void test_bits(const struct trap_insn *insn, const union trap_vector *a,
                      const union trap_vector *b, union trap_vector *out)
{
    const unsigned step = element_of(insn);
    uint64_t bits = 0;
    for (unsigned i = 0; i < insn->length / step; i++)
        bits |= (uint64_t)((unsigned_at(a, step, i) & unsigned_at(b, step, i)) != 0) << i;
    out->u64[0] = bits;
}

/* ---- encodings */

/* Columns of the table: parts of the vector length, and sets of flags that come together. */
enum { ALL = TRAP_ALL, HALF = TRAP_HALF, QUARTER = TRAP_QUARTER, EIGHTH = TRAP_EIGHTH };
enum {
    TRAP_NONE = 0,
    TRAP_WHOLE_IMM = TRAP_WHOLE | TRAP_IMM,
    TRAP_WHOLE_MEM = TRAP_WHOLE | TRAP_MEM_ONLY,
};

#define TRAP_ROW(n, enc, m, p, op, wide, sh, el, mem, bc, fl, ext, lane_function, vector_function) \
    { .name = #n,                                                                                  \
      .encoding = TRAP_##enc,                                                                      \
      .map = TRAP_##m,                                                                             \
      .prefix = TRAP_##p,                                                                          \
      .opcode = op,                                                                                \
      .w = TRAP_##wide,                                                                            \
      .shape = TRAP_##sh,                                                                          \
      .element = el,                                                                               \
      .memory = mem,                                                                               \
      .broadcast = bc,                                                                             \
      .flags = TRAP_##fl,                                                                          \
      .extension = ext,                                                                            \
      .lane = lane_function,                                                                       \
      .vector = vector_function },
#define TRAP_LANE(n, enc, m, p, op, wide, sh, el, mem, bc, fl, ext, function)                      \
    TRAP_ROW(n, enc, m, p, op, wide, sh, el, mem, bc, fl, ext, lane_##function, NULL)
#define TRAP_VECTOR(n, enc, m, p, op, wide, sh, el, mem, bc, fl, ext, function)                    \
    TRAP_ROW(n, enc, m, p, op, wide, sh, el, mem, bc, fl, ext, NULL, function)

const struct trap_row trap_rows[] = {
#include "harness/runner/trap_rows.inc"
};
const size_t trap_row_count = sizeof trap_rows / sizeof *trap_rows;

#endif
