// SPDX-License-Identifier: GPL-2.0

//! Received packets: from the buffers of a page pool to what the stack gets.

use core::ptr::NonNull;

use kernel::prelude::*;

use super::{
    super::{
        super::bindings,
        napi::Polling,
        netdev::{
            NetDevice,
            ETH_HLEN, //
        },
        page_pool::PoolBuffer, //
    },
    shared_info_of,
    SkBuff,
    MAX_FRAGS,
    SHARED_INFO_SIZE, //
};

/// What a virtio device says of a packet that it has handed in, `struct virtio_net_hdr`.
pub struct VirtioHeader {
    /// `VIRTIO_NET_HDR_F_*`.
    pub flags: u8,
    /// `VIRTIO_NET_HDR_GSO_*`.
    pub gso_type: u8,
    /// Bytes of data of each segment.
    pub gso_size: u16,
    /// Where checksumming starts.
    pub csum_start: u16,
    /// Where the checksum is, from there.
    pub csum_offset: u16,
}

impl SkBuff {
    /// Makes a packet of `len` bytes in `buffer`, `headroom` bytes from its start, without
    /// copying.
    ///
    /// Gives the buffer back when it has less than [`SHARED_INFO_SIZE`] bytes behind the packet,
    /// or when there is no memory.
    #[inline]
    pub fn build(
        buffer: PoolBuffer,
        headroom: u32,
        len: u32,
        _softirq: &Polling<'_>,
    ) -> Result<Self, PoolBuffer> {
        let needed = u64::from(headroom) + u64::from(len) + u64::from(SHARED_INFO_SIZE);
        if needed > u64::from(buffer.size()) {
            return Err(buffer);
        }
        // SAFETY: The buffer is an aligned page fragment of that size, and bottom halves are off.
        let skb = unsafe { bindings::napi_build_skb(buffer.data().cast(), buffer.size()) };
        let Some(skb) = NonNull::new(skb) else {
            return Err(buffer);
        };
        // The packet owns the memory now, and gives it back to its pool.
        buffer.give_up();
        // INVARIANT: A new packet.
        let mut this = Self { skb };
        // SAFETY: The bytes are in the buffer, with room behind them, as just checked.
        unsafe { this.set_linear(headroom, len) };
        Ok(this)
    }

    /// Says where the linear part is in the buffer of a new packet, whose pages are of a pool.
    ///
    /// # Safety
    ///
    /// The packet has nothing yet; the `len` bytes at `headroom` of its buffer are initialised, and
    /// there are [`SHARED_INFO_SIZE`] bytes behind them.
    #[inline]
    pub(in crate::kernel_ext::net) unsafe fn set_linear(&mut self, headroom: u32, len: u32) {
        let raw = self.raw_mut();
        raw.set_pp_recycle(1);
        raw.data = raw.data.wrapping_add(headroom as usize);
        raw.tail = raw.tail.wrapping_add(headroom + len);
        raw.len = len;
    }

    /// Allocates an empty packet with room for `size` bytes.
    #[inline]
    pub fn alloc(size: u32, softirq: &Polling<'_>) -> Option<Self> {
        // SAFETY: This is a poll of the instance.
        let skb = unsafe { bindings::napi_alloc_skb(softirq.as_ptr().cast(), size) };
        // INVARIANT: A new packet.
        Some(Self {
            skb: NonNull::new(skb)?,
        })
    }

    /// Free bytes behind the linear part.
    #[inline]
    fn tailroom(&self) -> u32 {
        let raw = self.raw();
        if raw.data_len != 0 {
            return 0;
        }
        raw.end.wrapping_sub(raw.tail)
    }

    /// Appends `len` bytes of `buffer`, from `offset` on, to the linear part.
    ///
    /// Returns whether both have room for that.
    #[inline]
    pub fn append_copy(&mut self, buffer: &PoolBuffer, offset: u32, len: u32) -> bool {
        let end = u64::from(offset) + u64::from(len);
        if end > u64::from(buffer.size()) || len > self.tailroom() {
            return false;
        }
        // SAFETY: There is room behind the linear part, as just checked.
        let place = unsafe { bindings::skb_put(self.skb.as_ptr(), len) };
        // SAFETY: Both have `len` bytes, and the packet's are its own. A device that still writes
        // the buffer can tear the copy.
        unsafe {
            core::ptr::copy_nonoverlapping(
                buffer.data().add(offset as usize),
                place.cast::<u8>(),
                len as usize,
            );
        }
        true
    }

    /// Appends `len` bytes of `buffer`, from `offset` on, without copying.
    ///
    /// A packet with more than [`MAX_FRAGS`] fragments becomes a list. Gives the buffer back when
    /// there is no memory for that, or when it has less bytes.
    #[inline]
    pub fn append_fragment(
        &mut self,
        buffer: PoolBuffer,
        offset: u32,
        len: u32,
    ) -> Result<(), PoolBuffer> {
        let end = u64::from(offset) + u64::from(len);
        if end > u64::from(buffer.size()) {
            return Err(buffer);
        }
        let (page, at) = buffer.page(offset);
        let size = buffer.size();
        let mut part = self.last_part();
        // SAFETY: A part of the packet is a valid packet, and the packet's alone.
        let mut info = unsafe { shared_info_of(part) };
        let mut count = usize::from(info.nr_frags);
        if let Some(last) = info.frags.get_mut(count.wrapping_sub(1)) {
            // As `skb_can_coalesce()` has it. A fragment ends in its page.
            if last.netmem == page.expose_provenance() && last.offset.wrapping_add(last.len) == at {
                // The last fragment's reference to the page covers these bytes, too; the buffer's own is
                // dropped.
                last.len = last.len.wrapping_add(len);
                self.grow(part, len, size);
                return Ok(());
            }
        }
        if count >= MAX_FRAGS {
            let Some(next) = self.append_part() else {
                return Err(buffer);
            };
            (part, count) = (next, 0);
            // SAFETY: As above.
            info = unsafe { shared_info_of(part) };
        }
        let Some(place) = info.frags.get_mut(count) else {
            return Err(buffer);
        };
        // The part takes over the reference to the page, and returns it to the pool because it is marked
        // so.
        *place = bindings::skb_frag {
            netmem: page.expose_provenance(),
            len,
            offset: at,
        };
        info.nr_frags = info.nr_frags.wrapping_add(1);
        buffer.give_up();
        // SAFETY: The part and the page are valid, and nobody else has the part.
        unsafe {
            (*part.as_ptr()).set_pp_recycle(1);
            if bindings::page_is_pfmemalloc(page) {
                (*part.as_ptr()).set_pfmemalloc(1);
            }
        }
        self.grow(part, len, size);
        Ok(())
    }

    /// The part that a fragment is appended to: the packet itself, or the last one of its list.
    #[inline]
    fn last_part(&self) -> NonNull<bindings::sk_buff> {
        let mut part = self.skb;
        let mut next = self.shared_info().frag_list;
        while let Some(further) = NonNull::new(next) {
            part = further;
            // SAFETY: The list of a packet of ours alone has valid packets, linked this way.
            next = unsafe { (*part.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.next };
        }
        part
    }

    /// Appends an empty part to the list of the packet; `None` without memory.
    #[cold]
    fn append_part(&mut self) -> Option<NonNull<bindings::sk_buff>> {
        let last = self.last_part();
        // SAFETY: Any size may be asked for.
        let part = unsafe {
            bindings::__alloc_skb(
                0,
                bindings::GFP_ATOMIC | bindings::__GFP_NOWARN,
                0,
                bindings::NUMA_NO_NODE,
            )
        };
        let part = NonNull::new(part)?;
        // SAFETY: Both are valid, and the packet's alone; the last part has no next one.
        unsafe {
            if last == self.skb {
                shared_info_of(last).frag_list = part.as_ptr();
            } else {
                (*last.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.next = part.as_ptr();
            }
        }
        // SAFETY: The part is valid.
        let truesize = unsafe { part.as_ref() }.truesize;
        let raw = self.raw_mut();
        raw.truesize = raw.truesize.wrapping_add(truesize);
        Some(part)
    }

    /// Counts `len` bytes more, in a buffer of `size`, for the packet and the part of it that gets them.
    #[inline]
    fn grow(&mut self, part: NonNull<bindings::sk_buff>, len: u32, size: u32) {
        // SAFETY: Both are valid, and the packet's alone.
        unsafe {
            count_in(self.skb, len, size);
            if part != self.skb {
                count_in(part, len, size);
            }
        }
    }

    /// Says that the device has verified the checksums.
    #[inline]
    pub fn set_checksum_unnecessary(&mut self) {
        // SAFETY: The two halves of the union are the same fields.
        let headers = unsafe { self.raw_mut().__bindgen_anon_4.headers.as_mut() };
        // CAST: A two-bit field.
        headers.set_ip_summed(bindings::CHECKSUM_UNNECESSARY as u8);
    }

    /// Takes over what a virtio device says of the packet: the checksum that is to be filled in and
    /// the segments that it would have on the wire. `dev` is the device that has received it.
    ///
    /// Returns false when that cannot be, or is not true of the packet, which is then to be
    /// dropped. The stack checks the headers of a packet again before it is cut.
    pub fn set_virtio_header(&mut self, header: &VirtioHeader, dev: &NetDevice) -> bool {
        let raw = bindings::virtio_net_hdr {
            flags: header.flags,
            gso_type: header.gso_type,
            hdr_len: 0,
            gso_size: header.gso_size,
            csum_start: header.csum_start,
            csum_offset: header.csum_offset,
        };
        let skb = self.skb.as_ptr();
        // SAFETY: The packet is valid and not shared; the device outlives its packets because it
        // waits for its NAPI instances when it is closed. The network header is an offset, which
        // the last function checks together with all others against the packet's length. Numbers
        // in a legacy header have the byte order of the guest.
        // CAST: 14.
        unsafe {
            bindings::skb_set_dev(skb, dev.as_ptr());
            bindings::skb_set_network_header(skb, ETH_HLEN as c_int);
            bindings::virtio_net_hdr_to_skb(skb, &raw) == 0
        }
    }

    /// Makes the packet ready for the stack, as received by `queue` of `dev`.
    ///
    /// Returns `None`, and drops the packet, when its linear part has no Ethernet header.
    #[inline]
    pub fn receive(mut self, dev: &NetDevice, queue: u16) -> Option<Received> {
        // CAST: 14.
        if self.head_len() < ETH_HLEN as u32 {
            return None;
        }
        // As `skb_record_rx_queue()` has it: 0 is for none.
        self.raw_mut().queue_mapping = queue.wrapping_add(1);
        // SAFETY: The packet has an Ethernet header; the device is valid, and outlives its
        // packets because it waits for its NAPI instances when it is closed.
        let protocol = unsafe { bindings::eth_type_trans(self.skb.as_ptr(), dev.as_ptr()) };
        // SAFETY: The two halves of the union are the same fields.
        let headers = unsafe { self.raw_mut().__bindgen_anon_4.headers.as_mut() };
        headers.protocol = protocol;
        Some(Received(self))
    }
}

/// Counts `len` bytes more, in a buffer of `size`, as `skb_add_rx_frag()` does.
///
/// # Safety
///
/// The packet is valid, and nobody else has it.
#[inline]
unsafe fn count_in(mut skb: NonNull<bindings::sk_buff>, len: u32, size: u32) {
    // SAFETY: By the function's requirements.
    let raw = unsafe { skb.as_mut() };
    raw.len = raw.len.wrapping_add(len);
    raw.data_len = raw.data_len.wrapping_add(len);
    raw.truesize = raw.truesize.wrapping_add(size);
}

/// A packet that is ready for the stack.
pub struct Received(SkBuff);

impl Received {
    #[inline]
    pub(in crate::kernel_ext::net) fn into_raw(self) -> NonNull<bindings::sk_buff> {
        self.0.into_raw()
    }
}
