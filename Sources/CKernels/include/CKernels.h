#ifndef LATHER_CKERNELS_H
#define LATHER_CKERNELS_H

/* Products of single-precision matrices by tiles of bfloat16 (Intel AMX). Docs/performance.md says how fast they are.

   A number x is split while it is packed into x = hi + lo + rest, where hi is x rounded to bfloat16 and lo what is left of it
   rounded to bfloat16: |lo| <= 2^-8 |x| and |rest| <= 2^-17 |x|. With two parts a product of numbers is hi*hi + hi*lo + lo*hi,
   with one part hi*hi; sums are in single precision.

   Nothing here is compiled for one CPU only: functions that need more than the baseline say so, and are called only after
   lather_amx_request has returned 1. A call uses the thread that makes it. Its result depends on the numbers and the shape,
   not on addresses, other threads or other calls. */

#include <stddef.h>

/* Whether CPU and system have AMX with bfloat16, and AVX-512 to pack for it; asks the system to let this process use it.
   Returns 1 or 0, at each call the same. */
int lather_amx_request(void);

/* How many bytes of scratch memory, aligned to 64, a product of an m×k matrix with a k×n one takes. */
size_t lather_amx_scratch(int parts, size_t m, size_t n, size_t k);

/* A row-major matrix as it is, or transposed; stride is the distance between its rows as they are stored. */
struct lather_operand {
    const float *elements;
    size_t stride;
    int transposed;
};

/* C (m×n) <- alpha A B + beta C with A m×k and B k×n; C is not read if beta is 0.

   Tiles treat denormal numbers as zero, and numbers near the end of the range become infinite when they are rounded. So A and
   B are taken in slices of k, and a slice with a number that is not finite, or whose largest numbers are far from 1, is
   neither used nor any after it. Returns how many of the k terms are done; if fewer than k, the caller adds the others to C
   (with its own beta if none are). */
size_t lather_amx_product(int parts, size_t m, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b,
                          float beta, float *c, size_t stride, void *scratch);

/* The upper triangle of C (n×n) <- alpha A A' + beta C with A n×k; what it leaves below the diagonal has no meaning. Returns what
   lather_amx_product does. */
size_t lather_amx_gram(int parts, size_t n, size_t k, float alpha, struct lather_operand a, float beta, float *c, size_t stride,
                       void *scratch);

#endif
