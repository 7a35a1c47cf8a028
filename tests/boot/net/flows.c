// SPDX-License-Identifier: GPL-2.0
/*
 * Streams and datagrams whose every byte is known, and a server that sends back what it gets: each flow has bytes of its
 * own, so that a byte that is wrong, missing, or another flow's is noticed where it arrives, whoever says what of checksums.
 *
 *     flows serve PORT                              TCP and UDP, IPv4 and IPv6, until it is killed
 *     flows streams ADDRESS PORT FLOWS KILOBYTES SECONDS
 *     flows datagrams ADDRESS PORT LENGTH...
 *
 * Streams end after KILOBYTES each or after SECONDS (0: never), but not before a first piece, and when all that was sent has come
 * back; one line says how many bytes that were. A flow that nothing moves on for two minutes has failed.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536
#define STALL_MS 120000
#define TRIES 8
#define TRY_MS 3000

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* The 8 bytes of a flow at `index`: those of splitmix64. */
static uint64_t word(uint64_t flow, uint64_t index)
{
	uint64_t z = (flow << 40) + (index + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Bytes of a flow from `at` on; `at` is a multiple of 8, and so is the room. */
static void fill(uint64_t *words, size_t bytes, uint64_t flow, uint64_t at)
{
	for (size_t i = 0; i < (bytes + 7) / 8; i++)
		words[i] = word(flow, at / 8 + i);
}

/* A socket at an address, or connected to it; one of IPv4 is written as one of IPv6. */
static int open_socket(const char *address, const char *port, int type, int (*how)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_in6 there = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
	int fd = socket(AF_INET6, type, 0), one = 1, zero = 0;
	char text[INET6_ADDRSTRLEN + 8];

	snprintf(text, sizeof(text), "%s%s", strchr(address, ':') ? "" : "::ffff:", address);
	if (fd < 0 || inet_pton(AF_INET6, text, &there.sin6_addr) != 1)
		fail(address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (how(fd, (void *)&there, sizeof(there)))
		fail(text);
	return fd;
}

static void write_all(int fd, const char *data, ssize_t bytes)
{
	while (bytes > 0) {
		ssize_t done = write(fd, data, bytes);

		if (done <= 0)
			exit(0);
		data += done;
		bytes -= done;
	}
}

static void serve_datagrams(const char *port)
{
	static char data[PIECE];
	int fd = open_socket("::", port, SOCK_DGRAM, bind);
	struct sockaddr_storage from;
	socklen_t length;
	ssize_t got;

	for (;;) {
		length = sizeof(from);
		got = recvfrom(fd, data, sizeof(data), 0, (void *)&from, &length);
		if (got >= 0)
			sendto(fd, data, got, 0, (void *)&from, length);
	}
}

static void serve(const char *port)
{
	static char data[PIECE];
	int listener, fd;
	ssize_t got;

	signal(SIGCHLD, SIG_IGN);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_datagrams(port);
	}
	listener = open_socket("::", port, SOCK_STREAM, bind);
	if (listen(listener, 256))
		fail("listen");
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (!fork()) {
			close(listener);
			while ((got = read(fd, data, sizeof(data))) > 0)
				write_all(fd, data, got);
			exit(0);
		}
		close(fd);
	}
	fail("accept");
}

/* One flow: sends and compares until its end. */
static uint64_t stream(const char *address, const char *port, uint64_t flow, uint64_t most, time_t end)
{
	static uint64_t out[PIECE / 8], in[PIECE / 8], wanted[PIECE / 8];
	uint64_t sent = 0, received = 0;
	size_t ready = 0, gone = 0, have = 0;
	struct pollfd poller = { .fd = open_socket(address, port, SOCK_STREAM, connect) };
	int ending = 0;

	fcntl(poller.fd, F_SETFL, O_NONBLOCK);
	while (!ending || received < sent) {
		ssize_t done;

		if (gone == ready && !ending) {
			if ((most && sent >= most) || (end && sent && time(NULL) >= end)) {
				ending = 1;
				shutdown(poller.fd, SHUT_WR);
				continue;
			}
			ready = most && most - sent < PIECE ? most - sent : PIECE;
			gone = 0;
			fill(out, ready, flow, sent);
		}
		poller.events = POLLIN | (gone < ready ? POLLOUT : 0);
		if (poll(&poller, 1, STALL_MS) <= 0) {
			printf("flow %lu: nothing moves; %lu bytes sent, %lu came back\n", flow, sent, received);
			exit(1);
		}
		if (poller.revents & POLLOUT) {
			done = write(poller.fd, (char *)out + gone, ready - gone);
			if (done < 0 && errno != EAGAIN)
				fail("write");
			gone += done > 0 ? done : 0;
			sent += done > 0 ? done : 0;
		}
		if (!(poller.revents & ~POLLOUT))
			continue;
		/* `have` bytes of a word that is not complete are kept. */
		done = read(poller.fd, (char *)in + have, sizeof(in) - have);
		if (done == 0 || (done < 0 && errno != EAGAIN)) {
			printf("flow %lu: ended after %lu of %lu bytes: %s\n", flow, received, sent, done ? strerror(errno) : "closed");
			exit(1);
		}
		if (done < 0)
			continue;
		fill(wanted, have + done, flow, received - have);
		if (memcmp(in, wanted, have + done)) {
			printf("flow %lu: wrong bytes between %lu and %lu\n", flow, received - have, received + done);
			exit(1);
		}
		received += done;
		size_t rest = (have + done) % 8;

		memmove(in, (char *)in + have + done - rest, rest);
		have = rest;
	}
	return received;
}

static int streams(const char *address, const char *port, int flows, uint64_t most, int seconds)
{
	uint64_t *bytes = mmap(NULL, flows * 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), sum = 0, least = ~0ull;
	time_t end = seconds ? time(NULL) + seconds : 0;
	int status, failed = 0;

	for (int flow = 0; flow < flows; flow++) {
		if (!fork()) {
			bytes[flow] = stream(address, port, flow + 1, most, end);
			exit(0);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	for (int flow = 0; flow < flows; flow++) {
		sum += bytes[flow];
		least = bytes[flow] < least ? bytes[flow] : least;
	}
	printf("%d flows, %lu bytes, %lu at least\n", flows, sum, least);
	return failed != 0;
}

static int datagrams(const char *address, const char *port, char **lengths, int count)
{
	static uint64_t out[PIECE / 8], in[PIECE / 8];
	struct pollfd poller = { .fd = open_socket(address, port, SOCK_DGRAM, connect), .events = POLLIN };
	int again = 0;

	for (int i = 0; i < count; i++) {
		ssize_t length = atoi(lengths[i]), got = -1;

		fill(out, length, i + 1, 0);
		/* One that is late belongs to a length before and is passed over. */
		for (int try = 0; got != length; try++) {
			if (try == TRIES) {
				printf("a datagram of %zd bytes does not come back\n", length);
				return 1;
			}
			again += try > 0;
			if (send(poller.fd, out, length, 0) != length)
				fail("send");
			while (got != length && poll(&poller, 1, TRY_MS) > 0)
				got = recv(poller.fd, in, sizeof(in), 0);
		}
		if (memcmp(in, out, length)) {
			printf("a datagram of %zd bytes came back wrong\n", length);
			return 1;
		}
	}
	printf("%d datagrams, %d sent again\n", count, again);
	return 0;
}

int main(int count, char **words)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (count == 3 && !strcmp(words[1], "serve"))
		serve(words[2]);
	if (count == 7 && !strcmp(words[1], "streams"))
		return streams(words[2], words[3], atoi(words[4]), strtoull(words[5], NULL, 0) << 10, atoi(words[6]));
	if (count > 4 && !strcmp(words[1], "datagrams"))
		return datagrams(words[2], words[3], words + 4, count - 4);
	fprintf(stderr, "see the head of flows.c\n");
	return 2;
}
