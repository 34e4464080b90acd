//! The ledger: every rule of money, and nothing else.
//!
//! A command and a stamp (record number, logged time) go in; an outcome and a group of records come out. There is
//! no clock, thread, socket, file, randomness or hash order in here, and no `unsafe` but the one instruction of
//! [`prefetch`].
//!
//! ```text
//! command ─▶ shards_touched ─▶ (caller takes hold of those shards, and of a stamp)
//!                                  │
//!                                  ▼
//!                               decide ──▶ outcome, group of records      reads, never writes
//!                                             │
//!                            (caller appends the group to the log)
//!                                             │
//!                                             ▼
//!                                           apply ──▶ state               writes, never decides
//! ```
//!
//! [`apply`](apply::apply) is the one function that changes state, live and in replay: so live state and replayed
//! state are the same by construction. A record carries its effect; a later version of the rules can't change
//! the past.
//!
//! **Invariants**
//! - The sum over all ledger accounts is zero after every record.
//! - No decision reads a hot account's total; no record names a shard.
//! - An identity (terminal, epoch, sequence) has one outcome. Only transient codes leave no trace.
//! - Work per command is bounded: see [`limits`].
//! - Outcomes and logical state are the same whatever the shard count; only `previous_counter` in records and which
//!   orders are still in memory (what isn't is asked for) depend on it.

pub mod account;
pub mod apply;
pub mod block_list;
pub mod calendar;
pub mod card_past;
pub mod card_stock;
pub mod command;
mod cuckoo;
pub mod decision;
pub mod directory;
pub mod error;
mod fold;
pub mod gaps;
pub mod history;
pub mod holder;
pub mod hot;
mod keyed;
pub mod kind;
pub mod known;
pub mod lead;
pub mod ledger_account;
pub mod limits;
pub mod meals;
pub mod open_taps;
pub mod orders;
pub mod outcome_ring;
pub mod prefetch;
pub mod prices;
mod probes;
pub mod proposals;
pub mod record;
pub mod refunds;
pub mod registry;
pub mod shard;
pub mod snapshot;
pub mod state;
pub mod subsidies;
pub mod terminal_entry;
pub mod till_totals;
pub mod told;
pub mod touch;

pub use apply::{apply, apply_configuration, apply_posting};
pub use command::{Command, Request, Stamp, TerminalSlot};
pub use decision::{Decision, Group, Outcome};
pub use directory::Directory;
pub use error::LedgerError;
pub use kind::{decide, decide_with, shards_touched, shards_touched_with};
pub use known::{Known, Need};
pub use lead::{Lead, Leads};
pub use ledger_account::{Clearing, LedgerAccount, LedgerClass};
pub use record::{Record, RecordKind};
pub use registry::Registry;
pub use shard::{Parts, Shard, ShardSet};
pub use state::{Sizes, State};
pub use touch::{touch_parts, touch_record, touch_routes};

#[cfg(test)]
mod tests;
