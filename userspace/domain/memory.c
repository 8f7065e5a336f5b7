// SPDX-License-Identifier: GPL-2.0-only
/*
 * What libvirt keeps of a guest that fits the disks of one failover only: saved memory,
 * snapshots, checkpoints.  Memory that is restored beside other disks corrupts them silently.
 */
#include <stdlib.h>
#include <string.h>

#include "domain.h"

/* Find the failover with which saved memory was made; 0: not known. */
static uint64_t failover_of_image(virDomainPtr dom)
{
	char *text = virDomainManagedSaveGetXMLDesc(dom, 0);
	struct metadata m = { .failover = 0 };
	struct xml_fault fault;
	xmlDocPtr doc;

	doc = text ? xml_parse(text, strlen(text), &fault) : NULL;
	if (doc)
		metadata_read(xmlDocGetRootElement(doc), &m);
	xmlFreeDoc(doc);
	free(text);
	return m.present && !m.wrong ? m.failover : 0;
}

/* A start would restore saved memory: only that of this failover. */
int memory_refuse(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys)
{
	uint64_t failover;

	if (virDomainHasManagedSaveImage(dom, 0) != 1)
		return 0;
	failover = failover_of_image(dom);
	if (failover == sys->live_epoch)
		return 0;
	host_refuse(h, DM_REPLICA_CODE_INVALID_STATE,
		    "libvirt has saved memory of domain %s, which is not of this failover",
		    virDomainGetName(dom));
	return host_hint(h, DM_REPLICA_CODE_INVALID_STATE, "replicactl domain memory remove %s",
			 sys->name);
}

static bool no_support(void)
{
	const virError *error = virGetLastError();

	return error && error->code == VIR_ERR_NO_SUPPORT;
}

/*
 * Call @fn for what there is, with its kind and name.  @remove: remove it; only libvirt's
 * record of a snapshot or checkpoint, for our devices hold none inside.
 */
static int each(struct host *h, virDomainPtr dom, bool remove,
		void (*fn)(void *arg, const char *kind, const char *name), void *arg)
{
	virDomainCheckpointPtr *checkpoints = NULL;
	virDomainSnapshotPtr *snapshots = NULL;
	int i, nr, saved, code = 0;

	saved = virDomainHasManagedSaveImage(dom, 0);
	if (saved < 0)
		return host_refuse_libvirt(h, "saved memory cannot be looked for");
	if (saved) {
		if (remove && virDomainManagedSaveRemove(dom, 0))
			return host_refuse_libvirt(h, "saved memory cannot be removed");
		fn(arg, "saved memory", virDomainGetName(dom));
	}
	nr = virDomainListAllSnapshots(dom, &snapshots, 0);
	if (nr < 0 && !no_support())
		return host_refuse_libvirt(h, "snapshots cannot be listed");
	for (i = 0; i < nr; i++) {
		if (remove && !code &&
		    virDomainSnapshotDelete(snapshots[i], VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY))
			code = host_refuse_libvirt(h, "a snapshot cannot be removed");
		if (!code)
			fn(arg, "snapshot", virDomainSnapshotGetName(snapshots[i]));
		virDomainSnapshotFree(snapshots[i]);
	}
	free(snapshots);
	if (code)
		return code;
	nr = virDomainListAllCheckpoints(dom, &checkpoints, 0);
	if (nr < 0 && !no_support())
		return host_refuse_libvirt(h, "checkpoints cannot be listed");
	for (i = 0; i < nr; i++) {
		if (remove && !code &&
		    virDomainCheckpointDelete(checkpoints[i],
					      VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY))
			code = host_refuse_libvirt(h, "a checkpoint cannot be removed");
		if (!code)
			fn(arg, "checkpoint", virDomainCheckpointGetName(checkpoints[i]));
		virDomainCheckpointFree(checkpoints[i]);
	}
	free(checkpoints);
	return code;
}

static void print_removed(void *arg, const char *kind, const char *name)
{
	(void)arg;
	printf("removed: %s %s, which no longer fits the disks\n", kind, name);
}

static void print_item(void *arg, const char *kind, const char *name)
{
	(void)arg;
	printf("%s %s\n", kind, name);
}

static void add_item(void *arg, const char *kind, const char *name)
{
	struct json_object *item = json_object_new_object();

	json_add_string(item, "kind", kind);
	json_add_string(item, "name", name);
	json_object_array_add(arg, item);
}

/* Remove all that is not of the present failover of the system. */
int memory_remove(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys)
{
	if (sys->live_epoch && virDomainHasManagedSaveImage(dom, 0) == 1 &&
	    failover_of_image(dom) == sys->live_epoch)
		return 0;
	return each(h, dom, true, print_removed, NULL);
}

int memory_json(struct host *h, virDomainPtr dom, struct json_object *array)
{
	return each(h, dom, false, add_item, array);
}

int cmd_memory_list(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct json_object *array;
	struct dmreplica_system sys;
	virDomainPtr dom;
	int status, code;
	bool json;

	if (!host_json_system(&h, argc, argv, &json, &sys, &status))
		return status;
	array = json ? json_object_new_array() : NULL;
	code = metadata_look(&h, &sys, METADATA_LIVE, &dom);
	if (!code && dom)
		code = each(&h, dom, false, json ? add_item : print_item, array);
	if (dom)
		virDomainFree(dom);
	if (json && !code)
		json_print(array);
	else if (json)
		json_object_put(array);
	return host_end(&h, code);
}

int cmd_memory_remove(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	virDomainPtr dom;
	int status, code;

	if (next_option(argc, argv, "", NULL, &status) != -1 ||
	    !host_one_system(&h, argc, argv, false, &sys, &status))
		return status;
	code = metadata_look(&h, &sys, METADATA_LIVE, &dom);
	if (!code && dom && virDomainIsActive(dom) == 1)
		code = host_refuse(&h, DM_REPLICA_CODE_IN_USE, "domain %s runs",
				   virDomainGetName(dom));
	if (!code && dom)
		code = each(&h, dom, true, print_removed, NULL);
	if (dom)
		virDomainFree(dom);
	return host_end(&h, code);
}
