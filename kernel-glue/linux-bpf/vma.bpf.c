/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings, and the names /proc gives them.
 */
#include "kernel-glue/linux-bpf/collect.h"

struct mapping_record {
	struct rec_mapping m;
	char	name[NAME_ROOM];
};
SCRATCH(mapping_scratch, struct mapping_record);

#define PAGE_SHIFT	12
#define MODE_BACKING	0x2000000	/* FMODE_BACKING: of a file system on another, which has another name for it */
#define ANON_NAME_MAX	80		/* with its NUL: prctl(PR_SET_VMA) */

static __always_inline bool
is_heap(const struct rec_mapping *m, const struct mm_struct *mm)
{
	return m->start < BPF_CORE_READ(mm, brk) && m->end > BPF_CORE_READ(mm, start_brk);
}

static __always_inline bool
is_stack(const struct rec_mapping *m, const struct mm_struct *mm)
{
	__u64 stack = BPF_CORE_READ(mm, start_stack);

	return m->start <= stack && m->end >= stack;
}

#define SET_NAME(r, text)	(__builtin_memcpy((r)->name, text, sizeof text), (long)sizeof text)

/* "[anon:name]" */
static __always_inline long
given_name(struct mapping_record *r, const struct anon_vma_name *given)
{
	const int prefix = sizeof "[anon:" - 1;
	long n;

	(void)SET_NAME(r, "[anon:");
	n = bpf_probe_read_kernel_str(r->name + prefix, ANON_NAME_MAX,
	    (const void *)given + bpf_core_field_offset(given->name));
	if (n < 1 || n > ANON_NAME_MAX)
		return 0;
	r->name[prefix + n - 1] = ']';
	r->name[prefix + n] = '\0';
	return prefix + n + 1;
}

/* Of one without a file; the length with its NUL, or 0. */
static __always_inline long
anonymous_name(struct mapping_record *r, struct vm_area_struct *v)
{
	const struct mm_struct *mm = BPF_CORE_READ(v, vm_mm);
	const struct vm_special_mapping *special = BPF_CORE_READ(v, vm_private_data);
	const struct anon_vma_name *given = NULL;

	/* only the kernel's special mappings have operations and no file */
	if (BPF_CORE_READ(v, vm_ops) != NULL && special != NULL)
		return bpf_probe_read_kernel_str(r->name, 64, BPF_CORE_READ(special, name));
	if (is_heap(&r->m, mm))
		return SET_NAME(r, "[heap]");
	if (is_stack(&r->m, mm))
		return SET_NAME(r, "[stack]");
	if (bpf_core_field_exists(v->anon_name))
		given = BPF_CORE_READ(v, anon_name);
	return given != NULL ? given_name(r, given) : SET_NAME(r, "");
}

/* A shared anonymous mapping with a given name shows that, where kernels have it beside the tree of a file's mappings. */
static __always_inline bool
has_given_name(struct vm_area_struct *v)
{
	return bpf_core_field_exists(v->anon_name) &&
	    bpf_core_field_offset(v->anon_name) != bpf_core_field_offset(v->shared) &&
	    BPF_CORE_READ(v, anon_name) != NULL;
}

static __always_inline long
file_name(struct mapping_record *r, struct vm_area_struct *v, struct file *f)
{
	r->m.offset = BPF_CORE_READ(v, vm_pgoff) << PAGE_SHIFT;
	r->m.ino = BPF_CORE_READ(f, f_inode, i_ino);
	r->m.dev = BPF_CORE_READ(f, f_inode, i_sb, s_dev);
	r->m.file = identity(f);
	r->m.path = path_identity(&f->f_path);
	if (BPF_CORE_READ(f, f_mode) & MODE_BACKING || has_given_name(v))
		return 0;
	return bpf_d_path(&f->f_path, r->name, REC_NAME_MAX);
}

/*
 * After a fork both have the same pages: the child's mapping is on its own
 * list and its parent's, the parent's tree has the child's mapping.
 */
static __always_inline bool
has_relatives(struct vm_area_struct *v)
{
	const struct anon_vma *a = BPF_CORE_READ(v, anon_vma);
	const struct rb_node *root;

	if (a == NULL)
		return 0;
	root = BPF_CORE_READ(a, rb_root.rb_root.rb_node);
	return BPF_CORE_READ(v, anon_vma_chain.next) != BPF_CORE_READ(v, anon_vma_chain.prev) ||
	    BPF_CORE_READ(root, rb_left) != NULL || BPF_CORE_READ(root, rb_right) != NULL;
}

SEC("iter/task_vma")
int
collect_vma(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *t = ctx->task;
	struct vm_area_struct *v = ctx->vma;
	struct seq_file *seq = ctx->meta->seq;
	struct mapping_record *r;
	struct file *f;
	__u32 size;
	long n;

	if (t == NULL || v == NULL || !is_ours(t) || (r = scratch(&mapping_scratch)) == NULL)
		return 0;
	clear(&r->m, sizeof r->m);
	r->m.mm = identity(BPF_CORE_READ(v, vm_mm));
	r->m.start = v->vm_start;
	r->m.end = v->vm_end;
	r->m.vm_flags = v->vm_flags;
	if (has_relatives(v))
		r->m.bits |= REC_MAPPING_RELATIVES;
	f = v->vm_file;
	n = f != NULL ? file_name(r, v, f) : anonymous_name(r, v);
	if (n < 1 || n > REC_NAME_MAX) {
		r->name[0] = '\0';
		r->m.bits |= REC_MAPPING_ASK;
		n = 1;
	}
	size = ROUND8(sizeof r->m + (__u32)n);
	begin(&r->m.h, size, REC_MAPPING, t);
	r->m.name_size = n;
	bpf_seq_write(seq, r, size);
	return 0;
}
