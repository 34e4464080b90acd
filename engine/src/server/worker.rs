//! A worker: one thread, one `current_thread` runtime, its own connections, and the pump.
//!
//! ```text
//! readers: read, check MAC, decode ──▶ queue ──▶ pump: one turn for all of them ──▶ commit
//!                                                                                   │
//! till ◀── answer: counter, MAC, write ◀── waiting, in log order ◀── durable? ◀─────┘
//! ```
//!
//! Readers only queue; one task decides everything queued under one hold, writes the block itself when little is
//! staged, and then writes every answer that has become durable in a loop. A durable block wakes each worker once.
//!
//! **Invariants**
//! - An answer leaves only when the record that it observed is durable.
//! - Queue and waiting list are bounded by two for each connection.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::net;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam::channel::{self, Receiver, Sender};
use protocol::answer::{
    AccountStatus, Answer, BalanceAnswer, BatchAnswer, BatchLine, BillAnswer, HeartbeatAnswer, MoneyAnswer,
    Refusal,
};
use protocol::frame::Header;
use protocol::ids::{AccountId, RecordNumber};
use protocol::keys::{derive_card_master, derive_terminal_key};
use protocol::offline_record::TacVerifier;
use protocol::payment_code;
use protocol::request::{Request, Upload};
use protocol::result_code::ResultCode;
use protocol::sign_in::{ServerHandshake, Welcome};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task;

use super::connection::{Connection, End, FrameHandler, SignedIn, read_sign_in_frame};
use super::large_reads::LargeReads;
use super::live_request::{CodeKeys, LiveRequest};
use super::metrics::WorkerFigures;
use super::read_buffer::ReadBuffer;
use super::slow_requests::{SlowRequests, Times};
use super::stages::{SAMPLE_EVERY, Stage, StageClocks};
use super::{HEARTBEAT_INTERVAL, Shared};
use crate::ledger::Outcome;
use crate::ledger::account;
use crate::ledger::decision::BalanceView;
use crate::runtime::bill::BillPage;
use crate::runtime::engine::{EngineError, Reply};
use crate::runtime::slow_lane::{Job, OwnedCommand, UploadJob};

/// How often idle connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Questions for a worker's figures that may wait.
const QUESTIONS_MAX: usize = 16;

/// Where a frame names its terminal.
const TERMINAL_OFFSET: u32 = 8;

/// A live request waiting for its turn.
struct Pending {
    connection: Rc<Connection>,
    request: LiveRequest,
    checked_ns: u64,
}

/// An answer waiting for its record to be durable.
struct Waiting {
    observed: RecordNumber,
    connection: Rc<Connection>,
    header: Header,
    body: Body,
    /// When it was checked; for what never was in the queue, when it came to wait here.
    checked_ns: u64,
    staged_ns: u64,
}

/// What is to be told.
enum Body {
    Reply(Reply),
    Batch { batch: u32, lines: Vec<BatchLine> },
    Bill { account: Option<AccountId>, page: BillPage, code: ResultCode },
    Refused(Refusal),
}

/// What the slow lane hands back.
struct Finished {
    connection: u64,
    header: Header,
    observed: RecordNumber,
    body: Body,
}

/// One worker's state; everything in it stays on its thread.
pub struct Worker {
    shared: Arc<Shared>,
    wake: Arc<Wake>,
    queue: RefCell<Vec<Pending>>,
    spare_queue: Cell<Vec<Pending>>,
    waiting: RefCell<VecDeque<Waiting>>,
    finished: Receiver<Finished>,
    finish: Sender<Finished>,
    connections: RefCell<HashMap<u64, Rc<Connection>>>,
    next_key: Cell<u64>,
    large_reads: LargeReads,
    code_keys: RefCell<CodeKeys>,
    stages: RefCell<StageClocks>,
    slow: RefCell<SlowRequests>,
    questions: Receiver<oneshot::Sender<StageClocks>>,
    /// Reads until the next one that is clocked.
    sample_in: Cell<u32>,
    /// Seconds since the worker began, as of the last sweep: connections are timed no finer.
    now_s: Cell<u64>,
}

/// Wakes a worker's pump from other threads.
#[derive(Default)]
pub(super) struct Wake {
    notify: Notify,
    /// The newest record that an answer of this worker waits for; 0 when none waits.
    waits_for: AtomicU64,
}

impl Wake {
    pub(super) fn notify(&self) {
        self.notify.notify_one();
    }
}

/// What a worker is given beside what all share.
pub(super) struct Intake {
    pub(super) sockets: mpsc::Receiver<net::TcpStream>,
    pub(super) questions: Receiver<oneshot::Sender<StageClocks>>,
    pub(super) wake: Arc<Wake>,
}

impl Intake {
    /// A worker's intake, with the ends that feed it.
    pub(super) fn new(sockets_max: usize) -> (Intake, mpsc::Sender<net::TcpStream>, WorkerFigures) {
        let (give, sockets) = mpsc::channel(sockets_max);
        let (ask, questions) = channel::bounded(QUESTIONS_MAX);
        let wake = Arc::new(Wake::default());
        (Intake { sockets, questions, wake: Arc::clone(&wake) }, give, WorkerFigures { questions: ask, wake })
    }
}

/// Runs a worker on the calling thread until its sockets' channel is closed and every connection has ended.
pub(super) fn run(shared: Arc<Shared>, intake: Intake) -> std::io::Result<StageClocks> {
    let Intake { sockets, questions, wake } = intake;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let durable_wake = Arc::clone(&wake);
    shared.engine.log().on_durable(Box::new(move |_| {
        if durable_wake.waits_for.load(Ordering::Acquire) != 0 {
            durable_wake.notify.notify_one();
        }
    }));
    let (finish, finished) = channel::bounded(2 * shared.config.connections_max);
    let code_keys = CodeKeys::new(
        (0..=payment_code::CODE_KEY_ID_MAX).map(|id| protocol::keys::derive_code_key(&shared.master_key, id)),
    );
    let worker = Rc::new(Worker {
        wake,
        queue: RefCell::default(),
        spare_queue: Cell::default(),
        waiting: RefCell::default(),
        finished,
        finish,
        connections: RefCell::default(),
        next_key: Cell::new(0),
        large_reads: LargeReads::default(),
        code_keys: RefCell::new(code_keys),
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

    /// One socket's whole life.
    async fn admit(self: Rc<Worker>, socket: net::TcpStream) {
        let Ok(stream) = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket)) else {
            return;
        };
        let _place = self.shared.take_place();
        let handshake = tokio::time::timeout(self.shared.config.sign_in_timeout, self.sign_in(stream));
        let Ok(Some((connection, reader, opener, buffer))) = handshake.await else { return };
        self.connections.borrow_mut().insert(connection.key, Rc::clone(&connection));
        let end = connection.run(reader, opener, buffer, &*self).await;
        tracing::debug!(terminal = %connection.terminal, ?end, "connection ended");
        self.connections.borrow_mut().remove(&connection.key);
        self.shared.sessions.close(&connection.lease);
    }

    async fn sign_in(
        &self,
        stream: TcpStream,
    ) -> Option<(Rc<Connection>, OwnedReadHalf, protocol::session::Opener, ReadBuffer)> {
        stream.set_nodelay(true).ok()?;
        let mut buffer = ReadBuffer::default();
        let refused = |refusal: Refusal, bytes: &[u8]| {
            tracing::debug!(code = %refusal.code, offset = refusal.offset, value = refusal.value, "sign-in refused");
            // A refusal is small and the socket's buffer empty; a peer that's gone loses nothing by it.
            let _ = stream.try_write(&refusal.frame(bytes));
            None
        };
        let hello = match read_sign_in_frame(&stream, &mut buffer).await.ok()? {
            Ok(frame) => frame?,
            Err(error) => return refused(error.into(), &[]),
        };
        let nonce = crate::data_dir::random_bytes();
        let key_of = |terminal| {
            let routes = self.shared.engine.routes();
            let found = routes.configuration().registry.find_terminal(terminal).filter(|t| t.enabled)?;
            Some(derive_terminal_key(&self.shared.master_key, terminal, found.key_version))
        };
        let (handshake, challenge) = match ServerHandshake::on_hello(&hello, nonce, key_of) {
            Ok(challenged) => challenged,
            Err(refusal) => return refused(refusal, &hello),
        };
        write_all(&stream, &challenge).await?;
        let prove = match read_sign_in_frame(&stream, &mut buffer).await.ok()? {
            Ok(frame) => frame?,
            Err(error) => return refused(error.into(), &[]),
        };
        let proven = match handshake.on_prove(&prove) {
            Ok(proven) => proven,
            Err(refusal) => return refused(refusal, &prove),
        };
        let terminal_id = proven.terminal();
        let (terminal, welcome) = self.welcome(terminal_id, proven.epoch())?;
        let lease = self.shared.sessions.open(terminal_id);
        let (session, welcome) = proven.welcome(&welcome);
        write_all(&stream, &welcome).await?;
        let (sealer, opener) = session.into_split();
        let key = self.next_key.replace(self.next_key.get() + 1);
        let (reader, writer) = stream.into_split();
        let signed_in = SignedIn {
            writer,
            sealer,
            key,
            terminal: terminal_id,
            slot: terminal.slot,
            kind: terminal.kind,
            lease,
        };
        Some((Rc::new(Connection::new(signed_in, self.now_s())), reader, opener, buffer))
    }

    fn welcome(
        &self,
        terminal: protocol::ids::TerminalId,
        epoch: protocol::ids::Epoch,
    ) -> Option<(crate::ledger::registry::Terminal, Welcome)> {
        let routes = self.shared.engine.routes();
        let registry = &routes.configuration().registry;
        let terminal = *registry.find_terminal(terminal)?;
        let policy = *registry.policy(0);
        let (business_date, parameter_version) = (registry.business_date(), registry.changed().0 as u32);
        let last_sequence = routes.last_sequence(terminal.slot, epoch);
        let welcome = Welcome {
            server_time_ns: wall_ns(),
            business_date,
            in_flight_max: 1,
            heartbeat_interval_ms: HEARTBEAT_INTERVAL.as_millis() as u32,
            merchant: terminal.merchant,
            parameter_version,
            block_list_version: 0,
            last_sequence,
            debit_max_fen: policy.debit_max_fen.into(),
            offline_debit_max_fen: policy.offline_debit_max_fen.into(),
            offline_day_max_fen: policy.offline_day_max_fen.into(),
            block_list_age_max_s: 0,
            offline_days_max: 0,
            terminal_kind: terminal.kind,
        };
        Some((terminal, welcome))
    }

    /// Closes connections that have been silent for too long, also half-open ones.
    async fn sweep(self: Rc<Worker>) {
        let begun_ns = monotonic_ns();
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.now_s.set((monotonic_ns() - begun_ns) / 1_000_000_000);
            self.slow.borrow_mut().begin_second();
            let silent_before = self.now_s().saturating_sub(self.shared.config.idle_timeout.as_secs());
            for connection in self.connections.borrow().values() {
                if connection.heard_at_s.get() < silent_before {
                    connection.finish(End::Idle);
                } else if connection.lease.is_fenced() {
                    connection.finish(End::Refused(ResultCode::Fenced));
                }
            }
        }
    }

    async fn pump(self: Rc<Worker>) {
        loop {
            self.wake.notify.notified().await;
            self.collect_finished();
            self.decide_queue();
            self.release();
            while let Ok(question) = self.questions.try_recv() {
                // Whoever asked may have given up.
                let _ = question.send(self.stages.borrow().clone());
            }
        }
    }

    /// Decides everything queued in one turn, then commits.
    fn decide_queue(&self) {
        let mut queue = self.queue.replace(self.spare_queue.take());
        if !queue.is_empty() {
            let begun_ns = monotonic_ns();
            {
                let mut stages = self.stages.borrow_mut();
                for pending in &queue {
                    stages.record(Stage::Queue, begun_ns.saturating_sub(pending.checked_ns), 1);
                }
            }
            let commands = queue.iter().map(|pending| pending.request.command(None));
            let mut turn = self.shared.engine.routes().hold_for(commands);
            let mut waiting = self.waiting.borrow_mut();
            let count = queue.len() as u64;
            let first = waiting.len();
            for Pending { connection, request, checked_ns } in queue.drain(..) {
                let reply = turn.execute(&request.command(None));
                match reply {
                    Reply::NeedsHistory { .. } => self.look_up_history(&connection, request),
                    Reply::BillHead(view) => self.fetch_bill(&connection, &request, view),
                    reply => waiting.push_back(Waiting {
                        observed: reply.observed(),
                        connection,
                        header: request.header,
                        body: Body::Reply(reply),
                        checked_ns,
                        staged_ns: begun_ns,
                    }),
                }
            }
            drop(turn);
            let staged_ns = monotonic_ns();
            for answer in waiting.range_mut(first..) {
                answer.staged_ns = staged_ns;
            }
            self.stages.borrow_mut().record(Stage::Apply, staged_ns - begun_ns, count);
            // What backfill stages isn't pushed out from here: it fills its blocks.
            if let Err(error) = self.shared.engine.commit() {
                self.shared.fail(&error);
            }
        }
        self.spare_queue.set(queue);
    }

    /// Sends every answer whose record is durable.
    fn release(&self) {
        let log = self.shared.engine.log();
        if let Some(cause) = log.poison_cause() {
            self.shared.fail(&cause);
        }
        let durable = log.durable();
        let mut waiting = self.waiting.borrow_mut();
        let durable_ns = self.shared.blocks.durable_ns();
        let begun_ns = monotonic_ns();
        let server_time_ns = wall_ns();
        let (mut released, mut since_ns) = (0, begun_ns);
        while let Some(answer) = waiting.pop_front_if(|answer| answer.observed.0 <= durable) {
            // What depends on no block of now (a repeated outcome) began to wait for its answer when it was decided.
            since_ns = since_ns.min(durable_ns.max(answer.staged_ns));
            let times =
                Times { checked_ns: answer.checked_ns, staged_ns: answer.staged_ns, durable_ns, begun_ns };
            self.slow.borrow_mut().look(&answer.header, &times);
            answer.send(server_time_ns);
            released += 1;
        }
        // Set before looking at the durable position again: a block that ended in between wakes this worker.
        self.wake
            .waits_for
            .store(waiting.back().map_or(0, |answer| answer.observed.0.max(1)), Ordering::Release);
        if waiting.front().is_some_and(|answer| answer.observed.0 <= log.durable()) {
            self.wake.notify.notify_one();
        }
        if released > 0 {
            let answer_ns = monotonic_ns().saturating_sub(since_ns);
            self.stages.borrow_mut().record(Stage::Answer, answer_ns, released);
        }
    }

    fn collect_finished(&self) {
        while let Ok(Finished { connection, header, observed, body }) = self.finished.try_recv() {
            let Some(connection) = self.connections.borrow().get(&connection).cloned() else { continue };
            let now_ns = monotonic_ns();
            self.waiting.borrow_mut().push_back(Waiting {
                observed,
                connection,
                header,
                body,
                checked_ns: now_ns,
                staged_ns: now_ns,
            });
        }
    }

    fn look_up_history(&self, connection: &Rc<Connection>, request: LiveRequest) {
        let hand_back = self.hand_back(connection.key, request.header);
        let done = Box::new(move |reply: Reply| hand_back(reply.observed(), Body::Reply(reply)));
        self.submit(connection, &request.header, Job::History { command: Box::new(request), done });
    }

    fn fetch_bill(
        &self,
        connection: &Rc<Connection>,
        request: &LiveRequest,
        view: crate::ledger::decision::BillHeadView,
    ) {
        let query = *request.bill_query().expect("only a bill query is answered with a chain's head");
        let hand_back = self.hand_back(connection.key, request.header);
        let done = Box::new(move |page: Result<BillPage, EngineError>| {
            let (page, code) = match page {
                Ok(page) => (page, ResultCode::Approved),
                Err(error) => {
                    tracing::error!(account = %view.account, %error, "a bill can't be read");
                    (BillPage::default(), ResultCode::Busy)
                }
            };
            hand_back(view.observed, Body::Bill { account: Some(view.account), page, code });
        });
        let job = Job::Bill {
            account: view.account,
            head: view.head,
            before: query.before,
            lines_max: query.lines_max.into(),
            done,
        };
        self.submit(connection, &request.header, job);
    }

    fn upload(&self, connection: &Rc<Connection>, header: &Header, upload: &Upload<'_>) {
        connection.slow_in_flight.set(true);
        let hand_back = self.hand_back(connection.key, *header);
        let batch = upload.batch;
        let terminal_key = {
            let routes = self.shared.engine.routes();
            let found = routes.configuration().registry.terminal(connection.slot);
            let key_version = found.expect("a session's slot is registered").key_version;
            derive_terminal_key(&self.shared.master_key, connection.terminal, key_version)
        };
        let job = Job::Upload(Box::new(UploadJob {
            slot: connection.slot,
            terminal: connection.terminal,
            verifier: TacVerifier::new(
                &derive_card_master(&self.shared.master_key),
                &terminal_key,
                connection.terminal,
            ),
            records: upload.records.to_vec(),
            done: Box::new(move |lines, observed| hand_back(observed, Body::Batch { batch, lines })),
        }));
        self.submit(connection, header, job);
    }

    /// What the slow lane calls when it is done: hands the result to this worker and wakes its pump.
    fn hand_back(&self, connection: u64, header: Header) -> impl FnOnce(RecordNumber, Body) + Send + use<> {
        let (finish, wake) = (self.finish.clone(), Arc::clone(&self.wake));
        move |observed, body| {
            // The channel has two places for each connection; a worker that has stopped needs no answer.
            let _ = finish.try_send(Finished { connection, header, observed, body });
            wake.notify.notify_one();
        }
    }

    fn submit(&self, connection: &Rc<Connection>, header: &Header, job: Job) {
        if self.shared.slow_lane.submit(job).is_err() {
            let refusal = Refusal::new(ResultCode::Busy);
            let now_ns = monotonic_ns();
            self.waiting.borrow_mut().push_back(Waiting {
                observed: RecordNumber(0),
                connection: Rc::clone(connection),
                header: *header,
                body: Body::Refused(refusal),
                checked_ns: now_ns,
                staged_ns: now_ns,
            });
            self.wake.notify.notify_one();
        }
    }

    fn heartbeat(&self, connection: &Connection, header: &Header, till_time_ns: u64) {
        let server_time_ns = wall_ns();
        let routes = self.shared.engine.routes();
        let registry = &routes.configuration().registry;
        connection.answer(
            header,
            &Answer::Heartbeat(HeartbeatAnswer {
                server_time_ns,
                clock_offset_ns: till_time_ns.wrapping_sub(server_time_ns).cast_signed(),
                business_date: registry.business_date(),
                parameter_version: registry.changed().0 as u32,
                block_list_version: 0,
            }),
        );
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
        if !header.kind.command().may_be_sent_by(connection.kind) {
            return connection.refuse(frame, Refusal::new(ResultCode::NotPermitted));
        }
        match &request {
            Request::Heartbeat(heartbeat) => {
                return self.heartbeat(connection, &header, heartbeat.till_time_ns);
            }
            Request::SignOut => {
                connection.answer(&header, &Answer::SignedOut);
                return connection.finish(End::SignedOut);
            }
            _ if self.shared.is_stopping() => {
                return connection.refuse(frame, Refusal::new(ResultCode::Stopping));
            }
            Request::Upload(upload) => {
                if connection.slow_in_flight.get() {
                    return connection.refuse(frame, Refusal::new(ResultCode::Busy));
                }
                return self.upload(connection, &header, upload);
            }
            _ => {}
        }
        if connection.live_in_flight.get() {
            return connection.refuse(frame, Refusal::new(ResultCode::Busy));
        }
        let mut code_keys = self.code_keys.borrow_mut();
        let request = LiveRequest::new(connection.slot, header, &request, frame, &mut code_keys, wall_ns)
            .expect("every other kind was handled above");
        connection.live_in_flight.set(true);
        let pending = Pending { connection: Rc::clone(connection), request, checked_ns: monotonic_ns() };
        self.queue.borrow_mut().push(pending);
        self.wake.notify.notify_one();
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

impl Waiting {
    fn send(&self, server_time_ns: u64) {
        let Waiting { connection, header, .. } = self;
        match &self.body {
            Body::Batch { batch, lines } => {
                connection.slow_in_flight.set(false);
                let answer = BatchAnswer { batch: *batch, server_time_ns, lines };
                connection.answer(header, &Answer::Batch(answer));
            }
            Body::Bill { account, page, code } => {
                connection.live_in_flight.set(false);
                let answer = BillAnswer {
                    code: *code,
                    account: *account,
                    next_before: page.next_before,
                    lines: &page.lines,
                };
                connection.answer(header, &Answer::Bill(answer));
            }
            Body::Refused(refusal) => {
                match header.kind {
                    protocol::command_table::Kind::Upload => connection.slow_in_flight.set(false),
                    _ => connection.live_in_flight.set(false),
                }
                connection.answer(header, &Answer::Refused(*refusal));
            }
            Body::Reply(reply) => {
                connection.live_in_flight.set(false);
                connection.answer(header, &answer_of(header, reply, server_time_ns));
            }
        }
    }
}

/// A reply as an answer to the request with this header.
fn answer_of(header: &Header, reply: &Reply, server_time_ns: u64) -> Answer<'static> {
    use protocol::command_table::Kind;
    match reply {
        Reply::Refused(code) => Answer::Refused(Refusal::new(*code)),
        Reply::Balance(view) => Answer::Balance(balance_answer(view, server_time_ns)),
        Reply::SaleNotSeen { .. } => Answer::Money(MoneyAnswer {
            code: ResultCode::UnknownSale,
            repeat: false,
            account: None,
            amount_fen: 0,
            balance_after_fen: 0,
            record: RecordNumber(0),
            server_time_ns,
        }),
        Reply::Outcome(outcome) => match header.kind {
            Kind::Balance => Answer::Balance(no_balance(outcome.code, server_time_ns)),
            Kind::Bill => Answer::Bill(BillAnswer {
                code: outcome.code,
                account: None,
                next_before: RecordNumber(0),
                lines: &[],
            }),
            _ => Answer::Money(money_answer(outcome, server_time_ns)),
        },
        Reply::BillHead(_) | Reply::NeedsHistory { .. } => {
            unreachable!("the slow lane answers these with something else")
        }
    }
}

fn money_answer(outcome: &Outcome, server_time_ns: u64) -> MoneyAnswer {
    MoneyAnswer {
        code: outcome.code,
        repeat: outcome.repeat,
        account: outcome.account,
        amount_fen: outcome.amount_fen,
        balance_after_fen: outcome.balance_after_fen,
        record: outcome.record,
        server_time_ns,
    }
}

fn balance_answer(view: &BalanceView, server_time_ns: u64) -> BalanceAnswer {
    BalanceAnswer {
        code: ResultCode::Approved,
        status: match view.status {
            account::AccountStatus::Open => AccountStatus::Active,
            account::AccountStatus::Frozen => AccountStatus::Frozen,
            account::AccountStatus::Closed => AccountStatus::Closed,
        },
        account: Some(view.account),
        card_fen: view.card_fen,
        transition_fen: view.transition_fen,
        electronic_fen: view.electronic_fen,
        held_fen: view.held_fen,
        system_fen: view.system_fen,
        record: view.observed,
        server_time_ns,
    }
}

fn no_balance(code: ResultCode, server_time_ns: u64) -> BalanceAnswer {
    BalanceAnswer {
        code,
        status: AccountStatus::None,
        account: None,
        card_fen: 0,
        transition_fen: 0,
        electronic_fen: 0,
        held_fen: 0,
        system_fen: 0,
        record: RecordNumber(0),
        server_time_ns,
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        stream.writable().await.ok()?;
        match stream.try_write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
    Some(())
}

fn wall_ns() -> u64 {
    wal::Clock::wall_ns(&wal::SystemClock)
}

fn monotonic_ns() -> u64 {
    wal::Clock::monotonic_ns(&wal::SystemClock)
}
