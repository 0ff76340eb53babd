/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net. Touches two things in a table that is not ours: a chain
 * of our name, and rules that jump to it. What else stands there is read, by
 * its kind alone, and never changed. The rules are such that iptables -S
 * reads them.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "policy/steps.h"
#include "privd/net/hosthook.h"
#include "privd/net/rules.h"

#define TABLE "filter"
#define FORWARD "FORWARD"
#define DOCKER "DOCKER-USER"
#define JUMPS_MAX 8
#define RETRIES 5

struct hook {
	char name[IFNAMSIZ];	/* of our chain */
	int forward, docker, ours; /* those chains are there */
	int wanted;		/* something there may drop */
	const char *chain;	/* being listed */
	unsigned accepts;	/* rules in ours */
	unsigned njumps;
	struct {
		const char *from;
		uint64_t handle; /* raw */
	} jump[JUMPS_MAX];
};

int
hosthook_concerns(uint8_t family, const char *table)
{
	return family == NFPROTO_IPV4 && strcmp(table, TABLE) == 0;
}

static void
hook_init(struct hook *k, const struct sysconf *c)
{
	size_t i;

	memset(k, 0, sizeof(*k));
	for (i = 0; i < sizeof(k->name) - 1 && c->instance[i] != '\0'; i++)
		k->name[i] = (char)toupper((unsigned char)c->instance[i]);
}

static int
one_chain(const struct nlmsghdr *h, void *arg)
{
	struct hook *k = arg;
	const struct nlattr *a, *hook;
	const char *name;
	size_t n;

	a = nlm_attrs(h, sizeof(struct nfgenmsg), &n);
	if (h->nlmsg_type != NFT_TYPE(NFT_MSG_NEWCHAIN) ||
	    strcmp(nlm_str(nlm_find(a, n, NFTA_CHAIN_TABLE)), TABLE) != 0)
		return 0;
	name = nlm_str(nlm_find(a, n, NFTA_CHAIN_NAME));
	hook = nlm_find(a, n, NFTA_CHAIN_HOOK);
	if (hook != NULL && strcmp(name, FORWARD) == 0) {
		k->forward = 1;
		if (ntohl(nlm_u32(nlm_find(a, n, NFTA_CHAIN_POLICY))) ==
		    NF_DROP)
			k->wanted = 1;
	}
	if (hook == NULL && strcmp(name, DOCKER) == 0)
		k->docker = 1;
	if (hook == NULL && strcmp(name, k->name) == 0)
		k->ours = 1;
	return 0;
}

/* The chain that a rule jumps to, or "". */
static const char *
target(const struct nlattr *exprs)
{
	static const uint16_t path[] = { NFTA_EXPR_DATA, NFTA_IMMEDIATE_DATA,
		NFTA_DATA_VERDICT, NFTA_VERDICT_CHAIN };
	const struct nlattr *e, *a;
	size_t left, n;
	unsigned i;

	if (exprs == NULL)
		return "";
	for (e = nlm_inside(exprs, &left); nlm_attr_ok(e, left);
	    e = nlm_attr_next(e, &left)) {
		a = nlm_inside(e, &n);
		if (strcmp(nlm_str(nlm_find(a, n, NFTA_EXPR_NAME)),
			"immediate") != 0)
			continue;
		a = nlm_find(a, n, path[0]);
		for (i = 1; a != NULL && i < 4; i++) {
			a = nlm_inside(a, &n);
			a = nlm_find(a, n, path[i]);
		}
		if (a != NULL)
			return nlm_str(a);
	}
	return "";
}

static int
one_rule(const struct nlmsghdr *h, void *arg)
{
	struct hook *k = arg;
	const struct nlattr *a, *handle;
	size_t n;

	if (h->nlmsg_type != NFT_TYPE(NFT_MSG_NEWRULE))
		return 0;
	if (strcmp(k->chain, k->name) == 0) {
		k->accepts++;
		return 0;
	}
	a = nlm_attrs(h, sizeof(struct nfgenmsg), &n);
	handle = nlm_find(a, n, NFTA_RULE_HANDLE);
	if (strcmp(target(nlm_find(a, n, NFTA_RULE_EXPRESSIONS)),
		k->name) != 0) {
		k->wanted = 1;
	} else if (k->njumps < JUMPS_MAX && handle != NULL &&
	    nlm_len(handle) == sizeof(k->jump[0].handle)) {
		k->jump[k->njumps].from = k->chain;
		memcpy(&k->jump[k->njumps].handle, nlm_data(handle),
		    sizeof(k->jump[0].handle));
		k->njumps++;
	}
	return 0;
}

static int
list(struct net *n, struct hook *k, const char *chain)
{
	_Alignas(8) unsigned char buf[NL_MSG_MAX];
	struct nlbatch b;

	k->chain = chain;
	nft_ask(&b, &n->nft, buf, sizeof(buf),
	    chain != NULL ? NFT_MSG_GETRULE : NFT_MSG_GETCHAIN, NFPROTO_IPV4);
	if (chain != NULL) {
		nlm_put_strz(b.h, NFTA_RULE_TABLE, TABLE);
		nlm_put_strz(b.h, NFTA_RULE_CHAIN, chain);
	}
	nl_end(&b);
	return nl_dump(&b, chain != NULL ? one_rule : one_chain, k);
}

static int
look(struct net *n, struct hook *k, struct err *e)
{
	int i;

	for (i = 0; i < RETRIES; i++) {
		hook_init(k, n->c);
		if (list(n, k, NULL) == 0 &&
		    (!k->forward || list(n, k, FORWARD) == 0) &&
		    (!k->docker || list(n, k, DOCKER) == 0) &&
		    (!k->ours || list(n, k, k->name) == 0))
			return 0;
		/* ENOENT: a chain that has gone since it was listed */
		if (errno != EINTR && errno != ENOENT)
			break;
	}
	return err_step(e, STEP_HOST_RULES, errno,
	    "cannot list the rules of iptables");
}

static const char *
parent(const struct hook *k)
{
	return k->docker ? DOCKER : FORWARD;
}

static void
jumps_out(struct nft *t, const struct hook *k)
{
	unsigned i;

	for (i = 0; i < k->njumps; i++)
		nft_rule_del(t, k->jump[i].from, k->jump[i].handle);
}

static void
write_hook(struct nft *t, const struct hook *k, const struct sysconf *c)
{
	enum { OURS, PARENT, CHAINS };
	const struct chain chains[CHAINS] = { [OURS] = { .name = k->name },
		[PARENT] = { .name = parent(k) } };
	const struct rule rows[] = {
		{ "from vms", OURS, ACCEPT, 0, 0, { { EQ, 0, 0, { IIF } } } },
		{ "to vms", OURS, ACCEPT, 0, 0, { { EQ, 0, 0, { OIF } } } },
	};
	const struct rule jump = { "vms", PARENT, JUMP, OURS, 0,
		{ { 0 } } };
	const struct ruleset rs = { .chains = chains, .rules = rows,
		.nchains = CHAINS, .nrules = sizeof(rows) / sizeof(rows[0]) };
	const struct value prefix = value_text(c->ifprefix, 1);
	const struct fill f = { .v = &prefix, .note = "postern: " };

	nft_use(t, NFPROTO_IPV4, TABLE);
	jumps_out(t, k);
	nft_chain(t, &chains[OURS]);
	nft_empty(t, k->name);
	rules_chain(t, &rs, OURS, &f);
	t->first = 1;
	rules_one(t, &rs, &jump, &f);
}

int
hosthook_put(struct net *n, struct err *e)
{
	struct hook k;
	struct nft t;

	if (look(n, &k, e) < 0)
		return -1;
	if (!k.forward || !k.wanted ||
	    (k.njumps == 1 && strcmp(k.jump[0].from, parent(&k)) == 0 &&
		k.accepts == 2))
		return 0;
	nft_begin(&t, &n->nft, n->buf, n->buf_size);
	write_hook(&t, &k, n->c);
	if (nft_commit(&t, NULL) < 0)
		return err_step(e, STEP_HOST_RULES, errno,
		    "cannot put chain %s before iptables' FORWARD", k.name);
	log_info("chain %s accepts VMs' packets in iptables' %s", k.name,
	    parent(&k));
	return 0;
}

int
hosthook_del(struct net *n, struct err *e)
{
	struct hook k;
	struct nft t;

	if (look(n, &k, e) < 0)
		return e->code == EOPNOTSUPP ? 0 : -1;
	if (!k.ours)
		return 0;
	nft_begin(&t, &n->nft, n->buf, n->buf_size);
	nft_use(&t, NFPROTO_IPV4, TABLE);
	jumps_out(&t, &k);
	nft_empty(&t, k.name);
	nft_chain_del(&t, k.name);
	if (nft_commit(&t, NULL) < 0)
		return err_step(e, STEP_HOST_RULES, errno,
		    "cannot take chain %s out of iptables", k.name);
	return 0;
}
