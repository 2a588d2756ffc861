/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF core, front to back: everything before the memory is laid out first,
 * so that the output may be a pipe.
 */
#include <stdlib.h>
#include <string.h>

#include <libelf.h>

#include "libsnap/core/error.h"
#include "libsnap/core/io.h"
#include "libsnap/export/core/core.h"
#include "libsnap/export/export.h"

#define CHUNK	(1u << 20)

struct layout {
	uint64_t	phdrs, shdr, notes, memory;	/* offsets */
	uint64_t	notes_len;
	bool		many;		/* more program headers than e_phnum counts */
};

/* A structure of libelf's in the file's byte order and class. */
static int
emit(int fd, bool wide, Elf_Type type, void *src, size_t size, struct snap_error *err)
{
	uint8_t bytes[128];
	Elf_Data in = { .d_buf = src, .d_type = type, .d_version = EV_CURRENT, .d_size = size };
	Elf_Data out = { .d_buf = bytes, .d_version = EV_CURRENT, .d_size = sizeof bytes };

	if ((wide ? elf64_xlatetof(&out, &in, ELFDATA2LSB) : elf32_xlatetof(&out, &in, ELFDATA2LSB)) == NULL)
		return error_set(err, SNAP_E_UNSUPPORTED, "", 0, "libelf: %s", elf_errmsg(-1));
	if (io_write(fd, bytes, out.d_size) != 0)
		return error_io(err, 0, "writing the core");
	return 0;
}

static int
emit_header(const struct core *c, int fd, const struct layout *l, size_t nphdrs, struct snap_error *err)
{
	uint16_t phnum = l->many ? PN_XNUM : (uint16_t)nphdrs;
	unsigned char ident[EI_NIDENT] = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
	    c->wide ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT };

	if (c->wide) {
		Elf64_Ehdr h = { .e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		    .e_phoff = l->phdrs, .e_shoff = l->shdr, .e_ehsize = sizeof h,
		    .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = phnum,
		    .e_shentsize = l->many ? sizeof(Elf64_Shdr) : 0, .e_shnum = l->many };

		memcpy(h.e_ident, ident, sizeof ident);
		return emit(fd, true, ELF_T_EHDR, &h, sizeof h, err);
	}
	Elf32_Ehdr h = { .e_type = ET_CORE, .e_machine = EM_386, .e_version = EV_CURRENT,
	    .e_phoff = (Elf32_Off)l->phdrs, .e_shoff = (Elf32_Off)l->shdr, .e_ehsize = sizeof h,
	    .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = phnum,
	    .e_shentsize = l->many ? sizeof(Elf32_Shdr) : 0, .e_shnum = l->many };

	memcpy(h.e_ident, ident, sizeof ident);
	return emit(fd, false, ELF_T_EHDR, &h, sizeof h, err);
}

static int
emit_phdr(const struct core *c, int fd, uint32_t type, uint32_t flags, uint64_t offset, uint64_t addr,
    uint64_t filesz, uint64_t memsz, uint64_t align, struct snap_error *err)
{
	if (c->wide) {
		Elf64_Phdr p = { .p_type = type, .p_flags = flags, .p_offset = offset, .p_vaddr = addr,
		    .p_filesz = filesz, .p_memsz = memsz, .p_align = align };

		return emit(fd, true, ELF_T_PHDR, &p, sizeof p, err);
	}
	Elf32_Phdr p = { .p_type = type, .p_flags = flags, .p_offset = (Elf32_Off)offset,
	    .p_vaddr = (Elf32_Addr)addr, .p_filesz = (Elf32_Word)filesz, .p_memsz = (Elf32_Word)memsz,
	    .p_align = (Elf32_Word)align };

	return emit(fd, false, ELF_T_PHDR, &p, sizeof p, err);
}

/* Section header 0 holds the number of program headers that e_phnum cannot. */
static int
emit_shdr(const struct core *c, int fd, size_t nphdrs, struct snap_error *err)
{
	if (c->wide) {
		Elf64_Shdr s = { .sh_info = (Elf64_Word)nphdrs, .sh_size = 1 };

		return emit(fd, true, ELF_T_SHDR, &s, sizeof s, err);
	}
	Elf32_Shdr s = { .sh_info = (Elf32_Word)nphdrs, .sh_size = 1 };

	return emit(fd, false, ELF_T_SHDR, &s, sizeof s, err);
}

static struct layout
plan(const struct core *c, size_t nphdrs, size_t notes_len)
{
	struct layout l = { .many = nphdrs >= PN_XNUM, .notes_len = notes_len };

	l.phdrs = c->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	l.notes = l.phdrs + nphdrs * (c->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
	if (l.many) {
		l.shdr = l.notes;
		l.notes += c->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	}
	l.memory = (l.notes + notes_len + c->page - 1) / c->page * c->page;
	return l;
}

/* Class 32 has 32-bit offsets and addresses. */
static bool
fits(const struct core *c, const struct segments *segs, const struct layout *l)
{
	uint64_t offset = l->memory;

	for (size_t i = 0; i < segs->n && !c->wide; i++) {
		if (segs->v[i].end > UINT64_C(1) << 32)
			return false;
		if (segs->v[i].held)
			offset += segs->v[i].end - segs->v[i].start;
	}
	return c->wide || offset <= UINT32_MAX;
}

static int
emit_headers(const struct core *c, int fd, const struct segments *segs, const struct layout *l,
    struct snap_error *err)
{
	uint64_t offset = l->memory;
	int r;

	if ((r = emit_header(c, fd, l, segs->loads + 1, err)) != 0 ||
	    (r = emit_phdr(c, fd, PT_NOTE, 0, l->notes, 0, l->notes_len, 0, 4, err)) != 0)
		return r;
	for (size_t i = 0; i < segs->n; i++) {
		const struct segment *s = &segs->v[i];
		uint64_t size = s->end - s->start, held;

		while (i + 1 < segs->n && segs->v[i + 1].joined) {
			i++;
			size += segs->v[i].end - segs->v[i].start;
		}
		held = s->held ? size : 0;
		if ((r = emit_phdr(c, fd, PT_LOAD, s->flags, offset, s->start, held, size, c->page, err)) != 0)
			return r;
		offset += held;
	}
	return l->many ? emit_shdr(c, fd, segs->loads + 1, err) : 0;
}

static int
emit_memory(const struct core *c, int fd, const struct segments *segs, struct snap_error *err)
{
	uint8_t *buf = malloc(CHUNK);
	int r = 0;

	if (buf == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < segs->n && r == 0; i++) {
		const struct segment *s = &segs->v[i];
		uint64_t size = s->end - s->start;

		for (uint64_t at = 0; s->held && at < size && r == 0; at += CHUNK) {
			size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;

			if (s->owner == 0)
				memset(buf, 0, n);
			else if ((r = snap_read_memory(c->s, s->owner, s->base + at, buf, n, NULL, err)) != 0)
				break;
			if (io_write(fd, buf, n) != 0)
				r = error_io(err, 0, "writing the core");
		}
	}
	free(buf);
	return r;
}

static int
write_core(struct core *c, int fd, struct snap_error *err)
{
	static const uint8_t zeros[1 << PSNAP_PAGE_SHIFT_MAX];
	struct segments segs = { 0 };
	struct buf notes = { 0 };
	struct layout l;
	int r;

	if ((r = core_notes(c, &notes, err)) != 0 || (r = core_segments(c, &segs, err)) != 0)
		goto out;
	l = plan(c, segs.loads + 1, notes.len);
	if (notes.len > UINT32_MAX || segs.loads >= UINT32_MAX || !fits(c, &segs, &l)) {
		r = error_set(err, SNAP_E_REFUSED, "", 0, "pid %d does not fit a core of its class",
		    (int)c->process->pid);
		goto out;
	}
	if ((r = emit_headers(c, fd, &segs, &l, err)) != 0)
		goto out;
	if (io_write(fd, notes.p, notes.len) != 0 ||
	    io_write(fd, zeros, (size_t)(l.memory - l.notes - notes.len)) != 0) {
		r = error_io(err, 0, "writing the core");
		goto out;
	}
	r = emit_memory(c, fd, &segs, err);
out:
	free(segs.v);
	free(notes.p);
	return r;
}

/* ---- which process ---- */

/* The message of the only record of a kind, or NULL. */
static const void *
only(struct snap *s, uint32_t kind)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, kind, &n);

	return n > 0 ? v[0]->message : NULL;
}

static const struct snap_object *
find_process(struct snap *s, uint32_t pid)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	const Psnap__Instance *i = only(s, PSNAP_KIND_INSTANCE);

	if (pid == 0 && i != NULL &&
	    snap_get_message(s, i->root_process_id, PSNAP_KIND_PROCESS) != NULL)
		return snap_get_object(s, i->root_process_id);
	for (size_t k = 0; k < n; k++) {
		const Psnap__Process *p = (const void *)v[k]->message;

		if (pid != 0 && p != NULL && (uint32_t)p->pid == pid)
			return v[k];
	}
	return NULL;
}

static int
choose(struct core *c, uint32_t pid, struct snap_error *err)
{
	const struct snap_object *o = find_process(c->s, pid);

	if (o == NULL && pid == 0)
		return error_set(err, SNAP_E_NOT_FOUND, "", 0, "the snapshot has no root process");
	if (o == NULL)
		return error_set(err, SNAP_E_NOT_FOUND, "", 0, "no process %u in the snapshot", (unsigned)pid);
	c->process = (const void *)o->message;
	if (c->process->state == PSNAP__PROCESS_STATE__PROCESS_ZOMBIE)
		return error_object(err, SNAP_E_REFUSED, "", o->id, o->offset,
		    "pid %d is a zombie and has no memory", (int)c->process->pid);
	if (c->process->abi != PSNAP__ABI__ABI_AMD64 && c->process->abi != PSNAP__ABI__ABI_I386)
		return error_object(err, SNAP_E_UNSUPPORTED, "", o->id, o->offset,
		    "pid %d is of abi %d: no cores of that", (int)c->process->pid, (int)c->process->abi);
	c->space = snap_get_message(c->s, c->process->address_space_id, PSNAP_KIND_ADDRESS_SPACE);
	if (c->space == NULL)							/* GRA-2 */
		return error_object(err, SNAP_E_CORRUPT, "GRA-2", o->id, o->offset,
		    "pid %d has no address space", (int)c->process->pid);
	return 0;
}

static int
core_write(struct snap *s, const struct snap_export_options *options, int fd, struct snap_error *err)
{
	const Psnap__Host *host = only(s, PSNAP_KIND_HOST);
	struct core c = { .s = s };
	struct snap_summary sum;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return error_set(err, SNAP_E_UNSUPPORTED, "", 0, "libelf: %s", elf_errmsg(-1));
	if ((r = choose(&c, options->pid, err)) != 0)
		return r;
	snap_get_summary(s, &sum);
	c.page = sum.page_size;
	c.wide = c.process->abi == PSNAP__ABI__ABI_AMD64;
	c.native32 = host != NULL && host->kernel_abi == PSNAP__ABI__ABI_I386;
	c.ticks = host != NULL && host->ticks_per_second >= 1 && host->ticks_per_second <= 1000000 ?
	    host->ticks_per_second : 100;
	c.xcr0 = core_xcr0(&c, host);
	c.maps = snap_get_children(s, c.process->address_space_id, PSNAP_KIND_MAPPING, &c.nmaps);
	return write_core(&c, fd, err);
}

const struct exporter export_core = {
	.format = { "core", "ELF core of one process, for debuggers", false, true },
	.write = core_write,
};
