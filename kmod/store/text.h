/* SPDX-License-Identifier: GPL-2.0-only */
/* Names and text in a superblock. */
#ifndef DMR_TEXT_H
#define DMR_TEXT_H

#include "portable.h"
#include "../../uapi/dm-replica-format.h"

/** dmr_is_zero() - are all of these bytes zero?  Return: true if so. */
static inline bool dmr_is_zero(const void *p, size_t len)
{
	return !memchr_inv(p, 0, len);
}

/**
 * dmr_text_utf8_char() - check the first character of a text
 * @s: bytes that end in a NUL.
 *
 * Return: its length in bytes, 0 if it is malformed or a control character.
 */
u32 dmr_text_utf8_char(const u8 *s);

/**
 * dmr_text_point_name_ok() - check the name of a recovery point
 * @name: DMR_POINT_NAME_LEN bytes.
 *
 * Return: true if it ends within its size, is UTF-8 without control characters, and has
 * no slash. "" means no name.
 */
bool dmr_text_point_name_ok(const char *name);

/**
 * dmr_text_system_name_fault() - check the name of a system
 * @name: DMR_NAME_LEN bytes.
 *
 * The name is part of device names, file names, and text on shells and terminals.
 *
 * Return: NULL, or a constant text with the fault, to follow the name.
 */
const char *dmr_text_system_name_fault(const char *name);

/** dmr_text_disk_name_fault() - the same for a disk, DMR_DISK_NAME_LEN bytes. */
const char *dmr_text_disk_name_fault(const char *name);

/** dmr_text_peer_name_fault() - the same for a peer, DMR_PEER_NAME_LEN bytes. */
const char *dmr_text_peer_name_fault(const char *name);

/**
 * dmr_text_ok() - check text of a fixed size
 * @s: @size bytes.
 * @size: their number.
 *
 * Return: true if the text ends within @size, is UTF-8 and has no control characters.
 */
bool dmr_text_ok(const char *s, size_t size);

/**
 * dmr_text_put() - write the bytes of a text
 * @out: @size bytes, zeroed by the caller.
 * @s: text; the excess is cut off.
 * @size: bytes on disk, the NUL at the end included.
 */
void dmr_text_put(u8 *out, const char *s, size_t size);

/**
 * dmr_text_get() - read the bytes of a text
 * @s: filled in, @size bytes.
 * @in: any @size bytes.
 * @size: bytes on disk.
 *
 * Return: false if the text does not end, or if bytes behind its end are in use.
 */
bool dmr_text_get(char *s, const u8 *in, size_t size);

#endif /* DMR_TEXT_H */
