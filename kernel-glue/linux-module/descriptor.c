// SPDX-License-Identifier: BSD-2-Clause
/*
 * Descriptors of a table, under its lock.
 *
 * What eventfd, epoll, timerfd and signalfd hold is private to their files in
 * the kernel: these are REC_FILE_OTHER, and their fdinfo is to be read.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task.h>

#include "module.h"

struct walk {
	struct collector	*c;
	struct task_struct	*t;
};

static bool
has_locks(const struct inode *inode)
{
	const struct file_lock_context *locks = locks_inode_context(inode);

	return locks != NULL && (!list_empty_careful(&locks->flc_flock) ||
	    !list_empty_careful(&locks->flc_posix) || !list_empty_careful(&locks->flc_lease));
}

/* Who gets SIGIO, as F_GETOWN_EX and F_GETSIG tell it. */
static void
owner(const struct collector *c, struct rec_descriptor *r, struct file *f)
{
	struct fown_struct *o = &f->f_owner;

	r->bits |= REC_DESCRIPTOR_OWNER;
	r->owner_kind = -1;
	read_lock_irq(&o->lock);
	if (o->pid != NULL) {
		r->owner_kind = o->pid_type == PIDTYPE_PID ? 0 : o->pid_type == PIDTYPE_TGID ? 1 : 2;
		r->owner_signal = o->signum;
		rcu_read_lock();
		if (pid_task(o->pid, o->pid_type) != NULL)
			r->owner = pid_nr_ns(o->pid, c->pids);
		rcu_read_unlock();
	}
	read_unlock_irq(&o->lock);
}

static void
inode_facts(const struct collector *c, struct rec_descriptor *r, const struct inode *inode)
{
	r->ino = inode->i_ino;
	r->inode = identity(c, inode);
	r->mode = inode->i_mode;
	r->dev = inode->i_sb->s_dev;
	r->rdev = inode->i_rdev;
	r->bits |= has_locks(inode) ? REC_DESCRIPTOR_LOCKS : 0;
}

/* Called with files->file_lock held: nothing here sleeps. */
static int
descriptor_record(const void *walk, struct file *f, unsigned int fd)
{
	const struct walk *w = walk;
	struct collector *c = w->c;
	struct files_struct *files = w->t->files;
	struct rec_descriptor *r = record_begin(c, REC_DESCRIPTOR, sizeof *r, w->t);

	if (r == NULL)
		return -ENOBUFS;
	r->files = identity(c, files);
	r->fd = fd;
	r->bits = close_on_exec(fd, files_fdtable(files)) ? REC_DESCRIPTOR_CLOSE_ON_EXEC : 0;
	r->file = identity(c, f);
	r->path = path_identity(c, &f->f_path);
	r->position = f->f_pos;
	r->open_flags = f->f_flags & ~O_CLOEXEC;
	r->kind = REC_FILE_OTHER;
	inode_facts(c, r, file_inode(f));
	owner(c, r, f);
	if ((r->name_size = record_path(r, sizeof *r, &f->f_path)) == 0) {
		r->bits |= REC_DESCRIPTOR_ASK;
		r->name_size = record_name(r, sizeof *r, "", "", "");
	}
	record_end(c, r, sizeof *r, r->name_size);
	c->next = fd + 1;
	return 0;
}

int
descriptor_records(struct collector *c, struct task_struct *t)
{
	struct walk walk = { c, t };
	int r;

	task_lock(t);
	r = t->files != NULL ? iterate_fd(t->files, c->next, descriptor_record, &walk) : 0;
	task_unlock(t);
	return r;
}
