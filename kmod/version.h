/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for versions. */
#ifndef DMR_VERSION_H
#define DMR_VERSION_H

#include <linux/mempool.h>

struct dmr_system;
struct dmr_version;

/**
 * struct dmr_versions - memory for versions of a system
 * @pool: the reserve.
 * @swap: a version reserved for swap-out writes, or NULL.
 */
struct dmr_versions {
	mempool_t *pool;
	struct dmr_version *swap;
};

int dmr_version_init(void);
void dmr_version_exit(void);
int dmr_versions_init(struct dmr_system *sys);
void dmr_versions_exit(struct dmr_system *sys);
struct dmr_version *dmr_version_get(struct dmr_system *sys, bool swap);
u32 dmr_versions_get(struct dmr_system *sys, bool swap, u32 nr, struct dmr_version **versions);
void dmr_versions_wait(struct dmr_system *sys, bool swap);
void dmr_versions_fill(struct dmr_system *sys);

#endif /* DMR_VERSION_H */
