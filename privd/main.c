/* SPDX-License-Identifier: ISC */
/*
 * privd: the starter. Runs as root from a supervisor, before any client is
 * heard; parses nothing but its own two options and the kernel's tables.
 * Distrusts its environment, its descriptors, every path and the owner of
 * every file it hands on. It makes what needs root, starts each role in its
 * final confinement, and then becomes front: no root process remains.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdutil.h"
#include "common/log.h"
#include "common/sysx.h"
#include "privd/starter.h"

#define CONF_DEFAULT SYSCONFDIR "/postern/postern.conf"
#define CONF_USER "_ctld-conf" /* whose ids are in the file that it reads */
#define CONF_ID 65534	       /* nobody, where there is no such user */
#define ENV_PREFIX "MICROVM_COMPOSE_"
#define ENV_MAX 16
#define LOCK_WAIT_MS 5000

struct options {
	const char *path;
	int given, down;
	uint32_t id[2];	/* uid and gid of conf */
	char *env[ENV_MAX + 1];
	char *notify, *watchdog; /* the service manager's */
};

_Noreturn static void
usage(void)
{
	(void)fprintf(stderr, "usage: privd [-D] [-c file] [-u uid[:gid]]\n");
	exit(2);
}

/* "UID" or "UID:GID", neither root's. */
static void
ids_get(uint32_t id[2], const char *text)
{
	char *end;
	unsigned long u, g;

	errno = 0;
	u = strtoul(text, &end, 10);
	g = u;
	if (*end == ':' && end != text)
		g = strtoul(end + 1, &end, 10);
	if (errno != 0 || *end != '\0' || u == 0 || u >= UINT32_MAX ||
	    g == 0 || g >= UINT32_MAX)
		fatalx("-u %s: say UID:GID, neither of them root's", text);
	id[0] = (uint32_t)u;
	id[1] = (uint32_t)g;
}

/* As /etc/passwd has it: no name service is asked by root. */
static void
conf_user(uint32_t id[2])
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *p;

	while (f != NULL && (p = fgetpwent(f)) != NULL)
		if (strcmp(p->pw_name, CONF_USER) == 0 && p->pw_uid != 0 &&
		    p->pw_gid != 0) {
			id[0] = p->pw_uid;
			id[1] = p->pw_gid;
		}
	if (f != NULL)
		(void)fclose(f);
}

static void
options_get(struct options *o, int argc, char *argv[])
{
	int c;

	*o = (struct options){ .path = CONF_DEFAULT, .id = { CONF_ID, CONF_ID } };
	conf_user(o->id);
	while ((c = getopt(argc, argv, "Dc:u:")) != -1) {
		switch (c) {
		case 'D':
			o->down = 1;
			break;
		case 'c':
			o->path = optarg;
			o->given = 1;
			break;
		case 'u':
			ids_get(o->id, optarg);
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

static char *
variable(const char *name)
{
	const char *v = getenv(name);
	char *copy = v != NULL ? strdup(v) : NULL;

	if (v != NULL && copy == NULL)
		fatalx("out of memory");
	return copy;
}

/* All that may pass on is what conf reads of the environment. */
static void
environment(struct options *o)
{
	extern char **environ;
	size_t i, n = 0;

	for (i = 0; environ != NULL && environ[i] != NULL; i++) {
		if (strncmp(environ[i], ENV_PREFIX, strlen(ENV_PREFIX)) != 0)
			continue;
		if (n == ENV_MAX || strlen(environ[i]) > 255)
			fatalx("the environment has too many or too long "
			    ENV_PREFIX "* variables");
		o->env[n++] = strdup(environ[i]);
		if (o->env[n - 1] == NULL)
			fatalx("out of memory");
	}
	o->notify = variable("NOTIFY_SOCKET");
	o->watchdog = variable("WATCHDOG_USEC");
	if (clearenv() != 0)
		fatalx("clearenv failed");
}

static void
signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		(void)sigaction(i, &sa, NULL); /* some cannot be changed */
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		fatal("sigprocmask");
}

/* The configuration's directory, checked; *name is the last component. -1
 * for a default directory that is not there. */
static int
conf_dir(const struct options *o, char **name)
{
	static char path[PATH_MAX];
	struct stat st;
	char *slash;
	int fd;

	if (strlen(o->path) >= sizeof(path))
		fatalx("-c: the path is longer than %zu bytes",
		    sizeof(path) - 1);
	(void)memcpy(path, o->path, strlen(o->path) + 1);
	slash = strrchr(path, '/');
	*name = slash != NULL ? slash + 1 : path;
	if ((*name)[0] == '\0')
		fatalx("-c %s: names a directory; name the file", o->path);
	if (slash != NULL)
		*slash = '\0';
	fd = open(slash == NULL	     ? "." :
		slash == path ? "/" :
				path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !o->given)
		return -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		fatal("%s: its directory cannot be opened", o->path);
	if (st.st_uid != 0 ||
	    ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0))
		fatalx("%s: its directory must be root's and writable by "
		    "nobody else", o->path);
	if (fstatat(fd, *name, &st, 0) == 0 &&
	    (st.st_uid != 0 || (st.st_mode & 022) != 0))
		fatalx("%s: say chown root and chmod go-w; whoever writes it "
		    "is root on this host", o->path);
	return fd;
}

static void
sanitise(struct options *o, int argc, char *argv[])
{
	int null;

	if (argc < 1 || fd_std() < 0 || sysx_close_range(3, ~0U, 0) < 0)
		_exit(1);
	log_init("privd", 0);
	options_get(o, argc, argv);
	environment(o);
	signals();
	(void)umask(077);
	/* only standard error goes on to the roles: their log */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		fatal("/dev/null");
	(void)close(null);
	if (getuid() != 0 || geteuid() != 0)
		fatalx("must be started by root");
}

static void
must(int result, const struct err *e)
{
	if (result < 0)
		fatalx("%s: %s", e->msg, strerror(e->code));
}

int
main(int argc, char *argv[])
{
	static struct starter s;
	struct options o;
	struct err e = { 0 };
	char *name;
	int dir;

	sanitise(&o, argc, argv);
	dir = conf_dir(&o, &name);
	if (chdir("/") < 0)
		fatal("/");
	must(conf_run(&s, dir, name, !o.given, o.id, o.env, &e), &e);
	fd_close(&dir);
	log_init("privd", s.conf.debug != 0);
	must(dirs_run(&s, &e), &e);
	must(lock_take(&s, LOCK_WAIT_MS, &e), &e);
	if (o.down)
		return down(&s);
	must(dirs_rest(&s, &e), &e);
	modules_load();
	must(notify_open(&s, o.notify, o.watchdog, &e), &e);
	must(cg_start(&s.cg, &s.conf, &e), &e);
	must(forward_save(s.run_dir, &s.was_off, &e), &e);
	legacy_hook(&s.conf);
	must(roles_start(&s, &e), &e);
	return 1;
}
