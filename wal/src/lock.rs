//! One process per data directory.

use crate::error::WalError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Holds `<data_dir>/lock` for as long as it lives. The lock is the kernel's (`flock`), so a killed process leaves none
/// behind; the holder's process id stands in the file for the one who is turned away.
#[derive(Debug)]
pub struct DirLock {
    file: File,
}

impl DirLock {
    /// Takes the lock of a data directory, making the directory if need be.
    ///
    /// # Errors
    /// [`WalError::Locked`] names the process that holds it; [`WalError::Directory`] if the file can't be used.
    pub fn acquire(data_dir: &Path) -> Result<Self, WalError> {
        let path = data_dir.join("lock");
        let directory_error = |source| WalError::Directory { path: path.clone(), source };
        std::fs::create_dir_all(data_dir).map_err(directory_error)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(directory_error)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                let mut text = String::new();
                let pid = match file.read_to_string(&mut text) {
                    Ok(_) => text.trim().parse().unwrap_or(0),
                    Err(_) => 0,
                };
                return Err(WalError::Locked { path, pid });
            }
            Err(error) => return Err(directory_error(error.into())),
        }
        file.set_len(0).map_err(directory_error)?;
        file.rewind().map_err(directory_error)?;
        writeln!(file, "{}", std::process::id()).map_err(directory_error)?;
        Ok(Self { file })
    }
}

impl Drop for DirLock {
    /// Lets go of it at once: closing the file alone wouldn't, while a process that another thread is starting has a copy of it.
    fn drop(&mut self) {
        // Where it can't be let go of it is closed all the same.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_once_dropped_though_a_process_that_is_starting_has_a_copy_of_the_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let lock = DirLock::acquire(dir.path()).expect("nobody has it");
        let copy = lock.file.try_clone().expect("another descriptor");
        assert!(matches!(DirLock::acquire(dir.path()), Err(WalError::Locked { .. })));
        drop(lock);
        DirLock::acquire(dir.path()).expect("it was let go of");
        drop(copy);
    }
}
