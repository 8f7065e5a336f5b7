// SPDX-License-Identifier: GPL-2.0-only
/* replicactl domain check: what this host lacks for a guest, before it is needed. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

enum verdict { PRESENT, MISSING, NOT_VERIFIED };

static const char *const verdicts[] = { "ok", "missing", "not verified" };

struct check {
	struct host *h;
	struct json_object *results;
	bool missing;
};

static void note(struct check *c, const char *what, enum verdict verdict, const char *fmt, ...)
	DOMAIN_PRINTF(4, 5);

static void note(struct check *c, const char *what, enum verdict verdict, const char *fmt, ...)
{
	struct json_object *item = json_object_new_object();
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_add_string(item, "what", what);
	json_add_string(item, "result", verdicts[verdict]);
	json_add_string(item, "detail", host_plain(text));
	json_object_array_add(c->results, item);
	c->missing |= verdict == MISSING;
}

static bool exists(const char *path)
{
	char full[2 * PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", device_root(), path);
	return !access(full, F_OK);
}

static void check_file(struct check *c, const char *what, const char *path)
{
	note(c, what, exists(path) ? PRESENT : MISSING, "%s", path);
}

static enum verdict verdict_of_error(void)
{
	const virError *error = virGetLastError();

	return error && error->code == VIR_ERR_NO_SUPPORT ? NOT_VERIFIED : MISSING;
}

static const char *error_text(void)
{
	const virError *error = virGetLastError();

	return error && error->message ? error->message : "libvirt gives no reason";
}

/* The machine type by the capabilities of QEMU, the CPU by comparison with this one. */
static void check_machine(struct check *c, xmlNodePtr domain)
{
	char type[64], arch[64], machine[128], emulator[PATH_MAX], *xml;
	xmlNodePtr os = xml_below(domain, "os/type"), cpu = xml_child(domain, "cpu");
	xmlBufferPtr buffer;
	int r;

	xml_get(domain, "type", type, sizeof(type));
	xml_get(os, "arch", arch, sizeof(arch));
	xml_get(os, "machine", machine, sizeof(machine));
	if (xml_content(xml_below(domain, "devices/emulator"), emulator, sizeof(emulator)))
		check_file(c, "emulator", emulator);
	xml = virConnectGetDomainCapabilities(c->h->conn, *emulator ? emulator : NULL,
					      *arch ? arch : NULL, *machine ? machine : NULL, type,
					      0);
	note(c, "machine", xml ? PRESENT : verdict_of_error(), "%s %s%s%s", type, machine,
	     xml ? "" : ": ", xml ? "" : error_text());
	free(xml);
	if (!cpu || xml_is(cpu, "mode", "host-passthrough") || xml_is(cpu, "mode", "maximum")) {
		note(c, "CPU", NOT_VERIFIED, cpu ? "it is that of the host, whichever that is" :
						   "the default of QEMU");
		return;
	}
	if (!xml_child(cpu, "model")) {
		note(c, "CPU", NOT_VERIFIED, "its model is chosen at the start");
		return;
	}
	buffer = xmlBufferCreate();
	xmlNodeDump(buffer, domain->doc, cpu, 0, 0);
	r = virConnectCompareHypervisorCPU(c->h->conn, *emulator ? emulator : NULL,
					   *arch ? arch : NULL, *machine ? machine : NULL, type,
					   (const char *)xmlBufferContent(buffer), 0);
	xmlBufferFree(buffer);
	if (r == VIR_CPU_COMPARE_ERROR)
		note(c, "CPU", verdict_of_error(), "%s", error_text());
	else
		note(c, "CPU", r == VIR_CPU_COMPARE_INCOMPATIBLE ? MISSING : PRESENT,
		     r == VIR_CPU_COMPARE_INCOMPATIBLE ? "this host's CPU lacks features" :
							 "this host's CPU has its features");
}

static void check_network(struct check *c, const char *name)
{
	virNetworkPtr net = virNetworkLookupByName(c->h->conn, name);
	int active = net ? virNetworkIsActive(net) : -1;

	note(c, "network", active == 1 ? PRESENT : MISSING, "%s%s", name,
	     active == 1 ? "" : net ? " is not started" : " does not exist");
	if (net)
		virNetworkFree(net);
}

static void check_interfaces(struct check *c, xmlNodePtr domain)
{
	xmlNodePtr nic = xml_below(domain, "devices/interface"), source;
	char name[256], path[512];

	for (; nic; nic = xml_next(nic, "interface")) {
		source = xml_child(nic, "source");
		if (xml_get(source, "network", name, sizeof(name))) {
			check_network(c, name);
		} else if ((xml_get(source, "bridge", name, sizeof(name)) ||
			    xml_get(source, "dev", name, sizeof(name))) && !strchr(name, '/')) {
			snprintf(path, sizeof(path), "/sys/class/net/%s", name);
			note(c, xml_is(nic, "type", "bridge") ? "bridge" : "network device",
			     exists(path) ? PRESENT : MISSING, "%s", name);
		}
	}
}

/* Each disk of the system is one of the domain; what is not ours has to be there, too. */
static void check_disks(struct check *c, xmlNodePtr domain, const struct dmreplica_system *sys,
			const struct dmreplica_disk *disks, size_t nr)
{
	char path[PATH_MAX], link[PATH_MAX], target[64];
	xmlNodePtr disk;
	bool found;
	size_t i;

	for (i = 0; i < nr; i++) {
		device_link(link, sizeof(link), sys->name, disks[i].name, false);
		found = false;
		for (disk = xml_below(domain, "devices/disk"); disk; disk = xml_next(disk, "disk"))
			found |= disk_source(disk, path, sizeof(path)) && !strcmp(path, link);
		note(c, "disk", found ? PRESENT : MISSING, "%s of %s%s", disks[i].name, sys->name,
		     found ? "" : " is no disk of the domain");
	}
	for (disk = xml_below(domain, "devices/disk"); disk; disk = xml_next(disk, "disk")) {
		xml_get(xml_child(disk, "target"), "dev", target, sizeof(target));
		if (disk_source(disk, path, sizeof(path)) &&
		    strncmp(path, "/dev/dm-replica/", 16) &&
		    !xml_is(xml_child(disk, "source"), "startupPolicy", "optional"))
			note(c, "disk", exists(path) ? PRESENT : MISSING, "%s: %s", target, path);
		else if (xml_is(disk, "type", "network") || xml_is(disk, "type", "volume"))
			note(c, "disk", NOT_VERIFIED, "%s is not on this host", target);
	}
}

static void check_firmware(struct check *c, xmlNodePtr domain, const char *uuid)
{
	xmlNodePtr os = xml_child(domain, "os"), tpm = xml_below(domain, "devices/tpm/backend");
	static const char *const files[] = { "loader", "nvram", "kernel", "initrd" };
	char path[PATH_MAX];
	unsigned int i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (xml_content(xml_child(os, files[i]), path, sizeof(path)) && path[0] == '/')
			check_file(c, strcmp(files[i], "nvram") ? files[i] : "NVRAM", path);
	if (!tpm || !xml_is(tpm, "type", "emulator"))
		return;
	snprintf(path, sizeof(path), "/var/lib/libvirt/swtpm/%s", uuid);
	check_file(c, "TPM state", path);
}

static void check_rest(struct check *c, xmlNodePtr domain)
{
	xmlNodePtr channel = xml_below(domain, "devices/channel"), node;
	char full[2 * PATH_MAX];
	struct stat st;
	bool agent = false;

	for (; channel; channel = xml_next(channel, "channel"))
		agent |= xml_is(xml_child(channel, "target"), "name", "org.qemu.guest_agent.0");
	note(c, "agent channel", agent ? PRESENT : MISSING, "org.qemu.guest_agent.0");
	for (node = xml_below(domain, "devices/hostdev"); node; node = xml_next(node, "hostdev"))
		note(c, "host device", NOT_VERIFIED, "the guest has a device of its host");
	for (node = xml_below(domain, "devices/filesystem"); node;
	     node = xml_next(node, "filesystem"))
		if (xml_get(xml_child(node, "source"), "dir", full, sizeof(full)))
			check_file(c, "directory", full);
	if (xml_below(domain, "memoryBacking/hugepages"))
		note(c, "huge pages", NOT_VERIFIED, "the guest's memory needs them");
	if (xml_child(domain, "commandline"))
		note(c, "QEMU arguments", NOT_VERIFIED,
		     "neither import nor the hook looks at what they name");
	snprintf(full, sizeof(full), "%s" DOMAIN_HOOK, device_root());
	/* A link would lead out of what AppArmor lets libvirtd run. */
	if (lstat(full, &st) || !S_ISREG(st.st_mode) || !(st.st_mode & 0100))
		note(c, "hook", MISSING, "%s is no executable file", DOMAIN_HOOK);
	else
		note(c, "hook", NOT_VERIFIED,
		     "it is there; libvirtd sees it if it was reloaded since");
}

static void check_system(struct check *c, const struct dmreplica_system *sys)
{
	note(c, "system", sys->attached ? PRESENT : MISSING, "%s is %sattached", sys->name,
	     sys->attached ? "" : "not ");
}

static int check(struct check *c, const struct dmreplica_system *sys, virDomainPtr dom)
{
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	struct dmreplica_disk *disks;
	xmlNodePtr domain;
	xmlDocPtr doc;
	size_t nr;
	int code;

	code = run_xml(c->h, dom, VIR_DOMAIN_XML_INACTIVE, &doc);
	if (code)
		return code;
	code = dmreplica_disk_list(c->h->dmr, sys, &disks, &nr);
	if (code) {
		xmlFreeDoc(doc);
		return host_refuse_dmr(c->h, code);
	}
	domain = xmlDocGetRootElement(doc);
	virDomainGetUUIDString(dom, uuid);
	check_system(c, sys);
	check_machine(c, domain);
	check_interfaces(c, domain);
	check_disks(c, domain, sys, disks, nr);
	check_firmware(c, domain, uuid);
	check_rest(c, domain);
	dmreplica_list_free(disks);
	xmlFreeDoc(doc);
	return 0;
}

static void print_results(struct json_object *results)
{
	struct json_object *item, *what, *result, *detail;
	size_t i;

	for (i = 0; i < json_object_array_length(results); i++) {
		item = json_object_array_get_idx(results, i);
		json_object_object_get_ex(item, "what", &what);
		json_object_object_get_ex(item, "result", &result);
		json_object_object_get_ex(item, "detail", &detail);
		printf("  %-13s %-14s %s\n", json_object_get_string(result),
		       json_object_get_string(what), json_object_get_string(detail));
	}
}

int cmd_domain_check(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct check c = { .h = &h };
	struct dmreplica_system sys;
	virDomainPtr dom;
	int status, code;
	bool json;

	if (!host_json_system(&h, argc, argv, &json, &sys, &status))
		return status;
	code = metadata_find(&h, &sys, METADATA_LIVE, &dom);
	if (code)
		return host_end(&h, code);
	c.results = json_object_new_array();
	code = check(&c, &sys, dom);
	if (!code && !json) {
		printf("%s: domain %s\n", sys.name, virDomainGetName(dom));
		print_results(c.results);
	}
	if (!code && json)
		json_print(c.results);
	else
		json_object_put(c.results);
	virDomainFree(dom);
	status = host_end(&h, code);
	return status ? status : c.missing;
}
