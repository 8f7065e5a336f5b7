// SPDX-License-Identifier: GPL-2.0-only
/*
 * The highest sequence number of a store that this host has seen, in
 * /var/lib/dm-replica/UUID: only a record elsewhere can show that a store is an older
 * copy of itself.
 *
 * Written after each attach and detach.  Without the file, no store is refused as older.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

static void file_of(const struct dmreplica *ctx, const u8 *uuid, const char *suffix, char *out,
		    size_t size)
{
	char text[DMREPLICA_UUID_TEXT];

	snprintf(out, size, "%s/%s%s", ctx->state_dir, dmreplica_uuid_text(uuid, text), suffix);
}

/* Read the record.  Return: the sequence number, 0 if there is none. */
static u64 seen(const struct dmreplica *ctx, const struct dmr_sb *sb)
{
	char file[600], text[DMREPLICA_UUID_TEXT], store[DMREPLICA_UUID_TEXT];
	unsigned long long seq = 0;
	FILE *f;
	int n;

	file_of(ctx, sb->system_uuid, "", file, sizeof(file));
	f = fopen(file, "re");
	if (!f)
		return 0;
	n = fscanf(f, "store=%36s seq=%llu", text, &seq);
	fclose(f);
	if (n != 2 || strcmp(text, dmreplica_uuid_text(sb->store_uuid, store)))
		return 0;
	return seq;
}

/**
 * dmrl_seen_check() - refuse a store that is an older copy of itself
 * @ctx: the context.
 * @store: with a superblock in force.
 *
 * Return: 0, or 32773 and a message.
 */
int dmrl_seen_check(struct dmreplica *ctx, const struct dmreplica_store *store)
{
	const struct dmr_sb *sb = store->super;
	const struct dmreplica_copy *other = &store->copy[!sb->copy];
	u64 last = seen(ctx, sb);

	if (sb->seq >= last)
		return 0;
	if (!other->valid) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "superblock %c of store %s is lost (%s), and was the newest: %c has the number %llu, and %llu was seen on this host",
			  'A' + !sb->copy, store->bdev.path, other->reason, 'A' + sb->copy,
			  (unsigned long long)sb->seq, (unsigned long long)last);
		return dmrl_hint(ctx, "put the newest copy of the store back; attach --accept-older uses superblock %c, which may undo the last operation",
				 'A' + sb->copy);
	}
	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
		  "store %s is an older copy: its superblock has the number %llu, and %llu was seen on this host",
		  store->bdev.path, (unsigned long long)sb->seq, (unsigned long long)last);
	return dmrl_hint(ctx, "put the newest copy back; if store and homes were restored together: attach --accept-older");
}

/**
 * dmrl_seen_record() - record the sequence number of a store
 * @ctx: the context; a failure is only a warning.
 * @sb: a superblock of the store.
 * @seq: the highest sequence number.
 */
void dmrl_seen_record(struct dmreplica *ctx, const struct dmr_sb *sb, u64 seq)
{
	char file[600], temp[600], text[DMREPLICA_UUID_TEXT];
	int fd, dir, err = 0;

	if (mkdir(ctx->state_dir, 0755) && errno != EEXIST)
		err = errno;
	file_of(ctx, sb->system_uuid, "", file, sizeof(file));
	file_of(ctx, sb->system_uuid, ".new", temp, sizeof(temp));
	fd = err ? -1 : open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd >= 0) {
		if (dprintf(fd, "store=%s seq=%llu\n", dmreplica_uuid_text(sb->store_uuid, text),
			    (unsigned long long)seq) < 0 || fsync(fd))
			err = errno;
		close(fd);
		if (!err && rename(temp, file))
			err = errno;
		if (err)
			unlink(temp);
		dir = open(ctx->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0) {
			fsync(dir);
			close(dir);
		}
	} else if (!err) {
		err = errno;
	}
	if (err)
		dmrl_warn(ctx, "cannot write %s (%s): an older copy of the store will not be recognized",
			  file, strerror(err));
}

/** dmrl_seen_forget() - delete the record of a removed system */
void dmrl_seen_forget(const struct dmreplica *ctx, const u8 *uuid)
{
	char file[600];

	file_of(ctx, uuid, "", file, sizeof(file));
	unlink(file);
}
