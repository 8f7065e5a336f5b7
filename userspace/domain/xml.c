// SPDX-License-Identifier: GPL-2.0-only
/*
 * XML from outside.  A document with a DTD is refused where its DTD begins: no entity is
 * expanded, no file and no network is read for it.  libxml2 limits depth and texts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxml/parser.h>

#include "domain.h"

#define XML_BYTES	(4u << 20)	/* largest document */
#define XML_ATTRIBUTES	256		/* most attributes of an element */

static void on_dtd(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	xmlParserCtxtPtr parser = arg;

	(void)name;
	(void)external;
	(void)system;
	*(bool *)parser->_private = true;
	xmlStopParser(parser);
}

static void fault_of(xmlParserCtxtPtr parser, bool dtd, struct xml_fault *fault)
{
	const xmlError *error = xmlCtxtGetLastError(parser);

	if (dtd)
		snprintf(fault->text, sizeof(fault->text), "it has a DTD, which no domain needs");
	else if (error && error->message)
		snprintf(fault->text, sizeof(fault->text), "line %d: %.200s", error->line,
			 error->message);
	else
		snprintf(fault->text, sizeof(fault->text), "it is no XML");
	host_plain(fault->text);
}

/* Where a comment or a CDATA section ends; NULL: none begins at @at, or it has no end. */
static const char *skip(const char *at, const char *end)
{
	static const struct {
		const char *from, *to;
	} sections[] = { { "<!--", "-->" }, { "<![CDATA[", "]]>" } };
	const char *to;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		size_t from = strlen(sections[i].from), len = strlen(sections[i].to);

		if ((size_t)(end - at) < from || memcmp(at, sections[i].from, from))
			continue;
		to = memmem(at + from, end - at - from, sections[i].to, len);
		return to ? to + len - 1 : NULL;
	}
	return NULL;
}

/* libxml2 compares each attribute of an element with all others: 100000 take minutes. */
static bool too_many_attributes(const char *text, size_t bytes)
{
	const char *at, *end = text + bytes, *after;
	unsigned int attributes = 0;
	bool tag = false;
	char quote = 0;

	for (at = text; at < end; at++) {
		if (quote) {
			if (*at == quote)
				quote = 0;
		} else if (!tag) {
			after = *at == '<' ? skip(at, end) : NULL;
			tag = *at == '<' && !after;
			at = after ? after : at;
			attributes = 0;
		} else if (*at == '"' || *at == '\'') {
			quote = *at;
		} else if (*at == '>') {
			tag = false;
		} else if (*at == '=' && ++attributes > XML_ATTRIBUTES) {
			return true;
		}
	}
	return false;
}

/* What is not given to the parser.  Return: NULL, or the fault. */
static const char *unfit(const char *text, size_t bytes)
{
	if (bytes > XML_BYTES)
		return "it is larger than 4 MiB";
	if (memchr(text, 0, bytes))
		return "it is not UTF-8";
	if (too_many_attributes(text, bytes))
		return "an element has more than 256 attributes";
	return NULL;
}

static xmlDocPtr parse(const char *text, size_t bytes, const char *root, struct xml_fault *fault)
{
	const char *reason = unfit(text, bytes);
	xmlParserCtxtPtr parser = reason ? NULL : xmlNewParserCtxt();
	bool dtd = false;
	xmlDocPtr doc;

	if (!parser) {
		snprintf(fault->text, sizeof(fault->text), "%s", reason ? reason : "no memory for it");
		return NULL;
	}
	parser->_private = &dtd;
	parser->sax->internalSubset = on_dtd;
	/* UTF-8 in any case: another encoding would hide attributes from the count */
	doc = xmlCtxtReadMemory(parser, text, (int)bytes, NULL, "UTF-8",
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				XML_PARSE_NOCDATA);
	if (dtd && doc) {
		xmlFreeDoc(doc);
		doc = NULL;
	}
	if (doc && root && (!xmlDocGetRootElement(doc) ||
			    strcmp((const char *)xmlDocGetRootElement(doc)->name, root))) {
		snprintf(fault->text, sizeof(fault->text), "its root element is not %s", root);
		xmlFreeDoc(doc);
		doc = NULL;
	} else if (!doc) {
		fault_of(parser, dtd, fault);
	}
	xmlFreeParserCtxt(parser);
	return doc;
}

/* Parse the XML of another object of libvirt. */
xmlDocPtr xml_parse_root(const char *text, size_t bytes, const char *root,
			 struct xml_fault *fault)
{
	return parse(text, bytes, root, fault);
}

/**
 * xml_parse() - parse the XML of a domain
 * @text: the document.
 * @bytes: its length.
 * @fault: set if there is one.
 *
 * Return: the document, to be freed with xmlFreeDoc(), or NULL.
 */
xmlDocPtr xml_parse(const char *text, size_t bytes, struct xml_fault *fault)
{
	return parse(text, bytes, "domain", fault);
}

/* Read a whole file, of XML_BYTES at most.  Return: text to be freed, or NULL. */
char *xml_read(int fd, size_t *bytes, struct xml_fault *fault)
{
	size_t room = 65536, n = 0;
	char *text = malloc(room), *more;
	ssize_t got;

	while (text) {
		got = read(fd, text + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			snprintf(fault->text, sizeof(fault->text), "cannot read it: %s",
				 strerror(errno));
		if (got < 0)
			break;
		if (!got) {
			*bytes = n;
			return text;
		}
		n += got;
		if (n > XML_BYTES)
			snprintf(fault->text, sizeof(fault->text), "it is larger than 4 MiB");
		if (n > XML_BYTES)
			break;
		if (n < room)
			continue;
		room *= 2;
		more = realloc(text, room);
		if (!more)
			snprintf(fault->text, sizeof(fault->text), "no memory for it");
		if (!more)
			break;
		text = more;
	}
	free(text);
	return NULL;
}

static xmlDocPtr load(const char *path, const char *root, struct xml_fault *fault)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	xmlDocPtr doc = NULL;
	size_t bytes;
	char *text;

	if (fd < 0) {
		snprintf(fault->text, sizeof(fault->text), "cannot open it: %s", strerror(errno));
		return NULL;
	}
	text = xml_read(fd, &bytes, fault);
	close(fd);
	if (text)
		doc = parse(text, bytes, root, fault);
	free(text);
	return doc;
}

/* Load the XML of a domain, from standard input for "-". */
xmlDocPtr xml_load(const char *path, struct xml_fault *fault)
{
	return load(path, "domain", fault);
}

/* Load a file of libvirt's own. */
xmlDocPtr xml_load_any(const char *path, struct xml_fault *fault)
{
	return load(path, NULL, fault);
}

/* The text of a document, without an XML declaration, to be freed with xmlFree(). */
char *xml_text(xmlDocPtr doc)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	char *text = NULL;

	if (buffer && xmlNodeDump(buffer, doc, xmlDocGetRootElement(doc), 0, 0) >= 0)
		text = (char *)xmlStrdup(xmlBufferContent(buffer));
	if (buffer)
		xmlBufferFree(buffer);
	return text;
}

static xmlNodePtr named(xmlNodePtr node, const char *name)
{
	for (; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name))
			return node;
	return NULL;
}

xmlNodePtr xml_child(xmlNodePtr node, const char *name)
{
	return node ? named(node->children, name) : NULL;
}

xmlNodePtr xml_next(xmlNodePtr node, const char *name)
{
	return named(node->next, name);
}

xmlNodePtr xml_below(xmlNodePtr node, const char *path)
{
	const char *end;
	char name[64];

	for (; node && *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, "/");
		snprintf(name, sizeof(name), "%.*s", (int)(end - path), path);
		node = xml_child(node, name);
	}
	return node;
}

bool xml_get(xmlNodePtr node, const char *name, char *value, size_t size)
{
	xmlChar *text = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;
	bool fits = text && strlen((const char *)text) < size;

	snprintf(value, size, "%s", fits ? (const char *)text : "");
	xmlFree(text);
	return fits;
}

bool xml_is(xmlNodePtr node, const char *name, const char *value)
{
	char text[64];

	return xml_get(node, name, text, sizeof(text)) && !strcmp(text, value);
}

void xml_set(xmlNodePtr node, const char *name, const char *value)
{
	xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

void xml_unset(xmlNodePtr node, const char *name)
{
	xmlUnsetProp(node, (const xmlChar *)name);
}

bool xml_content(xmlNodePtr node, char *value, size_t size)
{
	xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	bool fits = text && strlen((const char *)text) < size;

	snprintf(value, size, "%s", fits ? (const char *)text : "");
	xmlFree(text);
	return fits;
}

void xml_drop(xmlNodePtr node)
{
	xmlNodePtr before = node->prev;

	if (before && xmlIsBlankNode(before)) {
		xmlUnlinkNode(before);
		xmlFreeNode(before);
	}
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

static void indent(xmlNodePtr parent, unsigned int levels)
{
	char blanks[] = "\n                                ";

	if (levels < 16)
		blanks[1 + 2 * levels] = 0;
	xmlAddChild(parent, xmlNewText((const xmlChar *)blanks));
}

xmlNodePtr xml_add(xmlNodePtr parent, const char *name, const char *content)
{
	xmlNodePtr last = parent->last, node, up;
	unsigned int levels = 0;

	for (up = parent; up && up->type == XML_ELEMENT_NODE; up = up->parent)
		levels++;
	if (last && xmlIsBlankNode(last)) {
		xmlUnlinkNode(last);
		xmlFreeNode(last);
	}
	indent(parent, levels);
	node = xmlNewTextChild(parent, NULL, (const xmlChar *)name, (const xmlChar *)content);
	indent(parent, levels - 1);
	return node;
}
