/* Includes LATHER_BODY for float and for double, and undefines what its includer has defined for one instruction set. */

#define REAL float
#define MOMENTS struct lather_moments_float
#define NAME FLOAT_NAME
#include LATHER_BODY
#undef REAL
#undef MOMENTS
#undef NAME

#define REAL double
#define MOMENTS struct lather_moments_double
#define NAME DOUBLE_NAME
#include LATHER_BODY
#undef REAL
#undef MOMENTS
#undef NAME

#undef TARGET
#undef LINE_BYTES
#undef FLOAT_NAME
#undef DOUBLE_NAME
