// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a device answer?
 *
 * A process that reads a device that is suspended, or hangs, cannot be killed.  So look
 * for suspended devices in sysfs first; and before reading many devices, start a process
 * for each that may hang in place of this one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define DEPTH		16	/* devices over devices */
#define SUSPENDED_MS	500 	/* LVM suspends devices for a short time */
#define LOOK_MS		50
#define PROBE_BYTES	4096

static void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

static bool read_dev(const char *path, dev_t *dev)
{
	unsigned int maj, min;
	char buf[64];

	if (dmrl_sysfs_read(path, buf, sizeof(buf)) || sscanf(buf, "%u:%u", &maj, &min) != 2)
		return false;
	*dev = makedev(maj, min);
	return true;
}

/* Is a device, or one below it, suspended? @which is set to the suspended one. */
static bool suspended(dev_t dev, unsigned int depth, dev_t *which)
{
	char path[400], buf[64];
	struct dirent *de;
	bool found = false;
	dev_t below;
	DIR *dir;

	if (!dmrl_sysfs_read_dev(dev, "dm/suspended", buf, sizeof(buf)) && strcmp(buf, "0")) {
		*which = dev;
		return true;
	}
	if (depth == DEPTH)
		return false;
	/* the disk is below its partition */
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(dev), minor(dev));
	if (!dmrl_sysfs_read_dev(dev, "partition", buf, sizeof(buf)))
		return read_dev(path, &below) && suspended(below, depth + 1, which);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major(dev), minor(dev));
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves/%.200s/dev", major(dev),
			 minor(dev), de->d_name);
		found = read_dev(path, &below) && suspended(below, depth + 1, which);
	}
	closedir(dir);
	return found;
}

/*
 * Open the device and read its first block, which may hang.  Close all inherited
 * descriptors before: otherwise the reader of a pipe would wait for the end of this
 * process.
 */
static void probe(const char *path, void *buf, int done)
{
	int fd;

	if (done)
		close_range(0, done - 1, 0);
	close_range(done + 1, ~0U, 0);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	/* a read error is an answer, too: the caller will get it again */
	if (fd >= 0 && pread(fd, buf, PROBE_BYTES, 0) < 0)
		close(fd);
	if (write(done, "", 1) < 0)
		_exit(1);
	_exit(0);
}

/* Return: false if the device has not answered in time. */
static bool answers(const char *path, unsigned int ms)
{
	struct pollfd pfd = { .events = POLLIN };
	bool in_time = true;
	void *buf = NULL;
	int ends[2];
	pid_t child;

	if (posix_memalign(&buf, PROBE_BYTES, PROBE_BYTES))
		return true;
	if (pipe2(ends, O_CLOEXEC)) {
		free(buf);
		return true;
	}
	child = fork();
	if (!child) {
		/* let init reap it: waiting for a process that hangs would hang, too */
		if (!fork())
			probe(path, buf, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	pfd.fd = ends[0];
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	/* the pipe also ends if the process cannot be started */
	if (child > 0)
		in_time = poll(&pfd, 1, ms) != 0;
	close(ends[0]);
	free(buf);
	return in_time;
}

/**
 * dmrl_device_answers() - refuse a device that would hang
 * @ctx: the context; @ctx->patience_ms is the limit, 0: do not try the device.
 * @path: the device.
 * @dev: its number.
 *
 * Return: 0, or 32777 with the device named, and @ctx->unanswered set.
 */
int dmrl_device_answers(struct dmreplica *ctx, const char *path, dev_t dev)
{
	unsigned int waited = 0;
	char name[256];
	dev_t which;

	ctx->unanswered = false;
	while (suspended(dev, 0, &which)) {
		if (waited < SUSPENDED_MS) {
			pause_ms(LOOK_MS);
			waited += LOOK_MS;
			continue;
		}
		ctx->unanswered = true;
		dmreplica_device_path(major(which), minor(which), name, sizeof(name));
		if (which == dev)
			dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE, "device %s is suspended",
				  path);
		else
			dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE,
				  "device %s lies on %s, which is suspended", path, name);
		return dmrl_hint(ctx, "find out what suspended it; dmsetup resume %s resumes it",
				 name);
	}
	if (!ctx->patience_ms || answers(path, ctx->patience_ms))
		return 0;
	return dmrl_unanswered(ctx, path);
}

/** dmrl_unanswered() - refuse a device that has not answered in time.  Return: 32777. */
int dmrl_unanswered(struct dmreplica *ctx, const char *path)
{
	ctx->unanswered = true;
	dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE, "device %s does not answer", path);
	return dmrl_hint(ctx, "the device below it hangs, or is slower than %u ms; see the kernel log",
			 ctx->patience_ms);
}
