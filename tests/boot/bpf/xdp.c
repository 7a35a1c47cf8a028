// SPDX-License-Identifier: GPL-2.0
/*
 * Programs of XDP for what cases load on cards, each twice: NAME, and NAME_spread, which takes packets that are spread
 * over fragments. They do something to test frames alone, which have a type of their own. TARGET is the index of the
 * interface that packets are redirected to.
 */

#include <stddef.h>

#include <linux/bpf.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline))

/* A program's body, and the program of each kind. */
#define PROGRAM(name)                                             \
	INLINE int name##_body(struct xdp_md *ctx);               \
	SECTION("xdp") int name(struct xdp_md *ctx)               \
	{                                                         \
		return is_test(ctx) ? name##_body(ctx) : XDP_PASS; \
	}                                                         \
	SECTION("xdp.frags") int name##_spread(struct xdp_md *ctx) \
	{                                                         \
		return is_test(ctx) ? name##_body(ctx) : XDP_PASS; \
	}                                                         \
	INLINE int name##_body(struct xdp_md *ctx)

#define TEST_KIND 0xb588 /* 0x88b5, for experiments */

static long (*const adjust_head)(struct xdp_md *ctx, int bytes) = (void *)BPF_FUNC_xdp_adjust_head;
static long (*const adjust_tail)(struct xdp_md *ctx, int bytes) = (void *)BPF_FUNC_xdp_adjust_tail;
static long (*const adjust_meta)(struct xdp_md *ctx, int bytes) = (void *)BPF_FUNC_xdp_adjust_meta;
static long (*const redirect)(__u32 target, __u64 flags) = (void *)BPF_FUNC_redirect;

struct ethernet {
	__u8 to[6], from[6];
	__u16 kind;
};

/* Puts the sender's address in the receiver's place and the other way round. */
INLINE int swap(struct xdp_md *ctx)
{
	struct ethernet *frame = (void *)(long)ctx->data;
	__u8 byte;
	int i;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	for (i = 0; i < 6; i++) {
		byte = frame->to[i];
		frame->to[i] = frame->from[i];
		frame->from[i] = byte;
	}
	return 1;
}

/* Whether it is one of the frames that tests send. */
INLINE int is_test(struct xdp_md *ctx)
{
	struct ethernet *frame = (void *)(long)ctx->data;

	return (void *)(frame + 1) <= (void *)(long)ctx->data_end && frame->kind == TEST_KIND;
}

PROGRAM(pass)
{
	return XDP_PASS;
}

PROGRAM(drop)
{
	return XDP_DROP;
}

PROGRAM(give_up)
{
	return XDP_ABORTED;
}

PROGRAM(nonsense)
{
	return 77;
}

PROGRAM(echo)
{
	return swap(ctx) ? XDP_TX : XDP_ABORTED;
}

PROGRAM(away)
{
	return redirect(TARGET, 0);
}

/* Replaces the first 14 bytes, `more` bytes before the frame, or behind its start if that is negative. */
INLINE int move_start(struct xdp_md *ctx, int more, __u16 kind)
{
	struct ethernet *frame = (void *)(long)ctx->data;
	struct ethernet kept;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	kept = *frame;
	if (adjust_head(ctx, -more))
		return 0;
	frame = (void *)(long)ctx->data;
	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return 0;
	*frame = kept;
	frame->kind = kind;
	return 1;
}

/* Makes an IPv4 packet of what is behind a test frame's header and 10 bytes, and marks it beside itself. */
PROGRAM(unpack)
{
	return move_start(ctx, -10, 0x0008) && !adjust_meta(ctx, -8) ? XDP_PASS : XDP_ABORTED;
}

/* Makes a test frame begin 200 bytes earlier and end 20 bytes sooner, and sends it back. */
PROGRAM(stretch)
{
	return move_start(ctx, 200, TEST_KIND) && !adjust_tail(ctx, -20) && swap(ctx) ? XDP_TX : XDP_ABORTED;
}

/* Makes it 100 bytes longer at its end, and sends it back. */
PROGRAM(grow)
{
	return !adjust_tail(ctx, 100) && swap(ctx) ? XDP_TX : XDP_ABORTED;
}

SECTION("license") const char terms[] = "GPL";
