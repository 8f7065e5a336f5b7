// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generator of systemd: for each file in /etc/dm-replica/systems.d what attaches that system
 * at boot, or when its devices come later.  See dm-replica-generator(8).
 *
 * Only these files decide, never a store found on a device: a guest that owns a volume can
 * write a valid store there that names other devices of the host as homes.  So the files have
 * to be root's.
 *
 * Nothing here may delay or fail a boot: no I/O to devices, and a bad file is reported and
 * left out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

#define CONF_DIR	"/etc/dm-replica/systems.d"
#define UNIT_NAME_MAX	256	/* systemd's limit, with the NUL */
#define DEVICE_TIMEOUT	"90s"	/* of one device; a system is then attached with an error */

#ifndef UNIT_DIR
#define UNIT_DIR	"/lib/systemd/system"
#endif

static const char *out_dir;
static int failed;		/* exit status */

/* Early at boot there is no journal; it takes the kernel log over later. */
static void __attribute__((format(printf, 2, 3))) report(int level, const char *fmt, ...)
{
	char text[900], line[1000];
	va_list args;
	int fd = -1;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!strncmp(out_dir, "/run/systemd/", 13))
		fd = open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "dm-replica-generator: %s\n", text);
		return;
	}
	/* not dprintf(): it asks for the position, which this device refuses */
	snprintf(line, sizeof(line), "<%d>dm-replica-generator: %s\n", level, text);
	if (write(fd, line, strlen(line)) < 0)
		fputs(line, stderr);
	close(fd);
}

/* Make "UNIT-of-path.device".  Return: NULL, or the reason why there is no such unit. */
static const char *device_unit(const char *path, char out[UNIT_NAME_MAX])
{
	char plain[256], name[UNIT_NAME_MAX];
	const char *p = path;
	size_t n = 0, len;

	if (strncmp(path, "/dev/", 5))
		return "it is not below /dev";
	/* without empty components and "." */
	while (*(p += strspn(p, "/"))) {
		len = strcspn(p, "/");
		if (len == 2 && !strncmp(p, "..", 2))
			return "it has a component \"..\"";
		if (!(len == 1 && *p == '.'))
			n += snprintf(plain + n, sizeof(plain) - n, "%s%.*s", n ? "/" : "", (int)len, p);
		p += len;
	}
	if (!dmrl_unit_escape(plain, name, sizeof(name)) ||
	    strlen(name) + strlen(".device") >= UNIT_NAME_MAX)
		return "the name of its unit would be too long";
	strcat(strcpy(out, name), ".device");
	return NULL;
}

/* Make DIRECTORY of the output.  Return: false if that fails. */
static bool make_dir(const char *dir)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", out_dir, dir);
	if (!mkdir(path, 0755) || errno == EEXIST)
		return true;
	report(3, "cannot make %s: %s", path, strerror(errno));
	failed = 1;
	return false;
}

/* Begin a drop-in of @unit.  Return: NULL if that fails. */
static FILE *drop_in(const char *unit, const char *name)
{
	char path[1024], dir[UNIT_NAME_MAX + 2];
	FILE *f;

	snprintf(dir, sizeof(dir), "%s.d", unit);
	if (!make_dir(dir))
		return NULL;
	snprintf(path, sizeof(path), "%s/%s/%s", out_dir, dir, name);
	f = fopen(path, "we");
	if (f) {
		fprintf(f, "# Written by dm-replica-generator(8).\n");
		return f;
	}
	report(3, "cannot write %s: %s", path, strerror(errno));
	failed = 1;
	return NULL;
}

static void finish(FILE *f, const char *unit)
{
	bool bad = ferror(f);

	if (fclose(f) || bad) {
		report(3, "cannot write the drop-in of %s: %s", unit, strerror(errno));
		failed = 1;
	}
}

/* @unit wants @service. */
static void want(const char *unit, const char *service)
{
	char path[1024], dir[UNIT_NAME_MAX + 8];

	snprintf(dir, sizeof(dir), "%s.wants", unit);
	if (!make_dir(dir))
		return;
	snprintf(path, sizeof(path), "%s/%s/%s", out_dir, dir, service);
	if (symlink(UNIT_DIR "/dm-replica@.service", path) && errno != EEXIST) {
		report(3, "cannot make %s: %s", path, strerror(errno));
		failed = 1;
	}
}

/*
 * Let the service wait for a device, but not depend on it: systemd may lose sight of a device
 * that is in use, and must not detach a system for that.
 */
static void add_device(const struct dmreplica_conf *conf, FILE *f, const char *service,
		       const char *path)
{
	char unit[UNIT_NAME_MAX];
	const char *why = device_unit(path, unit);
	FILE *timeout;

	if (why) {
		report(5, "%s: %s is not waited for: %s", conf->file, path, why);
		return;
	}
	fprintf(f, "Wants=%s\nAfter=%s\n", unit, unit);
	timeout = drop_in(unit, "50-dm-replica.conf");
	if (timeout) {
		fprintf(timeout, "[Unit]\nJobRunningTimeoutSec=" DEVICE_TIMEOUT "\n");
		finish(timeout, unit);
	}
	if (conf->attach == DMREPLICA_CONF_ATTACH_BOOT)
		want(unit, service);
}

static void add_system(const struct dmreplica_conf *conf)
{
	char name[UNIT_NAME_MAX], service[UNIT_NAME_MAX + 32];
	unsigned int i;
	FILE *f;

	if (dmrl_unit_escape(conf->name, name, sizeof(name)))
		snprintf(service, sizeof(service), "dm-replica@%s.service", name);
	else
		*service = 0;
	if (!*service || strlen(service) >= UNIT_NAME_MAX) {
		report(4, "%s: system %s is not attached at boot: the name of its unit would be too long",
		       conf->file, conf->name);
		return;
	}
	f = drop_in(service, "50-devices.conf");
	if (!f)
		return;
	fprintf(f, "[Unit]\nSourcePath=%s\n", conf->file);
	add_device(conf, f, service, conf->store);
	for (i = 0; i < conf->nr_disks; i++)
		add_device(conf, f, service, conf->disks[i].path);
	finish(f, service);
	if (conf->attach == DMREPLICA_CONF_ATTACH_BOOT)
		want("dm-replica.target", service);
}

/* Has another user than root had no chance to write it? */
static bool is_ours(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return true;	/* the next step reports it */
	if ((!st.st_uid || st.st_uid == geteuid()) && !(st.st_mode & 022))
		return true;
	report(4, "%s: nothing of it is attached at boot, because others than root can write it: chown root, chmod go-w",
	       path);
	return false;
}

static int is_conf(const struct dirent *de)
{
	size_t len = strlen(de->d_name), end = strlen(DMRL_CONF_SUFFIX);

	return *de->d_name != '.' && len > end && !strcmp(de->d_name + len - end, DMRL_CONF_SUFFIX);
}

int main(int argc, char **argv)
{
	static struct dmreplica_conf conf;
	const char *dir = getenv("DM_REPLICA_CONFDIR");
	char file[sizeof(conf.file)], fault[DMRL_CONF_FAULT];
	struct dirent **list;
	int nr, i, err;

	if (argc != 4) {
		fprintf(stderr, "Usage: dm-replica-generator NORMAL-DIR EARLY-DIR LATE-DIR\n");
		return 64;
	}
	out_dir = argv[1];
	dir = dir && *dir ? dir : CONF_DIR;
	umask(022);
	nr = scandir(dir, &list, is_conf, alphasort);
	if (nr < 0 && errno != ENOENT)
		report(3, "cannot read %s: %s", dir, strerror(errno));
	if (nr <= 0 || !is_ours(dir))
		return 0;
	for (i = 0; i < nr; i++) {
		if ((size_t)snprintf(file, sizeof(file), "%s/%s", dir, list[i]->d_name) >= sizeof(file) ||
		    !is_ours(file))
			continue;
		err = dmrl_conf_parse(file, &conf, fault);
		if (!err)
			add_system(&conf);
		else
			report(4, "%s is left out: %s", file, err > 0 ? strerror(err) : fault);
	}
	return failed;
}
