// SPDX-License-Identifier: GPL-2.0

//! What the messages mean: from a request to what goes into its reply.

use std::os::fd::OwnedFd;

use super::{
    dma,
    irqs,
    wire::{
        command,
        irq,
        region,
        Body,
        Header,
        Refusal,
        MAX_TRANSFER,
        TYPE_COMMAND,
        TYPE_MASK, //
    },
    Device, //
};
use crate::sys::MAX_DESCRIPTORS;

/// Flags of a device: it is a PCI function, and it can be reset.
const DEVICE_FLAGS: u32 = 2 | 1;
/// Flags of a region: it can be read and written, by messages alone.
const REGION_FLAGS: u32 = 2 | 1;
/// Flags of the INTx interrupt: an eventfd, which can be masked and masks itself when it fires.
const INTX_FLAGS: u32 = 4 | 2 | 1;
/// Flags of an MSI-X interrupt: an eventfd; single vectors come and go.
const MSIX_FLAGS: u32 = 1;

/// One client's conversation with a device.
pub struct Session<'a, D> {
    device: &'a D,
    greeted: bool,
}

impl<'a, D: Device> Session<'a, D> {
    /// A conversation that has not begun.
    pub fn new(device: &'a D) -> Self {
        Self {
            device,
            greeted: false,
        }
    }

    /// Does what a request asks for; what belongs into the reply's body goes to `reply`.
    ///
    /// # Errors
    ///
    /// When the request is not obeyed. The device is then as before.
    pub fn handle(
        &mut self,
        header: &Header,
        body: &[u8],
        descriptors: Vec<OwnedFd>,
        reply: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if header.flags & TYPE_MASK != TYPE_COMMAND {
            return Err(Refusal::invalid("this is not a request"));
        }
        let body = Body(body);
        if header.command == command::VERSION {
            return self.version(body, reply);
        }
        if !self.greeted {
            return Err(Refusal::invalid("the version was not agreed on"));
        }
        match header.command {
            command::DMA_MAP => dma::map(self.device.memory(), body, descriptors),
            command::DMA_UNMAP => dma::unmap(self.device.memory(), body, reply),
            command::GET_INFO => get_info(body, reply),
            command::GET_REGION_INFO => self.get_region_info(body, reply),
            command::GET_IRQ_INFO => self.get_irq_info(body, reply),
            command::SET_IRQS => irqs::set(self.device.interrupts(), body, descriptors),
            command::REGION_READ => self.region_read(body, reply),
            command::REGION_WRITE => self.region_write(body, reply),
            command::RESET => {
                body.rest(0)?;
                self.device.reset();
                Ok(())
            }
            other => Err(Refusal::unsupported(format!(
                "command {other} is not known"
            ))),
        }
    }

    fn version(&mut self, mut body: Body<'_>, reply: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.greeted {
            return Err(Refusal::invalid("the version was agreed on before"));
        }
        let (major, minor) = (body.u16()?, body.u16()?);
        if major != 0 {
            return Err(Refusal::unsupported(format!(
                "version {major}.{minor} is not known"
            )));
        }
        // What the client can do is of no interest: it is sent no descriptors and no requests.
        if let [text @ .., last] = body.0 {
            if *last != 0 || std::str::from_utf8(text).is_err() {
                return Err(Refusal::invalid(
                    "the capabilities are not text with a final zero",
                ));
            }
        }
        self.greeted = true;
        put(reply, &[0]);
        let capabilities = format!(
            "{{\"capabilities\":{{\"max_msg_fds\":{MAX_DESCRIPTORS},\"max_data_xfer_size\":{MAX_TRANSFER}}}}}\0"
        );
        reply.extend(capabilities.bytes());
        Ok(())
    }

    fn get_region_info(&self, mut body: Body<'_>, reply: &mut Vec<u8>) -> Result<(), Refusal> {
        body.argsz(32)?;
        let _flags = body.u32()?;
        let index = body.u32()?;
        if index >= region::COUNT {
            return Err(Refusal::invalid(format!("there is no region {index}")));
        }
        let size = self.device.region_size(index);
        let flags = if size == 0 { 0 } else { REGION_FLAGS };
        put(reply, &[32, flags, index, 0]);
        reply.extend(size.to_le_bytes());
        reply.extend(0_u64.to_le_bytes());
        Ok(())
    }

    fn get_irq_info(&self, mut body: Body<'_>, reply: &mut Vec<u8>) -> Result<(), Refusal> {
        body.argsz(16)?;
        let _flags = body.u32()?;
        let index = body.u32()?;
        if index >= irq::COUNT {
            return Err(Refusal::invalid(format!("there is no interrupt {index}")));
        }
        let flags = match index {
            irq::INTX => INTX_FLAGS,
            irq::MSIX => MSIX_FLAGS,
            _ => 0,
        };
        put(
            reply,
            &[
                16,
                flags,
                index,
                irqs::count(self.device.interrupts(), index),
            ],
        );
        Ok(())
    }

    fn region_read(&self, mut body: Body<'_>, reply: &mut Vec<u8>) -> Result<(), Refusal> {
        let (offset, index, count) = self.place(&mut body)?;
        body.rest(0)?;
        reply.extend(offset.to_le_bytes());
        // CAST: `place` has checked that it is small.
        put(reply, &[index, count as u32]);
        let start = reply.len();
        reply.resize(start + count, 0);
        self.device.read(index, offset, &mut reply[start..]);
        Ok(())
    }

    fn region_write(&self, mut body: Body<'_>, reply: &mut Vec<u8>) -> Result<(), Refusal> {
        let (offset, index, count) = self.place(&mut body)?;
        let data = body.rest(count)?;
        self.device.write(index, offset, data);
        reply.extend(offset.to_le_bytes());
        // CAST: `place` has checked that it is small.
        put(reply, &[index, count as u32]);
        Ok(())
    }

    /// Offset, region and length of an access that is within its region.
    fn place(&self, body: &mut Body<'_>) -> Result<(u64, u32, usize), Refusal> {
        let (offset, index, count) = (body.u64()?, body.u32()?, body.u32()?);
        let size = if index < region::COUNT {
            self.device.region_size(index)
        } else {
            0
        };
        let inside = offset
            .checked_add(count.into())
            .is_some_and(|end| end <= size);
        // CAST: Widening.
        if count == 0 || count as usize > MAX_TRANSFER || !inside {
            return Err(Refusal::invalid(format!(
                "{count} bytes at {offset:#x} are not in region {index}"
            )));
        }
        Ok((offset, index, count as usize))
    }
}

fn get_info(mut body: Body<'_>, reply: &mut Vec<u8>) -> Result<(), Refusal> {
    body.argsz(16)?;
    put(reply, &[16, DEVICE_FLAGS, region::COUNT, irq::COUNT]);
    Ok(())
}

/// Appends words.
pub(super) fn put(reply: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        reply.extend(word.to_le_bytes());
    }
}
