/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libdmreplica: everything that replicactl does, for programs.
 *
 * A program makes a context with dmreplica_new(), calls functions on it and
 * frees it.  A context belongs to one thread at a time.
 *
 * Functions return a CIM code (enum dm_replica_code of dm-replica.h): 0 when
 * what was asked for is done, 4096 when the kernel has started a job, anything
 * else when it was refused.  After a refusal dmreplica_message() says why and
 * dmreplica_hint() what to do next; both stay valid until the next call.
 *
 * Systems are named by their name or by their UUID as text.  UUIDs are 16 bytes
 * in the order in which they are written.  Sizes are bytes, times nanoseconds
 * since 1970 UTC, unless said otherwise.
 *
 * Lists are allocated by the library, one block each: give them to
 * dmreplica_list_free(), also empty ones.
 */
#ifndef DMREPLICA_H
#define DMREPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DMREPLICA_VERSION	"0.1"

#define DMREPLICA_UUID_TEXT	37	/* bytes a UUID takes as text, with its NUL */
#define DMREPLICA_NAME_MAX	64	/* sizes of names, with their NUL */
#define DMREPLICA_DISK_NAME_MAX	32
#define DMREPLICA_POINT_NAME_MAX 40
#define DMREPLICA_MAX_DISKS	64
#define DMREPLICA_MAX_ADDRESSES	8	/* per network adapter */
#define DMREPLICA_MAX_GATEWAYS	5
#define DMREPLICA_MAX_DNS	8
#define DMREPLICA_IP_TEXT	52	/* bytes an address with its prefix takes as text */
#define DMREPLICA_MAC_TEXT	18
#define DMREPLICA_UNLIMITED	UINT64_MAX	/* the rate of a vacuum without a limit */

struct dmreplica;
struct dmreplica_system;

/* Context ---------------------------------------------------------------- */

/**
 * dmreplica_new() - make a context
 *
 * Configuration is read from /etc/dm-replica/systems.d, or from the directory
 * that the environment variable DM_REPLICA_CONFDIR names.
 *
 * Return: the context, or NULL if there is no memory.
 */
struct dmreplica *dmreplica_new(void);

/** dmreplica_free() - free a context.  NULL is allowed. */
void dmreplica_free(struct dmreplica *ctx);

/** dmreplica_message() - why the last call was refused.  Return: one or more lines. */
const char *dmreplica_message(const struct dmreplica *ctx);

/** dmreplica_hint() - what to do after the last refusal.  Return: text, may be empty. */
const char *dmreplica_hint(const struct dmreplica *ctx);

/**
 * dmreplica_on_progress() - be told of what takes long
 * @ctx: the context.
 * @progress: called with what is being done, and bytes done and in all; again and again
 *	as it goes on.  Where only the kernel knows how far it is, @done stays 0.
 * @arg: handed to @progress.
 */
void dmreplica_on_progress(struct dmreplica *ctx,
			   void (*progress)(void *arg, const char *what, uint64_t done,
					    uint64_t total),
			   void *arg);

/**
 * dmreplica_on_warning() - be told of what is odd but no refusal
 * @ctx: the context.
 * @warn: called with one line of text, without a newline.
 * @arg: handed to @warn.
 */
void dmreplica_on_warning(struct dmreplica *ctx, void (*warn)(void *arg, const char *text),
			  void *arg);

/** dmreplica_list_free() - free a list that a function of this library made. */
void dmreplica_list_free(void *list);

/* Names of numbers ------------------------------------------------------- */

/** dmreplica_code_name() - name of a CIM code.  Return: constant text, never NULL. */
const char *dmreplica_code_name(int code);

/** dmreplica_code_of_errno() - the code for an errno that came without one. */
int dmreplica_code_of_errno(int err);

/**
 * dmreplica_exit_status() - what a command ends with after a code
 * @code: what a function returned.
 *
 * Return: 0 for 0 and 4096, code - 32767 for 32768..32779.
 */
int dmreplica_exit_status(int code);

const char *dmreplica_state_name(uint32_t state);
const char *dmreplica_point_kind_name(uint32_t kind);
const char *dmreplica_job_type_name(uint32_t type);
const char *dmreplica_job_state_name(uint32_t state);
const char *dmreplica_job_request_name(uint32_t request);
const char *dmreplica_identity_type_name(uint32_t type);
const char *dmreplica_health_name(uint32_t health);
/* One bit of dmreplica_system.health_reasons, as the specification calls it. */
const char *dmreplica_health_reason_name(uint32_t reason);
const char *dmreplica_full_policy_name(uint32_t policy);
/* ProtocolIFType of a network adapter's settings */
const char *dmreplica_protocol_name(uint32_t protocol);

/** dmreplica_job_ended() - has a job come to its end, good or bad? */
bool dmreplica_job_ended(uint32_t job_state);

/** dmreplica_uuid_text() - a UUID as text.  Return: @text. */
char *dmreplica_uuid_text(const uint8_t uuid[16], char text[DMREPLICA_UUID_TEXT]);

/** dmreplica_uuid_parse() - a UUID from text.  Return: false if it is none. */
bool dmreplica_uuid_parse(const char *text, uint8_t uuid[16]);

/* Block devices ---------------------------------------------------------- */

/** struct dmreplica_blockdev - a block device as create and attach see it */
struct dmreplica_blockdev {
	char path[256];
	dev_t dev;
	bool file;			/* a plain file: an image, read only by check and dump */
	bool read_only;
	bool zoned;
	uint64_t bytes;
	uint32_t logical;		/* logical and physical block size */
	uint32_t physical;
	uint32_t identity_type;		/* DMR_IDENTITY_* of dm-replica-format.h */
	char identity[128];
};

/**
 * dmreplica_blockdev_probe() - sizes and identity of a block device
 * @ctx: the context.
 * @path: its path.
 * @bdev: filled in.
 *
 * Return: 0, 32779 if there is none, 32773 if it is no block device, 32769.
 */
int dmreplica_blockdev_probe(struct dmreplica *ctx, const char *path,
			     struct dmreplica_blockdev *bdev);

/**
 * dmreplica_device_path() - a path for a device number
 * @major: major number.
 * @minor: minor number.
 * @path: filled in: /dev/mapper/NAME for dm devices, /dev/NAME else, the bare
 *	numbers if there is no such device.
 * @size: bytes of @path.
 *
 * Return: @path.
 */
char *dmreplica_device_path(uint32_t major, uint32_t minor, char *path, size_t size);

enum dmreplica_holder_kind {
	DMREPLICA_HOLDER_PROCESS,	/* a process has it open */
	DMREPLICA_HOLDER_MOUNT,		/* a mounted file system lies on it */
	DMREPLICA_HOLDER_SWAP,
	DMREPLICA_HOLDER_DEVICE,	/* a device stacked on it (dm, md, bcache, ...) */
	DMREPLICA_HOLDER_LOOP,		/* a loop or zram device over it */
	DMREPLICA_HOLDER_FILESYSTEM,	/* a file system that is in use, and mounted nowhere */
	DMREPLICA_HOLDER_TARGET,	/* exported by the kernel: LIO, nvmet */
	DMREPLICA_HOLDER_MAPPING,	/* in the memory of a process, which has closed it */
};

/** struct dmreplica_holder - somebody who has a block device open */
struct dmreplica_holder {
	enum dmreplica_holder_kind kind;
	dev_t dev;			/* what is held */
	pid_t pid;			/* of a process or mapping, 0 else */
	bool writes;			/* opened for writing */
	char command[32];		/* of a process */
	char detail[256];		/* mount point, name of the stacked device, type, export */
};

/**
 * dmreplica_holder_list() - who holds these devices?
 * @ctx: the context.
 * @devs: device numbers.
 * @nr_devs: how many.
 * @list: set to the list.
 * @nr: set to its length.
 *
 * Looks at open files and mounts of all processes that the caller may see and
 * at sysfs and configfs, and if that finds none, at what processes have mapped.  The
 * calling process is left out.  A holder inside the kernel that shows nowhere is not found.
 *
 * Return: 0 or 32778.
 */
int dmreplica_holder_list(struct dmreplica *ctx, const dev_t *devs, unsigned int nr_devs,
			  struct dmreplica_holder **list, size_t *nr);

/* Configuration files ---------------------------------------------------- */

struct dmreplica_conf_disk {
	char name[DMREPLICA_DISK_NAME_MAX];
	char path[256];
};

/** struct dmreplica_conf - one file of /etc/dm-replica/systems.d */
struct dmreplica_conf {
	char file[512];
	char name[DMREPLICA_NAME_MAX];
	uint8_t uuid[16];
	char store[256];
	unsigned int nr_disks;
	struct dmreplica_conf_disk disks[DMREPLICA_MAX_DISKS];
};

/** dmreplica_conf_dir() - where the files are.  Return: a directory. */
const char *dmreplica_conf_dir(const struct dmreplica *ctx);

/**
 * dmreplica_conf_list() - all configuration files, by name
 *
 * A file that cannot be read is a warning and left out.
 */
int dmreplica_conf_list(struct dmreplica *ctx, struct dmreplica_conf **list, size_t *nr);

/** dmreplica_conf_find() - the file of one system, by name or UUID.  Return: 0, 32779. */
int dmreplica_conf_find(struct dmreplica *ctx, const char *name, struct dmreplica_conf *conf);

/** dmreplica_conf_write() - write @conf as NAME.conf, all or nothing; sets @conf->file. */
int dmreplica_conf_write(struct dmreplica *ctx, struct dmreplica_conf *conf);

/* Making systems --------------------------------------------------------- */

struct dmreplica_create_disk {
	const char *name;
	const char *path;
};

/** struct dmreplica_create - what dmreplica_create() is to make */
struct dmreplica_create {
	const char *name;
	const char *store;
	const struct dmreplica_create_disk *disks;
	unsigned int nr_disks;
	uint32_t chunk_bytes;		/* 0: the default, 64 KiB */
	bool has_uuid;			/* else a random one */
	uint8_t uuid[16];		/* of the system; set in any case */
	bool force;			/* overwrite what is on the store */
	uint8_t store_uuid[16];		/* set */
	uint64_t slots;			/* set: slots the store holds */
	uint64_t log_blocks;		/* set: 4 KiB blocks of its log */
	uint64_t memory;		/* set: bytes of kernel memory while attached, at least */
	uint64_t memory_full;		/* set: and when all slots are in use */
};

/**
 * dmreplica_create() - make a system: format its store, write its file
 * @ctx: the context.
 * @create: what to make.
 *
 * Everything is checked before anything is written; homes are never written.
 *
 * Return: 0; 32773 for a bad name, device, size or a store that has something
 * on it; 32774 for a device in use; others as usual.
 */
int dmreplica_create(struct dmreplica *ctx, struct dmreplica_create *create);

#define DMREPLICA_ATTACH_TAKE_OVER	(1u << 0)	/* although another host has it active */
#define DMREPLICA_ATTACH_ACCEPT_HOMES	(1u << 1)	/* other devices, or other content */
#define DMREPLICA_ATTACH_ACCEPT_OLDER	(1u << 2)	/* although the store is an older copy */

/* Is the content of a home the one that was left at the last detach? */
enum dmreplica_home {
	DMREPLICA_HOME_NOT_VERIFIED,	/* not known: there was no clean detach */
	DMREPLICA_HOME_VERIFIED,
	DMREPLICA_HOME_DIFFERS,		/* it is not, and was accepted */
};

/**
 * dmreplica_attach_home() - what the last dmreplica_attach() found of a home
 * @ctx: the context.
 * @disk: number of the disk.
 *
 * Return: the verdict.
 */
enum dmreplica_home dmreplica_attach_home(const struct dmreplica *ctx, unsigned int disk);

/**
 * dmreplica_attach() - make the devices of a system
 * @ctx: the context.
 * @name: name or UUID.
 * @flags: DMREPLICA_ATTACH_*.
 * @homes: with DMREPLICA_ATTACH_ACCEPT_HOMES the disks whose homes are accepted, their names
 *	separated by commas; NULL: every disk, but no home that is another disk's.
 *
 * Loads the module if need be, checks store and homes, makes three devices for
 * each disk.  All or nothing.
 *
 * Return: 0; 32773 for a device that is another one, does not fit or has other content;
 * 32774 for one in use; 32779 for one that is missing; others as usual.
 */
int dmreplica_attach(struct dmreplica *ctx, const char *name, unsigned int flags,
		     const char *homes);

/** dmreplica_detach() - remove the devices of a system.  Return: 32774 if one is in use. */
int dmreplica_detach(struct dmreplica *ctx, const char *name);

/** enum dmreplica_removal - how far the removal of a system has come */
enum dmreplica_removal {
	DMREPLICA_REMOVAL_NONE,		/* it is a system like any other */
	DMREPLICA_REMOVAL_DECIDED,	/* Disabled (0): all is home, the store is left */
	DMREPLICA_REMOVAL_WIPED,	/* the store is blank, the file is left */
};

/**
 * dmreplica_removal() - how far has the removal of a system come?
 * @ctx: the context.
 * @sys: the system, as dmreplica_system_find() gave it.
 * @stage: set.
 *
 * Of a system that is not attached the store is read.
 *
 * Return: 0, or why the store cannot be read.
 */
int dmreplica_removal(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      enum dmreplica_removal *stage);

/**
 * dmreplica_removal_finish() - do what the kernel leaves to do of a removal
 * @ctx: the context.
 * @sys: the system.
 *
 * Removes the devices, overwrites both superblocks of the store and deletes the
 * configuration file.  May be called again until it succeeds.
 *
 * Return: 0; 32774 if a device is in use; 32775 if the removal has not been
 * decided, or the store is not the system's.
 */
int dmreplica_removal_finish(struct dmreplica *ctx, const struct dmreplica_system *sys);

/** struct dmreplica_found - a store that a scan came upon */
struct dmreplica_found {
	struct dmreplica_conf conf;	/* as it would be written; a home not found is "" */
	dev_t dev;
	uint64_t bytes;
	uint32_t state;
	unsigned int missing;		/* homes that were not found */
	bool known;			/* a configuration file names this system */
	bool attached;
	bool twin;			/* another device holds a store of the same system */
	bool name_taken;		/* another system has this name, or it is none */
	bool content;			/* another store names this device as a home: a guest wrote it */
	bool device_taken;		/* another system names a device of this one, too */
	unsigned int unproved;		/* homes found by a path alone, for which any device will do */
	dev_t homes[DMREPLICA_MAX_DISKS];	/* 0: not found, or a file */
};

/**
 * dmreplica_scan() - look for stores
 *
 * What a device says of itself is not to be believed: a guest can write a store to its own
 * disk that names any device of the host as its home.  Without @paths a device that is a
 * home, by a file or by another store that was found, is not looked at as a store, or is
 * marked @content; two systems that name one device are both marked @device_taken; and
 * homes that only a path names, for a system without a file, are counted in @unproved.
 * Write no file for any of these unless the user confirms that system by name.
 *
 * @ctx: the context.
 * @paths: devices to look at, or NULL for all block devices of the machine.
 * @nr_paths: how many.
 * @list: set to the list of what was found.
 * @nr: set to its length.
 */
int dmreplica_scan(struct dmreplica *ctx, const char *const *paths, unsigned int nr_paths,
		   struct dmreplica_found **list, size_t *nr);

/* Systems ---------------------------------------------------------------- */

/** struct dmreplica_system - one system, from the kernel or from its store */
struct dmreplica_system {
	char name[DMREPLICA_NAME_MAX];
	uint8_t uuid[16];
	bool known;			/* there is a configuration file */
	bool attached;			/* the kernel has it */
	bool read;			/* what follows is filled in */
	uint32_t state;			/* enum dm_replica_state */
	uint64_t state_number;
	uint64_t state_time;
	uint32_t flags;			/* enum dm_replica_system_flags */
	char reason[256];		/* why it is critical */
	bool elsewhere;			/* not attached here, and its store says another host has it */
	uint8_t active_host[16];	/* machine id of that host */
	uint64_t active_time;		/* since when, ns since 1970 */
	uint8_t store_uuid[16];
	char store[256];		/* path */
	uint32_t store_major;
	uint32_t store_minor;
	uint64_t store_bytes;		/* in use */
	uint64_t store_device_bytes;	/* size of its device now */
	uint32_t chunk_bytes;
	uint32_t disks;
	uint32_t disks_attached;
	uint32_t points;
	uint64_t slots;
	uint64_t slots_used;
	uint64_t versions;
	uint64_t log_blocks;
	uint64_t log_used;
	uint64_t commits;
	uint64_t superblocks;
	uint64_t live_point;		/* 0 when not failed over */
	uint64_t live_time;
	uint64_t live_bytes;
	uint64_t live_writes;
	uint64_t test_point;		/* 0 without a test failover */
	uint64_t test_time;
	uint64_t test_bytes;
	uint64_t test_writes;
	uint64_t vacuum_pending;
	uint32_t vacuum_held;		/* 1: it is, 2: as soon as its pass has ended */
	uint64_t vacuum_rate;		/* bytes per second, DMREPLICA_UNLIMITED */
	uint64_t home_bytes;		/* left to move home, while a job does */
	uint64_t slots_reserved;	/* free, but for the live failover alone */
	uint32_t health;		/* enum dm_replica_health, 0 if not known */
	uint32_t health_reasons;	/* enum dm_replica_health_reasons */
	uint64_t replicated_bytes;	/* since the last point, or the attach */
	uint64_t replicated_writes;
	uint64_t points_made;		/* since the store was made */
	uint64_t points_dropped;
	uint64_t last_point_time;	/* 0: never */
	uint64_t last_test_time;
	uint64_t last_received_time;	/* of the last sign of replication, 0 if there was none */
	uint32_t state_stored;		/* the state, but never Critical: what it was */
};

/** struct dmreplica_disk - one disk of a system; device numbers are 0:0 where there is none */
struct dmreplica_disk {
	uint8_t system[16];
	uint32_t number;
	char name[DMREPLICA_DISK_NAME_MAX];
	uint8_t uuid[16];
	uint64_t bytes;
	uint32_t home_major, home_minor;
	uint32_t replica_major, replica_minor;
	uint32_t live_major, live_minor;
	uint32_t live_openers;
	uint32_t test_major, test_minor;
	uint32_t test_openers;
	uint64_t live_bytes;
	uint64_t test_bytes;
	uint64_t errors;
	bool fingerprint;		/* not attached: its home can be compared */
	char home[256];			/* path, also when not attached */
};

/** struct dmreplica_point - one recovery point */
struct dmreplica_point {
	uint8_t system[16];
	uint64_t number;
	uint64_t time;
	uint32_t kind;			/* enum dm_replica_point_kind */
	bool in_use;
	char name[DMREPLICA_POINT_NAME_MAX];
	bool sized;			/* @bytes is told */
	uint64_t bytes;			/* what only this point holds */
};

/** struct dmreplica_job - one job */
struct dmreplica_job {
	uint8_t system[16];
	char system_name[DMREPLICA_NAME_MAX];
	uint64_t id;
	uint8_t uuid[16];
	uint32_t type;			/* enum dm_replica_job_type */
	uint32_t state;			/* enum dm_replica_job_state */
	uint32_t percent;
	uint64_t start_time;
	uint64_t elapsed;
	uint32_t code;
	bool cancellable;
	char text[256];
	uint32_t request;		/* enum dm_replica_job_request, 0 if none */
	uint64_t bytes;			/* moved home so far */
	uint64_t bytes_total;		/* of these, 0 where it is no matter of bytes */
	bool decided;			/* its operation has been answered */
	uint32_t answer;		/* with this code */
	uint64_t point;			/* made, used, left or dropped; 0: none */
	bool owned;			/* a process asked for it */
	uint32_t owner_uid;
	uint32_t owner_login_uid;	/* the user that had logged in, DMREPLICA_NO_LOGIN */
	char owner_comm[64];		/* name of the process, which it chooses */
	uint64_t discarded;		/* bytes thrown away, where that is known */
	uint32_t points_dropped;	/* points that went with it */
};

#define DMREPLICA_NO_LOGIN	(~0U)

/**
 * dmreplica_set_patience() - do not hang with a device that does not answer
 * @ctx: the context.
 * @ms: how long to wait for it, 0 for ever.
 *
 * For whoever looks at devices of several systems: one that does not answer in time is
 * refused with 32777.  A process of its own tries it, and stays until it answers.  One
 * that device-mapper has suspended is refused in any case.
 */
void dmreplica_set_patience(struct dmreplica *ctx, unsigned int ms);

/**
 * dmreplica_system_list() - all systems that the kernel or a file knows, by name
 *
 * Systems that are not attached have only their names (dmreplica_system.read is
 * false): dmreplica_system_read_store() fills in the rest.
 */
int dmreplica_system_list(struct dmreplica *ctx, struct dmreplica_system **list, size_t *nr);

/** dmreplica_system_find() - one system by name or UUID.  Return: 0 or 32779. */
int dmreplica_system_find(struct dmreplica *ctx, const char *name,
			  struct dmreplica_system *sys);

/** dmreplica_system_attached() - the same, refused with 32777 if it is not attached. */
int dmreplica_system_attached(struct dmreplica *ctx, const char *name,
			      struct dmreplica_system *sys);

/** dmreplica_system_read_store() - fill in a system that is not attached, from its store. */
int dmreplica_system_read_store(struct dmreplica *ctx, struct dmreplica_system *sys);

/** dmreplica_disk_list() - the disks of a system, by number; attached or not. */
int dmreplica_disk_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_disk **list, size_t *nr);

/** dmreplica_point_list() - the points of a system, oldest first; attached or not. */
int dmreplica_point_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_point **list, size_t *nr);

/**
 * dmreplica_point_list_sized() - the same, with the size of each
 *
 * The kernel walks over its map for that.  Sizes are not told for a system that
 * is not attached, or by a module that does not know them (dmreplica_point.sized).
 */
int dmreplica_point_list_sized(struct dmreplica *ctx, const struct dmreplica_system *sys,
			       struct dmreplica_point **list, size_t *nr);

/**
 * dmreplica_point_find() - one point of a system, by number or by name
 * @ctx: the context.
 * @sys: the system.
 * @text: what a person calls it: a number goes before a name.
 * @number: set.
 *
 * Return: 0; 32779 if there is none; 32773 if several have that name, which
 * dmreplica_message() lists.
 */
int dmreplica_point_find(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 const char *text, uint64_t *number);

/** dmreplica_job_list() - jobs of one system, or of all if @sys is NULL. */
int dmreplica_job_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct dmreplica_job **list, size_t *nr);

/** dmreplica_job_find() - one job of a system.  Return: 0 or 32779. */
int dmreplica_job_find(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		       struct dmreplica_job *job);

/**
 * dmreplica_job_wait() - wait for a job to end
 * @ctx: the context.
 * @sys: its system.
 * @id: its number.
 * @timeout_ms: longest time to wait, 0 for ever.
 * @progress: called at every look at the job, the last one too; may be NULL.
 * @arg: handed to @progress.
 * @job: set to the job as it was last seen.
 *
 * Return: the code the job ended with; 32772 if it has not ended in time.
 */
int dmreplica_job_wait(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		       uint32_t timeout_ms,
		       void (*progress)(void *arg, const struct dmreplica_job *job), void *arg,
		       struct dmreplica_job *job);

/**
 * dmreplica_job_request() - have a job suspended, go on, or ended
 * @ctx: the context.
 * @sys: its system.
 * @id: its number.
 * @request: enum dm_replica_job_request.
 *
 * Return: 0 or a refusal: only jobs that move home take requests, but that one which
 * has not begun can be ended, whatever it is about.
 */
int dmreplica_job_request(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
			  uint32_t request);

/* Operations ------------------------------------------------------------- */

#define DMREPLICA_OP_POINT		(1u << 0)	/* @point is given, else the newest */
#define DMREPLICA_OP_KIND		(1u << 1)
#define DMREPLICA_OP_LABEL		(1u << 2)
#define DMREPLICA_OP_EXPECT_STATE	(1u << 3)	/* refuse if the state has moved on */
#define DMREPLICA_OP_EXPECT_WRITES	(1u << 4)	/* refuse if more was written */
#define DMREPLICA_OP_TIMEOUT		(1u << 5)
#define DMREPLICA_OP_WAIT		(1u << 6)	/* wait for openers to let go */
#define DMREPLICA_OP_FLATTEN		(1u << 7)	/* give up the points */
#define DMREPLICA_OP_NO_WAIT		(1u << 8)	/* for its turn: a few seconds at most */
#define DMREPLICA_OP_RECEIVED		(1u << 9)	/* the sender's point: all has arrived */

/** struct dmreplica_op - what an operation is told, and its answer */
struct dmreplica_op {
	unsigned int given;		/* DMREPLICA_OP_* */
	uint64_t point;
	uint32_t kind;
	const char *label;
	uint64_t expect_state;
	uint64_t expect_writes;
	uint32_t timeout_ms;		/* for draining, at most DM_REPLICA_TIMEOUT_MAX */
	uint32_t wait_ms;		/* for openers, the same */
	uint64_t job;			/* answer: number of its job, 0 if none */
	uint64_t point_made;		/* answer: number of the point made, 0 if unknown */
	bool undecided;			/* answer, with DMREPLICA_OP_NO_WAIT: it waits still */
};

/*
 * Each sends one request to the kernel, and waits until it is decided: behind other
 * operations as long as its own time limit allows.  Who dies meanwhile, or closes @ctx,
 * takes it back, unless DMREPLICA_OP_NO_WAIT is given.
 *
 * @op may be NULL.  Return: 0, 4096 with @op->job set, or a refusal.  4096 with
 * @op->undecided says only that it waits.  A refusal because a device is open names who
 * holds it in dmreplica_message().
 */
int dmreplica_point_make(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);
int dmreplica_point_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);
int dmreplica_failover(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct dmreplica_op *op);
int dmreplica_revert(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/*
 * The same for a test failover: it runs on devices of its own, beside replication
 * and a live failover, and is thrown away by its stop.
 */
int dmreplica_test_start(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);
int dmreplica_test_stop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op);

/*
 * The failover becomes the machine: the points and what replication brought are
 * gone, and its job moves everything home.  There is no way back.
 */
int dmreplica_commit(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/* Replication rests and goes on: the replica devices refuse writes meanwhile. */
int dmreplica_suspend(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmreplica_op *op);
int dmreplica_resume(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/*
 * Give the homes back as plain disks.  When its job has ended well the state is
 * Disabled (0), and dmreplica_removal_finish() does the rest.
 */
int dmreplica_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/* Use what the store's device has grown by. */
int dmreplica_grow(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   struct dmreplica_op *op);

/* Begin a move home anew whose job was terminated. */
int dmreplica_move_home(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op);

/** dmreplica_heartbeat() - replication is there and has nothing to write. */
int dmreplica_heartbeat(struct dmreplica *ctx, const struct dmreplica_system *sys);

/** dmreplica_vacuum_hold() - hold the vacuum and the one-second commit, or let them go on. */
int dmreplica_vacuum_hold(struct dmreplica *ctx, const struct dmreplica_system *sys, bool hold);

/* Settings --------------------------------------------------------------- */

#define DMREPLICA_SET_KEEP_LAST		(1u << 0)
#define DMREPLICA_SET_KEEP_WITHIN	(1u << 1)
#define DMREPLICA_SET_KEEP_HOURLY	(1u << 2)
#define DMREPLICA_SET_KEEP_DAILY	(1u << 3)
#define DMREPLICA_SET_KEEP_WEEKLY	(1u << 4)
#define DMREPLICA_SET_SPACE_LOW		(1u << 5)
#define DMREPLICA_SET_SPACE_CRITICAL	(1u << 6)
#define DMREPLICA_SET_FULL_POLICY	(1u << 7)
#define DMREPLICA_SET_LIVE_RESERVE	(1u << 8)
#define DMREPLICA_SET_POINT_INTERVAL	(1u << 9)
#define DMREPLICA_SET_DECIDE_WITHIN	(1u << 10)
#define DMREPLICA_SET_VACUUM_RATE	(1u << 11)
#define DMREPLICA_SET_EXPECT_STATE	(1u << 12)	/* refuse if the state has moved on */
#define DMREPLICA_SET_REPLICATION_INTERVAL (1u << 13)

/** struct dmreplica_settings - settings of a system, kept in its store */
struct dmreplica_settings {
	unsigned int given;		/* DMREPLICA_SET_*: what is to be changed */
	uint64_t expect_state;
	uint32_t keep_last;		/* rules of retention; 0: there is no such rule */
	uint32_t keep_hourly;
	uint32_t keep_daily;
	uint32_t keep_weekly;
	uint64_t keep_within;		/* s */
	uint32_t space_low;		/* marks, in percent of the slots */
	uint32_t space_critical;
	uint32_t full_policy;		/* enum dm_replica_full_policy */
	uint64_t live_reserve;		/* bytes of slots */
	uint64_t point_interval;	/* s; 0: never warn */
	uint64_t decide_within;		/* s; 0: never warn */
	uint64_t vacuum_rate;		/* bytes per second, DMREPLICA_UNLIMITED */
	uint64_t replication_interval;	/* s; warn after three; 0: after a day */
	uint64_t jump_point;		/* points below were made before the clock was set ahead */
	uint64_t jump_by;		/* by so many ns; both 0: it was not; never set */
};

/**
 * dmreplica_settings_get() - the settings of a system, attached or not
 *
 * Return: 0; 32770 if the module does not know them.
 */
int dmreplica_settings_get(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_settings *settings);

/** dmreplica_settings_set() - change those that @settings->given names. */
int dmreplica_settings_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   const struct dmreplica_settings *settings);

/**
 * dmreplica_settings_drop() - which recovery points would the next one drop?
 * @ctx: the context.
 * @sys: the system, attached.
 * @settings: its settings.
 * @list: set to these points, oldest first; free it with dmreplica_list_free().
 * @nr: set to their number.
 *
 * A step of the clock that the module has noticed is allowed for.
 */
int dmreplica_settings_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const struct dmreplica_settings *settings,
			    struct dmreplica_point **list, size_t *nr);

/** struct dmreplica_ip - an address, with the length of its prefix where it has one */
struct dmreplica_ip {
	uint8_t family;			/* 4 or 6 */
	uint8_t prefix;
	uint8_t bytes[16];		/* network byte order; IPv4 takes the first four */
};

/** struct dmreplica_adapter - what a network adapter of the guest gets after a failover */
struct dmreplica_adapter {
	uint8_t system[16];
	uint8_t mac[6];
	bool dhcp;			/* IPv4 comes by DHCP */
	uint32_t protocol;		/* ProtocolIFType, told by the kernel */
	unsigned int nr_addresses;
	unsigned int nr_gateways;
	unsigned int nr_dns;
	struct dmreplica_ip addresses[DMREPLICA_MAX_ADDRESSES];
	struct dmreplica_ip gateways[DMREPLICA_MAX_GATEWAYS];
	struct dmreplica_ip dns[DMREPLICA_MAX_DNS];
};

/**
 * dmreplica_ip_parse() - an address from text
 * @text: as 192.0.2.5 or 2001:db8::5; with a prefix 192.0.2.5/24,
 *	192.0.2.5/255.255.255.0 or 2001:db8::5/64.
 * @prefix: must there be a prefix?  If not there may be none.
 * @ip: filled in.
 *
 * Return: NULL, or what is wrong with it: constant text to follow it.
 */
const char *dmreplica_ip_parse(const char *text, bool prefix, struct dmreplica_ip *ip);

/** dmreplica_ip_text() - an address as text.  Return: @text. */
char *dmreplica_ip_text(const struct dmreplica_ip *ip, bool prefix, char text[DMREPLICA_IP_TEXT]);

/** dmreplica_mac_parse() - a hardware address from text, as 52:54:00:12:34:56, or with '-'. */
bool dmreplica_mac_parse(const char *text, uint8_t mac[6]);

/** dmreplica_mac_text() - a hardware address as text.  Return: @text. */
char *dmreplica_mac_text(const uint8_t mac[6], char text[DMREPLICA_MAC_TEXT]);

/**
 * dmreplica_adapter_list() - settings of the network adapters of a system, attached or not
 *
 * Return: 0; 32770 if the module does not know them.
 */
int dmreplica_adapter_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_adapter **list, size_t *nr);

/** dmreplica_adapter_fault() - what is wrong with an adapter's settings?  Return: text or NULL. */
const char *dmreplica_adapter_fault(const struct dmreplica_adapter *adapter);

/** dmreplica_adapter_set() - replace the settings of the adapter that @adapter->mac names. */
int dmreplica_adapter_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const struct dmreplica_adapter *adapter);

/** dmreplica_adapter_clear() - forget the settings of one adapter, or of all if @mac is NULL. */
int dmreplica_adapter_clear(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const uint8_t *mac);

/* Events ----------------------------------------------------------------- */

struct dmreplica_monitor;

enum dmreplica_event_type {
	DMREPLICA_EVENT_SYSTEM,		/* a system as it is now */
	DMREPLICA_EVENT_JOB,		/* a job as it is now */
	DMREPLICA_EVENT_LOST,		/* events were lost: everything follows afresh */
	DMREPLICA_EVENT_CURRENT,	/* what came so far was the present state */
	DMREPLICA_EVENT_DETACHED,	/* a system has gone: its name and UUID */
	DMREPLICA_EVENT_UNLOADED,	/* the module is not loaded: there is no system */
	DMREPLICA_EVENT_LOADED,		/* the module has been loaded: everything follows afresh */
};

struct dmreplica_event {
	enum dmreplica_event_type type;
	struct dmreplica_system system;
	struct dmreplica_job job;
};

/**
 * dmreplica_monitor_open() - listen to the kernel's events
 * @ctx: the context; must outlive the monitor.
 * @mon: set to the monitor.
 *
 * First come all systems and jobs as they are, then a DMREPLICA_EVENT_CURRENT,
 * then changes.  Without the module first comes a DMREPLICA_EVENT_UNLOADED.  The
 * monitor goes on when the module is unloaded, and when it comes back.
 */
int dmreplica_monitor_open(struct dmreplica *ctx, struct dmreplica_monitor **mon);

/** dmreplica_monitor_fd() - descriptor to poll for reading. */
int dmreplica_monitor_fd(const struct dmreplica_monitor *mon);

/**
 * dmreplica_monitor_next() - the next event
 * @mon: the monitor.
 * @event: filled in.
 * @timeout_ms: longest time to wait, -1 for ever.
 *
 * Return: 0; 32772 if none came in time; or another refusal.
 */
int dmreplica_monitor_next(struct dmreplica_monitor *mon, struct dmreplica_event *event,
			   int timeout_ms);

/** dmreplica_monitor_close() - stop listening.  NULL is allowed. */
void dmreplica_monitor_close(struct dmreplica_monitor *mon);

/* Stores, without the module --------------------------------------------- */

struct dmreplica_store;
struct dmr_sb;			/* kmod/store/superblock.h: a superblock in host form */
struct dmr_record;		/* kmod/store/logblock.h: a log record in host form */

/** struct dmreplica_copy - one of the two superblocks */
struct dmreplica_copy {
	bool readable;
	bool valid;
	int verdict;			/* enum dmr_verdict of kmod/store/superblock.h */
	const char *reason;		/* why it is not valid */
	const struct dmr_sb *sb;	/* NULL if not valid */
};

/**
 * dmreplica_store_open() - open a store for reading
 * @ctx: the context.
 * @path: block device or image.
 * @store: set.
 *
 * Reads both superblocks; a store whose superblocks are damaged can be opened.
 */
int dmreplica_store_open(struct dmreplica *ctx, const char *path,
			 struct dmreplica_store **store);
void dmreplica_store_close(struct dmreplica_store *store);

const char *dmreplica_store_path(const struct dmreplica_store *store);
const struct dmreplica_blockdev *dmreplica_store_device(const struct dmreplica_store *store);

/** dmreplica_store_copy() - superblock A (0) or B (1). */
const struct dmreplica_copy *dmreplica_store_copy(const struct dmreplica_store *store,
						  unsigned int copy);

/** dmreplica_store_super() - the superblock in force.  Return: refusal if there is none. */
int dmreplica_store_super(struct dmreplica *ctx, struct dmreplica_store *store,
			  const struct dmr_sb **sb);

/**
 * dmreplica_store_replay() - hand over every record of the log, oldest first
 * @ctx: the context.
 * @store: the store.
 * @record: called for each; may be NULL.
 * @arg: handed to @record.
 * @next: set to the number the next log block gets; may be NULL.
 *
 * Return: 0, or a refusal that says what is damaged.
 */
int dmreplica_store_replay(struct dmreplica *ctx, struct dmreplica_store *store,
			   void (*record)(void *arg, const struct dmr_record *rec,
					  uint64_t number),
			   void *arg, uint64_t *next);

enum dmreplica_severity {
	DMREPLICA_NOTE,			/* nothing wrong */
	DMREPLICA_DOUBT,		/* repaired by the next attach, or odd */
	DMREPLICA_REFUSED,		/* the store is good, and attach refuses */
	DMREPLICA_DAMAGE,		/* data is lost, or cannot be read */
};

/** struct dmreplica_finding - one line of a check's result */
struct dmreplica_finding {
	enum dmreplica_severity severity;
	uint64_t block;			/* 4 KiB block of the store, ~0 if none */
	uint64_t log_number;		/* log block number, 0 if none */
	char text[240];
};

/** struct dmreplica_epoch_use - what one epoch has in the map */
struct dmreplica_epoch_use {
	uint32_t epoch;
	const char *role;		/* "main", "live", "test", "dead" */
	uint64_t versions;
	uint64_t slots;
	uint64_t data_blocks;
	uint64_t zero_blocks;
};

/** struct dmreplica_report - what a check found */
struct dmreplica_report {
	bool checked_log;		/* the numbers below are filled in */
	uint64_t log_blocks;		/* blocks of the ring */
	uint64_t log_tail;
	uint64_t log_next;
	uint64_t records;
	uint64_t version_records;
	uint64_t drop_records;
	uint64_t dead_records;		/* of epochs that are dead */
	uint64_t versions;
	uint64_t slots;			/* that may be given out */
	uint64_t slots_used;
	uint64_t live_bytes;		/* written to the live failover */
	uint64_t test_bytes;		/* and to the test failover */
	uint64_t duplicates;		/* slots that two versions need */
	unsigned int damage;		/* findings of each severity */
	unsigned int refusals;
	unsigned int doubts;
	size_t nr_epochs;
	struct dmreplica_epoch_use *epochs;
	size_t nr_findings;
	struct dmreplica_finding *findings;
};

/**
 * dmreplica_store_check() - check everything about a store, changing nothing
 * @ctx: the context.
 * @store: the store.
 * @report: filled in; free it with dmreplica_report_free() in any case.
 *
 * Return: 0 if the check could be made and found no damage, 32768 if it found
 * some, 32770 for another format, 32771 if something could not be read, 32773
 * if it is no store at all.
 */
int dmreplica_store_check(struct dmreplica *ctx, struct dmreplica_store *store,
			  struct dmreplica_report *report);
void dmreplica_report_free(struct dmreplica_report *report);

/* This machine ----------------------------------------------------------- */

/** struct dmreplica_versions - versions of everything involved */
struct dmreplica_versions {
	char library[32];
	uint32_t format;
	uint32_t family;		/* of the header this was built with */
	bool module_loaded;
	char module[64];		/* version the loaded module tells, or "" */
	uint32_t module_family;		/* version of its netlink family, 0 if there is none */
};

void dmreplica_versions(struct dmreplica *ctx, struct dmreplica_versions *v);

#ifdef __cplusplus
}
#endif

#endif /* DMREPLICA_H */
