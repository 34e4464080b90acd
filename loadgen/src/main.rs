//! `loadgen`: plays a campus's tills against a running server.

mod command;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use loadgen::config::{MILLISECOND_NS, SECOND_NS};
use loadgen::guide::rows_text;
use loadgen::{
    Baseline, Campus, CanteenDayConfig, CheckReport, ConstantConfig, LatencySummary, LoadError, LunchConfig,
    OutcomeLog, PoissonConfig, ProfileConfig, ProgressLine, RunConfig, RunControl, RunReport, SalesMix,
    StormConfig, TillTimers, TraceConfig, WarmUpConfig,
};

const EXAMPLES: &str = "\
Examples:
  # A lunch of 20 s on all tills of the campus; every holder gets ¥200 first:
  loadgen run lunch --campus campus.json --top-up 20000 --out report/

  # A day with breakfast, lunch and dinner, counters and the phone app, in a minute:
  loadgen run canteen-day --campus campus.json --top-up 10000 --timers-divided-by 10 --out report/

  # 20,000 debits a second for a minute, as a Poisson process, 1,000 tills:
  loadgen run poisson --campus campus.json --rate 20000 --duration 60 --tills 1000

  # Every till comes back at once with 500 to 2,000 stored sales, beside 500 live debits a second:
  loadgen run storm --campus campus.json --rate 500 --duration 30

  # Real traffic, 60 times faster than it was:
  loadgen replay trace.csv --campus campus.json --speed 60

  # The highest rate at which 99.9 % of the sales are answered within 10 ms; plots in capacity/capacity.html:
  yika practice --data books --tills 1000 --holders 30000 --out campus.json
  yika serve --data books --metrics 127.0.0.1:7402 &
  loadgen capacity --campus campus.json --metrics 127.0.0.1:7402 --slo p99.9=10ms --out capacity

  # Ten minutes at half of it; memory and stalls judged; plots in soak/soak.html:
  loadgen soak --campus campus.json --metrics 127.0.0.1:7402 --capacity capacity/capacity.json --out soak

  # Ask the server again for everything that an earlier run wrote down:
  loadgen check report/outcomes.csv --campus campus.json

The campus file is JSON with the server's address, the tills and their keys, and the holders; the server's tools
write it. A run fails (exit code 1) when more than 0.1 % of the intended requests couldn't be sent, when an outcome
stays unknown, or when the check finds anything; a capacity search also when no rate holds the objectives, a soak
also when memory grows or a stall isn't the machine's. Exit code 2: it couldn't be carried out.";

#[derive(Parser)]
#[command(version, about = "Plays a campus's tills against a Yika server, measures, and checks it", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play a profile.
    Run(RunArgs),
    /// Replay a trace: a CSV file with a header and at least CardNo, Date, Money and TermNo, in UTF-8 or GBK.
    Replay(ReplayArgs),
    /// Check a server against the outcomes of an earlier run.
    Check(CheckArgs),
    /// Find the highest rate at which a server keeps its objectives, and write a page with plots.
    Capacity(command::capacity::CapacityArgs),
    /// Play one rate for minutes: memory must stay flat, and no stall may be longer than the machine's own and a sync.
    Soak(command::soak::SoakArgs),
}

#[derive(Clone, Copy, ValueEnum)]
enum ProfileName {
    /// A canteen's rush hour, compressed into the duration.
    Lunch,
    /// A fixed rate, evenly spaced.
    Constant,
    /// A Poisson process.
    Poisson,
    /// Every till comes back at once and uploads, while all go on serving.
    Storm,
    /// A canteen's day, compressed into the duration, with its counters and the phone app: everything that the wire has. With
    /// --out it leaves a campus.json with the cards that people have afterwards, and the keys, for the next run against the same
    /// server.
    CanteenDay,
}

#[derive(Args)]
struct RunArgs {
    /// What is played.
    profile: ProfileName,
    /// Requests a second, all tills together (not for lunch and canteen-day: their rate follows from the number of holders).
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// How long, in seconds [default: 20, for canteen-day 60].
    #[arg(long)]
    duration: Option<f64>,
    /// Skew of who comes: 0 everybody alike, 1 the classic Zipf law. Each profile has its own default.
    #[arg(long)]
    zipf: Option<f64>,
    /// Prices, in fen, LOWEST-HIGHEST. Each profile has its own default.
    #[arg(long, value_parser = parse_prices)]
    price: Option<(i64, i64)>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
struct ReplayArgs {
    /// The trace.
    trace: PathBuf,
    /// How many times faster than it happened.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
struct CommonArgs {
    /// The campus file.
    #[arg(long)]
    campus: PathBuf,
    /// The server's address, instead of the campus file's.
    #[arg(long)]
    addr: Option<SocketAddr>,
    /// How many of the campus's tills take part [default: all].
    #[arg(long)]
    tills: Option<u32>,
    /// Everything random comes from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Divide the tills' timers (3 s for an answer, retries after 1 s and 2 s, ...) by this.
    #[arg(long, default_value_t = 1)]
    timers_divided_by: u64,
    /// Records in one upload frame, 1 to 2,000.
    #[arg(long, default_value_t = 500)]
    upload_batch: u32,
    /// Top up every holder with so many fen before the run.
    #[arg(long)]
    top_up: Option<i64>,
    /// Don't check the server afterwards.
    #[arg(long)]
    no_check: bool,
    /// Where report.json, report.html, latency.hgrm, intervals.hlog and outcomes.csv go.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print the report as JSON on standard output.
    #[arg(long)]
    json: bool,
    /// Show the progress line though standard error isn't a terminal.
    #[arg(long)]
    progress: bool,
    /// The commit under test; stands in the report.
    #[arg(long)]
    commit: Option<String>,
}

#[derive(Args)]
struct CheckArgs {
    /// The outcomes.csv of a run, with its baseline.json beside it.
    outcomes: PathBuf,
    /// The campus file: after a canteen-day, the campus.json beside the outcomes, which has the keys of now.
    #[arg(long)]
    campus: PathBuf,
    /// The server's address, instead of the campus file's.
    #[arg(long)]
    addr: Option<SocketAddr>,
    /// Print the report as JSON on standard output.
    #[arg(long)]
    json: bool,
}

fn parse_prices(text: &str) -> Result<(i64, i64), String> {
    let parse = |part: &str| part.trim().parse::<i64>().ok();
    let prices = match text.split_once('-') {
        Some((low, high)) => parse(low).zip(parse(high)),
        None => parse(text).map(|price| (price, price)),
    };
    prices.ok_or_else(|| "write LOWEST-HIGHEST in fen, as in 500-1800".to_owned())
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run(&args),
        Command::Replay(args) => replay(&args),
        Command::Check(args) => check(&args),
        Command::Capacity(args) => command::capacity::run(&args),
        Command::Soak(args) => command::soak::run(&args),
    };
    match result {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            for failure in failures {
                eprintln!("FAILED: {failure}");
            }
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("loadgen: {error}");
            ExitCode::from(2)
        }
    }
}

fn read_campus(path: &Path, address: Option<SocketAddr>) -> Result<Campus, LoadError> {
    let mut campus = Campus::read(path)?;
    if let Some(address) = address {
        campus.address = address;
    }
    Ok(campus)
}

fn run(args: &RunArgs) -> Result<Vec<String>, LoadError> {
    let is_day = matches!(args.profile, ProfileName::CanteenDay);
    let duration_s = args.duration.unwrap_or(if is_day { 60.0 } else { 20.0 });
    if !(duration_s > 0.0 && duration_s <= 604_800.0) {
        return Err(LoadError::Setting {
            name: "duration",
            reason: "must be above 0 and at most a week (604,800 s)".to_owned(),
        });
    }
    let duration_ns = (duration_s * SECOND_NS as f64) as u64;
    let mut sales = SalesMix::default();
    sales.zipf_exponent = args.zipf.unwrap_or(sales.zipf_exponent);
    (sales.price_min_fen, sales.price_max_fen) =
        args.price.unwrap_or((sales.price_min_fen, sales.price_max_fen));
    let rate_per_s = args.rate;
    let profile = match args.profile {
        ProfileName::Lunch => {
            let mut lunch = LunchConfig { duration_ns, ..LunchConfig::default() };
            lunch.zipf_exponent = args.zipf.unwrap_or(lunch.zipf_exponent);
            (lunch.price_min_fen, lunch.price_max_fen) =
                args.price.unwrap_or((lunch.price_min_fen, lunch.price_max_fen));
            lunch.canteen_duration_ns = lunch.canteen_duration_ns.max(duration_ns);
            ProfileConfig::Lunch(lunch)
        }
        ProfileName::Constant => ProfileConfig::Constant(ConstantConfig { rate_per_s, duration_ns, sales }),
        ProfileName::Poisson => ProfileConfig::Poisson(PoissonConfig { rate_per_s, duration_ns, sales }),
        ProfileName::Storm => {
            ProfileConfig::Storm(StormConfig { sales, ..StormConfig::new(rate_per_s, duration_ns) })
        }
        ProfileName::CanteenDay => {
            let mut day = CanteenDayConfig { duration_ns, ..CanteenDayConfig::default() };
            day.zipf_exponent = args.zipf.unwrap_or(day.zipf_exponent);
            for meal in &mut day.meals {
                (meal.price_min_fen, meal.price_max_fen) =
                    args.price.unwrap_or((meal.price_min_fen, meal.price_max_fen));
            }
            ProfileConfig::CanteenDay(Box::new(day))
        }
    };
    play(profile, &read_campus(&args.common.campus, args.common.addr)?, &args.common)
}

fn replay(args: &ReplayArgs) -> Result<Vec<String>, LoadError> {
    let campus = read_campus(&args.common.campus, args.common.addr)?;
    let trace = TraceConfig::read(&args.trace, &campus, args.speed)?;
    play(ProfileConfig::Trace(trace), &campus, &args.common)
}

fn play(profile: ProfileConfig, campus: &Campus, args: &CommonArgs) -> Result<Vec<String>, LoadError> {
    let mut config = RunConfig::new(profile, args.seed);
    config.tills = args.tills;
    config.timers = TillTimers::default().divided(args.timers_divided_by);
    config.upload_batch_records = args.upload_batch;
    config.out_dir.clone_from(&args.out);
    config.commit.clone_from(&args.commit);
    config.progress = if args.progress { ProgressLine::Always } else { ProgressLine::Auto };
    config.validate()?;

    let baseline = if args.no_check { Baseline::new() } else { loadgen::read_baseline(campus)? };
    let mut log = OutcomeLog::new();
    if let Some(amount_fen) = args.top_up {
        // A prefix of its own, so that a second run tops up once more.
        let seconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        let warm_up =
            loadgen::warm_up(campus, &WarmUpConfig::new(amount_fen, &format!("lg{seconds}")), &mut log)?;
        eprintln!(
            "topped up {} holders, {:.0} a second; {} refused",
            warm_up.topped_up, warm_up.top_ups_per_s, warm_up.refused
        );
    }
    let mut report = loadgen::run(campus, &config, &RunControl::new(), &mut log)?;
    if !args.no_check {
        report.check = Some(loadgen::check(&report.campus_left, &log, &baseline)?);
    }
    if let Some(dir) = &args.out {
        loadgen::output::write_report(dir, &report)?;
        loadgen::page::write_run_page(dir, &report)?;
        loadgen::output::write_baseline(dir, &baseline)?;
    }
    if args.json {
        show(&json_text(&report)?);
    } else {
        show(&report_text(&report));
    }
    Ok(report.failures())
}

fn check(args: &CheckArgs) -> Result<Vec<String>, LoadError> {
    let campus = read_campus(&args.campus, args.addr)?;
    let log = OutcomeLog::read(&args.outcomes)?;
    let dir = args.outcomes.parent().unwrap_or(Path::new("."));
    let baseline = loadgen::output::read_baseline_file(dir)?;
    let report = loadgen::check(&campus, &log, &baseline)?;
    if args.json {
        show(&json_text(&report)?);
    } else {
        show(&check_text(&report));
    }
    Ok(report.failures())
}

/// Standard output may be a pipe whose reader has seen enough; that is no fault of the run.
fn show(text: &str) {
    let _shown = writeln!(std::io::stdout(), "{text}");
}

fn json_text(report: &impl serde::Serialize) -> Result<String, LoadError> {
    let text = serde_json::to_string_pretty(report).map_err(|error| LoadError::Report(error.to_string()))?;
    Ok(text)
}

fn report_text(report: &RunReport) -> String {
    let mut lines = Vec::new();
    let counts = &report.counts;
    lines.push(format!(
        "{}: {} tills, seed {}, {:.1} s on {} ({} cpus), kernel {}",
        report.config.profile.name(),
        report.tills,
        report.config.seed,
        report.elapsed_ns as f64 / SECOND_NS as f64,
        report.machine.cpu,
        report.machine.cpus,
        report.machine.kernel
    ));
    lines.push(format!(
        "{} people served, {:.0} debits/s; {} intended, {} sales approved, {} refused, {} deeds done, {} refused, {} given up, \
         {} dropped",
        report.people_served,
        report.debits_per_s,
        counts.intended,
        counts.approved,
        counts.refused,
        counts.deeds_done,
        counts.deeds_refused,
        counts.given_up,
        counts.dropped
    ));
    lines.push(format!("{} retries, {} reversed, {} stored, {} uploaded ({} for review), {} kept, {} disconnects, {} unknown",
        counts.retries,
        counts.reversed,
        counts.stored,
        counts.uploaded,
        counts.uploaded_flagged,
        counts.upload_kept,
        counts.disconnects,
        counts.unknown
    ));
    lines.push(format!(
        "{:<34} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "ms", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max"
    ));
    for (what, latency) in [
        ("approved, from intended start", &report.latency),
        ("  of these at undisturbed tills", &report.latency_undisturbed),
        ("approved, service time", &report.service),
        ("refused, from intended start", &report.latency_refused),
        ("the generator's own lag", &report.lag),
        ("the machine's hiccups", &report.hiccups.late),
    ] {
        if latency.count > 0 {
            lines.push(latency_line(what, latency));
        }
    }
    lines.extend(rows_text(&report.rows));
    for code in &report.transient_by_code {
        lines.push(format!("tried again: {} × {} ({})", code.count, code.name, code.code));
    }
    if let Some(check) = &report.check {
        lines.push(check_text(check));
    }
    if let Some(dir) = &report.config.out_dir {
        lines.push(format!("report: {}", dir.display()));
    }
    lines.join("\n")
}

fn latency_line(what: &str, latency: &LatencySummary) -> String {
    let ms = |value_ns: u64| value_ns as f64 / MILLISECOND_NS as f64;
    format!(
        "{what:<34} {:>10} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3}",
        latency.count,
        ms(latency.p50_ns),
        ms(latency.p90_ns),
        ms(latency.p99_ns),
        ms(latency.p999_ns),
        ms(latency.p9999_ns),
        ms(latency.max_ns)
    )
}

fn check_text(check: &CheckReport) -> String {
    let mut lines = Vec::new();
    lines.push(format!("check: {} acknowledged outcomes asked for again, {} lost, {} doubled, {} changed; {} unknown resolved; \
         {} balances, {} wrong",
        check.acknowledged,
        check.lost,
        check.doubled,
        check.amounts_wrong,
        check.unknown_done + check.unknown_not_done,
        check.balances_checked,
        check.balances_wrong
    ));
    for example in &check.examples {
        lines.push(format!("  {example}"));
    }
    lines.join("\n")
}
