// SPDX-License-Identifier: GPL-2.0-only
/*
 * The element of dm-replica in a domain's metadata: the system that the domain belongs to,
 * and the failover with which it was started.  Devices decide what may start; this is for
 * finding the domain, for the test domain, and for memory that libvirt has saved.
 */
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "domain.h"

static const char *const views[] = {
	[METADATA_LIVE] = "live",
	[METADATA_TEST] = "test",
	[METADATA_REPLICA] = "replica",
};

void metadata_of_system(struct metadata *m, const struct dmreplica_system *sys,
			enum metadata_view view)
{
	memset(m, 0, sizeof(*m));
	m->present = true;
	memcpy(m->uuid, sys->uuid, sizeof(m->uuid));
	snprintf(m->name, sizeof(m->name), "%s", sys->name);
	m->view = view;
	m->failover = view == METADATA_TEST ? sys->test_epoch : sys->live_epoch;
}

static bool is_ours(xmlNodePtr node)
{
	return node->type == XML_ELEMENT_NODE && node->ns &&
	       !strcmp((const char *)node->ns->href, METADATA_URI);
}

/* Read an element system; m->wrong if it has not its form. */
static void read_element(xmlNodePtr node, struct metadata *m)
{
	char text[64];
	unsigned int i;

	m->present = true;
	m->wrong = strcmp((const char *)node->name, "system") ||
		   !xml_get(node, "uuid", text, sizeof(text)) ||
		   !dmreplica_uuid_parse(text, m->uuid);
	xml_get(node, "name", m->name, sizeof(m->name));
	host_plain(m->name);
	if (xml_get(node, "view", text, sizeof(text))) {
		for (i = 0; i < 3 && strcmp(text, views[i]); i++)
			;
		m->wrong |= i == 3;
		m->view = i < 3 ? i : METADATA_LIVE;
	}
	if (xmlHasProp(node, (const xmlChar *)"failover"))
		m->wrong |= !xml_get(node, "failover", text, sizeof(text)) ||
			    !parse_number(text, &m->failover);
}

void metadata_read(xmlNodePtr domain, struct metadata *m)
{
	xmlNodePtr metadata = xml_child(domain, "metadata"), node;

	memset(m, 0, sizeof(*m));
	for (node = metadata ? metadata->children : NULL; node; node = node->next) {
		if (!is_ours(node))
			continue;
		if (m->present)		/* libvirt keeps one for each namespace */
			m->wrong = true;
		else
			read_element(node, m);
	}
}

static void write_element(xmlNodePtr node, const struct metadata *m)
{
	char text[64];

	xml_set(node, "uuid", dmreplica_uuid_text(m->uuid, text));
	xml_set(node, "name", m->name);
	xml_set(node, "view", views[m->view]);
	if (!m->failover)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)m->failover);
	xml_set(node, "failover", text);
}

/* Replace the element in a domain, or add it. */
void metadata_write(xmlNodePtr domain, const struct metadata *m)
{
	xmlNodePtr metadata = xml_child(domain, "metadata"), node, next;

	if (!metadata)
		metadata = xml_add(domain, "metadata", NULL);
	for (node = metadata->children; node; node = next) {
		next = node->next;
		if (is_ours(node))
			xml_drop(node);
	}
	node = xml_add(metadata, "system", NULL);
	xmlSetNs(node, xmlNewNs(node, (const xmlChar *)METADATA_URI,
				(const xmlChar *)METADATA_KEY));
	write_element(node, m);
}

int metadata_of_domain(struct host *h, virDomainPtr dom, unsigned int flags, struct metadata *m)
{
	char *text = virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, METADATA_URI, flags);
	const virError *error = virGetLastError();
	xmlDocPtr doc;

	memset(m, 0, sizeof(*m));
	if (!text) {
		if (error && error->code == VIR_ERR_NO_DOMAIN_METADATA)
			return 0;
		return host_refuse_libvirt(h, "the metadata of domain %s cannot be read",
					   virDomainGetName(dom));
	}
	doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	free(text);
	if (doc && xmlDocGetRootElement(doc)) {
		read_element(xmlDocGetRootElement(doc), m);
	} else {
		m->present = true;
		m->wrong = true;
	}
	xmlFreeDoc(doc);
	return 0;
}

/* Is the domain that of a system and view?  A domain that has gone meanwhile is not. */
static bool is_wanted(struct host *h, virDomainPtr dom, const struct dmreplica_system *sys,
		      enum metadata_view view)
{
	struct metadata m;

	return !metadata_of_domain(h, dom, 0, &m) && m.present && !m.wrong &&
	       !memcmp(m.uuid, sys->uuid, sizeof(m.uuid)) && m.view == view;
}

int metadata_look(struct host *h, const struct dmreplica_system *sys, enum metadata_view view,
		  virDomainPtr *dom)
{
	int code = host_open(h), i, nr;
	unsigned int found = 0;
	virDomainPtr *list;

	*dom = NULL;
	if (code)
		return code;
	nr = virConnectListAllDomains(h->conn, &list, 0);
	if (nr < 0)
		return host_refuse_libvirt(h, "the domains cannot be listed");
	for (i = 0; i < nr; i++) {
		if (!is_wanted(h, list[i], sys, view)) {
			virDomainFree(list[i]);
			continue;
		}
		if (*dom)
			virDomainFree(*dom);
		*dom = list[i];
		found++;
	}
	free(list);
	if (found < 2)
		return 0;
	virDomainFree(*dom);
	*dom = NULL;
	return host_refuse(h, DM_REPLICA_CODE_FAILED,
			   "%u domains have the metadata of %s, view %s: undefine all but one",
			   found, sys->name, views[view]);
}

int metadata_find(struct host *h, const struct dmreplica_system *sys, enum metadata_view view,
		  virDomainPtr *dom)
{
	int code = metadata_look(h, sys, view, dom);

	if (code || *dom)
		return code;
	host_refuse(h, DM_REPLICA_CODE_NOT_FOUND, "no domain has the metadata of %s, view %s",
		    sys->name, views[view]);
	return host_hint(h, DM_REPLICA_CODE_NOT_FOUND, view == METADATA_TEST ?
			 "replicactl domain test-start %s makes one" :
			 "replicactl domain import %s FILE makes one", sys->name);
}
