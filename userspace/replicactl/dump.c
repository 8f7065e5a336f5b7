// SPDX-License-Identifier: GPL-2.0-only
/* replicactl dump: the fields of a store */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"
#include "store.h"
#include <store/logblock.h>

#define LL(x)	((unsigned long long)(x))

static const char *full_policy_name(uint32_t policy)
{
	return policy == DM_REPLICA_FULL_POLICY_DROP_OLDEST ? "drop-oldest" : "fail";
}

static void print_overlay(const char *what, const struct dmr_overlay *o)
{
	if (o->epoch)
		printf("  %-18s epoch %u, branches off epoch %u, since %s\n", what, o->epoch, o->base,
		       text_time(o->time));
	else
		printf("  %-18s none\n", what);
}

static void print_hex(const char *what, const uint8_t *bytes, size_t nr)
{
	size_t i;

	printf("  %-18s ", what);
	for (i = 0; i < nr; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

/* Print a number, or @word for the value @odd. */
static void print_setting(const char *what, uint64_t value, uint64_t odd, const char *word,
			  const char *unit)
{
	if (word && value == odd)
		printf("  %-18s %s\n", what, word);
	else
		printf("  %-18s %llu%s\n", what, LL(value), unit);
}

static void print_settings(const struct dmr_settings *set)
{
	printf("  %-18s low at %u %%, critical at %u %%\n", "space", set->space_low,
	       set->space_critical);
	printf("  %-18s %s\n", "when full", full_policy_name(set->full_policy));
	printf("  %-18s %llu (%s)\n", "live reserve", LL(set->live_reserve),
	       text_size(set->live_reserve));
	print_setting("point interval", set->point_interval, 0, "none", " s");
	print_setting("decide within", set->decide_within, 0, "any time", " s");
	print_setting("replication", set->replication_interval, 0, "at no known interval", " s");
	if (set->vacuum_rate == DMR_UNLIMITED)
		printf("  %-18s unlimited\n", "vacuum rate");
	else
		print_setting("vacuum rate", set->vacuum_rate, DMR_RATE_ADAPTS, "auto",
			      " bytes per second");
	printf("  %-18s %llu made, %llu gone\n", "points", LL(set->points_made),
	       LL(set->points_dropped));
	printf("  %-18s %s\n", "last point", text_time(set->last_point_time));
	printf("  %-18s %s\n", "last test", text_time(set->last_test_time));
	printf("  %-18s %s\n", "last received", text_time(set->last_received_time));
	if (set->jump_point)
		printf("  %-18s %llu s ahead before point %llu\n", "clock set",
		       LL(set->jump_by / 1000000000), LL(set->jump_point));
}

/* Get the next entry of the host area.  Return: false behind the last. */
static bool next_host_entry(const struct dmr_sb *sb, uint32_t *at,
			    struct dmreplica_host_entry *entry)
{
	struct dmr_host_entry from;

	if (!dmr_host_next(&sb->host, at, &from))
		return false;
	memset(entry, 0, sizeof(*entry));
	memcpy(entry->key, from.key, from.key_bytes);
	memcpy(entry->value, from.value, from.value_bytes);
	entry->bytes = from.value_bytes;
	return true;
}

static void print_replication(const struct dmr_replication *repl)
{
	uint32_t peers = dmr_replication_peers(repl);
	unsigned int i;

	printf("  %-18s %s\n", "relationship", text_uuid(repl->relationship));
	printf("  %-18s %s\n", "role", repl->role == DMR_ROLE_PRIMARY ? "primary" : "replica");
	for (i = 0; i < repl->nr_generations; i++)
		printf("  generation %-7u %s, from point %llu on\n", i,
		       text_uuid(repl->generations[i].uuid), LL(repl->generations[i].first));
	for (i = 0; i < DMR_PEERS; i++)
		if (peers >> i & 1)
			printf("  peer %-13u %s, %s, has point %llu of generation %u\n", i,
			       repl->peers[i].name, text_uuid(repl->peers[i].uuid),
			       LL(repl->peers[i].acked), repl->peers[i].acked_generation);
	if (repl->stream.target)
		printf("  %s stream     %s, from point %llu to %llu, disk %u up to byte %llu\n",
		       repl->stream.aborted ? "aborted" : "partial",
		       text_uuid(repl->stream.uuid), LL(repl->stream.base),
		       LL(repl->stream.target), repl->stream.disk, LL(repl->stream.offset));
}

static void print_super(const struct dmr_sb *sb)
{
	struct dmreplica_host_entry entry;
	uint32_t at = 0;
	unsigned int i;

	printf("  %-18s %llu\n", "sequence", LL(sb->seq));
	printf("  %-18s %u\n", "version", DMR_SB_VERSION);
	printf("  %-18s compatible %#llx, incompatible %#llx\n", "features", LL(sb->compat),
	       LL(sb->incompat));
	printf("  %-18s %u bytes\n", "length", dmr_sb_length(sb));
	printf("  %-18s %s\n", "store UUID", text_uuid(sb->store_uuid));
	printf("  %-18s %s\n", "system UUID", text_uuid(sb->system_uuid));
	printf("  %-18s %s\n", "name", sb->name);
	printf("  %-18s %s\n", "created", text_time(sb->create_time));
	printf("  %-18s %llu (%s)\n", "store bytes", LL(sb->store_bytes), text_size(sb->store_bytes));
	printf("  %-18s %u\n", "chunk bytes", sb->chunk_bytes);
	printf("  %-18s %llu to %llu\n", "slots", LL(sb->slot_first), LL(sb->slot_end) - 1);
	printf("  %-18s %llu blocks in %u extents, %u of the older geometry\n", "ring",
	       LL(dmr_ring_blocks(sb)), sb->ring_extents, sb->ring_old_extents);
	for (i = 0; i < sb->ring_extents; i++)
		printf("  %-18s %llu blocks from block %llu\n", i ? "" : "ring extents",
		       LL(sb->ring[i].count), LL(sb->ring[i].first));
	printf("  %-18s from log block %llu at place %llu; before: %llu at %llu\n", "ring geometry",
	       LL(sb->ring_from), LL(sb->ring_start), LL(sb->ring_old_from),
	       LL(sb->ring_old_start));
	printf("  %-18s %llu\n", "log tail", LL(sb->log_tail));
	printf("  %-18s %llu\n", "log durable", LL(sb->log_durable));
	printf("  %-18s %s since %s\n", "state", text_state(sb->state), text_time(sb->state_time));
	printf("  %-18s %llu\n", "state number", LL(sb->state_number));
	printf("  %-18s %#x%s%s%s%s\n", "flags", sb->flags,
	       sb->flags & DMR_SB_SUSPENDED ? " suspended" : "",
	       sb->flags & DMR_SB_ACTIVE ? " active" : "",
	       sb->flags & DMR_SB_REMOVING ? " removing" : "",
	       sb->flags & DMR_SB_STAY ? " stay" : "");
	print_hex("active host", sb->active_host, sizeof(sb->active_host));
	print_hex("active boot", sb->active_boot, sizeof(sb->active_boot));
	printf("  %-18s %s\n", "active since", text_time(sb->active_time));
	printf("  %-18s current %u, next %u, last opened %u\n", "epochs", sb->cur_epoch,
	       sb->next_epoch, sb->last_epoch);
	printf("  %-18s promoted %u, dead %u to %u\n", "commit", sb->promoted, sb->dead_first,
	       sb->dead_last);
	print_overlay("live overlay", &sb->live);
	print_overlay("test overlay", &sb->test);
	printf("  %-18s %llu\n", "next point", LL(sb->next_point));
	printf("  %-18s %llu\n", "job number", LL(sb->job_number));
	print_settings(&sb->settings);
	for (i = 0; i < sb->nr_disks; i++)
		printf("  disk %-13u %s, %s, %llu sectors (%s), logical block %u, %s \"%s\"%s%s\n",
		       sb->disks[i].number, sb->disks[i].name, text_uuid(sb->disks[i].uuid),
		       LL(sb->disks[i].sectors), text_size(sb->disks[i].sectors * 512),
		       sb->disks[i].logical_block,
		       dmreplica_identity_type_name(sb->disks[i].identity_type),
		       sb->disks[i].identity,
		       sb->disks[i].lost & DMR_LOST_REPLICA ? ", lost writes of replica" : "",
		       sb->disks[i].lost & DMR_LOST_FAILOVER ? ", lost writes of failover" : "");
	for (i = 0; i < sb->nr_points; i++)
		printf("  point %-12llu epoch %u, generation %u, held by %#x, %s, %s, \"%s\"\n",
		       LL(sb->points[i].number), sb->points[i].epoch, sb->points[i].generation,
		       sb->points[i].holds, text_time(sb->points[i].time),
		       dmreplica_point_kind_name(sb->points[i].kind), sb->points[i].name);
	printf("  %-18s %u of %u bytes in use\n", "host area", sb->host.bytes, DMR_HOST_AREA);
	while (next_host_entry(sb, &at, &entry))
		show_host_entry("  host area          ", &entry);
	for (i = 0; i < sb->nr_prints; i++)
		printf("  fingerprint        disk %u block %llu, CRC %#010x%s\n", sb->prints[i].disk,
		       LL(sb->prints[i].block), sb->prints[i].crc,
		       sb->prints[i].written ? ", written" : "");
	if (dmr_replication_bytes(&sb->replication))
		print_replication(&sb->replication);
}

static struct json_object *json_replication(const struct dmr_replication *repl)
{
	struct json_object *obj = json_object_new_object(), *array, *one;
	uint32_t peers = dmr_replication_peers(repl);
	unsigned int i;

	json_add_uuid(obj, "relationship", repl->relationship);
	json_add_u64(obj, "role", repl->role);
	array = json_object_new_array();
	for (i = 0; i < repl->nr_generations; i++) {
		one = json_object_new_object();
		json_add_uuid(one, "uuid", repl->generations[i].uuid);
		json_add_u64(one, "first", repl->generations[i].first);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "generations", array);
	array = json_object_new_array();
	for (i = 0; i < DMR_PEERS; i++) {
		if (!(peers >> i & 1))
			continue;
		one = json_object_new_object();
		json_add_u64(one, "place", i);
		json_add_string(one, "name", repl->peers[i].name);
		json_add_uuid(one, "uuid", repl->peers[i].uuid);
		json_add_u64(one, "acked", repl->peers[i].acked);
		json_add_u64(one, "acked_generation", repl->peers[i].acked_generation);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "peers", array);
	one = NULL;
	if (repl->stream.target) {
		one = json_object_new_object();
		json_add_uuid(one, "uuid", repl->stream.uuid);
		json_add_u64(one, "base", repl->stream.base);
		json_add_u64(one, "target", repl->stream.target);
		json_add_u64(one, "disk", repl->stream.disk);
		json_add_u64(one, "offset", repl->stream.offset);
		json_add_uuid(one, "generation", repl->stream.generation);
		json_add_u64(one, "first", repl->stream.first);
		json_add_u64(one, "kind", repl->stream.kind);
		json_add_u64(one, "time", repl->stream.time);
		json_add_string(one, "name", repl->stream.name);
		json_add_u64(one, "since", repl->stream.since);
		json_object_object_add(one, "aborted",
				       json_object_new_boolean(repl->stream.aborted));
	}
	json_object_object_add(obj, "stream", one);
	return obj;
}

static struct json_object *json_overlay(const struct dmr_overlay *o)
{
	struct json_object *obj;

	if (!o->epoch)
		return NULL;
	obj = json_object_new_object();
	json_add_u64(obj, "epoch", o->epoch);
	json_add_u64(obj, "base", o->base);
	json_add_u64(obj, "time", o->time);
	return obj;
}

static struct json_object *json_settings(const struct dmr_settings *set)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "space_low", set->space_low);
	json_add_u64(obj, "space_critical", set->space_critical);
	json_add_u64(obj, "full_policy", set->full_policy);
	json_add_string(obj, "full_policy_name", full_policy_name(set->full_policy));
	json_add_u64(obj, "live_reserve", set->live_reserve);
	json_add_u64(obj, "point_interval", set->point_interval);
	json_add_u64(obj, "decide_within", set->decide_within);
	json_add_u64(obj, "replication_interval", set->replication_interval);
	json_add_rate(obj, "vacuum_rate", set->vacuum_rate);
	return obj;
}

static struct json_object *json_super(const struct dmr_sb *sb)
{
	struct json_object *obj = json_object_new_object(), *array, *one;
	struct dmreplica_host_entry entry;
	uint32_t at = 0;
	unsigned int i;

	json_add_u64(obj, "seq", sb->seq);
	json_add_u64(obj, "version", DMR_SB_VERSION);
	json_add_u64(obj, "compat", sb->compat);
	json_add_u64(obj, "incompat", sb->incompat);
	json_add_u64(obj, "length", dmr_sb_length(sb));
	json_add_uuid(obj, "store_uuid", sb->store_uuid);
	json_add_uuid(obj, "system_uuid", sb->system_uuid);
	json_add_string(obj, "name", sb->name);
	json_add_u64(obj, "create_time", sb->create_time);
	json_add_u64(obj, "store_bytes", sb->store_bytes);
	json_add_u64(obj, "chunk_bytes", sb->chunk_bytes);
	json_add_u64(obj, "slot_first", sb->slot_first);
	json_add_u64(obj, "slot_end", sb->slot_end);
	json_add_u64(obj, "ring_blocks", dmr_ring_blocks(sb));
	json_add_u64(obj, "ring_old_extents", sb->ring_old_extents);
	array = json_object_new_array();
	for (i = 0; i < sb->ring_extents; i++) {
		one = json_object_new_object();
		json_add_u64(one, "first", sb->ring[i].first);
		json_add_u64(one, "count", sb->ring[i].count);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "ring", array);
	json_add_u64(obj, "ring_from", sb->ring_from);
	json_add_u64(obj, "ring_start", sb->ring_start);
	json_add_u64(obj, "ring_old_from", sb->ring_old_from);
	json_add_u64(obj, "ring_old_start", sb->ring_old_start);
	json_add_u64(obj, "log_tail", sb->log_tail);
	json_add_u64(obj, "log_durable", sb->log_durable);
	json_add_u64(obj, "state", sb->state);
	json_add_string(obj, "state_name", dmreplica_state_name(sb->state));
	json_add_u64(obj, "state_time", sb->state_time);
	json_add_u64(obj, "state_number", sb->state_number);
	json_add_u64(obj, "flags", sb->flags);
	json_add_bool(obj, "suspended", sb->flags & DMR_SB_SUSPENDED);
	json_add_bool(obj, "active", sb->flags & DMR_SB_ACTIVE);
	json_add_bool(obj, "removing", sb->flags & DMR_SB_REMOVING);
	json_add_bool(obj, "stay", sb->flags & DMR_SB_STAY);
	json_add_uuid(obj, "active_host", sb->active_host);
	json_add_uuid(obj, "active_boot", sb->active_boot);
	json_add_u64(obj, "active_time", sb->active_time);
	json_add_u64(obj, "cur_epoch", sb->cur_epoch);
	json_add_u64(obj, "next_epoch", sb->next_epoch);
	json_add_u64(obj, "last_epoch", sb->last_epoch);
	json_add_u64(obj, "promoted", sb->promoted);
	json_add_u64(obj, "dead_first", sb->dead_first);
	json_add_u64(obj, "dead_last", sb->dead_last);
	json_object_object_add(obj, "live", json_overlay(&sb->live));
	json_object_object_add(obj, "test", json_overlay(&sb->test));
	json_add_u64(obj, "next_point", sb->next_point);
	json_add_u64(obj, "job_number", sb->job_number);
	array = json_object_new_array();
	for (i = 0; i < sb->nr_disks; i++) {
		one = json_object_new_object();
		json_add_u64(one, "number", sb->disks[i].number);
		json_add_string(one, "name", sb->disks[i].name);
		json_add_uuid(one, "uuid", sb->disks[i].uuid);
		json_add_u64(one, "sectors", sb->disks[i].sectors);
		json_add_u64(one, "logical_block", sb->disks[i].logical_block);
		json_add_string(one, "identity_type",
				dmreplica_identity_type_name(sb->disks[i].identity_type));
		json_add_string(one, "identity", sb->disks[i].identity);
		json_add_u64(one, "lost", sb->disks[i].lost);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "disks", array);
	array = json_object_new_array();
	for (i = 0; i < sb->nr_points; i++) {
		one = json_object_new_object();
		json_add_u64(one, "number", sb->points[i].number);
		json_add_u64(one, "epoch", sb->points[i].epoch);
		json_add_u64(one, "kind", sb->points[i].kind);
		json_add_string(one, "kind_name", dmreplica_point_kind_name(sb->points[i].kind));
		json_add_u64(one, "time", sb->points[i].time);
		json_add_string(one, "label", sb->points[i].name);
		json_add_u64(one, "holds", sb->points[i].holds);
		json_add_u64(one, "generation", sb->points[i].generation);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "points", array);
	json_object_object_add(obj, "settings", json_settings(&sb->settings));
	json_add_u64(obj, "points_made", sb->settings.points_made);
	json_add_u64(obj, "points_dropped", sb->settings.points_dropped);
	json_add_u64(obj, "last_point_time", sb->settings.last_point_time);
	json_add_u64(obj, "last_test_time", sb->settings.last_test_time);
	json_add_u64(obj, "last_received_time", sb->settings.last_received_time);
	json_add_u64(obj, "jump_point", sb->settings.jump_point);
	json_add_u64(obj, "jump_by", sb->settings.jump_by);
	json_add_u64(obj, "state_since", sb->settings.state_since);
	json_add_u64(obj, "point_since", sb->settings.point_since);
	json_add_u64(obj, "received_since", sb->settings.received_since);
	json_add_u64(obj, "clock_offset", sb->settings.clock_offset);
	array = json_object_new_array();
	while (next_host_entry(sb, &at, &entry))
		json_object_array_add(array, json_of_host_entry(&entry));
	json_object_object_add(obj, "host_area", array);
	array = json_object_new_array();
	for (i = 0; i < sb->nr_prints; i++) {
		one = json_object_new_object();
		json_add_u64(one, "disk", sb->prints[i].disk);
		json_add_u64(one, "block", sb->prints[i].block);
		json_add_u64(one, "crc", sb->prints[i].crc);
		json_add_bool(one, "written", sb->prints[i].written);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "fingerprint", array);
	json_object_object_add(obj, "replication", dmr_replication_bytes(&sb->replication) ?
			       json_replication(&sb->replication) : NULL);
	return obj;
}

static void print_record(void *arg, const struct dmr_record *rec, uint64_t number)
{
	(void)arg;
	printf("  log %llu  %-7s  disk %u  chunk %llu  epoch %u", LL(number),
	       rec->type == DMR_RECORD_VERSION ? "version" :
	       rec->type == DMR_RECORD_DROP ? "drop" : "?", rec->disk, LL(rec->chunk),
	       rec->epoch);
	if (rec->type == DMR_RECORD_VERSION && rec->slot == DMR_SLOT_NONE_40)
		printf("  no slot");
	else if (rec->type == DMR_RECORD_VERSION)
		printf("  slot %llu", LL(rec->slot));
	printf("  data %016llx  zero %016llx\n", LL(rec->data), LL(rec->zero));
}

static void json_record(void *arg, const struct dmr_record *rec, uint64_t number)
{
	struct json_object *obj = json_object_new_object();
	char mask[24];

	json_add_u64(obj, "log", number);
	json_add_string(obj, "type", rec->type == DMR_RECORD_VERSION ? "version" :
				     rec->type == DMR_RECORD_DROP ? "drop" : "unknown");
	json_add_u64(obj, "disk", rec->disk);
	json_add_u64(obj, "chunk", rec->chunk);
	json_add_u64(obj, "epoch", rec->epoch);
	if (rec->slot == DMR_SLOT_NONE_40)
		json_object_object_add(obj, "slot", NULL);
	else
		json_add_u64(obj, "slot", rec->slot);
	snprintf(mask, sizeof(mask), "%016llx", LL(rec->data));
	json_add_string(obj, "data", mask);
	snprintf(mask, sizeof(mask), "%016llx", LL(rec->zero));
	json_add_string(obj, "zero", mask);
	json_object_array_add(arg, obj);
}

static void print_copies(struct dmreplica_store *store)
{
	const struct dmreplica_copy *copy;
	unsigned int i;

	for (i = 0; i < DMR_SB_COPIES; i++) {
		copy = dmreplica_store_copy(store, i);
		if (copy->valid) {
			printf("superblock %c, byte %u, valid\n", 'A' + i, i * DMR_SB_AREA);
			print_super(copy->sb);
		} else {
			printf("superblock %c, byte %u, not valid: %s\n", 'A' + i, i * DMR_SB_AREA,
			       copy->reason);
		}
	}
}

static struct json_object *json_copies(struct dmreplica_store *store)
{
	struct json_object *array = json_object_new_array(), *one;
	const struct dmreplica_copy *copy;
	unsigned int i;

	for (i = 0; i < DMR_SB_COPIES; i++) {
		copy = dmreplica_store_copy(store, i);
		one = copy->valid ? json_super(copy->sb) : json_object_new_object();
		json_add_string(one, "copy", i ? "B" : "A");
		json_add_bool(one, "valid", copy->valid);
		if (!copy->valid)
			json_add_string(one, "reason", copy->reason);
		json_object_array_add(array, one);
	}
	return array;
}

int cmd_dump(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "log", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	struct json_object *obj = NULL, *records;
	struct dmreplica_store *store;
	bool json = false, log = false;
	const struct dmr_sb *sb;
	int c, code, status;
	uint64_t next;

	while ((c = next_option(argc, argv, "lj", options, &status)) != -1) {
		if (c == 'l')
			log = true;
		else if (c == 'j')
			json = true;
		else
			return status;
	}
	if (optind != argc - 1)
		return usage_error("give one store or system");
	code = open_store(ctx, argv[optind], &store);
	if (code)
		return refused(ctx, code);
	if (json) {
		obj = json_object_new_object();
		json_add_string(obj, "store", dmreplica_store_path(store));
		json_object_object_add(obj, "superblocks", json_copies(store));
	} else {
		print_copies(store);
	}
	code = dmreplica_store_super(ctx, store, &sb);
	if (!code && json)
		json_add_string(obj, "in_force", sb->copy ? "B" : "A");
	else if (!code)
		printf("superblock %c is in force\n", 'A' + sb->copy);
	if (!code && log) {
		records = json ? json_object_new_array() : NULL;
		if (!json)
			printf("log, oldest record first\n");
		code = dmreplica_store_replay(ctx, store, json ? json_record : print_record, records,
					      &next);
		if (json)
			json_object_object_add(obj, "records", records);
		if (!code && json)
			json_add_u64(obj, "log_next", next);
		else if (!code)
			printf("the next log block has number %llu\n", LL(next));
	}
	if (json)
		json_print(obj);
	dmreplica_store_close(store);
	return code ? refused(ctx, code) : 0;
}
