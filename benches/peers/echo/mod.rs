//! Echo servers: what a front end costs that does the same sign-in and the same MACs as Yika and nothing else. The bound
//! that Yika is held against, driven by the very same client.
//!
//! Each runs as a process of its own, this program again, so that its processor time can be told from the client's.

mod epoll_server;
pub mod session;
pub mod system;
mod tokio_server;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use clap::ValueEnum;

use crate::error::PeersError;

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
}

/// Serves on the calling process until its standard input ends.
///
/// # Errors
/// The listener can't be bound.
pub fn serve(kind: EchoKind) -> io::Result<ExitCode> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    thread::spawn(move || {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let served = match kind {
            EchoKind::MultiThread => tokio_server::multi_thread(listener),
            EchoKind::PerCore => tokio_server::current_thread(listener, cores),
            EchoKind::OneThread => tokio_server::current_thread(listener, 1),
            EchoKind::Epoll => epoll_server::serve(&listener),
        };
        if let Err(error) = served {
            eprintln!("peers: echo server {kind:?}: {error}");
            std::process::exit(1);
        }
    });
    let mut nothing = Vec::new();
    io::stdin().read_to_end(&mut nothing)?;
    Ok(ExitCode::SUCCESS)
}

/// A running echo server. It ends when its standard input does; dropped, it is killed.
pub struct EchoProcess {
    child: Child,
    address: SocketAddr,
}

impl EchoProcess {
    /// Starts this program again as an echo server.
    ///
    /// # Errors
    /// It doesn't say where it listens.
    pub fn start(system: &'static str, kind: EchoKind) -> Result<EchoProcess, PeersError> {
        let program = std::env::current_exe().map_err(PeersError::machine("this program's own path"))?;
        let name = kind.to_possible_value().expect("no kind is hidden");
        let mut child = Command::new(program)
            .args(["--serve-echo", name.get_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(PeersError::machine("an echo server"))?;
        let mut line = String::new();
        let said =
            BufReader::new(child.stdout.take().expect("standard output is piped")).read_line(&mut line);
        match line.trim_end().parse() {
            Ok(address) => Ok(EchoProcess { child, address }),
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(PeersError::system(system, format!("didn't start: {said:?}, it said {line:?}")))
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for EchoProcess {
    fn drop(&mut self) {
        // It holds nothing that could be lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
