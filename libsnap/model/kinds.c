/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/file.pb-c.h"
#include "format/filter.pb-c.h"
#include "format/host.pb-c.h"
#include "format/ipc.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/mount.pb-c.h"
#include "format/net.pb-c.h"
#include "format/process.pb-c.h"
#include "format/socket.pb-c.h"
#include "libsnap/model/model.h"

/* Ascending by number. */
static const struct kind kinds[] = {
	{ PSNAP_KIND_PROVENANCE, "provenance", &psnap__provenance__descriptor, 0, 0 },
	{ PSNAP_KIND_HOST, "host", &psnap__host__descriptor, 0, 0 },
	{ PSNAP_KIND_INSTANCE, "instance", &psnap__instance__descriptor, 0, 0 },
	{ PSNAP_KIND_NAMESPACE, "namespace", &psnap__namespace__descriptor, 0, 0 },
	{ PSNAP_KIND_CGROUP, "cgroup", &psnap__cgroup__descriptor, 0, 0 },
	{ PSNAP_KIND_COVERAGE, "coverage", &psnap__coverage__descriptor,
	    PSNAP_F_COVERAGE_PROCESS_ID, 0 },
	{ PSNAP_KIND_SESSION, "session", &psnap__session__descriptor, 0, 0 },
	{ PSNAP_KIND_PROCESS_GROUP, "process-group", &psnap__process_group__descriptor,
	    PSNAP_F_PROCESS_GROUP_SESSION_ID, 0 },
	{ PSNAP_KIND_PROCESS, "process", &psnap__process__descriptor, PSNAP_F_PROCESS_PARENT_ID, 0 },
	{ PSNAP_KIND_THREAD, "thread", &psnap__thread__descriptor, PSNAP_F_THREAD_PROCESS_ID, 1 },
	{ PSNAP_KIND_CREDENTIALS, "credentials", &psnap__credentials__descriptor, 0, 0 },
	{ PSNAP_KIND_SIGNAL_HANDLERS, "signal-handlers", &psnap__signal_handlers__descriptor, 0, 1 },
	{ PSNAP_KIND_FS_CONTEXT, "fs-context", &psnap__fs_context__descriptor, 0, 0 },
	{ PSNAP_KIND_SECCOMP_FILTER, "seccomp-filter", &psnap__seccomp_filter__descriptor, 0, 0 },
	{ PSNAP_KIND_ADDRESS_SPACE, "address-space", &psnap__address_space__descriptor, 0, 0 },
	{ PSNAP_KIND_MAPPING, "mapping", &psnap__mapping__descriptor,
	    PSNAP_F_MAPPING_ADDRESS_SPACE_ID, 0 },
	{ PSNAP_KIND_MEMORY_OBJECT, "memory-object", &psnap__memory_object__descriptor, 0, 0 },
	{ PSNAP_KIND_DESCRIPTOR_TABLE, "descriptor-table", &psnap__descriptor_table__descriptor, 0, 0 },
	{ PSNAP_KIND_OPEN_FILE, "open-file", &psnap__open_file__descriptor, 0, 1 },
	{ PSNAP_KIND_FILE, "file", &psnap__file__descriptor, 0, 0 },
	{ PSNAP_KIND_PIPE, "pipe", &psnap__pipe__descriptor, 0, 0 },
	{ PSNAP_KIND_TERMINAL, "terminal", &psnap__terminal__descriptor, 0, 0 },
	{ PSNAP_KIND_SOCKET, "socket", &psnap__socket__descriptor, 0, 0 },
	{ PSNAP_KIND_TCP_CONNECTION, "tcp-connection", &psnap__tcp_connection__descriptor,
	    PSNAP_F_TCP_CONNECTION_SOCKET_ID, 0 },
	{ PSNAP_KIND_TCP_QUEUE_PART, "tcp-queue-part", &psnap__tcp_queue_part__descriptor,
	    PSNAP_F_TCP_QUEUE_PART_CONNECTION_ID, 0 },
	{ PSNAP_KIND_SYSV_SEGMENT, "sysv-segment", &psnap__sysv_segment__descriptor, 0, 0 },
	{ PSNAP_KIND_SYSV_SEMAPHORES, "sysv-semaphores", &psnap__sysv_semaphores__descriptor, 0, 0 },
	{ PSNAP_KIND_SYSV_QUEUE, "sysv-queue", &psnap__sysv_queue__descriptor, 0, 0 },
	{ PSNAP_KIND_POSIX_QUEUE, "posix-queue", &psnap__posix_queue__descriptor, 0, 0 },
	{ PSNAP_KIND_NETWORK_STACK, "network-stack", &psnap__network_stack__descriptor,
	    PSNAP_F_NETWORK_STACK_NAMESPACE_ID, 0 },
	{ PSNAP_KIND_INTERFACE, "interface", &psnap__interface__descriptor, PSNAP_F_INTERFACE_NAMESPACE_ID, 0 },
	{ PSNAP_KIND_INTERFACE_ADDRESS, "interface-address", &psnap__interface_address__descriptor,
	    PSNAP_F_INTERFACE_ADDRESS_INTERFACE_ID, 0 },
	{ PSNAP_KIND_ROUTE, "route", &psnap__route__descriptor, PSNAP_F_ROUTE_NAMESPACE_ID, 0 },
	{ PSNAP_KIND_ROUTE_RULE, "route-rule", &psnap__route_rule__descriptor, PSNAP_F_ROUTE_RULE_NAMESPACE_ID, 0 },
	{ PSNAP_KIND_NEIGHBOUR, "neighbour", &psnap__neighbour__descriptor, PSNAP_F_NEIGHBOUR_INTERFACE_ID, 0 },
	{ PSNAP_KIND_FILTER_TABLE, "filter-table", &psnap__filter_table__descriptor,
	    PSNAP_F_FILTER_TABLE_NAMESPACE_ID, 0 },
	{ PSNAP_KIND_FILTER_CHAIN, "filter-chain", &psnap__filter_chain__descriptor, PSNAP_F_FILTER_CHAIN_TABLE_ID, 0 },
	{ PSNAP_KIND_FILTER_SET, "filter-set", &psnap__filter_set__descriptor, PSNAP_F_FILTER_SET_TABLE_ID, 0 },
	{ PSNAP_KIND_FILTER_RULE, "filter-rule", &psnap__filter_rule__descriptor, PSNAP_F_FILTER_RULE_CHAIN_ID, 0 },
	{ PSNAP_KIND_FILE_SYSTEM, "file-system", &psnap__file_system__descriptor, PSNAP_F_FILE_SYSTEM_NAMESPACE_ID, 0 },
	{ PSNAP_KIND_MOUNT, "mount", &psnap__mount__descriptor, PSNAP_F_MOUNT_NAMESPACE_ID, 0 },
	{ PSNAP_KIND_FILE_SYSTEM_ENTRY, "file-system-entry", &psnap__file_system_entry__descriptor,
	    PSNAP_F_FILE_SYSTEM_ENTRY_FILE_SYSTEM_ID, 0 },
};
#define NKINDS (sizeof kinds / sizeof kinds[0])

const struct kind *
kind_find(uint32_t number)
{
	size_t lo = 0, hi = NKINDS;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (kinds[mid].number == number)
			return &kinds[mid];
		if (kinds[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct kind *
kind_at(size_t n)
{
	return n < NKINDS ? &kinds[n] : NULL;
}

const char *
snap_kind_name(uint32_t number)
{
	const struct kind *k = kind_find(number);

	return k != NULL ? k->name : NULL;
}
