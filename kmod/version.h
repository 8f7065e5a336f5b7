/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for versions. */
#ifndef DMR_VERSION_H
#define DMR_VERSION_H

#include <linux/mempool.h>

struct dmr_system;
struct dmr_version;

int dmr_version_init(void);
void dmr_version_exit(void);
mempool_t *dmr_versions_create(void);
void dmr_versions_destroy(struct dmr_system *sys);
struct dmr_version *dmr_version_get(struct dmr_system *sys, bool swap);
void dmr_versions_wait(struct dmr_system *sys, bool swap);
void dmr_versions_fill(struct dmr_system *sys);

#endif /* DMR_VERSION_H */
