// SPDX-License-Identifier: GPL-2.0-only
/* Make a system: all checks first, then write the store. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <blkid/blkid.h>
#include <uuid/uuid.h>

#include <store/map.h>

#include "private.h"

#define DEFAULT_CHUNK	(64 * 1024)
#define WIPE_BYTES	(1024 * 1024)	/* at the start of the store and of the ring */
#define SECTOR		512
#define VERSION_BYTES	56		/* kernel memory of one version */

struct maker {
	struct dmreplica *ctx;
	struct dmreplica_create *in;
	struct dmreplica_blockdev store;
	struct dmreplica_blockdev homes[DMR_MAX_DISKS];
	int store_fd;
	int home_fds[DMR_MAX_DISKS];
	struct dmr_sb *sb;
	void *buf;			/* WIPE_BYTES, aligned */
};

static int check_names(struct maker *m)
{
	const struct dmreplica_create *in = m->in;
	char name[128];
	const char *fault;
	unsigned int i, j;

	fault = dmrl_system_name_fault(in->name);
	if (fault) {
		dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "system name \"%s\" %s",
			  in->name, fault);
		return dmrl_hint(m->ctx, "use up to %d letters, digits and _ . + -",
				 DMR_NAME_LEN - 1);
	}
	if (!in->nr_disks) {
		dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "a system has at least one disk");
		return dmrl_hint(m->ctx, "give it with --disk NAME=DEVICE");
	}
	if (in->nr_disks > DMR_MAX_DISKS)
		return dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "a system has at most %d disks", DMR_MAX_DISKS);
	for (i = 0; i < in->nr_disks; i++) {
		fault = dmrl_disk_name_fault(in->disks[i].name);
		if (fault) {
			dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "disk name \"%s\" %s", in->disks[i].name, fault);
			return dmrl_hint(m->ctx, "use up to %d letters, digits and _ . +",
					 DMR_DISK_NAME_LEN - 1);
		}
		for (j = 0; j < i; j++)
			if (!strcmp(in->disks[i].name, in->disks[j].name))
				return dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
						 "two disks are named %s", in->disks[i].name);
		if (dmrl_device_name(name, sizeof(name), in->name, in->disks[i].name, "replica"))
			return dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
					 "the names %s and %s make device names of more than 127 characters",
					 in->name, in->disks[i].name);
	}
	return 0;
}

static int probe(struct maker *m, const char *path, const char *what,
		 struct dmreplica_blockdev *bdev)
{
	struct dmreplica *ctx = m->ctx;
	char uuid[256];
	int code;

	code = dmreplica_blockdev_probe(ctx, path, bdev);
	if (code)
		return code;
	if (bdev->file && !ctx->test_files) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "%s %s is a plain file, not a block device", what, path);
		return dmrl_hint(ctx, "make a loop device of it: losetup --find --show %s", path);
	}
	if (bdev->read_only) {
		dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s %s is read-only", what, path);
		return dmrl_hint(ctx, DMRL_HINT_WRITABLE, path);
	}
	if (bdev->zoned)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "%s %s is a zoned device: those cannot be written in any order, as stores and homes are",
				 what, path);
	if (bdev->bytes == 0 || bdev->bytes % SECTOR)
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "the size of %s %s, %llu bytes, is not a multiple of %d", what, path,
				 (unsigned long long)bdev->bytes, SECTOR);
	if (!bdev->file && !dmrl_sysfs_read_dev(bdev->dev, "dm/uuid", uuid, sizeof(uuid)) &&
	    !strncmp(uuid, "DMREPLICA-", 10))
		return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				 "%s %s is itself a device of dm-replica", what, path);
	return 0;
}

static int check_devices(struct maker *m)
{
	struct dmreplica *ctx = m->ctx;
	unsigned int i, j;
	int code;

	code = probe(m, m->in->store, "store", &m->store);
	if (code)
		return code;
	for (i = 0; i < m->in->nr_disks; i++) {
		struct dmreplica_blockdev *home = &m->homes[i];

		code = probe(m, m->in->disks[i].path, "home", home);
		if (code)
			return code;
		if (dmrl_names_device(home->path, &m->store))
			return dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
					 "%s is given as the store and as the home of disk %s",
					 home->path, m->in->disks[i].name);
		for (j = 0; j < i; j++)
			if (dmrl_names_device(home->path, &m->homes[j])) {
				dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
					  "%s is given as the home of two disks, %s and %s",
					  home->path, m->in->disks[j].name,
					  m->in->disks[i].name);
				return dmrl_hint(ctx, "each disk needs a device of its own");
			}
		if (m->store.logical > home->logical) {
			dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "store %s has logical blocks of %u bytes, larger than the %u of home %s",
				  m->store.path, m->store.logical, home->logical, home->path);
			return dmrl_hint(ctx, "give a store with logical blocks of %u bytes or less",
					 home->logical);
		}
		if (m->store.physical < home->logical) {
			dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "store %s has physical blocks of %u bytes, smaller than the logical blocks of %u of home %s",
				  m->store.path, m->store.physical, home->logical, home->path);
			return dmrl_hint(ctx, "give a store with physical blocks of %u bytes or more",
					 home->logical);
		}
	}
	return dmrl_verdict_places(ctx, &m->store, m->homes, m->in->nr_disks);
}

static int in_use(struct maker *m, const struct dmreplica_blockdev *bdev, const char *what)
{
	dmrl_fail(m->ctx, DM_REPLICA_CODE_IN_USE, "%s %s is in use", what, bdev->path);
	if (!bdev->file)
		dmrl_append_holders(m->ctx, &bdev->dev, 1, false);
	return dmrl_hint(m->ctx, "unmount or stop what uses it, then try again");
}

/* Open with O_EXCL: excludes mounts, swap and stacked devices, until the close. */
static int claim(struct maker *m, const struct dmreplica_blockdev *bdev, const char *what,
		 int flags, int *fd)
{
	*fd = open(bdev->path, flags | (bdev->file ? 0 : O_EXCL) | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	if (errno == EBUSY)
		return in_use(m, bdev, what);
	return dmrl_fail_errno(m->ctx, errno, "cannot open %s %s", what, bdev->path);
}

/* Look for plain openers in every process, since O_EXCL does not exclude them. */
static int check_writers(struct maker *m)
{
	dev_t devs[1 + DMR_MAX_DISKS];
	unsigned int i, n = 0;

	if (!m->store.file)
		devs[n++] = m->store.dev;
	for (i = 0; i < m->in->nr_disks; i++)
		if (!m->homes[i].file)
			devs[n++] = m->homes[i].dev;
	dmrl_fail(m->ctx, DM_REPLICA_CODE_IN_USE, "store or homes are open for writing elsewhere");
	if (dmrl_append_holders(m->ctx, devs, n, true))
		return dmrl_hint(m->ctx, "stop what writes there, then try again");
	dmrl_clear(m->ctx);
	return 0;
}

/* Look for our superblocks, valid or not, on a device. */
static int look_for_store(struct maker *m, const struct dmreplica_blockdev *bdev,
			  struct dmreplica_store **store, bool *ours)
{
	unsigned int i;
	int code;

	*ours = false;
	code = dmreplica_store_open(m->ctx, bdev->path, store);
	if (code)
		return code;
	for (i = 0; i < DMR_SB_COPIES; i++) {
		const struct dmreplica_copy *copy = dmreplica_store_copy(*store, i);

		if (!copy->readable && copy->verdict != DMR_NOT_OURS) {
			code = dmrl_fail(m->ctx, DM_REPLICA_CODE_UNKNOWN, "%s cannot be read",
					 bdev->path);
			break;
		}
		if (copy->readable && copy->verdict != DMR_NOT_OURS)
			*ours = true;
	}
	return code;
}

static int check_foreign_store(struct maker *m, const struct dmreplica_blockdev *bdev,
			       bool is_store)
{
	struct dmreplica_store *store = NULL;
	char uuid[DMREPLICA_UUID_TEXT];
	const struct dmr_sb *sb = NULL;
	struct dmreplica *ctx = m->ctx;
	unsigned int i;
	bool ours;
	int code;

	code = look_for_store(m, bdev, &store, &ours);
	if (code || !ours) {
		dmreplica_store_close(store);
		return code;
	}
	for (i = 0; i < DMR_SB_COPIES; i++)
		if (dmreplica_store_copy(store, i)->valid)
			sb = dmreplica_store_copy(store, i)->sb;
	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s %s is the store of ",
		  is_store ? "device" : "home", bdev->path);
	if (sb)
		dmrl_append(ctx, "system %s, %s", sb->name,
			    dmreplica_uuid_text(sb->system_uuid, uuid));
	else
		dmrl_append(ctx, "a system of dm-replica, but its superblocks are not valid");
	if (is_store)
		dmrl_hint(ctx, "if that system is not needed any more, overwrite it with --force");
	else
		dmrl_hint(ctx, "are store and home interchanged? if it is to be a home, overwrite its start (wipefs)");
	dmreplica_store_close(store);
	return ctx->code;
}

static blkid_probe signatures(int fd)
{
	blkid_probe pr = blkid_new_probe();

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0)) {
		if (pr)
			blkid_free_probe(pr);
		return NULL;
	}
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE |
					      BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC);
	return pr;
}

static int check_signatures(struct maker *m)
{
	blkid_probe pr = signatures(m->store_fd);
	const char *type = NULL;
	int found;

	if (!pr)
		return dmrl_fail(m->ctx, DM_REPLICA_CODE_FAILED,
				 "cannot look for signatures on %s", m->store.path);
	found = blkid_do_probe(pr);
	if (found == 0) {
		if (blkid_probe_lookup_value(pr, "TYPE", &type, NULL) &&
		    blkid_probe_lookup_value(pr, "PTTYPE", &type, NULL))
			type = NULL;
		dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "device %s has a signature of %s on it", m->store.path,
			  type ? type : "something");
		dmrl_hint(m->ctx, "is it the right device? --force overwrites its content");
	} else if (found < 0) {
		dmrl_fail(m->ctx, DM_REPLICA_CODE_UNKNOWN, "device %s cannot be read",
			  m->store.path);
	}
	blkid_free_probe(pr);
	return found == 1 ? 0 : m->ctx->code;
}

static int check_known(struct maker *m)
{
	struct dmrl_dm_device *devices = NULL;
	char uuid[DMREPLICA_UUID_TEXT];
	struct dmreplica_conf *list;
	size_t nr, i, nr_dm = 0;
	int code;

	/* a random UUID is new: only a file of this name can conflict */
	if (!m->in->has_uuid && !dmrl_conf_maybe(m->ctx, m->in->name))
		return 0;
	code = dmreplica_conf_list(m->ctx, &list, &nr);
	if (code)
		return code;
	for (i = 0; i < nr && !code; i++) {
		bool name = !strcmp(list[i].name, m->in->name);

		if (!name && memcmp(list[i].uuid, m->in->uuid, 16))
			continue;
		code = dmrl_dm_list(m->ctx, list[i].uuid, &devices, &nr_dm);
		free(devices);
		if (code)
			break;
		if (nr_dm) {
			dmrl_fail(m->ctx, DM_REPLICA_CODE_IN_USE, "system %s (%s) is attached",
				  list[i].name, dmreplica_uuid_text(list[i].uuid, uuid));
			code = dmrl_hint(m->ctx, "replicactl detach %s first", list[i].name);
		} else if (!m->in->force || !name) {
			dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
				  "a system %s (%s) is known already, see %s", list[i].name,
				  dmreplica_uuid_text(list[i].uuid, uuid), list[i].file);
			code = dmrl_hint(m->ctx, "choose another %s, or forget that system with --force",
					 name ? "name" : "UUID");
		}
	}
	free(list);
	return code;
}

static int check_taken(struct maker *m)
{
	const struct dmreplica_blockdev *devices[1 + DMR_MAX_DISKS] = { &m->store };
	unsigned int i;
	int code;

	for (i = 0; i < m->in->nr_disks; i++)
		devices[1 + i] = &m->homes[i];
	code = dmrl_taken_check(m->ctx, m->in->name, devices, 1 + m->in->nr_disks, true);
	return code ? dmrl_hint(m->ctx, "replicactl remove that system first; if it does not exist any more, --force takes its device") : 0;
}

/* Kernel memory of the map and the bitmap of slots: Documentation/memory-and-cost.md. */
static u64 memory(u64 slots)
{
	return dmr_map_bucket_count(dmr_slot_versions(slots)) * 8ULL + slots / 8;
}

static int build_super(struct maker *m)
{
	struct dmreplica_create *in = m->in;
	struct dmr_sb *sb = m->sb;
	const char *fault;
	unsigned int i;

	memcpy(sb->store_uuid, in->store_uuid, 16);
	memcpy(sb->system_uuid, in->uuid, 16);
	snprintf(sb->name, sizeof(sb->name), "%s", in->name);
	sb->store_bytes = m->store.bytes & ~(u64)(DMR_BLOCK_SIZE - 1);
	sb->chunk_bytes = in->chunk_bytes;
	sb->create_time = dmrl_now();
	sb->nr_disks = in->nr_disks;
	for (i = 0; i < in->nr_disks; i++) {
		struct dmr_disk_info *disk = &sb->disks[i];

		snprintf(disk->name, sizeof(disk->name), "%s", in->disks[i].name);
		uuid_generate(disk->uuid);
		disk->sectors = m->homes[i].bytes / SECTOR;
		disk->number = i;
		disk->logical_block = m->homes[i].logical;
		disk->identity_type = m->homes[i].identity_type;
		snprintf(disk->identity, sizeof(disk->identity), "%s", m->homes[i].identity);
	}
	fault = dmr_geometry(sb);
	if (fault) {
		dmrl_fail(m->ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
			  "store %s of %llu bytes with chunks of %u bytes: %s", m->store.path,
			  (unsigned long long)m->store.bytes, in->chunk_bytes, fault);
		return dmrl_hint(m->ctx, "give a larger device, or another --chunk-size");
	}
	sb->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION;
	sb->state_number = 1;
	sb->state_time = sb->create_time;
	sb->next_point = 1;
	dmr_settings_init(&sb->settings);
	if (in->primary) {
		sb->replication.role = DMR_ROLE_PRIMARY;
		uuid_generate(sb->replication.relationship);
		/* The machine comes before its points. */
		sb->settings.full_policy = DM_REPLICA_FULL_POLICY_DROP_OLDEST;
	}
	for (i = 0; i < DMR_SB_COPIES; i++) {
		sb->copy = i;
		sb->seq = i + 1;
		fault = dmr_sb_validate(sb);
		if (fault)
			return dmrl_fail(m->ctx, DM_REPLICA_CODE_FAILED,
					 "the superblock would not be valid: %s", fault);
	}
	in->log_blocks = dmr_ring_blocks(sb);
	in->slots = dmr_slot_count(sb);
	in->memory = memory(in->slots);
	in->memory_full = in->memory + in->slots * VERSION_BYTES;
	return 0;
}

static int write_at(struct maker *m, u64 offset, u64 bytes)
{
	char *from = m->buf;
	ssize_t n;

	while (bytes) {
		n = pwrite(m->store_fd, from, bytes, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return dmrl_fail_errno(m->ctx, n ? errno : EIO, "cannot write %s",
					       m->store.path);
		from += n;
		offset += n;
		bytes -= n;
	}
	return 0;
}

static int sync_store(struct maker *m)
{
	if (fsync(m->store_fd))
		return dmrl_fail_errno(m->ctx, errno, "cannot write %s", m->store.path);
	return 0;
}

static int zero(struct maker *m, u64 offset, u64 bytes)
{
	u64 n;
	int code;

	memset(m->buf, 0, WIPE_BYTES);
	if (offset >= m->sb->store_bytes)
		return 0;
	if (bytes > m->sb->store_bytes - offset)
		bytes = m->sb->store_bytes - offset;
	for (; bytes; offset += n, bytes -= n) {
		n = bytes < WIPE_BYTES ? bytes : WIPE_BYTES;
		code = write_at(m, offset, n);
		if (code)
			return code;
	}
	return 0;
}

static void wipe_signatures(struct maker *m)
{
	blkid_probe pr = signatures(m->store_fd);

	if (!pr)
		return;
	while (blkid_do_probe(pr) == 0)
		if (blkid_do_wipe(pr, 0))
			break;
	blkid_free_probe(pr);
}

static void warn_no_identity(struct maker *m)
{
	unsigned int i;

	for (i = 0; i < m->in->nr_disks; i++)
		if (m->homes[i].identity_type == DMR_IDENTITY_PATH)
			dmrl_warn(m->ctx, "home %s of disk %s has no identity of its own (serial number, WWID, PARTUUID): it is recognized by its path, and after a clean detach by some of its content",
				  m->homes[i].path, m->in->disks[i].name);
}

/* Write the superblocks last: until then the device is not a store. */
static int write_store(struct maker *m)
{
	unsigned int i;
	u32 bytes;
	int code;

	code = zero(m, 0, WIPE_BYTES);
	if (!code)
		code = sync_store(m);
	if (code)
		return code;
	if (m->in->force)
		wipe_signatures(m);
	for (i = 0; i < m->sb->ring_extents && !code; i++)
		code = zero(m, m->sb->ring[i].first * DMR_BLOCK_SIZE,
			    min_t(u64, WIPE_BYTES, m->sb->ring[i].count * DMR_BLOCK_SIZE));
	if (!code)
		code = sync_store(m);
	for (i = 0; i < DMR_SB_COPIES && !code; i++) {
		m->sb->copy = i;
		m->sb->seq = i + 1;
		bytes = dmr_sb_encode(m->sb, m->buf);
		code = write_at(m, (u64)i * DMR_SB_AREA, bytes);
		if (!code)
			code = sync_store(m);
	}
	return code;
}

/* Write back dirty pages of earlier writers, which would overwrite the new store. */
static void settle_store(struct maker *m)
{
	if (m->store.file)
		return;
	ioctl(m->store_fd, BLKFLSBUF, 0);
	dmrl_relatives_flush(m->store.dev);
}

/* Write the whole file before the store, and put it in its place after the store. */
static int write_store_and_conf(struct maker *m)
{
	struct dmreplica_conf *conf = calloc(1, sizeof(*conf));
	struct dmrl_conf_draft draft;
	unsigned int i;
	int code;

	if (!conf)
		return dmrl_no_memory(m->ctx);
	snprintf(conf->name, sizeof(conf->name), "%s", m->in->name);
	memcpy(conf->uuid, m->in->uuid, 16);
	snprintf(conf->store, sizeof(conf->store), "%s", m->store.path);
	conf->nr_disks = m->in->nr_disks;
	for (i = 0; i < m->in->nr_disks; i++) {
		snprintf(conf->disks[i].name, sizeof(conf->disks[i].name), "%s",
			 m->in->disks[i].name);
		snprintf(conf->disks[i].path, sizeof(conf->disks[i].path), "%s",
			 m->homes[i].path);
	}
	code = dmrl_conf_begin(m->ctx, conf, &draft);
	free(conf);
	if (code)
		return code;
	settle_store(m);
	code = write_store(m);
	dmrl_conf_end(m->ctx, &draft, !code);
	if (!code && m->ctx->code) {
		code = m->ctx->code;
		dmrl_hint(m->ctx, "the store is made; replicactl scan --write writes the file again");
	}
	return code;
}

static int make(struct maker *m)
{
	unsigned int i;
	int code;

	code = check_names(m);
	if (!code)
		code = check_devices(m);
	if (!code)
		code = check_known(m);
	if (!code)
		code = claim(m, &m->store, "store", O_RDWR, &m->store_fd);
	for (i = 0; i < m->in->nr_disks && !code; i++)
		code = claim(m, &m->homes[i], "home", O_RDONLY, &m->home_fds[i]);
	if (!code)
		code = check_writers(m);
	if (!code && !m->in->force)
		code = check_foreign_store(m, &m->store, true);
	for (i = 0; i < m->in->nr_disks && !code; i++)
		code = check_foreign_store(m, &m->homes[i], false);
	if (!code && !m->in->force)
		code = check_taken(m);
	if (!code && !m->in->force)
		code = check_signatures(m);
	if (!code)
		code = build_super(m);
	if (!code && access(m->ctx->conf_dir, W_OK) && errno != ENOENT)
		code = dmrl_fail_errno(m->ctx, errno, "cannot write to %s", m->ctx->conf_dir);
	if (!code)
		code = write_store_and_conf(m);
	if (!code)
		warn_no_identity(m);
	return code;
}

int dmreplica_create(struct dmreplica *ctx, struct dmreplica_create *create)
{
	struct maker *m = calloc(1, sizeof(*m));
	unsigned int i;
	int code;

	dmrl_clear(ctx);
	if (!m)
		return dmrl_no_memory(ctx);
	m->ctx = ctx;
	m->in = create;
	m->store_fd = -1;
	for (i = 0; i < DMR_MAX_DISKS; i++)
		m->home_fds[i] = -1;
	if (!create->has_uuid)
		uuid_generate(create->uuid);
	uuid_generate(create->store_uuid);
	if (!create->chunk_bytes)
		create->chunk_bytes = DEFAULT_CHUNK;
	create->slots = 0;
	m->sb = calloc(1, sizeof(*m->sb));
	if (!m->sb || posix_memalign(&m->buf, 4096, WIPE_BYTES))
		code = dmrl_no_memory(ctx);
	else
		code = make(m);
	for (i = 0; i < DMR_MAX_DISKS; i++)
		if (m->home_fds[i] >= 0)
			close(m->home_fds[i]);
	if (m->store_fd >= 0)
		close(m->store_fd);
	free(m->buf);
	free(m->sb);
	free(m);
	return code;
}
