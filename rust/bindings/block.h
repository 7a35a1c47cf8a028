/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the block driver binds beyond the kernel's own rust/bindings. Chosen by block_parameters.
 */

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/hdreg.h>

#include "pci.h"

const blk_features_t RUST_CONST_HELPER_BLK_FEAT_WRITE_CACHE = BLK_FEAT_WRITE_CACHE;
const blk_status_t RUST_CONST_HELPER_BLK_STS_NOTSUPP = BLK_STS_NOTSUPP;
const blk_status_t RUST_CONST_HELPER_BLK_STS_RESOURCE = BLK_STS_RESOURCE;
const blk_status_t RUST_CONST_HELPER_BLK_STS_IOERR = BLK_STS_IOERR;
const blk_status_t RUST_CONST_HELPER_BLK_STS_DEV_RESOURCE = BLK_STS_DEV_RESOURCE;
