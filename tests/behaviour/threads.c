/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads: what each has for itself, and machine state. */
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/behaviour/behave.h"

#define N 8

static pthread_t t[N];
static volatile int go, counts[N], tids[N];
static _Thread_local int local = 11;
static _Thread_local char local_array[1000];

static void
start(void *(*fn)(void *), int n)
{
	for (intptr_t i = 0; i < n; i++)
		EXPECT(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
	idle(0.1);
}

static void
finish(int n)
{
	go = 1;
	for (int i = 0; i < n; i++) {
		void *r;

		EXPECT(pthread_join(t[i], &r) == 0);
		EQUAL((intptr_t)r, i);
	}
}

static void *
tls_thread(void *a)
{
	int i = (int)(intptr_t)a;

	local = 100 + i;
	memset(local_array, i, sizeof local_array);
	tids[i] = (int)syscall(SYS_gettid);
	while (!go)
		idle(0.005);
	EQUAL(local, 100 + i);
	EQUAL(local_array[999], i);
	EQUAL(syscall(SYS_gettid), tids[i]);
	return a;
}

static void
tls_setup(void)
{
	local = 50;
	start(tls_thread, N);
}

static void
tls_check(void)
{
	EQUAL(local, 50);
	finish(N);
	EXPECT(pthread_create(&t[0], NULL, tls_thread, NULL) == 0);
	EXPECT(pthread_join(t[0], NULL) == 0);
}

static void *
count_thread(void *a)
{
	while (!go) {
		counts[(intptr_t)a]++;
		sched_yield();
	}
	return a;
}

static void
count_setup(void)
{
	start(count_thread, N);
}

static void
count_check(void)
{
	int before[N];
	for (int i = 0; i < N; i++)
		before[i] = counts[i];
	idle(0.5);
	for (int i = 0; i < N; i++)
		EXPECT(counts[i] > before[i]);
	finish(N);
}

static void *
name_thread(void *a)
{
	char n[16], want[16];
	sprintf(want, "worker %d", (int)(intptr_t)a);
	prctl(PR_SET_NAME, want);
	while (!go)
		idle(0.005);
	prctl(PR_GET_NAME, n);
	EXPECT(strcmp(n, want) == 0);
	return a;
}

static void
name_setup(void)
{
	start(name_thread, 3);
}

static void
name_check(void)
{
	finish(3);
}

static void *
mask_thread(void *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1 + (int)(intptr_t)a * 2);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	while (!go)
		idle(0.005);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	EXPECT(sigismember(&set, SIGUSR1 + (int)(intptr_t)a * 2));
	EXPECT(!sigismember(&set, SIGTERM));
	return a;
}

static void
mask_setup(void)
{
	start(mask_thread, 2);
}

static void
mask_check(void)
{
	finish(2);
}

static pthread_mutex_t robust;
static void *
robust_thread(void *a)
{
	EXPECT(pthread_mutex_lock(&robust) == 0);
	while (!go)
		idle(0.005);
	return a;
} /* dies holding it */
static void
robust_setup(void)
{
	pthread_mutexattr_t m;
	pthread_mutexattr_init(&m);
	pthread_mutexattr_setrobust(&m, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &m);
	start(robust_thread, 1);
}

static void
robust_check(void)
{
	finish(1);
	EQUAL(pthread_mutex_lock(&robust), EOWNERDEAD);
}

static void *
stack_thread(void *a)
{
	volatile char big[200000];
	big[0] = 5;
	big[199999] = 6;
	while (!go)
		idle(0.005);
	EXPECT(big[0] == 5 && big[199999] == 6);
	return a;
}

static void
stack_setup(void)
{
	start(stack_thread, 2);
}

static void *
signal_stack_thread(void *a)
{
	stack_t s = { .ss_sp = malloc(40000), .ss_size = 40000 }, got;
	sigaltstack(&s, NULL);
	while (!go)
		idle(0.005);
	sigaltstack(NULL, &got);
	EXPECT(got.ss_sp == s.ss_sp && got.ss_size == 40000);
	return a;
}

static void
signal_stack_setup(void)
{
	start(signal_stack_thread, 2);
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static void *
barrier_thread(void *a)
{
	pthread_rwlock_rdlock(&rw);
	pthread_barrier_wait(&barrier);
	pthread_rwlock_unlock(&rw);
	return a;
}

static void
barrier_setup(void)
{
	pthread_barrier_init(&barrier, NULL, 4);
	start(barrier_thread, 3);
}

static void
barrier_check(void)
{
	pthread_barrier_wait(&barrier);
	finish(3);
	EXPECT(pthread_rwlock_wrlock(&rw) == 0);
}

static pthread_key_t key;
static void *
key_thread(void *a)
{
	pthread_setspecific(key, a);
	while (!go)
		idle(0.005);
	EXPECT(pthread_getspecific(key) == a);
	return a;
}

static void
key_setup(void)
{
	pthread_key_create(&key, NULL);
	start(key_thread, 3);
}

/* The first thread has exited; the process lives on in another. */
static pthread_t first;
static void *
survivor(void *a)
{
	sigset_t set;
	int sig;

	pthread_join(first, NULL);
	puts("ready");
	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	sigwait(&set, &sig);
	puts("PASS");
	fflush(stdout);
	_exit(0);
	return a;
}

static void
leader_setup(void)
{
	first = pthread_self();
	EXPECT(pthread_create(&t[0], NULL, survivor, NULL) == 0);
	pthread_exit(NULL);
}

static void
leader_check(void)
{
}

static volatile double sums[3];
static volatile int rounds;
static void *
float_thread(void *a)
{
	double x = 1, y = 3;
	long double l = 1;

	while (!go) {
		for (int i = 0; i < 1000; i++) {
			x = x * 1.0000001 + 0.5 / y;
			l = l * 0.9999999L + 1;
		}
		rounds++;
	}
	sums[(intptr_t)a] = x + (double)l;
	EXPECT(x == x && l == l && x > 1 && l > 1);
	return a;
}

static void
float_setup(void)
{
	start(float_thread, 2);
}

static void
float_check(void)
{
	int before = rounds;
	idle(0.2);
	EXPECT(rounds > before);
	finish(2);
}

/* Values live in x87 and SSE registers across the dump, in a loop without calls. */
static volatile int failed;
__attribute__((target("sse2"))) static void *
registers_thread(void *a)
{
	double want[4] = { 1.25, 2.5, 3.75, 5.0 };
	long double st = 12345.678L;

	__asm__ volatile(
	    "movsd (%1), %%xmm3\n\tmovsd 8(%1), %%xmm4\n\tmovsd 16(%1), %%xmm5\n\tmovsd 24(%1), %%xmm6\n\t"
	    "fldt (%2)\n\t"
	    "1: pause\n\t cmpl $0, %0\n\t je 1b\n\t"
	    "fstpt (%2)\n\t"
	    "movsd %%xmm3, (%1)\n\tmovsd %%xmm4, 8(%1)\n\tmovsd %%xmm5, 16(%1)\n\tmovsd %%xmm6, 24(%1)\n\t"
	    : "+m"(go)
	    : "r"(want), "r"(&st)
	    : "xmm3", "xmm4", "xmm5", "xmm6", "st", "memory", "cc");
	if (want[0] != 1.25 || want[1] != 2.5 || want[2] != 3.75 || want[3] != 5.0 || st != 12345.678L)
		failed = 1;
	return a;
}

static void
registers_setup(void)
{
	start(registers_thread, 1);
}

static void
registers_check(void)
{
	finish(1);
	EQUAL(failed, 0);
}

__attribute__((target("avx"))) static void *
avx_thread(void *a)
{
	uint64_t v[4] = { 0x1111111111111111, 0x2222222222222222, 0x3333333333333333, 0x4444444444444444 };

	__asm__ volatile(
	    "vmovdqu (%1), %%ymm5\n\t1: pause\n\tcmpl $0, %0\n\tje 1b\n\tvmovdqu %%ymm5, (%1)\n\tvzeroupper"
	    : "+m"(go)
	    : "r"(v)
	    : "xmm5", "memory", "cc");
	if (v[0] != 0x1111111111111111 || v[3] != 0x4444444444444444)
		failed = 1;
	return a;
}

static void
avx_setup(void)
{
	if (__builtin_cpu_supports("avx"))
		start(avx_thread, 1);
}

static void
avx_check(void)
{
	if (__builtin_cpu_supports("avx"))
		finish(1);
	EQUAL(failed, 0);
}

static void
rounding_setup(void)
{
	fesetround(FE_UPWARD);
	feraiseexcept(FE_INEXACT);
}

static void
rounding_check(void)
{
	EQUAL(fegetround(), FE_UPWARD);
	EXPECT(fetestexcept(FE_INEXACT));
}

static void *
many_thread(void *a)
{
	while (!go)
		idle(0.05);
	return a;
}

static pthread_t many[300];
static void
many_setup(void)
{
	pthread_attr_t at;
	pthread_attr_init(&at);
	pthread_attr_setstacksize(&at, 65536);
	for (int i = 0; i < 300; i++)
		EXPECT(pthread_create(&many[i], &at, many_thread, NULL) == 0);
	idle(0.1);
}

static void
many_check(void)
{
	go = 1;
	for (int i = 0; i < 300; i++)
		EXPECT(pthread_join(many[i], NULL) == 0);
}

static volatile uint64_t rseq_cpu;
static void
rseq_setup(void)
{
	rseq_cpu = (uint64_t)sched_getcpu();
}

static void
rseq_check(void)
{
	int c = sched_getcpu();
	unsigned k;
	EXPECT(syscall(SYS_getcpu, &k, NULL, NULL) == 0);
	EXPECT(c >= 0 && c < 4096);
}

static void *
nice_thread(void *a)
{
	struct sched_param p = { 0 };
	if (a != NULL)
		sched_setscheduler(0, SCHED_BATCH, &p);
	while (!go)
		idle(0.005);
	EQUAL(sched_getscheduler(0), a != NULL ? SCHED_BATCH : SCHED_OTHER);
	return a;
}

static void
nice_setup(void)
{
	start(nice_thread, 2);
}

const struct behaviour threads[] = {
	{ "thread_local_storage", tls_setup, tls_check },
	{ "thread_counting", count_setup, count_check },
	{ "thread_names", name_setup, name_check },
	{ "thread_masks", mask_setup, mask_check },
	{ "thread_robust_mutex", robust_setup, robust_check },
	{ "thread_large_stacks", stack_setup, mask_check },
	{ "thread_signal_stacks", signal_stack_setup, mask_check },
	{ "thread_barrier_rwlock", barrier_setup, barrier_check },
	{ "thread_specific_data", key_setup, name_check },
	{ "thread_leader_exited", leader_setup, leader_check },
	{ "thread_floating_point", float_setup, float_check },
	{ "thread_fpu_registers", registers_setup, registers_check },
	{ "thread_avx_registers", avx_setup, avx_check },
	{ "thread_rounding_mode", rounding_setup, rounding_check },
	{ "thread_300", many_setup, many_check },
	{ "thread_rseq", rseq_setup, rseq_check },
	{ "thread_scheduling", nice_setup, mask_check },
	{ NULL, NULL, NULL },
};
