//! Echo servers: what a front end costs that does the same sign-in and the same MACs as Yika and nothing else. The bound
//! that Yika is held against, driven by the very same client.
//!
//! Each runs as a process of its own, this program again, so that its processor time can be told from the client's.

mod epoll_server;
pub mod session;
pub mod system;
mod tokio_server;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use clap::ValueEnum;
use engine::limits::disk::Disk;
use engine::limits::echo_process;
use engine::opened_books::LogBackEnd;

/// How an echo server waits for its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EchoKind {
    /// tokio's multi-thread scheduler.
    MultiThread,
    /// A tokio `current_thread` runtime for each core.
    PerCore,
    /// One tokio `current_thread` runtime, as Yika's one worker is.
    OneThread,
    /// One thread on bare epoll.
    Epoll,
    /// The same, which writes a durable page before it answers what came together.
    Durable,
}

impl EchoKind {
    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Is an echo server until standard input ends; a durable one writes to a file in `folder`.
///
/// # Errors
/// The listener can't be bound, or the file can't be made.
pub fn serve(kind: EchoKind, folder: &Path) -> io::Result<ExitCode> {
    let pages = match kind {
        EchoKind::Durable => Some(Disk::new(folder, LogBackEnd::Through).endless_pages()?),
        _ => None,
    };
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    echo_process::serve(move |listener| match kind {
        EchoKind::MultiThread => tokio_server::multi_thread(listener),
        EchoKind::PerCore => tokio_server::current_thread(listener, cores),
        EchoKind::OneThread => tokio_server::current_thread(listener, 1),
        EchoKind::Epoll | EchoKind::Durable => epoll_server::serve(&listener, pages),
    })?;
    Ok(ExitCode::SUCCESS)
}
