// SPDX-License-Identifier: GPL-2.0

//! debugfs files that keep their module loaded while they are open.
//!
//! The file operations of `kernel::debugfs` have no owner. A file that is open while its module
//! goes is closed through operations in memory that was freed with the module; here such a module
//! stays, as those in C do.
//!
//! Would go to `rust/kernel/debugfs.rs`, as an owner in `FileOps`.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use core::marker::PhantomData;

use kernel::{
    fmt,
    module::this_module,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    str::CStr,
    ModuleMetadata, //
};

use super::bindings;

/// What a file shows.
pub trait Show: Send + Sync + 'static {
    /// Writes the file's text. Called in process context, each time the file is read from its
    /// start, by several readers at once perhaps.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A directory at debugfs's root and its files, which `M` is the module of.
///
/// When it is dropped, the directory vanishes and those who read are waited for. A file that is
/// still open then reads as an error.
///
/// # Invariants
///
/// `dir` is what `debugfs_create_dir` returned, an error perhaps. The files in it refer to the
/// entries of `files`.
pub struct Dir<M, T: Show> {
    dir: *mut bindings::dentry,
    files: KVec<KBox<T>>,
    _module: PhantomData<fn() -> M>,
}

// SAFETY: A directory is not bound to a thread, and what the files show may be sent.
unsafe impl<M, T: Show> Send for Dir<M, T> {}

// SAFETY: Through a shared reference nothing is done.
unsafe impl<M, T: Show> Sync for Dir<M, T> {}

impl<M: ModuleMetadata, T: Show> Dir<M, T> {
    const FILE_OPS: &'static bindings::file_operations = &bindings::file_operations {
        owner: this_module::<M>().as_ptr(),
        open: Some(open_callback::<T>),
        read: Some(bindings::seq_read),
        llseek: Some(bindings::seq_lseek),
        release: Some(bindings::single_release),
        ..pin_init::zeroed()
    };

    /// Makes a directory; without debugfs there is none, and nothing else happens.
    pub fn new(name: &CStr) -> Self {
        // SAFETY: The name is a C string; no parent stands for the root.
        let dir =
            unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), core::ptr::null_mut()) };
        // INVARIANT: As just returned; there are no files yet.
        Self {
            dir,
            files: KVec::new(),
            _module: PhantomData,
        }
    }

    /// Adds a file that the superuser may read.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn file(&mut self, name: &CStr, what: T) -> Result {
        let what = KBox::new(what, GFP_KERNEL)?;
        let data: *const T = &*what;
        // INVARIANT: The entry is there before the file that refers to it.
        self.files.push(what, GFP_KERNEL)?;
        // SAFETY: The function takes an error for a directory. The data stays where it is until
        // the file was removed, and is a `T` as `open_callback::<T>` expects. The operations are
        // static as far as the module, their owner, is there.
        unsafe {
            bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                0o400,
                self.dir,
                data.cast_mut().cast(),
                core::ptr::null(),
                Self::FILE_OPS,
            )
        };
        Ok(())
    }
}

impl<M, T: Show> Drop for Dir<M, T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is a directory or an error, which the function takes
        // as well. It removes the files, too, and waits for their readers, before `files` goes.
        unsafe { bindings::debugfs_remove(self.dir) };
    }
}

/// # Safety
///
/// To be used as the `open` callback of a debugfs file alone, whose data is a `T`.
unsafe extern "C" fn open_callback<T: Show>(
    inode: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    // SAFETY: The C side passes a valid inode, whose private data nobody writes.
    let data = unsafe { (*inode).i_private };
    // SAFETY: The file is being opened, and closed by `single_release`. The data stays until the
    // file was removed, which waits for `show_callback`.
    unsafe { bindings::single_open(file, Some(show_callback::<T>), data) }
}

/// # Safety
///
/// To be used as the callback of `single_open` alone, with data that is a `T`.
unsafe extern "C" fn show_callback<T: Show>(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
    // SAFETY: The C side passes what was given to `single_open`.
    let data = unsafe { &*(*seq).private.cast_const().cast::<T>() };
    // SAFETY: The file is valid, and this thread's alone during the call.
    let file = unsafe { SeqFile::from_raw(seq) };
    seq_print!(file, "{}", Shown(data));
    0
}

/// Something to show, for the kernel's formatting.
struct Shown<'a, T>(&'a T);

impl<T: Show> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}
