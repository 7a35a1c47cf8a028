// SPDX-License-Identifier: GPL-2.0

//! What a driver does for its requests.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    },
};

use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic, //
    },
    types::Opaque,
    ModuleMetadata, //
};

use super::{
    hw_queue::HwQueue,
    poll::CompletionBatch,
    request::{
        clear_payload,
        extra,
        Request,
        RequestExtra, //
    },
    status::BlkStatus,
    tag_set::TagSet, //
};
use crate::kernel_ext::bindings;

/// A driver of multi-queue block devices.
pub trait Operations: Sized + 'static {
    /// The module the driver is in: it cannot be unloaded while one of its disks is open.
    type Module: ModuleMetadata;

    /// What the driver shares between the hardware queues of a disk.
    type QueueData: Send + Sync + 'static;

    /// Starts work on a request.
    ///
    /// Unless `is_last`, more requests follow at once and the driver may put off telling the
    /// device; [`Operations::commit_rqs`] comes when they do not follow after all.
    ///
    /// # Errors
    ///
    /// The request, given back to be offered again. Outcomes of requests, bad ones included, are
    /// told by [`Request::complete`].
    fn queue_rq(
        data: &Self::QueueData,
        hw_queue: &HwQueue,
        rq: Request,
        is_last: bool,
    ) -> Result<(), Refusal>;

    /// Tells the device what [`Operations::queue_rq`] put off.
    fn commit_rqs(data: &Self::QueueData, hw_queue: &HwQueue);

    /// Looks for requests of a [polled](super::TagSetOptions::polled_queues) hardware queue that have
    /// ended, gives them back, through `batch` at best, and returns how many that were.
    ///
    /// Called again and again by who waits for such a request, perhaps by several at a time, so it
    /// does not wait and does what is to be done in bounded time.
    fn poll(data: &Self::QueueData, hw_queue: &HwQueue, batch: &mut CompletionBatch<'_>) -> usize;

    /// A request that the driver was given through `hw_queue` has taken too long.
    ///
    /// The driver looks whether it has ended by now, and sees to it that it will: it is asked again
    /// after as long. Runs in process context, on a workqueue that writing memory out may wait for.
    fn timed_out(data: &Self::QueueData, hw_queue: &HwQueue, request: &Overdue);
}

/// A request that has taken too long.
///
/// # Invariants
///
/// A reference is to a request of a tag set of ours that is not freed meanwhile.
#[repr(transparent)]
pub struct Overdue(Opaque<bindings::request>);

impl Overdue {
    /// Whether the driver has given it back in the meantime.
    pub fn has_ended(&self) -> bool {
        // SAFETY: By the type invariant the request is there. Others may change the field, which
        // is read once.
        let state = unsafe { ptr::read_volatile(&raw const (*self.0.get()).state) };
        state != bindings::mq_rq_state_MQ_RQ_IN_FLIGHT
    }
}

/// A request that cannot be worked on now.
pub enum Refusal {
    /// The device has no room. A request in flight will free some, and then the driver runs the
    /// hardware queue again.
    DeviceBusy(Request),
    /// The system is short of something. The block layer tries again after a pause.
    Resource(Request),
}

/// The C side of [`Operations`].
pub(super) struct OperationsVTable<T: Operations>(PhantomData<T>);

impl<T: Operations> OperationsVTable<T> {
    /// # Safety
    ///
    /// Only called by blk-mq, with a live hardware queue of a disk of `T` and a request that it
    /// gives to the driver.
    unsafe extern "C" fn queue_rq_callback(
        hctx: *mut bindings::blk_mq_hw_ctx,
        bd: *const bindings::blk_mq_queue_data,
    ) -> bindings::blk_status_t {
        // SAFETY: `bd` is valid during the call.
        let (rq, is_last) = unsafe { ((*bd).rq, (*bd).last) };
        let Some(rq) = NonNull::new(rq) else {
            return BlkStatus::IO_ERROR.as_raw();
        };

        // SAFETY: The request is of a tag set of ours, and blk-mq has just given it away.
        unsafe { bindings::blk_mq_start_request(rq.as_ptr()) };
        // SAFETY: As above, and nothing has been given to a device yet.
        unsafe { clear_payload(rq.as_ptr()) };
        // SAFETY: `hctx` is alive during the call.
        let data = unsafe { Self::queue_data(hctx) };
        // SAFETY: As above.
        let hw_queue = unsafe { HwQueue::from_raw(hctx) };
        // SAFETY: Started above, and nobody else has it.
        let request = unsafe { Request::from_raw(rq) };

        match T::queue_rq(data, hw_queue, request, is_last) {
            Ok(()) => BlkStatus::OK,
            Err(Refusal::DeviceBusy(refused)) => {
                Self::give_back(rq, refused, BlkStatus::DEVICE_RESOURCE)
            }
            Err(Refusal::Resource(refused)) => Self::give_back(rq, refused, BlkStatus::RESOURCE),
        }
        .as_raw()
    }

    /// What to tell blk-mq of the request `rq` when the driver gives back `refused`.
    fn give_back(rq: NonNull<bindings::request>, refused: Request, status: BlkStatus) -> BlkStatus {
        let refused = refused.into_raw();
        if refused == rq {
            return status;
        }
        // Not the request that was offered: that one is still the driver's, and this one was
        // accepted earlier, so it fails.
        //
        // SAFETY: The handle was taken apart just above.
        drop(unsafe { Request::from_raw(refused) });
        BlkStatus::OK
    }

    /// # Safety
    ///
    /// Only called by blk-mq, with a live hardware queue of a disk of `T`.
    unsafe extern "C" fn commit_rqs_callback(hctx: *mut bindings::blk_mq_hw_ctx) {
        // SAFETY: `hctx` is alive during the call.
        let (data, hw_queue) = unsafe { (Self::queue_data(hctx), HwQueue::from_raw(hctx)) };

        T::commit_rqs(data, hw_queue);
    }

    /// # Safety
    ///
    /// Only called by blk-mq, with a live hardware queue of a disk of `T`, and a batch of the caller
    /// or null.
    unsafe extern "C" fn poll_callback(
        hctx: *mut bindings::blk_mq_hw_ctx,
        iob: *mut bindings::io_comp_batch,
    ) -> kernel::ffi::c_int {
        // SAFETY: `hctx` is alive during the call.
        let (data, hw_queue) = unsafe { (Self::queue_data(hctx), HwQueue::from_raw(hctx)) };
        // SAFETY: The caller uses its batch again when this has returned.
        let mut batch = unsafe { CompletionBatch::from_raw(iob) };

        let found = T::poll(data, hw_queue, &mut batch);
        found.try_into().unwrap_or(kernel::ffi::c_int::MAX)
    }

    /// # Safety
    ///
    /// Only called by blk-mq, with a request that [`Request::complete`] gave back.
    unsafe extern "C" fn complete_callback(rq: *mut bindings::request) {
        // SAFETY: The request is of a tag set of ours, and `complete()` set the status.
        let status = unsafe { (*extra(rq)).status };

        // SAFETY: The request was completed, and this is its end.
        unsafe { bindings::blk_mq_end_request(rq, status.as_raw()) };
    }

    /// # Safety
    ///
    /// Only called by blk-mq, with a request of a tag set of ours that was started and is not freed
    /// during the call.
    unsafe extern "C" fn timeout_callback(
        rq: *mut bindings::request,
    ) -> bindings::blk_eh_timer_return {
        // SAFETY: A started request has a hardware queue, which outlives it.
        let (data, hw_queue) = unsafe {
            let hctx = (*rq).mq_hctx;
            (Self::queue_data(hctx), HwQueue::from_raw(hctx))
        };
        // SAFETY: The request is of a tag set of ours. The flag is meant to be shared.
        if cfg!(CONFIG_FAIL_IO_TIMEOUT) && unsafe { (*extra(rq)).withheld.xchg(false, Acquire) } {
            // SAFETY: The driver has given the request back, and nobody was told of it.
            unsafe { bindings::blk_mq_complete_request(rq) };
            return bindings::blk_eh_timer_return_BLK_EH_DONE;
        }
        // INVARIANT: By the function's requirements.
        //
        // SAFETY: `Overdue` is a transparent wrapper.
        let overdue = unsafe { &*rq.cast::<Overdue>() };

        T::timed_out(data, hw_queue, overdue);
        if overdue.has_ended() {
            bindings::blk_eh_timer_return_BLK_EH_DONE
        } else {
            bindings::blk_eh_timer_return_BLK_EH_RESET_TIMER
        }
    }

    /// # Safety
    ///
    /// Only called by blk-mq, with a tag set made by [`TagSet::new`](super::TagSet::new) and the
    /// memory of a new request.
    unsafe extern "C" fn init_request_callback(
        _set: *mut bindings::blk_mq_tag_set,
        rq: *mut bindings::request,
        _hctx_idx: kernel::ffi::c_uint,
        _numa_node: kernel::ffi::c_int,
    ) -> kernel::ffi::c_int {
        let new = RequestExtra {
            status: BlkStatus::IO_ERROR,
            next: ptr::null_mut(),
            command: 0,
            requeued: 0,
            withheld: Atomic::new(false),
            payload: KVec::new(),
            payload_used: 0,
        };

        // SAFETY: The extra part of a new request is ours and not initialised yet.
        unsafe { extra(rq).write(new) };
        0
    }

    /// # Safety
    ///
    /// Only called by blk-mq, with a request for which `init_request_callback` succeeded and
    /// which is not used any more.
    unsafe extern "C" fn exit_request_callback(
        _set: *mut bindings::blk_mq_tag_set,
        rq: *mut bindings::request,
        _hctx_idx: kernel::ffi::c_uint,
    ) {
        // SAFETY: The extra part was initialised, and this is its end.
        unsafe { ptr::drop_in_place(extra(rq)) };
    }

    /// # Safety
    ///
    /// Only called by blk-mq, with a tag set made by [`TagSet::new`] or being made by it.
    unsafe extern "C" fn map_queues_callback(set: *mut bindings::blk_mq_tag_set) {
        // SAFETY: The set is the inside of a `TagSet<T>`, whose vectors are initialised before it.
        unsafe { TagSet::<T>::map_queues(set) }
    }

    /// The driver's data of the disk a hardware queue belongs to.
    ///
    /// # Safety
    ///
    /// `hctx` is a hardware queue of a disk of `T` and alive for `'a`.
    #[inline]
    unsafe fn queue_data<'a>(hctx: *mut bindings::blk_mq_hw_ctx) -> &'a T::QueueData {
        // SAFETY: `NewDisk::new()` set `queuedata` to data that the disk keeps alive for longer
        // than it has hardware queues.
        unsafe { &*(*(*hctx).queue).queuedata.cast::<T::QueueData>() }
    }

    const VTABLE: bindings::blk_mq_ops = bindings::blk_mq_ops {
        queue_rq: Some(Self::queue_rq_callback),
        commit_rqs: Some(Self::commit_rqs_callback),
        poll: Some(Self::poll_callback),
        complete: Some(Self::complete_callback),
        timeout: Some(Self::timeout_callback),
        init_request: Some(Self::init_request_callback),
        exit_request: Some(Self::exit_request_callback),
        map_queues: Some(Self::map_queues_callback),
        ..pin_init::zeroed()
    };

    /// The table for a tag set.
    pub(super) const fn build() -> &'static bindings::blk_mq_ops {
        &Self::VTABLE
    }
}
