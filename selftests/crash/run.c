// SPDX-License-Identifier: GPL-2.0-only
/* A run through a record: its places and states, and the reports of those that fail. */

#include "crash.h"

struct run {
	const struct options *opt;
	struct record *rec;
	struct image *img;
	struct model *m;
	struct outcome *out;
	struct verdict v;
	bool over;
};

void options_init(struct options *opt)
{
	memset(opt, 0, sizeof(*opt));
	opt->seed = 1;
	opt->random = 3;
	opt->failures = 3;
	opt->place = NOWHERE;
}

/* States of a place that do not depend on chance; the last one where a write is torn. */
#define FIXED	3

static bool run_tears(const struct run *run, u32 place)
{
	const struct entry *e = &run->rec->entries[place - 1];

	return entry_changes(e) && e->rec.sectors > 1;
}

/* The seed of the k-th random state of a place; the first few have a meaning of their own. */
static u64 seed_of(u64 seed, u32 place, u32 k)
{
	struct rng r = { seed ^ (u64)place << 32 ^ k };

	rng_u64(&r);
	return rng_u64(&r) >> 24 | 1ULL << 40;
}

/* How to reproduce it. */
static void print_command(const struct run *run, u32 place, u64 seed)
{
	const struct options *opt = run->opt;

	printf("  again: crash%s%s%s%s%s --place %u --state-seed %llu %s\n", opt->base ? " --base " : "",
	       opt->base ?: "", opt->broken & BREAK_FLUSH ? " --break flush" : "",
	       opt->broken & BREAK_FUA ? " --break fua" : "",
	       opt->broken & BREAK_HOME_FLUSH ? " --break home-flush" : "", place, seed,
	       opt->record ?: "RECORD");
}

static void print_around(const struct run *run, u32 place)
{
	char text[200];

	if (place)
		printf("  the crash is after entry %u, %s\n", place - 1,
		       record_text(&run->rec->entries[place - 1].rec, text, sizeof(text)));
	if (place < run->rec->nr)
		printf("  and before entry %u, %s\n", place,
		       record_text(&run->rec->entries[place].rec, text, sizeof(text)));
}

static void run_failed(struct run *run, struct state *st, u32 place)
{
	struct outcome *out = run->out;
	struct verdict small = run->v;

	if (!out->failures) {
		out->first_place = place;
		out->first_seed = st->seed;
		strcpy(out->why, run->v.text);
	}
	out->failures++;
	if (run->opt->quiet) {
		if (out->failures == 1) {
			state_shrink(st, run->img, run->m, &small);
			out->smallest = state_lost(st, run->rec);
		}
		run->over |= out->failures >= run->opt->failures;
		return;
	}
	printf("not allowed: place %u, state seed %llu\n", place, st->seed);
	printf("%s", run->v.text);
	print_around(run, place);
	print_command(run, place, st->seed);
	state_shrink(st, run->img, run->m, &small);
	if (out->failures == 1)
		out->smallest = state_lost(st, run->rec);
	printf("  the smallest loss found with which it fails:\n%s", small.text);
	state_print(st, run->rec, 20);
	run->over |= out->failures >= run->opt->failures;
}

static void run_state(struct run *run, u32 place, u64 seed)
{
	struct state st;

	state_make(&st, run->img, seed);
	state_apply(&st, run->img);
	verify(run->img, run->m, &run->v);
	if (run->opt->write && image_write(run->img, run->opt->write))
		die("%s: %s", run->opt->write, strerror(errno));
	image_undo(run->img);
	run->out->states++;
	run->out->sectors += run->v.compared;
	run->out->views += run->v.views;
	if (run->v.log_next) {
		if (!run->out->log_first || run->v.log_next < run->out->log_first)
			run->out->log_first = run->v.log_next;
		run->out->log_last = max(run->out->log_last, run->v.log_next);
		run->out->log_ring = max(run->out->log_ring, run->v.log_ring);
	}
	if (run->v.bad)
		run_failed(run, &st, place);
	state_free(&st);
}

/* Before and after each flush and each write with FUA, and here and there. */
static bool run_stops(const struct run *run, u32 place, struct rng *r)
{
	const struct entry *e = run->rec->entries;
	u32 i;

	for (i = place - 1; i <= place && i < run->rec->nr; i++)
		if (e[i].rec.type == REC_FLUSH ||
		    (entry_changes(&e[i]) && e[i].rec.flags & REC_FUA))
			return true;
	/* An answer changes the content that must be there. */
	if (e[place - 1].rec.type == REC_OP_DONE || e[place - 1].rec.type == REC_SYNC_DONE)
		return true;
	return place == run->rec->nr || rng_chance(r, entry_changes(&e[place - 1]) ? 10 : 3);
}

static bool created(const struct run *run)
{
	return model_now(run->m)->made;
}

/* All of the states of a place. */
static void run_place(struct run *run, u32 place, bool stop)
{
	const struct options *opt = run->opt;
	u32 k;

	if (opt->place != NOWHERE) {
		if (place == opt->place) {
			if (!created(run))
				die("place %u is before the system was made", place);
			run_state(run, place, opt->state_seed);
			run->over = true;
		}
		return;
	}
	if (!stop || !created(run))
		return;
	run->out->places++;
	for (k = 0; k < opt->random + FIXED && !run->over; k++) {
		if (k < FIXED - 1 || (k == FIXED - 1 && run_tears(run, place)))
			run_state(run, place, k);
		else if (k >= FIXED)
			run_state(run, place, seed_of(opt->seed, place, k));
	}
}

/* Does the point that was just made have a fixed content, and which? */
static void run_pin(struct run *run, u32 place)
{
	struct state st;

	if (!model_point_made(run->m))
		return;
	state_make(&st, run->img, 0);
	state_apply(&st, run->img);
	verify_pin(run->img, run->m, &run->v);
	image_undo(run->img);
	/*
	 * A broken device differs from state to state: report it with the states of this
	 * place.
	 */
	if (run->v.bad)
		run_failed(run, &st, place);
	state_free(&st);
}

/* Limit the states to opt->states: the share of places that are taken, in percent. */
static u32 run_share(struct run *run, struct rng r)
{
	u64 places = 0, want;
	u32 place;

	if (!run->opt->states)
		return 1000;
	for (place = 1; place <= run->rec->nr; place++)
		places += run_stops(run, place, &r);
	want = run->opt->states / (run->opt->random + FIXED);
	return want >= places ? 1000 : want * 1000 / places + 1;
}

static void run_base(struct run *run)
{
	verify_base(run->img, run->m, &run->v);
	if (!run->v.bad)
		return;
	run->out->failures++;
	strcpy(run->out->why, run->v.text);
	if (!run->opt->quiet)
		printf("the base is not fit:\n%s", run->v.text);
	run->over = true;
}

/**
 * run() - through a record, or to one state of it
 * @opt: the options.
 * @rec: the record.
 * @out: filled in.
 *
 * Return: 0 if every state was as the model allows.
 */
int run(const struct options *opt, struct record *rec, struct outcome *out)
{
	struct rng where = { opt->seed * 77 + 5 }, which = { opt->seed * 91 + 3 };
	struct run *run = need(calloc(1, sizeof(*run)));
	const char *why;
	u32 place, share;

	memset(out, 0, sizeof(*out));
	out->entries = rec->nr;
	run->opt = opt;
	run->rec = rec;
	run->out = out;
	attach_init();
	run->img = image_new(rec, 0, opt->base);
	run->m = model_new(rec);
	if (opt->base)
		run_base(run);
	share = run_share(run, where);
	for (place = 1; place <= rec->nr && !run->over; place++) {
		bool stop = run_stops(run, place, &where);

		/* Broken from the time when a system exists that can lose something. */
		if (created(run))
			run->img->broken = opt->broken;
		/* Each place draws by itself, so that one state alone gives the same result. */
		stop &= rng_below(&which, 1000) < share;
		why = model_step(run->m);
		if (why) {
			snprintf(out->record_error, sizeof(out->record_error), "entry %u: %s",
				 place - 1, why);
			if (!opt->quiet)
				printf("the record does not fit the model: %s\n", out->record_error);
			break;
		}
		run_pin(run, place);
		if (!run->over)
			run_place(run, place, stop);
		image_step(run->img);
	}
	model_free(run->m);
	image_free(run->img);
	free(run);
	return out->failures || out->record_error[0] ? 1 : 0;
}
