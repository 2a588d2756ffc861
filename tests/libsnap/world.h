/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small snapshot with one object of every kind, valid in every rule, whose
 * messages a test changes before it is written.
 */
#ifndef TESTS_LIBSNAP_WORLD_H
#define TESTS_LIBSNAP_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/ipc.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/filter.pb-c.h"
#include "format/mount.pb-c.h"
#include "format/net.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "format/socket.pb-c.h"
#include "libsnap/snap.h"

#define WORLD_PAGE	4096u

/* Object ids, in file order; FREE_ID is nobody's. */
enum {
	PROVENANCE = 1, HOST, INSTANCE, NET_NS, CGROUP, COVERAGE, SESSION, GROUP, ROOT, CHILD, ZOMBIE,
	LEADER, WORKER, CHILD_THREAD, CREDS, HANDLERS, CHILD_HANDLERS, FS, CHILD_FS, FILTER, OLD_FILTER,
	SPACE, CHILD_SPACE, CODE, HEAP, SHARED, VDSO, VVAR, CHILD_MAP, OBJECT, CONTENT, TABLE, CHILD_TABLE,
	OPEN_FILE, OPEN_EPOLL, OPEN_INOTIFY, OPEN_SOCKET, OPEN_PEER, OPEN_PIPE, OPEN_TTY, OPEN_MEMFD,
	OPEN_NS, EXE, DIR, PIPE, TTY, SOCKET, PEER, INET, WORLD_IDS, FREE_ID = 999,
};
/* And those of kinds that came with version 2.1. */
enum { IPC_NS = WORLD_IDS, SEGMENT_MEMORY, OTHER_MEMORY, SEGMENT, OTHER_SEGMENT, SEMAPHORES, OTHER_SEMAPHORES,
	QUEUE, OTHER_QUEUE, POSIX_QUEUE, OTHER_POSIX_QUEUE, OPEN_QUEUE, CONNECTION, QUEUE_PART, STACK, LOOPBACK, BRIDGE, PORT,
	PEER_PORT, VLAN, MACVLAN, TAP, ADDRESS, ADDRESS6, ROUTE, ROUTE6, RULE, NEIGHBOUR, FILTER_TABLE,
	FILTER_CHAIN, JUMP_CHAIN, FILTER_SET, FILTER_MAP, FILTER_RULE, JUMP_RULE, MOUNT_NS, HOST_FILES, TEMPORARY,
	LAYERS, ROOT_MOUNT, TEMPORARY_MOUNT, LAYERS_MOUNT, TOP, FOLDER, NAMED, LINK, WORLD_IPC_IDS };

enum { WORLD_EXTRA = 4 };

struct world {
	Psnap__Provenance provenance;
	Psnap__Host	host;
	Psnap__Instance	instance;
	Psnap__Namespace net_ns;
	Psnap__IdRange id_ranges[2], *uid_map[341], *gid_map[1];
	Psnap__Cgroup	cgroup;
	Psnap__Coverage	coverage;
	Psnap__Session	session;
	Psnap__ProcessGroup group;
	Psnap__Process	root, child, zombie;
	Psnap__Thread	leader, worker, child_thread;
	Psnap__X86Registers regs, regs32;
	Psnap__Segment	segments[6];
	Psnap__Fpu	fpu;
	Psnap__FpuX87	x87;
	Psnap__FpuSse	sse;
	Psnap__TlsDescriptor tls;
	Psnap__Scheduling scheduling;
	Psnap__SignalStack stack;
	Psnap__Restart	restart;
	Psnap__SigInfo	signal;
	Psnap__Credentials creds;
	Psnap__SignalHandlers handlers, child_handlers;
	Psnap__SignalAction actions[2];
	Psnap__FsContext fs, child_fs;
	Psnap__SeccompFilter filter, old_filter;
	Psnap__AddressSpace space, child_space;
	Psnap__AuxiliaryEntry aux;
	Psnap__Mapping	code, heap, shared, vdso, vvar, child_map;
	Psnap__PageRange guards[2];
	Psnap__MemoryObject object, content;
	Psnap__DescriptorTable table, child_table;
	Psnap__Descriptor descriptors[9];
	Psnap__OpenFile	open_file, open_epoll, open_inotify, open_socket, open_peer, open_pipe, open_tty,
	    open_memfd, open_ns;
	Psnap__FileLock	lock;
	Psnap__Epoll	epoll;
	Psnap__EpollEntry entries[2];
	Psnap__Inotify	inotify;
	Psnap__InotifyWatch watches[2];
	Psnap__NamespaceFile ns_file;
	Psnap__File	exe, dir;
	Psnap__Pipe	pipe;
	Psnap__Terminal	tty;
	Psnap__TerminalModes modes;
	Psnap__ControlCharacter character;
	Psnap__Socket	socket, peer, inet;
	Psnap__SocketAddress local, remote;
	Psnap__SocketMessage message;
	Psnap__Limit	limits[2];
	Psnap__IntervalTimer itimers[2];
	Psnap__PosixTimer timers[2];

	/* of world_ipc() */
	Psnap__Namespace ipc_ns;
	Psnap__MemoryObject segment_memory, other_memory;
	Psnap__SysvSegment segment, other_segment;
	Psnap__SysvIdentity identity, other_identity, set_identity, other_set_identity;
	Psnap__SysvSemaphores semaphores, other_semaphores;
	Psnap__SemaphoreAdjustment adjustments[2];
	Psnap__SemaphoreAdjustment *adjustment_p[2];
	Psnap__SysvIdentity queue_identity, other_queue_identity;
	Psnap__SysvQueue queue, other_queue;
	Psnap__SysvMessage messages[2];
	Psnap__SysvMessage *sysv_message_p[2];
	Psnap__PosixQueue posix_queue, other_posix_queue;
	Psnap__PosixMessage posix_messages[3];
	Psnap__PosixMessage *posix_message_p[3];
	Psnap__PosixNotification notification;
	Psnap__OpenFile	open_queue;
	Psnap__Descriptor queue_fd;
	Psnap__Descriptor *queue_fd_p[1];
	uint32_t	values[3];
	int32_t		last_pids[3];
	Psnap__TcpConnection connection;
	Psnap__TcpQueuePart queue_part;
	Psnap__NetworkStack stack_net;
	Psnap__NetworkSetting net_settings[3];
	Psnap__NetworkSetting *net_setting_p[3];
	int64_t		net_values[3];
	Psnap__Interface loopback, bridge, port, peer_port, vlan, macvlan, tap;
	Psnap__BridgeInterface bridge_part;
	Psnap__BridgePort port_part;
	Psnap__PairInterface pair, peer_pair;
	Psnap__VlanInterface vlan_part;
	Psnap__MacvlanInterface macvlan_part;
	Psnap__TunInterface tap_part;
	Psnap__InterfaceAddress address, address6;
	Psnap__Route	route, route6;
	Psnap__NextHop	hops[2];
	Psnap__NextHop	*hop_p[2];
	Psnap__RouteMetric metrics[2];
	Psnap__RouteMetric *metric_p[2];
	Psnap__RouteRule rule;
	Psnap__RuleRange ports;
	Psnap__Neighbour neighbour;
	Psnap__Namespace mount_ns;
	Psnap__FileSystem host_files, temporary, layers;
	Psnap__OverlayFolder lower[2], upper, work;
	Psnap__OverlayFolder *lower_p[2];
	Psnap__Mount	root_mount, temporary_mount, layers_mount;
	Psnap__FileSystemEntry top, folder, named, link;
	Psnap__EntryName entry_names[4];
	Psnap__EntryName *folder_names[1], *named_names[2], *link_names[1];
	Psnap__ExtendedAttribute attributes[2];
	Psnap__ExtendedAttribute *attribute_p[2];
	char		*fs_options[1];
	uint64_t	own_ns[2];

	uint64_t	own_cgroups[1];
	Psnap__ResourceLimit resources[4];	/* of w->cgroup */
	Psnap__ResourceLimit *resource_p[4];
	Psnap__NumberRange ranges[2];
	Psnap__NumberRange *range_p[2];
	char		*handed_down[2];

	Psnap__FilterTable filter_table;
	Psnap__FilterObject filter_object;
	Psnap__FilterObject *filter_object_p[1];
	Psnap__FilterChain filter_chain, jump_chain;
	Psnap__FilterCounter filter_counter;
	char		*filter_device[1];
	Psnap__FilterSet filter_set, filter_map;
	Psnap__FilterElement elements[3];	/* a range that ends, and the map's */
	Psnap__FilterElement *element_p[3];
	Psnap__FilterRule filter_rule, jump_rule;

	/* spare ones, for tests that need another */
	Psnap__FileSystemEntry extra_entry;
	Psnap__Session	extra_session;
	Psnap__Fpu	bad_fpu;
	Psnap__FpuComponentKind bad_present[3];
	Psnap__Scheduling bad_scheduling;
	Psnap__SignalSet set;
	Psnap__InotifyEvent events[2];

	/* arrays that messages point to */
	uint64_t	under_way[2];
	Psnap__SocketMessage *message_p[1];
	uint64_t	process_ids[5], root_threads[3], child_threads[2], root_ns[2], root_cgroups[2], ids[4];
	uint32_t	groups[2], packets[2];
	Psnap__FpuComponentKind components[3], present[3];
	char		*features[2], *flags[2];
	uint8_t		st[80], xmm[256], avx[512], program[16], data[16], pages[16 * WORLD_PAGE];
	Psnap__SignalAction *action_p[2];
	Psnap__AuxiliaryEntry *aux_p[1];
	Psnap__PageRange *guard_p[2];
	Psnap__Descriptor *descriptor_p[9];
	Psnap__FileLock *lock_p[1];
	Psnap__EpollEntry *entry_p[2];
	Psnap__InotifyWatch *watch_p[2];
	Psnap__ControlCharacter *character_p[1];
	Psnap__TlsDescriptor *tls_p[2];
	Psnap__Limit	*limit_p[2];
	Psnap__IntervalTimer *itimer_p[2];
	Psnap__PosixTimer *timer_p[2];

	uint16_t	major, minor;	/* format version, 0.0: 1.0 */

	/* what is written, in this order; a test drops or adds one */
	struct {
		uint64_t	id;
		uint32_t	kind;
		const ProtobufCMessage *message;
		uint8_t		revision, critical;
		bool		dropped;
	} records[WORLD_IPC_IDS + WORLD_EXTRA];
	size_t		nrecords;
	/* page runs, by owner; count 0: none */
	struct {
		uint64_t	owner, first, count;
	} runs[6];
};

static inline void
world_add(struct world *w, uint64_t id, uint32_t kind, const ProtobufCMessage *m)
{
	w->records[w->nrecords].id = id;
	w->records[w->nrecords].kind = kind;
	w->records[w->nrecords].revision = 0;
	w->records[w->nrecords++].message = m;
}

static inline ProtobufCBinaryData
world_bytes(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static inline void
world_host(struct world *w)
{
	psnap__provenance__init(&w->provenance);
	w->provenance.program = "world";
	psnap__host__init(&w->host);
	w->host.os = PSNAP__OS__OS_LINUX;
	w->host.kernel_abi = PSNAP__ABI__ABI_AMD64;
	w->host.page_size = WORLD_PAGE;
	w->host.ticks_per_second = 100;
	w->components[0] = PSNAP__FPU_COMPONENT_KIND__FPU_X87;
	w->components[1] = PSNAP__FPU_COMPONENT_KIND__FPU_SSE;
	w->components[2] = PSNAP__FPU_COMPONENT_KIND__FPU_AVX;
	w->host.n_fpu_components = 3;
	w->host.fpu_components = w->components;
	w->features[0] = "avx";
	w->features[1] = "fpu";
	w->host.n_cpu_features = 2;
	w->host.cpu_features = w->features;
	psnap__instance__init(&w->instance);
	w->instance.root_process_id = ROOT;
	w->process_ids[0] = ROOT;
	w->process_ids[1] = CHILD;
	w->process_ids[2] = ZOMBIE;
	w->instance.n_process_ids = 3;
	w->instance.process_ids = w->process_ids;
	psnap__namespace__init(&w->net_ns);
	w->net_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_NET;
	psnap__cgroup__init(&w->cgroup);
	w->cgroup.path = "/";
	psnap__coverage__init(&w->coverage);
	w->coverage.severity = PSNAP__COVERAGE_SEVERITY__COVERAGE_NOTE;
	w->coverage.feature = "test";
	w->coverage.reason = "nothing is missing";
}

static inline void
world_process(Psnap__Process *p, int32_t pid, uint64_t parent)
{
	psnap__process__init(p);
	p->pid = pid;
	p->parent_id = parent;
	p->process_group_id = GROUP;
	p->session_id = SESSION;
	p->comm = "world";
	p->state = PSNAP__PROCESS_STATE__PROCESS_ALIVE;
	p->abi = PSNAP__ABI__ABI_AMD64;
}

static inline void
world_thread(struct world *w, Psnap__Thread *t, int32_t tid, uint64_t process)
{
	psnap__thread__init(t);
	t->tid = tid;
	t->process_id = process;
	t->abi = PSNAP__ABI__ABI_AMD64;
	t->registers = &w->regs;
	t->fpu = &w->fpu;
	t->credentials_id = CREDS;
	t->scheduling = &w->scheduling;
	t->restart = &w->restart;
}

static inline void
world_registers(struct world *w, Psnap__X86Registers *r, int code)
{
	psnap__x86_registers__init(r);
	r->rip = 0x401000;
	r->rsp = 0x7000ff00;
	r->orig_rax = UINT32_MAX;
	w->segments[0].kind = (Psnap__SegmentKind)code;
	r->cs = &w->segments[0];
	r->ss = &w->segments[1];
	r->ds = &w->segments[2];
	r->es = &w->segments[3];
	r->fs = &w->segments[4];
	r->gs = &w->segments[5];
}

static inline void
world_machine(struct world *w)
{
	for (size_t i = 0; i < 6; i++) {
		psnap__segment__init(&w->segments[i]);
		w->segments[i].kind = PSNAP__SEGMENT_KIND__SEGMENT_USER_DATA;
	}
	world_registers(w, &w->regs32, PSNAP_SEGMENT_USER_CODE64);
	world_registers(w, &w->regs, PSNAP_SEGMENT_USER_CODE64);
	w->regs.r15 = UINT64_C(0x0123456789abcdef);
	w->regs.fs_base = 0x7f0000000740;
	psnap__fpu__init(&w->fpu);
	psnap__fpu_x87__init(&w->x87);
	psnap__fpu_sse__init(&w->sse);
	for (size_t i = 0; i < sizeof w->avx; i++)
		w->avx[i] = (uint8_t)(i * 7);
	memcpy(w->xmm, w->avx + 100, sizeof w->xmm);
	w->x87.control = 0x37f;
	w->x87.registers = (ProtobufCBinaryData){ sizeof w->st, w->st };
	w->sse.mxcsr = 0x1f80;
	w->sse.registers = (ProtobufCBinaryData){ sizeof w->xmm, w->xmm };
	w->fpu.x87 = &w->x87;
	w->fpu.sse = &w->sse;
	w->fpu.avx = (ProtobufCBinaryData){ 256, w->avx };
	memcpy(w->present, w->components, sizeof w->present);
	w->fpu.n_present = 3;
	w->fpu.present = w->present;
	psnap__tls_descriptor__init(&w->tls);
	w->tls.base_address = 0xf7d00740;
	w->tls.limit = 0xfffff;
	w->tls.is_32bit = w->tls.limit_in_pages = w->tls.useable = true;
	w->tls_p[0] = w->tls_p[1] = &w->tls;
	psnap__scheduling__init(&w->scheduling);
	w->scheduling.policy = PSNAP__SCHEDULING_POLICY__SCHEDULING_OTHER;
	psnap__signal_stack__init(&w->stack);
	w->stack.disabled = true;
	psnap__restart__init(&w->restart);
	w->restart.kind = PSNAP__RESTART_KIND__RESTART_NONE;
	psnap__sig_info__init(&w->signal);
	w->signal.signal = PSNAP__SIGNAL__SIGNAL_SEGV;
	w->signal.origin = PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_FAULT;
	w->signal.detail = 1;
	w->signal.address = 0x1234;
}

static inline void
world_processes(struct world *w)
{
	psnap__session__init(&w->session);
	w->session.sid = 100;
	psnap__session__init(&w->extra_session);
	psnap__process_group__init(&w->group);
	w->group.pgid = 100;
	w->group.session_id = SESSION;
	world_process(&w->root, 100, 0);
	world_process(&w->child, 200, ROOT);
	world_process(&w->zombie, 300, CHILD);
	w->zombie.state = PSNAP__PROCESS_STATE__PROCESS_ZOMBIE;
	w->zombie.exit_code = 3;
	w->root_threads[0] = LEADER;
	w->root_threads[1] = WORKER;
	w->root.n_thread_ids = 2;
	w->root.thread_ids = w->root_threads;
	w->child_threads[0] = CHILD_THREAD;
	w->child.n_thread_ids = 1;
	w->child.thread_ids = w->child_threads;
	w->root.address_space_id = SPACE;
	w->root.descriptor_table_id = TABLE;
	w->root.signal_handlers_id = HANDLERS;
	w->root.fs_context_id = FS;
	w->child.address_space_id = CHILD_SPACE;
	w->child.descriptor_table_id = CHILD_TABLE;
	w->child.signal_handlers_id = CHILD_HANDLERS;
	w->child.fs_context_id = CHILD_FS;
	w->root_ns[0] = NET_NS;
	w->root.n_namespace_ids = 1;
	w->root.namespace_ids = w->root_ns;
	w->root_cgroups[0] = CGROUP;
	w->root.n_cgroup_ids = 1;
	w->root.cgroup_ids = w->root_cgroups;
	for (size_t i = 0; i < 2; i++) {
		psnap__limit__init(&w->limits[i]);
		w->limits[i].kind = (Psnap__LimitKind)(PSNAP_LIMIT_STACK + i);
		w->limits[i].soft = 10;
		w->limits[i].hard = 20;
		psnap__interval_timer__init(&w->itimers[i]);
		w->itimers[i].kind = (Psnap__IntervalTimerKind)(PSNAP_INTERVAL_TIMER_REAL + i);
		psnap__posix_timer__init(&w->timers[i]);
		w->timers[i].id = (int32_t)i;
		w->timers[i].clock = PSNAP__CLOCK__CLOCK_MONOTONIC_BOOT;
		w->timers[i].notify = PSNAP__TIMER_NOTIFY__TIMER_NOTIFY_NONE;
		w->limit_p[i] = &w->limits[i];
		w->itimer_p[i] = &w->itimers[i];
		w->timer_p[i] = &w->timers[i];
	}
	w->root.n_limits = w->root.n_interval_timers = w->root.n_posix_timers = 2;
	w->root.limits = w->limit_p;
	w->root.interval_timers = w->itimer_p;
	w->root.posix_timers = w->timer_p;
	world_thread(w, &w->leader, 100, ROOT);
	world_thread(w, &w->worker, 101, ROOT);
	world_thread(w, &w->child_thread, 200, CHILD);
	w->leader.signal_stack = &w->stack;
	w->leader.seccomp_mode = PSNAP__SECCOMP_MODE__SECCOMP_MODE_FILTERED;
	w->leader.seccomp_filter_id = FILTER;
	psnap__credentials__init(&w->creds);
	w->creds.ruid = 1000;
	w->groups[0] = 4;
	w->groups[1] = 1000;
	w->creds.n_groups = 2;
	w->creds.groups = w->groups;
	psnap__signal_handlers__init(&w->handlers);
	psnap__signal_handlers__init(&w->child_handlers);
	for (size_t i = 0; i < 2; i++) {
		psnap__signal_action__init(&w->actions[i]);
		w->action_p[i] = &w->actions[i];
	}
	w->actions[0].signal = PSNAP__SIGNAL__SIGNAL_HUP;
	w->actions[0].ignore = true;
	w->actions[1].signal = (Psnap__Signal)40;
	w->actions[1].handler = 0x401100;
	w->handlers.n_actions = 2;
	w->handlers.actions = w->action_p;
	psnap__fs_context__init(&w->fs);
	w->fs.cwd_file_id = w->fs.root_file_id = DIR;
	w->fs.umask = 022;
	w->child_fs = w->fs;
	psnap__seccomp_filter__init(&w->filter);
	w->filter.program = (ProtobufCBinaryData){ 16, w->program };
	w->old_filter = w->filter;
	w->filter.previous_id = OLD_FILTER;
}

static inline void
world_mapping(Psnap__Mapping *m, uint64_t space, uint64_t start, uint64_t pages, int kind)
{
	psnap__mapping__init(m);
	m->address_space_id = space;
	m->start = start;
	m->end = start + pages * WORLD_PAGE;
	m->kind = (Psnap__MappingKind)kind;
	m->readable = m->may_read = true;
}

static inline void
world_memory(struct world *w)
{
	psnap__address_space__init(&w->space);
	w->space.executable_file_id = EXE;
	w->space.code_start = 0x401000;
	w->space.code_end = 0x402000;
	w->space.arguments_start = 0x70000000;
	w->space.arguments_end = 0x7000000c;
	w->space.vdso_start = 0x71000000;
	psnap__auxiliary_entry__init(&w->aux);
	w->aux.type = 3;
	w->aux.value = 0x400040;
	w->aux_p[0] = &w->aux;
	w->space.n_auxiliary = 1;
	w->space.auxiliary = w->aux_p;
	psnap__address_space__init(&w->child_space);
	/* code: 4 pages, of which the third was written to; heap: 64, of which 0, 1 and 40 are held */
	world_mapping(&w->code, SPACE, 0x400000, 4, PSNAP_MAPPING_FILE_PRIVATE);
	w->code.executable = w->code.may_exec = true;
	w->code.file_id = EXE;
	w->code.held_pages = 1;
	world_mapping(&w->heap, SPACE, 0x70000000, 64, PSNAP_MAPPING_ANONYMOUS);
	w->heap.writable = w->heap.may_write = true;
	w->heap.held_pages = 3;
	for (size_t i = 0; i < 2; i++) {
		psnap__page_range__init(&w->guards[i]);
		w->guards[i].start = w->heap.start + (20 + 4 * i) * WORLD_PAGE;
		w->guards[i].end = w->guards[i].start + WORLD_PAGE;
		w->guard_p[i] = &w->guards[i];
	}
	w->heap.n_guards = 2;
	w->heap.guards = w->guard_p;
	world_mapping(&w->shared, SPACE, 0x70100000, 2, PSNAP_MAPPING_OBJECT_SHARED);
	w->shared.memory_object_id = OBJECT;
	w->shared.offset = WORLD_PAGE;
	world_mapping(&w->vdso, SPACE, 0x71000000, 1, PSNAP_MAPPING_VDSO);
	w->vdso.held_pages = 1;
	world_mapping(&w->vvar, SPACE, 0x71001000, 1, PSNAP_MAPPING_VVAR);
	world_mapping(&w->child_map, CHILD_SPACE, 0x70000000, 2, PSNAP_MAPPING_ANONYMOUS);
	psnap__memory_object__init(&w->object);
	w->object.kind = PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_MEMFD;
	w->object.size = 3 * WORLD_PAGE - 100;
	w->object.name = world_bytes("shared");
	w->object.held_pages = 2;
	psnap__memory_object__init(&w->content);
	w->content.kind = PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_FILE_CONTENT;
	w->runs[0].owner = SPACE;
	w->runs[0].first = 0x402;
	w->runs[0].count = 1;
	w->runs[1].owner = SPACE;
	w->runs[1].first = 0x70000;
	w->runs[1].count = 2;
	w->runs[2].owner = SPACE;
	w->runs[2].first = 0x70000 + 40;
	w->runs[2].count = 1;
	w->runs[3].owner = SPACE;
	w->runs[3].first = 0x71000;
	w->runs[3].count = 1;
	w->runs[4].owner = OBJECT;
	w->runs[4].first = 1;
	w->runs[4].count = 2;
	for (size_t i = 0; i < sizeof w->pages; i++)
		w->pages[i] = (uint8_t)(i / WORLD_PAGE * 16 + i % 13 + 1);
	memcpy(w->pages + WORLD_PAGE, "world\0--fast", 12);	/* the arguments */
}

static inline void
world_open(Psnap__OpenFile *f)
{
	psnap__open_file__init(f);
	f->access = PSNAP__ACCESS_MODE__ACCESS_READ_WRITE;
}

static inline void
world_files(struct world *w)
{
	Psnap__OpenFile *opens[] = { &w->open_file, &w->open_epoll, &w->open_inotify, &w->open_socket,
	    &w->open_peer, &w->open_pipe, &w->open_tty, &w->open_memfd, &w->open_ns };

	psnap__descriptor_table__init(&w->table);
	psnap__descriptor_table__init(&w->child_table);
	for (size_t i = 0; i < 9; i++) {
		world_open(opens[i]);
		psnap__descriptor__init(&w->descriptors[i]);
		w->descriptors[i].fd = (int32_t)i;
		w->descriptors[i].open_file_id = OPEN_FILE + i;
		w->descriptor_p[i] = &w->descriptors[i];
	}
	w->table.n_descriptors = 9;
	w->table.descriptors = w->descriptor_p;
	psnap__file_lock__init(&w->lock);
	w->lock.kind = PSNAP__FILE_LOCK_KIND__FILE_LOCK_FLOCK;
	w->lock.to_end = true;
	w->lock_p[0] = &w->lock;
	w->open_file.file_id = EXE;
	w->open_file.n_locks = 1;
	w->open_file.locks = w->lock_p;
	psnap__epoll__init(&w->epoll);
	psnap__inotify__init(&w->inotify);
	for (size_t i = 0; i < 2; i++) {
		psnap__epoll_entry__init(&w->entries[i]);
		w->entries[i].fd = (int32_t)(3 + i);
		w->entries[i].open_file_id = OPEN_SOCKET + i;
		w->entry_p[i] = &w->entries[i];
		psnap__inotify_watch__init(&w->watches[i]);
		w->watches[i].descriptor = (int32_t)(1 + i);
		w->watches[i].file_id = DIR;
		w->watch_p[i] = &w->watches[i];
	}
	w->epoll.n_entries = w->inotify.n_watches = 2;
	w->epoll.entries = w->entry_p;
	w->inotify.watches = w->watch_p;
	w->open_epoll.epoll = &w->epoll;
	w->open_inotify.inotify = &w->inotify;
	w->open_socket.socket_id = SOCKET;
	w->open_peer.socket_id = PEER;
	w->open_pipe.pipe_id = PIPE;
	w->open_tty.terminal_id = TTY;
	w->open_memfd.memory_object_id = OBJECT;
	psnap__namespace_file__init(&w->ns_file);
	w->ns_file.namespace_id = NET_NS;
	w->open_ns.namespace_file = &w->ns_file;
	psnap__file__init(&w->exe);
	w->exe.type = PSNAP__FILE_TYPE__FILE_REGULAR;
	w->exe.path = world_bytes("/bin/world");
	w->exe.deleted = true;
	w->exe.content_object_id = CONTENT;
	w->exe.mode = 0755;
	psnap__file__init(&w->dir);
	w->dir.type = PSNAP__FILE_TYPE__FILE_DIRECTORY;
	w->dir.path = world_bytes("/");
	psnap__pipe__init(&w->pipe);
	w->pipe.capacity = 65536;
	memcpy(w->data, "0123456789abcdef", 16);
	w->pipe.data = (ProtobufCBinaryData){ 16, w->data };
	w->pipe.packet_mode = true;
	w->packets[0] = 10;
	w->packets[1] = 6;
	w->pipe.n_packets = 2;
	w->pipe.packets = w->packets;
	psnap__terminal__init(&w->tty);
	psnap__terminal_modes__init(&w->modes);
	psnap__control_character__init(&w->character);
	w->tty.kind = PSNAP__TERMINAL_KIND__TERMINAL_PTY;
	w->tty.modes = &w->modes;
	w->flags[0] = "brkint";
	w->flags[1] = "icrnl";
	w->modes.n_input = 2;
	w->modes.input = w->flags;
	w->modes.character_size = 8;
	w->character.name = "intr";
	w->character.value = 3;
	w->character_p[0] = &w->character;
	w->modes.n_characters = 1;
	w->modes.characters = w->character_p;
	psnap__socket__init(&w->socket);
	w->socket.family = PSNAP__SOCKET_FAMILY__SOCKET_UNIX;
	w->socket.type = PSNAP__SOCKET_TYPE__SOCKET_STREAM;
	w->socket.state = PSNAP__SOCKET_STATE__SOCKET_CONNECTED;
	w->socket.namespace_id = NET_NS;
	w->peer = w->inet = w->socket;
	w->socket.peer_id = PEER;
	psnap__socket_message__init(&w->message);
	w->message.data = (ProtobufCBinaryData){ 4, w->data };
	w->under_way[0] = OPEN_PIPE;
	w->under_way[1] = OPEN_SOCKET;
	w->message.n_open_file_ids = 2;
	w->message.open_file_ids = w->under_way;
	w->message_p[0] = &w->message;
	w->socket.n_queue = 1;
	w->socket.queue = w->message_p;
	w->socket.unread_bytes = 4;
	w->peer.peer_id = SOCKET;
	w->inet.family = PSNAP__SOCKET_FAMILY__SOCKET_IPV4;
	w->inet.protocol = 6;
	w->inet.tcp_state = PSNAP__TCP_STATE__TCP_STATE_ESTABLISHED;
	psnap__socket_address__init(&w->local);
	w->local.ip = (ProtobufCBinaryData){ 4, w->data };
	w->local.port = 80;
	w->remote = w->local;
	w->inet.local = &w->local;
	w->inet.remote = &w->remote;
}

static inline void
world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	world_host(w);
	world_machine(w);
	world_processes(w);
	world_memory(w);
	world_files(w);
#define ADD(id, kind, member)	world_add(w, id, PSNAP_KIND_##kind, &w->member.base)
	ADD(PROVENANCE, PROVENANCE, provenance);
	ADD(HOST, HOST, host);
	ADD(INSTANCE, INSTANCE, instance);
	ADD(NET_NS, NAMESPACE, net_ns);
	ADD(CGROUP, CGROUP, cgroup);
	ADD(COVERAGE, COVERAGE, coverage);
	ADD(SESSION, SESSION, session);
	ADD(GROUP, PROCESS_GROUP, group);
	ADD(ROOT, PROCESS, root);
	ADD(CHILD, PROCESS, child);
	ADD(ZOMBIE, PROCESS, zombie);
	ADD(LEADER, THREAD, leader);
	ADD(WORKER, THREAD, worker);
	ADD(CHILD_THREAD, THREAD, child_thread);
	ADD(CREDS, CREDENTIALS, creds);
	ADD(HANDLERS, SIGNAL_HANDLERS, handlers);
	ADD(CHILD_HANDLERS, SIGNAL_HANDLERS, child_handlers);
	ADD(FS, FS_CONTEXT, fs);
	ADD(CHILD_FS, FS_CONTEXT, child_fs);
	ADD(FILTER, SECCOMP_FILTER, filter);
	ADD(OLD_FILTER, SECCOMP_FILTER, old_filter);
	ADD(SPACE, ADDRESS_SPACE, space);
	ADD(CHILD_SPACE, ADDRESS_SPACE, child_space);
	ADD(CODE, MAPPING, code);
	ADD(HEAP, MAPPING, heap);
	ADD(SHARED, MAPPING, shared);
	ADD(VDSO, MAPPING, vdso);
	ADD(VVAR, MAPPING, vvar);
	ADD(CHILD_MAP, MAPPING, child_map);
	ADD(OBJECT, MEMORY_OBJECT, object);
	ADD(CONTENT, MEMORY_OBJECT, content);
	ADD(TABLE, DESCRIPTOR_TABLE, table);
	ADD(CHILD_TABLE, DESCRIPTOR_TABLE, child_table);
	ADD(OPEN_FILE, OPEN_FILE, open_file);
	ADD(OPEN_EPOLL, OPEN_FILE, open_epoll);
	ADD(OPEN_INOTIFY, OPEN_FILE, open_inotify);
	ADD(OPEN_SOCKET, OPEN_FILE, open_socket);
	ADD(OPEN_PEER, OPEN_FILE, open_peer);
	ADD(OPEN_PIPE, OPEN_FILE, open_pipe);
	ADD(OPEN_TTY, OPEN_FILE, open_tty);
	ADD(OPEN_MEMFD, OPEN_FILE, open_memfd);
	ADD(OPEN_NS, OPEN_FILE, open_ns);
	ADD(EXE, FILE, exe);
	ADD(DIR, FILE, dir);
	ADD(PIPE, PIPE, pipe);
	ADD(TTY, TERMINAL, tty);
	ADD(SOCKET, SOCKET, socket);
	ADD(PEER, SOCKET, peer);
	ADD(INET, SOCKET, inet);
}

/* What a System V segment has; its memory is not held. */
static inline void
world_segment(Psnap__SysvSegment *g, Psnap__SysvIdentity *i, Psnap__MemoryObject *m, uint64_t memory)
{
	psnap__sysv_segment__init(g);
	psnap__sysv_identity__init(i);
	psnap__memory_object__init(m);
	m->kind = PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_SYSV;
	m->size = 5000;
	i->namespace_id = IPC_NS;
	i->id = m->sysv_id = (int32_t)(memory - SEGMENT_MEMORY) * 32768;
	i->key = memory == SEGMENT_MEMORY ? 0x5a000001 : 0;
	i->mode = 0640;
	g->identity = i;
	g->memory_object_id = memory;
}

/* Three semaphores; the child owes to the first and the last. */
static inline void
world_semaphores(struct world *w)
{
	psnap__sysv_semaphores__init(&w->semaphores);
	w->set_identity = w->identity;
	w->semaphores.identity = &w->set_identity;
	w->values[0] = 32767;
	w->values[2] = 4;
	w->last_pids[0] = 200;
	w->semaphores.n_values = w->semaphores.n_last_pids = 3;
	w->semaphores.values = w->values;
	w->semaphores.last_pids = w->last_pids;
	for (size_t i = 0; i < 2; i++) {
		psnap__semaphore_adjustment__init(&w->adjustments[i]);
		w->adjustments[i].process_id = CHILD;
		w->adjustments[i].semaphore = (uint32_t)(2 * i);
		w->adjustments[i].value = i == 0 ? -32768 : 1;
		w->adjustment_p[i] = &w->adjustments[i];
	}
	w->semaphores.n_adjustments = 2;
	w->semaphores.adjustments = w->adjustment_p;
	psnap__sysv_semaphores__init(&w->other_semaphores);
	w->other_set_identity = w->other_identity;
	w->other_semaphores.identity = &w->other_set_identity;
	w->other_semaphores.n_values = w->other_semaphores.n_last_pids = 1;
	w->other_semaphores.values = w->values;
	w->other_semaphores.last_pids = w->last_pids;
}

/* Two messages, the second without data. */
static inline void
world_queues(struct world *w)
{
	psnap__sysv_queue__init(&w->queue);
	w->other_queue = w->queue;
	w->queue_identity = w->identity;
	w->queue.identity = &w->queue_identity;
	w->queue.capacity = 16384;
	for (size_t i = 0; i < 2; i++) {
		psnap__sysv_message__init(&w->messages[i]);
		w->messages[i].type = 5 - (int64_t)i;
		w->sysv_message_p[i] = &w->messages[i];
	}
	w->messages[0].data = world_bytes("hello");
	w->queue.n_messages = 2;
	w->queue.messages = w->sysv_message_p;
	w->other_queue_identity = w->other_identity;
	w->other_queue.identity = &w->other_queue_identity;
}

/* One with three messages, and an empty one without a name, which the child has open and is to be told of. */
static inline void
world_posix_queues(struct world *w)
{
	psnap__posix_queue__init(&w->posix_queue);
	w->posix_queue.namespace_id = IPC_NS;
	w->posix_queue.name = world_bytes("queue");
	w->posix_queue.mode = 0640;
	w->posix_queue.max_messages = 3;
	w->posix_queue.message_size = 16;
	w->other_posix_queue = w->posix_queue;
	for (size_t i = 0; i < 3; i++) {
		psnap__posix_message__init(&w->posix_messages[i]);
		w->posix_messages[i].priority = i == 2 ? 0 : 32767;
		w->posix_message_p[i] = &w->posix_messages[i];
	}
	w->posix_messages[1].data = world_bytes("sixteen bytes...");
	w->posix_queue.n_messages = 3;
	w->posix_queue.messages = w->posix_message_p;
	w->other_posix_queue.unlinked = true;
	psnap__posix_notification__init(&w->notification);
	w->notification.process_id = CHILD;
	w->notification.fd = 7;
	w->notification.signal = PSNAP__SIGNAL__SIGNAL_USR1;
	w->notification.value = 42;
	w->other_posix_queue.notification = &w->notification;
	psnap__open_file__init(&w->open_queue);
	w->open_queue.access = PSNAP__ACCESS_MODE__ACCESS_READ_WRITE;
	w->open_queue.posix_queue_id = OTHER_POSIX_QUEUE;
	psnap__descriptor__init(&w->queue_fd);
	w->queue_fd.fd = 7;
	w->queue_fd.open_file_id = OPEN_QUEUE;
	w->queue_fd_p[0] = &w->queue_fd;
	w->child_table.n_descriptors = 1;
	w->child_table.descriptors = w->queue_fd_p;
}

static inline void
world_interface(Psnap__Interface *i, uint32_t index, const char *name, Psnap__InterfaceKind kind)
{
	psnap__interface__init(i);
	i->namespace_id = NET_NS;
	i->index = index;
	i->name = (char *)(uintptr_t)name;
	i->kind = kind;
	i->mtu = 1500;
	i->link_address = world_bytes("\2abcde");
	i->up = true;
}

static inline ProtobufCBinaryData
world_address(const char *bytes, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)bytes };
}

/* A bridge with one end of a pair, and what is on top of the other. */
static inline void
world_interfaces(struct world *w)
{
	world_interface(&w->loopback, 1, "lo", PSNAP__INTERFACE_KIND__INTERFACE_LOOPBACK);
	world_interface(&w->bridge, 2, "br0", PSNAP__INTERFACE_KIND__INTERFACE_BRIDGE);
	world_interface(&w->port, 3, "a", PSNAP__INTERFACE_KIND__INTERFACE_PAIR);
	world_interface(&w->peer_port, 4, "b", PSNAP__INTERFACE_KIND__INTERFACE_PAIR);
	world_interface(&w->vlan, 5, "b.7", PSNAP__INTERFACE_KIND__INTERFACE_VLAN);
	world_interface(&w->macvlan, 6, "mac", PSNAP__INTERFACE_KIND__INTERFACE_MACVLAN);
	world_interface(&w->tap, 7, "tap", PSNAP__INTERFACE_KIND__INTERFACE_TAP);
	psnap__bridge_interface__init(&w->bridge_part);
	psnap__bridge_port__init(&w->port_part);
	psnap__pair_interface__init(&w->pair);
	psnap__pair_interface__init(&w->peer_pair);
	psnap__vlan_interface__init(&w->vlan_part);
	psnap__macvlan_interface__init(&w->macvlan_part);
	psnap__tun_interface__init(&w->tap_part);
	w->bridge_part.vlan_protocol = w->vlan_part.protocol = 0x8100;
	w->bridge_part.ageing_ns = 300 * 1000000000ull;
	w->bridge.bridge = &w->bridge_part;
	w->port_part.cost = 2;
	w->port.port = &w->port_part;
	w->port.master_id = BRIDGE;
	w->port.pair = &w->pair;
	w->pair.peer_id = PEER_PORT;
	w->peer_port.pair = &w->peer_pair;
	w->peer_pair.peer_id = PORT;
	w->vlan.vlan = &w->vlan_part;
	w->vlan_part.id = 7;
	w->vlan.lower_id = PEER_PORT;
	w->macvlan.macvlan = &w->macvlan_part;
	w->macvlan_part.mode = PSNAP__MACVLAN_MODE__MACVLAN_BRIDGE;
	w->macvlan.lower_id = VLAN;
	w->tap.tun = &w->tap_part;
	w->tap_part.has_owner = true;
	w->tap_part.owner = 1000;
}

/* Ports, forwarding and link-local addresses. */
static inline void
world_stack(struct world *w)
{
	static const Psnap__NetworkSettingKind kinds[] = { PSNAP__NETWORK_SETTING_KIND__NET_LOCAL_PORTS,
	    PSNAP__NETWORK_SETTING_KIND__NET_FORWARDING, PSNAP__NETWORK_SETTING_KIND__NET_IPV6_LINK_LOCAL };

	psnap__network_stack__init(&w->stack_net);
	w->stack_net.namespace_id = NET_NS;
	w->net_values[0] = 20000;
	w->net_values[1] = 30000;
	for (size_t i = 0; i < 3; i++) {
		psnap__network_setting__init(&w->net_settings[i]);
		w->net_settings[i].kind = kinds[i];
		w->net_settings[i].n_values = i == 0 ? 2 : 1;
		w->net_settings[i].values = &w->net_values[i == 0 ? 0 : 2];
		w->net_setting_p[i] = &w->net_settings[i];
	}
	w->stack_net.n_settings = 1;
	w->stack_net.settings = w->net_setting_p;
	w->stack_net.n_for_all = w->stack_net.n_for_new = w->bridge.n_settings = 2;
	w->stack_net.for_all = w->stack_net.for_new = w->bridge.settings = &w->net_setting_p[1];
}

static inline void
world_addresses(struct world *w)
{
	psnap__interface_address__init(&w->address);
	psnap__interface_address__init(&w->address6);
	psnap__neighbour__init(&w->neighbour);
	w->address.interface_id = w->address6.interface_id = w->neighbour.interface_id = BRIDGE;
	w->address.family = w->neighbour.family = PSNAP__SOCKET_FAMILY__SOCKET_IPV4;
	w->address6.family = PSNAP__SOCKET_FAMILY__SOCKET_IPV6;
	w->address.address = world_address("\12\1\0\1", 4);
	w->address6.address = world_address("\375\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	w->address.prefix_bits = 24;
	w->address6.prefix_bits = 64;
	w->address.broadcast = world_address("\12\1\0\377", 4);
	w->address.label = (char *)(uintptr_t)"br0:x";
	w->address.scope = w->address6.scope = PSNAP__NETWORK_SCOPE__NETWORK_UNIVERSE;
	w->neighbour.address = world_address("\12\1\0\7", 4);
	w->neighbour.link_address = world_bytes("\2abcdf");
}

/* By two gateways, and by the interface alone; and who goes there. */
static inline void
world_routes(struct world *w)
{
	psnap__route__init(&w->route);
	psnap__route__init(&w->route6);
	psnap__route_rule__init(&w->rule);
	psnap__rule_range__init(&w->ports);
	w->route.namespace_id = w->route6.namespace_id = w->rule.namespace_id = NET_NS;
	w->route.family = w->rule.family = PSNAP__SOCKET_FAMILY__SOCKET_IPV4;
	w->route6.family = PSNAP__SOCKET_FAMILY__SOCKET_IPV6;
	w->route.type = w->route6.type = PSNAP__ROUTE_TYPE__ROUTE_UNICAST;
	w->route.origin = w->route6.origin = PSNAP__ROUTE_ORIGIN__ROUTE_STATIC;
	w->route.scope = PSNAP__NETWORK_SCOPE__NETWORK_UNIVERSE;
	w->route.destination = world_address("\12\2\0\0", 4);
	w->route.destination_bits = 15;
	w->route6.table = w->rule.table = 100;
	for (size_t i = 0; i < 2; i++) {
		psnap__next_hop__init(&w->hops[i]);
		psnap__route_metric__init(&w->metrics[i]);
		w->hops[i].interface_id = BRIDGE;
		w->hops[i].weight = 256;
		w->hops[i].gateway_family = PSNAP__SOCKET_FAMILY__SOCKET_IPV4;
		w->hops[i].gateway = world_address("\12\1\0\376", 4);
		w->hop_p[i] = &w->hops[i];
		w->metrics[i].kind = i == 0 ? PSNAP__ROUTE_METRIC_KIND__ROUTE_MTU :
		    PSNAP__ROUTE_METRIC_KIND__ROUTE_HOP_LIMIT;
		w->metrics[i].value = 64;
		w->metric_p[i] = &w->metrics[i];
	}
	w->route.n_next_hops = w->route.n_metrics = 2;
	w->route.next_hops = w->hop_p;
	w->route.metrics = w->metric_p;
	w->rule.priority = 1000;
	w->rule.action = PSNAP__RULE_ACTION__RULE_LOOKUP;
	w->rule.source = world_address("\12\1\0\0", 4);
	w->rule.source_bits = 16;
	w->rule.input_interface = (char *)(uintptr_t)"br0";
	w->ports.first = 80;
	w->ports.last = 90;
	w->rule.destination_ports = &w->ports;
}

/* A range of addresses with a timeout, and where to jump by port. */
static inline void
world_sets(struct world *w)
{
	for (size_t i = 0; i < 3; i++) {
		psnap__filter_element__init(&w->elements[i]);
		w->element_p[i] = &w->elements[i];
	}
	psnap__filter_set__init(&w->filter_set);
	psnap__filter_set__init(&w->filter_map);
	w->filter_set.table_id = w->filter_map.table_id = FILTER_TABLE;
	w->filter_set.name = (char *)(uintptr_t)"guests";
	w->filter_set.kind = PSNAP__FILTER_SET_KIND__FILTER_SET;
	w->filter_set.intervals = w->filter_set.expires = true;
	w->filter_set.key_size = 4;
	w->filter_set.timeout_ns = 3600 * 1000000000ull;
	w->filter_set.n_elements = 2;
	w->filter_set.elements = w->element_p;
	w->elements[0].key = world_address("\12\1\0\0", 4);
	w->elements[0].left_ns = 1800 * 1000000000ull;
	w->elements[0].user_data = world_address("\0\2x\0", 4);
	w->elements[1].key = world_address("\12\1\1\0", 4);
	w->elements[1].ends_interval = true;
	w->filter_map.name = (char *)(uintptr_t)"__map0";
	w->filter_map.kind = PSNAP__FILTER_SET_KIND__FILTER_VERDICT_MAP;
	w->filter_map.anonymous = w->filter_map.constant = true;
	w->filter_map.key_size = 2;
	w->filter_map.n_elements = 1;
	w->filter_map.elements = &w->element_p[2];
	w->elements[2].key = world_address("\0\120", 2);
	w->elements[2].verdict = (char *)(uintptr_t)"jump:web";
	w->elements[2].expressions = (char *)(uintptr_t)"counter packets=1 bytes=2";
}

/* What comes in by br0 is looked up, and counted. */
static inline void
world_filters(struct world *w)
{
	psnap__filter_table__init(&w->filter_table);
	psnap__filter_object__init(&w->filter_object);
	psnap__filter_chain__init(&w->filter_chain);
	psnap__filter_chain__init(&w->jump_chain);
	psnap__filter_counter__init(&w->filter_counter);
	psnap__filter_rule__init(&w->filter_rule);
	psnap__filter_rule__init(&w->jump_rule);
	world_sets(w);
	w->filter_table.namespace_id = NET_NS;
	w->filter_table.family = PSNAP__FILTER_FAMILY__FILTER_INET;
	w->filter_table.name = (char *)(uintptr_t)"filter";
	w->filter_table.n_objects = 1;
	w->filter_table.objects = w->filter_object_p;
	w->filter_object_p[0] = &w->filter_object;
	w->filter_object.name = (char *)(uintptr_t)"all";
	w->filter_object.expression = (char *)(uintptr_t)"counter packets=7 bytes=4000";
	w->filter_chain.table_id = w->jump_chain.table_id = FILTER_TABLE;
	w->filter_chain.name = (char *)(uintptr_t)"in";
	w->filter_chain.hook = PSNAP__FILTER_HOOK__FILTER_INGRESS;
	w->filter_chain.type = PSNAP__FILTER_CHAIN_TYPE__FILTER_CHAIN_FILTER;
	w->filter_chain.priority = -150;
	w->filter_chain.policy = PSNAP__FILTER_POLICY__FILTER_DROP;
	w->filter_device[0] = (char *)(uintptr_t)"br0";
	w->filter_chain.n_devices = 1;
	w->filter_chain.devices = w->filter_device;
	w->filter_chain.counter = &w->filter_counter;
	w->jump_chain.name = (char *)(uintptr_t)"web";
	w->filter_rule.chain_id = FILTER_CHAIN;
	w->filter_rule.expressions = (char *)(uintptr_t)"payload to=r0 header=transport offset=2 length=2\n"
	    "lookup set=__map0 from=r0 to=verdict";
	w->jump_rule.chain_id = JUMP_CHAIN;
	w->jump_rule.expressions = (char *)(uintptr_t)"objref type=counter name=all\nimmediate to=verdict value=accept";
}

static inline void
world_net(struct world *w)
{
	world_interfaces(w);
	world_stack(w);
	world_addresses(w);
	world_routes(w);
	world_filters(w);
	ADD(STACK, NETWORK_STACK, stack_net);
	ADD(LOOPBACK, INTERFACE, loopback);
	ADD(BRIDGE, INTERFACE, bridge);
	ADD(PORT, INTERFACE, port);
	ADD(PEER_PORT, INTERFACE, peer_port);
	ADD(VLAN, INTERFACE, vlan);
	ADD(MACVLAN, INTERFACE, macvlan);
	ADD(TAP, INTERFACE, tap);
	ADD(ADDRESS, INTERFACE_ADDRESS, address);
	ADD(ADDRESS6, INTERFACE_ADDRESS, address6);
	ADD(ROUTE, ROUTE, route);
	ADD(ROUTE6, ROUTE, route6);
	ADD(RULE, ROUTE_RULE, rule);
	ADD(NEIGHBOUR, NEIGHBOUR, neighbour);
	ADD(FILTER_TABLE, FILTER_TABLE, filter_table);
	ADD(FILTER_CHAIN, FILTER_CHAIN, filter_chain);
	ADD(JUMP_CHAIN, FILTER_CHAIN, jump_chain);
	ADD(FILTER_SET, FILTER_SET, filter_set);
	ADD(FILTER_MAP, FILTER_SET, filter_map);
	ADD(FILTER_RULE, FILTER_RULE, filter_rule);
	ADD(JUMP_RULE, FILTER_RULE, jump_rule);
}

static inline void
world_mount(Psnap__Mount *m, uint64_t parent, uint64_t file_system, const char *path)
{
	psnap__mount__init(m);
	m->namespace_id = MOUNT_NS;
	m->parent_id = parent;
	m->file_system_id = file_system;
	m->point = world_bytes(path);
	m->root = world_bytes("/");
	m->access_times = PSNAP__ACCESS_TIMES__ACCESS_TIMES_RELATIVE;
	m->propagation = PSNAP__MOUNT_PROPAGATION__MOUNT_PRIVATE;
}

static inline void
world_entry(Psnap__FileSystemEntry *e, Psnap__FileType type, Psnap__EntryName **names, size_t n)
{
	psnap__file_system_entry__init(e);
	e->file_system_id = TEMPORARY;
	e->type = type;
	e->mode = 0755;
	e->names = names;
	e->n_names = n;
}

static inline void
world_file_systems(struct world *w)
{
	psnap__namespace__init(&w->mount_ns);
	w->mount_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_MOUNT;
	psnap__file_system__init(&w->host_files);
	psnap__file_system__init(&w->temporary);
	psnap__file_system__init(&w->layers);
	w->host_files.namespace_id = w->temporary.namespace_id = w->layers.namespace_id = MOUNT_NS;
	w->host_files.kind = PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_HOST;
	w->temporary.kind = PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TEMPORARY;
	w->fs_options[0] = (char *)(uintptr_t)"size=1m";
	w->temporary.n_options = 1;
	w->temporary.options = w->fs_options;
	w->layers.kind = PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_OVERLAY;
	for (size_t i = 0; i < 2; i++) {
		psnap__overlay_folder__init(&w->lower[i]);
		w->lower_p[i] = &w->lower[i];
		w->lower[i].host_path = world_bytes("/home/lower");
	}
	psnap__overlay_folder__init(&w->upper);
	psnap__overlay_folder__init(&w->work);
	w->upper.host_path = world_bytes("/home/upper");
	w->work.host_path = world_bytes("/home/work");
	w->layers.n_lower = 2;
	w->layers.lower = w->lower_p;
	w->layers.upper = &w->upper;
	w->layers.work = &w->work;
}

/* A folder, a file with two names in it and above, and a link. */
static inline void
world_entries(struct world *w)
{
	static const struct { uint64_t folder; const char *name; } names[] = {
		{ TOP, "folder" }, { TOP, "name" }, { FOLDER, "another" }, { FOLDER, "link" } };

	for (size_t i = 0; i < 4; i++) {
		psnap__entry_name__init(&w->entry_names[i]);
		w->entry_names[i].folder_id = names[i].folder;
		w->entry_names[i].name = world_bytes(names[i].name);
	}
	w->folder_names[0] = &w->entry_names[0];
	w->named_names[0] = &w->entry_names[1];
	w->named_names[1] = &w->entry_names[2];
	w->link_names[0] = &w->entry_names[3];
	world_entry(&w->top, PSNAP__FILE_TYPE__FILE_DIRECTORY, NULL, 0);
	world_entry(&w->folder, PSNAP__FILE_TYPE__FILE_DIRECTORY, w->folder_names, 1);
	world_entry(&w->named, PSNAP__FILE_TYPE__FILE_REGULAR, w->named_names, 2);
	world_entry(&w->link, PSNAP__FILE_TYPE__FILE_SYMLINK, w->link_names, 1);
	w->named.content_object_id = CONTENT;
	w->link.target = world_bytes("../name");
	for (size_t i = 0; i < 2; i++) {
		psnap__extended_attribute__init(&w->attributes[i]);
		w->attributes[i].name = (char *)(uintptr_t)(i == 0 ? "user.a" : "user.b");
		w->attributes[i].value = world_bytes("value");
		w->attribute_p[i] = &w->attributes[i];
	}
	w->named.n_attributes = 2;
	w->named.attributes = w->attribute_p;
}

static inline void
world_mounts(struct world *w)
{
	world_file_systems(w);
	world_entries(w);
	world_mount(&w->root_mount, 0, HOST_FILES, "/");
	w->root_mount.host_path = world_bytes("/srv/root");
	world_mount(&w->temporary_mount, ROOT_MOUNT, TEMPORARY, "/tmp");
	world_mount(&w->layers_mount, TEMPORARY_MOUNT, LAYERS, "/tmp/folder");
	w->own_ns[0] = MOUNT_NS;
	w->own_ns[1] = IPC_NS;
	w->instance.namespace_ids = w->own_ns;
	w->instance.n_namespace_ids = 2;
	ADD(MOUNT_NS, NAMESPACE, mount_ns);
	ADD(HOST_FILES, FILE_SYSTEM, host_files);
	ADD(TEMPORARY, FILE_SYSTEM, temporary);
	ADD(LAYERS, FILE_SYSTEM, layers);
	ADD(ROOT_MOUNT, MOUNT, root_mount);
	ADD(TEMPORARY_MOUNT, MOUNT, temporary_mount);
	ADD(LAYERS_MOUNT, MOUNT, layers_mount);
	ADD(TOP, FILE_SYSTEM_ENTRY, top);
	ADD(FOLDER, FILE_SYSTEM_ENTRY, folder);
	ADD(NAMED, FILE_SYSTEM_ENTRY, named);
	ADD(LINK, FILE_SYSTEM_ENTRY, link);
}

/* Namespace net_ns is of users: 1 to 65535 of it are 100001 to 165535 outside, and 70000 is 0. */
static inline void
world_users(struct world *w)
{
	w->major = 2;
	w->minor = 1;
	w->net_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_USER;
	for (size_t i = 0; i < 2; i++)
		psnap__id_range__init(&w->id_ranges[i]);
	w->id_ranges[0].inside = 70000;
	w->id_ranges[0].length = 1;
	w->id_ranges[1].inside = 1;
	w->id_ranges[1].outside = 100001;
	w->id_ranges[1].length = 65535;
	for (size_t i = 0; i < 341; i++)
		w->uid_map[i] = &w->id_ranges[i % 2];
	w->gid_map[0] = &w->id_ranges[0];
	w->net_ns.uid_map = w->uid_map;
	w->net_ns.n_uid_map = 2;
	w->net_ns.gid_map = w->gid_map;
	w->net_ns.n_gid_map = 1;
	w->net_ns.setgroups_denied = true;
	w->net_ns.owner = 1000;
}

/* A cgroup of the instance's own, with limits of each kind. */
static inline void
world_limits(struct world *w)
{
	static const Psnap__Resource kinds[] = { PSNAP__RESOURCE__RESOURCE_MEMORY,
	    PSNAP__RESOURCE__RESOURCE_CPU_TIME, PSNAP__RESOURCE__RESOURCE_CPU_WEIGHT, PSNAP__RESOURCE__RESOURCE_CPUS };

	for (size_t i = 0; i < 4; i++) {
		psnap__resource_limit__init(&w->resources[i]);
		w->resources[i].resource = kinds[i];
		w->resources[i].value = i < 3 ? 50000000 : 0;
		w->resource_p[i] = &w->resources[i];
	}
	w->resources[1].period_ns = 100000000;
	for (size_t i = 0; i < 2; i++) {
		psnap__number_range__init(&w->ranges[i]);
		w->ranges[i].first = w->ranges[i].last = (uint32_t)i * 2;
		w->range_p[i] = &w->ranges[i];
	}
	w->resources[3].n_numbers = 2;
	w->resources[3].numbers = w->range_p;
	w->handed_down[0] = "memory";
	w->handed_down[1] = "pids";
	w->cgroup.path = "/boxes/box";
	w->cgroup.n_limits = 4;
	w->cgroup.limits = w->resource_p;
	w->cgroup.n_handed_down = 2;
	w->cgroup.handed_down = w->handed_down;
	w->own_cgroups[0] = CGROUP;
	w->instance.n_cgroup_ids = 1;
	w->instance.cgroup_ids = w->own_cgroups;
}

/* The kinds of version 2.1 as well. */
static inline void
world_ipc(struct world *w)
{
	w->major = 2;
	w->minor = 1;
	psnap__namespace__init(&w->ipc_ns);
	w->ipc_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_IPC;
	world_segment(&w->segment, &w->identity, &w->segment_memory, SEGMENT_MEMORY);
	world_segment(&w->other_segment, &w->other_identity, &w->other_memory, OTHER_MEMORY);
	w->other_segment.deleted = true;
	ADD(IPC_NS, NAMESPACE, ipc_ns);
	ADD(SEGMENT_MEMORY, MEMORY_OBJECT, segment_memory);
	ADD(OTHER_MEMORY, MEMORY_OBJECT, other_memory);
	ADD(SEGMENT, SYSV_SEGMENT, segment);
	ADD(OTHER_SEGMENT, SYSV_SEGMENT, other_segment);
	world_semaphores(w);
	ADD(SEMAPHORES, SYSV_SEMAPHORES, semaphores);
	ADD(OTHER_SEMAPHORES, SYSV_SEMAPHORES, other_semaphores);
	world_queues(w);
	ADD(QUEUE, SYSV_QUEUE, queue);
	ADD(OTHER_QUEUE, SYSV_QUEUE, other_queue);
	world_posix_queues(w);
	ADD(POSIX_QUEUE, POSIX_QUEUE, posix_queue);
	ADD(OTHER_POSIX_QUEUE, POSIX_QUEUE, other_posix_queue);
	ADD(OPEN_QUEUE, OPEN_FILE, open_queue);
	psnap__tcp_connection__init(&w->connection);
	w->connection.socket_id = INET;
	w->connection.max_segment = 1460;
	w->connection.send_queue = world_bytes("GET / HTTP/1.1");
	ADD(CONNECTION, TCP_CONNECTION, connection);
	psnap__tcp_queue_part__init(&w->queue_part);
	w->queue_part.connection_id = CONNECTION;
	w->queue_part.queue = PSNAP__TCP_QUEUE__TCP_QUEUE_SEND;
	w->queue_part.offset = w->connection.send_queue.len;
	w->queue_part.data = world_bytes("Host: example.org");
	ADD(QUEUE_PART, TCP_QUEUE_PART, queue_part);
	world_net(w);
	world_mounts(w);
	world_limits(w);
#undef ADD
}

static inline void
world_drop(struct world *w, uint64_t id)
{
	for (size_t i = 0; i < w->nrecords; i++)
		if (w->records[i].id == id)
			w->records[i].dropped = true;
}

/* Write a record as one of this revision. */
static inline void
world_revise(struct world *w, uint64_t id, uint8_t revision)
{
	for (size_t i = 0; i < w->nrecords; i++)
		if (w->records[i].id == id)
			w->records[i].revision = revision;
}

/* The leader as revision 1 has it, with these signals blocked. */
static inline void
world_blocked(struct world *w, const char *bits, size_t n)
{
	world_revise(w, LEADER, 1);
	psnap__signal_set__init(&w->set);
	w->set.bits = (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)bits };
	w->leader.blocked = &w->set;
}

/* Make the root process an i386 one. */
static inline void
world_i386(struct world *w)
{
	w->root.abi = PSNAP__ABI__ABI_I386;
	w->segments[0].kind = PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE32;
	w->segments[5].kind = PSNAP__SEGMENT_KIND__SEGMENT_TLS;
	w->leader.abi = w->worker.abi = PSNAP__ABI__ABI_I386;
	w->leader.registers = w->worker.registers = &w->regs32;
	w->leader.n_tls = w->worker.n_tls = 1;
	w->leader.tls = w->worker.tls = w->tls_p;
}

/* All of them. */
static inline void
world_all_i386(struct world *w)
{
	world_i386(w);
	w->child.abi = w->child_thread.abi = PSNAP__ABI__ABI_I386;
	w->child_thread.registers = &w->regs32;
}

/* The words of a struct sigcontext of i386 Linux that matter here. */
enum { CONTEXT_GS, CONTEXT_FS, CONTEXT_ES, CONTEXT_DS, CONTEXT_ESP = 7, CONTEXT_TRAPNO = 12, CONTEXT_ERR,
	CONTEXT_EIP, CONTEXT_CS, CONTEXT_EFLAGS, CONTEXT_ESP_AT_SIGNAL, CONTEXT_SS, CONTEXT_FPSTATE,
	CONTEXT_WORDS = 22 };

/* One that an i386 or amd64 kernel saved of a thread of the root process. */
static inline void
world_context(uint8_t *p, int kernel_abi)
{
	bool native = kernel_abi == PSNAP_ABI_I386;
	uint32_t data = native ? 0x7b : 0x2b;
	const uint32_t words[CONTEXT_WORDS] = { native ? 0x33 : 0x63, 0, data, data, 1, 2, 3, 0x70000100, 5, 6, 7, 8,
		14, 4, 0x401000, native ? 0x73 : 0x23, 0x10246, 0x70000100, data, 0x70000200, 0, 0x1234 };

	for (size_t i = 0; i < CONTEXT_WORDS; i++)
		psnap_put32(p + 4 * i, words[i]);
}

/* Everything but the end; the pages are w->pages in turn. */
static inline int
world_put_record(const struct world *w, size_t i, struct snap_writer *sw, struct snap_error *err)
{
	const ProtobufCMessage *m = w->records[i].message;
	uint8_t record[4096] = { 0 };
	size_t n = protobuf_c_message_get_packed_size(m);

	if (n > sizeof record - PSNAP_REC_LEN)
		return SNAP_E_LIMIT;
	psnap_put16(record + PSNAP_REC_OFF_KIND, (uint16_t)w->records[i].kind);
	record[PSNAP_REC_OFF_REVISION] = w->records[i].revision;
	record[PSNAP_REC_OFF_CRITICAL] = w->records[i].critical;
	psnap_put32(record + PSNAP_REC_OFF_LEN, (uint32_t)n);
	psnap_put64(record + PSNAP_REC_OFF_ID, w->records[i].id);
	protobuf_c_message_pack(m, record + PSNAP_REC_LEN);
	return snap_writer_records(sw, record, PSNAP_REC_LEN + n, err);
}

static inline int
world_put(const struct world *w, struct snap_writer *sw, struct snap_error *err)
{
	const uint8_t *p = w->pages;
	int r = 0;

	for (size_t i = 0; i < w->nrecords && r == 0; i++)
		if (!w->records[i].dropped)
			r = world_put_record(w, i, sw, err);
	for (size_t i = 0; i < sizeof w->runs / sizeof w->runs[0] && r == 0; i++) {
		if (w->runs[i].count > 0)
			r = snap_writer_pages(sw, w->runs[i].owner, w->runs[i].first, p,
			    (size_t)w->runs[i].count, err);
		p += w->runs[i].count * WORLD_PAGE;
	}
	return r;
}

static inline int
world_write(const struct world *w, int fd, struct snap_error *err)
{
	const struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1, .major = w->major,
		.minor = w->minor };
	struct snap_writer *sw;
	int r;

	if ((r = snap_writer_open_fd(&sw, fd, &options, err)) != 0)
		return r;
	if ((r = world_put(w, sw, err)) == 0)
		r = snap_writer_finish(sw, NULL, err);
	snap_writer_free(sw);
	return r;
}

#endif
