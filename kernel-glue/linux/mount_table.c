/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID/mountinfo, proc(5): "36 35 98:0 /root /path rw,noatime shared:1 - ext3 /dev/sda1 rw".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/mount.h"

/* Space, tab, line feed and backslash are written as octal numbers. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++, to++) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = '\0';
}

/* "shared:1", "master:2", "unbindable", until the dash. */
static char *
read_tags(struct mount *m, char **rest)
{
	char *word;

	while ((word = strsep(rest, " ")) != NULL && strcmp(word, "-") != 0) {
		if (strncmp(word, "shared:", 7) == 0)
			m->peers = atoi(word + 7);
		else if (strncmp(word, "master:", 7) == 0)
			m->master = atoi(word + 7);
		else if (strcmp(word, "unbindable") == 0)
			m->unbindable = true;
	}
	return word;
}

static bool
parse(char *line, struct mount *m)
{
	char *number = strsep(&line, " "), *parent = strsep(&line, " "), *dev = strsep(&line, " ");
	char *root = strsep(&line, " "), *path = strsep(&line, " "), *flags = strsep(&line, " "), *type, *source;
	unsigned major, minor;

	if (flags == NULL || sscanf(dev, "%u:%u", &major, &minor) != 2 || read_tags(m, &line) == NULL ||
	    (type = strsep(&line, " ")) == NULL || (source = strsep(&line, " ")) == NULL || line == NULL)
		return false;
	m->number = atoi(number);
	m->parent_number = atoi(parent);
	m->dev = (uint64_t)major << 32 | minor;
	unescape(root);
	unescape(path);
	unescape(source);
	m->root = root;
	m->path = path;
	m->flags = flags;
	m->type = type;
	m->source = source;
	m->options = line;
	return true;
}

static void
find_parents(const struct list *all)
{
	for (size_t i = 0; i < all->n; i++) {
		struct mount *m = all->v[i];

		for (size_t k = 0; k < all->n && m->parent == NULL; k++) {
			struct mount *p = all->v[k];

			if (p != m && p->number == m->parent_number)
				m->parent = p;
		}
	}
}

int
mount_table_read(struct dump *d, const struct proc *p, struct list *to)
{
	char *text, *line;
	int r = proc_read(d, p, "mountinfo", &text, NULL);

	if (r != 0)
		return r;
	while ((line = strsep(&text, "\n")) != NULL) {
		struct mount *m;

		if (*line == '\0')
			continue;
		if ((m = dump_alloc(d, sizeof *m)) == NULL || list_add(d, to, m) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		if (!parse(line, m))
			return dump_fail(d, GLUE_E_SYSTEM, 0, p, "mountinfo is not as expected");
	}
	find_parents(to);
	return 0;
}
