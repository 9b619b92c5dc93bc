#include "CKernels.h"

#include "tiles.h"

/* Along k a slice is packed at a time, so many tiles of all parts together. A panel of it is 48 KiB; panels come from the second-level
   cache, which is fast enough, and C is read and written once a slice. */
enum { SLICE_TILES = 48 };
/* So many columns of the right factor are used before the next rows of the left one, so that they stay in the second-level cache. */
enum { COLUMNS = 256 };
/* A block of C: two by two tiles, the most for which eight registers suffice. */
enum { BLOCK = 2 * TILE_ROWS, BLOCK_BYTES = BLOCK * BLOCK * sizeof(float) };

static size_t sliceDepth(int parts) { return SLICE_TILES / parts * TILE_DEPTH; }

size_t lather_amx_scratch(int parts, size_t m, size_t n, size_t k) {
    size_t depth = k < sliceDepth(parts) ? k : sliceDepth(parts);
    return BLOCK_BYTES + (lather_tiles(m, TILE_ROWS) + lather_tiles(n, TILE_ROWS)) * lather_panel_bytes(parts, depth);
}

#if LATHER_HAS_AMX

#include <immintrin.h>

/* The operand of LDTILECFG: eight registers of 16 rows of 64 bytes. */
LATHER_AMX static void configureTiles(void) {
    struct {
        uint8_t palette, startRow, reserved[14];
        uint16_t rowBytes[16];
        uint8_t rows[16];
    } configuration = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        configuration.rowBytes[i] = 64;
        configuration.rows[i] = TILE_ROWS;
    }
    _tile_loadconfig(&configuration);
}

/* Registers 0 to 3 sum up the block, 4 and 5 hold the left factor, 6 and 7 the right one. */
#define MULTIPLY_AND_ADD()                                      \
    do {                                                        \
        _tile_dpbf16ps(0, 4, 6);                                \
        if (columns == 2) _tile_dpbf16ps(1, 4, 7);              \
        if (rows == 2) _tile_dpbf16ps(2, 5, 6);                 \
        if (rows == 2 && columns == 2) _tile_dpbf16ps(3, 5, 7); \
    } while (0)

#define LOAD_LEFT(part)                                                        \
    do {                                                                       \
        _tile_loadd(4, left + (part) * TILE_BYTES, 64);                        \
        if (rows == 2) _tile_loadd(5, left + panel + (part) * TILE_BYTES, 64); \
    } while (0)

#define LOAD_RIGHT(part)                                                           \
    do {                                                                           \
        _tile_loadd(6, right + (part) * TILE_BYTES, 64);                           \
        if (columns == 2) _tile_loadd(7, right + panel + (part) * TILE_BYTES, 64); \
    } while (0)

/* The product of one or two panels with one or two panels, into 32 rows of 32 numbers. */
LATHER_AMX_INLINE void multiplyPanels(int parts, int rows, int columns, const char *left, const char *right, size_t panel, float *block) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    /* First what is small. */
    for (const char *end = left + panel; left < end; left += parts * TILE_BYTES, right += parts * TILE_BYTES) {
        LOAD_RIGHT(0);
        if (parts > 1) {
            LOAD_LEFT(parts - 1);
            MULTIPLY_AND_ADD();
        }
        if (parts == 3) {
            LOAD_LEFT(1);
            MULTIPLY_AND_ADD();
        }
        LOAD_LEFT(0);
        MULTIPLY_AND_ADD();
        if (parts > 1) {
            LOAD_RIGHT(parts - 1);
            MULTIPLY_AND_ADD();
        }
        if (parts == 3) {
            LOAD_RIGHT(1);
            MULTIPLY_AND_ADD();
            LOAD_LEFT(1);
            MULTIPLY_AND_ADD();
        }
    }
    _tile_stored(0, block, BLOCK * sizeof(float));
    if (columns == 2) _tile_stored(1, block + TILE_ROWS, BLOCK * sizeof(float));
    if (rows == 2) _tile_stored(2, block + TILE_ROWS * BLOCK, BLOCK * sizeof(float));
    if (rows == 2 && columns == 2) _tile_stored(3, block + TILE_ROWS * BLOCK + TILE_ROWS, BLOCK * sizeof(float));
}

LATHER_AMX static void multiplyBlock(int parts, int rows, int columns, const char *left, const char *right, size_t panel, float *block) {
    /* Each call with constants of its own, so that the compiler makes twelve loops without a branch. */
#define MULTIPLY(parts)                                                                \
    switch ((rows - 1) * 2 + columns - 1) {                                            \
    case 0: return multiplyPanels(parts, 1, 1, left, right, panel, block);             \
    case 1: return multiplyPanels(parts, 1, 2, left, right, panel, block);             \
    case 2: return multiplyPanels(parts, 2, 1, left, right, panel, block);             \
    default: return multiplyPanels(parts, 2, 2, left, right, panel, block);            \
    }
    if (parts == 1) MULTIPLY(1)
    if (parts == 2) MULTIPLY(2)
    MULTIPLY(3)
#undef MULTIPLY
}

LATHER_AMX static void addBlock(const float *block, size_t rows, size_t columns, float alpha, float beta, float *c, size_t stride) {
    const __m512 alphas = _mm512_set1_ps(alpha), betas = _mm512_set1_ps(beta);
    for (size_t i = 0; i < rows; i++, block += BLOCK, c += stride) {
        for (size_t j = 0; j < columns; j += 16) {
            __mmask16 lanes = columns - j >= 16 ? 0xffff : (__mmask16)((1u << (columns - j)) - 1);
            __m512 sum = _mm512_mul_ps(alphas, _mm512_load_ps(block + j));
            if (beta != 0) sum = _mm512_fmadd_ps(betas, _mm512_maskz_loadu_ps(lanes, c + j), sum);
            _mm512_mask_storeu_ps(c + j, lanes, sum);
        }
    }
}

/* Whether tiles are as good for these largest magnitudes as single precision would be.

   What tiles lose as denormal is below 2^-126: of a factor at most 2^-36 of its largest number, of a sum at most 2^-36 of the
   largest product. A sum of the 1,536 products of a slice stays below 2^120. Beside zeros, too, no number may become infinite. */
static int isInRange(uint32_t left, uint32_t right) {
    int l = (int)(left >> 23) - 127, r = (int)(right >> 23) - 127;
    if (l > 100 || r > 100) return 0;
    return left == 0 || right == 0 || (l >= -90 && r >= -90 && l + r >= -90 && l + r <= 100);
}

static struct lather_operand after(struct lather_operand operand, size_t rows, size_t columns) {
    operand.elements += operand.transposed ? columns * operand.stride + rows : rows * operand.stride + columns;
    return operand;
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

LATHER_AMX static size_t multiply(int parts, int upperOnly, size_t m, size_t n, size_t k, float alpha, struct lather_operand a,
                                  struct lather_operand b, float beta, float *c, size_t stride, char *scratch) {
    const size_t depth = smaller(k, sliceDepth(parts));
    char *left = scratch + BLOCK_BYTES, *right = left + lather_tiles(m, TILE_ROWS) * lather_panel_bytes(parts, depth);
    size_t done = 0;
    configureTiles();
    while (done < k) {
        const size_t slice = smaller(k - done, depth), panel = lather_panel_bytes(parts, slice);
        struct lather_operand from = after(a, 0, done), with = after(b, done, 0);
        uint32_t leftTop = lather_pack(LATHER_LEFT, parts, from.elements, from.stride, from.transposed, m, slice, left);
        uint32_t rightTop = lather_pack(LATHER_RIGHT, parts, with.elements, with.stride, !with.transposed, n, slice, right);
        if (!isInRange(leftTop, rightTop)) break;
        for (size_t first = 0; first < n; first += COLUMNS) {
            const size_t last = smaller(n, first + COLUMNS);
            for (size_t i = 0; i < (upperOnly ? last : m); i += BLOCK) {
                const size_t rows = smaller(m - i, BLOCK);
                for (size_t j = upperOnly && i > first ? i : first; j < last; j += BLOCK) {
                    const size_t columns = smaller(n - j, BLOCK);
                    multiplyBlock(parts, rows > TILE_ROWS ? 2 : 1, columns > TILE_ROWS ? 2 : 1, left + i / TILE_ROWS * panel,
                                  right + j / TILE_ROWS * panel, panel, (float *)scratch);
                    addBlock((float *)scratch, rows, columns, alpha, done == 0 ? beta : 1, c + i * stride + j, stride);
                }
            }
        }
        done += slice;
    }
    _tile_release();
    return done;
}

size_t lather_amx_product(int parts, size_t m, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b,
                          float beta, float *c, size_t stride, void *scratch) {
    return multiply(parts, 0, m, n, k, alpha, a, b, beta, c, stride, scratch);
}

size_t lather_amx_upper_product(int parts, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b, float beta,
                                float *c, size_t stride, void *scratch) {
    return multiply(parts, 1, n, n, k, alpha, a, b, beta, c, stride, scratch);
}

#else

size_t lather_amx_product(int parts, size_t m, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b,
                          float beta, float *c, size_t stride, void *scratch) {
    return 0;
}

size_t lather_amx_upper_product(int parts, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b, float beta,
                                float *c, size_t stride, void *scratch) {
    return 0;
}

#endif
