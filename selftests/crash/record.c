// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record of a life as it lies in its file, and the stamps of the sectors in it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash.h"

static const u8 zero_sector[DMR_BLOCK_SIZE];

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "crash: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(2);
}

void *need(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

/* A file's bytes, as long as the record is open. */
const u8 *record_map(struct record *rec, const char *path, u64 *bytes)
{
	struct stat st;
	void *p;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	*bytes = st.st_size;
	if (!st.st_size) {
		close(fd);
		return zero_sector;
	}
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	close(fd);
	if (rec->nr_maps == ARRAY_SIZE(rec->maps))
		die("too many files");
	rec->maps[rec->nr_maps] = p;
	rec->map_bytes[rec->nr_maps++] = st.st_size;
	return p;
}

/**
 * record_content() - enter the bytes of a sector into the table
 * @rec: the record.
 * @data: REC_SECTOR bytes that stay where they are.
 *
 * Return: its number.
 */
u32 record_content(struct record *rec, const u8 *data)
{
	struct content *c;
	u64 w[4];

	if (rec->nr_contents == rec->contents_room) {
		rec->contents_room = rec->contents_room ? rec->contents_room * 2 : 4096;
		rec->contents = need(realloc(rec->contents,
					     rec->contents_room * sizeof(*rec->contents)));
	}
	c = &rec->contents[rec->nr_contents];
	memcpy(w, data, sizeof(w));
	c->data = data;
	c->sector = w[2];
	c->disk = w[3];
	c->seq = ALIEN;
	if (!w[0] && !memcmp(data, zero_sector, REC_SECTOR))
		c->seq = 0;
	else if (w[1] && w[3] < MAX_DISKS && rec_stamped(data, w[3], w[2]) == (int64_t)w[1])
		c->seq = w[1];
	return rec->nr_contents++;
}

static struct record *record_new(void)
{
	struct record *rec = need(calloc(1, sizeof(*rec)));

	record_content(rec, zero_sector);
	return rec;
}

static void entry_check(const struct record *rec, const struct rec *r, u64 at)
{
	bool data = r->type == REC_WRITE || r->type == REC_FOUND;

	if (r->magic != REC_MAGIC)
		die("byte %llu of the record: no entry begins here", at);
	if (data && r->bytes != r->sectors * REC_SECTOR)
		die("entry %u: %llu sectors, and %u bytes", rec->nr, (u64)r->sectors, r->bytes);
	if (r->type < REC_IO && r->dev >= MAX_DEVICES)
		die("entry %u: device %u", rec->nr, r->dev);
	if (r->type >= REC_IO && (r->disk >= MAX_DISKS || r->view > REC_TEST))
		die("entry %u: disk %u, view %u", rec->nr, r->disk, r->view);
}

static void record_load(struct record *rec, const u8 *data, u64 bytes)
{
	u64 at = 0, i;

	rec->bytes = bytes;
	while (at < bytes) {
		struct entry *e;

		if (rec->nr == rec->room) {
			rec->room = rec->room ? rec->room * 2 : 4096;
			rec->entries = need(realloc(rec->entries,
						    rec->room * sizeof(*rec->entries)));
		}
		e = &rec->entries[rec->nr];
		memset(e, 0, sizeof(*e));
		/*
		 * The machine ended in the middle of it: then its answer had reached no
		 * program.
		 */
		if (bytes - at < sizeof(e->rec)) {
			rec->cut = true;
			break;
		}
		memcpy(&e->rec, data + at, sizeof(e->rec));
		entry_check(rec, &e->rec, at);
		at += sizeof(e->rec);
		if (bytes - at < e->rec.bytes) {
			rec->cut = true;
			break;
		}
		e->data = data + at;
		at += e->rec.bytes;
		if (e->rec.type == REC_WRITE || e->rec.type == REC_FOUND) {
			e->first = rec->nr_contents;
			for (i = 0; i < e->rec.sectors; i++)
				record_content(rec, e->data + i * REC_SECTOR);
		}
		rec->nr++;
	}
	record_devices(rec);
}

/** record_devices() - sizes of the devices at the beginning */
void record_devices(struct record *rec)
{
	u32 i;

	for (i = 0; i < rec->nr; i++) {
		const struct rec *r = &rec->entries[i].rec;

		if (r->type != REC_DEVICE)
			continue;
		rec->sectors[r->dev] = r->sectors;
		rec->nr_devices = max(rec->nr_devices, (u32)r->dev + 1);
	}
	for (i = 0; i < rec->nr_devices; i++)
		if (!rec->sectors[i])
			die("the record has no size of device %u", i);
	if (rec->nr_devices < 2)
		die("the record has no store and home");
}

struct record *record_parse(const u8 *data, u64 bytes)
{
	struct record *rec = record_new();

	record_load(rec, data, bytes);
	return rec;
}

struct record *record_open(const char *path)
{
	struct record *rec = record_new();
	const u8 *data;
	u64 bytes;

	data = record_map(rec, path, &bytes);
	record_load(rec, data, bytes);
	return rec;
}

void record_close(struct record *rec)
{
	while (rec->nr_maps--)
		munmap(rec->maps[rec->nr_maps], rec->map_bytes[rec->nr_maps]);
	free(rec->entries);
	free(rec->contents);
	free(rec);
}

/** record_text() - an entry in words.  Return: @buf. */
const char *record_text(const struct rec *r, char *buf, size_t size)
{
	static const char *const types[] = {
		[REC_DEVICE] = "device", [REC_WRITE] = "write", [REC_ZERO] = "zeroes",
		[REC_DISCARD] = "discard", [REC_FLUSH] = "flush", [REC_RESIZE] = "resize",
		[REC_IO] = "I/O", [REC_IO_DONE] = "I/O done", [REC_SYNC] = "sync",
		[REC_SYNC_DONE] = "sync done", [REC_OP] = "operation",
		[REC_OP_DONE] = "operation done", [REC_FOUND] = "found", [REC_NOTE] = "note",
	};
	static const char *const ops[] = {
		[REC_CREATE] = "create", [REC_ATTACH] = "attach", [REC_DETACH] = "detach",
		[REC_POINT] = "point", [REC_DROP] = "drop", [REC_FAILOVER] = "failover",
		[REC_REVERT] = "revert", [REC_COMMIT] = "commit", [REC_TEST_START] = "test start",
		[REC_TEST_STOP] = "test stop", [REC_SUSPEND] = "suspend", [REC_RESUME] = "resume",
		[REC_GROW] = "grow", [REC_REMOVE] = "remove", [REC_HOLD] = "hold",
		[REC_RELEASE] = "release",
	};
	static const char *const views[] = { "head", "live", "test" };
	const char *type = r->type < ARRAY_SIZE(types) && types[r->type] ? types[r->type] : "?";
	char dev[20] = "store";

	if (r->dev)
		snprintf(dev, sizeof(dev), "home %u", r->dev - 1);
	switch (r->type) {
	case REC_WRITE:
	case REC_ZERO:
	case REC_DISCARD:
		snprintf(buf, size, "%s%s of %s, sectors %llu to %llu", type,
			 r->flags & REC_FUA ? " with FUA" : "", dev, (u64)r->sector,
			 (u64)(r->sector + r->sectors - 1));
		break;
	case REC_FLUSH:
	case REC_DEVICE:
	case REC_RESIZE:
		snprintf(buf, size, "%s of %s", type, dev);
		break;
	case REC_OP:
		snprintf(buf, size, "%s: %s %llu", type,
			 r->op < ARRAY_SIZE(ops) && ops[r->op] ? ops[r->op] : "?", (u64)r->arg);
		break;
	case REC_IO:
	case REC_FOUND:
		snprintf(buf, size, "%s %llu: %s, disk %u, sectors %llu to %llu", type, (u64)r->seq,
			 views[r->view], r->disk, (u64)r->sector,
			 (u64)(r->sector + r->sectors - 1));
		break;
	default:
		snprintf(buf, size, "%s %llu: %d", type, (u64)r->seq, r->result);
		break;
	}
	return buf;
}
