// SPDX-License-Identifier: GPL-2.0
/*
 * The single mode: one operation after the other, some of them amid I/O that is under way.  A
 * script selects them, written down or from the seed; their effect on the model is here.
 */
#include "model.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

struct image model[VIEWS];
long nr_nospc, nr_refused, nr_written;

static long nr_skipped;

void check_range(int view, int disk, uint64_t sector, uint32_t sectors)
{
	async_wait_place(view, disk, sector, sectors);
	read_exact(disks[disk].fd[view], cmp_buf, sector, sectors, disks[disk].path[view]);
	image_compare(&model[view], view_name[view], disk, sector, sectors, cmp_buf);
}

void check_all(int view)
{
	for (int d = 0; d < nr_disks; d++)
		for (uint64_t s = 0; s < disks[d].sectors; s += MAX_SECTORS)
			check_range(view, d, s, part(d, s));
	atomic_fetch_add(&nr_compared, 1);
}

static void learn_part(int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq,
		       const char *what)
{
	uint32_t *want = model[view].seq[disk], got, i;

	read_exact(disks[disk].fd[view], cmp_buf, sector, sectors, disks[disk].path[view]);
	for (i = 0; i < sectors; i++) {
		got = stamp_read(cmp_buf + i * SECTOR, disk, sector + i);
		if (got != want[sector + i] && got != seq) {
			say("# after a %s that may have written number %u\n", what, seq);
			mismatch(view_name[view], disk, sector + i, want[sector + i],
				 cmp_buf + i * SECTOR);
		}
		want[sector + i] = got;
	}
}

/* After an operation that may or may not have happened, in each sector by itself. */
void learn(int view, int disk, uint64_t sector, uint32_t sectors, uint32_t seq, const char *what)
{
	for (uint32_t i = 0, n; i < sectors; i += n) {
		n = sectors - i < MAX_SECTORS ? sectors - i : MAX_SECTORS;
		learn_part(view, disk, sector + i, n, seq, what);
	}
}

/* After a write, @err being its error, or 0.  Return: true if it is done. */
static bool verdict(const struct op *o, int err)
{
	bool off = o->view == HEAD && suspended;

	if (!err && off)
		die("a %s while replication is suspended went through", what_name[o->what]);
	if (!err)
		return true;
	if (err == ENODEV && off) {
		nr_refused++;
		return false;
	}
	if (err != ENOSPC)
		die("%s of %u sectors at %llu of %s: %s", what_name[o->what], o->sectors,
		    (unsigned long long)o->sector, disks[o->disk].path[o->view], strerror(err));
	nr_nospc++;
	learn(o->view, o->disk, o->sector, o->sectors,
	      o->what == ZEROES || o->what == PUNCH || o->what == DISCARD ? 0 : at_op,
	      what_name[o->what]);
	return false;
}

static bool do_write(const struct op *o)
{
	long event = note_begun(o->what, o->view, o->disk, o->sector, o->sectors, at_op);
	bool sync = o->what == FUA || o->what == STORM;
	const struct disk *d = &disks[o->disk];
	ssize_t r;
	int err;

	stamp_fill(io_buf, at_op, o->disk, o->sector, o->sectors);
	r = pwrite(sync ? d->sync[o->view] : d->fd[o->view], io_buf, o->sectors * SECTOR,
		   o->sector * SECTOR);
	/* Short: the store had no room for the rest. */
	err = r < 0 ? errno : r == (ssize_t)o->sectors * SECTOR ? 0 : ENOSPC;
	note_ended(event, err);
	if (!verdict(o, err))
		return false;
	image_set(&model[o->view], o->disk, o->sector, o->sectors, at_op);
	nr_written += o->sectors;
	return true;
}

/* In pieces of so many sectors. */
static void do_pieces(struct op o, uint32_t piece)
{
	uint64_t end_at = o.sector + o.sectors;

	for (; o.sector < end_at; o.sector += piece) {
		o.sectors = end_at - o.sector < piece ? end_at - o.sector : piece;
		async_wait_place(o.view, o.disk, o.sector, o.sectors);
		if (!do_write(&o))
			break;
	}
}

/* Most of each disk, as a first replication would do. */
static void do_fill(void)
{
	for (int d = 0; online[HEAD] && d < nr_disks; d++)
		do_pieces((struct op){ .what = FILL, .disk = d,
				       .sectors = disks[d].sectors * 3 / 4 }, MAX_SECTORS);
}

static void do_zero(const struct op *o)
{
	uint64_t range[2] = { o->sector * SECTOR, (uint64_t)o->sectors * SECTOR };
	long event = note_begun(o->what, o->view, o->disk, o->sector, o->sectors, 0);
	int fd = disks[o->disk].fd[o->view], r;

	if (o->what == PUNCH)		/* zeroes that may be unmapped */
		r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range[0], range[1]);
	else
		r = ioctl(fd, o->what == ZEROES ? BLKZEROOUT : BLKDISCARD, range);
	r = r ? errno : 0;
	note_ended(event, r);
	if (!verdict(o, r))
		return;
	if (o->what == DISCARD)		/* advice only */
		learn(o->view, o->disk, o->sector, o->sectors, 0, "discard");
	else
		image_set(&model[o->view], o->disk, o->sector, o->sectors, 0);
}

static void do_flush(const struct op *o)
{
	long event = note_begun(FLUSH, o->view, o->disk, 0, 0, 0);

	if (fsync(disks[o->disk].fd[o->view]))
		die("fsync of %s: %m", disks[o->disk].path[o->view]);
	note_ended(event, 0);
}

static void do_attach(void)
{
	async_wait();
	note(ATTACH, 0);
	for (int v = 0; v < VIEWS; v++)
		view_close(v);
	detach();
	attach();
	held = false;
	for (int v = 0; v < VIEWS; v++)
		if (online[v])
			view_open(v);
}

static void run_io(const struct op *o)
{
	if (!online[o->view]) {
		nr_skipped++;
		return;
	}
	if (o->what != FLUSH && o->what != CHECK)
		async_wait_place(o->view, o->disk, o->sector, o->sectors);
	switch (o->what) {
	case WRITE ... FUA:
		do_write(o);
		break;
	case STORM:
		do_pieces(*o, 8);
		break;
	case ZEROES ... DISCARD:
		do_zero(o);
		break;
	case START_WRITE ... START_FUA:
	case START_READ:
		async_start(o->what, o->view, o->disk, o->sector, o->sectors, at_op);
		break;
	case READ:
		check_range(o->view, o->disk, o->sector, o->sectors);
		break;
	case FLUSH:
		do_flush(o);
		break;
	case CHECK:
		check_all(o->view);
		break;
	}
}

static void run_point_op(const struct op *o)
{
	switch (o->what) {
	case POINT:
		do_point(o->sector);
		break;
	case DROP:
		do_drop(o->sector);
		break;
	case FAILOVER:
		do_begin(LIVE, o->sector);
		break;
	case TEST_START:
		do_begin(TEST, o->sector);
		break;
	case REVERT ... REVERT_OPEN:
		do_end(LIVE, o->what == REVERT_OPEN);
		break;
	default:
		do_end(TEST, o->what == TEST_STOP_OPEN);
	}
}

static void run_control(const struct op *o)
{
	switch (o->what) {
	case SUSPEND ... RESUME:
		if (suspended != (o->what == SUSPEND))
			set_suspended(o->what == SUSPEND);
		break;
	case HOLD ... RELEASE:
		set_hold(o->what == HOLD);
		break;
	case RATE:
		set_rate(o->sector);
		break;
	case KEEP_LAST ... RESERVE:
		set_setting(o->what, o->sector);
		break;
	case GROW:
		do_grow();
		break;
	case ATTACH:
		do_attach();
		break;
	case POINTS:
		points_compare();
		break;
	case SLEEP:
		usleep(1000 * o->sector);
		break;
	case COMMIT:
		do_commit();
		break;
	case COMMIT_AMID:
		do_commit_amid();
		break;
	case RECREATE:
		do_recreate();
		break;
	case PLAIN:
		do_plain();
		break;
	case FLATTEN:
		do_flatten();
		break;
	}
}

static void run_op(const struct op *o)
{
	if (gone)
		nr_skipped++;
	else if (o->what == FILL)
		do_fill();
	else if (o->what <= CHECK)
		run_io(o);
	else if (o->what == WAIT)
		async_wait();
	else if (o->what <= TEST_STOP_OPEN)
		run_point_op(o);
	else
		run_control(o);
}

/* Keep its end; the numbers of the remaining operations are those of a script of them. */
static void cut(struct script *s, long from, long tail)
{
	memmove(s->op + from, s->op + tail, (s->nr - tail) * sizeof(*s->op));
	s->nr -= tail - from;
	if (script_out)
		script_write(s, script_out);
}

void single(void)
{
	struct script script = { 0 };
	double began = now();
	bool late = false;
	long tail;

	if (script_in) {
		script_read(&script, script_in);
		tail = script.nr;
	} else {
		for (long i = 0; i < ops; i++)
			choose(&script);
		tail = script.nr;
		choose_end(&script);
	}
	if (script_out)
		script_write(&script, script_out);
	async_init();
	for (int v = 0; v < VIEWS; v++)
		image_new(&model[v]);
	for (long i = 0; i < script.nr; i++) {
		if (seconds && !late && i < tail && now() - began > seconds) {
			say("# no time for operations %ld to %ld\n", i + 1, tail);
			cut(&script, i, tail);
			late = true;
		}
		at_op = i + 1;
		run_op(&script.op[i]);
	}
	async_wait();
	say("# %ld operations, %ld of them left out, %.0f s: wrote %ld KiB, read %ld KiB, %ld errors for want of space, %ld refused while suspended, %ld whole compares\n",
	    script.nr, nr_skipped, now() - began, nr_written / 2, (long)nr_read / 2, nr_nospc,
	    nr_refused, (long)nr_compared);
}
