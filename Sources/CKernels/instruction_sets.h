/* Includes LATHER_BODY for float and double and each instruction set, so that its functions are called nameFloat128, nameFloat256,
   nameFloat512 and likewise for double. LATHER_CHOOSE(name, type, bits) is the one for the width of vectors. */

#define LATHER_JOIN(a, b) a##b

#define TARGET
#define LINE_BYTES 32
#define FLOAT_NAME(what) LATHER_JOIN(what, Float128)
#define DOUBLE_NAME(what) LATHER_JOIN(what, Double128)
#include "both_types.h"

#if defined(__x86_64__)

#define TARGET __attribute__((target("avx2,fma")))
#define LINE_BYTES 32
#define FLOAT_NAME(what) LATHER_JOIN(what, Float256)
#define DOUBLE_NAME(what) LATHER_JOIN(what, Double256)
#include "both_types.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define LINE_BYTES 64
#define FLOAT_NAME(what) LATHER_JOIN(what, Float512)
#define DOUBLE_NAME(what) LATHER_JOIN(what, Double512)
#include "both_types.h"

#define LATHER_CHOOSE(name, type, bits) ((bits) == 512 ? name##type##512 : (bits) == 256 ? name##type##256 : name##type##128)

#else

#define LATHER_CHOOSE(name, type, bits) name##type##128

#endif
