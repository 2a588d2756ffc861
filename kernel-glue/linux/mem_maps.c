/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mappings of a process, from /proc/PID/smaps, and what kind each is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-glue/linux/mem.h"
#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/share.h"
#include "kernel-glue/linux/fd.h"

#define DELETED	" (deleted)"

/* /proc escapes a newline in a name as \012, and nothing else. */
static void
unescape(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++)
		if (strncmp(s, "\\012", 4) == 0) {
			*out++ = '\n';
			s += 3;
		} else {
			*out++ = *s;
		}
	*out = '\0';
}

bool
maps_parse_line(char *line, struct mapping *m)
{
	char *at = line;

	/* "start-end rwxp offset major:minor inode   name" */
	m->start = strtoull(at, &at, 16);
	if (at == line || *at++ != '-')
		return false;
	m->end = strtoull(at, &at, 16);
	if (*at++ != ' ' || strlen(at) < 5 || m->end <= m->start)
		return false;
	m->r = at[0] == 'r';
	m->w = at[1] == 'w';
	m->x = at[2] == 'x';
	m->shared = at[3] == 's';
	at += 4;
	m->offset = strtoull(at, &at, 16);
	m->dev = strtoull(at, &at, 16) << 32;
	if (*at++ != ':')
		return false;
	m->dev |= strtoull(at, &at, 16);
	m->ino = strtoull(at, &at, 10);
	at += strspn(at, " ");
	unescape(at);
	m->name = at;
	return true;
}

void
maps_parse_flags(const char *flags, struct mapping *m)
{
	static const struct { char name[3]; size_t at; } table[] = {
#define FLAG(f)	{ #f, offsetof(struct mapping, f) }
		FLAG(gd), FLAG(lo), FLAG(lf), FLAG(nr), FLAG(ht), FLAG(mr), FLAG(mw), FLAG(me),
		FLAG(sr), FLAG(rr), FLAG(dc), FLAG(wf), FLAG(dd), FLAG(hg), FLAG(nh), FLAG(mg),
		FLAG(sl), FLAG(ss), FLAG(um), FLAG(uw), FLAG(io), FLAG(dp),
#undef FLAG
	};

	for (; flags[0] != '\0' && flags[1] != '\0' && flags[0] != '\n'; flags += 3) {
		for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
			if (flags[0] == table[i].name[0] && flags[1] == table[i].name[1])
				*(bool *)((char *)m + table[i].at) = true;
		if (flags[2] != ' ')
			break;
	}
}

static int
parse(struct dump *d, struct proc *p, struct mm *mm, char *text)
{
	struct mapping *m = NULL;

	for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		if (line[0] >= 'A' && line[0] <= 'Z') {
			if (m == NULL)
				continue;
			if (strncmp(line, "Rss:", 4) == 0)
				m->resident_kib = strtoull(line + 4, NULL, 10);
			else if (strncmp(line, "Shared_Clean:", 13) == 0)
				m->shared_clean_kib = strtoull(line + 13, NULL, 10);
			else if (strncmp(line, "Shared_Dirty:", 13) == 0)
				m->shared_dirty_kib = strtoull(line + 13, NULL, 10);
			else if (strncmp(line, "KernelPageSize:", 15) == 0)
				m->huge_page_size = strtoull(line + 15, NULL, 10) << 10;
			else if (strncmp(line, "ProtectionKey:", 14) == 0)
				m->key = (uint32_t)strtoul(line + 14, NULL, 10);
			else if (strncmp(line, "VmFlags: ", 9) == 0)
				maps_parse_flags(line + 9, m);
			continue;
		}
		if ((m = dump_alloc(d, sizeof *m)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		m->mm = mm;
		if (!maps_parse_line(line, m))
			return dump_fail(d, GLUE_E_SYSTEM, 0, p, "smaps: cannot read \"%.60s\"", line);
		if (list_add(d, &mm->mappings, m) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	}
	return 0;
}

/* ---- kinds ---- */

static bool
starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* An fd of our own on what is mapped; -1 where that needs a privilege we lack. */
static int
open_mapped(struct proc *p, const struct mapping *m, int flags)
{
	char path[64];

	snprintf(path, sizeof path, "map_files/%llx-%llx", (unsigned long long)m->start,
	    (unsigned long long)m->end);
	return openat(p->proc_fd, path, flags | O_CLOEXEC);
}

/* A shared object that is no file: kind is PSNAP_MEMORY_OBJECT_*. */
static int
object_mapping(struct dump *d, struct proc *p, struct mapping *m, uint32_t kind)
{
	int fd = open_mapped(p, m, O_RDONLY);

	m->kind = m->shared ? PSNAP_MAPPING_OBJECT_SHARED : PSNAP_MAPPING_OBJECT_PRIVATE;
	m->object = mem_object(d, m->dev, m->ino, kind, fd);
	if (fd >= 0)
		close(fd);
	if (m->object == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (m->object->fd < 0 && (m->object->map == NULL ||
	    m->object->map->end - m->object->map->start < m->end - m->start)) {
		/* read through the process instead: as much as it maps */
		m->object->proc = p;
		m->object->map = m;
		if (m->object->size < m->offset + (m->end - m->start))
			m->object->size = m->offset + (m->end - m->start);
	}
	if (m->ht)
		m->object->huge_page_size = m->huge_page_size;
	if (kind == PSNAP_MEMORY_OBJECT_SYSV)
		m->object->sysv_id = (int64_t)m->ino;
	if (kind == PSNAP_MEMORY_OBJECT_MEMFD && m->object->name == NULL) {
		char *name = dump_strdup(d, m->name + strlen("/memfd:")), *end;

		if (name == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		if ((end = strstr(name, DELETED)) != NULL)
			*end = '\0';
		m->object->name = name;
	}
	return 0;
}

static int
device_mapping(struct dump *d, struct proc *p, struct mapping *m)
{
	m->kind = PSNAP_MAPPING_DEVICE;
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, m->id,
	    starts(m->name, "/[aio]") ? "aio-ring" : strstr(m->name, "io_uring") != NULL ? "io_uring" :
	    "device-mapping", "mapping 0x%llx of %s: contents are the kernel's or a device's",
	    (unsigned long long)m->start, m->name);
}

static int
file_mapping(struct dump *d, struct proc *p, struct mapping *m, const struct mapping *prev)
{
	struct stat st;
	int fd;

	m->kind = m->shared ? PSNAP_MAPPING_FILE_SHARED : PSNAP_MAPPING_FILE_PRIVATE;
	if (prev != NULL && prev->file != NULL && prev->dev == m->dev && prev->ino == m->ino &&
	    strcmp(prev->name, m->name) == 0) {
		m->file = prev->file;
		return 0;
	}
	if ((m->file = file_lookup(d, m->dev, m->ino, m->name)) != NULL)
		return 0;
	if ((fd = open_mapped(p, m, O_PATH)) < 0) {
		/* without the privilege: by name, if it still leads to the same file */
		char *name = dump_strdup(d, m->name), *end;

		if (name != NULL && (end = strstr(name, DELETED)) != NULL)
			*end = '\0';
		fd = name != NULL ? open(name, O_PATH | O_CLOEXEC) : -1;
		if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_ino != m->ino)) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, m->id, "mapped-file",
		    "mapping 0x%llx: %s cannot be reached: %s", (unsigned long long)m->start, m->name,
		    strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode)) {
		bool zero = strcmp(m->name, "/dev/zero") == 0;

		close(fd);
		if (zero && !m->shared) {
			m->kind = PSNAP_MAPPING_ANONYMOUS;
			return 0;
		}
		return device_mapping(d, p, m);
	}
	m->file = file_intern(d, p, fd, m->name);
	close(fd);
	return m->file != NULL ? 0 : d->err->code;
}

static int
classify(struct dump *d, struct proc *p, struct mapping *m, const struct mapping *prev)
{
	const char *n = m->name;

	m->id = dump_new_id(d);
	if (m->um || m->uw)
		dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, m->id, "userfaultfd",
		    "mapping 0x%llx is registered with a userfaultfd", (unsigned long long)m->start);
	if (strcmp(n, "[vdso]") == 0) {
		m->kind = PSNAP_MAPPING_VDSO;
		m->mm->vdso = m->start;
	} else if (starts(n, "[vvar")) {
		m->kind = PSNAP_MAPPING_VVAR;
	} else if (strcmp(n, "[vsyscall]") == 0) {
		m->kind = PSNAP_MAPPING_VSYSCALL;
	} else if (strcmp(n, "[uprobes]") == 0) {
		m->kind = PSNAP_MAPPING_VVAR;
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, m->id, "uprobes",
		    "the process is being probed: breakpoints are in its code");
	} else if (starts(n, "/SYSV") && strstr(n, DELETED) != NULL) {
		/* its inode is its id, and that may be 0 */
		return object_mapping(d, p, m, PSNAP_MEMORY_OBJECT_SYSV);
	} else if (m->ino == 0 || (!m->shared && starts(n, "/anon_hugepage"))) {
		m->kind = PSNAP_MAPPING_ANONYMOUS;
		if (strcmp(n, "[heap]") == 0)
			m->role = PSNAP_MAPPING_ROLE_HEAP;
		else if (strcmp(n, "[stack]") == 0)
			m->role = PSNAP_MAPPING_ROLE_STACK;
		else if (starts(n, "[anon:"))
			m->role = PSNAP_MAPPING_ROLE_NAMED;
	} else if (starts(n, "/memfd:") && strstr(n, DELETED) != NULL) {
		return object_mapping(d, p, m, PSNAP_MEMORY_OBJECT_MEMFD);
	} else if (strcmp(n, "/dev/zero" DELETED) == 0 || starts(n, "[anon_shmem:") ||
	    starts(n, "/anon_hugepage")) {
		return object_mapping(d, p, m, PSNAP_MEMORY_OBJECT_ANONYMOUS);
	} else if (n[0] != '/' || starts(n, "/[aio]")) {
		return device_mapping(d, p, m);
	} else {
		return file_mapping(d, p, m, prev);
	}
	return 0;
}

/* ---- address spaces ---- */

static int
read_marks(struct dump *d, struct proc *p, struct mm *mm)
{
	static const struct { int mark, field; } marks[] = {
		{ MARK_START_CODE, 26 }, { MARK_END_CODE, 27 }, { MARK_START_STACK, 28 },
		{ MARK_START_DATA, 45 }, { MARK_END_DATA, 46 }, { MARK_START_BRK, 47 },
		{ MARK_ARG_START, 48 }, { MARK_ARG_END, 49 }, { MARK_ENV_START, 50 },
		{ MARK_ENV_END, 51 },
	};
	struct proc_stat st;
	int r;

	if ((r = stat_read(p, "stat", &st)) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, -r, p, "reading stat");
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		mm->marks[marks[i].mark] = st.field[marks[i].field];
	if (proc_try_read(d, p, "auxv", &mm->auxv, &mm->auxv_len) != 0)
		dump_note(d, "auxiliary vectors could not be read");
	return 0;
}

static int
read_exe(struct dump *d, struct proc *p, struct mm *mm)
{
	int fd = openat(p->proc_fd, "exe", O_PATH | O_CLOEXEC);
	char *link;

	if (fd < 0 || proc_readlink(d, p, "exe", &link) != 0) {
		if (fd >= 0)
			close(fd);
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, -1, mm->id, "executable",
		    "the executable cannot be examined: %s", strerror(errno));
	}
	mm->exe = file_intern(d, p, fd, link);
	close(fd);
	return mm->exe != NULL ? 0 : d->err->code;
}

int
mem_collect(struct dump *d, struct proc *p)
{
	struct share_entry *shared = share_find(d, &d->shared_mms, SHARE_VM, p->live, 0);
	struct mm *mm;
	char *text;
	int r;

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (shared->object != NULL) {
		p->mm = shared->object;
		return 0;
	}
	if ((mm = dump_alloc(d, sizeof *mm)) == NULL || list_add(d, &d->mms, mm) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	shared->object = p->mm = mm;
	mm->id = dump_new_id(d);
	mm->proc = p;
	mm->is32 = p->is32;
	mm->dumpable = -1;
#ifndef __x86_64__
	if (!p->is32)
		return dump_fail(d, GLUE_E_DENIED, 0, p,
		    "is a 64-bit process: a 32-bit snapctl cannot read it");
#endif
	if ((r = read_marks(d, p, mm)) != 0 || (r = read_exe(d, p, mm)) != 0 ||
	    (r = proc_read(d, p, "smaps", &text, NULL)) != 0 || (r = parse(d, p, mm, text)) != 0)
		return r;
	for (size_t i = 0; i < mm->mappings.n; i++)
		if ((r = classify(d, p, mm->mappings.v[i], i > 0 ? mm->mappings.v[i - 1] : NULL)) != 0)
			return r;
	return mem_scan(d, mm);
}

void
mem_set_brk(struct mm *mm, uint64_t brk)
{
	mm->marks[MARK_BRK] = brk;
}

void
mem_set_deny_write_exec(struct mm *mm, bool denied)
{
	mm->deny_write_exec = denied;
}

void
mem_set_dumpable(struct mm *mm, int dumpable)
{
	mm->dumpable = dumpable;
}
