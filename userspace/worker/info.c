// SPDX-License-Identifier: GPL-2.0-only
/* A stream from standard input, as JSON on standard output. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include <stream/info.h>
#include "worker.h"

#define STREAMS	256		/* described; more are counted */
#define BUFFER	(256u << 10)

struct result {
	struct json_object *streams;
	u32 nr;
};

static void add_u64(struct json_object *obj, const char *key, u64 n)
{
	json_object_object_add(obj, key, json_object_new_uint64(n));
}

static void add_string(struct json_object *obj, const char *key, const char *text)
{
	json_object_object_add(obj, key, json_object_new_string(text));
}

static struct json_object *uuid(const u8 *u)
{
	char text[40];

	snprintf(text, sizeof(text),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
	return json_object_new_string(text);
}

static struct json_object *identity(const struct dmrs_identity *id)
{
	struct json_object *obj;

	if (!id->number)
		return NULL;
	obj = json_object_new_object();
	add_u64(obj, "number", id->number);
	json_object_object_add(obj, "generation", uuid(id->generation));
	return obj;
}

static struct json_object *disks(const struct dmrs_begin *b)
{
	struct json_object *array = json_object_new_array(), *one;
	u32 i;

	for (i = 0; i < b->nr_disks; i++) {
		one = json_object_new_object();
		add_string(one, "name", b->disks[i].name);
		json_object_object_add(one, "uuid", uuid(b->disks[i].uuid));
		add_u64(one, "bytes", b->disks[i].bytes);
		json_object_array_add(array, one);
	}
	return array;
}

static void add_stream(void *arg, const struct dmrs_info_stream *stream)
{
	static const char *const kinds[] = { "", "full", "delta", "comparison" };
	const struct dmrs_begin *b = stream->begin;
	struct json_object *obj, *from;
	struct result *result = arg;

	if (result->nr++ >= STREAMS)
		return;
	obj = json_object_new_object();
	json_object_object_add(obj, "uuid", uuid(b->stream));
	json_object_object_add(obj, "complete", json_object_new_boolean(stream->complete));
	add_string(obj, "kind", kinds[b->kind]);
	json_object_object_add(obj, "base", identity(&b->base));
	json_object_object_add(obj, "target", identity(&b->target));
	add_u64(obj, "point_kind", b->point_kind);
	add_u64(obj, "time", b->time);
	add_string(obj, "label", b->label);
	from = json_object_new_object();
	add_u64(from, "disk", b->from.disk);
	add_u64(from, "offset", b->from.offset);
	json_object_object_add(obj, "from", from);
	json_object_object_add(obj, "disks", disks(b));
	add_u64(obj, "extents", stream->count->extents);
	add_u64(obj, "bytes", stream->count->bytes);
	add_u64(obj, "zero_extents", stream->count->zero_extents);
	add_u64(obj, "zero_bytes", stream->count->zero_bytes);
	add_u64(obj, "metadata_bytes", stream->meta_bytes);
	json_object_array_add(result->streams, obj);
}

static void add_counts(struct json_object *obj, const struct dmrs_link_count *count)
{
	struct json_object *types = json_object_new_object();
	u64 total = count->skipped;
	u32 i;

	for (i = 0; i < DMRS_TYPES; i++) {
		total += count->frames[i];
		if (count->frames[i])
			add_u64(types, dmrs_frame_name(i), count->frames[i]);
	}
	add_u64(obj, "frame_bytes", count->bytes);
	add_u64(obj, "frames", total);
	json_object_object_add(obj, "frames_by_type", types);
	add_u64(obj, "frames_skipped", count->skipped);
	add_u64(obj, "frames_compressed", count->packed);
}

static void add_sender(struct json_object *obj, const struct dmrs_hello *hello)
{
	struct json_object *sender = NULL;

	if (hello->lowest) {
		sender = json_object_new_object();
		add_string(sender, "host", hello->host);
		json_object_object_add(sender, "system", uuid(hello->system));
		json_object_object_add(sender, "relationship", uuid(hello->relationship));
		add_u64(sender, "clock", hello->clock);
	}
	json_object_object_add(obj, "sender", sender);
}

/* Return: 0 at the end or where no more is needed, a negative errno. */
static int feed(struct dmrs_info *info)
{
	static u8 buf[BUFFER];
	ssize_t n;

	do {
		n = read(STDIN_FILENO, buf, sizeof(buf));
		if (n < 0 && errno != EINTR)
			return -errno;
	} while (n < 0 || (n && dmrs_info_feed(info, buf, n)));
	return 0;
}

int worker_info(void)
{
	struct result result = { .streams = json_object_new_array() };
	struct dmrs_info *info = dmrs_info_new(add_stream, &result);
	struct json_object *obj = json_object_new_object();
	const struct dmrs_refusal *fault;
	int err;

	if (!info || !obj || !result.streams) {
		fprintf(stderr, "dm-replica-worker: out of memory\n");
		return 1;
	}
	err = feed(info);
	if (err) {
		fprintf(stderr, "dm-replica-worker: standard input: %s\n", strerror(-err));
		return 1;
	}
	fault = dmrs_info_end(info);
	add_string(obj, "format", "dm-replica stream 1");
	json_object_object_add(obj, "intact", json_object_new_boolean(!fault));
	json_object_object_add(obj, "fault",
			       fault ? json_object_new_string(fault->sentence) : NULL);
	add_sender(obj, dmrs_info_sender(info));
	add_counts(obj, dmrs_info_count(info));
	add_u64(obj, "streams_total", result.nr);
	json_object_object_add(obj, "streams", result.streams);
	dmrs_info_free(info);
	puts(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(obj);
	return fflush(stdout) ? 1 : 0;
}
