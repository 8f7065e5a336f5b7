// SPDX-License-Identifier: GPL-2.0-only
/* Requests in flight, whole transfers and errors; the means is another file's. */
#include "io.h"

struct dmrs_io {
	const struct dmrs_io_means *means;
	void *private;
	u32 depth, flying;
	int error;		/* first since the last drain */
};

struct dmrs_io *dmrs_io_open(enum dmrs_io_kind kind, u32 depth)
{
	struct dmrs_io *io = calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	io->depth = depth ?: DMRS_IO_DEPTH;
	if (kind != DMRS_IO_THREADS) {
		io->means = &dmrs_io_uring;
		io->private = io->means->open(io->depth);
	}
	/* Forbidden by a filter or a sysctl, not in the kernel, no locked memory. */
	if (!io->private && kind != DMRS_IO_URING) {
		io->means = &dmrs_io_threads;
		io->private = io->means->open(io->depth);
	}
	if (!io->private) {
		free(io);
		return NULL;
	}
	return io;
}

enum dmrs_io_kind dmrs_io_kind(const struct dmrs_io *io)
{
	return io->means->kind;
}

static void failed(struct dmrs_io *io, struct dmrs_io_req *req, int error)
{
	req->error = error;
	if (!io->error)
		io->error = error;
}

/* Return: false if the request is not in flight. */
static bool start(struct dmrs_io *io, struct dmrs_io_req *req)
{
	int err = io->means->start(io->private, req);

	if (err)
		failed(io, req, err);
	else
		io->flying++;
	return !err;
}

/* One request has come back; what it has not done yet is started again. */
static void reap(struct dmrs_io *io)
{
	struct dmrs_io_req *req = io->means->reap(io->private);
	int n = req->error;

	io->flying--;
	req->error = 0;
	if (n == -EINTR || n == -EAGAIN)
		n = 0;
	else if (n < 0)
		failed(io, req, n);
	else if (req->op == DMRS_IO_FLUSH)
		return;
	else if (!n)
		failed(io, req, -ENODATA);	/* behind the end */
	if (req->error)
		return;
	req->done += n;
	if (req->op == DMRS_IO_FLUSH || req->done < req->len)
		start(io, req);
}

void dmrs_io_submit(struct dmrs_io *io, struct dmrs_io_req *req)
{
	while (io->flying >= io->depth)
		reap(io);
	req->done = 0;
	req->error = 0;
	if (req->op == DMRS_IO_FLUSH || req->len)
		start(io, req);
}

int dmrs_io_drain(struct dmrs_io *io)
{
	int err;

	while (io->flying)
		reap(io);
	err = io->error;
	io->error = 0;
	return err;
}

void dmrs_io_close(struct dmrs_io *io)
{
	if (!io)
		return;
	dmrs_io_drain(io);
	io->means->close(io->private);
	free(io);
}
