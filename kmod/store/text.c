// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names and text in a superblock: checks, and their bytes on disk.
 */
#include "text.h"

/* Reads nothing beyond a NUL, which is not a continuation byte. */
u32 dmr_text_utf8_char(const u8 *s)
{
	u32 c, len, i, least;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if ((s[0] & 0xe0) == 0xc0) {
		len = 2;
		least = 0xa0;		/* 0x80..0x9f are control characters, too */
		c = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		len = 3;
		least = 0x800;
		c = s[0] & 0x0f;
	} else if ((s[0] & 0xf8) == 0xf0) {
		len = 4;
		least = 0x10000;
		c = s[0] & 0x07;
	} else {
		return 0;
	}
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return len;
}

/* Does @s end within @size, and is it printable? */
bool dmr_text_ok(const char *s, size_t size)
{
	const u8 *p = (const u8 *)s;
	u32 len;

	if (!memchr(s, 0, size))
		return false;
	for (; *p; p += len) {
		len = dmr_text_utf8_char(p);
		if (!len)
			return false;
	}
	return true;
}

bool dmr_text_point_name_ok(const char *name)
{
	return dmr_text_ok(name, DMR_POINT_NAME_LEN) && !strchr(name, '/');
}

static bool dmr_is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* 32 hex digits, with the four hyphens or without. */
static bool dmr_is_uuid(const char *s)
{
	u32 len = strlen(s), i;

	if (len != 32 && len != 36)
		return false;
	for (i = 0; i < len; i++) {
		if (len == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) {
			if (s[i] != '-')
				return false;
		} else if (!dmr_is_hex(s[i])) {
			return false;
		}
	}
	return true;
}

static const char *dmr_name_fault(const char *name, size_t size, bool hyphens)
{
	const char *s;

	if (!*name)
		return "is empty";
	if (strnlen(name, size) == size)
		return "is too long";
	if (*name == '-' || *name == '.')
		return "begins with '-' or '.'";
	for (s = name; *s; s++) {
		if (*s == '-' && !hyphens)
			return "has a hyphen, which separates the parts of device names";
		if (!((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
		      (*s >= '0' && *s <= '9') || *s == '_' || *s == '.' || *s == '+' || *s == '-'))
			return "has a character that is not allowed";
	}
	return NULL;
}

const char *dmr_text_system_name_fault(const char *name)
{
	const char *why = dmr_name_fault(name, DMR_NAME_LEN, true);

	return why || !dmr_is_uuid(name) ? why : "is a UUID, by which systems are looked up, too";
}

const char *dmr_text_disk_name_fault(const char *name)
{
	return dmr_name_fault(name, DMR_DISK_NAME_LEN, false);
}

const char *dmr_text_peer_name_fault(const char *name)
{
	return dmr_name_fault(name, DMR_PEER_NAME_LEN, true);
}

void dmr_text_put(u8 *out, const char *s, size_t size)
{
	memcpy(out, s, strnlen(s, size - 1));	/* the rest is zero already */
}

/* Refuse text with bytes other than zero behind its NUL. */
bool dmr_text_get(char *s, const u8 *in, size_t size)
{
	const u8 *end = memchr(in, 0, size);

	memcpy(s, in, size);
	return end && dmr_is_zero(end, in + size - end);
}

