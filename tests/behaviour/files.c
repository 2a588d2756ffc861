/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files: what they are on, their position and flags, locks and owners. */
#include <dirent.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

static int fd, fd2, fd3;
static char buf[4096];

static void
expect_text(int from, const char *want)
{
	ssize_t n = read(from, buf, sizeof buf - 1);

	EXPECT(n >= 0);
	buf[n] = '\0';
	EXPECT(strcmp(buf, want) == 0);
}

static void
position_setup(void)
{
	fd = new_file("position", "0123456789");
	lseek(fd, 4, SEEK_SET);
}

static void
position_check(void)
{
	expect_text(fd, "456789");
}

static void
read_only_setup(void)
{
	close(new_file("read_only", "abc"));
	fd = open("read_only", O_RDONLY);
}

static void
read_only_check(void)
{
	EXPECT(write(fd, "x", 1) == -1 && errno == EBADF);
	expect_text(fd, "abc");
}

static void
write_only_setup(void)
{
	close(new_file("write_only", ""));
	fd = open("write_only", O_WRONLY);
}

static void
write_only_check(void)
{
	EXPECT(read(fd, buf, 1) == -1 && errno == EBADF);
	EXPECT(write(fd, "yes", 3) == 3);
	fd = open("write_only", O_RDONLY);
	expect_text(fd, "yes");
}

static void
append_setup(void)
{
	close(new_file("append", "one "));
	fd = open("append", O_WRONLY | O_APPEND);
}

static void
append_check(void)
{
	lseek(fd, 0, SEEK_SET);
	EXPECT(write(fd, "two", 3) == 3);
	fd = open("append", O_RDONLY);
	expect_text(fd, "one two");
}

static void
flags_setup(void)
{
	close(new_file("flags", ""));
	fd = open("flags", O_RDWR | O_NONBLOCK | O_SYNC | O_NOATIME);
}

static void
flags_check(void)
{
	EQUAL(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_SYNC | O_NOATIME),
	    O_RDWR | O_NONBLOCK | O_SYNC | O_NOATIME);
}

static void
dup_setup(void)
{
	fd = new_file("dup", "0123456789");
	fd2 = dup(fd);
	lseek(fd, 2, SEEK_SET);
}

static void
dup_check(void)
{
	EQUAL(lseek(fd2, 0, SEEK_CUR), 2);
	lseek(fd2, 7, SEEK_SET);
	expect_text(fd, "789");
}

static void
twice_setup(void)
{
	fd = new_file("twice", "0123456789");
	fd2 = open("twice", O_RDONLY);
	lseek(fd, 2, SEEK_SET);
	lseek(fd2, 5, SEEK_SET);
}

static void
twice_check(void)
{
	expect_text(fd, "23456789");
	expect_text(fd2, "56789");
}

static void
cloexec_setup(void)
{
	fd = new_file("cloexec", "");
	fd2 = dup(fd);
	fd3 = dup(fd);
	fcntl(fd2, F_SETFD, FD_CLOEXEC);
}

static void
cloexec_check(void)
{
	EQUAL(fcntl(fd, F_GETFD), 0);
	EQUAL(fcntl(fd2, F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(fd3, F_GETFD), 0);
}

static void
sparse_setup(void)
{
	fd = new_file("sparse", "x");
	EXPECT(dup2(fd, 100) == 100 && dup2(fd, 101) == 101 && dup2(fd, 333) == 333);
	fcntl(101, F_SETFD, FD_CLOEXEC);
}

static void
sparse_check(void)
{
	EXPECT(fcntl(99, F_GETFD) == -1 && fcntl(102, F_GETFD) == -1);
	EQUAL(fcntl(100, F_GETFD), 0);
	EQUAL(fcntl(101, F_GETFD), FD_CLOEXEC);
	EQUAL(fcntl(333, F_GETFD), 0);
}

static void
many_setup(void)
{
	fd = new_file("many", "x");
	for (int i = 0; i < 400; i++)
		EXPECT(fcntl(fd, F_DUPFD, 10) >= 0);
}

static void
many_check(void)
{
	int n = 0;
	for (int i = 0; i < 512; i++)
		n += fcntl(i, F_GETFD) >= 0;
	EXPECT(n >= 401);
}

static void
closed_std_setup(void)
{
	close(0);
}

static void
closed_std_check(void)
{
	EQUAL(open("/dev/null", O_RDONLY), 0);
}

static void
deleted_setup(void)
{
	fd = new_file("deleted", "still here");
	unlink("deleted");
	lseek(fd, 0, SEEK_SET);
}

static void
deleted_check(void)
{
	struct stat st;

	EXPECT(access("deleted", F_OK) == -1);
	EXPECT(fstat(fd, &st) == 0);
	EQUAL(st.st_nlink, 0);
	EQUAL(st.st_mode & 07777, 0640);
	expect_text(fd, "still here");
	EXPECT(write(fd, "!", 1) == 1);
}

static void
deleted_shared_setup(void)
{
	fd = new_file("deleted2", "0123456789");
	fd2 = open("deleted2", O_RDONLY);
	unlink("deleted2");
}

static void
deleted_shared_check(void)
{
	EXPECT(pwrite(fd, "XY", 2, 3) == 2);
	expect_text(fd2, "012XY56789");
}

static void
deleted_replaced_setup(void)
{
	fd = new_file("replaced", "old");
	unlink("replaced");
	close(new_file("replaced", "new"));
	lseek(fd, 0, SEEK_SET);
}

static void
deleted_replaced_check(void)
{
	expect_text(fd, "old");
	fd = open("replaced", O_RDONLY);
	expect_text(fd, "new");
}

static void
deleted_large_setup(void)
{
	fd = new_file("large", "");
	unlink("large");
	EXPECT(ftruncate(fd, 5 << 20) == 0);
	for (int i = 0; i < 5; i++)
		EXPECT(pwrite(fd, "mark", 4, (off_t)i << 20) == 4);
}

static void
deleted_large_check(void)
{
	struct stat st;

	EXPECT(fstat(fd, &st) == 0);
	EQUAL(st.st_size, 5 << 20);
	for (int i = 0; i < 5; i++) {
		EXPECT(pread(fd, buf, 5, (off_t)i << 20) == 5);
		EXPECT(memcmp(buf, "mark\0", 5) == 0);
	}
}

static void
tmpfile_setup(void)
{
	EXPECT((fd = open(".", O_TMPFILE | O_RDWR, 0600)) >= 0);
	EXPECT(write(fd, "unnamed", 7) == 7);
	lseek(fd, 0, SEEK_SET);
}

static void
tmpfile_check(void)
{
	expect_text(fd, "unnamed");
}

static void
directory_setup(void)
{
	mkdir("dir", 0755);
	close(new_file("dir/a", ""));
	fd = open("dir", O_RDONLY | O_DIRECTORY);
}

static void
directory_check(void)
{
	EXPECT(faccessat(fd, "a", F_OK, 0) == 0);
}

static DIR *dir;
static int entries;

static void
readdir_setup(void)
{
	mkdir("many_entries", 0755);
	for (int i = 0; i < 2000; i++) {
		sprintf(buf, "many_entries/%d", i);
		fd = open(buf, O_CREAT | O_WRONLY, 0600);
		close(fd);
	}
	EXPECT((dir = opendir("many_entries")) != NULL);
	for (int i = 0; i < 1000; i++, entries++)
		EXPECT(readdir(dir) != NULL);
}

static void
readdir_check(void)
{
	while (readdir(dir) != NULL)
		entries++;
	EQUAL(entries, 2002);
}

static void
cwd_setup(void)
{
	mkdir("work", 0755);
	EXPECT(chdir("work") == 0);
	close(new_file("here", ""));
}

static void
cwd_check(void)
{
	EXPECT(access("here", F_OK) == 0);
}

static void
cwd_deleted_setup(void)
{
	mkdir("gone", 0700);
	EXPECT(chdir("gone") == 0 && rmdir("../gone") == 0);
}

static void
cwd_deleted_check(void)
{
	EXPECT(open("x", O_CREAT | O_WRONLY, 0600) == -1 && errno == ENOENT);
}

static void
umask_setup(void)
{
	umask(027);
}

static void
umask_check(void)
{
	EQUAL(umask(0), 027);
}

static void
path_setup(void)
{
	close(new_file("path", "p"));
	EXPECT((fd = open("path", O_PATH)) >= 0);
}

static void
path_check(void)
{
	EXPECT(read(fd, buf, 1) == -1 && errno == EBADF);
	sprintf(buf, "/proc/self/fd/%d", fd);
	fd = open(buf, O_RDONLY);
	expect_text(fd, "p");
}

static void
devices_setup(void)
{
	fd = open("/dev/zero", O_RDWR);
	fd2 = open("/dev/urandom", O_RDONLY);
	fd3 = open("/dev/full", O_WRONLY);
}

static void
devices_check(void)
{
	EXPECT(read(fd, buf, 8) == 8 && read(fd2, buf, 8) == 8);
	EXPECT(write(fd3, "x", 1) == -1 && errno == ENOSPC);
}

static void
flock_setup(void)
{
	fd = new_file("flock", "");
	EXPECT(flock(fd, LOCK_EX) == 0);
}

static void
flock_check(void)
{
	fd2 = open("flock", O_RDWR);
	EXPECT(flock(fd2, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	EXPECT(flock(fd, LOCK_UN) == 0 && flock(fd2, LOCK_EX | LOCK_NB) == 0);
}

static void
flock_shared_setup(void)
{
	fd = new_file("flock_sh", "");
	EXPECT(flock(fd, LOCK_SH) == 0);
}

static void
flock_shared_check(void)
{
	fd2 = open("flock_sh", O_RDWR);
	EXPECT(flock(fd2, LOCK_EX | LOCK_NB) == -1);
	EXPECT(flock(fd2, LOCK_SH | LOCK_NB) == 0);
}

static void
posix_lock_setup(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20 };
	struct flock rest = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100 };

	fd = new_file("posix_lock", "");
	EXPECT(fcntl(fd, F_SETLK, &l) == 0 && fcntl(fd, F_SETLK, &rest) == 0);
}

/* Another process sees them. */
static void
posix_lock_check(void)
{
	int status;

	if (fork() == 0) {
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 29, .l_len = 1 };
		struct flock rest = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100000, .l_len = 1
		};
		struct flock none = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 30, .l_len = 1 };

		if (fcntl(fd, F_GETLK, &l) != 0 || l.l_type != F_WRLCK || l.l_pid != getppid() ||
		    l.l_start != 10 || fcntl(fd, F_GETLK, &rest) != 0 || rest.l_type != F_RDLCK ||
		    fcntl(fd, F_GETLK, &none) != 0 || none.l_type != F_UNLCK)
			_exit(1);
		_exit(0);
	}
	EXPECT(wait(&status) > 0);
	EQUAL(status, 0);
}

static void
ofd_lock_setup(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 5 };

	fd = new_file("ofd_lock", "");
	EXPECT(fcntl(fd, F_OFD_SETLK, &l) == 0);
}

static void
ofd_lock_check(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 9, .l_len = 1 };

	fd2 = open("ofd_lock", O_RDWR);
	EXPECT(fcntl(fd2, F_OFD_SETLK, &l) == -1 && errno == EAGAIN);
}

static void
lease_setup(void)
{
	close(new_file("lease", ""));
	fd = open("lease", O_RDONLY);
	EXPECT(fcntl(fd, F_SETLEASE, F_RDLCK) == 0);
}

static void
lease_check(void)
{
	EQUAL(fcntl(fd, F_GETLEASE), F_RDLCK);
}

static void
owner_setup(void)
{
	int p[2];
	EXPECT(pipe(p) == 0);
	fd = p[0];
	fd2 = p[1];
	EXPECT(fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_SETSIG, SIGUSR2) == 0 &&
	    fcntl(fd, F_SETFL, O_ASYNC) == 0);
	signal(SIGUSR2, SIG_IGN);
}

static volatile sig_atomic_t told;
static void
on_ready(int sig)
{
	told = sig;
}

static void
owner_check(void)
{
	EQUAL(fcntl(fd, F_GETOWN), getpid());
	EQUAL(fcntl(fd, F_GETSIG), SIGUSR2);
	signal(SIGUSR2, on_ready);
	EXPECT(write(fd2, "x", 1) == 1);
	EQUAL(told, SIGUSR2);
}

static void
grown_setup(void)
{
	fd = new_file("grown", "log\n");
}

static void
grown_check(void)
{
	EXPECT(write(fd, "more\n", 5) == 5);
	lseek(fd, 0, SEEK_SET);
	expect_text(fd, "log\nmore\n");
}

static void
proc_setup(void)
{
	EXPECT((fd = open("/proc/self/status", O_RDONLY)) >= 0);
}

static void
proc_check(void)
{
	EXPECT(read(fd, buf, 100) > 0);
}

static void
large_offset_setup(void)
{
	fd = open("large_offset", O_RDWR | O_CREAT, 0600);
	EXPECT(lseek64(fd, INT64_C(5) << 32, SEEK_SET) == INT64_C(5) << 32);
}

static void
large_offset_check(void)
{
	EXPECT(lseek64(fd, 0, SEEK_CUR) == INT64_C(5) << 32);
}

static pid_t child;
static void
inherited_setup(void)
{
	fd = new_file("inherited", "0123456789");
	lseek(fd, 0, SEEK_SET);
	if ((child = fork()) == 0) {
		sigset_t s;
		int g;
		char c;
		sigemptyset(&s);
		sigaddset(&s, SIGUSR1);
		sigprocmask(SIG_BLOCK, &s, NULL);
		sigwait(&s, &g);
		_exit(read(fd, &c, 1) == 1 ? c : 0);
	}
}

static void
inherited_check(void)
{
	int st;
	EXPECT(read(fd, buf, 4) == 4);
	kill(child, SIGUSR1);
	EXPECT(waitpid(child, &st, 0) == child);
	EQUAL(WEXITSTATUS(st), '4');
	expect_text(fd, "56789");
}

const struct behaviour files[] = {
	{ "file_position", position_setup, position_check },
	{ "file_read_only", read_only_setup, read_only_check },
	{ "file_write_only", write_only_setup, write_only_check },
	{ "file_append", append_setup, append_check },
	{ "file_flags", flags_setup, flags_check },
	{ "file_dup_shares_position", dup_setup, dup_check },
	{ "file_opened_twice", twice_setup, twice_check },
	{ "file_close_on_exec", cloexec_setup, cloexec_check },
	{ "file_sparse_numbers", sparse_setup, sparse_check },
	{ "file_400_descriptors", many_setup, many_check },
	{ "file_stdin_closed", closed_std_setup, closed_std_check },
	{ "file_deleted", deleted_setup, deleted_check },
	{ "file_deleted_opened_twice", deleted_shared_setup, deleted_shared_check },
	{ "file_deleted_and_replaced", deleted_replaced_setup, deleted_replaced_check },
	{ "file_deleted_large_sparse", deleted_large_setup, deleted_large_check },
	{ "file_tmpfile", tmpfile_setup, tmpfile_check },
	{ "file_directory", directory_setup, directory_check },
	{ "file_readdir_position", readdir_setup, readdir_check },
	{ "file_cwd", cwd_setup, cwd_check },
	{ "file_cwd_deleted", cwd_deleted_setup, cwd_deleted_check },
	{ "file_umask", umask_setup, umask_check },
	{ "file_path_only", path_setup, path_check },
	{ "file_devices", devices_setup, devices_check },
	{ "file_flock", flock_setup, flock_check },
	{ "file_flock_shared", flock_shared_setup, flock_shared_check },
	{ "file_posix_lock", posix_lock_setup, posix_lock_check },
	{ "file_ofd_lock", ofd_lock_setup, ofd_lock_check },
	{ "file_lease", lease_setup, lease_check },
	{ "file_owner_and_signal", owner_setup, owner_check },
	{ "file_log_grows", grown_setup, grown_check },
	{ "file_proc_self", proc_setup, proc_check },
	{ "file_large_offset", large_offset_setup, large_offset_check },
	{ "file_shared_with_child", inherited_setup, inherited_check },
	{ NULL, NULL, NULL },
};
