/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replay: choose the superblock (R3), and prove the end of the log (R6).
 */
#ifndef DMR_REPLAY_H
#define DMR_REPLAY_H

#include "logblock.h"

/**
 * struct dmr_reader - access of replay to the store
 * @read: read @count blocks of 4 KiB from block @first; may sleep.
 *	Return: 0 or a negative errno.
 * @private: for the caller.
 */
struct dmr_reader {
	int (*read)(struct dmr_reader *rd, u64 first, u32 count, void *buf);
	void *private;
};

/** struct dmr_damage - damage of a store, for messages */
struct dmr_damage {
	const char *reason;	/* constant text */
	u64 where;		/* 4 KiB block of the store, ~0 if unknown */
	u64 number;		/* log block number, 0 if not about the log */
};

/**
 * dmr_replay_super() - read both superblocks and choose
 * @rd: the store.
 * @sb: the chosen one.
 * @other_seq: sequence number of the other copy, 0 if it is not valid.
 * @other_state: state number of the other copy, ~0 if it is not valid.
 * @dmg: set on error.
 *
 * R3: a copy that cannot be *read* does not count as torn: -EIO.
 *
 * Return: 0; -EIO for a read error; -ENODATA if neither copy has our magic;
 * -EPROTONOSUPPORT for a newer format; -EUCLEAN for a damaged one; -ENOMEM.
 */
int dmr_replay_super(struct dmr_reader *rd, struct dmr_sb *sb, u64 *other_seq,
		     u64 *other_state, struct dmr_damage *dmg);

/**
 * struct dmr_replay_ops - receiver of the records that replay finds
 * @record: called for each record of the log in order, including those of dead epochs,
 * which change the owner of their slots, too; @number is that of its log block.  Return: 0
 * or a negative errno, which ends the replay.
 * @private: for the caller.
 */
struct dmr_replay_ops {
	int (*record)(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number);
	void *private;
};

/**
 * dmr_replay_log() - find the end of the log, then hand over its records
 * @rd: the store.
 * @sb: the superblock in force.
 * @ops: receiver of records; not called before the whole ring has been read and the end
 * of the log is proved.
 * @next: set to the number of the next log block.
 * @dmg: set on error.
 *
 * Return: 0; -EIO for a read error; -EUCLEAN for damage (R6); -ENOMEM; or the value of a
 * callback.
 */
int dmr_replay_log(struct dmr_reader *rd, const struct dmr_sb *sb,
		   struct dmr_replay_ops *ops, u64 *next, struct dmr_damage *dmg);

#endif /* DMR_REPLAY_H */
