/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	refpu IN OUT fresh|used
 *
 * The same snapshot as if it came from a CPU with AMX, whose configuration
 * register every thread has: as fresh, or in use.
 */
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "tests/helpers/copy.h"

static bool used;

/* t's arrays are put back, since they are not ours to free. */
static void
write_with_amx(struct snap_writer *out, const struct snap_stream_item *item, Psnap__Thread *t)
{
	Psnap__Fpu had = *t->fpu;
	Psnap__FpuComponentKind present[16];
	uint8_t config[64] = { used ? 1 : 0 };
	struct snap_error err;

	memcpy(present, had.present, had.n_present * sizeof *present);
	present[t->fpu->n_present++] = PSNAP__FPU_COMPONENT_KIND__FPU_AMX_CONFIG;
	t->fpu->present = present;
	t->fpu->amx_config = (ProtobufCBinaryData){ sizeof config, config };
	check(snap_writer_message(out, item->kind, item->id, item->critical, &t->base, &err), &err);
	*t->fpu = had;
}

static bool
add_amx(struct snap_writer *out, const struct snap_stream_item *item)
{
	Psnap__Thread *t;
	bool add;

	if (item->kind != PSNAP_KIND_THREAD ||
	    (t = psnap__thread__unpack(NULL, item->payload_len, item->payload)) == NULL)
		return false;
	add = t->fpu != NULL && t->fpu->n_present < 15 && t->fpu->amx_config.len == 0;
	if (add)
		write_with_amx(out, item, t);
	psnap__thread__free_unpacked(t, NULL);
	return add;
}

int
main(int argc, char **argv)
{
	const struct change change = { .record = add_amx };

	if (argc != 4)
		return 2;
	used = strcmp(argv[3], "used") == 0;
	copy_snapshot(argv[1], argv[2], &change);
	return 0;
}
