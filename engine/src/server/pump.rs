//! The pump: decides what is queued in one turn, and sends each answer once its record is durable.
//!
//! ```text
//! queue ────▶ decide_queue: one turn ─────┬▶ commit ──▶ waiting, in log order ──▶ release: durable? ──▶ answer
//! changes ──▶ decide_changes: few a turn ─┤                 ▲
//!                                         └──▶ slow lane ───┴ collect_finished
//!                                   bills, old outcomes; passwords have a lane of their own
//! ```
//!
//! What changes the registry or the directory has a queue of its own, and is decided after the live requests: it holds
//! everything, so it is done for a few at a time.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::answer::{
    AdjustmentsAnswer, Answer, BatchAnswer, BatchLine, BillAnswer, ClassRulesAnswer, HeartbeatAnswer,
    MealPeriodsAnswer, OpenGapsAnswer, PriceTableAnswer, Refusal, SubsidyAnswer, SubsidyPreviewAnswer,
    TerminalKeyAnswer,
};
use protocol::command_table::Lane;
use protocol::frame::Header;
use protocol::ids::{AccountId, RecordNumber};
use protocol::request::{BillQuery, Request, StatementQuery};
use protocol::result_code::ResultCode;
use protocol::tables::{ClassRulesLine, MealPeriodLine, PriceLine};
use tokio::sync::Notify;
use tokio::task;

use super::answers::{
    ToldStatement, ToldUnconfirmed, answer, block_list_answer, scan_answer, statement_answer, till_answer,
    unconfirmed_answer,
};
use super::connection::Connection;
use super::intake::LiveRequest;
use super::slow_requests::Times;
use super::stages::Stage;
use super::tables::Table;
use super::worker::{Worker, monotonic_ns, wall_ns};
use crate::ledger::decision::BillHeadView;
use crate::runtime::bill::BillPage;
use crate::runtime::block_list_pages::BlockListPage;
use crate::runtime::engine::{EngineError, Reply};
use crate::runtime::office::AdjustmentsPage;
use crate::runtime::open_gaps::GapPage;
use crate::runtime::slow_lane::{Job, OwnedCommand};
use crate::runtime::statement::{Statement, StatementError};
use crate::runtime::subsidy::SubsidyPage;
use crate::runtime::till_desk::TillTold;
use crate::runtime::unconfirmed::{Silent, Unconfirmed};

/// Requests that configure, of one turn: while it lasts nobody else decides anything.
const CHANGES_A_TURN_MAX: usize = 16;

/// A live request waiting for its turn.
pub(super) struct Pending {
    pub(super) connection: Rc<Connection>,
    pub(super) request: LiveRequest,
    pub(super) checked_ns: u64,
}

/// An answer waiting for its record to be durable.
pub(super) struct Waiting {
    observed: RecordNumber,
    connection: Rc<Connection>,
    header: Header,
    body: Body,
    /// When it was checked; for what never was in the queue, when it came to wait here.
    checked_ns: u64,
    staged_ns: u64,
}

/// What is to be told.
pub(super) enum Body {
    Reply(Reply),
    /// A reply to the payment of what was scanned, and what the phone shows if it is paid.
    Scan(Reply, u32),
    Batch {
        batch: u32,
        lines: Vec<BatchLine>,
    },
    Bill {
        account: Option<AccountId>,
        page: BillPage,
        code: ResultCode,
    },
    Statement(Box<ToldStatement>),
    Till(TillTold),
    ClassRules(Table<ClassRulesLine>),
    MealPeriods(Table<MealPeriodLine>),
    Prices(Table<PriceLine>),
    BlockList(BlockListPage),
    Unconfirmed(Box<ToldUnconfirmed>),
    OpenGaps(GapPage),
    Adjustments(AdjustmentsPage),
    Heartbeat(HeartbeatAnswer),
    Subsidy(Box<SubsidyAnswer>),
    SubsidyPreview(SubsidyPage),
    TerminalKey(TerminalKeyAnswer),
    Refused(Refusal),
}

impl Body {
    /// A reply of the ledger to a request that has this to be confirmed by.
    fn of(reply: Reply, confirmation: Option<u32>) -> Body {
        match confirmation {
            Some(confirmation) => Body::Scan(reply, confirmation),
            None => Body::Reply(reply),
        }
    }
}

/// What the slow lane hands back.
pub(super) struct Finished {
    connection: u64,
    header: Header,
    observed: RecordNumber,
    body: Body,
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

    /// As [`Wake::notify`], if an answer waits for a block.
    pub(super) fn notify_waiting(&self) {
        if self.waits_for.load(Ordering::Acquire) != 0 {
            self.notify();
        }
    }
}

impl Worker {
    pub(super) async fn pump(self: Rc<Worker>) {
        loop {
            self.wake.notify.notified().await;
            self.collect_finished();
            let mut decided = self.decide_queue();
            decided |= self.decide_changes();
            // What backfill stages isn't pushed out from here: it fills its blocks.
            if decided && let Err(error) = self.shared.engine.commit() {
                self.shared.fail(&error);
            }
            self.release();
            while let Ok(question) = self.questions.try_recv() {
                // Whoever asked may have given up.
                let _ = question.send(self.stages.borrow().clone());
            }
            if !self.changes.borrow().is_empty() {
                // The readers come first: who sells waits for one turn of changes, not for all of them.
                self.wake.notify();
                task::yield_now().await;
            }
        }
    }

    /// Decides everything queued in one turn; false when nothing was.
    fn decide_queue(&self) -> bool {
        let mut queue = self.queue.replace(self.spare_queue.take());
        let decided = !queue.is_empty();
        if decided {
            let begun_ns = self.begin_turn(&queue);
            let commands = queue.iter().map(|pending| pending.request.command());
            let mut turn = self.shared.engine.routes().hold_for(commands);
            let first = self.waiting.borrow().len();
            let count = queue.len() as u64;
            for pending in queue.drain(..) {
                let reply = turn.execute(&pending.request.command());
                self.take_reply(pending, reply, begun_ns);
            }
            drop(turn);
            self.end_turn(begun_ns, first, count);
        }
        self.spare_queue.set(queue);
        decided
    }

    /// Decides some of what is queued that configures, in a turn that holds everything; false when nothing was. What is
    /// left has its turn after the live requests that have come meanwhile.
    fn decide_changes(&self) -> bool {
        let mut changes = self.changes.borrow_mut();
        if changes.is_empty() {
            return false;
        }
        let count = changes.len().min(CHANGES_A_TURN_MAX);
        let begun_ns = self.begin_turn(changes.range(..count));
        let mut turn = self.shared.engine.changes();
        let first = self.waiting.borrow().len();
        for pending in changes.drain(..count) {
            let reply = turn.execute(&pending.request.command());
            self.take_reply(pending, reply, begun_ns);
        }
        drop(turn);
        self.end_turn(begun_ns, first, count as u64);
        true
    }

    /// Counts how long each was queued, and returns when that ended.
    fn begin_turn<'p>(&self, pending: impl IntoIterator<Item = &'p Pending>) -> u64 {
        let begun_ns = monotonic_ns();
        let mut stages = self.stages.borrow_mut();
        for pending in pending {
            stages.record(Stage::Queue, begun_ns.saturating_sub(pending.checked_ns), 1);
        }
        begun_ns
    }

    /// Lets an answer wait for its record, or the slow lane find out more.
    fn take_reply(&self, pending: Pending, reply: Reply, begun_ns: u64) {
        let Pending { connection, request, checked_ns } = pending;
        match reply {
            Reply::Needs(_) => self.look_up(&connection, request),
            Reply::BillHead(view) => self.walk(&connection, &request, view),
            reply => self.waiting.borrow_mut().push_back(Waiting {
                observed: reply.observed(),
                connection,
                header: request.header,
                body: Body::of(reply, request.confirmation()),
                checked_ns,
                staged_ns: begun_ns,
            }),
        }
    }

    /// What was decided in a turn is staged now.
    fn end_turn(&self, begun_ns: u64, first: usize, count: u64) {
        let staged_ns = monotonic_ns();
        for answer in self.waiting.borrow_mut().range_mut(first..) {
            answer.staged_ns = staged_ns;
        }
        self.stages.borrow_mut().record(Stage::Apply, staged_ns - begun_ns, count);
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
            self.wake.notify();
        }
        if released > 0 {
            let answer_ns = monotonic_ns().saturating_sub(since_ns);
            self.stages.borrow_mut().record(Stage::Answer, answer_ns, released);
        }
    }

    fn collect_finished(&self) {
        while let Ok(Finished { connection, header, observed, body }) = self.finished.try_recv() {
            let Some(connection) = self.connections.borrow().get(&connection).cloned() else { continue };
            self.let_wait(connection, header, observed, body);
        }
    }

    /// Lets wait what never was in the queue.
    pub(super) fn let_wait(
        &self,
        connection: Rc<Connection>,
        header: Header,
        observed: RecordNumber,
        body: Body,
    ) {
        let now_ns = monotonic_ns();
        let (checked_ns, staged_ns) = (now_ns, now_ns);
        let waiting = Waiting { observed, connection, header, body, checked_ns, staged_ns };
        self.waiting.borrow_mut().push_back(waiting);
    }

    fn look_up(&self, connection: &Rc<Connection>, request: LiveRequest) {
        let header = request.header;
        let hand_back = self.hand_back(connection.key, header);
        let confirmation = request.confirmation();
        let done = Box::new(move |reply: Reply| hand_back(reply.observed(), Body::of(reply, confirmation)));
        if !request.is_by_password() {
            return self.submit(connection, &header, Job::LookUp { command: Box::new(request), done });
        }
        if self.shared.password_lane.submit(Box::new(request), done).is_err() {
            self.say_busy(connection, &header);
        }
    }

    /// Has the slow lane walk down an account's chain, for whichever question begins at its head.
    fn walk(&self, connection: &Rc<Connection>, request: &LiveRequest, view: BillHeadView) {
        let header = &request.header;
        match request.body() {
            Request::Bill(query) => self.fetch_bill(connection, header, query, view),
            Request::Statement(query) => self.fetch_statement(connection, header, query, view),
            Request::Unconfirmed(_) => self.fetch_unconfirmed(connection, header, view),
            other => unreachable!("{:?} is answered with a chain's head", other.kind()),
        }
    }

    fn fetch_bill(
        &self,
        connection: &Rc<Connection>,
        header: &Header,
        query: &BillQuery,
        view: BillHeadView,
    ) {
        let hand_back = self.hand_back(connection.key, *header);
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
        self.submit(connection, header, job);
    }

    fn fetch_statement(
        &self,
        connection: &Rc<Connection>,
        header: &Header,
        query: &StatementQuery,
        view: BillHeadView,
    ) {
        let hand_back = self.hand_back(connection.key, *header);
        let BillHeadView { account, head, observed, .. } = view;
        let done = Box::new(move |page: Result<Statement, StatementError>| {
            let (page, code) = match page {
                Ok(page) => (page, ResultCode::Approved),
                Err(error) => {
                    let code = error.code();
                    if code == ResultCode::Busy {
                        tracing::error!(%account, %error, "a statement can't be made");
                    }
                    (Statement::default(), code)
                }
            };
            let told = ToldStatement { code, account, record: head, page };
            hand_back(observed, Body::Statement(Box::new(told)));
        });
        self.submit(connection, header, Job::Statement { account, head, query: *query, done });
    }

    fn fetch_unconfirmed(&self, connection: &Rc<Connection>, header: &Header, view: BillHeadView) {
        let hand_back = self.hand_back(connection.key, *header);
        let BillHeadView { account, head, observed, .. } = view;
        let sessions = Arc::clone(&self.shared.sessions);
        let done = Box::new(move |found: Result<(Unconfirmed, Silent), EngineError>| {
            let (code, (found, silent)) = match found {
                Ok(found) => (ResultCode::Approved, found),
                Err(error) => {
                    tracing::error!(%account, %error, "how far a balance is confirmed can't be read");
                    (ResultCode::Busy, Default::default())
                }
            };
            let told = ToldUnconfirmed { code, account, record: head, found, silent };
            hand_back(observed, Body::Unconfirmed(Box::new(told)));
        });
        let contact = Box::new(move |terminal| sessions.contact(terminal));
        self.submit(connection, header, Job::Unconfirmed { account, head, contact, done });
    }

    /// What the slow lane calls when it is done: hands the result to this worker and wakes its pump.
    pub(super) fn hand_back(
        &self,
        connection: u64,
        header: Header,
    ) -> impl FnOnce(RecordNumber, Body) + Send + use<> {
        let (finish, wake) = (self.finish.clone(), Arc::clone(&self.wake));
        move |observed, body| {
            // The channel has two places for each connection; a worker that has stopped needs no answer.
            let _ = finish.try_send(Finished { connection, header, observed, body });
            wake.notify();
        }
    }

    pub(super) fn submit(&self, connection: &Rc<Connection>, header: &Header, job: Job) {
        if self.shared.slow_lane.submit(job).is_err() {
            self.say_busy(connection, header);
        }
    }

    /// A lane has as much to do as it takes.
    fn say_busy(&self, connection: &Rc<Connection>, header: &Header) {
        let refusal = Body::Refused(Refusal::new(ResultCode::Busy));
        self.let_wait(Rc::clone(connection), *header, RecordNumber(0), refusal);
        self.wake.notify();
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
            Body::Statement(told) => {
                connection.live_in_flight.set(false);
                connection.answer(header, &Answer::Statement(statement_answer(told)));
            }
            Body::Till(told) => {
                connection.slow_in_flight.set(false);
                connection.answer(header, &till_answer(told));
            }
            Body::ClassRules(Table { version, lines }) => {
                connection.slow_in_flight.set(false);
                let answer =
                    ClassRulesAnswer { code: ResultCode::Approved, parameter_version: *version, lines };
                connection.answer(header, &Answer::ClassRules(answer));
            }
            Body::MealPeriods(Table { version, lines }) => {
                connection.slow_in_flight.set(false);
                let answer =
                    MealPeriodsAnswer { code: ResultCode::Approved, parameter_version: *version, lines };
                connection.answer(header, &Answer::MealPeriods(answer));
            }
            Body::Prices(Table { version, lines }) => {
                connection.slow_in_flight.set(false);
                let answer =
                    PriceTableAnswer { code: ResultCode::Approved, parameter_version: *version, lines };
                connection.answer(header, &Answer::PriceTable(answer));
            }
            Body::BlockList(page) => {
                connection.slow_in_flight.set(false);
                connection.answer(header, &Answer::BlockList(block_list_answer(page)));
            }
            Body::Unconfirmed(told) => {
                connection.live_in_flight.set(false);
                connection.answer(header, &Answer::Unconfirmed(unconfirmed_answer(told, server_time_ns)));
            }
            Body::OpenGaps(page) => {
                connection.slow_in_flight.set(false);
                let answer = OpenGapsAnswer {
                    code: ResultCode::Approved,
                    more: page.more,
                    record: page.observed,
                    lines: &page.lines,
                };
                connection.answer(header, &Answer::OpenGaps(answer));
            }
            Body::Adjustments(page) => {
                connection.live_in_flight.set(false);
                let answer = AdjustmentsAnswer {
                    code: ResultCode::Approved,
                    next_after: page.next_after,
                    server_time_ns,
                    lines: &page.lines,
                };
                connection.answer(header, &Answer::Adjustments(answer));
            }
            Body::Heartbeat(heartbeat) => {
                connection.heartbeat_in_flight.set(false);
                connection.answer(header, &Answer::Heartbeat(*heartbeat));
            }
            Body::Subsidy(answer) => {
                connection.live_in_flight.set(false);
                connection.answer(header, &Answer::Subsidy(SubsidyAnswer { server_time_ns, ..**answer }));
            }
            Body::SubsidyPreview(page) => {
                connection.live_in_flight.set(false);
                let answer = SubsidyPreviewAnswer {
                    code: page.code,
                    batch: page.batch,
                    next_account: page.next_account,
                    server_time_ns,
                    lines: &page.lines,
                };
                connection.answer(header, &Answer::SubsidyPreview(answer));
            }
            Body::TerminalKey(key) => {
                connection.slow_in_flight.set(false);
                connection.answer(header, &Answer::TerminalKey(*key));
            }
            Body::Refused(refusal) => {
                in_flight(connection, header).set(false);
                connection.answer(header, &Answer::Refused(*refusal));
            }
            Body::Reply(reply) => {
                in_flight(connection, header).set(false);
                connection.answer(header, &answer(header, reply, server_time_ns));
            }
            Body::Scan(reply, confirmation) => {
                connection.live_in_flight.set(false);
                connection.answer(header, &scan_answer(header, reply, *confirmation, server_time_ns));
            }
        }
    }
}

/// What says that the till waits for an answer of this lane.
fn in_flight<'c>(connection: &'c Connection, header: &Header) -> &'c Cell<bool> {
    match header.kind.command().lane {
        Lane::Batch => &connection.slow_in_flight,
        _ => &connection.live_in_flight,
    }
}
