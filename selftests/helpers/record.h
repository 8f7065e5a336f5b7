/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The record of a life: one file that holds, in one order, the requests that reached the
 * devices below a system, and the requests and answers above it.
 *
 * helper-nbd --record writes each request to the devices before it is answered; the workload
 * writes a mark before each request and another after the answer.  Both append with one
 * writev() to the same file, opened with O_APPEND, on a file system of the machine's own
 * (tmpfs): so an answer that precedes another request precedes it in the file, across
 * processes, devices and threads.  The crash replay needs no more: the state of the devices
 * at any place of the file, with any part of the unflushed data lost, may be the result of a
 * crash at that place.
 *
 * All numbers little-endian as the machine has them (x86_64 and arm64 only: the
 * record never leaves the machine that made it).
 */
#ifndef DMR_RECORD_H
#define DMR_RECORD_H

#include <stdint.h>
#include <string.h>

#define REC_MAGIC	0x5243444du	/* "MDCR" */
#define REC_SECTOR	512

enum rec_type {
	/* From the devices: dev 0 is the store, dev 1 + D the home of disk D. */
	REC_DEVICE = 1,		/* sectors: its size; before anything else of it */
	REC_WRITE,		/* sector, sectors, REC_FUA; the data follows */
	REC_ZERO,		/* sector, sectors, REC_FUA: zeroes */
	REC_DISCARD,		/* sector, sectors: reads as anything afterwards */
	REC_FLUSH,		/* all entries before it for dev are durable */
	REC_RESIZE,		/* sectors: its new size; new sectors are zero */

	/* From the workload: its requests to a view, by thread; seq is unique. */
	REC_IO = 16,		/* view, disk, sector, sectors, kind, REC_FUA, seq */
	REC_IO_DONE,		/* seq, result: 0 or an errno */
	REC_SYNC,		/* view, disk, seq: a flush */
	REC_SYNC_DONE,		/* seq, result */
	REC_OP,			/* op, arg, seq; one at a time */
	REC_OP_DONE,		/* seq, result: 0 or a CIM code; arg: number of a point made */
	REC_FOUND,		/* view, disk, sector, sectors: read so; the data follows */
	REC_NOTE,		/* text follows */
};

enum rec_view { REC_HEAD, REC_LIVE, REC_TEST };

enum rec_kind { REC_DATA, REC_ZEROES, REC_DISCARDED };

enum rec_op {
	REC_CREATE = 1,		/* the system is made (state 2, no point) */
	REC_ATTACH,
	REC_DETACH,
	REC_POINT,		/* done: arg is its number */
	REC_DROP,		/* arg: number of the point */
	REC_FAILOVER,		/* arg: number of the point */
	REC_REVERT,
	REC_COMMIT,
	REC_TEST_START,		/* arg: number of the point */
	REC_TEST_STOP,
	REC_SUSPEND,
	REC_RESUME,
	REC_GROW,
	REC_REMOVE,		/* with all moved home first */
	REC_HOLD,		/* the vacuum is held... */
	REC_RELEASE,		/* ...and may go on */
};

#define REC_FUA		1

struct rec {
	uint32_t magic;
	uint8_t type;		/* enum rec_type */
	uint8_t dev;
	uint8_t view;		/* enum rec_view */
	uint8_t disk;
	uint8_t kind;		/* enum rec_kind */
	uint8_t op;		/* enum rec_op */
	uint8_t flags;
	uint8_t thread;
	uint32_t bytes;		/* of the data that follows */
	uint64_t sector;
	uint64_t sectors;
	uint64_t seq;
	uint64_t arg;
	int32_t result;
	uint32_t pad;
};

/*
 * Content of a sector that the workload wrote as number @seq, which is never 0, to @sector of
 * @disk.  A sector without a write is zero.
 */
static inline void rec_stamp(void *to, uint64_t seq, unsigned int disk, uint64_t sector)
{
	uint64_t w[REC_SECTOR / 8], x = seq * 0x9e3779b97f4a7c15ull ^ sector << 8 ^ disk;
	int i;

	w[0] = 0x6b636f6c62524d44ull;
	w[1] = seq;
	w[2] = sector;
	w[3] = disk;
	for (i = 4; i < REC_SECTOR / 8; i++) {
		x ^= x >> 27;
		x = x * 0x2545f4914f6cdd1dull + i;
		w[i] = x;
	}
	memcpy(to, w, sizeof(w));
}

/* The number of the write that @from holds; 0: zero; -1: neither. */
static inline int64_t rec_stamped(const void *from, unsigned int disk, uint64_t sector)
{
	static const uint8_t zero[REC_SECTOR];
	uint8_t want[REC_SECTOR];
	uint64_t seq;

	if (!memcmp(from, zero, REC_SECTOR))
		return 0;
	memcpy(&seq, (const uint8_t *)from + 8, 8);
	rec_stamp(want, seq, disk, sector);
	return memcmp(from, want, REC_SECTOR) ? -1 : (int64_t)seq;
}

#endif
