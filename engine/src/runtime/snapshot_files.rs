//! Snapshots on disk: the newest two, each whole or absent.
//!
//! ```text
//!  0          8          12                                                 end - 32    end
//!  ┌──────────┬──────────┬───────────────────┬──────────────────────────────┬───────────┐
//!  │ YKSNAP01 │ meta len │ meta (bincode)    │ rows of the ledger           │ BLAKE3    │
//!  │          │ u32      │ log id, last      │ (engine/src/ledger/snapshot) │ of all    │
//!  │          │          │ record, digest    │                              │ before it │
//!  └──────────┴──────────┴───────────────────┴──────────────────────────────┴───────────┘
//! ```
//!
//! `snapshots/<last record, 20 digits>.snapshot`. A snapshot that fails its checksum is passed over for the older
//! one, and then for the whole log; so is one of an earlier version, for the whole log at once: a snapshot only saves time.

use std::fs;
use std::path::{Path, PathBuf};

use bincode::config::{self, Configuration};
use bincode::{Decode, Encode};
use protocol::ids::RecordNumber;
use wal::LogId;

use crate::data_dir::{DataDirError, write_durably};
use crate::ledger::{LedgerError, Sizes, State, snapshot};

const MAGIC: &[u8; 8] = b"YKSNAP01";
const CHECKSUM_BYTES: usize = blake3::OUT_LEN;
/// Most bytes of the metadata; more is damage.
const META_BYTES_MAX: usize = 256;
/// Snapshots kept.
const SNAPSHOTS_KEPT: usize = 2;

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Meta {
    log_id: [u8; 16],
    last_record: u64,
    digest: [u8; 32],
}

/// A snapshot that was read and found whole.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    meta: Meta,
    bytes: Vec<u8>,
    rows_begin: usize,
}

/// Why a snapshot can't be written or used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It can't be written.
    #[error(transparent)]
    Write(#[from] DataDirError),
    /// Its bytes aren't those that were written.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What doesn't fit.
        reason: &'static str,
    },
    /// Its rows don't make a state of these sizes, or not the state that was saved.
    #[error("{}: {source}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// What doesn't fit.
        source: LedgerError,
    },
    /// It belongs to another log.
    #[error("{}: it was taken of another log", path.display())]
    ForeignLog {
        /// The file.
        path: PathBuf,
    },
}

impl SnapshotError {
    /// True when nothing is wrong but that it is of an earlier version.
    pub const fn is_of_old_snapshot(&self) -> bool {
        matches!(self, SnapshotError::Rows { source: LedgerError::OldSnapshot { .. }, .. })
    }
}

const fn meta_encoding() -> Configuration<config::LittleEndian, config::Fixint, config::Limit<META_BYTES_MAX>>
{
    config::standard().with_fixed_int_encoding().with_limit::<META_BYTES_MAX>()
}

impl Snapshot {
    /// Saves `state`, which holds every record up to `last_record`, and removes all but the newest two.
    ///
    /// # Errors
    /// The file can't be written. The ones before it stay.
    pub fn save(
        dir: &Path,
        log_id: LogId,
        state: &State,
        last_record: RecordNumber,
    ) -> Result<PathBuf, SnapshotError> {
        let meta = Meta { log_id: log_id.0, last_record: last_record.0, digest: snapshot::digest_of(state) };
        let meta = bincode::encode_to_vec(meta, meta_encoding()).expect("the metadata is of constant size");
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(meta.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&meta);
        snapshot::write(&state.registry, &state.directory, &state.shards, &mut bytes)
            .expect("memory takes every byte");
        let checksum = blake3::hash(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());

        let name = format!("{:020}.snapshot", last_record.0);
        fs::create_dir_all(dir).map_err(|source| SnapshotError::Io { path: dir.to_owned(), source })?;
        write_durably(dir, &name, &bytes)?;
        for old in list(dir)?.into_iter().skip(SNAPSHOTS_KEPT) {
            fs::remove_file(&old).map_err(|source| SnapshotError::Io { path: old, source })?;
        }
        Ok(dir.join(name))
    }

    /// The newest snapshot that is whole, and why newer ones were passed over.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn newest(dir: &Path) -> Result<(Option<Snapshot>, Vec<SnapshotError>), SnapshotError> {
        let mut rejected = Vec::new();
        for path in list(dir)? {
            match Snapshot::read(&path) {
                Ok(snapshot) => return Ok((Some(snapshot), rejected)),
                Err(error) => rejected.push(error),
            }
        }
        Ok((None, rejected))
    }

    fn read(path: &Path) -> Result<Snapshot, SnapshotError> {
        let damaged = |reason| SnapshotError::Damaged { path: path.to_owned(), reason };
        let mut bytes =
            fs::read(path).map_err(|source| SnapshotError::Io { path: path.to_owned(), source })?;
        let Some(rows_end) = bytes.len().checked_sub(CHECKSUM_BYTES) else {
            return Err(damaged("shorter than its checksum"));
        };
        if blake3::hash(&bytes[..rows_end]).as_bytes() != &bytes[rows_end..] {
            return Err(damaged("the checksum is wrong"));
        }
        bytes.truncate(rows_end);
        let meta_begin = MAGIC.len() + 4;
        let meta_len = bytes
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.first_chunk::<4>())
            .map(|length| u32::from_le_bytes(*length) as usize)
            .filter(|&length| length <= META_BYTES_MAX && meta_begin + length <= rows_end)
            .ok_or_else(|| damaged("not a snapshot of this version"))?;
        let rows_begin = meta_begin + meta_len;
        match bincode::decode_from_slice::<Meta, _>(&bytes[meta_begin..rows_begin], meta_encoding()) {
            Ok((meta, used)) if used == meta_len => {
                Ok(Snapshot { path: path.to_owned(), meta, bytes, rows_begin })
            }
            _ => Err(damaged("the metadata can't be read")),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last record that it holds.
    pub fn last_record(&self) -> RecordNumber {
        RecordNumber(self.meta.last_record)
    }

    /// The log that it was taken of.
    pub fn log_id(&self) -> LogId {
        LogId(self.meta.log_id)
    }

    /// The state, in tables of these sizes: shard count and table sizes may differ from those it was saved with.
    ///
    /// # Errors
    /// The tables are too small, or the state isn't the one that was saved.
    pub fn state(&self, sizes: &Sizes) -> Result<State, SnapshotError> {
        let rows = |source| SnapshotError::Rows { path: self.path.clone(), source };
        let state = snapshot::read(&mut &self.bytes[self.rows_begin..], sizes).map_err(rows)?;
        if snapshot::digest_of(&state) != self.meta.digest {
            return Err(SnapshotError::Damaged {
                path: self.path.clone(),
                reason: "the state read isn't the state saved",
            });
        }
        Ok(state)
    }
}

/// Snapshot files, newest first.
fn list(dir: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    let io = |source| SnapshotError::Io { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "snapshot") {
            paths.push(path);
        }
    }
    // The names are record numbers of one width, so their order is the records'.
    paths.sort_unstable_by(|a, b| b.cmp(a));
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(dir: &Path, last: u64) -> PathBuf {
        let state = State::new(&Sizes::default()).unwrap();
        Snapshot::save(dir, LogId([7; 16]), &state, RecordNumber(last)).unwrap()
    }

    #[test]
    fn the_newest_two_are_kept_and_the_newest_whole_one_is_used() {
        let dir = tempfile::tempdir().unwrap();
        for last in [5, 70, 600] {
            save(dir.path(), last);
        }
        assert_eq!(list(dir.path()).unwrap().len(), 2);
        let (newest, rejected) = Snapshot::newest(dir.path()).unwrap();
        assert_eq!((newest.unwrap().last_record(), rejected.len()), (RecordNumber(600), 0));
    }

    #[test]
    fn every_flipped_byte_is_noticed_and_the_older_one_serves() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), 5);
        let path = save(dir.path(), 70);
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(good.len() / 50) {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            fs::write(&path, &bad).unwrap();
            let (newest, rejected) = Snapshot::newest(dir.path()).unwrap();
            assert_eq!((newest.unwrap().last_record(), rejected.len()), (RecordNumber(5), 1));
        }
        fs::write(&path, &good[..10]).unwrap();
        assert_eq!(Snapshot::newest(dir.path()).unwrap().1.len(), 1);
    }
}
