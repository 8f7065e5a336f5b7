// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host area of a superblock.
 *
 * Entries follow each other without gaps, by rising key, so that a set of entries has a
 * single form: areas with the same entries have the same bytes.
 */
#include "host-area.h"
#include "../../uapi/dm-replica.h"

#define DMR_HOST_HEAD	sizeof(struct dmr_disk_host)

static_assert(DMR_HOST_HEAD == 4);
/* Limits that both uapi headers define, for the disk and for netlink. */
static_assert(DMR_HOST_AREA == DM_REPLICA_HOST_AREA_MAX);
static_assert(DMR_HOST_KEY_LEN == DM_REPLICA_HOST_KEY_MAX + 1);

const char *dmr_host_key_fault(const char *key, u32 bytes)
{
	u32 i;

	if (!bytes || bytes >= DMR_HOST_KEY_LEN)
		return "a key of the host area does not have 1 to 63 characters";
	for (i = 0; i < bytes; i++)
		if (key[i] <= ' ' || key[i] > '~')
			return "a key of the host area is not of printable ASCII without blanks";
	return NULL;
}

/* Compare keys by bytes; a key precedes those that begin with it. */
static int dmr_host_order(const char *a, u32 a_bytes, const char *b, u32 b_bytes)
{
	int order = memcmp(a, b, min(a_bytes, b_bytes));

	if (order)
		return order;
	return a_bytes < b_bytes ? -1 : a_bytes > b_bytes;
}

bool dmr_host_next(const struct dmr_host *host, u32 *at, struct dmr_host_entry *entry)
{
	u32 end = min_t(u32, host->bytes, DMR_HOST_AREA), left = end - min(*at, end);
	const struct dmr_disk_host *d;

	if (left < DMR_HOST_HEAD)
		return false;
	d = (const struct dmr_disk_host *)(host->data + *at);
	entry->key_bytes = d->key_bytes;
	entry->value_bytes = d->value_bytes[0] | d->value_bytes[1] << 8;
	if (left - DMR_HOST_HEAD < entry->key_bytes + entry->value_bytes)
		return false;
	entry->key = (const char *)host->data + *at + DMR_HOST_HEAD;
	entry->value = host->data + *at + DMR_HOST_HEAD + entry->key_bytes;
	*at += DMR_HOST_HEAD + entry->key_bytes + entry->value_bytes;
	return true;
}

const char *dmr_host_check(const struct dmr_host *host)
{
	struct dmr_host_entry entry, prev = { .key = NULL };
	const char *why;
	u32 at = 0, start = 0;

	if (host->bytes > DMR_HOST_AREA)
		return "the length of the host area is impossible";
	for (; dmr_host_next(host, &at, &entry); start = at, prev = entry) {
		why = dmr_host_key_fault(entry.key, entry.key_bytes);
		if (why)
			return why;
		if (!entry.value_bytes)
			return "an entry of the host area has no value";
		if (host->data[start + offsetof(struct dmr_disk_host, reserved0)])
			return "reserved bytes are in use";
		if (prev.key && dmr_host_order(prev.key, prev.key_bytes, entry.key,
					       entry.key_bytes) >= 0)
			return "the keys of the host area are not in order";
	}
	return at == host->bytes ? NULL : "an entry of the host area is longer than the area";
}

/* Find an entry.  Return: true, its place is @from to @to; false, it would begin at @from. */
static bool dmr_host_place(const struct dmr_host *host, const char *key, u32 bytes, u32 *from,
			   u32 *to, struct dmr_host_entry *entry)
{
	u32 at = 0;
	int order;

	for (*from = 0; dmr_host_next(host, &at, entry); *from = at) {
		order = dmr_host_order(entry->key, entry->key_bytes, key, bytes);
		if (order >= 0) {
			*to = order ? *from : at;
			return !order;
		}
	}
	*to = *from;
	return false;
}

bool dmr_host_find(const struct dmr_host *host, const char *key, u32 bytes,
		   struct dmr_host_entry *entry)
{
	u32 from, to;

	return dmr_host_place(host, key, bytes, &from, &to, entry);
}

/* Replace the bytes from @from to @to by room for @room bytes, which fit. */
static void dmr_host_resize(struct dmr_host *host, u32 from, u32 to, u32 room)
{
	u32 bytes = host->bytes - (to - from) + room;

	memmove(host->data + from + room, host->data + to, host->bytes - to);
	if (bytes < host->bytes)
		memset(host->data + bytes, 0, host->bytes - bytes);
	host->bytes = bytes;
}

bool dmr_host_set(struct dmr_host *host, const struct dmr_host_entry *entry)
{
	struct dmr_disk_host *d;
	struct dmr_host_entry old;
	u32 from, to, room;

	if (entry->value_bytes > DMR_HOST_AREA)
		return false;
	room = DMR_HOST_HEAD + entry->key_bytes + entry->value_bytes;
	dmr_host_place(host, entry->key, entry->key_bytes, &from, &to, &old);
	if (host->bytes - (to - from) + room > DMR_HOST_AREA)
		return false;
	dmr_host_resize(host, from, to, room);
	d = (struct dmr_disk_host *)(host->data + from);
	d->value_bytes[0] = entry->value_bytes & 0xff;
	d->value_bytes[1] = entry->value_bytes >> 8;
	d->key_bytes = entry->key_bytes;
	d->reserved0 = 0;
	memcpy(host->data + from + DMR_HOST_HEAD, entry->key, entry->key_bytes);
	memcpy(host->data + from + DMR_HOST_HEAD + entry->key_bytes, entry->value,
	       entry->value_bytes);
	return true;
}

bool dmr_host_remove(struct dmr_host *host, const char *key, u32 bytes)
{
	struct dmr_host_entry entry;
	u32 from, to;

	if (!dmr_host_place(host, key, bytes, &from, &to, &entry))
		return false;
	dmr_host_resize(host, from, to, 0);
	return true;
}

void dmr_host_remove_all(struct dmr_host *host, const char *prefix, u32 bytes)
{
	struct dmr_host_entry entry;
	u32 at = 0, from = 0;

	while (dmr_host_next(host, &at, &entry)) {
		if (entry.key_bytes >= bytes && !memcmp(entry.key, prefix, bytes)) {
			dmr_host_resize(host, from, at, 0);
			at = from;
		}
		from = at;
	}
}
