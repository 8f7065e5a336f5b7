// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a path of a domain leads to: by its device number and what sysfs has of it, never by
 * its name, and without I/O to a device.  Tests make up /sys and /dev below
 * $DM_REPLICA_TEST_ROOT; there a file with "MAJOR:MINOR" stands for a device.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "domain.h"

#define DEPTH	16		/* of stacked devices */
#define LINKS	"/dev/dm-replica/"
#define MAPPER	"/dev/mapper/"

const char *device_root(void)
{
	const char *root = getenv("DM_REPLICA_TEST_ROOT");

	return root ? root : "";
}

/* Read the first line of a file. */
static bool read_line(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	bool got;

	text[0] = 0;
	if (!f)
		return false;
	got = fgets(text, (int)size, f) != NULL;
	fclose(f);
	text[strcspn(text, "\n")] = 0;
	return got;
}

static bool number_of(const char *text, dev_t *dev)
{
	unsigned int maj, min;

	if (sscanf(text, "%u:%u", &maj, &min) != 2)
		return false;
	*dev = makedev(maj, min);
	return true;
}

bool device_sysfs(char *out, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	int n;

	n = snprintf(path, sizeof(path), "%s/sys/", device_root());
	va_start(args, fmt);
	n += vsnprintf(path + n, sizeof(path) - n, fmt, args);
	va_end(args);
	return n < (int)sizeof(path) && read_line(path, out, size);
}

bool device_number(const char *path, dev_t *dev)
{
	char full[2 * PATH_MAX], text[64];
	struct stat st;

	if (!*device_root()) {
		if (stat(path, &st) || !S_ISBLK(st.st_mode))
			return false;
		*dev = st.st_rdev;
		return true;
	}
	snprintf(full, sizeof(full), "%s%s", device_root(), path);
	return read_line(full, text, sizeof(text)) && number_of(text, dev);
}

void device_link(char *path, size_t size, const char *system, const char *disk, bool test)
{
	snprintf(path, size, LINKS "%s/%s%s", system, disk, test ? "-test" : "");
}

/* Is a device one of ours?  DMREPLICA-<uuid>-<disk>-<kind>; a disk's name has no hyphen. */
static bool is_ours(dev_t dev, struct device *d)
{
	static const struct {
		const char *name;
		enum device_kind kind;
	} kinds[] = {
		{ "live", DEVICE_LIVE }, { "test", DEVICE_TEST }, { "replica", DEVICE_REPLICA },
	};
	char text[160], uuid[DMREPLICA_UUID_TEXT];
	const char *kind;
	unsigned int i;

	if (!device_sysfs(text, sizeof(text), "dev/block/%u:%u/dm/uuid", major(dev), minor(dev)) ||
	    strncmp(text, "DMREPLICA-", 10))
		return false;
	/* What begins so is ours, and of no known kind it is refused like a replica device. */
	d->kind = DEVICE_REPLICA;
	kind = strrchr(text, '-') + 1;
	for (i = 0; i < 3; i++)
		if (!strcmp(kind, kinds[i].name))
			d->kind = kinds[i].kind;
	snprintf(uuid, sizeof(uuid), "%.36s", text + 10);
	d->has_uuid = dmreplica_uuid_parse(uuid, d->uuid);
	if (strlen(text) > 47 && kind - 1 > text + 47)
		snprintf(d->disk, sizeof(d->disk), "%.*s", (int)(kind - 1 - (text + 47)),
			 text + 47);
	return true;
}

/* Is a device the home or the store of a system that has a file? */
static bool is_named(dev_t dev, const struct device_files *files, struct device *d)
{
	const struct dmreplica_conf *conf;
	unsigned int j;
	dev_t other;
	size_t i;

	for (i = 0; i < files->nr; i++) {
		conf = &files->list[i];
		for (j = 0; j <= conf->nr_disks; j++) {
			if (!device_number(j ? conf->disks[j - 1].path : conf->store, &other) ||
			    other != dev)
				continue;
			d->kind = DEVICE_BELOW;
			snprintf(d->name, sizeof(d->name), "%s", conf->name);
			snprintf(d->disk, sizeof(d->disk), "%s",
				 j ? conf->disks[j - 1].name : "");
			return true;
		}
	}
	return false;
}

/* Call @fn for each device in a directory of sysfs, until it returns true. */
static bool each(dev_t dev, const char *dir, bool partitions,
		 bool (*fn)(dev_t dev, const struct device_files *files, struct device *d,
			    unsigned int depth),
		 const struct device_files *files, struct device *d, unsigned int depth)
{
	char path[PATH_MAX], text[64];
	bool found = false;
	struct dirent *de;
	dev_t other;
	DIR *stream;

	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u/%s", device_root(), major(dev),
		 minor(dev), dir);
	stream = opendir(path);
	if (!stream)
		return false;
	while (!found) {
		de = readdir(stream);
		if (!de)
			break;
		if (de->d_name[0] == '.' ||
		    (partitions && !device_sysfs(text, sizeof(text),
						 "dev/block/%u:%u/%s/%.200s/partition", major(dev),
						 minor(dev), dir, de->d_name)) ||
		    !device_sysfs(text, sizeof(text), "dev/block/%u:%u/%s/%.200s/dev", major(dev),
				  minor(dev), dir, de->d_name) || !number_of(text, &other))
			continue;
		found = fn(other, files, d, depth);
	}
	closedir(stream);
	return found;
}

static bool as_below(dev_t dev, const struct device_files *files, struct device *d,
		     unsigned int depth)
{
	(void)files;
	(void)depth;
	if (!is_ours(dev, d))
		return false;
	d->kind = DEVICE_BELOW;
	return true;
}

/* Does a device of ours lie on this one, by itself or by devices and partitions between? */
static bool is_below(dev_t dev, const struct device_files *files, struct device *d,
		     unsigned int depth)
{
	if (as_below(dev, files, d, depth) || is_named(dev, files, d))
		return true;
	if (depth >= DEPTH)
		return false;
	return each(dev, "holders", false, is_below, files, d, depth + 1) ||
	       each(dev, ".", true, is_below, files, d, depth + 1);
}

/* The same for one step: a disk below may hold other things beside a home. */
static bool is_home(dev_t dev, const struct device_files *files, struct device *d)
{
	return is_named(dev, files, d) || each(dev, "holders", false, as_below, files, d, 0);
}

static bool lies_on(dev_t dev, const struct device_files *files, struct device *d,
		    unsigned int depth)
{
	char text[PATH_MAX];
	dev_t other;

	if (is_ours(dev, d) || is_home(dev, files, d))
		return true;
	if (depth >= DEPTH)
		return false;
	if (device_sysfs(text, sizeof(text), "dev/block/%u:%u/partition", major(dev), minor(dev)) &&
	    device_sysfs(text, sizeof(text), "dev/block/%u:%u/../dev", major(dev), minor(dev)) &&
	    number_of(text, &other) && lies_on(other, files, d, depth + 1))
		return true;
	if (device_sysfs(text, sizeof(text), "dev/block/%u:%u/loop/backing_file", major(dev),
			 minor(dev)) &&
	    device_number(text, &other) && lies_on(other, files, d, depth + 1))
		return true;
	return each(dev, "slaves", false, lies_on, files, d, depth + 1);
}

static bool same_file(const char *a, const char *b)
{
	struct stat one, two;

	if (!strcmp(a, b))
		return true;
	return !*device_root() && !stat(a, &one) && !stat(b, &two) && one.st_dev == two.st_dev &&
	       one.st_ino == two.st_ino;
}

/* Is a file the image below a home or a store that is a loop device? */
static bool is_image(const char *path, const struct device_files *files, struct device *d)
{
	const struct dmreplica_conf *conf;
	char backing[PATH_MAX];
	unsigned int j;
	size_t i;
	dev_t dev;

	for (i = 0; i < files->nr; i++) {
		conf = &files->list[i];
		for (j = 0; j <= conf->nr_disks; j++) {
			if (!device_number(j ? conf->disks[j - 1].path : conf->store, &dev) ||
			    !device_sysfs(backing, sizeof(backing),
					  "dev/block/%u:%u/loop/backing_file", major(dev),
					  minor(dev)) || !same_file(path, backing))
				continue;
			return is_named(dev, files, d);
		}
	}
	return false;
}

/* Is a path where the devices of a system would be, if it were attached? */
static bool is_place(const char *path, const struct device_files *files, struct device *d)
{
	char prefix[2 * DMREPLICA_NAME_MAX];
	const char *c;
	unsigned int n;
	size_t i;

	if (!strncmp(path, LINKS, strlen(LINKS))) {
		d->kind = DEVICE_UNATTACHED;
		snprintf(d->name, sizeof(d->name), "%.*s",
			 (int)strcspn(path + strlen(LINKS), "/"), path + strlen(LINKS));
		host_plain(d->name);
		return true;
	}
	if (strncmp(path, MAPPER, strlen(MAPPER)))
		return false;
	for (i = 0; i < files->nr; i++) {
		for (c = files->list[i].name, n = 0; *c && n < sizeof(prefix) - 3; c++) {
			if (*c == '-')
				prefix[n++] = '-';
			prefix[n++] = *c;
		}
		prefix[n++] = '-';
		prefix[n] = 0;
		if (strncmp(path + strlen(MAPPER), prefix, n) || path[strlen(MAPPER) + n] == '-')
			continue;
		d->kind = DEVICE_UNATTACHED;
		snprintf(d->name, sizeof(d->name), "%s", files->list[i].name);
		return true;
	}
	return false;
}

/**
 * device_identify() - find out what a path leads to
 * @path: from a domain's XML.
 * @files: the systems that have a file.
 * @d: filled in.
 */
void device_identify(const char *path, const struct device_files *files, struct device *d)
{
	memset(d, 0, sizeof(*d));
	if (!device_number(path, &d->dev)) {
		d->dev = 0;
		if (!is_place(path, files, d))
			is_image(path, files, d);
		return;
	}
	if (!lies_on(d->dev, files, d, 0))
		is_below(d->dev, files, d, 0);
}
