/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocations that fail when they are told to.  For programs linked with
 * --wrap of malloc, calloc and realloc (module.mk).
 */
#ifndef TESTS_LIBSNAP_FAILING_ALLOC_H
#define TESTS_LIBSNAP_FAILING_ALLOC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long countdown;		/* 0: never fail */
static size_t asked;			/* bytes, freed ones too */

static bool
fails(size_t n)
{
	bool now;

	pthread_mutex_lock(&lock);
	now = countdown > 0 && --countdown == 0;
	asked += n;
	pthread_mutex_unlock(&lock);
	return now;
}

void *
__wrap_malloc(size_t n)
{
	return fails(n) ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails(n * size) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails(n) ? NULL : __real_realloc(p, n);
}

#endif
