/* The bodies of the passes over memory for one type and one instruction set. The includer defines REAL, TARGET, MOMENTS and NAME.

   A vector is a cache line. Numbers at the end that do not fill one are done in the same way on a copy. */

typedef REAL NAME(Line) __attribute__((vector_size(64), aligned(sizeof(REAL))));
typedef double NAME(Wide) __attribute__((vector_size(64 / sizeof(REAL) * sizeof(double)), aligned(sizeof(double))));
#define LINE NAME(Line)
#define WIDE NAME(Wide)
#define LANES ((size_t)(sizeof(LINE) / sizeof(REAL)))
#define WIDENED(line) __builtin_convertvector(line, WIDE)

TARGET static inline __attribute__((always_inline)) void NAME(adamLine)(const MOMENTS *o, const LINE *from, LINE *m, LINE *v, LINE *to) {
    const LINE g = *from, limit = (LINE){0} + o->limit;
    *m = o->keep1 * *m + o->take1 * g;
    *v = o->keep2 * *v + o->take2 * (g * g);
    const LINE numerator = o->moment_factor * *m + o->gradient_factor * g;
    const LINE quotient = numerator / (o->root_factor * __builtin_elementwise_sqrt(*v) + o->epsilon);
    *to = __builtin_elementwise_min(__builtin_elementwise_max(quotient, -limit), limit);
}

TARGET static void NAME(adam)(const MOMENTS *options, size_t count, const REAL *gradient, REAL *first, REAL *second, REAL *direction) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        NAME(adamLine)(options, (const LINE *)(gradient + i), (LINE *)(first + i), (LINE *)(second + i), (LINE *)(direction + i));
    if (i < count) {
        const size_t bytes = (count - i) * sizeof(REAL);
        LINE g = {0}, m = {0}, v = {0};
        memcpy(&g, gradient + i, bytes);
        memcpy(&m, first + i, bytes);
        memcpy(&v, second + i, bytes);
        NAME(adamLine)(options, &g, &m, &v, &g);
        memcpy(first + i, &m, bytes);
        memcpy(second + i, &v, bytes);
        memcpy(direction + i, &g, bytes);
    }
}

TARGET static double NAME(squares)(size_t count, const REAL *values) {
    WIDE sums[2] = {{0}, {0}};
    size_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES) {
        const WIDE one = WIDENED(*(const LINE *)(values + i)), other = WIDENED(*(const LINE *)(values + i + LANES));
        sums[0] += one * one;
        sums[1] += other * other;
    }
    for (; i < count; i++) sums[0][i % LANES] += (double)values[i] * values[i];
    sums[0] += sums[1];
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++) sum += sums[0][lane];
    return sum;
}

TARGET static void NAME(columnDots)(size_t rows, size_t columns, const REAL *a, const REAL *b, double *dots) {
    enum { BLOCK = 8 };
    memset(dots, 0, columns * sizeof(double));
    for (size_t first = 0; first < rows; first += BLOCK) {
        const size_t last = first + BLOCK < rows ? first + BLOCK : rows;
        size_t j = 0;
        for (; j + LANES <= columns; j += LANES) {
            WIDE sum = *(WIDE *)(dots + j);
            for (size_t i = first; i < last; i++)
                sum += WIDENED(*(const LINE *)(a + i * columns + j)) * WIDENED(*(const LINE *)(b + i * columns + j));
            *(WIDE *)(dots + j) = sum;
        }
        for (; j < columns; j++)
            for (size_t i = first; i < last; i++) dots[j] += (double)a[i * columns + j] * b[i * columns + j];
    }
}

#undef LINE
#undef WIDE
#undef LANES
#undef WIDENED
