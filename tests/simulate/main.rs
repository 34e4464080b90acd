//! The deterministic simulator: one seed drives clients, network, clock, engine, log and medium, and every way there
//! is to stop. What was acknowledged must be there after every stop, exactly once, and add up.
//!
//! ```text
//! cargo run --release --bin simulate -- --seeds 200
//! cargo run --release --bin simulate -- --seed 4711 --trace
//! ```
//!
//! **What it isn't**: it runs one thread, so it finds no races; the medium's faults are those of
//! [`wal::Simulated`]; snapshots are real files, damaged by hand.
//!
//! **Invariants**
//! - The same seed does the same, step by step: nothing here reads a clock, a thread or a hash's order.
//! - The checks know records' layouts and what the clients sent and were told; they share no state with the ledger.

mod ask;
mod auditor;
mod books;
mod clock;
mod coverage;
mod machine;
mod mishaps;
mod notebook;
mod operator;
mod plant;
mod random;
#[cfg(test)]
mod self_test;
mod shifts;
mod till;
mod town;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use coverage::Coverage;
use plant::Plant;

const USAGE: &str = "\
Runs simulations, one a seed, and says which of them found a violation.

Usage: simulate [--seeds N] [--first-seed S] [--seed S] [--trace] [--plant BUG]

  --seeds N        how many seeds to run (default 100)
  --first-seed S   the first of them (default 1, or YIKA_SEED)
  --seed S         this seed alone
  --trace          say every step on standard error
  --plant BUG      plant a bug, to see it found: answers-early, shows-early, loses-block, pays-twice

The last line is `N seeds, V violations`; with violations the exit code is 1, and each has its seed and the command
that runs it again. Before it stands how often each kind of request was lost, sent twice, came late or behind later
ones, and how often its answer was lost: with 200 seeds or more, none of that may never have happened.";

/// So many seeds must have had every mishap befall every kind of request; with fewer it is chance.
const SEEDS_THAT_MEET_ALL: u64 = 200;

struct Options {
    seeds: u64,
    first_seed: u64,
    trace: bool,
    plant: Plant,
}

fn options(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let first_seed = std::env::var("YIKA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut options = Options { seeds: 100, first_seed, trace: false, plant: Plant::None };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().ok_or(format!("{argument} needs a number"))?;
            text.parse::<u64>().map_err(|_| format!("{argument}: {text} isn't a number"))
        };
        match argument.as_str() {
            "--seeds" => options.seeds = number()?,
            "--first-seed" => options.first_seed = number()?,
            "--seed" => (options.first_seed, options.seeds) = (number()?, 1),
            "--trace" => options.trace = true,
            "--plant" => {
                let name = arguments.next().unwrap_or_default();
                options.plant = Plant::from_name(&name).ok_or(format!("{name} isn't a bug to plant"))?;
            }
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("{argument} isn't an option")),
        }
    }
    Ok(Some(options))
}

/// Runs one seed in a directory of its own for snapshots: in memory where the system has a place for that, since a
/// simulation's power failures don't reach real files anyway.
fn run(seed: u64, plant: Plant, trace: bool) -> Result<Coverage, String> {
    let memory = Path::new("/dev/shm");
    let snapshots = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let snapshots = snapshots.map_err(|error| format!("no directory for snapshots: {error}"))?;
    world::simulate(seed, plant, snapshots.path(), trace)
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(what) => {
            eprintln!("{what}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let mut total = Coverage::default();
    let mut violations = 0;
    for seed in options.first_seed..options.first_seed.saturating_add(options.seeds) {
        match run(seed, options.plant, options.trace) {
            Ok(coverage) => total.add(&coverage),
            Err(what) => {
                violations += 1;
                println!("seed {seed}: {what}");
                println!("  again: cargo run --release --bin simulate -- --seed {seed} --trace");
            }
        }
    }
    for (name, figure) in total.figures() {
        println!("{figure:>10} {name}");
    }
    let seconds = begun.elapsed().as_secs_f64();
    for line in total.mishaps.lines() {
        println!("{line}");
    }
    let never = total.mishaps.never();
    let expects_all = options.seeds >= SEEDS_THAT_MEET_ALL && options.plant == Plant::None;
    if expects_all && !never.is_empty() {
        println!("never happened: {}", never.join(", "));
    }
    println!("{:.0} seeds/s", options.seeds as f64 / seconds);
    println!("{} seeds, {violations} violations", options.seeds);
    if violations == 0 && (never.is_empty() || !expects_all) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
