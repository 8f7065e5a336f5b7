// SPDX-License-Identifier: GPL-2.0-only
/* replicactl network list, set, clear: settings of the guest's adapters after a failover */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"

static void print_ips(const char *what, const struct dmreplica_ip *list, unsigned int nr,
		      bool prefix)
{
	char text[DMREPLICA_IP_TEXT];
	unsigned int i;

	if (!nr)
		return;
	printf("      %-12s", what);
	for (i = 0; i < nr; i++)
		printf("%s%s", i ? ", " : "", dmreplica_ip_text(&list[i], prefix, text));
	printf("\n");
}

void show_adapter(const struct dmreplica_adapter *adapter)
{
	char mac[DMREPLICA_MAC_TEXT];

	printf("  Adapter          %s, %s%s\n", dmreplica_mac_text(adapter->mac, mac),
	       dmreplica_protocol_name(adapter->protocol), adapter->dhcp ? ", IPv4 by DHCP" : "");
	print_ips("addresses", adapter->addresses, adapter->nr_addresses, true);
	print_ips("gateways", adapter->gateways, adapter->nr_gateways, false);
	print_ips("DNS", adapter->dns, adapter->nr_dns, false);
}

static void add_ips(struct json_object *obj, const char *key, const struct dmreplica_ip *list,
		    unsigned int nr, bool prefix)
{
	struct json_object *array = json_object_new_array();
	char text[DMREPLICA_IP_TEXT];
	unsigned int i;

	for (i = 0; i < nr; i++)
		json_object_array_add(array, json_object_new_string(
					      dmreplica_ip_text(&list[i], prefix, text)));
	json_object_object_add(obj, key, array);
}

struct json_object *json_of_adapter(const struct dmreplica_adapter *adapter)
{
	struct json_object *obj = json_object_new_object();
	char mac[DMREPLICA_MAC_TEXT];

	json_add_string(obj, "mac", dmreplica_mac_text(adapter->mac, mac));
	json_add_u64(obj, "protocol", adapter->protocol);
	json_add_string(obj, "protocol_name", dmreplica_protocol_name(adapter->protocol));
	json_add_bool(obj, "dhcp", adapter->dhcp);
	add_ips(obj, "addresses", adapter->addresses, adapter->nr_addresses, true);
	add_ips(obj, "gateways", adapter->gateways, adapter->nr_gateways, false);
	add_ips(obj, "dns", adapter->dns, adapter->nr_dns, false);
	return obj;
}

int cmd_network_list(struct dmreplica *ctx, int argc, char **argv)
{
	struct dmreplica_adapter *list;
	struct dmreplica_system sys;
	int code, status;
	bool json;
	size_t nr, i;

	if (!parse_one_system(ctx, argc, argv, &sys, &json, &status))
		return status;
	code = dmreplica_adapter_list(ctx, &sys, &list, &nr);
	if (code)
		return refused(ctx, code);
	if (json) {
		json_print(json_list(list, nr, json_of_adapter));
	} else if (!nr) {
		printf("no network adapter of %s has settings: a guest keeps those of the primary\n",
		       sys.name);
	} else {
		for (i = 0; i < nr; i++)
			show_adapter(&list[i]);
	}
	dmreplica_list_free(list);
	return 0;
}

/* Return: 0, or the status to end with. */
static int take_ip(const char *option, const char *text, bool prefix, struct dmreplica_ip *list,
		   unsigned int most, unsigned int *nr)
{
	const char *fault;
	unsigned int i;

	if (*nr == most)
		return usage_error("%s is given more than %u times", option, most);
	fault = dmreplica_ip_parse(text, prefix, &list[*nr]);
	if (fault)
		return usage_error("%s %s %s", option, text, fault);
	for (i = 0; i < *nr; i++)
		if (list[i].family == list[*nr].family &&
		    !memcmp(list[i].bytes, list[*nr].bytes, sizeof(list[i].bytes)))
			return usage_error("%s %s is given twice", option, text);
	++*nr;
	return 0;
}

static int take_mac(const char *text, uint8_t mac[6])
{
	static const uint8_t zero[6];

	if (!dmreplica_mac_parse(text, mac))
		return usage_error("--mac %s is not a hardware address: write it as 52:54:00:12:34:56",
				   text);
	if (!memcmp(mac, zero, 6) || (mac[0] & 1))
		return usage_error("--mac %s is not an adapter's address: it is zero or multicast", text);
	return 0;
}

int cmd_network_set(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "mac", required_argument, NULL, 'm' },
		{ "dhcp", no_argument, NULL, 'd' },
		{ "address", required_argument, NULL, 'a' },
		{ "gateway", required_argument, NULL, 'g' },
		{ "dns", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_adapter adapter = { .dhcp = false };
	char text[DMREPLICA_MAC_TEXT];
	struct dmreplica_system sys;
	const char *mac = NULL, *fault;
	int c, code, status = 0;

	while ((c = next_option(argc, argv, "", options, &status)) != -1) {
		switch (c) {
		case 'm':
			if (mac)
				return usage_error("--mac is given twice: one adapter at a time");
			mac = optarg;
			status = take_mac(optarg, adapter.mac);
			break;
		case 'd':
			adapter.dhcp = true;
			break;
		case 'a':
			status = take_ip("--address", optarg, true, adapter.addresses,
					 DMREPLICA_MAX_ADDRESSES, &adapter.nr_addresses);
			break;
		case 'g':
			status = take_ip("--gateway", optarg, false, adapter.gateways,
					 DMREPLICA_MAX_GATEWAYS, &adapter.nr_gateways);
			break;
		case 'n':
			status = take_ip("--dns", optarg, false, adapter.dns, DMREPLICA_MAX_DNS,
					 &adapter.nr_dns);
			break;
		default:
			return status;
		}
		if (status)
			return status;
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if (!mac)
		return usage_error("--mac is missing, which names the adapter");
	if (!adapter.dhcp && !adapter.nr_addresses)
		return usage_error("give --dhcp or an --address; network clear removes an adapter's settings");
	fault = dmreplica_adapter_fault(&adapter);
	if (fault)
		return usage_error("%s", fault);
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_adapter_set(ctx, &sys, &adapter);
	if (code)
		return refused(ctx, code);
	printf("settings of adapter %s of %s are replaced\n", dmreplica_mac_text(adapter.mac, text),
	       sys.name);
	return 0;
}

int cmd_network_clear(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "mac", required_argument, NULL, 'm' },
		{ "all", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 }
	};
	bool one = false, all = false;
	char text[DMREPLICA_MAC_TEXT];
	struct dmreplica_system sys;
	int c, code, status;
	uint8_t mac[6];

	while ((c = next_option(argc, argv, "a", options, &status)) != -1) {
		switch (c) {
		case 'm':
			if (one)
				return usage_error("--mac is given twice: one adapter at a time, or --all");
			status = take_mac(optarg, mac);
			if (status)
				return status;
			one = true;
			break;
		case 'a':
			all = true;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error("give one system");
	if (one == all)
		return usage_error("give --mac or --all");
	code = dmreplica_system_attached(ctx, argv[optind], &sys);
	if (!code)
		code = dmreplica_adapter_clear(ctx, &sys, one ? mac : NULL);
	if (code)
		return refused(ctx, code);
	if (one)
		printf("settings of adapter %s of %s are removed\n",
		       dmreplica_mac_text(mac, text), sys.name);
	else
		printf("settings of all adapters of %s are removed\n", sys.name);
	return 0;
}
