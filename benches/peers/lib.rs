//! What the programs that measure the whole of Yika share: the systems, the loops that drive them, and the exactly-once
//! check after every run. `peers` holds Yika against others, `growth` against itself.
//!
//! ```text
//!   one client thread, the same loops and the same traffic            servers, each its own process
//!   ┌─ loadgen::closed, loadgen::run ──────────── frames ──▶ `yika serve` (the measuring program again)
//!   │                                              frames ──▶ echo: tokio × 3, bare epoll (the same)
//!   ├─ loadgen::closed::closed_on, open::open_on ─ RESP ────▶ redis-server
//!   └─                                    PostgreSQL's ────▶ postgres, or pgbouncer ─▶ postgres
//!
//!   measure: who, how many tills, which loop      journal: the exactly-once check after every run
//!   rounds: in turns, never two at a time         ratio, report, table: what came of it
//! ```
//!
//! **Invariants**: throughput counts acknowledged durable outcomes alone; every run has fresh books and ends with the
//! check; a figure whose run failed is void and says so. Nothing here asserts a time.

pub mod arguments;
pub mod campus_run;
pub mod contenders;
pub mod echo;
pub mod error;
pub mod exchange;
pub mod journal;
pub mod measure;
pub mod peer;
pub mod postgres;
pub mod processor_time;
pub mod processor_window;
pub mod ratio;
pub mod redis;
pub mod report;
pub mod rounds;
pub mod run_folder;
pub mod server_child;
pub mod system;
pub mod table;
pub mod void;
pub mod yika;
