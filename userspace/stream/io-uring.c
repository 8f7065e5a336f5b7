// SPDX-License-Identifier: GPL-2.0-only
/* Requests by io_uring. */
#include <liburing.h>

#include "io.h"

static void *uring_open(u32 depth)
{
	struct io_uring *ring = calloc(1, sizeof(*ring));
	int err;

	if (!ring)
		return NULL;
	err = io_uring_queue_init(depth, ring, 0);
	if (err) {
		free(ring);
		errno = -err;
		return NULL;
	}
	return ring;
}

static void uring_close(void *means)
{
	io_uring_queue_exit(means);
	free(means);
}

static int uring_start(void *means, struct dmrs_io_req *req)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(means);
	int n;

	if (!sqe)
		return -EBUSY;
	if (req->op == DMRS_IO_READ)
		io_uring_prep_read(sqe, req->fd, req->buf + req->done, req->len - req->done,
				   req->offset + req->done);
	else if (req->op == DMRS_IO_WRITE)
		io_uring_prep_write(sqe, req->fd, req->buf + req->done, req->len - req->done,
				    req->offset + req->done);
	else
		io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, req);
	do
		n = io_uring_submit(means);
	while (n == -EINTR || n == -EAGAIN);
	if (n >= 0)
		return 0;
	/* It stays in the ring, and must not touch the buffer later. */
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	return n;
}

static struct dmrs_io_req *uring_reap(void *means)
{
	struct io_uring_cqe *cqe;
	struct dmrs_io_req *req;
	int err;

	do {
		do
			err = io_uring_wait_cqe(means, &cqe);
		while (err == -EINTR || err == -EAGAIN);
		if (err)
			abort();	/* broken, and the kernel may write to the buffers */
		req = io_uring_cqe_get_data(cqe);
		if (req)
			req->error = cqe->res;
		io_uring_cqe_seen(means, cqe);
	} while (!req);
	return req;
}

const struct dmrs_io_means dmrs_io_uring = {
	DMRS_IO_URING, uring_open, uring_close, uring_start, uring_reap,
};
