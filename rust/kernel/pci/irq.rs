// SPDX-License-Identifier: GPL-2.0

//! Interrupt vectors of a PCI device that own themselves.
//!
//! `kernel::pci::IrqVectorRegistration` borrows the device, and its vectors borrow it in turn, so
//! that they cannot be kept together with the handlers that use them. Here handlers hold a
//! reference count on the allocation.
//!
//! Would go to `rust/kernel/pci/irq.rs`.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use core::ptr;

use kernel::{
    device::Bound,
    devres::Devres,
    error::to_result,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

use super::{
    as_raw,
    bindings, //
};
use crate::kernel_ext::irq::IrqLine;

/// The kind of interrupt to allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IrqType {
    /// The interrupt pin, which other devices may share.
    Intx,
    /// MSI-X messages.
    MsiX,
}

impl IrqType {
    /// The flag for `pci_alloc_irq_vectors`.
    const fn as_raw(self) -> u32 {
        match self {
            Self::Intx => bindings::PCI_IRQ_INTX,
            Self::MsiX => bindings::PCI_IRQ_MSIX,
        }
    }
}

/// Interrupt vectors of a device.
///
/// They are freed when the last reference is dropped, and at the latest when the driver is
/// unbound from the device. The handlers of the vectors hold references.
pub struct IrqVectors {
    allocation: Devres<Allocation>,
    len: u32,
}

impl IrqVectors {
    /// Allocates exactly `len` vectors of one kind.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: the device or the machine has fewer vectors;
    /// - [`EINVAL`]: `len` is zero, or more than one of the interrupt pin is wanted;
    /// - whatever else `pci_alloc_irq_vectors` returns.
    pub fn new(pdev: &pci::Device<Bound>, len: u32, kind: IrqType) -> Result<Arc<Self>> {
        if len == 0 || (kind == IrqType::Intx && len != 1) {
            return Err(EINVAL);
        }
        Self::alloc(pdev, len, kind.as_raw(), ptr::null_mut())
    }

    /// Allocates exactly `len` MSI-X vectors. All but the first `pre_vectors` are spread over the
    /// CPUs by the kernel, which then manages their affinity.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn new_spread(pdev: &pci::Device<Bound>, len: u32, pre_vectors: u32) -> Result<Arc<Self>> {
        let mut affinity = bindings::irq_affinity {
            pre_vectors,
            ..Default::default()
        };
        let flags = bindings::PCI_IRQ_MSIX | bindings::PCI_IRQ_AFFINITY;
        Self::alloc(pdev, len, flags, &mut affinity)
    }

    /// Allocates exactly `len` vectors; `affinity` is null or points to a description.
    fn alloc(
        pdev: &pci::Device<Bound>,
        len: u32,
        flags: u32,
        affinity: *mut bindings::irq_affinity,
    ) -> Result<Arc<Self>> {
        // SAFETY: The reference keeps the device valid; `affinity` is only used during the call.
        to_result(unsafe {
            bindings::pci_alloc_irq_vectors_affinity(as_raw(pdev), len, len, flags, affinity)
        })?;
        // That turned the pin on, if it is the pin's; it has no handler yet.
        //
        // SAFETY: As above.
        unsafe { bindings::pci_intx(as_raw(pdev), 0) };
        // INVARIANT: The first call above succeeded.
        let allocation = Allocation(pdev.into());
        let allocation = Devres::new(pdev.as_ref(), allocation)?;
        Ok(Arc::new(Self { allocation, len }, GFP_KERNEL)?)
    }

    /// The number of vectors.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// The interrupt line of the vector `index`, to register a handler for.
    ///
    /// # Errors
    ///
    /// [`EINVAL`]: there is no such vector, or `pdev` is another device.
    pub fn line(self: &Arc<Self>, pdev: &pci::Device<Bound>, index: u32) -> Result<IrqLine> {
        self.allocation.access(pdev.as_ref())?;
        if index >= self.len {
            return Err(EINVAL);
        }
        // SAFETY: The reference keeps the device valid, and it is bound.
        let irq = unsafe { bindings::pci_irq_vector(as_raw(pdev), index) };
        Ok(IrqLine::new(u32::try_from(irq)?, pdev, self.clone()))
    }
}

/// What frees the vectors of a device.
///
/// # Invariants
///
/// The device has vectors that `pci_alloc_irq_vectors` allocated.
struct Allocation(ARef<pci::Device>);

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there are vectors to free; handlers are freed before,
        // because they hold a reference to the allocation or were registered after it.
        unsafe { bindings::pci_free_irq_vectors(as_raw(&*self.0)) };
        // Freeing vectors turns the interrupt pin on, which has no handler: a device that goes on
        // all the same would raise a line that others may share until the kernel turns that off.
        //
        // SAFETY: The reference keeps the device valid.
        unsafe { bindings::pci_intx(as_raw(&*self.0), 0) };
    }
}
