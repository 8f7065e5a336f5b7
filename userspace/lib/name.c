// SPDX-License-Identifier: GPL-2.0-only
/* Names of systems, disks and the devices made of them. */
#include <string.h>

#include "private.h"

static bool is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '+';
}

static const char *name_fault(const char *name, size_t room, bool hyphens)
{
	size_t i;

	if (!*name)
		return "is empty";
	if (strlen(name) >= room)
		return "is too long";
	if (*name == '-' || *name == '.')
		return "begins with '-' or '.'";
	for (i = 0; name[i]; i++) {
		if (name[i] == '-' && !hyphens)
			return "has a hyphen, which separates the parts of device names";
		if (!is_plain(name[i]) && name[i] != '-')
			return "has a character that is not allowed";
	}
	return NULL;
}

/* Return: what is wrong with a system's name, or NULL. */
const char *dmrl_system_name_fault(const char *name)
{
	u8 uuid[16];

	if (dmreplica_uuid_parse(name, uuid))
		return "is a UUID, by which systems are looked up, too";
	return name_fault(name, DMR_NAME_LEN, true);
}

/* Return: what is wrong with a disk's name, or NULL. */
const char *dmrl_disk_name_fault(const char *name)
{
	return name_fault(name, DMR_DISK_NAME_LEN, false);
}

/*
 * Hyphens of the system's name are doubled, as LVM does, so that the hyphens
 * that separate the parts can be told from them.
 *
 * Return: 0, or -1 if the name is longer than @size or than device mapper allows.
 */
int dmrl_device_name(char *out, size_t size, const char *system, const char *disk,
		     const char *kind)
{
	char doubled[2 * DMR_NAME_LEN];
	size_t n = 0;
	int len;

	for (; *system && n < sizeof(doubled) - 2; system++) {
		if (*system == '-')
			doubled[n++] = '-';
		doubled[n++] = *system;
	}
	doubled[n] = 0;
	len = snprintf(out, size, "%s-%s%s%s", doubled, disk, *kind ? "-" : "", kind);
	return len < 0 || (size_t)len >= size || len > 127 ? -1 : 0;
}

int dmrl_device_uuid(char *out, size_t size, const u8 *uuid, const char *disk, const char *kind)
{
	char text[DMREPLICA_UUID_TEXT];
	int len;

	len = snprintf(out, size, "DMREPLICA-%s-%s-%s", dmreplica_uuid_text(uuid, text), disk,
		       kind);
	return len < 0 || (size_t)len >= size ? -1 : 0;
}
