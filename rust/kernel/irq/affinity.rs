// SPDX-License-Identifier: GPL-2.0

//! Which CPUs are to handle an interrupt, as its driver sees it.
//!
//! Would go to `rust/kernel/irq/affinity.rs`.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)

use core::ptr;

use kernel::{
    cpumask::{
        Cpumask,
        CpumaskVar, //
    },
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

use super::super::bindings;

/// The affinity of the interrupt of a [`Registration`](super::Registration).
///
/// It may be kept for longer than the registration; then it is without effect.
#[pin_data]
pub struct Affinity {
    irq: u32,
    #[pin]
    hint: Mutex<Hint>,
}

/// What the interrupt's descriptor knows.
enum Hint {
    /// Nothing yet.
    None,
    /// The CPUs of a mask that the descriptor points to.
    Set(#[allow(dead_code)] KBox<Mask>),
    /// The interrupt has no handler any more.
    Gone,
}

/// A mask of CPUs.
struct Mask(CpumaskVar);

// SAFETY: A mask is memory of its own, not bound to a thread.
unsafe impl Send for Mask {}

impl Affinity {
    /// The affinity of interrupt `irq`.
    pub(super) fn new(irq: u32) -> Result<Arc<Self>> {
        let init = pin_init!(Self {
            irq,
            hint <- new_mutex!(Hint::None, "Affinity::hint"),
        });
        Arc::pin_init(init, GFP_KERNEL)
    }

    /// Has `cpus` handle the interrupt, and tells user space so. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the handler was freed;
    /// - [`ENOMEM`]: there is no memory for the mask;
    /// - [`EINVAL`]: there is no such interrupt.
    pub fn set(&self, cpus: &Cpumask) -> Result {
        let mask = KBox::new(Mask(CpumaskVar::try_clone(cpus)?), GFP_KERNEL)?;
        let mut hint = self.hint.lock();
        if matches!(*hint, Hint::Gone) {
            return Err(ENODEV);
        }
        // SAFETY: The mask stays where it is, and alive until the descriptor has another one, or
        // none: it is replaced and dropped below and in `retire` alone.
        to_result(unsafe { bindings::__irq_apply_affinity_hint(self.irq, mask.0.as_raw(), true) })?;
        *hint = Hint::Set(mask);
        Ok(())
    }

    /// Takes the mask away from the descriptor, before the handler is freed.
    pub(super) fn retire(&self) {
        let mut hint = self.hint.lock();
        if matches!(*hint, Hint::Set(_)) {
            // SAFETY: No mask at all may be given.
            unsafe { bindings::__irq_apply_affinity_hint(self.irq, ptr::null(), false) };
        }
        *hint = Hint::Gone;
    }
}
