//! The load generator of Yika: plays a campus's tills against a server, measures, and checks the server afterwards.
//!
//! It is an *open loop*: every request has its moment fixed beforehand by a profile and a seed, and latency counts
//! from that moment, so that a slow server can't hide by slowing its clients. It isn't a second implementation of
//! the rules of money: it knows what a till knows, speaks the protocol, and never looks at the server's files. It
//! depends on `protocol` alone.
//!
//! ```text
//!  campus ─┬─▶ warm_up ──▶ outcome log ◀── drive::run ──▶ report, .hgrm, interval log
//!          │                   │               ▲
//!          │                   ▼               └── profile (seed ▶ schedule) ▶ till (state machine) ▶ connection
//!          └────────────▶ check::check ──▶ lost, doubled, balances      deed: whatever isn't a sale
//!
//!  capacity::capacity: run after run, for the highest rate that keeps an objective ──▶ page
//!  soak::soak: one long run beside the server's metrics, and a verdict             ──▶ page
//!  closed::closed: as many requests as a server completes; for ratios only
//!  closed::closed_on, open::open_on: the same loops for other servers, behind debit_connection
//! ```
//!
//! A whole rush, as `yika rush` does it:
//!
//! ```no_run
//! use loadgen::{Baseline, Campus, LunchConfig, OutcomeLog, ProfileConfig, RunConfig, RunControl, WarmUpConfig};
//!
//! # fn main() -> Result<(), loadgen::LoadError> {
//! let campus = Campus::read("campus.json".as_ref())?;
//! let mut log = OutcomeLog::new();
//! let baseline = loadgen::read_baseline(&campus)?;
//! loadgen::warm_up(&campus, &WarmUpConfig::new(20_000, "first"), &mut log)?;
//!
//! let config = RunConfig::new(ProfileConfig::Lunch(LunchConfig::default()), 42);
//! let control = RunControl::new();
//! let watcher = control.clone(); // another thread: watcher.progress().elapsed_ns, kill the server, start it again
//! let mut report = loadgen::run(&campus, &config, &control, &mut log)?;
//! report.check = Some(loadgen::check(&report.campus_left, &log, &baseline)?);
//! assert!(report.failures().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! **Invariants**
//! - The same seed and settings intend the same traffic, whatever the server answers.
//! - Each run takes place on one thread, the caller's. Only [`RunControl`] is shared with others.
//! - A sale is in the outcome log before its first frame leaves; its state there is what an answer said, or unknown.
//! - Histograms are merged, never averaged; refusals are never in the same one as successes.
//! - The generator never starts or stops a server.

mod answer_code;
pub mod block_lists;
pub mod campus;
pub mod capacity;
pub mod check;
pub mod closed;
pub mod config;
mod connection;
pub mod debit_connection;
pub mod deed;
mod desk;
pub mod drive;
pub mod error;
pub mod guide;
pub mod hiccup;
pub mod holes;
mod interval_log;
pub mod lost_sales;
pub mod machine;
pub mod measurement;
pub mod open;
pub mod outcome_log;
pub mod output;
mod pacer;
pub mod page;
mod passwords;
pub mod people;
pub mod phone_users;
pub mod profile;
pub mod progress;
mod progress_line;
pub mod proposals;
pub mod random;
pub mod report;
mod runtime;
pub mod second;
pub mod self_scans;
pub mod server_metrics;
pub mod soak;
pub mod subsidy_batches;
pub mod terminal_keys;
pub mod till;
pub mod till_books;
pub mod trace_csv;
pub mod warm_up;
pub mod world;
pub mod zipf;

pub use campus::{Campus, CampusCodeKey, CampusHolder, CampusTill, HexKey};
pub use check::{Baseline, CheckReport, CheckScope, check, check_part, read_baseline};
pub use closed::closed;
pub use config::{ClosedConfig, ClosedRequest, ProgressLine, RunConfig, TillTimers, WarmUpConfig};
pub use deed::{DeedKind, Effect, Errand};
pub use drive::run;
pub use error::LoadError;
pub use guide::{MessageReport, RowReport};
pub use hiccup::{HiccupMeter, HiccupSummary};
pub use outcome_log::{OutcomeEntry, OutcomeKind, OutcomeLog, SaleState};
pub use profile::{
    CanteenDayConfig, ConstantConfig, LunchConfig, PoissonConfig, ProfileConfig, SalesMix, StormConfig,
    TraceConfig,
};
pub use progress::{Progress, RunControl};
pub use report::{ClosedReport, LatencySummary, RunCounts, RunReport, WarmUpReport};
pub use second::SecondReport;
pub use server_metrics::ServerMetrics;
pub use warm_up::warm_up;
