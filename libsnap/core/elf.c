/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notes of ELF files.  libelf minds the bounds of the file.
 */
#include <gelf.h>
#include <string.h>

#include "libsnap/core/elf.h"

static bool
notes_at(Elf *elf, uint64_t offset, uint64_t size, uint64_t align, elf_note_fn *fn, void *ctx)
{
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)offset, size, align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t name, desc;
	GElf_Nhdr note;

	for (size_t at = 0; data != NULL && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0;)
		if (note.n_namesz == 4 && memcmp((const char *)data->d_buf + name, "GNU", 4) == 0 &&
		    fn(ctx, note.n_type, (const uint8_t *)data->d_buf + desc, note.n_descsz))
			return true;
	return false;
}

static bool
section_notes(Elf *elf, elf_note_fn *fn, void *ctx)
{
	GElf_Shdr h;

	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s)) != NULL;)
		if (gelf_getshdr(s, &h) != NULL && h.sh_type == SHT_NOTE &&
		    notes_at(elf, h.sh_offset, h.sh_size, h.sh_addralign, fn, ctx))
			return true;
	return false;
}

bool
elf_notes(Elf *elf, elf_note_fn *fn, void *ctx)
{
	size_t n = 0, segments = 0;
	GElf_Phdr p;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++) {
		if (gelf_getphdr(elf, (int)i, &p) == NULL || p.p_type != PT_NOTE || p.p_filesz == 0)
			continue;
		segments++;
		if (notes_at(elf, p.p_offset, p.p_filesz, p.p_align, fn, ctx))
			return true;
	}
	return segments == 0 && section_notes(elf, fn, ctx);
}

struct build_id {
	const uint8_t	*id;
	size_t		n;
};

static bool
is_that_id(void *ctx, uint32_t type, const uint8_t *desc, size_t len)
{
	const struct build_id *b = ctx;

	return type == NT_GNU_BUILD_ID && len == b->n && memcmp(desc, b->id, len) == 0;
}

bool
elf_is_build(Elf *elf, const uint8_t *id, size_t n)
{
	struct build_id b = { id, n };

	return elf_notes(elf, is_that_id, &b);
}
