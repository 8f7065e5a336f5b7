// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of emulated TPMs, in the directory that libvirt and swtpm have for it, by the UUID of the
 * domain.  The directories are other users' in part: no link is followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

#define TPM_DIR		"/var/lib/libvirt/swtpm"
#define QEMU_CONF	"/etc/libvirt/qemu.conf"
#define USER		"tss"			/* libvirt's default */
#define SUFFIX		".permall"		/* state that outlives a start */
#define VOLATILE	".volatilestate"	/* and of one start, which is another's */
#define MARK		".dm-replica-test"	/* beside the state of a rehearsal */

static const char *const versions[] = { "tpm2", "tpm1.2" };

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && !strcmp(text + n - m, end);
}

bool tpm_is_emulated(xmlNodePtr domain)
{
	return xml_is(xml_below(domain, "devices/tpm/backend"), "type", "emulator");
}

/* A name that swtpm gives: it is a word in an index, and the directory is another user's. */
bool tpm_is_state(const char *name)
{
	return !strncmp(name, "tpm", 3) && ends_with(name, SUFFIX) && strlen(name) < 64 &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.")];
}

static bool is_plain(const char *uuid)
{
	return *uuid && *uuid != '.' && !strchr(uuid, '/');
}

/* A setting of libvirt for QEMU; "" without it. */
static void setting(const char *key, char *value, size_t size)
{
	char path[PATH_MAX], line[512], name[64], text[64];
	FILE *f;

	*value = 0;
	snprintf(path, sizeof(path), "%s" QEMU_CONF, device_root());
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %63[a-z_] = \"%63[^\"]\"", name, text) == 2 && !strcmp(name, key))
			snprintf(value, size, "%s", text);
	if (f)
		fclose(f);
}

/*
 * The user that swtpm runs as.  libvirt gives it the directory at a start, but no file that is
 * there before it: the guest would not start.
 */
static bool owner(uid_t *uid, gid_t *gid)
{
	char user[64], group[64];
	const struct passwd *pw;
	const struct group *gr;

	setting("swtpm_user", user, sizeof(user));
	setting("swtpm_group", group, sizeof(group));
	pw = *user == '+' ? NULL : getpwnam(*user ? user : USER);
	if (!pw && *user != '+')
		return false;
	*uid = pw ? pw->pw_uid : (uid_t)strtoul(user + 1, NULL, 10);
	gr = *group && *group != '+' ? getgrnam(group) : NULL;
	*gid = gr ? gr->gr_gid : *group == '+' ? (gid_t)strtoul(group + 1, NULL, 10) :
	       pw ? pw->pw_gid : *uid;
	return true;
}

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_base(bool make)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" TPM_DIR, device_root());
	if (make)
		mkdir(path, 0711);	/* as libvirt, before the first guest with a TPM */
	return open_dir(AT_FDCWD, path);
}

/**
 * tpm_open() - open the directory of a TPM's state
 * @uuid: of the domain.
 * @file: name of a file of it, which shows the version.
 * @make: make what is missing.
 *
 * Return: a descriptor; -1 with errno.
 */
int tpm_open(const char *uuid, const char *file, bool make)
{
	const char *version = versions[strncmp(file, "tpm2", 4) != 0];
	int base = is_plain(uuid) ? open_base(make) : -1, dir, fd;
	uid_t uid;
	gid_t gid;

	if (make && base >= 0)
		mkdirat(base, uuid, 0711);
	dir = base < 0 ? -1 : open_dir(base, uuid);
	if (make && dir >= 0 && !mkdirat(dir, version, 0700) && !geteuid() && owner(&uid, &gid) &&
	    fchownat(dir, version, uid, gid, AT_SYMLINK_NOFOLLOW))
		fd = -1;
	else
		fd = dir < 0 ? -1 : open_dir(dir, version);
	if (dir >= 0)
		close(dir);
	if (base >= 0)
		close(base);
	return fd;
}

/**
 * tpm_each() - call a function for each file of a TPM's state
 * @uuid: of the domain.
 * @fn: gets the directory and the name; anything but 0 ends it.
 * @arg: for it.
 *
 * Return: what @fn has returned.
 */
int tpm_each(const char *uuid, int (*fn)(void *arg, int dir, const char *name), void *arg)
{
	struct dirent *entry;
	unsigned int i, nr = 0;
	int code = 0, fd;
	DIR *names;

	for (i = 0; i < 2 && !code; i++) {
		fd = tpm_open(uuid, i ? "tpm-" : "tpm2-", false);
		names = fd < 0 ? NULL : fdopendir(dup(fd));
		while (names && !code && (entry = readdir(names)))
			if (tpm_is_state(entry->d_name) && nr++ < TPM_FILES)
				code = fn(arg, fd, entry->d_name);
		if (names)
			closedir(names);
		if (fd >= 0)
			close(fd);
	}
	return code;
}

/* Remove the files of a directory that end so. */
static void remove_files(int dir, const char *end)
{
	DIR *names = fdopendir(dup(dir));
	struct dirent *entry;

	while (names && (entry = readdir(names)))
		if (!*end || ends_with(entry->d_name, end))
			unlinkat(dir, entry->d_name, 0);
	if (names)
		closedir(names);
}

/**
 * tpm_put() - put one file of a TPM's state in place
 * @uuid: of the domain.
 * @name: of the file.
 * @data: its content.
 * @bytes: of it.
 *
 * State of a start that is over goes: it is of another time.
 *
 * Return: false with errno.
 */
bool tpm_put(const char *uuid, const char *name, const char *data, size_t bytes)
{
	int dir = tpm_open(uuid, name, true), error;
	bool good = dir >= 0 && file_put(dir, name, data, bytes);

	error = errno;
	if (good)
		remove_files(dir, VOLATILE);
	if (dir >= 0)
		close(dir);
	errno = error;
	return good;
}

/*
 * A rehearsal has state of its own, under the UUID of its domain, which is a new one each time.
 * libvirt removes it at the end of a transient domain; a crash of the host leaves it, with a file
 * beside it that has the system's UUID.
 */
bool tpm_mark_test(const char *uuid, const struct dmreplica_system *sys)
{
	int base = open_base(true), dir;
	char text[DMREPLICA_UUID_TEXT];
	bool good;

	if (base >= 0)
		mkdirat(base, uuid, 0711);
	dir = base < 0 ? -1 : open_dir(base, uuid);
	dmreplica_uuid_text(sys->uuid, text);
	good = dir >= 0 && file_put(dir, MARK, text, strlen(text));
	if (dir >= 0)
		close(dir);
	if (base >= 0)
		close(base);
	return good;
}

static bool is_test(int dir, const struct dmreplica_system *sys)
{
	char text[DMREPLICA_UUID_TEXT], wanted[DMREPLICA_UUID_TEXT];
	const char *why;
	int fd = kept_source(dir, MARK, sizeof(text) - 1, &why);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	dmreplica_uuid_text(sys->uuid, wanted);
	return n == (ssize_t)strlen(wanted) && !memcmp(text, wanted, n);
}

static void remove_test(int base, const char *name, int dir)
{
	bool all = true;
	unsigned int i;
	int fd;

	for (i = 0; i < 2; i++) {
		fd = open_dir(dir, versions[i]);
		if (fd < 0)
			continue;
		remove_files(fd, "");
		close(fd);
		all &= !unlinkat(dir, versions[i], AT_REMOVEDIR);
	}
	/* The mark last: what cannot be removed now is found again. */
	if (all && !unlinkat(dir, MARK, 0) && !unlinkat(base, name, AT_REMOVEDIR))
		printf("removed: " TPM_DIR "/%s\n", name);
}

/* Remove what rehearsals of a system have left. */
void tpm_remove_tests(const struct dmreplica_system *sys)
{
	int base = open_base(false), dir;
	DIR *names = base < 0 ? NULL : fdopendir(dup(base));
	struct dirent *entry;

	while (names && (entry = readdir(names))) {
		dir = *entry->d_name == '.' ? -1 : open_dir(base, entry->d_name);
		if (dir < 0)
			continue;
		if (is_test(dir, sys))
			remove_test(base, entry->d_name, dir);
		close(dir);
	}
	if (names)
		closedir(names);
	if (base >= 0)
		close(base);
}
