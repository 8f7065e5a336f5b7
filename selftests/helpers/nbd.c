// SPDX-License-Identifier: GPL-2.0
/*
 * Disks with a volatile cache, and a cut that loses its content.
 *
 * usage: helper-nbd [OPTION]... /dev/nbdN=BACKING[,lie]...
 *
 *	--seed N	of all random choices here
 *	--granule N	unit that survives a cut as a whole: 512 (default) or 4096
 *	--lose all	nothing unflushed survives the cut (default: of each disk
 *			a share of its own, by the seed, from none to 3/4)
 *	--no-reset	continue after the cut, for a test of this program
 *	--record FILE	append all requests to FILE, in the form of record.h, disks numbered
 *			as they are given.  The backing devices are only read then;
 *			there is no cut: the crash replay derives from the record the
 *			states that a crash might have left.  SIGTERM ends it.
 *
 * One process serves all disks to the kernel's nbd driver, by a socket pair each,
 * under one lock.  A write is kept in memory; a flush takes all of that disk's to
 * its backing device, a write with FUA goes there itself, and only then they are
 * answered.  Unlike virtio-blk, nbd has real FUA: the kernel does not make a
 * write and a flush of it, so that a FUA write makes nothing else durable.
 *
 * SIGTERM is the cut: from that instant no request is answered; a random part of
 * the unflushed data reaches the backing devices, granule by granule as if written
 * in any order, the rest is lost; the surviving part is reported; then the machine
 * resets.  The backing devices must write through (--disk of scripts/vm survives a
 * reset).
 *
 * SIGUSR1 is the cut at one of the next requests, or, depending on the seed, at one
 * of the next writes with FUA to the first disk, or to the first 256 KiB of it,
 * where a store has its superblocks; that write is then lost, torn or whole and
 * not answered; or it is answered, and no other request is, for so long that the
 * caller may pass its answer on before all is cut.
 *
 * SIGUSR2: from now on disks marked with ",lie" answer flushes and FUA writes at
 * once and lose all when cut.  A system on them cannot keep its promises; a test
 * that passes all the same is no test.
 *
 * SIGHUP: print how many requests of each kind there were.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "nbd-device.h"
#include "record.h"

#define SECTOR	512
#define MAX_DEV	8
#define MAX_LEN	(4 << 20)	/* the kernel's default limit is 1280 KiB */

/* In linux/nbd.h since 6.12 only. */
#define CMD_WRITE_ZEROES	6
#define FLAG_SEND_WRITE_ZEROES	(1 << 6)

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

static struct disk {
	const char *path;
	bool liar;
	int nbd, back, sock[2];
	pthread_t held;		/* until the kernel lets go of the device */
	uint64_t sectors;
	uint8_t *now;		/* content that reads see */
	uint8_t *dirty;		/* per sector: in memory only */
	unsigned long reads, writes, zeroes, discards, fuas, flushes;
} disks[MAX_DEV];
static int nr_disks;
static int record = -1;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool lying, all_lost, reset = true;
static bool torn;			/* the first disk survives in part */
static unsigned int cut_after;		/* requests; 0: no cut yet */
static enum { ANY, FUA, SUPERBLOCK } cut_at;
static uint64_t rng = 1;
static unsigned int granule = 1;	/* sectors */

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "helper-nbd: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static uint64_t rnd(uint64_t below)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (rng * 0x2545f4914f6cdd1dULL >> 11) % below;
}

/* One writev(), so that it is one place in the record, also beside other writers. */
static void tell_record(struct disk *d, int type, uint64_t first, uint64_t nr, bool fua,
			const void *data)
{
	struct rec rec = {
		.magic = REC_MAGIC, .type = type, .dev = d - disks, .flags = fua ? REC_FUA : 0,
		.sector = first, .sectors = nr, .bytes = data ? nr * SECTOR : 0,
	};
	struct iovec v[2] = { { &rec, sizeof(rec) }, { (void *)data, rec.bytes } };

	if (record >= 0 && writev(record, v, 2) != (ssize_t)(sizeof(rec) + rec.bytes))
		die("record");
}

/* Write sectors to the backing device, where they survive. */
static void settle(struct disk *d, uint64_t first, uint64_t nr)
{
	uint8_t *at = d->now + first * SECTOR;
	size_t left = nr * SECTOR;
	off_t to = first * SECTOR;

	if (record >= 0)
		return;
	memset(d->dirty + first, 0, nr);
	while (left) {
		ssize_t n = pwrite(d->back, at, left, to);

		if (n <= 0)
			die("write to the backing device");
		at += n;
		to += n;
		left -= n;
	}
}

/* The next run of unflushed sectors from @from on; its length, 0 at the end. */
static uint64_t next_run(struct disk *d, uint64_t *from)
{
	uint8_t *p = memchr(d->dirty + *from, 1, d->sectors - *from), *end;

	if (!p)
		return 0;
	*from = p - d->dirty;
	end = memchr(p, 0, d->sectors - *from);
	return (end ? end : d->dirty + d->sectors) - p;
}

static void settle_all(struct disk *d)
{
	uint64_t first = 0, nr;

	for (; (nr = next_run(d, &first)); first += nr)
		settle(d, first, nr);
}

/*
 * A write over one that is unflushed: a cache may have written the older one
 * out before, so now and then it has.
 */
static void evict_older(struct disk *d, uint64_t first, uint64_t nr)
{
	uint64_t at, end = first + nr, i;

	if (record >= 0)
		return;
	for (at = first / granule * granule; at < end; at += granule) {
		if (rnd(4))
			continue;
		for (i = at; i < at + granule && i < d->sectors; i++)
			if (d->dirty[i])
				settle(d, i, 1);
	}
}

static void transfer(int fd, void *buf, size_t len, bool out)
{
	while (len) {
		ssize_t n = out ? write(fd, buf, len) : read(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("connection");
		buf = (char *)buf + n;
		len -= n;
	}
}

static void __attribute__((noreturn)) cut(const char *where);
static bool last_answer;

/* Is this the write at which to cut? */
static void maybe_cut(struct disk *d, uint64_t first, uint64_t nr, const void *data, uint32_t type)
{
	static const char * const text[][3] = {
		{ "one of any requests" },
		{ "a FUA write, which is lost", "a FUA write, which is torn",
		  "a FUA write, which is whole" },
		{ "a superblock, which is lost", "a superblock, which is torn",
		  "a superblock, which is whole" },
	};
	int how = 0;

	if (!cut_after)
		return;
	if (cut_at != ANY && (d != disks || type != (NBD_CMD_WRITE | NBD_CMD_FLAG_FUA) ||
			      (cut_at == SUPERBLOCK && first >= (256 << 10) / SECTOR)))
		return;
	if (--cut_after)
		return;
	if (cut_at != ANY) {
		how = rnd(6);
		if (how >= 3) {
			last_answer = true;
			return;
		}
		torn = how == 1;
		if (how) {
			memcpy(d->now + first * SECTOR, data, nr * SECTOR);
			memset(d->dirty + first, 1, nr);
		}
		if (how == 2 && !(d->liar && lying))
			settle(d, first, nr);
	}
	cut(text[cut_at][how]);
}

/*
 * A write of any kind.  Without @data it is zeroes; a discard is the same: it may leave
 * anything, zeroes too.
 */
static void take(struct disk *d, int type, uint64_t first, uint64_t nr, bool fua, const void *data)
{
	tell_record(d, type, first, nr, fua, data);
	if (!fua)
		evict_older(d, first, nr);
	if (data)
		memcpy(d->now + first * SECTOR, data, nr * SECTOR);
	else
		memset(d->now + first * SECTOR, 0, nr * SECTOR);
	if (record >= 0)
		return;
	memset(d->dirty + first, 1, nr);
	if (fua && !(d->liar && lying))
		settle(d, first, nr);
}

static void *serve(void *arg)
{
	struct disk *d = arg;
	int fd = d->sock[0];
	uint8_t *buf = malloc(MAX_LEN);

	if (!buf)
		die("memory");
	for (;;) {
		struct nbd_request rq;
		struct nbd_reply reply;
		uint32_t type, len;
		uint64_t first, nr;
		bool fua;

		transfer(fd, &rq, sizeof(rq), false);
		type = be32toh(rq.type);
		len = be32toh(rq.len);
		first = be64toh(rq.from) / SECTOR;
		nr = len / SECTOR;
		fua = type & NBD_CMD_FLAG_FUA;
		errno = EPROTO;
		if (be32toh(rq.magic) != NBD_REQUEST_MAGIC || len % SECTOR ||
		    first + nr > d->sectors ||
		    ((type & 0xffff) <= NBD_CMD_WRITE && len > MAX_LEN))
			die("impossible request");
		if ((type & 0xffff) == NBD_CMD_WRITE)
			transfer(fd, buf, len, false);
		memset(&reply, 0, sizeof(reply));
		reply.magic = htobe32(NBD_REPLY_MAGIC);
		memcpy(reply.handle, rq.handle, sizeof(reply.handle));

		pthread_mutex_lock(&lock);
		maybe_cut(d, first, nr, buf, type);
		switch (type & 0xffff) {
		case NBD_CMD_READ:
			d->reads++;
			memcpy(buf, d->now + first * SECTOR, len);
			break;
		case NBD_CMD_WRITE:
			d->writes++;
			d->fuas += fua;
			take(d, REC_WRITE, first, nr, fua, buf);
			break;
		case CMD_WRITE_ZEROES:
			d->zeroes++;
			d->fuas += fua;
			take(d, REC_ZERO, first, nr, fua, NULL);
			break;
		case NBD_CMD_TRIM:
			d->discards++;
			take(d, REC_DISCARD, first, nr, false, NULL);
			break;
		case NBD_CMD_FLUSH:
			d->flushes++;
			tell_record(d, REC_FLUSH, 0, 0, false, NULL);
			if (!(d->liar && lying))
				settle_all(d);
			break;
		case NBD_CMD_DISC:
			settle_all(d);
			pthread_mutex_unlock(&lock);
			shutdown(fd, SHUT_RDWR);
			return NULL;
		default:
			reply.error = htobe32(EINVAL);
		}
		if (last_answer) {
			transfer(fd, &reply, sizeof(reply), true);
			usleep(cut_at == FUA ? 100000 : 700000);
			cut(cut_at == FUA ? "the answer to a FUA write" : "the answer to a superblock");
		}
		pthread_mutex_unlock(&lock);

		transfer(fd, &reply, sizeof(reply), true);
		if ((type & 0xffff) == NBD_CMD_READ)
			transfer(fd, buf, len, true);
	}
}

static void *hold(void *arg)
{
	struct disk *d = arg;

	ioctl(d->nbd, NBD_DO_IT);
	return NULL;
}

static void *load(int fd, uint64_t bytes)
{
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at;
	ssize_t n;

	if (p == MAP_FAILED)
		die("memory");
	for (at = 0; at < bytes; at += n) {
		n = pread(fd, p + at, bytes - at, at);
		if (n <= 0)
			die("read of the backing device");
	}
	return p;
}

static void start(struct disk *d, char *arg)
{
	static const uint64_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |
				      NBD_FLAG_SEND_TRIM | FLAG_SEND_WRITE_ZEROES;
	char *back = strchr(arg, '='), *opt;
	pthread_t thread;
	uint64_t bytes = 0;

	errno = EINVAL;
	if (!back)
		die(arg);
	*back++ = 0;
	opt = strchr(back, ',');
	if (opt) {
		*opt++ = 0;
		d->liar = !strcmp(opt, "lie");
	}
	d->path = arg;
	d->nbd = open(arg, O_RDONLY | O_CLOEXEC);	/* in use, but not for writing */
	if (d->nbd < 0)
		die(arg);
	d->back = open(back, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (d->back < 0 || ioctl(d->back, BLKGETSIZE64, &bytes))
		die(back);
	d->sectors = bytes / SECTOR;
	d->now = load(d->back, bytes);
	d->dirty = calloc(1, d->sectors);
	if (!d->dirty)
		die("memory");
	tell_record(d, REC_DEVICE, 0, d->sectors, false, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, d->sock))
		die("socketpair");
	if (nbd_set_up(d->nbd, d->sock[1], d->sectors, flags))
		die("setting up nbd");
	if (pthread_create(&thread, NULL, serve, d) || pthread_create(&d->held, NULL, hold, d))
		die("thread");
	if (nbd_await(arg, d->sectors * SECTOR))
		die("the device does not come");
}

/* No request is answered from here on: the lock, which is held, stays. */
static void cut(const char *where)
{
	uint64_t first, nr, n, total, kept;
	unsigned int share;
	struct disk *d;
	int fd;

	printf("cut: at %s\n", where);
	for (d = disks; d < disks + nr_disks; d++) {
		share = 25 * rnd(4);
		if (all_lost || (d->liar && lying))
			share = 0;
		else if (torn && d == disks)
			share = 50;
		total = 0;
		kept = 0;
		for (first = 0; (nr = next_run(d, &first)); first += n) {
			/* Not over the end of a granule. */
			n = granule - first % granule;
			if (n > nr)
				n = nr;
			total += n;
			if (rnd(100) < share) {
				kept += n;
				settle(d, first, n);
			}
		}
		printf("cut: %s: %llu sectors were not flushed, %llu of them survive\n", d->path,
		       (unsigned long long)total, (unsigned long long)kept);
	}
	fflush(stdout);
	while (!reset)
		pause();
	/* Time for the output to get out. */
	usleep(300000);
	fd = open("/proc/sysrq-trigger", O_WRONLY);
	/* A user-mode kernel has no sysrq; it ends without any write as well. */
	if (fd < 0 ? reboot(RB_POWER_OFF) : write(fd, "b", 1) != 1)
		die("cannot reset the machine");
	for (;;)
		pause();
}

/* With nothing lost, and nothing left to do on the backing devices. */
static void __attribute__((noreturn)) leave(void)
{
	struct disk *d;

	for (d = disks; d < disks + nr_disks; d++) {
		if (ioctl(d->nbd, NBD_DISCONNECT))
			die("disconnect");
		pthread_join(d->held, NULL);
	}
	exit(0);
}

static void tell(void)
{
	struct disk *d;

	pthread_mutex_lock(&lock);
	for (d = disks; d < disks + nr_disks; d++)
		printf("%s: %lu reads, %lu writes, %lu zeroes, %lu of these FUA, %lu discards, %lu flushes\n",
		       d->path, d->reads, d->writes, d->zeroes, d->fuas, d->discards, d->flushes);
	fflush(stdout);
	pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
	const char *record_path = NULL;
	sigset_t set;
	int i, sig;

	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--no-reset")) {
			reset = false;
			continue;
		}
		errno = EINVAL;
		if (i + 1 == argc)
			die(argv[i]);
		if (!strcmp(argv[i], "--seed"))
			rng = strtoull(argv[++i], NULL, 0) * 0x9e3779b97f4a7c15ULL + 12345;
		else if (!strcmp(argv[i], "--granule"))
			granule = strtoul(argv[++i], NULL, 0) / SECTOR;
		else if (!strcmp(argv[i], "--lose"))
			all_lost = !strcmp(argv[++i], "all");
		else if (!strcmp(argv[i], "--record"))
			record_path = argv[++i];
		else
			die(argv[i]);
	}
	errno = EINVAL;
	if (i == argc || argc - i > MAX_DEV || !granule)
		die("usage: helper-nbd [OPTION]... /dev/nbdN=BACKING[,lie]...");
	if (record_path) {
		record = open(record_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (record < 0)
			die(record_path);
	}
	/* This process must not wait for a device that it serves itself. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (; i < argc; i++)
		start(&disks[nr_disks++], argv[i]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (sigwait(&set, &sig))
			continue;
		if (sig == SIGUSR2) {
			pthread_mutex_lock(&lock);
			lying = true;
			pthread_mutex_unlock(&lock);
			puts("lying");
			fflush(stdout);
		} else if (sig == SIGHUP) {
			tell();
		} else {
			break;
		}
	}
	if (record >= 0) {
		tell();
		leave();
	}
	if (sig == SIGUSR1) {
		/*
		 * The lock comes most easily after a flush: so not here while there is any
		 * request.
		 */
		pthread_mutex_lock(&lock);
		cut_at = rnd(3);
		cut_after = 1 + rnd(cut_at == ANY ? 100 : cut_at == FUA ? 10 : 3);
		pthread_mutex_unlock(&lock);
		usleep(cut_at == ANY ? 500000 : 3000000);
	}
	pthread_mutex_lock(&lock);
	cut("no request");
}
