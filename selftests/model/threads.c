// SPDX-License-Identifier: GPL-2.0
/*
 * The threads mode: threads write without pause while points are made, and all other
 * operations run.
 *
 * One thread writes a sector, which follows from the sector.  Per sector the numbers rise, so
 * that the possible content of a point is a range: from the last write that had ended when
 * the point was requested to the last that had begun when it was answered.
 */
#include "model.h"

#define THREADS		4

struct range_point {
	struct known known;
	uint32_t *lo[MAX_DISKS], *hi[MAX_DISKS];
};

static _Atomic uint32_t *done[VIEWS][MAX_DISKS], *begun[VIEWS][MAX_DISKS];
static _Atomic uint32_t next_seq = 1;
static atomic_bool stop, committing, paused[VIEWS];
static atomic_int lives;		/* systems made anew */
static atomic_long inflight[VIEWS], writes, reads, nospc, off;
/* Odd while replication is suspended, or may be. */
static atomic_uint flips;
static struct range_point rpoints[MAX_POINTS + 1];
static int nr_rpoints;

/* Zones of a disk: sectors, blocks, 16 KiB and 256 KiB side by side. */
static unsigned int zone_shift(uint64_t s, uint64_t size)
{
	static const unsigned int shift[] = { 0, 3, 5, 9 };

	return shift[s * 4 / size];
}

static int owner(int disk, uint64_t s)
{
	unsigned int shift = zone_shift(s, disks[disk].sectors);
	uint64_t unit = s >> shift;

	if (s == 0)
		return THREADS;		/* the thread of the rising number */
	return (unit ^ unit >> 3 ^ unit >> 7) % THREADS;
}

static bool enter(int view)
{
	atomic_fetch_add(&inflight[view], 1);
	if (!atomic_load(&paused[view]))
		return true;
	atomic_fetch_sub(&inflight[view], 1);
	return false;
}

static void leave(int view)
{
	atomic_fetch_sub(&inflight[view], 1);
}

static void pause_view(int view)
{
	atomic_store(&paused[view], true);
	while (atomic_load(&inflight[view]))
		usleep(500);
}

static void t_mismatch(const char *where, int d, uint64_t s, uint32_t lo, uint32_t hi,
		       const void *got)
{
	pthread_mutex_lock(&say_lock);
	say("# %s, disk %d, sector %llu (block %llu, sector %llu of it, thread %d's)\n", where, d,
	    (unsigned long long)s, (unsigned long long)s / 8, (unsigned long long)s % 8,
	    owner(d, s));
	tell_write(lo == hi ? "wanted" : "wanted at least", lo, d, s);
	if (lo != hi)
		tell_write("wanted at most", hi, d, s);
	stamp_tell(got, d, s);
	history(d, s);
	pthread_mutex_unlock(&say_lock);
	die("wrong data in %s", where);
}

/* Sectors of our own from a random place on: all that are ours in a row. */
static uint32_t t_place(struct rng *r, int me, int *disk, uint64_t *sector)
{
	int d = below(r, nr_disks), tries = 0;
	uint64_t size = disks[d].sectors, s, zone = size / 4;
	uint32_t n = 1, want = 1 + below(r, 1U << below(r, 10));

	do {
		/* Half of it to few places, where all threads meet. */
		s = below(r, 4) * zone;
		s += below(r, 2) ? below(r, zone) : below(r, zone < 256 ? zone : 256);
		if (++tries > 1000)
			die("no place for thread %d", me);
	} while (s >= size || owner(d, s) != me);
	if (below(r, 2)) {
		/* From the first sector of ours. */
		while (s && owner(d, s - 1) == me && below(r, 600))
			s--;
	}
	while (n < want && n < MAX_SECTORS && s + n < size && owner(d, s + n) == me)
		n++;
	*disk = d;
	*sector = s;
	return n;
}

/* Replication was suspended at some time while a write was under way. */
static bool refusable(int view, unsigned int before)
{
	return view == HEAD && ((before & 1) || atomic_load(&flips) != before);
}

/* Committed, or about to be: replication's writes do not matter any more. */
static bool lost(int view)
{
	return view == HEAD && atomic_load(&committing);
}

static void t_write(struct rng *r, int view, int d, uint64_t s, uint32_t n, char *buf)
{
	uint32_t seq = atomic_fetch_add(&next_seq, 1) + 1, i;
	unsigned int before = atomic_load(&flips);
	long event = note_begun(WRITE, view, d, s, n, seq);
	ssize_t res;
	int err;

	stamp_fill(buf, seq, d, s, n);
	for (i = 0; i < n; i++)
		atomic_store(&begun[view][d][s + i], seq);
	res = pwrite(below(r, 16) ? disks[d].fd[view] : disks[d].sync[view], buf, n * SECTOR,
		     s * SECTOR);
	err = res < 0 ? errno : res == (ssize_t)n * SECTOR ? 0 : ENOSPC;
	note_ended(event, err);
	if (!err) {
		for (i = 0; i < n; i++)
			atomic_store(&done[view][d][s + i], seq);
		atomic_fetch_add(&writes, 1);
		return;
	}
	if (err != ENOSPC && !(err == ENODEV && refusable(view, before)))
		die("write of %u sectors at %llu of %s: %s", n, (unsigned long long)s,
		    disks[d].path[view], strerror(err));
	atomic_fetch_add(err == ENOSPC ? &nospc : &off, 1);
	if (lost(view))
		return;
	read_exact(disks[d].fd[view], buf, s, n, disks[d].path[view]);
	for (i = 0; i < n; i++) {
		uint32_t got = stamp_read(buf + i * SECTOR, d, s + i), old = done[view][d][s + i];

		if (got != old && got != seq)
			t_mismatch("what a failed write left", d, s + i, old, seq,
				   buf + i * SECTOR);
		atomic_store(&done[view][d][s + i], got);
	}
	if (err == ENODEV)
		usleep(2000);
}

/* Our own sectors exactly, the neighbours' within the range of their writes. */
static void t_read(int me, int view, int d, uint64_t s, uint32_t n, char *buf, uint32_t *lo)
{
	uint32_t i;

	s &= ~7ULL;
	n = (n + 15) & ~7U;
	if (n > MAX_SECTORS)
		n = MAX_SECTORS;
	if (s + n > disks[d].sectors)
		n = disks[d].sectors - s;
	for (i = 0; i < n; i++)
		lo[i] = atomic_load(&done[view][d][s + i]);
	if (lost(view))
		return;
	if (pread(disks[d].fd[view], buf, n * SECTOR, s * SECTOR) != n * SECTOR) {
		if (lost(view) && errno == ENODEV)
			return;
		die("read of %u sectors at %llu of %s: %m", n, (unsigned long long)s,
		    disks[d].path[view]);
	}
	atomic_fetch_add(&nr_read, n);
	for (i = 0; i < n; i++) {
		uint32_t got = stamp_read(buf + i * SECTOR, d, s + i);
		uint32_t hi = owner(d, s + i) == me ? lo[i] : atomic_load(&begun[view][d][s + i]);

		if (got == SEQ_BAD || got < lo[i] || got > hi)
			t_mismatch(view_name[view], d, s + i, lo[i], hi, buf + i * SECTOR);
	}
	atomic_fetch_add(&reads, 1);
}

static void *t_main(void *arg)
{
	static const uint8_t of[] = { HEAD, HEAD, HEAD, LIVE, LIVE, TEST };
	int me = (long)arg, d;
	char *buf = buffer(MAX_SECTORS * SECTOR);
	uint32_t lo[MAX_SECTORS], n;
	struct rng r;
	uint64_t s;

	writer = me + 1;
	rng_init(&r, seed * 100 + me + 1);
	while (!atomic_load(&stop)) {
		int view = of[below(&r, 6)];

		if (!enter(view)) {
			usleep(300);
			continue;
		}
		n = t_place(&r, me, &d, &s);
		switch (below(&r, 20)) {
		case 0 ... 4:
			t_read(me, view, d, s, n, buf, lo);
			break;
		case 5:
			if (fsync(disks[d].fd[view]) && !lost(view))
				die("fsync of %s: %m", disks[d].path[view]);
			break;
		default:
			t_write(&r, view, d, s, n, buf);
		}
		leave(view);
	}
	free(buf);
	return NULL;
}

/* First to disk 0, then to disk 1. */
static void *t_order(void *arg)
{
	char *buf = buffer(SECTOR);
	struct rng r;

	(void)arg;
	writer = THREADS + 1;
	rng_init(&r, seed * 100 + 99);
	while (!atomic_load(&stop)) {
		uint32_t seq = atomic_fetch_add(&next_seq, 1) + 1;
		int life = atomic_load(&lives);

		for (int d = 0; d < nr_disks; d++) {
			unsigned int before;
			ssize_t res;
			long event;

			stamp_make(buf, seq, d, 0);
			do {
				while (!enter(HEAD)) {
					if (atomic_load(&stop))
						goto out;
					usleep(500);
				}
				/* Writes to the first disks may be lost. */
				if (life != atomic_load(&lives)) {
					leave(HEAD);
					goto anew;
				}
				before = atomic_load(&flips);
				event = note_begun(WRITE, HEAD, d, 0, 1, seq);
				atomic_store(&begun[HEAD][d][0], seq);
				res = pwrite(below(&r, 8) ? disks[d].fd[HEAD] :
					     disks[d].sync[HEAD], buf, SECTOR, 0);
				if (res == SECTOR)
					atomic_store(&done[HEAD][d][0], seq);
				else if (errno != ENOSPC &&
					 !(errno == ENODEV && refusable(HEAD, before)))
					die("write of the rising number to disk %d: %m", d);
				note_ended(event, res < 0 ? errno : 0);
				leave(HEAD);
				if (res != SECTOR)
					usleep(10000);
			} while (res != SECTOR && !atomic_load(&stop));
			if (res != SECTOR)
				goto out;
		}
anew:
		;
	}
out:
	free(buf);
	return NULL;
}

static void t_point_gone(int i)
{
	for (int d = 0; d < nr_disks; d++) {
		free(rpoints[i].lo[d]);
		free(rpoints[i].hi[d]);
	}
	memmove(rpoints + i, rpoints + i + 1, (nr_rpoints - i - 1) * sizeof(rpoints[0]));
	nr_rpoints--;
}

static void t_known(struct known *mine)
{
	for (int i = 0; i < nr_rpoints; i++)
		mine[i] = rpoints[i].known;
}

/* Points that have gone; @drops: those that the last one has dropped, if it is new. */
static void t_retain(const struct drops *drops)
{
	struct known mine[MAX_POINTS + 1];
	bool is_lost[MAX_POINTS + 1];

	t_known(mine);
	retain(mine, nr_rpoints, drops, is_lost);
	for (int i = nr_rpoints; i--;)
		if (is_lost[i])
			t_point_gone(i);
}

static void t_point(void)
{
	struct range_point *p = &rpoints[nr_rpoints];
	struct known list[2 * MAX_POINTS], mine[MAX_POINTS + 1];
	struct drops drops;
	int code;

again:
	t_retain(NULL);
	p = &rpoints[nr_rpoints];
	if (nr_rpoints == MAX_POINTS || suspended)
		return;
	p->known.number = 0;
	for (int d = 0; d < nr_disks; d++) {
		size_t bytes = disks[d].sectors * sizeof(uint32_t);

		p->lo[d] = malloc(bytes);
		p->hi[d] = malloc(bytes);
		for (uint64_t s = 0; s < disks[d].sectors; s++)
			p->lo[d][s] = atomic_load(&done[HEAD][d][s]);
	}
	t_known(mine);
	code = retain_make(mine, nr_rpoints, &p->known.number, &drops);
	if (retain_again(code)) {
		for (int d = 0; d < nr_disks; d++) {
			free(p->lo[d]);
			free(p->hi[d]);
		}
		goto again;
	}
	if (code)
		refused("point", code);
	note(POINT, p->known.number);
	had_point = true;
	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s++)
			p->hi[d][s] = atomic_load(&begun[HEAD][d][s]);
	code = points_list(list, 2 * MAX_POINTS);
	if (!code || list[code - 1].number != p->known.number)
		die("the point just made is not the last of the list");
	p->known.time = list[code - 1].time;
	nr_rpoints++;
	t_retain(&drops);
}

/* Has it just been dropped?  Then it is gone from the list, too. */
static bool t_given_up(uint64_t number, int code)
{
	if (code != DM_REPLICA_CODE_NOT_FOUND)
		return false;
	t_retain(NULL);
	for (int i = 0; i < nr_rpoints; i++)
		if (rpoints[i].known.number == number)
			return false;
	return true;
}

static void t_drop(void)
{
	uint64_t number;
	int i, code;

	t_retain(NULL);
	if (!nr_rpoints)
		return;
	i = below(&rng, nr_rpoints);
	number = rpoints[i].known.number;
	code = operation(DM_REPLICA_CMD_POINT_DEL, &number);
	if (in_use(number)) {
		must("drop of a point in use", code, DM_REPLICA_CODE_IN_USE);
		return;
	}
	if (t_given_up(number, code))
		return;
	if (code)
		refused("drop", code);
	note(DROP, number);
	retain_dropped(number);
	t_point_gone(i);
}

/* Compare the view with the point; that makes the point's content exact. */
static void t_resolve(struct range_point *p, int view)
{
	uint32_t number[MAX_DISKS] = { 0 };

	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS) {
			uint32_t n = part(d, s);

			read_exact(disks[d].fd[view], cmp_buf, s, n, disks[d].path[view]);
			for (uint32_t k = 0; k < n; k++) {
				uint32_t got = stamp_read(cmp_buf + k * SECTOR, d, s + k);

				if (got == SEQ_BAD || got < p->lo[d][s + k] ||
				    got > p->hi[d][s + k])
					t_mismatch("a point failed over to", d, s + k,
						   p->lo[d][s + k], p->hi[d][s + k],
						   cmp_buf + k * SECTOR);
				p->lo[d][s + k] = p->hi[d][s + k] = got;
				atomic_store(&done[view][d][s + k], got);
				atomic_store(&begun[view][d][s + k], got);
				if (s + k == 0)
					number[d] = got;
			}
		}
	for (int d = 1; d < nr_disks; d++)
		if (number[d - 1] < number[d])
			die("point %llu shows number %u on disk %d and the later %u on the next",
			    (unsigned long long)p->known.number, number[d - 1], d - 1, number[d]);
	atomic_fetch_add(&nr_compared, 1);
}

static void t_begin_at(int view, int i)
{
	uint64_t number = rpoints[i].known.number;
	int code = view_begin(view, number);

	if (t_given_up(number, code))
		return;
	if (code)
		refused("failover", code);
	t_resolve(&rpoints[i], view);
	atomic_store(&paused[view], false);
}

static void t_begin(int view)
{
	t_retain(NULL);
	if (nr_rpoints && !online[view])
		t_begin_at(view, below(&rng, nr_rpoints));
}

static void t_exact(int view)
{
	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS) {
			uint32_t n = part(d, s);

			read_exact(disks[d].fd[view], cmp_buf, s, n, disks[d].path[view]);
			for (uint32_t k = 0; k < n; k++) {
				uint32_t want = done[view][d][s + k];

				if (stamp_read(cmp_buf + k * SECTOR, d, s + k) != want)
					t_mismatch(view_name[view], d, s + k, want, want,
						   cmp_buf + k * SECTOR);
			}
		}
	atomic_fetch_add(&nr_compared, 1);
}

static void t_end(int view)
{
	int code;

	if (!online[view])
		return;
	pause_view(view);
	t_exact(view);
	view_close(view);
	code = view_end(view);
	if (code)
		refused("end of a failover", code);
}

static void t_attach(void)
{
	for (int v = 0; v < VIEWS; v++) {
		pause_view(v);
		if (online[v])
			view_close(v);
	}
	note(ATTACH, 0);
	detach();
	attach();
	held = false;
	for (int v = 0; v < VIEWS; v++) {
		if (!online[v])
			continue;
		view_open(v);
		t_exact(v);
		atomic_store(&paused[v], false);
	}
}

/* Writes under way may fail from before the request until after it. */
static void t_suspend(void)
{
	char *buf;

	if (!suspended && !had_point)
		return;
	if (!suspended) {
		atomic_fetch_add(&flips, 1);
		set_suspended(true);
		buf = buffer(SECTOR);
		if (pwrite(disks[0].fd[HEAD], buf, SECTOR, 0) >= 0 || errno != ENODEV)
			die("a write while replication is suspended went through");
		free(buf);
	} else {
		set_suspended(false);
		atomic_fetch_add(&flips, 1);
	}
}

/* Stop or continue the guest. */
static void t_rest(bool on)
{
	if (on) {
		pause_view(LIVE);
		pause_view(HEAD);
		view_close(LIVE);
		view_close(HEAD);
		return;
	}
	view_open(LIVE);
	t_exact(LIVE);
	atomic_store(&paused[LIVE], false);
}

/* A commit while they write on. */
static void t_commit(void)
{
	if (suspended)
		t_suspend();
	t_end(TEST);
	while (!online[LIVE]) {
		if (!nr_rpoints)
			t_point();
		t_begin(LIVE);
	}
	atomic_fetch_add(&flips, 1);
	atomic_store(&committing, true);
	paused[HEAD] = below(&rng, 2);
	end_commit(&rng, t_rest);
	pause_view(HEAD);
	view_close(HEAD);
}

/* Compare the homes with the content that a view showed last. */
static void t_homes(int view)
{
	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s++)
			model[HEAD].seq[d][s] = done[view][d][s];
	homes_compare(&model[HEAD]);
}

/* A commit, all goes home, and the homes become those of a new system. */
static void t_life(void)
{
	t_commit();
	settle();
	end_committed();
	pause_view(LIVE);
	t_exact(LIVE);
	view_close(LIVE);
	note(REMOVE, 0);
	command("%s remove %s --yes >/dev/null", tool, name);
	homes_plain();
	t_homes(LIVE);
	while (nr_rpoints)
		t_point_gone(0);
	create();
	attach();
	note(RECREATE, 0);
	control_anew();
	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s++) {
			done[HEAD][d][s] = model[HEAD].seq[d][s];
			begun[HEAD][d][s] = model[HEAD].seq[d][s];
		}
	view_open(HEAD);
	atomic_fetch_add(&lives, 1);
	atomic_store(&committing, false);
	atomic_fetch_add(&flips, 1);
	atomic_store(&paused[HEAD], false);
}

static void t_setting(void)
{
	struct op o = choose_setting(&rng);

	set_setting(o.what, o.sector);
}

static void do_something(void)
{
	unsigned int dice = below(&rng, 200);

	if (dice < 54)
		t_point();
	else if (dice < 86)
		t_drop();
	else if (dice < 104)
		t_begin(LIVE);
	else if (dice < 116)
		t_end(LIVE);
	else if (dice < 138)
		t_begin(TEST);
	else if (dice < 154)
		t_end(TEST);
	else if (dice < 164)
		set_hold(!held);
	else if (dice < 173)
		set_rate(choose_rate(&rng));
	else if (dice < 180)
		t_setting();
	else if (dice < 186)
		do_grow();
	else if (dice < 197 || suspended)
		t_suspend();
	else if (dice < 199)
		t_attach();
	else
		t_life();
}

static void t_fill(void)
{
	for (int d = 0; d < nr_disks; d++) {
		uint64_t used = disks[d].sectors * 3 / 4, s;

		for (s = 0; s < used; s += MAX_SECTORS) {
			uint32_t n = used - s < MAX_SECTORS ? used - s : MAX_SECTORS;
			long event = note_begun(FILL, HEAD, d, s, n, 1);

			stamp_fill(io_buf, 1, d, s, n);
			if (pwrite(disks[d].fd[HEAD], io_buf, n * SECTOR, s * SECTOR) !=
			    (ssize_t)n * SECTOR)
				die("first write: %m");
			note_ended(event, 0);
			image_set(&model[HEAD], d, s, n, 1);
		}
	}
}

static void t_start(pthread_t *tid)
{
	image_new(&model[HEAD]);
	t_fill();
	for (int v = 0; v < VIEWS; v++)
		for (int d = 0; d < nr_disks; d++) {
			done[v][d] = calloc(disks[d].sectors, sizeof(*done[v][d]));
			begun[v][d] = calloc(disks[d].sectors, sizeof(*begun[v][d]));
			for (uint64_t s = 0; s < disks[d].sectors; s++)
				done[v][d][s] = begun[v][d][s] = model[HEAD].seq[d][s];
		}
	paused[LIVE] = paused[TEST] = true;
	for (long i = 0; i <= THREADS; i++)
		if (pthread_create(&tid[i], NULL, i < THREADS ? t_main : t_order, (void *)i))
			die("no thread");
}

static void t_stop(pthread_t *tid)
{
	atomic_store(&stop, true);
	for (int i = 0; i <= THREADS; i++)
		pthread_join(tid[i], NULL);
}

void threads(void)
{
	pthread_t tid[THREADS + 1];
	double began = now();

	t_start(tid);
	for (at_op = 1; at_op <= ops; at_op++) {
		if (seconds && now() - began > seconds)
			break;
		usleep(1000 * below(&rng, 40));
		do_something();
	}
	if (end == END_COMMIT)
		t_commit();
	else if (suspended)
		t_suspend();
	t_stop(tid);
	say("# %ld operations, %.0f s: %ld writes, %ld reads, %ld errors for want of space, %ld refused while suspended, %ld whole compares, %d points are left\n",
	    at_op - 1, now() - began, writes, reads, nospc, off, (long)nr_compared, nr_rpoints);
	if (end == END_COMMIT) {
		settle();
		end_committed();
		t_exact(LIVE);
		view_close(LIVE);
		detach();
		return t_homes(LIVE);
	}
	t_exact(HEAD);
	t_end(LIVE);
	t_end(TEST);
	t_retain(NULL);
	for (int i = 0; i < nr_rpoints; i++) {
		t_begin_at(i & 1 ? LIVE : TEST, i);
		t_end(i & 1 ? LIVE : TEST);
	}
	while (nr_rpoints && end != END_FLATTEN)
		t_drop();
	t_exact(HEAD);
	if (end == END_FLATTEN) {
		end_flatten(&rng);
	} else {
		unhindered();
		settle();
		view_close(HEAD);
		detach();
	}
	t_homes(HEAD);
}
