// SPDX-License-Identifier: GPL-2.0

//! The data of requests.
//!
//! C headers: [`include/linux/bio.h`](srctree/include/linux/bio.h),
//! [`include/linux/bvec.h`](srctree/include/linux/bvec.h)

use core::ptr::null_mut;

use kernel::types::Opaque;

use super::request::extra;
use crate::kernel_ext::{
    bindings,
    mm::{
        direct_map,
        memory_map, //
    },
    phys::{
        DeviceWritable,
        JoinRanges,
        PhysRange,
        PhysRanges, //
    },
};

/// The data of a request, by the way it goes.
pub enum RequestData<'a> {
    /// There is none.
    None,
    /// The device reads it.
    Out(&'a DataOut),
    /// The device writes it.
    In(&'a DataIn),
}

/// The data of a started request that the device reads.
///
/// Physically contiguous pieces are one range, up to the queue's largest segment, so that there are
/// never more ranges than the block layer counted, and that is at most the queue's most segments.
///
/// # Invariants
///
/// The wrapped request is started and belongs to a driver for as long as a reference lives.
#[repr(transparent)]
pub struct DataOut(Opaque<bindings::request>);

/// The data of a started request that the device writes; otherwise as [`DataOut`].
///
/// # Invariants
///
/// As [`DataOut`]; and the request is one that brings data in.
#[repr(transparent)]
pub struct DataIn(Opaque<bindings::request>);

impl DataOut {
    /// Makes the view of a request.
    ///
    /// # Safety
    ///
    /// The type invariant holds for `'a`.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(rq: *mut bindings::request) -> &'a Self {
        // SAFETY: `Self` is a transparent wrapper; the caller vouches for the pointer.
        unsafe { &*rq.cast() }
    }
}

impl DataIn {
    /// Makes the view of a request.
    ///
    /// # Safety
    ///
    /// The type invariant holds for `'a`.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(rq: *mut bindings::request) -> &'a Self {
        // SAFETY: `Self` is a transparent wrapper; the caller vouches for the pointer.
        unsafe { &*rq.cast() }
    }
}

// SAFETY: The memory of a started request, bios and payload alike, stays where it is and is used
// for nothing else until the request ends, which its owner decides.
unsafe impl PhysRanges for DataOut {
    #[inline(always)] // As below.
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        // SAFETY: By the type invariant the request is started.
        unsafe { for_each_range(self.0.get(), f) }
    }

    #[inline(always)] // As above.
    fn single_range(&self) -> Option<PhysRange> {
        // SAFETY: As above.
        unsafe { single_segment(self.0.get()) }
    }
}

// SAFETY: As for `DataOut`.
unsafe impl PhysRanges for DataIn {
    #[inline(always)] // As below.
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        // SAFETY: By the type invariant the request is started.
        unsafe { for_each_range(self.0.get(), f) }
    }

    #[inline(always)] // As above.
    fn single_range(&self) -> Option<PhysRange> {
        // SAFETY: As above.
        unsafe { single_segment(self.0.get()) }
    }
}

// SAFETY: By the type invariant the request brings data in, so its memory is there to be written.
unsafe impl DeviceWritable for DataIn {}

/// Calls `f` with each range of a request's data.
///
/// # Safety
///
/// `rq` is a started request of a tag set of ours that belongs to a driver.
#[inline(always)] // The chain that `f` writes is kept in memory otherwise.
unsafe fn for_each_range<E>(
    rq: *mut bindings::request,
    mut f: impl FnMut(PhysRange) -> Result<(), E>,
) -> Result<(), E> {
    // SAFETY: The request and its queue are alive.
    let max_segment_size = unsafe { (*(*rq).q).limits.max_segment_size };
    // SAFETY: The extra part belongs to the request; the vector itself is not changed while the
    // request is with a driver.
    let (payload, len) = unsafe { ((*extra(rq)).payload.as_ptr(), (*extra(rq)).payload_used) };
    let (payload, bio) = if len == 0 {
        // SAFETY: The request is alive.
        ((0, 0), unsafe { (*rq).bio })
    } else {
        // SAFETY: The vector's memory is in the kernel's direct mapping.
        ((unsafe { direct_map::phys(payload) }, len), null_mut())
    };
    // SAFETY: A payload is one allocation and contiguous. A started request without one has bios with
    // pages, or none. Both are lent with the request.
    let ranges = unsafe { JoinRanges::new(max_segment_size, payload, Vecs::new(bio)) };
    for range in ranges {
        f(range)?;
    }
    Ok(())
}

/// The data of a request, if it is one segment of a single bio.
///
/// # Safety
///
/// As for [`for_each_range`].
#[inline(always)] // For each request.
unsafe fn single_segment(rq: *mut bindings::request) -> Option<PhysRange> {
    // SAFETY: The request is alive, and the extra part belongs to it.
    let is_single = unsafe { (*rq).nr_phys_segments == 1 && (*extra(rq)).payload_used == 0 };
    // SAFETY: The bio of a started request lives until it ends and does not change.
    let bio = unsafe { (*rq).bio.as_ref() }?;
    let iter = bio.bi_iter;
    if !is_single || !bio.bi_next.is_null() || iter.bi_size == 0 {
        return None;
    }
    // SAFETY: There are bytes, which begin in the vector that the iterator is at. What the block layer
    // counts as one segment is contiguous, no longer than the queue's longest, and lent with the request.
    Some(unsafe {
        // CAST: An index of a vector fits in `usize`.
        let vec = bio.bi_io_vec.add(iter.bi_idx as usize);
        let at = (*vec).bv_offset.wrapping_add(iter.bi_offset);
        let page = memory_map::phys((*vec).bv_page);
        PhysRange::new(page.wrapping_add(at.into()), iter.bi_size)
    })
}

/// Physical address and length of every page vector of a request.
struct Vecs {
    /// The bio after the present one.
    bio: *mut bindings::bio,
    vec: *mut bindings::bio_vec,
    /// Bytes of the present bio from `vec` on.
    left: u32,
}

impl Vecs {
    /// # Safety
    ///
    /// `bio` is null or the first bio of a started request, whose bios describe memory by pages.
    #[inline]
    unsafe fn new(bio: *mut bindings::bio) -> Self {
        Self {
            bio,
            vec: null_mut(),
            left: 0,
        }
    }
}

impl Iterator for Vecs {
    type Item = (u64, u32);

    #[inline(always)] // For each vector.
    fn next(&mut self) -> Option<(u64, u32)> {
        // Bytes of a vector that are not part of the bio: there are such in a bio's first one alone.
        let mut skip = 0;
        while self.left == 0 {
            if self.bio.is_null() {
                return None;
            }
            // SAFETY: The bios of a started request live until it ends and do not change.
            unsafe {
                let iter = (*self.bio).bi_iter;
                // CAST: An index of a vector fits in `usize`.
                self.vec = (*self.bio).bi_io_vec.add(iter.bi_idx as usize);
                (self.left, skip) = (iter.bi_size, iter.bi_offset);
                self.bio = (*self.bio).bi_next;
            }
        }
        // SAFETY: `bi_size` bytes from the iterator on are described by vectors, and the pages belong
        // to the bio.
        let (page, offset, len) = unsafe {
            let vec = self.vec;
            (
                memory_map::phys((*vec).bv_page),
                (*vec).bv_offset,
                (*vec).bv_len,
            )
        };
        let len = len.wrapping_sub(skip).min(self.left);
        // A physical address with an offset in its memory, and a part of what is left.
        let addr = page.wrapping_add(offset.wrapping_add(skip).into());

        self.left = self.left.wrapping_sub(len);
        // SAFETY: At most one past the last vector.
        self.vec = unsafe { self.vec.add(1) };
        Some((addr, len))
    }
}
