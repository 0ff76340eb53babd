/* SPDX-License-Identifier: ISC */
/*
 * Part of the postern command (caller's rights). Believes the daemon, which
 * is reached by a path that only root can make, but not its size: an answer
 * is bounded, and every text in it is escaped before a terminal sees it.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <bsd/string.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "ctld/cli/client.h"
#include "ctld/cli/files.h"
#include "ctld/cli/text.h"

#define IFACE "io.postern.Vm."
#define ANSWER_MAX (64u << 20)
#define FDS_MAX FILES_MAX
#define AGAIN_MS 100
#define AGAIN_MOST_MS 10000

static int
no_daemon(struct cli *c, int code)
{
	const char *how = access("/run/systemd/system", F_OK) == 0 ?
	    "start it with: systemctl start postern" :
	    "start it with: ./quickstart";

	if (code == EACCES || code == EPERM)
		return vl_fail(c, "", EX_DENIED, IFACE "Denied", "",
		    "you may not open %s; ask to join its group, then log in "
		    "again", c->socket);
	return vl_fail(c, "", EX_NO_DAEMON, "io.postern.NotReached", "",
	    "the daemon is not running (%s: %s); %s", c->socket,
	    strerror(code), how);
}

int
vl_connect(const struct cli *c, struct vl *v)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd CLEANUP_FD = -1;

	memset(v, 0, sizeof(*v));
	v->fd = -1;
	if (strlcpy(sun.sun_path, c->socket, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -1;
	v->fd = fd_steal(&fd);
	return 0;
}

int
vl_open(struct cli *c, struct vl *v)
{
	if (vl_connect(c, v) == 0)
		return EX_DONE;
	if (errno == ENAMETOOLONG)
		return cli_usage(c, "--socket: path over %zu bytes",
		    sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	return no_daemon(c, errno);
}

void
vl_close(struct vl *v)
{
	fd_close(&v->fd);
	free(v->buf);
	memset(v, 0, sizeof(*v));
	v->fd = -1;
}

/* All bytes; descriptors go with the first of them. */
static int
send_all(int fd, const char *text, size_t n, const int *fds, unsigned nfds)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} ctl;
	struct iovec iov;
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t k;

	if (nfds > FDS_MAX)
		return -1;
	memset(&ctl, 0, sizeof(ctl));
	if (nfds > 0) {
		m.msg_control = ctl.buf;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		ctl.h.cmsg_level = SOL_SOCKET;
		ctl.h.cmsg_type = SCM_RIGHTS;
		ctl.h.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&ctl.h), fds, nfds * sizeof(int));
	}
	while (n > 0) {
		iov.iov_base = (void *)(uintptr_t)text;
		iov.iov_len = n;
		k = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		text += k;
		n -= (size_t)k;
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	return 0;
}

int
vl_send(struct vl *v, const char *method, json_t *params, int more,
    const int *fds, unsigned nfds)
{
	char *text CLEANUP_FREE = NULL;
	json_t *call = json_pack("{s:s+,s:o}", "method",
	    strchr(method, '.') != NULL ? "" : IFACE, method, "parameters",
	    params);

	if (call != NULL && more)
		(void)json_object_set_new(call, "more", json_true());
	text = call != NULL ? json_dumps(call, JSON_COMPACT) : NULL;
	json_decref(call);
	if (text == NULL)
		return -1;
	return send_all(v->fd, text, strlen(text) + 1, fds, nfds);
}

static int
room(struct vl *v)
{
	size_t size = v->size > 0 ? v->size * 2 : 16384;
	char *p;

	if (v->n < v->size)
		return 0;
	if (size > ANSWER_MAX || (p = realloc(v->buf, size)) == NULL)
		return -1;
	v->buf = p;
	v->size = size;
	return 0;
}

json_t *
vl_recv(struct vl *v)
{
	size_t from = 0, len;
	const char *nul;
	json_t *j;
	ssize_t k;

	for (;;) {
		nul = v->n > from ?
		    memchr(v->buf + from, '\0', v->n - from) : NULL;
		if (nul != NULL)
			break;
		from = v->n;
		if (room(v) < 0)
			return NULL;
		k = read(v->fd, v->buf + v->n, v->size - v->n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return NULL;
		v->n += (size_t)k;
	}
	len = (size_t)(nul - v->buf);
	j = json_loadb(v->buf, len, JSON_REJECT_DUPLICATES, NULL);
	v->n -= len + 1;
	memmove(v->buf, v->buf + len + 1, v->n);
	return j;
}

/* Members of typed errors, by which option the user said them. */
static const char *
option_of(const char *field, char *buf, size_t size)
{
	static const struct { const char *field, *option; } t[] = {
		{ "kernel_fd", "--kernel" }, { "initrd_fd", "--initrd" },
		{ "kernel", "--kernel" }, { "initrd", "--initrd" },
		{ "rootfs", "--rootfs" },
		{ "rootfs_fd", "--rootfs" }, { "rootfs_rw_fd", "--rootfs" },
		{ "kernel_path", "--kernel" }, { "initrd_path", "--initrd" },
		{ "rootfs_path", "--rootfs" }, { "memory_mib", "--memory" },
		{ "cpus", "--cpus" }, { "ports", "-p" },
		{ "allow", "--allow" }, { "volumes", "--volume" },
		{ "boot_args", "--boot-args" }, { "profile", "--profile" },
		{ "revision_hash", "--revision" },
		{ "flake_ref", "--flake-ref" }, { "grace_ms", "--grace" },
		{ "network", "--net" }, { "backend", "--backend" },
		{ "timeout_ms", "--timeout" }, { "ready", "--ready" },
		{ "lines", "-n" }, { "name", "NAME" }, { "port", "PORT" },
		{ "channel_ports", "--channel" },
	};
	size_t n = strcspn(field, "[."), i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (strlen(t[i].field) == n &&
		    strncmp(t[i].field, field, n) == 0) {
			(void)snprintf(buf, size, "%s%s", t[i].option,
			    field + n);
			return buf;
		}
	}
	return field;
}

static const char *
str(const json_t *params, const char *key)
{
	const char *s = json_string_value(json_object_get(params, key));

	return s != NULL ? s : "";
}

/* What helps a command in that state; NULL: whatever command it was. The
 * first that fits. */
static const struct {
	const char *command, *state, *remedy;
} remedies[] = {
	{ "start", "Running", "; postern restart starts it anew" },
	{ "rm", "Running", "; stop it first, or use postern rm -f" },
	{ "rm", "Paused", "; stop it first, or use postern rm -f" },
	{ "resume", "Running", "; only a paused VM is resumed" },
	{ "pause", "Paused", "; postern resume lets it go on" },
	{ "stop", "Stopped", "; nothing is to be done" },
	{ "stop", "Failed", "; see postern status for the reason" },
	{ "kill", "Stopped", "; nothing is to be done" },
	{ "kill", "Failed", "; see postern status for the reason" },
	{ NULL, "Stopped", "; start it with postern start" },
	{ NULL, "Failed", "; see postern status for the reason, start it "
	    "with postern start" },
};

static void
wrong_state(const char *command, const char *state, char *buf, size_t size)
{
	size_t i;

	if (strcmp(state, "PortClosed") == 0) {
		(void)strlcpy(buf, "the guest has not opened this port; is "
		    "its agent running? see postern logs", size);
		return;
	}
	if (strcmp(state, "PortBusy") == 0) {
		(void)strlcpy(buf, "somebody is connected to this port "
		    "already; one at a time", size);
		return;
	}
	for (i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (strcmp(remedies[i].state, state) == 0 &&
		    (remedies[i].command == NULL ||
			strcmp(remedies[i].command, command) == 0))
			break;
	(void)snprintf(buf, size, "not in this state: %s%s", state,
	    i < sizeof(remedies) / sizeof(remedies[0]) ? remedies[i].remedy :
							 "");
}

/* A guest's own end is not the host's failure. */
static void
host_failure(const json_t *p, char *buf, size_t size)
{
	const char *reason = str(p, "reason"), *code = str(p, "errno");

	if (strcmp(str(p, "step"), "boot") == 0 && reason[0] != '\0')
		(void)snprintf(buf, size, "it did not boot: %s; see postern "
		    "status", reason);
	else
		(void)snprintf(buf, size, "the host failed at step %s: "
		    "%s%s%s%s", str(p, "step"), code,
		    reason[0] != '\0' ? ": " : "", reason,
		    strcmp(code, "ENOSPC") == 0 ?
			"; make room on the daemon's disk" : "");
}

/* The sentence for people, without "postern start web: ". */
static void
sentence(const char *command, const char *error, const json_t *p, char *buf,
    size_t size)
{
	char opt[64];

	if (strcmp(error, "NotFound") == 0)
		(void)snprintf(buf, size, "no VM of that name; %s",
		    strcmp(command, "start") == 0 ||
			    strcmp(command, "run") == 0 ?
			"a new one needs --kernel FILE" :
			"see postern list -a");
	else if (strcmp(error, "AlreadyExists") == 0)
		(void)snprintf(buf, size, "the name is taken; start the old one "
		    "by its name alone, or remove it with postern rm");
	else if (strcmp(error, "InvalidArgument") == 0)
		(void)snprintf(buf, size, "%s: %s",
		    option_of(str(p, "field"), opt, sizeof(opt)),
		    str(p, "reason"));
	else if (strcmp(error, "QuotaExceeded") == 0)
		(void)snprintf(buf, size, "%s: %s", str(p, "resource"),
		    str(p, "reason"));
	else if (strcmp(error, "WrongState") == 0)
		wrong_state(command, str(p, "state")[0] != '\0' ?
			str(p, "state") : str(p, "reason"), buf, size);
	else if (strcmp(error, "MethodNotFound") == 0)
		(void)snprintf(buf, size, "no such method; see postern call "
		    "org.varlink.service.GetInterfaceDescription "
		    "'{\"interface\":\"io.postern.Vm\"}'");
	else if (strcmp(error, "Unsupported") == 0)
		(void)snprintf(buf, size, "backend %s cannot do this: %s",
		    str(p, "backend"), str(p, "operation"));
	else if (strcmp(error, "HostFailure") == 0)
		host_failure(p, buf, size);
	else
		(void)snprintf(buf, size, "%s", str(p, "reason")[0] != '\0' ?
			str(p, "reason") : error);
}

static int
status_of(const char *error)
{
	static const struct { const char *error; int code; } t[] = {
		{ "NotFound", EX_NOT_FOUND }, { "Denied", EX_DENIED },
		{ "QuotaExceeded", EX_QUOTA }, { "WrongState", EX_STATE },
		{ "TimedOut", EX_TIMED_OUT },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (strcmp(t[i].error, error) == 0)
			return t[i].code;
	}
	return EX_FAILED;
}

static void
tell(struct cli *c, const char *what, const json_t *error)
{
	const char *name = str(error, "error"), *dot = strrchr(name, '.');
	char text[640];

	if (c->json) {
		(void)json_dumpf(error, stdout, JSON_COMPACT);
		(void)putchar('\n');
		return;
	}
	sentence(c->cmd->name, dot != NULL ? dot + 1 : name,
	    json_object_get(error, "parameters"), text, sizeof(text));
	(void)fprintf(stderr, "postern %s: ", c->cmd->name);
	text_str(stderr, what);
	(void)fputs(what[0] != '\0' ? ": " : "", stderr);
	text_str(stderr, text);
	(void)putc('\n', stderr);
}

int
vl_fail(struct cli *c, const char *what, int code, const char *error,
    const char *field, const char *fmt, ...)
{
	char reason[512];
	json_t *e;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	e = json_pack("{s:s,s:{s:s}}", "error", error, "parameters", "reason",
	    reason);
	if (e == NULL) { /* not UTF-8 (a path), or out of memory */
		(void)fprintf(stderr, "postern %s: failed\n", c->cmd->name);
		return code;
	}
	if (field[0] != '\0')
		(void)json_object_set_new(json_object_get(e, "parameters"),
		    "field", json_string(field));
	tell(c, what, e);
	json_decref(e);
	return code;
}

int
vl_answer(struct cli *c, const char *what, json_t *answer, json_t **out)
{
	const char *error, *dot;

	*out = NULL;
	if (answer == NULL)
		return vl_fail(c, what, EX_NO_DAEMON,
		    "io.postern.NotReached", "",
		    "the daemon broke off before it answered, and may be "
		    "starting anew: look with postern list -a");
	error = json_string_value(json_object_get(answer, "error"));
	if (error != NULL) {
		tell(c, what, answer);
		dot = strrchr(error, '.');
		return status_of(dot != NULL ? dot + 1 : error);
	}
	*out = json_incref(json_object_get(answer, "parameters"));
	return EX_DONE;
}

int
vl_call(struct cli *c, const char *what, const char *method, json_t *params,
    const int *fds, unsigned nfds, json_t **out)
{
	struct vl v;
	json_t *answer;
	int r = vl_open(c, &v);

	*out = NULL;
	if (r != EX_DONE) {
		json_decref(params);
		return r;
	}
	/* who was refused finds the reason there, whatever the send gave */
	(void)vl_send(&v, method, params, 0, fds, nfds);
	answer = vl_recv(&v);
	r = vl_answer(c, what, answer, out);
	json_decref(answer);
	vl_close(&v);
	return r;
}

json_t *
vl_try(struct cli *c, const char *method, json_t *params)
{
	json_t *answer;
	struct vl v;

	if (vl_connect(c, &v) < 0) {
		json_decref(params);
		return NULL;
	}
	(void)vl_send(&v, method, params, 0, NULL, 0);
	answer = vl_recv(&v);
	vl_close(&v);
	return answer;
}

int
vl_again(const struct cli *c, struct vl *v, int64_t *broke)
{
	if (*broke == 0)
		*broke = now_ms();
	vl_close(v);
	while (now_ms() - *broke < AGAIN_MOST_MS) {
		(void)poll(NULL, 0, AGAIN_MS);
		if (vl_connect(c, v) == 0)
			return 0;
	}
	return -1;
}

int
vl_pending(const struct vl *v)
{
	return v->n > 0 && memchr(v->buf, '\0', v->n) != NULL;
}

json_t *
vl_name(struct cli *c, const char *typed)
{
	const char *slash = strchr(typed, '/');
	char owner[64];
	const struct passwd *pw;
	json_t *j;

	if (slash == NULL || (size_t)(slash - typed) >= sizeof(owner) ||
	    typed[0] < 'A' || strspn(typed, "0123456789") ==
		(size_t)(slash - typed)) {
		j = json_string(typed); /* no user's name: as it is */
	} else {
		memcpy(owner, typed, (size_t)(slash - typed));
		owner[slash - typed] = '\0';
		pw = getpwnam(owner);
		if (pw == NULL) {
			(void)vl_fail(c, typed, EX_FAILED,
			    IFACE "InvalidArgument", "name",
			    "there is no user %s", owner);
			return NULL;
		}
		j = json_sprintf("%u%s", pw->pw_uid, slash);
	}
	if (j == NULL)
		(void)vl_fail(c, "", EX_FAILED, IFACE "InvalidArgument",
		    "name", "say 1 to 63 of a-z, 0-9 and -");
	return j;
}

/* Is anybody there at all? The tables can be read without. */
static int
daemon_there(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, there;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	there = fd >= 0 && connect(fd, (const struct sockaddr *)&sun,
	    sizeof(sun)) == 0;
	if (fd >= 0)
		(void)close(fd);
	return there;
}

json_t *
vl_policy(struct cli *c)
{
	json_t *out = NULL, *d;

	if (!daemon_there(c->socket) || vl_call(c, "", "Policy",
	    json_object(), NULL, 0, &out) != EX_DONE)
		return NULL;
	d = json_incref(json_object_get(out, "policy"));
	json_decref(out);
	return d;
}
