#include <string.h>

#include "CKernels.h"

#define LATHER_BODY "passes_body.h"
#include "instruction_sets.h"

void lather_adam_float(int bits, const struct lather_moments_float *options, size_t count, const float *gradient, float *first,
                       float *second, float *direction) {
    LATHER_CHOOSE(adam, Float, bits)(options, count, gradient, first, second, direction);
}

void lather_adam_double(int bits, const struct lather_moments_double *options, size_t count, const double *gradient, double *first,
                        double *second, double *direction) {
    LATHER_CHOOSE(adam, Double, bits)(options, count, gradient, first, second, direction);
}

double lather_squares_float(int bits, size_t count, const float *values) { return LATHER_CHOOSE(squares, Float, bits)(count, values); }

double lather_squares_double(int bits, size_t count, const double *values) { return LATHER_CHOOSE(squares, Double, bits)(count, values); }

void lather_column_dots_float(int bits, size_t rows, size_t columns, const float *a, const float *b, double *dots) {
    LATHER_CHOOSE(columnDots, Float, bits)(rows, columns, a, b, dots);
}

void lather_column_dots_double(int bits, size_t rows, size_t columns, const double *a, const double *b, double *dots) {
    LATHER_CHOOSE(columnDots, Double, bits)(rows, columns, a, b, dots);
}

void lather_gather_float(size_t rows, size_t columns, const float *from, const ptrdiff_t *order, float *to) {
    for (size_t i = 0; i < rows; i++, from += columns, to += columns)
        for (size_t j = 0; j < columns; j++) to[j] = from[order[j]];
}

void lather_gather_double(size_t rows, size_t columns, const double *from, const ptrdiff_t *order, double *to) {
    for (size_t i = 0; i < rows; i++, from += columns, to += columns)
        for (size_t j = 0; j < columns; j++) to[j] = from[order[j]];
}
