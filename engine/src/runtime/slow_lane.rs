//! The slow lane: uploads, bills and old outcomes, on a thread of their own.
//!
//! Live requests never wait behind it. It works in small portions, one till after the other, so a till that
//! uploads two thousand records doesn't keep another waiting, and lets go of every shard between portions. When
//! the staging buffer is full it waits for the log instead of trying again and again.
//!
//! **Invariant**: a till has at most one job here, so the queue is bounded by the number of connections.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, Sender};
use parking_lot::{Condvar, Mutex};
use protocol::ids::{AccountId, Epoch, RecordNumber, Sequence, TerminalId};
use protocol::offline_record::{OfflineRecord, TacVerifier};
use protocol::result_code::ResultCode;
use zerocopy::IntoBytes;

use super::bill::{self, BillPage};
use super::engine::{Engine, EngineError, Reply};
use super::history_walk;
use crate::ledger::command::{OfflineFact, Sale};
use crate::ledger::history::History;
use crate::ledger::{Command, Request, TerminalSlot};

/// Records of one till that are worked on before the next till's turn.
const PORTION_RECORDS: usize = 64;
/// How often one command goes back to the log for history before its till is told "busy". Each round means that
/// the till went on meanwhile, which it only can on another session.
const HISTORY_ROUNDS_MAX: usize = 4;
/// Longest sleep while waiting for the log, should a wake-up have been missed.
const WAIT_MAX: Duration = Duration::from_millis(5);

/// One uploaded record's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadResult {
    /// The record's epoch.
    pub epoch: Epoch,
    /// The record's sequence.
    pub sequence: Sequence,
    /// What became of it.
    pub code: ResultCode,
    /// The log record that it stands on; 0 when there is none.
    pub record: RecordNumber,
}

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
    /// A live command whose sale has left memory.
    History {
        /// Makes the command again, borrowing what it owns.
        command: Box<dyn OwnedCommand>,
        /// Called with what it came to.
        done: Box<dyn FnOnce(Reply) + Send>,
    },
}

/// The slow lane has as much work as it takes: the till is told "busy".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// A command that owns its bytes, so that it can wait on the slow lane.
pub trait OwnedCommand: Send {
    /// The command, with what is known of its sale's history.
    fn command(&self, history: Option<History>) -> Command<'_>;
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
    pub done: Box<dyn FnOnce(Vec<UploadResult>, RecordNumber) + Send>,
}

/// An upload being worked on.
struct Upload {
    job: Box<UploadJob>,
    progress: Progress,
}

/// How far an upload has come.
struct Progress {
    results: Vec<UploadResult>,
    observed: RecordNumber,
}

/// The slow lane's thread. Dropping it closes the queue, finishes what is in it and waits.
pub struct SlowLane {
    queue: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Lets the lane sleep until the log has written a block.
#[derive(Default)]
struct DurableSignal {
    changed: Mutex<u64>,
    wake: Condvar,
}

impl SlowLane {
    /// Starts the thread; `jobs_max` bounds its queue.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(engine: Arc<Engine>, jobs_max: usize) -> std::io::Result<SlowLane> {
        let (queue, jobs) = channel::bounded(jobs_max);
        let signal = Arc::new(DurableSignal::default());
        let notified = Arc::clone(&signal);
        engine.log().on_durable(Box::new(move |durable| notified.notify(durable)));
        let thread = thread::Builder::new()
            .name("slow-lane".to_owned())
            .spawn(move || Worker { engine, signal }.run(&jobs))?;
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

impl DurableSignal {
    fn notify(&self, durable: u64) {
        *self.changed.lock() = durable;
        self.wake.notify_all();
    }
}

struct Worker {
    engine: Arc<Engine>,
    signal: Arc<DurableSignal>,
}

impl Worker {
    fn run(&self, jobs: &Receiver<Job>) {
        let mut uploads: VecDeque<Upload> = VecDeque::new();
        loop {
            if uploads.is_empty() {
                match jobs.recv() {
                    Ok(job) => self.begin(job, &mut uploads),
                    Err(channel::RecvError) => return,
                }
            }
            while let Ok(job) = jobs.try_recv() {
                self.begin(job, &mut uploads);
            }
            if let Some(mut upload) = uploads.pop_front() {
                self.portion(&mut upload);
                if upload.progress.results.len() == upload.job.records.len() {
                    (upload.job.done)(upload.progress.results, upload.progress.observed);
                } else {
                    uploads.push_back(upload);
                }
            }
        }
    }

    fn begin(&self, job: Job, uploads: &mut VecDeque<Upload>) {
        match job {
            Job::Upload(job) => {
                let results = Vec::with_capacity(job.records.len());
                uploads.push_back(Upload { job, progress: Progress { results, observed: RecordNumber(0) } });
            }
            Job::Bill { account, head, before, lines_max, done } => {
                let found = if self.wait_until_durable(head) {
                    bill::page(&self.engine.log().reader(), account, head, before, lines_max)
                } else {
                    Ok(BillPage::default())
                };
                done(found);
            }
            Job::History { command, done } => {
                let reply = self.with_history(&|history| command.command(history));
                done(reply);
            }
        }
    }

    /// Works on the next records of an upload: checks their codes outside every lock, then decides them in one turn.
    fn portion(&self, upload: &mut Upload) {
        let Upload { job, progress } = upload;
        let UploadJob { slot, terminal, verifier, records, .. } = &mut **job;
        let begin = progress.results.len();
        let end = (begin + PORTION_RECORDS).min(records.len());
        let facts = facts(*slot, *terminal, verifier, &records[begin..end]);
        let mut next = 0;
        while next < facts.len() {
            let mut stopped_at = None;
            {
                let commands = facts[next..].iter().map(|fact| Command::from(Request::Offline(*fact)));
                let mut turn = self.engine.routes().hold_for(commands);
                for fact in &facts[next..] {
                    let reply = turn.execute(&Request::Offline(*fact).into());
                    if matches!(reply, Reply::NeedsHistory { .. } | Reply::Refused(ResultCode::Busy)) {
                        stopped_at = Some(reply);
                        break;
                    }
                    progress.take(fact, reply);
                    next += 1;
                }
            }
            self.engine.log().kick();
            match stopped_at {
                Some(Reply::NeedsHistory { .. }) => {
                    let fact = facts[next];
                    let reply =
                        self.with_history(&|history| Command { request: Request::Offline(fact), history });
                    progress.take(&fact, reply);
                    next += 1;
                }
                Some(_) if !self.engine.log().poisoned() => self.wait_for_a_block(),
                _ => {}
            }
        }
    }

    /// Decides a command whose sale has left memory: looks it up in the log, decides again.
    fn with_history<'c>(&self, command: &dyn Fn(Option<History>) -> Command<'c>) -> Reply {
        let mut history = None;
        for _ in 0..HISTORY_ROUNDS_MAX {
            let reply = self.engine.execute(&command(history));
            self.engine.log().kick();
            let Reply::NeedsHistory { sale, head } = reply else { return reply };
            if !self.wait_until_durable(head) {
                return Reply::Refused(ResultCode::Stopping);
            }
            match history_walk::find(&self.engine.log().reader(), sale, head, history) {
                Ok(found) => history = Some(found),
                Err(error) => {
                    tracing::error!(%sale, %error, "a till's chain can't be read");
                    return Reply::Refused(ResultCode::Busy);
                }
            }
        }
        Reply::Refused(ResultCode::Busy)
    }

    /// False when the log has failed, so that it never will be.
    fn wait_until_durable(&self, number: RecordNumber) -> bool {
        let log = self.engine.log();
        while log.durable() < number.0 {
            if log.poisoned() {
                return false;
            }
            log.kick();
            self.wait_for_a_block();
        }
        true
    }

    fn wait_for_a_block(&self) {
        let mut changed = self.signal.changed.lock();
        self.signal.wake.wait_for(&mut changed, WAIT_MAX);
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
        self.results.push(UploadResult {
            epoch: fact.sale.epoch,
            sequence: fact.sale.sequence,
            code,
            record,
        });
    }
}

fn facts<'r>(
    slot: TerminalSlot,
    terminal: TerminalId,
    verifier: &mut TacVerifier,
    records: &'r [OfflineRecord],
) -> Vec<OfflineFact<'r>> {
    records
        .iter()
        .map(|record| {
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
                authentic: record.verify_tac(verifier),
            }
        })
        .collect()
}
