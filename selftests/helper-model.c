// SPDX-License-Identifier: GPL-2.0
/*
 * A reference model of a system, run beside the real devices.
 *
 * The model knows bytes and nothing else: for the head, for each recovery point,
 * for the live failover and for the test it keeps what every sector must hold.
 * Random operations are done to both, and whatever is read is compared.  Every
 * sector carries a stamp (number of the write, disk, sector, and a filling that
 * follows from them), so that a wrong one says where it came from.
 *
 * --mode single	one operation after the other, some of them bursts of
 *			asynchronous I/O to ranges that do not overlap, also
 *			while points are made, failovers begin and end, and the
 *			store grows
 * --mode threads	threads that write without pause, each to sectors of its
 *			own, side by side in the same blocks and chunks, while
 *			all of that goes on; one more writes a rising number to
 *			one disk after the other: no point may show it the other
 *			way round
 * --mode order		only that, on many disks, by several at a time
 *
 * At the end the failover is committed, or the relationship removed, or all
 * points are dropped (--end; without it the seed decides), and when the vacuum
 * has moved all home, the homes are compared without the module.
 *
 * The other files of the program are model-*.c.
 */
#include "helper-model.h"

uint64_t seed = 1, span;
long ops = 400;
int seconds;
const char *tool = "replicactl", *name;
uint8_t uuid[16];

static const char *mode = "single";

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
		"usage: helper-model --system NAME --uuid UUID --disk NAME=HOME...\n"
		"       [--tool REPLICACTL] [--mode single|threads|order] [--seed N] [--ops N]\n"
		"       [--seconds N] [--span SECTORS] [--end plain|commit|flatten]\n"
		"       [--store DM_NAME:DEVICE_BELOW:MIB:MAX_MIB]\n"
		"The system is attached and new.  --store: a dm-linear that may be made longer.\n");
	exit(64);
}

static void uuid_parse(const char *v)
{
	for (int n = 0; *v && n < 32; v++) {
		char c = *v;

		if (c == '-')
			continue;
		c = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
		uuid[n / 2] = uuid[n / 2] << 4 | c;
		n++;
	}
}

static void end_parse(const char *v)
{
	static const char * const names[ENDS] = { "plain", "commit", "flatten" };

	for (end = 0; end < ENDS && strcmp(v, names[end]); end++)
		;
	if (end == ENDS)
		usage();
}

static void option(const char *a, const char *v)
{
	if (!strcmp(a, "--system"))
		name = v;
	else if (!strcmp(a, "--tool"))
		tool = v;
	else if (!strcmp(a, "--mode"))
		mode = v;
	else if (!strcmp(a, "--seed"))
		seed = strtoull(v, NULL, 0);
	else if (!strcmp(a, "--ops"))
		ops = strtol(v, NULL, 0);
	else if (!strcmp(a, "--seconds"))
		seconds = atoi(v);
	else if (!strcmp(a, "--span"))
		span = strtoull(v, NULL, 0);
	else if (!strcmp(a, "--uuid"))
		uuid_parse(v);
	else if (!strcmp(a, "--end"))
		end_parse(v);
	else if (!strcmp(a, "--disk"))
		disk_add(v);
	else if (!strcmp(a, "--store"))
		store_add(v);
	else
		usage();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "single", single }, { "threads", threads }, { "order", order } };
	unsigned int m;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			usage();
		option(argv[i], argv[i + 1]);
	}
	for (m = 0; m < 3 && strcmp(mode, modes[m].name); m++)
		;
	if (!name || !nr_disks || m == 3)
		usage();
	if (end == ENDS)
		end = seed % ENDS;
	say("# model: mode %s, seed %llu, %ld operations, end %d\n", mode,
	    (unsigned long long)seed, ops, end);
	rng_init(&rng, seed);
	io_buf = buffer(MAX_SECTORS * SECTOR);
	cmp_buf = buffer(MAX_SECTORS * SECTOR);
	family_find();
	disks_name();
	view_open(HEAD);
	disks_measure();
	modes[m].run();
	say("# model: as it should be\n");
	return 0;
}
