//! The vault: hashes of query passwords, in a file of their own beside the log.
//!
//! A password is personal data, and six digits are soon tried out, so it stands in no record: the log has the number of a
//! hash, and the hash is here. It is slow to compute, salted, and peppered with a key of the campus: who has this file alone
//! can try nothing.
//!
//! ```text
//! passwords
//!  0            8           12          16
//!  ┌────────────┬───────────┬───────────┐
//!  │ "YIKAPASS" │version u32│ zero u32  │
//!  ├────────────┴──┬────────┴──┬────────┴────────┬──────────────┬─────────────┬────────────┐
//!  │ number u64    │ salt, 16  │ hash, 32        │ algorithm u8 │ zero, 11    │ crc32c u32 │ 72 bytes, as often as there are
//!  └───────────────┴───────────┴─────────────────┴──────────────┴─────────────┴────────────┘
//! algorithm 1: Argon2id of the six digits, 8 MiB, 3 passes, 1 lane, 32 bytes; secret: the campus's password pepper
//! ```
//!
//! Entries are appended and synced, and only then their numbers given away; so whatever number the log has, its entry is
//! durable. Numbers are drawn at random and never used again. What no account names (a process ended between the two, or
//! another password was set since) is left out when the file is written anew, at a start: temporary file, sync, rename, sync
//! of the directory. An entry whose checksum is wrong is left out, too: if an account names it, the password is lost, and said
//! to be.
//!
//! **Invariant**: no password leaves it, and none is written by it.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use parking_lot::Mutex;
use protocol::keys::Key128;
use protocol::password::Password;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::data_dir::{random_bytes, write_durably};
use crate::ledger::holder::PasswordRef;
use crate::ledger::known::PasswordVerdict;

const MAGIC: [u8; 8] = *b"YIKAPASS";
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 16;
const ENTRY_BYTES: usize = 72;
const ARGON2ID: u8 = 1;

/// Memory of one hash, in KiB, and how often it is gone over: some 20 ms on one processor of today.
const MEMORY_KIB: u32 = 8 * 1_024;
const PASSES: u32 = 3;

/// What is wrong with a vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file isn't a vault of this version.
    #[error("{}: not a vault of version {VERSION}", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
    },
    /// A write failed before: nothing more is taken until the next start.
    #[error("{}: a write failed before", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
    },
}

/// A hash, not stored yet.
#[derive(Clone, Copy)]
pub struct Hashed {
    salt: [u8; 16],
    hash: [u8; 32],
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Entry {
    number: U64,
    salt: [u8; 16],
    hash: [u8; 32],
    algorithm: u8,
    reserved: [u8; 11],
    checksum: U32,
}

const _: () = assert!(size_of::<Entry>() == ENTRY_BYTES);

impl Entry {
    fn new(number: u64, hashed: &Hashed) -> Entry {
        let mut entry = Entry {
            number: number.into(),
            salt: hashed.salt,
            hash: hashed.hash,
            algorithm: ARGON2ID,
            reserved: [0; 11],
            checksum: U32::ZERO,
        };
        entry.checksum = entry.due_checksum().into();
        entry
    }

    fn due_checksum(&self) -> u32 {
        crc32c::crc32c(&self.as_bytes()[..ENTRY_BYTES - size_of::<U32>()])
    }

    fn is_sound(&self) -> bool {
        self.checksum.get() == self.due_checksum() && self.algorithm == ARGON2ID && self.number.get() != 0
    }
}

/// The vault.
pub struct PasswordVault {
    pepper: Key128,
    path: PathBuf,
    entries: Mutex<Entries>,
}

struct Entries {
    medium: Medium,
    /// Which entry of the file a number has.
    places: HashMap<u64, u32>,
    /// Entries in the file, sound or not.
    count: u32,
    failed: bool,
}

enum Medium {
    File(File),
    Memory(Vec<u8>),
}

impl PasswordVault {
    /// Opens the vault at `path`, or makes an empty one.
    ///
    /// # Errors
    /// The file can't be read or made, or is of another version.
    pub fn open(path: &Path, pepper: Key128) -> Result<PasswordVault, VaultError> {
        let io = |source| VaultError::Io { path: path.to_owned(), source };
        // What a process left that ended while it wrote the file anew holds hashes, too.
        match std::fs::remove_file(path.with_extension("tmp")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        // Only where there is none for sure: an error isn't one.
        if !path.try_exists().map_err(io)? {
            write_anew(path, &[])?;
        }
        let entries = Entries::read(path)?;
        Ok(PasswordVault { pepper, path: path.to_owned(), entries: Mutex::new(entries) })
    }

    /// One that is forgotten when it is dropped.
    pub fn in_memory(pepper: Key128) -> PasswordVault {
        let medium = Medium::Memory(header().to_vec());
        let entries = Entries { medium, places: HashMap::new(), count: 0, failed: false };
        PasswordVault { pepper, path: PathBuf::from("passwords in memory"), entries: Mutex::new(entries) }
    }

    /// Hashes a password with a salt of its own: slow, on purpose.
    pub fn hash(&self, password: &Password) -> Hashed {
        let salt = random_bytes();
        Hashed { salt, hash: self.hash_with(password, &salt) }
    }

    fn hash_with(&self, password: &Password, salt: &[u8; 16]) -> [u8; 32] {
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("constants within Argon2's ranges");
        let argon2 =
            Argon2::new_with_secret(self.pepper.as_bytes(), Algorithm::Argon2id, Version::V0x13, params)
                .expect("a key is no longer than a secret may be");
        let mut hash = [0; 32];
        argon2
            .hash_password_into(password.digits(), salt, &mut hash)
            .expect("lengths within Argon2's ranges");
        hash
    }

    /// Makes hashes durable, then gives their numbers, in order.
    ///
    /// # Errors
    /// The file can't be written: none of them counts, and nothing more is taken until the next start.
    pub fn store(&self, hashes: &[Hashed]) -> Result<Vec<PasswordRef>, VaultError> {
        let mut entries = self.entries.lock();
        if entries.failed {
            return Err(VaultError::Failed { path: self.path.clone() });
        }
        let new: Vec<Entry> = hashes
            .iter()
            .map(|hashed| Entry::new(u64::from_le_bytes(random_bytes()).max(1), hashed))
            .collect();
        if let Err(source) = entries.append(&new) {
            entries.failed = true;
            return Err(VaultError::Io { path: self.path.clone(), source });
        }
        Ok(new.iter().map(|entry| PasswordRef(entry.number.get())).collect())
    }

    /// Compares a password with a hash: slow, on purpose, whatever the answer.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn compare(&self, of: PasswordRef, password: &Password) -> Result<PasswordVerdict, VaultError> {
        let entry = self.entries.lock().get(of);
        let entry = entry.map_err(|source| VaultError::Io { path: self.path.clone(), source })?;
        let Some(entry) = entry else { return Ok(PasswordVerdict::Missing) };
        let found = self.hash_with(password, &entry.salt);
        // Every byte is looked at, so the time doesn't tell how many agree.
        let differing = found.iter().zip(entry.hash).fold(0, |differing, (a, b)| differing | (a ^ b));
        Ok(if differing == 0 { PasswordVerdict::Right } else { PasswordVerdict::Wrong })
    }

    /// Leaves out what no account names, so that a password that was replaced is gone for good. Returns how many of `named`
    /// the vault has lost.
    ///
    /// # Errors
    /// The file can't be read or written anew.
    pub fn keep_only(&self, named: &HashSet<PasswordRef>) -> Result<usize, VaultError> {
        let io = |source| VaultError::Io { path: self.path.clone(), source };
        let mut entries = self.entries.lock();
        let kept: Vec<u64> =
            entries.places.keys().copied().filter(|&number| named.contains(&PasswordRef(number))).collect();
        let lost = named.len() - kept.len();
        if kept.len() == entries.count as usize || matches!(entries.medium, Medium::Memory(_)) {
            return Ok(lost);
        }
        let mut in_order: Vec<u32> = kept.iter().map(|number| entries.places[number]).collect();
        in_order.sort_unstable();
        let mut whole = Vec::with_capacity(in_order.len());
        for place in in_order {
            whole.push(entries.read_entry(place).map_err(io)?);
        }
        write_anew(&self.path, &whole)?;
        *entries = Entries::read(&self.path)?;
        Ok(lost)
    }
}

impl Entries {
    fn read(path: &Path) -> Result<Entries, VaultError> {
        let io = |source| VaultError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        let bytes = std::fs::read(path).map_err(io)?;
        let Some(body) = bytes.strip_prefix(&header()) else {
            return Err(VaultError::OtherVersion { path: path.to_owned() });
        };
        let mut places = HashMap::with_capacity(body.len() / ENTRY_BYTES);
        for (place, bytes) in (0_u32..).zip(body.chunks_exact(ENTRY_BYTES)) {
            let entry = Entry::read_from_bytes(bytes).expect("a whole entry");
            if entry.is_sound() {
                places.insert(entry.number.get(), place);
            }
        }
        // A torn entry at the end counts as one: what comes next is written behind it.
        let count = body.len().div_ceil(ENTRY_BYTES) as u32;
        Ok(Entries { medium: Medium::File(file), places, count, failed: false })
    }

    fn append(&mut self, new: &[Entry]) -> io::Result<()> {
        let offset = offset_of(self.count);
        match &mut self.medium {
            Medium::File(file) => {
                file.write_all_at(new.as_bytes(), offset)?;
                file.sync_data()?;
            }
            Medium::Memory(bytes) => bytes.extend_from_slice(new.as_bytes()),
        }
        for entry in new {
            self.places.insert(entry.number.get(), self.count);
            self.count += 1;
        }
        Ok(())
    }

    fn get(&self, of: PasswordRef) -> io::Result<Option<Entry>> {
        let Some(&place) = self.places.get(&of.0) else { return Ok(None) };
        let entry = self.read_entry(place)?;
        Ok((entry.is_sound() && entry.number.get() == of.0).then_some(entry))
    }

    fn read_entry(&self, place: u32) -> io::Result<Entry> {
        let mut bytes = [0; ENTRY_BYTES];
        match &self.medium {
            Medium::File(file) => file.read_exact_at(&mut bytes, offset_of(place))?,
            Medium::Memory(all) => {
                let at = offset_of(place) as usize;
                bytes.copy_from_slice(&all[at..at + ENTRY_BYTES]);
            }
        }
        Ok(Entry::read_from_bytes(&bytes).expect("a whole entry"))
    }
}

const fn offset_of(place: u32) -> u64 {
    HEADER_BYTES + place as u64 * ENTRY_BYTES as u64
}

fn header() -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header
}

fn write_anew(path: &Path, entries: &[Entry]) -> Result<(), VaultError> {
    let io = |source| VaultError::Io { path: path.to_owned(), source };
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(io(io::Error::from(io::ErrorKind::InvalidInput)));
    };
    let bytes = [&header()[..], entries.as_bytes()].concat();
    write_durably(dir, name, &bytes).map_err(|error| io(io::Error::other(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text).expect("six digits")
    }

    fn open(path: &Path) -> PasswordVault {
        PasswordVault::open(path, Key128::new([9; 16])).expect("a vault")
    }

    fn store(vault: &PasswordVault, text: &str) -> PasswordRef {
        vault.store(&[vault.hash(&password(text))]).expect("it is written")[0]
    }

    fn compare(vault: &PasswordVault, of: PasswordRef, text: &str) -> PasswordVerdict {
        vault.compare(of, &password(text)).expect("it is read")
    }

    #[test]
    fn what_was_stored_is_compared_also_by_another_process_and_nothing_of_it_can_be_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("passwords");
        let vault = open(&path);
        let (first, second) = (store(&vault, "123456"), store(&vault, "123456"));
        assert_ne!(first, second);
        drop(vault);
        let vault = open(&path);
        for of in [first, second] {
            assert_eq!(compare(&vault, of, "123456"), PasswordVerdict::Right);
            assert_eq!(compare(&vault, of, "123457"), PasswordVerdict::Wrong);
        }
        assert_eq!(compare(&vault, PasswordRef(7), "123456"), PasswordVerdict::Missing);
        let bytes = std::fs::read(&path).expect("a file");
        assert_eq!(bytes.len(), 16 + 2 * 72);
        assert!(!bytes.windows(6).any(|window| window == b"123456"));
        // The salt makes the same password another hash.
        assert_ne!(bytes[16 + 24..16 + 56], bytes[88 + 24..88 + 56]);
        // Without the campus's pepper the file says nothing.
        let stranger = PasswordVault::open(&path, Key128::new([8; 16])).expect("a vault");
        assert_eq!(compare(&stranger, first, "123456"), PasswordVerdict::Wrong);
    }

    #[test]
    fn a_torn_end_is_passed_over_and_what_no_account_names_is_left_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("passwords");
        let vault = open(&path);
        let [first, second, third] = ["111111", "222222", "333333"].map(|text| store(&vault, text));
        drop(vault);
        let whole = std::fs::read(&path).expect("a file");
        for torn in [1, 71, 72, 73] {
            std::fs::write(&path, &whole[..whole.len() - torn]).expect("written");
            let vault = open(&path);
            assert_eq!(compare(&vault, third, "333333"), PasswordVerdict::Missing, "{torn} bytes less");
            assert_eq!(compare(&vault, first, "111111"), PasswordVerdict::Right);
            // The next one stands behind it.
            let fourth = store(&vault, "444444");
            drop(vault);
            let vault = open(&path);
            assert_eq!(compare(&vault, fourth, "444444"), PasswordVerdict::Right, "{torn} bytes less");
            assert_eq!(vault.keep_only(&HashSet::from([first, fourth, third])).expect("written"), 1);
            assert_eq!(compare(&vault, second, "222222"), PasswordVerdict::Missing);
            assert_eq!(compare(&vault, first, "111111"), PasswordVerdict::Right);
            assert_eq!(compare(&vault, fourth, "444444"), PasswordVerdict::Right);
            assert_eq!(std::fs::metadata(&path).expect("a file").len(), 16 + 2 * 72);
        }
        // What a process left that ended while it wrote the file anew goes.
        let left = dir.path().join("passwords.tmp");
        std::fs::write(&left, &whole).expect("written");
        drop(open(&path));
        assert!(!left.exists());
        // A damaged entry is lost, the others aren't.
        let mut damaged = whole;
        damaged[16 + 72 + 30] ^= 1;
        std::fs::write(&path, &damaged).expect("written");
        let vault = open(&path);
        assert_eq!(vault.keep_only(&HashSet::from([first, second, third])).expect("written"), 1);
        assert_eq!(compare(&vault, second, "222222"), PasswordVerdict::Missing);
        assert_eq!(compare(&vault, third, "333333"), PasswordVerdict::Right);
        std::fs::write(&path, b"YIKAPASS but of another version").expect("written");
        assert!(matches!(
            PasswordVault::open(&path, Key128::new([9; 16])),
            Err(VaultError::OtherVersion { .. })
        ));
    }
}
