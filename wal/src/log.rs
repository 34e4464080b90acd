//! The log while it serves.

use crate::clock::Clock;
use crate::config::{LogConfig, LogId};
use crate::error::{AppendError, WalError};
use crate::reader::LogReader;
use crate::record::{Priority, Record, RecordRef};
use crate::storage::Storage;
use std::marker::PhantomData;
use std::sync::Arc;

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

/// How the log ended before it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// There was no log; a new one was made.
    New,
    /// A seal: the last process stopped cleanly.
    Sealed,
    /// A whole block without a seal: the last process was stopped.
    Unsealed,
    /// A block that was being written when the machine stopped; it was never acknowledged and is gone.
    Torn {
        /// The segment it was in.
        segment: u32,
        /// Its first page there.
        page: u32,
    },
}

/// What [`Log::open`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The log's identity.
    pub log_id: LogId,
    /// How the log ended.
    pub tail: Tail,
    /// Segments in use, spares not counted.
    pub segments: u32,
    /// Segments, blocks and bytes that were read and verified.
    pub segments_read: u32,
    /// Blocks read, seals included.
    pub blocks_read: u64,
    /// Bytes of these blocks, padding included.
    pub bytes_read: u64,
    /// Records given to the caller.
    pub records_replayed: u64,
    /// The last record of the log; 0 if there is none.
    pub last_number: u64,
    /// Its logged time; 0 if there is none.
    pub last_time_ns: u64,
    /// The link of the last block: the head of the hash chain.
    pub link: [u8; 32],
}

/// An open log. Shared by reference between all threads that append, commit and read.
pub struct Log {
    _private: (),
}

impl Log {
    /// Opens the log in `storage`, or makes a new one; verifies and replays the records from `replay_from` on (0 and 1
    /// both mean all), makes the recovered tail durable again, and only then returns. The caller holds the
    /// [`DirLock`](crate::DirLock).
    ///
    /// Segments before the one that holds `replay_from` are not read, except for their headers and ends.
    ///
    /// # Errors
    /// Damage that a crash can't explain, a missing or foreign segment, another format version, a bad setting, a
    /// failing medium. `recover` may have seen records before an error shows; the caller throws its state away.
    pub fn open(
        storage: Arc<dyn Storage>,
        config: LogConfig,
        clock: Arc<dyn Clock>,
        replay_from: u64,
        recover: &mut dyn FnMut(RecordRef<'_>),
    ) -> Result<(Log, RecoveryReport), WalError> {
        let _ = (storage, config, clock, replay_from, recover);
        todo!()
    }

    /// Locks the staging buffer and samples the logged time. Hold it from the moment of decision to the last append,
    /// no longer.
    pub fn stage(&self) -> Stage<'_> {
        todo!()
    }

    /// Writes the next staged block and makes it durable, on the calling thread, unless a write is in flight.
    ///
    /// # Errors
    /// [`WalError::Io`] when this very write failed (the log is poisoned from now on), [`WalError::Poisoned`] after.
    pub fn commit(&self) -> Result<Committed, WalError> {
        todo!()
    }

    /// Writes block after block until all that was staged at the call is durable, waiting for a write in flight.
    /// Returns the last durable number.
    ///
    /// # Errors
    /// As [`commit`](Log::commit).
    pub fn commit_all(&self) -> Result<u64, WalError> {
        todo!()
    }

    /// The last durable record; 0 if there is none.
    pub fn durable(&self) -> u64 {
        todo!()
    }

    /// The last staged record, as of the last dropped [`Stage`].
    pub fn staged(&self) -> u64 {
        todo!()
    }

    /// Groups that are staged and not yet durable.
    pub fn staged_groups_waiting(&self) -> u64 {
        todo!()
    }

    /// Whether a block is being written at this moment.
    pub fn in_flight(&self) -> bool {
        todo!()
    }

    /// Registers a callback for each durable block, given the last durable number; for waking workers. Called in order,
    /// on the writing thread, while no other block can be written: keep it short, and never commit in it. Called
    /// once more, with an unchanged number, when the log is poisoned.
    pub fn on_durable(&self, callback: Box<dyn Fn(u64) + Send + Sync>) {
        let _ = callback;
        todo!()
    }

    /// Wakes the [`LogWriter`](crate::LogWriter), if there is one, to write what is staged.
    pub fn kick(&self) {
        todo!()
    }

    /// Makes the spare segment if there is none. The [`LogWriter`](crate::LogWriter) does it in the background; without
    /// one, [`commit`](Log::commit) does it after its block, and this only tries again after a full medium.
    ///
    /// # Errors
    /// A failing medium (the log is poisoned from now on). A full one is no error: appends are refused as `Full`.
    pub fn maintain(&self) -> Result<(), WalError> {
        todo!()
    }

    /// A clean stop: refuses further appends, writes all that is staged, and a seal. Idempotent.
    ///
    /// # Errors
    /// As [`commit`](Log::commit).
    pub fn seal(&self) -> Result<(), WalError> {
        todo!()
    }

    /// Whether a write or sync has failed. Final: stop the process with a clear error.
    pub fn poisoned(&self) -> bool {
        todo!()
    }

    /// The first failure, if the log is poisoned.
    pub fn poison_cause(&self) -> Option<&str> {
        todo!()
    }

    /// Whether logged time goes at monotonic pace because the wall clock jumped.
    pub fn time_alarm(&self) -> bool {
        todo!()
    }

    /// An operator's word that the wall clock is right: logged time follows it again, still never backwards.
    pub fn accept_wall_clock(&self) {
        todo!()
    }

    /// A reader that stops at the durable position.
    pub fn reader(&self) -> LogReader {
        todo!()
    }

    /// The log's identity.
    pub fn log_id(&self) -> LogId {
        todo!()
    }
}

/// The staging buffer, held. Groups appended under one `Stage` have one logged time and stand next to each other.
pub struct Stage<'a> {
    _log: PhantomData<&'a Log>,
}

impl Stage<'_> {
    /// The number that the next appended record gets.
    pub fn next_number(&self) -> u64 {
        todo!()
    }

    /// The logged time that groups appended under this guard carry: nanoseconds since 1970-01-01 UTC.
    pub fn time_ns(&self) -> u64 {
        todo!()
    }

    /// Stages one record group: all of it or nothing. Gives the number of its first record; the others follow densely.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append(&mut self, group: &[Record<'_>], priority: Priority) -> Result<u64, AppendError> {
        let _ = (group, priority);
        todo!()
    }
}
