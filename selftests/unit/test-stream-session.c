// SPDX-License-Identifier: GPL-2.0-only
/* Sessions of two sites: full, delta, several in a row, files. */
#include "replica-world.h"

static const struct dmrs_sender_conf live = { .live = true, .sync_bytes = 16384 };

static void no_fault(const struct world_run *run)
{
	CHECK(!run->sender.code, "%s", run->sender.sentence);
	CHECK(!run->receiver.code, "%s", run->receiver.sentence);
}

TEST(stream_full_then_deltas)
{
	struct site *s = site_new(1, false), *r = site_new(2, false);
	struct world_run run;
	u32 i;

	site_write(s, 50);
	for (i = 0; i < 6; i++) {
		site_write(s, 10);
		site_point(s);
		s->read = r->wrote = 0;
		world_run(s, r, &live, &world_whole, &run);
		no_fault(&run);
		CHECK_EQ(run.decision.verdict, i ? DMRS_GO_DELTA : DMRS_GO_FULL);
		CHECK_EQ(run.done, 1);
		CHECK_EQ(site_newest(r), i + 1);
		/* Each changed block is read once and written once. */
		CHECK_EQ(s->read, run.count.bytes);
		CHECK_EQ(r->wrote, run.count.bytes + run.count.zero_bytes);
		CHECK_EQ(r->again, 0);
		if (i)
			CHECK(run.count.bytes <= 10 * DMRS_BLOCK);
		else
			CHECK_EQ(r->wrote, s->disks[0].bytes + s->disks[1].bytes);
		site_check(r, s);
		CHECK_EQ(s->acks, i + 1);
	}
	world_run(s, r, &live, &world_whole, &run);
	no_fault(&run);
	CHECK_EQ(run.decision.verdict, DMRS_UP_TO_DATE);
	CHECK_EQ(run.count.frames, 0);
	CHECK_EQ(r->begins, 6);
}

TEST(stream_byte_by_byte)
{
	struct site *s = site_new(1, false), *r = site_new(2, false);
	struct world_cut cut = world_whole;
	struct world_run run;

	cut.piece = 1;
	s->meta = unit_alloc(1000);
	s->meta_len = 1000;
	site_write(s, 50);
	site_point(s);
	world_run(s, r, &live, &cut, &run);
	no_fault(&run);
	CHECK_EQ(run.done, 1);
	CHECK_EQ(r->meta_bytes, 1000);
	site_check(r, s);
}

TEST(stream_several_in_a_session)
{
	struct site *site_s = site_new(1, false), *site_r = site_new(2, false);
	struct dmrs_sender *s = dmrs_sender_new(&site_sender_ops, site_s, &live);
	struct dmrs_receiver *r = dmrs_receiver_new(&site_receiver_ops, site_r, true);
	struct dmrs_link *ls = dmrs_sender_link(s), *lr = dmrs_receiver_link(r);
	u32 rounds = 0, sent = 1;
	const u8 *out;
	size_t len;

	/* The same metadata with each. */
	site_s->meta = unit_alloc(1000);
	site_s->meta_len = 1000;
	site_write(site_s, 20);
	site_point(site_s);
	while (!dmrs_receiver_over(r) && ++rounds < 1000) {
		while (dmrs_sender_run(s, 1))
			;
		out = dmrs_link_out(ls, &len);
		CHECK_EQ(dmrs_receiver_feed(r, out, len, 1), len);
		dmrs_link_sent(ls, len);
		out = dmrs_link_out(lr, &len);
		CHECK_EQ(dmrs_sender_feed(s, out, len, 1), len);
		dmrs_link_sent(lr, len);
		if (!dmrs_sender_idle(s))
			continue;
		if (sent++ == 5) {
			dmrs_sender_bye(s);
			continue;
		}
		/* The next generation begins with the third. */
		if (sent == 3) {
			memset(site_s->generations[1].uuid, 'B', 16);
			site_s->generations[1].first = sent;
			site_s->nr_generations = 2;
		}
		site_write(site_s, 5);
		site_point(site_s);
		dmrs_sender_again(s, 0);
	}
	CHECK(!ls->failed && !lr->failed, "%s, %s", ls->fault.sentence, lr->fault.sentence);
	CHECK_EQ(dmrs_receiver_done(r), 5);
	CHECK_EQ(site_r->nr_generations, 2);
	CHECK_EQ(site_r->meta_bytes, 5000);
	site_check(site_r, site_s);
	dmrs_sender_free(s);
	dmrs_receiver_free(r);
}

TEST(stream_file)
{
	struct site *s = site_new(1, false), *r = site_new(2, false);
	struct dmrs_sender_conf conf = { .sync_bytes = 16384 };
	struct dmrs_refusal fault;
	u32 len, i;
	u8 *file;

	site_write(s, 30);
	for (i = 0; i < 3; i++) {
		site_write(s, 10);
		site_point(s);
		conf.base = i;
		len = world_file(s, &conf, &file);
		/* A part of it is no point, and the whole goes on. */
		CHECK_EQ(world_receive(r, file, len * 2 / 3, &fault), 0);
		CHECK(strstr(fault.sentence, "ends before its END"), "%s", fault.sentence);
		site_check(r, s);
		CHECK_EQ(world_receive(r, file, len, &fault), 1);
		CHECK(!fault.code, "%s", fault.sentence);
		CHECK_EQ(r->begins, i + 1);
		CHECK(r->again <= 16384);
		site_check(r, s);
	}
	/* One that does not follow. */
	conf.base = 1;
	conf.target = 3;
	len = world_file(s, &conf, &file);
	site_drop(r, 3);
	CHECK_EQ(world_receive(r, file, len, &fault), 0);
	CHECK(strstr(fault.sentence, "since recovery point 2"), "%s", fault.sentence);
	conf.base = 0;
	len = world_file(s, &conf, &file);
	CHECK_EQ(world_receive(r, file, len, &fault), 0);
	CHECK(strstr(fault.sentence, "has recovery points"), "%s", fault.sentence);
}

/* A copy of what a resumed sender has sent holds a part only, and does not pass for all. */
TEST(stream_copy_of_a_resumed_one)
{
	struct site *s = site_new(1, false), *r = site_new(2, false), *third = site_new(3, false);
	struct dmrs_sender *sender;
	struct world_cut cut = world_whole;
	struct dmrs_receiver *receiver;
	struct dmrs_refusal fault;
	struct world_run run;
	u8 *copy = unit_alloc(1 << 20);
	u32 total = 0, rounds;
	const u8 *out;
	size_t len;

	site_write(s, 80);
	site_point(s);
	world_run(s, r, &live, &world_whole, &run);
	no_fault(&run);
	r = site_new(2, false);
	cut.to_receiver = run.to_receiver / 2;
	world_run(s, r, &live, &cut, &run);
	CHECK(r->cursor.offset);
	sender = dmrs_sender_new(&site_sender_ops, s, &live);
	receiver = dmrs_receiver_new(&site_receiver_ops, r, true);
	for (rounds = 0; rounds < 100 && !dmrs_sender_over(sender); rounds++) {
		while (dmrs_sender_run(sender, 1))
			;
		if (dmrs_sender_idle(sender))
			dmrs_sender_bye(sender);
		out = dmrs_link_out(dmrs_sender_link(sender), &len);
		memcpy(copy + total, out, len);
		total += len;
		dmrs_receiver_feed(receiver, out, len, 1);
		dmrs_link_sent(dmrs_sender_link(sender), len);
		out = dmrs_link_out(dmrs_receiver_link(receiver), &len);
		dmrs_sender_feed(sender, out, len, 1);
		dmrs_link_sent(dmrs_receiver_link(receiver), len);
	}
	CHECK_EQ(dmrs_sender_decision(sender)->verdict, DMRS_GO_RESUME);
	CHECK_EQ(dmrs_receiver_done(receiver), 1);
	dmrs_sender_free(sender);
	dmrs_receiver_free(receiver);
	site_check(r, s);
	CHECK_EQ(world_receive(third, copy, total, &fault), 0);
	CHECK(strstr(fault.sentence, "beginning of the stream is missing"), "%s", fault.sentence);
	CHECK_EQ(third->nr_points, 0);
}

/* Each operation of either side fails once: the session ends, and the next one does all. */
TEST(stream_operations_fail)
{
	static const char receiver[] = "sabwzfmMe", sender[] = "sAkMxR";
	struct world_cut cut = world_whole;
	struct world_run run;
	u32 i, side;

	for (side = 0; side < 2; side++) {
		for (i = 0; i < strlen(side ? sender : receiver); i++) {
			struct site *s = site_new(1, false), *r = site_new(2, false);
			char op = (side ? sender : receiver)[i];

			s->meta = unit_alloc(10);
			s->meta_len = 10;
			site_write(s, 40);
			site_point(s);
			if (op == 'a') {
				/* The target of a partial stream is gone. */
				cut.to_receiver = 60000;
				world_run(s, r, &live, &cut, &run);
				CHECK_EQ(r->condition, DMRS_PARTIAL);
				site_point(s);
				s->points[0].held = false;
				site_drop(s, 1);
			}
			(side ? s : r)->fails = op;
			world_run(s, r, &live, &world_whole, &run);
			if (op == 'a' || op == 'b')
				CHECK(run.decision.verdict == DMRS_REFUSED &&
				      strstr(run.decision.why.sentence, "as requested"));
			else
				CHECK(strstr(run.sender.sentence, "as requested"), "%c: %s", op,
				      run.sender.sentence);
			CHECK_EQ(run.done, op == 'k');
			(side ? s : r)->fails = 0;
			world_run(s, r, &live, &world_whole, &run);
			no_fault(&run);
			CHECK_EQ(r->nr_points, 1);
			site_check(r, s);
		}
	}
}

/* A disk of which @run blocks are to be sent, then one is not, and so on. */
struct pattern {
	struct site *site;
	u64 run, left;			/* bytes; to be sent at most */
};

static bool p_state(void *arg, struct dmrs_hello *hello, struct dmrs_state *state,
		    struct dmrs_refusal *why)
{
	struct pattern *p = arg;
	bool ok = site_sender_ops.state(p->site, hello, state, why);

	state->nr_disks = 1;
	state->disks[0].bytes = 1ULL << 40;
	return ok;
}

static bool p_announce(void *arg, const struct dmrs_decision *d, struct dmrs_begin *begin,
		       struct dmrs_refusal *why)
{
	struct pattern *p = arg;

	return site_sender_ops.announce(p->site, d, begin, why);
}

static bool p_meta(void *arg, u32 n, struct dmrs_meta *meta, struct dmrs_refusal *why)
{
	(void)arg;
	(void)n;
	(void)meta;
	(void)why;
	return true;
}

static int p_extents(void *arg, u32 disk, u64 offset, struct dmrs_range *ranges, u32 max,
		     struct dmrs_refusal *why)
{
	struct pattern *p = arg;
	u32 nr;

	(void)disk;
	(void)why;
	for (nr = 0; nr < max && p->left; nr++) {
		ranges[nr] = (struct dmrs_range){
			.offset = roundup(offset, p->run + DMRS_BLOCK), .length = p->run,
		};
		offset = ranges[nr].offset + p->run;
		p->left -= p->run;
	}
	return nr;
}

static bool p_read(void *arg, const struct dmrs_extents *ex, u8 *raw, struct dmrs_refusal *why)
{
	(void)arg;
	(void)why;
	memset(raw, 1, ex->raw);
	return true;
}

/* Bytes beside the data, exactly: those of a frame and 16 for each extent. */
TEST(stream_overhead)
{
	static const struct dmrs_sender_ops ops = {
		p_state, p_announce, NULL, NULL, p_meta, p_extents, p_read,
	};
	static const struct {
		u64 run, frames;
	} cases[] = { { DMRS_BLOCK, 8 }, { 64 << 10, 8 }, { 1 << 20, 8 }, { 8 << 20, 8 } };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dmrs_sender_conf conf = { .plain = true };
		struct pattern p = { site_new(1, true), cases[i].run, 8 << 20 };
		struct dmrs_sender *s = dmrs_sender_new(&ops, &p, &conf);
		struct dmrs_link *l = dmrs_sender_link(s);
		u64 total = 0, data = 8 << 20, extents;
		size_t len;

		site_point(p.site);
		while (dmrs_sender_run(s, 1)) {
			const u8 *out = dmrs_link_out(l, &len);

			/* DATA and SYNC alone: the others are the same for any size. */
			if (len && (out[4] == DMRS_DATA || out[4] == DMRS_SYNC))
				total += len;
			dmrs_link_sent(l, len);
		}
		CHECK(dmrs_sender_over(s) && !l->failed, "%s", l->fault.sentence);
		CHECK_EQ(dmrs_sender_count(s)->bytes, data);
		CHECK_EQ(dmrs_sender_count(s)->frames, cases[i].frames);
		extents = max(data / p.run, cases[i].frames);
		CHECK_EQ(dmrs_sender_count(s)->extents, extents);
		CHECK_EQ(total, data + cases[i].frames * (DMRS_HEADER + 8) + extents * 16);
		CHECK(total - data <= data * (p.run < 1 << 20 ? 40 : 1) / 10000);
		dmrs_sender_free(s);
	}
}

TEST(stream_sync_by_time)
{
	struct site *site_s = site_new(1, false);
	struct dmrs_sender_conf conf = { .sync_bytes = 0 };
	struct dmrs_sender *s = dmrs_sender_new(&site_sender_ops, site_s, &conf);
	struct dmrs_link *l = dmrs_sender_link(s);
	u64 now = 1;
	u32 syncs = 0;
	const u8 *out;
	size_t len;

	/* Data and zeroes by turns: many frames, of few bytes. */
	for (u32 i = 0; i < SITE_BLOCKS; i += 2)
		memset(site_s->head[0] + i * DMRS_BLOCK, i + 1, DMRS_BLOCK);
	site_point(site_s);
	while (dmrs_sender_run(s, now)) {
		now += DMRS_SYNC_TIME / 10;
		out = dmrs_link_out(l, &len);
		syncs += len && out[4] == DMRS_SYNC;
		dmrs_link_sent(l, len);
	}
	CHECK(!l->failed && syncs >= SITE_BLOCKS / 12 && syncs <= SITE_BLOCKS / 8, "%u", syncs);
	dmrs_sender_free(s);
}

TEST(stream_silence)
{
	struct site *site_s = site_new(1, false);
	struct dmrs_sender_conf conf = { .live = true };
	struct dmrs_sender *s = dmrs_sender_new(&site_sender_ops, site_s, &conf);
	struct dmrs_link *l = dmrs_sender_link(s);
	u32 pings = 0, seconds;
	const u8 *out;
	size_t len;

	for (seconds = 1; seconds < 100 && !dmrs_sender_over(s); seconds++) {
		dmrs_link_silent(l, seconds * 1000000000ULL);
		while (dmrs_sender_run(s, seconds * 1000000000ULL))
			;
		out = dmrs_link_out(l, &len);
		pings += len && out[4] == DMRS_PING;
		dmrs_link_sent(l, len);
	}
	CHECK_EQ(l->fault.code, DM_REPLICA_CODE_TIMEOUT);
	CHECK_EQ(seconds, 32);
	CHECK_EQ(pings, 5);
	dmrs_sender_free(s);
}

/* A side that was busy for a minute has not heard the other one, which is not its fault. */
TEST(stream_busy)
{
	struct site *site_s = site_new(1, false);
	struct dmrs_sender_conf conf = { .live = true };
	struct dmrs_sender *s = dmrs_sender_new(&site_sender_ops, site_s, &conf);
	struct dmrs_link *l = dmrs_sender_link(s);
	u64 now = 1000000000ULL, minute = 60 * now;
	u8 ping[DMRS_HEADER + 8];
	struct dmrs_frame frame = { .length = 8, .type = DMRS_PING, .number = 1 };

	while (dmrs_sender_run(s, now))
		;
	dmrs_link_silent(l, now);
	while (dmrs_sender_run(s, minute))
		;
	CHECK(!l->failed, "%s", l->fault.sentence);
	dmrs_ping_put(ping + DMRS_HEADER, 1);
	frame.crc = dmr_crc32c(0, ping + DMRS_HEADER, 8);
	dmrs_frame_encode(ping, &frame);
	CHECK_EQ(dmrs_sender_feed(s, ping, sizeof(ping), minute), sizeof(ping));
	dmrs_link_silent(l, minute);
	dmrs_link_silent(l, minute + 29 * now);
	CHECK(!l->failed, "%s", l->fault.sentence);
	dmrs_link_silent(l, minute + 30 * now);
	CHECK_EQ(l->fault.code, DM_REPLICA_CODE_TIMEOUT);
	dmrs_sender_free(s);
}
