// SPDX-License-Identifier: GPL-2.0-only
/* Names of the numbers of the kernel and of CIM. */
#include <errno.h>

#include <uuid/uuid.h>

#include "private.h"

struct number_name {
	uint32_t number;
	const char *name;
};

static const struct number_name codes[] = {
	{ DM_REPLICA_CODE_COMPLETED, "Completed with No Error" },
	{ DM_REPLICA_CODE_JOB_STARTED, "Job Started" },
	{ DM_REPLICA_CODE_FAILED, "Failed" },
	{ DM_REPLICA_CODE_ACCESS_DENIED, "Access Denied" },
	{ DM_REPLICA_CODE_NOT_SUPPORTED, "Not Supported" },
	{ DM_REPLICA_CODE_UNKNOWN, "Status is unknown" },
	{ DM_REPLICA_CODE_TIMEOUT, "Timeout" },
	{ DM_REPLICA_CODE_INVALID_PARAMETER, "Invalid parameter" },
	{ DM_REPLICA_CODE_IN_USE, "System is in use" },
	{ DM_REPLICA_CODE_INVALID_STATE, "Invalid state for this operation" },
	{ DM_REPLICA_CODE_INVALID_TYPE, "Incorrect data type" },
	{ DM_REPLICA_CODE_NOT_AVAILABLE, "System is not available" },
	{ DM_REPLICA_CODE_NO_MEMORY, "Out of memory" },
	{ DM_REPLICA_CODE_NOT_FOUND, "File not found" },
	{ 0, NULL }
};

static const struct number_name states[] = {
	{ DM_REPLICA_STATE_DISABLED, "Disabled" },
	{ DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION, "WaitingForInitialReplication" },
	{ DM_REPLICA_STATE_REPLICATING, "Replicating" },
	{ DM_REPLICA_STATE_RECOVERED, "Recovered" },
	{ DM_REPLICA_STATE_COMMITTED, "Committed" },
	{ DM_REPLICA_STATE_SUSPENDED, "Suspended" },
	{ DM_REPLICA_STATE_CRITICAL, "Critical" },
	{ 0, NULL }
};

static const struct number_name point_kinds[] = {
	{ DM_REPLICA_POINT_KIND_STANDARD, "standard" },
	{ DM_REPLICA_POINT_KIND_APPLICATION_CONSISTENT, "application-consistent" },
	{ DM_REPLICA_POINT_KIND_PLANNED, "planned" },
	{ 0, NULL }
};

static const struct number_name job_types[] = {
	{ DM_REPLICA_JOB_TYPE_MERGE, "merge" },
	{ DM_REPLICA_JOB_TYPE_SNAPSHOT, "make recovery point" },
	{ DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT, "drop recovery point" },
	{ DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS, "modify settings" },
	{ DM_REPLICA_JOB_TYPE_REMOVE_RELATIONSHIP, "remove relationship" },
	{ DM_REPLICA_JOB_TYPE_STATE_CHANGE, "change state" },
	{ DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER, "initiate failover" },
	{ DM_REPLICA_JOB_TYPE_REVERT_FAILOVER, "revert failover" },
	{ DM_REPLICA_JOB_TYPE_COMMIT_FAILOVER, "commit failover" },
	{ DM_REPLICA_JOB_TYPE_TEST_START, "start test failover" },
	{ DM_REPLICA_JOB_TYPE_TEST_STOP, "stop test failover" },
	{ 0, NULL }
};

static const struct number_name job_states[] = {
	{ DM_REPLICA_JOB_STATE_NEW, "New" },
	{ DM_REPLICA_JOB_STATE_STARTING, "Starting" },
	{ DM_REPLICA_JOB_STATE_RUNNING, "Running" },
	{ DM_REPLICA_JOB_STATE_SUSPENDED, "Suspended" },
	{ DM_REPLICA_JOB_STATE_SHUTTING_DOWN, "Shutting Down" },
	{ DM_REPLICA_JOB_STATE_COMPLETED, "Completed" },
	{ DM_REPLICA_JOB_STATE_TERMINATED, "Terminated" },
	{ DM_REPLICA_JOB_STATE_KILLED, "Killed" },
	{ DM_REPLICA_JOB_STATE_EXCEPTION, "Exception" },
	{ 0, NULL }
};

static const struct number_name identity_types[] = {
	{ DMR_IDENTITY_NONE, "none" },
	{ DMR_IDENTITY_DM_UUID, "dm-uuid" },
	{ DMR_IDENTITY_WWID, "wwid" },
	{ DMR_IDENTITY_PARTUUID, "partuuid" },
	{ DMR_IDENTITY_LOOP_FILE, "loop-file" },
	{ DMR_IDENTITY_SERIAL, "serial" },
	{ DMR_IDENTITY_PATH, "path" },
	{ 0, NULL }
};

static const struct number_name job_requests[] = {
	{ DM_REPLICA_JOB_REQUEST_START, "start" },
	{ DM_REPLICA_JOB_REQUEST_SUSPEND, "suspend" },
	{ DM_REPLICA_JOB_REQUEST_TERMINATE, "terminate" },
	{ 0, NULL }
};

static const struct number_name healths[] = {
	{ DM_REPLICA_HEALTH_OK, "Normal" },
	{ DM_REPLICA_HEALTH_WARNING, "Warning" },
	{ DM_REPLICA_HEALTH_CRITICAL, "Critical" },
	{ 0, NULL }
};

static const struct number_name health_reasons[] = {
	{ DM_REPLICA_HEALTH_REASONS_STORE, "store" },
	{ DM_REPLICA_HEALTH_REASONS_INCOMPLETE, "incomplete" },
	{ DM_REPLICA_HEALTH_REASONS_FULL, "full" },
	{ DM_REPLICA_HEALTH_REASONS_SUSPENDED, "suspended" },
	{ DM_REPLICA_HEALTH_REASONS_LOW_SPACE, "low-space" },
	{ DM_REPLICA_HEALTH_REASONS_DEVICE_ERRORS, "device-errors" },
	{ DM_REPLICA_HEALTH_REASONS_UNDECIDED, "undecided" },
	{ DM_REPLICA_HEALTH_REASONS_COMMITTED, "committed" },
	{ DM_REPLICA_HEALTH_REASONS_NO_POINT, "no-point" },
	{ DM_REPLICA_HEALTH_REASONS_OLD_POINT, "old-point" },
	{ DM_REPLICA_HEALTH_REASONS_HELD, "held" },
	{ DM_REPLICA_HEALTH_REASONS_STALLED, "stalled" },
	{ DM_REPLICA_HEALTH_REASONS_LOST_WRITES, "lost-writes" },
	{ DM_REPLICA_HEALTH_REASONS_POINTS, "points" },
	{ DM_REPLICA_HEALTH_REASONS_ABORTED, "aborted" },
	{ 0, NULL }
};

static const struct number_name full_policies[] = {
	{ DM_REPLICA_FULL_POLICY_FAIL, "fail" },
	{ DM_REPLICA_FULL_POLICY_DROP_OLDEST, "drop-oldest" },
	{ 0, NULL }
};

/* ProtocolIFType of Msvm_FailoverNetworkAdapterSettingData */
static const struct number_name protocols[] = {
	{ 0, "none" },
	{ 4096, "IPv4" },
	{ 4097, "IPv6" },
	{ 4098, "IPv4 and IPv6" },
	{ 0, NULL }
};

static const char *name_of(const struct number_name *table, uint32_t number)
{
	for (; table->name; table++)
		if (table->number == number)
			return table->name;
	return "unknown";
}

const char *dmreplica_code_name(int code)
{
	return name_of(codes, code);
}

const char *dmreplica_state_name(uint32_t state)
{
	return name_of(states, state);
}

const char *dmreplica_point_kind_name(uint32_t kind)
{
	return name_of(point_kinds, kind);
}

const char *dmreplica_job_type_name(uint32_t type)
{
	return name_of(job_types, type);
}

const char *dmreplica_job_state_name(uint32_t state)
{
	return name_of(job_states, state);
}

const char *dmreplica_identity_type_name(uint32_t type)
{
	return name_of(identity_types, type);
}

const char *dmreplica_job_request_name(uint32_t request)
{
	return name_of(job_requests, request);
}

const char *dmreplica_health_name(uint32_t health)
{
	return name_of(healths, health);
}

const char *dmreplica_health_reason_name(uint32_t reason)
{
	return name_of(health_reasons, reason);
}

const char *dmreplica_full_policy_name(uint32_t policy)
{
	return name_of(full_policies, policy);
}

const char *dmreplica_protocol_name(uint32_t protocol)
{
	return name_of(protocols, protocol);
}

bool dmreplica_job_ended(uint32_t job_state)
{
	return job_state >= DM_REPLICA_JOB_STATE_COMPLETED;
}

int dmreplica_code_of_errno(int err)
{
	switch (err) {
#define X(e, code)	case e: return DM_REPLICA_CODE_##code;
	DM_REPLICA_ERRNO_TABLE(X)
#undef X
	}
	return DM_REPLICA_CODE_FAILED;
}

/* An errno of a system call has other meanings than the same errno from netlink. */
int dmrl_code_of_local_errno(int err)
{
	switch (err) {
	case EINVAL:
	case ENOTBLK:
	case EROFS:
		return DM_REPLICA_CODE_INVALID_PARAMETER;
	}
	return dmreplica_code_of_errno(err);
}

int dmreplica_exit_status(int code)
{
	if (code == DM_REPLICA_CODE_COMPLETED || code == DM_REPLICA_CODE_JOB_STARTED)
		return 0;
	if (code >= DM_REPLICA_CODE_FAILED && code <= DM_REPLICA_CODE_NOT_FOUND)
		return code - (DM_REPLICA_CODE_FAILED - 1);
	return 1;
}

char *dmreplica_uuid_text(const uint8_t uuid[16], char text[DMREPLICA_UUID_TEXT])
{
	uuid_unparse_lower(uuid, text);
	return text;
}

bool dmreplica_uuid_parse(const char *text, uint8_t uuid[16])
{
	return uuid_parse(text, uuid) == 0;
}
