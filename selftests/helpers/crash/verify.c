// SPDX-License-Identifier: GPL-2.0
/* Verification: the content after a cut, compared with the content that may be there. */
#include "crash.h"

static const char * const op_name[] = { "", "recovery-point create", "recovery-point drop",
					"failover", "revert" };

static char view_text[64];
static long seen, open_cells, newer;

static void tell_cell(const struct cell *c)
{
	printf("#   may hold:");
	for (uint32_t i = 0; i < c->n; i++)
		printf(" %u%s", c->v[i] & ~(ZERO | DISCARD), c->v[i] & DISCARD ? "(discard)" :
		       c->v[i] & ZERO ? "(zeroes)" : "");
	printf("\n");
}

static void look(int fd, struct image *img, int view, uint64_t number, bool whole, bool note_it)
{
	static uint8_t *buf;
	uint32_t i, j, v[SPAN], last = 0;
	int bad = 0, disk = view & 1;
	struct cell *c;

	view >>= 1;
	if (!buf)
		buf = buffer(SPAN * SECTOR);
	if (pread(fd, buf, SPAN * SECTOR, BASE * SECTOR) != SPAN * SECTOR)
		die("cannot read %s, disk %d: %m", view_text, disk);
	for (i = 0; i < SPAN; i++) {
		c = &img->c[disk][i];
		v[i] = stamp_read(buf + i * SECTOR, disk, i);
		for (j = 0; j < c->n; j++)
			if (c->v[j] == v[i] || (!v[i] && c->v[j] & (ZERO | DISCARD)))
				break;
		if (j == c->n) {
			if (++bad <= 10) {
				printf("# %s, disk %d, sector %u: holds %s%u\n", view_text, disk,
				       BASE + i, v[i] == TORN ? "no whole write " : "",
				       v[i] == TORN ? 0 : v[i]);
				tell_cell(c);
			}
			continue;
		}
		seen++;
		open_cells += c->n > 1;
		newer += j > 0;
		/* Sectors that were only written together must still match each other. */
		if (whole && i % 8 && c->n == c[-1].n &&
		    !memcmp(c->v, c[-1].v, c->n * sizeof(*c->v)) && v[i] != v[i - 1]) {
			bool together = true;

			for (j = i / 8 * 8; j < i / 8 * 8 + 8; j++)
				together &= img->c[disk][j].n == c->n &&
					!memcmp(img->c[disk][j].v, c->v, c->n * sizeof(*c->v));
			if (together && last != i / 8 + 1 && ++bad <= 10) {
				last = i / 8 + 1;
				printf("# %s, disk %d: the block of sector %u is torn: %u, %u\n",
				       view_text, disk, BASE + i, v[i - 1], v[i]);
				tell_cell(c);
			}
		}
	}
	if (bad)
		die("%s, disk %d: %d sectors hold what they may not", view_text, disk, bad);
	if (!note_it)
		return;
	for (i = 0; i < SPAN; i++) {
		struct rec r = { .type = R_SEEN, .view = view, .disk = disk, .sector = i,
				 .seq = v[i], .arg = number };

		c = &img->c[disk][i];
		if (c->n == 1 && c->v[0] == v[i])
			continue;
		tell(&r);
		apply(&r);
	}
}

static void look_view(int view, struct image *img, bool whole, const char *what, uint64_t number)
{
	snprintf(view_text, sizeof(view_text), "%s %llu", what, (unsigned long long)number);
	for (int d = 0; d < DISKS; d++) {
		int fd = open_view(view == HEAD ? HEAD : LIVE, d, 0);

		look(fd, img, view << 1 | d, number, whole, true);
		close(fd);
	}
}

static bool same_points(const uint64_t *got, int nr, uint64_t less, uint64_t *more)
{
	int i = 0, j;

	for (j = 0; j < m.nr_points; j++) {
		if (m.points[j].number == less)
			continue;
		if (i == nr || got[i++] != m.points[j].number)
			return false;
	}
	if (!more)
		return i == nr;
	if (i + 1 != nr || got[i] <= m.last_point)
		return false;
	*more = got[i];
	return true;
}

/* The state must be that after the last answer, or after the unanswered operation. */
static void state_check(void)
{
	uint64_t got[MAX_POINTS + 1], more = 0, live_point = status("live_point");
	int nr = point_list(got), state = status("state");
	bool as_before, as_after = false;

	as_before = state == m.state && live_point == m.live_point && same_points(got, nr, 0, NULL);
	switch (m.op) {
	case OP_POINT:
		as_after = state == (m.state == 2 ? 3 : m.state) && live_point == m.live_point &&
			   same_points(got, nr, 0, &more);
		break;
	case OP_DROP:
		as_after = state == m.state && live_point == m.live_point &&
			   same_points(got, nr, m.op_arg, NULL);
		break;
	case OP_FAILOVER:
		as_after = state == 5 && live_point == m.op_arg && same_points(got, nr, 0, NULL);
		break;
	case OP_REVERT:
		as_after = state == 3 && !live_point && same_points(got, nr, 0, NULL);
		break;
	}
	printf("# state %d, %d points, failed over to %llu; not answered: %s, %s\n", state, nr,
	       (unsigned long long)live_point, m.op ? op_name[m.op] : "none",
	       !m.op ? "-" : as_after ? "it is done" : "it is not done");
	if (!as_before && !as_after) {
		int i;

		printf("# points found:");
		for (i = 0; i < nr; i++)
			printf(" %llu", (unsigned long long)got[i]);
		printf("\n# answered was: state %d, failed over to %llu, points", m.state,
		       (unsigned long long)m.live_point);
		for (i = 0; i < m.nr_points; i++)
			printf(" %llu", (unsigned long long)m.points[i].number);
		printf("\n");
		die("the state is neither the old nor the new one");
	}
	note_op(R_BOOT, 0, more, as_after);
}

void verify(bool whole, bool points)
{
	struct point *p;
	int i;

	state_check();
	look_view(HEAD, m.head, whole, "head", 0);
	if (m.state == 5)
		look_view(LIVE, m.live, whole, "failover of point", m.live_point);
	if (points) {
		if (m.state == 5)
			op(OP_REVERT, 0);
		for (i = 0; m.nr_points && i <= m.nr_points; i++) {
			p = &m.points[i % m.nr_points];
			op(OP_FAILOVER, p->number);
			look_view(POINT, p->img, whole, "point", p->number);
			op(OP_REVERT, 0);
		}
		look_view(HEAD, m.head, whole, "head", 0);
	}
	printf("# %ld sectors looked at, %ld could hold several things, %ld held a newer one than flushed\n",
	       seen, open_cells, newer);
}

void homes(char **path)
{
	char said[4096];
	int i, fd;

	if (m.state == 5)
		op(OP_REVERT, 0);
	drop_all();
	for (i = 0; status("slots_used"); i++) {
		if (i == 300)
			die("the vacuum does not end");
		usleep(100000);
	}
	must(said, sizeof(said), "detach %s", name);
	for (i = 0; i < DISKS; i++) {
		fd = open(path[i], O_RDONLY | O_DIRECT);
		if (fd < 0)
			die("%s: %m", path[i]);
		snprintf(view_text, sizeof(view_text), "home");
		look(fd, m.head, HEAD << 1 | i, 0, false, false);
		close(fd);
	}
}
