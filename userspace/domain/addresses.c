// SPDX-License-Identifier: GPL-2.0-only
/*
 * domain addresses: give the guest of a failover the addresses that are set for its adapters, by
 * its agent, or where that is asked for by a seed for cloud-init.  Each adapter's result is one of
 * three: applied, not applied, not verifiable.  What is written in the guest is on its disks, and
 * goes with them at a revert.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain.h"

#define PROGRAM_MS	60000		/* for the program in the guest */
#define SEEN_MS		15000		/* for the addresses to be seen after it */
#define POLL_MS		1000

enum verdict { APPLIED, NOT_APPLIED, NOT_VERIFIABLE };

static const char *const verdicts[] = { "applied", "not applied", "not verifiable" };

struct result {
	enum verdict verdict;
	char reason[512];
};

static bool text_is(struct json_object *obj, const char *name, const char *text)
{
	struct json_object *value;

	return json_object_object_get_ex(obj, name, &value) && json_object_is_type(value, json_type_string) &&
	       !strcasecmp(json_object_get_string(value), text);
}

static bool same_address(struct json_object *item, const struct dmreplica_ip *ip)
{
	struct json_object *text, *prefix;
	struct dmreplica_ip seen;

	return json_object_object_get_ex(item, "ip-address", &text) &&
	       json_object_is_type(text, json_type_string) &&
	       !dmreplica_ip_parse(json_object_get_string(text), false, &seen) &&
	       seen.family == ip->family && !memcmp(seen.bytes, ip->bytes, sizeof(seen.bytes)) &&
	       json_object_object_get_ex(item, "prefix", &prefix) &&
	       json_object_get_int(prefix) == ip->prefix;
}

/* Has the interface in the agent's list all addresses of the adapter? */
static bool has_all(struct json_object *nic, const struct dmreplica_adapter *a)
{
	struct json_object *list;
	unsigned int i;
	size_t j, nr;

	if (!json_object_object_get_ex(nic, "ip-addresses", &list) ||
	    !json_object_is_type(list, json_type_array))
		return !a->nr_addresses;
	nr = json_object_array_length(list);
	for (i = 0; i < a->nr_addresses; i++) {
		for (j = 0; j < nr; j++)
			if (same_address(json_object_array_get_idx(list, j), &a->addresses[i]))
				break;
		if (j == nr)
			return false;
	}
	return true;
}

/* Return: 1 if the guest has the addresses, 0 if not, -1 if the agent does not show them. */
static int seen(struct host *h, virDomainPtr dom, const struct dmreplica_adapter *a)
{
	struct json_object *list = agent_ask(h, dom, "guest-network-get-interfaces", NULL);
	char mac[DMREPLICA_MAC_TEXT];
	int found = 0;
	size_t i;

	if (!json_object_is_type(list, json_type_array)) {
		if (list)
			host_refuse(h, DM_REPLICA_CODE_FAILED,
				    "guest-network-get-interfaces: the agent's answer is no list");
		json_object_put(list);
		return -1;
	}
	dmreplica_mac_text(a->mac, mac);
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *nic = json_object_array_get_idx(list, i);

		if (text_is(nic, "hardware-address", mac) && has_all(nic, a))
			found = 1;
	}
	json_object_put(list);
	return found;
}

static void set(struct result *r, enum verdict verdict, const char *reason)
{
	r->verdict = verdict;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

/* Run the program of an adapter.  Return: 0 with @status, or a refusal. */
static int run_program(struct host *h, virDomainPtr dom, const struct dmreplica_adapter *a,
		       bool windows, bool check, int *status)
{
	char *program = guest_network_program(a, windows, check);
	int code;

	if (!program)
		return host_refuse(h, DM_REPLICA_CODE_NO_MEMORY, "no memory");
	code = agent_run(h, dom, windows ? "powershell.exe" : "/bin/sh", windows ? "-Command -" : "-s",
			 program, PROGRAM_MS, status);
	free(program);
	return code;
}

/* The agent shows no routes.  Return: as seen(), after it. */
static int gateways_seen(struct host *h, virDomainPtr dom, const struct dmreplica_adapter *a,
			 bool windows)
{
	int status;

	if (run_program(h, dom, a, windows, true, &status))
		return -1;
	return !status ? 1 : status == 6 ? 0 : -1;
}

static void verify(struct host *h, virDomainPtr dom, const struct dmreplica_adapter *a, bool windows,
		   struct result *r)
{
	uint64_t deadline = host_now_ms() + host_limit_ms("DM_REPLICA_SEEN_MS", SEEN_MS);
	int found, gateways = 1;

	if (!a->nr_addresses) {
		set(r, NOT_VERIFIABLE, "DHCP alone has no address to look for");
		return;
	}
	for (;;) {
		found = seen(h, dom, a);
		if (found > 0 && a->nr_gateways)
			gateways = gateways_seen(h, dom, a, windows);
		if ((found && gateways) || host_now_ms() >= deadline)
			break;
		host_sleep_ms(POLL_MS);
	}
	if (found < 0)
		set(r, NOT_VERIFIABLE, h->message);
	else if (!found)
		set(r, NOT_APPLIED, "the guest does not have the addresses after it");
	else if (gateways < 0)
		set(r, NOT_VERIFIABLE, "the guest has the addresses, but its gateways are not seen");
	else if (!gateways)
		set(r, NOT_APPLIED, "the guest has the addresses, but not the gateways, after it");
	else
		set(r, APPLIED, "");
}

static const char *reason_of(int status)
{
	switch (status) {
	case 3:
		return "the guest has no adapter with this MAC address";
	case 4:
		return "what configures the network in the guest has failed; it has what it had before";
	case 5:
		return "neither NetworkManager, systemd-networkd nor ifupdown configures the guest";
	}
	return "the program in the guest has failed";
}

static void apply(struct host *h, virDomainPtr dom, const struct dmreplica_adapter *a, bool windows,
		  struct result *r)
{
	int status, code;

	code = run_program(h, dom, a, windows, false, &status);
	if (code)	/* as with an agent whose policy has no guest-exec */
		set(r, NOT_APPLIED, h->message);
	else if (status)
		set(r, NOT_APPLIED, reason_of(status));
	else
		verify(h, dom, a, windows, r);
}

static void print_result(const struct dmreplica_adapter *a, const struct result *r,
			 struct json_object *array)
{
	struct json_object *item;
	char mac[DMREPLICA_MAC_TEXT];

	dmreplica_mac_text(a->mac, mac);
	if (!array) {
		printf("%s  %s%s%s\n", mac, verdicts[r->verdict], *r->reason ? ": " : "", r->reason);
		return;
	}
	item = json_object_new_object();
	json_add_string(item, "mac", mac);
	json_add_string(item, "result", verdicts[r->verdict]);
	json_add_string(item, "reason", r->reason);
	json_object_array_add(array, item);
}

/* The operating system decides the program; an agent that does not show it has a shell, or not. */
static bool is_windows(struct host *h, virDomainPtr dom)
{
	struct json_object *info = agent_ask(h, dom, "guest-get-osinfo", NULL);
	bool windows = text_is(info, "id", "mswindows");

	json_object_put(info);
	return windows;
}

enum how {
	BY_AGENT,
	BY_SEED,
	ONLY_LOOK,
};

/* The seed takes effect at the next boot; whether it has, is to be looked at then. */
static int by_seed(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom,
		   const struct dmreplica_adapter *list, size_t nr, struct result *r)
{
	bool left = false;
	int code;

	if (virDomainIsActive(*dom) == 1) {
		host_refuse(h, DM_REPLICA_CODE_IN_USE,
			    "domain %s runs, and cloud-init reads a seed when a guest boots",
			    virDomainGetName(*dom));
		return host_hint(h, DM_REPLICA_CODE_IN_USE, "replicactl domain stop %s", sys->name);
	}
	/* Else the start would define it anew, without the seed. */
	if (place_failed_over(h, sys, dom, &left) || !*dom)
		return host_refuse(h, DM_REPLICA_CODE_FAILED,
				   "what is kept with the point of %s is not in place", sys->name);
	/* Which takes the seed of another failover away. */
	code = run_renew(h, dom, sys);
	if (code)
		return code;
	set(r, NOT_VERIFIABLE, "cloud-init sets it when the guest boots: --verify looks then");
	return nr ? nocloud_add(h, sys, dom, list, nr) : 0;
}

static int apply_all(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom,
		     enum how how, uint32_t wait_ms, struct json_object *array)
{
	struct dmreplica_adapter *list;
	unsigned int not = 0;
	struct result r;
	bool windows;
	size_t nr, i;
	int code, agent = 0;

	code = dmreplica_adapter_list(h->dmr, sys, &list, &nr);
	if (code)
		return host_refuse_dmr(h, code);
	if (!nr && !array)
		printf("no adapter of %s has settings\n", sys->name);
	if (how == BY_SEED) {
		code = by_seed(h, sys, dom, list, nr, &r);
		if (code) {
			dmreplica_list_free(list);
			return code;
		}
	} else if (nr) {
		agent = agent_wait(h, *dom, wait_ms);
	}
	if (agent)
		set(&r, how == ONLY_LOOK ? NOT_VERIFIABLE : NOT_APPLIED, h->message);
	windows = nr && how != BY_SEED && !agent && is_windows(h, *dom);
	for (i = 0; i < nr; i++) {
		if (how == BY_AGENT && !agent)
			apply(h, *dom, &list[i], windows, &r);
		else if (how == ONLY_LOOK && !agent)
			verify(h, *dom, &list[i], windows, &r);
		not += r.verdict == NOT_APPLIED;
		print_result(&list[i], &r, array);
	}
	dmreplica_list_free(list);
	if (not)
		return host_refuse(h, DM_REPLICA_CODE_FAILED, "%s of %s not applied",
				   text_count(not, "adapter"), sys->name);
	return 0;
}

int cmd_addresses(struct dmreplica *dmr, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "nocloud", no_argument, NULL, 'n' },
		{ "test", no_argument, NULL, 't' },
		{ "verify", no_argument, NULL, 'v' },
		{ "wait", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 }
	};
	struct json_object *array = NULL;
	struct host h = { .dmr = dmr };
	enum metadata_view view = METADATA_LIVE;
	struct dmreplica_system sys;
	enum how how = BY_AGENT;
	uint32_t wait_ms = 0;
	enum run_held held;
	bool json = false;
	virDomainPtr dom = NULL;
	int c, status, code;

	while ((c = next_option(argc, argv, "jw:", options, &status)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 't')
			view = METADATA_TEST;
		else if (c == 'n')
			how = BY_SEED;
		else if (c == 'v')
			how = ONLY_LOOK;
		else if (c != 'w' || !parse_wait("--wait", optarg, &wait_ms, &status))
			return status;
	}
	if (!host_one_system(&h, argc, argv, true, &sys, &status))
		return status;
	if (how == BY_SEED && view == METADATA_TEST)
		return usage_error("--nocloud is for the guest of a failover");
	code = metadata_find(&h, &sys, view, &dom);
	if (!code && how == BY_SEED && !sys.live_epoch)
		code = host_refuse(&h, DM_REPLICA_CODE_INVALID_STATE, "%s is not failed over",
				   sys.name);
	if (!code)
		code = run_holds(&h, dom, &sys, view, &held);
	if (!code && held == RUN_HOLDS_NONE)
		code = host_refuse(&h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "domain %s has no device of %s among its disks",
				   virDomainGetName(dom), sys.name);
	if (!code && how != BY_SEED && virDomainIsActive(dom) != 1)
		code = host_refuse(&h, DM_REPLICA_CODE_INVALID_STATE, "domain %s does not run",
				   virDomainGetName(dom));
	if (!code) {
		array = json ? json_object_new_array() : NULL;
		code = apply_all(&h, &sys, &dom, how, wait_ms, array);
		if (array)
			json_print(array);
	}
	if (dom)
		virDomainFree(dom);
	return host_end(&h, code);
}
