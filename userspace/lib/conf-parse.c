// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parser of a system's file.  It calls name.c and libuuid only: the generator of
 * units, which runs before everything else at boot, has it without the rest of the library.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "private.h"

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]))
		end--;
	*end = 0;
	return text;
}

bool dmreplica_conf_line(char *line, char **key, char **value)
{
	*key = trim(line);
	*value = NULL;
	if (!**key || **key == '#')
		return false;
	*value = strchr(*key, '=');
	if (!*value)
		return true;
	*(*value)++ = 0;
	*key = trim(*key);
	*value = trim(*value);
	return true;
}

/* Return: NULL, or the fault of the line. */
static const char *parse_line(struct dmreplica_conf *conf, char *line)
{
	struct dmreplica_conf_disk *disk;
	char *key, *value;
	unsigned int i;

	if (!dmreplica_conf_line(line, &key, &value))
		return NULL;
	if (!value)
		return "is not of the form key=value";
	if (!strcmp(key, "name")) {
		if (dmrl_system_name_fault(value))
			return "has no valid system name";
		snprintf(conf->name, sizeof(conf->name), "%s", value);
	} else if (!strcmp(key, "uuid")) {
		if (uuid_parse(value, conf->uuid))
			return "has no valid UUID";
	} else if (!strcmp(key, "store")) {
		if (!*value || strlen(value) >= sizeof(conf->store))
			return "has no valid path";
		snprintf(conf->store, sizeof(conf->store), "%s", value);
	} else if (!strcmp(key, "attach")) {
		if (strcmp(value, "boot") && strcmp(value, "no"))
			return "is neither attach=boot nor attach=no";
		conf->attach = *value == 'n' ? DMREPLICA_CONF_ATTACH_NO : DMREPLICA_CONF_ATTACH_BOOT;
	} else if (!strncmp(key, "disk.", 5)) {
		if (dmrl_disk_name_fault(key + 5))
			return "has no valid disk name";
		if (!*value || strlen(value) >= sizeof(disk->path))
			return "has no valid path";
		for (i = 0; i < conf->nr_disks; i++)
			if (!strcmp(conf->disks[i].name, key + 5))
				return "names a disk a second time";
		if (conf->nr_disks == DMREPLICA_MAX_DISKS)
			return "is one disk too many";
		disk = &conf->disks[conf->nr_disks++];
		snprintf(disk->name, sizeof(disk->name), "%s", key + 5);
		snprintf(disk->path, sizeof(disk->path), "%s", value);
	} else {
		return "has an unknown key; is the file of a newer replicactl?";
	}
	return NULL;
}

static FILE *open_file(const char *file, int *err)
{
	struct stat st;
	FILE *f = NULL;
	int fd;

	/* a FIFO would be waited for */
	fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		*err = errno;
		return NULL;
	}
	if (!fstat(fd, &st) && !S_ISREG(st.st_mode))
		*err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else if (!(f = fdopen(fd, "r")))
		*err = errno;
	if (!f)
		close(fd);
	return f;
}

/**
 * dmrl_conf_parse() - read the file of a system
 * @file: its path, with a slash.
 * @conf: filled in.
 * @fault: set to the fault of the content.
 *
 * Return: 0; an errno, positive, if it cannot be read; -1 with @fault set.
 */
int dmrl_conf_parse(const char *file, struct dmreplica_conf *conf, char fault[DMRL_CONF_FAULT])
{
	static const u8 no_uuid[16];
	const char *bad = NULL, *base = strrchr(file, '/') + 1;
	unsigned int nr = 0;
	char *line = NULL;
	size_t room = 0;
	int err = 0;
	FILE *f;

	memset(conf, 0, sizeof(*conf));
	snprintf(conf->file, sizeof(conf->file), "%s", file);
	f = open_file(file, &err);
	if (!f)
		return err;
	while (!bad && getline(&line, &room, f) > 0) {
		nr++;
		bad = parse_line(conf, line);
	}
	if (ferror(f))
		err = errno ?: EIO;
	free(line);
	fclose(f);
	if (err)
		return err;
	if (bad)
		snprintf(fault, DMRL_CONF_FAULT, "line %u %s", nr, bad);
	else if (!*conf->name || !*conf->store || !conf->nr_disks ||
		 !memcmp(conf->uuid, no_uuid, sizeof(no_uuid)))
		snprintf(fault, DMRL_CONF_FAULT, "name, uuid, store or disks are missing");
	else if (strncmp(base, conf->name, strlen(conf->name)) ||
		 strcmp(base + strlen(conf->name), DMRL_CONF_SUFFIX))
		snprintf(fault, DMRL_CONF_FAULT,
			 "it names system %s, but the file of that system would be %s%s", conf->name,
			 conf->name, DMRL_CONF_SUFFIX);
	else
		return 0;
	return -1;
}
