/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A restore's plan: what is to be made, in which order, and by whom what is
 * shared.  plan.c and lineage.c make it from the object graph; preflight.c compares it with
 * this machine; a backend (one folder for each OS) carries it out.
 */
#ifndef LIBSNAP_RESTORE_RESTORE_H
#define LIBSNAP_RESTORE_RESTORE_H

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/process.pb-c.h"
#include "format/socket.pb-c.h"
#include "libsnap/core/arena.h"
#include "libsnap/core/error.h"
#include "libsnap/model/model.h"

struct target;

/* A thread to be made. */
struct task {
	const Psnap__Thread *t;
	uint64_t	id;
	struct target	*target;
	struct remote	*remote;	/* the backend's */
};

/* A process to be made.  An owner is the process that builds what others share with it. */
struct target {
	const Psnap__Process *p;
	uint64_t	id;
	struct target	*parent;	/* NULL: the root, or its helper */
	struct target	*maker;		/* clones it; NULL: we do */
	struct target	*origin;	/* whose copy it begins as; NULL: nobody's */
	uint64_t	born_in;	/* Session its maker is in then; 0 any */
	struct target	*space, *table, *handlers, *fs;	/* owners; itself, or one before it */
	bool		zombie, is32;
	bool		helper;		/* leads for one that is dead and gone, and is a zombie but for this */
	bool		given_up;	/* a helper whose number is taken */
	bool		leads_group;	/* its number is a group's, be it in that or not */
	struct target	**made;		/* by it */
	size_t		nmade;
	struct task	*tasks;		/* the leader first */
	size_t		ntasks;
	struct host	*host;		/* the backend's */
};

/* A File outside of the mount namespace that is made: a descriptor on it, -1 it is not there. */
struct outside {
	uint64_t	id;
	int		fd;
};

struct plan {
	struct snap	*s;
	const struct snap_restore_options *o;
	struct arena	*arena;
	struct target	*targets;	/* parents first, helpers last */
	size_t		n, helpers, threads;
	struct target	**first;	/* that is, or has, the object at this place of the snapshot */
	const Psnap__Host *host;	/* it was taken on */
	const Psnap__Namespace *users;	/* the user namespace made for it; NULL: it is in the caller's */
	uint32_t	page;
	uint64_t	*carried;	/* Files missing here that are to be made; the backend's preflight finds them */
	size_t		ncarried;
	struct outside	*outside;	/* the backend's */
	size_t		noutside;
	snap_problem_fn	*problem;	/* or NULL */
	void		*problem_ctx;
	uint64_t	fatal;		/* problems that forbid the restore */
	struct entered	*entered;	/* the backend's: what host_leave() takes back */
};

/* Fill p, whose s, o and problem are set; SNAP_E_REFUSED for a tree no backend can make. */
int	plan_make(struct plan *p, struct snap_error *err);
void	plan_free(struct plan *p);

/* lineage.c: find makers and origins, add helpers; what cannot be made is told. */
int	plan_lineage(struct plan *p, struct snap_error *err);
/* Whether t is the leader of its session, or its helper. */
bool	plan_leads_session(const struct plan *p, const struct target *t);

/* users.c: find the user namespace that is made, if the options want one; its maps are told, and who is not in them. */
int	plan_users(struct plan *p, struct snap_error *err);
/* The number there of a user, or group, of the snapshot; false: it has none. */
bool	plan_uid(const struct plan *p, uint32_t outside, uint32_t *id);
bool	plan_gid(const struct plan *p, uint32_t outside, uint32_t *id);

/* Zeroed memory that lives as long as the plan, or NULL. */
void	*plan_alloc(struct plan *p, size_t size);

/* The target with this pid, or NULL. */
struct target *plan_find(const struct plan *p, int32_t pid);
/* The first that is, or has, the object with this id. */
struct target *plan_with(const struct plan *p, uint64_t id);

/* A path of the snapshot as this restore has it: substituted by the options, NUL-terminated; NULL without memory. */
const char *plan_path(struct plan *p, const ProtobufCBinaryData *path);

/* The rule for a file at such a path. */
enum snap_file_policy plan_file_policy(const struct plan *p, const char *path);

/* Tell a problem; t may be NULL. */
void	plan_problem(struct plan *p, enum snap_severity severity, const struct target *t, uint64_t object,
	    const char *what, const char *advice, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

/* Everything that can be known before anything is made; problems are told, 0 unless checking failed. */
int	preflight(struct plan *p, struct snap_error *err);

/* ---- the backend ---- */

/*
 * Go where everything is to be looked at and made: into the mounts of the tree,
 * and to be a user of its user namespace, if the options want these.
 */
int	host_enter(struct plan *p, struct snap_error *err);
/* Be who we were, and let go of what was kept for that. */
void	host_leave(struct plan *p);

/* This host's part of the preflight. */
int	host_preflight(struct plan *p, struct snap_error *err);
/* Make it all and let it go; nothing remains after a failure. */
int	host_restore(struct plan *p, struct snap_restore_result *result, struct snap_error *err);

#endif
