// SPDX-License-Identifier: GPL-2.0
/* Recovery points of the single mode, and the content that each must show. */
#include "model.h"

struct point {
	uint64_t label;			/* the script's number of it */
	struct known known;
	struct image image;
	/* Possible as well: a write was in flight when the point was made. */
	struct write maybe[BURST];
	int nr_maybe;
};

static struct point points[MAX_POINTS + 1];
int nr_points;

static void point_gone(int i)
{
	image_free(&points[i].image);
	memmove(points + i, points + i + 1, (nr_points - i - 1) * sizeof(points[0]));
	nr_points--;
}

void points_forget(void)
{
	while (nr_points)
		point_gone(0);
}

static void known_points(struct known *mine)
{
	for (int i = 0; i < nr_points; i++)
		mine[i] = points[i].known;
}

/*
 * Does the system have the expected points?  @drops: those that the last one has dropped, if
 * it is new.
 */
static void compare(const struct drops *drops)
{
	struct known mine[MAX_POINTS + 1];
	bool lost[MAX_POINTS + 1];

	known_points(mine);
	retain(mine, nr_points, drops, lost);
	for (int i = nr_points; i--;)
		if (lost[i])
			point_gone(i);
}

void points_compare(void)
{
	compare(NULL);
}

/* The point of that name, NULL if it is gone; 0 is the newest. */
static struct point *point_find(uint64_t label)
{
	compare(NULL);
	if (!label && nr_points)
		return &points[nr_points - 1];
	for (int i = 0; i < nr_points; i++)
		if (points[i].label == label)
			return &points[i];
	return NULL;
}

void do_point(uint64_t label)
{
	struct point p = { .label = label };
	struct known list[2 * MAX_POINTS], mine[MAX_POINTS + 1];
	struct drops drops;
	int code;

	/* Limit of the points remembered: drop the oldest without a view. */
	for (int i = 0; nr_points == MAX_POINTS; i++)
		do_drop(points[i].label);
	do {
		compare(NULL);
		known_points(mine);
		p.nr_maybe = async_writes(HEAD, p.maybe);
		code = retain_make(mine, nr_points, &p.known.number, &drops);
	} while (retain_again(code));
	if (suspended || committed) {
		must("point that cannot be", code, DM_REPLICA_CODE_INVALID_STATE);
		return;
	}
	if (code)
		refused("point", code);
	note(POINT, p.known.number);
	had_point = true;
	code = points_list(list, 2 * MAX_POINTS);
	if (!code || list[code - 1].number != p.known.number)
		die("the point just made is not the last of the list");
	p.known.time = list[code - 1].time;
	image_new(&p.image);
	image_copy(&p.image, &model[HEAD]);
	points[nr_points++] = p;
	compare(&drops);
}

void do_drop(uint64_t label)
{
	struct point *p = point_find(label);
	uint64_t number;
	int code;

	if (!p)
		return;
	number = p->known.number;
	code = operation(DM_REPLICA_CMD_POINT_DEL, &number);
	if (in_use(number)) {
		must("drop of a point in use", code, DM_REPLICA_CODE_IN_USE);
		return;
	}
	/* Retention may have dropped it just now. */
	if (code == DM_REPLICA_CODE_NOT_FOUND) {
		compare(NULL);
		if (p < points + nr_points && p->known.number == number)
			refused("drop", code);
		return;
	}
	if (code)
		refused("drop", code);
	note(DROP, number);
	retain_dropped(number);
	point_gone(p - points);
}

static bool may_be(const struct point *p, int disk, uint64_t sector, uint32_t seq)
{
	const struct write *w;

	for (w = p->maybe; w < p->maybe + p->nr_maybe; w++)
		if (w->disk == disk && w->seq == seq && sector >= w->sector &&
		    sector < w->sector + w->sectors)
			return true;
	return false;
}

/* The result of writes in flight when the point was made is known now. */
static void check_part(struct point *p, int view, int d, uint64_t s, uint32_t n)
{
	uint32_t *want = p->image.seq[d] + s, got, i;

	read_exact(disks[d].fd[view], cmp_buf, s, n, disks[d].path[view]);
	for (i = 0; i < n; i++) {
		got = stamp_read(cmp_buf + i * SECTOR, d, s + i);
		if (got == want[i])
			continue;
		if (!may_be(p, d, s + i, got))
			mismatch(view == LIVE ? "a point failed over to" : "a point tested", d,
				 s + i, want[i], cmp_buf + i * SECTOR);
		want[i] = got;
	}
}

/* The view has just come online, at this point. */
static void check_point(struct point *p, int view, bool whole)
{
	for (int i = 0; i < p->nr_maybe; i++)
		check_part(p, view, p->maybe[i].disk, p->maybe[i].sector, p->maybe[i].sectors);
	p->nr_maybe = 0;
	if (!whole)
		return;
	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS)
			check_part(p, view, d, s, part(d, s));
	atomic_fetch_add(&nr_compared, 1);
}

static void cannot_begin(int view)
{
	uint64_t none = 0;

	must("failover that cannot be",
	     operation(view == LIVE ? DM_REPLICA_CMD_FAILOVER_INITIATE :
		       DM_REPLICA_CMD_TEST_START, &none), DM_REPLICA_CODE_INVALID_STATE);
}

/* A failover or a test, at any point. */
void do_begin(int view, uint64_t label)
{
	struct point *p = point_find(label);
	uint64_t number;
	int code;

	if (!nr_points || online[view] || committed)
		return cannot_begin(view);
	if (!p)
		return;
	number = p->known.number;
	code = view_begin(view, label ? number : 0);
	if (code == DM_REPLICA_CODE_NOT_FOUND) {
		compare(NULL);
		if (p >= points + nr_points || p->known.number != number)
			return;
	}
	if (code)
		refused(view == LIVE ? "failover" : "test failover", code);
	if (base[view] != number)
		die("the failover is to point %llu, not %llu", (unsigned long long)base[view],
		    (unsigned long long)number);
	check_point(p, view, false);
	image_copy(&model[view], &p->image);
}

/* The end of a failover or a test; @open: try it with the devices open. */
void do_end(int view, bool open)
{
	if (!online[view] || (committed && view == LIVE)) {
		must("end of a failover that is not", view_end(view), DM_REPLICA_CODE_INVALID_STATE);
		return;
	}
	if (open) {
		must("end of a failover while it is open", view_end(view),
		     DM_REPLICA_CODE_IN_USE);
		return;
	}
	async_wait_view(view);
	view_close(view);
	must("end of a failover", view_end(view), 0);
	view_offline(view);
}

/* Check each point, whole, by one view or the other. */
void points_check(void)
{
	compare(NULL);
	for (int i = 0; i < nr_points; i++) {
		int view = i & 1 ? LIVE : TEST, code;
		uint64_t number = points[i].known.number;

		code = view_begin(view, number);
		if (code)
			refused("failover to each point", code);
		check_point(&points[i], view, true);
		view_close(view);
		must("end of a failover", view_end(view), 0);
		if (points[i].known.number != number)
			die("a point has gone while it was in use");
	}
}
