// SPDX-License-Identifier: GPL-2.0-only
/* Health of a system, with reasons and advice: for status, monitor and check-health. */
#include "replicactl.h"

static const struct {
	uint32_t reason;
	const char *text;
	const char *advice;		/* a format that takes the system's name */
} reasons[] = {
	{ DM_REPLICA_HEALTH_REASONS_STORE, "a device is broken, see the reason",
	  "replicactl detach %s, repair the device, replicactl attach" },
	{ DM_REPLICA_HEALTH_REASONS_INCOMPLETE, "a disk is not attached",
	  "replicactl detach %s, bring the device back, replicactl attach" },
	{ DM_REPLICA_HEALTH_REASONS_FULL, "the store is nearly full, past the critical mark",
	  "drop recovery points, decide the failover, or give the store more: replicactl grow %s" },
	{ DM_REPLICA_HEALTH_REASONS_SUSPENDED, "replication is suspended",
	  "replicactl resume %s" },
	{ DM_REPLICA_HEALTH_REASONS_LOST_WRITES, "a home has lost writes, its device takes no more",
	  "mend the home, stop the device's users, replicactl reset-errors %s, replicate again" },
	{ DM_REPLICA_HEALTH_REASONS_LOW_SPACE, "the store fills up, past the low mark",
	  "drop recovery points, decide the failover, or give the store more: replicactl grow %s" },
	{ DM_REPLICA_HEALTH_REASONS_DEVICE_ERRORS, "a home or the store had I/O errors",
	  "see the disks' errors in replicactl status %s, and the kernel log" },
	{ DM_REPLICA_HEALTH_REASONS_UNDECIDED, "failed over for a long time, and not decided",
	  "replicactl revert %s, or commit" },
	{ DM_REPLICA_HEALTH_REASONS_COMMITTED, "the failover was committed: nothing protects this machine",
	  "replicate it again; when all is home replicactl remove %s gives the plain disks" },
	{ DM_REPLICA_HEALTH_REASONS_NO_POINT, "there is no recovery point",
	  "replicactl recovery-point create %s" },
	{ DM_REPLICA_HEALTH_REASONS_OLD_POINT, "the newest recovery point is older than the interval that was set",
	  "check the replication; replicactl recovery-point create %s makes a point now" },
	{ DM_REPLICA_HEALTH_REASONS_STALLED, "nothing has been replicated for a long time",
	  "check the replication; with nothing to send it should run replicactl heartbeat %s" },
	{ DM_REPLICA_HEALTH_REASONS_POINTS, "recovery points near their limit of 512",
	  "drop some, and set rules for dropping more: replicactl settings %s --keep-last N" },
	{ DM_REPLICA_HEALTH_REASONS_ABORTED, "a stream was given up half in",
	  "check the replication: its next stream mends that; replicactl status %s" },
	{ DM_REPLICA_HEALTH_REASONS_HELD, "the vacuum or a move home is held",
	  "replicactl vacuum %s --release, or job resume, or move-home" },
};

#define NR_REASONS	(sizeof(reasons) / sizeof(reasons[0]))

/* Print the reasons, each with its advice, one in a line that begins with @indent. */
void print_advice(FILE *f, const char *indent, const struct dmreplica_system *sys)
{
	uint32_t left = sys->health_reasons;
	char advice[256];
	unsigned int i;

	for (i = 0; i < NR_REASONS; i++) {
		if (!(left & reasons[i].reason))
			continue;
		snprintf(advice, sizeof(advice), reasons[i].advice, sys->name);
		fprintf(f, "%s%s: %s\n", indent, reasons[i].text, advice);
		left &= ~reasons[i].reason;
	}
	if (left)
		fprintf(f, "%sfor reasons unknown to this version: %#x\n", indent, left);
}

void print_health(const struct dmreplica_system *sys)
{
	if (!sys->health)
		return;
	printf("  Health           %s\n", dmreplica_health_name(sys->health));
	print_advice(stdout, "      ", sys);
}

/* Print only the texts, separated by semicolons. */
void print_reasons(uint32_t set)
{
	const char *between = "";
	unsigned int i;

	for (i = 0; i < NR_REASONS; i++) {
		if (!(set & reasons[i].reason))
			continue;
		printf("%s%s", between, reasons[i].text);
		between = "; ";
	}
}

struct json_object *json_reasons(const struct dmreplica_system *sys, uint32_t set)
{
	struct json_object *array = json_object_new_array(), *one;
	char advice[256];
	uint32_t bit;
	unsigned int i;

	for (bit = 1; bit; bit <<= 1) {
		if (!(set & bit))
			continue;
		one = json_object_new_object();
		json_add_u64(one, "reason", bit);
		json_add_string(one, "reason_name", dmreplica_health_reason_name(bit));
		for (i = 0; i < NR_REASONS && reasons[i].reason != bit; i++)
			;
		if (i < NR_REASONS) {
			snprintf(advice, sizeof(advice), reasons[i].advice, sys->name);
			json_add_string(one, "text", reasons[i].text);
			json_add_string(one, "advice", advice);
		}
		json_object_array_add(array, one);
	}
	return array;
}
