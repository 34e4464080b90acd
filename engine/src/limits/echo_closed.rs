//! The closed loop against the echo server, shaped like [`loadgen::closed`]: a task for each connection, all on the
//! caller's thread, one request in flight each.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use loadgen::measurement::new_histogram;
use tokio::task::{self, LocalSet};

use super::LimitsError;
use super::echo_client::EchoConnection;

/// What a closed run against the echo server found.
#[derive(Clone, Debug)]
pub struct EchoClosed {
    /// Answers a second.
    pub completed_per_s: f64,
    /// From sending to answer, nanoseconds.
    pub histogram: Histogram<u64>,
    /// Connections that broke.
    pub failed: u64,
}

struct Shared {
    from: Instant,
    until: Instant,
    histogram: RefCell<Histogram<u64>>,
    failed: Cell<u64>,
}

/// Runs so many connections, with `settle` before `measure`.
///
/// # Errors
/// The runtime can't be made or a connection can't be opened.
pub fn run(
    address: SocketAddr,
    connections: u32,
    settle: Duration,
    measure: Duration,
) -> Result<EchoClosed, LimitsError> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, closed(address, connections, settle, measure))
    };
    run().map_err(LimitsError::io("the echo server"))
}

async fn closed(
    address: SocketAddr,
    connections: u32,
    settle: Duration,
    measure: Duration,
) -> io::Result<EchoClosed> {
    let mut opened = Vec::with_capacity(connections as usize);
    for _ in 0..connections {
        opened.push(EchoConnection::open(address).await?);
    }
    let from = Instant::now() + settle;
    let shared = Rc::new(Shared {
        from,
        until: from + measure,
        histogram: RefCell::new(new_histogram()),
        failed: Cell::new(0),
    });
    let tasks: Vec<_> = opened
        .into_iter()
        .map(|connection| task::spawn_local(work(connection, Rc::clone(&shared))))
        .collect();
    for task in tasks {
        if !matches!(task.await, Ok(Ok(()))) {
            shared.failed.set(shared.failed.get() + 1);
        }
    }
    let histogram = shared.histogram.borrow().clone();
    Ok(EchoClosed {
        completed_per_s: histogram.len() as f64 / measure.as_secs_f64(),
        histogram,
        failed: shared.failed.get(),
    })
}

async fn work(mut connection: EchoConnection, shared: Rc<Shared>) -> io::Result<()> {
    let mut sent = Instant::now();
    while sent < shared.until {
        connection.call().await?;
        let now = Instant::now();
        if (shared.from..shared.until).contains(&now) {
            shared.histogram.borrow_mut().saturating_record((now - sent).as_nanos() as u64);
        }
        sent = now;
    }
    Ok(())
}
