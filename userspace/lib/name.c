// SPDX-License-Identifier: GPL-2.0-only
/* Names of systems, disks and devices. */
#include <string.h>

#include "private.h"

/* Check the length first: kmod/store/text.c reads only so many bytes. */
static const char *fault(const char *name, size_t room, const char *(*of)(const char *name))
{
	return strlen(name) >= room ? "is too long" : of(name);
}

/* Check a system's name.  Return: NULL, or the fault. */
const char *dmrl_system_name_fault(const char *name)
{
	return fault(name, DMR_NAME_LEN, dmr_text_system_name_fault);
}

/* Check a disk's name.  Return: NULL, or the fault. */
const char *dmrl_disk_name_fault(const char *name)
{
	return fault(name, DMR_DISK_NAME_LEN, dmr_text_disk_name_fault);
}

/*
 * Hyphens of the system's name are doubled, as LVM does, to distinguish them from the
 * hyphens between the parts.
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

/*
 * Escape a name for a unit of systemd: "-", "\" and what no name of a unit has as \xNN, a
 * leading dot, too; "/" as "-".
 *
 * Return: false if it does not fit.
 */
bool dmrl_unit_escape(const char *text, char *out, size_t size)
{
	static const char valid[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ:_.";
	const char *p;
	size_t n = 0;

	for (p = text; *p; p++) {
		if (n + 5 > size)
			return false;
		if (*p == '/')
			out[n++] = '-';
		else if (strchr(valid, *p) && !(p == text && *p == '.'))
			out[n++] = *p;
		else
			n += sprintf(out + n, "\\x%02x", (unsigned char)*p);
	}
	out[n] = 0;
	return true;
}
