/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix sockets whose other end is outside of the tree: that is refused by the
 * names of both, or, if it is wished, they connect again to the name it has.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"

#define OWNER_MAX	64

/* ---- who has it ---- */

/* A descriptor on that socket, or -1. */
static int
find_descriptor(const struct proc *p, const char *wanted)
{
	int *fds = NULL, found = -1;
	char path[32], link[64];
	size_t n = 0;

	if (proc_list_numbers(p, "fd", &fds, &n) != 0)
		return -1;
	for (size_t i = 0; i < n && found < 0; i++) {
		ssize_t len;

		snprintf(path, sizeof path, "fd/%d", fds[i]);
		if ((len = readlinkat(p->proc_fd, path, link, sizeof link - 1)) <= 0)
			continue;
		link[len] = '\0';
		if (strcmp(link, wanted) == 0)
			found = fds[i];
	}
	free(fds);
	return found;
}

static void
tell_owner(uint64_t ino, char owner[OWNER_MAX])
{
	const struct proc all = { .proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	char wanted[32], comm[17];
	int *pids = NULL;
	size_t n = 0;

	snprintf(owner, OWNER_MAX, "a process");
	snprintf(wanted, sizeof wanted, "socket:[%llu]", (unsigned long long)ino);
	if (all.proc_fd >= 0 && proc_list_numbers(&all, ".", &pids, &n) == 0)
		for (size_t i = 0; i < n; i++) {
			struct proc p = { .pid = pids[i], .live = pids[i] };
			int fd = proc_open(&p) == 0 ? find_descriptor(&p, wanted) : -1;

			if (fd >= 0 && proc_read_small(&p, "comm", comm, sizeof comm) > 0)
				snprintf(owner, OWNER_MAX, "descriptor %d of pid %d (%.*s)", fd, (int)pids[i],
				    (int)strcspn(comm, "\n"), comm);
			if (p.proc_fd >= 0)
				close(p.proc_fd);
			if (fd >= 0)
				break;
		}
	free(pids);
	if (all.proc_fd >= 0)
		close(all.proc_fd);
}

/* ---- what becomes of it ---- */

static bool
has_name(const struct socket_object *s)
{
	return s->remote_len > offsetof(struct sockaddr_un, sun_path) + 1;
}

/* What is unread of a stream belongs to the connection that is lost. */
static bool
can_connect_again(const struct socket_object *s)
{
	return has_name(s) && (s->type == SOCK_DGRAM || s->unread == 0);
}

int
outside_cover(struct dump *d, struct socket_object *s)
{
	const struct sockaddr_un *name = (const void *)s->remote;
	bool abstract = name->sun_path[0] == '\0';
	char owner[OWNER_MAX];

	if (d->options->external && can_connect_again(s)) {
		s->external = true;
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, s->proc, 0, s->fd, s->id, "unix-external",
		    "it connects again to %s%.*s, outside the tree", abstract ? "@" : "",
		    (int)(s->remote_len - offsetof(struct sockaddr_un, sun_path) - abstract), name->sun_path + abstract);
	}
	tell_owner(s->peer_ino, owner);
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id, "unix-outside",
	    "the other end is of %s outside the tree%s", owner, can_connect_again(s) ? " (--external)" : "");
}
