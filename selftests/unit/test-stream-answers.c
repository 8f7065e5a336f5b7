// SPDX-License-Identifier: GPL-2.0-only
/* A hostile or confused receiver: answers with good checksums that do not fit. */
#include "replica-world.h"

struct forge {
	struct dmrs_sender *sender;
	struct site *s;
	u8 *buf;
	u64 number;
};

static u8 *payload(struct forge *f)
{
	return f->buf + DMRS_HEADER;
}

/* Let the sender say all that it has to say, then answer. */
static void answer(struct forge *f, u32 type, u32 len)
{
	struct dmrs_frame frame = {
		.length = len, .type = type, .number = f->number++,
		.crc = dmr_crc32c(0, payload(f), len),
	};
	size_t waits;

	dmrs_frame_encode(f->buf, &frame);
	dmrs_sender_feed(f->sender, f->buf, DMRS_HEADER + len, 1);
	while (dmrs_sender_run(f->sender, 1)) {
		dmrs_link_out(dmrs_sender_link(f->sender), &waits);
		dmrs_link_sent(dmrs_sender_link(f->sender), waits);
	}
}

/* Up to where @upto has been answered; four blocks in four SYNCs wait behind the ACCEPT. */
static void forge_open(struct forge *f, u32 upto)
{
	struct dmrs_sender_conf conf = { .live = true, .sync_bytes = DMRS_BLOCK };
	struct site *r = site_new(2, false);
	struct dmrs_state *state = unit_alloc(sizeof(*state));
	struct dmrs_accept accept = { .from.disk = 0 };
	u32 i;

	f->s = site_new(1, false);
	for (i = 0; i < 8; i += 2)
		memset(f->s->head[0] + i * DMRS_BLOCK, i + 1, DMRS_BLOCK);
	site_point(f->s);
	f->buf = unit_alloc(DMRS_FRAME_MAX);
	f->number = 1;
	f->sender = dmrs_sender_new(&site_sender_ops, f->s, &conf);
	dmrs_sender_run(f->sender, 1);
	if (upto >= DMRS_HELLO)
		answer(f, DMRS_HELLO, dmrs_hello_put(payload(f), &r->hello));
	site_state(r, state);
	if (upto >= DMRS_STATE)
		answer(f, DMRS_STATE, dmrs_state_put(payload(f), state));
	memset(accept.stream, 1, 16);
	if (upto >= DMRS_ACCEPT)
		answer(f, DMRS_ACCEPT, dmrs_accept_put(payload(f), &accept));
	CHECK(!dmrs_sender_over(f->sender), "%s", dmrs_sender_link(f->sender)->fault.sentence);
}

static void forge_close(struct forge *f, const char *why)
{
	const struct dmrs_refusal *fault = &dmrs_sender_link(f->sender)->fault;

	CHECK(strstr(fault->sentence, why), "%s: %s", why, fault->sentence);
	CHECK_EQ(f->s->acks, 0);
	/* I3: what was announced is still held. */
	CHECK(!f->s->next_stream || f->s->points[0].held);
	dmrs_sender_free(f->sender);
}

static void synced(struct forge *f, u64 number, u32 disk, u64 offset)
{
	struct dmrs_sync sync = { number, { disk, offset } };

	answer(f, DMRS_SYNCED, dmrs_sync_put(payload(f), &sync));
}

static void done(struct forge *f, u64 number, char generation)
{
	struct dmrs_done d = { .point.number = number };

	memset(d.point.generation, generation, 16);
	answer(f, DMRS_DONE, dmrs_done_put(payload(f), &d));
}

TEST(stream_answers_that_are_right)
{
	struct forge f;

	forge_open(&f, DMRS_ACCEPT);
	synced(&f, 1, 0, DMRS_BLOCK);
	synced(&f, 2, 0, 2 * DMRS_BLOCK);
	CHECK_EQ(dmrs_sender_synced(f.sender)->offset, 2 * DMRS_BLOCK);
	done(&f, 1, 'A');
	CHECK(dmrs_sender_idle(f.sender));
	CHECK_EQ(f.s->acks, 1);
	dmrs_sender_free(f.sender);
}

TEST(stream_answers_that_do_not_fit)
{
	struct dmrs_accept accept = { .from.disk = 0 };
	struct dmrs_refusal by = { .code = DM_REPLICA_CODE_IN_USE, .sentence = "in use" };
	struct forge f;

	forge_open(&f, DMRS_STATE);
	memset(accept.stream, 9, 16);
	answer(&f, DMRS_ACCEPT, dmrs_accept_put(payload(&f), &accept));
	forge_close(&f, "another stream was accepted");
	forge_open(&f, DMRS_STATE);
	memset(accept.stream, 1, 16);
	accept.from.offset = DMRS_BLOCK;
	answer(&f, DMRS_ACCEPT, dmrs_accept_put(payload(&f), &accept));
	forge_close(&f, "not accepted from where it begins");
	/* Flushed before it was sent, or backwards, or beyond what was asked. */
	forge_open(&f, DMRS_ACCEPT);
	synced(&f, 2, 0, DMRS_BLOCK);
	forge_close(&f, "answers no SYNC");
	forge_open(&f, DMRS_ACCEPT);
	synced(&f, 1, 0, 2 * DMRS_BLOCK);
	synced(&f, 2, 0, DMRS_BLOCK);
	forge_close(&f, "cursor is wrong");
	forge_open(&f, DMRS_ACCEPT);
	synced(&f, 1, 3, 0);
	forge_close(&f, "cursor is wrong");
	/* More answers than SYNCs. */
	forge_open(&f, DMRS_ACCEPT);
	for (u32 i = 1; i < 50 && !dmrs_sender_over(f.sender); i++)
		synced(&f, i, 0, DMRS_BLOCK);
	forge_close(&f, "answers no SYNC");
	/* Another point is done, or this one before its END. */
	forge_open(&f, DMRS_ACCEPT);
	done(&f, 2, 'A');
	forge_close(&f, "another one");
	forge_open(&f, DMRS_ACCEPT);
	done(&f, 1, 'B');
	forge_close(&f, "another one");
	forge_open(&f, DMRS_STATE);
	done(&f, 1, 'A');
	forge_close(&f, "not expected here");
	/* The greetings twice, or in the wrong order; a frame of the sender's. */
	forge_open(&f, DMRS_HELLO);
	answer(&f, DMRS_HELLO, dmrs_hello_put(payload(&f), &f.s->hello));
	forge_close(&f, "not expected here");
	forge_open(&f, 0);
	synced(&f, 1, 0, 0);
	forge_close(&f, "not expected here");
	forge_open(&f, DMRS_ACCEPT);
	answer(&f, DMRS_BYE, 0);
	forge_close(&f, "not expected here");
	forge_open(&f, DMRS_ACCEPT);
	answer(&f, DMRS_REFUSE, dmrs_refusal_put(payload(&f), &by));
	forge_close(&f, "not expected here");
	/* An error, with a text that is passed on. */
	forge_open(&f, DMRS_ACCEPT);
	answer(&f, DMRS_ERROR, dmrs_refusal_put(payload(&f), &by));
	CHECK_EQ(dmrs_sender_link(f.sender)->fault.code, DM_REPLICA_CODE_IN_USE);
	forge_close(&f, "the receiver: in use");
	forge_open(&f, DMRS_ACCEPT);
	dmrs_sender_eof(f.sender);
	forge_close(&f, "gone before the end");
}
