// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous I/O to ranges that do not overlap, amid all else.  An operation that excludes
 * I/O under way waits for its end: so any operations can follow each other.
 */
#include "model.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>

static aio_context_t aio;

static struct io {
	struct iocb cb;
	struct write w;
	enum what what;
	int view;
	bool busy, suspended;		/* replication was suspended when it began */
	long event, suspensions;
	char *buf;
} ios[BURST];
static int nr_busy;

void async_init(void)
{
	for (int i = 0; i < BURST; i++)
		ios[i].buf = buffer(MAX_SECTORS * SECTOR);
	if (syscall(SYS_io_setup, 128, &aio))
		die("io_setup: %m");
}

static bool writes(const struct io *io)
{
	return io->what != START_READ;
}

static void failed(struct io *io, int64_t res)
{
	const struct write *w = &io->w;
	/* Replication was suspended all the time, or for a part of it. */
	bool refusable = io->view == HEAD && (io->suspended || suspended ||
					      io->suspensions != suspensions);

	if (res < 0 && res != -ENOSPC && !(res == -ENODEV && refusable))
		die("%s of %u sectors at %llu of %s: %s", what_name[io->what], w->sectors,
		    (unsigned long long)w->sector, disks[w->disk].path[io->view], strerror(-res));
	if (res == -ENODEV)
		nr_refused++;
	else
		nr_nospc++;
}

static void ended(struct io *io, int64_t res)
{
	const struct write *w = &io->w;
	bool whole = res == (int64_t)w->sectors * SECTOR;

	io->busy = false;
	nr_busy--;
	note_ended(io->event, whole ? 0 : res < 0 ? -res : EIO);
	if (!writes(io)) {
		if (!whole)
			die("start-read of %s: %lld", disks[w->disk].path[io->view], (long long)res);
		atomic_fetch_add(&nr_read, w->sectors);
		image_compare(&model[io->view], view_name[io->view], w->disk, w->sector,
			      w->sectors, io->buf);
		return;
	}
	if (!whole) {
		failed(io, res);
		learn(io->view, w->disk, w->sector, w->sectors, w->seq, what_name[io->what]);
		return;
	}
	if (io->view == HEAD && io->suspended && io->suspensions == suspensions)
		die("a write while replication is suspended went through");
	image_set(&model[io->view], w->disk, w->sector, w->sectors, w->seq);
	nr_written += w->sectors;
}

/* Take in at least that many completed requests. */
static void reap(int least)
{
	struct timespec none = { 0 };
	struct io_event ev[BURST];
	int got;

	got = syscall(SYS_io_getevents, aio, least, BURST, ev, least ? NULL : &none);
	if (got < least)
		die("io_getevents: %m");
	for (int i = 0; i < got; i++)
		ended(&ios[ev[i].data], ev[i].res);
}

void async_wait(void)
{
	while (nr_busy)
		reap(1);
}

/* I/O to this view ends first. */
void async_wait_view(int view)
{
	for (int i = 0; i < BURST; i++)
		while (ios[i].busy && ios[i].view == view)
			reap(1);
}

/* I/O that overlaps this ends first. */
void async_wait_place(int view, int disk, uint64_t sector, uint32_t sectors)
{
	for (int i = 0; i < BURST; i++) {
		const struct write *w = &ios[i].w;

		while (ios[i].busy && ios[i].view == view && w->disk == disk &&
		       sector < w->sector + w->sectors && w->sector < sector + sectors)
			reap(1);
	}
}

void async_start(enum what what, int view, int disk, uint64_t sector, uint32_t sectors,
		 uint32_t seq)
{
	struct iocb *cb;
	struct io *io;
	int i;

	async_wait_place(view, disk, sector, sectors);
	if (nr_busy == BURST)
		reap(1);
	for (i = 0; ios[i].busy; i++)
		;
	io = &ios[i];
	io->what = what;
	io->view = view;
	io->w = (struct write){ disk, sector, sectors, seq };
	io->suspended = suspended;
	io->suspensions = suspensions;
	io->event = note_begun(what, view, disk, sector, sectors, seq);
	if (writes(io))
		stamp_fill(io->buf, seq, disk, sector, sectors);
	cb = &io->cb;
	memset(cb, 0, sizeof(*cb));
	cb->aio_data = i;
	cb->aio_lio_opcode = writes(io) ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
	cb->aio_fildes = what == START_FUA ? disks[disk].sync[view] : disks[disk].fd[view];
	cb->aio_buf = (uintptr_t)io->buf;
	cb->aio_nbytes = sectors * SECTOR;
	cb->aio_offset = sector * SECTOR;
	if (syscall(SYS_io_submit, aio, 1, &cb) != 1)
		die("io_submit: %m");
	io->busy = true;
	nr_busy++;
}

/* Return: the number of writes to a view in flight. */
int async_writes(int view, struct write *to)
{
	int nr = 0;

	reap(0);
	for (int i = 0; i < BURST; i++)
		if (ios[i].busy && writes(&ios[i]) && ios[i].view == view)
			to[nr++] = ios[i].w;
	return nr;
}
