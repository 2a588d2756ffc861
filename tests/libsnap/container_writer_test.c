/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a writer refuses, fails and leaves no trace.
 */
#define _GNU_SOURCE	/* O_TMPFILE, usleep */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/libsnap/container_util.h"

static struct snap_writer *
new_writer(const char *path)
{
	struct snap_writer *w;
	struct snap_error err;

	OK(snap_writer_create(&w, path, NULL, &err), &err);
	return w;
}

/* Names in a folder, hidden ones too. */
static unsigned
count_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	ATF_REQUIRE(d != NULL);
	while ((e = readdir(d)) != NULL)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

/* ---- misuse ---- */

static void
records_misused(const uint8_t *bytes, size_t n)
{
	struct snap_writer *w = new_writer("misuse.psnap");
	struct snap_error err;

	ATF_CHECK_EQ(snap_writer_records(w, bytes, n, &err), SNAP_E_MISUSE);
	ATF_CHECK_EQ(err.code, SNAP_E_MISUSE);
	/* and nothing but free is of use then */
	ATF_CHECK_EQ(snap_writer_zero(w, 1, 0, 1, &err), SNAP_E_MISUSE);
	ATF_CHECK_EQ(snap_writer_finish(w, NULL, &err), SNAP_E_MISUSE);
	snap_writer_free(w);
	ATF_CHECK(access("misuse.psnap", F_OK) != 0);
}

ATF_TC_WITHOUT_HEAD(records_that_are_not_whole_are_refused);
ATF_TC_BODY(records_that_are_not_whole_are_refused, tc)
{
	struct bytes b = make_record(1, 2, 100);

	for (size_t n = 1; n < b.n; n++)
		records_misused(b.p, n);
	psnap_put32(b.p + PSNAP_REC_OFF_LEN, PSNAP_MAX_RECORD + 1);
	records_misused(b.p, b.n);
	free(b.p);
	b = make_record(0, 2, 3);
	records_misused(b.p, b.n);
	free(b.p);
	b = make_record(1, 2, 3);
	b.p[PSNAP_REC_OFF_CRITICAL] = 3;
	records_misused(b.p, b.n);
	free(b.p);
}

ATF_TC_WITHOUT_HEAD(an_id_used_twice_is_refused_at_once);
ATF_TC_BODY(an_id_used_twice_is_refused_at_once, tc)
{
	struct snap_writer *w = new_writer("id.psnap");
	struct bytes b = make_record(77, 2, 3);
	struct snap_error err;

	for (uint64_t id = 1; id < 2000; id++)
		write_record(w, id << 20, 2, 0);
	OK(snap_writer_records(w, b.p, b.n, &err), &err);
	ATF_CHECK_EQ(snap_writer_records(w, b.p, b.n, &err), SNAP_E_MISUSE);
	ATF_CHECK_STREQ(err.rule, "REC-6");
	ATF_CHECK_EQ(err.record, 77);
	free(b.p);
	snap_writer_free(w);
}

ATF_TC_WITHOUT_HEAD(a_page_given_twice_is_refused_at_the_end);
ATF_TC_BODY(a_page_given_twice_is_refused_at_the_end, tc)
{
	/* the same page, the end of a run, a zero run over a stored page */
	static const struct { uint64_t first, count; bool zero; } second[] = {
		{ 10, 1, false }, { 13, 2, false }, { 5, 6, true }, { 0, 100, true },
	};

	for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
		struct snap_writer *w = new_writer("page.psnap");
		struct snap_error err;

		write_pages(w, 3, 10, 4, PAGE);
		write_pages(w, 4, 10, 4, PAGE);
		if (second[i].zero)
			OK(snap_writer_zero(w, 3, second[i].first, second[i].count, &err), &err);
		else
			write_pages(w, 3, second[i].first, second[i].count, PAGE);
		ATF_CHECK_EQ(snap_writer_finish(w, NULL, &err), SNAP_E_MISUSE);
		ATF_CHECK_STREQ(err.rule, "RUN-6");
		ATF_CHECK_EQ(err.record, 3);
		snap_writer_free(w);
		ATF_CHECK(access("page.psnap", F_OK) != 0);
	}
}

ATF_TC_WITHOUT_HEAD(pages_without_owner_or_beyond_memory_are_refused);
ATF_TC_BODY(pages_without_owner_or_beyond_memory_are_refused, tc)
{
	static const struct { uint64_t owner, first, count; } bad[] = {
		{ 0, 0, 1 }, { 1, UINT64_MAX >> 12, 1 }, { 1, 0, UINT64_MAX }, { 1, UINT64_MAX, 2 },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct snap_writer *w = new_writer("bad.psnap");
		struct snap_error err;

		ATF_CHECK_EQ(snap_writer_zero(w, bad[i].owner, bad[i].first, bad[i].count, &err),
		    SNAP_E_MISUSE);
		snap_writer_free(w);
	}
}

ATF_TC_WITHOUT_HEAD(options_out_of_range_are_refused);
ATF_TC_BODY(options_out_of_range_are_refused, tc)
{
	static const struct snap_writer_options bad[] = {
		{ .codec = (enum psnap_codec)2 }, { .level = 20 }, { .level = -8 }, { .block_pages = 4097 },
		{ .block_pages = 1024, .page_shift = 16 }, { .page_shift = 11 }, { .page_shift = 17 },
		{ .threads = 65 }, { .reserved = { 0, 0, 1 } },
	};
	struct snap_error err;
	struct snap_writer *w;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		w = (struct snap_writer *)&err;
		ATF_CHECK_EQ(snap_writer_create(&w, "o.psnap", &bad[i], &err), SNAP_E_MISUSE);
		ATF_CHECK(w == NULL);
	}
}

/* ---- failing ---- */

ATF_TC_WITHOUT_HEAD(a_full_disk_is_an_io_error);
ATF_TC_BODY(a_full_disk_is_an_io_error, tc)
{
	struct snap_writer *w = NULL;
	struct snap_error err;
	int fd = open("/dev/full", O_WRONLY);

	if (fd < 0)
		atf_tc_skip("no /dev/full here");
	ATF_CHECK_EQ(snap_writer_open_fd(&w, fd, NULL, &err), SNAP_E_IO);
	ATF_CHECK_EQ(err.os_errno, ENOSPC);
	ATF_CHECK(w == NULL);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(a_file_that_cannot_grow_leaves_nothing);
ATF_TC_BODY(a_file_that_cannot_grow_leaves_nothing, tc)
{
	struct rlimit limit;
	uint8_t old = 'x';
	FILE *f;

	signal(SIGXFSZ, SIG_IGN);
	ATF_REQUIRE_EQ(mkdir("d", 0700), 0);
	ATF_REQUIRE((f = fopen("d/out.psnap", "w")) != NULL);
	fputc(old, f);
	fclose(f);
	ATF_REQUIRE_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
	/* at the first block, among the blocks, in the index */
	for (unsigned size = 100; size < 60000; size += 3777) {
		struct snap_writer *w = new_writer("d/out.psnap");
		struct snap_error err = { .code = SNAP_OK };
		uint8_t page[PAGE];
		int r = 0;

		limit.rlim_cur = size;
		ATF_REQUIRE_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
		for (uint64_t i = 0; i < 64 && r == 0; i++) {
			make_page(page, 1, i, PAGE);
			memset(page, (int)i + 1, 64);
			r = snap_writer_pages(w, 1, 2 * i, page, 1, &err);
		}
		if (r == 0)
			r = snap_writer_finish(w, NULL, &err);
		ATF_CHECK_EQ(r, SNAP_E_IO);
		ATF_CHECK_EQ(err.os_errno, EFBIG);
		ATF_CHECK(err.offset <= size);
		snap_writer_free(w);
		limit.rlim_cur = limit.rlim_max;
		ATF_REQUIRE_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
		ATF_CHECK_EQ(count_files("d"), 1);
	}
	ATF_REQUIRE((f = fopen("d/out.psnap", "r")) != NULL);
	ATF_CHECK_EQ(fgetc(f), old);
	fclose(f);
}

ATF_TC_WITHOUT_HEAD(a_reader_that_goes_away_is_an_io_error);
ATF_TC_BODY(a_reader_that_goes_away_is_an_io_error, tc)
{
	struct snap_writer *w;
	struct snap_error err;
	int fds[2], r = 0;

	signal(SIGPIPE, SIG_IGN);
	ATF_REQUIRE_EQ(pipe(fds), 0);
	OK(snap_writer_open_fd(&w, fds[1], NULL, &err), &err);
	close(fds[0]);
	write_record(w, 1, 2, 3);
	r = snap_writer_finish(w, NULL, &err);
	ATF_CHECK_EQ(r, SNAP_E_IO);
	ATF_CHECK_EQ(err.os_errno, EPIPE);
	snap_writer_free(w);
	close(fds[1]);
}

/* ---- appearing ---- */

ATF_TC_WITHOUT_HEAD(a_file_appears_whole_and_private_at_the_end);
ATF_TC_BODY(a_file_appears_whole_and_private_at_the_end, tc)
{
	struct snap_writer *w;
	struct snap_error err;
	struct stat st;

	ATF_REQUIRE_EQ(mkdir("d", 0700), 0);
	for (int round = 0; round < 2; round++) {	/* new, then replacing */
		w = new_writer("d/f.psnap");
		write_pages(w, 1, 0, 200 + (size_t)round, PAGE);
		ATF_CHECK_EQ(access("d/f.psnap", F_OK) == 0, round == 1);
		OK(snap_writer_finish(w, NULL, &err), &err);
		snap_writer_free(w);
		ATF_REQUIRE_EQ(stat("d/f.psnap", &st), 0);
		ATF_CHECK_EQ(st.st_mode & 07777, 0600);
		ATF_CHECK_EQ(count_files("d"), 1);
	}
}

ATF_TC_WITHOUT_HEAD(an_abandoned_file_never_was);
ATF_TC_BODY(an_abandoned_file_never_was, tc)
{
	struct snap_writer *w;

	ATF_REQUIRE_EQ(mkdir("d", 0700), 0);
	w = new_writer("d/f.psnap");
	write_pages(w, 1, 0, 200, PAGE);
	snap_writer_free(w);
	ATF_CHECK_EQ(count_files("d"), 0);
}

ATF_TC_WITHOUT_HEAD(a_killed_writer_leaves_nothing);
ATF_TC_BODY(a_killed_writer_leaves_nothing, tc)
{
	int fd;

	ATF_REQUIRE_EQ(mkdir("d", 0700), 0);
	if ((fd = open("d", O_WRONLY | O_TMPFILE, 0600)) < 0)
		atf_tc_skip("no unnamed files on this file system");
	close(fd);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();
		int status;

		ATF_REQUIRE(pid >= 0);
		if (pid == 0) {
			struct snap_writer *w;

			if (snap_writer_create(&w, "d/f.psnap", NULL, NULL) != 0)
				_exit(1);
			for (uint64_t i = 0;; i++) {
				uint8_t page[PAGE];

				make_page(page, 1, i, PAGE);
				if (snap_writer_pages(w, 1, i, page, 1, NULL) != 0)
					_exit(1);
			}
		}
		usleep((useconds_t)(2000 * round));
		kill(pid, SIGKILL);
		ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		ATF_REQUIRE(WIFSIGNALED(status));
		ATF_CHECK_EQ(count_files("d"), 0);
	}
}

ATF_TC_WITHOUT_HEAD(a_path_that_cannot_be_replaced_is_refused);
ATF_TC_BODY(a_path_that_cannot_be_replaced_is_refused, tc)
{
	struct snap_writer *w;
	struct snap_error err;

	ATF_CHECK_EQ(snap_writer_create(&w, "/dev/null", NULL, &err), SNAP_E_REFUSED);
	ATF_CHECK(w == NULL);
	ATF_CHECK_EQ(snap_writer_create(&w, ".", NULL, &err), SNAP_E_IO);
	ATF_CHECK_EQ(err.os_errno, EISDIR);
	ATF_CHECK_EQ(snap_writer_create(&w, "no-such/f.psnap", NULL, &err), SNAP_E_IO);
	ATF_CHECK_EQ(err.os_errno, ENOENT);
	ATF_CHECK_EQ(snap_writer_create(&w, "", NULL, &err), SNAP_E_IO);
}

ATF_TC_WITHOUT_HEAD(a_change_of_folder_meanwhile_does_not_matter);
ATF_TC_BODY(a_change_of_folder_meanwhile_does_not_matter, tc)
{
	struct snap_writer *w = new_writer("f.psnap");
	struct snap_error err;

	ATF_REQUIRE_EQ(mkdir("d", 0700), 0);
	ATF_REQUIRE_EQ(chdir("d"), 0);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);
	ATF_CHECK_EQ(access("../f.psnap", F_OK), 0);
	ATF_CHECK_EQ(chdir(".."), 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, records_that_are_not_whole_are_refused);
	ATF_TP_ADD_TC(tp, an_id_used_twice_is_refused_at_once);
	ATF_TP_ADD_TC(tp, a_page_given_twice_is_refused_at_the_end);
	ATF_TP_ADD_TC(tp, pages_without_owner_or_beyond_memory_are_refused);
	ATF_TP_ADD_TC(tp, options_out_of_range_are_refused);
	ATF_TP_ADD_TC(tp, a_full_disk_is_an_io_error);
	ATF_TP_ADD_TC(tp, a_file_that_cannot_grow_leaves_nothing);
	ATF_TP_ADD_TC(tp, a_reader_that_goes_away_is_an_io_error);
	ATF_TP_ADD_TC(tp, a_file_appears_whole_and_private_at_the_end);
	ATF_TP_ADD_TC(tp, an_abandoned_file_never_was);
	ATF_TP_ADD_TC(tp, a_killed_writer_leaves_nothing);
	ATF_TP_ADD_TC(tp, a_path_that_cannot_be_replaced_is_refused);
	ATF_TP_ADD_TC(tp, a_change_of_folder_meanwhile_does_not_matter);
	return atf_no_error();
}
