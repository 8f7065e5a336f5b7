// SPDX-License-Identifier: GPL-2.0-only
/*
 * Record accepted homes in the store, so that later attaches accept them, too.
 *
 * User space writes a superblock with the next number over the copy that is not in force
 * (R3), while it has claimed the store, which is not attached.  To the module it is like
 * any superblock written before an attach.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

static int write_super(struct dmreplica *ctx, const struct dmreplica_store *store,
		       const struct dmr_sb *sb)
{
	u64 offset = (u64)sb->copy * DMR_SB_AREA;
	size_t done = 0, bytes;
	ssize_t n = 0;
	void *buf;
	int fd, err = 0;

	if (posix_memalign(&buf, DMR_BLOCK_SIZE, DMR_SB_AREA))
		return dmrl_no_memory(ctx);
	bytes = dmr_sb_encode(sb, buf);
	fd = open(store->bdev.path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		free(buf);
		return dmrl_fail_errno(ctx, err, "cannot write store %s", store->bdev.path);
	}
	while (done < bytes && !err) {
		n = pwrite(fd, (char *)buf + done, bytes - done, offset + done);
		if (n > 0)
			done += n;
		else if (n == 0 || errno != EINTR)
			err = n ? errno : EIO;
	}
	if (!err && fsync(fd))
		err = errno;
	close(fd);
	free(buf);
	return err ? dmrl_fail(ctx, DM_REPLICA_CODE_UNKNOWN, "cannot write store %s: %s",
			       store->bdev.path, strerror(err)) : 0;
}

/**
 * dmrl_record_homes() - record accepted homes as the homes of the system
 * @ctx: the context.
 * @store: the store, claimed.
 * @homes: the home of each disk.
 * @accepted: homes that the user accepts; no other is recorded.
 * @seq: set to the new sequence number.
 *
 * Return: 0 or a refusal; after 32771 the homes may be recorded or not.
 */
int dmrl_record_homes(struct dmreplica *ctx, struct dmreplica_store *store,
		      const struct dmreplica_blockdev *homes,
		      const struct dmrl_accepted *accepted, u64 *seq)
{
	const struct dmr_sb *old = store->super;
	struct dmr_disk_info *disk;
	struct dmr_sb *sb;
	const char *fault;
	bool any = false;
	unsigned int i;
	int code = 0;

	*seq = old->seq;
	sb = malloc(sizeof(*sb));
	if (!sb)
		return dmrl_no_memory(ctx);
	memcpy(sb, old, sizeof(*sb));
	for (i = 0; i < sb->nr_disks; i++) {
		disk = &sb->disks[i];
		if (!dmrl_home_accepted(accepted, disk->name))
			continue;
		if (disk->identity_type == homes[i].identity_type &&
		    !strcmp(disk->identity, homes[i].identity))
			continue;
		any = true;
		disk->identity_type = homes[i].identity_type;
		memset(disk->identity, 0, sizeof(disk->identity));
		snprintf(disk->identity, sizeof(disk->identity), "%s", homes[i].identity);
	}
	sb->seq++;
	sb->copy = !sb->copy;
	fault = any ? dmr_sb_validate(sb) : NULL;
	if (fault)
		code = dmrl_fail(ctx, DM_REPLICA_CODE_FAILED,
				 "the superblock would not be valid: %s", fault);
	else if (any)
		code = write_super(ctx, store, sb);
	if (any && !code)
		*seq = sb->seq;
	free(sb);
	return code;
}
