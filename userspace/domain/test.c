// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test domain: transient, so that neither a crash nor a reboot leaves one behind, beside
 * replication and beside the guest itself.  It shares nothing with them: another UUID, copies
 * of NVRAM and TPM, and an isolated network, on which it keeps its MAC addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "domain.h"

/* Not the directory of locks, which QEMU must not enter. */
#define NVRAM_DIR	"/run/dm-replica-domain"
#define NVRAM_BYTES	(128u << 20)

struct rehearsal {
	struct host *h;
	const struct dmreplica_system *sys;
	const struct dmreplica_disk *disks;
	size_t nr_disks;
	const char *network;		/* chosen by the user, or NULL */
	bool connected;			/* the guest has a network card */
	const char *const *without;	/* targets of disks that the test does without */
	unsigned int nr_without;
	char isolated[64];		/* name of the isolated network */
	char nvram[PATH_MAX];		/* copy of the NVRAM, or "" */
	struct place_test kept;		/* what is kept with the point */
};

static void nvram_path(const struct dmreplica_system *sys, char *path, size_t size)
{
	char uuid[DMREPLICA_UUID_TEXT];

	snprintf(path, size, "%s" NVRAM_DIR "/test-%s_VARS.fd", device_root(),
		 dmreplica_uuid_text(sys->uuid, uuid));
}

static void drop_children(xmlNodePtr node, const char *name)
{
	xmlNodePtr child, next;

	for (child = xml_child(node, name); child; child = next) {
		next = xml_next(child, name);
		xml_drop(child);
	}
}

/* The system's disk whose live device a path is. */
static const struct dmreplica_disk *disk_at(const struct rehearsal *r, const char *path)
{
	dev_t dev;
	size_t i;

	if (!device_number(path, &dev))
		return NULL;
	for (i = 0; i < r->nr_disks; i++)
		if (dev == makedev(r->disks[i].live_major, r->disks[i].live_minor))
			return &r->disks[i];
	return NULL;
}

static bool is_without(const struct rehearsal *r, const char *target)
{
	unsigned int i;

	for (i = 0; i < r->nr_without; i++)
		if (!strcmp(r->without[i], target))
			return true;
	return false;
}

static int test_disk(const struct rehearsal *r, xmlNodePtr disk, unsigned int *used)
{
	const struct dmreplica_disk *from;
	char path[PATH_MAX], target[64];

	xml_get(xml_child(disk, "target"), "dev", target, sizeof(target));
	from = disk_source(disk, path, sizeof(path)) ? disk_at(r, path) : NULL;
	if (from) {
		device_link(path, sizeof(path), r->sys->name, from->name, true);
		xml_set(xml_child(disk, "source"), "dev", path);
		(*used)++;
		return 0;
	}
	/* Addresses of the failover's network, in an instance of the guest itself. */
	if (is_without(r, target) || nocloud_is_drive(r->h, r->sys, disk)) {
		xml_drop(disk);
		return 0;
	}
	if (!xml_child(disk, "source") || xml_child(disk, "readonly"))
		return 0;
	host_refuse(r->h, DM_REPLICA_CODE_INVALID_PARAMETER,
		    "disk %s is not replicated: a test would write to it", target);
	return host_hint(r->h, DM_REPLICA_CODE_INVALID_PARAMETER, "--without %s leaves it out", target);
}

static int test_disks(const struct rehearsal *r, xmlNodePtr devices)
{
	xmlNodePtr disk, next;
	unsigned int used = 0;
	int code = 0;

	for (disk = xml_child(devices, "disk"); disk && !code; disk = next) {
		next = xml_next(disk, "disk");
		code = test_disk(r, disk, &used);
	}
	if (!code && used != r->nr_disks)
		return host_refuse(r->h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "the domain has %u of the %zu disks of %s", used, r->nr_disks,
				   r->sys->name);
	return code;
}

/* A network card: on the test's network, with nothing of the production's. */
static void test_interface(const struct rehearsal *r, xmlNodePtr nic)
{
	static const char *const host_side[] = {
		"source", "vlan", "virtualport", "target", "backend", "filterref", "ip", "route",
		"script", "bandwidth", "downscript", "port",
	};
	xmlNodePtr source;
	unsigned int i;

	for (i = 0; i < sizeof(host_side) / sizeof(host_side[0]); i++)
		drop_children(nic, host_side[i]);
	/* The addresses of cards on a network that others use must not be there twice. */
	if (r->network)
		drop_children(nic, "mac");
	xml_unset(nic, "managed");
	xml_unset(nic, "trustGuestRxFilters");
	xml_set(nic, "type", "network");
	source = xml_add(nic, "source", NULL);
	xml_set(source, "network", r->network ? r->network : r->isolated);
}

static void leave_out(xmlNodePtr parent, const char *name, const char *what)
{
	if (xml_child(parent, name))
		printf("left out: %s\n", what);
	drop_children(parent, name);
}

/* What the guest itself has of the host, and would share with the test, or lose to it. */
static void leave_out_host(xmlNodePtr domain, xmlNodePtr devices)
{
	xmlNodePtr node, next;

	leave_out(domain, "commandline", "arguments of QEMU");
	leave_out(devices, "hostdev", "devices of the host");
	leave_out(devices, "shmem", "memory that is shared with others");
	leave_out(devices, "lease", "leases");
	for (node = xml_child(devices, "filesystem"); node; node = next) {
		next = xml_next(node, "filesystem");
		if (xml_child(node, "readonly"))
			continue;
		printf("left out: a directory of the host, to which the test would write\n");
		xml_drop(node);
	}
	for (node = xml_child(devices, "memory"); node; node = next) {
		next = xml_next(node, "memory");
		if (!xml_below(node, "source/path"))
			continue;
		printf("left out: memory in a file of the host\n");
		xml_drop(node);
	}
	if (xml_is(xml_below(devices, "tpm/backend"), "type", "passthrough"))
		leave_out(devices, "tpm", "the TPM of the host");
}

/* Sockets and ports of the host: a second guest cannot have those of the first. */
static void test_devices(xmlNodePtr devices)
{
	static const char *const character[] = { "serial", "parallel", "console", "channel" };
	xmlNodePtr node;
	unsigned int i;

	for (i = 0; i < 4; i++)
		for (node = xml_child(devices, character[i]); node; node = xml_next(node, character[i])) {
			if (xml_is(node, "type", "spicevmc") || xml_is(node, "type", "spiceport"))
				continue;
			drop_children(node, "source");
			drop_children(node, "log");
			drop_children(node, "protocol");
			xml_set(node, "type", i == 3 ? "unix" : "pty");
		}
	for (node = xml_child(devices, "graphics"); node; node = xml_next(node, "graphics")) {
		xml_unset(node, "port");
		xml_unset(node, "tlsPort");
		xml_unset(node, "websocket");
		xml_unset(node, "socket");
		xml_set(node, "autoport", "yes");
	}
	for (node = xml_child(devices, "vsock"); node; node = xml_next(node, "vsock")) {
		drop_children(node, "cid");
		xml_set(xml_add(node, "cid", NULL), "auto", "yes");
	}
}

/* What the test's NVRAM begins with: that of the point, or what the guest has now. */
static bool fill_nvram(const struct rehearsal *r, int in, int out)
{
	char buffer[65536];
	ssize_t n;

	if (r->kept.nvram)
		return file_write_all(out, r->kept.nvram, r->kept.nvram_bytes);
	do {
		n = read(in, buffer, sizeof(buffer));
	} while (n > 0 && file_write_all(out, buffer, n));
	return !n;
}

/* Make the test's NVRAM.  Return: 0 or an errno; @why is set with it. */
static int copy_nvram(const struct rehearsal *r, const char *from, const char **why)
{
	int in = -1, out, err = 0;

	if (!r->kept.nvram)
		in = kept_source(AT_FDCWD, from, NVRAM_BYTES, why);
	if (!r->kept.nvram && in < 0)
		return errno;
	unlink(r->nvram);
	out = open(r->nvram, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0 || !fill_nvram(r, in, out))
		err = EIO;	/* ENOENT is that of @from */
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) && !err)
		err = errno;
	if (err && out >= 0)
		unlink(r->nvram);
	if (err)
		*why = strerror(err);
	return err;
}

static int test_nvram(struct rehearsal *r, xmlNodePtr domain)
{
	xmlNodePtr nvram = xml_below(domain, "os/nvram");
	char path[PATH_MAX] = "", from[2 * PATH_MAX], dir[PATH_MAX];
	const char *why;
	int err;

	if (!nvram && r->kept.nvram)
		nvram = xml_add(xml_child(domain, "os"), "nvram", NULL);
	if (!nvram)
		return 0;
	if (!r->kept.nvram && (!xml_content(nvram, path, sizeof(path)) || path[0] != '/')) {
		xml_drop(nvram);
		printf("NVRAM: new, from its template\n");
		return 0;
	}
	snprintf(from, sizeof(from), "%s%s", device_root(), path);
	snprintf(dir, sizeof(dir), "%s" NVRAM_DIR, device_root());
	mkdir(dir, 0711);
	nvram_path(r->sys, r->nvram, sizeof(r->nvram));
	err = copy_nvram(r, from, &why);
	if (err)
		r->nvram[0] = 0;
	if (err == ENOENT) {
		printf("NVRAM: new, from its template: there is no %s\n", path);
		xmlNodeSetContent(nvram, (const xmlChar *)"");
		return 0;
	}
	if (err)
		return host_refuse(r->h, DM_REPLICA_CODE_FAILED, "NVRAM %s cannot be copied: %s", path,
				   why);
	/* Else libvirt looks for a source, as with type='file'. */
	xml_unset(nvram, "type");
	if (r->kept.nvram)
		printf("NVRAM: of point %llu\n", (unsigned long long)r->sys->test_point);
	xmlNodeSetContent(nvram, (const xmlChar *)r->nvram);
	return 0;
}

struct tpm_copy {
	const char *to;
	unsigned int nr;
};

/* swtpm replaces a file by a rename: what is read is whole. */
static int copy_tpm_file(void *arg, int dir, const char *name)
{
	struct tpm_copy *copy = arg;
	const char *why;
	size_t bytes;
	char *data;
	int fd = kept_source(dir, name, TPM_BYTES, &why), error;
	bool good;

	if (fd < 0)
		return errno;
	data = kept_read(fd, TPM_BYTES, &bytes);
	good = data && tpm_put(copy->to, name, data, bytes);
	error = errno;
	close(fd);
	free(data);
	copy->nr += good;
	return good ? 0 : error ? error : EIO;
}

/* The TPM begins with the state of the point, or with what the guest has now. */
static int test_tpm(const struct rehearsal *r, xmlNodePtr domain, const char *from, const char *to)
{
	struct tpm_copy copy = { .to = to };
	unsigned int i;
	int error = 0;

	if (!tpm_is_emulated(domain))
		return 0;
	if (!tpm_mark_test(to, r->sys))
		error = errno ? errno : EIO;
	for (i = 0; i < r->kept.nr_tpm && !error; i++)
		if (!tpm_put(to, r->kept.tpm[i].name, r->kept.tpm[i].data, r->kept.tpm[i].bytes))
			error = errno ? errno : EIO;
	if (!r->kept.nr_tpm && !error)
		error = tpm_each(from, copy_tpm_file, &copy);
	if (error)
		return host_refuse(r->h, DM_REPLICA_CODE_FAILED,
				   "the test's TPM cannot have the state of the guest's: %s",
				   strerror(error));
	if (r->kept.nr_tpm) {
		printf("TPM: of point %llu\n", (unsigned long long)r->sys->test_point);
	} else if (!copy.nr) {
		/* Without its directory: libvirt sets one up that has none. */
		tpm_remove_tests(r->sys);
		printf("TPM: new and empty\n");
	}
	return 0;
}

static int transform(struct rehearsal *r, xmlDocPtr doc)
{
	xmlNodePtr domain = xmlDocGetRootElement(doc), devices = xml_child(domain, "devices"), nic;
	char text[DMREPLICA_UUID_TEXT], uuid[DMREPLICA_UUID_TEXT], from[64], name[256 + 8];
	struct metadata m;
	int code;

	xml_content(xml_child(domain, "name"), name, sizeof(name) - 8);
	strcat(name, " - Test");
	xmlNodeSetContent(xml_child(domain, "name"), (const xmlChar *)name);
	xml_content(xml_child(domain, "uuid"), from, sizeof(from));
	import_fresh_uuid(uuid);
	drop_children(domain, "uuid");
	xml_add(domain, "uuid", uuid);
	if (xml_child(domain, "genid")) {
		import_fresh_uuid(text);
		xmlNodeSetContent(xml_child(domain, "genid"), (const xmlChar *)text);
	}
	drop_children(domain, "seclabel");
	metadata_of_system(&m, r->sys, METADATA_TEST);
	metadata_write(domain, &m);
	for (nic = xml_child(devices, "interface"); nic; nic = xml_next(nic, "interface")) {
		test_interface(r, nic);
		r->connected = true;
	}
	leave_out_host(domain, devices);
	test_devices(devices);
	code = test_disks(r, devices);
	/* It has a copy of what it needs first, and a refusal has none. */
	if (!code)
		code = test_nvram(r, domain);
	return code ? code : test_tpm(r, domain, from, uuid);
}

static int make_network(struct rehearsal *r)
{
	char uuid[DMREPLICA_UUID_TEXT], xml[512];
	virNetworkPtr net;

	if (!r->connected)
		return 0;
	if (r->network) {
		net = virNetworkLookupByName(r->h->conn, r->network);
		if (!net)
			return host_refuse_libvirt(r->h, "network %s cannot be used", r->network);
		virNetworkFree(net);
		return 0;
	}
	/* No address and no way out: what the guest sends reaches no other machine. */
	snprintf(xml, sizeof(xml),
		 "<network><name>%s</name><metadata><dmr:system xmlns:dmr='" METADATA_URI
		 "' uuid='%s' name='%s' view='test'/></metadata><bridge stp='off' delay='0'/></network>",
		 r->isolated, dmreplica_uuid_text(r->sys->uuid, uuid), r->sys->name);
	net = virNetworkCreateXML(r->h->conn, xml);
	if (!net)
		return host_refuse_libvirt(r->h, "the isolated network %s cannot be made",
					   r->isolated);
	virNetworkFree(net);
	return 0;
}

/* Is a network the isolated one of a system?  By metadata: a name can be any network's. */
static bool is_isolated(virNetworkPtr net, const struct dmreplica_system *sys)
{
	char *text = virNetworkGetXMLDesc(net, 0);
	struct xml_fault fault;
	struct metadata m = { .present = false };
	xmlDocPtr doc;

	doc = text ? xml_parse_root(text, strlen(text), "network", &fault) : NULL;
	if (doc)
		metadata_read(xmlDocGetRootElement(doc), &m);
	xmlFreeDoc(doc);
	free(text);
	return m.present && !m.wrong && m.view == METADATA_TEST &&
	       !memcmp(m.uuid, sys->uuid, sizeof(m.uuid));
}

static int remove_networks(struct host *h, const struct dmreplica_system *sys)
{
	virNetworkPtr *list;
	int i, nr, code = 0;

	nr = virConnectListAllNetworks(h->conn, &list, 0);
	if (nr < 0)
		return host_refuse_libvirt(h, "the networks cannot be listed");
	for (i = 0; i < nr; i++) {
		if (!is_isolated(list[i], sys))
			;
		else if (!virNetworkDestroy(list[i]))
			printf("removed: network %s\n", virNetworkGetName(list[i]));
		else if (!code)
			code = host_refuse_libvirt(h, "network %s cannot be removed",
						   virNetworkGetName(list[i]));
		virNetworkFree(list[i]);
	}
	free(list);
	return code;
}

static int clean(struct host *h, const struct dmreplica_system *sys)
{
	char path[PATH_MAX];

	nvram_path(sys, path, sizeof(path));
	if (!unlink(path))
		printf("removed: %s\n", path);
	tpm_remove_tests(sys);
	return remove_networks(h, sys);
}

static int run_test(struct rehearsal *r, xmlDocPtr doc)
{
	char *text = xml_text(doc);
	virDomainPtr dom;
	int code;

	code = text ? make_network(r) : host_refuse(r->h, DM_REPLICA_CODE_NO_MEMORY, "no memory");
	if (code) {
		xmlFree(text);
		return code;
	}
	dom = virDomainCreateXML(r->h->conn, text, VIR_DOMAIN_NONE);
	xmlFree(text);
	if (!dom)
		return host_refuse_libvirt(r->h, "the test domain does not start");
	printf("domain %s runs on the test of %s, %s%s\n", virDomainGetName(dom), r->sys->name,
	       r->connected ? "network " : "without a network",
	       !r->connected ? "" : r->network ? r->network : r->isolated);
	virDomainFree(dom);
	return 0;
}

/* Remove what an earlier test has left; refuse while it runs. */
static int begin_test(struct rehearsal *r, virDomainPtr *dom)
{
	virDomainPtr test;
	int code;

	if (!r->sys->test_epoch) {
		host_refuse(r->h, DM_REPLICA_CODE_INVALID_STATE, "no test failover of %s exists",
			    r->sys->name);
		return host_hint(r->h, DM_REPLICA_CODE_INVALID_STATE,
				 "replicactl test-failover start %s", r->sys->name);
	}
	code = metadata_look(r->h, r->sys, METADATA_TEST, &test);
	if (!code && test) {
		code = host_refuse(r->h, DM_REPLICA_CODE_IN_USE, "domain %s runs already",
				   virDomainGetName(test));
		virDomainFree(test);
		return host_hint(r->h, code, "replicactl domain test-stop %s", r->sys->name);
	}
	if (!code)
		code = metadata_find(r->h, r->sys, METADATA_LIVE, dom);
	return code ? code : clean(r->h, r->sys);
}

/* The guest's definition: that of the point, if one is kept with it, or the present one. */
static int definition(struct rehearsal *r, virDomainPtr dom, xmlDocPtr *doc)
{
	enum run_held held = RUN_HOLDS_NONE;
	int code;

	code = place_test(r->h, r->sys, &r->kept);
	*doc = r->kept.doc;
	r->kept.doc = NULL;
	if (!code && *doc)
		code = run_doc_holds(r->h, *doc, r->sys, METADATA_LIVE, &held);
	if (code)
		return code;
	if (held != RUN_HOLDS_NONE) {
		printf("definition: of point %llu\n", (unsigned long long)r->sys->test_point);
		return 0;
	}
	xmlFreeDoc(*doc);
	return run_xml(r->h, dom, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE, doc);
}

static int start_test(struct rehearsal *r)
{
	struct dmreplica_disk *disks = NULL;
	virDomainPtr dom = NULL;
	xmlDocPtr doc = NULL;
	char reason[2][sizeof(r->h->message)];
	int code;

	snprintf(r->isolated, sizeof(r->isolated), "dmr-test-%.50s", r->sys->name);
	code = begin_test(r, &dom);
	if (code)
		goto out;
	code = dmreplica_disk_list(r->h->dmr, r->sys, &disks, &r->nr_disks);
	r->disks = disks;
	if (code) {
		host_refuse_dmr(r->h, code);
		goto out;
	}
	code = definition(r, dom, &doc);
	if (code)
		goto out;
	code = transform(r, doc);
	if (!code)
		code = run_test(r, doc);
	if (code) {
		snprintf(reason[0], sizeof(reason[0]), "%s", r->h->message);
		snprintf(reason[1], sizeof(reason[1]), "%s", r->h->hint);
		clean(r->h, r->sys);
		host_refuse(r->h, code, "%s", reason[0]);
		host_hint(r->h, code, "%s", reason[1]);
	}
out:
	xmlFreeDoc(doc);
	place_test_free(&r->kept);
	dmreplica_list_free(disks);
	if (dom)
		virDomainFree(dom);
	return code;
}

int cmd_domain_test_start(struct dmreplica *dmr, int argc, char **argv)
{
	static const struct option options[] = {
		{ "network", required_argument, NULL, 'n' },
		{ "without", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 }
	};
	const char *without[DMREPLICA_MAX_DISKS];
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	struct rehearsal r = { .h = &h, .sys = &sys, .without = without };
	int c, status;

	while ((c = next_option(argc, argv, "", options, &status)) != -1) {
		if (c == 'n')
			r.network = optarg;
		else if (c != 'w')
			return status;
		else if (r.nr_without == DMREPLICA_MAX_DISKS)
			return usage_error("--without is given too often");
		else
			without[r.nr_without++] = optarg;
	}
	if (!host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	return host_end(&h, start_test(&r));
}

static int stop_test(struct host *h, const struct dmreplica_system *sys, virDomainPtr dom)
{
	enum run_held held;
	int code = run_holds(h, dom, sys, METADATA_TEST, &held);

	if (!code && held == RUN_HOLDS_NONE)
		code = host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "domain %s has no test device of %s among its disks",
				   virDomainGetName(dom), sys->name);
	return code ? code : run_stop(h, dom, 0, true);
}

int cmd_domain_test_stop(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	virDomainPtr dom;
	int status, code;

	if (next_option(argc, argv, "", NULL, &status) != -1 ||
	    !host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	code = metadata_look(&h, &sys, METADATA_TEST, &dom);
	if (!code && dom)
		code = stop_test(&h, &sys, dom);
	if (!code)
		code = clean(&h, &sys);
	if (!code)
		printf(dom ? "the test domain of %s is gone\n" : "%s has no test domain\n", sys.name);
	if (dom)
		virDomainFree(dom);
	return host_end(&h, code);
}

/* After a test failover: a guest that has switched itself off leaves network and NVRAM. */
int cmd_test_ended(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	virDomainPtr dom = NULL;
	int status, code;

	if (next_option(argc, argv, "", NULL, &status) != -1 ||
	    !host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	code = metadata_look(&h, &sys, METADATA_TEST, &dom);
	if (!code && dom) {
		code = host_refuse(&h, DM_REPLICA_CODE_IN_USE, "domain %s is still there",
				   virDomainGetName(dom));
		host_hint(&h, code, "replicactl domain test-stop %s", sys.name);
		virDomainFree(dom);
	} else if (!code) {
		code = clean(&h, &sys);
	}
	return host_end(&h, code);
}
