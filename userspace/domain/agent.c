// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent in a guest: its commands, by libvirt.  An answer is the guest's, which may be anything:
 * it is JSON or is refused, and no text of it is used but in a message.
 */
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <libvirt/libvirt-qemu.h>

#include "domain.h"

#define ANSWER_S	10		/* for one answer */
#define POLL_MS		500
#define ANSWER_DEPTH	16		/* of its JSON */

/**
 * agent_ask() - run a command of the agent
 * @h: the host.
 * @dom: the guest.
 * @command: name of the command.
 * @arguments: a JSON object, which is taken, or NULL.
 *
 * Return: what it has returned, to be freed; NULL with a refusal.
 */
struct json_object *agent_ask(struct host *h, virDomainPtr dom, const char *command,
			      struct json_object *arguments)
{
	struct json_object *ask = json_object_new_object(), *answer = NULL, *returned = NULL;
	struct json_tokener *parser = json_tokener_new_ex(ANSWER_DEPTH);
	char *text;

	json_add_string(ask, "execute", command);
	if (arguments)
		json_object_object_add(ask, "arguments", arguments);
	text = virDomainQemuAgentCommand(dom, json_object_to_json_string(ask), ANSWER_S, 0);
	json_object_put(ask);
	if (!text)
		host_refuse_libvirt(h, "%s", command);
	else if (parser)
		answer = json_tokener_parse_ex(parser, text, (int)strlen(text));
	if (text && json_object_is_type(answer, json_type_object))
		json_object_object_get_ex(answer, "return", &returned);
	if (text && !returned)
		host_refuse(h, DM_REPLICA_CODE_FAILED, "%s: the agent's answer is none", command);
	json_object_get(returned);
	json_object_put(answer);
	if (parser)
		json_tokener_free(parser);
	free(text);
	return returned;
}

/* Wait for a sign of life, as of a guest that boots. */
int agent_wait(struct host *h, virDomainPtr dom, uint32_t ms)
{
	uint64_t deadline = host_now_ms() + ms;
	struct json_object *answer;

	for (;;) {
		answer = agent_ask(h, dom, "guest-ping", NULL);
		json_object_put(answer);
		if (answer)
			return 0;
		if (virDomainIsActive(dom) != 1)
			return host_refuse(h, DM_REPLICA_CODE_INVALID_STATE, "domain %s does not run",
					   virDomainGetName(dom));
		if (host_now_ms() >= deadline)
			return host_hint(h, DM_REPLICA_CODE_TIMEOUT,
					 "--wait waits for the agent of a guest that boots");
		host_sleep_ms(POLL_MS);
	}
}

static int64_t number_of(struct json_object *obj, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(obj, name, &value) ? json_object_get_int64(value) : -1;
}

static bool has_exited(struct json_object *status)
{
	struct json_object *exited;

	return json_object_object_get_ex(status, "exited", &exited) &&
	       json_object_get_boolean(exited);
}

/* Wait for the end of a program.  Return: 0 with @status, or a refusal. */
static int wait_for(struct host *h, virDomainPtr dom, int64_t pid, uint64_t deadline, int *status)
{
	struct json_object *arguments, *answer;
	bool exited;

	for (;;) {
		arguments = json_object_new_object();
		json_object_object_add(arguments, "pid", json_object_new_int64(pid));
		answer = agent_ask(h, dom, "guest-exec-status", arguments);
		if (!answer)
			return DM_REPLICA_CODE_FAILED;
		exited = has_exited(answer);
		*status = (int)number_of(answer, "exitcode");
		json_object_put(answer);
		if (exited)
			return 0;
		if (host_now_ms() >= deadline)
			return host_refuse(h, DM_REPLICA_CODE_TIMEOUT,
					   "the program in the guest has not ended in time");
		host_sleep_ms(POLL_MS);
	}
}

/**
 * agent_run() - run a program in the guest
 * @h: the host.
 * @dom: the guest.
 * @program: its path.
 * @options: its arguments, a blank between two.
 * @input: text for its standard input.
 * @ms: longest time for it.
 * @status: set to its exit status, -1 if a signal has ended it.
 *
 * Return: 0; a refusal, also where the agent does not allow it.
 */
int agent_run(struct host *h, virDomainPtr dom, const char *program, const char *options,
	      const char *input, uint32_t ms, int *status)
{
	struct json_object *arguments = json_object_new_object(), *list = json_object_new_array();
	char words[64], *rest = words, *word;
	struct json_object *answer;
	const gnutls_datum_t text = { (unsigned char *)input, (unsigned int)strlen(input) };
	gnutls_datum_t data;
	int64_t pid;

	if (gnutls_base64_encode2(&text, &data)) {
		json_object_put(arguments);
		json_object_put(list);
		return host_refuse(h, DM_REPLICA_CODE_NO_MEMORY, "no memory");
	}
	snprintf(words, sizeof(words), "%s", options);
	json_add_string(arguments, "path", program);
	while ((word = strsep(&rest, " ")))
		json_object_array_add(list, json_object_new_string(word));
	json_object_object_add(arguments, "arg", list);
	json_object_object_add(arguments, "input-data",
			       json_object_new_string_len((char *)data.data, (int)data.size));
	gnutls_free(data.data);
	answer = agent_ask(h, dom, "guest-exec", arguments);
	if (!answer)
		return DM_REPLICA_CODE_FAILED;
	pid = number_of(answer, "pid");
	json_object_put(answer);
	return wait_for(h, dom, pid, host_now_ms() + ms, status);
}
