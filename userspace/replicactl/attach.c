// SPDX-License-Identifier: GPL-2.0-only
/* replicactl attach, detach, scan */
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include "replicactl.h"

#define LONG_READ	(256ULL << 20)	/* reading such a log takes seconds */

static const char *last; /* the work that was printed last, and its progress */
static unsigned int percent;

/* Print a line for each long work; on a terminal update it with the progress. */
static void progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	const char *name = arg;
	unsigned int now = total ? (done > total ? total : done) * 100 / total : 0;

	if (total < LONG_READ || (what == last && (now == percent || !isatty(2))))
		return;
	fflush(stdout);
	if (!isatty(2))
		fprintf(stderr, "replicactl: %s: %s, %s\n", name, what, text_size(total));
	else if (done)
		fprintf(stderr, "\r%s: %s, %s: %u %%\033[K%s", name, what, text_size(total), now,
			now == 100 ? "\n" : "");
	else
		fprintf(stderr, "\r%s: %s, %s\033[K\n", name, what, text_size(total));
	last = what;
	percent = now;
}

/* Are all devices there that the file of a system names? */
static bool devices_there(const char *name)
{
	struct dmreplica *ctx = dmreplica_new();
	struct dmreplica_conf conf;
	unsigned int i;
	bool there;

	there = ctx && !dmreplica_conf_find(ctx, name, &conf) && !access(conf.store, F_OK);
	for (i = 0; there && i < conf.nr_disks; i++)
		there = !access(conf.disks[i].path, F_OK);
	dmreplica_free(ctx);
	return there;
}

static int attach_one(struct dmreplica *ctx, char *name, unsigned int flags, const char *homes)
{
	unsigned int again = 3;
	int code;

	do {
		last = NULL;
		dmreplica_on_progress(ctx, progress, name);
		code = dmreplica_attach(ctx, name, flags, homes);
		dmreplica_on_progress(ctx, NULL, NULL);
		/*
		 * A device that came meanwhile has started no unit: systemd starts none for it
		 * that is starting already.
		 */
	} while (code == DM_REPLICA_CODE_NOT_FOUND && (flags & DMREPLICA_ATTACH_IF_NEEDED) &&
		 again-- && devices_there(name));
	return code;
}

static void print_attached(struct dmreplica *ctx, const char *name)
{
	static const char *const homes[] = {
		[DMREPLICA_HOME_NOT_VERIFIED] = "not verified",
		[DMREPLICA_HOME_VERIFIED] = "verified",
		[DMREPLICA_HOME_DIFFERS] = "differs, accepted",
	};
	struct dmreplica_system sys;
	struct dmreplica_disk *disks;
	size_t nr, i;

	if (dmreplica_was_attached(ctx)) {
		printf("%s is attached already\n", name);
		return;
	}
	if (dmreplica_system_find(ctx, name, &sys) || !sys.attached) {
		printf("%s attached\n", name);
		return;
	}
	printf("%s attached: %s\n", sys.name, text_state(sys.state));
	if (dmreplica_disk_list(ctx, &sys, &disks, &nr))
		return;
	for (i = 0; i < nr; i++)
		printf("  %s  replica %s  failover %s  test %s  home %s\n", disks[i].name,
		       text_device(disks[i].replica_major, disks[i].replica_minor),
		       text_device(disks[i].live_major, disks[i].live_minor),
		       text_device(disks[i].test_major, disks[i].test_minor),
		       homes[dmreplica_attach_home(ctx, disks[i].number)]);
	dmreplica_list_free(disks);
}

static int attach_all(struct dmreplica *ctx, unsigned int flags)
{
	struct dmreplica_system *list;
	int code, status = 0;
	size_t nr, i;

	/* do not wait long for one device, but let a disk spin up */
	dmreplica_set_patience(ctx, 5000);
	code = dmreplica_system_list(ctx, &list, &nr);
	if (code)
		return refused(ctx, code);
	for (i = 0; i < nr; i++) {
		if (list[i].attached)
			continue;
		code = attach_one(ctx, list[i].name, flags, NULL);
		if (code)
			status = refused(ctx, code);
		else
			print_attached(ctx, list[i].name);
	}
	dmreplica_list_free(list);
	return status;
}

int cmd_attach(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "take-over", no_argument, NULL, 't' },
		{ "accept-homes", optional_argument, NULL, 'x' },
		{ "accept-older", no_argument, NULL, 'o' },
		{ "if-needed", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	const char *homes = NULL;
	unsigned int flags = 0;
	bool all = false;
	int c, code, status;

	while ((c = next_option(argc, argv, "a", options, &status)) != -1) {
		switch (c) {
		case 'a':
			all = true;
			break;
		case 't':
			flags |= DMREPLICA_ATTACH_TAKE_OVER;
			break;
		case 'x':
			if (flags & DMREPLICA_ATTACH_ACCEPT_HOMES)
				return usage_error("give --accept-homes once, with all disks: =DISK,DISK");
			flags |= DMREPLICA_ATTACH_ACCEPT_HOMES;
			homes = optarg;
			break;
		case 'o':
			flags |= DMREPLICA_ATTACH_ACCEPT_OLDER;
			break;
		case 'n':
			flags |= DMREPLICA_ATTACH_IF_NEEDED;
			break;
		default:
			return status;
		}
	}
	if (all ? optind != argc : optind != argc - 1)
		return usage_error("give one system, or --all");
	if (all && homes)
		return usage_error("--accept-homes=%s: name one system, not --all", homes);
	if (all)
		return attach_all(ctx, flags);
	code = attach_one(ctx, argv[optind], flags, homes);
	if (code)
		return refused(ctx, code);
	print_attached(ctx, argv[optind]);
	return 0;
}

/* The rest of a wait that began at @begun, in milliseconds. */
static uint32_t rest_of(uint32_t wait_ms, const struct timespec *begun)
{
	struct timespec now;
	int64_t passed;

	clock_gettime(CLOCK_MONOTONIC, &now);
	passed = (now.tv_sec - begun->tv_sec) * 1000LL + (now.tv_nsec - begun->tv_nsec) / 1000000;
	return passed < wait_ms ? wait_ms - passed : 0;
}

static int detach_all(struct dmreplica *ctx, uint32_t wait_ms)
{
	struct dmreplica_system *list;
	struct timespec begun;
	int code, status = 0;
	size_t nr, i;

	code = dmreplica_system_list(ctx, &list, &nr);
	if (code)
		return refused(ctx, code);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (i = 0; i < nr; i++) {
		code = dmreplica_detach(ctx, text_uuid(list[i].uuid), rest_of(wait_ms, &begun));
		/* nothing to detach of a system that is not attached */
		if (code == DM_REPLICA_CODE_NOT_AVAILABLE && !list[i].attached)
			continue;
		if (code)
			status = refused(ctx, code);
		else
			printf("%s detached\n", list[i].name);
	}
	dmreplica_list_free(list);
	return status;
}

int cmd_detach(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "wait", required_argument, NULL, 'w' },
		{ "if-needed", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	uint32_t wait_ms = DMREPLICA_DETACH_WAIT_MS;
	bool all = false, if_needed = false;
	int c, code, status;

	while ((c = next_option(argc, argv, "aw:", options, &status)) != -1) {
		if (c == 'a')
			all = true;
		else if (c == 'n')
			if_needed = true;
		else if (c != 'w' || !parse_wait("--wait", optarg, &wait_ms, &status))
			return status;
	}
	if (all ? optind != argc : optind != argc - 1)
		return usage_error("give one system, or --all");
	if (all)
		return detach_all(ctx, wait_ms);
	code = dmreplica_detach(ctx, argv[optind], wait_ms);
	if (code && if_needed && !dmreplica_was_attached(ctx)) {
		printf("%s is not attached\n", argv[optind]);
		return 0;
	}
	if (code)
		return refused(ctx, code);
	printf("%s detached\n", argv[optind]);
	return 0;
}

static struct json_object *json_found(const struct dmreplica_found *found)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *disks = json_object_new_array(), *disk;
	unsigned int i;

	json_add_string(obj, "name", found->conf.name);
	json_add_uuid(obj, "uuid", found->conf.uuid);
	json_add_string(obj, "store", found->conf.store);
	json_add_u64(obj, "store_bytes", found->bytes);
	json_add_u64(obj, "state", found->state);
	json_add_string(obj, "state_name", dmreplica_state_name(found->state));
	json_add_bool(obj, "configured", found->known);
	json_add_bool(obj, "attached", found->attached);
	json_add_bool(obj, "twin", found->twin);
	json_add_bool(obj, "content_of_home", found->content);
	json_add_bool(obj, "device_taken", found->device_taken);
	json_add_u64(obj, "homes_by_path", found->unproved);
	for (i = 0; i < found->conf.nr_disks; i++) {
		disk = json_object_new_object();
		json_add_string(disk, "name", found->conf.disks[i].name);
		if (*found->conf.disks[i].path)
			json_add_string(disk, "home", found->conf.disks[i].path);
		else
			json_object_object_add(disk, "home", NULL);
		json_object_array_add(disks, disk);
	}
	json_object_object_add(obj, "disks", disks);
	return obj;
}

static void print_found(const struct dmreplica_found *found)
{
	unsigned int i;

	printf("%s  %s  store %s (%s)  %s%s%s%s%s%s\n", found->conf.name,
	       text_uuid(found->conf.uuid), found->conf.store, text_size(found->bytes),
	       text_state(found->state), found->attached ? "  attached" : "",
	       found->known ? "" : "  no file", found->twin ? "  found twice" : "",
	       found->content ? "  on the home of another" : "",
	       found->device_taken ? "  names a device of another" : "");
	for (i = 0; i < found->conf.nr_disks; i++)
		printf("  disk %s  home %s\n", found->conf.disks[i].name,
		       *found->conf.disks[i].path ? found->conf.disks[i].path : "not found");
}

/* Return: the reason not to write the file of a system, with *@code set, or NULL. */
static const char *unwritable(const struct dmreplica_found *found, bool named, bool accept,
			      int *code)
{
	*code = DM_REPLICA_CODE_FAILED;
	if (found->twin)
		return "there are two stores of it, and one may be an old copy; name the right one: replicactl scan --write DEVICE";
	if (found->name_taken)
		return "another system has this name, or the name is invalid";
	if (found->content && !named)
		return "its store lies on the home of another system, so a guest has written it; otherwise name it: replicactl scan --write DEVICE";
	*code = DM_REPLICA_CODE_IN_USE;
	if (found->device_taken)
		return "it names a device that another system names, too; remove the wrong one of them first";
	*code = DM_REPLICA_CODE_NOT_FOUND;
	if (found->missing)
		return "some of its homes were not found";
	if (found->unproved && !accept)
		return "one of its homes is known only by a path, which may lead to any device; check it, then add --accept-homes";
	return NULL;
}

int cmd_scan(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "write", no_argument, NULL, 'w' },
		{ "accept-homes", no_argument, NULL, 'H' },
		{ "yes", no_argument, NULL, 'y' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	bool write = false, json = false, accept = false, yes = false, named;
	struct dmreplica_found *list;
	int c, code, status = 0;
	const char *why;
	size_t nr, i;

	while ((c = next_option(argc, argv, "wyj", options, &status)) != -1) {
		if (c == 'w')
			write = true;
		else if (c == 'H')
			accept = true;
		else if (c == 'y')
			yes = true;
		else if (c == 'j')
			json = true;
		else
			return status;
	}
	status = 0;
	named = optind < argc;
	dmreplica_set_patience(ctx, PATIENCE_MS);
	code = dmreplica_scan(ctx, named ? (const char *const *)argv + optind : NULL,
			      argc - optind, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json) {
		json_print(json_list(list, nr, json_found));
	} else {
		if (!nr)
			printf("no store found\n");
		for (i = 0; i < nr; i++)
			print_found(&list[i]);
	}
	/* Results of a search over all devices need the user's confirmation. */
	if (write && nr && !named && !confirm(yes, "Write the files of these?", &status))
		write = false;
	for (i = 0; write && i < nr; i++) {
		why = unwritable(&list[i], named, accept, &code);
		if (why) {
			fprintf(stderr, "replicactl: warning: the file of %s (%s) is not written: %s\n",
				list[i].conf.name, text_uuid(list[i].conf.uuid), why);
			status = dmreplica_exit_status(code);
			continue;
		}
		code = dmreplica_conf_write(ctx, &list[i].conf);
		if (code)
			status = refused(ctx, code);
		else if (!json)
			printf("wrote %s\n", list[i].conf.file);
	}
	dmreplica_list_free(list);
	return status;
}
