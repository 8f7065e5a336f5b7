// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tests; prints KTAP.
 *
 * usage: unit [WORD...]	only tests whose name has one of the words
 */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <store/map.h>
#include "unit.h"

static struct unit_test *tests, **tests_end = &tests;
static jmp_buf failed;

struct chunk {
	struct chunk *next;
	u64 pad;
};

static struct chunk *chunks;

__thread u64 dmr_shim_loads, dmr_shim_loads_max;

void unit_register(struct unit_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

void unit_fail(const char *file, int line, const char *what, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: %s", file, line, what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	longjmp(failed, 1);
}

void unit_note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void dmr_shim_loads_over(void)
{
	unit_fail(__FILE__, __LINE__, "loads are few", " %llu, and no end", dmr_shim_loads);
}

void unit_loads(u64 max)
{
	dmr_shim_loads = 0;
	dmr_shim_loads_max = max;
}

void *unit_alloc(size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + size);

	if (!c)
		abort();
	c->next = chunks;
	chunks = c;
	return c + 1;
}

void *unit_mark(void)
{
	return chunks;
}

void unit_release(void *mark)
{
	while (chunks != mark) {
		struct chunk *c = chunks;

		chunks = c->next;
		free(c);
	}
}

u64 unit_scale(u64 n)
{
	const char *s = getenv("DMR_UNIT_SCALE");
	u32 times = 1, part = 1;

	if (s && (sscanf(s, "%u/%u", &times, &part) < 1 || !times || !part))
		unit_fail(__FILE__, __LINE__, "DMR_UNIT_SCALE", " is %s, not N or N/M", s);
	return max(n * times / part, 1ULL);
}

void rng_init(struct rng *r, u64 seed)
{
	r->s = seed * 0x9e3779b97f4a7c15ULL + 0x1234567;
	rng_u64(r);
}

u64 rng_u64(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

void rng_bytes(struct rng *r, void *buf, size_t len)
{
	u8 *p = buf;

	while (len--)
		*p++ = rng_u64(r);
}

struct dmr_sb *unit_sb(void)
{
	struct dmr_sb *sb = unit_alloc(sizeof(*sb));
	const char *why;
	u32 i;

	sb->chunk_bytes = 65536;
	sb->store_bytes = 8 << 20;
	why = dmr_geometry(sb);
	CHECK(!why, "%s", why);
	sb->seq = 7;
	memset(sb->store_uuid, 0x11, 16);
	memset(sb->system_uuid, 0x22, 16);
	strcpy(sb->name, "vm1");
	sb->create_time = 1700000000000000000ULL;
	sb->nr_disks = 2;
	for (i = 0; i < sb->nr_disks; i++) {
		struct dmr_disk_info *d = &sb->disks[i];

		sprintf(d->name, "vd%c", 'a' + i);
		memset(d->uuid, 0x33 + i, 16);
		d->sectors = 204800 + i;
		d->number = i;
		d->logical_block = 512;
		d->identity_type = DMR_IDENTITY_WWID;
		sprintf(d->identity, "wwn-0x5000%u", i);
	}
	sb->state = DM_REPLICA_STATE_REPLICATING;
	sb->state_number = 3;
	sb->cur_epoch = 4;
	sb->next_epoch = 6;
	sb->last_epoch = 6;
	sb->nr_points = 1;
	sb->points[0].epoch = 2;
	sb->points[0].kind = DM_REPLICA_POINT_KIND_STANDARD;
	sb->points[0].number = 1;
	sb->points[0].time = 1700000001000000000ULL;
	strcpy(sb->points[0].name, "before upgrade");
	sb->next_point = 2;
	return sb;
}

mempool_t *unit_versions(int reserve)
{
	return mempool_create_slab_pool(reserve, kmem_cache_create("version", sizeof(struct dmr_version),
								   8, 0, NULL));
}

void unit_versions_free(mempool_t *pool)
{
	struct kmem_cache *cache = pool->cache;

	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}

void unit_grow(struct dmr_sb *sb, u64 chunks)
{
	u32 blocks = dmr_chunk_blocks(sb);
	u64 need, old = dmr_ring_blocks(sb), e = sb->ring_extents;

	sb->slot_end = sb->store_bytes / sb->chunk_bytes + chunks;
	need = dmr_ring_need(sb->slot_end - sb->slot_first);
	need = need > old ? need - old : blocks;
	need = round_up(need, (u64)blocks);
	/* The new extent lies in the new part, behind its slots. */
	sb->ring[e].first = sb->slot_end * blocks;
	sb->ring[e].count = need;
	sb->store_bytes = sb->slot_end * sb->chunk_bytes + need * DMR_BLOCK_SIZE;
	sb->ring_old_extents = e;
	sb->ring_extents = e + 1;
	sb->ring_old_from = sb->ring_from;
	sb->ring_old_start = sb->ring_start;
	sb->ring_from = sb->log_durable + 1;
	sb->ring_start = old;
}

/* Any valid settings; each limit is reached now and then. */
void unit_random_settings(struct rng *r, struct dmr_settings *set)
{
#define ONE_OF(field, max)								\
	do {										\
		u64 __most = (max);							\
											\
		if (rng_chance(r, 50))							\
			set->field = rng_chance(r, 20) ? __most : rng_u64(r) % __most;	\
	} while (0)
	dmr_settings_init(set);
	ONE_OF(full_policy, DM_REPLICA_FULL_POLICY_DROP_OLDEST);
	ONE_OF(live_reserve, DMR_MAX_RESERVE);
	ONE_OF(point_interval, DMR_MAX_SPAN);
	ONE_OF(decide_within, DMR_MAX_SPAN);
	ONE_OF(vacuum_rate, DMR_RATE_ADAPTS);
	ONE_OF(points_made, DMR_NUMBER_LIMIT - 1);
	ONE_OF(points_dropped, DMR_NUMBER_LIMIT - 1);
	ONE_OF(last_point_time, ~0ULL);
	ONE_OF(last_test_time, ~0ULL);
	ONE_OF(last_received_time, ~0ULL);
	ONE_OF(replication_interval, DMR_MAX_SPAN);
	ONE_OF(jump_point, DMR_NUMBER_LIMIT - 1);
	ONE_OF(state_since, ~0ULL);
	ONE_OF(point_since, ~0ULL);
	ONE_OF(received_since, ~0ULL);
	ONE_OF(clock_offset, ~0ULL);
	if (set->jump_point)
		set->jump_by = 1 + rng_u64(r) % DMR_MAX_JUMP;
#undef ONE_OF
	if (rng_chance(r, 50)) {
		set->space_critical = rng_range(r, 1, 100);
		set->space_low = rng_range(r, 1, set->space_critical);
	}
}

/* @place makes it differ from the others of the list. */
void unit_random_host(struct rng *r, struct dmr_sb *sb, u32 nr)
{
	char key[DMR_HOST_KEY_LEN];
	u8 value[1024];
	u32 i;

	memset(&sb->host, 0, sizeof(sb->host));
	for (i = 0; i < nr; i++) {
		struct dmr_host_entry entry = { .key = key, .value = value };

		do
			key[entry.key_bytes++] = rng_range(r, '!', '~');
		while (entry.key_bytes < DMR_HOST_KEY_LEN - 1 && rng_chance(r, 90));
		entry.value_bytes = rng_range(r, 1, rng_chance(r, 20) ? sizeof(value) : 40);
		rng_bytes(r, value, entry.value_bytes);
		dmr_host_set(&sb->host, &entry);	/* if there is room */
	}
}

static void random_prints(struct rng *r, struct dmr_sb *sb)
{
	u32 most = dmr_disk_prints(sb->nr_disks), i, n;

	for (i = 0; i < sb->nr_disks; i++) {
		u64 blocks = sb->disks[i].lost ? 0 : sb->disks[i].sectors / 8, block = 0;

		for (n = 0; n < most && block < blocks; n++) {
			block += rng_below(r, blocks / most + 1);
			if (block >= blocks)
				break;
			sb->prints[sb->nr_prints++] = (struct dmr_print){
				.block = block++, .crc = rng_u64(r), .disk = i,
				.written = rng_below(r, 2),
			};
		}
	}
}

/* A page that goes with the disks and points of @sb. */
void unit_random_replication(struct rng *r, struct dmr_sb *sb)
{
	struct dmr_replication *repl = &sb->replication;
	u32 i;

	memset(repl, 0, sizeof(*repl));
	if (rng_chance(r, 70))
		rng_bytes(r, repl->relationship, 16);
	repl->nr_generations = rng_chance(r, 20) ? DMR_GENERATIONS : rng_below(r, 3);
	for (i = 0; i < repl->nr_generations; i++) {
		rng_bytes(r, repl->generations[i].uuid, 16);
		repl->generations[i].first = i ? rng_range(r, repl->generations[i - 1].first,
							   sb->next_point) : 1;
	}
	for (i = 0; i < DMR_PEERS; i++) {
		struct dmr_peer *p = &repl->peers[i];

		if (rng_chance(r, 60))
			continue;
		rng_bytes(r, p->uuid, 16);
		sprintf(p->name, "Peer-%u.%u", i, (u32)rng_below(r, 1000));
		p->acked = rng_below(r, sb->next_point);
		if (p->acked && repl->nr_generations)
			p->acked_generation = rng_below(r, repl->nr_generations);
	}
	for (i = 0; i < sb->nr_points; i++) {
		sb->points[i].holds = rng_u64(r) & dmr_replication_peers(repl);
		if (repl->nr_generations)
			sb->points[i].generation = rng_below(r, repl->nr_generations);
		if (repl->nr_generations && rng_chance(r, 50))
			sb->points[i].arrived = rng_u64(r);
	}
	if (rng_chance(r, 40)) {
		struct dmr_stream *s = &repl->stream;

		rng_bytes(r, s->uuid, 16);
		s->base = sb->nr_points ? sb->points[sb->nr_points - 1].number : 0;
		s->target = sb->next_point + rng_below(r, 1000);
		i = repl->nr_generations;
		if (i == DMR_GENERATIONS || (i && rng_chance(r, 50))) {
			memcpy(s->generation, repl->generations[i - 1].uuid, 16);
			s->first = repl->generations[i - 1].first;
		} else {
			u64 least = i ? max(s->base, repl->generations[i - 1].first) + 1 : 1;

			rng_bytes(r, s->generation, 16);
			s->target = max(s->target, least);
			s->first = rng_range(r, least, s->target);
		}
		s->kind = rng_range(r, 1, 3);
		s->time = rng_u64(r);
		s->since = rng_u64(r);
		s->aborted = rng_chance(r, 30);
		if (rng_chance(r, 60))
			sprintf(s->name, "point %u", (u32)rng_below(r, 1000));
		if (!s->aborted) {
			s->disk = rng_below(r, sb->nr_disks + 1);
			if (s->disk < sb->nr_disks)
				s->offset = rng_below(r, sb->disks[s->disk].sectors + 1) << 9;
		}
	} else if (!sb->live.epoch && sb->state != DM_REPLICA_STATE_COMMITTED &&
		   rng_chance(r, 50)) {
		repl->role = DMR_ROLE_PRIMARY;
	}
}

struct dmr_sb *unit_random_sb(struct rng *r)
{
	struct dmr_sb *sb = unit_sb();
	u32 epoch = 0, i, tries;

	sb->chunk_bytes = DMR_MIN_CHUNK << rng_below(r, 5);
	sb->store_bytes = rng_range(r, 64 << 20, 1ULL << 40);
	CHECK(!dmr_geometry(sb), "geometry");
	sb->seq = rng_range(r, 1, 1ULL << 40);
	sb->copy = rng_below(r, 2);
	sb->compat = rng_chance(r, 10) ? rng_u64(r) : 0;
	rng_bytes(r, sb->store_uuid, 16);
	if (rng_chance(r, 70))
		unit_random_settings(r, &sb->settings);
	if (rng_chance(r, 50))
		unit_random_host(r, sb, rng_chance(r, 20) ? 100 : rng_range(r, 1, 3));
	rng_bytes(r, sb->active_host, 16);
	rng_bytes(r, sb->active_boot, 16);
	sb->flags = rng_below(r, 4);
	sb->state_number = rng_below(r, 1ULL << 40);
	sb->job_number = rng_below(r, 1ULL << 40);
	sb->state_time = rng_u64(r);
	sb->active_time = rng_u64(r);
	if (rng_chance(r, 70)) {
		sb->log_tail = rng_range(r, 1, 1 << 20);
		sb->log_durable = sb->log_tail + rng_below(r, dmr_ring_blocks(sb));
	}
	for (tries = rng_below(r, 3); tries; tries--) {
		u64 room = dmr_ring_blocks(sb);

		/* Only after the last growth, as a writer would do. */
		if (sb->log_tail < sb->ring_from)
			break;
		unit_grow(sb, rng_range(r, 16, 4096));
		if (rng_chance(r, 50)) {
			/* Some blocks in the new part; all that is sure to be free. */
			u64 more = rng_below(r, dmr_ring_blocks(sb) - room + 1);

			sb->log_durable += more;
		} else {
			sb->log_tail = sb->log_durable = sb->ring_from + rng_below(r, 1000);
		}
	}

	memset(sb->disks, 0, sizeof(sb->disks));
	memset(sb->points, 0, sizeof(sb->points));
	sb->nr_disks = rng_range(r, 1, rng_chance(r, 20) ? DMR_MAX_DISKS : 4);
	for (i = 0; i < sb->nr_disks; i++) {
		struct dmr_disk_info *d = &sb->disks[i];

		sprintf(d->name, "d_%u.x+Z", i);
		d->uuid[0] = i + 1;
		d->number = i;
		d->logical_block = 512 << rng_below(r, 4);
		d->sectors = (d->logical_block >> 9) * rng_range(r, 1, 1ULL << 30);
		d->identity_type = rng_below(r, DMR_IDENTITY_PATH + 1);
		if (d->identity_type)
			sprintf(d->identity, "/dev/disk/by-id/\xc3\xa4 %llu", rng_u64(r));
		if (rng_chance(r, 10))
			d->lost = rng_below(r, DMR_LOST_KNOWN + 1);
	}

	/* Epochs: points rise, then the current one, an overlay or two above their points. */
	sb->nr_points = rng_chance(r, 20) ? DMR_MAX_POINTS : rng_below(r, 6);
	sb->next_point = 1;
	for (i = 0; i < sb->nr_points; i++) {
		struct dmr_point *p = &sb->points[i];

		epoch += 2 * rng_range(r, 1, 5);
		p->epoch = epoch;
		p->kind = rng_range(r, 1, 3);
		p->number = sb->next_point + rng_below(r, 4);
		p->time = rng_u64(r);
		if (rng_chance(r, 60))
			sprintf(p->name, "point %u \xe2\x82\xac", i);
		sb->next_point = p->number + 1;
	}
	sb->cur_epoch = epoch + 2 * rng_range(r, 1, 5);
	sb->next_epoch = sb->cur_epoch + 2 * rng_range(r, 1, 5);
	sb->last_epoch = sb->next_epoch + rng_below(r, 20);
	sb->state = DM_REPLICA_STATE_REPLICATING;
	if (!sb->nr_points && rng_chance(r, 50)) {
		sb->state = DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION;
		if (rng_chance(r, 50)) {
			/* Committed: an overlay was promoted, and main epochs died. */
			sb->state = DM_REPLICA_STATE_COMMITTED;
			sb->promoted = sb->cur_epoch + 1;
			sb->dead_first = sb->cur_epoch;
			sb->dead_last = sb->next_epoch;
			sb->cur_epoch = sb->promoted;
			sb->next_epoch += 2;
			sb->last_epoch = sb->next_epoch + rng_below(r, 20);
			if (rng_chance(r, 50))
				sb->flags |= DMR_SB_STAY;
		}
	} else if (sb->nr_points && rng_chance(r, 60)) {
		sb->last_epoch = (sb->last_epoch | 1) + 4;
		if (rng_chance(r, 70)) {
			sb->state = DM_REPLICA_STATE_RECOVERED;
			sb->live.epoch = sb->last_epoch - 2;
			sb->live.base = sb->points[rng_below(r, sb->nr_points)].epoch;
			sb->live.time = rng_u64(r);
		}
		if (rng_chance(r, 50)) {
			sb->test.epoch = sb->last_epoch;
			sb->test.base = sb->points[rng_below(r, sb->nr_points)].epoch;
			sb->test.time = rng_u64(r);
		}
	}
	if (!sb->nr_points && rng_chance(r, 30)) {
		sb->flags |= DMR_SB_REMOVING;
		if (!(sb->flags & DMR_SB_STAY) && rng_chance(r, 50))
			sb->state = DM_REPLICA_STATE_DISABLED;
	}
	if (!(sb->flags & DMR_SB_ACTIVE) && rng_chance(r, 50))
		random_prints(r, sb);
	if (rng_chance(r, 50))
		unit_random_replication(r, sb);
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	return sb;
}

void unit_doc_print(const u8 *buf, u32 len)
{
	u32 at, i;

	for (at = 0; at < len; at += 16) {
		if (!memchr_inv(buf + at, 0, 16))
			continue;
		printf("    %05x ", at);
		for (i = 0; i < 16; i++)
			printf(" %02x", buf[at + i]);
		printf("\n");
	}
	printf("\n");
}

void unit_doc_compare(const char *page, const char *mark, const u8 *buf, u32 len)
{
	u32 at, i, lines = 0, shown = 0, all = 0;
	bool begun = false;
	char line[400];
	FILE *f;

	f = fopen(page, "r");
	CHECK(f, "%s", page);
	while (fgets(line, sizeof(line), f)) {
		char *p = line + 9;
		int n;

		if (!begun) {
			begun = strstr(line, mark);
			continue;
		}
		if (!strncmp(line, "#", 1))
			break;
		if (strncmp(line, "    0", 5) || sscanf(line, "%x", &at) != 1 || line[9] != ' ')
			continue;
		lines++;
		for (i = 0; i < 16; i++, p += n) {
			u32 byte = 256;

			if (sscanf(p, "%2x%n", &byte, &n) != 1 || at + i >= len || buf[at + i] != byte) {
				fclose(f);
				unit_fail(__FILE__, __LINE__, page, ": %s at %#x: %02x, is %02x", mark,
					  at + i, byte, buf[at + i]);
			}
			shown += byte != 0;
		}
	}
	fclose(f);
	for (at = 0; at < len; at++)
		all += buf[at] != 0;
	CHECK(lines && shown == all, "%s: %u bytes shown, %u are not 0", mark, shown, all);
}

void unit_sb_crc(void *buf)
{
	struct dmr_disk_sb *d = buf;
	u32 length = le32_to_cpu(d->length);

	/* As a hostile store's maker could do; an impossible length gets none. */
	if (length < DMR_SB_FIXED || length > DMR_SB_MAX)
		return;
	d->crc = 0;
	d->crc = cpu_to_le32(dmr_crc32c(0, buf, length));
}

void unit_log_crc(struct dmr_disk_log_block *blk)
{
	blk->crc = 0;
	blk->crc = cpu_to_le32(dmr_crc32c(0, blk, offsetof(struct dmr_disk_log_block, records) +
				min_t(u32, le32_to_cpu(blk->nr_records), DMR_LOG_RECORDS) *
				sizeof(blk->records[0])));
}

static int store_read(struct dmr_reader *rd, u64 first, u32 count, void *buf)
{
	struct store *st = container_of(rd, struct store, rd);

	if (first >= st->blocks || count > st->blocks - first)
		return -EIO;
	if (st->bad >= first && st->bad < first + count)
		return -EIO;
	memcpy(buf, st->mem + first * DMR_BLOCK_SIZE, (size_t)count * DMR_BLOCK_SIZE);
	st->reads += count;
	return 0;
}

struct store *unit_store(u64 blocks)
{
	struct store *st = unit_alloc(sizeof(*st));

	st->rd.read = store_read;
	st->mem = unit_alloc(blocks * DMR_BLOCK_SIZE);
	st->blocks = blocks;
	st->bad = ~0ULL;
	return st;
}

void unit_put_sb(struct store *st, struct dmr_sb *sb, u32 copy, u64 seq)
{
	sb->copy = copy;
	sb->seq = seq;
	CHECK(!dmr_sb_validate(sb), "%s", dmr_sb_validate(sb));
	dmr_sb_encode(sb, st->mem + copy * DMR_SB_AREA);
}

struct dmr_disk_log_block *unit_block_at(struct store *st, u64 where)
{
	CHECK(where < st->blocks, "block %llu", where);
	return (struct dmr_disk_log_block *)(st->mem + where * DMR_BLOCK_SIZE);
}

/* A log block whose first record carries a mark, in its mask of data. */
void unit_put_log(struct store *st, const struct dmr_sb *sb, u64 number, u64 sb_seq,
		  u64 durable, u32 nr_records, u64 mark)
{
	struct dmr_disk_log_block *blk = unit_block_at(st, dmr_ring_place(sb, number));
	struct dmr_log_header hdr = {
		.number = number,
		.sb_seq = sb_seq,
		.durable = durable,
		.nr_records = nr_records,
	};
	u32 i;

	for (i = 0; i < nr_records; i++) {
		struct dmr_record rec = {
			.type = DMR_RECORD_VERSION,
			.epoch = 2,
			.chunk = (mark + i) % 100,
			.slot = sb->slot_first,
			.data = mark % 0xffff + 1,	/* chunks have 16 blocks here */
		};

		dmr_logblock_put_record(&rec, &blk->records[i]);
	}
	dmr_logblock_seal(blk, sb->store_uuid, &hdr, DMR_LOG_RECORDS);
}

static int gather_record(struct dmr_replay_ops *ops, const struct dmr_record *rec, u64 number)
{
	struct gather *g = container_of(ops, struct gather, ops);

	if (g->fail)
		return g->fail;
	CHECK(number >= g->from && number - g->from < g->max, "number %llu", number);
	CHECK(number >= g->last, "%llu after %llu", number, g->last);
	if (number != g->last)
		g->marks[number - g->from] = rec->data - 1;
	g->last = number;
	g->count++;
	return 0;
}

void unit_gather(struct gather *g, const struct dmr_sb *sb)
{
	memset(g, 0, sizeof(*g));
	g->ops.record = gather_record;
	g->from = sb->log_tail;
	g->last = sb->log_tail - 1;
	g->max = dmr_ring_blocks(sb);
	g->marks = unit_alloc(g->max * sizeof(*g->marks));
}

/* A hostile store may ask for much; an impossible allocation is NULL, as in the kernel. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=1024";
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static bool wanted(const struct unit_test *t, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strstr(t->name, argv[i]))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	static volatile int n, bad, total;
	static struct unit_test *volatile t;
	static volatile double begin;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (t = tests; t; t = t->next)
		total += wanted(t, argc, argv);
	printf("KTAP version 1\n1..%d\n", total);
	for (t = tests; t; t = t->next) {
		if (!wanted(t, argc, argv))
			continue;
		n++;
		dmr_shim_warnings = 0;
		unit_loads(0);
		begin = now();
		if (setjmp(failed)) {
			printf("not ok %d %s\n", n, t->name);
			bad++;
			/* For "make mutants": the first failure is enough. */
			if (getenv("DMR_UNIT_STOP")) {
				fflush(stdout);
				_exit(1);
			}
		} else {
			t->run();
			/* The kernel would have logged it. */
			CHECK(!dmr_shim_warnings, "%u warnings", dmr_shim_warnings);
			printf("ok %d %s\n", n, t->name);
		}
		if (now() - begin > 1)
			unit_note("%s took %.1f s", t->name, now() - begin);
		unit_release(NULL);
	}
	return bad || !total;
}
