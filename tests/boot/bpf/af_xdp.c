// SPDX-License-Identifier: GPL-2.0
/*
 * af_xdp NIC COUNT [zerocopy]: takes COUNT test frames from queue 0 of a card by a socket of AF_XDP, sends each back with
 * its addresses swapped, and says so. Says instead what does not work. Without a third argument the socket is one that
 * copies.
 */

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>

enum { FRAMES = 64, BYTES = 2048 };

/* The queues that a socket shares with the kernel; received frames are in the first FRAMES of the memory, those that are
 * sent in the others. */
enum { FILL, COMPLETION, RX, TX, RINGS };

struct ring {
	volatile __u32 *producer, *consumer;
	void *entries;
};

static int check(long result, const char *what)
{
	if (result < 0) {
		printf("%s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Gives whatever comes by the card to the socket. What it returns keeps the program loaded. */
static int attach(int card, int sock)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = 1 };
	int sockets = check(bpf(BPF_MAP_CREATE, &map), "map");
	struct bpf_insn code[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = 16 /* rx_queue_index */ },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = sockets },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_XDP, .expected_attach_type = BPF_XDP, .insns = (long)code,
				.insn_cnt = sizeof(code) / sizeof(code[0]), .license = (long)"GPL" };
	int program = check(bpf(BPF_PROG_LOAD, &load), "program");
	__u32 queue = 0;
	union bpf_attr update = { .map_fd = sockets, .key = (long)&queue, .value = (long)&sock };
	union bpf_attr link = { .link_create = { .prog_fd = program, .target_ifindex = card, .attach_type = BPF_XDP,
						 .flags = XDP_FLAGS_DRV_MODE } };

	check(bpf(BPF_MAP_UPDATE_ELEM, &update), "map entry");
	return check(bpf(BPF_LINK_CREATE, &link), "link");
}

static void map_ring(int sock, struct ring *ring, int option, long place, struct xdp_ring_offset *at, int entry)
{
	int entries = FRAMES;
	char *start;

	check(setsockopt(sock, SOL_XDP, option, &entries, sizeof(entries)), "ring");
	start = mmap(NULL, at->desc + FRAMES * entry, PROT_READ | PROT_WRITE, MAP_SHARED, sock, place);
	check(start == MAP_FAILED ? -1 : 0, "memory of a ring");
	ring->producer = (void *)(start + at->producer);
	ring->consumer = (void *)(start + at->consumer);
	ring->entries = start + at->desc;
}

/* Sends a copy of a frame of `length` bytes back. */
static void answer(int sock, struct ring *rings, char *memory, const char *frame, __u32 length)
{
	struct ring *tx = &rings[TX], *done = &rings[COMPLETION];
	__u32 at = *tx->producer;
	__u64 place = (FRAMES + at % FRAMES) * BYTES;
	struct xdp_desc *entry = (struct xdp_desc *)tx->entries + at % FRAMES;

	memcpy(memory + place, frame + 6, 6);
	memcpy(memory + place + 6, frame, 6);
	memcpy(memory + place + 12, frame + 12, length - 12);
	*entry = (struct xdp_desc){ .addr = place, .len = length };
	__sync_synchronize();
	*tx->producer = at + 1;
	while (sendto(sock, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && (errno == EAGAIN || errno == EBUSY || errno == ENOBUFS))
		usleep(1000);
	*done->consumer = *done->producer;
}

int main(int argc, char **argv)
{
	int card = if_nametoindex(argc > 2 ? argv[1] : ""), left = argc > 2 ? atoi(argv[2]) : 0, given = left;
	int sock = check(socket(AF_XDP, SOCK_RAW, 0), "socket");
	char *memory = mmap(NULL, 2 * FRAMES * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xdp_umem_reg registration = { .addr = (long)memory, .len = 2 * FRAMES * BYTES, .chunk_size = BYTES };
	struct sockaddr_xdp address = { .sxdp_family = AF_XDP, .sxdp_ifindex = card,
					.sxdp_flags = argc > 3 ? XDP_ZEROCOPY : XDP_COPY };
	struct xdp_mmap_offsets at;
	socklen_t size = sizeof(at);
	struct ring rings[RINGS];
	struct ring *fill = &rings[FILL], *rx = &rings[RX];
	struct pollfd ready = { .fd = sock, .events = POLLIN };
	__u32 number;

	check(setsockopt(sock, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)), "memory");
	check(getsockopt(sock, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size), "offsets");
	map_ring(sock, fill, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, &at.fr, sizeof(__u64));
	map_ring(sock, &rings[COMPLETION], XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, &at.cr, sizeof(__u64));
	map_ring(sock, rx, XDP_RX_RING, XDP_PGOFF_RX_RING, &at.rx, sizeof(struct xdp_desc));
	map_ring(sock, &rings[TX], XDP_TX_RING, XDP_PGOFF_TX_RING, &at.tx, sizeof(struct xdp_desc));
	for (number = 0; number < FRAMES; number++)
		((__u64 *)fill->entries)[number] = number * BYTES;
	__sync_synchronize();
	*fill->producer = FRAMES;
	check(bind(sock, (struct sockaddr *)&address, sizeof(address)), "bind");
	attach(card, sock);
	printf("ready\n");
	fflush(stdout);
	while (left) {
		if (check(poll(&ready, 1, 10000), "poll") == 0) {
			printf("%d frames of %d did not come\n", left, given);
			return 1;
		}
		for (number = *rx->consumer; number != *rx->producer; number++) {
			struct xdp_desc *entry = (struct xdp_desc *)rx->entries + number % FRAMES;
			char *frame = memory + entry->addr;

			__sync_synchronize();
			if (entry->len >= 14 && !memcmp(frame + 12, "\x88\xb5", 2)) {
				answer(sock, rings, memory, frame, entry->len);
				left--;
			}
			((__u64 *)fill->entries)[*fill->producer % FRAMES] = entry->addr - entry->addr % BYTES;
			__sync_synchronize();
			*fill->producer += 1;
			*rx->consumer = number + 1;
		}
	}
	printf("%d frames sent back\n", given);
	return 0;
}
