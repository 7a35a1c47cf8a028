// SPDX-License-Identifier: GPL-2.0

//! The disk's serial number: `/sys/block/NAME/serial`.

use kernel::prelude::*;

use crate::{
    kernel_ext::block::mq::{
        Attribute,
        Disk, //
    },
    queues::Queues,
    virtio::core::blk::{
        RequestType,
        ID_BYTES, //
    },
};

/// The serial number, asked of the device each time the file is read.
pub(crate) struct Serial;

impl Attribute<Queues> for Serial {
    const NAME: &'static CStr = c"serial";

    fn show(disk: &Disk<Queues>, page: &mut [u8]) -> Result<usize> {
        let page = page.get_mut(..ID_BYTES).ok_or(EINVAL)?;

        match disk.execute_in(RequestType::GetId as u32, page) {
            // It need not end in a zero.
            Ok(()) => Ok(page.iter().position(|byte| *byte == 0).unwrap_or(ID_BYTES)),
            // A device without serial number: the file is empty.
            Err(error) if error == EIO => Ok(0),
            Err(error) => Err(error),
        }
    }
}
