//! The commands of the program that make more than one run or a page of it. Part of the program, not of the library.

pub mod capacity;
pub mod soak;

use std::time::Duration;

use loadgen::LoadError;
use loadgen::config::SECOND_NS;

/// Seconds on the command line as nanoseconds.
fn nanoseconds(name: &'static str, seconds: f64) -> Result<u64, LoadError> {
    let week_s = Duration::from_secs(7 * 24 * 3_600).as_secs_f64();
    if (0.0..=week_s).contains(&seconds) {
        Ok((seconds * SECOND_NS as f64) as u64)
    } else {
        Err(LoadError::Setting { name, reason: format!("{seconds} s isn't 0 to a week (604,800 s)") })
    }
}
