// SPDX-License-Identifier: GPL-2.0-only
/* Requests by threads that block. */
#include <pthread.h>
#include <unistd.h>

#include "io.h"

#define THREADS	16	/* at most */

struct list {
	struct dmrs_io_req *first, **last;
};

struct threads {
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t work, done;
	struct list todo, back;
	bool stop;
	u32 nr;
	pthread_t ids[THREADS];
};

static void add(struct list *list, struct dmrs_io_req *req)
{
	req->next = NULL;
	*list->last = req;
	list->last = &req->next;
}

static struct dmrs_io_req *take(struct list *list)
{
	struct dmrs_io_req *req = list->first;

	if (req) {
		list->first = req->next;
		if (!list->first)
			list->last = &list->first;
	}
	return req;
}

static int do_request(const struct dmrs_io_req *req)
{
	ssize_t n;

	if (req->op == DMRS_IO_READ)
		n = pread(req->fd, req->buf + req->done, req->len - req->done,
			  req->offset + req->done);
	else if (req->op == DMRS_IO_WRITE)
		n = pwrite(req->fd, req->buf + req->done, req->len - req->done,
			   req->offset + req->done);
	else
		n = fdatasync(req->fd);
	return n < 0 ? -errno : n;
}

static void *work(void *arg)
{
	struct threads *t = arg;
	struct dmrs_io_req *req;
	int n;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		req = take(&t->todo);
		if (!req && t->stop)
			break;
		if (!req) {
			pthread_cond_wait(&t->work, &t->lock);
			continue;
		}
		pthread_mutex_unlock(&t->lock);
		n = do_request(req);
		pthread_mutex_lock(&t->lock);
		req->error = n;
		add(&t->back, req);
		pthread_cond_signal(&t->done);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void threads_close(void *means)
{
	struct threads *t = means;

	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_broadcast(&t->work);
	pthread_mutex_unlock(&t->lock);
	while (t->nr)
		pthread_join(t->ids[--t->nr], NULL);
	pthread_cond_destroy(&t->done);
	pthread_cond_destroy(&t->work);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void *threads_open(u32 depth)
{
	struct threads *t = calloc(1, sizeof(*t));
	int err = 0;

	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->work, NULL);
	pthread_cond_init(&t->done, NULL);
	t->todo.last = &t->todo.first;
	t->back.last = &t->back.first;
	while (t->nr < THREADS && t->nr < depth && !err) {
		err = pthread_create(&t->ids[t->nr], NULL, work, t);
		t->nr += !err;
	}
	/* Fewer threads are slower, and enough. */
	if (!t->nr) {
		threads_close(t);
		errno = err;
		return NULL;
	}
	return t;
}

static int threads_start(void *means, struct dmrs_io_req *req)
{
	struct threads *t = means;

	pthread_mutex_lock(&t->lock);
	add(&t->todo, req);
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static struct dmrs_io_req *threads_reap(void *means)
{
	struct threads *t = means;
	struct dmrs_io_req *req;

	pthread_mutex_lock(&t->lock);
	while (!(req = take(&t->back)))
		pthread_cond_wait(&t->done, &t->lock);
	pthread_mutex_unlock(&t->lock);
	return req;
}

const struct dmrs_io_means dmrs_io_threads = {
	DMRS_IO_THREADS, threads_open, threads_close, threads_start, threads_reap,
};
