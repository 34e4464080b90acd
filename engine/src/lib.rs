//! The engine of Yika: the ledger's rules, the runtime that keeps them durable, and the server around it.
//!
//! ```text
//! main ─▶ cli ─▶ server ─▶ runtime ─▶ ledger (pure)
//!        │                   │
//!        │                   ▼
//!        │                  wal        frames: protocol
//!        └─▶ gateway: a terminal of its own, in a process of its own
//! ```
//!
//! `ARCHITECTURE.md` beside this crate's manifest is the map. **Invariants**: the arrows point one way; the ledger
//! knows no clock, thread, socket or file; whatever is said to a peer was durable before.

pub mod audit;
pub mod cli;
pub mod data_dir;
pub mod gateway;
pub mod import;
pub mod inspect;
pub mod ledger;
pub mod limits;
pub mod opened_books;
pub mod runtime;
pub mod server;
pub mod settlement;
