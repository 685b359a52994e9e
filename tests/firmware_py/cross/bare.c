/* What a Cortex-M4 or M7 needs before main(): vectors, the floating-point unit, variables; and a voice: semihosting. */
#include <stddef.h>
#include <stdint.h>

int main(void);
void say(const char *text);
void reset(void);

extern uint32_t data_from[], data_start[], data_end[], bss_start[], bss_end[], stack_top[]; /* mps2.ld */

static int semihosting(int operation, const void *argument) {
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void say(const char *text) { semihosting(4, text); } /* SYS_WRITE0 */

/* SYS_EXIT: "application exit" is code 0, anything else 1. A fault comes here, too. */
static void leave(int code) {
    for (;;) semihosting(0x18, (const void *)(uintptr_t)(code == 0 ? 0x20026u : 0x20024u));
}

static void fault(void) { leave(1); }

void reset(void) {
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: full access to the floating-point unit */
    __asm__ volatile("dsb\n\tisb");
    for (uint32_t *to = data_start, *from = data_from; to < data_end;) *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
    leave(main());
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    stack_top, (const void *)reset, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault,
};
