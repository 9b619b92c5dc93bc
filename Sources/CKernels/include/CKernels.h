#ifndef LATHER_CKERNELS_H
#define LATHER_CKERNELS_H

/* Products of single-precision matrices, by tiles of bfloat16 (Intel AMX), or small ones by AVX2; Cholesky's factors of small matrices;
   and what has to be done element by element. Docs/performance.md says how fast they are.

   For tiles a number is split while it is packed into parts, each what the parts before it leave of x, rounded to bfloat16.
   |x2| <= 2^-8 |x|, |x3| <= 2^-17 |x|, and x1 + x2 + x3 is x itself, but for parts below 2^-126, which tiles take for zero. With one part a product of numbers is x1*y1; with two parts x1*y1 + x1*y2 + x2*y1,
   exact to 2^-15; with three also x1*y3 + x3*y1 + x2*y2, exact to 2^-24, as single precision is. Sums are in single precision.

   Nothing here is compiled for one CPU only: functions that need more than the baseline say so, and are used only where
   lather_amx_request or lather_vector_bits allows it. A call uses the thread that makes it. Its result depends on the numbers and
   the shape, not on addresses, other threads or other calls. */

#include <stddef.h>

/* The widest vectors, in bits, that CPU and system have of those that kernels here are made for: 512 (AVX-512), 256 (AVX2 with FMA)
   or 128 (what every CPU has). */
int lather_vector_bits(void);

/* The largest matrix of lather_cholesky_block. */
enum { LATHER_CHOLESKY_BLOCK = 64 };

/* Replaces the upper triangle of a symmetric n×n matrix S, n <= LATHER_CHOLESKY_BLOCK, by R with S = R'R, what is below it by
   zeros, and makes the inverse of R, with rows of LATHER_CHOLESKY_BLOCK numbers.

   A pivot that is not above `least` is null: its row of R is zero but for the root of `least` on the diagonal, and its column of
   the inverse is zero if `least` is above zero; otherwise the inverse has no meaning then. Returns how many there were: none if and
   only if S is safely positive definite.
   bits: the width of the vectors to use, at most lather_vector_bits(). */
size_t lather_cholesky_block_float(int bits, size_t n, float *matrix, size_t stride, float least, float *inverse);
size_t lather_cholesky_block_double(int bits, size_t n, double *matrix, size_t stride, double least, double *inverse);

/* One step of Adam, element by element: the moving averages m and v of g and g², and

       direction = (moment_factor m + gradient_factor g) / (root_factor √v + epsilon), clamped to ±limit.

   direction may be the gradient's own memory. */
struct lather_moments_float {
    float keep1, take1, keep2, take2, moment_factor, gradient_factor, root_factor, epsilon, limit;
};
struct lather_moments_double {
    double keep1, take1, keep2, take2, moment_factor, gradient_factor, root_factor, epsilon, limit;
};
void lather_adam_float(int bits, const struct lather_moments_float *options, size_t count, const float *gradient, float *first,
                       float *second, float *direction);
void lather_adam_double(int bits, const struct lather_moments_double *options, size_t count, const double *gradient, double *first,
                        double *second, double *direction);

/* The sum of squares, in double precision. */
double lather_squares_float(int bits, size_t count, const float *values);
double lather_squares_double(int bits, size_t count, const double *values);

/* The dot products of the columns of A with those of B, row-major both, in double precision. */
void lather_column_dots_float(int bits, size_t rows, size_t columns, const float *a, const float *b, double *dots);
void lather_column_dots_double(int bits, size_t rows, size_t columns, const double *a, const double *b, double *dots);

/* Column j of `to` is column order[j] of `from`, row-major both. */
void lather_gather_float(size_t rows, size_t columns, const float *from, const ptrdiff_t *order, float *to);
void lather_gather_double(size_t rows, size_t columns, const double *from, const ptrdiff_t *order, double *to);

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

/* The same, but only the upper triangle of C (n×n); what it leaves below the diagonal has no meaning. */
size_t lather_amx_upper_product(int parts, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b, float beta,
                                float *c, size_t stride, void *scratch);

/* How many numbers of scratch memory a small product takes. */
size_t lather_small_scratch(size_t m, size_t n, size_t k, int transposed_a);

/* C (m×n) <- alpha A B + beta C in single precision, with A m×k and B k×n; C is not read if beta is 0. With `upper`, m = n, and what
   it leaves below the diagonal of C has no meaning. For AVX2 with FMA, and made for a B of a few thousand
   numbers. */
void lather_small_product(size_t m, size_t n, size_t k, float alpha, struct lather_operand a, struct lather_operand b, float beta,
                          float *c, size_t stride, int upper, float *scratch);

#endif
