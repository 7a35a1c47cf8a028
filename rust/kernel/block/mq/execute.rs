// SPDX-License-Identifier: GPL-2.0

//! Requests that the driver makes itself.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use kernel::{
    error::from_err_ptr,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Arc, //
    },
    types::Opaque, //
};

use super::{
    disk::Disk,
    operations::Operations,
    request::extra,
    tag_set::TagSet, //
};
use crate::kernel_ext::bindings;

/// How long a request of the driver's own may take, in milliseconds.
const TIMEOUT_MS: u32 = 10_000;

/// The request is on its way.
const PENDING: u32 = 0;
/// The request has ended; it belongs to the one who waits.
const ENDED: u32 = 1;
/// Nobody waits any more; the end of the request frees it, and is noted as [`ENDED`].
const ABANDONED: u32 = 2;

/// What the one who waits and the end of the request share.
#[pin_data]
pub(super) struct Execution {
    state: Atomic<u32>,
    #[pin]
    ended: Opaque<bindings::completion>,
}

// SAFETY: A completion is made for use by several threads.
unsafe impl Send for Execution {}

// SAFETY: As above.
unsafe impl Sync for Execution {}

impl<T: Operations> Disk<T> {
    /// Sends the driver's own command that returns data to the driver, as
    /// [`Op::DriverIn`](super::Op::DriverIn), and waits for a bounded time.
    ///
    /// The request uses a reserved tag if the tag set has one, so it does not wait for others to
    /// finish first.
    ///
    /// # Errors
    ///
    /// - `ENOMEM`.
    /// - `EBUSY` if an earlier command that was given up is still with the device.
    /// - `ETIMEDOUT` after ten seconds; the device may still answer, to nobody.
    /// - The outcome of the request if it is not a good one.
    pub fn execute_in(&self, command: u32, data: &mut [u8]) -> Result {
        let queue = self.queue();
        // SAFETY: The queue of an added disk has a tag set that `TagSet::new()` made.
        let set = unsafe { TagSet::<T>::from_raw((*queue).tag_set) };
        // One at a time: then the reserved tag is free, unless a command was given up.
        let mut given_up = set.given_up.lock();
        if given_up
            .as_ref()
            .is_some_and(|earlier| !earlier.has_ended())
        {
            return Err(EBUSY);
        }

        let execution = Arc::pin_init(
            pin_init!(Execution {
                state: Atomic::new(PENDING),
                ended <- Opaque::ffi_init(|slot| {
                    // SAFETY: `slot` is valid for writes and pinned from here on.
                    unsafe { bindings::init_completion(slot) }
                }),
            }),
            GFP_KERNEL,
        )?;

        // SAFETY: The set is alive.
        let flags = match unsafe { (*set.as_ptr()).reserved_tags } {
            0 => 0,
            _ => bindings::BLK_MQ_REQ_RESERVED,
        };
        // SAFETY: The queue is alive.
        let rq = from_err_ptr(unsafe {
            bindings::blk_mq_alloc_request(queue, bindings::req_op_REQ_OP_DRV_IN, flags)
        })?;

        // SAFETY: A new request is ours alone.
        let extra = unsafe { &mut *extra(rq) };
        extra.payload.clear();
        // The device need not fill it.
        if let Err(error) = extra.payload.resize(data.len(), 0, GFP_KERNEL) {
            // SAFETY: Allocated above and not executed.
            unsafe { bindings::blk_mq_free_request(rq) };
            return Err(error.into());
        }
        extra.command = command;
        // CAST: Not more than the payload, which fits in memory of one allocation.
        extra.payload_used = data.len() as u32;

        // SAFETY: As above. The reference goes to `end_io()`, which is called once.
        unsafe {
            (*rq).end_io = Some(end_io);
            (*rq).end_io_data = Arc::into_raw(execution.clone()).cast_mut().cast();
        }
        // SAFETY: Prepared above; interrupts are enabled where files are read.
        unsafe { bindings::blk_execute_rq_nowait(rq, false) };

        if let Err(error) = execution.wait() {
            *given_up = Some(execution);
            return Err(error);
        }
        // SAFETY: The request has ended and is ours again.
        let result = unsafe { take_result(rq, data) };
        // SAFETY: As above, and not used after this.
        unsafe { bindings::blk_mq_free_request(rq) };
        result
    }
}

impl Execution {
    /// Whether the request has ended, or is about to be freed.
    fn has_ended(&self) -> bool {
        self.state.load(Acquire) == ENDED
    }

    /// Waits for the end of the request. If this fails, the request is not ours any more.
    fn wait(&self) -> Result {
        // SAFETY: The completion is initialised.
        let left = unsafe {
            bindings::wait_for_completion_killable_timeout(
                self.ended.get(),
                bindings::__msecs_to_jiffies(TIMEOUT_MS),
            )
        };
        if left > 0 {
            return Ok(());
        }

        match self.state.cmpxchg(PENDING, ABANDONED, Full) {
            Ok(_) if left == 0 => Err(ETIMEDOUT),
            Ok(_) => Err(EINTR),
            // It ended in the meantime.
            Err(_) => Ok(()),
        }
    }
}

/// The outcome of a request that has ended, and its data.
///
/// # Safety
///
/// `rq` has ended and belongs to the caller.
unsafe fn take_result(rq: *mut bindings::request, data: &mut [u8]) -> Result {
    // SAFETY: The caller guarantees it.
    let extra = unsafe { &*extra(rq) };

    extra.status.to_result()?;
    let payload = extra.payload.get(..data.len()).ok_or(EINVAL)?;
    data.copy_from_slice(payload);
    Ok(())
}

/// The end of a request.
///
/// # Safety
///
/// Only called by the block layer, once for each request of [`Disk::execute_in`].
unsafe extern "C" fn end_io(
    rq: *mut bindings::request,
    status: bindings::blk_status_t,
    _iob: *const bindings::io_comp_batch,
) -> bindings::rq_end_io_ret {
    // SAFETY: `execute_in()` put a reference there for this call.
    let execution = unsafe { Arc::from_raw((*rq).end_io_data.cast::<Execution>()) };

    // The block layer may have failed the request without asking the driver.
    //
    // SAFETY: The request is of a tag set of ours, and has ended.
    unsafe { (*extra(rq)).status = super::BlkStatus::from_raw(status) };

    // ORDERING: Full; pairs with the one in `Execution::wait()`. Whoever comes second sees the
    // other's decision, so the request is freed once.
    match execution.state.cmpxchg(PENDING, ENDED, Full) {
        Ok(_) => {
            // SAFETY: The completion is initialised, and the reference keeps it.
            unsafe { bindings::complete_all(execution.ended.get()) };
            bindings::rq_end_io_ret_RQ_END_IO_NONE
        }
        Err(_) => {
            execution.state.store(ENDED, Release);
            bindings::rq_end_io_ret_RQ_END_IO_FREE
        }
    }
}
