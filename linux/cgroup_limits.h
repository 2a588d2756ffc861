/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What limits a cgroup, and how cgroups of version 1 and 2 tell and take it.
 */
#ifndef LINUX_CGROUP_LIMITS_H
#define LINUX_CGROUP_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_RANGES_MAX	1024
#define CGROUP_TEXT_MAX		4096

/* In the words of the format: Resource, and values of its unit. */
struct cgroup_limit {
	uint32_t	resource;
	uint64_t	value, period_ns;
	struct cgroup_range { uint32_t first, last; } numbers[CGROUP_RANGES_MAX];
	size_t		nnumbers;
};

/* A resource, and what it is called in either version. */
struct cgroup_resource;

/* Ascending by resource; NULL past the last. */
const struct cgroup_resource *cgroup_resource_at(size_t n);
const struct cgroup_resource *cgroup_resource_find(uint32_t resource);

/* Which it is, its controller ("" for what every cgroup has), and whether a cgroup of that version can limit it. */
uint32_t cgroup_resource_number(const struct cgroup_resource *x);
const char *cgroup_resource_controller(const struct cgroup_resource *x);
bool	cgroup_resource_is_in(const struct cgroup_resource *x, bool v2);

/* What limits a cgroup: 1, 0 nothing does or this kernel knows no such limit, or -errno. */
int	cgroup_limit_read(const struct cgroup_resource *x, bool v2, int folder, struct cgroup_limit *l);

/* What has to be written so that it does. */
struct cgroup_writing {
	const char	*file;
	char		text[CGROUP_TEXT_MAX];
};
#define CGROUP_WRITINGS_MAX	2

/*
 * In this order; how many, 0 if it cannot be said.  memory: bytes of
 * RESOURCE_MEMORY that limit the same cgroup, NULL if that does not: version 1
 * takes memory and swap together.
 */
size_t	cgroup_limit_write(bool v2, const struct cgroup_limit *l, const uint64_t *memory,
	    struct cgroup_writing w[CGROUP_WRITINGS_MAX]);

#endif
