/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the object graph (spec/rules-objects.md), one file a family.
 * Each check looks at one object, or at all of a kind, reports what it finds
 * and goes on.  The graph is not trusted: what a check needs is looked up and
 * may be missing, which the reference rules (GRA) report.
 */
#ifndef LIBSNAP_VALIDATE_VALIDATE_H
#define LIBSNAP_VALIDATE_VALIDATE_H

#include "libsnap/model/model.h"

struct check {
	struct snap	*s;
	snap_finding_fn	*fn;
	void		*ctx;
	struct snap_error first;	/* the first finding; code 0: none */
	struct snap_error *err;		/* why checking itself failed */
	bool		stopped;	/* by the callback */
	uint32_t	page_shift;
	uint64_t	page_size;
	/* by position of the object in s->objects */
	uint32_t	*users;		/* processes or threads that use it as theirs */
	uint8_t		*abi;		/* of an address space: the widest Abi of its processes */
	bool		*covered;	/* a Coverage record says what is missing of it */
};

/* Report a violation; o is NULL when no single object is to blame. */
void	check_corrupt(struct check *v, const struct snap_object *o, const char *rule,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void	check_unsupported(struct check *v, const struct snap_object *o, const char *rule,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Position of an object in the arrays above. */
size_t	check_index(const struct check *v, const struct snap_object *o);

/* The message of an object, or NULL; for a check's first line. */
#define CHECK_MESSAGE(type, o)	((const type *)(const void *)(o)->message)

/* By reflection over every message: GRA-1 to GRA-3, ENU, REC-9. */
int	check_record(struct check *v, const struct snap_object *o);

/* Of one object. */
void	check_provenance(struct check *v, const struct snap_object *o);
void	check_host(struct check *v, const struct snap_object *o);
void	check_instance(struct check *v, const struct snap_object *o);
void	check_namespace(struct check *v, const struct snap_object *o);
void	check_cgroup(struct check *v, const struct snap_object *o);
void	check_coverage(struct check *v, const struct snap_object *o);
void	check_process(struct check *v, const struct snap_object *o);
void	check_thread(struct check *v, const struct snap_object *o);
void	check_credentials(struct check *v, const struct snap_object *o);
void	check_signal_handlers(struct check *v, const struct snap_object *o);
void	check_fs_context(struct check *v, const struct snap_object *o);
void	check_seccomp_filter(struct check *v, const struct snap_object *o);
void	check_address_space(struct check *v, const struct snap_object *o);
void	check_mapping(struct check *v, const struct snap_object *o);
void	check_memory_object(struct check *v, const struct snap_object *o);
void	check_descriptor_table(struct check *v, const struct snap_object *o);
void	check_open_file(struct check *v, const struct snap_object *o);
void	check_file(struct check *v, const struct snap_object *o);
void	check_pipe(struct check *v, const struct snap_object *o);
void	check_terminal(struct check *v, const struct snap_object *o);
void	check_socket(struct check *v, const struct snap_object *o);
void	check_tcp_connection(struct check *v, const struct snap_object *o);
void	check_sysv_segment(struct check *v, const struct snap_object *o);
void	check_sysv_semaphores(struct check *v, const struct snap_object *o);
void	check_sysv_queue(struct check *v, const struct snap_object *o);
void	check_posix_queue(struct check *v, const struct snap_object *o);
void	check_network_stack(struct check *v, const struct snap_object *o);
void	check_interface(struct check *v, const struct snap_object *o);
void	check_interface_address(struct check *v, const struct snap_object *o);
void	check_route(struct check *v, const struct snap_object *o);
void	check_route_rule(struct check *v, const struct snap_object *o);
void	check_neighbour(struct check *v, const struct snap_object *o);
void	check_filter_table(struct check *v, const struct snap_object *o);
void	check_filter_chain(struct check *v, const struct snap_object *o);
void	check_filter_set(struct check *v, const struct snap_object *o);
void	check_filter_rule(struct check *v, const struct snap_object *o);

/* validate_cgroup.c: INS-2 */
void	check_instance_cgroups(struct check *v, const struct snap_object *o);

/* validate_net.c: NET-1, and IFC-1 of a name */
void	check_network_namespace(struct check *v, const struct snap_object *o, uint64_t id);
bool	check_is_interface_name(const char *s);
void	check_file_system(struct check *v, const struct snap_object *o);
void	check_mount(struct check *v, const struct snap_object *o);
void	check_file_system_entry(struct check *v, const struct snap_object *o);

/* Of all objects together; 0, or SNAP_E_NOMEM or a reading error in v->err. */
int	check_graph(struct check *v);	/* GRA-4 to GRA-9 */
int	check_numbers(struct check *v);	/* pids, tids, pgids, sids */
int	check_epolls(struct check *v);	/* OPN-6 */
int	check_sysv(struct check *v);	/* IPC-2, IPC-3, SHM-2 */
int	check_posix_queues(struct check *v);	/* PMQ-4 */
int	check_networks(struct check *v);	/* NET-2, IFC-2, IFC-3, IFC-10 */
int	check_filters(struct check *v);	/* FLT-8 */
int	check_mounts(struct check *v);	/* MNT-2, FSE-2, FSE-4 */
int	check_pages(struct check *v);	/* PAG, MAP-4, MAP-9, MOB-3 */

#endif
