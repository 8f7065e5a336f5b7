// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crash simulator for the log: a writer that keeps to the rules W1..W6 of
 * kmod/store/replay.c, on a device with a volatile cache, crashed at any instant, attached,
 * crashed again, over several lives.  Whichever writes arrived, replay must give all durable
 * records, none that was not issued, and must not report damage; and if a durable block that
 * something vouches for is spoiled, it must.
 *
 * One more rule is about a ring that grows, where W5 alone leaves open which superblock gives
 * a number's place:
 *
 *  W7 While a superblock with a larger ring is on its way no log block is.  Before
 *     it is issued the new extent is blank: what lay there before may be blocks
 *     of this very store.  And both copies know of the new extent before a log
 *     block is issued to it: else, with the newer one lost, the older would not
 *     look where the log goes on, and find no block that was written under a
 *     newer superblock (R6), but an end.
 *
 * The rules can be broken one at a time: then the simulator has to find a history that goes
 * wrong.  That proves that it would notice, and that the rule is needed.
 */
#include <stdarg.h>

#include "unit.h"

#define SB_BLOCKS	(DMR_SB_AREA / DMR_BLOCK_SIZE)
#define MAX_NUMBER	4096

enum broken {
	KEEP_ALL,
	BREAK_NO_ACTIVATION,	/* W2: a life continues under the last one's superblock */
	BREAK_NO_PREFLUSH,	/* W2: replayed records are claimed, but not flushed */
	BREAK_SB_SEQ,		/* W3: log blocks name a superblock still on its way */
	BREAK_CLAIM,		/* W4: a log block claims its own commit */
	BREAK_SB_CLAIM,		/* W4: a superblock claims a commit on its way */
	BREAK_REUSE,		/* W5: the ring eats itself */
	BREAK_TAIL,		/* W6: the tail goes one past the last durable block */
	BREAK_LAST,		/* R2: the last block of a commit does not flush the others */
	BREAK_GOOD_COPY,	/* W1: superblocks all go to the same copy */
	BREAK_TURN,		/* W7: log blocks while the superblock of a larger ring is on its way */
	BREAK_BLANK,		/* W7: the old content of the ring's new extent stays there */
	BREAK_ONE_COPY,		/* W7: log blocks in a new extent that one superblock alone knows */
	BREAK_END,
};

struct pending {
	struct pending *next;
	u64 where;
	u8 data[DMR_BLOCK_SIZE];
	bool completed;
};

struct sim {
	struct rng r;
	enum broken broken;
	bool real;		/* superblocks by the codec, chosen by dmr_replay_super() */
	bool claim_self;	/* last block of a commit vouches for the others of it */
	char why[200];		/* the failure */
	struct dmr_reader rd;
	u8 *medium;
	u64 blocks;
	struct pending *pending, **pending_end;
	bool power;		/* false once it has crashed */

	/* the engine's memory */
	struct dmr_sb *sb;	/* as durable */
	struct dmr_sb *draft;	/* on its way, if sb_busy */
	bool sb_busy;
	u64 sb_issued;		/* highest sequence number issued in this life */
	u64 next;		/* log number */
	u64 durable;

	/* the test's knowledge */
	u64 sb_durable;		/* sequence number */
	u64 all_durable;	/* log number */
	u64 ids;
	u64 expect[MAX_NUMBER];
	struct {
		u64 sb_seq, durable;
	} issued[MAX_NUMBER];	/* how it was issued last; 0: never */
	u64 got[MAX_NUMBER];
	u64 got_from, got_last;
	u64 attaches, damages, losses, losses_found;
};

static void fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	s->power = false;
}

/* The device */

static u8 *medium_at(struct sim *s, u64 where)
{
	return s->medium + where * DMR_BLOCK_SIZE;
}

static void land(struct sim *s, const struct pending *p, bool torn)
{
	u32 i;

	for (i = 0; i < DMR_BLOCK_SIZE; i += 512)
		if (!torn || rng_chance(&s->r, 50))
			memcpy(medium_at(s, p->where) + i, p->data + i, 512);
}

static struct pending *dev_write(struct sim *s, u64 where, const void *data)
{
	struct pending *p = malloc(sizeof(*p));

	p->next = NULL;
	p->where = where;
	p->completed = false;
	memcpy(p->data, data, DMR_BLOCK_SIZE);
	*s->pending_end = p;
	s->pending_end = &p->next;
	return p;
}

/* Take out the writes that @all or completion selects, landing each by a coin toss. */
static void dev_settle(struct sim *s, bool all, u32 percent)
{
	struct pending **pp = &s->pending, *p;

	while ((p = *pp)) {
		if (!all && !p->completed) {
			pp = &p->next;
			continue;
		}
		if (rng_chance(&s->r, percent))
			land(s, p, percent < 100 && rng_chance(&s->r, 30));
		*pp = p->next;
		free(p);
	}
	s->pending_end = pp;
}

static void dev_complete_all(struct sim *s)
{
	struct pending *p;

	for (p = s->pending; p; p = p->next)
		p->completed = true;
}

static void dev_flush(struct sim *s)
{
	dev_settle(s, false, 100);
}

static int dev_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	struct sim *s = container_of(rd, struct sim, rd);
	struct pending *p;

	if (first >= s->blocks || count > s->blocks - first)
		return -EIO;
	memcpy(buf, medium_at(s, first), count * DMR_BLOCK_SIZE);
	for (p = s->pending; p; p = p->next)
		if (p->where >= first && p->where < first + count)
			memcpy((u8 *)buf + (p->where - first) * DMR_BLOCK_SIZE, p->data,
			       DMR_BLOCK_SIZE);
	return 0;
}

/* May the crash come here?  Either the power fails, or only the machine ends. */
static bool crash(struct sim *s, u32 percent)
{
	static const u32 coins[] = { 0, 20, 50, 80, 100 };

	if (s->power && rng_chance(&s->r, percent)) {
		s->power = false;
		if (rng_chance(&s->r, 80))
			dev_settle(s, true, coins[rng_below(&s->r, 5)]);
	}
	return !s->power;
}

/* Superblocks; for a tiny ring, which no codec accepts, in a form of our own */

#define TINY_MAGIC	0x594e4954u

struct tiny {
	u32 magic, crc;
	u64 seq;
	u8 sb[offsetof(struct dmr_sb, disks)];	/* the lists do not count */
	u8 rest[DMR_BLOCK_SIZE - 16 - offsetof(struct dmr_sb, disks)];
};

static void sb_store(struct sim *s, const struct dmr_sb *sb, bool durable)
{
	u8 *buf = calloc(1, s->real ? DMR_SB_AREA : DMR_BLOCK_SIZE);
	u32 n = 1, i;

	if (s->real) {
		const char *why = dmr_sb_validate(sb);

		if (why)
			fail(s, "superblock: %s", why);
		n = dmr_sb_encode(sb, buf) / DMR_BLOCK_SIZE;
	} else {
		struct tiny *t = (void *)buf;

		t->seq = sb->seq;
		memcpy(t->sb, sb, sizeof(t->sb));
		/* Content in every sector, so that a torn write is a torn one. */
		memset(t->rest, sb->seq, sizeof(t->rest));
		t->magic = TINY_MAGIC;
		t->crc = dmr_crc32c(0, &t->seq, DMR_BLOCK_SIZE - 8);
	}
	for (i = 0; i < n; i++) {
		struct pending *p = dev_write(s, sb->copy * SB_BLOCKS + i,
					      buf + i * DMR_BLOCK_SIZE);

		if (durable)
			p->completed = true;
	}
	free(buf);
}

static int sb_choose(struct sim *s, struct dmr_sb *sb, struct dmr_damage *dmg)
{
	u64 other_seq, other_state;
	u32 copy, best = 2;
	struct tiny t;
	u64 seq = 0;

	if (s->real)
		return dmr_replay_super(&s->rd, sb, &other_seq, &other_state, dmg);
	for (copy = 0; copy < 2; copy++) {
		dev_read(&s->rd, copy * SB_BLOCKS, 1, &t);
		if (t.magic == TINY_MAGIC && t.seq > seq &&
		    t.crc == dmr_crc32c(0, &t.seq, DMR_BLOCK_SIZE - 8)) {
			seq = t.seq;
			best = copy;
			memcpy(sb, t.sb, sizeof(t.sb));
		}
	}
	dmg->reason = "no superblock";
	return best == 2 ? -EUCLEAN : 0;
}

static bool sb_load(struct sim *s, struct dmr_sb *sb)
{
	struct dmr_damage dmg;
	int err = sb_choose(s, sb, &dmg);

	if (err)
		fail(s, "superblocks: %d, %s", err, dmg.reason);
	return !err;
}

/* Issue one; W1: over the older copy, with a number above all. */
static void sb_begin(struct sim *s, bool flush)
{
	if (flush)
		dev_flush(s);
	s->draft->seq = ++s->sb_issued;
	s->draft->copy = s->broken == BREAK_GOOD_COPY ? s->sb->copy : !s->sb->copy;
	sb_store(s, s->draft, false);
	s->sb_busy = true;
}

static void sb_end(struct sim *s)
{
	struct pending *p;

	if (!s->sb_busy || crash(s, 5))
		return;
	/* Uncertain: it may have arrived or not; the next one goes to the same copy. */
	if (rng_chance(&s->r, 5)) {
		struct pending **pp = &s->pending, *q;

		while ((q = *pp)) {
			if (q->where >= 2 * SB_BLOCKS) {
				pp = &q->next;
				continue;
			}
			if (rng_chance(&s->r, 50))
				land(s, q, rng_chance(&s->r, 50));
			*pp = q->next;
			free(q);
		}
		s->pending_end = pp;
		if (crash(s, 20))
			return;
		sb_begin(s, false);
		if (crash(s, 20))
			return;
	}
	for (p = s->pending; p; p = p->next)
		if (p->where < 2 * SB_BLOCKS)
			p->completed = true;
	/* FUA: this write, not the others in the cache; one flush more would hide faults. */
	{
		struct pending **pp = &s->pending;

		while ((p = *pp)) {
			if (p->where >= 2 * SB_BLOCKS) {
				pp = &p->next;
				continue;
			}
			land(s, p, false);
			*pp = p->next;
			free(p);
		}
		s->pending_end = pp;
	}
	memcpy(s->sb, s->draft, sizeof(*s->sb));
	s->sb_durable = s->sb->seq;
	s->sb_busy = false;
}

static void sb_draft(struct sim *s)
{
	memcpy(s->draft, s->sb, sizeof(*s->sb));
	s->draft->log_durable = s->durable;
	if (s->broken == BREAK_SB_CLAIM && s->next > 1)
		s->draft->log_durable = s->next - 1;
}

/* The log */

/* A log block as it was issued last. */
static void log_block(struct sim *s, u64 number, struct dmr_disk_log_block *blk)
{
	struct dmr_record rec = {
		.type = DMR_RECORD_VERSION,
		.epoch = 2,
		.slot = s->sb->slot_first,
		.data = s->expect[number],
	};
	struct dmr_log_header hdr = {
		.number = number,
		.sb_seq = s->issued[number].sb_seq,
		.durable = s->issued[number].durable,
		.nr_records = 1,
	};

	dmr_logblock_put_record(&rec, &blk->records[0]);
	dmr_logblock_seal(blk, s->sb->store_uuid, &hdr, DMR_LOG_RECORDS);
}

static void log_issue(struct sim *s, u64 durable)
{
	struct dmr_disk_log_block *blk = calloc(1, sizeof(*blk));
	u64 number = s->next++;

	s->expect[number] = ++s->ids;
	s->issued[number].sb_seq = s->broken == BREAK_SB_SEQ && s->sb_busy ? s->draft->seq :
				   s->sb->seq;
	s->issued[number].durable = durable;
	log_block(s, number, blk);
	dev_write(s, dmr_ring_place(s->sb, number), blk);
	free(blk);
}

/* W5: is the place of the next number free of all that may still be looked for? */
static bool log_room(struct sim *s, u32 count)
{
	u64 n, m;

	if (s->broken == BREAK_REUSE)
		return s->next + count < s->sb->log_tail + 2 * dmr_ring_blocks(s->sb);
	for (n = s->next; n < s->next + count; n++)
		for (m = s->sb->log_tail; m < n; m++)
			if (dmr_ring_index(s->sb, m) == dmr_ring_index(s->sb, n))
				return false;
	return true;
}

static void tail_move(struct sim *s)
{
	u64 most = s->durable;

	if (s->sb_busy || most <= s->sb->log_tail)
		return;
	sb_draft(s);
	s->draft->log_tail = rng_range(&s->r, s->sb->log_tail + 1, most);
	if (s->broken == BREAK_TAIL && rng_chance(&s->r, 50))
		s->draft->log_tail = most + 1;
	sb_begin(s, true);
}

/*
 * The part by which the device has grown is not blank: it was part of it before, or of a copy
 * of it, and may hold log blocks of this very store.
 */
static void ring_leftovers(struct sim *s, const struct dmr_sb *d)
{
	u64 n, first = dmr_ring_blocks(s->sb), at, number;
	bool ahead = rng_chance(&s->r, 50);

	for (n = 0; n < dmr_ring_blocks(d); n++) {
		at = dmr_ring_index(d, s->next + n);
		number = ahead ? s->next + n : rng_below(&s->r, s->next + n);
		if (at >= first && number < MAX_NUMBER && s->issued[number].sb_seq &&
		    rng_chance(&s->r, 80))
			log_block(s, number, (void *)medium_at(s, dmr_ring_block(d, at)));
	}
}

static void ring_blank(struct sim *s, const struct dmr_sb *d)
{
	const struct dmr_extent *e = &d->ring[d->ring_extents - 1];
	u8 *zero = calloc(1, DMR_BLOCK_SIZE);
	u64 at;

	for (at = e->first; at < e->first + e->count; at++)
		dev_write(s, at, zero)->completed = true;
	free(zero);
}

static void ring_grow(struct sim *s)
{
	struct dmr_sb *d = s->draft;
	u32 e = s->sb->ring_extents;
	u64 room;

	if (s->real || s->sb_busy || e == DMR_RING_EXTENTS || s->sb->log_tail < s->sb->ring_from)
		return;
	sb_draft(s);
	room = s->blocks - (d->ring[e - 1].first + d->ring[e - 1].count);
	if (room < 12)
		return;
	d->ring[e].first = d->ring[e - 1].first + d->ring[e - 1].count + rng_below(&s->r, 3);
	d->ring[e].count = rng_range(&s->r, 1, 6);
	d->ring_extents = e + 1;
	d->ring_old_extents = e;
	d->ring_old_from = d->ring_from;
	d->ring_old_start = d->ring_start;
	d->ring_from = s->next;
	d->ring_start = rng_chance(&s->r, 70) ? dmr_ring_blocks(s->sb) :
			rng_below(&s->r, dmr_ring_blocks(d));
	ring_leftovers(s, d);
	if (s->broken != BREAK_BLANK)
		ring_blank(s, d);
	if (crash(s, 4))
		return;
	sb_begin(s, true);
	if (s->broken == BREAK_TURN)
		return;
	sb_end(s);
	if (!s->power || s->broken == BREAK_ONE_COPY)
		return;
	/* W7: both copies, before anything lies where one of them does not look. */
	sb_draft(s);
	sb_begin(s, false);
	sb_end(s);
}

static void commit(struct sim *s)
{
	u32 count = rng_chance(&s->r, 50) ? 1 : rng_range(&s->r, 1, 5);
	u64 before = s->durable, last;
	struct pending *p;

	if (!log_room(s, count) || s->next + count >= MAX_NUMBER)
		return;
	last = s->next + count - 1;
	while (s->next < last) {
		log_issue(s, s->broken == BREAK_CLAIM ? s->next - 1 : before);
		if (rng_chance(&s->r, 10))
			tail_move(s);
		if (rng_chance(&s->r, 50))
			sb_end(s);
		for (p = s->pending; p; p = p->next)
			if (p->where >= 2 * SB_BLOCKS && rng_chance(&s->r, 30))
				p->completed = true;
		if (crash(s, 4))
			return;
	}
	for (p = s->pending; p; p = p->next)
		if (p->where >= 2 * SB_BLOCKS)
			p->completed = true;
	if (rng_chance(&s->r, 10))
		tail_move(s);
	if (crash(s, 4))
		return;
	/* The last one: PREFLUSH, then itself, FUA. */
	if (s->broken != BREAK_LAST)
		dev_flush(s);
	if (crash(s, 4))
		return;
	log_issue(s, s->claim_self || s->broken == BREAK_CLAIM ? last - 1 : before);
	if (crash(s, 6))
		return;
	if (rng_chance(&s->r, 30))
		sb_end(s);
	if (!s->power)
		return;
	for (p = s->pending; p; p = p->next) {
		struct pending **pp;

		if (p->next)
			continue;
		/* It is the newest; FUA takes it alone. */
		land(s, p, false);
		for (pp = &s->pending; *pp != p; pp = &(*pp)->next)
			;
		*pp = NULL;
		s->pending_end = pp;
		free(p);
		break;
	}
	s->durable = s->all_durable = last;
}

/* Attaching */

static int got_record(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number)
{
	struct sim *s = ops->private;

	if (number >= MAX_NUMBER || number != s->got_last + 1)
		fail(s, "record of %llu after %llu", number, s->got_last);
	else
		s->got[number] = rec->data;
	s->got_last = number;
	return 0;
}

static int log_replay(struct sim *s, const struct dmr_sb *sb, u64 *end, struct dmr_damage *dmg)
{
	struct dmr_replay_ops ops = { .record = got_record, .private = s };

	s->got_from = sb->log_tail;
	s->got_last = sb->log_tail - 1;
	s->attaches++;
	return dmr_replay_log(&s->rd, sb, &ops, end, dmg);
}

/* The highest number that any intact block calls durable, except block @but. */
static u64 vouched(struct sim *s, const struct dmr_sb *sb, u64 but)
{
	u64 best = sb->log_durable, at;
	struct dmr_disk_log_block *blk = malloc(sizeof(*blk));
	struct dmr_log_header hdr;
	u32 e;

	for (e = 0; e < sb->ring_extents; e++) {
		for (at = sb->ring[e].first; at < sb->ring[e].first + sb->ring[e].count; at++) {
			dev_read(&s->rd, at, 1, blk);
			if (at != but && dmr_logblock_check(blk, sb->store_uuid, &hdr) == DMR_OK)
				best = max(best, hdr.durable);
		}
	}
	free(blk);
	return best;
}

/* Spoil one block that is vouched for: no end may be found. */
static void spoil(struct sim *s, const struct dmr_sb *sb)
{
	u64 n = rng_range(&s->r, sb->log_tail, max(s->all_durable, sb->log_tail)), end;
	u64 where = dmr_ring_place(sb, n);
	struct dmr_damage dmg;
	u8 *keep, *sector;
	int err, i;

	if (s->pending || n > s->all_durable || vouched(s, sb, where) < n)
		return;
	keep = malloc(DMR_BLOCK_SIZE);
	memcpy(keep, medium_at(s, where), DMR_BLOCK_SIZE);
	sector = medium_at(s, where) + rng_below(&s->r, 8) * 512;
	for (i = 0; i < 512; i++)
		sector[i] ^= 0xa5;
	err = log_replay(s, sb, &end, &dmg);
	if (err != -EUCLEAN || dmg.number != n || dmg.where != where)
		fail(s, "block %llu spoiled, vouched for by %llu: %d", n, vouched(s, sb, where), err);
	memcpy(medium_at(s, where), keep, DMR_BLOCK_SIZE);
	free(keep);
	s->damages++;
}

/*
 * Lose the newer superblock when all is quiet: durable records must not disappear silently.
 * They are there under the older one as well, or damage is found.
 */
static void lose_super(struct sim *s)
{
	struct dmr_sb *older;
	struct dmr_damage dmg;
	u8 *keep, *block;
	u64 end;

	if (s->pending || s->sb_busy)
		return;
	older = calloc(1, sizeof(*older));
	memcpy(older, s->sb, sizeof(*older));
	keep = malloc(DMR_BLOCK_SIZE);
	block = medium_at(s, s->sb->copy * SB_BLOCKS);
	memcpy(keep, block, DMR_BLOCK_SIZE);
	memset(block + 512, 0xa5, 512);
	if (!sb_choose(s, older, &dmg)) {
		s->losses++;
		if (older->seq >= s->sb->seq)
			fail(s, "superblock %llu lost, and %llu found", s->sb->seq, older->seq);
		else if (log_replay(s, older, &end, &dmg))
			s->losses_found++;
		else if (end <= s->all_durable)
			fail(s, "superblock %llu lost, end %llu, %llu was durable", s->sb->seq, end,
			     s->all_durable);
	}
	memcpy(block, keep, DMR_BLOCK_SIZE);
	free(keep);
	free(older);
}

static bool attach(struct sim *s)
{
	struct dmr_damage dmg;
	u64 end = 0, n;
	int err;

	s->power = true;
	s->sb_busy = false;
	if (!sb_load(s, s->sb))
		return false;
	if (s->sb->seq < s->sb_durable) {
		fail(s, "superblock %llu, %llu was durable", s->sb->seq, s->sb_durable);
		return false;
	}
	if (rng_chance(&s->r, 30))
		spoil(s, s->sb);
	err = log_replay(s, s->sb, &end, &dmg);
	if (err) {
		fail(s, "log: %d, %s, block %llu, number %llu", err, dmg.reason, dmg.where,
		     dmg.number);
		return false;
	}
	if (end <= s->all_durable)
		fail(s, "end %llu, %llu was durable", end, s->all_durable);
	if (end > s->next || end != s->got_last + 1)
		fail(s, "end %llu, issued %llu, last record %llu", end, s->next - 1, s->got_last);
	for (n = s->got_from; n < end && !s->why[0]; n++)
		if (s->got[n] != s->expect[n])
			fail(s, "block %llu: %llu, not %llu", n, s->got[n], s->expect[n]);
	if (s->why[0])
		return false;

	s->next = end;
	s->durable = end - 1;
	s->sb_issued = s->sb->seq;
	if (s->broken == BREAK_NO_ACTIVATION)
		return true;
	if (crash(s, 5))
		return false;
	/* W2.  The writes that a crash left in the device's cache are completed. */
	dev_complete_all(s);
	sb_draft(s);
	sb_begin(s, s->broken != BREAK_NO_PREFLUSH);
	sb_end(s);
	return s->power;
}

static void live(struct sim *s)
{
	u32 ops = rng_chance(&s->r, 30) ? rng_below(&s->r, 3) : rng_range(&s->r, 3, 25);

	while (ops-- && s->power) {
		switch (rng_below(&s->r, 10)) {
		case 0:
		case 1:
			tail_move(s);
			break;
		case 2:
			if (rng_chance(&s->r, s->broken < BREAK_TURN ? 30 : 100))
				ring_grow(s);
			break;
		case 3:
			sb_end(s);
			break;
		default:
			commit(s);
		}
		/* Full: only the tail helps. */
		if (s->power && !log_room(s, 5)) {
			sb_end(s);
			if (s->power)
				tail_move(s);
			sb_end(s);
		}
		if (s->power && rng_chance(&s->r, 10))
			lose_super(s);
		crash(s, 2);
	}
	if (s->power && rng_chance(&s->r, 30)) {
		/* An orderly detach. */
		sb_end(s);
		if (!s->power)
			return;
		sb_draft(s);
		sb_begin(s, true);
		sb_end(s);
	}
	crash(s, 100);
}

static void set_up(struct sim *s, u64 seed, enum broken broken, bool real)
{
	const char *why;

	memset(s, 0, sizeof(*s));
	rng_init(&s->r, seed);
	s->broken = broken;
	s->real = real;
	s->claim_self = rng_chance(&s->r, 50);
	s->rd.read = dev_read;
	s->pending_end = &s->pending;
	s->power = true;
	s->sb = calloc(1, sizeof(*s->sb));
	s->draft = calloc(1, sizeof(*s->draft));
	if (real) {
		struct dmr_sb *sb = unit_sb();

		/* Long superblocks, to be torn. */
		memcpy(s->sb, sb, sizeof(*sb));
		s->sb->chunk_bytes = DMR_MAX_CHUNK;
		s->sb->store_bytes = 8 << 20;
		why = dmr_geometry(s->sb);
		if (why)
			fail(s, "%s", why);
		s->sb->cur_epoch = 4;
		s->sb->next_epoch = 6;
		s->sb->last_epoch = 6;
		s->sb->next_point = 2;
		s->sb->state = DM_REPLICA_STATE_REPLICATING;
		s->sb->nr_disks = rng_range(&s->r, 2, 60);
		for (u32 i = 2; i < s->sb->nr_disks; i++) {
			s->sb->disks[i] = s->sb->disks[0];
			sprintf(s->sb->disks[i].name, "d%u", i);
			s->sb->disks[i].number = i;
		}
		s->blocks = s->sb->store_bytes / DMR_BLOCK_SIZE;
	} else {
		s->blocks = 2 * SB_BLOCKS + 60;
		s->sb->chunk_bytes = DMR_MAX_CHUNK;
		s->sb->nr_disks = 1;
		s->sb->disks[0].sectors = 1 << 20;
		s->sb->slot_first = 8;
		s->sb->slot_end = 9;
		s->sb->last_epoch = 4;
		s->sb->ring_extents = 1;
		s->sb->ring[0].first = 2 * SB_BLOCKS;
		s->sb->ring[0].count = rng_range(&s->r, 5, 14);
		s->sb->ring_from = 1;
		s->sb->log_tail = 1;
		s->sb->nr_points = 0;
		memset(s->sb->store_uuid, 9, 16);
	}
	s->medium = malloc(s->blocks * DMR_BLOCK_SIZE);
	memset(s->medium, 0xe5, s->blocks * DMR_BLOCK_SIZE);
	s->next = 1;
	for (u32 copy = 0; copy < 2; copy++) {
		s->sb->seq = copy + 1;
		s->sb->copy = copy;
		sb_store(s, s->sb, true);
	}
	dev_flush(s);
	s->sb_durable = 2;
}

static void tear_down(struct sim *s)
{
	dev_settle(s, true, 0);
	free(s->medium);
	free(s->sb);
	free(s->draft);
}

/* Return: false if the history went wrong, with the reason in s->why. */
static bool history(struct sim *s, u64 seed, enum broken broken, bool real)
{
	u32 lives;

	set_up(s, seed, broken, real);
	for (lives = rng_range(&s->r, 2, 12); lives && !s->why[0]; lives--)
		if (attach(s))
			live(s);
	if (!s->why[0])
		attach(s);
	tear_down(s);
	return !s->why[0];
}

static void histories(u64 from, u64 count, bool real)
{
	struct sim *s = unit_alloc(sizeof(*s));
	u64 seed, attaches = 0, damages = 0, losses = 0, found = 0, numbers = 0;

	for (seed = from; seed < from + count; seed++) {
		CHECK(history(s, seed, KEEP_ALL, real), "seed %llu: %s", seed, s->why);
		attaches += s->attaches;
		damages += s->damages;
		losses += s->losses;
		found += s->losses_found;
		numbers += s->next;
	}
	unit_note("%llu histories, %llu attaches, %llu log blocks, %llu spoiled ones found",
		  count, attaches, numbers, damages);
	unit_note("%llu superblocks lost, %llu times that was damage", losses, found);
	CHECK(damages > count / 20, "nothing was spoiled");
	CHECK(found > losses / 10 && found < losses, "superblocks are lost in one way only");
}

TEST(sim_log)
{
	histories(0, unit_scale(3000), false);
}

TEST(sim_log_and_superblocks)
{
	histories(1000000, unit_scale(100), true);
}

/* Each rule is needed, and the simulator proves it: without it some history goes wrong. */
TEST(sim_rules_are_needed)
{
	static const char *const names[BREAK_END] = {
		"", "no superblock at activation", "no flush at activation",
		"log blocks ahead of their superblock", "log block claims its own commit",
		"superblock claims a commit on its way", "ring eats itself",
		"tail past the last durable block", "last block does not flush the others",
		"superblock over the good copy", "log goes on while the ring grows",
		"leftovers in a new part of the ring", "one superblock alone knows a larger ring",
	};
	struct sim *s = unit_alloc(sizeof(*s));
	u32 broken;

	for (broken = 1; broken < BREAK_END; broken++) {
		u64 seed;

		for (seed = 0; seed < 20000; seed++)
			if (!history(s, seed, broken, false))
				break;
		CHECK(s->why[0], "%s: not noticed", names[broken]);
		unit_note("%s: seed %llu, %s", names[broken], seed, s->why);
	}
}
