// SPDX-License-Identifier: GPL-2.0-only
/* Attach and detach: make and remove the devices of a system. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

/* Devices of other kinds show recovery points: see open-point.c. */
enum kind { REPLICA, LIVE, TEST, KINDS, READER = KINDS };

/* In the dm UUID, and at the end of the device's name. */
static const char *const uuid_kinds[KINDS] = { "replica", "live", "test" };
static const char *const name_kinds[KINDS] = { "replica", "", "test" };

struct attach {
	struct dmreplica *ctx;
	struct dmreplica_conf conf;
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	struct dmreplica_blockdev homes[DMR_MAX_DISKS];
	dev_t replicas[DMR_MAX_DISKS];
	bool has_host;
	bool has_boot;
	u8 host[16];
	u8 boot[16];
	bool take_over;
	bool if_needed;
	struct dmrl_accepted accepted;
	u64 seq;			/* of the superblock in force */
	int kept[1 + DMR_MAX_DISKS];	/* descriptors of keep_device() */
	unsigned int nr_kept;
	char made[DMR_MAX_DISKS * KINDS][128];
	unsigned int nr_made;
};

static enum kind kind_of(const struct dmrl_dm_device *device);
static int find_busy(struct dmreplica *ctx, const struct dmrl_dm_device *list, size_t nr,
		     bool *busy, bool *any);
static int list_below(struct dmreplica *ctx, const struct dmrl_dm_device *list, size_t nr,
		      struct dmrl_list *below);
struct removal {
	const char *name;
	const struct dmrl_dm_device *list;
	size_t nr;
	const struct dmrl_list *below;	/* the devices below them */
	bool flush;			/* the page caches of their relatives, too */
};

static int remove_all(struct dmreplica *ctx, struct removal *rem);

/* R12: remove devices that a killed attach has left, unless one is open. */
static int clear_rest(struct attach *a, const struct dmrl_dm_device *list, size_t nr)
{
	bool *busy = calloc(nr, sizeof(*busy)), any;
	struct dmreplica *ctx = a->ctx;
	struct dmrl_list below = { 0 };
	struct removal rem = { .name = a->conf.name, .list = list, .nr = nr, .below = &below };
	int code;

	if (!busy)
		return dmrl_no_memory(ctx);
	code = find_busy(ctx, list, nr, busy, &any);
	free(busy);
	if (code)
		return code;
	if (any) {
		dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE,
			  "system %s is attached in part, and in use: %zu of %u devices are there",
			  a->conf.name, nr, a->conf.nr_disks * KINDS);
		return dmrl_hint(ctx, "stop what uses it, then attach it again");
	}
	code = list_below(ctx, list, nr, &below);
	if (!code)
		code = remove_all(ctx, &rem);
	free(below.items);
	return code;
}

/* Count the devices of an attach with a table; one without a table has no size. */
static unsigned int count_made(const struct dmrl_dm_device *list, size_t nr)
{
	unsigned int made = 0;
	char size[32];
	size_t i;

	for (i = 0; i < nr; i++)
		made += kind_of(&list[i]) != READER &&
			!dmrl_sysfs_read_dev(makedev(list[i].major, list[i].minor), "size", size,
					     sizeof(size)) && strcmp(size, "0");
	return made;
}

/* Return: 0, also with ctx->was_attached set; or a refusal. */
static int check_not_attached(struct attach *a)
{
	struct dmreplica *ctx = a->ctx;
	struct dmrl_dm_device *list;
	size_t nr;
	int code;

	code = dmrl_dm_list(ctx, a->conf.uuid, &list, &nr);
	if (!code && nr && count_made(list, nr) < a->conf.nr_disks * KINDS) {
		code = clear_rest(a, list, nr);
	} else if (!code && nr && a->if_needed) {
		ctx->was_attached = true;
	} else if (!code && nr) {
		dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE, "system %s is attached already",
			  a->conf.name);
		code = dmrl_hint(ctx, "replicactl status %s shows it", a->conf.name);
	}
	free(list);
	return code;
}

static int check_store(struct attach *a)
{
	struct dmreplica *ctx = a->ctx;
	const struct dmreplica_blockdev *bdev;
	int code;

	code = dmrl_store_open_flags(ctx, a->conf.store, O_EXCL, &a->store);
	if (code)
		return code == DM_REPLICA_CODE_IN_USE ?
		       dmrl_hint(ctx, "is the store attached to another system, or mounted?") :
		       code;
	bdev = &a->store->bdev;
	if (bdev->file) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "store %s is a plain file, not a block device", bdev->path);
		return dmrl_hint(ctx, "make a loop device of it: losetup --find --show %s",
				 bdev->path);
	}
	if (bdev->read_only) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "store %s is read-only",
			  bdev->path);
		return dmrl_hint(ctx, DMRL_HINT_WRITABLE, bdev->path);
	}
	code = dmreplica_store_super(ctx, a->store, &a->sb);
	if (code)
		return code;
	code = dmrl_verdict_store(ctx, a->store, a->sb, &a->conf);
	if (code)
		return code;
	code = dmrl_foreign_check(ctx, a->store);
	if (code)
		return code;
	/* read and check everything that the module will read */
	return dmreplica_store_replay(ctx, a->store, NULL, NULL, NULL);
}

/* Warn of a missing superblock: the module attaches with one copy and writes the other again. */
static void warn_missing_copy(struct attach *a)
{
	unsigned int i;

	for (i = 0; i < DMR_SB_COPIES; i++)
		if (a->store->copy[i].verdict == DMR_NOT_OURS)
			dmrl_warn(a->ctx, "superblock %c of store %s is missing: %s; it is written again",
				  'A' + i, a->store->bdev.path, a->store->copy[i].reason);
}

/* R9: warn of losses that were not acknowledged: their devices may not write. */
static void warn_lost(struct attach *a)
{
	unsigned int i;

	for (i = 0; i < a->sb->nr_disks; i++)
		if (a->sb->disks[i].lost)
			dmrl_warn(a->ctx, "the home of disk %s had lost writes before the last detach: its %s device takes no more writes until replicactl reset-errors %s",
				  a->sb->disks[i].name, dmrl_loser(&a->sb->disks[i]),
				  a->conf.name);
}

static int check_host(struct attach *a)
{
	a->has_host = dmrl_host_id(a->host);
	a->has_boot = dmrl_boot_id(a->boot);
	if (dmrl_boot_other(a->sb))
		dmrl_warn(a->ctx, "system %s was not detached: by its store, another boot of this host has it attached. If this host has not been cut off since, another host has the same machine id (a cloned template?): detach the system there",
			  a->conf.name);
	if (!a->has_host)
		dmrl_warn(a->ctx, "this machine has no /etc/machine-id, so the store cannot record it");
	return a->take_over ? 0 : dmrl_verdict_host(a->ctx, a->sb);
}

/*
 * Keep a device open that was looked at until the module has claimed it: the module gets
 * numbers, and that of a device which is gone may be given to another one.  This open is no
 * claim, for the module takes one.
 */
static int keep_device(struct attach *a, const struct dmreplica_blockdev *bdev)
{
	int fd = open(bdev->path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return dmrl_fail_errno(a->ctx, errno, "cannot open device %s", bdev->path);
	a->kept[a->nr_kept++] = fd;
	if (!fstat(fd, &st) && st.st_rdev == bdev->dev)
		return 0;
	return dmrl_fail(a->ctx, DM_REPLICA_CODE_IN_USE,
			 "%s became another device while it was looked at", bdev->path);
}

static void let_devices_go(struct attach *a)
{
	while (a->nr_kept)
		close(a->kept[--a->nr_kept]);
}

static int check_home(struct attach *a, unsigned int number)
{
	const struct dmr_disk_info *disk = &a->sb->disks[number];
	struct dmreplica_blockdev *home = &a->homes[number];
	struct dmreplica *ctx = a->ctx;
	int code, fd;

	code = dmrl_home_check(ctx, &a->conf, a->sb, number, &a->accepted, home);
	if (code)
		return code;
	if (home->bytes > disk->sectors * 512)
		dmrl_warn(ctx, "home %s of disk %s has %llu bytes, and the disk %llu: the home has grown; the disk keeps its size and does not use the added space",
			  home->path, disk->name, (unsigned long long)home->bytes,
			  (unsigned long long)disk->sectors * 512);
	code = dmrl_verdict_homes_differ(ctx, a->sb, a->homes, number);
	if (code)
		return code;
	fd = open(home->path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY) {
		dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE, "home %s of disk %s is in use", home->path,
			  disk->name);
		dmrl_append_holders(ctx, &home->dev, 1, false);
		return dmrl_hint(ctx, "unmount or stop what uses it, then try again");
	}
	if (fd < 0)
		return dmrl_fail_errno(ctx, errno, "cannot open home %s", home->path);
	code = keep_device(a, home);
	close(fd);
	return code;
}

static int check_writers(struct attach *a)
{
	dev_t devs[1 + DMR_MAX_DISKS];
	unsigned int i, n = 0;

	devs[n++] = a->store->bdev.dev;
	for (i = 0; i < a->sb->nr_disks; i++)
		devs[n++] = a->homes[i].dev;
	dmrl_fail(a->ctx, DM_REPLICA_CODE_IN_USE, "store or homes are open for writing elsewhere");
	if (dmrl_append_holders(a->ctx, devs, n, true))
		return dmrl_hint(a->ctx, "stop the writers, then try again");
	dmrl_clear(a->ctx);
	return 0;
}

static void remove_made(struct attach *a)
{
	u32 cookie = 0;
	int err;

	while (a->nr_made) {
		a->nr_made--;
		if (dmrl_dm_remove(a->ctx, a->made[a->nr_made], &cookie, &err))
			dmrl_warn(a->ctx, "cannot remove %s again: %s", a->made[a->nr_made],
				  strerror(err));
	}
	dmrl_dm_settle(a->ctx, &cookie);
}

static int make_device(struct attach *a, unsigned int number, enum kind kind, u32 *cookie)
{
	const struct dmr_disk_info *disk = &a->sb->disks[number];
	char name[128], uuid[132], params[256], hex[80] = "";
	struct dmreplica *ctx = a->ctx;
	dev_t home = a->homes[number].dev, store = a->store->bdev.dev;
	dev_t replica = a->replicas[number], made = 0;
	unsigned int i, n = 0, args = 0;
	u64 since;
	int err;

	if (dmrl_device_name(name, sizeof(name), a->conf.name, disk->name, name_kinds[kind]) ||
	    dmrl_device_uuid(uuid, sizeof(uuid), a->conf.uuid, disk->name, uuid_kinds[kind]))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "device name of disk %s is too long", disk->name);
	if (kind == REPLICA) {
		if (a->has_host) {
			args += 2;
			n = sprintf(hex, " host ");
			for (i = 0; i < 16; i++)
				n += sprintf(hex + n, "%02x", a->host[i]);
		}
		if (a->has_boot) {
			args += 2;
			n += sprintf(hex + n, " boot ");
			for (i = 0; i < 16; i++)
				n += sprintf(hex + n, "%02x", a->boot[i]);
		}
		args += a->take_over;
		snprintf(params, sizeof(params), "%u:%u %u %u:%u %u%s%s", major(store),
			 minor(store), number, major(home), minor(home), args, hex,
			 a->take_over ? " takeover" : "");
	} else {
		snprintf(params, sizeof(params), "%u:%u %s", major(replica), minor(replica),
			 uuid_kinds[kind]);
	}
	since = dmrl_kernel_log_now();
	if (dmrl_dm_create(ctx, name, uuid, disk->sectors,
			   kind == REPLICA ? "replica" : "replica-overlay", params, cookie, &made,
			   &err)) {
		dmrl_fail(ctx, dmrl_code_of_local_errno(err), "cannot make device %s: %s", name,
			  strerror(err));
		if (*ctx->dm_log)
			dmrl_append(ctx, "\n  libdevmapper: %s", ctx->dm_log);
		dmrl_append_kernel_log(ctx, since);
		return dmrl_hint(ctx, "every device made so far is removed again; replicactl check %s looks at the store",
				 a->conf.name);
	}
	memcpy(a->made[a->nr_made++], name, sizeof(name));
	if (kind == REPLICA)
		a->replicas[number] = made;
	return 0;
}

/*
 * A device of another program may have the name of one of ours.  A device of this system
 * was left by a process that was killed after clear_rest() had looked (R12).
 */
static int check_device_name(struct attach *a, unsigned int number, enum kind kind)
{
	const char *disk = a->sb->disks[number].name;
	char name[128], uuid[132], has[132];
	struct dmreplica *ctx = a->ctx;
	u32 cookie = 0;
	int err = 0, code = 0;

	if (dmrl_device_name(name, sizeof(name), a->conf.name, disk, name_kinds[kind]) ||
	    dmrl_device_uuid(uuid, sizeof(uuid), a->conf.uuid, disk, uuid_kinds[kind]))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "device name of disk %s is too long", disk);
	if (dmrl_dm_uuid(ctx, name, has, sizeof(has)))
		return 0;
	if (!strcmp(uuid, has)) {
		if (dmrl_dm_remove(ctx, name, &cookie, &err) && err != ENXIO)
			code = dmrl_fail_errno(ctx, err, "cannot remove what is left of device %s",
					       name);
		dmrl_dm_settle(ctx, &cookie);
		return code;
	}
	dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE,
		  "a device /dev/mapper/%s exists already, and does not belong to this system", name);
	return dmrl_hint(ctx, "dmsetup info %s shows it", name);
}

static int check_device_names(struct attach *a)
{
	enum kind kind;
	unsigned int i;
	int code = 0;

	for (i = 0; i < a->sb->nr_disks; i++)
		for (kind = REPLICA; kind < KINDS && !code; kind++)
			code = check_device_name(a, i, kind);
	return code;
}

static int make_devices(struct dmreplica *ctx, void *arg)
{
	struct attach *a = arg;
	enum kind kind;
	unsigned int i;
	u32 cookie = 0;
	int code = 0;

	for (kind = REPLICA; kind < KINDS && !code; kind++)
		for (i = 0; i < a->sb->nr_disks && !code; i++)
			code = make_device(a, i, kind, &cookie);
	dmrl_dm_settle(ctx, &cookie);
	if (code)
		remove_made(a);
	return code;
}

/* Check that the store is the newest copy, and that the homes are unchanged since the detach. */
static int check_content(struct attach *a, unsigned int flags)
{
	struct dmreplica *ctx = a->ctx;
	enum dmreplica_home verdict;
	unsigned int i;
	int code = 0;

	if (!(flags & DMREPLICA_ATTACH_ACCEPT_OLDER))
		code = dmrl_seen_check(ctx, a->store);
	for (i = 0; !code && i < a->sb->nr_disks; i++) {
		code = dmrl_fingerprint_check(ctx, a->sb, i, &a->homes[i], &a->accepted,
					      &verdict);
		ctx->homes[i] = verdict;
	}
	return code;
}

/* Write what a device may keep waiting, before the module reads it. */
static int write_before(struct dmreplica *ctx, void *arg)
{
	struct attach *a = arg;
	unsigned int i;

	/* Dirty pages of a partition's page cache would overwrite writes of the module. */
	dmrl_relatives_flush(a->store->bdev.dev);
	for (i = 0; i < a->sb->nr_disks; i++)
		dmrl_relatives_flush(a->homes[i].dev);
	a->seq = a->sb->seq;
	if (!a->accepted.homes)
		return 0;
	return dmrl_record_homes(ctx, a->store, a->homes, &a->accepted, &a->seq);
}

static int do_attach(struct attach *a, unsigned int flags)
{
	unsigned int i;
	bool hung;
	int code;

	code = dmrl_module_need(a->ctx);
	if (!code)
		code = check_not_attached(a);
	if (a->ctx->was_attached)
		return code;
	if (!code)
		code = check_store(a);
	if (!code)
		code = dmrl_home_accepted_names(a->ctx, &a->accepted, a->sb);
	if (!code)
		code = check_host(a);
	for (i = 0; !code && i < a->sb->nr_disks; i++)
		code = check_home(a, i);
	if (!code)
		code = dmrl_verdict_taken(a->ctx, a->conf.name, a->store, a->homes, a->sb->nr_disks);
	if (!code)
		code = check_writers(a);
	if (!code)
		code = check_device_names(a);
	if (!code)
		code = check_content(a, flags);
	if (code)
		return code;
	warn_missing_copy(a);
	code = dmrl_apart(a->ctx, false, write_before, a, &hung);
	if (code)
		return code;
	/* release our own claim on the store before the module takes it */
	code = keep_device(a, &a->store->bdev);
	if (code)
		return code;
	close(a->store->fd);
	a->store->fd = -1;
	dmrl_progress(a->ctx, "the kernel reads the log", 0,
		      dmr_ring_blocks(a->sb) * DMR_BLOCK_SIZE);
	code = dmrl_apart(a->ctx, false, make_devices, a, &hung);
	if (code)
		return code;
	/* the module has written a superblock, see dmr_attach_start() */
	dmrl_seen_record(a->ctx, a->sb, a->seq + 1);
	warn_lost(a);
	return 0;
}

enum dmreplica_home dmreplica_attach_home(const struct dmreplica *ctx, unsigned int disk)
{
	return disk < DMREPLICA_MAX_DISKS ? ctx->homes[disk] : DMREPLICA_HOME_NOT_VERIFIED;
}

bool dmreplica_was_attached(const struct dmreplica *ctx)
{
	return ctx->was_attached;
}

int dmreplica_attach(struct dmreplica *ctx, const char *name, unsigned int flags,
		     const char *homes)
{
	struct attach *a;
	int code, lock = -1;

	dmrl_clear(ctx);
	/* Shared with the other process of dmrl_apart(). */
	a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (a == MAP_FAILED)
		return dmrl_no_memory(ctx);
	a->ctx = ctx;
	a->take_over = flags & DMREPLICA_ATTACH_TAKE_OVER;
	a->if_needed = flags & DMREPLICA_ATTACH_IF_NEEDED;
	ctx->was_attached = false;
	a->accepted.homes = flags & DMREPLICA_ATTACH_ACCEPT_HOMES;
	a->accepted.disks = homes;
	memset(ctx->homes, DMREPLICA_HOME_NOT_VERIFIED, sizeof(ctx->homes));
	code = dmreplica_conf_find(ctx, name, &a->conf);
	/* R12: one attach at a time, to recognize devices left by a killed one. */
	if (!code)
		code = dmrl_lock_system(ctx, a->conf.uuid, a->conf.name, &lock);
	if (!code)
		code = do_attach(a, flags);
	let_devices_go(a);
	dmrl_unlock(lock);
	dmreplica_store_close(a->store);
	munmap(a, sizeof(*a));
	return code;
}

static enum kind kind_of(const struct dmrl_dm_device *device)
{
	const char *end = strrchr(device->uuid, '-');
	enum kind kind;

	for (kind = REPLICA; kind < KINDS; kind++)
		if (end && !strcmp(end + 1, uuid_kinds[kind]))
			return kind;
	return READER;
}

/* Do two devices belong to the same disk? Then their UUIDs differ only behind the last hyphen. */
static bool same_disk(const struct dmrl_dm_device *a, const struct dmrl_dm_device *b)
{
	size_t na = strrchr(a->uuid, '-') - a->uuid, nb = strrchr(b->uuid, '-') - b->uuid;

	return na == nb && !strncmp(a->uuid, b->uuid, na);
}

/* Find the devices with openers beside our own. */
static int find_busy(struct dmreplica *ctx, const struct dmrl_dm_device *list, size_t nr,
		     bool *busy, bool *any)
{
	int *count = calloc(nr, sizeof(*count)), err, code = 0;
	size_t i, j;
	bool table;

	*any = false;
	if (!count)
		return dmrl_no_memory(ctx);
	for (i = 0; i < nr && !code; i++) {
		int open;

		if (dmrl_dm_open_count(ctx, list[i].name, &open, &table, &err)) {
			code = dmrl_fail_errno(ctx, err, "cannot look at device %s", list[i].name);
			break;
		}
		count[i] += open;
		/* each other device has its replica device open once, by its table */
		for (j = 0; table && kind_of(&list[i]) != REPLICA && j < nr; j++)
			if (kind_of(&list[j]) == REPLICA && same_disk(&list[i], &list[j]))
				count[j]--;
	}
	for (i = 0; i < nr && !code; i++) {
		busy[i] = count[i] > 0;
		*any |= busy[i];
	}
	free(count);
	return code;
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* Wait up to @wait_ms for all devices to be closed. */
static int check_closed(struct dmreplica *ctx, const char *name,
			const struct dmrl_dm_device *list, size_t nr, u32 wait_ms)
{
	struct timespec pause = { .tv_nsec = 100 * 1000000L };
	bool *busy = calloc(nr, sizeof(*busy)), any = true;
	u64 end = now_ms() + wait_ms;
	int code = 0;
	dev_t dev;
	size_t i;

	if (!busy)
		return dmrl_no_memory(ctx);
	for (;;) {
		code = find_busy(ctx, list, nr, busy, &any);
		if (code || !any || now_ms() >= end)
			break;
		nanosleep(&pause, NULL);
	}
	if (!code && any) {
		dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE,
			  "system %s cannot be detached: a device is open", name);
		for (i = 0; i < nr; i++) {
			dev = makedev(list[i].major, list[i].minor);
			if (busy[i] && !dmrl_append_holders(ctx, &dev, 1, false))
				dmrl_append(ctx, "\n  /dev/mapper/%s is open, and its holder is not visible",
					    list[i].name);
		}
		code = dmrl_hint(ctx, "unmount it or stop what uses it, then detach again");
	}
	free(busy);
	return code;
}

static int remove_here(struct dmreplica *ctx, void *arg)
{
	static const enum kind order[] = { READER, TEST, LIVE, REPLICA };
	const struct removal *rem = arg;
	const struct dmrl_dm_device *list = rem->list;
	const dev_t *below = rem->below->items;
	size_t nr = rem->nr;
	int err = 0, code = 0;
	unsigned int k;
	u32 cookie = 0;
	dev_t dev;
	size_t i;

	for (k = 0; k < sizeof(order) / sizeof(order[0]) && !code; k++) {
		for (i = 0; i < nr && !code; i++) {
			if (kind_of(&list[i]) != order[k])
				continue;
			if (!dmrl_dm_remove(ctx, list[i].name, &cookie, &err) || err == ENXIO) {
				dmrl_apart_step(ctx);
				continue;
			}
			code = dmrl_fail(ctx, dmreplica_code_of_errno(err),
					 "cannot remove device %s: %s", list[i].name,
					 strerror(err));
			dev = makedev(list[i].major, list[i].minor);
			dmrl_append_holders(ctx, &dev, 1, false);
			dmrl_hint(ctx, "system %s is detached in part: detach it again when the device is closed",
				  rem->name);
		}
	}
	dmrl_dm_settle(ctx, &cookie);
	/* The module has flushed the page caches of the homes themselves. */
	for (i = 0; !code && rem->flush && i < rem->below->nr; i++) {
		dmrl_apart_step(ctx);
		dmrl_relatives_flush(below[i]);
	}
	return code;
}

/* Name the stores and homes that have not answered all requests. */
static void append_waiting(struct dmreplica *ctx, const struct dmrl_list *below)
{
	const dev_t *devs = below->items;
	char buf[64], path[256];
	unsigned int reads, writes;
	size_t i;

	for (i = 0; i < below->nr; i++) {
		if (dmrl_sysfs_read_dev(devs[i], "inflight", buf, sizeof(buf)) ||
		    sscanf(buf, "%u %u", &reads, &writes) != 2 || !(reads + writes))
			continue;
		dmreplica_device_path(major(devs[i]), minor(devs[i]), path, sizeof(path));
		dmrl_append(ctx, "\n  %s has not answered %u requests", path, reads + writes);
	}
}

static int remove_all(struct dmreplica *ctx, struct removal *rem)
{
	bool hung;
	int code = dmrl_apart(ctx, true, remove_here, rem, &hung);

	if (!hung)
		return code;
	dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE,
		  "system %s cannot be detached: its store or a home does not answer", rem->name);
	append_waiting(ctx, rem->below);
	return dmrl_hint(ctx, "the device below hangs, or is slow: see the kernel log; when it answers: replicactl detach %s",
			 rem->name);
}

/* List the devices directly below those of a system: its store and homes. */
static int list_below(struct dmreplica *ctx, const struct dmrl_dm_device *list, size_t nr,
		      struct dmrl_list *below)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (dmrl_relatives_below(below, makedev(list[i].major, list[i].minor)))
			return dmrl_no_memory(ctx);
	return 0;
}

/* R9: a detach makes durable what was written, or reports that it could not. */
static int check_lost(struct dmreplica *ctx, const struct dmr_sb *sb)
{
	const struct dmr_disk_info *disk = NULL;
	unsigned int i;

	for (i = 0; i < sb->nr_disks && !disk; i++)
		if (sb->disks[i].lost)
			disk = &sb->disks[i];
	if (!disk)
		return 0;
	dmrl_fail(ctx, DM_REPLICA_CODE_UNKNOWN,
		  "system %s is detached, but the home of disk %s has lost writes: a flush of it failed, and what was written to the %s device since the flush before may not be there",
		  sb->name, disk->name, dmrl_loser(disk));
	return dmrl_hint(ctx, "mend the home and attach it again: that device takes no more writes until replicactl reset-errors %s",
			 sb->name);
}

/*
 * Look at the store after a detach: record its sequence number, and find homes with lost
 * writes.  Ignore errors of that.  Only the superblock of a clean detach is durable for
 * certain; a later one may be lost with a device's cache.
 */
static int check_left(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	int code = 0;

	if (!dmreplica_store_open(ctx, sys->store, &store)) {
		if (!dmreplica_store_super(ctx, store, &sb) &&
		    !memcmp(sb->system_uuid, sys->uuid, 16) && !(sb->flags & DMR_SB_ACTIVE)) {
			dmrl_seen_record(ctx, sb, sb->seq);
			code = check_lost(ctx, sb);
		}
		dmreplica_store_close(store);
	}
	if (!code)
		dmrl_clear(ctx);
	return code;
}

static int do_detach(struct dmreplica *ctx, const struct dmreplica_system *sys, u32 wait_ms)
{
	struct dmrl_dm_device *list;
	struct dmrl_list below = { 0 };
	struct removal rem;
	size_t nr;
	int code;

	code = dmrl_dm_list(ctx, sys->uuid, &list, &nr);
	if (code)
		return code;
	if (!nr) {
		dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE, "system %s is not attached",
			  sys->name);
		ctx->was_attached = false;
		free(list);
		return dmrl_hint(ctx, "there is nothing to do; replicactl attach %s attaches it",
				 sys->name);
	}
	code = list_below(ctx, list, nr, &below);
	if (!code)
		code = check_closed(ctx, sys->name, list, nr, wait_ms);
	rem = (struct removal){ .name = sys->name, .list = list, .nr = nr, .below = &below,
				.flush = true };
	if (!code)
		code = remove_all(ctx, &rem);
	free(below.items);
	free(list);
	return code ?: check_left(ctx, sys);
}

int dmreplica_detach(struct dmreplica *ctx, const char *name, uint32_t wait_ms)
{
	struct dmreplica_system sys;
	int code, lock = -1;

	code = dmreplica_system_find(ctx, name, &sys);
	ctx->was_attached = code != DM_REPLICA_CODE_NOT_FOUND;
	if (code)
		return code;
	if (geteuid()) {
		dmrl_fail(ctx, DM_REPLICA_CODE_ACCESS_DENIED,
			  "devices are made and removed by root only");
		return dmrl_hint(ctx, "only root (CAP_SYS_ADMIN) may do this; try again with sudo");
	}
	code = dmrl_lock_system(ctx, sys.uuid, sys.name, &lock);
	if (!code)
		code = do_detach(ctx, &sys, wait_ms);
	dmrl_unlock(lock);
	return code;
}
