// SPDX-License-Identifier: GPL-2.0
/*
 * The far end of the wire for the receive jobs, run on the host: `wire INTERFACE BYTES MICROSECONDS`
 * sends frames into an interface until it is killed, as fast as it takes them or with pauses. They are
 * broadcasts of an experimental protocol that the guest's network core drops.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#define PROTOCOL 0x88b5		/* IEEE 802, local experiments */

int main(int argc, char **argv)
{
	static unsigned char frame[1514] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, PROTOCOL >> 8, PROTOCOL & 255 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(PROTOCOL), .sll_halen = 6 };
	int s = socket(AF_PACKET, SOCK_RAW, 0);
	size_t bytes = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	useconds_t pause = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (bytes < 60 || bytes > sizeof(frame)) {
		fprintf(stderr, "usage: wire INTERFACE BYTES MICROSECONDS\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	to.sll_ifindex = if_nametoindex(argv[1]);
	if (s < 0 || !to.sll_ifindex) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		/* What the interface cannot take is lost, as on a wire. */
		sendto(s, frame, bytes, 0, (void *)&to, sizeof(to));
		if (pause)
			usleep(pause);
	}
}
