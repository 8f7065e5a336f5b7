// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of what hooks have been run for: /run/dm-replica/seen/UUID, a file of "key=value"
 * lines for each attached system, replaced by a rename.
 *
 * A dispatcher that begins compares them with what is there: the difference of the state
 * numbers is the number of changes that no hook has seen.  The process of a hook writes the
 * record itself, just before it executes the hook: whenever the dispatcher is killed, an
 * event has either begun, or is counted as lost.
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

#include "hooks.h"

static void seen_path(const char *name, const char *suffix, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/seen%s%s%s", run_dir(), *name ? "/" : "", name, suffix);
}

static void make_dir(void)
{
	char path[PATH_MAX], *slash;

	seen_path("", "", path);
	slash = strrchr(path, '/');
	*slash = 0;
	mkdir(path, 0700);
	*slash = '/';
	mkdir(path, 0700);
}

void hook_seen_write(const struct hook_event *event)
{
	const struct dmreplica_system *sys = &event->sys;
	char path[PATH_MAX], new[PATH_MAX], text[1024];
	int fd, len;

	if (!sys->attached) {
		hook_seen_forget(sys->uuid);
		return;
	}
	len = snprintf(text, sizeof(text),
		       "name=%s\nnumber=%llu\nstate=%u\nflags=%u\nlive=%llu\ntest=%llu\nmade=%llu\n"
		       "dropped=%llu\nhealth=%u\nreasons=%u\npeer=%llu\n",
		       sys->name, (unsigned long long)event->number, event->state, sys->flags,
		       (unsigned long long)sys->live_time, (unsigned long long)sys->test_time,
		       (unsigned long long)sys->points_made,
		       (unsigned long long)sys->points_dropped, sys->health, sys->health_reasons,
		       (unsigned long long)event->peer.word);
	make_dir();
	seen_path(text_uuid(sys->uuid), "", path);
	seen_path(text_uuid(sys->uuid), ".new", new);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* No fsync(): the record is of this boot. */
	if (fd < 0 || write(fd, text, len) != len || rename(new, path))
		hook_log("%s cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void hook_seen_forget(const uint8_t uuid[16])
{
	char path[PATH_MAX];

	seen_path(text_uuid(uuid), "", path);
	unlink(path);
}

static void take_line(struct dmreplica_system *sys, const char *key, const char *value)
{
	uint64_t n = strtoull(value, NULL, 10);

	if (!strcmp(key, "name"))
		snprintf(sys->name, sizeof(sys->name), "%s", value);
	else if (!strcmp(key, "number"))
		sys->state_number = n;
	else if (!strcmp(key, "state"))
		sys->state = n;
	else if (!strcmp(key, "flags"))
		sys->flags = n;
	else if (!strcmp(key, "live"))
		sys->live_time = n;
	else if (!strcmp(key, "test"))
		sys->test_time = n;
	else if (!strcmp(key, "made"))
		sys->points_made = n;
	else if (!strcmp(key, "dropped"))
		sys->points_dropped = n;
	else if (!strcmp(key, "health"))
		sys->health = n;
	else if (!strcmp(key, "reasons"))
		sys->health_reasons = n;
}

bool hook_seen_read(const uint8_t uuid[16], struct dmreplica_system *sys, uint64_t *peer_word)
{
	char path[PATH_MAX], line[256], *value;
	FILE *f;

	memset(sys, 0, sizeof(*sys));
	memcpy(sys->uuid, uuid, 16);
	*peer_word = PEER_WORDS;
	seen_path(text_uuid(uuid), "", path);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(line, "peer"))
			*peer_word = strtoull(value, NULL, 10);
		else
			take_line(sys, line, value);
	}
	fclose(f);
	return *sys->name;
}

bool hook_seen_lock(void)
{
	char path[PATH_MAX];
	int fd;

	make_dir();
	seen_path("lock", "", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		hook_log("%s cannot be opened: %s", path, strerror(errno));
		return true;
	}
	return !flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK;
}

bool hook_seen_next(size_t at, struct dmreplica_system *sys)
{
	struct dirent *entry;
	char path[PATH_MAX];
	uint64_t peer_word;
	uint8_t uuid[16];
	bool found = false;
	DIR *d;

	seen_path("", "", path);
	d = opendir(path);
	while (d && !found && (entry = readdir(d))) {
		if (!dmreplica_uuid_parse(entry->d_name, uuid) || at--)
			continue;
		hook_seen_read(uuid, sys, &peer_word);
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}
