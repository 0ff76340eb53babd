/* SPDX-License-Identifier: ISC */
/* Part of the postern command. Pure; the daemon judges the values again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "ctld/cli/parse.h"

int
parse_seconds(const char *s, long long *ms)
{
	long long whole = 0, part = 0;
	int n = 0;

	if (*s < '0' || *s > '9')
		return -1;
	for (; *s >= '0' && *s <= '9' && whole <= 3600; s++)
		whole = whole * 10 + (*s - '0');
	if (*s == '.') {
		for (s++; *s >= '0' && *s <= '9' && n < 3; s++, n++)
			part = part * 10 + (*s - '0');
		if (n == 0)
			return -1;
		for (; n < 3; n++)
			part *= 10;
	}
	if (*s != '\0' || whole * 1000 + part > 3600000)
		return -1;
	*ms = whole * 1000 + part;
	return 0;
}

static int
port(const char *s, json_int_t *out)
{
	const char *bad;

	if (s == NULL || s[0] < '0' || s[0] > '9')
		return -1;
	*out = strtonum(s, 1, 65535, &bad);
	return bad == NULL ? 0 : -1;
}

json_t *
parse_port(const char *s)
{
	char buf[64], *host, *guest, *slash;
	const char *addr = NULL, *proto = "tcp";
	json_int_t h, g;
	json_t *j;

	if (strlcpy(buf, s, sizeof(buf)) >= sizeof(buf))
		return NULL;
	slash = strrchr(buf, '/');
	if (slash != NULL) {
		*slash = '\0';
		proto = slash + 1;
	}
	guest = strrchr(buf, ':');
	if (guest == NULL)
		return NULL;
	*guest++ = '\0';
	host = strrchr(buf, ':');
	if (host != NULL) {
		*host++ = '\0';
		addr = buf;
	} else {
		host = buf;
	}
	if (port(host, &h) < 0 || port(guest, &g) < 0 ||
	    (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0) ||
	    (addr != NULL && strchr(addr, ':') != NULL))
		return NULL;
	j = json_pack("{s:I,s:I,s:s}", "host", h, "guest", g, "proto", proto);
	if (j != NULL && addr != NULL)
		(void)json_object_set_new(j, "address", json_string(addr));
	return j;
}

json_t *
parse_channel(const char *s)
{
	json_int_t p;

	return port(s, &p) == 0 ? json_integer(p) : NULL;
}

json_t *
parse_allow(const char *s)
{
	char buf[64], *cidr, *ports;
	json_t *j;

	if (strlcpy(buf, s, sizeof(buf)) >= sizeof(buf))
		return NULL;
	cidr = strchr(buf, ':');
	if (cidr == NULL)
		return NULL;
	*cidr++ = '\0';
	ports = strchr(cidr, ':');
	if (ports != NULL)
		*ports++ = '\0';
	if (cidr[0] == '\0' || (ports != NULL && ports[0] == '\0'))
		return NULL;
	j = json_pack("{s:s,s:s}", "proto", buf, "cidr", cidr);
	if (j != NULL && ports != NULL)
		(void)json_object_set_new(j, "ports", json_string(ports));
	return j;
}

/* GUEST is the last part that begins with a slash and follows a colon. */
json_t *
parse_volume(const char *s)
{
	char buf[4200], *guest = NULL, *p, *last;
	json_t *j;

	if (strlcpy(buf, s, sizeof(buf)) >= sizeof(buf))
		return NULL;
	for (p = buf; (p = strstr(p, ":/")) != NULL; p++)
		guest = p;
	if (guest == NULL || guest == buf)
		return NULL;
	*guest++ = '\0';
	last = strchr(guest, ':');
	if (last != NULL)
		*last++ = '\0';
	j = json_pack("{s:s,s:s}", "host", buf, "guest", guest);
	if (j == NULL || last == NULL)
		return j;
	if (strcmp(last, "ro") == 0)
		(void)json_object_set_new(j, "read_only", json_true());
	else
		(void)json_object_set_new(j, "size", json_string(last));
	return j;
}
