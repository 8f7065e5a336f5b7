// SPDX-License-Identifier: GPL-2.0-only
/* The commands of replicactl-domain and their help texts. */
#include "domain.h"

#define HELP_JSON	"  --json  as JSON\n"

const struct program program = {
	.name = "replicactl domain",
	.summary = "Domains of libvirt on the devices of dm-replica.",
	.page = "replicactl-domain(8)",
};

const struct command commands[] = {
	{ "import", cmd_import, "NAME FILE [--disk TARGET=DISK]... [--leave TARGET]... [--genid] [--print]",
	  "define the guest of a system from the XML of the primary",
	  "  --disk TARGET=DISK  target of a disk in the XML, and disk of the system that it becomes\n"
	  "                      (default: the disk of the same name)\n"
	  "  --leave TARGET      leave this disk as it is: it is not replicated\n"
	  "  --genid             add a generation ID, if there is none\n"
	  "  --print             print the XML, and define nothing\n"
	  "\nFILE is what virsh dumpxml --inactive --migratable prints on the primary; - is standard\n"
	  "input.  All that the guest sees stays: only sources of disks change, with the host's side\n"
	  "of their drivers, and metadata is added.\n"
	  "\nExample:\n"
	  "  replicactl domain import web1 web1.xml --disk sda=vda\n" },
	{ "hook", cmd_hook, "GUEST OPERATION",
	  "answer libvirt whether a guest may start; for the hook",
	  "Reads the domain's XML from standard input.  Ends with 0 if the guest may start; with 1 if\n"
	  "not, and prints the reason.  Only prepare, restore and migrate are looked at.\n" },
};

const unsigned int nr_commands = sizeof(commands) / sizeof(commands[0]);
