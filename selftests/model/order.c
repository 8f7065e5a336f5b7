// SPDX-License-Identifier: GPL-2.0
/*
 * The order mode: a point is one instant of all disks.
 *
 * Lanes of writers each write a rising number to the first disk, then to the next and so on,
 * each write completed before the next begins.  So no point may show a disk behind the one
 * after it, nor less on any disk than had been written when the point was requested.
 */
#include "model.h"

#define LANES		3
#define PLACES		4		/* of a lane, used in turn */
#define CHECKED		3		/* of the points, at once */

static atomic_bool stop;
static atomic_uint written[LANES][MAX_DISKS], begun[LANES];
static long nr_points_checked;

struct instant {
	uint64_t number;
	uint32_t lo[LANES][MAX_DISKS], hi[LANES];
};

static struct instant instants[MAX_POINTS + 1];
static int nr_instants;

/* Far from each other and from those of other lanes, none at the beginning of a chunk. */
static uint64_t lane_sector(int lane, uint32_t seq)
{
	return (seq % PLACES * LANES + lane) * 264 + 13;
}

static void *lane_main(void *arg)
{
	int lane = (long)arg, nr;
	char *buf = buffer(8 * SECTOR);
	struct rng r;

	writer = lane + 1;
	rng_init(&r, seed * 100 + lane);
	for (uint32_t seq = 1; !stop; seq++) {
		uint64_t s = lane_sector(lane, seq);

		atomic_store(&begun[lane], seq);
		for (int d = 0; d < nr_disks && !stop; d++) {
			/* Half of them a sector of a block, half whole blocks. */
			nr = lane ? 1 : 8;
			stamp_fill(buf, seq, d, s - (lane ? 0 : 5), nr);
			if (pwrite(below(&r, 12) ? disks[d].fd[HEAD] : disks[d].sync[HEAD], buf,
				   nr * SECTOR, (s - (lane ? 0 : 5)) * SECTOR) != nr * SECTOR)
				die("write of number %u to disk %d: %m", seq, d);
			atomic_store(&written[lane][d], seq);
		}
	}
	free(buf);
	return NULL;
}

/* The highest number of a lane that a view's disk shows. */
static uint32_t shown(int view, int d, int lane)
{
	uint32_t most = 0, seq;

	for (uint32_t i = 0; i < PLACES; i++) {
		uint64_t s = lane_sector(lane, i);

		read_exact(disks[d].fd[view], cmp_buf, s, 1, disks[d].path[view]);
		seq = stamp_read(cmp_buf, d, s);
		if (seq == SEQ_BAD || (seq && seq % PLACES != i)) {
			stamp_tell(cmp_buf, d, s);
			die("no number of lane %d in sector %llu of %s", lane,
			    (unsigned long long)s, disks[d].path[view]);
		}
		if (seq > most)
			most = seq;
	}
	return most;
}

static void check_instant(const struct instant *p, int view)
{
	if (view_begin(view, p->number))
		die("point %llu: %s", (unsigned long long)p->number, refusal);
	for (int lane = 0; lane < LANES; lane++) {
		uint32_t before = p->hi[lane];

		for (int d = 0; d < nr_disks; d++) {
			uint32_t seq = shown(view, d, lane);

			if (seq > before)
				die("point %llu, lane %d: disk %d shows %u, later than the %u before it",
				    (unsigned long long)p->number, lane, d, seq, before);
			if (seq < p->lo[lane][d])
				die("point %llu, lane %d: disk %d shows %u, but %u had been written",
				    (unsigned long long)p->number, lane, d, seq, p->lo[lane][d]);
			before = seq;
		}
	}
	nr_points_checked++;
	view_close(view);
	if (view_end(view))
		die("end of a failover: %s", refusal);
}

static void instant_make(void)
{
	struct instant *p = &instants[nr_instants];
	int code;

	p->number = 0;
	for (int lane = 0; lane < LANES; lane++)
		for (int d = 0; d < nr_disks; d++)
			p->lo[lane][d] = atomic_load(&written[lane][d]);
	code = operation(DM_REPLICA_CMD_POINT_NEW, &p->number);
	if (code)
		refused("point", code);
	for (int lane = 0; lane < LANES; lane++)
		p->hi[lane] = atomic_load(&begun[lane]);
	nr_instants++;
}

static void instant_drop(int i)
{
	int code = operation(DM_REPLICA_CMD_POINT_DEL, &instants[i].number);

	if (code)
		refused("drop", code);
	memmove(instants + i, instants + i + 1, (nr_instants - i - 1) * sizeof(instants[0]));
	nr_instants--;
}

void order(void)
{
	pthread_t tid[LANES];
	double began = now();
	uint64_t total = 0;

	for (int d = 0; d < nr_disks; d++)
		if (disks[d].sectors <= lane_sector(LANES, PLACES - 1))
			die("%s is too small", disks[d].path[HEAD]);
	for (long i = 0; i < LANES; i++)
		if (pthread_create(&tid[i], NULL, lane_main, (void *)i))
			die("no thread");
	for (at_op = 1; at_op <= ops; at_op++) {
		if (seconds && now() - began > seconds)
			break;
		usleep(1000 * below(&rng, 20));
		if (below(&rng, 20) == 0)
			set_hold(!held);
		instant_make();
		if (below(&rng, CHECKED) == 0)
			check_instant(&instants[below(&rng, nr_instants)],
				      below(&rng, 2) ? LIVE : TEST);
		while (nr_instants >= MAX_POINTS)
			instant_drop(below(&rng, nr_instants));
	}
	stop = true;
	for (int i = 0; i < LANES; i++)
		pthread_join(tid[i], NULL);
	while (nr_instants) {
		check_instant(&instants[0], below(&rng, 2) ? LIVE : TEST);
		instant_drop(0);
	}
	for (int lane = 0; lane < LANES; lane++)
		total += written[lane][nr_disks - 1];
	say("# %ld points of %d disks, %.0f s: %ld compared, %llu numbers written to each disk\n",
	    at_op - 1, nr_disks, now() - began, nr_points_checked, (unsigned long long)total);
	view_close(HEAD);
	detach();
}
