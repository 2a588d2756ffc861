/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_COMMON_INPUT_H
#define TOOLS_COMMON_INPUT_H

#include "libsnap/snap.h"

/*
 * Open the snapshot at path; "-" or a pipe is first copied to an unnamed
 * file, since it is to be read at random.  NULL: a message was printed.
 */
struct snap *input_open(const char *path);

#endif
