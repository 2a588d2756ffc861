/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-glue/linux/procfs.h"

int
proc_open(struct proc *p)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d", (int)p->live);
	p->proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->proc_fd < 0 ? -errno : 0;
}

ssize_t
proc_read_small(const struct proc *p, const char *path, char *buf, size_t cap)
{
	int fd = openat(p->proc_fd, path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t k;

	if (fd < 0)
		return -errno;
	while (n < cap - 1 && (k = read(fd, buf + n, cap - 1 - n)) != 0) {
		if (k < 0) {
			k = -errno;
			close(fd);
			return k;
		}
		n += (size_t)k;
	}
	close(fd);
	buf[n] = '\0';
	return (ssize_t)n;
}

int
proc_try_read(struct dump *d, const struct proc *p, const char *path, char **text, size_t *len)
{
	int fd = openat(p->proc_fd, path, O_RDONLY | O_CLOEXEC), r = 0;
	size_t cap = 4096, n = 0;
	char *buf = NULL, *bigger;
	ssize_t k;

	if (fd < 0)
		return -errno;
	for (;;) {
		if (buf == NULL || cap - n < 2048) {
			cap = buf == NULL ? cap : cap * 2;
			if ((bigger = realloc(buf, cap)) == NULL) {
				r = -ENOMEM;
				goto out;
			}
			buf = bigger;
		}
		if ((k = read(fd, buf + n, cap - n - 1)) < 0) {
			r = -errno;
			goto out;
		}
		if (k == 0)
			break;
		n += (size_t)k;
	}
	buf[n] = '\0';
	if ((*text = dump_memdup(d, buf, n + 1)) == NULL)
		r = -ENOMEM;
	else if (len != NULL)
		*len = n;
out:
	close(fd);
	free(buf);
	return r;
}

int
proc_read(struct dump *d, const struct proc *p, const char *path, char **text, size_t *len)
{
	int r = proc_try_read(d, p, path, text, len);

	if (r == 0)
		return 0;
	return dump_fail(d, r == -ESRCH || r == -ENOENT ? GLUE_E_GONE :
	    r == -EACCES || r == -EPERM ? GLUE_E_DENIED : GLUE_E_SYSTEM, -r, p, "reading %s", path);
}

int
proc_readlink(struct dump *d, const struct proc *p, const char *path, char **target)
{
	char buf[PATH_MAX + 1];
	ssize_t n = readlinkat(p->proc_fd, path, buf, sizeof buf - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return (*target = dump_strdup(d, buf)) == NULL ? -ENOMEM : 0;
}

int
stat_parse(char *text, struct proc_stat *st)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')'), *at;
	size_t n;

	if (open == NULL || close == NULL || close < open || close[1] != ' ')
		return -EINVAL;
	memset(st, 0, sizeof *st);
	n = (size_t)(close - open - 1);
	memcpy(st->comm, open + 1, n < sizeof st->comm ? n : sizeof st->comm - 1);
	st->field[1] = strtoull(text, NULL, 10);
	st->state = close[2];
	at = close + 3;
	for (int i = 4; i < STAT_FIELDS && *at != '\0' && *at != '\n'; i++)
		st->field[i] = at[1] == '-' ? (uint64_t)strtoll(at, &at, 10) : strtoull(at, &at, 10);
	return 0;
}

int
stat_read(const struct proc *p, const char *path, struct proc_stat *st)
{
	char buf[2048];
	ssize_t n = proc_read_small(p, path, buf, sizeof buf);

	return n < 0 ? (int)n : stat_parse(buf, st);
}

const char *
field_find(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; line != NULL && *line != '\0';
	    line = (line = strchr(line, '\n')) != NULL ? line + 1 : NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			line += n + 1;
			return line + strspn(line, " \t");
		}
	return NULL;
}

uint64_t
field_number(const char *text, const char *name, int base)
{
	const char *value = field_find(text, name);

	return value != NULL ? strtoull(value, NULL, base) : 0;
}

static int
compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

int
proc_list_numbers(const struct proc *p, const char *path, int **v, size_t *n)
{
	int fd = openat(p->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0, *bigger;
	struct dirent *e;
	size_t cap = 0;
	DIR *dir;

	*v = NULL;
	*n = 0;
	if (fd < 0)
		return -errno;
	if ((dir = fdopendir(fd)) == NULL) {
		r = -errno;
		close(fd);
		return r;
	}
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			if ((bigger = realloc(*v, cap * sizeof **v)) == NULL) {
				r = -ENOMEM;
				break;
			}
			*v = bigger;
		}
		(*v)[(*n)++] = (int)strtol(e->d_name, NULL, 10);
	}
	closedir(dir);
	if (r == 0 && *n > 0)
		qsort(*v, *n, sizeof **v, compare_ints);
	return r;
}

uint64_t
line_number(const char *line, const char *name, int base)
{
	size_t n = strlen(name), len = strcspn(line, "\n");

	for (const char *at = line; (at = strstr(at, name)) != NULL && at < line + len; at += n)
		if (at[n] == ':' && (at == line || at[-1] == ' ' || at[-1] == '\t'))
			return strtoull(at + n + 1, NULL, base);
	return 0;
}
