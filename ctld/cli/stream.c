/* SPDX-License-Identifier: ISC */
/* Part of the postern command (caller's rights). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctld/cli/stream.h"

#define FIRST_READ 16384u

static int
read_first(struct vl *v)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov;
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = ctl.buf, .msg_controllen = sizeof(ctl.buf) };
	const struct cmsghdr *h;
	ssize_t k;
	int fd = -1;

	if ((v->buf = malloc(FIRST_READ)) == NULL)
		return -1;
	v->size = FIRST_READ;
	iov = (struct iovec){ v->buf, v->size };
	do
		k = recvmsg(v->fd, &m, MSG_CMSG_CLOEXEC);
	while (k < 0 && errno == EINTR);
	v->n = k > 0 ? (size_t)k : 0;
	h = k > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (h != NULL && h->cmsg_level == SOL_SOCKET &&
	    h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

json_t *
stream_recv(struct vl *v, int *stream)
{
	*stream = read_first(v);
	return vl_recv(v);
}
