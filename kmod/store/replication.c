// SPDX-License-Identifier: GPL-2.0-only
/* The replication page of a superblock: possible values, and its bytes on disk. */
#include "replication.h"
#include "superblock.h"
#include "../../uapi/dm-replica.h"

static_assert(sizeof(struct dmr_disk_replication) == 4096);
static_assert(sizeof(struct dmr_disk_peer) == 96);
static_assert(sizeof(struct dmr_disk_stream) == 160);
static_assert(offsetof(struct dmr_disk_replication, stream) == 32);
static_assert(offsetof(struct dmr_disk_replication, generations) == 192);
static_assert(offsetof(struct dmr_disk_replication, peers) == 960);
static_assert(offsetof(struct dmr_disk_replication, branches) == 1728);
static_assert(offsetof(struct dmr_disk_replication, reserved1) == 2112);
static_assert(DMR_PEERS <= 8 * sizeof_field(struct dmr_disk_point, holds));
static_assert(DMR_GENERATIONS <= 1 << (8 * sizeof_field(struct dmr_disk_point, generation)));

static bool dmr_uuid_is_set(const u8 *uuid)
{
	return !dmr_is_zero(uuid, 16);
}

u32 dmr_replication_peers(const struct dmr_replication *repl)
{
	u32 mask = 0, i;

	for (i = 0; i < DMR_PEERS; i++)
		if (dmr_uuid_is_set(repl->peers[i].uuid))
			mask |= 1U << i;
	return mask;
}

u32 dmr_replication_bytes(const struct dmr_replication *repl)
{
	bool used = dmr_uuid_is_set(repl->relationship) || repl->role || repl->nr_generations ||
		    dmr_uuid_is_set(repl->stream.uuid) || dmr_replication_peers(repl);

	return used ? sizeof(struct dmr_disk_replication) : 0;
}

bool dmr_replication_has(const struct dmr_replication *repl, u32 generation)
{
	return !generation || generation < repl->nr_generations;
}

u32 dmr_replication_peer(const struct dmr_replication *repl, const char *name)
{
	u32 i;

	for (i = 0; i < DMR_PEERS; i++)
		if (dmr_uuid_is_set(repl->peers[i].uuid) && !strcmp(repl->peers[i].name, name))
			break;
	return i;
}

/* Is every field possible? */

static const char *dmr_check_generations(const struct dmr_replication *repl,
					 const struct dmr_sb *sb)
{
	u32 i, j;

	if (repl->nr_generations > DMR_GENERATIONS)
		return "the number of generations is impossible";
	for (i = 0; i < repl->nr_generations; i++) {
		const struct dmr_generation *g = &repl->generations[i];

		if (!dmr_uuid_is_set(g->uuid))
			return "a generation has no UUID";
		for (j = 0; j < i; j++)
			if (!memcmp(g->uuid, repl->generations[j].uuid, sizeof(g->uuid)))
				return "two generations have the same UUID";
		if (!g->first || g->first > sb->next_point || (i && g->first < g[-1].first))
			return "the generations are not in order";
	}
	return NULL;
}

static const char *dmr_check_peers(const struct dmr_replication *repl, const struct dmr_sb *sb)
{
	u32 i, j;

	for (i = 0; i < DMR_PEERS; i++) {
		const struct dmr_peer *p = &repl->peers[i];

		if (!dmr_uuid_is_set(p->uuid))
			continue;
		if (dmr_text_peer_name_fault(p->name))
			return "a peer's name is impossible";
		for (j = 0; j < i; j++)
			if (!memcmp(p->uuid, repl->peers[j].uuid, sizeof(p->uuid)))
				return "two peers have the same UUID";
		if (dmr_replication_peer(repl, p->name) != i)
			return "two peers have the same name";
		if (p->acked >= sb->next_point || (!p->acked && p->acked_generation) ||
		    !dmr_replication_has(repl, p->acked_generation))
			return "a peer's acknowledged point is impossible";
	}
	return NULL;
}

bool dmr_stream_place_ok(const struct dmr_sb *sb, u32 disk, u64 offset)
{
	if (disk == sb->nr_disks)
		return !offset;
	return disk < sb->nr_disks && !(offset & 511) && offset >> 9 <= sb->disks[disk].sectors;
}

const char *dmr_stream_fault(const struct dmr_stream *s)
{
	if (!dmr_uuid_is_set(s->uuid))
		return "a stream has no UUID";
	if (s->target <= s->base || s->target >= DMR_NUMBER_LIMIT - 1)
		return "the points of the stream are impossible";
	if (!dmr_uuid_is_set(s->generation) || !s->first || s->first > s->target)
		return "the generation of the stream is impossible";
	if (s->kind < DM_REPLICA_POINT_KIND_STANDARD || s->kind > DM_REPLICA_POINT_KIND_PLANNED)
		return "the kind of the stream's point is unknown";
	if (!dmr_text_point_name_ok(s->name))
		return "the name of the stream's point is impossible";
	return NULL;
}

enum dmr_succession dmr_replication_succession(const struct dmr_replication *repl,
					       const struct dmr_stream *s)
{
	u32 place = dmr_replication_generation(repl, s->generation), nr = repl->nr_generations;

	if (place < nr && repl->generations[place].first != s->first)
		return DMR_SUCCESSION_OTHER_FIRST;
	if (place < nr)
		return place + 1 < nr ? DMR_SUCCESSION_OLDER : DMR_SUCCESSION_OK;
	if (nr && (s->first <= s->base || s->first <= repl->generations[nr - 1].first))
		return DMR_SUCCESSION_BEFORE_BASE;
	return nr == DMR_GENERATIONS ? DMR_SUCCESSION_FULL : DMR_SUCCESSION_OK;
}

/* As at the begin of a stream: the end of it only adds the generation to the list. */
static const char *dmr_check_succession(const struct dmr_replication *repl)
{
	switch (dmr_replication_succession(repl, &repl->stream)) {
	case DMR_SUCCESSION_OTHER_FIRST:
	case DMR_SUCCESSION_OLDER:
		return "the generation of the stream is not the newest one";
	case DMR_SUCCESSION_BEFORE_BASE:
		return "the generation of the stream began before its base";
	case DMR_SUCCESSION_FULL:
		return "the generation of the stream has no place";
	default:
		return NULL;
	}
}

static const char *dmr_check_stream(const struct dmr_replication *repl, const struct dmr_sb *sb)
{
	const struct dmr_stream *s = &repl->stream;
	const struct dmr_point *newest = sb->nr_points ? &sb->points[sb->nr_points - 1] : NULL;
	const char *why;

	if (!dmr_uuid_is_set(s->uuid))
		return NULL;
	why = dmr_stream_fault(s);
	if (why)
		return why;
	/* R18: what has arrived lies on its base. */
	if (s->base != (newest ? newest->number : 0))
		return "the base of the stream is not the newest point";
	if (s->target < sb->next_point)
		return "the number of the stream's point has been given out";
	if (!dmr_stream_place_ok(sb, s->disk, s->offset))
		return "the place of the stream is impossible";
	if (s->aborted && (s->disk || s->offset))
		return "a stream that was given up has a place";
	return dmr_check_succession(repl);
}

/* R18: a received point has a name that is the same on all sites. */
static const char *dmr_check_received(const struct dmr_replication *repl, const struct dmr_sb *sb)
{
	u32 i;

	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].arrived && !repl->nr_generations)
			return "a received point has no generation";
	return NULL;
}

bool dmr_replication_receives(const struct dmr_replication *repl)
{
	return repl->role == DMR_ROLE_REPLICA &&
	       (repl->nr_generations || dmr_replication_partial(repl));
}

bool dmr_replication_receiving(const struct dmr_replication *repl)
{
	return dmr_replication_partial(repl) && !repl->stream.aborted;
}

bool dmr_replication_partial(const struct dmr_replication *repl)
{
	return dmr_uuid_is_set(repl->stream.uuid);
}

u32 dmr_replication_generation(const struct dmr_replication *repl, const u8 *uuid)
{
	u32 i;

	for (i = 0; i < repl->nr_generations; i++)
		if (!memcmp(repl->generations[i].uuid, uuid, sizeof(repl->generations[i].uuid)))
			break;
	return i;
}

const u8 *dmr_replication_generation_of(const struct dmr_replication *repl, u32 generation)
{
	return generation < repl->nr_generations ? repl->generations[generation].uuid : NULL;
}

/* The machine runs on a primary's head: no failover covers it, and no stream writes it (R18). */
static const char *dmr_check_role(const struct dmr_replication *repl, const struct dmr_sb *sb)
{
	if (repl->role > DMR_ROLE_PRIMARY)
		return "the role is unknown";
	if (!dmr_replication_primary(repl))
		return NULL;
	if (dmr_replication_partial(repl))
		return "a primary has a partial stream";
	if (sb->live.epoch || sb->state == DM_REPLICA_STATE_COMMITTED)
		return "a primary is failed over";
	return NULL;
}

const char *dmr_replication_check(const struct dmr_replication *repl, const struct dmr_sb *sb)
{
	const char *why;

	why = dmr_check_role(repl, sb);
	if (!why)
		why = dmr_check_generations(repl, sb);
	if (!why)
		why = dmr_check_peers(repl, sb);
	if (!why)
		why = dmr_check_stream(repl, sb);
	if (!why)
		why = dmr_check_received(repl, sb);
	return why;
}

/* Bytes */

static void dmr_put_stream(const struct dmr_stream *s, struct dmr_disk_stream *out)
{
	if (!dmr_uuid_is_set(s->uuid))
		return;
	memcpy(out->uuid, s->uuid, sizeof(out->uuid));
	out->base = cpu_to_le64(s->base);
	out->target = cpu_to_le64(s->target);
	out->offset = cpu_to_le64(s->offset);
	out->disk = cpu_to_le32(s->disk);
	out->kind = s->kind;
	out->flags = s->aborted ? DMR_STREAM_ABORTED : 0;
	memcpy(out->generation, s->generation, sizeof(out->generation));
	out->first = cpu_to_le64(s->first);
	out->time = cpu_to_le64(s->time);
	out->since = cpu_to_le64(s->since);
	dmr_text_put(out->name, s->name, sizeof(out->name));
}

void dmr_replication_put(const struct dmr_replication *repl, struct dmr_disk_replication *out)
{
	u32 i;

	memcpy(out->relationship, repl->relationship, sizeof(out->relationship));
	out->role = cpu_to_le32(repl->role);
	out->nr_generations = cpu_to_le32(repl->nr_generations);
	dmr_put_stream(&repl->stream, &out->stream);
	for (i = 0; i < repl->nr_generations; i++) {
		memcpy(out->generations[i].uuid, repl->generations[i].uuid, 16);
		out->generations[i].first = cpu_to_le64(repl->generations[i].first);
	}
	for (i = 0; i < DMR_PEERS; i++) {
		const struct dmr_peer *p = &repl->peers[i];

		if (!dmr_uuid_is_set(p->uuid))
			continue;
		memcpy(out->peers[i].uuid, p->uuid, sizeof(p->uuid));
		dmr_text_put(out->peers[i].name, p->name, sizeof(p->name));
		out->peers[i].acked = cpu_to_le64(p->acked);
		out->peers[i].acked_generation = cpu_to_le32(p->acked_generation);
	}
}

static const char *dmr_get_stream(const struct dmr_disk_stream *in, struct dmr_stream *s)
{
	if (!dmr_uuid_is_set(in->uuid))
		return dmr_is_zero(in, sizeof(*in)) ? NULL : "a partial stream has no UUID";
	memcpy(s->uuid, in->uuid, sizeof(s->uuid));
	s->base = le64_to_cpu(in->base);
	s->target = le64_to_cpu(in->target);
	s->offset = le64_to_cpu(in->offset);
	s->disk = le32_to_cpu(in->disk);
	s->kind = in->kind;
	s->aborted = in->flags & DMR_STREAM_ABORTED;
	memcpy(s->generation, in->generation, sizeof(s->generation));
	s->first = le64_to_cpu(in->first);
	s->time = le64_to_cpu(in->time);
	s->since = le64_to_cpu(in->since);
	if (!dmr_text_get(s->name, in->name, sizeof(s->name)))
		return "the name of the stream's point is impossible";
	if (in->flags & ~DMR_STREAM_ABORTED)
		return "a flag of the partial stream is unknown";
	return dmr_is_zero(in->reserved0, sizeof(in->reserved0)) &&
	       dmr_is_zero(in->reserved1, sizeof(in->reserved1)) ? NULL :
	       "reserved bytes are in use";
}

static const char *dmr_get_peer(const struct dmr_disk_peer *in, struct dmr_peer *p)
{
	if (!dmr_uuid_is_set(in->uuid))
		return dmr_is_zero(in, sizeof(*in)) ? NULL : "a peer has no UUID";
	memcpy(p->uuid, in->uuid, sizeof(p->uuid));
	if (!dmr_text_get(p->name, in->name, sizeof(p->name)))
		return "a peer's name is impossible";
	p->acked = le64_to_cpu(in->acked);
	p->acked_generation = le32_to_cpu(in->acked_generation);
	return !in->flags && dmr_is_zero(in->reserved0, sizeof(in->reserved0)) ? NULL :
	       "reserved bytes are in use";
}

const char *dmr_replication_get(const struct dmr_disk_replication *in,
				struct dmr_replication *repl)
{
	const char *why;
	u32 i;

	memcpy(repl->relationship, in->relationship, sizeof(repl->relationship));
	repl->role = le32_to_cpu(in->role);
	repl->nr_generations = le32_to_cpu(in->nr_generations);
	if (!dmr_is_zero(in->reserved0, sizeof(in->reserved0)) ||
	    !dmr_is_zero(in->branches, sizeof(in->branches)) ||
	    !dmr_is_zero(in->reserved1, sizeof(in->reserved1)))
		return "reserved bytes are in use";
	why = dmr_get_stream(&in->stream, &repl->stream);
	if (why)
		return why;
	for (i = 0; i < DMR_GENERATIONS; i++) {
		if (i >= repl->nr_generations &&
		    !dmr_is_zero(&in->generations[i], sizeof(in->generations[i])))
			return "an unused generation is not empty";
		memcpy(repl->generations[i].uuid, in->generations[i].uuid, 16);
		repl->generations[i].first = le64_to_cpu(in->generations[i].first);
	}
	for (i = 0; i < DMR_PEERS; i++) {
		why = dmr_get_peer(&in->peers[i], &repl->peers[i]);
		if (why)
			return why;
	}
	return dmr_replication_bytes(repl) ? NULL : "an empty replication page is not left out";
}
