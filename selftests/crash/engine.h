/* SPDX-License-Identifier: GPL-2.0-only */
/* The engine of synth.c, and its store: synth-store.c. */
#ifndef ENGINE_H
#define ENGINE_H

#include "synth.h"

#define DISKS		2
#define DISK_SECTORS	4096		/* 2 MiB */
#define STORE_BYTES	(12u << 20)
#define MAX_FLIGHTS	4

struct flight {
	u64 seq;
	struct dmr_version *v;	/* NULL: straight home */
	u64 mask;
	bool zero;
	bool head;
};

struct engine {
	struct rng r;
	u32 per_block;		/* records in a log block: fewer, for commits of many blocks */
	bool store_dirty;	/* written since the last flush of the store */
	bool open;		/* writes may come beside a commit */
	enum synth_bug bug;
	u8 *out;
	u64 bytes, room;
	u8 *dev[MAX_DEVICES];
	struct dmr_sb *sb;
	struct dmr_map map;
	struct dmr_slots slots;
	mempool_t *pool;
	u64 next;		/* log number */
	u64 seq;
	bool home_dirty[DISKS];
	bool copies_same;
	u32 head_epoch;
	struct flight flights[MAX_FLIGHTS];
	u32 nr_flights;
	struct dmr_record drops[64];
	u32 nr_drops;
};

/* The record, and requests to devices */
void put(struct engine *e, struct rec *r, const void *data, u64 bytes);
void dev_write(struct engine *e, u32 dev, u64 sector, const void *data, u64 sectors, bool fua);
void dev_flush(struct engine *e, u32 dev);
u64 begin(struct engine *e, u8 op, u64 arg);
void done(struct engine *e, u8 type, u64 seq, int result, u64 arg);

void sb_write(struct engine *e);
void commit(struct engine *e);
void tail_move(struct engine *e);

/* synth.c */
void io_write(struct engine *e, u32 view, u8 kind, bool fua);

#endif /* ENGINE_H */
