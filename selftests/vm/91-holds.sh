#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Recovery points that a peer holds: no way of dropping a point drops them, and each hold
# costs no I/O of its own where it is made with the point (R17).
# vm: --disk g=512M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

ktap_plan 72
load_module
no_merges /dev/vm/*
dmsetup create store --table "0 $((24 * 2048)) linear $(dev g) 0" || die "no store"
make_system h /dev/mapper/store vda=d0
rep=/dev/mapper/h-vda-replica
expect_log 'device-mapper: replica: h: '
listed() { point_numbers h | paste -sd' '; }
# holders POINT: names, by commas.
holders() {
	r recovery-point list h --json | tr -d ' \n' | grep -o "{\"number\":$1,[^}]*}" |
		sed 's/.*"held_by":\[\([^]]*\)\].*/\1/; s/"//g'
}

# --- peers --------------------------------------------------------------------

is "no peer at first" "$(r peer list h)" "system h has no peer"
refused "a hold for none" 32775 'no recovery point' r recovery-point hold h 1 --peer b
check "a peer before any point" r peer add h b --uuid 11111111-2222-3333-4444-555555555555
check "added twice is once" r peer add h b --uuid 11111111-2222-3333-4444-555555555555
refused "another UUID" 32773 'another peer has this name' r peer add h b
refused "another name" 32773 'or this UUID' r peer add h x --uuid 11111111-2222-3333-4444-555555555555
check "a second one" r peer add h site-c
is "both are listed" "$(r peer list h --json | tr -d ' \n' | grep -o '"name":"[^"]*"' | paste -sd' ')" \
	'"name":"b" "name":"site-c"'
for i in 3 4 5 6 7 8; do r peer add h p$i >/dev/null || die "cannot add peer $i"; done
refused "a ninth" 32768 'as many peers' r peer add h p9
for i in 3 4 5 6 7 8; do r peer remove h p$i --yes >/dev/null || die "cannot remove peer $i"; done
refused "a name that cannot be" 32773 'letters, digits' \
	bash -c "'$nl' peer-add $(field h uuid) 18:str=a/b 19:hex=16x01 | grep -q 'code 32773' &&
	{ echo 'replicactl: 32773 Invalid parameter: letters, digits' >&2; exit 6; }"
refused "an unknown one" 32779 'no such peer' r peer remove h unknown --yes

# --- holds ---------------------------------------------------------------------

point h
point h
hold h
before=$(field h superblocks)
check "a point that is held from the beginning on" r recovery-point create h --hold b
is "costs no superblock more" $(($(field h superblocks) - before)) 1
release h
point h
is "it is shown" "$(holders 3)" b
check "as text, too" grep -q '^ *3 .*(held by b)' <(r recovery-point list h)
check "hold another" r recovery-point hold h 1 --peer b
check "for two peers" r recovery-point hold h 1 --peer site-c
before=$(field h state_number)
check "once more" r recovery-point hold h 1 --peer site-c
is "changes nothing" "$(field h state_number)" "$before"
is "both are shown" "$(holders 1)" b,site-c
is "none is known to have any" "$(r peer list h | awk '{ print $3 }' | paste -sd' ')" "HAS - -"
check "b has point 2" r recovery-point hold h 2 --peer b --acked
is "as is shown" "$(r peer list h | awk '{ print $3 }' | paste -sd' ')" "HAS 2 -"
is "which ends its hold of an older one, not another's" "$(holders 1) $(holders 2) $(holders 3)" "site-c b b"
hold h
before=$(field h superblocks)
check "b has point 3" r recovery-point hold h 3 --peer b --acked
is "by one superblock, with the end of its hold of 2" "$(field h superblocks) $(holders 2)" "$((before + 1)) "
before=$(field h state_number)
check "once more" r recovery-point hold h 3 --peer b --acked
is "changes nothing" "$(field h state_number)" "$before"
release h
check "a late answer, about an older point" r recovery-point hold h 1 --peer b --acked
is "is no step back" "$(r peer list h | awk '{ print $3 }' | paste -sd' ')" "HAS 3 -"
r detach h >/dev/null || die "cannot detach"
is "read from the store" "$(r peer list h | awk '{ print $3 }' | paste -sd' ')" "HAS 3 -"
r attach h >/dev/null || die "cannot attach"
is "and attached again" "$(r peer list h | awk '{ print $3 }' | paste -sd' ')" "HAS 3 -"
refused "a hold for an unknown peer" 32779 'no such peer' r recovery-point hold h 1 --peer d
refused "of an unknown point" 32779 'no such recovery point' r recovery-point hold h 99 --peer b
refused "a new point of an unknown peer" 32779 'no such peer' r recovery-point create h --hold d

# --- each way of dropping --------------------------------------------------------

refused "by hand" 32774 'a peer holds this point' r recovery-point drop h 1 --yes
refused "with another" 32774 'recovery point 1: a peer holds' r recovery-point create h --drop 2,1
is "nothing is dropped" "$(listed)" "1 2 3 4"
check "a rule" r settings h --keep-last 1
point h
is "passes them over" "$(listed)" "1 3 5"
check "the rule ends" r settings h --keep-last none
refused "by its peer, where another holds it, too" 32774 'a peer holds' \
	r recovery-point create h --hold b --drop 1
check "by its peer alone" r recovery-point create h --hold b --drop 3
is "in one step" "$(listed)" "1 5 6"
is "the new one is held" "$(holders 6)" b
refused "a release by one that does not hold it" 32779 'no such peer' r recovery-point release h 6 --peer d
r failover h >/dev/null || die "cannot fail over"
refused "by a commit" 32774 'a peer holds a recovery point.*recovery-point list' r commit h --yes
is "nothing was committed" "$(field h state) $(listed)" "5 1 5 6"
r revert h --yes >/dev/null || die "cannot revert"

# A full store drops the oldest that no peer holds.
check "policy" r settings h --when-full drop-oldest
for i in 1 2 3 4; do
	"$io" $rep w:0:3M:$i f || die "cannot write"
	point h
done
full() {
	local i=0
	while ! "$io" $rep w:0:9M:9 f && [ $i -lt 60 ]; do
		sleep 0.5
		i=$((i + 1))
	done
} 2>/dev/null
full
check "points were given up" [ "$(field h points)" -lt 7 ]
is "none that is held" "$(holders 1) $(holders 6)" "b,site-c b"
check_fails "but older ones" grep -q '\b5\b' <(listed)
check "the write went through" "$io" $rep c:0:9M:9

# --- detached ----------------------------------------------------------------------

r detach h >/dev/null || die "cannot detach"
is "a detached store shows its holds" "$(holders 1) $(holders 6)" "b,site-c b"
is "and its peers" "$(r peer list h --json | grep -c '"points_held": *[12],*$')" 2
check "dump has them" grep -q 'peer .* b, 11111111-2222' <(r dump h)
check "check finds nothing wrong" r check h
r attach h >/dev/null || die "cannot attach"
is "they are there again" "$(holders 1) $(holders 6)" "b,site-c b"
refused "and hold" 32774 'a peer holds' r recovery-point drop h 6 --yes

# --- the end of a hold ---------------------------------------------------------------

check "release" r recovery-point release h 6 --peer b
check "twice" r recovery-point release h 6 --peer b
check "it can be dropped" r recovery-point drop h 6 --yes
check "release one of two" r recovery-point release h 1 --peer b
refused "the other one holds it" 32774 'a peer holds' r recovery-point drop h 1 --yes
check "remove that peer" r peer remove h site-c --yes
is "it holds nothing" "$(holders 1)" ''
check "the next peer has its place" r peer add h e
is "and holds nothing" "$(holders 1)" ''
check "a removed peer's point can be dropped" r recovery-point drop h 1 --yes
r failover h >/dev/null || die "cannot fail over"
check "commit" r commit h --yes
r detach h >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check h
check "the module unloads" unload_module
