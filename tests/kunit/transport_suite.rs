// SPDX-License-Identifier: GPL-2.0

//! Who has the memory of the queues, over a transport that is not there.

#[kernel::prelude::kunit_tests(rvirtio_transport)]
mod tests {
    use crate::{
        fake::Fake,
        virtio::{
            core::status::Status,
            transport::{
                DeviceMemory,
                Transport, //
            },
        },
    };

    #[test]
    fn memory_is_with_the_device_until_a_reset_takes_it_back() {
        let memory = DeviceMemory::new();
        assert!(!memory.is_with_device());
        memory.hand_over();
        assert!(memory.is_with_device());
        let fake = Fake::new(7, true);
        assert!(memory.take_over(&fake).is_some());
        assert!(!memory.is_with_device());
        assert_eq!(fake.status(), Status::RESET);
    }

    #[test]
    fn a_reset_that_is_not_obeyed_takes_nothing_back() {
        let memory = DeviceMemory::new();
        memory.hand_over();
        assert!(memory.take_over(&Fake::new(7, false)).is_none());
        assert!(memory.is_with_device());
        // It may be tried again.
        assert!(memory.take_over(&Fake::new(7, true)).is_some());
        assert!(!memory.is_with_device());
    }

    #[test]
    fn a_device_that_is_gone_has_no_memory() {
        let memory = DeviceMemory::new();
        memory.hand_over();
        assert!(memory.take_over(&Fake::new(0xff, false)).is_some());
        assert!(!memory.is_with_device());
    }
}
