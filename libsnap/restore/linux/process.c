/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process has beside memory and descriptors: working directory,
 * dispositions, limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libsnap/restore/linux/users.h"

/* ---- working directory and root ---- */

/* Processes of a tree mostly are in the same one: it is opened once. */
static int
directory(struct restore *r, uint64_t file_id)
{
	if (r->directory_id != file_id) {
		r->directory = file_open(r, file_id, O_PATH | O_DIRECTORY);
		r->directory_id = file_id;
	}
	return r->directory;
}

static int
enter(struct restore *r, struct target *t, uint64_t file_id, bool root)
{
	struct task *k = &t->tasks[0];
	uint64_t dot;
	int fd, e;

	if ((fd = directory(r, file_id)) < 0)
		return fd;
	/* its table is empty: the only one is number 0 */
	if ((e = descriptors_send(r, k, &fd, 1, false)) != 0 ||
	    (e = ask(r, k, NR_FCHDIR, WANT_ZERO, "changing directory", file_id, ARGS(0))) != 0 ||
	    (e = ask(r, k, NR_CLOSE, WANT_ZERO, "changing directory", file_id, ARGS(0))) != 0 || !root)
		return e;
	if ((dot = put(r, k, ".", 2)) == 0)
		return restore_nomem(r);
	return ask(r, k, NR_CHROOT, WANT_ZERO, "changing root", file_id, ARGS(dot));
}

static bool
is_our_root(struct restore *r, uint64_t file_id)
{
	const Psnap__File *f = snap_get_message(r->s, file_id, PSNAP_KIND_FILE);

	return f == NULL || (f->path.len == 1 && f->path.data[0] == '/');
}

static int
restore_fs(struct restore *r, struct target *t)
{
	const Psnap__FsContext *f = snap_get_message(r->s, t->p->fs_context_id, PSNAP_KIND_FS_CONTEXT);
	int e;

	if (!is_our_root(r, f->root_file_id) && (e = enter(r, t, f->root_file_id, true)) != 0)
		return e;
	if (f->cwd_file_id != 0 && (e = enter(r, t, f->cwd_file_id, false)) != 0)
		return e;
	return ask(r, &t->tasks[0], NR_UMASK, WANT_NOT_NEGATIVE, "setting the umask", t->p->fs_context_id,
	    ARGS(f->umask));
}

/* ---- dispositions ---- */

static uint64_t
action_flags(const Psnap__SignalAction *a)
{
	return (a->no_child_stop ? 0x1 : 0) | (a->no_child_wait ? 0x2 : 0) | (a->with_info ? 0x4 : 0) |
	    (a->on_stack ? 0x08000000 : 0) | (a->restart ? 0x10000000 : 0) | (a->no_defer ? 0x40000000 : 0) |
	    (a->reset_hand ? 0x80000000 : 0) | (a->has_restorer ? 0x04000000 : 0) |
	    (a->expose_tagbits ? 0x800 : 0) | a->other_flags;
}

static int
restore_handlers(struct restore *r, struct target *t)
{
	const Psnap__SignalHandlers *h =
	    snap_get_message(r->s, t->p->signal_handlers_id, PSNAP_KIND_SIGNAL_HANDLERS);
	int e;

	for (size_t i = 0; i < h->n_actions; i++) {
		const Psnap__SignalAction *a = h->actions[i];
		uint64_t handler = a->ignore ? 1 : a->handler, at;
		uint8_t raw[32];

		if (t->is32) {
			psnap_put32(raw, (uint32_t)handler);
			psnap_put32(raw + 4, (uint32_t)action_flags(a));
			psnap_put32(raw + 8, (uint32_t)a->restorer);
			psnap_put64(raw + 12, signal_set_mask(a->blocks));
		} else {
			psnap_put64(raw, handler);
			psnap_put64(raw + 8, action_flags(a));
			psnap_put64(raw + 16, a->restorer);
			psnap_put64(raw + 24, signal_set_mask(a->blocks));
		}
		if ((at = put(r, &t->tasks[0], raw, t->is32 ? 20 : 32)) == 0)
			return restore_nomem(r);
		if ((e = ask(r, &t->tasks[0], NR_RT_SIGACTION, WANT_ZERO, "setting a signal's disposition",
		    t->p->signal_handlers_id, ARGS((uint64_t)a->signal, at, 0, 8))) != 0)
			return e;
	}
	return 0;
}

/* ---- the rest ---- */

/* What an i386 kernel does for every process, an amd64 one does if asked. */
static uint64_t
i386_bits(const struct restore *r, const struct target *t)
{
	return !r->native32 && t->is32 && r->p->host->taken_abi == PSNAP__ABI__ABI_I386 ?
	    PER_LINUX32 | ADDR_LIMIT_3GB : 0;
}

uint64_t
personality_bits(const struct restore *r, const struct target *t)
{
	static const Psnap__Personality none = PSNAP__PERSONALITY__INIT;
	const Psnap__Personality *p = t->p->personality != NULL ? t->p->personality : &none;

	return i386_bits(r, t) | (p->linux32 ? PER_LINUX32 : 0) | (p->no_randomize ? ADDR_NO_RANDOMIZE : 0) |
	    (p->address_limit_3gb ? ADDR_LIMIT_3GB : 0) | (p->legacy_layout ? ADDR_COMPAT_LAYOUT : 0) |
	    (p->read_implies_exec ? READ_IMPLIES_EXEC : 0) | (p->mmap_page_zero ? MMAP_PAGE_ZERO : 0) |
	    (p->short_inode ? SHORT_INODE : 0) | (p->whole_seconds ? WHOLE_SECONDS : 0) |
	    (p->sticky_timeouts ? STICKY_TIMEOUTS : 0) | (p->uname26 ? 0x0020000 : 0) |
	    (p->fdpic_funcptrs ? 0x0080000 : 0) | p->other;
}

/* By ourselves: /proc/PID/oom_score_adj. */
static int
set_oom_adjust(struct restore *r, const struct target *t)
{
	char path[40], text[16];
	int fd, n, e = 0;

	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)t->p->pid);
	n = snprintf(text, sizeof text, "%d", (int)t->p->oom_score_adjust);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return 0;
	/* to lower it takes CAP_SYS_RESOURCE: told by the preflight */
	if (write(fd, text, (size_t)n) != n && errno != EACCES && errno != EPERM)
		e = restore_fail(r, t, t->id, errno, "setting oom_score_adj");
	close(fd);
	return e;
}

static int
restore_one(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	int e;

	if (t->fs == t && (e = restore_fs(r, t)) != 0)
		return e;
	if (t->handlers == t && (e = restore_handlers(r, t)) != 0)
		return e;
	if ((e = ask(r, k, NR_PERSONALITY, WANT_NOT_NEGATIVE, "setting the personality", t->id,
	    ARGS(personality_bits(r, t)))) != 0)
		return e;
	if (t->p->child_subreaper && (e = ask(r, k, NR_PRCTL, WANT_ZERO, "becoming a child subreaper", t->id,
	    ARGS(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))) != 0)
		return e;
	return set_oom_adjust(r, t);
}

int
process_restore(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (t->zombie)
			continue;
		/* tables in common are used by one at a time */
		if ((e = t->table != t ? run(r) : 0) != 0)
			return e;
		put_reset(t);
		if ((e = restore_one(r, t)) != 0 || (e = t->table != t ? run(r) : 0) != 0)
			return e;
	}
	return run(r);
}

/* ---- limits ---- */

static const struct { int resource; uint64_t unit; } limit_kinds[] = {	/* by LimitKind */
	[PSNAP__LIMIT_KIND__LIMIT_CPU_NS] = { RLIMIT_CPU, NS },
	[PSNAP__LIMIT_KIND__LIMIT_FILE_SIZE] = { RLIMIT_FSIZE, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_DATA] = { RLIMIT_DATA, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_STACK] = { RLIMIT_STACK, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_CORE] = { RLIMIT_CORE, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_RSS] = { RLIMIT_RSS, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_PROCESSES] = { RLIMIT_NPROC, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_OPEN_FILES] = { RLIMIT_NOFILE, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_LOCKED_MEMORY] = { RLIMIT_MEMLOCK, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_ADDRESS_SPACE] = { RLIMIT_AS, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_LOCKS] = { RLIMIT_LOCKS, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_PENDING_SIGNALS] = { RLIMIT_SIGPENDING, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_MESSAGE_QUEUE_BYTES] = { RLIMIT_MSGQUEUE, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_NICE] = { RLIMIT_NICE, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_REALTIME_PRIORITY] = { RLIMIT_RTPRIO, 1 },
	[PSNAP__LIMIT_KIND__LIMIT_REALTIME_NS] = { RLIMIT_RTTIME, 1000 },
};

static rlim64_t
limit_value(uint64_t v, bool unlimited, uint64_t unit)
{
	return unlimited ? RLIM64_INFINITY : v / unit;
}

/*
 * From outside, so no matter how small they are.  A hard limit above ours
 * takes CAP_SYS_RESOURCE; the preflight has told that ours stands in.
 */
static int
set_limits(struct restore *r, const struct target *t)
{
	for (size_t i = 0; i < t->p->n_limits; i++) {
		const Psnap__Limit *l = t->p->limits[i];
		struct rlimit64 want, have;
		int resource;

		if (l->kind == 0 || (size_t)l->kind >= sizeof limit_kinds / sizeof *limit_kinds)
			continue;
		resource = limit_kinds[l->kind].resource;
		want.rlim_cur = limit_value(l->soft, l->soft_unlimited, limit_kinds[l->kind].unit);
		want.rlim_max = limit_value(l->hard, l->hard_unlimited, limit_kinds[l->kind].unit);
		if (prlimit64(t->p->pid, resource, NULL, &have) == 0 && have.rlim_cur == want.rlim_cur &&
		    have.rlim_max == want.rlim_max)
			continue;
		if (prlimit64(t->p->pid, resource, &want, NULL) == 0)
			continue;
		if (errno != EPERM)
			return restore_fail(r, t, t->id, errno, "setting limit %d", resource);
		if (want.rlim_max > have.rlim_max)
			want.rlim_max = have.rlim_max;
		if (want.rlim_cur > want.rlim_max)
			want.rlim_cur = want.rlim_max;
		if (prlimit64(t->p->pid, resource, &want, NULL) != 0)
			return restore_fail(r, t, t->id, errno, "setting limit %d", resource);
	}
	return 0;
}

int
limits_restore(struct restore *r)
{
	int e = 0;

	users_act_as_owner(r);
	for (size_t i = 0; i < r->p->n && e == 0; i++)
		if (!r->p->targets[i].zombie)
			e = set_limits(r, &r->p->targets[i]);
	users_act_as_before(r);
	return e;
}
