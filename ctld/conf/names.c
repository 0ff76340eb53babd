/* SPDX-License-Identifier: ISC */
/*
 * Runs in conf. Believes the host's NSS, whose modules (LDAP, sssd, systemd)
 * are other people's code running in this process: that is why this process
 * holds nothing and ends before anybody is served.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "common/log.h"
#include "ctld/conf/names.h"
#include "ctld/conf/value.h"

#define ID_MAX (UINT32_MAX - 1) /* -1 means "no id" to the kernel */

int
names_uid(const char *s, uint32_t *uid)
{
	const struct passwd *pw;

	if (value_number(s, 0, ID_MAX, uid) == 0)
		return 0;
	pw = getpwnam(s);
	if (pw == NULL) {
		errno = ENOENT;
		return -1;
	}
	*uid = pw->pw_uid;
	return 0;
}

int
names_gid(const char *s, uint32_t *gid)
{
	const struct group *gr;

	if (value_number(s, 0, ID_MAX, gid) == 0)
		return 0;
	gr = getgrnam(s);
	if (gr == NULL) {
		errno = ENOENT;
		return -1;
	}
	*gid = gr->gr_gid;
	return 0;
}

uint32_t
names_primary(uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw != NULL ? pw->pw_gid : uid;
}

/* Index of uid, or of the place where it belongs. */
static uint32_t
place(const struct uid_set *s, uint32_t uid)
{
	uint32_t lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->uid[mid] < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
uid_set_has(const struct uid_set *s, uint32_t uid)
{
	uint32_t i = place(s, uid);

	return i < s->n && s->uid[i] == uid;
}

int
uid_set_add(struct uid_set *s, uint32_t uid)
{
	uint32_t i = place(s, uid);

	if (i < s->n && s->uid[i] == uid)
		return 0;
	if (s->n == s->max) {
		errno = ENOSPC;
		return -1;
	}
	memmove(&s->uid[i + 1], &s->uid[i], (s->n - i) * sizeof(s->uid[0]));
	s->uid[i] = uid;
	s->n++;
	return 0;
}

static int
too_many(uint32_t gid, const struct uid_set *s, struct err *e)
{
	return err_field(e, "group", ENOSPC,
	    "group %u has more than %u members; give it fewer", gid, s->max);
}

int
names_members(uint32_t gid, struct uid_set *s, struct err *e)
{
	const struct group *gr = getgrgid(gid);
	const struct passwd *pw;
	char shown[128];
	char **m;
	int full = 0;

	for (m = gr != NULL ? gr->gr_mem : NULL; m != NULL && *m != NULL;
	    m++) {
		pw = getpwnam(*m);
		if (pw == NULL) {
			log_warn("group %u: member %s is no user; left out",
			    gid, log_vis(shown, sizeof(shown), *m));
			continue;
		}
		if (pw->pw_uid != 0 && uid_set_add(s, pw->pw_uid) < 0)
			return too_many(gid, s, e);
	}
	setpwent();
	while (!full && (pw = getpwent()) != NULL) {
		if (pw->pw_gid == gid && pw->pw_uid != 0)
			full = uid_set_add(s, pw->pw_uid) < 0;
	}
	endpwent();
	return full ? too_many(gid, s, e) : 0;
}
