/* SPDX-License-Identifier: ISC */
/* See suprun.h. Runs in a test, as anybody, in the test's own directory. */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/ring.h"
#include "common/sysconf.h"
#include "common/sysx.h"
#include "common/vmfd.h"
#include "ctld/backend/backend.h"
#include "policy/privops.h"
#include "policy/seccomp.h"
#include "tests/lib/suprun.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define SOCK "sup.sock"
#define CHANNEL_SOCK "channel.sock"
#define HIGH 100	/* above every number that is arranged */

struct ends {
	int in[2], out[2], log[2], ctl[2], channel[CHANNELS_MAX][2];
};

static void
must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		_exit(126);
	}
}

static void
run_vmm(const struct ends *e, char *const argv[], int drive, unsigned channels)
{
	const int from[] = { e->in[0], e->out[1], e->log[1], e->ctl[1] };
	int hi[4], chan[CHANNELS_MAX], i;
	unsigned c;

	/* as in a pid namespace that ends with its init */
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, "prctl");
	for (i = 0; i < 4; i++)
		must((hi[i] = fcntl(from[i], F_DUPFD, HIGH)) >= 0, "dup");
	if (drive >= 0)
		must((drive = fcntl(drive, F_DUPFD, HIGH)) >= 0, "dup");
	for (c = 0; c < channels; c++)
		must((chan[c] = fcntl(e->channel[c][1], F_DUPFD, HIGH)) >= 0,
		    "dup");
	for (i = 0; i < 4; i++)
		must(dup2(hi[i], i) == i, "dup2");
	(void)sysx_close_range(VMM_FD_CTL + 1, HIGH - 1, 0);
	if (drive >= 0)
		must(dup2(drive, VMM_FD_DRIVE) >= 0, "dup2");
	for (c = 0; c < channels; c++)
		must(dup2(chan[c], VMM_FD_CHANNEL + (int)c) >= 0, "dup2");
	(void)sysx_close_range(HIGH, ~0U, 0);
	execv(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

/* Becomes vmsup. */
static void
run_sup(const struct suprun *r, const char *program, int lfd, int filter,
    char *const argv[], int drive, int tell, int clisten)
{
	int keep[SUP_FD_END - 3];
	char uid[16], kind[16], channels[16];
	struct ends e;
	unsigned i;
	pid_t v;

	must(pipe(e.in) == 0 && pipe(e.out) == 0 && pipe(e.log) == 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM, 0, e.ctl) == 0, "pipe");
	for (i = 0; i < r->channels; i++)
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, e.channel[i]) == 0,
		    "socketpair");
	/* in a jail it is pid 1, which reaps orphans */
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, "prctl");
	v = fork();
	must(v >= 0, "fork");
	if (v == 0)
		run_vmm(&e, argv, drive, r->channels);
	must(write(tell, &v, sizeof(v)) == sizeof(v), "tell");
	const int first[] = { lfd, r->console, r->log, e.in[1], e.out[0],
		e.log[0], e.ctl[0], sysx_pidfd_open(v), filter, clisten };
	memset(keep, -1, sizeof(keep));
	memcpy(keep, first, sizeof(first));
	for (i = 0; i < r->channels; i++)
		keep[SUP_FD_CHANNEL + i - 3] = e.channel[i][0];
	must(fd_arrange(keep, sizeof(keep) / sizeof(keep[0]), 3) == 0,
	    "fd_arrange");
	(void)snprintf(channels, sizeof(channels), "%u", r->channels);
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)getuid());
	(void)snprintf(kind, sizeof(kind), "%d", VMM_QEMU);
	execl(program, "vmsup", uid, kind, channels, NULL);
	_exit(127);
}

static int
listener(const char *path, int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	(void)unlink(path);
	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, bind(fd, (void *)&sun, sizeof(sun)));
	ATF_REQUIRE_EQ(0, listen(fd, 4));
	return fd;
}

void
suprun_start(struct suprun *r, const atf_tc_t *tc, char *const argv[],
    int drive)
{
	static struct sysconf conf;
	struct err e;
	int filter;

	sysconf_default(&conf);
	filter = seccomp_compile(SEC_SUP, &conf, &e);
	ATF_REQUIRE_MSG(filter >= 0, "%s", e.msg);
	suprun_start_with(r, tc, argv, drive, filter);
	close(filter);
}

static void
start(struct suprun *r, const atf_tc_t *tc, char *const argv[], int drive,
    int filter, unsigned channels)
{
	char program[512];
	int lfd, clisten = -1, tell[2];

	memset(r, 0, sizeof(*r));
	r->conn = -1;
	r->channels = channels;
	(void)snprintf(program, sizeof(program), "%s/../../vmsup",
	    atf_tc_get_config_var(tc, "srcdir"));
	r->console = ring_create("console", RING_CONSOLE);
	r->log = ring_create("log", RING_LOG);
	ATF_REQUIRE(r->console >= 0 && r->log >= 0);
	lfd = listener(SOCK, SOCK_SEQPACKET);
	if (channels > 0)
		clisten = listener(CHANNEL_SOCK, SOCK_STREAM);
	ATF_REQUIRE_EQ(0, pipe2(tell, O_CLOEXEC));
	r->pid = fork();
	ATF_REQUIRE(r->pid >= 0);
	if (r->pid == 0)
		run_sup(r, program, lfd, filter, argv, drive, tell[1],
		    clisten);
	close(lfd);
	fd_close(&clisten);
	close(tell[1]);
	ATF_REQUIRE_EQ((ssize_t)sizeof(r->vmm),
	    read(tell[0], &r->vmm, sizeof(r->vmm)));
	close(tell[0]);
}

void
suprun_start_with(struct suprun *r, const atf_tc_t *tc, char *const argv[],
    int drive, int filter)
{
	start(r, tc, argv, drive, filter, 0);
}

void
suprun_qemu(struct suprun *r, const atf_tc_t *tc, struct clreq_start *req,
    int drive)
{
	static char raw[SPAWN_ARGV_MAX], kernel[512], program[] = QEMU;
	static struct sysconf conf;
	static char *argv[256];
	struct backend_plan plan;
	ssize_t size, i;
	unsigned n = 0;
	struct err e;
	int filter;

	if (access(QEMU, X_OK) < 0)
		atf_tc_skip("no %s (package qemu-system-x86)", QEMU);
	sysconf_default(&conf);
	conf.accel = 0;
	req->cpus = 1;
	req->memory_mib = 16;
	req->net = NET_NONE;
	ATF_REQUIRE_EQ_MSG(0, backend_qemu.plan(&conf, req, 0, &plan, &e), "%s",
	    e.msg);
	size = fd_sealed_size(plan.argv_fd, sizeof(raw));
	ATF_REQUIRE(size > 0);
	ATF_REQUIRE_EQ(0, fd_unseal(plan.argv_fd, raw, (size_t)size));
	close(plan.argv_fd);
	(void)snprintf(kernel, sizeof(kernel), "%s/../guest/guest.elf",
	    atf_tc_get_config_var(tc, "srcdir"));
	for (i = 0; i < size; i += (ssize_t)strlen(raw + i) + 1)
		argv[n++] = strcmp(raw + i, VMM_PATH_KERNEL) == 0 ? kernel :
								    raw + i;
	argv[0] = program;
	argv[n] = NULL;
	filter = seccomp_compile(SEC_SUP, &conf, &e);
	ATF_REQUIRE_MSG(filter >= 0, "%s", e.msg);
	start(r, tc, argv, drive, filter, plan.spawn.channels);
	close(filter);
	suprun_connect(r);
}

/* One record. 1, or 0 after ms. A STATE is noted. */
static int
next(struct suprun *r, int ms)
{
	int k = wire_recv_wait(r->conn, &r->msg, ms);

	if (k < 0 && errno == ETIMEDOUT)
		return 0;
	ATF_REQUIRE_MSG(k == 1, "vmsup closed the connection; its log: %s",
	    suprun_ring(r->log));
	if (r->msg.h.type == SUPOP_STATE)
		memcpy(&r->st, r->msg.body, sizeof(r->st));
	return 1;
}

int
suprun_say(struct suprun *r, uint16_t op, const void *body, int fd)
{
	struct wire_hdr h = { .type = op, .seq = op };
	struct rep_hdr rep;

	ATF_REQUIRE_EQ(0, wire_send(r->conn, &h, body, supop_row(op)->req_len,
	    &fd, fd >= 0));
	do
		ATF_REQUIRE_MSG(next(r, 5000), "no answer to %u", op);
	while (r->msg.h.type != (op | WIRE_REPLY));
	ATF_REQUIRE_EQ(0, wire_check_reply(&r->msg, supop_row(op)));
	memcpy(&rep, r->msg.body, sizeof(rep));
	return rep.code;
}

static int
ask(struct suprun *r, uint16_t op, const void *body)
{
	return suprun_say(r, op, body, -1);
}

void
suprun_hello(struct suprun *r)
{
	struct supreq_hello q = { .version = SUP_VERSION };
	struct suprep_hello rep;

	ATF_REQUIRE_EQ(0, ask(r, SUPOP_HELLO, &q));
	memcpy(&rep, r->msg.body, sizeof(rep));
	r->st.state = rep.state;
	r->st.end = rep.end;
	r->st.wait_status = rep.wait_status;
	r->st.ready = rep.ready;
}

void
suprun_connect(struct suprun *r)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = SOCK };

	fd_close(&r->conn);
	r->conn = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ATF_REQUIRE_EQ(0, connect(r->conn, (void *)&sun, sizeof(sun)));
	suprun_hello(r);
}

int
suprun_ask(struct suprun *r, uint16_t op)
{
	uint64_t zero = 0;

	return ask(r, op, &zero);
}

int
suprun_ready(struct suprun *r, const char *text)
{
	struct supreq_ready q = { .text = "" };

	(void)strlcpy(q.text, text, sizeof(q.text));
	return ask(r, SUPOP_READY, &q);
}

int
suprun_state(struct suprun *r, uint32_t state, int ms)
{
	int64_t until = now_ms() + ms;

	while (r->st.state != state && now_ms() < until)
		(void)next(r, (int)(until - now_ms()));
	return r->st.state == state;
}

int
suprun_until_ready(struct suprun *r, int ms)
{
	int64_t until = now_ms() + ms;

	while (!r->st.ready && now_ms() < until)
		(void)next(r, (int)(until - now_ms()));
	return (int)r->st.ready;
}

int
suprun_end(struct suprun *r)
{
	int status;

	ATF_REQUIRE_EQ(0, suprun_ask(r, SUPOP_ACK_EXIT));
	ATF_REQUIRE_EQ(r->pid, waitpid(r->pid, &status, 0));
	fd_close(&r->conn);
	return status;
}

long
suprun_memory(const struct suprun *r, const char *what)
{
	char path[64], buf[4096];
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup",
	    (int)r->pid);
	ATF_REQUIRE(fd_slurp(AT_FDCWD, path, buf, sizeof(buf)) > 0);
	p = strstr(buf, what);
	ATF_REQUIRE(p != NULL);
	return strtol(p + strcspn(p, "0123456789"), NULL, 10);
}

const char *
suprun_ring(int fd)
{
	static char buf[RING_CONSOLE + 1];
	uint64_t pos = 0;
	ssize_t n = ring_read(fd, &pos, buf, sizeof(buf) - 1, NULL);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}
