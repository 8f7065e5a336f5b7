/* SPDX-License-Identifier: GPL-2.0-only */
/* A device of the nbd driver that a helper serves: its set-up, and the wait for its size. */
#ifndef NBD_DEVICE_H
#define NBD_DEVICE_H

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* @sock: the driver's end of a socket pair.  Return: 0, or -1 with errno set. */
static inline int nbd_set_up(int nbd, int sock, uint64_t sectors, uint64_t flags)
{
	return ioctl(nbd, NBD_SET_BLKSIZE, 512UL) || ioctl(nbd, NBD_SET_SIZE_BLOCKS, sectors) ||
	       ioctl(nbd, NBD_SET_FLAGS, flags) || ioctl(nbd, NBD_SET_SOCK, sock) ? -1 : 0;
}

/* The device has its size when NBD_DO_IT has begun.  Return: 0, or -1 after ten seconds. */
static inline int nbd_await(const char *path, uint64_t bytes)
{
	uint64_t now;
	int i, fd;

	for (i = 0; i < 1000; i++) {
		now = 0;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			ioctl(fd, BLKGETSIZE64, &now);
			close(fd);
		}
		if (now == bytes)
			return 0;
		usleep(10000);
	}
	return -1;
}

#endif /* NBD_DEVICE_H */
