/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/task.h"

static void
four_numbers(const char *text, const char *name, uint32_t v[4])
{
	const char *at = field_find(text, name);
	char *end;

	for (int i = 0; at != NULL && i < 4; i++, at = end)
		v[i] = (uint32_t)strtoul(at, &end, 10);
}

static int
compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int
read_groups(struct dump *d, struct creds *c, const char *status)
{
	const char *at = field_find(status, "Groups");
	size_t cap = 1;
	char *end;

	if (at == NULL)
		return 0;
	for (const char *s = at; *s != '\0' && *s != '\n'; s++)
		cap += *s == ' ';
	if ((c->groups = dump_alloc(d, cap * sizeof *c->groups)) == NULL)
		return GLUE_E_NOMEM;
	for (; *at >= '0' && *at <= '9' && c->ngroups < cap; at = end + strspn(end, " "))
		c->groups[c->ngroups++] = (uint32_t)strtoul(at, &end, 10);
	if (c->ngroups > 1)
		qsort(c->groups, c->ngroups, sizeof *c->groups, compare_u32);
	return 0;
}

static bool
equal(const struct creds *a, const struct creds *b)
{
	return memcmp(a->uid, b->uid, sizeof a->uid) == 0 && memcmp(a->gid, b->gid, sizeof a->gid) == 0 &&
	    memcmp(a->cap, b->cap, sizeof a->cap) == 0 && a->ngroups == b->ngroups &&
	    (a->ngroups == 0 || memcmp(a->groups, b->groups, a->ngroups * sizeof *a->groups) == 0) &&
	    a->securebits == b->securebits && a->securebits_known == b->securebits_known &&
	    a->no_new_privs == b->no_new_privs && strcmp(a->label, b->label) == 0;
}

/* "" where no security module labels processes. */
static const char *
read_label(struct dump *d, const struct proc *p, pid_t tid)
{
	char path[64], label[1024];
	ssize_t n;

	snprintf(path, sizeof path, "task/%d/attr/current", (int)tid);
	n = proc_read_small(p, path, label, sizeof label);
	label[n > 0 ? n : 0] = '\0';
	label[strcspn(label, "\n")] = '\0';
	return dump_strdup(d, label);
}

struct creds *
creds_read(struct dump *d, struct proc *p, struct task *t, const char *status)
{
	static const char *const caps[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	struct creds *c = dump_alloc(d, sizeof *c);

	if (c == NULL || read_groups(d, c, status) != 0)
		return NULL;
	four_numbers(status, "Uid", c->uid);
	four_numbers(status, "Gid", c->gid);
	for (int i = 0; i < 5; i++)
		c->cap[i] = field_number(status, caps[i], 16);
	c->no_new_privs = field_number(status, "NoNewPrivs", 10) != 0;
	return (c->label = read_label(d, p, t->tid)) != NULL ? c : NULL;
}

struct creds *
creds_take(struct dump *d, struct proc *p, struct task *t, const struct rec_thread *k)
{
	struct creds *c = dump_alloc(d, sizeof *c);

	if (c == NULL || (k->ngroups > 0 &&
	    (c->groups = dump_memdup(d, k->group, k->ngroups * sizeof *k->group)) == NULL))
		return NULL;
	memcpy(c->uid, k->uid, sizeof c->uid);
	memcpy(c->gid, k->gid, sizeof c->gid);
	memcpy(c->cap, k->cap, sizeof c->cap);
	c->ngroups = k->ngroups;
	if (c->ngroups > 1)
		qsort(c->groups, c->ngroups, sizeof *c->groups, compare_u32);
	c->no_new_privs = k->flags & REC_THREAD_NO_NEW_PRIVS;
	c->label = d->labels ? read_label(d, p, t->tid) : "";
	return c->label != NULL ? c : NULL;
}

struct creds *
creds_share(struct dump *d, struct creds *c)
{
	for (size_t i = 0; i < d->creds.n; i++)
		if (equal(d->creds.v[i], c))
			return d->creds.v[i];
	c->id = dump_new_id(d);
	return list_add(d, &d->creds, c) == 0 ? c : NULL;
}

void
creds_fields(struct glue_emit *e, const void *object)
{
	const struct creds *c = object;

	glue_emit_uint(e, PSNAP_F_CREDENTIALS_RUID, c->uid[0]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_EUID, c->uid[1]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_SUID, c->uid[2]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_FSUID, c->uid[3]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_RGID, c->gid[0]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_EGID, c->gid[1]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_SGID, c->gid[2]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_FSGID, c->gid[3]);
	glue_emit_packed32(e, PSNAP_F_CREDENTIALS_GROUPS, c->groups, c->ngroups);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_CAP_INHERITABLE, c->cap[0]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_CAP_PERMITTED, c->cap[1]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_CAP_EFFECTIVE, c->cap[2]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_CAP_BOUNDING, c->cap[3]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_CAP_AMBIENT, c->cap[4]);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_SECUREBITS, c->securebits);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_NO_NEW_PRIVS, c->no_new_privs);
	glue_emit_string(e, PSNAP_F_CREDENTIALS_LSM_LABEL, c->label);
	glue_emit_uint(e, PSNAP_F_CREDENTIALS_SECUREBITS_KNOWN, c->securebits_known);
}
