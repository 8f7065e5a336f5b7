// SPDX-License-Identifier: GPL-2.0-only
/* domain keep, kept: keep with a point what belongs to it beside its disks, and show it. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "domain.h"

/* The disk of the system that a disk of a domain has, by its device number. */
static const struct dmreplica_disk *disk_of(const struct import *in, xmlNodePtr disk)
{
	char path[PATH_MAX];
	dev_t dev;
	size_t i;

	if (!disk_source(disk, path, sizeof(path)) || !device_number(path, &dev))
		return NULL;
	for (i = 0; i < in->nr_disks; i++) {
		const struct dmreplica_disk *d = &in->disks[i];

		if (dev == makedev(d->live_major, d->live_minor) ||
		    dev == makedev(d->replica_major, d->replica_minor))
			return d;
	}
	return NULL;
}

/* Make a domain of this host the one that a failover needs: with failover devices. */
static int for_failover(struct host *h, const struct import *in, xmlDocPtr doc)
{
	xmlNodePtr domain = xmlDocGetRootElement(doc), disk = xml_below(domain, "devices/disk");
	const struct dmreplica_disk *to;
	struct metadata m;
	size_t used = 0;

	if (nocloud_drop(h, in->sys, domain))
		disk = xml_below(domain, "devices/disk");
	for (; disk; disk = xml_next(disk, "disk")) {
		to = disk_of(in, disk);
		if (!to)
			continue;
		import_set_source(disk, in, to);
		used++;
	}
	if (used != in->nr_disks)
		return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "the domain has %zu of the %zu disks of %s", used, in->nr_disks,
				   in->sys->name);
	metadata_of_system(&m, in->sys, METADATA_LIVE);
	m.failover = 0;
	metadata_write(domain, &m);
	return 0;
}

/* The domain of the system on this host: the guest that writes the replica, or the guest of a failover. */
static int find_domain(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom)
{
	int code = metadata_look(h, sys, METADATA_REPLICA, dom);

	if (code || *dom)
		return code;
	return metadata_find(h, sys, METADATA_LIVE, dom);
}

static int keep_domain(struct kept *k, uint64_t point, const struct import *in, virDomainPtr dom)
{
	xmlDocPtr doc;
	int code;

	code = run_xml(k->h, dom, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE, &doc);
	if (!code)
		code = for_failover(k->h, in, doc);
	if (!code)
		code = place_keep_xml(k, point, doc);
	if (!code)
		code = place_keep_state(k, point, xmlDocGetRootElement(doc));
	xmlFreeDoc(doc);
	return code;
}

static int keep_file(struct kept *k, uint64_t point, const struct import *in, const char *path)
{
	struct xml_fault fault;
	xmlDocPtr doc = xml_load(path, &fault);
	int code;

	if (!doc)
		return host_refuse(k->h, DM_REPLICA_CODE_INVALID_PARAMETER, "%s is no domain: %s",
				   path, fault.text);
	code = import_transform(k->h, in, doc);
	if (!code)
		code = place_keep_xml(k, point, doc);
	xmlFreeDoc(doc);
	return code;
}

static void print_kept(const struct kept *k, uint64_t point)
{
	size_t i;

	printf("kept with point %llu of %s:", (unsigned long long)point, k->sys->name);
	for (i = 0; i < k->nr; i++)
		if (k->list[i].point == point)
			printf(" %s", k->list[i].name);
	printf("\n");
}

/**
 * keep_point() - keep what belongs to a recovery point beside its disks
 * @h: the host.
 * @in: its system, and how disks of a file become disks of the system.
 * @point: number of the point, which exists.
 * @from: what to keep; without a file in it what this host has of the guest.
 *
 * Return: 0, or a refusal, with nothing changed.
 */
int keep_point(struct host *h, struct import *in, uint64_t point, const struct keep_from *from)
{
	bool files = from->xml || from->nvram || from->tpm;
	struct dmreplica_disk *disks = NULL;
	virDomainPtr dom = NULL;
	struct kept k = { .dir = -1, .files = -1 };
	int code;

	code = dmreplica_disk_list(h->dmr, in->sys, &disks, &in->nr_disks);
	in->disks = disks;
	if (code)
		return host_refuse_dmr(h, code);
	if (!files)
		code = find_domain(h, in->sys, &dom);
	if (!code)
		code = kept_open(&k, h, in->sys, true);
	if (!code && kept_fault(&k))
		fprintf(from->quiet ? stderr : stdout,
			"warning: what was kept with other points of %s is lost: %s\n",
			in->sys->name, kept_fault(&k));
	if (!code)
		kept_drop(&k, point);
	if (!code && dom)
		code = keep_domain(&k, point, in, dom);
	if (!code && from->xml)
		code = keep_file(&k, point, in, from->xml);
	if (!code)
		code = place_keep_files(&k, point, from->nvram, from->tpm);
	if (!code)
		code = kept_commit(&k);
	if (!code && !from->quiet)
		print_kept(&k, point);
	kept_close(&k);
	if (dom)
		virDomainFree(dom);
	dmreplica_list_free(disks);
	return code;
}

/* Number of a point by number or label; without one of the newest. */
static int find(struct host *h, const struct dmreplica_system *sys, const char *text, uint64_t *number)
{
	struct dmreplica_point *list;
	size_t nr;
	int code;

	if (text) {
		code = dmreplica_point_find(h->dmr, sys, text, number);
		return code ? host_refuse_dmr(h, code) : 0;
	}
	code = dmreplica_point_list(h->dmr, sys, &list, &nr);
	if (code)
		return host_refuse_dmr(h, code);
	*number = nr ? list[nr - 1].number : 0;
	dmreplica_list_free(list);
	return nr ? 0 : host_refuse(h, DM_REPLICA_CODE_NOT_FOUND, "%s has no recovery point",
				    sys->name);
}

int cmd_keep(struct dmreplica *dmr, int argc, char **argv)
{
	static const struct option options[] = {
		IMPORT_OPTIONS,
		{ "nvram", required_argument, NULL, 'n' },
		{ "point", required_argument, NULL, 'P' },
		{ "tpm", required_argument, NULL, 't' },
		{ "xml", required_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 }
	};
	struct import_maps maps;
	struct import in = { .map = maps.map, .leave = maps.leave };
	struct keep_from from = { .xml = NULL };
	const char *point = NULL;
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	uint64_t number;
	int c, status, code;

	while ((c = next_option(argc, argv, "", options, &status)) != -1) {
		switch (c) {
		case 'n':
			from.nvram = optarg;
			break;
		case 'P':
			point = optarg;
			break;
		case 't':
			from.tpm = optarg;
			break;
		case 'x':
			from.xml = optarg;
			break;
		default:
			if (!import_option(c, &in, &maps, &status))
				return status;
		}
	}
	if ((in.nr_map || in.nr_leave) && !from.xml)
		return usage_error("--disk and --leave need --xml");
	if (!host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	in.sys = &sys;
	code = find(&h, &sys, point, &number);
	if (!code)
		code = keep_point(&h, &in, number, &from);
	return host_end(&h, code);
}

/* A list of points, each with its files; a file's state is "good" if its digest matches. */
static struct json_object *json_of_files(const struct kept *k, uint64_t point, bool *all_good)
{
	struct json_object *array = json_object_new_array(), *item;
	const char *why;
	char *data;
	bool good;
	size_t i;

	for (i = 0; i < k->nr; i++) {
		if (k->list[i].point != point)
			continue;
		good = kept_load(k, &k->list[i], &data, &why);
		*all_good &= good;
		free(data);
		item = json_object_new_object();
		json_add_string(item, "name", k->list[i].name);
		json_add_u64(item, "bytes", k->list[i].bytes);
		json_add_string(item, "state", good ? "good" : why);
		json_object_array_add(array, item);
	}
	return array;
}

static void print_files(uint64_t point, struct json_object *files)
{
	struct json_object *name, *state, *bytes;
	size_t i;

	for (i = 0; i < json_object_array_length(files); i++) {
		struct json_object *item = json_object_array_get_idx(files, i);

		json_object_object_get_ex(item, "name", &name);
		json_object_object_get_ex(item, "state", &state);
		json_object_object_get_ex(item, "bytes", &bytes);
		printf("%6llu  %-20s  %10s  %s\n", (unsigned long long)point,
		       json_object_get_string(name), text_size(json_object_get_uint64(bytes)),
		       json_object_get_string(state));
	}
}

static int show_kept(struct kept *k, bool json)
{
	struct json_object *all = json_object_new_array(), *item, *files;
	struct dmreplica_point *points;
	bool good = !kept_fault(k);
	size_t nr, i;
	int code;

	code = dmreplica_point_list(k->h->dmr, k->sys, &points, &nr);
	if (code) {
		json_object_put(all);
		return host_refuse_dmr(k->h, code);
	}
	for (i = 0; i < nr; i++) {
		if (!kept_find(k, points[i].number, NULL))
			continue;
		item = json_object_new_object();
		files = json_of_files(k, points[i].number, &good);
		json_add_u64(item, "point", points[i].number);
		json_object_object_add(item, "files", files);
		json_object_array_add(all, item);
		if (!json)
			print_files(points[i].number, files);
	}
	dmreplica_list_free(points);
	if (kept_fault(k))
		code = host_refuse(k->h, DM_REPLICA_CODE_FAILED,
				   "what is kept with the points of %s cannot be used: %s",
				   k->sys->name, kept_fault(k));
	else if (!good)
		code = host_refuse(k->h, DM_REPLICA_CODE_FAILED,
				   "a failover to a point whose files are not all good leaves definition, NVRAM and TPM as they are");
	else if (!json && !json_object_array_length(all))
		printf("nothing is kept with the points of %s\n", k->sys->name);
	if (json)
		json_print(all);
	else
		json_object_put(all);
	return code;
}

int cmd_kept(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	struct kept k;
	int status, code;
	bool json;

	if (!host_json_system(&h, argc, argv, &json, &sys, &status))
		return status;
	code = kept_open(&k, &h, &sys, false);
	if (!code)
		code = show_kept(&k, json);
	kept_close(&k);
	return host_end(&h, code);
}
