/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V and POSIX IPC of the tree, between ipc_*.c.
 */
#ifndef KERNEL_GLUE_LINUX_IPC_H
#define KERNEL_GLUE_LINUX_IPC_H

#include "kernel-glue/linux/dump.h"

struct ipc_identity {
	int32_t		id;
	uint32_t	key, mode, uid, gid, creator_uid, creator_gid;
};

/* A segment of shared memory. */
struct segment {
	uint64_t	id;
	const struct ipc *ipc;
	struct ipc_identity identity;
	struct memory_object *object;
	bool		deleted, locked;
	int32_t		creator_pid, last_pid;
	uint64_t	attachments;
	int64_t		attached, detached, changed;	/* ns since 1970, 0 never */
};

/* A set of semaphores. */
struct semaphores {
	uint64_t	id;
	const struct ipc *ipc;
	struct ipc_identity identity;
	bool		marked;			/* the tree's, whether or not it owes to one of its processes */
	bool		quiet;			/* nobody was using it when its values were read */
	bool		settled;		/* values were the same before and after its processes were asked */
	size_t		n;
	uint32_t	*values, *last_pids;
	struct list	adjustments;		/* struct adjustment */
	int64_t		used, changed;
};

/* What is added to a semaphore when a process ends. */
struct adjustment {
	const struct proc *proc;
	uint32_t	semaphore;
	int32_t		value;
};

/* A queue of messages. */
struct queue_object {
	uint64_t	id;
	const struct ipc *ipc;
	struct ipc_identity identity;
	uint64_t	capacity;
	struct list	messages;		/* struct message */
	int32_t		sender_pid, receiver_pid;
	int64_t		sent, received, changed;
};

struct message {
	int64_t		type;
	size_t		len;
	const uint8_t	*data;
};

/* What the root's IPC namespace has of the tree's. */
struct ipc {
	uint64_t	namespace_id;
	bool		all;		/* whatever is in there is the tree's, or wanted */
	struct list	segments;	/* struct segment */
	struct list	semaphores;	/* struct semaphores */
	struct list	queues;		/* struct queue_object */
	dev_t		posix_dev;	/* of the file system that has its POSIX queues, */
	int		posix_error;	/* or why it cannot be looked at */
};

/* A line of a table of /proc/sysvipc; v: its numbers, in which `octal` is the mode. */
#define IPC_COLUMNS	18
typedef int ipc_line(struct dump *d, struct ipc *ipc, const int64_t *v);

/* Of the IPC namespace we are in; a kernel without that table has no such objects. */
int	ipc_read_table(struct dump *d, struct ipc *ipc, const char *name, ipc_line *line);
void	ipc_emit_identity(struct glue_emit *e, const struct ipc *ipc, const struct ipc_identity *i);
/* Whether one of the tree's has this number here. */
bool	ipc_is_ours(const struct dump *d, int64_t pid);
/* Whether one waits in a call for the set or queue with this id. */
enum ipc_wait { IPC_WAIT_SEMAPHORES, IPC_WAIT_QUEUE };
bool	ipc_is_waited_for(const struct dump *d, enum ipc_wait what, int32_t id);

/* ipc_segment.c */
int	segments_collect(struct dump *d, struct ipc *ipc);
int	segments_cover_rest(struct dump *d, const struct ipc *ipc);
void	segments_translate(const struct dump *d, struct ipc *ipc);
int	segments_emit(struct dump *d, const struct ipc *ipc);

/* ipc_semaphores.c */
int	semaphores_collect(struct dump *d, struct ipc *ipc);
/* Those that neither bear a mark of the tree nor owe to one of its processes are not its own. */
void	semaphores_drop_others(struct ipc *ipc);
/* Settled, if values are still what was collected; else they are collected again. */
void	semaphores_look_again(struct semaphores *s);
void	semaphores_translate(const struct dump *d, struct ipc *ipc);
int	semaphores_emit(struct dump *d, const struct ipc *ipc);

/* ipc_queue.c */
int	queues_collect(struct dump *d, struct ipc *ipc);
void	queues_translate(const struct dump *d, struct ipc *ipc);
int	queues_emit(struct dump *d, const struct ipc *ipc);

/* ipc_posix.c */
typedef int posix_queue_name(struct dump *d, struct ipc *ipc, int dir, const char *name);
/* Names of POSIX queues in the IPC namespace we are in. */
int	posix_queues_list(struct dump *d, struct ipc *ipc, posix_queue_name *name);
/* Those that are the tree's even if it has none of them open. */
int	posix_queues_find(struct dump *d, struct ipc *ipc);
int	posix_queues_emit(struct dump *d);

/* ipc_undo.c: adjustments of the sets that are not settled; between remote_begin() and remote_end() */
int	undo_ask(struct dump *d, struct ipc *ipc);

/* ipc_undo_take.c: the same by the facts */
bool	undo_lists_are_told(const struct dump *d);
/* Whether what the set owes to p is; then take it. */
bool	undo_is_told(const struct dump *d, const struct proc *p, const struct semaphores *s);
int	undo_take(struct dump *d, struct proc *p, struct semaphores *s);
int	undo_add(struct dump *d, struct proc *p, struct semaphores *s, size_t semaphore, int32_t value);

#endif
