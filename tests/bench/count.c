// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts what a guest's kernel does between two marks.
 *
 * A program in the guest marks a window by executing a long no-op whose displacement is one of the
 * numbers below (mark.h makes them). For each window a block of lines is appended to the file that
 * the argument `out=FILE` names:
 *
 *     window NUMBER
 *     t ADDRESS COUNT         kernel instructions, by the start of the translated block they are in
 *     p PORT WIDTH r|w COUNT  accesses to an I/O port, width in bytes
 *     i ADDRESS COUNT         hardware interrupts, by the address of the handler's first instruction
 *     h COUNT                 times a processor was halted
 *     end
 *
 * Instructions are added per block when it is entered. A block that faults half-way counts as a whole;
 * in the windows that are used that hardly happens.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "qemu_plugin.h"

#define EXPORT __attribute__((visibility("default")))
#define KERNEL (UINT64_C(1) << 63)

/* Slots of the table of blocks, a power of two; a kernel that boots and runs a benchmark uses a third. */
#define BLOCKS (1u << 19)
#define EVENTS 512

struct counters {
	uint64_t halts;
	uint64_t instructions[BLOCKS];
};

struct event {
	uint64_t key;
	uint64_t count;
};

EXPORT int qemu_plugin_version = PLUGIN_API_VERSION;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct qemu_plugin_scoreboard *score;
static uint64_t address[BLOCKS];	/* of the block that counts in this slot; 0: none */
static uint64_t before[BLOCKS];
static uint64_t halts_before;
static struct event ports[EVENTS], interrupts[EVENTS];
static struct qemu_plugin_register *rdx;
static unsigned int windows;
static bool is_open;			/* a window: outside of one, events are not counted */
static FILE *out;

static void give_up(const char *why)
{
	fprintf(stderr, "count.so: %s\n", why);
	exit(1);
}

static qemu_plugin_u64 counter(unsigned int slot)
{
	return (qemu_plugin_u64){ score, offsetof(struct counters, instructions) + slot * sizeof(uint64_t) };
}

static qemu_plugin_u64 halts(void)
{
	return (qemu_plugin_u64){ score, offsetof(struct counters, halts) };
}

/* The slot of the block at this address. */
static unsigned int slot_of(uint64_t at)
{
	unsigned int slot = (at * UINT64_C(0x9e3779b97f4a7c15)) >> 45;

	pthread_mutex_lock(&lock);
	for (unsigned int tries = 0; address[slot] && address[slot] != at; tries++) {
		if (tries == BLOCKS / 2)
			give_up("too many blocks of code");
		slot = (slot + 1) % BLOCKS;
	}
	address[slot] = at;
	pthread_mutex_unlock(&lock);
	return slot;
}

/* One more of an event with this key, which is not zero. */
static void happened(struct event *events, uint64_t key)
{
	pthread_mutex_lock(&lock);
	for (unsigned int n = 0; is_open && n < EVENTS; n++) {
		if (events[n].key && events[n].key != key)
			continue;
		events[n].key = key;
		events[n].count++;
		pthread_mutex_unlock(&lock);
		return;
	}
	if (is_open)
		give_up("too many kinds of events");
	pthread_mutex_unlock(&lock);
}

static void on_interrupt(unsigned int vcpu, enum qemu_plugin_discon_type type, uint64_t from, uint64_t to, void *udata)
{
	(void)vcpu, (void)type, (void)from, (void)udata;
	happened(interrupts, to);
}

/* The port is in dx; `udata` says width and direction. */
static void on_port(unsigned int vcpu, void *udata)
{
	GByteArray *value = g_byte_array_new();

	(void)vcpu;
	if (!qemu_plugin_read_register(rdx, value) || value->len < 2)
		give_up("the register rdx cannot be read");
	happened(ports, (uintptr_t)udata << 16 | value->data[1] << 8 | value->data[0]);
	g_byte_array_free(value, 1);
}

static void on_start(unsigned int vcpu, void *udata)
{
	(void)vcpu, (void)udata;
	pthread_mutex_lock(&lock);
	for (unsigned int slot = 0; slot < BLOCKS; slot++)
		if (address[slot])
			before[slot] = qemu_plugin_u64_sum(counter(slot));
	halts_before = qemu_plugin_u64_sum(halts());
	memset(ports, 0, sizeof(ports));
	memset(interrupts, 0, sizeof(interrupts));
	is_open = true;
	pthread_mutex_unlock(&lock);
}

static void on_stop(unsigned int vcpu, void *udata)
{
	(void)vcpu, (void)udata;
	pthread_mutex_lock(&lock);
	is_open = false;
	fprintf(out, "window %u\n", windows++);
	for (unsigned int slot = 0; slot < BLOCKS; slot++) {
		uint64_t now = address[slot] ? qemu_plugin_u64_sum(counter(slot)) : before[slot];

		if (now != before[slot])
			fprintf(out, "t %" PRIx64 " %" PRIu64 "\n", address[slot], now - before[slot]);
		before[slot] = now;
	}
	for (unsigned int n = 0; n < EVENTS && ports[n].key; n++)
		fprintf(out, "p %x %u %c %" PRIu64 "\n", (unsigned int)ports[n].key & 0xffff,
			(unsigned int)ports[n].key >> 16 & 7, ports[n].key >> 20 ? 'w' : 'r', ports[n].count);
	for (unsigned int n = 0; n < EVENTS && interrupts[n].key; n++)
		fprintf(out, "i %" PRIx64 " %" PRIu64 "\n", interrupts[n].key, interrupts[n].count);
	fprintf(out, "h %" PRIu64 "\nend\n", qemu_plugin_u64_sum(halts()) - halts_before);
	fflush(out);
	pthread_mutex_unlock(&lock);
}

/* Width in bytes, and 16 for a write, of an access to a port that dx names; 0 for another instruction. */
static uintptr_t port_access(const uint8_t *code, size_t len)
{
	bool narrow = len == 2 && code[0] == 0x66;
	uint8_t op = len == 1 ? code[0] : narrow ? code[1] : 0;

	if ((op & 0xfc) != 0xec)
		return 0;
	return (op & 1 ? narrow ? 2 : 4 : 1) | (op & 2 ? 16 : 0);
}

static void watch_kernel(struct qemu_plugin_insn *insn, const uint8_t *code, size_t len)
{
	uintptr_t access = port_access(code, len);

	if (access)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_port, QEMU_PLUGIN_CB_R_REGS, (void *)access);
	if (len == 1 && code[0] == 0xf4)
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, halts(), 1);
}

static void watch_user(struct qemu_plugin_insn *insn, const uint8_t *code, size_t len)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80 };
	uint32_t mark;

	if (len != sizeof(nop) + sizeof(mark) || memcmp(code, nop, sizeof(nop)))
		return;
	memcpy(&mark, code + sizeof(nop), sizeof(mark));
	if (mark == MARK_START || mark == MARK_STOP)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mark == MARK_START ? on_start : on_stop,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);
}

static void on_translation(struct qemu_plugin_tb *tb, void *udata)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	size_t length = qemu_plugin_tb_n_insns(tb);

	(void)udata;
	for (size_t n = 0; n < length; n++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, n);
		uint8_t code[16];
		size_t len = qemu_plugin_insn_data(insn, code, sizeof(code));

		(at & KERNEL ? watch_kernel : watch_user)(insn, code, len);
	}
	if (at & KERNEL)
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
								  counter(slot_of(at)), length);
}

static void on_vcpu(unsigned int vcpu, void *udata)
{
	GArray *registers = qemu_plugin_get_registers();
	qemu_plugin_reg_descriptor *each = (void *)registers->data;

	(void)vcpu, (void)udata;
	for (unsigned int n = 0; n < registers->len; n++)
		if (!strcmp(each[n].name, "rdx"))
			rdx = each[n].handle;
	g_array_free(registers, 1);
	if (!rdx)
		give_up("there is no register rdx");
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		give_up("the only argument is out=FILE");
	out = fopen(argv[0] + 4, "w");
	if (!out)
		give_up("the output cannot be written");
	score = qemu_plugin_scoreboard_new(sizeof(struct counters));
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation, NULL);
	qemu_plugin_register_vcpu_discon_cb(id, QEMU_PLUGIN_DISCON_INTERRUPT, on_interrupt, NULL);
	return 0;
}
