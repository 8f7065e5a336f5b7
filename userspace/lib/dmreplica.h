/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libdmreplica: all functions of replicactl, for programs.
 *
 * A program makes a context with dmreplica_new(), calls functions on it and
 * frees it.  A context belongs to one thread at a time.
 *
 * Functions that return int return a CIM code (enum dm_replica_code of
 * dm-replica.h): 0 when the request is done, 4096 when the kernel has started a
 * job, 32768 and more for a refusal.  After a refusal dmreplica_message() has the
 * reason and dmreplica_hint() the next step; both stay valid until the next call.
 * A function documents its own refusals.  Any function may also refuse with 32769 (no
 * privilege), 32778 (no memory), 32768 (netlink failed), and with the codes of the
 * kernel.
 *
 * A parameter called name or sys is a system: its name or its UUID as text, or a
 * struct dmreplica_system from dmreplica_system_find().  UUIDs are 16 bytes in the
 * order in which they are written.  Sizes are bytes, times nanoseconds since 1970
 * UTC, counts plain numbers, unless the member has another unit.  Text is UTF-8
 * and ends with a NUL.
 *
 * Lists are allocated by the library, one block each, and set in @list with their
 * length in @nr: give them to dmreplica_list_free(), also empty ones.  A refused
 * call sets NULL and 0.
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

#define DMREPLICA_VERSION	"0.1.0"

#define DMREPLICA_UUID_TEXT	37	/* bytes of a UUID as text, with its NUL */
#define DMREPLICA_NAME_MAX	64	/* sizes of names, with their NUL */
#define DMREPLICA_DISK_NAME_MAX	32
#define DMREPLICA_POINT_NAME_MAX 40
#define DMREPLICA_MAX_DISKS	64
#define DMREPLICA_MAX_POINTS	512	/* recovery points of a system */
#define DMREPLICA_MAX_PEERS	8	/* peers of a system */
#define DMREPLICA_PEER_NAME_MAX	40	/* name of a peer, with its NUL */
#define DMREPLICA_VIEWS_TEXT	400	/* names of all views of a system, with a blank behind each */
#define DMREPLICA_MAX_ADDRESSES	8	/* per network adapter */
#define DMREPLICA_MAX_GATEWAYS	5
#define DMREPLICA_MAX_DNS	8
#define DMREPLICA_HOST_AREA	8192	/* bytes: 4 for each entry, its key and its value */
#define DMREPLICA_HOST_KEY_MAX	64	/* size of a key, with its NUL */
#define DMREPLICA_IP_TEXT	52	/* bytes of an address with its prefix as text */
#define DMREPLICA_MAC_TEXT	18
#define DMREPLICA_RATE_ADAPTS	UINT64_MAX	/* the rate of a vacuum that makes way for the guest */
#define DMREPLICA_UNLIMITED	(UINT64_MAX - 1)	/* and of one without a limit */

struct dmreplica;		/* a context: connection, configuration, last refusal */
struct dmreplica_system;

/* Context ---------------------------------------------------------------- */

/**
 * dmreplica_new() - make a context
 *
 * Configuration is read from /etc/dm-replica/systems.d, or from the directory
 * that the environment variable DM_REPLICA_CONFDIR names.
 *
 * Return: the context, or NULL without memory.
 */
struct dmreplica *dmreplica_new(void);

/** dmreplica_free() - free a context.  NULL is allowed. */
void dmreplica_free(struct dmreplica *ctx);

/**
 * dmreplica_message() - reason of the last refusal
 * @ctx: the context.
 *
 * Return: one or more lines without a newline at the end; "" after a call that succeeded.
 */
const char *dmreplica_message(const struct dmreplica *ctx);

/** dmreplica_hint() - next step after the last refusal.  Return: text, "" if there is none. */
const char *dmreplica_hint(const struct dmreplica *ctx);

/**
 * dmreplica_on_progress() - set a callback for the progress of long work
 * @ctx: the context.
 * @progress: called repeatedly with the name of the work, the bytes done and the bytes in
 *	all.  Where only the kernel knows the progress, done stays 0.  NULL: no callback.
 * @arg: first argument of @progress.
 */
void dmreplica_on_progress(struct dmreplica *ctx,
			   void (*progress)(void *arg, const char *what, uint64_t done,
					    uint64_t total),
			   void *arg);

/**
 * dmreplica_on_warning() - set a callback for warnings
 * @ctx: the context.
 * @warn: called with one line of text, without a newline.  NULL: no callback.
 * @arg: first argument of @warn.
 */
void dmreplica_on_warning(struct dmreplica *ctx, void (*warn)(void *arg, const char *text),
			  void *arg);

/** dmreplica_list_free() - free a list of this library.  NULL is allowed. */
void dmreplica_list_free(void *list);

/* Names of numbers ------------------------------------------------------- */

/** dmreplica_code_name() - name of a CIM code.  Return: constant text, never NULL. */
const char *dmreplica_code_name(int code);

/** dmreplica_code_of_errno() - code of an errno.  @err: positive.  Return: a refusal. */
int dmreplica_code_of_errno(int err);

/**
 * dmreplica_exit_status() - exit status of a command for a code
 * @code: return value of a function.
 *
 * Return: 0 for 0 and 4096, code - 32767 for 32768..32779, else 1.
 */
int dmreplica_exit_status(int code);

/*
 * Names of the numbers of enum dm_replica_* of dm-replica.h, of DMR_IDENTITY_* and of
 * ProtocolIFType.  Return: constant text, "unknown" for a number without a name.
 */
const char *dmreplica_state_name(uint32_t state);
const char *dmreplica_point_kind_name(uint32_t kind);
const char *dmreplica_job_type_name(uint32_t type);
const char *dmreplica_job_state_name(uint32_t state);
const char *dmreplica_job_request_name(uint32_t request);
const char *dmreplica_identity_type_name(uint32_t type);
const char *dmreplica_health_name(uint32_t health);
/* @reason: one bit of dmreplica_system.health_reasons; named as in the specification. */
const char *dmreplica_health_reason_name(uint32_t reason);
const char *dmreplica_full_policy_name(uint32_t policy);
/* @protocol: dmreplica_adapter.protocol */
const char *dmreplica_protocol_name(uint32_t protocol);

/** dmreplica_job_ended() - has a job in this state ended, good or bad? */
bool dmreplica_job_ended(uint32_t job_state);

/** dmreplica_uuid_text() - convert a UUID to text, in lower case.  Return: @text. */
char *dmreplica_uuid_text(const uint8_t uuid[16], char text[DMREPLICA_UUID_TEXT]);

/** dmreplica_uuid_parse() - convert text to a UUID.  Return: false if @text is not a UUID. */
bool dmreplica_uuid_parse(const char *text, uint8_t uuid[16]);

/* Block devices ---------------------------------------------------------- */

/** struct dmreplica_blockdev - properties of a block device */
struct dmreplica_blockdev {
	char path[256];			/* as given */
	dev_t dev;			/* 0 for a plain file */
	bool file;			/* a plain file: an image, for check and dump only */
	bool read_only;
	bool zoned;			/* refused as home and as store */
	uint64_t bytes;			/* size */
	uint32_t logical;		/* logical block size, bytes */
	uint32_t physical;		/* physical block size, bytes */
	uint32_t identity_type;		/* DMR_IDENTITY_* of dm-replica-format.h */
	char identity[128];		/* text of that type */
};

/**
 * dmreplica_blockdev_probe() - get sizes and identity of a block device
 * @ctx: the context.
 * @path: its path.
 * @bdev: filled in.
 *
 * Return: 0; 32779 without such a device; 32773 if @path is not a block device; 32769.
 */
int dmreplica_blockdev_probe(struct dmreplica *ctx, const char *path,
			     struct dmreplica_blockdev *bdev);

/**
 * dmreplica_device_path() - make a path from a device number
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
	DMREPLICA_HOLDER_SWAP,		/* it is used as swap */
	DMREPLICA_HOLDER_DEVICE,	/* a device stacked on it (dm, md, bcache, ...) */
	DMREPLICA_HOLDER_LOOP,		/* a loop or zram device over it */
	DMREPLICA_HOLDER_FILESYSTEM,	/* a file system that is in use without a mount */
	DMREPLICA_HOLDER_TARGET,	/* exported by the kernel: LIO, nvmet */
	DMREPLICA_HOLDER_MAPPING,	/* in the memory of a process, which has closed it */
};

/** struct dmreplica_holder - one holder of a block device */
struct dmreplica_holder {
	enum dmreplica_holder_kind kind;
	dev_t dev;			/* the device that is held */
	pid_t pid;			/* of a process or mapping, else 0 */
	bool writes;			/* opened for writing */
	char command[32];		/* name of the process, "" for other kinds */
	char detail[256];		/* mount point, name of the stacked device, type, export */
};

/**
 * dmreplica_holder_list() - list the holders of devices
 * @ctx: the context.
 * @devs: device numbers.
 * @nr_devs: number of @devs.
 * @list: set to the list.
 * @nr: set to its length.
 *
 * Looks at open files and mounts of all processes that the caller may see and at sysfs and
 * configfs; without a result, at the mappings of processes.  The calling process is not
 * listed.  A holder inside the kernel that no file shows is not found.
 *
 * Return: 0 or 32778.
 */
int dmreplica_holder_list(struct dmreplica *ctx, const dev_t *devs, unsigned int nr_devs,
			  struct dmreplica_holder **list, size_t *nr);

/* Configuration files ---------------------------------------------------- */

/** struct dmreplica_conf_disk - one disk of a configuration file */
struct dmreplica_conf_disk {
	char name[DMREPLICA_DISK_NAME_MAX];
	char path[256];			/* of its home */
};

/** enum dmreplica_conf_attach - attachment of a system by the host */
enum dmreplica_conf_attach {
	DMREPLICA_CONF_ATTACH_BOOT,	/* at boot, and when its devices come later */
	DMREPLICA_CONF_ATTACH_NO,	/* by hand only */
};

/** struct dmreplica_conf - one file of /etc/dm-replica/systems.d */
struct dmreplica_conf {
	char file[512];			/* path of the file itself */
	char name[DMREPLICA_NAME_MAX];	/* of the system */
	uint8_t uuid[16];		/* of the system */
	char store[256];		/* path of the store's device */
	enum dmreplica_conf_attach attach;
	unsigned int nr_disks;
	struct dmreplica_conf_disk disks[DMREPLICA_MAX_DISKS];
};

/** dmreplica_conf_dir() - directory of the files.  Return: path, valid as long as @ctx. */
const char *dmreplica_conf_dir(const struct dmreplica *ctx);

/**
 * dmreplica_conf_line() - split a line of a configuration file
 * @line: the line; it is changed.
 * @key: set to what is in front of the first "=", or to the whole, without blanks around it.
 * @value: set to what is behind it, in the same way; NULL without a "=".
 *
 * Return: false if the line is empty or a comment ("#").
 */
bool dmreplica_conf_line(char *line, char **key, char **value);

/**
 * dmreplica_conf_list() - list all configuration files, by name
 * @ctx: the context.
 * @list: set to the list.
 * @nr: set to its length.
 *
 * A file that cannot be read, or has an error, is left out with a warning.
 *
 * Return: 0, also without a directory; or a refusal if the directory cannot be read.
 */
int dmreplica_conf_list(struct dmreplica *ctx, struct dmreplica_conf **list, size_t *nr);

/** dmreplica_conf_find() - fill in @conf from the file of one system.  Return: 0, 32779. */
int dmreplica_conf_find(struct dmreplica *ctx, const char *name, struct dmreplica_conf *conf);

/**
 * dmreplica_conf_write() - write the file of a system, all or nothing
 * @ctx: the context.
 * @conf: content; @conf->file is set to DIRECTORY/NAME.conf.
 *
 * Return: 0; 32774 while another process writes files; or a refusal if the file cannot be
 * written.
 */
int dmreplica_conf_write(struct dmreplica *ctx, struct dmreplica_conf *conf);

/* Making systems --------------------------------------------------------- */

/** struct dmreplica_create_disk - one disk of a system to be made */
struct dmreplica_create_disk {
	const char *name;
	const char *path;		/* of its home */
};

/** struct dmreplica_create - request to dmreplica_create(), and its results */
struct dmreplica_create {
	const char *name;		/* of the system */
	const char *store;		/* path of the device that becomes the store */
	const struct dmreplica_create_disk *disks;
	unsigned int nr_disks;		/* 1 to DMREPLICA_MAX_DISKS */
	uint32_t chunk_bytes;		/* power of two, 16 to 256 KiB; 0: the default, 64 KiB */
	bool has_uuid;			/* @uuid is given; else a random one is made */
	uint8_t uuid[16];		/* of the system; set in any case */
	bool force;			/* overwrite the content of the store; take devices that */
					/* another system's file names */
	bool primary;			/* the machine of the homes goes on here; see below */
	uint8_t store_uuid[16];		/* result: random */
	uint64_t slots;			/* result: number of slots in the store */
	uint64_t log_blocks;		/* result: 4 KiB blocks of its log */
	uint64_t memory;		/* result: least kernel memory while attached, bytes */
	uint64_t memory_full;		/* result: the same when all slots are in use */
};

/**
 * dmreplica_create() - make a system: format its store, write its file
 * @ctx: the context.
 * @create: the request; results are set.
 *
 * Everything is checked before anything is written; homes are never written.  A primary
 * adopts the disks of a machine: its failover devices show them, and take its writes.  It gets
 * a relationship of its own, and where its store is full it drops points, not writes.
 *
 * Return: 0; 32773 for a bad name, device or size, or a store with content; 32774 for a
 * device in use.
 */
int dmreplica_create(struct dmreplica *ctx, struct dmreplica_create *create);

#define DMREPLICA_ATTACH_TAKE_OVER	(1u << 0)	/* although another host has it active */
#define DMREPLICA_ATTACH_ACCEPT_HOMES	(1u << 1)	/* other devices, or other content */
#define DMREPLICA_ATTACH_ACCEPT_OLDER	(1u << 2)	/* although the store is an older copy */
#define DMREPLICA_ATTACH_IF_NEEDED	(1u << 3)	/* an attached system is no refusal */

/* Is the content of a home unchanged since the last detach? */
enum dmreplica_home {
	DMREPLICA_HOME_NOT_VERIFIED,	/* unknown, without a clean detach */
	DMREPLICA_HOME_VERIFIED,
	DMREPLICA_HOME_DIFFERS,		/* changed, and accepted */
};

/**
 * dmreplica_attach_home() - verdict of the last dmreplica_attach() about a home
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
 * @homes: with DMREPLICA_ATTACH_ACCEPT_HOMES the names of disks with accepted homes,
 * separated by commas; NULL: every disk, but no home that is another disk's.
 *
 * Loads the module if necessary, checks store and homes, and makes three devices for each
 * disk.  All or nothing.
 *
 * Return: 0; 32773 for a device that is another one, does not fit or has other content;
 * 32774 for a device in use; 32779 for a missing device; and the codes of every function.
 */
int dmreplica_attach(struct dmreplica *ctx, const char *name, unsigned int flags,
		     const char *homes);

/**
 * dmreplica_detach() - remove the devices of a system
 * @ctx: the context.
 * @name: name or UUID.
 * @wait_ms: longest wait for the devices to be closed, in milliseconds;
 * DMREPLICA_DETACH_WAIT_MS lets tools pass that scan all devices of the host.
 *
 * Return: 0; 32774 if one is in use; 32771 if it is detached, but a home has lost writes.
 */
int dmreplica_detach(struct dmreplica *ctx, const char *name, uint32_t wait_ms);

#define DMREPLICA_DETACH_WAIT_MS	500

/**
 * dmreplica_was_attached() - was the system attached before the last call?
 * @ctx: the context.
 *
 * Return: after a successful dmreplica_attach(), whether DMREPLICA_ATTACH_IF_NEEDED made that
 * of it; after a refused dmreplica_detach(), false if there was nothing to detach, also for a
 * system that is not known.
 */
bool dmreplica_was_attached(const struct dmreplica *ctx);

/** enum dmreplica_removal - stage of the removal of a system */
enum dmreplica_removal {
	DMREPLICA_REMOVAL_NONE,		/* no removal, or it is not decided */
	DMREPLICA_REMOVAL_DECIDED,	/* Disabled (0): all is home, the store remains */
	DMREPLICA_REMOVAL_WIPED,	/* the store is blank, the file remains */
};

/**
 * dmreplica_removal() - get the stage of the removal of a system
 * @ctx: the context.
 * @sys: the system.
 * @stage: set.
 *
 * Reads the store of a system that is not attached.
 *
 * Return: 0; 32773 if the store is not the system's; or a refusal if it cannot be read.
 */
int dmreplica_removal(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      enum dmreplica_removal *stage);

/**
 * dmreplica_removal_finish() - do user space's part of a removal
 * @ctx: the context.
 * @sys: the system.
 *
 * Removes the devices, overwrites both superblocks of the store and deletes the
 * configuration file.  May be called again until it succeeds.
 *
 * Return: 0; 32774 if a device is in use; 32775 if the removal is not decided; 32773 if
 * the store is not the system's.
 */
int dmreplica_removal_finish(struct dmreplica *ctx, const struct dmreplica_system *sys);

/** struct dmreplica_found - a store that a scan found */
struct dmreplica_found {
	struct dmreplica_conf conf;	/* file to write; a home that was not found is "" */
	dev_t dev;			/* of the store */
	uint64_t bytes;			/* size of that device */
	uint32_t state;			/* enum dm_replica_state */
	unsigned int missing;		/* homes that were not found */
	bool known;			/* a configuration file names this system */
	bool attached;			/* the kernel has it */
	bool twin;			/* another device has a store of the same system */
	bool name_taken;		/* another system has this name, or it is not a name */
	bool content;			/* it lies on the home of another store: guest content */
	bool device_taken;		/* it shares storage with another system */
	unsigned int unproved;		/* homes found only by a path, to any device */
	dev_t homes[DMREPLICA_MAX_DISKS];	/* 0: not found, or a file */
};

/**
 * dmreplica_scan() - look for stores
 * @ctx: the context.
 * @paths: devices to scan, or NULL for all block devices of the machine.
 * @nr_paths: number of @paths.
 * @list: set to the list of stores found.
 * @nr: set to its length.
 *
 * Do not trust the content of a device: a guest can write a store to its own disk that
 * names any device of the host as its home.  Without @paths, a device that is a home by a
 * file, or lies on one, is not listed, and one that is a home by another store found, or
 * lies on one, is marked @content.  Two systems that share storage are both marked
 * @device_taken.  For a system without a file, homes that only a path names, of a device or
 * of a loop device's file, are counted in @unproved.  Write no file for any of these unless
 * the user confirms that system by name.
 *
 * Return: 0, also with an empty list.
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
	bool read;			/* the members that follow are filled in */
	uint32_t state;			/* enum dm_replica_state */
	uint64_t state_number;		/* changed by operations only (R11) */
	uint64_t state_time;		/* when the state was entered */
	uint32_t flags;			/* enum dm_replica_system_flags */
	char reason[256];		/* reason for Critical, or "" */
	bool elsewhere;			/* not attached here; by its store active on another host */
	uint8_t active_host[16];	/* machine id of that host */
	uint64_t active_time;		/* when it was activated there */
	uint8_t store_uuid[16];
	char store[256];		/* path; without a file by device number */
	uint32_t store_major;		/* 0:0 if not attached and not @read */
	uint32_t store_minor;
	uint64_t store_bytes;		/* part of the store's device that is used */
	uint64_t store_device_bytes;	/* size of that device now */
	uint32_t chunk_bytes;
	uint32_t disks;			/* disks the system has */
	uint32_t disks_attached;	/* number of attached disks */
	uint32_t points;		/* recovery points */
	uint64_t slots;			/* of the store, @chunk_bytes each */
	uint64_t slots_used;
	uint64_t versions;		/* in memory, or in the log if not attached */
	uint64_t log_blocks;		/* 4 KiB blocks of the ring */
	uint64_t log_used;		/* blocks from tail to head */
	uint64_t commits;		/* log commits since activation */
	uint64_t superblocks;		/* superblocks written since activation */
	uint64_t live_point;		/* number of the point failed over to; 0: not failed over */
	uint64_t live_time;		/* when; 0: not failed over */
	uint64_t live_bytes;		/* written since, which a revert discards */
	uint64_t live_writes;		/* count of these writes (R11) */
	uint64_t test_point;		/* the same for the test failover */
	uint64_t test_time;
	uint64_t test_bytes;
	uint64_t test_writes;
	uint64_t vacuum_pending;	/* versions known to wait for the vacuum */
	uint32_t vacuum_held;		/* 1: held; 2: held as soon as its pass has ended */
	uint64_t vacuum_rate;		/* bytes per second, DMREPLICA_RATE_ADAPTS or _UNLIMITED */
	uint64_t home_bytes;		/* still to move home, while a job moves */
	uint64_t slots_reserved;	/* free slots for the live failover only */
	uint32_t health;		/* enum dm_replica_health, 0 if not known */
	uint32_t health_reasons;	/* enum dm_replica_health_reasons */
	uint64_t replicated_bytes;	/* since the last point, or the attach */
	uint64_t replicated_writes;	/* the same, in writes */
	uint64_t points_made;		/* since the store was made */
	uint64_t points_dropped;	/* the same, for any reason */
	uint64_t last_point_time;	/* 0: never */
	uint64_t last_test_time;	/* 0: never */
	uint64_t last_received_time;	/* of the last sign of replication; 0: none yet */
	uint32_t state_stored;		/* the state without Critical: the one in the store */
	uint32_t live_epoch;		/* identity of the failover, also once committed; 0: none */
	uint32_t test_epoch;		/* identity of the test failover; 0: none */
	uint32_t open_views;		/* views of recovery points that are open for reading */
	uint8_t relationship[16];	/* UUID that all copies of the machine share; zero: none yet */
	uint8_t stream[16];		/* stream that is half in or was given up (@flags); zero: none */
	uint64_t stream_base;		/* number of the point it begins at; 0: of none */
	uint64_t stream_point;		/* number of the point to come */
	uint8_t stream_generation[16];	/* of that point */
	uint64_t stream_time;		/* of that point, by the origin's clock */
	uint64_t stream_since;		/* when the stream was begun here */
	uint32_t stream_disk;		/* cursor: all of lower disks is here and durable, .. */
	uint64_t stream_offset;		/* .. and so many bytes of this one */
};

/** struct dmreplica_disk - one disk of a system; device numbers are 0:0 where there is none */
struct dmreplica_disk {
	uint8_t system[16];		/* UUID of the system */
	uint32_t number;		/* from 0, as in the table line */
	char name[DMREPLICA_DISK_NAME_MAX];
	uint8_t uuid[16];		/* of the disk */
	uint64_t bytes;			/* size */
	uint32_t home_major, home_minor;
	uint32_t replica_major, replica_minor;	/* the device that shows the head */
	uint32_t live_major, live_minor;	/* the failover device */
	uint32_t live_openers;		/* non-zero while it is in use */
	uint32_t test_major, test_minor;	/* the test failover device */
	uint32_t test_openers;		/* non-zero while it is in use */
	uint64_t live_bytes;		/* written to the failover device */
	uint64_t test_bytes;		/* written to the test failover device */
	uint64_t errors;		/* I/O errors of home and slots, since the attach or a reset */
	bool lost_writes;		/* its home has lost writes, and a device takes no more */
	bool fingerprint;		/* not attached: the store has a fingerprint of the home */
	char home[256];			/* path of home, "" if not known */
};

/** struct dmreplica_point - one recovery point */
struct dmreplica_point {
	uint8_t system[16];		/* UUID of the system */
	uint64_t number;		/* from 1, never used twice in a store */
	uint64_t time;			/* when it was made, by the clock of its origin */
	uint32_t kind;			/* enum dm_replica_point_kind */
	bool in_use;			/* a failover or a view needs it */
	char views[DMREPLICA_VIEWS_TEXT];	/* views in which it is open, a blank between two */
	char name[DMREPLICA_POINT_NAME_MAX];	/* label, may be "" */
	bool sized;			/* @bytes is known */
	uint64_t bytes;			/* held by this point only, at home or in slots */
	uint32_t generation;		/* place in dmreplica_generation_list() */
	uint64_t arrived;		/* when it was received; 0: it was made here */
	char held_by[DMREPLICA_MAX_PEERS * DMREPLICA_PEER_NAME_MAX]; /* names, by commas; R17 */
};

/** struct dmreplica_peer - a system that has copies of points, and may hold points */
struct dmreplica_peer {
	uint8_t system[16];		/* UUID of the system whose peer it is */
	uint8_t uuid[16];
	char name[DMREPLICA_PEER_NAME_MAX];
	uint64_t acked;			/* number of the newest point that it has; 0: not known */
	uint32_t points_held;		/* points that it holds */
};

/** struct dmreplica_job - one job */
struct dmreplica_job {
	uint8_t system[16];		/* UUID of the system */
	char system_name[DMREPLICA_NAME_MAX];
	uint64_t id;			/* number, unique in the system */
	uint8_t uuid[16];		/* Msvm_ConcreteJob.InstanceID */
	uint32_t type;			/* enum dm_replica_job_type */
	uint32_t state;			/* enum dm_replica_job_state */
	uint32_t percent;		/* 0 to 100 */
	uint64_t start_time;
	uint64_t elapsed;		/* ns from the start to now, or to the end */
	uint32_t code;			/* enum dm_replica_code, once it has ended */
	bool cancellable;		/* takes a request to terminate */
	char text[256];			/* what the job does, or why it failed */
	uint32_t request;		/* last enum dm_replica_job_request; 0: none */
	uint64_t bytes;			/* moved home so far */
	uint64_t bytes_total;		/* to move in all; 0: the job moves nothing */
	bool decided;			/* its operation has been answered, with @answer */
	uint32_t answer;		/* enum dm_replica_code */
	uint32_t answer_errno;		/* errno of an @answer that is a refusal, else 0 */
	uint64_t point;			/* made, used, left or dropped; 0: none */
	bool owned;			/* a process requested it: @owner_* are set */
	uint32_t owner_uid;
	uint32_t owner_login_uid;	/* login user of that process, or DMREPLICA_NO_LOGIN */
	char owner_comm[64];		/* name of the process; a process chooses its name */
	uint64_t discarded;		/* bytes discarded, 0 if not known */
	uint32_t points_dropped;	/* points dropped with it */
	uint64_t state_number;		/* of the state that it made, 0: it changed none */
	uint32_t system_state;		/* the system's state then */
	uint32_t system_was;		/* and before */
	char outcome[24];		/* as in the uevent, "" where that has none */
};

#define DMREPLICA_NO_LOGIN	(~0U)	/* not known, or no login */

/**
 * dmreplica_set_patience() - limit the wait for a device that does not answer
 * @ctx: the context.
 * @ms: longest time to wait for one device, 0 for ever.
 *
 * For a program that reads devices of several systems.  A device that does not answer in
 * time is refused with 32777; the process that tries to read it remains until it answers.
 * A suspended dm device is refused in any case, after half a second.
 */
void dmreplica_set_patience(struct dmreplica *ctx, unsigned int ms);

/**
 * dmreplica_system_list() - list all systems that are attached or have a file, by name
 * @ctx: the context.
 * @list: set to the list.
 * @nr: set to its length.
 *
 * A system that is not attached has only the members from its file (dmreplica_system.read
 * is false): dmreplica_system_read_store() fills in the rest.
 *
 * Return: 0, also with an empty list.
 */
int dmreplica_system_list(struct dmreplica *ctx, struct dmreplica_system **list, size_t *nr);

/** dmreplica_system_find() - fill in one system by name or UUID.  Return: 0; 32779. */
int dmreplica_system_find(struct dmreplica *ctx, const char *name,
			  struct dmreplica_system *sys);

/** dmreplica_system_attached() - the same.  Return: also 32777 if it is not attached. */
int dmreplica_system_attached(struct dmreplica *ctx, const char *name,
			      struct dmreplica_system *sys);

/**
 * dmreplica_system_read_store() - fill in a system that is not attached, from its store
 * @ctx: the context.
 * @sys: the system; damage of the store is not refused, but set as @sys->reason.
 *
 * Return: 0; 32773 if the store is not the system's; or a refusal if it cannot be read.
 */
int dmreplica_system_read_store(struct dmreplica *ctx, struct dmreplica_system *sys);

/** dmreplica_disk_list() - list the disks of a system, by number; attached or not. */
int dmreplica_disk_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_disk **list, size_t *nr);

/** dmreplica_point_list() - list the points of a system, oldest first; attached or not. */
int dmreplica_point_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_point **list, size_t *nr);

/**
 * dmreplica_point_list_sized() - the same, with the size of each
 * @ctx: the context.
 * @sys: the system.
 * @list: set to the list.
 * @nr: set to its length.
 *
 * The kernel walks its map for the sizes.  They are missing (dmreplica_point.sized is
 * false) for a system that is not attached, from a module without sizes, and for a caller
 * without privilege.
 *
 * Return: as dmreplica_point_list().
 */
int dmreplica_point_list_sized(struct dmreplica *ctx, const struct dmreplica_system *sys,
			       struct dmreplica_point **list, size_t *nr);

/**
 * dmreplica_point_find() - find one point of a system, by number or by label
 * @ctx: the context.
 * @sys: the system.
 * @text: number or label; a number takes precedence over a label.
 * @number: set.
 *
 * Return: 0; 32779 without such a point; 32773 if several points have that label:
 * dmreplica_message() lists them.
 */
int dmreplica_point_find(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 const char *text, uint64_t *number);

/**
 * dmreplica_job_list() - list the jobs of one system or of all, oldest first
 * @ctx: the context.
 * @sys: the system, or NULL for all.
 * @list: set to the list; the kernel keeps a job for five minutes after its end.
 * @nr: set to its length.
 *
 * Return: 0, with an empty list for a system that is not attached.
 */
int dmreplica_job_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct dmreplica_job **list, size_t *nr);

/** dmreplica_job_find() - fill in one job of a system, by number.  Return: 0; 32779. */
int dmreplica_job_find(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		       struct dmreplica_job *job);

/**
 * dmreplica_job_wait() - wait for a job to end
 * @ctx: the context.
 * @sys: its system.
 * @id: its number.
 * @timeout_ms: longest time to wait, 0 for ever.
 * @progress: called each time the job is read, including the last time; may be NULL.
 * @arg: first argument of @progress.
 * @job: set to the job as last read.
 *
 * Return: the code of the job; 32772 if it has not ended in time; 32779.
 */
int dmreplica_job_wait(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		       uint32_t timeout_ms,
		       void (*progress)(void *arg, const struct dmreplica_job *job), void *arg,
		       struct dmreplica_job *job);

/**
 * dmreplica_job_request() - suspend, resume or terminate a job
 * @ctx: the context.
 * @sys: its system.
 * @id: its number.
 * @request: enum dm_replica_job_request.
 *
 * Only jobs that move home take requests, but any job that has not begun can be
 * terminated.
 *
 * Return: 0; 32779; 32775 if the job does not take the request.
 */
int dmreplica_job_request(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
			  uint32_t request);

/* Operations ------------------------------------------------------------- */

/* dmreplica_op.given: which members are given, and requests without a member */
#define DMREPLICA_OP_POINT		(1u << 0)	/* @point; else the newest */
#define DMREPLICA_OP_KIND		(1u << 1)	/* @kind; else standard */
#define DMREPLICA_OP_LABEL		(1u << 2)	/* @label; else none */
#define DMREPLICA_OP_EXPECT_STATE	(1u << 3)	/* @expect_state: R11 */
#define DMREPLICA_OP_EXPECT_WRITES	(1u << 4)	/* @expect_writes: R11 */
#define DMREPLICA_OP_TIMEOUT		(1u << 5)	/* @timeout_ms; else 10 s */
#define DMREPLICA_OP_WAIT		(1u << 6)	/* @wait_ms; else half a second */
#define DMREPLICA_OP_FLATTEN		(1u << 7)	/* remove: drop the points, move all home */
#define DMREPLICA_OP_NO_WAIT		(1u << 8)	/* limit the wait for its turn to seconds */
#define DMREPLICA_OP_RECEIVED		(1u << 9)	/* the sender's point: all has arrived */
#define DMREPLICA_OP_DROP		(1u << 10)	/* @drop; else by the rules of retention */
#define DMREPLICA_OP_PEER		(1u << 11)	/* @peer; else none */
#define DMREPLICA_OP_VIEW		(1u << 12)	/* @view; else one with the point's number */
#define DMREPLICA_OP_ACKED		(1u << 13)	/* the peer has @point, and needs no older one */

/** struct dmreplica_op - parameters of an operation, and its answer */
struct dmreplica_op {
	unsigned int given;		/* DMREPLICA_OP_* */
	uint64_t point;			/* number of a point */
	uint32_t kind;			/* enum dm_replica_point_kind, of a point to make */
	const char *label;		/* of a point to make, DMREPLICA_POINT_NAME_MAX */
	uint64_t expect_state;		/* refuse with 32775 if the state number is another */
	uint64_t expect_writes;		/* refuse with 32775 if the count of writes is another */
	const uint64_t *drop;		/* numbers of points to drop with the one to make */
	unsigned int nr_drop;		/* length of @drop, DMREPLICA_MAX_POINTS at most; 0: none */
	const char *peer;		/* name of a peer; of a point to make, the one that holds it */
	const char *view;		/* name of a view of a point, up to 23 lower case letters */
	uint32_t timeout_ms;		/* for other operations and draining; 1 to */
					/* DM_REPLICA_TIMEOUT_MAX */
	uint32_t wait_ms;		/* for devices to be closed; 0 to the same */
	uint64_t job;			/* answer: number of its job; 0: none */
	uint64_t point_made;		/* answer: number of the point made; 0: not known */
	bool undecided;			/* answer, with DMREPLICA_OP_NO_WAIT: still in the queue */
	unsigned int nr_dropped;	/* answer: points dropped with the one made */
	uint64_t dropped[DMREPLICA_MAX_POINTS];	/* their numbers, oldest first */
};

/*
 * Each operation sends one request to the kernel and waits until it is decided, behind
 * other operations within its own time limit.  If the process exits meanwhile, or closes
 * @ctx, the kernel withdraws the request, unless DMREPLICA_OP_NO_WAIT is given.
 *
 * @op may be NULL. Return: 0; 4096 with @op->job set; if @op->undecided is set, the
 * operation is not decided yet; 32772 after the time limit; 32774 if a device is open,
 * with its holders in dmreplica_message(); 32775 in a state in which the operation is not
 * legal, see Documentation/states-and-codes.md; 32779 without such a point.
 */

/**
 * dmreplica_point_make() - make a recovery point of all disks, and drop others with it
 * @ctx: the context.
 * @sys: the system, attached.
 * @op: @op->kind, @op->label, @op->drop.
 *
 * The module makes the point and drops the others by one superblock write, but does not
 * evaluate rules: without DMREPLICA_OP_DROP this function applies the rules of the
 * settings to the present points, and the module refuses the request if the state has
 * changed since.  Then settings and points are read again.  If that fails a few times, or
 * if the clock is set meanwhile, the point is made without a drop, with a warning: the
 * next point drops the rest.  With DMREPLICA_OP_EXPECT_STATE, or while @op->undecided,
 * nothing is repeated.
 *
 * Return: as all operations; also 32773, 32774 or 32779, with nothing changed, for a
 * point in @op->drop that is named twice, that a failover runs from, or that does not
 * exist.
 */
int dmreplica_point_make(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);
/* Drop @op->point. */
int dmreplica_point_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);
/*
 * Hold @op->point for @op->peer: it is not dropped, and no commit is made, until it is released.
 * With DMREPLICA_OP_ACKED the peer has the point: its holds of older ones end with the same write.
 */
int dmreplica_point_hold(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);
/* End the hold of @op->point by @op->peer. */
int dmreplica_point_release(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    struct dmreplica_op *op);

/** dmreplica_peer_list() - list the peers of a system, by place; attached or not. */
int dmreplica_peer_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_peer **list, size_t *nr);
/** struct dmreplica_extent - blocks that were written between two recovery points */
struct dmreplica_extent {
	uint64_t offset;		/* bytes, from the beginning of the disk */
	uint64_t length;		/* at most 1 GiB */
	bool zero;			/* it reads as zeroes at the newer point */
};

/**
 * dmreplica_changes() - find what was written to a disk between two recovery points
 * @ctx: the context.
 * @sys: the system, attached.
 * @disk: number of the disk.
 * @from: number of the older point; 0: find all of the disk.
 * @to: number of the newer point.
 * @start: begin with the chunk of this byte.
 * @fn: called for each extent, by rising offset; not 0 ends the list.  It makes no other
 * call with @ctx.
 * @arg: for @fn.
 *
 * Exactly the blocks of 4 KiB written between the points are found, also those with the
 * same content as before (R16).  Nothing holds the points meanwhile: see
 * dmreplica_point_hold().
 *
 * Return: 0; 32773 if the points are in the wrong order; 32775 if a point was dropped
 * meanwhile, and the extents so far are to be forgotten; 32779 without such a point; or the
 * result of @fn.
 */
int dmreplica_changes(struct dmreplica *ctx, const struct dmreplica_system *sys, uint32_t disk,
		      uint64_t from, uint64_t to, uint64_t start,
		      int (*fn)(void *arg, const struct dmreplica_extent *extent), void *arg);

/* Check the name of a peer.  Return: NULL, or a constant text with the fault. */
const char *dmreplica_peer_name_fault(const char *name);
/* Add a peer with @op->peer as its name; @uuid NULL: a random one. */
int dmreplica_peer_add(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const uint8_t *uuid, struct dmreplica_op *op);
/* Remove @op->peer, and release all that it holds. */
int dmreplica_peer_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  struct dmreplica_op *op);

/** struct dmreplica_generation - the points from one promotion to the next */
struct dmreplica_generation {
	uint8_t uuid[16];
	uint64_t first;			/* number at which it began */
};

/**
 * dmreplica_generation_list() - list the generations of a system, by place; attached or not
 * @ctx: the context.
 * @sys: the system.
 * @list: set to the list; dmreplica_point.generation is an index of it.
 * @nr: set to its length, 1 at least.
 *
 * A point is the same on all sites if number and generation's UUID are.  A system without a
 * promotion and without a received point has one generation, which begins at 1; its UUID is
 * that of dmreplica_relationship().
 *
 * Return: 0 or a refusal.
 */
int dmreplica_generation_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			      struct dmreplica_generation **list, size_t *nr);

/**
 * dmreplica_relationship() - UUID that all copies of a machine share
 * @sys: the system.
 *
 * Return: that of the first stream received, or the system's own UUID: the others' is that
 * of the first primary.
 */
const uint8_t *dmreplica_relationship(const struct dmreplica_system *sys);

/** dmreplica_role_name() - role of a system that was read.  Return: "primary" or "replica". */
const char *dmreplica_role_name(const struct dmreplica_system *sys);

/** struct dmreplica_receive - a stream to receive: from one point of a sender to another */
struct dmreplica_receive {
	uint8_t stream[16];		/* made by the sender */
	uint8_t relationship[16];	/* the sender's dmreplica_relationship() */
	uint64_t base;			/* number of the point it begins at; 0: a full stream */
	uint8_t base_generation[16];	/* of that point; not read for a full stream */
	uint64_t point;			/* number of the point to come, as the next ones */
	uint8_t generation[16];
	uint64_t generation_first;	/* number at which that generation began */
	uint64_t time;			/* by the clock of its origin */
	uint32_t kind;			/* enum dm_replica_point_kind */
	char label[DMREPLICA_POINT_NAME_MAX];	/* may be "" */
	uint32_t cursor_disk;		/* answer: all of lower disks is here, .. */
	uint64_t cursor_offset;		/* .. and so many bytes of this one; 0, 0: nothing */
};

/**
 * dmreplica_receive_begin() - let a stream write the replica devices, or go on with one
 * @ctx: the context.
 * @sys: the system, attached.
 * @receive: the stream; the cursor is set.
 * @op: @op->timeout_ms; may be NULL.
 *
 * Open all replica devices with O_EXCL before, and keep them and @ctx until the end: the module
 * takes writes of any opener while a stream is half in and the context that has begun it, or gone
 * on with it, is there; and none before and after (R18).
 *
 * The base has to be the newest recovery point; a system without points takes a full stream
 * only.  The number of the target has to be above those of all earlier points.  A repeated
 * request for the stream that is half in, with the same points, changes nothing; the cursor is
 * the last one marked.  This stream has to cover one that was given up: both have the same
 * base, and unless they have none, the target of this one is of the same generation, with the
 * same number or a higher one.
 *
 * Return: as all operations; 32773 for a stream of another relationship, or with impossible
 * points; 32775 if the base is not the newest point, another stream is half in, the one given
 * up is not covered, the head was written since, the points were made here, or replication is
 * suspended; 32768 with as many generations as there can be.
 */
int dmreplica_receive_begin(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    struct dmreplica_receive *receive, struct dmreplica_op *op);

/**
 * dmreplica_receive_mark() - note how far a stream has arrived
 * @ctx: the context.
 * @sys: the system, attached.
 * @stream: its UUID.
 * @disk: everything on lower disks has arrived; the number of disks when all has.
 * @offset: and so many bytes of this one, a multiple of 512.
 *
 * fsync() the replica devices before: what is below the cursor is not sent again.  It is kept in
 * memory, written with the next superblock, and after a minute at the latest: a crash may
 * bring an older one back.  A cursor never goes back.
 *
 * Return: 0; 32773 for a place that does not exist, or before the present cursor; 32775 if
 * this stream is not half in.
 */
int dmreplica_receive_mark(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   const uint8_t stream[16], uint32_t disk, uint64_t offset);

/**
 * dmreplica_receive_end() - make the sender's recovery point of a stream that has arrived
 * @ctx: the context.
 * @sys: the system, attached.
 * @stream: its UUID.
 * @op: as in dmreplica_point_make(), with @op->drop and rules of retention, which count a
 * point's age from its arrival; number, kind and label are those of the begin.
 *
 * One superblock write makes the point durable and ends the stream.  The replica devices take
 * no write any more.
 *
 * Return: as dmreplica_point_make(); 32775 if this stream is not half in.
 */
int dmreplica_receive_end(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const uint8_t stream[16], struct dmreplica_op *op);

/**
 * dmreplica_receive_abort() - give up a stream that is half in
 * @ctx: the context.
 * @sys: the system, attached.
 * @stream: its UUID.
 * @op: may be NULL.
 *
 * The replica devices take no write any more.  What has arrived stays in the head, and no point
 * is touched: see dmreplica_receive_begin() about the next stream.  Of a stream that was given
 * up already nothing changes.
 *
 * Return: as all operations; 32775 if this stream is not half in.
 */
int dmreplica_receive_abort(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const uint8_t stream[16], struct dmreplica_op *op);

/**
 * dmreplica_point_open() - open a recovery point: make read-only devices that show it
 * @ctx: the context.
 * @sys: the system, attached.
 * @op: @op->point with DMREPLICA_OP_POINT; @op->view with DMREPLICA_OP_VIEW.
 *
 * The point is held: it cannot be dropped, and no failover be committed, until it is
 * closed, or the system detached.  Several points may be open at a time.  A call for a point
 * that is open makes devices that are missing.  With a view the devices have its name, in
 * place of the number, and may show another point when they were closed.
 *
 * Return: as all operations; 32769 without root; 32768 with DM_REPLICA_VIEWS_MAX open.
 */
int dmreplica_point_open(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);

/**
 * dmreplica_point_close() - remove the devices of an open recovery point, and end its hold
 * @ctx: the context.
 * @sys: the system, attached.
 * @op: @op->point with DMREPLICA_OP_POINT, or @op->view with DMREPLICA_OP_VIEW.
 *
 * Return: as all operations; 32774 while a device is in use, with its holders; 32775 if the
 * point is not open.
 */
int dmreplica_point_close(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  struct dmreplica_op *op);

/** struct dmreplica_reader - a read-only device of an open recovery point */
struct dmreplica_reader {
	char disk[DMREPLICA_DISK_NAME_MAX];
	char path[256];			/* /dev/dm-replica/NAME/DISK@NUMBER with udev's rule */
	uint32_t major;
	uint32_t minor;
	char type[32];			/* content as blkid names it, "" if not known */
	bool filesystem;		/* @type is one that can be mounted */
	char partitions[16];		/* type of its partition table, "" without one */
};

/**
 * dmreplica_point_devices() - list the devices of an open recovery point, and their content
 * @ctx: the context.
 * @sys: the system, attached.
 * @number: of the point.
 * @list: set to the devices, in the order of the disks.
 * @nr: set to their number.
 *
 * The devices are read, by libblkid.
 *
 * Return: 0 or a refusal.
 */
int dmreplica_point_devices(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    uint64_t number, struct dmreplica_reader **list, size_t *nr);

/**
 * dmreplica_view_hold() - keep a recovery point readable in a view, without devices
 * @ctx: the context.
 * @sys: the system, attached.
 * @op: @op->point with DMREPLICA_OP_POINT; @op->view with DMREPLICA_OP_VIEW.
 *
 * As dmreplica_point_open(), also for the end by dmreplica_point_close().
 *
 * Return: as all operations.
 */
int dmreplica_view_hold(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op);

/** dmreplica_view_devices() - the same as dmreplica_point_devices(), of a view by its name */
int dmreplica_view_devices(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   const char *view, struct dmreplica_reader **list, size_t *nr);

/**
 * dmreplica_stream_lock() - be the only process that does something with a system
 * @ctx: the context.
 * @sys: the system.
 * @what: send, receive or verify.
 * @fd: set to a descriptor; the lock ends when all its copies are closed.
 *
 * Return: 0; 32774 if another process is.
 */
int dmreplica_stream_lock(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const char *what, int *fd);

/**
 * dmreplica_mount_options() - options to mount a file system that takes no write
 * @type: as blkid names it.
 *
 * Return: those that keep it from replaying its log, or "ro".
 */
const char *dmreplica_mount_options(const char *type);

/* Bring the failover devices online at @op->point. */
int dmreplica_failover(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       struct dmreplica_op *op);
/* End the failover, and discard its writes. */
int dmreplica_revert(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/*
 * The same for a test failover: it has its own devices, beside replication and a live
 * failover, and its stop discards its writes.
 */
int dmreplica_test_start(struct dmreplica *ctx, const struct dmreplica_system *sys,
			 struct dmreplica_op *op);
int dmreplica_test_stop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op);

/*
 * Make the failover the machine, for good: drops all points and all replicated data from
 * after the point; the job moves everything home.
 */
int dmreplica_commit(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/* Suspend and resume replication: while suspended, the replica devices refuse writes. */
int dmreplica_suspend(struct dmreplica *ctx, const struct dmreplica_system *sys,
		      struct dmreplica_op *op);
int dmreplica_resume(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/*
 * Turn the homes into plain disks.  When its job has completed, the state is Disabled (0),
 * and dmreplica_removal_finish() does the rest.
 */
int dmreplica_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     struct dmreplica_op *op);

/* Use the space by which the store's device has grown. */
int dmreplica_grow(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   struct dmreplica_op *op);

/* Restart the move home after its job was terminated. */
int dmreplica_move_home(struct dmreplica *ctx, const struct dmreplica_system *sys,
			struct dmreplica_op *op);

/*
 * Reset counts of I/O errors, and let devices with lost writes take writes again.  Such a
 * device must not be open: @wait_ms limits the wait for its openers.
 */
int dmreplica_reset_errors(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_op *op);

/** dmreplica_heartbeat() - record that replication runs and has nothing to write. */
int dmreplica_heartbeat(struct dmreplica *ctx, const struct dmreplica_system *sys);

/**
 * dmreplica_vacuum_hold() - hold the vacuum and the one-second commit, or release them
 * @ctx: the context.
 * @sys: the system.
 * @hold: hold or release.
 *
 * Return: 0, when the pass of the vacuum has ended; 32772 if that takes more than 20 s.
 */
int dmreplica_vacuum_hold(struct dmreplica *ctx, const struct dmreplica_system *sys, bool hold);

/* Settings --------------------------------------------------------------- */

/* dmreplica_settings.given: which members to change */
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
#define DMREPLICA_SET_EXPECT_STATE	(1u << 12)	/* refuse if the state has changed */
#define DMREPLICA_SET_REPLICATION_INTERVAL (1u << 13)
#define DMREPLICA_SET_RULES \
	(DMREPLICA_SET_KEEP_LAST | DMREPLICA_SET_KEEP_WITHIN | DMREPLICA_SET_KEEP_HOURLY | \
	 DMREPLICA_SET_KEEP_DAILY | DMREPLICA_SET_KEEP_WEEKLY)

/*
 * struct dmreplica_settings - settings of a system, kept in its store
 *
 * The module does not know keep_*: they are an entry of the host area, which
 * dmreplica_point_make() goes by.
 */
struct dmreplica_settings {
	unsigned int given;		/* DMREPLICA_SET_*: members to change */
	uint64_t expect_state;		/* refuse with 32775 if the state number is another (R11) */
	uint32_t keep_last;		/* keep the newest points; 0 in keep_*: no such rule */
	uint32_t keep_hourly;		/* keep the newest point of each of so many hours, in UTC */
	uint32_t keep_daily;		/* the same for days */
	uint32_t keep_weekly;		/* the same for weeks from Monday */
	uint64_t keep_within;		/* s; keep the points not older */
	uint32_t space_low;		/* mark for a warning, in percent of the slots */
	uint32_t space_critical;	/* the same for critical, not below @space_low */
	uint32_t full_policy;		/* enum dm_replica_full_policy */
	uint64_t live_reserve;		/* bytes of slots kept for the live failover */
	uint64_t point_interval;	/* s without a point until health warns; 0: never warn */
	uint64_t decide_within;		/* s failed over until health warns; 0: never warn */
	uint64_t vacuum_rate;		/* bytes per second, 0: held, or as in the settings */
	uint64_t replication_interval;	/* s; health warns after three; 0: after a day */
	uint64_t jump_point;		/* points below were made before the clock was set.. */
	uint64_t jump_by;		/* ..by so many ns ahead; both 0: it was not; read only */
};

/**
 * dmreplica_settings_get() - get the settings of a system, attached or not
 * @ctx: the context.
 * @sys: the system.
 * @settings: filled in.
 *
 * Return: 0; 32770 from a module without settings; 32776 if the host area has something else
 * in the place of the rules: then all but keep_* is filled in, and the message has the fault.
 */
int dmreplica_settings_get(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_settings *settings);

/**
 * dmreplica_settings_set() - change settings of a system
 * @ctx: the context.
 * @sys: the system, attached.
 * @settings: the members in @settings->given are changed, the others stay.
 *
 * The rules, keep_*, are changed together, by one superblock write, and so are the others, which
 * go first.  Rules that another program changes meanwhile are kept: they are read again then.
 *
 * Return: 0; 32773 or 32776 for a value out of range; 32775 for another state number; 32776 as
 * dmreplica_settings_get() where not all rules are given.  The message names it if the
 * others are changed and the rules are not.
 */
int dmreplica_settings_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   const struct dmreplica_settings *settings);

/**
 * dmreplica_settings_drop() - list the recovery points that the next one would drop
 * @ctx: the context.
 * @sys: the system, attached.
 * @settings: its settings.
 * @list: set to these points, oldest first.
 * @nr: set to their number.
 *
 * Allows for a step of the clock that the module has noticed.
 *
 * Return: as dmreplica_point_list().
 */
int dmreplica_settings_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const struct dmreplica_settings *settings,
			    struct dmreplica_point **list, size_t *nr);

/* Host area -------------------------------------------------------------- */

/** struct dmreplica_host_entry - an entry of the host area */
struct dmreplica_host_entry {
	uint8_t system[16];		/* UUID of the system */
	char key[DMREPLICA_HOST_KEY_MAX];	/* 1 to 63 of printable ASCII without blanks */
	size_t bytes;			/* of the value, at least 1 */
	uint8_t value[DMREPLICA_HOST_AREA + 1];	/* a NUL follows, which is not counted */
};

/** dmreplica_host_area_key_fault() - check a key.  Return: NULL, or the fault as text. */
const char *dmreplica_host_area_key_fault(const char *key);

/**
 * dmreplica_host_area_list() - list the host area of a system
 * @ctx: the context.
 * @sys: the system, attached or not.
 * @list: set to the list, by key.
 * @nr: set to its length.
 *
 * Return: 0; 32770 from a module without a host area.
 */
int dmreplica_host_area_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			     struct dmreplica_host_entry **list, size_t *nr);

/**
 * dmreplica_host_area_find() - get the value of a key
 * @ctx: the context.
 * @sys: the system, attached or not.
 * @key: the key.
 * @entry: filled in.
 *
 * Return: 0; 32779 for a key without a value; 32770 from a module without a host area.
 */
int dmreplica_host_area_find(struct dmreplica *ctx, const struct dmreplica_system *sys,
			     const char *key, struct dmreplica_host_entry *entry);

/**
 * dmreplica_host_area_set() - set the value of a key, new or not
 * @ctx: the context.
 * @sys: the system, attached.
 * @key: the key.
 * @value: any bytes.
 * @bytes: their number.
 * @expect: the state number that the system must have; NULL: any.
 *
 * Return: 0; 32768 without room for it; 32773 for an impossible key or without a value;
 * 32775 if the state number is another.
 */
int dmreplica_host_area_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const char *key, const void *value, size_t bytes,
			    const uint64_t *expect);

/**
 * dmreplica_host_area_remove() - remove a key with its value
 * @ctx: the context.
 * @sys: the system, attached.
 * @key: the key.
 * @expect: as above.
 *
 * Return: 0; 32773 for an impossible key; 32775; 32779 for a key without a value.
 */
int dmreplica_host_area_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
			       const char *key, const uint64_t *expect);

/**
 * dmreplica_host_area_clear() - remove all keys with a given beginning, at once
 * @ctx: the context.
 * @sys: the system, attached.
 * @prefix: the beginning; NULL: all keys.
 * @expect: as above.
 *
 * Return: 0, also if there are none; 32773 for an impossible key; 32775.
 */
int dmreplica_host_area_clear(struct dmreplica *ctx, const struct dmreplica_system *sys,
			      const char *prefix, const uint64_t *expect);

/* Files of points --------------------------------------------------------- */

#define DMREPLICA_POINT_FILES_KEY "points/files"	/* in the host area: digest of the index */
#define DMREPLICA_POINT_FILE_DIGEST 65	/* bytes of a SHA-256 as text, with its NUL */

/** struct dmreplica_point_file - a file that belongs to a recovery point, a line of the index */
struct dmreplica_point_file {
	uint64_t point;			/* 0: a revert puts it back */
	char name[64];			/* letters, digits and -._ without a dot in front */
	char digest[DMREPLICA_POINT_FILE_DIGEST];
	uint64_t bytes;
};

/** dmreplica_point_file_parse() - read a line of an index.  Return: false if it is none. */
bool dmreplica_point_file_parse(const char *line, struct dmreplica_point_file *file);

/** dmreplica_point_files_dir() - the directory of a store's files of points, made or not */
void dmreplica_point_files_dir(const struct dmreplica *ctx, const struct dmreplica_system *sys,
			       char *path, size_t size);

/** dmreplica_seed_path() - path of the seed that a failover's guest has, made or not */
void dmreplica_seed_path(const struct dmreplica *ctx, const struct dmreplica_system *sys,
			 char *path, size_t size);

/**
 * dmreplica_point_files_sweep() - remove files that no recovery point needs
 * @ctx: the context; its message and code are cleared.
 * @sys: the system, attached.
 *
 * What makes and drops points does it: point_make(), point_drop(), commit().  A failure, or
 * another process that changes the files, leaves them to the next sweep.
 */
void dmreplica_point_files_sweep(struct dmreplica *ctx, const struct dmreplica_system *sys);

/* Network adapters ------------------------------------------------------- */

/** struct dmreplica_ip - an address, with the length of its prefix if it has one */
struct dmreplica_ip {
	uint8_t family;			/* 4 or 6 */
	uint8_t prefix;			/* length in bits; 0: no prefix */
	uint8_t bytes[16];		/* network byte order; IPv4 takes the first four */
};

/*
 * struct dmreplica_adapter - settings of a network adapter of the guest after a failover
 *
 * An entry of the host area: its key is "adapter/" and the hardware address, its value
 * JSON as described in Documentation/netlink.md.
 */
struct dmreplica_adapter {
	uint8_t system[16];		/* UUID of the system */
	uint8_t mac[6];			/* identifies the adapter */
	bool dhcp;			/* IPv4 comes by DHCP */
	uint32_t protocol;		/* ProtocolIFType, computed from the rest; not set */
	unsigned int nr_addresses;
	unsigned int nr_gateways;
	unsigned int nr_dns;
	struct dmreplica_ip addresses[DMREPLICA_MAX_ADDRESSES];
	struct dmreplica_ip gateways[DMREPLICA_MAX_GATEWAYS];
	struct dmreplica_ip dns[DMREPLICA_MAX_DNS];
};

/**
 * dmreplica_ip_parse() - parse an IPv4 or IPv6 address
 * @text: as 192.0.2.5 or 2001:db8::5; with a prefix 192.0.2.5/24,
 *	192.0.2.5/255.255.255.0 or 2001:db8::5/64.
 * @prefix: true if a prefix must follow the address, false if none may.
 * @ip: filled in.
 *
 * Return: NULL, or the fault: constant text that continues a sentence begun with @text.
 */
const char *dmreplica_ip_parse(const char *text, bool prefix, struct dmreplica_ip *ip);

/** dmreplica_ip_text() - convert an address to text, with or without @prefix.  Return: @text. */
char *dmreplica_ip_text(const struct dmreplica_ip *ip, bool prefix, char text[DMREPLICA_IP_TEXT]);

/** dmreplica_mac_parse() - parse 52:54:00:12:34:56, or with '-'.  Return: false if malformed. */
bool dmreplica_mac_parse(const char *text, uint8_t mac[6]);

/** dmreplica_mac_text() - convert a hardware address to text.  Return: @text. */
char *dmreplica_mac_text(const uint8_t mac[6], char text[DMREPLICA_MAC_TEXT]);

/**
 * dmreplica_adapter_list() - list the settings of the network adapters of a system
 * @ctx: the context.
 * @sys: the system, attached or not.
 * @list: set to the list, by hardware address.
 * @nr: set to its length.
 *
 * Return: 0; 32770 from a module without a host area; 32776 for an entry that does not
 * have the form of an adapter's settings; the message names the entry and its fault.
 */
int dmreplica_adapter_list(struct dmreplica *ctx, const struct dmreplica_system *sys,
			   struct dmreplica_adapter **list, size_t *nr);

/** dmreplica_adapter_fault() - check an adapter's settings.  Return: NULL, or the fault as text. */
const char *dmreplica_adapter_fault(const struct dmreplica_adapter *adapter);

/**
 * dmreplica_adapter_set() - replace the settings of one adapter
 * @ctx: the context.
 * @sys: the system, attached.
 * @adapter: the settings; @adapter->mac identifies the adapter.
 *
 * Return: 0; 32768 without room in the host area; 32773 with the text of
 * dmreplica_adapter_fault().
 */
int dmreplica_adapter_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
			  const struct dmreplica_adapter *adapter);

/**
 * dmreplica_adapter_clear() - remove the settings of one adapter or of all
 * @ctx: the context.
 * @sys: the system, attached.
 * @mac: the adapter's hardware address, six bytes; NULL: all adapters.
 *
 * Return: 0; 32779 for an adapter without settings.
 */
int dmreplica_adapter_clear(struct dmreplica *ctx, const struct dmreplica_system *sys,
			    const uint8_t *mac);

/* Events ----------------------------------------------------------------- */

struct dmreplica_monitor;

/** enum dmreplica_event_type - types of events */
enum dmreplica_event_type {
	DMREPLICA_EVENT_SYSTEM,		/* present state of a system */
	DMREPLICA_EVENT_JOB,		/* present state of a job */
	DMREPLICA_EVENT_LOST,		/* events were lost: all systems and jobs follow */
	DMREPLICA_EVENT_CURRENT,	/* end of the list of all systems and jobs */
	DMREPLICA_EVENT_DETACHED,	/* a system was detached: only its name and UUID are set */
	DMREPLICA_EVENT_UNLOADED,	/* the module is not loaded: no system is attached */
	DMREPLICA_EVENT_LOADED,		/* the module was loaded: all systems and jobs follow */
};

/** struct dmreplica_event - one event */
struct dmreplica_event {
	enum dmreplica_event_type type;
	struct dmreplica_system system;	/* of DMREPLICA_EVENT_SYSTEM and _DETACHED */
	struct dmreplica_job job;	/* of DMREPLICA_EVENT_JOB */
};

/**
 * dmreplica_monitor_open() - listen to the kernel's events
 * @ctx: the context; must outlive the monitor.
 * @mon: set to the monitor.
 *
 * First come all systems and jobs in their present state, then a DMREPLICA_EVENT_CURRENT,
 * then changes.  Without the module a DMREPLICA_EVENT_UNLOADED comes first.  The monitor
 * stays open when the module is unloaded and loaded again.
 *
 * Return: 0; 32769 without CAP_SYS_ADMIN; 32777 in a network namespace without events.
 */
int dmreplica_monitor_open(struct dmreplica *ctx, struct dmreplica_monitor **mon);

/**
 * dmreplica_monitor_fd() - get a descriptor to poll for reading
 * @mon: the monitor.
 *
 * Poll only after dmreplica_monitor_next() with timeout 0 has returned 32772: it queues
 * events.
 *
 * Return: the descriptor, which belongs to the monitor.
 */
int dmreplica_monitor_fd(const struct dmreplica_monitor *mon);

/**
 * dmreplica_monitor_next() - get the next event
 * @mon: the monitor.
 * @event: filled in.
 * @timeout_ms: longest time to wait, -1 for ever.
 *
 * Return: 0; 32772 if no event came in time.
 */
int dmreplica_monitor_next(struct dmreplica_monitor *mon, struct dmreplica_event *event,
			   int timeout_ms);

/** dmreplica_monitor_close() - stop listening.  NULL is allowed. */
void dmreplica_monitor_close(struct dmreplica_monitor *mon);

/* Stores, without the module --------------------------------------------- */

struct dmreplica_store;		/* an open store */
struct dmr_sb;			/* kmod/store/superblock.h: a superblock in host form */
struct dmr_record;		/* kmod/store/logblock.h: a log record in host form */

/** struct dmreplica_copy - one of the two superblocks */
struct dmreplica_copy {
	bool readable;			/* its bytes were read */
	bool valid;			/* its bytes are a superblock */
	int verdict;			/* enum dmr_verdict of kmod/store/superblock.h */
	const char *reason;		/* fault if it is not valid, else NULL */
	const struct dmr_sb *sb;	/* content; NULL if not valid */
};

/**
 * dmreplica_store_open() - open a store for reading
 * @ctx: the context.
 * @path: block device or image.
 * @store: set; NULL after a refusal.
 *
 * Reads both superblocks; a store with damaged superblocks can be opened.
 *
 * Return: 0; as dmreplica_blockdev_probe(); 32777 after dmreplica_set_patience().
 */
int dmreplica_store_open(struct dmreplica *ctx, const char *path,
			 struct dmreplica_store **store);
/** dmreplica_store_close() - close a store.  NULL is allowed. */
void dmreplica_store_close(struct dmreplica_store *store);

/* Path and device of a store.  Return: valid until the store is closed. */
const char *dmreplica_store_path(const struct dmreplica_store *store);
const struct dmreplica_blockdev *dmreplica_store_device(const struct dmreplica_store *store);

/** dmreplica_store_copy() - superblock A (0) or B (1).  Return: NULL for another @copy. */
const struct dmreplica_copy *dmreplica_store_copy(const struct dmreplica_store *store,
						  unsigned int copy);

/**
 * dmreplica_store_super() - get the superblock in force
 * @ctx: the context.
 * @store: the store.
 * @sb: set.
 *
 * Return: 0; 32773 if it is not a store; 32770 for another format; 32771 if it cannot be
 * read; 32768 if it is damaged.
 */
int dmreplica_store_super(struct dmreplica *ctx, struct dmreplica_store *store,
			  const struct dmr_sb **sb);

/**
 * dmreplica_store_replay() - call a function for every record of the log, oldest first
 * @ctx: the context.
 * @store: the store.
 * @record: called with each record and the number of its log block; may be NULL.
 * @arg: first argument of @record.
 * @next: set to the number of the next log block; may be NULL.
 *
 * Return: 0; as dmreplica_store_super(), with the damage in dmreplica_message().
 */
int dmreplica_store_replay(struct dmreplica *ctx, struct dmreplica_store *store,
			   void (*record)(void *arg, const struct dmr_record *rec,
					  uint64_t number),
			   void *arg, uint64_t *next);

/** enum dmreplica_severity - severities of findings */
enum dmreplica_severity {
	DMREPLICA_NOTE,			/* not a fault */
	DMREPLICA_DOUBT,		/* repaired by the next attach, or odd */
	DMREPLICA_REFUSED,		/* attach refuses, though the store is good */
	DMREPLICA_DAMAGE,		/* data is lost, or cannot be read */
};

/** struct dmreplica_finding - one line of a check's result */
struct dmreplica_finding {
	enum dmreplica_severity severity;
	uint64_t block;			/* 4 KiB block of the store, ~0 if none */
	uint64_t log_number;		/* log block number, 0 if none */
	char text[240];			/* one line */
};

/** struct dmreplica_epoch_use - share of one epoch in the map */
struct dmreplica_epoch_use {
	uint32_t epoch;
	const char *role;		/* "main", "live", "test", "dead" */
	uint64_t versions;
	uint64_t slots;
	uint64_t data_blocks;		/* 4 KiB blocks with data */
	uint64_t zero_blocks;		/* 4 KiB blocks that read as zeroes */
};

/** struct dmreplica_report - result of a check */
struct dmreplica_report {
	bool checked_log;		/* the numbers below are filled in */
	uint64_t log_blocks;		/* 4 KiB blocks of the ring */
	uint64_t log_tail;		/* first log number that replay needs */
	uint64_t log_next;		/* number of the next log block */
	uint64_t records;		/* number of records in the log */
	uint64_t version_records;	/* number of version records */
	uint64_t drop_records;		/* number of drops */
	uint64_t dead_records;		/* number of records of dead epochs */
	uint64_t versions;		/* number of versions in the map after replay */
	uint64_t slots;			/* number of usable slots */
	uint64_t slots_used;
	uint64_t live_bytes;		/* written to the live failover */
	uint64_t test_bytes;		/* written to the test failover */
	uint64_t duplicates;		/* number of slots that two versions need */
	unsigned int damage;		/* number of findings that are damage */
	unsigned int refusals;		/* number of findings for which attach refuses */
	unsigned int doubts;		/* number of findings that are doubts */
	size_t nr_epochs;
	struct dmreplica_epoch_use *epochs;
	size_t nr_findings;
	struct dmreplica_finding *findings;
};

/**
 * dmreplica_store_check() - check a store as a whole, changing nothing
 * @ctx: the context.
 * @store: the store.
 * @report: filled in; free it with dmreplica_report_free() in any case.
 *
 * Return: 0 without damage; 32768 with damage; 32770 for another format; 32771 after a
 * read error; 32773 if it is not a store.
 */
int dmreplica_store_check(struct dmreplica *ctx, struct dmreplica_store *store,
			  struct dmreplica_report *report);

/** dmreplica_report_free() - free the lists of a report. */
void dmreplica_report_free(struct dmreplica_report *report);

/* This machine ----------------------------------------------------------- */

/**
 * dmreplica_hook_event() - the event at which a file in a directory of hooks is run
 * @name: name of the file, without a directory.
 * @why: set to why a file of this name is never run, in words that follow "is not run: "; NULL
 * for one that is passed over without a word, as a description or a remnant of dpkg.
 *
 * Return: constant text, "all" for each event, or NULL.
 */
const char *dmreplica_hook_event(const char *name, const char **why);

/** struct dmreplica_versions - versions of library, format, netlink family and module */
struct dmreplica_versions {
	char library[32];		/* DMREPLICA_VERSION */
	uint32_t format;		/* of the store, DMR_SB_VERSION */
	uint32_t family;		/* DM_REPLICA_FAMILY_VERSION of the library */
	bool module_loaded;
	char module[64];		/* version that the loaded module reports, or "" */
	uint32_t module_family;		/* version of its netlink family, 0 if it has none */
};

/** enum dmreplica_doctor - what dmreplica_doctor() looks at */
enum dmreplica_doctor {
	DMREPLICA_DOCTOR_FILES,		/* files of systems can be read */
	DMREPLICA_DOCTOR_MODULE,	/* the module is the one installed, and fits the library */
	DMREPLICA_DOCTOR_LVM_FILTER,	/* LVM does not look into guests' disks */
	DMREPLICA_DOCTOR_MD_ARRAYS,	/* md does not assemble the arrays of guests */
	DMREPLICA_DOCTOR_UDEV_RULE,	/* the rule is there, and was applied */
	DMREPLICA_DOCTOR_BOOT,		/* systemd attaches the systems at boot */
	DMREPLICA_DOCTOR_HOOKS,		/* rights of the directories of hooks */
	DMREPLICA_DOCTOR_HOME_IN_USE,	/* LVM or md has activated content of a home */
	DMREPLICA_DOCTOR_HOME_IDENTITY,	/* homes can be distinguished from other devices */
	DMREPLICA_DOCTOR_SPACE,		/* stores have room */
	DMREPLICA_DOCTOR_LIBVIRT_HOOK,	/* libvirt asks before it starts a guest */
	DMREPLICA_DOCTOR_SHARED,	/* no two systems have storage in common */
	DMREPLICA_DOCTOR_CHECKS
};

/** struct dmreplica_remedy - something that is to be mended, and how */
struct dmreplica_remedy {
	enum dmreplica_doctor check;
	bool note;			/* worth knowing, not a fault */
	char system[DMREPLICA_NAME_MAX];	/* "" for the host */
	char text[512];			/* one sentence */
	char command[512];		/* what mends it */
};

/** dmreplica_doctor_name() - name of a check.  Return: constant text. */
const char *dmreplica_doctor_name(enum dmreplica_doctor check);

/**
 * dmreplica_doctor() - look at this host as a whole, changing nothing
 * @ctx: the context.
 * @list: set to all that was found, by check; empty if all is well.
 * @nr: set to its length.
 *
 * Reads files, sysfs, the superblocks of stores and the configuration of LVM; what the caller
 * has no privilege for is a note.  Set a patience before, so that no device delays it.
 *
 * Return: 0, or a refusal if the systems cannot be listed.
 */
int dmreplica_doctor(struct dmreplica *ctx, struct dmreplica_remedy **list, size_t *nr);

/** dmreplica_versions() - get all versions; unknown ones are 0 or "". */
void dmreplica_versions(struct dmreplica *ctx, struct dmreplica_versions *v);

#ifdef __cplusplus
}
#endif

#endif /* DMREPLICA_H */
