/* SPDX-License-Identifier: ISC */
/*
 * Runs the real programs of roles in a test's own instance, as the starter
 * does: same confinement, same descriptors. As root. Failures end the test
 * with a message (they are the harness's, not the product's).
 */
#ifndef TESTS_ROLEHARNESS_H
#define TESTS_ROLEHARNESS_H

#include <stdint.h>
#include <sys/types.h>

#include "common/sandbox.h"
#include "common/sysconf.h"

enum { RH_FRONT = 61001, RH_NET, RH_JAIL, RH_CTLD, RH_CLIENT, RH_CONF,
	RH_FETCH, RH_GROUP = 61010, RH_TENANT = 61050, RH_TENANT2 };

_Noreturn void rh_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
#define RH(x) rh_must((long)(x), #x, __FILE__, __LINE__)
int rh_must(long r, const char *what, const char *file, int line);

/* A valid configuration of this instance; both tenants are members. */
void rh_conf(struct sysconf *c, const char *instance);
int rh_conf_fd(const struct sysconf *c);	/* sealed */

/* Each returns a descriptor that the caller owns. */
int rh_empty(void);			/* detached empty tmpfs */
int rh_clone(const char *path, uint64_t attrs);	/* detached clone */
int rh_dev(uid_t owner);		/* detached tmpfs with node tun */
int rh_empty_ns(void);			/* mount namespace with nothing */

/* Start program as role: chrooted into an empty file system, in cgroup
 * (a directory's descriptor, or -1), keep[i] at RFD_CONF + i. */
pid_t rh_start(enum role_id id, uid_t uid, const char *program,
    const int *keep, unsigned n, int cgroup);

/* <instance>-vms in every cgroup hierarchy, as the starter makes them. */
struct rh_cg { int v2, priv, v1[7]; };
void rh_cg_make(struct rh_cg *cg, const char *instance, uid_t jail);
/* Kill and remove everything of the instance's; 0 if nothing was left. */
int rh_cg_clean(const char *instance);

/* A run_dir of the instance's own, and its end. */
void rh_run_dir(struct sysconf *c);
void rh_run_clean(const struct sysconf *c);
/* A connection of uid's, accepted on the control socket in run_dir. */
int rh_client(const struct sysconf *c, uid_t uid);
/* A socket whose peer credentials are uid's too, but not accepted there. */
int rh_false_client(uid_t uid);

#endif
