// SPDX-License-Identifier: GPL-2.0-only
/*
 * An engine that lives for a while and leaves a record: with the module's own codec, map and
 * allocator, in one thread, and simple.  It stands in for the module where no machine can run
 * it, so that the model and the comparison can be tested; on request it breaks a rule, which
 * they must find.
 */
#include "engine.h"

static const char *const bug_names[BUG_END] = {
	"none", "log-no-flush", "early-bit", "early-reuse", "drop-early", "sb-no-fua", "same-copy",
	"point-no-flush", "answer-early", "fua-no-log", "home-sync", "wrong-view", "merge",
	"old-slot", "revert-late", "blocks-no-flush", "last-no-flush", "zeroes-early", "sync-clean",
};

const char *synth_bug_name(enum synth_bug bug)
{
	return bug_names[bug];
}

enum synth_bug synth_bug(const char *name)
{
	u32 i;

	for (i = 0; i < BUG_END; i++)
		if (!strcmp(name, bug_names[i]))
			return i;
	for (i = 0; i < BUG_END; i++)
		fprintf(stderr, "%s\n", bug_names[i]);
	exit(2);
}

/* Writes */

static void complete(struct engine *e, u32 i)
{
	struct flight f = e->flights[i];

	if (f.v) {
		if (f.zero)
			dmr_version_zero(f.v, f.mask);
		else
			dmr_version_set(f.v, f.mask);
		atomic_set(&f.v->state, DMR_V_DIRTY);
	}
	e->flights[i] = e->flights[--e->nr_flights];
	done(e, REC_IO_DONE, f.seq, 0, 0);
}

static void complete_all(struct engine *e)
{
	while (e->nr_flights)
		complete(e, rng_below(&e->r, e->nr_flights));
}

static struct dmr_view view_of(struct engine *e, u32 view)
{
	struct dmr_view v = { .base = U32_MAX, .promoted = e->sb->promoted,
			      .dead_first = e->sb->dead_first, .dead_last = e->sb->dead_last };

	v.write = e->head_epoch;
	if (view != REC_HEAD && e->sb->state != DM_REPLICA_STATE_COMMITTED) {
		const struct dmr_overlay *ov = view == REC_LIVE ? &e->sb->live : &e->sb->test;

		v.base = ov->base;
		v.overlay = v.write = ov->epoch;
	}
	return v;
}

static void view_read(struct engine *e, const struct dmr_view *view, u32 disk, u64 block, u8 *buf)
{
	u32 blocks = dmr_chunk_blocks(e->sb);
	struct dmr_source src;
	u64 from;

	dmr_map_resolve(&e->map, view, dmr_key(disk, block / blocks), block % blocks, 1, &src);
	from = src.kind == DMR_SRC_SLOT ? (u64)src.slot * blocks + block % blocks : block;
	if (src.kind == DMR_SRC_ZERO)
		memset(buf, 0, DMR_BLOCK_SIZE);
	else
		memcpy(buf, e->dev[src.kind == DMR_SRC_SLOT ? STORE : disk + 1] + from * DMR_BLOCK_SIZE,
		       DMR_BLOCK_SIZE);
}

static bool straight(struct engine *e, u32 disk, u64 chunk)
{
	return !e->sb->nr_points && !e->sb->live.epoch && !e->sb->test.epoch &&
	       !dmr_map_first(&e->map, dmr_key(disk, chunk));
}

/* A version of zeroes only has no slot. */
static struct dmr_version *version_get(struct engine *e, u32 disk, u64 chunk, u32 epoch, bool data)
{
	struct dmr_version *v = dmr_map_find(&e->map, dmr_key(disk, chunk), epoch);

	if (v) {
		if (data && v->slot == DMR_SLOT_NONE && !dmr_slots_alloc(&e->slots, 1, 0, &v->slot))
			die("synth: out of slots; fewer ops");
		return v;
	}
	v = need(dmr_pool_alloc(e->pool));
	memset(v, 0, sizeof(*v));
	v->key = dmr_key(disk, chunk);
	v->epoch = epoch;
	v->slot = DMR_SLOT_NONE;
	if (data && !dmr_slots_alloc(&e->slots, 1, 0, &v->slot))
		die("synth: out of slots; fewer ops");
	if (e->bug == BUG_OLD_SLOT && data && rng_chance(&e->r, 20) && v->slot > e->sb->slot_first)
		v->slot--;
	dmr_map_insert(&e->map, v);
	return v;
}

void io_write(struct engine *e, u32 view, u8 kind, bool fua)
{
	u32 blocks = dmr_chunk_blocks(e->sb), disk = rng_below(&e->r, DISKS), n, i;
	bool whole = kind != REC_DATA || rng_chance(&e->r, 70);
	struct rec r = { .type = REC_IO, .view = view, .disk = disk, .kind = kind,
			 .flags = fua ? REC_FUA : 0 };
	u64 chunk, first, block, mask;
	struct dmr_view w = view_of(e, view);
	struct dmr_version *v;
	u8 buf[4 * DMR_BLOCK_SIZE];

	/* One area is written again and again, the rest now and then. */
	chunk = rng_below(&e->r, rng_chance(&e->r, 60) ? 6 :
			  DISK_SECTORS / BLOCK_SECTORS / blocks);
	if (e->bug == BUG_WRONG_VIEW && view == REC_LIVE && rng_chance(&e->r, 20))
		w.write = e->head_epoch;
	/* Requests do not overlap in time, and a merged block is complete. */
	for (i = e->nr_flights; i--;)
		if (!whole || !e->flights[i].v || e->flights[i].v->key == dmr_key(disk, chunk))
			complete(e, i);
	if (e->nr_flights == MAX_FLIGHTS)
		complete(e, 0);
	n = whole ? 1 + rng_below(&e->r, blocks) : 1;
	first = rng_below(&e->r, blocks - n + 1);
	block = chunk * blocks + first;
	r.sector = block * BLOCK_SECTORS;
	r.sectors = n * BLOCK_SECTORS;
	if (!whole) {
		r.sectors = 1 + rng_below(&e->r, BLOCK_SECTORS - 1);
		r.sector += rng_below(&e->r, BLOCK_SECTORS - r.sectors);
	}
	r.seq = ++e->seq;
	put(e, &r, NULL, 0);
	mask = dmr_block_mask(first, n);
	for (i = 0; i < n; i++)
		view_read(e, &w, disk, block + i, buf + i * DMR_BLOCK_SIZE);
	if (e->bug == BUG_MERGE && !whole)
		memset(buf, 0, DMR_BLOCK_SIZE);
	for (i = 0; i < r.sectors; i++) {
		u8 *to = buf + (r.sector - block * BLOCK_SECTORS + i) * REC_SECTOR;

		if (kind == REC_DATA)
			rec_stamp(to, r.seq, disk, r.sector + i);
		else
			memset(to, 0, REC_SECTOR);
	}
	e->flights[e->nr_flights] = (struct flight){ .seq = r.seq, .mask = mask,
						     .zero = kind != REC_DATA };
	if (straight(e, disk, chunk) && w.base == U32_MAX) {
		dev_write(e, disk + 1, r.sector, buf + (r.sector - block * BLOCK_SECTORS) * REC_SECTOR,
			  r.sectors, fua);
		e->home_dirty[disk] |= !fua;
		e->nr_flights++;
		if (fua)
			complete(e, e->nr_flights - 1);
		return;
	}
	v = version_get(e, disk, chunk, w.write, kind == REC_DATA);
	e->flights[e->nr_flights].v = v;
	e->flights[e->nr_flights].head = view == REC_HEAD;
	if (e->bug == BUG_EARLY_BIT && rng_chance(&e->r, 30)) {
		dmr_version_set(v, mask);
		atomic_set(&v->state, DMR_V_DIRTY);
		commit(e);
	}
	if (kind == REC_DATA) {
		dev_write(e, STORE, ((u64)v->slot * blocks + first) * BLOCK_SECTORS, buf,
			  n * BLOCK_SECTORS, false);
		e->store_dirty = true;
	}
	e->nr_flights++;
	if (!fua)
		return;
	/* Its bits, its record, its answer. */
	if (kind == REC_DATA)
		dmr_version_set(v, mask);
	else
		dmr_version_zero(v, mask);
	atomic_set(&v->state, DMR_V_DIRTY);
	if (e->bug != BUG_FUA_NO_LOG)
		commit(e);
	complete(e, e->nr_flights - 1);
}

static bool log_is_clean(struct engine *e)
{
	struct dmr_version *v;
	u64 b;

	for (b = 0; b < e->map.nr_buckets; b++)
		for (v = e->map.buckets[b]; v; v = v->next)
			if (atomic_read(&v->state) & DMR_V_DIRTY)
				return false;
	return !e->nr_drops && !e->store_dirty;
}

/* As flush-direct.c does: no I/O to the store where nothing is due there. */
static void sync_view(struct engine *e, u32 view)
{
	struct rec r = { .type = REC_SYNC, .view = view, .disk = rng_below(&e->r, DISKS),
			 .seq = ++e->seq };

	put(e, &r, NULL, 0);
	if (!log_is_clean(e) && (e->bug != BUG_SYNC_CLEAN || rng_chance(&e->r, 50)))
		commit(e);
	if (e->home_dirty[r.disk] && e->bug != BUG_HOME_SYNC)
		dev_flush(e, r.disk + 1);
	e->home_dirty[r.disk] = false;
	done(e, REC_SYNC_DONE, r.seq, 0, 0);
}

/*
 * Zeroes or a discard over many chunks: it goes through in pieces, beside which log commits
 * are made, and is answered when all pieces are done.
 */
static void io_pieces(struct engine *e, u32 view, u8 kind)
{
	u32 blocks = dmr_chunk_blocks(e->sb), all = DISK_SECTORS / BLOCK_SECTORS;
	u32 disk = rng_below(&e->r, DISKS), n = 1 + rng_below(&e->r, 12 * blocks), run;
	u64 block = rng_below(&e->r, all - n), end = block + n;
	struct rec r = { .type = REC_IO, .view = view, .disk = disk, .kind = kind, .seq = ++e->seq,
			 .sector = block * BLOCK_SECTORS, .sectors = n * BLOCK_SECTORS };
	struct dmr_view w = view_of(e, view);
	static const u8 zeroes[DMR_BLOCK_SIZE];
	struct dmr_version *v;
	u32 i;

	complete_all(e);
	put(e, &r, NULL, 0);
	if (e->bug == BUG_ZEROES_EARLY)
		done(e, REC_IO_DONE, r.seq, 0, 0);
	for (; block < end; block += run) {
		run = min_t(u64, blocks - block % blocks, end - block);
		if (straight(e, disk, block / blocks) && w.base == U32_MAX) {
			for (i = 0; i < run; i++)
				dev_write(e, disk + 1, (block + i) * BLOCK_SECTORS, zeroes,
					  BLOCK_SECTORS, false);
			e->home_dirty[disk] = true;
		} else {
			v = version_get(e, disk, block / blocks, w.write, false);
			dmr_version_zero(v, dmr_block_mask(block % blocks, run));
			atomic_set(&v->state, DMR_V_DIRTY);
		}
		if (rng_chance(&e->r, 10))
			commit(e);
		else if (rng_chance(&e->r, 10))
			sync_view(e, view);
	}
	if (e->bug != BUG_ZEROES_EARLY)
		done(e, REC_IO_DONE, r.seq, 0, 0);
}

/* Many chunks at once, so that the next commit has many records. */
static void io_storm(struct engine *e, u32 view)
{
	u32 i, n = 20 + rng_below(&e->r, 120);

	for (i = 0; i < n; i++)
		io_write(e, view, REC_DATA, false);
	complete_all(e);
}

/* Operations */

/* After all writes before it have ended; the bug is to answer first. */
static void decide(struct engine *e, u64 seq, u64 arg)
{
	e->sb->state_number++;
	if (e->bug == BUG_ANSWER_EARLY) {
		done(e, REC_OP_DONE, seq, 0, arg);
		sb_write(e);
		return;
	}
	sb_write(e);
	done(e, REC_OP_DONE, seq, 0, arg);
}

static void next_epoch(struct dmr_sb *sb)
{
	sb->cur_epoch = sb->next_epoch;
	sb->next_epoch = (sb->last_epoch + 2) & ~DMR_EPOCH_OVERLAY;
	sb->last_epoch = sb->next_epoch;
}

static void op_point(struct engine *e)
{
	struct dmr_sb *sb = e->sb;
	struct dmr_point *p = &sb->points[sb->nr_points];
	u64 seq = begin(e, REC_POINT, 0);
	u32 i;

	/* Some are in flight, into the old epoch; then into the new one. */
	if (rng_chance(&e->r, 50))
		io_write(e, REC_HEAD, REC_DATA, false);
	complete_all(e);
	e->head_epoch = sb->next_epoch;
	/* No write goes straight home any more. */
	p->epoch = sb->cur_epoch;
	p->kind = DM_REPLICA_POINT_KIND_STANDARD;
	p->number = sb->next_point;
	sb->nr_points++;
	if (rng_chance(&e->r, 50))
		io_write(e, REC_HEAD, REC_DATA, false);
	if (e->bug != BUG_POINT_NO_FLUSH)
		commit(e);
	for (i = 0; i < DISKS; i++) {
		if (e->home_dirty[i] && e->bug != BUG_POINT_NO_FLUSH)
			dev_flush(e, i + 1);
		e->home_dirty[i] = false;
	}
	sb->next_point++;
	next_epoch(sb);
	if (sb->state == DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION)
		sb->state = DM_REPLICA_STATE_REPLICATING;
	decide(e, seq, p->number);
}

static void op_begin(struct engine *e, bool test)
{
	const struct dmr_point *p = &e->sb->points[rng_below(&e->r, e->sb->nr_points)];
	u64 seq = begin(e, test ? REC_TEST_START : REC_FAILOVER, p->number);
	struct dmr_overlay *ov = test ? &e->sb->test : &e->sb->live;

	e->sb->last_epoch = (e->sb->last_epoch + 1) | DMR_EPOCH_OVERLAY;
	ov->epoch = e->sb->last_epoch;
	ov->base = p->epoch;
	ov->time = 1;
	if (!test)
		e->sb->state = DM_REPLICA_STATE_RECOVERED;
	decide(e, seq, 0);
}

/* Versions that neither copy needs any more. */
static void vacuum(struct engine *e)
{
	u32 points[DMR_MAX_POINTS], i;
	const struct dmr_sb *sb = e->sb;
	struct dmr_need need = { .epochs = points, .nr = sb->nr_points, .cur = e->head_epoch,
				 .next = sb->next_epoch, .live = sb->live.epoch,
				 .test = sb->test.epoch, .promoted = sb->promoted,
				 .dead_first = sb->dead_first, .dead_last = sb->dead_last };
	struct dmr_version *g, *next;
	struct dmr_sweep sw;
	u64 b;

	complete_all(e);
	commit(e);
	if (!e->copies_same && e->bug != BUG_EARLY_REUSE) {
		sb_write(e);
		e->copies_same = true;
	}
	need.durable = e->next - 1;
	for (i = 0; i < sb->nr_points; i++)
		points[i] = sb->points[i].epoch;
	dmr_map_sweep_init(&sw, &need);
	for (b = 0; b < e->map.nr_buckets; b++)
		dmr_map_sweep(&e->map, &sw, b, U32_MAX);
	for (g = sw.garbage; g; g = next) {
		next = dmr_garbage_next(g);
		if (g->slot != DMR_SLOT_NONE)
			dmr_slots_free(&e->slots, g->slot);
		mempool_free(g, e->pool);
	}
	/* So that free slots are used soon. */
	e->slots.rotor = sb->slot_first;
}

static void op_end(struct engine *e, bool test)
{
	u64 seq = begin(e, test ? REC_TEST_STOP : REC_REVERT, 0);
	struct dmr_overlay *ov = test ? &e->sb->test : &e->sb->live;
	u32 i;

	complete_all(e);
	memset(ov, 0, sizeof(*ov));
	if (!test)
		e->sb->state = DM_REPLICA_STATE_REPLICATING;
	if (e->bug == BUG_EARLY_REUSE) {
		vacuum(e);
		for (i = 0; i < 3; i++)
			io_write(e, REC_HEAD, REC_DATA, false);
		complete_all(e);
		commit(e);
	}
	if (e->bug == BUG_REVERT_LATE && !test)
		done(e, REC_OP_DONE, seq, 0, 0);
	else
		decide(e, seq, 0);
}

static void op_drop(struct engine *e)
{
	struct dmr_sb *sb = e->sb;
	u32 i = rng_below(&e->r, sb->nr_points), epoch = sb->points[i].epoch;
	u64 seq;

	if (epoch == sb->live.base || epoch == sb->test.base)
		return;
	seq = begin(e, REC_DROP, sb->points[i].number);
	sb->nr_points--;
	memmove(&sb->points[i], &sb->points[i + 1], (sb->nr_points - i) * sizeof(sb->points[0]));
	decide(e, seq, 0);
}

static void op_commit(struct engine *e)
{
	struct dmr_sb *sb = e->sb;
	u64 seq = begin(e, REC_COMMIT, 0);

	complete_all(e);
	sb->promoted = sb->live.epoch;
	sb->dead_first = sb->live.base + 2;
	sb->dead_last = sb->next_epoch;
	sb->cur_epoch = sb->promoted;
	sb->next_epoch = (sb->last_epoch + 2) & ~DMR_EPOCH_OVERLAY;
	sb->last_epoch = sb->next_epoch;
	memset(&sb->live, 0, sizeof(sb->live));
	sb->nr_points = 0;
	sb->flags &= ~DMR_SB_SUSPENDED;
	sb->state = DM_REPLICA_STATE_COMMITTED;
	e->head_epoch = sb->cur_epoch;
	decide(e, seq, 0);
}

/* R5: copy, flush home, record the drop; then the slots are free. */
static void move_home(struct engine *e)
{
	u32 blocks = dmr_chunk_blocks(e->sb), disk, i, budget = 12;
	struct dmr_view head = view_of(e, REC_HEAD);
	struct dmr_version *v, *next, *gone[512];
	u64 chunk, nr = 0;
	u8 buf[DMR_BLOCK_SIZE];

	vacuum(e);
	for (disk = 0; disk < DISKS; disk++) {
		for (chunk = 0; chunk < DISK_SECTORS / BLOCK_SECTORS / blocks && budget; chunk++) {
			struct dmr_record drop = { .type = DMR_RECORD_DROP, .disk = disk,
						   .chunk = chunk, .slot = DMR_SLOT_NONE_40 };

			for (v = dmr_map_first(&e->map, dmr_key(disk, chunk)); v; v = dmr_map_next(v)) {
				drop.epoch = max(drop.epoch, v->epoch);
				drop.data |= v->data | v->zero;
			}
			if (!drop.epoch)
				continue;
			budget--;
			for (i = 0; i < blocks; i++) {
				if (!(drop.data & 1ULL << i))
					continue;
				view_read(e, &head, disk, chunk * blocks + i, buf);
				dev_write(e, disk + 1, (chunk * blocks + i) * BLOCK_SECTORS, buf,
					  BLOCK_SECTORS, false);
			}
			e->drops[e->nr_drops++] = drop;
		}
	}
	for (disk = 0; disk < DISKS && e->bug != BUG_DROP_EARLY; disk++)
		dev_flush(e, disk + 1);
	for (i = 0; i < e->nr_drops; i++) {
		for (v = dmr_map_first(&e->map, dmr_key(e->drops[i].disk, e->drops[i].chunk)); v; v = next) {
			next = dmr_map_next(v);
			dmr_map_unlink(&e->map, v);
			gone[nr++] = v;
		}
	}
	commit(e);
	while (nr--) {
		if (gone[nr]->slot != DMR_SLOT_NONE)
			dmr_slots_free(&e->slots, gone[nr]->slot);
		mempool_free(gone[nr], e->pool);
	}
}

static void op_suspend(struct engine *e)
{
	bool on = !(e->sb->flags & DMR_SB_SUSPENDED);
	u64 seq = begin(e, on ? REC_SUSPEND : REC_RESUME, 0);

	complete_all(e);
	e->sb->flags ^= DMR_SB_SUSPENDED;
	decide(e, seq, 0);
}

static void op_remove(struct engine *e)
{
	u64 seq = begin(e, REC_REMOVE, 0);
	u8 *zero = need(calloc(1, DMR_SB_AREA));
	u32 i;

	complete_all(e);
	commit(e);
	for (i = 0; i < DISKS; i++)
		dev_flush(e, i + 1);
	e->sb->nr_points = 0;
	e->sb->flags = DMR_SB_REMOVING;
	e->sb->state = DM_REPLICA_STATE_DISABLED;
	e->sb->state_number++;
	sb_write(e);
	while (atomic64_read(&e->map.versions))
		move_home(e);
	e->sb->flags = 0;
	sb_write(e);
	dev_write(e, STORE, !e->sb->copy * (DMR_SB_AREA / REC_SECTOR), zero,
		  DMR_SB_AREA / REC_SECTOR, false);
	dev_flush(e, STORE);
	dev_write(e, STORE, e->sb->copy * (DMR_SB_AREA / REC_SECTOR), zero,
		  DMR_SB_AREA / REC_SECTOR, false);
	dev_flush(e, STORE);
	done(e, REC_OP_DONE, seq, 0, 0);
	free(zero);
}

/* A life */

/* Slots get few: reclaim, or end what holds them.  Return: false if there are enough. */
static bool make_room(struct engine *e)
{
	if (e->slots.free > 150)
		return false;
	vacuum(e);
	if (e->slots.free > 150)
		return false;
	if (e->sb->test.epoch)
		op_end(e, true);
	else if (e->sb->live.epoch)
		op_end(e, false);
	else if (e->sb->nr_points > 1)
		op_drop(e);
	return true;
}

static void one_step(struct engine *e)
{
	struct dmr_sb *sb = e->sb;
	bool committed = sb->state == DM_REPLICA_STATE_COMMITTED;
	bool suspended = sb->flags & DMR_SB_SUSPENDED;
	u32 dice = rng_below(&e->r, 100), view = REC_HEAD;

	if (sb->live.epoch && rng_chance(&e->r, 50))
		view = REC_LIVE;
	else if (sb->test.epoch && rng_chance(&e->r, 40))
		view = REC_TEST;
	if (committed)
		view = REC_LIVE;
	tail_move(e);
	if (make_room(e))
		return;
	if (dice < 70) {
		if (suspended && view == REC_HEAD)
			return;
		if (dice < 8)
			io_pieces(e, view, dice < 5 ? REC_ZEROES : REC_DISCARDED);
		else if (dice < 10)
			io_storm(e, view);
		else
			io_write(e, view, dice < 13 ? REC_ZEROES : dice < 15 ? REC_DISCARDED : REC_DATA,
				 rng_chance(&e->r, 10));
		if (e->nr_flights && rng_chance(&e->r, 60))
			complete(e, rng_below(&e->r, e->nr_flights));
	} else if (dice < 80) {
		e->open = !suspended && !e->bug;
		sync_view(e, view);
		e->open = false;
	} else if (dice < 83) {
		if (!committed && !suspended && sb->nr_points < 6)
			op_point(e);
	} else if (dice < 86) {
		if (sb->nr_points && !sb->live.epoch)
			op_begin(e, false);
	} else if (dice < 88) {
		if (sb->live.epoch)
			op_end(e, false);
	} else if (dice < 90) {
		if (sb->nr_points && !sb->test.epoch)
			op_begin(e, true);
		else if (sb->test.epoch)
			op_end(e, true);
	} else if (dice < 92) {
		if (sb->nr_points > 1)
			op_drop(e);
	} else if (dice < 93) {
		if (sb->nr_points)
			op_suspend(e);
	} else if (dice < 97) {
		vacuum(e);
	} else if (sb->nr_points || sb->live.epoch || sb->test.epoch) {
		vacuum(e);
	} else {
		move_home(e);
	}
}

static void create(struct engine *e)
{
	struct dmr_sb *sb = e->sb;
	u64 seq = begin(e, REC_CREATE, 0);
	const char *why;
	u32 i;

	sb->chunk_bytes = DMR_MIN_CHUNK;
	sb->store_bytes = STORE_BYTES;
	why = dmr_geometry(sb);
	if (why)
		die("synth: %s", why);
	memset(sb->store_uuid, 0x11, 16);
	memset(sb->system_uuid, 0x22, 16);
	strcpy(sb->name, "synth");
	sb->create_time = 1;
	sb->state_number = 1;
	sb->nr_disks = DISKS;
	for (i = 0; i < DISKS; i++) {
		sprintf(sb->disks[i].name, "vd%c", 'a' + i);
		memset(sb->disks[i].uuid, 0x33 + i, 16);
		sb->disks[i].sectors = DISK_SECTORS;
		sb->disks[i].number = i;
		sb->disks[i].logical_block = 512;
	}
	e->next = 1;
	sb_write(e);
	sb_write(e);
	dev_flush(e, STORE);
	done(e, REC_OP_DONE, seq, 0, 0);
}

struct base_reader {
	struct dmr_reader rd;
	const u8 *store;
};

static int base_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	memcpy(buf, container_of(rd, struct base_reader, rd)->store + first * DMR_BLOCK_SIZE,
	       (u64)count * DMR_BLOCK_SIZE);
	return 0;
}

struct base_load {
	struct dmr_replay_ops ops;
	struct dmr_rebuild rb;
};

static int base_record(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number)
{
	return dmr_rebuild_record(&container_of(ops, struct base_load, ops)->rb, rec, number);
}

static void base_found(struct engine *e, u32 view)
{
	struct dmr_view v = view_of(e, view);
	u8 buf[DMR_BLOCK_SIZE];
	u32 disk, block;

	for (disk = 0; disk < DISKS; disk++) {
		for (block = 0; block < DISK_SECTORS / BLOCK_SECTORS; block++) {
			struct rec r = { .type = REC_FOUND, .view = view, .disk = disk,
					 .sector = block * BLOCK_SECTORS, .sectors = BLOCK_SECTORS };

			view_read(e, &v, disk, block, buf);
			put(e, &r, buf, sizeof(buf));
		}
	}
}

/* A later life: attach and read the store of an earlier one. */
static void revive(struct engine *e, const struct synth_base *base)
{
	struct base_reader reader = { .rd.read = base_read, .store = base->dev[STORE] };
	struct base_load load = { .ops.record = base_record };
	struct dmr_version *v;
	struct dmr_damage dmg;
	u64 seq, state, b;

	if (dmr_replay_super(&reader.rd, e->sb, &seq, &state, &dmg) ||
	    dmr_map_init(&e->map, dmr_slot_versions(dmr_slot_count(e->sb)), e->pool) ||
	    dmr_slots_init(&e->slots, e->sb) || dmr_rebuild_init(&load.rb, &e->map, e->sb) ||
	    dmr_replay_log(&reader.rd, e->sb, &load.ops, &e->next, &dmg))
		die("synth: the base cannot be attached");
	if (dmr_rebuild_exit(&load.rb))
		die("synth: a slot of the base is needed twice");
	e->head_epoch = e->sb->cur_epoch;
	for (b = 0; b < e->map.nr_buckets; b++) {
		for (v = e->map.buckets[b]; v; v = v->next) {
			if (v->slot != DMR_SLOT_NONE && dmr_slots_claim(&e->slots, v->slot))
				die("synth: the base has a slot twice");
			if (v->epoch == e->sb->next_epoch)
				e->head_epoch = v->epoch;
		}
	}
	dev_flush(e, STORE);
	sb_write(e);
	if (e->sb->state == DM_REPLICA_STATE_COMMITTED)
		base_found(e, REC_LIVE);
	else
		base_found(e, REC_HEAD);
	if (e->sb->live.epoch)
		base_found(e, REC_LIVE);
	if (e->sb->test.epoch)
		base_found(e, REC_TEST);
}

/**
 * synth_make() - a record
 * @sy: the life.
 * @base: devices it begins on; NULL: a new system.
 * @bytes: set to its size.
 *
 * Return: its bytes, to be freed.
 */
u8 *synth_make(const struct synth *sy, const struct synth_base *base, u64 *bytes)
{
	struct engine *e = need(calloc(1, sizeof(*e)));
	struct rec r = { .type = REC_DEVICE };
	u64 n, sectors;
	u32 i;

	e->r.s = (sy->seed + 77) * 0xd1342543de82ef95ULL;
	e->bug = sy->bug;
	e->pool = need(mempool_create_kmalloc_pool(1, sizeof(struct dmr_version)));
	e->sb = need(calloc(1, sizeof(*e->sb)));
	if (base)
		e->seq = 1ULL << 32;
	for (i = 0; i <= DISKS; i++) {
		sectors = i ? DISK_SECTORS : STORE_BYTES / REC_SECTOR;
		e->dev[i] = need(calloc(sectors, REC_SECTOR));
		if (base)
			memcpy(e->dev[i], base->dev[i], sectors * REC_SECTOR);
		r.dev = i;
		r.sectors = sectors;
		put(e, &r, NULL, 0);
	}
	if (base) {
		revive(e, base);
	} else {
		create(e);
		if (dmr_map_init(&e->map, dmr_slot_versions(dmr_slot_count(e->sb)), e->pool) ||
		    dmr_slots_init(&e->slots, e->sb))
			die("out of memory");
		e->head_epoch = e->sb->cur_epoch;
	}
	e->per_block = rng_chance(&e->r, 50) ? DMR_LOG_RECORDS : 4 + rng_below(&e->r, 20);
	for (n = 0; n < sy->ops; n++) {
		/*
		 * At two thirds of the life commit the failover if there is one; it ends as
		 * plain disks.
		 */
		if (n == sy->ops * 2 / 3 && e->sb->live.epoch && !e->sb->test.epoch)
			op_commit(e);
		one_step(e);
	}
	if (sy->quiet_end && !e->sb->live.epoch && !e->sb->test.epoch)
		op_remove(e);
	dmr_map_exit(&e->map);
	dmr_slots_exit(&e->slots);
	mempool_destroy(e->pool);
	for (i = 0; i <= DISKS; i++)
		free(e->dev[i]);
	free(e->sb);
	*bytes = e->bytes;
	n = e->bytes;
	{
		u8 *out = e->out;

		free(e);
		return out;
	}
}
