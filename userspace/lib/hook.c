// SPDX-License-Identifier: GPL-2.0-only
/* Names of hooks: the rule of the dispatcher that runs them, and of the doctor. */
#include <string.h>

#include "private.h"

static const char *const events[] = {
	"attached", "detached", "point", "point-dropped", "failover", "reverted", "committed",
	"test-started", "test-stopped", "suspended", "resumed", "removing", "removed", "health",
	"space", "job", "peer", "changed", "all",
};

/* The event of a hook's name: the longest that fits, as point-dropped-x is none of "point". */
static const char *event_of(const char *name)
{
	const char *found = NULL;
	unsigned int i;
	size_t len;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		len = strlen(events[i]);
		if (!strncmp(name, events[i], len) && name[len] == '-' && name[len + 1] &&
		    (!found || len > strlen(found)))
			found = events[i];
	}
	return found;
}

const char *dmreplica_hook_event(const char *name, const char **why)
{
	const char *letters =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	const char *event = event_of(name);

	*why = NULL;
	/* a description, and what dpkg and ucf leave of files of theirs */
	if (*name == '.' || !strcmp(name, "README"))
		return NULL;
	if (name[strspn(name, letters)]) {
		*why = "its name has other characters than letters, digits and _ . -";
		return NULL;
	}
	if (strstr(name, ".dpkg-") || strstr(name, ".ucf-"))
		return NULL;
	if (!event)
		*why = "its name does not begin with an event and a hyphen";
	return event;
}
