// SPDX-License-Identifier: GPL-2.0-only
/* replicactl doctor */
#include <unistd.h>

#include "replicactl.h"

static struct json_object *json_remedy(const struct dmreplica_remedy *r)
{
	struct json_object *obj = json_object_new_object();

	json_add_string(obj, "check", dmreplica_doctor_name(r->check));
	json_add_string(obj, "severity", r->note ? "note" : "fault");
	json_object_object_add(obj, "system", *r->system ? json_object_new_string(r->system) : NULL);
	json_add_string(obj, "text", r->text);
	json_add_string(obj, "command", r->command);
	return obj;
}

static struct json_object *json_checks(void)
{
	struct json_object *array = json_object_new_array();
	unsigned int i;

	for (i = 0; i < DMREPLICA_DOCTOR_CHECKS; i++)
		json_object_array_add(array, json_object_new_string(dmreplica_doctor_name(i)));
	return array;
}

/* All checks, each with its remedies: what is not listed was not looked at. */
static void print_remedies(const struct dmreplica_remedy *list, size_t nr)
{
	unsigned int check;
	size_t i = 0;

	for (check = 0; check < DMREPLICA_DOCTOR_CHECKS; check++) {
		if (i == nr || list[i].check != check)
			printf("%-14s good\n", dmreplica_doctor_name(check));
		for (; i < nr && list[i].check == check; i++) {
			printf("%-14s %s: %s%s%s\n", dmreplica_doctor_name(check),
			       list[i].note ? "note" : "FAULT", list[i].system,
			       *list[i].system ? ": " : "", list[i].text);
			printf("%-14s   %s\n", "", list[i].command);
		}
	}
}

int cmd_doctor(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_remedy *list;
	struct json_object *obj;
	unsigned int faults = 0;
	size_t nr, i;
	bool json;
	int code, status;

	if (!parse_json_option(argc, argv, &json, &status))
		return status;
	if (optind != argc)
		return usage_error("too many arguments: %s", argv[optind]);
	dmreplica_set_patience(ctx, PATIENCE_MS);
	code = dmreplica_doctor(ctx, &list, &nr);
	if (code)
		return refused(ctx, code);
	for (i = 0; i < nr; i++)
		faults += !list[i].note;
	if (json) {
		obj = json_object_new_object();
		json_object_object_add(obj, "checks", json_checks());
		json_object_object_add(obj, "findings", json_list(list, nr, json_remedy));
		json_print(obj);
	} else {
		print_remedies(list, nr);
		if (faults)
			printf("%s\n", text_count(faults, "fault"));
	}
	dmreplica_list_free(list);
	return faults ? 1 : 0;
}
