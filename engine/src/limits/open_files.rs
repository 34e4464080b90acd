//! The limit of open files: a thousand connections need a thousand descriptors, here and in each server started from here.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's limit as far as it may; processes started from it inherit that.
///
/// # Errors
/// The operating system refuses.
pub fn raise() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
