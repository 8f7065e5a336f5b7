/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of settings and of the host area. */
#ifndef DMR_CHANGE_H
#define DMR_CHANGE_H

#include "store/host-area.h"
#include "store/settings.h"

/**
 * struct dmr_change - request of SETTINGS and HOST_SET
 * @has: bitmap of the DM_REPLICA_A_SETTINGS_* given in the request.
 * @set: values of those settings.
 * @all: remove every entry with a key that begins with @key.
 * @key: of the entry to set or to remove, with a NUL.
 * @key_bytes: length of @key; 0 only with @all, for every entry.
 * @value_bytes: 0: remove the entry.
 * @value: value of the entry.
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

struct dmr_op;
struct dmr_sb;

void dmr_op_close_head(struct dmr_op *op, struct dmr_sb *draft, const char *late);

#endif /* DMR_CHANGE_H */
