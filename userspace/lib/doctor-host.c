// SPDX-License-Identifier: GPL-2.0-only
/* The host's side: the module, the udev rule, directories of hooks, libvirt's hook. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

#define MODULE	DMREPLICA_DOCTOR_MODULE
#define UDEV	DMREPLICA_DOCTOR_UDEV_RULE
#define HOOKS	DMREPLICA_DOCTOR_HOOKS
#define LIBVIRT	DMREPLICA_DOCTOR_LIBVIRT_HOOK
#define RELOAD	"stop the guests; replicactl detach --all; modprobe -r dm-replica; replicactl attach --all"

static bool there(const char *path)
{
	char full[1024];

	return !access(dmrl_root_path(full, sizeof(full), "%s", path), F_OK);
}

/* Modules of 6.1 and later have a srcversion if they have a version, as ours does. */
static int installed(char *srcversion, size_t size)
{
	char root[512];
	char *argv[] = { "modinfo", "-b", root, "-F", "srcversion", "dm-replica", NULL };

	snprintf(root, sizeof(root), "%s", *dmrl_root() ? dmrl_root() : "/");
	return dmrl_program_run(argv, srcversion, size);
}

void dmrl_doctor_module(struct dmrl_doctor *d)
{
	const size_t len = strlen(DMREPLICA_VERSION);
	char path[512], loaded[64], file[64];
	struct dmreplica_versions v;

	dmreplica_versions(d->ctx, &v);
	if (v.module_family && v.module_family != v.family)
		dmrl_doctor_fault(d, MODULE, NULL, "install tool and module of one version; " RELOAD,
				  "the loaded module has version %u of the netlink family, this tool %u: some operations are refused",
				  v.module_family, v.family);
	else if (*v.module && (strncmp(v.module, DMREPLICA_VERSION, len) ||
			       (v.module[len] && v.module[len] != '.')))
		dmrl_doctor_note(d, MODULE, NULL, "install tool and module of one version; " RELOAD,
				 "the loaded module has version %s, this tool %s", v.module,
				 DMREPLICA_VERSION);
	if (installed(file, sizeof(file))) {
		dmrl_doctor_fault(d, MODULE, NULL,
				  "dkms autoinstall, or in the sources: make && sudo make install",
				  "module dm-replica is not installed for the running kernel: after a reboot no system can be attached");
		return;
	}
	dmrl_root_path(path, sizeof(path), "/sys/module/dm_replica/srcversion");
	if (*file && !dmrl_sysfs_read(path, loaded, sizeof(loaded)) && strcmp(loaded, file))
		dmrl_doctor_fault(d, MODULE, NULL, RELOAD,
				  "another module than the loaded one is installed (srcversion %s, loaded %s): pending until it is loaded anew",
				  file, loaded);
}

/* The rule's file with the highest precedence of udev's directories.  Return: @path or NULL. */
static const char *rule(char *path, size_t size)
{
	static const char *const dirs[] = {
		"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
		"/usr/lib/udev/rules.d", "/lib/udev/rules.d",
	};
	const char *found = NULL;
	char pattern[512];
	unsigned int i;
	glob_t files;

	for (i = 0; i < ARRAY_SIZE(dirs) && !found; i++) {
		dmrl_root_path(pattern, sizeof(pattern), "%s/[0-9]*-dm-replica.rules", dirs[i]);
		if (!glob(pattern, 0, NULL, &files)) {
			snprintf(path, size, "%s", files.gl_pathv[0] + strlen(dmrl_root()));
			found = path;
		}
		globfree(&files);
	}
	return found;
}

bool dmrl_doctor_masked(const char *path)
{
	char full[1024], target[64] = "";
	struct stat st;

	dmrl_root_path(full, sizeof(full), "%s", path);
	if (readlink(full, target, sizeof(target) - 1) > 0 && !strcmp(target, "/dev/null"))
		return true;
	return !stat(full, &st) && !st.st_size;
}

/* The rule makes a link for each device; without it, or applied later, there is none. */
static void check_links(struct dmrl_doctor *d, const struct dmreplica_system *sys)
{
	char path[512], command[512], device[256];
	struct dmreplica_disk *disks;
	size_t nr, i;

	if (!sys->attached || dmreplica_disk_list(d->ctx, sys, &disks, &nr))
		return;
	for (i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "/dev/dm-replica/%s/%s", sys->name, disks[i].name);
		if (there(path) || !(disks[i].live_major || disks[i].live_minor))
			continue;
		dmreplica_device_path(disks[i].live_major, disks[i].live_minor, device,
				      sizeof(device));
		snprintf(command, sizeof(command),
			 "udevadm control --reload; udevadm trigger --action=change --name-match=%.200s",
			 device);
		dmrl_doctor_fault(d, UDEV, sys->name, command,
				  "%s is missing: udev has not applied the rule to disk %s, and may have probed what the guest wrote there",
				  path, disks[i].name);
	}
	free(disks);
}

void dmrl_doctor_udev_rule(struct dmrl_doctor *d)
{
	char path[512], command[600];
	size_t i;

	if (!rule(path, sizeof(path))) {
		dmrl_doctor_fault(d, UDEV, NULL,
				  "install 56-dm-replica.rules (package replicactl); udevadm control --reload",
				  "udev has no rule for the devices of dm-replica: a dmsetup resume by hand shows guests' file systems to the host");
		return;
	}
	if (dmrl_doctor_masked(path)) {
		snprintf(command, sizeof(command), "rm %s; udevadm control --reload", path);
		dmrl_doctor_fault(d, UDEV, NULL, command, "udev's rule is masked by %s", path);
		return;
	}
	if (!there("/run/udev/control")) {
		dmrl_doctor_fault(d, UDEV, NULL, "systemctl restart systemd-udevd",
				  "udevd does not run: devices get neither links nor their protection");
		return;
	}
	for (i = 0; i < d->nr_systems; i++)
		check_links(d, &d->systems[i]);
}

/* The user that may own hooks: root, or the owner of a test's tree. */
static uid_t owner(void)
{
	struct stat st;

	return *dmrl_root() && !stat(dmrl_root(), &st) ? st.st_uid : 0;
}

/* Can root alone change a file or directory?  Report it if not. */
static bool safe(struct dmrl_doctor *d, const char *path, const struct stat *st)
{
	char command[600];

	if (st->st_uid == owner() && !(st->st_mode & (S_IWGRP | S_IWOTH)))
		return true;
	snprintf(command, sizeof(command), "chown root %s; chmod go-w %s", path, path);
	dmrl_doctor_fault(d, HOOKS, NULL, command,
			  "%s can be changed by others than root: %s run", path,
			  S_ISDIR(st->st_mode) ? "no hook in it is" : "it is not");
	return false;
}

static void check_hook(struct dmrl_doctor *d, const char *dir, const char *name)
{
	char path[600], full[1200], command[700];
	const char *event, *why;
	struct stat st;

	event = dmreplica_hook_event(name, &why);
	if (!event && !why)
		return;
	snprintf(path, sizeof(path), "%.300s/%.255s", dir, name);
	dmrl_root_path(full, sizeof(full), "%s", path);
	if (stat(full, &st)) {
		snprintf(command, sizeof(command), "rm %s", path);
		dmrl_doctor_fault(d, HOOKS, NULL, command, "hook %s leads to no file", path);
		return;
	}
	/* A link to /dev/null masks a hook of the packages. */
	if (S_ISCHR(st.st_mode) || !safe(d, path, &st))
		return;
	if (!event) {
		snprintf(command, sizeof(command), "mv %s %s/EVENT-NAME", path, dir);
		dmrl_doctor_note(d, HOOKS, NULL, command, "%s is not run: %s", path, why);
	} else if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR)) {
		snprintf(command, sizeof(command), "chmod +x %s", path);
		dmrl_doctor_note(d, HOOKS, NULL, command, "hook %s is not executable: it is not run",
				 path);
	}
}

void dmrl_doctor_hooks(struct dmrl_doctor *d)
{
	static const char *const dirs[] = { "/etc/dm-replica/hooks.d", "/usr/lib/dm-replica/hooks.d" };
	char full[1024], command[512];
	struct dirent *de;
	struct stat st;
	unsigned int i;
	DIR *dir;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		dmrl_root_path(full, sizeof(full), "%s", dirs[i]);
		if (stat(full, &st))
			continue;
		if (!S_ISDIR(st.st_mode)) {
			snprintf(command, sizeof(command), "rm %s; mkdir -m 0755 %s", dirs[i], dirs[i]);
			dmrl_doctor_fault(d, HOOKS, NULL, command, "%s is no directory", dirs[i]);
			continue;
		}
		if (!safe(d, dirs[i], &st))
			continue;
		dir = opendir(full);
		if (!dir) {
			dmrl_doctor_note(d, HOOKS, NULL, "sudo replicactl doctor", "%s cannot be read: %s",
					 dirs[i], strerror(errno));
			continue;
		}
		while ((de = readdir(dir)))
			check_hook(d, dirs[i], de->d_name);
		closedir(dir);
	}
}

/*
 * libvirt runs each executable of qemu.d before it starts a guest.  Its AppArmor profile lets
 * it execute real files there, and programs of /usr/sbin, but no link into another directory.
 */
void dmrl_doctor_libvirt_hook(struct dmrl_doctor *d)
{
	const char *path = "/etc/libvirt/hooks/qemu.d/50-dm-replica";
	char full[1024], command[512];
	struct stat st;

	if (!there("/usr/sbin/libvirtd") && !there("/usr/sbin/virtqemud"))
		return;
	if (lstat(dmrl_root_path(full, sizeof(full), "%s", path), &st)) {
		dmrl_doctor_note(d, LIBVIRT, NULL,
				 "install package dm-replica-libvirt, where there is one; systemctl reload libvirtd",
				 "libvirt has no hook %s: it starts guests on replicas and on homes", path);
		return;
	}
	if (!there("/usr/sbin/replicactl-domain"))
		dmrl_doctor_fault(d, LIBVIRT, NULL, "install package dm-replica-libvirt",
				  "libvirt's hook lets all guests start: /usr/sbin/replicactl-domain is missing");
	if (S_ISREG(st.st_mode) && st.st_mode & S_IXUSR)
		return;
	if (S_ISREG(st.st_mode))
		snprintf(command, sizeof(command), "chmod 0755 %s; systemctl reload libvirtd", path);
	else
		snprintf(command, sizeof(command),
			 "rm %s; apt-get --reinstall install dm-replica-libvirt; systemctl reload libvirtd",
			 path);
	dmrl_doctor_fault(d, LIBVIRT, NULL, command, "libvirt cannot run its hook %s: it is %s", path,
			  S_ISREG(st.st_mode) ? "not executable" : "no plain file");
}
