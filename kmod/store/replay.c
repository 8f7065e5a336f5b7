// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replay: choose the superblock (R3), and prove the end of the log (R6).
 *
 * The argument for the end of the log -----------------------------------
 *
 * A *life* is the time from one activation to the crash or detach that ends it.  Each
 * life replays the log up to an end E, writes a superblock and then issues log blocks E,
 * E + 1, ...  Every writer keeps these rules, and the argument rests on nothing else:
 *
 *  W1 A superblock is never issued with a sequence number that is not higher
 *     than that of every superblock known durable, and never over the newest
 *     durable one, so the newest durable superblock, or a newer one, is found
 *     at the next attach.
 *  W2 A life's first superblock is durable before its first log block is issued.  The
 *     store is flushed before it, and it carries durable = E - 1: the replayed blocks are
 *     on the medium before anything builds on them.
 *  W3 A log block carries the number of a superblock of its life that was known
 *     durable when it was issued; in one life it never goes down.
 *  W4 A log block, and a superblock, carries in its durable field a number D
 *     only if every log block up to D was on the medium before this one got
 *     there.
 *  W5 A number is issued once in a life, and only while its place in the ring
 *     is that of no number from the newest durable superblock's tail on.
 *  W6 The tail a superblock carries is not above the durable number it
 *     carries, except in a store whose log is still empty (tail 1, durable 0).
 *
 *  W7 The ring grows between two commits: no log block is on its way.  The new extent has
 *     been blanked, which is durable, and both superblocks carry the new geometry, before
 *     a number is placed by it; until the tail has left the older ring no number is
 *     placed beyond the new extent.  So a number has one place at any time, whichever
 *     copy is found.
 *
 * By W2 and W3 the sequence numbers in the blocks of a life are all higher than in those
 * of any earlier life: they distinguish lives.
 *
 * Claim 1: once a log block n is durable, every later end is above n, and n's
 * place keeps n for as long as the tail is not past it.  A later life finds a
 * superblock whose tail is not past n (or n is not asked for); it takes n and
 * all before it (claim 2) and issues numbers above n only, so by W5 nothing is
 * written to n's place before the tail has moved on.
 *
 * Claim 2: the walk from the tail, over consecutive numbers at their places
 * whose sequence never goes down, takes all blocks up to the last durable one.
 * They are there by claim 1, and a higher number in the log was issued later:
 * in the same life (W3) or in a later one.
 *
 * Claim 3: beyond the last durable block d the walk takes only blocks that the
 * last life issued, or that every attach since they were issued has taken.  A
 * block beyond d that a life's attach did *not* take, and that the life did not
 * overwrite, is either unreadable as n, and still is, or its sequence is below
 * that of its predecessor p, where that life's walk ended.  p is d or beyond
 * d.  Nothing rewrites p unless a life issues p again, with a higher sequence,
 * and p itself is looked at by each walk, since the tail stops at d (W6).  So
 * the leftover is still below its predecessor.  (Without W6 the tail could move
 * to the leftover itself, and it would be taken for want of a predecessor.)
 *
 * Claim 4: no history that keeps the rules is called damaged, with any number of lives
 * and any leftovers behind its end.
 *  - A durable field D in *any* intact block of this store, at any place, of any life,
 *    was true when it was written (W4), and by claim 1 it is true for ever: later ends
 *    are above D.  A leftover's claim is as good as any; its life does not matter.
 *  - A sequence number s in any intact block means that superblock s was
 *    durable, so by W1 the one found is not older than s.
 *  - A number n in any intact block was issued under a superblock that gave it
 *    a place, so it is below that one's tail plus the ring's size, and tail
 *    and ring have only grown since.
 * So all intact blocks are asked, not only those in range.
 *
 * Claim 5: damage below a number that anything intact calls durable is never taken for
 * the end: the walk stops at it, which by the claim is too early.  A block that nothing
 * intact vouches for looks like one that never arrived; that is the last commit only, and
 * each following one, and each superblock, vouches for it.
 */
#include "replay.h"

#define DMR_READ_BLOCKS	256		/* 1 MiB at a time */

static int dmr_damaged(struct dmr_damage *dmg, int err, const char *reason, u64 where, u64 number)
{
	dmg->reason = reason;
	dmg->where = where;
	dmg->number = number;
	return err;
}

/*
 * Read blocks.  Where that fails, read them singly: a message that names the
 * bad one helps, and should each of them come after all, they are here.
 */
static int dmr_read(struct dmr_reader *rd, u64 first, u32 count, void *buf,
		    struct dmr_damage *dmg)
{
	int err = rd->read(rd, first, count, buf);
	u32 i;

	if (!err)
		return 0;
	if (err == -ENOMEM)
		return dmr_damaged(dmg, err, "out of memory", first, 0);
	if (count == 1)
		return dmr_damaged(dmg, -EIO, "the store cannot be read", first, 0);
	for (i = 0; i < count; i++) {
		err = dmr_read(rd, first + i, 1, (u8 *)buf + i * DMR_BLOCK_SIZE, dmg);
		if (err)
			return err;
	}
	return 0;
}

/* The superblock */

/* R3: counters that only grow must not be less in the newer copy. */
static bool dmr_follows(const struct dmr_sb *new, const struct dmr_sb *old)
{
	return new->log_tail >= old->log_tail && new->log_durable >= old->log_durable &&
	       new->last_epoch >= old->last_epoch && new->next_point >= old->next_point &&
	       new->state_number >= old->state_number;
}

/* Neither copy is fit for use, or one of them forbids using the other. */
static int dmr_super_refuse(const enum dmr_verdict *verdict, const char *const *why,
			    struct dmr_damage *dmg)
{
	u32 i;

	for (i = 0; i < DMR_SB_COPIES; i++)
		if (verdict[i] == DMR_NEWER)
			return dmr_damaged(dmg, -EPROTONOSUPPORT, why[i],
					   i * (DMR_SB_AREA / DMR_BLOCK_SIZE), 0);
	for (i = 0; i < DMR_SB_COPIES; i++)
		if (verdict[i] == DMR_BAD)
			return dmr_damaged(dmg, -EUCLEAN, why[i],
					   i * (DMR_SB_AREA / DMR_BLOCK_SIZE), 0);
	if (verdict[0] == DMR_NOT_OURS && verdict[1] == DMR_NOT_OURS)
		return dmr_damaged(dmg, -ENODATA, "there is no dm-replica store here", 0, 0);
	return dmr_damaged(dmg, -EUCLEAN, "neither superblock is intact", 0, 0);
}

static int dmr_super_choose(struct dmr_sb *sb, struct dmr_sb *copies,
			    const enum dmr_verdict *verdict, const char *const *why,
			    u64 *other_seq, u64 *other_state, struct dmr_damage *dmg)
{
	const struct dmr_sb *a = &copies[0], *b = &copies[1];
	u32 newer;

	*other_seq = 0;
	*other_state = ~0ULL;
	/*
	 * R3: a torn copy is the one that was being written; the other is in
	 * force.  One that arrived whole and is impossible or too new was never
	 * torn, and may well be the newer one: do not go back behind it.
	 */
	if (verdict[0] == DMR_NEWER || verdict[1] == DMR_NEWER ||
	    verdict[0] == DMR_BAD || verdict[1] == DMR_BAD ||
	    (verdict[0] != DMR_OK && verdict[1] != DMR_OK))
		return dmr_super_refuse(verdict, why, dmg);
	if (verdict[0] != DMR_OK || verdict[1] != DMR_OK) {
		memcpy(sb, verdict[0] == DMR_OK ? a : b, sizeof(*sb));
		return 0;
	}
	if (!dmr_sb_same_identity(a, b))
		return dmr_damaged(dmg, -EUCLEAN,
				   "the two superblocks are of different stores", 0, 0);
	if (a->seq == b->seq)
		return dmr_damaged(dmg, -EUCLEAN,
				   "the two superblocks have the same sequence number", 0, 0);
	newer = b->seq > a->seq;
	if (!dmr_follows(&copies[newer], &copies[!newer]))
		return dmr_damaged(dmg, -EUCLEAN,
				   "the newer superblock is behind the older one",
				   newer * (DMR_SB_AREA / DMR_BLOCK_SIZE), 0);
	memcpy(sb, &copies[newer], sizeof(*sb));
	*other_seq = copies[!newer].seq;
	*other_state = copies[!newer].state_number;
	return 0;
}

int dmr_replay_super(struct dmr_reader *rd, struct dmr_sb *sb, u64 *other_seq,
		     u64 *other_state, struct dmr_damage *dmg)
{
	enum dmr_verdict verdict[DMR_SB_COPIES];
	const char *why[DMR_SB_COPIES];
	struct dmr_sb *copies;
	int err = 0;
	void *buf;
	u32 i;

	dmr_damaged(dmg, 0, NULL, ~0ULL, 0);
	buf = kvmalloc(DMR_SB_MAX, GFP_KERNEL);
	copies = kvcalloc(DMR_SB_COPIES, sizeof(*copies), GFP_KERNEL);
	if (!buf || !copies)
		err = dmr_damaged(dmg, -ENOMEM, "out of memory", ~0ULL, 0);
	for (i = 0; !err && i < DMR_SB_COPIES; i++) {
		/* R3: unreadable is not torn. */
		err = dmr_read(rd, i * (DMR_SB_AREA / DMR_BLOCK_SIZE),
			       DMR_SB_MAX / DMR_BLOCK_SIZE, buf, dmg);
		if (!err)
			verdict[i] = dmr_sb_decode(buf, i, &copies[i], &why[i]);
	}
	if (!err)
		err = dmr_super_choose(sb, copies, verdict, why, other_seq, other_state, dmg);
	kvfree(copies);
	kvfree(buf);
	return err;
}

/* The log */

struct dmr_seen {
	u64 number;		/* 0: nothing of ours that is intact */
	u64 sb_seq;
};

struct dmr_scan {
	struct dmr_reader *rd;
	const struct dmr_sb *sb;
	struct dmr_damage *dmg;
	u8 *buf;		/* DMR_READ_BLOCKS blocks, or as many as the ring has */
	struct dmr_seen *seen;	/* by place in the ring */
	u64 blocks;		/* of the ring */
	u64 durable;		/* the highest number that anything calls durable */
};

static int dmr_scan_block(struct dmr_scan *sc, const struct dmr_disk_log_block *blk,
			  u64 where, struct dmr_seen *seen)
{
	const struct dmr_sb *sb = sc->sb;
	struct dmr_log_header hdr;

	switch (dmr_logblock_check(blk, sb->store_uuid, &hdr)) {
	case DMR_OK:
		break;
	case DMR_BAD:
		return dmr_damaged(sc->dmg, -EUCLEAN, "a log block has an impossible head",
				   where, 0);
	default:
		return 0;	/* blank, foreign or torn: a doubt, judged by its place */
	}
	/* Claim 4 above: these hold for every block that ever was, wherever it lies. */
	if (hdr.sb_seq > sb->seq)
		return dmr_damaged(sc->dmg, -EUCLEAN,
				   "a log block was written under a newer superblock",
				   where, hdr.number);
	if (hdr.number >= sb->log_tail && hdr.number - sb->log_tail >= sc->blocks)
		return dmr_damaged(sc->dmg, -EUCLEAN,
				   "a log block's number is beyond what the ring can hold",
				   where, hdr.number);
	sc->durable = max(sc->durable, hdr.durable);
	seen->number = hdr.number;
	seen->sb_seq = hdr.sb_seq;
	return 0;
}

/* R6: the whole ring is read, an error anywhere in it is damage. */
static int dmr_scan_ring(struct dmr_scan *sc)
{
	struct dmr_seen *seen = sc->seen;
	u64 at, end;
	u32 i, b, n;
	int err;

	for (i = 0; i < sc->sb->ring_extents; i++) {
		at = sc->sb->ring[i].first;
		end = at + sc->sb->ring[i].count;
		for (; at < end; at += n) {
			n = min_t(u64, DMR_READ_BLOCKS, end - at);
			err = dmr_read(sc->rd, at, n, sc->buf, sc->dmg);
			for (b = 0; !err && b < n; b++)
				err = dmr_scan_block(sc, (void *)(sc->buf + b * DMR_BLOCK_SIZE),
						     at + b, seen++);
			if (err)
				return err;
			cond_resched();
		}
	}
	return 0;
}

static int dmr_scan_end(struct dmr_scan *sc, u64 *end)
{
	const struct dmr_sb *sb = sc->sb;
	u64 n, seq = 0;

	for (n = sb->log_tail; n - sb->log_tail < sc->blocks; n++) {
		const struct dmr_seen *s = &sc->seen[dmr_ring_index(sb, n)];

		/* Another number, or none; or a leftover of an earlier life (claim 3). */
		if (s->number != n || s->sb_seq < seq)
			break;
		seq = s->sb_seq;
	}
	/* R6: a doubt below any durable number is damage, only above it the end. */
	if (sc->durable >= n)
		return dmr_damaged(sc->dmg, -EUCLEAN, "a durable log block is missing or damaged",
				   dmr_ring_place(sb, n), n);
	*end = n;
	return 0;
}

static int dmr_replay_block(struct dmr_scan *sc, const struct dmr_disk_log_block *blk,
			    u64 number, struct dmr_replay_ops *ops)
{
	const struct dmr_seen *seen = &sc->seen[dmr_ring_index(sc->sb, number)];
	u64 where = dmr_ring_place(sc->sb, number);
	struct dmr_log_header hdr;
	struct dmr_record rec;
	const char *why;
	int err;
	u32 i;

	if (dmr_logblock_check(blk, sc->sb->store_uuid, &hdr) != DMR_OK ||
	    hdr.number != number || hdr.sb_seq != seen->sb_seq)
		return dmr_damaged(sc->dmg, -EUCLEAN, "a log block changed between two reads",
				   where, number);
	for (i = 0; i < hdr.nr_records; i++) {
		dmr_logblock_get_record(&blk->records[i], &rec);
		why = dmr_logblock_validate_record(sc->sb, &rec);
		if (why)
			return dmr_damaged(sc->dmg, -EUCLEAN, why, where, number);
	}
	for (i = 0; i < hdr.nr_records; i++) {
		dmr_logblock_get_record(&blk->records[i], &rec);
		err = ops->record(ops, &rec, number);
		if (err)
			return dmr_damaged(sc->dmg, err, "a log record could not be applied",
					   where, number);
	}
	return 0;
}

static int dmr_replay_records(struct dmr_scan *sc, u64 end, struct dmr_replay_ops *ops)
{
	const struct dmr_sb *sb = sc->sb;
	u64 n = sb->log_tail, first;
	u32 run, i;
	int err;

	while (n < end) {
		first = dmr_ring_place(sb, n);
		run = 1;
		while (run < DMR_READ_BLOCKS && n + run < end &&
		       dmr_ring_place(sb, n + run) == first + run)
			run++;
		err = dmr_read(sc->rd, first, run, sc->buf, sc->dmg);
		for (i = 0; !err && i < run; i++)
			err = dmr_replay_block(sc, (void *)(sc->buf + i * DMR_BLOCK_SIZE),
					       n + i, ops);
		if (err)
			return err;
		n += run;
		cond_resched();
	}
	return 0;
}

int dmr_replay_log(struct dmr_reader *rd, const struct dmr_sb *sb,
		   struct dmr_replay_ops *ops, u64 *next, struct dmr_damage *dmg)
{
	struct dmr_scan sc = {
		.rd = rd,
		.sb = sb,
		.dmg = dmg,
		.blocks = dmr_ring_blocks(sb),
		.durable = sb->log_durable,
	};
	u64 end;
	int err;

	dmr_damaged(dmg, 0, NULL, ~0ULL, 0);
	sc.buf = kvmalloc(min_t(u64, DMR_READ_BLOCKS, sc.blocks) * DMR_BLOCK_SIZE, GFP_KERNEL);
	/* No warning: a hostile store can choose the size. */
	sc.seen = kvcalloc(sc.blocks, sizeof(*sc.seen), GFP_KERNEL | __GFP_NOWARN);
	if (sc.buf && sc.seen)
		err = dmr_scan_ring(&sc);
	else
		err = dmr_damaged(dmg, -ENOMEM, "out of memory", ~0ULL, 0);
	if (!err)
		err = dmr_scan_end(&sc, &end);
	if (!err)
		err = dmr_replay_records(&sc, end, ops);
	if (!err)
		*next = end;
	kvfree(sc.seen);
	kvfree(sc.buf);
	return err;
}
