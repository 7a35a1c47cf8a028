// SPDX-License-Identifier: GPL-2.0

//! Each message of the protocol, as it should be and as it should not.

mod common;

use std::{
    io::Write,
    os::fd::AsFd,
    sync::{
        atomic::{
            AtomicU32,
            Ordering, //
        },
        Arc,
        Mutex, //
    },
};

use common::{
    event,
    taken,
    testing::scratch_file,
    wide,
    words,
    Served, //
};
use emulator::{
    interrupts::Interrupts,
    memory::{
        Memory,
        PAGE, //
    },
    vfio_user::{
        wire::command,
        Device, //
    },
};

const EINVAL: u32 = 22;

/// A device of 64 bytes of memory as region 0, with two vectors.
struct Scratch {
    bytes: Mutex<[u8; 64]>,
    memory: Memory,
    interrupts: Interrupts,
    resets: AtomicU32,
}

impl Device for Scratch {
    fn region_size(&self, region: u32) -> u64 {
        if region == 0 {
            64
        } else {
            0
        }
    }

    fn read(&self, _region: u32, offset: u64, data: &mut [u8]) {
        let offset = offset as usize;
        data.copy_from_slice(&self.bytes.lock().unwrap()[offset..offset + data.len()]);
    }

    fn write(&self, _region: u32, offset: u64, data: &[u8]) {
        let offset = offset as usize;
        self.bytes.lock().unwrap()[offset..offset + data.len()].copy_from_slice(data);
    }

    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::Relaxed);
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn interrupts(&self) -> &Interrupts {
        &self.interrupts
    }
}

fn serve() -> (Arc<Scratch>, Served) {
    let device = Arc::new(Scratch {
        bytes: Mutex::new([0; 64]),
        memory: Memory::default(),
        interrupts: Interrupts::new(2),
        resets: AtomicU32::new(0),
    });
    (device.clone(), Served::new(device))
}

#[test]
fn version_comes_first_once_and_is_zero() {
    let (_, served) = serve();
    let mut client = served.stranger();
    assert_eq!(
        client.ask(command::GET_INFO, &words(&[16, 0, 0, 0]), &[]),
        Err(EINVAL)
    );
    assert_eq!(
        client.ask(command::VERSION, b"\x01\0\0\0{}\0", &[]),
        Err(95)
    );
    assert_eq!(client.ask(command::VERSION, b"\0\0", &[]), Err(EINVAL));
    assert_eq!(
        client.ask(command::VERSION, b"\0\0\0\0{}", &[]),
        Err(EINVAL)
    );
    assert_eq!(
        client.ask(command::VERSION, b"\0\0\0\0\xff\xff\0", &[]),
        Err(EINVAL)
    );
    let reply = client
        .ask(command::VERSION, b"\0\0\x01\0{}\0", &[])
        .unwrap();
    assert_eq!(reply[..4], [0; 4]);
    assert_eq!(
        reply[4..],
        *b"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576}}\0"
    );
    assert_eq!(
        client.ask(command::VERSION, b"\0\0\0\0{}\0", &[]),
        Err(EINVAL)
    );
    assert_eq!(served.complaints.lock().unwrap().len(), 6);
}

#[test]
fn dma_map_makes_memory_reachable() {
    let (device, served) = serve();
    let mut client = served.client();
    let mut ram = scratch_file(2 * PAGE);
    ram.write_all(&[7; 100]).unwrap();
    client.map(0x1000, 2 * PAGE, &ram).unwrap();
    let mut byte = [0];
    assert!(device.memory.view().read(0x1063, &mut byte));
    assert_eq!(byte, [7]);
    assert_eq!(client.map(0x2000, PAGE, &ram), Err(17));
    assert_eq!(client.map(0x8000, 3 * PAGE, &ram), Err(12));
    assert_eq!(client.map(0x8001, PAGE, &ram), Err(EINVAL));
    let fds = [ram.as_fd(), ram.as_fd()];
    assert_eq!(
        client.ask(command::DMA_MAP, &wide(&[32, 3], &[0, 0x8000, PAGE]), &fds),
        Err(EINVAL)
    );
    for (argsz, flags) in [(31, 3), (32, 0), (32, 8), (32, 2)] {
        let body = wide(&[argsz, flags], &[0, 0x8000, PAGE]);
        assert_eq!(
            client.ask(command::DMA_MAP, &body, &fds[..1]),
            Err(EINVAL),
            "{argsz} {flags}"
        );
    }
    assert_eq!(
        client.ask(command::DMA_MAP, &words(&[32, 3]), &[]),
        Err(EINVAL)
    );
    // A region without memory is in order.
    client
        .ask(command::DMA_MAP, &wide(&[32, 1], &[0, 0x8000, PAGE]), &[])
        .unwrap();
}

#[test]
fn dma_unmap_takes_the_exact_region_or_all() {
    let (device, served) = serve();
    let mut client = served.client();
    let ram = scratch_file(PAGE);
    client.map(0x1000, PAGE, &ram).unwrap();
    assert_eq!(
        client.ask(
            command::DMA_UNMAP,
            &wide(&[24, 0], &[0x1000, 2 * PAGE]),
            &[]
        ),
        Err(2)
    );
    assert_eq!(
        client.ask(command::DMA_UNMAP, &wide(&[24, 1], &[0x1000, PAGE]), &[]),
        Err(95)
    );
    assert_eq!(
        client.ask(command::DMA_UNMAP, &wide(&[8, 0], &[0x1000, PAGE]), &[]),
        Err(EINVAL)
    );
    let body = wide(&[24, 0], &[0x1000, PAGE]);
    assert_eq!(client.ask(command::DMA_UNMAP, &body, &[]).unwrap(), body);
    assert!(!device.memory.view().read(0x1000, &mut [0]));
    client.map(0x1000, PAGE, &ram).unwrap();
    client
        .ask(command::DMA_UNMAP, &wide(&[24, 2], &[0, 0]), &[])
        .unwrap();
    assert!(!device.memory.view().read(0x1000, &mut [0]));
}

#[test]
fn get_info_tells_of_a_pci_function_with_reset() {
    let (_, served) = serve();
    let mut client = served.client();
    assert_eq!(
        client
            .ask(command::GET_INFO, &words(&[16, 0, 0, 0]), &[])
            .unwrap(),
        words(&[16, 3, 9, 5])
    );
    assert_eq!(
        client.ask(command::GET_INFO, &words(&[15, 0, 0, 0]), &[]),
        Err(EINVAL)
    );
    assert_eq!(client.ask(command::GET_INFO, &[], &[]), Err(EINVAL));
}

#[test]
fn get_region_info_tells_sizes() {
    let (_, served) = serve();
    let mut client = served.client();
    let mut ask = |index| {
        client.ask(
            command::GET_REGION_INFO,
            &words(&[32, 0, index, 0, 0, 0, 0, 0]),
            &[],
        )
    };
    assert_eq!(ask(0).unwrap(), words(&[32, 3, 0, 0, 64, 0, 0, 0]));
    assert_eq!(ask(8).unwrap(), words(&[32, 0, 8, 0, 0, 0, 0, 0]));
    assert_eq!(ask(9), Err(EINVAL));
    assert_eq!(ask(u32::MAX), Err(EINVAL));
}

#[test]
fn get_irq_info_tells_of_intx_and_msix() {
    let (_, served) = serve();
    let mut client = served.client();
    let mut ask = |index| client.ask(command::GET_IRQ_INFO, &words(&[16, 0, index, 0]), &[]);
    assert_eq!(ask(0).unwrap(), words(&[16, 7, 0, 1]));
    assert_eq!(ask(1).unwrap(), words(&[16, 0, 1, 0]));
    assert_eq!(ask(2).unwrap(), words(&[16, 1, 2, 2]));
    assert_eq!(ask(5), Err(EINVAL));
}

#[test]
fn set_irqs_connects_vectors_and_disconnects_them() {
    let (device, served) = serve();
    let mut client = served.client();
    let (one, two) = (event(), event());
    client
        .set_irqs(0x24, 2, 0, 2, &[one.as_fd(), two.as_fd()])
        .unwrap();
    device.interrupts.raise(1);
    assert_eq!((taken(&one), taken(&two)), (0, 1));
    client.set_irqs(0x24, 2, 1, 1, &[]).unwrap();
    device.interrupts.raise(1);
    assert_eq!(taken(&two), 0);
    client.set_irqs(0x21, 2, 0, 0, &[]).unwrap();
    device.interrupts.raise(0);
    assert_eq!(taken(&one), 0);
    client.set_irqs(0x24, 2, 0, 1, &[one.as_fd()]).unwrap();
    assert_eq!(taken(&one), 1);
    client.set_irqs(0x21, 2, 0, 1, &[]).unwrap();
    assert_eq!(taken(&one), 1);
}

#[test]
fn set_irqs_masks_the_line() {
    let (device, served) = serve();
    let mut client = served.client();
    let line = event();
    client.set_irqs(0x24, 0, 0, 1, &[line.as_fd()]).unwrap();
    device.interrupts.set_line(true);
    assert_eq!(taken(&line), 1);
    client.set_irqs(0x11, 0, 0, 1, &[]).unwrap();
    assert_eq!(taken(&line), 1);
    device.interrupts.set_line(false);
    client.set_irqs(0x11, 0, 0, 1, &[]).unwrap();
    client.set_irqs(0x09, 0, 0, 1, &[]).unwrap();
    device.interrupts.set_line(true);
    assert_eq!(taken(&line), 0);
    let mut body = words(&[20, 0x12, 0, 0, 1]);
    body.push(0);
    client.ask(command::SET_IRQS, &body, &[]).unwrap();
    assert_eq!(taken(&line), 0);
    body[20] = 1;
    client.ask(command::SET_IRQS, &body, &[]).unwrap();
    assert_eq!(taken(&line), 1);
}

#[test]
fn set_irqs_refuses_what_makes_no_sense() {
    let (_, served) = serve();
    let mut client = served.client();
    let line = event();
    let file = scratch_file(1);
    assert_eq!(client.set_irqs(0x24, 2, 1, 2, &[line.as_fd()]), Err(EINVAL));
    assert_eq!(client.set_irqs(0x24, 2, u32::MAX, 2, &[]), Err(EINVAL));
    assert_eq!(client.set_irqs(0x24, 9, 0, 0, &[]), Err(EINVAL));
    assert_eq!(
        client.set_irqs(0x24, 2, 0, 1, &[line.as_fd(), line.as_fd()]),
        Err(EINVAL)
    );
    assert_eq!(client.set_irqs(0x24, 2, 0, 1, &[file.as_fd()]), Err(EINVAL));
    assert_eq!(client.set_irqs(0x22, 2, 0, 2, &[]), Err(EINVAL));
    for flags in [0, 0x20, 0x14, 0x26, 0x3f, 0x41, u32::MAX] {
        assert!(client.set_irqs(flags, 0, 0, 1, &[]).is_err(), "{flags:#x}");
    }
    assert_eq!(
        client.ask(command::SET_IRQS, &words(&[20, 0x21]), &[]),
        Err(EINVAL)
    );
}

#[test]
fn region_access_stays_within_the_region() {
    let (_, served) = serve();
    let mut client = served.client();
    client.write(0, 60, &[1, 2, 3, 4]).unwrap();
    assert_eq!(client.read(0, 61, 3).unwrap(), [2, 3, 4]);
    for (region, offset, count) in [
        (0, 61, 4),
        (0, 64, 1),
        (0, u64::MAX, 2),
        (1, 0, 1),
        (77, 0, 1),
        (0, 0, 0),
        (0, 0, u32::MAX),
    ] {
        assert_eq!(
            client.read(region, offset, count),
            Err(EINVAL),
            "{region} {offset} {count}"
        );
    }
    assert_eq!(client.write(0, 62, &[0; 4]), Err(EINVAL));
    let mut body = wide(&[], &[0]);
    body.extend(words(&[0, 8]));
    body.extend([1; 4]);
    assert_eq!(client.ask(command::REGION_WRITE, &body, &[]), Err(EINVAL));
    assert_eq!(
        client.ask(command::REGION_READ, &body[..12], &[]),
        Err(EINVAL)
    );
}

#[test]
fn a_request_without_reply_gets_none() {
    let (_, served) = serve();
    let mut client = served.client();
    let mut body = wide(&[], &[3]);
    body.extend(words(&[0, 1]));
    body.push(9);
    client.tell(command::REGION_WRITE, 0x10, &body, &[]);
    client.tell(command::REGION_WRITE, 0x10, &[], &[]);
    assert_eq!(client.read(0, 3, 1).unwrap(), [9]);
}

#[test]
fn reset_reaches_the_device() {
    let (device, served) = serve();
    let mut client = served.client();
    assert_eq!(client.ask(command::RESET, &[], &[]).unwrap(), []);
    assert_eq!(device.resets.load(Ordering::Relaxed), 1);
    assert_eq!(client.ask(command::RESET, &[1], &[]), Err(EINVAL));
}

#[test]
fn unknown_commands_and_replies_are_refused() {
    let (_, served) = serve();
    let mut client = served.client();
    for number in [0, 6, 11, 12, 14, 15, 0xffff] {
        assert_eq!(client.ask(number, &[], &[]), Err(95), "{number}");
    }
    client.tell(command::GET_INFO, 1, &words(&[16, 0, 0, 0]), &[]);
    assert_eq!(client.reply().0.errno, EINVAL);
}

#[test]
fn a_size_that_cannot_be_ends_the_connection_and_the_next_client_is_served() {
    let (_, served) = serve();
    for size in [0_u32, 15, (1 << 20) + 4097, u32::MAX] {
        let mut client = served.client();
        client
            .socket
            .write_all(&words(&[13 << 16, size, 0, 0]))
            .unwrap();
        assert!(client.is_closed());
    }
    served.client().read(0, 0, 1).unwrap();
    assert_eq!(served.complaints.lock().unwrap().len(), 4);
}

#[test]
fn a_client_that_leaves_leaves_nothing_behind() {
    let (device, served) = serve();
    let ram = scratch_file(PAGE);
    for cut in [0, 8, 20] {
        let mut client = served.client();
        client.map(0, PAGE, &ram).unwrap();
        client
            .socket
            .write_all(&words(&[13 << 16, 32, 0, 0, 0])[..cut])
            .unwrap();
        drop(client);
    }
    let mut client = served.client();
    assert!(!device.memory.view().read(0, &mut [0]));
    assert_eq!(device.resets.load(Ordering::Relaxed), 3);
    client.read(0, 0, 1).unwrap();
    assert_eq!(served.complaints.lock().unwrap().len(), 2);
}

#[test]
fn messages_in_pieces_and_in_one_piece_are_the_same() {
    let (_, served) = serve();
    let mut client = served.client();
    let mut wire = Vec::new();
    for at in 0..10_u32 {
        wire.extend(words(&[(10 << 16) | at, 36, 0, 0, at, 0, 0, 4]));
        wire.extend([at as u8; 4]);
    }
    for byte in &wire[..100] {
        client.socket.write_all(&[*byte]).unwrap();
    }
    client.socket.write_all(&wire[100..]).unwrap();
    for at in 0..10 {
        let (header, _) = client.reply();
        assert_eq!((header.id, header.flags), (at, 1));
    }
    assert_eq!(client.read(0, 9, 4).unwrap(), [9; 4]);
}

#[test]
fn a_second_server_does_not_take_the_socket() {
    let (_, served) = serve();
    assert!(emulator::vfio_user::server::Server::bind(served.path()).is_err());
    served.client().read(0, 0, 1).unwrap();
}
