// SPDX-License-Identifier: GPL-2.0-only
/*
 * What belongs to a guest beside its disks, on this host: its definition, its NVRAM, the state
 * of its TPM.  At a failover those that are kept with the point take their places, and a revert
 * puts back what they have replaced.  Directories of libvirt belong to other users in part:
 * no link there is followed, and a file is replaced by a rename.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"

#define NVRAM_DIR	"/var/lib/libvirt/qemu/nvram"
#define NVRAM_BYTES	(128u << 20)
#define DEFINITION	"domain.xml"
#define NVRAM		"nvram"
#define FILES		(TPM_FILES + 2)		/* of a point */
#define LEFT		"points/left"		/* key in the host area: epoch of a failover */

/* Find where the domain's NVRAM is, or comes to be at its first start. */
static bool nvram_path(xmlNodePtr domain, char *path, size_t size)
{
	xmlNodePtr os = xml_child(domain, "os"), nvram = xml_child(os, "nvram");
	char name[256];

	if (nvram && xml_child(nvram, "source"))
		return xml_get(xml_child(nvram, "source"), "file", path, size) && *path == '/';
	if (nvram && xml_content(nvram, path, size) && *path)
		return *path == '/';
	if (!nvram && !xml_is(os, "firmware", "efi") &&
	    !xml_is(xml_child(os, "loader"), "type", "pflash"))
		return false;
	if (!xml_content(xml_child(domain, "name"), name, sizeof(name)) || strchr(name, '/'))
		return false;
	snprintf(path, size, NVRAM_DIR "/%s_VARS.fd", name);
	return true;
}

/* NVRAM is replaced in libvirt's own directory, or where the domain had it before. */
static bool is_nvram_place(const char *path, const char *before)
{
	size_t n = strlen(NVRAM_DIR "/");

	if (!strcmp(path, before))
		return true;
	return !strncmp(path, NVRAM_DIR "/", n) && path[n] && path[n] != '.' && !strchr(path + n, '/');
}

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Keep one file; @named: by the user.  Others of the host may be missing. */
static int keep_source(struct kept *k, uint64_t point, const char *name, int at, const char *path,
		       size_t most, bool named)
{
	const char *why;
	int fd = kept_source(at, path, most, &why), code;

	if (fd < 0 && errno == ENOENT && !named)
		return 0;
	if (fd < 0)
		return host_refuse(k->h, named ? DM_REPLICA_CODE_INVALID_PARAMETER :
						 DM_REPLICA_CODE_FAILED,
				   "%s cannot be kept: %s", path, why);
	code = kept_add_file(k, point, name, fd, most);
	close(fd);
	return code;
}

struct tpm_keeper {
	struct kept *k;
	uint64_t point;
};

static int keep_tpm_file(void *arg, int dir, const char *name)
{
	const struct tpm_keeper *keeper = arg;

	return keep_source(keeper->k, keeper->point, name, dir, name, TPM_BYTES, false);
}

/* Keep NVRAM and TPM of a domain of this host. */
int place_keep_state(struct kept *k, uint64_t point, xmlNodePtr domain)
{
	struct tpm_keeper keeper = { .k = k, .point = point };
	char path[PATH_MAX], full[2 * PATH_MAX], uuid[64];
	int code = 0;

	if (nvram_path(domain, path, sizeof(path))) {
		snprintf(full, sizeof(full), "%s%s", device_root(), path);
		code = keep_source(k, point, NVRAM, AT_FDCWD, full, NVRAM_BYTES, false);
	}
	if (code || !tpm_is_emulated(domain) ||
	    !xml_content(xml_child(domain, "uuid"), uuid, sizeof(uuid)))
		return code;
	return tpm_each(uuid, keep_tpm_file, &keeper);
}

/* Keep files that the user names, as those of a primary on another host. */
int place_keep_files(struct kept *k, uint64_t point, const char *nvram, const char *tpm)
{
	const char *name;
	int code = 0;

	if (nvram)
		code = keep_source(k, point, NVRAM, AT_FDCWD, nvram, NVRAM_BYTES, true);
	if (!tpm || code)
		return code;
	name = strrchr(tpm, '/') ? strrchr(tpm, '/') + 1 : tpm;
	if (!tpm_is_state(name))
		return host_refuse(k->h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "%s is no state of a TPM: swtpm names it tpm2-00.permall or tpm-00.permall",
				   tpm);
	return keep_source(k, point, name, AT_FDCWD, tpm, TPM_BYTES, true);
}

int place_keep_xml(struct kept *k, uint64_t point, xmlDocPtr doc)
{
	char *text = xml_text(doc);
	int code;

	if (!text)
		return host_refuse(k->h, DM_REPLICA_CODE_NO_MEMORY, "no memory");
	code = kept_add(k, point, DEFINITION, text, strlen(text));
	xmlFree(text);
	return code;
}

/* All files of a point, each of which is what was kept. */
struct set {
	const struct dmreplica_point_file *file[FILES];
	char *data[FILES];
	unsigned int nr;
};

static void set_free(struct set *set)
{
	while (set->nr)
		free(set->data[--set->nr]);
}

static bool is_mark(const struct dmreplica_point_file *file)
{
	return !file->point && (!strcmp(file->name, "before") || !strcmp(file->name, "placed"));
}

/* How a set was put in place; the last one that holds for a part of it. */
enum put {
	PUT_ALL,
	PUT_NOT,	/* another attempt will not do better */
	PUT_LATER,	/* it may: with room, or with libvirt's answer */
};

static enum put worse(enum put a, enum put b)
{
	return a > b ? a : b;
}

/* An error that may be over at another attempt, as when there is room again. */
static enum put put_error(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EIO:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return PUT_LATER;
	}
	return PUT_NOT;
}

/* If one of them is missing, or is another, nothing is put in place. */
static enum put set_load(struct set *set, const struct kept *k, uint64_t point)
{
	const char *why = "it has too many files";
	const char *name = "the set";
	enum put how;
	size_t i;

	set->nr = 0;
	errno = 0;
	for (i = 0; i < k->nr; i++) {
		if (k->list[i].point != point || is_mark(&k->list[i]))
			continue;
		name = k->list[i].name;
		if (set->nr == FILES || !kept_load(k, &k->list[i], &set->data[set->nr], &why))
			break;
		set->file[set->nr++] = &k->list[i];
	}
	how = put_error(errno);
	if (i == k->nr)
		return PUT_ALL;
	printf("warning: %s of point %llu is not put in place: %s\n", name,
	       (unsigned long long)point, why);
	printf("warning: the guest has the definition, NVRAM and TPM of this host, which may be of another time\n");
	set_free(set);
	return how;
}

static int set_index(const struct set *set, const char *name)
{
	unsigned int i;

	for (i = 0; i < set->nr && strcmp(set->file[i]->name, name); i++)
		;
	return i < set->nr ? (int)i : -1;
}

static void placed(const char *what, uint64_t point, bool good, const char *why)
{
	if (!good)
		printf("warning: %s is not put in place: %s\n", what, why);
	else if (point)
		printf("%s: of point %llu\n", what, (unsigned long long)point);
	else
		printf("%s: as before the failover\n", what);
}

/*
 * Is a file the NVRAM of another domain of this host?  A definition from another host, or a copied
 * one, may name it.
 */
static enum put is_of_another(struct host *h, const char *uuid, const char *path)
{
	char other[VIR_UUID_STRING_BUFLEN], its[PATH_MAX];
	enum put how = PUT_ALL;
	virDomainPtr *list;
	xmlDocPtr doc;
	int i, nr = virConnectListAllDomains(h->conn, &list, 0);

	if (nr < 0)
		return PUT_LATER;
	for (i = 0; i < nr; i++) {
		if (!virDomainGetUUIDString(list[i], other) && strcmp(other, uuid) &&
		    !run_xml(h, list[i], VIR_DOMAIN_XML_INACTIVE, &doc)) {
			if (nvram_path(xmlDocGetRootElement(doc), its, sizeof(its)) &&
			    !strcmp(its, path))
				how = PUT_NOT;
			xmlFreeDoc(doc);
		}
		virDomainFree(list[i]);
	}
	free(list);
	return how;
}

static enum put put_nvram(const struct kept *k, const struct set *set, uint64_t point,
			  xmlNodePtr domain, const char *uuid, const char *before)
{
	char path[PATH_MAX], full[2 * PATH_MAX], *slash;
	int i = set_index(set, NVRAM), dir, error;
	enum put how;
	bool good;

	if (i < 0)
		return PUT_ALL;
	if (!nvram_path(domain, path, sizeof(path))) {
		placed("NVRAM", point, false, "the domain has none");
		return PUT_NOT;
	}
	if (!is_nvram_place(path, before)) {
		placed("NVRAM", point, false, "its path is outside of " NVRAM_DIR);
		return PUT_NOT;
	}
	how = strcmp(path, before) ? is_of_another(k->h, uuid, path) : PUT_ALL;
	if (how != PUT_ALL) {
		placed("NVRAM", point, false, how == PUT_LATER ? "libvirt does not list its domains" :
		       "its file is that of another domain");
		return how;
	}
	snprintf(full, sizeof(full), "%s%s", device_root(), path);
	slash = strrchr(full, '/');
	*slash = 0;
	dir = open_dir(AT_FDCWD, full);
	good = dir >= 0 && file_put(dir, slash + 1, set->data[i], set->file[i]->bytes);
	error = errno;
	placed("NVRAM", point, good, strerror(error));
	if (dir >= 0)
		close(dir);
	return good ? PUT_ALL : put_error(error);
}

static enum put put_tpm(const struct set *set, uint64_t point, xmlNodePtr domain, const char *uuid)
{
	enum put how = PUT_ALL;
	unsigned int i;
	int error;
	bool good;

	for (i = 0; i < set->nr; i++) {
		if (!tpm_is_state(set->file[i]->name))
			continue;
		if (!tpm_is_emulated(domain)) {
			placed("TPM", point, false, "the domain has no emulated one");
			how = worse(how, PUT_NOT);
			continue;
		}
		good = tpm_put(uuid, set->file[i]->name, set->data[i], set->file[i]->bytes);
		error = errno;
		placed("TPM", point, good, strerror(error));
		if (!good)
			how = worse(how, put_error(error));
	}
	return how;
}

/* A definition that was kept: it is the system's, and replaces no other domain. */
static int check_definition(struct host *h, const struct dmreplica_system *sys, xmlDocPtr doc,
			    uint64_t point)
{
	struct metadata m;
	enum run_held held = RUN_HOLDS_SOME;
	int code;

	metadata_read(xmlDocGetRootElement(doc), &m);
	if (!m.present || m.wrong || memcmp(m.uuid, sys->uuid, 16))
		return host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "it does not have the metadata of %s", sys->name);
	code = point ? run_doc_holds(h, doc, sys, METADATA_LIVE, &held) : 0;
	if (!code && held == RUN_HOLDS_NONE)
		code = host_refuse(h, DM_REPLICA_CODE_INVALID_PARAMETER,
				   "it has no device of %s among its disks", sys->name);
	return code ? code : import_check_present(h, sys, xmlDocGetRootElement(doc));
}

/* Also without a definition in the set it is put in place; after a failure there is a message. */
static enum put put_definition(struct host *h, const struct dmreplica_system *sys,
			       const struct set *set, uint64_t point, virDomainPtr *dom)
{
	int i = set_index(set, DEFINITION), code;
	struct xml_fault fault;
	virDomainPtr made;
	xmlDocPtr doc;

	if (i < 0)
		return PUT_ALL;
	doc = xml_parse(set->data[i], set->file[i]->bytes, &fault);
	if (!doc) {
		host_refuse(h, DM_REPLICA_CODE_FAILED, "%s", fault.text);
		return PUT_NOT;
	}
	code = check_definition(h, sys, doc, point);
	xmlFreeDoc(doc);
	if (code)
		return code == DM_REPLICA_CODE_INVALID_PARAMETER ? PUT_NOT : PUT_LATER;
	made = virDomainDefineXML(h->conn, set->data[i]);
	if (!made) {
		host_refuse_libvirt(h, "libvirt does not take it");
		return PUT_LATER;
	}
	if (*dom)
		virDomainFree(*dom);
	*dom = made;
	placed("definition", point, true, NULL);
	return PUT_ALL;
}

/* The definition that is kept with a point; NULL without one. */
static xmlDocPtr kept_definition(const struct kept *k, uint64_t point)
{
	const struct dmreplica_point_file *file = kept_find(k, point, DEFINITION);
	struct xml_fault fault;
	xmlDocPtr doc;
	const char *why;
	char *data;

	if (!file || !kept_load(k, file, &data, &why))
		return NULL;
	doc = xml_parse(data, file->bytes, &fault);
	free(data);
	return doc;
}

/*
 * The path of the NVRAM that the domain had before the failover, "" without one.  Not that of
 * the present one: after a crash it is the kept one, which may be of another host.
 */
static void nvram_before(const struct kept *k, char *path, size_t size)
{
	xmlDocPtr doc = kept_definition(k, 0);

	if (!doc || !nvram_path(xmlDocGetRootElement(doc), path, size))
		*path = 0;
	xmlFreeDoc(doc);
}

/* Put the files of a point in place; a failure is reported, and is none of the failover's. */
static enum put put(struct kept *k, uint64_t point, virDomainPtr *dom)
{
	char uuid[VIR_UUID_STRING_BUFLEN], before[PATH_MAX];
	xmlDocPtr doc = NULL;
	struct set set;
	enum put how = set_load(&set, k, point);

	if (how != PUT_ALL)
		return how;
	nvram_before(k, before, sizeof(before));
	how = put_definition(k->h, k->sys, &set, point, dom);
	if (how != PUT_ALL) {
		placed("definition", point, false, k->h->message);
	} else if (!set.nr) {
		;	/* the host had nothing of the guest */
	} else if (!*dom) {
		placed("NVRAM or TPM", point, false, "there is no domain");
		how = PUT_NOT;
	} else if (run_xml(k->h, *dom, VIR_DOMAIN_XML_INACTIVE, &doc) ||
		   virDomainGetUUIDString(*dom, uuid)) {
		placed("NVRAM or TPM", point, false, k->h->message);
		how = PUT_LATER;
	} else {
		how = put_nvram(k, &set, point, xmlDocGetRootElement(doc), uuid, before);
		how = worse(how, put_tpm(&set, point, xmlDocGetRootElement(doc), uuid));
	}
	xmlFreeDoc(doc);
	set_free(&set);
	return how;
}

/* Keep what is here now, for a revert. */
static int keep_before(struct kept *k, virDomainPtr dom)
{
	xmlDocPtr doc = NULL;
	int code;

	kept_drop(k, 0);
	code = kept_mark(k, "before", k->sys->live_epoch);
	if (!code && dom)
		code = run_xml(k->h, dom, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE, &doc);
	if (!code && doc)
		code = place_keep_xml(k, 0, doc);
	if (!code && doc)
		code = place_keep_state(k, 0, xmlDocGetRootElement(doc));
	xmlFreeDoc(doc);
	return code ? code : kept_commit(k);
}

static uint64_t mark_of(const struct kept *k, const char *name)
{
	const struct dmreplica_point_file *file = kept_find(k, 0, name);

	return file ? file->bytes : 0;
}

/*
 * What a failover has replaced that ended without libvirt's answer, and was not put back: put it
 * back.  What cannot come back stays kept, for the revert of this failover.
 */
static int put_earlier(struct kept *k, virDomainPtr *dom, bool *stays)
{
	enum put how = put(k, 0, dom);

	if (how == PUT_LATER)
		return host_refuse(k->h, DM_REPLICA_CODE_FAILED,
				   "what an earlier failover has replaced is not back in place");
	*stays = how == PUT_NOT;
	if (*stays)
		return kept_mark(k, "before", k->sys->live_epoch);
	kept_drop(k, 0);
	return 0;
}

/*
 * Put the files of the failover's point in place, once in a failover.  Nothing is replaced that
 * is not kept first, and what is kept stays until it is back.
 */
static int change(struct kept *k, virDomainPtr *dom)
{
	uint64_t before = mark_of(k, "before"), epoch = k->sys->live_epoch;
	bool stays = false;
	int code = 0;

	/* Another process has had the lock meanwhile, and the guest may run. */
	if (mark_of(k, "placed") == epoch)
		return 0;
	if (before && before != epoch)
		code = put_earlier(k, dom, &stays);
	if (code)
		return code;
	if (!kept_find(k, k->sys->live_point, NULL))
		return before && before != epoch ? kept_commit(k) : 0;
	if (stays)
		code = kept_commit(k);
	else if (before != epoch)
		code = keep_before(k, *dom);
	/* So it has while the commit has removed what is needless. */
	if (code || mark_of(k, "placed") == epoch)
		return code;
	if (*dom && virDomainIsActive(*dom) == 1)
		return host_refuse(k->h, DM_REPLICA_CODE_IN_USE, "domain %s runs",
				   virDomainGetName(*dom));
	if (put(k, k->sys->live_point, dom) == PUT_LATER)
		return host_refuse(k->h, DM_REPLICA_CODE_FAILED,
				   "what is kept with point %llu is not all in place",
				   (unsigned long long)k->sys->live_point);
	code = kept_mark(k, "placed", epoch);
	return code ? code : kept_commit(k);
}

/* Has the guest been started in this failover without what is kept with its point? */
static bool is_left(struct host *h, const struct dmreplica_system *sys)
{
	struct dmreplica_host_entry entry;
	uint64_t epoch;

	return !dmreplica_host_area_find(h->dmr, sys, LEFT, &entry) &&
	       parse_number((char *)entry.value, &epoch) && epoch == sys->live_epoch;
}

/**
 * place_leave() - leave definition, NVRAM and TPM as they are until another failover
 * @h: the host.
 * @sys: the system, failed over, whose guest starts.
 * @leave: leave them; false: it has not started.
 *
 * A later start would take from the guest what it has written since.  The host area has the mark:
 * /var/lib may be full.
 */
void place_leave(struct host *h, const struct dmreplica_system *sys, bool leave)
{
	char text[24];
	int code;

	if (!leave && !is_left(h, sys))
		return;
	snprintf(text, sizeof(text), "%u", sys->live_epoch);
	code = leave ? dmreplica_host_area_set(h->dmr, sys, LEFT, text, strlen(text), NULL) :
	       dmreplica_host_area_remove(h->dmr, sys, LEFT, NULL);
	if (code && leave)
		printf("warning: the next start may replace NVRAM and TPM: %s\n",
		       dmreplica_message(h->dmr));
}

static bool is_of_system(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys,
			 enum metadata_view *view)
{
	struct metadata m;

	if (metadata_of_domain(h, dom, 0, &m) || !m.present || m.wrong ||
	    memcmp(m.uuid, sys->uuid, 16))
		return false;
	*view = m.view;
	return true;
}

/*
 * Find the domain that the definition of the failover's point replaces: that of the guest which
 * writes the replica on this host has the same UUID.
 */
static void find_replaced(const struct kept *k, virDomainPtr *dom)
{
	xmlDocPtr doc = kept_definition(k, k->sys->live_point);
	enum metadata_view view;
	char uuid[64];

	if (doc && xml_content(xml_child(xmlDocGetRootElement(doc), "uuid"), uuid, sizeof(uuid)))
		*dom = virDomainLookupByUUIDString(k->h->conn, uuid);
	xmlFreeDoc(doc);
	if (*dom && !is_of_system(k->h, *dom, k->sys, &view)) {
		virDomainFree(*dom);
		*dom = NULL;
	}
}

/* The caller wants the guest of the failover, or none. */
static void drop_other(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom)
{
	enum metadata_view view;

	if (!*dom || (is_of_system(h, *dom, sys, &view) && view == METADATA_LIVE))
		return;
	virDomainFree(*dom);
	*dom = NULL;
}

/**
 * place_failed_over() - put in place what belongs to the point of a failover
 * @h: the host, connected.
 * @sys: the system, failed over.
 * @dom: its domain, or NULL; replaced by the one that is defined anew, or NULL.
 * @left: set if it is not in place, but may come to be by another attempt.
 *
 * What is missing, or is not what was kept, is reported, and the guest has what is here.
 *
 * Return: 0, or a refusal.
 */
int place_failed_over(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom,
		      bool *left)
{
	struct kept k;
	int code;

	code = kept_open(&k, h, sys, false);
	if (code || k.state == KEPT_NONE || mark_of(&k, "placed") == sys->live_epoch ||
	    is_left(h, sys))
		goto out;
	if (kept_fault(&k)) {
		*left = true;
		printf("warning: what is kept with the points of %s is not put in place: %s\n",
		       sys->name, kept_fault(&k));
		goto out;
	}
	if (!kept_find(&k, sys->live_point, NULL) && !mark_of(&k, "before"))
		goto out;
	if (!*dom)
		find_replaced(&k, dom);
	if (*dom && virDomainIsActive(*dom) == 1) {
		printf("warning: domain %s runs: what is kept with point %llu is not put in place\n",
		       virDomainGetName(*dom), (unsigned long long)sys->live_point);
		goto out;
	}
	kept_close(&k);
	code = kept_open(&k, h, sys, true);
	if (!code && kept_fault(&k))
		code = host_refuse(h, DM_REPLICA_CODE_FAILED, "%s", kept_fault(&k));
	if (!code)
		code = change(&k, dom);
	if (code) {
		*left = true;
		host_hint(h, code, "with room in /var/lib: replicactl domain start %s puts it in place",
			  sys->name);
	}
out:
	kept_close(&k);
	drop_other(h, sys, dom);
	return code;
}

/* After a revert: what the failover has replaced. */
int place_reverted(struct host *h, const struct dmreplica_system *sys, virDomainPtr *dom)
{
	struct kept k;
	int code;

	code = kept_open(&k, h, sys, false);
	if (code || !mark_of(&k, "before") || sys->live_epoch)
		goto out;
	kept_close(&k);
	code = kept_open(&k, h, sys, true);
	/* Another process may have put it back. */
	if (code || !mark_of(&k, "before"))
		goto out;
	if (put(&k, 0, dom) != PUT_ALL) {
		code = host_refuse(h, DM_REPLICA_CODE_FAILED,
				   "what the failover of %s has replaced is not all back in place",
				   sys->name);
		goto out;
	}
	kept_drop(&k, 0);
	code = kept_commit(&k);
out:
	kept_close(&k);
	return code;
}

static void take_tpm(struct place_test *t, struct set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		struct place_file *file = &t->tpm[t->nr_tpm];

		if (!tpm_is_state(set->file[i]->name) || t->nr_tpm == TPM_FILES)
			continue;
		snprintf(file->name, sizeof(file->name), "%s", set->file[i]->name);
		file->bytes = set->file[i]->bytes;
		file->data = set->data[i];
		set->data[i] = NULL;
		t->nr_tpm++;
	}
}

/**
 * place_test() - what is kept with the point of a test failover
 * @h: the host.
 * @sys: the system, with a test failover.
 * @t: filled in, to be freed with place_test_free(); without what is not kept.
 *
 * Return: 0, or a refusal.
 */
int place_test(struct host *h, const struct dmreplica_system *sys, struct place_test *t)
{
	struct xml_fault fault;
	struct set set;
	struct kept k;
	int code, i;

	memset(t, 0, sizeof(*t));
	code = kept_open(&k, h, sys, false);
	if (!code && kept_fault(&k)) {
		printf("warning: what is kept with the points of %s is not used: %s\n", sys->name,
		       kept_fault(&k));
	} else if (!code && kept_find(&k, sys->test_point, NULL) &&
		   set_load(&set, &k, sys->test_point) == PUT_ALL) {
		i = set_index(&set, DEFINITION);
		if (i >= 0)
			t->doc = xml_parse(set.data[i], set.file[i]->bytes, &fault);
		i = set_index(&set, NVRAM);
		if (i >= 0) {
			t->nvram = set.data[i];
			t->nvram_bytes = set.file[i]->bytes;
			set.data[i] = NULL;
		}
		take_tpm(t, &set);
		set_free(&set);
	}
	kept_close(&k);
	return code;
}

void place_test_free(struct place_test *t)
{
	xmlFreeDoc(t->doc);
	free(t->nvram);
	while (t->nr_tpm)
		free(t->tpm[--t->nr_tpm].data);
	memset(t, 0, sizeof(*t));
}
