//! How cost grows: accounts, tills, shards, record sizes, sync times. Each study lets one thing grow and ends every run with
//! the exactly-once check; a run that wasn't what it should have been makes its row void.
//!
//! ```text
//!   studies: what grows      in_process, slow_disk: the engine without a socket, on a disk of any speed
//!   table: what came of it   record_sizes: the log alone      scaling: the Universal Scalability Law
//! ```
//!
//! Nothing here asserts a time.

mod in_process;
mod record_sizes;
mod scaling;
mod slow_disk;
mod studies;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use benches::error::PeersError;
use benches::run_folder;
use benches::void::Void;
use clap::{Parser, ValueEnum};
use loadgen::machine::Machine;

use studies::Extent;

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Study {
    /// Accounts: the ledger alone.
    Ledger,
    /// Accounts: latency at half load.
    Latency,
    /// Tills.
    Tills,
    /// Shards and deciding threads.
    Shards,
    /// Record sizes.
    Records,
    /// The time of a durable write.
    Sync,
}

/// Shows how the cost of a debit grows with accounts, tills, shards, record sizes and sync times.
#[derive(Debug, Parser)]
#[command(name = "growth")]
struct Arguments {
    /// Rounds; each figure is the median of them.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Length of each run, seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Numbers of accounts, rising. Ten million take 6 GB and some minutes.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000,10000000")]
    accounts: Vec<u32>,
    /// Numbers of tills, rising.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,64,256,1000,2500,5000")]
    tills: Vec<u32>,
    /// Debits a second in the latency study; half of what the fewest accounts complete when left out.
    #[arg(long)]
    rate: Option<f64>,
    /// Only these studies.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Study>,
    /// One short round of small sizes, to see that it works: its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Directory to make the run's own folder in, on the disk to be measured; the system's temporary one when left out.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Directory in memory, for the studies without a disk.
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    memory: PathBuf,
}

impl Arguments {
    fn extent(&self) -> Result<Extent, PeersError> {
        let bad = |name, reason: &str| Err(PeersError::Argument { name, reason: reason.to_owned() });
        let rising = |sizes: &[u32]| sizes.first() > Some(&0) && sizes.is_sorted_by(|a, b| a < b);
        if self.rounds == 0 {
            return bad("rounds", "must be at least 1");
        }
        if !rising(&self.accounts) {
            return bad("accounts", "must be rising numbers from 1 on");
        }
        if !rising(&self.tills) || self.tills.last() > Some(&8_000) {
            return bad("tills", "must be rising numbers from 1 to 8,000");
        }
        if self.rate.is_some_and(|rate_per_s| !(1.0..=1e8).contains(&rate_per_s)) {
            return bad("rate", "must be from 1 to 100,000,000");
        }
        let measure = match Duration::try_from_secs_f64(self.seconds) {
            Ok(time) if !time.is_zero() => time,
            _ => return bad("seconds", "must be a positive number of seconds"),
        };
        let extent = Extent {
            rounds: self.rounds,
            measure,
            accounts: self.accounts.clone(),
            tills: self.tills.clone(),
            ledger_debits: 2_000_000,
            rate_per_s: self.rate,
        };
        Ok(if self.quick { quick(extent.rate_per_s) } else { extent })
    }

    fn wants(&self, study: Study) -> bool {
        self.only.is_empty() || self.only.contains(&study)
    }
}

fn quick(rate_per_s: Option<f64>) -> Extent {
    Extent {
        rounds: 1,
        measure: Duration::from_millis(400),
        accounts: vec![1_000, 10_000],
        tills: vec![1, 16, 64],
        ledger_debits: 100_000,
        rate_per_s,
    }
}

fn main() -> ExitCode {
    // The server under test is this program again, running what `yika serve` runs.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return engine::cli::program();
    }
    study(&Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("growth: {error}");
        ExitCode::FAILURE
    })
}

fn study(arguments: &Arguments) -> Result<ExitCode, PeersError> {
    let extent = arguments.extent()?;
    engine::limits::open_files::raise().map_err(PeersError::machine("the limit of open files"))?;
    let disk = run_folder::make("growth", arguments.data.as_deref())?;
    let memory = run_folder::make("growth", Some(&arguments.memory))?;
    let Machine { cpu, cpus, kernel, file_system } = Machine::here(Some(disk.path()));
    println!("{cpu}, {cpus} cores, kernel {kernel}, {file_system}; log written through");
    println!(
        "medians (lowest–highest) of {} rounds of {:.1} s\n",
        extent.rounds,
        extent.measure.as_secs_f64()
    );
    let mut voids = Vec::new();
    for wanted in Study::value_variants().iter().filter(|&&study| arguments.wants(study)) {
        let table = match wanted {
            Study::Ledger => studies::ledger(&extent)?,
            Study::Latency => studies::latency(disk.path(), &extent)?,
            Study::Tills => studies::tills(disk.path(), &extent)?,
            Study::Shards => studies::shards(memory.path(), &extent)?,
            Study::Records => studies::records(disk.path(), &extent)?,
            Study::Sync => studies::sync_times(memory.path(), &extent)?,
        };
        println!("{table}");
        voids.extend(table.voids().cloned());
    }
    Ok(Void::exit_code(&voids))
}
