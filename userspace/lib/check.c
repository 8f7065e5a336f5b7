// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check of a store.  It builds the map from the log with its own code, not the
 * module's, so that each of the two verifies the other.
 *
 * A store may hold millions of records of one chunk, in any order, and a forged store any
 * keys.  So each record takes a few steps, and versions are sorted by chunk once, at the
 * end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "private.h"

#define NO_INDEX	(~0u)
#define MAX_DUPLICATES	20	/* listed one by one, the others counted */

/* Hash table with open addressing; no key is ~0. */
struct hash {
	u64 *keys;
	u32 *values;
	size_t used;
	size_t room;		/* power of two, or 0 */
};

struct version {
	u64 data;
	u64 zero;
	u64 chunk;
	u64 slot;
	u64 record;		/* place of its last record in the log */
	u64 needed;		/* blocks that are needed: check_chunk() */
	u32 epoch;
	u32 group;		/* number of its chunk */
	u8 disk;
	bool drop;		/* a drop, not a version */
	bool displaced;		/* another version has its slot now */
	u32 taker;		/* that version */
	bool outdated;		/* recorded again later, without all of its blocks */
};

struct check {
	const struct dmr_sb *sb;
	struct dmreplica_report *report;
	struct dmrl_list versions;
	struct dmrl_list epochs;
	struct dmrl_list findings;
	struct hash chunks;	/* disk and chunk -> number of the chunk */
	struct hash index;	/* that number and an epoch -> version */
	struct hash slots;	/* slot -> version that has it */
	struct hash uses;	/* epoch -> index in the list of epochs */
	u32 groups;
	bool no_memory;
};

/* An odd, random seed: a forged store can choose the keys, but not their hashes. */
static u64 hash_seed(void)
{
	static u64 seed;

	if (!seed) {
		memcpy(&seed, (const void *)getauxval(AT_RANDOM), sizeof(seed));
		seed |= 1;
	}
	return seed;
}

static size_t hash_find(const struct hash *h, u64 key)
{
	u64 mix = key * GOLDEN_RATIO_64;
	/* The highest bits of a product depend on all bits of the key. */
	size_t i = ((mix ^ mix >> 32) * hash_seed()) >> (64 - __builtin_ctzll(h->room));

	for (; h->keys[i] != ~0ULL && h->keys[i] != key; i = (i + 1) & (h->room - 1))
		;
	return i;
}

static bool hash_grow(struct hash *h)
{
	struct hash big = { .room = h->room ? h->room * 2 : 1024, .used = h->used };
	size_t i, to;

	big.keys = malloc(big.room * sizeof(*big.keys));
	big.values = malloc(big.room * sizeof(*big.values));
	if (!big.keys || !big.values) {
		free(big.keys);
		free(big.values);
		return false;
	}
	memset(big.keys, 0xff, big.room * sizeof(*big.keys));
	for (i = 0; i < h->room; i++) {
		if (h->keys[i] == ~0ULL)
			continue;
		to = hash_find(&big, h->keys[i]);
		big.keys[to] = h->keys[i];
		big.values[to] = h->values[i];
	}
	free(h->keys);
	free(h->values);
	*h = big;
	return true;
}

/* Find or add a key.  Return: its value, NO_INDEX if it is new; NULL without memory. */
static u32 *hash_slot(struct hash *h, u64 key)
{
	size_t i;

	if (h->used * 4 >= h->room * 3 && !hash_grow(h))
		return NULL;
	i = hash_find(h, key);
	if (h->keys[i] == ~0ULL) {
		h->keys[i] = key;
		h->values[i] = NO_INDEX;
		h->used++;
	}
	return &h->values[i];
}

static void hash_free(struct hash *h)
{
	free(h->keys);
	free(h->values);
}

static void DMRL_PRINTF(5, 6) finding(struct check *c, enum dmreplica_severity severity,
				      u64 block, u64 number, const char *fmt, ...)
{
	struct dmreplica_finding *f = dmrl_list_add(&c->findings);
	va_list args;

	if (severity == DMREPLICA_DAMAGE)
		c->report->damage++;
	if (severity == DMREPLICA_REFUSED)
		c->report->refusals++;
	if (severity == DMREPLICA_DOUBT)
		c->report->doubts++;
	if (!f) {
		c->no_memory = true;
		return;
	}
	f->severity = severity;
	f->block = block;
	f->log_number = number;
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

static struct version *version_at(struct check *c, u32 index)
{
	return (struct version *)c->versions.items + index;
}

static u64 chunk_key(u8 disk, u64 chunk)
{
	return (u64)disk << 40 | chunk;
}

static bool is_main(const struct dmr_sb *sb, u32 epoch)
{
	return dmr_epoch_is_main(sb->promoted, sb->dead_first, sb->dead_last, epoch);
}

static const char *role_of(const struct dmr_sb *sb, u32 epoch)
{
	if (is_main(sb, epoch))
		return "main";
	if (sb->live.epoch && epoch == sb->live.epoch)
		return "live";
	if (sb->test.epoch && epoch == sb->test.epoch)
		return "test";
	return "dead";
}

static bool is_dead(const struct dmr_sb *sb, u32 epoch)
{
	return !strcmp(role_of(sb, epoch), "dead");
}

static void take_slot(struct check *c, u64 slot, u32 index)
{
	u32 *owner;

	if (slot == DMR_SLOT_NONE_40)
		return;
	owner = hash_slot(&c->slots, slot);
	if (!owner) {
		c->no_memory = true;
		return;
	}
	if (*owner != NO_INDEX && *owner != index) {
		version_at(c, *owner)->displaced = true;
		version_at(c, *owner)->taker = index;
	}
	*owner = index;
}

/* Add a version or a drop.  Return: it, or NULL without memory. */
static struct version *new_version(struct check *c, const struct dmr_record *rec, u32 group)
{
	struct version *v = c->versions.nr < NO_INDEX - 1 ? dmrl_list_add(&c->versions) : NULL;

	if (!v) {
		c->no_memory = true;
		return NULL;
	}
	v->disk = rec->disk;
	v->chunk = rec->chunk;
	v->group = group;
	v->epoch = rec->epoch;
	v->slot = DMR_SLOT_NONE_40;
	v->record = c->report->records;
	return v;
}

static void apply_version(struct check *c, const struct dmr_record *rec, u32 group)
{
	u32 *place = hash_slot(&c->index, (u64)group << 32 | rec->epoch), *owner;
	struct version *v = NULL;

	if (!place) {
		c->no_memory = true;
		return;
	}
	if (*place != NO_INDEX) {
		v = version_at(c, *place);
		v->outdated = (v->data | v->zero) & ~(rec->data | rec->zero);
		if ((v->slot != rec->slot || v->outdated) && v->slot != DMR_SLOT_NONE_40) {
			owner = hash_slot(&c->slots, v->slot);
			if (owner && *owner == *place)
				*owner = NO_INDEX;
		}
	}
	if (!v || v->outdated) {
		v = new_version(c, rec, group);
		if (!v)
			return;
		*place = c->versions.nr - 1;
	}
	v->slot = rec->slot;
	v->data = rec->data;
	v->zero = rec->zero;
	v->record = c->report->records;
	v->displaced = false;
	take_slot(c, rec->slot, *place);
}

/* Keep a drop until the whole log has been read: see apply_drops(). */
static void note_drop(struct check *c, const struct dmr_record *rec, u32 group)
{
	struct version *v = new_version(c, rec, group);

	if (!v)
		return;
	v->drop = true;
	v->data = rec->data | rec->zero;
}

static void check_record(void *arg, const struct dmr_record *rec, uint64_t number)
{
	struct check *c = arg;
	const char *fault = dmr_logblock_validate_record(c->sb, rec);
	u32 *group;

	c->report->records++;
	if (fault) {
		finding(c, DMREPLICA_DAMAGE, dmr_ring_place(c->sb, number), number,
			"impossible record: %s", fault);
		return;
	}
	group = hash_slot(&c->chunks, chunk_key(rec->disk, rec->chunk));
	if (!group) {
		c->no_memory = true;
		return;
	}
	if (*group == NO_INDEX)
		*group = c->groups++;
	if (is_dead(c->sb, rec->epoch))
		c->report->dead_records++;
	if (rec->type == DMR_RECORD_DROP) {
		c->report->drop_records++;
		note_drop(c, rec, *group);
	} else {
		c->report->version_records++;
		apply_version(c, rec, *group);
	}
}

static int compare_records(const void *a, const void *b)
{
	const struct version *x = *(const struct version *const *)a;
	const struct version *y = *(const struct version *const *)b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->record > y->record ? -1 : x->record < y->record;
}

static int compare_versions(const void *a, const void *b)
{
	const struct version *x = *(const struct version *const *)a;
	const struct version *y = *(const struct version *const *)b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->epoch != y->epoch)
		return x->epoch > y->epoch ? -1 : 1;
	return x->record > y->record ? -1 : x->record < y->record;
}

/*
 * Apply the drops of one chunk, last record first: a drop removes blocks from versions
 * that are older in the log and of the same or an older main epoch.
 */
static void apply_drops(struct check *c, struct version **v, size_t nr)
{
	u32 upto[64] = { 0 }, b;
	u64 left;
	size_t i;

	for (i = 0; i < nr; i++) {
		bool main = is_main(c->sb, v[i]->epoch);

		for (left = v[i]->data | v[i]->zero; left; left &= left - 1) {
			b = __ffs64(left);
			if (v[i]->drop) {
				upto[b] = max(upto[b], v[i]->epoch);
			} else if (main && v[i]->epoch <= upto[b]) {
				v[i]->data &= ~(1ULL << b);
				v[i]->zero &= ~(1ULL << b);
			}
		}
	}
}

/* Find the oldest point from an epoch on; without one the head, a point at infinity. */
static u32 point_from(const struct dmr_sb *sb, u32 epoch)
{
	u32 lo = 0, hi = sb->nr_points, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (sb->points[mid].epoch < epoch)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < sb->nr_points ? sb->points[lo].epoch : ~0u;
}

/*
 * Find the needed blocks of one chunk, newest epoch first (Documentation/overview.md,
 * "One multi-version map"): of a main version those that no newer version has, as the oldest
 * point from its epoch on sees it; younger points and the head see more versions.  Of one
 * that was recorded again later those that the later record lacks.
 */
static void check_chunk(struct check *c, struct version **v, size_t nr)
{
	u32 point = 0, epoch = 0;
	u64 above = 0, last = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		u64 mask = v[i]->data | v[i]->zero;

		if (v[i]->drop || is_dead(c->sb, v[i]->epoch))
			continue;
		if (v[i]->epoch != epoch)
			last = mask;
		v[i]->needed = v[i]->epoch == epoch ? mask & ~last : mask;
		epoch = v[i]->epoch;
		if (!is_main(c->sb, v[i]->epoch))
			continue;
		if (point != point_from(c->sb, v[i]->epoch)) {
			point = point_from(c->sb, v[i]->epoch);
			above = 0;
		}
		v[i]->needed &= ~above;
		above |= last;
	}
}

/* Call a function for each chunk. */
static void by_chunk(struct check *c, struct version **v,
		     int (*compare)(const void *, const void *),
		     void (*one)(struct check *, struct version **, size_t))
{
	size_t from, end;

	qsort(v, c->versions.nr, sizeof(*v), compare);
	for (from = 0; from < c->versions.nr; from = end) {
		for (end = from + 1; end < c->versions.nr && v[end]->group == v[from]->group; end++)
			;
		one(c, v + from, end - from);
	}
}

/* Find the blocks left in each version, and those that are needed. */
static void check_chunks(struct check *c)
{
	struct version **v;
	size_t i;

	if (!c->versions.nr || c->no_memory)
		return;
	v = malloc(c->versions.nr * sizeof(*v));
	if (!v) {
		c->no_memory = true;
		return;
	}
	for (i = 0; i < c->versions.nr; i++)
		v[i] = version_at(c, i);
	if (c->report->drop_records)
		by_chunk(c, v, compare_records, apply_drops);
	by_chunk(c, v, compare_versions, check_chunk);
	free(v);
}

static struct dmreplica_epoch_use *epoch_use(struct check *c, u32 epoch)
{
	u32 *place = hash_slot(&c->uses, epoch);
	struct dmreplica_epoch_use *use;

	if (place && *place != NO_INDEX)
		return (struct dmreplica_epoch_use *)c->epochs.items + *place;
	use = place ? dmrl_list_add(&c->epochs) : NULL;
	if (!use) {
		c->no_memory = true;
		return NULL;
	}
	*place = c->epochs.nr - 1;
	use->epoch = epoch;
	use->role = role_of(c->sb, epoch);
	return use;
}

static void check_versions(struct check *c)
{
	struct dmreplica_report *report = c->report;
	const struct version *v, *t;
	struct dmreplica_epoch_use *use;
	unsigned long long outdated = 0;
	size_t i;

	for (i = 0; i < c->versions.nr && !c->no_memory; i++) {
		v = version_at(c, i);
		if (v->drop || (v->outdated && !v->needed))
			continue;
		if (v->outdated) {
			if (++outdated <= MAX_DUPLICATES)
				finding(c, DMREPLICA_DAMAGE, ~0ULL, 0,
					"disk %u chunk %llu epoch %u was recorded again without blocks that it had",
					v->disk, v->chunk, v->epoch);
			continue;
		}
		if (v->displaced) {
			if (!v->needed)
				continue;
			report->duplicates++;
			if (report->duplicates > MAX_DUPLICATES)
				continue;
			t = version_at(c, v->taker);
			finding(c, DMREPLICA_DAMAGE, v->slot * dmr_chunk_blocks(c->sb), 0,
				"slot %llu belongs to disk %u chunk %llu epoch %u, but disk %u chunk %llu epoch %u still needs it",
				v->slot, t->disk, t->chunk, t->epoch, v->disk, v->chunk, v->epoch);
			continue;
		}
		if (!(v->data | v->zero))
			continue;
		use = epoch_use(c, v->epoch);
		if (!use)
			return;
		use->versions++;
		use->data_blocks += hweight64(v->data & ~v->zero);
		use->zero_blocks += hweight64(v->zero);
		if (v->slot != DMR_SLOT_NONE_40)
			use->slots++;
		if (is_dead(c->sb, v->epoch))
			continue;
		report->versions++;
		if (v->slot != DMR_SLOT_NONE_40)
			report->slots_used++;
		if (c->sb->live.epoch && v->epoch == c->sb->live.epoch)
			report->live_bytes += (u64)hweight64(v->data | v->zero) * DMR_BLOCK_SIZE;
		if (c->sb->test.epoch && v->epoch == c->sb->test.epoch)
			report->test_bytes += (u64)hweight64(v->data | v->zero) * DMR_BLOCK_SIZE;
	}
	if (report->duplicates > MAX_DUPLICATES)
		finding(c, DMREPLICA_DAMAGE, ~0ULL, 0, "%llu slots in all are needed by two versions",
			(unsigned long long)report->duplicates);
	if (outdated > MAX_DUPLICATES)
		finding(c, DMREPLICA_DAMAGE, ~0ULL, 0, "%llu versions in all were recorded again without blocks that they had",
			outdated);
}

static int compare_epochs(const void *a, const void *b)
{
	u32 x = ((const struct dmreplica_epoch_use *)a)->epoch;
	u32 y = ((const struct dmreplica_epoch_use *)b)->epoch;

	return x < y ? -1 : x > y;
}

static void check_copies(struct check *c, const struct dmreplica_store *store)
{
	const struct dmreplica_copy *copy;
	unsigned int i;

	for (i = 0; i < DMR_SB_COPIES; i++) {
		u64 block = (u64)i * DMR_SB_AREA / DMR_BLOCK_SIZE;

		copy = &store->copy[i];
		if (copy->valid)
			finding(c, DMREPLICA_NOTE, block, 0,
				"superblock %c is valid, sequence %llu, state %u, state number %llu",
				'A' + i, copy->sb->seq, copy->sb->state, copy->sb->state_number);
		else if (copy->readable && copy->verdict == DMR_TORN)
			finding(c, DMREPLICA_DOUBT, block, 0, "superblock %c is torn: %s", 'A' + i,
				copy->reason);
		else if (copy->readable && copy->verdict == DMR_NOT_OURS &&
			 store->copy[!i].valid)
			finding(c, DMREPLICA_DOUBT, block, 0, "superblock %c is gone: %s", 'A' + i,
				copy->reason);
		else
			finding(c, DMREPLICA_DAMAGE, block, 0, "superblock %c: %s", 'A' + i,
				copy->reason);
	}
	if (store->copy[0].valid && store->copy[1].valid &&
	    !dmr_sb_same_identity(store->sb[0], store->sb[1]))
		finding(c, DMREPLICA_DAMAGE, ~0ULL, 0,
			"superblocks A and B describe different stores");
}

/* Report a refusal of attach. */
static int refusal(struct check *c, struct dmreplica *ctx, int code)
{
	if (code)
		finding(c, DMREPLICA_REFUSED, ~0ULL, 0, "%.239s", ctx->message);
	return code;
}

static int check_home(struct check *c, struct dmreplica *ctx,
		      const struct dmreplica_conf *conf, struct dmreplica_blockdev *homes,
		      unsigned int number)
{
	const struct dmr_disk_info *disk = &c->sb->disks[number];
	struct dmreplica_blockdev *home = &homes[number];
	const struct dmrl_accepted none = { 0 };
	enum dmreplica_home verdict;
	int code;

	code = dmrl_home_check(ctx, conf, c->sb, number, &none, home);
	if (!code)
		code = dmrl_verdict_homes_differ(ctx, c->sb, homes, number);
	if (!code)
		code = dmrl_fingerprint_check(ctx, c->sb, number, home, &none, &verdict);
	if (code)
		return refusal(c, ctx, code);
	if (disk->lost)
		finding(c, DMREPLICA_DOUBT, ~0ULL, 0,
			"home %.80s of disk %s has lost writes: its %s device takes none until reset-errors",
			home->path, disk->name, dmrl_loser(disk));
	finding(c, DMREPLICA_NOTE, ~0ULL, 0, "home %.80s of disk %s is %s", home->path, disk->name,
		verdict == DMREPLICA_HOME_VERIFIED ? "unchanged since the last detach" :
		"not verified");
	return 0;
}

/* Check the homes that the system's file names.  Return: the code of the first refusal. */
static int check_homes(struct check *c, struct dmreplica *ctx, const struct dmreplica_store *store,
		       const struct dmreplica_conf *conf)
{
	struct dmreplica_blockdev *homes = calloc(DMR_MAX_DISKS, sizeof(*homes));
	char message[sizeof(ctx->message)], hint[sizeof(ctx->hint)];
	unsigned int i;
	int first = 0, code;

	if (!homes)
		return dmrl_no_memory(ctx);
	for (i = 0; i < c->sb->nr_disks; i++) {
		code = check_home(c, ctx, conf, homes, i);
		if (!code || first)
			continue;
		first = code;
		strcpy(message, ctx->message);
		strcpy(hint, ctx->hint);
	}
	if (first) {
		strcpy(ctx->message, message);
		strcpy(ctx->hint, hint);
	} else {
		first = refusal(c, ctx, dmrl_verdict_taken(ctx, conf->name, store, homes,
							   c->sb->nr_disks));
	}
	free(homes);
	return first;
}

/* Do not compare homes with a copy of a store, which is an older backup. */
static void note_copy(struct check *c, struct dmreplica *ctx, const struct dmreplica_store *store,
		      const struct dmreplica_conf *conf)
{
	finding(c, DMREPLICA_NOTE, ~0ULL, 0,
		"it is a copy: system %s has its store on %.80s; homes are not compared",
		conf->name, conf->store);
	if (dmrl_seen_check(ctx, store))
		finding(c, DMREPLICA_NOTE, ~0ULL, 0, "%.239s", ctx->message);
}

/* Is a file that of the store's system? */
static bool is_of(const struct dmreplica_conf *conf, const struct dmr_sb *sb)
{
	return !memcmp(conf->uuid, sb->system_uuid, 16) && !strcmp(conf->name, sb->name);
}

/*
 * Find the file of the system, if it names this store; else another file that names the
 * store, a remnant or a wrong one; else the system's file, with its store elsewhere.
 */
static bool find_conf(struct check *c, struct dmreplica *ctx, const struct dmreplica_store *store,
		      struct dmreplica_conf *conf)
{
	struct dmreplica_conf *list;
	bool found = false;
	size_t nr, i;

	if (!dmreplica_conf_list(ctx, &list, &nr)) {
		for (i = 0; i < nr; i++) {
			if (!dmrl_names_device(list[i].store, &store->bdev))
				continue;
			if (found && !is_of(&list[i], c->sb))
				continue;
			*conf = list[i];
			found = true;
		}
		free(list);
	}
	return found || !dmrl_conf_of(ctx, c->sb->name, c->sb->system_uuid, conf);
}

/* Report whether attach would refuse; @conf: the file, or NULL. */
static int check_system(struct check *c, struct dmreplica *ctx,
			const struct dmreplica_store *store, const struct dmreplica_conf *conf)
{
	int code = conf ? dmrl_verdict_store(ctx, store, c->sb, conf) : 0;

	/* A removed system is only a note: it is not to be attached. */
	if (code == DM_REPLICA_CODE_INVALID_STATE) {
		finding(c, DMREPLICA_NOTE, ~0ULL, 0, "%.239s", ctx->message);
		return 0;
	}
	/* Ignore the host in an image of a store: it is a backup, and not attached. */
	if (!code && (conf || !store->bdev.file))
		code = dmrl_verdict_host(ctx, c->sb);
	if (!code)
		code = dmrl_seen_check(ctx, store);
	if (code)
		return refusal(c, ctx, code);
	/* Check homes also without a fingerprint, as in an active store: other devices are found. */
	return conf ? check_homes(c, ctx, store, conf) : 0;
}

static int check_identity(struct check *c, struct dmreplica *ctx,
			  const struct dmreplica_store *store)
{
	struct dmreplica_conf *conf = malloc(sizeof(*conf));
	bool known;
	int code;

	if (!conf)
		return dmrl_no_memory(ctx);
	known = find_conf(c, ctx, store, conf);
	dmrl_clear(ctx);
	if (dmrl_boot_other(c->sb))
		finding(c, DMREPLICA_DOUBT, ~0ULL, 0,
			"it was not detached: another boot of this host has it attached, or another host with the same machine id");
	code = refusal(c, ctx, dmrl_foreign_check(ctx, store));
	if (!code && known && !dmrl_names_device(conf->store, &store->bdev))
		note_copy(c, ctx, store, conf);
	else if (!code)
		code = check_system(c, ctx, store, known ? conf : NULL);
	if (!code)
		dmrl_clear(ctx);
	free(conf);
	return code;
}

int dmreplica_store_check(struct dmreplica *ctx, struct dmreplica_store *store,
			  struct dmreplica_report *report)
{
	struct check c = {
		.report = report,
		.versions.size = sizeof(struct version),
		.epochs.size = sizeof(struct dmreplica_epoch_use),
		.findings.size = sizeof(struct dmreplica_finding),
	};
	uint64_t next = 0;
	int code;

	memset(report, 0, sizeof(*report));
	code = dmreplica_store_super(ctx, store, &c.sb);
	if (code == DM_REPLICA_CODE_INVALID_PARAMETER)
		return code;
	check_copies(&c, store);
	if (code)
		goto out;
	report->slots = dmr_slot_count(c.sb);
	report->log_blocks = dmr_ring_blocks(c.sb);
	report->log_tail = c.sb->log_tail;
	if (store->bdev.bytes > c.sb->store_bytes)
		finding(&c, DMREPLICA_NOTE, ~0ULL, 0, "the device has %llu bytes more than the store uses",
			(unsigned long long)(store->bdev.bytes - c.sb->store_bytes));
	code = dmreplica_store_replay(ctx, store, check_record, &c, &next);
	if (code)
		goto out;
	report->checked_log = true;
	report->log_next = next;
	finding(&c, DMREPLICA_NOTE, ~0ULL, 0, "the end of the log is proved: blocks %llu to %llu",
		(unsigned long long)c.sb->log_tail, (unsigned long long)next - 1);
	check_chunks(&c);
	check_versions(&c);
	if (c.epochs.nr)
		qsort(c.epochs.items, c.epochs.nr, c.epochs.size, compare_epochs);
	if (report->damage) {
		code = dmrl_fail(ctx, DM_REPLICA_CODE_FAILED, "store %s is damaged: %u findings",
				 store->bdev.path, report->damage);
		dmrl_hint(ctx, "do not attach it; copy the device before any attempt to save it");
	} else {
		code = check_identity(&c, ctx, store);
	}
out:
	report->epochs = c.epochs.items;
	report->nr_epochs = c.epochs.nr;
	/* A device that does not answer is no damage. */
	if (code == DM_REPLICA_CODE_NOT_AVAILABLE && !report->refusals)
		refusal(&c, ctx, code);
	else if (code && code != DM_REPLICA_CODE_NOT_AVAILABLE && store->damage.reason)
		finding(&c, DMREPLICA_DAMAGE, store->damage.where, store->damage.number, "%s",
			store->damage.reason);
	else if (code && !report->damage && !report->refusals)
		finding(&c, DMREPLICA_DAMAGE, ~0ULL, 0, "%.239s", ctx->message);
	report->findings = c.findings.items;
	report->nr_findings = c.findings.nr;
	free(c.versions.items);
	hash_free(&c.chunks);
	hash_free(&c.index);
	hash_free(&c.slots);
	hash_free(&c.uses);
	if (c.no_memory)
		return dmrl_no_memory(ctx);
	return code;
}

void dmreplica_report_free(struct dmreplica_report *report)
{
	free(report->epochs);
	free(report->findings);
	memset(report, 0, sizeof(*report));
}
