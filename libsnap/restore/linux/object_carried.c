/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files with a name whose content the snapshot holds: compared with what is
 * here, or made where nothing is.
 *
 * A path of a snapshot is anybody's word.  It is used as it is written: no
 * symbolic link and no ".." on the way leads elsewhere than the user who
 * allowed it read, and what is there already stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libsnap/container/output.h"
#include "libsnap/restore/linux/linux.h"

/* A file made under its name. */
struct carried {
	uint64_t	content_id;
	int		folder;
	const char	*name;
	bool		named;
	struct stat	st;
};

/* ---- where ---- */

/* Whether no component is "..", and the last one a name. */
static bool
is_plain(const char *path)
{
	const char *name = strrchr(path, '/');

	for (const char *at = path; (at = strstr(at, "/..")) != NULL; at += 3)
		if (at[3] == '/' || at[3] == '\0')
			return false;
	return path[0] == '/' && name[1] != '\0' && strcmp(name, "/.") != 0;
}

int
carried_folder(struct plan *p, const char *path, const char **name)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	char *folder;
	size_t n;

	if (!is_plain(path)) {
		errno = EINVAL;
		return -1;
	}
	n = (size_t)(strrchr(path, '/') - path);
	if ((folder = plan_alloc(p, n + 2)) == NULL) {
		errno = ENOMEM;
		return -1;
	}
	memcpy(folder, path, n > 0 ? n : 1);
	*name = path + n + 1;
	return (int)syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof how);
}

/* ---- the same? ---- */

#define PIECE	(256u << 10)

/* n bytes of the content from at on; what no run holds is zero. */
static int
read_held(struct plan *p, uint64_t id, uint64_t at, uint8_t *buf, size_t n, struct snap_error *err)
{
	struct snap_run run = { .owner = id, .first = at / p->page };
	uint64_t end = at + n, last = (end + p->page - 1) / p->page;
	int more, e;

	memset(buf, 0, n);
	while ((more = snap_next_run(p->s, &run, last, err)) == 1) {
		uint64_t from = run.first * p->page, to = (run.first + run.count) * p->page;

		from = from < at ? at : from;
		to = to > end ? end : to;
		if (run.kind == PSNAP_RUN_STORED &&
		    (e = snap_read_memory(p->s, id, from, buf + (from - at), (size_t)(to - from), NULL, err)) != 0)
			return e;
	}
	return more;
}

/* Whether n bytes of fd from at on are these. */
static bool
has_bytes(int fd, uint64_t at, const uint8_t *bytes, size_t n, uint8_t *buf)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = pread(fd, buf, n - done, (off_t)(at + done));

		if (k <= 0 || memcmp(buf, bytes + done, (size_t)k) != 0)
			return false;
		done += (size_t)k;
	}
	return true;
}

int
content_compare(struct plan *p, uint64_t id, uint64_t size, int fd, bool *same, struct snap_error *err)
{
	uint8_t *held = malloc(2 * PIECE);
	struct stat st;
	int e = 0;

	if (held == NULL)
		return error_nomem(err);
	*same = fstat(fd, &st) == 0 && (uint64_t)st.st_size == size;
	for (uint64_t at = 0; at < size && *same && e == 0; at += PIECE) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		e = read_held(p, id, at, held, n, err);
		*same = e == 0 && has_bytes(fd, at, held, n, held + PIECE);
	}
	free(held);
	return e;
}

/* ---- made ---- */

static struct carried *
find_made(struct restore *r, uint64_t content_id)
{
	for (size_t i = 0; i < r->carried.n; i++) {
		struct carried *c = r->carried.v[i];

		if (c->named && c->content_id == content_id)
			return c;
	}
	return NULL;
}

/* It has its name once all of it is there. */
static int
make_file(struct restore *r, const Psnap__File *f, uint64_t id, const char *path, struct carried *c)
{
	int dir = fcntl(c->folder, F_DUPFD_CLOEXEC, 0), e;
	struct output out;

	if (dir < 0)
		return restore_fail(r, NULL, id, errno, "opening the folder of %s", path);
	output_init(&out);
	if ((e = output_create_new(&out, dir, path, r->err)) != 0 ||
	    ((e = file_fill(r, f, id, out.fd, path)) == 0 && (e = output_commit(&out, r->err)) != 0))
		r->failed = true;
	c->named = e == 0;
	if (e == 0 && fstat(out.fd, &c->st) != 0)
		e = restore_fail(r, NULL, id, errno, "examining %s", path);
	output_fini(&out);
	return e;
}

/* Two names of one file. */
static int
make_link(struct restore *r, uint64_t id, const char *path, const struct carried *same, struct carried *c)
{
	if (linkat(same->folder, same->name, c->folder, c->name, 0) != 0)
		return restore_fail(r, NULL, id, errno, "linking %s", path);
	c->st = same->st;
	c->named = true;
	return 0;
}

static int
make_carried(struct restore *r, uint64_t id)
{
	const Psnap__File *f = snap_get_message(r->s, id, PSNAP_KIND_FILE);
	const char *path = plan_path(r->p, &f->path);
	struct carried *same = find_made(r, f->content_object_id), *c = plan_alloc(r->p, sizeof *c);

	if (path == NULL || c == NULL || restore_list_add(r, &r->carried, c) != 0)
		return restore_nomem(r);
	c->content_id = f->content_object_id;
	if ((c->folder = keep_fd(r, carried_folder(r->p, path, &c->name))) < 0)
		return restore_fail(r, NULL, id, errno, "opening the folder of %s", path);
	return same != NULL ? make_link(r, id, path, same, c) : make_file(r, f, id, path, c);
}

int
carried_make(struct restore *r)
{
	int e = 0;

	for (size_t i = 0; i < r->p->ncarried && e == 0; i++)
		e = make_carried(r, r->p->carried[i]);
	return e;
}

void
carried_remove(struct restore *r)
{
	for (size_t i = 0; i < r->carried.n; i++) {
		const struct carried *c = r->carried.v[i];
		struct stat st;

		/* not what somebody else put there meanwhile */
		if (c->named && fstatat(c->folder, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_dev == c->st.st_dev && st.st_ino == c->st.st_ino)
			unlinkat(c->folder, c->name, 0);
	}
}
