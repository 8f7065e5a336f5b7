// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories of hooks: which program runs at which event.
 *
 * A hook runs with all rights, so what another user could have put there is not run: the
 * directory and the file are root's, and no other user may write them.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hooks.h"

/* The administrator's comes first: it replaces one of the same name. */
#define HOOK_DIRS	"/etc/dm-replica/hooks.d:/usr/lib/dm-replica/hooks.d"

const char *hook_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *file_fault(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	if (!(st.st_mode & S_IXUSR))
		return "it is not executable";
	return owner_fault(&st);
}

/* A link to /dev/null masks a hook of the same name in a later directory. */
static bool is_mask(const char *path)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0)
		return false;
	to[n] = 0;
	return !strcmp(to, "/dev/null");
}

/* Log once why a file is not run. */
static void complain(const char *path, const char *why)
{
	static char *said[64];
	static size_t nr;
	char *text;
	size_t i;

	if (asprintf(&text, "%s is not run: %s", path, why) < 0)
		return;
	for (i = 0; i < nr; i++) {
		if (strcmp(said[i], text))
			continue;
		free(text);
		return;
	}
	hook_log("%s", text);
	if (nr < sizeof(said) / sizeof(said[0]))
		said[nr++] = text;
	else
		free(text);
}

static bool listed(const struct hook_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->nr; i++)
		if (!strcmp(hook_name(list->paths[i]), name))
			return true;
	return false;
}

static bool add(struct hook_list *list, char *path)
{
	char **paths = path ? realloc(list->paths, (list->nr + 1) * sizeof(*paths)) : NULL;

	if (!paths) {
		free(path);
		return false;
	}
	list->paths = paths;
	paths[list->nr++] = path;
	return true;
}

static bool take_dir(const char *dir, const char *event, struct hook_list *list)
{
	const char *of, *why, *fault;
	struct dirent *entry;
	bool memory = true;
	struct stat st;
	char *path;
	DIR *d;

	d = opendir(dir);
	if (!d) {
		if (errno != ENOENT)
			complain(dir, strerror(errno));
		return true;
	}
	why = fstat(dirfd(d), &st) ? strerror(errno) : owner_fault(&st);
	if (why)
		complain(dir, why);
	while (!why && memory && (entry = readdir(d))) {
		if (asprintf(&path, "%s/%s", dir, entry->d_name) < 0) {
			memory = false;
			break;
		}
		of = dmreplica_hook_event(entry->d_name, &fault);
		if (fault)
			complain(path, fault);
		if (of && (!strcmp(of, event) || !strcmp(of, "all")) &&
		    !listed(list, entry->d_name))
			memory = add(list, path);
		else
			free(path);
	}
	closedir(d);
	return memory;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(hook_name(*(char *const *)a), hook_name(*(char *const *)b));
}

/* Take out masks and what may not run: each hides its namesake all the same. */
static void sift(struct hook_list *list)
{
	size_t i, nr = 0;

	for (i = 0; i < list->nr; i++) {
		char *path = list->paths[i];
		const char *why = is_mask(path) ? "" : file_fault(path);

		if (why && *why)
			complain(path, why);
		if (why)
			free(path);
		else
			list->paths[nr++] = path;
	}
	list->nr = nr;
}

bool hook_list_make(const char *event, struct hook_list *list)
{
	const char *dirs = getenv("DM_REPLICA_HOOKDIRS");
	bool memory = true;
	char *copy, *dir, *rest;

	memset(list, 0, sizeof(*list));
	copy = strdup(dirs && *dirs ? dirs : HOOK_DIRS);
	if (!copy)
		return false;
	for (dir = strtok_r(copy, ":", &rest); dir && memory; dir = strtok_r(NULL, ":", &rest))
		memory = take_dir(dir, event, list);
	free(copy);
	sift(list);
	if (list->nr)
		qsort(list->paths, list->nr, sizeof(*list->paths), by_name);
	if (!memory)
		hook_list_free(list);
	return memory;
}

void hook_list_free(struct hook_list *list)
{
	size_t i;

	for (i = 0; i < list->nr; i++)
		free(list->paths[i]);
	free(list->paths);
	memset(list, 0, sizeof(*list));
}
