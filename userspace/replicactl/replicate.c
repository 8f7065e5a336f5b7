// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl replicate: a live session with a receiver that another command runs, over its
 * standard input and output: ssh, or any.  A new recovery point each interval, and what has
 * changed since the last one, as soon as the receiver has that.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "peer-state.h"
#include "replicate.h"
#include "sending.h"

#define DELAY_MOST	60		/* s between two attempts */
#define RECEIVER_MS	10000		/* for the receiver to end, after its input */
#define WRITTEN_NS	2000000000ULL	/* between two writes of a state that progresses only */
#define MEASURE_NS	1000000000ULL	/* for the size of what is not sent */

struct replicate {
	struct sending s;
	struct replicate_options o;
	uint64_t newest;		/* number of the newest point */
	uint64_t made;			/* ns of the monotonic clock, when it was made */
	uint64_t shown;			/* number of the last point that was reported */
	bool refused;			/* by a decision that another attempt does not change */
	pid_t child;
	struct peer_state state;
	struct peer_file file;
	uint64_t written;		/* keeper_now() when @state was */
	uint64_t measured, size;	/* number of the point up to which @size is not sent */
	bool answered;			/* by the peer, in this session */
	struct dmrs_note_count counted;	/* of this session, in the sums of @state, .. */
	uint64_t counted_target;	/* .. with a stream to this point */
};

/*----------------------------------------------------------------
 * What other processes see of it
 *----------------------------------------------------------------*/

static void write_state(struct replicate *r)
{
	peer_state_write(&r->file, r->s.k.sys.uuid, true, &r->state);
	r->written = keeper_now();
}

static void set_word(struct replicate *r, enum peer_word word)
{
	if (r->state.word == word)
		return;
	r->state.word = word;
	r->state.since = now_ns();
	write_state(r);
}

/* Go on with the sums of the process before this one. */
static void begin_state(struct replicate *r)
{
	struct peer_state *s = &r->state, was;

	r->file.fd = -1;
	if (peer_state_read(r->s.k.sys.uuid, true, &was) && !strcmp(was.peer, r->o.peer))
		*s = was;
	snprintf(s->peer, sizeof(s->peer), "%s", r->o.peer);
	snprintf(s->to, sizeof(s->to), "%s", r->o.to);
	s->interval = r->o.interval;
	s->target = 0;
	s->unsent = PEER_UNKNOWN;
	s->word = PEER_STARTING;
	s->since = now_ns();
	write_state(r);
}

/* Time of a point of this system.  Return: 0 if it is not known. */
static uint64_t time_of(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t number)
{
	const struct dmreplica_point *point;
	struct dmreplica_point *list;
	uint64_t time;
	size_t nr;

	if (dmreplica_point_list(ctx, sys, &list, &nr))
		return 0;
	point = point_in(list, nr, number);
	time = point ? point->time : 0;
	dmreplica_list_free(list);
	return time;
}

/*
 * The peer has @number, or nothing.  That may be less than the store has recorded: a receiver
 * that was made anew, or put back, has lost what it once had.
 */
static void take_acked(struct replicate *r, uint64_t number)
{
	struct peer_state *s = &r->state;

	if (number == s->acked)
		return;
	if (number < s->acked && s->denied < s->acked)
		s->denied = s->acked;
	else if (number > s->denied)
		s->denied = 0;
	s->acked = number;
	r->measured = 0;
	s->acked_time = number ? time_of(r->s.k.ctx, &r->s.k.sys, number) : 0;
}

/* Take what the session shows: an answer, or the begin of a stream, which the base is in front of. */
static void take_peer(struct replicate *r)
{
	const struct dmrs_begin *b = &r->s.k.begin;
	uint64_t acked = r->s.acked.number;

	if (b->target.number > acked && (b->base.number || !acked))
		take_acked(r, b->base.number);
	else if (acked)
		take_acked(r, acked);
}

/* Size of what the peer does not have of the newest point, once for each of both. */
static uint64_t measure(struct replicate *r)
{
	struct keeper *k = &r->s.k;
	struct sending_size size;

	if (r->measured == r->newest)
		return r->size;
	r->measured = r->newest;
	r->size = sending_measure_all(k, k->sys.disks, r->state.acked, r->newest, MEASURE_NS,
				      &size) ? PEER_UNKNOWN : size.bytes + size.zero_bytes;
	return r->size;
}

static uint64_t unsent(struct replicate *r)
{
	const struct dmrs_begin *b = &r->s.k.begin;
	const struct dmrs_count *c = &r->s.k.count.count;
	uint64_t done = c->bytes + c->zero_bytes;

	if (r->state.acked >= r->newest)
		return 0;
	if (b->target.number != r->newest || !b->bytes)
		return r->state.target ? PEER_UNKNOWN : measure(r);
	return b->bytes > done ? b->bytes - done : 0;
}

/* Add what has been sent since the last call. */
static void add_count(struct replicate *r)
{
	const struct dmrs_note_count *now = &r->s.k.count;
	struct dmrs_note_count *was = &r->counted;
	struct peer_state *s = &r->state;

	/* Each stream counts from 0. */
	if (r->counted_target != r->s.k.begin.target.number)
		memset(&was->count, 0, sizeof(was->count));
	r->counted_target = r->s.k.begin.target.number;
	s->bytes += now->count.bytes - was->count.bytes;
	s->zero_bytes += now->count.zero_bytes - was->count.zero_bytes;
	s->wire += now->wire - was->wire;
	*was = *now;
}

/* Look at the session, and write what has changed. */
static void turned(struct keeper *k)
{
	struct replicate *r = (struct replicate *)k;
	struct peer_state *s = &r->state;
	uint64_t was = s->acked, target = s->target;
	const struct dmrs_count *c = &k->count.count;
	enum peer_word word = s->word;
	bool answers;

	take_peer(r);
	if (k->peer.lowest)
		snprintf(s->host, sizeof(s->host), "%s", k->peer.host);
	/* Behind a fault the next attempt may end in the same one: a greeting is no connection then. */
	answers = k->peer.lowest && (s->word < PEER_LOST || c->bytes || c->zero_bytes);
	if (answers || r->s.acked.number) {
		if (!r->answered)
			s->connected = now_ns();
		r->answered = true;
		word = peer_is_late(s, now_ns()) ? PEER_BEHIND : PEER_CONNECTED;
	}
	s->target = k->begin.target.number > s->acked ? k->begin.target.number : 0;
	if (s->acked != was && s->acked == r->s.acked.number) {
		s->points++;
		s->cycle = s->acked == r->newest && r->made ? keeper_now() - r->made : 0;
	}
	add_count(r);
	if (word == s->word && s->acked == was && s->target == target &&
	    keeper_now() < r->written + WRITTEN_NS)
		return;
	s->unsent = unsent(r);
	if (word != s->word)
		set_word(r, word);
	else
		write_state(r);
}

/* The session, or an attempt at one, has failed: another one follows, or an operator decides. */
static void note_error(struct replicate *r, int code, bool final)
{
	struct peer_state *s = &r->state;

	peer_state_error(s, code, r->s.k.fault.sentence);
	s->target = 0;
	s->unsent = r->newest ? unsent(r) : PEER_UNKNOWN;
	if (s->word != (final ? PEER_REFUSED : PEER_LOST))
		set_word(r, final ? PEER_REFUSED : PEER_LOST);
	else
		write_state(r);
}

/*----------------------------------------------------------------
 * The session
 *----------------------------------------------------------------*/

/* Make a point that the peer holds from its beginning on. */
static int make_point(struct replicate *r)
{
	struct dmreplica_op op = { .given = DMREPLICA_OP_PEER, .peer = r->o.peer };
	int code = dmreplica_point_make(r->s.k.ctx, &r->s.k.sys, &op);

	if (code && code != DM_REPLICA_CODE_JOB_STARTED)
		return code;
	r->newest = op.point_made;
	r->made = keeper_now();
	return 0;
}

/* Let the worker send a target; 0: end the session. */
static bool next_target(struct replicate *r, uint64_t target)
{
	struct dmrs_note *note = r->s.k.note;

	memset(note, 0, offsetof(struct dmrs_note, data));
	note->kind = DMRS_NOTE_IDLE;
	note->len = sizeof(target);
	memcpy(note->data, &target, sizeof(target));
	r->s.k.wake_at = 0;
	return keeper_send(&r->s.k);
}

/* Will another attempt have the same outcome?  All else may pass: a full store, a device in use. */
static bool is_final(uint32_t code)
{
	return code == DM_REPLICA_CODE_INVALID_PARAMETER || code == DM_REPLICA_CODE_INVALID_STATE ||
	       code == DM_REPLICA_CODE_NOT_FOUND || code == DM_REPLICA_CODE_NOT_SUPPORTED ||
	       code == DM_REPLICA_CODE_ACCESS_DENIED;
}

/* It is time for the next point. */
static bool woken(struct keeper *k)
{
	struct replicate *r = (struct replicate *)k;
	int code = make_point(r);

	if (code) {
		keeper_set_fault(k, code, dmreplica_message(k->ctx));
		r->refused = is_final(code);
		return false;
	}
	return next_target(r, r->newest);
}

static void report(struct replicate *r)
{
	const struct dmrs_count *c = &r->s.k.count.count;

	if (r->s.acked.number == r->shown)
		return;
	r->shown = r->s.acked.number;
	printf("%s: recovery point %llu is at %s: %s, %s of zeroes\n", r->s.k.sys.name,
	       (unsigned long long)r->shown, r->o.peer, text_size(c->bytes),
	       text_size(c->zero_bytes));
	fflush(stdout);
}

static void idle(struct keeper *k, const struct dmrs_refusal *why)
{
	struct replicate *r = (struct replicate *)k;

	if (why->code) {
		k->fault = *why;
		/* Both sides differ, and an operator has to choose. */
		r->refused = is_final(why->code);
		next_target(r, 0);
		return;
	}
	report(r);
	if (r->s.acked.number < r->newest) {
		next_target(r, r->newest);
	} else if (r->o.once) {
		next_target(r, 0);
	} else {
		k->wake_at = r->made + r->o.interval * 1000000000ULL;
	}
}

/* Run the receiver.  Return: a socket that is its standard input and output, or -1. */
static int start_receiver(struct replicate *r)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	fflush(stdout);
	r->child = fork();
	if (!r->child) {
		/* This process ignores it, and a program that is run would, too. */
		signal(SIGPIPE, SIG_DFL);
		dup2(ends[1], STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		if (*r->o.host)
			execlp("ssh", "ssh", "-oBatchMode=yes", "-oServerAliveInterval=15",
			       "--", r->o.host, "replicactl", "receive", r->o.remote, "--two-way",
			       (char *)NULL);
		else
			execl("/bin/sh", "sh", "-c", r->o.to + strlen("exec:"), (char *)NULL);
		fprintf(stderr, "%s: cannot run %s: %s\n", program.name, r->o.to, strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	if (r->child > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

/* It ends with its input, or is killed. */
static void end_receiver(struct replicate *r)
{
	if (r->child > 0)
		keeper_end_child(r->child, RECEIVER_MS);
	r->child = 0;
}

/* Return: 0, or a code with the sentence in the keeper's fault. */
static int session(struct replicate *r)
{
	char sync[24];
	char *argv[] = {
		"dm-replica-worker", "send", "live", r->o.plain ? "plain" : "packed", sync, "0", "0",
		NULL,
	};
	struct keeper *k = &r->s.k;
	int sock, code;
	bool started;

	memset(&k->fault, 0, sizeof(k->fault));
	memset(&k->begin, 0, sizeof(k->begin));
	memset(&k->count, 0, sizeof(k->count));
	memset(&k->peer, 0, sizeof(k->peer));
	memset(&r->counted, 0, sizeof(r->counted));
	r->counted_target = 0;
	r->answered = false;
	memset(&r->s.acked, 0, sizeof(r->s.acked));
	k->wake_at = 0;
	snprintf(sync, sizeof(sync), "%llu", (unsigned long long)r->o.sync);
	sock = start_receiver(r);
	if (sock < 0) {
		keeper_set_fault(k, DM_REPLICA_CODE_FAILED, strerror(errno));
		return k->fault.code;
	}
	started = keeper_start(k, sock, sock, argv);
	if (!started)
		keeper_set_fault(k, DM_REPLICA_CODE_NOT_SUPPORTED, strerror(errno));
	r->refused |= !started;
	close(sock);
	code = started ? keeper_run(k) : (int)k->fault.code;
	/* Before any stream: another attempt finds the same two systems. */
	r->refused |= is_final(code) && !k->begin.target.number;
	keeper_close_files(k);
	end_receiver(r);
	/* The last answer of all may have been that the receiver has the point. */
	if (!code && !k->fault.code)
		report(r);
	return code;
}

/* Have the peer.  Return: 0 or a refusal. */
static int have_peer(struct replicate *r)
{
	struct dmreplica_op op = { .given = DMREPLICA_OP_PEER, .peer = r->o.peer };
	struct dmreplica *ctx = r->s.k.ctx;
	struct dmreplica_peer *list;
	bool there = false;
	size_t nr, i;
	int code;

	code = dmreplica_peer_list(ctx, &r->s.k.sys, &list, &nr);
	if (code)
		return code;
	for (i = 0; i < nr; i++) {
		if (strcmp(list[i].name, r->o.peer))
			continue;
		there = true;
		if (list[i].acked > r->state.denied)
			take_acked(r, list[i].acked);
	}
	dmreplica_list_free(list);
	if (!there)
		code = dmreplica_peer_add(ctx, &r->s.k.sys, NULL, &op);
	r->s.peer = r->o.peer;
	return code;
}

/* Return: false after a signal. */
static bool retry_after(unsigned int *delay)
{
	struct timespec pause = { .tv_sec = 1 };
	unsigned int i;

	/* Second by second: a signal in front of a pause does not end it. */
	for (i = 0; i < *delay && !keeper_interrupted(); i++)
		nanosleep(&pause, NULL);
	*delay = *delay * 2 > DELAY_MOST ? DELAY_MOST : *delay * 2;
	return !keeper_interrupted();
}

static const char *next_command(const struct replicate *r)
{
	static char text[320];

	*text = 0;
	if (r->refused)
		snprintf(text, sizeof(text), "replicactl recovery-point list shows what each side has; a full stream is received by a system without points");
	return text;
}

/* Return: the exit status after a signal, which is how a service ends as asked for. */
static int stopped(const struct replicate *r, int code)
{
	return r->o.stay ? 0 : refused_because(code, "interrupted", "");
}

static int replicate(struct replicate *r)
{
	struct keeper *k = &r->s.k;
	unsigned int delay = 1;
	int code, status;

	for (;;) {
		code = r->newest ? 0 : have_peer(r) ?: make_point(r);
		if (code)
			keeper_set_fault(k, code, dmreplica_message(k->ctx));
		if (code && (r->o.once || (is_final(code) && !r->o.stay))) {
			status = refused(k->ctx, code);
			note_error(r, code, true);
			return status;
		}
		r->refused = code && is_final(code);
		if (!code)
			code = session(r);
		/* The last answers of the worker. */
		turned(k);
		if (!code || keeper_interrupted())
			set_word(r, PEER_ENDED);
		if (!code)
			return 0;
		if (keeper_interrupted())
			return stopped(r, code);
		note_error(r, code, r->o.once || r->refused);
		if (r->o.once || (r->refused && !r->o.stay))
			return refused_because(code, k->fault.sentence, next_command(r));
		if (r->s.acked.number)
			delay = 1;
		if (r->refused)
			delay = DELAY_MOST;
		r->refused = false;
		fprintf(stderr, "%s: %s; the next attempt is in %u s\n", program.name,
			k->fault.sentence, delay);
		if (!retry_after(&delay)) {
			set_word(r, PEER_ENDED);
			return stopped(r, code);
		}
	}
}

int cmd_replicate(struct dmreplica *ctx, int argc, char **argv)
{
	static struct keeper_ops ops;
	static struct replicate r;
	int code, status;

	if (!replicate_options_take(ctx, argc, argv, &r.o, &status))
		return status;
	code = sending_init(&r.s, ctx, argv[optind]);
	ops = sending_ops;
	ops.idle = idle;
	r.s.k.ops = &ops;
	r.s.k.woken = woken;
	r.s.k.turned = turned;
	if (!code)
		begin_state(&r);
	status = code ? refused(ctx, code) : replicate(&r);
	sending_end(&r.s);
	return status;
}
