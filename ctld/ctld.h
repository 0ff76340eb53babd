/* SPDX-License-Identifier: ISC */
/*
 * What ctld's modules share: the configuration, the event loop and the
 * descriptors the starter gave. One process, one thread; every module gets
 * this context, none has variables of its own.
 */
#ifndef CTLD_CTLD_H
#define CTLD_CTLD_H

#include "common/sysconf.h"

#define WILD_MAX 1024u

struct event_base;
struct priv;
struct link;
struct vmtab;
struct conns;
struct reconcile;
struct event;
struct events;
struct startq;

struct ctld {
	struct sysconf conf;
	struct event_base *base;
	struct priv *priv;	 /* requests to front */
	struct conns *conns;	 /* clients */
	struct vmtab *vms;
	struct startq *startq;	 /* starts that wait, and go on */
	struct event *turn;	 /* when the next of them may */
	struct events *events;	 /* what happened lately */
	struct reconcile *rec;	 /* while comparing with front, else NULL */
	int state_dir, run_dir;	 /* its own directories, 0700 */
	int mounts;		 /* /proc/self/mountinfo */
	int self_fd;		 /* /proc/self/fd, O_PATH */
	int wild[WILD_MAX];	 /* descriptors that may never be closed */
	unsigned nwild;
	int channel_dir;	 /* its own, 0711 */
	char boot_id[40];	 /* tells this boot's slots from older ones */
};

/* Wall clock in milliseconds, for what people see. */
int64_t wall_ms(void);

#endif
