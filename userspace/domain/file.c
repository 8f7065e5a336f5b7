// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are written whole, or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

#define NEW	".dm-replica.new"

/** file_write_all() - write all bytes to a descriptor.  Return: false with errno. */
bool file_write_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;
	ssize_t n;

	while (bytes) {
		n = write(fd, at, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		bytes -= n;
	}
	return true;
}

/**
 * file_replace() - write a file that has its name once it is on disk
 * @dir: its directory, which the caller brings to disk.
 * @fresh: name that the file has until then.
 * @name: its name.
 * @data: its content.
 * @bytes: of it.
 * @owner: user and group that it belongs to, or NULL.
 *
 * Return: false with errno.
 */
bool file_replace(int dir, const char *fresh, const char *name, const void *data, size_t bytes,
		  const struct stat *owner)
{
	bool good;
	int fd;

	unlinkat(dir, fresh, 0);
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	good = file_write_all(fd, data, bytes) &&
	       (!owner || !fchown(fd, owner->st_uid, owner->st_gid)) && !fsync(fd);
	if (close(fd))
		good = false;
	good = good && !renameat(dir, fresh, dir, name);
	if (!good)
		unlinkat(dir, fresh, 0);
	return good;
}

/* Replace a file of @dir; it belongs to the owner of the one before, or of the directory. */
bool file_put(int dir, const char *name, const void *data, size_t bytes)
{
	struct stat st;

	if ((fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode)) &&
	    fstat(dir, &st))
		return false;
	return file_replace(dir, NEW, name, data, bytes, &st) && !fsync(dir);
}
