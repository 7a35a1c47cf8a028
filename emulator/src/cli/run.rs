// SPDX-License-Identifier: GPL-2.0

//! Serves devices until a signal says that it is enough.

use std::{
    sync::Arc,
    thread, //
};

use super::{
    high::{
        Kind,
        Storage,
        Wanted,
        Wire, //
    },
    low::Check,
    record::Recorders,
    say,
};
use crate::{
    blk::{
        disk::Disk,
        Block, //
    },
    check::Checker,
    net::{
        backend::{
            Backend,
            Capture,
            Datagram,
            Tap, //
        },
        Net,
    },
    pci::function::Function,
    sys::{
        self,
        Signal,
        Signals, //
    },
    vfio_user::server::Server,
    virtio::{
        device::Device,
        model::Model,
        workers::Workers, //
    },
};

/// Serves all devices until a signal ends it, and says at the end what each did. Returns whether
/// every driver kept the rules, where that matters.
pub(super) fn serve(wanted: &[Wanted]) -> Result<bool, String> {
    let signals = Signals::block().map_err(|error| format!("signals: {error}"))?;
    let several = wanted.len() > 1;
    let stations = wanted
        .iter()
        .map(|wanted| Station::new(wanted, several))
        .collect::<Result<Vec<Station>, String>>()?;
    let outcome = thread::scope(|scope| {
        let mut tasks = Vec::new();
        for station in &stations {
            tasks.push(scope.spawn(|| or_end(station.serve())));
            tasks.push(scope.spawn(|| or_end(station.part.receive())));
        }
        let mut outcome = attend(&signals, &stations);
        for station in &stations {
            station.server.stop();
            station.part.stop();
        }
        for task in tasks {
            outcome = outcome.and(task.join().unwrap_or(Err("a thread has panicked".into())));
        }
        outcome
    });
    let mut kept = true;
    for station in stations {
        kept &= station.finish();
    }
    outcome.map(|()| kept)
}

/// A task that has failed ends the others.
fn or_end(outcome: Result<(), String>) -> Result<(), String> {
    if outcome.is_err() {
        sys::end();
    }
    outcome
}

/// What is special to a kind of device.
enum Part {
    Block(Arc<Block>),
    Net(Arc<Net>),
}

impl Part {
    fn new(kind: &Kind) -> Result<Self, String> {
        Ok(match kind {
            Kind::Block {
                storage,
                read_only,
                settings,
            } => Self::Block(Arc::new(Block::new(
                open(storage, *read_only)?,
                settings.clone(),
            ))),
            Kind::Net { wire, settings } => {
                Self::Net(Arc::new(Net::new(connect(wire)?, settings.clone())))
            }
        })
    }

    fn model(&self) -> Arc<dyn Model> {
        match self {
            Self::Block(block) => block.clone(),
            Self::Net(net) => net.clone(),
        }
    }

    /// Takes what comes from outside, until [`Part::stop`].
    fn receive(&self) -> Result<(), String> {
        match self {
            Self::Block(_) => Ok(()),
            Self::Net(net) => net.attend().map_err(|error| format!("backend: {error}")),
        }
    }

    fn stop(&self) {
        if let Self::Net(net) = self {
            net.stop();
        }
    }
}

/// A device with its socket and its threads.
struct Station {
    part: Part,
    device: Arc<Device>,
    function: Function,
    server: Server,
    workers: Workers,
    recorders: Recorders,
    check: Option<(Arc<Checker>, Check)>,
    say: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Station {
    /// A device that listens; its lines begin with its socket's name when it is one of several.
    fn new(wanted: &Wanted, one_of_several: bool) -> Result<Self, String> {
        let path = wanted.socket.display();
        let say: Arc<dyn Fn(&str) + Send + Sync> = if one_of_several {
            let label = wanted.socket.file_name().map_or_else(
                || path.to_string(),
                |name| name.to_string_lossy().into_owned(),
            );
            Arc::new(move |line: &str| say(&format!("{label}: {line}")))
        } else {
            Arc::new(say)
        };
        let part = Part::new(&wanted.kind)?;
        let model = part.model();
        // CAST: No model has that many queues.
        let vectors = wanted.vectors.unwrap_or(model.queues().len() as u16 + 1);
        let recorders = Recorders::new(&wanted.files, &say)?;
        let check = wanted
            .check
            .map(|check| (Arc::new(Checker::new(model.clone(), vectors)), check));
        let mut observers = recorders.observers();
        if let Some((checker, _)) = &check {
            observers.push(checker.clone());
        }
        let device = Device::observed(model, vectors, wanted.profile, say.clone(), observers);
        let device = Arc::new(device.with_faults(wanted.faults.clone()));
        let server =
            Server::bind(&wanted.socket).map_err(|error| format!("socket {path}: {error}"))?;
        say(&format!(
            "{} listens at {path}",
            device.model().kind().name()
        ));
        Ok(Self {
            part,
            function: Function::new(device.clone()),
            workers: Workers::start(&device),
            device,
            server,
            recorders,
            check,
            say,
        })
    }

    fn serve(&self) -> Result<(), String> {
        self.server
            .serve(&self.function, &*self.say)
            .map_err(|error| format!("no client can be accepted: {error}"))
    }

    /// What a hangup signal does: a disk may have another size, a card another place in its network.
    fn look_again(&self) {
        let changed = match &self.part {
            Part::Block(block) => block.refresh().unwrap_or_else(|error| {
                (self.say)(&format!("the disk's size: {error}"));
                false
            }),
            Part::Net(net) => net.announce(),
        };
        self.tell(changed);
    }

    /// Pulls a card's cable, or plugs it in again.
    fn toggle_link(&self) {
        if let Part::Net(net) = &self.part {
            self.tell(net.toggle_link());
        }
    }

    /// Tells the driver if the configuration has changed.
    fn tell(&self, changed: bool) {
        if changed {
            self.device.config_changed();
        }
    }

    /// The end: its threads are done when it says what it did. Returns whether its driver kept the
    /// rules, or need not have.
    fn finish(self) -> bool {
        drop(self.workers);
        self.recorders.finish();
        let model = self.part.model();
        (self.say)(&format!("{}: {}", model.kind().name(), model.summary()));
        let Some((checker, check)) = &self.check else {
            return true;
        };
        for line in checker.report().lines() {
            (self.say)(&format!("check: {line}"));
        }
        *check == Check::Report || checker.broken().is_empty()
    }
}

fn open(storage: &Storage, read_only: bool) -> Result<Disk, String> {
    match storage {
        Storage::File(path) => {
            Disk::open(path, read_only).map_err(|error| format!("disk {}: {error}", path.display()))
        }
        Storage::Memory(size) => {
            Disk::memory(*size, read_only).map_err(|error| format!("disk in memory: {error}"))
        }
        Storage::Null(size) => Ok(Disk::null(*size, read_only)),
    }
}

fn connect(wire: &Wire) -> Result<Backend, String> {
    let (name, backend) = match wire {
        Wire::Null => return Ok(Backend::Null),
        Wire::Loopback => return Ok(Backend::Loopback),
        Wire::Datagram { path, headers } => (
            path.display(),
            Datagram::meet(path, *headers).map(Backend::Datagram),
        ),
        Wire::Capture(path, pace) => (
            path.display(),
            Capture::open(path, *pace).map(Backend::Capture),
        ),
        Wire::Tap(name) => {
            return Tap::open(name)
                .map(Backend::Tap)
                .map_err(|error| format!("backend {name}: {error}"));
        }
    };
    backend.map_err(|error| format!("backend {name}: {error}"))
}

/// Follows signals until one of them means the end.
fn attend(signals: &Signals, stations: &[Station]) -> Result<(), String> {
    loop {
        match signals
            .wait()
            .map_err(|error| format!("signals: {error}"))?
        {
            Signal::End => return Ok(()),
            Signal::Hangup => stations.iter().for_each(Station::look_again),
            Signal::User => stations.iter().for_each(Station::toggle_link),
        }
    }
}
