// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of a live session: /run/dm-replica/UUID.sending or .receiving, "key=value" lines.
 *
 * The process of the session replaces the file by a rename, and has a lock on it as long as it
 * lives: a reader that finds none knows that the process is gone, also where it was killed.
 * The lock is looked at without being taken.  Texts of the other side lose what is no printable
 * ASCII on the way in and on the way out, and a file that is malformed anywhere is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer-state.h"

#define FILE_MAX	4096
#define LOOKS		100	/* at a file that is replaced meanwhile */

const char *const peer_words[PEER_WORDS] = {
	"starting", "connected", "behind", "lost", "refused", "ended", "died",
};

#define NUMBER(m)	{ #m, offsetof(struct peer_state, m), 0 }
#define TEXT(m)		{ #m, offsetof(struct peer_state, m), sizeof(((struct peer_state *)0)->m) }

static const struct {
	const char *key;
	size_t at;
	size_t size;		/* of a text, 0: a number */
} members[] = {
	TEXT(peer), TEXT(to), TEXT(host), NUMBER(word), NUMBER(since), NUMBER(written),
	NUMBER(interval), NUMBER(connected), NUMBER(acked), NUMBER(acked_time), NUMBER(denied),
	NUMBER(target), NUMBER(unsent), NUMBER(cycle), NUMBER(points), NUMBER(bytes), NUMBER(zero_bytes),
	NUMBER(wire), NUMBER(errors), NUMBER(error_time), NUMBER(error_code), TEXT(error),
};

#define NR_MEMBERS	(sizeof(members) / sizeof(members[0]))
#define NUMBER_AT(s, m)	((uint64_t *)(void *)((char *)(s) + members[m].at))
#define TEXT_AT(s, m)	((char *)(s) + members[m].at)

static void state_path(const uint8_t uuid[16], bool sends, const char *suffix,
		       char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s.%s%s", run_dir(), text_uuid(uuid),
		 sends ? "sending" : "receiving", suffix);
}

static void make_plain(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

bool peer_is_late(const struct peer_state *s, uint64_t now)
{
	return s->acked_time && now > s->acked_time &&
	       (now - s->acked_time) / 1000000000 > 3 * s->interval + 60;
}

void peer_state_error(struct peer_state *s, int code, const char *sentence)
{
	s->errors++;
	s->error_time = now_ns();
	s->error_code = code;
	snprintf(s->error, sizeof(s->error), "%s", sentence);
}

/* Write a new file, with the lock.  Return: its descriptor, or -1 with errno. */
static int make_file(const char *path, const char *text, size_t len)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd, err;

	if (unlink(path) && errno != ENOENT)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	/* No fsync(): it is of this boot. */
	if (write(fd, text, len) == (ssize_t)len && !fcntl(fd, F_OFD_SETLK, &lock))
		return fd;
	err = errno;
	close(fd);
	unlink(path);
	errno = err;
	return -1;
}

/**
 * peer_state_write() - replace the file of a session
 * @f: of this process.
 * @uuid: of the system.
 * @sends: this side is the sender.
 * @s: its texts are made plain, and @written is set.
 *
 * A session goes on without its file; that is reported once.
 */
void peer_state_write(struct peer_file *f, const uint8_t uuid[16], bool sends,
		      struct peer_state *s)
{
	char path[PATH_MAX], new[PATH_MAX], text[FILE_MAX];
	size_t len = 0, m;
	int fd;

	s->written = now_ns();
	for (m = 0; m < NR_MEMBERS; m++) {
		if (members[m].size) {
			make_plain(TEXT_AT(s, m));
			len += snprintf(text + len, sizeof(text) - len, "%s=%s\n", members[m].key,
					TEXT_AT(s, m));
		} else {
			len += snprintf(text + len, sizeof(text) - len, "%s=%llu\n",
					members[m].key, (unsigned long long)*NUMBER_AT(s, m));
		}
	}
	state_path(uuid, sends, "", path);
	state_path(uuid, sends, ".new", new);
	fd = make_file(new, text, len);
	if (fd < 0 || rename(new, path)) {
		if (!f->failed)
			fprintf(stderr, "%s: %s cannot be written: %s\n", program.name, path,
				strerror(errno));
		f->failed = true;
		if (fd >= 0)
			close(fd);
		return;
	}
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
}

/* Take a line.  Return: false if it is none of such a file. */
static bool take_line(struct peer_state *s, char *line, uint32_t *seen)
{
	char *value = strchr(line, '=');
	uint64_t number;
	size_t m;

	if (!value)
		return false;
	*value++ = 0;
	for (m = 0; m < NR_MEMBERS && strcmp(members[m].key, line); m++)
		;
	if (m == NR_MEMBERS || *seen & 1u << m)
		return false;
	*seen |= 1u << m;
	if (!members[m].size) {
		if (!parse_number(value, &number))
			return false;
		*NUMBER_AT(s, m) = number;
		return true;
	}
	if (strlen(value) >= members[m].size)
		return false;
	strcpy(TEXT_AT(s, m), value);
	make_plain(TEXT_AT(s, m));
	return true;
}

static bool parse(struct peer_state *s, char *text)
{
	uint32_t seen = 0;
	char *line;

	_Static_assert(NR_MEMBERS < 32, "a bit each");
	memset(s, 0, sizeof(*s));
	while (*text) {
		line = strsep(&text, "\n");
		if (!text || !take_line(s, line, &seen))
			return false;
	}
	return seen == (1u << NR_MEMBERS) - 1 && s->word < PEER_DIED && *s->peer;
}

/* Read a file as a whole.  Return: its length, or -1 if it is not one of a session. */
static ssize_t read_all(int fd, char text[FILE_MAX])
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size >= FILE_MAX || owner_fault(&st))
		return -1;
	n = read(fd, text, FILE_MAX - 1);
	if (n < 0 || memchr(text, 0, n))
		return -1;
	text[n] = 0;
	return n;
}

/* Is the file at @path another one than @fd?  Also if there is none any more. */
static bool replaced(int fd, const char *path)
{
	struct stat mine, now;

	return fstat(fd, &mine) || lstat(path, &now) || mine.st_ino != now.st_ino ||
	       mine.st_dev != now.st_dev;
}

/**
 * peer_state_read() - read the state of the present session of a system, or of its last one
 * @uuid: of the system.
 * @sends: this side is the sender.
 * @s: filled in; zeroes without one.
 *
 * Return: false without one that can be read.
 */
bool peer_state_read(const uint8_t uuid[16], bool sends, struct peer_state *s)
{
	char path[PATH_MAX], text[FILE_MAX];
	bool again, good = false;
	unsigned int look;
	int fd;

	state_path(uuid, sends, "", path);
	for (look = 0, again = true; again && look < LOOKS; look++) {
		struct flock lock = { .l_type = F_WRLCK };

		/* Not waiting: a pipe may lie there. */
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0) {
			good = false;
			break;
		}
		good = read_all(fd, text) >= 0 && parse(s, text) &&
		       !fcntl(fd, F_OFD_GETLK, &lock);
		/* Without a lock either its process is gone, or the next file has the lock. */
		again = good && lock.l_type == F_UNLCK && replaced(fd, path);
		if (good && lock.l_type == F_UNLCK && s->word < PEER_REFUSED)
			s->word = PEER_DIED;
		close(fd);
	}
	if (!good)
		memset(s, 0, sizeof(*s));
	return good;
}

static void add_known(struct json_object *obj, const char *key, uint64_t n, bool known)
{
	json_object_object_add(obj, key, known ? json_object_new_uint64(n) : NULL);
}

struct json_object *json_peer_state(const struct peer_state *s)
{
	struct json_object *obj = json_object_new_object(), *error = NULL;

	json_add_string(obj, "state", peer_words[s->word]);
	json_add_u64(obj, "since", s->since);
	json_add_string(obj, "host", s->host);
	json_add_u64(obj, "points", s->points);
	if (*s->to) {
		json_add_string(obj, "to", s->to);
		json_add_u64(obj, "interval", s->interval);
		add_known(obj, "last_connected", s->connected, s->connected);
		add_known(obj, "point_on_its_way", s->target, s->target);
		add_known(obj, "unsent_bytes", s->unsent, s->unsent != PEER_UNKNOWN);
		add_known(obj, "cycle_ns", s->cycle, s->cycle);
		json_add_u64(obj, "bytes", s->bytes);
		json_add_u64(obj, "zero_bytes", s->zero_bytes);
		json_add_u64(obj, "stream_bytes", s->wire);
	}
	json_add_u64(obj, "errors", s->errors);
	if (s->error_time) {
		error = json_object_new_object();
		json_add_u64(error, "time", s->error_time);
		json_add_u64(error, "code", s->error_code);
		json_add_string(error, "code_name", dmreplica_code_name(s->error_code));
		json_add_string(error, "message", s->error);
	}
	json_object_object_add(obj, "last_error", error);
	return obj;
}
