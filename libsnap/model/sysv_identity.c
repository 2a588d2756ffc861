/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/psnap_fields.h"
#include "libsnap/model/sysv_identity.h"

const Psnap__SysvIdentity *
sysv_identity(const struct snap_object *o)
{
	const void *m = o->message;

	switch (o->kind) {
	case PSNAP_KIND_SYSV_SEGMENT:
		return ((const Psnap__SysvSegment *)m)->identity;
	case PSNAP_KIND_SYSV_SEMAPHORES:
		return ((const Psnap__SysvSemaphores *)m)->identity;
	default:
		return ((const Psnap__SysvQueue *)m)->identity;
	}
}
