// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl receive: a stream from standard input.
 *
 * The worker asks, and this process compares each request with the system: a stream may add one
 * point behind the newest one, and nothing else (I5).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"
#include "peer-state.h"

struct receiving {
	struct keeper k;
	bool json, two_way;
	uint64_t made;			/* number of the last point */
	unsigned int nr_made;
	struct peer_state state;
	struct peer_file file;
};

/* What other processes see of it: at its begin, with each point, and at its end. */
static void show_state(struct receiving *r, enum peer_word word)
{
	struct peer_state *s = &r->state;

	if (s->word != word || !s->since)
		s->since = now_ns();
	s->word = word;
	if (*r->k.peer.host)
		snprintf(s->host, sizeof(s->host), "%s", r->k.peer.host);
	snprintf(s->peer, sizeof(s->peer), "%s", *s->host ? s->host : "?");
	if (word == PEER_LOST)
		peer_state_error(s, r->k.fault.code, r->k.fault.sentence);
	peer_state_write(&r->file, r->k.sys.uuid, false, s);
}

/* Have the replica devices, and no other receiver beside (R18).  Return: 0 or a refusal. */
static int open_files(struct keeper *k)
{
	struct dmreplica_disk *disks;
	char path[256], text[400];
	size_t nr, i;
	int code, fd;

	if (k->nr_files)
		return 0;
	code = dmreplica_disk_list(k->ctx, &k->sys, &disks, &nr);
	if (code)
		return code;
	for (i = 0; i < nr; i++) {
		dmreplica_device_path(disks[i].replica_major, disks[i].replica_minor, path,
				      sizeof(path));
		fd = open(path, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
		if (fd < 0) {
			snprintf(text, sizeof(text), "cannot open %s, which only a receiver writes: %s",
				 path, strerror(errno));
			code = dmreplica_code_of_errno(errno);
			keeper_refuse(k, code, text);
			keeper_close_files(k);
			break;
		}
		k->files[k->nr_files++] = fd;
	}
	dmreplica_list_free(disks);
	return 0;
}

static int read_state(struct keeper *k)
{
	return stream_state(k->ctx, &k->sys, false, &k->hello, &k->state);
}

static int begin(struct keeper *k)
{
	struct dmreplica_receive r = { .kind = 0 };
	struct dmrs_begin *b = &k->begin;
	struct dmrs_decision d;
	bool goes_on;
	int code;

	show_state((struct receiving *)k, PEER_CONNECTED);
	if (dmrs_begin_get(k->note->data, k->note->len, b)) {
		memset(b, 0, sizeof(*b));
		return keeper_refuse(k, DM_REPLICA_CODE_INVALID_TYPE, "the BEGIN is wrong");
	}
	code = read_state(k);
	if (code)
		return code;
	dmrs_decide_begin(&k->state, b, &d);
	goes_on = d.verdict == DMRS_GO_RESUME;
	if (d.verdict != DMRS_GO_FULL && d.verdict != DMRS_GO_DELTA && !goes_on)
		return keeper_refuse(k, d.why.code ?: DM_REPLICA_CODE_INVALID_STATE,
				       d.why.code ? d.why.sentence : "the stream cannot begin here");
	k->note->len = 0;
	code = open_files(k);
	if (code || k->note->code)
		return code;
	if (d.abort)
		code = dmreplica_receive_abort(k->ctx, &k->sys, k->sys.stream, NULL);
	if (code)
		return code;
	memcpy(r.stream, b->stream, 16);
	/* The first stream makes the system one of its sender's relationship. */
	memcpy(r.relationship, dmr_is_zero(k->hello.relationship, 16) ? k->peer.relationship :
	       k->hello.relationship, 16);
	r.base = b->base.number;
	memcpy(r.base_generation, b->base.generation, 16);
	r.point = b->target.number;
	memcpy(r.generation, b->target.generation, 16);
	r.generation_first = b->generation_first;
	r.time = b->time;
	r.kind = b->point_kind;
	snprintf(r.label, sizeof(r.label), "%s", b->label);
	code = dmreplica_receive_begin(k->ctx, &k->sys, &r, NULL);
	if (code)
		return code;
	/* Else the worker begins at the beginning, and the module has nothing of it. */
	if (!goes_on && (r.cursor_disk || r.cursor_offset))
		return keeper_refuse(k, DM_REPLICA_CODE_INVALID_STATE,
				       "the stream is half in already, by another receiver");
	return read_state(k);
}

static int give_files(struct keeper *k)
{
	struct dmrs_note *note = k->note;
	int code = read_state(k);

	if (code)
		return code;
	note->len = 0;
	if (!(k->sys.flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVING))
		return keeper_refuse(k, DM_REPLICA_CODE_INVALID_STATE, "no stream is half in");
	code = open_files(k);
	return code || note->code ? code : keeper_give_files(k);
}

static int mark(struct keeper *k)
{
	struct dmrs_place place;

	if (k->note->len != sizeof(place))
		return DM_REPLICA_CODE_INVALID_PARAMETER;
	memcpy(&place, k->note->data, sizeof(place));
	k->note->len = 0;
	return dmreplica_receive_mark(k->ctx, &k->sys, k->sys.stream, place.disk, place.offset);
}

/* Only the stream that the worker has received. */
static int abort_stream(struct keeper *k)
{
	uint8_t stream[16];

	if (k->note->len != sizeof(stream))
		return DM_REPLICA_CODE_INVALID_PARAMETER;
	memcpy(stream, k->note->data, sizeof(stream));
	k->note->len = 0;
	return dmreplica_receive_abort(k->ctx, &k->sys, stream, NULL);
}

static int end(struct receiving *r)
{
	struct keeper *k = &r->k;
	struct dmreplica_op op = { .given = 0 };
	struct dmrs_done done = { .nr_peers = 0 };
	struct dmrs_begin *b = &k->begin;
	int code;

	if (dmrs_begin_get(k->note->data, k->note->len, b)) {
		memset(b, 0, sizeof(*b));
		return keeper_refuse(k, DM_REPLICA_CODE_INVALID_TYPE, "the BEGIN is wrong");
	}
	if (memcmp(b->stream, k->sys.stream, 16) || b->target.number != k->sys.stream_point)
		return keeper_refuse(k, DM_REPLICA_CODE_INVALID_STATE,
				       "another stream is half in");
	/* I2: the point is durable when this is answered. */
	code = dmreplica_receive_end(k->ctx, &k->sys, b->stream, &op);
	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return code;
	keeper_close_files(k);
	r->made = b->target.number;
	r->nr_made++;
	r->state.points++;
	r->state.acked = b->target.number;
	r->state.acked_time = b->time;
	show_state(r, PEER_CONNECTED);
	done.point = b->target;
	code = read_state(k);
	done.free_bytes = code ? 0 : k->state.free_bytes;
	k->note->len = dmrs_done_put(k->note->data, &done);
	return 0;
}

static int answer(struct keeper *k, struct dmrs_note *note)
{
	switch (note->kind) {
	case DMRS_NOTE_FILES:
		return give_files(k);
	case DMRS_NOTE_BEGIN:
		return begin(k);
	case DMRS_NOTE_MARK:
		return mark(k);
	case DMRS_NOTE_END:
		return end((struct receiving *)k);
	case DMRS_NOTE_ABORT:
		return abort_stream(k);
	}
	return DM_REPLICA_CODE_NOT_SUPPORTED;
}

static const struct keeper_ops receiving_ops = { .answer = answer };

/* The next command after a fault, from what the system has now. */
static void hint(struct keeper *k, char *out, size_t size)
{
	const char *name = k->sys.name, *said = k->fault.sentence;

	*out = 0;
	if (read_state(k))
		return;
	if (strstr(said, "store is full"))
		snprintf(out, size, "replicactl status %s shows the space; after grow or recovery-point drop send the same stream again",
			 name);
	else if (strstr(said, "takes a full stream"))
		snprintf(out, size, "at the sender: replicactl send NAME --full");
	else if (strstr(said, "takes changes since"))
		snprintf(out, size, "at the sender: replicactl send NAME --from %llu",
			 (unsigned long long)k->state.points[0].number);
	else if (k->sys.flags & DM_REPLICA_SYSTEM_FLAGS_RECEIVING)
		snprintf(out, size, "its recovery points stay; receive the same stream again: it goes on behind what is here");
	else if (strstr(said, "relationship") || strstr(said, "disk"))
		snprintf(out, size, "replicactl status %s shows the system; a stream is received by a replica of the same machine",
			 name);
}

static void print_result(const struct receiving *r)
{
	const struct keeper *k = &r->k;
	FILE *f = r->two_way ? stderr : stdout;
	struct json_object *obj;

	if (!r->json) {
		if (r->nr_made)
			fprintf(f, "0 %s: %s received, recovery point %llu is the newest of %s\n",
				dmreplica_code_name(0), text_count(r->nr_made, "stream"),
				(unsigned long long)r->made, k->sys.name);
		else if (k->count.done)
			fprintf(f, "0 %s: %s has these recovery points already, nothing was written\n",
				dmreplica_code_name(0), k->sys.name);
		else
			fprintf(f, "0 %s: nothing was received\n", dmreplica_code_name(0));
		return;
	}
	obj = json_object_new_object();
	json_add_string(obj, "system", k->sys.name);
	json_add_u64(obj, "points_made", r->nr_made);
	json_add_u64(obj, "newest_point", k->state.nr_points ? k->state.points[0].number : 0);
	json_add_u64(obj, "bytes", k->count.count.bytes);
	json_add_u64(obj, "zero_bytes", k->count.count.zero_bytes);
	json_add_u64(obj, "stream_bytes", k->count.wire);
	fprintf(f, "%s\n", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_SPACED));
	json_object_put(obj);
}

static int receive_stream(struct receiving *r)
{
	char *argv[] = { "dm-replica-worker", "receive", r->two_way ? "live" : "file", NULL };
	int out = r->two_way ? keeper_output(STDOUT_FILENO) : -1, code;
	struct keeper *k = &r->k;
	char next[256];
	bool started;

	if (r->two_way && out < 0)
		return refused_because(DM_REPLICA_CODE_FAILED, strerror(errno),
				       "standard output gets the answers");
	/* The sums of the receivers before, of the same sender or not. */
	peer_state_read(k->sys.uuid, false, &r->state);
	r->file.fd = -1;
	r->state.since = 0;
	show_state(r, PEER_STARTING);
	started = keeper_start(k, STDIN_FILENO, out, argv);
	code = errno;
	if (out >= 0)
		close(out);
	if (!started)
		return refused_because(DM_REPLICA_CODE_NOT_SUPPORTED, strerror(code),
				       "dm-replica-worker is a part of package replicactl");
	code = keeper_run(k);
	show_state(r, code ? PEER_LOST : PEER_ENDED);
	keeper_close_files(k);
	if (code) {
		hint(k, next, sizeof(next));
		return refused_because(code, k->fault.sentence, next);
	}
	print_result(r);
	return 0;
}

int cmd_receive(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "two-way", no_argument, NULL, '2' },
		{ NULL, 0, NULL, 0 }
	};
	struct receiving r = { .json = false };
	bool json = false, two_way = false;
	int c, code, status;

	while ((c = next_option(argc, argv, "j", options, &status)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case '2':
			two_way = true;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if (isatty(STDIN_FILENO))
		return usage_error("standard input is a terminal: receive NAME < FILE");
	code = keeper_open(&r.k, ctx, argv[optind], "receive");
	r.k.ops = &receiving_ops;
	r.json = json;
	r.two_way = two_way;
	status = code ? refused(ctx, code) : receive_stream(&r);
	keeper_close(&r.k);
	return status;
}
