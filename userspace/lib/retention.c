// SPDX-License-Identifier: GPL-2.0-only
/*
 * Retention: which recovery points go when another is made.
 *
 * The list is walked once, from the new point to the oldest, and each rule is asked about
 * each point.  The order is that of the list: a clock that was set back makes a rule of
 * the calendar keep another point than people expect, but nothing worse.  For the rule
 * that asks how old a point is, a point dated in the future is as old as the next one, so
 * that it goes in its turn; and those from before the clock was set ahead count as made
 * on the new one.  The module notices that, and keeps a record of it: a step of the clock
 * makes no point too old.
 */
#include <store/portable.h>

#include "retention.h"

#define NS	1000000000ULL	/* in a second */
#define HOUR	3600u		/* s, as all below */
#define DAY	(24 * HOUR)
#define WEEK	(7 * DAY)
#define MONDAY	(3 * DAY)	/* time began on a Thursday, its week three days before */

/* Keeps the newest of each of the last so many spans of time that have one. */
struct rule {
	u32 left;		/* that may still be kept */
	u32 span;		/* s */
	u32 shift;		/* s from the beginning of a span to 1970 */
	u64 last;		/* span of the one kept last; ~0 is none */
};

static bool rule_keeps(struct rule *rule, u64 time)
{
	u64 at = (time / NS + rule->shift) / rule->span;

	if (!rule->left || at == rule->last)
		return false;
	rule->left--;
	rule->last = at;
	return true;
}

/*
 * R17: of a received point its arrival counts.  By its time, which is another host's, a sender
 * could choose which points go.
 */
static u64 point_time(const struct dmreplica_point *point)
{
	return point->arrived ? point->arrived : point->time;
}

/*
 * Time of a point, by the present clock.  One in the future counts as made with the next
 * one; one in the past is unchanged, or a single wrong date would age all before it.
 */
static u64 point_made(const struct dmreplica_settings *set, const struct dmreplica_point *point,
		      u64 now, u64 next)
{
	u64 time = point_time(point);

	if (point->number < set->jump_point)
		time = time + set->jump_by < time ? ~0ULL : time + set->jump_by;
	return time > now ? next : time;
}

size_t dmrl_retention(const struct dmreplica_settings *set, const struct dmreplica_point *points,
		      size_t nr, uint64_t now, bool *drop)
{
	struct rule rules[] = {
		{ set->keep_hourly, HOUR, 0, ~0ULL },
		{ set->keep_daily, DAY, 0, ~0ULL },
		{ set->keep_weekly, WEEK, MONDAY, ~0ULL },
	};
	u64 within = set->keep_within * NS, made = now;
	size_t i, r, gone = 0;

	for (i = 0; i < nr; i++)
		drop[i] = false;
	if (!set->keep_last && !set->keep_within && !set->keep_hourly && !set->keep_daily &&
	    !set->keep_weekly)
		return 0;
	/* The new one is the first of each. */
	for (r = 0; r < ARRAY_SIZE(rules); r++)
		rule_keeps(&rules[r], now);
	for (i = nr; i--;) {
		/* Among the last so many, of which the new one is one. */
		bool keep = nr - i < set->keep_last;

		made = point_made(set, &points[i], now, made);
		if (within && made >= (now > within ? now - within : 0))
			keep = true;
		for (r = 0; r < ARRAY_SIZE(rules); r++)
			if (rule_keeps(&rules[r], point_time(&points[i])))
				keep = true;
		if (keep || points[i].in_use || points[i].held_by[0])	/* R14, R17 */
			continue;
		drop[i] = true;
		gone++;
	}
	return gone;
}
