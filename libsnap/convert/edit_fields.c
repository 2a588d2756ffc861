/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every field of the schema that holds what can be edited.
 */
#include "format/ipc.pb-c.h"
#include "format/mount.pb-c.h"
#include "format/net.pb-c.h"
#include "format/socket.pb-c.h"
#include "libsnap/convert/edit.h"

#define PATH_LEN	4095	/* PATH_MAX without its NUL */
#define UNIX_PATH_LEN	108	/* SOC-2, SOC-9 */
#define UTS_LEN		64	/* __NEW_UTS_LEN of Linux */

/* getauxval(3): ids at the time of execve(2) */
enum { AUX_UID = 11, AUX_EUID, AUX_GID, AUX_EGID };

static bool
aux_is_uid(const ProtobufCMessage *m)
{
	const Psnap__AuxiliaryEntry *a = (const void *)m;

	return a->type == AUX_UID || a->type == AUX_EUID;
}

static bool
aux_is_gid(const ProtobufCMessage *m)
{
	const Psnap__AuxiliaryEntry *a = (const void *)m;

	return a->type == AUX_GID || a->type == AUX_EGID;
}

static bool
signal_has_sender(const ProtobufCMessage *m)
{
	switch (((const Psnap__SigInfo *)(const void *)m)->origin) {
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_USER:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_QUEUE:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_MESSAGE:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_THREAD:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_CHILD:
		return true;
	default:
		return false;
	}
}

static bool
has_login_uid(const ProtobufCMessage *m)
{
	return ((const Psnap__Process *)(const void *)m)->has_login_uid;
}

static bool
file_has_owner(const ProtobufCMessage *m)
{
	return ((const Psnap__FileOwner *)(const void *)m)->kind != PSNAP__OWNER_KIND__OWNER_NONE;
}

/* The dumper's own is in the Host record, NS-3. */
static bool
has_names(const ProtobufCMessage *m)
{
	const Psnap__Namespace *n = (const void *)m;

	return n->kind == PSNAP__NAMESPACE_KIND__NAMESPACE_UTS && !n->of_dumper;
}

static bool
has_users(const ProtobufCMessage *m)
{
	const Psnap__Namespace *n = (const void *)m;

	return n->kind == PSNAP__NAMESPACE_KIND__NAMESPACE_USER && !n->of_dumper;
}

static bool
tun_has_owner(const ProtobufCMessage *m)
{
	return ((const Psnap__TunInterface *)(const void *)m)->has_owner;
}

static bool
tun_has_group(const ProtobufCMessage *m)
{
	return ((const Psnap__TunInterface *)(const void *)m)->has_group;
}

/* Others have no path on the host. */
static bool
is_of_host(const ProtobufCMessage *m)
{
	return ((const Psnap__Mount *)(const void *)m)->host_path.len > 0;
}

static const struct edit_field fields[] = {
	{ &psnap__host__descriptor, PSNAP_F_HOST_HOSTNAME, EDIT_HOSTNAME, UTS_LEN, NULL, false },
	{ &psnap__host__descriptor, PSNAP_F_HOST_DOMAINNAME, EDIT_DOMAINNAME, UTS_LEN, NULL, false },
	{ &psnap__namespace__descriptor, PSNAP_F_NAMESPACE_HOSTNAME, EDIT_HOSTNAME, UTS_LEN, has_names, false },
	{ &psnap__namespace__descriptor, PSNAP_F_NAMESPACE_DOMAINNAME, EDIT_DOMAINNAME, UTS_LEN, has_names, false },
	{ &psnap__namespace__descriptor, PSNAP_F_NAMESPACE_OWNER, EDIT_UID, 0, has_users, false },
	{ &psnap__instance__descriptor, PSNAP_F_INSTANCE_NAME, EDIT_NAME, UTS_LEN, NULL, false },
	{ &psnap__cgroup__descriptor, PSNAP_F_CGROUP_PATH, EDIT_CGROUP, PATH_LEN, NULL, false },
	{ &psnap__file__descriptor, PSNAP_F_FILE_PATH, EDIT_PATH, PATH_LEN, NULL, false },
	{ &psnap__terminal__descriptor, PSNAP_F_TERMINAL_PATH, EDIT_PATH, PATH_LEN, NULL, false },
	{ &psnap__socket_address__descriptor, PSNAP_F_SOCKET_ADDRESS_UNIX_PATH, EDIT_PATH, UNIX_PATH_LEN, NULL, false },
	{ &psnap__socket_message__descriptor, PSNAP_F_SOCKET_MESSAGE_SOURCE_PATH, EDIT_PATH, UNIX_PATH_LEN, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_RUID, EDIT_UID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_EUID, EDIT_UID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_SUID, EDIT_UID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_FSUID, EDIT_UID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_RGID, EDIT_GID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_EGID, EDIT_GID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_SGID, EDIT_GID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_FSGID, EDIT_GID, 0, NULL, false },
	{ &psnap__credentials__descriptor, PSNAP_F_CREDENTIALS_GROUPS, EDIT_GID, 0, NULL, false },
	{ &psnap__process__descriptor, PSNAP_F_PROCESS_LOGIN_UID, EDIT_UID, 0, has_login_uid, false },
	{ &psnap__sig_info__descriptor, PSNAP_F_SIG_INFO_UID, EDIT_UID, 0, signal_has_sender, true },
	{ &psnap__auxiliary_entry__descriptor, PSNAP_F_AUXILIARY_ENTRY_VALUE, EDIT_UID, 0, aux_is_uid, true },
	{ &psnap__auxiliary_entry__descriptor, PSNAP_F_AUXILIARY_ENTRY_VALUE, EDIT_GID, 0, aux_is_gid, true },
	{ &psnap__file__descriptor, PSNAP_F_FILE_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__file__descriptor, PSNAP_F_FILE_GID, EDIT_GID, 0, NULL, false },
	{ &psnap__file_owner__descriptor, PSNAP_F_FILE_OWNER_UID, EDIT_UID, 0, file_has_owner, false },
	{ &psnap__file_owner__descriptor, PSNAP_F_FILE_OWNER_EUID, EDIT_UID, 0, file_has_owner, false },
	{ &psnap__memory_object__descriptor, PSNAP_F_MEMORY_OBJECT_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__memory_object__descriptor, PSNAP_F_MEMORY_OBJECT_GID, EDIT_GID, 0, NULL, false },
	{ &psnap__terminal__descriptor, PSNAP_F_TERMINAL_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__terminal__descriptor, PSNAP_F_TERMINAL_GID, EDIT_GID, 0, NULL, false },
	{ &psnap__peer_credentials__descriptor, PSNAP_F_PEER_CREDENTIALS_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__peer_credentials__descriptor, PSNAP_F_PEER_CREDENTIALS_GID, EDIT_GID, 0, NULL, false },
	{ &psnap__sysv_identity__descriptor, PSNAP_F_SYSV_IDENTITY_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__sysv_identity__descriptor, PSNAP_F_SYSV_IDENTITY_GID, EDIT_GID, 0, NULL, false },
	{ &psnap__sysv_identity__descriptor, PSNAP_F_SYSV_IDENTITY_CREATOR_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__sysv_identity__descriptor, PSNAP_F_SYSV_IDENTITY_CREATOR_GID, EDIT_GID, 0, NULL, false },
	{ &psnap__posix_queue__descriptor, PSNAP_F_POSIX_QUEUE_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__posix_queue__descriptor, PSNAP_F_POSIX_QUEUE_GID, EDIT_GID, 0, NULL, false },
	{ &psnap__tun_interface__descriptor, PSNAP_F_TUN_INTERFACE_OWNER, EDIT_UID, 0, tun_has_owner, false },
	{ &psnap__tun_interface__descriptor, PSNAP_F_TUN_INTERFACE_GROUP, EDIT_GID, 0, tun_has_group, false },
	{ &psnap__mount__descriptor, PSNAP_F_MOUNT_HOST_PATH, EDIT_PATH, PATH_LEN, is_of_host, false },
	{ &psnap__overlay_folder__descriptor, PSNAP_F_OVERLAY_FOLDER_HOST_PATH, EDIT_PATH, PATH_LEN, NULL, false },
	{ &psnap__file_system_entry__descriptor, PSNAP_F_FILE_SYSTEM_ENTRY_UID, EDIT_UID, 0, NULL, false },
	{ &psnap__file_system_entry__descriptor, PSNAP_F_FILE_SYSTEM_ENTRY_GID, EDIT_GID, 0, NULL, false },
};

const struct edit_field *
edit_field_at(size_t n)
{
	return n < sizeof fields / sizeof fields[0] ? &fields[n] : NULL;
}
