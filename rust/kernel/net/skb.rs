// SPDX-License-Identifier: GPL-2.0

//! Socket buffers: the packets of the network stack.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)
//!
//! Would go to `rust/kernel/net/skb.rs`.

mod received;

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    transmute::AsBytes, //
};

use super::super::{
    bindings,
    mm::direct_map,
    phys::{
        PhysRange,
        PhysRanges, //
    }, //
};

pub use self::received::{
    Received,
    VirtioHeader, //
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
