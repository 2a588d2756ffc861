/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/cgroup_mounts.h"
#include "linux/words.h"

#define TABLE	"/proc/self/mountinfo"
#define WORDS_MAX	256

/* ---- the table of mounts ---- */

/* What is left of a line behind its first n words. */
static char *
skip(char *line, int n)
{
	for (; n > 0 && line != NULL; n--)
		strsep(&line, " ");
	return line;
}

/* proc(5): "36 35 98:0 /root /path rw,noatime shared:1 - type source options" */
static bool
parse(char *line, struct cgroup_mount *m)
{
	char *rest = skip(line, 3), *root = strsep(&rest, " "), *point = strsep(&rest, " "), *type;

	if (rest == NULL || (rest = strstr(rest, " - ")) == NULL)
		return false;
	rest += strlen(" - ");
	type = strsep(&rest, " ");
	if ((strcmp(type, "cgroup2") != 0 && strcmp(type, "cgroup") != 0) || (rest = skip(rest, 1)) == NULL ||
	    strchr(root, '\\') != NULL || strchr(point, '\\') != NULL)
		return false;
	*m = (struct cgroup_mount){ strcmp(type, "cgroup2") == 0, rest, root, point };
	return true;
}

static char *
read_table(void)
{
	FILE *f = fopen(TABLE, "re");
	char *text = NULL;
	size_t cap = 0;
	int e;

	if (f == NULL)
		return NULL;
	if (getdelim(&text, &cap, '\0', f) < 0) {
		e = ferror(f) ? errno : EPROTO;
		free(text);
		text = NULL;
		errno = e;
	}
	fclose(f);
	return text;
}

int
cgroup_mounts_read(struct cgroup_mounts *m)
{
	char *rest, *line;

	memset(m, 0, sizeof *m);
	if ((m->text = rest = read_table()) == NULL)
		return errno;
	while ((line = strsep(&rest, "\n")) != NULL && m->n < CGROUP_MOUNTS_MAX)
		m->n += parse(line, &m->v[m->n]);
	return 0;
}

void
cgroup_mounts_free(struct cgroup_mounts *m)
{
	free(m->text);
	memset(m, 0, sizeof *m);
}

/* ---- cgroups in it ---- */

static bool
has_all(const struct cgroup_mount *m, const char *controllers)
{
	char word[WORDS_MAX];

	if (m->v2 || *controllers == '\0')
		return m->v2 && *controllers == '\0';
	for (size_t n; *controllers != '\0'; controllers += n + (controllers[n] == ',')) {
		if ((n = strcspn(controllers, ",")) >= sizeof word)
			return false;
		snprintf(word, sizeof word, "%.*s", (int)n, controllers);
		if (!words_have(m->options, word))
			return false;
	}
	return true;
}

const struct cgroup_mount *
cgroup_mount_find(const struct cgroup_mounts *m, const char *controllers)
{
	for (size_t i = 0; i < m->n; i++)
		if (has_all(&m->v[i], controllers))
			return &m->v[i];
	return NULL;
}

bool
cgroup_is_within(const char *path, const char *within)
{
	size_t n = strcmp(within, "/") == 0 ? 0 : strlen(within);

	return strncmp(path, within, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

int
cgroup_folder_open(const struct cgroup_mounts *m, const char *controllers, const char *path)
{
	char full[PATH_MAX];

	for (size_t i = 0; i < m->n; i++) {
		const struct cgroup_mount *x = &m->v[i];
		const char *rest = path + (strcmp(x->root, "/") == 0 ? 0 : strlen(x->root));

		/* what is above the root of our cgroup namespace is told as /.. */
		if (!has_all(x, controllers) || !cgroup_is_within(path, x->root) || strncmp(rest, "/..", 3) == 0 ||
		    (size_t)snprintf(full, sizeof full, "%s%s", x->point, rest) >= sizeof full)
			continue;
		return open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	errno = ENOENT;
	return -1;
}

/* ---- their files ---- */

int
cgroup_file_read(int folder, const char *name, char *buf, size_t cap)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC), e;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, cap - 1);
	e = errno;
	close(fd);
	if (n < 0)
		return -e;
	if ((size_t)n == cap - 1)
		return -EOVERFLOW;
	n -= n > 0 && buf[n - 1] == '\n';
	buf[n] = '\0';
	return (int)n;
}

int
cgroup_file_write(int folder, const char *name, const char *text)
{
	int fd = openat(folder, name, O_WRONLY | O_CLOEXEC), e;
	size_t len;
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* a kernel is not told of a write of nothing */
	if (*text == '\0')
		text = "\n";
	len = strlen(text);
	n = write(fd, text, len);
	e = n < 0 ? errno : EIO;
	close(fd);
	return n == (ssize_t)len ? 0 : -e;
}
