// SPDX-License-Identifier: GPL-2.0

//! Requests.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    alloc::flags::__GFP_NOWARN,
    prelude::*,
    sync::atomic::{
        Atomic,
        Release, //
    }, //
};

use super::{
    data::{
        DataIn,
        DataOut,
        RequestData, //
    },
    hw_queue::HwQueue,
    status::BlkStatus, //
};
use crate::kernel_ext::bindings;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Read data from the disk.
    Read,
    /// Write data to the disk.
    Write,
    /// Bring what was written to stable storage.
    Flush,
    /// Forget ranges of sectors.
    Discard,
    /// Erase ranges of sectors beyond recovery.
    SecureErase,
    /// Fill a range with zeroes; with `unmap` the disk may deallocate it.
    WriteZeroes {
        /// Whether deallocating is welcome.
        unmap: bool,
    },
    /// A command of the driver's own that returns data, see
    /// [`Disk::execute_in`](super::Disk::execute_in).
    DriverIn(u32),
    /// Something this driver is never asked for.
    Other,
}

/// A range of sectors of 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectorRange {
    /// The first sector.
    pub start: u64,
    /// How many.
    pub count: u32,
}

/// What is kept with each request, behind `struct request`.
pub(super) struct RequestExtra {
    /// The outcome, between the driver's completion and the end of the request.
    pub(super) status: BlkStatus,
    /// The request that follows in a [`Completed`](super::Completed), or null.
    pub(super) next: *mut bindings::request,
    /// The command of a request made by [`Disk::execute_in`](super::Disk::execute_in).
    pub(super) command: u32,
    /// How often the driver has put the present request back.
    pub(super) requeued: u32,
    /// Whether the request ended and nobody was told, for a test of time-outs.
    pub(super) withheld: Atomic<bool>,
    /// Memory for data that no bio describes; allocated when it is needed, and kept for the next
    /// time. Only accessed by raw pointer: a device may be reading or writing it.
    pub(super) payload: KVec<u8>,
    /// Bytes of `payload` that are the data of the present request.
    pub(super) payload_used: u32,
}

/// Where the extra part of a request is.
///
/// # Safety
///
/// `rq` is a request of a tag set that this module made.
#[inline]
pub(super) unsafe fn extra(rq: *mut bindings::request) -> *mut RequestExtra {
    // SAFETY: The tag set was told to allocate the extra part behind each request, which is where
    // `blk_mq_rq_to_pdu()` finds it too.
    unsafe { rq.add(1).cast() }
}

/// Forgets the payload of an earlier request that had the same memory.
///
/// # Safety
///
/// `rq` is a request of a tag set of ours that belongs to the caller.
#[inline]
pub(super) unsafe fn clear_payload(rq: *mut bindings::request) {
    // SAFETY: By the function's requirements.
    if !matches!(unsafe { op(rq) }, Op::DriverIn(_)) {
        // SAFETY: As above.
        unsafe { (*extra(rq)).payload_used = 0 };
    }
}

/// An owned, started request.
///
/// See the [module documentation](super) for how its life ends.
///
/// # Invariants
///
/// The pointer is to a request of a tag set of ours which was started, has not been completed and
/// is referred to by no other `Request`. While it is so, the block layer leaves it alone.
pub struct Request(NonNull<bindings::request>);

// SAFETY: A request may be completed by any thread and in any context.
unsafe impl Send for Request {}

// SAFETY: What takes `&self` only reads.
unsafe impl Sync for Request {}

impl Request {
    /// Takes ownership of a request.
    ///
    /// # Safety
    ///
    /// The type invariant holds for `rq`.
    #[inline]
    pub(super) unsafe fn from_raw(rq: NonNull<bindings::request>) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(rq)
    }

    /// Gives up the handle without completing the request.
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<bindings::request> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    fn as_ptr(&self) -> *mut bindings::request {
        self.0.as_ptr()
    }

    #[inline]
    fn extra(&self) -> *mut RequestExtra {
        // SAFETY: By the type invariant the request is of a tag set of ours.
        unsafe { extra(self.as_ptr()) }
    }

    /// What the request asks for.
    #[inline]
    pub fn op(&self) -> Op {
        // SAFETY: By the type invariant the request is alive and does not change.
        unsafe { op(self.as_ptr()) }
    }

    /// The first sector, in units of 512 bytes whatever the block size.
    #[inline]
    pub fn sector(&self) -> u64 {
        // SAFETY: As in `op()`.
        unsafe { (*self.as_ptr()).__sector }
    }

    /// The length in bytes.
    #[inline]
    pub fn bytes(&self) -> u32 {
        // SAFETY: As in `op()`.
        unsafe { (*self.as_ptr()).__data_len }
    }

    /// The number that tells this request from the others of its hardware queue: less than the
    /// tag set's depth.
    #[inline]
    pub fn tag(&self) -> u32 {
        // SAFETY: As in `op()`.
        let tag = unsafe { (*self.as_ptr()).tag };

        // CAST: A started request has a tag, which is not negative.
        tag as u32
    }

    /// Segments of the data that bios describe, as the block layer counts them: there are no more
    /// ranges of it.
    #[inline]
    pub fn segments(&self) -> u16 {
        // SAFETY: As in `op()`.
        unsafe { (*self.as_ptr()).nr_phys_segments }
    }

    /// The I/O priority, 0 for none.
    #[inline]
    pub fn ioprio(&self) -> u16 {
        // SAFETY: As in `op()`.
        let bio = unsafe { (*self.as_ptr()).bio };
        if bio.is_null() {
            return 0;
        }
        // SAFETY: The bios of a started request live until it ends.
        unsafe { (*bio).bi_ioprio }
    }

    /// The data that goes to or comes from the device.
    #[inline]
    pub fn data(&self) -> RequestData<'_> {
        let view = self.as_ptr();

        match self.op() {
            // SAFETY: `DataIn` is a transparent wrapper. The memory of these requests is theirs,
            // and for the device to write, until they are completed; `self` is borrowed.
            Op::Read | Op::DriverIn(_) => RequestData::In(unsafe { DataIn::from_raw(view) }),
            // SAFETY: As above, for the device to read.
            Op::Write => RequestData::Out(unsafe { DataOut::from_raw(view) }),
            // SAFETY: As above. The data of these requests is the payload, if there is one.
            _ if unsafe { (*self.extra()).payload_used } > 0 => {
                // SAFETY: As above.
                RequestData::Out(unsafe { DataOut::from_raw(view) })
            }
            _ => RequestData::None,
        }
    }

    /// Makes one record of `N` bytes for each range of sectors of a discard, secure-erase or
    /// write-zeroes request the data of the request.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no memory for them now; `EINVAL` if the tag set is not made for as many.
    pub fn set_range_records<const N: usize>(
        &mut self,
        record: impl Fn(SectorRange) -> [u8; N],
    ) -> Result {
        let extra = self.extra();
        // SAFETY: `self` is borrowed exclusively and owns the extra part; nothing has been given
        // to a device yet.
        let payload = unsafe { &mut (*extra).payload };
        payload.clear();

        self.for_each_sector_range(|range| {
            if payload.len().saturating_add(N) > self.payload_limit() {
                return Err(EINVAL);
            }
            payload.extend_from_slice(&record(range), GFP_ATOMIC | __GFP_NOWARN)?;
            Ok(())
        })?;

        let used = u32::try_from(payload.len())?;
        // SAFETY: As above.
        unsafe { (*extra).payload_used = used };
        Ok(())
    }

    /// Most bytes of payload that a request of its tag set has.
    fn payload_limit(&self) -> usize {
        let rq = self.as_ptr();
        // SAFETY: The queue of a request and its tag set are alive, and the latter is ours.
        unsafe { (*(*(*rq).q).tag_set).driver_data }.addr()
    }

    /// Calls `f` for each range of sectors that the request is about.
    fn for_each_sector_range(&self, mut f: impl FnMut(SectorRange) -> Result) -> Result {
        let rq = self.as_ptr();
        // SAFETY: By the type invariant the request and with it its queue are alive.
        let several = unsafe { (*(*rq).q).limits.max_discard_segments } > 1;

        // Without several ranges the block layer merges by adjacency alone, so the bios of a
        // request are one range.
        if !several {
            return f(SectorRange {
                start: self.sector(),
                count: self.bytes() >> SECTOR_SHIFT,
            });
        }

        // SAFETY: As above.
        let mut bio = unsafe { (*rq).bio };
        while !bio.is_null() {
            // SAFETY: The bios of a started request live until it ends and do not change.
            let (iter, next) = unsafe { ((*bio).bi_iter, (*bio).bi_next) };
            f(SectorRange {
                start: iter.bi_sector,
                count: iter.bi_size >> SECTOR_SHIFT,
            })?;
            bio = next;
        }
        Ok(())
    }

    /// The hardware queue the request came through.
    #[inline]
    pub fn hw_queue(&self) -> &HwQueue {
        // SAFETY: A started request has a hardware queue, which outlives it.
        unsafe { HwQueue::from_raw((*self.as_ptr()).mq_hctx) }
    }

    /// Gives the request back to the block layer with its outcome.
    ///
    /// May be called in any context. The request ends on the CPU that submitted it, or at once.
    #[inline]
    pub fn complete(self, status: BlkStatus) {
        let rq = self.into_raw_with(status);

        // SAFETY: By the type invariant the request is started and not completed; the handle is
        // gone, so this is done once. Its outcome is set.
        unsafe { end(rq) };
    }

    /// Gives up the handle of a request that is to be completed, with its outcome.
    #[inline]
    pub(super) fn into_raw_with(self, status: BlkStatus) -> NonNull<bindings::request> {
        let rq = self.into_raw();

        // SAFETY: The handle is gone, so its invariant lets this function use the request.
        unsafe {
            (*extra(rq.as_ptr())).status = status;
            (*extra(rq.as_ptr())).requeued = 0;
        }
        rq
    }

    /// How often the request was put back with [`Request::requeue`].
    pub fn requeued(&self) -> u32 {
        // SAFETY: By the type invariant the extra part is this request's.
        unsafe { (*self.extra()).requeued }
    }

    /// Puts the request back. The block layer will offer it again as if it were new, perhaps after
    /// others and with another tag, when it offers any.
    ///
    /// May be called in any context.
    pub fn requeue(self) {
        let requeued = self.requeued().saturating_add(1);
        let rq = self.into_raw().as_ptr();

        // SAFETY: The handle is gone, so its invariant lets this function use the request.
        unsafe { (*extra(rq)).requeued = requeued };
        // SAFETY: By the type invariant the request is started and not completed; the handle is
        // gone, so nobody else has it.
        unsafe { bindings::blk_mq_requeue_request(rq, true) };
    }
}

/// Gives a request back to the block layer.
///
/// # Safety
///
/// `rq` is a request of a tag set of ours that is started, not completed, and belongs to the caller,
/// who does not use it any more; its outcome is set.
#[inline]
pub(super) unsafe fn end(rq: NonNull<bindings::request>) {
    // SAFETY: By the function's requirements.
    if !unsafe { withhold(rq) } {
        // SAFETY: As above.
        unsafe { bindings::blk_mq_complete_request(rq.as_ptr()) };
    }
}

/// Whether a request is to be completed when it times out: the block layer's `fail_io_timeout`,
/// where the kernel has it.
///
/// # Safety
///
/// As for [`end`]; if this returns true the request is not the caller's any more.
#[inline]
pub(super) unsafe fn withhold(rq: NonNull<bindings::request>) -> bool {
    // SAFETY: The request and with it its queue are alive.
    let fakes = || unsafe { bindings::blk_should_fake_timeout((*rq.as_ptr()).q) };
    if !cfg!(CONFIG_FAIL_IO_TIMEOUT) || !fakes() {
        return false;
    }
    // ORDERING: The outcome before the flag. Pairs with the time-out's exchange of it.
    //
    // SAFETY: As above; the time-out changes nothing else of a request that is withheld.
    unsafe { (*extra(rq.as_ptr())).withheld.store(true, Release) };
    true
}

impl Drop for Request {
    fn drop(&mut self) {
        // INVARIANT: The handle that is being dropped is never used again.
        Self(self.0).complete(BlkStatus::IO_ERROR);
    }
}

/// Log2 of the bytes in a sector.
const SECTOR_SHIFT: u32 = 9;

/// What a request asks for.
///
/// # Safety
///
/// `rq` is a started request of a tag set of ours.
#[inline]
pub(super) unsafe fn op(rq: *mut bindings::request) -> Op {
    const OP_MASK: u32 = (1 << bindings::REQ_OP_BITS) - 1;
    const NOUNMAP: u32 = 1 << bindings::req_flag_bits___REQ_NOUNMAP;

    // SAFETY: The caller guarantees that the request is alive.
    let flags = unsafe { (*rq).cmd_flags };

    match flags & OP_MASK {
        bindings::req_op_REQ_OP_READ => Op::Read,
        bindings::req_op_REQ_OP_WRITE => Op::Write,
        bindings::req_op_REQ_OP_FLUSH => Op::Flush,
        bindings::req_op_REQ_OP_DISCARD => Op::Discard,
        bindings::req_op_REQ_OP_SECURE_ERASE => Op::SecureErase,
        bindings::req_op_REQ_OP_WRITE_ZEROES => Op::WriteZeroes {
            unmap: flags & NOUNMAP == 0,
        },
        // SAFETY: The caller guarantees that the request has the extra part.
        bindings::req_op_REQ_OP_DRV_IN => Op::DriverIn(unsafe { (*extra(rq)).command }),
        _ => Op::Other,
    }
}
