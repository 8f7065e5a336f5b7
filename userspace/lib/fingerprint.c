// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fingerprint of a home: is its content unchanged since the last detach?
 *
 * The superblock of a clean detach has checksums of some blocks of each home, see
 * kmod/fingerprint.c.  After an unclean end there are none, and the home is not verified.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fs.h>

#include "private.h"

/* Results of comparing the places of one home. */
struct places {
	unsigned int all;
	unsigned int same;	/* unchanged, and not zeroes */
	unsigned int zeroed;	/* zeroes now */
	unsigned int revived;	/* zeroes then, content now, on a device that takes discards */
	unsigned int other;	/* other content now */
	unsigned int written;	/* among those written last, with content in the fingerprint */
	unsigned int lost;	/* among @written: zeroes now */
};

static int read_block(struct dmrl_reader *rd, u64 block)
{
	ssize_t n = dmrl_reader_read(rd, DMR_BLOCK_SIZE, block * DMR_BLOCK_SIZE);

	if (n == DMR_BLOCK_SIZE)
		return 0;
	return n < 0 ? -n : EIO;
}

/* Does a device take discards? Then a block that was discarded may read differently later. */
static bool takes_discards(const struct dmreplica_blockdev *home)
{
	char buf[32];

	if (home->file ||
	    (dmrl_sysfs_read_dev(home->dev, "queue/discard_max_bytes", buf, sizeof(buf)) &&
	     dmrl_sysfs_read_dev(home->dev, "../queue/discard_max_bytes", buf, sizeof(buf))))
		return false;
	return strcmp(buf, "0");
}

static int compare(struct dmrl_reader *rd, const struct dmr_sb *sb, unsigned int number,
		   bool discards, struct places *p)
{
	static const u8 zeroes[DMR_BLOCK_SIZE];
	u32 blank = dmr_crc32c(0, zeroes, sizeof(zeroes));
	const struct dmr_print *print;
	bool zero, written;
	unsigned int i;
	int err;

	for (i = 0; i < sb->nr_prints; i++) {
		print = &sb->prints[i];
		if (print->disk != number)
			continue;
		err = read_block(rd, print->block);
		if (err)
			return err;
		p->all++;
		zero = dmr_is_zero(rd->buf, DMR_BLOCK_SIZE);
		written = print->written && print->crc != blank;
		p->written += written;
		p->lost += written && zero;
		if (dmr_crc32c(0, rd->buf, DMR_BLOCK_SIZE) == print->crc)
			p->same += !zero;
		else if (zero)
			p->zeroed++;
		else if (print->crc == blank && discards)
			p->revived++;
		else
			p->other++;
	}
	return 0;
}

static bool has_prints(const struct dmr_sb *sb, unsigned int number)
{
	unsigned int i;

	for (i = 0; i < sb->nr_prints; i++)
		if (sb->prints[i].disk == number)
			return true;
	return false;
}

/*
 * A device may drop discarded blocks at any time.  It may also bring them back: the members of
 * an array differ there.  Places that are zeroes now, or were, therefore prove nothing.  An
 * earlier copy of the home lacks most of the blocks written last.
 */
static enum dmreplica_home verdict_of(const struct places *p)
{
	unsigned int unsure = p->zeroed + p->revived;

	if (p->other || (unsure && !p->same) || 2 * p->lost > p->written)
		return DMREPLICA_HOME_DIFFERS;
	return unsure ? DMREPLICA_HOME_NOT_VERIFIED : DMREPLICA_HOME_VERIFIED;
}

/* Find another disk with this content.  Return: its number or -1; blank homes are alike. */
static int other_disk(struct dmrl_reader *rd, const struct dmr_sb *sb, unsigned int number,
		      bool discards)
{
	struct places p;
	unsigned int i;

	for (i = 0; i < sb->nr_disks; i++) {
		memset(&p, 0, sizeof(p));
		if (i != number && !compare(rd, sb, i, discards, &p) && p.same &&
		    verdict_of(&p) != DMREPLICA_HOME_DIFFERS)
			return i;
	}
	return -1;
}

static int open_home(const struct dmreplica_blockdev *home)
{
	int fd = open(home->path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL) {
		fd = open(home->path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			ioctl(fd, BLKFLSBUF, 0);
	}
	return fd;
}

static int refuse(struct dmreplica *ctx, const struct dmr_sb *sb, unsigned int number,
		  const struct dmreplica_blockdev *home, const struct places *p, int other)
{
	const char *name = sb->disks[number].name;

	dmrl_fail(ctx, DM_REPLICA_CODE_INVALID_PARAMETER,
		  "home %s of disk %s has changed since the last detach: %u of %u places that were compared differ",
		  home->path, name, p->other + p->zeroed + p->revived, p->all);
	if (other < 0)
		return dmrl_hint(ctx, "it is another device, or was restored or written meanwhile; to accept its content: attach --accept-homes=%s",
				 name);
	dmrl_append(ctx, "; it has the content of disk %s", sb->disks[other].name);
	return dmrl_hint(ctx, "the homes of the two disks are interchanged: correct the file of system %s; to accept the content: attach --accept-homes=%s",
			 sb->name, name);
}

/**
 * dmrl_fingerprint_check() - check that a home is unchanged since the last detach
 * @ctx: the context.
 * @sb: superblock in force.
 * @number: of the disk.
 * @home: its home.
 * @accepted: homes that the user accepts; a home with the content of another disk only by
 * name.
 * @verdict: set.
 *
 * Return: 0; 32773 and a message if it has changed and is not accepted; 32777 if it does not
 * answer; or the code of a read error.
 */
int dmrl_fingerprint_check(struct dmreplica *ctx, const struct dmr_sb *sb, unsigned int number,
			   const struct dmreplica_blockdev *home,
			   const struct dmrl_accepted *accepted, enum dmreplica_home *verdict)
{
	enum dmrl_accept accept = dmrl_home_accepted(accepted, sb->disks[number].name);
	struct dmrl_reader rd = { .sock = -1 };
	bool discards = takes_discards(home);
	struct places p = { 0 };
	int fd, err, code = 0, other = -1;

	*verdict = DMREPLICA_HOME_NOT_VERIFIED;
	if (!has_prints(sb, number))
		return 0;
	fd = open_home(home);
	err = fd < 0 ? errno : 0;
	if (!err)
		code = dmrl_reader_open(ctx, &rd, fd, ctx->patience_ms);
	if (!err && !code)
		err = compare(&rd, sb, number, discards, &p);
	if (!err && !code && verdict_of(&p) == DMREPLICA_HOME_DIFFERS)
		other = other_disk(&rd, sb, number, discards);
	if (rd.hung)
		code = dmrl_unanswered(ctx, home->path);
	else if (err)
		code = dmrl_fail_errno(ctx, err, "cannot read home %s of disk %s", home->path,
				       sb->disks[number].name);
	dmrl_reader_close(&rd);
	if (fd >= 0)
		close(fd);
	if (code)
		return code;
	*verdict = verdict_of(&p);
	if (*verdict != DMREPLICA_HOME_DIFFERS || accept == DMRL_ACCEPT_NAMED ||
	    (accept && other < 0))
		return 0;
	return refuse(ctx, sb, number, home, &p, other);
}
