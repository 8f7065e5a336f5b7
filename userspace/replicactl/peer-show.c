// SPDX-License-Identifier: GPL-2.0-only
/* Replication of a system, for status: its peers, how far they are, and its sender. */
#include <string.h>

#include "peer-show.h"

/**
 * peer_show_read() - read what there is of a replication
 * @ctx: the context; its message is that of the last refusal.
 * @sys: the system, attached or read from its store.
 * @show: filled in.
 *
 * What cannot be read is left out: a module without peers, a file that only root reads.
 */
void peer_show_read(struct dmreplica *ctx, const struct dmreplica_system *sys,
		    struct peer_show *show)
{
	struct dmreplica_peer *list;
	bool known = false;
	size_t nr, i;

	memset(show, 0, sizeof(*show));
	show->sends = peer_state_read(sys->uuid, true, &show->sending);
	show->receives = peer_state_read(sys->uuid, false, &show->receiving);
	if (dmreplica_peer_list(ctx, sys, &list, &nr))
		return;
	for (i = 0; i < nr && i < DMREPLICA_MAX_PEERS; i++) {
		bool mine = show->sends && !strcmp(list[i].name, show->sending.peer);

		known |= mine;
		show->peers[i] = list[i];
		/* The session has found that the peer has lost what is recorded. */
		if (mine && list[i].acked <= show->sending.denied)
			show->peers[i].acked = show->sending.acked;
	}
	show->nr_peers = i;
	dmreplica_list_free(list);
	if (show->sends && !known && show->sending.word != PEER_ENDED)
		snprintf(show->peers[show->nr_peers++].name, sizeof(show->peers[0].name), "%s",
			 show->sending.peer);
}

/* The session with a peer.  Return: NULL without one. */
static const struct peer_state *session_of(const struct peer_show *show,
					   const struct dmreplica_peer *peer)
{
	return show->sends && !strcmp(show->sending.peer, peer->name) ? &show->sending : NULL;
}

/**
 * peer_acked_time() - when the newest point that a peer has was made
 * @show: the replication.
 * @peer: of @show->peers.
 * @points: those of the system.
 * @nr: their number.
 *
 * Return: the time; 0 if it is not known.
 */
uint64_t peer_acked_time(const struct peer_show *show, const struct dmreplica_peer *peer,
			 const struct dmreplica_point *points, size_t nr)
{
	const struct dmreplica_point *point = point_in(points, nr, peer->acked);
	const struct peer_state *s = session_of(show, peer);

	if (point)
		return point->time;
	return s && peer->acked && s->acked == peer->acked ? s->acked_time : 0;
}

/**
 * peer_lag() - bytes that were written and are not at a peer
 * @show: the replication.
 * @peer: of @show->peers.
 * @sys: the system.
 *
 * Known while a session is there, or tries to be.  What was written since the newest point is
 * counted as often as it was, and not from before an attach.
 *
 * Return: bytes, or PEER_UNKNOWN.
 */
uint64_t peer_lag(const struct peer_show *show, const struct dmreplica_peer *peer,
		  const struct dmreplica_system *sys)
{
	const struct peer_state *s = session_of(show, peer);

	if (!s || s->word == PEER_DIED || s->word == PEER_ENDED || s->unsent == PEER_UNKNOWN ||
	    !sys->attached)
		return PEER_UNKNOWN;
	return s->unsent + sys->replicated_bytes;
}

static void print_error(const struct peer_state *s)
{
	if (s->error_time)
		printf("      last error   %s, of %s: %s\n", text_time(s->error_time),
		       text_count(s->errors, "error"), s->error);
}

static void print_session(const struct peer_state *s)
{
	printf("      session      %s since %s", peer_words[s->word], text_time(s->since));
	if (s->word == PEER_DIED)
		printf(": its process is gone");
	else if (s->word < PEER_REFUSED && s->interval)
		printf(", each %s", text_span(s->interval));
	printf("; %s sent, %s\n", text_count(s->points, "point"),
	       text_size(s->bytes + s->zero_bytes));
	print_error(s);
}

static void print_peer(const struct peer_show *show, const struct dmreplica_peer *peer,
		       const struct dmreplica_system *sys, const struct dmreplica_point *points,
		       size_t nr)
{
	uint64_t time = peer_acked_time(show, peer, points, nr), lag = peer_lag(show, peer, sys);
	const struct peer_state *s = session_of(show, peer);

	printf("  Replicated to    %s", peer->name);
	if (s && *s->host && strcmp(s->host, peer->name))
		printf(" (%s)", s->host);
	if (!peer->acked)
		printf(": nothing is there yet\n");
	else if (!time)
		printf(": point %llu is there, which is not here any more\n",
		       (unsigned long long)peer->acked);
	else
		printf(": point %llu of %s is there\n", (unsigned long long)peer->acked,
		       text_time(time));
	if (time) {
		printf("      RPO          %s: a failover there loses what was written since then",
		       text_age(time));
		if (lag != PEER_UNKNOWN)
			printf(", at most %s", text_size(lag));
		printf("\n");
	}
	if (s)
		print_session(s);
}

/* A system that receives: a failover here has the newest point. */
static void print_sender(const struct peer_show *show, const struct dmreplica_system *sys,
			 const struct dmreplica_point *points, size_t nr)
{
	const struct peer_state *s = show->receives ? &show->receiving : NULL;

	if (!(sys->flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVES))
		return;
	printf("  Replicated from  %s", s && *s->host ? s->host : "another host");
	if (!nr) {
		printf(": nothing is here yet\n");
	} else {
		const struct dmreplica_point *newest = &points[nr - 1];

		printf(": point %llu of %s is here, since %s\n",
		       (unsigned long long)newest->number, text_time(newest->time),
		       text_time(newest->arrived));
		printf("      RPO          %s: a failover here loses what was written since then\n",
		       text_age(newest->time));
	}
	if (!s)
		return;
	printf("      session      %s since %s; %s received\n", peer_words[s->word],
	       text_time(s->since), text_count(s->points, "point"));
	print_error(s);
}

void peer_show_print(const struct peer_show *show, const struct dmreplica_system *sys,
		     const struct dmreplica_point *points, size_t nr)
{
	size_t i;

	for (i = 0; i < show->nr_peers; i++)
		print_peer(show, &show->peers[i], sys, points, nr);
	print_sender(show, sys, points, nr);
}

static void add_time(struct json_object *obj, const char *key, uint64_t time)
{
	json_object_object_add(obj, key, time ? json_object_new_uint64(time) : NULL);
}

/* The age of what a failover has.  Times of the future, by another clock, are no age. */
static void add_rpo(struct json_object *obj, uint64_t time)
{
	uint64_t now = now_ns();

	json_object_object_add(obj, "rpo_ns", !time ? NULL :
			       json_object_new_uint64(now > time ? now - time : 0));
}

/* Add "peer_list" and "sender" to a status. */
void peer_show_json(struct json_object *status, const struct peer_show *show,
		    const struct dmreplica_system *sys, const struct dmreplica_point *points,
		    size_t nr)
{
	static const uint8_t no_uuid[sizeof(show->peers[0].uuid)];
	struct json_object *list = json_object_new_array(), *obj;
	uint64_t time, lag;
	size_t i;

	for (i = 0; i < show->nr_peers; i++) {
		const struct dmreplica_peer *peer = &show->peers[i];
		const struct peer_state *s = session_of(show, peer);

		obj = json_object_new_object();
		json_add_string(obj, "name", peer->name);
		if (!memcmp(peer->uuid, no_uuid, sizeof(no_uuid)))
			json_object_object_add(obj, "uuid", NULL);
		else
			json_add_uuid(obj, "uuid", peer->uuid);
		json_add_u64(obj, "acked", peer->acked);
		json_add_u64(obj, "points_held", peer->points_held);
		time = peer_acked_time(show, peer, points, nr);
		add_time(obj, "acked_time", time);
		add_rpo(obj, time);
		lag = peer_lag(show, peer, sys);
		json_object_object_add(obj, "lag_bytes", lag == PEER_UNKNOWN ? NULL :
				       json_object_new_uint64(lag));
		json_object_object_add(obj, "session", s ? json_peer_state(s) : NULL);
		json_object_array_add(list, obj);
	}
	json_object_object_add(status, "peer_list", list);
	obj = NULL;
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVES) {
		obj = json_object_new_object();
		time = nr ? points[nr - 1].time : 0;
		add_time(obj, "newest_time", time);
		add_time(obj, "arrived", nr ? points[nr - 1].arrived : 0);
		add_rpo(obj, time);
		json_object_object_add(obj, "session", show->receives ?
				       json_peer_state(&show->receiving) : NULL);
	}
	json_object_object_add(status, "sender", obj);
}
