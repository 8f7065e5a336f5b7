// SPDX-License-Identifier: GPL-2.0
/* Recovery points of the single mode, and what each must show. */
#include "helper-model.h"

struct point {
	uint64_t number;
	struct image image;
	/* What a sector may hold also: a write was on its way when it was made. */
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

/* Are there the points that there should be? */
void points_compare(void)
{
	uint64_t numbers[2 * MAX_POINTS];
	int nr = points_list(numbers, 2 * MAX_POINTS), i;

	for (i = 0; i < nr && i < nr_points; i++)
		if (numbers[i] != points[i].number)
			die("point %d of the list is %llu, not %llu", i,
			    (unsigned long long)numbers[i], (unsigned long long)points[i].number);
	if (nr != nr_points)
		die("there are %d points, not %d", nr, nr_points);
}

void do_point(bool busy)
{
	struct point p = { 0 };
	int code, i;

	if (nr_points == MAX_POINTS)
		return;
	if (busy)
		burst_submit(&rng, ALL_VIEWS);
	code = operation(DM_REPLICA_CMD_POINT_NEW, &p.number);
	if (suspended) {
		must("point while suspended", code, DM_REPLICA_CODE_INVALID_STATE);
		goto out;
	}
	if (code)
		refused("point", code);
	note(POINT, p.number);
	image_new(&p.image);
	image_copy(&p.image, &model[HEAD]);
	if (busy)
		p.nr_maybe = burst_writes(HEAD, p.maybe);
	for (i = nr_points, code = nr_points; i--;)
		if (!retained(i, code, points[i].number))
			point_gone(i);
	points[nr_points++] = p;
out:
	if (busy)
		burst_wait(&rng);
}

void do_drop(bool busy)
{
	int i, code;

	if (!nr_points)
		return;
	i = below(&rng, nr_points);
	if (busy)
		burst_submit(&rng, ALL_VIEWS);
	code = operation(DM_REPLICA_CMD_POINT_DEL, &points[i].number);
	if (in_use(points[i].number)) {
		must("drop of a point in use", code, DM_REPLICA_CODE_IN_USE);
	} else {
		if (code)
			refused("drop", code);
		note(DROP, points[i].number);
		point_gone(i);
	}
	if (busy)
		burst_wait(&rng);
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

/* What was on its way when the point was made is known now. */
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

/* The view has just come online, at this point: all of it, or here and there. */
static void check_point(struct point *p, int view, bool whole)
{
	uint64_t s;
	uint32_t n;
	int i, d;

	for (i = 0; i < p->nr_maybe; i++)
		check_part(p, view, p->maybe[i].disk, p->maybe[i].sector, p->maybe[i].sectors);
	p->nr_maybe = 0;
	if (whole) {
		for (d = 0; d < nr_disks; d++)
			for (s = 0; s < disks[d].sectors; s += MAX_SECTORS)
				check_part(p, view, d, s, part(d, s));
		atomic_fetch_add(&nr_compared, 1);
		return;
	}
	for (i = 0; i < 8; i++) {
		d = below(&rng, nr_disks);
		n = place(&rng, d, &s);
		check_part(p, view, d, s, n);
	}
}

static int begin_cmd(int view)
{
	return view == LIVE ? DM_REPLICA_CMD_FAILOVER_INITIATE : DM_REPLICA_CMD_TEST_START;
}

/* A failover or a test, at any point. */
void do_begin(int view, bool busy)
{
	int i = nr_points ? below(&rng, nr_points) : 0;
	uint64_t number = nr_points ? points[i].number : 0;

	if (!nr_points || online[view]) {
		must("failover that cannot be", operation(begin_cmd(view), &number),
		     DM_REPLICA_CODE_INVALID_STATE);
		return;
	}
	if (busy)
		burst_submit(&rng, ALL_VIEWS & ~ONLY(view));
	view_begin(view, number);
	/* Half of the time while the others are written. */
	if (busy && below(&rng, 2))
		burst_wait(&rng), busy = false;
	check_point(&points[i], view, below(&rng, 12) == 0);
	image_copy(&model[view], &points[i].image);
	if (busy)
		burst_wait(&rng);
}

/* The end of a failover or a test. */
void do_end(int view, bool busy)
{
	if (!online[view]) {
		must("end of a failover that is not", view_end(view), DM_REPLICA_CODE_INVALID_STATE);
		return;
	}
	if (below(&rng, 40) == 0)
		must("end of a failover while it is open", view_end(view),
		     DM_REPLICA_CODE_IN_USE);
	if (below(&rng, 6) == 0)
		check_all(view);
	view_close(view);
	if (busy)
		burst_submit(&rng, ALL_VIEWS & ~ONLY(view));
	must("end of a failover", view_end(view), 0);
	if (busy)
		burst_wait(&rng);
	if (below(&rng, 8) == 0)
		view_offline(view);
}

/* Each of them, whole, by the way of one view or the other. */
void points_check(void)
{
	points_compare();
	for (int i = 0; i < nr_points; i++) {
		int view = i & 1 ? LIVE : TEST;

		view_begin(view, points[i].number);
		check_point(&points[i], view, true);
		view_close(view);
		must("end of a failover", view_end(view), 0);
	}
}
