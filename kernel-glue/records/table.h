/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of records read in user space, and found again by task.
 *
 *	while ((room = rec_table_room(t, n)) != NULL && (k = read(fd, room, n)) > 0)
 *		rec_table_added(t, k);
 *	rec_table_index(t);
 *
 * The streams of several collectors' passes are put behind each other.
 * Nothing in a record is believed before rec_table_index() has checked its
 * size, kind, version and name.
 */
#ifndef KERNEL_GLUE_RECORDS_TABLE_H
#define KERNEL_GLUE_RECORDS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel-glue/records/records.h"

#define REC_KINDS	9

struct rec_slice {
	const struct rec_header *const *v;
	size_t			n;
};

struct rec_table {
	uint8_t			*bytes;		/* aligned to 8 */
	size_t			len, cap;
	struct {
		const struct rec_header **v;	/* by tid, then in the order of the stream */
		size_t		n;
	} of[REC_KINDS];			/* by enum rec_kind */
	size_t			bad_offset;	/* of the record refused */
};

/* Room for n bytes more, or NULL without memory. */
void	*rec_table_room(struct rec_table *t, size_t n);
void	rec_table_added(struct rec_table *t, size_t n);

/* Check all records and sort them: 0, -ENOMEM, or -EINVAL with bad_offset. */
int	rec_table_index(struct rec_table *t);

/* Those of one task, in the order of the stream. */
struct rec_slice rec_table_find(const struct rec_table *t, enum rec_kind kind, int32_t tid);
/* The only one, or NULL. */
const void *rec_table_one(const struct rec_table *t, enum rec_kind kind, int32_t tid);

/* The name that follows a REC_MAPPING or REC_DESCRIPTOR. */
const char *rec_name(const struct rec_header *h);

void	rec_table_free(struct rec_table *t);

#endif
