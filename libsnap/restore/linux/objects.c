/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open file descriptions and shared memory, made in our own descriptor table:
 * what several processes share is handed to each of them later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

/* ---- shared memory ---- */

/* Through our own mapping of it: shared anonymous memory has no other handle. */
static int
make_anonymous(const Psnap__MemoryObject *m)
{
	size_t size = (size_t)((m->size + PAGE_SIZE_LINUX - 1) & ~(uint64_t)(PAGE_SIZE_LINUX - 1));
	char path[64];
	void *map;
	int fd;

	if (size != ((m->size + PAGE_SIZE_LINUX - 1) & ~(uint64_t)(PAGE_SIZE_LINUX - 1))) {
		errno = ENOMEM;
		return -1;
	}
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -1;
	snprintf(path, sizeof path, "/proc/self/map_files/%lx-%lx", (unsigned long)(uintptr_t)map,
	    (unsigned long)((uintptr_t)map + size));
	fd = open(path, O_RDWR | O_CLOEXEC);
	munmap(map, size);
	/* without the privilege for map_files */
	if (fd < 0 && (fd = memfd_create("anonymous", MFD_CLOEXEC)) >= 0 && ftruncate(fd, (off_t)size) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
make_memfd(const Psnap__MemoryObject *m)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING, log = 0;
	char name[250] = { 0 };
	int fd;

	if (m->name.len > 0)
		memcpy(name, m->name.data, m->name.len < sizeof name ? m->name.len : sizeof name - 1);
	if (m->huge_page_size != 0) {
		for (uint64_t size = m->huge_page_size; size > 1; size >>= 1)
			log++;
		flags |= MFD_HUGETLB | log << 26;
	}
	if ((fd = memfd_create(name, flags)) < 0)
		return -1;
	if (ftruncate(fd, (off_t)m->size) != 0 || fchmod(fd, m->mode & 07777) != 0) {
		close(fd);
		return -1;
	}
	/* for others' memory the owner must be privileged */
	if (fchown(fd, m->uid, m->gid) != 0 && errno != EPERM) {
		close(fd);
		return -1;
	}
	return fd;
}

/* s->fd, or -1 and errno. */
static int
make_shared(struct restore *r, struct shared *s)
{
	if (s->segment != NULL)
		return segment_make(r, s->segment, &s->fd, &s->kept);
	s->fd = s->m->kind == PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_MEMFD ? make_memfd(s->m) : make_anonymous(s->m);
	return 0;
}

int
objects_make_shared(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_MEMORY_OBJECT, &n);
	int e;

	if ((r->shared = plan_alloc(r->p, (n + 1) * sizeof *r->shared)) == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < n; i++) {
		const Psnap__MemoryObject *m = (const void *)v[i]->message;
		struct shared *s = &r->shared[r->nshared];

		if (m->kind == PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_FILE_CONTENT)
			continue;
		*s = (struct shared){ .id = v[i]->id, .m = m, .segment = segment_find(r->s, v[i]->id) };
		if ((e = make_shared(r, s)) != 0)
			return e;
		if ((s->fd = keep_fd(r, s->fd)) < 0)
			return restore_fail(r, NULL, v[i]->id, errno, "making shared memory");
		r->nshared++;
		if (!s->kept && (e = pages_read_object(r, s->id, s->fd, m->size)) != 0)
			return e;
	}
	return 0;
}

struct shared *
shared_find(struct restore *r, uint64_t id)
{
	for (size_t i = 0; i < r->nshared; i++)
		if (r->shared[i].id == id)
			return &r->shared[i];
	return NULL;
}

static int
seal(struct restore *r)
{
	for (size_t i = 0; i < r->nshared; i++) {
		const struct shared *s = &r->shared[i];

		if (s->m->seals != 0 && fcntl(s->fd, F_ADD_SEALS, s->m->seals) != 0)
			return restore_fail(r, NULL, s->id, errno, "sealing a memfd");
	}
	return 0;
}

/* ---- open files ---- */

static int
open_flags(const Psnap__OpenFile *o)
{
	static const int access[] = { [PSNAP__ACCESS_MODE__ACCESS_READ] = O_RDONLY,
	    [PSNAP__ACCESS_MODE__ACCESS_WRITE] = O_WRONLY, [PSNAP__ACCESS_MODE__ACCESS_READ_WRITE] = O_RDWR,
	    [PSNAP__ACCESS_MODE__ACCESS_PATH] = O_PATH };

	return ((size_t)o->access < sizeof access / sizeof *access ? access[o->access] : O_RDONLY) |
	    (o->append ? O_APPEND : 0) | (o->non_block ? O_NONBLOCK : 0) | (o->direct ? O_DIRECT : 0) |
	    (o->data_sync ? O_DSYNC : 0) | (o->sync ? O_SYNC : 0) | (o->no_atime ? O_NOATIME : 0) |
	    (o->directory ? O_DIRECTORY : 0) | (o->large_file ? 0100000 : 0);
}

static int
memory_make(struct restore *r, struct object *x)
{
	struct shared *s = shared_find(r, x->o->memory_object_id);

	if (s == NULL)
		return restore_fail(r, NULL, x->id, ENOENT, "its memory object");
	if ((x->fd = keep_fd(r, fd_reopen(s->fd, open_flags(x->o)))) < 0)
		return restore_fail(r, NULL, x->id, errno, "opening a memfd");
	return 0;
}

static int
queue_open(struct restore *r, struct object *x)
{
	int fd = posix_queue_find(r, x->o->posix_queue_id);

	if (fd < 0)
		return restore_fail(r, NULL, x->id, ENOENT, "its POSIX message queue");
	if ((x->fd = keep_fd(r, fd_reopen(fd, open_flags(x->o)))) < 0)
		return restore_fail(r, NULL, x->id, errno, "opening a POSIX message queue");
	return 0;
}

static int
make_object(struct restore *r, struct object *x)
{
	const Psnap__OpenFile *o = x->o;
	int e;

	if (o->pipe_id != 0)
		return pipe_make(r, x);
	if (o->terminal_id != 0)
		return terminal_make(r, x);
	if (o->socket_id != 0)
		return socket_make(r, x);
	if (o->posix_queue_id != 0)
		return queue_open(r, x);
	if (o->memory_object_id != 0)
		e = memory_make(r, x);
	else if (o->file_id != 0)
		e = (x->fd = file_open(r, o->file_id, open_flags(o))) < 0 ? x->fd : 0;
	else
		return anon_make(r, x);
	if (e == 0 && o->position != 0 && o->access != PSNAP__ACCESS_MODE__ACCESS_PATH &&
	    lseek(x->fd, (off_t)o->position, SEEK_SET) < 0 && errno != ESPIPE && errno != EINVAL)
		return restore_fail(r, NULL, x->id, errno, "setting a file position");
	return e;
}

static int
compare_objects(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

struct object *
object_find(struct restore *r, uint64_t id)
{
	struct object key = { .id = id };

	return r->nobjects == 0 ? NULL :
	    bsearch(&key, r->objects, r->nobjects, sizeof key, compare_objects);
}

/* The pipe or socket it is one of several on, or 0. */
static uint64_t
shared_by(const struct object *x)
{
	return x->o->socket_id != 0 ? x->o->socket_id : x->o->pipe_id;
}

static int
compare_shared(const void *a, const void *b)
{
	const struct object *x = *(struct object *const *)a, *y = *(struct object *const *)b;
	uint64_t i = shared_by(x), k = shared_by(y);

	return i != k ? (i > k) - (i < k) : compare_objects(x, y);
}

struct object **
objects_on(struct restore *r, uint64_t id, size_t *n)
{
	size_t low = 0, high = r->nobjects;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (shared_by(r->by_shared[middle]) < id)
			low = middle + 1;
		else
			high = middle;
	}
	for (*n = 0; low + *n < r->nobjects && shared_by(r->by_shared[low + *n]) == id; ++*n)
		;
	return r->by_shared + low;
}

static bool
is_connected(struct restore *r, const struct object *x)
{
	const Psnap__Socket *s = snap_get_message(r->s, x->o->socket_id, PSNAP_KIND_SOCKET);

	return s != NULL && tcp_is_connected(s);
}

/* Connections last: nobody can listen on a port any more that one of them has. */
static int
make_each(struct restore *r, bool connected)
{
	int e;

	for (size_t i = 0; i < r->nobjects; i++)
		if (r->objects[i].fd < 0 && is_connected(r, &r->objects[i]) == connected &&
		    (e = make_object(r, &r->objects[i])) != 0)
			return e;
	return 0;
}

int
objects_make(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_OPEN_FILE, &n);
	int e;

	if ((r->objects = plan_alloc(r->p, (n + 1) * sizeof *r->objects)) == NULL ||
	    (r->by_shared = plan_alloc(r->p, (n + 1) * sizeof *r->by_shared)) == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < n; i++)
		r->objects[r->nobjects++] = (struct object){ v[i]->id, (const void *)v[i]->message, -1 };
	qsort(r->objects, r->nobjects, sizeof *r->objects, compare_objects);
	for (size_t i = 0; i < n; i++)
		r->by_shared[i] = &r->objects[i];
	qsort(r->by_shared, r->nobjects, sizeof *r->by_shared, compare_shared);
	if ((r->filler = keep_fd(r, open("/dev/null", O_RDONLY | O_CLOEXEC))) < 0)
		return restore_fail(r, NULL, 0, errno, "opening /dev/null");
	if ((e = pending_find(r)) == 0 && (e = make_each(r, false)) == 0 && (e = make_each(r, true)) == 0 &&
	    (e = pending_connect(r)) == 0)
		e = sockets_fill(r);
	sockets_close_far(r);
	return e;
}

/* ---- when everything exists ---- */

/* A descriptor of t on it, or -1. */
static int
find_descriptor(struct restore *r, const struct target *t, const struct object *x)
{
	const Psnap__DescriptorTable *table =
	    snap_get_message(r->s, t->p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE);

	for (size_t i = 0; table != NULL && i < table->n_descriptors; i++)
		if (table->descriptors[i]->open_file_id == x->id)
			return (int)table->descriptors[i]->fd;
	return -1;
}

/* By a process that has it: signals about it will tell the number it was asked with. */
static int
ask_holder(struct restore *r, struct object *x, int command, int argument, const char *what)
{
	int fd;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (!t->zombie && (fd = find_descriptor(r, t, x)) >= 0)
			return ask_now(r, &t->tasks[0], NR_FCNTL, WANT_ZERO, what, x->id,
			    ARGS((uint64_t)fd, (uint64_t)command, (uint64_t)argument), NULL);
	}
	/* it is only under way */
	return fcntl(x->fd, command, argument) == 0 ? 0 : restore_fail(r, NULL, x->id, errno, "%s", what);
}

static int
set_owner(struct restore *r, struct object *x)
{
	static const int kinds[] = { [PSNAP__OWNER_KIND__OWNER_THREAD] = F_OWNER_TID,
	    [PSNAP__OWNER_KIND__OWNER_PROCESS] = F_OWNER_PID, [PSNAP__OWNER_KIND__OWNER_GROUP] = F_OWNER_PGRP };
	const Psnap__FileOwner *w = x->o->owner;
	struct f_owner_ex owner;

	if (w == NULL || w->kind == PSNAP__OWNER_KIND__OWNER_NONE || (size_t)w->kind >= sizeof kinds / sizeof *kinds)
		return 0;
	owner.type = kinds[w->kind];
	owner.pid = w->id;
	/* an owner that is not in the snapshot may be gone: nobody is told then, as before */
	if (fcntl(x->fd, F_SETOWN_EX, &owner) != 0 && errno != ESRCH)
		return restore_fail(r, NULL, x->id, errno, "setting the owner of an open file");
	if (w->signal != 0 && fcntl(x->fd, F_SETSIG, (int)w->signal) != 0)
		return restore_fail(r, NULL, x->id, errno, "setting the signal of an open file");
	return x->o->async ? ask_holder(r, x, F_SETFL, fcntl(x->fd, F_GETFL) | O_ASYNC, "setting O_ASYNC") : 0;
}

/* A POSIX lock is told with all descriptors of its owner that are on the file, some of which cannot take it. */
static bool
can_take(const Psnap__OpenFile *o, const Psnap__FileLock *lock)
{
	return o->access == PSNAP__ACCESS_MODE__ACCESS_READ_WRITE ||
	    o->access == (lock->write ? PSNAP__ACCESS_MODE__ACCESS_WRITE : PSNAP__ACCESS_MODE__ACCESS_READ);
}

/* It belongs to a process, which has to take it itself. */
static int
posix_lock(struct restore *r, struct object *x, const Psnap__FileLock *lock)
{
	struct target *t = plan_find(r->p, lock->pid);
	struct { int16_t type, whence; uint32_t pad; int64_t start, len; int32_t pid, pad2; } l64 = { 0 };
	uint8_t l32[24] = { 0 };
	int16_t type = lock->write ? F_WRLCK : F_RDLCK;
	int64_t len = lock->to_end ? 0 : (int64_t)(lock->end - lock->start + 1);
	uint64_t at;
	int fd;

	if (t == NULL || t->zombie || !can_take(x->o, lock))
		return 0;
	if ((fd = find_descriptor(r, t, x)) < 0)
		return 0;
	put_reset(t);
	if (t->is32) {
		memcpy(l32, &type, 2);
		psnap_put64(l32 + 4, lock->start);
		psnap_put64(l32 + 12, (uint64_t)len);
		at = put(r, &t->tasks[0], l32, sizeof l32);
	} else {
		l64.type = type;
		l64.start = (int64_t)lock->start;
		l64.len = len;
		at = put(r, &t->tasks[0], &l64, sizeof l64);
	}
	if (at == 0)
		return restore_nomem(r);
	/* F_SETLK; F_SETLK64 of i386 */
	return ask_now(r, &t->tasks[0], NR_FCNTL, WANT_ZERO, "locking a file", x->id,
	    ARGS((uint64_t)fd, t->is32 ? 13 : 6, at), NULL);
}

static int
take_locks(struct restore *r, struct object *x)
{
	for (size_t i = 0; i < x->o->n_locks; i++) {
		const Psnap__FileLock *lock = x->o->locks[i];
		struct flock l = { .l_type = lock->write ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET,
		    .l_start = (off_t)lock->start,
		    .l_len = lock->to_end ? 0 : (off_t)(lock->end - lock->start + 1) };
		int e = 0;

		switch (lock->kind) {
		case PSNAP__FILE_LOCK_KIND__FILE_LOCK_POSIX:
			e = posix_lock(r, x, lock);
			break;
		case PSNAP__FILE_LOCK_KIND__FILE_LOCK_OFD:
			if (fcntl(x->fd, F_OFD_SETLK, &l) != 0)
				e = restore_fail(r, NULL, x->id, errno, "locking a file");
			break;
		case PSNAP__FILE_LOCK_KIND__FILE_LOCK_FLOCK:
			if (flock(x->fd, (lock->write ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0)
				e = restore_fail(r, NULL, x->id, errno, "locking a file");
			break;
		case PSNAP__FILE_LOCK_KIND__FILE_LOCK_LEASE:
			e = ask_holder(r, x, F_SETLEASE, lock->write ? F_WRLCK : F_RDLCK, "taking a lease");
			break;
		default:
			break;
		}
		if (e != 0)
			return e;
	}
	return 0;
}

int
objects_settle(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++)
		if (!r->p->targets[i].zombie)
			put_reset(&r->p->targets[i]);
	for (size_t i = 0; i < r->nobjects; i++) {
		struct object *x = &r->objects[i];

		if ((e = take_locks(r, x)) != 0 ||
		    (e = set_owner(r, x)) != 0 ||
		    (e = anon_settle(r, x)) != 0)
			return e;
	}
	if ((e = terminals_settle(r)) != 0)
		return e;
	return seal(r);
}
