/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "linux/words.h"

#define BETWEEN	", \n"

bool
words_have(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words + strspn(words, BETWEEN); *at != '\0'; at += strspn(at, BETWEEN)) {
		size_t len = strcspn(at, BETWEEN);

		if (len == n && strncmp(at, word, n) == 0)
			return true;
		at += len;
	}
	return false;
}
