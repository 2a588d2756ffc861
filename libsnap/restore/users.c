/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user namespace of an instance: which numbers its users have in it, and
 * who of the snapshot has none.
 */
#include <string.h>

#include "format/ipc.pb-c.h"
#include "format/mount.pb-c.h"
#include "libsnap/restore/restore.h"

static const Psnap__Namespace *
find_users(const struct plan *p)
{
	const Psnap__Process *root = p->targets[0].p;

	for (size_t i = 0; i < root->n_namespace_ids; i++) {
		const Psnap__Namespace *n = snap_get_message(p->s, root->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		if (n != NULL && n->kind == PSNAP__NAMESPACE_KIND__NAMESPACE_USER && !n->of_dumper)
			return n;
	}
	return NULL;
}

static bool
inside(Psnap__IdRange *const *map, size_t n, uint32_t outside, uint32_t *id)
{
	for (size_t i = 0; i < n; i++)
		if (outside >= map[i]->outside && outside - map[i]->outside < map[i]->length) {
			*id = map[i]->inside + (outside - map[i]->outside);
			return true;
		}
	return false;
}

bool
plan_uid(const struct plan *p, uint32_t outside, uint32_t *id)
{
	*id = outside;
	return p->users == NULL || inside(p->users->uid_map, p->users->n_uid_map, outside, id);
}

bool
plan_gid(const struct plan *p, uint32_t outside, uint32_t *id)
{
	*id = outside;
	return p->users == NULL || inside(p->users->gid_map, p->users->n_gid_map, outside, id);
}

/* ---- who has none ---- */

static void
check_uid(struct plan *p, uint64_t object, uint32_t uid)
{
	uint32_t id;

	if (!plan_uid(p, uid, &id))
		plan_problem(p, SNAP_FATAL, NULL, object, "user-map", "dump it while all of its users have a number there",
		    "user %u has no number in its user namespace", uid);
}

static void
check_gid(struct plan *p, uint64_t object, uint32_t gid)
{
	uint32_t id;

	if (!plan_gid(p, gid, &id))
		plan_problem(p, SNAP_FATAL, NULL, object, "user-map", "dump it while all of its groups have a number there",
		    "group %u has no number in its user namespace", gid);
}

static const Psnap__Credentials *
root_credentials(const struct plan *p)
{
	const struct target *root = &p->targets[0];

	return root->ntasks == 0 ? NULL :
	    snap_get_message(p->s, root->tasks[0].t->credentials_id, PSNAP_KIND_CREDENTIALS);
}

/* Those of the root are there from the beginning, with a number or not. */
static void
check_groups(struct plan *p, uint64_t id, const Psnap__Credentials *c)
{
	const Psnap__Credentials *root = root_credentials(p);

	if (root != NULL && c->n_groups == root->n_groups && (c->n_groups == 0 ||
	    memcmp(c->groups, root->groups, c->n_groups * sizeof *c->groups) == 0))
		return;
	for (size_t i = 0; i < c->n_groups; i++)
		check_gid(p, id, c->groups[i]);
	if (p->users->setgroups_denied)
		plan_problem(p, SNAP_FATAL, NULL, id, "user-map", "dump it while all have the same groups",
		    "it has other groups than the root, and setgroups is denied in its user namespace");
}

static void
check_credentials(struct plan *p, uint64_t id, const Psnap__Credentials *c)
{
	const uint32_t uids[] = { c->ruid, c->euid, c->suid, c->fsuid };
	const uint32_t gids[] = { c->rgid, c->egid, c->sgid, c->fsgid };

	for (size_t i = 0; i < 4; i++) {
		if (i == 0 || uids[i] != uids[i - 1])
			check_uid(p, id, uids[i]);
		if (i == 0 || gids[i] != gids[i - 1])
			check_gid(p, id, gids[i]);
	}
	check_groups(p, id, c);
}

/* ---- what it gives ---- */

static void
tell_map(struct plan *p, uint64_t id, const char *of, Psnap__IdRange *const *map, size_t n)
{
	uint32_t zero;
	bool root = inside(map, n, 0, &zero);

	for (size_t i = 0; i < n; i++)
		plan_problem(p, SNAP_WARNING, NULL, id, "user-map", root ?
		    "root of this machine is among them: restore what you trust" :
		    "files of this machine are as open to it as to these",
		    "%s %u to %u in its user namespace will be %u to %u here", of, map[i]->inside,
		    map[i]->inside + (map[i]->length - 1), map[i]->outside, map[i]->outside + (map[i]->length - 1));
}

static uint64_t
id_of(const struct plan *p, const Psnap__Namespace *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_NAMESPACE, &count);

	for (size_t i = 0; i < count; i++)
		if (v[i]->message == &n->base)
			return v[i]->id;
	return 0;
}

/* In file systems that belong to the user namespace: of many the first that cannot be is told. */
static void
check_owners(struct plan *p)
{
	uint64_t before = p->fatal;
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_FILE_SYSTEM_ENTRY, &n);

	for (size_t i = 0; i < n && p->fatal == before; i++) {
		const Psnap__FileSystemEntry *e = (const void *)v[i]->message;

		check_uid(p, v[i]->id, e->uid);
		check_gid(p, v[i]->id, e->gid);
	}
	v = snap_get_kind(p->s, PSNAP_KIND_POSIX_QUEUE, &n);
	for (size_t i = 0; i < n && p->fatal == before; i++) {
		const Psnap__PosixQueue *q = (const void *)v[i]->message;

		check_uid(p, v[i]->id, q->uid);
		check_gid(p, v[i]->id, q->gid);
	}
}

static void
check_all(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_CREDENTIALS, &n);
	uint64_t id = id_of(p, p->users);

	tell_map(p, id, "users", p->users->uid_map, p->users->n_uid_map);
	tell_map(p, id, "groups", p->users->gid_map, p->users->n_gid_map);
	for (size_t i = 0; i < n; i++)
		check_credentials(p, v[i]->id, (const void *)v[i]->message);
	check_owners(p);
}

/* Before its file systems are made, which take nobody else. */
int
plan_users(struct plan *p, struct snap_error *err)
{
	if (!p->o->own_users)
		return 0;
	if ((p->users = find_users(p)) == NULL)
		return error_misuse(err, "the root was in the dumper's user namespace");
	if (p->o->first == 0)
		return error_misuse(err, "a user namespace is that of a first process");
	check_all(p);
	return p->fatal == 0 ? 0 : error_set(err, SNAP_E_REFUSED, "", 0, "cannot be restored here");
}
