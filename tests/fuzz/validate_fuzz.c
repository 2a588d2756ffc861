/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes are records, and runs of pages, which are put into a sound file:
 *	kind (1), id (1), length (2, little-endian), payload		a record
 *	0xff, owner (1), first page (4), count (1)			a run
 * The graph is walked by the validator and by every exporter.
 */
#include "tests/fuzz/fuzz.h"

static int
put_record(struct snap_writer *w, const uint8_t *p, size_t len)
{
	uint8_t *record = calloc(1, PSNAP_REC_LEN + len);
	int r;

	if (record == NULL)
		return SNAP_E_NOMEM;
	psnap_put16(record + PSNAP_REC_OFF_KIND, p[0]);
	record[PSNAP_REC_OFF_CRITICAL] = PSNAP_CRITICAL_CARRY;
	psnap_put32(record + PSNAP_REC_OFF_LEN, (uint32_t)len);
	psnap_put64(record + PSNAP_REC_OFF_ID, p[1]);
	memcpy(record + PSNAP_REC_LEN, p + 4, len);
	r = snap_writer_records(w, record, PSNAP_REC_LEN + len, NULL);
	free(record);
	return r;
}

static int
put_run(struct snap_writer *w, const uint8_t *p)
{
	static const uint8_t pages[4 * 4096] = { 1 };

	if (p[6] < 4)
		return snap_writer_pages(w, p[1], psnap_get32(p + 2), pages, p[6] + 1u, NULL);
	return snap_writer_zero(w, p[1], psnap_get32(p + 2), p[6], NULL);
}

static int
write_file(int fd, const uint8_t *p, size_t size)
{
	static const struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1 };
	struct snap_writer *w;
	int r;

	if ((r = snap_writer_open_fd(&w, fd, &options, NULL)) != 0)
		return r;
	while (r == 0 && size >= 7) {
		size_t len = p[0] == 0xff ? 3 : psnap_get16(p + 2);

		if (len > size - 4)
			len = size - 4;
		r = p[0] == 0xff ? put_run(w, p) : put_record(w, p, len);
		p += 4 + len;
		size -= 4 + len;
	}
	if (r == 0)
		r = snap_writer_finish(w, NULL, NULL);
	snap_writer_free(w);
	return r;
}

static int
see(void *ctx, const struct snap_error *finding)
{
	if (finding->code == SNAP_OK || finding->msg[0] == '\0' || finding->rule[0] == '\0')
		abort();
	return ++*(unsigned *)ctx > 1000;
}

/* Every format there is; what is written does not matter. */
static void
export_all(struct snap *s)
{
	static int null = -1;
	const struct snap_format *f;

	if (null < 0 && (null = open("/dev/null", O_WRONLY)) < 0)
		abort();
	for (size_t i = 0; (f = snap_get_format(i)) != NULL; i++)
		if (f->can_write)
			snap_export(s, f->name, NULL, null, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_file(), r;
	unsigned findings = 0;
	struct snap_error err = { .code = SNAP_OK };
	struct snap *s;

	if (write_file(fd, data, size) != 0)
		return 0;
	if (snap_open_fd(&s, fd, &fuzz_limits, &err) != 0)
		return 0;
	r = snap_validate(s, see, &findings, &err);
	if ((r == 0) != (findings == 0) || (r != 0 && (int)err.code != r))
		abort();
	export_all(s);
	if (snap_verify(s, NULL, NULL, &err) != 0)
		abort();
	snap_close(s);
	return 0;
}
