/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which variants of functions were chosen by CPU when programs started: the
 * addresses the dynamic linker left in memory lead to functions such as
 * __memcpy_avx512_unaligned_erms, whose names tell what they are written with.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/core/error.h"
#include "libsnap/fit/image.h"

/* ---- names ---- */

/* Words of glibc's names between underscores.  erms is about speed alone. */
static const struct { const char *word, *feature; } words[] = {
	{ "sse2", "sse2" }, { "sse3", "pni" }, { "ssse3", "ssse3" }, { "sse4", "sse4_1" },
	{ "sse41", "sse4_1" }, { "sse42", "sse4_2" }, { "avx", "avx" }, { "avx2", "avx2" }, { "fma", "fma" },
	{ "fma4", "fma4" }, { "avx512", "avx512f" }, { "evex", "avx512vl" }, { "evex512", "avx512vl" },
	{ "movbe", "movbe" }, { "rtm", "rtm" }, { "fxsave", "fxsr" }, { "xsave", "xsave" },
	{ "xsavec", "xsavec" },
};

bool
variant_features(const char *name, struct feature_set *out)
{
	bool some = false;

	memset(out, 0, sizeof *out);
	/* the first word is the function's own name */
	name += strspn(name, "_");
	name += strcspn(name, "_");
	while (*(name += strspn(name, "_")) != '\0') {
		size_t len = strcspn(name, "_");

		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (strlen(words[i].word) == len && memcmp(words[i].word, name, len) == 0) {
				set_add(out, (size_t)feature_find(words[i].feature, strlen(words[i].feature)));
				some = true;
			}
		name += len;
	}
	return some;
}

/* ---- addresses ---- */

struct search {
	struct fit	*f;
	struct image	*images;
	size_t		nimages;

	/* the process looked at, counted from 1, and its space */
	size_t		process;
	uint64_t	id;
	int32_t		pid;
	const struct snap_object *const *maps;
	size_t		nmaps;

	/* the page of it that was read last */
	uint64_t	number;
	bool		valid, held;
	uint8_t		*page;
};

/*
 * Where files are loaded in this space.  Mappings come in ascending order: the
 * first of a file is its lowest.
 */
static void
place_images(struct search *s)
{
	uint64_t mask = ~(uint64_t)(s->f->page - 1);

	for (size_t i = 0; i < s->nmaps; i++) {
		const Psnap__Mapping *m = (const void *)s->maps[i]->message;
		struct image *im = m->file_id != 0 ? image_find(s->images, s->nimages, m->file_id) : NULL;

		if (im == NULL || im->placed_for == s->process)
			continue;
		im->placed_for = s->process;
		im->placed = im->is_elf && m->offset == (im->first_offset & mask);
		im->bias = m->start - (im->first_vaddr & mask);
	}
}

/* The image loaded at an address, or NULL. */
static struct image *
image_at(const struct search *s, uint64_t addr)
{
	size_t lo = 0, hi = s->nmaps;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const Psnap__Mapping *m = (const void *)s->maps[mid]->message;
		struct image *im;

		if (addr < m->start)
			hi = mid;
		else if (addr >= m->end)
			lo = mid + 1;
		else {
			im = image_find(s->images, s->nimages, m->file_id);
			return im != NULL && im->placed_for == s->process && im->placed ? im : NULL;
		}
	}
	return NULL;
}

/* The variant that begins at an address of the file, or NULL. */
static const struct variant *
variant_at(const struct image *im, uint64_t vaddr)
{
	size_t lo = 0, hi = im->nvariants;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (im->variants[mid].vaddr < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < im->nvariants && im->variants[lo].vaddr == vaddr ? &im->variants[lo] : NULL;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether the file chooses the function of this name by CPU. */
static bool
is_choice(const struct image *im, const char *name)
{
	return im->nchoosers > 0 &&
	    bsearch(&name, im->choosers, im->nchoosers, sizeof *im->choosers, compare_names) != NULL;
}

/* ---- words of memory ---- */

/* The word at an address: 1, 0 if the snapshot does not hold it, or an error. */
static int
read_word(struct search *s, uint64_t addr, bool wide, uint64_t *out)
{
	uint32_t size = s->f->page, at = (uint32_t)(addr & (size - 1));
	int r;

	if (!s->valid || s->number != addr / size) {
		s->number = addr / size;
		r = snap_read_memory(s->f->s, s->id, addr - at, s->page, size, NULL, s->f->err);
		if (r != 0 && r != SNAP_E_NOT_FOUND)
			return r;
		s->valid = true;
		s->held = r == 0;
	}
	if (!s->held || size - at < (wide ? 8u : 4u))
		return 0;
	*out = wide ? psnap_get64(s->page + at) : psnap_get32(s->page + at);
	return 1;
}

static void
note_choice(struct search *s, const struct slot *slot, uint64_t addr)
{
	struct image *im = image_at(s, addr);
	const struct variant *v = im != NULL ? variant_at(im, addr - im->bias) : NULL;

	/* a function that is called by its full name was not chosen by CPU */
	if (v == NULL || (slot->name != NULL && !is_choice(im, slot->name)))
		return;
	for (size_t n = 0; n < feature_count(); n++)
		if (set_has(&v->features, n))
			witness_add(&im->chosen[n], s->pid, im->file_id, v->name);
}

static int
look_at_image(struct search *s, const struct image *im)
{
	uint64_t addr = 0;

	for (size_t i = 0; i < im->nslots; i++) {
		int r = read_word(s, im->bias + im->slots[i].vaddr, im->wide, &addr);

		if (r < 0)
			return r;
		if (r > 0)
			note_choice(s, &im->slots[i], addr);
	}
	return 0;
}

static int
look_at_space(struct search *s)
{
	int r = 0;

	s->valid = false;
	place_images(s);
	for (size_t i = 0; r == 0 && i < s->nimages; i++)
		if (s->images[i].placed_for == s->process && s->images[i].placed)
			r = look_at_image(s, &s->images[i]);
	return r;
}

int
variants_find(struct fit *f, struct image *images, size_t nimages)
{
	struct search s = { .f = f, .images = images, .nimages = nimages };
	size_t n;
	const struct snap_object *const *v = snap_get_kind(f->s, PSNAP_KIND_PROCESS, &n);
	int r = 0;

	if ((s.page = malloc(f->page)) == NULL)
		return error_nomem(f->err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;

		s.process = i + 1;
		s.id = p->address_space_id;
		s.pid = p->pid;
		s.maps = snap_get_children(f->s, s.id, PSNAP_KIND_MAPPING, &s.nmaps);
		if (s.nmaps > 0)
			r = look_at_space(&s);
	}
	free(s.page);
	return r;
}
