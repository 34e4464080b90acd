//! One machine: a simulated medium, snapshots, and the engine on top of them. It stops in every way there is, and
//! starts again.

use std::path::Path;
use std::sync::Arc;

use engine::ledger::holder::PasswordRef;
use engine::ledger::known::{KnownPassword, PasswordVerdict};
use engine::ledger::open_taps::Chip;
use engine::ledger::{Command, Known, Need, Request, Sizes, State, snapshot};
use engine::runtime::engine::{Engine, EngineError, Reply, Sources, replay_record};
use engine::runtime::look_up;
use engine::runtime::snapshot_files::Snapshot;
use protocol::ids::RecordNumber;
use protocol::result_code::ResultCode;
use wal::{Committed, LogConfig, LogId, PAGE_BYTES, Simulated, Storage, WalError};

use super::clock::SimulatedClock;
use super::coverage::Coverage;
use super::plant::Plant;
use super::random::Random;

/// Starts that may fail one after the other, each by a crash of its own.
const STARTS_MAX: u64 = 4;
/// What one command may need from the log: one thing after the other, and again when its till has gone on meanwhile.
const LOOK_UPS_MAX: usize = 8;

/// Where the index of orders lies, beside the snapshots.
const ORDERS_DIR: &str = "orders";

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The power fails: of what wasn't synced, some sectors are there.
    PowerFailure,
    /// The process is killed; the page cache lives on.
    Kill,
    /// Everything durable, a seal, a snapshot.
    Clean,
}

/// Why a step could not be done.
#[derive(Debug)]
pub enum Trouble {
    /// The medium failed as planned: the process must end.
    Died,
    /// A bug.
    Violation(String),
}

impl From<String> for Trouble {
    fn from(what: String) -> Trouble {
        Trouble::Violation(what)
    }
}

pub struct Machine<'d> {
    medium: Simulated,
    clock: Arc<SimulatedClock>,
    snapshot_dir: &'d Path,
    engine: Engine,
    config: LogConfig,
    sizes: Sizes,
    plant: Plant,
    random: Random,
    /// A fault of the medium is planned: errors are to be expected.
    fault_planned: bool,
    /// The vault of query passwords, by their numbers; 0 is none. A file of its own: it lives on, whatever happens.
    vault: Vec<u8>,
}

impl<'d> Machine<'d> {
    /// A new machine with an empty log.
    ///
    /// # Errors
    /// It doesn't start.
    pub fn new(
        clock: Arc<SimulatedClock>,
        snapshot_dir: &'d Path,
        plant: Plant,
        mut random: Random,
    ) -> Result<Machine<'d>, String> {
        let sizes = Sizes {
            shards: *random.pick(&[1, 2, 4, 16]),
            accounts_max: 64,
            cards_max: 4_096,
            terminals_max: 20,
            merchants_max: 4,
            outcomes_per_terminal: *random.pick(&[8, 16, 64]),
            orders_max: *random.pick(&[4, 16, 4_096]),
            open_taps_max: 1_024,
            card_pasts_max: 4_096,
        };
        let block_bytes_max = *random.pick(&[4 << 10, 8 << 10, 16 << 10]);
        let config = LogConfig {
            block_bytes_max,
            staging_bytes_max: block_bytes_max * *random.pick(&[2, 4]),
            reserve_bytes: *random.pick(&[8 << 10, 16 << 10, 48 << 10]),
            ..LogConfig::small(LogId([random.below(256) as u8; 16]))
        };
        let medium = Simulated::new();
        let sources =
            Opening { medium: &medium, clock: &clock, config: &config, sizes: &sizes, dir: snapshot_dir };
        let engine = sources.open(None).map_err(|error| error.to_string())?;
        Ok(Machine {
            medium,
            clock,
            snapshot_dir,
            engine,
            config,
            sizes,
            plant,
            random,
            fault_planned: false,
            vault: vec![0],
        })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The last record that was staged.
    pub fn staged(&self) -> u64 {
        self.engine.log().staged()
    }

    /// One request, and what it needs from the log. `between` comes in from another connection of the
    /// same till while the log is walked.
    ///
    /// # Errors
    /// The process must end, or a bug.
    pub fn execute(
        &mut self,
        mut request: Request<'_>,
        typed: Option<u8>,
        retried: bool,
        mut between: Option<Request<'_>>,
        coverage: &mut Coverage,
    ) -> Result<Reply, Trouble> {
        if retried && self.plant == Plant::PaysTwice {
            forget(&mut request);
        }
        self.index_orders()?;
        let mut known = Known::default();
        for _ in 0..LOOK_UPS_MAX {
            let reply = self.engine.execute(&Command { request, known: Some(&known) });
            let need = match reply {
                Reply::Needs(need) => need,
                Reply::Tap { outcome, chip } => {
                    expect_chip(&request, chip)?;
                    return Ok(self.bend(Reply::Outcome(outcome)));
                }
                reply => return Ok(self.bend(reply)),
            };
            match need {
                Need::Sale { .. } => coverage.walks += 1,
                Need::Record(_) => coverage.records_looked_up += 1,
                Need::Refunds { .. } => coverage.refunds_looked_up += 1,
                Need::Told { .. } => coverage.told_looked_up += 1,
                Need::Till(_) | Need::Account(_) => {}
                Need::Totals(_) => coverage.totals_added_up += 1,
                Need::Order { .. } => coverage.orders_looked_up += 1,
                Need::Password(_) | Need::NewPassword => {
                    coverage.passwords_looked_up += 1;
                    self.ask_vault(need, typed, &mut known)?;
                    continue;
                }
            }
            if let Err(error) = self.engine.sync() {
                self.expect_fault(&error)?;
                return Ok(Reply::Refused(ResultCode::Stopping));
            }
            look_up::answer(&self.engine, need, &mut known)
                .map_err(|error| format!("looking for {need:?}: {error}"))?;
            if let Some(between) = between.take() {
                self.engine.execute(&Command::from(between));
            }
        }
        Err(Trouble::Violation(format!("the log asked {LOOK_UPS_MAX} times: {request:?}")))
    }

    /// What the vault says of the password that was typed.
    fn ask_vault(&mut self, need: Need, typed: Option<u8>, known: &mut Known) -> Result<(), String> {
        let typed = typed.ok_or("a password is asked for that nobody typed")?;
        if let Need::Password(of) = need {
            let right = *self.vault.get(of.0 as usize).ok_or(format!("the vault has lost {of:?}"))?;
            let verdict = if right == typed { PasswordVerdict::Right } else { PasswordVerdict::Wrong };
            known.password = Some(KnownPassword { of, verdict });
        } else {
            known.stored = Some(PasswordRef(self.vault.len() as u64));
            self.vault.push(typed);
        }
        Ok(())
    }

    /// Several requests in one turn, as a worker does it. Ends early at one that needs the log; gives the replies
    /// up to there.
    pub fn execute_batch(&mut self, requests: &[Request<'_>]) -> Vec<Reply> {
        let routes = self.engine.routes();
        let commands: Vec<Command<'_>> = requests.iter().copied().map(Command::from).collect();
        let mut turn = routes.hold_for(commands.iter().copied());
        let mut replies = Vec::new();
        for command in &commands {
            let reply = turn.execute(command);
            if matches!(reply, Reply::Needs(_)) {
                break;
            }
            replies.push(reply);
        }
        replies
    }

    /// What the slow lane does for the index of orders, sooner or later.
    fn index_orders(&mut self) -> Result<(), Trouble> {
        if self.random.per_mille(600)
            && self.engine.orders().due().try_recv().is_ok()
            && let Err(error) = self.engine.index_orders()
        {
            return Err(Trouble::Violation(format!("orders can't be indexed: {error}")));
        }
        Ok(())
    }

    /// What the planted bug makes of a reply.
    fn bend(&mut self, reply: Reply) -> Reply {
        match (self.plant, reply) {
            (Plant::AnswersEarly, Reply::Outcome(mut outcome)) if self.random.per_mille(200) => {
                outcome.observed = RecordNumber(0);
                Reply::Outcome(outcome)
            }
            (Plant::ShowsEarly, Reply::Balance(mut view)) => {
                view.observed = RecordNumber(0);
                Reply::Balance(view)
            }
            (_, reply) => reply,
        }
    }

    /// Writes one block, or everything.
    ///
    /// # Errors
    /// The process must end, or a bug.
    pub fn commit(&mut self) -> Result<(), Trouble> {
        let written = match self.random.below(4) {
            0 => self.engine.sync().map(|_| ()),
            1 => self.engine.commit().map(|_| ()),
            _ => self.engine.log().commit().map(|committed| assert_ne!(committed, Committed::InFlight)),
        };
        self.outcome(written)
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// The process must end, or a bug.
    pub fn sync(&mut self) -> Result<(), Trouble> {
        let written = self.engine.sync().map(|_| ());
        self.outcome(written)
    }

    /// Asks a full medium for room again.
    ///
    /// # Errors
    /// The process must end, or a bug.
    pub fn maintain(&mut self) -> Result<(), Trouble> {
        let made = self.engine.log().maintain();
        self.outcome(made)
    }

    fn outcome(&self, written: Result<(), WalError>) -> Result<(), Trouble> {
        let Err(error) = written else { return Ok(()) };
        self.expect_fault(&error)?;
        if !self.engine.log().poisoned() {
            return Err(Trouble::Violation(format!("the log isn't poisoned after: {error}")));
        }
        Err(Trouble::Died)
    }

    fn expect_fault(&self, error: &WalError) -> Result<(), Trouble> {
        if self.fault_planned {
            Ok(())
        } else {
            Err(Trouble::Violation(format!("a whole medium, and the log fails: {error}")))
        }
    }

    /// The process will die inside one of the next writes.
    pub fn plan_stop(&mut self) {
        self.fault_planned = true;
        self.medium.stop_at_operation(self.medium.operations() + self.random.between(1, 3));
    }

    /// One of the next writes or syncs will fail.
    pub fn plan_failure(&mut self) {
        self.fault_planned = true;
        self.medium.fail_at_operation(self.medium.operations() + self.random.between(1, 3));
    }

    /// Bounds the medium so that at most `segments` more fit, or lifts the bound.
    pub fn set_room(&mut self, segments: Option<u64>) {
        let used = self.medium.list().map_or(0, |ids| ids.len() as u64);
        let segment_bytes = u64::from(self.config.segment_bytes);
        self.medium.set_capacity_bytes(segments.map(|more| (used + more) * segment_bytes));
    }

    /// Saves a snapshot while serving.
    ///
    /// # Errors
    /// The process must end, or a bug.
    pub fn save_snapshot(&mut self) -> Result<(), Trouble> {
        self.sync()?;
        let (state, last) = self.engine.copy_state();
        Snapshot::save(self.snapshot_dir, self.engine.log().log_id(), &state, last)
            .map_err(|error| Trouble::Violation(format!("a snapshot can't be saved: {error}")))?;
        Ok(())
    }

    /// Ends the process and starts the next one, with another number of shards.
    ///
    /// # Errors
    /// The next one doesn't start, or isn't what this one was.
    pub fn restart(&mut self, stop: Stop, coverage: &mut Coverage) -> Result<(), String> {
        let mut stop = stop;
        if stop == Stop::Clean && self.engine.log().seal().is_err() {
            if !self.fault_planned {
                return Err("a whole medium, and the log can't be sealed".to_owned());
            }
            stop = Stop::Kill;
        }
        let (state, last) = self.engine.copy_state();
        let live = snapshot::digest_of(&state);
        if stop == Stop::Clean {
            Snapshot::save(self.snapshot_dir, self.engine.log().log_id(), &state, last)
                .map_err(|error| format!("a snapshot can't be saved: {error}"))?;
        }
        coverage.count_stop(stop, self.engine.log().durable() < last.0);
        self.medium = self.next_medium(stop);
        self.sizes.shards = *self.random.pick(&[1, 2, 4, 16]);
        for start in 0.. {
            self.fault_planned = start < STARTS_MAX && self.random.per_mille(150);
            if self.fault_planned {
                self.medium.stop_at_operation(self.random.between(1, 3));
            }
            let (found, rejected) = Snapshot::newest(self.snapshot_dir).map_err(|error| error.to_string())?;
            coverage.snapshots_rejected += rejected.len() as u64;
            let found = found.filter(|_| !self.random.per_mille(250));
            coverage.snapshots_used += u64::from(found.is_some());
            let opening = Opening {
                medium: &self.medium,
                clock: &self.clock,
                config: &self.config,
                sizes: &self.sizes,
                dir: self.snapshot_dir,
            };
            match opening.open(found) {
                Ok(engine) => {
                    self.engine = engine;
                    break;
                }
                Err(EngineError::Log(WalError::Io { .. })) if self.fault_planned => {
                    coverage.starts_stopped += 1;
                    let stop = if self.random.per_mille(500) { Stop::PowerFailure } else { Stop::Kill };
                    self.medium = self.next_medium(stop);
                }
                Err(error) => return Err(format!("it doesn't start again after {stop:?}: {error}")),
            }
        }
        self.check_state(stop, live, last)
    }

    /// Live state before = state now = the whole log replayed into another number of shards.
    fn check_state(&mut self, stop: Stop, live: [u8; 32], last: RecordNumber) -> Result<(), String> {
        let (state, now) = self.engine.copy_state();
        let digest = snapshot::digest_of(&state);
        if now == last && digest != live {
            return Err(format!("after {stop:?} the state at record {now} isn't what it was before"));
        }
        if now > last || (stop == Stop::Clean && now != last) {
            return Err(format!("after {stop:?} at record {last} the log ends with {now}"));
        }
        let replayed = self.replay()?;
        if snapshot::digest_of(&replayed) != digest {
            return Err(format!("the log replayed to record {now} isn't the state that was started with"));
        }
        Ok(())
    }

    /// Everything made durable; then live state = the log replayed.
    ///
    /// # Errors
    /// They differ, or the process must end.
    pub fn check_live_state(&mut self) -> Result<(), Trouble> {
        self.sync()?;
        let (state, now) = self.engine.copy_state();
        if snapshot::digest_of(&self.replay()?) != snapshot::digest_of(&state) {
            return Err(Trouble::Violation(format!("the live state at record {now} isn't its log replayed")));
        }
        Ok(())
    }

    fn replay(&mut self) -> Result<State, String> {
        let sizes = Sizes { shards: *self.random.pick(&[1, 2, 16]), ..self.sizes.clone() };
        let mut state = State::new(&sizes).map_err(|error| error.to_string())?;
        for found in self.engine.log().reader().scan(1) {
            let found = found.map_err(|error| format!("the log can't be read: {error}"))?;
            replay_record(&mut state, &found)
                .map_err(|error| format!("record {} can't be replayed: {error}", found.number))?;
        }
        Ok(state)
    }

    fn next_medium(&mut self, stop: Stop) -> Simulated {
        let next = match stop {
            Stop::PowerFailure => self.medium.crash(self.random.next()),
            Stop::Kill | Stop::Clean => self.medium.kill(),
        };
        if self.plant == Plant::LosesBlock && stop == Stop::PowerFailure {
            lose_last_page(&next);
        }
        next
    }

    /// Damages the newest snapshot.
    pub fn damage_snapshot(&mut self) {
        let Ok((Some(newest), _)) = Snapshot::newest(self.snapshot_dir) else { return };
        let Ok(mut bytes) = std::fs::read(newest.path()) else { return };
        if self.random.per_mille(500) {
            bytes.truncate(self.random.below(bytes.len() as u64) as usize);
        } else {
            let place = self.random.below(bytes.len() as u64) as usize;
            bytes[place] ^= 1 << self.random.below(8);
        }
        // Should it not be written, the snapshot is whole, which is right as well.
        let _ = std::fs::write(newest.path(), bytes);
    }

    /// Damages or removes a file of the index of orders.
    pub fn damage_order_index(&mut self, coverage: &mut Coverage) {
        let Ok(found) = std::fs::read_dir(self.snapshot_dir.join(ORDERS_DIR)) else { return };
        let mut paths: Vec<_> = found.flatten().map(|entry| entry.path()).collect();
        // The system gives them in an order of its own.
        paths.sort();
        if paths.is_empty() {
            return;
        }
        let path = self.random.pick(&paths).clone();
        let Ok(mut bytes) = std::fs::read(&path) else { return };
        coverage.order_runs_damaged += 1;
        // Should any of it fail, the file is whole, which is right as well.
        let _ = match self.random.below(3) {
            0 => std::fs::remove_file(&path),
            1 => {
                bytes.truncate(self.random.below(bytes.len() as u64) as usize);
                std::fs::write(&path, bytes)
            }
            _ => {
                let place = self.random.below(bytes.len() as u64) as usize;
                bytes[place] ^= 1 << self.random.below(8);
                std::fs::write(&path, bytes)
            }
        };
    }
}

/// What an engine is opened from, but for a snapshot.
struct Opening<'o> {
    medium: &'o Simulated,
    clock: &'o Arc<SimulatedClock>,
    config: &'o LogConfig,
    sizes: &'o Sizes,
    dir: &'o Path,
}

impl Opening<'_> {
    fn open(&self, snapshot: Option<Snapshot>) -> Result<Engine, EngineError> {
        let sources = Sources {
            storage: Arc::new(self.medium.clone()),
            log: *self.config,
            clock: Arc::clone(self.clock) as Arc<dyn wal::Clock>,
            sizes: self.sizes.clone(),
            snapshot,
            orders: Some(self.dir.join(ORDERS_DIR)),
        };
        Engine::open(sources).map(|(engine, _)| engine)
    }
}

/// Makes a retry a new sale, as an engine without a memory would.
fn forget(request: &mut Request<'_>) {
    if let Request::CardDebit(debit) = request {
        debit.sale.sequence.0 += 1 << 20;
        debit.card_counter.0 += 1;
    }
}

/// Takes the last written page from a medium, as if it had never been synced.
fn lose_last_page(medium: &Simulated) {
    for segment_id in medium.list().unwrap_or_default().into_iter().rev() {
        let Some(mut image) = medium.image(segment_id) else { continue };
        if let Some(page) =
            image.chunks_mut(PAGE_BYTES).skip(1).rev().find(|page| page.iter().any(|b| *b != 0))
        {
            page.fill(0);
            medium.set_image(segment_id, Some(image));
            return;
        }
    }
}

/// A tap's chip is written with the tap's own counter.
fn expect_chip(request: &Request<'_>, chip: Chip) -> Result<(), Trouble> {
    match request {
        Request::CardTap(tap) if tap.card_counter == chip.counter => Ok(()),
        _ => Err(Trouble::Violation(format!("{chip:?} is to be written after {request:?}"))),
    }
}
