/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rebuild the map from the log; see rebuild.c.
 */
#ifndef DMR_REBUILD_H
#define DMR_REBUILD_H

#include "logblock.h"
#include "map.h"

/**
 * struct dmr_rebuild - state of a replay into a map
 * @map: the map, empty at first.
 * @sb: superblock in force.
 * @max_versions: limit of versions during the replay.
 * @owners: slot -> version, slot_end entries.
 * @index: versions by chunk and epoch, chained through @dirty; as many chains as buckets.
 * @records: number of records applied or skipped.
 * @skipped: number of records of dead epochs among them.
 * @number: log block of the last record.
 * @nth: its place in that block.
 * @drops: number of drops that are applied at the end.
 * @lost: at the end: number of versions that are needed, and have lost their slot or blocks.
 */
struct dmr_rebuild {
	struct dmr_map *map;
	const struct dmr_sb *sb;
	u64 max_versions;
	struct dmr_version **owners;
	struct llist_node **index;
	u64 records;
	u64 skipped;
	u64 number;
	u32 nth;
	u64 drops;
	u64 lost;
};

int dmr_rebuild_init(struct dmr_rebuild *rb, struct dmr_map *map, const struct dmr_sb *sb);
int dmr_rebuild_record(struct dmr_rebuild *rb, const struct dmr_record *rec, u64 number);
int dmr_rebuild_exit(struct dmr_rebuild *rb);

#endif /* DMR_REBUILD_H */
