// SPDX-License-Identifier: BSD-2-Clause
/*
 * The order of a collection.
 *
 * Tasks are referenced under RCU and looked at outside of it, one record at a
 * time; when there is no room for a record every lock is dropped, room made,
 * and that record made again.
 */
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "module.h"

#define THREADS_SPARE	8	/* that may come while memory is made ready */

struct threads {
	struct task_struct **v;		/* referenced; the leader is the first */
	size_t		n;
};

static void
threads_put(struct threads *ts)
{
	for (size_t i = 0; i < ts->n; i++)
		put_task_struct(ts->v[i]);
	kvfree(ts->v);
}

/* As many as fit; returns how many there are. */
static size_t
threads_fill(struct threads *ts, size_t cap, struct task_struct *leader)
{
	struct task_struct *t;
	size_t there = 0;

	rcu_read_lock();
	for_each_thread(leader, t) {
		if (there++ < cap) {
			get_task_struct(t);
			ts->v[ts->n++] = t;
		}
	}
	rcu_read_unlock();
	return there;
}

static int
threads_get(struct threads *ts, struct task_struct *leader)
{
	size_t cap = get_nr_threads(leader) + THREADS_SPARE, there;

	for (;;) {
		ts->n = 0;
		if ((ts->v = kvmalloc_array(cap, sizeof(struct task_struct *), GFP_KERNEL)) == NULL)
			return -ENOMEM;
		if ((there = threads_fill(ts, cap, leader)) <= cap)
			return 0;
		threads_put(ts);
		cap = there + THREADS_SPARE;
	}
}

/* Make records of t by this function, with as much room as it takes. */
static int
make(struct collector *c, int (*records)(struct collector *, struct task_struct *), struct task_struct *t)
{
	int r;

	c->next = 0;
	while ((r = records(c, t)) == -ENOBUFS)
		if ((r = snapshot_grow(c->to)) != 0)
			return r;
	cond_resched();
	return r == 0 && fatal_signal_pending(current) ? -EINTR : r;
}

/* What a process has but once, by a thread that is alive, or by the leader. */
static int
collect_process(struct collector *c, struct task_struct *t)
{
	int r;

	if ((r = make(c, process_record, t)) != 0 || (r = make(c, handlers_record, t)) != 0 ||
	    (r = c->mappings ? make(c, mapping_records, t) : 0) != 0)
		return r;
	return make(c, descriptor_records, t);
}

static bool
same_table(struct task_struct *t, struct task_struct *leader)
{
	const struct files_struct *files;

	task_lock(leader);
	files = leader->files;
	task_unlock(leader);
	return READ_ONCE(t->files) == files;
}

static int
collect_threads(struct collector *c, const struct threads *ts)
{
	struct task_struct *leader = ts->v[0];
	int r;

	for (size_t i = 0; i < ts->n; i++) {
		struct task_struct *t = ts->v[i];

		if (t->exit_state == EXIT_DEAD)
			continue;
		if ((r = make(c, thread_record, t)) != 0)
			return r;
		if (i == 0 || (leader->exit_state != 0 && t->exit_state == 0))
			r = collect_process(c, t);
		else if (!same_table(t, leader))
			r = make(c, descriptor_records, t);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
collect_one(struct collector *c, __s32 number)
{
	struct pid *pid = find_get_pid(number);
	struct task_struct *leader = get_pid_task(pid, PIDTYPE_TGID);
	struct threads ts;
	int r = -ESRCH;

	put_pid(pid);
	if (leader == NULL)
		return -ESRCH;
	if (!(leader->flags & PF_KTHREAD) && (r = threads_get(&ts, leader)) == 0) {
		r = ts.n > 0 ? collect_threads(c, &ts) : -ESRCH;
		threads_put(&ts);
	}
	put_task_struct(leader);
	return r;
}

int
collect(struct collector *c, const __s32 *pids, u32 count, u32 *missing)
{
	for (u32 i = 0; i < count; i++) {
		int r = collect_one(c, pids[i]);

		if (r == -ESRCH)
			*missing = i;
		if (r != 0)
			return r;
	}
	return 0;
}
