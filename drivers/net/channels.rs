// SPDX-License-Identifier: GPL-2.0

//! How many pairs of queues are in use, and which CPUs use which (VIRTIO 1.3, section 5.1.6.5.6).

use kernel::{
    cpumask::CpumaskVar,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc,
        Mutex, //
    },
};

use crate::{
    control::Control,
    kernel_ext::{
        cpu::{
            hotplug::Watcher,
            with_cpus_steady,
            Steady, //
        },
        irq::affinity::Affinity,
        net::{
            netdev::NetDevice,
            rtnl::Rtnl, //
        },
    },
    virtio::core::net::{
        control::VQ_PAIRS_SET,
        pairs, //
    },
};

/// The pairs of queues of an interface.
#[pin_data]
pub(crate) struct Channels {
    dev: Arc<NetDevice>,
    /// What tells a device that can use several pairs how many.
    control: Option<Arc<Control>>,
    /// Pairs in use. Written under the RTNL lock and that of CPU hotplug.
    current: Atomic<u32>,
    /// Pairs behind those that the stack does not send on: XDP does. Written under the RTNL lock.
    extra: Atomic<u32>,
    /// What says which CPUs handle the interrupts of a pair's queues, if they have vectors of their
    /// own.
    #[pin]
    vectors: Mutex<KVec<[Arc<Affinity>; 2]>>,
}

impl Channels {
    /// One pair in use; `control` is for a device that can use more.
    pub(crate) fn new(dev: Arc<NetDevice>, control: Option<Arc<Control>>) -> Result<Arc<Self>> {
        let init = pin_init!(Self {
            dev,
            control,
            current: Atomic::new(1),
            extra: Atomic::new(0),
            vectors <- new_mutex!(KVec::new(), "Channels::vectors"),
        });
        Arc::pin_init(init, GFP_KERNEL)
    }

    /// Takes the vectors of the queues, those of a pair together.
    pub(crate) fn set_vectors(&self, vectors: KVec<[Arc<Affinity>; 2]>) {
        *self.vectors.lock() = vectors;
    }

    /// Most pairs that can be used.
    pub(crate) fn most(&self) -> u16 {
        self.dev.queues()
    }

    /// Pairs that the stack uses.
    pub(crate) fn current(&self) -> u16 {
        // CAST: Only numbers of 16 bits are stored.
        self.current.load(Relaxed) as u16
    }

    /// Pairs behind those, that XDP sends on.
    pub(crate) fn extra(&self) -> u16 {
        // CAST: As above.
        self.extra.load(Relaxed) as u16
    }

    /// Pairs that the device uses.
    pub(crate) fn in_use(&self) -> u16 {
        // No more than the device has.
        self.current().saturating_add(self.extra())
    }

    /// Uses as many pairs as there are CPUs, if there are as many. Called before the interface is
    /// shown to the system, and after the device was told that the driver is ready.
    ///
    /// With a device that does not want to use as many there is one pair.
    pub(crate) fn start(&self, rtnl: &Rtnl<'_>) -> Result {
        let cpus = with_cpus_steady(|cpus| cpus.online().count());
        let wanted = u16::try_from(cpus).unwrap_or(u16::MAX).min(self.most());
        if self.tell(wanted).is_ok() {
            self.current.store(wanted.into(), Relaxed);
        }
        self.show(self.current(), rtnl)
    }

    /// Tells the stack how many pairs there are.
    fn show(&self, pairs: u16, rtnl: &Rtnl<'_>) -> Result {
        self.dev.set_real_num_queues(pairs, pairs, rtnl)
    }

    /// Uses so many pairs more, which the stack does not send on. No poll runs.
    ///
    /// # Errors
    ///
    /// See [`Self::set`]; the number of none stays as it was.
    pub(crate) fn set_extra(&self, extra: u16, rtnl: &Rtnl<'_>) -> Result {
        if extra == self.extra() {
            return Ok(());
        }
        let current = self.current();
        let all = current.saturating_add(extra);
        self.dev.set_real_num_queues(current, all, rtnl)?;
        let result = self.tell(all);
        if result.is_ok() || extra == 0 {
            self.extra.store(extra.into(), Relaxed);
        }
        if result.is_err() {
            self.dev.set_real_num_queues(current, self.in_use(), rtnl)?;
        }
        result
    }

    /// Uses another number of pairs, while packets flow.
    ///
    /// The stack sends on no queue that the device does not use: it is told first when they become
    /// fewer, and last when they become more. Every queue is polled all the time, so that packets
    /// still on their way on one that is not used any more arrive.
    ///
    /// # Errors
    ///
    /// See [`Control::send`] and [`NetDevice::set_real_num_queues`]; the number stays as it was.
    pub(crate) fn set(&self, wanted: u16, rtnl: &Rtnl<'_>) -> Result {
        let before = self.current();
        if wanted < before {
            self.show(wanted, rtnl)?;
        }
        let result = self.tell(wanted);
        if result.is_ok() {
            with_cpus_steady(|cpus| {
                self.current.store(wanted.into(), Relaxed);
                self.spread(cpus);
            });
        }
        if result.is_err() || wanted > before {
            self.show(self.current(), rtnl)?;
        }
        result
    }

    /// Tells a device that was reset how many pairs are in use; if it does not want to use as many,
    /// there is one.
    pub(crate) fn replay(&self, rtnl: &Rtnl<'_>) -> Result {
        if self.tell(self.in_use()).is_ok() {
            return Ok(());
        }
        with_cpus_steady(|cpus| {
            self.current.store(1, Relaxed);
            self.extra.store(0, Relaxed);
            self.spread(cpus);
        });
        self.show(1, rtnl)
    }

    /// Tells the device how many pairs to use.
    fn tell(&self, wanted: u16) -> Result {
        match &self.control {
            Some(control) => control.send(VQ_PAIRS_SET, [&wanted.to_ne_bytes(), &[]]),
            None => Ok(()),
        }
    }

    /// Shares the CPUs out among the pairs in use: their interrupts, and whose packets they send.
    pub(crate) fn spread(&self, cpus: &Steady<'_>) {
        let current = self.current();
        // CAST: There are fewer CPUs than fit in 32 bits.
        let online = cpus.online().count() as u32;
        let vectors = self.vectors.lock();
        for pair in 0..current {
            let (first, count) = pairs::share(pair, current, online);
            // What there is no memory for stays as it is.
            let Ok(mut mask) = CpumaskVar::new_zero(GFP_KERNEL) else {
                return;
            };
            // CAST: Widening.
            for cpu in cpus.online().skip(first as usize).take(count as usize) {
                mask.set(cpu);
            }
            for affinity in vectors.get(usize::from(pair)).into_iter().flatten() {
                let _ = affinity.set(&mask);
            }
            let _ = self.dev.set_xps_cpus(pair, &mask, cpus);
        }
    }
}

impl Watcher for Channels {
    fn cpus_changed(&self, cpus: &Steady<'_>) {
        self.spread(cpus);
    }
}
