/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of every kind, and what is in them. */
#include <malloc.h>
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

#define PAGE 4096
#define PAGES 16

static unsigned char *map, *map2;
static int fd;

static void
fill(unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 7 + seed + i / PAGE);
}

static bool
filled(const unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != (unsigned char)(i * 7 + seed + i / PAGE))
			return false;
	return true;
}

static unsigned char *
get(size_t pages, int prot, int flags)
{
	unsigned char *p = mmap(NULL, pages * PAGE, prot, flags, -1, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

/* The fields of a mapping in /proc/self/smaps: whether this line holds the word. */
static bool
smaps_has(const void *addr, const char *field, const char *word)
{
	char line[512], start[32];
	bool mine = false;
	FILE *f = fopen("/proc/self/smaps", "r");

	EXPECT(f != NULL);
	sprintf(start, "%08lx-", (unsigned long)(uintptr_t)addr);
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned long a, b;
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s", &a, &b, perms) == 3) {
			mine = (uintptr_t)addr >= a && (uintptr_t)addr < b;
			if (mine && strcmp(field, "perms") == 0) {
				fclose(f);
				return strncmp(perms, word, strlen(word)) == 0;
			}
			if (mine && strcmp(field, "name") == 0) {
				fclose(f);
				return strstr(line, word) != NULL;
			}
		} else if (mine && strncmp(line, field, strlen(field)) == 0) {
			fclose(f);
			return strstr(line, word) != NULL;
		}
	}
	fclose(f);
	return false;
}

static void
private_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	fill(map, PAGES * PAGE, 1);
}

static void
private_check(void)
{
	EXPECT(filled(map, PAGES * PAGE, 1));
	map[0]++;
}

static void
sparse_setup(void)
{
	map = get(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	for (int i = 0; i < 4096; i += 100)
		fill(map + i * PAGE, PAGE, (unsigned)i);
}

static void
sparse_check(void)
{
	for (int i = 0; i < 4096; i++)
		if (i % 100 == 0)
			EXPECT(filled(map + i * PAGE, PAGE, (unsigned)i));
		else
			EXPECT(map[i * PAGE + 5] == 0);
}

static void
read_only_setup(void)
{
	private_setup();
	EXPECT(mprotect(map, PAGES * PAGE, PROT_READ) == 0);
}

static void
read_only_check(void)
{
	EXPECT(filled(map, PAGES * PAGE, 1));
	EXPECT(smaps_has(map, "perms", "r--p"));
}

static void
none_setup(void)
{
	private_setup();
	EXPECT(mprotect(map, PAGES * PAGE, PROT_NONE) == 0);
}

static void
none_check(void)
{
	EXPECT(smaps_has(map, "perms", "---p"));
	EXPECT(mprotect(map, PAGES * PAGE, PROT_READ) == 0);
	EXPECT(filled(map, PAGES * PAGE, 1));
}

static void
split_setup(void)
{
	private_setup();
	EXPECT(
	    mprotect(map + 4 * PAGE, PAGE, PROT_READ) == 0 && mprotect(map + 8 * PAGE, PAGE, PROT_NONE) == 0);
	EXPECT(munmap(map + 12 * PAGE, PAGE) == 0);
}

static void
split_check(void)
{
	EXPECT(smaps_has(map + 4 * PAGE, "perms", "r--p") && smaps_has(map + 5 * PAGE, "perms", "rw-p") &&
	    smaps_has(map + 8 * PAGE, "perms", "---p"));
	EXPECT(filled(map, 8 * PAGE, 1));
	EXPECT(msync(map + 12 * PAGE, PAGE, MS_ASYNC) == -1 && errno == ENOMEM);
}

/* Code the program wrote itself: returns 42. */
static void
code_setup(void)
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov eax, 42; ret */

	map = get(1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	memcpy(map, code, sizeof code);
	EXPECT(mprotect(map, PAGE, PROT_READ | PROT_EXEC) == 0);
}

static void
code_check(void)
{
	int (*fn)(void);
	memcpy(&fn, &map, sizeof fn);
	EQUAL(fn(), 42);
}

static void
zero_page_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	for (int i = 0; i < PAGES; i++)
		EXPECT(map[i * PAGE] == 0);
	map[3 * PAGE] = 1;
	map[3 * PAGE] = 0;
}

static void
zero_page_check(void)
{
	for (int i = 0; i < PAGES * PAGE; i++)
		EXPECT(map[i] == 0);
}

static void
file_private_setup(void)
{
	fd = new_file("mapped", "");
	EXPECT(ftruncate(fd, PAGES * PAGE) == 0);
	map2 = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fill(map2, PAGES * PAGE, 2);
	munmap(map2, PAGES * PAGE);
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(map != MAP_FAILED);
	map[5 * PAGE] = 99;
	memset(map + 7 * PAGE, 0, PAGE); /* a zero page that is not the file's */
}

static void
file_private_check(void)
{
	EQUAL(map[5 * PAGE], 99);
	EXPECT(filled(map, 5 * PAGE, 2));
	for (int i = 0; i < PAGE; i++)
		EXPECT(map[7 * PAGE + i] == 0);
	map2 = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(filled(map2, PAGES * PAGE, 2));
}

static void
file_shared_setup(void)
{
	fd = new_file("shared", "");
	EXPECT(ftruncate(fd, PAGES * PAGE) == 0);
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	fill(map, PAGES * PAGE, 3);
}

static void
file_shared_check(void)
{
	char b[4];
	EXPECT(filled(map, PAGES * PAGE, 3));
	memcpy(map, "new", 4);
	EXPECT(pread(fd, b, 4, 0) == 4 && strcmp(b, "new") == 0);
}

static void
file_offset_setup(void)
{
	file_shared_setup();
	munmap(map, PAGES * PAGE);
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 6 * PAGE);
	EXPECT(map != MAP_FAILED);
	close(fd);
}

static void
file_offset_check(void)
{
	for (int i = 0; i < 2 * PAGE; i++)
		EXPECT(map[i] == (unsigned char)((6 * PAGE + i) * 7 + 3 + 6 + i / PAGE));
}

static void
file_deleted_setup(void)
{
	file_shared_setup();
	unlink("shared");
}

static void
file_deleted_check(void)
{
	file_shared_check();
}

static void
file_ro_setup(void)
{
	file_shared_setup();
	munmap(map, PAGES * PAGE);
	fd = open("shared", O_RDONLY);
	map = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
}

static void
file_ro_check(void)
{
	EXPECT(filled(map, PAGES * PAGE, 3));
	EXPECT(mprotect(map, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
}

static void
beyond_setup(void)
{
	fd = new_file("short", "only this");
	map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(map != MAP_FAILED);
}

static void
beyond_check(void)
{
	EXPECT(memcmp(map, "only this", 10) == 0);
}

static void
shared_anon_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
	fill(map, PAGES * PAGE, 4);
}

static void
shared_anon_check(void)
{
	EXPECT(filled(map, PAGES * PAGE, 4));
	EXPECT(smaps_has(map, "perms", "rw-s"));
}

static pid_t child;

/* A child and we see each other's writes. */
static void
shared_child_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
	if ((child = fork()) == 0)
		for (;;) {
			if (map[0] == 1)
				map[PAGE] = 2;
			idle(0.005);
		}
}

static void
shared_child_check(void)
{
	map[0] = 1;
	for (int i = 0; i < 1000 && map[PAGE] != 2; i++)
		idle(0.005);
	EQUAL(map[PAGE], 2);
	kill(child, SIGKILL);
}

static void
private_child_setup(void)
{
	private_setup();
	if ((child = fork()) == 0) {
		map[0] = 200;
		for (;;)
			pause();
	}
	idle(0.05);
	map[PAGE] = 100;
}

static void
private_child_check(void)
{
	char path[40];
	unsigned char c;
	int mem;

	EQUAL(map[PAGE], 100);
	EQUAL(map[0], 1);
	sprintf(path, "/proc/%d/mem", (int)child);
	EXPECT((mem = open(path, O_RDONLY)) >= 0);
	EXPECT(pread64(mem, &c, 1, (off64_t)(uintptr_t)map) == 1);
	EQUAL(c, 200);
	EXPECT(pread64(mem, &c, 1, (off64_t)(uintptr_t)map + PAGE) == 1);
	EQUAL(c, (unsigned char)(PAGE * 7 + 2));
	kill(child, SIGKILL);
}

static void
memfd_setup(void)
{
	fd = memfd_create("a name", 0);
	EXPECT(ftruncate(fd, PAGES * PAGE) == 0);
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fill(map, PAGES * PAGE, 5);
}

static void
memfd_check(void)
{
	char link[64] = "", path[40];
	unsigned char b[2];

	EXPECT(filled(map, PAGES * PAGE, 5));
	sprintf(path, "/proc/self/fd/%d", fd);
	EXPECT(readlink(path, link, sizeof link - 1) > 0 && strstr(link, "/memfd:a name") == link);
	map[9] = 77;
	EXPECT(pread(fd, b, 1, 9) == 1 && b[0] == 77);
}

static void
memfd_sealed_setup(void)
{
	fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	EXPECT(write(fd, "fixed", 5) == 5 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0);
}

static void
memfd_sealed_check(void)
{
	char b[6] = "";
	EQUAL(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	EXPECT(pread(fd, b, 5, 0) == 5 && strcmp(b, "fixed") == 0);
	EXPECT(write(fd, "x", 1) == -1 && errno == EPERM);
}

static void
memfd_private_setup(void)
{
	memfd_setup();
	map2 = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	map2[0] = 123;
}

static void
memfd_private_check(void)
{
	EQUAL(map2[0], 123);
	EXPECT(filled(map, PAGES * PAGE, 5));
	EXPECT(map2[PAGE] == map[PAGE]);
}

static void
memfd_closed_setup(void)
{
	memfd_setup();
	close(fd);
}

static void
memfd_closed_check(void)
{
	EXPECT(filled(map, PAGES * PAGE, 5));
}

static unsigned char *brk_end;
/* stdio has its buffer before: nothing else moves the break */
static void
brk_setup(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	map = sbrk(5 * PAGE);
	fill(map, 5 * PAGE, 6);
	brk_end = sbrk(0);
}

static void
brk_check(void)
{
	EXPECT(sbrk(0) == (void *)brk_end);
	EXPECT(filled(map, 5 * PAGE, 6));
	EXPECT(sbrk(10 * PAGE) == (void *)brk_end);
	brk_end[0] = 1;
}

static void *blocks[1000];
static void
heap_setup(void)
{
	for (int i = 0; i < 1000; i++) {
		size_t n = (size_t)(i * 37 % 5000 + 1);
		blocks[i] = malloc(n);
		fill(blocks[i], n, (unsigned)i);
		if (i % 3 == 0) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
	}
}

static void
heap_check(void)
{
	for (int i = 0; i < 1000; i++)
		if (blocks[i] != NULL) {
			EXPECT(filled(blocks[i], (size_t)(i * 37 % 5000 + 1), (unsigned)i));
			free(blocks[i]);
		}
	for (int i = 0; i < 1000; i++)
		EXPECT(malloc(1000) != NULL);
}

static void
deep(int n)
{
	volatile char frame[1024];
	frame[0] = (char)n;
	if (n > 0)
		deep(n - 1);
	EXPECT(frame[0] == (char)n);
}

static void
stack_setup(void)
{
	deep(500);
}

static void
stack_check(void)
{
	deep(3000);
}

static void
grow_setup(void)
{
	map =
	    mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
	EXPECT(map != MAP_FAILED);
	map[0] = 7;
}

static void
grow_check(void)
{
	EQUAL(map[0], 7);
	EXPECT(smaps_has(map, "VmFlags", " gd"));
}

static void
advice_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	EXPECT(
	    madvise(map, PAGES * PAGE, MADV_DONTFORK) == 0 && madvise(map, PAGES * PAGE, MADV_DONTDUMP) == 0);
	map[0] = 1;
}

static void
advice_check(void)
{
	EXPECT(smaps_has(map, "VmFlags", " dc") && smaps_has(map, "VmFlags", " dd"));
	EQUAL(map[0], 1);
}

static void
wipe_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	EXPECT(madvise(map, PAGES * PAGE, 18) == 0);
	map[0] = 1;
}

static void
wipe_check(void)
{
	int st;
	EQUAL(map[0], 1);
	if (fork() == 0)
		_exit(map[0]);
	EXPECT(wait(&st) > 0);
	EQUAL(WEXITSTATUS(st), 0);
}

static void
huge_setup(void)
{
	map = get(1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	madvise(map, 1024 * PAGE, MADV_HUGEPAGE);
	fill(map, 1024 * PAGE, 8);
}

static void
huge_check(void)
{
	EXPECT(filled(map, 1024 * PAGE, 8));
	EXPECT(smaps_has(map, "VmFlags", " hg"));
}

static void
random_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	map2 = get(PAGES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
	EXPECT(madvise(map, PAGES * PAGE, MADV_RANDOM) == 0 &&
	    madvise(map2, PAGES * PAGE, MADV_SEQUENTIAL) == 0);
}

static void
random_check(void)
{
	EXPECT(smaps_has(map, "VmFlags", " rr") && smaps_has(map2, "VmFlags", " sr"));
}

static void
locked_setup(void)
{
	map = get(4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	EXPECT(mlock(map, 4 * PAGE) == 0);
	map[0] = 3;
}

static void
locked_check(void)
{
	EXPECT(smaps_has(map, "VmFlags", " lo"));
	EQUAL(map[0], 3);
}

static sigjmp_buf jump;
static void
on_fault(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

/* Kernels before 6.13 know no guards: nothing to hold. */
static bool guarded;
static void
guard_setup(void)
{
	private_setup();
	guarded = madvise(map + 2 * PAGE, PAGE, 102) == 0;
}

static void
guard_check(void)
{
	volatile bool faulted = false;

	signal(SIGSEGV, on_fault);
	if (sigsetjmp(jump, 1) == 0)
		(void)*(volatile unsigned char *)(map + 2 * PAGE);
	else
		faulted = true;
	EQUAL(faulted, guarded);
	EXPECT(filled(map, 2 * PAGE, 1));
}

static bool named;
static void
name_setup(void)
{
	map = get(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	named = prctl(0x53564d41, 0, map, PAGES * PAGE, "my memory") == 0;
	map[0] = 1;
}

static void
name_check(void)
{
	if (named)
		EXPECT(smaps_has(map, "name", "[anon:my memory]"));
	EQUAL(map[0], 1);
}

static unsigned char *many[3000];
static void
many_setup(void)
{
	for (int i = 0; i < 3000; i++) {
		many[i] = get(1, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
		if (i & 1)
			many[i][0] = (unsigned char)i;
	}
}

static void
many_check(void)
{
	for (int i = 1; i < 3000; i += 2)
		EQUAL(many[i][0], (unsigned char)i);
}

static char *arguments;
static void
title_setup(void)
{
	EXPECT(prctl(PR_SET_NAME, "renamed") == 0);
	arguments = strdup("kept");
}

static void
title_check(void)
{
	char b[64], n[16];
	int f = open("/proc/self/cmdline", O_RDONLY);
	EXPECT(read(f, b, sizeof b) > 0);
	EXPECT(strstr(b, "behave") != NULL);
	EXPECT(prctl(PR_GET_NAME, n) == 0 && strcmp(n, "renamed") == 0);
	EXPECT(strcmp(arguments, "kept") == 0);
}

static char exe[256];
static void
exe_setup(void)
{
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	EXPECT(n > 0);
	exe[n] = '\0';
	setenv("BEHAVE", "set", 1);
}

static void
exe_check(void)
{
	char b[256];
	ssize_t n = readlink("/proc/self/exe", b, sizeof b - 1);
	EXPECT(n > 0);
	b[n] = '\0';
	EXPECT(strcmp(b, exe) == 0);
	EXPECT(strcmp(getenv("BEHAVE"), "set") == 0);
}

static unsigned long aux[3];
static void
auxv_setup(void)
{
	aux[0] = getauxval(AT_SYSINFO_EHDR);
	aux[1] = getauxval(AT_PHDR);
}

static void
auxv_check(void)
{
	unsigned long v[2];
	bool found = false;
	int f = open("/proc/self/auxv", O_RDONLY);

	while (read(f, v, sizeof v) == sizeof v && v[0] != 0)
		found |= v[0] == AT_PHDR && v[1] == aux[1];
	EXPECT(found);
	EXPECT(getauxval(AT_SYSINFO_EHDR) == aux[0]);
}

static void
mdwe_setup(void)
{
	named = prctl(65, 1, 0, 0, 0) == 0;
}

static void
mdwe_check(void)
{
	EQUAL(prctl(66, 0, 0, 0, 0), named ? 1 : prctl(66, 0, 0, 0, 0));
	if (named)
		EXPECT(mmap(NULL, PAGE, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		    MAP_FAILED);
}

static void
lock_all_setup(void)
{
	map = get(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	EXPECT(mlock2(map, PAGE, MLOCK_ONFAULT) == 0);
}

static void
lock_all_check(void)
{
	EXPECT(smaps_has(map, "VmFlags", " lo"));
}

static void
thp_setup(void)
{
	EXPECT(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
}

static void
thp_check(void)
{
	EXPECT(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) & 1);
}

static void
low_setup(void)
{
	map = mmap((void *)0x20000, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	EXPECT(map == (void *)0x20000);
	map[0] = 9;
}

static void
low_check(void)
{
	EQUAL(map[0], 9);
}

/* Where the seed program was. */
static void
seed_setup(void)
{
	map = mmap((void *)0x10000, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	EXPECT(map == (void *)0x10000);
	map[7] = 9;
}

static void
seed_check(void)
{
	EQUAL(map[7], 9);
}

const struct behaviour memory[] = {
	{ "memory_private", private_setup, private_check },
	{ "memory_sparse", sparse_setup, sparse_check },
	{ "memory_read_only", read_only_setup, read_only_check },
	{ "memory_no_access", none_setup, none_check },
	{ "memory_split", split_setup, split_check },
	{ "memory_own_code", code_setup, code_check },
	{ "memory_zero_pages", zero_page_setup, zero_page_check },
	{ "memory_file_private", file_private_setup, file_private_check },
	{ "memory_file_shared", file_shared_setup, file_shared_check },
	{ "memory_file_offset", file_offset_setup, file_offset_check },
	{ "memory_file_deleted", file_deleted_setup, file_deleted_check },
	{ "memory_file_read_only", file_ro_setup, file_ro_check },
	{ "memory_beyond_file", beyond_setup, beyond_check },
	{ "memory_shared_anonymous", shared_anon_setup, shared_anon_check },
	{ "memory_shared_with_child", shared_child_setup, shared_child_check },
	{ "memory_private_after_fork", private_child_setup, private_child_check },
	{ "memory_memfd", memfd_setup, memfd_check },
	{ "memory_memfd_sealed", memfd_sealed_setup, memfd_sealed_check },
	{ "memory_memfd_private", memfd_private_setup, memfd_private_check },
	{ "memory_memfd_closed", memfd_closed_setup, memfd_closed_check },
	{ "memory_brk", brk_setup, brk_check },
	{ "memory_heap", heap_setup, heap_check },
	{ "memory_deep_stack", stack_setup, stack_check },
	{ "memory_grows_down", grow_setup, grow_check },
	{ "memory_dont_fork_dump", advice_setup, advice_check },
	{ "memory_wipe_on_fork", wipe_setup, wipe_check },
	{ "memory_huge_pages", huge_setup, huge_check },
	{ "memory_access_pattern", random_setup, random_check },
	{ "memory_locked", locked_setup, locked_check },
	{ "memory_locked_on_fault", lock_all_setup, lock_all_check },
	{ "memory_guard", guard_setup, guard_check },
	{ "memory_named", name_setup, name_check },
	{ "memory_3000_mappings", many_setup, many_check },
	{ "memory_process_title", title_setup, title_check },
	{ "memory_exe_and_environment", exe_setup, exe_check },
	{ "memory_auxiliary_vector", auxv_setup, auxv_check },
	{ "memory_deny_write_exec", mdwe_setup, mdwe_check },
	{ "memory_thp_disabled", thp_setup, thp_check },
	{ "memory_low_address", low_setup, low_check },
	{ "memory_where_the_seed_was", seed_setup, seed_check },
	{ NULL, NULL, NULL },
};
