/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * dm-replica: the generic netlink family and the CIM numbers in it.
 *
 * Specified by Documentation/netlink/specs/dm_replica.yaml; `make check` compares
 * the two.  Numbers of states, jobs and return codes are those of
 * Msvm_ReplicationService, Msvm_ConcreteJob and Msvm_ReplicationRelationship.
 *
 * Each attribute's comment begins with its type.  Sizes are bytes, times ns since
 * 1970 UTC, UUIDs 16 bytes in the order in which they are written, unless the
 * comment has another unit.  Numbers that are left out were those of older versions.
 */
#ifndef _UAPI_DM_REPLICA_H
#define _UAPI_DM_REPLICA_H

#define DM_REPLICA_FAMILY_NAME		"dm_replica"
#define DM_REPLICA_FAMILY_VERSION	3

#define DM_REPLICA_TIMEOUT_MAX		600000	/* ms: of OP_TIMEOUT and OP_WAIT */
#define DM_REPLICA_POINTS_MAX		512	/* recovery points of a system */
#define DM_REPLICA_PEERS_MAX		8	/* peers of a system */
#define DM_REPLICA_VIEWS_MAX		16	/* views of points open at a time, of a system */
#define DM_REPLICA_VIEW_NAME_MAX	23	/* characters of the name of a view */
#define DM_REPLICA_HOST_AREA_MAX	8192	/* bytes: 4 for each entry, its key, its value */
#define DM_REPLICA_HOST_KEY_MAX		63	/* characters of a key of the host area */

#define DM_REPLICA_MCGRP_SYSTEMS	"systems"
#define DM_REPLICA_MCGRP_JOBS		"jobs"

/* Return codes of operations.  Refusals carry the code in the extack cookie. */
enum dm_replica_code {
	DM_REPLICA_CODE_COMPLETED = 0,
	DM_REPLICA_CODE_JOB_STARTED = 4096,
	DM_REPLICA_CODE_FAILED = 32768,
	DM_REPLICA_CODE_ACCESS_DENIED = 32769,
	DM_REPLICA_CODE_NOT_SUPPORTED = 32770,
	DM_REPLICA_CODE_UNKNOWN = 32771,
	DM_REPLICA_CODE_TIMEOUT = 32772,
	DM_REPLICA_CODE_INVALID_PARAMETER = 32773,
	DM_REPLICA_CODE_IN_USE = 32774,
	DM_REPLICA_CODE_INVALID_STATE = 32775,
	DM_REPLICA_CODE_INVALID_TYPE = 32776,
	DM_REPLICA_CODE_NOT_AVAILABLE = 32777,
	DM_REPLICA_CODE_NO_MEMORY = 32778,
	DM_REPLICA_CODE_NOT_FOUND = 32779,
};

/*
 * The code for an errno without a cookie, as from netlink's own checks.
 * X(errno, code); any other errno is DM_REPLICA_CODE_FAILED.
 */
#define DM_REPLICA_ERRNO_TABLE(X)			\
	X(EPERM,	ACCESS_DENIED)			\
	X(EACCES,	ACCESS_DENIED)			\
	X(EOPNOTSUPP,	NOT_SUPPORTED)			\
	X(EIO,		UNKNOWN)			\
	X(ETIMEDOUT,	TIMEOUT)			\
	X(EINVAL,	INVALID_TYPE)			\
	X(ERANGE,	INVALID_TYPE)			\
	X(EBUSY,	IN_USE)				\
	X(ESTALE,	INVALID_STATE)			\
	X(ENODEV,	NOT_AVAILABLE)			\
	X(ENXIO,	NOT_AVAILABLE)			\
	X(ENOMEM,	NO_MEMORY)			\
	X(ENOENT,	NOT_FOUND)

/* Msvm_ReplicationRelationship.ReplicationState: the states of a replica. */
enum dm_replica_state {
	DM_REPLICA_STATE_DISABLED = 0,
	DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION = 2,
	DM_REPLICA_STATE_REPLICATING = 3,
	DM_REPLICA_STATE_RECOVERED = 5,
	DM_REPLICA_STATE_COMMITTED = 6,
	DM_REPLICA_STATE_SUSPENDED = 7,
	DM_REPLICA_STATE_CRITICAL = 8,
};

/* The three kinds of recovery point of Msvm_VirtualSystemSettingData. */
enum dm_replica_point_kind {
	DM_REPLICA_POINT_KIND_STANDARD = 1,
	DM_REPLICA_POINT_KIND_APPLICATION_CONSISTENT = 2,
	DM_REPLICA_POINT_KIND_PLANNED = 3,
};

/* Msvm_ConcreteJob.JobType */
enum dm_replica_job_type {
	DM_REPLICA_JOB_TYPE_MERGE = 50,
	DM_REPLICA_JOB_TYPE_SNAPSHOT = 70,
	DM_REPLICA_JOB_TYPE_DELETE_SNAPSHOT = 72,
	DM_REPLICA_JOB_TYPE_MODIFY_SETTINGS = 92,
	DM_REPLICA_JOB_TYPE_REMOVE_RELATIONSHIP = 93,
	DM_REPLICA_JOB_TYPE_STATE_CHANGE = 96,
	DM_REPLICA_JOB_TYPE_INITIATE_FAILOVER = 97,
	DM_REPLICA_JOB_TYPE_REVERT_FAILOVER = 98,
	DM_REPLICA_JOB_TYPE_COMMIT_FAILOVER = 99,
	DM_REPLICA_JOB_TYPE_TEST_START = 102,
	DM_REPLICA_JOB_TYPE_TEST_STOP = 103,
};

/* Msvm_ConcreteJob.JobState */
enum dm_replica_job_state {
	DM_REPLICA_JOB_STATE_NEW = 2,
	DM_REPLICA_JOB_STATE_STARTING = 3,
	DM_REPLICA_JOB_STATE_RUNNING = 4,
	DM_REPLICA_JOB_STATE_SUSPENDED = 5,
	DM_REPLICA_JOB_STATE_SHUTTING_DOWN = 6,
	DM_REPLICA_JOB_STATE_COMPLETED = 7,
	DM_REPLICA_JOB_STATE_TERMINATED = 8,
	DM_REPLICA_JOB_STATE_KILLED = 9,
	DM_REPLICA_JOB_STATE_EXCEPTION = 10,
};

/* Msvm_ConcreteJob.RequestStateChange: requests to a job. */
enum dm_replica_job_request {
	DM_REPLICA_JOB_REQUEST_START = 2,		/* resume */
	DM_REPLICA_JOB_REQUEST_SUSPEND = 3,
	DM_REPLICA_JOB_REQUEST_TERMINATE = 4,
};

/* Msvm_ReplicationRelationship.ReplicationHealth */
enum dm_replica_health {
	DM_REPLICA_HEALTH_OK = 1,
	DM_REPLICA_HEALTH_WARNING = 2,
	DM_REPLICA_HEALTH_CRITICAL = 3,
};

/* Bits: reasons of a health not OK; the first four make it Critical, the others Warning. */
enum dm_replica_health_reasons {
	DM_REPLICA_HEALTH_REASONS_STORE = 1,		/* the state is Critical */
	DM_REPLICA_HEALTH_REASONS_INCOMPLETE = 2,	/* a disk is not attached, and no attach goes on */
	DM_REPLICA_HEALTH_REASONS_FULL = 4,		/* slots or versions are past the critical mark */
	DM_REPLICA_HEALTH_REASONS_SUSPENDED = 8,	/* replication is suspended */
	DM_REPLICA_HEALTH_REASONS_LOW_SPACE = 16,	/* slots or versions are past the low mark */
	DM_REPLICA_HEALTH_REASONS_DEVICE_ERRORS = 32,	/* a home or a slot had an I/O error */
	DM_REPLICA_HEALTH_REASONS_UNDECIDED = 64,	/* failed over for long, not decided */
	DM_REPLICA_HEALTH_REASONS_COMMITTED = 128,	/* the machine has no replica any more */
	DM_REPLICA_HEALTH_REASONS_NO_POINT = 256,	/* there is no recovery point */
	DM_REPLICA_HEALTH_REASONS_OLD_POINT = 512,	/* no point made within the interval set */
	DM_REPLICA_HEALTH_REASONS_HELD = 1024,		/* the vacuum or a move home is held */
	DM_REPLICA_HEALTH_REASONS_STALLED = 2048,	/* nothing has been replicated for long */
	DM_REPLICA_HEALTH_REASONS_LOST_WRITES = 4096,	/* a home has lost writes of a device */
	DM_REPLICA_HEALTH_REASONS_POINTS = 8192,	/* recovery points near their limit */
	DM_REPLICA_HEALTH_REASONS_ABORTED = 16384,	/* a stream was given up half in */
};

/* Effect of a write of replication when the store is full. */
enum dm_replica_full_policy {
	DM_REPLICA_FULL_POLICY_FAIL = 0,		/* the write fails */
	DM_REPLICA_FULL_POLICY_DROP_OLDEST = 1,		/* drop unused points, oldest first */
};

/* Bits of DM_REPLICA_A_SYSTEM_FLAGS */
enum dm_replica_system_flags {
	DM_REPLICA_SYSTEM_FLAGS_SUSPENDED = 1,		/* replication is suspended */
	DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER = 2,	/* the live failover view is online */
	DM_REPLICA_SYSTEM_FLAGS_TEST = 4,		/* the test failover view is online */
	DM_REPLICA_SYSTEM_FLAGS_INCOMPLETE = 8,		/* a disk is not attached */
	DM_REPLICA_SYSTEM_FLAGS_CRITICAL = 16,		/* see DM_REPLICA_A_SYSTEM_REASON */
	DM_REPLICA_SYSTEM_FLAGS_REMOVING = 32,		/* Disabled, home not current yet */
	DM_REPLICA_SYSTEM_FLAGS_STAY = 64,		/* the move home was terminated */
	DM_REPLICA_SYSTEM_FLAGS_RECEIVES = 128,		/* its points are a sender's (R18) */
	DM_REPLICA_SYSTEM_FLAGS_RECEIVING = 256,	/* a stream is half in */
	DM_REPLICA_SYSTEM_FLAGS_ABORTED = 512,		/* a stream was given up half in */
	DM_REPLICA_SYSTEM_FLAGS_PRIMARY = 1024,		/* its machine runs on the head */
};

/* One system. */
enum {
	DM_REPLICA_A_SYSTEM_PAD = 1,
	DM_REPLICA_A_SYSTEM_UUID,		/* binary, 16 bytes */
	DM_REPLICA_A_SYSTEM_NAME,		/* string */
	DM_REPLICA_A_SYSTEM_STATE,		/* u32, enum dm_replica_state */
	DM_REPLICA_A_SYSTEM_STATE_NUMBER,	/* u64: changed by operations only (R11) */
	DM_REPLICA_A_SYSTEM_STATE_TIME,		/* u64: when the state was entered */
	DM_REPLICA_A_SYSTEM_FLAGS,		/* u32, enum dm_replica_system_flags */
	DM_REPLICA_A_SYSTEM_REASON,		/* string: why it is critical */
	DM_REPLICA_A_SYSTEM_STORE_UUID,		/* binary, 16 bytes */
	DM_REPLICA_A_SYSTEM_STORE_MAJOR,	/* u32 */
	DM_REPLICA_A_SYSTEM_STORE_MINOR,	/* u32 */
	DM_REPLICA_A_SYSTEM_CHUNK_BYTES,	/* u32 */
	DM_REPLICA_A_SYSTEM_DISKS,		/* u32: disks the system has */
	DM_REPLICA_A_SYSTEM_DISKS_ATTACHED,	/* u32: of those, attached */
	DM_REPLICA_A_SYSTEM_POINTS,		/* u32: recovery points */
	DM_REPLICA_A_SYSTEM_SLOTS,		/* u64: of CHUNK_BYTES each */
	DM_REPLICA_A_SYSTEM_SLOTS_USED,		/* u64: of those, in use */
	DM_REPLICA_A_SYSTEM_VERSIONS,		/* u64: in memory */
	DM_REPLICA_A_SYSTEM_LOG_BLOCKS,		/* u64: size of the ring, 4 KiB blocks */
	DM_REPLICA_A_SYSTEM_LOG_USED,		/* u64: blocks between tail and head */
	DM_REPLICA_A_SYSTEM_COMMITS,		/* u64: log commits since activation */
	DM_REPLICA_A_SYSTEM_SUPERBLOCKS,	/* u64: superblocks written since activation */
	DM_REPLICA_A_SYSTEM_LIVE_POINT,		/* u64: number of the point failed over to */
	DM_REPLICA_A_SYSTEM_LIVE_TIME,		/* u64: time of that failover */
	DM_REPLICA_A_SYSTEM_LIVE_BYTES,		/* u64: written there since: a revert discards it */
	DM_REPLICA_A_SYSTEM_LIVE_WRITES,	/* u64: the view's count of writes (R11) */
	DM_REPLICA_A_SYSTEM_VACUUM_PENDING,	/* u64: versions known to wait for the vacuum */
	DM_REPLICA_A_SYSTEM_VACUUM_HELD,	/* u32: 1: the vacuum is held, 2: will be */
	DM_REPLICA_A_SYSTEM_TEST_POINT,		/* u64: number of the point a test runs from */
	DM_REPLICA_A_SYSTEM_TEST_TIME,		/* u64: time of its start */
	DM_REPLICA_A_SYSTEM_TEST_BYTES,		/* u64: written there since */
	DM_REPLICA_A_SYSTEM_TEST_WRITES,	/* u64: the view's count of writes (R11) */
	DM_REPLICA_A_SYSTEM_HEALTH,		/* u32, enum dm_replica_health */
	DM_REPLICA_A_SYSTEM_HEALTH_REASONS,	/* u32, enum dm_replica_health_reasons */
	DM_REPLICA_A_SYSTEM_REPLICATED_BYTES,	/* u64: since the last point, or the attach */
	DM_REPLICA_A_SYSTEM_REPLICATED_WRITES,	/* u64: the same, in writes */
	DM_REPLICA_A_SYSTEM_POINTS_MADE,	/* u64: since the store was made */
	DM_REPLICA_A_SYSTEM_POINTS_DROPPED,	/* u64: the same, for any reason */
	DM_REPLICA_A_SYSTEM_LAST_POINT_TIME,	/* u64: 0 if there has been none */
	DM_REPLICA_A_SYSTEM_LAST_TEST_TIME,	/* u64: 0 if there has been none */
	DM_REPLICA_A_SYSTEM_HOME_BYTES,		/* u64: still to move home, while a job moves */
	DM_REPLICA_A_SYSTEM_SLOTS_RESERVED,	/* u64: free, but for the live failover alone */
	DM_REPLICA_A_SYSTEM_VACUUM_RATE,	/* u64: as in the settings */
	DM_REPLICA_A_SYSTEM_STORE_BYTES,	/* u64: used part of the store device */
	DM_REPLICA_A_SYSTEM_STORE_DEVICE_BYTES,	/* u64: size of that device now */
	DM_REPLICA_A_SYSTEM_EVENT,		/* u64, in an event: its number in the group */
	DM_REPLICA_A_SYSTEM_LAST_RECEIVED_TIME,	/* u64: last sign of replication; 0: none yet */
	DM_REPLICA_A_SYSTEM_STATE_STORED,	/* u32: the state, but never 8 */
	DM_REPLICA_A_SYSTEM_LIVE_EPOCH,		/* u32: of the failover, also once committed */
	DM_REPLICA_A_SYSTEM_TEST_EPOCH,		/* u32: of the test failover */
	DM_REPLICA_A_SYSTEM_OPEN_VIEWS,		/* u32: views of points open for reading */
	DM_REPLICA_A_SYSTEM_RELATIONSHIP,	/* binary, 16 bytes; absent: none yet */
	DM_REPLICA_A_SYSTEM_STREAM,		/* binary, 16 bytes: stream half in, or given up */
	DM_REPLICA_A_SYSTEM_STREAM_BASE,	/* u64: point it begins at; absent: none */
	DM_REPLICA_A_SYSTEM_STREAM_POINT,	/* u64: number of the point to come */
	DM_REPLICA_A_SYSTEM_STREAM_GENERATION,	/* binary, 16 bytes: of that point */
	DM_REPLICA_A_SYSTEM_STREAM_TIME,	/* u64: of that point, by the origin's clock */
	DM_REPLICA_A_SYSTEM_STREAM_SINCE,	/* u64: when the stream was begun here */
	DM_REPLICA_A_SYSTEM_STREAM_DISK,	/* u32: cursor: lower disks have arrived, .. */
	DM_REPLICA_A_SYSTEM_STREAM_OFFSET,	/* u64: .. and so many bytes of this one */

	__DM_REPLICA_A_SYSTEM_MAX,
	DM_REPLICA_A_SYSTEM_MAX = (__DM_REPLICA_A_SYSTEM_MAX - 1)
};

/* One disk of a system. */
enum {
	DM_REPLICA_A_DISK_PAD = 1,
	DM_REPLICA_A_DISK_SYSTEM,		/* binary, 16 bytes: the system's UUID */
	DM_REPLICA_A_DISK_NUMBER,		/* u32: from 0, as in the table line */
	DM_REPLICA_A_DISK_NAME,			/* string */
	DM_REPLICA_A_DISK_UUID,			/* binary, 16 bytes */
	DM_REPLICA_A_DISK_BYTES,		/* u64: size */
	DM_REPLICA_A_DISK_HOME_MAJOR,		/* u32; absent while not attached */
	DM_REPLICA_A_DISK_HOME_MINOR,		/* u32 */
	DM_REPLICA_A_DISK_REPLICA_MAJOR,	/* u32: the dm device that shows the head */
	DM_REPLICA_A_DISK_REPLICA_MINOR,	/* u32 */
	DM_REPLICA_A_DISK_LIVE_MAJOR,		/* u32: the failover device */
	DM_REPLICA_A_DISK_LIVE_MINOR,		/* u32 */
	DM_REPLICA_A_DISK_LIVE_OPENERS,		/* u32: non-zero while in use */
	DM_REPLICA_A_DISK_TEST_MAJOR,		/* u32: the test failover device */
	DM_REPLICA_A_DISK_TEST_MINOR,		/* u32 */
	DM_REPLICA_A_DISK_TEST_OPENERS,		/* u32: non-zero while in use */
	DM_REPLICA_A_DISK_LIVE_BYTES,		/* u64: written to the failover device */
	DM_REPLICA_A_DISK_ERRORS,		/* u64: I/O errors of home and slots */
	DM_REPLICA_A_DISK_TEST_BYTES,		/* u64: written to the test failover device */
	DM_REPLICA_A_DISK_LOST_WRITES,		/* flag: its home has lost writes of a device */

	__DM_REPLICA_A_DISK_MAX,
	DM_REPLICA_A_DISK_MAX = (__DM_REPLICA_A_DISK_MAX - 1)
};

/* One recovery point of a system. */
enum {
	DM_REPLICA_A_POINT_PAD = 1,
	DM_REPLICA_A_POINT_SYSTEM,		/* binary, 16 bytes */
	DM_REPLICA_A_POINT_NUMBER,		/* u64: from 1, never used twice in a store */
	DM_REPLICA_A_POINT_TIME,		/* u64: when it was made */
	DM_REPLICA_A_POINT_KIND,		/* u32, enum dm_replica_point_kind */
	DM_REPLICA_A_POINT_NAME,		/* string, may be absent */
	DM_REPLICA_A_POINT_IN_USE,		/* u32: 1 if a failover or a view needs it */
	DM_REPLICA_A_POINT_SIZES,		/* flag, in the request: return sizes, too */
	DM_REPLICA_A_POINT_BYTES,		/* u64: of this point only, at home or in slots */
	DM_REPLICA_A_POINT_HELD_BY,		/* string: peers that hold it, by commas */
	DM_REPLICA_A_POINT_GENERATION,		/* u32: place in the list of generations */
	DM_REPLICA_A_POINT_VIEW,		/* string, several: views in which it is open */
	DM_REPLICA_A_POINT_ARRIVED,		/* u64: when it was received; absent: made here */

	__DM_REPLICA_A_POINT_MAX,
	DM_REPLICA_A_POINT_MAX = (__DM_REPLICA_A_POINT_MAX - 1)
};

/* One job. */
enum {
	DM_REPLICA_A_JOB_PAD = 1,
	DM_REPLICA_A_JOB_SYSTEM,		/* binary, 16 bytes */
	DM_REPLICA_A_JOB_ID,			/* u64: unique per system */
	DM_REPLICA_A_JOB_UUID,			/* binary, 16 bytes: InstanceID */
	DM_REPLICA_A_JOB_TYPE,			/* u32, enum dm_replica_job_type */
	DM_REPLICA_A_JOB_STATE,			/* u32, enum dm_replica_job_state */
	DM_REPLICA_A_JOB_PERCENT,		/* u32: 0..100 */
	DM_REPLICA_A_JOB_START_TIME,		/* u64 */
	DM_REPLICA_A_JOB_ELAPSED,		/* u64: ns until now, or until its end */
	DM_REPLICA_A_JOB_CODE,			/* u32, enum dm_replica_code, once it has ended */
	DM_REPLICA_A_JOB_TEXT,			/* string: what it does, or why it failed */
	DM_REPLICA_A_JOB_CANCELLABLE,		/* u32: 0 or 1 */
	DM_REPLICA_A_JOB_SYSTEM_NAME,		/* string */
	DM_REPLICA_A_JOB_REQUEST,		/* u32, enum dm_replica_job_request: last one */
	DM_REPLICA_A_JOB_BYTES,			/* u64: moved home so far */
	DM_REPLICA_A_JOB_BYTES_TOTAL,		/* u64: to move home in all */
	DM_REPLICA_A_JOB_ANSWER,		/* u32: its operation's code; absent: undecided */
	DM_REPLICA_A_JOB_ERRNO,			/* u32: positive, with an answer that is a refusal */
	DM_REPLICA_A_JOB_POINT,			/* u64: made, used, left or dropped, with the answer */
	DM_REPLICA_A_JOB_EVENT,			/* u64, in an event: its number in the group */
	DM_REPLICA_A_JOB_OWNER_UID,		/* u32: of the requester; absent without one */
	DM_REPLICA_A_JOB_OWNER_LOGIN_UID,	/* u32: its login user; absent if not known */
	DM_REPLICA_A_JOB_OWNER_COMM,		/* string: its name, chosen by the process */
	DM_REPLICA_A_JOB_DISCARDED,		/* u64: bytes discarded; absent if not known */
	DM_REPLICA_A_JOB_POINTS_DROPPED,	/* u32: points dropped with it */
	DM_REPLICA_A_JOB_STATE_NUMBER,		/* u64: its operation's; absent: it changed no state */
	DM_REPLICA_A_JOB_SYSTEM_STATE,		/* u32, enum dm_replica_state: after it, likewise */
	DM_REPLICA_A_JOB_SYSTEM_WAS,		/* u32, enum dm_replica_state: before it */
	DM_REPLICA_A_JOB_OUTCOME,		/* string: as DM_REPLICA_EVENT of its uevent */

	__DM_REPLICA_A_JOB_MAX,
	DM_REPLICA_A_JOB_MAX = (__DM_REPLICA_A_JOB_MAX - 1)
};

/* An operation: request and answer. */
enum {
	DM_REPLICA_A_OP_PAD = 1,
	DM_REPLICA_A_OP_SYSTEM,			/* binary, 16 bytes */
	DM_REPLICA_A_OP_POINT,			/* u64: a point's number; absent: the newest */
	DM_REPLICA_A_OP_POINT_KIND,		/* u32, enum dm_replica_point_kind */
	DM_REPLICA_A_OP_POINT_NAME,		/* string */
	DM_REPLICA_A_OP_EXPECT_STATE_NUMBER,	/* u64: refuse with ESTALE if it has changed */
	DM_REPLICA_A_OP_EXPECT_WRITES,		/* u64: the same for the view's count of writes */
	DM_REPLICA_A_OP_TIMEOUT,		/* u32: ms to wait for other operations and I/O */
	DM_REPLICA_A_OP_CODE,			/* u32: 0 or 4096, in the answer */
	DM_REPLICA_A_OP_JOB,			/* u64: id of the job, in the answer */
	DM_REPLICA_A_OP_HOLD,			/* u32: 1 holds the vacuum, 0 releases it */
	DM_REPLICA_A_OP_WAIT,			/* u32: ms to wait for devices to be closed */
	DM_REPLICA_A_OP_FLATTEN,		/* flag: give up the points, move all home first */
	DM_REPLICA_A_OP_UNATTENDED,		/* flag: stays when the socket closes */
	DM_REPLICA_A_OP_JOB_STATE,		/* u32, enum dm_replica_job_state, in the answer */
	DM_REPLICA_A_OP_RECEIVED,		/* flag: the sender's point: all until now has arrived */
	DM_REPLICA_A_OP_DROP,			/* u64, several: points that go with the new one */
	DM_REPLICA_A_OP_PEER,			/* string: name of the peer for which it is done */
	DM_REPLICA_A_OP_PEER_UUID,		/* binary, 16 bytes: of a peer to add */
	DM_REPLICA_A_OP_VIEW,			/* string: name of a view of a point */
	DM_REPLICA_A_OP_STREAM,			/* binary, 16 bytes: a stream */
	DM_REPLICA_A_OP_RELATIONSHIP,		/* binary, 16 bytes: the same on all sites */
	DM_REPLICA_A_OP_BASE,			/* u64: point the stream begins at; absent: none */
	DM_REPLICA_A_OP_BASE_GENERATION,	/* binary, 16 bytes: of that point */
	DM_REPLICA_A_OP_GENERATION,		/* binary, 16 bytes: of the point to come */
	DM_REPLICA_A_OP_GENERATION_FIRST,	/* u64: number at which that generation began */
	DM_REPLICA_A_OP_POINT_TIME,		/* u64: of the point to come, by the origin's clock */
	DM_REPLICA_A_OP_CURSOR_DISK,		/* u32: all of lower disks has arrived, .. */
	DM_REPLICA_A_OP_CURSOR_OFFSET,		/* u64: .. and so many bytes of this one */
	DM_REPLICA_A_OP_ACKED,			/* flag: the peer has the point, and needs no older one */

	__DM_REPLICA_A_OP_MAX,
	DM_REPLICA_A_OP_MAX = (__DM_REPLICA_A_OP_MAX - 1)
};

/*
 * A system's settings, kept in its store.  A setting that a request leaves out stays
 * as it is.  Rules of retention are no settings: a client names the points to drop (OP_DROP).
 */
enum {
	DM_REPLICA_A_SETTINGS_PAD = 1,
	DM_REPLICA_A_SETTINGS_SYSTEM,		/* binary, 16 bytes */
	DM_REPLICA_A_SETTINGS_EXPECT_STATE_NUMBER, /* u64: as in an operation */
	DM_REPLICA_A_SETTINGS_SPACE_LOW = 9,	/* u32: mark in percent of the slots */
	DM_REPLICA_A_SETTINGS_SPACE_CRITICAL,	/* u32: the same, not below the low mark */
	DM_REPLICA_A_SETTINGS_FULL_POLICY,	/* u32, enum dm_replica_full_policy */
	DM_REPLICA_A_SETTINGS_LIVE_RESERVE,	/* u64: bytes of slots kept for the live failover */
	DM_REPLICA_A_SETTINGS_POINT_INTERVAL,	/* u64: s until health warns; 0: never */
	DM_REPLICA_A_SETTINGS_DECIDE_WITHIN,	/* u64: s until health warns; 0: never */
	DM_REPLICA_A_SETTINGS_VACUUM_RATE,	/* u64: bytes per second, 0: none, ~0: adapts, ~0 - 1: no limit */
	DM_REPLICA_A_SETTINGS_CODE,		/* u32: 4096 in the answer if it is not done yet */
	DM_REPLICA_A_SETTINGS_JOB,		/* u64: id of the job then */
	DM_REPLICA_A_SETTINGS_REPLICATION_INTERVAL, /* u64: s; after three health warns; 0: after a day */
	DM_REPLICA_A_SETTINGS_JUMP_POINT,	/* u64: points below predate a step of the clock */
	DM_REPLICA_A_SETTINGS_JUMP_BY,		/* u64: that step, ns ahead; both read only */

	__DM_REPLICA_A_SETTINGS_MAX,
	DM_REPLICA_A_SETTINGS_MAX = (__DM_REPLICA_A_SETTINGS_MAX - 1)
};

/*
 * An entry of the host area: a value that programs of the host keep under a key in the
 * system's store.  The module does not read values.
 */
enum {
	DM_REPLICA_A_HOST_PAD = 1,
	DM_REPLICA_A_HOST_SYSTEM,		/* binary, 16 bytes */
	DM_REPLICA_A_HOST_KEY,			/* string: printable ASCII without blanks */
	DM_REPLICA_A_HOST_VALUE,		/* binary; in a request absent: remove the entry */
	DM_REPLICA_A_HOST_EXPECT_STATE_NUMBER,	/* u64: as in an operation */
	DM_REPLICA_A_HOST_ALL,			/* flag: remove all whose key begins with HOST_KEY */
	DM_REPLICA_A_HOST_CODE,			/* u32: 4096 in the answer if it is not done yet */
	DM_REPLICA_A_HOST_JOB,			/* u64: id of the job then */

	__DM_REPLICA_A_HOST_MAX,
	DM_REPLICA_A_HOST_MAX = (__DM_REPLICA_A_HOST_MAX - 1)
};

/* A peer: a system that has copies of points, and may hold points here. */
enum {
	DM_REPLICA_A_PEER_PAD = 1,
	DM_REPLICA_A_PEER_SYSTEM,		/* binary, 16 bytes */
	DM_REPLICA_A_PEER_NAME,			/* string */
	DM_REPLICA_A_PEER_UUID,			/* binary, 16 bytes */
	DM_REPLICA_A_PEER_ACKED,		/* u64: newest point that it has; absent: none known */
	DM_REPLICA_A_PEER_POINTS_HELD,		/* u32: points that it holds here */

	__DM_REPLICA_A_PEER_MAX,
	DM_REPLICA_A_PEER_MAX = (__DM_REPLICA_A_PEER_MAX - 1)
};

/* A generation: the points from one promotion to the next. */
enum {
	DM_REPLICA_A_GENERATION_PAD = 1,
	DM_REPLICA_A_GENERATION_SYSTEM,		/* binary, 16 bytes */
	DM_REPLICA_A_GENERATION_PLACE,		/* u32: POINT_GENERATION of its points */
	DM_REPLICA_A_GENERATION_UUID,		/* binary, 16 bytes */
	DM_REPLICA_A_GENERATION_FIRST,		/* u64: number at which it began */

	__DM_REPLICA_A_GENERATION_MAX,
	DM_REPLICA_A_GENERATION_MAX = (__DM_REPLICA_A_GENERATION_MAX - 1)
};

/* What was written to a disk between two recovery points. */
enum {
	DM_REPLICA_A_EXTENT_PAD = 1,
	DM_REPLICA_A_EXTENT_SYSTEM,		/* binary, 16 bytes */
	DM_REPLICA_A_EXTENT_DISK,		/* u32: number */
	DM_REPLICA_A_EXTENT_FROM,		/* u64: number of a point; absent: list all of the disk */
	DM_REPLICA_A_EXTENT_TO,			/* u64: number of a newer point */
	DM_REPLICA_A_EXTENT_START,		/* u64: begin with the chunk of this byte */
	DM_REPLICA_A_EXTENT_RUN,		/* nest, several: DM_REPLICA_A_RUN_*, by rising offset */

	__DM_REPLICA_A_EXTENT_MAX,
	DM_REPLICA_A_EXTENT_MAX = (__DM_REPLICA_A_EXTENT_MAX - 1)
};

/* An extent of it; those next to each other are one, up to a length. */
enum {
	DM_REPLICA_A_RUN_PAD = 1,
	DM_REPLICA_A_RUN_OFFSET,		/* u64 */
	DM_REPLICA_A_RUN_LENGTH,		/* u32: whole blocks of 4 KiB, but at the disk's end */
	DM_REPLICA_A_RUN_ZERO,			/* flag: it reads as zeroes at the newer point */

	__DM_REPLICA_A_RUN_MAX,
	DM_REPLICA_A_RUN_MAX = (__DM_REPLICA_A_RUN_MAX - 1)
};

enum {
	DM_REPLICA_CMD_SYSTEM_GET = 1,		/* do, dump */
	DM_REPLICA_CMD_SYSTEM_NTF,		/* event: as SYSTEM_GET, in group systems */
	DM_REPLICA_CMD_DISK_GET,		/* dump */
	DM_REPLICA_CMD_POINT_GET,		/* dump */
	DM_REPLICA_CMD_POINT_NEW,		/* make a recovery point */
	DM_REPLICA_CMD_POINT_DEL,		/* drop a recovery point */
	DM_REPLICA_CMD_JOB_GET,			/* do, dump */
	DM_REPLICA_CMD_JOB_NTF,			/* event: as JOB_GET, in group jobs */
	DM_REPLICA_CMD_FAILOVER_INITIATE,	/* bring the failover devices online */
	DM_REPLICA_CMD_FAILOVER_REVERT,		/* end the failover, discard its writes */
	DM_REPLICA_CMD_VACUUM_SET,		/* hold or release vacuum and one-second commit */
	DM_REPLICA_CMD_TEST_START,		/* start a test failover */
	DM_REPLICA_CMD_TEST_STOP,		/* end it, discard its writes */
	DM_REPLICA_CMD_FAILOVER_COMMIT,		/* make the failover the machine */
	DM_REPLICA_CMD_REPLICATION_SUSPEND,	/* refuse writes of replication */
	DM_REPLICA_CMD_REPLICATION_RESUME,	/* accept them again */
	DM_REPLICA_CMD_RELATIONSHIP_REMOVE,	/* turn the homes into plain disks */
	DM_REPLICA_CMD_STORE_GROW,		/* use the growth of the store's device */
	DM_REPLICA_CMD_HOME_MOVE,		/* restart a terminated move home */
	DM_REPLICA_CMD_JOB_SET,			/* suspend, resume or terminate a job */
	DM_REPLICA_CMD_SETTINGS_GET,		/* do, dump */
	DM_REPLICA_CMD_SETTINGS_SET,		/* change settings */
	DM_REPLICA_CMD_SYSTEM_DEL_NTF = 26,	/* event: detached; UUID and name */
	DM_REPLICA_CMD_REPLICATION_HEARTBEAT,	/* the sender runs and has nothing to send */
	DM_REPLICA_CMD_HOST_GET,		/* do, dump: entries of the host area */
	DM_REPLICA_CMD_HOST_SET,		/* set or remove an entry, or remove several */
	DM_REPLICA_CMD_ERRORS_RESET,		/* reset error counts, end a loss of writes */
	DM_REPLICA_CMD_POINT_HOLD,		/* hold a point for a peer */
	DM_REPLICA_CMD_POINT_RELEASE,		/* end that hold */
	DM_REPLICA_CMD_PEER_GET,		/* dump */
	DM_REPLICA_CMD_PEER_ADD,		/* add a peer */
	DM_REPLICA_CMD_PEER_DEL,		/* remove a peer, with its holds */
	DM_REPLICA_CMD_EXTENT_GET,		/* dump: written between two recovery points */
	DM_REPLICA_CMD_POINT_OPEN,		/* show a point on read-only devices */
	DM_REPLICA_CMD_POINT_CLOSE,		/* end that */
	DM_REPLICA_CMD_RECEIVE_BEGIN,		/* let a stream write the head, or go on with one */
	DM_REPLICA_CMD_RECEIVE_MARK,		/* note how far it has arrived */
	DM_REPLICA_CMD_RECEIVE_END,		/* make the sender's point of it */
	DM_REPLICA_CMD_RECEIVE_ABORT,		/* give it up */
	DM_REPLICA_CMD_GENERATION_GET,		/* dump */

	__DM_REPLICA_CMD_MAX,
	DM_REPLICA_CMD_MAX = (__DM_REPLICA_CMD_MAX - 1)
};

#endif /* _UAPI_DM_REPLICA_H */
