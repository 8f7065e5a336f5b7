// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that write to the devices, each to sectors of its own, but in blocks and chunks
 * where others write, too: one or two for each disk of the head and of the failover, one for
 * each of the test failover.
 *
 * The sectors of a disk: in its first quarter the two halves (parts) of each block
 * belong to the one and to the other thread; in the second they take turns of
 * 16 KiB; and of the rest each has a half, for long writes.
 */
#include "life.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

struct writer {
	pthread_t thread;
	int nr, view, disk, part;	/* part -1: both, all of it is its own */
	uint64_t rng;
	int fd;
	uint8_t *buf;
};

atomic_uint denials;		/* odd while the head may refuse */
atomic_bool calm;		/* no thread flushes, so that a crash has something to lose */
atomic_long nr_written, nr_refused, nr_full;

static struct writer writers[MAX_DISKS * 5];
static int nr_writers;
static atomic_bool over;
static atomic_bool gate[VIEWS];
static atomic_int inside[VIEWS];

int view_open(int view, int disk, int flags)
{
	static const char * const suffix[VIEWS] = { "-replica", "", "-test" };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/mapper/%s-%s%s", name, disks[disk].disk, suffix[view]);
	fd = open(path, flags | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		die("%s: %m", path);
	return fd;
}

/* Where and how much, in sectors. */
static void choose(struct writer *w, uint64_t *sector, uint64_t *count)
{
	uint64_t *rng = &w->rng, quarter = disks[w->disk].sectors / 4 / 32 * 32, at, turn;
	uint64_t part = w->part < 0 ? below(rng, 2) : (uint64_t)w->part;
	bool aligned = below(rng, 100) >= plan->unaligned;
	bool wide = below(rng, 100) < plan->wide;

	if (below(rng, 100) < plan->large) {
		uint64_t all = disks[w->disk].sectors - 2 * quarter;

		*count = aligned ? 8 * (1 + below(rng, MAX_SECTORS / 8)) :
				   1 + below(rng, MAX_SECTORS);
		/* The last sectors of the disk are in the last part. */
		at = below(rng, all / 2 - *count + 1);
		if (part && !below(rng, 8))
			at = all / 2 - *count;
		else if (aligned)
			at = at / 8 * 8;
		*sector = 2 * quarter + part * (all - all / 2) + at;
	} else if (aligned || below(rng, 2)) {
		turn = below(rng, wide ? quarter / 64 : 6);
		*count = aligned ? 8 * (1 + below(rng, 4)) : 1 + below(rng, 20);
		at = below(rng, 32 - *count + 1);
		if (aligned)
			at = at / 8 * 8;
		*sector = quarter + turn * 64 + part * 32 + at;
	} else {
		turn = below(rng, wide ? quarter / 8 : 40);
		at = below(rng, 4);
		*count = 1 + below(rng, 4 - at);
		*sector = turn * 8 + part * 4 + at;
	}
}

/* Return: 0 or an errno. */
static int put(struct writer *w, const struct rec *r)
{
	uint64_t range[2] = { r->sector * REC_SECTOR, r->sectors * REC_SECTOR };
	struct iovec v = { w->buf, range[1] };
	ssize_t n;

	if (r->kind != REC_DATA)
		return ioctl(w->fd, r->kind == REC_ZEROES ? BLKZEROOUT : BLKDISCARD, range) ?
			errno : 0;
	for (uint64_t i = 0; i < r->sectors; i++)
		rec_stamp(w->buf + i * REC_SECTOR, r->seq, r->disk, r->sector + i);
	n = pwritev2(w->fd, &v, 1, range[0], r->flags & REC_FUA ? RWF_DSYNC : 0);
	if (n >= 0 && n != (ssize_t)range[1])
		return EIO;
	return n < 0 ? errno : 0;
}

/* Is this answer one that may be? */
static void judge(struct writer *w, const char *what, int result, unsigned int before)
{
	bool may = before & 1 || before != atomic_load(&denials);

	if (!result)
		return;
	if (result == ENOSPC)
		atomic_fetch_add(&nr_full, 1);
	else if ((result == ENODEV || result == EIO) && w->view == REC_HEAD && may)
		atomic_fetch_add(&nr_refused, 1);
	else
		die("%s to view %d of disk %d: %s", what, w->view, w->disk, strerror(result));
	usleep(20000);
}

static void write_once(struct writer *w)
{
	struct rec r = { .type = REC_IO, .view = w->view, .disk = w->disk, .thread = w->nr };
	unsigned int before = atomic_load(&denials);
	int result;

	choose(w, &r.sector, &r.sectors);
	r.seq = atomic_fetch_add(&next_seq, 1);
	if (below(&w->rng, 100) < plan->zeroes)
		r.kind = below(&w->rng, 2) ? REC_ZEROES : REC_DISCARDED;
	else if (below(&w->rng, 100) < plan->fua && !atomic_load(&calm))
		r.flags = REC_FUA;
	mark(&r, NULL);
	result = put(w, &r);
	mark_done(&r, result, 0);
	if (!result)
		atomic_fetch_add(&nr_written, 1);
	judge(w, "write", result, before);
}

static void sync_once(struct writer *w)
{
	struct rec r = { .type = REC_SYNC, .view = w->view, .disk = w->disk, .thread = w->nr };
	unsigned int before = atomic_load(&denials);
	int result;

	r.seq = atomic_fetch_add(&next_seq, 1);
	mark(&r, NULL);
	result = fsync(w->fd) ? errno : 0;
	mark_done(&r, result, 0);
	judge(w, "fsync", result, before);
}

/* In while the gate is open. */
static bool enter(struct writer *w)
{
	if (atomic_load(&gate[w->view]) && w->fd >= 0)
		return true;
	if (w->fd >= 0) {
		close(w->fd);
		w->fd = -1;
		atomic_fetch_sub(&inside[w->view], 1);
	}
	atomic_fetch_add(&inside[w->view], 1);
	if (atomic_load(&gate[w->view])) {
		w->fd = view_open(w->view, w->disk, O_RDWR);
		return true;
	}
	atomic_fetch_sub(&inside[w->view], 1);
	return false;
}

static void *writer(void *arg)
{
	struct writer *w = arg;

	w->rng = mix(seed + w->nr + 1) | 1;
	w->buf = buffer(MAX_SECTORS * REC_SECTOR);
	w->fd = -1;
	while (!atomic_load(&over)) {
		if (!enter(w)) {
			usleep(10000);
			continue;
		}
		write_once(w);
		if (below(&w->rng, 100) < plan->sync && !atomic_load(&calm))
			sync_once(w);
		if (below(&w->rng, 1000) < plan->idle)
			usleep(below(&w->rng, 100000));
	}
	if (w->fd >= 0) {
		close(w->fd);
		atomic_fetch_sub(&inside[w->view], 1);
	}
	free(w->buf);
	return NULL;
}

static void writer_start(int view, int disk, int part)
{
	struct writer *w = &writers[nr_writers];

	w->nr = nr_writers++;
	w->view = view;
	w->disk = disk;
	w->part = part;
	if (pthread_create(&w->thread, NULL, writer, w))
		die("thread: %m");
}

void writers_start(void)
{
	for (int d = 0; d < nr_disks; d++) {
		for (int part = 0; part < (int)plan->parts; part++) {
			writer_start(REC_HEAD, d, plan->parts == 1 ? -1 : part);
			writer_start(REC_LIVE, d, plan->parts == 1 ? -1 : part);
		}
		writer_start(REC_TEST, d, -1);
	}
}

void writers_end(void)
{
	atomic_store(&over, true);
	for (int i = 0; i < nr_writers; i++)
		pthread_join(writers[i].thread, NULL);
}

void gate_open(int view)
{
	atomic_store(&gate[view], true);
}

/* Afterwards no thread has one of its devices open. */
void gate_shut(int view)
{
	atomic_store(&gate[view], false);
	while (atomic_load(&inside[view]))
		usleep(1000);
}

/* Record all readable content of a view. */
void look(int view)
{
	uint8_t *buf = buffer(2048 * REC_SECTOR);

	for (int d = 0; d < nr_disks; d++) {
		struct rec r = { .type = REC_FOUND, .view = view, .disk = d, .thread = CONTROL };
		int fd = view_open(view, d, O_RDONLY);

		for (r.sector = 0; r.sector < disks[d].sectors; r.sector += r.sectors) {
			r.sectors = disks[d].sectors - r.sector;
			if (r.sectors > 2048)
				r.sectors = 2048;
			r.bytes = r.sectors * REC_SECTOR;
			if (pread(fd, buf, r.bytes, r.sector * REC_SECTOR) != (ssize_t)r.bytes)
				die("cannot read view %d of disk %d at %llu: %m", view, d,
				    (unsigned long long)r.sector);
			mark(&r, buf);
		}
		close(fd);
	}
	free(buf);
}
