// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of replicactl-domain and actions of a user of libvirt, in one process: the state
 * of libvirt's test driver lives in one.
 *
 * usage: domain-driver FILE
 *
 * Each line of FILE has words with tabs between them.  "domain" is a command of
 * replicactl-domain; the others are below.  After the output of a line its status is printed.
 */
#include <dlfcn.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../domain/domain.h"

static virConnectPtr conn;
static char *saved_xml;		/* of the last domain whose memory was saved */

/* The test driver lacks this, and its snapshots are records only. */
char *virDomainManagedSaveGetXMLDesc(virDomainPtr dom, unsigned int flags)
{
	(void)dom;
	(void)flags;
	return saved_xml ? strdup(saved_xml) : NULL;
}

int virDomainSnapshotDelete(virDomainSnapshotPtr snapshot, unsigned int flags)
{
	__typeof__(&virDomainSnapshotDelete) real = dlsym(RTLD_NEXT, "virDomainSnapshotDelete");

	return real(snapshot, flags & ~VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY);
}

static int save(virDomainPtr dom)
{
	free(saved_xml);
	saved_xml = virDomainGetXMLDesc(dom, 0);
	return !saved_xml || virDomainManagedSave(dom, 0);
}

static int list_all(void)
{
	virDomainPtr *domains;
	virNetworkPtr *networks;
	int i, nr;

	nr = virConnectListAllDomains(conn, &domains, 0);
	for (i = 0; i < nr; i++) {
		printf("domain %s active %d persistent %d\n", virDomainGetName(domains[i]),
		       virDomainIsActive(domains[i]), virDomainIsPersistent(domains[i]));
		virDomainFree(domains[i]);
	}
	free(domains);
	nr = virConnectListAllNetworks(conn, &networks, 0);
	for (i = 0; i < nr; i++) {
		printf("network %s active %d persistent %d\n", virNetworkGetName(networks[i]),
		       virNetworkIsActive(networks[i]), virNetworkIsPersistent(networks[i]));
		virNetworkFree(networks[i]);
	}
	free(networks);
	return nr < 0;
}

static int print_xml(virDomainPtr dom, unsigned int flags)
{
	char *text = virDomainGetXMLDesc(dom, flags);

	if (text)
		raw_output(text);
	free(text);
	return !text;
}

static int snapshot(virDomainPtr dom, const char *name)
{
	virDomainSnapshotPtr made;
	char xml[256];

	snprintf(xml, sizeof(xml), "<domainsnapshot><name>%s</name></domainsnapshot>", name);
	made = virDomainSnapshotCreateXML(dom, xml, 0);
	if (made)
		virDomainSnapshotFree(made);
	return !made;
}

static int define(const char *path)
{
	struct xml_fault fault;
	xmlDocPtr doc = xml_load(path, &fault);
	char *text = doc ? xml_text(doc) : NULL;
	virDomainPtr dom = text ? virDomainDefineXML(conn, text) : NULL;

	xmlFree(text);
	xmlFreeDoc(doc);
	if (dom)
		virDomainFree(dom);
	return !dom;
}

static int act(virDomainPtr dom, int argc, char **argv)
{
	if (!strcmp(argv[0], "create"))
		return !!virDomainCreate(dom);
	if (!strcmp(argv[0], "destroy"))
		return !!virDomainDestroy(dom);
	if (!strcmp(argv[0], "suspend"))
		return !!virDomainSuspend(dom);
	if (!strcmp(argv[0], "save"))
		return save(dom);
	if (!strcmp(argv[0], "saved"))
		return !printf("saved %d\n", virDomainHasManagedSaveImage(dom, 0));
	if (!strcmp(argv[0], "autostart"))
		return !!virDomainSetAutostart(dom, 1);
	if (!strcmp(argv[0], "xml"))
		return print_xml(dom, VIR_DOMAIN_XML_INACTIVE);
	if (!strcmp(argv[0], "live-xml"))
		return print_xml(dom, 0);
	if (!strcmp(argv[0], "snapshot") && argc > 2)
		return snapshot(dom, argv[2]);
	return 99;
}

static int action(int argc, char **argv)
{
	virDomainPtr dom;
	int status;

	if (!strcmp(argv[0], "list"))
		return list_all();
	if (argc < 2)
		return 99;
	if (!strcmp(argv[0], "define"))
		return define(argv[1]);
	dom = virDomainLookupByName(conn, argv[1]);
	if (!dom)
		return 98;
	status = act(dom, argc, argv);
	virDomainFree(dom);
	return status;
}

static int one_line(char *line)
{
	char *argv[32], *word, *rest = line;
	int argc = 0, status;

	while (argc < 31 && (word = strsep(&rest, "\t")))
		argv[argc++] = word;
	argv[argc] = NULL;
	optind = 0;
	status = !strcmp(argv[0], "domain") ? run_command(argc, argv) : action(argc, argv);
	if (status && strcmp(argv[0], "domain"))
		printf("libvirt: %s\n", virGetLastErrorMessage());
	fflush(stderr);
	printf("= %d\n", status);
	fflush(stdout);
	return status;
}

static void no_printing(void *arg, virErrorPtr error)
{
	(void)arg;
	(void)error;
}

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	plain_output();
	virSetErrorFunc(NULL, no_printing);
	/* It keeps the state of test:///default until the end. */
	conn = virConnectOpen(getenv("LIBVIRT_DEFAULT_URI"));
	if (!f || !conn)
		return 1;
	while ((n = getline(&line, &size, f)) > 0) {
		line[n - 1] = 0;
		one_line(line);
	}
	free(line);
	free(saved_xml);
	fclose(f);
	virConnectClose(conn);
	return 0;
}
