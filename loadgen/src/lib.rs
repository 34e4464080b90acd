//! The load generator of Yika: plays a campus's tills against a server, measures, and checks the server afterwards.

pub mod campus;
pub mod check;
pub mod config;
pub mod error;
pub mod machine;
pub mod outcome_log;
pub mod profile;
pub mod progress;
pub mod random;
pub mod report;
pub mod trace_csv;
pub mod zipf;
