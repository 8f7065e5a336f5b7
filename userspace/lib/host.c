// SPDX-License-Identifier: GPL-2.0-only
/* The host: machine id, boot id and clocks. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "private.h"

static bool parse_id(const char *text, u8 id[16])
{
	unsigned int i, byte;

	if (strspn(text, "0123456789abcdefABCDEF") < 32)
		return false;
	for (i = 0; i < 16; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		id[i] = byte;
	}
	return !uuid_is_null(id);
}

/*
 * The machine id identifies this host in the superblock.  DM_REPLICA_MACHINE_ID, 32
 * hexadecimal digits, replaces it in tests.
 *
 * Return: false if this host has none.
 */
bool dmrl_host_id(u8 id[16])
{
	static const char *const files[] = { "/etc/machine-id", "/var/lib/dbus/machine-id" };
	const char *env = getenv("DM_REPLICA_MACHINE_ID");
	char buf[64];
	unsigned int i;

	if (env)
		return parse_id(env, id);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (!dmrl_sysfs_read(files[i], buf, sizeof(buf)) && parse_id(buf, id))
			return true;
	return false;
}

/**
 * dmrl_boot_id() - get the id of the present boot of the host
 * @id: set.
 *
 * DM_REPLICA_BOOT_ID, 32 hexadecimal digits, replaces it in tests.
 *
 * Return: false if the id is not known.
 */
bool dmrl_boot_id(u8 id[16])
{
	const char *env = getenv("DM_REPLICA_BOOT_ID");
	char buf[64];

	if (env)
		return parse_id(env, id);
	return !dmrl_sysfs_read("/proc/sys/kernel/random/boot_id", buf, sizeof(buf)) &&
	       !uuid_parse(buf, id) && !uuid_is_null(id);
}

/**
 * dmrl_boot_other() - is a store active on this host, but in another boot?
 * @sb: superblock in force.
 *
 * This is true after a crash of the host, and also while another host with the same
 * machine id (a clone of a template) has the store attached.
 *
 * Return: true if so; false if it is not, or if a boot id is not known.
 */
bool dmrl_boot_other(const struct dmr_sb *sb)
{
	static const u8 none[16];
	u8 host[16], boot[16];

	return sb->flags & DMR_SB_ACTIVE && memcmp(sb->active_boot, none, 16) &&
	       dmrl_host_id(host) && !memcmp(sb->active_host, host, 16) && dmrl_boot_id(boot) &&
	       memcmp(sb->active_boot, boot, 16);
}

u64 dmrl_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

s64 dmrl_clock_offset(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return dmrl_now() - ((u64)ts.tv_sec * 1000000000ULL + ts.tv_nsec);
}

u64 dmrl_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
