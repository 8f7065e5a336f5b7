/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the sources of libdmreplica. */
#ifndef DMREPLICA_PRIVATE_H
#define DMREPLICA_PRIVATE_H

#include <stdarg.h>
#include <stdio.h>

#include "dmreplica.h"
#include "../../uapi/dm-replica.h"
#include <store/logblock.h>
#include <store/replay.h>

#define DMRL_PRINTF(f, a)	__attribute__((format(printf, f, a)))

struct nl_sock;
struct nlattr;

/* A growing list: items of @size bytes, one block that the caller frees. */
struct dmrl_list {
	void *items;
	size_t nr;
	size_t room;
	size_t size;
};

struct dmreplica {
	int code;
	int err;			/* errno of a refusal by the kernel, positive, else 0 */
	char message[4096];
	char hint[1024];
	char conf_dir[400];
	char run_dir[408];
	char state_dir[408];
	uint8_t homes[DMREPLICA_MAX_DISKS];	/* enum dmreplica_home of the last attach */
	bool was_attached;		/* before the last attach or detach */
	struct dmrl_list taken;		/* devices that files name, cached: taken.c */
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
	void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *progress_arg;
	struct nl_sock *sock;		/* NULL until the family has been found */
	bool absent;			/* the family was not found: the module is not loaded */
	int family;
	uint32_t family_version;
	int group_systems;		/* multicast groups of the family */
	int group_jobs;
	char dm_log[512];		/* last error that libdevmapper logged */
	unsigned int patience_ms;	/* longest wait for a device; 0: no limit */
	bool unanswered;		/* the last device probed did not answer */
	int apart;			/* in the other process of dmrl_apart(): its socket, else 0 */
	bool test_files;		/* accept plain files as devices: tests only */
};

/* context.c: the result of a call */
void dmrl_clear(struct dmreplica *ctx);
int dmrl_fail(struct dmreplica *ctx, int code, const char *fmt, ...) DMRL_PRINTF(3, 4);
int dmrl_fail_errno(struct dmreplica *ctx, int err, const char *fmt, ...) DMRL_PRINTF(3, 4);
int dmrl_no_memory(struct dmreplica *ctx);
/* Return: the code of the refusal. */
int dmrl_hint(struct dmreplica *ctx, const char *fmt, ...) DMRL_PRINTF(2, 3);

/* Of a device that has to be written to; with its path. */
#define DMRL_HINT_WRITABLE \
	"make it writable: blockdev --setrw %s, of a logical volume lvchange -p rw"
int dmrl_append(struct dmreplica *ctx, const char *fmt, ...) DMRL_PRINTF(2, 3);
void dmrl_progress(struct dmreplica *ctx, const char *what, u64 done, u64 total);
void dmrl_warn(struct dmreplica *ctx, const char *fmt, ...) DMRL_PRINTF(2, 3);

/* Return: a zeroed new item, or NULL. */
void *dmrl_list_add(struct dmrl_list *list);
/*
 * End a list: return its items, sorted if @compare is not NULL, and set @nr to their number.
 * With a refusal in @code free them instead, return NULL and set 0.
 */
void *dmrl_list_end(struct dmrl_list *list, int code,
		    int (*compare)(const void *a, const void *b), size_t *nr);

/* apart.c */
typedef int (*dmrl_apart_fn)(struct dmreplica *ctx, void *arg);

int dmrl_apart(struct dmreplica *ctx, bool limited, dmrl_apart_fn fn, void *arg, bool *hung);
void dmrl_apart_step(struct dmreplica *ctx);

/* taken.c */
bool dmrl_names_device(const char *path, const struct dmreplica_blockdev *bdev);
int dmrl_taken_check(struct dmreplica *ctx, const char *name,
		     const struct dmreplica_blockdev *const *devices, unsigned int nr,
		     bool remnants);
void dmrl_taken_forget(struct dmreplica *ctx);

/* conf-parse.c */
#define DMRL_CONF_SUFFIX	".conf"
#define DMRL_CONF_FAULT		256

int dmrl_conf_parse(const char *file, struct dmreplica_conf *conf, char fault[DMRL_CONF_FAULT]);

/* conf.c: a file is written before the change that it describes, and put in its place after it */
struct dmrl_conf_draft {
	char file[512];
	char temp[600];
	int lock;
};

int dmrl_conf_begin(struct dmreplica *ctx, struct dmreplica_conf *conf,
		    struct dmrl_conf_draft *draft);
int dmrl_conf_end(struct dmreplica *ctx, struct dmrl_conf_draft *draft, bool keep);

/* lock.c */
int dmrl_lock(struct dmreplica *ctx, const char *file, const char *busy, int *fd);
int dmrl_lock_system(struct dmreplica *ctx, const u8 *uuid, const char *name, int *fd);
void dmrl_unlock(int fd);

/* code.c */
int dmrl_code_of_local_errno(int err);

/* name.c */
const char *dmrl_system_name_fault(const char *name);
const char *dmrl_disk_name_fault(const char *name);
/* Name of a dm device: NAME-DISK, NAME-DISK-replica, NAME-DISK-test. */
bool dmrl_unit_escape(const char *text, char *out, size_t size);
int dmrl_device_name(char *out, size_t size, const char *system, const char *disk,
		     const char *kind);
int dmrl_device_uuid(char *out, size_t size, const u8 *uuid, const char *disk,
		     const char *kind);

/* conf.c: files of systems */
/* Refuse a name or UUID that neither a file nor an attached system has. */
int dmrl_unknown(struct dmreplica *ctx, const char *name);
/* May there be a file of this name? */
bool dmrl_conf_maybe(const struct dmreplica *ctx, const char *name);
/* Read the file with this name only; without a message about a bad one. */
bool dmrl_conf_named(struct dmreplica *ctx, const char *name, struct dmreplica_conf *conf);
/* Find the file of the system with this UUID, first that of @name.  Return: 0, 32779. */
int dmrl_conf_of(struct dmreplica *ctx, const char *name, const u8 *uuid,
		 struct dmreplica_conf *conf);

/* root.c: paths of the host, or of a test's tree */
const char *dmrl_root(void);
char *dmrl_root_path(char *out, size_t size, const char *fmt, ...) DMRL_PRINTF(3, 4);
bool dmrl_root_device(const char *path, dev_t *dev);

/* program.c */
const char *dmrl_program_find(const char *name, char *path, size_t size);
int dmrl_program_run(char *const argv[], char *out, size_t size);

/* blockdev.c */
int dmrl_sysfs_read(const char *path, char *buf, size_t size);
int dmrl_sysfs_read_dev(dev_t dev, const char *attr, char *buf, size_t size);
bool dmrl_is_device(const char *path, u32 maj, u32 min);

/* mount.c */
struct dmrl_mount {
	dev_t dev;
	char *where;		/* mount point */
	char *type;		/* of the file system; NULL without one */
	char *source;		/* a device, or any text; NULL without one */
};

bool dmrl_mount_parse(char *line, struct dmrl_mount *mount);
void dmrl_unescape(char *text);
bool dmrl_path_may_hang(const char *path);
bool dmrl_path_device(const char *path, dev_t *dev);

/* identity.c */
void dmrl_identity_set(struct dmreplica_blockdev *bdev, u32 type, const char *text);
bool dmrl_same_identity(const struct dmreplica_blockdev *bdev, u32 type, const char *identity);

/* answering.c */
int dmrl_device_answers(struct dmreplica *ctx, const char *path, dev_t dev);
int dmrl_unanswered(struct dmreplica *ctx, const char *path);

/* reader.c: reads that another process does, which may hang in place of this one */
#define DMRL_READER_BYTES	(1024 * 1024)

struct dmrl_reader {
	int fd;
	int sock;			/* to the other process; -1: there is none */
	pid_t child;
	unsigned int patience_ms;
	bool hung;
	void *buf;			/* aligned for direct I/O */
};

int dmrl_reader_open(struct dmreplica *ctx, struct dmrl_reader *rd, int fd,
		     unsigned int patience_ms);
ssize_t dmrl_reader_read(struct dmrl_reader *rd, size_t bytes, u64 offset);
void dmrl_reader_close(struct dmrl_reader *rd);

/* relative.c: partitions of a disk, or the disk that a partition is part of. */
int dmrl_relatives(struct dmreplica *ctx, const dev_t *devs, unsigned int nr, dev_t **all,
		   unsigned int *nr_all);
bool dmrl_relatives_disk(dev_t dev, dev_t *disk);
int dmrl_relatives_below(struct dmrl_list *list, dev_t dev);
void dmrl_relatives_flush(dev_t dev);

/* place.c: the storage below a device. */
struct dmrl_place {
	struct dmrl_list devs;		/* of dev_t: the device itself, then all that it lies on */
	struct dmrl_list loops;
};

int dmrl_place_of(struct dmreplica *ctx, dev_t dev, struct dmrl_place *place);
void dmrl_place_free(struct dmrl_place *place);
bool dmrl_place_on(const struct dmrl_place *a, const struct dmrl_place *b);
bool dmrl_place_shared(const struct dmrl_place *a, const struct dmrl_place *b);

/* home.c */
enum dmrl_accept { DMRL_ACCEPT_NO, DMRL_ACCEPT_ANY, DMRL_ACCEPT_NAMED };

/* Homes that the user accepts although they are other devices, or have other content. */
struct dmrl_accepted {
	bool homes;		/* accept homes */
	const char *disks;	/* names of their disks, separated by commas; NULL: every disk */
};

enum dmrl_accept dmrl_home_accepted(const struct dmrl_accepted *accept, const char *disk);
int dmrl_home_accepted_names(struct dmreplica *ctx, const struct dmrl_accepted *accept,
			     const struct dmr_sb *sb);
int dmrl_home_check(struct dmreplica *ctx, const struct dmreplica_conf *conf,
		    const struct dmr_sb *sb, unsigned int number,
		    const struct dmrl_accepted *accepted, struct dmreplica_blockdev *home);
int dmrl_verdict_store(struct dmreplica *ctx, const struct dmreplica_store *store,
		       const struct dmr_sb *sb, const struct dmreplica_conf *conf);
int dmrl_verdict_host(struct dmreplica *ctx, const struct dmr_sb *sb);
int dmrl_verdict_homes_differ(struct dmreplica *ctx, const struct dmr_sb *sb,
			      const struct dmreplica_blockdev *homes, unsigned int number);
int dmrl_verdict_places(struct dmreplica *ctx, const struct dmreplica_blockdev *store,
			const struct dmreplica_blockdev *homes, unsigned int nr);
int dmrl_verdict_taken(struct dmreplica *ctx, const char *name,
		       const struct dmreplica_store *store,
		       const struct dmreplica_blockdev *homes, unsigned int nr);

/* fingerprint.c */
int dmrl_fingerprint_check(struct dmreplica *ctx, const struct dmr_sb *sb, unsigned int number,
			   const struct dmreplica_blockdev *home,
			   const struct dmrl_accepted *accepted, enum dmreplica_home *verdict);

/* seen.c */
struct dmreplica_store;
int dmrl_seen_check(struct dmreplica *ctx, const struct dmreplica_store *store);
void dmrl_seen_record(struct dmreplica *ctx, const struct dmr_sb *sb, u64 seq);
void dmrl_seen_forget(const struct dmreplica *ctx, const u8 *uuid);

void dmrl_point_files_forget(struct dmreplica *ctx, const struct dmreplica_system *sys);

/*
 * holder.c: append to the message the holders of these devices, of their partitions and of
 * the disks that they are partitions of.  Return: number of holders named.
 */
size_t dmrl_append_holders(struct dmreplica *ctx, const dev_t *devs, unsigned int nr,
			   bool writers_only);

/* holder-kernel.c: holders that neither a process nor a mount shows */
struct dmrl_holders {
	const dev_t *devs;
	unsigned int nr_devs;
	struct dmrl_list list;
	bool no_memory;
};

bool dmrl_holder_wanted(const struct dmrl_holders *h, dev_t dev);
struct dmreplica_holder *dmrl_holder_add(struct dmrl_holders *h, dev_t dev,
					 enum dmreplica_holder_kind kind);
void dmrl_holders_stacked(struct dmrl_holders *h);
void dmrl_holders_filesystems(struct dmrl_holders *h);
void dmrl_holders_targets(struct dmrl_holders *h);

/* store.c */
struct dmreplica_store {
	int fd;
	struct dmreplica_blockdev bdev;
	struct dmrl_reader device;
	struct dmr_reader reader;
	void *raw[DMR_SB_COPIES];
	struct dmr_sb *sb[DMR_SB_COPIES];
	struct dmreplica_copy copy[DMR_SB_COPIES];
	bool chosen;
	struct dmr_sb *super;
	struct dmr_damage damage;	/* of the last refusal; no reason if there was none */
	struct dmreplica *progress;	/* gets the progress while the log is read, else NULL */
	u64 read;			/* bytes of the log read so far */
	u64 to_read;			/* bytes of the whole log */
};

/* Open a store and get the superblock in force; a refusal closes the store. */
int dmrl_store_open_super(struct dmreplica *ctx, const char *path, struct dmreplica_store **store,
			  const struct dmr_sb **sb);
int dmrl_store_open_flags(struct dmreplica *ctx, const char *path, int flags,
			  struct dmreplica_store **store);
/* Turn an errno of replay into a refusal. */
int dmrl_replay_refusal(struct dmreplica *ctx, const char *path, int err,
			const struct dmr_damage *dmg);
u32 dmrl_shown_state(const struct dmr_sb *sb);
/* Which of a disk's devices wrote what its home has lost? */
const char *dmrl_loser(const struct dmr_disk_info *disk);

/* record.c */
int dmrl_record_homes(struct dmreplica *ctx, struct dmreplica_store *store,
		      const struct dmreplica_blockdev *homes,
		      const struct dmrl_accepted *accepted, u64 *seq);

/* foreign.c */
int dmrl_foreign_check(struct dmreplica *ctx, const struct dmreplica_store *store);

/* host.c */
bool dmrl_host_id(u8 id[16]);
bool dmrl_boot_id(u8 id[16]);
bool dmrl_boot_other(const struct dmr_sb *sb);
u64 dmrl_now(void);
/* Offset of the clock that can be set from the one that cannot, ns. */
s64 dmrl_clock_offset(void);
/* Monotonic time, for limits. */
u64 dmrl_now_ms(void);

/* module.c */
int dmrl_module_need(struct dmreplica *ctx);
void dmrl_append_kernel_log(struct dmreplica *ctx, u64 since_ns);
u64 dmrl_kernel_log_now(void);

/* devmapper.c */
struct dmrl_dm_device {
	char name[128];
	char uuid[132];
	u32 major;
	u32 minor;
};

int dmrl_dm_list(struct dmreplica *ctx, const u8 *uuid, struct dmrl_dm_device **list,
		 size_t *nr);
int dmrl_dm_create(struct dmreplica *ctx, const char *name, const char *uuid, u64 sectors,
		   const char *target, const char *params, u32 *cookie, dev_t *dev, int *err);
int dmrl_dm_remove(struct dmreplica *ctx, const char *name, u32 *cookie, int *err);
int dmrl_dm_uuid(struct dmreplica *ctx, const char *name, char *uuid, size_t size);
int dmrl_dm_open_count(struct dmreplica *ctx, const char *name, int *count, bool *table, int *err);
bool dmrl_dm_has_target(struct dmreplica *ctx, const char *target, char *version,
			size_t size);
void dmrl_dm_settle(struct dmreplica *ctx, u32 *cookie);
bool dmrl_dm_udev_dead(bool found);
void dmrl_dm_begin(struct dmreplica *ctx);
bool dmrl_dm_volume_group(const char *name, char *vg, size_t size);

/* operation.c: @op may be NULL */
struct nl_msg;
typedef bool (*dmrl_put_fn)(struct nl_msg *msg, const void *arg);
/* With @put, which adds attributes, and returns true without room for them; it may be NULL. */
int dmrl_operate_with(struct dmreplica *ctx, int cmd, const struct dmreplica_system *sys,
		      dmrl_put_fn put, const void *arg, struct dmreplica_op *op);
int dmrl_operate(struct dmreplica *ctx, int cmd, const struct dmreplica_system *sys,
		 struct dmreplica_op *op);

/* receive.c */
void dmrl_receive_stored(struct dmreplica_system *sys, const struct dmr_replication *repl);
bool dmrl_put_stream(struct nl_msg *msg, const void *stream);

/* host-json.c */
struct json_object;

struct dmrl_fault {
	char text[160];
};

/* Return: false. */
bool dmrl_wrong(struct dmrl_fault *fault, const char *fmt, ...) DMRL_PRINTF(2, 3);
struct json_object *dmrl_json_parse(const char *text, size_t bytes, struct dmrl_fault *fault);
bool dmrl_json_members(struct json_object *obj, const char *const *names, unsigned int nr,
		       struct json_object **members, struct dmrl_fault *fault);
bool dmrl_json_plain(struct json_object *obj, const char *text, size_t bytes,
		     struct dmrl_fault *fault);

/* rules.c: keep_* of the settings; set needs one of them in @set->given */
int dmrl_rules_get(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   struct dmreplica_settings *set);
int dmrl_rules_check(struct dmreplica *ctx, const struct dmreplica_system *sys,
		     const struct dmreplica_settings *set);
int dmrl_rules_set(struct dmreplica *ctx, const struct dmreplica_system *sys,
		   const struct dmreplica_settings *set);

/* settings.c */
int dmrl_settings_drop(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const struct dmreplica_settings *settings, u64 now,
		       struct dmreplica_point **list, size_t *nr);

/* netlink.c */
struct nl_msg;
struct nlattr;
struct nlmsghdr;

typedef int (*dmrl_reply_fn)(void *arg, int cmd, struct nlattr **attrs);

/* Return: 0; 32777 if the module is not loaded, or not visible in this network namespace. */
int dmrl_nl_connect(struct dmreplica *ctx);
void dmrl_nl_close(struct dmreplica *ctx);
/* Is the module loaded?  Return: 0 with @present set, or a refusal if that is not known. */
int dmrl_nl_present(struct dmreplica *ctx, bool *present);
/* Is the module invisible in this network namespace?  True with a refusal. */
bool dmrl_nl_elsewhere(struct dmreplica *ctx);
struct nl_msg *dmrl_nl_message(struct dmreplica *ctx, int cmd, int flags);
/* A request about one system, with @attr for its UUID. */
struct nl_msg *dmrl_nl_message_of(struct dmreplica *ctx, int cmd, int attr, const u8 *uuid);
/* Send and free @msg; call @fn for every reply. */
int dmrl_nl_call(struct dmreplica *ctx, struct nl_msg *msg, dmrl_reply_fn fn, void *arg);

/* Take the attributes of a message as they are.  Return: 0 or a refusal. */
typedef int (*dmrl_raw_fn)(void *arg, struct nlattr *attrs, int len);
/* Send and free @msg, a dump; call @fn for every message.  It is not started again. */
int dmrl_nl_dump_raw(struct dmreplica *ctx, struct nl_msg *msg, dmrl_raw_fn fn, void *arg);

/* Fill a zeroed item of a list from a reply. */
typedef void (*dmrl_item_fn)(struct dmreplica *ctx, void *item, struct nlattr **attrs);

/*
 * Add an item for each reply to a dump of @cmd; start again after an interruption.  The
 * dump is of one system, with @attr for its UUID, unless @uuid is NULL; with @flag unless
 * that is 0.
 */
int dmrl_nl_dump(struct dmreplica *ctx, int cmd, int attr, const u8 *uuid, int flag,
		 dmrl_item_fn fn, struct dmrl_list *list);
#define DMRL_NL_ATTRS	64

/**
 * struct dmrl_listing - how to list one kind of object of a system
 * @size: of an object in the list.
 * @cmd: the module's dump of these objects.
 * @attr: the dump's attribute for the UUID of the system.
 * @item: fills an object from a reply.
 * @stored: adds the objects that a superblock has; -1 if memory is short.
 * @compare: the order of the list; NULL: as they come.
 */
struct dmrl_listing {
	size_t size;
	int cmd;
	int attr;
	dmrl_item_fn item;
	int (*stored)(const struct dmreplica_system *sys, const struct dmr_sb *sb,
		      struct dmrl_list *list);
	int (*compare)(const void *a, const void *b);
};

/*
 * system.c: list the objects of a system, from the module if it is attached, else from its
 * store.  Return: the list, with *@code 0, or NULL.
 */
void *dmrl_listing_get(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const struct dmrl_listing *listing, int flag, size_t *nr, int *code);

void dmrl_nl_string(struct nlattr *attr, char *out, size_t size);
void dmrl_nl_uuid(struct nlattr *attr, u8 *uuid);
u32 dmrl_nl_u32(struct nlattr *attr);
u64 dmrl_nl_u64(struct nlattr *attr);

/* system.c, job.c: from a message's attributes */
void dmrl_system_parse(struct dmreplica_system *sys, struct nlattr **attrs);
void dmrl_job_parse(struct dmreplica_job *job, struct nlattr **attrs);
/*
 * Wait until an operation with the answer 4096 and a job in state New or Starting is
 * decided; if @undecided is not NULL, wait for DMRL_TURN_MS at most, and then set it.
 * Return: the operation's code.
 */
#define DMRL_TURN_MS	5000
int dmrl_job_decided(struct dmreplica *ctx, const u8 *uuid, u64 id, u64 *point,
		     bool *undecided);
/* Send and free @msg, whose operation has no job behind its decision; wait as above. */
int dmrl_call_plain(struct dmreplica *ctx, struct nl_msg *msg, const u8 *uuid, int code_attr,
		    int job_attr);
int dmrl_system_dump(struct dmreplica *ctx, struct dmrl_list *list);
/* List the jobs of one system, or of all if @uuid is NULL. */
int dmrl_job_dump(struct dmreplica *ctx, const u8 *uuid, struct dmrl_list *list);

#endif /* DMREPLICA_PRIVATE_H */
