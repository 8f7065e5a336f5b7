// SPDX-License-Identifier: GPL-2.0-only
/*
 * The superblock between its bytes on disk and host form.
 *
 * Three ways to look at a superblock, each with one job: dmr_sb_encode() writes the one
 * canonical form of its input, dmr_sb_validate() checks that the fields are possible, and
 * dmr_sb_decode() takes nothing but the canonical form of something possible.  So a
 * superblock that passes dmr_sb_validate() can be read back, and one that was read back
 * is written again byte for byte.
 */
#include "crc.h"
#include "superblock.h"
#include "../../uapi/dm-replica.h"

#define DMR_CHUNK_LIMIT		(1ULL << 40)	/* chunk numbers are below: limit of a record */

/* The format is these sizes; the header's offsets are comments on them. */
static_assert(sizeof(struct dmr_disk_sb) == DMR_SB_FIXED);
static_assert(sizeof(struct dmr_disk_disk) == 256);
static_assert(sizeof(struct dmr_disk_point) == 72);
static_assert(offsetof(struct dmr_disk_sb, crc) == DMR_SB_CRC_OFFSET);
static_assert(offsetof(struct dmr_disk_sb, host_bytes) == 504);
static_assert(offsetof(struct dmr_disk_sb, settings) == 512);
static_assert(offsetof(struct dmr_disk_sb, active_boot) == 1024);
static_assert(sizeof(struct dmr_disk_print) == DMR_HOST_ALIGN);
static_assert(DMR_SB_FIXED + DMR_MAX_DISKS * sizeof(struct dmr_disk_disk) +
	      DMR_MAX_POINTS * sizeof(struct dmr_disk_point) +
	      DMR_HOST_AREA + DMR_MAX_PRINTS * sizeof(struct dmr_disk_print) +
	      sizeof(struct dmr_disk_replication) <= DMR_SB_MAX);
static_assert(DMR_SB_MAX <= DMR_SB_AREA && DMR_SB_MAX % DMR_BLOCK_SIZE == 0);
static_assert(offsetof(struct dmr_disk_sb, replication_bytes) == 1040);

/* Is every field possible? */

static const char *dmr_check_identity(const struct dmr_sb *sb)
{
	if (sb->incompat & ~DMR_INCOMPAT_KNOWN)
		return "an unknown incompatible feature";
	if (!sb->seq || sb->seq >= DMR_NUMBER_LIMIT)
		return "the superblock's sequence number is impossible";
	if (sb->copy >= DMR_SB_COPIES)
		return "the superblock's copy number is impossible";
	if (dmr_is_zero(sb->store_uuid, sizeof(sb->store_uuid)))
		return "the store has no UUID";
	if (dmr_is_zero(sb->system_uuid, sizeof(sb->system_uuid)))
		return "the system has no UUID";
	if (dmr_text_system_name_fault(sb->name))
		return "the system's name is impossible";
	if (sb->flags & ~DMR_SB_FLAGS_KNOWN)
		return "an unknown flag";
	if (sb->state_number >= DMR_NUMBER_LIMIT || sb->job_number >= DMR_NUMBER_LIMIT)
		return "a state or job number is impossible";
	return NULL;
}

static const char *dmr_check_disks(const struct dmr_sb *sb)
{
	u32 shift = ilog2(sb->chunk_bytes) - 9, i, j;

	if (!sb->nr_disks || sb->nr_disks > DMR_MAX_DISKS)
		return "the number of disks is impossible";
	for (i = 0; i < sb->nr_disks; i++) {
		const struct dmr_disk_info *d = &sb->disks[i];

		if (d->number != i)
			return "a disk's number is not its place in the list";
		if (dmr_text_disk_name_fault(d->name))
			return "a disk's name is impossible";
		for (j = 0; j < i; j++)
			if (!strcmp(d->name, sb->disks[j].name))
				return "two disks have the same name";
		if (dmr_is_zero(d->uuid, sizeof(d->uuid)))
			return "a disk has no UUID";
		if (!is_power_of_2(d->logical_block) || d->logical_block < 512 ||
		    d->logical_block > DMR_BLOCK_SIZE)
			return "a disk's logical block size is impossible";
		if (!d->sectors || (d->sectors - 1) >> shift >= DMR_CHUNK_LIMIT ||
		    d->sectors & ((d->logical_block >> 9) - 1))
			return "a disk's size is impossible";
		if (d->identity_type > DMR_IDENTITY_PATH ||
		    !dmr_text_ok(d->identity, sizeof(d->identity)) ||
		    !d->identity[0] != (d->identity_type == DMR_IDENTITY_NONE))
			return "a disk's identity is impossible";
		if (d->lost & ~DMR_LOST_KNOWN)
			return "a disk's lost writes are impossible";
	}
	return NULL;
}

static bool dmr_sb_main(const struct dmr_sb *sb, u32 epoch)
{
	return dmr_epoch_is_main(sb->promoted, sb->dead_first, sb->dead_last, epoch);
}

static const char *dmr_check_points(const struct dmr_sb *sb)
{
	u32 epoch = DMR_EPOCH_FIRST - 1, i;
	u64 number = 0;

	if (sb->nr_points > DMR_MAX_POINTS)
		return "the number of points is impossible";
	if (!sb->next_point || sb->next_point >= DMR_NUMBER_LIMIT)
		return "the next point's number is impossible";
	for (i = 0; i < sb->nr_points; i++) {
		const struct dmr_point *p = &sb->points[i];

		/* Both only grow, so a list by epoch is one by number, too. */
		if (p->epoch <= epoch || p->number <= number)
			return "the points are not in order";
		if (p->epoch >= sb->cur_epoch || !dmr_sb_main(sb, p->epoch))
			return "a point is of an epoch that cannot be one";
		if (p->number >= sb->next_point)
			return "a point's number has not been given out";
		if (p->kind < DM_REPLICA_POINT_KIND_STANDARD ||
		    p->kind > DM_REPLICA_POINT_KIND_PLANNED)
			return "a point's kind is unknown";
		if (!dmr_text_point_name_ok(p->name))
			return "a point's name is impossible";
		if (!dmr_replication_has(&sb->replication, p->generation))
			return "a point is of an unknown generation";
		if (p->holds & ~dmr_replication_peers(&sb->replication))
			return "a point is held by an unknown peer";
		epoch = p->epoch;
		number = p->number;
	}
	return NULL;
}

static bool dmr_overlay_ok(const struct dmr_sb *sb, const struct dmr_overlay *ov)
{
	u32 i;

	if (ov->epoch == DMR_EPOCH_NONE)
		return true;
	if (!(ov->epoch & DMR_EPOCH_OVERLAY) || ov->epoch > sb->last_epoch ||
	    ov->epoch <= ov->base || ov->epoch == sb->promoted)
		return false;
	for (i = 0; i < sb->nr_points; i++)	/* R14: its point holds it */
		if (sb->points[i].epoch == ov->base)
			return true;
	return false;
}

static const char *dmr_check_epochs(const struct dmr_sb *sb)
{
	if (sb->last_epoch > DMR_EPOCH_MAX)
		return "the last epoch is impossible";
	if (sb->promoted && (!(sb->promoted & DMR_EPOCH_OVERLAY) ||
			     sb->promoted < DMR_EPOCH_FIRST || sb->promoted > sb->last_epoch))
		return "the promoted epoch is impossible";
	if (!sb->dead_first != !sb->dead_last || sb->dead_first > sb->dead_last ||
	    (sb->dead_first | sb->dead_last) & DMR_EPOCH_OVERLAY ||
	    sb->dead_last > sb->last_epoch)
		return "the dead epochs are impossible";
	if (sb->cur_epoch < DMR_EPOCH_FIRST || !dmr_sb_main(sb, sb->cur_epoch))
		return "the current epoch is impossible";
	if (sb->next_epoch & DMR_EPOCH_OVERLAY || sb->next_epoch <= sb->cur_epoch ||
	    sb->next_epoch > sb->last_epoch || !dmr_sb_main(sb, sb->next_epoch))
		return "the next epoch is impossible";
	return NULL;
}

static const char *dmr_check_state(const struct dmr_sb *sb)
{
	bool live = sb->live.epoch, test = sb->test.epoch;

	if (!dmr_overlay_ok(sb, &sb->live))
		return "the live failover is impossible";
	if (!dmr_overlay_ok(sb, &sb->test) || (test && sb->test.epoch == sb->live.epoch))
		return "the test failover is impossible";
	/* R5: blocks on their way home have no view that needs older ones. */
	if (sb->flags & DMR_SB_REMOVING && sb->nr_points)
		return "the relationship is being removed, but there are points";
	if (sb->flags & DMR_SB_STAY && sb->state != DM_REPLICA_STATE_COMMITTED)
		return "the move home is terminated, but the state is not Committed";
	switch (sb->state) {
	case DM_REPLICA_STATE_DISABLED:				/* the relationship was removed */
	case DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION:	/* left by the first point */
	case DM_REPLICA_STATE_COMMITTED:			/* all points have gone */
		if (sb->nr_points)	/* and so no failover, which would need one */
			return "the state does not go with points";
		break;
	case DM_REPLICA_STATE_REPLICATING:	/* Suspended is this and a flag */
		if (live)
			return "the state does not go with a live failover";
		break;
	case DM_REPLICA_STATE_RECOVERED:
		if (!live)
			return "the state does not go without a live failover";
		break;
	default:
		return "the state is impossible";
	}
	return NULL;
}

static const char *dmr_check_prints(const struct dmr_sb *sb)
{
	u32 i, nr = 0;

	if (sb->nr_prints > DMR_MAX_PRINTS)
		return "the number of places in the fingerprint is impossible";
	/* Writes go home while a host has it: a fingerprint would be stale. */
	if (sb->nr_prints && sb->flags & DMR_SB_ACTIVE)
		return "an active store has a fingerprint";
	for (i = 0; i < sb->nr_prints; i++) {
		const struct dmr_print *p = &sb->prints[i], *prev = i ? p - 1 : NULL;

		if (p->disk >= sb->nr_disks || p->written > 1 ||
		    p->block >= sb->disks[p->disk].sectors >> (DMR_BLOCK_SHIFT - 9))
			return "a place in the fingerprint is impossible";
		/* R9: what was read there is not known to be durable. */
		if (sb->disks[p->disk].lost)
			return "a home that has lost writes has a fingerprint";
		if (prev && (prev->disk > p->disk ||
			     (prev->disk == p->disk && prev->block >= p->block)))
			return "the places in the fingerprint are not in order";
		/* All disks' together fit, whichever of them are taken anew. */
		nr = prev && prev->disk == p->disk ? nr + 1 : 1;
		if (nr > dmr_disk_prints(sb->nr_disks))
			return "a disk has too many places in the fingerprint";
	}
	return NULL;
}

const char *dmr_sb_validate(const struct dmr_sb *sb)
{
	const char *why;

	why = dmr_check_identity(sb);
	if (!why)
		why = dmr_geometry_check(sb);
	if (!why)
		why = dmr_ring_range_check(sb);
	if (!why)
		why = dmr_check_disks(sb);
	if (!why)
		why = dmr_check_epochs(sb);
	if (!why)
		why = dmr_check_points(sb);
	if (!why)
		why = dmr_check_state(sb);
	if (!why)
		why = dmr_settings_check(&sb->settings);
	if (!why)
		why = dmr_host_check(&sb->host);
	if (!why)
		why = dmr_check_prints(sb);
	if (!why)
		why = dmr_replication_check(&sb->replication, sb);
	return why;
}

bool dmr_sb_same_identity(const struct dmr_sb *a, const struct dmr_sb *b)
{
	return !memcmp(a->store_uuid, b->store_uuid, sizeof(a->store_uuid)) &&
	       !memcmp(a->system_uuid, b->system_uuid, sizeof(a->system_uuid)) &&
	       !strcmp(a->name, b->name) &&
	       a->chunk_bytes == b->chunk_bytes && a->create_time == b->create_time;
}

bool dmr_sb_runs_on_head(const struct dmr_sb *sb)
{
	return dmr_replication_primary(&sb->replication) ||
	       sb->state == DM_REPLICA_STATE_COMMITTED;
}

/* Bytes */

/* Bytes of the host area on disk: what follows it is aligned. */
static u32 dmr_host_room(const struct dmr_sb *sb)
{
	return round_up(sb->host.bytes, (u32)DMR_HOST_ALIGN);
}

/* With @page bytes of the replication page. */
static u32 dmr_sb_bytes(const struct dmr_sb *sb, u32 page)
{
	u32 bytes = DMR_SB_FIXED + sb->nr_disks * sizeof(struct dmr_disk_disk) +
		    sb->nr_points * sizeof(struct dmr_disk_point) +
		    dmr_host_room(sb) +
		    sb->nr_prints * sizeof(struct dmr_disk_print) + page;

	return round_up(bytes, (u32)DMR_BLOCK_SIZE);
}

u32 dmr_sb_length(const struct dmr_sb *sb)
{
	return dmr_sb_bytes(sb, dmr_replication_bytes(&sb->replication));
}

static void dmr_put_overlay(struct dmr_disk_overlay *out, const struct dmr_overlay *ov)
{
	if (ov->epoch == DMR_EPOCH_NONE)
		return;
	out->epoch = cpu_to_le32(ov->epoch);
	out->base = cpu_to_le32(ov->base);
	out->time = cpu_to_le64(ov->time);
}

static bool dmr_get_overlay(struct dmr_overlay *ov, const struct dmr_disk_overlay *in)
{
	ov->epoch = le32_to_cpu(in->epoch);
	ov->base = le32_to_cpu(in->base);
	ov->time = le64_to_cpu(in->time);
	return ov->epoch != DMR_EPOCH_NONE || (!ov->base && !ov->time);
}

static void dmr_put_fixed(const struct dmr_sb *sb, struct dmr_disk_sb *d, u32 length)
{
	u32 i;

	memcpy(d->magic, DMR_SB_MAGIC, sizeof(d->magic));
	d->length = cpu_to_le32(length);
	d->version = cpu_to_le32(DMR_SB_VERSION);
	d->copy = cpu_to_le32(sb->copy);
	d->compat = cpu_to_le64(sb->compat);
	d->incompat = cpu_to_le64(sb->incompat);
	d->seq = cpu_to_le64(sb->seq);
	memcpy(d->store_uuid, sb->store_uuid, sizeof(d->store_uuid));
	memcpy(d->system_uuid, sb->system_uuid, sizeof(d->system_uuid));
	dmr_text_put(d->name, sb->name, sizeof(d->name));
	d->store_bytes = cpu_to_le64(sb->store_bytes);
	d->chunk_bytes = cpu_to_le32(sb->chunk_bytes);
	d->block_bytes = cpu_to_le32(DMR_BLOCK_SIZE);
	d->create_time = cpu_to_le64(sb->create_time);
	d->nr_disks = cpu_to_le32(sb->nr_disks);
	d->nr_points = cpu_to_le32(sb->nr_points);
	d->disk_entry = cpu_to_le32(sizeof(struct dmr_disk_disk));
	d->point_entry = cpu_to_le32(sizeof(struct dmr_disk_point));
	d->slot_first = cpu_to_le64(sb->slot_first);
	d->slot_end = cpu_to_le64(sb->slot_end);
	d->ring_extents = cpu_to_le32(sb->ring_extents);
	d->ring_old_extents = cpu_to_le32(sb->ring_old_extents);
	d->ring_from = cpu_to_le64(sb->ring_from);
	d->ring_start = cpu_to_le64(sb->ring_start);
	d->ring_old_from = cpu_to_le64(sb->ring_old_from);
	d->ring_old_start = cpu_to_le64(sb->ring_old_start);
	d->log_tail = cpu_to_le64(sb->log_tail);
	d->log_durable = cpu_to_le64(sb->log_durable);
	for (i = 0; i < sb->ring_extents; i++) {
		d->ring[i].first = cpu_to_le64(sb->ring[i].first);
		d->ring[i].count = cpu_to_le64(sb->ring[i].count);
	}
	d->state = cpu_to_le32(sb->state);
	d->flags = cpu_to_le32(sb->flags);
	d->state_number = cpu_to_le64(sb->state_number);
	d->cur_epoch = cpu_to_le32(sb->cur_epoch);
	d->next_epoch = cpu_to_le32(sb->next_epoch);
	d->last_epoch = cpu_to_le32(sb->last_epoch);
	d->promoted = cpu_to_le32(sb->promoted);
	d->dead_first = cpu_to_le32(sb->dead_first);
	d->dead_last = cpu_to_le32(sb->dead_last);
	dmr_put_overlay(&d->live, &sb->live);
	dmr_put_overlay(&d->test, &sb->test);
	d->state_time = cpu_to_le64(sb->state_time);
	memcpy(d->active_host, sb->active_host, sizeof(d->active_host));
	memcpy(d->active_boot, sb->active_boot, sizeof(d->active_boot));
	d->active_time = cpu_to_le64(sb->active_time);
	d->next_point = cpu_to_le64(sb->next_point);
	d->job_number = cpu_to_le64(sb->job_number);
	d->host_bytes = cpu_to_le32(sb->host.bytes);
	d->nr_prints = cpu_to_le32(sb->nr_prints);
	d->replication_bytes = cpu_to_le32(dmr_replication_bytes(&sb->replication));
	dmr_settings_put(&sb->settings, &d->settings);
}

u32 dmr_sb_encode(const struct dmr_sb *sb, void *buf)
{
	struct dmr_disk_sb *d = buf;
	struct dmr_disk_disk *disk = (struct dmr_disk_disk *)(d + 1);
	struct dmr_disk_point *point = (struct dmr_disk_point *)(disk + sb->nr_disks);
	struct dmr_disk_print *print;
	u32 length = dmr_sb_length(sb), i;

	/* An invalid superblock must not make us write past the buffer either. */
	if (WARN_ON_ONCE(sb->nr_disks > DMR_MAX_DISKS || sb->nr_points > DMR_MAX_POINTS ||
			 sb->host.bytes > DMR_HOST_AREA ||
			 sb->nr_prints > DMR_MAX_PRINTS ||
			 sb->replication.nr_generations > DMR_GENERATIONS ||
			 sb->ring_extents > DMR_RING_EXTENTS)) {
		memset(buf, 0, DMR_SB_MAX);
		return DMR_BLOCK_SIZE;
	}
	memset(buf, 0, DMR_SB_MAX);
	dmr_put_fixed(sb, d, length);
	for (i = 0; i < sb->nr_disks; i++, disk++) {
		const struct dmr_disk_info *in = &sb->disks[i];

		dmr_text_put(disk->name, in->name, sizeof(disk->name));
		memcpy(disk->uuid, in->uuid, sizeof(disk->uuid));
		disk->sectors = cpu_to_le64(in->sectors);
		disk->number = cpu_to_le32(in->number);
		disk->logical_block = cpu_to_le32(in->logical_block);
		disk->identity_type = cpu_to_le32(in->identity_type);
		disk->lost = cpu_to_le32(in->lost);
		dmr_text_put(disk->identity, in->identity, sizeof(disk->identity));
	}
	for (i = 0; i < sb->nr_points; i++, point++) {
		const struct dmr_point *in = &sb->points[i];

		point->epoch = cpu_to_le32(in->epoch);
		point->kind = in->kind;
		point->holds = in->holds;
		point->generation = cpu_to_le16(in->generation);
		point->number = cpu_to_le64(in->number);
		point->time = cpu_to_le64(in->time);
		dmr_text_put(point->name, in->name, sizeof(point->name));
		point->arrived = cpu_to_le64(in->arrived);
	}
	memcpy(point, sb->host.data, sb->host.bytes);
	print = (struct dmr_disk_print *)((u8 *)point + dmr_host_room(sb));
	for (i = 0; i < sb->nr_prints; i++, print++) {
		print->block = cpu_to_le64(sb->prints[i].block);
		print->crc = cpu_to_le32(sb->prints[i].crc);
		print->disk = sb->prints[i].disk;
		print->written = sb->prints[i].written;
	}
	if (d->replication_bytes)
		dmr_replication_put(&sb->replication, (struct dmr_disk_replication *)print);
	d->crc = cpu_to_le32(dmr_block_crc(buf, length, DMR_SB_CRC_OFFSET));
	return length;
}

static const char *dmr_get_fixed(const struct dmr_disk_sb *d, struct dmr_sb *sb)
{
	u32 i;

	sb->seq = le64_to_cpu(d->seq);
	memcpy(sb->store_uuid, d->store_uuid, sizeof(sb->store_uuid));
	memcpy(sb->system_uuid, d->system_uuid, sizeof(sb->system_uuid));
	if (!dmr_text_get(sb->name, d->name, sizeof(sb->name)))
		return "the system's name is impossible";
	sb->store_bytes = le64_to_cpu(d->store_bytes);
	sb->chunk_bytes = le32_to_cpu(d->chunk_bytes);
	sb->create_time = le64_to_cpu(d->create_time);
	sb->slot_first = le64_to_cpu(d->slot_first);
	sb->slot_end = le64_to_cpu(d->slot_end);
	sb->ring_extents = le32_to_cpu(d->ring_extents);
	sb->ring_old_extents = le32_to_cpu(d->ring_old_extents);
	sb->ring_from = le64_to_cpu(d->ring_from);
	sb->ring_start = le64_to_cpu(d->ring_start);
	sb->ring_old_from = le64_to_cpu(d->ring_old_from);
	sb->ring_old_start = le64_to_cpu(d->ring_old_start);
	sb->log_tail = le64_to_cpu(d->log_tail);
	sb->log_durable = le64_to_cpu(d->log_durable);
	for (i = 0; i < DMR_RING_EXTENTS; i++) {
		sb->ring[i].first = le64_to_cpu(d->ring[i].first);
		sb->ring[i].count = le64_to_cpu(d->ring[i].count);
		if (i >= sb->ring_extents && (sb->ring[i].first || sb->ring[i].count))
			return "an unused ring extent is not empty";
	}
	sb->state = le32_to_cpu(d->state);
	sb->flags = le32_to_cpu(d->flags);
	sb->state_number = le64_to_cpu(d->state_number);
	sb->cur_epoch = le32_to_cpu(d->cur_epoch);
	sb->next_epoch = le32_to_cpu(d->next_epoch);
	sb->last_epoch = le32_to_cpu(d->last_epoch);
	sb->promoted = le32_to_cpu(d->promoted);
	sb->dead_first = le32_to_cpu(d->dead_first);
	sb->dead_last = le32_to_cpu(d->dead_last);
	if (!dmr_get_overlay(&sb->live, &d->live) || !dmr_get_overlay(&sb->test, &d->test))
		return "a failover that is not there has a beginning";
	sb->state_time = le64_to_cpu(d->state_time);
	memcpy(sb->active_host, d->active_host, sizeof(sb->active_host));
	memcpy(sb->active_boot, d->active_boot, sizeof(sb->active_boot));
	sb->active_time = le64_to_cpu(d->active_time);
	sb->next_point = le64_to_cpu(d->next_point);
	sb->job_number = le64_to_cpu(d->job_number);
	if (!dmr_is_zero(d->reserved0, sizeof(d->reserved0)))
		return "reserved bytes are in use";
	return dmr_settings_get(&d->settings, &sb->settings);
}

static const char *dmr_get_lists(const struct dmr_disk_sb *d, struct dmr_sb *sb, u32 length)
{
	const struct dmr_disk_disk *disk = (const struct dmr_disk_disk *)(d + 1);
	const struct dmr_disk_point *point;
	const struct dmr_disk_print *print;
	const u8 *host, *end;
	const char *why;
	u32 i;

	for (i = 0; i < sb->nr_disks; i++, disk++) {
		struct dmr_disk_info *out = &sb->disks[i];

		if (!dmr_text_get(out->name, disk->name, sizeof(out->name)))
			return "a disk's name is impossible";
		memcpy(out->uuid, disk->uuid, sizeof(out->uuid));
		out->sectors = le64_to_cpu(disk->sectors);
		out->number = le32_to_cpu(disk->number);
		out->logical_block = le32_to_cpu(disk->logical_block);
		out->identity_type = le32_to_cpu(disk->identity_type);
		out->lost = le32_to_cpu(disk->lost);
		if (!dmr_text_get(out->identity, disk->identity, sizeof(out->identity)))
			return "a disk's identity is impossible";
		if (!dmr_is_zero(disk->reserved0, sizeof(disk->reserved0)))
			return "reserved bytes are in use";
	}
	point = (const struct dmr_disk_point *)disk;
	for (i = 0; i < sb->nr_points; i++, point++) {
		struct dmr_point *out = &sb->points[i];

		out->epoch = le32_to_cpu(point->epoch);
		out->kind = point->kind;
		out->holds = point->holds;
		out->generation = le16_to_cpu(point->generation);
		out->number = le64_to_cpu(point->number);
		out->time = le64_to_cpu(point->time);
		out->arrived = le64_to_cpu(point->arrived);
		if (!dmr_text_get(out->name, point->name, sizeof(out->name)))
			return "a point's name is impossible";
	}
	host = (const u8 *)point;
	memcpy(sb->host.data, host, sb->host.bytes);
	if (!dmr_is_zero(host + sb->host.bytes, dmr_host_room(sb) - sb->host.bytes))
		return "reserved bytes are in use";
	print = (const struct dmr_disk_print *)(host + dmr_host_room(sb));
	for (i = 0; i < sb->nr_prints; i++, print++) {
		struct dmr_print *out = &sb->prints[i];

		out->block = le64_to_cpu(print->block);
		out->crc = le32_to_cpu(print->crc);
		out->disk = print->disk;
		out->written = print->written;
		if (!dmr_is_zero(print->reserved0, sizeof(print->reserved0)))
			return "reserved bytes are in use";
	}
	end = (const u8 *)print;
	if (d->replication_bytes) {
		why = dmr_replication_get((const struct dmr_disk_replication *)end,
					  &sb->replication);
		if (why)
			return why;
		end += sizeof(struct dmr_disk_replication);
	}
	if (!dmr_is_zero(end, (const u8 *)d + length - end))
		return "bytes after the last list are in use";
	return NULL;
}

/* Everything below the checksum: @d has @length bytes that arrived as they were written. */
static enum dmr_verdict dmr_get_sb(const struct dmr_disk_sb *d, u32 length, u32 copy,
				   struct dmr_sb *sb, const char **why)
{
	static const char *const older[DMR_SB_VERSION - 1] = {
		"the format's version is 1, older than this software reads",
		"the format's version is 2, older than this software reads",
		"the format's version is 3, older than this software reads",
		"the format's version is 4, older than this software reads",
		"the format's version is 5, older than this software reads",
	};

	if (le32_to_cpu(d->version) > DMR_SB_VERSION) {
		*why = "the format's version is newer than this software";
		return DMR_NEWER;
	}
	if (le32_to_cpu(d->version) && le32_to_cpu(d->version) < DMR_SB_VERSION) {
		*why = older[le32_to_cpu(d->version) - 1];
		return DMR_NEWER;
	}
	if (le64_to_cpu(d->incompat) & ~DMR_INCOMPAT_KNOWN) {
		*why = "the store uses a feature newer than this software";
		return DMR_NEWER;
	}
	memset(sb, 0, sizeof(*sb));
	sb->copy = copy;
	sb->compat = le64_to_cpu(d->compat);
	sb->nr_disks = le32_to_cpu(d->nr_disks);
	sb->nr_points = le32_to_cpu(d->nr_points);
	sb->host.bytes = le32_to_cpu(d->host_bytes);
	sb->nr_prints = le32_to_cpu(d->nr_prints);
	if (le32_to_cpu(d->version) != DMR_SB_VERSION)
		*why = "the format's version is impossible";
	else if (le32_to_cpu(d->copy) != copy)
		*why = "the superblock is the other copy's";
	else if (le32_to_cpu(d->block_bytes) != DMR_BLOCK_SIZE)
		*why = "the block size is impossible";
	else if (le32_to_cpu(d->disk_entry) != sizeof(struct dmr_disk_disk) ||
		 le32_to_cpu(d->point_entry) != sizeof(struct dmr_disk_point))
		*why = "an entry size is impossible";
	else if (sb->nr_disks > DMR_MAX_DISKS)
		*why = "the number of disks is impossible";
	else if (sb->nr_points > DMR_MAX_POINTS)
		*why = "the number of points is impossible";
	else if (sb->host.bytes > DMR_HOST_AREA)
		*why = "the length of the host area is impossible";
	else if (sb->nr_prints > DMR_MAX_PRINTS)
		*why = "the number of places in the fingerprint is impossible";
	else if (le32_to_cpu(d->replication_bytes) &&
		 le32_to_cpu(d->replication_bytes) != sizeof(struct dmr_disk_replication))
		*why = "the length of the replication page is impossible";
	else if (length != dmr_sb_bytes(sb, le32_to_cpu(d->replication_bytes)))
		*why = "the superblock's length does not go with its lists";
	else
		*why = dmr_get_fixed(d, sb);
	if (!*why)
		*why = dmr_get_lists(d, sb, length);
	if (!*why)
		*why = dmr_sb_validate(sb);
	if (*why && (sb->compat & ~DMR_COMPAT_KNOWN)) {
		/* A value that seems impossible may belong to that feature. */
		*why = "the store uses a feature newer than this software";
		return DMR_NEWER;
	}
	return *why ? DMR_BAD : DMR_OK;
}

enum dmr_verdict dmr_sb_decode(const void *buf, u32 copy, struct dmr_sb *sb,
			       const char **reason)
{
	const struct dmr_disk_sb *d = buf;
	u32 length = le32_to_cpu(d->length);
	enum dmr_verdict verdict;
	const char *why = NULL;

	if (memcmp(d->magic, DMR_SB_MAGIC, sizeof(d->magic))) {
		verdict = DMR_NOT_OURS;
		why = "there is no superblock";
	} else if (length < DMR_SB_FIXED || length > DMR_SB_MAX || length % DMR_BLOCK_SIZE ||
		   dmr_block_crc(buf, length, DMR_SB_CRC_OFFSET) != le32_to_cpu(d->crc)) {
		/* Half of the old and half of the new, its length included. */
		verdict = DMR_TORN;
		why = "the superblock's checksum does not hold";
	} else {
		verdict = dmr_get_sb(d, length, copy, sb, &why);
	}
	if (reason)
		*reason = why;
	return verdict;
}
