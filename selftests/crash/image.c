// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices at a place of the record: their durable content, the writes that are not
 * durable, and, for a moment, a state made of both.
 *
 * Durable is what precedes a flush of the same device, and each write with FUA.  A write with
 * FUA says nothing of the writes before it; but where they lie under it they are gone: a
 * cache never brings back content that something newer has overwritten on the medium
 * (image.sure).
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash.h"

/* File names of images, by device. */
static const char *device_file(u32 dev, const char *dir, char *buf, size_t size)
{
	if (dev == STORE)
		snprintf(buf, size, "%s/store.img", dir);
	else
		snprintf(buf, size, "%s/home%u.img", dir, dev - 1);
	return buf;
}

static void device_base(struct image *img, u32 dev, const char *dir)
{
	struct device *d = &img->dev[dev];
	char path[4096];
	const u8 *data;
	u64 bytes, i;

	data = record_map(img->rec, device_file(dev, dir, path, sizeof(path)), &bytes);
	if (bytes / REC_SECTOR != d->sectors)
		die("%s has %llu sectors, the record's device %llu", path, bytes / REC_SECTOR,
		    d->sectors);
	for (i = 0; i < d->sectors; i++)
		d->at[i] = record_content(img->rec, data + i * REC_SECTOR);
}

/**
 * image_new() - the devices before the first entry
 * @rec: the record.
 * @broken: writes and flushes to ignore, enum broken.
 * @base: directory of the images that the life began on; NULL: all zero.
 *
 * Return: the devices.
 */
struct image *image_new(struct record *rec, u32 broken, const char *base)
{
	struct image *img = need(calloc(1, sizeof(*img)));
	u32 i;

	img->rec = rec;
	img->broken = broken;
	for (i = 0; i < rec->nr_devices; i++) {
		struct device *d = &img->dev[i];

		d->sectors = rec->sectors[i];
		d->at = need(calloc(d->sectors, sizeof(*d->at)));
		d->sure = need(calloc(d->sectors, sizeof(*d->sure)));
		if (base)
			device_base(img, i, base);
	}
	return img;
}

void image_free(struct image *img)
{
	u32 i;

	for (i = 0; i < MAX_DEVICES; i++) {
		free(img->dev[i].at);
		free(img->dev[i].sure);
		free(img->dev[i].pending);
	}
	free(img->undo);
	free(img);
}

/*
 * A discard may leave anything: the old content or zeroes.  Here it leaves zeroes where it
 * arrives: so do the devices below the recorded system, which relied on what it read there.
 */
static u32 entry_content(const struct entry *e, u64 i)
{
	return e->rec.type == REC_WRITE ? e->first + i : CONTENT_ZERO;
}

static void device_settle(struct image *img, struct device *d, u32 entry)
{
	const struct entry *e = &img->rec->entries[entry];
	u64 i, s;

	for (i = 0; i < e->rec.sectors; i++) {
		s = e->rec.sector + i;
		if (d->sure[s] <= entry + 1)
			d->at[s] = entry_content(e, i);
	}
}

static void device_write(struct image *img, u32 entry)
{
	const struct rec *r = &img->rec->entries[entry].rec;
	struct device *d = &img->dev[r->dev];
	u64 i;

	if (r->sector > d->sectors || r->sectors > d->sectors - r->sector)
		die("entry %u: beyond the end of device %u", entry, r->dev);
	if (r->flags & REC_FUA && !(img->broken & BREAK_FUA)) {
		for (i = 0; i < r->sectors; i++)
			d->sure[r->sector + i] = entry + 1;
		device_settle(img, d, entry);
		return;
	}
	if (d->nr_pending == d->pending_room) {
		d->pending_room = d->pending_room ? d->pending_room * 2 : 64;
		d->pending = need(realloc(d->pending, d->pending_room * sizeof(*d->pending)));
	}
	d->pending[d->nr_pending++] = entry;
}

static void device_flush(struct image *img, u32 dev)
{
	struct device *d = &img->dev[dev];
	u32 i;

	if (img->broken & (dev == STORE ? BREAK_FLUSH : BREAK_HOME_FLUSH))
		return;
	for (i = 0; i < d->nr_pending; i++)
		device_settle(img, d, d->pending[i]);
	d->nr_pending = 0;
}

static void device_resize(struct image *img, u32 dev, u64 sectors)
{
	struct device *d = &img->dev[dev];

	if (sectors < d->sectors)
		die("device %u shrinks", dev);
	d->at = need(realloc(d->at, sectors * sizeof(*d->at)));
	d->sure = need(realloc(d->sure, sectors * sizeof(*d->sure)));
	memset(d->at + d->sectors, 0, (sectors - d->sectors) * sizeof(*d->at));
	memset(d->sure + d->sectors, 0, (sectors - d->sectors) * sizeof(*d->sure));
	d->sectors = sectors;
}

/** image_step() - take the next entry; no state is made at the moment */
void image_step(struct image *img)
{
	u32 entry = img->place++;
	const struct rec *r = &img->rec->entries[entry].rec;

	if (img->nr_undo)
		die("a state is still on the devices");
	switch (r->type) {
	case REC_WRITE:
	case REC_ZERO:
	case REC_DISCARD:
		device_write(img, entry);
		break;
	case REC_FLUSH:
		device_flush(img, r->dev);
		break;
	case REC_RESIZE:
		device_resize(img, r->dev, r->sectors);
		break;
	}
}

static void image_put(struct image *img, u32 dev, u64 sector, u32 content)
{
	struct change *c;

	if (img->nr_undo == img->undo_room) {
		img->undo_room = img->undo_room ? img->undo_room * 2 : 4096;
		img->undo = need(realloc(img->undo, img->undo_room * sizeof(*img->undo)));
	}
	c = &img->undo[img->nr_undo++];
	c->dev = dev;
	c->sector = sector;
	c->was = img->dev[dev].at[sector];
	img->dev[dev].at[sector] = content;
}

/**
 * image_land() - a write that is not durable arrives, or part of it
 * @img: the devices.
 * @entry: its entry.
 * @keep: by sector, the part that arrives; NULL: all.
 */
void image_land(struct image *img, u32 entry, const u8 *keep)
{
	const struct entry *e = &img->rec->entries[entry];
	struct device *d = &img->dev[e->rec.dev];
	u64 i, s;

	for (i = 0; i < e->rec.sectors; i++) {
		s = e->rec.sector + i;
		if ((!keep || keep[i]) && d->sure[s] <= entry + 1)
			image_put(img, e->rec.dev, s, entry_content(e, i));
	}
}

/** image_undo() - drop the state; the devices have their durable content again */
void image_undo(struct image *img)
{
	while (img->nr_undo) {
		const struct change *c = &img->undo[--img->nr_undo];

		img->dev[c->dev].at[c->sector] = c->was;
	}
}

/* Sectors as bytes; those that lie together in the record are copied together. */
void image_read(struct image *img, u32 dev, u64 sector, u32 count, u8 *buf)
{
	const struct content *table = img->rec->contents;
	const u32 *at = img->dev[dev].at + sector;
	u32 i, run;

	for (i = 0; i < count; i += run) {
		const struct content *c = &table[at[i]];

		for (run = 1; i + run < count; run++)
			if (c->seq ? table[at[i + run]].data != c->data + run * REC_SECTOR :
				     table[at[i + run]].seq)
				break;
		if (c->seq)
			memcpy(buf + i * REC_SECTOR, c->data, run * REC_SECTOR);
		else
			memset(buf + i * REC_SECTOR, 0, run * REC_SECTOR);
	}
}

/**
 * image_write() - the devices' images as files
 * @img: the devices, with a state on them.
 * @dir: directory, made if it is not there.
 *
 * Return: 0 or -1, errno is set.
 */
int image_write(struct image *img, const char *dir)
{
	char path[4096];
	u8 buf[65536];
	u32 dev, n;
	u64 s;
	int fd;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return -1;
	for (dev = 0; dev < img->rec->nr_devices; dev++) {
		fd = open(device_file(dev, dir, path, sizeof(path)),
			  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0)
			return -1;
		for (s = 0; s < img->dev[dev].sectors; s += n) {
			n = min_t(u64, sizeof(buf) / REC_SECTOR, img->dev[dev].sectors - s);
			image_read(img, dev, s, n, buf);
			if (write(fd, buf, n * REC_SECTOR) != (ssize_t)(n * REC_SECTOR)) {
				close(fd);
				return -1;
			}
		}
		if (close(fd))
			return -1;
	}
	return 0;
}
