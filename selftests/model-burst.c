// SPDX-License-Identifier: GPL-2.0
/* Bursts: asynchronous I/O to ranges that do not overlap, also around operations. */
#include "helper-model.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>

static aio_context_t aio;

static struct {
	struct iocb cb[BURST], *list[BURST];
	struct {
		struct write w;
		int view;
		bool write;
	} io[BURST];
	int nr;
	char *buf[BURST];
	bool suspended;			/* when it began */
} burst;

void burst_init(void)
{
	for (int i = 0; i < BURST; i++)
		burst.buf[i] = buffer(MAX_SECTORS * SECTOR);
	if (syscall(SYS_io_setup, 128, &aio))
		die("io_setup: %m");
}

static bool overlaps(int view, int disk, uint64_t s, uint32_t n)
{
	for (int i = 0; i < burst.nr; i++) {
		const struct write *w = &burst.io[i].w;

		if (burst.io[i].view == view && w->disk == disk && s < w->sector + w->sectors &&
		    w->sector < s + n)
			return true;
	}
	return false;
}

static void add(struct rng *r, int view, int d, uint64_t s, uint32_t n)
{
	int i = burst.nr++;
	struct iocb *cb = &burst.cb[i];
	bool write = below(r, 6);

	burst.list[i] = cb;
	burst.io[i].view = view;
	burst.io[i].write = write;
	burst.io[i].w = (struct write){ d, s, n, write ? ++last_seq : 0 };
	if (write)
		stamp_fill(burst.buf[i], last_seq, d, s, n);
	memset(cb, 0, sizeof(*cb));
	cb->aio_data = i;
	cb->aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
	cb->aio_fildes = write && !below(r, 12) ? disks[d].sync[view] : disks[d].fd[view];
	cb->aio_buf = (uintptr_t)burst.buf[i];
	cb->aio_nbytes = n * SECTOR;
	cb->aio_offset = s * SECTOR;
}

/* Many small ones beside each other, and some large ones. */
void burst_submit(struct rng *r, unsigned int views)
{
	int d = below(r, nr_disks), want = 2 + below(r, BURST - 2), tries = 200, i;
	uint64_t hot, s;
	uint32_t n;

	burst.nr = 0;
	burst.suspended = suspended;
	place(r, d, &hot);
	hot &= ~7ULL;
	while (burst.nr < want && tries--) {
		int view = pick_view(r, views);

		if (below(r, 4)) {
			n = 1 + below(r, below(r, 3) ? 7 : 40);
			s = hot + below(r, 64);
		} else {
			n = place(r, d, &s);
		}
		if (s >= disks[d].sectors)
			continue;
		if (s + n > disks[d].sectors)
			n = disks[d].sectors - s;
		if (!overlaps(view, d, s, n))
			add(r, view, d, s, n);
	}
	for (i = 0; i < burst.nr; ) {
		int done = syscall(SYS_io_submit, aio, burst.nr - i, burst.list + i);

		if (done <= 0)
			die("io_submit: %m");
		i += done;
	}
}

/* The writes to a view that are on their way.  Return: how many. */
int burst_writes(int view, struct write *to)
{
	int nr = 0;

	for (int i = 0; i < burst.nr; i++)
		if (burst.io[i].write && burst.io[i].view == view)
			to[nr++] = burst.io[i].w;
	return nr;
}

static void ended(int i, int64_t res)
{
	const struct write *w = &burst.io[i].w;
	int view = burst.io[i].view;
	bool whole = res == (int64_t)w->sectors * SECTOR;
	/* Replication may have been suspended all the time, or for a part of it. */
	bool refusable = view == HEAD && (burst.suspended || suspended);

	if (!burst.io[i].write) {
		if (!whole)
			die("burst read of %s: %lld", disks[w->disk].path[view], (long long)res);
		image_compare(&model[view], view_name[view], w->disk, w->sector, w->sectors,
			      burst.buf[i]);
		return;
	}
	note_io(BURST_WRITE, view, w->disk, w->sector, w->sectors, w->seq,
		whole ? 0 : res < 0 ? -res : EIO);
	if (whole) {
		if (view == HEAD && burst.suspended && suspended)
			die("a write while replication is suspended went through");
		image_set(&model[view], w->disk, w->sector, w->sectors, w->seq);
		nr_written += w->sectors;
		burst.io[i].write = false;
	} else if (res < 0 && res != -ENOSPC && !(res == -ENODEV && refusable)) {
		die("burst write of %u sectors at %llu of %s: %s", w->sectors,
		    (unsigned long long)w->sector, disks[w->disk].path[view], strerror(-res));
	} else if (res == -ENODEV) {
		nr_refused++;
	} else {
		nr_nospc++;
	}
}

void burst_wait(struct rng *r)
{
	struct io_event ev[BURST];
	int left = burst.nr, i, got;

	while (left) {
		got = syscall(SYS_io_getevents, aio, 1, left, ev, NULL);
		if (got <= 0)
			die("io_getevents: %m");
		left -= got;
		for (i = 0; i < got; i++)
			ended(ev[i].data, ev[i].res);
	}
	for (i = 0; i < burst.nr; i++) {
		const struct write *w = &burst.io[i].w;

		if (burst.io[i].write)
			learn(burst.io[i].view, w->disk, w->sector, w->sectors, w->seq,
			      "burst write that failed");
		else if (below(r, 4) == 0)
			check_range(burst.io[i].view, w->disk, w->sector, w->sectors);
	}
	burst.nr = 0;
}
