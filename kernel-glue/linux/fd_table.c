/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables and open file descriptions: which are shared, and what
 * kind each is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/share.h"
#include "linux/posix_queue.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD	O_EXCL	/* linux/pidfd.h, 6.9 */
#endif

#ifndef O_LARGEFILE_KERNEL
#define O_LARGEFILE_KERNEL	0100000
#endif

/*
 * Candidates for being one open file description agree in inode number, flags
 * and position; kcmp decides among them.
 */
struct bucket {
	uint64_t	ino, pos;
	uint32_t	flags;
	struct share_set set;
};

static struct bucket *
find_bucket(struct dump *d, const struct open_file *o)
{
	uint64_t key = o->st.st_ino + o->pos;
	struct bucket *b;

	for (size_t at = 0; (b = index_next(&d->buckets, key, &at)) != NULL;)
		if (b->ino == o->st.st_ino && b->flags == o->flags && b->pos == o->pos)
			return b;
	if ((b = dump_alloc(d, sizeof *b)) == NULL || index_add(d, &d->buckets, key, b) != 0)
		return NULL;
	b->ino = o->st.st_ino;
	b->flags = o->flags;
	b->pos = o->pos;
	return b;
}

/* ---- what it is ---- */

static bool
is_terminal(const struct stat *st)
{
	unsigned maj = major(st->st_rdev), min = minor(st->st_rdev);

	return S_ISCHR(st->st_mode) && ((maj >= 136 && maj <= 143) || maj == 4 ||
	    (maj == 5 && min <= 2));
}

static bool
harmless_device(const struct stat *st)
{
	unsigned min = minor(st->st_rdev);

	/* null, zero, full, random, urandom */
	return major(st->st_rdev) == 1 && (min == 3 || min == 5 || min == 7 || min == 8 || min == 9);
}

static int
file_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	o->what = FD_FILE;
	if ((o->on.file = file_intern(d, p, local, o->link)) == NULL)
		return d->err->code;
	if ((S_ISCHR(o->st.st_mode) || S_ISBLK(o->st.st_mode)) && !harmless_device(&o->st))
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, o->fd, o->on.file->id, "device",
		    "device %s is named; its state is not held", o->link);
	return 0;
}

static int
memory_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	char self[40];
	int fd = local;

	o->what = FD_MEMORY;
	if ((o->flags & O_ACCMODE) == O_WRONLY) {
		snprintf(self, sizeof self, "/proc/self/fd/%d", local);
		fd = open(self, O_RDONLY | O_CLOEXEC);
	}
	o->on.memory = mem_object(d, o->st.st_dev, o->st.st_ino, PSNAP_MEMORY_OBJECT_MEMFD, fd);
	if (fd != local && fd >= 0)
		close(fd);
	return o->on.memory != NULL ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
}

static int
classify(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	if (o->flags & O_PATH)
		return file_collect(d, p, o, local);
	switch (o->st.st_mode & S_IFMT) {
	case S_IFIFO:
		return pipe_collect(d, p, o, local);
	case S_IFSOCK:
		return socket_collect(d, p, o, local);
	case S_IFCHR:
		return is_terminal(&o->st) ? terminal_collect(d, p, o, local) : file_collect(d, p, o, local);
	case S_IFREG:
		if (strncmp(o->link, "/memfd:", 7) == 0)
			return memory_collect(d, p, o, local);
		if (posix_queue_is(local))
			return posix_queue_collect(d, o, local);
		return o->link[0] == '/' ? file_collect(d, p, o, local) : anon_collect(d, p, o, local);
	case S_IFDIR:
	case S_IFBLK:
	case S_IFLNK:
		return file_collect(d, p, o, local);
	default:
		return anon_collect(d, p, o, local);
	}
}

/* ---- one descriptor ---- */

static void
read_owner(struct open_file *o, int local)
{
	struct f_owner_ex owner;

	if (fcntl(local, F_GETOWN_EX, &owner) == 0 && owner.pid != 0) {
		o->owner_kind = owner.type == F_OWNER_TID ? PSNAP_OWNER_THREAD :
		    owner.type == F_OWNER_PID ? PSNAP_OWNER_PROCESS : PSNAP_OWNER_GROUP;
		o->owner_id = owner.pid;
		o->owner_signal = fcntl(local, F_GETSIG);
	}
}

static int
describe(struct dump *d, struct proc *p, int fd, struct open_file *o, bool *cloexec, int local)
{
	char path[48];
	uint32_t flags;
	char *link;
	int r;

	snprintf(path, sizeof path, "fd/%d", fd);
	if ((r = proc_readlink(d, p, path, &link)) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, -r, p, "reading %s", path);
	snprintf(path, sizeof path, "fdinfo/%d", fd);
	if ((r = proc_read(d, p, path, &o->info, NULL)) != 0)
		return r;
	flags = (uint32_t)field_number(o->info, "flags", 8);
	*cloexec = flags & O_CLOEXEC;
	o->flags = flags & ~(uint32_t)O_CLOEXEC;
	o->pos = field_number(o->info, "pos", 10);
	o->link = link;
	o->proc = p;
	o->fd = fd;
	o->own = -1;
	if (fstat(local, &o->st) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, p, "examining descriptor %d", fd);
	return 0;
}

/* Among those seen by kcmp: the place of the one that o is, which is descriptor fd of p. */
static void **
find_open_file(struct dump *d, const struct open_file *o, const struct proc *p, int fd)
{
	struct bucket *b = find_bucket(d, o);

	return b == NULL ? NULL : share_find(d, &b->set, SHARE_FILE, p, fd);
}

/* The one already known that o is, which is descriptor fd of p, or o itself as a new one. */
static int
share_open_file(struct dump *d, struct open_file *o, const struct proc *p, int fd, int local, struct open_file **out)
{
	void **shared = find_open_file(d, o, p, fd);

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, o->proc, "out of memory");
	if ((*out = *shared) != NULL)
		return locks_take(d, *out, o->proc, o->info, false);
	if (locks_take(d, o, o->proc, o->info, true) != 0 || list_add(d, &d->open_files, o) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, o->proc, "out of memory");
	*out = *shared = o;
	o->id = dump_new_id(d);
	if (!(o->flags & O_PATH))
		read_owner(o, local);
	return classify(d, o->proc, o, local);
}

/* ---- the same by the facts ---- */

static int
open_pidfd(struct dump *d, struct proc *p)
{
	if (p->pid_fd >= 0)
		return 0;
	p->pid_fd = (int)syscall(SYS_pidfd_open, p->live, p->live != p->pid ? PIDFD_THREAD : 0);
	if (p->pid_fd < 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, p, p->live == p->pid ? "pidfd_open" :
		    "its first thread has exited, and Linux 6.9 is the first to give us descriptors by another");
	return 0;
}

/* Our own duplicate of descriptor fd. */
static int
duplicate(struct dump *d, struct proc *p, int fd, int *local)
{
	int r = open_pidfd(d, p);

	if (r != 0)
		return r;
	*local = (int)syscall(SYS_pidfd_getfd, p->pid_fd, fd, 0);
	return *local >= 0 ? 0 : dump_fail(d, errno == EPERM ? GLUE_E_DENIED : GLUE_E_SYSTEM, errno, p,
	    "duplicating descriptor %d", fd);
}

static void
take_owner(struct open_file *o, const struct rec_descriptor *k)
{
	static const int32_t kinds[] = { PSNAP_OWNER_THREAD, PSNAP_OWNER_PROCESS, PSNAP_OWNER_GROUP };

	if (o->flags & O_PATH || k->owner == 0 || k->owner_kind < 0 || k->owner_kind > 2)
		return;
	o->owner_kind = kinds[k->owner_kind];
	o->owner_id = k->owner;
	o->owner_signal = (int32_t)k->owner_signal;
}

static bool
state_is_told(const struct rec_descriptor *k)
{
	return k->kind != REC_FILE_OTHER && !(k->bits & (REC_DESCRIPTOR_ASK | REC_DESCRIPTOR_LOCKS));
}

/* A plain file that is known by its path is not examined again. */
static bool
is_plain(const struct open_file *o)
{
	return S_ISREG(o->st.st_mode) || S_ISDIR(o->st.st_mode) ||
	    (S_ISCHR(o->st.st_mode) && harmless_device(&o->st));
}

/* Through a duplicate, as without facts. */
static int
examine(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k)
{
	char path[48];
	int local, r;

	if ((r = duplicate(d, p, o->fd, &local)) != 0)
		return r;
	snprintf(path, sizeof path, "fdinfo/%d", o->fd);
	if (fstat(local, &o->st) != 0)
		r = dump_fail(d, GLUE_E_SYSTEM, errno, p, "examining descriptor %d", o->fd);
	else if (k->bits & REC_DESCRIPTOR_LOCKS || o->link[0] != '/')
		r = proc_read(d, p, path, &o->info, NULL);
	if (r == 0)
		r = locks_take(d, o, p, o->info, true);
	if (r == 0)
		r = classify(d, p, o, local);
	close(local);
	return r;
}

static int
take_kind(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k)
{
	bool plain = is_plain(o) && o->link[0] == '/' && strncmp(o->link, "/memfd:", 7) != 0;
	void **known;
	int r;

	if (state_is_told(k) && k->kind != REC_FILE_SOCKET)
		return anon_take(d, p, o, k);
	if (state_is_told(k) && (r = socket_take(d, p, o, k)) != 1)
		return r;
	if (!plain)
		return examine(d, p, o, k);
	if ((known = facts_known(d, k->path)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (*known != NULL && !(k->bits & REC_DESCRIPTOR_LOCKS)) {
		o->what = FD_FILE;
		o->on.file = *known;
		return 0;
	}
	r = examine(d, p, o, k);
	if (o->what == FD_FILE && (known = facts_known(d, k->path)) != NULL)
		*known = o->on.file;
	return r;
}

static int
take_open_file(struct dump *d, struct proc *p, const struct rec_descriptor *k, struct open_file *o)
{
	o->id = dump_new_id(d);
	o->proc = p;
	o->fd = k->fd;
	o->own = -1;
	o->link = rec_name(&k->h);
	o->flags = k->open_flags;
	o->pos = k->position;
	o->st.st_mode = k->mode;
	o->st.st_ino = k->ino;
	o->st.st_rdev = makedev(k->rdev >> 20, k->rdev & 0xfffff);
	take_owner(o, k);
	return take_kind(d, p, o, k);
}

/* A POSIX lock is told with the descriptors of who has it. */
static int
take_locks(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k)
{
	char path[48], *info;
	int r;

	if (!(k->bits & REC_DESCRIPTOR_LOCKS))
		return 0;
	snprintf(path, sizeof path, "fdinfo/%d", k->fd);
	return (r = proc_read(d, p, path, &info, NULL)) != 0 ? r : locks_take(d, o, p, info, false);
}

static int
take_descriptor(struct dump *d, struct proc *p, struct fd_table *table, const struct rec_descriptor *k)
{
	struct descriptor *x = dump_alloc(d, sizeof *x);
	void **known = facts_known(d, k->file);

	if (x == NULL || known == NULL || list_add(d, &table->fds, x) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	x->fd = k->fd;
	x->cloexec = k->bits & REC_DESCRIPTOR_CLOSE_ON_EXEC;
	if ((x->open = *known) != NULL)
		return take_locks(d, p, x->open, k);
	if ((x->open = *known = dump_alloc(d, sizeof *x->open)) == NULL ||
	    list_add(d, &d->open_files, x->open) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	return take_open_file(d, p, k, x->open);
}

/* ---- one descriptor ---- */

static int
descriptor_collect(struct dump *d, struct proc *p, struct fd_table *table, int fd)
{
	struct descriptor *x = dump_alloc(d, sizeof *x);
	struct open_file *o = dump_alloc(d, sizeof *o);
	int local, r;

	if (x == NULL || o == NULL || list_add(d, &table->fds, x) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	x->fd = fd;
	if ((r = duplicate(d, p, fd, &local)) != 0)
		return r;
	if ((r = describe(d, p, fd, o, &x->cloexec, local)) == 0)
		r = share_open_file(d, o, p, fd, local, &x->open);
	close(local);
	return r;
}

/* What was found by the facts, for kcmp to be found by. */
static int
index_open_files(struct dump *d)
{
	if (d->facts == NULL || d->buckets.n > 0)
		return 0;
	for (size_t i = 0; i < d->open_files.n; i++) {
		struct open_file *o = d->open_files.v[i];
		void **place = find_open_file(d, o, o->proc, o->fd);

		if (place == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, o->proc, "out of memory");
		*place = o;
	}
	return 0;
}

int
fd_under_way(struct dump *d, struct proc *self, const struct socket_object *s, int local, struct open_file **out)
{
	struct open_file *o = dump_alloc(d, sizeof *o);
	bool cloexec;
	int r;

	*out = NULL;
	if (o == NULL) {
		r = dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	} else if ((r = index_open_files(d)) == 0 && (r = describe(d, self, local, o, &cloexec, local)) == 0) {
		o->proc = s->proc;
		o->fd = s->fd;
		o->own = local;
		r = share_open_file(d, o, self, local, local, out);
	}
	if (o == NULL || *out != o)
		close(local);
	return r;
}

static int
read_descriptors(struct dump *d, struct proc *p, struct fd_table *t)
{
	int *fds = NULL, r;
	size_t n;

	if ((r = open_pidfd(d, p)) != 0)
		return r;
	if ((r = proc_list_numbers(p, "fd", &fds, &n)) != 0)
		r = dump_fail(d, GLUE_E_DENIED, -r, p, "listing descriptors");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = descriptor_collect(d, p, t, fds[i]);
	free(fds);
	return r;
}

static int
take_descriptors(struct dump *d, struct proc *p, struct fd_table *t)
{
	struct rec_slice all = facts_of(d, p, REC_DESCRIPTOR);
	int r = 0;

	for (size_t i = 0; r == 0 && i < all.n; i++)
		r = take_descriptor(d, p, t, (const void *)all.v[i]);
	return r;
}

int
fd_collect(struct dump *d, struct proc *p)
{
	void **shared = share_find(d, &d->shared_tables, SHARE_FILES, p, 0);
	struct fd_table *t;

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if ((p->table = *shared) != NULL)
		return 0;
	if ((t = dump_alloc(d, sizeof *t)) == NULL || list_add(d, &d->tables, t) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	p->table = *shared = t;
	t->id = dump_new_id(d);
	t->proc = p;
	return facts_process(d, p) != NULL ? take_descriptors(d, p, t) : read_descriptors(d, p, t);
}

uint64_t
fd_table_id(const struct fd_table *t)
{
	return t->id;
}

/* ---- after all ---- */

static int
compare_epoll(const void *a, const void *b)
{
	const struct epoll_entry *x = *(struct epoll_entry *const *)a, *y = *(struct epoll_entry *const *)b;

	if (x->fd != y->fd)
		return x->fd < y->fd ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return (x->data > y->data) - (x->data < y->data);
}

/* An epoll entry's target is the description its number still leads to, if the inode agrees. */
static int
resolve_epoll(struct dump *d, struct fd_table *t, struct open_file *epoll)
{
	int r;

	/* the kernel's tree is in the order of addresses */
	if (epoll->epoll.n > 1)
		qsort(epoll->epoll.v, epoll->epoll.n, sizeof *epoll->epoll.v, compare_epoll);
	for (size_t i = 0; i < epoll->epoll.n; i++) {
		struct epoll_entry *e = epoll->epoll.v[i];

		for (size_t k = 0; k < t->fds.n && e->target == NULL; k++) {
			struct descriptor *x = t->fds.v[k];

			if (x->fd == e->fd && x->open->st.st_ino == e->ino)
				e->target = x->open;
		}
		for (size_t k = 0; k < d->open_files.n && e->target == NULL; k++) {
			struct open_file *o = d->open_files.v[k];

			if (o->st.st_ino == e->ino && o->what != FD_EPOLL && o->what != FD_EVENTFD &&
			    o->what != FD_TIMERFD && o->what != FD_SIGNALFD)
				e->target = o;
		}
		if (e->target == NULL && (r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, epoll->proc, 0, epoll->fd,
		    epoll->id, "epoll-target", "watches descriptor %d, which is not open any more",
		    (int)e->fd)) != 0)
			return r;
	}
	return 0;
}

static int
resolve_pidfd(struct dump *d, struct open_file *o)
{
	const struct proc *p = find_proc(d, o->target_pid);

	if (p != NULL)
		o->target_id = p->id;
	return o->target_id != 0 ? 0 : dump_cover(d, PSNAP_COVERAGE_DEGRADES, o->proc, 0, o->fd, o->id,
	    "pidfd-outside", "of pid %d, which is not in the tree", (int)o->target_pid);
}

static int
resolve_pipes(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->pipes.n; i++) {
		const struct pipe_object *p = d->pipes.v[i];

		if (p->fifo == NULL && p->read_end != p->write_end &&
		    (r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, p->any->proc, 0, p->any->fd, p->id,
		    "pipe-outside", "the %s end belongs to a process outside the tree",
		    p->read_end ? "writing" : "reading")) != 0)
			return r;
	}
	return 0;
}

int
fd_resolve(struct dump *d)
{
	int r;

	if ((r = messages_collect(d)) != 0 || (r = tcp_collect(d)) != 0 || (r = tcp_keys_collect(d)) != 0 ||
	    (r = posix_queues_look(d)) != 0)
		return r;
	for (size_t i = 0; i < d->open_files.n; i++) {
		struct open_file *o = d->open_files.v[i];

		if ((o->what == FD_EPOLL && (r = resolve_epoll(d, o->proc->table, o)) != 0) ||
		    (o->what == FD_PIDFD && (r = resolve_pidfd(d, o)) != 0))
			return r;
	}
	for (size_t i = 0; i < d->terminals.n; i++) {
		const struct terminal *t = d->terminals.v[i];

		if (t->kind == PSNAP_TERMINAL_PTY && !t->master && (r = dump_cover(d, PSNAP_COVERAGE_NOTE,
		    NULL, 0, -1, t->id, "terminal-outside",
		    "pts/%u: its master belongs to a process outside the tree", t->index)) != 0)
			return r;
		if ((t->unread_input > 0 || t->unread_output > 0) && (r = dump_cover(d,
		    PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, t->id, "terminal-data",
		    "pts/%u: unread input or output is not held", t->index)) != 0)
			return r;
	}
	if ((r = resolve_pipes(d)) != 0)
		return r;
	return socket_resolve(d);
}
