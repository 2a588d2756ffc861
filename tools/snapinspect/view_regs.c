/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "tools/snapinspect/view.h"

static json_t *
hex_bytes(const ProtobufCBinaryData *b, size_t at, size_t n)
{
	char text[160];
	size_t used = 0;

	/* most significant byte first, as registers are written */
	for (size_t i = n; i > 0 && at + n <= b->len && used + 3 < sizeof text; i--)
		used += (size_t)sprintf(text + used, "%02x", b->data[at + i - 1]);
	return json_stringn(text, used);
}

static json_t *
segment(const Psnap__Segment *seg)
{
	char w[64];

	if (seg == NULL)
		return json_string("");
	word(&psnap__segment_kind__descriptor, (int)seg->kind, w);
	return seg->slot != 0 ? json_sprintf("%s %u", w, seg->slot) : json_string(w);
}

/* Fields of the message by their names; i386 tasks have e.. registers, eight of them. */
static json_t *
general(const Psnap__X86Registers *r, bool is32)
{
	json_t *j = json_object();

	for (unsigned i = 0; i < r->base.descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &r->base.descriptor->fields[i];
		const void *at = (const char *)r + f->offset;
		char name[16];

		snprintf(name, sizeof name, "%s", f->name);
		if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			json_object_set_new(j, name, segment(*(Psnap__Segment *const *)at));
			continue;
		}
		if (is32 && ((name[0] == 'r' && name[1] >= '0' && name[1] <= '9') || strchr(name, '_') != NULL)) {
			if (strcmp(name, "orig_rax") != 0)
				continue;
			strcpy(name, "orig_eax");
		} else if (is32 && name[0] == 'r') {
			name[0] = 'e';
		}
		json_object_set_new(j, name, json_hex(*(const uint64_t *)at));
	}
	return j;
}

static json_t *
fpu_json(const Psnap__Fpu *f)
{
	json_t *j = json_object(), *list = json_array();
	char w[64], name[40];

	for (size_t i = 0; i < f->n_present; i++)
		json_array_append_new(list, json_string(word(&psnap__fpu_component_kind__descriptor,
		    (int)f->present[i], w)));
	json_object_set_new(j, "present", list);
	if (f->x87 != NULL) {
		json_object_set_new(j, "control", json_hex(f->x87->control));
		json_object_set_new(j, "status", json_hex(f->x87->status));
		json_object_set_new(j, "tag", json_hex(f->x87->tag));
		for (size_t i = 0; i < 8; i++) {
			snprintf(name, sizeof name, "st%zu", i);
			json_object_set_new(j, name, hex_bytes(&f->x87->registers, i * 10, 10));
		}
	}
	if (f->sse != NULL) {
		json_object_set_new(j, "mxcsr", json_hex(f->sse->mxcsr));
		for (size_t i = 0; i < f->sse->registers.len / 16; i++) {
			snprintf(name, sizeof name, "xmm%zu", i);
			json_object_set_new(j, name, hex_bytes(&f->sse->registers, i * 16, 16));
		}
	}
	for (size_t i = 0; i < f->avx.len / 16; i++) {
		snprintf(name, sizeof name, "ymm%zu_high", i);
		json_object_set_new(j, name, hex_bytes(&f->avx, i * 16, 16));
	}
	for (size_t i = 0; i < f->n_opmask; i++) {
		snprintf(name, sizeof name, "k%zu", i);
		json_object_set_new(j, name, json_hex(f->opmask[i]));
	}
	for (size_t i = 0; i < f->zmm_high.len / 32; i++) {
		snprintf(name, sizeof name, "zmm%zu_high", i);
		json_object_set_new(j, name, hex_bytes(&f->zmm_high, i * 32, 32));
	}
	for (size_t i = 0; i < f->zmm_upper.len / 64; i++) {
		snprintf(name, sizeof name, "zmm%zu", i + 16);
		json_object_set_new(j, name, hex_bytes(&f->zmm_upper, i * 64, 64));
	}
	if (f->has_pkru)
		json_object_set_new(j, "pkru", json_hex(f->pkru));
	return j;
}

static json_t *
thread_json(const struct options *o, const Psnap__Thread *t)
{
	bool is32 = t->abi == PSNAP__ABI__ABI_I386;
	json_t *j = json_object();
	char w[64];

	json_object_set_new(j, "tid", json_integer(t->tid));
	json_object_set_new(j, "comm", json_text(t->comm));
	json_object_set_new(j, "abi", json_string(word(&psnap__abi__descriptor, (int)t->abi, w)));
	json_object_set_new(j, "signal_mask", json_signals(t->blocked));
	json_object_set_new(j, "restart", t->restart == NULL ? json_null() :
	    json_string(word(&psnap__restart_kind__descriptor, (int)t->restart->kind, w)));
	json_object_set_new(j, "remaining_ns", t->restart == NULL || !t->restart->remaining_known ? json_null() :
	    json_integer((json_int_t)t->restart->remaining_ns));
	json_object_set_new(j, "syscall", t->restart == NULL || !t->restart->in_syscall ? json_null() :
	    json_integer(t->restart->syscall));
	json_object_set_new(j, "registers", t->registers != NULL ? general(t->registers, is32) : json_null());
	if (o->fpu)
		json_object_set_new(j, "fpu", t->fpu != NULL ? fpu_json(t->fpu) : json_null());
	return j;
}

json_t *
regs_make(struct snap *s, const struct options *o, int *status)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_THREAD, &n);
	json_t *list = json_array();

	(void)status;
	for (size_t i = 0; i < n; i++) {
		const Psnap__Thread *t = (const void *)v[i]->message;
		const Psnap__Process *p = t != NULL ? get_process(s, t->process_id) : NULL;
		json_t *j;

		if (!wanted(o, p) || (o->tid != 0 && t->tid != o->tid))
			continue;
		j = thread_json(o, t);
		json_object_set_new(j, "pid", json_integer(p->pid));
		json_array_append_new(list, j);
	}
	return list;
}

static void
print_values(const json_t *j)
{
	const char *key;
	const json_t *v;
	int column = 0;

	json_object_foreach((json_t *)(uintptr_t)j, key, v) {
		if (!json_is_string(v))
			continue;
		printf("%s%-9s %-20s", column == 0 ? "  " : " ", key, json_string_value(v));
		if ((column = (column + 1) % 3) == 0)
			putchar('\n');
	}
	if (column != 0)
		putchar('\n');
}

void
regs_print(const json_t *list)
{
	const json_t *t;
	size_t i;

	json_array_foreach(list, i, t) {
		printf("%spid %lld thread %lld %s (%s)", i > 0 ? "\n" : "", (long long)num(t, "pid"),
		    (long long)num(t, "tid"), str(t, "comm"), str(t, "abi"));
		if (json_is_integer(json_object_get(t, "syscall")))
			printf(", in system call %lld: %s", (long long)num(t, "syscall"), str(t, "restart"));
		if (json_is_integer(json_object_get(t, "remaining_ns")))
			printf(" %.3f s", (double)num(t, "remaining_ns") / 1e9);
		putchar('\n');
		print_values(json_object_get(t, "registers"));
		print_values(json_object_get(t, "fpu"));
	}
}
