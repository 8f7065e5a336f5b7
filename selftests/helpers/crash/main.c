// SPDX-License-Identifier: GPL-2.0
/*
 * Work on a system until it is cut off, and compare the content found afterwards with the
 * content that may be there.
 *
 * usage: helper-crash JOURNAL REPLICACTL SYSTEM SEED work PLAN
 *	  helper-crash JOURNAL REPLICACTL SYSTEM SEED verify [whole] [points]
 *	  helper-crash JOURNAL REPLICACTL SYSTEM SEED homes HOME...
 *
 * JOURNAL is a block device that survives the cut whole; it is all zero at the beginning.
 * Each write is recorded there before it is made; so is every answer.
 *
 * work: four threads write to the head of two disks, two to the failover, in
 *	sizes from a sector to 128 KiB; each writes sectors of its own, but in
 *	chunks where others write, too.  Some writes are O_DSYNC, some are zeroes
 *	or discards; now and then there is an fsync.  One more thread makes and
 *	drops points, fails over and reverts.  PLAN:
 *	mixed	all of that
 *	storm	operations without a pause
 *	home	no points at first, so that writes go straight home; later one
 *	live	fails over soon and does not revert
 *	Does not end by itself.
 *
 * verify: the journal gives the possible content of each sector of each view: the last
 *	flushed one (by an answered fsync, O_DSYNC write or point), or any written later.
 *	The state, the points and the failover must be as after the last answered operation,
 *	or as after the unanswered one.  The journal then records the content found: from
 *	there on it alone is right.
 *	whole	blocks of 4 KiB are old or new as a whole, where they were
 *		written so (else: sectors)
 *	points	revert if failed over; then look at every point through a failover
 *		that is reverted, and at one again
 *
 * homes: revert, drop all points, wait for the vacuum, detach; then the plain
 *	homes must hold what the head held.
 */
#include "crash.h"

const char *tool, *name;
uint64_t seed;

void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("helper-crash: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(1);
}

void *buffer(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, 4096, bytes))
		die("out of memory");
	return memset(p, 0, bytes);
}

uint64_t below(uint64_t *rng, uint64_t n)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (*rng * 0x2545f4914f6cdd1dULL >> 11) % n;
}

int main(int argc, char **argv)
{
	bool whole = false, points = false;
	int i;

	if (argc < 6) {
		fprintf(stderr, "usage: helper-crash JOURNAL REPLICACTL SYSTEM SEED COMMAND\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	tool = argv[2];
	name = argv[3];
	seed = strtoull(argv[4], NULL, 0);
	journal_open(argv[1]);
	if (!strcmp(argv[5], "work")) {
		work(argc > 6 ? argv[6] : "mixed");
	} else if (!strcmp(argv[5], "homes") && argc == 6 + DISKS) {
		homes(argv + 6);
	} else if (!strcmp(argv[5], "verify")) {
		for (i = 6; i < argc; i++) {
			whole |= !strcmp(argv[i], "whole");
			points |= !strcmp(argv[i], "points");
		}
		verify(whole, points);
	} else {
		die("no command %s", argv[5]);
	}
	return 0;
}
