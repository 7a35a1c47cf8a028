// SPDX-License-Identifier: GPL-2.0

//! SET_IRQS: eventfds come and go, the INTx line is masked, interrupts are tried out.

use std::os::fd::OwnedFd;

use super::wire::{
    irq,
    Body,
    Refusal, //
};
use crate::interrupts::{
    Interrupts,
    Trigger, //
};

/// What the request carries: nothing, a byte for each interrupt, or an eventfd for each.
const DATA_NONE: u32 = 1;
const DATA_BOOL: u32 = 2;
const DATA_EVENTFD: u32 = 4;
/// What it is about.
const MASK: u32 = 8;
const UNMASK: u32 = 0x10;
const TRIGGER: u32 = 0x20;

/// How many interrupts of a kind there are.
pub(super) fn count(interrupts: &Interrupts, index: u32) -> u32 {
    match index {
        irq::INTX => 1,
        // CAST: A function has at most 2048 vectors.
        irq::MSIX => interrupts.vectors() as u32,
        _ => 0,
    }
}

pub(super) fn set(
    interrupts: &Interrupts,
    mut body: Body<'_>,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Refusal> {
    body.argsz(20)?;
    let (flags, index) = (body.u32()?, body.u32()?);
    let (start, number) = (body.u32()?, body.u32()?);
    let there = count(interrupts, index);
    if index >= irq::COUNT {
        return Err(Refusal::invalid(format!("there is no interrupt {index}")));
    }
    if start.checked_add(number).is_none_or(|end| end > there) {
        return Err(Refusal::invalid(format!(
            "interrupts {start} and {number} more of kind {index}: there are {there}"
        )));
    }
    // CAST: Widening.
    let range = start as usize..(start + number) as usize;
    // One answer for each interrupt: is it meant?
    let meant: Vec<bool> = if flags & DATA_BOOL != 0 {
        body.rest(range.len())?
            .iter()
            .map(|byte| *byte != 0)
            .collect()
    } else {
        body.rest(0)?;
        vec![true; range.len()]
    };
    match flags {
        f if f == DATA_EVENTFD | TRIGGER => {
            connect(interrupts, index, range.start, range.len(), descriptors)
        }
        f if f == DATA_NONE | TRIGGER && number == 0 => {
            disconnect(interrupts, index);
            Ok(())
        }
        f if f == DATA_NONE | TRIGGER || f == DATA_BOOL | TRIGGER => {
            try_out(interrupts, index, range.start, &meant);
            Ok(())
        }
        f if f & DATA_EVENTFD == 0
            && matches!(f & !(DATA_NONE | DATA_BOOL), MASK | UNMASK)
            && index == irq::INTX =>
        {
            if meant.first() == Some(&true) {
                interrupts.mask_line(f & MASK != 0);
            }
            Ok(())
        }
        _ => Err(Refusal::unsupported(format!(
            "interrupt flags {flags:#x} for kind {index}"
        ))),
    }
}

/// Connects interrupts: one descriptor for each, or none at all to disconnect them.
fn connect(
    interrupts: &Interrupts,
    index: u32,
    start: usize,
    number: usize,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Refusal> {
    let mut triggers: Vec<Option<Trigger>> = Vec::new();
    if descriptors.is_empty() {
        triggers.resize_with(number, || None);
    } else if descriptors.len() != number {
        return Err(Refusal::invalid(format!(
            "{} descriptors for {number} interrupts",
            descriptors.len()
        )));
    }
    for descriptor in descriptors {
        let trigger = Trigger::new(descriptor)
            .ok_or_else(|| Refusal::invalid("the descriptor is not an eventfd"))?;
        triggers.push(Some(trigger));
    }
    for (vector, trigger) in (start..).zip(triggers) {
        if index == irq::INTX {
            interrupts.connect_line(trigger);
        } else {
            interrupts.connect(vector, trigger);
        }
    }
    Ok(())
}

fn disconnect(interrupts: &Interrupts, index: u32) {
    match index {
        irq::INTX => interrupts.connect_line(None),
        irq::MSIX => interrupts.disconnect_vectors(),
        _ => {}
    }
}

/// Fires interrupts for the client to see whether they arrive. The line stays as the device has it.
fn try_out(interrupts: &Interrupts, index: u32, start: usize, meant: &[bool]) {
    for (vector, _) in (start..).zip(meant).filter(|(_, meant)| **meant) {
        if index == irq::INTX {
            let asserted = interrupts.line();
            interrupts.set_line(true);
            interrupts.set_line(asserted);
        } else if let Ok(vector) = u16::try_from(vector) {
            interrupts.raise(vector);
        }
    }
}
