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
	{ "check", cmd_domain_check, "NAME [--json]",
	  "show what this host lacks for the guest, before the guest is needed",
	  HELP_JSON
	  "\nEnds with 1 if something is missing: machine type, CPU, networks, bridges, disks,\n"
	  "firmware and NVRAM, TPM state, the channel of the agent, the hook.\n" },
	{ "show", cmd_show, "NAME [--json]",
	  "show domain, state, devices of ours, saved memory and snapshots", HELP_JSON },
	{ "start", cmd_start, "NAME", "start the guest on the failover devices",
	  "The system is failed over.  Saved memory of another failover is refused; a generation ID\n"
	  "is renewed at the first start after a failover.\n" },
	{ "stop", cmd_stop, "NAME [--wait S] [--force]", "shut the guest down",
	  "  --wait S  for the guest to shut down, by its agent and by ACPI; 60 by default\n"
	  "  --force   switch it off then; with --wait 0 at once\n" },
	{ "resume", cmd_domain_resume, "NAME", "resume a guest that an I/O error has paused",
	  "A guest that is paused for another reason stays so.  Ends with 1 if it pauses again.\n" },
	{ "addresses", cmd_addresses, "NAME [--nocloud | --verify] [--test] [--wait S] [--json]",
	  "give the guest the addresses of replicactl network set, by its agent",
	  "  --nocloud  by a seed for cloud-init, before the guest is started\n"
	  "  --verify   change nothing, and look whether the guest has them\n"
	  "  --test     the guest of the test failover\n"
	  "  --wait S   for the agent of a guest that boots\n"
	  HELP_JSON
	  "\nEach adapter is applied, not applied, or not verifiable.  Ends with 1 if one is not applied.\n" },
	{ "autostart", cmd_autostart, "NAME", "start a guest whose system was attached too late",
	  "Only if it is set to autostart, its system is failed over, and libvirt's own autostart,\n"
	  "once after a boot, is over.\n" },
	{ "failed-over", cmd_failed_over, "NAME", "adapt the domain to a failover; replicactl runs it",
	  "Removes saved memory and snapshots of earlier failovers, puts in place what is kept with\n"
	  "the point, renews a generation ID.\n" },
	{ "reverted", cmd_reverted, "NAME", "undo what failed-over has put in place; replicactl runs it",
	  NULL },
	{ "point", cmd_domain_point, "NAME [--label TEXT] [--timeout S] [--keep] [--json]",
	  "make a recovery point while the guest's filesystems are frozen",
	  "  --label TEXT  label of the point\n"
	  "  --timeout S   time limit of the point itself, 10 by default, 15 at most\n"
	  "  --keep        keep with it what belongs to it beside its disks\n"
	  HELP_JSON
	  "\nThe guest is one of this host that has the replica devices, with view='replica' in its\n"
	  "metadata.  Its agent freezes; without an answer of it the point is a standard one.  A second\n"
	  "process thaws, also if the first is killed.\n" },
	{ "freezer", cmd_freezer, "NAME [thaw]",
	  "freeze the guest until the end of input, and thaw it; domain point runs it", NULL },
	{ "keep", cmd_keep, "NAME [--point POINT] [--xml FILE [--disk TARGET=DISK]... [--leave TARGET]...] [--nvram FILE] [--tpm FILE]",
	  "keep with a point what belongs to it beside its disks",
	  "  --point POINT  number or label of the point (default: the newest)\n"
	  "  --xml FILE     definition of the guest on the primary, as for import; - is standard input\n"
	  "  --disk, --leave  as for import\n"
	  "  --nvram FILE   NVRAM of the guest on the primary\n"
	  "  --tpm FILE     state of its TPM, as tpm2-00.permall\n"
	  "\nWithout a file: definition, NVRAM and TPM of the guest on this host.  A failover to the\n"
	  "point puts them in place, a revert puts back what was there.  They go with the point.\n" },
	{ "kept", cmd_kept, "NAME [--json]", "show what is kept with the points of a system",
	  HELP_JSON
	  "\nEnds with 1 if something is missing or is not what was kept.\n" },
	{ "memory list", cmd_memory_list, "NAME [--json]",
	  "list saved memory, snapshots and checkpoints of the guest", HELP_JSON },
	{ "memory remove", cmd_memory_remove, "NAME",
	  "remove them: after a revert they fit no disk any more",
	  "Of snapshots and checkpoints only the record that libvirt has is removed.\n" },
	{ "test-start", cmd_domain_test_start, "NAME [--network NETWORK] [--without TARGET]...",
	  "run a copy of the guest on the test devices",
	  "  --network NETWORK  connect it to this network, with new MAC addresses\n"
	  "                     (default: an isolated one of its own, with the same addresses)\n"
	  "  --without TARGET   leave this disk out, which is not replicated\n"
	  "\nThe test domain is transient, and has a new UUID, a new generation ID, and copies of NVRAM\n"
	  "and TPM.\n" },
	{ "test-stop", cmd_domain_test_stop, "NAME",
	  "switch the copy off, remove its network and its NVRAM", NULL },
	{ "test-ended", cmd_test_ended, "NAME",
	  "remove what a test domain has left; replicactl runs it",
	  "A guest that switches itself off leaves its network and its NVRAM.\n" },
	{ "hook", cmd_hook, "GUEST OPERATION",
	  "answer libvirt whether a guest may start; for the hook",
	  "Reads the domain's XML from standard input.  Ends with 0 if the guest may start; with 1 if\n"
	  "not, and prints the reason.  Only prepare, restore and migrate are looked at.\n" },
};

const unsigned int nr_commands = sizeof(commands) / sizeof(commands[0]);
