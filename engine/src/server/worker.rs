//! A worker: one thread, one `current_thread` runtime, its own connections, and the pump.
//!
//! ```text
//! readers: read, check MAC, decode ──▶ queue ──▶ pump: one turn for all of them ──▶ commit
//!                                                                                   │
//! till ◀── answer: counter, MAC, write ◀── waiting, in log order ◀── durable? ◀─────┘
//! ```
//!
//! Readers only queue; one task decides everything queued under one hold, writes the block itself when little is
//! staged, and then writes every answer that has become durable in a loop: see [`pump`](super::pump). A durable block
//! wakes each worker once.
//!
//! **Invariants**
//! - An answer leaves only when the record that it observed is durable.
//! - The queue is bounded by two for each connection, the waiting list by these and a heartbeat.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::net;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, Sender};
use protocol::answer::{Answer, HeartbeatAnswer, Refusal};
use protocol::command_table::Lane;
use protocol::frame::Header;
use protocol::request::{BatchLines, OpenGapsQuery, Request, Upload};
use protocol::result_code::ResultCode;
use tokio::sync::{mpsc, oneshot};
use tokio::task;

use super::Shared;
use super::connection::{Connection, End, FrameHandler};
use super::intake::LiveRequest;
use super::judge::{CodeKeys, Judge};
use super::large_reads::LargeReads;
use super::metrics::WorkerFigures;
use super::pump::{Body, Finished, Pending, Waiting, Wake};
use super::slow_requests::SlowRequests;
use super::stages::{SAMPLE_EVERY, Stage, StageClocks};
use super::tables;
use crate::runtime::block_list_pages::BlockListPage;
use crate::runtime::engine::Reply;
use crate::runtime::open_gaps::GapPage;
use crate::runtime::slow_lane::{Job, OwnedCommand, UploadJob};
use crate::runtime::till_desk::{TillAsk, TillJob, TillTold};

/// Questions for a worker's figures that may wait.
const QUESTIONS_MAX: usize = 16;

/// Where a frame names its terminal.
const TERMINAL_OFFSET: u32 = 8;

/// One worker's state; everything in it stays on its thread.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) wake: Arc<Wake>,
    pub(super) queue: RefCell<Vec<Pending>>,
    pub(super) spare_queue: Cell<Vec<Pending>>,
    /// What is queued that configures.
    pub(super) changes: RefCell<VecDeque<Pending>>,
    pub(super) waiting: RefCell<VecDeque<Waiting>>,
    pub(super) finished: Receiver<Finished>,
    pub(super) finish: Sender<Finished>,
    pub(super) connections: RefCell<HashMap<u64, Rc<Connection>>>,
    pub(super) next_key: Cell<u64>,
    pub(super) large_reads: LargeReads,
    pub(super) code_keys: RefCell<CodeKeys>,
    pub(super) stages: RefCell<StageClocks>,
    pub(super) slow: RefCell<SlowRequests>,
    pub(super) questions: Receiver<oneshot::Sender<StageClocks>>,
    /// Reads until the next one that is clocked.
    pub(super) sample_in: Cell<u32>,
    /// Seconds since the worker began, as of the last sweep: connections are timed no finer.
    pub(super) now_s: Cell<u64>,
}

/// What a worker is given beside what all share.
pub(super) struct Feed {
    pub(super) sockets: mpsc::Receiver<net::TcpStream>,
    pub(super) questions: Receiver<oneshot::Sender<StageClocks>>,
    pub(super) wake: Arc<Wake>,
}

impl Feed {
    /// A worker's feed, with the ends that feed it.
    pub(super) fn new(sockets_max: usize) -> (Feed, mpsc::Sender<net::TcpStream>, WorkerFigures) {
        let (give, sockets) = mpsc::channel(sockets_max);
        let (ask, questions) = channel::bounded(QUESTIONS_MAX);
        let wake = Arc::new(Wake::default());
        (Feed { sockets, questions, wake: Arc::clone(&wake) }, give, WorkerFigures { questions: ask, wake })
    }
}

/// Runs a worker on the calling thread until its sockets' channel is closed and every connection has ended.
pub(super) fn run(shared: Arc<Shared>, feed: Feed) -> std::io::Result<StageClocks> {
    let Feed { sockets, questions, wake } = feed;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let durable_wake = Arc::clone(&wake);
    shared.engine.log().on_durable(Box::new(move |_| durable_wake.notify_waiting()));
    let (finish, finished) = channel::bounded(2 * shared.config.connections_max);
    let worker = Rc::new(Worker {
        wake,
        queue: RefCell::default(),
        spare_queue: Cell::default(),
        changes: RefCell::default(),
        waiting: RefCell::default(),
        finished,
        finish,
        connections: RefCell::default(),
        next_key: Cell::new(0),
        large_reads: LargeReads::default(),
        code_keys: RefCell::new(CodeKeys::new(shared.master_key.clone())),
        stages: RefCell::default(),
        slow: RefCell::new(SlowRequests::new(shared.config.slow_request_min)),
        questions,
        sample_in: Cell::new(0),
        now_s: Cell::new(0),
        shared,
    });
    let local = task::LocalSet::new();
    local.block_on(&runtime, Rc::clone(&worker).serve(sockets));
    drop(local);
    Ok(worker.stages.take())
}

impl Worker {
    async fn serve(self: Rc<Worker>, mut sockets: mpsc::Receiver<net::TcpStream>) {
        let pump = task::spawn_local(Rc::clone(&self).pump());
        let sweep = task::spawn_local(Rc::clone(&self).sweep());
        while let Some(socket) = sockets.recv().await {
            task::spawn_local(Rc::clone(&self).admit(socket));
        }
        // Stopping: no new socket comes. Answers under way are let out, then every connection is closed.
        while self.is_busy() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for connection in self.connections.borrow().values() {
            connection.finish(End::Stopping);
        }
        while !self.connections.borrow().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sweep.abort();
        pump.abort();
    }

    fn is_busy(&self) -> bool {
        let in_flight = |c: &Rc<Connection>| c.live_in_flight.get() || c.slow_in_flight.get();
        !self.shared.engine.log().poisoned() && self.connections.borrow().values().any(in_flight)
    }

    fn upload(&self, connection: &Rc<Connection>, header: &Header, upload: &Upload<'_>) {
        let hand_back = self.hand_back(connection.key, *header);
        let batch = upload.batch;
        let job = Job::Upload(Box::new(UploadJob {
            slot: connection.slot,
            terminal: connection.terminal,
            verifier: self.tac_verifier(connection),
            records: upload.records.to_vec(),
            done: Box::new(move |lines, observed| hand_back(observed, Body::Batch { batch, lines })),
        }));
        self.submit(connection, header, job);
    }

    fn open_gaps(&self, connection: &Rc<Connection>, header: &Header, query: OpenGapsQuery) {
        let hand_back = self.hand_back(connection.key, *header);
        let done = Box::new(move |page: GapPage| hand_back(page.observed, Body::OpenGaps(page)));
        self.submit(connection, header, Job::OpenGaps { query, done });
    }

    fn ask_about_till(&self, connection: &Rc<Connection>, header: &Header, ask: TillAsk) {
        let hand_back = self.hand_back(connection.key, *header);
        let job = TillJob {
            slot: connection.slot,
            terminal: connection.terminal,
            epoch: header.epoch,
            ask,
            done: Box::new(move |told, observed| {
                let body = match told {
                    TillTold::Reply(reply) => Body::Reply(reply),
                    told => Body::Till(told),
                };
                hand_back(observed, body);
            }),
        };
        self.submit(connection, header, Job::Till(Box::new(job)));
    }

    /// Queues a request to be decided in the next turn.
    fn queue(&self, connection: &Rc<Connection>, header: Header, request: &Request<'_>, frame: &[u8]) {
        let lane = header.kind.command().lane;
        let judge = Judge { shared: &self.shared, code_keys: &self.code_keys };
        let request = LiveRequest::new(connection, header, request, frame, |body| judge.proof(body), wall_ns)
            .expect("the table sends no other kind here");
        let pending = Pending { connection: Rc::clone(connection), request, checked_ns: monotonic_ns() };
        let changes = lane == Lane::Change;
        debug_assert_eq!(pending.request.command().configures(), changes, "table and ledger disagree");
        if changes {
            self.changes.borrow_mut().push_back(pending);
        } else {
            self.queue.borrow_mut().push(pending);
        }
        self.wake.notify();
    }

    /// Answers what needs the session alone.
    fn session_request(&self, connection: &Rc<Connection>, header: &Header, request: &Request<'_>) {
        match request {
            Request::Heartbeat(heartbeat) => self.heartbeat(connection, header, heartbeat.till_time_ns),
            Request::SignOut => {
                connection.answer(header, &Answer::SignedOut);
                connection.finish(End::SignedOut);
            }
            _ => unreachable!("the table sends no other kind here"),
        }
    }

    /// Hands a request with items to the slow lane.
    fn batch(&self, connection: &Rc<Connection>, header: &Header, request: &Request<'_>) {
        match request {
            Request::Upload(upload) => self.upload(connection, header, upload),
            Request::CashierOn(sign) => {
                self.ask_about_till(connection, header, TillAsk::Cashier { sign: *sign, on: true });
            }
            Request::CashierOff(sign) => {
                self.ask_about_till(connection, header, TillAsk::Cashier { sign: *sign, on: false });
            }
            Request::ShiftTotals => self.ask_about_till(connection, header, TillAsk::ShiftTotals),
            Request::ShiftClose(close) => {
                self.ask_about_till(connection, header, TillAsk::ShiftClose(*close));
            }
            Request::BatchSettle(batch) => {
                self.ask_about_till(connection, header, TillAsk::BatchSettle(*batch));
            }
            Request::Reprint(sale) => self.ask_about_till(connection, header, TillAsk::Reprint(*sale)),
            Request::BatchLines(BatchLines { first, last, lines }) => {
                let (first, last, lines) = (*first, *last, lines.to_vec());
                self.ask_about_till(connection, header, TillAsk::BatchLines { first, last, lines });
            }
            Request::ClassRules => {
                let (table, observed) = tables::class_rules(&self.shared.engine);
                self.hand_back(connection.key, *header)(observed, Body::ClassRules(table));
            }
            Request::MealPeriods => {
                let (table, observed) = tables::meal_periods(&self.shared.engine);
                self.hand_back(connection.key, *header)(observed, Body::MealPeriods(table));
            }
            Request::PriceTable => {
                let (table, observed) = tables::prices(&self.shared.engine);
                self.hand_back(connection.key, *header)(observed, Body::Prices(table));
            }
            Request::BlockList(query) => {
                let hand_back = self.hand_back(connection.key, *header);
                let done =
                    Box::new(move |page: BlockListPage| hand_back(page.observed, Body::BlockList(page)));
                self.submit(connection, header, Job::BlockList { query: *query, done });
            }
            Request::BlockListActive(active) => {
                let hand_back = self.hand_back(connection.key, *header);
                let done = Box::new(move |reply: Reply| hand_back(reply.observed(), Body::Reply(reply)));
                let (slot, terminal) = (connection.slot, connection.terminal);
                self.submit(
                    connection,
                    header,
                    Job::BlockListActive { slot, terminal, active: *active, done },
                );
            }
            Request::OpenGaps(query) => self.open_gaps(connection, header, *query),
            Request::TerminalKey => self.give_key(connection, header),
            _ => unreachable!("the table sends no other kind here"),
        }
    }

    /// What a heartbeat says of what is configured waits for the records that it stands on, as every answer does.
    fn heartbeat(&self, connection: &Rc<Connection>, header: &Header, till_time_ns: u64) {
        if connection.heartbeat_in_flight.replace(true) {
            return connection.answer(header, &Answer::Refused(Refusal::new(ResultCode::Busy)));
        }
        let server_time_ns = wall_ns();
        let routes = self.shared.engine.routes();
        let registry = &routes.configuration().registry;
        let heartbeat = HeartbeatAnswer {
            server_time_ns,
            clock_offset_ns: till_time_ns.wrapping_sub(server_time_ns).cast_signed(),
            business_date: registry.business_date(),
            parameter_version: routes.configuration().parameter_version().0 as u32,
            block_list_version: registry.block_list().version(),
            code_key_version: registry.code_key().version,
            key_version: registry.terminal(connection.slot).map_or(0, |terminal| terminal.key_version),
        };
        self.let_wait(Rc::clone(connection), *header, registry.changed(), Body::Heartbeat(heartbeat));
        self.wake.notify();
    }
}

impl FrameHandler for Worker {
    fn handle(&self, connection: &Rc<Connection>, frame: &[u8]) {
        let (header, request) = match Request::decode(frame) {
            Ok(decoded) => decoded,
            Err(error) => return connection.refuse(frame, Refusal::from(error)),
        };
        if header.terminal != connection.terminal {
            let offset = TERMINAL_OFFSET;
            let value = header.terminal.0.into();
            return connection.refuse(frame, Refusal { code: ResultCode::MalformedFrame, offset, value });
        }
        if let Some(code) = header.kind.command().refusal_to(connection.kind) {
            return connection.refuse(frame, Refusal::new(code));
        }
        let lane = header.kind.command().lane;
        if lane == Lane::Session {
            return self.session_request(connection, &header, &request);
        }
        if self.shared.is_stopping() {
            return connection.refuse(frame, Refusal::new(ResultCode::Stopping));
        }
        let in_flight =
            if lane == Lane::Batch { &connection.slow_in_flight } else { &connection.live_in_flight };
        if in_flight.replace(true) {
            return connection.refuse(frame, Refusal::new(ResultCode::Busy));
        }
        match lane {
            Lane::Session => unreachable!("answered above"),
            Lane::Live | Lane::Walk | Lane::Change => self.queue(connection, header, &request, frame),
            Lane::Office => self.office(connection, &header, &request, frame),
            Lane::Batch => self.batch(connection, &header, &request),
        }
    }

    fn now_s(&self) -> u64 {
        self.now_s.get()
    }

    fn large_reads(&self) -> &LargeReads {
        &self.large_reads
    }

    fn sample(&self) -> Option<u64> {
        match self.sample_in.get() {
            0 => {
                self.sample_in.set(SAMPLE_EVERY - 1);
                Some(monotonic_ns())
            }
            reads => {
                self.sample_in.set(reads - 1);
                None
            }
        }
    }

    fn sampled(&self, stage: Stage, since_ns: u64) -> u64 {
        let now_ns = monotonic_ns();
        self.stages.borrow_mut().record(stage, now_ns.saturating_sub(since_ns), 1);
        now_ns
    }
}

pub(super) fn wall_ns() -> u64 {
    wal::Clock::wall_ns(&wal::SystemClock)
}

pub(super) fn monotonic_ns() -> u64 {
    wal::Clock::monotonic_ns(&wal::SystemClock)
}
