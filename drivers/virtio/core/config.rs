// SPDX-License-Identifier: GPL-2.0

//! Reading a device's configuration, which may change meanwhile (VIRTIO 1.3, section 2.5.1).

/// How often a field is read again while it keeps changing.
const RETRIES: usize = 16;

/// Reads a field until two readings agree, at most 17 times.
///
/// The legacy interface has no way to tell that a field changed between the reads of its bytes:
/// the reading then has bytes of both values. Two readings that agree are a value the device had.
/// A field that never settles gives its last reading, and one of a single byte needs no second.
pub fn read_stable<const N: usize>(mut read: impl FnMut() -> [u8; N]) -> [u8; N] {
    let mut last = read();
    if N < 2 {
        return last;
    }
    for _ in 0..RETRIES {
        let again = read();
        if again == last {
            break;
        }
        last = again;
    }
    last
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_config))]
mod tests {
    use super::*;

    /// Capacities that differ in every byte, so that no mixture of two is another one.
    const CAPACITIES: [u64; 4] = [
        0x0102_0304_0506_0708,
        0x1112_1314_1516_1718,
        0x2122_2324_2526_2728,
        0x3132_3334_3536_3738,
    ];

    /// Reads a capacity byte by byte from a device that has the next one after each byte that
    /// `changes_after` says yes to, and the last one from then on.
    fn read_capacity(mut changes_after: impl FnMut(usize) -> bool) -> (u64, usize) {
        let (mut value, mut bytes_read) = (0, 0);
        let field = read_stable(|| {
            let mut field = [0; 8];
            for (at, byte) in field.iter_mut().enumerate() {
                *byte = CAPACITIES[value].to_ne_bytes()[at];
                if changes_after(bytes_read) && value + 1 < CAPACITIES.len() {
                    value += 1;
                }
                bytes_read += 1;
            }
            field
        });
        (u64::from_ne_bytes(field), bytes_read / 8)
    }

    #[test]
    fn a_capacity_that_changes_between_bytes_is_never_mixed() {
        for first in 0..32 {
            let (capacity, _) = read_capacity(|at| at == first);
            assert!(CAPACITIES[..2].contains(&capacity));
            for second in first + 1..40 {
                let (capacity, _) = read_capacity(|at| at == first || at == second);
                assert!(CAPACITIES[..3].contains(&capacity));
            }
        }
        let (capacity, readings) = read_capacity(|_| true);
        assert_eq!((capacity, readings), (CAPACITIES[3], 3));
    }

    #[test]
    fn a_capacity_that_stays_is_read_twice() {
        assert_eq!(read_capacity(|_| false), (CAPACITIES[0], 2));
    }

    #[test]
    fn a_field_that_never_settles_is_read_a_bounded_number_of_times() {
        let mut readings = 0_u16;
        let field = read_stable(|| {
            readings += 1;
            readings.to_ne_bytes()
        });
        assert_eq!(readings, 17);
        assert_eq!(u16::from_ne_bytes(field), 17);
    }

    #[test]
    fn a_byte_is_read_once() {
        let mut readings = 0_u8;
        let field = read_stable(|| {
            readings += 1;
            [readings]
        });
        assert_eq!(field, [1]);
    }
}
