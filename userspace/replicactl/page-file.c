// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that another program reads at any time: it sees the old content or the new one, as a
 * whole, also after a crash of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replicactl.h"
#include "page-file.h"

/* Return: false, with errno kept. */
static bool failed(const char *path, const char *what)
{
	int err = errno;

	fflush(stdout);
	fprintf(stderr, "replicactl: cannot %s %s: %s\n", what, path, strerror(err));
	return false;
}

static bool put(int fd, const char *text, size_t bytes)
{
	ssize_t n;

	for (; bytes; text += n, bytes -= n) {
		n = write(fd, text, bytes);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return false;
	}
	return true;
}

/*
 * Write the new content under a name of its own and put it in place.  A file that a killed
 * writer has left there is removed; a link there is not followed.
 */
static bool replace(int dir, const char *temp, const char *name, const char *path,
		    const char *text, size_t bytes)
{
	int fd;

	if (unlinkat(dir, temp, 0) && errno != ENOENT)
		return failed(path, "replace");
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return failed(path, "write");
	/* The reader is another user, with any umask here. */
	if (fchmod(fd, 0644) || !put(fd, text, bytes) || fsync(fd)) {
		failed(path, "write");
		close(fd);
		unlinkat(dir, temp, 0);
		return false;
	}
	if (close(fd) || renameat(dir, temp, dir, name)) {
		failed(path, "replace");
		unlinkat(dir, temp, 0);
		return false;
	}
	/* Without this the old content may come back after a crash: no harm. */
	fsync(dir);
	return true;
}

/**
 * page_file_write() - replace the content of a file as a whole
 * @path: the file, made if it is not there.
 * @text: the new content.
 * @bytes: of @text.
 *
 * The temporary name is that of @path between a dot and ".new", so that node_exporter, which
 * reads *.prom, does not see it.
 *
 * Return: true; false after printing the reason, with the old content in place.
 */
bool page_file_write(const char *path, const char *text, size_t bytes)
{
	char *for_dir = strdup(path), *for_name = strdup(path), *temp = NULL;
	const char *name = for_name ? basename(for_name) : NULL;
	bool done = false;
	int dir;

	if (!for_dir || !name || asprintf(&temp, ".%s.new", name) < 0) {
		fprintf(stderr, "replicactl: out of memory\n");
		goto out;
	}
	dir = open(dirname(for_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		failed(path, "find the directory of");
		goto out;
	}
	if (flock(dir, LOCK_EX | LOCK_NB))
		failed(path, "lock the directory of");
	else
		done = replace(dir, temp, name, path, text, bytes);
	close(dir);
out:
	free(temp);
	free(for_name);
	free(for_dir);
	return done;
}
