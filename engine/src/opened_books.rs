//! Opens a data directory's books: lock, snapshot, log, replay. And closes them: seal, snapshot.

use std::path::PathBuf;
use std::sync::Arc;

use protocol::ids::{BusinessDate, RecordNumber};
use protocol::keys::derive_password_pepper;
use wal::{Clock, LogConfig, LogId, Map, Storage, SystemClock, Through};

use crate::data_dir::{DataDir, DataDirError, random_bytes};
use crate::ledger::calendar::day_of;
use crate::ledger::command::CutOff;
use crate::ledger::{Request, Sizes};
use crate::runtime::engine::{Engine, EngineError, Sources, StartReport};
use crate::runtime::password_vault::{PasswordVault, VaultError};
use crate::runtime::snapshot_files::{Snapshot, SnapshotError};

/// Which back end writes the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogBackEnd {
    /// One write-through system call a block.
    #[default]
    Through,
    /// Stores to the map, then syncs it.
    Map,
}

/// How books are opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Sizes of the tables.
    pub sizes: Sizes,
    /// Which back end writes the log.
    pub back_end: LogBackEnd,
    /// Bound on the log's files together.
    pub log_bytes_max: Option<u64>,
}

/// Books that are open for writing.
pub struct OpenedBooks {
    data: DataDir,
    engine: Arc<Engine>,
    passwords: Arc<PasswordVault>,
}

/// Why books can't be opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The data directory.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The log or the ledger, with the directory.
    #[error("{}: {source}", path.display())]
    Engine {
        /// The data directory.
        path: PathBuf,
        /// What is wrong.
        source: EngineError,
    },
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The vault of query passwords.
    #[error(transparent)]
    Passwords(#[from] VaultError),
}

impl OpenedBooks {
    /// Opens the books in `data`; opens the first business date when there is none yet.
    ///
    /// # Errors
    /// Anything that makes the books untrustworthy: they aren't served then.
    pub fn open(data: DataDir, options: &OpenOptions) -> Result<(OpenedBooks, StartReport), BooksError> {
        let engine_error = |source| BooksError::Engine { path: data.path().to_owned(), source };
        let (snapshot, rejected) = Snapshot::newest(&data.snapshot_dir())?;
        let storage: Arc<dyn Storage> = match options.back_end {
            LogBackEnd::Through => Arc::new(Through::new(data.path())),
            LogBackEnd::Map => Arc::new(Map::new(data.path())),
        };
        let log = LogConfig { log_bytes_max: options.log_bytes_max, ..LogConfig::new(LogId(random_bytes())) };
        let sources = Sources {
            storage,
            log,
            clock: Arc::new(SystemClock),
            sizes: options.sizes.clone(),
            snapshot,
            orders: Some(data.orders_dir()),
        };
        let (engine, mut report) = Engine::open(sources).map_err(engine_error)?;
        report.snapshots_rejected.splice(..0, rejected.iter().map(ToString::to_string));
        if engine.routes().configuration().registry.business_date() == BusinessDate(0) {
            let today = BusinessDate(day_of(SystemClock.wall_ns()));
            engine.configure(Request::CutOff(CutOff { opened: today })).map_err(engine_error)?;
            engine.sync().map_err(|source| engine_error(source.into()))?;
        }
        let passwords =
            PasswordVault::open(&data.passwords_file(), derive_password_pepper(&data.master_key()?))?;
        report.passwords_lost = passwords.keep_only(&engine.passwords())?;
        if report.passwords_lost > 0 {
            tracing::warn!(
                lost = report.passwords_lost,
                "the vault has lost query passwords that accounts have"
            );
        }
        Ok((OpenedBooks { data, engine: Arc::new(engine), passwords: Arc::new(passwords) }, report))
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The vault of query passwords.
    pub fn passwords(&self) -> &Arc<PasswordVault> {
        &self.passwords
    }

    /// The directory.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// A clean stop: everything staged made durable, the log sealed, a snapshot saved. Returns the last record.
    ///
    /// # Errors
    /// A failed write. What was acknowledged is in the log all the same.
    pub fn close(self) -> Result<RecordNumber, BooksError> {
        let engine_error =
            |source: EngineError| BooksError::Engine { path: self.data.path().to_owned(), source };
        self.engine.log().seal().map_err(|source| engine_error(source.into()))?;
        if let Err(error) = self.engine.index_orders() {
            // It is made anew from the log: the next start takes longer.
            tracing::warn!(%error, "the index of orders isn't complete");
        }
        let (state, last) = self.engine.copy_state();
        Snapshot::save(&self.data.snapshot_dir(), self.engine.log().log_id(), &state, last)?;
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::command::RegisterMerchant;
    use crate::ledger::snapshot::digest_of;
    use protocol::ids::MerchantId;

    /// Makes a snapshot's rows say that they are of an earlier version; its checksum is right.
    fn make_old(snapshot: &std::path::Path) {
        let mut bytes = std::fs::read(snapshot).expect("a snapshot");
        let rows = bytes.windows(8).position(|window| window == b"YIKALEDG").expect("the rows begin");
        bytes[rows + 8] = 1;
        let end = bytes.len() - blake3::OUT_LEN;
        let checksum = blake3::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(checksum.as_bytes());
        std::fs::write(snapshot, bytes).expect("a snapshot");
    }

    #[test]
    fn a_snapshot_of_an_earlier_version_is_passed_over_and_said() {
        let dir = tempfile::tempdir().expect("a directory");
        let open = || {
            let data = DataDir::create_or_open(dir.path()).expect("a data directory");
            OpenedBooks::open(data, &OpenOptions::default()).expect("sound books")
        };
        let (books, _) = open();
        let merchant = RegisterMerchant { merchant: MerchantId(7), name: "一食堂", enabled: true };
        books.engine().configure(Request::RegisterMerchant(merchant)).expect("it is taken");
        let digest = digest_of(&books.engine().copy_state().0);
        let last = books.close().expect("a clean stop");

        let (books, report) = open();
        assert_eq!((report.snapshot.map(|(last, _)| last), report.snapshots_rejected.len()), (Some(last), 0));
        let newest = books.data().snapshot_dir().join(format!("{:020}.snapshot", last.0));
        drop(books);
        make_old(&newest);
        let (books, report) = open();
        assert_eq!((report.snapshot, report.recovery.records_replayed), (None, last.0));
        let [said] = &report.snapshots_rejected[..] else { panic!("{:?}", report.snapshots_rejected) };
        assert!(said.contains("version 1"), "{said}");
        assert_eq!(digest_of(&books.engine().copy_state().0), digest);
    }
}
