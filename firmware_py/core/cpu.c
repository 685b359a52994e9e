/* Which vectors this x86-64 processor has, asked of the processor: __builtin_cpu_supports() asks a variable of the
 * compiler's library, which zig's never fills in, so that it always says no. */
#include "core.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>

/* Registers that the system saves when it changes between programs. */
static uint32_t saved_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

int cpu_vectors(void) {
    const uint32_t avx = bit_OSXSAVE | bit_AVX | bit_FMA;
    const uint32_t wide = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & avx) != avx) return 0;
    const uint32_t saved = saved_registers();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2) || (saved & 0x06) != 0x06) return 0;
    if ((b & wide) != wide || (saved & 0xE6) != 0xE6) return 1;
    return c & bit_AVX512VNNI ? 3 : 2;
}
#endif
