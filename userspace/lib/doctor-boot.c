// SPDX-License-Identifier: GPL-2.0-only
/* systemd's side: what attaches systems at boot. */
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

#define BOOT	DMREPLICA_DOCTOR_BOOT
#define INSTALL	"install package replicactl, or in the sources: make && sudo make install-tools; systemctl daemon-reload"

/* Directories of units, by precedence; and those of generators. */
static const char *const units[] = {
	"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system", NULL
};
static const char *const generators[] = {
	"/run/systemd/system-generators", "/etc/systemd/system-generators",
	"/usr/local/lib/systemd/system-generators", "/usr/lib/systemd/system-generators",
	"/lib/systemd/system-generators", NULL
};

/* Return: whether a file that matches @pattern is in one of @dirs, and is not masked. */
static bool is_in(const char *const *dirs, const char *pattern)
{
	bool found = false, hidden = false;
	char full[1024];
	glob_t files;

	for (; *dirs && !found; dirs++) {
		dmrl_root_path(full, sizeof(full), "%s/%s", *dirs, pattern);
		if (!glob(full, 0, NULL, &files)) {
			found = true;
			hidden = dmrl_doctor_masked(files.gl_pathv[0] + strlen(dmrl_root()));
		}
		globfree(&files);
	}
	return found && !hidden;
}

/* The generator reads the files at boot and at a daemon-reload. */
static void generated(struct dmrl_doctor *d, const struct dmreplica_conf *conf)
{
	char name[256], path[512];
	struct stat st;

	if (!dmrl_unit_escape(conf->name, name, sizeof(name)))
		return;
	dmrl_root_path(path, sizeof(path),
		       "/run/systemd/generator/dm-replica.target.wants/dm-replica@%s.service", name);
	if (lstat(path, &st))
		dmrl_doctor_note(d, BOOT, conf->name, "systemctl daemon-reload",
				 "systemd does not know %s: the file is newer than what systemd has read, or others than root can change it",
				 conf->file);
}

void dmrl_doctor_boot(struct dmrl_doctor *d)
{
	char path[512];
	bool boot = false;
	size_t i;

	if (access(dmrl_root_path(path, sizeof(path), "/run/systemd/system"), F_OK))
		return;
	for (i = 0; i < d->nr_confs; i++)
		boot |= d->confs[i].attach == DMREPLICA_CONF_ATTACH_BOOT;
	if (!is_in(units, "dm-replica@.service") || !is_in(generators, "dm-replica-generator")) {
		dmrl_doctor_fault(d, BOOT, NULL, INSTALL,
				  "systemd has not the unit and the generator of dm-replica: no system is attached at boot, nor detached at shutdown");
		return;
	}
	/* By what is there, not by a number: a backport is as good. */
	if (!is_in(units, "modprobe@.service") &&
	    access(dmrl_root_path(path, sizeof(path), "/etc/modules-load.d/dm-replica.conf"), F_OK))
		dmrl_doctor_fault(d, BOOT, NULL,
				  "echo dm-replica >/etc/modules-load.d/dm-replica.conf; systemctl restart systemd-modules-load",
				  "systemd has no modprobe@.service (it is older than 245?): the unit of a system cannot load the module");
	if (!boot)
		return;
	if (!is_in(units, "*.wants/dm-replica.target") && !is_in(units, "*.requires/dm-replica.target"))
		dmrl_doctor_fault(d, BOOT, NULL, "systemctl enable dm-replica.target",
				  "dm-replica.target is not enabled: a boot does not wait for the systems, and their guests may be started before them");
	for (i = 0; i < d->nr_confs; i++)
		if (d->confs[i].attach == DMREPLICA_CONF_ATTACH_BOOT)
			generated(d, &d->confs[i]);
}
