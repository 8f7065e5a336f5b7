#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A chunk with thousands of versions, and a store made to have as many as it can: it attaches,
# in any order of its log, operations beside the sweep end, and each view shows its content.
# That a chain takes steps in proportion to its length, and its sweep pauses, is counted in
# unit tests (chain_*): here it takes too little time to show.
# vm: --disk st=8G
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 28
load_module
live=/dev/mapper/c-vda tst=/dev/mapper/c-vda-test

# shows DEVICE FROM END: are these of the 64 blocks zeroes, and all others the content of
# home?
shows() {
	"$io" "$1" "n:$(($2 * 4))K:$((($3 - $2) * 4))K" || return
	[ "$2" = 0 ] || "$io" "$1" "c:0:$(($2 * 4))K:7" || return
	[ "$3" = 64 ] || "$io" "$1" "c:$(($3 * 4))K:$(((64 - $3) * 4))K:7"
}

swept() { [ "$(field c versions)" = "$1" ]; }

# chain POINTS EPOCHS ORDER: such a store, attached, with operations beside its sweep.
chain() {
	local about="$1 points, $2 epochs each, $3" end=$2 versions i
	"$io" /dev/vm/d0 w:0:256K:7 f || die "cannot write"
	r create c --store /dev/vm/st --disk vda=/dev/vm/d0 --chunk-size 256K --force >/dev/null ||
		die "cannot create"
	"$store_tool" /dev/vm/st chain "$1" "$2" "$3" || die "cannot make the store"
	check "$about: attach" r attach c
	check "$about: the head" shows /dev/mapper/c-vda-replica 0 "$end"
	check "$about: failover" r failover c
	"$io" $live w:0:16K:9 f || die "cannot write"
	check "$about: revert" r revert c --yes
	check "$about: test failover at the oldest point" r test-failover start c --point 1
	check "$about: which shows it" shows $tst 0 "$end"
	check "$about: its end" r test-failover stop c --yes
	for ((i = 0; i < 5; i++)); do
		r recovery-point create c >/dev/null || die "cannot make a point"
		r failover c >/dev/null || die "cannot fail over"
		r revert c --yes >/dev/null || die "cannot revert"
	done
	# Each further pass checks all of them: no version that a point needs may go, but
	# those up to the oldest point are home by then.
	versions=$(($1 * $2))
	check "$about: what points need stays, and nothing else" wait_for 60 swept $versions
	r detach c >/dev/null || die "cannot detach"
	check "$about: check finds nothing wrong" r check c
	rm -f /etc/dm-replica/systems.d/c.conf
}

# Hourly points and one a minute in between; and the most that points can need.
chain 64 60 rising
chain 500 64 falling
chain 500 63 drops
check "the module unloads" unload_module
