// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl verify: hashes of a recovery point, to be compared with those of the same point on
 * another host.  A point does not move, so that there is no false alarm.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"

#define VIEW	"verify"
#define REGION	(64ULL << 20)	/* bytes behind a hash */
#define LINE	256

struct verify {
	struct keeper k;
	struct dmrs_identity point;
	FILE *against;			/* NULL: print the hashes */
	bool json;
	bool open;
	char fault[LINE];		/* of @against */
	struct json_object *list;	/* of regions: all, or those that differ */
	uint64_t regions, differ;
	struct dmrs_note_hash last;	/* the last region that differs, to join the next one */
};

static const char *sum_text(const uint8_t *sum)
{
	static char text[65];
	int i;

	for (i = 0; i < 32; i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	return text;
}

/* Print what differs, regions next to each other as one. */
static void flush_difference(struct verify *v)
{
	struct dmrs_note_hash *d = &v->last;
	const char *name = v->k.state.disks[d->disk].name;
	struct json_object *one;

	if (!d->length)
		return;
	if (v->json) {
		one = json_object_new_object();
		json_add_string(one, "disk", name);
		json_add_u64(one, "offset", d->offset);
		json_add_u64(one, "length", d->length);
		json_object_array_add(v->list, one);
	} else {
		printf("%s differs in %llu bytes from %llu on, or in a part of them\n", name,
		       (unsigned long long)d->length, (unsigned long long)d->offset);
	}
	d->length = 0;
}

static void add_difference(struct verify *v, const struct dmrs_note_hash *h)
{
	v->differ++;
	if (v->last.length && v->last.disk == h->disk &&
	    v->last.offset + v->last.length == h->offset) {
		v->last.length += h->length;
		return;
	}
	flush_difference(v);
	v->last = *h;
}

static void compare(struct verify *v, const struct dmrs_note_hash *h)
{
	unsigned long long offset, length;
	char line[LINE], name[LINE], sum[LINE];

	if (*v->fault)
		return;
	if (!fgets(line, sizeof(line), v->against) ||
	    sscanf(line, "%s %llu %llu %s", name, &offset, &length, sum) != 4) {
		snprintf(v->fault, sizeof(v->fault), "the hashes end before the disks");
		return;
	}
	if (strcmp(name, v->k.state.disks[h->disk].name) || offset != h->offset ||
	    length != h->length)
		snprintf(v->fault, sizeof(v->fault), "the hashes are of other disks");
	else if (strcmp(sum, sum_text(h->sum)))
		add_difference(v, h);
}

static void hash_found(struct keeper *k, const struct dmrs_note_hash *h)
{
	struct verify *v = (struct verify *)k;
	struct json_object *one;

	v->regions++;
	if (v->against) {
		compare(v, h);
	} else if (v->json) {
		one = json_object_new_object();
		json_add_string(one, "disk", k->state.disks[h->disk].name);
		json_add_u64(one, "offset", h->offset);
		json_add_u64(one, "length", h->length);
		json_add_string(one, "sha256", sum_text(h->sum));
		json_object_array_add(v->list, one);
	} else {
		printf("%s %llu %llu %s\n", k->state.disks[h->disk].name,
		       (unsigned long long)h->offset, (unsigned long long)h->length,
		       sum_text(h->sum));
	}
}

static int answer(struct keeper *k, struct dmrs_note *note)
{
	if (note->kind != DMRS_NOTE_FILES)
		return DM_REPLICA_CODE_NOT_SUPPORTED;
	return keeper_give_files(k);
}

static const struct keeper_ops ops = { .answer = answer, .hash = hash_found };

static int close_point(struct verify *v)
{
	v->open = false;
	return keeper_close_view(&v->k, VIEW);
}

static int open_point(struct verify *v)
{
	struct dmreplica_op op = {
		.given = DMREPLICA_OP_POINT | DMREPLICA_OP_VIEW, .view = VIEW,
		.point = v->point.number,
	};
	int code;

	/* what a killed process has left */
	code = close_point(v);
	if (!code)
		code = dmreplica_point_open(v->k.ctx, &v->k.sys, &op);
	v->open = !code;
	return code ?: keeper_open_view(&v->k, VIEW);
}

/* The first line says of which point the hashes are.  Return: false if it is of another one. */
static bool check_point(struct verify *v, char *fault, size_t size)
{
	unsigned long long number, region;
	char line[LINE], uuid[LINE];

	if (!fgets(line, sizeof(line), v->against) ||
	    sscanf(line, "point %llu generation %s regions %llu", &number, uuid, &region) != 3 ||
	    region != REGION)
		snprintf(fault, size, "these are no hashes of replicactl verify");
	else if (strlen(uuid) != 36 || strspn(uuid, "0123456789abcdef-") != 36)
		snprintf(fault, size, "the hashes have no generation");
	else if (number != v->point.number || strcmp(uuid, text_uuid(v->point.generation)))
		snprintf(fault, size, "the hashes are of recovery point %llu of generation %.36s, not of point %llu of %s",
			 number, uuid, (unsigned long long)v->point.number,
			 text_uuid(v->point.generation));
	else
		return true;
	return false;
}

/* Is there more in the file with the hashes than this system's disks? */
static void compare_end(struct verify *v)
{
	char line[LINE];

	if (!*v->fault && fgets(line, sizeof(line), v->against))
		snprintf(v->fault, sizeof(v->fault), "the hashes go on behind the end of the disks");
	if (!*v->fault && ferror(v->against))
		snprintf(v->fault, sizeof(v->fault), "the hashes cannot be read: %s",
			 strerror(errno));
}

static int end(struct verify *v, int code)
{
	struct json_object *obj;
	char text[LINE];

	if (v->against) {
		flush_difference(v);
		if (!code)
			compare_end(v);
	}
	if (v->json && !code) {
		obj = json_object_new_object();
		json_add_string(obj, "system", v->k.sys.name);
		json_add_u64(obj, "point", v->point.number);
		json_add_uuid(obj, "generation", v->point.generation);
		json_add_u64(obj, "regions", v->regions);
		json_object_object_add(obj, v->against ? "differences" : "hashes", v->list);
		json_print(obj);
	}
	if (code)
		return refused_because(code, v->k.fault.sentence, "");
	if (*v->fault)
		return refused_because(DM_REPLICA_CODE_INVALID_PARAMETER, v->fault, "");
	/* Hashes that are not all there would be compared with some of the disks only. */
	if (fflush(stdout) || ferror(stdout))
		return refused_because(DM_REPLICA_CODE_FAILED, strerror(errno),
				       "standard output gets the hashes");
	if (!v->against)
		return 0;
	if (!v->differ) {
		if (!v->json)
			printf("0 %s: recovery point %llu of %s is the same on both sides\n",
			       dmreplica_code_name(0), (unsigned long long)v->point.number,
			       v->k.sys.name);
		return 0;
	}
	snprintf(text, sizeof(text), "recovery point %llu of %s differs in %llu of %llu regions",
		 (unsigned long long)v->point.number, v->k.sys.name,
		 (unsigned long long)v->differ, (unsigned long long)v->regions);
	return refused_because(DM_REPLICA_CODE_FAILED, text, "");
}

static int verify(struct verify *v, uint64_t number)
{
	char nr[16], region[24], fault[LINE];
	char *argv[] = { "dm-replica-worker", "hash", nr, region, NULL };
	struct keeper *k = &v->k;
	uint32_t i;
	int code;

	code = stream_state(k->ctx, &k->sys, true, &k->hello, &k->state);
	if (code)
		return refused(k->ctx, code);
	for (i = 0; i < k->state.nr_points && k->state.points[i].number != number; i++)
		;
	if (i == k->state.nr_points)
		return refused_because(DM_REPLICA_CODE_NOT_FOUND, "there is no recovery point to verify",
				       "");
	v->point.number = number;
	memcpy(v->point.generation, k->state.generations[k->state.points[i].generation].uuid, 16);
	if (v->against && !check_point(v, fault, sizeof(fault)))
		return refused_because(DM_REPLICA_CODE_INVALID_PARAMETER, fault,
				       "name the same point on both sides: --point");
	code = open_point(v);
	if (code)
		return refused(k->ctx, code);
	snprintf(nr, sizeof(nr), "%u", k->state.nr_disks);
	snprintf(region, sizeof(region), "%llu", REGION);
	v->list = v->json ? json_object_new_array() : NULL;
	if (!v->against && !v->json)
		printf("point %llu generation %s regions %llu\n", (unsigned long long)number,
		       text_uuid(v->point.generation), REGION);
	if (!keeper_start(k, -1, -1, argv))
		return refused_because(DM_REPLICA_CODE_NOT_SUPPORTED, strerror(errno),
				       "dm-replica-worker is a part of package replicactl");
	return end(v, keeper_run(k));
}

int cmd_verify(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "against", required_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "point", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 }
	};
	const char *point = NULL, *against = NULL;
	static struct verify v;
	int c, code, status;
	uint64_t number = 0;
	bool json = false;

	while ((c = next_option(argc, argv, "jp:", options, &status)) != -1) {
		switch (c) {
		case 'a':
			against = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'p':
			point = optarg;
			if (!parse_point(point))
				return usage_error("--point %s is neither the number nor the label of a point",
						   point);
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	code = keeper_open(&v.k, ctx, argv[optind], "verify");
	if (!code)
		code = find_point(ctx, &v.k.sys, point, &number);
	v.k.ops = &ops;
	v.k.quiet = true;
	v.json = json;
	if (code) {
		status = refused(ctx, code);
	} else if (against && !(v.against = strcmp(against, "-") ? fopen(against, "re") : stdin)) {
		status = refused_because(dmreplica_code_of_errno(errno), strerror(errno), "");
	} else {
		status = verify(&v, number);
	}
	keeper_stop(&v.k);
	keeper_close_files(&v.k);
	if (v.open && close_point(&v))
		refused(ctx, DM_REPLICA_CODE_IN_USE);
	keeper_close(&v.k);
	return status;
}
