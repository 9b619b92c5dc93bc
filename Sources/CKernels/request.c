#include "CKernels.h"

#include "tiles.h"

#if LATHER_HAS_AMX

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux gives a process the registers of tiles, 8 KiB a thread, only if it asks (Documentation/arch/x86/xstate.rst). */
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

__attribute__((target("xsave"))) static uint64_t enabledRegisters(void) { return _xgetbv(0); }

/* Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID, and volume 1, 13.3. */
int lather_amx_request(void) {
    const unsigned osxsave = 1u << 27;
    const unsigned avx512fDqBwVl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    const unsigned amxBf16Tile = 1u << 22 | 1u << 24;
    const unsigned avx512bf16 = 1u << 5;
    const uint64_t sseAvxAvx512Tiles = 0x6 | 0xe0 | 0x60000;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & osxsave)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if ((b & avx512fDqBwVl) != avx512fDqBwVl || (d & amxBf16Tile) != amxBf16Tile) return 0;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & avx512bf16)) return 0;
    if ((enabledRegisters() & sseAvxAvx512Tiles) != sseAvxAvx512Tiles) return 0;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

#else

int lather_amx_request(void) { return 0; }

#endif

int lather_vector_bits(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return 512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 256;
#endif
    return 128;
}
