// SPDX-License-Identifier: GPL-2.0
/*
 * The choice of operations: it follows from the seed and from earlier choices, never from
 * results.  So a seed is a script, with any timing; an operation that is impossible at its
 * turn is left out or refused.
 */
#include "model.h"

static struct {
	bool online[VIEWS], suspended, committed, held;
	uint64_t label[MAX_POINTS], base[VIEWS];
	int nr;				/* of points */
	uint64_t next, keep_last;
} now_is = { .online = { [HEAD] = true }, .next = 1 };

static int pick_view(struct rng *r, unsigned int views)
{
	int of[VIEWS], nr = 0;

	for (int v = 0; v < VIEWS; v++)
		if (now_is.online[v] && (views & ONLY(v)))
			of[nr++] = v;
	return nr ? of[below(r, nr)] : -1;
}

/* A place: mostly one used before; sizes from a sector to several chunks. */
uint32_t place(struct rng *r, int disk, uint64_t *sector)
{
	uint64_t size = disks[disk].sectors, at;
	uint32_t n = 1 + below(r, 1U << below(r, 8));

	if (below(r, 30) == 0)
		n = 1 + below(r, below(r, 3) ? 512 : MAX_SECTORS);
	if (below(r, 10) < 7)
		at = (below(r, 3) * size / 3) + below(r, 1024);
	else if (below(r, 8))
		at = below(r, size);
	else
		at = size - 1 - below(r, 12);
	if (below(r, 3) == 0) {
		at &= ~7ULL;
		n = (n + 7) & ~7U;
	}
	if (at >= size)
		at = size - 1;
	if (at + n > size)
		n = size - at;
	*sector = at;
	return n;
}

static void add(struct script *s, enum what what)
{
	script_add(s, (struct op){ .what = what });
}

static void add_number(struct script *s, enum what what, uint64_t number)
{
	script_add(s, (struct op){ .what = what, .sector = number });
}

static void add_io(struct script *s, struct rng *r, enum what what, int view)
{
	struct op o = { .what = what, .view = view, .disk = below(r, nr_disks) };

	o.sectors = place(r, o.disk, &o.sector);
	/* In pieces, and with more records than a log block has: at times to the disk's end. */
	if ((what == ZEROES || what == PUNCH || what == DISCARD) && below(r, 8) == 0) {
		o.sectors = disks[o.disk].sectors - o.sector;
		if (o.sectors > 4096 && below(r, 2))
			o.sectors = 4096;
	}
	if (what == STORM) {
		o.sector &= ~7ULL;
		o.sectors = 400;
		if (o.sector + o.sectors > disks[o.disk].sectors)
			o.sector = (disks[o.disk].sectors - o.sectors) & ~7ULL;
	}
	script_add(s, o);
}

/* Many small ones beside each other, and some large ones, without waiting. */
void choose_burst(struct script *s, struct rng *r, unsigned int views, int want)
{
	struct op o = { .disk = below(r, nr_disks) };
	uint64_t hot;

	place(r, o.disk, &hot);
	hot &= ~7ULL;
	while (want--) {
		int view = pick_view(r, views);

		if (view < 0)
			return;
		o.view = view;
		o.what = !below(r, 6) ? START_READ : below(r, 12) ? START_WRITE : START_FUA;
		o.sectors = place(r, o.disk, &o.sector);
		if (below(r, 4)) {
			o.sectors = 1 + below(r, below(r, 3) ? 7 : 40);
			o.sector = hot + below(r, 64);
		}
		if (o.sector >= disks[o.disk].sectors)
			continue;
		if (o.sector + o.sectors > disks[o.disk].sectors)
			o.sectors = disks[o.disk].sectors - o.sector;
		script_add(s, o);
	}
}

/* Half of the time I/O is under way while the next operation is made. */
static bool maybe_burst(struct script *s, struct rng *r)
{
	bool busy = below(r, 2);

	if (busy)
		choose_burst(s, r, ALL_VIEWS, 2 + below(r, BURST - 2));
	return busy;
}

static void maybe_wait(struct script *s, struct rng *r, bool busy)
{
	if (busy && below(r, 4))
		add(s, WAIT);
}

static void forget(int i)
{
	memmove(now_is.label + i, now_is.label + i + 1,
		(now_is.nr - i - 1) * sizeof(now_is.label[0]));
	now_is.nr--;
}

static void c_write(struct script *s, struct rng *r)
{
	int view = pick_view(r, ALL_VIEWS);
	struct op o;

	add_io(s, r, below(r, 8) ? WRITE : FUA, view);
	if (below(r, 4) == 0) {
		o = s->op[s->nr - 1];
		o.what = READ;
		script_add(s, o);
	}
}

/* A log block each: the ring goes round. */
static void c_storm(struct script *s, struct rng *r)
{
	struct op o;

	add_io(s, r, STORM, pick_view(r, ALL_VIEWS));
	o = s->op[s->nr - 1];
	o.what = READ;
	script_add(s, o);
}

static void c_burst(struct script *s, struct rng *r)
{
	choose_burst(s, r, ALL_VIEWS, 2 + below(r, BURST - 2));
	maybe_wait(s, r, true);
}

/* Also while there is I/O to the other views. */
static void c_read(struct script *s, struct rng *r)
{
	int view = pick_view(r, ALL_VIEWS), nr = 1;

	if (below(r, 2)) {
		choose_burst(s, r, ALL_VIEWS & ~ONLY(view), 2 + below(r, BURST - 2));
		nr = 4;
	}
	while (nr--)
		add_io(s, r, READ, view);
}

static void c_zero(struct script *s, struct rng *r)
{
	static const enum what of[] = { DISCARD, DISCARD, ZEROES, PUNCH };

	add_io(s, r, of[below(r, 4)], pick_view(r, ALL_VIEWS));
}

static void c_flush(struct script *s, struct rng *r)
{
	script_add(s, (struct op){ .what = FLUSH, .view = pick_view(r, ALL_VIEWS),
				   .disk = below(r, nr_disks) });
}

static void c_point(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);

	if (now_is.nr == MAX_POINTS)
		forget(0);
	add_number(s, POINT, now_is.next);
	if (!now_is.suspended && !now_is.committed) {
		now_is.label[now_is.nr++] = now_is.next;
		if (now_is.keep_last && now_is.nr > (int)now_is.keep_last)
			forget(0);
	}
	now_is.next++;
	maybe_wait(s, r, busy);
}

static void c_drop(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);
	int i = now_is.nr ? below(r, now_is.nr) : 0;

	if (now_is.nr) {
		uint64_t label = now_is.label[i];

		add_number(s, DROP, label);
		if (!(now_is.online[LIVE] && now_is.base[LIVE] == label) &&
		    !(now_is.online[TEST] && now_is.base[TEST] == label))
			forget(i);
	}
	maybe_wait(s, r, busy);
}

static void begin(struct script *s, struct rng *r, int view)
{
	bool busy = maybe_burst(s, r);
	int i = now_is.nr ? below(r, now_is.nr) : 0;
	uint64_t label = now_is.nr && below(r, 4) ? now_is.label[i] : 0;

	add_number(s, view == LIVE ? FAILOVER : TEST_START, label);
	if (now_is.nr && !now_is.online[view] && !now_is.committed) {
		now_is.online[view] = true;
		now_is.base[view] = label ?: now_is.label[now_is.nr - 1];
		for (i = 0; i < 8; i++)
			add_io(s, r, READ, view);
		if (below(r, 12) == 0)
			script_add(s, (struct op){ .what = CHECK, .view = view });
	}
	maybe_wait(s, r, busy);
}

static void finish(struct script *s, struct rng *r, int view)
{
	bool busy = maybe_burst(s, r);

	if (now_is.online[view] && below(r, 6) == 0)
		script_add(s, (struct op){ .what = CHECK, .view = view });
	if (now_is.online[view] && below(r, 40) == 0)
		add(s, view == LIVE ? REVERT_OPEN : TEST_STOP_OPEN);
	add(s, view == LIVE ? REVERT : TEST_STOP);
	if (!now_is.committed || view == TEST)
		now_is.online[view] = false;
	maybe_wait(s, r, busy);
}

static void c_failover(struct script *s, struct rng *r) { begin(s, r, LIVE); }
static void c_revert(struct script *s, struct rng *r) { finish(s, r, LIVE); }
static void c_test(struct script *s, struct rng *r) { begin(s, r, TEST); }
static void c_stop(struct script *s, struct rng *r) { finish(s, r, TEST); }

static void c_hold(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);

	now_is.held = !now_is.held;
	add(s, now_is.held ? HOLD : RELEASE);
	maybe_wait(s, r, busy);
}

/* None at all is rare: a full store stays full. */
uint64_t choose_rate(struct rng *r)
{
	static const uint64_t rates[] = { 256 << 10, 1 << 20, 4 << 20, 16 << 20 };
	int i = below(r, 10);

	return i == 9 ? 0 : i < 4 ? rates[i] : ~0ULL;
}

static void c_rate(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);

	add_number(s, RATE, choose_rate(r));
	maybe_wait(s, r, busy);
}

/* Half of the time the default; and small, so that it matters. */
struct op choose_setting(struct rng *r)
{
	struct op o = { .what = KEEP_LAST + below(r, RESERVE - KEEP_LAST + 1) };

	if (below(r, 2))
		return o;
	switch (o.what) {
	case KEEP_LAST:
		o.sector = 1 + below(r, 6);
		break;
	case KEEP_WITHIN:
		o.sector = below(r, 2) ? 1 + below(r, 3) : 3600;
		break;
	case KEEP_HOURLY:
		o.sector = 1 + below(r, 3);
		break;
	default:
		o.sector = 1;
	}
	return o;
}

static void c_setting(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);
	struct op o = choose_setting(r);

	if (o.what == KEEP_LAST)
		now_is.keep_last = o.sector;
	script_add(s, o);
	maybe_wait(s, r, busy);
}

/* Before the first point it makes no sense, and it never lasts long. */
static void c_suspend(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);

	if (!now_is.nr || now_is.suspended)
		return;
	add(s, SUSPEND);
	now_is.suspended = !now_is.committed;
	maybe_wait(s, r, busy);
}

static void resume(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);

	add(s, RESUME);
	now_is.suspended = false;
	maybe_wait(s, r, busy);
}

static void c_grow(struct script *s, struct rng *r)
{
	bool busy = maybe_burst(s, r);

	add(s, GROW);
	maybe_wait(s, r, busy);
}

static void c_attach(struct script *s, struct rng *r)
{
	add(s, ATTACH);
	now_is.held = false;
	for (int v = 0; v < VIEWS; v++)
		if (now_is.online[v] && below(r, 2))
			script_add(s, (struct op){ .what = CHECK, .view = v });
}

static void c_check(struct script *s, struct rng *r)
{
	script_add(s, (struct op){ .what = CHECK, .view = pick_view(r, ALL_VIEWS) });
}

static void c_points(struct script *s, struct rng *r)
{
	(void)r;
	add(s, POINTS);
}

static void c_sleep(struct script *s, struct rng *r)
{
	add_number(s, SLEEP, 1 + below(r, 60));
}

/* A new system over the content of the homes. */
static void recreate(struct script *s)
{
	add(s, RECREATE);
	memset(now_is.online, 0, sizeof(now_is.online));
	now_is.online[HEAD] = true;
	now_is.suspended = now_is.committed = now_is.held = false;
	now_is.nr = now_is.keep_last = 0;
}

/* The failover becomes the machine, which some time later is a replica again. */
static void c_life(struct script *s, struct rng *r)
{
	if (below(r, 3) == 0)
		return recreate(s);
	if (now_is.online[TEST])
		finish(s, r, TEST);
	if (!now_is.online[LIVE])
		begin(s, r, LIVE);
	if (!now_is.online[LIVE] || now_is.committed)
		return;
	choose_burst(s, r, ONLY(LIVE), 2 + below(r, BURST - 2));
	add(s, COMMIT);
	now_is.online[HEAD] = now_is.suspended = false;
	now_is.committed = true;
	now_is.nr = 0;
}

/* Of 1000. */
static const struct {
	int share;
	void (*choose)(struct script *s, struct rng *r);
} kinds[] = {
	{ 4, c_storm }, { 313, c_write }, { 170, c_burst }, { 130, c_read },
	{ 60, c_zero }, { 40, c_flush }, { 60, c_point }, { 45, c_drop },
	{ 26, c_failover }, { 22, c_revert }, { 36, c_test }, { 30, c_stop },
	{ 12, c_hold }, { 12, c_rate }, { 8, c_suspend }, { 12, c_setting },
	{ 2, c_grow }, { 2, c_attach }, { 2, c_check }, { 8, c_points },
	{ 3, c_sleep }, { 3, c_life },
};

/* One thing more. */
void choose(struct script *s)
{
	int dice = below(&rng, 1000), i = 0;

	if (!s->nr)
		add(s, FILL);
	while (dice >= kinds[i].share)
		dice -= kinds[i++].share;
	kinds[i].choose(s, &rng);
	if (now_is.suspended && below(&rng, 12) == 0)
		resume(s, &rng);
	if (now_is.committed && below(&rng, 40) == 0)
		recreate(s);
}

/* At any state in which it begins. */
void choose_end(struct script *s)
{
	add(s, WAIT);
	add(s, RESUME);
	for (int v = 0; v < VIEWS; v++)
		script_add(s, (struct op){ .what = CHECK, .view = v });
	if (end == END_COMMIT) {
		add(s, TEST_STOP);
		add_number(s, POINT, now_is.next);
		add_number(s, FAILOVER, 0);
		add(s, COMMIT_AMID);
	}
	add(s, end == END_FLATTEN ? FLATTEN : PLAIN);
}
