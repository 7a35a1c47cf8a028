// SPDX-License-Identifier: GPL-2.0

//! Driver and device on threads of their own, woken only by each other (rows T74 to T77, T79 to
//! T81): a missing barrier shows as a lost wake-up or as a wrong chain.

mod common;

use std::{
    sync::mpsc::{
        channel,
        RecvTimeoutError, //
    },
    thread,
    time::Duration, //
};

use common::{
    pair,
    Request, //
};

const REQUESTS: u64 = 300_000;

/// Far beyond any pause of a busy machine.
const LOST: Duration = Duration::from_secs(20);

fn run(event_idx: bool, indirect: u16) {
    let pair = pair::<Request>(32, event_idx, indirect);
    let (mut queue, mut device) = (pair.queue, pair.device);
    let (notify, notified) = channel::<()>();
    let (interrupt, interrupted) = channel::<()>();

    let driver = thread::spawn(move || {
        let (mut sent, mut received) = (0, 0);
        let mut spare: Vec<Request> = Vec::new();
        while received < REQUESTS {
            while sent < REQUESTS {
                let mut request = spare.pop().unwrap_or_else(|| Request::new(0, 1, 1));
                request.tag = sent;
                if let Err(error) = queue.add(request) {
                    assert!(error.is_full());
                    spare.push(error.token);
                    break;
                }
                sent += 1;
            }
            if queue.kick_prepare() {
                notify.send(()).unwrap();
            }
            loop {
                queue.disable_cb();
                while let Some(used) = queue.pop() {
                    assert_eq!(used.checked_len(), Some(64));
                    received += 1;
                    spare.push(used.token);
                }
                assert_eq!(queue.broken(), None);
                if queue.enable_cb() {
                    break;
                }
            }
            // Wait only when nothing can be done: nothing to send, or no room for it.
            if received < REQUESTS && (sent == REQUESTS || queue.free() == 0) {
                match interrupted.recv_timeout(LOST) {
                    Ok(()) => while interrupted.try_recv().is_ok() {},
                    Err(RecvTimeoutError::Timeout) => {
                        panic!("a lost interrupt: {received} of {sent} came back")
                    }
                    Err(RecvTimeoutError::Disconnected) => panic!("the device gave up"),
                }
            }
        }
        // The device still looks at the ring until it learns that nobody notifies it any more.
        (received, queue)
    });

    let device = thread::spawn(move || loop {
        match notified.recv_timeout(LOST) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => panic!("a lost notification"),
        }
        loop {
            device.suppress_notifications();
            while let Some(chain) = device.take() {
                device.give(u32::from(chain.head), chain.writable_bytes());
                if device.wants_interrupt() && interrupt.send(()).is_err() {
                    return;
                }
            }
            if device.enable_notifications() {
                break;
            }
        }
    });

    let (received, queue) = driver.join().unwrap();
    assert_eq!(received, REQUESTS);
    device.join().unwrap();
    drop(queue);
}

#[test]
fn flags() {
    run(false, 0);
}

#[test]
fn event_index() {
    run(true, 0);
}

#[test]
fn event_index_and_indirect() {
    run(true, 4);
}
