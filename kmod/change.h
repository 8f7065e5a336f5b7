/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of settings and of the host area. */
#ifndef DMR_CHANGE_H
#define DMR_CHANGE_H

#include "store/host-area.h"
#include "store/settings.h"

/**
 * struct dmr_change - request of SETTINGS and HOST_SET
 * @has: DM_REPLICA_A_SETTINGS_* that are given, a bit each.
 * @set: their values.
 * @all: remove all entries whose keys begin with @key.
 * @key: of the entry to set or to remove, with a NUL.
 * @key_bytes: its length; 0 with @all alone.
 * @value_bytes: 0: remove the entry.
 * @value: to set.
 */
struct dmr_change {
	u64 has;
	struct dmr_settings set;
	bool all;
	char key[DMR_HOST_KEY_LEN];
	u32 key_bytes;
	u32 value_bytes;
	u8 value[];
};

#endif /* DMR_CHANGE_H */
