// SPDX-License-Identifier: GPL-2.0-only
/* The commands and their help texts. */
#include "replicactl.h"

#define HELP_JSON	"  --json  as JSON\n"
#define HELP_TIMEOUT	"  --timeout S  give up if waiting for other operations and for I/O to end takes\n" \
			"               longer than S seconds; 10 by default, 600 at most\n"
#define HELP_WAIT	"  --wait S     wait up to S seconds, 600 at most, for the devices to be\n" \
			"               closed; Ctrl-C ends the wait, and nothing happens;\n" \
			"               half a second by default, 0 is not at all\n"
#define HELP_GUEST \
			"  --stop-guest switch off the guest that has the devices, by replicactl domain\n" \
			"  --without-libvirt\n" \
			"               do not ask libvirt for memory that it has saved of the guest\n"
#define HELP_EXPECT_STATE \
			"  --expect-state N   only if the state number is N still, as status showed it\n"
#define HELP_EXPECT_WRITES \
			"  --expect-writes N  only if it was written to N times, as status --json shows\n"

const struct program program = {
	.name = "replicactl",
	.summary = "Replicas of virtual machines: fail over, revert, fail over again.",
	.page = "replicactl(8)",
	.plugin = "check-health",
	.plugin_link = "check_dm_replica",
};

const struct command commands[] = {
	{ "create", cmd_create,
	  "NAME --store DEVICE --disk DISK=DEVICE [--disk ...] [OPTION...]",
	  "make a system: format its store and write its file",
	  "  --store DEVICE      the block device that becomes the store; its content is lost\n"
	  "  --disk DISK=DEVICE  name and home of a disk; its content stays as it is\n"
	  "  --chunk-size SIZE   16K to 256K, a power of two (default 64K)\n"
	  "  --uuid UUID         of the system (default: a random one)\n"
	  "  --primary           the machine of these disks goes on here: it runs on the\n"
	  "                      devices NAME-DISK, which show them\n"
	  "  --force             overwrite a store that has something on it, take devices\n"
	  "                      that another system's file names\n" },
	{ "attach", cmd_attach, "NAME|--all [--if-needed] [--take-over] [--accept-homes[=DISK,...]]\n"
	  "              [--accept-older]",
	  "check store and homes, make the devices",
	  "  --all           every system that is known and not attached\n"
	  "  --if-needed     succeed if it is attached already, with all its devices\n"
	  "  --take-over     although another host has it active; be sure that host is dead\n"
	  "  --accept-homes  although homes are other devices than the store names, or have\n"
	  "                  other content than was left; recorded, so once is enough\n"
	  "  --accept-homes=DISK,...\n"
	  "                  of these disks alone; also a home that another disk has left\n"
	  "  --accept-older  although the store is an older copy than was seen on this host\n" },
	{ "detach", cmd_detach, "NAME|--all [--if-needed] [--wait S]",
	  "remove the devices; state and content stay",
	  "  --all        every system that is attached\n"
	  "  --if-needed  succeed if there is nothing to detach\n"
	  "  --wait S     wait up to S seconds, 600 at most, for the devices to be closed;\n"
	  "               Ctrl-C ends the wait, and nothing happens; half a second by\n"
	  "               default, 0 is not at all\n" },
	{ "scan", cmd_scan, "[--write [--accept-homes] [--yes]] [--json] [DEVICE...]",
	  "look for stores on block devices",
	  "  --write         write the file of each system found with all its homes\n"
	  "  --accept-homes  also where a home is known by its path alone\n"
	  "  --yes           do not ask, as is done where no DEVICE is named\n"
	  "  --json          as JSON\n\n"
	  "A guest can write a store to its own disk.  Where no DEVICE is named a store on the\n"
	  "home of another system is not taken for one, and of two systems that name one device\n"
	  "none is written.\n" },
	{ "list", cmd_list, "[--json]", "all systems, attached or not", HELP_JSON },
	{ "status", cmd_status, "[NAME...] [--json]", "the state of a system, in detail", HELP_JSON },
	{ "recovery-point create", cmd_point_create, "NAME [--kind KIND] [--label TEXT] [--received]\n"
	  "              [--drop N[,N...] | --keep-all] [--hold PEER] [--timeout S] [--json]",
	  "make a recovery point of all disks",
	  "  --kind KIND   standard (default), application-consistent or planned\n"
	  "  --label TEXT  a name to know it by, at most 39 bytes\n"
	  "  --received    from the replication itself: all until now has arrived\n"
	  "  --drop N,...  drop the points with these numbers with it, and no others\n"
	  "  --keep-all    drop none\n"
	  "  --hold PEER   hold the new point for this peer; a point to drop may be one\n"
	  "                that this peer alone holds\n"
	  HELP_TIMEOUT
	  "  --json        as JSON\n\n"
	  "Without --drop and --keep-all the rules of replicactl settings choose the points that go.\n"
	  "The new point is made and the others are dropped at once, or nothing is changed.\n" },
	{ "recovery-point list", cmd_point_list, "NAME [--json]", "the recovery points of a system",
	  HELP_JSON
	  "\nONLY HERE are the bytes that no other state needs.  A drop does not free exactly these:\n"
	  "space comes back in whole chunks, and data that two points share is counted for neither.\n" },
	{ "recovery-point open", cmd_point_open, "NAME POINT [--timeout S] [--json]",
	  "make read-only devices that show a recovery point",
	  HELP_TIMEOUT
	  "  --json       as JSON\n"
	  "\nPOINT is the number or the label of a recovery point.  Its disks appear as\n"
	  "/dev/dm-replica/NAME/DISK@NUMBER, beside replication and failovers, and several points\n"
	  "may be open at a time.  An open point is not dropped, and no failover is committed,\n"
	  "until it is closed.  The devices end with a detach.\n"
	  "\nExamples:\n"
	  "  replicactl recovery-point open web1 12\n"
	  "  mount -o ro,noload /dev/dm-replica/web1/vda@12 /mnt     as the command has printed\n" },
	{ "recovery-point close", cmd_point_close, "NAME POINT [--wait S] [--timeout S]",
	  "remove the devices that recovery-point open has made",
	  HELP_WAIT
	  HELP_TIMEOUT
	  "\nPOINT is the number or the label of a recovery point.\n" },
	{ "recovery-point drop", cmd_point_drop, "NAME POINT [--yes]", "drop a recovery point",
	  "  --yes        do not ask, which is done on a terminal only\n\n"
	  "POINT is the number or the label of a recovery point; a number goes before a\n"
	  "label, and a label that several points have is refused.\n"
	  "\nExamples:\n"
	  "  replicactl recovery-point drop web1 12\n"
	  "  replicactl recovery-point drop web1 \"before upgrade\"\n" },
	{ "recovery-point hold", cmd_point_hold, "NAME POINT --peer PEER [--acked]",
	  "keep a recovery point for a peer, which replicates from it",
	  "  --peer PEER  a peer of the system, see replicactl peer list\n"
	  "  --acked      the peer has the point: it holds no older one any more\n\n"
	  "A held point is dropped by nothing but its peer: not by hand, by no rule, not in a full\n"
	  "store; and nothing is committed, until recovery-point release or peer remove.\n" },
	{ "recovery-point release", cmd_point_release, "NAME POINT --peer PEER",
	  "end that",
	  "  --peer PEER  the peer that holds it\n\n"
	  "If the peer has nothing newer, all of the disks has to be compared with it next time.\n" },
	{ "changes", cmd_changes, "NAME --to POINT [--from POINT] [--disk DISK] [--json]",
	  "what was written between two recovery points",
	  "  --to POINT    number or label of a recovery point\n"
	  "  --from POINT  an older one; without it all of each disk is listed\n"
	  "  --disk DISK   of this disk alone\n"
	  "  --json        as JSON\n\n"
	  "Lists extents of whole blocks of 4 KiB by offset: disk, offset, length in bytes, and\n"
	  "whether they are data or zeroes at the newer point.  Exactly what was written is listed,\n"
	  "also where the content is the same as before.  If a point is dropped meanwhile the\n"
	  "answer is 32775: hold them first (recovery-point hold).\n" },
	{ "peer list", cmd_peer_list, "NAME [--json]",
	  "the systems that have copies of a system's points", HELP_JSON },
	{ "peer add", cmd_peer_add, "NAME PEER [--uuid UUID]", "add a peer, up to 8",
	  "  --uuid UUID  of the peer (default: a random one)\n" },
	{ "peer remove", cmd_peer_remove, "NAME PEER [--yes]",
	  "remove a peer, and release all that it holds",
	  "  --yes        do not ask\n" },
	{ "failover", cmd_failover, "NAME [--point POINT] [--no-wait] [--timeout S]",
	  "bring the failover devices online at a recovery point",
	  "  --point P    number or label of the recovery point (default: the newest)\n"
	  "  --no-wait    do not wait for the job, nor long for its turn\n"
	  HELP_TIMEOUT
	  "  --without-libvirt\n"
	  "               do not adapt the domain of libvirt\n" },
	{ "revert", cmd_revert, "NAME [--yes] [--wait S] [--stop-guest] [--no-wait] [--timeout S]",
	  "discard everything written since the failover",
	  "  --yes        do not ask\n"
	  HELP_WAIT HELP_GUEST
	  "  --no-wait    do not wait for the space to be reclaimed, nor long for its turn\n"
	  HELP_TIMEOUT HELP_EXPECT_STATE HELP_EXPECT_WRITES
	  "\nExamples:\n"
	  "  replicactl revert web1\n"
	  "  replicactl revert web1 --yes --wait 60     the guest is being shut down\n" },
	{ "commit", cmd_commit, "NAME [--yes] [--no-wait] [--timeout S]",
	  "make the failover the machine, for good",
	  "  --yes        do not ask\n"
	  "  --no-wait    do not wait until everything is home, nor long for its turn\n"
	  HELP_TIMEOUT HELP_EXPECT_STATE
	  "\nAll recovery points are lost, and all replicated data after the point that was\n"
	  "failed over to.  The guest may run on.  There is no way back.\n"
	  "\nExamples:\n"
	  "  replicactl commit web1\n"
	  "  replicactl commit web1 --yes --no-wait\n" },
	{ "move-home", cmd_move_home, "NAME [--no-wait]",
	  "restart a cancelled move home",
	  "  --no-wait    do not wait until everything is home, nor long for its turn\n"
	  "\nA commit moves everything home as a job; after replicactl job cancel nothing\n"
	  "moves, also after a reboot, until this command.\n" },
	{ "test-failover start", cmd_test_start, "NAME [--point POINT] [--no-wait] [--timeout S]",
	  "bring the test devices online, beside replication and failover",
	  "  --point P    number or label of the recovery point (default: the newest)\n"
	  "  --no-wait    do not wait for the job, nor long for its turn\n"
	  HELP_TIMEOUT },
	{ "test-failover stop", cmd_test_stop, "NAME [--yes] [--wait S] [--stop-guest] [--no-wait] [--timeout S]",
	  "discard everything written in the test",
	  "  --yes        do not ask\n"
	  HELP_WAIT HELP_GUEST
	  "  --no-wait    do not wait for the space to be reclaimed, nor long for its turn\n"
	  HELP_TIMEOUT HELP_EXPECT_STATE HELP_EXPECT_WRITES },
	{ "suspend", cmd_suspend, "NAME [--timeout S]", "suspend replication",
	  HELP_TIMEOUT
	  "\nThe replica devices refuse writes until replicactl resume.\n" },
	{ "resume", cmd_resume, "NAME", "resume suspended replication", NULL },
	{ "heartbeat", cmd_heartbeat, "NAME", "report that replication runs and has nothing to write",
	  "For the replication, when all is sent and nothing has changed since.  Without writes,\n"
	  "heartbeats and points made with --received health warns: see --replication-interval.\n" },
	{ "remove", cmd_remove, "NAME [--flatten] [--wait S] [--yes] [--no-wait] [--timeout S]",
	  "end the replication: its homes become plain disks",
	  "  --flatten    drop the recovery points, and move everything home first\n"
	  HELP_WAIT
	  "  --yes        do not ask\n"
	  "  --no-wait    do not wait for the move home; run remove again to finish\n"
	  HELP_TIMEOUT HELP_EXPECT_STATE
	  "\nWhen all is home the devices are removed, the store is wiped and the system's\n"
	  "file is deleted.  After an interruption, run remove again.\n"
	  "\nExamples:\n"
	  "  replicactl remove web1\n"
	  "  replicactl remove web1 --flatten --yes\n" },
	{ "settings", cmd_settings, "NAME [OPTION...] [--json]", "show settings, or change them",
	  "  --keep-last N        keep the newest N recovery points\n"
	  "  --keep-within T      keep those not older than T\n"
	  "  --keep-hourly N      keep the newest of each of N hours, in UTC\n"
	  "  --keep-daily N       the same for days\n"
	  "  --keep-weekly N      the same for weeks, from Monday\n"
	  "  --space-low P        warn from P percent of the slots on\n"
	  "  --space-critical P   and be critical from here\n"
	  "  --when-full WHAT     fail: writes fail; drop-oldest: unused points go\n"
	  "  --live-reserve SIZE  slots kept for the live failover alone\n"
	  "  --point-interval T   warn if no point was made for so long\n"
	  "  --decide-within T    warn if failed over for so long\n"
	  "  --replication-interval T  warn if nothing arrived for three times that; 0: for a day\n"
	  "  --vacuum-rate RATE   bytes the vacuum may copy a second, auto, unlimited or 0\n"
	  "  --json               as JSON\n"
	  "\nT is as 90s, 15m, 24h, 7d, 2w or 1d12h, SIZE and RATE as 512M or 10G.  0 or none\n"
	  "switches a rule off.  A point stays if any rule keeps it; without a rule all do.\n"
	  "\nExamples:\n"
	  "  replicactl settings web1\n"
	  "  replicactl settings web1 --keep-last 10 --keep-daily 7 --point-interval 15m\n"
	  "  replicactl settings web1 --keep-last none\n" },
	{ "network list", cmd_network_list, "NAME [--json]",
	  "settings of the guest's network adapters after a failover", HELP_JSON },
	{ "network set", cmd_network_set, "NAME --mac MAC [--dhcp] [--address IP/PREFIX]... [OPTION...]",
	  "replace the settings of a network adapter",
	  "  --mac MAC            which adapter, as 52:54:00:12:34:56\n"
	  "  --dhcp               IPv4 comes by DHCP\n"
	  "  --address IP/PREFIX  an address, up to 8; or IPv4 as IP/NETMASK\n"
	  "  --gateway IP         a gateway, up to 5\n"
	  "  --dns IP             a DNS server, up to 8\n"
	  "\nIPv4 and IPv6.  Omitted settings are removed.\n"
	  "\nExamples:\n"
	  "  replicactl network set web1 --mac 52:54:00:12:34:56 --dhcp\n"
	  "  replicactl network set web1 --mac 52:54:00:12:34:56 --address 192.0.2.5/24 \\\n"
	  "          --address 2001:db8::5/64 --gateway 192.0.2.1 --dns 192.0.2.53\n" },
	{ "network clear", cmd_network_clear, "NAME (--mac MAC | --all)",
	  "remove the settings of a network adapter",
	  "  --mac MAC  of this one\n"
	  "  --all      of all\n" },
	{ "host-area list", cmd_host_list, "NAME [--json]",
	  "the values that programs of the host keep in the store",
	  HELP_JSON
	  "\nAdapters that network set has set are there, too, as adapter/MAC.\n" },
	{ "host-area get", cmd_host_get, "NAME KEY [--json]", "the value of a key",
	  HELP_JSON
	  "\nA value that is not printable text is shown as hex and its digits.\n" },
	{ "host-area set", cmd_host_set, "NAME KEY VALUE [--hex] [--yes] [--expect-state N]",
	  "set the value of a key",
	  "  --hex        VALUE is hex digits, two for each byte\n"
	  "  --yes        do not ask before another value is replaced\n"
	  HELP_EXPECT_STATE
	  "\nKEY is 1 to 63 characters of printable ASCII without blanks, VALUE any bytes; keys and\n"
	  "values together may have 8192 bytes, with 4 for each key.  The module does not read them.\n"
	  "\nExample:\n"
	  "  replicactl host-area set web1 backup/last 2024-05-01T03:00Z\n" },
	{ "host-area remove", cmd_host_remove, "NAME (KEY | --all) [--yes] [--expect-state N]",
	  "remove a key with its value",
	  "  --all        all keys, those of network adapters and of rules of retention included\n"
	  "  --yes        do not ask\n"
	  HELP_EXPECT_STATE },
	{ "domain", cmd_domain, "COMMAND [ARGUMENT...]",
	  "guests of libvirt: replicactl-domain(8), if it is installed",
	  "replicactl domain --help shows its commands.\n" },
	{ "grow", cmd_grow, "NAME", "use the growth of the store's device",
	  "Grow the device below first, then this; the system stays attached.\n"
	  "\nExample:\n"
	  "  lvextend -L +20G /dev/vg0/web1-store\n"
	  "  replicactl grow web1\n" },
	{ "reset-errors", cmd_reset_errors, "NAME [--wait S]",
	  "reset I/O errors, let devices with lost writes write again",
	  HELP_WAIT
	  "\nA device takes no more writes when its home has lost writes: see replicactl status.\n"
	  "Mend the home and stop the users of the device first.  Unflushed data may be lost:\n"
	  "replicate the disk again, or check its file system.\n" },
	{ "job list", cmd_job_list, "[NAME] [--json]", "jobs, until five minutes after their end",
	  HELP_JSON },
	{ "job show", cmd_job_show, "NAME ID [--json]", "one job", HELP_JSON },
	{ "job wait", cmd_job_wait, "NAME ID [--timeout S]",
	  "wait for a job, end with the code it ended with",
	  "  --timeout S  wait at most S seconds\n" },
	{ "job cancel", cmd_job_cancel, "NAME ID", "end a job that moves home, or that has not begun",
	  "A job in state New is cancelled, and nothing is changed.  Of a move home moved data\n"
	  "stays home, the rest stays in the store, also after a reboot, until replicactl\n"
	  "move-home.\n" },
	{ "job pause", cmd_job_pause, "NAME ID", "pause a job that moves home",
	  "It rests until replicactl job resume, or until the next attach.\n" },
	{ "job resume", cmd_job_resume, "NAME ID", "resume a paused job", NULL },
	{ "monitor", cmd_monitor, "[--json|--hooks]",
	  "all systems and jobs, then every change as it comes",
	  "  --json   one JSON object on each line\n"
	  "  --hooks  print nothing: run the programs in /etc/dm-replica/hooks.d; a service,\n"
	  "           dm-replica-events, which udev starts\n"
	  "\nBeside systems and jobs: health, when it changes, and space, when the store runs\n"
	  "low or has enough again; attached and detached; the module unloaded and loaded.\n" },
	{ "doctor", cmd_doctor, "[--json]", "look at the host: what is to be mended, and by which command",
	  HELP_JSON
	  "\nFiles of systems, module, LVM's filter, udev's rule, directories of hooks, homes in use by\n"
	  "LVM or md, homes without an identity, space, libvirt's hook, storage in common.  Nothing\n"
	  "is changed.  Exit status: 0 also with notes, 1 with a fault.\n" },
	{ "check-health", cmd_check_health, "[NAME] [-w LIMITS] [-c LIMITS] [-t S]",
	  "the health of one system or of all, as a Nagios plugin",
	  "  -w LIMITS  WARNING also from here: a percentage of used slots as 80%, an age of the\n"
	  "             newest recovery point as 90s, 15m, 2h, or both as 80%,2h\n"
	  "  -c LIMITS  the same for CRITICAL\n"
	  "  -t S       UNKNOWN after so many seconds, 10 by default\n"
	  "\nThe module's own health counts in any case, with the marks of replicactl settings.\n"
	  "Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, wrong usage included.  The same\n"
	  "runs under the name check_dm_replica.\n"
	  "\nExample:\n"
	  "  replicactl check-health web1 -w 80%,1h -c 95%,4h\n" },
	{ "metrics", cmd_metrics, "[--output FILE]", "all systems in the text format of Prometheus",
	  "  --output FILE  into a file, replaced as a whole: for node_exporter, whose textfile\n"
	  "                 collector reads files *.prom\n"
	  "\nIf something cannot be read, the rest is written, dm_replica_scrape_success is 0, and\n"
	  "the exit status is that of the refusal.  Stores are not read.\n"
	  "\nExample:\n"
	  "  replicactl metrics --output /var/lib/prometheus/node-exporter/dm-replica.prom\n" },
	{ "check", cmd_check, "STORE|NAME [--repair no] [--json]",
	  "check a store, without the module and changing nothing",
	  "  --repair no  change nothing, which is also the default\n"
	  "  --json       as JSON\n" },
	{ "dump", cmd_dump, "STORE|NAME [--log] [--json]", "the superblocks of a store, field by field",
	  "  --log   the records of the log as well\n"
	  "  --json  as JSON\n" },
	{ "send", cmd_send, "NAME (--from POINT | --full) [--to POINT] [OPTION...] > FILE",
	  "write changes between two recovery points, or all, as a stream",
	  "  --from POINT  what was written since: the newest point of the receiver\n"
	  "  --full        all: for a receiver without a point\n"
	  "  --to POINT    up to this point (default: the newest)\n"
	  "  --dry-run     send nothing, print the bytes of each disk\n"
	  "  --plain       do not compress\n"
	  "  --sync SIZE   flush at the receiver each SIZE bytes, 4K to 1G (default 64M): what is\n"
	  "                sent again at most after a cut\n"
	  "  --json        as JSON; without --dry-run on standard error, when all is sent\n"
	  "\nPOINT is a number or a label.  The stream goes to standard output, which is no terminal.\n"
	  "Base and target cannot be dropped meanwhile; each changed block of 4 KiB is read once.\n"
	  "On a terminal, standard error shows bytes, rate and remaining time.\n"
	  "\nExamples:\n"
	  "  replicactl send web1 --full > web1.stream\n"
	  "  replicactl send web1 --from 41 | ssh siteb replicactl receive web1\n" },
	{ "receive", cmd_receive, "NAME [--two-way] [--json] < FILE",
	  "take a stream: a recovery point of the sender becomes one here",
	  "  --two-way  answer on standard output: for a sender that reads it\n"
	  "  --json     as JSON\n"
	  "\nThe stream has to begin at the newest recovery point of NAME, which is a replica of the\n"
	  "same machine, with disks of the same names and sizes, or at none if NAME has none.  Until\n"
	  "its end it is no point, and failovers do not see it.  One that is cut is received again:\n"
	  "it goes on behind what was flushed.  The same one once more changes nothing.\n"
	  "\nExample:\n"
	  "  replicactl receive web1 < web1.stream\n" },
	{ "replicate", cmd_replicate, "NAME [--to ssh://HOST|exec:COMMAND] [OPTION...]",
	  "send each interval what has changed, to a receiver that answers",
	  "  --to ssh://[USER@]HOST[/NAME]\n"
	  "                 run replicactl receive NAME --two-way there (default: the same name)\n"
	  "  --to exec:COMMAND\n"
	  "                 the receiver is this command's standard input and output\n"
	  "  --interval T   a recovery point each T, 1s to 7d (default 30s); later if the last one\n"
	  "                 has not arrived\n"
	  "  --once         one recovery point, and no second attempt\n"
	  "  --stay         go on after a refusal, too, each minute: for a service\n"
	  "  --peer PEER    holds base and target here (default: HOST); added if it is not there\n"
	  "  --plain        do not compress\n"
	  "  --sync SIZE    flush at the receiver each SIZE bytes (default 64M)\n"
	  "\nBoth sides compare what they have: a stream that was cut goes on, else what has changed\n"
	  "since the newest common point follows, or everything to a receiver without a point.  After\n"
	  "a fault it tries again, after 1, 2, 4 ... 60 s.  Where both sides differ, it ends.\n"
	  "\nWithout --to all that is not given is read from /etc/dm-replica/replicate.d/NAME.conf, with\n"
	  "lines as to=ssh://siteb and interval=30s.  systemctl enable --now dm-replica-send@NAME\n"
	  "does so from boot on.\n"
	  "\nExample:\n"
	  "  replicactl replicate web1 --to ssh://siteb --interval 30s\n" },
	{ "verify", cmd_verify, "NAME [--point POINT] [--against FILE] [--json]",
	  "hashes of a recovery point, or the comparison with another host's",
	  "  --point POINT   number or label (default: the newest)\n"
	  "  --against FILE  compare with what verify printed of the same point elsewhere; - is\n"
	  "                  standard input\n"
	  "  --json          as JSON\n"
	  "\nAll of the point is read, region by region of 64 MiB, and nothing is written.  Exit status\n"
	  "1: it differs.\n"
	  "\nExample:\n"
	  "  ssh siteb replicactl verify web1 --point 41 | replicactl verify web1 --point 41 --against -\n" },
	{ "stream-info", cmd_stream_info, "[--json] < FILE",
	  "what a replication stream holds, and whether it is intact",
	  "  --json  as JSON\n"
	  "\nThe stream is read from standard input, to its end, by a program of its own without\n"
	  "privileges; no system is touched.  Each frame, each extent and the digest are checked as\n"
	  "a receiver does.  Exit status 1: it is damaged, or not complete.\n"
	  "\nExample:\n"
	  "  replicactl stream-info < web1.stream\n" },
	{ "vacuum", cmd_vacuum, "NAME --rate RATE|--hold|--release",
	  "limit the vacuum's copying; or hold the vacuum, for tests",
	  "  --rate RATE  bytes per second as 50M, or auto, unlimited, or 0: no copying\n"
	  "  --hold       hold it and the one-second log commit\n"
	  "  --release    release them\n"
	  "\nThe rate is a setting and stays; a hold ends with the detach.  --hold waits for the end\n"
	  "of its present work, 20 seconds at most.\n" },
	{ "version", cmd_version, "[--json]", "versions of tool, format, netlink family and module",
	  HELP_JSON },
};

const unsigned int nr_commands = sizeof(commands) / sizeof(commands[0]);
