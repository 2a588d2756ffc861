/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program every process begins as: one page of code that is never run.
 * Executing it gives an empty address space with the kernel's vdso in it, in
 * which system calls can be made.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#define SEED_BASE	0x10000u

/* A stack header, or an i386 program gets every readable mapping executable. */
static void
image64(uint8_t page[PAGE_SIZE_LINUX])
{
	Elf64_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_entry = SEED_BASE + sizeof(Elf64_Ehdr), .e_phoff = sizeof e, .e_ehsize = sizeof e,
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
	};
	Elf64_Phdr p[2] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = SEED_BASE, .p_paddr = SEED_BASE,
		    .p_filesz = PAGE_SIZE_LINUX, .p_memsz = PAGE_SIZE_LINUX, .p_align = PAGE_SIZE_LINUX },
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16 },
	};

	memcpy(page, &e, sizeof e);
	memcpy(page + sizeof e, p, sizeof p);
}

static void
image32(uint8_t page[PAGE_SIZE_LINUX])
{
	Elf32_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_386, .e_version = EV_CURRENT,
		.e_entry = SEED_BASE + sizeof(Elf32_Ehdr), .e_phoff = sizeof e, .e_ehsize = sizeof e,
		.e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 2,
	};
	Elf32_Phdr p[2] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = SEED_BASE, .p_paddr = SEED_BASE,
		    .p_filesz = PAGE_SIZE_LINUX, .p_memsz = PAGE_SIZE_LINUX, .p_align = PAGE_SIZE_LINUX },
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16 },
	};

	memcpy(page, &e, sizeof e);
	memcpy(page + sizeof e, p, sizeof p);
}

int
seed_make(struct restore *r)
{
	for (int is32 = 0; is32 < 2; is32++) {
		uint8_t page[PAGE_SIZE_LINUX];
		int fd = memfd_create("snap-seed", 0);

		memset(page, 0xcc, sizeof page);	/* int3, should it ever run */
		if (is32)
			image32(page);
		else
			image64(page);
		r->seed[is32] = keep_fd(r, fd);
		if (r->seed[is32] < 0 || write(r->seed[is32], page, sizeof page) != (ssize_t)sizeof page ||
		    fchmod(r->seed[is32], 0700) != 0)
			return restore_fail(r, NULL, 0, errno, "making the seed program");
	}
	return 0;
}

/* syscall or int 0x80, in the vdso. */
static int
find_insn(struct restore *r, const struct target *t, struct layout *l)
{
	const uint8_t insn[2] = { t->is32 ? 0xcd : 0x0f, t->is32 ? 0x80 : 0x05 };
	uint8_t image[VDSO_MAX];

	for (size_t i = 0; i < l->n; i++) {
		const struct part *p = &l->part[i];
		size_t n = (size_t)(p->end - p->start);

		if (!p->vdso || n > sizeof image || task_read(t->p->pid, p->start, image, n) != 0)
			continue;
		for (size_t k = 0; k + 1 < n; k++)
			if (image[k] == insn[0] && image[k + 1] == insn[1]) {
				l->insn = p->start + k;
				return 0;
			}
	}
	return restore_fail(r, t, t->id, 0, "no system call instruction in this kernel's vdso");
}

int
seed_layout(struct restore *r, struct target *t)
{
	struct layout *l = &t->host->layout;
	char path[32], line[512];
	FILE *f;

	l->n = 0;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)t->p->pid);
	if ((f = fopen(path, "re")) == NULL)
		return restore_fail(r, t, t->id, errno, "reading %s", path);
	while (fgets(line, sizeof line, f) != NULL && l->n < PARTS_MAX) {
		unsigned long long start, end;

		if (strstr(line, "[vsyscall]") != NULL || sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		l->part[l->n++] = (struct part){ .start = start, .end = end,
		    .vdso = strstr(line, "[vdso]") != NULL, .special = strstr(line, "[v") != NULL };
	}
	fclose(f);
	return find_insn(r, t, l);
}
