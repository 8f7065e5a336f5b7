/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads, writes and flushes of the worker, many at a time: by io_uring, or by threads where
 * that is forbidden.
 */
#ifndef DMRS_IO_H
#define DMRS_IO_H

#include <store/portable.h>

#define DMRS_IO_DEPTH	64	/* requests in flight, by default */

/** enum dmrs_io_kind - by which means */
enum dmrs_io_kind {
	DMRS_IO_ANY,		/* io_uring if it is allowed */
	DMRS_IO_URING,
	DMRS_IO_THREADS,
};

/** enum dmrs_io_op - what a request does */
enum dmrs_io_op {
	DMRS_IO_READ,
	DMRS_IO_WRITE,
	DMRS_IO_FLUSH,		/* of what was complete before it was submitted */
};

/** struct dmrs_io_req - one request; the caller's until it is submitted, and after the drain */
struct dmrs_io_req {
	enum dmrs_io_op op;
	int fd;
	u8 *buf;
	u32 len;		/* bytes: all of them, or an error */
	u64 offset;
	int error;		/* 0 or a negative errno, after the drain */
	u32 done;		/* private, as the next */
	struct dmrs_io_req *next;
};

struct dmrs_io;

/** struct dmrs_io_means - one implementation, private to io.c and its kind */
struct dmrs_io_means {
	enum dmrs_io_kind kind;
	void *(*open)(u32 depth);	/* NULL and errno */
	void (*close)(void *means);
	int (*start)(void *means, struct dmrs_io_req *req);	/* there is room for it */
	struct dmrs_io_req *(*reap)(void *means);	/* waits for one; @error and @done are set */
};

extern const struct dmrs_io_means dmrs_io_uring, dmrs_io_threads;

/**
 * dmrs_io_open() - begin
 * @kind: by which means.
 * @depth: requests in flight, at most.
 *
 * Return: NULL with errno.
 */
struct dmrs_io *dmrs_io_open(enum dmrs_io_kind kind, u32 depth);

/** dmrs_io_close() - drain and end */
void dmrs_io_close(struct dmrs_io *io);

/** dmrs_io_kind() - the means in use */
enum dmrs_io_kind dmrs_io_kind(const struct dmrs_io *io);

/**
 * dmrs_io_submit() - start a request
 * @io: one thread's.
 * @req: all but the last three members filled in; stays where it is until the drain.
 *
 * Waits for another request if @depth of them are in flight.
 */
void dmrs_io_submit(struct dmrs_io *io, struct dmrs_io_req *req);

/**
 * dmrs_io_drain() - wait for all requests
 * @io: the same thread's.
 *
 * Return: 0, or the first error since the last drain.
 */
int dmrs_io_drain(struct dmrs_io *io);

#endif /* DMRS_IO_H */
