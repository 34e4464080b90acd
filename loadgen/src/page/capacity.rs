//! The page of a capacity search.

use std::path::Path;

use hdrhistogram::Histogram;

use super::chart::{Axis, Band, BarPart, Bars, Chart, Limit, Mark, Point, Series};
use super::plots::{self, Distribution, MS, Moment, ms_cell};
use super::scale::{Scale, short};
use super::{Document, place_facts};
use crate::capacity::{Bound, CapacityReport, Found, StepReport, Verdict, milliseconds, percentiles};
use crate::error::LoadError;
use crate::measurement::new_histogram;
use crate::report::LatencySummary;
use crate::server_metrics::ServerMetrics;

/// The page's name in the output directory.
pub const CAPACITY_PAGE_NAME: &str = "capacity.html";

/// Colours of the stages, in the order of the way.
const STAGE_COLOURS: [&str; 8] =
    ["var(--c8)", "var(--c6)", "var(--c1)", "var(--c4)", "var(--c7)", "var(--c2)", "var(--c3)", "var(--c5)"];

/// All steps at one rate, merged.
struct RateGroup {
    rate_per_s: f64,
    latencies: Histogram<u64>,
    lags: Histogram<u64>,
    server: Option<ServerMetrics>,
    verdict: Verdict,
}

impl RateGroup {
    /// Lowest rate first.
    fn all(report: &CapacityReport) -> Vec<RateGroup> {
        let mut rates: Vec<f64> = report.steps.iter().map(|step| step.offered_per_s).collect();
        rates.sort_unstable_by(f64::total_cmp);
        rates.dedup();
        rates.into_iter().map(|rate_per_s| RateGroup::of(report, rate_per_s)).collect()
    }

    fn of(report: &CapacityReport, rate_per_s: f64) -> RateGroup {
        let steps: Vec<&StepReport> =
            report.steps.iter().filter(|step| step.offered_per_s == rate_per_s).collect();
        let (mut latencies, mut lags) = (new_histogram(), new_histogram());
        let mut server: Option<ServerMetrics> = None;
        for step in &steps {
            // All have the same bounds.
            let added = latencies.add(&step.histogram).and_then(|()| lags.add(&step.lag_histogram));
            debug_assert!(added.is_ok(), "{added:?}");
            if let Some(of_step) = &step.server {
                match &mut server {
                    Some(server) => server.merge(of_step),
                    None => server = Some(of_step.clone()),
                }
            }
        }
        let count = |verdict| steps.iter().filter(|step| step.verdict == verdict).count();
        let (held, missed, void) = (count(Verdict::Held), count(Verdict::Missed), count(Verdict::Void));
        let verdict = if held > missed + void {
            Verdict::Held
        } else if void > missed {
            Verdict::Void
        } else {
            Verdict::Missed
        };
        RateGroup { rate_per_s, latencies, lags, server, verdict }
    }

    fn mark(&self) -> Mark {
        match self.verdict {
            Verdict::Held => Mark::Dot,
            Verdict::Missed => Mark::Cross,
            Verdict::Void => Mark::Ring,
        }
    }
}

fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "held",
        Verdict::Missed => "missed",
        Verdict::Void => "void",
    }
}

/// Writes `capacity.html`.
///
/// # Errors
/// The file can't be written.
pub fn write_capacity_page(dir: &Path, report: &CapacityReport) -> Result<(), LoadError> {
    page(report).write(dir, CAPACITY_PAGE_NAME)
}

fn page(report: &CapacityReport) -> Document {
    let groups = RateGroup::all(report);
    let found = report.found.as_ref().map(|found| found.rate_per_s);
    let mut document = Document::new(&headline(report));
    document.paragraph("lead", &lead(report));
    for failure in report.failures() {
        document.paragraph("failed", &failure);
    }
    document.facts(&facts(report));

    document.figure(
        "percentiles",
        "Latency by percentile",
        "One line for each rate, its runs merged; the found rate is bold. Each nine of the axis is as wide as the one \
         before.",
        &[plots::by_percentile(distributions(&groups, found), &report.config.objectives)],
    );
    document.figure(
        "load",
        "Latency against offered load",
        "Runs at the same rate merged. A dot held, a cross missed an objective, a ring couldn't be played by the \
         generator.",
        &[load_chart(report, &groups)],
    );
    document.figure(
        "timeline",
        "Second by second",
        "All steps in the order played, without the checks between them. Green held, red missed, grey is void; the \
         number above is the offered rate. The hiccup meter shows how late the machine woke an idle thread.",
        &time_line(report),
    );
    if groups.iter().any(|group| group.server.is_some()) {
        document.figure(
            "stages",
            "Where a request's time went in the server",
            "Means of the stages, from the server's own clocks, on top of each other.",
            &[stage_bars(&groups)],
        );
        if let Some(server) = found_group(&groups, found).and_then(|group| group.server.as_ref()) {
            stage_table(&mut document, server);
        }
        document.figure(
            "batches",
            "Batch sizes",
            "Decisions that one durable write takes: groups of records in a block of the log.",
            &[batch_chart(&groups)],
        );
    } else {
        let why = report.metrics_error.as_deref().unwrap_or("the server told none");
        document.paragraph("note", &format!("Stage times not fetched, nor batch sizes: {why}."));
    }
    document.figure(
        "lag",
        "The generator's own lag",
        "From the moment a request was due with its till free to its sending. Latencies have this lag in them. A \
         step that would have held without it is void, not missed, when p99.9 is above the line.",
        &[lag_chart(report, &groups)],
    );
    document.heading("Every step");
    step_table(&mut document, report);
    document
}

fn found_group(groups: &[RateGroup], found: Option<f64>) -> Option<&RateGroup> {
    groups.iter().find(|group| Some(group.rate_per_s) == found)
}

fn headline(report: &CapacityReport) -> String {
    let objectives = report.objectives_text();
    match (&report.found, report.outcome) {
        (Some(found), _) => format!("{:.0} durable debits/s with {objectives}", found.debits_per_s.median),
        (None, Found::GeneratorBound { .. }) => "The generator couldn't play the lowest rate".to_owned(),
        (None, _) => format!("No rate holds {objectives}"),
    }
}

fn lead(report: &CapacityReport) -> String {
    let Some(found) = &report.found else { return format!("{} steps were played.", report.steps.len()) };
    let bound = match found.bound {
        Bound::Server => "Above it the server misses an objective.",
        Bound::Generator => "Above it the generator can't play the rate: the server's limit is not known.",
        Bound::RateMax => "It wasn't to be tried higher.",
    };
    let ns = |value: f64| milliseconds(value as u64);
    format!(
        "{:.0} requests/s offered, held in {} of {} runs: {:.0} debits/s ({:.0} to {:.0}), p50 {}, p99 {}, p99.9 {} \
         ({} to {}), slowest {}. {bound}",
        found.rate_per_s,
        found.held,
        found.runs,
        found.debits_per_s.median,
        found.debits_per_s.min,
        found.debits_per_s.max,
        ns(found.p50_ns.median),
        ns(found.p99_ns.median),
        ns(found.p999_ns.median),
        ns(found.p999_ns.min),
        ns(found.p999_ns.max),
        ns(found.max_ns.median),
    )
}

fn facts(report: &CapacityReport) -> Vec<(&'static str, String)> {
    let config = &report.config;
    let mut facts = place_facts(
        &report.machine,
        report.started_unix_ns,
        report.commit.as_deref(),
        report.back_end.as_deref(),
    );
    let profile = match config.profile {
        crate::capacity::StepProfile::Poisson => "Poisson process",
        crate::capacity::StepProfile::Lunch => "lunch: waves around the rate",
    };
    facts.extend([
        ("traffic", format!("{profile}, open loop, {} tills, {} holders, seed {}", report.tills, report.holders, config.seed)),
        ("objective", report.objectives_text()),
        ("steps", format!(
            "{} s after {} s to settle; doubled from {}/s, then halved to {} %; {} runs decide, {} confirm",
            config.measure_ns as f64 / 1e9,
            config.settle_ns as f64 / 1e9,
            short(config.search.rate_min),
            100.0 * config.search.precision,
            config.search.repeats,
            config.search.confirmations
        )),
        ("held", "objectives kept from the intended start, nothing failed, and every acknowledged sale found exactly once afterwards".to_owned()),
    ]);
    facts
}

/// From blue at the lowest rate to red at the highest: readable on light and dark.
fn rate_colour(place: usize, count: usize) -> String {
    let share = place as f64 / count.saturating_sub(1).max(1) as f64;
    format!("hsl({:.0} 68% 48%)", 225.0 - 222.0 * share)
}

fn distributions(groups: &[RateGroup], found: Option<f64>) -> Vec<Distribution> {
    groups
        .iter()
        .enumerate()
        .map(|(place, group)| Distribution {
            name: format!(
                "{}/s{}",
                short(group.rate_per_s),
                match group.verdict {
                    Verdict::Held => "",
                    Verdict::Missed => " missed",
                    Verdict::Void => " void",
                }
            ),
            colour: rate_colour(place, groups.len()),
            bold: Some(group.rate_per_s) == found,
            count: group.latencies.len(),
            percentiles: percentiles(&group.latencies),
        })
        .collect()
}

/// A line over all groups; groups without a value are left out.
fn over_load(
    groups: &[RateGroup],
    name: &str,
    colour: &str,
    figure: impl Fn(&RateGroup) -> Option<f64>,
) -> Series {
    let points = groups.iter().filter_map(|group| {
        let y = figure(group)?;
        let says = format!("{name} at {:.0}/s: {}", group.rate_per_s, short(y));
        Some(Point { x: group.rate_per_s, y, mark: group.mark(), says })
    });
    Series { name: name.to_owned(), colour: colour.to_owned(), bold: false, points: points.collect() }
}

fn load_axis(groups: &[RateGroup]) -> Axis {
    Axis {
        label: "offered load, requests/s",
        scale: Scale::linear(groups.iter().map(|group| group.rate_per_s)),
    }
}

fn chart_over_load(
    title: &str,
    y_label: &'static str,
    groups: &[RateGroup],
    series: Vec<Series>,
    limits: Vec<Limit>,
) -> String {
    let values = series.iter().flat_map(|series| series.points.iter().map(|point| point.y));
    let y = Scale::log(values.chain(limits.iter().map(|limit| limit.y)));
    Chart {
        title: title.to_owned(),
        height: 340.0,
        x: load_axis(groups),
        y: Axis { label: y_label, scale: y },
        x_labels: true,
        bands: Vec::new(),
        limits,
        series,
    }
    .svg()
}

/// Four lines of a histogram over the load, in milliseconds.
fn latency_lines(groups: &[RateGroup], histogram: impl Fn(&RateGroup) -> LatencySummary) -> Vec<Series> {
    let line = |name, colour, figure: fn(&LatencySummary) -> u64| {
        over_load(groups, name, colour, |group| {
            let summary = histogram(group);
            (summary.count > 0).then(|| figure(&summary) as f64 / MS)
        })
    };
    vec![
        line("slowest", "var(--c8)", |summary| summary.max_ns),
        line("p99.9", "var(--c5)", |summary| summary.p999_ns),
        line("p99", "var(--c2)", |summary| summary.p99_ns),
        line("p50", "var(--c1)", |summary| summary.p50_ns),
    ]
}

fn load_chart(report: &CapacityReport, groups: &[RateGroup]) -> String {
    let series = latency_lines(groups, |group| LatencySummary::of(&group.latencies));
    let limits = plots::limits(&report.config.objectives);
    chart_over_load(
        "Latency against offered load",
        "latency from the intended start, ms",
        groups,
        series,
        limits,
    )
}

fn lag_chart(report: &CapacityReport, groups: &[RateGroup]) -> String {
    let series = latency_lines(groups, |group| LatencySummary::of(&group.lags));
    let limit = Limit { y: report.config.lag_max_ns as f64 / MS, label: "bound for p99.9".to_owned() };
    chart_over_load("The generator's own lag against offered load", "lag, ms", groups, series, vec![limit])
}

fn time_line(report: &CapacityReport) -> Vec<String> {
    let mut moments = Vec::new();
    let mut spans = Vec::new();
    let mut end_s = 0.0;
    for step in &report.steps {
        moments.extend(Moment::of_run(end_s, &step.seconds));
        let from_s = end_s;
        end_s += step.elapsed_ns as f64 / 1e9;
        spans.push((from_s, end_s, step));
    }
    let bands = || {
        let band = |&(from, to, step): &(f64, f64, &StepReport)| Band {
            from,
            to,
            class: verdict_class(step.verdict),
            label: short(step.offered_per_s),
            says: format!("{} at {:.0}/s", step.phase.name(), step.offered_per_s),
        };
        spans.iter().map(band).collect()
    };
    let charts =
        vec![plots::throughput(&moments), plots::tail(&moments, plots::limits(&report.config.objectives))];
    plots::time_line(charts, end_s, bands)
}

fn stage_bars(groups: &[RateGroup]) -> String {
    let with_server = groups.iter().filter_map(|group| Some((group, group.server.as_ref()?)));
    let bars = with_server.map(|(group, server)| {
        let parts = server.stages.iter().zip(STAGE_COLOURS.iter().cycle()).map(|(stage, colour)| BarPart {
            name: stage.stage.clone(),
            colour: (*colour).to_owned(),
            value: stage.times.mean() / 1e3,
            says: format!("{}: {:.1} µs on average", stage.stage, stage.times.mean() / 1e3),
        });
        (short(group.rate_per_s), parts.collect())
    });
    Bars {
        title: "Mean time in each stage at each rate".to_owned(),
        height: 340.0,
        x_label: "offered load, requests/s",
        y_label: "mean time, µs",
        bars: bars.collect(),
    }
    .svg()
}

fn stage_table(document: &mut Document, server: &ServerMetrics) {
    let us = |value: f64| format!("{:.1}", value / 1e3);
    let rows: Vec<(&str, Vec<String>)> = server
        .stages
        .iter()
        .map(|stage| {
            let times = &stage.times;
            let quantile = |share| us(times.quantile(share) as f64);
            let cells = vec![
                stage.stage.clone(),
                times.count.to_string(),
                us(times.mean()),
                quantile(0.5),
                quantile(0.99),
                quantile(0.999),
                us(times.max() as f64),
            ];
            ("", cells)
        })
        .collect();
    document.heading("Stages at the found rate, µs");
    document.table("", &["stage", "requests", "mean", "p50", "p99", "p99.9", "slowest"], &rows);
}

fn batch_chart(groups: &[RateGroup]) -> String {
    let line = |name, colour, figure: fn(&ServerMetrics) -> f64| {
        over_load(groups, name, colour, |group| {
            let server = group.server.as_ref().filter(|server| server.block_groups.count > 0)?;
            Some(figure(server))
        })
    };
    let series = vec![
        line("largest", "var(--c8)", |server| server.block_groups.max() as f64),
        line("p99", "var(--c2)", |server| server.block_groups.quantile(0.99) as f64),
        line("mean", "var(--c3)", |server| server.block_groups.mean()),
        line("p50", "var(--c1)", |server| server.block_groups.quantile(0.5) as f64),
    ];
    chart_over_load("Groups in a block against offered load", "groups in a block", groups, series, Vec::new())
}

fn step_table(document: &mut Document, report: &CapacityReport) {
    let found = report.found.as_ref().map(|found| found.rate_per_s);
    let rows: Vec<(&str, Vec<String>)> = report
        .steps
        .iter()
        .map(|step| {
            let class = match step.verdict {
                Verdict::Held if Some(step.offered_per_s) == found => "found",
                Verdict::Held => "",
                verdict => verdict_class(verdict),
            };
            let latency = &step.latency;
            let verdict = match step.verdict {
                Verdict::Held => "held".to_owned(),
                verdict => format!("{}: {}", verdict_class(verdict), step.reasons.join("; ")),
            };
            let cells = vec![
                step.phase.name().to_owned(),
                format!("{:.0}", step.offered_per_s),
                format!("{:.0}", step.debits_per_s),
                ms_cell(latency.p50_ns),
                ms_cell(latency.p99_ns),
                ms_cell(latency.p999_ns),
                ms_cell(latency.max_ns),
                ms_cell(step.lag.p999_ns),
                ms_cell(step.hiccups.late.max_ns),
                step.check.acknowledged.to_string(),
                verdict,
            ];
            (class, cells)
        })
        .collect();
    let headings = [
        "phase",
        "offered/s",
        "debits/s",
        "p50 ms",
        "p99",
        "p99.9",
        "slowest",
        "lag p99.9",
        "hiccup",
        "asked again",
        "verdict",
    ];
    document.table("verdicts", &headings, &rows);
    document.paragraph(
        "note",
        &format!(
            "{} steps. After each, every balance was compared with the sum of what the tills wrote down, and the \
             newest sales of each till were asked for again.",
            report.steps.len()
        ),
    );
}
