/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KERNEL_GLUE_LINUX_COVERAGE_H
#define KERNEL_GLUE_LINUX_COVERAGE_H

#include "kernel-glue/linux/dump.h"

/* Tell every finding; GLUE_E_PARTIAL if one breaks a restore and that is not allowed. */
int	coverage_decide(struct dump *d);
/* Whether one breaks a restore. */
bool	coverage_partial(const struct dump *d);
/* Once all are told: numbers are the tree's own from here on. */
void	coverage_translate(struct dump *d);
int	coverage_emit(struct dump *d);

#endif
