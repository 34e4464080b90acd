//! The page of a run: what became of the requests of each message, by the guide's rows, and the run second by second.

use std::path::Path;

use super::plots::{self, Distribution, Moment};
use super::{Document, place_facts};
use crate::capacity::{milliseconds, percentiles};
use crate::error::LoadError;
use crate::guide::{MessageReport, RowReport};
use crate::report::RunReport;

/// The page's name in the output directory.
pub const RUN_PAGE_NAME: &str = "report.html";

/// Writes `report.html`.
///
/// # Errors
/// The file can't be written.
pub fn write_run_page(dir: &Path, report: &RunReport) -> Result<(), LoadError> {
    page(report).write(dir, RUN_PAGE_NAME)
}

fn page(report: &RunReport) -> Document {
    let failures = report.failures();
    let passed = if failures.is_empty() { "passed" } else { "failed" };
    let seconds = report.elapsed_ns as f64 / 1e9;
    let name = report.config.profile.name();
    let mut document = Document::new(&format!("Run {passed}: {name}, {seconds:.0} s"));
    document.paragraph(
        "lead",
        &format!(
            "{} people served, {:.0} debits/s; p50 {}, p99.9 {}, slowest {}.",
            report.people_served,
            report.debits_per_s,
            milliseconds(report.latency.p50_ns),
            milliseconds(report.latency.p999_ns),
            milliseconds(report.latency.max_ns)
        ),
    );
    for failure in &failures {
        document.paragraph("failed", failure);
    }
    document.facts(&facts(report));
    outcomes(&mut document, &report.rows);

    let moments: Vec<Moment> = Moment::of_run(0.0, &report.seconds).collect();
    document.figure(
        "timeline",
        "Sales second by second",
        "Latency counts from the intended start. The hiccup meter shows how late the machine woke an idle thread.",
        &plots::time_line(
            vec![plots::throughput(&moments), plots::tail(&moments, Vec::new())],
            seconds,
            Vec::new,
        ),
    );
    let distribution = Distribution {
        name: "all sales".to_owned(),
        colour: "var(--c1)".to_owned(),
        bold: true,
        count: report.latency.count,
        percentiles: percentiles(&report.approved_histogram),
    };
    document.figure(
        "percentiles",
        "Sales by percentile",
        "Each nine of the axis is as wide as the one before.",
        &[plots::by_percentile(vec![distribution], &[])],
    );
    document
}

fn facts(report: &RunReport) -> Vec<(&'static str, String)> {
    let mut facts =
        place_facts(&report.machine, report.started_unix_ns, report.config.commit.as_deref(), None);
    let counts = &report.counts;
    facts.push((
        "traffic",
        format!(
            "open loop, {} tills, {} holders, seed {}; {} intended, {} dropped, {} given up",
            report.tills,
            report.holders,
            report.config.seed,
            counts.intended,
            counts.dropped,
            counts.given_up
        ),
    ));
    let check = report.check.as_ref().map_or_else(
        || "not asked".to_owned(),
        |check| {
            format!(
                "{} lost, {} doubled; {} balances compared, {} wrong; {} outcomes asked for again",
                check.lost, check.doubled, check.balances_checked, check.balances_wrong, check.acknowledged
            )
        },
    );
    facts.push(("exactly once", check));
    facts
}

/// The table of outcomes by the guide's rows.
fn outcomes(document: &mut Document, rows: &[RowReport]) {
    let mut lines = Vec::new();
    for row in rows {
        for (place, message) in row.messages.iter().enumerate() {
            let name = if place == 0 { format!("{} {}", row.row, row.system) } else { String::new() };
            lines.push(("", cells(name, message)));
        }
    }
    document.heading("Outcomes by the guide's rows");
    let headings = ["system", "message", "requests", "approved", "refused", "p50 ms", "p99.9 ms", "refusals"];
    document.table("outcomes", &headings, &lines);
    document.paragraph(
        "note",
        "Latency is that of the approved, or where there are none of the refused. An upload counts its records, and has the \
         latency of its frames.",
    );
}

fn cells(name: String, message: &MessageReport) -> Vec<String> {
    let latency = message.latency_shown();
    let mut refusals: Vec<String> =
        message.refused_by_code.iter().map(|code| format!("{} × {}", code.count, code.name)).collect();
    if message.unanswered > 0 {
        refusals.push(format!("{} × no end", message.unanswered));
    }
    let ms = |value_ns| if latency.count == 0 { "-".to_owned() } else { plots::ms_cell(value_ns) };
    vec![
        name,
        message.message.to_owned(),
        message.requests.to_string(),
        message.approved.to_string(),
        message.refused.to_string(),
        ms(latency.p50_ns),
        ms(latency.p999_ns),
        refusals.join(", "),
    ]
}
