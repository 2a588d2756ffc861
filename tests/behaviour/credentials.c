/* SPDX-License-Identifier: BSD-2-Clause */
/* Users, groups, capabilities, seccomp. */
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/behaviour/behave.h"

static void
user_setup(void)
{
	gid_t g[3] = { 12, 34, 56 };
	EXPECT(setgroups(3, g) == 0 && setresgid(1001, 1002, 1003) == 0 && setresuid(2001, 2002, 2003) == 0);
}

static void
user_check(void)
{
	gid_t g[8], r, e, s;
	uid_t a, b, c;

	EXPECT(getresuid(&a, &b, &c) == 0 && a == 2001 && b == 2002 && c == 2003);
	EXPECT(getresgid(&r, &e, &s) == 0 && r == 1001 && e == 1002 && s == 1003);
	EQUAL(getgroups(8, g), 3);
	EXPECT(g[0] == 12 && g[1] == 34 && g[2] == 56);
	EXPECT(setuid(0) == -1);
}

static void
plain_setup(void)
{
	EXPECT(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
}

static void
plain_check(void)
{
	EQUAL(getuid(), 65534);
	EXPECT(setuid(0) == -1 && errno == EPERM);
}

static void
fsuid_setup(void)
{
	setfsuid(777);
	setfsgid(888);
}

static void
fsuid_check(void)
{
	EQUAL(setfsuid((uid_t)-1), 777);
	EQUAL(setfsgid((gid_t)-1), 888);
}

static void
nnp_setup(void)
{
	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

static void
nnp_check(void)
{
	EQUAL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

static void
caps(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable, bool set)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	EXPECT(syscall(SYS_capget, &h, d) == 0);
	if (set) {
		for (int i = 0; i < 2; i++) {
			d[i].effective = (uint32_t)(*effective >> 32 * i);
			d[i].permitted = (uint32_t)(*permitted >> 32 * i);
			d[i].inheritable = (uint32_t)(*inheritable >> 32 * i);
		}
		EXPECT(syscall(SYS_capset, &h, d) == 0);
	}
	*effective = d[0].effective | (uint64_t)d[1].effective << 32;
	*permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	*inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}

#define KILL (UINT64_C(1) << CAP_KILL)
#define NET (UINT64_C(1) << CAP_NET_BIND_SERVICE)
#define CHOWN (UINT64_C(1) << CAP_CHOWN)

static void
caps_setup(void)
{
	uint64_t e = KILL, p = KILL | NET, i = NET;
	caps(&e, &p, &i, true);
}

static void
caps_check(void)
{
	uint64_t e, p, i;
	caps(&e, &p, &i, false);
	EXPECT(e == KILL && p == (KILL | NET) && i == NET);
}

static void
user_caps_setup(void)
{
	uint64_t e = KILL | NET, p = KILL | NET, i = NET;
	EXPECT(prctl(PR_SET_KEEPCAPS, 1) == 0 && setuid(3003) == 0);
	caps(&e, &p, &i, true);
}

static void
user_caps_check(void)
{
	uint64_t e, p, i;
	EQUAL(getuid(), 3003);
	caps(&e, &p, &i, false);
	EXPECT(e == (KILL | NET) && i == NET);
}

static void
ambient_setup(void)
{
	uint64_t e, p, i;
	caps(&e, &p, &i, false);
	i |= NET;
	caps(&e, &p, &i, true);
	EXPECT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0);
}

static void
ambient_check(void)
{
	EQUAL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0), 1);
	EQUAL(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
}

static void
bounding_setup(void)
{
	EXPECT(prctl(PR_CAPBSET_DROP, CAP_CHOWN) == 0 && prctl(PR_CAPBSET_DROP, CAP_MKNOD) == 0);
}

static void
bounding_check(void)
{
	EQUAL(prctl(PR_CAPBSET_READ, CAP_CHOWN), 0);
	EQUAL(prctl(PR_CAPBSET_READ, CAP_MKNOD), 0);
	EQUAL(prctl(PR_CAPBSET_READ, CAP_KILL), 1);
}

static void
securebits_setup(void)
{
	EXPECT(prctl(PR_SET_SECUREBITS, 1 << 2 | 1 << 3) == 0);
}

static void
securebits_check(void)
{
	EQUAL(prctl(PR_GET_SECUREBITS), 1 << 2 | 1 << 3);
}

/* getpriority gives EPERM, everything else is allowed. */
static void
install(int nr, int error, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof code / sizeof *code, code };

	EXPECT(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog) == 0);
}

static void
filter_setup(void)
{
	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	install(SYS_getpriority, 99, 0);
}

static void
filter_check(void)
{
	EXPECT(syscall(SYS_getpriority, 0, 0) == -1 && errno == 99);
	EXPECT(syscall(SYS_getppid) >= 0);
}

static void
filters_setup(void)
{
	filter_setup();
	install(SYS_sethostname, 77, 0);
	install(SYS_getpriority, 98, 0);
}

static void
filters_check(void)
{
	EXPECT(syscall(SYS_sethostname, "x", 1) == -1 && errno == 77);
	EXPECT(syscall(SYS_getpriority, 0, 0) == -1 && errno == 98);
	EQUAL(prctl(PR_GET_SECCOMP), 2);
}

static void
privileged_filter_setup(void)
{
	install(SYS_getpriority, 55, 0);
}

static void
privileged_filter_check(void)
{
	EXPECT(syscall(SYS_getpriority, 0, 0) == -1 && errno == 55);
	EQUAL(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

static volatile int go, bad;
static void *
filtered(void *a)
{
	while (!go)
		idle(0.005);
	if (syscall(SYS_getpriority, 0, 0) != -1 || errno != 99)
		bad = 1;
	return a;
}

static pthread_t thread;
static void
filter_thread_setup(void)
{
	filter_setup();
	EXPECT(pthread_create(&thread, NULL, filtered, NULL) == 0);
	idle(0.05);
}

static void
filter_thread_check(void)
{
	go = 1;
	pthread_join(thread, NULL);
	EQUAL(bad, 0);
}

static void *
other_user(void *a)
{
	EXPECT(syscall(SYS_setresuid, 5005, 5005, 5005) == 0);
	while (!go)
		idle(0.005);
	if (syscall(SYS_getuid) != 5005)
		bad = 1;
	return a;
}

static void
thread_user_setup(void)
{
	EXPECT(pthread_create(&thread, NULL, other_user, NULL) == 0);
	idle(0.05);
}

static void
thread_user_check(void)
{
	EQUAL(getuid(), 0);
	go = 1;
	pthread_join(thread, NULL);
	EQUAL(bad, 0);
}

const struct behaviour credentials[] = {
	{ "credentials_user_and_groups", user_setup, user_check },
	{ "credentials_nobody", plain_setup, plain_check },
	{ "credentials_fs_ids", fsuid_setup, fsuid_check },
	{ "credentials_no_new_privs", nnp_setup, nnp_check },
	{ "credentials_capabilities", caps_setup, caps_check },
	{ "credentials_user_with_capabilities", user_caps_setup, user_caps_check },
	{ "credentials_ambient", ambient_setup, ambient_check },
	{ "credentials_bounding", bounding_setup, bounding_check },
	{ "credentials_securebits", securebits_setup, securebits_check },
	{ "credentials_seccomp_filter", filter_setup, filter_check },
	{ "credentials_seccomp_chain", filters_setup, filters_check },
	{ "credentials_seccomp_privileged", privileged_filter_setup, privileged_filter_check },
	{ "credentials_seccomp_thread", filter_thread_setup, filter_thread_check },
	{ "credentials_thread_of_its_own", thread_user_setup, thread_user_check },
	{ NULL, NULL, NULL },
};
