// SPDX-License-Identifier: BSD-2-Clause
/*
 * /dev/psnap: each open of it collects and reads for itself.
 */
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "kernel-glue/linux-module/psnap_device.h"
#include "module.h"

struct opened {
	struct mutex	collecting;
	spinlock_t	lock;		/* of snapshot */
	struct snapshot	*snapshot;	/* the newest, NULL: none yet */
	struct rec_key	key;		/* so that identities compare over all collections of one open */
};

/* It tells what ptrace(2) would, of every process, and the identities of kernel objects. */
static bool
permitted(void)
{
	return capable(CAP_SYS_PTRACE) && (capable(CAP_CHECKPOINT_RESTORE) || capable(CAP_SYS_ADMIN));
}

static int
psnap_open(struct inode *inode, struct file *f)
{
	struct opened *o;
	__u32 secret[4];

	if (!permitted())
		return -EPERM;
	if ((o = kzalloc(sizeof *o, GFP_KERNEL)) == NULL)
		return -ENOMEM;
	mutex_init(&o->collecting);
	spin_lock_init(&o->lock);
	get_random_bytes(secret, sizeof secret);
	rec_key_make(&o->key, secret);
	memzero_explicit(secret, sizeof secret);
	f->private_data = o;
	return 0;
}

static int
psnap_release(struct inode *inode, struct file *f)
{
	struct opened *o = f->private_data;

	snapshot_put(o->snapshot);
	kfree_sensitive(o);
	return 0;
}

/* The newest, referenced, or NULL. */
static struct snapshot *
snapshot_of(struct opened *o)
{
	struct snapshot *s;

	spin_lock(&o->lock);
	if ((s = o->snapshot) != NULL)
		kref_get(&s->refs);
	spin_unlock(&o->lock);
	return s;
}

static void
publish(struct opened *o, struct snapshot *s)
{
	struct snapshot *old;

	spin_lock(&o->lock);
	old = o->snapshot;
	o->snapshot = s;
	spin_unlock(&o->lock);
	snapshot_put(old);
}

static int
collect_new(struct opened *o, struct psnap_collect *a, struct snapshot **made)
{
	struct collector c = { .key = &o->key, .pids = task_active_pid_ns(current), .users = current_user_ns(),
	    .mappings = a->flags & PSNAP_MAPPINGS };
	__s32 *pids = memdup_user(u64_to_user_ptr(a->pids), a->count * sizeof *pids);
	int r;

	if (IS_ERR(pids))
		return PTR_ERR(pids);
	if ((r = mutex_lock_interruptible(&o->collecting)) == 0) {
		*made = c.to = snapshot_new();
		r = c.to != NULL ? collect(&c, pids, a->count, &a->missing) : -ENOMEM;
		mutex_unlock(&o->collecting);
	}
	a->bytes = r == 0 ? c.to->len : 0;
	kfree(pids);
	return r;
}

static long
psnap_collect(struct opened *o, struct psnap_collect __user *user)
{
	struct psnap_collect a;
	struct snapshot *s = NULL;
	int r;

	if (copy_from_user(&a, user, sizeof a) != 0)
		return -EFAULT;
	if (a.flags & ~PSNAP_MAPPINGS || a.reserved != 0 || a.count == 0 || a.count > PSNAP_COLLECT_MAX || a.pids > ULONG_MAX)
		return -EINVAL;
	r = collect_new(o, &a, &s);
	if ((r == 0 || r == -ESRCH) && copy_to_user(user, &a, sizeof a) != 0)
		r = -EFAULT;
	if (r == 0)
		publish(o, s);
	else
		snapshot_put(s);
	return r;
}

static long
psnap_ioctl(struct file *f, unsigned int command, unsigned long arg)
{
	return command == PSNAP_COLLECT ? psnap_collect(f->private_data, (void __user *)arg) : -ENOTTY;
}

static ssize_t
psnap_read(struct file *f, char __user *to, size_t n, loff_t *at)
{
	struct snapshot *s = snapshot_of(f->private_data);
	ssize_t r;

	if (s == NULL)
		return 0;
	r = simple_read_from_buffer(to, n, at, s->bytes, s->len);
	snapshot_put(s);
	return r;
}

/* Its pages are the mapping's, too: they stay when the next collection takes this one's place. */
static int
psnap_mmap(struct file *f, struct vm_area_struct *vma)
{
	struct snapshot *s;
	int r;

	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	vma->vm_flags &= ~(VM_MAYWRITE | VM_MAYEXEC);
	if ((s = snapshot_of(f->private_data)) == NULL)
		return -ENODATA;
	r = remap_vmalloc_range(vma, s->bytes, vma->vm_pgoff);
	snapshot_put(s);
	return r;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = psnap_open,
	.release = psnap_release,
	.unlocked_ioctl = psnap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read = psnap_read,
	.mmap = psnap_mmap,
	.llseek = default_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "psnap",
	.mode = 0600,
	.fops = &operations,
};

module_misc_device(device);

MODULE_DESCRIPTION("state of processes in records, for PSNAP snapshots");
MODULE_LICENSE("Dual BSD/GPL");
