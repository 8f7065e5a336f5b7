// SPDX-License-Identifier: GPL-2.0-only
/*
 * Import of a domain from the primary: the guest sees what it saw there.  Only the sources of
 * replicated disks change, with the host's side of their drivers, and metadata is added.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <uuid/uuid.h>

#include "domain.h"

/* Return: false for a disk without a medium of its own: CD-ROMs, floppies. */
static bool is_disk(xmlNodePtr disk)
{
	return !xml_is(disk, "device", "cdrom") && !xml_is(disk, "device", "floppy");
}

static bool is_listed(const char *const *list, unsigned int nr, const char *name)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

/* The system's disk for a target: by --disk, or by its name.  NULL if there is none. */
static const struct dmreplica_disk *disk_of(const struct import *in, const char *target)
{
	const char *name = target;
	size_t len = strlen(target), i;

	for (i = 0; i < in->nr_map; i++)
		if (!strncmp(in->map[i], target, len) && in->map[i][len] == '=')
			name = in->map[i] + len + 1;
	for (i = 0; i < in->nr_disks; i++)
		if (!strcmp(in->disks[i].name, name))
			return &in->disks[i];
	return NULL;
}

/* What cannot be kept as it is.  Return: NULL, or the reason. */
static const char *obstacle(xmlNodePtr disk)
{
	xmlNodePtr chain = xml_child(disk, "backingStore"), source = xml_child(disk, "source");
	char path[PATH_MAX];

	if (xml_is(disk, "device", "lun"))
		return "has device='lun': the guest speaks SCSI to a device of the primary";
	if (chain && (xml_get(chain, "type", path, sizeof(path)) || xml_child(chain, "source")))
		return "has a backing chain: flatten it on the primary (virsh blockpull) and export it again";
	if (xml_child(disk, "mirror"))
		return "is being mirrored: end the block job on the primary and export it again";
	if (xml_child(disk, "encryption") || xml_child(source, "encryption"))
		return "is encrypted by QEMU: it is not known whether the replica has plain content";
	if (xml_child(source, "slices"))
		return "is a slice of its image";
	if (xml_child(disk, "transient"))
		return "is transient: its writes are gone at each stop";
	return NULL;
}

/*
 * The driver: raw, past the page cache, and the guest pauses for an I/O error.  A guest that
 * was shown a disk without a write cache is shown one without, with directsync.
 */
static void set_driver(xmlNodePtr disk)
{
	xmlNodePtr driver = xml_child(disk, "driver"), child, next;
	bool through;

	if (!driver)
		driver = xml_add(disk, "driver", NULL);
	through = xml_is(driver, "cache", "writethrough") || xml_is(driver, "cache", "directsync");
	xml_set(driver, "name", "qemu");
	xml_set(driver, "type", "raw");
	xml_set(driver, "cache", through ? "directsync" : "none");
	xml_set(driver, "io", "native");
	xml_set(driver, "error_policy", "stop");
	xml_set(driver, "rerror_policy", "stop");
	xml_unset(driver, "copy_on_read");
	if (!xmlHasProp(driver, (const xmlChar *)"discard"))
		xml_set(driver, "discard", "unmap");
	for (child = driver->children; child; child = next) {
		next = child->next;
		if (child->type == XML_ELEMENT_NODE &&
		    !strcmp((const char *)child->name, "metadata_cache"))
			xml_drop(child);	/* of qcow2 */
	}
}

/* Let a disk of a domain be a failover device. */
void import_set_source(xmlNodePtr disk, const struct import *in, const struct dmreplica_disk *to)
{
	xmlNodePtr source = xml_child(disk, "source"), chain = xml_child(disk, "backingStore");
	char path[PATH_MAX];

	device_link(path, sizeof(path), in->sys->name, to->name, false);
	if (source)
		xml_drop(source);
	if (chain)
		xml_drop(chain);
	xml_set(disk, "type", "block");
	source = xml_add(disk, "source", NULL);
	xml_set(source, "dev", path);
	set_driver(disk);
}

/* What a disk has on the primary, to find two of the same. */
static void origin(xmlNodePtr disk, char *text, size_t size)
{
	static const char *const attributes[] = {
		"file", "dev", "name", "pool", "volume", "dir", "protocol", "namespace",
	};
	xmlNodePtr source = xml_child(disk, "source");
	char value[PATH_MAX];
	unsigned int i;
	size_t n = 0;

	text[0] = 0;
	for (i = 0; source && i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (xml_get(source, attributes[i], value, sizeof(value)) && n < size)
			n += snprintf(text + n, size - n, "%s=%s ", attributes[i], value);
}

/* No two disks have the same source, or become the same disk. */
static int check_twins(struct host *h, const struct import *in, xmlNodePtr disk,
		       const char *target, const struct dmreplica_disk *to)
{
	char other[64], from[2 * PATH_MAX], twin[2 * PATH_MAX];
	xmlNodePtr next = disk;

	origin(disk, from, sizeof(from));
	while ((next = xml_next(next, "disk"))) {
		if (!is_disk(next) ||
		    !xml_get(xml_child(next, "target"), "dev", other, sizeof(other)))
			continue;
		origin(next, twin, sizeof(twin));
		if (*from && !strcmp(from, twin))
			return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
					   "disks %s and %s have the same source on the primary, %s",
					   target, other, host_plain(from));
		if (disk_of(in, other) == to && !is_listed(in->leave, in->nr_leave, other))
			return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
					   "disks %s and %s would both be %s of %s", target, other,
					   to->name, in->sys->name);
	}
	return 0;
}

static int import_disk(struct host *h, const struct import *in, xmlNodePtr disk, bool *used)
{
	const struct dmreplica_disk *to;
	const char *reason;
	char target[64];
	int code;

	if (!is_disk(disk))
		return 0;
	if (!xml_get(xml_child(disk, "target"), "dev", target, sizeof(target)) || !*target)
		return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "the domain has a disk without a target");
	if (is_listed(in->leave, in->nr_leave, target))
		return 0;
	to = disk_of(in, target);
	if (!to) {
		host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
			    "%s has no disk for disk %s of the domain", in->sys->name, target);
		return host_hint(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "--disk %s=DISK names it, --leave %s leaves this disk as it is",
				 host_plain(target), target);
	}
	reason = obstacle(disk);
	if (reason)
		return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER, "disk %s %s", target,
				   reason);
	code = check_twins(h, in, disk, target, to);
	if (code)
		return code;
	import_set_source(disk, in, to);
	used[to - in->disks] = true;
	return 0;
}

static int check_map(struct host *h, const struct import *in, xmlNodePtr devices)
{
	unsigned int i, nr = in->nr_map + in->nr_leave;
	char target[64], other[64];
	xmlNodePtr disk;

	for (i = 0; i < nr; i++) {
		const char *text = i < in->nr_map ? in->map[i] : in->leave[i - in->nr_map];

		snprintf(target, sizeof(target), "%.*s", (int)strcspn(text, "="), text);
		for (disk = xml_child(devices, "disk"); disk; disk = xml_next(disk, "disk"))
			if (xml_get(xml_child(disk, "target"), "dev", other, sizeof(other)) &&
			    !strcmp(other, target))
				break;
		if (!disk)
			return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
					   "the domain has no disk %s", target);
	}
	return 0;
}

static int check_identity(struct host *h, xmlNodePtr domain)
{
	char name[256], plain[256];

	if (!xml_content(xml_child(domain, "name"), name, sizeof(name)) || !*name)
		return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "the domain has no name, or a very long one");
	snprintf(plain, sizeof(plain), "%s", name);
	if (strcmp(host_plain(plain), name) || strchr(name, '/'))
		return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "the domain's name has a line break, a control character, a blank at its end or a slash: %s",
				   plain);
	return 0;
}

void import_fresh_uuid(char text[DMREPLICA_UUID_TEXT])
{
	uint8_t uuid[16];

	uuid_generate(uuid);
	dmreplica_uuid_text(uuid, text);
}

/**
 * import_transform() - make the domain on this host from that of the primary
 * @h: the host.
 * @in: the system, and which disk becomes which.
 * @doc: changed in place; of no use after a refusal.
 *
 * Return: 0; 32773 for what cannot be kept as it is.
 */
int import_transform(struct host *h, const struct import *in, xmlDocPtr doc)
{
	xmlNodePtr domain = xmlDocGetRootElement(doc), devices = xml_child(domain, "devices"), disk;
	bool used[DMREPLICA_MAX_DISKS] = { false };
	char text[DMREPLICA_UUID_TEXT];
	struct metadata m;
	size_t i;
	int code;

	code = check_identity(h, domain);
	if (!code)
		code = check_map(h, in, devices);
	for (disk = xml_child(devices, "disk"); disk && !code; disk = xml_next(disk, "disk"))
		code = import_disk(h, in, disk, used);
	if (code)
		return code;
	for (i = 0; i < in->nr_disks; i++)
		if (!used[i])
			return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
					   "no disk of the domain is disk %s of %s",
					   in->disks[i].name, in->sys->name);
	if (in->genid && !xml_child(domain, "genid")) {
		import_fresh_uuid(text);
		xml_add(domain, "genid", text);
	}
	metadata_of_system(&m, in->sys, METADATA_LIVE);
	m.failover = 0;		/* it has not been started here */
	metadata_write(domain, &m);
	return 0;
}

/* A domain of this name or UUID is replaced only if it is the system's. */
int import_check_present(struct host *h, const struct dmreplica_system *sys, xmlNodePtr domain)
{
	char name[256], uuid[64];
	virDomainPtr dom = NULL;
	struct metadata m;
	int code, i;

	xml_content(xml_child(domain, "name"), name, sizeof(name));
	xml_content(xml_child(domain, "uuid"), uuid, sizeof(uuid));
	for (i = 0; i < 2; i++) {
		dom = i ? (*uuid ? virDomainLookupByUUIDString(h->conn, uuid) : NULL) :
			  virDomainLookupByName(h->conn, name);
		if (!dom)
			continue;
		code = metadata_of_domain(h, dom, 0, &m);
		if (!code && (!m.present || m.wrong || memcmp(m.uuid, sys->uuid, 16)))
			code = host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
					   "there is a domain %s already, which is not that of %s",
					   virDomainGetName(dom), sys->name);
		virDomainFree(dom);
		if (code)
			return code;
	}
	return 0;
}

static int define(struct host *h, const struct dmreplica_system *sys, xmlDocPtr doc)
{
	virDomainPtr dom;
	char *text;
	int code;

	code = host_open(h);
	if (!code)
		code = import_check_present(h, sys, xmlDocGetRootElement(doc));
	if (code)
		return code;
	text = xml_text(doc);
	if (!text)
		return host_refuse(h, DM_REPLICA_CODE_NO_MEMORY, "no memory for the XML");
	dom = virDomainDefineXMLFlags(h->conn, text, VIR_DOMAIN_DEFINE_VALIDATE);
	xmlFree(text);
	if (!dom)
		return host_refuse_libvirt(h, "libvirt does not take the domain");
	printf("domain %s is defined for %s\n", virDomainGetName(dom), sys->name);
	printf("  replicactl domain check %s shows what this host lacks\n", sys->name);
	virDomainFree(dom);
	return 0;
}

static int import(struct host *h, struct import *in, const char *path, bool print)
{
	struct dmreplica_disk *disks;
	struct xml_fault fault;
	xmlDocPtr doc;
	char *text;
	int code;

	doc = xml_load(path, &fault);
	if (!doc)
		return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER, "%s is no domain: %s", path,
				   fault.text);
	code = dmreplica_disk_list(h->dmr, in->sys, &disks, &in->nr_disks);
	in->disks = disks;
	if (code)
		host_refuse_dmr(h, code);
	else
		code = import_transform(h, in, doc);
	if (!code && print) {
		text = xml_text(doc);
		raw_output(text ? text : "");
		raw_output("\n");
		xmlFree(text);
	} else if (!code) {
		code = define(h, in->sys, doc);
	}
	dmreplica_list_free(disks);
	xmlFreeDoc(doc);
	return code;
}

/* Take an option of IMPORT_OPTIONS.  Return: false, with @status, for another or a wrong one. */
bool import_option(int c, struct import *in, struct import_maps *maps, int *status)
{
	if (c == 'd' && in->nr_map < DMREPLICA_MAX_DISKS && strchr(optarg, '=')) {
		maps->map[in->nr_map++] = optarg;
	} else if (c == 'l' && in->nr_leave < DMREPLICA_MAX_DISKS) {
		maps->leave[in->nr_leave++] = optarg;
	} else {
		if (c == 'd')
			*status = usage_error("--disk takes TARGET=DISK, not %s", optarg);
		else if (c == 'l')
			*status = usage_error("--leave is given too often");
		return false;
	}
	return true;
}

int cmd_import(struct dmreplica *dmr, int argc, char **argv)
{
	static const struct option options[] = {
		IMPORT_OPTIONS,
		{ "genid", no_argument, NULL, 'g' },
		{ "print", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 }
	};
	struct import_maps maps;
	struct import in = { .map = maps.map, .leave = maps.leave };
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	bool print = false;
	int c, status, code;

	while ((c = next_option(argc, argv, "", options, &status)) != -1) {
		if (c == 'g')
			in.genid = true;
		else if (c == 'p')
			print = true;
		else if (!import_option(c, &in, &maps, &status))
			return status;
	}
	if (optind != argc - 2)
		return usage_error("give one system and one file");
	code = host_system(&h, argv[optind], false, &sys);
	in.sys = &sys;
	if (!code)
		code = import(&h, &in, argv[optind + 1], print);
	return host_end(&h, code);
}
