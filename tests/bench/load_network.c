// SPDX-License-Identifier: GPL-2.0
/* Network load: a socket or the packet generator for transmit, waiting for what the host sends for receive. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "mark.h"

static char data[1 << 16];

static int connected(int kind, const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(number(port)) };
	int s = socket(AF_INET, kind, 0);

	if (s < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 || connect(s, (void *)&to, sizeof(to)))
		fail(address);
	return s;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

/* Watches the clock, which the kernel maps into the process. */
static void spin(long microseconds)
{
	uint64_t end = now() + microseconds * UINT64_C(1000);

	while (now() < end)
		__builtin_ia32_pause();
}

static void send_all(int s, long bytes, long count, long pause)
{
	for (long n = 0; n < count; n++) {
		if (send(s, data, bytes, 0) != bytes)
			fail("send");
		if (pause)
			spin(pause);
	}
}

/* udp ADDRESS PORT BYTES COUNT MICROSECONDS: datagrams one after the other, or with pauses. */
static long udp(char **argv)
{
	int s = connected(SOCK_DGRAM, argv[0], argv[1]);
	long bytes = number(argv[2]), count = number(argv[3]), pause = number(argv[4]);

	send_all(s, bytes, count / 4, pause);
	MARK(MARK_START);
	send_all(s, bytes, count, pause);
	MARK(MARK_STOP);
	return count;
}

static void exchange(int s, long bytes, long count)
{
	for (long n = 0; n < count; n++)
		if (send(s, data, bytes, 0) != bytes || recv(s, data, sizeof(data), 0) != bytes)
			fail("request and response");
}

/* echo ADDRESS PORT BYTES COUNT: a datagram, then wait for the same back. */
static long echo(char **argv)
{
	int s = connected(SOCK_DGRAM, argv[0], argv[1]);
	long bytes = number(argv[2]), count = number(argv[3]);
	struct timeval limit = { .tv_sec = 10 };

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	exchange(s, bytes, count / 4);
	MARK(MARK_START);
	exchange(s, bytes, count);
	MARK(MARK_STOP);
	return count;
}

static void move(int s, int receive, long bytes)
{
	while (bytes > 0) {
		long part = bytes < (long)sizeof(data) ? bytes : (long)sizeof(data);
		long done = receive ? recv(s, data, part, 0) : send(s, data, part, 0);

		if (done <= 0)
			fail("stream");
		bytes -= done;
	}
}

/* stream ADDRESS PORT receive|send MEGABYTES: one TCP connection. */
static long stream(char **argv)
{
	int s = connected(SOCK_STREAM, argv[0], argv[1]), receive = !strcmp(argv[2], "receive");
	long megabytes = number(argv[3]);

	move(s, receive, megabytes * 1000000 / 4);
	MARK(MARK_START);
	move(s, receive, megabytes * 1000000);
	MARK(MARK_STOP);
	return megabytes;
}

static long received(const char *interface)
{
	char path[128], text[32] = "";
	int f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/rx_packets", interface);
	f = open(path, O_RDONLY);
	if (f < 0 || read(f, text, sizeof(text) - 1) <= 0)
		fail(path);
	close(f);
	return strtol(text, NULL, 10);
}

/* Sleeps until an interface has received so many packets; nothing but the kernel runs meanwhile. */
static long receive_some(const char *interface, long packets)
{
	long before = received(interface), now = before;

	for (int tries = 0; now - before < packets; tries++) {
		if (tries == 10000)
			fail("too few packets were received");
		usleep(20000);
		now = received(interface);
	}
	return now - before;
}

/* receive INTERFACE COUNT: so many packets, at least, of those that the host sends meanwhile. */
static long receive(char **argv)
{
	long packets = number(argv[1]);

	receive_some(argv[0], packets / 4);
	MARK(MARK_START);
	packets = receive_some(argv[0], packets);
	MARK(MARK_STOP);
	return packets;
}

/* generate FILE COUNT: what pktgen has been set up to send. */
static long generate(char **argv)
{
	int f = open(argv[0], O_WRONLY);

	if (f < 0)
		fail(argv[0]);
	MARK(MARK_START);
	if (write(f, "start\n", 6) != 6)
		fail("pktgen");
	MARK(MARK_STOP);
	return number(argv[1]);
}

int network_job(int argc, char **argv)
{
	static const struct { const char *name; int words; long (*run)(char **argv); } jobs[] = {
		{ "udp", 5, udp }, { "echo", 4, echo }, { "stream", 4, stream },
		{ "receive", 2, receive }, { "generate", 2, generate },
	};

	for (size_t n = 0; n < sizeof(jobs) / sizeof(jobs[0]); n++)
		if (!strcmp(argv[0], jobs[n].name) && argc == jobs[n].words + 1) {
			if (mlockall(MCL_CURRENT | MCL_FUTURE))
				fail("mlockall");
			printf("%ld\n", jobs[n].run(argv + 1));
			return 0;
		}
	fprintf(stderr, "load: no such job: %s\n", argv[0]);
	return 2;
}
