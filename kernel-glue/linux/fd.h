/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors and what they are open on, between fd_*.c.
 */
#ifndef KERNEL_GLUE_LINUX_FD_H
#define KERNEL_GLUE_LINUX_FD_H

#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel-glue/linux/dump.h"

/* Every object begins with its id. */

struct file {
	uint64_t	id;
	uint64_t	map_dev, map_ino;	/* as /proc/PID/maps shows them, 0 if not mapped */
	const char	*link;			/* text of the /proc link */
	const char	*path;			/* without " (deleted)" */
	struct stat	st;
	bool		deleted;
	bool		outside;		/* not in the mount namespace that is carried: path is ours */
	struct memory_object *content;
	uint8_t		build_id[64];
	size_t		build_id_len;
	const char	*fs;
};

struct pipe_object {
	uint64_t	id, ino, capacity;
	dev_t		dev;
	struct file	*fifo;
	uint8_t		*data;
	size_t		len;
	bool		packet_mode, read_end, write_end;
	const struct open_file *any;
};

struct terminal {
	uint64_t	id;
	uint32_t	index, kind;
	struct stat	st;			/* of the slave or device */
	bool		has_st, master, slave;	/* sides seen */
	const char	*path;
	struct {				/* struct termios of the kernel (asm-generic) */
		uint32_t iflag, oflag, cflag, lflag;
		uint8_t line, cc[19];
	} modes;
	uint16_t	size[4];		/* rows, columns, x, y */
	int32_t		sid, pgid;
	int		locked, packet, exclusive;
	uint64_t	unread_input, unread_output;
};

/* Of an internet datagram, what its program asks for. */
struct arrival {
	uint8_t		destination[16];
	uint32_t	destination_len, hop_limit, traffic_class;
};

struct socket_message {
	uint8_t		*data;
	size_t		len;
	struct list	files;			/* struct open_file: under way in it */
	bool		has_cred;
	int32_t		cred[3];
	uint8_t		source[128];		/* datagram: the sender's address */
	uint32_t	source_len;
	struct arrival	arrival;
};

#define SOCKET_OPTIONS_MAX	128		/* by field number of SocketOptions */

struct socket_object {
	uint64_t	id, ino;
	uint32_t	family, type, protocol, state, tcp_state;
	uint8_t		local[128], remote[128];
	uint32_t	local_len, remote_len;
	uint64_t	peer_ino;
	struct socket_object *peer;
	uint32_t	backlog, pending;
	uint64_t	*waiting;		/* unix: ids of those of the pending that are known, oldest first */
	size_t		nwaiting;
	bool		waits;			/* is one of these */
	bool		external;		/* unix: to connect again to whom it is connected to, outside */
	bool		shut_read, shut_write, error_untold;
	bool		told;			/* by the facts, its peer too; nothing is unread, no TCP keys */
	uint64_t	unread, unsent;
	struct list	queue;			/* struct socket_message */
	int32_t		peer_cred[3];
	bool		has_peer_cred;
	uint32_t	options[SOCKET_OPTIONS_MAX];
	uint32_t	multicast_address;	/* in network order */
	char		multicast_interface[16];
	struct list	memberships;		/* struct membership; AF_PACKET: struct packet_membership */
	char		interface[16];		/* AF_PACKET: it is bound to; "": any */
	uint64_t	*groups;		/* AF_NETLINK */
	size_t		ngroups;
	uint8_t		icmp6_filter[32];	/* as the kernel has it */
	bool		has_icmp6_filter;
	struct sock_filter *filter;
	size_t		filter_n;
	uint64_t	timeouts[2];
	char		device[16], congestion_control[16];	/* "": none, or as a new socket has it */
	struct proc	*proc;
	int		fd;			/* one it is open under, for messages */
	int		own;			/* as in its open file */
};

struct membership {
	char		interface[16];
	uint8_t		group[16], *sources;	/* of len bytes each */
	uint32_t	len, nsources;
	bool		include;
};

struct packet_membership {
	uint32_t	kind, count, len;
	uint8_t		address[32];
	char		interface[16];
};

struct epoll_entry {
	int32_t		fd;
	uint32_t	events;
	uint64_t	data, ino;
	struct open_file *target;
};

struct watch {
	int32_t		wd;
	uint32_t	mask, handle_type;
	uint64_t	ino, dev;
	uint8_t		handle[128];
	size_t		handle_len;
	struct file	*file;			/* NULL: not found */
};

struct file_lock {
	uint32_t	kind;
	bool		write, to_end;
	uint64_t	start, end;
	const struct proc *proc;		/* POSIX: who has it; else NULL */
};

enum fd_what { FD_FILE, FD_PIPE, FD_TERMINAL, FD_SOCKET, FD_MEMORY, FD_EVENTFD, FD_EPOLL, FD_TIMERFD,
    FD_SIGNALFD, FD_INOTIFY, FD_PIDFD, FD_NAMESPACE, FD_POSIX_QUEUE, FD_UNKNOWN };

struct open_file {
	uint64_t	id;
	enum fd_what	what;
	uint32_t	flags;			/* O_*, without O_CLOEXEC */
	uint64_t	pos;
	struct stat	st;
	const char	*link;
	char		*info;			/* fdinfo text; NULL if it tells nothing more */
	struct {				/* eventfd, timerfd, signalfd: as in struct rec_descriptor */
		uint64_t count, remaining, interval;
		uint32_t clock, flags;
	} state;
	struct proc	*proc;			/* one that has it, under; or a socket it is under way in */
	int		fd;
	int		own;			/* in no table: our duplicate while queues are read; else -1 */
	int32_t		owner_kind, owner_id, owner_signal;
	bool		master;			/* FD_TERMINAL */
	union {
		struct file *file;
		struct pipe_object *pipe;
		struct terminal *terminal;
		struct socket_object *socket;
		struct memory_object *memory;
		struct ns *ns;
		struct posix_queue *posix_queue;	/* ipc_posix.c */
	} on;
	struct list	locks;			/* struct file_lock */
	struct list	epoll;			/* struct epoll_entry */
	struct list	watches;		/* struct watch */
	uint64_t	unread;			/* inotify */
	int32_t		target_pid;		/* pidfd */
	uint64_t	target_id;		/* pidfd: Process, 0 outside the tree */
	bool		target_thread;		/* PIDFD_THREAD */
};

struct descriptor {
	int		fd;
	bool		cloexec;
	struct open_file *open;
};

struct fd_table {
	uint64_t	id;
	struct proc	*proc;
	struct list	fds;			/* struct descriptor, ascending */
};

uint64_t fd_table_id(const struct fd_table *t);

/* A file already known by what /proc/PID/maps shows of it, or NULL. */
struct file *file_lookup(struct dump *d, uint64_t dev, uint64_t ino, const char *link);

/* Collectors by kind: local is our own duplicate of the descriptor. */
int	pipe_collect(struct dump *d, struct proc *p, struct open_file *o, int local);
int	terminal_collect(struct dump *d, struct proc *p, struct open_file *o, int local);
int	socket_collect(struct dump *d, struct proc *p, struct open_file *o, int local);
int	inotify_collect(struct dump *d, struct proc *p, struct open_file *o, int local);
int	anon_collect(struct dump *d, struct proc *p, struct open_file *o, int local);
int	posix_queue_collect(struct dump *d, struct open_file *o, int local);
uint64_t posix_queue_id(const struct posix_queue *q);
/*
 * Locks that p has by o, or o itself: info is fdinfo of a descriptor of p, the
 * first one that was found of o or another.
 */
int	locks_take(struct dump *d, struct open_file *o, const struct proc *p, const char *info, bool first);
void	locks_emit(struct glue_emit *e, const struct open_file *o);
/* By the facts: eventfd, timerfd, signalfd, epoll; sockets, of which 1: this one has to be asked. */
int	anon_take(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k);
int	socket_take(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k);
/* A new one, that o is open on; NULL without memory. */
struct socket_object *socket_new(struct dump *d, struct proc *p, struct open_file *o);
/* The one with this number among those known, or NULL. */
struct socket_object *socket_find(const struct dump *d, uint64_t ino);
int	socket_resolve(struct dump *d);
/* Of unix sockets, sorted by inode number; NULL: it is none of the tree's. */
struct socket_object *unix_find(const struct list *sorted, uint64_t ino);

/* fd_pending.c: who waits to be accepted by s, as the kernel tells it; and what cannot be carried of s for that. */
int	pending_take(struct dump *d, const struct list *sorted, struct socket_object *s, const void *inodes, size_t len);
int	pending_cover(struct dump *d, const struct socket_object *s);
/* fd_outside.c: tell that its other end is outside, and what becomes of that. */
int	outside_cover(struct dump *d, struct socket_object *s);


/* A plain one, or 0. */
uint32_t option_read(int fd, int level, int name);
int	options_collect(struct dump *d, struct socket_object *s, int local);
/* Whether a new socket of this family, type and protocol can be made here, as a record wants it: 1, 0, or a code. */
int	options_can_be_told(struct dump *d, const struct socket_object *kind);
int	options_take(struct dump *d, struct socket_object *s, const struct rec_socket *k);
/* What a record tells of the option in a field of SocketOptions, or else what is usual. */
uint32_t socket_told(const struct rec_socket *k, uint32_t field, uint32_t usual);
/* A program that has set the size of a buffer keeps the kernel from choosing it: of connections. */
void	options_collect_automatic(struct socket_object *s, int local);
void	options_emit(struct glue_emit *e, const struct socket_object *s);

/*
 * A list by sock_diag, of network namespace netns (a descriptor; -1 the
 * caller's): request is what follows the message's header, take() gets each
 * answer.  0, a failure of take(), or DIAG_UNKNOWN: the kernel does not tell.
 */
struct nlmsghdr;
#define DIAG_UNKNOWN	1
typedef int diag_answer(struct dump *d, const struct nlmsghdr *h, void *ctx);
int	diag_dump(struct dump *d, int netns, const void *request, size_t size, diag_answer *take, void *ctx);

/* A network namespace that processes of the tree are in. */
struct tree_namespace {
	ino_t		ino;
	int		fd;			/* -1: our own */
};
void	tree_namespaces_close(struct dump *d);
/* A list of TCP sockets, in all of these; states: a mask, extensions: idiag_ext. */
int	diag_dump_tcp(struct dump *d, uint32_t states, uint8_t extensions, diag_answer *take, void *ctx);
/* One end's address of an answer, and its length. */
struct inet_diag_msg;
socklen_t diag_address(const struct inet_diag_msg *m, bool remote, void *to);

/* Whether there is nothing that the kernel holds for it and does not show. */
bool	netlink_is_held(uint32_t protocol);
/* Its groups: n words, bit i of which is group i + 1. */
int	netlink_groups(struct dump *d, struct socket_object *s, const uint32_t *words, size_t n);
int	netlink_collect(struct dump *d, struct socket_object *s, int local);
int	packet_collect(struct dump *d, struct socket_object *s, int local);
void	link_emit(struct glue_emit *e, const struct socket_object *s);
/* What is unread in one whose queue is not held. */
int	unread_cover(struct dump *d, const struct socket_object *s, int local, uint32_t severity);
int	filter_collect(struct dump *d, struct socket_object *s, int local);
int	multicast_collect(struct dump *d, struct socket_object *s, int local);
void	multicast_emit(struct glue_emit *e, const struct socket_object *s);

/* A socket with a TCP connection: local is a duplicate of it. */
int	tcp_found(struct dump *d, struct socket_object *s, int local);
struct tcp_connection;
const struct socket_object *tcp_socket(const struct tcp_connection *c);
/* Of those that wait for an answer, whom they ask: left empty if that is not told. */
int	tcp_remotes_collect(struct dump *d);
/* One that had a connection and has none any more. */
int	tcp_ended(struct dump *d, struct socket_object *s, int local);
/* Those with keys. */
int	tcp_ao_collect(struct dump *d, const struct socket_object *s, int local);
int	tcp_keys_collect(struct dump *d);
/* Their queues and state, once all are known. */
int	tcp_collect(struct dump *d);

/* A socket that listens; and who waits to be accepted, of all of them. */
int	tcp_listens(struct dump *d, struct socket_object *s, int local);
int	tcp_listeners_collect(struct dump *d);
/* The network namespace of a socket is one to lock in: 0, -ENOENT it is not shown, or a code. */
int	tcp_namespace_note(struct dump *d, int local);
/* A lock in a network namespace, in place of one of that name, of an earlier time with the same sockets: 0 or -errno. */
struct net_lock;
int	tcp_lock_make(int netns, const char *name, const struct net_lock *what);
/* How many waited for a listener of a tree that runs on when it was stopped, if known; else as many as now. */
uint32_t tcp_accept_waiting(const struct dump *d, uint64_t ino, uint32_t now);
/* Lock these, and requests to the listeners; an earlier lock goes. */
int	tcp_hold(struct dump *d, const struct list *connections);
void	tcp_hold_end(struct dump *d);
/* Whoever asks a listener is heard again. */
void	tcp_accept_end(struct dump *d);
/* The tree is gone, or runs on. */
void	tcp_hold_leave(struct dump *d);

/*
 * An open file under way in a message to s: local, a duplicate that self,
 * this process, has and that is taken over.
 */
int	fd_under_way(struct dump *d, struct proc *self, const struct socket_object *s, int local,
	    struct open_file **out);
/*
 * Unread messages of all unix sockets and datagrams of UDP, once every table
 * is known; senders outside the tree, after that.
 */
int	messages_collect(struct dump *d);
bool	udp_is(const struct socket_object *s);
int	messages_resolve(struct dump *d);

/* Emitters of records of their own; fd_emit.c has the rest. */
void	pipe_fields(struct glue_emit *e, const void *object);
void	terminal_fields(struct glue_emit *e, const void *object);
void	socket_fields(struct glue_emit *e, const void *object);
void	tcp_fields(struct glue_emit *e, const void *object);
void	tcp_part_fields(struct glue_emit *e, const void *object);
void	messages_emit(struct glue_emit *e, const struct socket_object *s);
void	address_emit(struct glue_emit *e, uint32_t field, const struct socket_object *s, const uint8_t *raw,
	    uint32_t len);
/* Name of a unix socket as one of two fields. */
void	unix_name_emit(struct glue_emit *e, uint32_t path_field, uint32_t abstract_field, const uint8_t *raw,
	    uint32_t len);
void	ucred_emit(struct glue_emit *e, uint32_t field, const int32_t cred[3]);
/* The member of OpenFile for one of the kernel's own inodes. */
void	inotify_emit(struct glue_emit *e, const struct open_file *o);
void	anon_emit(struct glue_emit *e, const struct open_file *o);

/* fd_emit.c: the FileType of a mode. */
uint32_t file_type(mode_t mode);

#endif
