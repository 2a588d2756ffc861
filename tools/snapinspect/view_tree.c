/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "tools/snapinspect/view.h"

static json_t *
thread_json(const Psnap__Thread *t)
{
	return json_pack("{s:i, s:o}", "tid", (int)t->tid, "comm", json_text(t->comm));
}

/* Depth by walking up; a circle ends at the number of processes. */
static json_int_t
depth(struct snap *s, const Psnap__Process *p, size_t limit)
{
	json_int_t n = 0;

	while (p->parent_id != 0 && (size_t)n < limit && (p = get_process(s, p->parent_id)) != NULL)
		n++;
	return n;
}

static json_t *
process_json(struct snap *s, const struct options *o, const struct snap_object *obj, size_t limit)
{
	const Psnap__Process *p = (const void *)obj->message;
	const Psnap__ProcessGroup *g = snap_get_message(s, p->process_group_id, PSNAP_KIND_PROCESS_GROUP);
	const Psnap__Session *ses = snap_get_message(s, p->session_id, PSNAP_KIND_SESSION);
	const Psnap__Process *parent = get_process(s, p->parent_id);
	json_t *j = json_object(), *threads = json_array(), *line = command_line(s, p, false);
	char w[64];

	json_object_set_new(j, "pid", json_integer(p->pid));
	json_object_set_new(j, "ppid", json_integer(parent != NULL ? parent->pid : p->ppid));
	json_object_set_new(j, "pgid", json_integer(g != NULL ? g->pgid : 0));
	json_object_set_new(j, "sid", json_integer(ses != NULL ? ses->sid : 0));
	json_object_set_new(j, "depth", json_integer(depth(s, p, limit)));
	json_object_set_new(j, "state",
	    json_string(word(&psnap__process_state__descriptor, (int)p->state, w)));
	if (p->state == PSNAP__PROCESS_STATE__PROCESS_ZOMBIE)
		json_object_set_new(j, "exit_code", json_integer(p->exit_code));
	else
		json_object_set_new(j, "abi", json_string(word(&psnap__abi__descriptor, (int)p->abi, w)));
	json_object_set_new(j, "comm", json_text(p->comm));
	json_object_set_new(j, "command_line", line != NULL ? line : json_null());
	for (size_t i = 0; i < p->n_thread_ids; i++) {
		const Psnap__Thread *t = snap_get_message(s, p->thread_ids[i], PSNAP_KIND_THREAD);

		if (t != NULL)
			json_array_append_new(threads, thread_json(t));
	}
	json_object_set_new(j, "threads", threads);
	if (o->env) {
		json_t *env = command_line(s, p, true);

		json_object_set_new(j, "environment", env != NULL ? env : json_null());
	}
	return j;
}

/*
 * Depth-first order without recursion: Instance lists parents before
 * children; each process is put behind the last one of its parent's subtree.
 */
json_t *
tree_make(struct snap *s, const struct options *o, int *status)
{
	size_t n, used = 0;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	const struct snap_object **order = calloc(n + 1, sizeof *order);
	size_t *stack = calloc(n + 1, sizeof *stack), top = 0;
	bool *done = calloc(n + 1, sizeof *done);
	json_t *list = json_array();

	(void)status;
	if (order == NULL || stack == NULL || done == NULL)
		goto out;
	/* roots first; then always the next child of the deepest open process */
	for (size_t root = 0; root < n; root++) {
		/* a revision this library does not know has no message */
		if (v[root]->message == NULL)
			done[root] = true;
		if (done[root] || get_process(s, ((const Psnap__Process *)(const void *)v[root]->message)->parent_id) != NULL)
			continue;
		done[root] = true;
		order[used++] = v[root];
		stack[top++] = root;
		while (top > 0) {
			size_t nchildren, k;
			const struct snap_object *const *c = snap_get_children(s, v[stack[top - 1]]->id,
			    PSNAP_KIND_PROCESS, &nchildren);

			for (k = 0; k < nchildren; k++) {
				size_t at = 0;

				/* objects of a kind are one array in file order: find the place */
				for (size_t lo = 0, hi = n; lo < hi; at = lo) {
					size_t mid = lo + (hi - lo) / 2;

					if (v[mid] < c[k])
						lo = mid + 1;
					else
						hi = mid;
				}
				if (at < n && v[at] == c[k] && !done[at]) {
					done[at] = true;
					order[used++] = c[k];
					stack[top++] = at;
					break;
				}
			}
			if (k == nchildren)
				top--;
		}
	}
	/* what a circle of parents kept out */
	for (size_t i = 0; i < n; i++)
		if (!done[i])
			order[used++] = v[i];
	for (size_t i = 0; i < used; i++)
		if (wanted(o, (const void *)order[i]->message))
			json_array_append_new(list, process_json(s, o, order[i], n));
out:
	free(order);
	free(stack);
	free(done);
	return list;
}

static void
print_line(const json_t *j)
{
	const json_t *line = json_object_get(j, "command_line");

	if (json_is_array(line))
		for (size_t i = 0; i < json_array_size(line); i++)
			printf(" %s", json_string_value(json_array_get(line, i)));
	else
		printf(" [%s]", str(j, "comm"));
}

static void
print_threads(const json_t *j, int indent)
{
	const json_t *threads = json_object_get(j, "threads"), *t;
	size_t i;

	if (json_array_size(threads) < 2)
		return;
	json_array_foreach(threads, i, t)
		if (i > 0)
			printf("%*s  thread %lld %s\n", indent, "", (long long)num(t, "tid"), str(t, "comm"));
}

void
tree_print(const json_t *list)
{
	const json_t *j, *env, *line;
	size_t i, k;

	json_array_foreach(list, i, j) {
		int indent = (int)(2 * (num(j, "depth") < 40 ? num(j, "depth") : 40));

		printf("%*s%lld", indent, "", (long long)num(j, "pid"));
		if (strcmp(str(j, "state"), "alive") != 0)
			printf(" (%s)", str(j, "state"));
		if (strcmp(str(j, "abi"), "i386") == 0)
			printf(" (i386)");
		print_line(j);
		putchar('\n');
		print_threads(j, indent);
		env = json_object_get(j, "environment");
		json_array_foreach(env, k, line)
			printf("%*s  %s\n", indent, "", json_string_value(line));
	}
}
