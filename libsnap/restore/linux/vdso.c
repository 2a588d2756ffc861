/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vdso of another kernel: its image stays where the program knows it, as
 * ordinary memory, and its entry points lead to this kernel's (restore-engine
 * section 6).  Signal trampolines stay: they make system calls themselves.
 */
#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "libsnap/restore/linux/linux.h"

#define JUMP_MAX	12

static const Psnap__Mapping *
find_vdso(struct restore *r, const struct target *t)
{
	size_t n;
	const struct snap_object *const *v =
	    snap_get_children(r->s, t->p->address_space_id, PSNAP_KIND_MAPPING, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		if (m->kind == PSNAP__MAPPING_KIND__MAPPING_VDSO)
			return m;
	}
	return NULL;
}

static const struct part *
live_vdso(const struct target *t)
{
	for (size_t i = 0; i < t->host->layout.n; i++)
		if (t->host->layout.part[i].vdso)
			return &t->host->layout.part[i];
	return NULL;
}

/* Distance of a vdso from the first of the kernel's mappings. */
static uint64_t
live_distance(const struct target *t, const struct part *vdso)
{
	for (size_t i = 0; i < t->host->layout.n; i++)
		if (t->host->layout.part[i].special)
			return vdso->start - t->host->layout.part[i].start;
	return 0;
}

static int
read_image(struct restore *r, struct target *t, const Psnap__Mapping *m, uint8_t *image)
{
	struct snap_error err;

	if (m->end - m->start > VDSO_MAX)
		return restore_fail(r, t, t->p->address_space_id, E2BIG, "its vdso");
	if (snap_read_memory(r->s, t->p->address_space_id, m->start, image, (size_t)(m->end - m->start), NULL,
	    &err) != 0)
		return restore_fail(r, t, t->p->address_space_id, 0, "its vdso is not in the snapshot");
	return 0;
}

int
vdso_compare(struct restore *r, struct target *t, uint64_t group_start, bool *foreign)
{
	const Psnap__Mapping *m = find_vdso(r, t);
	const struct part *live = live_vdso(t);
	uint8_t old[VDSO_MAX], now[VDSO_MAX];
	size_t n;
	int e;

	*foreign = false;
	if (m == NULL || live == NULL)
		return 0;
	if ((e = read_image(r, t, m, old)) != 0)
		return e;
	n = (size_t)(m->end - m->start);
	if (live->end - live->start != n || m->start - group_start != live_distance(t, live)) {
		*foreign = true;
		return 0;
	}
	if ((e = task_read(t->p->pid, live->start, now, n)) != 0)
		return restore_fail(r, t, t->id, -e, "reading the vdso");
	*foreign = memcmp(old, now, n) != 0;
	return 0;
}

/* Address of a function in an image, from its start; 0 none.  libelf minds the bounds. */
static uint64_t
symbol(uint8_t *image, size_t n, const char *name, size_t at, const char **nth)
{
	Elf *elf = elf_memory((char *)image, n);
	Elf_Scn *section = NULL;
	uint64_t found = 0;

	while (elf != NULL && found == 0 && (section = elf_nextscn(elf, section)) != NULL) {
		GElf_Shdr h;
		GElf_Sym s;
		Elf_Data *data;

		if (gelf_getshdr(section, &h) == NULL || h.sh_type != SHT_DYNSYM ||
		    (data = elf_getdata(section, NULL)) == NULL)
			continue;
		for (int i = 1; found == 0 && gelf_getsym(data, i, &s) != NULL; i++) {
			const char *is = elf_strptr(elf, h.sh_link, s.st_name);

			if (is == NULL || GELF_ST_TYPE(s.st_info) != STT_FUNC || s.st_value > n - JUMP_MAX)
				continue;
			/* by name, or the at-th of all */
			if (name != NULL ? strcmp(is, name) == 0 : at-- == 0) {
				found = s.st_value;
				if (nth != NULL)
					*nth = is;
			}
		}
	}
	/* names live in the image itself */
	elf_end(elf);
	return found;
}

static void
put_jump(uint8_t *at, bool is32, uint64_t from, uint64_t to)
{
	if (is32) {		/* jmp rel32 */
		at[0] = 0xe9;
		psnap_put32(at + 1, (uint32_t)(to - (from + 5)));
	} else {		/* mov $to, %rax; jmp *%rax */
		at[0] = 0x48;
		at[1] = 0xb8;
		psnap_put64(at + 2, to);
		at[10] = 0xff;
		at[11] = 0xe0;
	}
}

int
vdso_write(struct restore *r, struct target *t)
{
	const Psnap__Mapping *m = find_vdso(r, t);
	const struct part *live = live_vdso(t);
	uint8_t old[VDSO_MAX], patched[VDSO_MAX], now[VDSO_MAX];
	size_t n, n_now;
	uint64_t from;
	const char *name;
	int e;

	if (m == NULL || live == NULL)
		return 0;
	n = (size_t)(m->end - m->start);
	n_now = (size_t)(live->end - live->start);
	if (n_now > VDSO_MAX)
		return restore_fail(r, t, t->id, E2BIG, "this kernel's vdso");
	if ((e = read_image(r, t, m, old)) != 0)
		return e;
	if ((e = task_read(t->p->pid, live->start, now, n_now)) != 0)
		return restore_fail(r, t, t->id, -e, "reading the vdso");
	memcpy(patched, old, n);
	elf_version(EV_CURRENT);
	for (size_t i = 0; n > JUMP_MAX && (from = symbol(old, n, NULL, i, &name)) != 0; i++) {
		uint64_t to = strstr(name, "sigreturn") != NULL ? 0 : symbol(now, n_now, name, 0, NULL);

		if (to != 0)
			put_jump(patched + from, t->is32, m->start + from, live->start + to);
	}
	e = task_force_write(t->p->pid, m->start, patched, n);
	return e == 0 ? 0 : restore_fail(r, t, t->id, -e, "writing the vdso");
}
