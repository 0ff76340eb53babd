/* SPDX-License-Identifier: ISC */
/* Test code; see sendfds.h. */
#include <atf-c.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/lib/sendfds.h"

void
send_fds(int sock, const char *text, size_t n, const int *fds, unsigned nfds)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(SENDFDS_MAX * sizeof(int))];
	} c;
	struct iovec iov = { (void *)(uintptr_t)text, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = CMSG_SPACE(nfds * sizeof(int)) };

	ATF_REQUIRE(nfds <= SENDFDS_MAX);
	memset(&c, 0, sizeof(c));
	c.h.cmsg_level = SOL_SOCKET;
	c.h.cmsg_type = SCM_RIGHTS;
	c.h.cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(&c.h), fds, nfds * sizeof(int));
	ATF_REQUIRE_EQ((ssize_t)n, sendmsg(sock, &m, MSG_NOSIGNAL));
}
