/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the commands of replicactl. */
#ifndef REPLICACTL_H
#define REPLICACTL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include <dmreplica.h>
#include "../../uapi/dm-replica.h"

#define EXIT_USAGE	64
#define EXIT_UNKNOWN	3	/* of a Nagios plugin that has no result */

#define PATIENCE_MS	1000	/* longest wait for one device when showing several systems */
#define READ_PATIENCE_MS 10000	/* the same for any other command */

struct option;

/** struct command - one command of the tool */
struct command {
	const char *name;		/* one or two words */
	int (*run)(struct dmreplica *ctx, int argc, char **argv);
	const char *usage;		/* arguments behind the name */
	const char *summary;		/* one line */
	const char *help;		/* options and more, may be NULL */
};

/** struct program - replicactl or replicactl-domain */
struct program {
	const char *name;		/* as the user types it, before a command */
	const char *summary;		/* one line */
	const char *page;		/* of the manual */
	const char *plugin;		/* the command that is a plugin of Nagios, may be NULL */
	const char *plugin_link;	/* the name of a link that runs it */
};

extern const struct command *current_command;

/*
 * command.c.  A command's argv[0] is its name. next_option() is getopt_long() with --help and
 * our error messages.  It returns -1 at the end, and '?' if the command must end with
 * *@status.
 */
int run_command(int argc, char **argv);
int next_option(int argc, char **argv, const char *shorts, const struct option *longs,
		int *status);
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Print a refusal with its code, name and hint.  Return: the exit status. */
int refused_because(int code, const char *message, const char *hint);
int refused(struct dmreplica *ctx, int code);

/* options.c: both return false if the command ends with *@status */
struct op_options {
	struct dmreplica_op op;		/* options for the library */
	const char *point;		/* --point, not resolved yet; NULL without it */
	bool yes;
	bool no_wait;
	bool stop_guest;		/* switch off the guest that has the devices */
	bool without_libvirt;		/* go on without replicactl-domain */
	bool state_given;		/* --expect-state, --expect-writes */
	bool writes_given;
};

/* @letters: the options of options.c that the command takes. */
bool parse_op_options(int argc, char **argv, const char *letters, struct op_options *o,
		      int *status);
bool parse_json_option(int argc, char **argv, bool *json, int *status);
/* The same, and one system behind it, attached or not. */
bool parse_one_system(struct dmreplica *ctx, int argc, char **argv, struct dmreplica_system *sys,
		      bool *json, int *status);

/* commands.c */
extern const struct program program;
extern const struct command commands[];
extern const unsigned int nr_commands;

/* parse.c: false if the text is not such a value */
bool parse_number(const char *text, uint64_t *number);
bool parse_size(const char *text, uint64_t *bytes);
bool parse_rate(const char *text, uint64_t *rate);
bool parse_seconds(const char *text, uint32_t *ms);
bool parse_span(const char *text, uint64_t *seconds);
bool parse_percent(const char *text, uint32_t *percent);
bool parse_count(const char *text, uint32_t most, uint32_t *count);
bool parse_point(const char *text);
/* The same, up to the kernel's limit; prints the error. */
bool parse_wait(const char *option, const char *text, uint32_t *ms, int *status);
/* Find a point of a list by its number.  Return: the point, or NULL. */
const struct dmreplica_point *point_in(const struct dmreplica_point *list, size_t nr,
				       uint64_t number);
/* Find a point by number or label; NULL: the newest one, 0 without any.  Return: a code. */
int find_point(struct dmreplica *ctx, const struct dmreplica_system *sys, const char *text,
	       uint64_t *number);

/* answer.c: shared by commands that change something */
bool confirm(bool yes, const char *question, int *status);
int expect_shown(const struct dmreplica_system *sys, uint64_t writes, struct op_options *o);
void print_answer(int code, const struct dmreplica_op *op);
void print_state(struct dmreplica *ctx, const struct dmreplica_system *sys);
void print_waiting(const struct dmreplica_op *op);
bool print_undecided(const struct dmreplica_system *sys, int code, const struct dmreplica_op *op);
bool vacuum_rests(struct dmreplica *ctx, const struct dmreplica_system *sys);
int follow_job(struct dmreplica *ctx, const struct dmreplica_system *sys, int code,
	       const struct dmreplica_op *op, bool wait);
int plain_operation(struct dmreplica *ctx, const char *name, struct op_options *o,
		    int (*run)(struct dmreplica *ctx, const struct dmreplica_system *sys,
			       struct dmreplica_op *op));

/* guest.c */
struct guest {
	const struct dmreplica_system *sys;
	bool test;			/* the test domain */
	uint64_t ms;			/* time that remains for libvirt */
	char kept[4096];		/* what libvirt keeps of the guest, a line for each */
};

bool guest_begin(struct guest *guest, const struct dmreplica_system *sys, bool test,
		 const struct op_options *o, int *status);
void guest_print(const struct guest *guest);
bool guest_stop(struct guest *guest, int *status);
void guest_end(const struct dmreplica *ctx, const struct guest *guest, const struct op_options *o);
void guest_failed_over(const struct dmreplica_system *sys, const struct op_options *o);

int cmd_domain(struct dmreplica *ctx, int argc, char **argv);
int cmd_create(struct dmreplica *ctx, int argc, char **argv);
int cmd_attach(struct dmreplica *ctx, int argc, char **argv);
int cmd_detach(struct dmreplica *ctx, int argc, char **argv);
int cmd_scan(struct dmreplica *ctx, int argc, char **argv);
int cmd_list(struct dmreplica *ctx, int argc, char **argv);
int cmd_status(struct dmreplica *ctx, int argc, char **argv);
int cmd_point_create(struct dmreplica *ctx, int argc, char **argv);
int cmd_point_list(struct dmreplica *ctx, int argc, char **argv);
int cmd_point_open(struct dmreplica *ctx, int argc, char **argv);
int cmd_point_close(struct dmreplica *ctx, int argc, char **argv);
int cmd_point_drop(struct dmreplica *ctx, int argc, char **argv);
int cmd_point_hold(struct dmreplica *ctx, int argc, char **argv);
int cmd_point_release(struct dmreplica *ctx, int argc, char **argv);
int cmd_changes(struct dmreplica *ctx, int argc, char **argv);
int cmd_peer_list(struct dmreplica *ctx, int argc, char **argv);
int cmd_peer_add(struct dmreplica *ctx, int argc, char **argv);
int cmd_peer_remove(struct dmreplica *ctx, int argc, char **argv);
int cmd_failover(struct dmreplica *ctx, int argc, char **argv);
int cmd_revert(struct dmreplica *ctx, int argc, char **argv);
int cmd_commit(struct dmreplica *ctx, int argc, char **argv);
int cmd_move_home(struct dmreplica *ctx, int argc, char **argv);
int cmd_test_start(struct dmreplica *ctx, int argc, char **argv);
int cmd_test_stop(struct dmreplica *ctx, int argc, char **argv);
int cmd_suspend(struct dmreplica *ctx, int argc, char **argv);
int cmd_resume(struct dmreplica *ctx, int argc, char **argv);
int cmd_remove(struct dmreplica *ctx, int argc, char **argv);
int cmd_settings(struct dmreplica *ctx, int argc, char **argv);
int cmd_network_list(struct dmreplica *ctx, int argc, char **argv);
int cmd_network_set(struct dmreplica *ctx, int argc, char **argv);
int cmd_network_clear(struct dmreplica *ctx, int argc, char **argv);
int cmd_host_list(struct dmreplica *ctx, int argc, char **argv);
int cmd_host_get(struct dmreplica *ctx, int argc, char **argv);
int cmd_host_set(struct dmreplica *ctx, int argc, char **argv);
int cmd_host_remove(struct dmreplica *ctx, int argc, char **argv);
int cmd_grow(struct dmreplica *ctx, int argc, char **argv);
int cmd_reset_errors(struct dmreplica *ctx, int argc, char **argv);
int cmd_job_list(struct dmreplica *ctx, int argc, char **argv);
int cmd_job_show(struct dmreplica *ctx, int argc, char **argv);
int cmd_job_wait(struct dmreplica *ctx, int argc, char **argv);
int cmd_job_cancel(struct dmreplica *ctx, int argc, char **argv);
int cmd_job_pause(struct dmreplica *ctx, int argc, char **argv);
int cmd_job_resume(struct dmreplica *ctx, int argc, char **argv);
int cmd_monitor(struct dmreplica *ctx, int argc, char **argv);
int cmd_check_health(struct dmreplica *ctx, int argc, char **argv);
int cmd_doctor(struct dmreplica *ctx, int argc, char **argv);
int cmd_metrics(struct dmreplica *ctx, int argc, char **argv);
int cmd_check(struct dmreplica *ctx, int argc, char **argv);
int cmd_dump(struct dmreplica *ctx, int argc, char **argv);
int cmd_send(struct dmreplica *ctx, int argc, char **argv);
int cmd_receive(struct dmreplica *ctx, int argc, char **argv);
int cmd_replicate(struct dmreplica *ctx, int argc, char **argv);
int cmd_verify(struct dmreplica *ctx, int argc, char **argv);
int cmd_stream_info(struct dmreplica *ctx, int argc, char **argv);
int cmd_heartbeat(struct dmreplica *ctx, int argc, char **argv);
int cmd_vacuum(struct dmreplica *ctx, int argc, char **argv);
int cmd_version(struct dmreplica *ctx, int argc, char **argv);

/* host-file.c */
struct stat;
/* Directory of files that go with the boot. */
const char *run_dir(void);
/* Can another user than root, or this one, write a file?  Return: NULL, or the fault. */
const char *owner_fault(const struct stat *st);

/* text.c: numbers as text; each call uses the next of 16 static buffers */
const char *text_size(uint64_t bytes);
const char *text_time(uint64_t ns);
const char *text_duration(uint64_t ns);
const char *text_span(uint64_t seconds);
const char *text_rate(uint64_t rate);
const char *text_age(uint64_t since_ns);
const char *text_uuid(const uint8_t uuid[16]);
const char *text_host(const uint8_t id[16]);
const char *text_device(uint32_t major, uint32_t minor);
const char *text_count(uint64_t n, const char *noun);
uint64_t now_ns(void);
/* In the form "Recovered (5)" */
const char *text_state(uint32_t state);

/* json.c */
void plain_output(void);
void raw_output(const char *text);
bool output_failed(void);
void json_print(struct json_object *obj);
void json_print_line(struct json_object *obj);
void json_add_uuid(struct json_object *obj, const char *key, const uint8_t uuid[16]);
void json_add_u64(struct json_object *obj, const char *key, uint64_t n);
void json_add_string(struct json_object *obj, const char *key, const char *text);
void json_add_bool(struct json_object *obj, const char *key, bool value);
void json_add_rate(struct json_object *obj, const char *key, uint64_t rate);
void json_add_device(struct json_object *obj, const char *key, uint32_t major, uint32_t minor);
/* An array of what @json_of() returns for each of the @nr objects in @list. */
#define json_list(list, nr, json_of) ({							\
	struct json_object *__array = json_object_new_array();				\
	size_t __nr = (nr), __i;							\
											\
	for (__i = 0; __i < __nr; __i++)						\
		json_object_array_add(__array, json_of(&(list)[__i]));			\
	__array;									\
})
struct json_object *json_system(const struct dmreplica_system *sys);
struct json_object *json_disk(const struct dmreplica_disk *disk);
struct json_object *json_point(const struct dmreplica_point *point);
struct json_object *json_job(const struct dmreplica_job *job);

/* health.c */
void print_health(const struct dmreplica_system *sys);
void print_advice(FILE *f, const char *indent, const struct dmreplica_system *sys);
void print_reasons(uint32_t set);
struct json_object *json_reasons(const struct dmreplica_system *sys, uint32_t set);

/* settings.c, network.c, host-area.c */
void show_settings(const struct dmreplica_settings *set);
struct json_object *json_of_settings(const struct dmreplica_settings *set);
void show_adapter(const struct dmreplica_adapter *adapter);
struct json_object *json_of_adapter(const struct dmreplica_adapter *adapter);
void show_host_entry(const char *indent, const struct dmreplica_host_entry *entry);
struct json_object *json_of_host_entry(const struct dmreplica_host_entry *entry);

/* job.c: wait for a job and show its progress */
int wait_for_job(struct dmreplica *ctx, const struct dmreplica_system *sys, uint64_t id,
		 uint32_t timeout_ms, bool quiet, struct dmreplica_job *job);

#endif /* REPLICACTL_H */
