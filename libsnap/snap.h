/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libsnap: write, read, check and walk PSNAP snapshots.
 *
 * Conventions
 *   A function returns 0 or a negative `enum snap_code`.  Detail goes to the
 *   caller's `struct snap_error`, which may be NULL.  Out parameters are set
 *   on success only, except that a handle is NULL after a failure.
 *   `_get_` hands out a borrowed pointer that lives as long as its snapshot.
 *   Sizes are bytes, page numbers count pages of the snapshot's page size.
 *
 * Threads
 *   A handle belongs to one thread at a time; different handles are
 *   independent.  The library keeps no global state, never prints and never
 *   exits.
 *
 * Trust
 *   Everything read is untrusted: lengths are checked against what is left,
 *   counts against `struct snap_limits`, before anything is allocated.
 */
#ifndef LIBSNAP_SNAP_H
#define LIBSNAP_SNAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/psnap.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SNAP_API __attribute__((visibility("default")))
#else
#define SNAP_API
#endif

struct ProtobufCMessage;
struct Psnap__Host;

/* ---- errors --------------------------------------------------------------- */

enum snap_code {
	SNAP_OK			= 0,
	SNAP_E_NOT_SNAPSHOT	= -1,	/* the first bytes are not PSNAP's */
	SNAP_E_UNSUPPORTED	= -2,	/* well-formed, but newer than this library */
	SNAP_E_CORRUPT		= -3,	/* breaks a rule of the specification */
	SNAP_E_TRUNCATED	= -4,	/* ends before it is complete */
	SNAP_E_LIMIT		= -5,	/* exceeds struct snap_limits: raise them and retry */
	SNAP_E_IO		= -6,	/* a system call failed: see os_errno */
	SNAP_E_NOMEM		= -7,
	SNAP_E_REFUSED		= -8,	/* understood, but not to be done */
	SNAP_E_MISUSE		= -9,	/* the caller broke this header's contract */
	SNAP_E_NOT_FOUND	= -10,	/* no such object, page or name */
};

#define SNAP_NO_RECORD	UINT64_MAX

struct snap_error {
	enum snap_code	code;
	int		os_errno;	/* with SNAP_E_IO, else 0 */
	uint64_t	record;		/* object id concerned, or SNAP_NO_RECORD */
	uint64_t	offset;		/* first offending byte in the file; in a record: the record header's place, see spec ERR-1 */
	char		rule[12];	/* rule of the specification ("BLK-3"), or "" */
	char		msg[168];	/* lower case, no newline, no prefix */
};

/* Name of a code as tools and vectors print it: "corrupt", "truncated", ... */
SNAP_API const char *snap_code_name(enum snap_code code);

/* ---- limits --------------------------------------------------------------- */

/* What a reader will accept; zero in a member means its default. */
struct snap_limits {
	uint64_t	max_objects;	/* default 16777216 */
	uint64_t	max_meta_bytes;	/* all decoded records together; default 1 GiB */
	uint64_t	max_index_bytes;/* all index chunks held at once; default 1 GiB */
	uint64_t	reserved[5];	/* must be zero, else SNAP_E_MISUSE */
};

/* ---- writing -------------------------------------------------------------- */

/*
 * A writer appends: it never seeks and never patches, so a pipe serves as
 * well as a file.  Same calls with the same options give the same bytes,
 * whatever the number of threads.
 */
struct snap_writer;

struct snap_writer_options {
	enum psnap_codec codec;		/* of pages; metadata is always zstd */
	int		level;		/* zstd level, 0: 1 */
	uint32_t	block_pages;	/* pages a block, 0: 64 (zstd) or 1024 (none) */
	uint32_t	page_shift;	/* 0: 12 */
	uint32_t	threads;	/* compressing threads, 0: one a CPU, at most 8 */
	uint16_t	major, minor;	/* format version: 1.0 (also 0.0), 1.1, 2.0 or 2.1; the lowest that holds the content */
	uint32_t	reserved[6];	/* must be zero, else SNAP_E_MISUSE */
};

/*
 * Write to fd, which stays the caller's and may be a pipe.
 * SNAP_E_MISUSE: an option out of range.
 */
SNAP_API int snap_writer_open_fd(struct snap_writer **wp, int fd,
    const struct snap_writer_options *options, struct snap_error *err);

/*
 * Write a new file that appears at path, whole, when snap_writer_finish()
 * succeeds, and not at all otherwise; a file already there is replaced then.
 * Mode 0600: a snapshot holds memory.  It is written as an unnamed file
 * (O_TMPFILE) where the file system has it, so that even SIGKILL leaves
 * nothing, else as a hidden temporary beside path.
 * SNAP_E_IO: the folder cannot be written.  SNAP_E_REFUSED: there is a
 * device, FIFO or socket at path.  When it replaces a file, a SIGKILL in the
 * instant between link and rename can leave a hidden file.
 */
SNAP_API int snap_writer_create(struct snap_writer **wp, const char *path,
    const struct snap_writer_options *options, struct snap_error *err);

/*
 * Append framed records (header and payload, REC) as kernel-glue/emit makes
 * them; len bytes must be whole records.
 * SNAP_E_MISUSE: not whole records, an id of 0 or used before (rule REC-6), a
 * record longer than PSNAP_MAX_RECORD.
 */
SNAP_API int snap_writer_records(struct snap_writer *w, const void *bytes, size_t len,
    struct snap_error *err);

/* Pack a message and append it as one record. */
SNAP_API int snap_writer_message(struct snap_writer *w, uint32_t kind, uint64_t id,
    enum psnap_criticality critical, const struct ProtobufCMessage *msg, struct snap_error *err);

/*
 * Append count pages of owner, from page number first.  Pages of zeros are
 * recognised and become zero runs.  Pages of one owner may come in any order,
 * each at most once.  The buffer is the caller's again on return.
 */
SNAP_API int snap_writer_pages(struct snap_writer *w, uint64_t owner, uint64_t first,
    const void *pages, size_t count, struct snap_error *err);

/* Append a run of zero pages without their bytes. */
SNAP_API int snap_writer_zero(struct snap_writer *w, uint64_t owner, uint64_t first,
    uint64_t count, struct snap_error *err);

/*
 * Write index and trailer and, after snap_writer_create(), let the file
 * appear.  root, unless NULL, receives PSNAP_DIGEST_LEN bytes.  After any
 * failure, here or before, only snap_writer_free() may follow.
 * SNAP_E_MISUSE: a page given twice.
 */
SNAP_API int snap_writer_finish(struct snap_writer *w, uint8_t *root, struct snap_error *err);

/* Release w (NULL is fine).  Without a successful finish nothing appears. */
SNAP_API void snap_writer_free(struct snap_writer *w);

/* ---- other files ------------------------------------------------------------ */

/*
 * What snap_convert() and snap_export() write to: a file that appears and is
 * refused as with snap_writer_create().
 */
struct snap_output;
SNAP_API int snap_output_create(struct snap_output **op, const char *path, struct snap_error *err);
SNAP_API int snap_output_fd(const struct snap_output *o);

/* Let it appear, safe on disk. */
SNAP_API int snap_output_commit(struct snap_output *o, struct snap_error *err);

/* Remove its hidden name, if it has one: for a signal handler that ends the program. */
SNAP_API void snap_output_abandon(struct snap_output *o);

/* Release o (NULL is fine).  What was not committed is gone. */
SNAP_API void snap_output_free(struct snap_output *o);

/* ---- reading at random ------------------------------------------------------ */

struct snap;

/*
 * Open a snapshot file: reads header, trailer, index directory and metadata,
 * checks every checksum and digest on the way, and decodes every record.
 * Costs what the metadata costs; page blocks are neither read nor checked
 * until asked for.  fd must be seekable (SNAP_E_IO, ESPIPE otherwise) and
 * stays the caller's, unused by others until snap_close().
 */
SNAP_API int snap_open(struct snap **sp, const char *path, const struct snap_limits *limits,
    struct snap_error *err);
SNAP_API int snap_open_fd(struct snap **sp, int fd, const struct snap_limits *limits,
    struct snap_error *err);

/* Release s (NULL is fine) and everything borrowed from it. */
SNAP_API void snap_close(struct snap *s);

struct snap_summary {
	uint16_t	major, minor;
	uint32_t	page_size;
	uint64_t	incompat, compat, autoclear;
	uint64_t	file_bytes;
	uint64_t	blocks;		/* META, PAGES and PAD */
	uint64_t	objects;
	uint64_t	stored_pages;
	uint64_t	zero_pages;
	uint64_t	meta_bytes;	/* decompressed */
	uint8_t		root[PSNAP_DIGEST_LEN];
};
SNAP_API void snap_get_summary(const struct snap *s, struct snap_summary *summary);

/* ---- object graph ------------------------------------------------------------ */

struct snap_object {
	uint64_t	id;
	uint32_t	kind;		/* PSNAP_KIND_*; may be one this library does not know */
	uint8_t		revision;
	uint8_t		critical;
	uint32_t	block;		/* sequence number */
	uint64_t	offset;		/* ERR-1: of the block in the file plus of the record in its raw payload */
	const struct ProtobufCMessage *message; /* cast to the kind's type; NULL if the kind is unknown */
	const uint8_t	*payload;	/* its encoding, payload_len bytes */
	uint32_t	payload_len;
};

/* The object with this id, or NULL. */
SNAP_API const struct snap_object *snap_get_object(const struct snap *s, uint64_t id);

/* Objects of one kind, in file order; *count receives how many. NULL if none. */
SNAP_API const struct snap_object *const *snap_get_kind(const struct snap *s, uint32_t kind,
    size_t *count);

/* All objects, in file order. */
SNAP_API const struct snap_object *const *snap_get_objects(const struct snap *s, size_t *count);

/*
 * The message of object id if it is of this kind, else NULL:
 *	const Psnap__Process *p = snap_get_message(s, id, PSNAP_KIND_PROCESS);
 */
SNAP_API const void *snap_get_message(const struct snap *s, uint64_t id, uint32_t kind);

/*
 * Objects of `kind` that name `owner` as theirs (mappings of an address
 * space, threads of a process, ...), in the order their kind defines:
 * mappings by start address, threads as written.
 */
SNAP_API const struct snap_object *const *snap_get_children(const struct snap *s, uint64_t owner,
    uint32_t kind, size_t *count);

/* Name of a record kind as spec, tools and errors print it ("mapping"), or NULL. */
SNAP_API const char *snap_kind_name(uint32_t kind);

/* ---- pages ---------------------------------------------------------------------- */

/* A run of pages of one owner, as the index has it. */
struct snap_run {
	uint64_t	owner;
	uint64_t	first;		/* page number */
	uint64_t	count;
	enum psnap_run_kind kind;
	uint32_t	block;		/* stored runs: sequence number of the page block */
	uint32_t	page;		/* and position in it */
};

/*
 * Iterate over owner's runs that meet pages [first, last), ascending.  Start
 * with *run zeroed except owner and first; each call stores the next run,
 * clipped on neither side, and returns 1, or 0 at the end.
 */
SNAP_API int snap_next_run(struct snap *s, struct snap_run *run, uint64_t last,
    struct snap_error *err);

/*
 * Copy len bytes at addr of owner into buf.  Pages the snapshot does not hold
 * give SNAP_E_NOT_FOUND with err->offset the first missing address; bytes
 * before it have been copied and *done, unless NULL, says how many.
 * Every block read is checked against its checksum and its digest.
 */
SNAP_API int snap_read_memory(struct snap *s, uint64_t owner, uint64_t addr, void *buf,
    size_t len, size_t *done, struct snap_error *err);

/* ---- reading as a stream -------------------------------------------------------- */

/* Front to back from a pipe, socket or file, in bounded memory. */
struct snap_stream;

struct snap_stream_item {
	enum { SNAP_ITEM_RECORD, SNAP_ITEM_PAGES, SNAP_ITEM_END } type;
	/* RECORD; payload lives until the next call */
	uint64_t	id;
	uint32_t	kind;
	uint8_t		revision, critical;
	uint64_t	offset;
	const uint8_t	*payload;
	uint32_t	payload_len;
	/* PAGES: one run; pages is NULL for zero runs, else lives until the next call */
	struct snap_run	run;
	const uint8_t	*pages;
	/* END: the whole file was checked, digests, index and root included */
	struct snap_summary summary;
};

SNAP_API int snap_stream_open(struct snap_stream **sp, int fd, const struct snap_limits *limits,
    struct snap_error *err);
/* The next item; 0 also for END.  Nothing read before END is vouched for by the root. */
SNAP_API int snap_stream_next(struct snap_stream *s, struct snap_stream_item *item,
    struct snap_error *err);
SNAP_API void snap_stream_close(struct snap_stream *s);

/* ---- checking --------------------------------------------------------------------- */

/* One finding; lives during the callback only.  Return non-zero to stop. */
typedef int snap_finding_fn(void *ctx, const struct snap_error *finding);

/*
 * Read every block of the file and check checksum, digest, run tables against
 * the index, and padding.  Reports every damaged block.  Returns 0 if there
 * was no finding, else the first finding's code.
 */
SNAP_API int snap_verify(struct snap *s, snap_finding_fn *fn, void *ctx, struct snap_error *err);

/*
 * Check the object graph against every rule of spec/psnap.md that is not the
 * container's: references and their kinds, overlaps, ranges, counts,
 * ownership, circular references.  Reports every violation.  Returns 0 if
 * there was none, else the first one's code.
 */
SNAP_API int snap_validate(struct snap *s, snap_finding_fn *fn, void *ctx, struct snap_error *err);

/* ---- formats ------------------------------------------------------------------------ */

struct snap_export_options {
	uint32_t	pid;		/* core: process wanted, 0: the root's */
	uint32_t	raw;		/* psnap: not 0: pages encoded anew, uncompressed, to be mapped from the file */
	int32_t		level;		/* psnap: not 0: pages encoded anew, at this zstd level; else blocks are copied */
	uint32_t	reserved[5];	/* must be zero, else SNAP_E_MISUSE */
};

/* Formats by name, in snapconv's order; NULL past the last. */
struct snap_format {
	const char	*name;
	const char	*description;
	bool		can_read, can_write;
};
SNAP_API const struct snap_format *snap_get_format(size_t n);

/*
 * Write s to fd, which may be a pipe, in the named format.
 * SNAP_E_NOT_FOUND: no such format, or no such process.
 * SNAP_E_REFUSED: core: the process is a zombie, or does not fit a core file.
 * SNAP_E_UNSUPPORTED: core: neither an amd64 nor an i386 process.
 */
SNAP_API int snap_export(struct snap *s, const char *format,
    const struct snap_export_options *options, int fd, struct snap_error *err);

/* ---- converting ------------------------------------------------------------------------ */

/*
 * A change of what the records hold.  All of them are made at once: an edit
 * does not see what another one made.
 *	"hostname", "domainname"	of the host, and of UTS namespaces, becomes `to`; from is NULL
 *	"name"		of the instance, becomes `to`; from is NULL
 *	"env:NAME"	the environment variable's value in the memory of each process
 *			that has it becomes `to`, which must not be longer; from is NULL
 *	"path"		paths beginning with the components of `from` begin with `to`
 *			instead; of several, the longest `from` counts
 *	"cgroup"	the same, of cgroups within their hierarchy
 *	"uid", "gid"	whatever belongs to user or group `from`, in decimal, belongs to `to`
 */
struct snap_edit {
	const char	*what, *from, *to;
};

struct snap_convert_options {
	uint16_t	major, minor;	/* version wanted; 0.0: the input's major, lowest minor that holds the content */
	uint32_t	abi;		/* kernel ABI to restore under, PSNAP_ABI_I386 or _AMD64; 0: as it is */
	bool		strict;		/* any loss is refused */
	bool		raw;		/* pages encoded anew, uncompressed, to be mapped from the file */
	int32_t		level;		/* not 0: pages encoded anew, at this zstd level; else blocks are copied */
	const struct snap_edit *edits;
	size_t		nedits;
	uint32_t	reserved[6];	/* must be zero, else SNAP_E_MISUSE */
};

/*
 * One thing a conversion cannot carry, or one that stands in its way; lives
 * during the callback only.  Of a conversion that is made, provenance tells it, too.
 */
struct snap_loss {
	const char	*pass;		/* "version 1.1 to 1.0" */
	uint64_t	object;		/* id of the record concerned */
	char		message[256];	/* one line for people */
};
typedef void snap_loss_fn(void *ctx, const struct snap_loss *loss);

/* The name of one pass, in order. */
typedef void snap_pass_fn(void *ctx, const char *pass);

/*
 * The passes snap_convert() would make.  s must be valid: SNAP_E_CORRUPT.
 * SNAP_E_NOT_FOUND: no such version.  SNAP_E_UNSUPPORTED: s is of a minor
 * version that is newer than this library, or between these kernel ABIs there
 * is no way.  SNAP_E_MISUSE: an edit that is not as described above, or one
 * given twice.
 */
SNAP_API int snap_convert_plan(struct snap *s, const struct snap_convert_options *options,
    snap_pass_fn *fn, void *ctx, struct snap_error *err);

/*
 * Write s to fd, which may be a pipe, converted.  Page blocks that do not
 * change are copied as they are, digests included, neither decompressed nor
 * checked; records are validated before and after.  fn may be NULL.
 * To another kernel ABI, all memory that can be written to is searched, a page
 * block at a time.
 * SNAP_E_REFUSED: it cannot be converted, or with options->strict not without loss.
 * SNAP_E_NOT_FOUND: there is nothing that one of the edits would change.
 */
SNAP_API int snap_convert(struct snap *s, const struct snap_convert_options *options,
    snap_loss_fn *fn, void *ctx, int fd, struct snap_error *err);

/* ---- fitting a CPU -------------------------------------------------------------------- */

/*
 * A description of a host, of the same type as the snapshot's Host record: of
 * the CPU known as name ("i686", "x86-64", "x86-64-v2" to "-v4"), or, if that
 * is NULL, of this machine.  The caller's, to be freed by
 * psnap__host__free_unpacked(*hp, NULL).
 * SNAP_E_NOT_FOUND: no such name.  SNAP_E_UNSUPPORTED: this machine is no x86.
 */
SNAP_API int snap_host_describe(struct Psnap__Host **hp, const char *name, struct snap_error *err);

/* What it means if a host lacks what is depended on; snapinspect(1) has the rules. */
enum snap_fit_grade {
	SNAP_FIT_FATAL		= 1,	/* in use: processes could not be made, or would be ended by a signal */
	SNAP_FIT_POSSIBLE	= 2,	/* programs may have chosen code by it; nothing proves that they did */
	SNAP_FIT_HARMLESS	= 3,	/* only the kernel or speed differ */
};

/* Something that is depended on.  Lives during the callback only. */
struct snap_fit_finding {
	enum snap_fit_grade grade;
	bool		missing;	/* the host lacks it */
	const char	*feature;	/* of a CPU as Linux spells it, or a level ("x86-64-v3"); "" something else */
	const char	*evidence;	/* stable word: "registers", "variant", "source-cpu", ... */
	int32_t		pid;		/* the first process it was seen in, 0: it is about all */
	uint64_t	object;		/* id of the first record that shows it, 0 none */
	uint64_t	count;		/* how often it was seen */
	char		message[256];	/* one line for people */
};
typedef void snap_fit_fn(void *ctx, const struct snap_fit_finding *finding);

struct snap_fit_options {
	const struct Psnap__Host *host;	/* NULL: this machine */
	bool		no_files;	/* open no mapped ELF files by their paths and build ids */
	uint32_t	reserved[7];	/* must be zero, else SNAP_E_MISUSE */
};

struct snap_fit_result {
	uint64_t	fatal, possible, harmless;	/* findings that the host lacks, by grade */
	const char	*level;		/* the lowest that has all that is in use, or NULL: none has */
};

/*
 * Tell what the processes depend on.  The host fits if result->fatal is 0.
 * fn may be NULL.
 * SNAP_E_UNSUPPORTED: options->host is NULL and this machine is no x86.
 */
SNAP_API int snap_fit(struct snap *s, const struct snap_fit_options *options, snap_fit_fn *fn, void *ctx,
    struct snap_fit_result *result, struct snap_error *err);

/* ---- restoring ------------------------------------------------------------------------ */

/*
 * Linux on amd64 and i386; elsewhere SNAP_E_UNSUPPORTED.  The calling thread
 * must have no other children it waits for, and blocks all signals meanwhile.
 */

enum snap_severity {
	SNAP_FATAL	= 1,	/* cannot be restored here */
	SNAP_WARNING	= 2,	/* can, but something will differ from before */
};

/* Something that does not fit this host.  Lives during the callback only. */
struct snap_problem {
	enum snap_severity severity;
	int32_t		pid;		/* 0: not of one process */
	uint64_t	object;		/* id of the record concerned, 0 none */
	const char	*what;		/* stable word: "pid-taken", "file-changed", ... */
	const char	*advice;	/* what the user can do, one line */
	char		message[256];	/* one line for people */
};
typedef void snap_problem_fn(void *ctx, const struct snap_problem *problem);

/* Paths beginning with the components of from begin with to instead. */
struct snap_path_map {
	const char	*from, *to;
};

/* What a regular file that is needed may be now. */
enum snap_file_policy {
	SNAP_FILE_DEFAULT = 0,	/* mapped: of the same build, or else size; open: grown; else exact */
	SNAP_FILE_EXACT	= 1,	/* of the same size and time; mapped: the same build is enough */
	SNAP_FILE_GROWN	= 2,	/* at least as large as before */
	SNAP_FILE_CHANGED = 3,	/* anything: what the default forbids is a warning */
	SNAP_FILE_CARRY	= 4,	/* what the snapshot holds: made if missing, never replaced; exact if not held */
};

/* For files whose path, after substitution, matches: fnmatch(3) without flags. */
struct snap_file_rule {
	const char	*pattern;
	enum snap_file_policy policy;
};

struct snap_restore_result {
	int32_t		root_pid;	/* the caller's child */
	uint64_t	processes, threads, pages, bytes;
	uint64_t	total_ns;	/* until it was ready to run */
};

/*
 * All is made, and nothing has run yet: the last moment for what can fail, such
 * as telling the pid.  Not 0: the caller wants none of it, and nothing remains.
 */
typedef int snap_ready_fn(void *ctx, const struct snap_restore_result *result);

/* What becomes of TCP connections. */
enum snap_tcp_policy {
	SNAP_TCP_KEEP	= 0,	/* they go on */
	SNAP_TCP_CLOSE	= 1,	/* they have been reset by the other end */
};

/* The other end of a pair of interfaces of which only one was in the namespace. */
struct snap_pair_end {
	const char	*name;		/* of the one that was */
	const char	*outside;	/* what the other one is called, in the namespace outside */
};

/*
 * The caller is in a network namespace made for it, in which nothing is but a
 * loopback interface that is down: the tree's stack is made there.  Outside of
 * it nothing is touched but by the pairs.
 */
struct snap_own_net {
	int		outside;	/* a descriptor on the network namespace the caller was in */
	const struct snap_pair_end *pairs;
	size_t		npairs;
};

/*
 * The caller is in a mount namespace made for it: what was mounted is made
 * there, before anything is looked at, for a check, too, and becomes the root
 * of the caller and of all who are in that namespace and had the same.  No
 * other namespace is touched.  Whatever comes of the restore, the caller stays
 * there.  Paths of snap_path_map are the host's, where folders of it are mounted.
 */
struct snap_own_mounts {
	int		outside;	/* a descriptor on the mount namespace the caller was in */
};

/*
 * Cgroups for what was in some of an instance's own, in every hierarchy of this
 * host that has a controller of theirs.  They are made by whoever makes the
 * namespaces, before that, for paths are those of the host; and undone by it if
 * the restore fails, when all that was made is gone.
 */
struct snap_cgroups;

/*
 * Find where; nothing is touched.  path, absolute, stands for the instance's own
 * cgroup, in each hierarchy, and is used until the end; s, too.  What was beneath
 * its own is beneath it again.  There are no processes in it.  partial: limits
 * that no cgroup here has are warnings.  fn may be NULL.
 * SNAP_E_REFUSED: something fatal was told, or err tells what cannot be.
 * SNAP_E_MISUSE: no such path; "/", too, is none.  SNAP_E_UNSUPPORTED: not Linux.
 */
SNAP_API int snap_cgroups_open(struct snap_cgroups **cp, struct snap *s, const char *path, bool partial,
    snap_problem_fn *fn, void *ctx, struct snap_error *err);

/*
 * Make them, and a cgroup namespace if the instance had one.  Nobody is limited
 * yet.  After a failure all is as it was; SNAP_E_IO: err names cgroup and file.
 */
SNAP_API int snap_cgroups_make(struct snap_cgroups *c, struct snap_error *err);

/* Be in that namespace; nothing if there is none.  The caller's cgroups stay what they are. */
SNAP_API int snap_cgroups_enter(const struct snap_cgroups *c, struct snap_error *err);

/* All as it was before snap_cgroups_make(). */
SNAP_API int snap_cgroups_undo(struct snap_cgroups *c, struct snap_error *err);

/* Release c (NULL is fine); what was made stays. */
SNAP_API void snap_cgroups_close(struct snap_cgroups *c);

struct snap_restore_options {
	const struct snap_path_map *paths;
	size_t		npaths;
	const struct snap_file_rule *files;	/* the first that matches counts */
	size_t		nfiles;
	const volatile int *cancel;	/* becomes non-zero: give up; NULL never */
	bool		allow_partial;	/* although the dump could not carry everything */
	bool		allow_changed;	/* files without a rule are SNAP_FILE_CHANGED */
	bool		own_session;	/* what was in a session from outside gets one of its own, not the caller's */
	bool		stopped;	/* leave every process stopped by SIGSTOP */
	bool		lazy;		/* map pages from the file instead of reading them: see snapctl(1) */
	/* The caller is in namespaces made for it, and so with what it was in: */
	bool		own_ipc;	/* IPC, and empty */
	bool		own_uts;	/* UTS, with the name it had */
	bool		own_time;	/* time, with clocks that go on from Host.monotonic_ns and boottime_ns */
	snap_ready_fn	*ready;		/* NULL: none; gets the ctx of the problems */
	/*
	 * If the root is number 1: the way to a process in snap_restore_first(); for
	 * a check any number but 0 says that there will be one.  0: none.
	 */
	int		first;
	enum snap_tcp_policy tcp;
	const struct snap_own_net *own_net;	/* NULL: in the caller's network namespace, as it is */
	const struct snap_own_mounts *own_mounts;	/* NULL: in the caller's mount namespace, as it is */
	struct snap_cgroups *cgroups;	/* made; NULL: in the caller's */
	/*
	 * The process at `first` is the first of a new user namespace, made in the
	 * caller's, with the maps the tree's had, and so were made in it, and not in
	 * the caller's, its pid namespace and the namespaces above that the caller
	 * is in, but for mounts: these are made where both are, and the first process
	 * then goes to a copy of them that is its own, and so does the caller.
	 */
	bool		own_users;
	uint32_t	reserved[1];	/* must be zero, else SNAP_E_MISUSE */
};

/*
 * Tell everything that would not fit this host, without touching anything.
 * SNAP_E_REFUSED: something fatal was told.  SNAP_E_CORRUPT: the snapshot
 * breaks a rule.  fn may be NULL.
 */
SNAP_API int snap_restore_check(struct snap *s, const struct snap_restore_options *options,
    snap_problem_fn *fn, void *ctx, struct snap_error *err);

/*
 * The same; then make the processes of s again, with their pids, and let them
 * all go on together.  The root becomes a child of the caller.  After a
 * failure nothing remains: no process, no file.  No file gets a name that
 * lasts but by SNAP_FILE_CARRY.
 * SNAP_E_REFUSED: something fatal was told, options->cancel, or options->ready.
 * SNAP_E_IO: a step failed; err names the object and the call.
 */
SNAP_API int snap_restore(struct snap *s, const struct snap_restore_options *options,
    snap_problem_fn *fn, void *ctx, struct snap_restore_result *result, struct snap_error *err);

/*
 * For a root that is the first process of its pid namespace: in the first
 * process of a new one, wait to become it.  socket is one end of a pair
 * (AF_UNIX, SOCK_SEQPACKET); the other one is options->first of snap_restore(),
 * called in the same namespace, which has a /proc of its own.  Returns only if
 * nothing comes of it.  After a failure of snap_restore() the first process has
 * to be killed, from outside: it is traced, and ends with the caller at the
 * latest.
 */
SNAP_API int snap_restore_first(int socket, struct snap_error *err);

/* The library's version, "1.0.0". */
SNAP_API const char *snap_version(void);

#ifdef __cplusplus
}
#endif

#endif
