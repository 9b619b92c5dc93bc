/* Products whose right factor stays in the cache, for AVX2. */

#include <string.h>

#include "CKernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

/* ROWS×COLUMNS sums are in registers at a time, two vectors a row. */
enum { ROWS = 6, COLUMNS = 16 };

/* Rows of B, and those of a transposed A, are read where they are if they are no further from each other than this. Further ones,
   above all those of a power of two, would share a few lines of the cache. */
enum { NEAR = 64 };

static size_t filled(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

size_t lather_small_scratch(size_t m, size_t n, size_t k, int transposed_a) {
    return (filled(n, COLUMNS) + (transposed_a ? filled(m, ROWS) : 0)) * k;
}

/* Eight columns of eight numbers become rows. */
TARGET INLINE void turn(const float *from, size_t stride, float *to, size_t line) {
    __m256 r[8], t[8];
    UNROLL for (size_t i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + i * stride);
    UNROLL for (size_t i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    UNROLL for (size_t i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    UNROLL for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * line, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * line, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

/* B in panels of COLUMNS columns, the last one filled up with zeros: element (p, j) at
   panels[(j / COLUMNS * k + p) * COLUMNS + j % COLUMNS]. */
TARGET static void pack_right(size_t n, size_t k, struct lather_operand b, float *panels) {
    for (size_t first = 0; first < n; first += COLUMNS, panels += k * COLUMNS) {
        const size_t width = n - first < COLUMNS ? n - first : COLUMNS;
        const float *from = b.elements + first * (b.transposed ? b.stride : 1);
        size_t done = 0;
        if (width == COLUMNS && !b.transposed) {
            for (; done < k; done++) memcpy(panels + done * COLUMNS, from + done * b.stride, COLUMNS * sizeof(float));
        } else if (width == COLUMNS) {
            for (; done + 8 <= k; done += 8) {
                turn(from + done, b.stride, panels + done * COLUMNS, COLUMNS);
                turn(from + 8 * b.stride + done, b.stride, panels + done * COLUMNS + 8, COLUMNS);
            }
        }
        const size_t down = b.transposed ? 1 : b.stride, across = b.transposed ? b.stride : 1;
        for (; done < k; done++)
            for (size_t j = 0; j < COLUMNS; j++) panels[done * COLUMNS + j] = j < width ? from[done * down + j * across] : 0;
    }
}

/* A transposed matrix A in bands of ROWS rows: element (i, p) at bands[(i / ROWS * k + p) * ROWS + i % ROWS]. */
TARGET static void pack_left(size_t m, size_t k, struct lather_operand a, float *bands) {
    for (size_t first = 0; first < m; first += ROWS, bands += k * ROWS) {
        const float *from = a.elements + first;
        if (m - first >= ROWS)
            for (size_t p = 0; p < k; p++) memcpy(bands + p * ROWS, from + p * a.stride, ROWS * sizeof(float));
        else
            for (size_t p = 0; p < k; p++)
                for (size_t i = 0; i < m - first; i++) bands[p * ROWS + i] = from[p * a.stride + i];
    }
}

/* Some rows of C in one panel's columns. Element (i, p) of A is at a[i * down + p * across], row p of the panel at panel[p * line]. */
TARGET INLINE void block(const size_t rows, size_t width, size_t k, float alpha, const float *a, size_t down, size_t across,
                         const float *panel, size_t line, float beta, float *c, size_t stride) {
    __m256 sums[ROWS][2];
    UNROLL for (size_t i = 0; i < rows; i++) sums[i][0] = sums[i][1] = _mm256_setzero_ps();
    for (size_t p = 0; p < k; p++) {
        const __m256 left = _mm256_loadu_ps(panel + p * line), right = _mm256_loadu_ps(panel + p * line + 8);
        UNROLL for (size_t i = 0; i < rows; i++) {
            const __m256 factor = _mm256_broadcast_ss(a + i * down + p * across);
            sums[i][0] = _mm256_fmadd_ps(factor, left, sums[i][0]);
            sums[i][1] = _mm256_fmadd_ps(factor, right, sums[i][1]);
        }
    }
    const __m256 scale = _mm256_set1_ps(alpha), keep = _mm256_set1_ps(beta);
    UNROLL for (size_t i = 0; i < rows; i++) {
        UNROLL for (size_t half = 0; half < COLUMNS; half += 8) {
            float *to = c + i * stride + half;
            const __m256 sum = _mm256_mul_ps(scale, sums[i][half / 8]);
            if (width == COLUMNS) {
                _mm256_storeu_ps(to, beta == 0 ? sum : _mm256_fmadd_ps(keep, _mm256_loadu_ps(to), sum));
            } else {
                float elements[8];
                _mm256_storeu_ps(elements, sum);
                for (size_t j = 0; j < 8 && half + j < width; j++) to[j] = beta == 0 ? elements[j] : beta * to[j] + elements[j];
            }
        }
    }
}

#define BLOCK(rows)                                                                                                              \
    TARGET static void block##rows(size_t width, size_t k, float alpha, const float *a, size_t down, size_t across,                  \
                                   const float *panel, size_t line, float beta, float *c, size_t stride) {                           \
        block(rows, width, k, alpha, a, down, across, panel, line, beta, c, stride);                                                 \
    }
BLOCK(1)
BLOCK(2)
BLOCK(3)
BLOCK(4)
BLOCK(5)
BLOCK(6)

static void (*const blocks[])(size_t, size_t, float, const float *, size_t, size_t, const float *, size_t, float, float *, size_t) = {
    block1, block2, block3, block4, block5, block6,
};

void lather_small_product(size_t m, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b, float beta,
                          float *c, size_t stride, int upper, float *scratch) {
    const int packs_left = a.transposed && a.stride > NEAR;
    const int packs_right = b.transposed || b.stride > NEAR || n % COLUMNS;
    float *bands = scratch + filled(n, COLUMNS) * k;
    if (packs_right) pack_right(n, k, b, scratch);
    if (packs_left) pack_left(m, k, a, bands);
    const size_t down = packs_left || a.transposed ? 1 : a.stride, across = packs_left ? ROWS : a.transposed ? a.stride : 1;
    const size_t line = packs_right ? COLUMNS : b.stride;
    for (size_t i = 0; i < m; i += ROWS) {
        const size_t rows = m - i < ROWS ? m - i : ROWS;
        const float *left = packs_left ? bands + i * k : a.elements + i * down;
        for (size_t j = upper ? i / COLUMNS * COLUMNS : 0; j < n; j += COLUMNS) {
            const size_t width = n - j < COLUMNS ? n - j : COLUMNS;
            const float *panel = packs_right ? scratch + j * k : b.elements + j;
            blocks[rows - 1](width, k, alpha, left, down, across, panel, line, beta, c + i * stride + j, stride);
        }
    }
}

#else

size_t lather_small_scratch(size_t m, size_t n, size_t k, int transposed_a) {
    (void)m, (void)n, (void)k, (void)transposed_a;
    return 0;
}

void lather_small_product(size_t m, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b, float beta,
                          float *c, size_t stride, int upper, float *scratch) {
    (void)m, (void)n, (void)k, (void)alpha, (void)a, (void)b, (void)beta, (void)c, (void)stride, (void)upper, (void)scratch;
}

#endif
