// SPDX-License-Identifier: GPL-2.0

#include <linux/blkdev.h>

#include "helpers.h"

struct queue_limits rust_helper_queue_limits_start_update(struct request_queue *q)
{
	return queue_limits_start_update(q);
}
