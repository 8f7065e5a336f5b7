// SPDX-License-Identifier: GPL-2.0-only
/* A foreign signature over a superblock: another program uses the device. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "private.h"

/* Look only at the place of the superblocks: slots hold content of guests. */
static bool signature(const char *path, char *type, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	blkid_probe pr = fd < 0 ? NULL : blkid_new_probe();
	const char *text = NULL;
	bool found = false;

	if (pr && !blkid_probe_set_device(pr, fd, 0, DMR_SB_COPIES * DMR_SB_AREA)) {
		blkid_probe_enable_superblocks(pr, 1);
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE |
						      BLKID_SUBLKS_BADCSUM);
		blkid_probe_enable_partitions(pr, 1);
		blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC);
		found = !blkid_do_probe(pr);
		if (found && blkid_probe_lookup_value(pr, "TYPE", &text, NULL) &&
		    blkid_probe_lookup_value(pr, "PTTYPE", &text, NULL))
			text = "something";
		if (found)
			snprintf(type, size, "%s", text);
	}
	if (pr)
		blkid_free_probe(pr);
	if (fd >= 0)
		close(fd);
	return found;
}

/**
 * dmrl_foreign_check() - check that no foreign signature is on a store
 * @ctx: the context.
 * @store: the store, with a superblock in force.
 *
 * Return: 0, or 32773 and a message that names the signature.
 */
int dmrl_foreign_check(struct dmreplica *ctx, const struct dmreplica_store *store)
{
	char type[64];
	unsigned int i;

	for (i = 0; i < DMR_SB_COPIES && store->copy[i].valid; i++)
		;
	if (i == DMR_SB_COPIES || !signature(store->bdev.path, type, sizeof(type)))
		return 0;
	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
		  "store %s has a signature of %s over its superblock %c", store->bdev.path, type,
		  'A' + i);
	return dmrl_hint(ctx, "another program has taken the device; if it is to remain the store, wipefs removes the signature, and the next attach writes that superblock again");
}
