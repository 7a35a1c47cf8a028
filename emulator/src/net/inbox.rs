// SPDX-License-Identifier: GPL-2.0

//! Packets that wait until the driver has room for them; beyond its size they are lost, as on a wire.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        MutexGuard,
        PoisonError, //
    },
};

use super::packet::Packet;

/// Most packets, and bytes at which there is no room for one more.
const MAX_PACKETS: usize = 1024;
const MAX_BYTES: usize = 4 << 20;

#[derive(Default)]
struct Waiting {
    packets: VecDeque<Packet>,
    bytes: usize,
}

impl Waiting {
    fn has_room(&self) -> bool {
        self.packets.len() < MAX_PACKETS && self.bytes < MAX_BYTES
    }
}

/// The packets that wait for one receive queue.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Waiting>);

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere leaves it in order but for the count of bytes, which only limits it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more packet finds room.
    pub fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    /// Puts a packet at the end; false if it is lost. One whose sender has waited for room is not: what
    /// was put back meanwhile may have taken it.
    pub fn push(&self, packet: Packet, has_waited: bool) -> bool {
        let mut waiting = self.lock();
        let room = has_waited || waiting.has_room();
        if room {
            waiting.bytes += packet.frame.len();
            waiting.packets.push_back(packet);
        }
        room
    }

    /// Takes the first packet.
    pub fn pop(&self) -> Option<Packet> {
        let mut waiting = self.lock();
        let packet = waiting.packets.pop_front()?;
        waiting.bytes = waiting.bytes.saturating_sub(packet.frame.len());
        Some(packet)
    }

    /// Puts packets back in front of the others, in their order, whether there is room or not.
    pub fn put_back(&self, packets: Vec<Packet>) {
        let mut waiting = self.lock();
        for packet in packets.into_iter().rev() {
            waiting.bytes += packet.frame.len();
            waiting.packets.push_front(packet);
        }
    }

    /// Takes all packets.
    pub fn drain(&self) -> VecDeque<Packet> {
        std::mem::take(&mut *self.lock()).packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(len: usize) -> Packet {
        Packet::complete(vec![0; len]).unwrap()
    }

    #[test]
    fn many_small_packets_or_a_few_large_ones_fill_it() {
        let inbox = Inbox::default();
        let accepted = (0..2000).filter(|_| inbox.push(packet(60), false)).count();
        assert_eq!(accepted, MAX_PACKETS);
        assert!(inbox.push(packet(60), true));
        assert_eq!(inbox.drain().len(), MAX_PACKETS + 1);
        let accepted = (0..2000)
            .filter(|_| inbox.push(packet(65536), false))
            .count();
        assert_eq!(accepted, 64);
        inbox.pop().unwrap();
        assert!(inbox.push(packet(60), false));
    }

    #[test]
    fn what_is_put_back_comes_first_and_in_order() {
        let inbox = Inbox::default();
        assert!(inbox.push(packet(60), false));
        inbox.put_back(vec![packet(20), packet(30)]);
        let order: Vec<usize> = inbox
            .drain()
            .iter()
            .map(|packet| packet.frame.len())
            .collect();
        assert_eq!(order, [20, 30, 60]);
    }
}
