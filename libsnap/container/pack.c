/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "libsnap/container/pack.h"
#include "libsnap/core/checksum.h"

struct packer {
	pthread_mutex_t	lock;
	pthread_cond_t	work, done;
	bool		stop;
	int		level;
	size_t		raw_cap;

	pthread_t	*threads;
	uint32_t	nthreads;

	struct pack_job	*jobs;		/* njobs */
	struct pack_job	**queue;	/* submitted, oldest first: a ring of njobs */
	size_t		njobs, head, queued;
	size_t		next;		/* first in the ring no worker has taken */
	ZSTD_CCtx	*own;		/* for pack_now() and without threads */
};

static int
compress(struct pack_job *job, ZSTD_CCtx *ctx, int level)
{
	size_t bound = ZSTD_compressBound(job->header.raw_len), n;

	if (bound > job->packed_cap) {
		uint8_t *p = realloc(job->packed, bound);

		if (p == NULL)
			return -1;
		job->packed = p;
		job->packed_cap = bound;
	}
	n = ZSTD_compressCCtx(ctx, job->packed, bound, job->raw, job->header.raw_len, level);
	if (ZSTD_isError(n))
		return -1;
	/* what does not shrink is stored as it is */
	if (n >= job->header.raw_len) {
		job->header.codec = PSNAP_CODEC_NONE;
		return 0;
	}
	job->payload = job->packed;
	job->header.stored_len = (uint32_t)n;
	return 0;
}

static void
pack(struct pack_job *job, ZSTD_CCtx *ctx, int level)
{
	struct block_header *h = &job->header;

	job->payload = job->raw;
	h->stored_len = h->raw_len;
	if (h->codec == PSNAP_CODEC_ZSTD && compress(job, ctx, level) != 0) {
		job->failed = true;
		return;
	}
	h->aux_crc = crc32c(job->aux, h->aux_len);
	h->data_crc = crc32c(job->payload, h->stored_len);
	block_header_encode(job->head, h);
	digest(job->leaf, PSNAP_HASH_LEAF, job->head, PSNAP_BLK_LEN, job->aux, h->aux_len,
	    job->payload, h->stored_len);
}

static void *
worker(void *arg)
{
	struct packer *p = arg;
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct pack_job *job;

		while (!p->stop && p->next == p->head + p->queued)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->stop)
			break;
		job = p->queue[p->next++ % p->njobs];
		job->state = JOB_WORKING;
		pthread_mutex_unlock(&p->lock);
		if (ctx != NULL)
			pack(job, ctx, p->level);
		else
			job->failed = true;
		pthread_mutex_lock(&p->lock);
		job->state = JOB_DONE;
		pthread_cond_broadcast(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	ZSTD_freeCCtx(ctx);
	return NULL;
}

/*
 * Fewer threads than asked for, even none, only take longer.  Signals are the
 * caller's threads' business.
 */
static void
start_workers(struct packer *p, uint32_t threads)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (p->nthreads < threads &&
	    pthread_create(&p->threads[p->nthreads], NULL, worker, p) == 0)
		p->nthreads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct packer *
packer_new(uint32_t threads, size_t raw_cap, int level)
{
	struct packer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	p->level = level;
	p->raw_cap = raw_cap;
	/* each thread busy, one waiting, and two being filled (metadata, pages) */
	p->njobs = (size_t)threads + 3;
	p->jobs = calloc(p->njobs, sizeof *p->jobs);
	p->queue = calloc(p->njobs, sizeof *p->queue);
	p->threads = calloc(threads, sizeof *p->threads);
	p->own = ZSTD_createCCtx();
	if (p->jobs == NULL || p->queue == NULL || p->threads == NULL || p->own == NULL) {
		packer_free(p);
		return NULL;
	}
	if (threads > 1)
		start_workers(p, threads);
	return p;
}

void
packer_free(struct packer *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (uint32_t i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	for (size_t i = 0; p->jobs != NULL && i < p->njobs; i++) {
		free(p->jobs[i].raw);
		free(p->jobs[i].aux);
		free(p->jobs[i].packed);
	}
	ZSTD_freeCCtx(p->own);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p->queue);
	free(p->jobs);
	free(p);
}

static int
grow(uint8_t **buf, size_t *cap, size_t want)
{
	uint8_t *p;

	if (want <= *cap)
		return 0;
	if ((p = realloc(*buf, want)) == NULL)
		return -1;
	*buf = p;
	*cap = want;
	return 0;
}

struct pack_job *
pack_job_get(struct packer *p)
{
	struct pack_job *job = NULL;

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->njobs && job == NULL; i++)
		if (p->jobs[i].state == JOB_FREE)
			job = &p->jobs[i];
	if (job != NULL)
		job->state = JOB_FILLING;
	pthread_mutex_unlock(&p->lock);
	if (job == NULL)
		return NULL;
	if (grow(&job->raw, &job->raw_cap, p->raw_cap) != 0 ||
	    grow(&job->aux, &job->aux_cap, PSNAP_RUN_LEN) != 0) {
		pack_job_release(p, job);
		return NULL;
	}
	memset(&job->header, 0, sizeof job->header);
	job->failed = false;
	return job;
}

void
pack_job_release(struct packer *p, struct pack_job *job)
{
	pthread_mutex_lock(&p->lock);
	job->state = JOB_FREE;
	pthread_mutex_unlock(&p->lock);
}

int
pack_job_set_raw(struct pack_job *job, const void *bytes, size_t n)
{
	if (grow(&job->raw, &job->raw_cap, n) != 0)
		return -1;
	if (n > 0)
		memcpy(job->raw, bytes, n);
	job->header.raw_len = (uint32_t)n;
	return 0;
}

int
pack_job_set_aux(struct pack_job *job, const void *aux, size_t n)
{
	if (grow(&job->aux, &job->aux_cap, n) != 0)
		return -1;
	if (n > 0)
		memcpy(job->aux, aux, n);
	job->header.aux_len = (uint32_t)n;
	return 0;
}

int
pack_job_add_run(struct pack_job *job, const struct run *run)
{
	struct run prev;
	uint8_t *next;

	if (job->header.aux_len > 0) {
		uint8_t *last = job->aux + job->header.aux_len - PSNAP_RUN_LEN;

		run_decode(&prev, last);
		if (prev.owner == run->owner && prev.kind == run->kind &&
		    prev.first + prev.count == run->first && run->count <= UINT32_MAX - prev.count) {
			psnap_put32(last + PSNAP_RUN_OFF_COUNT, prev.count + run->count);
			return 0;
		}
	}
	if (job->header.aux_len + PSNAP_RUN_LEN > job->aux_cap &&
	    grow(&job->aux, &job->aux_cap, 2 * job->aux_cap + PSNAP_RUN_LEN) != 0)
		return -1;
	next = job->aux + job->header.aux_len;
	psnap_put64(next + PSNAP_RUN_OFF_OWNER, run->owner);
	psnap_put64(next + PSNAP_RUN_OFF_FIRST, run->first);
	psnap_put32(next + PSNAP_RUN_OFF_COUNT, run->count);
	psnap_put32(next + PSNAP_RUN_OFF_KIND, run->kind);
	job->header.aux_len += PSNAP_RUN_LEN;
	return 0;
}

void
pack_now(struct packer *p, struct pack_job *job)
{
	pack(job, p->own, p->level);
}

void
pack_submit(struct packer *p, struct pack_job *job)
{
	if (p->nthreads == 0)
		pack_now(p, job);
	pthread_mutex_lock(&p->lock);
	p->queue[(p->head + p->queued) % p->njobs] = job;
	p->queued++;
	if (p->nthreads == 0) {
		job->state = JOB_DONE;
		p->next++;
	} else {
		job->state = JOB_QUEUED;
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
}

struct pack_job *
pack_take(struct packer *p, bool wait)
{
	struct pack_job *job = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->queued > 0) {
		job = p->queue[p->head % p->njobs];
		while (wait && job->state != JOB_DONE)
			pthread_cond_wait(&p->done, &p->lock);
		if (job->state == JOB_DONE) {
			p->head++;
			p->queued--;
		} else {
			job = NULL;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return job;
}
