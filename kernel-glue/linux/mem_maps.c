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

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/mem.h"
#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/share.h"
#include "kernel-glue/linux/fd.h"

#define DELETED	" (deleted)"
#define VM_HUGETLB	0x400000

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

/* ---- the same by the facts ---- */

/* Page-table bits of VM_*; above these they differ from kernel to kernel. */
#define VM_KEY_SHIFT	32
#define VM_KNOWN	((UINT64_C(1) << (VM_KEY_SHIFT + 4)) - 1)

static void
take_flags(struct mapping *m, uint64_t flags)
{
	static const struct { uint64_t bit; size_t at; } table[] = {	/* linux/mm.h */
#define FLAG(bit, f)	{ bit, offsetof(struct mapping, f) }
		FLAG(0x1, r), FLAG(0x2, w), FLAG(0x4, x), FLAG(0x80, shared), FLAG(0x10, mr), FLAG(0x20, mw),
		FLAG(0x40, me), FLAG(0x100, gd), FLAG(0x200, um), FLAG(0x1000, uw), FLAG(0x2000, lo),
		FLAG(0x4000, io), FLAG(0x8000, sr), FLAG(0x10000, rr), FLAG(0x20000, dc), FLAG(0x80000, lf),
		FLAG(0x200000, nr), FLAG(0x400000, ht), FLAG(0x2000000, wf), FLAG(0x4000000, dd),
		FLAG(0x20000000, hg), FLAG(0x40000000, nh), FLAG(0x80000000, mg),
#undef FLAG
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		*(bool *)((char *)m + table[i].at) = flags & table[i].bit;
	m->key = flags >> VM_KEY_SHIFT & 15;
}

/* Ours, which every amd64 process has the same, if the kernel has one; it is in no list of mappings. */
static int
take_vsyscall(struct dump *d, struct proc *p, struct mm *mm)
{
	const struct mapping *own = facts_vsyscall(d);
	struct mapping *m;

	if (own == NULL)
		return 0;
	if ((m = dump_memdup(d, own, sizeof *own)) == NULL || list_add(d, &mm->mappings, m) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	m->mm = mm;
	return 0;
}

static int
take_mapping(struct dump *d, struct proc *p, struct mm *mm, const struct rec_mapping *k)
{
	struct mapping *m = dump_alloc(d, sizeof *m);

	if (m == NULL || list_add(d, &mm->mappings, m) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	m->mm = mm;
	m->start = k->start;
	m->end = k->end;
	m->offset = k->offset;
	m->dev = (uint64_t)(k->dev >> 20) << 32 | (k->dev & 0xfffff);
	m->ino = k->ino;
	m->path = k->path;
	m->name = rec_name(&k->h);
	m->huge_page_size = DUMP_PAGE;
	take_flags(m, k->vm_flags);
	mm->cow |= !m->shared && k->bits & REC_MAPPING_RELATIVES;
	return 0;
}

/* Whether they tell as much as smaps. */
static bool
are_told(struct rec_slice all)
{
	uint64_t end = 0;

	if (all.n == 0)
		return false;
	for (size_t i = 0; i < all.n; i++) {
		const struct rec_mapping *k = (const void *)all.v[i];

		if (k->bits & REC_MAPPING_ASK || k->vm_flags & ~VM_KNOWN || k->vm_flags & VM_HUGETLB ||
		    k->start < end)
			return false;
		end = k->end;
	}
	return true;
}

static int
take_mappings(struct dump *d, struct proc *p, struct mm *mm, struct rec_slice all)
{
	int r;

	mm->told = true;
	for (size_t i = 0; i < all.n; i++)
		if ((r = take_mapping(d, p, mm, (const void *)all.v[i])) != 0)
			return r;
	return facts_process(d, p)->flags & REC_PROCESS_VSYSCALL ? take_vsyscall(d, p, mm) : 0;
}

static int
read_mappings(struct dump *d, struct proc *p, struct mm *mm)
{
	struct rec_slice all = facts_of(d, p, REC_MAPPING);
	char *text;
	int r;

	if (are_told(all))
		return take_mappings(d, p, mm, all);
	if ((r = proc_read(d, p, "smaps", &text, NULL)) != 0)
		return r;
	return parse(d, p, mm, text);
}

const struct mapping *
mem_own_vsyscall(struct dump *d)
{
	struct proc self = { .pid = getpid(), .live = getpid() };
	struct mm mm = { .proc = &self };
	char *text;
	int r = proc_open(&self);

	if (r != 0)
		return NULL;
	r = proc_try_read(d, &self, "smaps", &text, NULL);
	close(self.proc_fd);
	if (r != 0 || parse(d, &self, &mm, text) != 0)
		return NULL;
	for (size_t i = 0; i < mm.mappings.n; i++) {
		const struct mapping *m = mm.mappings.v[i];

		if (strcmp(m->name, "[vsyscall]") == 0)
			return m;
	}
	return NULL;
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
	int fd = mem_object_is_open(d, m->dev, m->ino, kind) ? -1 : open_mapped(p, m, O_RDONLY);

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
	void **known = NULL;
	struct stat st;
	int fd;

	m->kind = m->shared ? PSNAP_MAPPING_FILE_SHARED : PSNAP_MAPPING_FILE_PRIVATE;
	if (m->path != 0 && (known = facts_known(d, m->path)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (known != NULL && *known != NULL) {
		m->file = *known;
		return 0;
	}
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
	if (known != NULL)
		*known = m->file;
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

/* saved_auxv up to and with its end, counted in the kernel's words as /proc/PID/auxv does. */
static size_t
auxv_length(const struct rec_process *k)
{
	static const uint64_t end;
	size_t words = 0;

	do
		words += 2;
	while (words + 2 <= k->auxv_words &&
	    memcmp((const uint8_t *)k->auxv + (words - 2) * k->auxv_word, &end, k->auxv_word) != 0);
	return words * k->auxv_word;
}

static int
take_marks(struct dump *d, struct proc *p, struct mm *mm, const struct rec_process *k)
{
	for (size_t i = 0; i < REC_MARKS; i++)
		mm->marks[i] = k->mark[i];
	mm->auxv_len = auxv_length(k);
	mm->auxv = dump_memdup(d, k->auxv, mm->auxv_len);
	return mm->auxv != NULL ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
}

static int
read_marks(struct dump *d, struct proc *p, struct mm *mm)
{
	static const struct { int mark, field; } marks[] = {
		{ MARK_START_CODE, 26 }, { MARK_END_CODE, 27 }, { MARK_START_STACK, 28 },
		{ MARK_START_DATA, 45 }, { MARK_END_DATA, 46 }, { MARK_START_BRK, 47 },
		{ MARK_ARG_START, 48 }, { MARK_ARG_END, 49 }, { MARK_ENV_START, 50 },
		{ MARK_ENV_END, 51 },
	};
	const struct rec_process *k = facts_process(d, p);
	struct proc_stat st;
	int r;

	if (k != NULL && k->have & REC_HAVE_MM)
		return take_marks(d, p, mm, k);
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

/* The executable's file is mapped, mostly: by that it is known. */
static int
find_exe(struct dump *d, struct proc *p, struct mm *mm)
{
	const struct rec_process *k = facts_process(d, p);
	struct rec_slice all = facts_of(d, p, REC_MAPPING);
	void **known = NULL;
	int r;

	for (size_t i = 0; i < all.n && k->have & REC_HAVE_MM && known == NULL; i++) {
		const struct rec_mapping *m = (const void *)all.v[i];

		if (m->file == k->exe && m->path != 0 && (known = facts_known(d, m->path)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	}
	if (known != NULL && *known != NULL) {
		mm->exe = *known;
		return 0;
	}
	r = read_exe(d, p, mm);
	if (known != NULL)
		*known = mm->exe;
	return r;
}

int
mem_collect(struct dump *d, struct proc *p)
{
	void **shared = share_find(d, &d->shared_mms, SHARE_VM, p, 0);
	struct mm *mm;
	int r;

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if ((p->mm = *shared) != NULL)
		return 0;
	if ((mm = dump_alloc(d, sizeof *mm)) == NULL || list_add(d, &d->mms, mm) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	*shared = p->mm = mm;
	mm->id = dump_new_id(d);
	mm->proc = p;
	mm->is32 = p->is32;
	mm->dumpable = -1;
#ifndef __x86_64__
	if (!p->is32)
		return dump_fail(d, GLUE_E_DENIED, 0, p,
		    "is a 64-bit process: a 32-bit snapctl cannot read it");
#endif
	if ((r = read_marks(d, p, mm)) != 0 || (r = find_exe(d, p, mm)) != 0 ||
	    (r = read_mappings(d, p, mm)) != 0)
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
