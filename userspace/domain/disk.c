// SPDX-License-Identifier: GPL-2.0-only
/* The paths of a domain's XML, of block devices and files. */
#include <string.h>

#include "domain.h"

static const char *const attributes[] = { "dev", "file" };

/* The path of a source, by dev or file. */
static bool path_of(xmlNodePtr source, char *path, size_t size)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (xml_get(source, attributes[i], path, size))
			return true;
	return false;
}

bool disk_source(xmlNodePtr disk, char *path, size_t size)
{
	xmlNodePtr source = xml_child(disk, "source");

	path[0] = 0;
	return source && path_of(source, path, size);
}

struct walk {
	disk_path_fn fn;
	void *arg;
};

/*
 * A volume is named by its pool alone; the pool's file has the directory.  A guest that
 * gets a home by this way would get it past all the rest.
 */
static int volume(const struct walk *walk, xmlNodePtr source, bool own)
{
	static const char *const dirs[] = { "/run/libvirt/storage", "/etc/libvirt/storage" };
	char pool[256], name[256], file[PATH_MAX], dir[PATH_MAX], path[2 * PATH_MAX];
	struct xml_fault fault;
	xmlNodePtr root;
	xmlDocPtr doc;
	unsigned int i;
	int ret = 0;

	if (!xml_get(source, "pool", pool, sizeof(pool)) || strchr(pool, '/') ||
	    !xml_get(source, "volume", name, sizeof(name)))
		return 0;
	for (i = 0; i < 2 && !ret; i++) {
		snprintf(file, sizeof(file), "%s%s/%s.xml", device_root(), dirs[i], pool);
		doc = xml_load_any(file, &fault);
		root = doc ? xmlDocGetRootElement(doc) : NULL;
		if (root && !strcmp((const char *)root->name, "poolstatus"))
			root = xml_child(root, "pool");
		if (root && xml_content(xml_below(root, "target/path"), dir, sizeof(dir))) {
			snprintf(path, sizeof(path), "%s/%s", dir, name);
			ret = walk->fn(walk->arg, path, own);
		}
		xmlFreeDoc(doc);
	}
	return ret;
}

/* Every element source below @node, in the chains and mirrors of disks as well. */
static int below(const struct walk *walk, xmlNodePtr node, bool own)
{
	char path[PATH_MAX];
	unsigned int i;
	int ret = 0;

	for (; node && !ret; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (!strcmp((const char *)node->name, "source")) {
			for (i = 0; i < 2 && !ret; i++)
				if (xml_get(node, attributes[i], path, sizeof(path)) &&
				    path[0] == '/')
					ret = walk->fn(walk->arg, path, own);
			if (!ret)
				ret = volume(walk, node, own);
		}
		if (!ret)
			ret = below(walk, node->children, false);
	}
	return ret;
}

int disk_paths(xmlNodePtr domain, disk_path_fn fn, void *arg)
{
	struct walk walk = { .fn = fn, .arg = arg };
	xmlNodePtr devices = xml_child(domain, "devices"), disk, nvram;
	int ret = 0;

	for (disk = xml_child(devices, "disk"); disk && !ret; disk = xml_next(disk, "disk"))
		ret = below(&walk, disk->children, true);
	nvram = xml_below(domain, "os/nvram");
	if (nvram && !ret)
		ret = below(&walk, nvram->children, true);
	return ret;
}
