//! The studies: one thing grows, everything else stays.

use std::path::Path;
use std::time::Duration;

use benches::error::PeersError;
use benches::system::{ClosedLoad, OpenLoad, System, Traffic};
use benches::yika::Yika;
use engine::limits::books::BooksSpec;
use engine::limits::ledger_alone::{BATCH, LedgerAlone};
use engine::limits::report::{Grouped, rates};
use engine::limits::spread::Spread;
use engine::opened_books::LogBackEnd;

use crate::in_process::{self, Setting};
use crate::record_sizes;
use crate::scaling::{Point, Scaling};
use crate::table::Table;
use benches::void::Void;

/// Shards of the ledger alone: as many as a server has.
const SHARDS: usize = 4;
/// Tills of the latency study: as many as half load is measured with elsewhere.
const LATENCY_TILLS: u32 = 256;
/// The p99.9 at half load with the most accounts over that with the fewest: at most this.
const LATENCY_RATIO_GOAL: f64 = 1.2;
/// Cores that a prediction is written down for.
const PREDICTED_CORES: [f64; 2] = [16.0, 64.0];
/// Debits of a batch in the studies without sockets.
const IN_PROCESS_BATCH: u16 = 64;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Rounds; each figure is the median of them.
    pub rounds: u32,
    /// Each run, measured.
    pub measure: Duration,
    /// Numbers of accounts, rising.
    pub accounts: Vec<u32>,
    /// Numbers of tills, rising.
    pub tills: Vec<u32>,
    /// Debits of the ledger alone in each round.
    pub ledger_debits: u64,
    /// Offered in the latency study, debits a second; half of what the fewest accounts complete when left out.
    pub rate_per_s: Option<f64>,
}

fn say(what: &str) {
    eprintln!("growth: {what}");
}

fn served(folder: &Path, accounts: u32, tills: u32) -> Yika {
    let back_end = LogBackEnd::Through;
    Yika::new(folder.join("served"), BooksSpec { accounts, tills: tills as u16, debits: 0, back_end })
}

fn milliseconds(spread: Spread) -> String {
    format!("{:.2} ({:.2}–{:.2})", spread.median, spread.lowest, spread.highest)
}

/// The ledger alone, in batches and one at a time, with more and more accounts.
///
/// # Errors
/// The ledger refuses what it shouldn't.
pub fn ledger(extent: &Extent) -> Result<Table, PeersError> {
    let columns =
        ["accounts", "debits/s, batches of 64", "÷ fair loop", "debits/s, one at a time", "÷ fair loop"];
    let mut table = Table::new("Accounts: the ledger alone, one thread's processor time", &columns);
    for &accounts in &extent.accounts {
        let mut ledger = LedgerAlone::new(accounts, SHARDS, 1)?;
        ledger.debits::<BATCH>(extent.ledger_debits / 10)?;
        let mut rounds = Vec::new();
        for _ in 0..extent.rounds {
            rounds.push(ledger.round(extent.ledger_debits)?);
        }
        let of = |figure: &dyn Fn(&engine::limits::ledger_alone::LedgerRound) -> f64| {
            Spread::of(rounds.iter().map(figure))
        };
        say(&format!("ledger alone, {accounts} accounts"));
        table.row(
            vec![
                Grouped(accounts.into()).to_string(),
                rates(of(&|round| round.debits_64)),
                format!("{:.2}", of(&|round| round.debits_64 / round.fair_64).median),
                rates(of(&|round| round.debits_1)),
                format!("{:.2}", of(&|round| round.debits_1 / round.fair_1).median),
            ],
            Vec::new(),
        );
    }
    Ok(table)
}

/// Latency at one rate, half of what the fewest accounts complete, with more and more accounts.
///
/// # Errors
/// A server or the load generator breaks.
pub fn latency(folder: &Path, extent: &Extent) -> Result<Table, PeersError> {
    let fewest = extent.accounts.first().copied().unwrap_or(1).max(LATENCY_TILLS);
    let rate_per_s = match extent.rate_per_s {
        Some(rate_per_s) => rate_per_s,
        None => {
            let load = closed_load(LATENCY_TILLS, extent, 0);
            served(folder, fewest, LATENCY_TILLS).closed(&load)?.per_s / 2.0
        }
    };
    let columns = ["accounts", "p50 ms", "p99 ms", "p99.9 ms"];
    let title = format!(
        "Accounts: {LATENCY_TILLS} tills, open loop, {} debits/s intended, from the intended start",
        Grouped(rate_per_s)
    );
    let mut table = Table::new(title, &columns);
    let mut p999 = Vec::new();
    for &accounts in &extent.accounts {
        let mut runs = Vec::new();
        let mut void = Vec::new();
        for round in 0..extent.rounds {
            let load = OpenLoad {
                tills: LATENCY_TILLS,
                traffic: Traffic::Poisson(rate_per_s),
                measure: extent.measure,
                round,
            };
            let run = served(folder, accounts.max(LATENCY_TILLS), LATENCY_TILLS).open(&load)?;
            say(&format!(
                "{accounts} accounts, round {}: p99.9 {:.2} ms",
                round + 1,
                run.latency.p999_ns as f64 / 1e6
            ));
            void.extend(run.void.iter().cloned());
            // Not a load but a queue, which only grows.
            if u128::from(run.latency.p50_ns) > extent.measure.as_nanos() {
                let reason =
                    "the rate couldn't be generated and answered: half of it took longer than the run";
                void.push(Void::Unplayed(reason.to_owned()));
            }
            runs.push(run);
        }
        let of = |figure: &dyn Fn(&benches::system::OpenRun) -> u64| {
            Spread::of(runs.iter().map(|run| figure(run) as f64 / 1e6))
        };
        let at_p999 = of(&|run| run.latency.p999_ns);
        p999.push((void.is_empty(), at_p999.median));
        let cells = vec![
            Grouped(accounts.into()).to_string(),
            milliseconds(of(&|run| run.latency.p50_ns)),
            milliseconds(of(&|run| run.latency.p99_ns)),
            milliseconds(at_p999),
        ];
        table.row(cells, void);
    }
    if let (Some(&(true, few)), Some(&(true, many))) = (p999.first(), p999.last()) {
        let ratio = many / few;
        let met = if ratio <= LATENCY_RATIO_GOAL { "met" } else { "missed" };
        table.note(format!(
            "p99.9 with the most accounts ÷ with the fewest: {ratio:.2}, goal ≤ {LATENCY_RATIO_GOAL}: {met}"
        ));
    }
    Ok(table)
}

fn closed_load(connections: u32, extent: &Extent, round: u32) -> ClosedLoad {
    ClosedLoad { connections, settle: Duration::from_millis(300), measure: extent.measure, round }
}

/// Durable debits a second with more and more tills, one request in flight each.
///
/// # Errors
/// A server or the load generator breaks.
pub fn tills(folder: &Path, extent: &Extent) -> Result<Table, PeersError> {
    let columns = ["tills", "durable debits/s", "p50 ms", "p99 ms", "processor µs each", "by the law"];
    let mut table = Table::new("Tills: closed loop, every debit durable before its answer", &columns);
    let accounts = extent
        .tills
        .last()
        .copied()
        .unwrap_or(1)
        .max(100_000_u32.min(extent.accounts[extent.accounts.len() - 1]));
    let mut points: Vec<Point> = Vec::new();
    let mut found = Vec::new();
    for &tills in &extent.tills {
        let mut runs = Vec::new();
        for round in 0..extent.rounds {
            let run = served(folder, accounts, tills).closed(&closed_load(tills, extent, round))?;
            say(&format!("{tills} tills, round {}: {:.0}/s", round + 1, run.per_s));
            runs.push(run);
        }
        let void: Vec<Void> = runs.iter().flat_map(|run| run.void.iter().cloned()).collect();
        let per_s = Spread::of(runs.iter().map(|run| run.per_s));
        if void.is_empty() {
            points.push((tills.into(), per_s.median));
        }
        let of =
            |figure: &dyn Fn(&benches::system::ClosedRun) -> f64| Spread::of(runs.iter().map(figure)).median;
        let cells = vec![
            Grouped(tills.into()).to_string(),
            rates(per_s),
            format!("{:.2}", of(&|run| run.latency.p50_ns as f64 / 1e6)),
            format!("{:.2}", of(&|run| run.latency.p99_ns as f64 / 1e6)),
            format!("{:.1}", of(&|run| run.processor_us)),
        ];
        found.push((tills, cells, void));
    }
    let law = Scaling::fit(&points);
    for (tills, mut cells, void) in found {
        cells.push(law.map_or_else(String::new, |law| Grouped(law.rate(tills.into())).to_string()));
        table.row(cells, void);
    }
    if let Some(law) = law {
        table.note(words(&law));
    }
    Ok(table)
}

fn words(law: &Scaling) -> String {
    let peak = law.peak().map_or_else(String::new, |peak| format!(", most at {}", Grouped(peak)));
    format!(
        "Universal Scalability Law: λ = {}/s, σ = {:.4}, κ = {:.2e}{peak}",
        Grouped(law.lambda),
        law.sigma,
        law.kappa
    )
}

/// Shards and the threads that decide, on files in memory: what the locks cost, without a disk.
///
/// # Errors
/// The engine's.
pub fn shards(memory: &Path, extent: &Extent) -> Result<Table, PeersError> {
    let columns = ["shards × workers", "durable debits/s", "debits a block"];
    let title =
        "Shards: decided inline in batches of 64, each durable before the next; files in memory, no socket";
    let mut table = Table::new(title, &columns);
    for shards in [1, 2, 4] {
        let mut points: Vec<Point> = Vec::new();
        for workers in [1, 2] {
            let setting = Setting {
                shards,
                workers,
                batch: IN_PROCESS_BATCH,
                delay: Duration::ZERO,
                measure: extent.measure,
            };
            let per_s =
                in_process_row(&mut table, memory, extent, &setting, format!("{shards} × {workers}"))?;
            points.push((workers.into(), per_s));
        }
        if let Some(law) = Scaling::fit(&points) {
            let predicted: Vec<String> =
                PREDICTED_CORES.iter().map(|&n| format!("{n} threads {}/s", Grouped(law.rate(n)))).collect();
            table.note(format!(
                "{shards} shards, from 1 and 2 threads: σ = {:.2}; on paper {}",
                law.sigma,
                predicted.join(", ")
            ));
        }
    }
    Ok(table)
}

/// Sync times: the same with a disk that takes longer.
///
/// # Errors
/// The engine's.
pub fn sync_times(memory: &Path, extent: &Extent) -> Result<Table, PeersError> {
    let columns = ["added to each write", "durable debits/s", "debits a block"];
    let title =
        "Sync times: 4 shards, 2 workers, batches of 64; files in memory, and a wait in each durable write";
    let mut table = Table::new(title, &columns);
    for micros in [0, 100, 1_000, 5_000] {
        let delay = Duration::from_micros(micros);
        let setting =
            Setting { shards: SHARDS, workers: 2, batch: IN_PROCESS_BATCH, delay, measure: extent.measure };
        in_process_row(&mut table, memory, extent, &setting, format!("{} ms", micros as f64 / 1e3))?;
    }
    Ok(table)
}

/// Adds a row of rounds; gives the median rate.
fn in_process_row(
    table: &mut Table,
    memory: &Path,
    extent: &Extent,
    setting: &Setting,
    what: String,
) -> Result<f64, PeersError> {
    let mut rounds = Vec::new();
    for _ in 0..extent.rounds {
        rounds.push(in_process::run(&memory.join("books"), setting)?);
    }
    let per_s = Spread::of(rounds.iter().map(|came| came.per_s));
    say(&format!("{setting:?}: {:.0}/s", per_s.median));
    let void = rounds.iter().flat_map(|came| came.void.iter().cloned()).collect();
    let per_block = Spread::of(rounds.iter().map(|came| came.per_block)).median;
    table.row(vec![what, rates(per_s), format!("{per_block:.0}")], void);
    Ok(per_s.median)
}

/// Record sizes: the log alone.
///
/// # Errors
/// The log's.
pub fn records(folder: &Path, extent: &Extent) -> Result<Table, PeersError> {
    let columns = ["group", "records × bytes of payload", "durable groups/s", "MB/s of payload"];
    let mut table = Table::new("Record sizes: the log alone, 64 groups made durable at a time", &columns);
    for (number, size) in record_sizes::SIZES.into_iter().enumerate() {
        let mut rounds = Vec::new();
        let mut void = Vec::new();
        for round in 0..extent.rounds {
            let log = folder.join(format!("records-{number}-{round}"));
            let (per_s, wrong) = record_sizes::run(&log, size, extent.measure)?;
            std::fs::remove_dir_all(&log).map_err(PeersError::file(&log))?;
            rounds.push(per_s);
            void.extend(Void::wrongs(wrong));
        }
        let per_s = Spread::of(rounds);
        say(&format!("{}: {:.0} groups/s", size.what, per_s.median));
        let megabytes = per_s.median * (size.records * size.payload_bytes) as f64 / 1e6;
        let cells = vec![
            size.what.to_owned(),
            format!("{} × {}", size.records, size.payload_bytes),
            rates(per_s),
            format!("{megabytes:.0}"),
        ];
        table.row(cells, void);
    }
    Ok(table)
}
