// SPDX-License-Identifier: GPL-2.0
/*
 * Settings, and the points that go: by rules of retention, which are the model's own and choose
 * those that a new one drops, and the oldest where a full store may give them up.
 */
#include "model.h"

#include <time.h>

#define NS		1000000000ULL
#define HOUR		3600

static const struct {
	enum what what;
	int type, bytes;
} settings[] = {
	{ POLICY, DM_REPLICA_A_SETTINGS_FULL_POLICY, 4 },
	{ RESERVE, DM_REPLICA_A_SETTINGS_LIVE_RESERVE, 8 },
};

static uint64_t keep_last, keep_within, keep_hourly;
/* Stays set for a while after the setting changed: a drop may be under way. */
static bool gives_up;
/* The newest point that was dropped on request since the last look. */
static uint64_t dropped_since;

bool is_setting(enum what what)
{
	return what >= KEEP_LAST && what <= RESERVE;
}

/* The reserve is given in MiB. */
void set_setting(enum what what, uint64_t value)
{
	int code;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		if (settings[i].what != what)
			continue;
		code = setting(settings[i].type, what == RESERVE ? value << 20 : value,
			       settings[i].bytes);
		if (code)
			refused(what_name[what], code);
	}
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
	dropped_since = 0;
}

/* The clock that points go by. */
static uint64_t now_real(void)
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

static bool dropped(const struct drops *drops, uint64_t number)
{
	for (int i = 0; drops && i < drops->nr; i++)
		if (drops->number[i] == number)
			return true;
	return false;
}

/* Lists that must be refused; the next look at the points finds a change. */
static void wrong_lists(const struct known *mine, int nr)
{
	uint64_t list[3] = { mine[0].number, mine[nr - 1].number + 1000 }, none = 0;

	if (in_use(mine[0].number)) {
		must("a point that drops one in use", point_new(&none, list, 1),
		     DM_REPLICA_CODE_IN_USE);
		return;
	}
	must("a point that drops one that is not", point_new(&none, list, 2),
	     DM_REPLICA_CODE_NOT_FOUND);
	list[1] = list[0];
	must("a point that drops one twice", point_new(&none, list, 2),
	     DM_REPLICA_CODE_INVALID_PARAMETER);
}

/*
 * Make a point beside @mine, @nr of them, oldest first, which drops those that the rules do
 * not keep; @drops is set to them.  Return: the code.
 */
int retain_make(const struct known *mine, int nr, uint64_t *number, struct drops *drops)
{
	bool drop[MAX_POINTS + 1];
	static unsigned int calls;

	if (nr && !gives_up && !suspended && !committed && calls++ % 8 == 0)
		wrong_lists(mine, nr);
	verdict(mine, nr, now_real(), drop);
	drops->nr = 0;
	for (int i = 0; i < nr; i++)
		if (drop[i])
			drops->number[drops->nr++] = mine[i].number;
	return point_new(number, drops->number, drops->nr);
}

/* Was a point refused since one that it drops was given up just before? */
bool retain_again(int code)
{
	return code == DM_REPLICA_CODE_NOT_FOUND && gives_up;
}

/* A point was dropped on request. */
void retain_dropped(uint64_t number)
{
	if (number > dropped_since)
		dropped_since = number;
}

/*
 * Which of the points @mine, @nr of them, oldest first, have gone?  Each must have had a
 * reason to go.  @drops: those that the last of them has dropped, if it has just been made.
 */
void retain(const struct known *mine, int nr, const struct drops *drops, bool *lost)
{
	struct known there[2 * MAX_POINTS];
	int nr_there = points_list(there, 2 * MAX_POINTS), found = 0;
	bool passed = false;

	for (int i = 0; i < nr; i++) {
		bool must_go = dropped(drops, mine[i].number), may_go = must_go;

		lost[i] = !listed(there, nr_there, mine[i].number);
		found += !lost[i];
		/*
		 * The oldest that is not in use goes first, the newest never; a newer one may have
		 * been there until a request dropped it.
		 */
		if (gives_up && !passed && !in_use(mine[i].number) &&
		    (i < nr - 1 || mine[i].number < dropped_since))
			may_go = true;
		if (!lost[i] && !was_in_use(mine[i].number))
			passed = true;
		if (lost[i] && !may_go)
			die("point %llu is gone without a reason",
			    (unsigned long long)mine[i].number);
		if (!lost[i] && must_go)
			die("point %llu is there still, and was to go",
			    (unsigned long long)mine[i].number);
	}
	if (found != nr_there)
		die("there are %d points, of which %d are known", nr_there, found);
	for (int i = 1; i < nr_there; i++)
		if (there[i].number <= there[i - 1].number)
			die("the list of points is not in order");
	dropped_since = 0;
	forget_released();
}
