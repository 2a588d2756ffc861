/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBSNAP_RESTORE_LINUX_X86_H
#define LIBSNAP_RESTORE_LINUX_X86_H

#include "libsnap/restore/linux/linux.h"

/* A thread's registers as this kernel has them. */
void	x86_registers(const struct restore *r, const Psnap__Thread *t, struct regs *out);
/* Of a stopped task, running code of its own bitness. */
int	x86_fpu(struct restore *r, struct task *k);
int	x86_tls(struct restore *r, struct task *k);

#endif
