// SPDX-License-Identifier: GPL-2.0

//! Socket buffers: the packets of the network stack.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)
//!
//! Would go to `rust/kernel/net/skb.rs`.

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    transmute::AsBytes, //
};

use super::{
    super::{
        bindings,
        mm::direct_map,
        phys::{
            PhysRange,
            PhysRanges, //
        },
    },
    napi::Polling,
    netdev::{
        NetDevice,
        ETH_HLEN, //
    },
    page_pool::PoolBuffer, //
};

/// Most fragments of a packet.
pub const MAX_FRAGS: usize = bindings::MAX_SKB_FRAGS as usize;
/// Bytes that [`SkBuff::build`] needs behind the data of a packet.
pub const SHARED_INFO_SIZE: u32 = bindings::SKB_SHARED_INFO_SIZE as u32;
/// Bytes that a driver leaves in front of a received packet for the stack.
pub const HEADROOM: u32 = bindings::SKB_HEADROOM as u32;

/// `SKB_GSO_TCPV4`: the packet is to become TCP segments over IPv4.
pub const GSO_TCPV4: u32 = bindings::SKB_GSO_TCPV4 as u32;
/// `SKB_GSO_TCPV6`: the packet is to become TCP segments over IPv6.
pub const GSO_TCPV6: u32 = bindings::SKB_GSO_TCPV6 as u32;
/// `SKB_GSO_TCP_ECN`: its TCP header tells of congestion.
pub const GSO_TCP_ECN: u32 = bindings::SKB_GSO_TCP_ECN as u32;

/// Least bytes of a TCP header, and the offset in it of a byte whose upper half is its length in
/// units of four bytes.
const TCP_HEADER: u32 = 20;
const TCP_DATA_OFFSET: u32 = 12;

/// How a packet is to be cut into segments.
#[derive(Clone, Copy, Debug)]
pub struct Gso {
    /// `SKB_GSO_*`.
    pub kind: u32,
    /// Bytes of data of each segment.
    pub size: u16,
}

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

/// A packet, `struct sk_buff`, with an owner.
///
/// Dropping it counts as dropping the packet. It may be dropped in any context.
///
/// # Invariants
///
/// `skb` points to a valid packet, a reference to which belongs to this object. Others may have
/// references, too, as pktgen has, which sends one packet many times: they leave it as it is.
pub struct SkBuff {
    skb: NonNull<bindings::sk_buff>,
}

// SAFETY: A packet is not bound to a thread.
unsafe impl Send for SkBuff {}

impl SkBuff {
    /// # Safety
    ///
    /// `skb` is a valid packet that the caller gives away.
    #[inline]
    pub(super) unsafe fn from_raw(skb: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: By the function's requirements.
        Self { skb }
    }

    #[inline]
    pub(super) fn into_raw(self) -> NonNull<bindings::sk_buff> {
        ManuallyDrop::new(self).skb
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::sk_buff {
        self.skb.as_ptr()
    }

    #[inline]
    fn raw(&self) -> &bindings::sk_buff {
        // SAFETY: Valid, and nobody changes it, by the type invariant.
        unsafe { self.skb.as_ref() }
    }

    #[inline]
    fn raw_mut(&mut self) -> &mut bindings::sk_buff {
        // SAFETY: Valid and not shared, by the type invariant.
        unsafe { self.skb.as_mut() }
    }

    #[inline]
    fn shared_info(&self) -> &bindings::skb_shared_info {
        // SAFETY: Valid, and nobody changes it, by the type invariant.
        unsafe { shared_info_of(self.skb) }
    }

    /// Bytes of the packet.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // There is no use for an empty packet.
    pub fn len(&self) -> u32 {
        self.raw().len
    }

    /// Whether all of it is in the linear part.
    #[inline]
    pub fn is_linear(&self) -> bool {
        self.raw().data_len == 0
    }

    /// Fragments behind its linear part.
    #[inline]
    pub fn fragments(&self) -> u16 {
        if self.is_linear() {
            return 0;
        }
        self.shared_info().nr_frags.into()
    }

    /// Bytes of its linear part.
    #[inline]
    pub fn head_len(&self) -> u32 {
        self.raw().len.wrapping_sub(self.raw().data_len)
    }

    /// The transmit queue the stack has chosen.
    #[inline]
    pub fn queue_mapping(&self) -> u16 {
        self.raw().queue_mapping
    }

    /// Free bytes in front of the packet.
    #[inline]
    pub fn headroom(&self) -> usize {
        self.raw().data.addr().wrapping_sub(self.raw().head.addr())
    }

    /// Writes `header` to the bytes in front of the packet and lends them with it, if there is room that no
    /// clone uses; the packet itself stays as it is.
    #[inline]
    pub fn precede<T: AsBytes>(self, header: T) -> Preceded {
        let mut this = Preceded::new(self);
        let skb = &this.skb;
        // SAFETY: The packet is valid.
        let is_shared = || unsafe { bindings::skb_header_cloned(skb.as_ptr()) };
        if skb.headroom() < size_of::<T>() || (skb.raw().cloned() != 0 && is_shared()) {
            return this;
        }
        let place = skb.raw().data.wrapping_sub(size_of::<T>());
        // SAFETY: The bytes in front of `data` were checked to be headroom of this packet alone.
        unsafe { place.cast::<T>().write_unaligned(header) };
        // INVARIANT: As just checked.
        // CAST: A header is small.
        this.before = size_of::<T>() as u16;
        this
    }

    /// Writes `header` to the start of the control buffer, which belongs to the packet's owner.
    #[inline]
    pub fn write_control<T: AsBytes>(&mut self, header: T) {
        const { assert!(size_of::<T>() <= 48) };
        // SAFETY: It fits, and the buffer is plain bytes.
        unsafe {
            self.raw_mut()
                .cb
                .as_mut_ptr()
                .cast::<T>()
                .write_unaligned(header)
        };
    }

    /// The first `N` bytes of the control buffer, as memory a device may read.
    #[inline]
    pub fn control<const N: usize>(&self) -> &Control<N> {
        const { assert!(N > 0 && N <= 48) };
        // SAFETY: `Control` is a transparent wrapper.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    /// The checksum that is left to the device, if one is: where checksumming starts in the packet,
    /// and where the checksum is from there, in bytes.
    #[inline]
    pub fn partial_checksum(&self) -> Option<(u16, u16)> {
        // SAFETY: The two halves of the union are the same fields.
        let headers = unsafe { self.raw().__bindgen_anon_4.headers.as_ref() };
        if u32::from(headers.ip_summed()) != bindings::CHECKSUM_PARTIAL {
            return None;
        }
        // SAFETY: This half of the union is valid in a packet with that mark.
        let place = unsafe { headers.__bindgen_anon_1.__bindgen_anon_1 };
        // CAST: The start counts from the head, and is behind the headroom.
        let start = place.csum_start.wrapping_sub(self.headroom() as u16);
        Some((start, place.csum_offset))
    }

    /// How the device is to cut the packet into segments, if it is.
    #[inline]
    pub fn gso(&self) -> Option<Gso> {
        let info = self.shared_info();
        (info.gso_size != 0).then_some(Gso {
            kind: info.gso_type,
            size: info.gso_size,
        })
    }

    /// Bytes of all headers of a TCP packet, up to the data; `None` if the linear part ends before.
    pub fn tcp_headers_len(&self) -> Option<u32> {
        // SAFETY: The two halves of the union are the same fields.
        let headers = unsafe { self.raw().__bindgen_anon_4.headers.as_ref() };
        // CAST: A headroom that does not fit leads to an offset that is refused.
        let start = u32::from(headers.transport_header).checked_sub(self.headroom() as u32)?;
        let end = start + TCP_HEADER;
        if end > self.head_len() {
            return None;
        }
        // SAFETY: The byte is in the linear part, as just checked.
        let byte = unsafe { *self.raw().data.add((start + TCP_DATA_OFFSET) as usize) };
        Some(start + u32::from(byte >> 4) * 4)
    }

    /// Takes a software time stamp if the sender wants one. To be called before the device is
    /// told of the packet.
    #[inline]
    pub fn tx_timestamp(&mut self) {
        // SAFETY: The packet is valid.
        unsafe { bindings::skb_tx_timestamp(self.skb.as_ptr()) };
    }

    /// Frees a packet that was sent. It may be called in any context.
    #[inline]
    pub fn consume(self) {
        // SAFETY: The packet is given away.
        unsafe { bindings::dev_consume_skb_any(self.into_raw().as_ptr()) };
    }

    /// Takes the packet away from the socket and whoever else waits for it to be sent; false
    /// without memory for that.
    #[inline]
    pub fn orphan(&mut self) -> bool {
        // SAFETY: The packet is valid. Who sends a packet many times has none of these.
        unsafe { bindings::skb_release_owners(self.skb.as_ptr()) == 0 }
    }

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
    pub(super) unsafe fn set_linear(&mut self, headroom: u32, len: u32) {
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

/// What a packet has beside its linear part.
///
/// # Safety
///
/// The packet is valid for `'a`, and nobody else changes it meanwhile.
#[inline]
unsafe fn shared_info_of<'a>(skb: NonNull<bindings::sk_buff>) -> &'a mut bindings::skb_shared_info {
    // SAFETY: Every packet has one, behind its linear part, where `skb_shinfo()` finds it, too.
    unsafe {
        let raw = skb.as_ref();
        &mut *raw.head.add(raw.end as usize).cast()
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

impl Drop for SkBuff {
    fn drop(&mut self) {
        // SAFETY: The packet is valid and given up.
        unsafe { bindings::dev_kfree_skb_any(self.skb.as_ptr()) };
    }
}

/// A packet that is to be sent, with a header in front of it or without.
///
/// # Invariants
///
/// The packet has `before` bytes of headroom, which belong to this object.
pub struct Preceded {
    skb: SkBuff,
    before: u16,
}

impl Preceded {
    /// A packet without a header in front.
    #[inline]
    pub fn new(skb: SkBuff) -> Self {
        // INVARIANT: There always is as much headroom.
        Self { skb, before: 0 }
    }

    /// Whether a header is in front.
    #[inline]
    pub fn has_header(&self) -> bool {
        self.before != 0
    }

    /// The packet.
    #[inline]
    pub fn skb(&self) -> &SkBuff {
        &self.skb
    }

    /// As [`SkBuff::write_control`].
    #[inline]
    pub fn write_control<T: AsBytes>(&mut self, header: T) {
        self.skb.write_control(header);
    }

    /// Moves all of the packet into its linear part; false without memory for that, or if others have
    /// references to the packet. What is in front of it stays there.
    pub fn linearize(&mut self) -> bool {
        let skb = self.skb.as_ptr();
        // SAFETY: The packet is valid, and changed only if nobody else has it.
        unsafe { !bindings::skb_shared(skb) && bindings::skb_linearize(skb) == 0 }
    }

    /// Takes the packet out.
    #[inline]
    pub fn into_skb(self) -> SkBuff {
        self.skb
    }
}

// SAFETY: The ranges are the data of the packet and what is in front of it, which live as long as `self`.
// A device without `NETIF_F_FRAGLIST` and `netmem_tx` gets packets that are a linear part and page
// fragments.
unsafe impl PhysRanges for Preceded {
    #[inline]
    fn for_each_range<E>(&self, mut f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        let (skb, before) = (&self.skb, self.before);
        let head = skb.head_len().wrapping_add(before.into());
        if head != 0 {
            // SAFETY: The linear part and what is in front of it are in the linear mapping.
            let phys = unsafe { direct_map::phys(skb.raw().data.wrapping_sub(before.into())) };
            // SAFETY: What is in the linear mapping is contiguous.
            f(unsafe { PhysRange::new(phys, head) })?;
        }
        if skb.is_linear() {
            return Ok(());
        }
        fragment_ranges(skb.shared_info(), f)
    }

    #[inline]
    fn single_range(&self) -> Option<PhysRange> {
        let (skb, before) = (&self.skb, self.before);
        let len = skb.len().wrapping_add(before.into());
        if !skb.is_linear() || len == 0 {
            return None;
        }
        // SAFETY: As above; all of it is the linear part.
        Some(unsafe {
            let start = direct_map::phys(skb.raw().data.wrapping_sub(before.into()));
            PhysRange::new(start, len)
        })
    }
}

/// The fragments of a packet.
#[inline]
pub(super) fn fragment_ranges<E>(
    info: &bindings::skb_shared_info,
    mut f: impl FnMut(PhysRange) -> Result<(), E>,
) -> Result<(), E> {
    for fragment in info.frags.iter().take(usize::from(info.nr_frags)) {
        if fragment.len != 0 {
            // SAFETY: A fragment lies in one, maybe compound, page.
            let phys = unsafe { bindings::skb_frag_phys(fragment) };
            // SAFETY: A page is contiguous.
            f(unsafe { PhysRange::new(phys, fragment.len) })?;
        }
    }
    Ok(())
}

/// The first `N` bytes of a packet's control buffer.
#[repr(transparent)]
pub struct Control<const N: usize>(SkBuff);

// SAFETY: The control buffer is part of `struct sk_buff`, a slab object in the linear mapping.
unsafe impl<const N: usize> PhysRanges for Control<N> {
    #[inline]
    fn for_each_range<E>(&self, mut f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        // SAFETY: A slab object is in the linear mapping.
        let phys = unsafe { direct_map::phys(self.0.raw().cb.as_ptr().cast()) };
        // CAST: At most 48.
        // SAFETY: `N` is from 1 to the size of the buffer.
        f(unsafe { PhysRange::new(phys, N as u32) })
    }
}

/// A packet that is ready for the stack.
pub struct Received(SkBuff);

impl Received {
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<bindings::sk_buff> {
        self.0.into_raw()
    }
}
