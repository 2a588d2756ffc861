/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of interfaces, and neighbours that were not learnt.
 */
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/net.h"

#define FOR_EVER	UINT32_MAX
#define SECOND_NS	UINT64_C(1000000000)

static uint32_t
address_flags(const struct net_object *o)
{
	return netlink_get32(o->a[IFA_FLAGS], ((const struct ifaddrmsg *)o->header)->ifa_flags);
}

/* ---- collecting ---- */

/* Temporary ones are made again from those they belong to. */
static int
take_address(struct dump *d, struct net *net, const struct net_object *o)
{
	const struct ifaddrmsg *h = o->header;

	(void)d;
	if (h->ifa_family == AF_INET6 && address_flags(o) & IFA_F_TEMPORARY)
		return 0;
	return net_record_family(h->ifa_family) != 0 && net_interface_id(net, h->ifa_index) != 0;
}

static int
take_neighbour(struct dump *d, struct net *net, const struct net_object *o)
{
	const struct ndmsg *h = o->header;

	(void)d;
	return net_record_family(h->ndm_family) != 0 && (h->ndm_state & NUD_PERMANENT || h->ndm_flags & NTF_PROXY) &&
	    net_interface_id(net, (uint32_t)h->ndm_ifindex) != 0 && o->a[NDA_DST] != NULL;
}

/* The order of each interface's is the kernel's. */
static int
compare_addresses(const void *a, const void *b)
{
	const struct net_object *x = *(const struct net_object *const *)a, *y = *(const struct net_object *const *)b;
	const struct ifaddrmsg *p = x->header, *q = y->header;

	if (p->ifa_index != q->ifa_index)
		return p->ifa_index < q->ifa_index ? -1 : 1;
	if (p->ifa_family != q->ifa_family)
		return p->ifa_family < q->ifa_family ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int
compare_neighbours(const void *a, const void *b)
{
	const struct net_object *x = *(const struct net_object *const *)a, *y = *(const struct net_object *const *)b;
	const struct ndmsg *p = x->header, *q = y->header;

	if (p->ndm_ifindex != q->ndm_ifindex)
		return p->ndm_ifindex < q->ndm_ifindex ? -1 : 1;
	if (p->ndm_family != q->ndm_family)
		return p->ndm_family < q->ndm_family ? -1 : 1;
	if (p->ndm_flags != q->ndm_flags)
		return p->ndm_flags < q->ndm_flags ? -1 : 1;
	return memcmp(RTA_DATA(x->a[NDA_DST]), RTA_DATA(y->a[NDA_DST]), p->ndm_family == AF_INET ? 4 : 16);
}

static void
number(struct dump *d, struct list *l, int (*compare)(const void *a, const void *b))
{
	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, compare);
	for (size_t i = 0; i < l->n; i++)
		((struct net_object *)l->v[i])->id = dump_new_id(d);
}

int
addresses_collect(struct dump *d, struct net *net)
{
	static const struct net_type addresses = { RTM_GETADDR, RTM_NEWADDR, sizeof(struct ifaddrmsg), IFA_MAX + 1,
	    take_address };
	static const struct net_type neighbours = { RTM_GETNEIGH, RTM_NEWNEIGH, sizeof(struct ndmsg), NDA_MAX + 1,
	    take_neighbour };
	const struct ifaddrmsg any = { .ifa_family = AF_UNSPEC };
	const struct ndmsg plain = { .ndm_family = AF_UNSPEC };
	const struct ndmsg proxies = { .ndm_family = AF_UNSPEC, .ndm_flags = NTF_PROXY };
	int r;

	if ((r = net_collect_objects(d, net, &addresses, &any, &net->addresses)) != 0 ||
	    (r = net_collect_objects(d, net, &neighbours, &plain, &net->neighbours)) != 0 ||
	    (r = net_collect_objects(d, net, &neighbours, &proxies, &net->neighbours)) != 0)
		return r;
	number(d, &net->addresses, compare_addresses);
	number(d, &net->neighbours, compare_neighbours);
	return 0;
}

/* ---- emitting ---- */

static void
emit_lifetime(struct glue_emit *e, const struct ifa_cacheinfo *c)
{
	if (c->ifa_valid != FOR_EVER)
		glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_VALID_NS, c->ifa_valid * SECOND_NS);
	if (c->ifa_prefered != FOR_EVER && c->ifa_prefered != c->ifa_valid)
		glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_PREFERRED_NS, c->ifa_prefered * SECOND_NS);
}

/* IFA_ADDRESS is the other end's where there is one, else the same as IFA_LOCAL, or alone. */
static void
address_fields(struct glue_emit *e, const void *object)
{
	const struct net_object *o = object;
	const struct ifaddrmsg *h = o->header;
	const struct rtattr *own = o->a[IFA_LOCAL] != NULL ? o->a[IFA_LOCAL] : o->a[IFA_ADDRESS];
	bool has_peer = own != NULL && o->a[IFA_ADDRESS] != NULL && own->rta_len == o->a[IFA_ADDRESS]->rta_len &&
	    memcmp(RTA_DATA(own), RTA_DATA(o->a[IFA_ADDRESS]), RTA_PAYLOAD(own)) != 0;
	uint32_t flags = address_flags(o);

	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_INTERFACE_ID, net_interface_id(o->net, h->ifa_index));
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_FAMILY, net_record_family(h->ifa_family));
	net_emit_bytes(e, PSNAP_F_INTERFACE_ADDRESS_ADDRESS, own);
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_PREFIX_BITS, h->ifa_prefixlen);
	if (has_peer)
		net_emit_bytes(e, PSNAP_F_INTERFACE_ADDRESS_PEER, o->a[IFA_ADDRESS]);
	net_emit_bytes(e, PSNAP_F_INTERFACE_ADDRESS_BROADCAST, o->a[IFA_BROADCAST]);
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_SCOPE, net_record_scope(h->ifa_scope));
	glue_emit_string(e, PSNAP_F_INTERFACE_ADDRESS_LABEL, netlink_get_text(o->a[IFA_LABEL]));
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_METRIC, netlink_get32(o->a[IFA_RT_PRIORITY], 0));
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_NO_PREFIX_ROUTE, (flags & IFA_F_NOPREFIXROUTE) != 0);
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_NO_DUPLICATE_DETECTION, (flags & IFA_F_NODAD) != 0);
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_TEMPORARY_FROM_IT, (flags & IFA_F_MANAGETEMPADDR) != 0);
	if (o->a[IFA_CACHEINFO] != NULL && RTA_PAYLOAD(o->a[IFA_CACHEINFO]) >= sizeof(struct ifa_cacheinfo))
		emit_lifetime(e, RTA_DATA(o->a[IFA_CACHEINFO]));
	glue_emit_uint(e, PSNAP_F_INTERFACE_ADDRESS_DEPRECATED, (flags & IFA_F_DEPRECATED) != 0);
}

static void
neighbour_fields(struct glue_emit *e, const void *object)
{
	const struct net_object *o = object;
	const struct ndmsg *h = o->header;

	glue_emit_uint(e, PSNAP_F_NEIGHBOUR_INTERFACE_ID, net_interface_id(o->net, (uint32_t)h->ndm_ifindex));
	glue_emit_uint(e, PSNAP_F_NEIGHBOUR_FAMILY, net_record_family(h->ndm_family));
	net_emit_bytes(e, PSNAP_F_NEIGHBOUR_ADDRESS, o->a[NDA_DST]);
	net_emit_bytes(e, PSNAP_F_NEIGHBOUR_LINK_ADDRESS, o->a[NDA_LLADDR]);
	glue_emit_uint(e, PSNAP_F_NEIGHBOUR_PROXY, (h->ndm_flags & NTF_PROXY) != 0);
	glue_emit_uint(e, PSNAP_F_NEIGHBOUR_ROUTER, (h->ndm_flags & NTF_ROUTER) != 0);
}

int
addresses_emit(struct dump *d, const struct net *net)
{
	int r = 0;

	for (size_t i = 0; i < net->addresses.n && r == 0; i++)
		r = dump_record(d, PSNAP_KIND_INTERFACE_ADDRESS, ((const struct net_object *)net->addresses.v[i])->id,
		    address_fields, net->addresses.v[i]);
	for (size_t i = 0; i < net->neighbours.n && r == 0; i++)
		r = dump_record(d, PSNAP_KIND_NEIGHBOUR, ((const struct net_object *)net->neighbours.v[i])->id,
		    neighbour_fields, net->neighbours.v[i]);
	return r;
}
