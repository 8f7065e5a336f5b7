// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that belong to a recovery point beside its disks; see lib/point-files.c for their
 * directory.  A change writes files and a new index first, each complete and on disk before it
 * has its name, then the index's digest into the host area: until that one superblock write the
 * old index is in force, after it the new one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "domain.h"

#define NEW		".new"		/* one at a time: the directory is locked */
#define INDEX		"index-"
#define INDEX_BYTES	(4u << 20)
#define NO_DIGEST	"0000000000000000000000000000000000000000000000000000000000000000"

static void digest_text(const uint8_t *hash, char text[DMREPLICA_POINT_FILE_DIGEST])
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

static bool digest_of(const void *data, size_t bytes, char text[DMREPLICA_POINT_FILE_DIGEST])
{
	uint8_t hash[32];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, bytes, hash))
		return false;
	digest_text(hash, text);
	return true;
}

static int no_memory(struct kept *k)
{
	return host_refuse(k->h, DM_REPLICA_CODE_NO_MEMORY, "no memory");
}

static int no_access(struct kept *k, const char *what)
{
	return host_refuse(k->h, DM_REPLICA_CODE_FAILED, "%s in %s: %s", what, k->path,
			   strerror(errno));
}

/**
 * kept_source() - open a file that may be another user's
 * @at: a directory, or AT_FDCWD.
 * @path: of the file.
 * @most: bytes that it may have.
 * @why: set to the reason of a failure.
 *
 * No link is followed, and nothing but a regular file is opened: a FIFO would wait for ever.
 *
 * Return: a descriptor; -1 with errno, ENOENT if there is no such file.
 */
int kept_source(int at, const char *path, size_t most, const char **why)
{
	struct stat st;
	int fd;

	*why = NULL;
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW)) {
		*why = strerror(errno);
		return -1;
	}
	fd = S_ISREG(st.st_mode) ? openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
					  O_CLOEXEC) : -1;
	if (!S_ISREG(st.st_mode) || (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode)))) {
		*why = "it is no regular file";
		errno = EINVAL;
	} else if (fd < 0) {
		*why = strerror(errno);
	} else if (st.st_size > (off_t)most) {
		*why = "it is too large";
		errno = EFBIG;
	}
	if (!*why)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Make room for more bytes.  Return: false with errno. */
static bool make_room(char **data, size_t bytes, size_t *room)
{
	char *more;

	if (bytes < *room)
		return true;
	*room = *room ? 2 * *room : 65536;
	more = realloc(*data, *room + 1);
	if (more)
		*data = more;
	return more;
}

/* Read all of a file, @most bytes of it.  Return: NULL with errno. */
char *kept_read(int fd, size_t most, size_t *bytes)
{
	char *data = NULL;
	size_t room = 0;
	ssize_t got;

	*bytes = 0;
	while (make_room(&data, *bytes, &room)) {
		got = read(fd, data + *bytes, room - *bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		if (!got) {
			data[*bytes] = 0;
			return data;
		}
		*bytes += got;
		if (*bytes > most) {
			errno = EFBIG;
			break;
		}
	}
	free(data);
	return NULL;
}

/* Is it there, perhaps, but cannot be read at present? */
static bool is_unreadable(int error)
{
	return error == EIO || error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* Read the index in force.  Its digest is in the host area. */
static int read_index(struct kept *k)
{
	struct dmreplica_host_entry entry;
	char name[sizeof(INDEX) + DMREPLICA_POINT_FILE_DIGEST], *text, *line, *rest;
	char digest[DMREPLICA_POINT_FILE_DIGEST];
	const char *why;
	size_t bytes;
	int code, fd;

	k->state = KEPT_NONE;
	code = dmreplica_host_area_find(k->h->dmr, k->sys, DMREPLICA_POINT_FILES_KEY, &entry);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		return 0;
	if (code)
		return host_refuse_dmr(k->h, code);
	k->state = KEPT_MISSING;
	if (strspn((char *)entry.value, "0123456789abcdef") != 64 || entry.bytes != 64) {
		k->state = KEPT_DIFFERENT;
		return 0;
	}
	snprintf(name, sizeof(name), INDEX "%s", (char *)entry.value);
	fd = k->dir < 0 ? -1 : kept_source(k->dir, name, INDEX_BYTES, &why);
	/* It is not missing: the next change would remove all that is kept. */
	if (fd < 0 && k->dir >= 0 && is_unreadable(errno))
		return no_access(k, "the index cannot be read");
	if (fd < 0)
		return 0;
	text = kept_read(fd, INDEX_BYTES, &bytes);
	close(fd);
	if (!text)
		return no_access(k, "the index cannot be read");
	if (!digest_of(text, bytes, digest)) {
		free(text);
		return no_memory(k);
	}
	k->state = strcmp(digest, (char *)entry.value) ? KEPT_DIFFERENT : KEPT_GOOD;
	for (rest = text; k->state == KEPT_GOOD && !code && (line = strsep(&rest, "\n"));) {
		struct dmreplica_point_file file;

		if (dmreplica_point_file_parse(line, &file))
			code = kept_line(k, &file);
	}
	free(text);
	return code;
}

/* Add a line to the index, in place of one for the same name. */
int kept_line(struct kept *k, const struct dmreplica_point_file *file)
{
	struct dmreplica_point_file *list;
	size_t i;

	for (i = 0; i < k->nr; i++)
		if (k->list[i].point == file->point && !strcmp(k->list[i].name, file->name)) {
			k->list[i] = *file;
			return 0;
		}
	list = reallocarray(k->list, k->nr + 1, sizeof(*list));
	if (!list)
		return no_memory(k);
	k->list = list;
	list[k->nr++] = *file;
	return 0;
}

/* A line without a file: @value is kept in its place. */
int kept_mark(struct kept *k, const char *name, uint64_t value)
{
	struct dmreplica_point_file file = { .bytes = value };

	snprintf(file.name, sizeof(file.name), "%s", name);
	memcpy(file.digest, NO_DIGEST, sizeof(file.digest));
	return kept_line(k, &file);
}

const struct dmreplica_point_file *kept_find(const struct kept *k, uint64_t point,
					     const char *name)
{
	size_t i;

	for (i = 0; i < k->nr; i++)
		if (k->list[i].point == point && (!name || !strcmp(k->list[i].name, name)))
			return &k->list[i];
	return NULL;
}

void kept_drop(struct kept *k, uint64_t point)
{
	size_t i, n = 0;

	for (i = 0; i < k->nr; i++)
		if (k->list[i].point != point)
			k->list[n++] = k->list[i];
	k->nr = n;
}

static int make_dir(struct kept *k, int at, const char *path, int *fd)
{
	if (mkdirat(at, path, 0700) && errno != EEXIST)
		return no_access(k, "a directory cannot be made");
	*fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? no_access(k, "a directory cannot be opened") : 0;
}

/* Make the directories, and wait for another process that changes the files. */
static int open_to_change(struct kept *k)
{
	char *slash = strrchr(k->path, '/');
	int code, above;

	*slash = 0;
	mkdir(k->path, 0755);
	above = open(k->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	code = make_dir(k, AT_FDCWD, k->path, &k->dir);
	if (!code && fsync(above))
		code = no_access(k, "a directory cannot be made");
	if (above >= 0)
		close(above);
	if (!code)
		code = make_dir(k, k->dir, "files", &k->files);
	if (!code && flock(k->dir, LOCK_EX))
		code = no_access(k, "no lock");
	return code;
}

/**
 * kept_open() - open what is kept for the points of a system
 * @k: filled in; to be closed in any case.
 * @h: the host.
 * @sys: the system, attached.
 * @change: it is to be changed: make what is missing.  It is locked, against changes of others
 *	or against all others.
 *
 * Return: 0, with @k->state; or a refusal.
 */
int kept_open(struct kept *k, struct host *h, const struct dmreplica_system *sys, bool change)
{
	int code = 0;

	*k = (struct kept){ .h = h, .sys = sys, .dir = -1, .files = -1 };
	dmreplica_point_files_dir(h->dmr, sys, k->path, sizeof(k->path));
	if (change)
		code = open_to_change(k);
	else
		k->dir = open(k->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Else the index changes between its digest and its text, and seems to be missing. */
	if (!change && k->dir >= 0 && flock(k->dir, LOCK_SH))
		code = no_access(k, "no lock");
	if (!change && k->dir >= 0)
		k->files = openat(k->dir, "files", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return code ? code : read_index(k);
}

void kept_close(struct kept *k)
{
	if (k->files >= 0)
		close(k->files);
	if (k->dir >= 0)
		close(k->dir);
	free(k->list);
	k->list = NULL;
	k->nr = 0;
	k->dir = k->files = -1;
}

/* Why nothing that was kept can be used; NULL if it can, or if nothing was kept. */
const char *kept_fault(const struct kept *k)
{
	switch (k->state) {
	case KEPT_MISSING:
		return "its index is missing on this host";
	case KEPT_DIFFERENT:
		return "its index does not match the digest in the host area";
	default:
		return NULL;
	}
}

/* Keep @data as file @name of a point; with kept_commit() it is. */
int kept_add(struct kept *k, uint64_t point, const char *name, const void *data, size_t bytes)
{
	struct dmreplica_point_file file = { .point = point, .bytes = bytes };

	snprintf(file.name, sizeof(file.name), "%s", name);
	if (!digest_of(data, bytes, file.digest))
		return no_memory(k);
	if (!file_replace(k->files, NEW, file.digest, data, bytes, NULL))
		return no_access(k, "a file cannot be written");
	return kept_line(k, &file);
}

/* The same with what a descriptor from kept_source() has. */
int kept_add_file(struct kept *k, uint64_t point, const char *name, int fd, size_t most)
{
	size_t bytes;
	char *data = kept_read(fd, most, &bytes);
	int code;

	if (!data)
		return host_refuse(k->h, DM_REPLICA_CODE_FAILED, "%s cannot be read: %s", name,
				   strerror(errno));
	code = kept_add(k, point, name, data, bytes);
	free(data);
	return code;
}

/**
 * kept_load() - read a file
 * @k: open.
 * @file: of the index.
 * @data: set to its content, to be freed; NULL after a failure.
 * @why: set to the reason of a failure.
 *
 * Return: true if it is what was kept; false with errno.
 */
bool kept_load(const struct kept *k, const struct dmreplica_point_file *file, char **data,
	       const char **why)
{
	char digest[DMREPLICA_POINT_FILE_DIGEST];
	size_t bytes;
	int fd;

	*data = NULL;
	fd = k->files < 0 ? -1 : kept_source(k->files, file->digest, file->bytes, why);
	if (fd < 0) {
		if (k->files < 0)
			errno = ENOENT;
		if (errno == ENOENT)
			*why = "it is missing on this host";
		else if (errno == EFBIG)
			*why = "it does not match its digest";
		return false;
	}
	*data = kept_read(fd, file->bytes, &bytes);
	close(fd);
	*why = "it cannot be read";
	if (*data && digest_of(*data, bytes, digest) && bytes == file->bytes &&
	    !strcmp(digest, file->digest))
		return true;
	if (*data) {
		*why = "it does not match its digest";
		errno = EBADMSG;
	}
	free(*data);
	*data = NULL;
	return false;
}

/* Remove all indexes but one. */
static void remove_other_indexes(struct kept *k, const char *name)
{
	int fd = openat(k->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!names && fd >= 0)
		close(fd);
	while (names && (entry = readdir(names)))
		if (!strncmp(entry->d_name, INDEX, strlen(INDEX)) && strcmp(entry->d_name, name))
			unlinkat(k->dir, entry->d_name, 0);
	if (names)
		closedir(names);
}

/* The index as text, of points that are still there. */
static int index_text(struct kept *k, char **text, size_t *bytes)
{
	struct dmreplica_point *points;
	size_t nr, i, j;
	FILE *f;
	int code;

	code = dmreplica_point_list(k->h->dmr, k->sys, &points, &nr);
	if (code)
		return host_refuse_dmr(k->h, code);
	f = open_memstream(text, bytes);
	for (i = 0; f && i < k->nr; i++) {
		const struct dmreplica_point_file *file = &k->list[i];

		for (j = 0; j < nr && points[j].number != file->point; j++)
			;
		if (!file->point || j < nr)
			fprintf(f, "%llu %s %s %llu\n", (unsigned long long)file->point, file->name,
				file->digest, (unsigned long long)file->bytes);
	}
	dmreplica_list_free(points);
	if (!f || fclose(f) || !*text)
		return no_memory(k);
	if (*bytes <= INDEX_BYTES)
		return 0;
	free(*text);
	return host_refuse(k->h, DM_REPLICA_CODE_FAILED, "too many files are kept");
}

/**
 * kept_commit() - let what was added and dropped be in force
 * @k: open to be changed.
 *
 * Return: 0; or a refusal, after which the old index is in force, or, if the module has not
 * answered, the new one.
 */
int kept_commit(struct kept *k)
{
	char name[sizeof(INDEX) + DMREPLICA_POINT_FILE_DIGEST] = INDEX, *text;
	char *digest = name + strlen(INDEX);
	size_t bytes;
	int code;

	code = index_text(k, &text, &bytes);
	if (code)
		return code;
	if (!digest_of(text, bytes, digest))
		code = no_memory(k);
	else if (fsync(k->files) || !file_replace(k->dir, NEW, name, text, bytes, NULL) ||
		 fsync(k->dir))
		code = no_access(k, "the index cannot be written");
	free(text);
	if (code)
		return code;
	code = dmreplica_host_area_set(k->h->dmr, k->sys, DMREPLICA_POINT_FILES_KEY, digest,
				       strlen(digest), NULL);
	if (code)
		return host_refuse_dmr(k->h, code);
	k->state = KEPT_GOOD;
	remove_other_indexes(k, name);
	flock(k->dir, LOCK_UN);
	dmreplica_point_files_sweep(k->h->dmr, k->sys);
	if (flock(k->dir, LOCK_EX))
		return no_access(k, "no lock");
	/* Another process may have had the lock meanwhile. */
	k->nr = 0;
	return read_index(k);
}
