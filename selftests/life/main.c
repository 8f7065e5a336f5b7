// SPDX-License-Identifier: GPL-2.0
/*
 * A life of a system, to be recorded: writers to all of its devices, and one operation after
 * the other, all of it in the record that helper-nbd makes of the devices below
 * (helpers/record.h).  From that the crash replay makes the states that a crash at any place
 * of it might have left.
 *
 * usage: helper-life --record FILE --tool REPLICACTL --system NAME
 *		--store DM_NAME:DEVICE --disk NAME=HOME... [OPTION]...
 *
 *	--plan PLAN	one of those below
 *	--seed N	of all random choices here
 *	--seconds N	how long it lasts (12); 0: only the part of --again
 *	--ops N		longer, up to four times so long, if there were fewer operations (30)
 *	--mib N		or how long the record gets (150), before the final content
 *	--first N	the number of the first write (1)
 *	--again		continue on an existing store, after recording its content
 *
 * PLAN:
 *	mixed	all operations
 *	ring	small writes that each want to be durable: the log goes round, and
 *		does not grow, which would make it twice as long
 *	full	a store that is too small
 *	vacuum	points go as they come, and a commit now and then: much moves home
 *	home	mostly without a point: writes go straight home
 */
#include "life.h"

#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>

static const struct plan plans[] = {
	{
		.name = "mixed", .chunk = "64K", .store_mib = 24, .grown_mib = 36, .points = 5,
		.pause_ms = 60, .parts = 2,
		.large = 6, .unaligned = 35, .wide = 30, .fua = 8, .sync = 6, .zeroes = 8,
		.idle = 30,
		.point = 30, .drop = 12, .failover = 14, .revert = 12, .commit = 1, .test = 8,
		.stop = 8, .suspend = 3, .resume = 20, .grow = 2, .hold = 4, .rate = 4,
		.reattach = 3, .wrong = 2,
	}, {
		.name = "ring", .chunk = "16K", .store_mib = 12, .grown_mib = 16, .points = 3,
		.pause_ms = 60, .parts = 1,
		.large = 0, .unaligned = 50, .wide = 100, .fua = 90, .sync = 15, .zeroes = 25,
		.idle = 1,
		.point = 30, .drop = 25, .failover = 14, .revert = 14, .commit = 0, .test = 5,
		.stop = 20, .suspend = 1, .resume = 30, .grow = 0, .hold = 1, .rate = 2,
		.reattach = 3, .wrong = 1,
	}, {
		.name = "full", .chunk = "64K", .store_mib = 8, .grown_mib = 12, .points = 4,
		.pause_ms = 60, .parts = 2,
		.large = 10, .unaligned = 35, .wide = 80, .fua = 8, .sync = 6, .zeroes = 10,
		.idle = 30,
		.point = 30, .drop = 20, .failover = 12, .revert = 14, .commit = 1, .test = 8,
		.stop = 8, .suspend = 2, .resume = 20, .grow = 1, .hold = 3, .rate = 3,
		.reattach = 3, .wrong = 2,
	}, {
		.name = "vacuum", .chunk = "32K", .store_mib = 16, .grown_mib = 20, .points = 3,
		.pause_ms = 60, .parts = 2,
		.large = 6, .unaligned = 35, .wide = 50, .fua = 6, .sync = 8, .zeroes = 8,
		.idle = 30,
		.point = 30, .drop = 40, .failover = 12, .revert = 10, .commit = 3, .test = 2,
		.stop = 10, .suspend = 1, .resume = 20, .grow = 1, .hold = 10, .rate = 10,
		.reattach = 2, .wrong = 1,
	}, {
		.name = "home", .chunk = "64K", .store_mib = 20, .grown_mib = 28, .points = 1,
		.pause_ms = 120, .parts = 2,
		.large = 8, .unaligned = 40, .wide = 40, .fua = 10, .sync = 10, .zeroes = 12,
		.idle = 30,
		.point = 4, .drop = 60, .failover = 6, .revert = 30, .commit = 3, .test = 2,
		.stop = 10, .suspend = 2, .resume = 20, .grow = 1, .hold = 3, .rate = 4,
		.reattach = 6, .wrong = 1,
	},
};

#define MIN_BYTES	(4 * MAX_SECTORS * REC_SECTOR)	/* of a disk */

const struct plan *plan = plans;
uint64_t seed = 1;
const char *tool, *name;
uint8_t uuid[16];
struct disk disks[MAX_DISKS];
int nr_disks;

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("helper-life: ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(1);
}

uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 31;
	return x * 0x2545f4914f6cdd1dULL;
}

uint64_t below(uint64_t *rng, uint64_t n)
{
	if (!n)
		die("a choice among none, by %p", __builtin_return_address(0));
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (*rng * 0x2545f4914f6cdd1dULL >> 11) % n;
}

void *buffer(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, 4096, bytes))
		die("out of memory");
	return memset(p, 0, bytes);
}

static void plan_find(const char *text)
{
	const struct plan *p;

	for (p = plans; p < plans + sizeof(plans) / sizeof(*plans); p++) {
		if (strcmp(p->name, text))
			continue;
		plan = p;
		return;
	}
	die("no plan %s", text);
}

static void disk_add(char *text)
{
	struct disk *d = &disks[nr_disks];
	uint64_t bytes;
	int fd;

	if (nr_disks++ == MAX_DISKS)
		die("too many disks");
	d->disk = strsep(&text, "=");
	d->home = text;
	if (!text)
		die("which home has %s?", d->disk);
	fd = open(d->home, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		die("%s: %m", d->home);
	close(fd);
	/* There would be nothing for writers to choose from. */
	if (bytes < MIN_BYTES)
		die("%s has %llu bytes, which is too small", d->home, (unsigned long long)bytes);
	d->sectors = bytes / REC_SECTOR;
}

int main(int argc, char **argv)
{
	unsigned int seconds = 12, ops = 30, mib = 150;
	const char *record = NULL;
	bool again = false, store = false;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--again")) {
			again = true;
			continue;
		}
		if (++i == argc)
			die("no value after %s", a);
		if (!strcmp(a, "--record")) {
			record = argv[i];
		} else if (!strcmp(a, "--tool")) {
			tool = argv[i];
		} else if (!strcmp(a, "--system")) {
			name = argv[i];
		} else if (!strcmp(a, "--store")) {
			store_add(argv[i]);
			store = true;
		} else if (!strcmp(a, "--disk")) {
			disk_add(argv[i]);
		} else if (!strcmp(a, "--plan")) {
			plan_find(argv[i]);
		} else if (!strcmp(a, "--seed")) {
			seed = strtoull(argv[i], NULL, 0);
		} else if (!strcmp(a, "--seconds")) {
			seconds = strtoul(argv[i], NULL, 0);
		} else if (!strcmp(a, "--ops")) {
			ops = strtoul(argv[i], NULL, 0);
		} else if (!strcmp(a, "--mib")) {
			mib = strtoul(argv[i], NULL, 0);
		} else if (!strcmp(a, "--first")) {
			next_seq = strtoull(argv[i], NULL, 0);
		} else {
			die("no option %s", a);
		}
	}
	if (!record || !tool || !name || !store || !nr_disks)
		die("--record, --tool, --system, --store and --disk must be given");
	record_open(record);
	mark_note("plan %s, seed %llu", plan->name, (unsigned long long)seed);
	if (again)
		begin_again();
	else
		begin();
	if (seconds)
		live(seconds, ops, (uint64_t)mib << 20);
	end(seconds);
	return 0;
}
