//! The load generator of Yika: plays a campus's tills against a server, measures, and checks the server afterwards.

pub mod campus;
pub mod check;
pub mod closed;
pub mod config;
mod connection;
mod desk;
pub mod drive;
pub mod error;
mod interval_log;
pub mod machine;
pub mod measurement;
pub mod outcome_log;
pub mod output;
mod pacer;
pub mod people;
pub mod profile;
pub mod progress;
mod progress_line;
pub mod random;
pub mod report;
mod runtime;
pub mod till;
pub mod trace_csv;
pub mod warm_up;
pub mod zipf;
