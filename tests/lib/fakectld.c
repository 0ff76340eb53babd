/* SPDX-License-Identifier: ISC */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bsd/string.h>

#include "config.h"
#include "common/fdutil.h"
#include "common/ring.h"
#include "common/sysconf.h"
#include "common/rolefd.h"
#include "common/sandbox.h"
#include "ctld/client/listener.h"
#include "policy/clientops.h"
#include "policy/seccomp.h"
#include "policy/steps.h"
#include "tests/lib/fakectld.h"

#define WIRES 600

struct fake {
	int listener;
	unsigned n;
	int wire[WIRES], sock[WIRES];
	int grow;		/* ring that is written to, or -1 */
	struct ring ring;
	unsigned grown;
};

static void
canned_vm(struct cl_vm *vm, const char *name)
{
	memset(vm, 0, sizeof(*vm));
	(void)strlcpy(vm->id, "vm-0123456789abcdef", sizeof(vm->id));
	(void)strlcpy(vm->name, name, sizeof(vm->name));
	vm->owner = 61050;
	vm->status = VM_RUNNING;
	vm->cpus = 2;
	vm->memory_mib = 512;
	vm->backend = BACKEND_QEMU;
	vm->net = NET_NAT;
	vm->vm_addr = 0x0ac80003;
	vm->host_addr = 0x0ac80002;
	vm->created_ms = vm->started_ms = 1772323199000;
	vm->nports = 1;
	vm->ports[0] = (struct net_port){ .host = 8080, .guest = 80,
		.proto = 6 };
	if (strcmp(name, "failed") == 0) {
		vm->status = VM_FAILED;
		(void)strlcpy(vm->reason, "panic \033[31mred",
		    sizeof(vm->reason));
	}
}

/* The error that a name asks for. */
static int
canned_error(const char *name, struct rep_cl *r)
{
	static const struct { const char *name; enum cl_error error; } t[] = {
		{ "absent", CLE_NOT_FOUND }, { "taken", CLE_EXISTS },
		{ "denied", CLE_DENIED }, { "quota", CLE_QUOTA },
		{ "late", CLE_TIMEOUT }, { "hostfail", CLE_HOST },
		{ "halted", CLE_STATE }, { "nosuch", CLE_UNSUPPORTED },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (strcmp(t[i].name, name) != 0)
			continue;
		r->error = (uint16_t)t[i].error;
		r->code = ENOSPC;
		r->step = STEP_CGROUP;
		r->limit = r->used = 20;
		(void)strlcpy(r->field, "vms", sizeof(r->field));
		(void)strlcpy(r->reason, "canned", sizeof(r->reason));
		if (r->error == CLE_QUOTA)
			ceiling_text(r->reason, sizeof(r->reason), CEIL_VMS, 0,
			    20, 20, 1);
		return 1;
	}
	return 0;
}

static int
console(struct fake *f, const char *name, uint32_t *flags)
{
	static const char evil[] = "safe\r\n\033]0;title\007\033[2Jbell\n";
	struct ring r;
	char line[32];
	int fd, i;

	if (strcmp(name, "evil") == 0)
		return fd_sealed("log", evil, sizeof(evil) - 1);
	*flags = CL_LOGS_RING;
	fd = ring_create("log", RING_CONSOLE);
	if (fd < 0 || ring_map(&r, fd) < 0)
		err(1, "ring");
	if (strcmp(name, "grow") == 0 || strncmp(name, "vm-", 3) == 0) {
		f->grow = 0;
		f->ring = r;
		f->grown = 0;
		return fd;
	}
	for (i = 0; i < (strcmp(name, "full") == 0 ? 9000 : 100); i++) {
		(void)snprintf(line, sizeof(line), "line %d\n", i);
		ring_put(&r, line, strlen(line));
	}
	return fd;
}

static void
send_reply(int wire, const struct wire_msg *m, const void *body, size_t n,
    const int *fds, unsigned nfds)
{
	if (wire_reply(wire, m, body, n, fds, nfds) < 0 && errno != EPIPE)
		err(1, "wire_reply");
}

static void
answer_list(int wire, const struct wire_msg *m)
{
	const struct clreq_list *q = (const void *)m->body;
	struct clrep_list r = { .n = q->flags & CL_LIST_ALL ? 3 : 1 };
	static const char *const names[] = { "web", "failed", "other" };
	struct cl_vm vms[3];
	uint32_t i;
	int fd;

	for (i = 0; i < 3; i++)
		canned_vm(&vms[i], names[i]);
	fd = fd_sealed("list", vms, r.n * sizeof(vms[0]));
	send_reply(wire, m, &r, sizeof(r), &fd, 1);
	(void)close(fd);
}

static void
answer_get(int wire, const struct wire_msg *m, const char *name)
{
	struct clrep_get r = { 0 };

	canned_vm(&r.vm, name);
	r.net_up.mode = strcmp(name, "nonet") == 0 ? NET_NONE : NET_NAT;
	r.net_up.nports = 1;
	r.net_up.ports[0] = r.vm.ports[0];
	r.net_up.nallow = 1;
	r.net_up.allow[0] = (struct net_allow){ .addr = 0xc0000200,
		.prefix = 24, .proto = 6, .port_lo = 80, .port_hi = 443 };
	r.vm.nallow = 1;
	send_reply(wire, m, &r, sizeof(r), NULL, 0);
}

static void
answer_start(int wire, const struct wire_msg *m)
{
	const struct clreq_start *q = (const void *)m->body;
	struct clrep_start r = { 0 };

	canned_vm(&r.vm, q->name);
	/* echo: how many descriptors, cpus and memory */
	r.vm.cpus = q->cpus;
	r.vm.memory_mib = q->memory_mib;
	r.vm.owner = m->nfds;
	r.vm.nports = q->net_up.nports;
	memcpy(r.vm.ports, q->net_up.ports, sizeof(r.vm.ports));
	send_reply(wire, m, &r, sizeof(r), NULL, 0);
}

static void
answer_boot(int wire, const struct wire_msg *m, const char *name)
{
	struct clrep_boot r = { 0 };

	canned_vm(&r.vm, name);
	r.vm.owner = m->nfds;
	send_reply(wire, m, &r, sizeof(r), NULL, 0);
}

/* Defined with the file "kernel" of the directory that the test runs in. */
static void
answer_definition(int wire, const struct wire_msg *m, const char *name)
{
	struct clrep_definition r = { 0 };

	(void)strlcpy(r.spec.name, name, sizeof(r.spec.name));
	r.spec.owner = strcmp(name, "foreign") == 0 ? 4242 : geteuid();
	r.spec.flags = strcmp(name, "pathless") == 0 ? 0 : CL_PATHS;
	if (strcmp(name, "fleeting") == 0)
		r.spec.flags |= CL_RM;
	r.spec.cpus = 1;
	r.spec.net = NET_NAT;
	(void)strlcpy(r.spec.kernel_path, "kernel",
	    sizeof(r.spec.kernel_path));
	send_reply(wire, m, &r, sizeof(r), NULL, 0);
}

static void
answer_wait(int wire, const struct wire_msg *m, const char *name)
{
	struct clrep_wait r = { 0 };

	/* by id: of run */
	canned_vm(&r.vm, strncmp(name, "vm-", 3) == 0 ? "failed" : name);
	send_reply(wire, m, &r, sizeof(r), NULL, 0);
}

static void
answer_events(int wire, const struct wire_msg *m)
{
	struct clrep_events r = { .n = 2 };
	unsigned i;

	for (i = 0; i < r.n; i++) {
		r.ev[i].seq = i + 1;
		r.ev[i].ms = 1772323200000 + 1000 * (i + 1);
		r.ev[i].owner = 1;
		r.ev[i].kind = i == 0 ? EVENT_STARTED : EVENT_FAILED;
		(void)strlcpy(r.ev[i].name, "web", sizeof(r.ev[i].name));
		(void)strlcpy(r.ev[i].id, "vm-0123456789abcdef",
		    sizeof(r.ev[i].id));
	}
	(void)strlcpy(r.ev[1].reason, "panic \033[31m",
	    sizeof(r.ev[1].reason));
	send_reply(wire, m, &r, sizeof(r), NULL, 0);
}

static void
answer_backends(int wire, const struct wire_msg *m)
{
	struct clrep_backends r = { .n = 1 };

	(void)strlcpy(r.b[0].name, "qemu", sizeof(r.b[0].name));
	(void)strlcpy(r.b[0].why, "not there", sizeof(r.b[0].why));
	send_reply(wire, m, &r, sizeof(r), NULL, 0);
}

static const char *
name_of(const struct wire_msg *m)
{
	if (m->h.type == CLIENTOP_START || m->h.type == CLIENTOP_CREATE)
		return ((const struct clreq_start *)(const void *)
			    m->body)->name;
	if (m->h.type == CLIENTOP_LIST || m->h.type == CLIENTOP_EVENTS ||
	    m->h.type == CLIENTOP_BACKENDS)
		return "";
	return ((const struct cl_ref *)(const void *)m->body)->name;
}

static void
answer(struct fake *f, int wire, const struct wire_msg *m)
{
	const struct clientop_row *row = clientop_row(m->h.type);
	unsigned char body[WIRE_BODY_MAX] = { 0 };
	struct clrep_logs logs = { 0 };
	const char *name = name_of(m);
	int fd;

	if (row == NULL || wire_check_request(m, &row->w) < 0)
		errx(1, "malformed request");
	if (strcmp(name, "stuck") == 0)
		return;
	if (canned_error(name, (struct rep_cl *)(void *)body)) {
		send_reply(wire, m, body, row->w.rep_len, NULL, 0);
		return;
	}
	switch (m->h.type) {
	case CLIENTOP_LIST:
		answer_list(wire, m);
		break;
	case CLIENTOP_GET:
		answer_get(wire, m, name);
		break;
	case CLIENTOP_START:
	case CLIENTOP_CREATE:
		answer_start(wire, m);
		break;
	case CLIENTOP_BOOT:
		answer_boot(wire, m, name);
		break;
	case CLIENTOP_DEFINITION:
		answer_definition(wire, m, name);
		break;
	case CLIENTOP_WAIT:
		answer_wait(wire, m, name);
		break;
	case CLIENTOP_EVENTS:
		answer_events(wire, m);
		break;
	case CLIENTOP_BACKENDS:
		answer_backends(wire, m);
		break;
	case CLIENTOP_LOGS:
		fd = console(f, name, &logs.flags);
		send_reply(wire, m, &logs, sizeof(logs), &fd, 1);
		(void)close(fd);
		break;
	default:
		send_reply(wire, m, body, row->w.rep_len, NULL, 0);
		break;
	}
}

static void
new_conn(struct fake *f, struct wire_msg *m)
{
	struct clrep_conn r = { 0 };

	if (m->h.type != CLIENTOP_CONN ||
	    wire_check_request(m, &clientop_row(CLIENTOP_CONN)->w) < 0 ||
	    f->n == WIRES)
		errx(1, "CONN");
	f->wire[f->n] = fd_steal(&m->fds[0]);
	f->sock[f->n++] = fd_steal(&m->fds[1]);
	send_reply(f->listener, m, &r, sizeof(r), NULL, 0);
}

static void
tick(struct fake *f)
{
	char line[32];

	if (f->grow < 0)
		return;
	(void)snprintf(line, sizeof(line), "grown %u\n", f->grown);
	ring_put(&f->ring, line, strlen(line));
	if (++f->grown == 10) {
		ring_close(&f->ring);
		f->grow = -1;
	}
}

static _Noreturn void
fake_run(struct fake *f)
{
	static struct wire_msg m;
	struct pollfd p[WIRES + 1];
	unsigned i;
	int k;

	for (;;) {
		p[0] = (struct pollfd){ .fd = f->listener,
			.events = POLLIN };
		for (i = 0; i < f->n; i++)
			p[i + 1] = (struct pollfd){ .fd = f->wire[i],
				.events = POLLIN };
		(void)poll(p, f->n + 1, 40);
		tick(f);
		for (i = f->n; i-- > 0;) {
			if (p[i + 1].revents == 0)
				continue;
			k = wire_recv(f->wire[i], &m);
			if (k == 1)
				answer(f, f->wire[i], &m);
			wire_drop_fds(&m);
			if (k == 1 || (k < 0 && errno == EAGAIN))
				continue;
			(void)close(f->wire[i]);
			(void)close(f->sock[i]);
			f->n--;
			f->wire[i] = f->wire[f->n];
			f->sock[i] = f->sock[f->n];
		}
		if (p[0].revents != 0) {
			k = wire_recv(f->listener, &m);
			if (k == 0)
				_exit(0);
			if (k == 1)
				new_conn(f, &m);
			wire_drop_fds(&m);
		}
	}
}

static void
unconfined(void)
{
}

/* The listener's code in this process, as a test may run it without root. */
static void
listen_here(int ctld, int sock, struct sysconf *c)
{
	struct listener l = { .ctld = ctld, .sock = sock, .filter = -1,
		.conf = c, .confine = unconfined };

	l.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (l.mountinfo < 0 || fcntl(sock, F_SETFL, O_NONBLOCK) < 0)
		err(1, "listener");
	listener_run(&l);
	_exit(0);
}

/* The real program in its role. */
static void __attribute__((unused))
listen_role(int ctld, int sock, const struct sysconf *c, const char *program)
{
	char *argv[] = { (char *)(uintptr_t)"ctld-client", NULL };
	char *env[] = { NULL };
	struct err e;
	int conf = fd_sealed("sysconf", c, sizeof(*c));
	int own = seccomp_compile(SEC_CLIENT, c, &e);
	int child = seccomp_compile(SEC_CLIENT_CHILD, c, &e);
	const int keep[] = { conf, own, ctld, sock, child };

	if (conf < 0 || own < 0 || child < 0)
		errx(1, "filters");
	if (fd_arrange(keep, 5, RFD_CONF) < 0)
		err(1, "fd_arrange");
	role_become(ROLE_CLIENT, c->uid.client, c->uid.client);
	(void)execve(program, argv, env);
	err(1, "%s", program);
}

static void
configure(struct sysconf *c, uint32_t uid)
{
	sysconf_default(c);
	c->uid = (struct sysconf_uids){ 61001, 61002, 61003, 61004, 61005,
		61006, 61007 };
	c->gid = c->uid;
	c->group = 61010;
	c->nmembers = 1;
	c->members[0] = uid;
	c->fallback.connect_rate = 1000; /* what it refuses is not at stake */
}

pid_t
fakectld_start(const struct fakectld *f)
{
	static struct sysconf c;
	static struct fake fake;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int sv[2], sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)strlcpy(sun.sun_path, f->socket, sizeof(sun.sun_path));
	(void)unlink(f->socket);
	if (sock < 0 ||
	    bind(sock, (const struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    chmod(f->socket, 0666) < 0 || listen(sock, 128) < 0 ||
	    wire_pair(sv) < 0)
		err(1, "%s", f->socket);
	configure(&c, f->uid);
	pid = fork();
	if (pid != 0) {
		(void)close(sock);
		(void)close(sv[0]);
		(void)close(sv[1]);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fork() == 0) {
		(void)close(sv[0]);
#ifndef WITH_SANITIZERS /* whose runtime makes calls of its own */
		if (f->program != NULL)
			listen_role(sv[1], sock, &c, f->program);
#endif
		listen_here(sv[1], sock, &c);
	}
	(void)close(sock);
	(void)close(sv[1]);
	fake.listener = sv[0];
	fake.grow = -1;
	fake_run(&fake);
}
