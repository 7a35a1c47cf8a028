// SPDX-License-Identifier: GPL-2.0

//! XDP: loading a program of the user, and the transmit queues that its packets go through.

use kernel::{
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc, //
    }, //
};

use crate::{
    kernel_ext::net::{
        napi::BottomHalvesOff,
        netdev::netdev_warn,
        rtnl::Rtnl,
        skb::SHARED_INFO_SIZE,
        xdp::{
            ExtAck,
            Program,
            HEADROOM, //
        },
    },
    nic::Nic,
    tx::Transmitter,
    virtio::core::net::{
        xdp::{
            largest_mtu,
            Lanes,
            Refusal,
            Request, //
        },
        Left, //
    },
};

/// The largest MTU of an interface whose packets fit in a page each.
pub(crate) const LARGEST_MTU: u32 = largest_mtu(
    kernel::page::PAGE_SIZE as u32,
    (HEADROOM + SHARED_INFO_SIZE).next_multiple_of(64),
);

/// The transmit queues of XDP.
pub(crate) struct Queues {
    /// Which ones, while a program is loaded: [`Lanes::to_word`].
    lanes: Atomic<u32>,
    /// Those of all pairs.
    all: KVec<Arc<Transmitter>>,
}

/// The transmit queue of XDP for a CPU.
pub(crate) struct Lane<'a> {
    pub(crate) tx: &'a Transmitter,
    /// The stack sends on it, too.
    pub(crate) is_shared: bool,
}

impl Queues {
    /// No program is loaded yet.
    pub(crate) fn new(all: KVec<Arc<Transmitter>>) -> Result<Arc<Self>> {
        let this = Self {
            lanes: Atomic::new(0),
            all,
        };
        Ok(Arc::new(this, GFP_KERNEL)?)
    }

    /// The queues in use, while a program is loaded.
    #[inline]
    pub(crate) fn lanes(&self) -> Option<Lanes> {
        Lanes::from_word(self.lanes.load(Relaxed))
    }

    /// Whether a program is loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.lanes().is_some()
    }

    fn set(&self, lanes: Option<Lanes>) {
        self.lanes.store(lanes.map_or(0, Lanes::to_word), Relaxed);
    }

    /// The queue for this CPU; `None` without a program.
    #[inline]
    pub(crate) fn here(&self, _off: &impl BottomHalvesOff) -> Option<Lane<'_>> {
        let lanes = self.lanes()?;
        let queue = lanes.queue(CpuId::current().as_u32())?;
        Some(Lane {
            tx: self.all.get(usize::from(queue))?,
            is_shared: lanes.extra() == 0,
        })
    }
}

impl Nic {
    /// Has a program look at every received packet, in place of the one before; or none any more.
    ///
    /// No poll runs meanwhile; packets wait in the rings.
    pub(crate) fn exchange_program(
        &self,
        program: Option<Program>,
        reason: &mut ExtAck<'_>,
        rtnl: &Rtnl<'_>,
    ) -> Result {
        if let Some(program) = &program {
            self.can_run(program, reason)?;
        }
        let is_present = self.dev.is_present(rtnl);
        if program.is_some() && !is_present {
            reason.set(c"rvirtio_net: The device does not work");
            return Err(ENODEV);
        }
        let is_polled = is_present && self.dev.is_running();
        if is_polled {
            self.stop_polls(rtnl);
        }
        let result = match program {
            Some(program) if self.xdp.is_loaded() => {
                self.give(Some(&program));
                Ok(())
            }
            Some(program) => self.load(&program, rtnl),
            None => {
                self.unload(is_present, rtnl);
                Ok(())
            }
        };
        if is_polled {
            self.start_polls(rtnl)?;
        }
        result
    }

    /// Whether a program can see the packets of this interface.
    fn can_run(&self, program: &Program, reason: &mut ExtAck<'_>) -> Result {
        let request = Request {
            fragments: program.takes_fragments(),
            mtu: self.dev.mtu(),
            largest: LARGEST_MTU,
        };
        let (words, error) = match request.check(self.agreed) {
            Ok(()) => return Ok(()),
            Err(Refusal::Offloads) => (
                c"rvirtio_net: Can't set XDP while host is implementing GRO_HW/CSUM, disable GRO_HW/CSUM first",
                EOPNOTSUPP,
            ),
            Err(Refusal::Layout) => (
                c"rvirtio_net: XDP expects header/data in single page, any_header_sg required",
                EINVAL,
            ),
            Err(Refusal::Mtu) => {
                netdev_warn!(
                    self.dev,
                    "single-buffer XDP requires MTU less than {}\n",
                    LARGEST_MTU
                );
                (
                    c"rvirtio_net: MTU too large to enable XDP without frags",
                    EINVAL,
                )
            }
        };
        reason.set(words);
        Err(error)
    }

    /// Has the device hand in complete packets, sets transmit queues apart, and loads a program.
    fn load(&self, program: &Program, rtnl: &Rtnl<'_>) -> Result {
        let (current, most) = (self.channels.current(), self.channels.most());
        let lanes = Lanes::choose(current, most, nr_cpu_ids());
        if lanes.extra() == 0 {
            netdev_warn!(
                self.dev,
                "XDP request {} queues but max is {}. XDP_TX and XDP_REDIRECT will operate in a slower \
                 locked tx mode.\n",
                u32::from(current) + nr_cpu_ids(),
                most
            );
        }
        self.channels.set_extra(lanes.extra(), rtnl)?;
        if let Some(switch) = &self.offloads {
            if let Err(error) = switch.tell(Left::Nothing) {
                let _ = self.channels.set_extra(0, rtnl);
                return Err(error);
            }
        }
        self.give(Some(program));
        self.xdp.set(Some(lanes));
        self.dev.set_redirect_target(true, rtnl);
        Ok(())
    }

    /// Goes back to how it was before a program was loaded. What a device does not do when it is told
    /// stands in the log.
    fn unload(&self, is_present: bool, rtnl: &Rtnl<'_>) {
        if !self.xdp.is_loaded() {
            return;
        }
        self.dev.set_redirect_target(false, rtnl);
        self.xdp.set(None);
        self.give(None);
        if is_present {
            let _ = self.channels.set_extra(0, rtnl);
            self.tell_offloads(rtnl);
        }
    }

    /// After the number of pairs in use has become another one by itself: the queues of XDP follow.
    pub(crate) fn choose_lanes_again(&self) {
        if self.xdp.is_loaded() && self.channels.extra() == 0 {
            self.xdp.set(Some(Lanes {
                first: 0,
                count: self.channels.current(),
            }));
        }
    }

    /// Gives a program to all receive queues, whose polls are disabled.
    fn give(&self, program: Option<&Program>) {
        for pair in &self.pairs {
            let loaded = program.map(|program| (program.clone(), self.xdp.clone()));
            // Polls are disabled, so this cannot fail.
            let _ = pair.rx.with_disabled(|rx, _| rx.set_program(loaded));
        }
    }
}
