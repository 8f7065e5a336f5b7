// SPDX-License-Identifier: GPL-2.0-only
/* The pace of moves home: the guest's 99th percentile at most doubles, on any device. */
#include <store/pace.h>
#include "unit.h"

#define US	1000ULL
#define MS	1000000ULL
#define IOS	120000
#define WARM	40000

TEST(pace_bins)
{
	u64 ns, last = 0;

	CHECK_EQ(dmr_pace_bin(0), 0);
	CHECK_EQ(dmr_pace_bin(~0ULL), DMR_PACE_BINS - 1);
	for (ns = 1024; ns < 900 * MS; ns += ns / 64) {
		u32 bin = dmr_pace_bin(ns);

		CHECK(bin >= last && bin <= last + 1, "%llu ns", ns);
		last = bin;
		CHECK(dmr_pace_bin(2 * ns) >= bin + DMR_PACE_TWICE ||
		      dmr_pace_bin(2 * ns) == DMR_PACE_BINS - 1, "twice %llu ns", ns);
	}
}

/* A device that serves one request after the other, and a guest that does not wait. */
struct device {
	const char *name;
	u64 serve;		/* mean time of an I/O */
	u64 apart;		/* mean time from one to the next */
	u64 mib;		/* time of a MiB of a move */
	u64 batch;		/* more for each batch: its barriers */
};

static const struct device devices[] = {
	{ "flash",		80 * US, 400 * US, 2 * MS, 200 * US },
	{ "flash, loaded",	80 * US, 160 * US, 2 * MS, 200 * US },
	{ "fast flash",		10 * US, 50 * US, 300 * US, 30 * US },
	{ "slow barriers",	80 * US, 800 * US, 2 * MS, 20 * MS },
	{ "disk",		4 * MS, 20 * MS, 8 * MS, 20 * MS },
	{ "network",		900 * US, 9 * MS, 10 * MS, 3 * MS },
};

/* Exponentially distributed, as sums of ln2: exact enough, and without libm. */
static u64 spread(struct rng *r, u64 mean)
{
	u64 sum = 0, part = mean * 69 / 100;

	while (rng_below(r, 2))
		sum += part;
	return sum + part * rng_below(r, 1000) / 1000 + 1;
}

struct result {
	u32 p99;		/* bin */
	u64 moved;		/* bytes */
	u64 time;
};

static u32 p99_of(const u32 *bins, u32 all)
{
	u32 bin = DMR_PACE_BINS, above = 0;

	while (bin-- && above <= all / 100)
		above += bins[bin];
	return bin + 1;
}

static void simulate(const struct device *dev, bool moves, u32 seed, struct result *res)
{
	u64 now = 0, free = 0, next = 0, begun = 0, over = 0, ended;
	u32 window[DMR_PACE_CLASSES][DMR_PACE_BINS] = { };
	u32 seen[DMR_PACE_BINS] = { }, i;
	struct dmr_pace pace;
	struct rng r;

	rng_init(&r, seed);
	dmr_pace_init(&pace);
	memset(res, 0, sizeof(*res));
	for (i = 0; i < IOS; i++) {
		u64 serve = spread(&r, dev->serve);
		u32 bin;

		now += spread(&r, dev->apart);
		/* Batches that begin before this I/O comes. */
		while (moves && next <= now) {
			begun = next;
			over = (free > begun ? free : begun) +
			       dev->mib * DMR_PACE_BYTES / (1 << 20) + dev->batch;
			free = over;
			if (i >= WARM)
				res->moved += DMR_PACE_BYTES;
			next = over + dmr_pace_pause(&pace, over - begun);
		}
		free = (free > now ? free : now) + serve;
		ended = free;
		bin = dmr_pace_bin(ended - now);
		if (i == WARM)
			res->time = now;
		if (i >= WARM)
			seen[bin]++;
		/* The next batch may begin before it ends. */
		window[moves && (now < over || next < ended)][bin]++;
		if (dmr_pace_judge(&pace, (const u32 (*)[DMR_PACE_BINS])window))
			memset(window, 0, sizeof(window));
	}
	res->time = now - res->time;
	res->p99 = p99_of(seen, IOS - WARM);
}

TEST(pace_doubles_at_most)
{
	struct result alone, beside;
	u32 i, seed;

	for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		for (seed = 1; seed < 1 + unit_scale(8); seed++) {
			simulate(&devices[i], false, seed, &alone);
			simulate(&devices[i], true, seed, &beside);
			CHECK(beside.moved, "%s: nothing moves", devices[i].name);
			CHECK(beside.p99 < alone.p99 + DMR_PACE_TWICE, "%s, seed %u: p99 %u, %u",
			      devices[i].name, seed, alone.p99, beside.p99);
		}
}
