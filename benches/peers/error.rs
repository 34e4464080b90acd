//! Why a run of the harness, or a part of it, ended.

use std::io;
use std::path::{Path, PathBuf};

use engine::audit::AuditError;
use engine::limits::LimitsError;
use loadgen::LoadError;

/// A fault. What a server refuses is a result, and a figure that can't be trusted is void: neither is this.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    /// A server didn't start, broke, or said something that it can't mean.
    #[error("{system}: {reason}")]
    System {
        /// The system's name.
        system: &'static str,
        /// What happened, with the end of its log where there is one.
        reason: String,
    },
    /// The load generator.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Books, or the bare disk.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// Yika's log can't be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Yika's log can't be read.
    #[error("the log of Yika: {0}")]
    Log(#[from] wal::WalError),
    /// A file of the run.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Machine {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// An argument is out of its range.
    #[error("--{name}: {reason}")]
    Argument {
        /// The argument.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The report can't be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl PeersError {
    /// A fault of a system.
    pub fn system(system: &'static str, reason: impl Into<String>) -> PeersError {
        PeersError::System { system, reason: reason.into() }
    }

    /// Names the file that a fault is about.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> PeersError {
        let path = path.to_owned();
        move |source| PeersError::File { path, source }
    }

    /// Says what was tried.
    pub fn machine(what: &'static str) -> impl FnOnce(io::Error) -> PeersError {
        move |source| PeersError::Machine { what, source }
    }
}
