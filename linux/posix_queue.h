/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues: attributes, and messages, which nobody can look at but
 * by receiving them.
 */
#ifndef LINUX_POSIX_QUEUE_H
#define LINUX_POSIX_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define POSIX_QUEUE_NAME_MAX	255	/* without the slash */

struct posix_queue_state {
	uint32_t	max_messages, message_size;
	size_t		count;		/* messages in it now, */
	uint64_t	bytes;		/* and what they have together */
	int		notify, signal;	/* SIGEV_*; the signal of SIGEV_SIGNAL */
	pid_t		notified;	/* who is to be told of the next message; 0 nobody */
};

struct posix_message {
	uint32_t	priority;
	size_t		len;
	const uint8_t	*data;
};

/* Whether an open file is a queue. */
bool	posix_queue_is(int fd);

/* 0 or errno; fd must be open for reading. */
int	posix_queue_look(int fd, struct posix_queue_state *s);

/*
 * The messages of a queue that look() has seen in this state: count of them,
 * in the order in which they are received, their bytes behind them: one piece
 * to be freed.  They are taken out and put back, in which no error is possible,
 * by a process of its own: it goes on if we are killed meanwhile, and we do if
 * it is.  0 or errno: EBUSY if they changed meanwhile.
 *
 * Nobody else may use the queue, and nobody be notified of messages.  fd is
 * open for both, and does not block.
 */
int	posix_queue_read(int fd, const struct posix_queue_state *s, struct posix_message **messages);

/* Whether a process that is not ours has it open; ours(pid) of who is. */
bool	posix_queue_is_used(const struct stat *queue, bool (*ours)(const void *arg, pid_t pid), const void *arg);

#endif
