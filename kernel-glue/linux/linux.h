/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux dumper: turns a tree of live processes into PSNAP records and
 * pages.  It knows Linux and the format, never libsnap: what it makes goes to
 * a sink, which snapctl connects to a snapshot writer.
 */
#ifndef KERNEL_GLUE_LINUX_LINUX_H
#define KERNEL_GLUE_LINUX_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where a dump goes.  Each returns 0, or non-zero to give up (GLUE_E_SINK). */
struct glue_sink {
	void	*ctx;
	/* whole framed records, as kernel-glue/emit makes them */
	int	(*records)(void *ctx, const void *bytes, size_t len);
	/* count pages of owner from page number first; may contain zero pages */
	int	(*pages)(void *ctx, uint64_t owner, uint64_t first, const void *pages, size_t count);
	/* count pages of zeros */
	int	(*zero)(void *ctx, uint64_t owner, uint64_t first, uint64_t count);
	/* that was all: make it last */
	int	(*finish)(void *ctx);
};

/* What becomes of the processes after a dump that succeeded. */
enum glue_after {
	GLUE_RUN_ON,	/* they go on as soon as all is collected, before anything reaches the sink */
	GLUE_STOP,	/* held until the sink has finished, then stopped by SIGSTOP */
	GLUE_KILL,	/* held until the sink has finished, then killed */
};

/* What becomes of established TCP connections. */
enum glue_tcp {
	GLUE_TCP_KEEP,	/* held; with GLUE_KILL their packets are dropped from then on: linux/net_lock.h */
	GLUE_TCP_CLOSE,	/* not held, which is told */
	GLUE_TCP_REFUSE,/* they cannot be carried */
};

/* What tells the facts of the stopped tree; memory and registers are always ptrace's. */
enum glue_collector {
	GLUE_COLLECT_AUTO,	/* by the module if it is inserted, by BPF where that can be loaded and pays, else /proc */
	GLUE_COLLECT_BPF,
	GLUE_COLLECT_MODULE,
	GLUE_COLLECT_PROC,
};

enum glue_code {
	GLUE_OK		= 0,
	GLUE_E_SYSTEM	= -1,	/* a system call failed: see os_errno */
	GLUE_E_GONE	= -2,	/* no such process, or it went away */
	GLUE_E_DENIED	= -3,	/* not permitted; message says what would help */
	GLUE_E_PARTIAL	= -4,	/* something cannot be carried and allow_partial is off */
	GLUE_E_TIMEOUT	= -5,	/* a task could not be stopped in time */
	GLUE_E_NOMEM	= -6,
	GLUE_E_SINK	= -7,	/* the sink gave up */
	GLUE_E_BUSY	= -8,	/* a task is traced by another process */
	GLUE_E_INTERRUPTED = -9,/* *cancel was set */
};

struct glue_error {
	enum glue_code	code;
	int		os_errno;	/* 0 if none */
	pid_t		pid, tid;	/* concerned, 0 if none */
	char		msg[224];	/* lower case, no newline, no prefix */
};

struct glue_linux_options {
	pid_t		pid;		/* root of the tree */
	bool		allow_partial;
	bool		external;	/* unix sockets connected to a name outside the tree connect to it again */
	bool		ipc_all;	/* every System V object of the namespace, not only those the tree uses */
	bool		netns;		/* the tree's network namespace, too */
	bool		mntns;		/* what is mounted in the tree's mount namespace */
	bool		instance;	/* all namespaces that are its own, these two as well, as a whole; */
	const char	*instance_name;	/* NULL: after its host, or its root */
	enum glue_after	after;
	enum glue_tcp	tcp;
	uint32_t	hold_requests_s;/* with GLUE_KILL: requests to TCP listeners are dropped that long; 0: not */
	enum glue_collector collector;
	uint64_t	stage_bytes;	/* memory to hold pages in while the tree is stopped, 0: half of what is free */
	const char	*spill_dir;	/* folder for what does not fit there */
	const char	*const *carry;	/* patterns, fnmatch(3): of files whose path matches one the content is held */
	size_t		ncarry;
	uint32_t	stop_timeout_ms;/* for stopping one task, 0: 5000 */
	const char	*program, *version; /* for provenance */
	const volatile int *cancel;	/* set by a signal handler: undo and return */
};

/* What could not be carried; also a Coverage record of the snapshot. */
struct glue_finding {
	uint32_t	severity;	/* PSNAP_COVERAGE_* */
	pid_t		pid, tid;
	int		fd;		/* -1: none */
	const char	*feature, *reason;
};

struct glue_linux_result {
	uint64_t	frozen_ns;	/* from the first task stopped to the last released, each time it was stopped */
	uint64_t	collect_ns;	/* of that, from the last task stopped to the first page copied */
	uint64_t	total_ns;
	uint64_t	processes, threads, mappings, open_files;
	uint64_t	pages, zero_pages;
	uint16_t	major, minor;	/* format version of the records, before the sink gets the first */
	/* called for each finding before the dump is refused or goes on */
	void		(*finding)(void *ctx, const struct glue_finding *f);
	void		*finding_ctx;
};

/*
 * Dump the tree rooted at options->pid to sink.  After any failure, the
 * sink's included, the processes run on as before.
 */
int glue_linux_dump(const struct glue_linux_options *options, const struct glue_sink *sink,
    struct glue_linux_result *result, struct glue_error *err);

/* Stop the tree by SIGSTOP, all of it: what it makes meanwhile is stopped, too.  Of options: pid, timeout, cancel. */
int glue_linux_suspend(const struct glue_linux_options *options, struct glue_linux_result *result,
    struct glue_error *err);

#endif
