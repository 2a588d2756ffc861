/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispositions, masks, stacks and what is pending. */
#include <setjmp.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>

#include "tests/behaviour/behave.h"

static volatile sig_atomic_t caught, caught_value, order[8], norder;
static volatile uintptr_t caught_stack;

static void
handler(int sig)
{
	caught = sig;
	if (norder < 8)
		order[norder++] = sig;
	caught_stack = (uintptr_t)&sig;
}

static void
info_handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	caught = sig;
	caught_value = info->si_value.sival_int;
	if (norder < 8)
		order[norder++] = info->si_value.sival_int;
}

static void
install(int sig, int flags)
{
	struct sigaction sa = { .sa_flags = flags };

	if (flags & SA_SIGINFO)
		sa.sa_sigaction = info_handler;
	else
		sa.sa_handler = handler;
	EXPECT(sigaction(sig, &sa, NULL) == 0);
}

static void
block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	EXPECT(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void
unblock(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	EXPECT(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void
handler_setup(void)
{
	install(SIGUSR1, 0);
}

static void
handler_check(void)
{
	raise(SIGUSR1);
	EQUAL(caught, SIGUSR1);
}

static void
ignored_setup(void)
{
	signal(SIGTERM, SIG_IGN);
}

static void
ignored_check(void)
{
	raise(SIGTERM);
	EXPECT(signal(SIGTERM, SIG_DFL) == SIG_IGN);
}

static void
default_setup(void)
{
	signal(SIGPIPE, SIG_DFL);
}

static void
default_check(void)
{
	EXPECT(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
}

static void
flags_setup(void)
{
	struct sigaction sa = { .sa_handler = handler,
		.sa_flags = SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_ONSTACK };

	sigaddset(&sa.sa_mask, SIGHUP);
	sigaddset(&sa.sa_mask, SIGRTMIN + 3);
	EXPECT(sigaction(SIGUSR2, &sa, NULL) == 0);
}

static void
flags_check(void)
{
	struct sigaction sa;

	EXPECT(sigaction(SIGUSR2, NULL, &sa) == 0);
	EQUAL((unsigned)sa.sa_flags & ~0x04000000u,
	    (unsigned)(SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_ONSTACK));
	EXPECT(sigismember(&sa.sa_mask, SIGHUP) && sigismember(&sa.sa_mask, SIGRTMIN + 3) &&
	    !sigismember(&sa.sa_mask, SIGINT));
}

static void
nocldwait_setup(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

	EXPECT(sigaction(SIGCHLD, &sa, NULL) == 0);
}

static void
nocldwait_check(void)
{
	struct sigaction sa;

	EXPECT(sigaction(SIGCHLD, NULL, &sa) == 0);
	EXPECT(sa.sa_flags & SA_NOCLDWAIT);
}

static void
mask_setup(void)
{
	block(SIGINT);
	block(SIGRTMIN + 7);
}

static void
mask_check(void)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	EXPECT(sigismember(&set, SIGINT) && sigismember(&set, SIGRTMIN + 7) && !sigismember(&set, SIGTERM));
}

static void
pending_setup(void)
{
	install(SIGUSR1, 0);
	block(SIGUSR1);
	kill(getpid(), SIGUSR1);
}

static void
pending_check(void)
{
	sigset_t set;

	sigpending(&set);
	EXPECT(sigismember(&set, SIGUSR1));
	unblock(SIGUSR1);
	EQUAL(caught, SIGUSR1);
	EQUAL(norder, 1);
}

static void
queued_setup(void)
{
	install(SIGRTMIN + 1, SA_SIGINFO);
	block(SIGRTMIN + 1);
	for (int i = 0; i < 5; i++)
		EXPECT(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 100 + i }) == 0);
}

static void
queued_check(void)
{
	unblock(SIGRTMIN + 1);
	EQUAL(norder, 5);
	for (int i = 0; i < 5; i++)
		EQUAL(order[i], 100 + i);
}

static void
thread_pending_setup(void)
{
	install(SIGUSR2, 0);
	block(SIGUSR2);
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), SIGUSR2);
}

static void
thread_pending_check(void)
{
	EQUAL(caught, 0);
	unblock(SIGUSR2);
	EQUAL(caught, SIGUSR2);
}

static siginfo_t seen;

static void
info_setup(void)
{
	block(SIGRTMIN + 2);
	EXPECT(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 4711 }) == 0);
}

static void
info_check(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	EQUAL(sigwaitinfo(&set, &seen), SIGRTMIN + 2);
	EQUAL(seen.si_code, SI_QUEUE);
	EQUAL(seen.si_pid, getpid());
	EQUAL(seen.si_value.sival_int, 4711);
}

static char stack[65536];

static void
stack_setup(void)
{
	stack_t s = { .ss_sp = stack, .ss_size = sizeof stack };

	EXPECT(sigaltstack(&s, NULL) == 0);
	install(SIGUSR1, SA_ONSTACK);
}

static void
stack_check(void)
{
	stack_t s;

	EXPECT(sigaltstack(NULL, &s) == 0);
	EXPECT(s.ss_sp == stack && s.ss_size == sizeof stack && s.ss_flags == 0);
	raise(SIGUSR1);
	EXPECT(caught_stack >= (uintptr_t)stack && caught_stack < (uintptr_t)stack + sizeof stack);
}

/* Waits for the dump inside a handler, on the alternate stack, with floating point live. */
static volatile double product = 1;

static void
long_handler(int sig)
{
	volatile double x = 1.5;
	sigset_t go;
	int got;

	(void)sig;
	puts("ready");
	fflush(stdout);
	sigemptyset(&go);
	sigaddset(&go, SIGRTMAX);
	sigwait(&go, &got);
	product = x * 2.5;
	caught = 77;
}

static void
in_handler_setup(void)
{
	struct sigaction sa = { .sa_handler = long_handler, .sa_flags = SA_ONSTACK };
	double before = 3.25;

	stack_setup();
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	EQUAL(caught, 77);
	EXPECT(product == 3.75 && before == 3.25);
	kill(getpid(), SIGRTMAX);
}

static void
in_handler_check(void)
{
	EQUAL(caught, 77);
}

static void
nested_handler(int sig)
{
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	else
		long_handler(sig);
	norder++;
}

static void
nested_setup(void)
{
	struct sigaction sa = { .sa_handler = nested_handler };

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR1);
	kill(getpid(), SIGRTMAX);
}

static void
nested_check(void)
{
	EQUAL(norder, 2);
	EQUAL(caught, 77);
}

static sigjmp_buf jump;
static void
jump_setup(void)
{
	if (sigsetjmp(jump, 1) != 0) {
		caught = 5;
	}
	block(SIGHUP);
}

static void
jump_check(void)
{
	/* the registers saved are of this address space, still */
	sigset_t set;

	if (caught != 5) {
		caught = 5;
		if (sigsetjmp(jump, 1) == 0)
			siglongjmp(jump, 1);
	}
	sigprocmask(SIG_BLOCK, NULL, &set);
	EXPECT(sigismember(&set, SIGHUP));
}

static void
many_setup(void)
{
	for (int s = SIGRTMIN; s < SIGRTMAX; s++)
		install(s, s & 1 ? SA_SIGINFO : 0);
}

static void
many_check(void)
{
	struct sigaction sa;

	for (int s = SIGRTMIN; s < SIGRTMAX; s++) {
		EXPECT(sigaction(s, NULL, &sa) == 0);
		EXPECT(s & 1 ? sa.sa_sigaction == info_handler : sa.sa_handler == handler);
	}
}

static void
nothing(void)
{
}

static void
fault_handler(int sig)
{
	caught = sig;
	siglongjmp(jump, 1);
}

static void
segv_check(void)
{
	signal(SIGSEGV, fault_handler);
	if (sigsetjmp(jump, 1) == 0)
		*(volatile int *)8 = 1;
	EQUAL(caught, SIGSEGV);
}

static void
autodisarm_setup(void)
{
	stack_t s = { .ss_sp = stack, .ss_size = sizeof stack, .ss_flags = (int)(1u << 31) };

	EXPECT(sigaltstack(&s, NULL) == 0);
}

static void
autodisarm_check(void)
{
	stack_t s;

	EXPECT(sigaltstack(NULL, &s) == 0);
	EXPECT(s.ss_sp == stack && (unsigned)s.ss_flags == 1u << 31);
}

static void
many_pending_setup(void)
{
	block(SIGRTMIN + 4);
	for (int i = 0; i < 300; i++)
		EXPECT(sigqueue(getpid(), SIGRTMIN + 4, (union sigval){ .sival_int = i }) == 0);
}

static void
many_pending_check(void)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	for (int i = 0; i < 300; i++) {
		EQUAL(sigwaitinfo(&set, &info), SIGRTMIN + 4);
		EQUAL(info.si_value.sival_int, i);
	}
}

const struct behaviour signals[] = {
	{ "signal_handler", handler_setup, handler_check },
	{ "signal_ignored", ignored_setup, ignored_check },
	{ "signal_default", default_setup, default_check },
	{ "signal_flags_and_mask", flags_setup, flags_check },
	{ "signal_nocldwait", nocldwait_setup, nocldwait_check },
	{ "signal_mask", mask_setup, mask_check },
	{ "signal_pending", pending_setup, pending_check },
	{ "signal_queue_in_order", queued_setup, queued_check },
	{ "signal_pending_thread", thread_pending_setup, thread_pending_check },
	{ "signal_siginfo", info_setup, info_check },
	{ "signal_alternate_stack", stack_setup, stack_check },
	{ "signal_stack_autodisarm", autodisarm_setup, autodisarm_check },
	{ "signal_inside_handler", in_handler_setup, in_handler_check },
	{ "signal_nested_handlers", nested_setup, nested_check },
	{ "signal_siglongjmp", jump_setup, jump_check },
	{ "signal_all_realtime", many_setup, many_check },
	{ "signal_fault_after", nothing, segv_check },
	{ "signal_300_pending", many_pending_setup, many_pending_check },
	{ NULL, NULL, NULL },
};
