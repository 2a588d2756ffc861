/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The object graph: every record decoded, and found by id, kind and owner.
 * References are not followed here; libsnap/validate does.
 */
#ifndef LIBSNAP_MODEL_MODEL_H
#define LIBSNAP_MODEL_MODEL_H

#include <protobuf-c/protobuf-c.h>

#include "format/psnap_fields.h"
#include "libsnap/container/container.h"
#include "libsnap/snap.h"

struct arena;

/* What the library knows of a record kind. */
struct kind {
	uint32_t	number;
	const char	*name;		/* as printed */
	const ProtobufCMessageDescriptor *message;
	/* field that names the owner, for snap_get_children(); 0: none */
	uint32_t	owner_field;
	uint8_t		newest;		/* revision */
};
const struct kind *kind_find(uint32_t number);
const struct kind *kind_at(size_t n);	/* NULL past the last */

struct child {
	uint64_t	owner, key;	/* key: order among siblings */
	const struct snap_object *object;
};

struct snap {
	struct container *container;
	struct arena	*arena;		/* decoded messages */

	struct snap_object *objects;
	const ProtobufCMessage **written;	/* of each object: as it was decoded, before it was upgraded */
	const struct snap_object **order;	/* file order */
	size_t		count;

	const struct snap_object **by_id;	/* open hash, hash_size a power of two */
	size_t		hash_size;

	const struct snap_object **by_kind;	/* sorted by kind, file order within */

	struct child	*children;	/* sorted by (kind, owner, key) */
	const struct snap_object **child_objects;	/* the same, objects alone */
	size_t		nchildren;
};

/* Fill s from its container. */
int	model_build(struct snap *s, struct snap_error *err);
/* Fill s with other records, from their payloads, on the pages of a container, which it does not own. */
int	model_rebuild(struct snap *s, struct container *c, const struct snap_object *objects, size_t count,
	    struct snap_error *err);
void	model_free(struct snap *s);

/*
 * The message of o in the form of its kind's newest revision, in the arena or
 * o->message itself.  SNAP_E_CORRUPT: VER-1.
 */
int	revision_upgrade(struct arena *a, const struct snap_object *o, const ProtobufCMessage **newest,
	    struct snap_error *err);

/* The message of o in the form of its own revision: what is to be encoded.  NULL without memory. */
const ProtobufCMessage *revision_written(struct arena *a, const struct snap_object *o);

/* Value of a uint64 field by number; 0 if the message has none such. */
uint64_t message_uint64(const ProtobufCMessage *m, uint32_t field);

#endif
