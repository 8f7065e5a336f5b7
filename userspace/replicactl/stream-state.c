// SPDX-License-Identifier: GPL-2.0-only
/* What a system has for a replication stream: HELLO and STATE. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"

static void host_name(char *out, size_t size)
{
	size_t i;

	if (gethostname(out, size))
		*out = 0;
	out[size - 1] = 0;
	for (i = 0; out[i]; i++)
		if (out[i] <= ' ' || out[i] > '~')
			out[i] = '?';
}

static uint32_t block_size(uint32_t major, uint32_t minor)
{
	unsigned int bytes = 512;
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/logical_block_size", major, minor);
	f = fopen(path, "re");
	if (f && fscanf(f, "%u", &bytes) != 1)
		bytes = 512;
	if (f)
		fclose(f);
	return bytes;
}

static void add_disks(struct dmrs_state *state, const struct dmreplica_disk *disks, size_t nr)
{
	size_t i;

	state->nr_disks = nr;
	for (i = 0; i < nr; i++) {
		struct dmrs_disk *d = &state->disks[i];

		memcpy(d->uuid, disks[i].uuid, 16);
		d->bytes = disks[i].bytes;
		d->block = block_size(disks[i].replica_major, disks[i].replica_minor);
		snprintf(d->name, sizeof(d->name), "%s", disks[i].name);
	}
}

/* @points: the oldest first. */
static void add_points(struct dmrs_state *state, const struct dmreplica_point *points, size_t nr)
{
	size_t i;

	state->nr_points = nr;
	for (i = 0; i < nr; i++) {
		const struct dmreplica_point *from = &points[nr - 1 - i];

		state->points[i] = (struct dmrs_point){
			.generation = from->generation, .kind = from->kind,
			.number = from->number, .time = from->time,
		};
	}
}

static void add_head(struct dmrs_state *state, const struct dmreplica_system *sys)
{
	if (sys->flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVING) {
		state->head = DMRS_PARTIAL;
		memcpy(state->stream, sys->stream, 16);
		memcpy(state->target.generation, sys->stream_generation, 16);
		state->target.number = sys->stream_point;
		state->cursor.disk = sys->stream_disk;
		state->cursor.offset = sys->stream_offset;
		/* The base is the newest point. */
		if (sys->stream_base && state->nr_points) {
			memcpy(state->base.generation,
			       state->generations[state->points[0].generation].uuid, 16);
			state->base.number = state->points[0].number;
		}
	} else if (!(sys->flags & (DM_REPLICA_SYSTEM_FLAGS_RECEIVES |
				   DM_REPLICA_SYSTEM_FLAGS_ABORTED)) && sys->replicated_bytes) {
		state->head = DMRS_WRITTEN;
		state->written_bytes = sys->replicated_bytes;
		state->written_since = sys->last_point_time;
	}
	/*
	 * R18: the head of any other system that receives is at its newest point, or a stream was
	 * given up, and the module knows which ones cover it.
	 */
}

/* A number of points is never used twice, so that a copy of a list is consistent. */
static int read_lists(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmrs_state *state)
{
	struct dmreplica_generation *generations = NULL;
	struct dmreplica_point *points = NULL;
	struct dmreplica_disk *disks = NULL;
	size_t nr, nr_points, i;
	int code;

	code = dmreplica_generation_list(ctx, sys, &generations, &nr);
	if (code)
		return code;
	state->nr_generations = nr < DMRS_GENERATIONS ? nr : DMRS_GENERATIONS;
	for (i = 0; i < state->nr_generations; i++) {
		memcpy(state->generations[i].uuid, generations[i].uuid, 16);
		state->generations[i].first = generations[i].first;
	}
	dmreplica_list_free(generations);
	code = dmreplica_point_list(ctx, sys, &points, &nr_points);
	if (!code)
		code = dmreplica_disk_list(ctx, sys, &disks, &nr);
	if (!code) {
		add_points(state, points, nr_points);
		add_disks(state, disks, nr);
	}
	dmreplica_list_free(points);
	dmreplica_list_free(disks);
	return code;
}

/**
 * stream_state() - read what a system has
 * @ctx: the context.
 * @sys: the system, attached; it is read again.
 * @sender: it sends.
 * @hello: filled in; of a receiver without a relationship, the UUID of that is zero.
 * @state: filled in.
 *
 * Return: 0 or a refusal.
 */
int stream_state(struct dmreplica *ctx, struct dmreplica_system *sys, bool sender,
		 struct dmrs_hello *hello, struct dmrs_state *state)
{
	static const uint8_t none[16];
	char text[DMREPLICA_UUID_TEXT];
	bool receives, fresh;
	int code;

	code = dmreplica_system_attached(ctx, dmreplica_uuid_text(sys->uuid, text), sys);
	if (code)
		return code;
	memset(hello, 0, sizeof(*hello));
	memset(state, 0, sizeof(*state));
	code = read_lists(ctx, sys, state);
	if (code)
		return code;
	receives = sys->flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVES;
	fresh = !sender && !state->nr_points && !memcmp(sys->relationship, none, 16);
	hello->lowest = hello->highest = DMRS_VERSION;
	if (!fresh)
		memcpy(hello->relationship, dmreplica_relationship(sys), 16);
	memcpy(hello->system, sys->uuid, 16);
	hello->clock = now_ns();
	host_name(hello->host, sizeof(hello->host));
	state->role = sys->flags & DM_REPLICA_SYSTEM_FLAGS_PRIMARY ||
		      (!receives && (sender || state->nr_points)) ? DMRS_PRIMARY : DMRS_REPLICA;
	state->free_bytes = (sys->slots - sys->slots_used) * sys->chunk_bytes;
	add_head(state, sys);
	return 0;
}

/* Is it one of the system's points? */
bool stream_point_of(const struct dmrs_state *state, const struct dmrs_identity *id)
{
	uint32_t i;

	for (i = 0; i < state->nr_points; i++)
		if (state->points[i].number == id->number)
			return !memcmp(state->generations[state->points[i].generation].uuid,
				       id->generation, 16);
	return false;
}
