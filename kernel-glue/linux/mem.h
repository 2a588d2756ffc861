/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces and their mappings, between mem_*.c and remote.c.
 */
#ifndef KERNEL_GLUE_LINUX_MEM_H
#define KERNEL_GLUE_LINUX_MEM_H

#include "kernel-glue/linux/dump.h"

struct mapping {
	uint64_t	id;
	struct mm	*mm;
	uint64_t	start, end, offset;
	uint64_t	dev, ino;		/* major << 32 | minor */
	uint64_t	path;			/* identity by the facts, 0 not known */
	uint64_t	resident_kib, shared_clean_kib, shared_dirty_kib;
	uint64_t	held;			/* pages in the snapshot */
	uint64_t	huge_page_size;
	uint32_t	key;			/* protection key */
	const char	*name;			/* as /proc shows it, unescaped */
	uint32_t	kind, role;		/* PSNAP_MAPPING_* */
	bool		r, w, x, shared;
	/* VmFlags, by their two letters in proc(5) */
	bool		gd, lo, lf, nr, ht, mr, mw, me, sr, rr, dc, wf, dd, hg, nh, mg, sl, ss, um, uw, io, dp;
	struct file	*file;
	struct memory_object *object;
	struct list	guards;			/* struct range */
};

struct range {
	uint64_t	start, end;
};

struct mm {
	uint64_t	id;
	struct proc	*proc;			/* one that has it */
	struct list	mappings;		/* struct mapping, ascending */
	struct file	*exe;
	uint64_t	marks[12];		/* start_code end_code start_data end_data start_brk brk
						 * start_stack arg_start arg_end env_start env_end */
	char		*auxv;
	size_t		auxv_len;
	uint64_t	vdso;
	bool		is32;
	bool		told;			/* mappings are by the facts: pages resident are counted in scanning */
	bool		deny_write_exec;
	int		dumpable;		/* -1: not known */
	uint64_t	locked;
	bool		cow;			/* some of its own pages are another's, too, until written */
	struct list	runs;			/* struct page_run, ascending */
};

enum { MARK_START_CODE, MARK_END_CODE, MARK_START_DATA, MARK_END_DATA, MARK_START_BRK, MARK_BRK,
    MARK_START_STACK, MARK_ARG_START, MARK_ARG_END, MARK_ENV_START, MARK_ENV_END };

/* Consecutive pages to be held, or known to be zero. */
struct page_run {
	uint64_t	first, count;		/* page numbers */
	bool		zero;
	uint64_t	stage;			/* offset in the stage */
};

struct memory_object {
	uint64_t	id;
	uint64_t	dev, ino;		/* st_dev of the kernel, st_ino */
	uint32_t	kind;
	int		fd;			/* to read it by, -1 none */
	struct proc	*proc;			/* without fd: a process that maps it */
	struct mapping	*map;
	uint64_t	size;
	const char	*name;
	uint32_t	seals, mode, uid, gid;
	uint64_t	huge_page_size;
	int64_t		sysv_id;
	bool		sysv_deleted;
	uint64_t	held;
	struct list	runs;
};

/* mem_maps.c: one line of smaps; true if it begins a mapping. */
bool	maps_parse_line(char *line, struct mapping *m);
void	maps_parse_flags(const char *flags, struct mapping *m);

/* mem_scan.c: pages of m that must be held, appended to runs. */
int	mem_scan(struct dump *d, struct mm *mm);
/* Whether this kernel has PAGEMAP_SCAN was learnt by the first call. */

/* mem_stage.c */
int	stage_process(struct dump *d, struct proc *p, struct list *runs, struct mapping *m0);
int	stage_emit(struct dump *d, uint64_t owner, const struct list *runs);
int	runs_add(struct dump *d, struct list *runs, uint64_t first, uint64_t count, bool zero);

#endif
