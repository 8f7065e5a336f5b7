// SPDX-License-Identifier: GPL-2.0-only
/*
 * The example in Documentation/replication-stream.md is what a sender writes.  To print it
 * anew: DMR_UNIT_PRINT=1 build/unit/unit stream_doc
 */
#include "replica-world.h"

#define DOC	UNIT_TOP "/Documentation/replication-stream.md"

static void fill(u8 *uuid, u8 first)
{
	u32 i;

	for (i = 0; i < 16; i++)
		uuid[i] = first + i;
}

TEST(stream_doc_example)
{
	struct dmrs_sender_conf conf = { .plain = true };
	struct site *s = site_new(1, true), *r = site_new(2, true);
	struct dmrs_refusal fault;
	u8 *file;
	u32 len;

	fill(s->hello.relationship, 0x10);
	fill(s->hello.system, 0x20);
	s->hello.clock = 1700000500000000000ULL;
	strcpy(s->hello.host, "alpha");
	fill(s->generations[0].uuid, 0x40);
	fill(s->disks[0].uuid, 0x60);
	s->disks[0].bytes = 8192;
	strcpy((char *)s->head[0], "hello");
	site_point(s);
	len = world_file(s, &conf, &file);
	if (getenv("DMR_UNIT_PRINT"))
		unit_doc_print(file, len);
	unit_doc_compare(DOC, "## A stream, byte by byte", file, round_up(len, 16));
	/* And it can be received. */
	memcpy(r->hello.relationship, s->hello.relationship, 16);
	r->disks[0].bytes = 8192;
	CHECK_EQ(world_receive(r, file, len, &fault), 1);
	CHECK(!memcmp(r->points[0].data[0], s->points[0].data[0], 8192));
}
