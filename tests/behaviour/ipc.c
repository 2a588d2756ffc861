/* SPDX-License-Identifier: BSD-2-Clause */
/* System V IPC.  All run in one IPC namespace at a time: each has keys of its own. */
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

#define PAGE		4096u
#define SHM_DELETED	01000	/* flags in the mode of a segment */
#define SHM_IS_LOCKED	02000

static int id;

/* ---- shared memory ---- */

static char *mem, *other;

static char *
attach(const void *at, int flags)
{
	char *p = shmat(id, at, flags);

	EXPECT(p != (char *)-1);
	return p;
}

static struct shmid_ds
segment(void)
{
	struct shmid_ds ds;

	EXPECT(shmctl(id, IPC_STAT, &ds) == 0);
	return ds;
}

static void
new_segment(key_t key, size_t size, int mode)
{
	id = shmget(key, size, IPC_CREAT | IPC_EXCL | mode);
	EXPECT(id >= 0);
}

static void
fill(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 7 + i / PAGE);
}

static void
expect_filled(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		EXPECT(p[i] == (char)(i * 7 + i / PAGE));
}

static void
attached_setup(void)
{
	new_segment(0x5a000001, 3 * PAGE, 0600);
	mem = attach(NULL, 0);
	fill(mem, 3 * PAGE);
}

static void
attached_check(void)
{
	struct shmid_ds ds = segment();

	EQUAL(shmget(0x5a000001, 0, 0), id);
	EQUAL(ds.shm_segsz, 3 * PAGE);
	EQUAL(ds.shm_perm.mode, 0600);
	EQUAL(ds.shm_nattch, 1);
	expect_filled(mem, 3 * PAGE);
	EXPECT(shmdt(mem) == 0);
	EQUAL(segment().shm_nattch, 0);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* Nobody has it attached, but it was made by this process. */
static void
detached_setup(void)
{
	new_segment(0x5a000002, 10 * PAGE, 0640);
	mem = attach(NULL, 0);
	fill(mem, 10 * PAGE);
	EXPECT(shmdt(mem) == 0);
}

static void
detached_check(void)
{
	EQUAL(shmget(0x5a000002, 0, 0), id);
	EQUAL(segment().shm_nattch, 0);
	mem = attach(NULL, 0);
	expect_filled(mem, 10 * PAGE);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* It has no key any more, and goes with its last attachment. */
static void
deleted_setup(void)
{
	new_segment(0x5a000003, 2 * PAGE, 0600);
	mem = attach(NULL, 0);
	fill(mem, 2 * PAGE);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

static void
deleted_check(void)
{
	struct shmid_ds ds = segment();

	EQUAL(ds.shm_perm.mode & SHM_DELETED, SHM_DELETED);
	EQUAL(ds.shm_nattch, 1);
	EXPECT(shmget(0x5a000003, 0, 0) == -1 && errno == ENOENT);
	expect_filled(mem, 2 * PAGE);
	EXPECT(shmdt(mem) == 0);
	EXPECT(shmctl(id, IPC_STAT, &ds) == -1);
}

static void
private_setup(void)
{
	new_segment(IPC_PRIVATE, 5000, 0600);
	mem = attach(NULL, 0);
	fill(mem, 5000);
}

static void
private_check(void)
{
	EQUAL(segment().shm_segsz, 5000);
	expect_filled(mem, 5000);
	for (size_t i = 5000; i < 2 * PAGE; i++)
		EXPECT(mem[i] == 0);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* Two attachments of one segment, of which one can only be read. */
static void
readonly_setup(void)
{
	new_segment(IPC_PRIVATE, 2 * PAGE, 0600);
	mem = attach(NULL, 0);
	other = attach(NULL, SHM_RDONLY);
	fill(mem, 2 * PAGE);
}

static void
readonly_check(void)
{
	EQUAL(segment().shm_nattch, 2);
	expect_filled(other, 2 * PAGE);
	mem[PAGE] = 'x';
	EQUAL(other[PAGE], 'x');
	EXPECT(mprotect(other, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* A part is unmapped, another one only readable: three attachments to the kernel. */
static void
part_setup(void)
{
	new_segment(IPC_PRIVATE, 8 * PAGE, 0600);
	mem = attach(NULL, 0);
	fill(mem, 8 * PAGE);
	EXPECT(munmap(mem, PAGE) == 0 && munmap(mem + 6 * PAGE, 2 * PAGE) == 0);
	EXPECT(mprotect(mem + 3 * PAGE, PAGE, PROT_READ) == 0);
	/* something else where it was */
	other = mmap(mem, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	EXPECT(other == mem);
	*other = 'o';
}

static void
part_check(void)
{
	char *whole;

	EQUAL(segment().shm_nattch, 3);
	EQUAL(*other, 'o');
	whole = attach(NULL, 0);
	expect_filled(whole, 8 * PAGE);
	EXPECT(memcmp(mem + PAGE, whole + PAGE, 5 * PAGE) == 0);
	EXPECT(mprotect(mem + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
	mem[3 * PAGE] = 'y';
	EQUAL(whole[3 * PAGE], 'y');
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* A segment in a gap of another: what a partial attachment leaves is used. */
static int second;
static void
nested_setup(void)
{
	new_segment(IPC_PRIVATE, 8 * PAGE, 0600);
	mem = attach(NULL, 0);
	fill(mem, 8 * PAGE);
	EXPECT(munmap(mem + 2 * PAGE, 4 * PAGE) == 0);
	second = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
	EXPECT(second >= 0 && shmat(second, mem + 2 * PAGE, 0) == mem + 2 * PAGE);
	memset(mem + 2 * PAGE, 's', 4 * PAGE);
}

static void
nested_check(void)
{
	expect_filled(mem, 2 * PAGE);
	for (size_t i = 2 * PAGE; i < 6 * PAGE; i++)
		EXPECT(mem[i] == 's');
	other = attach(NULL, 0);
	expect_filled(other, 8 * PAGE);
	EXPECT(memcmp(mem + 6 * PAGE, other + 6 * PAGE, 2 * PAGE) == 0);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0 && shmctl(second, IPC_RMID, NULL) == 0);
}

/* Few pages of a large one. */
#define SPARSE	(64u << 20)
static void
sparse_setup(void)
{
	new_segment(IPC_PRIVATE, SPARSE, 0600);
	mem = attach(NULL, 0);
	mem[0] = 'a';
	mem[SPARSE / 2] = 'b';
	mem[SPARSE - 1] = 'c';
}

static void
sparse_check(void)
{
	EQUAL(mem[0], 'a');
	EQUAL(mem[SPARSE / 2], 'b');
	EQUAL(mem[SPARSE - 1], 'c');
	EQUAL(mem[SPARSE / 4], 0);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

static void
owner_setup(void)
{
	struct shmid_ds ds = { .shm_perm = { .uid = 1001, .gid = 1002, .mode = 0624 } };

	new_segment(0x5a000004, PAGE, 0600);
	mem = attach(NULL, 0);
	EXPECT(shmctl(id, IPC_SET, &ds) == 0);
}

static void
owner_check(void)
{
	struct shmid_ds ds = segment();

	EQUAL(ds.shm_perm.uid, 1001);
	EQUAL(ds.shm_perm.gid, 1002);
	EQUAL(ds.shm_perm.mode, 0624);
	EQUAL(ds.shm_perm.cuid, 0);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

static void
creator_setup(void)
{
	EXPECT(setegid(1004) == 0 && seteuid(1003) == 0);
	new_segment(0x5a000005, PAGE, 0600);
	mem = attach(NULL, 0);
	mem[0] = 'c';
	EXPECT(seteuid(0) == 0 && setegid(0) == 0);
}

static void
creator_check(void)
{
	struct shmid_ds ds = segment();

	EQUAL(ds.shm_perm.cuid, 1003);
	EQUAL(ds.shm_perm.cgid, 1004);
	EQUAL(ds.shm_perm.uid, 1003);
	EQUAL(mem[0], 'c');
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

static void
locked_setup(void)
{
	new_segment(IPC_PRIVATE, PAGE, 0600);
	mem = attach(NULL, 0);
	EXPECT(shmctl(id, SHM_LOCK, NULL) == 0);
}

static void
locked_check(void)
{
	EQUAL(segment().shm_perm.mode, 0600 | SHM_IS_LOCKED);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

static void
execute_setup(void)
{
	static const unsigned char ret = 0xc3;

	new_segment(IPC_PRIVATE, PAGE, 0700);
	mem = attach(NULL, SHM_EXEC);
	memcpy(mem, &ret, 1);
}

static void
execute_check(void)
{
	void (*call)(void);

	memcpy(&call, &mem, sizeof call);
	call();
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* Inherited by a child, which adds to what its parent writes. */
static pid_t child;
static void
inherited_setup(void)
{
	new_segment(IPC_PRIVATE, PAGE, 0600);
	mem = attach(NULL, 0);
	if ((child = fork()) == 0)
		for (;; idle(0.01))
			if (mem[0] == 'q')
				_exit(mem[1] = 'a');
}

static void
inherited_check(void)
{
	int status;

	EQUAL(segment().shm_nattch, 2);
	mem[0] = 'q';
	EXPECT(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 'a');
	EQUAL(mem[1], 'a');
	EQUAL(segment().shm_nattch, 1);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* Attached by a child at another address, which its parent has not attached at all. */
static void
child_only_setup(void)
{
	new_segment(0x5a000006, 4 * PAGE, 0600);
	if ((child = fork()) == 0) {
		mem = attach(NULL, 0);
		fill(mem, 4 * PAGE);
		for (;; idle(0.01))
			if (mem[0] == 'q')
				_exit(0);
	}
	while (segment().shm_nattch == 0 || segment().shm_lpid != child)
		idle(0.01);
	idle(0.05);
}

static void
child_only_check(void)
{
	int status;

	EQUAL(segment().shm_nattch, 1);
	mem = attach(NULL, 0);
	expect_filled(mem, 4 * PAGE);
	mem[0] = 'q';
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	EXPECT(shmctl(id, IPC_RMID, NULL) == 0);
}

/* ---- semaphores ---- */

#define VALUE_MAX	32767

static void
new_set(key_t key, int n, int mode)
{
	id = semget(key, n, IPC_CREAT | IPC_EXCL | mode);
	EXPECT(id >= 0);
}

static void
remove_set(void)
{
	EXPECT(semctl(id, 0, IPC_RMID) == 0);
}

static int
operate(int semaphore, int change, int flags)
{
	struct sembuf op = { (unsigned short)semaphore, (short)change, (short)flags };

	return semop(id, &op, 1);
}

static void
set(int semaphore, int value)
{
	union { int val; void *p; } arg = { .val = value };

	EXPECT(semctl(id, semaphore, SETVAL, arg) == 0);
}

static int
get(int semaphore)
{
	return semctl(id, semaphore, GETVAL);
}

/* A child that does something and stays until it is killed. */
static void
in_child(void (*fn)(void))
{
	int fds[2];
	char c;

	EXPECT(pipe(fds) == 0);
	if ((child = fork()) == 0) {
		fn();
		EXPECT(write(fds[1], "", 1) == 1);
		for (;;)
			pause();
	}
	EXPECT(read(fds[0], &c, 1) == 1 && close(fds[0]) == 0 && close(fds[1]) == 0);
}

static void
end_child(void)
{
	EXPECT(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static void
values_setup(void)
{
	new_set(0x5a000011, 3, 0640);
	set(0, 7);
	set(2, VALUE_MAX);
}

static void
values_check(void)
{
	struct semid_ds ds;
	union { struct semid_ds *buf; void *p; } arg = { .buf = &ds };

	EQUAL(semget(0x5a000011, 0, 0), id);
	EXPECT(semctl(id, 0, IPC_STAT, arg) == 0);
	EQUAL(ds.sem_perm.mode, 0640);
	EQUAL(ds.sem_nsems, 3);
	EQUAL(get(0), 7);
	EQUAL(get(1), 0);
	EQUAL(get(2), VALUE_MAX);
	remove_set();
}

/* A lock that its holder's end releases. */
static void
take_lock(void)
{
	EXPECT(operate(0, -1, SEM_UNDO) == 0);
}

static void
lock_setup(void)
{
	new_set(0x5a000012, 1, 0600);
	set(0, 1);
	in_child(take_lock);
}

static void
lock_check(void)
{
	EQUAL(get(0), 0);
	EQUAL(semctl(id, 0, GETPID), child);
	end_child();
	EQUAL(get(0), 1);
	remove_set();
}

static void
give(void)
{
	EXPECT(operate(1, 5, SEM_UNDO) == 0 && operate(1, 2, 0) == 0);
}

static void
give_setup(void)
{
	new_set(0x5a000013, 2, 0600);
	in_child(give);
}

static void
give_check(void)
{
	EQUAL(get(1), 7);
	end_child();
	EQUAL(get(1), 2);
	remove_set();
}

/* As much as there can be, both ways. */
static void
take_most(void)
{
	EXPECT(operate(0, -VALUE_MAX, SEM_UNDO) == 0);
	EXPECT(operate(1, VALUE_MAX, SEM_UNDO) == 0 && operate(1, -1, 0) == 0 && operate(1, 1, SEM_UNDO) == 0);
}

static void
most_setup(void)
{
	new_set(0x5a000014, 2, 0600);
	set(0, VALUE_MAX);
	in_child(take_most);
	EXPECT(operate(0, 9, 0) == 0);
}

static void
most_check(void)
{
	EQUAL(get(0), 9);
	EQUAL(get(1), VALUE_MAX);
	EXPECT(operate(0, -9, 0) == 0);
	end_child();
	EQUAL(get(0), VALUE_MAX);
	EQUAL(get(1), 0);	/* it would be -1 */
	remove_set();
}

/* Some of many, in two processes. */
#define MANY	100
static int
share_of(int semaphore, int who)
{
	return semaphore % 7 == who ? semaphore % 3 - 1 + (semaphore == 49 ? 4711 : 0) : 0;
}

static void
take_shares(void)
{
	for (int i = 0; i < MANY; i++)
		EXPECT(share_of(i, 0) == 0 || operate(i, -share_of(i, 0), SEM_UNDO) == 0);
}

static void
many_setup(void)
{
	new_set(0x5a000015, MANY, 0600);
	for (int i = 0; i < MANY; i++)
		set(i, 10000 + i);
	for (int i = 0; i < MANY; i++)
		EXPECT(share_of(i, 1) == 0 || operate(i, -share_of(i, 1), SEM_UNDO) == 0);
	in_child(take_shares);
}

static void
many_check(void)
{
	for (int i = 0; i < MANY; i++)
		EQUAL(get(i), 10000 + i - share_of(i, 0) - share_of(i, 1));
	end_child();
	for (int i = 0; i < MANY; i++)
		EQUAL(get(i), 10000 + i - share_of(i, 1));
	remove_set();
}

/* What a thread owes, all of its process owe together. */
static void *
take_in_thread(void *a)
{
	take_lock();
	pause();
	return a;
}

static void
start_thread(void)
{
	pthread_t t;

	EXPECT(pthread_create(&t, NULL, take_in_thread, NULL) == 0);
	while (get(0) != 0)
		idle(0.01);
}

static void
thread_setup(void)
{
	new_set(0x5a000016, 1, 0600);
	set(0, 1);
	in_child(start_thread);
}

static void
no_undo_setup(void)
{
	new_set(0x5a000017, 1, 0600);
	set(0, 3);
	EXPECT(operate(0, -1, SEM_UNDO) == 0 && operate(0, 1, SEM_UNDO) == 0);
}

static void
no_undo_check(void)
{
	EQUAL(get(0), 3);
	if ((child = fork()) == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	EQUAL(get(0), 3);
	remove_set();
}

/* Who was the last to use each. */
static void
use_second(void)
{
	EXPECT(operate(1, 4, 0) == 0);
}

static void
pids_setup(void)
{
	new_set(0x5a000018, 3, 0600);
	EXPECT(operate(0, 1, 0) == 0);
	in_child(use_second);
}

static void
pids_check(void)
{
	EQUAL(semctl(id, 0, GETPID), getpid());
	EQUAL(semctl(id, 1, GETPID), child);
	EQUAL(semctl(id, 2, GETPID), 0);
	end_child();
	EQUAL(get(0), 1);
	EQUAL(get(1), 4);
	remove_set();
}

/* ---- waiting ---- */

static pthread_t waiter;
static volatile int result = -1, error;
static double begun;

static void *
do_take(void *a)
{
	result = operate(0, -1, SEM_UNDO);
	error = errno;
	return a;
}

static void
in_thread(void *(*fn)(void *))
{
	begun = now();
	EXPECT(pthread_create(&waiter, NULL, fn, NULL) == 0);
	idle(0.15);	/* it is in its call by then */
	EQUAL(result, -1);
}

static void
joined(int want)
{
	pthread_join(waiter, NULL);
	errno = error;
	EQUAL(result, want);
}

static void
wait_setup(void)
{
	new_set(0x5a000019, 1, 0600);
	in_thread(do_take);
}

static void
wait_check(void)
{
	EQUAL(result, -1);
	EXPECT(operate(0, 1, 0) == 0);
	joined(0);
	EQUAL(get(0), 0);
	remove_set();
}

static void *
do_zero(void *a)
{
	result = operate(0, 0, 0);
	error = errno;
	return a;
}

static void
zero_setup(void)
{
	new_set(0x5a00001a, 1, 0600);
	set(0, 2);
	in_thread(do_zero);
}

static void
zero_check(void)
{
	EQUAL(result, -1);
	EXPECT(operate(0, -2, 0) == 0);
	joined(0);
	remove_set();
}

static void *
do_timed(void *a)
{
	struct sembuf op = { 0, -1, 0 };
	struct timespec t = { 1, 500000000 };

	result = semtimedop(id, &op, 1, &t) == -1 ? errno : 0;
	return a;
}

static void
timed_setup(void)
{
	new_set(0x5a00001b, 1, 0600);
	/* by the time of the dump it may be over, and nobody waits */
	EXPECT(operate(0, 1, 0) == 0 && operate(0, -1, 0) == 0);
	in_thread(do_timed);
}

static void
timed_check(void)
{
	joined(EAGAIN);
	EXPECT(now() - begun >= 1.49);
	remove_set();
}

/* A lock is held by a child and waited for by its parent, which gets it when the child ends. */
static void
contended_setup(void)
{
	new_set(0x5a00001c, 1, 0600);
	set(0, 1);
	in_child(take_lock);
	in_thread(do_take);
}

static void
contended_check(void)
{
	idle(0.05);
	EQUAL(result, -1);
	end_child();
	joined(0);
	EQUAL(get(0), 0);
	EQUAL(semctl(id, 0, GETPID), getpid());
	remove_set();
}

static void
set_owner_setup(void)
{
	struct semid_ds ds = { .sem_perm = { .uid = 1001, .gid = 1002, .mode = 0604 } };
	union { struct semid_ds *buf; void *p; } arg = { .buf = &ds };

	new_set(0x5a00001d, 2, 0600);
	EXPECT(operate(0, 1, 0) == 0);
	EXPECT(semctl(id, 0, IPC_SET, arg) == 0);
}

static void
set_owner_check(void)
{
	struct semid_ds ds;
	union { struct semid_ds *buf; void *p; } arg = { .buf = &ds };

	EXPECT(semctl(id, 0, IPC_STAT, arg) == 0);
	EQUAL(ds.sem_perm.uid, 1001);
	EQUAL(ds.sem_perm.gid, 1002);
	EQUAL(ds.sem_perm.mode, 0604);
	remove_set();
}

/* ---- messages ---- */

#define MESSAGE_MAX	8192

struct note {
	long		type;
	char		text[MESSAGE_MAX];
};
static struct note sent, got;

static void
new_queue(key_t key, int mode)
{
	id = msgget(key, IPC_CREAT | IPC_EXCL | mode);
	EXPECT(id >= 0);
}

static void
put(long type, size_t n)
{
	sent.type = type;
	fill(sent.text, n);
	EXPECT(msgsnd(id, &sent, n, IPC_NOWAIT) == 0);
}

/* The next one of a type is this one. */
static void
take(long wanted, long type, size_t n)
{
	memset(&got, 0xee, sizeof got);
	EQUAL(msgrcv(id, &got, sizeof got.text, wanted, IPC_NOWAIT), n);
	EQUAL(got.type, type);
	expect_filled(got.text, n);
}

static void
none_left(void)
{
	EXPECT(msgrcv(id, &got, sizeof got.text, 0, IPC_NOWAIT) == -1 && errno == ENOMSG);
	EXPECT(msgctl(id, IPC_RMID, NULL) == 0);
}

static struct msqid_ds
queue(void)
{
	struct msqid_ds ds;

	EXPECT(msgctl(id, IPC_STAT, &ds) == 0);
	return ds;
}

static void
order_setup(void)
{
	new_queue(0x5a000021, 0640);
	put(3, 10);
	put(1, 11);
	put(3, 12);
	put(0x7fffffff, 13);
	put(1, 14);
}

static void
order_check(void)
{
	EQUAL(msgget(0x5a000021, 0), id);
	EQUAL(queue().msg_perm.mode, 0640);
	EQUAL(queue().msg_qnum, 5);
	take(1, 1, 11);
	take(0, 3, 10);
	take(-2, 1, 14);
	take(0, 3, 12);
	take(0, 0x7fffffff, 13);
	none_left();
}

static void
lengths_setup(void)
{
	new_queue(IPC_PRIVATE, 0600);
	put(1, 0);
	put(2, MESSAGE_MAX);
	put(3, 1);
	put(4, 0);
	put(5, 4093);
}

static void
lengths_check(void)
{
	take(0, 1, 0);
	take(0, 2, MESSAGE_MAX);
	take(0, 3, 1);
	take(0, 4, 0);
	take(0, 5, 4093);
	none_left();
}

/* More in it than it may take by now. */
static void
capacity_setup(void)
{
	struct msqid_ds ds;

	new_queue(0x5a000022, 0600);
	put(1, 3000);
	put(2, 3000);
	ds = queue();
	ds.msg_qbytes = 4000;
	EXPECT(msgctl(id, IPC_SET, &ds) == 0);
}

static void
capacity_check(void)
{
	EQUAL(queue().msg_qbytes, 4000);
	EQUAL(queue().msg_cbytes, 6000);
	EXPECT(msgsnd(id, &sent, 1, IPC_NOWAIT) == -1 && errno == EAGAIN);
	take(0, 1, 3000);
	put(9, 1000);
	take(0, 2, 3000);
	take(0, 9, 1000);
	none_left();
}

static void
queue_owner_setup(void)
{
	struct msqid_ds ds;

	new_queue(0x5a000023, 0600);
	put(1, 100);
	take(0, 1, 100);
	ds = queue();
	ds.msg_perm.uid = 1001;
	ds.msg_perm.gid = 1002;
	ds.msg_perm.mode = 0622;
	EXPECT(msgctl(id, IPC_SET, &ds) == 0);
}

static void
queue_owner_check(void)
{
	EQUAL(queue().msg_perm.uid, 1001);
	EQUAL(queue().msg_perm.gid, 1002);
	EQUAL(queue().msg_perm.mode, 0622);
	EQUAL(queue().msg_perm.cuid, 0);
	none_left();
}

static void *
do_receive(void *a)
{
	result = (int)msgrcv(id, &got, sizeof got.text, 7, 0);
	error = errno;
	return a;
}

static void
receive_setup(void)
{
	new_queue(0x5a000024, 0600);
	put(6, 60);
	in_thread(do_receive);
}

static void
receive_check(void)
{
	EQUAL(result, -1);
	put(7, 70);
	joined(70);
	expect_filled(got.text, 70);
	take(0, 6, 60);
	none_left();
}

static void *
do_send(void *a)
{
	result = msgsnd(id, &sent, 99, 0);
	error = errno;
	return a;
}

static void
send_setup(void)
{
	new_queue(0x5a000025, 0600);
	put(1, MESSAGE_MAX);
	put(2, MESSAGE_MAX);
	sent.type = 3;
	in_thread(do_send);
}

static void
send_check(void)
{
	EQUAL(result, -1);
	take(0, 1, MESSAGE_MAX);
	joined(0);
	take(0, 2, MESSAGE_MAX);
	take(0, 3, 99);
	none_left();
}

const struct behaviour ipc[] = {
	{ "sysv_shm_attached", attached_setup, attached_check },
	{ "sysv_shm_detached", detached_setup, detached_check },
	{ "sysv_shm_deleted", deleted_setup, deleted_check },
	{ "sysv_shm_private", private_setup, private_check },
	{ "sysv_shm_read_only", readonly_setup, readonly_check },
	{ "sysv_shm_in_part", part_setup, part_check },
	{ "sysv_shm_in_a_gap", nested_setup, nested_check },
	{ "sysv_shm_sparse", sparse_setup, sparse_check },
	{ "sysv_shm_owner", owner_setup, owner_check },
	{ "sysv_shm_creator", creator_setup, creator_check },
	{ "sysv_shm_locked", locked_setup, locked_check },
	{ "sysv_shm_executable", execute_setup, execute_check },
	{ "sysv_shm_inherited", inherited_setup, inherited_check },
	{ "sysv_shm_of_a_child", child_only_setup, child_only_check },
	{ "sysv_sem_values", values_setup, values_check },
	{ "sysv_sem_owner", set_owner_setup, set_owner_check },
	{ "sysv_sem_last_pids", pids_setup, pids_check },
	{ "sysv_sem_undo_lock", lock_setup, lock_check },
	{ "sysv_sem_undo_gift", give_setup, give_check },
	{ "sysv_sem_undo_most", most_setup, most_check },
	{ "sysv_sem_undo_many", many_setup, many_check },
	{ "sysv_sem_undo_thread", thread_setup, lock_check },
	{ "sysv_sem_undo_nothing", no_undo_setup, no_undo_check },
	{ "sysv_sem_wait", wait_setup, wait_check },
	{ "sysv_sem_wait_zero", zero_setup, zero_check },
	{ "sysv_sem_wait_timed", timed_setup, timed_check },
	{ "sysv_sem_wait_contended", contended_setup, contended_check },
	{ "sysv_msg_order", order_setup, order_check },
	{ "sysv_msg_lengths", lengths_setup, lengths_check },
	{ "sysv_msg_over_its_capacity", capacity_setup, capacity_check },
	{ "sysv_msg_owner", queue_owner_setup, queue_owner_check },
	{ "sysv_msg_wait_to_receive", receive_setup, receive_check },
	{ "sysv_msg_wait_to_send", send_setup, send_check },
	{ NULL, NULL, NULL },
};
