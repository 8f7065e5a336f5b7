// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which points go when another is made: case by case, and against a reference
 * that sorts spans of the calendar where the original walks a list.
 */
#include <time.h>

#include <retention.h>
#include "unit.h"

#define SECOND	1000000000ULL
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)
#define WEEK	(7 * DAY)
#define MAX	DMR_MAX_POINTS
#define TUESDAY	(1700000000ULL / 86400 * DAY)	/* 2023-11-14 00:00 UTC */

struct list {
	struct dmreplica_settings set;
	struct dmreplica_point points[MAX];
	u32 nr;
	u64 now;
	bool drop[MAX + 1];
	u32 gone;
};

static void add(struct list *l, u64 time)
{
	struct dmreplica_point *p = &l->points[l->nr];

	CHECK(l->nr < MAX);
	p->in_use = false;
	p->number = ++l->nr;
	p->time = time;
}

static bool goes(const struct list *l, u32 i)
{
	return l->drop[i];
}

static void run(struct list *l)
{
	u32 i, n = 0;

	/* Only its own are changed, and those of an earlier call are cleared. */
	memset(l->drop, true, sizeof(l->drop));
	l->gone = dmrl_retention(&l->set, l->points, l->nr, l->now, l->drop);
	CHECK(l->drop[l->nr]);
	for (i = 0; i < l->nr; i++)
		n += goes(l, i);
	CHECK_EQ(n, l->gone);
}

static struct list *list(void)
{
	struct list *l = unit_alloc(sizeof(*l));

	memset(l, 0, sizeof(*l));
	return l;
}

/* "k": stays, "-": goes, oldest first. */
static void expect(struct list *l, const char *what, const char *name)
{
	char got[MAX + 1];
	u32 i;

	run(l);
	for (i = 0; i < l->nr; i++)
		got[i] = goes(l, i) ? '-' : 'k';
	got[i] = 0;
	CHECK(!strcmp(got, what), "%s: %s, not %s", name, got, what);
}

/* Seconds before a Thursday 12:30:00 UTC, oldest first, 0 ends it. */
struct cases {
	const char *name;
	u32 last, hourly, daily, weekly;
	u64 within;
	u64 ago[12];
	const char *what;
};

#define M	60
#define H	3600
#define D	86400

TEST(retention_cases)
{
	static const struct cases t[] = {
		{ "no rule", 0, 0, 0, 0, 0, { 900 * D, 9 * D, 1 }, "kkk" },
		{ "last 1 is the new one", 1, 0, 0, 0, 0, { 3, 2, 1 }, "---" },
		{ "last 2", 2, 0, 0, 0, 0, { 3, 2, 1 }, "--k" },
		{ "last 4", 4, 0, 0, 0, 0, { 3, 2, 1 }, "kkk" },
		{ "last 512", 512, 0, 0, 0, 0, { 3, 2, 1 }, "kkk" },
		{ "within", 0, 0, 0, 0, 100, { 102, 101, 100, 99 }, "--kk" },
		{ "within a second", 0, 0, 0, 0, 1, { 2, 1 }, "-k" },
		/* 12:30 is the new one's hour. */
		{ "hourly 1", 0, 1, 0, 0, 0, { 61 * M, 31 * M, 29 * M, 1 }, "----" },
		{ "hourly 2", 0, 2, 0, 0, 0, { 91 * M, 89 * M, 31 * M, 29 * M, 1 }, "--k--" },
		{ "hourly 2, at the hour", 0, 2, 0, 0, 0, { 30 * M + 1, 30 * M }, "k-" },
		{ "hourly 3", 0, 3, 0, 0, 0, { 151 * M, 149 * M, 91 * M, 31 * M, 1 }, "--kk-" },
		{ "hours without points do not count", 0, 3, 0, 0, 0,
		  { 900 * D, 40 * D, 9 * H, 9 * H - 1, 1 }, "-k-k-" },
		/* 12:30: the day began 12 h 30 min ago. */
		{ "daily 2, at midnight", 0, 0, 2, 0, 0,
		  { 12 * H + 30 * M + 1, 12 * H + 30 * M, 1 }, "k--" },
		{ "daily 3", 0, 0, 3, 0, 0,
		  { 3 * D, 2 * D, 2 * D - H, D + H, D, 1 }, "--k-k-" },
		/* Thursday: the week began 3 days and 12 h 30 min ago. */
		{ "weekly 2, at Monday", 0, 0, 0, 2, 0,
		  { 3 * D + 12 * H + 30 * M + 1, 3 * D + 12 * H + 30 * M, 3 * D, 1 }, "k---" },
		{ "weekly 3", 0, 0, 0, 3, 0,
		  { 18 * D, 17 * D, 11 * D, 10 * D, 4 * D, D, 1 }, "--k-k--" },
		{ "a Sunday night and the Monday behind it", 0, 0, 0, 3, 0,
		  { 10 * D + 12 * H + 30 * M + 1, 10 * D + 12 * H + 30 * M, 1 }, "kk-" },
		/* Each rule keeps its own points, and does not affect another rule. */
		{ "last and daily", 3, 0, 3, 0, 0,
		  { 3 * D, 2 * D + H, 2 * D, D, 3 * H, 2 * H, H }, "--kk-kk" },
		{ "hourly and daily", 0, 2, 2, 0, 0,
		  { 2 * D, D + H, D, 3 * H, 2 * H, 2 * H - 1, 1 }, "--k--k-" },
		{ "hourly, daily and weekly", 0, 3, 3, 3, 0,
		  { 15 * D, 11 * D, 10 * D, 4 * D, 2 * D, D, D - M, 2 * H, H, M },
		  "-k-kk-kkk-" },
		{ "within and weekly", 0, 0, 0, 2, H, { 11 * D, 4 * D, D, H + 1, H, M }, "-k--kk" },
		{ "the newest goes by last alone", 1, 0, 2, 0, 0, { 2 * D, D, M }, "-k-" },
		{ "many more than there are", 0, 100000, 100000, 100000, 0, { 9 * D, D, M, 1 },
		  "kk--" },
	};
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct list *l = list();

		l->now = TUESDAY + 2 * DAY + 12 * HOUR + 30 * MINUTE;
		l->set.keep_last = t[i].last;
		l->set.keep_within = t[i].within;
		l->set.keep_hourly = t[i].hourly;
		l->set.keep_daily = t[i].daily;
		l->set.keep_weekly = t[i].weekly;
		for (n = 0; t[i].ago[n]; n++)
			add(l, l->now - t[i].ago[n] * SECOND);
		expect(l, t[i].what, t[i].name);
	}
}

/* No points; and the first day of the calendar, a Thursday, with the time not set. */
TEST(retention_beginning_of_time)
{
	struct list *l = list();

	run(l);
	CHECK_EQ(l->gone, 0);
	l->set.keep_weekly = 2;
	expect(l, "", "no points");
	add(l, 0);
	add(l, 4 * DAY - 1);		/* a Sunday */
	add(l, 4 * DAY);		/* a Monday */
	l->now = 11 * DAY - 1;
	expect(l, "-k-", "first week");
	l->now = 11 * DAY;
	expect(l, "--k", "third week");
	l->now = 0;
	expect(l, "--k", "a clock without time");
	/* And its last day. */
	l->now = ~0ULL;
	l->set.keep_within = 100ULL * 365 * 86400;
	add(l, ~0ULL - l->set.keep_within * SECOND - 1);
	add(l, ~0ULL - l->set.keep_within * SECOND);
	add(l, ~0ULL);
	l->set.keep_weekly = 0;
	expect(l, "----kk", "last day");
}

/* R14 */
TEST(retention_in_use)
{
	struct list *l = list();
	u32 i;

	l->now = TUESDAY;
	for (i = 9; i; i--)
		add(l, l->now - i * HOUR);
	l->set.keep_last = 3;
	expect(l, "-------kk", "none");
	l->points[1].in_use = true;
	expect(l, "-k-----kk", "one");
	l->points[4].in_use = true;
	expect(l, "-k--k--kk", "two");
	/* It is kept in addition: the rule's number does not shrink by it. */
	l->points[4].in_use = false;
	l->points[8].in_use = true;
	expect(l, "-k-----kk", "one that is kept in any case");
}

/* R17: so does one that a peer holds. */
TEST(retention_held)
{
	struct list *l = list();
	u32 i;

	l->now = TUESDAY;
	for (i = 9; i; i--)
		add(l, l->now - i * HOUR);
	l->set.keep_last = 3;
	strcpy(l->points[1].held_by, "b");
	expect(l, "-k-----kk", "one");
	l->points[4].in_use = true;
	strcpy(l->points[4].held_by, "b,c");
	expect(l, "-k--k--kk", "two");
}

/* R18: a sender's clock does not choose which points go. */
TEST(retention_arrived)
{
	struct list *l = list();
	u32 i;

	l->now = TUESDAY;
	for (i = 9; i; i--) {
		add(l, i % 2 ? 0 : ~0ULL >> 1);
		l->points[l->nr - 1].arrived = l->now - i * HOUR;
	}
	l->set.keep_within = 3 * 3600 + 1;
	expect(l, "------kkk", "within");
	l->set.keep_within = 0;
	l->set.keep_hourly = 4;
	expect(l, "------kkk", "hourly");
}

/* A clock that was set back, or was ahead for a while: every rule still works. */
TEST(retention_clock)
{
	struct list *l = list();
	u32 i;

	l->now = TUESDAY;
	add(l, TUESDAY - 2 * HOUR);
	add(l, TUESDAY + 70 * 365 * DAY);
	add(l, ~0ULL);
	add(l, TUESDAY - HOUR);
	l->set.keep_within = 3600;
	expect(l, "-kkk", "within: what is to come is not old");
	l->set.keep_within = 0;
	l->set.keep_hourly = 3;
	expect(l, "--kk", "hourly");
	l->set.keep_hourly = 0;
	l->set.keep_last = 3;
	expect(l, "--kk", "last");
	l->set.keep_last = 0;
	l->set.keep_daily = 1;
	expect(l, "----", "daily 1");
	/* A point made while the clock was far behind ages no other. */
	l->nr = 0;
	add(l, TUESDAY - 3 * HOUR);
	add(l, TUESDAY - 2 * HOUR);
	add(l, 5);
	l->set.keep_daily = 0;
	l->set.keep_within = 24 * 3600;
	expect(l, "kk-", "within, and one of 1970");
	l->nr = 0;
	add(l, TUESDAY - 2 * HOUR);
	add(l, TUESDAY + 70 * 365 * DAY);
	add(l, ~0ULL);
	add(l, TUESDAY - HOUR);
	l->set.keep_within = 0;
	/* The machine woke up in 1970: older points are not old, and not lost. */
	l->now = 5;
	l->set.keep_daily = 0;
	l->set.keep_within = 1;
	expect(l, "kkkk", "within, in 1970");
	l->set.keep_within = 0;
	l->set.keep_weekly = 9;
	expect(l, "kkkk", "weekly, in 1970");
	/* A point dated in the future goes in its turn, and does not stay for 70 years. */
	l = list();
	add(l, TUESDAY);
	add(l, TUESDAY + 70 * 365 * DAY);
	add(l, TUESDAY + HOUR);
	add(l, TUESDAY + 2 * HOUR);
	l->set.keep_within = 3600;
	l->now = TUESDAY + 2 * HOUR + MINUTE;
	expect(l, "---k", "by order");
	/* Set ten years ahead behind the third: no point is older by that. */
	l = list();
	for (i = 0; i < 3; i++)
		add(l, TUESDAY + i * HOUR);
	l->set.keep_within = 2 * 3600;
	l->now = TUESDAY + 2 * HOUR + 3650 * DAY + MINUTE;
	expect(l, "---", "a step that was not noticed");
	l->set.jump_point = 4;
	l->set.jump_by = 3650 * DAY;
	expect(l, "-kk", "one that was");
	add(l, l->now);
	l->now += 2 * HOUR - 2 * MINUTE;
	expect(l, "--kk", "and later");
	l->now += 2 * MINUTE;
	expect(l, "---k", "and later still");
	l->set.jump_by = ~0ULL >> 2;
	expect(l, "kkkk", "one that was taken for larger");
	/* All of one hour, and the hour before, in turns: each is the newest of its hour. */
	l = list();
	l->now = TUESDAY;
	l->set.keep_hourly = 4;
	for (i = 0; i < 6; i++)
		add(l, TUESDAY - i % 2 * HOUR - 1);
	expect(l, "---kkk", "in turns");
}

/* A point a quarter of an hour for 5 days and 8 hours. */
TEST(retention_512)
{
	struct list *l = list();
	u32 i;

	l->now = TUESDAY + 10 * DAY + 7 * MINUTE;
	for (i = MAX; i; i--)
		add(l, l->now - i * 15 * MINUTE);
	l->set.keep_last = 512;
	run(l);
	CHECK(l->gone == 1 && goes(l, 0));
	l->set.keep_last = 511;
	run(l);
	CHECK(l->gone == 2 && goes(l, 0) && goes(l, 1));
	l->set.keep_last = 0;
	l->set.keep_hourly = 24;
	run(l);
	CHECK_EQ(l->gone, 512 - 23);
	l->set.keep_daily = 7;
	run(l);
	/* Yesterday has one already, and there are points of five days before it. */
	CHECK_EQ(l->gone, 512 - 23 - 5);
	l->set.keep_within = 86400;
	run(l);
	CHECK_EQ(l->gone, 512 - 96 - 5);
	l->set.keep_weekly = 1;
	l->set.keep_last = 1;
	run(l);
	CHECK_EQ(l->gone, 512 - 96 - 5);
}

/* The reference */

enum { HOURLY, DAILY, WEEKLY, SPANS };

/* A number that all times of a span have in common, by the C library's calendar. */
static u64 span_of(u64 time, u32 what)
{
	time_t t = time / SECOND;
	struct tm tm;

	gmtime_r(&t, &tm);
	if (what == WEEKLY) {
		tm.tm_mday -= (tm.tm_wday + 6) % 7;	/* that week's Monday */
		timegm(&tm);
	}
	return ((tm.tm_year * 12ULL + tm.tm_mon) * 32 + tm.tm_mday) * 24 +
	       (what == HOURLY ? tm.tm_hour : 0);
}

static int newest_first(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Of each span the newest, of all spans the newest so many.  For a clock that never goes back. */
static void keep_spans(const struct list *l, u32 what, u32 count, bool *keep)
{
	u64 spans[MAX + 1], sorted[MAX + 1];
	u32 i, n = 0;

	for (i = 0; i <= l->nr; i++)
		sorted[i] = spans[i] = span_of(i < l->nr ? l->points[i].time : l->now, what);
	qsort(sorted, l->nr + 1, sizeof(sorted[0]), newest_first);
	for (i = 0; i <= l->nr; i++)
		if (!n || sorted[n - 1] != sorted[i])
			sorted[n++] = sorted[i];
	for (i = 0; i < l->nr; i++)
		if (spans[i] != spans[i + 1] && count && spans[i] >= sorted[min(n, count) - 1])
			keep[i] = true;
}

static void reference(const struct list *l, bool *keep)
{
	const struct dmreplica_settings *set = &l->set;
	u32 i;

	for (i = 0; i < l->nr; i++) {
		keep[i] = l->nr + 1 <= i + set->keep_last;
		if (set->keep_within && l->points[i].time + set->keep_within * SECOND >= l->now)
			keep[i] = true;
		keep[i] |= l->points[i].in_use;
		if (!(set->keep_last | set->keep_within | set->keep_hourly | set->keep_daily |
		      set->keep_weekly))
			keep[i] = true;
	}
	keep_spans(l, HOURLY, set->keep_hourly, keep);
	keep_spans(l, DAILY, set->keep_daily, keep);
	keep_spans(l, WEEKLY, set->keep_weekly, keep);
}

static void random_rules(struct rng *r, struct dmreplica_settings *set)
{
	memset(set, 0, sizeof(*set));
	if (rng_chance(r, 40))
		set->keep_last = rng_range(r, 1, rng_chance(r, 50) ? 4 : 40);
	if (rng_chance(r, 30))
		set->keep_within = rng_range(r, 1, 1ULL << rng_range(r, 1, 24));
	if (rng_chance(r, 40))
		set->keep_hourly = rng_range(r, 1, rng_chance(r, 50) ? 4 : 40);
	if (rng_chance(r, 40))
		set->keep_daily = rng_range(r, 1, rng_chance(r, 50) ? 4 : 40);
	if (rng_chance(r, 40))
		set->keep_weekly = rng_range(r, 1, rng_chance(r, 50) ? 4 : 40);
}

static void random_list(struct rng *r, struct list *l, bool back)
{
	static const u64 steps[] = { SECOND, MINUTE, HOUR, 6 * HOUR, DAY, WEEK };
	u64 step = steps[rng_below(r, ARRAY_SIZE(steps))];
	u32 n = rng_chance(r, 10) ? MAX : rng_below(r, 60), held;

	l->nr = 0;
	random_rules(r, &l->set);
	l->now = rng_range(r, 1, 1ULL << 40) * 1000000 + (back ? 20000 * DAY : 0);
	while (n--) {
		add(l, l->now);
		if (rng_chance(r, 10))
			step = steps[rng_below(r, ARRAY_SIZE(steps))];
		/* On the boundary, and one before it. */
		if (rng_chance(r, 5))
			l->now = l->now / step * step + step - rng_below(r, 2);
		else if (back && rng_chance(r, 10))
			l->now -= rng_below(r, min(l->now, 500 * DAY));
		else
			l->now += rng_below(r, 2 * step);
	}
	for (held = 0; l->nr && held < 3 && rng_chance(r, 40); held++)
		l->points[rng_below(r, l->nr)].in_use = true;
}

TEST(retention_against_reference)
{
	u32 seed, i, dropped = 0, all = 0;
	struct list *l = list();
	bool keep[MAX];
	struct rng r;

	for (seed = 0; seed < unit_scale(20000); seed++) {
		rng_init(&r, seed);
		random_list(&r, l, false);
		run(l);
		reference(l, keep);
		for (i = 0; i < l->nr; i++)
			CHECK(keep[i] == !goes(l, i), "seed %u, point %u of %u: %u", seed, i, l->nr,
			      keep[i]);
		dropped += l->gone;
		all += l->nr;
	}
	unit_note("%u of %u points dropped", dropped, all);
	CHECK(dropped > all / 10 && dropped < all * 9 / 10);
}

/* Holds with any clock: a point goes if each rule on its own lets it go. */
TEST(retention_rules_are_apart)
{
	struct list *l = list(), *one = list();
	bool keep[MAX];
	struct rng r;
	u32 seed, i, rule, n;

	for (seed = 0; seed < unit_scale(3000); seed++) {
		rng_init(&r, seed);
		random_list(&r, l, true);
		run(l);
		memset(keep, 0, sizeof(keep));
		for (rule = n = 0; rule < 5; rule++) {
			u32 most = MAX, kept = 0;

			*one = *l;
			for (i = 0; i < one->nr; i++)
				one->points[i].in_use = false;
			memset(&one->set, 0, sizeof(one->set));
			if (rule == 0)
				most = one->set.keep_last = l->set.keep_last;
			else if (rule == 1)
				one->set.keep_within = l->set.keep_within;
			else if (rule == 2)
				most = one->set.keep_hourly = l->set.keep_hourly;
			else if (rule == 3)
				most = one->set.keep_daily = l->set.keep_daily;
			else
				most = one->set.keep_weekly = l->set.keep_weekly;
			if (!most || (rule == 1 && !one->set.keep_within))
				continue;
			run(one);
			n++;
			for (i = 0; i < l->nr; i++) {
				keep[i] |= !goes(one, i);
				kept += !goes(one, i);
			}
			/* The new one is the first of them. */
			CHECK(kept < most || rule == 1, "seed %u, rule %u", seed, rule);
		}
		for (i = 0; i < l->nr; i++) {
			keep[i] |= l->points[i].in_use;
			CHECK(!n || keep[i] == !goes(l, i), "seed %u, point %u", seed, i);
		}
		CHECK(n || !l->gone);
	}
}

