/* SPDX-License-Identifier: GPL-2.0-only */
/* Hooks: programs of the administrator that run at events of systems. */
#ifndef HOOKS_H
#define HOOKS_H

#include <sys/types.h>

#include "peer-state.h"

#define HOOK_EVENT_MAX	24	/* bytes of an event's name */

/** struct hook_peer - the session of a replication, as its hooks see it */
struct hook_peer {
	uint64_t word;			/* enum peer_word; PEER_WORDS: there was no session */
	char name[DMREPLICA_PEER_NAME_MAX];
	uint64_t acked;			/* number of the peer's newest point, 0: not known */
	char error[256];		/* of a session that is lost or refused */
};

/** struct hook_event - one event of one system, as its hooks see it */
struct hook_event {
	struct hook_event *next;	/* of the system's queue */
	char event[HOOK_EVENT_MAX];
	struct dmreplica_system sys;	/* as it was last seen */
	uint64_t number;		/* state number up to which all is accounted for */
	uint32_t state;
	uint32_t was;
	uint32_t old_health;
	uint32_t old_reasons;
	struct dmreplica_job job;	/* id 0: of no job */
	bool ended;			/* the end of the job */
	uint64_t lost;			/* changes of the state before it that have no event */
	struct hook_peer peer;		/* as it was last seen */
	uint64_t peer_was;		/* enum peer_word of the last event "peer" */
};

/** struct hook_list - names of the hooks of an event, with their paths */
struct hook_list {
	char **paths;
	size_t nr;
};

/*
 * hook-dir.c: hook_list_make() finds the hooks of an event in all directories, in the order
 * in which they run; false without memory.  hook_name() is the last component.
 */
bool hook_list_make(const char *event, struct hook_list *list);
void hook_list_free(struct hook_list *list);
const char *hook_name(const char *path);

/* hook-seen.c: what of a system has been reported, over restarts.  Also after a fork. */
bool hook_seen_read(const uint8_t uuid[16], struct dmreplica_system *sys, uint64_t *peer_word);
void hook_seen_write(const struct hook_event *event);
void hook_seen_forget(const uint8_t uuid[16]);
/* Be the only dispatcher, until exit.  Return: false if there is another one. */
bool hook_seen_lock(void);
/* Systems that have a record, one at a time: @at counts from 0.  Return: false at the end. */
bool hook_seen_next(size_t at, struct dmreplica_system *sys);

/* hook-peer.c: changes of sessions */
int hook_peer_watch(void);
bool hook_peer_next(uint8_t uuid[16], bool *all);

/* hook-run.c: run one hook in a process group of its own.  Return: its process, or -1. */
pid_t hook_start(const char *path, const struct hook_event *event, const char *devices,
		 bool first);

/* hooks.c: the dispatcher.  Return: the exit status. */
int run_hooks(struct dmreplica *ctx);

void hook_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* HOOKS_H */
