// SPDX-License-Identifier: GPL-2.0

//! The Internet checksum, for a driver that leaves it to the device.

/// Sums up bytes as words of 16 bits, the last one filled up with a zero.
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let mut pairs = bytes.chunks_exact(2);
    let sum: u64 = pairs
        .by_ref()
        .map(|pair| (u64::from(pair[0]) << 8) | u64::from(pair[1]))
        .sum();
    sum + pairs
        .remainder()
        .first()
        .map_or(0, |byte| u64::from(*byte) << 8)
}

/// The checksum of what was summed up.
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // CAST: Just folded to 16 bits.
    !(sum as u16)
}

/// As [`fold`], for a protocol in which 0 says that there is no checksum.
pub(super) fn fold_not_zero(sum: u64) -> u16 {
    match fold(sum) {
        0 => 0xffff,
        checksum => checksum,
    }
}

/// Sums up the bytes from `start` on and puts the result `offset` bytes behind.
///
/// The field holds the sum of the pseudo header already. None if it is not in the frame.
pub(super) fn complete(frame: &mut [u8], start: usize, offset: usize) -> Option<()> {
    let summed = frame.get(start..)?;
    let end = offset.checked_add(2)?;
    if end > summed.len() {
        return None;
    }
    let checksum = fold_not_zero(sum(summed));
    frame[start + offset..start + end].copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_is_right() {
        let mut frame = [0xee, 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0, 0];
        complete(&mut frame, 1, 8).unwrap();
        assert_eq!(frame[9..], [0x22, 0x0d]);
        assert_eq!(frame[0], 0xee);
    }

    #[test]
    fn an_odd_end_counts_and_zero_is_never_written() {
        let mut frame = [0, 0, 0x12];
        complete(&mut frame, 0, 0).unwrap();
        assert_eq!(frame[..2], [0xed, 0xff]);
        let mut frame = [0, 0, 0xff, 0xff];
        complete(&mut frame, 0, 0).unwrap();
        assert_eq!(frame[..2], [0xff, 0xff]);
    }

    #[test]
    fn a_field_outside_the_frame_is_refused() {
        for (start, offset) in [
            (21, 0),
            (20, 0),
            (19, 0),
            (0, 19),
            (0, usize::MAX),
            (usize::MAX, 0),
        ] {
            assert_eq!(
                complete(&mut [0; 20], start, offset),
                None,
                "{start} {offset}"
            );
        }
        assert!(complete(&mut [0; 20], 18, 0).is_some());
    }
}
