/* SPDX-License-Identifier: GPL-2.0-only */
/* Claims: the block devices that targets hold open. */
#ifndef DMR_CLAIM_H
#define DMR_CLAIM_H

#include <linux/device-mapper.h>

int dmr_claim_number(const char *path, dev_t *dev);
struct dm_dev *dmr_claim_get(dev_t dev, dev_t store);
struct dm_dev *dmr_claim_look(dev_t dev, dev_t own);
struct dm_dev *dmr_claim_share(struct dm_dev *dev);
void dmr_claim_put(struct dm_dev *dev);
void dmr_claim_link(struct dm_dev *dev, struct gendisk *disk, bool *linked);
void dmr_claim_unlink(struct dm_dev *dev, struct gendisk *disk);
void dmr_claim_settle(struct dm_dev *dev);
void dmr_claim_forget(struct dm_dev *dev);

#endif /* DMR_CLAIM_H */
