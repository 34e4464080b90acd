//! The guide's eighteen systems, and what became of the requests that are counted under each of them.

use protocol::command_table::Kind;
use serde::Serialize;

use crate::deed::DeedKind;
use crate::measurement::Measurement;
use crate::report::{CodeCount, LatencySummary};

/// The guide's systems, by row: the first is row 1.
pub const SYSTEMS: [&str; 18] = [
    "physical card",
    "virtual card",
    "three wallets",
    "top-up",
    "payment code",
    "online till",
    "offline till",
    "water by QR",
    "water by card",
    "electricity",
    "shower",
    "doors",
    "loss report",
    "bills",
    "onboarding",
    "network plan",
    "payment platform",
    "identity only",
];

/// The messages that tills send without a deed, and the row that each is counted under. Each message has one row, although
/// a tap at a till, for one, is a matter of three of them.
const OF_TILLS: [(u8, Kind); 5] = [
    (1, Kind::CardDebit),
    (5, Kind::CodeDebit),
    (6, Kind::Reversal),
    (6, Kind::Heartbeat),
    (7, Kind::Upload),
];

/// The messages that a sale is made by while its till is online.
pub(crate) const SALES: [Kind; 2] = [Kind::CardDebit, Kind::CodeDebit];

/// Every message that can be played, with its row, once each: by row, then by number.
pub fn played() -> Vec<(u8, Kind)> {
    let deeds = DeedKind::ALL.iter().map(|deed| (deed.guide_row(), deed.message()));
    let mut rows: Vec<(u8, Kind)> = OF_TILLS.into_iter().chain(deeds).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// What became of the requests of one kind of message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageReport {
    /// The message.
    pub message: &'static str,
    /// Requests that found their end. An upload counts the records in it, its latencies are those of its frames.
    pub requests: u64,
    /// Of these, approved.
    pub approved: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Of these, given up, or ended with an answer that nothing follows from.
    pub unanswered: u64,
    /// Approved ones: from the intended start to the final answer; an upload's and a heartbeat's from the sending.
    pub latency: LatencySummary,
    /// Refused ones.
    pub latency_refused: LatencySummary,
    /// The refusals by code, highest count first.
    pub refused_by_code: Vec<CodeCount>,
}

impl MessageReport {
    /// The latency that tables show: of the approved, or where there are none of the refused.
    pub(crate) fn latency_shown(&self) -> &LatencySummary {
        if self.approved > 0 { &self.latency } else { &self.latency_refused }
    }
}

/// One of the guide's systems, and the messages of it that were played.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowReport {
    /// The row: 1 to 18.
    pub row: u8,
    /// The system.
    pub system: &'static str,
    /// Its messages, by number; those that never were sent are left out.
    pub messages: Vec<MessageReport>,
}

/// The rows of which something was played.
pub(crate) fn rows_of(measurement: &Measurement) -> Vec<RowReport> {
    let mut rows: Vec<RowReport> = Vec::new();
    for (row, kind) in played() {
        let Some(measured) = measurement.by_message.get(kind) else { continue };
        let message = MessageReport {
            message: kind.command().name,
            requests: measured.approved + measured.refused + measured.unanswered,
            approved: measured.approved,
            refused: measured.refused,
            unanswered: measured.unanswered,
            latency: LatencySummary::of(&measured.latency),
            latency_refused: LatencySummary::of(&measured.latency_refused),
            refused_by_code: measured.refused_by_code.list(),
        };
        if rows.last().is_none_or(|last| last.row != row) {
            let system = SYSTEMS[usize::from(row) - 1];
            rows.push(RowReport { row, system, messages: Vec::new() });
        }
        rows.last_mut().expect("one was pushed").messages.push(message);
    }
    rows
}

/// The rows as lines of text, the first being their heading.
pub fn rows_text(rows: &[RowReport]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<21} {:<17} {:>9} {:>9} {:>8} {:>9} {:>9}",
        "row of the guide", "message", "requests", "approved", "refused", "p50 ms", "p99.9 ms"
    )];
    for row in rows {
        let mut name = format!("{:>2} {}", row.row, row.system);
        for message in &row.messages {
            let latency = message.latency_shown();
            let ms = |value_ns: u64| {
                if latency.count == 0 { "-".to_owned() } else { format!("{:.2}", value_ns as f64 / 1e6) }
            };
            lines.push(format!(
                "{:<21} {:<17} {:>9} {:>9} {:>8} {:>9} {:>9}",
                name,
                message.message,
                message.requests,
                message.approved,
                message.refused,
                ms(latency.p50_ns),
                ms(latency.p999_ns)
            ));
            name.clear();
            for code in &message.refused_by_code {
                lines.push(format!("{:<39} {:>9} × {} ({})", "", code.count, code.name, code.code));
            }
            if message.unanswered > 0 {
                lines.push(format!("{:<39} {:>9} × no end", "", message.unanswered));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use protocol::result_code::ResultCode;

    use super::*;
    use crate::config::MILLISECOND_NS;

    #[test]
    fn every_message_has_one_row_and_only_requests_do() {
        let rows = played();
        for &(row, kind) in &rows {
            assert!((1..=18).contains(&row), "{kind:?}");
            assert!(kind.answer().is_some(), "{kind:?} is no request");
            assert_eq!(rows.iter().filter(|(_, other)| *other == kind).count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn outcomes_are_listed_by_row() {
        let mut measurement = Measurement::default();
        let ended_ns = |ms: u64| ms * MILLISECOND_NS;
        measurement.by_message.of(Kind::Bill).approve(ended_ns(3), true);
        measurement.by_message.of(Kind::CardIssue).refuse(ResultCode::CardAlreadyCurrent, ended_ns(2), true);
        measurement.by_message.of(Kind::CardDebit).approve(ended_ns(1), true);
        measurement.by_message.of(Kind::CardDebit).unanswered += 1;
        let rows = rows_of(&measurement);
        assert_eq!(rows.iter().map(|row| row.row).collect::<Vec<u8>>(), [1, 14]);
        assert_eq!(
            rows_text(&rows),
            [
                "row of the guide      message            requests  approved  refused    p50 ms  p99.9 ms",
                " 1 physical card      CardDebit                 2         1        0      1.00      1.00",
                "                                                1 × no end",
                "                      CardIssue                 1         0        1      2.00      2.00",
                "                                                1 × CardAlreadyCurrent (608)",
                "14 bills              Bill                      1         1        0      3.00      3.00",
            ]
        );
    }
}
