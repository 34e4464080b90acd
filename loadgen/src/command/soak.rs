//! `loadgen soak`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use loadgen::capacity::read_found_rate;
use loadgen::page::{SOAK_PAGE_NAME, write_soak_page};
use loadgen::soak::{SoakConfig, SoakReport, SoakSecond, soak};
use loadgen::{Campus, LoadError};

use super::capacity::ProfileArg;
use super::nanoseconds;
use crate::{json_text, read_campus, show};

#[derive(Args)]
pub struct SoakArgs {
    /// The campus file.
    #[arg(long)]
    campus: PathBuf,
    /// The server's address, instead of the campus file's.
    #[arg(long)]
    addr: Option<SocketAddr>,
    /// The server's metrics address: what `yika serve --metrics` was given.
    #[arg(long, value_name = "ADDRESS")]
    metrics: SocketAddr,
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Requests a second [default: half of the capacity].
    #[arg(long, required_unless_present = "capacity")]
    rate: Option<f64>,
    /// The capacity.json of a search; half of what it found is played unless a rate is given.
    #[arg(long, value_name = "FILE")]
    capacity: Option<PathBuf>,
    /// What is played.
    #[arg(long, value_enum, default_value = "poisson")]
    profile: ProfileArg,
    /// How many of the campus's tills take part [default: all].
    #[arg(long)]
    tills: Option<u32>,
    /// Everything random comes from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The commit under test; stands on the page.
    #[arg(long)]
    commit: Option<String>,
    /// Where soak.json and soak.html go.
    #[arg(long, default_value = "soak", value_name = "DIR")]
    out: PathBuf,
    /// Print the report as JSON on standard output, and no line each second.
    #[arg(long)]
    json: bool,
}

fn rate_per_s(args: &SoakArgs) -> Result<f64, LoadError> {
    match (args.rate, &args.capacity) {
        (Some(rate_per_s), _) => Ok(rate_per_s),
        (None, Some(file)) => Ok((read_found_rate(file)? / 2.0).round()),
        (None, None) => {
            Err(LoadError::Setting { name: "rate", reason: "give a rate or a capacity.json".to_owned() })
        }
    }
}

pub fn run(args: &SoakArgs) -> Result<Vec<String>, LoadError> {
    let campus: Campus = read_campus(&args.campus, args.addr)?;
    let mut config = SoakConfig::new(rate_per_s(args)?, args.seed, args.metrics);
    config.duration_ns = nanoseconds("minutes", args.minutes * 60.0)?;
    config.profile = args.profile.into();
    config.tills = args.tills;
    config.commit.clone_from(&args.commit);
    std::fs::create_dir_all(&args.out)
        .map_err(|source| LoadError::File { path: args.out.clone(), source })?;
    if !args.json {
        show("  second   debits/s    p99.9 ms      max   hiccup   worst sync   server MiB");
    }
    let report = soak(&campus, &config, |second| {
        if !args.json {
            show(&second_text(second));
        }
    })?;
    report.write(&args.out)?;
    write_soak_page(&args.out, &report)?;
    if args.json {
        show(&json_text(&report)?);
    } else {
        show(&report_text(&report));
        show(&format!("page: {}", args.out.join(SOAK_PAGE_NAME).display()));
    }
    Ok(report.failures)
}

fn second_text(second: &SoakSecond) -> String {
    let ms = |value_ns: u64| value_ns as f64 / 1e6;
    let server = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    format!(
        "{:>8.0} {:>10.0} {:>11.3} {:>8.2} {:>8.2} {:>12} {:>12}",
        second.second.from_ns as f64 / 1e9,
        second.second.debits_per_s(),
        ms(second.second.p999_ns),
        ms(second.second.max_ns),
        ms(second.second.hiccup_max_ns),
        server(second.sync_max_ns.map(ms)),
        server(second.resident_bytes.map(|bytes| bytes as f64 / f64::from(1 << 20))),
    )
}

fn report_text(report: &SoakReport) -> String {
    let ms = |value_ns: u64| value_ns as f64 / 1e6;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let (latency, memory, stalls, check) = (&report.latency, &report.memory, &report.stalls, &report.check);
    [
        format!(
            "soak      {:.1} minutes, {:.0} debits/s; p50 {:.2} ms, p99 {:.2}, p99.9 {:.2}, max {:.2}",
            report.elapsed_ns as f64 / 60e9,
            report.debits_per_s,
            ms(latency.p50_ns),
            ms(latency.p99_ns),
            ms(latency.p999_ns),
            ms(latency.max_ns)
        ),
        format!(
            "memory    {}: {:+.2} MiB of {:.0} MiB in the last 80 % (at most {:.1})",
            if memory.flat { "flat" } else { "NOT FLAT" },
            mib(memory.growth_bytes),
            mib(memory.mean_bytes),
            mib(memory.growth_max_bytes)
        ),
        format!(
            "stalls    {} of {} seconds beyond the worst hiccup ({:.2} ms) and that second's worst sync",
            stalls.seconds_beyond,
            stalls.seconds_judged,
            ms(stalls.hiccup_max_ns)
        ),
        format!(
            "check     {} outcomes asked for again, {} lost, {} doubled; {} balances compared, {} wrong",
            check.acknowledged, check.lost, check.doubled, check.balances_checked, check.balances_wrong
        ),
    ]
    .join("\n")
}
