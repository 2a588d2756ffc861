/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LINUX_WORDS_H
#define LINUX_WORDS_H

#include <stdbool.h>

/* Whether one of these words, with a comma, space or line feed between two of them, is that one. */
bool	words_have(const char *words, const char *word);

#endif
