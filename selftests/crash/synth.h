/* SPDX-License-Identifier: GPL-2.0-only */
/* Records made without a module, by a small engine that keeps to the rules, or breaks one. */
#ifndef SYNTH_H
#define SYNTH_H

#include "crash.h"

enum synth_bug {
	BUG_NONE,
	BUG_LOG_NO_FLUSH,	/* R2: a log block before the data it describes is durable */
	BUG_EARLY_BIT,		/* R1: a mask bit before its write */
	BUG_EARLY_REUSE,	/* R4: slots of a failover given out before its revert is durable */
	BUG_DROP_EARLY,		/* R5: moved home, and home not flushed before the record */
	BUG_SB_NO_FUA,		/* R3: superblocks that are not durable when they are answered */
	BUG_SAME_COPY,		/* R3: superblocks over the good copy */
	BUG_POINT_NO_FLUSH,	/* R15: a point without a commit */
	BUG_ANSWER_EARLY,	/* an operation answered before its superblock is written */
	BUG_FUA_NO_LOG,		/* R2: a FUA write answered before its record is durable */
	BUG_HOME_SYNC,		/* R2: a flush that leaves out homes written directly */
	BUG_WRONG_VIEW,		/* the failover's writes go to the head */
	BUG_MERGE,		/* a write of less than a block makes zeroes of the rest */
	BUG_OLD_SLOT,		/* a slot that two versions name */
	BUG_REVERT_LATE,	/* revert answered, and never written */
	BUG_BLOCKS_NO_FLUSH,	/* R2: blocks of a commit before the data that they describe */
	BUG_LAST_NO_FLUSH,	/* R6: the last block of a commit without a flush of the others */
	BUG_ZEROES_EARLY,	/* zeroes answered before their last piece */
	BUG_SYNC_CLEAN,		/* R2: a flush that takes due records for none */
	BUG_END,
};

struct synth {
	u64 seed;
	u64 ops;		/* things done */
	enum synth_bug bug;
	bool quiet_end;		/* ends with all answered and detached */
};

/* Devices' bytes, for a life that begins on them. */
struct synth_base {
	u8 *dev[MAX_DEVICES];
};

enum synth_bug synth_bug(const char *name);
const char *synth_bug_name(enum synth_bug bug);
u8 *synth_make(const struct synth *sy, const struct synth_base *base, u64 *bytes);

#endif /* SYNTH_H */
