// SPDX-License-Identifier: GPL-2.0-only
/* Start, stop, resume: only a domain that has one of the system's devices. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "domain.h"

#define STOP_MS		60000	/* default for a guest to shut down */
#define POLL_MS		100
#define SETTLE_MS	1000	/* a guest that cannot go on pauses again within ms */
#define AUTOSTARTED	"/run/libvirt/qemu/autostarted"

/* The XML of a domain, parsed. */
int run_xml(struct host *h, virDomainPtr dom, unsigned int flags, xmlDocPtr *doc)
{
	char *text = virDomainGetXMLDesc(dom, flags);
	struct xml_fault fault;

	*doc = NULL;
	if (!text)
		return host_refuse_libvirt(h, "the XML of domain %s cannot be read",
					   virDomainGetName(dom));
	*doc = xml_parse(text, strlen(text), &fault);
	free(text);
	if (*doc)
		return 0;
	return host_refuse(h, DM_REPLICA_CODE_FAILED, "the XML of domain %s cannot be read: %s",
			   virDomainGetName(dom), fault.text);
}

struct holding {
	const struct dmreplica_disk *disks;
	size_t nr;
	enum metadata_view view;
	uint64_t held;		/* a bit for each disk */
	bool over;		/* a disk lies over one */
};

static dev_t device_of(const struct dmreplica_disk *d, enum metadata_view view)
{
	switch (view) {
	case METADATA_TEST:
		return makedev(d->test_major, d->test_minor);
	case METADATA_REPLICA:
		return makedev(d->replica_major, d->replica_minor);
	default:
		return makedev(d->live_major, d->live_minor);
	}
}

static int look_at_path(void *arg, const char *path, bool own)
{
	struct holding *holding = arg;
	dev_t dev;
	size_t i;

	if (!device_number(path, &dev))
		return 0;
	for (i = 0; i < holding->nr; i++) {
		if (dev != device_of(&holding->disks[i], holding->view))
			continue;
		holding->held |= 1ULL << i;
		holding->over |= !own;
	}
	return 0;
}

/* Look for the devices of a system in a domain's XML. */
static int look(struct host *h, xmlDocPtr doc, const struct dmreplica_system *sys,
		struct holding *holding)
{
	struct dmreplica_disk *disks;
	int code = dmreplica_disk_list(h->dmr, sys, &disks, &holding->nr);

	if (code)
		return host_refuse_dmr(h, code);
	holding->disks = disks;
	disk_paths(xmlDocGetRootElement(doc), look_at_path, holding);
	dmreplica_list_free(disks);
	return 0;
}

static enum run_held held_of(const struct holding *holding)
{
	if (!holding->held)
		return RUN_HOLDS_NONE;
	return holding->held == ~0ULL >> (64 - holding->nr) ? RUN_HOLDS_ALL : RUN_HOLDS_SOME;
}

/* Which disks of a system does a domain's XML have?  See run_holds(). */
int run_doc_holds(struct host *h, xmlDocPtr doc, const struct dmreplica_system *sys,
		  enum metadata_view view, enum run_held *held)
{
	struct holding holding = { .view = view };
	int code = look(h, doc, sys, &holding);

	*held = code ? RUN_HOLDS_NONE : held_of(&holding);
	return code;
}

/**
 * run_holds() - which disks of a system does a domain have?
 * @h: the host.
 * @dom: the domain; its XML is that with which it runs, if it does.
 * @sys: the system.
 * @view: look for the devices of this view.
 * @held: set: none, some, or all of the system's.
 *
 * By device number: a name proves nothing.
 *
 * Return: 0, or a refusal.
 */
int run_holds(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys,
	      enum metadata_view view, enum run_held *held)
{
	xmlDocPtr doc;
	int code = run_xml(h, dom, 0, &doc);

	*held = RUN_HOLDS_NONE;
	if (!code)
		code = run_doc_holds(h, doc, sys, view, held);
	xmlFreeDoc(doc);
	return code;
}

static int must_hold(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys,
		     enum metadata_view view)
{
	enum run_held held;
	int code = run_holds(h, dom, sys, view, &held);

	if (code || held != RUN_HOLDS_NONE)
		return code;
	return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
			   "domain %s has no %s device of %s among its disks", virDomainGetName(dom),
			   view == METADATA_TEST ? "test" : "failover", sys->name);
}

int run_state(struct host *h, virDomainPtr dom, int *state, int *reason)
{
	if (!virDomainGetState(dom, state, reason, 0))
		return 0;
	return host_refuse_libvirt(h, "the state of domain %s cannot be read",
				   virDomainGetName(dom));
}

static bool ended(virDomainPtr dom)
{
	return virDomainIsActive(dom) == 0;
}

static bool wait_for_end(virDomainPtr dom, uint32_t ms)
{
	uint32_t waited;

	for (waited = 0; waited < ms && !ended(dom); waited += POLL_MS)
		host_sleep_ms(POLL_MS);
	return ended(dom);
}

/**
 * run_stop() - stop a domain
 * @h: the host.
 * @dom: the domain.
 * @wait_ms: for the guest to shut down, in two halves: asked by its agent, by ACPI.
 * @force: then switch it off.
 *
 * Return: 0, also if it does not run; 32772 if it still runs.
 */
int run_stop(struct host *h, virDomainPtr dom, uint32_t wait_ms, bool force)
{
	static const unsigned int how[] = {
		VIR_DOMAIN_SHUTDOWN_GUEST_AGENT, VIR_DOMAIN_SHUTDOWN_DEFAULT,
	};
	unsigned int i;

	for (i = 0; i < 2 && wait_ms && !ended(dom); i++)
		if (!virDomainShutdownFlags(dom, how[i]))
			wait_for_end(dom, wait_ms / 2);
	if (ended(dom))
		return 0;
	if (force && virDomainDestroy(dom) && !ended(dom))
		return host_refuse_libvirt(h, "domain %s cannot be stopped",
					   virDomainGetName(dom));
	if (force)
		return 0;
	host_refuse(h, DM_REPLICA_CODE_TIMEOUT, "the guest of domain %s has not shut down in time",
		    virDomainGetName(dom));
	return host_hint(h, DM_REPLICA_CODE_TIMEOUT, "--force switches it off then");
}

/**
 * run_renew() - give a domain the identity of the present failover
 * @h: the host.
 * @dom: the domain; replaced by the one defined anew.
 * @sys: the system, failed over.
 *
 * A guest that starts after a failover is not the one that ran before it: a generation ID
 * that the domain has is a new one then.  A file that lies over a disk, as an external snapshot
 * makes it, has what differs from that disk in the failover before: it fits no other.
 *
 * Return: 0, also if it has the identity already.
 */
int run_renew(struct host *h, virDomainPtr *dom, const struct dmreplica_system *sys)
{
	char text[DMREPLICA_UUID_TEXT], *xml;
	struct holding holding = { .view = METADATA_LIVE };
	struct metadata m, now;
	xmlNodePtr root, genid;
	virDomainPtr renewed;
	xmlDocPtr doc;
	int code;

	code = run_xml(h, *dom, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE, &doc);
	if (code)
		return code;
	root = xmlDocGetRootElement(doc);
	metadata_read(root, &m);
	metadata_of_system(&now, sys, METADATA_LIVE);
	if (m.failover != now.failover)
		code = look(h, doc, sys, &holding);
	if (!code && holding.over) {
		host_refuse(h, DM_REPLICA_CODE_INVALID_STATE,
			    "a disk of domain %s is a file over the disk of another failover",
			    virDomainGetName(*dom));
		code = host_hint(h, DM_REPLICA_CODE_INVALID_STATE,
				 "replicactl domain import %s FILE defines it without the file",
				 sys->name);
	}
	if (code || m.failover == now.failover) {
		xmlFreeDoc(doc);
		return code;
	}
	metadata_write(root, &now);
	/* Of a failover that was reverted without libvirt: it was asked for then. */
	nocloud_drop(h, sys, root);
	genid = xml_child(root, "genid");
	if (genid) {
		import_fresh_uuid(text);
		xmlNodeSetContent(genid, (const xmlChar *)text);
	}
	xml = xml_text(doc);
	xmlFreeDoc(doc);
	renewed = xml ? virDomainDefineXML(h->conn, xml) : NULL;
	xmlFree(xml);
	if (!renewed)
		return host_refuse_libvirt(h, "domain %s cannot be defined for the failover",
					   virDomainGetName(*dom));
	virDomainFree(*dom);
	*dom = renewed;
	return 0;
}

static int must_be_failed_over(struct host *h, const struct dmreplica_system *sys)
{
	if (sys->live_epoch)
		return 0;
	host_refuse(h, DM_REPLICA_CODE_INVALID_STATE, "%s is a replica (%s)", sys->name,
		    text_state(sys->state));
	return host_hint(h, DM_REPLICA_CODE_INVALID_STATE, "replicactl failover %s", sys->name);
}

/* Addresses are for a guest that has booted. */
static void hint_addresses(struct host *h, const struct dmreplica_system *sys)
{
	struct dmreplica_adapter *list;
	size_t nr;

	if (dmreplica_adapter_list(h->dmr, sys, &list, &nr))
		return;
	if (nr)
		printf("  replicactl domain addresses %s --wait 300 gives it the addresses that are set\n",
		       sys->name);
	dmreplica_list_free(list);
}

/* What is not in place holds up no guest; a warning reports it. */
static void place(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom, bool *left)
{
	if (place_failed_over(h, sys, dom, left)) {
		printf("warning: %s\n", h->message);
		*left = true;
	}
	if (*left)
		printf("warning: the guest starts with what this host has of definition, NVRAM and TPM, and keeps it until another failover\n");
}

static int start(struct host *h, virDomainPtr *dom, const struct dmreplica_system *sys)
{
	int code = must_hold(h, *dom, sys, METADATA_LIVE);
	bool left = false;

	if (!code)
		code = memory_refuse(h, *dom, sys);
	/* Of a failover without libvirt's answer. */
	if (!code)
		place(h, sys, dom, &left);
	if (!code && !*dom)
		code = host_refuse(h, DM_REPLICA_CODE_NOT_FOUND, "%s has no domain for its failover",
				   sys->name);
	if (!code)
		code = run_renew(h, dom, sys);
	/* Before it: this process may end while libvirt starts the guest. */
	if (!code && left)
		place_leave(h, sys, true);
	if (!code && virDomainCreate(*dom))
		code = host_refuse_libvirt(h, "domain %s does not start", virDomainGetName(*dom));
	if (code && left && *dom && ended(*dom))
		place_leave(h, sys, false);
	if (!code)
		printf("domain %s runs on %s, failover %u\n", virDomainGetName(*dom), sys->name,
		       sys->live_epoch);
	if (!code)
		hint_addresses(h, sys);
	return code;
}

/* Parse no options but @options, and find the system and its domain. */
static bool begin(struct host *h, int argc, char **argv, struct dmreplica_system *sys,
		  virDomainPtr *dom, int *status)
{
	int code;

	if (!host_one_system(h, argc, argv, true, sys, status))
		return false;
	code = metadata_find(h, sys, METADATA_LIVE, dom);
	if (code)
		*status = host_end(h, code);
	return !code;
}

static int finish(struct host *h, virDomainPtr dom, int code)
{
	virDomainFree(dom);
	return host_end(h, code);
}

static bool no_options(int argc, char **argv, int *status)
{
	return next_option(argc, argv, "", NULL, status) == -1;
}

int cmd_start(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	virDomainPtr dom;
	int status, code;

	if (!no_options(argc, argv, &status) || !begin(&h, argc, argv, &sys, &dom, &status))
		return status;
	code = must_be_failed_over(&h, &sys);
	if (!code && !ended(dom))
		printf("domain %s runs already\n", virDomainGetName(dom));
	else if (!code)
		code = start(&h, &dom, &sys);
	return finish(&h, dom, code);
}

int cmd_stop(struct dmreplica *dmr, int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 }
	};
	struct host h = { .dmr = dmr };
	uint32_t wait_ms = STOP_MS;
	struct dmreplica_system sys;
	bool force = false;
	virDomainPtr dom;
	int c, status, code;

	while ((c = next_option(argc, argv, "w:f", options, &status)) != -1) {
		if (c == 'f')
			force = true;
		else if (c != 'w' || !parse_wait("--wait", optarg, &wait_ms, &status))
			return status;
	}
	if (!begin(&h, argc, argv, &sys, &dom, &status))
		return status;
	code = ended(dom) ? 0 : must_hold(&h, dom, &sys, METADATA_LIVE);
	if (!code)
		code = run_stop(&h, dom, wait_ms, force);
	if (!code)
		printf("domain %s does not run\n", virDomainGetName(dom));
	return finish(&h, dom, code);
}

static bool is_paused_by_error(struct host *h, virDomainPtr dom)
{
	int state, reason;

	return !run_state(h, dom, &state, &reason) && state == VIR_DOMAIN_PAUSED &&
	       reason == VIR_DOMAIN_PAUSED_IOERROR;
}

/* libvirt reports that the guest runs; if the fault remains it pauses again. */
static int resume(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys)
{
	unsigned int waited;

	if (virDomainResume(dom))
		return host_refuse_libvirt(h, "domain %s cannot be resumed", virDomainGetName(dom));
	for (waited = 0; waited < SETTLE_MS; waited += POLL_MS) {
		host_sleep_ms(POLL_MS);
		if (!is_paused_by_error(h, dom))
			continue;
		host_refuse(h, DM_REPLICA_CODE_FAILED,
			    "domain %s has paused for an I/O error again", virDomainGetName(dom));
		return host_hint(h, DM_REPLICA_CODE_FAILED, "replicactl status %s", sys->name);
	}
	printf("domain %s runs again\n", virDomainGetName(dom));
	return 0;
}

static int resume_view(struct host *h, const struct dmreplica_system *sys, enum metadata_view view,
		       bool *found)
{
	virDomainPtr dom;
	int code = metadata_look(h, sys, view, &dom);

	if (code || !dom)
		return code;
	*found = true;
	code = must_hold(h, dom, sys, view);
	if (!code && !is_paused_by_error(h, dom))
		printf("domain %s is not paused by an I/O error\n", virDomainGetName(dom));
	else if (!code)
		code = resume(h, dom, sys);
	virDomainFree(dom);
	return code;
}

/* The guest and its rehearsal: a store without room pauses both. */
int cmd_domain_resume(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	bool found = false;
	virDomainPtr dom;
	int status, code;

	if (!no_options(argc, argv, &status) || !host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	code = resume_view(&h, &sys, METADATA_LIVE, &found);
	if (!code)
		code = resume_view(&h, &sys, METADATA_TEST, &found);
	if (!code && !found) {
		code = metadata_find(&h, &sys, METADATA_LIVE, &dom);
		if (!code)
			virDomainFree(dom);
	}
	return host_end(&h, code);
}

/*
 * libvirt tries an autostart once after a boot.  A system that is attached later has missed
 * it; before it, libvirt starts the guest itself.
 */
int cmd_autostart(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	char path[PATH_MAX];
	const char *why = NULL;
	int status, code, on = 0;
	virDomainPtr dom;

	if (!no_options(argc, argv, &status) || !host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	/* Before the connection, which would start a libvirtd that is to start later. */
	snprintf(path, sizeof(path), "%s" AUTOSTARTED, device_root());
	if (access(path, F_OK)) {
		printf("%s is left to libvirt, whose own autostart is to come\n", sys.name);
		return 0;
	}
	code = metadata_look(&h, &sys, METADATA_LIVE, &dom);
	if (code || !dom) {
		if (!code)
			printf("%s has no domain\n", sys.name);
		return host_end(&h, code);
	}
	if (virDomainGetAutostart(dom, &on) || !on)
		why = "is not set to autostart";
	else if (!ended(dom))
		why = "runs already";
	else if (!sys.live_epoch)
		why = "has a system that is not failed over";
	else
		code = start(&h, &dom, &sys);
	/* libvirt may have reached it meanwhile, and holds the start of another. */
	if (code && dom && !ended(dom)) {
		code = 0;
		why = "runs already";
	}
	if (why)
		printf("domain %s %s\n", virDomainGetName(dom), why);
	return finish(&h, dom, code);
}

/* After a failover: what libvirt keeps of the guest is of another one. */
int cmd_failed_over(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	virDomainPtr dom = NULL;
	bool left = false;
	int status, code;

	if (!no_options(argc, argv, &status) || !host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	code = must_be_failed_over(&h, &sys);
	if (!code)
		code = metadata_look(&h, &sys, METADATA_LIVE, &dom);
	if (!code && dom)
		code = memory_remove(&h, dom, &sys);
	if (!code)
		code = place_failed_over(&h, &sys, &dom, &left);
	if (!code && dom)
		code = run_renew(&h, &dom, &sys);
	if (dom)
		virDomainFree(dom);
	return host_end(&h, code);
}

/* After a revert: what the failover has put in place goes with it. */
int cmd_reverted(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct dmreplica_system sys;
	virDomainPtr dom = NULL;
	int status, code;

	if (!no_options(argc, argv, &status) || !host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	code = metadata_look(&h, &sys, METADATA_LIVE, &dom);
	if (!code && dom && !ended(dom))
		code = host_refuse(&h, DM_REPLICA_CODE_IN_USE, "domain %s runs", virDomainGetName(dom));
	if (!code)
		code = place_reverted(&h, &sys, &dom);
	if (!code)
		code = nocloud_remove(&h, &sys, &dom);
	if (dom)
		virDomainFree(dom);
	return host_end(&h, code);
}
