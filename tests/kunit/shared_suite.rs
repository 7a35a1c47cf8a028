// SPDX-License-Identifier: GPL-2.0

//! Slots of device-shared memory, in the kernel's memory.

#[kernel::prelude::kunit_tests(rvirtio_shared)]
mod tests {
    use kernel::prelude::*;

    use crate::{
        device::{
            load,
            store, //
        },
        virtio::{
            platform::PhysRanges,
            shared::Slot, //
        },
    };

    /// The physical address and the length of a slot.
    fn place<R: PhysRanges>(slot: &R) -> (u64, u32) {
        let mut place = (0, 0);
        let result: Result<(), ()> = slot.for_each_range(|range| {
            place = (range.addr(), range.len());
            Ok(())
        });
        match result {
            Ok(()) => place,
            Err(()) => (0, 0),
        }
    }

    #[test]
    fn slots_are_zeroed_aligned_and_apart() -> Result {
        let slots = Slot::<u64>::table(1000)?;
        let mut places = KVec::new();
        for slot in &slots {
            assert_eq!(slot.read(), 0);
            let (addr, len) = place(slot);
            assert_eq!(addr % 8, 0);
            assert_eq!(len, 8);
            places.push(addr, GFP_KERNEL)?;
        }
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0] + 8 <= pair[1]));
        Ok(())
    }

    #[test]
    fn driver_and_device_see_the_same_memory() -> Result {
        let mut slots = Slot::<u32>::table(3)?;
        for (number, slot) in (1_u32..).zip(slots.iter_mut()) {
            slot.write(number);
            let (addr, _) = place(slot);
            assert_eq!(load::<u32>(addr), number);
            store(addr, number << 16);
        }
        for (number, slot) in (1_u32..).zip(slots.iter()) {
            assert_eq!(slot.read(), number << 16);
        }
        Ok(())
    }

    #[test]
    fn a_slot_may_be_larger_than_a_page() -> Result {
        let slots = Slot::<[u8; 5000]>::table(2)?;
        for slot in &slots {
            let (addr, len) = place(slot);
            assert_eq!(len, 5000);
            store(addr + 4999, 7_u8);
            assert_eq!(slot.read()[4999], 7);
        }
        Ok(())
    }
}
