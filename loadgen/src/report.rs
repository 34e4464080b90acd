//! What a run found: plain data, written as JSON and printed by `yika rush`.

use serde::Serialize;

use crate::campus::Campus;
use crate::check::CheckReport;
use crate::config::{DROPPED_SHARE_MAX, RunConfig};
use crate::guide::RowReport;
use crate::hiccup::HiccupSummary;
use crate::machine::Machine;
use crate::second::SecondReport;

/// Percentiles of one merged histogram, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencySummary {
    /// How many values.
    pub count: u64,
    /// Mean.
    pub mean_ns: f64,
    /// Half are at or below.
    pub p50_ns: u64,
    /// 90 %.
    pub p90_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// 99.9 %.
    pub p999_ns: u64,
    /// 99.99 %.
    pub p9999_ns: u64,
    /// The largest.
    pub max_ns: u64,
}

/// How many requests ended with one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeCount {
    /// The code's number.
    pub code: u16,
    /// Its name.
    pub name: &'static str,
    /// How many.
    pub count: u64,
}

/// Plain counts of an open-loop run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunCounts {
    /// Requests and offline sales that the schedule intended.
    pub intended: u64,
    /// Live requests sent at least once: sales and deeds.
    pub sent: u64,
    /// Sales approved online and not reversed afterwards.
    pub approved: u64,
    /// Sales refused by a code of business.
    pub refused: u64,
    /// Sales and deeds given up because the server kept answering that it couldn't (busy, log full, stopping).
    pub given_up: u64,
    /// Questions answered: balances, bills, statements, earlier sales.
    pub queries_answered: u64,
    /// Questions that got no answer or a refusal.
    pub queries_failed: u64,
    /// Other deeds approved: top-ups and what undoes them, changes of cards.
    pub deeds_done: u64,
    /// Other deeds refused.
    pub deeds_refused: u64,
    /// Frames sent again with the same sequence.
    pub retries: u64,
    /// Answers that never came in time, injected losses included.
    pub answers_lost: u64,
    /// Sales that a reversal undid, or kept from happening.
    pub reversed: u64,
    /// Sales whose reversal found that they had been refused anyway.
    pub reversal_found_refusal: u64,
    /// Sales whose outcome the tills don't know at the end.
    pub unknown: u64,
    /// Sales made while a till was offline, those stored before the start included.
    pub stored: u64,
    /// Stored sales whose upload was accepted.
    pub uploaded: u64,
    /// Of these, held for review.
    pub uploaded_flagged: u64,
    /// Stored sales that the server didn't accept; the till keeps them.
    pub upload_kept: u64,
    /// Stored sales not yet uploaded at the end.
    pub upload_pending: u64,
    /// Upload frames answered.
    pub upload_batches: u64,
    /// Intended requests that were never sent because the till wasn't free in time.
    pub dropped: u64,
    /// Code payments made by card instead, because all live codes of the person were used.
    pub codes_substituted: u64,
    /// What couldn't be done at all: no card while offline, chip balance too low, no code key, nothing to undo.
    pub impossible: u64,
    /// Successful sign-ins.
    pub sign_ins: u64,
    /// Connections that broke, or couldn't be made.
    pub disconnects: u64,
    /// Heartbeats answered.
    pub heartbeats: u64,
    /// Answers that contradict the protocol: another account, another amount, an unexpected kind.
    pub answers_wrong: u64,
}

/// An open-loop run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The run's settings, the seed among them.
    pub config: RunConfig,
    /// Where it ran.
    pub machine: Machine,
    /// Tills that took part.
    pub tills: u32,
    /// Holders of the campus.
    pub holders: u32,
    /// When the run started: nanoseconds since 1970 UTC.
    pub started_unix_ns: u64,
    /// From the start to the last intended request.
    pub planned_ns: u64,
    /// From the start to the last answer.
    pub elapsed_ns: u64,
    /// The counts.
    pub counts: RunCounts,
    /// Different people with at least one approved or uploaded sale.
    pub people_served: u64,
    /// Approved online sales per second of the elapsed time.
    pub debits_per_s: f64,
    /// Approved sales: from the intended start to the final answer.
    pub latency: LatencySummary,
    /// Those of them whose till wasn't disturbed: no lost answer and no broken connection since it last had
    /// nothing left to do.
    pub latency_undisturbed: LatencySummary,
    /// Refused sales: from the intended start to the answer.
    pub latency_refused: LatencySummary,
    /// Balance queries: from the intended start to the answer.
    pub latency_query: LatencySummary,
    /// Approved sales: from the last sending to its answer.
    pub service: LatencySummary,
    /// Upload frames: from the sending to the answer.
    pub upload_batch: LatencySummary,
    /// The generator's own lag: from the moment a request was due and its till free to its sending.
    pub lag: LatencySummary,
    /// The machine's own stalls meanwhile.
    pub hiccups: HiccupSummary,
    /// The run second by second.
    pub seconds: Vec<SecondReport>,
    /// [`RunReport::latency`], whole, for merging. Values in nanoseconds.
    #[serde(skip)]
    pub approved_histogram: hdrhistogram::Histogram<u64>,
    /// [`RunReport::service`], whole.
    #[serde(skip)]
    pub service_histogram: hdrhistogram::Histogram<u64>,
    /// [`RunReport::lag`], whole.
    #[serde(skip)]
    pub lag_histogram: hdrhistogram::Histogram<u64>,
    /// Above every card's counter: where a next run against the same server may start its counters.
    pub card_counter_next: u32,
    /// The campus as it is now: with the cards that people have, and with the terminals' and the code keys of now, where they were
    /// changed. A check afterwards needs it to sign in, and a next run to go on.
    #[serde(skip)]
    pub campus_left: Campus,
    /// What became of the requests of each message, by the guide's rows.
    pub rows: Vec<RowReport>,
    /// Refusals by code, highest count first.
    pub refused_by_code: Vec<CodeCount>,
    /// Transient answers (busy, stopping, sign in again) by code; the till tried again.
    pub transient_by_code: Vec<CodeCount>,
    /// What the check afterwards found, when one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckReport>,
}

impl RunReport {
    /// Share of the intended requests that couldn't be sent.
    pub fn dropped_share(&self) -> f64 {
        self.counts.dropped as f64 / self.counts.intended.max(1) as f64
    }

    /// Why the run doesn't count as passed; empty when it does.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.dropped_share() > DROPPED_SHARE_MAX {
            failures.push(format!(
                "{} of {} intended requests couldn't be sent ({:.2} %)",
                self.counts.dropped,
                self.counts.intended,
                100.0 * self.dropped_share()
            ));
        }
        for (count, what) in [
            (self.counts.upload_pending, "stored sales weren't uploaded"),
            (self.counts.unknown, "sales have an unknown outcome"),
            (self.counts.answers_wrong, "answers contradict the protocol"),
        ] {
            if count > 0 {
                failures.push(format!("{count} {what}"));
            }
        }
        if let Some(check) = &self.check {
            failures.extend(check.failures());
        }
        failures
    }
}

/// What topping up found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct WarmUpReport {
    /// Holders topped up.
    pub topped_up: u64,
    /// Holders whose top-up was refused.
    pub refused: u64,
    /// Sum of the accepted top-ups, in fen.
    pub topped_up_fen: i64,
    /// Top-ups a second, all gateways together.
    pub top_ups_per_s: f64,
    /// Tills that signed in and out again.
    pub tills_signed_in: u32,
    /// How long it took.
    pub elapsed_ns: u64,
}

/// A closed-loop run.
#[derive(Clone, Debug, Serialize)]
pub struct ClosedReport {
    /// Connections.
    pub connections: u32,
    /// Answers with an approval (or a balance) in the measured time.
    pub completed: u64,
    /// Answers with a refusal in the measured time.
    pub refused: u64,
    /// Connections that broke or timed out.
    pub failed: u64,
    /// Why the first of them did.
    pub first_failure: Option<String>,
    /// The measured time.
    pub measured_ns: u64,
    /// Completed a second.
    pub completed_per_s: f64,
    /// From sending to answer, completed requests only.
    pub latency: LatencySummary,
    /// The same, whole, for merging. Values in nanoseconds.
    #[serde(skip)]
    pub histogram: hdrhistogram::Histogram<u64>,
    /// Approved on each connection, whether it was being measured or not: their sequences follow each other.
    #[serde(skip)]
    pub acknowledged: Vec<u64>,
    /// Above every card's counter: where a next run against the same server may start its counters.
    pub card_counter_next: u32,
    /// Refusals by code.
    pub refused_by_code: Vec<CodeCount>,
}
