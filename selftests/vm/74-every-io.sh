#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each I/O of each operation fails, one after the other: once, and then with all later ones.
# The answer is a documented one, the state is the one before or after the operation, flushed
# data is there, and the next attempt succeeds (R2, R3, R5, R9).
# vm: --env EVERY_IO
# EVERY_IO=1 fails with all that follows it from each I/O on, not from the first only.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/replica.sh"
. "$(dirname "$0")/hold.sh"

ktap_plan 40
load_module
hold_disks 64 4 4
swap() {	# the store has so many sectors
	dmsetup load es --table "0 $1 linear /dev/nbd0 0" || die "dmsetup"
	dmsetup suspend --noflush --nolockfs es || die "dmsetup"
	dmsetup resume es || die "dmsetup"
}
dmsetup create es --table "0 32768 linear /dev/nbd0 0" || die "dmsetup"
make_system e /dev/mapper/es vda=/dev/nbd1 vdb=/dev/nbd2 -- --chunk-size 16K
uuid=$(field e uuid)
repa=/dev/mapper/e-vda-replica repb=/dev/mapper/e-vdb-replica
a=/dev/mapper/e-vda b=/dev/mapper/e-vdb testa=/dev/mapper/e-vda-test
expect_log 'device-mapper: replica: e: superblock write failed'
expect_log 'device-mapper: replica: e: critical: a superblock could not be written'
expect_log "device-mapper: replica: e: critical: the store's log could not be written"
expect_log 'device-mapper: replica: e: flush of the home of disk vd[ab] failed'
expect_log 'device-mapper: replica: e: critical: the store could not be flushed'
expect_log 'device-mapper: (table|ioctl|replica): '
expect_log 'block nbd[012]: Other side returned error'
expect_log '(I/O error, dev (nbd|dm-)|Buffer I/O error on dev (nbd|dm-)|Input/output error)'

# bash has one coprocess at a time, which is the disks.
mkfifo /tmp/asked /tmp/answered || die "mkfifo"
"$nl" - </tmp/asked >/tmp/answered &
exec {asked}>/tmp/asked {answered}</tmp/answered
# ask REQUEST...: over netlink; the answer is in $answer, its code in $code.
ask() {
	echo "$1 $uuid ${*:2}" >&"$asked"
	read -r answer <&"$answered" || die "no answer to $*"
	case $answer in
	'errno 0 code -'*) code=0 ;;
	*) read -r _ _ _ code _ job _ <<<"$answer" ;;
	esac
}
done_by() {
	ask "$@"
	case $code in 0 | 4096) ;; *) die "$*: $answer" ;; esac
}
now() {
	ask get
	read -r _ state _ state_number _ <<<"$answer"
}
in_state() {
	now
	[ "$state" = "$1" ]
}
write() { "$io" "$@" || die "cannot write"; }

# --- what there is ------------------------------------------------------------------

# The point shows stamp 1, replication has written 2 since, the guest 3.
head_() { "$io" $repa c:0:64K:2 c:64K:64K:1 o:$repb c:0:32K:2 c:32K:32K:1; }
waiting() { in_state 2 && "$io" $repa c:0:128K:1 o:$repb c:0:64K:1; }
made() { in_state 3 && "$io" $repa c:0:128K:1 o:$repb c:0:64K:1; }
replicating() { in_state 3 && head_; }
suspended() { in_state 7 && head_ && ! "$io" $repa w:0:4K:9 2>/dev/null; }
began() { in_state 5 && head_ && "$io" $a c:0:128K:1 o:$b c:0:64K:1; }
recovered() { in_state 5 && head_ && "$io" $a c:0:32K:1 c:32K:64K:3 c:96K:32K:1 o:$b c:0:64K:1; }
tested() { in_state 3 && head_ && "$io" $testa c:0:32K:1 c:32K:64K:3 c:96K:32K:1; }
committed() { in_state 6 && "$io" $a c:0:32K:1 c:32K:64K:3 c:96K:32K:1 o:$b c:0:64K:1; }

# --- one I/O after the other ----------------------------------------------------------

attach() {
	r attach e --accept-older --accept-homes >/dev/null || die "cannot attach"
	done_by vacuum hold=1
	# The first flush after an attach also flushes the homes, for writes from before the attach.
	# Beside a point there are none, and a failure of that flush belongs to no device.
	"$io" $repa f o:$repb f || die "cannot flush"
}
again() {	# as when the disks were frozen
	r detach e >/dev/null || die "cannot detach"
	disks thaw
	attach
}

# every NAME PREPARE OPERATION BEFORE AFTER CODES UNDO: OPERATION sets $code; BEFORE
# and AFTER succeed if the system is in that state; CODES are allowed when an I/O failed.
#
# The places of a fingerprint are read by the hundred, all alike: without EVERY_IO one in
# sixteen of these fails, and each I/O from the last of them on.
every() {
	local mode n bad said number hit step tried
	for mode in once on; do
		bad='' step=1 tried=0
		[ -z "${EVERY_IO-}" ] || step=0
		for ((n = 1; ; n += step ? step : 1)); do
			$2
			now
			number=$state_number
			disks arm $n rwf fail "$([ $mode = once ] && echo 1 || echo -1)"
			$3
			said="$code ${answer#errno}"
			disks armed
			hit=$disks_said
			disks off
			[ "${hit%% *}" != 0 ] || [ $step = 16 ] || break
			tried=$((tried + 1))
			judge "$@" || bad="$bad; I/O $n ($hit): $said: $why"
			case $step:$hit in
			1:*' '[12]' r '*) case $1 in detach | attach) step=16 ;; esac ;;
			16:*' '[12]' r '*) ;;
			16:*) n=$((n - 16)) step=0 ;;
			esac
			if [ $mode = on ] && [ -z "${EVERY_IO-}" ]; then
				$2
				$3
				break
			fi
		done
		case $code in
		0 | 4096) ;;
		*) bad="$bad; and then: $code $answer" ;;
		esac
		$5 || bad="$bad; it is not done then: $(r status e | sed -n '2,4p')"
		if [ $mode = once ]; then
			case $1:$step in
			detach:[!0]* | attach:[!0]*) bad="$bad; no I/O behind the fingerprint was tried" ;;
			esac
			diag "$1: $tried of its $((n - 1)) I/Os failed"
			is "$1: each of its I/Os fails once" "$bad" ''
		else
			is "$1: the disks are gone" "$bad" ''
		fi
		$7
	done
}

# judge...: the same; the reason of a failure is in $why.
judge() {
	local was=$code doubt=''
	why=''
	now
	if [ "$state" = 8 ]; then
		doubt=1
		! "$io" $repa w:3M:4K:9 2>/dev/null || why='a write is taken in state 8'
		ask point-new
		[ "$code" = 32771 ] || why="$why, an operation is answered $answer"
		r detach e >/dev/null || die "cannot detach"
		attach
	elif [ "$was" -ge 32768 ] && [ "$state_number" != "$number" ]; then
		why="the state number went from $number to $state_number"
	fi
	case " $6 " in
	*" $was "*) ;;
	*) why="$why, code $was in state $state" ;;
	esac
	if [ "$was" = 0 ] || [ "$was" = 4096 ]; then
		$5 || why="$why, it is not as after it"
		$7
	elif ! $4; then
		# An operation in doubt may have been done.
		[ -n "$doubt" ] && $5 || why="$why, it is not as before"
		$7
	fi
	# A home that has lost writes takes no more, until this or an attach.
	[ "$was" = 0 ] || ask reset-errors
	[ -z "$why" ]
}

# --- before the first point: writes go straight home ------------------------------------

dirty_homes() { write $repa w:0:128K:1 o:$repb w:0:64K:1; }
op_point() { ask point-new; }
done_by vacuum hold=1
write $repa w:0:128K:1 w:192K:1856K:1 f o:$repb w:0:64K:1 f
disks freeze
every "a first point" dirty_homes op_point waiting made 32768 again

# --- replicating ------------------------------------------------------------------------

done_by point-new
write $repa w:0:64K:2 f o:$repb w:0:32K:2 f
disks freeze
at=192	# where a chunk has not been written since the point, in KiB
new_place() { at=$((at + 16)); }
dirty_slots() {
	new_place
	write $repa w:${at}K:16K:4 o:$repb w:${at}K:16K:4
}
every "a point" dirty_slots op_point replicating replicating '32768 32771' :
op_settings() { ask settings-set 9:u32=$((90 + at / 16 % 5)); }
every "settings" new_place op_settings replicating replicating '32768 32771' :
op_failover() { ask initiate point=1; }
undo_failover() { done_by revert; }
every "failover" : op_failover replicating began '32768 32771' undo_failover
op_test() { ask test-start point=1; }
undo_test() { done_by test-stop; }
every "test failover" : op_test replicating replicating '32768 32771' undo_test
op_suspend() { ask suspend; }
op_resume() { ask resume; }
undo_suspend() { done_by resume; }
undo_resume() { done_by suspend; }
every "suspend" : op_suspend replicating suspended '32768 32771' undo_suspend
done_by suspend
every "resume" : op_resume suspended replicating '32768 32771' undo_resume
done_by resume
op_drop() { ask point-del point=1; }
every "drop" : op_drop replicating replicating '32768 32771' again

# io STEP...: with the code that an operation would have.
io() {
	code=0
	answer=$("$io" "$@" 2>&1) || code=32768
}
op_write() { io $repa w:${at}K:16K:4 f; }
op_fua() { io $repa d:$repa w:${at}K:16K:4; }
op_partial() { io $repa w:$((at * 1024 + 512)):512:4 f; }
op_read() { io $repa r:0:128K; }
old_or_new() { replicating && "$io" $repa e:${at}K:16K:1:4; }
new() { replicating && "$io" $repa c:${at}K:16K:4; }
partly_new() { replicating && "$io" $repa c:${at}K:512:1 c:$((at * 1024 + 512)):512:4 c:$((at + 1))K:15K:1; }
every "a first write and a flush" new_place op_write old_or_new new 32768 :
every "a first write with FUA" new_place op_fua old_or_new new 32768 :
every "a write of a sector and a flush" new_place op_partial old_or_new partly_new 32768 :
every "a read" : op_read replicating replicating 32768 :

op_grow() { ask grow; }
again
swap 122880
# What it does at last, a commit, is not the operation any more.
every "grow" : op_grow replicating replicating '0 32768 32771' again

# Detach promises nothing but what was flushed; attach, that it refuses, or all is there.
op_detach() {
	code=0
	r detach e >/dev/null || code=32768
	disks off
	attach
}
op_attach() {
	answer=$(r attach e --accept-older --accept-homes 2>&1 >/dev/null)
	code=$?
	[ $code = 0 ] || code=$((code + 32767))
	disks off
	[ $code = 0 ] || r attach e --accept-older --accept-homes >/dev/null || die "cannot attach after it was refused"
	done_by vacuum hold=1
}
detach() { r detach e >/dev/null || die "cannot detach"; }
every "detach" dirty_slots op_detach replicating replicating '0' :
every "attach" detach op_attach replicating replicating '0 32768 32771' :

# --- a test failover, a failover, a commit -----------------------------------------------

# job_done: as its job ends, with the vacuum let go of.
job_done() {
	if [ "$code" = 4096 ]; then
		done_by vacuum hold=0
		wait_for 60 job_ended || die "job $job does not end: $(r job list e)"
		done_by vacuum hold=1
		code=$(json code job show e "$job")
		answer=$(r job show e "$job" | sed -n 's/^ *Text *//p')
	fi
}
job_ended() { [ "$(json state job show e "$job")" -ge 7 ]; }
done_by test-start point=1
write $testa w:32K:64K:3 f
disks freeze
op_test_stop() { ask test-stop; job_done; }
every "the end of a test" : op_test_stop tested replicating '0 32768 32771' again
done_by test-stop
done_by initiate point=1
write $a w:32K:64K:3 f
disks freeze
op_revert() { ask revert; job_done; }
every "revert" : op_revert recovered replicating '0 32768 32771' again
op_commit() { ask commit; }
done_by settings-set 15:u64=0	# nothing moves until let_move
disks freeze
every "commit" : op_commit recovered committed '32768 32771' again
done_by commit
disks freeze
op_move() {
	job=$(json id job list e)
	if job_ended; then ask move-home; else code=4096; fi
	job_done
}
home() {
	committed && [ "$(field e versions)" = 0 ] &&
		"$io" /dev/nbd1 c:0:32K:1 c:32K:64K:3 c:96K:32K:1 o:/dev/nbd2 c:0:64K:1
}
again
# What moved stays moved: each time from where the commit left it.
let_move() {
	again
	done_by settings-set 15:u64=0xffffffffffffffff
}
every "a move home" let_move op_move committed home '0 32768 32771' :
r detach e >/dev/null || die "cannot detach"
check "check finds nothing wrong" r check e
check "the module unloads" unload_module
