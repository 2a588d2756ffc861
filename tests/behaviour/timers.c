/* SPDX-License-Identifier: BSD-2-Clause */
/* Interval timers, POSIX timers, alarm. */
#include <sys/syscall.h>
#include <sys/time.h>

#include "tests/behaviour/behave.h"

static volatile sig_atomic_t alarms, value;
static double begun;

static void
on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void
on_info(int sig, siginfo_t *info, void *c)
{
	(void)sig, (void)c;
	alarms++;
	value = info->si_value.sival_int;
}

/* An alarm set before the dump: it comes, and not too early. */
static void
alarm_setup(void)
{
	signal(SIGALRM, on_alarm);
	begun = now();
	alarm(3);
}

static void
alarm_check(void)
{
	while (alarms == 0 && now() - begun < 30)
		idle(0.01);
	EQUAL(alarms, 1);
}

static void
itimer(int which, int sig, long first_ms, long interval_ms)
{
	struct itimerval v = { { interval_ms / 1000, interval_ms % 1000 * 1000 },
		{ first_ms / 1000, first_ms % 1000 * 1000 } };

	signal(sig, on_alarm);
	EXPECT(setitimer(which, &v, NULL) == 0);
}

static void
real_setup(void)
{
	itimer(ITIMER_REAL, SIGALRM, 60000, 7000);
}

static void
real_check(void)
{
	struct itimerval v;

	EXPECT(getitimer(ITIMER_REAL, &v) == 0);
	EQUAL(v.it_interval.tv_sec, 7);
	EXPECT(v.it_value.tv_sec > 40 && v.it_value.tv_sec <= 60);
}

static void
periodic_setup(void)
{
	itimer(ITIMER_REAL, SIGALRM, 20, 20);
}

static void
periodic_check(void)
{
	int before = alarms;

	for (int i = 0; i < 500 && alarms < before + 3; i++)
		idle(0.02);
	EXPECT(alarms >= before + 3);
}

static void
virtual_setup(void)
{
	itimer(ITIMER_VIRTUAL, SIGVTALRM, 5000, 1000);
}

static void
virtual_check(void)
{
	struct itimerval v;

	EXPECT(getitimer(ITIMER_VIRTUAL, &v) == 0);
	EQUAL(v.it_interval.tv_sec, 1);
	EXPECT(v.it_value.tv_sec >= 3 && v.it_value.tv_sec <= 5);
}

static void
profile_setup(void)
{
	itimer(ITIMER_PROF, SIGPROF, 5000, 2000);
}

static void
profile_check(void)
{
	struct itimerval v;

	EXPECT(getitimer(ITIMER_PROF, &v) == 0);
	EQUAL(v.it_interval.tv_sec, 2);
	EXPECT(v.it_value.tv_sec >= 3 && v.it_value.tv_sec <= 5);
}

static timer_t timer, another;

static void
make_timer(clockid_t clock, timer_t *t, int sig, int v)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig, .sigev_value.sival_int = v };
	struct sigaction sa = { .sa_sigaction = on_info, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
	EXPECT(timer_create(clock, &e, t) == 0);
}

static void
arm(timer_t t, double first, double interval)
{
	struct itimerspec v = { { (time_t)interval, (long)((interval - (double)(time_t)interval) * 1e9) },
		{ (time_t)first, (long)((first - (double)(time_t)first) * 1e9) } };

	EXPECT(timer_settime(t, 0, &v, NULL) == 0);
}

static void
expect_timer(timer_t t, double least, double most, double interval)
{
	struct itimerspec v;
	double left;

	EXPECT(timer_gettime(t, &v) == 0);
	left = (double)v.it_value.tv_sec + (double)v.it_value.tv_nsec / 1e9;
	EXPECT(left > least && left <= most);
	EXPECT((double)v.it_interval.tv_sec + (double)v.it_interval.tv_nsec / 1e9 == interval);
}

static void
monotonic_setup(void)
{
	make_timer(CLOCK_MONOTONIC, &timer, SIGUSR1, 5);
	arm(timer, 100, 2.5);
}

static void
monotonic_check(void)
{
	expect_timer(timer, 60, 100, 2.5);
}

static void
realtime_setup(void)
{
	make_timer(CLOCK_REALTIME, &timer, SIGUSR1, 5);
	arm(timer, 100, 0);
}

static void
realtime_check(void)
{
	expect_timer(timer, 60, 100, 0);
}

static void
boottime_setup(void)
{
	make_timer(CLOCK_BOOTTIME, &timer, SIGUSR1, 5);
	arm(timer, 100, 0);
}

static void
boottime_check(void)
{
	expect_timer(timer, 60, 100, 0);
}

static void
cpu_setup(void)
{
	make_timer(CLOCK_PROCESS_CPUTIME_ID, &timer, SIGUSR1, 5);
	arm(timer, 100, 0);
}

static void
cpu_check(void)
{
	expect_timer(timer, 90, 101, 0);
}

static void
disarmed_setup(void)
{
	make_timer(CLOCK_MONOTONIC, &timer, SIGUSR1, 5);
}

static void
disarmed_check(void)
{
	struct itimerspec v;

	EXPECT(timer_gettime(timer, &v) == 0);
	EXPECT(v.it_value.tv_sec == 0 && v.it_value.tv_nsec == 0);
}

/* Ids with a gap. */
static void
ids_setup(void)
{
	timer_t gone;

	make_timer(CLOCK_MONOTONIC, &gone, SIGUSR1, 1);
	make_timer(CLOCK_MONOTONIC, &timer, SIGUSR1, 2);
	timer_delete(gone);
	make_timer(CLOCK_MONOTONIC, &another, SIGUSR1, 3);
	arm(another, 50, 0);
}

static void
ids_check(void)
{
	disarmed_check();
	expect_timer(another, 10, 50, 0);
	EXPECT(timer_delete(timer) == 0 && timer_delete(another) == 0);
}

static void
fires_setup(void)
{
	make_timer(CLOCK_MONOTONIC, &timer, SIGRTMIN + 1, 1234);
	arm(timer, 1.5, 0);
}

static void
fires_check(void)
{
	for (int i = 0; i < 1000 && alarms == 0; i++)
		idle(0.01);
	EQUAL(alarms, 1);
	EQUAL(value, 1234);
}

static void
thread_id_setup(void)
{
	struct sigevent e = {
		.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 9
	};
	struct sigaction sa = { .sa_sigaction = on_info, .sa_flags = SA_SIGINFO };

	sigaction(SIGRTMIN + 1, &sa, NULL);
	e._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	EXPECT(timer_create(CLOCK_MONOTONIC, &e, &timer) == 0);
	arm(timer, 1.5, 0);
}

static void
fires_thread_check(void)
{
	for (int i = 0; i < 1000 && alarms == 0; i++)
		idle(0.01);
	EQUAL(value, 9);
}

static void
none_setup(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_NONE };

	EXPECT(timer_create(CLOCK_MONOTONIC, &e, &timer) == 0);
	arm(timer, 100, 1);
}

static void
none_check(void)
{
	expect_timer(timer, 60, 100, 1);
}

static struct timespec started;
static void
clock_setup(void)
{
	clock_gettime(CLOCK_REALTIME, &started);
}

static void
clock_check(void)
{
	struct timespec t;

	/* by way of the vdso */
	clock_gettime(CLOCK_REALTIME, &t);
	EXPECT(t.tv_sec >= started.tv_sec && t.tv_sec < started.tv_sec + 600);
	EXPECT(time(NULL) >= started.tv_sec);
}

const struct behaviour timers[] = {
	{ "timer_alarm", alarm_setup, alarm_check },
	{ "timer_itimer_real", real_setup, real_check },
	{ "timer_itimer_periodic", periodic_setup, periodic_check },
	{ "timer_itimer_virtual", virtual_setup, virtual_check },
	{ "timer_itimer_profile", profile_setup, profile_check },
	{ "timer_posix_monotonic", monotonic_setup, monotonic_check },
	{ "timer_posix_realtime", realtime_setup, realtime_check },
	{ "timer_posix_boottime", boottime_setup, boottime_check },
	{ "timer_posix_cpu", cpu_setup, cpu_check },
	{ "timer_posix_disarmed", disarmed_setup, disarmed_check },
	{ "timer_posix_ids", ids_setup, ids_check },
	{ "timer_posix_fires", fires_setup, fires_check },
	{ "timer_posix_thread_id", thread_id_setup, fires_thread_check },
	{ "timer_posix_none", none_setup, none_check },
	{ "timer_vdso_clock", clock_setup, clock_check },
	{ NULL, NULL, NULL },
};
