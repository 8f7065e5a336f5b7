/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host area: keys and values that programs of the host keep in the superblock.
 *
 * A value is a string of bytes.  Compiled into the module and into the tools; no function
 * sleeps or allocates, and no input makes one read or write outside the area.
 */
#ifndef DMR_HOST_AREA_H
#define DMR_HOST_AREA_H

#include "portable.h"
#include "../../uapi/dm-replica-format.h"

/**
 * struct dmr_host - the host area, packed as on disk
 * @bytes: number of bytes in use.
 * @data: entries, by rising key; zeroes follow.
 */
struct dmr_host {
	u32 bytes;
	u8 data[DMR_HOST_AREA];
};

/** struct dmr_host_entry - one entry of an area; key and value stay in the area */
struct dmr_host_entry {
	const char *key;	/* without a NUL at its end */
	const u8 *value;
	u32 key_bytes;
	u32 value_bytes;
};

/**
 * dmr_host_key_fault() - check a key
 * @key: bytes.
 * @bytes: their number, any.
 *
 * Return: NULL, or a constant text with the fault.
 */
const char *dmr_host_key_fault(const char *key, u32 bytes);

/**
 * dmr_host_check() - check an area: lengths, keys, their order, and that each occurs once
 * @host: any content.
 *
 * Return: NULL, or a constant text with the first fault.
 */
const char *dmr_host_check(const struct dmr_host *host);

/**
 * dmr_host_next() - step through an area
 * @host: the area.
 * @at: 0 for the first entry; moved behind the entry that is returned.
 * @entry: filled in.
 *
 * Return: false behind the last entry, or at one that dmr_host_check() refuses for its length.
 */
bool dmr_host_next(const struct dmr_host *host, u32 *at, struct dmr_host_entry *entry);

/**
 * dmr_host_find() - find an entry by its key
 * @host: the area.
 * @key: the key, of any bytes.
 * @bytes: its length.
 * @entry: filled in.
 *
 * Return: false if there is none.
 */
bool dmr_host_find(const struct dmr_host *host, const char *key, u32 bytes,
		   struct dmr_host_entry *entry);

/**
 * dmr_host_set() - add or replace an entry
 * @host: an area that dmr_host_check() accepts; unchanged if there is no room.
 * @entry: key and value, which lie outside the area.
 *
 * Return: false if there is no room for it.
 */
bool dmr_host_set(struct dmr_host *host, const struct dmr_host_entry *entry);

/**
 * dmr_host_remove() - remove one entry
 * @host: an area that dmr_host_check() accepts.
 * @key: the key.
 * @bytes: its length.
 *
 * Return: false if there is none.
 */
bool dmr_host_remove(struct dmr_host *host, const char *key, u32 bytes);

/**
 * dmr_host_remove_all() - remove all entries with a given beginning of their keys
 * @host: an area that dmr_host_check() accepts.
 * @prefix: the beginning.
 * @bytes: its length; 0: all entries.
 */
void dmr_host_remove_all(struct dmr_host *host, const char *prefix, u32 bytes);

#endif /* DMR_HOST_AREA_H */
