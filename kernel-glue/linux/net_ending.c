/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network namespace that ends with the tree.  The kernel takes its nftables
 * away before its devices: in between, packets of connections that are no
 * longer held back would be answered with a reset.  So its links go down first.
 */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-glue/linux/net.h"
#include "kernel-glue/linux/procfs.h"
#include "linux/net_messages.h"

/* ---- whether it ends ---- */

/* One of its threads, if not all. */
static bool
process_is_in(const struct proc *p, const struct stat *netns)
{
	int *tids = NULL;
	size_t n = 0;
	bool found = false;

	if (proc_list_numbers(p, "task", &tids, &n) != 0)
		n = 0;
	for (size_t i = 0; i < n && !found; i++) {
		char path[48];
		struct stat st;

		snprintf(path, sizeof path, "task/%d/ns/net", tids[i]);
		found = fstatat(p->proc_fd, path, &st, 0) == 0 && st.st_ino == netns->st_ino && st.st_dev == netns->st_dev;
	}
	free(tids);
	return found;
}

/* Who has ended is in none, even if nobody has waited for it yet. */
static bool
somebody_is_in(const struct stat *netns)
{
	const struct proc all = { .proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	int *pids = NULL;
	size_t n = 0;
	bool found = all.proc_fd < 0 || proc_list_numbers(&all, ".", &pids, &n) != 0;

	for (size_t i = 0; i < n && !found; i++) {
		struct proc p = { .pid = pids[i], .live = pids[i] };

		if (proc_open(&p) != 0)
			continue;
		found = process_is_in(&p, netns);
		close(p.proc_fd);
	}
	free(pids);
	if (all.proc_fd >= 0)
		close(all.proc_fd);
	return found;
}

/* As ip-netns(8) gives names: it is mounted somewhere. */
static bool
has_name(struct dump *d, const struct stat *netns)
{
	struct proc self = { .pid = getpid(), .live = getpid() };
	char root[48], *text;
	bool has = true;

	if (proc_open(&self) != 0)
		return true;
	snprintf(root, sizeof root, " net:[%ju] ", (uintmax_t)netns->st_ino);
	if (proc_try_read(d, &self, "mountinfo", &text, NULL) == 0)
		has = strstr(text, root) != NULL;
	close(self.proc_fd);
	return has;
}

/* ---- its links ---- */

static int
add_link(void *ctx, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct ifinfomsg down = { .ifi_family = AF_UNSPEC, .ifi_index = i->ifi_index, .ifi_change = IFF_UP };
	struct netlink_batch *b = ctx;

	if (h->nlmsg_type == RTM_NEWLINK && h->nlmsg_len >= NLMSG_LENGTH(sizeof *i) && (i->ifi_flags & IFF_UP) &&
	    !(i->ifi_flags & IFF_LOOPBACK))
		netlink_begin(b, RTM_NEWLINK, 0, &down, sizeof down);
	return 0;
}

/* That it fails is no worse than before. */
static void
set_down(int netns)
{
	const struct ifinfomsg all = { .ifi_family = AF_UNSPEC };
	struct netlink_batch b = { 0 };
	int fd = netlink_open(netns, NETLINK_ROUTE);

	if (fd < 0)
		return;
	if (netlink_dump(fd, RTM_GETLINK, &all, sizeof all, add_link, &b) == 0 && b.len > 0)
		netlink_transact(fd, &b);
	free(b.buf);
	close(fd);
}

void
net_end(struct dump *d, int netns)
{
	struct stat st;

	if (fstat(netns, &st) == 0 && !somebody_is_in(&st) && !has_name(d, &st))
		set_down(netns);
}
