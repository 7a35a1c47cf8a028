// SPDX-License-Identifier: GPL-2.0

//! PCI drivers that are told of more than binding and unbinding: sleep, resets of the function, and
//! the end of the system.
//!
//! `kernel::pci::Adapter` registers `probe` and `remove` alone. [`Adapter`] adds to it.
//!
//! Would go to `rust/kernel/pci.rs`, the functions of [`Pausable`] to its `Driver`.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use core::marker::PhantomData;

use kernel::{
    driver,
    error::from_result,
    pci,
    prelude::*,
    types::{
        ForeignOwnable,
        Opaque, //
    },
};

use super::bindings;

/// A driver whose devices can be stopped for a while.
///
/// The functions run in process context and may sleep. The driver is bound, and is neither bound nor
/// unbound meanwhile.
pub trait Pausable: pci::Driver {
    /// Stops the device and lets it forget its state: the system goes to sleep, takes an image of
    /// its memory, or is about to reset the function.
    ///
    /// # Errors
    ///
    /// Keeps the system awake.
    fn pause(data: Pin<&Self::Data<'_>>) -> Result;

    /// Starts the device again, whatever state it is in.
    fn proceed(data: Pin<&Self::Data<'_>>);

    /// The system ends: stops the device, for good.
    fn shut_down(data: Pin<&Self::Data<'_>>);
}

/// An adapter for the registration of drivers that are [`Pausable`].
pub struct Adapter<T: Pausable>(PhantomData<T>);

// SAFETY: As `pci::Adapter`, to which everything is passed on.
unsafe impl<T: Pausable> driver::DriverLayout for Adapter<T> {
    type DriverType = <pci::Adapter<T> as driver::DriverLayout>::DriverType;
    type DriverData<'bound> = T::Data<'bound>;
    const DEVICE_DRIVER_OFFSET: usize =
        <pci::Adapter<T> as driver::DriverLayout>::DEVICE_DRIVER_OFFSET;
}

// SAFETY: As `pci::Adapter`, to which everything is passed on.
unsafe impl<T: Pausable> driver::RegistrationOps for Adapter<T> {
    unsafe fn register(
        pdrv: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        // SAFETY: The fields may be set before the driver is registered.
        unsafe {
            (*pdrv.get()).shutdown = Some(Self::shutdown_callback);
            (*pdrv.get()).err_handler = Self::ERR_HANDLER;
            (*pdrv.get()).driver.pm = Self::PM_OPS;
        }
        // SAFETY: By this function's requirements.
        unsafe { <pci::Adapter<T> as driver::RegistrationOps>::register(pdrv, name, module) }
    }

    unsafe fn unregister(pdrv: &Opaque<Self::DriverType>) {
        // SAFETY: By this function's requirements.
        unsafe { <pci::Adapter<T> as driver::RegistrationOps>::unregister(pdrv) }
    }
}

impl<T: Pausable> Adapter<T> {
    /// The same for sleep and for hibernation: what the device keeps is not asked.
    const PM_OPS: &'static bindings::dev_pm_ops = &bindings::dev_pm_ops {
        suspend: Some(Self::pause_callback),
        resume: Some(Self::proceed_callback),
        freeze: Some(Self::pause_callback),
        thaw: Some(Self::proceed_callback),
        poweroff: Some(Self::pause_callback),
        restore: Some(Self::proceed_callback),
        ..pin_init::zeroed()
    };

    const ERR_HANDLER: &'static bindings::pci_error_handlers = &bindings::pci_error_handlers {
        reset_prepare: Some(Self::reset_prepare_callback),
        reset_done: Some(Self::reset_done_callback),
        ..pin_init::zeroed()
    };

    /// The driver's data of a device.
    ///
    /// # Safety
    ///
    /// The driver is bound to the device for `'a`.
    unsafe fn data<'a>(dev: *mut bindings::device) -> Pin<&'a T::Data<'a>> {
        // SAFETY: The device is valid.
        let data = unsafe { bindings::dev_get_drvdata(dev) };
        // SAFETY: A device that is bound has the data that `probe` returned, in a box.
        unsafe { Pin::<KBox<T::Data<'a>>>::borrow(data) }
    }

    /// # Safety
    ///
    /// Only called by the PM core, with a device that the driver is bound to.
    unsafe extern "C" fn pause_callback(dev: *mut bindings::device) -> c_int {
        from_result(|| {
            // SAFETY: The PM core holds the device's lock, so it stays bound.
            T::pause(unsafe { Self::data(dev) })?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// As `pause_callback`.
    unsafe extern "C" fn proceed_callback(dev: *mut bindings::device) -> c_int {
        // SAFETY: As in `pause_callback`.
        T::proceed(unsafe { Self::data(dev) });
        0
    }

    /// # Safety
    ///
    /// Only called by the PCI core, with a device that the driver is bound to.
    unsafe extern "C" fn reset_prepare_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: The PCI core holds the device's lock, so it stays bound.
        let data = unsafe { Self::data(&raw mut (*pdev).dev) };
        // The function is reset all the same.
        let _ = T::pause(data);
    }

    /// # Safety
    ///
    /// As `reset_prepare_callback`.
    unsafe extern "C" fn reset_done_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: As in `reset_prepare_callback`.
        T::proceed(unsafe { Self::data(&raw mut (*pdev).dev) });
    }

    /// # Safety
    ///
    /// As `reset_prepare_callback`.
    unsafe extern "C" fn shutdown_callback(pdev: *mut bindings::pci_dev) {
        // SAFETY: The driver core holds the device's lock, so it stays bound.
        T::shut_down(unsafe { Self::data(&raw mut (*pdev).dev) });
    }
}
