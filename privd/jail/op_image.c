/* SPDX-License-Identifier: ISC */
/*
 * privd-jail, IMAGE: one open file for the VM. Checked here, whatever client,
 * ctld and front said of it; kept until SPAWN. A writable file is locked by
 * its own open file, which the VMM inherits: one writer for each, over every
 * VM, for as long as the VM lives, also when jail is restarted.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/file.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/image.h"
#include "privd/jail/op_check.h"

int
image_check(const struct req_image *q, unsigned nfds, struct err *e)
{
	int boot = q->kind == IMG_KERNEL || q->kind == IMG_INITRD;

	if (!boot && q->kind != IMG_DRIVE)
		return err_step(e, STEP_IMAGE, EINVAL, "kind %" PRIu32,
		    q->kind);
	if (boot ? q->index != 0 || nfds != 1 : q->index >= IMAGE_DRIVES_MAX)
		return err_step(e, STEP_IMAGE, EINVAL,
		    "index %" PRIu32 " with %u descriptors", q->index, nfds);
	return 0;
}

static int
take_boot(struct slot *s, struct op *o, const struct req_image *req)
{
	struct image *img = req->kind == IMG_KERNEL ? &s->kernel : &s->initrd;
	uint64_t max = req->kind == IMG_KERNEL ? IMAGE_KERNEL_MAX :
	    IMAGE_INITRD_MAX;
	struct stat st;

	if (img->fd >= 0)
		return err_step(&o->e, STEP_IMAGE, EEXIST, "given already");
	if (image_look(o->m->fds[0], 0, s->owner, &st, &o->e) < 0)
		return -1;
	img->size = (uint64_t)st.st_size;
	if (img->size < IMAGE_BOOT_MIN || img->size > max)
		return err_step(&o->e, STEP_IMAGE, EFBIG, "%s of %" PRIu64
		    " bytes is not within %llu and %" PRIu64,
		    req->kind == IMG_KERNEL ? "kernel" : "initrd", img->size,
		    IMAGE_BOOT_MIN, max);
	img->uid = st.st_uid;
	img->gid = st.st_gid;
	img->fd = fd_steal(&o->m->fds[0]);
	return OP_DONE;
}

/* A sealed memfd, the only thing here without a link, is on no disk. */
static int
limit_disk(const struct jail *j, const struct slot *s, const struct stat *st,
    struct err *e)
{
	struct cg_name n = slot_cg(s);

	if (st->st_nlink == 0 ||
	    (j->conf.disk_mib == 0 && j->conf.disk_ops == 0))
		return 0;
	if (!s->has_cgroup)
		return err_step(e, STEP_STATE, EBUSY, "LIMITS comes first");
	return cg_disk(&j->cg, &n, &j->conf, JAIL_FD_DISKS, st->st_dev, e);
}

static int
take_drive(const struct jail *j, struct slot *s, struct op *o,
    const struct req_image *req)
{
	struct drive *d = &s->drive[req->index];
	struct stat ro, rw;

	if (d->ro >= 0)
		return err_step(&o->e, STEP_IMAGE, EEXIST, "given already");
	if (image_look(o->m->fds[0], 0, s->owner, &ro, &o->e) < 0 ||
	    limit_disk(j, s, &ro, &o->e) < 0)
		return -1;
	if (o->m->nfds == 2) {
		if (image_look(o->m->fds[1], 1, s->owner, &rw, &o->e) < 0)
			return -1;
		if (ro.st_dev != rw.st_dev || ro.st_ino != rw.st_ino)
			return err_step(&o->e, STEP_IMAGE, EINVAL,
			    "the two descriptors are different files");
		if (flock(o->m->fds[1], LOCK_EX | LOCK_NB) < 0)
			return err_step(&o->e, STEP_IMAGE, EBUSY,
			    "image is written by another VM or program");
		d->rw = fd_steal(&o->m->fds[1]);
	}
	d->size = (uint64_t)ro.st_size;
	d->ro = fd_steal(&o->m->fds[0]);
	return OP_DONE;
}

int
op_image(struct jail *j, struct op *o, const struct req_image *req,
    struct rep_image *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);

	(void)rep;
	if (s == NULL || image_check(req, o->m->nfds, &o->e) < 0)
		return -1;
	if (s->spawning || s->pidfd >= 0 || s->adopted)
		return err_step(&o->e, STEP_STATE, EBUSY, "started already");
	return req->kind == IMG_DRIVE ? take_drive(j, s, o, req) :
					take_boot(s, o, req);
}
