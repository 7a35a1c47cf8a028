// SPDX-License-Identifier: GPL-2.0
/*
 * Block load: batches of requests by Linux's native asynchronous I/O, reaped by watching the ring that
 * the kernel maps into the process. Nothing sleeps, so that the same is done for each batch, and the
 * data is one page over and over, so that the number of segments does not depend on luck.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "load.h"
#include "mark.h"

#define PAGE 4096
#define MAX_BATCH 256
#define SPAN (64 << 20)		/* bytes of the disk that are used by each thread */

/* The head of the ring behind an aio context, as fs/aio.c lays it out. */
struct aio_ring {
	unsigned int id, nr, head, tail, magic, compat, incompat, header_length;
	struct io_event events[];
};

struct thread {
	pthread_t id;
	int cpu;
	aio_context_t context;
	uint64_t start, offset;
};

static const char *device;
static int file;
static int single, vector;		/* operations on one page, on several */
static long bytes, batch, count, threads;
static void *page;
static pthread_barrier_t barrier;

/* Single pages come from all over the disk, so that no two become one request; the rest in sequence. */
static long stride(void)
{
	return bytes == PAGE ? 37 * PAGE : bytes;
}

static void submit(struct thread *t, struct iocb *blocks, struct iovec *parts)
{
	struct iocb *list[MAX_BATCH];

	for (long n = 0; n < batch; n++) {
		blocks[n] = (struct iocb){
			.aio_fildes = file, .aio_offset = t->start + t->offset,
			.aio_lio_opcode = bytes == PAGE ? single : vector,
			.aio_buf = (uintptr_t)(bytes == PAGE ? page : parts),
			.aio_nbytes = bytes == PAGE ? PAGE : bytes / PAGE,
		};
		t->offset = (t->offset + stride()) % SPAN;
		list[n] = &blocks[n];
	}
	if (syscall(SYS_io_submit, t->context, batch, list) != batch)
		fail("io_submit");
}

static void reap(struct thread *t)
{
	struct aio_ring *ring = (void *)t->context;

	for (long left = batch; left; left--) {
		unsigned int head = ring->head;

		while (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == head)
			__builtin_ia32_pause();
		if (ring->events[head].res != bytes) {
			fprintf(stderr, "a request ended with %lld\n", (long long)ring->events[head].res);
			exit(1);
		}
		__atomic_store_n(&ring->head, (head + 1) % ring->nr, __ATOMIC_RELEASE);
	}
}

static void pass(struct thread *t, struct iocb *blocks, struct iovec *parts, long requests)
{
	for (long done = 0; done < requests; done += batch) {
		submit(t, blocks, parts);
		reap(t);
	}
}

static void *work(void *argument)
{
	struct thread *t = argument;
	struct iocb *blocks = calloc(MAX_BATCH, sizeof(*blocks));
	struct iovec *parts = calloc(bytes / PAGE, sizeof(*parts));
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(t->cpu, &set);
	if (!blocks || !parts || sched_setaffinity(0, sizeof(set), &set))
		fail("a processor for each thread");
	for (long n = 0; n < bytes / PAGE; n++)
		parts[n] = (struct iovec){ page, PAGE };
	if (syscall(SYS_io_setup, MAX_BATCH, &t->context))
		fail("io_setup");
	pass(t, blocks, parts, count / 4);
	pthread_barrier_wait(&barrier);
	if (t->cpu == 0)
		MARK(MARK_START);
	pthread_barrier_wait(&barrier);
	pass(t, blocks, parts, count);
	pthread_barrier_wait(&barrier);
	if (t->cpu == 0)
		MARK(MARK_STOP);
	pthread_barrier_wait(&barrier);
	syscall(SYS_io_destroy, t->context);
	return NULL;
}

int disk_job(int argc, char **argv)
{
	struct thread *all;

	if (argc != 6)
		return 2;
	device = argv[0];
	single = strcmp(argv[1], "write") ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
	vector = strcmp(argv[1], "write") ? IOCB_CMD_PREADV : IOCB_CMD_PWRITEV;
	bytes = number(argv[2]);
	batch = number(argv[3]);
	count = number(argv[4]);
	threads = number(argv[5]);
	if (batch < 1 || batch > MAX_BATCH || count % (4 * batch) || bytes % PAGE || SPAN % bytes)
		return 2;
	file = open(device, O_RDWR | O_DIRECT);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	all = calloc(threads, sizeof(*all));
	if (file < 0 || page == MAP_FAILED || !all || mlockall(MCL_CURRENT | MCL_FUTURE))
		fail(device);
	pthread_barrier_init(&barrier, NULL, threads);
	for (long n = 0; n < threads; n++) {
		all[n] = (struct thread){ .cpu = n, .start = (uint64_t)n * SPAN };
		if (n && pthread_create(&all[n].id, NULL, work, &all[n]))
			fail("pthread_create");
	}
	work(&all[0]);
	for (long n = 1; n < threads; n++)
		pthread_join(all[n].id, NULL);
	printf("%ld\n", count * threads);
	return 0;
}
