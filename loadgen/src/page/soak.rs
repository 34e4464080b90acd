//! The page of a soak.

use std::path::Path;

use super::plots::{self, Distribution, MS, Moment, TimeChart, TimeSeries};
use super::scale::Scale;
use super::{Document, place_facts};
use crate::capacity::milliseconds;
use crate::error::LoadError;
use crate::second::SecondReport;
use crate::soak::{MEMORY_GROWTH_SHARE_MAX, SoakReport, SoakSecond, mib};

/// The page's name in the output directory.
pub const SOAK_PAGE_NAME: &str = "soak.html";

/// Writes `soak.html`.
///
/// # Errors
/// The file can't be written.
pub fn write_soak_page(dir: &Path, report: &SoakReport) -> Result<(), LoadError> {
    page(report).write(dir, SOAK_PAGE_NAME)
}

fn page(report: &SoakReport) -> Document {
    let minutes = report.elapsed_ns as f64 / 60e9;
    let passed = if report.failures.is_empty() { "passed" } else { "failed" };
    let mut document = Document::new(&format!(
        "Soak {passed}: {:.0} debits/s for {minutes:.1} minutes",
        report.debits_per_s
    ));
    let latency = &report.latency;
    document.paragraph(
        "lead",
        &format!(
            "p50 {}, p99 {}, p99.9 {}, slowest {} of {} sales; worst hiccup of the machine {}.",
            milliseconds(latency.p50_ns),
            milliseconds(latency.p99_ns),
            milliseconds(latency.p999_ns),
            milliseconds(latency.max_ns),
            latency.count,
            milliseconds(report.stalls.hiccup_max_ns)
        ),
    );
    for failure in &report.failures {
        document.paragraph("failed", failure);
    }
    document.facts(&facts(report));

    let moments: Vec<Moment> = {
        let seconds: Vec<SecondReport> = report.seconds.iter().map(|second| second.second).collect();
        Moment::of_run(0.0, &seconds).collect()
    };
    let charts = vec![
        plots::throughput(&moments),
        plots::tail(&moments, Vec::new()),
        one_line("Worst sync second by second", "ms", "worst sync", "var(--c4)", report, |second| {
            second.sync_max_ns.filter(|&value_ns| value_ns > 0).map(|value_ns| value_ns as f64 / MS)
        }),
        one_line("The server's memory second by second", "MiB", "resident", "var(--c6)", report, |second| {
            second.resident_bytes.map(|bytes| mib(bytes as f64))
        }),
    ];
    document.figure(
        "timeline",
        "Second by second",
        "Latency counts from the intended start. The hiccup meter shows how late the machine woke an idle thread; the \
         sync is the server's own clock around the durable write of a block.",
        &plots::time_line(charts, report.elapsed_ns as f64 / 1e9, Vec::new),
    );
    let distribution = Distribution {
        name: "all sales".to_owned(),
        colour: "var(--c1)".to_owned(),
        bold: true,
        count: latency.count,
        percentiles: report.percentiles.clone(),
    };
    document.figure(
        "percentiles",
        "Latency by percentile",
        "Each nine of the axis is as wide as the one before.",
        &[plots::by_percentile(vec![distribution], &[])],
    );
    document
}

fn facts(report: &SoakReport) -> Vec<(&'static str, String)> {
    let (memory, stalls, check) = (&report.memory, &report.stalls, &report.check);
    let mut facts = place_facts(
        &report.machine,
        report.started_unix_ns,
        report.config.commit.as_deref(),
        Some(&report.back_end),
    );
    facts.extend([
        (
            "traffic",
            format!(
                "{:.0} requests/s offered, open loop, {} tills, {} holders, seed {}",
                report.config.rate_per_s, report.tills, report.holders, report.config.seed
            ),
        ),
        (
            "memory",
            format!(
                "{}: {:+.2} MiB over the last 80 % by least squares, of {:.0} MiB; at most {:.1} ({} %) allowed",
                if memory.flat { "flat" } else { "NOT FLAT" },
                mib(memory.growth_bytes),
                mib(memory.mean_bytes),
                mib(memory.growth_max_bytes),
                100.0 * MEMORY_GROWTH_SHARE_MAX
            ),
        ),
        (
            "stalls",
            format!(
                "{} of {} seconds with an answer slower than the worst hiccup and that second's worst sync",
                stalls.seconds_beyond, stalls.seconds_judged
            ),
        ),
        (
            "exactly once",
            format!(
                "{} lost, {} doubled; {} balances compared, {} wrong; {} outcomes asked for again",
                check.lost, check.doubled, check.balances_checked, check.balances_wrong, check.acknowledged
            ),
        ),
    ]);
    facts
}

fn one_line(
    title: &'static str,
    y_label: &'static str,
    name: &'static str,
    colour: &'static str,
    report: &SoakReport,
    figure: impl Fn(&SoakSecond) -> Option<f64>,
) -> TimeChart {
    let points: Vec<(f64, f64)> = report
        .seconds
        .iter()
        .filter_map(|second| Some((second.second.from_ns as f64 / 1e9, figure(second)?)))
        .collect();
    TimeChart {
        title,
        y_label,
        y_scale: Scale::linear(points.iter().map(|point| point.1)),
        series: vec![TimeSeries { name, colour, points }],
        limits: Vec::new(),
    }
}
