// SPDX-License-Identifier: GPL-2.0-only
/*
 * A seed for cloud-init's data source NoCloud: a CD-ROM with the volume ID "cidata", from which
 * a guest without an agent takes its addresses when it boots.
 *
 * cloud-init applies the addresses only to a new instance ID, and sets a new instance up from the
 * beginning.  A seed is therefore made only on request.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

/* --- an image: ISO 9660, with Rock Ridge names as the data source wants them --- */

#define SECTOR		2048u
#define PVD		16u
#define TERMINATOR	17u
#define PATHS_L		18u	/* path table, little endian */
#define PATHS_M		19u	/* and big endian */
#define ROOT		20u
#define DATA		21u
#define FILES		3

struct seed_file {
	const char *name;
	char *text;
	size_t bytes;
	uint32_t sector;
};

/* Both byte orders, one behind the other. */
static void put_16(uint8_t *at, uint16_t v)
{
	at[0] = at[3] = v & 0xff;
	at[1] = at[2] = v >> 8;
}

static void put_32(uint8_t *at, uint32_t v)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		at[i] = at[7 - i] = v >> (8 * i) & 0xff;
}

/* Rock Ridge: what kind of file it is. */
static uint8_t *put_px(uint8_t *at, bool dir)
{
	memcpy(at, "PX\x24\x01", 4);
	put_32(at + 4, dir ? 0040555 : 0100444);
	put_32(at + 12, dir ? 2 : 1);
	return at + 36;
}

/* A record of the root directory.  @id: "\0" for itself, "\1" for its parent.  Return: its bytes. */
static unsigned int put_record(uint8_t *at, const char *id, unsigned int id_bytes, uint32_t sector,
			       uint32_t bytes, const char *name)
{
	static const uint8_t since_1970[7] = { 70, 1, 1, 0, 0, 0, 0 };
	uint8_t *more = at + 33 + id_bytes + !(id_bytes & 1);
	unsigned int n;

	put_32(at + 2, sector);
	put_32(at + 10, bytes);
	memcpy(at + 18, since_1970, sizeof(since_1970));
	at[25] = name ? 0 : 2;
	put_16(at + 28, 1);
	at[32] = id_bytes;
	memcpy(at + 33, id, id_bytes);
	if (!name && !*id) {
		memcpy(more, "SP\x07\x01\xbe\xef\0", 7);
		more += 7;
	}
	more = put_px(more, !name);
	if (name) {
		n = strlen(name);
		memcpy(more, "NM", 2);
		more[2] = 5 + n;
		more[3] = 1;
		memcpy(more + 5, name, n);
		more += 5 + n;
	} else if (!*id) {
		memcpy(more, "ER\x12\x01\x0a\0\0\x01RRIP_1991A", 18);
		more += 18;
	}
	at[0] = (more - at + 1) & ~1u;
	return at[0];
}

/* The descriptor of the volume. */
static void put_volume(uint8_t *at, uint32_t sectors)
{
	memset(at + 8, ' ', 64);			/* system, volume */
	memset(at + 190, ' ', 813 - 190);		/* sets, publisher and others */
	memcpy(at, "\1CD001\1", 7);
	memcpy(at + 40, "cidata", 6);
	put_32(at + 80, sectors);
	put_16(at + 120, 1);
	put_16(at + 124, 1);
	put_16(at + 128, SECTOR);
	put_32(at + 132, 10);				/* bytes of a path table */
	at[140] = PATHS_L;
	at[151] = PATHS_M;
	put_record(at + 156, "\0", 1, ROOT, SECTOR, NULL);
	at[156] = 34;					/* without Rock Ridge's part */
	memset(at + 190, ' ', 813 - 190);
	memset(at + 813, '0', 16);			/* times: not given */
	memset(at + 830, '0', 16);
	memset(at + 847, '0', 16);
	memset(at + 864, '0', 16);
	at[881] = 1;
}

/* Return: an image, to be freed; NULL without memory. */
static uint8_t *image(struct seed_file *files, size_t *bytes)
{
	uint32_t sectors = DATA;
	uint8_t *data, *root;
	unsigned int i, at;
	char id[64];

	for (i = 0; i < FILES; i++) {
		files[i].sector = sectors;
		sectors += (files[i].bytes + SECTOR - 1) / SECTOR;
	}
	/* Some drives of emulators want more than these few. */
	if (sectors < 184)
		sectors = 184;
	*bytes = (size_t)sectors * SECTOR;
	data = calloc(sectors, SECTOR);
	if (!data)
		return NULL;
	put_volume(data + PVD * SECTOR, sectors);
	memcpy(data + TERMINATOR * SECTOR, "\xff" "CD001\1", 7);
	memcpy(data + PATHS_L * SECTOR, "\1\0\x14\0\0\0\1\0\0\0", 10);
	memcpy(data + PATHS_M * SECTOR, "\1\0\0\0\0\x14\0\1\0\0", 10);
	root = data + ROOT * SECTOR;
	at = put_record(root, "\0", 1, ROOT, SECTOR, NULL);
	at += put_record(root + at, "\1", 1, ROOT, SECTOR, NULL);
	for (i = 0; i < FILES; i++) {
		snprintf(id, sizeof(id), "%s;1", files[i].name);
		at += put_record(root + at, id, strlen(id), files[i].sector, files[i].bytes,
				 files[i].name);
		memcpy(data + (size_t)files[i].sector * SECTOR, files[i].text, files[i].bytes);
	}
	return data;
}

/* --- what it says --- */

static void put_addresses(FILE *f, const struct dmreplica_ip *list, unsigned int nr, bool prefix)
{
	char text[DMREPLICA_IP_TEXT];
	unsigned int i;

	for (i = 0; i < nr; i++)
		fprintf(f, "%s\"%s\"", i ? ", " : "", dmreplica_ip_text(&list[i], prefix, text));
}

/* The first gateway of each family, as the agent's program has it. */
static void put_gateways(FILE *f, const struct dmreplica_adapter *a)
{
	char text[DMREPLICA_IP_TEXT];
	unsigned int i, family;

	for (family = 4; family <= 6; family += 2)
		for (i = 0; i < a->nr_gateways; i++)
			if (a->gateways[i].family == family) {
				fprintf(f, "    gateway%u: \"%s\"\n", family,
					dmreplica_ip_text(&a->gateways[i], false, text));
				break;
			}
}

/* All values come from numbers: nothing in it needs an escape. */
static void put_network(FILE *f, const struct dmreplica_adapter *list, size_t nr)
{
	char mac[DMREPLICA_MAC_TEXT];
	size_t i;

	fprintf(f, "version: 2\nethernets:\n");
	for (i = 0; i < nr; i++) {
		const struct dmreplica_adapter *a = &list[i];

		fprintf(f, "  nic%zu:\n    match: {macaddress: \"%s\"}\n    dhcp4: %s\n", i,
			dmreplica_mac_text(a->mac, mac), a->dhcp ? "true" : "false");
		if (a->nr_addresses) {
			fprintf(f, "    addresses: [");
			put_addresses(f, a->addresses, a->nr_addresses, true);
			fprintf(f, "]\n");
		}
		put_gateways(f, a);
		if (a->nr_dns) {
			fprintf(f, "    nameservers: {addresses: [");
			put_addresses(f, a->dns, a->nr_dns, false);
			fprintf(f, "]}\n");
		}
	}
}

/* An instance ID of the failover; what a new instance loses by default is kept where it can be. */
static void put_text(FILE *f, unsigned int i, const struct dmreplica_system *sys,
		     const struct dmreplica_adapter *list, size_t nr)
{
	char uuid[DMREPLICA_UUID_TEXT];

	if (i == 0)
		fprintf(f, "instance-id: %s-%u\n", dmreplica_uuid_text(sys->uuid, uuid),
			sys->live_epoch);
	else if (i == 1)
		fprintf(f, "#cloud-config\nssh_deletekeys: false\npreserve_hostname: true\n");
	else
		put_network(f, list, nr);
}

static uint8_t *make_image(const struct dmreplica_system *sys, const struct dmreplica_adapter *list,
			   size_t nr, size_t *bytes)
{
	struct seed_file files[FILES] = {
		{ .name = "meta-data" }, { .name = "user-data" }, { .name = "network-config" },
	};
	uint8_t *data = NULL;
	unsigned int i;
	FILE *f;

	for (i = 0; i < FILES; i++) {
		f = open_memstream(&files[i].text, &files[i].bytes);
		if (f)
			put_text(f, i, sys, list, nr);
		if (!f || fclose(f) || !files[i].text)
			break;
	}
	if (i == FILES)
		data = image(files, bytes);
	for (i = 0; i < FILES; i++)
		free(files[i].text);
	return data;
}

/* --- and where it is --- */

/* Beside the directory of the points' files; QEMU reads it. */
static int write_seed(struct host *h, const char *path, const void *data, size_t bytes)
{
	char dir[PATH_MAX];
	const char *name = strrchr(path, '/') + 1;
	int fd;
	bool good;

	snprintf(dir, sizeof(dir), "%.*s", (int)(name - 1 - path), path);
	mkdir(dir, 0755);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd >= 0 && file_put(fd, name, data, bytes) && !fchmodat(fd, name, 0644, 0);
	if (!good)
		host_refuse(h, DM_REPLICA_CODE_FAILED, "%s cannot be written: %s", path,
			    strerror(errno));
	if (fd >= 0)
		close(fd);
	return good ? 0 : DM_REPLICA_CODE_FAILED;
}

static bool is_target(xmlNodePtr devices, const char *name)
{
	xmlNodePtr disk;

	for (disk = xml_child(devices, "disk"); disk; disk = xml_next(disk, "disk"))
		if (xml_is(xml_child(disk, "target"), "dev", name))
			return true;
	return false;
}

/* Add the CD-ROM, on the bus that the machine has for one.  Return: false without a free place. */
static bool add_drive(xmlNodePtr domain, const char *path)
{
	xmlNodePtr devices = xml_child(domain, "devices"), disk, node;
	char machine[128], arch[32], target[4] = "sda";
	const char *bus = "scsi";

	xml_get(xml_below(domain, "os/type"), "machine", machine, sizeof(machine));
	xml_get(xml_below(domain, "os/type"), "arch", arch, sizeof(arch));
	if (strstr(machine, "q35"))
		bus = "sata";
	else if (!strcmp(arch, "x86_64") || !strcmp(arch, "i686"))
		bus = "ide";
	target[0] = *bus == 'i' ? 'h' : 's';
	while (is_target(devices, target))
		if (target[2]++ == (*bus == 'i' ? 'd' : 'z'))
			return false;
	disk = xml_add(devices, "disk", NULL);
	xml_set(disk, "type", "file");
	xml_set(disk, "device", "cdrom");
	node = xml_add(disk, "driver", NULL);
	xml_set(node, "name", "qemu");
	xml_set(node, "type", "raw");
	node = xml_add(disk, "source", NULL);
	xml_set(node, "file", path);
	xml_set(node, "startupPolicy", "optional");
	node = xml_add(disk, "target", NULL);
	xml_set(node, "dev", target);
	xml_set(node, "bus", bus);
	xml_add(disk, "readonly", NULL);
	return true;
}

/* Is a disk the CD-ROM of a seed? */
bool nocloud_is_drive(struct host *h, const struct dmreplica_system *sys, xmlNodePtr disk)
{
	char seed[PATH_MAX], path[PATH_MAX];

	dmreplica_seed_path(h->dmr, sys, seed, sizeof(seed));
	return xml_is(disk, "device", "cdrom") && disk_source(disk, path, sizeof(path)) &&
	       !strcmp(path, seed);
}

/* Remove the CD-ROM from a domain's XML.  Return: true if it had one. */
bool nocloud_drop(struct host *h, const struct dmreplica_system *sys, xmlNodePtr domain)
{
	xmlNodePtr disk, next;
	bool had = false;

	for (disk = xml_below(domain, "devices/disk"); disk; disk = next) {
		next = xml_next(disk, "disk");
		if (!nocloud_is_drive(h, sys, disk))
			continue;
		xml_drop(disk);
		had = true;
	}
	return had;
}

/* Define the domain with, or without, the CD-ROM. */
static int define(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom, bool with)
{
	virDomainPtr made = NULL;
	char seed[PATH_MAX], *text;
	xmlDocPtr doc;
	bool had;
	int code = run_xml(h, *dom, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE, &doc);

	if (code)
		return code;
	dmreplica_seed_path(h->dmr, sys, seed, sizeof(seed));
	had = nocloud_drop(h, sys, xmlDocGetRootElement(doc));
	if (with && !add_drive(xmlDocGetRootElement(doc), seed))
		code = host_refuse(h, DM_REPLICA_CODE_FAILED, "domain %s has no place for a CD-ROM",
				   virDomainGetName(*dom));
	if (!code && (had || with)) {
		text = xml_text(doc);
		made = text ? virDomainDefineXML(h->conn, text) : NULL;
		xmlFree(text);
		if (!made)
			code = host_refuse_libvirt(h, "domain %s cannot be defined %s its seed",
						   virDomainGetName(*dom), with ? "with" : "without");
	}
	xmlFreeDoc(doc);
	if (made) {
		virDomainFree(*dom);
		*dom = made;
	}
	return code;
}

/**
 * nocloud_add() - give a guest a seed with the addresses that are set for its adapters
 * @h: the host, connected.
 * @sys: the system, failed over.
 * @dom: its domain, which does not run; replaced by the one that is defined anew.
 * @list: the adapters.
 * @nr: their number.
 *
 * Return: 0, or a refusal.
 */
int nocloud_add(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom,
		const struct dmreplica_adapter *list, size_t nr)
{
	char path[PATH_MAX];
	size_t bytes;
	uint8_t *data = make_image(sys, list, nr, &bytes);
	int code;

	if (!data)
		return host_refuse(h, DM_REPLICA_CODE_NO_MEMORY, "no memory");
	dmreplica_seed_path(h->dmr, sys, path, sizeof(path));
	code = write_seed(h, path, data, bytes);
	free(data);
	return code ? code : define(h, sys, dom, true);
}

/* After a revert: take the seed away.  @dom: NULL without a domain. */
int nocloud_remove(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom)
{
	char path[PATH_MAX];
	int code = *dom ? define(h, sys, dom, false) : 0;

	dmreplica_seed_path(h->dmr, sys, path, sizeof(path));
	if (!code && !unlink(path))
		printf("removed: %s\n", path);
	return code;
}
