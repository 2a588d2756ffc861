/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first byte is how to convert, the rest what a file is made of
 * (structured.h).  A valid snapshot becomes a valid one or is refused by name;
 * on the way back it becomes what it was, unless a loss was told that forbids it.
 */
#include "tests/fuzz/structured.h"

static struct snap_convert_options
options_of(uint8_t how)
{
	static const uint16_t versions[][2] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 2, 0 }, { 2, 1 } };
	unsigned version = (how & 3u) + (how >> 7);

	return (struct snap_convert_options){
		.major = versions[version][0], .minor = versions[version][1], .abi = how >> 2 & 3,
		.strict = how >> 4 & 1, .raw = how >> 5 & 1, .level = how >> 6 & 1 ? 3 : 0,
	};
}

struct told {
	unsigned	n;
	bool		for_good;	/* the way back cannot give it back */
};

static void
hear(void *ctx, const struct snap_loss *loss)
{
	struct told *t = ctx;

	if (loss->pass == NULL || loss->message[0] == '\0' || loss->object == 0)
		abort();
	t->n++;
	t->for_good |= strstr(loss->message, "look converted") != NULL || strstr(loss->message, "taken_abi") != NULL ||
	    strstr(loss->message, "above 64") != NULL;
}

static void
count(void *ctx, const char *pass)
{
	*(unsigned *)ctx += pass[0] != '\0';
}

static int
convert(struct snap *s, const struct snap_convert_options *o, int fd, struct told *told)
{
	struct snap_error err = { .code = SNAP_OK };
	unsigned passes = 0;
	int planned = snap_convert_plan(s, o, count, &passes, &err);
	int r = snap_convert(s, o, hear, told, fd, &err);

	/* what cannot be planned cannot be done; what is refused is explained */
	if ((planned != 0 && r != planned) || (r != 0 && ((int)err.code != r || err.msg[0] == '\0')) ||
	    (r == SNAP_E_REFUSED && told->n == 0))
		abort();
	return r;
}

static struct snap *
open_result(int fd)
{
	struct snap_error err;
	struct snap *s;

	if (snap_open_fd(&s, fd, NULL, &err) != 0 || snap_validate(s, NULL, NULL, &err) != 0 ||
	    snap_verify(s, NULL, NULL, &err) != 0)
		abort();
	return s;
}

/* The same records but for provenance, the same pages. */
static void
compare(int a, int b)
{
	struct snap_stream *sa, *sb;
	struct snap_stream_item x = { .type = SNAP_ITEM_RECORD }, y = x;

	if (lseek(a, 0, SEEK_SET) != 0 || lseek(b, 0, SEEK_SET) != 0 ||
	    snap_stream_open(&sa, a, NULL, NULL) != 0 || snap_stream_open(&sb, b, NULL, NULL) != 0)
		abort();
	while (x.type != SNAP_ITEM_END) {
		if (snap_stream_next(sa, &x, NULL) != 0 || snap_stream_next(sb, &y, NULL) != 0 || x.type != y.type)
			abort();
		if (x.type == SNAP_ITEM_RECORD && x.kind != PSNAP_KIND_PROVENANCE &&
		    (x.id != y.id || x.revision != y.revision || x.payload_len != y.payload_len ||
		    memcmp(x.payload, y.payload, x.payload_len) != 0))
			abort();
		if (x.type == SNAP_ITEM_PAGES && (x.run.owner != y.run.owner || x.run.first != y.run.first ||
		    x.run.count != y.run.count || x.run.kind != y.run.kind ||
		    (x.pages != NULL && memcmp(x.pages, y.pages, (size_t)x.run.count * WORLD_PAGE) != 0)))
			abort();
	}
	snap_stream_close(sa);
	snap_stream_close(sb);
}

static void
there_and_back(struct snap *s, int from, const struct snap_convert_options *o)
{
	int there = fuzz_file_at(1), back = fuzz_file_at(2);
	struct snap_convert_options home = { 0 };
	struct snap_summary sum;
	struct told told = { 0 };
	struct snap *out;
	size_t n;

	if (convert(s, o, there, &told) != 0)
		return;
	snap_get_summary(s, &sum);
	home.major = sum.major;
	home.minor = sum.minor;
	home.abi = (uint32_t)((const Psnap__Host *)(const void *)snap_get_kind(s, PSNAP_KIND_HOST, &n)[0]->message)->kernel_abi;
	out = open_result(there);
	/* pages anew are in other blocks */
	if (convert(out, &home, back, &told) == 0) {
		snap_close(open_result(back));
		if (!told.for_good && !o->raw && o->level == 0)
			compare(from, back);
	}
	snap_close(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snap_convert_options o = options_of(size > 0 ? data[0] : 0);
	struct snap_error err = { .code = SNAP_OK };
	struct told told = { 0 };
	int fd = fuzz_file_at(0);
	struct snap *s;

	if (size == 0 || fuzz_write(fd, data + 1, size - 1) != 0 || snap_open_fd(&s, fd, &fuzz_limits, &err) != 0)
		return 0;
	if (snap_validate(s, NULL, NULL, &err) == 0)
		there_and_back(s, fd, &o);
	else if (snap_convert(s, &o, hear, &told, fuzz_file_at(1), &err) == 0)
		abort();
	snap_close(s);
	return 0;
}
