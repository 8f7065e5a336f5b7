// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the crash replay itself, KTAP: the model by hand-made histories, the devices by
 * hand-made writes, and the whole by records that synth.c makes, also with a rule broken.
 *
 * usage: test [WORD...]	only tests whose name has one of the words
 */
#include <sys/stat.h>
#include <unistd.h>

#include "synth.h"

static bool bad;

#define CHECK(cond, ...)							\
	do {									\
		if (!(cond)) {							\
			printf("# %s:%d: %s", __FILE__, __LINE__, #cond);	\
			printf(" " __VA_ARGS__);				\
			printf("\n");						\
			bad = true;						\
		}								\
	} while (0)

/* Hand-made records: one store, one home of 64 sectors */

#define HAND_SECTORS	64

static u8 hand[1 << 20];
static u64 hand_bytes;
static u64 hand_seq;

static void add(struct rec r, const void *data)
{
	r.magic = REC_MAGIC;
	memcpy(hand + hand_bytes, &r, sizeof(r));
	hand_bytes += sizeof(r);
	if (data)
		memcpy(hand + hand_bytes, data, r.bytes);
	hand_bytes += r.bytes;
}

static void hand_new(void)
{
	hand_bytes = 0;
	hand_seq = 0;
	add((struct rec){ .type = REC_DEVICE, .dev = 0, .sectors = 1024 }, NULL);
	add((struct rec){ .type = REC_DEVICE, .dev = 1, .sectors = HAND_SECTORS }, NULL);
}

static u64 op(u8 what, u64 arg)
{
	add((struct rec){ .type = REC_OP, .op = what, .arg = arg, .seq = ++hand_seq }, NULL);
	return hand_seq;
}

static void op_done(u64 seq, int result, u64 arg)
{
	add((struct rec){ .type = REC_OP_DONE, .seq = seq, .result = result, .arg = arg }, NULL);
}

static void whole_op(u8 what, u64 arg)
{
	op_done(op(what, arg), 0, arg);
}

static u64 io(u8 view, u64 sector, u8 kind, u8 flags)
{
	add((struct rec){ .type = REC_IO, .view = view, .sector = sector, .sectors = 1,
			  .kind = kind, .flags = flags, .seq = ++hand_seq }, NULL);
	return hand_seq;
}

static u64 io_done(u64 seq, int result)
{
	add((struct rec){ .type = REC_IO_DONE, .seq = seq, .result = result }, NULL);
	return seq;
}

static u64 written(u8 view, u64 sector)
{
	return io_done(io(view, sector, REC_DATA, 0), 0);
}

static u64 sync_begin(u8 view)
{
	add((struct rec){ .type = REC_SYNC, .view = view, .seq = ++hand_seq }, NULL);
	return hand_seq;
}

static void sync_end(u64 seq)
{
	add((struct rec){ .type = REC_SYNC_DONE, .seq = seq }, NULL);
}

struct hands {
	struct record *rec;
	struct model *m;
	const char *why;
};

static struct hands play(void)
{
	struct hands h = { .rec = record_parse(hand, hand_bytes) };
	u32 i;

	h.m = model_new(h.rec);
	for (i = 0; i < h.rec->nr && !h.why; i++)
		h.why = model_step(h.m);
	return h;
}

static void play_end(struct hands *h)
{
	model_free(h->m);
	record_close(h->rec);
}

static bool head_allows(struct hands *h, u64 sector, u64 value)
{
	return model_allows(model_now(h->m)->head, 0, sector, value);
}

static void model_writes(void)
{
	u64 a, b, c, d, e, f, g, z, s, fua, failed;
	struct hands h;

	hand_new();
	whole_op(REC_CREATE, 0);
	a = written(REC_HEAD, 1);
	b = written(REC_HEAD, 1);
	s = sync_begin(REC_HEAD);
	c = written(REC_HEAD, 1);
	d = written(REC_HEAD, 2);
	sync_end(s);
	e = io(REC_HEAD, 3, REC_DATA, 0);
	fua = io_done(io(REC_HEAD, 4, REC_DATA, REC_FUA), 0);
	f = io(REC_HEAD, 5, REC_DATA, REC_FUA);
	failed = io_done(io(REC_HEAD, 6, REC_DATA, 0), 5);
	g = written(REC_HEAD, 7);
	sync_end(sync_begin(REC_HEAD));
	io_done(io(REC_HEAD, 7, REC_DISCARDED, 0), 0);
	sync_end(sync_begin(REC_HEAD));
	z = written(REC_HEAD, 8);
	io_done(io(REC_HEAD, 8, REC_ZEROES, 0), 0);
	sync_end(sync_begin(REC_HEAD));
	written(REC_HEAD, 9);
	io_done(io(REC_HEAD, 9, REC_DATA, REC_FUA), 0);
	h = play();
	CHECK(!h.why, "%s", h.why);
	CHECK(!head_allows(&h, 1, a) && !head_allows(&h, 1, b) && !head_allows(&h, 1, 0) &&
	      head_allows(&h, 1, c), "a flush later on covers what was answered");
	CHECK(head_allows(&h, 2, d) && !head_allows(&h, 2, 0), "and so here");
	CHECK(head_allows(&h, 3, e) && head_allows(&h, 3, 0), "in flight: there or not");
	CHECK(head_allows(&h, 4, fua) && !head_allows(&h, 4, 0), "FUA, answered");
	CHECK(head_allows(&h, 5, f) && head_allows(&h, 5, 0), "FUA, not answered");
	CHECK(head_allows(&h, 6, failed) && head_allows(&h, 6, 0), "failed: there or not");
	CHECK(head_allows(&h, 7, g) && head_allows(&h, 7, 0), "discarded: there or zero");
	CHECK(!head_allows(&h, 8, z) && head_allows(&h, 8, 0), "zeroes are a content");
	CHECK(!head_allows(&h, 9, 0), "FUA over what was not flushed");
	CHECK(!head_allows(&h, 10, a) && head_allows(&h, 10, 0), "never written");
	play_end(&h);
}

static void model_flush_order(void)
{
	struct hands h;
	u64 a, b, s;

	hand_new();
	whole_op(REC_CREATE, 0);
	a = written(REC_HEAD, 1);
	b = io(REC_HEAD, 2, REC_DATA, 0);
	s = sync_begin(REC_HEAD);
	io_done(b, 0);
	sync_end(s);
	sync_begin(REC_HEAD);
	h = play();
	CHECK(!h.why, "%s", h.why);
	CHECK(head_allows(&h, 1, a) && !head_allows(&h, 1, 0), "answered before the flush was asked for");
	CHECK(head_allows(&h, 2, b) && head_allows(&h, 2, 0), "answered after, so not covered");
	play_end(&h);
}

static void model_points(void)
{
	const struct picture *now, *next;
	u64 a, b, c, d, p;
	struct hands h;

	hand_new();
	whole_op(REC_CREATE, 0);
	a = written(REC_HEAD, 1);
	b = io(REC_HEAD, 2, REC_DATA, 0);
	p = op(REC_POINT, 0);
	c = written(REC_HEAD, 1);
	io_done(b, 0);
	h = play();
	next = model_next(h.m);
	CHECK(!h.why && next && next->nr_points == 1 && next->state == 3 &&
	      model_now(h.m)->state == 2);
	CHECK(!model_allows(next->points[0].content, 0, 1, 0) &&
	      model_allows(next->points[0].content, 0, 1, a) &&
	      model_allows(next->points[0].content, 0, 1, c) &&
	      model_allows(next->points[0].content, 0, 2, b) &&
	      model_allows(next->points[0].content, 0, 2, 0), "what a point may hold");
	CHECK(head_allows(&h, 1, 0), "and the head, before the answer");
	play_end(&h);

	op_done(p, 0, 7);
	d = written(REC_HEAD, 3);
	h = play();
	now = model_now(h.m);
	CHECK(!model_next(h.m) && now->nr_points == 1 && now->points[0].number == 7);
	CHECK(!head_allows(&h, 1, 0), "the head is flushed by a point");
	CHECK(!model_allows(now->points[0].content, 0, 3, d), "what came later is not in it");
	model_pin(h.m, 7, 0, 1, a);
	CHECK(!model_allows(now->points[0].content, 0, 1, c), "pinned");
	play_end(&h);
}

static void model_failover(void)
{
	const struct picture *now, *next;
	u64 a, b, c, s;
	struct hands h;

	hand_new();
	whole_op(REC_CREATE, 0);
	a = written(REC_HEAD, 1);
	whole_op(REC_POINT, 1);
	b = written(REC_HEAD, 1);
	sync_end(sync_begin(REC_HEAD));
	whole_op(REC_FAILOVER, 1);
	c = written(REC_LIVE, 1);
	h = play();
	now = model_now(h.m);
	CHECK(!h.why && now->state == 5 && now->live && now->live_from == 1);
	CHECK(model_allows(now->live, 0, 1, a) && model_allows(now->live, 0, 1, c) &&
	      !model_allows(now->live, 0, 1, b) && !head_allows(&h, 1, c) && head_allows(&h, 1, b),
	      "a failover begins as its point");
	play_end(&h);

	s = hand_bytes;
	op(REC_REVERT, 0);
	h = play();
	next = model_next(h.m);
	CHECK(next && next->state == 3 && !next->live && model_now(h.m)->live);
	play_end(&h);

	hand_bytes = s;
	whole_op(REC_COMMIT, 0);
	h = play();
	now = model_now(h.m);
	CHECK(now->state == 6 && !now->head && now->live && !now->nr_points);
	CHECK(model_allows(now->live, 0, 1, c));
	play_end(&h);
}

/* An impossible event is reported as a fault of the record, not of the store. */
static void model_nonsense(void)
{
	static u8 sector[REC_SECTOR];
	struct hands h;
	u64 a;

	hand_new();
	whole_op(REC_CREATE, 0);
	io_done(99, 0);
	h = play();
	CHECK(h.why && strstr(h.why, "without a request"), "%s", h.why);
	play_end(&h);

	hand_new();
	whole_op(REC_CREATE, 0);
	written(REC_LIVE, 1);
	h = play();
	CHECK(h.why && strstr(h.why, "not there"), "%s", h.why);
	play_end(&h);

	hand_new();
	whole_op(REC_CREATE, 0);
	a = written(REC_HEAD, 1);
	rec_stamp(sector, a, 0, 1);
	add((struct rec){ .type = REC_FOUND, .sector = 1, .sectors = 1, .bytes = REC_SECTOR }, sector);
	h = play();
	CHECK(!h.why, "%s", h.why);
	play_end(&h);
	memset(sector, 0, sizeof(sector));
	add((struct rec){ .type = REC_FOUND, .sector = 1, .sectors = 1, .bytes = REC_SECTOR }, sector);
	h = play();
	CHECK(h.why && strstr(h.why, "the module read"), "%s", h.why);
	play_end(&h);
}

static void dev(u8 type, u64 sector, u64 sectors, u8 flags, u64 mark)
{
	static u8 data[16 * REC_SECTOR];
	u64 i;

	for (i = 0; i < sectors; i++)
		rec_stamp(data + i * REC_SECTOR, mark, 0, sector + i);
	add((struct rec){ .type = type, .dev = 1, .sector = sector, .sectors = sectors,
			  .flags = flags, .bytes = type == REC_WRITE ? sectors * REC_SECTOR : 0 }, data);
}

static u64 shows(struct image *img, u64 sector)
{
	return img->rec->contents[img->dev[1].at[sector]].seq;
}

static struct image *image_at(struct record *rec, u32 place, u32 broken)
{
	struct image *img = image_new(rec, broken, NULL);

	while (img->place + 1 < place)
		image_step(img);
	return img;
}

static void image_states(void)
{
	u64 seed, full = 0, none = 0, torn = 0, newest = 0, older = 0;
	struct record *rec;
	struct image *img;
	struct state st;

	hand_new();
	dev(REC_WRITE, 0, 8, 0, 1);		/* 2 */
	dev(REC_FLUSH, 0, 0, 0, 0);
	dev(REC_WRITE, 0, 8, 0, 2);		/* 4 */
	dev(REC_WRITE, 8, 8, 0, 3);
	dev(REC_WRITE, 8, 2, REC_FUA, 4);	/* 6 */
	dev(REC_WRITE, 0, 8, 0, 5);		/* 7 */
	rec = record_parse(hand, hand_bytes);

	img = image_at(rec, 8, 0);
	for (seed = 0; seed < 400; seed++) {
		u64 a, b;

		state_make(&st, img, seed);
		state_apply(&st, img);
		a = shows(img, 0);
		b = shows(img, 7);
		CHECK(a == 1 || a == 2 || a == 5);
		CHECK(shows(img, 8) == 4, "nothing older over FUA");
		CHECK(shows(img, 12) == 3 || shows(img, 12) == 0);
		if (!seed)
			CHECK(a == 5 && b == 5 && shows(img, 12) == 3);
		if (seed == 1)
			CHECK(a == 1 && b == 1 && shows(img, 12) == 0);
		full += a == 5 && b == 5;
		none += a == 1 && b == 1;
		torn += a != b;
		newest += a == 5;
		older += a == 2;
		image_undo(img);
		CHECK(shows(img, 0) == 1 && shows(img, 12) == 0);
		state_free(&st);
	}
	CHECK(full && none && torn && newest && older, "%llu %llu %llu %llu %llu", full, none, torn,
	      newest, older);
	image_free(img);

	/* The last one, with FUA, is there or not; one before it is. */
	img = image_at(rec, 7, 0);
	for (seed = full = none = 0; seed < 100; seed++) {
		state_make(&st, img, seed);
		state_apply(&st, img);
		full += shows(img, 8) == 4;
		none += shows(img, 8) != 4;
		CHECK(seed > 2 || shows(img, 8) == 4);
		CHECK(seed != 2 || shows(img, 9) == 3, "torn in two");
		image_undo(img);
		state_free(&st);
	}
	CHECK(full && none);
	image_free(img);

	img = image_at(rec, 8, BREAK_HOME_FLUSH | BREAK_FUA);
	state_make(&st, img, 1);
	state_apply(&st, img);
	CHECK(shows(img, 0) == 0 && shows(img, 8) == 0, "broken");
	image_undo(img);
	state_free(&st);
	image_free(img);
	record_close(rec);

	/* A flush brings nothing older over it either. */
	dev(REC_FLUSH, 0, 0, 0, 0);
	rec = record_parse(hand, hand_bytes);
	img = image_at(rec, rec->nr + 1, 0);
	CHECK(shows(img, 8) == 4 && shows(img, 10) == 3 && shows(img, 0) == 5);
	image_free(img);
	record_close(rec);
}

/* A record that synth.c made, and its result */

struct made {
	u8 *data;
	struct record *rec;
	struct outcome out;
	struct options opt;
	int code;
};

static void made_run(struct made *md, const struct synth *sy, u32 broken)
{
	u64 bytes;

	memset(md, 0, sizeof(*md));
	options_init(&md->opt);
	md->opt.quiet = true;
	md->opt.broken = broken;
	md->opt.random = 2;
	md->opt.failures = 1;
	md->data = synth_make(sy, NULL, &bytes);
	md->rec = record_parse(md->data, bytes);
	md->code = run(&md->opt, md->rec, &md->out);
}

static void made_end(struct made *md)
{
	record_close(md->rec);
	free(md->data);
}

static void synth_clean(void)
{
	struct synth sy = { .ops = 350 };
	u64 states = 0, views = 0;
	struct made md;

	for (sy.seed = 100; sy.seed < 140; sy.seed++) {
		sy.quiet_end = sy.seed & 1;
		made_run(&md, &sy, 0);
		CHECK(!md.code, "seed %llu, place %u, state seed %llu: %s%s", sy.seed,
		      md.out.first_place, md.out.first_seed, md.out.why, md.out.record_error);
		states += md.out.states;
		views += md.out.views;
		made_end(&md);
	}
	printf("# %llu states, %llu views\n", states, views);
	CHECK(states > 50000 && views > 2 * states);
}

static bool found_by_some(struct synth *sy, u32 broken, const char *name)
{
	struct made md;
	bool found = false;

	for (sy->seed = 1; sy->seed <= 8 && !found; sy->seed++) {
		made_run(&md, sy, broken);
		found = md.out.failures;
		if (found)
			printf("# %s: seed %llu, %llu states, smallest loss %u; %.*s\n", name, sy->seed,
			       md.out.states, md.out.smallest, (int)strcspn(md.out.why, "\n"),
			       md.out.why);
		made_end(&md);
	}
	return found;
}

static void breaks_are_found(void)
{
	struct synth sy = { .ops = 350 };

	CHECK(found_by_some(&sy, BREAK_FLUSH, "flush"));
	CHECK(found_by_some(&sy, BREAK_FUA, "fua"));
	CHECK(found_by_some(&sy, BREAK_HOME_FLUSH, "home-flush"));
}

static void bugs_are_found(void)
{
	struct synth sy = { .ops = 350 };

	dmr_shim_quiet = true;
	for (sy.bug = BUG_NONE + 1; sy.bug < BUG_END; sy.bug++)
		CHECK(found_by_some(&sy, 0, synth_bug_name(sy.bug)), "%s: not found",
		      synth_bug_name(sy.bug));
	dmr_shim_quiet = false;
}

/* One state alone is the one that the run has found; its smallest loss is small. */
static void found_again(void)
{
	struct synth sy = { .ops = 350, .seed = 3, .bug = BUG_LOG_NO_FLUSH };
	struct outcome again;
	struct made md;

	made_run(&md, &sy, 0);
	CHECK(md.out.failures == 1);
	CHECK(md.out.smallest >= 1 && md.out.smallest <= 2, "%u", md.out.smallest);
	md.opt.place = md.out.first_place;
	md.opt.state_seed = md.out.first_seed;
	run(&md.opt, md.rec, &again);
	CHECK(again.failures == 1 && !strcmp(again.why, md.out.why), "%s", again.why);
	made_end(&md);
}

static u8 *slurp(const char *dir, const char *name)
{
	char path[4096];
	struct stat st;
	u8 *p;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f || fstat(fileno(f), &st))
		die("%s: %s", path, strerror(errno));
	p = need(malloc(st.st_size));
	if (fread(p, 1, st.st_size, f) != (size_t)st.st_size)
		die("%s: short", path);
	fclose(f);
	unlink(path);
	return p;
}

/* A life that begins on the store of another one. */
static void second_life(void)
{
	struct synth sy = { .ops = 250, .seed = 11 };
	char dir[] = "/tmp/crash-test-XXXXXX";
	struct made md;
	u64 bytes, i, tried = 0;
	u32 place;

	need(mkdtemp(dir));
	made_run(&md, &sy, 0);
	for (place = md.rec->nr / 5; place < md.rec->nr; place += md.rec->nr / 5, tried++) {
		struct synth_base base = { };
		struct options opt = md.opt;
		struct outcome out;
		struct synth second = { .ops = 100, .seed = place };
		struct record *rec;
		u8 *data;
		u32 found = 0;

		opt.place = place;
		opt.state_seed = 12345;
		opt.write = dir;
		CHECK(!run(&opt, md.rec, &out) && out.states == 1);
		base.dev[0] = slurp(dir, "store.img");
		base.dev[1] = slurp(dir, "home0.img");
		base.dev[2] = slurp(dir, "home1.img");
		data = synth_make(&second, &base, &bytes);

		/* The images are needed once more: as the base of the run. */
		run(&opt, md.rec, &out);
		opt = md.opt;
		opt.base = dir;
		opt.states = 400;
		rec = record_parse(data, bytes);
		CHECK(!run(&opt, rec, &out) && out.states > 50, "%u: %s%s", place, out.why,
		      out.record_error);
		record_close(rec);

		/* The module's read differs from the base. */
		for (i = 0; i + sizeof(struct rec) <= bytes;) {
			struct rec r;

			memcpy(&r, data + i, sizeof(r));
			i += sizeof(r);
			if (r.type == REC_FOUND && r.sector == 8)
				rec_stamp(data + i, 4242, r.disk, r.sector), found++;
			i += r.bytes;
		}
		CHECK(found);
		rec = record_parse(data, bytes);
		CHECK(run(&opt, rec, &out) && strstr(out.record_error, "the module read"), "%s",
		      out.record_error);
		record_close(rec);
		free(data);
		for (i = 0; i < 3; i++)
			free(base.dev[i]);
	}
	CHECK(tried >= 4);
	free(slurp(dir, "store.img"));
	free(slurp(dir, "home0.img"));
	free(slurp(dir, "home1.img"));
	rmdir(dir);
	made_end(&md);
}

/* The machine ended in the middle of an entry. */
static void cut_record(void)
{
	struct synth sy = { .ops = 150, .seed = 5 };
	struct options opt;
	struct outcome out;
	struct record *rec;
	u64 bytes, less;
	u8 *data;

	options_init(&opt);
	opt.quiet = true;
	opt.random = 0;
	data = synth_make(&sy, NULL, &bytes);
	for (less = 1; less < bytes / 2; less = less * 3 + 1) {
		rec = record_parse(data, bytes - less);
		CHECK(!run(&opt, rec, &out), "%llu less: %s", less, out.why);
		record_close(rec);
	}
	free(data);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "model_writes", model_writes },
	{ "model_flush_order", model_flush_order },
	{ "model_points", model_points },
	{ "model_failover", model_failover },
	{ "model_nonsense", model_nonsense },
	{ "image_states", image_states },
	{ "synth_clean", synth_clean },
	{ "breaks_are_found", breaks_are_found },
	{ "bugs_are_found", bugs_are_found },
	{ "found_again", found_again },
	{ "second_life", second_life },
	{ "cut_record", cut_record },
};

int main(int argc, char **argv)
{
	bool any = false;
	u32 i, n = 0;
	int a;

	attach_init();
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	if (argc < 2)
		printf("1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		bool wanted = argc < 2;

		for (a = 1; a < argc; a++)
			wanted |= !!strstr(tests[i].name, argv[a]);
		if (!wanted)
			continue;
		bad = false;
		tests[i].run();
		any |= bad;
		printf("%sok %u - %s\n", bad ? "not " : "", ++n, tests[i].name);
	}
	if (argc >= 2)
		printf("1..%u\n", n);
	return any;
}
