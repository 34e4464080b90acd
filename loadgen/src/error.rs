//! Everything that can go wrong in a run that isn't an answer of the server.

use std::path::PathBuf;

use protocol::ids::TerminalId;

/// A fault of the generator, its input, or the connection. Refusals by the server are results, never this.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file couldn't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The campus file isn't the JSON expected.
    #[error("{path}: not a campus file: {source}")]
    CampusJson {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// The campus lacks something that the run needs, or contradicts itself.
    #[error("campus: {0}")]
    Campus(String),
    /// A setting is out of its range.
    #[error("setting {name}: {reason}")]
    Setting {
        /// The setting's name as on the command line.
        name: &'static str,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A line of a trace, or of an outcome file, can't be understood.
    #[error("{path}:{line}: column {column}: {reason}: {value:?}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1, the header included.
        line: u64,
        /// The column's name.
        column: String,
        /// The value that stands there.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// The trace's header lacks a column.
    #[error("{path}:1: no column {column:?}; the header must have CardNo, Date, Money and TermNo")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The missing column.
        column: &'static str,
    },
    /// A terminal couldn't sign in or lost its connection where the step needs it.
    #[error("terminal {terminal} at {address}: {reason}")]
    Terminal {
        /// The terminal.
        terminal: TerminalId,
        /// The server's address.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The operating system refused a timer, a socket or a runtime.
    #[error("operating system: {0}")]
    System(#[from] std::io::Error),
    /// The server's metrics couldn't be read although they could be before.
    #[error("metrics: {0}")]
    Metrics(#[from] crate::server_metrics::MetricsError),
    /// A histogram or a report couldn't be written.
    #[error("report: {0}")]
    Report(String),
}

impl LoadError {
    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> LoadError {
        LoadError::File { path: path.to_owned(), source }
    }

    pub(crate) fn setting(name: &'static str, reason: impl Into<String>) -> LoadError {
        LoadError::Setting { name, reason: reason.into() }
    }
}
