/* SPDX-License-Identifier: ISC */
/*
 * Runs in front and jail. Distrusts the descriptor and whoever passed it.
 * The local name of an accepted socket is the listener's. In a namespace of
 * its own a tenant can give that name to any socket, also to one that it then
 * connects to a listener of root's, whose SO_PEERCRED names root: but the
 * peer of such a one has a name, as every listener does, and a client has not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/peer.h"
#include "common/wire.h"

static int
option(int fd, int name, int want, int code)
{
	socklen_t n = sizeof(int);
	int v = -1;

	if (getsockopt(fd, SOL_SOCKET, name, &v, &n) < 0)
		return -1;
	if (n == sizeof(v) && v == want)
		return 0;
	errno = code;
	return -1;
}

/* Accepted from a client: 0, else -1. */
static int
is_unnamed(int fd)
{
	struct sockaddr_un sun;
	socklen_t n = sizeof(sun);

	if (getpeername(fd, (struct sockaddr *)&sun, &n) < 0)
		return -1;
	if (n == sizeof(sun.sun_family))
		return 0;
	errno = EADDRINUSE;
	return -1;
}

int
peer_client(int fd, const struct sysconf *c, uint32_t *uid)
{
	char want[sizeof(c->run_dir) + sizeof(CONTROL_SOCKET) + 1];
	struct sockaddr_un sun;
	socklen_t n = sizeof(sun);
	uint32_t gid;

	if (option(fd, SO_DOMAIN, AF_UNIX, EPROTOTYPE) < 0 ||
	    option(fd, SO_TYPE, SOCK_STREAM, EPROTOTYPE) < 0 ||
	    option(fd, SO_ACCEPTCONN, 0, EISCONN) < 0)
		return -1;
	memset(&sun, 0, sizeof(sun));
	if (getsockname(fd, (struct sockaddr *)&sun, &n) < 0)
		return -1;
	(void)snprintf(want, sizeof(want), "%s/%s", c->run_dir,
	    CONTROL_SOCKET);
	if (n > sizeof(sun) || sun.sun_path[0] != '/' ||
	    strncmp(sun.sun_path, want, sizeof(sun.sun_path)) != 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	if (is_unnamed(fd) < 0)
		return -1;
	return wire_peer(fd, uid, &gid);
}
