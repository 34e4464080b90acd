//! `yika rush`: a lunch from nothing, end to end, with the server killed in the middle.
//!
//! ```text
//! campus ─▶ server (own process) ─▶ top-ups ─▶ lunch ──┬──▶ check through the protocol ─▶ clean stop
//!                                                kill ─┴─ restart              verify, settle, report
//! ```
//!
//! While the tills sell, counters hand out cards and take cash, and phones top up and look at their bills: what a canteen's day
//! has, pressed into its lunch.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use loadgen::campus::Campus;
use loadgen::check::{Baseline, CheckReport, check};
use loadgen::config::{RunConfig, SECOND_NS, TillTimers, WarmUpConfig};
use loadgen::guide::rows_text;
use loadgen::outcome_log::OutcomeLog;
use loadgen::profile::{CanteenDayConfig, ProfileConfig};
use loadgen::progress::RunControl;
use loadgen::report::{RunReport, WarmUpReport};
use protocol::terminal_kind::TerminalKind;
use serde::Serialize;
use wal::LogReader;

use super::books::close_business_date;
use super::import::campus_of;
use super::server_process::{ServerProcess, StageLine, Started, sizes_for};
use super::{CliResult, Durability, RushArgs};
use crate::audit::{self, AuditOptions, AuditReport};
use crate::data_dir::DataDir;
use crate::import::apply;
use crate::import::campus::{
    CampusFile, ClockMinute, MealPeriodEntry, MerchantEntry, OperatorEntry, TerminalEntry,
};
use crate::import::roster::{Roster, RosterLine, TextEncoding};
use crate::opened_books::{OpenOptions, OpenedBooks};
use crate::settlement::{self, SettlementReport};

/// Merchants of a made-up campus: its canteens.
const MERCHANTS: u32 = 8;
/// Gateways of the phone app. They top the holders up first.
const GATEWAYS: u32 = 16;
/// Service counters.
const COUNTERS: u32 = 8;
/// Operators of the card centre, of finance, and administrators.
const CARD_CENTRE: usize = 2;
const FINANCE: usize = 2;
const ADMINISTRATORS: usize = 1;
/// First numbers of tills, counters, gateways and operators.
const FIRST_TILL: u32 = 1_001;
const FIRST_COUNTER: u32 = 80_001;
const FIRST_GATEWAY: u32 = 90_001;
const FIRST_OPERATOR: u32 = 95_001;
/// What every holder is topped up with, fen.
const TOP_UP_FEN: i64 = 10_000;
/// The tills wait this many times shorter than real ones: 0.3 s for an answer.
const TIMERS_DIVIDED_BY: u64 = 10;
/// Ports that a rush's server may take.
const PORTS: Range<u16> = 27_401..27_601;
/// Where a rush without `--data` leaves everything.
const DEFAULT_FOLDER: &str = "target/rush";

/// Everything a rush found.
#[derive(Serialize)]
struct RushReport {
    accounts: u32,
    cards: usize,
    conflicts: Vec<String>,
    warm_up: WarmUpReport,
    started: Started,
    restarted: Started,
    run: RunReport,
    check: CheckReport,
    stages: Vec<StageLine>,
    log: LogUse,
    audit: AuditReport,
    settlement: PathBuf,
    folder: PathBuf,
    failures: Vec<String>,
}

/// What the log took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct LogUse {
    blocks: u64,
    records: u64,
    record_bytes: u64,
    block_bytes: u64,
    debits: u64,
    /// Bytes of the debits' record groups (a load inside a tap is one), without padding.
    bytes_per_debit: f64,
}

pub(super) fn rush(args: &RushArgs) -> CliResult {
    let folder = folder(args)?;
    let data_dir = args.data.clone().unwrap_or_else(|| folder.join("data"));
    let (campus, accounts, cards, conflicts) = make_campus(args, &data_dir)?;
    println!(
        "campus    {accounts} accounts, {cards} cards, {} tills, {} counters, {} gateways, {} operators; data in {}",
        campus.tills.len(),
        campus.counters.len(),
        campus.gateways.len(),
        campus.card_centre.len() + campus.finance.len() + campus.administrators.len(),
        data_dir.display()
    );
    for conflict in &conflicts {
        println!("          conflict: {conflict}");
    }

    let durability = match args.durability {
        Durability::Through => "through",
        Durability::Map => "map",
    };
    let listen = free_address()?;
    let mut server = ServerProcess::start(&data_dir, listen, durability, accounts)?;
    let campus = Campus { address: server.address(), ..campus };
    println!("server    process {} on {}", server.id(), server.address());

    let mut outcomes = OutcomeLog::new();
    let warm_up = loadgen::warm_up::warm_up(&campus, &warm_up_config(args), &mut outcomes)?;
    println!("top-ups   {} of ¥{} at {:.0}/s", warm_up.topped_up, TOP_UP_FEN / 100, warm_up.top_ups_per_s);

    let started = server.started().clone();
    let (run, server_after, restarted) = lunch(args, &campus, server, &mut outcomes, &folder, |address| {
        ServerProcess::start(&data_dir, address, durability, accounts)
    })?;
    server = server_after;
    println!("kill      SIGKILL mid-lunch, started again on the same address while the tills kept retrying");
    let check = check(&run.campus_left, &outcomes, &Baseline::default())?;
    let stages = server.stop()?;

    let audit = close_and_audit(&data_dir, accounts)?;
    let settlement = settle(&data_dir, &folder)?;
    let log = log_use(&data_dir, &audit)?;
    let mut failures = run.failures();
    failures.extend(check.failures());
    if warm_up.refused > 0 {
        failures.push(format!("{} top-ups were refused", warm_up.refused));
    }
    if !audit.ok {
        failures.push(format!("the audit found {} violations", audit.violations_total));
    }
    let report = RushReport {
        accounts,
        cards,
        conflicts,
        warm_up,
        started,
        restarted,
        run,
        check,
        stages,
        log,
        audit,
        settlement: settlement.folder,
        folder,
        failures,
    };
    finish(&report, args.json)
}

/// The folder for reports; an earlier default one is cleared away.
fn folder(args: &RushArgs) -> Result<PathBuf, Box<dyn std::error::Error>> {
    if let Some(data) = &args.data {
        if data.join("FORMAT").exists() {
            return Err(format!(
                "{}: there are books here already; a rush starts from nothing, give it another --data",
                data.display()
            )
            .into());
        }
        return Ok(data.with_extension("rush"));
    }
    let folder = PathBuf::from(DEFAULT_FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {e}", folder.display()).into())
        }
        _ => Ok(folder),
    }
}

type MadeCampus = (Campus, u32, usize, Vec<String>);

fn make_campus(args: &RushArgs, data_dir: &Path) -> Result<MadeCampus, Box<dyn std::error::Error>> {
    let roster = match &args.roster {
        Some(file) => Roster::read(file, TextEncoding::Auto)?,
        None => made_up_roster(args.holders),
    };
    let data = DataDir::create_or_open(data_dir)?;
    let master_key = data.master_key()?;
    let options = OpenOptions { sizes: sizes_for(roster.holders.len() as u32), ..OpenOptions::default() };
    let (books, _) = OpenedBooks::open(data, &options)?;
    apply::campus(books.engine(), &made_up_campus(args.tills))?;
    let imported = apply::holders(books.engine(), &roster)?;
    let (state, _) = books.engine().copy_state();
    let address = "127.0.0.1:0".parse().expect("a constant address");
    let campus = campus_of(&state, &master_key, address);
    let (accounts, cards) = (state.registry.accounts(), state.directory.cards());
    books.close()?;
    Ok((campus, accounts, cards, imported.conflicts))
}

/// A free address with a port that the system doesn't give to clients: a till that reconnects while the server is
/// down could else be given the server's own port and meet itself there.
fn free_address() -> Result<SocketAddr, String> {
    PORTS
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .ok_or_else(|| format!("no free port from {} to {}", PORTS.start, PORTS.end - 1))
}

fn made_up_roster(holders: u32) -> Roster {
    let holder = |index: u32| RosterLine {
        line: u64::from(index) + 2,
        student_no: format!("{}", 2_600_000 + index),
        card_uid: Some(protocol::ids::CardUid(20_000_000 + u64::from(index) * 37)),
        class: None,
        password: None,
    };
    Roster { holders: (0..holders).map(holder).collect(), conflicts: Vec::new() }
}

fn made_up_campus(tills: u32) -> CampusFile {
    let terminal = |id: u32, index: u32, kind| TerminalEntry { id, merchant: 1 + index % MERCHANTS, kind };
    let period = |name: &str, start: u16, end: u16| MealPeriodEntry {
        name: name.to_owned(),
        start: ClockMinute(start * 60),
        end: ClockMinute(end * 60),
    };
    CampusFile {
        merchants: (1..=MERCHANTS).map(|id| MerchantEntry { id, name: format!("第{id}食堂") }).collect(),
        terminals: (0..tills)
            .map(|i| terminal(FIRST_TILL + i, i, TerminalKind::PointOfSale))
            .chain((0..COUNTERS).map(|i| terminal(FIRST_COUNTER + i, i, TerminalKind::Counter)))
            .chain((0..GATEWAYS).map(|i| terminal(FIRST_GATEWAY + i, i, TerminalKind::PhoneGateway)))
            .collect(),
        operators: (FIRST_OPERATOR..)
            .zip(
                [TerminalKind::CardCentre; CARD_CENTRE]
                    .into_iter()
                    .chain([TerminalKind::Finance; FINANCE])
                    .chain([TerminalKind::Administrator; ADMINISTRATORS]),
            )
            .map(|(id, role)| OperatorEntry { id, role, enabled: true })
            .collect(),
        meal_periods: vec![period("breakfast", 6, 10), period("lunch", 10, 15), period("dinner", 15, 21)],
        ..CampusFile::default()
    }
}

fn warm_up_config(args: &RushArgs) -> WarmUpConfig {
    WarmUpConfig {
        amount_fen: TOP_UP_FEN,
        order_prefix: format!("rush-{}", args.seed % 100_000_000),
        tills_signed_in: 0,
        answer_timeout_ns: 10 * SECOND_NS,
    }
}

/// Plays the lunch, with the server killed halfway through and started again on the same address.
fn lunch(
    args: &RushArgs,
    campus: &Campus,
    server: ServerProcess,
    outcomes: &mut OutcomeLog,
    folder: &Path,
    restart: impl FnOnce(SocketAddr) -> Result<ServerProcess, String> + Send,
) -> Result<(RunReport, ServerProcess, Started), Box<dyn std::error::Error>> {
    let duration_ns = args.seconds.max(2) * SECOND_NS;
    let profile = ProfileConfig::CanteenDay(Box::new(CanteenDayConfig::lunch_hour(duration_ns)));
    // The lunch is compressed, and so are the tills' timers: a lost answer would else cost half of it.
    let timers = TillTimers::default().divided(TIMERS_DIVIDED_BY);
    let config = RunConfig { timers, out_dir: Some(folder.to_owned()), ..RunConfig::new(profile, args.seed) };
    let control = RunControl::new();
    let address = server.address();
    thread::scope(|scope| {
        let watched = control.clone();
        let killer = scope.spawn(move || -> Result<(ServerProcess, Started), String> {
            wait_for_half(&watched, duration_ns);
            server.kill()?;
            let server = restart(address)?;
            let started = server.started().clone();
            Ok((server, started))
        });
        let run = loadgen::drive::run(campus, &config, &control, outcomes);
        let (server, restarted) = killer.join().map_err(|_| "the watcher of the run panicked")??;
        Ok((run?, server, restarted))
    })
}

/// Returns when half of the lunch is over, or the run has ended before.
fn wait_for_half(control: &RunControl, duration_ns: u64) {
    let give_up = Instant::now() + Duration::from_nanos(duration_ns) + Duration::from_secs(120);
    while Instant::now() < give_up {
        let progress = control.progress();
        if progress.elapsed_ns >= duration_ns / 2 || progress.ended == 1 {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Closes the business date on the stopped server's books, then audits the log.
fn close_and_audit(data_dir: &Path, accounts: u32) -> Result<AuditReport, Box<dyn std::error::Error>> {
    let options = OpenOptions { sizes: sizes_for(accounts), ..OpenOptions::default() };
    close_business_date(data_dir, &options)?;
    Ok(audit::verify(data_dir, &AuditOptions::default())?)
}

/// Settles the newest closed date.
fn settle(data_dir: &Path, folder: &Path) -> Result<SettlementReport, Box<dyn std::error::Error>> {
    let date = super::books::last_closed_date(data_dir)?;
    Ok(settlement::settle(data_dir, date, &folder.join("settlement"))?)
}

fn log_use(data_dir: &Path, audit: &AuditReport) -> Result<LogUse, wal::WalError> {
    let mut log = LogUse::default();
    for block in LogReader::open_offline(data_dir)?.blocks() {
        let block = block?;
        log.blocks += 1;
        log.records += u64::from(block.record_count);
        log.record_bytes += u64::from(block.record_bytes);
        log.block_bytes += u64::from(block.page_count) * wal::PAGE_BYTES as u64;
    }
    let count = |kind: &str| audit.records_by_kind.get(kind).copied().unwrap_or(0);
    log.debits = count("debit");
    log.bytes_per_debit = (96 * (count("debit") + count("load"))) as f64 / log.debits.max(1) as f64;
    Ok(log)
}

fn finish(report: &RushReport, json: bool) -> CliResult {
    let failed = !report.failures.is_empty();
    let path = report.folder.join("rush.json");
    let text = serde_json::to_string_pretty(report)?;
    fs::write(&path, &text).map_err(|e| format!("{}: {e}", path.display()))?;
    if json {
        println!("{text}");
    } else {
        print!("{}", words(report));
        println!("report    {}", path.display());
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn words(report: &RushReport) -> String {
    let ms = |ns: u64| ns as f64 / 1e6;
    let RunReport { counts, latency, latency_undisturbed, hiccups, .. } = &report.run;
    let mut text = String::new();
    let mut line =
        |name: &str, rest: String| writeln!(text, "{name:<10}{rest}").expect("writing to a string");
    line(
        "served",
        format!(
            "{} people, {:.0} debits/s; {} offline sales uploaded, {} retries, {} reversals, {} refused",
            report.run.people_served,
            report.run.debits_per_s,
            counts.uploaded,
            counts.retries,
            counts.reversed,
            counts.refused
        ),
    );
    for (name, of, latency) in
        [("latency", "all             ", latency), ("", "undisturbed till", latency_undisturbed)]
    {
        line(
            name,
            format!(
                "{of}   p50 {:.2} ms   p90 {:.2}   p99 {:.2}   p99.9 {:.2}   p99.99 {:.2}   (from intended start)",
                ms(latency.p50_ns),
                ms(latency.p90_ns),
                ms(latency.p99_ns),
                ms(latency.p999_ns),
                ms(latency.p9999_ns)
            ),
        );
    }
    line(
        "hiccups",
        format!(
            "p99 {:.2} ms   p99.9 {:.2}   max {:.2}   (how late the machine woke an idle thread)",
            ms(hiccups.late.p99_ns),
            ms(hiccups.late.p999_ns),
            ms(hiccups.late.max_ns)
        ),
    );
    for (place, row) in rows_text(&report.run.rows).into_iter().enumerate() {
        line(if place == 0 { "outcomes" } else { "" }, row);
    }
    if let Some(slowest) = report.stages.iter().max_by(|a, b| a.mean_us.total_cmp(&b.mean_us)) {
        line(
            "slowest",
            format!(
                "{} with {:.0} µs on average, p99.9 {:.0} µs",
                slowest.stage, slowest.mean_us, slowest.p999_us
            ),
        );
    }
    line(
        "log",
        format!(
            "{:.0} bytes per debit; {} records in {} blocks, {:.1} MiB with padding",
            report.log.bytes_per_debit,
            report.log.records,
            report.log.blocks,
            report.log.block_bytes as f64 / f64::from(1 << 20)
        ),
    );
    line("recovery", format!("{}", report.restarted));
    let balanced = report.audit.ok && report.audit.holdings.sum_fen == 0;
    line(
        "check",
        format!(
            "{} acknowledged outcomes and {} balances asked for again",
            report.check.acknowledged, report.check.balances_checked
        ),
    );
    line(
        "",
        format!(
            "{} lost · {} doubled · {}",
            report.check.lost,
            report.check.doubled,
            if balanced { "books balance" } else { "BOOKS DON'T BALANCE" }
        ),
    );
    for failure in &report.failures {
        line("FAILED", failure.clone());
    }
    for example in &report.check.examples {
        line("", example.clone());
    }
    line("settled", report.settlement.display().to_string());
    text
}
