// SPDX-License-Identifier: GPL-2.0

#include <linux/blk-mq.h>
#include <linux/blkdev.h>

#include "helpers.h"

bool rust_helper_blk_mq_add_to_batch(struct request *rq, struct io_comp_batch *iob, bool is_error,
				     void (*complete)(struct io_comp_batch *))
{
	return blk_mq_add_to_batch(rq, iob, is_error, complete);
}

bool rust_helper_blk_should_fake_timeout(struct request_queue *q)
{
	return blk_should_fake_timeout(q);
}

struct queue_limits rust_helper_queue_limits_start_update(struct request_queue *q)
{
	return queue_limits_start_update(q);
}
