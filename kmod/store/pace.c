// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pace of moves home beside the guest's I/O.
 *
 * DOC: by default the rate adapts
 *
 * **The promise.**  While content moves home, the 99th percentile (p99) of the latency of
 * the guest's I/O is at most twice that of its I/O beside no move.
 *
 * **What is measured.**  A batch of moves is followed by a pause.  I/O that begins and ends
 * inside of a pause shows what the guest has without moves, on the same device, at the same
 * time, with its present load.  So no latency is remembered from another hour.  The p99 of
 * these I/Os is compared with the latency that one I/O in 128 of all exceeds, once 256 have
 * ended; the margin is for the swing.
 *
 * **What is changed.**  Twice as long or longer: the pause is doubled.  Less: it shrinks by
 * a sixteenth.  So it swings around the largest rate that keeps the promise.  Too few I/Os
 * beside no batch count as too long.  A judgement spans eight batches, since the I/Os of a
 * single long pause would show nothing.
 *
 * **Why that is enough.**  The largest pause is 256 times its batch.  Then one I/O of 256
 * meets a batch, and perhaps as many again the queue behind it; the p99 is that of the
 * others, however long a batch holds up an I/O.  A pause ends after ten seconds, so this
 * holds for devices that take 1 MiB with its barriers in 40 ms.
 *
 * **A guest at rest**, without I/O for five seconds, is not waited for: batches are large
 * and without pauses.  The one batch that its next I/O may meet is not one in a hundred of
 * a guest that is in use.
 *
 * A rate that the administrator has set is kept, and nothing is measured.
 */
#include "pace.h"

#define DMR_PACE_FIRST	10		/* log2 of the first bin's limit, ns */

/** dmr_pace_init() - begin with pauses as long as the batches */
void dmr_pace_init(struct dmr_pace *pace)
{
	pace->pause = 8;
	pace->batches = 0;
}

/**
 * dmr_pace_bin() - the bin of a latency
 * @ns: the latency, in nanoseconds.
 *
 * Each octave has four bins of the same width, so two latencies in bins less than
 * DMR_PACE_TWICE apart differ by less than a factor of two.
 *
 * Return: the bin's number.
 */
u32 dmr_pace_bin(u64 ns)
{
	u32 top;

	if (ns < 1U << DMR_PACE_FIRST)
		return 0;
	if (ns >> 32)
		return DMR_PACE_BINS - 1;
	top = fls(ns) - 1;
	return min_t(u32, (top - DMR_PACE_FIRST) * 4 + ((ns >> (top - 2)) & 3),
		     DMR_PACE_BINS - 1);
}

/* The bin that all but @rest I/Os are in or below, of one class or of both. */
static u32 dmr_pace_all_but(const u32 counts[][DMR_PACE_BINS], u32 classes, u64 rest)
{
	u32 bin = DMR_PACE_BINS, class;
	u64 above = 0;

	while (bin-- && above <= rest)
		for (class = 0; class < classes; class++)
			above += counts[class][bin];
	return bin + 1;
}

/**
 * dmr_pace_judge() - adapt the pause to what the guest has felt
 * @pace: the pace.
 * @counts: I/Os that have ended since the last judgement, by class and by bin.
 *
 * Return: false if they are too few, and more have to be added.
 */
bool dmr_pace_judge(struct dmr_pace *pace, const u32 counts[][DMR_PACE_BINS])
{
	u64 bare = 0, met = 0;
	u32 bin;

	for (bin = 0; bin < DMR_PACE_BINS; bin++) {
		bare += counts[DMR_PACE_BARE][bin];
		met += counts[DMR_PACE_MET][bin];
	}
	if (bare + met < DMR_PACE_SAMPLES || pace->batches < DMR_PACE_BATCHES)
		return false;
	pace->batches = 0;
	if (bare < DMR_PACE_QUIET ||
	    dmr_pace_all_but(counts, DMR_PACE_CLASSES, div_u64(bare + met, 128)) >=
	    dmr_pace_all_but(counts, 1, div_u64(bare, 100)) + DMR_PACE_TWICE)
		pace->pause = min_t(u32, 2 * pace->pause, DMR_PACE_PAUSE_MAX);
	else
		pace->pause = max_t(u32, pace->pause - DIV_ROUND_UP(pace->pause, 16), 1);
	return true;
}

/**
 * dmr_pace_pause() - account for a batch beside a guest
 * @pace: the pace.
 * @ns: time that the batch took.
 *
 * Return: the pause that has to follow, in nanoseconds.
 */
u64 dmr_pace_pause(struct dmr_pace *pace, u64 ns)
{
	pace->batches++;
	ns = min_t(u64, ns, DMR_PACE_PAUSE_NS);		/* no overflow */
	return min_t(u64, ns * pace->pause / 8, DMR_PACE_PAUSE_NS);
}
