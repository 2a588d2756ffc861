/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes are a file.  They are read at random and as a stream, once as
 * they are and once with the checksums put right, so that what is behind
 * those is reached.
 */
#include "libsnap/core/checksum.h"
#include "tests/fuzz/fuzz.h"

static int
count_finding(void *ctx, const struct snap_error *finding)
{
	if (finding->code == SNAP_OK || finding->msg[0] == '\0')
		abort();
	return ++*(unsigned *)ctx > 1000;
}

static int
at_random(int fd)
{
	struct snap_error err;
	struct snap *s;
	unsigned findings = 0;
	size_t n;
	int r;

	if ((r = snap_open_fd(&s, fd, &fuzz_limits, &err)) != 0) {
		if (s != NULL || (int)err.code != r)
			abort();
		return r;
	}
	const struct snap_object *const *all = snap_get_objects(s, &n);

	for (size_t i = 0; i < n; i++) {
		struct snap_run run = { .owner = all[i]->id };
		uint8_t page[4096];

		if (snap_get_object(s, all[i]->id) != all[i])
			abort();
		for (int k = 0; k < 100 && snap_next_run(s, &run, UINT64_MAX, NULL) == 1; k++)
			snap_read_memory(s, run.owner, run.first << 12, page, sizeof page, NULL, NULL);
	}
	r = snap_verify(s, count_finding, &findings, &err);
	if ((r == 0) != (findings == 0) && r != SNAP_E_LIMIT && r != SNAP_E_NOMEM)
		abort();
	snap_validate(s, count_finding, &findings, NULL);
	snap_close(s);
	return r;
}

static int
as_stream(int fd)
{
	struct snap_stream_item item = { .type = SNAP_ITEM_RECORD };
	struct snap_stream *s;
	int r;

	if (lseek(fd, 0, SEEK_SET) != 0)
		abort();
	r = snap_stream_open(&s, fd, &fuzz_limits, NULL);
	while (r == 0 && item.type != SNAP_ITEM_END)
		r = snap_stream_next(s, &item, NULL);
	snap_stream_close(s);
	return r;
}

/* Block after block, as far as their lengths lead. */
static void
reseal(uint8_t *p, size_t size)
{
	size_t at = PSNAP_HDR_LEN;

	if (size < PSNAP_HDR_LEN)
		return;
	psnap_put32(p + PSNAP_HDR_CRC, crc32c(p, PSNAP_HDR_CRC));
	while (size - at >= PSNAP_BLK_LEN && memcmp(p + at, PSNAP_BLK_MAGIC, PSNAP_BLK_MAGIC_LEN) == 0) {
		size_t left = size - at - PSNAP_BLK_LEN;
		uint32_t aux = psnap_get32(p + at + PSNAP_BLK_OFF_AUX_LEN);
		uint32_t stored = psnap_get32(p + at + PSNAP_BLK_OFF_STORED);

		if (aux > left || stored > left - aux)
			break;
		psnap_put32(p + at + PSNAP_BLK_OFF_AUX_CRC, crc32c(p + at + PSNAP_BLK_LEN, aux));
		psnap_put32(p + at + PSNAP_BLK_OFF_DATA_CRC, crc32c(p + at + PSNAP_BLK_LEN + aux, stored));
		psnap_put32(p + at + PSNAP_BLK_OFF_CRC, crc32c(p + at, PSNAP_BLK_OFF_CRC));
		at += PSNAP_BLK_LEN + aux + stored;
	}
	if (size - at >= PSNAP_TRL_LEN)
		psnap_put32(p + size - PSNAP_TRL_LEN + PSNAP_TRL_CRC,
		    crc32c(p + size - PSNAP_TRL_LEN, PSNAP_TRL_CRC));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	for (int sealed = 0; sealed < 2; sealed++) {
		int fd = fuzz_file(), random, stream;

		if (sealed)
			reseal(copy, size);
		if (pwrite(fd, copy, size, 0) != (ssize_t)size)
			abort();
		random = at_random(fd);
		stream = as_stream(fd);
		/* what is sound to one is sound to the other, unless records are not */
		if (random == 0 && stream != 0)
			abort();
	}
	free(copy);
	return 0;
}
