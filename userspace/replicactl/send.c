// SPDX-License-Identifier: GPL-2.0-only
/* replicactl send: a stream on standard output. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sending.h"

struct request {
	const char *from, *to;		/* points as given; NULL: none, and the newest */
	bool full, dry, json, plain;
	uint64_t sync;			/* bytes between two SYNCs; 0: the usual number */
	uint64_t base, target;		/* numbers */
};

/* Return: false if the command ends with *@status. */
static bool parse(int argc, char **argv, struct request *q, int *status)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "full", no_argument, NULL, 'a' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "plain", no_argument, NULL, 'p' },
		{ "sync", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = next_option(argc, argv, "f:t:nj", options, status)) != -1) {
		switch (c) {
		case 'f':
		case 't':
			*(c == 'f' ? &q->from : &q->to) = optarg;
			if (parse_point(optarg))
				break;
			*status = usage_error("%s is neither the number nor the label of a point",
					      optarg);
			return false;
		case 'a':
			q->full = true;
			break;
		case 'n':
			q->dry = true;
			break;
		case 'j':
			q->json = true;
			break;
		case 'p':
			q->plain = true;
			break;
		case 's':
			if (parse_size(optarg, &q->sync) && q->sync >= 4096 && q->sync <= 1u << 30)
				break;
			*status = usage_error("--sync %s is not a size from 4K to 1G", optarg);
			return false;
		default:
			return false;
		}
	}
	*status = 0;
	if (optind != argc - 1)
		*status = usage_error("give one system");
	else if (q->from && q->full)
		*status = usage_error("--from and --full contradict each other");
	else if (!q->from && !q->full)
		*status = usage_error("name the newest point of the receiver: --from POINT; or send everything: --full");
	else if (!q->dry && isatty(STDOUT_FILENO))
		*status = usage_error("standard output is a terminal: send to a file or a pipe");
	return !*status;
}

/* Return: 0 or a refusal. */
static int find_points(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct request *q)
{
	int code = 0;

	if (q->from)
		code = find_point(ctx, sys, q->from, &q->base);
	return code ?: find_point(ctx, sys, q->to, &q->target);
}

static struct json_object *json_size(const struct sending_size *size)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "bytes", size->bytes);
	json_add_u64(obj, "extents", size->extents);
	json_add_u64(obj, "zero_bytes", size->zero_bytes);
	json_add_u64(obj, "zero_extents", size->zero_extents);
	return obj;
}

static void print_size(const char *name, const struct sending_size *size)
{
	printf("%-16s  %14llu  %10llu  %14llu  %10llu\n", name, (unsigned long long)size->bytes,
	       (unsigned long long)size->extents, (unsigned long long)size->zero_bytes,
	       (unsigned long long)size->zero_extents);
}

static int dry_run(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   const struct request *q)
{
	struct json_object *obj = NULL, *array = NULL, *one;
	struct sending_size size, all = { 0 };
	struct dmreplica_disk *disks;
	size_t nr, i;
	int code;

	code = dmreplica_disk_list(ctx, sys, &disks, &nr);
	if (code)
		return refused(ctx, code);
	if (q->json) {
		obj = json_object_new_object();
		array = json_object_new_array();
		json_add_string(obj, "system", sys->name);
		json_add_u64(obj, "from", q->base);
		json_add_u64(obj, "to", q->target);
		json_object_object_add(obj, "disks", array);
	} else {
		printf("%-16s  %14s  %10s  %14s  %10s\n", "DISK", "BYTES", "EXTENTS", "ZERO BYTES",
		       "EXTENTS");
	}
	for (i = 0; i < nr; i++) {
		code = sending_measure(ctx, sys, disks[i].number, q->base, q->target, 0,
				       &size);
		if (code)
			break;
		all.bytes += size.bytes;
		all.extents += size.extents;
		all.zero_bytes += size.zero_bytes;
		all.zero_extents += size.zero_extents;
		if (q->json) {
			one = json_size(&size);
			json_add_string(one, "name", disks[i].name);
			json_object_array_add(array, one);
		} else {
			print_size(disks[i].name, &size);
		}
	}
	dmreplica_list_free(disks);
	if (q->json && !code) {
		json_object_object_add(obj, "all", json_size(&all));
		json_print(obj);
	} else if (!code) {
		print_size("all", &all);
	}
	return code ? refused(ctx, code) : 0;
}

static void print_result(const struct sending *s, const struct request *q)
{
	const struct dmrs_count *c = &s->k.count.count;
	struct json_object *obj;

	if (!q->json) {
		fprintf(stderr, "%s: recovery point %llu of %s is sent: %s, and %s of zeroes, in %s of stream\n",
			program.name, (unsigned long long)q->target, s->k.sys.name,
			text_size(c->bytes), text_size(c->zero_bytes), text_size(s->k.count.wire));
		return;
	}
	obj = json_object_new_object();
	json_add_string(obj, "system", s->k.sys.name);
	json_add_u64(obj, "from", q->base);
	json_add_u64(obj, "to", q->target);
	json_add_u64(obj, "bytes", c->bytes);
	json_add_u64(obj, "extents", c->extents);
	json_add_u64(obj, "zero_bytes", c->zero_bytes);
	json_add_u64(obj, "zero_extents", c->zero_extents);
	json_add_u64(obj, "stream_bytes", s->k.count.wire);
	fprintf(stderr, "%s\n", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN));
	json_object_put(obj);
}

static int send_stream(struct sending *s, const struct request *q)
{
	char sync[24], base[24], target[24];
	char *argv[] = {
		"dm-replica-worker", "send", "file", q->plain ? "plain" : "packed", sync, base,
		target, NULL,
	};
	int out = keeper_output(STDOUT_FILENO), code;

	if (out < 0)
		return refused_because(DM_REPLICA_CODE_FAILED, strerror(errno),
				       "standard output gets the stream");
	snprintf(sync, sizeof(sync), "%llu", (unsigned long long)q->sync);
	snprintf(base, sizeof(base), "%llu", (unsigned long long)q->base);
	snprintf(target, sizeof(target), "%llu", (unsigned long long)q->target);
	if (!keeper_start(&s->k, -1, out, argv)) {
		close(out);
		return refused_because(DM_REPLICA_CODE_NOT_SUPPORTED, strerror(errno),
				       "dm-replica-worker is a part of package replicactl");
	}
	close(out);
	code = keeper_run(&s->k);
	if (code)
		return refused_because(code, s->k.fault.sentence, "");
	print_result(s, q);
	return 0;
}

int cmd_send(struct dmreplica *ctx, int argc, char **argv)
{
	struct request q = { 0 };
	struct dmreplica_system sys;
	struct sending s;
	int code, status;

	if (!parse(argc, argv, &q, &status))
		return status;
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = find_points(ctx, &sys, &q);
	if (code)
		return refused(ctx, code);
	if (!q.target)
		return refused_because(DM_REPLICA_CODE_NOT_FOUND, "there is no recovery point to send",
				       "replicactl recovery-point create makes one");
	if (q.dry)
		return dry_run(ctx, &sys, &q);
	code = sending_init(&s, ctx, argv[optind]);
	status = code ? refused(ctx, code) : send_stream(&s, &q);
	sending_end(&s);
	return status;
}
