// SPDX-License-Identifier: GPL-2.0-only
/* replicactl check */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"
#include "store.h"

static const char *const severities[] = { "ok", "doubt", "refused", "DAMAGE" };

static struct json_object *json_report(const char *path, const struct dmreplica_report *r)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *array, *one;
	size_t i;

	json_add_string(obj, "store", path);
	json_add_u64(obj, "damage", r->damage);
	json_add_u64(obj, "refusals", r->refusals);
	json_add_u64(obj, "doubts", r->doubts);
	if (r->checked_log) {
		json_add_u64(obj, "log_blocks", r->log_blocks);
		json_add_u64(obj, "log_tail", r->log_tail);
		json_add_u64(obj, "log_next", r->log_next);
		json_add_u64(obj, "records", r->records);
		json_add_u64(obj, "version_records", r->version_records);
		json_add_u64(obj, "drop_records", r->drop_records);
		json_add_u64(obj, "dead_records", r->dead_records);
		json_add_u64(obj, "versions", r->versions);
		json_add_u64(obj, "slots", r->slots);
		json_add_u64(obj, "slots_used", r->slots_used);
		json_add_u64(obj, "duplicates", r->duplicates);
		json_add_u64(obj, "live_bytes", r->live_bytes);
		json_add_u64(obj, "test_bytes", r->test_bytes);
	}
	array = json_object_new_array();
	for (i = 0; i < r->nr_epochs; i++) {
		one = json_object_new_object();
		json_add_u64(one, "epoch", r->epochs[i].epoch);
		json_add_string(one, "role", r->epochs[i].role);
		json_add_u64(one, "versions", r->epochs[i].versions);
		json_add_u64(one, "slots", r->epochs[i].slots);
		json_add_u64(one, "data_blocks", r->epochs[i].data_blocks);
		json_add_u64(one, "zero_blocks", r->epochs[i].zero_blocks);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "epochs", array);
	array = json_object_new_array();
	for (i = 0; i < r->nr_findings; i++) {
		one = json_object_new_object();
		json_add_string(one, "severity",
				r->findings[i].severity == DMREPLICA_DAMAGE ? "damage" :
				severities[r->findings[i].severity]);
		if (r->findings[i].block != UINT64_MAX)
			json_add_u64(one, "block", r->findings[i].block);
		if (r->findings[i].log_number)
			json_add_u64(one, "log_number", r->findings[i].log_number);
		json_add_string(one, "text", r->findings[i].text);
		json_object_array_add(array, one);
	}
	json_object_object_add(obj, "findings", array);
	return obj;
}

static void print_report(const char *path, const struct dmreplica_report *r)
{
	size_t i;

	printf("store %s\n", path);
	for (i = 0; i < r->nr_findings; i++) {
		const struct dmreplica_finding *f = &r->findings[i];

		printf("  %-7s %s", severities[f->severity], f->text);
		if (f->severity != DMREPLICA_NOTE && f->block != UINT64_MAX)
			printf(" (4 KiB block %llu)", (unsigned long long)f->block);
		if (f->severity != DMREPLICA_NOTE && f->log_number)
			printf(" (log block %llu)", (unsigned long long)f->log_number);
		printf("\n");
	}
	if (r->checked_log) {
		printf("  log: %llu of %llu blocks, %s: %llu of versions, %llu of moves home, %llu of dead epochs\n",
		       (unsigned long long)(r->log_next - r->log_tail),
		       (unsigned long long)r->log_blocks, text_count(r->records, "record"),
		       (unsigned long long)r->version_records,
		       (unsigned long long)r->drop_records, (unsigned long long)r->dead_records);
		printf("  map: %s, %llu of %llu slots used, %s\n",
		       text_count(r->versions, "live version"),
		       (unsigned long long)r->slots_used, (unsigned long long)r->slots,
		       text_count(r->duplicates, "duplicate"));
		for (i = 0; i < r->nr_epochs; i++)
			printf("  epoch %u (%s): %s, %s, %llu data and %llu zero blocks\n",
			       r->epochs[i].epoch, r->epochs[i].role,
			       text_count(r->epochs[i].versions, "version"),
			       text_count(r->epochs[i].slots, "slot"),
			       (unsigned long long)r->epochs[i].data_blocks,
			       (unsigned long long)r->epochs[i].zero_blocks);
	}
	if (r->damage)
		printf("damaged: %s\n", text_count(r->damage, "finding"));
	else if (r->refusals)
		printf("attach refuses it: %s\n", text_count(r->refusals, "finding"));
	else if (r->doubts)
		printf("good, with %s\n", text_count(r->doubts, "doubt"));
	else
		printf("good\n");
}

/* @name: path of a store (with a slash), or its system. */
int open_store(struct dmreplica *ctx, const char *name, struct dmreplica_store **store)
{
	struct dmreplica_system sys;
	int code;

	*store = NULL;
	if (strchr(name, '/'))
		return dmreplica_store_open(ctx, name, store);
	code = dmreplica_system_find(ctx, name, &sys);
	if (code)
		return code;
	if (sys.attached)
		fprintf(stderr, "replicactl: warning: %s is attached: its store changes while it is read, and findings may be wrong\n",
			sys.name);
	return dmreplica_store_open(ctx, sys.store, store);
}

int cmd_check(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "repair", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_report report;
	struct dmreplica_store *store;
	bool json = false;
	int c, code, status;

	while ((c = next_option(argc, argv, "j", options, &status)) != -1) {
		switch (c) {
		case 'r':
			if (strcmp(optarg, "no"))
				return usage_error("--repair %s: this version can only check; give no",
						   optarg);
			break;
		case 'j':
			json = true;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one store or system");
	code = open_store(ctx, argv[optind], &store);
	if (code)
		return refused(ctx, code);
	code = dmreplica_store_check(ctx, store, &report);
	if (json)
		json_print(json_report(dmreplica_store_path(store), &report));
	else if (report.nr_findings)
		print_report(dmreplica_store_path(store), &report);
	dmreplica_report_free(&report);
	dmreplica_store_close(store);
	return code ? refused(ctx, code) : 0;
}
