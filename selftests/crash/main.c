// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash: prove a store by the record of its life.  See Documentation/crash-replay.md.
 */
#include <getopt.h>
#include <time.h>

#include "crash.h"
#include "synth.h"

static const char usage[] =
"usage: crash [OPTION...] RECORD\n"
"       crash --synth RECORD [--seed N] [--ops N] [--bug NAME]\n"
"Make the states that a crash may leave, and compare what they show with the model.\n"
"  --random N        random states at each place, beside the fixed ones (3)\n"
"  --states N        at most about so many states; places are chosen by the seed\n"
"  --seed N          of the choice of places and states (1)\n"
"  --failures N      stop after so many states that fail (3)\n"
"  --place N --state-seed N\n"
"                    this one state only\n"
"  --write-state DIR write that state's devices there: store.img, home0.img, ...\n"
"  --base DIR        the life began on these images\n"
"  --break WHAT      flush, fua, home-flush: as if it did nothing; this must be found\n"
"  --synth           make a record without a module; --bug LIST names the rules to break\n"
"Ends with 0 if every state is one that may be, 1 if not, 2 in case of trouble.\n";

enum { OPT_RANDOM = 256, OPT_STATES, OPT_SEED, OPT_FAILURES, OPT_PLACE, OPT_STATE, OPT_WRITE,
	OPT_BASE, OPT_BREAK, OPT_SYNTH, OPT_OPS, OPT_BUG, OPT_HELP };

static const struct option long_options[] = {
	{ "random", 1, NULL, OPT_RANDOM },
	{ "states", 1, NULL, OPT_STATES },
	{ "seed", 1, NULL, OPT_SEED },
	{ "failures", 1, NULL, OPT_FAILURES },
	{ "place", 1, NULL, OPT_PLACE },
	{ "state-seed", 1, NULL, OPT_STATE },
	{ "write-state", 1, NULL, OPT_WRITE },
	{ "base", 1, NULL, OPT_BASE },
	{ "break", 1, NULL, OPT_BREAK },
	{ "synth", 1, NULL, OPT_SYNTH },
	{ "ops", 1, NULL, OPT_OPS },
	{ "bug", 1, NULL, OPT_BUG },
	{ "help", 0, NULL, OPT_HELP },
	{ }
};

static u64 number(const char *s)
{
	char *end;
	u64 n = strtoull(s, &end, 0);

	if (!*s || *end)
		die("%s is no number", s);
	return n;
}

static u32 to_break(const char *s)
{
	if (!strcmp(s, "flush"))
		return BREAK_FLUSH;
	if (!strcmp(s, "fua"))
		return BREAK_FUA;
	if (!strcmp(s, "home-flush"))
		return BREAK_HOME_FLUSH;
	die("--break knows flush, fua and home-flush");
}

static int make_synth(const char *file, const struct synth *sy)
{
	FILE *f = fopen(file, "w");
	u64 bytes;
	u8 *data;

	data = synth_make(sy, NULL, &bytes);
	if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f))
		die("%s: %s", file, strerror(errno));
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	struct synth sy = { .ops = 300 };
	struct timespec from, to;
	const char *synth = NULL;
	struct options opt;
	struct outcome out;
	struct record *rec;
	double s;
	int o, r;

	options_init(&opt);
	while ((o = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (o) {
		case OPT_RANDOM:
			opt.random = number(optarg);
			break;
		case OPT_STATES:
			opt.states = number(optarg);
			break;
		case OPT_SEED:
			opt.seed = number(optarg);
			break;
		case OPT_FAILURES:
			opt.failures = number(optarg);
			break;
		case OPT_PLACE:
			opt.place = number(optarg);
			break;
		case OPT_STATE:
			opt.state_seed = number(optarg);
			break;
		case OPT_WRITE:
			opt.write = optarg;
			break;
		case OPT_BASE:
			opt.base = optarg;
			break;
		case OPT_BREAK:
			opt.broken |= to_break(optarg);
			break;
		case OPT_SYNTH:
			synth = optarg;
			break;
		case OPT_OPS:
			sy.ops = number(optarg);
			break;
		case OPT_BUG:
			sy.bug = synth_bug(optarg);
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sy.seed = opt.seed;
	if (synth)
		return make_synth(synth, &sy);
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (opt.write && opt.place == NOWHERE)
		die("--write-state needs --place");
	opt.record = argv[optind];
	rec = record_open(opt.record);
	if (opt.place != NOWHERE && (!opt.place || opt.place > rec->nr))
		die("places of this record are 1 to %u", rec->nr);
	printf("%s: %u entries, %u disks%s, seed %llu\n", opt.record, rec->nr, rec->nr_devices - 1,
	       rec->cut ? ", the last entry is cut off" : "", opt.seed);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	r = run(&opt, rec, &out);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	s = to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9;
	printf("log: blocks %llu to %llu, %llu times round a ring of %llu\n", out.log_first,
	       out.log_last, (out.log_last - out.log_first) / max(out.log_ring, 1ULL), out.log_ring);
	printf("%llu states at %llu places, %llu views, %llu sectors compared: %llu not allowed (%.1f s of CPU, %.0f states/s)\n",
	       out.states, out.places, out.views, out.sectors, out.failures, s, out.states / s);
	record_close(rec);
	return r;
}
