// SPDX-License-Identifier: GPL-2.0-only
/* dm devices, by libdevmapper. */
#include <dirent.h>
#include <errno.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* libdevmapper and kmod/store/shim both define a function with this name */
#define hweight32	dm_hweight32
#include <libdevmapper.h>
#undef hweight32

#include "private.h"

/*
 * The host must not interpret a guest's content: no udev rule that probes, links or
 * mounts runs for our devices.  LIBRARY_FALLBACK is not disabled, so that nodes appear
 * without udevd.
 */
#define UDEV_FLAGS	(DM_UDEV_DISABLE_DISK_RULES_FLAG | \
			 DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | \
			 DM_UDEV_DISABLE_OTHER_RULES_FLAG)

/* Limit of the time in which udevd handles none of our events. */
#define UDEV_WAIT_MS	10000

/* libdevmapper's log function has no argument. */
static struct dmreplica *log_ctx;

/* udevd has not answered: do not wait for it again in this process. */
static bool udev_dead;

static void DMRL_PRINTF(5, 6) keep_log(int level, const char *file, int line, int err,
				       const char *fmt, ...)
{
	va_list args;

	(void)file;
	(void)line;
	(void)err;
	if (!log_ctx || (level & 7) > 3)
		return;
	va_start(args, fmt);
	vsnprintf(log_ctx->dm_log, sizeof(log_ctx->dm_log), fmt, args);
	va_end(args);
}

/* Has udevd not answered?  @found: another process has found that.  Return: true if so. */
bool dmrl_dm_udev_dead(bool found)
{
	udev_dead |= found;
	return udev_dead;
}

/* Call before any other function of this file: messages go to this context. */
void dmrl_dm_begin(struct dmreplica *ctx)
{
	log_ctx = ctx;
	ctx->dm_log[0] = 0;
	dm_log_with_errno_init(keep_log);
	dm_udev_set_sync_support(!udev_dead);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct dmrl_dm_device *)a)->name,
		      ((const struct dmrl_dm_device *)b)->name);
}

static struct dmrl_dm_device *add_device(struct dmrl_list *list, const char *uuid)
{
	struct dmrl_dm_device *device = dmrl_list_add(list);

	if (device)
		snprintf(device->uuid, sizeof(device->uuid), "%.*s",
			 (int)sizeof(device->uuid) - 1, uuid);
	return device;
}

/*
 * One request to device mapper in place of three sysfs files for each device of the host.
 * linux/dm-ioctl.h describes the data behind a name in the answer; libdevmapper has no
 * function for it before 1.02.187.  Devices without a table are listed, too.
 *
 * The kernel returns UUIDs only if DM_UUID_FLAG is set, which libdevmapper does for a new
 * UUID.  A UUID in the request is a prefix to select by.  Names are not unmangled:
 * libdevmapper would rewrite them in place, and the data behind them could not be found any
 * more.  Without any device the kernel writes nothing, and the new UUID stays in the place
 * of the list, which libdevmapper walks: eight bytes of the UUID are the first device's
 * number, and the offset to the next device is zero.
 *
 * Return: 0; 1 if this is not possible, without root or version 4.45 of the interface; -1
 * without memory.
 */
static int list_by_ioctl(struct dmreplica *ctx, const char *prefix, struct dmrl_list *found)
{
	static const char asked[8] = "DMREPLI";
	dm_string_mangling_t mode = dm_get_name_mangling_mode();
	const char *extra, *uuid;
	struct dmrl_dm_device *device;
	struct dm_task *task;
	struct dm_names *n;
	u32 flags;
	int ret = 1;

	/* libdevmapper would make the node of a driver that is not loaded */
	if (geteuid() || access("/sys/class/misc/device-mapper", F_OK))
		return 1;
	dmrl_dm_begin(ctx);
	dm_set_name_mangling_mode(DM_STRING_MANGLING_NONE);
	task = dm_task_create(DM_DEVICE_LIST);
	if (!task)
		goto out;
	if (!dm_task_set_newuuid(task, asked) || !dm_task_set_uuid(task, prefix) ||
	    !dm_task_run(task))
		goto out;
	n = dm_task_get_names(task);
	ret = 0;
	if (!n || !n->dev || !memcmp(&n->dev, asked, sizeof(n->dev)))
		goto out;
	for (;; n = (struct dm_names *)((char *)n + n->next)) {
		extra = n->name + strlen(n->name) + 1;
		extra += -(uintptr_t)extra & 7;
		memcpy(&flags, extra + sizeof(u32), sizeof(flags));
		if (!(flags & (DM_NAME_LIST_FLAG_HAS_UUID | DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID))) {
			found->nr = 0;
			ret = 1;
			break;
		}
		uuid = extra + 2 * sizeof(u32);
		if ((flags & DM_NAME_LIST_FLAG_HAS_UUID) && !strncmp(uuid, prefix, strlen(prefix))) {
			device = add_device(found, uuid);
			if (!device) {
				ret = -1;
				break;
			}
			snprintf(device->name, sizeof(device->name), "%s", n->name);
			device->major = major(n->dev);
			device->minor = minor(n->dev);
		}
		if (!n->next)
			break;
	}
out:
	if (task)
		dm_task_destroy(task);
	dm_set_name_mangling_mode(mode);
	return ret;
}

/* List without privilege.  Return: 0, or -1 without memory. */
static int list_by_sysfs(const char *prefix, struct dmrl_list *found)
{
	char path[300], dm_uuid[132], buf[160];
	struct dmrl_dm_device *device;
	struct dirent *de;
	DIR *dir;
	int ret = 0;

	dir = opendir("/sys/block");
	if (!dir)
		return 0;
	while (!ret && (de = readdir(dir))) {
		if (strncmp(de->d_name, "dm-", 3))
			continue;
		snprintf(path, sizeof(path), "/sys/block/%.200s/dm/uuid", de->d_name);
		if (dmrl_sysfs_read(path, dm_uuid, sizeof(dm_uuid)) ||
		    strncmp(dm_uuid, prefix, strlen(prefix)))
			continue;
		device = add_device(found, dm_uuid);
		if (!device) {
			ret = -1;
			continue;
		}
		snprintf(path, sizeof(path), "/sys/block/%.200s/dm/name", de->d_name);
		if (!dmrl_sysfs_read(path, buf, sizeof(buf)))
			snprintf(device->name, sizeof(device->name), "%.127s", buf);
		snprintf(path, sizeof(path), "/sys/block/%.200s/dev", de->d_name);
		if (dmrl_sysfs_read(path, buf, sizeof(buf)) ||
		    sscanf(buf, "%u:%u", &device->major, &device->minor) != 2)
			found->nr--;	/* removed meanwhile */
	}
	closedir(dir);
	return ret;
}

/* List our devices by name, of one system, or of all if @uuid is NULL. */
int dmrl_dm_list(struct dmreplica *ctx, const u8 *uuid, struct dmrl_dm_device **list, size_t *nr)
{
	struct dmrl_list found = { .size = sizeof(struct dmrl_dm_device) };
	char prefix[64] = "DMREPLICA-", text[DMREPLICA_UUID_TEXT];
	int ret, code;

	if (uuid)
		snprintf(prefix, sizeof(prefix), "DMREPLICA-%s-", dmreplica_uuid_text(uuid, text));
	ret = list_by_ioctl(ctx, prefix, &found);
	if (ret > 0)
		ret = list_by_sysfs(prefix, &found);
	code = ret ? dmrl_no_memory(ctx) : 0;
	*list = dmrl_list_end(&found, code, compare, nr);
	return code;
}

static int run_task(struct dm_task *task, u32 *cookie, int *err)
{
	*err = 0;
	if (cookie && !dm_task_set_cookie(task, cookie, UDEV_FLAGS)) {
		*err = EIO;
		return -1;
	}
	if (dm_task_run(task))
		return 0;
	/*
	 * libdevmapper drops the errno of the first step of a create, but logs it; lack
	 * of memory must not be reported as a broken store.
	 */
	*err = dm_task_get_errno(task);
	if (!*err)
		*err = log_ctx && strstr(log_ctx->dm_log, strerror(ENOMEM)) ? ENOMEM : EIO;
	return -1;
}

/* Return: 0, or -1 with an errno in @err and a message in ctx->dm_log. */
int dmrl_dm_create(struct dmreplica *ctx, const char *name, const char *uuid, u64 sectors,
		   const char *target, const char *params, u32 *cookie, dev_t *dev, int *err)
{
	struct dm_task *task;
	struct dm_info info;
	int ret = -1;

	dmrl_dm_begin(ctx);
	*err = ENOMEM;
	task = dm_task_create(DM_DEVICE_CREATE);
	if (!task)
		return -1;
	if (dm_task_set_name(task, name) && dm_task_set_uuid(task, uuid) &&
	    dm_task_add_target(task, 0, sectors, target, params)) {
		ret = run_task(task, cookie, err);
		if (!ret && dm_task_get_info(task, &info))
			*dev = makedev(info.major, info.minor);
	}
	dm_task_destroy(task);
	return ret;
}

int dmrl_dm_remove(struct dmreplica *ctx, const char *name, u32 *cookie, int *err)
{
	struct dm_task *task;
	int ret = -1;

	dmrl_dm_begin(ctx);
	*err = ENOMEM;
	task = dm_task_create(DM_DEVICE_REMOVE);
	if (!task)
		return -1;
	/* a scan of all devices of the machine may have it open for a moment */
	dm_task_retry_remove(task);
	if (dm_task_set_name(task, name))
		ret = run_task(task, cookie, err);
	dm_task_destroy(task);
	return ret;
}

/*
 * Get the UUID of a device by name, even of one without a table, which sysfs does not
 * show.  Return: 0, or -1 without such a device.
 */
int dmrl_dm_uuid(struct dmreplica *ctx, const char *name, char *uuid, size_t size)
{
	struct dm_task *task;
	struct dm_info info;
	int ret = -1, err;

	dmrl_dm_begin(ctx);
	task = dm_task_create(DM_DEVICE_INFO);
	if (!task)
		return -1;
	if (dm_task_set_name(task, name) && !run_task(task, NULL, &err) &&
	    dm_task_get_info(task, &info) && info.exists && dm_task_get_uuid(task)) {
		snprintf(uuid, size, "%s", dm_task_get_uuid(task));
		ret = 0;
	}
	dm_task_destroy(task);
	return ret;
}

/* Get the number of openers; @table: it has a table, maybe not resumed yet. */
int dmrl_dm_open_count(struct dmreplica *ctx, const char *name, int *count, bool *table, int *err)
{
	struct dm_task *task;
	struct dm_info info;
	int ret = -1;

	dmrl_dm_begin(ctx);
	*err = ENOMEM;
	task = dm_task_create(DM_DEVICE_INFO);
	if (!task)
		return -1;
	if (dm_task_set_name(task, name)) {
		ret = run_task(task, NULL, err);
		if (!ret && (!dm_task_get_info(task, &info) || !info.exists)) {
			*err = ENXIO;
			ret = -1;
		}
		if (!ret) {
			*count = info.open_count;
			*table = info.live_table || info.inactive_table;
		}
	}
	dm_task_destroy(task);
	return ret;
}

bool dmrl_dm_has_target(struct dmreplica *ctx, const char *target, char *version, size_t size)
{
	struct dm_versions *v, *last = NULL;
	struct dm_task *task;
	bool found = false;

	dmrl_dm_begin(ctx);
	task = dm_task_create(DM_DEVICE_LIST_VERSIONS);
	if (!task)
		return false;
	if (dm_task_run(task)) {
		for (v = dm_task_get_versions(task); v && v != last && !found;
		     v = (struct dm_versions *)((char *)v + v->next)) {
			found = !strcmp(v->name, target);
			if (found && version)
				snprintf(version, size, "%u.%u.%u", v->version[0], v->version[1],
					 v->version[2]);
			last = v;
		}
	}
	dm_task_destroy(task);
	return found;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/*
 * Wait until udev has handled the events of all tasks with this cookie: its semaphore
 * counts the rest.  If udevd has died and left its socket behind, the count stands still
 * for ever: then remove the cookie and make the nodes here.
 */
void dmrl_dm_settle(struct dmreplica *ctx, u32 *cookie)
{
	int ready, semid, left, last = -1;
	unsigned int waited, step = 5;

	if (!*cookie) {
		dm_task_update_nodes();
		return;
	}
	semid = semget(*cookie, 1, 0);
	for (waited = 0; waited < UDEV_WAIT_MS; waited += step) {
		ready = 0;
		if (!dm_udev_wait_immediate(*cookie, &ready) || ready) {
			*cookie = 0;
			return;
		}
		left = semid >= 0 ? semctl(semid, 0, GETVAL) : -1;
		if (left != last)
			waited = 0;
		last = left;
		/* This wait has its own limit. */
		dmrl_apart_step(ctx);
		sleep_ms(step);
		if (step < 100)
			step += 5;
	}
	if (semid >= 0)
		semctl(semid, 0, IPC_RMID, 0);
	*cookie = 0;
	dmrl_warn(ctx, "udevd did not answer within %d s; device nodes are made without it",
		  UDEV_WAIT_MS / 1000);
	udev_dead = true;
	dm_udev_set_sync_support(0);
	dm_task_update_nodes();
	dm_mknodes(NULL);
}

/* Find the volume group of a logical volume by its dm name.  Return: false if it is none. */
bool dmrl_dm_volume_group(const char *name, char *vg, size_t size)
{
	struct dm_pool *mem = dm_pool_create("name", 1024);
	char *vg_name = NULL, *lv, *layer;
	bool done;

	done = mem && dm_split_lvm_name(mem, name, &vg_name, &lv, &layer) && vg_name;
	if (done)
		snprintf(vg, size, "%s", vg_name);
	if (mem)
		dm_pool_destroy(mem);
	return done;
}
