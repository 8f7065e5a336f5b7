// SPDX-License-Identifier: GPL-2.0
/* The devices: the views of each disk above, its home and the store below. */
#include "model.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "../../uapi/dm-replica-format.h"

#define GROWTH		4		/* MiB at a time */

const char * const view_name[] = { "head", "live", "test" };
struct disk disks[MAX_DISKS];
int nr_disks;
atomic_long nr_read, nr_compared;

static struct {
	const char *dm, *below;		/* a dm-linear device, and the device below it */
	uint64_t mib, max, first;
} store;

/* NAME=HOME */
void disk_add(const char *text)
{
	char *copy = strdup(text), *eq = strchr(copy, '=');

	if (!eq || nr_disks == MAX_DISKS)
		die("not a disk, or too many: %s", text);
	*eq = 0;
	for (int v = 0; v < VIEWS; v++)
		disks[nr_disks].fd[v] = disks[nr_disks].sync[v] = -1;
	disks[nr_disks].disk = copy;
	disks[nr_disks++].home = eq + 1;
}

void disks_name(void)
{
	static const char * const kind[] = { "-replica", "", "-test" };

	for (int d = 0; d < nr_disks; d++)
		for (int v = 0; v < VIEWS; v++)
			snprintf(disks[d].path[v], sizeof(disks[d].path[v]), "/dev/mapper/%s-%s%s",
				 name, disks[d].disk, kind[v]);
}

static int open_dev(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC | flags);

	if (fd < 0)
		die("cannot open %s: %m", path);
	return fd;
}

void view_open(int view)
{
	for (int d = 0; d < nr_disks; d++) {
		disks[d].fd[view] = open_dev(disks[d].path[view], 0);
		disks[d].sync[view] = open_dev(disks[d].path[view], O_DSYNC);
	}
}

/* If it is open. */
void view_close(int view)
{
	for (int d = 0; d < nr_disks; d++) {
		if (disks[d].fd[view] < 0)
			continue;
		close(disks[d].fd[view]);
		close(disks[d].sync[view]);
		disks[d].fd[view] = disks[d].sync[view] = -1;
	}
}

/* A view that is not there refuses all I/O. */
void view_offline(int view)
{
	static char buf[4096] __attribute__((aligned(4096)));

	for (int d = 0; d < nr_disks; d++) {
		int fd = open_dev(disks[d].path[view], 0);
		ssize_t r = pread(fd, buf, sizeof(buf), 0), w = pwrite(fd, buf, sizeof(buf), 0);

		if (r >= 0 || w >= 0 || errno != ENODEV)
			die("%s is not offline: read %zd, write %zd, %m", disks[d].path[view], r, w);
		close(fd);
	}
}

void disks_measure(void)
{
	for (int d = 0; d < nr_disks; d++) {
		uint64_t bytes;

		if (ioctl(disks[d].fd[HEAD], BLKGETSIZE64, &bytes))
			die("size of %s: %m", disks[d].path[HEAD]);
		disks[d].sectors = bytes / SECTOR;
		if (span && span < disks[d].sectors)
			disks[d].sectors = span;
	}
}

void command(const char *fmt, ...)
{
	char line[2048];
	va_list args;
	int n;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	fflush(stdout);
	n = system(line);
	if (n)
		die("%s: status %d", line, n);
}

/* And read the content without the module. */
void detach(void)
{
	command("%s detach %s", tool, name);
	command("%s check %s >/tmp/%s-check 2>&1 || { cat /tmp/%s-check; false; }", tool, name,
		name, name);
}

void attach(void)
{
	command("%s attach %s", tool, name);
}

static void store_length(void)
{
	char path[128];
	uint64_t bytes;
	int fd;

	snprintf(path, sizeof(path), "/dev/mapper/%s", store.dm);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		die("size of %s: %m", path);
	close(fd);
	if (bytes == store.mib << 20)
		return;
	command("dmsetup load %s --table '0 %llu linear %s 0' && dmsetup suspend %s && dmsetup resume %s",
		store.dm, (unsigned long long)store.mib * 2048, store.below, store.dm, store.dm);
}

/* A new system over the same devices; the homes keep their content. */
void create(void)
{
	char list[1024] = "";
	size_t len = 0;

	for (int d = 0; d < nr_disks; d++)
		len += snprintf(list + len, sizeof(list) - len, " --disk %s=%s", disks[d].disk,
				disks[d].home);
	command("%s create %s --uuid %s --chunk-size %s --force --store /dev/mapper/%s%s >/dev/null",
		tool, name, uuid_text, chunk, store.dm, list);
}

static void home_zero(const char *home)
{
	uint64_t range[2] = { 0 };
	int fd = open(home, O_RDWR | O_EXCL | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &range[1]) || ioctl(fd, BLKZEROOUT, range))
		die("cannot zero %s: %m", home);
	close(fd);
}

/*
 * Nothing is left of an earlier run: the homes are zero, the store is as small as at first,
 * the system is new and attached.
 */
void begin_anew(void)
{
	char path[256];

	if (!access(disks[0].path[HEAD], F_OK))
		command("%s detach %s", tool, name);
	snprintf(path, sizeof(path), "/etc/dm-replica/systems.d/%s.conf", name);
	unlink(path);
	store.mib = store.first;
	store_length();
	for (int d = 0; d < nr_disks; d++)
		home_zero(disks[d].home);
	create();
	attach();
}

/* Return: the number of sectors from this one on, for one I/O. */
uint32_t part(int disk, uint64_t sector)
{
	uint64_t left = disks[disk].sectors - sector;

	return left < MAX_SECTORS ? left : MAX_SECTORS;
}

void read_exact(int fd, void *buf, uint64_t sector, uint32_t sectors, const char *where)
{
	ssize_t r = pread(fd, buf, (size_t)sectors * SECTOR, sector * SECTOR);

	if (r != (ssize_t)sectors * SECTOR)
		die("read of %u sectors at %llu of %s: %zd %s", sectors,
		    (unsigned long long)sector, where, r, r < 0 ? strerror(errno) : "");
	atomic_fetch_add(&nr_read, sectors);
}

/* DM_NAME:DEVICE_BELOW:MIB:MAX_MIB */
void store_add(const char *text)
{
	char *copy = strdup(text), *at = copy;

	store.dm = strsep(&at, ":");
	store.below = strsep(&at, ":");
	store.mib = store.first = at ? strtoull(at, &at, 0) : 0;
	store.max = at && *at == ':' ? strtoull(at + 1, NULL, 0) : 0;
	if (store.max < store.mib || !store.mib)
		die("not a store: %s", text);
}

bool store_ends(void)
{
	return store.mib + GROWTH > store.max;
}

/* The device below grows; it is suspended while I/O is under way. */
void store_lengthen(void)
{
	store.mib += GROWTH;
	store_length();
}

/* Without the module, byte for byte. */
void homes_compare(const struct image *want)
{
	for (int d = 0; d < nr_disks; d++) {
		int fd = open(disks[d].home, O_RDONLY | O_DIRECT | O_CLOEXEC);

		if (fd < 0)
			die("cannot open %s: %m", disks[d].home);
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS) {
			read_exact(fd, cmp_buf, s, part(d, s), disks[d].home);
			image_compare(want, "home alone", d, s, part(d, s), cmp_buf);
		}
		close(fd);
	}
}

/* After a removal nothing is left of the system. */
void homes_plain(void)
{
	char path[256];
	int fd;

	for (int d = 0; d < nr_disks; d++)
		for (int v = 0; v < VIEWS; v++)
			if (!access(disks[d].path[v], F_OK))
				die("%s is still there", disks[d].path[v]);
	snprintf(path, sizeof(path), "/etc/dm-replica/systems.d/%s.conf", name);
	if (!access(path, F_OK))
		die("%s is still there", path);
	snprintf(path, sizeof(path), "/dev/mapper/%s", store.dm);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s: %m", path);
	read_exact(fd, cmp_buf, 0, 256, path);
	for (int at = 0; at < 256 * SECTOR; at += SECTOR)
		if (!memcmp(cmp_buf + at, DMR_SB_MAGIC, 8))
			die("a superblock is left at byte %d of %s", at, path);
	close(fd);
}
