// SPDX-License-Identifier: GPL-2.0-only
/*
 * Identities: texts by which a store recognizes a home.
 *
 * sysfs and the partition table may return any bytes of any length; the format has
 * DMR_IDENTITY_LEN bytes of UTF-8 without control characters.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* FNV-1a, to distinguish texts with the same end; no protection against forgery. */
static u64 hash(const char *text)
{
	u64 h = 0xcbf29ce484222325ULL;

	for (; *text; text++)
		h = (h ^ (u8)*text) * 0x100000001b3ULL;
	return h;
}

/* Write bytes that the format does not accept as \xNN, as udev does in links. */
static char *printable(const char *text)
{
	char *out = malloc(4 * strlen(text) + 1), *p = out;
	u32 len;

	for (; out && *text; text += len) {
		len = dmr_text_utf8_char((const u8 *)text);
		if (!len) {
			p += sprintf(p, "\\x%02x", (u8)*text);
			len = 1;
			continue;
		}
		memcpy(p, text, len);
		p += len;
	}
	if (out)
		*p = 0;
	return out;
}

/*
 * Cut the name at the end of dm-crypt's "CRYPT-TYPE-UUID-NAME", which belongs to the
 * mapping, not to the volume: the same volume may be opened under any name.
 */
static void cut_mapping_name(char *uuid)
{
	char *p;
	int i;

	if (strncmp(uuid, "CRYPT-", 6))
		return;
	p = strchr(uuid + 6, '-');
	if (!p)
		return;
	for (i = 0, p++; i < 32; i++, p++)
		if (!isxdigit((unsigned char)*p))
			return;
	if (*p == '-')
		*p = 0;
}

/**
 * dmrl_identity_set() - set the identity of a device
 * @bdev: the device.
 * @type: DMR_IDENTITY_*.
 * @text: any bytes of any length.  A long text is replaced by a hash of it and its end,
 * which people recognize best.
 */
void dmrl_identity_set(struct dmreplica_blockdev *bdev, u32 type, const char *text)
{
	const size_t room = sizeof(bdev->identity) - 1, head = 17;
	char *copy = printable(text), *from;

	bdev->identity_type = DMR_IDENTITY_NONE;
	bdev->identity[0] = 0;
	if (!copy)
		return;
	if (type == DMR_IDENTITY_DM_UUID)
		cut_mapping_name(copy);
	bdev->identity_type = type;
	from = copy;
	if (strlen(copy) > room) {
		from += strlen(copy) - (room - head);
		while ((*from & 0xc0) == 0x80)
			from++;
		sprintf(bdev->identity, "%016llx:", (unsigned long long)hash(copy));
	}
	strcat(bdev->identity, from);
	free(copy);
}

/** dmrl_same_identity() - does @bdev have the identity that a store has recorded? */
bool dmrl_same_identity(const struct dmreplica_blockdev *bdev, u32 type, const char *identity)
{
	/* A path is not an identity: it may lead to any device. */
	if (type == DMR_IDENTITY_NONE || type == DMR_IDENTITY_PATH)
		return true;
	return type == bdev->identity_type && !strcmp(identity, bdev->identity);
}
