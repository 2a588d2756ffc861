/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals: of a pty both sides are one object.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <asm/termbits.h>
#include <asm/ioctls.h>

#include "kernel-glue/linux/fd.h"

static struct terminal *
terminal_intern(struct dump *d, uint32_t kind, uint32_t index)
{
	struct terminal *t;

	for (size_t i = 0; i < d->terminals.n; i++) {
		t = d->terminals.v[i];
		if (t->kind == kind && t->index == index)
			return t;
	}
	if ((t = dump_alloc(d, sizeof *t)) == NULL || list_add(d, &d->terminals, t) != 0)
		return NULL;
	t->id = dump_new_id(d);
	t->kind = kind;
	t->index = index;
	return t;
}

static bool
is_by_role(const struct stat *st)
{
	return st->st_rdev == makedev(5, 0);
}

/* /dev/tty is whichever terminal controlled who opened it: of which it is from then on. */
static int
find_device(struct dump *d, struct proc *p, const struct open_file *o, int local, dev_t *device)
{
	unsigned number;

	*device = o->st.st_rdev;
	if (!is_by_role(&o->st))
		return 0;
	if (ioctl(local, TIOCGDEV, &number) != 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, 0, "terminal",
		    "/dev/tty of a terminal that has hung up");
	*device = number;
	return dump_cover(d, PSNAP_COVERAGE_NOTE, p, 0, o->fd, 0, "terminal",
	    "opened as /dev/tty, it comes back by the terminal's own name");
}

int
terminal_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	uint32_t kind = PSNAP_TERMINAL_SERIAL;
	unsigned maj, min, index;
	struct terminal *t;
	dev_t device;
	int n = 0, r;

	if ((r = find_device(d, p, o, local, &device)) != 0)
		return r;
	maj = major(device);
	index = min = minor(device);
	o->master = maj == 5 && min == 2;
	if (o->master) {
		kind = PSNAP_TERMINAL_PTY;
		ioctl(local, TIOCGPTN, &index);
	} else if (maj >= 136 && maj <= 143) {
		kind = PSNAP_TERMINAL_PTY;
		index = (maj - 136) * 256 + min;
	} else if (maj == 4 && min < 64) {
		kind = PSNAP_TERMINAL_VIRTUAL;
	} else if (maj == 5 && min == 1) {
		kind = PSNAP_TERMINAL_CONSOLE;
	}
	if ((t = terminal_intern(d, kind, index)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	o->what = FD_TERMINAL;
	o->on.terminal = t;
	if (o->master) {
		t->master = true;
		ioctl(local, TIOCGPTLCK, &t->locked);
		ioctl(local, TIOCGPKT, &t->packet);
		if (ioctl(local, FIONREAD, &n) == 0)
			t->unread_output = (uint64_t)n;
	} else {
		t->slave = true;
		if (!is_by_role(&o->st)) {
			t->st = o->st;
			t->has_st = true;
			t->path = o->link;
		}
		if (ioctl(local, FIONREAD, &n) == 0)
			t->unread_input = (uint64_t)n;
	}
	ioctl(local, TCGETS, &t->modes);
	ioctl(local, TIOCGWINSZ, &t->size);
	ioctl(local, TIOCGEXCL, &t->exclusive);
	ioctl(local, TIOCGSID, &t->sid);
	ioctl(local, TIOCGPGRP, &t->pgid);
	return 0;
}

struct flag {
	uint32_t	bit;
	const char	*name;
};

/* Flags as stty(1) spells them, sorted. */
static void
emit_flags(struct glue_emit *e, uint32_t field, uint32_t value, const struct flag *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (value & v[i].bit)
			glue_emit_element(e, field, v[i].name, strlen(v[i].name));
}

static uint32_t
baud(uint32_t code)
{
	static const uint32_t rates[] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400,
	    4800, 9600, 19200, 38400 };
	static const uint32_t high[] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000,
	    1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };

	return code & 0010000 ? high[code & 15] : rates[code & 15];
}

static void
emit_modes(struct glue_emit *e, const struct terminal *t)
{
	static const struct flag input[] = {
		{ BRKINT, "brkint" }, { ICRNL, "icrnl" }, { IGNBRK, "ignbrk" }, { IGNCR, "igncr" },
		{ IGNPAR, "ignpar" }, { IMAXBEL, "imaxbel" }, { INLCR, "inlcr" }, { INPCK, "inpck" },
		{ ISTRIP, "istrip" }, { IUCLC, "iuclc" }, { IUTF8, "iutf8" }, { IXANY, "ixany" },
		{ IXOFF, "ixoff" }, { IXON, "ixon" }, { PARMRK, "parmrk" },
	};
	static const struct flag output[] = {
		{ OCRNL, "ocrnl" }, { OFDEL, "ofdel" }, { OFILL, "ofill" }, { OLCUC, "olcuc" },
		{ ONLCR, "onlcr" }, { ONLRET, "onlret" }, { ONOCR, "onocr" }, { OPOST, "opost" },
	};
	static const struct flag control[] = {
		{ CLOCAL, "clocal" }, { CREAD, "cread" }, { CRTSCTS, "crtscts" }, { CSTOPB, "cstopb" },
		{ HUPCL, "hupcl" }, { PARENB, "parenb" }, { PARODD, "parodd" },
	};
	static const struct flag local[] = {
		{ ECHO, "echo" }, { ECHOCTL, "echoctl" }, { ECHOE, "echoe" }, { ECHOK, "echok" },
		{ ECHOKE, "echoke" }, { ECHONL, "echonl" }, { ECHOPRT, "echoprt" }, { EXTPROC, "extproc" },
		{ FLUSHO, "flusho" }, { ICANON, "icanon" }, { IEXTEN, "iexten" }, { ISIG, "isig" },
		{ NOFLSH, "noflsh" }, { TOSTOP, "tostop" }, { XCASE, "xcase" },
	};
	static const struct { int index; const char *name; } characters[] = {
		{ VDISCARD, "discard" }, { VEOF, "eof" }, { VEOL, "eol" }, { VEOL2, "eol2" },
		{ VERASE, "erase" }, { VINTR, "intr" }, { VKILL, "kill" }, { VLNEXT, "lnext" },
		{ VQUIT, "quit" }, { VREPRINT, "rprnt" }, { VSTART, "start" }, { VSTOP, "stop" },
		{ VSUSP, "susp" }, { VWERASE, "werase" },
	};

	glue_emit_open(e, PSNAP_F_TERMINAL_MODES);
	emit_flags(e, PSNAP_F_TERMINAL_MODES_INPUT, t->modes.iflag, input, sizeof input / sizeof *input);
	emit_flags(e, PSNAP_F_TERMINAL_MODES_OUTPUT, t->modes.oflag, output, sizeof output / sizeof *output);
	emit_flags(e, PSNAP_F_TERMINAL_MODES_CONTROL, t->modes.cflag, control,
	    sizeof control / sizeof *control);
	emit_flags(e, PSNAP_F_TERMINAL_MODES_LOCAL, t->modes.lflag, local, sizeof local / sizeof *local);
	glue_emit_uint(e, PSNAP_F_TERMINAL_MODES_INPUT_SPEED, baud(t->modes.cflag));
	glue_emit_uint(e, PSNAP_F_TERMINAL_MODES_OUTPUT_SPEED, baud(t->modes.cflag));
	glue_emit_uint(e, PSNAP_F_TERMINAL_MODES_LINE_DISCIPLINE, t->modes.line);
	for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
		glue_emit_open(e, PSNAP_F_TERMINAL_MODES_CHARACTERS);
		glue_emit_string(e, PSNAP_F_CONTROL_CHARACTER_NAME, characters[i].name);
		glue_emit_uint(e, PSNAP_F_CONTROL_CHARACTER_VALUE, t->modes.cc[characters[i].index]);
		glue_emit_close(e);
	}
	glue_emit_uint(e, PSNAP_F_TERMINAL_MODES_CHARACTER_SIZE, 5 + (t->modes.cflag >> 4 & 3));
	glue_emit_uint(e, PSNAP_F_TERMINAL_MODES_MINIMUM, t->modes.cc[VMIN]);
	glue_emit_uint(e, PSNAP_F_TERMINAL_MODES_TIMEOUT, t->modes.cc[VTIME]);
	glue_emit_close(e);
}

void
terminal_fields(struct glue_emit *e, const void *object)
{
	const struct terminal *t = object;

	glue_emit_uint(e, PSNAP_F_TERMINAL_KIND, t->kind);
	glue_emit_uint(e, PSNAP_F_TERMINAL_INDEX, t->index);
	if (t->path != NULL)
		glue_emit_bytes(e, PSNAP_F_TERMINAL_PATH, t->path, strlen(t->path));
	emit_modes(e, t);
	glue_emit_uint(e, PSNAP_F_TERMINAL_ROWS, t->size[0]);
	glue_emit_uint(e, PSNAP_F_TERMINAL_COLUMNS, t->size[1]);
	glue_emit_uint(e, PSNAP_F_TERMINAL_WIDTH_PIXELS, t->size[2]);
	glue_emit_uint(e, PSNAP_F_TERMINAL_HEIGHT_PIXELS, t->size[3]);
	glue_emit_int(e, PSNAP_F_TERMINAL_SID, t->sid);
	glue_emit_int(e, PSNAP_F_TERMINAL_FOREGROUND_PGID, t->pgid);
	glue_emit_uint(e, PSNAP_F_TERMINAL_LOCKED, t->locked != 0);
	glue_emit_uint(e, PSNAP_F_TERMINAL_PACKET_MODE, t->packet != 0);
	glue_emit_uint(e, PSNAP_F_TERMINAL_EXCLUSIVE, t->exclusive != 0);
	glue_emit_uint(e, PSNAP_F_TERMINAL_OUTSIDE, t->kind == PSNAP_TERMINAL_PTY && !t->master);
	if (t->has_st) {
		glue_emit_uint(e, PSNAP_F_TERMINAL_DEVICE,
		    (uint64_t)major(t->st.st_rdev) << 32 | minor(t->st.st_rdev));
		glue_emit_uint(e, PSNAP_F_TERMINAL_INODE, t->st.st_ino);
	}
	glue_emit_uint(e, PSNAP_F_TERMINAL_UNREAD_INPUT, t->unread_input);
	glue_emit_uint(e, PSNAP_F_TERMINAL_UNREAD_OUTPUT, t->unread_output);
	if (t->has_st) {
		glue_emit_uint(e, PSNAP_F_TERMINAL_MODE, t->st.st_mode & 07777);
		glue_emit_uint(e, PSNAP_F_TERMINAL_UID, t->st.st_uid);
		glue_emit_uint(e, PSNAP_F_TERMINAL_GID, t->st.st_gid);
	}
}
