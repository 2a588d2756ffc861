/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits: every field they concern, what they leave alone, the environment in
 * memory, and what is refused.
 */
#include <atf-c.h>
#include <stdlib.h>

#include "libsnap/convert/edit.h"
#include "tests/libsnap/world.h"

static struct world w;
static struct snap_error err;
static size_t losses;

static void
count_loss(void *ctx, const struct snap_loss *loss)
{
	ATF_CHECK(strstr(loss->pass, "edit ") == loss->pass);
	losses++;
}

static struct snap *
open_world(void)
{
	struct snap *s;
	FILE *f = fopen("in.psnap", "w+");

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE_MSG(world_write(&w, fileno(f), &err) == 0, "%s", err.msg);
	fclose(f);
	ATF_REQUIRE_MSG(snap_open(&s, "in.psnap", NULL, &err) == 0, "%s", err.msg);
	return s;
}

static int
convert(struct snap *s, const struct snap_convert_options *o)
{
	FILE *f = fopen("out.psnap", "w+");
	int r;

	ATF_REQUIRE(f != NULL);
	losses = 0;
	memset(&err, 0, sizeof err);
	r = snap_convert(s, o, count_loss, NULL, fileno(f), &err);
	ATF_CHECK(r == 0 || ftell(f) == 0);
	fclose(f);
	return r;
}

/* The world of now with these edits. */
static int
try(const struct snap_edit *edits, size_t n)
{
	const struct snap_convert_options o = { .edits = edits, .nedits = n };
	struct snap *s = open_world();
	int r = convert(s, &o);

	snap_close(s);
	return r;
}
#define TRY(...)	try((const struct snap_edit[]){ __VA_ARGS__ },				\
			    sizeof((const struct snap_edit[]){ __VA_ARGS__ }) / sizeof(struct snap_edit))

static struct snap *
edited(const struct snap_edit *edits, size_t n)
{
	struct snap *s;

	ATF_REQUIRE_MSG(try(edits, n) == 0, "%s", err.msg);
	ATF_REQUIRE_MSG(snap_open(&s, "out.psnap", NULL, &err) == 0, "%s", err.msg);
	ATF_REQUIRE_MSG(snap_verify(s, NULL, NULL, &err) == 0, "%s", err.msg);
	return s;
}
#define EDITED(...)	edited((const struct snap_edit[]){ __VA_ARGS__ },			\
			    sizeof((const struct snap_edit[]){ __VA_ARGS__ }) / sizeof(struct snap_edit))

static bool
is(ProtobufCBinaryData b, const char *s)
{
	return b.len == strlen(s) && memcmp(b.data, s, b.len) == 0;
}

/* ---- none is forgotten ---- */

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

/* What a field's name says it holds: -1 nothing that can be edited. */
static int
subject_by_name(const ProtobufCMessageDescriptor *d, const char *name)
{
	if (strcmp(name, "hostname") == 0)
		return EDIT_HOSTNAME;
	if (strcmp(name, "domainname") == 0)
		return EDIT_DOMAINNAME;
	if (strstr(name, "path") != NULL)
		return d == &psnap__cgroup__descriptor ? EDIT_CGROUP : EDIT_PATH;
	if (ends_with(name, "uid"))
		return EDIT_UID;
	if (strcmp(name, "groups") == 0 || (ends_with(name, "gid") && !ends_with(name, "pgid")))
		return EDIT_GID;
	return -1;
}

static bool
is_listed(const ProtobufCMessageDescriptor *d, uint32_t field, int subject)
{
	const struct edit_field *f;

	for (size_t i = 0; (f = edit_field_at(i)) != NULL; i++)
		if (f->in == d && f->field == field && (int)f->subject == subject)
			return true;
	return false;
}

/* How many fields by their name can be edited, in d and what is within; seen ones count once. */
static size_t
check_descriptor(const ProtobufCMessageDescriptor *d)
{
	static const ProtobufCMessageDescriptor *seen[200];
	static size_t nseen;
	size_t found = 0;

	for (size_t i = 0; i < nseen; i++)
		if (seen[i] == d)
			return 0;
	ATF_REQUIRE(nseen < sizeof seen / sizeof seen[0]);
	seen[nseen++] = d;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		int subject = subject_by_name(d, f->name);

		if (f->type == PROTOBUF_C_TYPE_MESSAGE)
			found += check_descriptor(f->descriptor);
		if (subject < 0 || f->type == PROTOBUF_C_TYPE_BOOL)
			continue;
		found++;
		ATF_CHECK_MSG(is_listed(d, f->id, subject), "%s.%s is not edited", d->name, f->name);
	}
	return found;
}

ATF_TC_WITHOUT_HEAD(every_field_that_can_be_edited_is);
ATF_TC_BODY(every_field_that_can_be_edited_is, tc)
{
	const struct edit_field *e;
	const struct kind *k;
	size_t n = 0;

	for (size_t i = 0; (k = kind_at(i)) != NULL; i++)
		n += check_descriptor(k->message);
	ATF_CHECK(n > 25);
	for (size_t i = 0; (e = edit_field_at(i)) != NULL; i++) {
		const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(e->in, e->field);
		bool text = f->type == PROTOBUF_C_TYPE_BYTES || f->type == PROTOBUF_C_TYPE_STRING;

		ATF_CHECK_MSG(text ? e->max > 0 && f->label != PROTOBUF_C_LABEL_REPEATED :
		    e->max == 0 && (f->type == PROTOBUF_C_TYPE_UINT32 || f->type == PROTOBUF_C_TYPE_UINT64),
		    "%s.%s", e->in->name, f->name);
	}
}

/* ---- users and groups ---- */

static Psnap__PeerCredentials peer, sender;
static Psnap__SocketMessage message;
static Psnap__SocketMessage *message_p[1] = { &message };
static Psnap__SigInfo infos[2];
static Psnap__SigInfo *info_p[2] = { &infos[0], &infos[1] };
static Psnap__FileOwner owner;
static Psnap__AuxiliaryEntry aux[3];
static Psnap__AuxiliaryEntry *aux_p[3] = { &aux[0], &aux[1], &aux[2] };

/* User and group 1000 in every place there is. */
static void
world_of_1000(void)
{
	Psnap__Credentials *c = &w.creds;

	world_init(&w);
	c->ruid = c->euid = c->suid = c->fsuid = c->rgid = c->egid = c->sgid = c->fsgid = 1000;
	w.exe.uid = w.exe.gid = w.object.uid = w.object.gid = w.tty.uid = w.tty.gid = 1000;
	w.root.login_uid = 1000;
	w.root.has_login_uid = true;
	psnap__peer_credentials__init(&peer);
	peer.uid = peer.gid = 1000;
	sender = peer;
	psnap__socket_message__init(&message);
	message.credentials = &sender;
	w.socket.peer_credentials = &peer;
	w.socket.queue = message_p;
	w.socket.n_queue = 1;
	for (size_t i = 0; i < 2; i++) {
		psnap__sig_info__init(&infos[i]);
		infos[i].signal = PSNAP__SIGNAL__SIGNAL_USR1;
		infos[i].uid = 1000;
	}
	infos[0].origin = PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_USER;
	infos[1].origin = PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_KERNEL;	/* where uid means nothing */
	w.leader.pending = info_p;
	w.leader.n_pending = 2;
	psnap__file_owner__init(&owner);
	owner.kind = PSNAP__OWNER_KIND__OWNER_PROCESS;
	owner.uid = owner.euid = 1000;
	w.open_socket.owner = &owner;
	for (size_t i = 0; i < 3; i++) {
		psnap__auxiliary_entry__init(&aux[i]);
		aux[i].type = 10 + 2 * i + (i == 0);	/* 11 AT_UID, 12 AT_EUID, 14 AT_EGID */
		aux[i].value = 1000;
	}
	w.space.auxiliary = aux_p;
	w.space.n_auxiliary = 3;
}

static void
check_everyone(struct snap *s, uint32_t uid, uint32_t gid)
{
	const Psnap__Credentials *c = snap_get_message(s, CREDS, PSNAP_KIND_CREDENTIALS);
	const Psnap__File *file = snap_get_message(s, EXE, PSNAP_KIND_FILE);
	const Psnap__MemoryObject *object = snap_get_message(s, OBJECT, PSNAP_KIND_MEMORY_OBJECT);
	const Psnap__Terminal *tty = snap_get_message(s, TTY, PSNAP_KIND_TERMINAL);
	const Psnap__Process *p = snap_get_message(s, ROOT, PSNAP_KIND_PROCESS);
	const Psnap__Socket *so = snap_get_message(s, SOCKET, PSNAP_KIND_SOCKET);
	const Psnap__Thread *t = snap_get_message(s, LEADER, PSNAP_KIND_THREAD);
	const Psnap__OpenFile *o = snap_get_message(s, OPEN_SOCKET, PSNAP_KIND_OPEN_FILE);
	const Psnap__AddressSpace *a = snap_get_message(s, SPACE, PSNAP_KIND_ADDRESS_SPACE);

	ATF_CHECK(c->ruid == uid && c->euid == uid && c->suid == uid && c->fsuid == uid);
	ATF_CHECK(c->rgid == gid && c->egid == gid && c->sgid == gid && c->fsgid == gid);
	ATF_CHECK(file->uid == uid && file->gid == gid);
	ATF_CHECK(object->uid == uid && object->gid == gid);
	ATF_CHECK(tty->uid == uid && tty->gid == gid);
	ATF_CHECK_EQ(p->login_uid, uid);
	ATF_CHECK(so->peer_credentials->uid == uid && so->peer_credentials->gid == gid);
	ATF_CHECK(so->queue[0]->credentials->uid == uid && so->queue[0]->credentials->gid == gid);
	ATF_CHECK_EQ(t->pending[0]->uid, uid);
	ATF_CHECK_EQ(t->pending[1]->uid, 1000);
	ATF_CHECK(o->owner->uid == uid && o->owner->euid == uid);
	ATF_CHECK(a->auxiliary[0]->value == uid && a->auxiliary[1]->value == uid && a->auxiliary[2]->value == gid);
}

ATF_TC_WITHOUT_HEAD(ids_become_others_wherever_they_are);
ATF_TC_BODY(ids_become_others_wherever_they_are, tc)
{
	const struct snap_edit edits[] = { { "uid", "1000", "70000" }, { "gid", "1000", "3" } };
	const struct snap_convert_options o = { .edits = edits, .nedits = 2 };
	const Psnap__Credentials *c;
	struct snap *in, *out;

	world_of_1000();
	in = open_world();
	ATF_REQUIRE_MSG(convert(in, &o) == 0, "%s", err.msg);
	ATF_CHECK_EQ(losses, 0);
	ATF_REQUIRE(snap_open(&out, "out.psnap", NULL, &err) == 0);
	check_everyone(out, 70000, 3);
	c = snap_get_message(out, CREDS, PSNAP_KIND_CREDENTIALS);
	ATF_CHECK(c->n_groups == 2 && c->groups[0] == 3 && c->groups[1] == 4);
	/* what was opened is what it was */
	check_everyone(in, 1000, 1000);
	c = snap_get_message(in, CREDS, PSNAP_KIND_CREDENTIALS);
	ATF_CHECK(c->groups[0] == 4 && c->groups[1] == 1000);
	snap_close(in);
	snap_close(out);
}

ATF_TC_WITHOUT_HEAD(ids_that_mean_nothing_stay);
ATF_TC_BODY(ids_that_mean_nothing_stay, tc)
{
	const Psnap__Process *p;
	const Psnap__Thread *t;
	struct snap *s;

	world_of_1000();
	w.root.has_login_uid = false;
	w.root.login_uid = infos[1].uid = 0;
	s = EDITED({ "uid", "0", "5" });
	p = snap_get_message(s, ROOT, PSNAP_KIND_PROCESS);
	t = snap_get_message(s, LEADER, PSNAP_KIND_THREAD);
	ATF_CHECK(p->login_uid == 0 && t->pending[1]->uid == 0);
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(who_owns_an_interface_is_edited);
ATF_TC_BODY(who_owns_an_interface_is_edited, tc)
{
	const Psnap__Interface *i;
	struct snap *s;

	world_of_1000();
	world_ipc(&w);
	s = EDITED({ "uid", "1000", "5" }, { "gid", "0", "7" });
	i = snap_get_message(s, TAP, PSNAP_KIND_INTERFACE);
	/* it has no group, which is not the same as group 0 */
	ATF_CHECK(i->tun->owner == 5 && i->tun->group == 0);
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(two_users_change_places);
ATF_TC_BODY(two_users_change_places, tc)
{
	const Psnap__Credentials *c;
	struct snap *s;

	world_of_1000();
	w.creds.euid = 5;
	s = EDITED({ "uid", "1000", "5" }, { "uid", "5", "1000" });
	c = snap_get_message(s, CREDS, PSNAP_KIND_CREDENTIALS);
	ATF_CHECK(c->ruid == 5 && c->euid == 1000);
	snap_close(s);
}

/* ---- texts ---- */

static Psnap__SocketAddress bound;

static void
world_of_paths(void)
{
	world_init(&w);
	psnap__socket_address__init(&bound);
	bound.unix_path = world_bytes("/run/world/socket");
	w.socket.local = &bound;
	w.socket.type = w.peer.type = PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM;
	psnap__socket_message__init(&message);
	message.source_path = world_bytes("/run/world/client");
	w.socket.queue = message_p;
	w.socket.n_queue = 1;
	w.tty.path = world_bytes("/dev/pts/3");
	w.cgroup.path = "/world.slice/a";
}

ATF_TC_WITHOUT_HEAD(paths_change_by_whole_components);
ATF_TC_BODY(paths_change_by_whole_components, tc)
{
	const Psnap__Cgroup *g;
	const Psnap__Socket *so;
	struct snap *s;

	world_of_paths();
	w.dir.path = world_bytes("/run/worldly");
	s = EDITED({ "path", "/run/world", "/srv/w" }, { "path", "/run", "/var/run" },
	    { "path", "/run/world/client", "/c" }, { "path", "/bin/world", "/bin/world" },
	    { "path", "/dev", "/" }, { "cgroup", "/world.slice", "/system.slice/w" });
	so = snap_get_message(s, SOCKET, PSNAP_KIND_SOCKET);
	g = snap_get_message(s, CGROUP, PSNAP_KIND_CGROUP);
	ATF_CHECK(is(so->local->unix_path, "/srv/w/socket"));
	ATF_CHECK(is(so->queue[0]->source_path, "/c"));
	ATF_CHECK(is(((const Psnap__File *)snap_get_message(s, DIR, PSNAP_KIND_FILE))->path, "/var/run/worldly"));
	ATF_CHECK(is(((const Psnap__File *)snap_get_message(s, EXE, PSNAP_KIND_FILE))->path, "/bin/world"));
	ATF_CHECK(is(((const Psnap__Terminal *)snap_get_message(s, TTY, PSNAP_KIND_TERMINAL))->path, "/pts/3"));
	ATF_CHECK_STREQ(g->path, "/system.slice/w/a");
	snap_close(s);
	ATF_CHECK_EQ(TRY({ "path", "/bin/worl", "/x" }), SNAP_E_NOT_FOUND);
	ATF_CHECK(strstr(err.msg, "path:/bin/worl=/x") != NULL);
	ATF_CHECK_EQ(TRY({ "path", "/world.slice", "/x" }), SNAP_E_NOT_FOUND);
	/* there is nothing left for the shorter one */
	ATF_CHECK_EQ(TRY({ "path", "/bin", "/x" }, { "path", "/bin/world", "/y" }), SNAP_E_NOT_FOUND);
}

ATF_TC_WITHOUT_HEAD(the_root_folder_is_a_prefix_of_all);
ATF_TC_BODY(the_root_folder_is_a_prefix_of_all, tc)
{
	struct snap *s;

	world_init(&w);
	s = EDITED({ "path", "/", "/srv/root" });
	ATF_CHECK(is(((const Psnap__File *)snap_get_message(s, EXE, PSNAP_KIND_FILE))->path, "/srv/root/bin/world"));
	ATF_CHECK(is(((const Psnap__File *)snap_get_message(s, DIR, PSNAP_KIND_FILE))->path, "/srv/root"));
	snap_close(s);
	w.dir.path = world_bytes("/bin");
	s = EDITED({ "path", "/bin", "/" });
	ATF_CHECK(is(((const Psnap__File *)snap_get_message(s, EXE, PSNAP_KIND_FILE))->path, "/world"));
	ATF_CHECK(is(((const Psnap__File *)snap_get_message(s, DIR, PSNAP_KIND_FILE))->path, "/"));
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(a_socket_has_room_for_108_bytes);
ATF_TC_BODY(a_socket_has_room_for_108_bytes, tc)
{
	char folder[101];

	memset(folder, 'x', sizeof folder);
	folder[0] = '/';
	folder[100] = '\0';	/* and "/socket": 107 */
	world_of_paths();
	ATF_CHECK_EQ(TRY({ "path", "/run/world", folder }), 0);
	message.source_path = world_bytes("/run/world/client-no-12");
	ATF_CHECK_EQ(TRY({ "path", "/run/world", folder }), SNAP_E_REFUSED);
	ATF_CHECK_EQ(err.record, SOCKET);
	ATF_CHECK(strstr(err.msg, "edit path:/run/world=") == err.msg);
}

ATF_TC_WITHOUT_HEAD(maps_of_users_follow);
ATF_TC_BODY(maps_of_users_follow, tc)
{
	const Psnap__Namespace *n;
	struct snap *s;

	world_init(&w);
	world_users(&w);
	w.id_ranges[0].outside = w.creds.ruid;
	s = EDITED({ "uid", "1000", "2000" }, { "gid", "1000", "3000" });
	n = snap_get_message(s, NET_NS, PSNAP_KIND_NAMESPACE);
	ATF_CHECK_EQ(n->owner, 2000);
	ATF_CHECK(n->n_uid_map == 2 && n->n_gid_map == 1);
	ATF_CHECK(n->uid_map[0]->outside == 2000 && n->uid_map[0]->inside == 70000 && n->uid_map[1]->outside == 100001);
	ATF_CHECK_EQ(n->gid_map[0]->outside, 3000);
	ATF_CHECK_EQ(((const Psnap__Credentials *)snap_get_message(s, CREDS, PSNAP_KIND_CREDENTIALS))->ruid, 2000);
	snap_close(s);
	/* one of many, and two that would be the same */
	ATF_CHECK_EQ(TRY({ "uid", "165535", "2000" }), SNAP_E_REFUSED);
	ATF_CHECK_EQ(err.record, NET_NS);
	ATF_CHECK(strstr(err.msg, "one of 65535 consecutive ones") != NULL);
	ATF_CHECK_EQ(TRY({ "uid", "165536", "2000" }), SNAP_E_NOT_FOUND);
}

ATF_TC_WITHOUT_HEAD(names_are_set);
ATF_TC_BODY(names_are_set, tc)
{
	char name[66];
	const Psnap__Provenance *p;
	const Psnap__Namespace *n;
	const Psnap__Host *h;
	struct snap *s;

	world_init(&w);
	w.net_ns.kind = PSNAP__NAMESPACE_KIND__NAMESPACE_UTS;
	w.net_ns.hostname = w.net_ns.domainname = "inside";
	s = EDITED({ "hostname", NULL, "web2" }, { "domainname", NULL, "" }, { "name", NULL, "shop" });
	n = snap_get_message(s, NET_NS, PSNAP_KIND_NAMESPACE);
	ATF_CHECK(strcmp(n->hostname, "web2") == 0 && *n->domainname == '\0');
	h = snap_get_message(s, HOST, PSNAP_KIND_HOST);
	p = snap_get_message(s, PROVENANCE, PSNAP_KIND_PROVENANCE);
	ATF_CHECK(strcmp(h->hostname, "web2") == 0 && *h->domainname == '\0');
	ATF_CHECK_STREQ(((const Psnap__Instance *)snap_get_message(s, INSTANCE, PSNAP_KIND_INSTANCE))->name, "shop");
	ATF_CHECK(p->n_conversions == 1 && p->conversions[0]->n_losses == 0);
	ATF_CHECK_STREQ(p->conversions[0]->pass, "edit hostname=web2, domainname=, name=shop");
	snap_close(s);
	memset(name, 'n', sizeof name);
	name[65] = '\0';
	ATF_CHECK_EQ(TRY({ "hostname", NULL, name }), SNAP_E_REFUSED);
	name[64] = '\0';
	ATF_CHECK_EQ(TRY({ "hostname", NULL, name }), 0);
}

/* ---- the environment ---- */

#define ENVIRONMENT	"LANGUAGE=de\0LANG=de_DE.UTF-8\0EMPTY=\0LANG=again\0HOME=/root"

/* It begins 16 bytes before the end of a page. */
static void
world_with_environment(void)
{
	world_init(&w);
	w.space.environment_start = 0x70000ff0;
	w.space.environment_end = w.space.environment_start + sizeof ENVIRONMENT;
	memcpy(w.pages + 2 * WORLD_PAGE - 16, ENVIRONMENT, sizeof ENVIRONMENT);
}

static void
check_environment(struct snap *s, const char *want)
{
	char got[sizeof ENVIRONMENT + 1];
	uint8_t before[64], heap[64];

	ATF_REQUIRE(snap_read_memory(s, SPACE, 0x70000ff0, got, sizeof got, NULL, &err) == 0);
	ATF_CHECK(memcmp(got, want, sizeof ENVIRONMENT) == 0);
	ATF_CHECK_EQ((uint8_t)got[sizeof ENVIRONMENT], w.pages[2 * WORLD_PAGE - 16 + sizeof ENVIRONMENT]);
	/* what is around it, and other memory */
	ATF_REQUIRE(snap_read_memory(s, SPACE, 0x70000ff0 - 64, before, 64, NULL, &err) == 0);
	ATF_CHECK(memcmp(before, w.pages + 2 * WORLD_PAGE - 80, 64) == 0);
	ATF_REQUIRE(snap_read_memory(s, SPACE, 0x70028000, heap, 64, NULL, &err) == 0);
	ATF_CHECK(memcmp(heap, w.pages + 3 * WORLD_PAGE, 64) == 0);
}

ATF_TC_WITHOUT_HEAD(variables_change_in_place);
ATF_TC_BODY(variables_change_in_place, tc)
{
	static const char want[] = "LANGUAGE=de\0LANG=C\0\0\0\0\0\0\0\0\0\0\0EMPTY=\0LANG=C\0\0\0\0\0HOME=/home";
	const struct snap_edit edits[] = { { "env:LANG", NULL, "C" }, { "env:HOME", NULL, "/home" },
	    { "env:EMPTY", NULL, "" } };
	struct snap_convert_options o = { .edits = edits, .nedits = 3 };
	const Psnap__Provenance *p;
	struct snap *in, *s;

	ATF_REQUIRE_EQ(sizeof want, sizeof ENVIRONMENT);
	world_with_environment();
	in = open_world();
	/* blocks edited; pages encoded anew */
	for (o.raw = false, o.level = 0; o.level < 3; o.level += o.raw, o.raw = true) {
		ATF_REQUIRE_MSG(convert(in, &o) == 0, "%s", err.msg);
		ATF_CHECK_EQ(losses, 3);
		ATF_REQUIRE(snap_open(&s, "out.psnap", NULL, &err) == 0);
		ATF_REQUIRE(snap_verify(s, NULL, NULL, &err) == 0);
		check_environment(s, want);
		snap_close(s);
	}
	check_environment(in, ENVIRONMENT);
	o.raw = false;
	o.level = 0;
	o.strict = true;
	ATF_CHECK_EQ(convert(in, &o), SNAP_E_REFUSED);
	snap_close(in);
	/* its value may be a secret */
	s = EDITED({ "env:HOME", NULL, "/key" });
	p = snap_get_message(s, PROVENANCE, PSNAP_KIND_PROVENANCE);
	ATF_CHECK_STREQ(p->conversions[0]->pass, "edit env:HOME");
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(variables_are_not_made_nor_grown);
ATF_TC_BODY(variables_are_not_made_nor_grown, tc)
{
	world_with_environment();
	ATF_CHECK_EQ(TRY({ "env:HOME", NULL, "/root2" }), SNAP_E_REFUSED);
	ATF_CHECK_EQ(err.record, SPACE);
	ATF_CHECK_STREQ(err.msg, "edit env:HOME: there is room for 5 bytes only");
	ATF_CHECK_EQ(TRY({ "env:LAN", NULL, "" }), SNAP_E_NOT_FOUND);
	ATF_CHECK_EQ(TRY({ "env:ANG", NULL, "" }), SNAP_E_NOT_FOUND);
	ATF_CHECK_EQ(TRY({ "env:PATH", NULL, "" }), SNAP_E_NOT_FOUND);
	/* a string cut off at the end of the area keeps within it */
	w.space.environment_end -= 3;
	ATF_CHECK_EQ(TRY({ "env:HOME", NULL, "/roo" }), SNAP_E_REFUSED);
	ATF_CHECK_EQ(TRY({ "env:HOME", NULL, "/ro" }), 0);
	/* pages that are not held have no strings */
	w.space.environment_end = 0x70003000;
	ATF_CHECK_EQ(TRY({ "env:HOME", NULL, "/" }), 0);
	w.space.environment_start = 0x70002000;
	ATF_CHECK_EQ(TRY({ "env:HOME", NULL, "/" }), SNAP_E_NOT_FOUND);
	w.space.environment_end = UINT64_C(1) << 47;
	ATF_CHECK_EQ(TRY({ "env:HOME", NULL, "/" }), SNAP_E_LIMIT);
}

/* ---- what is not done ---- */

ATF_TC_WITHOUT_HEAD(wrong_edits_are_refused_by_name);
ATF_TC_BODY(wrong_edits_are_refused_by_name, tc)
{
	static const struct snap_edit wrong[] = {
		{ "pid", "100", "200" }, { "uids", "1", "2" }, { "hostname", "a", "b" }, { "uid", NULL, "5" },
		{ "path", NULL, "/a" }, { "hostname", NULL, "" }, { "hostname", NULL, "a b" }, { "name", NULL, "\n" },
		{ "name", NULL, "\xff" }, { "env:", NULL, "x" }, { "env:A=B", NULL, "x" }, { "env:HOME", "a", "b" },
		{ "path", "bin", "/x" }, { "path", "/bin", "x" }, { "path", "/bin", "" }, { "path", "", "/x" },
		{ "path", "/bin/", "/x" }, { "path", "/bin", "/x/" }, { "path", "/bin", "/x/../y" },
		{ "path", "/bin", "/.." }, { "path", "/bin", "/./x" }, { "path", "//bin", "/x" },
		{ "cgroup", "/", "a" }, { "uid", "0", "4294967295" }, { "uid", "4294967295", "0" }, { "uid", "", "0" },
		{ "uid", "0", "-1" }, { "uid", "0", "+1" }, { "uid", "0", "1x" }, { "gid", "0x0", "1" },
		{ "gid", "18446744073709551616", "1" },
	};

	world_with_environment();
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ATF_CHECK_MSG(try(&wrong[i], 1) == SNAP_E_MISUSE, "number %lu: %s", (unsigned long)i, err.msg);
		ATF_CHECK_MSG(strncmp(err.msg, "edit ", 5) == 0 && strstr(err.msg, wrong[i].what) == err.msg + 5, "%s",
		    err.msg);
	}
	ATF_CHECK_EQ(TRY({ NULL, NULL, "x" }), SNAP_E_MISUSE);
	ATF_CHECK_EQ(TRY({ "name", NULL, NULL }), SNAP_E_MISUSE);
	ATF_CHECK_EQ(TRY({ "name", NULL, "a" }, { "name", NULL, "b" }), SNAP_E_MISUSE);
	ATF_CHECK_EQ(TRY({ "uid", "0", "1" }, { "uid", "00", "2" }), SNAP_E_MISUSE);
	ATF_CHECK_EQ(TRY({ "path", "/bin", "/a" }, { "path", "/bin", "/b" }), SNAP_E_MISUSE);
	ATF_CHECK_EQ(TRY({ "uid", "4711", "1" }), SNAP_E_NOT_FOUND);
	ATF_CHECK_STREQ(err.msg, "edit uid:4711=1: nothing in the snapshot is concerned");
}

ATF_TC_WITHOUT_HEAD(records_not_known_are_told);
ATF_TC_BODY(records_not_known_are_told, tc)
{
	const struct snap_edit edit = { "hostname", NULL, "web2" };
	struct snap_convert_options o = { .edits = &edit, .nedits = 1 };
	struct snap *s;

	world_init(&w);
	world_add(&w, FREE_ID, 79, &w.cgroup.base);
	w.records[w.nrecords - 1].critical = PSNAP_CRITICAL_CARRY;
	s = open_world();
	ATF_CHECK_EQ(convert(s, &o), 0);
	ATF_CHECK_EQ(losses, 1);
	o.strict = true;
	ATF_CHECK_EQ(convert(s, &o), SNAP_E_REFUSED);
	snap_close(s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_field_that_can_be_edited_is);
	ATF_TP_ADD_TC(tp, ids_become_others_wherever_they_are);
	ATF_TP_ADD_TC(tp, ids_that_mean_nothing_stay);
	ATF_TP_ADD_TC(tp, who_owns_an_interface_is_edited);
	ATF_TP_ADD_TC(tp, two_users_change_places);
	ATF_TP_ADD_TC(tp, paths_change_by_whole_components);
	ATF_TP_ADD_TC(tp, the_root_folder_is_a_prefix_of_all);
	ATF_TP_ADD_TC(tp, a_socket_has_room_for_108_bytes);
	ATF_TP_ADD_TC(tp, maps_of_users_follow);
	ATF_TP_ADD_TC(tp, names_are_set);
	ATF_TP_ADD_TC(tp, variables_change_in_place);
	ATF_TP_ADD_TC(tp, variables_are_not_made_nor_grown);
	ATF_TP_ADD_TC(tp, wrong_edits_are_refused_by_name);
	ATF_TP_ADD_TC(tp, records_not_known_are_told);
	return atf_no_error();
}
