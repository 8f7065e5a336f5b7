// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of the files in which sessions of replications write how they are, for the dispatcher
 * of hooks.  The end of a process closes its file, which is such a change, too.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hooks.h"

#define SUFFIX	".sending"

struct watch {
	int fd;
	size_t at, bytes;	/* of @buf, that are not looked at yet */
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
};

static struct watch watch = { .fd = -1 };

/* Return: a descriptor to poll, or -1 after a message. */
int hook_peer_watch(void)
{
	const char *run = run_dir();

	watch.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch.fd >= 0 && inotify_add_watch(watch.fd, run, IN_MOVED_TO | IN_CLOSE_WRITE) >= 0)
		return watch.fd;
	hook_log("no event \"peer\" comes: %s cannot be watched: %s", run, strerror(errno));
	if (watch.fd >= 0)
		close(watch.fd);
	watch.fd = -1;
	return -1;
}

static bool more(void)
{
	ssize_t n;

	if (watch.at < watch.bytes)
		return true;
	n = watch.fd >= 0 ? read(watch.fd, watch.buf, sizeof(watch.buf)) : -1;
	watch.at = 0;
	watch.bytes = n > 0 ? n : 0;
	return n > 0;
}

/*
 * Take the next change: of the system with @uuid, or with *@all of any.
 * Return: false if there is none now.
 */
bool hook_peer_next(uint8_t uuid[16], bool *all)
{
	const struct inotify_event *event;
	char name[DMREPLICA_UUID_TEXT];
	size_t len;

	while (more()) {
		event = (const void *)(watch.buf + watch.at);
		watch.at += sizeof(*event) + event->len;
		*all = event->mask & IN_Q_OVERFLOW;
		if (*all)
			return true;
		len = event->len ? strlen(event->name) : 0;
		if (len != DMREPLICA_UUID_TEXT - 1 + strlen(SUFFIX) ||
		    strcmp(event->name + DMREPLICA_UUID_TEXT - 1, SUFFIX))
			continue;
		memcpy(name, event->name, DMREPLICA_UUID_TEXT - 1);
		name[DMREPLICA_UUID_TEXT - 1] = 0;
		if (dmreplica_uuid_parse(name, uuid))
			return true;
	}
	return false;
}
