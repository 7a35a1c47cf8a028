// SPDX-License-Identifier: GPL-2.0

//! Being told when a CPU has come online or gone offline.
//!
//! A module registers [`States`] once, and adds a [`Watch`] for each of its devices.
//!
//! C header: [`include/linux/cpuhotplug.h`](srctree/include/linux/cpuhotplug.h)
//!
//! Would go to `rust/kernel/cpu/hotplug.rs`.

use core::marker::PhantomData;

use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    types::Opaque, //
};

use super::{
    super::bindings,
    Steady, //
};

/// Who is told.
pub trait Watcher: Send + Sync + 'static {
    /// Other CPUs are online than before. May sleep.
    fn cpus_changed(&self, cpus: &Steady<'_>);
}

/// A callback of `cpuhp_setup_state_multi`.
type Callback = unsafe extern "C" fn(c_uint, *mut bindings::hlist_node) -> c_int;

/// The states of CPU hotplug in which a module's watchers are told. To be a static variable.
pub struct States<T: Watcher> {
    /// The state whose callback runs on a CPU that has come online.
    online: Atomic<i32>,
    /// The state whose callback runs when a CPU is gone.
    dead: Atomic<i32>,
    _watcher: PhantomData<T>,
}

impl<T: Watcher> States<T> {
    /// States that are not registered yet: `CPUHP_OFFLINE`, which nobody can register.
    pub const fn new() -> Self {
        Self {
            online: Atomic::new(0),
            dead: Atomic::new(0),
            _watcher: PhantomData,
        }
    }

    /// Registers the states, under names that user space sees.
    ///
    /// Every [`Watch`] is to be dropped before what this returns.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] when all dynamic states are in use.
    pub fn register(
        &'static self,
        online: &'static CStr,
        dead: &'static CStr,
    ) -> Result<Registration<T>> {
        let registration = Registration(self);
        self.online.store(
            setup(
                bindings::cpuhp_state_CPUHP_AP_ONLINE_DYN,
                online,
                Some(Watch::<T>::online_callback),
                None,
            )?,
            Relaxed,
        );
        self.dead.store(
            setup(
                bindings::cpuhp_state_CPUHP_BP_PREPARE_DYN,
                dead,
                None,
                Some(Watch::<T>::dead_callback),
            )?,
            Relaxed,
        );
        Ok(registration)
    }
}

/// Registers a dynamic state; returns its number.
fn setup(
    kind: bindings::cpuhp_state,
    name: &'static CStr,
    up: Option<Callback>,
    down: Option<Callback>,
) -> Result<bindings::cpuhp_state> {
    // SAFETY: Of a multi-instance state the callbacks are called with a node, too; a function
    // pointer may be converted into another one and is converted back before it is called.
    let cast = |callback: Option<Callback>| unsafe {
        core::mem::transmute::<Option<Callback>, Option<unsafe extern "C" fn(c_uint) -> c_int>>(
            callback,
        )
    };
    // SAFETY: The name is static, and the callbacks fit a multi-instance state.
    let state = unsafe {
        bindings::__cpuhp_setup_state(kind, name.as_char_ptr(), false, cast(up), cast(down), true)
    };
    to_result(state)?;
    Ok(state)
}

/// Keeps states registered until it is dropped.
pub struct Registration<T: Watcher>(&'static States<T>);

impl<T: Watcher> Drop for Registration<T> {
    fn drop(&mut self) {
        for state in [&self.0.dead, &self.0.online] {
            let state = state.xchg(0, Relaxed);
            if state != 0 {
                // SAFETY: The state is registered, and there is nobody left to be told.
                unsafe { bindings::__cpuhp_remove_state(state, false) };
            }
        }
    }
}

/// Has a watcher told until this is dropped, which waits for a call that is under way.
///
/// # Invariants
///
/// Both nodes are in the lists of their states.
#[pin_data(PinnedDrop)]
pub struct Watch<T: Watcher> {
    #[pin]
    online: Opaque<bindings::hlist_node>,
    #[pin]
    dead: Opaque<bindings::hlist_node>,
    states: [bindings::cpuhp_state; 2],
    watcher: Arc<T>,
}

// SAFETY: The nodes are used by the kernel under a lock of its own, and the watcher is shared.
unsafe impl<T: Watcher> Send for Watch<T> {}
// SAFETY: As above.
unsafe impl<T: Watcher> Sync for Watch<T> {}

impl<T: Watcher> Watch<T> {
    /// Has `watcher` told of changes from now on.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] when the states are not registered, or what the kernel says.
    pub fn new(states: &'static States<T>, watcher: Arc<T>) -> impl PinInit<Self, Error> {
        let states = [states.online.load(Relaxed), states.dead.load(Relaxed)];
        try_pin_init!(&this in Self {
            online: Opaque::zeroed(),
            dead: Opaque::zeroed(),
            states,
            watcher,
            _: {
                // SAFETY: The fields are initialised, in their final place.
                let (online, dead) = unsafe {
                    (&raw mut (*this.as_ptr()).online, &raw mut (*this.as_ptr()).dead)
                };
                add(states[0], online.cast())?;
                if let Err(error) = add(states[1], dead.cast()) {
                    remove(states[0], online.cast());
                    return Err(error);
                }
            },
        })
    }

    /// # Safety
    ///
    /// Called by CPU hotplug with the first node of a `Watch<T>`.
    unsafe extern "C" fn online_callback(_cpu: c_uint, node: *mut bindings::hlist_node) -> c_int {
        // SAFETY: By the function's requirements; the node is taken out before it is freed.
        let this = unsafe { &*kernel::container_of!(Opaque::cast_from(node), Self, online) };
        // INVARIANT: The lock of CPU hotplug is held around every callback.
        this.watcher.cpus_changed(&Steady::new());
        0
    }

    /// # Safety
    ///
    /// Called by CPU hotplug with the second node of a `Watch<T>`.
    unsafe extern "C" fn dead_callback(_cpu: c_uint, node: *mut bindings::hlist_node) -> c_int {
        // SAFETY: By the function's requirements; the node is taken out before it is freed.
        let this = unsafe { &*kernel::container_of!(Opaque::cast_from(node), Self, dead) };
        // INVARIANT: The lock of CPU hotplug is held around every callback.
        this.watcher.cpus_changed(&Steady::new());
        0
    }
}

/// Puts a node into the list of a state, without calling for the CPUs that are online already.
fn add(state: bindings::cpuhp_state, node: *mut bindings::hlist_node) -> Result {
    if state == 0 {
        return Err(ENODEV);
    }
    // SAFETY: The state is registered as one with instances; its callbacks expect such a node.
    to_result(unsafe { bindings::__cpuhp_state_add_instance(state, node, false) })
}

/// Takes a node out again, and waits for a callback that is running.
fn remove(state: bindings::cpuhp_state, node: *mut bindings::hlist_node) {
    // SAFETY: The node was added to that state.
    unsafe { bindings::__cpuhp_state_remove_instance(state, node, false) };
}

#[pinned_drop]
impl<T: Watcher> PinnedDrop for Watch<T> {
    fn drop(self: Pin<&mut Self>) {
        remove(self.states[0], self.online.get());
        remove(self.states[1], self.dead.get());
    }
}
