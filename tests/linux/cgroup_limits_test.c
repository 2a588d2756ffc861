/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/cgroup_limits.h and cgroup_mounts.h: what files of cgroups hold, in the
 * words of the format, and back, on files that are none of a kernel's.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/psnap_fields.h"
#include "linux/cgroup_limits.h"
#include "linux/cgroup_mounts.h"
#include "linux/words.h"

/* The folder of a cgroup that has this file, with that in it. */
static int
folder_with(const char *file, const char *text)
{
	int folder, fd;

	mkdir("cgroup", 0755);
	folder = open("cgroup", O_PATH | O_DIRECTORY);
	fd = openat(folder, file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ATF_REQUIRE(folder >= 0 && fd >= 0);
	ATF_REQUIRE_EQ((ssize_t)strlen(text), write(fd, text, strlen(text)));
	close(fd);
	return folder;
}

static struct cgroup_limit limit;

/* What the file says, or 0: no limit. */
static int
say(uint32_t resource, bool v2, const char *file, const char *text)
{
	int folder = folder_with(file, text);
	int n = cgroup_limit_read(cgroup_resource_find(resource), v2, folder, &limit);

	close(folder);
	return n;
}

static struct cgroup_writing writings[CGROUP_WRITINGS_MAX];

/* The only text that sets what was read last. */
static const char *
written(bool v2, const char *file)
{
	ATF_REQUIRE_EQ(1, cgroup_limit_write(v2, &limit, NULL, writings));
	ATF_CHECK_STREQ(file, writings[0].file);
	return writings[0].text;
}

ATF_TC_WITHOUT_HEAD(bytes_are_told_by_both_versions);
ATF_TC_BODY(bytes_are_told_by_both_versions, tc)
{
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_MEMORY, true, "memory.max", "max\n"));
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_MEMORY, false, "memory.limit_in_bytes", "9223372036854771712\n"));
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_MEMORY, false, "memory.limit_in_bytes", "8796093018112\n"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_MEMORY, false, "memory.limit_in_bytes", "67108864\n"));
	ATF_CHECK_EQ(67108864, limit.value);
	ATF_CHECK_STREQ("67108864", written(true, "memory.max"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_MEMORY, true, "memory.max", "0\n"));
	ATF_CHECK_EQ(0, limit.value);
	/* everything is kept, or nothing */
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_MEMORY_MIN, true, "memory.min", "0\n"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_MEMORY_MIN, true, "memory.min", "max\n"));
	ATF_CHECK_EQ(UINT64_MAX, limit.value);
	ATF_CHECK_EQ(0, cgroup_limit_write(false, &limit, NULL, writings));
	/* of a kernel that has no such file */
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_PROCESSES, true, "memory.min", "max\n"));
}

ATF_TC_WITHOUT_HEAD(swap_is_counted_without_memory);
ATF_TC_BODY(swap_is_counted_without_memory, tc)
{
	uint64_t memory = 64, most = INT64_MAX;

	close(folder_with("memory.limit_in_bytes", "64\n"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_SWAP, false, "memory.memsw.limit_in_bytes", "96\n"));
	ATF_CHECK_EQ(32, limit.value);
	ATF_CHECK_STREQ("32", written(true, "memory.swap.max"));
	ATF_CHECK_EQ(1, cgroup_limit_write(false, &limit, &memory, writings));
	ATF_CHECK_STREQ("memory.memsw.limit_in_bytes", writings[0].file);
	ATF_CHECK_STREQ("96", writings[0].text);
	/* version 1 cannot limit it alone, nor beyond what is a number to it */
	ATF_CHECK_EQ(0, cgroup_limit_write(false, &limit, NULL, writings));
	ATF_CHECK_EQ(0, cgroup_limit_write(false, &limit, &most, writings));
	most = UINT64_MAX;
	ATF_CHECK_EQ(0, cgroup_limit_write(false, &limit, &most, writings));
}

ATF_TC_WITHOUT_HEAD(cpu_time_is_in_nanoseconds);
ATF_TC_BODY(cpu_time_is_in_nanoseconds, tc)
{
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_CPU_TIME, true, "cpu.max", "max 100000\n"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_CPU_TIME, true, "cpu.max", "50000 100000\n"));
	ATF_CHECK_EQ(50000000, limit.value);
	ATF_CHECK_EQ(100000000, limit.period_ns);
	ATF_CHECK_STREQ("50000 100000", written(true, "cpu.max"));
	/* the period first: a quota is compared with it */
	ATF_CHECK_EQ(2, cgroup_limit_write(false, &limit, NULL, writings));
	ATF_CHECK_STREQ("cpu.cfs_period_us", writings[0].file);
	ATF_CHECK_STREQ("100000", writings[0].text);
	ATF_CHECK_STREQ("cpu.cfs_quota_us", writings[1].file);
	ATF_CHECK_STREQ("50000", writings[1].text);
	close(folder_with("cpu.cfs_period_us", "100000\n"));
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_CPU_TIME, false, "cpu.cfs_quota_us", "-1\n"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_CPU_TIME, false, "cpu.cfs_quota_us", "200000\n"));
	ATF_CHECK_STREQ("200000 100000", written(true, "cpu.max"));
}

/* A weight of a version comes back as itself. */
static void
weights_come_back(bool v2, const char *file, unsigned least, unsigned most, unsigned usual)
{
	char text[16];

	for (unsigned w = least; w <= most; w += 1 + w / 64) {
		snprintf(text, sizeof text, "%u", w);
		ATF_REQUIRE_EQ_MSG(w != usual, say(PSNAP_RESOURCE_CPU_WEIGHT, v2, file, text), "%u", w);
		if (w != usual)
			ATF_REQUIRE_STREQ(text, written(v2, file));
	}
}

ATF_TC_WITHOUT_HEAD(weights_are_shares_of_the_usual_one);
ATF_TC_BODY(weights_are_shares_of_the_usual_one, tc)
{
	weights_come_back(true, "cpu.weight", 1, 10000, 100);
	weights_come_back(false, "cpu.shares", 2, 262144, 1024);
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_CPU_WEIGHT, false, "cpu.shares", "512\n"));
	ATF_CHECK_EQ(500000, limit.value);
	ATF_CHECK_STREQ("50", written(true, "cpu.weight"));
	/* the nearest there is */
	limit.value = 1;
	ATF_CHECK_STREQ("1", written(true, "cpu.weight"));
	limit.value = UINT64_MAX;
	ATF_CHECK_STREQ("262144", written(false, "cpu.shares"));
}

ATF_TC_WITHOUT_HEAD(sets_are_ranges);
ATF_TC_BODY(sets_are_ranges, tc)
{
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_CPUS, true, "cpuset.cpus", "\n"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_CPUS, true, "cpuset.cpus", "0-2,7,9-10\n"));
	ATF_REQUIRE_EQ(3, limit.nnumbers);
	ATF_CHECK(limit.numbers[0].first == 0 && limit.numbers[0].last == 2);
	ATF_CHECK(limit.numbers[1].first == 7 && limit.numbers[1].last == 7);
	ATF_CHECK_STREQ("0-2,7-7,9-10", written(false, "cpuset.cpus"));
	/* of version 1: no limit if it is that of the one above */
	mkdir("cgroup", 0755);
	close(folder_with("../cpuset.cpus", "0-3\n"));
	ATF_CHECK_EQ(0, say(PSNAP_RESOURCE_CPUS, false, "cpuset.cpus", "0-3\n"));
	ATF_CHECK_EQ(1, say(PSNAP_RESOURCE_CPUS, false, "cpuset.cpus", "0\n"));
	/* more than can be written */
	limit.nnumbers = CGROUP_RANGES_MAX;
	for (uint32_t i = 0; i < CGROUP_RANGES_MAX; i++)
		limit.numbers[i] = (struct cgroup_range){ 60000 + i, 60000 + i };
	ATF_CHECK_EQ(0, cgroup_limit_write(true, &limit, NULL, writings));
}

ATF_TC_WITHOUT_HEAD(paths_are_compared_by_their_names);
ATF_TC_BODY(paths_are_compared_by_their_names, tc)
{
	ATF_CHECK(cgroup_is_within("/a/b", "/a"));
	ATF_CHECK(cgroup_is_within("/a", "/a"));
	ATF_CHECK(cgroup_is_within("/a", "/"));
	ATF_CHECK(cgroup_is_within("/", "/"));
	ATF_CHECK(!cgroup_is_within("/ab", "/a"));
	ATF_CHECK(!cgroup_is_within("/", "/a"));
	ATF_CHECK(words_have("rw,cpu,cpuacct", "cpu"));
	ATF_CHECK(words_have("cpuset cpu io\n", "io"));
	ATF_CHECK(!words_have("rw,cpuacct", "cpu"));
	ATF_CHECK(!words_have("", ""));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, bytes_are_told_by_both_versions);
	ATF_TP_ADD_TC(tp, swap_is_counted_without_memory);
	ATF_TP_ADD_TC(tp, cpu_time_is_in_nanoseconds);
	ATF_TP_ADD_TC(tp, weights_are_shares_of_the_usual_one);
	ATF_TP_ADD_TC(tp, sets_are_ranges);
	ATF_TP_ADD_TC(tp, paths_are_compared_by_their_names);
	return atf_no_error();
}
