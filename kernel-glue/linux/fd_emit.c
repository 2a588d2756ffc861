/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of file.proto that are not a kind's own.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"

static uint64_t
device(dev_t dev)
{
	return (uint64_t)major(dev) << 32 | minor(dev);
}

uint32_t
file_type(mode_t mode)
{
	static const struct { mode_t mode; uint32_t type; } types[] = {
		{ S_IFREG, PSNAP_FILE_REGULAR }, { S_IFDIR, PSNAP_FILE_DIRECTORY },
		{ S_IFCHR, PSNAP_FILE_CHARACTER_DEVICE }, { S_IFBLK, PSNAP_FILE_BLOCK_DEVICE },
		{ S_IFIFO, PSNAP_FILE_FIFO }, { S_IFLNK, PSNAP_FILE_SYMLINK },
		{ S_IFSOCK, PSNAP_FILE_SOCKET },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if ((mode & S_IFMT) == types[i].mode)
			return types[i].type;
	return 0;
}

static void
file_fields(struct glue_emit *e, const void *object)
{
	const struct file *f = object;

	glue_emit_uint(e, PSNAP_F_FILE_TYPE, file_type(f->st.st_mode));
	glue_emit_bytes(e, PSNAP_F_FILE_PATH, f->path, strlen(f->path));
	glue_emit_uint(e, PSNAP_F_FILE_DELETED, f->deleted);
	glue_emit_uint(e, PSNAP_F_FILE_CONTENT_OBJECT_ID, f->content != NULL ? mem_object_id(f->content) : 0);
	glue_emit_uint(e, PSNAP_F_FILE_DEVICE, device(f->st.st_dev));
	glue_emit_uint(e, PSNAP_F_FILE_INODE, f->st.st_ino);
	glue_emit_uint(e, PSNAP_F_FILE_MODE, f->st.st_mode & 07777);
	glue_emit_uint(e, PSNAP_F_FILE_UID, f->st.st_uid);
	glue_emit_uint(e, PSNAP_F_FILE_GID, f->st.st_gid);
	glue_emit_uint(e, PSNAP_F_FILE_SIZE, S_ISREG(f->st.st_mode) ? (uint64_t)f->st.st_size : 0);
	glue_emit_int(e, PSNAP_F_FILE_MTIME_NS,
	    (int64_t)f->st.st_mtim.tv_sec * 1000000000 + f->st.st_mtim.tv_nsec);
	glue_emit_bytes(e, PSNAP_F_FILE_BUILD_ID, f->build_id, f->build_id_len);
	glue_emit_string(e, PSNAP_F_FILE_FILE_SYSTEM, f->fs);
	if (S_ISCHR(f->st.st_mode) || S_ISBLK(f->st.st_mode))
		glue_emit_uint(e, PSNAP_F_FILE_RDEV, device(f->st.st_rdev));
	glue_emit_uint(e, PSNAP_F_FILE_LINK_COUNT, f->st.st_nlink);
	glue_emit_uint(e, PSNAP_F_FILE_UNREACHABLE, f->path[0] != '/');
	glue_emit_uint(e, PSNAP_F_FILE_OUTSIDE, f->outside);
}

static void
table_fields(struct glue_emit *e, const void *object)
{
	const struct fd_table *t = object;

	for (size_t i = 0; i < t->fds.n; i++) {
		const struct descriptor *x = t->fds.v[i];

		glue_emit_open(e, PSNAP_F_DESCRIPTOR_TABLE_DESCRIPTORS);
		glue_emit_int(e, PSNAP_F_DESCRIPTOR_FD, x->fd);
		glue_emit_uint(e, PSNAP_F_DESCRIPTOR_OPEN_FILE_ID, x->open->id);
		glue_emit_uint(e, PSNAP_F_DESCRIPTOR_CLOSE_ON_EXEC, x->cloexec);
		glue_emit_close(e);
	}
}

static void
emit_flags(struct glue_emit *e, const struct open_file *o)
{
	static const struct { uint32_t bits, field; } known[] = {
		{ O_APPEND, PSNAP_F_OPEN_FILE_APPEND }, { O_NONBLOCK, PSNAP_F_OPEN_FILE_NON_BLOCK },
		{ O_DIRECT, PSNAP_F_OPEN_FILE_DIRECT }, { O_DSYNC, PSNAP_F_OPEN_FILE_DATA_SYNC },
		{ O_SYNC & ~O_DSYNC, PSNAP_F_OPEN_FILE_SYNC }, { O_ASYNC, PSNAP_F_OPEN_FILE_ASYNC },
		{ O_NOATIME, PSNAP_F_OPEN_FILE_NO_ATIME },
		/* the kernel's O_LARGEFILE, which C libraries define to 0 */
		{ 0100000, PSNAP_F_OPEN_FILE_LARGE_FILE }, { O_DIRECTORY, PSNAP_F_OPEN_FILE_DIRECTORY },
		{ O_NOFOLLOW, PSNAP_F_OPEN_FILE_NO_FOLLOW },
	};
	static const uint32_t access[] = { PSNAP_ACCESS_READ, PSNAP_ACCESS_WRITE, PSNAP_ACCESS_READ_WRITE,
	    PSNAP_ACCESS_READ_WRITE };

	glue_emit_uint(e, PSNAP_F_OPEN_FILE_ACCESS, o->flags & O_PATH ? PSNAP_ACCESS_PATH :
	    access[o->flags & O_ACCMODE]);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		glue_emit_uint(e, known[i].field, (o->flags & known[i].bits) != 0);
}

static uint32_t
other_flags(uint32_t flags)
{
	return flags & ~(uint32_t)(O_ACCMODE | O_PATH | O_APPEND | O_NONBLOCK | O_DIRECT | O_DSYNC | O_SYNC |
	    O_ASYNC | O_NOATIME | 0100000 | O_DIRECTORY | O_NOFOLLOW);
}

static void
open_file_fields(struct glue_emit *e, const void *object)
{
	const struct open_file *o = object;

	emit_flags(e, o);
	glue_emit_uint(e, PSNAP_F_OPEN_FILE_POSITION, o->pos);
	if (o->owner_kind != 0) {
		glue_emit_open(e, PSNAP_F_OPEN_FILE_OWNER);
		glue_emit_int(e, PSNAP_F_FILE_OWNER_KIND, o->owner_kind);
		glue_emit_int(e, PSNAP_F_FILE_OWNER_ID, o->owner_id);
		glue_emit_int(e, PSNAP_F_FILE_OWNER_SIGNAL, o->owner_signal);
		glue_emit_close(e);
	}
	switch (o->what) {
	case FD_FILE:
		glue_emit_uint(e, PSNAP_F_OPEN_FILE_FILE_ID, o->on.file->id);
		break;
	case FD_PIPE:
		glue_emit_uint(e, PSNAP_F_OPEN_FILE_PIPE_ID, o->on.pipe->id);
		break;
	case FD_TERMINAL:
		glue_emit_uint(e, PSNAP_F_OPEN_FILE_TERMINAL_ID, o->on.terminal->id);
		break;
	case FD_SOCKET:
		glue_emit_uint(e, PSNAP_F_OPEN_FILE_SOCKET_ID, o->on.socket->id);
		break;
	case FD_MEMORY:
		glue_emit_uint(e, PSNAP_F_OPEN_FILE_MEMORY_OBJECT_ID, mem_object_id(o->on.memory));
		break;
	case FD_POSIX_QUEUE:	/* its field has a higher number */
		break;
	case FD_UNKNOWN:
		glue_emit_open(e, PSNAP_F_OPEN_FILE_UNKNOWN);
		glue_emit_string(e, PSNAP_F_UNKNOWN_FILE_TYPE, o->link);
		glue_emit_close(e);
		break;
	default:
		anon_emit(e, o);
		break;
	}
	glue_emit_uint(e, PSNAP_F_OPEN_FILE_TERMINAL_MASTER, o->what == FD_TERMINAL && o->master);
	locks_emit(e, o);
	glue_emit_uint(e, PSNAP_F_OPEN_FILE_OTHER_FLAGS, other_flags(o->flags));
	if (o->what == FD_POSIX_QUEUE)
		glue_emit_uint(e, PSNAP_F_OPEN_FILE_POSIX_QUEUE_ID, posix_queue_id(o->on.posix_queue));
}

int
fd_emit(struct dump *d)
{
	static const struct {
		size_t list;
		uint32_t kind;
		void (*fields)(struct glue_emit *, const void *);
	} lists[] = {
		{ offsetof(struct dump, files), PSNAP_KIND_FILE, file_fields },
		{ offsetof(struct dump, pipes), PSNAP_KIND_PIPE, pipe_fields },
		{ offsetof(struct dump, terminals), PSNAP_KIND_TERMINAL, terminal_fields },
		{ offsetof(struct dump, sockets), PSNAP_KIND_SOCKET, socket_fields },
		{ offsetof(struct dump, connections), PSNAP_KIND_TCP_CONNECTION, tcp_fields },
		{ offsetof(struct dump, tcp_parts), PSNAP_KIND_TCP_QUEUE_PART, tcp_part_fields },
		{ offsetof(struct dump, open_files), PSNAP_KIND_OPEN_FILE, open_file_fields },
		{ offsetof(struct dump, tables), PSNAP_KIND_DESCRIPTOR_TABLE, table_fields },
	};
	int r;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const struct list *l = (const struct list *)(const void *)((const char *)d + lists[i].list);

		/* every object begins with its id */
		for (size_t k = 0; k < l->n; k++)
			if ((r = dump_record(d, lists[i].kind, *(const uint64_t *)l->v[k], lists[i].fields,
			    l->v[k])) != 0)
				return r;
	}
	return 0;
}
