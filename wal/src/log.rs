//! The log while it serves: staging, one block in flight, durability, poison.

use crate::block::{BlockBuffer, Linker, put_seal};
use crate::block_report::BlockReport;
use crate::clock::Clock;
use crate::config::{LogConfig, LogId};
use crate::error::WalError;
use crate::page;
use crate::reader::LogReader;
use crate::record::Records;
use crate::recovery::{self, RecoveryReport};
use crate::segment_header::SegmentHeader;
use crate::segment_table::{Entry, SegmentTable};
use crate::staging::{Stage, Staging};
use crate::storage::{Pace, SegmentFile, Storage, at_once};
use crate::time::LoggedTime;
use crate::writer::READY_AT;
use parking_lot::{Mutex, RwLock};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// What [`Log::commit`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// One block was written; every record up to this number is durable.
    Written {
        /// The last durable record.
        durable_number: u64,
    },
    /// Another thread is writing. It, or the writer thread that it wakes, will come to what is staged now.
    InFlight,
    /// Nothing was staged.
    Nothing,
}

/// What the one who writes needs.
pub(crate) struct Writer {
    pub(crate) file: Arc<dyn SegmentFile>,
    pub(crate) segment_id: u32,
    pub(crate) page_next: u32,
    pub(crate) seed: u32,
    pub(crate) sequence_next: u64,
    pub(crate) link: [u8; 32],
    pub(crate) linker: Linker,
    pub(crate) last_number: u64,
    pub(crate) last_time_ns: u64,
    /// Nothing was written since the last seal.
    pub(crate) sealed: bool,
    /// A page of memory for headers and seals.
    pub(crate) scratch: Box<[u8]>,
}

/// The threads to wake.
#[derive(Default)]
struct Threads {
    writer: Option<Thread>,
    keeper: Option<Thread>,
}

/// An open log. Shared by reference between all threads that append, commit and read.
pub struct Log {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    log_id: LogId,
    staging: Mutex<Staging>,
    writer: Mutex<Writer>,
    /// Held by whoever makes a spare.
    making_spare: Mutex<()>,
    table: Arc<SegmentTable>,
    durable: Arc<AtomicU64>,
    staged: AtomicU64,
    groups_waiting: AtomicU64,
    poisoned: AtomicBool,
    poison_cause: OnceLock<String>,
    time_alarm: AtomicBool,
    observers: RwLock<Vec<Observer>>,
    callbacks: RwLock<Vec<Callback>>,
    threads: Mutex<Threads>,
}

type Callback = Box<dyn Fn(u64) + Send + Sync>;
type Observer = Box<dyn Fn(&BlockReport) + Send + Sync>;

impl Log {
    /// Opens the log in `storage`, or makes a new one; verifies and replays the records from `replay_from` on (0 and 1
    /// both mean all), makes the recovered tail durable again, and only then returns. The caller holds the
    /// [`DirLock`](crate::DirLock).
    ///
    /// Segments before the one that holds `replay_from` are not read, except for their headers and ends.
    ///
    /// # Errors
    /// Damage that a crash can't explain, a missing or foreign segment, another format version, a bad setting, a
    /// failing medium. `recover`, which gets the records of one block after the other, may have seen some before an error
    /// shows; the caller throws its state away.
    pub fn open(
        storage: Arc<dyn Storage>,
        config: LogConfig,
        clock: Arc<dyn Clock>,
        replay_from: u64,
        recover: &mut dyn FnMut(Records<'_>),
    ) -> Result<(Log, RecoveryReport), WalError> {
        config.validate()?;
        let recovered = recovery::recover(&*storage, &config, replay_from, recover)?;
        let report = recovered.report;
        let time = LoggedTime::new(report.last_time_ns, &*clock, config.wall_jump_max_ns);
        let time_alarm = time.is_frozen();
        let next_number = report.last_number + 1;
        let staging = Staging::new(&config, recovered.end, next_number, time, SegmentTable::SEGMENTS_MAX);
        let log = Log {
            storage,
            clock,
            log_id: report.log_id,
            staging: Mutex::new(staging),
            writer: Mutex::new(recovered.writer),
            making_spare: Mutex::new(()),
            table: Arc::new(recovered.table),
            durable: Arc::new(AtomicU64::new(report.last_number)),
            staged: AtomicU64::new(report.last_number),
            groups_waiting: AtomicU64::new(0),
            poisoned: AtomicBool::new(false),
            poison_cause: OnceLock::new(),
            time_alarm: AtomicBool::new(time_alarm),
            observers: RwLock::new(Vec::new()),
            callbacks: RwLock::new(Vec::new()),
            threads: Mutex::new(Threads::default()),
        };
        // Making a spare takes longer than reading most logs: it is left to whoever serves, unless it might come too late.
        if log.used_share() >= READY_AT {
            log.maintain()?;
        }
        Ok((log, report))
    }

    /// Locks the staging buffer and samples the logged time. Hold it from the moment of decision to the last append,
    /// no longer.
    #[inline]
    pub fn stage(&self) -> Stage<'_> {
        let mut staging = self.staging.lock();
        staging.time.sample(&*self.clock);
        let frozen = staging.time.is_frozen();
        if frozen != self.time_alarm.load(Ordering::Relaxed) {
            self.time_alarm.store(frozen, Ordering::Relaxed);
            if frozen {
                tracing::error!("the wall clock jumped: logged time goes on at monotonic pace");
            } else {
                tracing::warn!("logged time follows the wall clock again");
            }
        }
        Stage::new(self, staging)
    }

    /// Writes the next staged block and makes it durable, on the calling thread, unless a write is in flight. If more is
    /// staged by then, the [`LogWriter`](crate::LogWriter) is woken; without one, the caller commits again.
    ///
    /// # Errors
    /// [`WalError::Io`] when this very write failed (the log is poisoned from now on), [`WalError::Poisoned`] after.
    pub fn commit(&self) -> Result<Committed, WalError> {
        let Some(mut writer) = self.writer.try_lock() else {
            self.check_poison()?;
            return Ok(Committed::InFlight);
        };
        let block = self.write_next(&mut writer)?;
        drop(writer);
        let written = block.is_some();
        self.after_write(block)?;
        if !written {
            return Ok(Committed::Nothing);
        }
        Ok(Committed::Written { durable_number: self.durable() })
    }

    /// What follows a write, once the writer's lock is free: whoever was told "in flight" has staged before the look for
    /// more that this takes, and is seen.
    fn after_write(&self, block: Option<BlockBuffer>) -> Result<(), WalError> {
        let (more, wants_spare) = {
            let mut staging = self.staging.lock();
            if let Some(block) = block {
                staging.give_back(block);
            }
            (staging.has_blocks(), staging.space.lacks_spare() && !staging.space.medium_full)
        };
        if more {
            self.kick();
        }
        // With a thread there to make spares, it was woken when the last one was claimed.
        if wants_spare && self.threads.lock().keeper.is_none() {
            self.maintain()?;
        }
        Ok(())
    }

    /// Writes block after block until all that was staged at the call is durable, waiting for a write in flight.
    /// Returns the last durable number.
    ///
    /// # Errors
    /// As [`commit`](Log::commit).
    pub fn commit_all(&self) -> Result<u64, WalError> {
        let target = self.staged();
        loop {
            let durable = self.durable();
            if durable >= target {
                return Ok(durable);
            }
            let block = self.write_next(&mut self.writer.lock())?;
            self.after_write(block)?;
        }
    }

    /// Takes and writes one block; gives its memory to be handed back.
    fn write_next(&self, writer: &mut Writer) -> Result<Option<BlockBuffer>, WalError> {
        self.check_poison()?;
        let Some(mut block) = self.staging.lock().take() else { return Ok(None) };
        let taken_ns = self.clock.monotonic_ns();
        if let Some(file) = block.place.claim.take() {
            self.enter_segment(writer, block.place.segment_id, file)?;
        }
        assert_eq!(
            (writer.segment_id, writer.page_next),
            (block.place.segment_id, block.place.page),
            "a block was staged for another place than the one its turn came at"
        );
        let link = block.finish(writer.sequence_next, &writer.link, writer.seed, &mut writer.linker);
        self.write(writer, writer.page_next, block.pages(), "write block")?;
        writer.page_next += block.page_count() as u32;
        writer.file.settle(writer.page_next);
        writer.sequence_next += 1;
        writer.link = link;
        writer.last_number += u64::from(block.record_count);
        writer.last_time_ns = block.last_time_ns;
        writer.sealed = false;
        self.groups_waiting.fetch_sub(u64::from(block.group_count), Ordering::Relaxed);
        let report = BlockReport {
            last_number: writer.last_number,
            groups: block.group_count,
            records: block.record_count,
            bytes: block.pages().len() as u32,
            begun_ns: block.begun_ns,
            taken_ns,
            durable_ns: self.clock.monotonic_ns(),
        };
        for observer in self.observers.read().iter() {
            observer(&report);
        }
        self.durable.store(writer.last_number, Ordering::Release);
        self.tell(writer.last_number);
        Ok(Some(block))
    }

    /// Makes a spare the segment in use.
    fn enter_segment(
        &self,
        writer: &mut Writer,
        segment_id: u32,
        file: Arc<dyn SegmentFile>,
    ) -> Result<(), WalError> {
        writer.file.retire();
        let header = SegmentHeader {
            log_id: self.log_id.0,
            segment_id,
            page_count: file.page_count(),
            first_block: writer.sequence_next,
            first_number: writer.last_number + 1,
            last_time_ns: writer.last_time_ns,
            previous_link: writer.link,
        };
        header.put(&mut writer.scratch);
        writer.file = Arc::clone(&file);
        writer.segment_id = segment_id;
        writer.page_next = 1;
        writer.seed = page::seed(&self.log_id.0, segment_id);
        self.write(writer, 0, &writer.scratch, "write segment header")?;
        file.settle(1);
        self.table.push(Entry::new(header, file));
        Ok(())
    }

    /// Writes pages durably; a failure is final.
    fn write(
        &self,
        writer: &Writer,
        page: u32,
        bytes: &[u8],
        operation: &'static str,
    ) -> Result<(), WalError> {
        writer.file.write(page, bytes).map_err(|source| self.poison(operation, writer.segment_id, source))
    }

    /// Acknowledges nothing more, and gives the error to report.
    fn poison(&self, operation: &'static str, segment: u32, source: io::Error) -> WalError {
        let error = WalError::Io { operation, segment, source };
        tracing::error!(%error, "the log is poisoned");
        if self.poison_cause.set(error.to_string()).is_ok() {
            self.poisoned.store(true, Ordering::Release);
            self.tell(self.durable());
        }
        error
    }

    fn check_poison(&self) -> Result<(), WalError> {
        if self.poisoned() {
            let cause = self.poison_cause().unwrap_or_default().to_owned();
            return Err(WalError::Poisoned { cause });
        }
        Ok(())
    }

    fn tell(&self, durable_number: u64) {
        for callback in self.callbacks.read().iter() {
            callback(durable_number);
        }
    }

    /// Notes what a stage has staged. Called under the staging lock.
    pub(crate) fn note_staged(&self, last_number: u64, groups: u64) {
        self.groups_waiting.fetch_add(groups, Ordering::Relaxed);
        self.staged.store(last_number, Ordering::Release);
    }

    /// The last durable record; 0 if there is none.
    #[inline]
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The last staged record, as of the last dropped [`Stage`].
    #[inline]
    pub fn staged(&self) -> u64 {
        self.staged.load(Ordering::Acquire)
    }

    /// Groups that are staged and not yet durable.
    #[inline]
    pub fn staged_groups_waiting(&self) -> u64 {
        self.groups_waiting.load(Ordering::Relaxed)
    }

    /// The name of the back end that it is written through.
    pub fn back_end(&self) -> &'static str {
        self.storage.name()
    }

    /// Whether a block is being written at this moment.
    #[inline]
    pub fn in_flight(&self) -> bool {
        self.writer.is_locked()
    }

    /// Registers a callback for each durable block, given the last durable number; for waking workers. Called in order,
    /// on the writing thread, while no other block can be written: keep it short, and neither commit nor register in
    /// it. Called once more, with an unchanged number, when the log is poisoned.
    pub fn on_durable(&self, callback: Callback) {
        self.callbacks.write().push(callback);
    }

    /// Registers an observer of each block, called on the writing thread just before the block's records count as
    /// durable; the same rules as for [`on_durable`](Log::on_durable).
    pub fn on_block(&self, observer: impl Fn(&BlockReport) + Send + Sync + 'static) {
        self.observers.write().push(Box::new(observer));
    }

    /// Wakes the [`LogWriter`](crate::LogWriter), if there is one, to write what is staged.
    pub fn kick(&self) {
        if let Some(thread) = &self.threads.lock().writer {
            thread.unpark();
        }
    }

    /// Wakes the thread that makes spares, if there is one.
    pub(crate) fn wake_keeper(&self) {
        if let Some(thread) = &self.threads.lock().keeper {
            thread.unpark();
        }
    }

    /// Names the threads to wake, or none.
    pub(crate) fn set_threads(&self, writer: Option<Thread>, keeper: Option<Thread>) {
        *self.threads.lock() = Threads { writer, keeper };
    }

    /// Makes the spare segment if there is none, at once. The [`LogWriter`](crate::LogWriter) does it in the background, at a
    /// pace; without one, [`commit`](Log::commit) does it after its block, and this only tries again after a full medium.
    ///
    /// # Errors
    /// A failing medium (the log is poisoned from now on). A full one is no error: appends are refused as `Full`.
    pub fn maintain(&self) -> Result<(), WalError> {
        self.make_spare(&mut at_once)
    }

    /// As [`maintain`](Log::maintain), at a pace.
    pub(crate) fn make_spare(&self, pace: &mut Pace<'_>) -> Result<(), WalError> {
        let _making = self.making_spare.lock();
        self.check_poison()?;
        let Some((segment_id, page_count)) = self.staging.lock().space.spare_to_make() else { return Ok(()) };
        match self.storage.create(segment_id, page_count, pace) {
            Ok(file) => self.staging.lock().space.add_spare(file),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_full(&error) => {
                tracing::error!(segment_id, "no room for another log segment: {error}");
                self.staging.lock().space.medium_full = true;
            }
            Err(error) => return Err(self.poison("create segment", segment_id, error)),
        }
        Ok(())
    }

    /// The share of the segment in use that is used.
    pub(crate) fn used_share(&self) -> f64 {
        self.staging.lock().space.used_share()
    }

    /// A clean stop: refuses further appends, writes all that is staged, and a seal. Idempotent.
    ///
    /// # Errors
    /// As [`commit`](Log::commit).
    pub fn seal(&self) -> Result<(), WalError> {
        self.staging.lock().sealed = true;
        self.commit_all()?;
        let mut writer = self.writer.lock();
        self.check_poison()?;
        if writer.sealed {
            return Ok(());
        }
        let writer = &mut *writer;
        let next_number = writer.last_number + 1;
        put_seal(&mut writer.scratch, writer.sequence_next, next_number, &writer.link, writer.seed);
        self.write(writer, writer.page_next, &writer.scratch, "write seal")?;
        writer.page_next += 1;
        writer.file.settle(writer.page_next);
        writer.sequence_next += 1;
        writer.sealed = true;
        Ok(())
    }

    /// Whether a write or sync has failed. Final: stop the process with a clear error.
    #[inline]
    pub fn poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// The first failure, if the log is poisoned.
    pub fn poison_cause(&self) -> Option<&str> {
        self.poison_cause.get().map(String::as_str)
    }

    /// Whether logged time goes at monotonic pace because the wall clock jumped, as of the last [`stage`](Log::stage).
    pub fn time_alarm(&self) -> bool {
        self.time_alarm.load(Ordering::Relaxed)
    }

    /// An operator's word that the wall clock is right: logged time follows it again, still never backwards.
    pub fn accept_wall_clock(&self) {
        self.staging.lock().time.accept(&*self.clock);
    }

    /// A reader that stops at the durable position, and follows it.
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.table), Arc::clone(&self.durable), self.log_id)
    }

    /// The log's identity.
    pub fn log_id(&self) -> LogId {
        self.log_id
    }
}

/// Whether an error says that the medium has no room, which is no fault.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
