// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a removal, after the kernel has moved everything home and recorded that in
 * the store (state Disabled).  Remove devices, store and file in this order, so that an
 * interrupted removal can be continued: the superblock in force is overwritten last, so
 * the store shows Disabled until it is blank; and the file is deleted last, because
 * without it the system is not found any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

static bool is_decided(u32 state, bool removing)
{
	return state == DM_REPLICA_STATE_DISABLED && !removing;
}

static bool is_blank(const struct dmreplica_store *store)
{
	static const u8 zero[DMR_SB_MAX];
	unsigned int i;

	for (i = 0; i < DMR_SB_COPIES; i++)
		if (!store->copy[i].readable || memcmp(store->raw[i], zero, sizeof(zero)))
			return false;
	return true;
}

static int stage_of_store(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  struct dmreplica_store *store, enum dmreplica_removal *stage)
{
	const struct dmr_sb *sb;
	int code;

	*stage = DMREPLICA_REMOVAL_NONE;
	if (is_blank(store)) {
		*stage = DMREPLICA_REMOVAL_WIPED;
		return 0;
	}
	code = dmreplica_store_super(ctx, store, &sb);
	if (code)
		return code;
	if (memcmp(sb->system_uuid, sys->uuid, 16))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "store %s belongs to another system, %s", sys->store, sb->name);
	/* the store that the kernel reported, or a copy of it? */
	if (sys->read && memcmp(sb->store_uuid, sys->store_uuid, 16))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "store %s is not the one that system %s had", sys->store, sys->name);
	if (is_decided(sb->state, sb->flags & DMR_SB_REMOVING))
		*stage = DMREPLICA_REMOVAL_DECIDED;
	return 0;
}

int dmreplica_removal(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      enum dmreplica_removal *stage)
{
	struct dmreplica_store *store;
	int code;

	dmrl_clear(ctx);
	*stage = DMREPLICA_REMOVAL_NONE;
	if (sys->attached) {
		if (is_decided(sys->state, sys->flags & DM_REPLICA_SYSTEM_FLAGS_REMOVING))
			*stage = DMREPLICA_REMOVAL_DECIDED;
		return 0;
	}
	code = dmreplica_store_open(ctx, sys->store, &store);
	if (code)
		return code;
	code = stage_of_store(ctx, sys, store, stage);
	dmreplica_store_close(store);
	return code;
}

static int wipe_copy(struct dmreplica *ctx, struct dmreplica_store *store, unsigned int copy)
{
	off_t offset = (off_t)copy * DMR_SB_AREA;
	size_t left = DMR_SB_AREA;
	ssize_t n;

	/* the store's buffer is aligned for direct I/O */
	memset(store->device.buf, 0, DMR_SB_AREA);
	while (left) {
		n = pwrite(store->fd, store->device.buf, left, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return dmrl_fail_errno(ctx, n ? errno : EIO, "cannot write store %s",
					       store->bdev.path);
		offset += n;
		left -= n;
	}
	if (fsync(store->fd))
		return dmrl_fail_errno(ctx, errno, "cannot write store %s", store->bdev.path);
	return 0;
}

static int wipe(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	enum dmreplica_removal stage;
	struct dmreplica_store *store;
	unsigned int last;
	int code;

	/* O_EXCL: not attached, and no new content of it mounted */
	code = dmrl_store_open_flags(ctx, sys->store, O_RDWR | O_EXCL, &store);
	if (code)
		return code;
	if (store->bdev.file && !ctx->test_files) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "store %s is a plain file, not a block device", sys->store);
		code = dmrl_hint(ctx, "make a loop device of it: losetup --find --show %s",
				 sys->store);
	}
	if (!code)
		code = stage_of_store(ctx, sys, store, &stage);
	if (!code && stage == DMREPLICA_REMOVAL_NONE)
		code = dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_STATE,
				 "store %s has no mark that system %s is removed", sys->store,
				 sys->name);
	if (!code && stage == DMREPLICA_REMOVAL_DECIDED) {
		/* overwrite the older copy first: it must not be the only one, with another state */
		last = store->copy[1].valid &&
		       (!store->copy[0].valid || store->sb[1]->seq > store->sb[0]->seq);
		code = wipe_copy(ctx, store, !last);
		if (!code)
			code = wipe_copy(ctx, store, last);
	}
	dmreplica_store_close(store);
	return code;
}

static int forget_file(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	struct dmreplica_conf *conf;
	int code, fd;

	conf = malloc(sizeof(*conf));
	if (!conf)
		return dmrl_no_memory(ctx);
	code = dmrl_conf_of(ctx, sys->name, sys->uuid, conf);
	if (code == DM_REPLICA_CODE_NOT_FOUND) {
		dmrl_clear(ctx);
		code = 0;
	} else if (!code && unlink(conf->file) && errno != ENOENT) {
		code = dmrl_fail_errno(ctx, errno, "cannot delete %s", conf->file);
	}
	free(conf);
	if (code)
		return code;
	fd = open(ctx->conf_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

int dmreplica_removal_finish(struct dmreplica *ctx, const struct dmreplica_system *sys)
{
	char uuid[DMREPLICA_UUID_TEXT];
	enum dmreplica_removal stage;
	struct dmrl_dm_device *list;
	size_t nr;
	int code;

	code = dmreplica_removal(ctx, sys, &stage);
	if (code)
		return code;
	if (stage == DMREPLICA_REMOVAL_NONE)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_STATE,
				 "the removal of system %s has not been decided", sys->name);
	/* refuse before the store is wiped */
	if (access(ctx->conf_dir, W_OK) && errno != ENOENT)
		return dmrl_fail_errno(ctx, errno, "cannot write to %s", ctx->conf_dir);
	/* an interrupted detach leaves devices of a system that is not attached */
	code = dmrl_dm_list(ctx, sys->uuid, &list, &nr);
	if (code)
		return code;
	free(list);
	if (nr) {
		code = dmreplica_detach(ctx, dmreplica_uuid_text(sys->uuid, uuid),
					DMREPLICA_DETACH_WAIT_MS);
		if (code)
			return code;
	}
	code = wipe(ctx, sys);
	if (!code)
		code = forget_file(ctx, sys);
	if (!code) {
		dmrl_seen_forget(ctx, sys->uuid);
		dmrl_point_files_forget(ctx, sys);
	}
	return code;
}
