// SPDX-License-Identifier: GPL-2.0
/*
 * groups INTERFACE PORT COUNT: is in the groups 239.7.0.0 and so on, COUNT of them, until SIGTERM comes. Says "ready",
 * and then of each datagram that comes to one of them the group's number and the datagram's length.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST 0xef070000u

int main(int count, char **words)
{
	static char data[65536], control[256];
	struct iovec piece = { .iov_base = data, .iov_len = sizeof(data) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1, zero = 0, room = 32 << 20;
	struct sockaddr_in here = { .sin_family = AF_INET };
	struct ip_mreqn group = { 0 };

	if (count != 4)
		return 2;
	here.sin_port = htons(atoi(words[2]));
	group.imr_ifindex = if_nametoindex(words[1]);
	if (bind(fd, (void *)&here, sizeof(here)) || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof(zero))) {
		perror("socket");
		return 1;
	}
	for (int number = 0; number < atoi(words[3]); number++) {
		group.imr_multiaddr.s_addr = htonl(FIRST + number);
		if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group))) {
			perror("join");
			return 1;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	for (;;) {
		struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(fd, &message, 0);

		for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); got >= 0 && part; part = CMSG_NXTHDR(&message, part)) {
			struct in_pktinfo info;

			if (part->cmsg_level != IPPROTO_IP || part->cmsg_type != IP_PKTINFO)
				continue;
			memcpy(&info, CMSG_DATA(part), sizeof(info));
			printf("%u %zd\n", ntohl(info.ipi_addr.s_addr) - FIRST, got);
		}
	}
}
