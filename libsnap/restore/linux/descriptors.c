/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing our descriptors over: sent through the channel, which every process
 * has inherited, a whole table comes with one call of the receiver, numbered
 * from the lowest free one up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#define GAP_MAX		16	/* numbers filled rather than moved over */

ssize_t
descriptors_message(int to, struct msghdr *m, int flags, const int *fds, size_t n, const struct ucred *sender)
{
	union {
		struct cmsghdr h;
		uint8_t bytes[CMSG_SPACE(RIGHTS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct cmsghdr *c = &control.h;

	memset(&control, 0, sizeof control);
	if (n > 0) {
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n * sizeof *fds), .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), fds, n * sizeof *fds);
		c = (void *)(control.bytes + CMSG_SPACE(n * sizeof *fds));
	}
	if (sender != NULL) {
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof *sender), .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_CREDENTIALS };
		memcpy(CMSG_DATA(c), sender, sizeof *sender);
	}
	m->msg_control = control.bytes;
	m->msg_controllen = (n > 0 ? CMSG_SPACE(n * sizeof *fds) : 0) +
	    (sender != NULL ? CMSG_SPACE(sizeof *sender) : 0);
	return sendmsg(to, m, flags | MSG_NOSIGNAL);
}

static int
send_some(struct restore *r, struct task *k, int channel, const int *fds, size_t n)
{
	char byte = 0;
	struct iovec io = { &byte, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };

	return descriptors_message(channel, &m, 0, fds, n, NULL) == 1 ? 0 :
	    restore_fail(r, k->target, k->id, errno, "handing descriptors over");
}

/* struct msghdr of the target's ABI, in its scratch. */
static uint64_t
put_message(struct restore *r, struct task *k)
{
	static const uint8_t room[CMSG_SPACE(RIGHTS_MAX * sizeof(int)) + 64];
	size_t control_len = CMSG_SPACE(RIGHTS_MAX * sizeof(int));
	uint64_t byte = put(r, k, room, 1), control = put(r, k, room, control_len), io;

	if (byte == 0 || control == 0)
		return 0;
	if (k->target->is32) {
		uint32_t v[2] = { (uint32_t)byte, 1 }, m[7];

		if ((io = put(r, k, v, sizeof v)) == 0)
			return 0;
		memcpy(m, (uint32_t[7]){ 0, 0, (uint32_t)io, 1, (uint32_t)control, (uint32_t)control_len, 0 }, sizeof m);
		return put(r, k, m, sizeof m);
	} else {
		uint64_t v[2] = { byte, 1 }, m[7];

		if ((io = put(r, k, v, sizeof v)) == 0)
			return 0;
		memcpy(m, (uint64_t[7]){ 0, 0, io, 1, control, control_len, 0 }, sizeof m);
		return put(r, k, m, sizeof m);
	}
}

#define CMSG_CLOEXEC_LINUX	0x40000000	/* MSG_CMSG_CLOEXEC */

int
descriptors_send(struct restore *r, struct task *k, const int *fds, size_t n, bool cloexec)
{
	uint64_t message;
	int e;

	for (size_t some; n > 0; n -= some, fds += some) {
		some = n < RIGHTS_MAX ? n : RIGHTS_MAX;
		/* one for each: the kernel changes it */
		if ((message = put_message(r, k)) == 0)
			return restore_nomem(r);
		if ((e = send_some(r, k, k->target->table->host->channel, fds, some)) != 0 ||
		    (e = ask(r, k, NR_RECVMSG, WANT_NOT_NEGATIVE, "receiving descriptors", k->id,
		    ARGS((uint64_t)r->channel_fd, message, cloexec ? CMSG_CLOEXEC_LINUX : 0))) != 0)
			return e;
	}
	return 0;
}

/* One after the other: the channel they have in common does not tell whom a message is for. */
int
descriptors_open_channel(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	uint64_t message;
	int ends[2], e;

	put_reset(t);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return restore_fail(r, t, t->id, errno, "making a socket pair");
	t->host->channel = keep_fd(r, ends[0]);
	if (t->host->channel < 0)
		e = restore_fail(r, t, t->id, errno, "making a socket pair");
	else if ((message = put_message(r, k)) == 0)
		e = restore_nomem(r);
	else if ((e = send_some(r, k, r->channel, &ends[1], 1)) == 0)
		e = ask_now(r, k, NR_RECVMSG, WANT_NOT_NEGATIVE, "receiving its channel", t->id,
		    ARGS((uint64_t)r->common_fd, message, 0), NULL);
	close(ends[1]);
	/* the only one beside the channel and the seeds: number 0 */
	if (e == 0)
		e = ask(r, k, NR_DUP3, WANT_NOT_NEGATIVE, "numbering its channel", t->id,
		    ARGS(0, (uint64_t)r->channel_fd, 0));
	return e != 0 ? e : ask(r, k, NR_CLOSE, WANT_ZERO, "numbering its channel", t->id, ARGS(0));
}

int
descriptors_lend(struct restore *r, struct task *k, int fd, int64_t *number)
{
	int e;

	put_reset(k->target);
	/* the lowest free number is what dup of the channel's neighbour shows */
	if ((e = ask_now(r, k, NR_FCNTL, WANT_NOT_NEGATIVE, "looking for a free descriptor", k->id,
	    ARGS((uint64_t)r->channel_fd, F_DUPFD_CLOEXEC, 0), number)) != 0 ||
	    (e = ask_now(r, k, NR_CLOSE, WANT_ZERO, "looking for a free descriptor", k->id,
	    ARGS((uint64_t)*number), NULL)) != 0)
		return e;
	e = descriptors_send(r, k, &fd, 1, true);
	return e != 0 ? e : run(r);
}

/* ---- tables ---- */

struct move {
	int	from, to;
};

/*
 * What to send so that every descriptor gets its number or, beyond the last
 * small gap, one to be moved from.  Fillers go into gaps.
 */
struct layout_of_table {
	int		*fds;
	size_t		n;
	struct move	*moves;
	size_t		nmoves;
	size_t		dense;		/* entries of the table that need no move */
};

static int
lay_out(struct restore *r, struct target *t, const Psnap__DescriptorTable *table, struct layout_of_table *l)
{
	size_t cap = (table->n_descriptors + 1) * (GAP_MAX + 1);

	l->fds = malloc(cap * sizeof *l->fds);
	l->moves = malloc((table->n_descriptors + 1) * sizeof *l->moves);
	if (l->fds == NULL || l->moves == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < table->n_descriptors; i++) {
		const Psnap__Descriptor *x = table->descriptors[i];
		struct object *o = object_find(r, x->open_file_id);

		if (o == NULL || o->fd < 0)
			return restore_fail(r, t, x->open_file_id, ENOENT, "what descriptor %d is open on", (int)x->fd);
		if (l->nmoves == 0 && (size_t)x->fd - l->n <= GAP_MAX) {
			while (l->n < (size_t)x->fd)
				l->fds[l->n++] = r->filler;
			l->dense++;
		} else {
			l->moves[l->nmoves++] = (struct move){ (int)l->n, x->fd };
		}
		l->fds[l->n++] = o->fd;
	}
	return 0;
}

static bool
mostly_cloexec(const Psnap__DescriptorTable *table)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_descriptors; i++)
		n += table->descriptors[i]->close_on_exec ? 1 : 0;
	return n * 2 > table->n_descriptors;
}

/* Fillers out, strays to their numbers: the highest first, so that none lands on one yet to be moved. */
static int
arrange(struct restore *r, struct target *t, uint64_t id, const Psnap__DescriptorTable *table,
    const struct layout_of_table *l, bool cloexec)
{
	struct task *k = &t->tasks[0];
	int next = 0, e;

	for (size_t i = l->nmoves; i-- > 0;) {
		const struct move *m = &l->moves[i];
		bool wanted = table->descriptors[l->dense + i]->close_on_exec;

		if (m->from == m->to) {
			if (wanted != cloexec && (e = ask(r, k, NR_FCNTL, WANT_ZERO, "setting close-on-exec", id,
			    ARGS((uint64_t)m->to, F_SETFD, wanted ? FD_CLOEXEC : 0))) != 0)
				return e;
			continue;
		}
		if ((e = ask(r, k, NR_DUP3, WANT_NOT_NEGATIVE, "numbering a descriptor", id,
		    ARGS((uint64_t)m->from, (uint64_t)m->to, wanted ? O_CLOEXEC : 0))) != 0 ||
		    (e = ask(r, k, NR_CLOSE, WANT_ZERO, "numbering a descriptor", id, ARGS((uint64_t)m->from))) != 0)
			return e;
	}
	for (size_t i = 0; i < l->dense; i++) {
		const Psnap__Descriptor *x = table->descriptors[i];

		if (x->fd > next && (e = ask(r, k, NR_CLOSE_RANGE, WANT_ZERO, "closing fillers", id,
		    ARGS((uint64_t)next, (uint64_t)x->fd - 1, 0))) != 0)
			return e;
		next = x->fd + 1;
		if (x->close_on_exec != cloexec && (e = ask(r, k, NR_FCNTL, WANT_ZERO, "setting close-on-exec", id,
		    ARGS((uint64_t)x->fd, F_SETFD, x->close_on_exec ? FD_CLOEXEC : 0))) != 0)
			return e;
	}
	return 0;
}

static int
hand_over(struct restore *r, struct target *t)
{
	const Psnap__DescriptorTable *table =
	    snap_get_message(r->s, t->p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE);
	struct layout_of_table l = { 0 };
	bool cloexec = mostly_cloexec(table);
	int e;

	put_reset(t);
	if ((e = lay_out(r, t, table, &l)) == 0 &&
	    (e = descriptors_send(r, &t->tasks[0], l.fds, l.n, cloexec)) == 0)
		e = arrange(r, t, t->p->descriptor_table_id, table, &l, cloexec);
	free(l.fds);
	free(l.moves);
	return e;
}

int
descriptors_hand_over(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (!t->zombie && t->table == t && (e = hand_over(r, t)) != 0)
			return e;
	}
	return run(r);
}
