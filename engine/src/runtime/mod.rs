//! The ledger at work: who holds which shard when, how a decision reaches the log, and how the books come back
//! after a stop.
//!
//! ```text
//! commands ──▶ Routes ──▶ Turn: shards held (rising order), staging held ──▶ decide ─▶ append ─▶ apply ─▶ Reply
//!               (read)                                                                            │
//!                                                             durable? the log's word ◀───────────┘
//! ```
//! What changes the registry or the directory goes through a [`change_turn`] instead, which holds everything.
//!
//! **Invariants**
//! - Locks are taken in one order: configuration, shards rising, the log's staging buffer. No deadlock.
//! - A group is appended before the shards it changes are let go, so the log's order is the order of decisions.
//! - Nothing here answers a peer: a [`engine::Reply`] says which record must be durable before it may leave.
//! - What memory doesn't have (bills, statements, old outcomes, old records) is fetched on the slow lane, outside every lock.

mod account_chain;
pub mod bill;
pub mod block_list_pages;
pub mod change_turn;
mod durable_signal;
pub mod engine;
pub mod history_walk;
pub mod look_up;
pub mod office;
pub mod open_gaps;
pub mod order_index;
pub mod password_lane;
pub mod password_vault;
mod reprint;
pub mod slow_lane;
#[cfg(test)]
mod small_engine;
pub mod snapshot_files;
pub mod statement;
pub mod subsidy;
pub mod till_desk;
pub mod turn;
pub mod unconfirmed;
