// SPDX-License-Identifier: GPL-2.0

//! NAPI: polling a queue from softirq context while there is work, by interrupt otherwise.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)
//!
//! A [`Napi`] owns the state that its poll function works on. The kernel never runs two polls of
//! an instance at once, so the state needs no lock: it belongs to the poll while the instance is
//! enabled, and to the caller of [`Napi::with_disabled`] while it is not.
//!
//! Would go to `rust/kernel/net/napi.rs`.

use core::{
    cell::UnsafeCell,
    ops::Deref,
    ptr, //
};

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

use super::{
    super::bindings,
    netdev::NetDevice,
    rtnl::{
        with_rtnl,
        Rtnl, //
    },
    skb::{
        Received,
        SkBuff, //
    },
};

/// What a NAPI instance polls.
pub trait Poll: Send + 'static {
    /// Does up to [`Polling::budget`] packets of work.
    fn poll(&mut self, poll: &Polling<'_>) -> Polled;
}

/// Which queue an instance serves, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// A receive queue; user space may poll it, too, and what it sets for the instance is kept.
    Receive(u16),
    /// A transmit queue.
    Transmit(u16),
}

/// The most packets of a poll, unless a driver wants fewer.
pub const WEIGHT: u16 = bindings::NAPI_POLL_WEIGHT as u16;

/// The C side of an instance.
///
/// # Invariants
///
/// `napi` is added to `dev` until `self` is dropped. `owner` is null or points to the pinned
/// `Napi` whose type the poll function was chosen for.
#[pin_data(PinnedDrop)]
pub(super) struct Instance {
    #[pin]
    napi: Opaque<bindings::napi_struct>,
    owner: UnsafeCell<*const c_void>,
    dev: Arc<NetDevice>,
}

// SAFETY: A NAPI instance is not bound to a thread; `owner` is written once, before the instance
// is enabled for the first time.
unsafe impl Send for Instance {}
// SAFETY: As above; everything done with `&self` may be done from several threads at once.
unsafe impl Sync for Instance {}

impl Instance {
    fn new(
        dev: Arc<NetDevice>,
        queue: Queue,
        weight: u16,
        poll: unsafe extern "C" fn(*mut bindings::napi_struct, c_int) -> c_int,
    ) -> Result<Arc<Self>> {
        let (Queue::Receive(index) | Queue::Transmit(index)) = queue;
        if index >= dev.queues() {
            return Err(EINVAL);
        }
        let (raw, weight) = (dev.as_ptr(), weight.into());
        // SAFETY: `napi` is zeroed memory in its final place, and `dev` is kept alive by the
        // field of that name until after the instance is deleted again. The device has the queue.
        let add = move |napi: *mut bindings::napi_struct| unsafe {
            napi.write_bytes(0, 1);
            match queue {
                Queue::Receive(index) => {
                    bindings::netif_napi_add_config(raw, napi, Some(poll), index.into(), weight)
                }
                Queue::Transmit(_) => {
                    bindings::netif_napi_add_tx_weight(raw, napi, Some(poll), weight);
                }
            }
        };
        Arc::pin_init(
            pin_init!(Self {
                napi <- Opaque::ffi_init(add),
                owner: UnsafeCell::new(ptr::null()),
                dev,
            }),
            GFP_KERNEL,
        )
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::napi_struct {
        self.napi.get()
    }

    pub(super) fn device(&self) -> &Arc<NetDevice> {
        &self.dev
    }
}

#[pinned_drop]
impl PinnedDrop for Instance {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The instance was added to a device that is still allocated. It is disabled: its
        // `Napi` has disabled it when it was dropped, or has never existed.
        unsafe { bindings::netif_napi_del(self.napi.get()) };
    }
}

/// Makes a NAPI instance run, from any context and from hard interrupts.
///
/// Must be dropped in process context: the last owner deletes the instance.
#[derive(Clone)]
pub struct Handle(Arc<Instance>);

impl Handle {
    /// Schedules a poll, if the instance is enabled and not scheduled already.
    ///
    /// Call it from an interrupt or with bottom halves off; elsewhere use [`Self::kick`].
    #[inline]
    pub fn schedule(&self) -> bool {
        // SAFETY: The instance is valid. Whoever gets `true` from the first call has to make the
        // second.
        unsafe {
            if !bindings::napi_schedule_prep(self.0.as_ptr()) {
                return false;
            }
            bindings::__napi_schedule(self.0.as_ptr());
        }
        true
    }

    /// The same from process context.
    pub fn kick(&self) {
        // SAFETY: The instance is valid.
        unsafe { bindings::napi_schedule_bh(self.0.as_ptr()) };
    }

    pub(super) fn instance(&self) -> &Arc<Instance> {
        &self.0
    }
}

/// A NAPI instance and the state it polls.
///
/// Must be dropped in process context, and disabled before by one who holds the RTNL lock.
///
/// # Invariants
///
/// `enabled` says whether the instance is enabled, and changes under its lock alone. `state` is
/// reached by the poll function while the instance is enabled, and under the lock while it is
/// not.
#[pin_data(PinnedDrop)]
pub struct Napi<T: Poll> {
    handle: Handle,
    queue: Queue,
    #[pin]
    enabled: Mutex<bool>,
    state: UnsafeCell<T>,
}

// SAFETY: The state may be sent, and everything else is not bound to a thread.
unsafe impl<T: Poll> Send for Napi<T> {}
// SAFETY: One context at a time reaches `state`, by the type invariant.
unsafe impl<T: Poll> Sync for Napi<T> {}

impl<T: Poll> Napi<T> {
    /// Adds an instance for a queue to `dev`, disabled. A poll takes up to `weight` packets;
    /// `make` makes its state.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] when the device does not have that queue; [`ENOMEM`]; what `make` returns.
    pub fn new(
        dev: Arc<NetDevice>,
        queue: Queue,
        weight: u16,
        make: impl FnOnce(&Handle) -> Result<T>,
    ) -> Result<Arc<Self>> {
        let weight = weight.clamp(1, WEIGHT);
        let handle = Handle(Instance::new(dev, queue, weight, Self::poll_callback)?);
        let state = make(&handle)?;
        let owner = handle.0.owner.get();
        // INVARIANT: A new instance is disabled.
        let this = Arc::pin_init(
            pin_init!(Self {
                handle,
                queue,
                enabled <- new_mutex!(false, "Napi::enabled"),
                state: UnsafeCell::new(state),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The instance, which `this` owns, was never enabled: nobody reads the field.
        unsafe { owner.write(Arc::as_ptr(&this).cast()) };
        Ok(this)
    }

    /// The handle that schedules the instance.
    #[inline]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Lets polls run, and shows user space that they serve the queue. May sleep. Does nothing if
    /// they may run already.
    pub fn enable(&self, rtnl: &Rtnl<'_>) {
        let mut enabled = self.enabled.lock();
        if !*enabled {
            // SAFETY: The instance is valid and disabled, and `owner` points to `self`.
            unsafe { bindings::napi_enable(self.handle.0.as_ptr()) };
            self.show(self.handle.0.as_ptr(), rtnl);
            *enabled = true;
        }
    }

    /// Waits for a running poll and lets no more run. May sleep.
    pub fn disable(&self, rtnl: &Rtnl<'_>) {
        let mut enabled = self.enabled.lock();
        if *enabled {
            self.show(ptr::null_mut(), rtnl);
            // SAFETY: The instance is valid and enabled.
            unsafe { bindings::napi_disable(self.handle.0.as_ptr()) };
            *enabled = false;
        }
    }

    /// Shows user space which instance serves the queue.
    fn show(&self, napi: *mut bindings::napi_struct, _rtnl: &Rtnl<'_>) {
        let (kind, index) = match self.queue {
            Queue::Receive(index) => (
                bindings::netdev_queue_type_NETDEV_QUEUE_TYPE_RX,
                index.into(),
            ),
            Queue::Transmit(index) => (
                bindings::netdev_queue_type_NETDEV_QUEUE_TYPE_TX,
                index.into(),
            ),
        };
        // SAFETY: The device has the queue, as `Instance::new` has checked, and the RTNL lock is
        // held. An instance is taken back before it is deleted: it is shown while enabled alone.
        unsafe {
            bindings::netif_queue_set_napi(self.handle.0.dev.as_ptr(), index, kind, napi);
        }
    }

    /// Works on the state while the instance is disabled. May sleep.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] while it is enabled.
    pub fn with_disabled<R>(&self, f: impl FnOnce(&mut T, &Owned<'_>) -> R) -> Result<R> {
        let enabled = self.enabled.lock();
        if *enabled {
            return Err(EBUSY);
        }
        // INVARIANT: The instance stays disabled as long as the lock is held.
        let owned = Owned::new(&self.handle.0, true);
        // SAFETY: By the type invariant nobody else reaches the state while the instance is
        // disabled and the lock held.
        Ok(f(unsafe { &mut *self.state.get() }, &owned))
    }

    /// # Safety
    ///
    /// Called by the network core, as the poll function of the instance of a `Napi<T>`.
    unsafe extern "C" fn poll_callback(napi: *mut bindings::napi_struct, budget: c_int) -> c_int {
        // A budget of zero is netpoll's, which calls without having scheduled the instance.
        if budget <= 0 {
            return 0;
        }
        // SAFETY: The function was given to `Instance::new` alone, so `napi` is the field of an
        // `Instance`, which is alive as long as it is added to its device.
        let instance = unsafe { &*kernel::container_of!(Opaque::cast_from(napi), Instance, napi) };
        // SAFETY: `owner` points to a `Napi<T>` from before the first poll on. That one disables
        // the instance when it is dropped, so it is alive.
        let this = unsafe { &*(*instance.owner.get()).cast::<Self>() };
        // INVARIANT: This is a poll of the instance.
        let poll = Polling {
            owned: Owned::new(&this.handle.0, false),
            budget: budget.unsigned_abs(),
        };
        // SAFETY: The instance is enabled and this is its only poll until it is completed.
        let polled = unsafe { &mut *this.state.get() }.poll(&poll);
        match polled {
            // CAST: Less than `budget`, a `c_int`.
            Polled::Done(done) if done < poll.budget => {
                // SAFETY: This is a poll of the instance and `done` is below its budget. The
                // state is not touched any more: another poll may run from here on.
                unsafe { bindings::napi_complete_done(napi, done as c_int) };
                done as c_int
            }
            _ => budget,
        }
    }
}

#[pinned_drop]
impl<T: Poll> PinnedDrop for Napi<T> {
    fn drop(self: Pin<&mut Self>) {
        let enabled = *self.enabled.lock();
        if enabled {
            with_rtnl(|rtnl| self.disable(rtnl));
        }
    }
}

/// The proof of owning a NAPI instance: by polling it, or by having disabled it.
///
/// # Invariants
///
/// For `'a` this thread is the poll of `instance`, or keeps it disabled.
pub struct Owned<'a> {
    instance: &'a Arc<Instance>,
    may_sleep: bool,
    _here: NotThreadSafe,
}

impl<'a> Owned<'a> {
    /// To be called where the type invariant holds.
    #[inline]
    fn new(instance: &'a Arc<Instance>, may_sleep: bool) -> Self {
        Self {
            instance,
            may_sleep,
            _here: NotThreadSafe,
        }
    }

    #[inline]
    pub(super) fn may_sleep(&self) -> bool {
        self.may_sleep
    }

    #[inline]
    pub(super) fn is(&self, instance: &Arc<Instance>) -> bool {
        Arc::ptr_eq(self.instance, instance)
    }
}

/// A running poll.
///
/// # Invariants
///
/// This thread runs the poll function, with bottom halves off and a budget of at least 1.
pub struct Polling<'a> {
    owned: Owned<'a>,
    budget: u32,
}

impl<'a> Deref for Polling<'a> {
    type Target = Owned<'a>;

    #[inline]
    fn deref(&self) -> &Owned<'a> {
        &self.owned
    }
}

impl Polling<'_> {
    /// The most packets to work on.
    #[inline]
    pub fn budget(&self) -> u32 {
        self.budget
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::napi_struct {
        self.owned.instance.as_ptr()
    }

    /// Hands a received packet to the stack, in a batch with others of its flow.
    #[inline]
    pub fn gro_receive(&self, skb: Received) {
        // SAFETY: This is a poll of the instance, and the packet is given away.
        unsafe { bindings::napi_gro_receive(self.as_ptr(), skb.into_raw().as_ptr()) };
    }

    /// Sends what XDP programs have redirected in this poll on its way.
    pub fn flush_redirected(&self) {
        // SAFETY: This is a poll, which is not completed yet.
        unsafe { bindings::xdp_do_flush() };
    }

    /// Frees a packet that was sent, in a batch with others.
    #[inline]
    pub fn consume(&self, skb: SkBuff) {
        // CAST: A budget is no larger than NAPI's weight.
        // SAFETY: The packet is given away; a budget above 0 says that this is softirq context.
        unsafe { bindings::napi_consume_skb(skb.into_raw().as_ptr(), self.budget as c_int) };
    }
}

/// A proof that bottom halves are off.
///
/// # Safety
///
/// As long as a value of the type lives, this thread runs with bottom halves off.
pub unsafe trait BottomHalvesOff {}

// SAFETY: By the type invariant.
unsafe impl BottomHalvesOff for Polling<'_> {}

/// What a poll has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Call again soon: the budget is used up, or something is to be tried again.
    Again,
    /// There is no more work; this many packets were worked on. Interrupts take over.
    ///
    /// The interrupt of the queue must have been enabled, and the queue looked at again, before.
    /// An interrupt that comes before polling has ended makes the kernel poll again.
    Done(u32),
}
