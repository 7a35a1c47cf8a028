// SPDX-License-Identifier: GPL-2.0
/*
 * What an interface's frames say of themselves: `headers INTERFACE` counts them by kind until SIGTERM comes. A line for
 * each kind: the way (in or out), the IP version and protocol, what flags and GSO type a virtio header has for such a
 * frame, how many there were and the bytes of the longest. Outgoing ones are seen as the driver gets them, after the stack
 * has cut what it cuts itself.
 */

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KINDS 64

struct kind {
	const char *way;
	int version, protocol, flags, gso;
	unsigned long count, longest;
};

static struct kind kinds[KINDS];
static volatile sig_atomic_t over;

static void end(int number)
{
	over = number;
}

static void add(struct kind seen, unsigned long bytes)
{
	for (struct kind *kind = kinds; kind < kinds + KINDS; kind++) {
		if (!kind->count)
			*kind = seen;
		else if (kind->way != seen.way || kind->version != seen.version || kind->protocol != seen.protocol ||
			 kind->flags != seen.flags || kind->gso != seen.gso)
			continue;
		kind->count++;
		if (kind->longest < bytes)
			kind->longest = bytes;
		return;
	}
}

static void look(int fd)
{
	static unsigned char data[sizeof(struct virtio_net_hdr) + 128];
	struct virtio_net_hdr *header = (void *)data;
	unsigned char *ip = data + sizeof(*header) + ETH_HLEN;
	struct sockaddr_ll from;
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(fd, data, sizeof(data), MSG_TRUNC, (void *)&from, &length);
	struct kind seen = { .way = "in", .flags = header->flags, .gso = header->gso_type };

	if (got < (ssize_t)sizeof(*header) + ETH_HLEN + 20)
		return;
	if (from.sll_pkttype == PACKET_OUTGOING)
		seen.way = "out";
	seen.version = ip[0] >> 4;
	seen.protocol = seen.version == 6 ? ip[6] : ip[9];
	add(seen, got - sizeof(*header));
}

int main(int count, char **words)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), one = 1, room = 16 << 20;
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	where.sll_ifindex = count == 2 ? if_nametoindex(words[1]) : 0;
	if (!where.sll_ifindex || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) || bind(fd, (void *)&where, sizeof(where))) {
		perror("headers");
		return 1;
	}
	signal(SIGTERM, end);
	printf("ready\n");
	fflush(stdout);
	while (!over) {
		if (poll(&poller, 1, 200) > 0)
			look(fd);
	}
	for (struct kind *kind = kinds; kind < kinds + KINDS && kind->count; kind++)
		printf("%s %d %d %d %d %lu %lu\n", kind->way, kind->version, kind->protocol, kind->flags, kind->gso, kind->count,
		       kind->longest);
	return 0;
}
