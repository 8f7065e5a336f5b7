// SPDX-License-Identifier: GPL-2.0
/*
 * Control: one operation at a time, each recorded before and after, in an order that is
 * possible in a life.
 */
#include "life.h"

#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>

static struct {
	int state;
	uint64_t points[MAX_POINTS + 1];
	int nr_points;
	uint64_t live_point, test_point;	/* 0: none */
	bool suspended, held;
	unsigned int created;			/* how often */
} now;

static struct {
	const char *dm, *below, *path;
	unsigned int mib;
} store;

static uint64_t rng;
static long nr_ops, nr_wrong, nr_commits;

/* --- asking ----------------------------------------------------------------- */

static int run(char *said, size_t size, const char *fmt, va_list args)
{
	char line[1024];
	size_t n;
	FILE *f;
	int rc;

	n = vsnprintf(line, sizeof(line), fmt, args);
	snprintf(line + n, sizeof(line) - n, " 2>&1 </dev/null");
	f = popen(line, "re");
	if (!f)
		die("%s: %m", line);
	n = fread(said, 1, size - 1, f);
	said[n] = 0;
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : 99;
}

void command(const char *fmt, ...)
{
	char said[4096];
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = run(said, sizeof(said), fmt, args);
	va_end(args);
	if (rc)
		die("%s: status %d: %s", fmt, rc, said);
}

/* replicactl's answer, as a code. */
static int __attribute__((format(printf, 1, 2))) replicactl(const char *fmt, ...)
{
	char said[4096], line[512];
	va_list args;
	size_t n;
	int rc;

	n = snprintf(line, sizeof(line), "%s ", tool);
	snprintf(line + n, sizeof(line) - n, "%s", fmt);
	va_start(args, fmt);
	rc = run(said, sizeof(said), line, args);
	va_end(args);
	if (rc)
		snprintf(refusal, sizeof(refusal), "%.255s", said);
	return rc ? rc + DM_REPLICA_CODE_FAILED - 1 : 0;
}

static int create(void)
{
	char homes[512] = "";
	uint64_t half = mix(seed + ++now.created);
	size_t n = 0;

	memcpy(uuid, "life", 4);
	memcpy(uuid + 8, &half, 8);
	for (int d = 0; d < nr_disks; d++)
		n += snprintf(homes + n, sizeof(homes) - n, " --disk %s=%s", disks[d].disk,
			      disks[d].home);
	half = __builtin_bswap64(half);
	return replicactl("create %s --uuid 6c696665-0000-0000-%04llx-%012llx --store %s%s --chunk-size %s",
			  name, (unsigned long long)half >> 48,
			  (unsigned long long)half & 0xffffffffffffULL, store.path, homes,
			  plan->chunk);
}

static int ask(int op, uint64_t *number)
{
	static const int cmd[] = {
		[REC_POINT] = DM_REPLICA_CMD_POINT_NEW,
		[REC_DROP] = DM_REPLICA_CMD_POINT_DEL,
		[REC_FAILOVER] = DM_REPLICA_CMD_FAILOVER_INITIATE,
		[REC_REVERT] = DM_REPLICA_CMD_FAILOVER_REVERT,
		[REC_COMMIT] = DM_REPLICA_CMD_FAILOVER_COMMIT,
		[REC_TEST_START] = DM_REPLICA_CMD_TEST_START,
		[REC_TEST_STOP] = DM_REPLICA_CMD_TEST_STOP,
		[REC_SUSPEND] = DM_REPLICA_CMD_REPLICATION_SUSPEND,
		[REC_RESUME] = DM_REPLICA_CMD_REPLICATION_RESUME,
		[REC_GROW] = DM_REPLICA_CMD_STORE_GROW,
	};

	switch (op) {
	case REC_CREATE:
		return create();
	case REC_ATTACH:
		return replicactl("attach %s", name);
	case REC_DETACH:
		return replicactl("detach %s", name);
	case REC_REMOVE:
		return replicactl("remove %s --yes", name);
	case REC_HOLD:
	case REC_RELEASE:
		return vacuum_hold(op == REC_HOLD);
	case REC_DROP:
	case REC_FAILOVER:
	case REC_TEST_START:
	case REC_POINT:
		return operation(cmd[op], number);
	}
	return operation(cmd[op], NULL);
}

/* Run an operation and record it.  @want: the code that must be answered, -1: any refusal. */
static uint64_t op_want(int op, uint64_t number, int want)
{
	struct rec r = { .type = REC_OP, .op = op, .arg = number, .thread = CONTROL };
	int code;

	r.seq = atomic_fetch_add(&next_seq, 1);
	mark(&r, NULL);
	code = ask(op, &number);
	mark_done(&r, code, number);
	if (want < 0 ? !code : code != want)
		die("operation %d of %llu: answer %d, not %d: %s", op,
		    (unsigned long long)r.arg, code, want, code ? refusal : "");
	nr_ops++;
	return number;
}

static uint64_t op(int op, uint64_t number)
{
	return op_want(op, number, 0);
}

/* --- operations ------------------------------------------------------------- */

static int point_index(uint64_t number)
{
	int i;

	for (i = 0; i < now.nr_points && now.points[i] != number; i++)
		;
	return i;
}

static void do_point(void)
{
	now.points[now.nr_points++] = op(REC_POINT, 0);
	if (now.state == 2)
		now.state = 3;
}

/* The oldest, the newest, or one between. */
static int any_point(void)
{
	int which[] = { 0, now.nr_points - 1, now.nr_points / 2, below(&rng, now.nr_points) };

	return which[below(&rng, 4)];
}

static void do_drop(void)
{
	int i = any_point();
	uint64_t number = now.points[i];

	/* R14 */
	if (number == now.live_point || number == now.test_point) {
		op_want(REC_DROP, number, DM_REPLICA_CODE_IN_USE);
		nr_wrong++;
		return;
	}
	op(REC_DROP, number);
	memmove(now.points + i, now.points + i + 1,
		(--now.nr_points - i) * sizeof(*now.points));
}

static void do_failover(void)
{
	now.live_point = now.points[any_point()];
	op(REC_FAILOVER, now.live_point);
	now.state = 5;
	gate_open(REC_LIVE);
}

static void do_revert(void)
{
	gate_shut(REC_LIVE);
	op(REC_REVERT, 0);
	now.state = 3;
	now.live_point = 0;
}

static void do_test(void)
{
	now.test_point = now.points[any_point()];
	op(REC_TEST_START, now.test_point);
	gate_open(REC_TEST);
}

static void do_stop(void)
{
	gate_shut(REC_TEST);
	op(REC_TEST_STOP, 0);
	now.test_point = 0;
}

/* The head refuses meanwhile; writers may continue to try. */
static void deny(bool yes)
{
	if ((atomic_load(&denials) & 1) != yes)
		atomic_fetch_add(&denials, 1);
}

static void do_suspend(void)
{
	deny(true);
	op(REC_SUSPEND, 0);
	now.suspended = true;
}

static void do_resume(void)
{
	op(REC_RESUME, 0);
	deny(false);
	now.suspended = false;
}

static void store_resize(unsigned int mib)
{
	store.mib = mib;
	command("dmsetup load %s --table '0 %u linear %s 0' && dmsetup suspend --noflush %s && dmsetup resume %s",
		store.dm, mib * 2048, store.below, store.dm, store.dm);
}

static void do_grow(void)
{
	unsigned int mib = store.mib + 4;

	store_resize(mib < plan->grown_mib ? mib : plan->grown_mib);
	op(REC_GROW, store.mib * 2048);
}

static void do_hold(void)
{
	op(now.held ? REC_RELEASE : REC_HOLD, 0);
	now.held = !now.held;
}

static void rate_set(uint64_t rate)
{
	int code = setting(DM_REPLICA_A_SETTINGS_VACUUM_RATE, rate, 8);

	if (code)
		die("rate of the vacuum: %d: %s", code, refusal);
	mark_note("vacuum rate %llu", (unsigned long long)rate);
}

static void do_rate(void)
{
	rate_set(below(&rng, 3) ? ~0ULL : 65536ULL << below(&rng, 6));
}

static void gates_open(void)
{
	if (now.state != 6)
		gate_open(REC_HEAD);
	if (now.state >= 5)
		gate_open(REC_LIVE);
	if (now.test_point)
		gate_open(REC_TEST);
}

static void gates_shut(void)
{
	for (int view = 0; view < VIEWS; view++)
		gate_shut(view);
}

static void do_reattach(void)
{
	gates_shut();
	op(REC_DETACH, 0);
	now.held = false;
	op(REC_ATTACH, 0);
	gates_open();
}

/* An operation that must be refused, and change nothing. */
static void do_wrong(void)
{
	nr_wrong++;
	switch (below(&rng, 5)) {
	case 0:
		if (!now.test_point)
			op_want(REC_TEST_STOP, 0, -1);
		break;
	case 1:
		if (now.state == 5)
			op_want(REC_FAILOVER, now.live_point, -1);
		else
			op_want(REC_REVERT, 0, -1);
		break;
	case 2:
		if (now.state != 5 || now.test_point)
			op_want(REC_COMMIT, 0, -1);
		break;
	case 3:
		op_want(REC_DROP, 1000000, -1);
		break;
	case 4:
		if (now.suspended)
			op_want(REC_POINT, 0, -1);
		break;
	}
}

static void unhinder(void)
{
	if (now.held)
		do_hold();
	rate_set(~0ULL);
}

static void wait_moved(void)
{
	for (int i = 0; job_moving() || system_number(DM_REPLICA_A_SYSTEM_VERSIONS); i++) {
		if (i == 1200)
			die("the move home does not end");
		/* Writes in this time may lie in the store for a while. */
		if (!job_moving())
			gate_shut(REC_LIVE);
		usleep(50000);
	}
}

/* From state 6 to a new system on the same homes. */
static void life_after(void)
{
	int n = 1 + below(&rng, 5);

	now.nr_points = 0;
	now.live_point = 0;
	while (n--) {
		usleep(below(&rng, 300000));
		switch (below(&rng, 6)) {
		case 0:
			do_reattach();
			break;
		case 1:
			do_hold();
			break;
		case 2:
		case 3:
			do_rate();
			break;
		}
	}
	unhinder();
	wait_moved();
	gates_shut();
	wait_moved();
	op(REC_REMOVE, 0);
	op(REC_CREATE, 0);
	now.state = 2;
	op(REC_ATTACH, 0);
	deny(false);
	gates_open();
}

static void do_commit(void)
{
	if (now.test_point)
		do_stop();
	deny(true);
	op(REC_COMMIT, 0);
	nr_commits++;
	now.state = 6;
	now.suspended = false;
	gate_shut(REC_HEAD);
	life_after();
}

/* --- a life ----------------------------------------------------------------- */

static void step(void)
{
	const struct plan *p = plan;
	bool replica = now.state == 3 || now.state == 5;
	const struct {
		unsigned int weight;
		bool possible;
		void (*act)(void);
	} list[] = {
		{ p->point, !now.suspended && now.nr_points < (int)p->points, do_point },
		{ p->drop, replica && now.nr_points, do_drop },
		{ p->failover, now.state == 3 && now.nr_points, do_failover },
		{ p->revert, now.state == 5, do_revert },
		{ p->commit, now.state == 5, do_commit },
		{ p->test, replica && now.nr_points && !now.test_point, do_test },
		{ p->stop, now.test_point, do_stop },
		{ p->suspend, replica && !now.suspended, do_suspend },
		{ p->resume, now.suspended, do_resume },
		{ p->grow, store.mib < p->grown_mib, do_grow },
		{ p->hold, !now.held, do_hold },
		{ p->hold * 4, now.held, do_hold },
		{ p->rate, true, do_rate },
		{ p->reattach, true, do_reattach },
		{ p->wrong, true, do_wrong },
	};
	unsigned int i, sum = 0, at;

	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i].possible)
			sum += list[i].weight;
	at = below(&rng, sum);
	for (i = 0; !list[i].possible || at >= list[i].weight; i++)
		if (list[i].possible)
			at -= list[i].weight;
	list[i].act();
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* On a busy machine, longer: until an operation has happened. */
void live(unsigned int seconds, long ops, uint64_t bytes)
{
	double from = seconds_now(), t;

	ops += nr_ops;

	rng = mix(seed + CONTROL + 1) | 1;
	writers_start();
	gates_open();
	if (now.state == 6)
		life_after();
	while (t = seconds_now() - from, t < 4 * seconds && (t < seconds || nr_ops < ops) &&
	       record_bytes() < bytes) {
		if (!below(&rng, 4))
			atomic_store(&calm, below(&rng, 2));
		usleep(below(&rng, plan->pause_ms * 1000));
		step();
	}
	writers_end();
}

/* DM_NAME:DEVICE_BELOW: the store is to be made over it. */
void store_add(const char *text)
{
	char *copy = strdup(text), *at = copy, *path;

	store.dm = strsep(&at, ":");
	store.below = at;
	if (!at || asprintf(&path, "/dev/mapper/%s", store.dm) < 0)
		die("not a store: %s", text);
	store.path = path;
}

void begin(void)
{
	store.mib = plan->store_mib;
	command("dmsetup create %s --table '0 %u linear %s 0'", store.dm, store.mib * 2048,
		store.below);
	op(REC_CREATE, 0);
	op(REC_ATTACH, 0);
	now.state = 2;
	family_find();
}

/* Every point, through a test failover. */
static void look_points(void)
{
	for (int i = 0; i < now.nr_points; i++) {
		op(REC_TEST_START, now.points[i]);
		look(REC_TEST);
		op(REC_TEST_STOP, 0);
	}
}

static void look_all(void)
{
	if (now.state != 6)
		look(REC_HEAD);
	if (now.state >= 5)
		look(REC_LIVE);
	if (now.test_point) {
		look(REC_TEST);
		do_stop();
	}
	look_points();
}

static void take_uuid(void)
{
	char said[8192], *at;
	FILE *f;

	snprintf(said, sizeof(said), "%s status %s --json", tool, name);
	f = popen(said, "re");
	if (!f)
		die("%s: %m", said);
	said[fread(said, 1, sizeof(said) - 1, f)] = 0;
	pclose(f);
	at = strstr(said, "\"uuid\": \"");
	if (!at)
		die("no UUID in: %s", said);
	at += 9;
	for (int i = 0; i < 32; at++) {
		if (*at == '-')
			continue;
		if (sscanf(at, "%1hhx", &uuid[15]) != 1)
			die("no UUID in: %s", said);
		said[i++] = uuid[15];
	}
	for (int i = 0; i < 16; i++)
		uuid[i] = said[2 * i] << 4 | said[2 * i + 1];
}

static void take_state(void)
{
	uint32_t flags = system_number(DM_REPLICA_A_SYSTEM_FLAGS);
	struct known there[MAX_POINTS + 1];
	char list[256] = "";
	size_t n = 0;

	if (flags & DM_REPLICA_SYSTEM_FLAGS_CRITICAL)
		die("the system is critical");
	now.state = system_number(DM_REPLICA_A_SYSTEM_STATE);
	if (now.state == 7)
		now.state = 3;
	now.suspended = flags & DM_REPLICA_SYSTEM_FLAGS_SUSPENDED;
	now.nr_points = points_list(there, MAX_POINTS + 1);
	if (now.nr_points > MAX_POINTS)
		die("more points than were made");
	if (now.state == 5)
		now.live_point = system_number(DM_REPLICA_A_SYSTEM_LIVE_POINT);
	if (flags & DM_REPLICA_SYSTEM_FLAGS_TEST)
		now.test_point = system_number(DM_REPLICA_A_SYSTEM_TEST_POINT);
	for (int i = 0; i < now.nr_points; i++) {
		now.points[i] = there[i].number;
		n += snprintf(list + n, sizeof(list) - n, " %llu",
			      (unsigned long long)now.points[i]);
	}
	mark_note("found state %d suspended %d live %llu test %llu points%s", now.state,
		  now.suspended, (unsigned long long)now.live_point,
		  (unsigned long long)now.test_point, list);
	printf("# found: state %d%s, failed over to %llu, test of %llu, points%s\n", now.state,
	       now.suspended ? ", suspended" : "", (unsigned long long)now.live_point,
	       (unsigned long long)now.test_point, list);
	if (point_index(now.live_point) == now.nr_points && now.live_point)
		die("failed over to a point that is not there");
}

/* Continue after a crash: first record the content that it has left. */
void begin_again(void)
{
	char line[512];
	size_t n;
	int code;

	store.mib = plan->grown_mib;
	command("dmsetup create %s --table '0 %u linear %s 0'", store.dm, store.mib * 2048,
		store.below);
	n = snprintf(line, sizeof(line), "scan --write --accept-homes %s", store.path);
	for (int d = 0; d < nr_disks; d++)
		n += snprintf(line + n, sizeof(line) - n, " %s", disks[d].home);
	code = replicactl("%s", line);
	if (code)
		die("scan: %d: %s", code, refusal);
	op(REC_ATTACH, 0);
	take_uuid();
	family_find();
	take_state();
	deny(now.suspended || now.state == 6);
	look_all();
}

/* A clean end: record the content, if there were any operations, and detach the system. */
void end(bool lived)
{
	if (now.held)
		do_hold();
	if (lived) {
		mark_note("end");
		look_all();
	}
	op(REC_DETACH, 0);
	command("dmsetup remove %s", store.dm);
	printf("# %ld operations, %ld refused, %ld commits; %ld writes, %ld denied, %ld found no room; %llu MiB\n",
	       nr_ops, nr_wrong, nr_commits, atomic_load(&nr_written), atomic_load(&nr_refused),
	       atomic_load(&nr_full), (unsigned long long)record_bytes() >> 20);
}
