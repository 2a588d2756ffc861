/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of an older revision, in the form of the newest: what the library
 * does with a record it does once.  Revision 1, of Thread, SignalHandlers and
 * OpenFile, holds sets of signals and names of inotify events where revision 0
 * had masks in the producer's numbers.
 */
#include <string.h>

#include "format/file.pb-c.h"
#include "format/process.pb-c.h"
#include "libsnap/core/arena.h"
#include "libsnap/core/error.h"
#include "libsnap/model/model.h"
#include "libsnap/model/signal_set.h"

#define IN_ONESHOT_BIT	UINT32_C(0x80000000)	/* inotify(7) */
#define IN_EXCL_BIT	UINT32_C(0x04000000)

/*
 * What is done to the places that the revisions differ in: 0, SNAP_E_NOMEM, or
 * SNAP_E_CORRUPT for what another revision has and is not empty (VER-1).
 */
struct change {
	struct arena	*arena;		/* holds what is changed; NULL: nothing is */
	int		(*set)(struct arena *a, uint64_t *mask, Psnap__SignalSet **set);
	int		(*watch)(struct arena *a, Psnap__InotifyWatch *w);
};

/* ---- where they are ---- */

/* What may be changed in place of n bytes that may not; NULL without memory. */
static void *
own(const struct change *c, const void *from, size_t n)
{
	void *to;

	if (c->arena == NULL)
		return (void *)(uintptr_t)from;
	if ((to = arena_alloc(c->arena, n)) != NULL)
		memcpy(to, from, n);
	return to;
}

static int
change_handlers(const struct change *c, Psnap__SignalHandlers *h)
{
	int r = 0;

	if (h->n_actions > 0 && (h->actions = own(c, h->actions, h->n_actions * sizeof *h->actions)) == NULL)
		return SNAP_E_NOMEM;
	for (size_t i = 0; i < h->n_actions && r == 0; i++) {
		Psnap__SignalAction *s = h->actions[i] = own(c, h->actions[i], sizeof *s);

		r = s != NULL ? c->set(c->arena, &s->mask, &s->blocks) : SNAP_E_NOMEM;
	}
	return r;
}

static int
change_signalfd(const struct change *c, Psnap__OpenFile *f)
{
	Psnap__Signalfd *s = f->signalfd = own(c, f->signalfd, sizeof *s);

	return s != NULL ? c->set(c->arena, &s->mask, &s->signals) : SNAP_E_NOMEM;
}

static int
change_inotify(const struct change *c, Psnap__OpenFile *f)
{
	Psnap__Inotify *n = f->inotify = own(c, f->inotify, sizeof *n);
	int r = 0;

	if (n == NULL || (n->n_watches > 0 &&
	    (n->watches = own(c, n->watches, n->n_watches * sizeof *n->watches)) == NULL))
		return SNAP_E_NOMEM;
	for (size_t i = 0; i < n->n_watches && r == 0; i++) {
		Psnap__InotifyWatch *w = n->watches[i] = own(c, n->watches[i], sizeof *w);

		r = w != NULL ? c->watch(c->arena, w) : SNAP_E_NOMEM;
	}
	return r;
}

static int
change_open_file(const struct change *c, Psnap__OpenFile *f)
{
	int r = 0;

	if (f->signalfd != NULL)
		r = change_signalfd(c, f);
	if (r == 0 && f->inotify != NULL)
		r = change_inotify(c, f);
	return r;
}

static bool
has_revisions(const struct snap_object *o)
{
	const Psnap__OpenFile *f = (const void *)o->message;

	return o->kind == PSNAP_KIND_THREAD || o->kind == PSNAP_KIND_SIGNAL_HANDLERS ||
	    (o->kind == PSNAP_KIND_OPEN_FILE && (f->signalfd != NULL || f->inotify != NULL));
}

static int
change(const struct change *c, const struct snap_object *o, const ProtobufCMessage **changed)
{
	void *m;

	*changed = o->message;
	if (!has_revisions(o))
		return 0;
	if ((m = own(c, o->message, o->message->descriptor->sizeof_message)) == NULL)
		return SNAP_E_NOMEM;
	*changed = m;
	switch (o->kind) {
	case PSNAP_KIND_THREAD:
		return c->set(c->arena, &((Psnap__Thread *)m)->signal_mask, &((Psnap__Thread *)m)->blocked);
	case PSNAP_KIND_SIGNAL_HANDLERS:
		return change_handlers(c, m);
	default:
		return change_open_file(c, m);
	}
}

/* ---- revision 1 as it is ---- */

static int
check_set(struct arena *a, uint64_t *mask, Psnap__SignalSet **set)
{
	(void)a, (void)set;
	return *mask == 0 ? 0 : SNAP_E_CORRUPT;					/* VER-1 */
}

static int
check_watch(struct arena *a, Psnap__InotifyWatch *w)
{
	(void)a;
	return w->mask == 0 ? 0 : SNAP_E_CORRUPT;				/* VER-1 */
}

/* ---- revision 0 to 1 ---- */

static int
upgrade_set(struct arena *a, uint64_t *mask, Psnap__SignalSet **set)
{
	if (*set != NULL)							/* VER-1 */
		return SNAP_E_CORRUPT;
	if (*mask != 0 && (*set = signal_set_make(a, *mask)) == NULL)
		return SNAP_E_NOMEM;
	*mask = 0;
	return 0;
}

/* The events' numbers are those of the bits, from 1. */
static int
upgrade_watch(struct arena *a, Psnap__InotifyWatch *w)
{
	const uint32_t last = PSNAP__INOTIFY_EVENT__INOTIFY_MOVE_SELF;

	if (w->n_events > 0 || w->one_shot || w->exclude_unlinked || w->other_events != 0)	/* VER-1 */
		return SNAP_E_CORRUPT;
	if ((w->events = arena_alloc(a, last * sizeof *w->events)) == NULL)
		return SNAP_E_NOMEM;
	for (uint32_t i = 0; i < last; i++)
		if (w->mask & UINT32_C(1) << i)
			w->events[w->n_events++] = (Psnap__InotifyEvent)(i + 1);
	w->one_shot = (w->mask & IN_ONESHOT_BIT) != 0;
	w->exclude_unlinked = (w->mask & IN_EXCL_BIT) != 0;
	w->other_events = w->mask & ~((UINT32_C(1) << last) - 1) & ~(IN_ONESHOT_BIT | IN_EXCL_BIT);
	w->mask = 0;
	return 0;
}

int
revision_upgrade(struct arena *a, const struct snap_object *o, const ProtobufCMessage **newest,
    struct snap_error *err)
{
	const struct change check = { NULL, check_set, check_watch }, upgrade = { a, upgrade_set, upgrade_watch };

	switch (change(o->revision > 0 ? &check : &upgrade, o, newest)) {
	case 0:
		return 0;
	case SNAP_E_CORRUPT:
		return error_object(err, SNAP_E_CORRUPT, "VER-1", o->id, o->offset,
		    "a field of another revision than %u", o->revision);
	default:
		return error_nomem(err);
	}
}

/* ---- revision 1 to 0 ---- */

static int
downgrade_set(struct arena *a, uint64_t *mask, Psnap__SignalSet **set)
{
	(void)a;
	*mask = signal_set_mask(*set);
	*set = NULL;
	return 0;
}

static int
downgrade_watch(struct arena *a, Psnap__InotifyWatch *w)
{
	(void)a;
	w->mask = w->other_events | (w->one_shot ? IN_ONESHOT_BIT : 0) | (w->exclude_unlinked ? IN_EXCL_BIT : 0);
	for (size_t i = 0; i < w->n_events; i++)
		w->mask |= UINT32_C(1) << ((uint32_t)w->events[i] - 1) % 32;
	w->n_events = 0;
	w->one_shot = w->exclude_unlinked = false;
	w->other_events = 0;
	return 0;
}

const ProtobufCMessage *
revision_written(struct arena *a, const struct snap_object *o)
{
	const struct change downgrade = { a, downgrade_set, downgrade_watch };
	const ProtobufCMessage *m;

	if (o->revision > 0)
		return o->message;
	return change(&downgrade, o, &m) == 0 ? m : NULL;
}
