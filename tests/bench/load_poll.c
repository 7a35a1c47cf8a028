// SPDX-License-Identifier: GPL-2.0
/*
 * Block load: single reads by io_uring, which polls the disk's queue for each of them, so that no
 * interrupt is needed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"
#include "mark.h"

#define PAGE 4096
#define SPAN (64 << 20)		/* bytes of the disk that are used */
#define ENTRIES 4

struct uring {
	int file;
	char *submissions, *completions;
	struct io_uring_sqe *requests;
	struct io_uring_params p;
};

static void *map(int file, size_t bytes, uint64_t what)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, what);

	if (at == MAP_FAILED)
		fail("mapping a ring of io_uring");
	return at;
}

static void set_up(struct uring *ring)
{
	ring->p.flags = IORING_SETUP_IOPOLL;
	ring->file = syscall(SYS_io_uring_setup, ENTRIES, &ring->p);
	if (ring->file < 0)
		fail("io_uring_setup");
	ring->submissions = map(ring->file, ring->p.sq_off.array + ENTRIES * sizeof(uint32_t), IORING_OFF_SQ_RING);
	ring->completions = map(ring->file, ring->p.cq_off.cqes + ring->p.cq_entries * sizeof(struct io_uring_cqe),
				IORING_OFF_CQ_RING);
	ring->requests = map(ring->file, ENTRIES * sizeof(*ring->requests), IORING_OFF_SQES);
}

/* A word of one of the rings. */
static uint32_t *word(char *ring, uint32_t offset)
{
	return (uint32_t *)(ring + offset);
}

static void read_page(struct uring *ring, int disk, void *page, uint64_t offset)
{
	uint32_t *tail = word(ring->submissions, ring->p.sq_off.tail), *head = word(ring->completions, ring->p.cq_off.head);
	uint32_t place = *tail & (ring->p.sq_entries - 1);
	struct io_uring_cqe *done = (void *)(ring->completions + ring->p.cq_off.cqes);

	ring->requests[place] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ, .fd = disk, .addr = (uintptr_t)page, .len = PAGE, .off = offset,
	};
	word(ring->submissions, ring->p.sq_off.array)[place] = place;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->file, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		fail("io_uring_enter");
	if (done[*head & (ring->p.cq_entries - 1)].res != PAGE)
		fail("a read that was polled for");
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
}

int poll_job(int argc, char **argv)
{
	struct uring ring = { 0 };
	cpu_set_t set;
	void *page;
	long count;
	int disk;

	if (argc != 2)
		return 2;
	count = number(argv[1]);
	disk = open(argv[0], O_RDONLY | O_DIRECT);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (disk < 0 || page == MAP_FAILED || mlockall(MCL_CURRENT | MCL_FUTURE) || sched_setaffinity(0, sizeof(set), &set))
		fail(argv[0]);
	set_up(&ring);
	for (long n = -count / 4; n < count; n++) {
		if (n == 0)
			MARK(MARK_START);
		read_page(&ring, disk, page, (n + count) * 37 * PAGE % SPAN);
	}
	MARK(MARK_STOP);
	printf("%ld\n", count);
	return 0;
}
