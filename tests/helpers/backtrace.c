/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that stand still in functions of known names, for a debugger to
 * find: outer() calls middle() calls innermost(), with numbers one apart.
 * Prints "ready" when all of them stand there.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS	4

static atomic_int waiting;
__thread int of_this_thread;
int initialised = 12345;
int *allocated;
char *shared;

static void __attribute__((noinline))
innermost(int n)
{
	volatile int here = n * 3;

	of_this_thread = n;
	atomic_fetch_add(&waiting, 1);
	for (;;) {
		pause();
		here++;
	}
}

static void __attribute__((noinline))
middle(int n)
{
	innermost(n + 1);
	__asm__ volatile("");	/* no tail call */
}

static void *__attribute__((noinline))
outer(void *arg)
{
	middle((int)(long)arg);
	__asm__ volatile("");
	return NULL;
}

int
main(void)
{
	pthread_t t;

	shared = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	allocated = calloc(1 << 22, sizeof *allocated);
	if (shared == MAP_FAILED || allocated == NULL)
		return 1;
	strcpy(shared + 70000, "shared memory");
	allocated[1 << 21] = 67890;
	for (long i = 1; i <= THREADS; i++)
		if (pthread_create(&t, NULL, outer, (void *)(i * 100)) != 0)
			return 1;
	while (atomic_load(&waiting) < THREADS)
		usleep(1000);
	puts("ready");
	fflush(stdout);
	outer((void *)900);
	return 0;
}
