/* SPDX-License-Identifier: ISC */
/*
 * Runs in ctld. The directory is ctld's own and others may only pass through
 * it; its descriptor is held, so every name is resolved beneath that. The
 * name is the VM's id, 19 characters of our own making.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/channel.h"
#include "ctld/ctld.h"
#include "ctld/sup_client.h"
#include "ctld/vm.h"

#define BACKLOG 8

int
channel_listen(const struct vm *vm)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd CLEANUP_FD = -1, k;
	mode_t mask;

	/* sockets have no bindat(2) */
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s",
	    vm->ctld->channel_dir, vm->pub.id);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* anybody may knock: bind(2) takes 0777 less this */
	mask = umask(0111);
	k = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	(void)umask(mask);
	if (k < 0)
		return -1;
	if (listen(fd, BACKLOG) < 0) {
		channel_unlink(vm);
		return -1;
	}
	return fd_steal(&fd);
}

void
channel_unlink(const struct vm *vm)
{
	if (unlinkat(vm->ctld->channel_dir, vm->pub.id, 0) < 0 &&
	    errno != ENOENT)
		log_warn("vm=%s channel socket: %s", vm->pub.id,
		    strerror(errno));
}

void
channel_path(const struct vm *vm, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s/channel/%s", vm->ctld->conf.run_dir,
	    vm->pub.id);
}

void
channel_sweep(struct ctld *c)
{
	int fd = openat(c->channel_dir, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;
	struct vm *vm;

	if (dir == NULL)
		fatal("channel directory");
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		vm = vm_is_id(d->d_name) ? vm_by_id(c->vms, d->d_name) : NULL;
		if (vm == NULL || vm->pub.slot == UINT32_MAX)
			(void)unlinkat(c->channel_dir, d->d_name, 0);
	}
	(void)closedir(dir);
}

void
channel_greet(const struct vm *vm, struct sup *s)
{
	const struct sysconf *c = &vm->ctld->conf;
	static struct supreq_channels q;
	unsigned i;

	if (vm->spec.nchannels == 0)
		return;
	memset(&q, 0, sizeof(q));
	q.owner = vm->pub.owner;
	q.nports = vm->spec.nchannels;
	for (i = 0; i < q.nports && i < CHANNELS_MAX; i++)
		q.ports[i] = vm->spec.channels[i];
	for (i = 0; i < c->nadmins && i < SUP_ADMINS_MAX; i++)
		q.admins[q.nadmins++] = c->admins[i];
	(void)sup_channels(s, &q);
	if (vm->start != NULL && vm->spec.ready == READY_AGENT)
		(void)sup_ready_port(s, CHANNEL_AGENT);
}
