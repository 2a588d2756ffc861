/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each rule of spec/rules-objects.md fires on a snapshot that breaks just it,
 * and blames the right object; a snapshot that breaks none has no finding.
 */
#include <atf-c.h>
#include <stdlib.h>

#include "tests/libsnap/world.h"

#define NOBODY	0

/* A connection of the world's TCP socket; changed, it is what a case gets to see. */
static Psnap__TcpConnection connection;
static Psnap__TcpQueuePart parts[3];
static Psnap__TcpWindow window;
static Psnap__TcpWindowScale scale;

static void
add_connection(struct world *w)
{
	psnap__tcp_connection__init(&connection);
	psnap__tcp_window__init(&window);
	psnap__tcp_window_scale__init(&scale);
	connection.socket_id = INET;
	connection.send_sequence = UINT32_MAX;
	connection.receive_sequence = UINT32_MAX - 1;
	connection.send_queue = world_bytes("to be sent");
	connection.receive_queue = world_bytes("received");
	connection.not_sent = 10;
	connection.max_segment = 1460;
	connection.window = &window;
	connection.window_scale = &scale;
	connection.timestamps = true;
	connection.timestamp = 77;
	scale.send = scale.receive = 14;
	window.send_window = window.max_send_window = 65535u << 14;
	window.receive_window = 65535;
	/* a FIN was received, too */
	window.receive_update = 7;
	window.send_update = 7 + 65535;
	world_add(w, FREE_ID, PSNAP_KIND_TCP_CONNECTION, &connection.base);
}

/* Its queues go on: the first in two parts, the other in one between these. */
static void
add_parts(struct world *w)
{
	static const Psnap__TcpQueue queues[] = { PSNAP__TCP_QUEUE__TCP_QUEUE_SEND,
	    PSNAP__TCP_QUEUE__TCP_QUEUE_RECEIVE, PSNAP__TCP_QUEUE__TCP_QUEUE_SEND };
	static const uint64_t offsets[] = { 10, 8, 14 };

	add_connection(w);
	connection.not_sent = 18;
	window.receive_update += 4;
	window.send_update += 4;
	for (size_t i = 0; i < 3; i++) {
		psnap__tcp_queue_part__init(&parts[i]);
		parts[i].connection_id = FREE_ID;
		parts[i].queue = queues[i];
		parts[i].offset = offsets[i];
		parts[i].data = world_bytes("more");
		world_add(w, FREE_ID + 1 + i, PSNAP_KIND_TCP_QUEUE_PART, &parts[i].base);
	}
}

/* One that is not answered yet. */
static void
add_request(struct world *w)
{
	w->inet.tcp_state = PSNAP__TCP_STATE__TCP_STATE_SYN_SENT;
	psnap__tcp_connection__init(&connection);
	connection.socket_id = INET;
	connection.send_sequence = 1;
	world_add(w, FREE_ID, PSNAP_KIND_TCP_CONNECTION, &connection.base);
}

static Psnap__SocketOptions socket_options;
static Psnap__SocketMessage *queue[1];
static Psnap__MulticastMembership membership, *memberships[] = { &membership };
static ProtobufCBinaryData group_source;

/* An unread one, in a socket of UDP; the pair's queue is empty. */
static void
add_datagram(struct world *w)
{
	psnap__socket_options__init(&socket_options);
	socket_options.ip_multicast_address = world_bytes("\177abc");
	w->socket.n_queue = 0;
	w->message.n_open_file_ids = 0;
	w->message.source = &w->remote;
	w->message.hop_limit = w->message.traffic_class = 255;
	queue[0] = &w->message;
	w->inet.n_queue = 1;
	w->inet.queue = queue;
	w->inet.type = PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM;
	w->inet.protocol = 17;
	w->inet.tcp_state = PSNAP__TCP_STATE__TCP_STATE_NONE;
	w->inet.options = &socket_options;
	psnap__multicast_membership__init(&membership);
	membership.group = membership.interface = group_source = world_bytes("abcd");
	membership.include = true;
	membership.n_sources = 1;
	membership.sources = &group_source;
	w->inet.n_memberships = 1;
	w->inet.memberships = memberships;
	w->inet.filter = world_bytes("an instruction--");
}

static Psnap__PacketMembership link_membership, *link_memberships[] = { &link_membership };
static uint32_t netlink_groups[] = { 0 };
static const char zeros[257];
static char long_path[258];

static uint64_t waiting[] = { SOCKET, SOCKET };

static void
add_waiting(struct world *w)
{
	w->socket.peer_id = 0;
	w->socket.n_queue = 0;
	w->socket.unread_bytes = 0;
	w->peer.peer_id = 0;
	w->peer.state = PSNAP__SOCKET_STATE__SOCKET_LISTENING;
	w->peer.pending_connections = w->peer.n_pending_ids = 1;
	w->peer.pending_ids = waiting;
}

static void
add_packet(struct world *w)
{
	add_datagram(w);
	psnap__packet_membership__init(&link_membership);
	link_membership.kind = PSNAP__PACKET_MEMBERSHIP_KIND__PACKET_MEMBERSHIP_PROMISCUOUS;
	link_membership.interface = world_bytes("eth0");
	link_membership.count = 1;
	w->local.ip.len = 0;
	w->local.port = 0;
	w->local.interface = world_bytes("eth0");
	w->inet.remote = NULL;
	w->inet.n_queue = w->inet.n_memberships = 0;
	w->inet.family = PSNAP__SOCKET_FAMILY__SOCKET_PACKET;
	w->inet.n_packet_memberships = 1;
	w->inet.packet_memberships = link_memberships;
}

/* name, rule, object blamed, code, what makes it wrong */
#define CASES(X)											\
	X(enu1, "ENU-1", VVAR, CORRUPT, w->vvar.kind = 0)						\
	X(enu1_nested, "ENU-1", ROOT, CORRUPT, w->limits[1].kind = 0)					\
	X(enu1_repeated, "ENU-1", HOST, CORRUPT, w->components[0] = 0)					\
	X(enu2, "ENU-2", TTY, UNSUPPORTED, w->tty.kind = 77)						\
	X(enu2_signal, "ENU-2", CHILD, UNSUPPORTED, w->child.child_exit_signal = 67)			\
	X(gra1, "GRA-1", ROOT, CORRUPT, w->root_cgroups[0] = 0)						\
	X(gra2, "GRA-2", FS, CORRUPT, w->fs.cwd_file_id = FREE_ID)					\
	X(gra2_nested, "GRA-2", OPEN_INOTIFY, CORRUPT, w->watches[1].file_id = FREE_ID)			\
	X(gra2_coverage, "GRA-2", COVERAGE, CORRUPT, w->coverage.object_id = FREE_ID)			\
	X(gra3, "GRA-3", SPACE, CORRUPT, w->space.executable_file_id = PIPE)				\
	X(gra4_no_provenance, "GRA-4", NOBODY, CORRUPT, world_drop(w, PROVENANCE))			\
	X(gra4_no_host, "GRA-4", NOBODY, CORRUPT, world_drop(w, HOST))					\
	X(gra4_no_instance, "GRA-4", NOBODY, CORRUPT, world_drop(w, INSTANCE))				\
	X(gra4_two_hosts, "GRA-4", FREE_ID, CORRUPT,							\
	    world_add(w, FREE_ID, PSNAP_KIND_HOST, &w->host.base))					\
	X(gra4_not_first, "GRA-4", PROVENANCE, CORRUPT, world_drop(w, PROVENANCE);			\
	    world_add(w, PROVENANCE, PSNAP_KIND_PROVENANCE, &w->provenance.base))			\
	X(gra5_twice, "GRA-5", INSTANCE, CORRUPT, w->process_ids[3] = CHILD;				\
	    w->instance.n_process_ids = 4)								\
	X(gra5_missing, "GRA-5", ZOMBIE, CORRUPT, w->instance.n_process_ids = 2)			\
	X(gra6_order, "GRA-6", INSTANCE, CORRUPT, w->process_ids[1] = ZOMBIE; w->process_ids[2] = CHILD)\
	X(gra6_two_roots, "GRA-6", CHILD, CORRUPT, w->child.parent_id = 0)				\
	X(gra7, "GRA-7", OLD_FILTER, CORRUPT, w->old_filter.previous_id = OLD_FILTER)			\
	X(gra8_unlisted, "GRA-8", WORKER, CORRUPT, w->root.n_thread_ids = 1)				\
	X(gra9_space, "GRA-9", FREE_ID, CORRUPT,							\
	    world_add(w, FREE_ID, PSNAP_KIND_ADDRESS_SPACE, &w->child_space.base))			\
	X(gra9_table, "GRA-9", FREE_ID, CORRUPT,							\
	    world_add(w, FREE_ID, PSNAP_KIND_DESCRIPTOR_TABLE, &w->child_table.base))			\
	X(prv1, "PRV-1", PROVENANCE, CORRUPT, w->provenance.parent_root = world_bytes("short"))		\
	X(hst1, "HST-1", HOST, CORRUPT, w->host.page_size = 8192)					\
	X(hst2, "HST-2", HOST, CORRUPT, w->components[2] = w->components[1])				\
	X(hst3, "HST-3", HOST, CORRUPT, w->features[0] = "sse")						\
	X(hst4, "HST-4", HOST, CORRUPT, w->host.taken_abi = w->host.kernel_abi)				\
	X(ns1, "NS-1", NET_NS, CORRUPT, w->net_ns.for_children = true)					\
	X(ns2, "NS-2", ROOT, CORRUPT, w->root_ns[1] = NET_NS; w->root.n_namespace_ids = 2)		\
	X(ns3, "NS-3", NET_NS, CORRUPT, w->net_ns.hostname = "host")					\
	X(ns3_dumper, "NS-3", NET_NS, CORRUPT, (w->net_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_UTS,	\
	    w->net_ns.of_dumper = true, w->net_ns.domainname = "domain"))				\
	X(ns4, "NS-4", NET_NS, CORRUPT, (w->net_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_UTS,		\
	    w->net_ns.hostname = "sixty-five-bytes-are-one-more-than-the-name-of-any-host-may-have."))	\
	X(ns5, "NS-5", NET_NS, CORRUPT, w->net_ns.boottime_ns = 1)					\
	X(ns6, "NS-6", NET_NS, CORRUPT, world_users(w); w->net_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_NET)	\
	X(ns6_dumper, "NS-6", NET_NS, CORRUPT, world_users(w); w->net_ns.of_dumper = true)		\
	X(ns6_owner, "NS-6", NET_NS, CORRUPT, w->net_ns.owner = 1)					\
	X(ns7_empty, "NS-7", NET_NS, CORRUPT, world_users(w); w->id_ranges[1].length = 0)			\
	X(ns7_inside, "NS-7", NET_NS, CORRUPT, world_users(w); w->id_ranges[1].inside = UINT32_MAX - 65534)	\
	X(ns7_outside, "NS-7", NET_NS, CORRUPT, world_users(w); w->id_ranges[0].outside = UINT32_MAX)	\
	X(ns7_many, "NS-7", NET_NS, CORRUPT, world_users(w); w->net_ns.n_uid_map = 341)			\
	X(ns8_inside, "NS-8", NET_NS, CORRUPT, world_users(w); w->id_ranges[0].inside = 65535)		\
	X(ns8_outside, "NS-8", NET_NS, CORRUPT, world_users(w); w->id_ranges[0].outside = 165535)		\
	X(cov1, "COV-1", COVERAGE, CORRUPT, w->coverage.reason = "")					\
	X(cov2, "COV-2", COVERAGE, CORRUPT, w->coverage.fd = 4)						\
	X(cov3, "COV-3", COVERAGE, CORRUPT,								\
	    w->coverage.severity = PSNAP__COVERAGE_SEVERITY__COVERAGE_BREAKS)				\
	X(ses1, "SES-1", SESSION, CORRUPT, w->session.sid = 0)						\
	X(ses1_twice, "SES-1", FREE_ID, CORRUPT,							\
	    world_add(w, FREE_ID, PSNAP_KIND_SESSION, &w->session.base))				\
	X(pgr1, "PGR-1", GROUP, CORRUPT, w->group.pgid = -5)						\
	X(prc1, "PRC-1", ZOMBIE, CORRUPT, w->zombie.pid = 200)						\
	X(prc2_abi, "PRC-2", CHILD, CORRUPT, w->child.abi = 0)						\
	X(prc2_fs, "PRC-2", CHILD, CORRUPT, w->child.fs_context_id = 0; world_drop(w, CHILD_FS))	\
	X(prc3, "PRC-3", ROOT, CORRUPT, w->root_threads[0] = WORKER; w->root_threads[1] = LEADER)	\
	X(prc4, "PRC-4", CHILD, CORRUPT, w->child.exit_code = 1)					\
	X(prc4_both, "PRC-4", ZOMBIE, CORRUPT, w->zombie.exit_signal = PSNAP__SIGNAL__SIGNAL_KILL)	\
	X(prc5, "PRC-5", ZOMBIE, CORRUPT, w->zombie.address_space_id = CHILD_SPACE)			\
	X(prc6, "PRC-6", CHILD, CORRUPT, w->child.stop_signal = PSNAP__SIGNAL__SIGNAL_STOP)		\
	X(prc6_none, "PRC-6", CHILD, CORRUPT, w->child.state = PSNAP__PROCESS_STATE__PROCESS_STOPPED)	\
	X(prc7_twice, "PRC-7", ROOT, CORRUPT, w->limits[1].kind = w->limits[0].kind)			\
	X(prc7_above, "PRC-7", ROOT, CORRUPT, w->limits[0].soft = 21)					\
	X(prc7_value, "PRC-7", ROOT, CORRUPT, w->limits[0].hard_unlimited = true)			\
	X(prc8, "PRC-8", ROOT, CORRUPT, w->itimers[1].kind = w->itimers[0].kind)			\
	X(prc9, "PRC-9", ROOT, CORRUPT, w->timers[1].id = 0)						\
	X(prc9_armed, "PRC-9", ROOT, CORRUPT, w->timers[1].remaining_ns = 5)				\
	X(prc10, "PRC-10", CHILD, CORRUPT, w->extra_session.sid = 200;					\
	    world_add(w, FREE_ID, PSNAP_KIND_SESSION, &w->extra_session.base);				\
	    w->child.session_id = FREE_ID)								\
	X(prc11, "PRC-11", CHILD, CORRUPT, w->child.oom_score_adjust = -1001)				\
	X(thr1, "THR-1", WORKER, CORRUPT, w->worker.tid = 100)						\
	X(thr2, "THR-2", WORKER, CORRUPT, w->worker.credentials_id = 0)					\
	X(thr2_registers, "THR-2", WORKER, CORRUPT, w->worker.registers = NULL)				\
	X(thr3, "THR-3", LEADER, CORRUPT, w->leader.dead = true)					\
	X(thr3_other, "THR-3", WORKER, CORRUPT, w->worker.dead = true; w->worker.registers = NULL;	\
	    w->worker.credentials_id = 0)								\
	X(thr4, "THR-4", WORKER, CORRUPT, world_i386(w); w->worker.registers = &w->regs)		\
	X(thr5, "THR-5", CHILD_THREAD, CORRUPT, w->child_thread.registers = &w->regs32;			\
	    w->regs32.fs = NULL)									\
	X(thr6, "THR-6", CHILD_THREAD, CORRUPT, w->child_thread.fpu = &w->bad_fpu; w->bad_fpu = w->fpu;	\
	    w->bad_fpu.avx.len = 255)									\
	X(thr7, "THR-7", CHILD_THREAD, CORRUPT, w->child_thread.fpu = &w->bad_fpu; w->bad_fpu = w->fpu;	\
	    w->bad_fpu.n_present = 2)									\
	X(thr7_order, "THR-7", CHILD_THREAD, CORRUPT, w->child_thread.fpu = &w->bad_fpu;		\
	    w->bad_fpu = w->fpu; w->bad_fpu.present = w->bad_present;					\
	    w->bad_present[0] = w->present[1]; w->bad_present[1] = w->present[0];			\
	    w->bad_present[2] = w->present[2])								\
	X(thr8, "THR-8", LEADER, CORRUPT, world_i386(w); w->leader.n_tls = 2)				\
	X(thr9, "THR-9", LEADER, CORRUPT, w->bad_scheduling = w->scheduling;				\
	    w->leader.scheduling = &w->bad_scheduling; w->bad_scheduling.nice = 20)			\
	X(thr9_priority, "THR-9", LEADER, CORRUPT, w->bad_scheduling = w->scheduling;			\
	    w->leader.scheduling = &w->bad_scheduling;							\
	    w->bad_scheduling.policy = PSNAP__SCHEDULING_POLICY__SCHEDULING_FIFO)			\
	X(thr10, "THR-10", LEADER, CORRUPT, w->stack.disabled = false; w->stack.size = 2;		\
	    w->stack.address = UINT64_MAX - 1)								\
	X(thr11, "THR-11", LEADER, CORRUPT,								\
	    w->leader.seccomp_mode = PSNAP__SECCOMP_MODE__SECCOMP_MODE_OFF)				\
	X(crd1, "CRD-1", CREDS, CORRUPT, w->groups[0] = 1001)						\
	X(crd2, "CRD-2", CREDS, CORRUPT, w->creds.cap_effective = 4)					\
	X(crd2_ambient, "CRD-2", CREDS, CORRUPT, w->creds.cap_permitted = w->creds.cap_ambient = 4)	\
	X(sig1, "SIG-1", HANDLERS, CORRUPT, w->actions[1].signal = PSNAP__SIGNAL__SIGNAL_HUP)		\
	X(sig2, "SIG-2", HANDLERS, CORRUPT, w->actions[0].signal = PSNAP__SIGNAL__SIGNAL_KILL)		\
	X(sig3, "SIG-3", HANDLERS, CORRUPT, w->actions[0].handler = 1)					\
	X(fsc1, "FSC-1", FS, CORRUPT, w->fs.umask = 01022)						\
	X(sec1, "SEC-1", FILTER, CORRUPT, w->filter.program.len = 12)					\
	X(adr1, "ADR-1", SPACE, CORRUPT, w->space.code_start = 0x403000)				\
	X(adr1_high, "ADR-1", SPACE, CORRUPT, w->space.heap_end = UINT64_C(1) << 57)			\
	X(adr2, "ADR-2", SPACE, CORRUPT, w->aux.type = 0)						\
	X(adr3, "ADR-3", SPACE, UNSUPPORTED, w->space.lock_future = 8)					\
	X(adr3_dumpable, "ADR-3", SPACE, UNSUPPORTED, w->space.dumpable = 3)				\
	X(adr4, "ADR-4", SPACE, CORRUPT, w->space.vdso_start += WORLD_PAGE)				\
	X(map1, "MAP-1", CHILD_MAP, CORRUPT, w->child_map.end -= 1)					\
	X(map2, "MAP-2", CHILD_MAP, CORRUPT, w->child_map.end = w->child_map.start)			\
	X(map3, "MAP-3", VVAR, CORRUPT, world_i386(w); w->vvar.end = UINT64_C(0x100001000))		\
	X(map4, "MAP-4", SHARED, CORRUPT, w->shared.start = w->heap.end - WORLD_PAGE;			\
	    w->shared.end = w->heap.end + WORLD_PAGE)							\
	X(map5, "MAP-5", CODE, CORRUPT, w->code.file_id = 0; w->code.offset = 0)			\
	X(map5_with, "MAP-5", HEAP, CORRUPT, w->heap.file_id = EXE)					\
	X(map6, "MAP-6", SHARED, CORRUPT, w->shared.memory_object_id = 0; w->shared.offset = 0)		\
	X(map7, "MAP-7", SHARED, CORRUPT, w->shared.offset = 100)					\
	X(map7_wrap, "MAP-7", SHARED, CORRUPT, w->shared.offset = UINT64_MAX - 4095)			\
	X(map8, "MAP-8", CHILD_MAP, CORRUPT, w->child_map.resident_pages = 3)				\
	X(map9, "MAP-9", HEAP, CORRUPT, w->heap.held_pages = 4)						\
	X(map10, "MAP-10", HEAP, CORRUPT, w->guards[1].start = w->guards[0].start)			\
	X(map10_outside, "MAP-10", HEAP, CORRUPT, w->guards[1].end = w->heap.end + WORLD_PAGE)		\
	X(map11, "MAP-11", CHILD_MAP, CORRUPT, w->child_map.huge_tlb = true)				\
	X(map11_fit, "MAP-11", CHILD_MAP, CORRUPT, w->child_map.huge_tlb = true;			\
	    w->child_map.huge_page_size = 2 << 20)							\
	X(map12, "MAP-12", HEAP, CORRUPT, w->heap.role = PSNAP__MAPPING_ROLE__MAPPING_ROLE_NAMED)	\
	X(map13, "MAP-13", VDSO, CORRUPT, w->vdso.writable = true)					\
	X(mob1, "MOB-1", OBJECT, UNSUPPORTED, w->object.seals = 0x40)					\
	X(mob2, "MOB-2", OBJECT, CORRUPT, w->object.huge_page_size = 3)					\
	X(mob3, "MOB-3", OBJECT, CORRUPT, w->object.held_pages = 1)					\
	X(mob4, "MOB-4", OBJECT, CORRUPT, w->object.mode = 010000)					\
	X(pag1, "PAG-1", NOBODY, CORRUPT, w->runs[5].owner = FREE_ID; w->runs[5].count = 1)		\
	X(pag1_kind, "PAG-1", EXE, CORRUPT, w->runs[5].owner = EXE; w->runs[5].count = 1)		\
	X(pag2_between, "PAG-2", SPACE, CORRUPT, w->runs[5].owner = SPACE; w->runs[5].first = 0x60000;	\
	    w->runs[5].count = 2)									\
	X(pag2_kind, "PAG-2", SPACE, CORRUPT, w->runs[5].owner = SPACE; w->runs[5].first = 0x70100;	\
	    w->runs[5].count = 1)									\
	X(pag2_behind, "PAG-2", SPACE, CORRUPT, w->runs[5].owner = SPACE; w->runs[5].first = 0x80000;	\
	    w->runs[5].count = 1)									\
	X(pag3, "PAG-3", OBJECT, CORRUPT, w->object.size = WORLD_PAGE)					\
	X(tab1, "TAB-1", TABLE, CORRUPT, w->descriptors[0].fd = -1)					\
	X(tab2, "TAB-2", TABLE, CORRUPT, w->descriptors[1].fd = 0)					\
	X(opn1, "OPN-1", OPEN_PIPE, CORRUPT, w->open_pipe.pipe_id = 0)					\
	X(opn1_two, "OPN-1", OPEN_PIPE, CORRUPT, w->open_pipe.file_id = EXE)				\
	X(opn2, "OPN-2", OPEN_FILE, CORRUPT, w->open_file.terminal_master = true)			\
	X(opn3, "OPN-3", OPEN_PIPE, CORRUPT, w->open_pipe.access = PSNAP__ACCESS_MODE__ACCESS_PATH)	\
	X(opn4, "OPN-4", OPEN_FILE, CORRUPT, w->lock.to_end = false; w->lock.start = 1)			\
	X(sgs1_zeros, "SGS-1", LEADER, CORRUPT, world_blocked(w, "\1\0", 2))				\
	X(sgs1_long, "SGS-1", LEADER, CORRUPT, world_blocked(w, "12345678901234567", 17))		\
	X(opn7, "OPN-7", OPEN_INOTIFY, CORRUPT, world_revise(w, OPEN_INOTIFY, 1);			\
	    w->events[0] = PSNAP__INOTIFY_EVENT__INOTIFY_OPEN;						\
	    w->events[1] = PSNAP__INOTIFY_EVENT__INOTIFY_ACCESS;					\
	    w->watches[0].events = w->events; w->watches[0].n_events = 2)				\
	X(opn5, "OPN-5", OPEN_EPOLL, CORRUPT, w->entries[0].fd = 9)					\
	X(opn5_watch, "OPN-5", OPEN_INOTIFY, CORRUPT, w->watches[0].descriptor = 2)			\
	X(opn6, "OPN-6", OPEN_EPOLL, CORRUPT, w->entries[1].open_file_id = OPEN_EPOLL)			\
	X(fil1, "FIL-1", DIR, CORRUPT, w->dir.path = world_bytes("relative"))				\
	X(fil1_empty, "FIL-1", DIR, CORRUPT, w->dir.path = world_bytes(""))				\
	X(fil2, "FIL-2", DIR, CORRUPT, w->dir.content_object_id = CONTENT)				\
	X(fil3, "FIL-3", DIR, CORRUPT, w->dir.mode = 040755)						\
	X(fil4, "FIL-4", DIR, CORRUPT, w->dir.rdev = 1)							\
	X(fil5, "FIL-5", DIR, CORRUPT, w->dir.outside = true)						\
	X(pip1, "PIP-1", PIPE, CORRUPT, w->pipe.capacity = 15)						\
	X(pip2, "PIP-2", PIPE, CORRUPT, w->packets[1] = 7)						\
	X(tty1, "TTY-1", TTY, CORRUPT, w->tty.input = w->pipe.data)					\
	X(tty2, "TTY-2", TTY, CORRUPT, w->flags[1] = "brkint")						\
	X(tty3, "TTY-3", TTY, CORRUPT, w->modes.character_size = 9)					\
	X(tty4, "TTY-4", TTY, CORRUPT, w->character.value = 256)					\
	X(soc1, "SOC-1", INET, CORRUPT, w->local.ip.len = 3)						\
	X(soc1_port, "SOC-1", INET, CORRUPT, w->remote.port = 65536)					\
	X(soc2, "SOC-2", INET, CORRUPT, w->local.unix_path = world_bytes("/x"))				\
	X(soc3, "SOC-3", SOCKET, CORRUPT, w->socket.peer_outside = true)				\
	X(soc4, "SOC-4", SOCKET, CORRUPT, w->peer.peer_id = 0)						\
	X(soc5, "SOC-5", PEER, CORRUPT, w->peer.tcp_state = PSNAP__TCP_STATE__TCP_STATE_LISTEN)		\
	X(soc6, "SOC-6", PEER, CORRUPT, w->peer.pending_connections = 1)				\
	X(soc7, "SOC-7", PEER, CORRUPT, w->peer.family_number = 9)					\
	X(soc8, "SOC-8", INET, CORRUPT, w->inet.n_queue = 1; w->inet.queue = w->message_p;		\
	    w->socket.n_queue = 0)									\
	X(soc8_empty, "SOC-8", SOCKET, CORRUPT, w->message.data.len = 0)				\
	X(soc9, "SOC-9", SOCKET, CORRUPT, w->message.source_path = world_bytes("/x"))			\
	X(soc9_two, "SOC-9", SOCKET, CORRUPT, w->socket.type = w->peer.type = PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM; \
	    w->message.source_path = w->message.source_abstract = world_bytes("x"))			\
	X(soc10, "SOC-10", INET, CORRUPT, add_datagram(w); w->message.source = NULL)				\
	X(soc10_unix, "SOC-10", SOCKET, CORRUPT, w->message.hop_limit = 1)					\
	X(soc10_limit, "SOC-10", INET, CORRUPT, add_datagram(w); w->message.hop_limit = 256)			\
	X(soc10_class, "SOC-10", INET, CORRUPT, add_datagram(w); w->message.traffic_class = 256)		\
	X(soc10_port, "SOC-10", INET, CORRUPT, add_datagram(w); w->message.destination = &w->remote)		\
	X(soc10_source, "SOC-1", INET, CORRUPT, add_datagram(w); w->remote.ip.len = 16; w->inet.remote = NULL) \
	X(soc11, "SOC-11", INET, CORRUPT, add_datagram(w); socket_options.ip_multicast_address = world_bytes("abc")) \
	X(soc11_name, "SOC-11", INET, CORRUPT, add_datagram(w);						\
	    socket_options.ipv6_multicast_interface = world_bytes("an-interface-000"))				\
	X(soc12, "SOC-12", INET, CORRUPT, add_datagram(w); membership.group = world_bytes("abc"))		\
	X(soc12_interface, "SOC-12", INET, CORRUPT, add_datagram(w); membership.interface.len = 0)		\
	X(soc12_source, "SOC-12", INET, CORRUPT, add_datagram(w); group_source = world_bytes("abc"))		\
	X(soc12_none, "SOC-12", INET, CORRUPT, add_datagram(w); membership.n_sources = 0)			\
	X(soc12_unix, "SOC-12", PEER, CORRUPT, add_datagram(w); w->inet.n_memberships = 0;			\
	    w->peer.n_memberships = 1; w->peer.memberships = memberships)					\
	X(soc13, "SOC-13", PEER, CORRUPT, w->peer.filter = world_bytes("1234567"))				\
	X(soc11_icmp, "SOC-11", INET, CORRUPT, add_datagram(w); socket_options.icmp6_filter = world_bytes("abc")) \
	X(soc14, "SOC-14", INET, CORRUPT, add_packet(w); link_membership.count = 0) \
	X(soc14_address, "SOC-14", INET, CORRUPT, add_packet(w);						\
	    link_membership.address = world_bytes("a link's address, of too many bytes"))			\
	X(soc14_kind, "ENU-1", INET, CORRUPT, add_packet(w); link_membership.kind = 0)				\
	X(soc14_protocol, "SOC-14", INET, CORRUPT, add_packet(w); w->inet.protocol = 65536)			\
	X(soc14_family, "SOC-14", PEER, CORRUPT, add_packet(w); w->peer.n_packet_memberships = 1;		\
	    w->peer.packet_memberships = link_memberships)							\
	X(soc15, "SOC-15", INET, CORRUPT, add_packet(w); w->inet.n_netlink_groups = 1;				\
	    w->inet.netlink_groups = netlink_groups)								\
	X(soc15_zero, "SOC-15", INET, CORRUPT, add_packet(w); w->inet.n_packet_memberships = 0; w->inet.local = NULL; \
	    w->inet.family = PSNAP__SOCKET_FAMILY__SOCKET_NETLINK; w->inet.n_netlink_groups = 1;		\
	    w->inet.netlink_groups = netlink_groups)								\
	X(soc16, "SOC-16", INET, CORRUPT, add_packet(w); w->local.netlink_port = 1)				\
	X(soc16_interface, "SOC-16", INET, CORRUPT, w->local.interface = world_bytes("lo"))			\
	X(soc18, "SOC-18", PEER, CORRUPT, w->peer.external = true)						\
	X(soc17, "SOC-17", PEER, CORRUPT, add_waiting(w); w->peer.pending_connections = 0)			\
	X(soc17_type, "SOC-17", PEER, CORRUPT, add_waiting(w); w->socket.type = PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM)	\
	X(soc17_twice, "SOC-17", PEER, CORRUPT, add_waiting(w); w->peer.n_pending_ids = w->peer.pending_connections = 2) \
	X(tcp1_socket, "TCP-1", FREE_ID, CORRUPT, add_connection(w);					\
	    w->inet.tcp_state = PSNAP__TCP_STATE__TCP_STATE_LISTEN)					\
	X(tcp1_address, "TCP-1", FREE_ID, CORRUPT, add_connection(w); w->remote.port = 0)		\
	X(tcp1_two, "TCP-1", FREE_ID + 1, CORRUPT, add_connection(w);					\
	    world_add(w, FREE_ID + 1, PSNAP_KIND_TCP_CONNECTION, &connection.base))			\
	X(tcp2, "TCP-2", FREE_ID, CORRUPT, add_connection(w); connection.not_sent = 11)			\
	X(tcp2_acknowledged, "TCP-2", FREE_ID, CORRUPT, add_connection(w);				\
	    w->inet.tcp_state = PSNAP__TCP_STATE__TCP_STATE_FIN_WAIT_2)					\
	X(tcp3, "TCP-3", FREE_ID, CORRUPT, add_connection(w); connection.max_segment = 0)		\
	X(tcp3_scale, "TCP-3", FREE_ID, CORRUPT, add_connection(w); scale.receive = 15)			\
	X(tcp3_timestamp, "TCP-3", FREE_ID, CORRUPT, add_connection(w); connection.timestamps = false)	\
	X(tcp4, "TCP-4", FREE_ID, CORRUPT, add_connection(w); window.max_send_window--)			\
	X(tcp4_large, "TCP-4", FREE_ID, CORRUPT, add_connection(w); window.max_send_window++)		\
	X(tcp5, "TCP-5", FREE_ID, CORRUPT, add_connection(w); window.receive_update++)			\
	X(tcp5_send, "TCP-5", FREE_ID, CORRUPT, add_connection(w); window.send_update++)		\
	X(tcp6, "TCP-6", FREE_ID, CORRUPT, add_request(w); connection.receive_sequence = 1)		\
	X(tcp6_segment, "TCP-6", FREE_ID, CORRUPT, add_request(w); connection.max_segment = 1460)	\
	X(tcp2_parts, "TCP-2", FREE_ID, CORRUPT, add_parts(w); connection.not_sent = 19)		\
	X(tcp5_parts, "TCP-5", FREE_ID, CORRUPT, add_parts(w); window.receive_update++)			\
	X(tcp6_parts, "TCP-6", FREE_ID, CORRUPT, add_request(w); psnap__tcp_queue_part__init(&parts[0]);	\
	    parts[0].connection_id = FREE_ID; parts[0].queue = PSNAP__TCP_QUEUE__TCP_QUEUE_SEND;		\
	    parts[0].data = world_bytes("more");								\
	    world_add(w, FREE_ID + 1, PSNAP_KIND_TCP_QUEUE_PART, &parts[0].base))				\
	X(tcp7, "TCP-7", FREE_ID + 3, CORRUPT, add_parts(w); parts[2].offset--)				\
	X(tcp7_empty, "TCP-7", FREE_ID + 3, CORRUPT, add_parts(w); parts[2].data.len = 0; connection.not_sent = 14) \
	X(enu1_part, "ENU-1", FREE_ID + 2, CORRUPT, add_parts(w); parts[1].queue = 0)			\
	X(gra1_part, "GRA-1", FREE_ID + 3, CORRUPT, add_parts(w); parts[2].connection_id = 0;		\
	    connection.not_sent = 14)									\
	X(gra2_connection, "GRA-2", FREE_ID, CORRUPT, add_connection(w); connection.socket_id = FREE_ID + 1) \
	X(gra2_under_way, "GRA-2", SOCKET, CORRUPT, w->under_way[1] = FREE_ID)				\
	X(gra3_under_way, "GRA-3", SOCKET, CORRUPT, w->under_way[1] = SOCKET) \
	X(ipc1, "IPC-1", SEGMENT, CORRUPT, world_ipc(w); w->identity.id = -1)				\
	X(ipc1_none, "IPC-1", SEGMENT, CORRUPT, world_ipc(w); w->segment.identity = NULL)			\
	X(ipc1_mode, "IPC-1", SEGMENT, CORRUPT, world_ipc(w); w->identity.mode = 01000)			\
	X(ipc1_namespace, "IPC-1", SEGMENT, CORRUPT, world_ipc(w); w->identity.namespace_id = NET_NS)	\
	X(ipc1_nowhere, "GRA-1", SEGMENT, CORRUPT, world_ipc(w); w->identity.namespace_id = 0)		\
	X(ipc2, "IPC-2", OTHER_SEGMENT, CORRUPT, world_ipc(w); w->other_identity.id = w->identity.id)	\
	X(ipc3, "IPC-3", OTHER_SEGMENT, CORRUPT, world_ipc(w); w->other_segment.deleted = false;		\
	    w->other_identity.key = w->identity.key)							\
	X(shm1, "SHM-1", SEGMENT, CORRUPT, world_ipc(w); w->segment_memory.size = 0)			\
	X(shm1_kind, "SHM-1", SEGMENT, CORRUPT, world_ipc(w); w->segment.memory_object_id = OBJECT)	\
	X(shm2, "SHM-2", OTHER_SEGMENT, CORRUPT, world_ipc(w);						\
	    w->other_segment.memory_object_id = SEGMENT_MEMORY)						\
	X(shm3, "SHM-3", OTHER_SEGMENT, CORRUPT, world_ipc(w); w->other_identity.key = 7)			\
	X(ipc2_set, "IPC-2", OTHER_SEMAPHORES, CORRUPT, world_ipc(w); w->other_set_identity.id = 0)	\
	X(ipc3_set, "IPC-3", OTHER_SEMAPHORES, CORRUPT, world_ipc(w);					\
	    w->other_set_identity.key = w->set_identity.key)						\
	X(ipc1_set, "IPC-1", SEMAPHORES, CORRUPT, world_ipc(w); w->set_identity.mode = 0x10000)		\
	X(sem1, "SEM-1", OTHER_SEMAPHORES, CORRUPT, world_ipc(w); w->other_semaphores.n_values = 0;	\
	    w->other_semaphores.n_last_pids = 0)							\
	X(sem1_pids, "SEM-1", SEMAPHORES, CORRUPT, world_ipc(w); w->semaphores.n_last_pids = 2)		\
	X(sem2, "SEM-2", SEMAPHORES, CORRUPT, world_ipc(w); w->values[1] = 32768)			\
	X(sem3, "SEM-3", SEMAPHORES, CORRUPT, world_ipc(w); w->adjustments[1].semaphore = 3)		\
	X(sem3_order, "SEM-3", SEMAPHORES, CORRUPT, world_ipc(w); w->adjustments[1].semaphore = 0)	\
	X(sem3_zero, "SEM-3", SEMAPHORES, CORRUPT, world_ipc(w); w->adjustments[0].value = 0)		\
	X(sem3_low, "SEM-3", SEMAPHORES, CORRUPT, world_ipc(w); w->adjustments[0].value = -32769)		\
	X(sem3_high, "SEM-3", SEMAPHORES, CORRUPT, world_ipc(w); w->adjustments[1].value = 32768)		\
	X(sem3_zombie, "SEM-3", SEMAPHORES, CORRUPT, world_ipc(w); w->adjustments[1].process_id = ZOMBIE)	\
	X(ipc1_queue, "IPC-1", QUEUE, CORRUPT, world_ipc(w); w->queue.identity = NULL)			\
	X(ipc2_queue, "IPC-2", OTHER_QUEUE, CORRUPT, world_ipc(w); w->other_queue_identity.id = 0)	\
	X(msq1, "MSQ-1", QUEUE, CORRUPT, world_ipc(w); w->messages[1].type = 0)				\
	X(msq1_negative, "MSQ-1", QUEUE, CORRUPT, world_ipc(w); w->messages[0].type = INT64_MIN)		\
	X(pmq1, "PMQ-1", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.name = world_bytes(""))	\
	X(pmq1_slash, "PMQ-1", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.name = world_bytes("a/b")) \
	X(pmq1_parent, "PMQ-1", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.name = world_bytes("..")) \
	X(pmq1_nul, "PMQ-1", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.name = world_bytes("x");	\
	    w->posix_queue.name.len = 2)								\
	X(pmq1_mode, "PMQ-1", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.mode = 010000)		\
	X(pmq1_namespace, "PMQ-1", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.namespace_id = NET_NS) \
	X(pmq2, "PMQ-2", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.max_messages = 2)		\
	X(pmq2_none, "PMQ-2", OTHER_POSIX_QUEUE, CORRUPT, world_ipc(w); w->other_posix_queue.message_size = 0) \
	X(pmq2_long, "PMQ-2", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_queue.message_size = 15)	\
	X(pmq3, "PMQ-3", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_messages[1].priority = 0;		\
	    w->posix_messages[2].priority = 1)								\
	X(pmq3_high, "PMQ-3", POSIX_QUEUE, CORRUPT, world_ipc(w); w->posix_messages[0].priority = 32768)	\
	X(pmq4, "PMQ-4", OTHER_POSIX_QUEUE, CORRUPT, world_ipc(w); w->other_posix_queue.unlinked = false)	\
	X(pmq5, "PMQ-5", OTHER_POSIX_QUEUE, CORRUPT, world_ipc(w); w->notification.fd = 8)		\
	X(pmq5_zombie, "PMQ-5", OTHER_POSIX_QUEUE, CORRUPT, world_ipc(w); w->notification.process_id = ZOMBIE) \
	X(pmq5_other, "PMQ-5", OTHER_POSIX_QUEUE, CORRUPT, world_ipc(w); w->open_queue.posix_queue_id = POSIX_QUEUE) \
	X(pmq5_value, "PMQ-5", OTHER_POSIX_QUEUE, CORRUPT, world_ipc(w);					\
	    w->notification.signal = PSNAP__SIGNAL__SIGNAL_NONE)						\
	X(opn1_queue, "OPN-1", OPEN_QUEUE, CORRUPT, world_ipc(w); w->open_queue.file_id = EXE)		\
	X(sem3_process, "GRA-1", SEMAPHORES, CORRUPT, world_ipc(w); w->adjustments[0].process_id = 0)	\
	X(ins1, "INS-1", INSTANCE, CORRUPT, world_ipc(w); w->own_ns[1] = MOUNT_NS)			\
	X(ins1_dumper, "INS-1", INSTANCE, CORRUPT, world_ipc(w); w->ipc_ns.of_dumper = true)		\
	X(ins2, "INS-2", INSTANCE, CORRUPT, world_ipc(w); w->ids[0] = w->ids[1] = CGROUP;		\
	    w->instance.cgroup_ids = w->ids; w->instance.n_cgroup_ids = 2)				\
	X(ins2_kind, "GRA-3", INSTANCE, CORRUPT, world_ipc(w); w->own_cgroups[0] = NET_NS;		\
	    w->cgroup.n_limits = w->cgroup.n_handed_down = 0)						\
	X(cgr1, "CGR-1", CGROUP, CORRUPT, world_ipc(w); w->cgroup.path = "/")				\
	X(cgr1_out, "CGR-1", CGROUP, CORRUPT, world_ipc(w); w->cgroup.path = "/box/../../other")	\
	X(cgr1_here, "CGR-1", CGROUP, CORRUPT, world_ipc(w); w->cgroup.path = "/box/.")		\
	X(cgr1_empty, "CGR-1", CGROUP, CORRUPT, world_ipc(w); w->cgroup.path = "/box//a")		\
	X(cgr1_end, "CGR-1", CGROUP, CORRUPT, world_ipc(w); w->cgroup.path = "/box/")			\
	X(cgr1_relative, "CGR-1", CGROUP, CORRUPT, world_ipc(w); w->cgroup.path = "box")		\
	X(cgr1_name, "CGR-1", CGROUP, CORRUPT, world_ipc(w); memset(long_path, 'x', 257); long_path[0] = '/'; \
	    w->cgroup.path = long_path)									\
	X(cgr2, "CGR-2", CGROUP, CORRUPT, world_ipc(w); w->instance.n_cgroup_ids = 0)			\
	X(cgr3, "CGR-3", CGROUP, CORRUPT, world_ipc(w); w->resources[0].resource = PSNAP__RESOURCE__RESOURCE_PROCESSES; \
	    w->resources[1] = w->resources[0])								\
	X(cgr3_handed_down, "CGR-3", CGROUP, CORRUPT, world_ipc(w); w->handed_down[1] = "cpu")		\
	X(cgr4_period, "CGR-4", CGROUP, CORRUPT, world_ipc(w); w->resources[0].period_ns = 1)		\
	X(cgr4_no_period, "CGR-4", CGROUP, CORRUPT, world_ipc(w); w->resources[1].period_ns = 0)		\
	X(cgr4_no_time, "CGR-4", CGROUP, CORRUPT, world_ipc(w); w->resources[1].value = 0)		\
	X(cgr4_no_weight, "CGR-4", CGROUP, CORRUPT, world_ipc(w); w->resources[2].value = 0)		\
	X(cgr4_no_cpus, "CGR-4", CGROUP, CORRUPT, world_ipc(w); w->resources[3].n_numbers = 0)		\
	X(cgr4_cpus, "CGR-4", CGROUP, CORRUPT, world_ipc(w); w->resources[3].value = 1)			\
	X(cgr5, "CGR-5", CGROUP, CORRUPT, world_ipc(w); w->ranges[1].first = w->ranges[1].last = 1)	\
	X(cgr5_reversed, "CGR-5", CGROUP, CORRUPT, world_ipc(w); w->ranges[0].first = 1; w->ranges[0].last = 0) \
	X(cgr5_high, "CGR-5", CGROUP, CORRUPT, world_ipc(w); w->ranges[1].last = 65536)		\
	X(cgr_resource, "ENU-1", CGROUP, CORRUPT, world_ipc(w); w->resources[0].resource = 0)		\
	X(mnt1, "MNT-1", HOST_FILES, CORRUPT, world_ipc(w); w->host_files.namespace_id = IPC_NS;	\
	    world_drop(w, ROOT_MOUNT); world_drop(w, TEMPORARY_MOUNT); world_drop(w, LAYERS_MOUNT))	\
	X(mnt2, "MNT-2", FREE_ID, CORRUPT, world_ipc(w); world_add(w, FREE_ID, PSNAP_KIND_MOUNT, &w->root_mount.base)) \
	X(mnt3, "MNT-3", TEMPORARY_MOUNT, CORRUPT, world_ipc(w); w->temporary_mount.root = world_bytes("/a/../b")) \
	X(mnt3_slash, "MNT-3", TEMPORARY_MOUNT, CORRUPT, world_ipc(w); w->temporary_mount.root = world_bytes("/a/")) \
	X(mnt3_dot, "MNT-3", TEMPORARY_MOUNT, CORRUPT, world_ipc(w); w->temporary_mount.root = world_bytes("/./b")) \
	X(mnt3_path, "MNT-3", LAYERS_MOUNT, CORRUPT, world_ipc(w); w->layers_mount.point = world_bytes("/tmp/..")) \
	X(mnt3_relative, "MNT-3", TEMPORARY_MOUNT, CORRUPT, world_ipc(w); w->temporary_mount.root = world_bytes("a")) \
	X(mnt4, "MNT-4", LAYERS_MOUNT, CORRUPT, world_ipc(w); w->layers_mount.point = world_bytes("/tmpx/folder")) \
	X(mnt4_self, "MNT-4", LAYERS_MOUNT, CORRUPT, world_ipc(w); w->layers_mount.parent_id = LAYERS_MOUNT) \
	X(mnt4_root, "MNT-4", ROOT_MOUNT, CORRUPT, world_ipc(w); w->root_mount.point = world_bytes("/tmp"))	\
	X(mnt5, "MNT-5", ROOT_MOUNT, CORRUPT, world_ipc(w); w->root_mount.host_path.len = 0)		\
	X(mnt5_other, "MNT-5", LAYERS_MOUNT, CORRUPT, world_ipc(w); w->layers_mount.host_path = world_bytes("/")) \
	X(mnt5_plain, "MNT-5", ROOT_MOUNT, CORRUPT, world_ipc(w); w->root_mount.host_path = world_bytes("/srv/../etc")) \
	X(fsy1, "FSY-1", LAYERS, CORRUPT, world_ipc(w); w->layers.n_lower = 0)				\
	X(fsy1_work, "FSY-1", LAYERS, CORRUPT, world_ipc(w); w->layers.work = NULL)			\
	X(fsy1_path, "FSY-1", LAYERS, CORRUPT, world_ipc(w); w->lower[1].host_path = world_bytes("/a//b"))	\
	X(fsy1_kind, "FSY-1", HOST_FILES, CORRUPT, world_ipc(w); w->host_files.lower = w->lower_p;	\
	    w->host_files.n_lower = 1)									\
	X(fsy2, "FSY-2", TEMPORARY, CORRUPT, world_ipc(w); w->fs_options[0] = (char *)(uintptr_t)"")	\
	X(fse1, "FSE-1", FREE_ID, CORRUPT, world_ipc(w); w->extra_entry = w->top;				\
	    w->extra_entry.file_system_id = LAYERS;							\
	    world_add(w, FREE_ID, PSNAP_KIND_FILE_SYSTEM_ENTRY, &w->extra_entry.base))			\
	X(fse2, "FSE-2", FREE_ID, CORRUPT, world_ipc(w);							\
	    world_add(w, FREE_ID, PSNAP_KIND_FILE_SYSTEM_ENTRY, &w->top.base))				\
	X(fse3, "FSE-3", NAMED, CORRUPT, world_ipc(w); w->named.n_names = 0)				\
	X(fse3_up, "FSE-3", LINK, CORRUPT, world_ipc(w); w->entry_names[3].name = world_bytes(".."))	\
	X(fse3_slash, "FSE-3", LINK, CORRUPT, world_ipc(w); w->entry_names[3].name = world_bytes("a/b"))	\
	X(fse3_self, "FSE-3", FOLDER, CORRUPT, world_ipc(w); w->entry_names[0].folder_id = FOLDER)	\
	X(fse3_file, "FSE-3", LINK, CORRUPT, world_ipc(w); w->entry_names[3].folder_id = NAMED)		\
	X(fse4, "FSE-4", LINK, CORRUPT, world_ipc(w); w->entry_names[3].name = world_bytes("another"))	\
	X(fse5, "FSE-5", NAMED, CORRUPT, world_ipc(w); w->named.mode = 010000)				\
	X(fse5_device, "FSE-5", NAMED, CORRUPT, world_ipc(w); w->named.rdev = 1)				\
	X(fse5_target, "FSE-5", LINK, CORRUPT, world_ipc(w); w->link.target.len = 0)			\
	X(fse5_content, "FSE-5", LINK, CORRUPT, world_ipc(w); w->link.content_object_id = CONTENT)	\
	X(fse6, "FSE-6", NAMED, CORRUPT, world_ipc(w); w->attributes[1].name = w->attributes[0].name)	\
	X(gra1_folder, "GRA-1", LINK, CORRUPT, world_ipc(w); w->entry_names[3].folder_id = 0)		\
	X(enu1_mount, "ENU-1", TEMPORARY_MOUNT, CORRUPT, world_ipc(w); w->temporary_mount.propagation = 0)	\
	X(net1, "NET-1", STACK, CORRUPT, world_ipc(w); w->stack_net.namespace_id = IPC_NS)		\
	X(net2, "NET-2", FREE_ID, CORRUPT, world_ipc(w); world_add(w, FREE_ID, PSNAP_KIND_NETWORK_STACK, &w->stack_net.base)) \
	X(net3, "NET-3", STACK, CORRUPT, world_ipc(w); w->net_settings[0].n_values = 1)			\
	X(net3_order, "NET-3", BRIDGE, CORRUPT, world_ipc(w); w->bridge.settings = w->net_setting_p; w->bridge.n_settings = 1) \
	X(net3_twice, "NET-3", BRIDGE, CORRUPT, world_ipc(w); w->net_setting_p[2] = w->net_setting_p[1]; \
	    w->stack_net.n_for_all = w->stack_net.n_for_new = 1)					\
	X(ifc1, "IFC-1", TAP, CORRUPT, world_ipc(w); w->tap.index = 0)					\
	X(ifc1_slash, "IFC-1", TAP, CORRUPT, world_ipc(w); w->tap.name = (char *)(uintptr_t)"../etc")	\
	X(ifc1_long, "IFC-1", TAP, CORRUPT, world_ipc(w); w->tap.name = (char *)(uintptr_t)"sixteen-bytes-xx") \
	X(ifc1_all, "IFC-1", TAP, CORRUPT, world_ipc(w); w->tap.name = (char *)(uintptr_t)"all")	\
	X(ifc1_percent, "IFC-1", TAP, CORRUPT, world_ipc(w); w->tap.name = (char *)(uintptr_t)"tap%d")	\
	X(ifc2, "IFC-2", TAP, CORRUPT, world_ipc(w); w->tap.index = 2)					\
	X(ifc3, "IFC-3", TAP, CORRUPT, world_ipc(w); w->tap.name = w->bridge.name)			\
	X(ifc4, "IFC-4", TAP, CORRUPT, world_ipc(w); w->tap.mtu = UINT32_MAX)				\
	X(ifc5, "IFC-5", TAP, CORRUPT, world_ipc(w); w->tap.tun = NULL)					\
	X(ifc5_other, "IFC-5", TAP, CORRUPT, world_ipc(w); w->tap.vlan = &w->vlan_part)			\
	X(ifc5_lower, "IFC-5", VLAN, CORRUPT, world_ipc(w); w->vlan.lower_id = 0)			\
	X(ifc5_port, "IFC-5", PORT, CORRUPT, world_ipc(w); w->port.port = NULL)				\
	X(ifc6, "IFC-6", PORT, CORRUPT, world_ipc(w); w->port.master_id = TAP)				\
	X(ifc7, "IFC-7", VLAN, CORRUPT, world_ipc(w); w->vlan.lower_id = LOOPBACK)			\
	X(ifc8, "IFC-8", PORT, CORRUPT, world_ipc(w); w->pair.peer_id = TAP; w->peer_pair.peer_id = 0)	\
	X(ifc9, "IFC-9", BRIDGE, CORRUPT, world_ipc(w); w->bridge_part.ageing_ns++)			\
	X(ifc9_cost, "IFC-9", PORT, CORRUPT, world_ipc(w); w->port_part.cost = 0)			\
	X(ifc9_vlan, "IFC-9", VLAN, CORRUPT, world_ipc(w); w->vlan_part.id = 4096)			\
	X(ifc9_owner, "IFC-9", TAP, CORRUPT, world_ipc(w); w->tap_part.has_owner = false)		\
	X(ifc9_macvlan, "IFC-9", MACVLAN, CORRUPT, world_ipc(w); w->macvlan_part.not_promiscuous = true) \
	X(ifc10, "IFC-10", VLAN, CORRUPT, world_ipc(w); w->vlan.lower_id = VLAN; w->macvlan.lower_id = PEER_PORT) \
	X(enu1_interface, "ENU-1", TAP, CORRUPT, world_ipc(w); w->tap.kind = 0; w->tap.tun = NULL)	\
	X(gra1_address, "GRA-1", ADDRESS, CORRUPT, world_ipc(w); w->address.interface_id = 0)		\
	X(gra3_master, "GRA-3", PORT, CORRUPT, world_ipc(w); w->port.master_id = PIPE)			\
	X(add1, "ADD-1", ADDRESS, CORRUPT, world_ipc(w); w->address.prefix_bits = 33)			\
	X(add1_family, "ADD-1", ADDRESS6, CORRUPT, world_ipc(w); w->address6.address.len = 4; w->address6.prefix_bits = 8) \
	X(add2, "ADD-2", ADDRESS, CORRUPT, world_ipc(w); w->address.temporary_from_it = true)		\
	X(add2_six, "ADD-2", ADDRESS6, CORRUPT, world_ipc(w); w->address6.label = w->address.label)	\
	X(add3, "ADD-3", ADDRESS, CORRUPT, world_ipc(w); w->address.label = (char *)(uintptr_t)"br0:sixteen-more") \
	X(nei1, "NEI-1", NEIGHBOUR, CORRUPT, world_ipc(w); w->neighbour.address.len = 3)		\
	X(nei1_proxy, "NEI-1", NEIGHBOUR, CORRUPT, world_ipc(w); w->neighbour.proxy = true)		\
	X(rte1, "RTE-1", ROUTE, CORRUPT, world_ipc(w); w->route.destination_bits = 14)			\
	X(rte1_bits, "RTE-1", ROUTE6, CORRUPT, world_ipc(w); w->route6.destination_bits = 1)		\
	X(rte2, "RTE-2", ROUTE6, CORRUPT, world_ipc(w); w->route6.service = 4)				\
	X(rte2_scope, "RTE-2", ROUTE, CORRUPT, world_ipc(w); w->route.scope = 0)			\
	X(rte3, "RTE-3", ROUTE6, CORRUPT, world_ipc(w); w->route6.preference = 3)			\
	X(rte4, "RTE-4", ROUTE, CORRUPT, world_ipc(w); w->hops[1].weight = 0)				\
	X(rte4_gateway, "RTE-4", ROUTE, CORRUPT, world_ipc(w); w->hops[0].gateway.len = 3)		\
	X(rte5, "RTE-5", ROUTE, CORRUPT, world_ipc(w); w->metrics[1].kind = PSNAP__ROUTE_METRIC_KIND__ROUTE_MTU) \
	X(rul1, "RUL-1", RULE, CORRUPT, world_ipc(w); w->rule.source_bits = 8)				\
	X(rul2, "RUL-2", RULE, CORRUPT, world_ipc(w); w->rule.target = 2000)				\
	X(rul2_back, "RUL-2", RULE, CORRUPT, world_ipc(w); w->rule.action = PSNAP__RULE_ACTION__RULE_GOTO; w->rule.target = 1000) \
	X(rul3, "RUL-3", RULE, CORRUPT, world_ipc(w); w->ports.last = 79)				\
	X(rul4, "RUL-4", RULE, CORRUPT, world_ipc(w); w->rule.input_interface = (char *)(uintptr_t)"a b") \
	X(net1_filter, "NET-1", FILTER_TABLE, CORRUPT, world_ipc(w); w->filter_table.namespace_id = IPC_NS) \
	X(gra1_filter, "GRA-1", FILTER_RULE, CORRUPT, world_ipc(w); w->filter_rule.chain_id = 0) \
	X(gra3_filter, "GRA-3", FILTER_SET, CORRUPT, world_ipc(w); w->filter_set.table_id = FILTER_CHAIN) \
	X(enu1_filter, "ENU-1", FILTER_TABLE, CORRUPT, world_ipc(w); w->filter_table.family = 0) \
	X(flt1, "FLT-1", FILTER_TABLE, CORRUPT, world_ipc(w); w->filter_object.name = (char *)(uintptr_t)"") \
	X(flt1_space, "FLT-1", FILTER_CHAIN, CORRUPT, world_ipc(w); w->filter_chain.name = (char *)(uintptr_t)"i n") \
	X(flt1_data, "FLT-1", FILTER_RULE, CORRUPT, world_ipc(w); w->filter_rule.user_data = world_address(zeros, 257)) \
	X(flt2, "FLT-2", FILTER_RULE, CORRUPT, world_ipc(w); w->filter_rule.expressions = (char *)(uintptr_t)"notrack\n\nnotrack") \
	X(flt2_control, "FLT-2", FILTER_RULE, CORRUPT, world_ipc(w); w->filter_rule.expressions = (char *)(uintptr_t)"log prefix=\x1b[2J") \
	X(flt2_below, "FLT-2", FILTER_RULE, CORRUPT, world_ipc(w); w->filter_rule.expressions = (char *)(uintptr_t)"+ counter") \
	X(flt2_two, "FLT-2", FILTER_TABLE, CORRUPT, world_ipc(w); w->filter_object.expression = w->filter_rule.expressions) \
	X(flt2_verdict, "FLT-2", FILTER_MAP, CORRUPT, world_ipc(w); w->elements[2].verdict = (char *)(uintptr_t)"jump:\n") \
	X(flt3, "FLT-3", JUMP_CHAIN, CORRUPT, world_ipc(w); w->jump_chain.policy = PSNAP__FILTER_POLICY__FILTER_DROP) \
	X(flt3_type, "FLT-3", FILTER_CHAIN, CORRUPT, world_ipc(w); w->filter_chain.type = 0) \
	X(flt3_devices, "FLT-3", FILTER_CHAIN, CORRUPT, world_ipc(w); w->filter_chain.hook = PSNAP__FILTER_HOOK__FILTER_INPUT) \
	X(flt4, "FLT-4", FILTER_CHAIN, CORRUPT, world_ipc(w); w->filter_device[0] = (char *)(uintptr_t)"../br0") \
	X(flt5, "FLT-5", FILTER_SET, CORRUPT, world_ipc(w); w->filter_set.key_size = 65; w->filter_set.n_elements = 0) \
	X(flt5_value, "FLT-5", FILTER_SET, CORRUPT, world_ipc(w); w->filter_set.value_type = 7) \
	X(flt5_object, "FLT-5", FILTER_SET, CORRUPT, world_ipc(w); w->filter_set.object_type = (char *)(uintptr_t)"counter") \
	X(flt5_timeout, "FLT-5", FILTER_MAP, CORRUPT, world_ipc(w); w->filter_map.timeout_ns = 1000000) \
	X(flt6, "FLT-6", FILTER_SET, CORRUPT, world_ipc(w); w->elements[0].key.len = 3) \
	X(flt6_verdict, "FLT-6", FILTER_MAP, CORRUPT, world_ipc(w); w->elements[2].verdict = (char *)(uintptr_t)"") \
	X(flt6_end, "FLT-6", FILTER_SET, CORRUPT, world_ipc(w); w->elements[1].user_data = world_address(zeros, 1)) \
	X(flt6_range, "FLT-6", FILTER_MAP, CORRUPT, world_ipc(w); w->elements[2].last_key = w->elements[2].key) \
	X(flt7, "FLT-7", FILTER_SET, CORRUPT, world_ipc(w); w->elements[0].left_ns = w->filter_set.timeout_ns + 1) \
	X(flt7_never, "FLT-7", FILTER_MAP, CORRUPT, world_ipc(w); w->elements[2].has_timeout = true) \
	X(flt8, "FLT-8", JUMP_CHAIN, CORRUPT, world_ipc(w); w->jump_chain.name = w->filter_chain.name) \
	X(flt8_set, "FLT-8", FILTER_MAP, CORRUPT, world_ipc(w); w->filter_map.name = w->filter_set.name)

#define MUTATE(name, rule, id, code, ...)	\
	static void mutate_##name(struct world *w) { __VA_ARGS__; }
CASES(MUTATE)

static const struct {
	const char *name, *rule;
	uint64_t blamed;
	enum snap_code code;
	void (*mutate)(struct world *);
} cases[] = {
#define ROW(name, rule, id, code, ...)	{ #name, rule, id, SNAP_E_##code, mutate_##name },
	CASES(ROW)
};
#define NCASES	(sizeof cases / sizeof cases[0])

struct findings {
	unsigned	count;
	unsigned	stop_after;
	struct snap_error first;
	bool		same_rule;
};

static int
take(void *ctx, const struct snap_error *finding)
{
	struct findings *f = ctx;

	if (f->count == 0) {
		f->first = *finding;
		f->same_rule = true;
	}
	if (strcmp(f->first.rule, finding->rule) != 0) {
		printf("also %s: %s\n", finding->rule, finding->msg);
		f->same_rule = false;
	}
	return ++f->count == f->stop_after;
}

static struct snap *
open_world(const struct world *w)
{
	FILE *f = fopen("world.psnap", "w+");
	struct snap_error err;
	struct snap *s;

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE_MSG(world_write(w, fileno(f), &err) == 0, "%s", err.msg);
	fclose(f);
	ATF_REQUIRE_MSG(snap_open(&s, "world.psnap", NULL, &err) == 0, "%s", err.msg);
	return s;
}

static int
validate(const struct world *w, struct findings *f, struct snap_error *err)
{
	struct snap *s = open_world(w);
	int r = snap_validate(s, take, f, err);

	if (f->count > 0 && f->first.record != SNAP_NO_RECORD) {
		const struct snap_object *o = snap_get_object(s, f->first.record);

		ATF_CHECK(o != NULL && o->offset == f->first.offset);
	}
	snap_close(s);
	return r;
}

ATF_TC_WITHOUT_HEAD(a_valid_snapshot_has_no_finding);
ATF_TC_BODY(a_valid_snapshot_has_no_finding, tc)
{
	static struct world w;
	struct findings f = { 0 };
	struct snap_error err;
	int r;

	world_init(&w);
	r = validate(&w, &f, &err);
	ATF_CHECK_MSG(r == 0 && f.count == 0, "%s: %s", f.first.rule, f.first.msg);
	world_init(&w);
	world_i386(&w);
	memset(&f, 0, sizeof f);
	r = validate(&w, &f, &err);
	ATF_CHECK_MSG(r == 0 && f.count == 0, "i386: %s: %s", f.first.rule, f.first.msg);
	world_init(&w);
	world_ipc(&w);
	memset(&f, 0, sizeof f);
	r = validate(&w, &f, &err);
	ATF_CHECK_MSG(r == 0 && f.count == 0, "ipc: %s: %s", f.first.rule, f.first.msg);
}

ATF_TC_WITHOUT_HEAD(a_valid_connection_has_no_finding);
ATF_TC_BODY(a_valid_connection_has_no_finding, tc)
{
	static struct world w;
	struct findings f = { 0 };
	struct snap_error err;
	int r;

	world_init(&w);
	add_connection(&w);
	r = validate(&w, &f, &err);
	ATF_CHECK_MSG(r == 0 && f.count == 0, "%s: %s", f.first.rule, f.first.msg);
}

ATF_TC_WITHOUT_HEAD(a_valid_request_has_no_finding);
ATF_TC_BODY(a_valid_request_has_no_finding, tc)
{
	static struct world w;
	struct findings f = { 0 };
	struct snap_error err;
	int r;

	world_init(&w);
	add_request(&w);
	r = validate(&w, &f, &err);
	ATF_CHECK_MSG(r == 0 && f.count == 0, "%s: %s", f.first.rule, f.first.msg);
}

ATF_TC_WITHOUT_HEAD(a_valid_datagram_has_no_finding);
ATF_TC_BODY(a_valid_datagram_has_no_finding, tc)
{
	static struct world w;
	struct findings f = { 0 };
	struct snap_error err;
	int r;

	world_init(&w);
	add_datagram(&w);
	r = validate(&w, &f, &err);
	ATF_CHECK_MSG(r == 0 && f.count == 0, "%s: %s", f.first.rule, f.first.msg);
}

ATF_TC_WITHOUT_HEAD(a_valid_packet_socket_has_no_finding);
ATF_TC_BODY(a_valid_packet_socket_has_no_finding, tc)
{
	static struct world w;
	struct findings f = { 0 };
	struct snap_error err;
	int r;

	world_init(&w);
	add_packet(&w);
	r = validate(&w, &f, &err);
	ATF_CHECK_MSG(r == 0 && f.count == 0, "%s: %s", f.first.rule, f.first.msg);
}

ATF_TC_WITHOUT_HEAD(each_rule_fires_on_what_breaks_just_it);
ATF_TC_BODY(each_rule_fires_on_what_breaks_just_it, tc)
{
	static struct world w;

	for (size_t i = 0; i < NCASES; i++) {
		struct findings f = { 0 };
		struct snap_error err = { .code = SNAP_OK };
		uint64_t blamed = cases[i].blamed == NOBODY ? SNAP_NO_RECORD : cases[i].blamed;
		int r;

		world_init(&w);
		cases[i].mutate(&w);
		r = validate(&w, &f, &err);
		ATF_CHECK_MSG(f.count > 0 && r == (int)cases[i].code && err.code == cases[i].code,
		    "%s: %u findings, result %d", cases[i].name, f.count, r);
		ATF_CHECK_MSG(strcmp(f.first.rule, cases[i].rule) == 0 && f.same_rule, "%s: %s: %s",
		    cases[i].name, f.first.rule, f.first.msg);
		ATF_CHECK_MSG(f.first.record == blamed, "%s: blames %llu", cases[i].name,
		    (unsigned long long)f.first.record);
		ATF_CHECK(strcmp(err.msg, f.first.msg) == 0 && err.msg[0] != '\0');
	}
}

/* Rules of the tables in the specification, by their first column. */
ATF_TC_WITHOUT_HEAD(every_rule_has_a_case);
ATF_TC_BODY(every_rule_has_a_case, tc)
{
	const char *src = getenv("SNAP_SRC");
	char path[4096], line[4096], rule[12];
	unsigned rules = 0;
	FILE *f;

	if (src == NULL)
		atf_tc_skip("SNAP_SRC is not set");
	snprintf(path, sizeof path, "%s/spec/rules-objects.md", src);
	ATF_REQUIRE((f = fopen(path, "r")) != NULL);
	while (fgets(line, sizeof line, f) != NULL) {
		bool found = false;

		if (sscanf(line, "| %11[A-Z0-9-] |", rule) != 1 || strchr(rule, '-') == NULL ||
		    rule[0] == '-' || strcmp(rule, "REC-9") == 0 || strcmp(rule, "VER-1") == 0)
			continue;
		rules++;
		for (size_t i = 0; i < NCASES && !found; i++)
			found = strcmp(cases[i].rule, rule) == 0;
		ATF_CHECK_MSG(found, "no case for %s", rule);
	}
	fclose(f);
	ATF_CHECK_MSG(rules > 80, "%u rules", rules);
}

/* A record as no encoder of ours writes it: a string with a NUL in it. */
ATF_TC_WITHOUT_HEAD(rec9_fires_on_other_encodings);
ATF_TC_BODY(rec9_fires_on_other_encodings, tc)
{
	static const struct {
		const char *what;
		uint8_t bytes[12];
		uint32_t len;
	} encodings[] = {
		{ "NUL in a string", { 0x1a, 3, '/', 0, 'x' }, 5 },
		{ "zero written", { 0x08, 0 }, 2 },
		{ "long varint", { 0x08, 0x81, 0x00 }, 3 },
		{ "fields out of order", { 0x1a, 1, '/', 0x08, 1 }, 5 },
		{ "field given twice", { 0x08, 1, 0x08, 2 }, 4 },
	};
	static const struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1 };
	static struct world w;

	for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
		uint8_t record[PSNAP_REC_LEN + 12] = { 0 };
		struct findings f = { 0 };
		struct snap_error err;
		struct snap_writer *sw;
		struct snap *s;
		FILE *out = fopen("rec9.psnap", "w+");

		world_init(&w);
		ATF_REQUIRE_EQ(snap_writer_open_fd(&sw, fileno(out), &options, &err), 0);
		ATF_REQUIRE_EQ(world_put(&w, sw, &err), 0);
		psnap_put16(record + PSNAP_REC_OFF_KIND, PSNAP_KIND_CGROUP);
		psnap_put64(record + PSNAP_REC_OFF_ID, FREE_ID);
		psnap_put32(record + PSNAP_REC_OFF_LEN, encodings[i].len);
		memcpy(record + PSNAP_REC_LEN, encodings[i].bytes, encodings[i].len);
		ATF_REQUIRE_EQ(snap_writer_records(sw, record, PSNAP_REC_LEN + encodings[i].len, &err), 0);
		ATF_REQUIRE_EQ(snap_writer_finish(sw, NULL, &err), 0);
		snap_writer_free(sw);
		fclose(out);
		ATF_REQUIRE_EQ(snap_open(&s, "rec9.psnap", NULL, &err), 0);
		ATF_CHECK_MSG(snap_validate(s, take, &f, &err) == SNAP_E_CORRUPT && f.count == 1 &&
		    strcmp(f.first.rule, "REC-9") == 0 && f.first.record == FREE_ID, "%s: %u %s",
		    encodings[i].what, f.count, f.first.msg);
		snap_close(s);
	}
}

/* Nobody reads what another revision has, so that it must not be there. */
ATF_TC_WITHOUT_HEAD(ver1_fires_on_fields_of_another_revision);
ATF_TC_BODY(ver1_fires_on_fields_of_another_revision, tc)
{
	static struct world w;

	for (uint8_t revision = 0; revision < 2; revision++) {
		struct snap_error err;
		struct snap *s;
		FILE *out = fopen("ver1.psnap", "w+");

		world_init(&w);
		world_blocked(&w, "\1", 1);
		world_revise(&w, LEADER, revision);
		w.leader.signal_mask = revision;
		ATF_REQUIRE_EQ(world_write(&w, fileno(out), &err), 0);
		fclose(out);
		ATF_CHECK_EQ(snap_open(&s, "ver1.psnap", NULL, &err), SNAP_E_CORRUPT);
		ATF_CHECK_STREQ(err.rule, "VER-1");
		ATF_CHECK_EQ(err.record, LEADER);
	}
}

/* Circles of any length end, and each is one finding; so do chains of any length. */
ATF_TC_WITHOUT_HEAD(circles_are_found_once_and_long_chains_are_none);
ATF_TC_BODY(circles_are_found_once_and_long_chains_are_none, tc)
{
	enum { N = 20000 };
	static struct world w;
	static Psnap__SeccompFilter filters[N];
	static const struct snap_writer_options options = { .threads = 1 };

	for (int circle = 0; circle < 2; circle++) {
		struct findings f = { 0 };
		struct snap_error err;
		struct snap_writer *sw;
		struct snap *s;
		FILE *out = fopen("chain.psnap", "w+");

		world_init(&w);
		ATF_REQUIRE_EQ(snap_writer_open_fd(&sw, fileno(out), &options, &err), 0);
		ATF_REQUIRE_EQ(world_put(&w, sw, &err), 0);
		for (uint64_t i = 0; i < N; i++) {
			filters[i] = w.old_filter;
			filters[i].previous_id = i + 1 < N ? 10001 + i : circle ? 15000 : 0;
			ATF_REQUIRE_EQ(snap_writer_message(sw, PSNAP_KIND_SECCOMP_FILTER, 10000 + i,
			    PSNAP_CRITICAL_REFUSE, &filters[i].base, &err), 0);
		}
		ATF_REQUIRE_EQ(snap_writer_finish(sw, NULL, &err), 0);
		snap_writer_free(sw);
		fclose(out);
		ATF_REQUIRE_EQ(snap_open(&s, "chain.psnap", NULL, &err), 0);
		snap_validate(s, take, &f, &err);
		ATF_CHECK_MSG(f.count == (unsigned)circle, "%u findings, first %s: %s", f.count, f.first.rule,
		    f.first.msg);
		if (circle)
			ATF_CHECK_STREQ(f.first.rule, "GRA-7");
		snap_close(s);
	}
}

ATF_TC_WITHOUT_HEAD(epolls_that_wait_for_each_other_are_found);
ATF_TC_BODY(epolls_that_wait_for_each_other_are_found, tc)
{
	static struct world w;
	static Psnap__Epoll epoll;
	static Psnap__EpollEntry entry;
	static Psnap__EpollEntry *entries[1] = { &entry };
	struct findings f = { 0 };
	struct snap_error err;

	world_init(&w);
	psnap__epoll__init(&epoll);
	psnap__epoll_entry__init(&entry);
	entry.open_file_id = OPEN_EPOLL;
	epoll.n_entries = 1;
	epoll.entries = entries;
	w.open_pipe.pipe_id = 0;
	w.open_pipe.epoll = &epoll;
	ATF_CHECK_EQ(validate(&w, &f, &err), 0);	/* one waits for the other */
	w.entries[0].open_file_id = OPEN_PIPE;
	ATF_CHECK_EQ(validate(&w, &f, &err), SNAP_E_CORRUPT);
	ATF_CHECK_STREQ(f.first.rule, "OPN-6");
	ATF_CHECK_EQ(f.count, 1);
}

ATF_TC_WITHOUT_HEAD(every_violation_is_reported_until_the_caller_stops);
ATF_TC_BODY(every_violation_is_reported_until_the_caller_stops, tc)
{
	static struct world w;
	struct findings all = { 0 }, some = { .stop_after = 2 };
	struct snap_error err;

	world_init(&w);
	w.creds.cap_effective = 4;
	w.child_map.end = 0;
	w.dir.mode = 010000;
	w.runs[5].owner = FREE_ID;
	w.runs[5].count = 1;
	ATF_CHECK_EQ(validate(&w, &all, &err), SNAP_E_CORRUPT);
	ATF_CHECK_EQ(all.count, 4);
	ATF_CHECK_STREQ(all.first.rule, "CRD-2");
	ATF_CHECK_EQ(validate(&w, &some, &err), SNAP_E_CORRUPT);
	ATF_CHECK_EQ(some.count, 2);
	/* nobody listening: the first one is the answer */
	struct snap *s = open_world(&w);
	ATF_CHECK_EQ(snap_validate(s, NULL, NULL, &err), SNAP_E_CORRUPT);
	ATF_CHECK_STREQ(err.rule, "CRD-2");
	ATF_CHECK_EQ(snap_validate(s, NULL, NULL, NULL), SNAP_E_CORRUPT);
	snap_close(s);
}

/* What Coverage says is missing of an object is no violation. */
ATF_TC_WITHOUT_HEAD(coverage_explains_a_mapping_without_its_file);
ATF_TC_BODY(coverage_explains_a_mapping_without_its_file, tc)
{
	static struct world w;
	struct findings f = { 0 };
	struct snap_error err;

	world_init(&w);
	w.code.file_id = 0;
	w.coverage.object_id = CODE;
	ATF_CHECK_EQ(validate(&w, &f, &err), 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, a_valid_snapshot_has_no_finding);
	ATF_TP_ADD_TC(tp, a_valid_connection_has_no_finding);
	ATF_TP_ADD_TC(tp, a_valid_request_has_no_finding);
	ATF_TP_ADD_TC(tp, a_valid_datagram_has_no_finding);
	ATF_TP_ADD_TC(tp, a_valid_packet_socket_has_no_finding);
	ATF_TP_ADD_TC(tp, each_rule_fires_on_what_breaks_just_it);
	ATF_TP_ADD_TC(tp, every_rule_has_a_case);
	ATF_TP_ADD_TC(tp, rec9_fires_on_other_encodings);
	ATF_TP_ADD_TC(tp, ver1_fires_on_fields_of_another_revision);
	ATF_TP_ADD_TC(tp, circles_are_found_once_and_long_chains_are_none);
	ATF_TP_ADD_TC(tp, epolls_that_wait_for_each_other_are_found);
	ATF_TP_ADD_TC(tp, every_violation_is_reported_until_the_caller_stops);
	ATF_TP_ADD_TC(tp, coverage_explains_a_mapping_without_its_file);
	return atf_no_error();
}
