// SPDX-License-Identifier: GPL-2.0

//! Who has the memory of the queues, over a transport that is not there.

#[kernel::prelude::kunit_tests(rvirtio_transport)]
mod tests {
    use kernel::sync::atomic::{
        Atomic,
        Relaxed, //
    };

    use crate::virtio::{
        core::status::Status,
        transport::{
            DeviceMemory,
            Transport, //
        },
    };

    /// A register file with a status register and nothing else.
    struct Fake {
        status: Atomic<u32>,
        /// Whether a reset is obeyed.
        obeys: bool,
    }

    impl Fake {
        fn new(status: u32, obeys: bool) -> Self {
            Self {
                status: Atomic::new(status),
                obeys,
            }
        }
    }

    impl Transport for Fake {
        fn host_features(&self) -> u32 {
            0
        }

        fn set_guest_features(&self, _features: u32) {}

        fn status(&self) -> Status {
            // CAST: Only status bytes are stored.
            Status::from_bits(self.status.load(Relaxed) as u8)
        }

        fn set_status(&self, status: Status) {
            self.status.store(status.bits().into(), Relaxed);
        }

        fn reset(&self) -> bool {
            if self.obeys {
                self.set_status(Status::RESET);
            }
            self.obeys
        }

        fn read_config(&self, _offset: usize, buf: &mut [u8]) {
            buf.fill(0xff);
        }

        fn write_config(&self, _offset: usize, _buf: &[u8]) {}

        fn queue_size(&self, _queue: u16) -> u16 {
            0
        }

        fn queue_pfn(&self, _queue: u16) -> u32 {
            0
        }

        fn set_queue_pfn(&self, _queue: u16, _pfn: u32) {}

        fn notify(&self, _queue: u16) {}

        fn set_config_vector(&self, vector: u16) -> u16 {
            vector
        }

        fn set_queue_vector(&self, _queue: u16, vector: u16) -> u16 {
            vector
        }

        fn isr(&self) -> u8 {
            0
        }
    }

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
