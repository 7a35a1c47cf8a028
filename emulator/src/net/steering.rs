// SPDX-License-Identifier: GPL-2.0

//! Which receive queue a packet goes to: that of the pair on which its flow was last sent
//! (VIRTIO 1.3, section 5.1.6.5.6), as Linux's tun device does it.

use std::sync::atomic::{
    AtomicU16,
    Ordering, //
};

use super::layout::{
    word,
    Layout,
    TCP,
    UDP, //
};

/// Flows that are told apart.
const FLOWS: usize = 1024;

/// A place of the table that no flow has used; also more pairs than there can be.
const UNKNOWN: u16 = u16::MAX;

/// Where each flow was last sent.
pub(super) struct Steering(Box<[AtomicU16]>);

impl Default for Steering {
    fn default() -> Self {
        Self((0..FLOWS).map(|_| AtomicU16::new(UNKNOWN)).collect())
    }
}

impl Steering {
    /// The driver has sent a packet on a pair of queues.
    pub fn learn(&self, frame: &[u8], pair: u16) {
        self.place(flow(frame)).store(pair, Ordering::Relaxed);
    }

    /// The pair for a packet that arrives, of `pairs` that are in use.
    pub fn choose(&self, frame: &[u8], pairs: u16) -> u16 {
        if pairs <= 1 {
            return 0;
        }
        let flow = flow(frame);
        match self.place(flow).load(Ordering::Relaxed) {
            pair if pair < pairs => pair,
            // CAST: Less than `pairs`.
            _ => (flow % u32::from(pairs)) as u16,
        }
    }

    /// Forgets all flows.
    pub fn clear(&self) {
        for place in &self.0 {
            place.store(UNKNOWN, Ordering::Relaxed);
        }
    }

    fn place(&self, flow: u32) -> &AtomicU16 {
        // CAST: Widening.
        &self.0[flow as usize % FLOWS]
    }
}

/// A number that is the same for both directions of a flow; 0 for whatever is not IP.
fn flow(frame: &[u8]) -> u32 {
    let Some(layout) = Layout::of(frame) else {
        return 0;
    };
    let addresses = layout.addresses(frame);
    let (from, to) = addresses.split_at(addresses.len() / 2);
    // Only the first fragment has ports: none of them is asked for its.
    let has_ports = [TCP, UDP].contains(&layout.protocol) && !layout.is_fragment;
    let port = |at| {
        if has_ports {
            word(frame, layout.transport + at).unwrap_or(0)
        } else {
            0
        }
    };
    let ends = [(from, port(0)), (to, port(2))].map(|(address, port)| hash(address, port));
    // Neither order nor direction matters to a sum.
    let mixed = ends[0]
        .wrapping_add(ends[1])
        .wrapping_add(layout.protocol.into());
    (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d) >> 8
}

/// FNV-1a.
fn hash(address: &[u8], port: u16) -> u32 {
    address
        .iter()
        .copied()
        .chain(port.to_be_bytes())
        .fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(from: (u8, u16), to: (u8, u16)) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, UDP, 0, 0]);
        frame.extend([10, 0, 0, from.0, 10, 0, 0, to.0]);
        frame.extend(from.1.to_be_bytes());
        frame.extend(to.1.to_be_bytes());
        frame.extend([0, 8, 0, 0]);
        frame
    }

    #[test]
    fn both_directions_are_one_flow_and_ports_tell_flows_apart() {
        let one = udp((1, 1000), (2, 53));
        assert_eq!(flow(&one), flow(&udp((2, 53), (1, 1000))));
        assert_ne!(flow(&one), flow(&udp((1, 1001), (2, 53))));
        assert_ne!(flow(&one), flow(&udp((1, 53), (2, 1000))));
        let fragment = |port| {
            let mut frame = udp((1, port), (2, 53));
            frame[20] = 0x20;
            flow(&frame)
        };
        assert_eq!(fragment(1), fragment(2));
        assert_eq!(flow(&[0xff; 60]), 0);
    }

    #[test]
    fn unknown_flows_are_spread_and_known_ones_stay_with_their_queue() {
        let steering = Steering::default();
        let mut counts = [0; 4];
        for port in 0..1000 {
            let pair = steering.choose(&udp((1, port), (2, 53)), 4);
            counts[usize::from(pair)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
        let answer = udp((2, 53), (1, 7));
        for pair in 0..4 {
            steering.learn(&udp((1, 7), (2, 53)), pair);
            assert_eq!(steering.choose(&answer, 4), pair);
        }
        // The flow's queue is not in use any more.
        assert!(steering.choose(&answer, 2) < 2);
        assert_eq!(steering.choose(&answer, 1), 0);
        steering.learn(&udp((1, 7), (2, 53)), 0);
        steering.clear();
        let spread = flow(&answer) % 4;
        assert_eq!(u32::from(steering.choose(&answer, 4)), spread);
    }
}
