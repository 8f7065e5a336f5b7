// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into replicactl in tests: netlink sockets become connections to the fake
 * kernel that listens on $FAKE_NETLINK. pwrite() fails after $FAKE_WRITES calls; with
 * $FAKE_EMFILE netlink sockets fail; with $FAKE_NO_GROUPS only nlctrl has groups.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK	270
#endif
#define FDS	1024

static char ours[FDS];

#define REAL(name)	((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_ours(int fd)
{
	return fd >= 0 && fd < FDS && ours[fd];
}

int socket(int domain, int type, int protocol)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("FAKE_NETLINK");
	int fd;

	if (domain != AF_NETLINK || protocol != NETLINK_GENERIC || !path)
		return REAL(socket)(domain, type, protocol);
	if (getenv("FAKE_EMFILE")) {
		errno = EMFILE;
		return -1;
	}
	fd = REAL(socket)(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	if (fd < 0 || fd >= FDS || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return -1;
	ours[fd] = 1;
	return fd;
}

int close(int fd)
{
	if (is_ours(fd))
		ours[fd] = 0;
	return REAL(close)(fd);
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return is_ours(fd) ? 0 : REAL(bind)(fd, addr, len);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (!is_ours(fd))
		return REAL(setsockopt)(fd, level, name, value, len);
	if (getenv("FAKE_NO_GROUPS") && level == SOL_NETLINK && name == NETLINK_ADD_MEMBERSHIP &&
	    *(const int *)value != GENL_ID_CTRL) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = 4711 };

	if (!is_ours(fd))
		return REAL(getsockname)(fd, addr, len);
	memcpy(addr, &nl, *len < sizeof(nl) ? *len : sizeof(nl));
	*len = sizeof(nl);
	return 0;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr plain = *msg;

	if (is_ours(fd)) {
		plain.msg_name = NULL;
		plain.msg_namelen = 0;
	}
	return REAL(sendmsg)(fd, &plain, flags);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };
	void *name = msg->msg_name;
	ssize_t n;

	if (!is_ours(fd))
		return REAL(recvmsg)(fd, msg, flags);
	msg->msg_name = NULL;
	msg->msg_namelen = 0;
	n = REAL(recvmsg)(fd, msg, flags);
	msg->msg_name = name;
	msg->msg_namelen = sizeof(nl);
	if (name)
		memcpy(name, &nl, sizeof(nl));
	return n;
}

ssize_t pwrite64(int fd, const void *buf, size_t bytes, off64_t offset)
{
	const char *limit = getenv("FAKE_WRITES");
	static int made;

	if (limit && made++ >= atoi(limit)) {
		errno = EIO;
		return -1;
	}
	return REAL(pwrite64)(fd, buf, bytes, offset);
}
