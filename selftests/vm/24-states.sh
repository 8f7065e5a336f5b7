#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every operation in every state: the answers are those of Documentation/states-and-codes.md,
# over netlink and by replicactl, and a refused operation changes nothing on disk or in
# memory.
# vm: --disk st=64M --disk h=16M
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"

# --- the table ----------------------------------------------------------------

declare -A said=()	# "COLUMN/OPERATION/WHEN": the cell
columns=() rows=()
while IFS='|' read -r _ op when cells; do
	op=${op# } op=${op% } when=${when# } when=${when% }
	read -r -a cell <<<"${cells//|/ }"
	case $op in
	operation) columns=("${cell[@]}") ;;
	---*) ;;
	*)
		rows+=("$op/$when")
		n=0
		for c in ${cells//' → '/>}; do
			[ "$c" = '|' ] || said[${columns[n++]}/$op/$when]=$c
		done
		;;
	esac
done < <(sed -n '/^## Operations by state/,/^## The order/{/^|/p}' \
	"$VM_SRC/Documentation/states-and-codes.md")
cells=0
for n in "${!said[@]}"; do
	[ "${said[$n]}" = – ] || cells=$((cells + 1))
done
[ "$cells" -gt 200 ] || die "cannot read the table: $cells cells"
ktap_plan $((cells + ${#rows[@]} + 1))
load_module

# --- one system, in any state ------------------------------------------------

swap() {	# NAME TABLE
	dmsetup load "$1" --table "$2" || die "dmsetup"
	dmsetup suspend --noflush --nolockfs "$1" || die "dmsetup"
	dmsetup resume "$1" || die "dmsetup"
}
size=65536
key=adapter/52:54:00:12:34:56
grown=0
dmsetup create xs --table "0 $size linear $(dev st) 0" || die "dmsetup"
dmsetup create xh --table "0 32768 linear $(dev h) 0" || die "dmsetup"
r create x --store /dev/mapper/xs --disk vda=/dev/mapper/xh --chunk-size 16K >/dev/null || die "create"
r attach x >/dev/null || die "attach"
uuid=$(field x uuid)
rep=/dev/mapper/x-vda-replica live=/dev/mapper/x-vda tst=/dev/mapper/x-vda-test

coproc netlink { exec "$nl" -; }
# ask REQUEST...: over netlink; the answer is in $answer.
ask() {
	[ "$1" = get ] || sums=''
	echo "$1 $uuid ${*:2}" >&"${netlink[1]}"
	read -r answer <&"${netlink[0]}" || die "no answer to $*"
}
# done_by REQUEST...: it is done; a job's number is in $job.
done_by() {
	ask "$@"
	case $answer in
	'errno 0 '*) ;;
	*) die "$*: $answer" ;;
	esac
	case $answer in *' code 4096 '*) job=${answer##* } ;; esac
}
# now: the state as columns have it in $state, its number in $number.
now() {
	local s flags
	ask get
	read -r _ s _ number _ flags <<<"$answer"
	state=$s
	[ "$s" != 5 ] || [ $((flags & 1)) = 0 ] || state=5s
}
# sum: a checksum of the present superblocks and log, in $sums.
sum() { sums=$("$io" /dev/vm/st h:0:3296K); }
sums=''	# or none, if something may have changed it since
write() {
	sums=''
	"$io" "$1" w:0:64K f || die "cannot write"
}

save() { dd if=/dev/vm/st of="/tmp/$1" bs=3296K count=1 iflag=direct 2>/dev/null || die "dd"; }
attach() {
	r attach x --accept-older --accept-homes >/dev/null || die "attach"
	done_by vacuum hold=1
	test='' opened='' written='' data='' set='' kept='' device=''
}
restores=0
restore() {
	restores=$((restores + 1))
	[ -z "$broken" ] || { swap xs "0 $size linear $(dev st) 0"; broken=''; }
	r detach x >/dev/null || die "detach"
	dd if="/tmp/$1" of=/dev/vm/st bs=3296K oflag=direct conv=notrunc 2>/dev/null || die "dd"
	if [ $grown = 1 ]; then
		swap xs "0 $size linear $(dev st) 0"
		grown=0
	fi
	attach
	base=$1 job=99 sums=''
	case $1 in
	0) job=$(json id job list x) ;;
	8)
		"$io" $rep w:0:4K || die "cannot write"
		swap xs "0 $size error"
		broken=1
		! "$io" $rep f 2>/dev/null || die "it is not critical"
		;;
	esac
}
broken='' base='' job=99 test='' opened='' written='' data='' set='' kept='' device=''

# The vacuum is to stay still also from an attach on until it is held.
done_by vacuum hold=1
done_by settings-set 15:u64=0
done_by peer-add 18:str=b 19:hex=16x62
save 2
for n in 1 2 3 4 5 6; do done_by point-new; done
save 3
save 8
done_by suspend
save 7
done_by initiate
save 5s
done_by resume
save 5
done_by commit
save 6
base=6
# The same with a stream half in, which lies on the point of another one.
stream() { echo "receive-begin 21:hex=16x7$1 22:hex=16x41 25:hex=16x41 26:u64=1 27:u64=1 point=$1"; }
# shellcheck disable=SC2046
{
	restore 2
	done_by $(stream 1)
	save 2r
	done_by receive-end 21:hex=16x71
	done_by $(stream 2) 23:u64=1 24:hex=16x41
	save 3r
	done_by suspend
	save 7r
	done_by initiate
	save 5sr
	done_by resume
	save 5r
}
# And of a primary.
for n in 2 3 7; do
	restore $n
	r detach x >/dev/null || die "detach"
	"$store_tool" /dev/vm/st set role 1 || die "cannot set"
	attach
	save ${n}p
done
restore 3
write $rep
done_by remove 13:flag=1
save 0

# arrange COLUMN WHEN: bring a system into that state.
arrange() {
	local col=$1 want=$1
	[ "$2" != 'a stream is half in' ] || want=${col}r
	[ "$2" != 'the system is a primary' ] || want=${col}p
	# The result of the last cell is good enough, or is not.
	case $base:$grown:$data:$2 in
	"$want:0::"* | "$want:0:"*'in the store' | "$want:0:"*'written to' | "$want:0:"*'moves home') ;;
	*) restore "$want" ;;
	esac
	if [ -n "$kept" ]; then
		case $2 in
		'a peer holds'* | 'it holds a point') ;;
		*)
			done_by point-release point=6 18:str=b
			kept=''
			;;
		esac
	fi
	if [ -n "$test" ] && [ "$2" != "a test failover exists" ]; then
		done_by test-stop
		test=''
	fi
	if [ -n "$opened" ]; then
		done_by point-close point=6
		opened=''
	fi
	case $2 in
	'it is open' | 'a recovery point is open')
		done_by point-open point=6
		opened=1
		;;
	'a test failover exists') [ -n "$test" ] || done_by test-start point=6; test=1 ;;
	'it was written to')
		if [ "$3" = test ]; then
			[ -n "$test" ] || done_by test-start point=6
			test=1
			write $tst
			written=1 data=${data:-dead}
		elif [ "${col%s}" = 5 ]; then
			write $live
			written=1 data=1
		fi
		;;
	'something is in the store' | 'a job moves home' | 'that job was cancelled' | 'that job has failed')
		stored "$col" "$2"
		;;
	'the device is open')
		case $3 in
		test)
			[ "$4" != 'test-failover stop' ] || { done_by test-start point=6; test=1; }
			device=$tst
			;;
		*) device=$live ;;
		esac
		;;
	'a failover runs from it' | 'a failover runs from one to drop')
		[ "${col%s}" = 5 ] || { done_by test-start point=6; test=1; }
		;;
	'a peer holds'* | 'it holds a point')
		[ -n "$kept" ] || done_by point-hold point=6 18:str=b
		kept=1
		;;
	'the device has grown')
		grown=1
		swap xs "0 $((size + 8192)) linear $(dev st) 0"
		;;
	'something is set')
		[ "$col" = 0 ] || { done_by host-set 3:str=$key 4:hex=31; set=1; }
		;;
	'')
		[ -z "$set" ] || done_by host-set 6:flag=1
		set=''
		;;
	esac
}
# The store has content; in states 0 and 6 it is on its way home.
stored() {
	local col=$1
	if [ "$2" = 'that job has failed' ]; then
		failed "$col"
		return
	fi
	case $col in
	3) [ "$data" = 1 ] || write $rep ;;
	7)
		[ "$data" = 1 ] || { done_by resume; write $rep; done_by suspend; }
		;;
	5 | 5s) [ "$data" = 1 ] || write $live ;;
	6)
		if [ "$data" != 1 ]; then
			restore 5
			write $live
			done_by commit
			base=6
		fi
		[ "$2" != 'that job was cancelled' ] || done_by job-set 3:u64="$job" 14:u32=4
		;;
	esac
	data=1
}
# Home fails all writes, so that the job gives up.
failed() {
	restore "$([ "$1" = 0 ] && echo 3 || echo 5)"
	done_by settings-set 15:u64=0xffffffffffffffff
	if [ "$1" = 0 ]; then
		write $rep
		done_by remove 13:flag=1
	else
		write $live
		done_by commit
	fi
	swap xh "0 32768 error"
	done_by vacuum hold=0
	wait_for 20 job_is 10 || die "the job has not failed: $(r job list x)"
	done_by vacuum hold=1
	swap xh "0 32768 linear $(dev h) 0"
	base=$1 data=1
}
job_is() { [ "$(json state job show x "$job")" = "$1" ]; }

# --- the operations -----------------------------------------------------------

# words_for OPERATION WHEN: for netlink in $request, for replicactl in $words.
words_for() {
	local point=1 id=77 yes=''
	if [ -n "$2" ]; then
		point=6
		id=$job
	fi
	[ "$2" != 'a stream is half in' ] || point=1
	words="$1 x"
	case $1 in
	'receive begin')
		request=$(stream 1) words=''
		case ${col:-}:$2 in [357]*:?*) request="$(stream 2) 23:u64=1 24:hex=16x41" ;; esac
		;;
	'receive end' | 'receive abort')
		request="receive-${1#* } 21:hex=16x71" words=''
		case ${col:-} in [357]*) request="receive-${1#* } 21:hex=16x72" ;; esac
		;;
	'recovery-point create')
		request='point-new'
		[ -z "$2" ] || [ "$2" = 'the system is a primary' ] ||
			request="$request drop=$point" words="$words --drop $point"
		;;
	'recovery-point open' | 'recovery-point close')
		request="point-${1#* } point=6" words="$words 6"
		;;
	'recovery-point drop') request="point-del point=$point" words="$words $point --yes" ;;
	'recovery-point hold' | 'recovery-point release')
		[ -n "$2" ] || point=2	# 1 may have been dropped
		request="point-${1#* } point=$point 18:str=b" words="$words $point --peer b"
		;;
	'peer add') request='peer-add 18:str=c 19:hex=16x63' words="$words c" ;;
	'peer remove') request='peer-del 18:str=b' words="$words b --yes" ;;
	failover) request=initiate ;;
	revert | commit | remove) request=$1 yes=1 ;;
	suspend | resume | grow | reset-errors) request=$1 ;;
	'remove --flatten') request='remove 13:flag=1' yes=1 ;;
	'test-failover start') request='test-start' ;;
	'test-failover stop') request='test-stop' yes=1 ;;
	move-home) request='move-home' words="$words --no-wait" ;;
	'job cancel') request="job-set 3:u64=$id 14:u32=4" words="$words $id" ;;
	settings) request='settings-set 9:u32=70' words="$words --space-low 70" ;;
	'host-area set') request="host-set 3:str=$key 4:hex=31" words="$words $key 1 --yes" ;;
	'host-area remove') request="host-set 3:str=$key" words="$words $key --yes" ;;
	*) die "what is $1?" ;;
	esac
	[ -z "$yes" ] || words="$words --yes --no-wait"
}

# cell COLUMN OPERATION WHEN CELL
cell() {
	local col=$1 op=$2 when=$3 want=${4%>*} then=$1 view=live bad='' before was code
	case $4 in *'>'*) then=${4#*>} ;; esac
	case $op in test*) view='test' ;; esac
	arrange "$col" "$when" "$view" "$op"
	words_for "$op" "$when"
	[ -z "$device" ] || holder $device
	now
	before=$number
	[ "$state" = "$col" ] || bad="the state was $state; "
	[ "$want" -lt 32768 ] || [ -n "$sums" ] || sum
	was=$sums
	# shellcheck disable=SC2086
	ask $request
	read -r _ _ _ code _ <<<"$answer"
	# A change of settings is only acknowledged.
	case $answer in 'errno 0 code -'*) code=0 ;; esac
	[ "$code" = "$want" ] || bad="$bad$answer; "
	if [ "$want" -ge 32768 ] && [ "$code" = "$want" ]; then
		unchanged "$op" "$want" "$before" "$was"
	elif [ "$code" = 0 ] || [ "$code" = 4096 ]; then
		changed "$op" "$code"
	fi
	[ -z "$device" ] || let_go
	device=''
	now
	[ "$state" = "$then" ] || bad="${bad}the state is $state; "
	if [ -n "$bad" ]; then
		diag "wanted $4: $bad"
		not_ok "$op${when:+, when $when}: in $col"
		base=''
	else
		ok "$op${when:+, when $when}: $4 in $col"
		[ "$state" = "$col" ] || undo "$op" "$col"
	fi
}
unchanged() {	# by netlink, nor by replicactl
	local rc
	# In state 0 the removal continues.
	case $state/$1 in
	0/remove*) ;;
	*/receive*) ;;		# no commands
	*)
		# shellcheck disable=SC2086
		r $words >/dev/null 2>/tmp/said </dev/null
		rc=$?
		[ $rc = $(($2 - 32767)) ] || bad="${bad}replicactl ended with $rc: $(cat /tmp/said); "
		;;
	esac
	sum
	[ "$sums" = "$4" ] || bad="${bad}the store has changed; "
	now
	[ "$number" = "$3" ] || bad="${bad}the state number has moved from $3 to $number; "
}
changed() {	# differences from the arranged state
	[ "$2" != 4096 ] || job=${answer##* }
	case $1 in
	'recovery-point open') opened=1 ;;
	'recovery-point close') opened='' ;;
	'test-failover start') test=1 ;;
	'test-failover stop') test='' ;;
	'host-area set') set=1 ;;
	'host-area remove') set='' ;;
	'recovery-point release') kept='' ;;
	move-home | 'job cancel' | peer* | receive* | 'recovery-point hold') base='' ;;
	esac
}
undo() {
	case $1 in
	failover) done_by revert ;;
	revert) if [ -z "$written" ]; then done_by initiate point=6; else base=''; fi ;;
	suspend) done_by resume ;;
	resume) done_by suspend ;;
	*) base='' ;;
	esac
}

# Ordered so that most of the state survives: irreversible operations come last.
whens=('' 'something is set' 'a stream is half in' 'the system is a primary' 'it is open' 'a recovery point is open' 'a test failover exists'
	'the device is open'
	'a failover runs from it' 'a failover runs from one to drop' 'a peer holds it'
	'a peer holds one to drop' 'a peer holds a point' 'it holds a point' 'it was written to'
	'something is in the store'
	'a job moves home' 'that job was cancelled' 'that job has failed' 'the device has grown')
expect_log 'device-mapper: replica: x: '
for c in "${columns[@]}"; do
	for pass in first last; do
		for when in "${whens[@]}"; do
			for row in "${rows[@]}"; do
				[ "${row#*/}" = "$when" ] || continue
				want=${said[$c/$row]}
				[ "$want" != – ] || continue
				case $c:$want:$when in
				*'>'[06]:* | *:4096'>'* | 2:*'>'* | *:'the device has grown') of=last ;;
				*) of=first ;;
				esac
				[ $of != $pass ] || cell "$c" "${row%/*}" "$when" "$want"
			done
		done
	done
done
diag "the state was made anew $restores times"

# --- not attached ---------------------------------------------------------------

restore 3
r detach x >/dev/null || die "detach"
sum
for row in "${rows[@]}"; do
	op=${row%/*} before=$sums
	words_for "$op" "${row#*/}"
	# shellcheck disable=SC2086
	ask $request
	n=10
	if [ -n "$words" ]; then
		# shellcheck disable=SC2086
		r $words >/dev/null 2>/tmp/said </dev/null
		n=$?
	fi
	sum
	is "$op when not attached" "${answer:0:18} $n $sums" "errno 2 code 32779 10 $before"
done
check "the module unloads" unload_module
