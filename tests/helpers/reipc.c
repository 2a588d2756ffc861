/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	reipc IN OUT huge|small|many
 *
 * The same snapshot with System V objects that keep every rule and cannot be
 * made: segments larger than any memory, or smaller than what is mapped of
 * them, or sets of more semaphores than a kernel allows.
 */
#include "format/ipc.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/psnap_fields.h"
#include "tests/helpers/copy.h"

#define MANY	65536

static const char *mode;

static void
change_memory(struct snap_writer *out, const struct snap_stream_item *item)
{
	Psnap__MemoryObject *m = psnap__memory_object__unpack(NULL, item->payload_len, item->payload);
	struct snap_error err;

	if (m->kind == PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_SYSV)
		m->size = strcmp(mode, "huge") == 0 ? UINT64_C(1) << 62 : 4096;
	check(snap_writer_message(out, item->kind, item->id, item->critical, &m->base, &err), &err);
	psnap__memory_object__free_unpacked(m, NULL);
}

/* The set's own are put back, for they are to be freed. */
static void
change_semaphores(struct snap_writer *out, const struct snap_stream_item *item)
{
	static uint32_t values[MANY];
	static int32_t pids[MANY];
	Psnap__SysvSemaphores *s = psnap__sysv_semaphores__unpack(NULL, item->payload_len, item->payload);
	Psnap__SysvSemaphores had = *s;
	struct snap_error err;

	s->values = values;
	s->last_pids = pids;
	s->n_values = s->n_last_pids = MANY;
	check(snap_writer_message(out, item->kind, item->id, item->critical, &s->base, &err), &err);
	*s = had;
	psnap__sysv_semaphores__free_unpacked(s, NULL);
}

static bool
change_record(struct snap_writer *out, const struct snap_stream_item *item)
{
	bool many = strcmp(mode, "many") == 0;

	if (!many && item->kind == PSNAP_KIND_MEMORY_OBJECT)
		change_memory(out, item);
	else if (many && item->kind == PSNAP_KIND_SYSV_SEMAPHORES)
		change_semaphores(out, item);
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	const struct change change = { .record = change_record };

	if (argc != 4)
		return 2;
	mode = argv[3];
	copy_snapshot(argv[1], argv[2], &change);
	return 0;
}
