/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "format/ipc.pb-c.h"
#include "tools/snapinspect/view.h"

/* Who has a description open: sorted by it, so that sharers are found together. */
struct holder {
	uint64_t	open_file;
	int32_t		pid, fd;
};

static int
compare(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->open_file != y->open_file)
		return x->open_file < y->open_file ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

static struct holder *
find_holders(struct snap *s, size_t *count)
{
	size_t n, total = 0;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	struct holder *h = NULL;

	*count = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++) {
			const Psnap__Process *p = (const void *)v[i]->message;
			const Psnap__DescriptorTable *t = p == NULL ? NULL :
			    snap_get_message(s, p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE);

			for (size_t k = 0; t != NULL && k < t->n_descriptors; k++, total++) {
				if (pass == 0)
					continue;
				h[total].open_file = t->descriptors[k]->open_file_id;
				h[total].pid = p->pid;
				h[total].fd = t->descriptors[k]->fd;
			}
		}
		if (pass == 0 && (h = calloc(total + 1, sizeof *h)) == NULL)
			return NULL;
		*count = total;
		total = 0;
	}
	qsort(h, *count, sizeof *h, compare);
	return h;
}

/* ---- what it is ---- */

/* Descriptors in its unread messages. */
static size_t
count_under_way(const Psnap__Socket *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n_queue; i++)
		n += k->queue[i]->n_open_file_ids;
	return n;
}

/* "TEXT, N WHAT" in place of text, unless n is 0. */
static json_t *
and_count(json_t *text, unsigned long long n, const char *what)
{
	json_t *more;

	if (n == 0)
		return text;
	more = json_sprintf("%s, %llu %s", json_string_value(text), n, what);
	json_decref(text);
	return more;
}

static json_t *
socket_text(const Psnap__Socket *k)
{
	json_t *local = json_address(k->local), *remote = json_address(k->remote), *j;
	char family[64], type[64], state[64];

	word(&psnap__socket_family__descriptor, (int)k->family, family);
	word(&psnap__socket_type__descriptor, (int)k->type, type);
	word(&psnap__socket_state__descriptor, (int)k->state, state);
	if (k->tcp_state != 0)
		word(&psnap__tcp_state__descriptor, (int)k->tcp_state, state);
	j = json_sprintf("%s %s %s%s%s%s%s%s", family, type, state,
	    json_string_length(local) > 0 ? " " : "", json_string_value(local),
	    json_string_length(remote) > 0 ? " to " : "", json_string_value(remote),
	    k->peer_outside ? ", peer outside" : k->peer_id != 0 ? ", peer inside" : "");
	j = and_count(j, k->unread_bytes, "bytes unread");
	j = and_count(j, count_under_way(k), "descriptors under way");
	json_decref(local);
	json_decref(remote);
	return j;
}

static json_t *
inotify_text(struct snap *s, const Psnap__Inotify *n)
{
	json_t *text = json_sprintf("%zu watches", n->n_watches);

	/* as many as fit a line */
	for (size_t i = 0; i < n->n_watches && i < 4; i++) {
		const Psnap__File *f = snap_get_message(s, n->watches[i]->file_id, PSNAP_KIND_FILE);
		json_t *name = f != NULL ? json_bytes(f->path.data, f->path.len) : json_string("?");
		json_t *more = json_sprintf("%s%s %s", json_string_value(text), i == 0 ? ":" : ",",
		    json_string_value(name));

		json_decref(name);
		json_decref(text);
		text = more;
	}
	return text;
}

static json_t *
signalfd_text(const Psnap__Signalfd *f)
{
	json_t *mask = json_signals(f->signals), *text = json_sprintf("mask %s", json_string_value(mask));

	json_decref(mask);
	return text;
}

static json_t *
namespace_text(struct snap *s, uint64_t id)
{
	const Psnap__Namespace *n = snap_get_message(s, id, PSNAP_KIND_NAMESPACE);
	char w[64];

	if (n == NULL)
		return json_string("?");
	return json_sprintf("%s:[%llu]%s", word(&psnap__namespace_kind__descriptor, (int)n->kind, w),
	    (unsigned long long)n->inode, n->of_dumper ? ", the dumper's own" : "");
}

static json_t *
epoll_text(struct snap *s, const Psnap__Epoll *e)
{
	json_t *j = json_sprintf("watches %zu:", e->n_entries);

	for (size_t i = 0; i < e->n_entries; i++) {
		json_t *more = json_sprintf("%s %d%s", json_string_value(j), (int)e->entries[i]->fd,
		    snap_get_message(s, e->entries[i]->open_file_id, PSNAP_KIND_OPEN_FILE) == NULL ?
		    "(closed)" : "");

		json_decref(j);
		j = more;
	}
	return j;
}

/* Kind as a word, and what it is in words. */
static json_t *
describe(struct snap *s, const Psnap__OpenFile *f, const char **kind)
{
	const Psnap__File *file = snap_get_message(s, f->file_id, PSNAP_KIND_FILE);
	const Psnap__Pipe *pipe = snap_get_message(s, f->pipe_id, PSNAP_KIND_PIPE);
	const Psnap__Terminal *tty = snap_get_message(s, f->terminal_id, PSNAP_KIND_TERMINAL);
	const Psnap__Socket *sock = snap_get_message(s, f->socket_id, PSNAP_KIND_SOCKET);
	const Psnap__MemoryObject *mem = snap_get_message(s, f->memory_object_id, PSNAP_KIND_MEMORY_OBJECT);
	const Psnap__PosixQueue *queue = snap_get_message(s, f->posix_queue_id, PSNAP_KIND_POSIX_QUEUE);
	static char kindbuf[64];
	json_t *name, *j;

	if (file != NULL) {
		*kind = word(&psnap__file_type__descriptor, (int)file->type, kindbuf);
		name = json_bytes(file->path.data, file->path.len);
		if (!file->deleted && !file->outside)
			return name;
		j = json_sprintf("%s (%s)", json_string_value(name), file->deleted ? "deleted" : "outside");
		json_decref(name);
		return j;
	}
	if (pipe != NULL) {
		*kind = pipe->file_id != 0 ? "fifo" : "pipe";
		return json_sprintf("pipe %llu, %zu of %llu bytes unread", (unsigned long long)pipe->inode,
		    pipe->data.len, (unsigned long long)pipe->capacity);
	}
	if (tty != NULL) {
		*kind = "terminal";
		name = json_bytes(tty->path.data, tty->path.len);
		j = f->terminal_master ? json_sprintf("master of pts/%u", tty->index) :
		    json_sprintf("%s, %ux%u%s", json_string_value(name), tty->columns, tty->rows,
		    tty->outside ? ", master outside" : "");
		json_decref(name);
		return j;
	}
	if (sock != NULL) {
		*kind = "socket";
		return socket_text(sock);
	}
	if (mem != NULL) {
		*kind = "memfd";
		name = json_bytes(mem->name.data, mem->name.len);
		j = json_sprintf("%s, %llu bytes", json_string_value(name), (unsigned long long)mem->size);
		json_decref(name);
		return j;
	}
	if (queue != NULL) {
		*kind = "posix-queue";
		name = json_bytes(queue->name.data, queue->name.len);
		j = json_sprintf("/%s%s, %zu of %u messages", json_string_value(name), queue->unlinked ? " (unlinked)" : "",
		    queue->n_messages, queue->max_messages);
		json_decref(name);
		return j;
	}
	if (f->eventfd != NULL) {
		*kind = "eventfd";
		return json_sprintf("count %llu%s", (unsigned long long)f->eventfd->count,
		    f->eventfd->semaphore ? ", semaphore" : "");
	}
	if (f->epoll != NULL) {
		*kind = "epoll";
		return epoll_text(s, f->epoll);
	}
	if (f->timerfd != NULL) {
		*kind = "timerfd";
		return json_sprintf("%s, interval %llu ns", f->timerfd->armed ? "armed" : "disarmed",
		    (unsigned long long)f->timerfd->interval_ns);
	}
	if (f->signalfd != NULL) {
		*kind = "signalfd";
		return signalfd_text(f->signalfd);
	}
	if (f->inotify != NULL) {
		*kind = "inotify";
		return inotify_text(s, f->inotify);
	}
	if (f->namespace_file != NULL) {
		*kind = "namespace";
		return namespace_text(s, f->namespace_file->namespace_id);
	}
	if (f->pidfd != NULL) {
		*kind = "pidfd";
		return json_sprintf("pid %d", (int)f->pidfd->pid);
	}
	*kind = "unknown";
	return f->unknown != NULL ? json_text(f->unknown->type) : json_string("");
}

static json_t *
shared_with(const struct holder *h, size_t n, uint64_t id, int32_t pid, int32_t fd)
{
	json_t *list = json_array();
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (h[mid].open_file < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && h[lo].open_file == id; lo++)
		if (h[lo].pid != pid || h[lo].fd != fd)
			json_array_append_new(list, json_pack("{s:i, s:i}", "pid", (int)h[lo].pid, "fd",
			    (int)h[lo].fd));
	return list;
}

static void
set_kind(json_t *j, struct snap *s, const Psnap__OpenFile *f)
{
	const char *kind;
	json_t *what = describe(s, f, &kind);
	char w[64];

	json_object_set_new(j, "kind", json_string(kind));
	json_object_set_new(j, "what", what);
	json_object_set_new(j, "access", json_string(word(&psnap__access_mode__descriptor, (int)f->access, w)));
}

/* What whoever reads from the socket will get; not what may be under way in that, too. */
static json_t *
under_way(struct snap *s, uint64_t socket_id)
{
	const Psnap__Socket *k = snap_get_message(s, socket_id, PSNAP_KIND_SOCKET);
	json_t *list = json_array(), *j;

	for (size_t i = 0; k != NULL && i < k->n_queue; i++)
		for (size_t n = 0; n < k->queue[i]->n_open_file_ids; n++) {
			const Psnap__OpenFile *f =
			    snap_get_message(s, k->queue[i]->open_file_ids[n], PSNAP_KIND_OPEN_FILE);

			if (f == NULL)
				continue;
			j = json_pack("{s:i}", "message", (int)i);
			set_kind(j, s, f);
			json_array_append_new(list, j);
		}
	return list;
}

static json_t *
descriptor_json(struct snap *s, const Psnap__Process *p, const Psnap__Descriptor *x,
    const struct holder *h, size_t nholders)
{
	const Psnap__OpenFile *f = snap_get_message(s, x->open_file_id, PSNAP_KIND_OPEN_FILE);
	const Psnap__File *file = f == NULL ? NULL : snap_get_message(s, f->file_id, PSNAP_KIND_FILE);
	json_t *j = json_object();

	json_object_set_new(j, "fd", json_integer(x->fd));
	json_object_set_new(j, "close_on_exec", json_boolean(x->close_on_exec));
	if (f == NULL)
		return j;
	set_kind(j, s, f);
	json_object_set_new(j, "held", json_boolean(file != NULL && file->content_object_id != 0));
	json_object_set_new(j, "append", json_boolean(f->append));
	json_object_set_new(j, "non_block", json_boolean(f->non_block));
	json_object_set_new(j, "position", json_integer((json_int_t)f->position));
	json_object_set_new(j, "locks", json_integer((json_int_t)f->n_locks));
	json_object_set_new(j, "shared_with", shared_with(h, nholders, x->open_file_id, p->pid, x->fd));
	json_object_set_new(j, "under_way", under_way(s, f->socket_id));
	return j;
}

json_t *
files_make(struct snap *s, const struct options *o, int *status)
{
	size_t n, nholders;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	struct holder *h = find_holders(s, &nholders);
	json_t *list = json_array();

	(void)status;
	for (size_t i = 0; h != NULL && i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;
		const Psnap__DescriptorTable *t;
		json_t *all;

		if (!wanted(o, p))
			continue;
		if ((t = snap_get_message(s, p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE)) == NULL)
			continue;
		all = json_array();
		for (size_t k = 0; k < t->n_descriptors; k++)
			json_array_append_new(all, descriptor_json(s, p, t->descriptors[k], h, nholders));
		json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "pid", (int)p->pid, "comm",
		    json_text(p->comm), "descriptors", all));
	}
	free(h);
	return list;
}

static void
print_shared(const json_t *list)
{
	const json_t *j;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	printf("  shared:");
	json_array_foreach(list, i, j) {
		if (i == 4) {
			printf(" and %zu more", json_array_size(list) - 4);
			break;
		}
		printf(" %lld/%lld", (long long)num(j, "pid"), (long long)num(j, "fd"));
	}
}

void
files_print(const json_t *list)
{
	const json_t *p, *x, *u;
	size_t i, k, n;

	json_array_foreach(list, i, p) {
		printf("%spid %lld %s\n", i > 0 ? "\n" : "", (long long)num(p, "pid"), str(p, "comm"));
		json_array_foreach(json_object_get(p, "descriptors"), k, x) {
			printf("%5lld %-16s %-10s %s", (long long)num(x, "fd"), str(x, "kind"),
			    str(x, "access"), str(x, "what"));
			if (is_true(x, "held"))
				printf(", held");
			print_shared(json_object_get(x, "shared_with"));
			putchar('\n');
			json_array_foreach(json_object_get(x, "under_way"), n, u)
				printf("      under way: %-16s %-10s %s\n", str(u, "kind"), str(u, "access"),
				    str(u, "what"));
		}
	}
}
