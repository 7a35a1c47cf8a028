// SPDX-License-Identifier: GPL-2.0

//! Packets under XDP on their way out: sent back, or redirected from another device.

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    prelude::*,
    types::NotThreadSafe, //
};

use crate::kernel_ext::{
    bindings,
    net::{
        napi::BottomHalvesOff,
        skb::fragment_ranges, //
    },
    phys::{
        PhysRange,
        PhysRanges, //
    },
};

/// A packet on its way out that no socket has sent, `struct xdp_frame`. Its memory goes back to where
/// it came from when it is dropped, in any context but hard interrupts.
///
/// # Invariants
///
/// `frame` points to a valid frame, which stands in front of its data and belongs to this object.
pub struct Frame {
    pub(super) frame: NonNull<bindings::xdp_frame>,
}

// SAFETY: A frame is not bound to a thread.
unsafe impl Send for Frame {}

impl Frame {
    #[inline]
    fn raw(&self) -> &bindings::xdp_frame {
        // SAFETY: Valid by the type invariant.
        unsafe { self.frame.as_ref() }
    }

    /// The structure of its fragments, if it has any.
    #[inline]
    fn shared_info(&self) -> Option<&bindings::skb_shared_info> {
        // SAFETY: Valid by the type invariant; a frame with fragments has the structure.
        unsafe {
            bindings::xdp_frame_has_frags(self.frame.as_ptr())
                .then(|| &*bindings::xdp_get_shared_info_from_frame(self.frame.as_ptr()))
        }
    }

    /// Bytes of the packet.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // There is no use for an empty packet.
    pub fn len(&self) -> u32 {
        let fragments = self.shared_info().map_or(0, |info| {
            // SAFETY: The numbers are those that a packet under XDP has.
            unsafe { info.__bindgen_anon_2.__bindgen_anon_1 }.xdp_frags_size
        });
        self.raw().len.wrapping_add(fragments)
    }

    /// Fragments behind its linear part.
    #[inline]
    pub fn fragments(&self) -> u16 {
        self.shared_info().map_or(0, |info| info.nr_frags.into())
    }

    /// Puts `bytes` zeros in front of the packet; false if there is no room for them.
    #[inline]
    pub fn push_zeros(&mut self, bytes: u32) -> bool {
        // SAFETY: Valid by the type invariant.
        let raw = unsafe { self.frame.as_mut() };
        let Some(headroom) = raw.headroom.checked_sub(bytes) else {
            return false;
        };
        raw.headroom = headroom;
        raw.data = raw.data.wrapping_byte_sub(bytes as usize);
        raw.len = raw.len.wrapping_add(bytes);
        // SAFETY: The bytes were headroom of this frame, as just checked.
        unsafe { raw.data.cast::<u8>().write_bytes(0, bytes as usize) };
        true
    }

    /// The frame as memory for a device that wants the first `N` bytes apart.
    #[inline]
    pub fn split<const N: u32>(&self) -> &Split<N> {
        // SAFETY: `Split` is a transparent wrapper.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    /// The linear part, cut after `first` bytes, and the fragments.
    #[inline]
    fn ranges<E>(
        &self,
        first: u32,
        mut f: impl FnMut(PhysRange) -> Result<(), E>,
    ) -> Result<(), E> {
        let raw = self.raw();
        // SAFETY: The data of a frame are in the linear mapping.
        let start = unsafe { bindings::virt_to_phys(raw.data) };
        let first = first.min(raw.len);
        for (at, len) in [(0, first), (first, raw.len - first)] {
            if len != 0 {
                // SAFETY: What is in the linear mapping is contiguous.
                f(unsafe { PhysRange::new(start + u64::from(at), len) })?;
            }
        }
        match self.shared_info() {
            Some(info) => fragment_ranges(info, f),
            None => Ok(()),
        }
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The frame is this object's by the type invariant, and given up.
        unsafe { bindings::xdp_return_frame(self.frame.as_ptr()) };
    }
}

// SAFETY: The ranges are the data of the frame, which lives as long as `self`.
unsafe impl PhysRanges for Frame {
    #[inline]
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        self.ranges(0, f)
    }
}

/// A frame whose first `N` bytes are apart.
#[repr(transparent)]
pub struct Split<const N: u32>(Frame);

// SAFETY: See `Frame`.
unsafe impl<const N: u32> PhysRanges for Split<N> {
    #[inline]
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        self.0.ranges(N, f)
    }
}

/// Frames that the kernel hands to a device, to be sent in order; it keeps those that are not.
///
/// # Invariants
///
/// `frames` are valid, and given away one by one from the first on, of which `sent` are. Bottom halves
/// are off for `'a`.
pub struct Frames<'a> {
    frames: &'a [*mut bindings::xdp_frame],
    sent: usize,
    flush: bool,
    _here: PhantomData<NotThreadSafe>,
}

impl Frames<'_> {
    /// # Safety
    ///
    /// Called inside `ndo_xdp_xmit` with what that was given.
    pub(in super::super) unsafe fn new(
        frames: *mut *mut bindings::xdp_frame,
        count: usize,
        flags: u32,
    ) -> Result<Self> {
        if flags & !bindings::XDP_XMIT_FLAGS_MASK != 0 {
            return Err(EINVAL);
        }
        let frames = if count == 0 {
            &[]
        } else {
            // SAFETY: By the function's requirements.
            unsafe { core::slice::from_raw_parts(frames, count) }
        };
        // INVARIANT: By the function's requirements.
        Ok(Self {
            frames,
            sent: 0,
            flush: flags & bindings::XDP_XMIT_FLUSH != 0,
            _here: PhantomData,
        })
    }

    /// How many there are.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // Never empty.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// How many were sent.
    #[inline]
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// Whether the device is to be told of them.
    #[inline]
    pub fn flush(&self) -> bool {
        self.flush
    }

    /// Sends one after the other, until `send` gives one back.
    #[inline]
    pub fn send_each(&mut self, mut send: impl FnMut(Frame) -> Result<(), Frame>) {
        while let Some(frame) = self.frames.get(self.sent).copied().and_then(NonNull::new) {
            // INVARIANT: The frame is given away; if it comes back it is not dropped.
            if let Err(frame) = send(Frame { frame }) {
                let _ = ManuallyDrop::new(frame);
                return;
            }
            self.sent += 1;
        }
    }
}

// SAFETY: By the type invariant.
unsafe impl BottomHalvesOff for Frames<'_> {}
