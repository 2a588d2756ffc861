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

/* VER-1: what another revision has is empty in this one. */
static bool
foreign(uint8_t revision, bool has_old, bool has_new)
{
	return revision == 0 ? has_new : has_old;
}

static bool
watch_is_foreign(const Psnap__InotifyWatch *w, uint8_t revision)
{
	return foreign(revision, w->mask != 0, w->n_events > 0 || w->one_shot || w->exclude_unlinked ||
	    w->other_events != 0);
}

static bool
is_foreign(const struct snap_object *o)
{
	const Psnap__Thread *t = (const void *)o->message;
	const Psnap__SignalHandlers *h = (const void *)o->message;
	const Psnap__OpenFile *f = (const void *)o->message;
	bool is = false;

	switch (o->kind) {
	case PSNAP_KIND_THREAD:
		return foreign(o->revision, t->signal_mask != 0, t->blocked != NULL);
	case PSNAP_KIND_SIGNAL_HANDLERS:
		for (size_t i = 0; i < h->n_actions; i++)
			is |= foreign(o->revision, h->actions[i]->mask != 0, h->actions[i]->blocks != NULL);
		return is;
	case PSNAP_KIND_OPEN_FILE:
		if (f->signalfd != NULL)
			return foreign(o->revision, f->signalfd->mask != 0, f->signalfd->signals != NULL);
		for (size_t i = 0; f->inotify != NULL && i < f->inotify->n_watches; i++)
			is |= watch_is_foreign(f->inotify->watches[i], o->revision);
		return is;
	default:
		return false;
	}
}

static void *
copy(struct arena *a, const void *from, size_t n)
{
	void *to = arena_alloc(a, n);

	if (to != NULL && n > 0)
		memcpy(to, from, n);
	return to;
}

/* ---- revision 0 to 1; NULL without memory ---- */

static const ProtobufCMessage *
upgrade_thread(struct arena *a, const Psnap__Thread *from)
{
	Psnap__Thread *t = copy(a, from, sizeof *t);

	if (t == NULL || (t->signal_mask != 0 && (t->blocked = signal_set_make(a, t->signal_mask)) == NULL))
		return NULL;
	t->signal_mask = 0;
	return &t->base;
}

static const ProtobufCMessage *
upgrade_handlers(struct arena *a, const Psnap__SignalHandlers *from)
{
	Psnap__SignalHandlers *h = copy(a, from, sizeof *h);

	if (h == NULL || (h->actions = copy(a, from->actions, h->n_actions * sizeof *h->actions)) == NULL)
		return NULL;
	for (size_t i = 0; i < h->n_actions; i++) {
		Psnap__SignalAction *s = copy(a, from->actions[i], sizeof *s);

		if (s == NULL || (s->mask != 0 && (s->blocks = signal_set_make(a, s->mask)) == NULL))
			return NULL;
		s->mask = 0;
		h->actions[i] = s;
	}
	return &h->base;
}

/* The events' numbers are those of the bits, from 1. */
static Psnap__InotifyWatch *
upgrade_watch(struct arena *a, const Psnap__InotifyWatch *from)
{
	const uint32_t last = PSNAP__INOTIFY_EVENT__INOTIFY_MOVE_SELF;
	Psnap__InotifyWatch *w = copy(a, from, sizeof *w);

	if (w == NULL || (w->events = arena_alloc(a, last * sizeof *w->events)) == NULL)
		return NULL;
	for (uint32_t i = 0; i < last; i++)
		if (w->mask & UINT32_C(1) << i)
			w->events[w->n_events++] = (Psnap__InotifyEvent)(i + 1);
	w->one_shot = (w->mask & IN_ONESHOT_BIT) != 0;
	w->exclude_unlinked = (w->mask & IN_EXCL_BIT) != 0;
	w->other_events = w->mask & ~((UINT32_C(1) << last) - 1) & ~(IN_ONESHOT_BIT | IN_EXCL_BIT);
	w->mask = 0;
	return w;
}

static Psnap__Inotify *
upgrade_inotify(struct arena *a, const Psnap__Inotify *from)
{
	Psnap__Inotify *n = copy(a, from, sizeof *n);

	if (n == NULL || (n->watches = copy(a, from->watches, n->n_watches * sizeof *n->watches)) == NULL)
		return NULL;
	for (size_t i = 0; i < n->n_watches; i++)
		if ((n->watches[i] = upgrade_watch(a, from->watches[i])) == NULL)
			return NULL;
	return n;
}

static const ProtobufCMessage *
upgrade_open_file(struct arena *a, const Psnap__OpenFile *from)
{
	Psnap__OpenFile *f = copy(a, from, sizeof *f);

	if (f == NULL)
		return NULL;
	if (f->signalfd != NULL) {
		if ((f->signalfd = copy(a, from->signalfd, sizeof *f->signalfd)) == NULL ||
		    (f->signalfd->mask != 0 &&
		    (f->signalfd->signals = signal_set_make(a, f->signalfd->mask)) == NULL))
			return NULL;
		f->signalfd->mask = 0;
	}
	if (f->inotify != NULL && (f->inotify = upgrade_inotify(a, from->inotify)) == NULL)
		return NULL;
	return &f->base;
}

int
revision_upgrade(struct arena *a, const struct snap_object *o, const ProtobufCMessage **newest,
    struct snap_error *err)
{
	const Psnap__OpenFile *f = (const void *)o->message;

	*newest = o->message;
	if (is_foreign(o))							/* VER-1 */
		return error_object(err, SNAP_E_CORRUPT, "VER-1", o->id, o->offset,
		    "a field of another revision than %u", o->revision);
	if (o->revision > 0)
		return 0;
	if (o->kind == PSNAP_KIND_THREAD)
		*newest = upgrade_thread(a, (const void *)o->message);
	else if (o->kind == PSNAP_KIND_SIGNAL_HANDLERS)
		*newest = upgrade_handlers(a, (const void *)o->message);
	else if (o->kind == PSNAP_KIND_OPEN_FILE && (f->signalfd != NULL || f->inotify != NULL))
		*newest = upgrade_open_file(a, f);
	return *newest != NULL ? 0 : error_nomem(err);
}

/* ---- revision 1 to 0; NULL without memory ---- */

static const ProtobufCMessage *
downgrade_thread(struct arena *a, const Psnap__Thread *from)
{
	Psnap__Thread *t = copy(a, from, sizeof *t);

	if (t == NULL)
		return NULL;
	t->signal_mask = signal_set_mask(from->blocked);
	t->blocked = NULL;
	return &t->base;
}

static const ProtobufCMessage *
downgrade_handlers(struct arena *a, const Psnap__SignalHandlers *from)
{
	Psnap__SignalHandlers *h = copy(a, from, sizeof *h);

	if (h == NULL || (h->actions = copy(a, from->actions, h->n_actions * sizeof *h->actions)) == NULL)
		return NULL;
	for (size_t i = 0; i < h->n_actions; i++) {
		Psnap__SignalAction *s = copy(a, from->actions[i], sizeof *s);

		if (s == NULL)
			return NULL;
		s->mask = signal_set_mask(s->blocks);
		s->blocks = NULL;
		h->actions[i] = s;
	}
	return &h->base;
}

static Psnap__InotifyWatch *
downgrade_watch(struct arena *a, const Psnap__InotifyWatch *from)
{
	Psnap__InotifyWatch *w = copy(a, from, sizeof *w);

	if (w == NULL)
		return NULL;
	w->mask = w->other_events | (w->one_shot ? IN_ONESHOT_BIT : 0) | (w->exclude_unlinked ? IN_EXCL_BIT : 0);
	for (size_t i = 0; i < w->n_events; i++)
		w->mask |= UINT32_C(1) << ((uint32_t)w->events[i] - 1) % 32;
	w->n_events = 0;
	w->one_shot = w->exclude_unlinked = false;
	w->other_events = 0;
	return w;
}

static Psnap__Inotify *
downgrade_inotify(struct arena *a, const Psnap__Inotify *from)
{
	Psnap__Inotify *n = copy(a, from, sizeof *n);

	if (n == NULL || (n->watches = copy(a, from->watches, n->n_watches * sizeof *n->watches)) == NULL)
		return NULL;
	for (size_t i = 0; i < n->n_watches; i++)
		if ((n->watches[i] = downgrade_watch(a, from->watches[i])) == NULL)
			return NULL;
	return n;
}

static const ProtobufCMessage *
downgrade_open_file(struct arena *a, const Psnap__OpenFile *from)
{
	Psnap__OpenFile *f = copy(a, from, sizeof *f);

	if (f == NULL)
		return NULL;
	if (f->signalfd != NULL) {
		if ((f->signalfd = copy(a, from->signalfd, sizeof *f->signalfd)) == NULL)
			return NULL;
		f->signalfd->mask = signal_set_mask(f->signalfd->signals);
		f->signalfd->signals = NULL;
	}
	if (f->inotify != NULL && (f->inotify = downgrade_inotify(a, from->inotify)) == NULL)
		return NULL;
	return &f->base;
}

const ProtobufCMessage *
revision_written(struct arena *a, const struct snap_object *o)
{
	if (o->revision == 0 && o->kind == PSNAP_KIND_THREAD)
		return downgrade_thread(a, (const void *)o->message);
	if (o->revision == 0 && o->kind == PSNAP_KIND_SIGNAL_HANDLERS)
		return downgrade_handlers(a, (const void *)o->message);
	if (o->revision == 0 && o->kind == PSNAP_KIND_OPEN_FILE)
		return downgrade_open_file(a, (const void *)o->message);
	return o->message;
}
