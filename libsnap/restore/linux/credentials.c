/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a thread runs as.  The last remote calls it makes: after them it may
 * not be allowed to.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#define CAPS	41	/* capabilities(7): CAP_CHECKPOINT_RESTORE is the last */

#define STATUS_MAX	16384	/* of /proc/PID/status, whose groups may be many */

/* ---- ours, which new tasks have ---- */

struct credentials {
	uint32_t	uid[4], gid[4];
	uint64_t	cap[5];		/* inheritable, permitted, effective, bounding, ambient */
	bool		no_new_privs;
	char		*groups;	/* as /proc shows them */
	uint32_t	securebits;
};

static const char *
field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at == NULL ? "" : at + strlen(name);
}

/* As /proc shows it: ours, or of whom they are made by in their user namespace. */
static int
read_status(const struct plan *p, char *text, size_t size)
{
	FILE *f = fopen(p->users != NULL ? "/proc/1/status" : "/proc/thread-self/status", "re");

	if (f == NULL)
		return -errno;
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
	return 0;
}

static void
parse_caps(const char *status, uint64_t cap[5])
{
	static const char *const names[] = { "\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:" };

	for (int i = 0; i < 5; i++)
		cap[i] = strtoull(field(status, names[i]), NULL, 16);
}

static int
read_own(struct restore *r)
{
	char text[STATUS_MAX];
	struct credentials *c = plan_alloc(r->p, sizeof *c);
	const char *groups;
	size_t n;
	int e;

	if (c == NULL)
		return restore_nomem(r);
	if ((e = read_status(r->p, text, sizeof text)) != 0)
		return restore_fail(r, NULL, 0, -e, "reading the status of who makes them");
	sscanf(field(text, "\nUid:"), "%u %u %u %u", &c->uid[0], &c->uid[1], &c->uid[2], &c->uid[3]);
	sscanf(field(text, "\nGid:"), "%u %u %u %u", &c->gid[0], &c->gid[1], &c->gid[2], &c->gid[3]);
	parse_caps(text, c->cap);
	c->no_new_privs = strtoul(field(text, "\nNoNewPrivs:"), NULL, 10) != 0;
	groups = field(text, "\nGroups:");
	n = strcspn(groups, "\n");
	if ((c->groups = plan_alloc(r->p, n + 1)) == NULL)
		return restore_nomem(r);
	memcpy(c->groups, groups, n);
	/* in a user namespace they begin without any */
	c->securebits = r->p->users != NULL ? 0 : (uint32_t)prctl(PR_GET_SECUREBITS);
	r->own = c;
	return 0;
}

/* Nobody can be given what we have not (capset(2)). */
void
credentials_preflight(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_CREDENTIALS, &n);
	char text[STATUS_MAX];
	uint64_t own[5];

	if (read_status(p, text, sizeof text) != 0)
		return;
	parse_caps(text, own);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Credentials *c = (const void *)v[i]->message;
		uint64_t missing = (c->cap_permitted & ~own[1]) | (c->cap_inheritable & ~(own[0] | own[3]));

		if (missing != 0)
			plan_problem(p, SNAP_FATAL, NULL, v[i]->id, "capability", "capsh --decode names them",
			    "capabilities that the caller has not: %llx", (unsigned long long)missing);
	}
}

static bool
same_groups(const struct credentials *own, const Psnap__Credentials *c)
{
	const char *at = own->groups;
	char *end;

	for (size_t i = 0; i <= c->n_groups; i++, at = end) {
		unsigned long v = strtoul(at, &end, 10);

		if (i == c->n_groups || end == at)
			return i == c->n_groups && end == at;
		if (v != c->groups[i])
			return false;
	}
	return false;
}

static bool
same_ids(const struct credentials *own, const Psnap__Credentials *c)
{
	const uint32_t uid[4] = { c->ruid, c->euid, c->suid, c->fsuid };
	const uint32_t gid[4] = { c->rgid, c->egid, c->sgid, c->fsgid };

	return memcmp(uid, own->uid, sizeof uid) == 0 && memcmp(gid, own->gid, sizeof gid) == 0;
}

static bool
same_caps(const struct credentials *own, const Psnap__Credentials *c)
{
	const uint64_t cap[5] = { c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding,
	    c->cap_ambient };

	return memcmp(cap, own->cap, sizeof cap) == 0;
}

/* ---- theirs ---- */

static int
capset_to(struct restore *r, struct task *k, uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t h, d;

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(effective >> 32 * i);
		data[i].permitted = (uint32_t)(permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(inheritable >> 32 * i);
	}
	if ((h = put(r, k, &head, sizeof head)) == 0 || (d = put(r, k, data, sizeof data)) == 0)
		return restore_nomem(r);
	return ask(r, k, NR_CAPSET, WANT_ZERO, "setting capabilities", k->t->credentials_id, ARGS(h, d));
}

/* Their numbers as the process knows them; that all have one is told by the preflight. */
static int
set_groups(struct restore *r, struct task *k, const Psnap__Credentials *c)
{
	uint32_t *inside = plan_alloc(r->p, (c->n_groups + 1) * sizeof *inside);
	uint64_t at = 0;

	if (inside == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < c->n_groups; i++)
		if (!plan_gid(r->p, c->groups[i], &inside[i]))
			return restore_fail(r, k->target, k->t->credentials_id, EINVAL, "group %u", c->groups[i]);
	if (c->n_groups > 0 && (at = put(r, k, inside, c->n_groups * sizeof *inside)) == 0)
		return restore_nomem(r);
	return ask(r, k, NR_SETGROUPS, WANT_ZERO, "setting groups", k->t->credentials_id, ARGS(c->n_groups, at));
}

static int
set_ids(struct restore *r, struct task *k, const Psnap__Credentials *c)
{
	const uint32_t outside[2][4] = { { c->ruid, c->euid, c->suid, c->fsuid }, { c->rgid, c->egid, c->sgid, c->fsgid } };
	uint32_t uid[4], gid[4];
	uint64_t id = k->t->credentials_id;
	int e;

	for (size_t i = 0; i < 4; i++)
		if (!plan_uid(r->p, outside[0][i], &uid[i]) || !plan_gid(r->p, outside[1][i], &gid[i]))
			return restore_fail(r, k->target, id, EINVAL, "users that its user namespace has not");
	/* capabilities are kept over the change of user, and set right afterwards */
	if ((e = ask(r, k, NR_PRCTL, WANT_ZERO, "keeping capabilities", id, ARGS(PR_SET_KEEPCAPS, 1, 0, 0, 0))) != 0 ||
	    (!same_groups(r->own, c) && (e = set_groups(r, k, c)) != 0) ||
	    (e = ask(r, k, NR_SETRESGID, WANT_ZERO, "setting group ids", id, ARGS(gid[0], gid[1], gid[2]))) != 0 ||
	    (e = ask(r, k, NR_SETFSGID, WANT_ANY, "setting group ids", id, ARGS(gid[3]))) != 0 ||
	    (e = ask(r, k, NR_SETRESUID, WANT_ZERO, "setting user ids", id, ARGS(uid[0], uid[1], uid[2]))) != 0 ||
	    (e = ask(r, k, NR_SETFSUID, WANT_ANY, "setting user ids", id, ARGS(uid[3]))) != 0)
		return e;
	if ((e = ask(r, k, NR_PRCTL, WANT_ZERO, "keeping capabilities", id, ARGS(PR_SET_KEEPCAPS, 0, 0, 0, 0))) != 0)
		return e;
	/* kept, but not in effect: what follows takes some of them */
	return capset_to(r, k, r->own->cap[1], r->own->cap[1], r->own->cap[0]);
}

static int
drop_bounding(struct restore *r, struct task *k, const Psnap__Credentials *c)
{
	int e;

	for (unsigned cap = 0; cap < CAPS; cap++)
		if (r->own->cap[3] >> cap & 1 && !(c->cap_bounding >> cap & 1) &&
		    (e = ask(r, k, NR_PRCTL, WANT_ZERO, "dropping a capability for good", k->t->credentials_id,
		    ARGS(PR_CAPBSET_DROP, cap, 0, 0, 0))) != 0)
			return e;
	return 0;
}

static int
set_caps(struct restore *r, struct task *k, const Psnap__Credentials *c)
{
	uint64_t id = k->t->credentials_id;
	int e;

	if ((e = capset_to(r, k, c->cap_effective, c->cap_permitted, c->cap_inheritable)) != 0 ||
	    (r->own->cap[4] != 0 && (e = ask(r, k, NR_PRCTL, WANT_ZERO, "clearing ambient capabilities", id,
	    ARGS(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))) != 0))
		return e;
	for (unsigned cap = 0; cap < CAPS; cap++)
		if (c->cap_ambient >> cap & 1 && (e = ask(r, k, NR_PRCTL, WANT_ZERO,
		    "raising an ambient capability", id, ARGS(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))) != 0)
			return e;
	return 0;
}

/* Filters, oldest first. */
static int
set_filters(struct restore *r, struct task *k, uint64_t newest)
{
	const Psnap__SeccompFilter *chain[512];
	uint64_t ids[512];
	size_t n = 0;
	int e;

	for (uint64_t id = newest; id != 0; n++) {
		if (n == sizeof chain / sizeof *chain)
			return restore_fail(r, k->target, newest, E2BIG, "too many seccomp filters");
		chain[n] = snap_get_message(r->s, id, PSNAP_KIND_SECCOMP_FILTER);
		ids[n] = id;
		id = chain[n]->previous_id;
	}
	while (n-- > 0) {
		const Psnap__SeccompFilter *f = chain[n];
		uint64_t program = put(r, k, f->program.data, f->program.len), at;
		uint8_t raw[16] = { 0 };

		if (program == 0)
			return restore_nomem(r);
		/* struct sock_fprog: count, pointer */
		psnap_put32(raw, (uint32_t)(f->program.len / 8));
		if (k->target->is32)
			psnap_put32(raw + 4, (uint32_t)program);
		else
			psnap_put64(raw + 8, program);
		if ((at = put(r, k, raw, sizeof raw)) == 0)
			return restore_nomem(r);
		if ((e = ask(r, k, NR_SECCOMP, WANT_ZERO, "installing a seccomp filter", ids[n],
		    ARGS(1 /* SECCOMP_SET_MODE_FILTER */, f->log ? 2 : 0, at))) != 0)
			return e;
	}
	return 0;
}

static int
set_seccomp(struct restore *r, struct task *k)
{
	if (k->t->seccomp_mode == PSNAP__SECCOMP_MODE__SECCOMP_MODE_STRICT)
		return ask(r, k, NR_SECCOMP, WANT_ZERO, "entering strict seccomp", k->id, ARGS(0, 0, 0));
	if (k->t->seccomp_mode != PSNAP__SECCOMP_MODE__SECCOMP_MODE_FILTERED)
		return 0;
	return set_filters(r, k, k->t->seccomp_filter_id);
}

static int
restore_one(struct restore *r, struct task *k)
{
	const Psnap__Credentials *c = snap_get_message(r->s, k->t->credentials_id, PSNAP_KIND_CREDENTIALS);
	bool ids = !same_ids(r->own, c) || !same_groups(r->own, c), caps = ids || !same_caps(r->own, c);
	bool filtered = k->t->seccomp_mode > PSNAP__SECCOMP_MODE__SECCOMP_MODE_OFF;
	uint64_t id = k->t->credentials_id;
	int e;

	put_reset(k->target);
	/* while it still may */
	if (caps && (e = drop_bounding(r, k, c)) != 0)
		return e;
	if (ids && (e = set_ids(r, k, c)) != 0)
		return e;
	if (c->securebits_known && c->securebits != r->own->securebits &&
	    (e = ask(r, k, NR_PRCTL, WANT_ZERO, "setting securebits", id,
	    ARGS(PR_SET_SECUREBITS, c->securebits, 0, 0, 0))) != 0)
		return e;
	/* a filter is installed with no_new_privs or with privilege */
	if (filtered && !c->no_new_privs && (e = set_seccomp(r, k)) != 0)
		return e;
	if (caps && (e = set_caps(r, k, c)) != 0)
		return e;
	if (c->no_new_privs && !r->own->no_new_privs && (e = ask(r, k, NR_PRCTL, WANT_ZERO,
	    "setting no_new_privs", id, ARGS(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))) != 0)
		return e;
	if (filtered && c->no_new_privs && (e = set_seccomp(r, k)) != 0)
		return e;
	/*
	 * A change of user forgets it.  The root's parent is another now, and
	 * will end without being meant.
	 */
	if (k->t->parent_death_signal != 0 && !(k->target->parent == NULL && r->p->o->own_session) &&
	    (e = ask(r, k, NR_PRCTL, WANT_ZERO,
	    "setting the parent death signal", k->id,
	    ARGS(PR_SET_PDEATHSIG, (uint64_t)k->t->parent_death_signal, 0, 0, 0))) != 0)
		return e;
	return run(r);
}

/* prctl knows no 2, which is what the kernel sets after a change of user. */
static int
set_dumpable(struct restore *r, struct target *t)
{
	const Psnap__AddressSpace *s =
	    snap_get_message(r->s, t->p->address_space_id, PSNAP_KIND_ADDRESS_SPACE);

	if (t->space != t || !s->dumpable_known || s->dumpable > 1)
		return 0;
	return ask(r, &t->tasks[0], NR_PRCTL, WANT_ZERO, "setting whether it may be dumped", t->id,
	    ARGS(PR_SET_DUMPABLE, s->dumpable, 0, 0, 0));
}

int
credentials_restore(struct restore *r)
{
	int e;

	if ((e = read_own(r)) != 0)
		return e;
	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (t->zombie)
			continue;
		for (size_t k = 0; k < t->ntasks; k++)
			if (!t->tasks[k].t->dead && (e = restore_one(r, &t->tasks[k])) != 0)
				return e;
		if ((e = set_dumpable(r, t)) != 0)
			return e;
	}
	return run(r);
}
