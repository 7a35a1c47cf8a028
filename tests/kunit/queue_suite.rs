// SPDX-License-Identifier: GPL-2.0

//! The queue over the kernel's memory, barriers and reference counts.

#[kernel::prelude::kunit_tests(rvirtio_virtqueue)]
mod tests {
    use kernel::{
        prelude::*,
        sync::Arc, //
    };

    use crate::{
        device::{
            load,
            store,
            Descriptor,
            Device,
            INDIRECT,
            NEXT,
            WRITE, //
        },
        fake::Fake,
        virtio::{
            shared::Slot,
            transport::DeviceMemory,
            virtqueue::{
                Buffers,
                Chain,
                ChainError,
                Descriptors,
                Parameters,
                Violation,
                Virtqueue, //
            },
        },
    };

    /// A word for the device to read and one for it to write.
    struct Request {
        question: Slot<u32>,
        answer: Slot<u32>,
    }

    impl Request {
        fn new(question: u32) -> Result<Self> {
            let mut slots = Slot::table(2)?;
            let (Some(mut first), Some(second)) = (slots.pop(), slots.pop()) else {
                return Err(ENOMEM);
            };
            first.write(question);
            Ok(Self {
                question: first,
                answer: second,
            })
        }
    }

    impl Buffers for Request {
        fn describe<'a, D: Descriptors>(
            &'a self,
            chain: &mut Chain<'a, D>,
        ) -> Result<(), ChainError> {
            chain.readable(&self.question)?;
            chain.writable(&self.answer)
        }
    }

    /// A queue and the device that was told of it, as far as its memory is concerned.
    fn pair(size: u16, event_idx: bool, indirect: u16) -> Result<(Virtqueue<Request>, Device)> {
        let parameters = Parameters {
            index: 0,
            size,
            event_idx,
            indirect,
        };
        let memory = Arc::new(DeviceMemory::new(), GFP_KERNEL)?;
        let queue = Virtqueue::new(&parameters, memory).map_err(|_| ENOMEM)?;
        let device = Device::new(queue.pfn().map_err(|_| E2BIG)?, size);
        Ok((queue, device))
    }

    fn add(queue: &mut Virtqueue<Request>, request: Request) -> Result {
        queue.add(request).map_err(|_| ENOSPC)
    }

    /// Answers the chain at `head`, of which `parts` are the descriptors: the question plus one.
    fn reply(device: &mut Device, head: u16, parts: [Descriptor; 2]) {
        store(parts[1].addr, load::<u32>(parts[0].addr).wrapping_add(1));
        device.give(head.into(), 4);
    }

    /// The two descriptors of the chain at `head`, in the ring or in a table.
    fn parts(device: &Device, head: u16) -> [Descriptor; 2] {
        let first = device.descriptor(head);
        if first.flags & INDIRECT == 0 {
            [first, device.descriptor(first.next)]
        } else {
            [load(first.addr), load(first.addr + 16)]
        }
    }

    #[test]
    fn a_new_ring_is_zeroed() -> Result {
        for size in [1, 2, 256, 1024] {
            let (_queue, device) = pair(size, true, 0)?;
            assert!((0..device.bytes()).all(|at| device.byte(at) == 0));
        }
        Ok(())
    }

    #[test]
    fn a_size_that_is_no_power_of_two_is_refused() {
        for size in [0, 3, 255, 0x8001, 0xffff] {
            assert!(pair(size, false, 0).is_err());
        }
    }

    #[test]
    fn a_chain_in_the_ring_names_its_buffers_in_order() -> Result {
        let (mut queue, mut device) = pair(8, false, 0)?;
        add(&mut queue, Request::new(41)?)?;
        assert_eq!(device.avail_idx(), 0);
        assert!(queue.kick_prepare());
        assert_eq!(device.avail_idx(), 1);
        assert_eq!(queue.free(), 6);

        let head = device.take().ok_or(ENOENT)?;
        let [question, answer] = parts(&device, head);
        assert_eq!((question.len, question.flags), (4, NEXT));
        assert_eq!((answer.len, answer.flags), (4, WRITE));
        assert_eq!(load::<u32>(question.addr), 41);

        reply(&mut device, head, [question, answer]);
        let used = queue.pop().ok_or(ENOENT)?;
        assert_eq!(used.checked_len(), Some(4));
        assert_eq!(used.token.answer.read(), 42);
        assert_eq!(queue.free(), 8);
        Ok(())
    }

    #[test]
    fn a_chain_in_a_table_takes_one_descriptor() -> Result {
        let (mut queue, mut device) = pair(8, false, 2)?;
        for question in 0..8 {
            add(&mut queue, Request::new(question)?)?;
        }
        assert_eq!(queue.free(), 0);
        assert!(queue.add(Request::new(8)?).is_err());
        assert!(queue.kick_prepare());
        for question in 0..8_u32 {
            let head = device.take().ok_or(ENOENT)?;
            let table = device.descriptor(head);
            assert_eq!((table.len, table.flags), (32, INDIRECT));
            let [first, second] = parts(&device, head);
            assert_eq!((first.flags, first.next), (NEXT, 1));
            assert_eq!(second.flags, WRITE);
            assert_eq!(load::<u32>(first.addr), question);
            reply(&mut device, head, [first, second]);
        }
        for question in 0..8_u32 {
            let used = queue.pop().ok_or(ENOENT)?;
            assert_eq!(used.token.answer.read(), question + 1);
        }
        assert!(queue.pop().is_none());
        Ok(())
    }

    /// Three times round the 16-bit indices, with both sides woken only when they asked for it.
    fn round_and_round(event_idx: bool, indirect: u16) -> Result {
        let (mut queue, mut device) = pair(16, event_idx, indirect)?;
        let mut spare = Some(Request::new(0)?);
        for question in 0..3 * 65_536_u32 {
            let mut request = spare.take().ok_or(ENOENT)?;
            request.question.write(question);
            add(&mut queue, request)?;
            // The device has seen everything and asks to be told of the next chain.
            device.set_avail_event(device.avail_idx());
            if !queue.kick_prepare() {
                return Err(ETIMEDOUT);
            }
            let head = device.take().ok_or(ENOENT)?;
            let chain = parts(&device, head);
            let wanted = device.used_event();
            reply(&mut device, head, chain);
            // CAST: Indices count modulo 65536.
            if event_idx && wanted != question as u16 {
                return Err(ERANGE);
            }
            let used = queue.pop().ok_or(EIO)?;
            if used.token.answer.read() != question.wrapping_add(1) {
                return Err(EILSEQ);
            }
            spare = Some(used.token);
        }
        Ok(())
    }

    #[test]
    fn the_indices_wrap_with_flags() -> Result {
        round_and_round(false, 0)
    }

    #[test]
    fn the_indices_wrap_with_events() -> Result {
        round_and_round(true, 0)
    }

    #[test]
    fn the_indices_wrap_with_events_and_tables() -> Result {
        round_and_round(true, 4)
    }

    #[test]
    fn a_device_that_wants_no_notifications_gets_none() -> Result {
        let (mut queue, mut device) = pair(8, false, 2)?;
        device.set_used_flags(1);
        add(&mut queue, Request::new(0)?)?;
        assert!(!queue.kick_prepare());
        device.set_used_flags(0);
        add(&mut queue, Request::new(1)?)?;
        assert!(queue.kick_prepare());
        assert!(device.take().is_some());
        Ok(())
    }

    #[test]
    fn a_driver_that_wants_no_interrupts_says_so() -> Result {
        let (mut queue, device) = pair(8, false, 0)?;
        assert_eq!(device.avail_flags(), 0);
        queue.disable_cb();
        assert_eq!(device.avail_flags(), 1);
        assert!(queue.enable_cb());
        assert_eq!(device.avail_flags(), 0);
        Ok(())
    }

    #[test]
    fn a_device_that_lies_breaks_the_queue() -> Result {
        for id in [1, 8, 0x1_0000, u32::MAX] {
            let (mut queue, mut device) = pair(8, true, 0)?;
            add(&mut queue, Request::new(0)?)?;
            assert!(queue.kick_prepare());
            device.give(id, 4);
            assert!(queue.pop().is_none());
            let expected = match u16::try_from(id) {
                Ok(head) if head < 8 => Violation::NotOutstanding(head),
                _ => Violation::UsedId(id),
            };
            assert_eq!(queue.broken(), Some(expected));
            assert!(queue.add(Request::new(1)?).is_err());
        }
        Ok(())
    }

    #[test]
    fn a_queue_is_restarted_in_place() -> Result {
        for (event_idx, indirect) in [(false, 0), (true, 0), (true, 2)] {
            let parameters = Parameters {
                index: 0,
                size: 8,
                event_idx,
                indirect,
            };
            let memory = Arc::new(DeviceMemory::new(), GFP_KERNEL)?;
            let mut queue =
                Virtqueue::<Request>::new(&parameters, memory.clone()).map_err(|_| ENOMEM)?;
            let pfn = queue.pfn().map_err(|_| E2BIG)?;
            memory.hand_over();
            let mut device = Device::new(pfn, 8);
            add(&mut queue, Request::new(0)?)?;
            let _ = queue.kick_prepare();
            device.give(0x8000, 4);
            assert!(queue.pop().is_none());

            let proof = memory.take_over(&Fake::new(7, true)).ok_or(EIO)?;
            assert!(!queue.restart(&proof));
            assert!(queue.take_back(&proof).is_some());
            assert!(queue.restart(&proof));
            assert_eq!(queue.pfn().map_err(|_| E2BIG)?, pfn);
            let mut device = Device::new(pfn, 8);
            assert!((0..device.bytes()).all(|at| device.byte(at) == 0));

            memory.hand_over();
            add(&mut queue, Request::new(41)?)?;
            assert!(queue.kick_prepare());
            let head = device.take().ok_or(ENOENT)?;
            let chain = parts(&device, head);
            reply(&mut device, head, chain);
            assert_eq!(queue.pop().ok_or(ENOENT)?.token.answer.read(), 42);
            assert!(memory.take_over(&Fake::new(7, true)).is_some());
        }
        Ok(())
    }

    #[test]
    fn a_length_beyond_the_buffers_is_no_length() -> Result {
        let (mut queue, mut device) = pair(8, false, 0)?;
        add(&mut queue, Request::new(0)?)?;
        assert!(queue.kick_prepare());
        let head = device.take().ok_or(ENOENT)?;
        device.give(head.into(), 5);
        let used = queue.pop().ok_or(ENOENT)?;
        assert_eq!((used.claimed_len(), used.writable()), (5, 4));
        assert_eq!(used.checked_len(), None);
        Ok(())
    }
}
