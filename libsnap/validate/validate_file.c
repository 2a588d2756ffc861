/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "format/file.pb-c.h"
#include "format/memory.pb-c.h"
#include "libsnap/validate/validate.h"

#define ULL(n)	((unsigned long long)(n))

void
check_descriptor_table(struct check *v, const struct snap_object *o)
{
	const Psnap__DescriptorTable *t = CHECK_MESSAGE(Psnap__DescriptorTable, o);

	for (size_t i = 0; i < t->n_descriptors; i++) {
		int fd = (int)t->descriptors[i]->fd;

		if (fd < 0)							/* TAB-1 */
			check_corrupt(v, o, "TAB-1", "descriptor %d is negative", fd);
		if (i > 0 && fd <= (int)t->descriptors[i - 1]->fd)		/* TAB-2 */
			check_corrupt(v, o, "TAB-2", "descriptor %d after %d", fd,
			    (int)t->descriptors[i - 1]->fd);
	}
}

/* ---- open files ---- */

static void
check_target(struct check *v, const struct snap_object *o, const Psnap__OpenFile *f)
{
	unsigned targets = (f->file_id != 0) + (f->pipe_id != 0) + (f->terminal_id != 0) +
	    (f->socket_id != 0) + (f->memory_object_id != 0) + (f->eventfd != NULL) + (f->epoll != NULL) +
	    (f->timerfd != NULL) + (f->signalfd != NULL) + (f->inotify != NULL) + (f->pidfd != NULL) +
	    (f->namespace_file != NULL) + (f->unknown != NULL) + (f->posix_queue_id != 0);

	if (targets != 1)							/* OPN-1 */
		check_corrupt(v, o, "OPN-1", "is open on %u things, not on one", targets);
	if (f->terminal_master && f->terminal_id == 0)				/* OPN-2 */
		check_corrupt(v, o, "OPN-2", "master side of a terminal, but not of which");
	if (f->access == PSNAP__ACCESS_MODE__ACCESS_PATH && f->file_id == 0)	/* OPN-3 */
		check_corrupt(v, o, "OPN-3", "opened for its path, but on no file");
}

static void
check_events(struct check *v, const struct snap_object *o, const Psnap__InotifyWatch *w)
{
	for (size_t i = 1; i < w->n_events; i++)
		if (w->events[i] <= w->events[i - 1]) {				/* OPN-7 */
			check_corrupt(v, o, "OPN-7", "inotify event %d after %d", (int)w->events[i],
			    (int)w->events[i - 1]);
			return;
		}
}

static void
check_watches(struct check *v, const struct snap_object *o, const Psnap__OpenFile *f)
{
	for (size_t i = 1; f->epoll != NULL && i < f->epoll->n_entries; i++) {
		const Psnap__EpollEntry *a = f->epoll->entries[i - 1], *b = f->epoll->entries[i];

		if (b->fd < a->fd || (b->fd == a->fd && b->open_file_id < a->open_file_id))
			check_corrupt(v, o, "OPN-5", "epoll entry of descriptor %d after %d", (int)b->fd,
			    (int)a->fd);						/* OPN-5 */
	}
	for (size_t i = 0; f->inotify != NULL && i < f->inotify->n_watches; i++)
		check_events(v, o, f->inotify->watches[i]);
	for (size_t i = 1; f->inotify != NULL && i < f->inotify->n_watches; i++)
		if (f->inotify->watches[i]->descriptor <= f->inotify->watches[i - 1]->descriptor)
			check_corrupt(v, o, "OPN-5", "inotify watch %d after %d",		/* OPN-5 */
			    (int)f->inotify->watches[i]->descriptor,
			    (int)f->inotify->watches[i - 1]->descriptor);
}

void
check_open_file(struct check *v, const struct snap_object *o)
{
	const Psnap__OpenFile *f = CHECK_MESSAGE(Psnap__OpenFile, o);

	check_target(v, o, f);
	for (size_t i = 0; i < f->n_locks; i++) {
		const Psnap__FileLock *l = f->locks[i];

		if (l->to_end ? l->end != 0 : l->end < l->start)		/* OPN-4 */
			check_corrupt(v, o, "OPN-4", "lock from %llu to %llu%s", ULL(l->start), ULL(l->end),
			    l->to_end ? " and to the end of the file" : "");
	}
	check_watches(v, o, f);
}

/* ---- what they are open on ---- */

void
check_file(struct check *v, const struct snap_object *o)
{
	const Psnap__File *f = CHECK_MESSAGE(Psnap__File, o);
	const Psnap__MemoryObject *content =
	    snap_get_message(v->s, f->content_object_id, PSNAP_KIND_MEMORY_OBJECT);
	bool device = f->type == PSNAP__FILE_TYPE__FILE_CHARACTER_DEVICE ||
	    f->type == PSNAP__FILE_TYPE__FILE_BLOCK_DEVICE;

	if (f->path.len == 0 || memchr(f->path.data, '\0', f->path.len) != NULL ||
	    (f->path.data[0] != '/' && !f->unreachable))			/* FIL-1 */
		check_corrupt(v, o, "FIL-1", "path of %lu bytes is empty, has a NUL or is not absolute",
		    (unsigned long)f->path.len);
	if (content != NULL && (f->type != PSNAP__FILE_TYPE__FILE_REGULAR ||
	    content->kind != PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_FILE_CONTENT))	/* FIL-2 */
		check_corrupt(v, o, "FIL-2", "file of type %d has a memory object of kind %d as content",
		    (int)f->type, (int)content->kind);
	if (f->mode > 07777)							/* FIL-3 */
		check_corrupt(v, o, "FIL-3", "mode 0%o has bits beyond 07777", (unsigned)f->mode);
	if (f->rdev != 0 && !device)						/* FIL-4 */
		check_corrupt(v, o, "FIL-4", "device number on a file of type %d", (int)f->type);
	if (f->outside && (f->deleted || f->type == PSNAP__FILE_TYPE__FILE_DIRECTORY))	/* FIL-5 */
		check_corrupt(v, o, "FIL-5", "outside of the mount namespace, but %s", f->deleted ? "deleted" : "a folder");
}

void
check_pipe(struct check *v, const struct snap_object *o)
{
	const Psnap__Pipe *p = CHECK_MESSAGE(Psnap__Pipe, o);
	uint64_t sum = 0;

	if (p->data.len > p->capacity)						/* PIP-1 */
		check_corrupt(v, o, "PIP-1", "%lu bytes in a pipe of %llu", (unsigned long)p->data.len,
		    ULL(p->capacity));
	for (size_t i = 0; i < p->n_packets; i++)
		sum += p->packets[i];
	if (p->n_packets > 0 && (!p->packet_mode || sum != p->data.len))	/* PIP-2 */
		check_corrupt(v, o, "PIP-2", "packets of %llu bytes together, data has %lu", ULL(sum),
		    (unsigned long)p->data.len);
}

static void
check_flags(struct check *v, const struct snap_object *o, const char *name, char **flags, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(flags[i - 1], flags[i]) >= 0) {			/* TTY-2 */
			check_corrupt(v, o, "TTY-2", "%s flags are not sorted at \"%.20s\"", name, flags[i]);
			return;
		}
}

void
check_terminal(struct check *v, const struct snap_object *o)
{
	const Psnap__Terminal *t = CHECK_MESSAGE(Psnap__Terminal, o);
	const Psnap__TerminalModes *m = t->modes;

	if (t->input.len > t->unread_input || t->output.len > t->unread_output)	/* TTY-1 */
		check_corrupt(v, o, "TTY-1", "holds %lu and %lu bytes of %llu and %llu unread",
		    (unsigned long)t->input.len, (unsigned long)t->output.len, ULL(t->unread_input),
		    ULL(t->unread_output));
	if (m == NULL)
		return;
	check_flags(v, o, "input", m->input, m->n_input);
	check_flags(v, o, "output", m->output, m->n_output);
	check_flags(v, o, "control", m->control, m->n_control);
	check_flags(v, o, "local", m->local, m->n_local);
	if (m->character_size != 0 && (m->character_size < 5 || m->character_size > 8))	/* TTY-3 */
		check_corrupt(v, o, "TTY-3", "characters of %u bits", m->character_size);
	for (size_t i = 0; i < m->n_characters; i++)
		if (m->characters[i]->value > 255)				/* TTY-4 */
			check_corrupt(v, o, "TTY-4", "control character \"%.20s\" is %u",
			    m->characters[i]->name, m->characters[i]->value);
}
