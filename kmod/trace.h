/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: /sys/kernel/tracing/events/dm_replica.
 *
 * Plain arguments only, and texts in arrays of fixed size: __assign_str() takes
 * two arguments in some kernels and one in others.  Longer texts are cut off.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dm_replica

#if !defined(DMR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DMR_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>

#ifndef DMR_TRACE_NAME
#define DMR_TRACE_NAME	64
#define DMR_TRACE_KIND	8
#define DMR_TRACE_WHY	48
#endif

/* A chunk has its first version of this epoch. */
TRACE_EVENT(dmr_version_made,
	TP_PROTO(const char *system, u32 disk, u64 chunk, u32 epoch, u32 slot),
	TP_ARGS(system, disk, chunk, epoch, slot),
	TP_STRUCT__entry(
		__array(char, system, DMR_TRACE_NAME)
		__field(u64, chunk)
		__field(u32, disk)
		__field(u32, epoch)
		__field(u32, slot)
	),
	TP_fast_assign(
		strscpy(__entry->system, system, DMR_TRACE_NAME);
		__entry->chunk = chunk;
		__entry->disk = disk;
		__entry->epoch = epoch;
		__entry->slot = slot;
	),
	TP_printk("system=%s disk=%u chunk=%llu epoch=%u slot=%u",
		  __entry->system, __entry->disk, __entry->chunk, __entry->epoch, __entry->slot)
);

/* A batch of log blocks was written, or the write has failed. */
TRACE_EVENT(dmr_log_sync,
	TP_PROTO(const char *system, u64 first, u32 blocks, u32 records, int err),
	TP_ARGS(system, first, blocks, records, err),
	TP_STRUCT__entry(
		__array(char, system, DMR_TRACE_NAME)
		__field(u64, first)
		__field(u32, blocks)
		__field(u32, records)
		__field(int, err)
	),
	TP_fast_assign(
		strscpy(__entry->system, system, DMR_TRACE_NAME);
		__entry->first = first;
		__entry->blocks = blocks;
		__entry->records = records;
		__entry->err = err;
	),
	TP_printk("system=%s first=%llu blocks=%u records=%u err=%d",
		  __entry->system, __entry->first, __entry->blocks, __entry->records, __entry->err)
);

/* A superblock was written, or the write has failed. */
TRACE_EVENT(dmr_superblock,
	TP_PROTO(const char *system, u64 seq, u32 copy, u32 state, const char *why, int err),
	TP_ARGS(system, seq, copy, state, why, err),
	TP_STRUCT__entry(
		__array(char, system, DMR_TRACE_NAME)
		__array(char, why, DMR_TRACE_WHY)
		__field(u64, seq)
		__field(u32, copy)
		__field(u32, state)
		__field(int, err)
	),
	TP_fast_assign(
		strscpy(__entry->system, system, DMR_TRACE_NAME);
		strscpy(__entry->why, why, DMR_TRACE_WHY);
		__entry->seq = seq;
		__entry->copy = copy;
		__entry->state = state;
		__entry->err = err;
	),
	TP_printk("system=%s seq=%llu copy=%u state=%u err=%d why=%s",
		  __entry->system, __entry->seq, __entry->copy, __entry->state, __entry->err,
		  __entry->why)
);

/* The devices of a kind came online or went offline, on every disk of the system. */
TRACE_EVENT(dmr_view,
	TP_PROTO(const char *system, const char *kind, bool online, u32 point_epoch),
	TP_ARGS(system, kind, online, point_epoch),
	TP_STRUCT__entry(
		__array(char, system, DMR_TRACE_NAME)
		__array(char, kind, DMR_TRACE_KIND)
		__field(u32, point_epoch)
		__field(bool, online)
	),
	TP_fast_assign(
		strscpy(__entry->system, system, DMR_TRACE_NAME);
		strscpy(__entry->kind, kind, DMR_TRACE_KIND);
		__entry->point_epoch = point_epoch;
		__entry->online = online;
	),
	TP_printk("system=%s kind=%s online=%d point_epoch=%u",
		  __entry->system, __entry->kind, __entry->online, __entry->point_epoch)
);

TRACE_EVENT(dmr_op_begin,
	TP_PROTO(const char *system, u32 type),
	TP_ARGS(system, type),
	TP_STRUCT__entry(
		__array(char, system, DMR_TRACE_NAME)
		__field(u32, type)
	),
	TP_fast_assign(
		strscpy(__entry->system, system, DMR_TRACE_NAME);
		__entry->type = type;
	),
	TP_printk("system=%s type=%u", __entry->system, __entry->type)
);

TRACE_EVENT(dmr_op_end,
	TP_PROTO(const char *system, u32 type, u32 code, u64 job),
	TP_ARGS(system, type, code, job),
	TP_STRUCT__entry(
		__array(char, system, DMR_TRACE_NAME)
		__field(u64, job)
		__field(u32, type)
		__field(u32, code)
	),
	TP_fast_assign(
		strscpy(__entry->system, system, DMR_TRACE_NAME);
		__entry->job = job;
		__entry->type = type;
		__entry->code = code;
	),
	TP_printk("system=%s type=%u code=%u job=%llu",
		  __entry->system, __entry->type, __entry->code, __entry->job)
);

/* A job was made or has changed. */
TRACE_EVENT(dmr_job,
	TP_PROTO(const char *system, u64 id, u32 type, u32 state, u32 percent),
	TP_ARGS(system, id, type, state, percent),
	TP_STRUCT__entry(
		__array(char, system, DMR_TRACE_NAME)
		__field(u64, id)
		__field(u32, type)
		__field(u32, state)
		__field(u32, percent)
	),
	TP_fast_assign(
		strscpy(__entry->system, system, DMR_TRACE_NAME);
		__entry->id = id;
		__entry->type = type;
		__entry->state = state;
		__entry->percent = percent;
	),
	TP_printk("system=%s id=%llu type=%u state=%u percent=%u",
		  __entry->system, __entry->id, __entry->type, __entry->state, __entry->percent)
);

/* Netlink: a request has arrived; below, its answer was sent, or it was refused. */
TRACE_EVENT(dmr_request,
	TP_PROTO(u8 cmd),
	TP_ARGS(cmd),
	TP_STRUCT__entry(
		__field(u8, cmd)
	),
	TP_fast_assign(
		__entry->cmd = cmd;
	),
	TP_printk("cmd=%u", __entry->cmd)
);

TRACE_EVENT(dmr_reply,
	TP_PROTO(u8 cmd, u32 code),
	TP_ARGS(cmd, code),
	TP_STRUCT__entry(
		__field(u32, code)
		__field(u8, cmd)
	),
	TP_fast_assign(
		__entry->code = code;
		__entry->cmd = cmd;
	),
	TP_printk("cmd=%u code=%u", __entry->cmd, __entry->code)
);

#endif /* DMR_TRACE_H */

/* Found by -I$(src), see Kbuild. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
