/* SPDX-License-Identifier: BSD-2-Clause */
#include "libsnap/model/tcp_queue.h"
#include "tools/snapinspect/view.h"

#define IPPROTO_TCP_NUMBER	6	/* IANA */
#define IPPROTO_UDP_NUMBER	17
#define IPPROTO_UDPLITE_NUMBER	136

/* ---- one connection ---- */

static json_t *
window_json(const Psnap__TcpWindow *w)
{
	return w == NULL ? json_null() : json_pack("{s:I, s:I, s:I, s:I, s:I}",
	    "send", (json_int_t)w->send_window, "max_send", (json_int_t)w->max_send_window,
	    "receive", (json_int_t)w->receive_window, "send_update", (json_int_t)w->send_update,
	    "receive_update", (json_int_t)w->receive_update);
}

static json_t *
scale_json(const Psnap__TcpWindowScale *w)
{
	return w == NULL ? json_null() : json_pack("{s:I, s:I}", "send", (json_int_t)w->send,
	    "receive", (json_int_t)w->receive);
}

static json_int_t
queued(struct snap *s, const struct snap_object *connection, Psnap__TcpQueue queue)
{
	return (json_int_t)tcp_queue_length(s, connection, queue);
}

static json_t *
connection_json(struct snap *s, uint64_t socket_id)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, socket_id, PSNAP_KIND_TCP_CONNECTION, &n);
	const Psnap__TcpConnection *c;

	if (n == 0)
		return json_null();
	c = (const void *)v[0]->message;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:b}",
	    "send_sequence", (json_int_t)c->send_sequence, "send_bytes", queued(s, v[0], PSNAP__TCP_QUEUE__TCP_QUEUE_SEND),
	    "not_sent", (json_int_t)c->not_sent, "receive_sequence", (json_int_t)c->receive_sequence,
	    "receive_bytes", queued(s, v[0], PSNAP__TCP_QUEUE__TCP_QUEUE_RECEIVE), "max_segment", (json_int_t)c->max_segment,
	    "window", window_json(c->window), "window_scale", scale_json(c->window_scale),
	    "selective_acks", (int)c->selective_acks, "timestamps", (int)c->timestamps);
}

/* ---- one socket ---- */

/* "tcp", "udp6", "unix-stream", ... */
static json_t *
protocol(const Psnap__Socket *k)
{
	bool six = k->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6;
	char family[64], type[64];

	if (six || k->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV4) {
		const char *name = k->protocol == IPPROTO_TCP_NUMBER ? "tcp" :
		    k->protocol == IPPROTO_UDP_NUMBER ? "udp" :
		    k->protocol == IPPROTO_UDPLITE_NUMBER ? "udplite" : NULL;

		return name != NULL ? json_sprintf("%s%s", name, six ? "6" : "") :
		    json_sprintf("ip%s-%u", six ? "6" : "", k->protocol);
	}
	return json_sprintf("%s-%s", word(&psnap__socket_family__descriptor, (int)k->family, family),
	    word(&psnap__socket_type__descriptor, (int)k->type, type));
}

static const char *
state(const Psnap__Socket *k, char buf[64])
{
	return k->tcp_state != PSNAP__TCP_STATE__TCP_STATE_NONE ?
	    word(&psnap__tcp_state__descriptor, (int)k->tcp_state, buf) :
	    word(&psnap__socket_state__descriptor, (int)k->state, buf);
}

static json_t *
datagrams_json(const Psnap__Socket *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->n_queue; i++)
		if (k->queue[i]->source != NULL)
			json_array_append_new(list, json_pack("{s:o, s:I}", "source", json_address(k->queue[i]->source),
			    "bytes", (json_int_t)k->queue[i]->data.len));
	return list;
}

static json_t *
membership_json(const Psnap__MulticastMembership *m)
{
	json_t *sources = json_array();

	for (size_t i = 0; i < m->n_sources; i++)
		json_array_append_new(sources, json_ip(&m->sources[i]));
	return json_pack("{s:o, s:o, s:b, s:o}", "group", json_ip(&m->group), "interface",
	    json_bytes(m->interface.data, m->interface.len), "include", (int)m->include, "sources", sources);
}

static json_t *
memberships_json(const Psnap__Socket *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->n_memberships; i++)
		json_array_append_new(list, membership_json(k->memberships[i]));
	return list;
}

static json_t *
groups_json(const Psnap__Socket *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->n_netlink_groups; i++)
		json_array_append_new(list, json_integer((json_int_t)k->netlink_groups[i]));
	return list;
}

static json_t *
waiting_json(const Psnap__Socket *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->n_pending_ids; i++)
		json_array_append_new(list, json_integer((json_int_t)k->pending_ids[i]));
	return list;
}

static json_t *
socket_json(struct snap *s, const Psnap__Process *p, int32_t fd, uint64_t id)
{
	const Psnap__Socket *k = snap_get_message(s, id, PSNAP_KIND_SOCKET);
	char w[64];

	if (k == NULL)
		return NULL;
	return json_pack("{s:i, s:i, s:I, s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I}",
	    "pid", (int)p->pid, "fd", (int)fd, "socket", (json_int_t)id, "protocol", protocol(k),
	    "state", state(k, w), "local", json_address(k->local), "remote", json_address(k->remote),
	    "unread", (json_int_t)k->unread_bytes, "unsent", (json_int_t)k->unsent_bytes,
	    "backlog", (json_int_t)k->backlog, "pending", (json_int_t)k->pending_connections,
	    "waiting", waiting_json(k),
	    "connection", connection_json(s, id), "datagrams", datagrams_json(k),
	    "memberships", memberships_json(k), "netlink_groups", groups_json(k),
	    "filter_bytes", (json_int_t)k->filter.len);
}

json_t *
net_make(struct snap *s, const struct options *o, int *status)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	json_t *list = json_array(), *j;

	(void)status;
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;
		const Psnap__DescriptorTable *t = !wanted(o, p) ? NULL :
		    snap_get_message(s, p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE);

		for (size_t k = 0; t != NULL && k < t->n_descriptors; k++) {
			const Psnap__OpenFile *f =
			    snap_get_message(s, t->descriptors[k]->open_file_id, PSNAP_KIND_OPEN_FILE);

			if (f != NULL && (j = socket_json(s, p, t->descriptors[k]->fd, f->socket_id)) != NULL)
				json_array_append_new(list, j);
		}
	}
	stacks_add(s, list);
	return list;
}

static void
print_connection(const json_t *c)
{
	const json_t *scale = json_object_get(c, "window_scale");

	if (num(c, "max_segment") == 0) {
		printf("        will send from %lld, once it is answered\n", (long long)num(c, "send_sequence"));
		return;
	}
	printf("        sends from %lld: %lld bytes, %lld never sent; receives from %lld: %lld bytes; "
	    "segments of %lld", (long long)num(c, "send_sequence"), (long long)num(c, "send_bytes"),
	    (long long)num(c, "not_sent"), (long long)num(c, "receive_sequence"),
	    (long long)num(c, "receive_bytes"), (long long)num(c, "max_segment"));
	if (json_is_object(scale))
		printf(", window scales %lld and %lld", (long long)num(scale, "send"),
		    (long long)num(scale, "receive"));
	printf("%s%s\n", is_true(c, "selective_acks") ? ", selective acks" : "",
	    is_true(c, "timestamps") ? ", timestamps" : "");
}

static void
print_datagrams(const json_t *list)
{
	const json_t *j;
	size_t i;

	json_array_foreach(list, i, j)
		printf("        %lld bytes unread from %s\n", (long long)num(j, "bytes"), str(j, "source"));
}

static void
print_memberships(const json_t *list)
{
	const json_t *j;
	size_t i;

	json_array_foreach(list, i, j) {
		size_t n = json_array_size(json_object_get(j, "sources"));

		printf("        in group %s on %s", str(j, "group"), str(j, "interface"));
		if (n > 0)
			printf(", %s %zu sources", is_true(j, "include") ? "from" : "but from", n);
		putchar('\n');
	}
}

static void
print_sockets(const json_t *list)
{
	const json_t *j, *c;
	size_t i;

	if (json_object_get(json_array_get(list, 0), "fd") != NULL)
		printf("%7s %5s %-14s %-12s %7s %7s  %s\n", "pid", "fd", "protocol", "state", "unread", "unsent",
		    "local, remote");
	json_array_foreach(list, i, j) {
		const char *remote = str(j, "remote");

		if (json_object_get(j, "fd") == NULL)
			continue;
		c = json_object_get(j, "connection");
		printf("%7lld %5lld %-14s %-12s %7lld %7lld  %s%s%s\n", (long long)num(j, "pid"),
		    (long long)num(j, "fd"), str(j, "protocol"), str(j, "state"), (long long)num(j, "unread"),
		    (long long)num(j, "unsent"), str(j, "local"), remote[0] != '\0' ? ", " : "", remote);
		if (json_is_object(c))
			print_connection(c);
		print_datagrams(json_object_get(j, "datagrams"));
		print_memberships(json_object_get(j, "memberships"));
	}
}

void
net_print(const json_t *list)
{
	const json_t *j;
	size_t i;

	print_sockets(list);
	json_array_foreach(list, i, j)
		if (json_object_get(j, "interfaces") != NULL)
			stack_print(j);
}
