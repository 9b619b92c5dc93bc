/* The body of lather_cholesky_block for one type and one instruction set. The includer defines REAL, TARGET, NAME
   and LINE_BYTES.

   Everything is done by square tiles, whose rows are of LINE_BYTES bytes each, so that a tile is no more than AVX's registers. A tile
   on the diagonal is computed whole; what is below its diagonal means nothing and is neither read nor written back. The matrix is filled up to
   whole tiles with those of the identity. */

typedef REAL NAME(Line) __attribute__((vector_size(LINE_BYTES), aligned(sizeof(REAL))));
#define LINE NAME(Line)
#define SIDE ((size_t)(sizeof(LINE) / sizeof(REAL)))
#define WIDTH LATHER_CHOLESKY_BLOCK
#define UNROLL _Pragma("clang loop unroll(full)")

/* Tile -= or += A'·B over `depth` rows, or with A as it is: element (i, k) of A' is at a[k * down + i * across]. */
TARGET static inline __attribute__((always_inline)) void NAME(subtract)(LINE *tile, const REAL *a, size_t down, size_t across,
                                                                        const REAL *b, size_t depth) {
    for (size_t k = 0; k < depth; k++) {
        const LINE row = *(const LINE *)(b + k * WIDTH);
        UNROLL for (size_t i = 0; i < SIDE; i++) tile[i] -= a[k * down + i * across] * row;
    }
}

/* A tile on the diagonal: R, and its inverse. Returns how many pivots are null. */
TARGET static inline __attribute__((always_inline)) size_t NAME(factorTile)(LINE *tile, REAL least, REAL *r, REAL *inverse) {
    size_t nulls = 0;
    REAL unit[SIDE];
    UNROLL for (size_t j = 0; j < SIDE; j++) {
        *(LINE *)(r + j * WIDTH) = tile[j];
        const REAL pivot = r[j * WIDTH + j];
        unit[j] = pivot > least;
        if (unit[j] == 0) {
            *(LINE *)(r + j * WIDTH) = (LINE){0};
            r[j * WIDTH + j] = (REAL)sqrt(least);
            nulls++;
        } else {
            const LINE row = tile[j] * (1 / (REAL)sqrt(pivot));
            *(LINE *)(r + j * WIDTH) = row;
            UNROLL for (size_t i = j + 1; i < SIDE; i++) tile[i] -= r[j * WIDTH + i] * row;
        }
    }
    /* Row i of R·X = 1, from the last one up: X_i = (1_i - sum of R_ik X_k over k > i) / R_ii. */
    UNROLL for (size_t i = SIDE; i-- > 0;) {
        LINE row = {0};
        row[i] = unit[i];
        UNROLL for (size_t k = i + 1; k < SIDE; k++) row -= r[i * WIDTH + k] * tile[k];
        tile[i] = row * (1 / r[i * WIDTH + i]);
    }
    UNROLL for (size_t i = 0; i < SIDE; i++) *(LINE *)(inverse + i * WIDTH) = tile[i];
    return nulls;
}

TARGET static size_t NAME(factor)(size_t n, REAL *matrix, size_t stride, REAL least, REAL *inverse) {
    REAL r[WIDTH * WIDTH] __attribute__((aligned(64)));
    const size_t filled = (n + SIDE - 1) / SIDE * SIDE;
    size_t nulls = 0;
    memset(inverse, 0, sizeof r);
    for (size_t i = 0; i < filled; i++) {
        memset(r + i * WIDTH, 0, filled * sizeof(REAL));
        if (i < n)
            memcpy(r + i * WIDTH + i, matrix + i * stride + i, (n - i) * sizeof(REAL));
        else
            r[i * WIDTH + i] = 2 * (least + 1);
    }
    for (size_t first = 0; first < filled; first += SIDE) {
        REAL *const above = r + first * WIDTH;
        for (size_t j = first; j < filled; j += SIDE) {
            LINE tile[SIDE];
            UNROLL for (size_t i = 0; i < SIDE; i++) tile[i] = (LINE){0};
            NAME(subtract)(tile, r + first, WIDTH, 1, r + j, first);
            /* Only now, so that a large number is not rounded for each small one. */
            UNROLL for (size_t i = 0; i < SIDE; i++) tile[i] += *(LINE *)(above + i * WIDTH + j);
            if (j == first) {
                nulls += NAME(factorTile)(tile, least, above + j, inverse + first * WIDTH + j);
                continue;
            }
            UNROLL for (size_t i = 0; i < SIDE; i++) {
                *(LINE *)(above + i * WIDTH + j) = -tile[i];
                tile[i] = (LINE){0};
            }
            NAME(subtract)(tile, inverse + first * WIDTH + first, WIDTH, 1, above + j, SIDE);
            UNROLL for (size_t i = 0; i < SIDE; i++) *(LINE *)(above + i * WIDTH + j) = tile[i];
        }
    }
    /* Off the diagonal the inverse X of R is X_ij = -X_ii · sum of R_ik X_kj over the tiles k from i + 1 to j. */
    for (size_t first = filled; first >= SIDE; first -= SIDE) {
        const size_t i0 = first - SIDE;
        for (size_t j = first; j < filled; j += SIDE) {
            LINE tile[SIDE];
            REAL sum[SIDE * WIDTH] __attribute__((aligned(64)));
            UNROLL for (size_t i = 0; i < SIDE; i++) tile[i] = (LINE){0};
            NAME(subtract)(tile, r + i0 * WIDTH + first, 1, WIDTH, inverse + first * WIDTH + j, j + SIDE - first);
            UNROLL for (size_t i = 0; i < SIDE; i++) {
                *(LINE *)(sum + i * WIDTH) = -tile[i];
                tile[i] = (LINE){0};
            }
            NAME(subtract)(tile, inverse + i0 * WIDTH + i0, 1, WIDTH, sum, SIDE);
            UNROLL for (size_t i = 0; i < SIDE; i++) *(LINE *)(inverse + (i0 + i) * WIDTH + j) = tile[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        memset(matrix + i * stride, 0, i * sizeof(REAL));
        memcpy(matrix + i * stride + i, r + i * WIDTH + i, (n - i) * sizeof(REAL));
    }
    return nulls;
}

#undef LINE
#undef SIDE
#undef WIDTH
#undef UNROLL
