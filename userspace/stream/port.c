// SPDX-License-Identifier: GPL-2.0-only
/* Notes between the worker and its keeper. */
#include <sys/socket.h>
#include <unistd.h>

#include "port.h"

#define HEAD	offsetof(struct dmrs_note, nr_fds)

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(DMR_MAX_DISKS * sizeof(int))];
};

bool dmrs_port_send(int fd, const struct dmrs_note *note, bool wait)
{
	size_t bytes = note->nr_fds * sizeof(int);
	struct iovec parts[2] = {
		{ .iov_base = (void *)note, .iov_len = HEAD },
		{ .iov_base = (void *)note->data, .iov_len = note->len },
	};
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };
	union control control;
	ssize_t n;

	if (note->nr_fds > DMR_MAX_DISKS || note->len > sizeof(note->data)) {
		errno = EINVAL;
		return false;
	}
	if (note->nr_fds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), note->fds, bytes);
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

static void take_fds(struct msghdr *msg, struct dmrs_note *note)
{
	struct cmsghdr *c;

	note->nr_fds = 0;
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		note->nr_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(note->fds, CMSG_DATA(c), note->nr_fds * sizeof(int));
	}
}

bool dmrs_port_receive(int fd, struct dmrs_note *note)
{
	struct iovec parts[2] = {
		{ .iov_base = note, .iov_len = HEAD },
		{ .iov_base = note->data, .iov_len = sizeof(note->data) },
	};
	union control control;
	struct msghdr msg = {
		.msg_iov = parts, .msg_iovlen = 2,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	u32 i;

	if (n <= 0) {
		if (!n)
			errno = 0;
		return false;
	}
	take_fds(&msg, note);
	if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && n >= (ssize_t)HEAD &&
	    note->len == n - HEAD && note->first <= note->len)
		return true;
	for (i = 0; i < note->nr_fds; i++)
		close(note->fds[i]);
	errno = EBADMSG;
	return false;
}
