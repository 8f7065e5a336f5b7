// SPDX-License-Identifier: GPL-2.0-only
/* replicactl host-area list, get, set, remove: values that programs of the host keep */
#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "replicactl.h"
#include <store/text.h>

struct options {
	uint64_t expect;
	bool expected;
	bool yes;
	bool all;
	bool hex;
};

/* Make a text of a value: "hex" and its bytes if it is not printable. */
static char *value_text(const struct dmreplica_host_entry *entry)
{
	char *text = malloc(2 * entry->bytes + 8), *out = text;
	size_t at, len;

	if (!text)
		return NULL;
	for (at = 0; at < entry->bytes; at += len) {
		len = dmr_text_utf8_char(entry->value + at);
		if (!len || at + len > entry->bytes)
			break;
	}
	if (at == entry->bytes) {
		memcpy(text, entry->value, at);
		text[at] = 0;
		return text;
	}
	out += sprintf(out, "hex ");
	for (at = 0; at < entry->bytes; at++)
		out += sprintf(out, "%02x", entry->value[at]);
	return text;
}

void show_host_entry(const char *indent, const struct dmreplica_host_entry *entry)
{
	char *text = value_text(entry);

	printf("%s%s  %zu bytes  %s\n", indent, entry->key, entry->bytes, text ?: "?");
	free(text);
}

struct json_object *json_of_host_entry(const struct dmreplica_host_entry *entry)
{
	struct json_object *obj = json_object_new_object();
	char *text = value_text(entry), *hex = malloc(2 * entry->bytes + 1);
	size_t i;

	json_add_string(obj, "key", entry->key);
	json_add_u64(obj, "bytes", entry->bytes);
	/* A text that begins with "hex " is as long as its value. */
	if (text && strlen(text) == entry->bytes)
		json_add_string(obj, "value", text);
	else
		json_object_object_add(obj, "value", NULL);
	for (i = 0; hex && i < entry->bytes; i++)
		sprintf(hex + 2 * i, "%02x", entry->value[i]);
	json_add_string(obj, "hex", hex ?: "");
	free(text);
	free(hex);
	return obj;
}

int cmd_host_list(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_host_entry *list;
	struct dmreplica_system sys;
	struct json_object *array;
	size_t nr, i, used = 0;
	int code, status;
	bool json;

	if (!parse_one_system(ctx, argc, argv, &sys, &json, &status))
		return status;
	code = dmreplica_host_area_list(ctx, &sys, &list, &nr);
	if (code)
		return refused(ctx, code);
	array = json ? json_object_new_array() : NULL;
	for (i = 0; i < nr; i++) {
		used += 4 + strlen(list[i].key) + list[i].bytes;
		if (json)
			json_object_array_add(array, json_of_host_entry(&list[i]));
		else
			show_host_entry("", &list[i]);
	}
	if (json)
		json_print(array);
	else if (nr)
		printf("%zu of %u bytes are in use\n", used, DMREPLICA_HOST_AREA);
	else
		printf("the host area of %s is empty\n", sys.name);
	dmreplica_list_free(list);
	return 0;
}

int cmd_host_get(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_host_entry entry;
	struct dmreplica_system sys;
	int code, status;
	char *text;
	bool json;

	if (!parse_json_option(argc, argv, &json, &status))
		return status;
	if (optind != argc - 2)
		return usage_error("give a system and a key");
	code = dmreplica_system_find(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_host_area_find(ctx, &sys, argv[optind + 1], &entry);
	if (code)
		return refused(ctx, code);
	if (json) {
		json_print(json_of_host_entry(&entry));
		return 0;
	}
	text = value_text(&entry);
	printf("%s\n", text ?: "?");
	free(text);
	return 0;
}

/* Return: false if the command ends with *@status. */
static bool parse_options(int argc, char **argv, const struct option *options, struct options *o,
			  int *status)
{
	int c;

	while ((c = next_option(argc, argv, "y", options, status)) != -1) {
		switch (c) {
		case 'y':
			o->yes = true;
			break;
		case 'a':
			o->all = true;
			break;
		case 'x':
			o->hex = true;
			break;
		case 's':
			o->expected = true;
			if (parse_number(optarg, &o->expect))
				break;
			*status = usage_error("--expect-state %s is not a number", optarg);
			return false;
		default:
			return false;
		}
	}
	return true;
}

/*
 * R11: without --yes, change only the state that was shown; with it, any state, unless
 * --expect-state gives one.
 */
static const uint64_t *expectation(struct options *o, const struct dmreplica_system *sys)
{
	if (!o->expected && o->yes)
		return NULL;
	if (!o->expected)
		o->expect = sys->state_number;
	return &o->expect;
}

/* Convert hex digits to bytes, in place.  Return: false if @text has other characters. */
static bool from_hex(char *text, size_t *bytes)
{
	unsigned int byte;
	size_t i;

	for (i = 0; text[2 * i]; i++) {
		if (!isxdigit((unsigned char)text[2 * i]) ||
		    !isxdigit((unsigned char)text[2 * i + 1]))
			return false;
		sscanf(text + 2 * i, "%2x", &byte);
		text[i] = byte;
	}
	*bytes = i;
	return true;
}

/* Show the value to be replaced, and ask.  Return: false if the command ends with *@status. */
static bool may_replace(struct dmreplica *ctx, const struct dmreplica_system *sys,
			const char *key, const char *value, size_t bytes, int *status)
{
	struct dmreplica_host_entry old;
	int code = dmreplica_host_area_find(ctx, sys, key, &old);

	if (code == DM_REPLICA_CODE_NOT_FOUND)
		return true;
	if (code) {
		*status = refused(ctx, code);
		return false;
	}
	if (old.bytes == bytes && !memcmp(old.value, value, bytes))
		return true;
	printf("the present value is replaced:\n");
	show_host_entry("  ", &old);
	return confirm(false, "Replace it?", status);
}

int cmd_host_set(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "hex", no_argument, NULL, 'x' },
		{ "expect-state", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	struct options o = { .yes = false };
	struct dmreplica_system sys;
	const char *key, *fault;
	int code, status;
	size_t bytes;
	char *value;

	if (!parse_options(argc, argv, options, &o, &status))
		return status;
	if (optind != argc - 3)
		return usage_error("give a system, a key and a value");
	key = argv[optind + 1];
	value = argv[optind + 2];
	bytes = strlen(value);
	fault = dmreplica_host_area_key_fault(key);
	if (fault)
		return usage_error("%s", fault);
	if (!bytes)
		return usage_error("a value has at least one byte; host-area remove removes a key");
	if (o.hex && !from_hex(value, &bytes))
		return usage_error("the value does not have two hex digits for each byte");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (code)
		return refused(ctx, code);
	if (!o.yes && !may_replace(ctx, &sys, key, value, bytes, &status))
		return status;
	code = dmreplica_host_area_set(ctx, &sys, key, value, bytes, expectation(&o, &sys));
	if (code)
		return refused(ctx, code);
	printf("%s of the host area of %s is set\n", key, sys.name);
	return 0;
}

/* Show the values to be removed, of one key or of all, and ask. */
static bool may_remove(struct dmreplica *ctx, const struct dmreplica_system *sys,
		       const char *key, bool yes, int *status)
{
	struct dmreplica_host_entry *list;
	size_t nr, i, lost = 0;
	int code;

	if (yes)
		return true;
	code = dmreplica_host_area_list(ctx, sys, &list, &nr);
	if (code) {
		*status = refused(ctx, code);
		return false;
	}
	for (i = 0; i < nr; i++) {
		if (key && strcmp(list[i].key, key))
			continue;
		printf("%s", lost++ ? "" : "these values are removed:\n");
		show_host_entry("  ", &list[i]);
	}
	dmreplica_list_free(list);
	/* The module refuses a key without a value. */
	return !lost || confirm(false, lost == 1 ? "Remove it?" : "Remove all of it?", status);
}

int cmd_host_remove(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "all", no_argument, NULL, 'a' },
		{ "expect-state", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	struct options o = { .yes = false };
	const char *key = NULL, *fault = NULL;
	struct dmreplica_system sys;
	int code, status;

	if (!parse_options(argc, argv, options, &o, &status))
		return status;
	if (optind != argc - (o.all ? 1 : 2))
		return usage_error("give a system, and a key or --all");
	if (!o.all) {
		key = argv[optind + 1];
		fault = dmreplica_host_area_key_fault(key);
	}
	if (fault)
		return usage_error("%s", fault);
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (code)
		return refused(ctx, code);
	if (!may_remove(ctx, &sys, key, o.yes, &status))
		return status;
	code = key ? dmreplica_host_area_remove(ctx, &sys, key, expectation(&o, &sys)) :
		     dmreplica_host_area_clear(ctx, &sys, NULL, expectation(&o, &sys));
	if (code)
		return refused(ctx, code);
	if (key)
		printf("%s of the host area of %s is removed\n", key, sys.name);
	else
		printf("the host area of %s is empty\n", sys.name);
	return 0;
}
