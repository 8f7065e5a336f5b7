// SPDX-License-Identifier: GPL-2.0-only
/*
 * replicactl metrics: systems in the text format of Prometheus.
 *
 * All samples of a metric stand together and no sample stands twice: a single duplicate
 * makes node_exporter drop the files of all programs.  Nothing is read from a store, so no
 * device can delay it.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "page-file.h"
#include "peer-show.h"

#define NS_TO_MS	1000000ULL
#define MAX_NUMBER	256	/* numbers of states and types of jobs are below this */

/* One system, and its metrics' label. */
struct watched {
	struct dmreplica_system sys;
	char label[4 * DMREPLICA_NAME_MAX + DMREPLICA_UUID_TEXT];
	struct dmreplica_disk *disks;
	size_t nr_disks;
	uint64_t oldest;		/* time of the oldest point, 0: there is none */
	uint64_t newest;
	struct peer_show peers;
	uint64_t acked_time[DMREPLICA_MAX_PEERS + 1];	/* 0: not known */
};

struct page {
	FILE *f;
	struct watched *list;
	size_t nr;
	struct dmreplica_job *jobs;
	size_t nr_jobs;
	int code;			/* of the first refusal, or 0 */
};

/* Of the last two 0 is no value: there is no sample then. */
enum kind { U32, U64, CODE, TIME };

/* A metric that is a member of struct watched. */
struct metric {
	const char *name;		/* without prefix */
	const char *type;
	const char *help;
	size_t at;			/* offset of the member */
	enum kind kind;
};

#define OF(member)	offsetof(struct watched, member)

static const struct metric metrics[] = {
	{ "health", "gauge", "Health of the system: 1 normal, 2 warning, 3 critical.",
	  OF(sys.health), CODE },
	{ "points", "gauge", "Recovery points of the system.", OF(sys.points), U32 },
	{ "oldest_point_timestamp_seconds", "gauge", "When the oldest recovery point was made.",
	  OF(oldest), TIME },
	{ "newest_point_timestamp_seconds", "gauge", "When the newest recovery point was made.",
	  OF(newest), TIME },
	{ "live_since_timestamp_seconds", "gauge", "When the system was failed over, while it is.",
	  OF(sys.live_time), TIME },
	{ "live_written_bytes", "gauge",
	  "Bytes written to the live failover, which a revert discards.", OF(sys.live_bytes), U64 },
	{ "store_slots", "gauge", "Slots of the store.", OF(sys.slots), U64 },
	{ "store_slots_used", "gauge", "Slots of the store in use.", OF(sys.slots_used), U64 },
	{ "store_slots_reserved", "gauge", "Free slots that are kept for the live failover.",
	  OF(sys.slots_reserved), U64 },
	{ "store_size_bytes", "gauge", "Size of the part of the store's device that is used.",
	  OF(sys.store_bytes), U64 },
	{ "log_blocks", "gauge", "Blocks of 4 KiB of the store's log.", OF(sys.log_blocks), U64 },
	{ "log_used", "gauge", "Blocks of the store's log in use.", OF(sys.log_used), U64 },
	{ "replicated_bytes_total", "counter",
	  "Bytes replicated; starts again from 0 at each recovery point and each attach.",
	  OF(sys.replicated_bytes), U64 },
	{ "points_made_total", "counter", "Recovery points made since the store was made.",
	  OF(sys.points_made), U64 },
	{ "points_dropped_total", "counter", "Recovery points dropped since the store was made.",
	  OF(sys.points_dropped), U64 },
	{ "move_home_remaining_bytes", "gauge", "Bytes that a running job still moves home.",
	  OF(sys.home_bytes), U64 },
};

/* Begin a metric: its help and its type, once. */
static void begin(struct page *page, const char *name, const char *type, const char *help)
{
	fprintf(page->f, "# HELP dm_replica_%s %s\n# TYPE dm_replica_%s %s\n", name, help, name, type);
}

/*
 * Write a text as the value of a label.  Control characters, which can be no part of a valid
 * name, become question marks.
 */
static void value(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, f);
	}
	fputc('"', f);
}

/* Begin a sample; @label is a second label beside the system, or NULL. */
static void sample(struct page *page, const char *name, const struct watched *w, const char *label,
		   const char *text)
{
	fprintf(page->f, "dm_replica_%s{system=", name);
	value(page->f, w->label);
	if (label) {
		fprintf(page->f, ",%s=", label);
		value(page->f, text);
	}
	fprintf(page->f, "} ");
}

static void labelled(struct page *page, const char *name, const struct watched *w,
		     const char *label, const char *text, uint64_t number)
{
	sample(page, name, w, label, text);
	fprintf(page->f, "%llu\n", (unsigned long long)number);
}

static void print_seconds(FILE *f, uint64_t ns)
{
	fprintf(f, "%llu.%03llu\n", (unsigned long long)(ns / (1000 * NS_TO_MS)),
		(unsigned long long)(ns / NS_TO_MS % 1000));
}

static void put_member(struct page *page, const struct metric *metric, const struct watched *w)
{
	const char *at = (const char *)w + metric->at;
	uint64_t number = metric->kind == U32 || metric->kind == CODE ?
			  *(const uint32_t *)(const void *)at : *(const uint64_t *)(const void *)at;

	if (!number && (metric->kind == CODE || metric->kind == TIME))
		return;
	sample(page, metric->name, w, NULL, NULL);
	if (metric->kind == TIME)
		print_seconds(page->f, number);
	else
		fprintf(page->f, "%llu\n", (unsigned long long)number);
}

static void put_members(struct page *page)
{
	unsigned int m;
	size_t i;

	for (m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		begin(page, metrics[m].name, metrics[m].type, metrics[m].help);
		for (i = 0; i < page->nr; i++)
			if (page->list[i].sys.attached)
				put_member(page, &metrics[m], &page->list[i]);
	}
}

static void put_info(struct page *page)
{
	const struct watched *w;
	size_t i;

	begin(page, "system_info", "gauge", "UUID and store of a system that is attached or has a file.");
	for (i = 0; i < page->nr; i++) {
		w = &page->list[i];
		fprintf(page->f, "dm_replica_system_info{system=");
		value(page->f, w->label);
		fprintf(page->f, ",uuid=\"%s\",store=", text_uuid(w->sys.uuid));
		value(page->f, w->sys.store);
		fprintf(page->f, "} 1\n");
	}
	begin(page, "system_attached", "gauge", "Is the system attached on this host?");
	for (i = 0; i < page->nr; i++)
		labelled(page, "system_attached", &page->list[i], NULL, NULL,
			 page->list[i].sys.attached);
}

static bool named(const char *name)
{
	return strcmp(name, "unknown") != 0;
}

/* One sample for each role. */
static void put_roles(struct page *page)
{
	static const char *const roles[] = { "primary", "replica" };
	const struct watched *w;
	unsigned int role;
	size_t i;

	begin(page, "system_role", "gauge", "1 for the role that the system has, else 0.");
	for (i = 0; i < page->nr; i++) {
		w = &page->list[i];
		for (role = 0; w->sys.attached && role < 2; role++)
			labelled(page, "system_role", w, "role", roles[role],
				 !strcmp(roles[role], dmreplica_role_name(&w->sys)));
	}
}

/* One sample for each state; a state of a newer module is "unknown". */
static void put_states(struct page *page)
{
	const struct watched *w;
	uint32_t state;
	size_t i;

	begin(page, "system_state", "gauge", "1 for the state that the system is in, else 0.");
	for (i = 0; i < page->nr; i++) {
		w = &page->list[i];
		if (!w->sys.attached)
			continue;
		for (state = 0; state < MAX_NUMBER; state++)
			if (named(dmreplica_state_name(state)))
				labelled(page, "system_state", w, "state",
					 dmreplica_state_name(state), state == w->sys.state);
		labelled(page, "system_state", w, "state", "unknown",
			 !named(dmreplica_state_name(w->sys.state)));
	}
}

static void put_reasons(struct page *page)
{
	const struct watched *w;
	uint32_t bit, left;
	const char *name;
	size_t i;

	begin(page, "health_reason", "gauge", "1 for each reason of a health that is not normal, else 0.");
	for (i = 0; i < page->nr; i++) {
		w = &page->list[i];
		if (!w->sys.attached || !w->sys.health)
			continue;
		left = w->sys.health_reasons;
		for (bit = 1; bit; bit <<= 1) {
			name = dmreplica_health_reason_name(bit);
			if (!named(name))
				continue;
			labelled(page, "health_reason", w, "reason", name,
				 (w->sys.health_reasons & bit) != 0);
			left &= ~bit;
		}
		labelled(page, "health_reason", w, "reason", "unknown", left != 0);
	}
}

static void put_errors(struct page *page)
{
	const struct watched *w;
	size_t i, d;

	begin(page, "device_errors_total", "counter",
	      "I/O errors of a disk's home and slots; starts again from 0 at each attach and reset.");
	for (i = 0; i < page->nr; i++) {
		w = &page->list[i];
		for (d = 0; d < w->nr_disks; d++)
			labelled(page, "device_errors_total", w, "disk", w->disks[d].name,
				 w->disks[d].errors);
	}
}

/* Number of running jobs of a type, or of all types without a name (@type 0). */
static uint64_t running(const struct page *page, const struct watched *w, uint32_t type)
{
	const struct dmreplica_job *job;
	uint64_t nr = 0;
	size_t i;

	for (i = 0; i < page->nr_jobs; i++) {
		job = &page->jobs[i];
		if (memcmp(job->system, w->sys.uuid, 16) || dmreplica_job_ended(job->state))
			continue;
		if (type ? job->type == type : !named(dmreplica_job_type_name(job->type)))
			nr++;
	}
	return nr;
}

static void put_jobs(struct page *page)
{
	const struct watched *w;
	uint32_t type;
	size_t i;

	begin(page, "job_running", "gauge", "Jobs of a type that have not ended.");
	for (i = 0; i < page->nr; i++) {
		w = &page->list[i];
		if (!w->sys.attached)
			continue;
		for (type = 1; type < MAX_NUMBER; type++)
			if (named(dmreplica_job_type_name(type)))
				labelled(page, "job_running", w, "type",
					 dmreplica_job_type_name(type), running(page, w, type));
		labelled(page, "job_running", w, "type", "unknown", running(page, w, 0));
	}
}

/*----------------------------------------------------------------
 * Peers
 *----------------------------------------------------------------*/

/* A sample of a peer has a value, or there is none: PEER_UNKNOWN. */
typedef uint64_t peer_value(const struct watched *w, unsigned int i);

static const struct peer_state *session(const struct watched *w, unsigned int i)
{
	return w->peers.sends && !strcmp(w->peers.sending.peer, w->peers.peers[i].name) ?
	       &w->peers.sending : NULL;
}

static uint64_t acked_time(const struct watched *w, unsigned int i)
{
	return w->acked_time[i] ?: PEER_UNKNOWN;
}

static uint64_t held(const struct watched *w, unsigned int i)
{
	return w->peers.peers[i].points_held;
}

static uint64_t lag(const struct watched *w, unsigned int i)
{
	return peer_lag(&w->peers, &w->peers.peers[i], &w->sys);
}

#define OF_SESSION(name, value)							\
static uint64_t name(const struct watched *w, unsigned int i)			\
{										\
	const struct peer_state *s = session(w, i);				\
										\
	return s ? (value) : PEER_UNKNOWN;					\
}

OF_SESSION(connected, s->word == PEER_CONNECTED || s->word == PEER_BEHIND)
OF_SESSION(interval, s->interval)
OF_SESSION(cycle, s->cycle ?: PEER_UNKNOWN)
OF_SESSION(points_sent, s->points)
OF_SESSION(bytes_sent, s->bytes)
OF_SESSION(stream_bytes, s->wire)
OF_SESSION(errors, s->errors)
OF_SESSION(error_time, s->error_time ?: PEER_UNKNOWN)

static const struct {
	const char *name;
	const char *type;
	const char *help;
	peer_value *value;
	bool ns;			/* shown as seconds */
} peer_metrics[] = {
	{ "peer_acked_timestamp_seconds", "gauge",
	  "When the newest recovery point that the peer has was made: a failover there loses what is newer.",
	  acked_time, true },
	{ "peer_lag_bytes", "gauge",
	  "Bytes written that the peer does not have, at most; known beside a session.", lag, false },
	{ "peer_points_held", "gauge", "Recovery points that the peer holds.", held, false },
	{ "peer_connected", "gauge", "Does a session have a connection to the peer?", connected, false },
	{ "peer_interval_seconds", "gauge", "Interval of the session.", interval, false },
	{ "peer_cycle_seconds", "gauge",
	  "From the making of the last point to the acknowledgement of the peer.", cycle, true },
	{ "peer_points_sent_total", "counter",
	  "Recovery points that the peer has acknowledged; starts again from 0 at each boot.",
	  points_sent, false },
	{ "peer_sent_bytes_total", "counter",
	  "Bytes of disks that were sent; starts again from 0 at each boot.", bytes_sent, false },
	{ "peer_stream_bytes_total", "counter",
	  "Bytes of the streams with them; starts again from 0 at each boot.", stream_bytes, false },
	{ "peer_errors_total", "counter",
	  "Sessions that have failed; starts again from 0 at each boot.", errors, false },
	{ "peer_last_error_timestamp_seconds", "gauge", "When the last one has failed.", error_time, true },
};

static void peer_sample(struct page *page, const char *name, const struct watched *w,
			unsigned int i)
{
	sample(page, name, w, "peer", w->peers.peers[i].name);
}

static void put_peers(struct page *page)
{
	const struct watched *w;
	unsigned int m, p;
	uint64_t value;
	size_t i;

	for (m = 0; m < sizeof(peer_metrics) / sizeof(peer_metrics[0]); m++) {
		begin(page, peer_metrics[m].name, peer_metrics[m].type, peer_metrics[m].help);
		for (i = 0; i < page->nr; i++) {
			w = &page->list[i];
			for (p = 0; p < w->peers.nr_peers; p++) {
				value = peer_metrics[m].value(w, p);
				if (value == PEER_UNKNOWN)
					continue;
				peer_sample(page, peer_metrics[m].name, w, p);
				if (peer_metrics[m].ns)
					print_seconds(page->f, value);
				else
					fprintf(page->f, "%llu\n", (unsigned long long)value);
			}
		}
	}
}

/* One sample for each state of a session. */
static void put_sessions(struct page *page)
{
	const struct watched *w;
	unsigned int p, word;
	size_t i;

	begin(page, "peer_session", "gauge", "1 for the state that the session with the peer is in, else 0.");
	for (i = 0; i < page->nr; i++) {
		w = &page->list[i];
		for (p = 0; p < w->peers.nr_peers; p++) {
			for (word = 0; session(w, p) && word < PEER_WORDS; word++) {
				fprintf(page->f, "dm_replica_peer_session{system=");
				value(page->f, w->label);
				fprintf(page->f, ",peer=");
				value(page->f, w->peers.peers[p].name);
				fprintf(page->f, ",state=\"%s\"} %d\n", peer_words[word],
					session(w, p)->word == word);
			}
		}
	}
}

/* Print a refusal, and remember that the page is not complete. */
static void failed(struct dmreplica *ctx, struct page *page, int code)
{
	refused(ctx, code);
	if (!page->code)
		page->code = code;
}

/* The name of a system, or its UUID if a system before it has that name. */
static void choose_label(struct page *page, size_t i)
{
	struct watched *w = &page->list[i];
	size_t j;

	snprintf(w->label, sizeof(w->label), "%s", w->sys.name);
	for (j = 0; j < i; j++)
		if (!strcmp(page->list[j].sys.name, w->sys.name))
			snprintf(w->label, sizeof(w->label), "%s", text_uuid(w->sys.uuid));
}

/* A system that is detached meanwhile has no more than a file. */
static void look_at(struct dmreplica *ctx, struct page *page, struct watched *w)
{
	struct dmreplica_point *points = NULL;
	size_t nr = 0, i;
	int code;

	if (!w->sys.attached)
		return;
	code = dmreplica_disk_list(ctx, &w->sys, &w->disks, &w->nr_disks);
	if (!code)
		code = dmreplica_point_list(ctx, &w->sys, &points, &nr);
	if (nr) {
		w->oldest = points[0].time;
		w->newest = points[nr - 1].time;
	}
	if (!code)
		peer_show_read(ctx, &w->sys, &w->peers);
	for (i = 0; i < w->peers.nr_peers; i++)
		w->acked_time[i] = peer_acked_time(&w->peers, &w->peers.peers[i], points, nr);
	dmreplica_list_free(points);
	if (code == DM_REPLICA_CODE_NOT_FOUND)
		w->sys.attached = false;
	else if (code)
		failed(ctx, page, code);
}

static void collect(struct dmreplica *ctx, struct page *page)
{
	struct dmreplica_system *list;
	size_t nr, i;
	int code;

	code = dmreplica_system_list(ctx, &list, &nr);
	if (code) {
		failed(ctx, page, code);
		return;
	}
	page->list = calloc(nr ? nr : 1, sizeof(*page->list));
	if (!page->list) {
		fprintf(stderr, "replicactl: out of memory\n");
		page->code = DM_REPLICA_CODE_NO_MEMORY;
		nr = 0;
	}
	for (i = 0; i < nr; i++) {
		page->list[i].sys = list[i];
		page->nr++;
		choose_label(page, i);
		look_at(ctx, page, &page->list[i]);
	}
	dmreplica_list_free(list);
	code = dmreplica_job_list(ctx, NULL, &page->jobs, &page->nr_jobs);
	if (code)
		failed(ctx, page, code);
}

static void release(struct page *page)
{
	size_t i;

	for (i = 0; i < page->nr; i++)
		dmreplica_list_free(page->list[i].disks);
	free(page->list);
	dmreplica_list_free(page->jobs);
}

/* The file of a system that cannot be read: the system is missing on the page. */
static void left_out(void *arg, const char *text)
{
	struct page *page = arg;

	fflush(stdout);
	fprintf(stderr, "replicactl: warning: %s\n", text);
	if (!page->code)
		page->code = DM_REPLICA_CODE_FAILED;
}

static void put_all(struct page *page)
{
	if (page->nr) {
		put_info(page);
		put_states(page);
		put_roles(page);
		put_members(page);
		put_reasons(page);
		put_errors(page);
		put_jobs(page);
		put_peers(page);
		put_sessions(page);
	}
	begin(page, "scrape_success", "gauge", "Was all that is known of all systems read?");
	fprintf(page->f, "dm_replica_scrape_success %d\n", !page->code);
}

int cmd_metrics(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 }
	};
	struct page page = { .code = 0 };
	const char *file = NULL;
	char *text = NULL;
	size_t bytes = 0;
	int c, status;

	while ((c = next_option(argc, argv, "o:", options, &status)) != -1) {
		if (c != 'o')
			return status;
		file = optarg;
	}
	if (optind != argc)
		return usage_error("too many arguments: %s", argv[optind]);
	if (file && !*file)
		return usage_error("--output needs the name of a file");
	dmreplica_on_warning(ctx, left_out, &page);
	page.f = open_memstream(&text, &bytes);
	if (!page.f) {
		fprintf(stderr, "replicactl: out of memory\n");
		return dmreplica_exit_status(DM_REPLICA_CODE_NO_MEMORY);
	}
	collect(ctx, &page);
	put_all(&page);
	release(&page);
	status = dmreplica_exit_status(page.code);
	if (ferror(page.f) | fclose(page.f)) {
		fprintf(stderr, "replicactl: out of memory\n");
		status = dmreplica_exit_status(DM_REPLICA_CODE_NO_MEMORY);
	} else if (!file) {
		raw_output(text);
	} else if (!page_file_write(file, text, bytes) && !status) {
		status = 1;
	}
	free(text);
	return status;
}
