/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Views: each turns a snapshot into one JSON value, which --json prints as it
 * is and a second function prints for people.  So both always agree.
 */
#ifndef TOOLS_SNAPINSPECT_VIEW_H
#define TOOLS_SNAPINSPECT_VIEW_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "format/socket.pb-c.h"
#include "libsnap/snap.h"

struct options {
	const char	*file, *other;	/* diff: the second; fit: the host, or NULL */
	int32_t		pid, tid;	/* 0: all */
	bool		json, env, fpu, pages, no_files;
	const char	*find, *find_hex, *map;
	uint64_t	addr, len, low, high;	/* [low, high) */
	bool		has_addr;
};

json_t	*info_make(struct snap *s, const struct options *o, int *status);
void	info_print(const json_t *j);
json_t	*tree_make(struct snap *s, const struct options *o, int *status);
void	tree_print(const json_t *j);
json_t	*maps_make(struct snap *s, const struct options *o, int *status);
void	maps_print(const json_t *j);
json_t	*files_make(struct snap *s, const struct options *o, int *status);
void	files_print(const json_t *j);
json_t	*ipc_make(struct snap *s, const struct options *o, int *status);
void	ipc_print(const json_t *j);
json_t	*net_make(struct snap *s, const struct options *o, int *status);
void	net_print(const json_t *j);
json_t	*mounts_make(struct snap *s, const struct options *o, int *status);
void	mounts_print(const json_t *j);
json_t	*regs_make(struct snap *s, const struct options *o, int *status);
void	regs_print(const json_t *j);
json_t	*mem_make(struct snap *s, const struct options *o, int *status);
void	mem_print(const json_t *j);
json_t	*coverage_make(struct snap *s, const struct options *o, int *status);
void	coverage_print(const json_t *j);
json_t	*fit_make(struct snap *s, const struct options *o, int *status);
void	fit_print(const json_t *j);
json_t	*verify_make(struct snap *s, const struct options *o, int *status);
void	verify_print(const json_t *j);

/* Compares two snapshots; both names are in o->file and other. */
json_t	*diff_make(struct snap *a, struct snap *b, const struct options *o);
void	diff_print(const json_t *j);

/* ---- net_stack.c, for the view of the network ---- */

/* Each network stack, to the list. */
void	stacks_add(struct snap *s, json_t *list);
void	stack_print(const json_t *j);

/* What is made of each child of a kind, to the list. */
typedef json_t *child_fn(struct snap *s, const struct snap_object *o);
void	add_children(struct snap *s, json_t *list, uint64_t owner, uint32_t kind, child_fn *make);

/* net_filter.c: a table of filters */
json_t	*filter_json(struct snap *s, const struct snap_object *o);
void	filter_print(const json_t *j);

/* ---- cgroups.c, for info ---- */

/* Those of the instance that are its own or limit something. */
json_t	*cgroups_json(struct snap *s, const Psnap__Instance *in);
void	cgroup_print(const json_t *j);

/* ---- host.c ---- */

/* What a Host record says of the kernel and the CPU: what a HOST.json holds. */
json_t	*host_json(const Psnap__Host *h);

/*
 * The host known by this name, or described by this file, or, if name is NULL,
 * this machine.  NULL: a message was printed.
 */
Psnap__Host *host_open(const char *name);

/* ---- common.c ---- */

/* A stable word for an enumeration value: MAPPING_FILE_PRIVATE -> "file-private". */
const char *word(const ProtobufCEnumDescriptor *e, int value, char buf[64]);

/* "0x7f..." */
json_t	*json_hex(uint64_t v);
json_t	*json_signals(const Psnap__SignalSet *set);	/* bit n-1: Signal n */

/* A JSON string of untrusted bytes: control characters and bad UTF-8 become \xNN. */
json_t	*json_bytes(const void *p, size_t n);
json_t	*json_text(const char *s);
json_t	*json_ip(const ProtobufCBinaryData *ip);
json_t	*json_address(const Psnap__SocketAddress *a);	/* "127.0.0.1:80", a path, "@name", or "" */

/* Member of an object as text for printing, or "". */
const char *str(const json_t *j, const char *key);
json_int_t num(const json_t *j, const char *key);
bool	is_true(const json_t *j, const char *key);

/* Processes the options ask for; *n of them. Returned pointers are the snapshot's. */
bool	wanted(const struct options *o, const Psnap__Process *p);

/* Command line from memory (arguments area), or NULL if the snapshot does not hold it. */
json_t	*command_line(struct snap *s, const Psnap__Process *p, bool environment);

/* Short name of what a mapping shows: path, [heap], [anon:name], ... */
json_t	*mapping_name(struct snap *s, const Psnap__Mapping *m);

/* Messages by reference, NULL if missing or of another kind. */
const Psnap__Process *get_process(struct snap *s, uint64_t id);
const Psnap__AddressSpace *get_space(struct snap *s, uint64_t id);

#endif
