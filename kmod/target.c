// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dm targets: thin over views.
 *
 *	replica <store> <disk number> <home> [<nr of features> <feature>...]
 *	replica-overlay <replica device> live|test
 *	replica-reader <replica device> <point number or name>
 *
 * Features of replica: `host <32 hex digits>` names the host (2 words), `boot <32 hex
 * digits>` its boot (2 words), and `takeover` (1 word) attaches a store that is active on
 * another host by its superblock.  Targets that name the same store share one system.  A
 * constructor reads no store and binds nothing; the resume does.
 */
#include "attach.h"
#include "claim.h"
#include "hex.h"
#include "io.h"
#include "point-view.h"
#include "system.h"
#include "target.h"
#include "zeroes.h"

#define DMR_FEATURES_MAX	5

static void dmr_target_link(struct dmr_target *t)
{
	struct gendisk *disk = dm_disk(dm_table_get_md(t->ti->table));

	dmr_claim_link(t->store, disk, &t->store_linked);
	dmr_claim_link(t->home, disk, &t->home_linked);
}

static void dmr_target_unlink(struct dmr_target *t)
{
	struct gendisk *disk = dm_disk(dm_table_get_md(t->ti->table));

	if (t->store_linked)
		dmr_claim_unlink(t->store, disk);
	if (t->home_linked)
		dmr_claim_unlink(t->home, disk);
}

static void dmr_target_free(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;

	mutex_lock(&dmr_registry_mutex);
	if (!list_empty(&t->replicas))
		list_del(&t->replicas);
	mutex_unlock(&dmr_registry_mutex);
	if (t->sys) {
		/* After a failed resume dm calls no postsuspend for the device. */
		if (t->bound)
			dmr_attach_unbind(t->sys, t);
		dmr_point_view_forget(t->sys, t);
		dmr_system_leave(t->sys);
	}
	dmr_target_unlink(t);
	if (t->home)
		dmr_claim_put(t->home);
	if (t->store)
		dmr_claim_put(t->store);
	if (t->replica)
		dmr_claim_put(t->replica);
	kfree(t->view);
	kfree(t);
}

/* Open store or home for this target; it must not be the target's own device. */
static int dmr_target_claim(struct dm_target *ti, dev_t dev, dev_t store, struct dm_dev **claim,
			    char *busy, char *error)
{
	struct dmr_target *t = ti->private;
	struct dm_dev *got = dev == t->own_dev ? ERR_PTR(-EINVAL) : dmr_claim_get(dev, store);

	if (IS_ERR(got)) {
		ti->error = PTR_ERR(got) == -EBUSY ? busy : error;
		return PTR_ERR(got);
	}
	*claim = got;
	return 0;
}

/* The store first: it identifies the system. */
static int dmr_target_claims(struct dm_target *ti, dev_t store, dev_t home)
{
	struct dmr_target *t = ti->private;
	int r;

	r = dmr_target_claim(ti, store, store, &t->store, "The store is in use",
			     "Cannot get the store device");
	if (!r)
		r = dmr_target_claim(ti, home, store, &t->home, "The home is in use",
				     "Cannot get the home device");
	return r;
}

static struct dmr_target *dmr_target_new(struct dm_target *ti, enum dmr_kind kind)
{
	struct dmr_target *t;

	if (ti->begin) {
		ti->error = "The target must be the whole of its device";
		return NULL;
	}
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t) {
		ti->error = "Out of memory";
		return NULL;
	}
	INIT_LIST_HEAD(&t->replicas);
	t->ti = ti;
	t->kind = kind;
	t->own_dev = disk_devt(dm_disk(dm_table_get_md(ti->table)));
	ti->private = t;
	return t;
}

static void dmr_target_ready(struct dm_target *ti)
{
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->flush_supported = true;
	ti->discards_supported = true;
	ti->per_io_data_size = sizeof(struct dmr_io);
}

/* Find the system; it must be that of the device's present dm table. */
static int dmr_target_join(struct dm_target *ti, struct dmr_target *t)
{
	t->sys = dmr_system_get(t->store->bdev);
	if (!t->sys) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	if (!dmr_attach_may_reload(t)) {
		ti->error = "The device serves another disk, view, home or size; detach first";
		return -EBUSY;
	}
	dmr_target_link(t);
	return 0;
}

static int dmr_parse_features(struct dm_target *ti, struct dmr_target *t, unsigned int argc,
			      char **argv)
{
	static const struct dm_arg args[] = {
		{ 0, DMR_FEATURES_MAX, "Invalid number of feature words" },
	};
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	unsigned int nr;
	const char *word;
	int r;

	if (!argc)
		return 0;
	r = dm_read_arg_group(args, &as, &nr, &ti->error);
	if (r)
		return r;
	if (as.argc != nr) {
		ti->error = "The number of feature words is wrong";
		return -EINVAL;
	}
	while (nr) {
		word = dm_shift_arg(&as);
		nr--;
		if (!strcasecmp(word, "takeover")) {
			t->takeover = true;
		} else if (!strcasecmp(word, "host") && nr) {
			word = dm_shift_arg(&as);
			nr--;
			if (strlen(word) != 32 || hex2bin(t->host, word, 16)) {
				ti->error = "host takes 32 hex digits";
				return -EINVAL;
			}
		} else if (!strcasecmp(word, "boot") && nr) {
			word = dm_shift_arg(&as);
			nr--;
			if (strlen(word) != 32 || hex2bin(t->boot, word, 16)) {
				ti->error = "boot takes 32 hex digits";
				return -EINVAL;
			}
		} else {
			ti->error = "Unknown feature";
			return -EINVAL;
		}
	}
	return 0;
}

static int replica_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dmr_target *t;
	dev_t store, home;
	int r;

	if (argc < 3) {
		ti->error = "Usage: replica <store> <disk number> <home> [<features>]";
		return -EINVAL;
	}
	t = dmr_target_new(ti, DMR_REPLICA);
	if (!t)
		return ti->error[0] == 'O' ? -ENOMEM : -EINVAL;
	r = kstrtou32(argv[1], 10, &t->disk_number);
	if (r || t->disk_number >= DMR_MAX_DISKS) {
		ti->error = "Invalid disk number";
		r = -EINVAL;
		goto bad;
	}
	r = dmr_parse_features(ti, t, argc - 3, argv + 3);
	if (r)
		goto bad;
	r = dmr_claim_number(argv[0], &store);
	if (r) {
		ti->error = "Cannot find the store device";
		goto bad;
	}
	r = dmr_claim_number(argv[2], &home);
	if (r) {
		ti->error = "Cannot find the home device";
		goto bad;
	}
	if (store == home) {
		ti->error = "Store and home are the same device";
		r = -EINVAL;
		goto bad;
	}
	r = dmr_target_claims(ti, store, home);
	if (r)
		goto bad;
	/* Store and home are written at any place, in any order. */
	if (bdev_is_zoned(t->store->bdev) || bdev_is_zoned(t->home->bdev)) {
		ti->error = "A zoned device can be neither store nor home";
		r = -EINVAL;
		goto bad;
	}
	r = dmr_target_join(ti, t);
	if (r)
		goto bad;
	mutex_lock(&dmr_registry_mutex);
	list_add(&t->replicas, &dmr_replica_targets);
	mutex_unlock(&dmr_registry_mutex);
	dmr_target_ready(ti);
	return 0;
bad:
	dmr_target_free(ti);
	return r;
}

/*
 * A target over a replica device has its own share in the claims on its home and store, so
 * it works on when the replica device's dm table is wiped.  It does not claim the replica
 * device: replication may open that exclusively.
 */
static int dmr_target_over(struct dm_target *ti, const char *path)
{
	struct dmr_target *t = ti->private, *rep;
	dev_t replica, store = 0, home = 0;
	struct dm_dev *dev;
	int r;

	r = dmr_claim_number(path, &replica);
	if (!r) {
		dev = replica == t->own_dev ? ERR_PTR(-EINVAL) :
		      dmr_claim_look(replica, t->own_dev);
		r = PTR_ERR_OR_ZERO(dev);
	}
	if (r) {
		ti->error = "Cannot get the replica device";
		return r;
	}
	t->replica = dev;

	r = -ENXIO;
	mutex_lock(&dmr_registry_mutex);
	list_for_each_entry(rep, &dmr_replica_targets, replicas) {
		if (rep->own_dev == replica) {
			t->disk_number = rep->disk_number;
			memcpy(t->host, rep->host, sizeof(t->host));
			memcpy(t->boot, rep->boot, sizeof(t->boot));
			store = rep->store->bdev->bd_dev;
			home = rep->home->bdev->bd_dev;
			r = 0;
			break;
		}
	}
	mutex_unlock(&dmr_registry_mutex);
	if (r) {
		ti->error = "The device named is not a replica device";
		return r;
	}
	r = dmr_target_claims(ti, store, home);
	return r ?: dmr_target_join(ti, t);
}

static int failover_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dmr_target *t;
	enum dmr_kind kind;
	int r;

	if (argc != 2) {
		ti->error = "Usage: replica-overlay <replica device> live|test";
		return -EINVAL;
	}
	if (!strcmp(argv[1], "live")) {
		kind = DMR_LIVE;
	} else if (!strcmp(argv[1], "test")) {
		kind = DMR_TEST;
	} else {
		ti->error = "The second word must be live or test";
		return -EINVAL;
	}
	t = dmr_target_new(ti, kind);
	if (!t)
		return ti->error[0] == 'O' ? -ENOMEM : -EINVAL;
	r = dmr_target_over(ti, argv[0]);
	if (r) {
		dmr_target_free(ti);
		return r;
	}
	dmr_target_ready(ti);
	return 0;
}

static int reader_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dmr_target *t;
	int r = -ENOMEM;

	if (argc != 2 || !dmr_point_view_name_ok(argv[1])) {
		ti->error = "Usage: replica-reader <replica device> <point number or name>";
		return -EINVAL;
	}
	t = dmr_target_new(ti, DMR_READER);
	if (!t)
		return ti->error[0] == 'O' ? -ENOMEM : -EINVAL;
	t->view = kstrdup(argv[1], GFP_KERNEL);
	if (t->view)
		r = dmr_target_over(ti, argv[0]);
	else
		ti->error = "Out of memory";
	if (r) {
		dmr_target_free(ti);
		return r;
	}
	/* Reads only: no write, no flush, no discard. */
	ti->per_io_data_size = sizeof(struct dmr_io);
	return 0;
}

static int dmr_target_map(struct dm_target *ti, struct bio *bio)
{
	return dmr_io_map(ti->private, bio);
}

/*
 * Refuse in the target, and leave the disk as it is: dm marks a disk read-only by an event
 * after which udev drops the links of its device.
 */
static int reader_map(struct dm_target *ti, struct bio *bio)
{
	if (bio_op(bio) != REQ_OP_READ)
		return DM_MAPIO_KILL;
	return dmr_io_map(ti->private, bio);
}

static int dmr_target_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	return dmr_io_end(bio, error);
}

static int dmr_target_preresume(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;

	dmr_target_link(t);
	if (!t->view)
		dmr_zeroes_offer(t);
	/* In preresume, since bios need the binding at once, and resume() cannot fail. */
	return dmr_attach_bind(t->sys, t);
}

static void dmr_target_postsuspend(struct dm_target *ti)
{
	struct dmr_target *t = ti->private;

	dmr_attach_unbind(t->sys, t);
}

static bool dmr_view_online(struct dmr_system *sys, enum dmr_kind kind)
{
	if (kind >= DMR_READER)
		return READ_ONCE(dmr_point_view_of(&sys->point_views, kind)->epoch);
	if (kind == DMR_TEST)
		return sys->sb->test.epoch;
	return sys->sb->live.epoch || (sys->sb->state != DM_REPLICA_STATE_DISABLED &&
				       dmr_sb_runs_on_head(sys->sb));
}

/* The second argument of a target over a replica device. */
static const char *dmr_target_word(const struct dmr_target *t)
{
	return t->view ?: t->kind == DMR_LIVE ? "live" : "test";
}

static void dmr_target_status(struct dm_target *ti, status_type_t type, unsigned int flags,
			      char *result, unsigned int maxlen)
{
	struct dmr_target *t = ti->private;
	struct dmr_system *sys = t->sys;
	bool up = dmr_loaded(sys) && READ_ONCE(t->bound);
	unsigned int sz = 0, words;
	u32 state;
	u32 slots, used;
	u64 blocks;

	switch (type) {
	case STATUSTYPE_INFO:
		if (!up) {
			DMEMIT("-");
			break;
		}
		state = dmr_system_state(sys);
		if (t->kind == DMR_REPLICA) {
			used = dmr_slots_used(&sys->slots, &slots);
			DMEMIT("%u %u/%u %llu %u %s", state, used, slots,
			       (u64)atomic64_read(&sys->map.versions), sys->sb->nr_points,
			       READ_ONCE(sys->critical) ? "critical" : "ok");
		} else if (t->view) {
			DMEMIT("%u %s", state,
			       dmr_view_online(sys, t->kind) ? "online" : "offline");
		} else {
			/* After a commit the overlay belongs to the history. */
			blocks = sys->sb->state == DM_REPLICA_STATE_COMMITTED ? 0 :
				 dmr_space_overlay_blocks(t->disk, t->kind);
			DMEMIT("%u %s %llu", state,
			       dmr_view_online(sys, t->kind) ? "online" : "offline",
			       blocks * DMR_BLOCK_SECTORS);
		}
		break;
	case STATUSTYPE_TABLE:
		if (t->kind == DMR_REPLICA) {
			DMEMIT("%s %u %s", t->store->name, t->disk_number, t->home->name);
			words = (memchr_inv(t->host, 0, 16) ? 2 : 0) +
				(memchr_inv(t->boot, 0, 16) ? 2 : 0) + t->takeover;
			if (words)
				DMEMIT(" %u", words);
			if (memchr_inv(t->host, 0, 16))
				DMEMIT(" host %*phN", 16, t->host);
			if (memchr_inv(t->boot, 0, 16))
				DMEMIT(" boot %*phN", 16, t->boot);
			if (t->takeover)
				DMEMIT(" takeover");
		} else {
			DMEMIT("%s %s", t->replica->name, dmr_target_word(t));
		}
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		if (t->kind == DMR_REPLICA)
			DMEMIT(",store=%s,disk=%u,home=%s;", t->store->name, t->disk_number,
			       t->home->name);
		else
			DMEMIT(",replica=%s,view=%s;", t->replica->name, dmr_target_word(t));
		break;
	}
}

static int dmr_target_iterate(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct dmr_target *t = ti->private;
	/* Only whole blocks: dm refuses a fraction of a block with 4 KiB sectors. */
	sector_t store = round_down(bdev_nr_sectors(t->store->bdev), DMR_BLOCK_SECTORS);
	int r = fn(ti, t->home, 0, ti->len, data);

	return r ?: fn(ti, t->store, 0, store, data);
}

static void dmr_target_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct dmr_target *t = ti->private;

	/*
	 * A discard ends in the map where a chunk has a version, else at home: a
	 * granularity below that of home would be useless.
	 */
	limits->discard_granularity = max_t(unsigned int, DMR_BLOCK_SIZE,
					    bdev_discard_granularity(t->home->bdev));
	limits->max_discard_sectors = UINT_MAX >> SECTOR_SHIFT;
	limits->max_hw_discard_sectors = UINT_MAX >> SECTOR_SHIFT;
	limits->discard_alignment = 0;
	/* See dmr_zeroes_offer(). */
	limits->max_write_zeroes_sectors = UINT_MAX >> SECTOR_SHIFT;
	limits->io_min = max_t(unsigned int, limits->io_min, DMR_BLOCK_SIZE);
}

static void reader_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	limits->io_min = max_t(unsigned int, limits->io_min, DMR_BLOCK_SIZE);
}

#define DMR_TARGET(_name, _ctr, _map, _io_hints)			\
	{								\
		.name = _name,						\
		.version = { 1, 0, 0 },					\
		.features = DM_TARGET_SINGLETON,			\
		.module = THIS_MODULE,					\
		.ctr = _ctr,						\
		.dtr = dmr_target_free,					\
		.map = _map,						\
		.end_io = dmr_target_end_io,				\
		.preresume = dmr_target_preresume,			\
		.postsuspend = dmr_target_postsuspend,			\
		.status = dmr_target_status,				\
		.iterate_devices = dmr_target_iterate,			\
		.io_hints = _io_hints,					\
	}

static struct target_type dmr_targets[] = {
	DMR_TARGET("replica", replica_ctr, dmr_target_map, dmr_target_io_hints),
	DMR_TARGET("replica-overlay", failover_ctr, dmr_target_map, dmr_target_io_hints),
	DMR_TARGET("replica-reader", reader_ctr, reader_map, reader_io_hints),
};

/** dmr_target_init() - register all targets.  Return: 0 or a negative errno. */
int dmr_target_init(void)
{
	int i, r = 0;

	for (i = 0; i < ARRAY_SIZE(dmr_targets) && !r; i++)
		r = dm_register_target(&dmr_targets[i]);
	if (!r)
		return 0;
	for (i--; i--; )
		dm_unregister_target(&dmr_targets[i]);
	return r;
}

/** dmr_target_exit() - unregister all targets */
void dmr_target_exit(void)
{
	int i;

	for (i = ARRAY_SIZE(dmr_targets); i--; )
		dm_unregister_target(&dmr_targets[i]);
}
