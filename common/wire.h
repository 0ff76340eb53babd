/* SPDX-License-Identifier: ISC */
/*
 * The one record format of every internal wire: a SOCK_SEQPACKET record of a
 * 32-byte header, one fixed struct, and descriptors by SCM_RIGHTS. There is
 * no stream, no reassembly and no variable length, so nothing to parse.
 * Fields are native little-endian (both ends are one build of one host; a
 * big-endian port would swap here). The peer is distrusted: every property of
 * a record is checked against its table row before a handler sees it.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC 0x4e525450u /* "PTRN" */
#define WIRE_VERSION 1
#define WIRE_REPLY 0x8000u   /* set in the type of a reply */
#define WIRE_BODY_MAX 40960u /* largest struct of any table */
#define WIRE_FDS_MAX 16u     /* most descriptors of any row */

struct wire_hdr {
	uint32_t magic;
	uint16_t version;
	uint16_t type;	     /* row of the table; | WIRE_REPLY in a reply */
	uint32_t len;	     /* bytes of body */
	uint32_t seq;	     /* chosen by the asker, echoed in the reply */
	uint32_t slot;	     /* VM handle; 0 with generation 0: no VM */
	uint32_t zero;
	uint64_t generation; /* never reused; 0: no VM */
};
_Static_assert(sizeof(struct wire_hdr) == 32, "wire header");

/* First member of every reply struct. */
struct rep_hdr {
	int32_t code;  /* 0, or the errno of the step that failed */
	uint16_t step; /* enum step (policy/steps.def), 0: none */
	uint16_t zero;
};

struct wire_msg {
	struct wire_hdr h;
	unsigned nfds;
	int fds[WIRE_FDS_MAX];	/* the holder of the message owns them */
	_Alignas(8) unsigned char body[WIRE_BODY_MAX];
};

/* One row of privops.def, clientops.def or supops.def. */
struct wire_row {
	const char *name;
	uint16_t type;
	uint16_t req_len, rep_len;	/* exact; rep_len 0: no reply follows */
	uint8_t in_min, in_max;		/* descriptors with the request */
	uint8_t out_min, out_max;	/* descriptors with a good reply */
};

/* A connected pair, both close-on-exec and non-blocking. 0 or -1. */
int wire_pair(int sv[2]);

/* Send one record; h->len is taken from n, magic and version are filled in.
 * fds stay the caller's. 0, or -1: EAGAIN (queue full), EPIPE (peer gone). */
int wire_send(int fd, struct wire_hdr *h, const void *body, size_t n,
    const int *fds, unsigned nfds);

/* Receive one record into *m. 1: a well-formed frame (header, magic, version,
 * length, no truncation, m->fds close-on-exec); 0: end of file; -1: EAGAIN,
 * or EBADMSG for a malformed frame (its descriptors are closed). A record of
 * zero bytes is told from end of file (EBADMSG). Never blocks on a
 * non-blocking fd. */
int wire_recv(int fd, struct wire_msg *m);

/* The same, but the descriptors of a malformed frame stay in *m: for who must
 * look at them before they are closed (common/fdlook.h). */
int wire_take(int fd, struct wire_msg *m);

/* Wait at most ms for a record, then as wire_recv; ETIMEDOUT. */
int wire_recv_wait(int fd, struct wire_msg *m, int ms);

/* Does the request (reply) in *m fit its row: exact length, number of
 * descriptors? 0, or -1 with EBADMSG. A reply with code != 0 carries no fds. */
int wire_check_request(const struct wire_msg *m, const struct wire_row *row);
int wire_check_reply(const struct wire_msg *m, const struct wire_row *row);

/* Close the descriptors still in *m. Take one out first with
 * fd_steal(&m->fds[i]). */
void wire_drop_fds(struct wire_msg *m);

/* Reply to request *req: same seq, slot, generation. 0 or -1. */
int wire_reply(int fd, const struct wire_msg *req, const void *body, size_t n,
    const int *fds, unsigned nfds);

/* Peer uid and gid of a unix socket by SO_PEERCRED. 0 or -1. */
int wire_peer(int fd, uint32_t *uid, uint32_t *gid);

/* Is this char array NUL-terminated inside its bounds and, after the NUL,
 * all zero? No other string may leave a wire. */
int wire_str_ok(const char *s, size_t size);

#endif
