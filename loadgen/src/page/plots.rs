//! The plots that the pages share.

use super::chart::{Axis, Band, Chart, Limit, Mark, Point, Series};
use super::scale::Scale;
use crate::capacity::{Objective, milliseconds};
use crate::second::SecondReport;

pub(super) const MS: f64 = 1e6;

/// A latency distribution as one line of the percentile plot.
pub(super) struct Distribution {
    pub(super) name: String,
    pub(super) colour: String,
    pub(super) bold: bool,
    /// How many values it has.
    pub(super) count: u64,
    /// `(share, nanoseconds)`.
    pub(super) percentiles: Vec<(f64, u64)>,
}

/// Latency by percentile, each nine as wide as the one before.
pub(super) fn by_percentile(distributions: Vec<Distribution>, objectives: &[Objective]) -> String {
    let count = distributions.iter().map(|one| one.count).max().unwrap_or(0);
    let values_ms = distributions
        .iter()
        .flat_map(|one| one.percentiles.iter().map(|point| point.1 as f64 / MS))
        .chain(objectives.iter().map(|objective| objective.limit_ns as f64 / MS));
    let y = Scale::log(values_ms);
    let series = distributions.into_iter().map(|one| Series {
        points: one
            .percentiles
            .iter()
            .map(|&(share, value_ns)| Point {
                x: share,
                y: value_ns as f64 / MS,
                mark: Mark::None,
                says: String::new(),
            })
            .collect(),
        name: one.name,
        colour: one.colour,
        bold: one.bold,
    });
    Chart {
        title: "Latency by percentile".to_owned(),
        height: 440.0,
        x: Axis { label: "share of the sales answered at least so fast", scale: Scale::nines(count) },
        y: Axis { label: "latency from the intended start, ms", scale: y },
        x_labels: true,
        bands: Vec::new(),
        limits: limits(objectives),
        series: series.collect(),
    }
    .svg()
}

/// The objectives' limits, in milliseconds.
pub(super) fn limits(objectives: &[Objective]) -> Vec<Limit> {
    objectives
        .iter()
        .map(|objective| Limit { y: objective.limit_ns as f64 / MS, label: objective.to_string() })
        .collect()
}

/// A second at its place of a time line.
pub(super) struct Moment {
    /// Its middle, in seconds from the beginning of the line.
    pub(super) at_s: f64,
    pub(super) second: SecondReport,
}

impl Moment {
    /// The seconds of one run, which begins at this second of the time line.
    pub(super) fn of_run(offset_s: f64, seconds: &[SecondReport]) -> impl Iterator<Item = Moment> {
        seconds.iter().map(move |&second| Moment {
            at_s: offset_s + (second.from_ns + second.duration_ns / 2) as f64 / 1e9,
            second,
        })
    }
}

/// One line of a time line's chart.
pub(super) struct TimeSeries {
    pub(super) name: &'static str,
    pub(super) colour: &'static str,
    /// `(second, value)`.
    pub(super) points: Vec<(f64, f64)>,
}

/// One chart of a time line.
pub(super) struct TimeChart {
    pub(super) title: &'static str,
    pub(super) y_label: &'static str,
    pub(super) y_scale: Scale,
    pub(super) series: Vec<TimeSeries>,
    pub(super) limits: Vec<Limit>,
}

/// Charts with one time axis, below each other.
pub(super) fn time_line(charts: Vec<TimeChart>, end_s: f64, bands: impl Fn() -> Vec<Band>) -> Vec<String> {
    let last = charts.len().saturating_sub(1);
    let draw = |(place, chart): (usize, TimeChart)| {
        let series = chart.series.into_iter().map(|series| Series {
            name: series.name.to_owned(),
            colour: series.colour.to_owned(),
            bold: false,
            points: series
                .points
                .into_iter()
                .map(|(x, y)| Point { x, y, mark: Mark::None, says: String::new() })
                .collect(),
        });
        let x_labels = place == last;
        Chart {
            title: chart.title.to_owned(),
            height: if x_labels { 202.0 } else { 166.0 },
            x: Axis { label: "time of the runs, s", scale: Scale::Linear { min: 0.0, max: end_s.max(1.0) } },
            y: Axis { label: chart.y_label, scale: chart.y_scale },
            x_labels,
            bands: bands(),
            limits: chart.limits,
            series: series.collect(),
        }
        .svg()
    };
    charts.into_iter().enumerate().map(draw).collect()
}

/// Throughput second by second.
pub(super) fn throughput(moments: &[Moment]) -> TimeChart {
    let points: Vec<(f64, f64)> =
        moments.iter().map(|moment| (moment.at_s, moment.second.debits_per_s())).collect();
    TimeChart {
        title: "Throughput second by second",
        y_label: "debits/s",
        y_scale: Scale::linear(points.iter().map(|point| point.1)),
        series: vec![TimeSeries { name: "approved", colour: "var(--c3)", points }],
        limits: Vec::new(),
    }
}

/// The tail's latency second by second, with the machine's hiccups on the same axis.
pub(super) fn tail(moments: &[Moment], limits: Vec<Limit>) -> TimeChart {
    let line = |figure: fn(&SecondReport) -> u64| -> Vec<(f64, f64)> {
        // A second without an answer has no latency: a gap would hide it less than a zero, but a log axis has none.
        let with_value = moments.iter().filter(|moment| figure(&moment.second) > 0);
        with_value.map(|moment| (moment.at_s, figure(&moment.second) as f64 / MS)).collect()
    };
    let series = vec![
        TimeSeries { name: "slowest", colour: "var(--c2)", points: line(|second| second.max_ns) },
        TimeSeries { name: "p99.9", colour: "var(--c1)", points: line(|second| second.p999_ns) },
        TimeSeries { name: "worst hiccup", colour: "var(--c8)", points: line(|second| second.hiccup_max_ns) },
    ];
    let values = series.iter().flat_map(|series| series.points.iter().map(|point| point.1));
    TimeChart {
        title: "p99.9, slowest answer and worst hiccup second by second",
        y_label: "ms",
        y_scale: Scale::log(values.chain(limits.iter().map(|limit| limit.y))),
        series,
        limits,
    }
}

/// A latency as it stands in tables: milliseconds without the unit.
pub(super) fn ms_cell(value_ns: u64) -> String {
    milliseconds(value_ns).trim_end_matches(" ms").to_owned()
}
