/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inotify: watches and the files they watch.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"

static size_t
read_hex(const char *s, uint8_t *out, size_t max)
{
	size_t n = 0;

	while (n < max) {
		char pair[3] = { s[0], s[0] != '\0' ? s[1] : '\0', '\0' };
		char *end;
		unsigned long v = strtoul(pair, &end, 16);

		if (end != pair + 2)
			break;
		out[n++] = (uint8_t)v;
		s += 2;
	}
	return n;
}

/* A mount of the file system with this device, for opening by handle; -1 none. */
static int
open_mount(struct dump *d, struct proc *p, uint64_t dev)
{
	char *text, want[32];

	snprintf(want, sizeof want, "%u:%u", (unsigned)(dev >> 20), (unsigned)(dev & 0xfffff));
	if (proc_try_read(d, p, "mountinfo", &text, NULL) != 0)
		return -1;
	/* "36 35 98:0 /mnt1 /mnt2 rw,noatime ...": device and mount point are third and fifth */
	for (char *line = strtok_r(text, "\n", &text); line != NULL; line = strtok_r(NULL, "\n", &text)) {
		char device[32], point[PATH_MAX], path[PATH_MAX + 64];
		int fd;

		if (sscanf(line, "%*d %*d %31s %*s %4095s", device, point) != 2 || strcmp(device, want) != 0)
			continue;
		snprintf(path, sizeof path, "/proc/%d/root%s", (int)p->live, point);
		if ((fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) >= 0)
			return fd;
	}
	return -1;
}

/* The file behind a watch, by the handle fdinfo shows (open_by_handle_at(2)). */
static int
find_watched(struct dump *d, struct proc *p, struct watch *w)
{
	struct { struct file_handle h; unsigned char bytes[MAX_HANDLE_SZ]; } handle = { 0 };
	char self[40], link[PATH_MAX];
	int mount = open_mount(d, p, w->dev), fd = -1, r = 0;
	ssize_t n;

	if (mount < 0 || w->handle_len == 0 || w->handle_len > sizeof handle.bytes)
		goto out;
	handle.h.handle_bytes = (unsigned)w->handle_len;
	handle.h.handle_type = (int)w->handle_type;
	memcpy(handle.h.f_handle, w->handle, w->handle_len);
	if ((fd = open_by_handle_at(mount, &handle.h, O_PATH | O_CLOEXEC)) < 0)
		goto out;
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	if ((n = readlink(self, link, sizeof link - 1)) <= 0)
		goto out;
	link[n] = '\0';
	if ((w->file = file_intern(d, p, fd, link)) == NULL)
		r = d->err->code;
out:
	if (fd >= 0)
		close(fd);
	if (mount >= 0)
		close(mount);
	return r;
}

int
inotify_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	int n = 0, r;

	o->what = FD_INOTIFY;
	for (const char *line = o->info; (line = strstr(line, "inotify wd:")) != NULL; line += 8) {
		struct watch *w = dump_alloc(d, sizeof *w);
		const char *handle;

		if (w == NULL || list_add(d, &o->watches, w) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		w->wd = (int32_t)line_number(line, "wd", 16);
		w->ino = line_number(line, "ino", 16);
		w->dev = line_number(line, "sdev", 16);
		w->mask = (uint32_t)line_number(line, "mask", 16);
		w->handle_type = (uint32_t)line_number(line, "fhandle-type", 16);
		if ((handle = strstr(line, "f_handle:")) != NULL)
			w->handle_len = read_hex(handle + 9, w->handle, sizeof w->handle);
		if ((r = find_watched(d, p, w)) != 0 || (w->file == NULL && (r = dump_cover(d,
		    PSNAP_COVERAGE_DEGRADES, p, 0, o->fd, o->id, "inotify-watch",
		    "what watch %d is on cannot be found", (int)w->wd)) != 0))
			return r;
	}
	if (ioctl(local, FIONREAD, &n) == 0 && n > 0) {
		o->unread = (uint64_t)n;
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, o->fd, o->id, "inotify-events",
		    "%d bytes of unread events are not held", n);
	}
	return 0;
}

void
inotify_emit(struct glue_emit *e, const struct open_file *o)
{
	glue_emit_open(e, PSNAP_F_OPEN_FILE_INOTIFY);
	/* the kernel lists them newest first */
	for (size_t i = o->watches.n; i-- > 0;) {
		const struct watch *w = o->watches.v[i];

		glue_emit_open(e, PSNAP_F_INOTIFY_WATCHES);
		glue_emit_int(e, PSNAP_F_INOTIFY_WATCH_DESCRIPTOR, w->wd);
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_FILE_ID, w->file != NULL ? w->file->id : 0);
		/* the kernel's own dev_t: major from bit 20 */
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_DEVICE, (w->dev >> 20) << 32 | (w->dev & 0xfffff));
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_INODE, w->ino);
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_MASK, w->mask);
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_HANDLE_TYPE, w->handle_type);
		glue_emit_bytes(e, PSNAP_F_INOTIFY_WATCH_HANDLE, w->handle, w->handle_len);
		glue_emit_close(e);
	}
	glue_emit_uint(e, PSNAP_F_INOTIFY_UNREAD_EVENTS, o->unread);
	glue_emit_close(e);
}
