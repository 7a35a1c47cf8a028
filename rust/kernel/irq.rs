// SPDX-License-Identifier: GPL-2.0

//! Interrupt handlers with a name that is built at run time.
//!
//! `kernel::irq::Registration` borrows the device and takes a name that lives for ever. A device
//! with several queues has one handler for each, which people tell apart in `/proc/interrupts` by
//! names like `rvirtio0-req.0`; [`Registration`] owns such a name.
//!
//! A handler may also find that its device interrupts without an end, and have that masked for a
//! while: [`Outcome::Flood`]. What happens meanwhile is not lost, but told afterwards.
//!
//! Would go to `rust/kernel/irq/request.rs`.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)

pub(crate) mod affinity;

use core::marker::PhantomPinned;

use kernel::{
    device::{
        Bound,
        Device, //
    },
    devres::Devres,
    error::to_result,
    irq::IrqReturn,
    pci,
    prelude::*,
    static_lock_class,
    str::CString,
    sync::{
        aref::ARef,
        Arc, //
    },
    time::Msecs, //
};

use self::affinity::Affinity;
use super::{
    bindings,
    pci::{
        as_raw,
        irq::IrqVectors, //
    },
    workqueue::{
        Delayed,
        DelayedTask, //
    },
};

/// What came of an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not the device's, or there was nothing to do.
    None,
    /// It was handled.
    Handled,
    /// There was nothing to do, as so often that it is to be masked for [`Handler::PAUSE`].
    Flood,
}

/// Handles the interrupts of a line.
pub trait Handler: Sync {
    /// For how long a line is masked, in milliseconds.
    const PAUSE: Msecs;

    /// Called in hard interrupt context for each of them.
    fn handle(&self) -> Outcome;
}

/// An interrupt line of a device, and the allocation it belongs to.
pub struct IrqLine {
    irq: u32,
    pdev: ARef<pci::Device>,
    /// Freed after the handler.
    vectors: Arc<IrqVectors>,
}

impl IrqLine {
    /// Names the line `irq`, which belongs to `vectors` of `pdev`.
    pub(super) fn new(irq: u32, pdev: &pci::Device, vectors: Arc<IrqVectors>) -> Self {
        Self {
            irq,
            pdev: pdev.into(),
            vectors,
        }
    }
}

/// How a line is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The line is this device's alone.
    Exclusive,
    /// Other devices may be on the line; each handler finds out whether it is meant.
    Shared,
}

/// A registered interrupt handler.
///
/// It is freed when this is dropped, and at the latest when the driver is unbound from the
/// device. When it is freed the handler is not running and will not run again.
pub struct Registration<T: Handler + Send + 'static> {
    inner: Devres<Inner<T>>,
    affinity: Arc<Affinity>,
}

impl<T: Handler + Send + 'static> Registration<T> {
    /// Has `handler` called on interrupts of `line`, from now on. The pin of a line that is shared is
    /// masked before and after.
    ///
    /// # Errors
    ///
    /// Whatever `request_irq` returns, for instance [`EBUSY`] when the line is taken.
    pub fn new(
        dev: &Device<Bound>,
        line: IrqLine,
        sharing: Sharing,
        name: CString,
        handler: T,
    ) -> Result<Self> {
        // CAST: The flags fit `unsigned long`, as which `request_irq` takes them.
        let flags = match sharing {
            Sharing::Exclusive => 0,
            Sharing::Shared => bindings::IRQF_SHARED as c_ulong,
        };
        let affinity = Affinity::new(line.irq)?;
        let mask = Mask {
            irq: line.irq,
            pin: (sharing == Sharing::Shared).then(|| line.pdev.clone()),
        };
        let inner = Inner::new(line, flags, name, handler, affinity.clone(), mask);
        Ok(Self {
            inner: Devres::new(dev, inner)?,
            affinity,
        })
    }

    /// Which CPUs are to handle the interrupt.
    pub fn affinity(&self) -> &Arc<Affinity> {
        &self.affinity
    }

    /// Waits until the handler, if it is running on another CPU, has returned.
    ///
    /// # Errors
    ///
    /// [`EINVAL`]: `dev` is not the device of this registration.
    pub fn synchronize(&self, dev: &Device<Bound>) -> Result {
        let inner = self.inner.access(dev)?;
        // SAFETY: The registration exists, so this is the number of an interrupt.
        unsafe { bindings::synchronize_irq(inner.line.irq) };
        Ok(())
    }
}

/// Keeps a device from interrupting.
struct Mask {
    irq: u32,
    /// The device, if it shares the line: then its pin is masked, and not the line.
    pin: Option<ARef<pci::Device>>,
}

impl Mask {
    /// Keeps it from that.
    ///
    /// # Safety
    ///
    /// Called by the handler of the interrupt. [`Self::run`] is called once for each call, before the
    /// handler is called again, or the interrupt is freed.
    unsafe fn set(&self) {
        match &self.pin {
            // SAFETY: The reference keeps the device valid.
            Some(pdev) => unsafe { bindings::pci_intx(as_raw(pdev), 0) },
            // SAFETY: The interrupt has a handler.
            None => unsafe { bindings::disable_irq_nosync(self.irq) },
        }
    }
}

impl DelayedTask for Mask {
    /// Lets it interrupt again.
    fn run(&self) -> Option<Msecs> {
        match &self.pin {
            // SAFETY: The reference keeps the device valid.
            Some(pdev) => unsafe { bindings::pci_intx(as_raw(pdev), 1) },
            // SAFETY: The interrupt was disabled once by `set`, and is not freed before this has
            // ended.
            None => unsafe { bindings::enable_irq(self.irq) },
        }
        None
    }
}

/// The registration as the C side knows it, by its address.
///
/// # Invariants
///
/// `irq` has a handler that was registered with `request_irq` and a pointer to this value.
#[pin_data(PinnedDrop)]
struct Inner<T: Handler> {
    line: IrqLine,
    /// Kept for the C side, which does not copy it.
    name: CString,
    handler: T,
    affinity: Arc<Affinity>,
    #[pin]
    mask: Delayed<Mask>,
    #[pin]
    _pin: PhantomPinned,
}

impl<T: Handler> Inner<T> {
    fn new(
        line: IrqLine,
        flags: c_ulong,
        name: CString,
        handler: T,
        affinity: Arc<Affinity>,
        mask: Mask,
    ) -> impl PinInit<Self, Error> {
        let pin = mask.pin.clone();
        // INVARIANT: The value is complete only if `request_irq` succeeded.
        try_pin_init!(&this in Self {
            line,
            name,
            handler,
            affinity,
            mask <- Delayed::new(
                mask,
                c"unmask interrupt",
                static_lock_class!(),
                static_lock_class!(),
            ),
            _pin: PhantomPinned,
            _: {
                // SAFETY:
                // - `handle_irq_callback::<T>` expects a pointer to `Self`, which is pinned and
                //   initialised, and which frees the interrupt before it goes away.
                // - The name is owned by `Self`, hence outlives the registration.
                to_result(unsafe {
                    bindings::request_irq(
                        line.irq,
                        Some(handle_irq_callback::<T>),
                        flags,
                        name.as_char_ptr(),
                        this.as_ptr().cast::<c_void>(),
                    )
                })?;
                if let Some(pdev) = pin {
                    // SAFETY: The reference keeps the device valid.
                    unsafe { bindings::pci_intx(as_raw(&pdev), 1) };
                }
            },
        })
    }
}

#[pinned_drop]
impl<T: Handler> PinnedDrop for Inner<T> {
    fn drop(self: Pin<&mut Self>) {
        let irq = self.line.irq;
        self.affinity.retire();
        // A handler that masks the interrupt after this leaves it so.
        self.mask.disable();
        // Nobody would handle what a device goes on to send by its pin, and the kernel would switch off
        // the line for all that share it.
        if let Some(pdev) = &self.mask.task().pin {
            // SAFETY: The reference keeps the device valid.
            unsafe { bindings::pci_intx(as_raw(pdev), 0) };
        }
        // SAFETY: The pointer is only used as a cookie; nothing is moved out of it.
        let this = unsafe { core::ptr::from_mut(self.get_unchecked_mut()) };
        // SAFETY: By the type invariant the cookie is registered. The call waits for a running
        // handler, so that nothing refers to `self` after it.
        unsafe { bindings::free_irq(irq, this.cast::<c_void>()) };
    }
}

/// # Safety
///
/// To be used as the callback of `request_irq` alone, with a pointer to an [`Inner<T>`].
unsafe extern "C" fn handle_irq_callback<T: Handler>(
    _irq: i32,
    cookie: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: The caller passes the pointer that `Inner::new` registered, and `Inner` waits for
    // the handler before it goes away.
    let inner = unsafe { &*cookie.cast_const().cast::<Inner<T>>() };

    let outcome = inner.handler.handle();
    if outcome == Outcome::Flood {
        // SAFETY: This is the handler. The task runs once for what is scheduled here: the interrupt
        // of an exclusive line does not come again before, and masking a pin twice does no harm.
        // When nothing can be scheduled any more, the interrupt is about to be freed.
        unsafe { inner.mask.task().set() };
        inner.mask.schedule(T::PAUSE);
    }
    let handled = match outcome {
        Outcome::Handled => IrqReturn::Handled,
        Outcome::None | Outcome::Flood => IrqReturn::None,
    };
    // CAST: The enumeration has the values of the C type.
    bindings::irqreturn_t(handled as c_uint)
}
