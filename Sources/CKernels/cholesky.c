#include <math.h>
#include <string.h>

#include "CKernels.h"

#define LATHER_BODY "cholesky_body.h"
#include "instruction_sets.h"

size_t lather_cholesky_block_float(int bits, size_t n, float *matrix, size_t stride, float least, float *inverse) {
    return LATHER_CHOOSE(factor, Float, bits)(n, matrix, stride, least, inverse);
}

size_t lather_cholesky_block_double(int bits, size_t n, double *matrix, size_t stride, double least, double *inverse) {
    return LATHER_CHOOSE(factor, Double, bits)(n, matrix, stride, least, inverse);
}
