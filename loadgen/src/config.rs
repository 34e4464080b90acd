//! The settings of a run. Every one has a default that the crate's documents name.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::LoadError;
use crate::profile::ProfileConfig;

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND_NS: u64 = 1_000_000;
/// Most records that one upload frame may carry.
pub const UPLOAD_BATCH_RECORDS_MAX: u32 = 2_000;
/// A run fails when more than this share of the intended requests couldn't be sent.
pub const DROPPED_SHARE_MAX: f64 = 0.001;

/// The timers of a till. The defaults are those that every till of the product keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TillTimers {
    /// How long an answer is awaited: 3 s.
    pub answer_timeout_ns: u64,
    /// Pauses before the first and the second retry: 1 s and 2 s. After the last retry comes the reversal.
    pub retry_pauses_ns: [u64; 2],
    /// Silence after which a heartbeat is sent: 30 s.
    pub heartbeat_ns: u64,
    /// How long without a connection until the till sells offline: three heartbeats, 90 s.
    pub offline_after_ns: u64,
    /// Shortest pause before connecting again after a broken connection; doubles with each failure: 20 ms.
    pub reconnect_min_ns: u64,
    /// Longest pause before connecting again: 1 s. Each pause is drawn from its upper half, by the seed.
    pub reconnect_max_ns: u64,
    /// How long the answer to an uploaded batch is awaited: 30 s.
    pub upload_timeout_ns: u64,
}

impl Default for TillTimers {
    fn default() -> TillTimers {
        TillTimers {
            answer_timeout_ns: 3 * SECOND_NS,
            retry_pauses_ns: [SECOND_NS, 2 * SECOND_NS],
            heartbeat_ns: 30 * SECOND_NS,
            offline_after_ns: 90 * SECOND_NS,
            reconnect_min_ns: 20 * MILLISECOND_NS,
            reconnect_max_ns: SECOND_NS,
            upload_timeout_ns: 30 * SECOND_NS,
        }
    }
}

impl TillTimers {
    /// All timers divided: for a run that plays hours in seconds, where a till that waits out its real timers
    /// would hold up a queue of people who in the canteen never met.
    pub fn divided(&self, divisor: u64) -> TillTimers {
        let divide = |value_ns: u64| (value_ns / divisor.max(1)).max(1);
        TillTimers {
            answer_timeout_ns: divide(self.answer_timeout_ns),
            retry_pauses_ns: self.retry_pauses_ns.map(divide),
            heartbeat_ns: divide(self.heartbeat_ns),
            offline_after_ns: divide(self.offline_after_ns),
            reconnect_min_ns: divide(self.reconnect_min_ns),
            reconnect_max_ns: divide(self.reconnect_max_ns),
            upload_timeout_ns: divide(self.upload_timeout_ns),
        }
    }
}

/// When the progress line is shown on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgressLine {
    /// When standard error is a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// An open-loop run.
#[derive(Clone, Debug, Serialize)]
pub struct RunConfig {
    /// What is played.
    pub profile: ProfileConfig,
    /// How many of the campus's tills take part; `None` means all.
    pub tills: Option<u32>,
    /// Everything random comes from it: the same seed plays the same traffic.
    pub seed: u64,
    /// The tills' timers.
    pub timers: TillTimers,
    /// Records in one upload frame: 1 to 2,000; 500 unless set. A large frame stands in the way of the live
    /// request behind it on the same connection.
    pub upload_batch_records: u32,
    /// A person who has waited this long without the till being free leaves, and counts as dropped: 30 s.
    pub late_max_ns: u64,
    /// How long after the last intended request the run waits for answers, retries and uploads: 30 s.
    pub drain_max_ns: u64,
    /// Histograms leave out what was to be sent in this first part of the run; counts have it. 0 unless set.
    pub settle_ns: u64,
    /// The first value of every card's counter; `None` takes it from the wall clock, in eighths of a second, so
    /// that a later run against the same server starts above an earlier one. A run that taps a card more than
    /// eight times a second is followed by one with [`crate::RunReport::card_counter_next`].
    pub card_counter_first: Option<u32>,
    /// Balance that a card's chip is taken to hold at the start, in fen; it limits offline sales.
    pub chip_balance_fen: i64,
    /// Where `report.json`, `latency.hgrm`, `intervals.hlog` and `outcomes.csv` go; `None` writes nothing.
    pub out_dir: Option<PathBuf>,
    /// The live line.
    pub progress: ProgressLine,
    /// The commit under test, when the caller knows it; stands in the report.
    pub commit: Option<String>,
}

impl RunConfig {
    /// Defaults around a profile.
    pub fn new(profile: ProfileConfig, seed: u64) -> RunConfig {
        RunConfig {
            profile,
            tills: None,
            seed,
            timers: TillTimers::default(),
            upload_batch_records: 500,
            late_max_ns: 30 * SECOND_NS,
            drain_max_ns: 30 * SECOND_NS,
            settle_ns: 0,
            card_counter_first: None,
            chip_balance_fen: 20_000,
            out_dir: None,
            progress: ProgressLine::Auto,
            commit: None,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), LoadError> {
        if self.tills == Some(0) {
            return Err(LoadError::setting("tills", "must be at least 1"));
        }
        if !(1..=UPLOAD_BATCH_RECORDS_MAX).contains(&self.upload_batch_records) {
            return Err(LoadError::setting("upload-batch", "must be 1 to 2,000 records"));
        }
        if self.timers.reconnect_min_ns == 0 || self.timers.reconnect_max_ns < self.timers.reconnect_min_ns {
            return Err(LoadError::setting("reconnect", "the pause must be positive, and max at least min"));
        }
        if self.settle_ns > 0 && self.settle_ns >= self.profile.duration_ns() {
            return Err(LoadError::setting("settle", "must be shorter than the run"));
        }
        self.profile.validate()
    }
}

/// Topping up every holder before a run.
#[derive(Clone, Debug, Serialize)]
pub struct WarmUpConfig {
    /// What each holder receives, in fen.
    pub amount_fen: i64,
    /// Begins every order number; the same prefix again tops nobody up twice. At most 16 characters.
    pub order_prefix: String,
    /// How many tills are signed in (and out again) to see that they can.
    pub tills_signed_in: u32,
    /// How long one answer is awaited.
    pub answer_timeout_ns: u64,
}

impl WarmUpConfig {
    /// So much for each holder, with 10 s for each answer and no sign-ins.
    pub fn new(amount_fen: i64, order_prefix: &str) -> WarmUpConfig {
        WarmUpConfig {
            amount_fen,
            order_prefix: order_prefix.to_owned(),
            tills_signed_in: 0,
            answer_timeout_ns: 10 * SECOND_NS,
        }
    }
}

/// What a closed-loop connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedRequest {
    /// A debit by card, as each till sends it.
    CardDebit,
    /// A balance query: no record, no wait for the disk beyond what it observes.
    Balance,
}

/// A closed-loop run: each connection has one request in flight and sends the next at once.
#[derive(Clone, Debug, Serialize)]
pub struct ClosedConfig {
    /// Connections, one for each till of the campus from the first on.
    pub connections: u32,
    /// What is sent.
    pub request: ClosedRequest,
    /// How long it runs before measuring.
    pub settle_ns: u64,
    /// How long it measures.
    pub measure_ns: u64,
    /// Chooses the holders.
    pub seed: u64,
    /// Amount of each debit, in fen. Small, so that day limits don't turn the run into refusals.
    pub amount_fen: i64,
    /// The first value of every card's counter; `None` takes it from the wall clock, in eighths of a second. Few
    /// cards at a high rate need [`crate::ClosedReport::card_counter_next`] of the run before.
    pub card_counter_first: Option<u32>,
    /// How long one answer is awaited before the connection counts as failed.
    pub answer_timeout_ns: u64,
}

impl ClosedConfig {
    /// Debits of one fen on so many connections, half a second to settle and three to measure.
    pub fn new(connections: u32, seed: u64) -> ClosedConfig {
        ClosedConfig {
            connections,
            request: ClosedRequest::CardDebit,
            settle_ns: SECOND_NS / 2,
            measure_ns: 3 * SECOND_NS,
            seed,
            amount_fen: 1,
            card_counter_first: None,
            answer_timeout_ns: 10 * SECOND_NS,
        }
    }
}
