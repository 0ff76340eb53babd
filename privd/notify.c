/* SPDX-License-Identifier: ISC */
/*
 * Runs as root in the starter: front has no environment and may open nothing,
 * so it gets a connected socket on which to tell a service manager that it is
 * ready and still alive. Distrusts the environment: a value that is not what
 * sd_notify(3) describes ends the start.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/fdutil.h"
#include "common/rolefd.h"
#include "privd/starter.h"

static int
watchdog_check(const char *usec, struct err *e)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(usec, &end, 10);
	if (errno != 0 || end == usec || *end != '\0')
		return err_field(e, "WATCHDOG_USEC", EINVAL, "%s is no number",
		    usec);
	if (v < 2000ULL * NOTIFY_PING_MS)
		return err_field(e, "WATCHDOG_USEC", EINVAL, "%s is shorter "
		    "than two pings; say WatchdogSec=%d or more", usec,
		    2 * NOTIFY_PING_MS / 1000);
	return 0;
}

int
notify_open(struct starter *s, const char *where, const char *usec,
    struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = where != NULL ? strlen(where) : 0;
	int fd CLEANUP_FD = -1;

	s->notify = -1;
	if (where == NULL)
		return 0;
	if ((where[0] != '/' && where[0] != '@') || n < 2 ||
	    n >= sizeof(sun.sun_path))
		return err_field(e, "NOTIFY_SOCKET", EINVAL, "%s is neither a "
		    "path nor an abstract name", where);
	if (usec != NULL && watchdog_check(usec, e) < 0)
		return -1;
	memcpy(sun.sun_path, where, n);
	if (where[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return err_field(e, "NOTIFY_SOCKET", errno, "%s", where);
	s->notify = fd_steal(&fd);
	return 0;
}
