// SPDX-License-Identifier: GPL-2.0
/* Control: operations that are possible at any time, beside any I/O. */
#include "model.h"

bool online[VIEWS] = { [HEAD] = true }, held, suspended, committed, had_point;
long suspensions;			/* and resumptions, so far */
uint64_t base[VIEWS];			/* number of the point that a view shows */

/* A new system: no settings of the old one are in force. */
void control_anew(void)
{
	online[HEAD] = true;
	online[LIVE] = online[TEST] = false;
	held = suspended = committed = had_point = false;
	retain_anew();
}

void refused(const char *what, int code)
{
	die("%s refused with %d: %s", what, code, refusal);
}

void must(const char *what, int code, int want)
{
	if (code != want)
		die("%s: %d (%s), not %d", what, code, code ? refusal : "done", want);
}

/* R14 */
bool in_use(uint64_t number)
{
	return (online[LIVE] && base[LIVE] == number) || (online[TEST] && base[TEST] == number);
}

/* Points whose views have ended since the model last read the list of points. */
static uint64_t released[64];
static unsigned int nr_released;

static void release_point(uint64_t number)
{
	released[nr_released++ % 64] = number;
}

/*
 * A full store gives up the oldest point that is not in use at that moment, which may
 * have been before the view of an older one ended.
 */
bool was_in_use(uint64_t number)
{
	for (unsigned int i = 0; i < nr_released && i < 64; i++)
		if (released[i] == number)
			return true;
	return in_use(number);
}

void forget_released(void)
{
	nr_released = 0;
}

/*
 * A view comes online at a point, the newest if @number is 0.  Return: the code
 * of a refusal, or 0.
 */
int view_begin(int view, uint64_t number)
{
	int code = operation(view == LIVE ? DM_REPLICA_CMD_FAILOVER_INITIATE :
			     DM_REPLICA_CMD_TEST_START, &number);

	if (code)
		return code;
	note(view == LIVE ? FAILOVER : TEST_START, number);
	online[view] = true;
	base[view] = number;
	view_open(view);
	return 0;
}

/* Discard the content that a view has written.  Return: the code of a refusal, or 0. */
int view_end(int view)
{
	int code = operation(view == LIVE ? DM_REPLICA_CMD_FAILOVER_REVERT :
			     DM_REPLICA_CMD_TEST_STOP, NULL);

	if (!code) {
		note(view == LIVE ? REVERT : TEST_STOP, base[view]);
		release_point(base[view]);
		online[view] = false;
	}
	return code;
}

void set_hold(bool on)
{
	int code = vacuum_hold(on);

	if (code)
		refused("vacuum", code);
	held = on;
	note(on ? HOLD : RELEASE, 0);
}

/* None at all is 0, no limit ~0. */
void set_rate(uint64_t rate)
{
	int code = setting(DM_REPLICA_A_SETTINGS_VACUUM_RATE, rate, 8);

	if (code)
		refused("rate of the vacuum", code);
	note(RATE, rate);
}

void do_grow(void)
{
	uint64_t before = system_number(DM_REPLICA_A_SYSTEM_SLOTS), after;
	int code;

	if (store_ends())
		return;
	store_lengthen();
	code = operation(DM_REPLICA_CMD_STORE_GROW, NULL);
	if (code)
		refused("grow", code);
	after = system_number(DM_REPLICA_A_SYSTEM_SLOTS);
	if (after <= before)
		die("the store has grown from %llu slots to %llu", (unsigned long long)before,
		    (unsigned long long)after);
	note(GROW, after);
}

void set_suspended(bool on)
{
	int code = operation(on ? DM_REPLICA_CMD_REPLICATION_SUSPEND :
			     DM_REPLICA_CMD_REPLICATION_RESUME, NULL);

	if (committed || !had_point) {
		must("suspend or resume that cannot be", code, DM_REPLICA_CODE_INVALID_STATE);
		return;
	}
	if (code)
		refused(on ? "suspend" : "resume", code);
	note(on ? SUSPEND : RESUME, 0);
	suspended = on;
	suspensions++;
}

/* Let the vacuum work again. */
void unhindered(void)
{
	if (held)
		set_hold(false);
	set_rate(~0ULL);
}

/* Wait until nothing is left in the store. */
void settle(void)
{
	double until = now() + 60;
	uint64_t slots, versions;

	for (;;) {
		slots = system_number(DM_REPLICA_A_SYSTEM_SLOTS_USED);
		versions = system_number(DM_REPLICA_A_SYSTEM_VERSIONS);
		if (!slots && !versions)
			return;
		if (now() > until)
			die("not all went home: %llu slots, %llu versions are left",
			    (unsigned long long)slots, (unsigned long long)versions);
		usleep(20000);
	}
}
