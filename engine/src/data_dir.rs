//! A data directory: who owns it, which format it has, and the campus master key.
//!
//! ```text
//! DIR/
//!   lock          held by the one process that may write
//!   FORMAT        "yika data 1": another version is refused, never guessed at
//!   master.key    32 hex digits, readable by the owner only; every other key is derived from it
//!   log/          the write-ahead log (drawn in wal/README.md)
//!   passwords     hashes of query passwords, which stand in no record (drawn in runtime/password_vault)
//!   snapshots/    the newest two snapshots
//!   orders/       which orders counted: what memory has forgotten of the log (drawn in runtime/order_index)
//! ```

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use protocol::keys::Key128;
use wal::DirLock;

const FORMAT: &str = "yika data 1\n";

/// An open data directory. Dropping it releases the lock.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: Option<DirLock>,
}

/// Why a data directory can't be used. Each message names the directory.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The directory isn't there.
    #[error("{}: no data directory here; `yika import campus FILE --data DIR` makes one", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// It was made by another version.
    #[error("{}: FORMAT says {found:?}, this program reads {FORMAT:?}", path.display())]
    OtherVersion {
        /// The directory.
        path: PathBuf,
        /// What the file holds.
        found: String,
    },
    /// It has files in it, but it isn't a data directory.
    #[error("{}: not empty, and not a data directory (no FORMAT file)", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has it, or the lock file can't be taken.
    #[error("{}: {source}", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who has it.
        source: wal::WalError,
    },
    /// The master key can't be read.
    #[error("{}: {reason}", path.display())]
    MasterKey {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl DataDir {
    /// Opens the directory for writing, making it if it's missing or empty.
    pub fn create_or_open(path: &Path) -> Result<DataDir, DataDirError> {
        let io = |source| DataDirError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(io)?;
        let fresh = !path.join("FORMAT").exists();
        if fresh && fs::read_dir(path).map_err(io)?.flatten().any(|e| e.file_name() != "lock") {
            return Err(DataDirError::Foreign { path: path.to_owned() });
        }
        let lock = lock(path)?;
        if fresh {
            write_durably(path, "master.key", hex(&random_bytes::<16>()).as_bytes())?;
            for part in ["log", "snapshots"] {
                fs::create_dir_all(path.join(part)).map_err(io)?;
            }
            // Written last: a directory with a FORMAT file is whole.
            write_durably(path, "FORMAT", FORMAT.as_bytes())?;
        }
        check_format(path)?;
        Ok(DataDir { path: path.to_owned(), _lock: Some(lock) })
    }

    /// Opens an existing directory for writing.
    pub fn open(path: &Path) -> Result<DataDir, DataDirError> {
        check_format(path)?;
        Ok(DataDir { path: path.to_owned(), _lock: Some(lock(path)?) })
    }

    /// Opens an existing directory for reading, beside whoever writes it.
    pub fn open_read_only(path: &Path) -> Result<DataDir, DataDirError> {
        check_format(path)?;
        Ok(DataDir { path: path.to_owned(), _lock: None })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the log's segments lie.
    pub fn log_dir(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The vault of query passwords. It is made when it is missing.
    pub fn passwords_file(&self) -> PathBuf {
        self.path.join("passwords")
    }

    /// Where snapshots lie.
    pub fn snapshot_dir(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    /// Where the index of orders lies. It is made when it is missing.
    pub fn orders_dir(&self) -> PathBuf {
        self.path.join("orders")
    }

    /// The campus master key.
    pub fn master_key(&self) -> Result<Key128, DataDirError> {
        let path = self.path.join("master.key");
        let text =
            fs::read_to_string(&path).map_err(|source| DataDirError::Io { path: path.clone(), source })?;
        Key128::from_hex(text.trim_end())
            .ok_or_else(|| DataDirError::MasterKey { path, reason: "must hold 32 hex digits".to_owned() })
    }
}

/// Writes `name` in `dir` so that after a crash it is there whole or not at all: temporary file, sync, rename,
/// sync of the directory.
pub fn write_durably(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
    let temporary = dir.join(format!("{name}.tmp"));
    let write = || -> std::io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, dir.join(name))?;
        fs::File::open(dir)?.sync_all()
    };
    write().map_err(|source| DataDirError::Io { path: dir.join(name), source })
}

/// Bytes that nobody can guess, from the operating system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .expect("the operating system's random source always answers once it is seeded");
    bytes
}

/// Lower-case hex digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

fn lock(path: &Path) -> Result<DirLock, DataDirError> {
    DirLock::acquire(path).map_err(|source| DataDirError::Locked { path: path.to_owned(), source })
}

fn check_format(path: &Path) -> Result<(), DataDirError> {
    match fs::read_to_string(path.join("FORMAT")) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) => Err(DataDirError::OtherVersion { path: path.to_owned(), found }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(DataDirError::Missing { path: path.to_owned() })
        }
        Err(source) => Err(DataDirError::Io { path: path.join("FORMAT"), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_another_version_or_of_nothing_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::Missing { .. })));
        drop(DataDir::create_or_open(dir.path()).unwrap());
        DataDir::open(dir.path()).unwrap();
        fs::write(dir.path().join("FORMAT"), "yika data 9\n").unwrap();
        let error = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("yika data 9") && error.contains("yika data 1"), "{error}");
        fs::remove_file(dir.path().join("FORMAT")).unwrap();
        let error = DataDir::create_or_open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("not a data directory"), "{error}");
    }

    #[test]
    fn the_second_owner_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let _owner = DataDir::create_or_open(dir.path()).unwrap();
        let error = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
    }

    #[test]
    fn the_master_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::create_or_open(dir.path()).unwrap().master_key().unwrap();
        let again = DataDir::create_or_open(dir.path()).unwrap().master_key().unwrap();
        assert_eq!(first.check_value(), again.check_value());
        fs::write(dir.path().join("master.key"), "short").unwrap();
        let error = DataDir::open(dir.path()).unwrap().master_key().unwrap_err().to_string();
        assert!(error.contains("32 hex digits"), "{error}");
    }
}
