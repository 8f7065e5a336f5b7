// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that belong to a recovery point beside its disks, as a guest's definition and NVRAM.
 *
 * A store has a directory of its own, STATE_DIR/STORE.points.  files/DIGEST is a file's content,
 * once, however many points have it.  index-DIGEST lists which point has which.  The host area
 * has the digest of the index in force: one superblock write replaces it, and with it all that
 * is kept.  replicactl-domain writes them; here is what removes them, with their points.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

#define INDEX_BYTES	(4u << 20)	/* longest index */

void dmreplica_point_files_dir(const struct dmreplica *ctx, const struct dmreplica_system *sys,
			       char *path, size_t size)
{
	char text[DMREPLICA_UUID_TEXT];

	snprintf(path, size, "%s/%s.points", ctx->state_dir,
		 dmreplica_uuid_text(sys->store_uuid, text));
}

void dmreplica_seed_path(const struct dmreplica *ctx, const struct dmreplica_system *sys,
			 char *path, size_t size)
{
	char text[DMREPLICA_UUID_TEXT];

	snprintf(path, size, "%s/%s.seed", ctx->state_dir, dmreplica_uuid_text(sys->uuid, text));
}

static bool is_digest(const char *text)
{
	return strspn(text, "0123456789abcdef") == DMREPLICA_POINT_FILE_DIGEST - 1 &&
	       !text[DMREPLICA_POINT_FILE_DIGEST - 1];
}

/* Letters, digits and -._ without a dot in front: no way out of a directory. */
static bool is_plain(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

	return n && !name[n] && *name != '.';
}

bool dmreplica_point_file_parse(const char *line, struct dmreplica_point_file *file)
{
	unsigned long long point, bytes;
	int end = 0;

	memset(file, 0, sizeof(*file));
	if (sscanf(line, "%llu %63s %64s %llu%n", &point, file->name, file->digest, &bytes,
		   &end) != 4 || line[end])
		return false;
	file->point = point;
	file->bytes = bytes;
	return is_plain(file->name) && is_digest(file->digest);
}

/* Read a small file of a directory.  Return: its text, to be freed; NULL if it has none. */
static char *read_index(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	size_t n = 0;
	ssize_t got;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= INDEX_BYTES)
		text = malloc(st.st_size + 1);
	while (text && n < (size_t)st.st_size) {
		got = read(fd, text + n, st.st_size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += got;
	}
	if (text)
		text[n] = 0;
	if (fd >= 0)
		close(fd);
	return text;
}

/* What points need: digests of files. */
struct needed {
	const struct dmreplica_point *points;
	size_t nr_points;
	bool committed;
	struct dmrl_list digests;
};

static bool is_needed_by_a_point(const struct needed *needed, u64 point)
{
	size_t i;

	/* What a revert puts back, and after it, if libvirt had no answer, a later call. */
	if (!point)
		return !needed->committed;
	for (i = 0; i < needed->nr_points; i++)
		if (needed->points[i].number == point)
			return true;
	return false;
}

/* Return: false without memory. */
static bool add_index(struct needed *needed, char *text)
{
	struct dmreplica_point_file file;
	char *line, *rest = text, *to;

	while ((line = strsep(&rest, "\n"))) {
		if (!dmreplica_point_file_parse(line, &file) ||
		    !is_needed_by_a_point(needed, file.point))
			continue;
		to = dmrl_list_add(&needed->digests);
		if (!to)
			return false;
		memcpy(to, file.digest, sizeof(file.digest));
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Call @fn for each name in a directory. */
static bool each_name(int dir, bool (*fn)(void *arg, int dir, const char *name), void *arg)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool good = names;

	if (!names && fd >= 0)
		close(fd);
	while (good && (entry = readdir(names)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			good = fn(arg, dir, entry->d_name);
	if (names)
		closedir(names);
	return good;
}

static bool look_at_index(void *arg, int dir, const char *name)
{
	char *text;
	bool good;

	if (strncmp(name, "index-", 6))
		return true;
	text = read_index(dir, name);
	good = text && add_index(arg, text);
	free(text);
	return good;
}

static bool remove_needless(void *arg, int dir, const char *name)
{
	const struct needed *needed = arg;

	if (!needed || !is_digest(name) ||
	    !bsearch(name, needed->digests.items, needed->digests.nr, DMREPLICA_POINT_FILE_DIGEST,
		     compare))
		unlinkat(dir, name, 0);
	return true;
}

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Another process that writes there removes them itself. */
static bool lock(int dir)
{
	return !flock(dir, LOCK_EX | LOCK_NB);
}

static void sweep(int dir, struct needed *needed)
{
	int files = open_dir(dir, "files");

	if (files < 0)
		return;
	/* With an index that cannot be read it is not known what is needless. */
	if (lock(dir) && each_name(dir, look_at_index, needed)) {
		if (needed->digests.nr)
			qsort(needed->digests.items, needed->digests.nr,
			      DMREPLICA_POINT_FILE_DIGEST, compare);
		each_name(files, remove_needless, needed);
	}
	close(files);
}

void dmreplica_point_files_sweep(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct needed needed = { .digests.size = DMREPLICA_POINT_FILE_DIGEST };
	struct dmreplica_point *points = NULL;
	char path[PATH_MAX], text[DMREPLICA_UUID_TEXT];
	struct dmreplica_system now;
	int dir;

	dmreplica_point_files_dir(ctx, sys, path, sizeof(path));
	dir = open_dir(AT_FDCWD, path);
	if (dir < 0)
		return;
	if (!dmreplica_system_attached(ctx, dmreplica_uuid_text(sys->uuid, text), &now) &&
	    !dmreplica_point_list(ctx, &now, &points, &needed.nr_points)) {
		needed.points = points;
		needed.committed = now.state == DM_REPLICA_STATE_COMMITTED;
		sweep(dir, &needed);
	}
	dmrl_clear(ctx);
	free(needed.digests.items);
	dmreplica_list_free(points);
	close(dir);
}

/**
 * dmrl_point_files_forget() - remove all files of a store's points
 * @ctx: the context; a failure leaves them.
 * @sys: the system, which is removed.
 */
void dmrl_point_files_forget(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	char path[PATH_MAX];
	int dir, files;

	dmreplica_point_files_dir(ctx, sys, path, sizeof(path));
	dir = open_dir(AT_FDCWD, path);
	if (dir < 0)
		return;
	if (lock(dir)) {
		files = open_dir(dir, "files");
		if (files >= 0) {
			each_name(files, remove_needless, NULL);
			close(files);
		}
		unlinkat(dir, "files", AT_REMOVEDIR);
		each_name(dir, remove_needless, NULL);
		rmdir(path);
	}
	close(dir);
}
