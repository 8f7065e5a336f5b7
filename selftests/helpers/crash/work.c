// SPDX-License-Identifier: GPL-2.0
/* Work: writers, and operations beside them, until the machine is cut off. */
#include "crash.h"

/* Held for reading by writers to the failover. */
static pthread_rwlock_t live_lock = PTHREAD_RWLOCK_INITIALIZER;
static bool live_gone;
static int live_open;
/* For a while no thread flushes, so that a cut has something to lose. */
static bool calm;

/*
 * Owners of sectors: the first half belongs to the two threads of a disk in turns of 16 KiB,
 * of the second half each has a half for long writes.
 */
static void choose(uint64_t *rng, int part, uint32_t *sector, uint32_t *count)
{
	uint32_t area, at;

	switch (below(rng, 10)) {
	case 0:
		*count = 8 * (1 + below(rng, MAX_IO / 8));
		*sector = SPAN / 2 + part * SPAN / 4 + 8 * below(rng, (SPAN / 4 - *count) / 8 + 1);
		return;
	case 1:
	case 2:
		*count = 1 + below(rng, 12);
		at = below(rng, 32 - *count + 1);
		break;
	default:
		*count = 8 * (1 + below(rng, 4));
		at = 8 * below(rng, (32 - *count) / 8 + 1);
	}
	/* Half of them to a few places, so that data is rewritten. */
	area = below(rng, 2) ? below(rng, 6) : below(rng, SPAN / 2 / 64);
	*sector = area * 64 + part * 32 + at;
}

static void one_write(int thread, int view, int disk, int part, const int *fd, uint8_t *buf,
		      uint64_t *rng)
{
	uint64_t range[2];
	uint32_t sector, count, seq, i;
	int how = below(rng, 16), sync;

	choose(rng, part, &sector, &count);
	seq = note(R_WRITE, thread, view, disk, sector, count,
		   how == 15 ? ZERO : how == 14 ? DISCARD : 0);
	if (how >= 14) {
		range[0] = (uint64_t)(BASE + sector) * SECTOR;
		range[1] = (uint64_t)count * SECTOR;
		if (ioctl(fd[0], how == 15 ? BLKZEROOUT : BLKDISCARD, range))
			die("zeroes to view %d: %m", view);
		return;
	}
	for (i = 0; i < count; i++)
		stamp(buf + i * SECTOR, seq, disk, sector + i);
	sync = how < 2 && !__atomic_load_n(&calm, __ATOMIC_RELAXED);
	if (pwrite(fd[sync], buf, count * SECTOR, (uint64_t)(BASE + sector) * SECTOR) !=
	    (ssize_t)count * SECTOR)
		die("write to view %d, disk %d, sector %u: %m", view, disk, sector);
	if (sync)
		note(R_DURABLE, thread, view, disk, sector, count, 0);
}

/* @n: writes of this thread since the last flush.  Return: their number from here on. */
static int maybe_flush(int thread, int view, int disk, int fd, int n, uint64_t *rng)
{
	if (n < CAP * 3 / 4 && (__atomic_load_n(&calm, __ATOMIC_RELAXED) || n < 2 || below(rng, 15)))
		return n;
	note(R_FLUSH, thread, view, disk, 0, 0, 0);
	if (fsync(fd))
		die("fsync of view %d: %m", view);
	note(R_FLUSHED, thread, view, disk, 0, 0, 0);
	return 0;
}

static void *head_writer(void *arg)
{
	int thread = (long)arg, disk = thread & 1, n = 0;
	uint64_t rng = mix(seed + thread) | 1;
	uint8_t *buf = buffer(MAX_IO * SECTOR);
	int fd[2] = { open_view(HEAD, disk, 0), open_view(HEAD, disk, O_DSYNC) };

	for (;;) {
		one_write(thread, HEAD, disk, thread >> 1, fd, buf, &rng);
		n = maybe_flush(thread, HEAD, disk, fd[0], n + 1, &rng);
		if (!below(&rng, 40))
			usleep(below(&rng, 100000));
	}
	return NULL;
}

static void *live_writer(void *arg)
{
	int thread = (long)arg, disk = thread & 1, n = 0, fd[2] = { -1, -1 };
	uint64_t rng = mix(seed + thread) | 1;
	uint8_t *buf = buffer(MAX_IO * SECTOR);

	for (;;) {
		pthread_rwlock_rdlock(&live_lock);
		if (m.state != 5 || live_gone) {
			if (fd[0] >= 0) {
				close(fd[0]);
				close(fd[1]);
				__atomic_sub_fetch(&live_open, 1, __ATOMIC_SEQ_CST);
			}
			fd[0] = fd[1] = -1;
			n = 0;
			pthread_rwlock_unlock(&live_lock);
			usleep(5000);
			continue;
		}
		if (fd[0] < 0) {
			__atomic_add_fetch(&live_open, 1, __ATOMIC_SEQ_CST);
			fd[0] = open_view(LIVE, disk, 0);
			fd[1] = open_view(LIVE, disk, O_DSYNC);
		}
		one_write(thread, LIVE, disk, below(&rng, 2), fd, buf, &rng);
		n = maybe_flush(thread, LIVE, disk, fd[0], n + 1, &rng);
		pthread_rwlock_unlock(&live_lock);
		if (!below(&rng, 40))
			usleep(below(&rng, 100000));
	}
	return NULL;
}

static void revert(void)
{
	/* Both writers see it and close. */
	pthread_rwlock_wrlock(&live_lock);
	live_gone = true;
	pthread_rwlock_unlock(&live_lock);
	while (__atomic_load_n(&live_open, __ATOMIC_SEQ_CST))
		usleep(2000);
	pthread_rwlock_wrlock(&live_lock);
	op(OP_REVERT, 0);
	live_gone = false;
	pthread_rwlock_unlock(&live_lock);
}

static void failover(uint64_t number)
{
	pthread_rwlock_wrlock(&live_lock);
	op(OP_FAILOVER, number);
	pthread_rwlock_unlock(&live_lock);
}

void drop_all(void)
{
	while (m.nr_points)
		op(OP_DROP, m.points[0].number);
}

void work(const char *plan)
{
	bool storm = !strcmp(plan, "storm"), home = !strcmp(plan, "home");
	bool live = !strcmp(plan, "live");
	uint64_t rng = mix(seed + CONTROL) | 1;
	pthread_t t;
	long i;

	if (home) {
		if (m.state == 5)
			op(OP_REVERT, 0);
		drop_all();
	}
	for (i = 0; i < CONTROL; i++)
		if (pthread_create(&t, NULL, i < 4 ? head_writer : live_writer, (void *)i))
			die("thread: %m");
	puts("at work");
	fflush(stdout);
	if (home)
		usleep(500000 + below(&rng, 2000000));
	if (live && m.state != 5) {
		if (!m.nr_points)
			op(OP_POINT, 0);
		failover(m.points[below(&rng, m.nr_points)].number);
	}
	for (;;) {
		int what = below(&rng, 100);
		struct point *p = &m.points[m.nr_points ? below(&rng, m.nr_points) : 0];

		if (!storm) {
			__atomic_store_n(&calm, below(&rng, 2), __ATOMIC_RELAXED);
			usleep(below(&rng, live ? 500000 : 250000));
			__atomic_store_n(&calm, false, __ATOMIC_RELAXED);
		}
		if (what < 40 || !m.nr_points) {
			if (m.nr_points == 4)
				what = 40;
			else
				op(OP_POINT, 0);
		}
		if (m.state == 5) {
			if (what >= 40 && what < 60 && p->number != m.live_point)
				op(OP_DROP, p->number);
			else if (what >= 60 && (!live || what > 90))
				revert();
		} else if (m.state == 3 && m.nr_points) {
			if (what >= 40 && what < 65)
				op(OP_DROP, p->number);
			else if (what >= 65)
				failover(p->number);
		}
	}
}
