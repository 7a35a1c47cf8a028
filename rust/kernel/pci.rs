// SPDX-License-Identifier: GPL-2.0

//! What `kernel::pci` lacks: I/O decoding, BARs that may be I/O ports, and named interrupts.
//!
//! Would go to `rust/kernel/pci.rs`, and [`PortBar`] to `rust/kernel/pci/io.rs`.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use kernel::{
    device::{
        Bound,
        Core,
        DeviceContext, //
    },
    devres::Devres,
    error::to_result,
    io::Region,
    pci,
    prelude::*,
    str::CStr,
    sync::aref::ARef, //
};

use super::{
    bindings,
    io::port::PortIo, //
};

pub(crate) mod driver;
pub(crate) mod irq;

/// The C side of a device.
///
/// The pointer is valid for as long as the reference it was made from, or as a reference count
/// that is held on the device.
#[inline]
pub(super) fn as_raw<Ctx: DeviceContext>(pdev: &pci::Device<Ctx>) -> *mut bindings::pci_dev {
    // `pci::Device` is a transparent wrapper of `Opaque<pci_dev>`.
    core::ptr::from_ref(pdev).cast_mut().cast()
}

/// Whether MSI-X is enabled on the device at this moment.
#[inline]
pub fn msix_enabled(pdev: &pci::Device) -> bool {
    // SAFETY: The reference keeps the device valid. The bit is read in place, without a reference
    // to the structure around it, which other code may change.
    unsafe { bindings::pci_dev::msix_enabled_raw(as_raw(pdev)) != 0 }
}

/// Takes the device's access to memory away, and with it its messages.
///
/// Returns whether the device shows that it has lost it. Reading that back also waits for what it
/// had sent before. A device that is gone has none.
pub fn clear_master(pdev: &pci::Device) -> bool {
    let mut command = 0;
    // SAFETY: The reference keeps the device valid, and `command` is valid for writes.
    let result = unsafe {
        bindings::pci_clear_master(as_raw(pdev));
        // CAST: A small constant.
        bindings::pci_read_config_word(as_raw(pdev), bindings::PCI_COMMAND as c_int, &mut command)
    };
    let is_gone = result != 0 || command == u16::MAX;
    is_gone || u32::from(command) & bindings::PCI_COMMAND_MASTER == 0
}

/// Whether whoever administers the system has said which driver is to have the device, by
/// `driver_override`: no other is offered it then.
pub fn has_driver_override(pdev: &pci::Device) -> bool {
    // SAFETY: The reference keeps the device valid; the function takes a lock of its own.
    unsafe { bindings::device_has_driver_override(as_raw(pdev)) }
}

/// Whether one of the device's vendor-specific capabilities has the byte `value` at `offset`.
pub fn has_vendor_capability(pdev: &pci::Device<Bound>, offset: u8, value: u8) -> bool {
    /// Capabilities that fit into configuration space: a list that goes round has no end.
    const MOST: usize = 48;
    const VENDOR_SPECIFIC: c_int = bindings::PCI_CAP_ID_VNDR as c_int;

    // SAFETY: The reference keeps the device valid.
    let mut at = unsafe { bindings::pci_find_capability(as_raw(pdev), VENDOR_SPECIFIC) };
    for _ in 0..MOST {
        if at == 0 {
            break;
        }
        let mut byte = !value;
        let place = i32::from(at) + i32::from(offset);
        // SAFETY: As above; `byte` is there to be written. Should it not be read, it stays another.
        let result = unsafe { bindings::pci_read_config_byte(as_raw(pdev), place, &mut byte) };
        if result == 0 && byte == value {
            return true;
        }
        // SAFETY: As above.
        at = unsafe { bindings::pci_find_next_capability(as_raw(pdev), at, VENDOR_SPECIFIC) };
    }
    false
}

/// A device whose memory and I/O decoding is enabled.
///
/// The enable count of the device drops, and with it bus mastering, when this is dropped.
///
/// # Invariants
///
/// The value owns one call of `pci_enable_device`.
pub struct EnabledDevice(ARef<pci::Device>);

impl EnabledDevice {
    /// Enables memory and I/O decoding, and nothing else: the interrupt pin, which the kernel lets
    /// interrupt with these, is masked until its line has a handler. Nobody handles its
    /// interrupts before, and a device that sent them would have the kernel switch off the line for all
    /// that share it.
    ///
    /// [`pci::Device::enable_device_mem`] leaves I/O ports disabled.
    ///
    /// # Errors
    ///
    /// Whatever `pci_enable_device` returns, for instance when a BAR has no address.
    pub fn new(pdev: &pci::Device<Core<'_>>) -> Result<Self> {
        // SAFETY: The reference keeps the device valid.
        to_result(unsafe { bindings::pci_enable_device(as_raw(pdev)) })?;
        // SAFETY: As above.
        unsafe { bindings::pci_intx(as_raw(pdev), 0) };
        // INVARIANT: The first call above succeeded.
        Ok(Self(pdev.into()))
    }
}

impl Drop for EnabledDevice {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is one call of `pci_enable_device` to undo.
        unsafe { bindings::pci_disable_device(as_raw(&*self.0)) };
    }
}

/// A claimed and mapped BAR of at least `SIZE` bytes, in I/O or in memory space.
///
/// It is unmapped and released when this is dropped, and at the latest when the driver is unbound
/// from the device. From then on it reads and writes nothing.
pub struct PortBar<const SIZE: usize> {
    mapping: Devres<Mapping>,
}

impl<const SIZE: usize> PortBar<SIZE> {
    /// Claims BAR number `bar` under the name `name` and maps all of it.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the device has no such BAR;
    /// - [`EINVAL`]: there is no BAR of that number, or it is smaller than `SIZE`;
    /// - [`EBUSY`]: the BAR is claimed by someone else;
    /// - [`EIO`]: it cannot be mapped.
    pub fn new(pdev: &pci::Device<Bound>, bar: u32, name: &'static CStr) -> Result<Self> {
        let size = match pdev.resource_len(bar)? {
            0 => return Err(ENODEV),
            len => usize::try_from(len)? & !3,
        };
        if size < SIZE {
            return Err(EINVAL);
        }
        let bar = i32::try_from(bar)?;
        let region = Claim::new(pdev, bar, name)?;

        // SAFETY: The device is valid and `bar` is the number of one of its BARs.
        let addr = unsafe { bindings::pci_iomap(as_raw(pdev), bar, 0) };
        if addr.is_null() {
            return Err(EIO);
        }
        // INVARIANT: The whole BAR is mapped at `addr`, and `size` is its length without a tail
        // that is no multiple of 4.
        let mapping = Mapping {
            addr: addr.addr(),
            size,
            region,
        };
        Ok(Self {
            mapping: Devres::new(pdev.as_ref(), mapping)?,
        })
    }

    /// Calls `f` with a view of the BAR, which must not sleep; [`None`] if it is released.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(PortIo<'_, Region<SIZE>>) -> R) -> Option<R> {
        let mapping = self.mapping.try_access()?;
        // SAFETY: `mapping` keeps the region mapped while the view exists. `new` has checked that
        // it is at least `SIZE` long and a multiple of 4. Mappings are aligned to at least 4.
        Some(f(unsafe { PortIo::from_raw(mapping.addr, mapping.size) }))
    }
}

/// A mapped BAR.
///
/// # Invariants
///
/// BAR `region.bar` is mapped by `pci_iomap` at `addr`; at least `size` bytes of it.
struct Mapping {
    addr: usize,
    size: usize,
    region: Claim,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this undoes the mapping at `addr`.
        unsafe {
            bindings::pci_iounmap(
                as_raw(&*self.region.pdev),
                core::ptr::without_provenance_mut(self.addr),
            )
        };
    }
}

/// A claimed BAR.
///
/// # Invariants
///
/// BAR `bar` of the device was claimed with `pci_request_region`.
struct Claim {
    pdev: ARef<pci::Device>,
    bar: i32,
}

impl Claim {
    fn new(pdev: &pci::Device<Bound>, bar: i32, name: &'static CStr) -> Result<Self> {
        // SAFETY: The device and the name are valid; the function checks `bar` itself.
        to_result(unsafe { bindings::pci_request_region(as_raw(pdev), bar, name.as_char_ptr()) })?;
        // INVARIANT: The call above succeeded.
        Ok(Self {
            pdev: pdev.into(),
            bar,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this releases what was claimed.
        unsafe { bindings::pci_release_region(as_raw(&*self.pdev), self.bar) };
    }
}
