/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a mapped ELF file.  The name comes from the snapshot, so only a
 * regular file is opened, only to be read, and it counts only if it has the
 * build id that the snapshot tells; a deleted file's bytes are the snapshot's.
 * Symbols that were stripped are looked for where debuggers do.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/core/elf.h"
#include "libsnap/core/error.h"
#include "libsnap/fit/image.h"

#define PATH_MAX_LEN	4096
#define NAME_MAX_LEN	256		/* of a symbol, with its NUL */
#define CONTENT_MAX	(256u << 20)	/* bytes of a deleted file looked at */

#define PROPERTY_NOTE	5	/* NT_GNU_PROPERTY_TYPE_0 */

/* ---- opening ---- */

/* An ELF file, from a descriptor or from memory; all of it is freed by elf_file_close(). */
struct elf_file {
	Elf		*elf;
	int		fd;
	uint8_t		*bytes;
	uint64_t	left;		/* bytes of tables to be read: they do not overlap in an honest file */
};

static void
elf_file_close(struct elf_file *e)
{
	elf_end(e->elf);
	free(e->bytes);
	if (e->fd >= 0)
		close(e->fd);
}

/* The regular file at path for reading, or -1: no link is followed at the end, no device is opened. */
static int
open_regular(const char *path)
{
	struct stat before, st;
	int fd;

	if (lstat(path, &before) != 0)
		return -1;
	if (!S_ISREG(before.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)) < 0)
		return -1;
	if (fstat(fd, &st) != 0 || st.st_dev != before.st_dev || st.st_ino != before.st_ino) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static uint64_t
file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The file at path if it is of this build; else why not. */
static const char *
open_build(struct elf_file *e, const char *path, const ProtobufCBinaryData *id)
{
	*e = (struct elf_file){ .fd = open_regular(path) };
	if (e->fd >= 0)
		e->left = file_size(e->fd);
	else
		return errno == ENOENT ? "it is not on this machine" : "it cannot be read on this machine";
	if ((e->elf = elf_begin(e->fd, ELF_C_READ, NULL)) != NULL && elf_kind(e->elf) == ELF_K_ELF &&
	    elf_is_build(e->elf, id->data, id->len))
		return NULL;
	elf_file_close(e);
	return "it is of another build on this machine";
}

static const char *
open_path(struct elf_file *e, const Psnap__File *file)
{
	char path[PATH_MAX_LEN];

	if (file->path.len == 0 || file->path.len >= sizeof path || file->path.data[0] != '/' ||
	    memchr(file->path.data, '\0', file->path.len) != NULL)
		return "its name is not a path";
	if (file->build_id.len == 0)
		return "it has no build id to know it by";
	memcpy(path, file->path.data, file->path.len);
	path[file->path.len] = '\0';
	return open_build(e, path, &file->build_id);
}

/* n bytes of a memory object from the snapshot; pages it does not hold are zero, as they are in out. */
static int
read_object(struct fit *f, uint64_t object, uint8_t *out, size_t n)
{
	struct snap_run run = { .owner = object };
	int r;

	while ((r = snap_next_run(f->s, &run, (n + f->page - 1) / f->page, f->err)) == 1) {
		uint64_t start = run.first * f->page;
		uint64_t len = run.count * f->page < n - start ? run.count * f->page : n - start;

		if ((r = snap_read_memory(f->s, object, start, out + start, (size_t)len, NULL, f->err)) != 0)
			break;
	}
	return r;
}

static const char *
open_content(struct fit *f, struct elf_file *e, const Psnap__File *file)
{
	size_t n = (size_t)file->size;

	*e = (struct elf_file){ .fd = -1, .left = n };
	if (file->size > CONTENT_MAX)
		return "it was deleted, and is too large to look at";
	if (n > 0 && (e->bytes = calloc(1, n)) == NULL)
		return "out of memory";
	if (n > 0 && read_object(f, file->content_object_id, e->bytes, n) != 0) {
		free(e->bytes);
		return "it was deleted, and its bytes cannot be read";
	}
	if (n > 0 && (e->elf = elf_memory((char *)e->bytes, n)) != NULL && elf_kind(e->elf) == ELF_K_ELF)
		return NULL;
	elf_file_close(e);
	return "it was deleted, and is not an ELF file";
}

/* Where debuggers look for the symbols of a build. */
static bool
open_symbols(struct elf_file *e, const ProtobufCBinaryData *id)
{
	static const char folder[] = "/usr/lib/debug/.build-id/";
	char path[sizeof folder + 2 * 64 + 8], *p = path + sizeof folder - 1;

	if (id->len < 2 || id->len > 64)
		return false;
	memcpy(path, folder, sizeof folder);
	for (size_t i = 0; i < id->len; i++)
		p += sprintf(p, i == 1 ? "/%02x" : "%02x", id->data[i]);
	strcpy(p, ".debug");
	return open_build(e, path, id) == NULL;
}

/* ---- GNU properties ---- */

static bool
read_properties(void *ctx, uint32_t type, const uint8_t *p, size_t n)
{
	struct image *im = ctx;
	size_t align = im->wide ? 8 : 4;

	while (type == PROPERTY_NOTE && n >= 8) {
		uint32_t kind = psnap_get32(p), len = psnap_get32(p + 4);
		size_t step = ((size_t)len + align - 1) & ~(align - 1);

		if (len > n - 8)
			break;
		if (len == 4 && kind == GNU_PROPERTY_X86_ISA_1_NEEDED)
			im->needed |= psnap_get32(p + 8);
		else if (len == 4 && kind == GNU_PROPERTY_X86_ISA_1_USED)
			im->used |= psnap_get32(p + 8);
		else if (len == 4 && kind == GNU_PROPERTY_X86_FEATURE_1_AND)
			im->features |= psnap_get32(p + 8);
		if (step > n - 8)
			break;
		p += 8 + step;
		n -= 8 + step;
	}
	return false;
}

/* ---- what is kept ---- */

#define FIRST_ROOM	16

/* A growing array of n elements with room for one more: v, or where it is now; NULL without memory. */
static void *
room(void *v, size_t n, size_t size)
{
	if (n == 0)
		return malloc(FIRST_ROOM * size);
	if (n < FIRST_ROOM || (n & (n - 1)) != 0)
		return v;
	return n <= SIZE_MAX / 2 / size ? realloc(v, 2 * n * size) : NULL;
}

static int
no_room(struct fit *f)
{
	if (arena_exhausted(f->arena))
		return error_set(f->err, SNAP_E_LIMIT, "", 0, "the mapped files have too many symbols");
	return error_nomem(f->err);
}

/* The string, unless that is long: such names are none of those looked for. */
static const char *
short_name(Elf *elf, size_t section, size_t at)
{
	const char *name = elf_strptr(elf, section, at);

	return name != NULL && memchr(name, '\0', NAME_MAX_LEN) != NULL ? name : NULL;
}

/* The data of a table, or NULL. */
static Elf_Data *
table(struct elf_file *e, Elf_Scn *s, const GElf_Shdr *h)
{
	if (h->sh_size > e->left)
		return NULL;
	e->left -= h->sh_size;
	return elf_getdata(s, NULL);
}

static const char *
keep_name(struct fit *f, const char *name)
{
	size_t n = strlen(name) + 1;
	char *copy = arena_alloc(f->arena, n);

	if (copy != NULL)
		memcpy(copy, name, n);
	return copy;
}

/* name is NULL or the libelf's, and is copied. */
static int
add_slot(struct fit *f, struct image *im, uint64_t vaddr, const char *name)
{
	struct slot *v = room(im->slots, im->nslots, sizeof *v);

	if (v == NULL)
		return no_room(f);
	im->slots = v;
	if (name != NULL && (name = keep_name(f, name)) == NULL)
		return no_room(f);
	v[im->nslots++] = (struct slot){ vaddr, name };
	return 0;
}

static int
add_variant(struct fit *f, struct image *im, uint64_t vaddr, const char *name, const struct feature_set *set)
{
	struct variant *v = room(im->variants, im->nvariants, sizeof *v);

	if (v == NULL)
		return no_room(f);
	im->variants = v;
	if ((name = keep_name(f, name)) == NULL)
		return no_room(f);
	v[im->nvariants++] = (struct variant){ vaddr, name, *set };
	return 0;
}

static int
add_chooser(struct fit *f, struct image *im, const char *name)
{
	const char **v = room(im->choosers, im->nchoosers, sizeof *v);

	if (v == NULL)
		return no_room(f);
	im->choosers = v;
	if ((name = keep_name(f, name)) == NULL)
		return no_room(f);
	v[im->nchoosers++] = name;
	return 0;
}

void
image_free(struct image *im)
{
	free(im->slots);
	free(im->variants);
	free(im->choosers);
}

/* ---- slots ---- */

/* What a relocation leaves in its slot. */
enum leaves { LEAVES_OTHER, LEAVES_CHOICE, LEAVES_FUNCTION };

/* info as libelf hands it out, of 32-bit files widened */
static enum leaves
leaves(const struct image *im, uint64_t info)
{
	uint64_t type = GELF_R_TYPE(info);

	if (type == (im->wide ? R_X86_64_IRELATIVE : R_386_IRELATIVE))
		return LEAVES_CHOICE;
	if (type == (im->wide ? R_X86_64_JUMP_SLOT : R_386_JMP_SLOT) ||
	    type == (im->wide ? R_X86_64_GLOB_DAT : R_386_GLOB_DAT))
		return LEAVES_FUNCTION;
	return LEAVES_OTHER;
}

/* The symbols that a table of relocations names. */
struct symbols {
	Elf		*elf;
	Elf_Data	*data;
	size_t		strings;	/* section of their names */
};

static const char *
symbol_name(const struct symbols *t, uint64_t n)
{
	GElf_Sym symbol;

	if (t->data == NULL || n > INT32_MAX || gelf_getsym(t->data, (int)n, &symbol) == NULL)
		return NULL;
	return short_name(t->elf, t->strings, symbol.st_name);
}

static struct symbols
symbols_of(Elf *elf, size_t section)
{
	Elf_Scn *s = elf_getscn(elf, section);
	GElf_Shdr h;

	if (s == NULL || gelf_getshdr(s, &h) == NULL)
		return (struct symbols){ 0 };
	return (struct symbols){ elf, elf_getdata(s, NULL), h.sh_link };
}

static int
read_relocations(struct fit *f, struct image *im, struct elf_file *file, Elf_Scn *s, const GElf_Shdr *h)
{
	struct symbols symbols = symbols_of(file->elf, h->sh_link);
	Elf_Data *data = table(file, s, h);
	GElf_Rela a;
	GElf_Rel r;
	int e = 0;

	for (int i = 0; data != NULL && e == 0; i++) {
		const char *name;

		if (h->sh_type == SHT_RELA ? gelf_getrela(data, i, &a) == NULL : gelf_getrel(data, i, &r) == NULL)
			break;
		if (h->sh_type == SHT_REL)
			a = (GElf_Rela){ .r_offset = r.r_offset, .r_info = r.r_info };
		if (leaves(im, a.r_info) == LEAVES_CHOICE)
			e = add_slot(f, im, a.r_offset, NULL);
		else if (leaves(im, a.r_info) == LEAVES_FUNCTION &&
		    (name = symbol_name(&symbols, GELF_R_SYM(a.r_info))) != NULL)
			e = add_slot(f, im, a.r_offset, name);
	}
	return e;
}

/* The third word of .got.plt leads to the dynamic linker's code that binds a function at its first call. */
static int
read_binder(struct fit *f, struct image *im, Elf *elf, const GElf_Shdr *h)
{
	uint64_t word = im->wide ? 8 : 4;
	const char *name;
	size_t names;

	if (h->sh_type != SHT_PROGBITS || h->sh_size < 3 * word || elf_getshdrstrndx(elf, &names) != 0 ||
	    (name = elf_strptr(elf, names, h->sh_name)) == NULL || strcmp(name, ".got.plt") != 0)
		return 0;
	return add_slot(f, im, h->sh_addr + 2 * word, NULL);
}

static int
compare_slots(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

static int
read_slots(struct fit *f, struct image *im, struct elf_file *e)
{
	GElf_Shdr h;
	int r = 0;

	for (Elf_Scn *s = NULL; r == 0 && (s = elf_nextscn(e->elf, s)) != NULL;) {
		if (gelf_getshdr(s, &h) == NULL || !(h.sh_flags & SHF_ALLOC))
			continue;
		if (h.sh_type == SHT_RELA || h.sh_type == SHT_REL)
			r = read_relocations(f, im, e, s, &h);
		else
			r = read_binder(f, im, e->elf, &h);
	}
	if (im->nslots > 0)
		qsort(im->slots, im->nslots, sizeof *im->slots, compare_slots);
	return r;
}

/* ---- functions ---- */

/* Functions that are chosen by CPU, and those they are chosen from. */
static int
read_functions(struct fit *f, struct image *im, struct elf_file *e, Elf_Scn *s, const GElf_Shdr *h)
{
	Elf_Data *data = table(e, s, h);
	struct feature_set set;
	GElf_Sym symbol;
	int r = 0;

	for (int i = 0; data != NULL && r == 0 && gelf_getsym(data, i, &symbol) != NULL; i++) {
		const char *name = short_name(e->elf, h->sh_link, symbol.st_name);

		if (name == NULL || symbol.st_shndx == SHN_UNDEF)
			continue;
		if (GELF_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC)
			r = add_chooser(f, im, name);
		/* some written in assembly have no type */
		else if (GELF_ST_TYPE(symbol.st_info) <= STT_FUNC && variant_features(name, &set))
			r = add_variant(f, im, symbol.st_value, name, &set);
	}
	return r;
}

static int
compare_variants(const void *a, const void *b)
{
	const struct variant *x = a, *y = b;

	return x->vaddr != y->vaddr ? (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr) : strcmp(x->name, y->name);
}

static int
compare_choosers(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
read_symbols(struct fit *f, struct image *im, struct elf_file *e)
{
	GElf_Shdr h;
	int r = 0;

	for (Elf_Scn *s = NULL; r == 0 && (s = elf_nextscn(e->elf, s)) != NULL;) {
		if (gelf_getshdr(s, &h) == NULL || (h.sh_type != SHT_SYMTAB && h.sh_type != SHT_DYNSYM))
			continue;
		im->named |= h.sh_type == SHT_SYMTAB;
		r = read_functions(f, im, e, s, &h);
	}
	return r;
}

/* ---- the file ---- */

static int
read_elf(struct fit *f, struct image *im, struct elf_file *e)
{
	Elf *elf = e->elf;
	GElf_Ehdr head;
	GElf_Phdr p;
	size_t n = 0;
	int r;

	if (gelf_getehdr(elf, &head) == NULL)
		return 0;
	im->wide = head.e_ident[EI_CLASS] == ELFCLASS64;
	im->is_elf = head.e_machine == (im->wide ? EM_X86_64 : EM_386);
	if (!im->is_elf)
		return 0;
	elf_getphdrnum(elf, &n);
	for (size_t i = n; i-- > 0;)
		if (gelf_getphdr(elf, (int)i, &p) != NULL && p.p_type == PT_LOAD) {
			im->first_vaddr = p.p_vaddr;
			im->first_offset = p.p_offset;
		}
	elf_notes(elf, read_properties, im);
	if ((r = read_slots(f, im, e)) != 0)
		return r;
	return read_symbols(f, im, e);
}

int
image_read(struct fit *f, struct image *im)
{
	bool content = im->file->deleted && im->file->content_object_id != 0;
	struct elf_file e;
	int r;

	elf_version(EV_CURRENT);
	im->unknown = content ? open_content(f, &e, im->file) : im->file->deleted ? "it was deleted" :
	    open_path(&e, im->file);
	if (im->unknown != NULL)
		return 0;
	r = read_elf(f, im, &e);
	elf_file_close(&e);
	if (r == 0 && im->is_elf && !im->named && open_symbols(&e, &im->file->build_id)) {
		r = read_symbols(f, im, &e);
		elf_file_close(&e);
	}
	if (im->nvariants > 0)
		qsort(im->variants, im->nvariants, sizeof *im->variants, compare_variants);
	if (im->nchoosers > 0)
		qsort(im->choosers, im->nchoosers, sizeof *im->choosers, compare_choosers);
	return r;
}
