/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the commands of replicactl-domain. */
#ifndef REPLICACTL_DOMAIN_H
#define REPLICACTL_DOMAIN_H

#include <limits.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/tree.h>

#include "../replicactl/replicactl.h"

#define DOMAIN_PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define DOMAIN_HOOK	"/etc/libvirt/hooks/qemu.d/50-dm-replica"

/**
 * struct host - what a command works with
 * @dmr: the context of libdmreplica.
 * @conn: the connection to libvirt, NULL until host_open().
 * @message: reason of the last refusal, one line.
 * @hint: next step after it, or "".
 */
struct host {
	struct dmreplica *dmr;
	virConnectPtr conn;
	char message[2048];
	char hint[1024];
};

/*
 * host.c.  Functions that return int return a CIM code, as those of libdmreplica; a
 * refusal has set @message and @hint.
 */
int host_refuse(struct host *h, int code, const char *fmt, ...) DOMAIN_PRINTF(3, 4);
/* The same, with the reason that libdmreplica, or libvirt, has for it. */
int host_refuse_dmr(struct host *h, int code);
int host_refuse_libvirt(struct host *h, const char *fmt, ...) DOMAIN_PRINTF(2, 3);
/* Return: @code. */
int host_hint(struct host *h, int code, const char *fmt, ...) DOMAIN_PRINTF(3, 4);
int host_open(struct host *h);
/* Close, and print a refusal.  Return: the exit status. */
int host_end(struct host *h, int code);
/* A system that must be attached, or need not be. */
int host_system(struct host *h, const char *name, bool attached, struct dmreplica_system *sys);
/* Replace what is no printable text, for a message on one line.  Return: @text. */
char *host_plain(char *text);
/* Milliseconds of the monotonic clock; a pause; a limit, which tests set by a variable. */
uint64_t host_now_ms(void);
void host_sleep_ms(uint32_t ms);
uint32_t host_limit_ms(const char *name, uint32_t ms);
/* Find the one system behind the options. */
bool host_one_system(struct host *h, int argc, char **argv, bool attached,
		     struct dmreplica_system *sys, int *status);
/* The same for a command with --json alone, and a system that need not be attached. */
bool host_json_system(struct host *h, int argc, char **argv, bool *json,
		      struct dmreplica_system *sys, int *status);

/* xml.c: no DTD, no entities but the five of XML, 4 MiB, 256 levels */
struct xml_fault {
	char text[240];
};

xmlDocPtr xml_parse(const char *text, size_t bytes, struct xml_fault *fault);
xmlDocPtr xml_parse_root(const char *text, size_t bytes, const char *root,
			 struct xml_fault *fault);
char *xml_read(int fd, size_t *bytes, struct xml_fault *fault);
xmlDocPtr xml_load(const char *path, struct xml_fault *fault);
xmlDocPtr xml_load_any(const char *path, struct xml_fault *fault);
char *xml_text(xmlDocPtr doc);
xmlNodePtr xml_child(xmlNodePtr node, const char *name);
xmlNodePtr xml_next(xmlNodePtr node, const char *name);
/* The child under that path of names, as "os/nvram"; NULL if there is none. */
xmlNodePtr xml_below(xmlNodePtr node, const char *path);
/* Copy an attribute.  Return: false, and "", without it or if it does not fit. */
bool xml_get(xmlNodePtr node, const char *name, char *value, size_t size);
bool xml_is(xmlNodePtr node, const char *name, const char *value);
void xml_set(xmlNodePtr node, const char *name, const char *value);
void xml_unset(xmlNodePtr node, const char *name);
bool xml_content(xmlNodePtr node, char *value, size_t size);
/* Remove a node with the blanks in front of it. */
void xml_drop(xmlNodePtr node);
/* Add an element as the last one, on a line of its own. */
xmlNodePtr xml_add(xmlNodePtr parent, const char *name, const char *content);

/* metadata.c */
#define METADATA_URI	"urn:dm-replica:domain:1"
#define METADATA_KEY	"dmr"

enum metadata_view { METADATA_LIVE, METADATA_TEST, METADATA_REPLICA };

/**
 * struct metadata - the element of dm-replica in a domain's metadata
 * @present: there is one.
 * @wrong: it does not have the form that it must have; the rest is not set.
 * @uuid: UUID of the system.
 * @name: its name, for people.
 * @view: the devices that the domain is meant for.
 * @failover: the live_epoch, or test_epoch, with which it was started last; 0: none.
 */
struct metadata {
	bool present;
	bool wrong;
	uint8_t uuid[16];
	char name[DMREPLICA_NAME_MAX];
	enum metadata_view view;
	uint64_t failover;
};

void metadata_of_system(struct metadata *m, const struct dmreplica_system *sys,
			enum metadata_view view);
/* From a domain's root element. */
void metadata_read(xmlNodePtr domain, struct metadata *m);
void metadata_write(xmlNodePtr domain, const struct metadata *m);
/* Find the domain of a system.  Return: 0; 32779 with a message. */
int metadata_find(struct host *h, const struct dmreplica_system *sys, enum metadata_view view,
		  virDomainPtr *dom);
/* The same; *@dom is NULL if there is none. */
int metadata_look(struct host *h, const struct dmreplica_system *sys, enum metadata_view view,
		  virDomainPtr *dom);
int metadata_of_domain(struct host *h, virDomainPtr dom, unsigned int flags, struct metadata *m);

/* device.c: block devices by number; under $DM_REPLICA_TEST_ROOT in tests */
enum device_kind {
	DEVICE_OTHER,
	DEVICE_LIVE,
	DEVICE_TEST,
	DEVICE_REPLICA,
	DEVICE_BELOW,		/* home or store of a system, or what shares storage with one */
	DEVICE_UNATTACHED,	/* a path of a system whose devices are not there */
};

/**
 * struct device - what lies behind a path
 * @kind: see there.
 * @dev: its number; 0: the path is no block device.
 * @has_uuid: @uuid is set.
 * @uuid: of the system, for our own devices.
 * @name: of the system, where only that is known.
 * @disk: name of the disk, "" for a store.
 */
struct device {
	enum device_kind kind;
	dev_t dev;
	bool has_uuid;
	uint8_t uuid[16];
	char name[DMREPLICA_NAME_MAX];
	char disk[DMREPLICA_DISK_NAME_MAX];
};

/* The known systems, whose homes and stores are looked for. */
struct device_files {
	struct dmreplica_conf *list;
	size_t nr;
};

bool device_number(const char *path, dev_t *dev);
bool device_sysfs(char *out, size_t size, const char *fmt, ...) DOMAIN_PRINTF(3, 4);
void device_identify(const char *path, const struct device_files *files, struct device *d);
/* The stable path of a system's live or test device. */
void device_link(char *path, size_t size, const char *system, const char *disk, bool test);
/* What to put before a path of the host: "", but in tests. */
const char *device_root(void);

/* disk.c: the disks of a domain */
/*
 * Call @fn for each path of a block device or file that a domain's devices name; @own: a disk
 * is that itself, and does not only lie on it, or copy to it.
 */
typedef int (*disk_path_fn)(void *arg, const char *path, bool own);
int disk_paths(xmlNodePtr domain, disk_path_fn fn, void *arg);
/* The path of the device that a disk has now; "" without one. */
bool disk_source(xmlNodePtr disk, char *path, size_t size);

/* import.c */
struct import {
	const struct dmreplica_system *sys;
	const struct dmreplica_disk *disks;
	size_t nr_disks;
	const char *const *map;		/* TARGET=DISK */
	unsigned int nr_map;
	const char *const *leave;	/* targets of disks that stay as they are */
	unsigned int nr_leave;
	bool genid;			/* add a generation ID */
};

/* The options --disk and --leave, and what they have given. */
#define IMPORT_OPTIONS	{ "disk", required_argument, NULL, 'd' }, { "leave", required_argument, NULL, 'l' }
struct import_maps {
	const char *map[DMREPLICA_MAX_DISKS];
	const char *leave[DMREPLICA_MAX_DISKS];
};

bool import_option(int c, struct import *in, struct import_maps *maps, int *status);
void import_set_source(xmlNodePtr disk, const struct import *in, const struct dmreplica_disk *to);
int import_check_present(struct host *h, const struct dmreplica_system *sys, xmlNodePtr domain);
int import_transform(struct host *h, const struct import *in, xmlDocPtr doc);
void import_fresh_uuid(char text[DMREPLICA_UUID_TEXT]);

/* run.c */
int run_xml(struct host *h, virDomainPtr dom, unsigned int flags, xmlDocPtr *doc);
enum run_held { RUN_HOLDS_NONE, RUN_HOLDS_SOME, RUN_HOLDS_ALL };
int run_holds(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys,
	      enum metadata_view view, enum run_held *held);
int run_doc_holds(struct host *h, xmlDocPtr doc, const struct dmreplica_system *sys,
		  enum metadata_view view, enum run_held *held);
int run_renew(struct host *h, virDomainPtr *dom, const struct dmreplica_system *sys);
int run_state(struct host *h, virDomainPtr dom, int *state, int *reason);
int run_stop(struct host *h, virDomainPtr dom, uint32_t wait_ms, bool force);

/* file.c */
struct stat;
bool file_write_all(int fd, const void *data, size_t bytes);
bool file_replace(int dir, const char *fresh, const char *name, const void *data, size_t bytes,
		  const struct stat *owner);
bool file_put(int dir, const char *name, const void *data, size_t bytes);

/* tpm.c */
#define TPM_FILES	6		/* of the state of one */
#define TPM_BYTES	(4u << 20)

bool tpm_is_emulated(xmlNodePtr domain);
bool tpm_is_state(const char *name);
int tpm_open(const char *uuid, const char *file, bool make);
int tpm_each(const char *uuid, int (*fn)(void *arg, int dir, const char *name), void *arg);
bool tpm_put(const char *uuid, const char *name, const char *data, size_t bytes);
bool tpm_mark_test(const char *uuid, const struct dmreplica_system *sys);
void tpm_remove_tests(const struct dmreplica_system *sys);

/* kept.c: files that belong to points */
enum kept_state {
	KEPT_NONE,		/* nothing was ever kept */
	KEPT_GOOD,
	KEPT_MISSING,		/* there is no index here */
	KEPT_DIFFERENT,		/* there is another */
};

/**
 * struct kept - what is kept with the points of a system
 * @h: the host.
 * @sys: the system.
 * @path: directory.
 * @dir: descriptor of it, -1 if it is not there; locked.
 * @files: of its files.
 * @state: of the index.
 * @nr: lines of the index.
 * @list: the index: which point has which file; point 0 is what a revert puts back.
 */
struct kept {
	struct host *h;
	const struct dmreplica_system *sys;
	char path[PATH_MAX];
	int dir, files;
	enum kept_state state;
	struct dmreplica_point_file *list;
	size_t nr;
};

char *kept_read(int fd, size_t most, size_t *bytes);
int kept_source(int at, const char *path, size_t most, const char **why);
int kept_open(struct kept *k, struct host *h, const struct dmreplica_system *sys, bool change);
void kept_close(struct kept *k);
const char *kept_fault(const struct kept *k);
/* A file of a point, or the first of @point with @name NULL. */
const struct dmreplica_point_file *kept_find(const struct kept *k, uint64_t point,
					     const char *name);
bool kept_load(const struct kept *k, const struct dmreplica_point_file *file, char **data,
	       const char **why);
int kept_line(struct kept *k, const struct dmreplica_point_file *file);
int kept_mark(struct kept *k, const char *name, uint64_t value);
int kept_add(struct kept *k, uint64_t point, const char *name, const void *data, size_t bytes);
int kept_add_file(struct kept *k, uint64_t point, const char *name, int fd, size_t most);
void kept_drop(struct kept *k, uint64_t point);
int kept_commit(struct kept *k);

/* place.c: definition, NVRAM and TPM, to be kept and put in place */
struct place_file {
	char name[64];
	char *data;
	size_t bytes;
};

struct place_test {
	xmlDocPtr doc;
	char *nvram;
	size_t nvram_bytes;
	struct place_file tpm[TPM_FILES];
	unsigned int nr_tpm;
};

int place_keep_xml(struct kept *k, uint64_t point, xmlDocPtr doc);
int place_keep_state(struct kept *k, uint64_t point, xmlNodePtr domain);
int place_keep_files(struct kept *k, uint64_t point, const char *nvram, const char *tpm);
int place_failed_over(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom,
		      bool *left);
void place_leave(struct host *h, const struct dmreplica_system *sys, bool leave);
int place_reverted(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom);
int place_test(struct host *h, const struct dmreplica_system *sys, struct place_test *t);
void place_test_free(struct place_test *t);

/* keep.c */
struct keep_from {
	const char *xml, *nvram, *tpm;
	bool quiet;		/* print nothing but warnings, and those as errors */
};

int keep_point(struct host *h, struct import *in, uint64_t point, const struct keep_from *from);

/* freezer.c */
#define FREEZER_BEGIN_MS	15000	/* longest time until it asks the agent to freeze */
#define FREEZER_AGENT_MS	10000	/* longest time for the agent's answer */

/* agent.c */
struct json_object *agent_ask(struct host *h, virDomainPtr dom, const char *command,
			      struct json_object *arguments);
int agent_wait(struct host *h, virDomainPtr dom, uint32_t ms);
int agent_run(struct host *h, virDomainPtr dom, const char *program, const char *options,
	      const char *input, uint32_t ms, int *status);

/* guest-network.c */
char *guest_network_program(const struct dmreplica_adapter *a, bool windows, bool check);

/* nocloud.c */
bool nocloud_is_drive(struct host *h, const struct dmreplica_system *sys, xmlNodePtr disk);
bool nocloud_drop(struct host *h, const struct dmreplica_system *sys, xmlNodePtr domain);
int nocloud_add(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom,
		const struct dmreplica_adapter *list, size_t nr);
int nocloud_remove(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom);

/* memory.c */
int memory_refuse(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys);
int memory_remove(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys);
int memory_json(struct host *h, virDomainPtr dom, struct json_object *array);

int cmd_import(struct dmreplica *dmr, int argc, char **argv);
int cmd_domain_check(struct dmreplica *dmr, int argc, char **argv);
int cmd_show(struct dmreplica *dmr, int argc, char **argv);
int cmd_start(struct dmreplica *dmr, int argc, char **argv);
int cmd_stop(struct dmreplica *dmr, int argc, char **argv);
int cmd_domain_resume(struct dmreplica *dmr, int argc, char **argv);
int cmd_autostart(struct dmreplica *dmr, int argc, char **argv);
int cmd_failed_over(struct dmreplica *dmr, int argc, char **argv);
int cmd_reverted(struct dmreplica *dmr, int argc, char **argv);
int cmd_keep(struct dmreplica *dmr, int argc, char **argv);
int cmd_addresses(struct dmreplica *dmr, int argc, char **argv);
int cmd_domain_point(struct dmreplica *dmr, int argc, char **argv);
int cmd_freezer(struct dmreplica *dmr, int argc, char **argv);
int cmd_kept(struct dmreplica *dmr, int argc, char **argv);
int cmd_memory_list(struct dmreplica *dmr, int argc, char **argv);
int cmd_memory_remove(struct dmreplica *dmr, int argc, char **argv);
int cmd_domain_test_start(struct dmreplica *dmr, int argc, char **argv);
int cmd_test_ended(struct dmreplica *dmr, int argc, char **argv);
int cmd_domain_test_stop(struct dmreplica *dmr, int argc, char **argv);
int cmd_hook(struct dmreplica *dmr, int argc, char **argv);

#endif /* REPLICACTL_DOMAIN_H */
