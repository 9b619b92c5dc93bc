#ifndef LATHER_TILES_H
#define LATHER_TILES_H

/* How matrices lie in memory between packing and multiplying.

   A tile is 16 rows of 64 bytes. For the left factor a row is 32 numbers along k; for the right one it is 16 columns of two
   numbers along k. 16 rows of the left factor, or 16 columns of the right one, are a panel: for each 32 numbers along k a tile
   of each part. */

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__linux__)
#define LATHER_HAS_AMX 1
#define LATHER_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")))
#define LATHER_AMX_INLINE LATHER_AMX static inline __attribute__((always_inline))
#endif

enum {
    TILE_ROWS = 16,
    TILE_DEPTH = 32,
    TILE_BYTES = 1024,
};

static inline size_t lather_tiles(size_t count, size_t size) { return (count + size - 1) / size; }

/* Bytes of a panel of the given depth. */
static inline size_t lather_panel_bytes(int parts, size_t depth) { return lather_tiles(depth, TILE_DEPTH) * parts * TILE_BYTES; }

enum lather_side { LATHER_LEFT, LATHER_RIGHT };

/* Packs the panels of one factor, filled up with zeros.

   count: its rows if it is the left one, its columns if it is the right one.
   acrossDepth: whether k runs over the stored rows.
   Returns the bits of its largest magnitude; those of NaN are larger than those of infinity. */
uint32_t lather_pack(enum lather_side side, int parts, const float *from, size_t stride, int acrossDepth, size_t count, size_t depth,
                     char *to);

#endif
