/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files with a path: identity, build id, and the content of those that are
 * deleted or to be carried along.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/mem.h"

#define DELETED		" (deleted)"
#define NOTE_MAX	65536

static const struct { uint32_t magic; const char *name; bool kernel; } file_systems[] = {	/* statfs(2) */
	{ 0xef53, "ext4", false }, { 0x58465342, "xfs", false }, { 0x9123683e, "btrfs", false },
	{ 0x01021994, "tmpfs", false }, { 0x794c7630, "overlay", false }, { 0x6969, "nfs", false },
	{ 0x9fa0, "proc", true }, { 0x62656572, "sysfs", true }, { 0x27e0eb, "cgroup", true },
	{ 0x63677270, "cgroup2", true }, { 0x64626720, "debugfs", true }, { 0x74726163, "tracefs", true },
	{ 0x1cd1, "devpts", true }, { 0x958458f6, "hugetlbfs", false }, { 0xe0f5e1e2, "erofs", false },
	{ 0x73717368, "squashfs", false }, { 0x4d44, "vfat", false }, { 0x65735546, "fuse", true },
	{ 0x19800202, "mqueue", true },
};

/* Name of its file system; *ours: files on it may be opened again without side effects. */
static const char *
file_system(int fd, bool *ours)
{
	struct statfs fs;

	*ours = false;
	if (fstatfs(fd, &fs) != 0)
		return "";
	for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++)
		if ((uint32_t)fs.f_type == file_systems[i].magic) {
			*ours = !file_systems[i].kernel;
			return file_systems[i].name;
		}
	return "";
}

/* ---- GNU build ids ---- */

/* The NT_GNU_BUILD_ID among n bytes of notes; every length is checked against what is left. */
static size_t
find_build_id(const uint8_t *p, size_t n, uint8_t out[64])
{
	while (n >= 12) {
		size_t name = psnap_get32(p), desc = psnap_get32(p + 4);
		uint32_t type = psnap_get32(p + 8);

		if (name > n || desc > n)
			return 0;
		name = (name + 3) & ~(size_t)3;
		if (name > n - 12 || desc > n - 12 - name)
			return 0;
		if (type == NT_GNU_BUILD_ID && name == 4 && memcmp(p + 12, "GNU", 4) == 0 && desc <= 64) {
			memcpy(out, p + 12 + name, desc);
			return desc;
		}
		desc = (desc + 3) & ~(size_t)3;
		if (desc > n - 12 - name)
			return 0;
		p += 12 + name + desc;
		n -= 12 + name + desc;
	}
	return 0;
}

static size_t
read_build_id(int fd, uint8_t out[64])
{
	uint8_t head[64], ph[56], notes[NOTE_MAX];
	bool wide;
	uint64_t phoff;
	unsigned phnum, phsize;
	size_t found = 0;

	if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
	    memcmp(head, ELFMAG, SELFMAG) != 0 || head[EI_DATA] != ELFDATA2LSB)
		return 0;
	wide = head[EI_CLASS] == ELFCLASS64;
	phoff = wide ? psnap_get64(head + 32) : psnap_get32(head + 28);
	phsize = psnap_get16(head + (wide ? 54 : 42));
	phnum = psnap_get16(head + (wide ? 56 : 44));
	if (phsize != (wide ? 56u : 32u) || phoff > INT32_MAX)
		return 0;
	for (unsigned i = 0; i < phnum && i < 64 && found == 0; i++) {
		uint64_t offset, size;
		ssize_t n;

		if (pread(fd, ph, phsize, (off_t)(phoff + i * phsize)) != (ssize_t)phsize)
			return 0;
		if (psnap_get32(ph) != PT_NOTE)
			continue;
		offset = wide ? psnap_get64(ph + 8) : psnap_get32(ph + 4);
		size = wide ? psnap_get64(ph + 32) : psnap_get32(ph + 16);
		if (size > sizeof notes || offset > INT64_MAX / 2)
			continue;
		if ((n = pread(fd, notes, (size_t)size, (off_t)offset)) > 0)
			found = find_build_id(notes, (size_t)n, out);
	}
	return found;
}

/* ---- interning ---- */

static bool
path_leads_elsewhere(const struct proc *p, const struct file *f)
{
	char root[64], path[PATH_MAX + 64];
	struct stat st;

	snprintf(root, sizeof root, "/proc/%d/root", (int)p->live);
	snprintf(path, sizeof path, "%s%s", root, f->path);
	return stat(path, &st) != 0 ? errno == ENOENT : st.st_dev != f->st.st_dev ||
	    st.st_ino != f->st.st_ino;
}

/* What fd reads; without one it is known to be there, and no more. */
static int
hold_content(struct dump *d, struct proc *p, struct file *f, int fd)
{
	f->content = mem_object(d, f->st.st_dev, f->st.st_ino, PSNAP_MEMORY_OBJECT_FILE_CONTENT, fd);
	if (f->content == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (fd >= 0 && f->content->fd < 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, p, "duplicating a descriptor of %s", f->path);
	/* who is not in the tree may be writing to it: one size is told, that of what is held */
	if (fd >= 0)
		f->st.st_size = (off_t)f->content->size;
	return 0;
}

/* What has no name any more is carried along. */
static int
hold_deleted(struct dump *d, struct proc *p, struct file *f, int fd)
{
	int e = errno, r = hold_content(d, p, f, fd);

	if (r != 0 || fd >= 0)
		return r;
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, f->id, "deleted-file",
	    "content of deleted file %s cannot be read: %s", f->path, strerror(e));
}

static bool
is_to_be_carried(const struct dump *d, const struct file *f)
{
	for (size_t i = 0; i < d->options->ncarry; i++)
		if (fnmatch(d->options->carry[i], f->path, 0) == 0)
			return true;
	return false;
}

/* Files of the kernel's own are not: another kernel has them, too. */
static int
hold_carried(struct dump *d, struct proc *p, struct file *f, int fd, bool ours)
{
	if (fd >= 0)
		return hold_content(d, p, f, fd);
	if (ours)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, f->id, "carried-file",
		    "content of %s cannot be read: %s", f->path, strerror(errno));
	return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, -1, f->id, "carried-file",
	    "content of %s is not held: its file system is not one to read while processes stand still", f->path);
}

/* To be read; -1 fails as errno says.  A lease to write ends when anybody opens the file, and who has it is told. */
static int
open_again(int fd)
{
	char self[32];
	int own;

	if (fcntl(fd, F_GETLEASE) == F_WRLCK) {
		errno = EWOULDBLOCK;
		return -1;
	}
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	own = open(self, O_RDONLY | O_CLOEXEC | O_NOATIME);
	return own >= 0 ? own : open(self, O_RDONLY | O_CLOEXEC);
}

static int
examine(struct dump *d, struct proc *p, struct file *f, int fd)
{
	size_t n = strlen(f->link), suffix = strlen(DELETED);
	bool again;
	int own = -1, r = 0;

	f->path = f->link;
	f->fs = file_system(fd, &again);
	if (S_ISREG(f->st.st_mode) && strcmp(f->fs, "mqueue") == 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, f->id, "posix-mqueue",
		    "POSIX message queue %s: opened for its path only", f->path);
	if (n > suffix && strcmp(f->link + n - suffix, DELETED) == 0 &&
	    (f->st.st_nlink == 0 || path_leads_elsewhere(p, f))) {
		char *path = dump_strdup(d, f->link);

		if (path == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		path[n - suffix] = '\0';
		f->path = path;
		f->deleted = true;
	}
	if (S_ISREG(f->st.st_mode) && again) {
		own = open_again(fd);
		if (own >= 0)
			f->build_id_len = read_build_id(own, f->build_id);
	}
	if (S_ISREG(f->st.st_mode) && f->deleted)
		r = hold_deleted(d, p, f, own);
	else if (S_ISREG(f->st.st_mode) && is_to_be_carried(d, f))
		r = hold_carried(d, p, f, own, again);
	if (own >= 0)
		close(own);
	return r;
}

struct file *
file_lookup(struct dump *d, uint64_t dev, uint64_t ino, const char *link)
{
	struct file *f;

	for (size_t at = 0; (f = index_next(&d->files_by_inode, ino, &at)) != NULL;)
		if (f->map_dev == dev && strcmp(f->link, link) == 0)
			return f;
	return NULL;
}

struct file *
file_intern(struct dump *d, const struct proc *p, int fd, const char *link)
{
	struct stat st;
	struct file *f;

	if (fstat(fd, &st) != 0) {
		dump_fail(d, GLUE_E_SYSTEM, errno, p, "examining %s", link);
		return NULL;
	}
	for (size_t at = 0; (f = index_next(&d->files_by_inode, st.st_ino, &at)) != NULL;)
		if (f->st.st_dev == st.st_dev && strcmp(f->link, link) == 0)
			return f;
	if ((f = dump_alloc(d, sizeof *f)) == NULL || (f->link = dump_strdup(d, link)) == NULL ||
	    list_add(d, &d->files, f) != 0 || index_add(d, &d->files_by_inode, st.st_ino, f) != 0) {
		dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		return NULL;
	}
	f->id = dump_new_id(d);
	f->st = st;
	f->map_dev = (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev);
	f->map_ino = st.st_ino;
	return examine(d, (struct proc *)(uintptr_t)p, f, fd) == 0 ? f : NULL;
}

uint64_t
file_id(const struct file *f)
{
	return f->id;
}
