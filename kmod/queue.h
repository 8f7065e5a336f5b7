/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations, and the queue in which they wait for their turn. */
#ifndef DMR_QUEUE_H
#define DMR_QUEUE_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/workqueue.h>

#include "../uapi/dm-replica.h"
#include "disk.h"
#include "job.h"
#include "point-view.h"
#include "store/superblock.h"
#include "work.h"

struct dmr_change;
struct dmr_system;

#define DMR_DRAIN_MS		10000		/* default time limit of an operation's drain */
#define DMR_WAIT_MS		500		/* default time to wait for openers */
#define DMR_OPS_MAX		256		/* waiting operations of a system */

enum dmr_verb {
	DMR_VERB_POINT_NEW,
	DMR_VERB_POINT_DEL,
	DMR_VERB_POINT_OPEN,
	DMR_VERB_POINT_CLOSE,
	DMR_VERB_INITIATE,
	DMR_VERB_REVERT,
	DMR_VERB_COMMIT,
	DMR_VERB_TEST_START,
	DMR_VERB_TEST_STOP,
	DMR_VERB_SUSPEND,
	DMR_VERB_RESUME,
	DMR_VERB_REMOVE,
	DMR_VERB_GROW,
	DMR_VERB_MOVE_HOME,
	DMR_VERB_JOB_CANCEL,
	DMR_VERB_SETTINGS,
	DMR_VERB_HOST_SET,
	DMR_VERB_RESET_ERRORS,
	DMR_VERB_POINT_HOLD,
	DMR_VERB_POINT_RELEASE,
	DMR_VERB_PEER_ADD,
	DMR_VERB_PEER_REMOVE,
	DMR_VERB_RECEIVE_BEGIN,
	DMR_VERB_RECEIVE_END,
	DMR_VERB_RECEIVE_ABORT,
	/* Operations that the module starts itself. */
	DMR_VERB_MAKE_ROOM,
	DMR_VERB_REMOVED,
	DMR_VERB_SETTLE,
	DMR_VERB_CLOCK,
	DMR_VERB_CURSOR,
	DMR_VERBS
};

/* Where an operation is; changed under dmr_ops_lock. */
enum dmr_op_phase {
	DMR_OP_NEW,		/* not queued yet */
	DMR_OP_WAITING,		/* for its turn, or for openers; its job is New */
	DMR_OP_BEGUN,		/* it has its turn; its job is Starting */
	DMR_OP_ENDED,		/* answered, or about to be */
};

/**
 * struct dmr_op - one operation
 * @ref: references.
 * @list: in the system's queue, while waiting.
 * @asked: in the list of operations that the close of a socket withdraws.
 * @expire: end of the time limit; has a reference while pending.
 * @phase: its phase.
 * @portid: socket of the request; 0 if the module made it, or if it does not depend on
 * the socket.
 * @give_up: end of the wait for openers, jiffies; once @tried.
 * @again: time of the next look, jiffies.
 * @pause: ms from there to the following look.
 * @limit: end of all waiting, jiffies.
 * @tried: it has had a turn.
 * @taken: it was withdrawn: its job is Terminated.
 * @done: it has ended.
 * @sys: the system, referenced.
 * @verb: its verb.
 * @info: its row in the table of operations.
 * @expect_state: state number that the caller saw, ~0 for any (R11).
 * @expect_writes: count of the view's writes that the caller saw, ~0 for any.
 * @point: number of a point, 0 for the newest; set to the one made or used.
 * @kind: kind of a point to make.
 * @name: its name.
 * @view: POINT_OPEN, POINT_CLOSE: name of the view; "": the number of the point.
 * @drop: POINT_NEW, RECEIVE_END: numbers of the points to drop with it, or NULL; freed with the
 * operation.
 * @nr_drop: their number.
 * @wrong: number in @drop that the refusal is about, or 0.
 * @peer: name of the peer for which it is done, "": of none.
 * @peer_uuid: UUID of the peer to add.
 * @stream: RECEIVE_*: the stream, or its UUID only.
 * @relationship: RECEIVE_BEGIN: UUID of its relationship.
 * @base_generation: RECEIVE_BEGIN: UUID of the generation of its base.
 * @no_peer: refused because there is no such peer.
 * @acked: POINT_HOLD: the peer has the point, and needs no older one.
 * @received: made by the sender: all data until now has arrived.
 * @timeout: ms that the wait for its turn and the drain may take together; from the first
 * turn on, the remainder.
 * @limited: the wait for its turn has a time limit.
 * @wait: ms to wait until openers have closed the devices.
 * @wait_asked: the caller set @wait: its end is refused as a timeout.
 * @flatten: REMOVE: drop the points, and move everything home first.
 * @target: JOB_CANCEL: id of the job.
 * @change: SETTINGS and HOST_SET: the change; freed with the operation.
 * @open: refused because a device is open.
 * @overlay: epoch of the failover that it waits to discard.
 * @left: the socket of the request was closed: stop waiting for openers.
 * @code: the CIM code of the answer.
 * @err: the errno of the answer.
 * @msg: the reason and the remedy, constant text.
 * @job: its job, referenced; NULL if it has none.
 * @owner: the requesting process.
 * @discarded: discarded bytes, if known.
 * @dropped: number of recovery points dropped, beside @point.
 */
struct dmr_op {
	struct kref ref;
	struct list_head list;
	struct list_head asked;
	struct delayed_work expire;
	enum dmr_op_phase phase;
	u32 portid;
	unsigned long give_up;
	unsigned long again;
	unsigned long limit;
	unsigned int pause;
	bool tried;
	bool taken;
	struct completion done;
	struct dmr_system *sys;
	enum dmr_verb verb;
	const struct dmr_verb_info *info;
	u64 expect_state;
	u64 expect_writes;
	u64 point;
	u32 kind;
	char name[DMR_POINT_NAME_LEN];
	char view[DMR_VIEW_NAME_LEN];
	u64 *drop;
	u32 nr_drop;
	u64 wrong;
	char peer[DMR_PEER_NAME_LEN];
	u8 peer_uuid[16];
	struct dmr_stream stream;
	u8 relationship[16];
	u8 base_generation[16];
	bool no_peer;
	bool acked;
	bool received;
	u32 timeout;
	bool limited;
	u32 wait;
	bool wait_asked;
	bool flatten;
	u64 target;
	struct dmr_change *change;
	bool open;
	u32 overlay;
	bool left;
	u32 code;
	int err;
	const char *msg;
	struct dmr_job *job;
	struct dmr_owner owner;
	u64 discarded;
	u32 dropped;
};

/**
 * struct dmr_verb_info - one operation
 * @name: in the words of replicactl.
 * @legal: bitmap of the states in which it is legal, of dmr_system_state().
 * @unsuspended: refused while replication is suspended.
 * @replica: refused by a primary.
 * @inward: made by the module itself: without a job, legal in all states.
 * @job: DM_REPLICA_JOB_TYPE_*.
 * @text: title of its job.
 * @event: of its uevent, or NULL: it has none.
 * @run: runs it, with op_mutex held.
 *
 * This table alone decides which operation is legal in which state; scripts/check-states
 * compares Documentation/states-and-codes.md with it.
 */
struct dmr_verb_info {
	const char *name;
	u32 legal;
	bool unsuspended;
	bool replica;
	bool inward;
	u32 job;
	const char *text;
	const char *event;
	void (*run)(struct dmr_op *op, struct dmr_job *job);
};

/** dmr_op_name() - name an operation in the words of replicactl.  Return: constant text. */
static inline const char *dmr_op_name(enum dmr_verb verb)
{
	return dmr_upcalls->verbs[verb].name;
}

/** dmr_op_text() - title of an operation.  Return: constant text. */
static inline const char *dmr_op_text(const struct dmr_op *op)
{
	return op->info->text ?: op->info->name;
}

/**
 * struct dmr_queue - operations of a system that wait for their turn
 * @list: struct dmr_op; dmr_ops_lock.
 * @nr: their number; dmr_ops_lock.
 * @work: runs their turns; has a reference to the system while pending.
 */
struct dmr_queue {
	struct list_head list;
	u32 nr;
	struct delayed_work work;
};

/* In the header, since systems are on a lower floor than queue.c. */
static inline void dmr_queue_init(struct dmr_queue *queue)
{
	INIT_LIST_HEAD(&queue->list);
	INIT_DELAYED_WORK(&queue->work, dmr_upcalls->ops);
}

struct dmr_op *dmr_op_new(struct dmr_system *sys, enum dmr_verb verb);
int dmr_op_run(struct dmr_op *op);
void dmr_op_queue(struct dmr_op *op);
void dmr_op_put(struct dmr_op *op);
bool dmr_op_cancel(struct dmr_system *sys, u64 job);
void dmr_op_work(struct work_struct *work);
void dmr_op_socket_closed(u32 portid);
bool dmr_op_left(struct dmr_op *op);

/*
 * Refusals.  @msg is constant text with the reason and the remedy; each has a CIM code and
 * the closest errno.
 */
void dmr_op_refuse(struct dmr_op *op, int err, u32 code, const char *msg);
void dmr_op_refuse_super(struct dmr_op *op, int r);
bool dmr_op_lock_closed(struct dmr_op *op, enum dmr_kind kind, const char *msg);

#define dmr_refuse_state(op, msg) \
	dmr_op_refuse(op, -EBADE, DM_REPLICA_CODE_INVALID_STATE, msg)
#define dmr_refuse_busy(op, msg) \
	dmr_op_refuse(op, -EBUSY, DM_REPLICA_CODE_IN_USE, msg)
/* The only refusal that a wait may avoid: see dmr_op_turn(). */
#define dmr_refuse_open(op, msg) \
	do { \
		(op)->open = true; \
		dmr_refuse_busy(op, msg); \
	} while (0)
#define dmr_refuse_timeout(op, msg) \
	dmr_op_refuse(op, -ETIMEDOUT, DM_REPLICA_CODE_TIMEOUT, msg)
#define dmr_refuse_memory(op) \
	dmr_op_refuse(op, -ENOMEM, DM_REPLICA_CODE_NO_MEMORY, "out of memory; nothing was changed")
#define dmr_refuse_epochs(op) \
	dmr_op_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED, \
		      "the store has used up its epoch numbers")
#define dmr_refuse_peer(op) \
	((op)->no_peer = true, \
	 dmr_op_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND, "there is no such peer"))
#define dmr_refuse_point(op) \
	dmr_op_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND, "there is no such recovery point")

/* Texts used in more than one place. */
#define DMR_NOT_ATTACHED "the system is not attached; use replicactl attach"
#define DMR_POINT_OPEN	"a recovery point is open for reading; close it first"
#define DMR_IS_PRIMARY	"the system is a primary: its machine runs here; ask its replica"
#define DMR_STILL_OPEN	"a device was still open when the time ran out; nothing was changed"
#define DMR_HOME_LOST	"a home has lost writes, status shows of which disk; mend it, then reset-errors"
#define DMR_HOME_SLOW	"a home could not be flushed in time"
#define DMR_ASKER_LEFT	"the client that made the request has exited; nothing was changed"

#endif /* DMR_QUEUE_H */
