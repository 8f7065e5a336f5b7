// SPDX-License-Identifier: GPL-2.0-only
/*
 * Retention: which recovery points go when another is made.
 *
 * The list is walked once, from the new point to the oldest, and each rule is asked about
 * each point.  The order is that of the list: a clock that was set back makes a rule of
 * the calendar keep another point than people expect, but nothing worse.  For the rule
 * that asks how old a point is, a point dated in the future is as old as the next one, so
 * that it goes in its turn; and those from before the clock was set ahead count as made
 * on the new one.
 */
#include "retention.h"

#define DMR_SECOND	1000000000u	/* ns */
#define DMR_HOUR	3600u		/* s, as all below */
#define DMR_DAY		(24 * DMR_HOUR)
#define DMR_WEEK	(7 * DMR_DAY)
#define DMR_MONDAY	(3 * DMR_DAY)	/* time began on a Thursday, its week three days before */

/* Keeps the newest of each of the last so many spans of time that have one. */
struct dmr_rule {
	u32 left;		/* that may still be kept */
	u32 span;		/* s */
	u32 shift;		/* s from the beginning of a span to 1970 */
	u64 last;		/* span of the one kept last; ~0 is none */
};

static bool dmr_rule_keeps(struct dmr_rule *rule, u64 time)
{
	u64 at = div_u64(div_u64(time, DMR_SECOND) + rule->shift, rule->span);

	if (!rule->left || at == rule->last)
		return false;
	rule->left--;
	rule->last = at;
	return true;
}

static bool dmr_held(u32 epoch, const u32 *held, u32 nr_held)
{
	u32 i;

	for (i = 0; i < nr_held; i++)
		if (held[i] == epoch)	/* no point is of DMR_EPOCH_NONE */
			return true;
	return false;
}

/*
 * Time of a point, by the present clock.  One in the future counts as made with the next
 * one; one in the past is unchanged, or a single wrong date would age all before it.
 */
static u64 dmr_point_made(const struct dmr_settings *set, const struct dmr_point *point, u64 now,
			  u64 next)
{
	u64 time = point->time;

	if (point->number < set->jump_point)
		time = time + set->jump_by < time ? ~0ULL : time + set->jump_by;
	return time > now ? next : time;
}

u32 dmr_retention(const struct dmr_settings *set, const struct dmr_point *points, u32 nr,
		  u64 now, const u32 *held, u32 nr_held, unsigned long *drop)
{
	struct dmr_rule rules[] = {
		{ set->keep_hourly, DMR_HOUR, 0, ~0ULL },
		{ set->keep_daily, DMR_DAY, 0, ~0ULL },
		{ set->keep_weekly, DMR_WEEK, DMR_MONDAY, ~0ULL },
	};
	u64 within = set->keep_within * DMR_SECOND, made = now;
	u32 i, r, gone = 0;

	bitmap_zero(drop, nr);
	if (!set->keep_last && !set->keep_within && !set->keep_hourly && !set->keep_daily &&
	    !set->keep_weekly)
		return 0;
	/* The new one is the first of each. */
	for (r = 0; r < ARRAY_SIZE(rules); r++)
		dmr_rule_keeps(&rules[r], now);
	for (i = nr; i--;) {
		/* Among the last so many, of which the new one is one. */
		bool keep = nr - i < set->keep_last;

		made = dmr_point_made(set, &points[i], now, made);
		if (within && made >= now - min(now, within))
			keep = true;
		for (r = 0; r < ARRAY_SIZE(rules); r++)
			if (dmr_rule_keeps(&rules[r], points[i].time))
				keep = true;
		if (keep || dmr_held(points[i].epoch, held, nr_held))	/* R14 */
			continue;
		__set_bit(i, drop);
		gone++;
	}
	return gone;
}

bool dmr_retention_jump_over(u64 jump_point, const struct dmr_point *points, u32 nr)
{
	return !nr || points[0].number >= jump_point;
}
