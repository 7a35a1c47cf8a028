/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of their own for C's static inlines and macros, for use from rust/kernel.
 *
 * A helper for NAME is called rust_helper_NAME and stands in the .c file of its subject; its
 * prototype is here. The bindings drop the prefix again. A module's helpers.c includes the
 * subjects it needs, and rust/bindings/<module>_parameters names the helpers it binds.
 */

#ifndef _RVIRTIO_HELPERS_H
#define _RVIRTIO_HELPERS_H

#include <linux/cc_platform.h>
#include <linux/types.h>

struct io_comp_batch;
struct page;
struct pci_dev;
struct ratelimit_state;
struct request;
struct request_queue;

/* block.c */
bool rust_helper_blk_mq_add_to_batch(struct request *rq, struct io_comp_batch *iob, bool is_error,
				     void (*complete)(struct io_comp_batch *));
bool rust_helper_blk_should_fake_timeout(struct request_queue *q);
struct queue_limits rust_helper_queue_limits_start_update(struct request_queue *q);

/* mm.c */
phys_addr_t rust_helper_page_to_phys(struct page *page);
void *rust_helper_phys_to_virt(phys_addr_t address);
void *rust_helper_kmalloc(size_t bytes, gfp_t flags);
phys_addr_t rust_helper_virt_to_phys(const void *address);
bool rust_helper_cc_platform_has(enum cc_attr attr);

/* pci.c */
bool rust_helper_device_has_driver_override(struct pci_dev *pdev);

/* ratelimit.c */
void rust_helper_ratelimit_state_init(struct ratelimit_state *rs, int interval, int burst);

#endif /* _RVIRTIO_HELPERS_H */
