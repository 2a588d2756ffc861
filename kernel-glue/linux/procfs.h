/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading /proc/PID and its text.
 */
#ifndef KERNEL_GLUE_LINUX_PROCFS_H
#define KERNEL_GLUE_LINUX_PROCFS_H

#include "kernel-glue/linux/dump.h"

/* Fields of /proc/PID/stat by their number in proc(5); [2] and [3] are not numbers. */
#define STAT_FIELDS	53
struct proc_stat {
	char		comm[64];
	char		state;
	uint64_t	field[STAT_FIELDS];	/* signed ones as their bits */
};
/* 0, or -errno (-EINVAL: not as expected). path: "stat" or "task/TID/stat". */
int	stat_read(const struct proc *p, const char *path, struct proc_stat *st);
int	stat_parse(char *text, struct proc_stat *st);

/* Start of the value of "Name:" in a status or fdinfo text, or NULL. */
const char *field_find(const char *text, const char *name);
/* Its value as a number of this base; 0 if missing. */
uint64_t field_number(const char *text, const char *name, int base);

/* Read a small file of p into buf, NUL-terminated; its length or -errno. */
ssize_t	proc_read_small(const struct proc *p, const char *path, char *buf, size_t cap);

/* Numeric names in a folder of p ("task", "fd"), ascending; *v is malloc'ed. 0 or -errno. */
int	proc_list_numbers(const struct proc *p, const char *path, int **v, size_t *n);

/* Open /proc/LIVE for struct proc; 0 or -errno. */
int	proc_open(struct proc *p);

/* Value of "name:" inside one line of text, in this base; 0 if missing. */
uint64_t line_number(const char *line, const char *name, int base);

#endif
