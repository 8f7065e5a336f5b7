// SPDX-License-Identifier: GPL-2.0
/* Control: what can be asked of a system whatever I/O goes on. */
#include "helper-model.h"

bool online[VIEWS] = { [HEAD] = true }, held, suspended;
uint64_t base[VIEWS];			/* number of the point that a view shows */
uint32_t keep_last;

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

/* When a point was made, does number @i of @nr older ones stay? */
bool retained(int i, int nr, uint64_t number)
{
	return !keep_last || nr - i < (int)keep_last || in_use(number);
}

/* A view comes online at a point. */
void view_begin(int view, uint64_t number)
{
	int code = operation(view == LIVE ? DM_REPLICA_CMD_FAILOVER_INITIATE :
			     DM_REPLICA_CMD_TEST_START, &number);

	if (code)
		refused(view == LIVE ? "failover" : "test failover", code);
	note(view == LIVE ? FAILOVER : TEST_START, number);
	online[view] = true;
	base[view] = number;
	view_open(view);
}

/* Throw away what a view has written.  Return: the code of a refusal, or 0. */
int view_end(int view)
{
	int code = operation(view == LIVE ? DM_REPLICA_CMD_FAILOVER_REVERT :
			     DM_REPLICA_CMD_TEST_STOP, NULL);

	if (!code) {
		note(view == LIVE ? REVERT : TEST_STOP, base[view]);
		online[view] = false;
	}
	return code;
}

void do_hold(void)
{
	int code = vacuum_hold(!held);

	if (code)
		refused("vacuum", code);
	held = !held;
	note(held ? HOLD : RELEASE, 0);
}

static void rate_set(uint64_t rate)
{
	int code = setting(DM_REPLICA_A_SETTINGS_VACUUM_RATE, rate, 8);

	if (code)
		refused("rate of the vacuum", code);
	note(RATE, rate);
}

/* None at all is rare: a store that is full stays so. */
void do_rate(void)
{
	static const uint64_t rates[] = { 256 << 10, 1 << 20, 4 << 20, 16 << 20 };
	int i = below(&rng, 10);

	rate_set(i == 9 ? 0 : i < 4 ? rates[i] : ~0ULL);
}

void do_keep(void)
{
	uint32_t keep = below(&rng, 2) ? 0 : 1 + below(&rng, 6);
	int code = setting(DM_REPLICA_A_SETTINGS_KEEP_LAST, keep, 4);

	if (code)
		refused("keep-last", code);
	keep_last = keep;
	note(KEEP, keep);
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

void do_suspend(void)
{
	int code = operation(suspended ? DM_REPLICA_CMD_REPLICATION_RESUME :
			     DM_REPLICA_CMD_REPLICATION_SUSPEND, NULL);

	if (code)
		refused(suspended ? "resume" : "suspend", code);
	note(suspended ? RESUME : SUSPEND, 0);
	suspended = !suspended;
}

/* Nothing keeps the vacuum from its work any more. */
void unhindered(void)
{
	if (held)
		do_hold();
	rate_set(~0ULL);
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
