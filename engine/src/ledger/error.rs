//! Faults of the ledger. Refusals of business aren't here: they are results with a code.

use protocol::ids::{AccountId, RecordNumber};
use thiserror::Error;

use super::record::RecordKind;

/// What can be wrong with a log, a snapshot or the sizes given at start. None of these is ever the fault of a
/// request: a live group that was decided on this state always applies.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// A kind of record that this version doesn't know.
    #[error("record kind {kind} is unknown to this version")]
    UnknownKind {
        /// The number found.
        kind: u8,
    },
    /// A version of a known kind that this version doesn't know.
    #[error("record kind {kind:?} has version {version}, unknown to this version")]
    UnknownVersion {
        /// The kind.
        kind: RecordKind,
        /// The version found.
        version: u8,
    },
    /// A payload whose length isn't that of its kind.
    #[error("a {kind:?} record can't be {bytes} bytes long")]
    WrongLength {
        /// The kind.
        kind: RecordKind,
        /// The length found.
        bytes: usize,
    },
    /// A field holds what its kind of record never has.
    #[error("record {number}: field {field} holds what it can't")]
    BadField {
        /// The record.
        number: RecordNumber,
        /// The field.
        field: &'static str,
    },
    /// A record names an account, a merchant or a terminal that no record before it has made.
    #[error("record {number}: {what} isn't known")]
    NotKnown {
        /// The record.
        number: RecordNumber,
        /// What it names.
        what: &'static str,
    },
    /// A record's chain doesn't continue where the state stands: a record is missing, doubled or foreign.
    #[error("record {number}: its {chain} chain says {recorded} came before, the state says {expected}")]
    BrokenChain {
        /// The record.
        number: RecordNumber,
        /// Which chain.
        chain: &'static str,
        /// What the record says.
        recorded: u64,
        /// What the state says.
        expected: u64,
    },
    /// The balance written into a record isn't what the postings add up to.
    #[error(
        "record {number}: account {account} adds up to {computed_fen} fen, the record says {recorded_fen}"
    )]
    BalanceMismatch {
        /// The record.
        number: RecordNumber,
        /// The account.
        account: AccountId,
        /// What the postings add up to.
        computed_fen: i64,
        /// What the record says.
        recorded_fen: i64,
    },
    /// A table sized at start is too small for the log or the snapshot; start with larger sizes.
    #[error("the table of {table} is full; start with a larger size")]
    TableFull {
        /// Which table.
        table: &'static str,
    },
    /// A size given at start is out of its range.
    #[error("{name} can't be {value}: {reason}")]
    BadSize {
        /// Which size.
        name: &'static str,
        /// The value given.
        value: u64,
        /// Its range.
        reason: &'static str,
    },
    /// A snapshot of an earlier version: the log is replayed instead.
    #[error("version {version} is an earlier one's; the log has all that it left out")]
    OldSnapshot {
        /// Its version.
        version: u32,
    },
    /// A snapshot that can't be read.
    #[error("snapshot: {reason}")]
    BadSnapshot {
        /// What is wrong.
        reason: String,
    },
}
