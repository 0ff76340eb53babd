/* SPDX-License-Identifier: ISC */
/*
 * The client listener: accepts, asks the kernel who it is, counts, forks. It
 * never reads a byte from a client. Distrusts clients' numbers and pace;
 * believes SO_PEERCRED. Invariant: at most max_connections children, at most
 * its ceiling for each uid, some kept for root and admins, and a client that is refused is told why.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/wire.h"
#include "ctld/client/listener.h"
#include "ctld/client/serve.h"

#define CTLD_BUSY_MS 10000

static void
refuse(int fd, enum admit why, uint32_t limit, uint32_t used)
{
	enum ceiling i = why == ADMIT_PACE ? CEIL_CONNECT_RATE :
					     CEIL_CONNECTIONS;
	int node = why == ADMIT_FULL, n;
	char text[512], reason[256], count[16] = "null";

	if (used != UINT32_MAX)
		(void)snprintf(count, sizeof(count), "%u", used);
	ceiling_text(reason, sizeof(reason), i, node, limit, used, 1);
	if (why == ADMIT_DENIED)
		n = snprintf(text, sizeof(text),
		    "{\"error\":\"io.postern.Vm.Denied\",\"parameters\":"
		    "{\"reason\":\"you are not a member of the group that "
		    "may use VMs; ask the operator\"}}");
	else
		n = snprintf(text, sizeof(text),
		    "{\"error\":\"io.postern.Vm.QuotaExceeded\","
		    "\"parameters\":{\"resource\":\"%s%s\",\"limit\":%u,"
		    "\"used\":%s,\"reason\":\"%s\"}}",
		    node ? "node-" : "", ceilings[i].name, limit, count,
		    reason);
	/* with the NUL; a fresh socket takes it at once or never will */
	(void)send(fd, text, (size_t)n + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The connection's own process, from fork to exit. */
static void __attribute__((noreturn))
child(struct listener *l, int sock, int wire, uint32_t uid)
{
	static struct serve s;
	const int keep[] = { sock, wire, l->mountinfo, l->filter };
	size_t seed;

	log_init("ctld-client: connection", 0);
	if (fd_arrange(keep, 4, CHILD_FD_SOCK) < 0)
		fatal("descriptors");
	if (prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    prctl(PR_SET_NAME, "ctld-conn") < 0)
		fatal("prctl");
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		fatal("getrandom");
	json_object_seed(seed | 1); /* so that jansson opens no file for it */
	s.dns = l->conf->dns;
	policy_view(l->conf, uid, &s.policy);
	/* who else is served, and with which ceilings, is none of its
	 * business, nor of whoever takes it over */
	explicit_bzero(l->conf, sizeof(*l->conf));
	explicit_bzero(&l->conns, sizeof(l->conns));
	l->confine();
	conn_init(&s.c, CHILD_FD_SOCK, CHILD_FD_WIRE);
	s.mountinfo = CHILD_FD_MOUNTS;
	s.uid = uid;
	serve(&s);
	/* Client and ctld hear the end now, whatever the exit then waits for:
	 * closing a descriptor that the client sent may take for ever. */
	(void)shutdown(CHILD_FD_SOCK, SHUT_RDWR);
	(void)close(CHILD_FD_SOCK);
	(void)close(CHILD_FD_WIRE);
	_exit(0);
}

/* Tell ctld of the connection. 0, or -1 when ctld has ended. */
static int
tell(const struct listener *l, int wire, int sock, uint32_t uid)
{
	struct wire_hdr h = { .type = CLIENTOP_CONN };
	struct clreq_conn q = { .uid = uid };
	struct pollfd p = { .fd = l->ctld, .events = POLLOUT };
	const int fds[] = { wire, sock };

	while (wire_send(l->ctld, &h, &q, sizeof(q), fds, 2) < 0) {
		if (errno != EAGAIN)
			return -1;
		if (poll(&p, 1, CTLD_BUSY_MS) == 0)
			fatalx("ctld takes no connection for %d s",
			    CTLD_BUSY_MS / 1000);
	}
	return 0;
}

static void
serve_one(struct listener *l, int sock, uint32_t uid)
{
	int sv[2], theirs CLEANUP_FD = -1, mine CLEANUP_FD = -1;
	pid_t pid;

	if (wire_pair(sv) < 0) {
		log_warn("socketpair: %s", strerror(errno));
		return;
	}
	theirs = sv[0];
	mine = sv[1];
	if (tell(l, theirs, sock, uid) < 0)
		return; /* the loop sees the end of the wire */
	pid = fork();
	if (pid == 0)
		child(l, sock, mine, uid);
	if (pid < 0)
		log_warn("fork: %s", strerror(errno));
	else
		conns_add(&l->conns, pid, uid);
}

static void
accept_one(struct listener *l)
{
	int sock CLEANUP_FD = accept4(l->sock, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint32_t uid, gid, limit = 0, used = 0;
	enum admit a;

	if (sock < 0)
		return; /* gone again, or out of descriptors for a moment */
	if (wire_peer(sock, &uid, &gid) < 0)
		return;
	a = admit(&l->conns, l->conf, uid, now_ms(), &limit, &used);
	if (a == ADMIT_OK)
		serve_one(l, sock, uid);
	else
		refuse(sock, a, limit, used);
}

static void
reap(struct listener *l)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(l->signals, &si, sizeof(si)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		conns_remove(&l->conns, pid);
}

/* ctld's answers to CONN tell nothing that its end of the pair would not. */
static int
hear(const struct listener *l)
{
	static struct wire_msg m;
	int k;

	while ((k = wire_recv(l->ctld, &m)) == 1) {
		if (m.h.type != (CLIENTOP_CONN | WIRE_REPLY) ||
		    wire_check_reply(&m, &clientop_row(CLIENTOP_CONN)->w) < 0)
			fatalx("malformed record from ctld");
		wire_drop_fds(&m);
	}
	if (k == 0)
		return -1;
	if (errno != EAGAIN)
		fatal("wire to ctld");
	return 0;
}

void
listener_run(struct listener *l)
{
	struct pollfd p[3];
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    (l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		fatal("signalfd");
	p[0] = (struct pollfd){ .fd = l->ctld, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = l->signals, .events = POLLIN };
	p[2] = (struct pollfd){ .fd = l->sock, .events = POLLIN };
	for (;;) {
		if (poll(p, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			fatal("poll");
		}
		if (p[0].revents != 0 && hear(l) < 0)
			return;
		if (p[1].revents != 0)
			reap(l);
		if (p[2].revents != 0)
			accept_one(l);
	}
}
