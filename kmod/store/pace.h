/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pace of moves home beside the guest's I/O.
 *
 * Arithmetic only, as in log-room.h: the unit tests drive it with a simulated device.
 */
#ifndef DMR_PACE_H
#define DMR_PACE_H

#include "portable.h"

#define DMR_PACE_BINS		80	/* four for each octave, from 1 us to 1 s */
#define DMR_PACE_SAMPLES	256	/* I/Os that a judgement is based on */
#define DMR_PACE_QUIET		64	/* of them beside no batch, at least */
#define DMR_PACE_BATCHES	8	/* batches meanwhile, at least */
#define DMR_PACE_TWICE		4	/* bins apart: twice as long, or more */
#define DMR_PACE_BYTES		(1U << 20)	/* bytes of a batch beside a guest */
#define DMR_PACE_PAUSE_MAX	(8 * 256)
#define DMR_PACE_PAUSE_NS	10000000000ULL	/* limit of a pause */

/* I/Os beside no batch, and I/Os that have met one. */
enum dmr_pace_class { DMR_PACE_BARE, DMR_PACE_MET, DMR_PACE_CLASSES };

/**
 * struct dmr_pace - the pace of a system's moves
 * @pause: pause after a batch, in eighths of its time.
 * @batches: number of batches since the last judgement.
 */
struct dmr_pace {
	u32 pause;
	u32 batches;
};

void dmr_pace_init(struct dmr_pace *pace);
u32 dmr_pace_bin(u64 ns);
bool dmr_pace_judge(struct dmr_pace *pace, const u32 counts[][DMR_PACE_BINS]);
u64 dmr_pace_pause(struct dmr_pace *pace, u64 ns);

#endif /* DMR_PACE_H */
