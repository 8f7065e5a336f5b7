// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root of sysfs and of the host's files.  Tests have a tree of plain files in its place,
 * which DM_REPLICA_ROOT names; a device node there is a file with "MAJOR:MINOR" in it.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "private.h"

/** dmrl_root() - prefix of paths.  Return: "", or the directory of a test. */
const char *dmrl_root(void)
{
	const char *root = secure_getenv("DM_REPLICA_ROOT");

	return root ? root : "";
}

/** dmrl_root_path() - make a path of the host.  Return: @out. */
char *dmrl_root_path(char *out, size_t size, const char *fmt, ...)
{
	int n = snprintf(out, size, "%s", dmrl_root());
	va_list args;

	va_start(args, fmt);
	if (n >= 0 && (size_t)n < size)
		vsnprintf(out + n, size - n, fmt, args);
	va_end(args);
	return out;
}

/** dmrl_root_device() - find the device that a path leads to.  Return: false without one. */
bool dmrl_root_device(const char *path, dev_t *dev)
{
	unsigned int maj, min;
	char full[1024], number[32];
	struct stat st;

	if (stat(dmrl_root_path(full, sizeof(full), "%s", path), &st))
		return false;
	if (S_ISBLK(st.st_mode)) {
		*dev = st.st_rdev;
		return true;
	}
	if (!*dmrl_root() || dmrl_sysfs_read(full, number, sizeof(number)) ||
	    sscanf(number, "%u:%u", &maj, &min) != 2)
		return false;
	*dev = makedev(maj, min);
	return true;
}
