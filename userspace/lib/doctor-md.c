// SPDX-License-Identifier: GPL-2.0-only
/* md's configuration: does the host assemble the arrays that guests have on their disks? */
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define REMEDY	"in /etc/mdadm/mdadm.conf: AUTO -all, and an ARRAY line for each array of the host (mdadm --detail --scan); update-initramfs -u"

/* A line that begins with a blank continues the one before it; "#" begins a comment. */
static bool has_auto_off(FILE *f)
{
	char line[1024], *word, *save;
	bool in_auto = false;

	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#\n")] = 0;
		word = strtok_r(line, " \t", &save);
		if (!word)
			continue;
		/* mdadm takes abbreviations, of three letters or more, in any case */
		if (word == line)
			in_auto = strlen(word) >= 3 && !strncasecmp(word, "auto", strlen(word));
		for (; word && in_auto; word = strtok_r(NULL, " \t", &save))
			if (!strcasecmp(word, "-all"))
				return true;
	}
	return false;
}

void dmrl_doctor_md_arrays(struct dmrl_doctor *d)
{
	static const char *const files[] = { "/etc/mdadm/mdadm.conf", "/etc/mdadm.conf" };
	char path[512];
	bool off = false;
	unsigned int i;
	FILE *f;

	if (!d->nr_confs ||
	    (access(dmrl_root_path(path, sizeof(path), "/usr/sbin/mdadm"), F_OK) &&
	     access(dmrl_root_path(path, sizeof(path), "/sbin/mdadm"), F_OK)))
		return;
	for (i = 0; i < ARRAY_SIZE(files) && !off; i++) {
		f = fopen(dmrl_root_path(path, sizeof(path), "%s", files[i]), "re");
		if (!f)
			continue;
		off = has_auto_off(f);
		fclose(f);
	}
	if (!off)
		dmrl_doctor_note(d, DMREPLICA_DOCTOR_MD_ARRAYS, NULL, REMEDY,
				 "md assembles the arrays that it finds on homes, which are the guests', while their systems are not attached, as at boot");
}
