/* SPDX-License-Identifier: GPL-2.0-only */
/* page-file.c: a file that another program reads at any time */
#ifndef REPLICACTL_PAGE_FILE_H
#define REPLICACTL_PAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>

bool page_file_write(const char *path, const char *text, size_t bytes);

#endif
