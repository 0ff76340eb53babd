/* SPDX-License-Identifier: ISC */
/*
 * Runs in front, jail and net. Distrusts the descriptor and whoever passed
 * it. A tenant can give the control socket's name to a listener of its own
 * and lure others to connect there; but a socket's inode belongs to whoever
 * accepted it, and only the listener's own user can be the listener's. Nobody
 * else of that uid can accept: a connection's process has no such call.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/peer.h"
#include "common/wire.h"

static int
option(int fd, int name, int want)
{
	socklen_t n = sizeof(int);
	int v = -1;

	if (getsockopt(fd, SOL_SOCKET, name, &v, &n) < 0)
		return -1;
	if (n == sizeof(v) && v == want)
		return 0;
	errno = EPROTOTYPE;
	return -1;
}

int
peer_client(int fd, const struct sysconf *c, uint32_t *uid)
{
	struct statx x;
	uint32_t gid;

	if (option(fd, SO_DOMAIN, AF_UNIX) < 0 ||
	    option(fd, SO_TYPE, SOCK_STREAM) < 0)
		return -1;
	memset(&x, 0, sizeof(x));
	if (statx(fd, "", AT_EMPTY_PATH, STATX_UID, &x) < 0)
		return -1;
	if ((x.stx_mask & STATX_UID) == 0 || x.stx_uid != c->uid.client) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	return wire_peer(fd, uid, &gid);
}
