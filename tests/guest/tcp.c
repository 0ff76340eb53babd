/* SPDX-License-Identifier: ISC */
/*
 * A web server of one page that keeps nothing per connection: the answer and
 * its end travel in the one segment that acknowledges the request, so when it
 * is lost the client sends the request again and gets it again. Runs in the
 * VM. Distrusts the peer's lengths. Invariant: every answer's sequence number
 * is the one that the peer's own segment asks for.
 */
#include "guest.h"

#define ETH 14
#define IP 20
#define TCP 20
#define PORT_HTTP 80
#define PORT_PROBE 40000
#define PAGE_MAX 1200

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

void
tcp_send(uint8_t *frame, uint32_t dst, const uint8_t ports[4], uint32_t seq,
    uint32_t ack, uint8_t flags, size_t len)
{
	uint8_t *tcp = frame + ETH + IP;
	uint32_t sum;

	net_ip(frame, dst, 6, TCP + len);
	memcpy(tcp, ports, 4);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	put16(tcp + 12, (uint16_t)(0x5000 | flags));
	put16(tcp + 14, 0x4000);	/* window */
	put32(tcp + 16, 0);
	sum = 6 + TCP + (uint32_t)len + (net.ip >> 16) + (net.ip & 0xffff) +
	    (dst >> 16) + (dst & 0xffff);
	put16(tcp + 16, net_sum(tcp, TCP + len, sum));
	net_send(frame, ETH + IP + TCP + len);
}

/* A request that comes again is the same page, not the next one. */
static void
count_page(uint32_t from, const uint8_t *tcp)
{
	static uint32_t last[3];
	uint32_t now[3] = { from, be16(tcp), be32(tcp + 4) };

	if (memcmp(last, now, sizeof(last)) != 0)
		net.pages++;
	memcpy(last, now, sizeof(last));
}

static size_t
page(uint8_t *buf)
{
	struct text t = { (char *)buf, 0, PAGE_MAX };

	text_str(&t, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n"
		     "Connection: close\r\n\r\npostern test guest\nrequest ");
	text_dec(&t, net.pages);
	text_str(&t, "\ncommand line ");
	text_str(&t, cmd_line());
	text_str(&t, "\n");
	return t.len;
}

static int
request_ends(const uint8_t *data, size_t len)
{
	return len >= 4 && memcmp(data + len - 4, "\r\n\r\n", 4) == 0;
}

static void
answer(const uint8_t *tcp, uint32_t from, const uint8_t *data, size_t len)
{
	static uint8_t out[ETH + IP + TCP + PAGE_MAX];
	uint32_t seq = be32(tcp + 4), ack = be32(tcp + 8);
	uint8_t ports[4], flags = tcp[13];

	memcpy(ports, tcp + 2, 2);
	memcpy(ports + 2, tcp, 2);
	if ((flags & SYN) != 0) {
		if (be16(tcp + 2) == PORT_HTTP)
			tcp_send(out, from, ports, ~seq, seq + 1, SYN | ACK, 0);
		else
			tcp_send(out, from, ports, 0, seq + 1, RST | ACK, 0);
		return;
	}
	if (be16(tcp + 2) != PORT_HTTP) {
		tcp_send(out, from, ports, ack, 0, RST, 0);
		return;
	}
	seq += (uint32_t)len + ((flags & FIN) != 0);
	if (request_ends(data, len)) {
		count_page(from, tcp);
		len = page(out + ETH + IP + TCP);
		tcp_send(out, from, ports, ack, seq, FIN | PSH | ACK, len);
	} else if (len > 0 || (flags & FIN) != 0)
		tcp_send(out, from, ports, ack, seq, ACK, 0);
}

void
tcp_input(const uint8_t *frame, size_t len)
{
	const uint8_t *tcp = frame + ETH + IP;
	uint32_t from = be32(frame + ETH + 12);
	size_t header;

	if (len < TCP)
		return;
	header = (size_t)(tcp[12] >> 4) * 4;
	if (header < TCP || header > len)
		return;
	if (be16(tcp + 2) == PORT_PROBE) {
		net.rst += (tcp[13] & RST) != 0;
		net.synack += (tcp[13] & (SYN | ACK)) == (SYN | ACK);
		return;
	}
	if ((tcp[13] & RST) == 0)
		answer(tcp, from, tcp + header, len - header);
}
