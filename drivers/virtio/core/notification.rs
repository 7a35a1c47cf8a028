// SPDX-License-Identifier: GPL-2.0

//! Suppression of notifications, in both directions (VIRTIO 1.3, sections 2.7.7 and 2.7.10).

/// `avail.flags`: the device need not interrupt when it has used a buffer.
pub const AVAIL_F_NO_INTERRUPT: u16 = 1;

/// `used.flags`: the driver need not notify when it has made a buffer available.
pub const USED_F_NO_NOTIFY: u16 = 1;

/// Whether moving an index from `old` to `new` passes `event`.
///
/// True when the entry number `event` is among the entries `old..new`, with every index counted
/// modulo 65536. `event` is the index the other side has asked to be told about.
#[inline]
pub const fn need_event(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

#[cfg(any(test, virtio_kunit))]
#[cfg_attr(not(test), kernel::prelude::kunit_tests(rvirtio_notification))]
mod tests {
    use super::*;

    #[test]
    fn only_the_entries_between_old_and_new_count() {
        assert!(need_event(5, 6, 5));
        assert!(!need_event(6, 6, 5));
        assert!(!need_event(4, 6, 5));
        assert!(need_event(7, 10, 5));
        assert!(!need_event(3, 3, 3));
    }

    #[test]
    fn the_answer_does_not_change_at_the_wrap() {
        // Each event position against each batch size, at bases all around the wrap.
        let mut base = 0xfff0_u16;
        while base != 0x10 {
            let mut batch = 0_u16;
            while batch < 8 {
                let new = base.wrapping_add(batch);
                let mut offset = 0_u16;
                while offset < 16 {
                    let event = base.wrapping_add(offset).wrapping_sub(4);
                    let inside = offset >= 4 && offset - 4 < batch;
                    assert_eq!(need_event(event, new, base), inside);
                    offset += 1;
                }
                batch += 1;
            }
            base = base.wrapping_add(1);
        }
    }
}
