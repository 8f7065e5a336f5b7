// SPDX-License-Identifier: GPL-2.0-only
/* Configuration files: paths of the store and the homes of each system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

#define SUFFIX		DMRL_CONF_SUFFIX

const char *dmreplica_conf_dir(const struct dmreplica *ctx)
{
	return ctx->conf_dir;
}

static int conf_read(struct dmreplica *ctx, const char *file, struct dmreplica_conf *conf)
{
	char fault[DMRL_CONF_FAULT];
	int err = dmrl_conf_parse(file, conf, fault);

	if (!err)
		return 0;
	if (err > 0)
		return dmrl_fail_errno(ctx, err, "cannot read %s", file);
	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER, "%s: %s", file, fault);
	return dmrl_hint(ctx, "correct it, or write it again: replicactl scan --write");
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct dmreplica_conf *)a)->name,
		      ((const struct dmreplica_conf *)b)->name);
}

int dmreplica_conf_list(struct dmreplica *ctx, struct dmreplica_conf **list, size_t *nr)
{
	struct dmrl_list found = { .size = sizeof(struct dmreplica_conf) };
	struct dmreplica_conf *conf;
	char file[512];
	struct dirent *de;
	size_t len;
	DIR *dir;

	*list = NULL;
	*nr = 0;
	dmrl_clear(ctx);
	dir = opendir(ctx->conf_dir);
	if (!dir) {
		if (errno == ENOENT)
			return 0;
		return dmrl_fail_errno(ctx, errno, "cannot read %s", ctx->conf_dir);
	}
	while ((de = readdir(dir))) {
		len = strlen(de->d_name);
		if (de->d_name[0] == '.' || len <= strlen(SUFFIX) || len > 100 ||
		    strcmp(de->d_name + len - strlen(SUFFIX), SUFFIX))
			continue;
		snprintf(file, sizeof(file), "%s/%.100s", ctx->conf_dir, de->d_name);
		conf = dmrl_list_add(&found);
		if (!conf) {
			closedir(dir);
			free(found.items);
			return dmrl_no_memory(ctx);
		}
		if (conf_read(ctx, file, conf)) {
			dmrl_warn(ctx, "%s (file left out)", ctx->message);
			found.nr--;
		}
	}
	closedir(dir);
	dmrl_clear(ctx);
	*list = dmrl_list_end(&found, 0, compare, nr);
	return 0;
}

/* Make the path of a system's file.  Return: false if no file can have that name. */
static bool file_of(const struct dmreplica *ctx, const char *name, char *file, size_t size)
{
	if (!*name || *name == '.' || strchr(name, '/') || strlen(name) >= DMR_NAME_LEN)
		return false;
	snprintf(file, size, "%s/%s%s", ctx->conf_dir, name, SUFFIX);
	return true;
}

bool dmrl_conf_maybe(const struct dmreplica *ctx, const char *name)
{
	char file[512];

	return file_of(ctx, name, file, sizeof(file)) && (!access(file, F_OK) || errno != ENOENT);
}

bool dmrl_conf_named(struct dmreplica *ctx, const char *name, struct dmreplica_conf *conf)
{
	char file[512];

	dmrl_clear(ctx);
	if (!file_of(ctx, name, file, sizeof(file)) || access(file, R_OK))
		return false;
	if (!conf_read(ctx, file, conf))
		return true;
	/* dmreplica_conf_list() warns of it */
	dmrl_clear(ctx);
	return false;
}

int dmrl_unknown(struct dmreplica *ctx, const char *name)
{
	dmrl_fail(ctx, DM_REPLICA_CODE_NOT_FOUND, "no system is known as %s", name);
	return dmrl_hint(ctx, "replicactl list shows the known systems, replicactl scan looks for stores");
}

int dmreplica_conf_find(struct dmreplica *ctx, const char *name, struct dmreplica_conf *conf)
{
	struct dmreplica_conf *list;
	bool by_uuid;
	u8 uuid[16];
	size_t nr, i;
	int code;

	/* A UUID cannot be a name: a system could have the UUID of another as its name. */
	by_uuid = dmreplica_uuid_parse(name, uuid);
	if (!by_uuid && dmrl_conf_named(ctx, name, conf))
		return 0;
	code = dmreplica_conf_list(ctx, &list, &nr);
	if (code)
		return code;
	for (i = 0; i < nr; i++)
		if (by_uuid ? !memcmp(list[i].uuid, uuid, sizeof(uuid)) : !strcmp(list[i].name, name))
			break;
	if (i < nr)
		*conf = list[i];
	free(list);
	if (i < nr)
		return 0;
	return dmrl_unknown(ctx, name);
}

int dmrl_conf_of(struct dmreplica *ctx, const char *name, const u8 *uuid,
		 struct dmreplica_conf *conf)
{
	char text[DMREPLICA_UUID_TEXT];

	if (dmrl_conf_named(ctx, name, conf) && !memcmp(conf->uuid, uuid, 16))
		return 0;
	return dmreplica_conf_find(ctx, dmreplica_uuid_text(uuid, text), conf);
}

/* Only the administrator chooses attach=, so a file that is written again keeps it. */
static void keep_choice(struct dmreplica *ctx, struct dmreplica_conf *conf)
{
	struct dmreplica_conf *old = malloc(sizeof(*old));

	if (old && dmrl_conf_named(ctx, conf->name, old) && !memcmp(old->uuid, conf->uuid, 16))
		conf->attach = old->attach;
	free(old);
}

static int make_dir(const char *dir)
{
	char path[400], *slash;

	snprintf(path, sizeof(path), "%s", dir);
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

/**
 * dmrl_conf_begin() - write the file of a system under a temporary name
 * @ctx: the context.
 * @conf: content; @conf->file is set, and @conf->attach to that of the file in place.
 * @draft: for dmrl_conf_end().
 *
 * Lack of space or of rights makes this fail, so that the change that the file describes
 * can be made before dmrl_conf_end().  The lock, which dmrl_conf_end() releases, lets one
 * writer at a time overwrite the draft of a killed one (R12).
 *
 * Return: 0, or a refusal without a draft.
 */
int dmrl_conf_begin(struct dmreplica *ctx, struct dmreplica_conf *conf,
		    struct dmrl_conf_draft *draft)
{
	char uuid[DMREPLICA_UUID_TEXT];
	unsigned int i;
	int fd, err;
	FILE *f;

	dmrl_clear(ctx);
	snprintf(conf->file, sizeof(conf->file), "%s/%s%s", ctx->conf_dir, conf->name, SUFFIX);
	snprintf(draft->file, sizeof(draft->file), "%s", conf->file);
	snprintf(draft->temp, sizeof(draft->temp), "%s/.%s%s.new", ctx->conf_dir, conf->name, SUFFIX);
	err = make_dir(ctx->conf_dir);
	if (err)
		return dmrl_fail_errno(ctx, -err, "cannot make directory %s", ctx->conf_dir);
	if (dmrl_lock(ctx, "systems.lock", "another process is writing the files of systems",
		      &draft->lock))
		return ctx->code;
	keep_choice(ctx, conf);
	fd = open(draft->temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		dmrl_fail_errno(ctx, errno, "cannot write %s", draft->temp);
		if (fd >= 0)
			close(fd);
		dmrl_unlock(draft->lock);
		return ctx->code;
	}
	fprintf(f, "# A system of dm-replica, see replicactl(8).\n");
	fprintf(f, "# Written by replicactl; replicactl scan --write can write it again.\n");
	fprintf(f, "name=%s\n", conf->name);
	fprintf(f, "uuid=%s\n", dmreplica_uuid_text(conf->uuid, uuid));
	fprintf(f, "store=%s\n", conf->store);
	/* a tool from before this key refuses it, so the default is not written */
	if (conf->attach == DMREPLICA_CONF_ATTACH_NO)
		fprintf(f, "attach=no\n");
	for (i = 0; i < conf->nr_disks; i++)
		fprintf(f, "disk.%s=%s\n", conf->disks[i].name, conf->disks[i].path);
	err = fflush(f) || fsync(fd) ? errno : 0;
	fclose(f);
	if (!err)
		return 0;
	unlink(draft->temp);
	dmrl_unlock(draft->lock);
	return dmrl_fail_errno(ctx, err, "cannot write %s", draft->temp);
}

/**
 * dmrl_conf_end() - put the draft in its place, or delete it
 * @ctx: the context.
 * @draft: from dmrl_conf_begin().
 * @keep: put it in its place, else delete it.
 *
 * Return: 0, or a refusal; without @keep the context's code stays.
 */
int dmrl_conf_end(struct dmreplica *ctx, struct dmrl_conf_draft *draft, bool keep)
{
	int fd, err = 0;

	if (!keep || rename(draft->temp, draft->file)) {
		err = keep ? errno : 0;
		unlink(draft->temp);
	}
	dmrl_taken_forget(ctx);
	dmrl_unlock(draft->lock);
	if (!keep)
		return ctx->code;
	if (err)
		return dmrl_fail_errno(ctx, err, "cannot write %s", draft->file);
	fd = open(ctx->conf_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

int dmreplica_conf_write(struct dmreplica *ctx, struct dmreplica_conf *conf)
{
	struct dmrl_conf_draft draft;
	int code = dmrl_conf_begin(ctx, conf, &draft);

	return code ? code : dmrl_conf_end(ctx, &draft, true);
}
