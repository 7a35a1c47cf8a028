// SPDX-License-Identifier: GPL-2.0

//! The disk's write cache: `/sys/block/NAME/cache_type`, and what the block layer is told of it.

use kernel::prelude::*;

use crate::{
    kernel_ext::block::mq::{
        Attribute,
        Disk, //
    },
    queues::Queues,
    virtio::{
        core::{
            blk::{
                self,
                config,
                F_CONFIG_WCE, //
            },
            features::Features, //
        },
        device::Config, //
    },
};

const WRITE_THROUGH: &[u8] = b"write through\n";
const WRITE_BACK: &[u8] = b"write back\n";

/// Whether writes may stay in a cache until a flush.
pub(crate) fn is_write_back(features: Features, config: &Config) -> bool {
    blk::is_write_back(features, || config.read_u8(config::WCE))
}

/// Has the device use a cache or not, with CONFIG_WCE; returns what it has made of that.
pub(crate) fn set_write_back(features: Features, config: &Config, wanted: bool) -> bool {
    if is_write_back(features, config) != wanted {
        config.write_bytes(config::WCE, &[wanted.into()]);
    }
    is_write_back(features, config)
}

/// The cache mode, which can be changed with CONFIG_WCE.
pub(crate) struct CacheType;

impl Attribute<Queues> for CacheType {
    const NAME: &'static CStr = c"cache_type";

    fn show(disk: &Disk<Queues>, page: &mut [u8]) -> Result<usize> {
        let queues = disk.queue_data();
        let text = match is_write_back(queues.features(), queues.config()) {
            true => WRITE_BACK,
            false => WRITE_THROUGH,
        };

        page.get_mut(..text.len())
            .ok_or(EINVAL)?
            .copy_from_slice(text);
        Ok(text.len())
    }

    fn is_writable(disk: &Disk<Queues>) -> bool {
        disk.queue_data().features().contains(F_CONFIG_WCE)
    }

    fn store(disk: &Disk<Queues>, bytes: &[u8]) -> Result {
        let queues = disk.queue_data();
        if !Self::is_writable(disk) {
            return Err(EACCES);
        }
        let is = |text: &[u8]| bytes.trim_ascii_end() == text.trim_ascii_end();
        let wanted = if is(WRITE_BACK) {
            true
        } else if is(WRITE_THROUGH) {
            false
        } else {
            return Err(EINVAL);
        };

        let write_back = queues.set_cache_mode(wanted);
        disk.update_limits(|limits| limits.write_cache(write_back))
    }
}
