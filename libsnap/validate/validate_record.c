/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds of every record, found by reflection: the references it makes,
 * the enumerations it uses, and its encoding.
 */
#include <stdlib.h>
#include <string.h>

#include "format/file.pb-c.h"
#include "format/filter.pb-c.h"
#include "format/host.pb-c.h"
#include "format/ipc.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/mount.pb-c.h"
#include "format/net.pb-c.h"
#include "format/process.pb-c.h"
#include "format/socket.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/model/signal_set.h"
#include "libsnap/validate/validate.h"

/* Messages within messages end here: the schema's depth, not the input's. */
#define MAX_DEPTH	8

enum need { OPTIONAL, REQUIRED };

/* Every field that names an object. */
static const struct reference {
	const ProtobufCMessageDescriptor *in;
	uint32_t field, kind;
	enum need need;
} references[] = {
	{ &psnap__instance__descriptor, PSNAP_F_INSTANCE_ROOT_PROCESS_ID, PSNAP_KIND_PROCESS, REQUIRED },
	{ &psnap__instance__descriptor, PSNAP_F_INSTANCE_PROCESS_IDS, PSNAP_KIND_PROCESS, REQUIRED },
	{ &psnap__instance__descriptor, PSNAP_F_INSTANCE_NAMESPACE_IDS, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__instance__descriptor, PSNAP_F_INSTANCE_CGROUP_IDS, PSNAP_KIND_CGROUP, REQUIRED },
	{ &psnap__coverage__descriptor, PSNAP_F_COVERAGE_PROCESS_ID, PSNAP_KIND_PROCESS, OPTIONAL },
	{ &psnap__coverage__descriptor, PSNAP_F_COVERAGE_OBJECT_ID, 0, OPTIONAL },
	{ &psnap__session__descriptor, PSNAP_F_SESSION_TERMINAL_ID, PSNAP_KIND_TERMINAL, OPTIONAL },
	{ &psnap__process_group__descriptor, PSNAP_F_PROCESS_GROUP_SESSION_ID, PSNAP_KIND_SESSION,
	    REQUIRED },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_PARENT_ID, PSNAP_KIND_PROCESS, OPTIONAL },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_PROCESS_GROUP_ID, PSNAP_KIND_PROCESS_GROUP,
	    REQUIRED },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_SESSION_ID, PSNAP_KIND_SESSION, REQUIRED },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_ADDRESS_SPACE_ID, PSNAP_KIND_ADDRESS_SPACE,
	    OPTIONAL },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_DESCRIPTOR_TABLE_ID, PSNAP_KIND_DESCRIPTOR_TABLE,
	    OPTIONAL },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_SIGNAL_HANDLERS_ID, PSNAP_KIND_SIGNAL_HANDLERS,
	    OPTIONAL },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_FS_CONTEXT_ID, PSNAP_KIND_FS_CONTEXT, OPTIONAL },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_THREAD_IDS, PSNAP_KIND_THREAD, REQUIRED },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_NAMESPACE_IDS, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_CGROUP_IDS, PSNAP_KIND_CGROUP, REQUIRED },
	{ &psnap__fs_context__descriptor, PSNAP_F_FS_CONTEXT_CWD_FILE_ID, PSNAP_KIND_FILE, OPTIONAL },
	{ &psnap__fs_context__descriptor, PSNAP_F_FS_CONTEXT_ROOT_FILE_ID, PSNAP_KIND_FILE, OPTIONAL },
	{ &psnap__seccomp_filter__descriptor, PSNAP_F_SECCOMP_FILTER_PREVIOUS_ID,
	    PSNAP_KIND_SECCOMP_FILTER, OPTIONAL },
	{ &psnap__thread__descriptor, PSNAP_F_THREAD_PROCESS_ID, PSNAP_KIND_PROCESS, REQUIRED },
	{ &psnap__thread__descriptor, PSNAP_F_THREAD_CREDENTIALS_ID, PSNAP_KIND_CREDENTIALS, OPTIONAL },
	{ &psnap__thread__descriptor, PSNAP_F_THREAD_SECCOMP_FILTER_ID, PSNAP_KIND_SECCOMP_FILTER,
	    OPTIONAL },
	{ &psnap__thread__descriptor, PSNAP_F_THREAD_CGROUP_IDS, PSNAP_KIND_CGROUP, REQUIRED },
	{ &psnap__address_space__descriptor, PSNAP_F_ADDRESS_SPACE_EXECUTABLE_FILE_ID, PSNAP_KIND_FILE,
	    OPTIONAL },
	{ &psnap__mapping__descriptor, PSNAP_F_MAPPING_ADDRESS_SPACE_ID, PSNAP_KIND_ADDRESS_SPACE,
	    REQUIRED },
	{ &psnap__mapping__descriptor, PSNAP_F_MAPPING_FILE_ID, PSNAP_KIND_FILE, OPTIONAL },
	{ &psnap__mapping__descriptor, PSNAP_F_MAPPING_MEMORY_OBJECT_ID, PSNAP_KIND_MEMORY_OBJECT,
	    OPTIONAL },
	{ &psnap__descriptor__descriptor, PSNAP_F_DESCRIPTOR_OPEN_FILE_ID, PSNAP_KIND_OPEN_FILE,
	    REQUIRED },
	{ &psnap__open_file__descriptor, PSNAP_F_OPEN_FILE_FILE_ID, PSNAP_KIND_FILE, OPTIONAL },
	{ &psnap__open_file__descriptor, PSNAP_F_OPEN_FILE_PIPE_ID, PSNAP_KIND_PIPE, OPTIONAL },
	{ &psnap__open_file__descriptor, PSNAP_F_OPEN_FILE_TERMINAL_ID, PSNAP_KIND_TERMINAL, OPTIONAL },
	{ &psnap__open_file__descriptor, PSNAP_F_OPEN_FILE_SOCKET_ID, PSNAP_KIND_SOCKET, OPTIONAL },
	{ &psnap__open_file__descriptor, PSNAP_F_OPEN_FILE_MEMORY_OBJECT_ID, PSNAP_KIND_MEMORY_OBJECT,
	    OPTIONAL },
	{ &psnap__epoll_entry__descriptor, PSNAP_F_EPOLL_ENTRY_OPEN_FILE_ID, PSNAP_KIND_OPEN_FILE,
	    OPTIONAL },
	{ &psnap__inotify_watch__descriptor, PSNAP_F_INOTIFY_WATCH_FILE_ID, PSNAP_KIND_FILE, OPTIONAL },
	{ &psnap__pidfd__descriptor, PSNAP_F_PIDFD_PROCESS_ID, PSNAP_KIND_PROCESS, OPTIONAL },
	{ &psnap__namespace_file__descriptor, PSNAP_F_NAMESPACE_FILE_NAMESPACE_ID, PSNAP_KIND_NAMESPACE,
	    REQUIRED },
	{ &psnap__file__descriptor, PSNAP_F_FILE_CONTENT_OBJECT_ID, PSNAP_KIND_MEMORY_OBJECT, OPTIONAL },
	{ &psnap__file__descriptor, PSNAP_F_FILE_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, OPTIONAL },
	{ &psnap__pipe__descriptor, PSNAP_F_PIPE_FILE_ID, PSNAP_KIND_FILE, OPTIONAL },
	{ &psnap__socket__descriptor, PSNAP_F_SOCKET_PEER_ID, PSNAP_KIND_SOCKET, OPTIONAL },
	{ &psnap__socket__descriptor, PSNAP_F_SOCKET_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, OPTIONAL },
	{ &psnap__socket__descriptor, PSNAP_F_SOCKET_PENDING_IDS, PSNAP_KIND_SOCKET, REQUIRED },
	{ &psnap__socket_message__descriptor, PSNAP_F_SOCKET_MESSAGE_OPEN_FILE_IDS, PSNAP_KIND_OPEN_FILE,
	    REQUIRED },
	{ &psnap__tcp_connection__descriptor, PSNAP_F_TCP_CONNECTION_SOCKET_ID, PSNAP_KIND_SOCKET, REQUIRED },
	{ &psnap__tcp_queue_part__descriptor, PSNAP_F_TCP_QUEUE_PART_CONNECTION_ID, PSNAP_KIND_TCP_CONNECTION,
	    REQUIRED },
	{ &psnap__sysv_identity__descriptor, PSNAP_F_SYSV_IDENTITY_NAMESPACE_ID, PSNAP_KIND_NAMESPACE,
	    REQUIRED },
	{ &psnap__sysv_segment__descriptor, PSNAP_F_SYSV_SEGMENT_MEMORY_OBJECT_ID,
	    PSNAP_KIND_MEMORY_OBJECT, REQUIRED },
	{ &psnap__semaphore_adjustment__descriptor, PSNAP_F_SEMAPHORE_ADJUSTMENT_PROCESS_ID,
	    PSNAP_KIND_PROCESS, REQUIRED },
	{ &psnap__open_file__descriptor, PSNAP_F_OPEN_FILE_POSIX_QUEUE_ID, PSNAP_KIND_POSIX_QUEUE, OPTIONAL },
	{ &psnap__posix_queue__descriptor, PSNAP_F_POSIX_QUEUE_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__posix_notification__descriptor, PSNAP_F_POSIX_NOTIFICATION_PROCESS_ID, PSNAP_KIND_PROCESS,
	    REQUIRED },
	{ &psnap__network_stack__descriptor, PSNAP_F_NETWORK_STACK_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__interface__descriptor, PSNAP_F_INTERFACE_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__interface__descriptor, PSNAP_F_INTERFACE_MASTER_ID, PSNAP_KIND_INTERFACE, OPTIONAL },
	{ &psnap__interface__descriptor, PSNAP_F_INTERFACE_LOWER_ID, PSNAP_KIND_INTERFACE, OPTIONAL },
	{ &psnap__pair_interface__descriptor, PSNAP_F_PAIR_INTERFACE_PEER_ID, PSNAP_KIND_INTERFACE, OPTIONAL },
	{ &psnap__interface_address__descriptor, PSNAP_F_INTERFACE_ADDRESS_INTERFACE_ID, PSNAP_KIND_INTERFACE,
	    REQUIRED },
	{ &psnap__route__descriptor, PSNAP_F_ROUTE_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__next_hop__descriptor, PSNAP_F_NEXT_HOP_INTERFACE_ID, PSNAP_KIND_INTERFACE, OPTIONAL },
	{ &psnap__route_rule__descriptor, PSNAP_F_ROUTE_RULE_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__neighbour__descriptor, PSNAP_F_NEIGHBOUR_INTERFACE_ID, PSNAP_KIND_INTERFACE, REQUIRED },
	{ &psnap__filter_table__descriptor, PSNAP_F_FILTER_TABLE_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__filter_chain__descriptor, PSNAP_F_FILTER_CHAIN_TABLE_ID, PSNAP_KIND_FILTER_TABLE, REQUIRED },
	{ &psnap__filter_set__descriptor, PSNAP_F_FILTER_SET_TABLE_ID, PSNAP_KIND_FILTER_TABLE, REQUIRED },
	{ &psnap__filter_rule__descriptor, PSNAP_F_FILTER_RULE_CHAIN_ID, PSNAP_KIND_FILTER_CHAIN, REQUIRED },
	{ &psnap__file_system__descriptor, PSNAP_F_FILE_SYSTEM_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__mount__descriptor, PSNAP_F_MOUNT_NAMESPACE_ID, PSNAP_KIND_NAMESPACE, REQUIRED },
	{ &psnap__mount__descriptor, PSNAP_F_MOUNT_PARENT_ID, PSNAP_KIND_MOUNT, OPTIONAL },
	{ &psnap__mount__descriptor, PSNAP_F_MOUNT_FILE_SYSTEM_ID, PSNAP_KIND_FILE_SYSTEM, REQUIRED },
	{ &psnap__file_system_entry__descriptor, PSNAP_F_FILE_SYSTEM_ENTRY_FILE_SYSTEM_ID, PSNAP_KIND_FILE_SYSTEM,
	    REQUIRED },
	{ &psnap__file_system_entry__descriptor, PSNAP_F_FILE_SYSTEM_ENTRY_CONTENT_OBJECT_ID,
	    PSNAP_KIND_MEMORY_OBJECT, OPTIONAL },
	{ &psnap__entry_name__descriptor, PSNAP_F_ENTRY_NAME_FOLDER_ID, PSNAP_KIND_FILE_SYSTEM_ENTRY, REQUIRED },
};

/* Enumerations in which 0, "not known", leaves the object without meaning. */
static const struct {
	const ProtobufCMessageDescriptor *in;
	uint32_t field;
} needed[] = {
	{ &psnap__host__descriptor, PSNAP_F_HOST_OS },
	{ &psnap__host__descriptor, PSNAP_F_HOST_KERNEL_ABI },
	{ &psnap__host__descriptor, PSNAP_F_HOST_FPU_COMPONENTS },
	{ &psnap__namespace__descriptor, PSNAP_F_NAMESPACE_KIND },
	{ &psnap__resource_limit__descriptor, PSNAP_F_RESOURCE_LIMIT_RESOURCE },
	{ &psnap__coverage__descriptor, PSNAP_F_COVERAGE_SEVERITY },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_STATE },
	{ &psnap__limit__descriptor, PSNAP_F_LIMIT_KIND },
	{ &psnap__interval_timer__descriptor, PSNAP_F_INTERVAL_TIMER_KIND },
	{ &psnap__posix_timer__descriptor, PSNAP_F_POSIX_TIMER_CLOCK },
	{ &psnap__posix_timer__descriptor, PSNAP_F_POSIX_TIMER_NOTIFY },
	{ &psnap__signal_action__descriptor, PSNAP_F_SIGNAL_ACTION_SIGNAL },
	{ &psnap__sig_info__descriptor, PSNAP_F_SIG_INFO_SIGNAL },
	{ &psnap__restart__descriptor, PSNAP_F_RESTART_KIND },
	{ &psnap__segment__descriptor, PSNAP_F_SEGMENT_KIND },
	{ &psnap__fpu__descriptor, PSNAP_F_FPU_PRESENT },
	{ &psnap__inotify_watch__descriptor, PSNAP_F_INOTIFY_WATCH_EVENTS },
	{ &psnap__mapping__descriptor, PSNAP_F_MAPPING_KIND },
	{ &psnap__memory_object__descriptor, PSNAP_F_MEMORY_OBJECT_KIND },
	{ &psnap__open_file__descriptor, PSNAP_F_OPEN_FILE_ACCESS },
	{ &psnap__file_lock__descriptor, PSNAP_F_FILE_LOCK_KIND },
	{ &psnap__file__descriptor, PSNAP_F_FILE_TYPE },
	{ &psnap__terminal__descriptor, PSNAP_F_TERMINAL_KIND },
	{ &psnap__timerfd__descriptor, PSNAP_F_TIMERFD_CLOCK },
	{ &psnap__socket__descriptor, PSNAP_F_SOCKET_FAMILY },
	{ &psnap__socket__descriptor, PSNAP_F_SOCKET_TYPE },
	{ &psnap__socket__descriptor, PSNAP_F_SOCKET_STATE },
	{ &psnap__packet_membership__descriptor, PSNAP_F_PACKET_MEMBERSHIP_KIND },
	{ &psnap__tcp_queue_part__descriptor, PSNAP_F_TCP_QUEUE_PART_QUEUE },
	{ &psnap__network_setting__descriptor, PSNAP_F_NETWORK_SETTING_KIND },
	{ &psnap__interface__descriptor, PSNAP_F_INTERFACE_KIND },
	{ &psnap__macvlan_interface__descriptor, PSNAP_F_MACVLAN_INTERFACE_MODE },
	{ &psnap__interface_address__descriptor, PSNAP_F_INTERFACE_ADDRESS_SCOPE },
	{ &psnap__route__descriptor, PSNAP_F_ROUTE_TYPE },
	{ &psnap__route_metric__descriptor, PSNAP_F_ROUTE_METRIC_KIND },
	{ &psnap__route_rule__descriptor, PSNAP_F_ROUTE_RULE_ACTION },
	{ &psnap__filter_table__descriptor, PSNAP_F_FILTER_TABLE_FAMILY },
	{ &psnap__filter_set__descriptor, PSNAP_F_FILTER_SET_KIND },
	{ &psnap__file_system__descriptor, PSNAP_F_FILE_SYSTEM_KIND },
	{ &psnap__mount__descriptor, PSNAP_F_MOUNT_ACCESS_TIMES },
	{ &psnap__mount__descriptor, PSNAP_F_MOUNT_PROPAGATION },
	{ &psnap__file_system_entry__descriptor, PSNAP_F_FILE_SYSTEM_ENTRY_TYPE },
};

/* ---- one field ---- */

static void
check_reference(struct check *v, const struct snap_object *o, const struct reference *ref,
    const char *name, uint64_t id)
{
	const struct snap_object *to;

	if (id == 0) {
		if (ref->need == REQUIRED)					/* GRA-1 */
			check_corrupt(v, o, "GRA-1", "%s is 0, but must name a %s", name,
			    snap_kind_name(ref->kind));
		return;
	}
	to = snap_get_object(v->s, id);
	if (to == NULL)								/* GRA-2 */
		check_corrupt(v, o, "GRA-2", "%s names object %llu, which is not in the snapshot", name,
		    (unsigned long long)id);
	else if (ref->kind != 0 && to->kind != ref->kind) {			/* GRA-3 */
		const char *kind = snap_kind_name(to->kind);

		check_corrupt(v, o, "GRA-3", "%s names object %llu, a %s, but must name a %s", name,
		    (unsigned long long)id, kind != NULL ? kind : "record of unknown kind",
		    snap_kind_name(ref->kind));
	}
}

static bool
enum_known(const ProtobufCEnumDescriptor *e, int value)
{
	/* the real-time signals between first and last have no names */
	if (e == &psnap__signal__descriptor)
		return value >= 0 && value <= PSNAP_SIGNAL_INFO;
	return protobuf_c_enum_descriptor_get_value(e, value) != NULL;
}

static void
check_enum(struct check *v, const struct snap_object *o, const ProtobufCMessageDescriptor *in,
    const ProtobufCFieldDescriptor *f, int value)
{
	if (!enum_known(f->descriptor, value)) {				/* ENU-2 */
		check_unsupported(v, o, "ENU-2", "%s is %d, which has no meaning here", f->name, value);
		return;
	}
	if (value != 0)
		return;
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if (needed[i].in == in && needed[i].field == f->id) {		/* ENU-1 */
			check_corrupt(v, o, "ENU-1", "%s is 0, not known, but is needed", f->name);
			return;
		}
}

/* ---- one message ---- */

static void check_message(struct check *v, const struct snap_object *o, const ProtobufCMessage *m,
    unsigned depth);

static void
check_field(struct check *v, const struct snap_object *o, const ProtobufCMessage *m,
    const ProtobufCFieldDescriptor *f, unsigned depth)
{
	bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
	const char *member = (const char *)m + f->offset;
	const void *values = repeated ? *(const void *const *)(const void *)member : member;
	size_t count = repeated ?
	    *(const size_t *)(const void *)((const char *)m + f->quantifier_offset) : 1;
	const struct reference *ref = NULL;

	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT64:
		for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
			if (references[i].in == m->descriptor && references[i].field == f->id)
				ref = &references[i];
		for (size_t i = 0; ref != NULL && i < count; i++)
			check_reference(v, o, ref, f->name, ((const uint64_t *)values)[i]);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		for (size_t i = 0; i < count; i++)
			check_enum(v, o, m->descriptor, f, ((const int *)values)[i]);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		for (size_t i = 0; i < count; i++)
			check_message(v, o, ((const ProtobufCMessage *const *)values)[i], depth + 1);
		break;
	default:
		break;
	}
}

static void
check_signal_set(struct check *v, const struct snap_object *o, const Psnap__SignalSet *set)
{
	if (set->bits.len > SIGNAL_SET_BYTES)					/* SGS-1 */
		check_corrupt(v, o, "SGS-1", "a set of signals of %lu bytes", (unsigned long)set->bits.len);
	else if (set->bits.len > 0 && set->bits.data[set->bits.len - 1] == 0)	/* SGS-1 */
		check_corrupt(v, o, "SGS-1", "a set of signals ends with zeros");
}

static void
check_message(struct check *v, const struct snap_object *o, const ProtobufCMessage *m, unsigned depth)
{
	if (m == NULL || depth > MAX_DEPTH)
		return;
	if (m->descriptor == &psnap__signal_set__descriptor)
		check_signal_set(v, o, (const void *)m);
	for (unsigned i = 0; i < m->descriptor->n_fields && !v->stopped; i++)
		check_field(v, o, m, &m->descriptor->fields[i], depth);
}

/* ---- the encoding ---- */

/*
 * Packing again gives the same bytes.  Fields of a newer schema are carried
 * at the end of their message, where their higher numbers belong.
 */
static int
check_encoding(struct check *v, const struct snap_object *o)
{
	const ProtobufCMessage *written = v->s->written[o - v->s->objects];
	uint8_t *again;
	size_t n = protobuf_c_message_get_packed_size(written);
	bool same = n == o->payload_len;

	if (same && n > 0) {
		if ((again = malloc(n)) == NULL)
			return error_nomem(v->err);
		protobuf_c_message_pack(written, again);
		same = memcmp(again, o->payload, n) == 0;
		free(again);
	}
	if (!same)								/* REC-9 */
		check_corrupt(v, o, "REC-9", "not the canonical encoding: %lu bytes, %lu when packed again",
		    (unsigned long)o->payload_len, (unsigned long)n);
	return 0;
}

int
check_record(struct check *v, const struct snap_object *o)
{
	check_message(v, o, o->message, 0);
	return check_encoding(v, o);
}
