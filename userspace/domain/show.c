// SPDX-License-Identifier: GPL-2.0-only
/* replicactl domain show: the domain, its devices of ours, and what libvirt keeps of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "domain.h"

static const char *const states[] = {
	"no state", "running", "blocked", "paused", "shutting down", "shut off", "crashed",
	"suspended",
};

static const char *state_name(int state)
{
	return state >= 0 && state < (int)(sizeof(states) / sizeof(states[0])) ? states[state] :
									      "unknown";
}

static const char *disk_error_name(int error)
{
	return error == VIR_DOMAIN_DISK_ERROR_NO_SPACE ? "no space" : "I/O error";
}

static void add_disk_errors(virDomainPtr dom, struct json_object *array)
{
	int nr = virDomainGetDiskErrors(dom, NULL, 0, 0), i;
	virDomainDiskErrorPtr errors;
	struct json_object *item;

	errors = nr > 0 ? calloc(nr, sizeof(*errors)) : NULL;
	nr = errors ? virDomainGetDiskErrors(dom, errors, nr, 0) : 0;
	for (i = 0; i < nr; i++) {
		item = json_object_new_object();
		json_add_string(item, "disk", errors[i].disk);
		json_add_string(item, "error", disk_error_name(errors[i].error));
		json_object_array_add(array, item);
		free(errors[i].disk);
	}
	free(errors);
}

/* The disks of the XML that are devices of the system. */
static void add_disks(xmlNodePtr domain, const struct dmreplica_disk *disks, size_t nr,
		      struct json_object *array)
{
	xmlNodePtr disk = xml_below(domain, "devices/disk");
	char path[PATH_MAX], target[64];
	struct json_object *item;
	dev_t dev;
	size_t i;

	for (; disk; disk = xml_next(disk, "disk")) {
		if (!disk_source(disk, path, sizeof(path)) || !device_number(path, &dev))
			continue;
		for (i = 0; i < nr; i++) {
			bool live = dev == makedev(disks[i].live_major, disks[i].live_minor);
			bool test = dev == makedev(disks[i].test_major, disks[i].test_minor);

			if (!live && !test)
				continue;
			xml_get(xml_child(disk, "target"), "dev", target, sizeof(target));
			item = json_object_new_object();
			json_add_string(item, "target", target);
			json_add_string(item, "disk", disks[i].name);
			json_add_string(item, "view", live ? "live" : "test");
			json_add_string(item, "path", path);
			json_add_u64(item, "openers", live ? disks[i].live_openers :
							     disks[i].test_openers);
			json_object_array_add(array, item);
		}
	}
}

static int describe(struct host *h, const struct dmreplica_system *sys, virDomainPtr dom,
		    struct json_object *obj)
{
	struct json_object *devices = json_object_new_array(), *errors = json_object_new_array();
	struct json_object *memory = json_object_new_array();
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	struct dmreplica_disk *disks = NULL;
	int code, state = 0, reason = 0;
	xmlDocPtr doc = NULL;
	struct metadata m;
	size_t nr = 0;

	json_object_object_add(obj, "devices", devices);
	json_object_object_add(obj, "disk_errors", errors);
	json_object_object_add(obj, "memory", memory);
	virDomainGetUUIDString(dom, uuid);
	json_add_string(obj, "domain", virDomainGetName(dom));
	json_add_string(obj, "uuid", uuid);
	code = run_state(h, dom, &state, &reason);
	if (!code)
		code = metadata_of_domain(h, dom, 0, &m);
	if (!code)
		code = run_xml(h, dom, 0, &doc);
	if (!code) {
		code = dmreplica_disk_list(h->dmr, sys, &disks, &nr);
		if (code)
			host_refuse_dmr(h, code);
	}
	if (!code)
		code = memory_json(h, dom, memory);
	if (!code) {
		json_add_string(obj, "state", state_name(state));
		json_add_bool(obj, "paused_by_error", state == VIR_DOMAIN_PAUSED &&
			      reason == VIR_DOMAIN_PAUSED_IOERROR);
		json_add_u64(obj, "failover", m.failover);
		add_disks(xmlDocGetRootElement(doc), disks, nr, devices);
		add_disk_errors(dom, errors);
	}
	xmlFreeDoc(doc);
	dmreplica_list_free(disks);
	return code;
}

static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(obj, key, &member);
	return member ? json_object_get_string(member) : "";
}

static struct json_object *list_of(struct json_object *obj, const char *key)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(obj, key, &member);
	return member;
}

static void print_description(struct json_object *obj)
{
	struct json_object *list = list_of(obj, "devices"), *item;
	size_t i;

	printf("%s: domain %s, %s\n", text_of(obj, "system"), text_of(obj, "domain"),
	       text_of(obj, "state"));
	if (json_object_get_boolean(list_of(obj, "paused_by_error")))
		printf("  paused by an I/O error; when its cause is gone: replicactl domain resume %s\n",
		       text_of(obj, "system"));
	printf("  UUID      %s\n", text_of(obj, "uuid"));
	printf("  failover  %s\n", text_of(obj, "failover"));
	for (i = 0; i < json_object_array_length(list); i++) {
		item = json_object_array_get_idx(list, i);
		printf("  disk      %s: %s of %s, %s, %s openers\n", text_of(item, "target"),
		       text_of(item, "disk"), text_of(obj, "system"), text_of(item, "path"),
		       text_of(item, "openers"));
	}
	list = list_of(obj, "disk_errors");
	for (i = 0; i < json_object_array_length(list); i++) {
		item = json_object_array_get_idx(list, i);
		printf("  error     %s: %s\n", text_of(item, "disk"), text_of(item, "error"));
	}
	list = list_of(obj, "memory");
	for (i = 0; i < json_object_array_length(list); i++) {
		item = json_object_array_get_idx(list, i);
		printf("  kept      %s %s\n", text_of(item, "kind"), text_of(item, "name"));
	}
}

int cmd_show(struct dmreplica *dmr, int argc, char **argv)
{
	struct json_object *array = json_object_new_array(), *obj;
	enum metadata_view view;
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	bool json, found = false;
	int status, code = 0;
	virDomainPtr dom;
	size_t i;

	if (!host_json_system(&h, argc, argv, &json, &sys, &status)) {
		json_object_put(array);
		return status;
	}
	for (view = METADATA_LIVE; view <= METADATA_TEST && !code; view++) {
		code = metadata_look(&h, &sys, view, &dom);
		if (code || !dom)
			continue;
		obj = json_object_new_object();
		json_add_string(obj, "system", sys.name);
		json_add_string(obj, "view", view == METADATA_TEST ? "test" : "live");
		code = describe(&h, &sys, dom, obj);
		json_object_array_add(array, obj);
		virDomainFree(dom);
		found = true;
	}
	if (!code && !found && !json) {
		code = metadata_find(&h, &sys, METADATA_LIVE, &dom);
		if (!code)
			virDomainFree(dom);
	}
	for (i = 0; !code && !json && i < json_object_array_length(array); i++)
		print_description(json_object_array_get_idx(array, i));
	if (json && !code)
		json_print(array);
	else
		json_object_put(array);
	return host_end(&h, code);
}
