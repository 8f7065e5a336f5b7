// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads that may hang.
 *
 * A process that waits for a read of a device cannot be killed.  With a patience set,
 * another process therefore reads into shared memory, and this one waits for it: as long
 * as the patience lasts, and a signal ends it at once.  The other process is left behind
 * where a read hangs, and ends with that read.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

struct request {
	u64 offset;
	u64 bytes;
};

static ssize_t read_at(int fd, void *buf, size_t bytes, u64 offset)
{
	ssize_t n;

	do {
		n = pread(fd, buf, bytes, offset);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/*
 * The other process.  It closes all inherited descriptors: the reader of an inherited pipe
 * would wait for this process to end.  It leaves the terminal: the terminal's signals are for
 * the waiting process.
 */
static void __attribute__((noreturn)) serve(int fd, int sock, void *buf)
{
	struct request req;
	int64_t n;

	setsid();
	close_range(max(fd, sock) + 1, ~0U, 0);
	if (min(fd, sock))
		close_range(0, min(fd, sock) - 1, 0);
	if (max(fd, sock) - min(fd, sock) > 1)
		close_range(min(fd, sock) + 1, max(fd, sock) - 1, 0);
	for (;;) {
		n = recv(sock, &req, sizeof(req), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(req))
			_exit(0);
		n = read_at(fd, buf, req.bytes, req.offset);
		if (send(sock, &n, sizeof(n), MSG_NOSIGNAL) != sizeof(n))
			_exit(0);
	}
}

/**
 * dmrl_reader_open() - begin to read a device
 * @ctx: the context.
 * @rd: the reader, to be set up; dmrl_reader_close() is due in any case.
 * @fd: the open device, which the caller closes after the reader.
 * @patience_ms: limit of each read; 0: none, and this process reads.
 *
 * Return: 0, or a refusal.
 */
int dmrl_reader_open(struct dmreplica *ctx, struct dmrl_reader *rd, int fd,
		     unsigned int patience_ms)
{
	int ends[2];

	*rd = (struct dmrl_reader){ .fd = fd, .sock = -1, .patience_ms = patience_ms };
	rd->buf = mmap(NULL, DMRL_READER_BYTES, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rd->buf == MAP_FAILED) {
		rd->buf = NULL;
		return dmrl_no_memory(ctx);
	}
	if (!rd->patience_ms)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return dmrl_fail_errno(ctx, errno, "cannot start a process that reads");
	rd->child = fork();
	if (!rd->child)
		serve(fd, ends[1], rd->buf);
	close(ends[1]);
	rd->sock = ends[0];
	if (rd->child < 0)
		return dmrl_fail_errno(ctx, errno, "cannot start a process that reads");
	return 0;
}

/**
 * dmrl_reader_read() - read
 * @rd: the reader; the bytes are in @rd->buf afterwards.
 * @bytes: how many, up to DMRL_READER_BYTES.
 * @offset: of the first one.
 *
 * Return: number of bytes read; -ETIMEDOUT if the device does not answer, also to all later
 * reads; or another negative errno.
 */
ssize_t dmrl_reader_read(struct dmrl_reader *rd, size_t bytes, u64 offset)
{
	struct request req = { .offset = offset, .bytes = bytes };
	struct pollfd pfd = { .fd = rd->sock, .events = POLLIN };
	u64 end = dmrl_now_ms() + rd->patience_ms, now;
	int64_t n;
	int r;

	if (rd->sock < 0)
		return read_at(rd->fd, rd->buf, bytes, offset);
	if (rd->hung)
		return -ETIMEDOUT;
	if (send(rd->sock, &req, sizeof(req), MSG_NOSIGNAL) != sizeof(req))
		return -EIO;
	do {
		now = dmrl_now_ms();
		r = poll(&pfd, 1, now < end ? end - now : 0);
	} while (r < 0 && errno == EINTR);
	if (r <= 0) {
		rd->hung = true;
		return -ETIMEDOUT;
	}
	return recv(rd->sock, &n, sizeof(n), 0) == sizeof(n) ? n : -EIO;
}

/**
 * dmrl_reader_close() - end reading
 * @rd: the reader.
 *
 * The device is not open in the other process any more, unless its read hangs.
 */
void dmrl_reader_close(struct dmrl_reader *rd)
{
	if (rd->sock >= 0)
		close(rd->sock);
	while (rd->child > 0 && !rd->hung && waitpid(rd->child, NULL, 0) < 0 && errno == EINTR)
		;
	if (rd->buf)
		munmap(rd->buf, DMRL_READER_BYTES);
	*rd = (struct dmrl_reader){ .sock = -1 };
}
