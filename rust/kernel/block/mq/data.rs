// SPDX-License-Identifier: GPL-2.0

//! The data of requests.
//!
//! C headers: [`include/linux/bio.h`](srctree/include/linux/bio.h),
//! [`include/linux/bvec.h`](srctree/include/linux/bvec.h)

use kernel::types::Opaque;

use super::request::{
    extra,
    op,
    Op, //
};
use crate::kernel_ext::{
    bindings,
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
    #[inline]
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        // SAFETY: By the type invariant the request is started.
        unsafe { for_each_range(self.0.get(), f) }
    }
}

// SAFETY: As for `DataOut`.
unsafe impl PhysRanges for DataIn {
    #[inline]
    fn for_each_range<E>(&self, f: impl FnMut(PhysRange) -> Result<(), E>) -> Result<(), E> {
        // SAFETY: By the type invariant the request is started.
        unsafe { for_each_range(self.0.get(), f) }
    }
}

// SAFETY: By the type invariant the request brings data in, so its memory is there to be written.
unsafe impl DeviceWritable for DataIn {}

/// Calls `f` with each range of a request's data.
///
/// # Safety
///
/// `rq` is a started request of a tag set of ours that belongs to a driver.
unsafe fn for_each_range<E>(
    rq: *mut bindings::request,
    f: impl FnMut(PhysRange) -> Result<(), E>,
) -> Result<(), E> {
    // SAFETY: The request and its queue are alive.
    let max_segment_size = unsafe { (*(*rq).q).limits.max_segment_size };
    let mut runs = JoinRanges::new(max_segment_size, f);

    // SAFETY: The caller guarantees that the request is ours and started.
    match unsafe { op(rq) } {
        // SAFETY: These requests have bios with pages, which are lent with the request.
        Op::Read | Op::Write => unsafe { for_each_vec(rq, |addr, len| runs.add(addr, len)) }?,
        _ => {
            // SAFETY: The extra part belongs to the request; the vector itself is not changed
            // while the request is with a driver.
            let (payload, len) =
                unsafe { ((*extra(rq)).payload.as_ptr(), (*extra(rq)).payload_used) };
            // SAFETY: The vector's memory is in the kernel's direct mapping.
            let addr = unsafe { bindings::virt_to_phys(payload.cast()) };
            // SAFETY: One allocation is contiguous, and it is lent with the request.
            unsafe { runs.add(addr, len) }?;
        }
    }
    runs.finish()
}

/// Calls `f` with physical address and length of every page vector of a request.
///
/// # Safety
///
/// `rq` is a started read or write.
#[inline]
unsafe fn for_each_vec<E>(
    rq: *mut bindings::request,
    mut f: impl FnMut(u64, u32) -> Result<(), E>,
) -> Result<(), E> {
    // SAFETY: The request is alive.
    let mut bio = unsafe { (*rq).bio };

    while !bio.is_null() {
        // SAFETY: The bios of a started request live until it ends and do not change.
        let (mut vec, iter, next) = unsafe {
            let iter = (*bio).bi_iter;
            // CAST: An index of a vector fits in `usize`.
            (
                (*bio).bi_io_vec.add(iter.bi_idx as usize),
                iter,
                (*bio).bi_next,
            )
        };
        let mut left = iter.bi_size;
        let mut skip = iter.bi_offset;

        while left > 0 {
            // SAFETY: `bi_size` bytes from the iterator on are described by vectors.
            let (page, offset, len) = unsafe { ((*vec).bv_page, (*vec).bv_offset, (*vec).bv_len) };
            let len = len.wrapping_sub(skip).min(left);
            // SAFETY: The page belongs to the bio.
            let page = unsafe { bindings::page_to_phys(page) };

            // A physical address with an offset in its memory, and a part of what is left.
            f(page.wrapping_add((offset.wrapping_add(skip)).into()), len)?;
            left = left.wrapping_sub(len);
            skip = 0;
            // SAFETY: At most one past the last vector.
            vec = unsafe { vec.add(1) };
        }
        bio = next;
    }
    Ok(())
}
