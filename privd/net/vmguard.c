/* SPDX-License-Identifier: ISC */
/*
 * Runs in privd-net; writes into memory only. The guard sees every frame of
 * the guest before the kernel's own code does: ARP games, VLAN tags, IP
 * options, foreign MACs. Invariant: what passes is either the one ARP
 * question that a guest needs to ask, or a plain IPv4 packet from the guest's
 * own address, sent to its gateway's MAC.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/if_packet.h>

#include "common/vmfd.h"
#include "privd/net/vmrules.h"

#define GUARD_TABLE "postern"
#define GUARD_PRIO (-500)
#define ETH_SRC 6	/* offsets in the frame, the ARP and the IP header */
#define ETH_TYPE 12
#define ARP_SENDER_MAC 8
#define ARP_SENDER_IP 14
#define ARP_TARGET_IP 24

const unsigned char guest_mac[6] = { 0x06, 0x00, 0xac, 0x10, 0x00,
	0x02 };
static const unsigned char type_arp[2] = { 0x08, 0x06 };
static const unsigned char type_ip[2] = { 0x08, 0x00 };
static const unsigned char type_vlan[2] = { 0x81, 0x00 };
/* Ethernet, IPv4, their lengths, request */
static const unsigned char arp_head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

static void
bytes(struct nft *t, uint32_t base, uint32_t off, uint32_t op,
    const void *raw, uint32_t len)
{
	nft_payload(t, base, off, len, NFT_REG_1);
	nft_cmp(t, op, raw, len);
}

#define LINK(off, raw) \
	bytes(t, NFT_PAYLOAD_LL_HEADER, off, NFT_CMP_EQ, raw, sizeof(raw))
#define NET(off, raw) \
	bytes(t, NFT_PAYLOAD_NETWORK_HEADER, off, NFT_CMP_EQ, raw, sizeof(raw))

void
vmguard(struct nft *t, const struct vmrules *v)
{
	static const unsigned char version_ihl[1] = { 0x45 };
	static const unsigned char to_us[1] = { PACKET_HOST };
	uint32_t gateway = htonl(GUEST_GATEWAY);

	nft_table(t, NFPROTO_NETDEV, GUARD_TABLE);
	nft_chain(t, "guard", &(struct nft_hook){ "filter",
	    NF_NETDEV_INGRESS, GUARD_PRIO, NF_DROP, TAP_NAME });
	nft_note(t, VM_NOTE "guard: foreign mac", v->slot);
	nft_rule(t, "guard");
	bytes(t, NFT_PAYLOAD_LL_HEADER, ETH_SRC, NFT_CMP_NEQ, guest_mac,
	    sizeof(guest_mac));
	nft_do(t, NF_DROP);
	/* a tag that the kernel took off is put back for this look */
	nft_note(t, VM_NOTE "guard: vlan tag", v->slot);
	nft_rule(t, "guard");
	LINK(ETH_TYPE, type_vlan);
	nft_do(t, NF_DROP);
	nft_note(t, VM_NOTE "guard: arp", v->slot);
	nft_rule(t, "guard");
	LINK(ETH_TYPE, type_arp);
	NET(0, arp_head);
	NET(ARP_SENDER_MAC, guest_mac);
	nft_ip(t, ARP_SENDER_IP, NFT_CMP_EQ, GUEST_ADDR, 32);
	bytes(t, NFT_PAYLOAD_NETWORK_HEADER, ARP_TARGET_IP, NFT_CMP_EQ,
	    &gateway, sizeof(gateway));
	nft_do(t, NF_ACCEPT);
	nft_note(t, VM_NOTE "guard: ipv4", v->slot);
	nft_rule(t, "guard");
	LINK(ETH_TYPE, type_ip);
	nft_meta(t, NFT_META_PKTTYPE, NFT_REG_1);
	nft_cmp(t, NFT_CMP_EQ, to_us, sizeof(to_us));
	NET(0, version_ihl);
	nft_ip(t, IP_SRC, NFT_CMP_EQ, GUEST_ADDR, 32);
	nft_do(t, NF_ACCEPT);
	nft_note(t, VM_NOTE "guard: other frames", v->slot);
	nft_rule(t, "guard");
	nft_do(t, NF_DROP);
}
