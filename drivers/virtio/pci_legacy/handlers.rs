// SPDX-License-Identifier: GPL-2.0

//! What happens when a device interrupts, and what is done against too many interrupts.
//!
//! An interrupt that leads to nothing costs a processor some microseconds, and a device may send as
//! many as it likes. Each vector, or the pin, counts its own: more than
//! [`Vain`](crate::virtio::core::storm::Vain) bears, and it is masked for [`PAUSE_MS`]. What the device
//! has done meanwhile is told by the first interrupt afterwards, so that nothing is lost but time.

use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        Instant,
        Monotonic,
        Msecs, //
    },
};

use super::{
    counts::DeviceInterrupts,
    interrupts::CallbackQueue,
    regs,
    PciLegacy, //
};
use crate::{
    kernel_ext::{
        irq::{
            Handler,
            Outcome, //
        },
        sync::Counter, //
    },
    virtio::{
        core::storm::{
            Vain,
            CONFIG_WEIGHT,
            PAUSE_MS, //
        },
        device::Events,
        transport::Transport, //
    },
};

/// What a vector stands for, and thus what happens when it fires.
pub(super) enum Source {
    /// The configuration has changed.
    Config,
    /// One queue.
    Queue(CallbackQueue),
    /// One of several queues.
    Queues(KVec<CallbackQueue>),
    /// Whatever the ISR says, if it is this device at all; the line of the pin is shared.
    Pin(KVec<CallbackQueue>),
}

/// What an interrupt has led to.
enum Led {
    /// It was another device's.
    Elsewhere,
    /// Something was there to do.
    ToWork,
    /// Nothing was there to do; how much that counts.
    Nowhere(u64),
}

/// The handler of one vector, or of the pin.
pub(super) struct Handlers<E: Events> {
    source: Source,
    events: Arc<E>,
    transport: Arc<PciLegacy>,
    counts: Arc<DeviceInterrupts>,
    began: Instant<Monotonic>,
    // What `Vain` has; one handler never runs twice at once.
    since: Counter,
    weight: Counter,
}

impl<E: Events> Handlers<E> {
    /// Nothing has come yet.
    pub(super) fn new(
        events: &Arc<E>,
        transport: &Arc<PciLegacy>,
        counts: &Arc<DeviceInterrupts>,
        source: Source,
    ) -> Self {
        Self {
            source,
            events: events.clone(),
            transport: transport.clone(),
            counts: counts.clone(),
            began: Instant::now(),
            since: Counter::new(),
            weight: Counter::new(),
        }
    }

    /// Asks every queue, so that the work of one does not hide that of the next.
    #[inline(never)] // So that the handler of a single queue is short.
    fn all(&self, queues: &[CallbackQueue]) -> Led {
        let mut found = false;
        for queue in queues {
            found |= queue.interrupt(&*self.events);
        }
        led(found)
    }

    fn config_changed(&self) -> Led {
        self.counts.config.inc();
        self.events.config_changed();
        Led::Nowhere(CONFIG_WEIGHT)
    }

    /// Reads the ISR, exactly once, and does what it says.
    ///
    /// The queues are scanned even if only the configuration bit is set: with event indices a
    /// device may have used buffers between the two.
    #[inline(never)] // As above.
    fn pin(&self, queues: &[CallbackQueue]) -> Led {
        let bits = self.transport.isr();
        // All ones is what a device that is no longer there reads as.
        if bits == 0 || (bits == !0 && self.transport.status().is_gone()) {
            self.counts.foreign.inc();
            return Led::Elsewhere;
        }
        let config = regs::ISR::from(bits)
            .config()
            .then(|| self.config_changed());
        let queues = self.all(queues);
        config.unwrap_or(queues)
    }

    /// Counts what an interrupt has led to; says whether it was one too many.
    fn count(&self, led: Led) -> Outcome {
        let weight = match led {
            Led::Elsewhere => return Outcome::None,
            Led::ToWork if self.weight.get() == 0 => return Outcome::Handled,
            Led::ToWork => None,
            Led::Nowhere(weight) => Some(weight),
        };
        let mut vain = Vain {
            since: self.since.get(),
            weight: self.weight.get(),
        };
        let outcome = match weight {
            None => {
                vain.make_up();
                Outcome::Handled
            }
            Some(weight) => {
                // CAST: A time since the handler was registered is not negative.
                let now = self.began.elapsed().as_millis() as u64;
                match (vain.add(now, weight), &self.source) {
                    (true, _) => self.flood(),
                    (false, Source::Config | Source::Pin(..)) => Outcome::Handled,
                    // So that the kernel, too, can tell which are spurious.
                    (false, Source::Queue(..) | Source::Queues(..)) => Outcome::None,
                }
            }
        };
        self.since.set(vain.since);
        self.weight.set(vain.weight);
        outcome
    }

    #[cold]
    fn flood(&self) -> Outcome {
        self.counts.masked.inc();
        self.transport.report_flood();
        Outcome::Flood
    }
}

impl<E: Events> Handler for Handlers<E> {
    const PAUSE: Msecs = PAUSE_MS;

    fn handle(&self) -> Outcome {
        let led = match &self.source {
            Source::Config => self.config_changed(),
            Source::Queue(queue) => led(queue.interrupt(&*self.events)),
            Source::Queues(queues) => self.all(queues),
            Source::Pin(queues) => self.pin(queues),
        };
        self.count(led)
    }
}

/// What a look at queues has led to.
fn led(found: bool) -> Led {
    if found {
        Led::ToWork
    } else {
        Led::Nowhere(1)
    }
}
