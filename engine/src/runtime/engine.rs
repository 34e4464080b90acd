//! The engine: shards behind short locks, the log beside them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;
use parking_lot::{Mutex, RwLock};
use protocol::ids::RecordNumber;
use protocol::result_code::ResultCode;
use wal::{
    AppendError, Clock, Committed, Log, LogConfig, RecordRef, Records, RecoveryReport, Storage, WalError,
};

use super::change_turn::ChangeTurn;
use super::order_index::{OrderIndex, RunError};
use super::snapshot_files::{Snapshot, SnapshotError};
use super::turn::{HeldShards, Routes};
use crate::ledger::decision::{BalanceView, BillHeadView, DutyView};
use crate::ledger::holder::PasswordRef;
use crate::ledger::open_taps::Chip;
use crate::ledger::{
    Command, Decision, Directory, LedgerError, Need, Outcome, Record, Registry, Request, Shard, ShardSet,
    Sizes, State, apply, touch_record,
};

/// Staged groups up to which a worker writes the block itself instead of waking the log's thread: for one till
/// alone the hand-over would cost more than the write.
const INLINE_GROUPS_MAX: u64 = 32;

/// Records of a block that replay is ahead of itself with asking for their lines: about as many misses as a processor has
/// under way at once.
pub const REPLAY_RECORDS_AHEAD: usize = 16;

/// What is configured: read by every batch, written by configuration commands only.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Merchants, terminals, rules, the business date.
    pub registry: Registry,
    /// Where credentials lead.
    pub directory: Directory,
    /// The newest record that changed what tills are told of at their sign-in; at a start, the newest that configured.
    pub(super) parameters: RecordNumber,
}

impl Configuration {
    /// The version of what tills are told of at their sign-in: a till that knows a lower one signs in again. It rises
    /// with what is registered and ruled, not with accounts and cards.
    pub fn parameter_version(&self) -> RecordNumber {
        self.parameters
    }
}

/// What a command came to. Whatever it tells may leave once the record it observed is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An outcome, new or repeated.
    Outcome(Outcome),
    /// The outcome of a two-phase tap that is open, new or repeated.
    Tap {
        /// The outcome.
        outcome: Outcome,
        /// What to write on the chip.
        chip: Chip,
    },
    /// An account's balances.
    Balance(BalanceView),
    /// Where an account's chain begins.
    BillHead(BillHeadView),
    /// Who is on duty at a till.
    Duty(DutyView),
    /// The sale asked about never came.
    SaleNotSeen {
        /// The highest record that this depends on.
        observed: RecordNumber,
    },
    /// Something must be fetched, on the slow lane; then the command is decided again.
    Needs(Need),
    /// Nothing was taken: busy, log full, stopping. The same request may come again.
    Refused(ResultCode),
}

impl Reply {
    /// What a decision comes to, once its group is staged and applied.
    pub(super) fn of(decision: &Decision<'_>) -> Reply {
        match *decision {
            Decision::Done { outcome, .. } | Decision::NoRecord(outcome) => Reply::Outcome(outcome),
            Decision::Needs(need) => Reply::Needs(need),
            Decision::Balance(view) => Reply::Balance(view),
            Decision::BillHead(view) => Reply::BillHead(view),
            Decision::Duty(view) => Reply::Duty(view),
            Decision::SaleNotSeen { observed } => Reply::SaleNotSeen { observed },
        }
    }

    /// The record that must be durable before this may be told; 0 when it depends on none.
    pub fn observed(&self) -> RecordNumber {
        match self {
            Reply::Outcome(outcome) | Reply::Tap { outcome, .. } => outcome.observed,
            Reply::Balance(view) => view.observed,
            Reply::BillHead(view) => view.observed,
            Reply::Duty(view) => view.observed,
            Reply::SaleNotSeen { observed } => *observed,
            Reply::Needs(_) | Reply::Refused(_) => RecordNumber(0),
        }
    }
}

/// A fault of the engine as a whole.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The log can't be opened or written.
    #[error(transparent)]
    Log(#[from] WalError),
    /// A record of the log doesn't fit the books.
    #[error("record {number}: {source}")]
    Replay {
        /// The record.
        number: u64,
        /// What doesn't fit.
        source: LedgerError,
    },
    /// Sizes out of range, or too small for what a snapshot holds.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A snapshot can't be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The index of orders can't be read or written.
    #[error(transparent)]
    OrderIndex(#[from] RunError),
    /// A configuration command was not taken.
    #[error("not taken: {0}")]
    NotTaken(#[from] AppendError),
    /// A configuration command was refused.
    #[error("refused: {code} ({command})")]
    Refused {
        /// Why.
        code: ResultCode,
        /// The command.
        command: String,
    },
}

/// What a start found, and how long it took.
#[derive(Clone, Debug)]
pub struct StartReport {
    /// The last record that the loaded snapshot holds, and its file; `None` when the whole log was replayed.
    pub snapshot: Option<(RecordNumber, PathBuf)>,
    /// Snapshots that were there and couldn't be used, with the reason.
    pub snapshots_rejected: Vec<String>,
    /// Files of the order index that were there and couldn't be used, with the reason.
    pub order_runs_rejected: Vec<String>,
    /// What the log said.
    pub recovery: RecoveryReport,
    /// Accounts whose query password the vault has lost: their holders get new ones at a counter.
    pub passwords_lost: usize,
    /// Accounts open.
    pub accounts: u32,
    /// Card numbers known.
    pub cards: usize,
    /// Terminals registered.
    pub terminals: usize,
    /// Loading the snapshot took this long.
    pub snapshot_time: Duration,
    /// Reading, checking and replaying the log took this long.
    pub replay_time: Duration,
}

/// The engine. Shared by every worker; see the [module](super) for the order of its locks.
pub struct Engine {
    configuration: RwLock<Configuration>,
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    log: Arc<Log>,
    orders: OrderIndex,
}

/// What an engine is opened from.
pub struct Sources {
    /// Where the log lies.
    pub storage: Arc<dyn Storage>,
    /// How the log is kept.
    pub log: LogConfig,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How large the tables are, and how many shards.
    pub sizes: Sizes,
    /// What to start from instead of record 1.
    pub snapshot: Option<Snapshot>,
    /// Where the index of orders lies; `None` keeps it in memory, and makes it anew from the log at each start.
    pub orders: Option<PathBuf>,
}

impl Engine {
    /// Brings the books back: the snapshot's state, then every record after it. A snapshot of an earlier version is passed
    /// over: what it left out is in the log.
    ///
    /// # Errors
    /// A log that can't be trusted, a record that doesn't fit, sizes too small. Nothing is served then.
    pub fn open(sources: Sources) -> Result<(Engine, StartReport), EngineError> {
        let begun = Instant::now();
        let mut snapshots_rejected = Vec::new();
        let loaded = match sources.snapshot.map(|snapshot| (snapshot.state(&sources.sizes), snapshot)) {
            Some((Ok(state), snapshot)) => Some((state, snapshot)),
            Some((Err(error), _)) if error.is_of_old_snapshot() => {
                snapshots_rejected.push(error.to_string());
                None
            }
            Some((Err(error), _)) => return Err(error.into()),
            None => None,
        };
        let (mut state, snapshot) = match loaded {
            Some((state, snapshot)) => (state, Some(snapshot)),
            None => (State::new(&sources.sizes)?, None),
        };
        let snapshot_time = begun.elapsed();

        let begun = Instant::now();
        let replay_from = snapshot.as_ref().map_or(1, |snapshot| snapshot.last_record().0 + 1);
        let mut fault = None;
        let mut replay = |records: Records<'_>| {
            if fault.is_none() {
                fault = replay_records(&mut state, records).err();
            }
        };
        let (log, recovery) =
            Log::open(sources.storage, sources.log, sources.clock, replay_from, &mut replay)?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        if let Some(snapshot) = snapshot.as_ref().filter(|snapshot| snapshot.log_id() != recovery.log_id) {
            return Err(SnapshotError::ForeignLog { path: snapshot.path().to_owned() }.into());
        }
        let (orders, order_runs_rejected) = match sources.orders {
            Some(dir) => OrderIndex::open(dir, recovery.log_id, RecordNumber(log.durable()))?,
            None => (OrderIndex::in_memory(recovery.log_id), Vec::new()),
        };
        let mut report = StartReport {
            snapshot: snapshot.map(|snapshot| (snapshot.last_record(), snapshot.path().to_owned())),
            snapshots_rejected,
            order_runs_rejected,
            passwords_lost: 0,
            recovery,
            accounts: state.registry.accounts(),
            cards: state.directory.cards(),
            terminals: state.registry.terminals().len(),
            snapshot_time,
            replay_time: begun.elapsed(),
        };
        let engine = Engine::of(state, log, orders);
        let forgotten = engine.shards.iter().map(|shard| shard.lock().orders_forgotten()).max();
        match engine.orders.complete(&engine.log.reader(), forgotten.unwrap_or_default()) {
            // No room for it, perhaps: everything else is served, and a top-up that needs it tries again.
            Err(EngineError::OrderIndex(error)) => report.order_runs_rejected.push(error.to_string()),
            completed => completed?,
        }
        engine.tell_indexed(engine.orders.up_to());
        Ok((engine, report))
    }

    fn of(state: State, log: Log, orders: OrderIndex) -> Engine {
        let State { registry, directory, shards } = state;
        let parameters = registry.changed();
        Engine {
            configuration: RwLock::new(Configuration { registry, directory, parameters }),
            shards: shards.into_iter().map(|shard| CachePadded::new(Mutex::new(shard))).collect(),
            log: Arc::new(log),
            orders,
        }
    }

    /// A copy of the books on a log in memory: what is done to it is forgotten. For dry runs of configuration: old records
    /// and orders aren't in that log.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn rehearsal(&self) -> Result<Engine, EngineError> {
        let (state, _) = self.copy_state();
        let config = LogConfig::new(self.log.log_id());
        let clock = Arc::new(wal::SystemClock);
        let (log, _) = Log::open(Arc::new(wal::Simulated::new()), config, clock, 1, &mut |_| {})?;
        Ok(Engine::of(state, log, OrderIndex::in_memory(self.log.log_id())))
    }

    /// The log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The index of orders.
    pub fn orders(&self) -> &OrderIndex {
        &self.orders
    }

    /// Brings the index of orders up to the last durable record, and lets the shards forget up to there. For the slow lane,
    /// whenever [`OrderIndex::due`] says so.
    ///
    /// # Errors
    /// The index can't be written, or what it is made anew from not be read: nothing more is forgotten until it can.
    pub fn index_orders(&self) -> Result<(), EngineError> {
        let durable = RecordNumber(self.log.durable());
        let reached = self.orders.extend(&self.log.reader(), durable, |after, up_to| {
            // Whatever is durable has been applied.
            self.shards
                .iter()
                .flat_map(|shard| shard.lock().orders_between(after, up_to).collect::<Vec<_>>())
                .collect()
        });
        // A run may have been added even if it couldn't be merged with others.
        self.tell_indexed(self.orders.up_to());
        reached.map(|_| ())
    }

    fn tell_indexed(&self, up_to: RecordNumber) {
        for shard in &self.shards {
            shard.lock().set_orders_indexed(up_to);
        }
    }

    /// Every shard, held; nothing of what is configured.
    pub(super) fn hold_all(&self) -> HeldShards<'_> {
        HeldShards::take(&self.shards, ShardSet::all(self.shards.len()))
    }

    pub(super) fn shards(&self) -> &[CachePadded<Mutex<Shard>>] {
        &self.shards
    }

    /// Begins a batch: look credentials up, then take hold of what they lead to.
    pub fn routes(&self) -> Routes<'_> {
        Routes::new(self, self.configuration.read())
    }

    /// The vault's numbers of every query password that is set.
    pub fn passwords(&self) -> HashSet<PasswordRef> {
        self.shards.iter().flat_map(|shard| shard.lock().passwords().collect::<Vec<_>>()).collect()
    }

    /// Begins a turn of changes: takes hold of everything. Commands that [configure](Command::configures) need it.
    pub fn changes(&self) -> ChangeTurn<'_> {
        ChangeTurn::begin(self, self.configuration.write())
    }

    /// One command by itself. For a stream of them, gather a batch: see [`Routes`] and [`ChangeTurn`].
    pub fn execute(&self, command: &Command<'_>) -> Reply {
        if command.configures() {
            self.changes().execute(command)
        } else {
            self.routes().hold_for(std::iter::once(*command)).execute(command)
        }
    }

    /// Executes a configuration request that no till sent. Holds everything while it does.
    ///
    /// # Errors
    /// The log can't take it, or the ledger refuses it. The outcome isn't durable yet: see [`Self::sync`].
    pub fn configure(&self, request: Request<'_>) -> Result<Outcome, EngineError> {
        match self.changes().try_execute(&Command::from(request))? {
            // What was refused by a record has one, and stands: an import goes on.
            Reply::Outcome(outcome) if outcome.code.is_approved() || outcome.record != RecordNumber(0) => {
                Ok(outcome)
            }
            Reply::Outcome(outcome) => {
                Err(EngineError::Refused { code: outcome.code, command: format!("{request:?}") })
            }
            reply => unreachable!("a configuration request is never answered with {reply:?}"),
        }
    }

    /// Logged time as of now, nanoseconds since 1970 UTC: what a record would bear that is appended next.
    pub fn logged_time_ns(&self) -> u64 {
        self.log.stage().time_ns()
    }

    /// After a turn: writes what is staged on this thread when it is little and nobody is writing, and leaves it
    /// to the log's own thread otherwise. Returns the last durable record.
    ///
    /// # Errors
    /// A failed write: the log is poisoned, and the process must end.
    pub fn commit(&self) -> Result<RecordNumber, WalError> {
        let waiting = self.log.staged_groups_waiting();
        if waiting == 0 {
            return Ok(RecordNumber(self.log.durable()));
        }
        if waiting <= INLINE_GROUPS_MAX
            && let Committed::Written { durable_number } = self.log.commit()?
        {
            if self.log.staged() > durable_number {
                self.log.kick();
            }
            return Ok(RecordNumber(durable_number));
        }
        self.log.kick();
        Ok(RecordNumber(self.log.durable()))
    }

    /// Makes everything staged so far durable before it returns.
    ///
    /// # Errors
    /// A failed write.
    pub fn sync(&self) -> Result<RecordNumber, WalError> {
        self.log.commit_all().map(RecordNumber)
    }

    /// The whole state, copied while everything is held, with the last record it holds. For snapshots at a stop
    /// and for comparisons; it stops the world.
    pub fn copy_state(&self) -> (State, RecordNumber) {
        let configuration = self.configuration.read();
        let guards: Vec<_> = self.shards.iter().map(|shard| shard.lock()).collect();
        let state = State {
            registry: configuration.registry.clone(),
            directory: configuration.directory.clone(),
            shards: guards.iter().map(|guard| Shard::clone(guard)).collect(),
        };
        let last = self.log.stage().next_number() - 1;
        (state, RecordNumber(last))
    }
}

/// Applies records of the log to `state`, asking ahead for the lines that the next ones will need.
fn replay_records(state: &mut State, records: Records<'_>) -> Result<(), EngineError> {
    let mut ahead = records.clone();
    for record in ahead.by_ref().take(REPLAY_RECORDS_AHEAD) {
        touch_record(&state.directory, &state.shards, record.kind, record.payload);
    }
    for record in records {
        if let Some(later) = ahead.next() {
            touch_record(&state.directory, &state.shards, later.kind, later.payload);
        }
        replay_record(state, &record)
            .map_err(|source| EngineError::Replay { number: record.number, source })?;
    }
    Ok(())
}

/// Applies one record of the log to `state`.
///
/// # Errors
/// A kind or version unknown here, or a record that doesn't fit what came before.
pub fn replay_record(state: &mut State, record: &RecordRef<'_>) -> Result<(), LedgerError> {
    let decoded = Record::decode(record.kind, record.version, record.payload)?;
    let State { registry, directory, shards } = state;
    apply(registry, directory, shards, RecordNumber(record.number), record.time_ns, &decoded)
}
