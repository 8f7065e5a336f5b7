// SPDX-License-Identifier: GPL-2.0-only
/* Output as JSON.  Times are ns since 1970 UTC, sizes bytes, UUIDs text. */
#include <string.h>

#include "replicactl.h"

void json_print(struct json_object *obj)
{
	raw_output(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PRETTY |
						  JSON_C_TO_STRING_SPACED |
						  JSON_C_TO_STRING_NOSLASHESCAPE));
	raw_output("\n");
	json_object_put(obj);
}

void json_print_line(struct json_object *obj)
{
	raw_output(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
						  JSON_C_TO_STRING_NOSLASHESCAPE));
	raw_output("\n");
	json_object_put(obj);
}

void json_add_uuid(struct json_object *obj, const char *key, const uint8_t uuid[16])
{
	json_object_object_add(obj, key, json_object_new_string(text_uuid(uuid)));
}

void json_add_u64(struct json_object *obj, const char *key, uint64_t n)
{
	json_object_object_add(obj, key, json_object_new_uint64(n));
}

void json_add_string(struct json_object *obj, const char *key, const char *text)
{
	json_object_object_add(obj, key, json_object_new_string(text));
}

void json_add_bool(struct json_object *obj, const char *key, bool value)
{
	json_object_object_add(obj, key, json_object_new_boolean(value));
}

/* A rate that adapts is null, one without a limit a word: JSON has no numbers for them. */
void json_add_rate(struct json_object *obj, const char *key, uint64_t rate)
{
	if (rate == DMREPLICA_UNLIMITED)
		json_add_string(obj, key, "unlimited");
	else
		json_object_object_add(obj, key, rate == DMREPLICA_RATE_ADAPTS ? NULL :
				       json_object_new_uint64(rate));
}

/* A device that does not exist is null. */
void json_add_device(struct json_object *obj, const char *key, uint32_t major, uint32_t minor)
{
	struct json_object *dev = NULL;
	char number[32];

	if (major || minor) {
		dev = json_object_new_object();
		snprintf(number, sizeof(number), "%u:%u", major, minor);
		json_add_string(dev, "number", number);
		json_add_string(dev, "path", text_device(major, minor));
	}
	json_object_object_add(obj, key, dev);
}

/* The stream that is half in, or was given up.  Return: NULL without one. */
static struct json_object *json_stream(const struct dmreplica_system *sys)
{
	struct json_object *obj;

	if (!sys->stream_point)
		return NULL;
	obj = json_object_new_object();
	json_add_uuid(obj, "uuid", sys->stream);
	json_add_bool(obj, "aborted", sys->flags & DM_REPLICA_SYSTEM_FLAGS_ABORTED);
	json_add_u64(obj, "base", sys->stream_base);
	json_add_u64(obj, "point", sys->stream_point);
	json_add_uuid(obj, "generation", sys->stream_generation);
	json_add_u64(obj, "time", sys->stream_time);
	json_add_u64(obj, "since", sys->stream_since);
	json_add_u64(obj, "disk", sys->stream_disk);
	json_add_u64(obj, "offset", sys->stream_offset);
	return obj;
}

struct json_object *json_system(const struct dmreplica_system *sys)
{
	struct json_object *obj = json_object_new_object(), *stats;

	json_add_string(obj, "name", sys->name);
	json_add_uuid(obj, "uuid", sys->uuid);
	json_add_bool(obj, "attached", sys->attached);
	json_add_bool(obj, "configured", sys->known);
	json_add_string(obj, "store", sys->store);
	json_add_u64(obj, "disks", sys->disks);
	if (!sys->read)
		return obj;
	json_add_u64(obj, "state", sys->state);
	json_add_string(obj, "state_name", dmreplica_state_name(sys->state));
	json_add_u64(obj, "state_stored", sys->state_stored);
	json_add_string(obj, "state_stored_name", dmreplica_state_name(sys->state_stored));
	json_add_u64(obj, "state_number", sys->state_number);
	json_add_u64(obj, "state_time", sys->state_time);
	json_add_bool(obj, "suspended", sys->flags & DM_REPLICA_SYSTEM_FLAGS_SUSPENDED);
	json_add_bool(obj, "failed_over", sys->flags & DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER);
	json_add_bool(obj, "test", sys->flags & DM_REPLICA_SYSTEM_FLAGS_TEST);
	json_add_bool(obj, "incomplete", sys->flags & DM_REPLICA_SYSTEM_FLAGS_INCOMPLETE);
	json_add_bool(obj, "critical", sys->flags & DM_REPLICA_SYSTEM_FLAGS_CRITICAL);
	json_add_bool(obj, "removing", sys->flags & DM_REPLICA_SYSTEM_FLAGS_REMOVING);
	json_add_bool(obj, "stay", sys->flags & DM_REPLICA_SYSTEM_FLAGS_STAY);
	json_add_bool(obj, "receives", sys->flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVES);
	json_add_string(obj, "role", dmreplica_role_name(sys));
	json_add_uuid(obj, "relationship", dmreplica_relationship(sys));
	json_object_object_add(obj, "stream", json_stream(sys));
	if (*sys->reason)
		json_add_string(obj, "reason", sys->reason);
	if (sys->elsewhere) {
		json_add_string(obj, "active_on_host", text_host(sys->active_host));
		json_add_u64(obj, "active_since", sys->active_time);
	}
	json_add_uuid(obj, "store_uuid", sys->store_uuid);
	json_add_device(obj, "store_device", sys->store_major, sys->store_minor);
	json_add_u64(obj, "store_bytes", sys->store_bytes);
	json_add_u64(obj, "store_device_bytes", sys->store_device_bytes);
	json_add_u64(obj, "chunk_bytes", sys->chunk_bytes);
	json_add_u64(obj, "disks_attached", sys->disks_attached);
	json_add_u64(obj, "points", sys->points);
	json_add_u64(obj, "slots", sys->slots);
	json_add_u64(obj, "slots_used", sys->slots_used);
	json_add_u64(obj, "versions", sys->versions);
	json_add_u64(obj, "log_blocks", sys->log_blocks);
	json_add_u64(obj, "log_used", sys->log_used);
	json_add_u64(obj, "commits", sys->commits);
	json_add_u64(obj, "superblocks", sys->superblocks);
	json_add_u64(obj, "live_epoch", sys->live_epoch);
	json_add_u64(obj, "live_point", sys->live_point);
	json_add_u64(obj, "live_time", sys->live_time);
	json_add_u64(obj, "live_bytes", sys->live_bytes);
	json_add_u64(obj, "live_writes", sys->live_writes);
	json_add_u64(obj, "test_epoch", sys->test_epoch);
	json_add_u64(obj, "open_views", sys->open_views);
	json_add_u64(obj, "test_point", sys->test_point);
	json_add_u64(obj, "test_time", sys->test_time);
	json_add_u64(obj, "test_bytes", sys->test_bytes);
	json_add_u64(obj, "test_writes", sys->test_writes);
	json_add_u64(obj, "vacuum_pending", sys->vacuum_pending);
	json_add_bool(obj, "vacuum_held", sys->vacuum_held != 0);
	json_add_rate(obj, "vacuum_rate", sys->vacuum_rate);
	json_add_u64(obj, "home_bytes", sys->home_bytes);
	json_add_u64(obj, "slots_reserved", sys->slots_reserved);
	if (sys->health) {
		json_add_u64(obj, "health", sys->health);
		json_add_string(obj, "health_name", dmreplica_health_name(sys->health));
		json_object_object_add(obj, "health_reasons",
				       json_reasons(sys, sys->health_reasons));
	}
	stats = json_object_new_object();
	json_add_u64(stats, "replicated_bytes", sys->replicated_bytes);
	json_add_u64(stats, "replicated_writes", sys->replicated_writes);
	json_add_u64(stats, "points_made", sys->points_made);
	json_add_u64(stats, "points_dropped", sys->points_dropped);
	json_add_u64(stats, "last_point_time", sys->last_point_time);
	json_add_u64(stats, "last_test_time", sys->last_test_time);
	json_add_u64(stats, "last_received_time", sys->last_received_time);
	json_object_object_add(obj, "statistics", stats);
	return obj;
}

struct json_object *json_disk(const struct dmreplica_disk *disk)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "number", disk->number);
	json_add_string(obj, "name", disk->name);
	json_add_uuid(obj, "uuid", disk->uuid);
	json_add_u64(obj, "bytes", disk->bytes);
	json_add_string(obj, "home", disk->home);
	json_add_device(obj, "home_device", disk->home_major, disk->home_minor);
	json_add_device(obj, "replica", disk->replica_major, disk->replica_minor);
	json_add_device(obj, "live", disk->live_major, disk->live_minor);
	json_add_u64(obj, "live_openers", disk->live_openers);
	json_add_u64(obj, "live_bytes", disk->live_bytes);
	json_add_device(obj, "test", disk->test_major, disk->test_minor);
	json_add_u64(obj, "test_openers", disk->test_openers);
	json_add_u64(obj, "test_bytes", disk->test_bytes);
	json_add_u64(obj, "errors", disk->errors);
	json_add_bool(obj, "lost_writes", disk->lost_writes);
	json_add_bool(obj, "fingerprint", disk->fingerprint);
	return obj;
}

/* An array of names that commas separate. */
static struct json_object *json_names(const char *names)
{
	struct json_object *array = json_object_new_array();
	size_t len;

	for (; *names; names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		json_object_array_add(array, json_object_new_string_len(names, len));
	}
	return array;
}

struct json_object *json_point(const struct dmreplica_point *point)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "number", point->number);
	json_add_u64(obj, "time", point->time);
	json_add_u64(obj, "kind", point->kind);
	json_add_string(obj, "kind_name", dmreplica_point_kind_name(point->kind));
	json_add_string(obj, "label", point->name);
	json_add_bool(obj, "in_use", point->in_use);
	json_add_u64(obj, "generation", point->generation);
	json_add_u64(obj, "arrived", point->arrived);
	json_object_object_add(obj, "held_by", json_names(point->held_by));
	json_add_bool(obj, "open", *point->views);
	if (point->sized)
		json_add_u64(obj, "bytes", point->bytes);
	return obj;
}

struct json_object *json_job(const struct dmreplica_job *job)
{
	struct json_object *obj = json_object_new_object();

	json_add_string(obj, "system", job->system_name);
	json_add_uuid(obj, "system_uuid", job->system);
	json_add_u64(obj, "id", job->id);
	json_add_uuid(obj, "uuid", job->uuid);
	json_add_u64(obj, "type", job->type);
	json_add_string(obj, "type_name", dmreplica_job_type_name(job->type));
	json_add_u64(obj, "state", job->state);
	json_add_string(obj, "state_name", dmreplica_job_state_name(job->state));
	json_add_u64(obj, "percent", job->percent);
	json_add_u64(obj, "start_time", job->start_time);
	json_add_u64(obj, "elapsed", job->elapsed);
	if (dmreplica_job_ended(job->state)) {
		json_add_u64(obj, "code", job->code);
		json_add_string(obj, "code_name", dmreplica_code_name(job->code));
	}
	if (job->decided)
		json_add_u64(obj, "answer", job->answer);
	if (job->point)
		json_add_u64(obj, "point", job->point);
	json_add_bool(obj, "cancellable", job->cancellable);
	if (job->request) {
		json_add_u64(obj, "request", job->request);
		json_add_string(obj, "request_name", dmreplica_job_request_name(job->request));
	}
	if (job->bytes_total) {
		json_add_u64(obj, "bytes", job->bytes);
		json_add_u64(obj, "bytes_total", job->bytes_total);
	}
	if (job->owned) {
		json_add_u64(obj, "owner_uid", job->owner_uid);
		if (job->owner_login_uid != DMREPLICA_NO_LOGIN)
			json_add_u64(obj, "owner_login_uid", job->owner_login_uid);
		json_add_string(obj, "owner_comm", job->owner_comm);
	}
	if (job->discarded)
		json_add_u64(obj, "discarded", job->discarded);
	if (job->points_dropped)
		json_add_u64(obj, "points_dropped", job->points_dropped);
	if (job->state_number) {
		json_add_u64(obj, "state_number", job->state_number);
		json_add_u64(obj, "system_state", job->system_state);
		json_add_u64(obj, "system_was", job->system_was);
	}
	if (*job->outcome)
		json_add_string(obj, "outcome", job->outcome);
	json_add_string(obj, "text", job->text);
	return obj;
}
