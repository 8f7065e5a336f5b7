// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a run: a commit amid I/O until home alone holds the disk, or a
 * removal, or all points dropped; then the homes are compared without the module.
 */
#include "helper-model.h"

enum end end = ENDS;

static atomic_bool stop, rest, resting;

/* The guest: writes and reads without pause, whatever happens. */
static void *guest(void *arg)
{
	struct rng r;

	(void)arg;
	rng_init(&r, seed * 100 + 7);
	while (!stop) {
		if (rest) {
			resting = true;
			usleep(1000);
			continue;
		}
		resting = false;
		burst_submit(&r, ONLY(LIVE));
		burst_wait(&r);
	}
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

/* It may have come to its end before it was asked. */
static bool asked_job(uint64_t id, uint32_t what)
{
	int code = job_request(id, what);

	if (code && code != DM_REPLICA_CODE_INVALID_STATE)
		refused("request to a job", code);
	return !code;
}

static void pause_job(uint64_t id)
{
	uint64_t before, after;

	if (!asked_job(id, DM_REPLICA_JOB_REQUEST_SUSPEND))
		return;
	note(PAUSE, id);
	usleep(1000 * below(&rng, 200));
	before = system_number(DM_REPLICA_A_SYSTEM_VERSIONS);
	usleep(1000 * below(&rng, 100));
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

static void wait_home(void (*resting_io)(bool on))
{
	double until = now() + 60;
	uint64_t id;
	int nr = 0;

	while ((id = job_moving())) {
		if (now() > until)
			die("job %llu does not end: %llu versions are left", (unsigned long long)id,
			    (unsigned long long)system_number(DM_REPLICA_A_SYSTEM_VERSIONS));
		usleep(1000 * below(&rng, 60));
		if (++nr == 12)
			unhindered();
		if (nr >= 12)
			continue;
		switch (below(&rng, 10)) {
		case 0 ... 2:
			pause_job(id);
			break;
		case 3:
			cancel_job(id);
			break;
		case 4 ... 5:
			do_rate();
			break;
		case 6:
			do_hold();
			break;
		case 7:
			if (nr < 9)
				reattach(resting_io);
			break;
		}
	}
}

/*
 * The live view becomes the disk while its I/O goes on in other threads, which
 * @resting_io keeps off the devices; in the end home holds all.
 */
void end_commit(void (*resting_io)(bool on))
{
	int code;

	do_rate();
	code = operation(DM_REPLICA_CMD_FAILOVER_COMMIT, NULL);
	if (code)
		refused("commit", code);
	note(COMMIT, base[LIVE]);
	online[HEAD] = suspended = false;
	wait_home(resting_io);
	unhindered();
	/*
	 * I/O goes on and nothing comes back to the store; but a write may hold a
	 * slot for the moment that it takes to see that it needs none.
	 */
	for (int i = 0; i < 5; i++) {
		uint64_t versions = system_number(DM_REPLICA_A_SYSTEM_VERSIONS);

		if (versions)
			die("there are %llu versions after all has gone home",
			    (unsigned long long)versions);
		usleep(20000);
	}
}

/* What is not possible any more. */
void end_committed(void)
{
	uint64_t none[1], number = 0;

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

static void commit_single(void)
{
	pthread_t tid;

	if (online[LIVE] && online[TEST])
		must("commit beside a test", operation(DM_REPLICA_CMD_FAILOVER_COMMIT, NULL),
		     DM_REPLICA_CODE_IN_USE);
	if (online[TEST])
		do_end(TEST, true);
	if (!online[LIVE]) {
		if (!nr_points)
			do_point(true);
		do_begin(LIVE, true);
	}
	if (pthread_create(&tid, NULL, guest, NULL))
		die("no thread");
	end_commit(guest_rest);
	stop = true;
	pthread_join(tid, NULL);
	settle();
	view_close(HEAD);
	points_forget();
	end_committed();
	check_all(LIVE);
	view_close(LIVE);
	detach();
	homes_compare(&model[LIVE]);
}

/* The relationship ends, and what the head shows is to be at home. */
void end_flatten(void)
{
	bool again = below(&rng, 2);

	must("removal while a device is open", remove_flatten(), DM_REPLICA_CODE_IN_USE);
	view_close(HEAD);
	unhindered();
	if (again)
		must("rate", setting(DM_REPLICA_A_SETTINGS_VACUUM_RATE, 2 << 20, 8), 0);
	note(REMOVE, 0);
	if (again) {
		command("%s remove %s --flatten --yes --no-wait >/dev/null", tool, name);
		if (below(&rng, 2)) {
			detach();
			/* 8: all is at home already, there is nothing to attach. */
			command("%s attach %s || [ $? = 8 ]", tool, name);
		}
	}
	command("%s remove %s --flatten --yes >/dev/null", tool, name);
	homes_plain();
}

static void drop_all(void)
{
	while (nr_points)
		do_drop(true);
	unhindered();
	settle();
	check_all(HEAD);
	view_close(HEAD);
	detach();
}

void end_single(void)
{
	if (end == END_COMMIT)
		return commit_single();
	if (online[TEST])
		do_end(TEST, true);
	if (online[LIVE])
		do_end(LIVE, true);
	points_check();
	check_all(HEAD);
	if (end == END_FLATTEN)
		end_flatten();
	else
		drop_all();
	homes_compare(&model[HEAD]);
}
