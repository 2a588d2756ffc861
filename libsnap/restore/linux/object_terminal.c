/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals.  Ptys whose both sides are in the snapshot are made again; a
 * terminal whose master was elsewhere is the caller's own now.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#define TRIES	64		/* masters opened to get the one number */

struct pty {
	uint64_t	id;
	int		master;		/* -1: the caller's terminal */
	const Psnap__Terminal *t;
};

struct flag {
	const char	*name;
	uint32_t	bit;
};

static uint32_t
bits(char *const *names, size_t n, const struct flag *v, size_t count)
{
	uint32_t value = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < count; k++)
			if (strcmp(names[i], v[k].name) == 0)
				value |= v[k].bit;
	return value;
}

static uint32_t
baud_code(uint32_t rate)
{
	static const uint32_t low[] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400,
	    4800, 9600, 19200, 38400 };
	static const uint32_t high[] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000,
	    1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };

	for (uint32_t i = 0; i < 16; i++) {
		if (low[i] == rate)
			return i;
		if (high[i] == rate)
			return i | 0010000;
	}
	return B38400;
}

static void
fill_modes(const Psnap__TerminalModes *m, struct termios *t)
{
	static const struct flag input[] = {
		{ "brkint", BRKINT }, { "icrnl", ICRNL }, { "ignbrk", IGNBRK }, { "igncr", IGNCR },
		{ "ignpar", IGNPAR }, { "imaxbel", IMAXBEL }, { "inlcr", INLCR }, { "inpck", INPCK },
		{ "istrip", ISTRIP }, { "iuclc", IUCLC }, { "iutf8", IUTF8 }, { "ixany", IXANY },
		{ "ixoff", IXOFF }, { "ixon", IXON }, { "parmrk", PARMRK },
	};
	static const struct flag output[] = {
		{ "ocrnl", OCRNL }, { "ofdel", OFDEL }, { "ofill", OFILL }, { "olcuc", OLCUC },
		{ "onlcr", ONLCR }, { "onlret", ONLRET }, { "onocr", ONOCR }, { "opost", OPOST },
	};
	static const struct flag control[] = {
		{ "clocal", CLOCAL }, { "cread", CREAD }, { "crtscts", CRTSCTS }, { "cstopb", CSTOPB },
		{ "hupcl", HUPCL }, { "parenb", PARENB }, { "parodd", PARODD },
	};
	static const struct flag local[] = {
		{ "echo", ECHO }, { "echoctl", ECHOCTL }, { "echoe", ECHOE }, { "echok", ECHOK },
		{ "echoke", ECHOKE }, { "echonl", ECHONL }, { "echoprt", ECHOPRT }, { "extproc", EXTPROC },
		{ "flusho", FLUSHO }, { "icanon", ICANON }, { "iexten", IEXTEN }, { "isig", ISIG },
		{ "noflsh", NOFLSH }, { "tostop", TOSTOP }, { "xcase", XCASE },
	};
	static const struct { const char *name; int index; } characters[] = {
		{ "discard", VDISCARD }, { "eof", VEOF }, { "eol", VEOL }, { "eol2", VEOL2 },
		{ "erase", VERASE }, { "intr", VINTR }, { "kill", VKILL }, { "lnext", VLNEXT },
		{ "quit", VQUIT }, { "rprnt", VREPRINT }, { "start", VSTART }, { "stop", VSTOP },
		{ "susp", VSUSP }, { "werase", VWERASE },
	};

	t->c_iflag = bits(m->input, m->n_input, input, sizeof input / sizeof *input);
	t->c_oflag = bits(m->output, m->n_output, output, sizeof output / sizeof *output);
	t->c_cflag = bits(m->control, m->n_control, control, sizeof control / sizeof *control) |
	    baud_code(m->output_speed);
	if (m->character_size >= 5)
		t->c_cflag |= (m->character_size - 5) << 4;
	t->c_lflag = bits(m->local, m->n_local, local, sizeof local / sizeof *local);
	t->c_line = (cc_t)m->line_discipline;
	for (size_t i = 0; i < m->n_characters; i++)
		for (size_t k = 0; k < sizeof characters / sizeof *characters; k++)
			if (strcmp(m->characters[i]->name, characters[k].name) == 0)
				t->c_cc[characters[k].index] = (cc_t)m->characters[i]->value;
	if (!(t->c_lflag & ICANON)) {
		t->c_cc[VMIN] = (cc_t)m->minimum;
		t->c_cc[VTIME] = (cc_t)m->timeout;
	}
}

/* Of a terminal of ours only: the caller's stays as the caller has it. */
static int
set_modes(struct restore *r, uint64_t id, const Psnap__Terminal *t, int fd)
{
	unsigned short size[4] = { (unsigned short)t->rows, (unsigned short)t->columns,
	    (unsigned short)t->width_pixels, (unsigned short)t->height_pixels };
	struct termios modes = { 0 };

	if (ioctl(fd, TIOCSWINSZ, size) != 0)
		return restore_fail(r, NULL, id, errno, "setting a terminal's size");
	if (t->modes == NULL)
		return 0;
	fill_modes(t->modes, &modes);
	if (ioctl(fd, TCSETS, &modes) != 0)
		return restore_fail(r, NULL, id, errno, "setting a terminal's modes");
	return 0;
}

/* A master with this number, or any, if that one is taken. */
static int
open_master(uint32_t index)
{
	int spare[TRIES], n = 0, fd = -1;

	while (n < TRIES && fd < 0) {
		unsigned number = 0;
		int m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

		if (m < 0)
			break;
		if (ioctl(m, TIOCGPTN, &number) == 0 && number == index)
			fd = m;
		else
			spare[n++] = m;
		if (fd < 0 && number > index)
			break;		/* lowest free numbers come first: it is taken */
	}
	if (fd < 0 && n > 0)
		fd = spare[--n];
	while (n > 0)
		close(spare[--n]);
	return fd;
}

static struct pty *
find_pty(struct restore *r, uint64_t id)
{
	for (size_t i = 0; i < r->ptys.n; i++) {
		struct pty *p = r->ptys.v[i];

		if (p->id == id)
			return p;
	}
	return NULL;
}

static int
make_pty(struct restore *r, uint64_t id, const Psnap__Terminal *t, struct pty **out)
{
	struct pty *p = plan_alloc(r->p, sizeof *p);
	int unlocked = 0, e;

	if (p == NULL || restore_list_add(r, &r->ptys, p) != 0)
		return restore_nomem(r);
	*p = (struct pty){ id, -1, t };
	*out = p;
	if (t->outside || t->kind != PSNAP__TERMINAL_KIND__TERMINAL_PTY)
		return 0;
	if ((p->master = keep_fd(r, open_master(t->index))) < 0)
		return restore_fail(r, NULL, id, errno, "making a pty");
	/* unlocked for us, and again as it was later */
	if (ioctl(p->master, TIOCSPTLCK, &unlocked) != 0)
		return restore_fail(r, NULL, id, errno, "unlocking a pty");
	e = t->packet_mode;
	ioctl(p->master, TIOCPKT, &e);
	return 0;
}

/* TIOCGPTPEER would give O_CLOEXEC to the open file, which then shows it in each fdinfo for ever. */
static int
open_flags(const Psnap__OpenFile *o)
{
	return (o->access == PSNAP__ACCESS_MODE__ACCESS_READ ? O_RDONLY :
	    o->access == PSNAP__ACCESS_MODE__ACCESS_WRITE ? O_WRONLY : O_RDWR) |
	    (o->non_block ? O_NONBLOCK : 0) | (o->append ? O_APPEND : 0) | O_NOCTTY;
}

/* The caller's own, by the first standard stream that is one. */
static int
open_callers(const Psnap__OpenFile *o)
{
	for (int fd = 0; fd <= 2; fd++)
		if (isatty(fd))
			return fd_reopen(fd, open_flags(o));
	errno = ENOTTY;
	return -1;
}

int
terminal_make(struct restore *r, struct object *x)
{
	const Psnap__Terminal *t = snap_get_message(r->s, x->o->terminal_id, PSNAP_KIND_TERMINAL);
	struct pty *p = find_pty(r, x->o->terminal_id);
	int fd, e;

	if (t == NULL)
		return restore_fail(r, NULL, x->id, ENOENT, "its terminal");
	if (p == NULL && (e = make_pty(r, x->o->terminal_id, t, &p)) != 0)
		return e;
	if (p->master < 0)
		fd = open_callers(x->o);
	else if (x->o->terminal_master)		/* one description: a second open would be a second pty */
		fd = fcntl(p->master, F_DUPFD_CLOEXEC, r->base_fd);
	else
		fd = ioctl(p->master, TIOCGPTPEER, open_flags(x->o));
	if ((x->fd = keep_fd(r, fd)) < 0)
		return restore_fail(r, NULL, x->id, errno, p->master < 0 ?
		    "its terminal is not in the snapshot, and the caller has none" : "opening a terminal");
	if (x->o->terminal_master && x->o->non_block &&
	    fcntl(x->fd, F_SETFL, fcntl(x->fd, F_GETFL) | O_NONBLOCK) != 0)
		return restore_fail(r, NULL, x->id, errno, "opening a terminal");
	if (p->master >= 0 && !x->o->terminal_master)
		return set_modes(r, x->o->terminal_id, t, x->fd);
	return 0;
}

/* ---- controlling terminals ---- */

static int
a_slave(struct restore *r, uint64_t id)
{
	for (size_t i = 0; i < r->nobjects; i++)
		if (r->objects[i].o->terminal_id == id && !r->objects[i].o->terminal_master)
			return r->objects[i].fd;
	return -1;
}

/* A group that is gone leaves the leader's, as the kernel would. */
static int
set_foreground(struct restore *r, struct target *leader, const Psnap__Session *s, uint64_t id, uint64_t fd)
{
	int32_t pgid = s->foreground_pgid;
	uint64_t at;

	if (pgid <= 0 || pgid == leader->p->pid)
		return 0;
	put_reset(leader);
	if ((at = put(r, &leader->tasks[0], &pgid, sizeof pgid)) == 0)
		return restore_nomem(r);
	return ask_now(r, &leader->tasks[0], NR_IOCTL, WANT_ANY, "setting the foreground group", id,
	    ARGS(fd, TIOCSPGRP, at), NULL);
}

/* The leader takes it, by a number that is free in its table. */
static int
take_control(struct restore *r, const Psnap__Session *s, uint64_t session_id)
{
	struct target *leader = plan_find(r->p, s->sid);
	const struct pty *p = find_pty(r, s->terminal_id);
	int fd = a_slave(r, s->terminal_id), opened = -1, e;
	int64_t number;

	if (leader == NULL || leader->zombie || p == NULL || p->master < 0)
		return 0;
	if (fd < 0 && (fd = opened = keep_fd(r, ioctl(p->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC))) < 0)
		return restore_fail(r, leader, session_id, errno, "opening its controlling terminal");
	if ((e = descriptors_lend(r, &leader->tasks[0], fd, &number)) != 0 ||
	    (e = ask_now(r, &leader->tasks[0], NR_IOCTL, WANT_ZERO, "taking its controlling terminal",
	    session_id, ARGS((uint64_t)number, TIOCSCTTY, 0), NULL)) != 0 ||
	    (e = set_foreground(r, leader, s, session_id, (uint64_t)number)) != 0 ||
	    (e = ask_now(r, &leader->tasks[0], NR_CLOSE, WANT_ZERO, "closing its controlling terminal",
	    session_id, ARGS((uint64_t)number), NULL)) != 0)
		return e;
	return 0;
}

int
terminals_settle(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_SESSION, &n);
	int e;

	for (size_t i = 0; i < n; i++) {
		const Psnap__Session *s = (const void *)v[i]->message;

		if (s->terminal_id != 0 && !s->leader_outside && (e = take_control(r, s, v[i]->id)) != 0)
			return e;
	}
	for (size_t i = 0; i < r->ptys.n; i++) {
		const struct pty *p = r->ptys.v[i];
		int locked = 1;

		if (p->master >= 0 && p->t->locked && ioctl(p->master, TIOCSPTLCK, &locked) != 0)
			return restore_fail(r, NULL, p->id, errno, "locking a pty");
		if (p->master >= 0 && p->t->exclusive)
			ioctl(p->master, TIOCEXCL);
	}
	return 0;
}
