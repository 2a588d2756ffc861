/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors, open file descriptions, and what the kernel's own kinds hold.
 */
#include "kernel-glue/linux-bpf/collect.h"
#include "kernel-glue/linux-bpf/socket.h"

struct descriptor_record {
	struct rec_descriptor d;
	char	name[NAME_ROOM];
};
SCRATCH(descriptor_scratch, struct descriptor_record);

#define EPOLL_MAX	256	/* entries; a descriptor with all of them has to fit in the iterator's 32 KiB */
#define FLAG_PATH	010000000	/* O_PATH */

/* ---- owner and locks ---- */

static __always_inline void
owner(struct rec_descriptor *r, struct file *f)
{
	const struct file___embedded *old = (const void *)f;
	const struct fown_struct *o;
	const struct pid *pid;
	__u32 type;

	if (bpf_core_field_exists(old->f_owner.signum))
		o = (const void *)f + bpf_core_field_offset(old->f_owner);
	else
		o = BPF_CORE_READ(f, f_owner);
	r->owner_kind = -1;
	pid = o != NULL ? BPF_CORE_READ(o, pid) : NULL;
	if (pid == NULL)
		return;
	type = BPF_CORE_READ(o, pid_type);
	if (type > PIDTYPE_PGID)
		return;
	r->owner_signal = BPF_CORE_READ(o, signum);
	/* one that nobody has any more owns nothing */
	if (BPF_CORE_READ(pid, tasks[type & 3].first) == NULL)
		return;
	r->owner = number_of(pid);
	r->owner_kind = type;
}

static __always_inline bool
any(const struct list_head *l)
{
	return BPF_CORE_READ(l, next) != l;
}

static __always_inline bool
has_locks(const struct inode *i)
{
	const struct file_lock_context *c;

	if (!bpf_core_field_exists(i->i_flctx))
		return 1;
	c = BPF_CORE_READ(i, i_flctx);
	return c != NULL && (any(&c->flc_flock) || any(&c->flc_posix) || any(&c->flc_lease));
}

/* ---- epoll ---- */

struct walk {
	struct seq_file	*seq;		/* NULL: count only */
	struct rb_node	*at, *from;	/* where, and where from */
	struct rec_epoll r;
	struct rec_descriptor *d;	/* its count: in a map, where the verifier does not follow each value */
};

static __always_inline struct rb_node *
rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(BPF_CORE_READ(n, __rb_parent_color) & ~3ul);
}

static __always_inline void
visit(struct walk *w, struct rb_node *n)
{
	const struct epitem *e = (const void *)n - bpf_core_field_offset(struct epitem, rbn);

	if (w->seq == NULL) {
		w->d->count++;
		return;
	}
	w->r.fd = BPF_CORE_READ(e, ffd.fd);
	w->r.file = identity(BPF_CORE_READ(e, ffd.file));
	w->r.ino = BPF_CORE_READ(e, ffd.file, f_inode, i_ino);
	w->r.events = BPF_CORE_READ(e, event.events);
	w->r.data = BPF_CORE_READ(e, event.data);
	bpf_seq_write(w->seq, &w->r, sizeof w->r);
}

/* One step of a walk in order: 0 go on, 1 done. */
static long
step(__u32 index, struct walk *w)
{
	struct rb_node *n = w->at, *left, *right, *up;

	(void)index;
	if (n == NULL)
		return 1;
	left = BPF_CORE_READ(n, rb_left);
	right = BPF_CORE_READ(n, rb_right);
	up = rb_parent(n);
	if (w->from == up && left != NULL) {
		w->at = left;
	} else if (w->from == up || w->from == left) {
		visit(w, n);
		w->at = right != NULL ? right : up;
	} else {
		w->at = up;
	}
	w->from = n;
	return 0;
}

static __always_inline void
walk_epoll(struct seq_file *seq, struct rec_descriptor *d, struct file *f)
{
	struct eventpoll *e = f->private_data;
	struct walk w = { .seq = seq, .at = BPF_CORE_READ(e, rbr.rb_root.rb_node), .d = d };

	w.r.h = d->h;
	w.r.h.size = sizeof w.r;
	w.r.h.kind = REC_EPOLL;
	w.r.epoll = d->file;
	/* three steps a node at most; one node too many tells that there are more */
	bpf_loop(3 * (EPOLL_MAX + 1), step, &w, 0);
}

/* ---- state ---- */

static __always_inline void
timerfd(struct rec_descriptor *r, struct file *f)
{
	const struct timerfd_ctx *t = f->private_data;

	r->clock = BPF_CORE_READ(t, clockid);
	r->interval = BPF_CORE_READ(t, tintv);
	r->count = BPF_CORE_READ(t, ticks);
	r->state_flags = BPF_CORE_READ(t, settime_flags);
	if (r->clock == MONOTONIC || r->clock == BOOTTIME)
		r->remaining = until(BPF_CORE_READ(t, t.tmr.node.expires), r->clock);
	else
		r->bits |= REC_DESCRIPTOR_ASK;
}

/* Not one of a file system, which O_PATH may have opened. */
static __always_inline bool
is_socket(const struct descriptor_record *r)
{
	return bpf_strncmp(r->name, sizeof "socket:[" - 1, "socket:[") == 0;
}

/* The names of the kernel's own inodes, as far as they differ. */
#define NAMED(r, text)	(bpf_strncmp((r)->name, sizeof "anon_inode:[" text "]", "anon_inode:[" text "]") == 0)

static __always_inline void
state(struct descriptor_record *r, struct file *f)
{
	struct rec_descriptor *d = &r->d;

	d->kind = REC_FILE_OTHER;
	if (NAMED(r, "eventfd")) {
		const struct eventfd_ctx *e = f->private_data;

		d->kind = REC_FILE_EVENTFD;
		d->count = BPF_CORE_READ(e, count);
		d->state_flags = BPF_CORE_READ(e, flags);
	} else if (NAMED(r, "signalfd")) {
		const struct signalfd_ctx *s = f->private_data;

		d->kind = REC_FILE_SIGNALFD;
		d->count = ~BPF_CORE_READ(s, sigmask.sig[0]);
	} else if (NAMED(r, "timerfd")) {
		d->kind = REC_FILE_TIMERFD;
		timerfd(d, f);
	} else if (NAMED(r, "eventpoll")) {
		d->kind = REC_FILE_EPOLL;
		walk_epoll(NULL, d, f);
		if (d->count > EPOLL_MAX)
			d->bits |= REC_DESCRIPTOR_ASK;
	} else if (is_socket(r) && is_told(sock_of(f))) {
		d->kind = REC_FILE_SOCKET;
	}
}

static __always_inline bool
closes_on_exec(struct task_struct *t, __u32 fd)
{
	const struct fdtable *table = BPF_CORE_READ(t, files, fdt);
	unsigned long *words = BPF_CORE_READ(table, close_on_exec), word = 0;

	bpf_probe_read_kernel(&word, sizeof word, words + fd / 64);
	return word >> (fd % 64) & 1;
}

static __always_inline void
describe(struct rec_descriptor *r, struct file *f)
{
	const struct inode *i = f->f_inode;

	r->file = identity(f);
	r->path = path_identity(&f->f_path);
	r->position = f->f_pos;
	r->open_flags = f->f_flags;
	r->ino = BPF_CORE_READ(i, i_ino);
	r->inode = identity(i);
	r->mode = BPF_CORE_READ(i, i_mode);
	r->dev = BPF_CORE_READ(i, i_sb, s_dev);
	r->rdev = BPF_CORE_READ(i, i_rdev);
	if (has_locks(i))
		r->bits |= REC_DESCRIPTOR_LOCKS;
	owner(r, f);
}

SEC("iter/task_file")
int
collect_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *t = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct file *f = ctx->file;
	struct descriptor_record *r;
	__u32 size;
	long n;

	if (t == NULL || f == NULL || !is_ours(t) || (r = scratch(&descriptor_scratch)) == NULL)
		return 0;
	clear(&r->d, sizeof r->d);
	n = bpf_d_path(&f->f_path, r->name, REC_NAME_MAX);
	if (n < 1 || n > REC_NAME_MAX) {
		r->name[0] = '\0';
		r->d.bits |= REC_DESCRIPTOR_ASK;
		n = 1;
	}
	size = ROUND8(sizeof r->d + (__u32)n);
	begin(&r->d.h, size, REC_DESCRIPTOR, t);
	r->d.files = identity(BPF_CORE_READ(t, files));
	r->d.fd = ctx->fd;
	r->d.name_size = n;
	if (closes_on_exec(t, ctx->fd))
		r->d.bits |= REC_DESCRIPTOR_CLOSE_ON_EXEC;
	describe(&r->d, f);
	state(r, f);
	bpf_seq_write(seq, r, size);
	if (r->d.kind == REC_FILE_EPOLL && !(r->d.bits & REC_DESCRIPTOR_ASK))
		walk_epoll(seq, &r->d, f);
	if (r->d.kind == REC_FILE_SOCKET)
		write_socket(seq, &r->d, f);
	return 0;
}
