// SPDX-License-Identifier: GPL-2.0
/*
 * Disks with a volatile cache that keep requests back, fail them, or lose unflushed data, on
 * command.
 *
 * usage: helper-hold /dev/nbdN=MIB[,nofua]...
 *
 * The disks are empty, in memory, and served to the kernel's nbd driver, which has real FUA;
 * with nofua it sends a flush behind such a write.  Commands come on standard input, one per
 * line; each has an answer of one line, "ok" if it returns nothing else.  Disks are counted
 * from 0.
 *
 *	on DISK KINDS FROM TO WHAT [COUNT]
 *			what to do with requests of KINDS, some of "rwf" (read, write,
 *			flush), that touch the KiB from FROM to TO (a flush always does);
 *			with COUNT only with so many.  The first rule that matches counts.
 *			WHAT:	hold	neither do nor answer the request
 *				mute	do it, durably, and do not answer
 *				fail	do not do it, and answer with an error
 *				land	do it, durably, and answer with an error
 *				lose	answer with an error, and lose unflushed data
 *				drop	answer, and do not do it
 *	arm N KINDS WHAT [COUNT]
 *			the same with the N-th request of KINDS from now on, of any
 *			disk, and those behind it, COUNT in all (default 1, -1: all);
 *			it goes before the rules
 *	armed		how often it has applied so far, and the first such request: its
 *			disk, its kind, and its KiB
 *	off		no rule any more
 *	held		how many requests are kept back
 *	go [KINDS]	do and answer the requests kept back (of these kinds), in their order
 *	fall [KINDS]	answer these with errors, and lose unflushed data of their disks
 *	counts DISK	reads, writes and flushes so far
 *	freeze		remember the content after a power failure now, in which
 *			no unflushed data survives
 *	thaw		give the disks that content; no program may use them
 *	vanish DISK	its connection breaks, and unflushed data is lost, as are requests
 *			of it that are kept back
 *	return DISK /dev/nbdN	it is back, under another name
 *
 * It ends with standard input.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd-device.h"

#define SECTOR	512
#define MAX_DEV	4
#define MAX_RULES 16
#define MAX_LEN	(4 << 20)

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

enum what { DO, HOLD, MUTE, FAIL, LAND, LOSE, DROP };

static const char * const names[] = { "", "hold", "mute", "fail", "land", "lose", "drop" };
enum { READ = 1, WRITE = 2, FLUSH = 4 };

static struct disk {
	int nbd, sock[2];
	uint64_t sectors;
	uint8_t *now;		/* content that reads see */
	uint8_t *durable;	/* content after a cut */
	uint8_t *frozen;
	uint8_t *dirty;		/* per sector: in @now only */
	unsigned long counts[3];
	pthread_t server, holder;
	bool gone, no_fua;
} disks[MAX_DEV];
static int nr_disks;

struct request {
	struct request *next;
	struct disk *d;
	char handle[8];
	unsigned int kind;
	bool fua, done;
	uint64_t first, nr;
	uint8_t data[];
};

static struct rule {
	struct disk *d;
	unsigned int kinds;
	uint64_t first, end;
	enum what what;
	long left;		/* -1: for ever */
} rules[MAX_RULES];
static int nr_rules;

static struct {
	unsigned int kinds;
	long wait;		/* requests until it begins */
	long left;		/* -1: for ever */
	enum what what;
	unsigned long hits;
	char first[40];
} armed;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct request *held, **held_end = &held;
static unsigned int nr_held;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "helper-hold: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static bool transfer(int fd, void *buf, size_t len, bool out)
{
	while (len) {
		ssize_t n = out ? write(fd, buf, len) : read(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		buf = (char *)buf + n;
		len -= n;
	}
	return true;
}

static void settle(struct disk *d, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = first; i < first + nr; i++) {
		if (!d->dirty[i])
			continue;
		memcpy(d->durable + i * SECTOR, d->now + i * SECTOR, SECTOR);
		d->dirty[i] = 0;
	}
}

static void perform(struct request *q, bool durably)
{
	struct disk *d = q->d;

	if (q->kind == READ) {
		memcpy(q->data, d->now + q->first * SECTOR, q->nr * SECTOR);
	} else if (q->kind == WRITE) {
		memcpy(d->now + q->first * SECTOR, q->data, q->nr * SECTOR);
		memset(d->dirty + q->first, 1, q->nr);
		if (q->fua || durably)
			settle(d, q->first, q->nr);
	} else {
		settle(d, 0, d->sectors);
	}
	q->done = true;
}

static void answer(struct request *q, int error)
{
	struct nbd_reply reply = {
		.magic = htobe32(NBD_REPLY_MAGIC),
		.error = htobe32(error),
	};

	memcpy(reply.handle, q->handle, sizeof(reply.handle));
	if (q->d->gone) {
		free(q);
		return;
	}
	if (!transfer(q->d->sock[0], &reply, sizeof(reply), true) ||
	    (q->kind == READ && !error &&
	     !transfer(q->d->sock[0], q->data, q->nr * SECTOR, true)))
		die("answer");
	free(q);
}

/* As in a power failure; not while a request is kept back. */
static void lose(struct disk *d)
{
	memcpy(d->now, d->durable, d->sectors * SECTOR);
	memset(d->dirty, 0, d->sectors);
}

static bool due(const struct request *q)
{
	if (!(armed.kinds & q->kind) || !armed.left)
		return false;
	if (armed.wait) {
		armed.wait--;
		return false;
	}
	if (armed.left > 0)
		armed.left--;
	if (!armed.hits++)
		snprintf(armed.first, sizeof(armed.first), "%d %s %llu", (int)(q->d - disks),
			 q->kind == READ ? "r" : q->kind == FLUSH ? "f" : q->fua ? "wF" : "w",
			 (unsigned long long)q->first / 2);
	return true;
}

static enum what ruled(const struct request *q)
{
	struct rule *r;

	if (due(q))
		return armed.what;
	for (r = rules; r < rules + nr_rules; r++) {
		if (r->d != q->d || !(r->kinds & q->kind) || !r->left)
			continue;
		if (q->kind != FLUSH && (q->first >= r->end || q->first + q->nr <= r->first))
			continue;
		if (r->left > 0)
			r->left--;
		return r->what;
	}
	return DO;
}

static void handle(struct request *q)
{
	q->d->counts[q->kind == READ ? 0 : q->kind == WRITE ? 1 : 2]++;
	switch (ruled(q)) {
	case DO:
		perform(q, false);
		answer(q, 0);
		break;
	case MUTE:
		perform(q, true);
		/* fallthrough */
	case HOLD:
		*held_end = q;
		held_end = &q->next;
		nr_held++;
		break;
	case LAND:
		perform(q, true);
		/* fallthrough */
	case FAIL:
		answer(q, EIO);
		break;
	case LOSE:
		lose(q->d);
		answer(q, EIO);
		break;
	case DROP:
		if (q->kind == READ)
			perform(q, false);
		answer(q, 0);
		break;
	}
}

static void *serve(void *arg)
{
	struct disk *d = arg;

	for (;;) {
		struct nbd_request rq;
		struct request *q;
		uint32_t type, len;

		if (!transfer(d->sock[0], &rq, sizeof(rq), false))
			return NULL;
		type = be32toh(rq.type);
		len = be32toh(rq.len);
		if ((type & 0xffff) == NBD_CMD_DISC) {
			shutdown(d->sock[0], SHUT_RDWR);
			return NULL;
		}
		errno = EPROTO;
		if (be32toh(rq.magic) != NBD_REQUEST_MAGIC || len > MAX_LEN || len % SECTOR ||
		    be64toh(rq.from) / SECTOR + len / SECTOR > d->sectors)
			die("impossible request");
		q = calloc(1, sizeof(*q) + len);
		if (!q)
			die("memory");
		q->d = d;
		q->first = be64toh(rq.from) / SECTOR;
		q->nr = len / SECTOR;
		q->fua = type & NBD_CMD_FLAG_FUA;
		memcpy(q->handle, rq.handle, sizeof(q->handle));
		switch (type & 0xffff) {
		case NBD_CMD_READ:
			q->kind = READ;
			break;
		case NBD_CMD_WRITE:
			q->kind = WRITE;
			if (!transfer(d->sock[0], q->data, len, false))
				return NULL;
			break;
		case NBD_CMD_FLUSH:
			q->kind = FLUSH;
			break;
		default:
			die("unknown request");
		}
		pthread_mutex_lock(&lock);
		if (d->gone)
			free(q);
		else
			handle(q);
		pthread_mutex_unlock(&lock);
	}
}

static void *hold(void *arg)
{
	struct disk *d = arg;

	ioctl(d->nbd, NBD_DO_IT);
	return NULL;
}

static uint8_t *memory(uint64_t bytes)
{
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("memory");
	return p;
}

static void connect_to(struct disk *d, const char *arg)
{
	uint64_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH;

	if (!d->no_fua)
		flags |= NBD_FLAG_SEND_FUA;
	d->nbd = open(arg, O_RDONLY | O_CLOEXEC);	/* in use, but not for writing */
	if (d->nbd < 0)
		die(arg);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, d->sock))
		die("socketpair");
	if (nbd_set_up(d->nbd, d->sock[1], d->sectors, flags))
		die("setting up nbd");
	if (pthread_create(&d->server, NULL, serve, d) ||
	    pthread_create(&d->holder, NULL, hold, d))
		die("thread");
	if (nbd_await(arg, d->sectors * SECTOR))
		die("the device does not come");
}

static void start(struct disk *d, char *arg)
{
	char *size = strchr(arg, '=');
	uint64_t bytes;

	errno = EINVAL;
	if (!size)
		die(arg);
	*size++ = 0;
	bytes = strtoull(size, &size, 0) << 20;
	d->no_fua = !strcmp(size, ",nofua");
	d->sectors = bytes / SECTOR;
	d->now = memory(bytes);
	d->durable = memory(bytes);
	d->frozen = memory(bytes);
	d->dirty = memory(d->sectors);
	connect_to(d, arg);
}

/* Requests of a disk that are kept back have no way to be answered any more. */
static void forget(const struct disk *d)
{
	struct request **link = &held, *q;

	while ((q = *link)) {
		if (q->d == d) {
			*link = q->next;
			nr_held--;
			free(q);
		} else {
			link = &q->next;
		}
	}
	held_end = link;
}

/* The users of the device still have it open; it only fails from now on.  @lock is held. */
static void vanish(struct disk *d)
{
	lose(d);
	d->gone = true;
	shutdown(d->sock[0], SHUT_RDWR);
	pthread_mutex_unlock(&lock);
	pthread_join(d->server, NULL);
	pthread_join(d->holder, NULL);
	pthread_mutex_lock(&lock);
	forget(d);
	ioctl(d->nbd, NBD_CLEAR_SOCK);
	close(d->nbd);
	close(d->sock[0]);
	close(d->sock[1]);
}

static unsigned int kinds_of(const char *s)
{
	return (strchr(s, 'r') ? READ : 0) | (strchr(s, 'w') ? WRITE : 0) |
	       (strchr(s, 'f') ? FLUSH : 0);
}

static enum what what_of(const char *s)
{
	unsigned int i;

	for (i = HOLD; i <= DROP; i++)
		if (!strcmp(s, names[i]))
			return i;
	return DO;
}

static const char *arm(const char *line)
{
	char kinds[8], what[8];
	long count = 1, n;

	if (sscanf(line, "arm %ld %7s %7s %ld", &n, kinds, what, &count) < 3 || n < 1 ||
	    what_of(what) == DO)
		return "what?";
	memset(&armed, 0, sizeof(armed));
	armed.kinds = kinds_of(kinds);
	armed.wait = n - 1;
	armed.left = count;
	armed.what = what_of(what);
	return "ok";
}

static const char *rule(const char *line)
{
	struct rule *r = &rules[nr_rules];
	unsigned long long from, to;
	char kinds[8], what[8];
	unsigned int disk;

	r->left = -1;
	if (nr_rules == MAX_RULES ||
	    sscanf(line, "on %u %7s %llu %llu %7s %ld", &disk, kinds, &from, &to, what,
		   &r->left) < 5 || disk >= (unsigned int)nr_disks || what_of(what) == DO)
		return "what?";
	r->d = &disks[disk];
	r->kinds = kinds_of(kinds);
	r->first = from * 2;
	r->end = to * 2;
	r->what = what_of(what);
	nr_rules++;
	return "ok";
}

static void release(unsigned int kinds, bool fall)
{
	struct request *q, **link = &held;

	while ((q = *link)) {
		if (!(q->kind & kinds)) {
			link = &q->next;
			continue;
		}
		*link = q->next;
		nr_held--;
		if (fall)
			lose(q->d);
		else if (!q->done)
			perform(q, false);
		answer(q, fall ? EIO : 0);
	}
	held_end = link;
}

static void copies(bool thaw)
{
	struct disk *d;

	for (d = disks; d < disks + nr_disks; d++) {
		if (!thaw) {
			memcpy(d->frozen, d->durable, d->sectors * SECTOR);
			continue;
		}
		memcpy(d->now, d->frozen, d->sectors * SECTOR);
		memcpy(d->durable, d->frozen, d->sectors * SECTOR);
		memset(d->dirty, 0, d->sectors);
	}
}

static void command(const char *line)
{
	const char *said = "ok";
	unsigned int disk;
	char text[80];

	if (!strncmp(line, "on ", 3)) {
		said = rule(line);
	} else if (!strncmp(line, "arm ", 4)) {
		said = arm(line);
	} else if (!strcmp(line, "armed")) {
		snprintf(text, sizeof(text), "%lu %s", armed.hits, armed.first);
		said = text;
	} else if (!strcmp(line, "off")) {
		nr_rules = 0;
		armed.left = 0;
	} else if (!strcmp(line, "held")) {
		snprintf(text, sizeof(text), "%u", nr_held);
		said = text;
	} else if (!strcmp(line, "go")) {
		release(READ | WRITE | FLUSH, false);
	} else if (!strncmp(line, "go ", 3)) {
		release(kinds_of(line + 3), false);
	} else if (!strcmp(line, "fall")) {
		release(READ | WRITE | FLUSH, true);
	} else if (!strncmp(line, "fall ", 5)) {
		release(kinds_of(line + 5), true);
	} else if (sscanf(line, "counts %u", &disk) == 1 && disk < (unsigned int)nr_disks) {
		snprintf(text, sizeof(text), "%lu %lu %lu", disks[disk].counts[0],
			 disks[disk].counts[1], disks[disk].counts[2]);
		said = text;
	} else if (sscanf(line, "vanish %u", &disk) == 1 && disk < (unsigned int)nr_disks &&
		   !disks[disk].gone) {
		vanish(&disks[disk]);
	} else if (sscanf(line, "return %u %63s", &disk, text) == 2 &&
		   disk < (unsigned int)nr_disks && disks[disk].gone) {
		disks[disk].gone = false;
		pthread_mutex_unlock(&lock);	/* the kernel reads it already */
		connect_to(&disks[disk], text);
		pthread_mutex_lock(&lock);
	} else if (!strcmp(line, "freeze")) {
		copies(false);
	} else if (!strcmp(line, "thaw")) {
		copies(true);
	} else {
		said = "what?";
	}
	puts(said);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[256];
	int i;

	errno = EINVAL;
	if (argc < 2 || argc - 1 > MAX_DEV)
		die("usage: helper-hold /dev/nbdN=MIB...");
	/* This process must not wait for a device that it serves itself. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	for (i = 1; i < argc; i++)
		start(&disks[nr_disks++], argv[i]);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		pthread_mutex_lock(&lock);
		command(line);
		pthread_mutex_unlock(&lock);
	}
	for (i = 0; i < nr_disks; i++) {
		if (disks[i].gone)
			continue;
		ioctl(disks[i].nbd, NBD_DISCONNECT);
		pthread_join(disks[i].holder, NULL);
		ioctl(disks[i].nbd, NBD_CLEAR_SOCK);
	}
	return 0;
}
