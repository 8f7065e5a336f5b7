// SPDX-License-Identifier: GPL-2.0-only
/* Reading a store without the module. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fs.h>

#include "private.h"

static int store_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	struct dmreplica_store *store = rd->private;
	u64 offset = first * DMR_BLOCK_SIZE;
	u64 left = (u64)count * DMR_BLOCK_SIZE;
	char *out = buf;
	ssize_t n;

	while (left) {
		n = dmrl_reader_read(&store->device, min_t(u64, left, DMRL_READER_BYTES), offset);
		if (n <= 0 || n % 512)
			return -EIO;
		memcpy(out, store->device.buf, n);
		out += n;
		offset += n;
		left -= n;
	}
	store->read += (u64)count * DMR_BLOCK_SIZE;
	if (store->progress)
		dmrl_progress(store->progress, "reading the log", store->read, store->to_read);
	return 0;
}

/* Bypass the page cache, as the module's writes do. */
static int open_uncached(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL) {
		fd = open(path, flags | O_CLOEXEC);
		if (fd >= 0)
			ioctl(fd, BLKFLSBUF, 0);
	}
	return fd;
}

static int read_copies(struct dmreplica *ctx, struct dmreplica_store *store)
{
	struct dmreplica_copy *copy;
	enum dmr_verdict verdict;
	unsigned int i;
	u64 first;
	u32 count;

	for (i = 0; i < DMR_SB_COPIES; i++) {
		copy = &store->copy[i];
		store->raw[i] = calloc(1, DMR_SB_MAX);
		store->sb[i] = calloc(1, sizeof(struct dmr_sb));
		if (!store->raw[i] || !store->sb[i])
			return dmrl_no_memory(ctx);
		first = (u64)i * DMR_SB_AREA / DMR_BLOCK_SIZE;
		count = DMR_SB_MAX / DMR_BLOCK_SIZE;
		if ((first + count) * DMR_BLOCK_SIZE > store->bdev.bytes) {
			copy->verdict = DMR_NOT_OURS;
			copy->reason = "it lies beyond the end of the device";
			continue;
		}
		if (store->reader.read(&store->reader, first, count, store->raw[i])) {
			if (store->device.hung)
				return dmrl_unanswered(ctx, store->bdev.path);
			copy->reason = "it cannot be read";
			continue;
		}
		copy->readable = true;
		verdict = dmr_sb_decode(store->raw[i], i, store->sb[i], &copy->reason);
		copy->verdict = verdict;
		copy->valid = verdict == DMR_OK;
		if (copy->valid) {
			copy->sb = store->sb[i];
			copy->reason = NULL;
		} else if (!copy->reason) {
			copy->reason = "it is not valid";
		}
	}
	return 0;
}

int dmrl_store_open_flags(struct dmreplica *ctx, const char *path, int flags,
			  struct dmreplica_store **out)
{
	struct dmreplica_store *store;
	int code, err;

	*out = NULL;
	store = calloc(1, sizeof(*store));
	if (!store)
		return dmrl_no_memory(ctx);
	store->fd = -1;
	store->device.sock = -1;
	code = dmreplica_blockdev_probe(ctx, path, &store->bdev);
	if (code)
		goto fail;
	store->fd = open_uncached(path, O_RDONLY | flags);
	if (store->fd < 0) {
		err = errno;
		code = dmrl_fail_errno(ctx, err, "cannot open store %s", path);
		if (err == EBUSY)
			dmrl_append_holders(ctx, &store->bdev.dev, 1, false);
		goto fail;
	}
	store->reader.read = store_read;
	store->reader.private = store;
	/* A store that is opened exclusively must not stay open in another process. */
	code = dmrl_reader_open(ctx, &store->device, store->fd, flags ? 0 : ctx->patience_ms);
	if (!code)
		code = read_copies(ctx, store);
	if (code)
		goto fail;
	*out = store;
	return 0;
fail:
	dmreplica_store_close(store);
	return code;
}

int dmreplica_store_open(struct dmreplica *ctx, const char *path,
			 struct dmreplica_store **store)
{
	return dmrl_store_open_flags(ctx, path, 0, store);
}

void dmreplica_store_close(struct dmreplica_store *store)
{
	unsigned int i;

	if (!store)
		return;
	for (i = 0; i < DMR_SB_COPIES; i++) {
		free(store->raw[i]);
		free(store->sb[i]);
	}
	free(store->super);
	dmrl_reader_close(&store->device);
	if (store->fd >= 0)
		close(store->fd);
	free(store);
}

const char *dmreplica_store_path(const struct dmreplica_store *store)
{
	return store->bdev.path;
}

const struct dmreplica_blockdev *dmreplica_store_device(const struct dmreplica_store *store)
{
	return &store->bdev;
}

const struct dmreplica_copy *dmreplica_store_copy(const struct dmreplica_store *store,
						  unsigned int copy)
{
	return copy < DMR_SB_COPIES ? &store->copy[copy] : NULL;
}

int dmrl_replay_refusal(struct dmreplica *ctx, const char *path, int err,
			const struct dmr_damage *dmg)
{
	const char *reason = dmg->reason ? dmg->reason : "no reason given";

	switch (err) {
	case -ENODATA:
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "%s is not a dm-replica store: %s", path, reason);
		dmrl_hint(ctx, "is this the right device? replicactl scan looks for stores");
		return ctx->code;
	case -EPROTONOSUPPORT:
		dmrl_fail(ctx, DM_REPLICA_CODE_NOT_SUPPORTED,
			  "store %s is of another format: %s", path, reason);
		dmrl_hint(ctx, "use the version of dm-replica that wrote it");
		return ctx->code;
	case -EIO:
		dmrl_fail(ctx, DM_REPLICA_CODE_UNKNOWN, "store %s cannot be read: %s", path,
			  reason);
		break;
	case -EUCLEAN:
		dmrl_fail(ctx, DM_REPLICA_CODE_FAILED, "store %s is damaged: %s", path, reason);
		break;
	case -ENOMEM:
		return dmrl_no_memory(ctx);
	default:
		dmrl_fail_errno(ctx, -err, "store %s: %s", path, reason);
		break;
	}
	if (dmg->where != ~0ULL)
		dmrl_append(ctx, " (at 4 KiB block %llu)", (unsigned long long)dmg->where);
	if (dmg->number)
		dmrl_append(ctx, " (log block %llu)", (unsigned long long)dmg->number);
	return dmrl_hint(ctx, "nothing was changed; replicactl check %s shows more", path);
}

static int refuse(struct dmreplica *ctx, struct dmreplica_store *store, int err)
{
	if (store->device.hung)
		return dmrl_unanswered(ctx, store->bdev.path);
	return dmrl_replay_refusal(ctx, store->bdev.path, err, &store->damage);
}

int dmreplica_store_super(struct dmreplica *ctx, struct dmreplica_store *store,
			  const struct dmr_sb **sb)
{
	struct dmr_damage *dmg = &store->damage;
	u64 other_seq, other_state;
	int err;

	dmrl_clear(ctx);
	*sb = NULL;
	*dmg = (struct dmr_damage){ .where = ~0ULL };
	if (!store->chosen) {
		if (!store->super)
			store->super = calloc(1, sizeof(*store->super));
		if (!store->super)
			return dmrl_no_memory(ctx);
		if (store->bdev.bytes < DMR_SB_COPIES * DMR_SB_AREA) {
			dmg->reason = "it is too small";
			return refuse(ctx, store, -ENODATA);
		}
		err = dmr_replay_super(&store->reader, store->super, &other_seq, &other_state,
				       dmg);
		if (err)
			return refuse(ctx, store, err);
		store->chosen = true;
	}
	*sb = store->super;
	return 0;
}

int dmrl_store_open_super(struct dmreplica *ctx, const char *path, struct dmreplica_store **store,
			  const struct dmr_sb **sb)
{
	int code = dmreplica_store_open(ctx, path, store);

	if (code)
		return code;
	code = dmreplica_store_super(ctx, *store, sb);
	if (code)
		dmreplica_store_close(*store);
	return code;
}

struct replay {
	struct dmr_replay_ops ops;
	void (*record)(void *arg, const struct dmr_record *rec, uint64_t number);
	void *arg;
};

static int replay_record(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number)
{
	struct replay *replay = ops->private;

	if (replay->record)
		replay->record(replay->arg, rec, number);
	return 0;
}

static int truncated(struct dmreplica *ctx, struct dmreplica_store *store)
{
	dmrl_fail(ctx, DM_REPLICA_CODE_FAILED,
		  "store %s is truncated: it has %llu bytes, and uses %llu", store->bdev.path,
		  (unsigned long long)store->bdev.bytes,
		  (unsigned long long)store->super->store_bytes);
	return dmrl_hint(ctx, "give it a device of its full size; nothing was changed");
}

int dmreplica_store_replay(struct dmreplica *ctx, struct dmreplica_store *store,
			   void (*record)(void *arg, const struct dmr_record *rec,
					  uint64_t number),
			   void *arg, uint64_t *next)
{
	struct replay replay = {
		.ops.record = replay_record,
		.ops.private = &replay,
		.record = record,
		.arg = arg,
	};
	const struct dmr_sb *sb;
	u64 end;
	int code, err;

	code = dmreplica_store_super(ctx, store, &sb);
	if (code)
		return code;
	if (store->bdev.bytes < sb->store_bytes)
		return truncated(ctx, store);
	/* R6: replay reads the whole ring, and the blocks from tail to end once more */
	store->progress = ctx;
	store->read = 0;
	store->to_read = dmr_ring_blocks(sb) * DMR_BLOCK_SIZE;
	err = dmr_replay_log(&store->reader, sb, &replay.ops, &end, &store->damage);
	store->progress = NULL;
	if (err)
		return refuse(ctx, store, err);
	if (next)
		*next = end;
	return 0;
}

/* Return: the state that netlink reports; on disk Suspended is a flag beside the state. */
u32 dmrl_shown_state(const struct dmr_sb *sb)
{
	if (sb->state == DM_REPLICA_STATE_REPLICATING && (sb->flags & DMR_SB_SUSPENDED))
		return DM_REPLICA_STATE_SUSPENDED;
	return sb->state;
}

const char *dmrl_loser(const struct dmr_disk_info *disk)
{
	return disk->lost & DMR_LOST_REPLICA ? "replica" : "failover";
}
