// SPDX-License-Identifier: GPL-2.0
/*
 * Settings, and the points that go by themselves: by the rules of retention when
 * another is made, and the oldest where a full store may give them up.
 */
#include "model.h"

#include <time.h>

#define NS		1000000000ULL
#define HOUR		3600

static const struct {
	enum what what;
	int type, bytes;
} settings[] = {
	{ KEEP_LAST, DM_REPLICA_A_SETTINGS_KEEP_LAST, 4 },
	{ KEEP_WITHIN, DM_REPLICA_A_SETTINGS_KEEP_WITHIN, 8 },
	{ KEEP_HOURLY, DM_REPLICA_A_SETTINGS_KEEP_HOURLY, 4 },
	{ POLICY, DM_REPLICA_A_SETTINGS_FULL_POLICY, 4 },
	{ RESERVE, DM_REPLICA_A_SETTINGS_LIVE_RESERVE, 8 },
};

static uint64_t keep_last, keep_within, keep_hourly;
/* Stays set for a while after the setting changed: a drop may be under way. */
static bool gives_up;

bool is_setting(enum what what)
{
	return what >= KEEP_LAST && what <= RESERVE;
}

/* The reserve is given in MiB. */
void set_setting(enum what what, uint64_t value)
{
	int i, code;

	for (i = 0; settings[i].what != what; i++)
		;
	code = setting(settings[i].type, what == RESERVE ? value << 20 : value,
		       settings[i].bytes);
	if (code)
		refused(what_name[what], code);
	note(what, value);
	if (what == KEEP_LAST)
		keep_last = value;
	else if (what == KEEP_WITHIN)
		keep_within = value;
	else if (what == KEEP_HOURLY)
		keep_hourly = value;
	else if (what == POLICY && value)
		gives_up = true;
}

void retain_anew(void)
{
	keep_last = keep_within = keep_hourly = 0;
	gives_up = false;
}

/* The clock that points go by. */
uint64_t now_real(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

/*
 * Which of @nr points, oldest first, go when one more is made at @time?  A point stays that
 * any rule keeps: among the last so many, not older than so long, the newest of one of so
 * many hours.
 */
static void verdict(const struct known *p, int nr, uint64_t time, bool *drop)
{
	uint64_t left = keep_hourly, hour = time / NS / HOUR;

	memset(drop, 0, nr * sizeof(*drop));
	if (!keep_last && !keep_within && !keep_hourly)
		return;
	if (left)
		left--;		/* the new one */
	for (int i = nr; i--;) {
		uint64_t its = p[i].time / NS / HOUR;
		bool keep = nr - i < (int)keep_last || in_use(p[i].number);

		if (keep_within && p[i].time + keep_within * NS >= time)
			keep = true;
		if (left && its != hour) {
			left--;
			hour = its;
			keep = true;
		}
		drop[i] = !keep;
	}
}

static bool listed(const struct known *there, int nr, uint64_t number)
{
	for (int i = 0; i < nr; i++)
		if (there[i].number == number)
			return true;
	return false;
}

/*
 * Which of the points @mine, @nr of them, oldest first, have gone?  Each must have had a
 * reason to go.  @asked: request time of the last of them, if it has just been made, or 0.
 */
void retain(const struct known *mine, int nr, uint64_t asked, bool *lost)
{
	struct known there[2 * MAX_POINTS];
	int nr_there = points_list(there, 2 * MAX_POINTS), found = 0, older = asked ? nr - 1 : nr;
	bool early[MAX_POINTS + 1] = { 0 }, late[MAX_POINTS + 1] = { 0 }, passed = false;

	/* The rules were applied at some moment between the two times. */
	if (asked && nr_there) {
		verdict(mine, older, asked, early);
		verdict(mine, older, there[nr_there - 1].time, late);
	}
	for (int i = 0; i < nr; i++) {
		bool must_go = early[i] && late[i], may_go = early[i] || late[i];

		lost[i] = !listed(there, nr_there, mine[i].number);
		found += !lost[i];
		/* The oldest that is not in use goes first, the newest never. */
		if (gives_up && !passed && !in_use(mine[i].number) && i < nr - 1)
			may_go = true;
		if (!lost[i] && !was_in_use(mine[i].number))
			passed = true;
		if (lost[i] && !may_go)
			die("point %llu is gone without a reason",
			    (unsigned long long)mine[i].number);
		/* After drops for space in this time the rules may have seen fewer. */
		if (!lost[i] && must_go && !gives_up)
			die("point %llu is there still, against the rules of retention",
			    (unsigned long long)mine[i].number);
	}
	if (found != nr_there)
		die("there are %d points, of which %d are known", nr_there, found);
	for (int i = 1; i < nr_there; i++)
		if (there[i].number <= there[i - 1].number)
			die("the list of points is not in order");
	forget_released();
}
