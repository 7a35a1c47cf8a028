// SPDX-License-Identifier: GPL-2.0

//! Setting queues up, and notifications.

use super::{
    needs,
    notices::Notices,
    rules::queues::*,
    State, //
};
use crate::{
    queue::Wish,
    virtio::{
        blk,
        features::EVENT_IDX,
        net,
        pci::DeviceType, //
    },
};

/// What is known of a queue.
#[derive(Default)]
pub(super) struct Queue {
    /// QUEUE_PFN, as the driver wrote it.
    frame: u32,
    size_read: bool,
    notices: Notices,
}

/// Pages of a ring, in units of 4096 bytes.
fn pages(size: u16) -> u64 {
    let size = u64::from(size);
    (18 * size + 6).div_ceil(4096) + (8 * size + 6).div_ceil(4096)
}

impl State {
    /// The driver has reset the device.
    pub(super) fn queues_restart(&mut self) {
        self.selected = None;
        for queue in &mut self.queues {
            *queue = Queue::default();
        }
    }

    /// A register that belongs to the selected queue is used.
    pub(super) fn queue_register(&mut self, name: &str) {
        if self.selected.is_none() {
            self.found(SELECTED, || format!("{name}, and no queue was selected"));
        }
    }

    /// QUEUE_SEL was written.
    pub(super) fn queue_selected(&mut self, queue: u16) {
        self.selected = Some(queue);
    }

    /// QUEUE_NUM was read.
    pub(super) fn size_read(&mut self) {
        self.queue_register("QUEUE_NUM");
        if let Some(queue) = self.selected_queue() {
            queue.size_read = true;
        }
    }

    fn selected_queue(&mut self) -> Option<&mut Queue> {
        self.queues.get_mut(usize::from(self.selected.unwrap_or(0)))
    }

    /// QUEUE_PFN was written.
    pub(super) fn frame_written(&mut self, frame: u32) {
        self.queue_register("QUEUE_PFN");
        let number = self.selected.unwrap_or(0);
        let live = self.life.is_live();
        let before = self
            .selected_queue()
            .map(|queue| (queue.frame, queue.size_read));
        match before {
            Some((old, _)) if frame == 0 => {
                if old != 0 && live {
                    self.found(RING_LEFT, || format!("queue {number} at DRIVER_OK"));
                }
            }
            None if frame == 0 => {}
            None => self.found(QUEUE_EXISTS, || format!("queue {number}")),
            Some((old, size_read)) => self.ring_given(number, frame, old, size_read),
        }
        if let Some(queue) = self.selected_queue() {
            queue.frame = frame;
            queue.notices = Notices::new();
        }
    }

    fn ring_given(&mut self, number: u16, frame: u32, old: u32, size_read: bool) {
        if self.life.status() == 0 {
            self.set_up_after_reset("a queue");
        }
        for (broken, rule) in [
            (!size_read, SIZE_READ),
            (old != 0 && old != frame, RING_KEPT),
            (self.life.is_live(), QUEUES_FIRST),
            (
                self.life.status() != 0 && !self.life.has_written_features(),
                FEATURES_BEFORE_QUEUES,
            ),
            (self.overlaps(number, frame), RINGS_APART),
        ] {
            if broken {
                self.found(rule, || format!("queue {number}, page frame {frame:#x}"));
            }
        }
        let rule = match self.facts.kind {
            DeviceType::Net => NET_QUEUES,
            _ => BLOCK_QUEUES,
        };
        if number >= self.provided() {
            let features = self.life.features();
            self.found(rule, || {
                format!("queue {number} with features {features:#010x}")
            });
        }
    }

    /// How many queues the accepted features provide; all, as long as none were written.
    fn provided(&self) -> u16 {
        if !self.life.has_written_features() {
            return u16::MAX;
        }
        match self.facts.kind {
            DeviceType::Net => {
                let pairs = if self.life.has(net::F_MQ) {
                    self.facts.pairs
                } else {
                    1
                };
                pairs
                    .saturating_mul(2)
                    .saturating_add(u16::from(self.life.has(needs::CTRL_VQ)))
            }
            _ if self.life.has(blk::F_MQ) => u16::MAX,
            _ => 1,
        }
    }

    fn overlaps(&self, number: u16, frame: u32) -> bool {
        let extent = |frame: u32, index: usize| {
            let start = u64::from(frame);
            let size = self.facts.queues.get(index).copied().unwrap_or(0);
            (start, start + pages(size))
        };
        let (start, end) = extent(frame, number.into());
        (self.queues.iter().enumerate())
            .filter(|(index, queue)| *index != usize::from(number) && queue.frame != 0)
            .map(|(index, queue)| extent(queue.frame, index))
            .any(|(from, to)| from < end && start < to)
    }

    /// QUEUE_NOTIFY was written.
    pub(super) fn notified(&mut self, number: u16) {
        self.kicked_in_turn(number);
        if self
            .queues
            .get(usize::from(number))
            .is_none_or(|queue| queue.frame == 0)
        {
            self.found(KICK_QUEUE, || format!("queue {number} has no ring"));
        }
    }

    /// The same, with the available index at the time.
    pub(super) fn kicked(&mut self, number: u16, available: Option<u16>) {
        let by_event = self.life.has(EVENT_IDX);
        let (Some(queue), Some(available)) = (self.queues.get_mut(usize::from(number)), available)
        else {
            return;
        };
        let notices = &mut queue.notices;
        notices.available(available);
        let wanted = notices.sent(by_event);
        let (sent, published, allowed) = (notices.sent, notices.published, notices.allowed);
        if sent > published || !wanted {
            // The next one is judged as if this one had not been sent.
            notices.sent -= 1;
        }
        if sent > published {
            self.found(KICK_NEWS, || {
                format!("queue {number}: {sent} notifications, {published} chains")
            });
        } else if !wanted {
            self.found(KICK_WANTED, || {
                format!("queue {number}: {sent} notifications, at most {allowed} wanted")
            });
        }
    }

    /// The device says whether it wants to be notified.
    pub(super) fn wished(&mut self, number: u16, wish: Wish) {
        if let Some(queue) = self.queues.get_mut(usize::from(number)) {
            queue.notices.wished(wish);
        }
    }

    /// Something else has happened in the queue's worker.
    pub(super) fn moved(&mut self, number: u16) {
        if let Some(queue) = self.queues.get_mut(usize::from(number)) {
            queue.notices.moved();
        }
    }

    /// The chain at an available index was taken.
    pub(super) fn published(&mut self, number: u16, position: u16) {
        if let Some(queue) = self.queues.get_mut(usize::from(number)) {
            queue.notices.available(position.wrapping_add(1));
        }
    }
}
