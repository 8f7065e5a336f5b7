// SPDX-License-Identifier: GPL-2.0-only
/* Files of the host that replicactl has itself: their directory, and their owner. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replicactl.h"

const char *run_dir(void)
{
	const char *run = getenv("DM_REPLICA_RUNDIR");

	return run && *run ? run : "/run/dm-replica";
}

const char *owner_fault(const struct stat *st)
{
	if (st->st_uid && st->st_uid != geteuid())
		return "it is not owned by root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others than its owner may write it";
	return NULL;
}
