/* SPDX-License-Identifier: GPL-2.0-only */
/* The worker: its modes. */
#ifndef WORKER_H
#define WORKER_H

/* info.c: read a stream from standard input, describe it as JSON on standard output. */
int worker_info(void);

#endif /* WORKER_H */
