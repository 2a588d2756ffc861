/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turning raw payloads into finished blocks, on worker threads, in order.
 *
 * A job is obtained, filled, submitted with its sequence number, and taken
 * back in the order of submission with head, payload and leaf digest ready.
 */
#ifndef LIBSNAP_CONTAINER_PACK_H
#define LIBSNAP_CONTAINER_PACK_H

#include "libsnap/container/block.h"

struct packer;

struct pack_job {
	struct block_header header;	/* type, codec, flags, count, table, seq by the user; the rest is filled in */
	uint8_t		*raw;		/* header.raw_len bytes; room for a page block */
	size_t		raw_cap;
	uint8_t		*aux;		/* header.aux_len bytes */
	size_t		aux_cap;
	uint8_t		head[PSNAP_BLK_LEN];
	const uint8_t	*payload;	/* header.stored_len bytes: raw, or packed below */
	uint8_t		*packed;
	size_t		packed_cap;
	uint8_t		leaf[PSNAP_DIGEST_LEN];
	bool		failed;		/* no memory */
	enum { JOB_FREE, JOB_FILLING, JOB_QUEUED, JOB_WORKING, JOB_DONE } state;
};

/* raw_cap: bytes of a full page block. NULL without memory or threads. */
struct packer *packer_new(uint32_t threads, size_t raw_cap, int level);
void	packer_free(struct packer *p);

/* A free job, cleared but for its buffers, or NULL while all are in use. */
struct pack_job *pack_job_get(struct packer *p);
void	pack_job_release(struct packer *p, struct pack_job *job);

/* Copy n bytes in as the raw payload; -1 without memory. */
int	pack_job_set_raw(struct pack_job *job, const void *bytes, size_t n);
/* Copy a whole run table in; -1 without memory. */
int	pack_job_set_aux(struct pack_job *job, const void *aux, size_t n);
/* Append to the run table, merging with the last run where they continue; -1 without memory. */
int	pack_job_add_run(struct pack_job *job, const struct run *run);

void	pack_submit(struct packer *p, struct pack_job *job);
/* The oldest submitted job if done (wait: when done), else NULL; NULL too if none is submitted. */
struct pack_job *pack_take(struct packer *p, bool wait);

/* Pack in the caller's thread; the job is not submitted. */
void	pack_now(struct packer *p, struct pack_job *job);

#endif
