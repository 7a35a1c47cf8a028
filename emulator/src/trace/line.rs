// SPDX-License-Identifier: GPL-2.0

//! The line of an event; docs/trace.md describes each.

use std::fmt::Write;

use super::{
    entry::{
        word_of,
        CAUSES, //
    },
    json::put_text,
};
use crate::{
    observe::{
        Event,
        Moment,
        Via, //
    },
    queue::{
        Hold,
        Piece,
        Table,
        Wish, //
    },
};

/// Appends the line of an event.
pub(super) fn put_event(line: &mut String, moment: Moment, event: &Event<'_>) -> std::fmt::Result {
    let Moment { sequence, micros } = moment;
    write!(line, "{{\"seq\":{sequence},\"us\":{micros},\"event\":")?;
    put_what(line, event)?;
    line.push_str("}\n");
    Ok(())
}

fn put_what(line: &mut String, event: &Event<'_>) -> std::fmt::Result {
    match event {
        Event::Device { .. } => put_device(line, event),
        Event::Client { connected } => write!(line, "\"client\",\"connected\":{connected}"),
        Event::Register {
            write,
            offset,
            config,
            data,
        } => {
            write!(
                line,
                "\"register\",\"write\":{write},\"offset\":{offset},\"config\":"
            )?;
            put_number(line, *config)?;
            put_bytes(line, data)
        }
        Event::Master(on) => write!(line, "\"master\",\"on\":{on}"),
        Event::Msix(on) => write!(line, "\"msix\",\"on\":{on}"),
        Event::Reset(cause) => write!(line, "\"reset\",\"cause\":\"{}\"", word_of(&CAUSES, *cause)),
        Event::Features(bits) => write!(line, "\"features\",\"accepted\":{bits}"),
        Event::QueueOn { queue, frame, size } => write!(
            line,
            "\"queue_on\",\"queue\":{queue},\"frame\":{frame},\"size\":{size}"
        ),
        Event::QueueOff { queue } => write!(line, "\"queue_off\",\"queue\":{queue}"),
        Event::Interrupt { queue, via } => put_interrupt(line, *queue, *via),
        Event::Violation { queue, violation } => {
            write!(line, "\"violation\",\"queue\":{queue},\"rule\":")?;
            put_text(line, &violation.to_string());
            Ok(())
        }
        Event::Kick { .. }
        | Event::Chain { .. }
        | Event::PutBack { .. }
        | Event::Done { .. }
        | Event::Wish { .. }
        | Event::Held { .. } => put_ring(line, event),
        Event::Data { .. }
        | Event::Request { .. }
        | Event::Header { .. }
        | Event::Command { .. }
        | Event::Frame { .. } => put_work(line, event),
    }
}

fn put_device(line: &mut String, event: &Event<'_>) -> std::fmt::Result {
    let Event::Device {
        kind,
        features,
        queues,
        config,
        vectors,
        profile,
    } = event
    else {
        return Ok(());
    };
    write!(
        line,
        "\"device\",\"kind\":\"{}\",\"features\":{features},\"queues\":{queues:?},\"config\":{config},\"vectors\":{vectors},\"profile\":",
        kind.name()
    )?;
    put_text(line, profile);
    Ok(())
}

/// What happens in a ring.
fn put_ring(line: &mut String, event: &Event<'_>) -> std::fmt::Result {
    match event {
        Event::Kick {
            queue,
            available,
            taken,
        } => {
            write!(line, "\"kick\",\"queue\":{queue},\"available\":")?;
            put_number(line, *available)?;
            write!(line, ",\"taken\":{taken}")
        }
        Event::Chain {
            queue,
            position,
            available,
            head,
            table,
            pieces,
        } => {
            write!(
                line,
                "\"chain\",\"queue\":{queue},\"position\":{position},\"available\":{available},\"head\":{head}"
            )?;
            put_buffers(line, *table, pieces)
        }
        Event::PutBack {
            queue,
            count,
            position,
        } => write!(
            line,
            "\"put_back\",\"queue\":{queue},\"count\":{count},\"position\":{position}"
        ),
        Event::Done {
            queue,
            position,
            head,
            written,
        } => write!(
            line,
            "\"done\",\"queue\":{queue},\"position\":{position},\"head\":{head},\"written\":{written}"
        ),
        Event::Wish { queue, wish } => {
            let (word, index) = match wish {
                Wish::Off => ("off", None),
                Wish::On => ("on", None),
                Wish::At(index) => ("at", Some(*index)),
            };
            write!(line, "\"wish\",\"queue\":{queue},\"wish\":\"{word}\",\"index\":")?;
            put_number(line, index)
        }
        Event::Held { queue, by } => {
            let (word, index) = match by {
                Hold::Flags => ("flags", None),
                Hold::Event(index) => ("event", Some(*index)),
            };
            write!(line, "\"held\",\"queue\":{queue},\"by\":\"{word}\",\"index\":")?;
            put_number(line, index)
        }
        _ => Ok(()),
    }
}

fn put_buffers(line: &mut String, table: Option<Table>, pieces: &[Piece]) -> std::fmt::Result {
    match table {
        Some(Table { at, entries }) => write!(
            line,
            ",\"table\":{{\"at\":{at},\"entries\":{entries}}},\"pieces\":["
        )?,
        None => line.push_str(",\"table\":null,\"pieces\":["),
    }
    for (number, piece) in pieces.iter().enumerate() {
        let Piece {
            index,
            at,
            len,
            writable,
        } = piece;
        let comma = if number == 0 { "" } else { "," };
        write!(
            line,
            "{comma}{{\"index\":{index},\"at\":{at},\"len\":{len},\"writable\":{writable}}}"
        )?;
    }
    line.push(']');
    Ok(())
}

fn put_interrupt(line: &mut String, queue: Option<u16>, via: Via) -> std::fmt::Result {
    let (word, vector) = match via {
        Via::Line => ("line", None),
        Via::Vector(vector) => ("vector", Some(vector)),
        Via::Nowhere => ("nowhere", None),
    };
    line.push_str("\"interrupt\",\"queue\":");
    put_number(line, queue)?;
    write!(line, ",\"via\":\"{word}\",\"vector\":")?;
    put_number(line, vector)
}

/// What a disk or a card does.
fn put_work(line: &mut String, event: &Event<'_>) -> std::fmt::Result {
    match event {
        Event::Data { queue, data } => {
            write!(line, "\"data\",\"queue\":{queue}")?;
            put_bytes(line, data)
        }
        Event::Request {
            queue,
            kind,
            priority,
            sector,
            bytes,
            status,
        } => write!(
            line,
            "\"request\",\"queue\":{queue},\"kind\":{kind},\"priority\":{priority},\"sector\":{sector},\"bytes\":{bytes},\"status\":{status}"
        ),
        Event::Header {
            queue,
            sent,
            header,
            bytes,
        } => write!(
            line,
            "\"header\",\"queue\":{queue},\"sent\":{sent},\"flags\":{},\"gso_type\":{},\"hdr_len\":{},\"gso_size\":{},\"csum_start\":{},\"csum_offset\":{},\"num_buffers\":{},\"bytes\":{bytes}",
            header.flags,
            header.gso_type,
            header.hdr_len,
            header.gso_size,
            header.csum_start,
            header.csum_offset,
            header.num_buffers
        ),
        Event::Command {
            queue,
            class,
            command,
            bytes,
            answer,
        } => write!(
            line,
            "\"command\",\"queue\":{queue},\"class\":{class},\"command\":{command},\"bytes\":{bytes},\"answer\":{answer}"
        ),
        Event::Frame { sent, frame } => {
            write!(line, "\"frame\",\"sent\":{sent},\"bytes\":{}", frame.len())
        }
        _ => Ok(()),
    }
}

fn put_bytes(line: &mut String, data: &[u8]) -> std::fmt::Result {
    line.push_str(",\"data\":\"");
    for byte in data {
        write!(line, "{byte:02x}")?;
    }
    line.push('"');
    Ok(())
}

fn put_number<T: std::fmt::Display>(line: &mut String, number: Option<T>) -> std::fmt::Result {
    match number {
        Some(number) => write!(line, "{number}"),
        None => line.write_str("null"),
    }
}
