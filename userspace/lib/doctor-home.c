// SPDX-License-Identifier: GPL-2.0-only
/* Homes: what LVM or md has made of a guest's content, and homes that cannot be recognized. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "doctor.h"

#define IN_USE		DMREPLICA_DOCTOR_HOME_IN_USE
#define IDENTITY	DMREPLICA_DOCTOR_HOME_IDENTITY

struct home {
	const char *system;
	const struct dmreplica_conf_disk *disk;
};

/* A device that is stacked on a home, by its name in /sys/block. */
static void stacked(struct dmrl_doctor *d, const struct home *home, const char *holder)
{
	char path[700], uuid[160], name[160], vg[160], command[400], what[200];

	dmrl_root_path(path, sizeof(path), "/sys/block/%.200s/dm/uuid", holder);
	if (dmrl_sysfs_read(path, uuid, sizeof(uuid)))
		uuid[0] = 0;
	if (!strncmp(uuid, "DMREPLICA-", 10))
		return;
	dmrl_root_path(path, sizeof(path), "/sys/block/%.200s/dm/name", holder);
	if (dmrl_sysfs_read(path, name, sizeof(name)))
		name[0] = 0;
	dmrl_root_path(path, sizeof(path), "/sys/block/%.200s/md", holder);
	if (!strncmp(uuid, "LVM-", 4) && dmrl_dm_volume_group(name, vg, sizeof(vg))) {
		snprintf(what, sizeof(what), "logical volume %s", name);
		snprintf(command, sizeof(command), "vgchange -an %s", vg);
	} else if (!access(path, F_OK)) {
		snprintf(what, sizeof(what), "array /dev/%.100s", holder);
		snprintf(command, sizeof(command), "mdadm --stop /dev/%.100s", holder);
	} else if (*name) {
		snprintf(what, sizeof(what), "device /dev/mapper/%s", name);
		snprintf(command, sizeof(command), "dmsetup remove %s", name);
	} else {
		snprintf(what, sizeof(what), "device /dev/%.100s", holder);
		snprintf(command, sizeof(command), "lsblk /dev/%.100s", holder);
	}
	dmrl_doctor_fault(d, IN_USE, home->system, command,
			  "home %s of disk %s is in use by %s, active on this host: the system cannot be attached, and writes to it damage the replica",
			  home->disk->path, home->disk->name, what);
}

static void look_at_holders(struct dmrl_doctor *d, const struct home *home, dev_t dev)
{
	char path[700];
	struct dirent *de;
	DIR *dir;

	dmrl_root_path(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	dir = opendir(path);
	if (!dir)
		return;
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.')
			stacked(d, home, de->d_name);
	closedir(dir);
}

static void look_at_home(struct dmrl_doctor *d, const struct home *home)
{
	unsigned int nr, i;
	dev_t dev, disk, *all;

	if (!dmrl_root_device(home->disk->path, &dev))
		return;
	/* The disk of a partition is others' as well; the partitions of a disk are the home's. */
	if (dmrl_relatives_disk(dev, &disk)) {
		look_at_holders(d, home, dev);
		return;
	}
	if (dmrl_relatives(d->ctx, &dev, 1, &all, &nr)) {
		d->no_memory = true;
		return;
	}
	for (i = 0; i < nr; i++)
		look_at_holders(d, home, all[i]);
	free(all);
}

void dmrl_doctor_home_in_use(struct dmrl_doctor *d)
{
	struct home home;
	unsigned int i;
	size_t c;

	for (c = 0; c < d->nr_confs; c++) {
		for (i = 0; i < d->confs[c].nr_disks; i++) {
			home.system = d->confs[c].name;
			home.disk = &d->confs[c].disks[i];
			look_at_home(d, &home);
		}
	}
}

/* The path of a disk's home in the file, or "". */
static const char *path_of(const struct dmreplica_conf *conf, const char *disk)
{
	unsigned int i;

	for (i = 0; i < conf->nr_disks; i++)
		if (!strcmp(conf->disks[i].name, disk))
			return conf->disks[i].path;
	return "";
}

static void look_at_store(struct dmrl_doctor *d, const struct dmreplica_conf *conf)
{
	const struct dmr_disk_info *disk;
	struct dmreplica_store *store;
	const struct dmr_sb *sb;
	char command[300];
	unsigned int i;

	if (dmrl_store_open_super(d->ctx, conf->store, &store, &sb)) {
		snprintf(command, sizeof(command), "replicactl check %s", conf->name);
		dmrl_doctor_note(d, IDENTITY, conf->name, command,
				 "the store cannot be read, nor how homes are recognized: %s",
				 dmreplica_message(d->ctx));
		return;
	}
	for (i = 0; i < sb->nr_disks; i++) {
		disk = &sb->disks[i];
		if (disk->identity_type != DMR_IDENTITY_NONE &&
		    disk->identity_type != DMR_IDENTITY_PATH)
			continue;
		snprintf(command, sizeof(command),
			 "give it one (a logical volume, or a GPT partition); replicactl attach %s --accept-homes=%s",
			 conf->name, disk->name);
		dmrl_doctor_fault(d, IDENTITY, conf->name, command,
				  "home %s of disk %s has no identity of its own: any device under its path is taken for it",
				  path_of(conf, disk->name), disk->name);
	}
	dmreplica_store_close(store);
}

void dmrl_doctor_home_identity(struct dmrl_doctor *d)
{
	size_t i;

	for (i = 0; i < d->nr_confs; i++)
		look_at_store(d, &d->confs[i]);
}
