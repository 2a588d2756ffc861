/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBSNAP_CORE_ELF_H
#define LIBSNAP_CORE_ELF_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether the file has a note with this GNU build id of n bytes. */
bool	elf_is_build(Elf *elf, const uint8_t *id, size_t n);

/*
 * Call fn with each note named "GNU" of the program headers, or, in a file of
 * symbols alone, of the sections, until it returns true; whether it did.
 */
typedef bool elf_note_fn(void *ctx, uint32_t type, const uint8_t *desc, size_t len);
bool	elf_notes(Elf *elf, elf_note_fn *fn, void *ctx);

#endif
