// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a run: a commit amid I/O until home alone holds the disk, or a
 * removal, or all points dropped; then the homes are compared without the module.
 */
#include "model.h"

enum end end = ENDS;
bool gone;				/* no system is attached any more */

static atomic_bool stop, rest, resting;

/* The guest: writes and reads without pause, under any operation. */
static void *guest(void *arg)
{
	struct script s = { 0 };
	uint32_t seq = 0x40000000;
	struct rng r;

	(void)arg;
	rng_init(&r, seed * 100 + 7);
	writer = 1;
	while (!stop) {
		if (rest) {
			resting = true;
			usleep(1000);
			continue;
		}
		resting = false;
		s.nr = 0;
		choose_burst(&s, &r, ONLY(LIVE), 2 + below(&r, BURST - 2));
		for (long i = 0; i < s.nr; i++)
			async_start(s.op[i].what, LIVE, s.op[i].disk, s.op[i].sector,
				    s.op[i].sectors, ++seq);
		async_wait();
	}
	free(s.op);
	return NULL;
}

static void guest_rest(bool on)
{
	if (!on)
		view_open(LIVE);
	rest = on;
	while (resting != on)
		usleep(1000);
	if (on) {
		view_close(LIVE);
		view_close(HEAD);
	}
}

/* It may have ended before the request. */
static bool asked_job(uint64_t id, uint32_t what)
{
	int code = job_request(id, what);

	if (code && code != DM_REPLICA_CODE_INVALID_STATE)
		refused("request to a job", code);
	return !code;
}

static void pause_job(struct rng *r, uint64_t id)
{
	uint64_t before, after;

	if (!asked_job(id, DM_REPLICA_JOB_REQUEST_SUSPEND))
		return;
	note(PAUSE, id);
	usleep(1000 * below(r, 200));
	before = system_number(DM_REPLICA_A_SYSTEM_VERSIONS);
	usleep(1000 * below(r, 100));
	after = system_number(DM_REPLICA_A_SYSTEM_VERSIONS);
	if (asked_job(id, DM_REPLICA_JOB_REQUEST_START))
		note(GO_ON, before - after);
}

/* Given up, and begun anew. */
static void cancel_job(uint64_t id)
{
	int code;

	if (!asked_job(id, DM_REPLICA_JOB_REQUEST_TERMINATE))
		return;
	code = operation(DM_REPLICA_CMD_HOME_MOVE, NULL);
	/* All may be at home already. */
	if (code && code != DM_REPLICA_CODE_INVALID_STATE)
		refused("move home", code);
}

static void reattach(void (*resting_io)(bool on))
{
	resting_io(true);
	note(ATTACH, 0);
	detach();
	attach();
	held = false;
	resting_io(false);
}

/* Return: false if there was no job, because there was nothing to move. */
static bool wait_home(struct rng *r, void (*resting_io)(bool on))
{
	double until = now() + 60;
	bool seen = false;
	uint64_t id;
	int nr = 0;

	while ((id = job_moving())) {
		seen = true;
		if (now() > until)
			die("job %llu does not end: %llu versions are left", (unsigned long long)id,
			    (unsigned long long)system_number(DM_REPLICA_A_SYSTEM_VERSIONS));
		usleep(1000 * below(r, 60));
		if (++nr == 12)
			unhindered();
		if (nr >= 12)
			continue;
		switch (below(r, 10)) {
		case 0 ... 2:
			pause_job(r, id);
			break;
		case 3:
			cancel_job(id);
			break;
		case 4 ... 5:
			set_rate(choose_rate(r));
			break;
		case 6:
			set_hold(!held);
			break;
		case 7:
			if (nr < 9)
				reattach(resting_io);
			break;
		}
	}
	return seen;
}

/* From now on the live view is the disk. */
static void commit(void)
{
	int code = operation(DM_REPLICA_CMD_FAILOVER_COMMIT, NULL);

	if (code)
		refused("commit", code);
	note(COMMIT, base[LIVE]);
	online[HEAD] = suspended = false;
	suspensions++;
	committed = true;
}

/*
 * The live view becomes the disk while I/O to it continues in other threads, which
 * @resting_io keeps off the devices; in the end home holds all.
 */
void end_commit(struct rng *r, void (*resting_io)(bool on))
{
	double until;

	set_rate(choose_rate(r));
	commit();
	if (!wait_home(r, resting_io)) {
		/* Written before the first write went straight home. */
		until = now() + 60;
		unhindered();
		while (system_number(DM_REPLICA_A_SYSTEM_VERSIONS) && now() < until)
			usleep(20000);
	}
	unhindered();
	/*
	 * I/O continues and nothing comes back to the store; but a write may hold a slot for
	 * the moment until it finds that it needs none.
	 */
	for (int i = 0; i < 5; i++) {
		uint64_t versions = system_number(DM_REPLICA_A_SYSTEM_VERSIONS);

		if (versions)
			die("there are %llu versions after all has gone home",
			    (unsigned long long)versions);
		usleep(20000);
	}
}

/* Operations that are impossible by now. */
void end_committed(void)
{
	struct known none[1];
	uint64_t number = 0;

	if (points_list(none, 1))
		die("there are points after a commit");
	view_offline(HEAD);
	must("revert after a commit", operation(DM_REPLICA_CMD_FAILOVER_REVERT, NULL),
	     DM_REPLICA_CODE_INVALID_STATE);
	must("commit after a commit", operation(DM_REPLICA_CMD_FAILOVER_COMMIT, NULL),
	     DM_REPLICA_CODE_INVALID_STATE);
	must("point after a commit", operation(DM_REPLICA_CMD_POINT_NEW, &number),
	     DM_REPLICA_CODE_INVALID_STATE);
}

/* Return: true if a commit was refused, as it had to be. */
static bool cannot_commit(void)
{
	if (!committed && online[LIVE] && !online[TEST])
		return false;
	must("commit that cannot be", operation(DM_REPLICA_CMD_FAILOVER_COMMIT, NULL),
	     committed || !online[LIVE] ? DM_REPLICA_CODE_INVALID_STATE :
	     DM_REPLICA_CODE_IN_USE);
	return true;
}

/* And nothing more: life continues while the commit moves home. */
void do_commit(void)
{
	if (cannot_commit())
		return;
	async_wait_view(HEAD);
	commit();
	view_close(HEAD);
	points_forget();
}

/* And wait, with I/O, until all is at home. */
void do_commit_amid(void)
{
	struct rng r;
	pthread_t tid;

	if (cannot_commit())
		return;
	async_wait();
	rng_init(&r, seed * 100 + 8);
	if (pthread_create(&tid, NULL, guest, NULL))
		die("no thread");
	end_commit(&r, guest_rest);
	stop = true;
	pthread_join(tid, NULL);
	stop = false;
	settle();
	view_close(HEAD);
	points_forget();
	end_committed();
	check_all(LIVE);
}

/* The relationship ends, and the content of the head has to be at home. */
void end_flatten(struct rng *r)
{
	bool again = below(r, 2);
	char conf[128];

	must("removal while a device is open", remove_flatten(), DM_REPLICA_CODE_IN_USE);
	view_close(HEAD);
	unhindered();
	if (again)
		set_rate(2 << 20);
	note(REMOVE, 0);
	if (again) {
		command("%s remove %s --flatten --yes --no-wait >/dev/null", tool, name);
		snprintf(conf, sizeof(conf), "/etc/dm-replica/systems.d/%s.conf", name);
		if (access(conf, F_OK)) {
			/* There was nothing to move: it has ended. */
			homes_plain();
			return;
		}
		if (below(r, 2)) {
			detach();
			/* 8: all is at home already, there is nothing to attach. */
			command("%s attach %s || [ $? = 8 ]", tool, name);
		}
	}
	command("%s remove %s --flatten --yes >/dev/null", tool, name);
	homes_plain();
}

static void failovers_end(void)
{
	async_wait();
	if (suspended)
		set_suspended(false);
	for (int v = LIVE; v <= TEST; v++)
		if (online[v])
			do_end(v, false);
}

/* Nothing is left but the homes; they hold the content shown last. */
static void take_apart(void)
{
	struct rng r;

	rng_init(&r, seed * 100 + 9);
	if (committed) {
		async_wait();
		unhindered();
		settle();
		end_committed();
		check_all(LIVE);
		view_close(LIVE);
		note(REMOVE, 0);
		command("%s remove %s --yes >/dev/null", tool, name);
		homes_plain();
		image_copy(&model[HEAD], &model[LIVE]);
	} else {
		failovers_end();
		points_check();
		points_forget();
		check_all(HEAD);
		end_flatten(&r);
	}
	homes_compare(&model[HEAD]);
}

void do_flatten(void)
{
	take_apart();
	gone = true;
}

void do_recreate(void)
{
	take_apart();
	create();
	attach();
	note(RECREATE, 0);
	control_anew();
	view_open(HEAD);
}

/* All is at home in the end, and the module can go. */
void do_plain(void)
{
	int view = committed ? LIVE : HEAD;

	if (!committed) {
		failovers_end();
		points_check();
		while (nr_points)
			do_drop(0);
	}
	async_wait();
	unhindered();
	settle();
	check_all(view);
	view_close(view);
	detach();
	homes_compare(&model[view]);
	gone = true;
}
