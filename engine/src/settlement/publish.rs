//! Puts a finished folder in its place: whole or not at all, and never over another content.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::SettlementError;
use crate::data_dir::hex;

/// What happened to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// It wasn't there and is now.
    Written,
    /// It was there with the same bytes.
    Unchanged,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileFacts {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hex digits.
    pub sha256: String,
}

/// A folder that is being written beside its place. Dropped, it leaves nothing behind.
pub(super) struct StagedFolder {
    folder: PathBuf,
    temporary: PathBuf,
    names: Vec<String>,
}

/// A file that is being written and digested.
pub(super) struct StagedFile {
    name: String,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl StagedFolder {
    /// Makes the temporary folder; its name carries the process, so that two runs don't meet in it.
    pub(super) fn begin(out_dir: &Path, name: &str) -> Result<StagedFolder, SettlementError> {
        let temporary = out_dir.join(format!(".{name}.{}.tmp", std::process::id()));
        fs::create_dir_all(out_dir).map_err(at(out_dir))?;
        fs::create_dir(&temporary).map_err(at(&temporary))?;
        Ok(StagedFolder { folder: out_dir.join(name), temporary, names: Vec::new() })
    }

    /// Where the folder will lie.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a file.
    pub(super) fn create(&mut self, name: &str) -> Result<StagedFile, SettlementError> {
        let path = self.temporary.join(name);
        let file = File::create_new(&path).map_err(at(&path))?;
        self.names.push(name.to_owned());
        Ok(StagedFile {
            name: name.to_owned(),
            path,
            file: BufWriter::with_capacity(256 << 10, file),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Renames the folder into its place, unless it is there: then it must hold the same.
    ///
    /// # Errors
    /// [`SettlementError::Differs`]: it is there with other bytes, and is left as it is.
    pub(super) fn publish(self) -> Result<Published, SettlementError> {
        sync_dir(&self.temporary)?;
        match fs::rename(&self.temporary, &self.folder) {
            Ok(()) => {
                sync_dir(self.folder.parent().unwrap_or(Path::new(".")))?;
                Ok(Published::Written)
            }
            // A folder in the way, unless it is empty, makes the rename fail and stays whole.
            Err(_) if self.folder.exists() => self.compare(),
            Err(source) => Err(SettlementError::Io { path: self.folder.clone(), source }),
        }
    }

    fn compare(&self) -> Result<Published, SettlementError> {
        let differs = |path: PathBuf, reason| Err(SettlementError::Differs { path, reason });
        for entry in fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let entry = entry.map_err(at(&self.folder))?;
            if !self.names.iter().any(|name| entry.file_name() == name.as_str()) {
                return differs(entry.path(), "it is no part of the settlement");
            }
        }
        for name in &self.names {
            let (ours, theirs) = (self.temporary.join(name), self.folder.join(name));
            match same_content(&ours, &theirs) {
                Ok(true) => {}
                Ok(false) => return differs(theirs, "its content isn't what the log gives"),
                Err(e) if e.kind() == io::ErrorKind::NotFound => return differs(theirs, "it is missing"),
                Err(source) => return Err(SettlementError::Io { path: theirs, source }),
            }
        }
        Ok(Published::Unchanged)
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        // Renamed away, it isn't there; otherwise what can't be removed says nothing about the settlement.
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

impl StagedFile {
    /// Makes the file durable and tells what it holds.
    pub(super) fn finish(self) -> Result<FileFacts, SettlementError> {
        let file = self.file.into_inner().map_err(|e| at(&self.path)(e.into_error()))?;
        file.sync_all().map_err(at(&self.path))?;
        Ok(FileFacts { name: self.name, bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }

    /// The file's path while it is being written, for errors.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> SettlementError {
    let path = path.to_owned();
    move |source| SettlementError::Io { path: path.clone(), source }
}

fn sync_dir(path: &Path) -> Result<(), SettlementError> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|dir| dir.sync_all()).map_err(at(path))
}

fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let mut buffers = [vec![0; 64 << 10], vec![0; 64 << 10]];
    loop {
        let [from_a, from_b] = &mut buffers;
        let read = a.read(from_a)?;
        if read == 0 {
            return Ok(true);
        }
        b.read_exact(&mut from_b[..read])?;
        if from_a[..read] != from_b[..read] {
            return Ok(false);
        }
    }
}
