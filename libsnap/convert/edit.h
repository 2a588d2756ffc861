/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits: what the caller wants to be changed, checked, and in which fields.
 */
#ifndef LIBSNAP_CONVERT_EDIT_H
#define LIBSNAP_CONVERT_EDIT_H

#include "libsnap/convert/convert.h"

enum edit_subject {
	EDIT_HOSTNAME, EDIT_DOMAINNAME, EDIT_NAME, EDIT_VARIABLE, EDIT_PATH, EDIT_CGROUP, EDIT_UID, EDIT_GID,
};

struct edit {
	enum edit_subject subject;
	const char	*from, *to;	/* from: of a variable its name, NULL of what is there once */
	uint32_t	from_id, to_id;	/* UID, GID */
	char		*text;		/* as the command line has it, printable, without the value of a variable */
	bool		found;		/* there was something to be changed */
};

/* A field of a subject: a string, bytes, or numbers of 32 or 64 bits. */
struct edit_field {
	const ProtobufCMessageDescriptor *in;
	uint32_t	field;
	enum edit_subject subject;
	size_t		max;		/* of a text: bytes */
	bool		(*used)(const ProtobufCMessage *m);	/* else it means nothing; NULL: always used */
	bool		as_told;	/* as the process was told: not an outside number, if it is in a user namespace */
};
/* NULL past the last */
const struct edit_field *edit_field_at(size_t n);

/* Make the edits in the message of object i. */
int	edit_record(struct conversion *c, size_t i);
/* And in its maps of users, if it is a namespace that has any. */
int	edit_users(struct conversion *c, size_t i);
bool	users_are_mapped(const struct snap_object *o);
/* Make them in the memory of object i, an address space. */
int	edit_environment(struct conversion *c, size_t i);

#endif
