//! The engine without a socket: workers that decide batches inline and make each durable before the next, on a disk of a
//! given speed. Every run has fresh books and ends with the exactly-once check.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use benches::error::PeersError;
use benches::yika::audit;
use engine::data_dir::DataDir;
use engine::ledger::Sizes;
use engine::limits::LimitsError;
use engine::limits::books::{self, BooksSpec, card_debit};
use engine::opened_books::{BooksError, LogBackEnd};
use engine::runtime::engine::{Engine, Reply, Sources};
use engine::runtime::snapshot_files::Snapshot;
use protocol::result_code::ResultCode;
use wal::{LogConfig, LogId, SystemClock};

use crate::slow_disk::SlowDisk;
use benches::void::Void;

/// Accounts of each run's books.
const ACCOUNTS: u32 = 100_000;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Shards of the engine.
    pub shards: usize,
    /// Threads that decide.
    pub workers: u16,
    /// Debits of a batch; each is of a till of its own.
    pub batch: u16,
    /// What each durable write takes longer than the files' own.
    pub delay: Duration,
    /// How long it is measured.
    pub measure: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Came {
    /// Durable debits a second.
    pub per_s: f64,
    /// Durable debits of a block, on average.
    pub per_block: f64,
    /// Why the run is void; empty when it stands.
    pub void: Vec<Void>,
}

/// Runs it with books in an empty directory, which is gone afterwards.
///
/// # Errors
/// The books can't be made, opened or read.
pub fn run(folder: &Path, setting: &Setting) -> Result<Came, PeersError> {
    let tills = setting.workers * setting.batch;
    let spec = BooksSpec { accounts: ACCOUNTS, tills, debits: 0, back_end: LogBackEnd::Through };
    books::make(folder, &spec)?;
    let data = DataDir::open(folder).map_err(|error| LimitsError::from(BooksError::from(error)))?;
    let engine = open(&data, setting)?;
    let begun = Instant::now();
    let acknowledged: Vec<Result<Vec<u64>, PeersError>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..setting.workers)
            .map(|worker| {
                let engine = &engine;
                scope.spawn(move || work(engine, worker, setting, begun))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut by_till = Vec::new();
    for worker in acknowledged {
        by_till.extend(worker?);
    }
    let debits: u64 = by_till.iter().sum();
    let last = engine.log().durable();
    let reader = engine.log().reader();
    let blocks = reader
        .blocks()
        .filter(|block| block.as_ref().is_ok_and(|block| block.first_number + debits > last && !block.seal));
    let blocks = blocks.count();
    engine.log().seal()?;
    drop((reader, engine, data));
    let audited = audit(folder, tills.into())?;
    fs::remove_dir_all(folder).map_err(PeersError::file(folder))?;
    let violations = audited.journal.violations(&by_till).into_iter().chain(audited.violations);
    Ok(Came {
        per_s: debits as f64 / seconds,
        per_block: debits as f64 / blocks.max(1) as f64,
        void: Void::wrongs(violations).collect(),
    })
}

fn open(data: &DataDir, setting: &Setting) -> Result<Engine, PeersError> {
    let accounts_max = ACCOUNTS.next_power_of_two();
    let sizes =
        Sizes { shards: setting.shards, accounts_max, cards_max: 2 * accounts_max, ..Sizes::default() };
    let (snapshot, _) =
        Snapshot::newest(&data.snapshot_dir()).map_err(|error| LimitsError::from(BooksError::from(error)))?;
    let sources = Sources {
        storage: Arc::new(SlowDisk::new(data.path(), setting.delay)),
        log: LogConfig::new(LogId([0; 16])),
        clock: Arc::new(SystemClock),
        sizes,
        snapshot,
        orders: None,
    };
    Ok(Engine::open(sources).map_err(LimitsError::from)?.0)
}

/// Batch after batch until the time is over; gives what each till of this worker has acknowledged.
fn work(engine: &Engine, worker: u16, setting: &Setting, begun: Instant) -> Result<Vec<u64>, PeersError> {
    let batch = u32::from(setting.batch);
    let mine = ACCOUNTS / u32::from(setting.workers);
    let mut rounds = 0_u32;
    while begun.elapsed() < setting.measure {
        let command = |at: u32| {
            let debit = u64::from(rounds) * u64::from(batch) + u64::from(at);
            // An odd stride meets every account of the worker before it meets one again.
            let account = u32::from(worker) * mine + (debit * 7_919 % u64::from(mine)) as u32;
            card_debit(
                worker * setting.batch + at as u16,
                rounds + 1,
                account,
                (debit / u64::from(mine)) as u32 + 1,
            )
        };
        let mut done = 0;
        while done < batch {
            let mut turn = engine.routes().hold_for((done..batch).map(command));
            while done < batch {
                match turn.execute(&command(done)) {
                    Reply::Outcome(outcome) if outcome.code.is_approved() => done += 1,
                    Reply::Refused(ResultCode::Busy) => break,
                    reply => {
                        let reason = format!("a debit that must be approved: {reply:?}");
                        return Err(PeersError::system("Yika", reason));
                    }
                }
            }
            drop(turn);
            engine.sync()?;
        }
        rounds += 1;
    }
    Ok(vec![rounds.into(); setting.batch.into()])
}
