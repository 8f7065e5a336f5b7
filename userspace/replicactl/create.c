// SPDX-License-Identifier: GPL-2.0-only
/* replicactl create */
#include <getopt.h>
#include <string.h>

#include "replicactl.h"

int cmd_create(struct dmreplica *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "store", required_argument, NULL, 's' },
		{ "disk", required_argument, NULL, 'd' },
		{ "chunk-size", required_argument, NULL, 'c' },
		{ "uuid", required_argument, NULL, 'u' },
		{ "force", no_argument, NULL, 'f' },
		{ "primary", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 }
	};
	struct dmreplica_create_disk disks[DMREPLICA_MAX_DISKS];
	struct dmreplica_create create = { .disks = disks };
	int c, code, status;
	uint64_t bytes;
	char *value;

	while ((c = next_option(argc, argv, "s:d:c:u:fp", options, &status)) != -1) {
		switch (c) {
		case 's':
			create.store = optarg;
			break;
		case 'd':
			value = strchr(optarg, '=');
			if (!value || value == optarg || !value[1])
				return usage_error("--disk %s is not of the form DISK=DEVICE",
						   optarg);
			if (create.nr_disks == DMREPLICA_MAX_DISKS)
				return usage_error("a system has at most %d disks",
						   DMREPLICA_MAX_DISKS);
			*value++ = 0;
			disks[create.nr_disks].name = optarg;
			disks[create.nr_disks++].path = value;
			break;
		case 'c':
			if (!parse_size(optarg, &bytes) || bytes < 16384 || bytes > 262144 ||
			    (bytes & (bytes - 1)))
				return usage_error("--chunk-size %s is not one of 16K, 32K, 64K, 128K, 256K",
						   optarg);
			create.chunk_bytes = bytes;
			break;
		case 'u':
			if (!dmreplica_uuid_parse(optarg, create.uuid))
				return usage_error("%s is not a UUID", optarg);
			create.has_uuid = true;
			break;
		case 'f':
			create.force = true;
			break;
		case 'p':
			create.primary = true;
			break;
		default:
			return status;
		}
	}
	if (optind != argc - 1)
		return usage_error(optind == argc ? "the name of the system is missing" :
						    "too many arguments: %s", argv[argc - 1]);
	if (!create.store)
		return usage_error("--store is missing");
	if (!create.nr_disks)
		return usage_error("--disk is missing");
	create.name = argv[optind];
	code = dmreplica_create(ctx, &create);
	if (code)
		return refused(ctx, code);
	printf("system %s made, %s\n", create.name, text_uuid(create.uuid));
	printf("  store %s: %s of %s, log of %s\n", create.store,
	       text_count(create.slots, "slot"), text_size(create.chunk_bytes),
	       text_size(create.log_blocks * 4096));
	printf("  memory: %s of the kernel's while attached, ", text_size(create.memory));
	printf("and up to %s as slots are used\n", text_size(create.memory_full));
	printf("  time: attach reads all of the log, twice\n");
	printf("  next: replicactl attach %s\n", create.name);
	if (create.primary)
		printf("  then: let the machine use /dev/dm-replica/%s/%s%s, and its old path never\n",
		       create.name, create.disks[0].name, create.nr_disks > 1 ? ", ..." : "");
	return 0;
}
