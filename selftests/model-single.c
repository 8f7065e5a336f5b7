// SPDX-License-Identifier: GPL-2.0
/* The single mode: one operation after the other, some of them amid a burst. */
#include "helper-model.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

struct image model[VIEWS];
uint32_t last_seq = 1;
long nr_nospc, nr_refused, nr_written;

int pick_view(struct rng *r, unsigned int views)
{
	int of[VIEWS], nr = 0;

	for (int v = 0; v < VIEWS; v++)
		if (online[v] && (views & ONLY(v)))
			of[nr++] = v;
	return nr ? of[below(r, nr)] : -1;
}

/* A place: mostly where others have been. */
uint32_t place(struct rng *r, int disk, uint64_t *sector)
{
	uint64_t size = disks[disk].sectors, at;
	uint32_t n = 1 + below(r, 1U << below(r, 8));

	if (below(r, 40) == 0)
		n = 1 + below(r, MAX_SECTORS);
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

void check_range(int view, int disk, uint64_t sector, uint32_t sectors)
{
	read_exact(disks[disk].fd[view], cmp_buf, sector, sectors, disks[disk].path[view]);
	image_compare(&model[view], view_name[view], disk, sector, sectors, cmp_buf);
}

void check_all(int view)
{
	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS)
			check_range(view, d, s, part(d, s));
	atomic_fetch_add(&nr_compared, 1);
}

/* After something that may have been done or not, in every sector for itself. */
void learn(int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq, const char *what)
{
	uint32_t *want = model[view].seq[disk], got, i;

	read_exact(disks[disk].fd[view], cmp_buf, sector, sectors, disks[disk].path[view]);
	for (i = 0; i < sectors; i++) {
		got = stamp_read(cmp_buf + i * SECTOR, disk, sector + i);
		if (got != want[sector + i] && got != seq) {
			say("# after a %s that may have written number %u\n", what, seq);
			mismatch(view_name[view], disk, sector + i, want[sector + i],
				 cmp_buf + i * SECTOR);
		}
		want[sector + i] = got;
	}
}

/* Of a write, @err being why it failed, or 0.  Return: true if it is done. */
static bool verdict(int view, int disk, uint64_t s, uint32_t n, uint32_t seq, int err,
		    const char *what)
{
	bool off = view == HEAD && suspended;
	uint32_t i, len;

	if (!err && off)
		die("a %s while replication is suspended went through", what);
	if (!err || (err == ENODEV && off)) {
		if (err)
			nr_refused++;
		return !err;
	}
	if (err != ENOSPC)
		die("%s of %u sectors at %llu of %s: %s", what, n, (unsigned long long)s,
		    disks[disk].path[view], strerror(err));
	nr_nospc++;
	for (i = 0; i < n; i += len) {
		len = n - i < MAX_SECTORS ? n - i : MAX_SECTORS;
		learn(view, disk, s + i, len, seq, what);
	}
	return false;
}

static bool write_at(int view, int d, uint64_t s, uint32_t n, bool sync)
{
	uint32_t seq = ++last_seq;
	ssize_t r;
	int err;

	stamp_fill(io_buf, seq, d, s, n);
	r = pwrite(sync ? disks[d].sync[view] : disks[d].fd[view], io_buf, n * SECTOR, s * SECTOR);
	/* Short: the rest had no room. */
	err = r < 0 ? errno : r == (ssize_t)n * SECTOR ? 0 : ENOSPC;
	note_io(sync ? DSYNC_WRITE : WRITE, view, d, s, n, seq, err);
	if (!verdict(view, d, s, n, seq, err, "write"))
		return false;
	image_set(&model[view], d, s, n, seq);
	nr_written += n;
	return true;
}

static void do_write(void)
{
	int view = pick_view(&rng, ALL_VIEWS), d = below(&rng, nr_disks);
	uint64_t s;
	uint32_t n = place(&rng, d, &s);

	write_at(view, d, s, n, below(&rng, 8) == 0);
	if (below(&rng, 4) == 0)
		check_range(view, d, s, n);
}

/* A log block each: the ring goes round. */
static void do_storm(void)
{
	int view = pick_view(&rng, ALL_VIEWS), d = below(&rng, nr_disks);
	uint64_t blocks = disks[d].sectors / 8, from = below(&rng, blocks), i;

	if (blocks - from > 50)
		blocks = from + 50;
	for (i = from; i < blocks; i++)
		if (!write_at(view, d, i * 8, 8, true))
			break;
	check_range(view, d, from * 8, (i < blocks ? i : blocks - 1) * 8 + 8 - from * 8);
}

static void do_zero(void)
{
	int view = pick_view(&rng, ALL_VIEWS), d = below(&rng, nr_disks), err;
	bool discard = below(&rng, 2);
	uint64_t s, range[2];
	uint32_t n, i;

	n = place(&rng, d, &s);
	if (below(&rng, 8) == 0)
		n = disks[d].sectors - s < 4096 ? disks[d].sectors - s : 4096;
	range[0] = s * SECTOR;
	range[1] = (uint64_t)n * SECTOR;
	err = ioctl(disks[d].fd[view], discard ? BLKDISCARD : BLKZEROOUT, range) ? errno : 0;
	note_io(discard ? DISCARD : ZERO, view, d, s, n, 0, err);
	if (!verdict(view, d, s, n, 0, err, discard ? "discard" : "write of zeroes"))
		return;
	if (!discard)
		image_set(&model[view], d, s, n, 0);
	else
		for (i = 0; i < n; i += MAX_SECTORS)
			learn(view, d, s + i, n - i < MAX_SECTORS ? n - i : MAX_SECTORS, 0,
			      "discard");
}

static void do_flush(void)
{
	int view = pick_view(&rng, ALL_VIEWS), d = below(&rng, nr_disks);

	note_io(FLUSH, view, d, 0, 0, 0, 0);
	if (fsync(disks[d].fd[view]))
		die("fsync of %s: %m", disks[d].path[view]);
}

/* Also while there is I/O to the other views. */
static void do_read(void)
{
	int view = pick_view(&rng, ALL_VIEWS), d = below(&rng, nr_disks);
	unsigned int others = ALL_VIEWS & ~ONLY(view);
	bool busy = (online[LIVE] || online[TEST]) && below(&rng, 2);
	uint64_t s;
	uint32_t n;

	if (busy)
		burst_submit(&rng, others);
	for (int i = 0; i < (busy ? 4 : 1); i++) {
		n = place(&rng, d, &s);
		check_range(view, d, s, n);
	}
	if (busy)
		burst_wait(&rng);
}

static void do_attach(void)
{
	note(ATTACH, 0);
	for (int v = 0; v < VIEWS; v++)
		if (online[v])
			view_close(v);
	detach();
	attach();
	held = false;
	for (int v = 0; v < VIEWS; v++)
		if (online[v])
			view_open(v);
	if (below(&rng, 2))
		for (int v = 0; v < VIEWS; v++)
			if (online[v])
				check_all(v);
}

/* Something that has nothing to do with I/O, half the time in the middle of it. */
static void amid(void (*what)(void))
{
	bool busy = below(&rng, 2);

	if (busy)
		burst_submit(&rng, ALL_VIEWS);
	what();
	if (busy)
		burst_wait(&rng);
}

/* Suspending makes no sense before there is a point, and is not for long. */
static void do_suspending(void)
{
	if (nr_points && !suspended)
		amid(do_suspend);
}

void first_content(void)
{
	for (int d = 0; d < nr_disks; d++) {
		uint64_t used = disks[d].sectors * 3 / 4, s;

		for (s = 0; s < used; s += MAX_SECTORS) {
			uint32_t n = used - s < MAX_SECTORS ? used - s : MAX_SECTORS;

			stamp_fill(io_buf, 1, d, s, n);
			if (pwrite(disks[d].fd[HEAD], io_buf, n * SECTOR, s * SECTOR) !=
			    (ssize_t)n * SECTOR)
				die("first write: %m");
			image_set(&model[HEAD], d, s, n, 1);
		}
	}
}

static void do_burst(void)
{
	burst_submit(&rng, ALL_VIEWS);
	burst_wait(&rng);
}

static void do_check(void)
{
	check_all(pick_view(&rng, ALL_VIEWS));
}

static void plain_point(void) { do_point(false); }
static void busy_point(void) { do_point(true); }
static void do_drops(void) { do_drop(below(&rng, 2)); }
static void do_failover(void) { do_begin(LIVE, below(&rng, 2)); }
static void do_revert(void) { do_end(LIVE, below(&rng, 2)); }
static void do_test(void) { do_begin(TEST, below(&rng, 2)); }
static void do_stop(void) { do_end(TEST, below(&rng, 2)); }
static void do_holding(void) { amid(do_hold); }
static void do_rating(void) { amid(do_rate); }
static void do_growing(void) { amid(do_grow); }

/* Of 1000. */
static const struct {
	int share;
	void (*what)(void);
} kinds[] = {
	{ 4, do_storm }, { 328, do_write }, { 170, do_burst }, { 130, do_read },
	{ 60, do_zero }, { 40, do_flush }, { 30, plain_point }, { 30, busy_point },
	{ 45, do_drops }, { 26, do_failover }, { 22, do_revert }, { 36, do_test },
	{ 30, do_stop }, { 12, do_holding }, { 12, do_rating }, { 8, do_suspending },
	{ 5, do_keep }, { 1, do_growing }, { 1, do_attach }, { 2, do_check },
	{ 8, points_compare },
};

static void do_something(void)
{
	int dice = below(&rng, 1000), i = 0;

	while (dice >= kinds[i].share)
		dice -= kinds[i++].share;
	kinds[i].what();
}

void single(void)
{
	double began = now(), ended;
	long full = 0;

	burst_init();
	for (int v = 0; v < VIEWS; v++)
		image_new(&model[v]);
	first_content();
	for (at_op = 1; at_op <= ops; at_op++) {
		if (seconds && now() - began > seconds)
			break;
		do_something();
		if (suspended && below(&rng, 12) == 0)
			amid(do_suspend);
		/* Full for a while, and then not any more. */
		if (nr_nospc > full && below(&rng, 100) == 0) {
			amid(do_grow);
			full = nr_nospc;
		}
	}
	say("# %ld operations, %.0f s: wrote %ld KiB, read %ld KiB, %ld errors for want of space, %ld refused while suspended, %ld whole compares, %d points are left\n",
	    at_op - 1, now() - began, nr_written / 2, (long)nr_read / 2, nr_nospc, nr_refused,
	    (long)nr_compared, nr_points);
	ended = now();
	if (suspended)
		do_suspend();
	for (int v = 0; v < VIEWS; v++)
		if (online[v])
			check_all(v);
	end_single();
	say("# the end took %.1f s\n", now() - ended);
}
