// SPDX-License-Identifier: GPL-2.0
/*
 * A reference model of a system, run beside the real devices.
 *
 * The model knows bytes and nothing else: for the head, for each recovery point, for the live
 * failover and for the test it keeps the content that every sector must have.  Random
 * operations are done to both, and each read is compared.  Every sector carries a stamp (run,
 * number of the write, thread, disk, sector, CRC and a filling that follows from it), so that
 * a wrong one shows its origin.
 *
 * --mode single	one operation after the other, much of the I/O still
 *			under way while points are made, failovers begin and
 *			end, the store grows, and all else.  The operations
 *			follow from the seed alone; --script-out writes them
 *			down, --script follows such a script (see script.c)
 * --mode shrink	--script fails: the shortest that still does (--seconds)
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
 * The other files of this directory are its parts.
 */
#include "model.h"

uint64_t seed = 1, span;
long ops = 400;
int seconds;
const char *tool = "replicactl", *name, *uuid_text, *chunk = "64K", *script_in, *script_out;
char **arguments;
uint8_t uuid[16];

static const char *mode = "single";

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
		"usage: helper-model --system NAME --uuid UUID --disk NAME=HOME...\n"
		"       --store DM_NAME:DEVICE_BELOW:MIB:MAX_MIB [--chunk SIZE] [--tool REPLICACTL]\n"
		"       [--mode single|shrink|threads|order] [--seed N] [--ops N] [--seconds N]\n"
		"       [--span SECTORS] [--end plain|commit|flatten] [--script FILE]\n"
		"       [--script-out FILE]\n"
		"The store is a dm-linear that may be made longer.  What is on it and on the homes is\n"
		"lost: the system is made anew.\n");
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
		uuid_parse(uuid_text = v);
	else if (!strcmp(a, "--chunk"))
		chunk = v;
	else if (!strcmp(a, "--script"))
		script_in = v;
	else if (!strcmp(a, "--script-out"))
		script_out = v;
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
	} modes[] = { { "single", single }, { "threads", threads }, { "order", order },
		      { "shrink", shrink } };
	unsigned int m;

	arguments = argv;
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			usage();
		option(argv[i], argv[i + 1]);
	}
	for (m = 0; m < 4 && strcmp(mode, modes[m].name); m++)
		;
	if (!name || !uuid_text || !nr_disks || m == 4 || (m == 3 && !script_in))
		usage();
	if (end == ENDS)
		end = seed % ENDS;
	say("# model: mode %s, seed %llu, %ld operations, end %d\n", mode,
	    (unsigned long long)seed, ops, end);
	rng_init(&rng, seed);
	io_buf = buffer(MAX_SECTORS * SECTOR);
	cmp_buf = buffer(MAX_SECTORS * SECTOR);
	disks_name();
	begin_anew();
	family_find();
	view_open(HEAD);
	disks_measure();
	if (m == 3) {
		view_close(HEAD);
		shrink();
		return 1;
	}
	modes[m].run();
	say("# model: as it should be\n");
	return 0;
}
