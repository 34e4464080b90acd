//! The slow lane: uploads, bills and whatever memory doesn't have any more, on a thread of their own.
//!
//! Live requests never wait behind it. It works in small portions, one till after the other, so a till that
//! uploads two thousand records doesn't keep another waiting, and lets go of every shard between portions. When
//! a full block waits to be written it stages no more until the log has taken it, so that a live answer waits for one
//! block of backfill beside the one in flight, not for a buffer full of them. The system is asked to run it after
//! everybody else, so that with too few processors it is backfill that waits. It keeps the index of orders as well, decides what
//! operators ask, and does what is due by itself.
//!
//! **Invariant**: a till has at most one job here, so the queue is bounded by the number of connections.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, Sender, TryRecvError};
use protocol::answer::{BatchLine, SubsidyAnswer};
use protocol::ids::{AccountId, CardCounter, Epoch, RecordNumber, Sequence, TerminalId};
use protocol::offline_record::{OfflineRecord, TacVerifier};
use protocol::password::Password;
use protocol::request::{
    AdjustmentsQuery, BlockListActive, BlockListQuery, OpenGapsQuery, StatementQuery, SubsidyPreview,
};
use protocol::result_code::ResultCode;
use zerocopy::IntoBytes;

use super::bill::{self, BillPage};
use super::block_list_pages::{BlockListPage, BlockListPages};
use super::durable_signal::DurableSignal;
use super::engine::{Engine, EngineError, Reply};
use super::look_up;
use super::office::AdjustmentsPage;
use super::open_gaps::{self, GapPage};
use super::statement::{self, Statement, StatementError};
use super::subsidy::{SubsidyPage, Sweep};
use super::till_desk::{TillJob, TillWork};
use super::unconfirmed::{self, Contact, Silent, Unconfirmed};
use crate::ledger::command::{self, Carried, OfflineFact, Previous, Sale, TillList};
use crate::ledger::limits::AMOUNT_FEN_MAX;
use crate::ledger::{Command, Request, TerminalSlot};

/// The thread's nice value: a tenth of a worker's weight when both want a processor.
const NICE: i32 = 10;

/// Records of one till that are worked on before the next till's turn.
const PORTION_RECORDS: usize = 64;
/// How often the lane looks whether something is to be done by itself.
const DUE_EVERY: Duration = Duration::from_secs(1);

/// Work for the slow lane.
pub enum Job {
    /// An upload, whose frame was checked.
    Upload(Box<UploadJob>),
    /// A page of a bill.
    Bill {
        /// The account.
        account: AccountId,
        /// The newest record of its chain.
        head: RecordNumber,
        /// Only lines below this one; 0 = from the newest.
        before: RecordNumber,
        /// Most lines.
        lines_max: usize,
        /// Called with the page.
        done: Box<dyn FnOnce(Result<BillPage, EngineError>) + Send>,
    },
    /// A page of a statement.
    Statement {
        /// The account.
        account: AccountId,
        /// The newest record of its chain.
        head: RecordNumber,
        /// What is asked.
        query: StatementQuery,
        /// Called with the page.
        done: Box<dyn FnOnce(Result<Statement, StatementError>) + Send>,
    },
    /// A page of the block-list.
    BlockList {
        /// What is asked.
        query: BlockListQuery,
        /// Called with the page.
        done: Box<dyn FnOnce(BlockListPage) + Send>,
    },
    /// A till's report of its block-list, which is held against the list itself.
    BlockListActive {
        /// The session's till.
        slot: TerminalSlot,
        /// The session's till.
        terminal: TerminalId,
        /// The report.
        active: BlockListActive,
        /// Called with what it came to.
        done: Box<dyn FnOnce(Reply) + Send>,
    },
    /// A page of what tills still owe.
    OpenGaps {
        /// What is asked.
        query: OpenGapsQuery,
        /// Called with the page.
        done: Box<dyn FnOnce(GapPage) + Send>,
    },
    /// How far an account's balance is confirmed.
    Unconfirmed {
        /// The account.
        account: AccountId,
        /// The newest record of its chain.
        head: RecordNumber,
        /// When a till was heard last.
        contact: Box<dyn Fn(TerminalId) -> Contact + Send>,
        /// Called with what isn't confirmed.
        done: UnconfirmedDone,
    },
    /// The proposed adjustments that wait.
    Adjustments {
        /// Which of them.
        query: AdjustmentsQuery,
        /// Called with the page.
        done: Box<dyn FnOnce(AdjustmentsPage) + Send>,
    },
    /// What a till asks about itself.
    Till(Box<TillJob>),
    /// How far a subsidy batch has come.
    Subsidy {
        /// The batch.
        batch: u32,
        /// Called with it, and the record that must be durable before it is told.
        done: Box<dyn FnOnce((SubsidyAnswer, RecordNumber)) + Send>,
    },
    /// A page of a subsidy batch's lines.
    SubsidyPreview {
        /// Which of them.
        query: SubsidyPreview,
        /// Called with the page.
        done: Box<dyn FnOnce(SubsidyPage) + Send>,
    },
    /// A live command that needs what memory doesn't have, or one that isn't a till's.
    LookUp {
        /// Makes the command again, borrowing what it owns.
        command: Box<dyn OwnedCommand>,
        /// Called with what it came to.
        done: Box<dyn FnOnce(Reply) + Send>,
    },
}

/// Takes what isn't confirmed of an account, and which till is silent.
type UnconfirmedDone = Box<dyn FnOnce(Result<(Unconfirmed, Silent), EngineError>) + Send>;

/// The slow lane has as much work as it takes: the till is told "busy".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// A command that owns its bytes, so that it can wait on the slow lane.
pub trait OwnedCommand: Send {
    /// The command, with nothing fetched for it yet.
    fn command(&self) -> Command<'_>;

    /// The query password that came along, if one did.
    fn password(&self) -> Option<Password> {
        None
    }
}

/// An upload on its way.
pub struct UploadJob {
    /// The session's till.
    pub slot: TerminalSlot,
    /// The session's till.
    pub terminal: TerminalId,
    /// Judges the records' codes.
    pub verifier: TacVerifier,
    /// The records as they came.
    pub records: Vec<OfflineRecord>,
    /// Called with one result for each record, in order, and the record that must be durable before they are told.
    pub done: Box<dyn FnOnce(Vec<BatchLine>, RecordNumber) + Send>,
}

/// What is worked on in portions.
enum InPortions {
    Upload(Upload),
    Till(Box<TillWork>),
}

/// An upload being worked on.
struct Upload {
    job: Box<UploadJob>,
    progress: Progress,
}

/// How far an upload has come.
struct Progress {
    results: Vec<BatchLine>,
    observed: RecordNumber,
}

/// The slow lane's thread. Dropping it closes the queue, finishes what is in it and waits.
pub struct SlowLane {
    queue: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl SlowLane {
    /// Starts the thread; `jobs_max` bounds its queue.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(engine: Arc<Engine>, jobs_max: usize) -> std::io::Result<SlowLane> {
        let (queue, jobs) = channel::bounded(jobs_max);
        let signal = DurableSignal::of(engine.log());
        let thread = thread::Builder::new().name("slow-lane".to_owned()).spawn(move || {
            // For this thread alone, on Linux. Where it isn't allowed, the lane runs like any other thread.
            if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::debug!(%error, "the slow lane keeps its priority");
            }
            Worker { engine, signal, block_lists: RefCell::default() }.run(&jobs);
        })?;
        Ok(SlowLane { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a job.
    ///
    /// # Errors
    /// The queue is full; the job is dropped and nothing of it was done.
    pub fn submit(&self, job: Job) -> Result<(), QueueFull> {
        let queue = self.queue.as_ref().expect("the queue is open until the lane is dropped");
        queue.try_send(job).map_err(|_| QueueFull)
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the slow lane ends when its queue is closed");
        }
    }
}

/// The thread's own.
pub(super) struct Worker {
    engine: Arc<Engine>,
    signal: Arc<DurableSignal>,
    block_lists: RefCell<BlockListPages>,
}

impl Worker {
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    fn run(&self, jobs: &Receiver<Job>) {
        let mut waiting: VecDeque<InPortions> = VecDeque::new();
        let due = channel::tick(DUE_EVERY);
        // A batch may have been under way when the last process ended.
        let (mut batch_runs, mut sweep) = (true, Sweep::default());
        loop {
            if waiting.is_empty() && !batch_runs {
                channel::select! {
                    recv(jobs) -> job => match job {
                        Ok(job) => batch_runs |= self.begin(job, &mut waiting),
                        Err(channel::RecvError) => return,
                    },
                    recv(self.engine.orders().due()) -> _ => self.index_orders(),
                    recv(due) -> _ => batch_runs |= self.do_what_is_due(),
                }
            }
            if self.engine.orders().due().try_recv().is_ok() {
                self.index_orders();
            }
            if due.try_recv().is_ok() {
                batch_runs |= self.do_what_is_due();
            }
            loop {
                match jobs.try_recv() {
                    Ok(job) => batch_runs |= self.begin(job, &mut waiting),
                    // A batch goes on at the next start.
                    Err(TryRecvError::Disconnected) if waiting.is_empty() => return,
                    Err(_) => break,
                }
            }
            if let Some(work) = waiting.pop_front() {
                waiting.extend(self.portion(work));
            }
            if batch_runs {
                batch_runs = self.batch_portion(&mut sweep);
            }
            if waiting.is_empty() && !batch_runs {
                // Nothing comes to fill the block that was begun.
                self.engine.log().kick();
            }
        }
    }

    /// Works on something for a while. Gives it back unless it is done.
    fn portion(&self, work: InPortions) -> Option<InPortions> {
        match work {
            InPortions::Upload(mut upload) => {
                self.portion_of_upload(&mut upload);
                if upload.progress.results.len() < upload.job.records.len() {
                    return Some(InPortions::Upload(upload));
                }
                (upload.job.done)(upload.progress.results, upload.progress.observed);
                None
            }
            InPortions::Till(work) => work.portion(self).map(|work| InPortions::Till(Box::new(work))),
        }
    }

    /// Begins a job; true when a subsidy batch may run after it.
    fn begin(&self, job: Job, waiting: &mut VecDeque<InPortions>) -> bool {
        let may_begin_batch = matches!(job, Job::LookUp { .. });
        match job {
            Job::Upload(job) => {
                let results = Vec::with_capacity(job.records.len());
                let progress = Progress { results, observed: RecordNumber(0) };
                waiting.push_back(InPortions::Upload(Upload { job, progress }));
            }
            Job::Bill { account, head, before, lines_max, done } => {
                let found = if self.wait_until_durable(head) {
                    bill::page(&self.engine.log().reader(), account, head, before, lines_max)
                } else {
                    Ok(BillPage::default())
                };
                done(found);
            }
            Job::Statement { account, head, query, done } => {
                let found = if self.wait_until_durable(head) {
                    statement::page(&self.engine.log().reader(), account, head, &query)
                } else {
                    Ok(Statement::default())
                };
                done(found);
            }
            Job::BlockList { query, done } => {
                done(self.block_lists.borrow_mut().page(&self.engine, &query));
            }
            Job::BlockListActive { slot, terminal, active, done } => {
                let protocol::request::BlockListActive { version, digest, till_time_ns } = active;
                let is_right = self.block_lists.borrow_mut().is_right(&self.engine, &active);
                let report =
                    command::BlockListActive { slot, terminal, version, digest, is_right, till_time_ns };
                done(self.with_look_ups(&Request::BlockListActive(report)));
            }
            Job::OpenGaps { query, done } => done(open_gaps::page(&self.engine, &query)),
            Job::Unconfirmed { account, head, contact, done } => {
                let found = if self.wait_until_durable(head) {
                    unconfirmed::walk(&self.engine.log().reader(), account, head)
                } else {
                    Ok(Unconfirmed::default())
                };
                done(found.and_then(|found| Ok((found, unconfirmed::silent(&self.engine, &*contact)?))));
            }
            Job::Adjustments { query, done } => done(self.engine.adjustments(&query)),
            Job::Till(job) => waiting.push_back(InPortions::Till(Box::new(TillWork::new(*job)))),
            Job::Subsidy { batch, done } => done(self.engine.subsidy(batch)),
            Job::SubsidyPreview { query, done } => done(self.engine.subsidy_preview(&query)),
            Job::LookUp { command, done } => done(self.with_look_ups(&command.command().request)),
        }
        may_begin_batch
    }

    /// Does what nobody asks for: its time has come. True: a batch that waits for the log may go on.
    fn do_what_is_due(&self) -> bool {
        while let Some(request) = self.engine.due() {
            if let Reply::Refused(_) = self.with_look_ups(&request) {
                // The log takes nothing: again when it does.
                return false;
            }
        }
        true
    }

    /// Brings the index of orders up to what is staged at this moment.
    fn index_orders(&self) {
        if !self.wait_until_durable(RecordNumber(self.engine.log().staged())) {
            return;
        }
        if let Err(error) = self.engine.index_orders() {
            tracing::error!(%error, "the index of orders can't be extended: top-ups will be told \"busy\"");
        }
    }

    /// Works on the next records of an upload: checks their codes outside every lock, then decides them.
    fn portion_of_upload(&self, upload: &mut Upload) {
        let Upload { job, progress } = upload;
        let UploadJob { slot, terminal, verifier, records, .. } = &mut **job;
        let begin = progress.results.len();
        let end = (begin + PORTION_RECORDS).min(records.len());
        let facts = facts(*slot, *terminal, verifier, &records[begin..end]);
        let requests: Vec<Request<'_>> = facts.iter().map(|fact| Request::Offline(*fact)).collect();
        self.decide_all(&requests, |at, reply| progress.take(&facts[at], reply));
    }

    /// Works on the next lines of a subsidy batch; false when none is there for now.
    fn batch_portion(&self, sweep: &mut Sweep) -> bool {
        let (requests, then) = self.engine.subsidy_portion(*sweep, PORTION_RECORDS);
        // Where the log takes nothing, the lines wait on.
        let mut taken = !requests.is_empty();
        if let [advance @ Request::SubsidyAdvance(_)] = requests.as_slice() {
            taken = !matches!(self.with_look_ups(advance), Reply::Refused(_));
        } else {
            self.decide_all(&requests, |_, reply| taken &= !matches!(reply, Reply::Refused(_)));
        }
        if taken {
            *sweep = then;
        }
        taken
    }

    /// Decides requests in as few turns as the log allows: one stops when a full block waits to be written.
    fn decide_all(&self, requests: &[Request<'_>], mut take: impl FnMut(usize, Reply)) {
        let log = self.engine.log();
        let mut done = 0;
        while done < requests.len() {
            let blocks = self.signal.blocks();
            let mut stopped_by = None;
            let commands = requests[done..].iter().map(|request| Command::from(*request));
            let mut turn = self.engine.routes().hold_for(commands);
            // A log that has failed writes no block: it refuses, and the work ends with that.
            if log.poisoned() || turn.full_blocks_waiting() == 0 {
                while let Some(request) = requests.get(done) {
                    let reply = turn.execute(&Command::from(*request));
                    if matches!(reply, Reply::Needs(_) | Reply::Refused(ResultCode::Busy)) {
                        stopped_by = Some(reply);
                        break;
                    }
                    take(done, reply);
                    done += 1;
                }
            } else {
                stopped_by = Some(Reply::Refused(ResultCode::Busy));
            }
            let full = turn.full_blocks_waiting() > 0;
            turn.yield_to_others();
            if full {
                log.kick();
            }
            match stopped_by {
                None => return,
                Some(Reply::Needs(_)) => {
                    take(done, self.with_look_ups(&requests[done]));
                    done += 1;
                }
                Some(_) if !log.poisoned() => {
                    log.kick();
                    self.signal.wait_beyond(blocks);
                }
                Some(_) => {}
            }
        }
    }

    /// Decides a request that needs what memory doesn't have.
    pub(super) fn with_look_ups(&self, request: &Request<'_>) -> Reply {
        look_up::decide(&self.engine, &self.signal, request, |need, _| {
            unreachable!("what carries a password goes another way: {need:?}")
        })
    }

    /// False when the log has failed, so that it never will be.
    pub(super) fn wait_until_durable(&self, number: RecordNumber) -> bool {
        self.signal.wait_until_durable(self.engine.log(), number)
    }
}

impl Progress {
    fn take(&mut self, fact: &OfflineFact<'_>, reply: Reply) {
        let (code, record) = match reply {
            Reply::Outcome(outcome) => (outcome.code, outcome.record),
            Reply::Refused(code) => (code, RecordNumber(0)),
            reply => unreachable!("an uploaded record is never answered with {reply:?}"),
        };
        self.observed = self.observed.max(reply.observed());
        self.results.push(BatchLine::new(fact.sale.epoch, fact.sale.sequence, code, record));
    }
}

fn facts<'r>(
    slot: TerminalSlot,
    terminal: TerminalId,
    verifier: &mut TacVerifier,
    records: &'r [OfflineRecord],
) -> Vec<OfflineFact<'r>> {
    let mut authentic = [false; PORTION_RECORDS];
    verifier.verify_all(records, &mut authentic[..records.len()]);
    let fact = |(record, authentic): (&'r OfflineRecord, bool)| {
        let named = record.sale();
        OfflineFact {
            sale: Sale {
                slot,
                terminal,
                epoch: named.epoch,
                sequence: named.sequence,
                raw: record.as_bytes(),
            },
            record_terminal: named.terminal,
            card_uid: record.card(),
            card_counter: record.counter(),
            amount_fen: record.amount_fen.get(),
            till_time_ns: record.till_time_ns.get(),
            list: till_list(record),
            authentic,
            carried: carried(record),
        }
    };
    records.iter().zip(authentic).map(fact).collect()
}

/// The block-list that a till judged by: of version 0 it is none.
fn till_list(record: &OfflineRecord) -> Option<TillList> {
    let (version, age_s) = (record.block_list_version.get(), record.block_list_age_s.get());
    (version > 0).then_some(TillList { version, age_s })
}

/// What a record carries besides the sale. A transaction before it that can't have been one is none.
fn carried(record: &OfflineRecord) -> Carried {
    let amount_fen = record.previous_amount_fen.get();
    let previous = if (1..=AMOUNT_FEN_MAX).contains(&amount_fen) {
        Previous {
            terminal: TerminalId(record.previous_terminal.get()),
            epoch: Epoch(record.previous_epoch.get()),
            sequence: Sequence(record.previous_sequence.get()),
            card_counter: CardCounter(record.previous_card_counter.get()),
            // At most AMOUNT_FEN_MAX, which fits.
            amount_fen: amount_fen as u32,
        }
    } else {
        Previous::default()
    };
    Carried { by_scan: record.is_self_scan(), offline_since_ns: record.offline_since_ns.get(), previous }
}

#[cfg(test)]
mod full_log;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use protocol::ids::{Epoch, Sequence};
    use protocol::keys::{Key128, derive_card_key};
    use protocol::offline_record::{OFFLINE_RECORD_LAYOUT, TAC_KEY_CARD};
    use wal::Log;

    use super::*;
    use crate::limits::books;
    use crate::runtime::small_engine::small_engine;

    const ACCOUNTS: u32 = 200;
    const TILLS: u16 = 3;

    fn engine() -> Arc<Engine> {
        Arc::new(small_engine(ACCOUNTS, TILLS))
    }

    fn job(engine: &Engine, till: u16, records: u32, done: &mpsc::Sender<(u16, usize)>) -> Job {
        let slot = TerminalSlot(till);
        let terminal = {
            let routes = engine.routes();
            routes.configuration().registry.terminal(slot).expect("it is registered").terminal
        };
        let card_master = Key128::new([7; 16]);
        let record = |sequence: u32| {
            let card = books::card_of(sequence % ACCOUNTS);
            let mut record = OfflineRecord {
                terminal: terminal.0.into(),
                sequence: Sequence(sequence).0.into(),
                epoch: Epoch(1).0.into(),
                card_uid: card.0.into(),
                amount_fen: 1.into(),
                tac_key: TAC_KEY_CARD,
                layout: OFFLINE_RECORD_LAYOUT,
                ..OfflineRecord::default()
            };
            record.sign(&derive_card_key(&card_master, card));
            record
        };
        let done = done.clone();
        Job::Upload(Box::new(UploadJob {
            slot,
            terminal,
            verifier: TacVerifier::new(&card_master, &Key128::new([8; 16]), terminal),
            records: (1..=records).map(record).collect(),
            done: Box::new(move |lines, _| {
                let approved = lines.iter().filter(|line| line.result() == Some(ResultCode::Approved));
                // The test may have ended for another reason.
                let _ = done.send((till, approved.count()));
            }),
        }))
    }

    #[test]
    fn backfill_stages_one_full_block_ahead_and_no_more() {
        let engine = engine();
        let log: &Arc<Log> = engine.log();
        let lane = SlowLane::spawn(Arc::clone(&engine), 8).expect("a thread");
        let (done, results) = mpsc::channel();
        // A dozen blocks and more.
        for till in 0..TILLS {
            assert_eq!(lane.submit(job(&engine, till, 10_000, &done)), Ok(()));
        }
        let mut full_blocks_seen = 0;
        let mut approved = 0;
        while approved < usize::from(TILLS) * 10_000 {
            // Nobody writes until the lane has gone as far as it may, or has nothing left.
            let mut staged = log.staged();
            loop {
                thread::sleep(Duration::from_millis(2));
                let full_blocks = log.stage().full_blocks_waiting();
                assert!(full_blocks <= 1, "{full_blocks} full blocks of backfill stand before a live answer");
                full_blocks_seen += full_blocks;
                if log.staged() == staged {
                    break;
                }
                staged = log.staged();
            }
            log.commit().expect("the simulated medium works");
            approved += results.try_iter().map(|(_, approved)| approved).sum::<usize>();
        }
        assert!(full_blocks_seen > 0, "the lane was never ahead");
    }

    #[test]
    fn a_small_upload_is_done_before_a_large_one_that_came_first() {
        let engine = engine();
        let lane = SlowLane::spawn(Arc::clone(&engine), 8).expect("a thread");
        let (done, results) = mpsc::channel();
        assert_eq!(lane.submit(job(&engine, 0, 20_000, &done)), Ok(()));
        assert_eq!(lane.submit(job(&engine, 1, 100, &done)), Ok(()));
        let mut order = Vec::new();
        while order.len() < 2 {
            engine.log().commit().expect("the simulated medium works");
            order.extend(results.try_iter());
        }
        assert_eq!(order, [(1, 100), (0, 20_000)]);
    }
}
