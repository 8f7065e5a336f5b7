#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The crash replay: a life of a system is recorded, with all requests that reached the devices
# and all requests and answers above them (helpers/record.h); thousands of states that a crash
# might have left are made from the record, and each is attached in user space and compared
# with its possible content (selftests/crash).  Some of these states are given to the module,
# too, which must show the same, and lives on with one of them; that second life is recorded
# and replayed in turn, so that a store has leftovers from the log of an earlier life.
#
# Without CRASH=all only two short lives, for "make check"; with it every plan on
# both kernels ("make check-crash").  SEED, PLANS, KERNELS, STATES (for each record),
# SAMPLES (for each life) and SECONDS_1, SECONDS_2 (the lives') choose others.
# KEEP=DIR leaves the records there.
# The virtual machine runs this file, too: crash-replay.sh --guest DIR N OPTION...
# debug: PLANS=mixed SECONDS_1=40 SECONDS_2=20
. "$(dirname "$0")/../vm/lib.sh"

# --- in the virtual machine -----------------------------------------------

# one_life DIR I OPTION...: one life on the disks sI, aI and bI, recorded in DIR/recordI.
one_life() {
	local dir=$1 i=$2 nbd d wb run=/run/life
	shift 2
	# Files of an earlier life: its server's "ready" would be taken for this one's.
	# Its store may be the newer one: the samples are states of one life, in no order.
	rm -f $run/record /run/nbd /etc/dm-replica/systems.d/life.conf /var/lib/dm-replica/*
	"$dir/helper-nbd" --record $run/record "/dev/nbd0=$(dev "s$i")" "/dev/nbd1=$(dev "a$i")" \
		"/dev/nbd2=$(dev "b$i")" >/run/nbd 2>&1 &
	nbd=$!
	wait_for 30 grep -qs ready /run/nbd || die "helper-nbd does not come: $(cat /run/nbd)"
	for d in 0 1 2; do
		wb="$(cat /sys/block/nbd$d/queue/write_cache):$(cat /sys/block/nbd$d/queue/fua)"
		[ "$wb" = "write back:1" ] || die "nbd$d: write_cache and fua are $wb"
	done
	load_module >/dev/null
	"$dir/helper-life" --record $run/record --tool "$dir/replicactl" --system life \
		--store life-store:/dev/nbd0 --disk vda=/dev/nbd1 --disk vdb=/dev/nbd2 "$@" ||
		die "life $i has failed: $?"
	rmmod dm_replica || die "the module does not go"
	kill $nbd
	wait $nbd || die "helper-nbd: status $?: $(cat /run/nbd)"
	sed 's/^/# /' /run/nbd
	cp $run/record "$dir/record$i" || die "cannot copy the record"
	echo "# $(cut -d' ' -f1 /proc/uptime) s: life $i is recorded"
}

# guest DIR N SECONDS OPTION...: N lives of no length, but the last one of SECONDS.
guest() {
	local dir=$1 n=$2 seconds=$3 i s=0
	shift 3
	# shellcheck disable=SC2034 # load_module reads it
	MODULE=$dir/dm-replica.ko.$VM_KERNEL
	mkdir -p /run/life
	mount -t tmpfs -o size=700M tmpfs /run/life || die "no tmpfs"
	modprobe nbd nbds_max=4 max_part=0 || die "no nbd"
	for ((i = 0; i < n; i++)); do
		[ $((i + 1)) != "$n" ] || s=$seconds
		one_life "$dir" $i --seconds "$s" "$@"
	done
	exit 0
}

if [ "${1-}" = --guest ]; then
	shift
	guest "$@"
fi

# --- on the host ----------------------------------------------------------

read -ra kernels <<<"${KERNELS:-um}"
seed=${SEED:-$(date +%s)}
if [ "${CRASH-}" = all ]; then
	read -ra plans <<<"${PLANS:-mixed ring full vacuum home}"
	states=${STATES:-20000} samples=${SAMPLES:-3}
	first=${SECONDS_1:-15} second=${SECONDS_2:-8}
else
	read -ra plans <<<"${PLANS:-mixed vacuum}"
	states=${STATES:-300} samples=${SAMPLES:-2}
	first=${SECONDS_1:-6} second=${SECONDS_2:-4}
fi
for k in "${kernels[@]}"; do
	[ -e "$VM_SRC/build/$k/dm-replica.ko" ] || skip_all "build/$k/dm-replica.ko is not built"
done
[ -x "$REPLICACTL" ] || skip_all "replicactl is not built"
# Copies: a build beside this test must not change what it tests.
dir=$(workdir)
broken=''
leave() {
	if [ -z "$broken" ]; then rm -rf "$dir"; else diag "records and disks are left in $dir"; fi
}
at_exit leave
cp "$REPLICACTL" "$dir/" || exit 1
for k in "${kernels[@]}"; do
	cp "$VM_SRC/build/$k/dm-replica.ko" "$dir/dm-replica.ko.$k" || exit 1
done
st=$VM_SRC/selftests
build_helpers "$dir" nbd life || exit 1
if [ -z "${CRASH_REPLAY-}" ]; then
	make -s -C "$st/crash" build >"$dir/make.log" 2>&1 ||
		die "cannot build selftests/crash: $(cat "$dir/make.log")"
fi
cp "${CRASH_REPLAY:-$VM_SRC/build/crash/crash}" "$dir/crash" || exit 1

# Each plan is lived on one kernel in a short run, on each in a long one.
chains=()
for i in "${!plans[@]}"; do
	if [ "${CRASH-}" = all ]; then
		for k in "${kernels[@]}"; do chains+=("$k ${plans[i]}"); done
	else
		chains+=("${kernels[i % ${#kernels[@]}]} ${plans[i]}")
	fi
done
rings=$(printf '%s\n' "${chains[@]}" | grep -c ' ring$')
all=0
[ "${CRASH-}" != all ] || all=1
ktap_plan $((${#chains[@]} * 8 + rings + all))
diag "SEED=$seed"

# boot DIR KERNEL N DISK... -- SECONDS OPTION...: N lives; their output in $said.
boot() {
	local c=$1 k=$2 n=$3 disks=() rc
	shift 3
	while [ "$1" != -- ]; do
		disks+=(--disk "$1")
		shift
	done
	shift
	ln -f "$dir"/helper-* "$dir"/replicactl "$dir"/dm-replica.ko.* "$c/"
	said=$(vm --kernel "$k" --timeout 400 --mem 3072 --out "$c" "${disks[@]}" \
		"$VM_SRC/selftests/host/60-crash-replay.sh" --guest "$c" "$n" "$@" 2>&1)
	rc=$?
	if [ $rc = 96 ]; then
		# The emulator broke the guest (see scripts/vm): once more.
		diag "$said" "once more"
		said=$(vm --kernel "$k" --timeout 400 --mem 3072 --out "$c" "${disks[@]}" \
			"$VM_SRC/selftests/host/60-crash-replay.sh" --guest "$c" "$n" "$@" 2>&1)
		rc=$?
	fi
	[ $rc = 0 ] || said="$said
the machine ended with $rc"
	return $rc
}

total=0
# replay NAME RECORD OPTION...: every state of it must be allowed.
replay() {
	local name=$1 record=$2 rc n
	shift 2
	said=$("$dir/crash" --seed "$seed" "$@" "$record" 2>&1)
	rc=$?
	n=$(sed -n 's/^\([0-9]*\) states at .*/\1/p' <<<"$said")
	total=$((total + ${n:-0}))
	if [ $rc = 0 ] && [ "${n:-0}" -gt 0 ]; then
		diag "$(tail -n 1 <<<"$said")"
		ok "$name"
	else
		diag "$said" "status $rc"
		not_ok "$name"
		broken=1
	fi
}

# A number from 0 to $1 - 1 in $picked; the same for the same SEED.
RANDOM=$((seed % 32768))
pick() { picked=$(((RANDOM * 32768 + RANDOM) % $1)); }

# sample RECORD DIR I N: a state from the Ith of N parts of the record, as images
# in DIR.  Where there is no system, or one that is removed, another place is taken.
sample() {
	local record=$1 to=$2 entries i
	entries=$(sed -n 's/.*: \([0-9]*\) entries,.*/\1/p' <<<"$said" | head -n 1)
	mkdir -p "$to"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		pick $((entries / $4))
		place=$((entries * $3 / $4 + picked + 1))
		pick 1000000000
		if ! chosen=$("$dir/crash" --place $place --state-seed $picked --write-state "$to" \
			"$record" 2>&1); then
			grep -q 'before the system was made' <<<"$chosen" || break
			continue
		fi
		"$dir/replicactl" check "$to/store.img" >"$to/check" 2>&1
		# 6: no store.  The module decides on all others.
		[ $? = 6 ] || grep -q 'is valid, .* state 0,' "$to/check" || return 0
	done
	diag "$chosen"
	return 1
}

sampled=0
number=0
for chain in "${chains[@]}"; do
	read -r k plan <<<"$chain"
	name="$plan on $k"
	c=$dir/$plan-$k
	t=$(date +%s)
	number=$((number + 1))
	life=$((seed % 1000000 * 100 + number))
	mkdir -p "$c/1" "$c/2"
	seconds=$first
	size=()
	# It takes time, and a long record, until the log has gone round.
	[ "$plan" != ring ] || { seconds=$((first * 8)); size=(--mib 600); }
	if ! boot "$c/1" "$k" 1 s0=40M a0=4M b0=2060K -- "$seconds" --plan "$plan" \
		--seed $life "${size[@]}"; then
		diag "$said"
		not_ok "$name: a life"
		broken=1
		die "there is nothing to replay"
	fi
	diag "$said"
	ok "$name: a life"
	[ -z "${KEEP-}" ] || cp "$c/1/record0" "$KEEP/$plan-$k-$life.rec"
	replay "$name: states that a crash may leave" "$c/1/record0" --states "$states"
	last=$said
	if [ "$plan" = ring ]; then
		rounds=$(sed -n 's/^log: .*, \([0-9]*\) times round.*/\1/p' <<<"$said")
		diag "$(grep '^log: ' <<<"$said")"
		check "$name: the log went round twice and more" [ "${rounds:-0}" -ge 2 ]
	fi
	# The test of the test: devices that lie must be found out, by one state or another.
	for lie in flush fua home-flush; do
		"$dir/crash" --seed "$seed" --states 5000 --failures 1 --break $lie \
			"$c/1/record0" >"$dir/lie" 2>&1
		rc=$?
		[ $rc = 1 ] || diag "$(tail -n 3 "$dir/lie")"
		grep -q '^not allowed' "$dir/lie" || rc="$rc, and nothing that is not allowed"
		is "$name: found out if $lie does nothing" "$rc" 1
	done

	disks=() bad=''
	for ((i = 0; i < samples; i++)); do
		said=$last
		b=$c/base$i
		sample "$c/1/record0" "$b" $i "$samples" || { bad=1; break; }
		diag "sample $i: $(sed -n 's/^\(.* states at .*\)/\1/p' <<<"$chosen") place $place, state seed $picked"
		disks+=("s$i=40M,file=$b/store.img" "a$i=4M,file=$b/home0.img"
			"b$i=2060K,file=$b/home1.img")
	done
	if [ -n "$bad" ] || ! boot "$c/2" "$k" "$samples" "${disks[@]}" -- "$second" --again \
		--plan "$plan" --seed $((life + 1)) --first 1000000; then
		diag "$said"
		not_ok "$name: the module attaches them and lives on"
		not_ok "$name: the other samples show what they may"
		not_ok "$name: states of the second life"
		broken=1
		continue
	fi
	diag "$said"
	ok "$name: the module attaches them and lives on"
	bad=''
	for ((i = 0; i < samples; i++)); do
		sampled=$((sampled + 1))
		[ $((i + 1)) = "$samples" ] && break
		# No more than were found, and some states of the attach.
		said=$("$dir/crash" --seed "$seed" --states 20 --base "$c/base$i" \
			"$c/2/record$i" 2>&1) && continue
		diag "$said"
		bad=1
	done
	is "$name: the other samples show what they may" "$bad" ''
	[ -z "$bad" ] || broken=1
	[ -z "${KEEP-}" ] || cp "$c/2/record$i" "$KEEP/$plan-$k-$((life + 1)).rec"
	replay "$name: states of the second life" "$c/2/record$i" --states "$states" \
		--base "$c/base$i"
	diag "$name: $(($(date +%s) - t)) s"
	[ -n "$broken" ] || rm -rf "$c"
done
if [ $all = 1 ] && [ ${#chains[@]} -ge 5 ] && [ "$states" -ge 20000 ]; then
	check "100,000 states and more" [ $total -ge 100000 ]
elif [ $all = 1 ]; then
	skip "100,000 states and more" "not all of it was asked for"
fi
diag "$total states in user space, $sampled given to the module, SEED=$seed"
