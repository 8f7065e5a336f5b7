// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE server that stops answering on command.
 *
 * usage: helper-fuse DIRECTORY
 *
 * Mounts there a file system with one directory, "dev", and in it one file of 16 MiB,
 * "file", and prints "ready".  From the first line on standard input on, to which it
 * answers "silent", no request has an answer: a stat() there waits for ever.  At the
 * end of standard input the file system is taken away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NODE	3

static int fuse;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void reply(const struct fuse_in_header *in, int error, const void *data, size_t bytes)
{
	char out[4096];
	struct fuse_out_header *head = (void *)out;

	*head = (struct fuse_out_header){ sizeof(*head) + bytes, -error, in->unique };
	if (bytes)
		memcpy(head + 1, data, bytes);
	if (write(fuse, out, head->len) < 0 && errno != ENOENT)
		die("helper-fuse: answer");
}

static struct fuse_attr attr_of(uint64_t node)
{
	struct fuse_attr attr = { .ino = node, .nlink = 1, .blksize = 4096 };

	attr.mode = node == FILE_NODE ? S_IFREG | 0600 : S_IFDIR | 0700;
	attr.size = node == FILE_NODE ? 16 << 20 : 0;
	return attr;
}

static void answer(const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
	struct fuse_entry_out entry = { 0 };
	struct fuse_open_out file = { .fh = 1 };
	struct fuse_attr_out attr = { 0 };
	const char *name = (const char *)(in + 1);

	switch (in->opcode) {
	case FUSE_INIT:
		reply(in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		entry.nodeid = in->nodeid + 1;
		entry.attr = attr_of(entry.nodeid);
		if (strcmp(name, in->nodeid == 1 ? "dev" : "file"))
			reply(in, ENOENT, NULL, 0);
		else
			reply(in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		attr.attr = attr_of(in->nodeid);
		reply(in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		reply(in, 0, &file, sizeof(file));
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(in, ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static char in[1 << 16], line[64];
	struct pollfd fds[2];
	int silent = 0;
	ssize_t n;

	if (argc != 2)
		return 2;
	fuse = open("/dev/fuse", O_RDWR);
	if (fuse < 0)
		die("helper-fuse: /dev/fuse");
	snprintf(line, sizeof(line), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
	if (mount("helper", argv[1], "fuse", MS_NOSUID | MS_NODEV, line))
		die("helper-fuse: mount");
	puts("ready");
	fflush(stdout);
	fds[0] = (struct pollfd){ .fd = 0, .events = POLLIN };
	for (;;) {
		fds[1] = (struct pollfd){ .fd = silent ? -1 : fuse, .events = POLLIN };
		if (poll(fds, 2, -1) < 0)
			die("helper-fuse: poll");
		if (fds[0].revents) {
			if (read(0, line, sizeof(line)) <= 0)
				break;
			silent = 1;
			puts("silent");
			fflush(stdout);
		} else if (fds[1].revents) {
			n = read(fuse, in, sizeof(in));
			if (n >= (ssize_t)sizeof(struct fuse_in_header))
				answer((void *)in);
			else if (n < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT)
				break;
		}
	}
	umount2(argv[1], MNT_DETACH);
	return 0;
}
