/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 2.0 has sets of signals and inotify events by name, in records of revision
 * 1.  The messages here are in that form whatever the version is: the
 * revision says how they are written.
 */
#include "libsnap/convert/convert.h"
#include "libsnap/model/signal_set.h"

static bool
has_revision_1(uint32_t kind)
{
	return kind == PSNAP_KIND_THREAD || kind == PSNAP_KIND_SIGNAL_HANDLERS || kind == PSNAP_KIND_OPEN_FILE;
}

static void
revise(struct conversion *c, size_t i, uint8_t revision)
{
	if (c->objects[i].revision == revision)
		return;
	c->objects[i].revision = revision;
	c->changed[i] = true;
}

static int
up(struct conversion *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (has_revision_1(c->objects[i].kind))
			revise(c, i, 1);
	return 0;
}

/* ---- what a mask of 64 signals cannot say ---- */

static int
lose_signals(struct conversion *c, size_t i, const Psnap__SignalSet *set, const char *of)
{
	return signal_set_is_mask(set) ? 0 : records_lose(c, i, "%s: signals above 64", of);
}

static int
lose_of(struct conversion *c, size_t i)
{
	const ProtobufCMessage *m = c->objects[i].message;
	const Psnap__SignalHandlers *h = (const void *)m;
	const Psnap__OpenFile *f = (const void *)m;
	int r = 0;

	switch (c->objects[i].kind) {
	case PSNAP_KIND_THREAD:
		return lose_signals(c, i, ((const Psnap__Thread *)(const void *)m)->blocked, "the signal mask");
	case PSNAP_KIND_SIGNAL_HANDLERS:
		for (size_t k = 0; k < h->n_actions && r == 0; k++)
			r = lose_signals(c, i, h->actions[k]->blocks, "the mask of an action");
		return r;
	default:
		return f->signalfd != NULL ? lose_signals(c, i, f->signalfd->signals, "a signalfd") : 0;
	}
}

static int
down(struct conversion *c)
{
	int r;

	for (size_t i = 0; i < c->count; i++) {
		if (!has_revision_1(c->objects[i].kind) || c->objects[i].message == NULL)
			continue;
		if ((r = lose_of(c, i)) != 0)
			return r;
		revise(c, i, 0);
	}
	return 0;
}

const struct pass pass_1_1_to_2_0 = { "version 1.1 to 2.0", up };
const struct pass pass_2_0_to_1_1 = { "version 2.0 to 1.1", down };
