// SPDX-License-Identifier: GPL-2.0-only
/* The kernel module, and its messages in the kernel log. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "private.h"

#define LOG_LINES	4

static bool targets_there(struct dmreplica *ctx)
{
	return dmrl_dm_has_target(ctx, "replica", NULL, 0) &&
	       dmrl_dm_has_target(ctx, "replica-overlay", NULL, 0);
}

/* Load the module, unless its targets are registered. */
int dmrl_module_need(struct dmreplica *ctx)
{
	char *const dm[] = { "modprobe", "-q", "dm-mod", NULL };
	char *const ours[] = { "modprobe", "-q", "dm-replica", NULL };

	if (geteuid()) {
		dmrl_fail(ctx, DM_REPLICA_CODE_ACCESS_DENIED, "devices are made and removed by root only");
		return dmrl_hint(ctx, "only root (CAP_SYS_ADMIN) may do this; try again with sudo");
	}
	if (access("/dev/mapper/control", F_OK) && access("/sys/class/misc/device-mapper", F_OK))
		dmrl_program_run(dm, NULL, 0);
	if (targets_there(ctx))
		return 0;
	dmrl_program_run(ours, NULL, 0);
	if (targets_there(ctx))
		return 0;
	dmrl_fail(ctx, DM_REPLICA_CODE_NOT_AVAILABLE,
		  "the kernel has no targets \"replica\" and \"replica-overlay\", and module dm-replica cannot be loaded");
	return dmrl_hint(ctx, "install the module for this kernel (make && sudo make install), see modprobe dm-replica and dmesg");
}

u64 dmrl_kernel_log_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

/*
 * A target's constructor returns only an errno; its message is in the kernel log.  Append
 * the last messages of dm-replica and device mapper since @since (microseconds of that
 * log).
 */
void dmrl_append_kernel_log(struct dmreplica *ctx, u64 since)
{
	char lines[LOG_LINES][256], record[8192], *text, *end;
	unsigned int nr = 0, i;
	unsigned long long when;
	ssize_t n;
	int fd;

	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	for (;;) {
		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		record[n] = 0;
		text = strchr(record, ';');
		if (!text || sscanf(record, "%*u,%*u,%llu", &when) != 1)
			continue;
		/* the log's clock and CLOCK_MONOTONIC may differ a little */
		if (when + 10000 < since)
			continue;
		text++;
		end = strchr(text, '\n');
		if (end)
			*end = 0;
		if (!strstr(text, "replica") && !strstr(text, "device-mapper"))
			continue;
		snprintf(lines[nr++ % LOG_LINES], sizeof(lines[0]), "%.255s", text);
	}
	close(fd);
	for (i = nr > LOG_LINES ? nr - LOG_LINES : 0; i < nr; i++)
		dmrl_append(ctx, "\n  kernel: %s", lines[i % LOG_LINES]);
}

void dmreplica_versions(struct dmreplica *ctx, struct dmreplica_versions *v)
{
	char path[512];
	bool present;

	memset(v, 0, sizeof(*v));
	snprintf(v->library, sizeof(v->library), "%s", DMREPLICA_VERSION);
	v->format = DMR_SB_VERSION;
	v->family = DM_REPLICA_FAMILY_VERSION;
	v->module_loaded = !access(dmrl_root_path(path, sizeof(path), "/sys/module/dm_replica"), F_OK);
	if (dmrl_sysfs_read(dmrl_root_path(path, sizeof(path), "/sys/module/dm_replica/version"),
			    v->module, sizeof(v->module)))
		v->module[0] = 0;
	if (!dmrl_nl_present(ctx, &present) && present)
		v->module_family = ctx->family_version;
	dmrl_clear(ctx);
}
