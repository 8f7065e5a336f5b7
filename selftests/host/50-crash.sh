#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Machines cut off in the midst of work, over disks with a volatile cache that is lost with
# them: all flushed data is there, each answered operation has happened, and nothing is a
# third thing.
#
# Each chain of boots uses one system: a boot checks the content after the last cut
# (helper-crash verify), works on, writes and operations at the same time, and is cut at some
# moment (helper-crash work).  The disks are helper-nbd's: of data that was not flushed all or
# a part is lost.  The kernels alternate, so that each continues on the other's store, and
# with 4 rounds on its own; the chains begin at different plans.
#
# And the test of the test: disks that lie about flushes must be found out.  The test also
# failed, within 4 rounds, for a module that does not flush homes in a commit, or not before
# it drops versions that were moved home, or writes its log without PREFLUSH; with 2 rounds
# this was not tried.
#
# SEED, ROUNDS (cuts per chain; 2, or 4 with LONG=1) choose others.
# The virtual machine runs this file, too: crash.sh --guest DIR SEED...
# runs on: um 6.1 (power cuts, also of two CPUs at work)
. "$(dirname "$0")/../vm/lib.sh"

# --- in the virtual machine -----------------------------------------------

r() { "$REPLICACTL" "$@"; }

# guest DIR SEED WHOLE GRANULE PLAN LIAR CHUNK CUT_MS [homes]
# WHOLE: the disks before had granules of 4096.
# Prints "result ok" or "result not ok: REASON" and cuts itself off.
guest() {
	local dir=$1 seed=$2 whole=$3 granule=$4 plan=$5 liar=$6 chunk=$7 ms=$8 last=${9-}
	local nbd d disks=() fua wb said words=() rc
	# shellcheck disable=SC2034 # load_module reads it
	REPLICACTL=$dir/replicactl MODULE=$dir/dm-replica.ko.$VM_KERNEL
	local crash=("$dir/helper-crash" "$(dev journal)" "$REPLICACTL" crash "$seed")

	finish() {
		kill "-$1" "$nbd"
		sleep 20
		exit 1
	}
	failed() {
		echo "result not ok: $*"
		finish TERM
	}
	stage() { echo "# $(cut -d' ' -f1 /proc/uptime) s: $*"; }
	stage "up"
	modprobe nbd nbds_max=4 max_part=0 || die "no nbd"
	for d in 0 1 2; do
		disks+=("/dev/nbd$d=$(dev "b$d")")
		case $liar in
		store) [ $d != 0 ] || disks[0]="${disks[0]},lie" ;;
		homes) [ $d = 0 ] || disks[d]="${disks[d]},lie" ;;
		esac
	done
	"$dir/helper-nbd" --seed "$seed" --granule "$granule" "${disks[@]}" >/run/nbd 2>&1 &
	nbd=$!
	tail -n +1 -f --pid=$nbd /run/nbd | sed -u 's/^/# /' &
	wait_for 20 grep -q ready /run/nbd || die "helper-nbd does not come: $(cat /run/nbd)"
	for d in 0 1 2; do
		wb=$(cat /sys/block/nbd$d/queue/write_cache)
		fua=$(cat /sys/block/nbd$d/queue/fua)
		[ "$wb:$fua" = "write back:1" ] || failed "nbd$d: write_cache '$wb', fua '$fua'"
	done
	stage "disks"
	load_module >/dev/null

	if [ -e "$dir/made" ]; then
		said=$(r scan --write --accept-homes /dev/nbd0 /dev/nbd1 /dev/nbd2 2>&1) ||
			failed "scan: status $?: $said"
		said=$(r check /dev/nbd0 2>&1)
		rc=$?
		echo "# check: ${said//$'\n'/$'\n'# check: }"
		[ $rc = 0 ] || failed "check of the store: status $rc"
	else
		said=$(r create crash --store /dev/nbd0 --chunk-size "$chunk" \
			--disk vda=/dev/nbd1 --disk vdb=/dev/nbd2 2>&1) || failed "create: $said"
	fi
	said=$(r attach crash 2>&1)
	rc=$?
	echo "$said" | head -n 1 | sed 's/^/# /'
	[ $rc = 0 ] || failed "attach: status $rc: $said"
	stage "attached"
	[ "$whole" != 4096 ] || words+=(whole)
	# Half of the time continue in the present state.
	[ "$last" != homes ] && [ $((seed % 2)) = 0 ] || words+=(points)
	"${crash[@]}" verify "${words[@]}" || failed "verify"
	stage "verified"
	if [ "$last" = homes ]; then
		"${crash[@]}" homes /dev/nbd1 /dev/nbd2 || failed "homes"
		stage "all is home"
		echo "result ok"
		finish TERM
	fi
	# The disks begin to lie when the work begins.
	[ "$liar" = - ] || kill -USR2 $nbd
	"${crash[@]}" work "$plan" >/run/work 2>&1 &
	wait_for 20 grep -q 'at work' /run/work
	printf -v ms '%d.%03d' $((ms / 1000)) $((ms % 1000))
	sleep "$ms"
	kill -0 $! 2>/dev/null || failed "work: $(cat /run/work)"
	[ "$(r status crash --json | sed -n 's/^ *"state": *\([0-9]*\).*/\1/p' | head -n 1)" != 8 ] ||
		failed "critical"
	kill -HUP $nbd
	stage "at work"
	echo "result ok"
	finish USR1
}

if [ "${1-}" = --guest ]; then
	shift
	guest "$@"
fi

# --- on the host ----------------------------------------------------------

read -ra kernels <<<"${KERNELS:-um 6.1}"
rounds=${ROUNDS:-$(much 2 4)}
seed=${SEED:-$(date +%s)}
for k in "${kernels[@]}"; do
	[ -e "$VM_SRC/build/$k/dm-replica.ko" ] || skip_all "build/$k/dm-replica.ko is not built"
done
[ -x "$REPLICACTL" ] || skip_all "replicactl is not built"
# Copies: a build beside this test must not change what it tests.
dir=$(workdir)
cp "$REPLICACTL" "$dir/" || exit 1
for k in "${kernels[@]}"; do
	cp "$VM_SRC/build/$k/dm-replica.ko" "$dir/dm-replica.ko.$k" || exit 1
done
build_helpers "$dir" nbd crash io || exit 1
broken=''
leave() {
	if [ -z "$broken" ]; then rm -rf "$dir"; else diag "the disks are left in $dir"; fi
}
at_exit leave

ktap_plan $((${#kernels[@]} * (rounds + 2)))
diag "SEED=$seed ROUNDS=$rounds"

# boot CHAIN KERNEL SEED WHOLE GRANULE PLAN LIAR CHUNK CUT_MS [homes]: its output in $said;
# status 0 if all of it was well.
boot() {
	local c=$dir/$1 rc
	mkdir -p "$c"
	rm -rf "$c.was"
	cp -a --sparse=always "$c" "$c.was" || die "cannot copy the disks"
	ln -f "$dir"/helper-* "$dir"/replicactl "$dir"/dm-replica.ko.* "$c/"
	said=$(vm --kernel "$2" --timeout 400 --mem 1024 --cut \
		--disk b0=40M,file="$c/b0" --disk b1=4M,file="$c/b1" --disk b2=4M,file="$c/b2" \
		--disk journal=16M,file="$c/journal" \
		"$VM_SRC/selftests/host/50-crash.sh" --guest "$c" "${@:3}" 2>&1)
	rc=$?
	if [ $rc = 96 ] && [ -z "${again-}" ]; then
		# The emulator broke the guest (see scripts/vm): from the same disks once more.
		diag "$said" "once more"
		rm -rf "$c" && mv "$c.was" "$c" && again=1 boot "$@"
		return
	fi
	: >"$c/made"
	[ $rc = 0 ] || said="$said
the machine ended with $rc"
	[ $rc = 0 ] && grep -q '^result ok' <<<"$said"
}

# A number from 0 to $1 - 1; the same for the same SEED.
RANDOM=$((seed % 32768))
pick() { picked=$((RANDOM % $1)); }

plans=(mixed home storm live mixed storm)
chunks=(64K 16K)
for i in "${!kernels[@]}"; do
	k=${kernels[i]} was=- granule=4096
	n=${#kernels[@]}
	chunk=${chunks[i % 2]}
	for ((round = 0; round <= rounds; round++)); do
		# 6.1, 6.1, 6.12, 6.12, 6.1...: each after itself and after the other.
		k=${kernels[(i + round / 2) % n]}
		whole=$granule granule=512
		[ $((round % 2)) = 0 ] || granule=4096
		pick 2500
		ms=$((300 + picked))
		pick 30000
		t=$(date +%s)
		last=''
		[ $round != "$rounds" ] || last=homes
		plan=${plans[(round + 3 * i) % 6]}
		name="chain $i, chunks of $chunk: $k"
		[ "$was" = - ] || name="$name after $was was cut at $cut"
		[ -z "$last" ] || name="$name; then all goes home"
		boot "chain$i" "$k" $picked $whole $granule "$plan" - "$chunk" $ms $last || broken=1
		diag "$(($(date +%s) - t)) s" "$said"
		if [ -z "$broken" ]; then ok "$name"; else not_ok "$name"; fi
		[ -z "$broken" ] || die "what follows would be of no use"
		was=$k cut="'$plan'"
	done
done

# Disks that answer flushes without flushing: one of the checks must notice that promised
# content is missing.  Lost are the state and the map, or the plain content of homes.
for i in "${!kernels[@]}"; do
	k=${kernels[i]}
	liar=store plan=mixed
	[ $((i % 2)) = 0 ] || liar=homes plan=home
	name="$k: a $liar that lies about flushes is found out"
	if ! boot "liar$i" "$k" $((seed + 1)) 512 512 $plan $liar 64K 800; then
		diag "$said"
		not_ok "$name"
	elif boot "liar$i" "$k" $((seed + 1)) 512 512 $plan - 64K 100; then
		diag "$said"
		not_ok "$name"
	elif grep -q '^result not ok: \(verify\|attach\|check\)' <<<"$said"; then
		diag "$(grep '^result not ok\|^helper-crash' <<<"$said")"
		ok "$name"
	else
		diag "$said"
		not_ok "$name"
	fi
done
