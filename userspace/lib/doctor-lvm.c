// SPDX-License-Identifier: GPL-2.0-only
/*
 * LVM's filter: does LVM on the host look into guests' disks?
 *
 * LVM itself reads its configuration, by lvmconfig, so that includes, profiles and defaults
 * count; what it prints is read as JSON.  Patterns are POSIX regular expressions here, a
 * little more than what LVM takes.
 */
#include <json-c/json.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "doctor.h"

#define FILTER	DMREPLICA_DOCTOR_LVM_FILTER
#define REMEDY	"in /etc/lvm/lvm.conf, section devices: global_filter = [ \"r|^/dev/dm-replica/|\" ]"

/* Ask for one value of LVM's configuration.  Return: 0, or -1 with another than JSON. */
static int lvm_value(const char *name, struct json_object **value)
{
	char dir[512], text[8192], *equal;
	char *argv[] = { "env", dir, "PATH=/usr/sbin:/sbin:/usr/bin:/bin",
			 "LVM_SUPPRESS_FD_WARNINGS=1", "lvm", "lvmconfig", "--typeconfig", "full",
			 (char *)name, NULL };

	snprintf(dir, sizeof(dir), *dmrl_root() ? "LVM_SYSTEM_DIR=%s/etc/lvm" : "LC_ALL=C%s",
		 dmrl_root());
	if (dmrl_program_run(argv, text, sizeof(text)))
		return -1;
	equal = strchr(text, '=');
	*value = equal ? json_tokener_parse(equal + 1) : NULL;
	return *value ? 0 : -1;
}

/* Does LVM use its list of devices instead of looking at all? */
static bool devices_file(void)
{
	struct json_object *value;
	char path[512];
	bool used;

	if (lvm_value("devices/use_devicesfile", &value))
		return false;
	used = json_object_get_int(value);
	json_object_put(value);
	return used && !access(dmrl_root_path(path, sizeof(path), "/etc/lvm/devices/system.devices"),
			       F_OK);
}

/* One pattern "r|REGEX|", with any delimiter.  Return: 'a' or 'r' if it matches, else 0. */
static int match(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);
	char expression[1024];
	regex_t regex;
	bool matches;

	if (len < 3 || len >= sizeof(expression) || (*pattern != 'a' && *pattern != 'r'))
		return 0;
	/* the second delimiter is that of the first: a bracket has its partner */
	snprintf(expression, sizeof(expression), "%.*s", (int)(len - 3), pattern + 2);
	if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB))
		return 0;
	matches = !regexec(&regex, name, 0, NULL, 0);
	regfree(&regex);
	return matches ? *pattern : 0;
}

/* The first pattern that matches a name decides about it.  Return: 'a', 'r' or 0. */
static int decide(struct json_object *filter, const char *name)
{
	size_t i, nr = json_object_is_type(filter, json_type_array) ?
		       json_object_array_length(filter) : 0;
	int found = 0;

	if (!nr && json_object_is_type(filter, json_type_string))
		return match(json_object_get_string(filter), name);
	for (i = 0; i < nr && !found; i++)
		found = match(json_object_get_string(json_object_array_get_idx(filter, i)), name);
	return found;
}

/*
 * As LVM does: a device is rejected if a name of it is, and no name of it is accepted.
 * Return: NULL if it is, else the name that counts.
 */
static const char *accepted(struct json_object *filter, const char *const *names, unsigned int nr)
{
	bool rejected = false;
	unsigned int i;
	int found;

	for (i = 0; i < nr; i++) {
		found = decide(filter, names[i]);
		if (found == 'a')
			return names[i];
		rejected |= found == 'r';
	}
	return rejected ? NULL : names[0];
}

/* Return: false, with a fault, if LVM looks into this device. */
static bool check_disk(struct dmrl_doctor *d, struct json_object *filter, const char *system,
		       const char *disk, const char *kind)
{
	char name[160], mapper[200], link[200];
	const char *names[] = { mapper, link }, *seen;

	if (dmrl_device_name(name, sizeof(name), system, disk, kind))
		return true;
	snprintf(mapper, sizeof(mapper), "/dev/mapper/%s", name);
	snprintf(link, sizeof(link), "/dev/dm-replica/%s/%s%s%s", system, disk, *kind ? "-" : "", kind);
	seen = accepted(filter, names, 2);
	if (seen)
		dmrl_doctor_fault(d, FILTER, system, REMEDY,
				  "LVM looks for volume groups on %s, where the guest's are", seen);
	return !seen;
}

#define NAMES	32

/* The names that udev has given a device, below /dev.  Return: how many. */
static unsigned int udev_names(dev_t dev, char names[NAMES][256])
{
	char path[512], line[512];
	unsigned int nr = 0;
	FILE *f;

	dmrl_root_path(path, sizeof(path), "/run/udev/data/b%u:%u", major(dev), minor(dev));
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (nr < NAMES && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "S:", 2))
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(names[nr++], sizeof(names[0]), "/dev/%.240s", line + 2);
	}
	fclose(f);
	return nr;
}

/*
 * A home has the guest's volume groups, too; nothing of them is activated while the system is
 * attached, but it is not at boot.
 */
static void check_home(struct dmrl_doctor *d, struct json_object *filter, const char *system,
		       const struct dmreplica_conf_disk *disk, bool scan_lvs)
{
	char links[NAMES][256], uuid[160], command[512];
	const char *names[NAMES + 1], *seen;
	unsigned int nr, i;
	dev_t dev;

	if (!dmrl_root_device(disk->path, &dev))
		return;
	if (!scan_lvs && !dmrl_sysfs_read_dev(dev, "dm/uuid", uuid, sizeof(uuid)) &&
	    !strncmp(uuid, "LVM-", 4))
		return;
	nr = udev_names(dev, links);
	names[0] = disk->path;
	for (i = 0; i < nr; i++)
		names[i + 1] = links[i];
	seen = accepted(filter, names, nr + 1);
	if (!seen)
		return;
	snprintf(command, sizeof(command),
		 "in /etc/lvm/lvm.conf, section devices, add to global_filter: \"r|^%.200s$|\"; update-initramfs -u",
		 disk->path);
	dmrl_doctor_note(d, FILTER, system, command,
			 "LVM looks for volume groups on home %.200s of disk %s: it activates the guest's while the system is not attached, as at boot",
			 disk->path, disk->name);
}

void dmrl_doctor_lvm_filter(struct dmrl_doctor *d)
{
	struct json_object *filter, *value;
	const struct dmreplica_conf *conf;
	bool scan_lvs = false;
	unsigned int disk;
	char path[64];
	size_t i;

	if (!dmrl_program_find("lvm", path, sizeof(path)) || !d->nr_confs || devices_file())
		return;
	if (lvm_value("devices/global_filter", &filter)) {
		dmrl_doctor_fault(d, FILTER, NULL, "lvmconfig --validate",
				  "LVM's configuration cannot be read, nor whether it keeps away from guests' disks");
		return;
	}
	if (!lvm_value("devices/scan_lvs", &value)) {
		scan_lvs = json_object_get_int(value);
		json_object_put(value);
	}
	/* all disks of a system have names of one form: the first is enough */
	for (i = 0; i < d->nr_confs; i++) {
		conf = &d->confs[i];
		if (conf->nr_disks && check_disk(d, filter, conf->name, conf->disks[0].name, "") &&
		    check_disk(d, filter, conf->name, conf->disks[0].name, "replica"))
			check_disk(d, filter, conf->name, conf->disks[0].name, "test");
		for (disk = 0; disk < conf->nr_disks; disk++)
			check_home(d, filter, conf->name, &conf->disks[disk], scan_lvs);
	}
	json_object_put(filter);
}
