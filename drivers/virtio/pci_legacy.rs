// SPDX-License-Identifier: GPL-2.0

//! The legacy virtio PCI transport: a device's registers in BAR0 (VIRTIO 1.3, section 4.1.4.10).
//!
//! Which functions are driven: vendor 0x1AF4, device 0x1000 to 0x103F, revision 0, and the right
//! kind in the subsystem id; anything else is left alone without a word.
//!
//! A transitional device, which has the modern interface too, is for a driver that prefers that
//! one, as Linux's does, even where there is none: whether it is loaded yet cannot be known. It is
//! driven through its legacy registers if `driver_override` names the driver, or if the module's
//! parameter `force_legacy`, which Linux's has too, says so.
//!
//! Here and in `rust/kernel` is all the code that knows PCI, I/O and interrupts.

use kernel::{
    device::{
        Bound,
        Core, //
    },
    dma::{
        Device as _,
        DmaMask, //
    },
    io::{
        poll::read_poll_timeout,
        Io,
        Region, //
    },
    new_spinlock,
    pci,
    prelude::*,
    str::CStr,
    sync::{
        aref::ARef,
        Arc,
        SpinLock, //
    },
    time::Delta, //
};

use super::{
    core::{
        pci::{
            DeviceType,
            Identity,
            CAP_CFG_TYPE,
            CAP_COMMON_CFG, //
        },
        status::Status, //
    },
    transport::Transport, //
};
use crate::kernel_ext::{
    cc_platform::guest_memory_encrypted,
    io::port::PortIo,
    pci::{
        clear_master,
        has_driver_override,
        has_vendor_capability,
        msix_enabled,
        EnabledDevice,
        PortBar, //
    },
    ratelimit::RateLimit, //
};

pub mod counts;
mod handlers;
pub mod ids;
pub mod interrupts;
mod regs;

/// A view of the register file.
type Registers<'a> = PortIo<'a, Region<{ regs::HEADER_SIZE }>>;

/// How long a device may take to reset.
const RESET_TIMEOUT: Delta = Delta::from_millis(1000);

/// How often to look whether it has.
const RESET_POLL: Delta = Delta::from_millis(1);

/// The registers of one legacy virtio PCI function.
///
/// After the driver is unbound they read as all ones and ignore writes, like those of a function
/// that was unplugged.
#[pin_data]
pub struct PciLegacy {
    // Fields are dropped in this order: the BAR is released before decoding is disabled.
    bar: PortBar<{ regs::HEADER_SIZE }>,
    enabled: EnabledDevice,
    pdev: ARef<pci::Device>,
    /// Held from the write of QUEUE_SEL to the access of the register it selects.
    #[pin]
    selector: SpinLock<()>,
    #[pin]
    floods: RateLimit,
}

impl PciLegacy {
    /// Takes hold of a function: checks its identity, enables it and maps its registers.
    ///
    /// The device is not touched, and not allowed to access memory yet; `name` is what
    /// `/proc/ioports` shows.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it is not a legacy device of this kind, it is a transitional one and `force`
    ///   is not set, it cannot reach the guest's memory, or it has no BAR0;
    /// - [`EINVAL`]: BAR0 is too small;
    /// - whatever enabling, claiming and mapping return.
    pub fn new(
        pdev: &pci::Device<Core<'_>>,
        kind: DeviceType,
        force: bool,
        name: &'static CStr,
    ) -> Result<Arc<Self>> {
        let identity = Identity {
            vendor: pdev.vendor_id().as_raw(),
            device: pdev.device_id(),
            revision: pdev.revision_id(),
            subsystem_device: pdev.subsystem_device_id(),
        };
        if !identity.is_legacy(kind) {
            return Err(ENODEV);
        }
        if !force && !has_driver_override(pdev) && is_transitional(pdev) {
            dev_info!(
                pdev,
                "has the modern interface too, not taken: see force_legacy\n"
            );
            return Err(ENODEV);
        }
        if guest_memory_encrypted() {
            dev_err!(pdev, "a legacy device cannot reach encrypted memory\n");
            return Err(ENODEV);
        }

        let enabled = EnabledDevice::new(pdev)?;
        set_dma_masks(pdev);
        let bar = PortBar::new(pdev, 0, name).inspect_err(|error| report_bar(pdev, *error))?;

        Arc::pin_init(
            pin_init!(Self {
                bar,
                enabled,
                pdev: pdev.into(),
                selector <- new_spinlock!(()),
                floods <- RateLimit::new(c"rvirtio: floods of interrupts", 60_000, 1),
            }),
            GFP_KERNEL,
        )
    }

    /// Lets the device access memory; it has been reset, so it knows of none that is not its own
    /// any more.
    pub fn set_master(&self, pdev: &pci::Device<Core<'_>>) {
        pdev.set_master();
    }

    /// Says that the device interrupts for nothing, once a minute at most.
    fn report_flood(&self) {
        if self.floods.allows() {
            dev_warn!(
                self.pdev,
                "the device interrupts for nothing all the time; that is masked for a while, each time\n"
            );
        }
    }

    /// Accesses the registers; `gone` stands for what is read when they are released.
    #[inline]
    fn access<R>(&self, gone: R, f: impl FnOnce(Registers<'_>) -> R) -> R {
        self.bar.with(f).unwrap_or(gone)
    }

    /// Selects a queue and accesses its registers, with no other selection in between.
    fn access_queue<R>(&self, queue: u16, gone: R, f: impl FnOnce(Registers<'_>) -> R) -> R {
        let _selected = self.selector.lock();
        self.access(gone, |io| {
            io.write_reg(regs::QUEUE_SEL::from(queue));
            f(io)
        })
    }

    /// Where the byte `index` of the device-specific configuration is at this moment.
    fn config_register(&self, index: usize) -> usize {
        regs::config_offset(msix_enabled(&self.pdev)).saturating_add(index)
    }
}

impl Transport for PciLegacy {
    fn host_features(&self) -> u32 {
        self.access(!0, |io| io.read(regs::HOST_FEATURES).into())
    }

    fn set_guest_features(&self, features: u32) {
        self.access((), |io| io.write_reg(regs::GUEST_FEATURES::from(features)))
    }

    fn status(&self) -> Status {
        Status::from_bits(self.access(!0, |io| io.read(regs::STATUS).into()))
    }

    fn set_status(&self, status: Status) {
        self.access((), |io| io.write_reg(regs::STATUS::from(status.bits())))
    }

    fn reset(&self) -> bool {
        self.set_status(Status::RESET);
        // The first read also flushes the write, and with it what the device wrote before.
        read_poll_timeout(
            || Ok(self.status()),
            |status| *status == Status::RESET || status.is_gone(),
            RESET_POLL,
            RESET_TIMEOUT,
        )
        .is_ok_and(|status| status == Status::RESET)
    }

    fn isolate(&self) -> bool {
        clear_master(&self.pdev)
    }

    fn read_config(&self, offset: usize, buf: &mut [u8]) {
        for (i, byte) in buf.iter_mut().enumerate() {
            let register = self.config_register(offset.saturating_add(i));
            *byte = self.access(!0, |io| io.try_read8(register).unwrap_or(!0));
        }
    }

    fn write_config(&self, offset: usize, buf: &[u8]) {
        for (i, byte) in buf.iter().enumerate() {
            let register = self.config_register(offset.saturating_add(i));
            // A byte beyond the register file has no register to go to.
            self.access((), |io| io.try_write8(*byte, register).unwrap_or(()));
        }
    }

    fn queue_size(&self, queue: u16) -> u16 {
        self.access_queue(queue, !0, |io| io.read(regs::QUEUE_NUM).into())
    }

    fn queue_pfn(&self, queue: u16) -> u32 {
        self.access_queue(queue, !0, |io| io.read(regs::QUEUE_PFN).into())
    }

    fn set_queue_pfn(&self, queue: u16, pfn: u32) {
        self.access_queue(queue, (), |io| io.write_reg(regs::QUEUE_PFN::from(pfn)))
    }

    #[inline]
    fn notify(&self, queue: u16) {
        self.access((), |io| io.write_reg(regs::QUEUE_NOTIFY::from(queue)))
    }

    fn set_config_vector(&self, vector: u16) -> u16 {
        self.access(!0, |io| {
            io.write_reg(regs::CONFIG_VECTOR::from(vector));
            io.read(regs::CONFIG_VECTOR).into()
        })
    }

    fn set_queue_vector(&self, queue: u16, vector: u16) -> u16 {
        self.access_queue(queue, !0, |io| {
            io.write_reg(regs::QUEUE_VECTOR::from(vector));
            io.read(regs::QUEUE_VECTOR).into()
        })
    }

    fn isr(&self) -> u8 {
        self.access(!0, |io| io.read(regs::ISR).into())
    }
}

/// Whether the function has the modern interface, too.
fn is_transitional(pdev: &pci::Device<Bound>) -> bool {
    has_vendor_capability(pdev, CAP_CFG_TYPE, CAP_COMMON_CFG)
}

/// Tells the DMA API what the device reaches: anything, and rings up to 2^44.
///
/// The rings and buffers of a legacy device are named by physical address and not by the DMA API,
/// so a failure need not be the end.
fn set_dma_masks(pdev: &pci::Device<Core<'_>>) {
    // SAFETY: This is probe: nothing is allocated or mapped for the device yet.
    let result = unsafe { pdev.dma_set_mask(DmaMask::new::<64>()) };
    let result = match result {
        // SAFETY: As above.
        Ok(()) => unsafe { pdev.dma_set_coherent_mask(DmaMask::new::<44>()) },
        // SAFETY: As above.
        Err(_) => unsafe { pdev.dma_set_mask_and_coherent(DmaMask::new::<32>()) },
    };
    if result.is_err() {
        dev_warn!(pdev, "no usable DMA mask, going on without\n");
    }
}

/// Says in one line why the registers are out of reach.
fn report_bar(pdev: &pci::Device<Bound>, error: Error) {
    let size = pdev.resource_len(0).unwrap_or(0);
    if size == 0 {
        dev_err!(pdev, "no BAR0: the device has no legacy interface\n");
    } else if error == EINVAL {
        dev_err!(
            pdev,
            "BAR0 has {} bytes, too few for the legacy registers\n",
            size
        );
    } else {
        dev_err!(pdev, "cannot claim and map BAR0: {:?}\n", error);
    }
}
