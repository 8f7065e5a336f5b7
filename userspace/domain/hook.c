// SPDX-License-Identifier: GPL-2.0-only
/*
 * The side of libvirt's hook: may a guest start on the disks that it names?  Closed for what
 * is ours, open for all others.  Nothing goes to standard output, which libvirt takes for the
 * domain's XML, and libvirt is not called, which waits for this program.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"

#define ANSWER_S	10	/* for the module; the hook's own limit is 15 */

/**
 * struct hook - one call of the hook
 * @h: the host; its message is the answer.
 * @guest: name of the domain.
 * @restore: memory is to be restored: it must be of the present failover.
 * @own: the path that is looked at is a disk, and not what one lies on.
 * @files: the systems that have a file.
 * @m: metadata in the XML; with @restore that which was saved.
 */
struct hook {
	struct host *h;
	const char *guest;
	bool restore;
	bool own;
	struct device_files files;
	struct metadata m;
};

static void no_answer(int signal)
{
	static const char text[] = "dm-replica does not answer: dmesg shows whether a device of it hangs";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

static int refuse_below(const struct hook *hook, const char *path, const struct device *d)
{
	struct dmreplica_system sys;
	char name[DMREPLICA_NAME_MAX];

	snprintf(name, sizeof(name), "%s", d->name);
	if (!*name && d->has_uuid) {
		dmreplica_uuid_text(d->uuid, name);
		if (!dmreplica_system_find(hook->h->dmr, name, &sys))
			snprintf(name, sizeof(name), "%s", sys.name);
	}
	if (*d->disk)
		host_refuse(hook->h, DM_REPLICA_CODE_IN_USE,
			    "%s is the home of %s's %s, or shares storage with it: while points exist it is no usable disk",
			    path, name, d->disk);
	else
		host_refuse(hook->h, DM_REPLICA_CODE_IN_USE,
			    "%s is the store of %s, or shares storage with it", path, name);
	if (*d->disk && !dmreplica_system_find(hook->h->dmr, name, &sys) &&
	    sys.flags & DM_REPLICA_SYSTEM_FLAGS_PRIMARY)
		return host_hint(hook->h, DM_REPLICA_CODE_IN_USE,
				 "%s is a primary: use /dev/dm-replica/%s/%s", name, name, d->disk);
	return host_hint(hook->h, DM_REPLICA_CODE_IN_USE,
			 "use the failover devices: replicactl failover %s", name);
}

static int refuse_unattached(const struct hook *hook, const char *path, const struct device *d)
{
	struct dmreplica_system sys;
	int code = dmreplica_system_find(hook->h->dmr, d->name, &sys);

	if (code == DM_REPLICA_CODE_NOT_FOUND) {
		host_refuse(hook->h, code, "%s: there is no system %s here", path, d->name);
		return host_hint(hook->h, code, "replicactl scan");
	}
	if (!code && sys.attached) {
		code = DM_REPLICA_CODE_NOT_AVAILABLE;
		host_refuse(hook->h, code, "%s is not there, although %s is attached", path,
			    d->name);
		return host_hint(hook->h, code, "udevadm trigger --subsystem-match=block");
	}
	host_refuse(hook->h, DM_REPLICA_CODE_NOT_AVAILABLE, "%s is not attached", d->name);
	return host_hint(hook->h, DM_REPLICA_CODE_NOT_AVAILABLE, "replicactl attach %s", d->name);
}

static bool is_of(const struct metadata *m, const struct device *d)
{
	return m->present && !m->wrong && !memcmp(m->uuid, d->uuid, sizeof(m->uuid));
}

/* The same holds for a file that lies over a disk: it has what differs from it. */
static int refuse_overlay(const struct hook *hook, const char *path, const struct device *d,
			  const struct dmreplica_system *sys, uint32_t epoch)
{
	char of[32] = "another failover";

	if (is_of(&hook->m, d) && hook->m.failover)
		snprintf(of, sizeof(of), "failover %llu", (unsigned long long)hook->m.failover);
	host_refuse(hook->h, DM_REPLICA_CODE_INVALID_STATE,
		    "a disk of the guest is a file over %s, which belongs to %s, and the disks are of failover %u",
		    path, of, epoch);
	return host_hint(hook->h, DM_REPLICA_CODE_INVALID_STATE,
			 "start it without the file: replicactl domain import %s FILE", sys->name);
}

/* Memory belongs to disks as they were: to one failover of one system. */
static int check_memory(const struct hook *hook, const char *path, const struct device *d,
			const struct dmreplica_system *sys, uint32_t epoch)
{
	if (is_of(&hook->m, d) && hook->m.failover == epoch)
		return 0;
	if (!hook->own)
		return refuse_overlay(hook, path, d, sys, epoch);
	if (!hook->restore)
		return 0;
	if (is_of(&hook->m, d) && hook->m.failover)
		host_refuse(hook->h, DM_REPLICA_CODE_INVALID_STATE,
			    "the saved memory is of failover %llu of %s, the disks are of failover %u",
			    (unsigned long long)hook->m.failover, sys->name, epoch);
	else
		host_refuse(hook->h, DM_REPLICA_CODE_INVALID_STATE,
			    "it is not known of which failover of %s the saved memory is",
			    sys->name);
	return host_hint(hook->h, DM_REPLICA_CODE_INVALID_STATE,
			 "start it without the memory: virsh managedsave-remove '%s'", hook->guest);
}

static int check_view(const struct hook *hook, const char *path, const struct device *d)
{
	bool test = d->kind == DEVICE_TEST;
	char uuid[DMREPLICA_UUID_TEXT];
	struct dmreplica_system sys;
	uint32_t epoch;
	int code;

	code = d->has_uuid ? dmreplica_system_attached(hook->h->dmr,
						       dmreplica_uuid_text(d->uuid, uuid), &sys) :
			     DM_REPLICA_CODE_UNKNOWN;
	if (code) {
		host_refuse(hook->h, code, "%s is a device of dm-replica, which does not answer: %s",
			    path, dmreplica_message(hook->h->dmr));
		return host_hint(hook->h, code, "replicactl list");
	}
	/* The machine's own disk: there is no failover that memory could belong to. */
	if (!test && sys.flags & DM_REPLICA_SYSTEM_FLAGS_PRIMARY)
		return 0;
	epoch = test ? sys.test_epoch : sys.live_epoch;
	if (epoch)
		return check_memory(hook, path, d, &sys, epoch);
	code = DM_REPLICA_CODE_INVALID_STATE;
	if (test)
		host_refuse(hook->h, code, "no test failover of %s exists", sys.name);
	else
		host_refuse(hook->h, code, "%s is a replica (%s)", sys.name, text_state(sys.state));
	return host_hint(hook->h, code, test ? "replicactl test-failover start %s" :
			 "replicactl failover %s", sys.name);
}

static int check_replica(const struct hook *hook, const char *path, const struct device *d)
{
	char name[DMREPLICA_UUID_TEXT];
	struct dmreplica_system sys;
	const char *shown = dmreplica_uuid_text(d->uuid, name);

	if (is_of(&hook->m, d) && hook->m.view == METADATA_REPLICA)
		return 0;
	if (!dmreplica_system_find(hook->h->dmr, name, &sys))
		shown = sys.name;
	host_refuse(hook->h, DM_REPLICA_CODE_IN_USE,
		    "%s is the replica of %s, to which replication writes", path, shown);
	return host_hint(hook->h, DM_REPLICA_CODE_IN_USE,
			 "use /dev/dm-replica/%s/%s after replicactl failover %s", shown, d->disk,
			 shown);
}

static int check_path(void *arg, const char *path, bool own)
{
	struct hook *hook = arg;
	struct device d;

	hook->own = own;
	device_identify(path, &hook->files, &d);
	if (d.kind == DEVICE_OTHER)
		return 0;
	alarm(ANSWER_S);
	switch (d.kind) {
	case DEVICE_BELOW:
		return refuse_below(hook, path, &d);
	case DEVICE_UNATTACHED:
		return refuse_unattached(hook, path, &d);
	case DEVICE_REPLICA:
		return check_replica(hook, path, &d);
	default:
		return check_view(hook, path, &d);
	}
}

/* XML that cannot be parsed is ours if it names us. */
static int check_text(struct host *h, const char *text, size_t bytes)
{
	if (!text || !memmem(text, bytes, "dm-replica", 10))
		return 0;
	return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
			   "the domain's XML cannot be read, and names dm-replica");
}

int cmd_hook(struct dmreplica *dmr, int argc, char **argv)
{
	struct host h = { .dmr = dmr };
	struct hook hook = { .h = &h };
	struct xml_fault fault;
	xmlDocPtr doc = NULL;
	size_t bytes = 0;
	char *text;
	int code;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return next_option(argc, argv, "", NULL, &code) == '?' ? code : 0;
	/* A guest may have any name, that of an option as well. */
	if (argc < 3 || (strcmp(argv[2], "prepare") && strcmp(argv[2], "restore") &&
			 strcmp(argv[2], "migrate")))
		return 0;
	dmreplica_on_warning(dmr, NULL, NULL);
	signal(SIGALRM, no_answer);
	hook.guest = argv[1];
	hook.restore = !strcmp(argv[2], "restore");
	text = xml_read(STDIN_FILENO, &bytes, &fault);
	if (text)
		doc = xml_parse(text, bytes, &fault);
	if (doc) {
		metadata_read(xmlDocGetRootElement(doc), &hook.m);
		/* Without the files, homes of attached systems are known by their holders. */
		if (dmreplica_conf_list(dmr, &hook.files.list, &hook.files.nr))
			hook.files.nr = 0;
		code = disk_paths(xmlDocGetRootElement(doc), check_path, &hook);
		dmreplica_list_free(hook.files.list);
		xmlFreeDoc(doc);
	} else {
		code = check_text(&h, text, bytes);
	}
	free(text);
	alarm(0);
	if (!code)
		return 0;
	/* libvirt shows it in the midst of a line of its own */
	fprintf(stderr, "%s%s%s", h.message, *h.hint ? ": " : "", h.hint);
	fflush(stderr);
	return 1;
}
