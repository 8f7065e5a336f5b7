// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks between processes.
 *
 * Locks are files in a directory that only root can enter: flock() needs only a
 * descriptor, so with a file that others can open an unprivileged user could block root
 * for ever.  A lock ends with its process (R12); its file stays until the next boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define LOCK_WAIT_MS	10000
#define LOCK_PAUSE_MS	50

/* Open the directory of locks.  Return: a descriptor, or a negative errno. */
static int open_dir(const char *path)
{
	struct stat st;
	int fd;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_uid == geteuid() &&
	    (!(st.st_mode & 077) || !fchmod(fd, 0700)))
		return fd;
	close(fd);
	return -EPERM;
}

/* Try to take a lock.  Return: a locked descriptor, -EWOULDBLOCK, or another negative errno. */
static int try_lock(int dir, const char *file)
{
	struct stat mine, now;
	int fd, err;

	fd = openat(dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		err = -errno;
	/* The file may have been replaced since it was opened. */
	else if (fstat(fd, &mine) || fstatat(dir, file, &now, AT_SYMLINK_NOFOLLOW) ||
		 mine.st_ino != now.st_ino || mine.st_dev != now.st_dev)
		err = -EWOULDBLOCK;
	else
		return fd;
	close(fd);
	return err;
}

/**
 * dmrl_lock() - take a lock, for ten seconds at most
 * @ctx: the context.
 * @file: name of the lock's file, without a slash.
 * @busy: message if another process keeps the lock.
 * @fd: set to a descriptor for dmrl_unlock(), or to -1.
 *
 * Return: 0; 32774; or a refusal if the file cannot be made.
 */
int dmrl_lock(struct dmreplica *ctx, const char *file, const char *busy, int *fd)
{
	struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	unsigned int waited;
	int dir, r;

	*fd = -1;
	dir = open_dir(ctx->run_dir);
	if (dir < 0)
		return dmrl_fail_errno(ctx, -dir, "cannot use %s, the directory of locks", ctx->run_dir);
	for (waited = 0; ; waited += LOCK_PAUSE_MS) {
		r = try_lock(dir, file);
		if (r != -EWOULDBLOCK || waited >= LOCK_WAIT_MS)
			break;
		nanosleep(&pause, NULL);
	}
	close(dir);
	if (r >= 0) {
		*fd = r;
		return 0;
	}
	if (r != -EWOULDBLOCK)
		return dmrl_fail_errno(ctx, -r, "cannot lock %s/%s", ctx->run_dir, file);
	dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE, "%s", busy);
	return dmrl_hint(ctx, "try again after its end");
}

/** dmrl_lock_system() - take the lock for attach, detach and all work on devices by name */
int dmrl_lock_system(struct dmreplica *ctx, const u8 *uuid, const char *name, int *fd)
{
	char file[DMREPLICA_UUID_TEXT + 8], text[DMREPLICA_UUID_TEXT], busy[256];

	snprintf(file, sizeof(file), "%s.lock", dmreplica_uuid_text(uuid, text));
	snprintf(busy, sizeof(busy), "system %.64s is being attached or detached by another process",
		 name);
	return dmrl_lock(ctx, file, busy, fd);
}

int dmreplica_stream_lock(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const char *what, int *fd)
{
	char file[DMREPLICA_UUID_TEXT + 16], text[DMREPLICA_UUID_TEXT], busy[256];

	dmrl_clear(ctx);
	*fd = -1;
	if (geteuid()) {
		dmrl_fail(ctx, DM_REPLICA_CODE_ACCESS_DENIED, "disks are read and written by root only");
		return dmrl_hint(ctx, "only root (CAP_SYS_ADMIN) may do this; try again with sudo");
	}
	snprintf(file, sizeof(file), "%s.%.8s", dmreplica_uuid_text(sys->uuid, text), what);
	snprintf(busy, sizeof(busy), "another process runs replicactl %.8s of system %.64s", what,
		 sys->name);
	return dmrl_lock(ctx, file, busy, fd);
}

/** dmrl_unlock() - release a lock; does nothing with a negative @fd */
void dmrl_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}
