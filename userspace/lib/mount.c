// SPDX-License-Identifier: GPL-2.0-only
/* Mounts: lines of mountinfo, and paths that lead through file systems. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "private.h"

/** dmrl_unescape() - undo the \ooo with which /proc writes blanks and backslashes in paths */
void dmrl_unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && isdigit(text[1]) && isdigit(text[2]) && isdigit(text[3])) {
			*out++ = (text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0');
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = 0;
}

/**
 * dmrl_mount_parse() - split a line of mountinfo
 * @line: the line; changed.
 * @mount: filled in, with pointers into @line.
 *
 * Return: false if it has no mount point.
 */
bool dmrl_mount_parse(char *line, struct dmrl_mount *mount)
{
	char *sep = strstr(line, " - "), *save = NULL;
	unsigned int maj, min;

	if (sscanf(line, "%*d %*d %u:%u", &maj, &min) != 2)
		return false;
	mount->dev = makedev(maj, min);
	mount->type = mount->source = NULL;
	if (sep) {
		*sep = 0;
		mount->type = strtok_r(sep + 3, " \n", &save);
		mount->source = strtok_r(NULL, " \n", &save);
	}
	save = NULL;
	strtok_r(line, " ", &save);	/* mount id */
	strtok_r(NULL, " ", &save);	/* parent */
	strtok_r(NULL, " ", &save);	/* major:minor */
	strtok_r(NULL, " ", &save);	/* root */
	mount->where = strtok_r(NULL, " ", &save);
	if (!mount->where)
		return false;
	dmrl_unescape(mount->where);
	if (mount->source)
		dmrl_unescape(mount->source);
	return true;
}

/* Does a file system of this type wait for a server, or for a mount of one? */
static bool waits_for_server(const char *type)
{
	static const char *const types[] = {
		"9p", "afs", "autofs", "beegfs", "ceph", "cifs", "coda", "fuse", "gfs2", "glusterfs",
		"gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs",
	};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(type, types[i]))
			return true;
	return !strncmp(type, "fuse.", 5);
}

/**
 * dmrl_path_may_hang() - does a path lead through a file system that waits for a server?
 * @path: an absolute path, as the kernel names it.
 *
 * stat() of a path hangs while the server of a file system on the way is unreachable.  The
 * file system at / does not count: with that all hangs.
 *
 * Return: true if so, or if the mounts cannot be read, or the path is not as the kernel names
 * paths.
 */
bool dmrl_path_may_hang(const char *path)
{
	struct dmrl_mount mount;
	char *line = NULL;
	size_t room = 0, n;
	bool hangs = false;
	FILE *f;

	if (*path != '/' || strstr(path, "/../"))
		return true;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return true;
	while (!hangs && getline(&line, &room, f) > 0) {
		if (!dmrl_mount_parse(line, &mount))
			continue;
		n = strlen(mount.where);
		hangs = n > 1 && !strncmp(path, mount.where, n) && (path[n] == '/' || !path[n]) &&
			mount.type && waits_for_server(mount.type);
	}
	free(line);
	fclose(f);
	return hangs;
}

/**
 * dmrl_path_device() - find the device of a path, without a wait for a server
 * @path: an absolute path, as the kernel names it.
 * @dev: set to its number.
 *
 * Return: false if it is no node of a block device, or may hang.
 */
bool dmrl_path_device(const char *path, dev_t *dev)
{
	struct stat st;

	if (dmrl_path_may_hang(path) || stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	*dev = st.st_rdev;
	return true;
}
