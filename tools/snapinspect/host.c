/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptions of hosts as JSON, there and back.  A file is untrusted: it has
 * a limit, and what is missing or of another type is refused by its name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

#define FILE_MAX	(1u << 20)

json_t *
host_json(const Psnap__Host *h)
{
	json_t *j = json_object(), *fpu = json_array(), *features = json_array();
	char w[64];

	json_object_set_new(j, "os", json_string(word(&psnap__os__descriptor, (int)h->os, w)));
	json_object_set_new(j, "kernel", json_text(h->kernel_release));
	json_object_set_new(j, "kernel_abi", json_string(word(&psnap__abi__descriptor, (int)h->kernel_abi, w)));
	json_object_set_new(j, "cpu_vendor", json_text(h->cpu_vendor));
	json_object_set_new(j, "cpu_model", json_text(h->cpu_model));
	for (size_t i = 0; i < h->n_cpu_features; i++)
		json_array_append_new(features, json_text(h->cpu_features[i]));
	json_object_set_new(j, "cpu_features", features);
	for (size_t i = 0; i < h->n_fpu_components; i++)
		json_array_append_new(fpu, json_string(word(&psnap__fpu_component_kind__descriptor,
		    (int)h->fpu_components[i], w)));
	json_object_set_new(j, "fpu", fpu);
	return j;
}

/* ---- from JSON ---- */

/* Value of an enumeration by its word, or -1. */
static int
value_of(const ProtobufCEnumDescriptor *e, const char *text)
{
	char w[64];

	for (unsigned i = 0; i < e->n_values; i++)
		if (strcmp(word(e, e->values[i].value, w), text) == 0)
			return e->values[i].value;
	return -1;
}

/* A member that is one of the enumeration's words; one that is absent leaves *out. */
static bool
take_word(const char *file, const json_t *j, const char *key, const ProtobufCEnumDescriptor *e, int *out)
{
	const json_t *m = json_object_get(j, key);

	if (m == NULL)
		return true;
	if (json_is_string(m) && (*out = value_of(e, json_string_value(m))) >= 0)
		return true;
	report("%s: %s is not known here", file, key);
	return false;
}

/* A member that is text; one that is absent leaves *out. */
static bool
take_text(const char *file, const json_t *j, const char *key, char **out)
{
	const json_t *m = json_object_get(j, key);
	char *copy;

	if (m == NULL)
		return true;
	if (!json_is_string(m)) {
		report("%s: %s is not a string", file, key);
		return false;
	}
	if ((copy = strdup(json_string_value(m))) == NULL) {
		report("out of memory");
		return false;
	}
	*out = copy;
	return true;
}

/* A member that is a list of strings and must be there; NULL: a message was printed. */
static const json_t *
get_list(const char *file, const json_t *j, const char *key)
{
	const json_t *list = json_object_get(j, key), *m;
	size_t i;

	if (!json_is_array(list)) {
		report("%s: %s is not a list of names", file, key);
		return NULL;
	}
	json_array_foreach(list, i, m)
		if (!json_is_string(m)) {
			report("%s: %s is not a list of names", file, key);
			return NULL;
		}
	return list;
}

static bool
take_features(const char *file, const json_t *j, Psnap__Host *h)
{
	const json_t *list = get_list(file, j, "cpu_features"), *m;
	size_t i;

	if (list == NULL)
		return false;
	h->cpu_features = calloc(json_array_size(list) + 1, sizeof *h->cpu_features);
	json_array_foreach(list, i, m) {
		if (h->cpu_features == NULL ||
		    (h->cpu_features[i] = strdup(json_string_value(m))) == NULL) {
			report("out of memory");
			return false;
		}
		h->n_cpu_features++;
	}
	return true;
}

static bool
take_fpu(const char *file, const json_t *j, Psnap__Host *h)
{
	const json_t *list = get_list(file, j, "fpu"), *m;
	size_t i;

	if (list == NULL)
		return false;
	if ((h->fpu_components = calloc(json_array_size(list) + 1, sizeof *h->fpu_components)) == NULL) {
		report("out of memory");
		return false;
	}
	json_array_foreach(list, i, m) {
		int v = value_of(&psnap__fpu_component_kind__descriptor, json_string_value(m));

		if (v <= 0) {
			report("%s: fpu has a part that is not known here", file);
			return false;
		}
		h->fpu_components[h->n_fpu_components++] = (Psnap__FpuComponentKind)v;
	}
	return true;
}

static Psnap__Host *
from_json(const char *file, const json_t *j)
{
	Psnap__Host *h = malloc(sizeof *h);
	int os = 0, abi = 0;

	if (h == NULL) {
		report("out of memory");
		return NULL;
	}
	psnap__host__init(h);
	if (take_word(file, j, "os", &psnap__os__descriptor, &os) &&
	    take_word(file, j, "kernel_abi", &psnap__abi__descriptor, &abi) &&
	    take_text(file, j, "kernel", &h->kernel_release) &&
	    take_text(file, j, "cpu_vendor", &h->cpu_vendor) &&
	    take_text(file, j, "cpu_model", &h->cpu_model) &&
	    take_features(file, j, h) && take_fpu(file, j, h)) {
		h->os = (Psnap__Os)os;
		h->kernel_abi = (Psnap__Abi)abi;
		return h;
	}
	psnap__host__free_unpacked(h, NULL);
	return NULL;
}

/* ---- from a file ---- */

static Psnap__Host *
host_read(const char *file)
{
	FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
	char *text = malloc(FILE_MAX);
	Psnap__Host *h = NULL;
	json_t *j = NULL;
	json_error_t e;
	size_t n;

	if (f == NULL || text == NULL) {
		report("%s: %s", file, strerror(errno));
		goto out;
	}
	n = fread(text, 1, FILE_MAX, f);
	if (ferror(f))
		report("%s: %s", file, strerror(errno));
	else if (n == FILE_MAX)
		report("%s: too long for a description of a host", file);
	else if ((j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e)) == NULL)
		report("%s: line %d: not a description of a host: %s", file, e.line, e.text);
	else if (!json_is_object(j))
		report("%s: not a description of a host", file);
	else
		h = from_json(file, j);
out:
	json_decref(j);
	free(text);
	if (f != NULL && f != stdin)
		fclose(f);
	return h;
}

Psnap__Host *
host_open(const char *name)
{
	struct snap_error err;
	Psnap__Host *h;
	int r = snap_host_describe(&h, name, &err);

	if (r == SNAP_E_NOT_FOUND)
		return host_read(name);
	if (r != 0)
		report("%s", err.msg);
	return h;
}
