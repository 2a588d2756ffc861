/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	refpu IN OUT fresh|used|avx|legacy
 *
 * The same snapshot as if it came from another CPU: one with AMX, whose
 * configuration register every thread has, as fresh or in use; one with AVX,
 * which every thread uses; or one with x87 and SSE alone.
 */
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "tests/helpers/copy.h"

static const char *mode;

static bool
is_mode(const char *word)
{
	return strcmp(mode, word) == 0;
}

/* What f points to here is not its own. */
static void
change_fpu(Psnap__Fpu *f, uint8_t bytes[256])
{
	size_t n = 0;

	while (n < f->n_present && f->present[n] <= PSNAP__FPU_COMPONENT_KIND__FPU_SSE)
		n++;
	if (is_mode("fresh") || is_mode("used")) {
		bytes[0] = is_mode("used") ? 1 : 0;
		f->amx_config = (ProtobufCBinaryData){ 64, bytes };
		f->present[f->n_present++] = PSNAP__FPU_COMPONENT_KIND__FPU_AMX_CONFIG;
		return;
	}
	f->n_present = n;
	f->n_opmask = 0;
	f->has_pkru = false;
	f->pkru = 0;
	f->avx = f->zmm_high = f->zmm_upper = f->amx_config = f->amx_data = (ProtobufCBinaryData){ 0 };
	if (is_mode("avx")) {
		f->avx = (ProtobufCBinaryData){ 256, memset(bytes, 0x5a, 256) };
		f->present[f->n_present++] = PSNAP__FPU_COMPONENT_KIND__FPU_AVX;
	}
}

/* The thread's own are put back, for they are to be freed. */
static void
write_changed(struct snap_writer *out, const struct snap_stream_item *item, Psnap__Thread *t)
{
	Psnap__Fpu had = *t->fpu;
	Psnap__FpuComponentKind present[16];
	uint8_t bytes[256] = { 0 };
	struct snap_error err;

	memcpy(present, had.present, had.n_present * sizeof *present);
	t->fpu->present = present;
	change_fpu(t->fpu, bytes);
	check(snap_writer_message(out, item->kind, item->id, item->critical, &t->base, &err), &err);
	*t->fpu = had;
}

static bool
change_thread(struct snap_writer *out, const struct snap_stream_item *item)
{
	Psnap__Thread *t;
	bool change;

	if (item->kind != PSNAP_KIND_THREAD ||
	    (t = psnap__thread__unpack(NULL, item->payload_len, item->payload)) == NULL)
		return false;
	change = t->fpu != NULL && t->fpu->n_present < 15 && t->fpu->amx_config.len == 0;
	if (change)
		write_changed(out, item, t);
	psnap__thread__free_unpacked(t, NULL);
	return change;
}

int
main(int argc, char **argv)
{
	const struct change change = { .record = change_thread };

	if (argc != 4)
		return 2;
	mode = argv[3];
	if (!is_mode("fresh") && !is_mode("used") && !is_mode("avx") && !is_mode("legacy"))
		return 2;
	copy_snapshot(argv[1], argv[2], &change);
	return 0;
}
