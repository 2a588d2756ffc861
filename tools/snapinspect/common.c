/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/snapinspect/view.h"

#define ARGUMENTS_MAX	65536

const char *
word(const ProtobufCEnumDescriptor *e, int value, char buf[64])
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, value);
	const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(e, 0);
	const char *name;
	size_t prefix = 0, n = 0;

	if (v == NULL) {
		snprintf(buf, 64, "%d", value);
		return buf;
	}
	name = v->name;
	/* drop what all values of the enumeration begin with, whole words only */
	for (size_t i = 0; zero != NULL && name[i] != '\0' && name[i] == zero->name[i]; i++)
		if (name[i] == '_')
			prefix = i + 1;
	for (unsigned k = 0; k < e->n_values && prefix > 0; k++)
		while (prefix > 0 && strncmp(name, e->values[k].name, prefix) != 0)
			for (prefix--; prefix > 0 && name[prefix - 1] != '_'; prefix--)
				;
	for (name += prefix; *name != '\0' && n < 63; name++)
		buf[n++] = *name == '_' ? '-' : (char)tolower((unsigned char)*name);
	buf[n] = '\0';
	return buf;
}

#define SIGNAL_SET_MAX	16	/* SGS-1 */

json_t *
json_hex(uint64_t v)
{
	return json_sprintf("0x%llx", (unsigned long long)v);
}

json_t *
json_signals(const Psnap__SignalSet *set)
{
	char text[2 * SIGNAL_SET_MAX + 1] = "0";
	size_t n = set != NULL ? set->bits.len : 0, at = 0;

	n = n < SIGNAL_SET_MAX ? n : SIGNAL_SET_MAX;
	for (size_t i = n; i-- > 0;)
		at += (size_t)snprintf(text + at, sizeof text - at, i + 1 == n ? "%x" : "%02x", set->bits.data[i]);
	return json_sprintf("0x%s", text);
}

/* Marks that turn the direction of text: they could make a name look like another. */
static bool
turns_text(uint32_t c)
{
	return c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069);
}

/* Length of a valid UTF-8 sequence that prints as itself, or 0. */
static size_t
printable(const uint8_t *p, size_t n)
{
	uint32_t c;
	size_t len;

	if (p[0] >= 0x20 && p[0] < 0x7f)
		return p[0] != '\\';
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2, c = p[0] & 0x1f;
	else if ((p[0] & 0xf0) == 0xe0)
		len = 3, c = p[0] & 0x0f;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4, c = p[0] & 0x07;
	else
		return 0;
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	/* shortest form, no surrogates, no C1 controls */
	if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff) || c < 0xa0 || turns_text(c))
		return 0;
	return len;
}

json_t *
json_bytes(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	char *out = malloc(n * 4 + 1);
	size_t used = 0;
	json_t *j;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < n;) {
		size_t len = printable(p + i, n - i);

		if (len == 0) {
			used += (size_t)sprintf(out + used, "\\x%02x", p[i++]);
			continue;
		}
		memcpy(out + used, p + i, len);
		used += len;
		i += len;
	}
	j = json_stringn(out, used);
	free(out);
	return j;
}

json_t *
json_text(const char *s)
{
	return json_bytes(s, strlen(s));
}

const char *
str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

json_int_t
num(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

bool
is_true(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

bool
wanted(const struct options *o, const Psnap__Process *p)
{
	return p != NULL && (o->pid == 0 || p->pid == o->pid);
}

const Psnap__Process *
get_process(struct snap *s, uint64_t id)
{
	return snap_get_message(s, id, PSNAP_KIND_PROCESS);
}

const Psnap__AddressSpace *
get_space(struct snap *s, uint64_t id)
{
	return snap_get_message(s, id, PSNAP_KIND_ADDRESS_SPACE);
}

json_t *
command_line(struct snap *s, const Psnap__Process *p, bool environment)
{
	const Psnap__AddressSpace *a = get_space(s, p->address_space_id);
	uint64_t start, end;
	size_t len, done = 0;
	uint8_t *buf;
	json_t *list;

	if (a == NULL)
		return NULL;
	start = environment ? a->environment_start : a->arguments_start;
	end = environment ? a->environment_end : a->arguments_end;
	if (end <= start)
		return NULL;
	len = end - start < ARGUMENTS_MAX ? (size_t)(end - start) : ARGUMENTS_MAX;
	if ((buf = malloc(len)) == NULL)
		return NULL;
	snap_read_memory(s, p->address_space_id, start, buf, len, &done, NULL);
	list = done > 0 ? json_array() : NULL;
	for (size_t i = 0; i < done;) {
		const uint8_t *nul = memchr(buf + i, '\0', done - i);
		size_t n = nul != NULL ? (size_t)(nul - (buf + i)) : done - i;

		json_array_append_new(list, json_bytes(buf + i, n));
		i += n + 1;
	}
	free(buf);
	return list;
}

json_t *
mapping_name(struct snap *s, const Psnap__Mapping *m)
{
	const Psnap__File *f = snap_get_message(s, m->file_id, PSNAP_KIND_FILE);
	const Psnap__MemoryObject *o = snap_get_message(s, m->memory_object_id, PSNAP_KIND_MEMORY_OBJECT);
	char w[64];

	if (f != NULL)
		return json_bytes(f->path.data, f->path.len);
	if (o != NULL && o->name.len > 0) {
		json_t *name = json_bytes(o->name.data, o->name.len);
		json_t *j = json_sprintf("%s:%s", word(&psnap__memory_object_kind__descriptor, (int)o->kind, w),
		    json_string_value(name));

		json_decref(name);
		return j;
	}
	if (o != NULL)
		return json_sprintf("%s object %llu", word(&psnap__memory_object_kind__descriptor,
		    (int)o->kind, w), (unsigned long long)m->memory_object_id);
	if (m->role == PSNAP__MAPPING_ROLE__MAPPING_ROLE_HEAP)
		return json_string("[heap]");
	if (m->role == PSNAP__MAPPING_ROLE__MAPPING_ROLE_STACK)
		return json_string("[stack]");
	if (m->name.len == 0)
		return json_string("");
	if (m->role == PSNAP__MAPPING_ROLE__MAPPING_ROLE_NAMED) {
		json_t *name = json_bytes(m->name.data, m->name.len);
		json_t *j = json_sprintf("[anon:%s]", json_string_value(name));

		json_decref(name);
		return j;
	}
	return json_bytes(m->name.data, m->name.len);
}
json_t *
json_ip(const ProtobufCBinaryData *ip)
{
	char text[48] = "";
	size_t n = 0;

	if (ip->len == 4)
		return json_sprintf("%u.%u.%u.%u", ip->data[0], ip->data[1], ip->data[2], ip->data[3]);
	for (size_t i = 0; ip->len == 16 && i < 16; i += 2)
		n += (size_t)sprintf(text + n, "%s%x", i > 0 ? ":" : "", ip->data[i] << 8 | ip->data[i + 1]);
	return json_string(text);
}

json_t *
json_address(const Psnap__SocketAddress *a)
{
	json_t *path, *j;

	if (a == NULL)
		return json_string("");
	if (a->unix_path.len > 0)
		return json_bytes(a->unix_path.data, a->unix_path.len);
	if (a->unix_abstract.len > 0) {
		path = json_bytes(a->unix_abstract.data, a->unix_abstract.len);
		j = json_sprintf("@%s", json_string_value(path));
		json_decref(path);
		return j;
	}
	if (a->netlink_port != 0)
		return json_sprintf("port %u", a->netlink_port);
	if (a->interface.len > 0)
		return json_bytes(a->interface.data, a->interface.len);
	if (a->ip.len == 4 || a->ip.len == 16) {
		path = json_ip(&a->ip);
		j = json_sprintf(a->ip.len == 4 ? "%s:%u" : "[%s]:%u", json_string_value(path), a->port);
		json_decref(path);
		return j;
	}
	return json_string("");
}

