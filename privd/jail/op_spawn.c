/* SPDX-License-Identifier: ISC */
/*
 * privd-jail, SPAWN: everything that must happen in the host's mount
 * namespace and as jail, then the clone of S. The answer comes when S and V
 * have executed (pending.c). Whatever fails here leaves nothing but the
 * cgroups, namespace and images that were there before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "common/sysx.h"
#include "common/vmfd.h"
#include "policy/steps.h"
#include "privd/jail/dispatch.h"
#include "privd/jail/idmap.h"
#include "privd/jail/op_check.h"
#include "privd/jail/pending.h"
#include "privd/jail/spawn.h"
#include "privd/jail/vmm.h"

#define FSIZE_MIN (64ull << 20)	/* /run and memfds of the VMM */

int
spawn_check(const struct req_spawn *q, struct err *e)
{
	const struct vmm *v = vmm_get(q->vmm);

	if (v == NULL)
		return err_step(e, STEP_EXEC_VMM, EINVAL, "vmm %" PRIu32,
		    q->vmm);
	if ((q->flags & ~v->flags) != 0)
		return err_step(e, STEP_EXEC_VMM, EINVAL,
		    "flags 0x%" PRIx32 " are not for %s", q->flags, v->name);
	if (q->channels > CHANNELS_MAX || q->zero != 0)
		return err_step(e, STEP_EXEC_VMM, EINVAL, "%" PRIu32
		    " channels, and %d is the most", q->channels,
		    CHANNELS_MAX);
	return 0;
}

void
spawn_init(struct spawn *sp)
{
	unsigned i;

	*sp = (struct spawn){ .jailer = 1 };
	for (i = 0; i < SP_N; i++)
		sp->fd[i] = -1;
}

void
spawn_close(struct spawn *sp)
{
	unsigned i;

	for (i = 0; i < SP_N; i++)
		fd_close(&sp->fd[i]);
}

/* A duplicate of one of jail's own, so that spawn_close() closes all alike. */
static int
borrow(struct spawn *sp, enum spawn_fd to, int fd)
{
	if (fd < 0)
		return 0;
	sp->fd[to] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return sp->fd[to] < 0 ? -1 : 0;
}

static int
borrow_own(struct jail *j, const struct slot *s, const struct vmm *v,
    struct spawn *sp)
{
	unsigned i;

	if (borrow(sp, SP_TEMPLATE, j->template) < 0 ||
	    borrow(sp, SP_NETNS, s->netns) < 0 ||
	    borrow(sp, SP_FILTER_S, JAIL_FD_FILTER_S) < 0 ||
	    borrow(sp, SP_FILTER_SUP, JAIL_FD_FILTER_SUP) < 0 ||
	    borrow(sp, SP_FILTER_VMM, v->filter) < 0 ||
	    borrow(sp, SP_SUP, JAIL_FD_VMSUP) < 0)
		return -1;
	if ((sp->flags & SPAWN_TAP_FD) != 0 &&
	    borrow(sp, SP_DEV, JAIL_FD_DEV) < 0)
		return -1;
	sp->fsize = FSIZE_MIN;
	for (i = 0; i < IMAGE_DRIVES_MAX; i++) {
		if (borrow(sp, SP_DRIVE + 2 * i, s->drive[i].ro) < 0 ||
		    borrow(sp, SP_DRIVE + 2 * i + 1, s->drive[i].rw) < 0)
			return -1;
		if (s->drive[i].rw >= 0 && s->drive[i].size > sp->fsize)
			sp->fsize = s->drive[i].size;
	}
	return 0;
}

/* Only listening unix sockets may become vmsup's. */
static int
listens(int fd)
{
	int domain = 0, on = 0;
	socklen_t n = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
	    domain == AF_UNIX &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

static int
take_request(struct spawn *sp, struct wire_msg *m, struct err *e)
{
	if (!listens(m->fds[SPAWN_LISTEN]))
		return err_step(e, STEP_EXEC_SUP, EINVAL,
		    "vmsup's socket does not listen");
	if ((m->nfds > SPAWN_CHANNEL) != (sp->channels > 0) ||
	    (sp->channels > 0 && !listens(m->fds[SPAWN_CHANNEL])))
		return err_step(e, STEP_EXEC_SUP, EINVAL,
		    "channels and one listening socket for them go together");
	if (fcntl(m->fds[SPAWN_CONSOLE], F_GET_SEALS) < 0 ||
	    fcntl(m->fds[SPAWN_LOG], F_GET_SEALS) < 0 ||
	    fd_sealed_size(m->fds[SPAWN_ARGV], SPAWN_ARGV_MAX) < 0)
		return err_step(e, STEP_EXEC_SUP, EINVAL,
		    "rings or arguments are no sealed memfds");
	sp->fd[SP_LISTEN] = fd_steal(&m->fds[SPAWN_LISTEN]);
	sp->fd[SP_ARGV] = fd_steal(&m->fds[SPAWN_ARGV]);
	sp->fd[SP_CONSOLE] = fd_steal(&m->fds[SPAWN_CONSOLE]);
	sp->fd[SP_LOG] = fd_steal(&m->fds[SPAWN_LOG]);
	if (sp->channels > 0)
		sp->fd[SP_CHANNEL] = fd_steal(&m->fds[SPAWN_CHANNEL]);
	return 0;
}

/* A mount of the image, or the image itself to be copied by S. */
static int
map_image(const struct image *img, struct spawn *sp, enum spawn_fd to,
    uint64_t *copy, struct err *e)
{
	int must_copy;

	if (img->fd < 0)
		return 0;
	sp->fd[to] = idmap_image(img, sp->uid_vmm, sp->gid, &must_copy, e);
	if (sp->fd[to] >= 0)
		return 0;
	if (!must_copy)
		return -1;
	*copy = img->size;
	if (borrow(sp, to, img->fd) < 0)
		return err_step(e, STEP_IMAGE, errno, "dup");
	return 0;
}

static int
prepare(struct jail *j, const struct slot *s, struct spawn *sp,
    struct wire_msg *m, struct err *e)
{
	const struct vmm *v = vmm_get(sp->kind);
	struct cg_name n = slot_cg(s);

	if (v == NULL || take_request(sp, m, e) < 0)
		return -1;
	sp->needs_usr = v->needs_usr;
	sp->fd[SP_VMM] = vmm_pin(&j->conf, v, e);
	if (sp->fd[SP_VMM] < 0)
		return -1;
	if (borrow_own(j, s, v, sp) < 0)
		return err_step(e, STEP_CLONE, errno, "descriptors");
	if (map_image(&s->kernel, sp, SP_KERNEL, &sp->copy_kernel, e) < 0 ||
	    map_image(&s->initrd, sp, SP_INITRD, &sp->copy_initrd, e) < 0)
		return -1;
	if (cg_devices(&j->cg, &n, sp->flags, e) < 0 ||
	    cg_copy_room(&j->cg, &n, sp->copy_kernel + sp->copy_initrd,
		e) < 0)
		return -1;
	sp->fd[SP_CG_VMM] = cg_leaf(&j->cg, &n, CG_VMM);
	if (sp->fd[SP_CG_VMM] < 0 ||
	    cg_attach_fds(&j->cg, &n, &sp->fd[SP_CG1]) < 0)
		return err_step(e, STEP_CGROUP, errno, "open cgroups");
	return 0;
}

/* Clone S into its leaf; jail's end of the socket, or -1 with *e. */
static int
clone_s(struct jail *j, struct slot *s, struct spawn *sp, struct err *e)
{
	struct cg_name n = slot_cg(s);
	int leaf CLEANUP_FD = cg_leaf(&j->cg, &n, CG_SUP);
	int sync CLEANUP_FD = -1;
	int sv[2], pidfd;
	pid_t pid;

	if (leaf < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv) < 0)
		return err_step(e, STEP_CLONE, errno, "leaf or socket");
	sync = sv[0];
	sp->fd[SP_SYNC] = sv[1];
	pid = sysx_clone3(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS, leaf,
	    &pidfd);
	if (pid == 0)
		s_main(sp);
	if (pid < 0)
		return err_step(e, STEP_CLONE, errno, "clone3");
	s->pidfd = pidfd;
	s->child = 1;
	return fd_steal(&sync);
}

int
op_spawn(struct jail *j, struct op *o, const struct req_spawn *req,
    struct rep_spawn *rep)
{
	struct slot *s = slot_find(&j->slots, &o->m->h, &o->e);
	struct spawn sp;
	int sync = -1;

	(void)rep;
	if (s == NULL || spawn_check(req, &o->e) < 0)
		return -1;
	if (!s->has_cgroup || s->netns < 0 || s->spawning || s->killed ||
	    s->pidfd >= 0)
		return err_step(&o->e, STEP_STATE, EBUSY,
		    "not ready, or started already");
	spawn_init(&sp);
	sp.kind = req->vmm;
	sp.flags = req->flags;
	sp.channels = req->channels;
	sp.uid_sup = slot_uid_sup(&j->conf, s->slot);
	sp.uid_vmm = slot_uid_vmm(&j->conf, s->slot);
	sp.gid = slot_gid(&j->conf, s->slot);
	sp.uid_ctld = j->conf.uid.ctld;
	sp.jailer = (j->conf.compose & COMPOSE_JAILER) != 0;
	if (prepare(j, s, &sp, o->m, &o->e) == 0)
		sync = clone_s(j, s, &sp, &o->e);
	spawn_close(&sp);
	if (sync < 0)
		return -1;
	pending_add(j, s, &o->m->h, sync);
	return OP_LATER;
}
