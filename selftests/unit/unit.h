/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unit tests in user space: registration, checks, and shared functions.
 *
 * A test is TEST(name) { ... }; the first CHECK() that does not hold ends it.  All random
 * numbers come from a seed, so that a failure can be reproduced.
 */
#ifndef UNIT_H
#define UNIT_H

#include <store/logblock.h>
#include <store/replay.h>
#include <store/settings.h>
#include "../../uapi/dm-replica.h"

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

void unit_register(struct unit_test *test);
void unit_fail(const char *file, int line, const char *what, const char *fmt, ...)
	__attribute__((__format__(__printf__, 4, 5), __noreturn__));
void unit_note(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

#define TEST(id)								\
	static void test_##id(void);						\
	static struct unit_test unit_##id = { #id, test_##id, NULL };		\
	static void __attribute__((__constructor__)) register_##id(void)	\
	{									\
		unit_register(&unit_##id);					\
	}									\
	static void test_##id(void)

#define CHECK(cond, ...)							\
	do {									\
		if (!(cond))							\
			unit_fail(__FILE__, __LINE__, #cond, " " __VA_ARGS__);	\
	} while (0)

#define CHECK_EQ(a, b)								\
	do {									\
		long long __x = (a), __y = (b);					\
										\
		if (__x != __y)							\
			unit_fail(__FILE__, __LINE__, #a " == " #b, " %lld, %lld", __x, __y); \
	} while (0)

/* Random numbers */

struct rng {
	u64 s;
};

void rng_init(struct rng *r, u64 seed);
u64 rng_u64(struct rng *r);
void rng_bytes(struct rng *r, void *buf, size_t len);

/* 0 .. n-1 */
static inline u64 rng_below(struct rng *r, u64 n)
{
	return rng_u64(r) % n;
}

/* lo .. hi */
static inline u64 rng_range(struct rng *r, u64 lo, u64 hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

static inline bool rng_chance(struct rng *r, u32 percent)
{
	return rng_below(r, 100) < percent;
}

/* @n times, scaled by DMR_UNIT_SCALE=N or N/M. */
u64 unit_scale(u64 n);

/* Memory that a failed CHECK() gives back: freed when the test ends. */
void *unit_alloc(size_t size);
/* In a long test: give back what was allocated since the mark. */
void *unit_mark(void);
void unit_release(void *mark);

/* Count loads of shared memory from here on; more than @max fail the test, 0 ends it. */
void unit_loads(u64 max);

/* Hex in a page: lines "    00000  44 4d ...", none for 16 bytes of zeroes. */
void unit_doc_print(const u8 *buf, u32 len);
/* Compare @buf with the lines behind the heading @mark; every byte that is not 0 is in one. */
void unit_doc_compare(const char *page, const char *mark, const u8 *buf, u32 len);

/* Superblocks */

struct dmr_sb *unit_sb(void);			/* a plain valid one: 8 MiB, two disks, a point */
struct dmr_sb *unit_random_sb(struct rng *r);	/* any valid one */
void unit_random_settings(struct rng *r, struct dmr_settings *set);
void unit_random_replication(struct rng *r, struct dmr_sb *sb);
void unit_random_host(struct rng *r, struct dmr_sb *sb, u32 nr);
void unit_sb_crc(void *buf);			/* recompute the checksum of altered bytes */
void unit_log_crc(struct dmr_disk_log_block *blk);
void unit_grow(struct dmr_sb *sb, u64 chunks);	/* a longer ring in a longer store */

/*
 * In a test with a superblock's bytes in @clean: @change them in @buf, and expect @verdict,
 * with @reason in the text @why, from decoding them to @out.
 */
#define BYTES(verdict, reason, change)							\
	do {										\
		enum dmr_verdict __v;							\
											\
		memcpy(buf, clean, DMR_SB_AREA);					\
		change;									\
		unit_sb_crc(buf);							\
		__v = dmr_sb_decode(buf, 0, out, &why);					\
		CHECK(__v == (verdict), "%s: %d, %s", #change, __v, why ?: "-");	\
		CHECK(!why || strstr(why, reason), "%s: %s", #change, why);		\
	} while (0)

/* Versions of a map; @reserve of them are kept in the pool. */
mempool_t *unit_versions(int reserve);
void unit_versions_free(mempool_t *pool);

/* A store in memory */

struct store {
	struct dmr_reader rd;
	u8 *mem;
	u64 blocks;
	u64 bad;		/* this block cannot be read; ~0: all can be */
	u64 reads;		/* blocks read */
};

struct store *unit_store(u64 blocks);
void unit_put_sb(struct store *st, struct dmr_sb *sb, u32 copy, u64 seq);
struct dmr_disk_log_block *unit_block_at(struct store *st, u64 where);
void unit_put_log(struct store *st, const struct dmr_sb *sb, u64 number, u64 sb_seq,
		  u64 durable, u32 nr_records, u64 mark);

/* Result of replay: marks by log number */
struct gather {
	struct dmr_replay_ops ops;
	u64 from;		/* number of marks[0] */
	u64 count;		/* records */
	u64 last;		/* number of the last record */
	u64 *marks;		/* first record's mark of each block, by number - from */
	u64 max;
	int fail;		/* errno to answer with */
};

void unit_gather(struct gather *g, const struct dmr_sb *sb);

#endif /* UNIT_H */
