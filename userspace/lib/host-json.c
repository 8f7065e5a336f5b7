// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON objects as values of the host area.
 *
 * Other programs write there, too: a value is accepted in the form that this library writes,
 * with any blanks and order of members.  Any other form is refused with its fault, not
 * repaired.
 */
#include <stdarg.h>
#include <string.h>

#include <json-c/json.h>

#include "private.h"

bool dmrl_wrong(struct dmrl_fault *fault, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fault->text, sizeof(fault->text), fmt, args);
	va_end(args);
	return false;
}

/** dmrl_json_parse() - read an object.  Return: the object, or NULL with the fault. */
struct json_object *dmrl_json_parse(const char *text, size_t bytes, struct dmrl_fault *fault)
{
	struct json_tokener *tok = json_tokener_new_ex(4);
	struct json_object *obj;

	if (!tok) {
		dmrl_wrong(fault, "there is no memory to read it");
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	obj = json_tokener_parse_ex(tok, text, bytes);
	/* json-c stops at a NUL. */
	if (!obj || json_tokener_get_error(tok) != json_tokener_success ||
	    memchr(text, 0, bytes) || !json_object_is_type(obj, json_type_object)) {
		dmrl_wrong(fault, "it is not a JSON object");
		json_object_put(obj);
		obj = NULL;
	}
	json_tokener_free(tok);
	return obj;
}

/** dmrl_json_members() - get these members, which must be all.  Return: false if not. */
bool dmrl_json_members(struct json_object *obj, const char *const *names, unsigned int nr,
		       struct json_object **members, struct dmrl_fault *fault)
{
	char list[100] = "";
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < nr; i++) {
		if (!json_object_object_get_ex(obj, names[i], &members[i]))
			return dmrl_wrong(fault, "there is no member %s", names[i]);
		len += snprintf(list + len, sizeof(list) - len, "%s%s",
				!i ? "" : i < nr - 1 ? ", " : " and ", names[i]);
	}
	if (json_object_object_length(obj) != (int)nr)
		return dmrl_wrong(fault, "there is a member beside %s", list);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/**
 * dmrl_json_plain() - is the text, without blanks, equal to the output of json-c?
 * @obj: what json-c made of the text.
 * @text: the text.
 * @bytes: its length.
 * @fault: set if not.
 *
 * If not, a member occurs twice, of which json-c takes the last, a text has an escape or a
 * blank, which no value of ours has, or a number has another form.
 *
 * Return: true if so.
 */
bool dmrl_json_plain(struct json_object *obj, const char *text, size_t bytes,
		     struct dmrl_fault *fault)
{
	const char *plain = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
							   JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t i;

	for (i = 0; i < bytes; i++) {
		if (is_blank(text[i]))
			continue;
		if (!*plain || *plain != text[i])
			break;
		plain++;
	}
	if (i == bytes && !*plain)
		return true;
	return dmrl_wrong(fault, "a member occurs twice, or a text has an escape");
}
