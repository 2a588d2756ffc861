/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of the kernel's structures, the fields that the programs read.  Where each
 * is in the running kernel is found out when the programs are loaded (CO-RE,
 * by its BTF), so that these build without one.
 *
 * A name with three underscores is another shape that the structure before
 * them has in some kernels: which one is there is asked by
 * bpf_core_field_exists().
 */
#ifndef KERNEL_GLUE_LINUX_BPF_KERNEL_H
#define KERNEL_GLUE_LINUX_BPF_KERNEL_H

#include <linux/bpf.h>

typedef _Bool bool;
#define NULL	((void *)0)
#define CORE	__attribute__((preserve_access_index))

typedef struct { int counter; } CORE atomic_t;
typedef struct { __u32 val; } CORE kuid_t;
typedef struct { __u32 val; } CORE kgid_t;
typedef struct { __u64 val; } CORE kernel_cap_t;
typedef struct { unsigned long sig[1]; } CORE sigset_t;

struct list_head { struct list_head *next, *prev; } CORE;
struct hlist_node { struct hlist_node *next; } CORE;
struct hlist_head { struct hlist_node *first; } CORE;
struct rb_node { unsigned long __rb_parent_color; struct rb_node *rb_right, *rb_left; } CORE;
struct rb_root { struct rb_node *rb_node; } CORE;
struct rb_root_cached { struct rb_root rb_root; struct rb_node *rb_leftmost; } CORE;
struct timerqueue_node { __s64 expires; } CORE;
struct hrtimer { struct timerqueue_node node; __u8 state; } CORE;
struct timespec64 { __s64 tv_sec; long tv_nsec; } CORE;

/* ---- namespaces and numbers ---- */

struct ns_common { unsigned int inum; } CORE;
struct pid_namespace { struct task_struct *child_reaper; unsigned int level; struct ns_common ns; } CORE;
struct uts_namespace { struct ns_common ns; } CORE;
struct xarray { void *xa_head; } CORE;
struct xa_node { unsigned char shift; void *slots[64]; } CORE;
struct idr { struct xarray idr_rt; } CORE;
struct ipc_ids { struct idr ipcs_idr; } CORE;
struct ipc_namespace { struct ns_common ns; struct ipc_ids ids[3]; } CORE;
struct mnt_namespace { struct ns_common ns; } CORE;
struct user_namespace { struct ns_common ns; } CORE;
struct cgroup_namespace { struct ns_common ns; } CORE;
struct netns_ipv4 {
	__u8	sysctl_ip_default_ttl, sysctl_tcp_keepalive_probes, sysctl_tcp_syn_retries;
	int	sysctl_tcp_keepalive_time, sysctl_tcp_keepalive_intvl, sysctl_tcp_fin_timeout;
} CORE;
struct netns_sysctl_ipv6 { __u8 auto_flowlabels; } CORE;
struct ipv6_devconf { __s32 hop_limit; } CORE;
struct netns_ipv6 { struct netns_sysctl_ipv6 sysctl; struct ipv6_devconf *devconf_all; } CORE;
struct net { struct ns_common ns; struct netns_ipv4 ipv4; struct netns_ipv6 ipv6; } CORE;
struct timens_offsets { struct timespec64 boottime; } CORE;
struct time_namespace { struct ns_common ns; struct timens_offsets offsets; } CORE;
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns, *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
} CORE;
struct upid { int nr; struct pid_namespace *ns; } CORE;
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };
struct pid { unsigned int level; struct hlist_head tasks[4]; struct upid numbers[1]; } CORE;

/* ---- files ---- */

struct dentry;
struct vfsmount;
struct path { struct vfsmount *mnt; struct dentry *dentry; } CORE;
struct file_lock_context { struct list_head flc_flock, flc_posix, flc_lease; } CORE;
struct super_block { __u32 s_dev; } CORE;
struct inode {
	__u16	i_mode;
	unsigned long i_ino;
	__u32	i_rdev;
	struct super_block *i_sb;
	struct file_lock_context *i_flctx;
} CORE;
struct fown_struct { struct pid *pid; enum pid_type pid_type; int signum; } CORE;
struct file {
	unsigned int f_mode, f_flags;
	void	*private_data;
	struct inode *f_inode;
	struct path f_path;
	__s64	f_pos;
	struct fown_struct *f_owner;
} CORE;
struct file___embedded { struct fown_struct f_owner; } CORE;	/* before 6.12 */
struct fdtable { unsigned int max_fds; unsigned long *close_on_exec; } CORE;
struct files_struct { struct fdtable *fdt; } CORE;
struct fs_struct { int umask; struct path root, pwd; } CORE;

struct eventfd_ctx { __u64 count; unsigned int flags; } CORE;
struct signalfd_ctx { sigset_t sigmask; } CORE;
struct timerfd_ctx {
	union { struct hrtimer tmr; } t;
	__s64	tintv;
	__u64	ticks;
	int	clockid;
	short unsigned int settime_flags;
} CORE;
struct epoll_filefd { struct file *file; int fd; } CORE;
struct epoll_event { __u32 events; __u64 data; } CORE;
struct epitem { struct rb_node rbn; struct epoll_filefd ffd; struct epoll_event event; } CORE;
struct eventpoll { struct rb_root_cached rbr; } CORE;

/* ---- System V semaphores ---- */

struct kern_ipc_perm { int id; } CORE;
struct sem_array { struct kern_ipc_perm sem_perm; int sem_nsems; } CORE;
struct sem_undo { struct list_head list_proc; int semid; short semadj[1]; } CORE;
struct sem_undo___pointer { short *semadj; } CORE;	/* before it was an array */
struct sem_undo_list { struct list_head list_proc; } CORE;
struct sysv_sem { struct sem_undo_list *undo_list; } CORE;

/* ---- sockets ---- */

typedef struct { atomic_t refs; } CORE refcount_t;
enum sock_flags { SOCK_URGINLINE, SOCK_KEEPOPEN, SOCK_LINGER, SOCK_BROADCAST, SOCK_RCVTSTAMP, SOCK_RCVTSTAMPNS,
    SOCK_LOCALROUTE, SOCK_TSTAMP_NEW, SOCK_RXQ_OVFL, SOCK_ZEROCOPY, SOCK_SELECT_ERR_QUEUE, SOCK_FILTER_LOCKED };	/* by name: their numbers are the kernel's */
struct sk_buff_head { __u32 qlen; } CORE;
struct in6_addr { __u8 s6_addr[16]; } CORE;
typedef struct { struct net *net; } CORE possible_net_t;
struct sock_common {
	__be32	skc_daddr, skc_rcv_saddr;
	__be16	skc_dport;
	short unsigned int skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4, skc_reuseport : 1, skc_ipv6only : 1;
	int	skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	unsigned long skc_flags;
} CORE;
struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue, sk_error_queue;
	int	sk_err;
	unsigned int sk_ll_usec;
	void	*sk_dst_cache;
	int	sk_rcvbuf, sk_sndbuf, sk_rcvlowat;
	long	sk_rcvtimeo, sk_sndtimeo;
	struct socket *sk_socket;
	refcount_t sk_wmem_alloc;
	__u32	sk_priority, sk_mark, sk_ack_backlog, sk_max_ack_backlog;
	__u16	sk_protocol, sk_type;
	__u8	sk_no_check_tx : 1, sk_shutdown;
	unsigned long sk_ino;
	struct pid *sk_peer_pid;
	const struct cred *sk_peer_cred;
	__u8	sk_scm_credentials : 1, sk_scm_security : 1;
	struct sk_filter *sk_filter;
	int	sk_peek_off;
	__u32	sk_tsflags;
} CORE;
struct socket { unsigned long flags; struct sock *sk; } CORE;
struct socket_alloc { struct socket socket; struct inode vfs_inode; } CORE;
struct sockaddr_un { short unsigned int sun_family; } CORE;
struct unix_address { int len; struct sockaddr_un name[1]; } CORE;
struct unix_sock { struct unix_address *addr; struct sock *peer; } CORE;

struct ipv6_pinfo {
	struct in6_addr saddr;
	__s16	hop_limit;
	__u8	mcast_hops, pmtudisc, tclass, min_hopcount;
	int	mcast_oif;
	struct {
		struct {
			__u16 srcrt : 1, rxinfo : 1, rxhlim : 1, hopopts : 1, dstopts : 1, rxflow : 1, rxtclass : 1,
			    rxpmtu : 1, rxorigdstaddr : 1, recvfragsize : 1;
		} bits;
	} rxopt;
	void	*ipv6_mc_list;
} CORE;
struct inet_sock {
	struct ipv6_pinfo *pinet6;
	unsigned long inet_flags;	/* from 6.6 on; those of IPv6, too, from 6.8 on */
	__be32	inet_saddr, mc_addr;
	__s16	uc_ttl;
	__be16	inet_sport;
	__u8	tos, min_ttl, mc_ttl, pmtudisc;
	void	*mc_list;
} CORE;
struct udp_sock {
	unsigned long udp_flags;	/* from 6.7 on */
	__u8	encap_type;
	__u16	gso_size, pcslen, pcrlen;
	struct sk_buff_head reader_queue;
} CORE;
struct fastopen_queue { int max_qlen; } CORE;
struct request_sock_queue { __u8 rskq_defer_accept; struct fastopen_queue fastopenq; } CORE;
struct tcp_congestion_ops { char name[16]; } CORE;
struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
	struct tcp_congestion_ops *icsk_ca_ops;
	__u8	icsk_syn_retries;
	__u32	icsk_user_timeout;
} CORE;
struct tcp_options_received { __u16 user_mss; } CORE;
struct tcp_sock {
	__u32	notsent_lowat, mss_cache, write_seq, snd_una, window_clamp;
	__u8	repair : 1, recvmsg_inq : 1, nonagle : 4, keepalive_probes;
	unsigned int keepalive_time, keepalive_intvl;
	int	linger2;
	struct tcp_options_received rx_opt;
	void	*md5sig_info, *ao_info;
} CORE;
struct netlink_sock {
	unsigned long flags;
	__u32	portid, dst_portid, dst_group, ngroups;
	unsigned long *groups;
} CORE;

/* ---- memory ---- */

typedef struct { unsigned long __mm_flags[1]; } CORE mm_flags_t;
typedef struct { void *ldt; unsigned long flags; } CORE mm_context_t;
struct mm_struct {
	unsigned long start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start,
	    arg_end, env_start, env_end;
	unsigned long saved_auxv[56];
	atomic_t membarrier_state;
	mm_context_t context;
	unsigned long flags;
	struct file *exe_file;
} CORE;
struct mm_struct___bitmap { mm_flags_t flags; } CORE;	/* from 6.18 on */
struct anon_vma { struct rb_root_cached rb_root; } CORE;
struct anon_vma_name { char name[1]; } CORE;
struct vm_special_mapping { const char *name; } CORE;
struct vm_area_struct {
	unsigned long vm_start, vm_end, vm_flags, vm_pgoff;
	struct mm_struct *vm_mm;
	struct list_head anon_vma_chain;
	struct anon_vma *anon_vma;
	void	*vm_ops, *vm_private_data;
	struct file *vm_file;
	struct anon_vma_name *anon_name;
	struct { struct rb_node rb; } shared;
} CORE;

/* ---- tasks ---- */

struct sigaction { void *sa_handler; unsigned long sa_flags; void *sa_restorer; sigset_t sa_mask; } CORE;
struct k_sigaction { struct sigaction sa; } CORE;
struct sighand_struct { struct k_sigaction action[64]; } CORE;
struct sigpending { sigset_t signal; } CORE;
struct rlimit { unsigned long rlim_cur, rlim_max; } CORE;
struct cpu_itimer { __u64 expires, incr; } CORE;
struct prev_cputime { __u64 utime, stime; } CORE;
struct tty_driver { int major, minor_start; } CORE;
struct tty_struct { int index; struct tty_driver *driver; struct { struct pid *pgrp; } ctrl; } CORE;
struct signal_struct {
	struct list_head thread_head;
	struct sigpending shared_pending;
	int	group_exit_code;
	unsigned int flags, is_child_subreaper : 1;
	struct hlist_head posix_timers;
	struct hrtimer real_timer;
	__s64	it_real_incr;
	struct cpu_itimer it[2];
	struct pid *pids[4];
	struct tty_struct *tty;
	__u64	utime, stime, cutime, cstime;
	struct prev_cputime prev_cputime;
	unsigned long long sum_sched_runtime;
	struct rlimit rlim[16];
	short	oom_score_adj;
} CORE;
struct signal_struct___list { struct list_head posix_timers; } CORE;	/* before 6.3 */
struct group_info { int ngroups; kgid_t gid[1]; } CORE;
struct cred {
	kuid_t	uid, suid, euid, fsuid;
	kgid_t	gid, sgid, egid, fsgid;
	unsigned int securebits;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct user_namespace *user_ns;
	struct group_info *group_info;
} CORE;
struct seccomp { int mode; atomic_t filter_count; } CORE;
struct sched_entity { __u64 sum_exec_runtime; } CORE;
struct sched_dl_entity { __u64 dl_runtime, dl_deadline, dl_period; } CORE;
struct cpumask { unsigned long bits[1]; } CORE;
typedef struct cpumask cpumask_t;
struct thread_struct { unsigned long features; } CORE;
struct restart_block {
	struct { __u64 time; } futex;
	struct { int clockid; __u64 expires; } nanosleep;
	struct { int has_timeout; unsigned long tv_sec, tv_nsec; } poll;
} CORE;
struct task_struct {
	unsigned int ptrace, policy, rt_priority, personality;
	int	static_prio, exit_state, exit_code, exit_signal, pdeath_signal, pid, tgid;
	struct sched_entity se;
	struct sched_dl_entity dl;
	cpumask_t cpus_mask;
	struct mm_struct *mm;
	unsigned int sched_reset_on_fork : 1, restore_sigmask : 1;
	unsigned long atomic_flags;
	struct task_struct *real_parent, *parent, *group_leader;
	struct list_head thread_node;
	struct pid *thread_pid;
	void	*clear_child_tid, *robust_list, *compat_robust_list, *io_context, *cgroups;
	__u64	utime, stime, start_boottime, timer_slack_ns;
	const struct cred *real_cred;
	char	comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked, saved_sigmask;
	struct sigpending pending;
	unsigned long sas_ss_sp, sas_ss_size;
	unsigned int sas_ss_flags;
	kuid_t	loginuid;
	struct seccomp seccomp;
	void	*rseq;
	__u32	rseq_len, rseq_sig;
	struct restart_block restart_block;
	struct sysv_sem sysvsem;
	struct thread_struct thread;
} CORE;
struct rseq { __u32 cpu_id_start; } CORE;

/* ---- what iterators are given ---- */

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; } CORE;
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; } CORE;
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32	fd;
	struct file *file;
} CORE;
struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
} CORE;

#endif
