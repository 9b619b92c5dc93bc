#include "tiles.h"

#if LATHER_HAS_AMX

#include <immintrin.h>

LATHER_AMX_INLINE __mmask16 firstLanes(size_t count) { return count >= 16 ? 0xffff : (__mmask16)((1u << count) - 1); }

/* 16 bfloat16 as single precision. */
LATHER_AMX_INLINE __m512 widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }

/* The parts of 32 numbers, each what the parts before it leave, to nearest even; row i of each. */
LATHER_AMX_INLINE void split(__m512 first, __m512 second, int parts, __m512i to[3][16], size_t i) {
    for (int part = 0; part < parts; part++) {
        to[part][i] = (__m512i)_mm512_cvtne2ps_pbh(second, first);
        first = _mm512_sub_ps(first, widen(_mm512_castsi512_si256(to[part][i])));
        second = _mm512_sub_ps(second, widen(_mm512_extracti64x4_epi64(to[part][i], 1)));
    }
}

/* Magnitudes compare as the integers that their bits are. */
LATHER_AMX_INLINE __m512i larger(__m512i top, __m512 x) {
    return _mm512_max_epu32(top, _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)));
}

/* Stores the transpose of 16×16 elements of 32 bits: pairs of numbers here. */
LATHER_AMX_INLINE void storeTransposed(__m512i r[16], char *to) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        _mm512_store_si512(to + 64 * i, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
        _mm512_store_si512(to + 64 * (i + 8), _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
    }
}

/* One tile a part, of up to 16 rows or columns and up to 32 numbers along k. */
LATHER_AMX_INLINE __m512i packTile(enum lather_side side, int parts, const float *from, size_t stride, int acrossDepth, size_t count,
                                   size_t depth, char *to, __m512i top) {
    /* Word 2i is number i of the first 16, word 2i + 1 that of the second 16. */
    const __m512i paired = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3,
                                            18, 2, 17, 1, 16, 0);
    const __m512 zero = _mm512_setzero_ps();
    /* Rows of pairs along k are what the left factor needs, columns of them what the right one needs. */
    const int transposes = (side == LATHER_LEFT) == (acrossDepth != 0);
    __m512i part[3][16];
    for (size_t i = 0; i < 16; i++) {
        __m512 first = zero, second = zero;
        if (acrossDepth) {
            if (2 * i < depth) first = _mm512_maskz_loadu_ps(firstLanes(count), from + 2 * i * stride);
            if (2 * i + 1 < depth) second = _mm512_maskz_loadu_ps(firstLanes(count), from + (2 * i + 1) * stride);
        } else if (i < count) {
            first = _mm512_maskz_loadu_ps(firstLanes(depth), from + i * stride);
            second = _mm512_maskz_loadu_ps(firstLanes(depth > 16 ? depth - 16 : 0), from + i * stride + 16);
        }
        top = larger(larger(top, first), second);
        split(first, second, parts, part, i);
        for (int p = 0; p < parts; p++) {
            if (acrossDepth) part[p][i] = _mm512_permutexvar_epi16(paired, part[p][i]);
            if (!transposes) _mm512_store_si512(to + p * TILE_BYTES + 64 * i, part[p][i]);
        }
    }
    for (int p = 0; transposes && p < parts; p++) storeTransposed(part[p], to + p * TILE_BYTES);
    return top;
}

LATHER_AMX_INLINE __m512i packAnyTile(enum lather_side side, int parts, const float *from, size_t stride, int acrossDepth, size_t count,
                                      size_t depth, char *to, __m512i top) {
    if (count >= TILE_ROWS && depth >= TILE_DEPTH)
        return packTile(side, parts, from, stride, acrossDepth, TILE_ROWS, TILE_DEPTH, to, top);
    return packTile(side, parts, from, stride, acrossDepth, count < TILE_ROWS ? count : TILE_ROWS,
                    depth < TILE_DEPTH ? depth : TILE_DEPTH, to, top);
}

/* Reads along the stored rows, so that few pages are in use at a time. */
LATHER_AMX_INLINE uint32_t packPanels(enum lather_side side, int parts, const float *from, size_t stride, int acrossDepth, size_t count,
                                      size_t depth, char *to) {
    const size_t panel = lather_panel_bytes(parts, depth), tile = (size_t)parts * TILE_BYTES;
    __m512i top = _mm512_setzero_si512();
    if (acrossDepth) {
        for (size_t p = 0; p < depth; p += TILE_DEPTH)
            for (size_t r = 0; r < count; r += TILE_ROWS)
                top = packAnyTile(side, parts, from + p * stride + r, stride, acrossDepth, count - r, depth - p,
                                  to + r / TILE_ROWS * panel + p / TILE_DEPTH * tile, top);
    } else {
        for (size_t r = 0; r < count; r += TILE_ROWS)
            for (size_t p = 0; p < depth; p += TILE_DEPTH)
                top = packAnyTile(side, parts, from + r * stride + p, stride, acrossDepth, count - r, depth - p,
                                  to + r / TILE_ROWS * panel + p / TILE_DEPTH * tile, top);
    }
    return _mm512_reduce_max_epu32(top);
}

LATHER_AMX uint32_t lather_pack(enum lather_side side, int parts, const float *from, size_t stride, int acrossDepth, size_t count,
                                size_t depth, char *to) {
    /* Each call with constants of its own, so that the compiler makes twelve loops without a branch. */
#define PACK(parts)                                                                                         \
    switch (side * 2 + (acrossDepth != 0)) {                                                                \
    case 0: return packPanels(LATHER_LEFT, parts, from, stride, 0, count, depth, to);                       \
    case 1: return packPanels(LATHER_LEFT, parts, from, stride, 1, count, depth, to);                       \
    case 2: return packPanels(LATHER_RIGHT, parts, from, stride, 0, count, depth, to);                      \
    default: return packPanels(LATHER_RIGHT, parts, from, stride, 1, count, depth, to);                     \
    }
    if (parts == 1) PACK(1)
    if (parts == 2) PACK(2)
    PACK(3)
#undef PACK
}

#endif
