// SPDX-License-Identifier: GPL-2.0-only
/* Holders: openers of a block device. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "private.h"

/* A bit of "flags" in /proc/PID/stat, from linux/sched.h; ps and systemd use it, too. */
#define PF_KTHREAD	0x00200000

struct scan {
	struct dmrl_holders found;
	ino_t seen_ns[64];
	unsigned int nr_ns;
};

static bool wanted(const struct scan *scan, dev_t dev)
{
	return dmrl_holder_wanted(&scan->found, dev);
}

static struct dmreplica_holder *add(struct scan *scan, dev_t dev,
				    enum dmreplica_holder_kind kind)
{
	return dmrl_holder_add(&scan->found, dev, kind);
}

static void command_of(pid_t pid, struct dmreplica_holder *h)
{
	char path[64], command[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (dmrl_sysfs_read(path, command, sizeof(command)))
		snprintf(command, sizeof(command), "?");
	snprintf(h->command, sizeof(h->command), "%.31s", command);
}

static bool fd_writes(pid_t pid, const char *fd)
{
	char path[64], buf[512], *flags;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", pid, fd);
	if (dmrl_sysfs_read(path, buf, sizeof(buf)))
		return true;
	flags = strstr(buf, "flags:");
	if (!flags)
		return true;
	return (strtoul(flags + 6, NULL, 8) & O_ACCMODE) != O_RDONLY;
}

/*
 * Is a descriptor one of a block device? stat() of a file on a network file system hangs
 * while its server is unreachable, which is usual in a disaster.  readlink() of a
 * descriptor does not access that file system; nodes of block devices are below a /dev.
 * There may be such a directory there, too, also in a mount namespace that is not ours:
 * AT_STATX_DONT_SYNC takes what the kernel knows of an open file.
 */
static bool device_of_fd(int dir, const char *fd, dev_t *dev)
{
	char path[4096];
	ssize_t n = readlinkat(dir, fd, path, sizeof(path) - 1);
	struct statx st;

	if (n < 0)
		return false;
	path[n] = 0;
	if (*path != '/' || !strstr(path, "/dev/") ||
	    (strncmp(path, "/dev/", 5) && dmrl_path_may_hang(path)) ||
	    statx(dir, fd, AT_STATX_DONT_SYNC, STATX_TYPE, &st) || !S_ISBLK(st.stx_mode))
		return false;
	*dev = makedev(st.stx_rdev_major, st.stx_rdev_minor);
	return true;
}

static void scan_fds(struct scan *scan, pid_t pid)
{
	struct dmreplica_holder *h, *items;
	char path[64];
	struct dirent *de;
	bool writes;
	size_t i;
	dev_t dev;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.' || !device_of_fd(dirfd(dir), de->d_name, &dev) ||
		    !wanted(scan, dev))
			continue;
		writes = fd_writes(pid, de->d_name);
		items = scan->found.list.items;
		for (i = 0; i < scan->found.list.nr; i++)
			if (items[i].kind == DMREPLICA_HOLDER_PROCESS && items[i].pid == pid &&
			    items[i].dev == dev)
				break;
		if (i < scan->found.list.nr) {
			items[i].writes |= writes;
			continue;
		}
		h = add(scan, dev, DMREPLICA_HOLDER_PROCESS);
		if (!h)
			break;
		h->pid = pid;
		h->writes = writes;
		command_of(pid, h);
	}
	closedir(dir);
}

static void add_mount(struct scan *scan, dev_t dev, const char *where, pid_t pid, bool other_ns)
{
	const struct dmreplica_holder *items = scan->found.list.items;
	struct dmreplica_holder *h;
	char detail[256];
	size_t i;

	if (other_ns)
		snprintf(detail, sizeof(detail), "%.200s (in the mount namespace of process %d)",
			 where, pid);
	else
		snprintf(detail, sizeof(detail), "%.255s", where);
	for (i = 0; i < scan->found.list.nr; i++)
		if (items[i].kind == DMREPLICA_HOLDER_MOUNT && items[i].dev == dev &&
		    (other_ns || !strcmp(items[i].detail, detail)))
			return;
	h = add(scan, dev, DMREPLICA_HOLDER_MOUNT);
	if (h) {
		h->writes = true;
		memcpy(h->detail, detail, sizeof(h->detail));
	}
}

static void scan_mounts(struct scan *scan, pid_t pid, bool other_ns)
{
	char path[64], *line = NULL;
	struct dmrl_mount mount;
	size_t room = 0;
	dev_t dev;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &room, f) > 0) {
		if (!dmrl_mount_parse(line, &mount))
			continue;
		if (wanted(scan, mount.dev))
			add_mount(scan, mount.dev, mount.where, pid, other_ns);
		/* btrfs shows its own device number: use the source */
		else if (!major(mount.dev) && mount.source && *mount.source == '/' &&
			 dmrl_path_device(mount.source, &dev) && wanted(scan, dev))
			add_mount(scan, dev, mount.where, pid, other_ns);
	}
	free(line);
	fclose(f);
}

static bool new_namespace(struct scan *scan, pid_t pid)
{
	char path[64];
	struct stat st;
	unsigned int i;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (stat(path, &st))
		return false;
	for (i = 0; i < scan->nr_ns; i++)
		if (scan->seen_ns[i] == st.st_ino)
			return false;
	if (scan->nr_ns < ARRAY_SIZE(scan->seen_ns))
		scan->seen_ns[scan->nr_ns++] = st.st_ino;
	return true;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * List the kernel threads, to skip them: they have no files, and a host with a thousand
 * systems has thousands, one for each dm device.  All are children of process 2, unless
 * this PID namespace has another process 2.  A thread missing here only costs a useless
 * scan.  Not all children of process 2 are kernel threads: see is_kernel_thread().
 */
static void list_kernel_threads(struct dmrl_list *pids)
{
	unsigned int flags = 0, pid;
	char stat[512], *end;
	pid_t *item;
	FILE *f;

	/* pid (comm) state ppid pgrp session tty tpgid flags: proc(5) */
	if (dmrl_sysfs_read("/proc/2/stat", stat, sizeof(stat)))
		return;
	end = strrchr(stat, ')');
	if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) != 1 ||
	    !(flags & PF_KTHREAD))
		return;
	f = fopen("/proc/2/task/2/children", "re");
	if (!f)
		return;
	while (fscanf(f, "%u", &pid) == 1) {
		item = dmrl_list_add(pids);
		if (!item)
			break;
		*item = pid;
	}
	fclose(f);
	if (pids->nr)
		qsort(pids->items, pids->nr, pids->size, compare_pids);
}

/* Programs that the kernel starts (core_pattern) are children of process 2, too. */
static bool is_kernel_thread(const struct dmrl_list *threads, pid_t pid)
{
	char path[64], exe[8];

	if (!threads->nr ||
	    !bsearch(&pid, threads->items, threads->nr, threads->size, compare_pids))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, exe, sizeof(exe)) < 0 && errno == ENOENT;
}

/* Call @look for each process except this one and kernel threads. */
static void each_process(struct scan *scan, void (*look)(struct scan *scan, pid_t pid))
{
	struct dmrl_list threads = { .size = sizeof(pid_t) };
	pid_t self = getpid(), pid;
	struct dirent *de;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return;
	list_kernel_threads(&threads);
	while ((de = readdir(dir))) {
		if (!isdigit(de->d_name[0]))
			continue;
		pid = atoi(de->d_name);
		if (pid != self && !is_kernel_thread(&threads, pid))
			look(scan, pid);
	}
	closedir(dir);
	free(threads.items);
}

static void scan_process(struct scan *scan, pid_t pid)
{
	scan_fds(scan, pid);
	if (new_namespace(scan, pid))
		scan_mounts(scan, pid, true);
}

static void scan_swaps(struct scan *scan)
{
	struct dmreplica_holder *h;
	char *line = NULL, *end;
	size_t room = 0;
	dev_t dev;
	FILE *f = fopen("/proc/swaps", "re");

	if (!f)
		return;
	while (getline(&line, &room, f) > 0) {
		end = strpbrk(line, " \t");
		if (*line != '/' || !end)
			continue;
		*end = 0;
		dmrl_unescape(line);
		if (!dmrl_path_device(line, &dev) || !wanted(scan, dev))
			continue;
		h = add(scan, dev, DMREPLICA_HOLDER_SWAP);
		if (h) {
			h->writes = true;
			snprintf(h->detail, sizeof(h->detail), "%.255s", line);
		}
	}
	free(line);
	fclose(f);
}

/* Get the device of a line of /proc/PID/maps; only nodes below a /dev count. */
static bool mapped_device(char *line, dev_t *dev, bool *writes)
{
	char *path = strchr(line, '/'), *end;

	if (!path || !strstr(path, "/dev/"))
		return false;
	path[strcspn(path, "\n")] = 0;
	if (!dmrl_path_device(path, dev))
		return false;
	end = strchr(line, ' ');
	/* address, then rwxs or rwxp */
	*writes = end && end[2] == 'w' && end[4] == 's';
	return true;
}

static void scan_maps(struct scan *scan, pid_t pid)
{
	struct dmreplica_holder *h;
	char path[64], *line = NULL;
	size_t room = 0;
	bool writes;
	dev_t dev;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &room, f) > 0) {
		if (!mapped_device(line, &dev, &writes) || !dmrl_holder_wanted(&scan->found, dev))
			continue;
		h = dmrl_holder_add(&scan->found, dev, DMREPLICA_HOLDER_MAPPING);
		if (!h)
			break;
		h->pid = pid;
		h->writes = writes;
		command_of(pid, h);
		break;
	}
	free(line);
	fclose(f);
}

/* @maps: also look at mappings of processes, if there is no other holder. */
static int list_holders(struct dmreplica *ctx, const dev_t *devs, unsigned int nr_devs,
			bool maps, struct dmreplica_holder **list, size_t *nr)
{
	struct scan scan = {
		.found.devs = devs,
		.found.nr_devs = nr_devs,
		.found.list.size = sizeof(struct dmreplica_holder),
	};
	struct dmrl_holders *found = &scan.found;
	pid_t self = getpid();
	int code = 0;

	*list = NULL;
	*nr = 0;
	if (!nr_devs)
		return 0;
	dmrl_holders_stacked(found);
	scan_swaps(&scan);
	new_namespace(&scan, self);
	scan_mounts(&scan, self, false);
	each_process(&scan, scan_process);
	/* After mounts, so that file systems with a mount are not listed twice. */
	dmrl_holders_filesystems(found);
	dmrl_holders_targets(found);
	/* Last, if there is no other holder: reading the maps of a process may hang. */
	if (maps && !found->list.nr)
		each_process(&scan, scan_maps);
	if (found->no_memory)
		code = dmrl_no_memory(ctx);
	*list = dmrl_list_end(&found->list, code, NULL, nr);
	return code;
}

int dmreplica_holder_list(struct dmreplica *ctx, const dev_t *devs, unsigned int nr_devs,
			  struct dmreplica_holder **list, size_t *nr)
{
	return list_holders(ctx, devs, nr_devs, true, list, nr);
}

static void append_holder(struct dmreplica *ctx, const struct dmreplica_holder *h)
{
	char path[256];

	dmreplica_device_path(major(h->dev), minor(h->dev), path, sizeof(path));
	switch (h->kind) {
	case DMREPLICA_HOLDER_PROCESS:
		dmrl_append(ctx, "\n  %s is open%s in process %d (%s)", path,
			    h->writes ? " for writing" : "", h->pid, h->command);
		break;
	case DMREPLICA_HOLDER_MOUNT:
		dmrl_append(ctx, "\n  %s is mounted at %s", path, h->detail);
		break;
	case DMREPLICA_HOLDER_SWAP:
		dmrl_append(ctx, "\n  %s is used as swap", path);
		break;
	case DMREPLICA_HOLDER_DEVICE:
		dmrl_append(ctx, "\n  %s is used by device %s", path, h->detail);
		break;
	case DMREPLICA_HOLDER_LOOP:
		dmrl_append(ctx, "\n  %s is used by loop device %s", path, h->detail);
		break;
	case DMREPLICA_HOLDER_FILESYSTEM:
		dmrl_append(ctx, "\n  %s is in use by a %s file system that is not mounted from it (unmounted lazily, with a file open still, or mounted by another device)",
			    path, h->detail);
		break;
	case DMREPLICA_HOLDER_TARGET:
		dmrl_append(ctx, "\n  %s is exported by the kernel: %s", path, h->detail);
		break;
	case DMREPLICA_HOLDER_MAPPING:
		dmrl_append(ctx, "\n  %s is mapped into memory by process %d (%s)", path, h->pid,
			    h->command);
		break;
	}
}

size_t dmrl_append_holders(struct dmreplica *ctx, const dev_t *devs, unsigned int nr,
			   bool writers_only)
{
	struct dmreplica_holder *list;
	size_t n, i, named = 0;
	unsigned int nr_all;
	dev_t *all;
	int code;

	if (dmrl_relatives(ctx, devs, nr, &all, &nr_all))
		return 0;
	code = list_holders(ctx, all, nr_all, !writers_only, &list, &n);
	free(all);
	if (code)
		return 0;
	for (i = 0; i < n; i++) {
		if (writers_only && !list[i].writes)
			continue;
		append_holder(ctx, &list[i]);
		named++;
	}
	dmreplica_list_free(list);
	return named;
}
