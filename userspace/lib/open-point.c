// SPDX-License-Identifier: GPL-2.0-only
/* Recovery points that are open for reading, and their devices. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "private.h"

/* At the end of a device's name; of its dm UUID behind a hyphen, in place of a hyphen. */
#define KIND_SIZE	26

struct open {
	struct dmreplica *ctx;
	const struct dmreplica_system *sys;
	u64 point;
	const char *view;		/* NULL: that with the number of the point */
	char kind[KIND_SIZE];		/* @NUMBER or -VIEW */
	struct dmreplica_disk *disks;
	size_t nr_disks;
	char made[DMREPLICA_MAX_DISKS][128];
	unsigned int nr_made;
};

static int names_of(const struct open *o, const struct dmreplica_disk *disk, char *name, char *uuid)
{
	char both[DMREPLICA_DISK_NAME_MAX + KIND_SIZE];

	snprintf(both, sizeof(both), "%s%s", disk->name, o->kind);
	if (!dmrl_device_name(name, 128, o->sys->name, both, "") &&
	    !dmrl_device_uuid(uuid, 132, o->sys->uuid, disk->name, o->view ?: o->kind))
		return 0;
	return dmrl_fail(o->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			 "device name of disk %s is too long", disk->name);
}

static int begin(struct open *o, struct dmreplica *ctx, const struct dmreplica_system *sys,
		 u64 point, const char *view)
{
	memset(o, 0, sizeof(*o));
	o->ctx = ctx;
	o->sys = sys;
	o->point = point;
	o->view = view;
	if (view)
		snprintf(o->kind, sizeof(o->kind), "-%s", view);
	else
		snprintf(o->kind, sizeof(o->kind), "@%llu", (unsigned long long)point);
	return dmreplica_disk_list(ctx, sys, &o->disks, &o->nr_disks);
}

/* Is a device of the point there? @table: with a table, in force. */
static bool is_there(struct open *o, const char *name, const char *uuid, bool *ours, bool *table)
{
	char has[132], path[160], size[32];
	struct stat st;

	*ours = *table = false;
	if (dmrl_dm_uuid(o->ctx, name, has, sizeof(has)))
		return false;
	*ours = !strcmp(uuid, has);
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	*table = !stat(path, &st) && S_ISBLK(st.st_mode) &&
		 !dmrl_sysfs_read_dev(st.st_rdev, "size", size, sizeof(size)) && strcmp(size, "0");
	return true;
}

static int remove_device(struct open *o, const char *name, u32 *cookie)
{
	struct dmreplica *ctx = o->ctx;
	char path[160];
	struct stat st;
	int err = 0;

	if (!dmrl_dm_remove(ctx, name, cookie, &err) || err == ENXIO)
		return 0;
	dmrl_fail(ctx, dmreplica_code_of_errno(err), "cannot remove device %s: %s", name,
		  strerror(err));
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	if (!stat(path, &st))
		dmrl_append_holders(ctx, &st.st_rdev, 1, false);
	if (o->view)
		return dmrl_hint(ctx, "close it, then try again");
	return dmrl_hint(ctx, "close it, then replicactl recovery-point close %s %llu",
			 o->sys->name, (unsigned long long)o->point);
}

static int make_device(struct open *o, const struct dmreplica_disk *disk, u32 *cookie)
{
	char name[128], uuid[132], params[64];
	struct dmreplica *ctx = o->ctx;
	bool ours, table;
	u32 first = 0;
	dev_t made;
	int code, err;
	u64 since;

	code = names_of(o, disk, name, uuid);
	if (code)
		return code;
	if (is_there(o, name, uuid, &ours, &table)) {
		if (!ours) {
			dmrl_fail(ctx, DM_REPLICA_CODE_IN_USE,
				  "a device /dev/mapper/%s exists already, and does not belong to this system",
				  name);
			return dmrl_hint(ctx, "dmsetup info %s shows it", name);
		}
		if (table)
			return 0;
		/* R12: left by a process that was killed */
		code = remove_device(o, name, &first);
		dmrl_dm_settle(ctx, &first);
		if (code)
			return code;
	}
	snprintf(params, sizeof(params), "%u:%u %s", disk->replica_major, disk->replica_minor,
		 o->kind + 1);
	since = dmrl_kernel_log_now();
	if (dmrl_dm_create(ctx, name, uuid, disk->bytes / 512, "replica-reader", params, cookie,
			   &made, &err)) {
		code = dmrl_fail(ctx, dmrl_code_of_local_errno(err), "cannot make device %s: %s",
				 name, strerror(err));
		if (*ctx->dm_log)
			dmrl_append(ctx, "\n  libdevmapper: %s", ctx->dm_log);
		dmrl_append_kernel_log(ctx, since);
		return code;
	}
	memcpy(o->made[o->nr_made++], name, sizeof(name));
	return 0;
}

static int make_devices(struct open *o)
{
	u32 cookie = 0;
	int code = 0;
	size_t i;

	for (i = 0; i < o->nr_disks && !code; i++)
		code = make_device(o, &o->disks[i], &cookie);
	dmrl_dm_settle(o->ctx, &cookie);
	return code;
}

/* Remove the devices of a point that is closed.  @any is set if there was one. */
static int remove_devices(struct open *o, bool *any)
{
	char name[128], uuid[132];
	bool ours, table;
	u32 cookie = 0;
	int code = 0;
	size_t i;

	*any = false;
	for (i = 0; i < o->nr_disks && !code; i++) {
		code = names_of(o, &o->disks[i], name, uuid);
		if (code || !is_there(o, name, uuid, &ours, &table) || !ours)
			continue;
		*any = true;
		code = remove_device(o, name, &cookie);
	}
	dmrl_dm_settle(o->ctx, &cookie);
	return code;
}

/* Does the view show the point, or any point for a close by the name of the view? */
static int is_open(struct open *o, bool *open)
{
	struct dmreplica_point *list;
	char views[DMREPLICA_VIEWS_TEXT], *one, *rest;
	size_t nr, i;
	int code;

	*open = false;
	code = dmreplica_point_list(o->ctx, o->sys, &list, &nr);
	if (code)
		return code;
	for (i = 0; i < nr; i++) {
		if (o->point && list[i].number != o->point)
			continue;
		snprintf(views, sizeof(views), "%s", list[i].views);
		for (rest = views; (one = strsep(&rest, " ")); )
			*open |= !strcmp(one, o->kind + 1);
	}
	free(list);
	return 0;
}

/* Name the holders of the devices, after the kernel reported one in use. */
static void append_openers(struct open *o)
{
	char message[sizeof(o->ctx->message)], name[128], uuid[132], path[160];
	dev_t devs[DMREPLICA_MAX_DISKS];
	unsigned int n = 0;
	struct stat st;
	size_t i;

	memcpy(message, o->ctx->message, sizeof(message));
	for (i = 0; i < o->nr_disks; i++) {
		if (names_of(o, &o->disks[i], name, uuid))
			continue;
		snprintf(path, sizeof(path), "/dev/mapper/%s", name);
		if (!stat(path, &st) && S_ISBLK(st.st_mode))
			devs[n++] = st.st_rdev;
	}
	dmrl_fail(o->ctx, DM_REPLICA_CODE_IN_USE, "%s", message);
	dmrl_append_holders(o->ctx, devs, n, false);
	dmrl_hint(o->ctx, "unmount it or stop what uses it, then try again");
}

static void end(struct open *o)
{
	free(o->disks);
}

/* Take back an open without its devices; the message stays that of the failure. */
static void take_back(struct open *o, bool opened)
{
	char message[sizeof(o->ctx->message)], hint[sizeof(o->ctx->hint)];
	struct dmreplica_op op = {
		.given = o->view ? DMREPLICA_OP_VIEW : DMREPLICA_OP_POINT,
		.point = o->point, .view = o->view,
	};
	struct dmreplica *ctx = o->ctx;
	int code = ctx->code, err;
	u32 cookie = 0;

	memcpy(message, ctx->message, sizeof(message));
	memcpy(hint, ctx->hint, sizeof(hint));
	while (o->nr_made)
		dmrl_dm_remove(ctx, o->made[--o->nr_made], &cookie, &err);
	dmrl_dm_settle(ctx, &cookie);
	if (opened)
		dmrl_operate(ctx, DM_REPLICA_CMD_POINT_CLOSE, o->sys, &op);
	dmrl_fail(ctx, code, "%s", message);
	if (*hint)
		dmrl_hint(ctx, "%s", hint);
}

static int need_root(struct dmreplica *ctx)
{
	if (!geteuid())
		return 0;
	dmrl_fail(ctx, DM_REPLICA_CODE_ACCESS_DENIED, "devices are made and removed by root only");
	return dmrl_hint(ctx, "only root (CAP_SYS_ADMIN) may do this; try again with sudo");
}

static const char *view_of(const struct dmreplica_op *op)
{
	return op->given & DMREPLICA_OP_VIEW ? op->view : NULL;
}

int dmreplica_view_hold(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op)
{
	return dmrl_operate(ctx, DM_REPLICA_CMD_POINT_OPEN, sys, op);
}

int dmreplica_point_open(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op)
{
	bool open = false;
	struct open o;
	int code, lock = -1;

	dmrl_clear(ctx);
	code = need_root(ctx);
	/* R12: beside no detach, and no other open or close */
	if (!code)
		code = dmrl_lock_system(ctx, sys->uuid, sys->name, &lock);
	if (code)
		return code;
	code = begin(&o, ctx, sys, op->point, view_of(op));
	if (!code)
		code = is_open(&o, &open);
	if (!code && !open) {
		code = dmrl_operate(ctx, DM_REPLICA_CMD_POINT_OPEN, sys, op);
		if (code == DM_REPLICA_CODE_IN_USE)
			append_openers(&o);
	}
	if (!code) {
		code = make_devices(&o);
		if (code)
			take_back(&o, !open);
	}
	end(&o);
	dmrl_unlock(lock);
	return code;
}

int dmreplica_point_close(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  struct dmreplica_op *op)
{
	char message[sizeof(ctx->message)];
	bool any = false, open = false;
	int code, rest = 0, lock = -1;
	struct open o;

	dmrl_clear(ctx);
	code = need_root(ctx);
	if (code)
		return code;
	code = begin(&o, ctx, sys, op->given & DMREPLICA_OP_POINT ? op->point : 0, view_of(op));
	if (code)
		goto out;
	/* before the lock, which a long wait for openers would keep from others */
	code = dmrl_operate(ctx, DM_REPLICA_CMD_POINT_CLOSE, sys, op);
	if (code == DM_REPLICA_CODE_IN_USE)
		append_openers(&o);
	/* R12: a killed close has left devices of a point that is not open any more. */
	if (code && code != DM_REPLICA_CODE_INVALID_STATE)
		goto out;
	memcpy(message, ctx->message, sizeof(message));
	rest = dmrl_lock_system(ctx, sys->uuid, sys->name, &lock);
	if (!rest)
		rest = is_open(&o, &open);
	/* another process may have opened it again */
	if (!rest && !open)
		rest = remove_devices(&o, &any);
	dmrl_unlock(lock);
	if (rest || any)
		code = rest;
	else if (code)
		dmrl_fail(ctx, code, "%s", message);
out:
	end(&o);
	return code;
}

/* Find what is on a device; the device is only read. */
static void look_at(struct dmreplica_reader *reader)
{
	const char *value;
	blkid_probe pr;
	int fd;

	fd = open(reader->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	pr = blkid_new_probe();
	if (pr && !blkid_probe_set_device(pr, fd, 0, 0)) {
		blkid_probe_enable_superblocks(pr, 1);
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
		blkid_probe_enable_partitions(pr, 1);
		if (!blkid_do_safeprobe(pr)) {
			if (!blkid_probe_lookup_value(pr, "TYPE", &value, NULL))
				snprintf(reader->type, sizeof(reader->type), "%s", value);
			reader->filesystem = !blkid_probe_lookup_value(pr, "USAGE", &value, NULL) &&
					     !strcmp(value, "filesystem");
			if (!blkid_probe_lookup_value(pr, "PTTYPE", &value, NULL))
				snprintf(reader->partitions, sizeof(reader->partitions), "%s", value);
		}
	}
	if (pr)
		blkid_free_probe(pr);
	close(fd);
}

static int list_devices(struct dmreplica *ctx, const struct dmreplica_system *sys, u64 number,
			const char *view, struct dmreplica_reader **list, size_t *nr)
{
	struct dmrl_list found = { .size = sizeof(struct dmreplica_reader) };
	struct dmreplica_reader *reader;
	char name[128], uuid[132], link[300];
	struct open o;
	struct stat st;
	bool ours, table;
	size_t i;
	int code;

	dmrl_clear(ctx);
	code = begin(&o, ctx, sys, number, view);
	for (i = 0; i < o.nr_disks && !code; i++) {
		code = names_of(&o, &o.disks[i], name, uuid);
		if (code || !is_there(&o, name, uuid, &ours, &table) || !ours || !table)
			continue;
		reader = dmrl_list_add(&found);
		if (!reader) {
			code = dmrl_no_memory(ctx);
			break;
		}
		snprintf(reader->disk, sizeof(reader->disk), "%s", o.disks[i].name);
		snprintf(reader->path, sizeof(reader->path), "/dev/mapper/%s", name);
		if (!stat(reader->path, &st)) {
			reader->major = major(st.st_rdev);
			reader->minor = minor(st.st_rdev);
		}
		/* the link needs udev and its rule */
		snprintf(link, sizeof(link), "/dev/dm-replica/%s/%s%s", sys->name, o.disks[i].name,
			 o.kind);
		if (strlen(link) < sizeof(reader->path) &&
		    dmrl_is_device(link, reader->major, reader->minor))
			memcpy(reader->path, link, strlen(link) + 1);
		/* A sender reads each block once, and nothing else. */
		if (!view)
			look_at(reader);
	}
	end(&o);
	*list = dmrl_list_end(&found, code, NULL, nr);
	return code;
}

int dmreplica_point_devices(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    uint64_t number, struct dmreplica_reader **list, size_t *nr)
{
	return list_devices(ctx, sys, number, NULL, list, nr);
}

int dmreplica_view_devices(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   const char *view, struct dmreplica_reader **list, size_t *nr)
{
	return list_devices(ctx, sys, 0, view, list, nr);
}

const char *dmreplica_mount_options(const char *type)
{
	static const struct {
		const char *type;
		const char *options;
	} known[] = {
		/* without these the log would be replayed, which writes */
		{ "ext4", "ro,noload" },
		{ "ext3", "ro,noload" },
		{ "xfs", "ro,norecovery,nouuid" },
		{ "btrfs", "ro,rescue=nologreplay" },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].type, type))
			return known[i].options;
	return "ro";
}
