/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	vector [live]
 *
 * Waits for ever; live: with values in the high halves of vector registers.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* pause(2) by itself, since any C code may empty the registers. */
#ifdef __x86_64__
#define PAUSE	"mov $34, %%eax\n\tsyscall\n\t"
#else
#define PAUSE	"mov $29, %%eax\n\tint $0x80\n\t"
#endif

static void
wait_with_values(void)
{
	static const uint8_t values[32] = "thirty-two bytes for a register";

	__asm__ volatile("vmovdqu %0, %%ymm1\n1:\t" PAUSE "jmp 1b" : : "m"(values) : "memory", "cc");
}

int
main(int argc, char **argv)
{
	puts("ready");
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "live") == 0)
		wait_with_values();
	for (;;)
		pause();
}
