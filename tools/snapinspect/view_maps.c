/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/snapinspect/view.h"

static json_t *
advice_json(const Psnap__MappingAdvice *a)
{
	json_t *list = json_array();

	if (a == NULL)
		return list;
	/* every field of the message is a flag */
	for (unsigned i = 0; i < a->base.descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &a->base.descriptor->fields[i];

		if (*(const protobuf_c_boolean *)((const char *)a + f->offset))
			json_array_append_new(list, json_string(f->name));
	}
	return list;
}

static json_t *
mapping_json(struct snap *s, const Psnap__Mapping *m)
{
	json_t *j = json_object();
	char w[64], prot[4] = "---";

	if (m->readable)
		prot[0] = 'r';
	if (m->writable)
		prot[1] = 'w';
	if (m->executable)
		prot[2] = 'x';
	json_object_set_new(j, "start", json_hex(m->start));
	json_object_set_new(j, "end", json_hex(m->end));
	json_object_set_new(j, "protection", json_string(prot));
	json_object_set_new(j, "kind", json_string(word(&psnap__mapping_kind__descriptor, (int)m->kind, w)));
	json_object_set_new(j, "bytes", json_integer((json_int_t)(m->end - m->start)));
	json_object_set_new(j, "resident_pages", json_integer((json_int_t)m->resident_pages));
	json_object_set_new(j, "held_pages", json_integer((json_int_t)m->held_pages));
	json_object_set_new(j, "offset", json_hex(m->offset));
	json_object_set_new(j, "name", mapping_name(s, m));
	json_object_set_new(j, "grows_down", json_boolean(m->grows_down));
	json_object_set_new(j, "locked", json_boolean(m->locked));
	json_object_set_new(j, "advice", advice_json(m->advice));
	json_object_set_new(j, "guards", json_integer((json_int_t)m->n_guards));
	return j;
}

json_t *
maps_make(struct snap *s, const struct options *o, int *status)
{
	size_t n, nmaps;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	json_t *list = json_array();

	(void)status;
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;
		const struct snap_object *const *maps;
		json_t *j, *all;

		if (!wanted(o, p) || p->address_space_id == 0)
			continue;
		maps = snap_get_children(s, p->address_space_id, PSNAP_KIND_MAPPING, &nmaps);
		all = json_array();
		for (size_t k = 0; k < nmaps; k++)
			if (maps[k]->message != NULL)
				json_array_append_new(all, mapping_json(s, (const void *)maps[k]->message));
		j = json_pack("{s:i, s:o, s:o}", "pid", (int)p->pid, "comm", json_text(p->comm), "mappings", all);
		json_array_append_new(list, j);
	}
	return list;
}

void
maps_print(const json_t *list)
{
	const json_t *p, *m;
	size_t i, k;

	json_array_foreach(list, i, p) {
		printf("%spid %lld %s\n", i > 0 ? "\n" : "", (long long)num(p, "pid"), str(p, "comm"));
		printf("%-29s %-4s %-15s %9s %9s %s\n", "range", "prot", "kind", "resident", "held", "name");
		json_array_foreach(json_object_get(p, "mappings"), k, m)
			printf("%12s-%-16s %-4s %-15s %9lld %9lld %s\n", str(m, "start") + 2, str(m, "end") + 2,
			    str(m, "protection"), str(m, "kind"), (long long)num(m, "resident_pages"),
			    (long long)num(m, "held_pages"), str(m, "name"));
	}
}
