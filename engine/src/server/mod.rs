//! The server: sockets in, answers out.
//!
//! ```text
//! listener ──▶ workers (threads): connections + pump ──▶ runtime::Engine ──▶ log
//!                            │                               ▲
//!                            ├──── uploads, bills, history ──┼── slow lane (thread)
//!                            └──── query passwords ──────────┴── password lane (thread)
//! ```
//!
//! **Invariants**
//! - A peer that sends garbage, or nothing, or doesn't read, loses its own connection and nothing else.
//! - Memory is bounded: connections, and for each of them buffers and requests in flight.
//! - A failed log write ends the process: nothing more is acknowledged.

use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use protocol::answer::Refusal;
use protocol::keys::Key128;
use protocol::result_code::ResultCode;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::runtime::engine::Engine;
use crate::runtime::password_lane::PasswordLane;
use crate::runtime::password_vault::PasswordVault;
use crate::runtime::slow_lane::SlowLane;
use block_clocks::BlockClocks;
use metrics::Metrics;
use stages::{StageClocks, StageSummary};
use worker::Feed;

mod answers;
mod block_clocks;
mod connection;
mod intake;
mod judge;
mod large_reads;
pub mod metrics;
mod office;
mod pump;
mod read_buffer;
mod reception;
mod sessions;
mod slow_requests;
pub mod stages;
mod tables;
mod terminal_keys;
mod worker;

/// How often a till sends a heartbeat; it's offline after three misses.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
/// Sockets that may wait for their worker to take them.
const ACCEPTED_MAX: usize = 1_024;

/// How the server serves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Worker threads, each with its own connections.
    pub workers: usize,
    /// Most connections at a time; further ones are told "busy".
    pub connections_max: usize,
    /// Longest time from connecting to the end of the sign-in.
    pub sign_in_timeout: Duration,
    /// Longest silence: a little above three heartbeats.
    pub idle_timeout: Duration,
    /// A live request that took this long, from checked to answered, is told in the program's trace.
    pub slow_request_min: Duration,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            workers: 1,
            connections_max: 8_192,
            sign_in_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(100),
            slow_request_min: Duration::from_millis(100),
        }
    }
}

/// What every worker needs.
pub(crate) struct Shared {
    engine: Arc<Engine>,
    slow_lane: SlowLane,
    password_lane: PasswordLane,
    blocks: Arc<BlockClocks>,
    sessions: Arc<sessions::Sessions>,
    master_key: Key128,
    config: ServerConfig,
    places: AtomicUsize,
    stopping: AtomicBool,
    failed: watch::Sender<Option<String>>,
}

/// A connection's place among the most that may be; given back when dropped.
struct Place<'s>(&'s AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn take_place(&self) -> Place<'_> {
        self.places.fetch_add(1, Ordering::Relaxed);
        Place(&self.places)
    }

    fn is_full(&self) -> bool {
        self.places.load(Ordering::Relaxed) >= self.config.connections_max
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn fail(&self, error: &dyn std::fmt::Display) {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert_with(|| error.to_string());
            first
        });
    }
}

/// A server that serves.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    metrics: Metrics,
    workers: Vec<thread::JoinHandle<io::Result<StageClocks>>>,
    stop: watch::Sender<bool>,
    acceptor: Option<thread::JoinHandle<()>>,
}

/// How a server ended.
#[derive(Debug)]
pub struct StopReport {
    /// Where live requests' time went.
    pub stages: Vec<StageSummary>,
}

/// Why a server doesn't start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}; choose another address with {option}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The option that gave it.
        option: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no thread or runtime.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// The log has failed.
    #[error("stopped: {0}")]
    Log(String),
}

impl Server {
    /// Listens on `address` (port 0 = any free one) and serves until [`Self::stop`].
    ///
    /// # Errors
    /// The address is taken, or the system gives no thread.
    pub fn start(
        engine: Arc<Engine>,
        passwords: Arc<PasswordVault>,
        master_key: Key128,
        address: SocketAddr,
        config: ServerConfig,
    ) -> Result<Server, ServerError> {
        let listen = |source| ServerError::Listen { address, option: "--listen", source };
        let listener = net::TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        // Two jobs for each connection at most: an upload, and a live request that needs history.
        let slow_lane = SlowLane::spawn(Arc::clone(&engine), 2 * config.connections_max)?;
        let password_lane = PasswordLane::spawn(Arc::clone(&engine), passwords)?;
        let workers_count = config.workers.max(1);
        let blocks = Arc::new(BlockClocks::default());
        let clocks = Arc::clone(&blocks);
        engine.log().on_block(move |block| clocks.take(block));
        let shared = Arc::new(Shared {
            engine,
            slow_lane,
            password_lane,
            blocks,
            sessions: Arc::default(),
            master_key,
            config,
            places: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            failed: watch::Sender::new(None),
        });
        let mut workers = Vec::with_capacity(workers_count);
        let mut sockets = Vec::with_capacity(workers_count);
        let mut figures = Vec::with_capacity(workers_count);
        for index in 0..workers_count {
            let (feed, give, ask) = Feed::new(ACCEPTED_MAX);
            let shared = Arc::clone(&shared);
            let name = format!("worker-{index}");
            workers.push(thread::Builder::new().name(name).spawn(move || worker::run(shared, feed))?);
            sockets.push(give);
            figures.push(ask);
        }
        let metrics = Metrics {
            engine: Arc::clone(&shared.engine),
            blocks: Arc::clone(&shared.blocks),
            workers: figures,
            begun: Instant::now(),
        };
        let (stop, stopped) = watch::channel(false);
        let accepting = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("acceptor".to_owned())
            .spawn(move || accept(&accepting, listener, &sockets, stopped))?;
        Ok(Server { shared, address, metrics, workers, stop, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What answers questions for this server's figures, until it stops.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Resolves when the log has failed, with what it said. Stop the process then.
    pub fn failure(&self) -> impl Future<Output = String> + Send + use<> {
        let mut failed = self.shared.failed.subscribe();
        async move {
            let cause = failed.wait_for(Option::is_some).await.ok().and_then(|cause| cause.clone());
            match cause {
                Some(cause) => cause,
                None => std::future::pending().await,
            }
        }
    }

    /// Stops: no new connection, no new request; answers under way are let out once they are durable; then every
    /// connection is closed. The log isn't sealed here: the engine outlives its server.
    ///
    /// # Errors
    /// The log has failed; what wasn't durable was not acknowledged.
    pub fn stop(mut self) -> Result<StopReport, ServerError> {
        self.shared.stopping.store(true, Ordering::Release);
        let _ = self.stop.send(true);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor doesn't panic");
        }
        let mut stages = self.shared.blocks.figures().stages;
        for worker in self.workers {
            stages.merge(&worker.join().expect("a worker doesn't panic")?);
        }
        match &*self.shared.failed.borrow() {
            Some(cause) => Err(ServerError::Log(cause.clone())),
            None => Ok(StopReport { stages: stages.summary() }),
        }
    }
}

/// Takes connections and deals them out to the workers in turn, until told to stop.
fn accept(
    shared: &Arc<Shared>,
    listener: net::TcpListener,
    sockets: &[mpsc::Sender<net::TcpStream>],
    mut stopped: watch::Receiver<bool>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .expect("a runtime of one thread needs no more than an epoll descriptor");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
        for turn in 0_usize.. {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            let stream = match accepted.and_then(|(stream, _)| stream.into_std()) {
                Ok(stream) => stream,
                Err(error) => {
                    // Out of descriptors, or the peer left at once: neither is a reason to stop serving others.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            if shared.is_full() {
                let _ = io::Write::write(&mut &stream, &Refusal::new(ResultCode::Busy).frame(&[]));
                continue;
            }
            if sockets[turn % sockets.len()].send(stream).await.is_err() {
                return;
            }
        }
    });
}
