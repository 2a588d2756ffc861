// SPDX-License-Identifier: BSD-2-Clause
/*
 * Mappings of a process, under the lock of its address space.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>

#include "module.h"

/*
 * Pages it has from an ancestor or has left to a child may still be theirs,
 * too.  An anon_vma counts its children, and itself if it has no parent.
 */
static bool
has_relatives(const struct vm_area_struct *vma)
{
	const struct anon_vma *a = vma->anon_vma;

	if (a == NULL)
		return false;
	return !list_is_singular(&vma->anon_vma_chain) || a->num_children > (a->root == a ? 1 : 0) ||
	    (vma->vm_flags & VM_MERGEABLE) != 0;
}

/* Of what is no file: as /proc/PID/maps names it. */
static u32
special_name(struct rec_mapping *r, struct vm_area_struct *vma)
{
	const struct mm_struct *mm = vma->vm_mm;
	const char *name = vma->vm_ops != NULL && vma->vm_ops->name != NULL ? vma->vm_ops->name(vma) : NULL;

	if (name == NULL && vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk)
		name = "[heap]";
	if (name == NULL && vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		name = "[stack]";
#ifdef CONFIG_ANON_VMA_NAME
	if (name == NULL && vma->anon_name != NULL)
		return record_name(r, sizeof *r, "[anon:", vma->anon_name->name, "]");
#endif
	return record_name(r, sizeof *r, name != NULL ? name : "", "", "");
}

static u32
file_name(const struct collector *c, struct rec_mapping *r, const struct vm_area_struct *vma)
{
	const struct file *file = vma->vm_file;
	const struct inode *inode = file_inode(file);

	r->offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	r->ino = inode->i_ino;
	r->dev = inode->i_sb->s_dev;
	r->file = identity(c, file);
	r->path = path_identity(c, &file->f_path);
	return record_path(r, sizeof *r, &file->f_path);
}

static int
mapping_record(struct collector *c, struct task_struct *t, struct vm_area_struct *vma)
{
	struct rec_mapping *r = record_begin(c, REC_MAPPING, sizeof *r, t);

	if (r == NULL)
		return -ENOBUFS;
	r->mm = identity(c, vma->vm_mm);
	r->start = vma->vm_start;
	r->end = vma->vm_end;
	r->vm_flags = vma->vm_flags;
	r->bits = has_relatives(vma) ? REC_MAPPING_RELATIVES : 0;
	r->name_size = vma->vm_file != NULL ? file_name(c, r, vma) : special_name(r, vma);
	if (r->name_size == 0) {
		r->bits |= REC_MAPPING_ASK;
		r->name_size = record_name(r, sizeof *r, "", "", "");
	}
	record_end(c, r, sizeof *r, r->name_size);
	return 0;
}

int
mapping_records(struct collector *c, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);
	struct vm_area_struct *vma;
	int r;

	if (mm == NULL)
		return 0;
	if ((r = mmap_read_lock_killable(mm)) == 0) {
		VMA_ITERATOR(walk, mm, c->next);

		for_each_vma(walk, vma) {
			if ((r = mapping_record(c, t, vma)) != 0)
				break;
			c->next = vma->vm_end;
		}
		mmap_read_unlock(mm);
	}
	mmput(mm);
	return r;
}
