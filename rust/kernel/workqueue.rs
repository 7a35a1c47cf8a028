// SPDX-License-Identifier: GPL-2.0

//! Workqueues, and work that belongs to its owner: it is cancelled, and waited for, when that is
//! dropped.
//!
//! `kernel::workqueue` hands a reference to the queue with every item, which nothing takes back
//! before a module is unloaded. What a driver does for a device has to end with the device.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)
//!
//! Would go to `rust/kernel/workqueue.rs`.

use core::ptr::NonNull;

use kernel::{
    prelude::*,
    sync::LockClassKey,
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    types::Opaque, //
};

use super::bindings;

/// A workqueue that gets on when there is no memory to be had: for work that freeing memory may wait
/// for, such as getting a disk to work again.
///
/// # Invariants
///
/// The pointer is to a workqueue that `alloc_workqueue()` has made.
pub struct ReclaimQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: The workqueue's functions may be called by any thread.
unsafe impl Send for ReclaimQueue {}
// SAFETY: As above.
unsafe impl Sync for ReclaimQueue {}

impl ReclaimQueue {
    /// Makes a workqueue, with a thread of its own in reserve.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] when there is no memory for it.
    pub fn new(name: &CStr) -> Result<Self> {
        let flags = bindings::wq_flags_WQ_UNBOUND | bindings::wq_flags_WQ_MEM_RECLAIM;
        // SAFETY: The format takes one string, and both end in a NUL.
        let queue = unsafe {
            bindings::alloc_workqueue_noprof(c"%s".as_char_ptr(), flags, 0, name.as_char_ptr())
        };
        // INVARIANT: Just made.
        Ok(Self(NonNull::new(queue).ok_or(ENOMEM)?))
    }
}

impl Drop for ReclaimQueue {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the call waits for work that is still queued.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

/// What is done in process context.
pub trait Task: Send + Sync + 'static {
    /// Runs once for one or more calls of [`Deferred::schedule`], never twice at once.
    fn run(&self);
}

/// A task and the work item that runs it, on the system's workqueue or on one of its own.
///
/// Must be dropped in process context, and not by its own task.
///
/// # Invariants
///
/// `work` is initialised with `run_callback` of this type.
#[pin_data(PinnedDrop)]
pub struct Deferred<T: Task> {
    #[pin]
    work: Opaque<bindings::work_struct>,
    task: T,
    // Dropped after the work item is done with.
    queue: Option<ReclaimQueue>,
}

// SAFETY: A work item is not bound to a thread, and the task may be sent.
unsafe impl<T: Task> Send for Deferred<T> {}
// SAFETY: The workqueue's functions may be called from several threads, and the task is shared.
unsafe impl<T: Task> Sync for Deferred<T> {}

impl<T: Task> Deferred<T> {
    /// Makes a work item for `task` on the system's workqueue.
    pub fn new(
        task: T,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        Self::new_on(None, task, name, key)
    }

    /// Makes a work item for `task` on a workqueue of its own, if there is one.
    pub fn new_on(
        queue: Option<ReclaimQueue>,
        task: T,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The memory is that of a work item in its final place; name and key are
            // static.
            work <- Opaque::ffi_init(move |work| unsafe {
                bindings::init_work_with_key(
                    work,
                    Some(Self::run_callback),
                    false,
                    name.as_char_ptr(),
                    key.as_ptr(),
                )
            }),
            task,
            queue,
        })
    }

    /// The task.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// Runs the task soon. May be called in any context.
    pub fn schedule(&self) {
        let queue = match &self.queue {
            Some(queue) => queue.0.as_ptr(),
            // SAFETY: Set once, long before any module is there.
            None => unsafe { bindings::system_dfl_wq },
        };
        // SAFETY: The work item is initialised, and the workqueue is there. The item is cancelled
        // before its memory is freed.
        unsafe {
            bindings::queue_work_on(
                // CAST: A small constant.
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
                queue,
                self.work.get(),
            )
        };
    }

    /// Takes back what was scheduled, and waits for a run of the task. May sleep.
    pub fn cancel(&self) {
        // SAFETY: The work item is initialised.
        unsafe { bindings::cancel_work_sync(self.work.get()) };
    }

    /// # Safety
    ///
    /// Called by the workqueue with the work item of a `Deferred<T>`.
    unsafe extern "C" fn run_callback(work: *mut bindings::work_struct) {
        // SAFETY: By the function's requirements; the item is waited for before it is freed.
        let this = unsafe { &*kernel::container_of!(Opaque::cast_from(work), Self, work) };
        this.task.run();
    }
}

#[pinned_drop]
impl<T: Task> PinnedDrop for Deferred<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The work item is initialised; nobody can schedule it any more.
        unsafe { bindings::disable_work_sync(self.work.get()) };
    }
}

/// What is done in process context, after a while.
pub trait DelayedTask: Send + Sync + 'static {
    /// Runs once for one or more calls of [`Delayed::schedule`], never twice at once. Returns after
    /// how many milliseconds to run again, if at all.
    fn run(&self) -> Option<Msecs>;
}

/// A task that runs after a while, and the work item and timer for that.
///
/// Must be dropped in process context, and not by its own task.
///
/// # Invariants
///
/// `work` is initialised with `run_callback` of this type.
#[pin_data(PinnedDrop)]
pub struct Delayed<T: DelayedTask> {
    #[pin]
    work: Opaque<bindings::delayed_work>,
    task: T,
}

// SAFETY: A work item is not bound to a thread, and the task may be sent.
unsafe impl<T: DelayedTask> Send for Delayed<T> {}
// SAFETY: The workqueue's functions may be called from several threads, and the task is shared.
unsafe impl<T: DelayedTask> Sync for Delayed<T> {}

impl<T: DelayedTask> Delayed<T> {
    /// Makes a work item and a timer for `task`, on the system's workqueue.
    pub fn new(
        task: T,
        name: &'static CStr,
        work_key: Pin<&'static LockClassKey>,
        timer_key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            work <- Opaque::ffi_init(move |slot: *mut bindings::delayed_work| {
                // SAFETY: The memory is that of a work item in its final place; name and key are
                // static.
                unsafe {
                    bindings::init_work_with_key(
                        &raw mut (*slot).work,
                        Some(Self::run_callback),
                        false,
                        name.as_char_ptr(),
                        work_key.as_ptr(),
                    )
                };
                // SAFETY: Likewise of its timer, which the workqueue's functions alone start.
                unsafe {
                    bindings::timer_init_key(
                        &raw mut (*slot).timer,
                        Some(bindings::delayed_work_timer_fn),
                        bindings::TIMER_IRQSAFE,
                        name.as_char_ptr(),
                        timer_key.as_ptr(),
                    )
                };
            }),
            task,
        })
    }

    /// The task.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// Runs the task in `delay` milliseconds, unless it is to run already. May be called in any
    /// context.
    pub fn schedule(&self, delay: Msecs) {
        // SAFETY: Set once, long before any module is there.
        let queue = unsafe { bindings::system_dfl_wq };
        // SAFETY: The work item is initialised, and the workqueue is there. The item is cancelled
        // before its memory is freed.
        unsafe {
            bindings::queue_delayed_work_on(
                // CAST: A small constant.
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
                queue,
                self.work.get(),
                msecs_to_jiffies(delay),
            )
        };
    }

    /// Takes back what was scheduled, and waits for a run of the task. May sleep.
    pub fn cancel(&self) {
        // SAFETY: The work item is initialised.
        unsafe { bindings::cancel_delayed_work_sync(self.work.get()) };
    }

    /// The same, and for good: nothing can be scheduled any more. May sleep.
    pub fn disable(&self) {
        // SAFETY: The work item is initialised.
        unsafe { bindings::disable_delayed_work_sync(self.work.get()) };
    }

    /// # Safety
    ///
    /// Called by the workqueue with the work item of a `Delayed<T>`.
    unsafe extern "C" fn run_callback(work: *mut bindings::work_struct) {
        // SAFETY: By the function's requirements the item is the first part of a delayed one.
        let delayed = unsafe { kernel::container_of!(work, bindings::delayed_work, work) };
        // SAFETY: Likewise that is one of this type, which is waited for before it is freed.
        let this = unsafe { &*kernel::container_of!(Opaque::cast_from(delayed), Self, work) };
        if let Some(delay) = this.task.run() {
            this.schedule(delay);
        }
    }
}

#[pinned_drop]
impl<T: DelayedTask> PinnedDrop for Delayed<T> {
    fn drop(self: Pin<&mut Self>) {
        self.disable();
    }
}
