//! `loadgen capacity`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use loadgen::capacity::{CapacityConfig, CapacityReport, Objective, StepProfile, StepReport, Verdict};
use loadgen::config::ProgressLine;
use loadgen::page::{CAPACITY_PAGE_NAME, write_capacity_page};
use loadgen::{LoadError, capacity};

use super::nanoseconds;
use crate::{json_text, read_campus, show};

/// What the steps play.
#[derive(Clone, Copy, ValueEnum)]
pub enum ProfileArg {
    /// A Poisson process: sales by card and code, some balance queries.
    Poisson,
    /// Waves as at a lunch, the rate being their mean; no lost answers, no offline tills.
    Lunch,
}

impl From<ProfileArg> for StepProfile {
    fn from(profile: ProfileArg) -> StepProfile {
        match profile {
            ProfileArg::Poisson => StepProfile::Poisson,
            ProfileArg::Lunch => StepProfile::Lunch,
        }
    }
}

#[derive(Args)]
pub struct CapacityArgs {
    /// The campus file.
    #[arg(long)]
    campus: PathBuf,
    /// The server's address, instead of the campus file's.
    #[arg(long)]
    addr: Option<SocketAddr>,
    /// The server's metrics address, for stage times and batch sizes: what `yika serve --metrics` was given.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// An objective, PERCENTILE=LIMIT: p99.9=10ms, p50=500us, max=1s. Several are kept together.
    #[arg(long = "slo", value_name = "OBJECTIVE", required = true)]
    objectives: Vec<Objective>,
    /// The first rate, requests a second; doubled from there.
    #[arg(long, default_value_t = 1_000.0)]
    rate_min: f64,
    /// The highest rate that is tried.
    #[arg(long, default_value_t = 1_000_000.0)]
    rate_max: f64,
    /// How near to each other the highest rate that holds and the lowest that doesn't must come, as a share.
    #[arg(long, default_value_t = 0.05)]
    precision: f64,
    /// Most runs of a step that decides; the majority counts. Odd.
    #[arg(long, default_value_t = 3)]
    repeats: u32,
    /// Runs of the found rate at the end; most must hold, or a lower one is tried.
    #[arg(long, default_value_t = 5)]
    confirm: u32,
    /// How long each step is measured, seconds. A p99.9 needs tens of thousands of sales.
    #[arg(long, default_value_t = 8.0)]
    step: f64,
    /// How long each step runs before it is measured, seconds.
    #[arg(long, default_value_t = 2.0)]
    settle: f64,
    /// What the steps play.
    #[arg(long, value_enum, default_value = "poisson")]
    profile: ProfileArg,
    /// How many of the campus's tills take part [default: all].
    #[arg(long)]
    tills: Option<u32>,
    /// Everything random comes from it; each step has the next one.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A step that would have held from the sending on is void, not missed, when p99.9 of the generator's own lag is
    /// above this, milliseconds
    /// [default: a quarter of the tightest limit].
    #[arg(long, value_name = "MS")]
    lag_max: Option<f64>,
    /// The commit under test; stands on the page.
    #[arg(long)]
    commit: Option<String>,
    /// Where capacity.json and capacity.html go.
    #[arg(long, default_value = "capacity", value_name = "DIR")]
    out: PathBuf,
    /// Print the report as JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &CapacityArgs) -> Result<Vec<String>, LoadError> {
    let campus = read_campus(&args.campus, args.addr)?;
    let mut config = CapacityConfig::new(args.objectives.clone(), args.seed);
    config.search.rate_min = args.rate_min;
    config.search.rate_max = args.rate_max;
    config.search.precision = args.precision;
    config.search.repeats = args.repeats;
    config.search.confirmations = args.confirm;
    config.measure_ns = nanoseconds("step", args.step)?;
    config.settle_ns = nanoseconds("settle", args.settle)?;
    config.profile = args.profile.into();
    config.tills = args.tills;
    if let Some(lag_max_ms) = args.lag_max {
        config.lag_max_ns = nanoseconds("lag-max", lag_max_ms / 1e3)?;
    }
    config.metrics = args.metrics;
    config.commit.clone_from(&args.commit);
    config.progress = ProgressLine::Auto;
    config.validate()?;
    // Before minutes of measuring.
    std::fs::create_dir_all(&args.out)
        .map_err(|source| LoadError::File { path: args.out.clone(), source })?;

    if !args.json {
        show(HEADINGS);
    }
    let report = capacity::capacity(&campus, &config, |step| {
        if !args.json {
            show(&step_text(step));
        }
    })?;
    report.write(&args.out)?;
    write_capacity_page(&args.out, &report)?;
    if args.json {
        show(&json_text(&report)?);
    } else {
        show(&found_text(&report));
        show(&format!("page: {}", args.out.join(CAPACITY_PAGE_NAME).display()));
    }
    Ok(report.failures())
}

const HEADINGS: &str =
    "phase         offered/s   debits/s    p50 ms      p99    p99.9      max   lag p99.9   hiccup";

fn step_text(step: &StepReport) -> String {
    let ms = |value_ns: u64| value_ns as f64 / 1e6;
    let verdict = match step.verdict {
        Verdict::Held => "held".to_owned(),
        Verdict::Missed => format!("missed: {}", step.reasons.join("; ")),
        Verdict::Void => format!("void: {}", step.reasons.join("; ")),
    };
    format!(
        "{:<12} {:>10.0} {:>10.0} {:>9.3} {:>8.3} {:>8.3} {:>8.2} {:>11.3} {:>8.2}   {verdict}",
        step.phase.name(),
        step.offered_per_s,
        step.debits_per_s,
        ms(step.latency.p50_ns),
        ms(step.latency.p99_ns),
        ms(step.latency.p999_ns),
        ms(step.latency.max_ns),
        ms(step.lag.p999_ns),
        ms(step.hiccups.late.max_ns),
    )
}

fn found_text(report: &CapacityReport) -> String {
    let mut lines = Vec::new();
    if let Some(found) = &report.found {
        let ms = |value_ns: f64| value_ns / 1e6;
        lines.push(format!(
            "capacity: {:.0} requests/s offered hold {}; {} of {} runs held",
            found.rate_per_s,
            report.objectives_text(),
            found.held,
            found.runs
        ));
        lines.push(format!(
            "          {:.0} debits/s ({:.0} to {:.0}); p50 {:.2} ms, p99 {:.2} ({:.2} to {:.2}), p99.9 {:.2} ({:.2} to {:.2}), \
             max {:.2} ({:.2} to {:.2})",
            found.debits_per_s.median,
            found.debits_per_s.min,
            found.debits_per_s.max,
            ms(found.p50_ns.median),
            ms(found.p99_ns.median),
            ms(found.p99_ns.min),
            ms(found.p99_ns.max),
            ms(found.p999_ns.median),
            ms(found.p999_ns.min),
            ms(found.p999_ns.max),
            ms(found.max_ns.median),
            ms(found.max_ns.min),
            ms(found.max_ns.max),
        ));
        lines.push(match found.bound {
            capacity::Bound::Server => "          above it the server misses an objective".to_owned(),
            capacity::Bound::Generator => {
                "          above it the GENERATOR can't play the rate: the server's limit isn't known"
                    .to_owned()
            }
            capacity::Bound::RateMax => "          it wasn't to be tried higher".to_owned(),
        });
    }
    if let Some(why) = &report.metrics_error {
        lines.push(format!("stage times not fetched: {why}"));
    }
    lines.join("\n")
}
